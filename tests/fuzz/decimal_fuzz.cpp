// SPDX-License-Identifier: MIT
#include "fuzz.hpp"

#include <millrace/base/decimal.hpp>

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const FuzzInput input(data, size, 0);
  const std::optional<Decimal> decimal = Decimal::parse(input.view());
  if (!decimal) return 0;
  const std::string text = decimal->toString();
  promise(text.size() <= Decimal::kMaxLength);
  promise(Decimal::parse(text) == decimal);
  const std::optional<Decimal> average = roundedAverage(*decimal, static_cast<std::int64_t>(size));
  promise(!average || average->micros() % 10'000 == 0);
  return 0;
}
