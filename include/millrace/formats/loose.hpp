// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

namespace millrace {

/// What a record held where a Loose<X> member was looked for.
enum class LooseState : std::uint8_t {
  kAbsent,      ///< no such member
  kNull,        ///< the member, with null
  kMismatched,  ///< well-formed, but no X: another type, or a value X cannot hold
  kValue,       ///< an X
};

/// A member that may hold anything in the input and still leaves its record good.
/// Whoever needs the value asks `state()` and decides; whoever does not, never
/// meets the difference.
///
/// Thread safety: a value type, as safe as X.
template <typename X>
class Loose {
 public:
  Loose() = default;
  Loose(X value) : state_(LooseState::kValue), value_(std::move(value)) {}

  LooseState state() const { return state_; }
  bool hasValue() const { return state_ == LooseState::kValue; }

  /// REQUIRES: hasValue(). (Otherwise some X left from before.)
  const X& value() const { return value_; }

  void set(X value) {
    value_ = std::move(value);
    state_ = LooseState::kValue;
  }

  /// Forgets the value and notes `state` in its place. REQUIRES: not kValue.
  void clear(LooseState state = LooseState::kAbsent) { state_ = state; }

  friend bool operator==(const Loose& a, const Loose& b) {
    return a.state_ == b.state_ && (!a.hasValue() || a.value_ == b.value_);
  }

 private:
  friend struct LooseParts;

  LooseState state_ = LooseState::kAbsent;
  X value_{};
};

}  // namespace millrace
