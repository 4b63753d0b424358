// SPDX-License-Identifier: MIT
#include <millrace/runtime/watermark_valve.hpp>

#include <algorithm>

namespace millrace {

WatermarkValve::WatermarkValve(std::size_t inputs) : inputs_(inputs) {}
WatermarkValve::~WatermarkValve() = default;

void WatermarkValve::addInput() {
  inputs_.emplace_back();
  isIdle_ = false;
}

void WatermarkValve::watermark(std::size_t index, Timestamp watermark) {
  Input& input = inputs_[index];
  if (!input.isActive || input.isEnded || watermark <= input.watermark) return;
  input.watermark = watermark;
  if (watermark >= merged_) input.isCaughtUp = true;
  recompute();
}

void WatermarkValve::idle(std::size_t index) {
  Input& input = inputs_[index];
  if (input.isEnded) return;
  input.isActive = false;
  input.isCaughtUp = false;
  recompute();
}

void WatermarkValve::active(std::size_t index) {
  Input& input = inputs_[index];
  if (input.isEnded) return;
  input.isActive = true;
  input.isCaughtUp = input.watermark >= merged_;
  isIdle_ = false;
}

void WatermarkValve::end(std::size_t index, bool drained) {
  Input& input = inputs_[index];
  if (input.isEnded) return;
  input.isEnded = true;
  ++ended_;
  isDrained_ = isDrained_ && drained;
  recompute();
}

void WatermarkValve::stop(std::size_t index) {
  inputs_[index].isStopped = true;
  end(index, false);
}

void WatermarkValve::recompute() {
  if (isEnded()) {
    if (isDrained_) merged_ = kMaxTimestamp;
    return;
  }
  bool anyActive = false;
  bool anyCaughtUp = false;
  Timestamp lowest = kMaxTimestamp;
  Timestamp highest = kMinTimestamp;
  for (const Input& input : inputs_) {
    if (input.isEnded && !input.isStopped) continue;
    highest = std::max(highest, input.watermark);
    if (!input.isActive) continue;
    anyActive = true;
    if (!input.isCaughtUp) continue;
    anyCaughtUp = true;
    lowest = std::min(lowest, input.watermark);
  }
  isIdle_ = !anyActive;
  if (!anyActive) {
    merged_ = std::max(merged_, highest);
  } else if (anyCaughtUp) {
    merged_ = std::max(merged_, lowest);
  }
}

std::optional<std::size_t> WatermarkValve::slowest() const {
  std::optional<std::size_t> slowest;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!isActive(i) || !inputs_[i].isCaughtUp) continue;
    if (!slowest || inputs_[i].watermark < inputs_[*slowest].watermark) slowest = i;
  }
  return slowest;
}

}  // namespace millrace
