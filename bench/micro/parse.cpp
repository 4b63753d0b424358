// SPDX-License-Identifier: MIT
// One line of JSON into a struct, and one time stamp.
#include "common/user_event.hpp"

#include <millrace/formats/json_reader.hpp>
#include <millrace/time/rfc3339.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::bench {
namespace {

constexpr std::string_view kLine =
    R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"purchase","user_id":"user_123",)"
    R"("version":"1.0","data":{"product_id":"prod_456","amount":99.99,"currency":"USD",)"
    R"("session_id":"session_789","device":"mobile","browser":"chrome"}})";

template <typename Event>
void parseJson(benchmark::State& state) {
  std::string padded(kLine);
  padded.append(kJsonPadding, '\0');
  const std::string_view line(padded.data(), kLine.size());
  JsonReader<Event> reader;
  Event event;
  DecodeError error;
  for (auto _ : state) {
    if (!reader.decode(line, event, error)) return state.SkipWithError("the line is refused");
    benchmark::DoNotOptimize(event.timestamp);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kLine.size()));
}
BENCHMARK_TEMPLATE(parseJson, examples::UserEvent);
BENCHMARK_TEMPLATE(parseJson, examples::ShopEvent);

void parseTime(benchmark::State& state) {
  std::string text = "2025-12-12T10:30:00.000Z";
  Timestamp time = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(text.data());
    benchmark::DoNotOptimize(parseRfc3339(text, time));
  }
  benchmark::DoNotOptimize(time);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parseTime);

}  // namespace
}  // namespace millrace::bench
