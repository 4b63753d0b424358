// SPDX-License-Identifier: MIT
#include <millrace/window/slices_below.hpp>

#include <millrace/base/check.hpp>
#include <millrace/state/state_changes.hpp>

#include <algorithm>

namespace millrace {
namespace {

const char* const kFetching = "fetching state 'windows'";

Status damagedEntry() { return absl::DataLossError("an entry of state 'windows' is damaged"); }

}  // namespace

std::size_t SlicesBelow::excess(std::size_t bytes, std::size_t changedBytes) {
  const std::size_t excess = below_->use(bytes, std::min(changedBytes, bytes));
  if (excess == 0) return 0;
  const bool hasMoved = exhaustedIn_ != generation() || exhaustedAt_ != below_->settledBarrier();
  if (isExhausted_ && !hasMoved) return 0;
  return atLeastAnEighth(excess, bytes);
}

void SlicesBelow::noteFreed(bool isEnough) {
  isExhausted_ = !isEnough;
  exhaustedIn_ = generation();
  exhaustedAt_ = below_->settledBarrier();
}

bool SlicesBelow::read(KeyGroup group, std::string_view key, std::string& value) const {
  const StatusOr<bool> isThere = below_->read(state_, group, key, value);
  if (!isThere.ok()) throw JobError(annotate(isThere.status(), kFetching));
  return *isThere;
}

void SlicesBelow::readSlice(Timestamp end, KeyGroup group, const Visit& visit) const {
  std::string prefix;
  ByteWriter out(prefix);
  writeTimePrefix(end, out);
  const Status read =
      below_->readAll(state_, group, prefix, [&](std::string_view key, std::string_view value) {
        return visit(key.substr(prefix.size()), value) ? absl::OkStatus() : damagedEntry();
      });
  if (!read.ok()) throw JobError(annotate(read, kFetching));
}

void SlicesBelow::failDamaged() { throw JobError(annotate(damagedEntry(), kFetching)); }

}  // namespace millrace
