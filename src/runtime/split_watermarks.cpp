// SPDX-License-Identifier: MIT
#include <millrace/runtime/split_watermarks.hpp>

#include <algorithm>

namespace millrace {

SplitWatermarks::SplitWatermarks(WatermarkStrategy strategy) : strategy_(std::move(strategy)) {}

void SplitWatermarks::announce(std::size_t split, Timestamp now) {
  if (split < splits_.size()) return;
  MILLRACE_CHECK(split == splits_.size(), "splits are announced in order");
  Split& added = splits_.emplace_back();
  added.lastRecordAt = now;
  if (strategy_.makeGenerator) added.generator = strategy_.makeGenerator();
  valve_.addInput();
}

void SplitWatermarks::wake(std::size_t index, Timestamp now) {
  Split& split = splits_[index];
  split.lastRecordAt = now;
  if (!split.isIdle) return;
  split.isIdle = false;
  valve_.active(index);
}

void SplitWatermarks::raise(std::size_t index, Timestamp maximum) {
  if (!strategy_.isEmitting || maximum == kMinTimestamp) return;
  const Timestamp bound = saturatingAdd(strategy_.outOfOrderness.count(), 1);
  // kMaxTimestamp stands for the end of input, which only the end of the splits may say.
  const Timestamp watermark = std::min(saturatingSubtract(maximum, bound), kMaxTimestamp - 1);
  valve_.watermark(index, watermark);
}

std::size_t SplitWatermarks::onBatch(std::size_t index, const Batch& batch, std::size_t from,
                                     Timestamp now) {
  announce(index, now);
  wake(index, now);
  Split& split = splits_[index];
  batchMaximum_ = kMinTimestamp;
  std::size_t futureDated = 0;
  const Timestamp* times = batch.times();
  if (strategy_.futureLimit) {
    const Timestamp limit = saturatingAdd(now, strategy_.futureLimit->count());
    for (std::size_t i = from; i < batch.size(); ++i) {
      if (times[i] > limit) {
        ++futureDated;
      } else {
        batchMaximum_ = std::max(batchMaximum_, times[i]);
      }
    }
  } else {
    for (std::size_t i = from; i < batch.size(); ++i)
      batchMaximum_ = std::max(batchMaximum_, times[i]);
  }
  if (split.generator != nullptr) {
    split.generator->onBatch(batch, from);
    valve_.watermark(index, std::min(split.generator->watermark(), kMaxTimestamp - 1));
    return futureDated;
  }
  split.maximum = std::max(split.maximum, batchMaximum_);
  return futureDated;
}

void SplitWatermarks::commit(std::size_t index) {
  if (index < splits_.size() && splits_[index].generator == nullptr)
    raise(index, splits_[index].maximum);
}

void SplitWatermarks::commitShared(std::size_t index, Timestamp maximum) {
  if (index < splits_.size() && splits_[index].generator == nullptr) raise(index, maximum);
}

void SplitWatermarks::end(std::size_t index) {
  if (index >= splits_.size() || splits_[index].isEnded) return;
  splits_[index].isEnded = true;
  // Not as drained: the end of the last split would be the end of time for splits still to come.
  valve_.end(index, false);
}

void SplitWatermarks::setPending(std::size_t index, bool isPending, Timestamp now) {
  MILLRACE_CHECK(index < splits_.size(), "the split is announced");
  Split& split = splits_[index];
  if (split.isPending == isPending) return;
  split.isPending = isPending;
  wake(index, now);
}

void SplitWatermarks::passOver(Timestamp from, Timestamp to) {
  if (to <= from) return;
  const Timestamp passed = saturatingSubtract(to, from);
  for (Split& split : splits_) {
    split.lastRecordAt = std::min(saturatingAdd(split.lastRecordAt, passed), to);
  }
}

void SplitWatermarks::checkIdleness(Timestamp now) {
  if (!strategy_.idleTimeout) return;
  for (std::size_t i = 0; i < splits_.size(); ++i) {
    Split& split = splits_[i];
    if (split.isIdle || split.isEnded || split.isPending) continue;
    // A clock that was set back would otherwise keep the split awake for as long as it was set
    // back.
    split.lastRecordAt = std::min(split.lastRecordAt, now);
    if (now < saturatingAdd(split.lastRecordAt, strategy_.idleTimeout->count())) continue;
    split.isIdle = true;
    valve_.idle(i);
  }
}

Timestamp SplitWatermarks::nextDeadline() const {
  Timestamp deadline = kMaxTimestamp;
  if (!strategy_.idleTimeout) return deadline;
  for (const Split& split : splits_) {
    if (split.isIdle || split.isEnded || split.isPending) continue;
    deadline =
        std::min(deadline, saturatingAdd(split.lastRecordAt, strategy_.idleTimeout->count()));
  }
  return deadline;
}

}  // namespace millrace
