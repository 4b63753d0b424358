// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "pipeline/sales.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST_CASE("counts in tumbling windows are the same however they are run") {
  requireSameHoweverRun([](const auto& sales, const auto& rows) {
    sales.keyBy(&Sale::shop)
        .window(tumbling(1s))
        .aggregate("counts", count())
        .map([](const auto& result) { return rowOf(result); })
        .sink("out", collectInto(rows));
  });
}

TEST_CASE("sums in sliding windows are the same however they are run") {
  requireSameHoweverRun([](const auto& sales, const auto& rows) {
    sales.filter([](const Sale& sale) { return sale.cents >= 0; })
        .keyBy(&Sale::product)
        .window(sliding(3s, 700ms))
        .aggregate("sums", sum(&Sale::cents))
        .map([](const auto& result) { return rowOf(result); })
        .sink("out", collectInto(rows));
  });
}

TEST_CASE("sessions are the same however they are run") {
  requireSameHoweverRun([](const auto& sales, const auto& rows) {
    sales.keyBy(&Sale::product)
        .window(session(400ms))
        .aggregate("sessions", count())
        .map([](const auto& result) { return rowOf(result); })
        .sink("out", collectInto(rows));
  });
}

}  // namespace
}  // namespace millrace
