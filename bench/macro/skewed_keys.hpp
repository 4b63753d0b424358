// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/hash.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace millrace::bench {

/// Keys 0 .. keys - 1 by Zipf's law with exponent `skew`, or evenly where it is 0; the key of draw
/// i depends on i alone. Popular keys are strewn among the others. Source: Gray et al., Quickly
/// generating billion-record synthetic databases, SIGMOD 1994.
class SkewedKeys {
 public:
  SkewedKeys() = default;
  SkewedKeys(std::uint64_t keys, double skew) : keys_(keys), skew_(skew) {
    if (skew_ == 0) return;
    for (std::uint64_t i = 1; i <= keys; ++i) zeta_ += 1 / std::pow(static_cast<double>(i), skew);
    alpha_ = 1 / (1 - skew);
    const double two = 1 + std::pow(0.5, skew);
    eta_ = (1 - std::pow(2 / static_cast<double>(keys), 1 - skew)) / (1 - two / zeta_);
  }

  std::uint64_t operator()(std::uint64_t i) const {
    const std::uint64_t random = mixHash(i);
    if (skew_ == 0) return spread(random);
    return spread(mixHash(rankOf(static_cast<double>(random >> 11) * 0x1p-53)));
  }

 private:
  std::uint64_t spread(std::uint64_t hash) const {
    return static_cast<std::uint64_t>((__uint128_t{hash} * keys_) >> 64);
  }

  std::uint64_t rankOf(double u) const {
    const double scaled = u * zeta_;
    if (scaled < 1) return 0;
    if (scaled < 1 + std::pow(0.5, skew_)) return 1;
    const double rank = static_cast<double>(keys_) * std::pow(eta_ * u - eta_ + 1, alpha_);
    return std::min(static_cast<std::uint64_t>(rank), keys_ - 1);
  }

  std::uint64_t keys_ = 1;
  double skew_ = 0;
  double zeta_ = 0;
  double alpha_ = 0;
  double eta_ = 0;
};

}  // namespace millrace::bench
