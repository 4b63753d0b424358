// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/checkpoint/checkpoint_store.hpp>
#include <millrace/state/state_below.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace millrace {

/// What the tables of a job have in common that lie over one base: the memory they may use, and how
/// far down their changes have come.
///
/// **Thread safety**: the atomic members may be used from any thread; the others are fixed before
/// any table is made.
struct TableMemory {
  const CheckpointStore* store = nullptr;
  std::size_t limit = 0;                ///< bytes, of all tables together
  std::size_t mostLog = 0;              ///< bytes that may be on their way into the base
  std::function<void()> hurry = [] {};  ///< what is committed is to come into the base at once
  std::function<void()> askForCheckpoint;

  std::atomic<std::size_t> used{0};
  std::atomic<std::size_t> changed{0};
  std::atomic<std::uint64_t> settledBarrier{0};
  std::atomic<bool> isSettling{false};  ///< changes are on their way into the base right now
  /// What had changed before this barrier was brought forward, or is put off to a later one.
  std::atomic<std::uint64_t> attendedBarrier{0};

  /// Nothing that had changed before `barrier` is worth waiting for any longer.
  void attended(std::uint64_t barrier);
};

/// One task's view of it.
class TaskStateBelow final : public StateBelow {
 public:
  /// `lastBarrier` is the task's own count; `owesSnapshot`: what had changed before it is still
  /// being written down, with each of the task's steps, whether there is input or not.
  TaskStateBelow(TableMemory& memory, const std::uint64_t& lastBarrier, const bool& owesSnapshot)
      : memory_(memory), lastBarrier_(lastBarrier), owesSnapshot_(owesSnapshot) {}

  StatusOr<bool> read(StateId state, KeyGroup group, std::string_view key,
                      std::string& value) override {
    return memory_.store->read(state, group, key, value);
  }
  Status readAll(StateId state, KeyGroup group, std::string_view prefix,
                 const Visitor& visit) override;
  Status readFrom(StateId state, KeyGroup group, std::string_view from,
                  const Walker& walk) override {
    return memory_.store->readFrom(state, group, from, walk);
  }
  std::uint64_t lastBarrier() const override { return lastBarrier_; }
  std::uint64_t settledBarrier() const override {
    return memory_.settledBarrier.load(std::memory_order_acquire);
  }
  std::size_t use(std::size_t bytes, std::size_t changedBytes) override;
  bool hasRoom() const override;

 private:
  TableMemory& memory_;
  const std::uint64_t& lastBarrier_;
  const bool& owesSnapshot_;
  std::size_t used_ = 0;
  std::size_t changed_ = 0;
  // The barriers after which a checkpoint was asked for, and to hurry.
  std::uint64_t askedAfter_ = ~std::uint64_t{0};
  std::uint64_t hurriedAfter_ = ~std::uint64_t{0};
};

}  // namespace millrace
