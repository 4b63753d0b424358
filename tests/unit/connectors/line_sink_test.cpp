// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include <millrace/connectors/collection/collection.hpp>
#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/dsl/pipeline.hpp>
#include <millrace/job/job.hpp>

#include "scratch_directory.hpp"

namespace millrace {
namespace {

TEST_CASE("strings are lines as they are, and other records need a format") {
  STATIC_REQUIRE(SinkFor<decltype(toStdout()), std::string>);
  STATIC_REQUIRE(SinkFor<decltype(toFiles("out")), std::string>);
  STATIC_REQUIRE_FALSE(SinkFor<decltype(toStdout()), int>);
  STATIC_REQUIRE_FALSE(SinkFor<decltype(toFiles("out")), std::vector<char>>);
}

TEST_CASE("a file of strings has a line for each") {
  const test::ScratchDirectory scratch;
  Pipeline pipeline("lines");
  pipeline.source("in", collection(std::vector<std::string>{"one", "", "three"}), noWatermarks())
      .sink("out", toFiles(scratch / "out"));
  JobOptions options;
  options.workers = 1;
  REQUIRE(run(pipeline, options).ok());
  REQUIRE(scratch.get("out/part-00000-00000.ndjson") == "one\n\nthree\n");
}

}  // namespace
}  // namespace millrace
