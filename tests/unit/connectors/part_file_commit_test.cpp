// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/part_file_writer.hpp>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <millrace/base/random.hpp>
#include <millrace/testing/simulated_files.hpp>
#include "unit/connectors/scratch_directory.hpp"

namespace millrace {
namespace {

using test::ScratchDirectory;
using testing::FileFault;
using testing::SimulatedFiles;
using Names = std::vector<std::string>;

std::unique_ptr<PartFileWriter> openWriter(FileSystem& files, const std::string& directory,
                                           const PartFileRun& run, std::uint32_t subtask = 0,
                                           std::uint64_t rollBytes = 1 << 20) {
  PartFileOptions options;
  options.directory = directory;
  options.subtask = subtask;
  options.rollBytes = rollBytes;
  options.run = run;
  return PartFileWriter::open(files, options).value();
}

PartFileRun beginRun(const std::string& directory, std::string_view sink = "out") {
  return beginPartFileRun(posixFileSystem(), directory, "job", sink).value();
}

std::string prepare(PartFileWriter& writer) {
  std::string prepared;
  ByteWriter out(prepared);
  REQUIRE(writer.prepare(out).ok());
  return prepared;
}

/// What others see in a directory.
Names shownIn(const std::string& directory) {
  Names names = posixFileSystem().list(directory).value();
  std::erase_if(names, [](const std::string& name) { return name.front() == '.'; });
  return names;
}

TEST_CASE("the parts of an epoch are seen when it is committed, not before") {
  ScratchDirectory directory;
  const std::string out = directory / "a/b";
  auto writer = openWriter(posixFileSystem(), out, beginRun(out), 3, 10);
  for (int i = 0; i < 5; ++i) REQUIRE(writer->write("12345\n").ok());
  const std::string prepared = prepare(*writer);
  CHECK(prepared.find(directory.path()) == std::string::npos);
  REQUIRE(writer->write("next\n").ok());
  CHECK(shownIn(out).empty());
  REQUIRE(persistParts(posixFileSystem(), out, prepared).ok());
  CHECK(shownIn(out).empty());
  const Names parts{"part-00003-00001-00000.ndjson", "part-00003-00001-00001.ndjson",
                    "part-00003-00001-00002.ndjson"};
  for (int again = 0; again < 2; ++again) {
    REQUIRE(commitParts(posixFileSystem(), out, prepared).ok());
    CHECK(shownIn(out) == parts);
    CHECK(directory.get("a/b/" + parts[0]) == "12345\n12345\n");
    CHECK(directory.get("a/b/" + parts[2]) == "12345\n");
  }
}

TEST_CASE("an epoch without records prepares nothing and makes no file") {
  ScratchDirectory directory;
  auto writer = openWriter(posixFileSystem(), directory.path(), beginRun(directory.path()));
  CHECK(prepare(*writer).empty());
  CHECK(posixFileSystem().list(directory.path()).value() == Names{".millrace-run-00001"});
  CHECK(persistParts(posixFileSystem(), directory.path(), "").ok());
  CHECK(commitParts(posixFileSystem(), directory.path(), "").ok());
  CHECK(writer->close().ok());
}

TEST_CASE("results that no checkpoint holds are an error at the end, not lost in silence") {
  ScratchDirectory directory;
  auto writer = openWriter(posixFileSystem(), directory.path(), beginRun(directory.path()));
  REQUIRE(writer->write("one\n").ok());
  const Status closed = writer->close();
  CHECK(absl::IsInternal(closed));
  CHECK(closed.message() == "the job ended and no checkpoint holds its last results; 1 lines of " +
                                (directory / "part-00000-00001-00000.ndjson") +
                                " are not in a finished file");
}

TEST_CASE("a new run removes what the same sink left hidden, and nothing else") {
  ScratchDirectory directory;
  const PartFileRun mine = beginRun(directory.path());
  const PartFileRun others = beginRun(directory.path(), "late");
  CHECK(others.number == 2);
  auto writer = openWriter(posixFileSystem(), directory.path(), mine);
  auto other = openWriter(posixFileSystem(), directory.path(), others);
  REQUIRE(writer->write("one\n").ok());
  REQUIRE(other->write("theirs\n").ok());
  directory.put(".part-00000-00007.ndjson.inprogress", "of a job without checkpoints\n");
  CHECK(beginRun(directory.path()).number == 3);
  CHECK(posixFileSystem().list(directory.path()).value() ==
        Names{".millrace-run-00003",
              ".part-00000-00002-00000.ndjson." + others.owner + ".inprogress",
              ".part-00000-00007.ndjson.inprogress"});
}

TEST_CASE("names are not used again, also when finished parts have been taken away") {
  ScratchDirectory directory;
  for (int run = 1; run < 4; ++run) {
    auto writer = openWriter(posixFileSystem(), directory.path(), beginRun(directory.path()));
    REQUIRE(writer->write("one\n").ok());
    REQUIRE(commitParts(posixFileSystem(), directory.path(), prepare(*writer)).ok());
    const std::string name = "part-00000-0000" + std::to_string(run) + "-00000.ndjson";
    CHECK(shownIn(directory.path()) == Names{name});
    REQUIRE(posixFileSystem().remove(directory / name).ok());
  }
}

TEST_CASE("a part that is gone is told, before its commit and after") {
  ScratchDirectory directory;
  auto writer = openWriter(posixFileSystem(), directory.path(), beginRun(directory.path()));
  REQUIRE(writer->write("one\n").ok());
  const std::string prepared = prepare(*writer);
  const Names names = posixFileSystem().list(directory.path()).value();
  for (const std::string& name : names) {
    if (name.starts_with(".part-")) REQUIRE(posixFileSystem().remove(directory / name).ok());
  }
  CHECK(absl::IsAborted(persistParts(posixFileSystem(), directory.path(), prepared)));
  CHECK(shownIn(directory.path()).empty());
  const Status committed = commitParts(posixFileSystem(), directory.path(), prepared);
  CHECK(absl::IsDataLoss(committed));
  CHECK(committed.message() ==
        "the part file " + (directory / "part-00000-00001-00000.ndjson") +
            " of a committed checkpoint is there neither under its name nor hidden (was it moved "
            "away, or does the sink write to another directory now? put it back, or an empty file "
            "of that name if its lines have been taken over elsewhere)");
}

TEST_CASE("damaged names of parts are refused, and never lead out of the directory") {
  ScratchDirectory directory;
  auto writer = openWriter(posixFileSystem(), directory.path(), beginRun(directory.path()));
  REQUIRE(writer->write("one\n").ok());
  const std::string good = prepare(*writer);
  for (std::size_t size = 1; size < good.size(); ++size) {
    CHECK(absl::IsDataLoss(commitParts(posixFileSystem(), directory.path(), good.substr(0, size))));
  }
  std::string path;
  ByteWriter out(path);
  out.bytes("P1");
  for (const std::string_view name : {"a/../../x", "y"}) {
    out.length(name.size());
    out.bytes(name);
  }
  CHECK(absl::IsDataLoss(commitParts(posixFileSystem(), directory.path(), path)));
}

/// A job of one sink, as far as the sink sees it: lines 0, 1, 2, ... in epochs. What is committed
/// is remembered outside of the simulated disk.
class Job {
 public:
  explicit Job(std::uint64_t seed) : random_(seed), files_(seed) {}

  SimulatedFiles& files() { return files_; }

  /// Runs until `lines` are committed, and fails on the way as often as it is told to.
  void run(std::uint64_t lines) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
      const Status done = runOnce(lines);
      checkShown(false);
      if (done.ok()) return checkShown(true);
      ++failures_;
      if (files_.isDown() || random_.chance(0.5)) {
        files_.crash();
      } else {
        files_.kill();
      }
    }
    FAIL("it never ended");
  }

  int failures() const { return failures_; }

 private:
  Status runOnce(std::uint64_t lines) {
    for (const std::string& prepared : prepared_) {
      MILLRACE_RETURN_IF_ERROR(commitParts(files_, kDirectory, prepared));
    }
    checkShown(true);
    MILLRACE_ASSIGN_OR_RETURN(const PartFileRun run,
                              beginPartFileRun(files_, kDirectory, "job", "out"));
    std::vector<std::unique_ptr<PartFileWriter>> writers;
    for (std::uint32_t i = 0; i <= random_.below(3); ++i) {
      PartFileOptions options{kDirectory, i, 1 + random_.below(40), 1 + random_.below(40), run};
      MILLRACE_ASSIGN_OR_RETURN(writers.emplace_back(), PartFileWriter::open(files_, options));
    }
    while (committed_ < lines) MILLRACE_RETURN_IF_ERROR(runEpoch(writers, lines));
    for (const auto& writer : writers) MILLRACE_RETURN_IF_ERROR(writer->close());
    return absl::OkStatus();
  }

  Status runEpoch(std::vector<std::unique_ptr<PartFileWriter>>& writers, std::uint64_t lines) {
    const std::uint64_t end = std::min(lines, committed_ + random_.below(12));
    for (std::uint64_t line = committed_; line < end; ++line) {
      PartFileWriter& writer = *writers[random_.below(writers.size())];
      MILLRACE_RETURN_IF_ERROR(writer.write(std::to_string(line) + "\n"));
      if (random_.chance(0.2)) MILLRACE_RETURN_IF_ERROR(writer.flush());
    }
    Names prepared;
    for (const auto& writer : writers) {
      ByteWriter out(prepared.emplace_back());
      MILLRACE_RETURN_IF_ERROR(writer->prepare(out));
    }
    for (const std::string& each : prepared) {
      MILLRACE_RETURN_IF_ERROR(persistParts(files_, kDirectory, each));
    }
    if (random_.chance(0.1)) return absl::AbortedError("killed before the commit");
    prepared_ = std::move(prepared);
    committed_ = end;
    if (random_.chance(0.1)) return absl::AbortedError("killed after the commit");
    for (const std::string& each : prepared_) {
      MILLRACE_RETURN_IF_ERROR(commitParts(files_, kDirectory, each));
    }
    return absl::OkStatus();
  }

  /// Others see committed lines only, each once; all of them once a commit is finished.
  void checkShown(bool all) {
    std::vector<std::uint64_t> shown;
    for (const std::string& path : files_.paths()) {
      if (path.find("/part-") == path.npos) continue;
      std::istringstream in(files_.contents(path));
      for (std::string line; std::getline(in, line);) shown.push_back(std::stoull(line));
    }
    std::sort(shown.begin(), shown.end());
    REQUIRE(std::adjacent_find(shown.begin(), shown.end()) == shown.end());
    REQUIRE((shown.empty() || shown.back() < committed_));
    if (all) REQUIRE(shown.size() == committed_);
  }

  static constexpr const char* kDirectory = "out/deep";

  Random random_;
  SimulatedFiles files_;
  std::uint64_t committed_ = 0;
  Names prepared_;  // of the last commit
  int failures_ = 0;
};

constexpr FileFault kFaults[] = {FileFault::kFullDisk, FileFault::kSyncFails, FileFault::kIoError,
                                 FileFault::kCrash};

TEST_CASE("whichever operation fails, every line is in a finished part exactly once") {
  for (const FileFault fault : kFaults) {
    int failures = 0;
    for (std::uint64_t operation = 0; operation < 150; ++operation) {
      CAPTURE(fault, operation);
      Job job(operation % 10);
      job.files().failAt(operation, fault);
      job.run(30);
      failures += job.failures();
    }
    CHECK(failures > 100);
  }
}

TEST_CASE("however many operations fail, every line is in a finished part exactly once") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    Job job(seed);
    Random random(seed + 1000);
    for (int i = 0; i < 20; ++i) job.files().failAt(random.below(600), kFaults[random.below(4)]);
    job.run(60);
  }
}

}  // namespace
}  // namespace millrace
