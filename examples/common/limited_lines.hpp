// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/file/chunk.hpp>
#include <millrace/connectors/file/chunk_dealer.hpp>
#include <millrace/connectors/file/line_input.hpp>
#include <millrace/formats/line_format.hpp>
#include <millrace/runtime/source.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::examples {

/// As `file<Event>(path)`, or standard input where the path is empty, but ends after
/// a given number of records, good and invalid ones together. Only worker 0 reads:
/// "the first N" means nothing to several readers at once.
template <Described Event>
class LimitedLines final : public SourceConnector<Event> {
 public:
  /// `invalid` counts the records that could not be read.
  LimitedLines(std::string path, std::uint64_t limit,
               std::shared_ptr<std::atomic<std::uint64_t>> invalid)
      : path_(std::move(path)), limit_(limit), invalid_(std::move(invalid)) {}

  std::unique_ptr<SourceReader<Event>> makeReader(std::shared_ptr<void>& shared,
                                                  const WatermarkStrategy&) const override {
    if (shared == nullptr) shared = std::make_shared<LineInput>(path_, LineSourceOptions{});
    return std::make_unique<Reader>(std::static_pointer_cast<LineInput>(shared), limit_, invalid_);
  }

  std::string describe() const override { return path_.empty() ? "stdin" : "file(" + path_ + ")"; }

 private:
  class Reader final : public SourceReader<Event> {
   public:
    Reader(std::shared_ptr<LineInput> input, std::uint64_t limit,
           std::shared_ptr<std::atomic<std::uint64_t>> invalid)
        : input_(std::move(input)), left_(limit), invalid_(std::move(invalid)) {}

    Status open(OperatorContext& context) override {
      if (context.worker() != 0) left_ = 0;
      return input_->open(context);
    }

    StatusOr<ReadState> read(SourceOutput<Event>& out) override {
      if (left_ == 0) return ReadState::kEnd;
      out.split(0);
      if (!hasChunk_) {
        MILLRACE_ASSIGN_OR_RETURN(const Deal deal, input_->dealer().next(chunk_));
        if (deal == Deal::kNotNow) return ReadState::kQuiet;
        if (deal == Deal::kExhausted) return ReadState::kEnd;
        hasChunk_ = true;
        maximum_ = kMinTimestamp;
      }
      readLines(out);
      if (!chunk_.status().ok()) return chunk_.status();
      return left_ == 0 ? ReadState::kEnd : ReadState::kMore;
    }

    std::optional<Timestamp> sharedMaximum(Timestamp batchMaximum) override {
      ChunkDealer& dealer = input_->dealer();
      maximum_ = std::max(maximum_, batchMaximum);
      if (hasChunk_ && isChunkDone_) {
        dealer.complete(chunk_.fileIndex(), chunk_.index(), maximum_);
        hasChunk_ = isChunkDone_ = false;
      } else if (hasChunk_) {
        dealer.reportProgress(chunk_.fileIndex(), chunk_.index(), maximum_);
      }
      const Timestamp maximum = dealer.sourceMaxTimestamp();
      return maximum == kMaxTimestamp ? std::nullopt : std::optional(maximum);
    }

   private:
    void readLines(SourceOutput<Event>& out) {
      std::string_view line;
      while (left_ > 0 && !out.isFull()) {
        if (!chunk_.nextLine(line)) {
          isChunkDone_ = true;
          return;
        }
        --left_;
        out.countBytes(line.size() + 1);
        Timestamp time = kNoTimestamp;
        if (chunk_.lineTooLong()) {
          reject(out, line, input_->tooLongReason());
        } else if (decoder_.decode(line, out.append(), time, reason_)) {
          out.setTime(time);
        } else {
          out.dropLast();
          reject(out, line, reason_);
        }
      }
    }

    void reject(SourceOutput<Event>& out, std::string_view line, std::string_view reason) {
      invalid_->fetch_add(1, std::memory_order_relaxed);
      out.reject(chunk_.path() + ":" + std::to_string(chunk_.lineOffset()), reason, line);
    }

    const std::shared_ptr<LineInput> input_;
    std::uint64_t left_;
    const std::shared_ptr<std::atomic<std::uint64_t>> invalid_;
    JsonLineDecoder<Event> decoder_;
    Chunk chunk_;
    bool hasChunk_ = false;
    bool isChunkDone_ = false;
    Timestamp maximum_ = kMinTimestamp;
    std::string reason_;
  };

  std::string path_;
  std::uint64_t limit_;
  std::shared_ptr<std::atomic<std::uint64_t>> invalid_;
};

}  // namespace millrace::examples
