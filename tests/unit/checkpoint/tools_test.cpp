// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <fstream>

#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/connectors/generator/generator.hpp>
#include <millrace/millrace.hpp>

#include "scratch.hpp"
#include "tools/commands.hpp"
#include "tools/report.hpp"
#include "unit/checkpoint/golden_content.hpp"
#include "unit/checkpoint/store_model.hpp"

namespace millrace {
namespace {

using namespace test;
using testing::SimulatedFiles;
using tools::Outcome;
using tools::runMillrace;

void fill(SimulatedFiles& files, const std::string& directory, std::uint64_t epochs) {
  CheckpointStore::Options options = goldenOptions(directory);
  options.segmentBytes = CheckpointStore::kDefaultSegmentBytes;
  const auto store = CheckpointStore::open(files, options);
  REQUIRE(store.ok());
  REQUIRE((*store)->begin(goldenStates()).ok());
  for (std::uint64_t number = 1; number <= epochs; ++number) {
    REQUIRE((*store)->append(goldenEpoch(number)).ok());
  }
  if (epochs == 2) REQUIRE((*store)->writeSavepoint("saved").ok());
}

TEST_CASE("inspect shows epochs, states and positions") {
  SimulatedFiles files(1);
  fill(files, "state", 2);
  const Outcome outcome = runMillrace(files, {"inspect", "state"});
  CHECK(outcome.exitCode == 0);
  CHECK(outcome.out ==
        "state: state of job 'event-count'\n"
        "  epoch 2 of run 1, completed at 2025-12-12T10:30:02.000Z\n"
        "  128 key groups, log 827 B, base 0 B\n"
        "states\n"
        "  per-type / count: value of i64 by string, 3 entries, keys 20 B, values 24 B\n"
        "  per-type / slices: window slices of i64 by string, 2 entries, keys 26 B, values 16 B\n"
        "positions\n"
        "  events #0: offset 200\n"
        "epochs in the log\n"
        "  1 of run 1 at 2025-12-12T10:30:01.000Z: 3 operations, 90 B\n"
        "  2 of run 1 at 2025-12-12T10:30:02.000Z: 3 operations, 90 B\n");
  const Outcome json = runMillrace(files, {"inspect", "--json", "saved"});
  CHECK(json.exitCode == 0);
  CHECK(json.out.starts_with(
      R"({"directory":"saved","kind":"savepoint","job":"event-count","key_groups":128,)"
      R"("runs":1,"epoch":2,"completed_at":"2025-12-12T10:30:02.000Z")"));
  CHECK(json.out.ends_with("\"log\":[],\"retained\":[]}\n"));
}

TEST_CASE("inspect shows how far sources have come, if they are of a kind it knows") {
  Scratch scratch;
  std::ofstream(scratch / "input.txt") << "one\ntwo\nthree\n";
  GeneratorOptions generated;
  generated.count = 1'000;
  const auto number = [](std::uint64_t i) { return i; };
  const auto format = [](const auto&, std::string& out) { out += "x"; };
  Pipeline pipeline("reading");
  pipeline.source("lines", file<std::string>(scratch / "input.txt"), noWatermarks())
      .sink("a", toFiles(scratch / "a"));
  pipeline.source("numbers", generator<std::uint64_t>(number, generated), noWatermarks())
      .keyBy([](const std::uint64_t& n) { return n % 7; })
      .process<std::uint64_t>("counting",
                              [](const std::uint64_t& n, auto& context) { context.emit(n); })
      .sink("b", toFiles(scratch / "b", format));
  pipeline.source("values", collection<int>({1, 2, 3, 4}), noWatermarks())
      .sink("c", toFiles(scratch / "c", format));
  JobOptions options;
  options.workers = 2;
  options.checkpoints.directory = scratch / "state";
  REQUIRE(run(pipeline, options).ok());
  const Outcome text = runMillrace(posixFileSystem(), {"inspect", scratch / "state"});
  INFO(text.out);
  REQUIRE(text.exitCode == 0);
  CHECK_THAT(text.out,
             Catch::Contains("  lines: no event time yet\n    input.txt: 14 of 14 bytes\n"));
  CHECK_THAT(text.out,
             Catch::Contains("  numbers: no event time yet\n    generator: 1000 records\n"));
  CHECK_THAT(text.out, Catch::Contains("  values: no event time yet\n    collection: 4 records\n"));
  CHECK_THAT(text.out, Catch::Contains("  counting #0: "));  // no source
  const Outcome json = runMillrace(posixFileSystem(), {"inspect", "--json", scratch / "state"});
  CHECK_THAT(json.out,
             Catch::Contains(
                 "\"kind\":\"files\",\"read\":[{\"file\":\"input.txt\",\"bytes\":14,\"of\":14}]") &&
                 Catch::Contains("\"kind\":\"generator\",\"read\":[{\"records\":1000}]"));
}

TEST_CASE("verify and diff answer by their exit code") {
  SimulatedFiles files(1);
  fill(files, "state", 2);
  fill(files, "later", 3);
  CHECK(runMillrace(files, {"verify", "state"}).exitCode == 0);
  CHECK(runMillrace(files, {"diff", "state", "saved"}).exitCode == 0);
  const Outcome diff = runMillrace(files, {"diff", "state", "later"});
  CHECK(diff.exitCode == 1);
  CHECK(diff.out ==
        "per-type / count: 1 changed, 1 only in the first, 1 only in the second, 1 the same\n"
        "per-type / slices: 0 changed, 2 only in the first, 1 only in the second, 0 the same\n");
  std::string base = files.contents("saved/base/000001.base");
  base[60] = static_cast<char>(base[60] ^ 4);
  files.setContents("saved/base/000001.base", base);
  const Outcome damaged = runMillrace(files, {"verify", "saved"});
  CHECK(damaged.exitCode == 1);
  CHECK(damaged.error.find("saved/base/000001.base is damaged at byte 16") != std::string::npos);
}

TEST_CASE("A wrong command line is told with the nearest command") {
  SimulatedFiles files(1);
  const Outcome wrong = runMillrace(files, {"inspekt", "x"});
  CHECK(wrong.exitCode == 2);
  CHECK(wrong.error ==
        "millrace: there is no command 'inspekt' (did you mean inspect?)\nmillrace --help lists "
        "the commands\n");
  CHECK(runMillrace(files, {}).exitCode == 2);
  CHECK(runMillrace(files, {"verify"}).exitCode == 2);
  CHECK(runMillrace(files, {"inspect", "x", "--jsn"}).exitCode == 2);
  CHECK(runMillrace(files, {"inspect", "x"}).exitCode == 1);
  const Outcome help = runMillrace(files, {"--help"});
  CHECK(help.exitCode == 0);
  CHECK(help.out.starts_with("Example: millrace inspect"));
  CHECK(runMillrace(files, {"diff", "--help"}).out.find("another one") != std::string::npos);
  const Outcome version = runMillrace(files, {"--version"});
  CHECK(version.exitCode == 0);
  CHECK_THAT(
      version.out,
      Catch::Matches(
          "millrace \\(millrace\\) [0-9.]+, commit [0-9a-z]+\n"
          "librdkafka: [0-9]+\\.[0-9]+\\.[0-9]+[^\n]*\nRocksDB: [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_CASE("Bytes and sizes are shown readably") {
  CHECK(tools::readable(std::string_view("a\\b\0\xff", 5), 100) == "a\\x5cb\\x00\\xff");
  CHECK(tools::readable("abcdef", 3) == "abc... (6 bytes)");
  CHECK(tools::readableSize(1023) == "1023 B");
  CHECK(tools::readableSize(1536) == "1.5 KiB");
}

}  // namespace
}  // namespace millrace
