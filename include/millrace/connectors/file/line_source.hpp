// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/file/chunk.hpp>
#include <millrace/connectors/file/chunk_dealer.hpp>
#include <millrace/connectors/file/line_input.hpp>
#include <millrace/connectors/file/read_progress.hpp>
#include <millrace/formats/line_format.hpp>
#include <millrace/runtime/source.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

/// Reads lines of files or of standard input as records of type T.
///
/// All workers read together: one large plain file is dealt out in chunks, and event time follows
/// the order of the file whoever is ahead. With a user-defined watermark generator, which wants to
/// see every record in order, worker 0 reads alone.
///
/// Files are read again from a checkpoint's position, by any number of workers: see ChunkDealer. Of
/// standard input nothing comes twice.
template <typename T, LineDecoder<T> Decoder>
class LineSource final : public SourceConnector<T> {
 public:
  /// `path` as findInputFiles() has it; empty: standard input.
  LineSource(std::string path, LineSourceOptions options)
      : path_(std::move(path)), options_(options) {}

  std::unique_ptr<SourceReader<T>> makeReader(std::shared_ptr<void>& shared,
                                              const WatermarkStrategy& watermarks) const override {
    if (shared == nullptr) shared = std::make_shared<LineInput>(path_, options_);
    return std::make_unique<Reader>(std::static_pointer_cast<LineInput>(shared),
                                    watermarks.makeGenerator != nullptr);
  }

  std::string describe() const override { return path_.empty() ? "stdin" : "file(" + path_ + ")"; }
  bool hasEventTimes() const override {
    if constexpr (requires { Decoder::hasEventTimes(); }) {
      try {
        return Decoder::hasEventTimes();
      } catch (const InternalError&) {
        // A contradictory description: making the reader fails, and says why.
      }
    }
    return true;
  }

 private:
  class Reader final : public SourceReader<T> {
   public:
    Reader(std::shared_ptr<LineInput> input, bool isOrdered)
        : input_(std::move(input)), isOrdered_(isOrdered) {}

    Status open(OperatorContext& context) override {
      isIdle_ = isOrdered_ && context.worker() != 0;
      return input_->open(context);
    }

    StatusOr<ReadState> read(SourceOutput<T>& out) override {
      if (isIdle_) return ReadState::kEnd;
      if (isOrdered_) announceFiles(out);
      if (!hasChunk_) {
        MILLRACE_ASSIGN_OR_RETURN(const Deal deal, input_->dealer().next(chunk_));
        if (!isOrdered_) out.split(0);
        if (deal == Deal::kNotNow) return ReadState::kQuiet;
        if (deal == Deal::kExhausted) return ReadState::kEnd;
        hasChunk_ = true;
        chunkMaximum_ = kMinTimestamp;
        if constexpr (requires { decoder_.expect(std::string_view()); })
          decoder_.expect(chunk_.rest());
      }
      if (isOrdered_) out.split(chunk_.fileIndex());
      readLines(out);
      if (!chunk_.status().ok()) return chunk_.status();
      return ReadState::kMore;
    }

    std::optional<Timestamp> sharedMaximum(Timestamp batchMaximum) override {
      ChunkDealer& dealer = input_->dealer();
      if (hasChunk_) {
        chunkMaximum_ = std::max(chunkMaximum_, batchMaximum);
        if (isChunkDone_) {
          if (input_->hasPositions()) progress_.add(chunk_);
          dealer.complete(chunk_.fileIndex(), chunk_.index(), chunkMaximum_);
          hasChunk_ = isChunkDone_ = false;
        } else {
          dealer.reportProgress(chunk_.fileIndex(), chunk_.index(), chunkMaximum_);
        }
      }
      const Timestamp maximum = dealer.sourceMaxTimestamp();
      // At the end of the source every split ends; that is said by kEnd.
      if (isOrdered_ || maximum == kMaxTimestamp) return std::nullopt;
      return maximum;
    }

    bool isReplayable() const override { return input_->isReplayable(); }

    void writePosition(ByteWriter& out) const override {
      if (!input_->hasPositions()) return;
      input_->dealer().writePosition(progress_, hasChunk_ ? &chunk_ : nullptr, out);
    }

    Status restorePositions(std::span<const std::string_view> positions) override {
      return input_->restore(positions);
    }

   private:
    void readLines(SourceOutput<T>& out) {
      std::size_t bytes = 0;
      std::string_view line;
      while (!out.isFull()) {
        if (!chunk_.nextLine(line)) {
          isChunkDone_ = true;
          break;
        }
        bytes += line.size() + 1;
        if (chunk_.lineTooLong()) {
          reject(out, line, input_->tooLongReason());
          continue;
        }
        Timestamp time = kNoTimestamp;
        T& record = out.append();
        if (decoder_.decode(line, record, time, reason_)) [[likely]] {
          out.setTime(time);
        } else {
          out.dropLast();
          reject(out, line, reason_);
        }
      }
      out.countBytes(bytes);
    }

    void reject(SourceOutput<T>& out, std::string_view line, std::string_view reason) {
      out.reject(chunk_.path() + ":" + std::to_string(chunk_.lineOffset()), reason, line);
    }

    void announceFiles(SourceOutput<T>& out) {
      const ChunkDealer& dealer = input_->dealer();
      for (std::size_t file = 0; file < dealer.fileCount(); ++file) {
        out.split(file);
        if (dealer.fileMaxTimestamp(file) == kMaxTimestamp) out.endSplit(file);
      }
    }

    const std::shared_ptr<LineInput> input_;
    const bool isOrdered_;
    bool isIdle_ = false;
    Decoder decoder_;
    mutable ReadProgress progress_;  // gets shorter when a position is written
    Chunk chunk_;
    bool hasChunk_ = false;
    bool isChunkDone_ = false;
    Timestamp chunkMaximum_ = kMinTimestamp;
    std::string reason_;
  };

  std::string path_;
  LineSourceOptions options_;
};

/// Records from `path`: a file, a directory or a glob of files, plain, .gz or .zst, one record a
/// line; JSON for described structs, the line itself for strings.
template <typename T, typename Decoder = DefaultLineDecoder<T>>
LineSource<T, Decoder> file(std::string path, LineSourceOptions options = {}) {
  return LineSource<T, Decoder>(std::move(path), options);
}

/// Records from the lines of standard input, as they come.
template <typename T, typename Decoder = DefaultLineDecoder<T>>
LineSource<T, Decoder> standardInput(LineSourceOptions options = {}) {
  return LineSource<T, Decoder>("", options);
}

}  // namespace millrace
