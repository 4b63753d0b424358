// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/connectors/file/chunk_dealer.hpp>
#include <millrace/runtime/operator.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct LineSourceOptions {
  std::size_t chunkBytes = kChunkBytes;
  /// A longer line is one invalid record.
  std::size_t maxLineBytes = kMaxLineBytes;
};

/// What the readers of one source have in common: the dealer, and who is to be woken by it.
///
/// **Thread safety**: open() and restore() from one thread at a time, before any reader reads; the
/// dealer as it says itself.
class LineInput final : public ChunkListener {
 public:
  LineInput(std::string path, LineSourceOptions options);
  ~LineInput() override;

  /// Adds a reader; the first finds and opens the files.
  Status open(OperatorContext& context);

  /// Goes on from a checkpoint, for all readers; each may ask for it, one is enough. Errors as
  /// ChunkDealer::restore().
  Status restore(std::span<const std::string_view> positions);

  /// Whether all of the input can be read again. REQUIRES: open() was ok.
  bool isReplayable() const { return isReplayable_; }

  /// Whether the readers' positions are of use: the job takes checkpoints, and this is not standard
  /// input. REQUIRES: open() was ok.
  bool hasPositions() const { return hasPositions_; }

  /// REQUIRES: open() was ok.
  ChunkDealer& dealer() { return *dealer_; }

  const std::string& tooLongReason() const { return tooLongReason_; }

  void onChunksMayBeReady() override;

 private:
  const std::string path_;  // empty: standard input
  const LineSourceOptions options_;
  const std::string tooLongReason_;
  bool isReplayable_ = false;
  bool hasPositions_ = false;
  bool isRestored_ = false;
  std::vector<Waker*> wakers_;
  std::unique_ptr<ChunkDealer> dealer_;
};

}  // namespace millrace
