// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/connectors/file/chunk_dealer.hpp>
#include <millrace/runtime/operator.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace millrace {

struct LineSourceOptions {
  std::size_t chunkBytes = kChunkBytes;
  /// A longer line is one invalid record.
  std::size_t maxLineBytes = kMaxLineBytes;
};

/// What the readers of one source have in common: the dealer, and who is to be woken by it.
///
/// **Thread safety**: open() from one thread at a time, before any reader reads; the dealer as it
/// says itself.
class LineInput final : public ChunkListener {
 public:
  LineInput(std::string path, LineSourceOptions options);
  ~LineInput() override;

  /// Adds a reader; the first finds and opens the files.
  Status open(OperatorContext& context);

  /// REQUIRES: open() was ok.
  ChunkDealer& dealer() { return *dealer_; }

  const std::string& tooLongReason() const { return tooLongReason_; }

  void onChunksMayBeReady() override;

 private:
  const std::string path_;  // empty: standard input
  const LineSourceOptions options_;
  const std::string tooLongReason_;
  std::vector<Waker*> wakers_;
  std::unique_ptr<ChunkDealer> dealer_;
};

}  // namespace millrace
