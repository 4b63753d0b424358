// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <millrace/time/rfc3339.hpp>

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const FuzzInput input(data, size, 0);
  Timestamp time = 42;
  if (!parseRfc3339(input.view(), time)) {
    promise(time == 42);
  } else {
    promise(size >= 20 && size <= 35);
    const std::string text = formatUtc(time);
    promise(text.size() == 24);
    Timestamp again = 0;
    promise(parseRfc3339(text, again) && again == time);
    // The day and the milliseconds are those of the input, whatever its zone.
    const bool isUtc = (data[size - 1] | 0x20) == 'z';
    if (isUtc) promise(text.substr(0, 10) == input.view().substr(0, 10));
  }
  // Any eight bytes are a time that can be written.
  Timestamp any = 0;
  for (std::size_t i = 0; i < size && i < sizeof any; ++i)
    any = static_cast<Timestamp>(static_cast<std::uint64_t>(any) << 8 | data[i]);
  promise(formatUtc(any).size() <= kMaxUtcLength);
  return 0;
}
