// SPDX-License-Identifier: MIT
#include "runtime/state_below.hpp"

namespace millrace {
namespace {

// So much of the memory may have changed before a checkpoint is taken out of turn: what has changed
// can only be let go of after one.
constexpr std::size_t kChangedShare = 8;
// So far beyond the limit letting go does not help: too much waits in the log for the base, and is
// hurried.
constexpr std::size_t kHurriedShare = 16;
// So far beyond the limit new records have to wait for the base.
constexpr std::size_t kOverdraftShare = 8;

// Adds what an unsigned difference stands for, whatever its sign.
std::size_t addDifference(std::atomic<std::size_t>& sum, std::size_t before, std::size_t now) {
  const std::size_t difference = now - before;
  return sum.fetch_add(difference, std::memory_order_relaxed) + difference;
}

}  // namespace

void TableMemory::attended(std::uint64_t barrier) {
  std::uint64_t before = attendedBarrier.load(std::memory_order_relaxed);
  while (before < barrier && !attendedBarrier.compare_exchange_weak(before, barrier)) {
  }
}

Status TaskStateBelow::readAll(StateId state, KeyGroup group, std::string_view prefix,
                               const Visitor& visit) {
  return memory_.store->readAll(
      state, group, prefix, [&](StateId, KeyGroup, std::string_view key, std::string_view value) {
        return visit(key, value);
      });
}

std::size_t TaskStateBelow::use(std::size_t bytes, std::size_t changedBytes) {
  const std::size_t all = addDifference(memory_.used, used_, bytes);
  const std::size_t changed = addDifference(memory_.changed, changed_, changedBytes);
  used_ = bytes;
  changed_ = changedBytes;
  const bool asks = changed > memory_.limit / kChangedShare && askedAfter_ != lastBarrier_;
  const bool isBeyond = all > memory_.limit + memory_.limit / kHurriedShare;
  if (asks || (isBeyond && hurriedAfter_ != lastBarrier_)) {
    hurriedAfter_ = lastBarrier_;
    memory_.hurry();
  }
  if (asks) {
    askedAfter_ = lastBarrier_;
    memory_.askForCheckpoint();
  }
  if (all <= memory_.limit) return 0;
  // Each table lets go of its part.
  return shareOf(all - memory_.limit, bytes, all) + 1;
}

// Waiting is for what comes about without further input: from where the task has passed a barrier,
// over the commit, to where all of it lies in the base.
bool TaskStateBelow::hasRoom() const {
  const bool isSettling = memory_.isSettling.load(std::memory_order_acquire);
  const bool isOnItsWay = memory_.attendedBarrier.load(std::memory_order_acquire) < lastBarrier_;
  if (!isSettling && !owesSnapshot_ && !isOnItsWay) return true;
  const std::size_t most = memory_.limit + memory_.limit / kOverdraftShare;
  if (memory_.used.load(std::memory_order_relaxed) > most) return false;
  return !isSettling || memory_.store->logBytes() <= memory_.mostLog;
}

}  // namespace millrace
