// SPDX-License-Identifier: MIT
#pragma once

#include "event_maker.hpp"

#include <millrace/base/check.hpp>
#include <millrace/formats/describe.hpp>
#include <millrace/formats/json_reader.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::examples {

/// Made-up events as records: what `--source generate:N` reads. They go through
/// their JSON form, like any other event, and are the same in every run.
///
/// Thread safety: none; each copy has its own buffers.
template <Described Event>
class GeneratedEvents {
 public:
  GeneratedEvents() : maker_(std::make_shared<const EventMaker>(optionsOfAllRuns())) {}
  GeneratedEvents(const GeneratedEvents& other) : maker_(other.maker_) {}
  GeneratedEvents& operator=(const GeneratedEvents&) = delete;

  void operator()(std::uint64_t index, Event& event) {
    line_.clear();
    maker_->append(index, line_);
    const std::size_t length = line_.size();
    line_.append(kJsonPadding, '\0');
    DecodeError error;
    MILLRACE_CHECK(reader_.decode(std::string_view(line_.data(), length), event, error),
                   "a made event is invalid: " + error.message());
  }

 private:
  static EventMakerOptions optionsOfAllRuns() {
    EventMakerOptions options;
    options.start = 1'765'497'600'000;  // 2025-12-12T00:00:00Z
    return options;
  }

  std::shared_ptr<const EventMaker> maker_;
  JsonReader<Event> reader_;
  std::string line_;
};

}  // namespace millrace::examples
