// SPDX-License-Identifier: MIT
// Rules of the commit protocol (docs/design/commit-protocol.md) that tests can drop, to show what
// each is there for.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::rules {

enum class Rule : std::uint8_t {
  kMarkerInTransaction,  ///< C2: an epoch's transaction ends with its marker in it
  kDurableFirst,         ///< C2: it ends when the epoch is durable in the state directory
  kShutOutFirst,         ///< C3: others are shut out before the marker is read
  kDeliveredFirst,   ///< C4: nothing of the next epoch is sent before all of this one is delivered
  kCommittedFirst,   ///< C6: the state directory takes an epoch for committed when it is
  kMarkerNotBehind,  ///< C8: a marker that is missing, or behind the state directory, stops the job
};

constexpr std::array<std::string_view, 6> kRuleNames = {
    "marker-in-transaction", "durable-first",   "shut-out-first",
    "delivered-first",       "committed-first", "marker-not-behind"};
static_assert(kRuleNames.size() == static_cast<std::size_t>(Rule::kMarkerNotBehind) + 1);

/// Asked each time that a rule is due, by the thread that keeps it: whether it is kept. Null, as
/// ever but in tests: all are, always.
using RuleHook = bool (*)(Rule rule);
inline std::atomic<RuleHook> ruleHook{nullptr};

inline bool keeps(Rule rule) {
  const RuleHook hook = ruleHook.load(std::memory_order_relaxed);
  return hook == nullptr || hook(rule);
}

}  // namespace millrace::rules
