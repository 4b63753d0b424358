// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/part_file_writer.hpp>

#include <catch2/catch.hpp>

#include "unit/connectors/scratch_directory.hpp"

namespace millrace {
namespace {

using test::ScratchDirectory;
using Names = std::vector<std::string>;

PartFileOptions into(const std::string& directory, std::uint32_t subtask = 0) {
  PartFileOptions options;
  options.directory = directory;
  options.subtask = subtask;
  return options;
}

Names listOf(const std::string& directory) {
  const auto names = posixFileSystem().list(directory);
  REQUIRE(names.ok());
  return *names;
}

TEST_CASE("a part is hidden until it is whole") {
  ScratchDirectory directory;
  const std::string out = directory / "a/b";
  auto writer = PartFileWriter::open(posixFileSystem(), into(out, 3)).value();
  CHECK(listOf(out).empty());
  REQUIRE(writer->write("one\ntwo\n").ok());
  CHECK(listOf(out) == Names{".part-00003-00000.ndjson.inprogress"});
  CHECK(directory.get("a/b/.part-00003-00000.ndjson.inprogress").empty());
  REQUIRE(writer->flush().ok());
  CHECK(directory.get("a/b/.part-00003-00000.ndjson.inprogress") == "one\ntwo\n");
  CHECK(writer->finishedLines() == 0);
  REQUIRE(writer->close().ok());
  CHECK(listOf(out) == Names{"part-00003-00000.ndjson"});
  CHECK(directory.get("a/b/part-00003-00000.ndjson") == "one\ntwo\n");
  CHECK(writer->finishedLines() == 2);
  CHECK(writer->close().ok());
}

TEST_CASE("parts roll at a size") {
  ScratchDirectory directory;
  PartFileOptions options = into(directory.path());
  options.rollBytes = 10;
  options.bufferBytes = 4;
  auto writer = PartFileWriter::open(posixFileSystem(), options).value();
  for (int i = 0; i < 5; ++i) REQUIRE(writer->write("12345\n").ok());
  REQUIRE(writer->close().ok());
  CHECK(listOf(directory.path()) ==
        Names{"part-00000-00000.ndjson", "part-00000-00001.ndjson", "part-00000-00002.ndjson"});
  CHECK(directory.get("part-00000-00000.ndjson") == "12345\n12345\n");
  CHECK(directory.get("part-00000-00002.ndjson") == "12345\n");
}

TEST_CASE("parts of earlier runs stay, also those a crash left hidden") {
  ScratchDirectory directory;
  directory.put("part-00000-00004.ndjson", "old\n");
  directory.put(".part-00000-00007.ndjson.inprogress", "crashed\n");
  directory.put("part-00001-00099.ndjson", "other subtask\n");
  auto writer = PartFileWriter::open(posixFileSystem(), into(directory.path())).value();
  REQUIRE(writer->write("new\n").ok());
  REQUIRE(writer->close().ok());
  CHECK(directory.get("part-00000-00008.ndjson") == "new\n");
  CHECK(directory.get("part-00000-00004.ndjson") == "old\n");
  CHECK(directory.get(".part-00000-00007.ndjson.inprogress") == "crashed\n");
}

TEST_CASE("a name that another process took since is left to it") {
  ScratchDirectory directory;
  auto writer = PartFileWriter::open(posixFileSystem(), into(directory.path())).value();
  directory.put("part-00000-00000.ndjson", "theirs\n");
  directory.put(".part-00000-00001.ndjson.inprogress", "theirs too\n");
  REQUIRE(writer->write("mine\n").ok());
  REQUIRE(writer->close().ok());
  CHECK(directory.get("part-00000-00000.ndjson") == "theirs\n");
  CHECK(directory.get("part-00000-00002.ndjson") == "mine\n");
  CHECK(listOf(directory.path()).size() == 3);
}

/// The disk's files, where every write goes to /dev/full.
class FullDisk final : public FileSystem {
 public:
  StatusOr<std::unique_ptr<WritableFile>> openWrite(const std::string& path,
                                                    WriteMode mode) override {
    MILLRACE_RETURN_IF_ERROR(real_.openWrite(path, mode).status());
    return real_.openWrite("/dev/full", WriteMode::kAppend);
  }
  StatusOr<std::unique_ptr<RandomAccessFile>> openRead(const std::string& path) override {
    return real_.openRead(path);
  }
  StatusOr<std::unique_ptr<InputStream>> openStream(const std::string& path) override {
    return real_.openStream(path);
  }
  std::unique_ptr<InputStream> standardInput() override { return real_.standardInput(); }
  std::unique_ptr<WritableFile> standardOutput() override { return real_.standardOutput(); }
  StatusOr<FileInfo> stat(const std::string& path) override { return real_.stat(path); }
  StatusOr<Names> list(const std::string& path) override { return real_.list(path); }
  Status makeDirs(const std::string& path) override { return real_.makeDirs(path); }
  Status rename(const std::string& from, const std::string& to) override {
    return real_.rename(from, to);
  }
  Status remove(const std::string& path) override { return real_.remove(path); }
  Status syncDirectory(const std::string& path) override { return real_.syncDirectory(path); }

 private:
  FileSystem& real_ = posixFileSystem();
};

TEST_CASE("a full disk is an error that says what is lost, and stays one") {
  ScratchDirectory directory;
  FullDisk disk;
  auto writer = PartFileWriter::open(disk, into(directory.path())).value();
  REQUIRE(writer->write("one\ntwo\nthree\n").ok());
  const Status closed = writer->close();
  CHECK(absl::IsResourceExhausted(closed));
  CHECK(closed.message() ==
        "cannot write /dev/full: No space left on device (free some space), 0 of 14 bytes "
        "written; 3 lines of " +
            (directory / "part-00000-00000.ndjson") + " are not in a finished file");
  CHECK(writer->write("four\n") == closed);
  CHECK(writer->close() == closed);
  CHECK(listOf(directory.path()) == Names{".part-00000-00000.ndjson.inprogress"});
}

TEST_CASE("a directory that cannot be made is an error") {
  ScratchDirectory directory;
  directory.put("file", "");
  const auto under = PartFileWriter::open(posixFileSystem(), into(directory / "file/out"));
  CHECK(absl::IsInvalidArgument(under.status()));
  const auto same = PartFileWriter::open(posixFileSystem(), into(directory / "file"));
  CHECK(absl::IsInvalidArgument(same.status()));
}

}  // namespace
}  // namespace millrace
