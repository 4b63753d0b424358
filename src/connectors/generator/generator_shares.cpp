// SPDX-License-Identifier: MIT
#include <millrace/connectors/generator/generator.hpp>

namespace millrace {
namespace {

// "G1", then for an instance with shares: its first share, the step from one to the next, the round
// and the share it comes to next; then pairs: a share that is ahead of that, its round. All are
// lengths. A share that nobody names is at its beginning.
constexpr std::string_view kTag = "G1";
constexpr std::uint64_t kMaxRound = UINT64_MAX / GeneratorShares::kShares - 1;

Status damaged() { return absl::DataLossError("the position of a generator is damaged"); }

}  // namespace

GeneratorShares::GeneratorShares(std::size_t worker, std::size_t workers)
    : first_(worker), step_(workers), share_(worker), next_(worker), starts_(kShares) {
  for (std::uint64_t share = 0; share < kShares; ++share) starts_[share] = share;
  if (first_ >= kShares) next_ = kNone;
}

void GeneratorShares::write(ByteWriter& out) const {
  out.bytes(kTag);
  if (next_ == kNone) return;
  const std::uint64_t round = next_ / kShares;
  for (const std::uint64_t value : {first_, step_, round, share_}) out.length(value);
  for (std::uint64_t share = first_; share < kShares; share += step_) {
    const std::uint64_t start = starts_[share] / kShares;
    if (start <= round + (share < share_ ? 1 : 0)) continue;
    out.length(share);
    out.length(start);
  }
}

bool GeneratorShares::read(ByteReader& in) {
  std::uint64_t first = 0;
  std::uint64_t step = 0;
  std::uint64_t round = 0;
  std::uint64_t next = 0;
  if (!in.length(first) || !in.length(step) || !in.length(round) || !in.length(next)) return false;
  if (step == 0 || step > kShares * kShares || round > kMaxRound) return false;
  for (std::uint64_t share = first; share < kShares; share += step) {
    raiseStart(share, round + (share < next ? 1 : 0));
  }
  while (!in.isAtEnd()) {
    std::uint64_t share = 0;
    if (!in.length(share) || !in.length(round) || share >= kShares || round > kMaxRound)
      return false;
    raiseStart(share, round);
  }
  return true;
}

void GeneratorShares::raiseStart(std::uint64_t share, std::uint64_t round) {
  starts_[share] = std::max(starts_[share], round * kShares + share);
}

Status GeneratorShares::restore(std::span<const std::string_view> positions) {
  for (const std::string_view position : positions) {
    if (!position.starts_with(kTag)) {
      return absl::FailedPreconditionError(
          "the checkpoint's position is not one of a generator (the source was another when it was "
          "taken: take that again, or start anew with an empty state directory)");
    }
    ByteReader in(position.substr(kTag.size()));
    if (!in.isAtEnd() && !read(in)) return damaged();
  }
  resumedFrom_ = *std::min_element(starts_.begin(), starts_.end());
  raggedEnd_ = *std::max_element(starts_.begin(), starts_.end());
  if (next_ == kNone) return absl::OkStatus();
  share_ = first_;
  next_ = resumedFrom_ / kShares * kShares + first_;
  if (next_ < starts_[share_]) advance();
  return absl::OkStatus();
}

}  // namespace millrace
