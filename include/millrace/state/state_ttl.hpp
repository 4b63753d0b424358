// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/time/timestamp.hpp>

namespace millrace {

/// What counts as using a state, and so puts its expiry off.
enum class TtlRefresh : unsigned char {
  kOnCreateAndWrite,
  kOnReadAndWrite,
};

/// How long a state outlives its last use, in processing time. A state used at `t`
/// is there while `now < t + duration`, and never seen afterwards. In lists and maps
/// every element has a time of its own. REQUIRES: duration > 0 (checked where the
/// state is declared).
struct StateTtl {
  Duration duration{};
  TtlRefresh refresh = TtlRefresh::kOnCreateAndWrite;

  friend bool operator==(const StateTtl&, const StateTtl&) = default;
};

}  // namespace millrace
