// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>
#include <millrace/base/random.hpp>
#include "unit/connectors/scratch_directory.hpp"

namespace millrace {
namespace {

using test::ScratchDirectory;

TEST_CASE("a manual clock moves only when told to") {
  ManualClock clock(-1);
  CHECK(clock.now() == -1);
  CHECK(clock.monotonicNanos() == 0);
  clock.advance(std::chrono::nanoseconds(1));
  CHECK(clock.now() == -1);
  clock.advance(std::chrono::milliseconds(2));
  CHECK(clock.now() == 1);
  CHECK(clock.monotonicNanos() == 2'000'001);
  clock.set(-10);
  CHECK(clock.now() == -10);
  CHECK(clock.monotonicNanos() == 2'000'001);
}

TEST_CASE("the system clock knows this century and does not go back") {
  CHECK(systemClock().now() > 1'600'000'000'000);
  const std::int64_t before = systemClock().monotonicNanos();
  CHECK(systemClock().monotonicNanos() >= before);
}

TEST_CASE("random numbers are those of the published generators") {
  // splitmix64 of seed 0 seeds the state; the first outputs of xoshiro256** follow.
  Random random(0);
  CHECK(random.next() == 0x99ec5f36cb75f2b4ULL);
  CHECK(random.next() == 0xbf6e1f784956452aULL);
}

TEST_CASE("random numbers stay in their range and reach its ends") {
  Random random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) {
    ++seen[random.below(5)];
    const std::int64_t value = random.between(-2, 2);
    CHECK((value >= -2 && value <= 2));
    const double unit = random.unit();
    CHECK((unit >= 0 && unit < 1));
    CHECK_FALSE(random.chance(0));
    CHECK(random.chance(1));
  }
  for (const int count : seen) CHECK(count > 100);
  CHECK(random.between(5, 5) == 5);
  random.between(INT64_MIN, INT64_MAX);
}

TEST_CASE("files are written, appended to, read back, renamed and removed") {
  ScratchDirectory directory;
  FileSystem& files = posixFileSystem();
  const std::string path = directory / "x/y/file";
  REQUIRE(files.makeDirs(directory / "x/y").ok());
  REQUIRE(files.makeDirs(directory / "x/y").ok());
  auto file = files.openWrite(path, WriteMode::kCreateNew).value();
  REQUIRE(file->append("hello ").ok());
  REQUIRE(file->sync().ok());
  REQUIRE(file->close().ok());
  CHECK(absl::IsAlreadyExists(files.openWrite(path, WriteMode::kCreateNew).status()));
  REQUIRE(files.openWrite(path, WriteMode::kAppend).value()->append("world").ok());

  char bytes[20];
  auto reader = files.openRead(path).value();
  CHECK(reader->readAt(6, bytes, sizeof bytes).value() == 5);
  CHECK(std::string_view(bytes, 5) == "world");
  CHECK(reader->readAt(100, bytes, sizeof bytes).value() == 0);
  CHECK(files.stat(path)->size == 11);
  CHECK(files.stat(directory.path())->kind == FileKind::kDirectory);

  REQUIRE(files.rename(path, directory / "moved").ok());
  REQUIRE(files.syncDirectory(directory.path()).ok());
  CHECK(files.list(directory.path()).value() == std::vector<std::string>{"moved", "x"});
  REQUIRE(files.remove(directory / "moved").ok());
  CHECK(absl::IsNotFound(files.remove(directory / "moved")));
  CHECK(files.openWrite(path, WriteMode::kTruncate).ok());
  CHECK(files.stat(path)->size == 0);
}

TEST_CASE("errors of files name the path, the reason and a hint") {
  FileSystem& files = posixFileSystem();
  CHECK(files.openRead("/no/such").status() ==
        absl::NotFoundError("cannot open /no/such: No such file or directory (check the path)"));
  CHECK(files.list("/dev/null").status() ==
        absl::InvalidArgumentError(
            "cannot list /dev/null: Not a directory (a part of the path is a file)"));
  char byte = 0;
  CHECK(files.openRead("/").value()->readAt(0, &byte, 1).status() ==
        absl::InvalidArgumentError("cannot read /: Is a directory (a file is wanted here)"));
  auto full = files.openWrite("/dev/full", WriteMode::kAppend).value();
  CHECK(absl::IsResourceExhausted(full->append("x")));
}

TEST_CASE("a stream tells whether reading would wait") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto stream = inputFromDescriptor(ends[0], "<pipe>");
  CHECK_FALSE(stream->waitReadable(std::chrono::milliseconds(0)).value());
  REQUIRE(outputToDescriptor(ends[1], "<pipe>")->append("ab").ok());
  CHECK(stream->waitReadable(std::chrono::milliseconds(0)).value());
  char bytes[8];
  CHECK(stream->read(bytes, sizeof bytes).value() == 2);
  ::close(ends[1]);
  CHECK(stream->waitReadable(std::chrono::milliseconds(0)).value());
  CHECK(stream->read(bytes, sizeof bytes).value() == 0);
  ::close(ends[0]);
}

}  // namespace
}  // namespace millrace
