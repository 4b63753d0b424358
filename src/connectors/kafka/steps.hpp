// SPDX-License-Identifier: MIT
// The steps of an exactly-once sink that a crash may fall between, so that tests can let it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::steps {

/// In the order in which an epoch passes them, the first four once a start; kTransactionEnding and those
/// behind it belong to the epoch before the one that is open.
enum class Step : std::uint8_t {
  kTakingOver,  ///< brokers answer, topics are there; nobody is shut out
  kShutOut,
  kMarkerRead,
  kFirstBegun,
  kProducing,
  kProduced,
  kDelivered,
  kMarkerSent,
  kSealed,             ///< the epoch is durable in the state directory
  kTransactionEnding,
  kEndSent,            ///< the request has left; its answer is not there
  kTransactionEnded,
  kNextBegun,
  kConfirmed,          ///< the marker was read back
};

constexpr std::array<std::string_view, 14> kStepNames = {
    "taking-over", "shut-out",    "marker-read", "first-begun",        "producing",
    "produced",    "delivered",   "marker-sent", "sealed",             "transaction-ending",
    "end-sent",    "transaction-ended", "next-begun",  "confirmed"};
static_assert(kStepNames.size() == static_cast<std::size_t>(Step::kConfirmed) + 1);

/// Called at each passing of a step, by the thread that passes it. Null, as ever but in tests: nothing is.
using StepHook = void (*)(Step step);
inline std::atomic<StepHook> stepHook{nullptr};

inline void pass(Step step) {
  const StepHook hook = stepHook.load(std::memory_order_relaxed);
  if (hook != nullptr) [[unlikely]] hook(step);
}

}  // namespace millrace::steps
