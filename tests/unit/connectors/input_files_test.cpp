// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/input_files.hpp>

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "unit/connectors/memory_files.hpp"
#include "unit/connectors/scratch_directory.hpp"

namespace millrace {
namespace {

using test::MemoryFiles;
using test::ScratchDirectory;

std::vector<std::string> namesIn(const ScratchDirectory& directory, const std::string& path) {
  const auto found = findInputFiles(posixFileSystem(), path);
  REQUIRE(found.ok());
  std::vector<std::string> names;
  for (const InputFile& file : *found) {
    names.push_back(file.path.substr(directory.path().size() + 1));
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("a directory stands for its visible data files in order of name") {
  ScratchDirectory directory;
  for (const char* name :
       {"b.ndjson", "a.json.gz", "c.jsonl.zst", "d.log", "e.txt", "x.csv", "x.gz", ".hidden.json",
        "_marker.json", "sub/f.json", "g.json.bak", ".part-00000-00000.ndjson.inprogress"}) {
    directory.put(name, "{}\n");
  }
  ::mkdir((directory / "dir.json").c_str(), 0755);
  const Names expected{"a.json.gz", "b.ndjson", "c.jsonl.zst", "d.log", "e.txt"};
  CHECK(namesIn(directory, directory.path()) == expected);
  CHECK(namesIn(directory, directory.path() + "/").size() == expected.size());
}

TEST_CASE("a file is taken whatever its name") {
  ScratchDirectory directory;
  directory.put("_odd", "12345");
  directory.put("[x].json", "");
  const auto found = findInputFiles(posixFileSystem(), directory / "_odd");
  REQUIRE(found.ok());
  CHECK(found->front().size == 5);
  CHECK(found->front().kind == InputKind::kPlain);
  CHECK(namesIn(directory, directory / "[x].json") == Names{"[x].json"});
}

TEST_CASE("a glob matches within the components of a path") {
  ScratchDirectory directory;
  for (const char* name : {"h1/a.log", "h1/b.log", "h2/a.log", "h2/.c.log", "x/a.log", "a.log"}) {
    directory.put(name, "");
  }
  CHECK(namesIn(directory, directory / "h?/*.log") == Names{"h1/a.log", "h1/b.log", "h2/a.log"});
  CHECK(namesIn(directory, directory / "*") == Names{"a.log"});
  CHECK(namesIn(directory, directory / "h[2-9]/a.*") == Names{"h2/a.log"});
  CHECK(namesIn(directory, directory / "*/a.log") == Names{"h1/a.log", "h2/a.log", "x/a.log"});
}

TEST_CASE("what holds no input is an error that names it") {
  ScratchDirectory directory;
  directory.put("x.csv", "");
  const auto messageOf = [](const std::string& path) {
    const auto found = findInputFiles(posixFileSystem(), path);
    REQUIRE(absl::IsNotFound(found.status()));
    return std::string(found.status().message());
  };
  CHECK(messageOf(directory / "none") ==
        "cannot open " + (directory / "none") + ": No such file or directory (check the path)");
  CHECK(messageOf(directory.path()).find("no input file in directory " + directory.path()) == 0);
  CHECK(messageOf(directory / "*.json") == "no file matches " + (directory / "*.json"));
  CHECK(messageOf(directory / "no/such/*.json").find("no file matches") == 0);
  CHECK(absl::IsInvalidArgument(findInputFiles(posixFileSystem(), "").status()));
}

TEST_CASE("a file that cannot be read is found at once") {
  MemoryFiles files;
  files.contents["/d/a.json"] = files.contents["/d/b.json"] = "{}";
  files.refusedOpen["/d/b.json"] =
      absl::PermissionDeniedError("cannot open /d/b.json: Permission denied");
  for (const std::string path : {"/d", "/d/b.json", "/d/*.json"}) {
    const auto found = findInputFiles(files, path);
    CHECK(absl::IsPermissionDenied(found.status()));
    CHECK(found.status().message() == "cannot open /d/b.json: Permission denied");
  }
  CHECK(findInputFiles(files, "/d/a.json").ok());
}

TEST_CASE("a named pipe is a stream and is not waited for") {
  ScratchDirectory directory;
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  const auto found = findInputFiles(posixFileSystem(), directory / "pipe");
  REQUIRE(found.ok());
  CHECK(found->front().kind == InputKind::kStream);
}

}  // namespace
}  // namespace millrace
