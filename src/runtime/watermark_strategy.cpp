// SPDX-License-Identifier: MIT
#include <millrace/runtime/watermark_strategy.hpp>

namespace millrace {

WatermarkStrategy::WatermarkStrategy() = default;
WatermarkStrategy::~WatermarkStrategy() = default;
WatermarkStrategy::WatermarkStrategy(const WatermarkStrategy&) = default;
WatermarkStrategy& WatermarkStrategy::operator=(const WatermarkStrategy&) = default;

WatermarkStrategy WatermarkStrategy::withIdleness(Duration timeout) const {
  WatermarkStrategy changed = *this;
  changed.idleTimeout = timeout;
  return changed;
}

WatermarkStrategy WatermarkStrategy::withFutureLimit(Duration limit) const {
  WatermarkStrategy changed = *this;
  changed.futureLimit = limit;
  return changed;
}

WatermarkStrategy boundedOutOfOrderness(Duration outOfOrderness) {
  WatermarkStrategy strategy;
  strategy.outOfOrderness = outOfOrderness;
  return strategy;
}

WatermarkStrategy monotonousTimestamps() { return boundedOutOfOrderness(Duration(0)); }

WatermarkStrategy noWatermarks() {
  WatermarkStrategy strategy;
  strategy.isEmitting = false;
  return strategy;
}

}  // namespace millrace
