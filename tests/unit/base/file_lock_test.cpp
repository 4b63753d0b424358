// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <millrace/base/file_system.hpp>

#include "unit/connectors/scratch_directory.hpp"

namespace millrace {
namespace {

using test::ScratchDirectory;

TEST_CASE("A locked file is refused to a second holder, who is told of the first") {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/LOCK";
  auto first = posixFileSystem().lock(path, "job 'a' since noon, or even a little longer");
  REQUIRE(first.ok());
  const Status second = posixFileSystem().lock(path, "job 'b'").status();
  CHECK(absl::IsFailedPrecondition(second));
  CHECK(second.message() == path + " is locked by job 'a' since noon, or even a little longer");
  first->reset();
  auto third = posixFileSystem().lock(path, "job 'b'");
  REQUIRE(third.ok());
  CHECK(posixFileSystem().lock(path, "").status().message() == path + " is locked by job 'b'");
}

TEST_CASE("A file is cut to its first bytes") {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/file";
  FileSystem& files = posixFileSystem();
  REQUIRE((*files.openWrite(path, WriteMode::kCreateNew))->append("12345").ok());
  CHECK(files.truncate(path, 2).ok());
  CHECK(files.stat(path)->size == 2);
  CHECK(absl::IsNotFound(files.truncate(path + "2", 0)));
}

}  // namespace
}  // namespace millrace
