// SPDX-License-Identifier: MIT
// The steps of an exactly-once sink that a crash may fall between, so that tests can let it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::steps {

/// In the order in which an epoch passes them, the first three once a start; those behind kNextOpen
/// belong to the epoch before the one that is open.
enum class Step : std::uint8_t {
  kTakingOver,  ///< brokers answer, topics are there; nobody is shut out
  kShutOut,
  kMarkerRead,
  kProducing,
  kProduced,
  kDelivered,
  kNextOpen,  ///< results of the next epoch go out
  kMarkerSent,
  kSealed,  ///< the epoch is durable in the state directory
  kTransactionEnding,
  kEndSent,  ///< the request has left; its answer is not there
  kTransactionEnded,
  kConfirmed,  ///< the marker was read back
};

constexpr std::array<std::string_view, 13> kStepNames = {
    "taking-over", "shut-out",          "marker-read", "producing", "produced",
    "delivered",   "next-open",         "marker-sent", "sealed",    "transaction-ending",
    "end-sent",    "transaction-ended", "confirmed"};
static_assert(kStepNames.size() == static_cast<std::size_t>(Step::kConfirmed) + 1);

/// Called at each passing of a step, by the thread that passes it. Null, as ever but in tests:
/// nothing is.
using StepHook = void (*)(Step step);
inline std::atomic<StepHook> stepHook{nullptr};

inline void pass(Step step) {
  const StepHook hook = stepHook.load(std::memory_order_relaxed);
  if (hook != nullptr) [[unlikely]]
    hook(step);
}

}  // namespace millrace::steps
