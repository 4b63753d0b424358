// SPDX-License-Identifier: MIT
#include "connectors/file/byte_decoder.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace millrace {
namespace {

constexpr std::size_t kCompressedReadBytes = 64u << 10;

/// The compressed bytes of a file, a buffer at a time.
class CompressedBytes {
 public:
  explicit CompressedBytes(std::unique_ptr<RandomAccessFile> file)
      : file_(std::move(file)), buffer_(kCompressedReadBytes) {}

  /// Reads on when nothing is left; `size` stays 0 at the end of the file.
  Status fetch() {
    if (used_ < filled_) return absl::OkStatus();
    used_ = filled_ = 0;
    MILLRACE_ASSIGN_OR_RETURN(filled_, file_->readAt(offset_, buffer_.data(), buffer_.size()));
    offset_ += filled_;
    return absl::OkStatus();
  }

  char* data() { return buffer_.data() + used_; }
  std::size_t size() const { return filled_ - used_; }
  void take(std::size_t count) { used_ += count; }
  std::uint64_t offset() const { return offset_ - size(); }
  const std::string& path() const { return file_->path(); }

 private:
  std::unique_ptr<RandomAccessFile> file_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t offset_ = 0;
};

struct Output {
  char* into;
  std::size_t room;
  std::size_t used = 0;
};

/// What gzip and zstd have in common: bytes first, then the error, for good.
class CompressedDecoder : public ByteDecoder {
 public:
  explicit CompressedDecoder(std::unique_ptr<RandomAccessFile> file) : input_(std::move(file)) {}

  StatusOr<std::size_t> read(char* into, std::size_t size) final {
    Output output{into, std::min(size, kMaxStep)};
    while (failure_.ok() && !ended_ && output.used == 0) failure_ = step(output);
    textOffset_ += output.used;
    if (output.used == 0 && !failure_.ok()) return failure_;
    return output.used;
  }

 protected:
  /// Decodes some; sets `ended_` at the proper end. Output that the decoder holds back
  /// has to come out even when the file ends too early.
  virtual Status step(Output& output) = 0;

  Status damage(const std::string& what, const Output& output) const {
    return absl::DataLossError("cannot read " + input_.path() + ": " + what + ", at byte " +
                               std::to_string(input_.offset()) +
                               " of the file (its text is good up to byte " +
                               std::to_string(textOffset_ + output.used) + ")");
  }

  static constexpr std::size_t kMaxStep = 1u << 30;

  CompressedBytes input_;
  bool ended_ = false;

 private:
  std::uint64_t textOffset_ = 0;
  Status failure_;
};

class GzipDecoder final : public CompressedDecoder {
 public:
  using CompressedDecoder::CompressedDecoder;
  ~GzipDecoder() override {
    if (started_) inflateEnd(&stream_);
  }

 private:
  static constexpr int kGzipWindow = 15 + 16;

  Status step(Output& output) override {
    if (!started_) MILLRACE_RETURN_IF_ERROR(start());
    MILLRACE_RETURN_IF_ERROR(input_.fetch());
    if (!inMember_) {
      // Tapes and block devices fill the last block with zeros.
      while (members_ > 0 && input_.size() > 0 && *input_.data() == 0) input_.take(1);
      if (input_.size() == 0) return endOfFile(output);
    }
    inMember_ = true;
    return decode(output);
  }

  Status start() {
    started_ = inflateInit2(&stream_, kGzipWindow) == Z_OK;
    return started_ ? absl::OkStatus()
                    : absl::ResourceExhaustedError("no memory for a gzip decoder");
  }

  Status decode(Output& output) {
    const std::size_t available = input_.size();
    const std::size_t room = output.room - output.used;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(available);
    stream_.next_out = reinterpret_cast<Bytef*>(output.into + output.used);
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    input_.take(available - stream_.avail_in);
    output.used += room - stream_.avail_out;
    if (result == Z_STREAM_END) {
      ++members_;
      inMember_ = false;
      inflateReset(&stream_);
      return absl::OkStatus();
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
      return damage(stream_.msg != nullptr ? stream_.msg : "damaged gzip data", output);
    }
    return available == 0 && stream_.avail_out == room ? truncated(output) : absl::OkStatus();
  }

  /// Between members with nothing buffered, which is not yet the end of the file.
  Status endOfFile(const Output& output) {
    if (members_ == 0) return truncated(output);
    MILLRACE_RETURN_IF_ERROR(input_.fetch());
    ended_ = input_.size() == 0;
    return absl::OkStatus();
  }

  Status truncated(const Output& output) const {
    return damage("it ends in the middle of a gzip member (is the file still being written?)",
                  output);
  }

  z_stream stream_{};
  bool started_ = false;
  bool inMember_ = false;
  std::uint64_t members_ = 0;
};

class ZstdDecoder final : public CompressedDecoder {
 public:
  using CompressedDecoder::CompressedDecoder;
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

 private:
  Status step(Output& output) override {
    if (stream_ == nullptr) stream_ = ZSTD_createDStream();
    if (stream_ == nullptr) return absl::ResourceExhaustedError("no memory for a zstd decoder");
    MILLRACE_RETURN_IF_ERROR(input_.fetch());
    if (input_.size() == 0 && !inFrame_ && frames_ > 0) {
      ended_ = true;
      return absl::OkStatus();
    }
    ZSTD_inBuffer in{input_.data(), input_.size(), 0};
    ZSTD_outBuffer out{output.into, output.room, output.used};
    const std::size_t result = ZSTD_decompressStream(stream_, &out, &in);
    const bool progress = in.pos > 0 || out.pos > output.used;
    input_.take(in.pos);
    output.used = out.pos;
    if (ZSTD_isError(result)) return damage(ZSTD_getErrorName(result), output);
    if (!progress) {
      return damage("it ends in the middle of a zstd frame (is the file still being written?)",
                    output);
    }
    inFrame_ = result != 0;
    if (!inFrame_) ++frames_;
    return absl::OkStatus();
  }

  ZSTD_DStream* stream_ = nullptr;
  bool inFrame_ = false;
  std::uint64_t frames_ = 0;
};

class StreamBytes final : public ByteDecoder {
 public:
  explicit StreamBytes(std::unique_ptr<InputStream> stream) : stream_(std::move(stream)) {}

  StatusOr<std::size_t> read(char* into, std::size_t size) override {
    return stream_->read(into, size);
  }
  StatusOr<bool> isReady() override { return stream_->waitReadable(std::chrono::milliseconds(0)); }

 private:
  std::unique_ptr<InputStream> stream_;
};

}  // namespace

std::unique_ptr<ByteDecoder> gzipDecoder(std::unique_ptr<RandomAccessFile> file) {
  return std::make_unique<GzipDecoder>(std::move(file));
}

std::unique_ptr<ByteDecoder> zstdDecoder(std::unique_ptr<RandomAccessFile> file) {
  return std::make_unique<ZstdDecoder>(std::move(file));
}

std::unique_ptr<ByteDecoder> streamBytes(std::unique_ptr<InputStream> stream) {
  return std::make_unique<StreamBytes>(std::move(stream));
}

}  // namespace millrace
