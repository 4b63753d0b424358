// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <millrace/time/duration.hpp>

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const FuzzInput input(data, size, 0);
  const StatusOr<Duration> duration = parseDuration(input.view());
  if (!duration.ok()) {
    promise(absl::IsInvalidArgument(duration.status()));
    promise(duration.status().message().size() < 256);
    return 0;
  }
  promise(duration->count() >= 0);
  const std::string text = formatDuration(*duration);
  const StatusOr<Duration> again = parseDuration(text);
  promise(again.ok() && *again == *duration);
  return 0;
}
