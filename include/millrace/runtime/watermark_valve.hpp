// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace millrace {

/// Merges the watermarks of several inputs into one that never goes back.
/// After Flink's StatusWatermarkValve, with one difference: an input that has ended is left out
/// altogether, so an ended input beside idle ones does not fire what the idle ones may still add
/// to.
///
/// **Thread safety**: none.
///
/// **Invariants**: 1. The merged watermark is the minimum over inputs that are active and have
/// caught up with it. 2. When the last active input goes idle, it is the maximum over the inputs
/// that have not ended. 3. An input that wakes counts again once its own watermark has reached
/// the merged one. 4. When every input has ended it is the maximum, if all came to their end.
class WatermarkValve {
 public:
  explicit WatermarkValve(std::size_t inputs);
  ~WatermarkValve();

  /// Adds an input; it is active and counts at once.
  void addInput();

  void watermark(std::size_t input, Timestamp watermark);
  void idle(std::size_t input);
  void active(std::size_t input);
  /// `drained`: the input came to its end, rather than having nothing more for a while.
  void end(std::size_t input, bool drained);
  /// The input was stopped before its end: it holds time back where it stands, for the rest of it
  /// may come in another run, and must not find its windows closed.
  void stop(std::size_t input);

  Timestamp merged() const { return merged_; }
  bool isIdle() const { return isIdle_; }
  bool isEnded() const { return ended_ == inputs_.size(); }
  bool isDrained() const { return isDrained_; }

  bool isActive(std::size_t input) const {
    return inputs_[input].isActive && !inputs_[input].isEnded;
  }
  /// The input that holds the merged watermark back, if one does.
  std::optional<std::size_t> slowest() const;

 private:
  struct Input {
    Timestamp watermark = kMinTimestamp;
    bool isActive = true;
    bool isCaughtUp = true;
    bool isEnded = false;
    bool isStopped = false;  // and ended
  };

  void recompute();

  std::vector<Input> inputs_;
  Timestamp merged_ = kMinTimestamp;
  std::size_t ended_ = 0;
  bool isIdle_ = false;
  bool isDrained_ = true;
};

}  // namespace millrace
