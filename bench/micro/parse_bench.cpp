// SPDX-License-Identifier: MIT
// Text into values: an event, its time.
#include "common/user_event.hpp"

#include <millrace/formats/json_reader.hpp>
#include <millrace/state/keyed_rows.hpp>
#include <millrace/state/state_context.hpp>
#include <millrace/time/rfc3339.hpp>

#include <benchmark/benchmark.h>

#include <string>

namespace millrace {
namespace {

const std::string& eventText() {
  static const std::string text =
      R"({"timestamp":"2025-12-12T10:30:00.000Z","event_type":"purchase","user_id":"user_123",)"
      R"("version":"1.0","data":{"product_id":"prod_456","amount":99.99,"currency":"USD",)"
      R"("session_id":"session_789","device":"mobile","browser":"chrome"}})";
  return text;
}

template <typename Event>
void parse(benchmark::State& state) {
  const std::string padded = eventText() + std::string(kJsonPadding, ' ');
  const std::string_view line(padded.data(), eventText().size());
  JsonReader<Event> reader;
  Event event;
  DecodeError error;
  for (auto _ : state) {
    if (!reader.decode(line, event, error)) state.SkipWithError("the event is refused");
    benchmark::DoNotOptimize(event);
  }
  state.SetItemsProcessed(state.iterations());
}

void parseUserEvent(benchmark::State& state) { parse<examples::UserEvent>(state); }
BENCHMARK(parseUserEvent);
void parseShopEvent(benchmark::State& state) { parse<examples::ShopEvent>(state); }
BENCHMARK(parseShopEvent);

void parseTime(benchmark::State& state) {
  const std::string text = "2025-12-12T10:30:00.000Z";
  Timestamp time = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parseRfc3339(text, time));
    benchmark::DoNotOptimize(time);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parseTime);

void incrementValueState(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  KeyedRows<std::uint64_t> rows;
  StateContext context(rows);
  ValueState<std::uint64_t> count = context.value<std::uint64_t>("count");
  std::uint64_t i = 0;
  for (auto _ : state) {
    rows.setCurrentKey(mixHash(i++) % keys);
    ++count.edit();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(incrementValueState)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace millrace
