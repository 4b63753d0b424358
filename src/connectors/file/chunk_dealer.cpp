// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/chunk_dealer.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <list>
#include <mutex>
#include <set>
#include <utility>

#include <millrace/base/check.hpp>
#include "connectors/file/byte_decoder.hpp"
#include "connectors/file/input_watch.hpp"
#include "connectors/file/line_stream.hpp"

namespace millrace {
namespace {

// Past the end of a range this much is read with it, so that most last lines need no
// second read.
constexpr std::size_t kReadAheadBytes = 4u << 10;

// A buffer that a long line made larger than this many chunks is given back.
constexpr std::size_t kKeepChunks = 4;

/// One chunk from its dealing until all before it in its file are completed too.
struct ChunkRecord {
  Timestamp maxTimestamp = kMinTimestamp;
  bool completed = false;
};

/// The order in which files are served.
struct Turn {
  Timestamp prefixMax = kMinTimestamp;
  std::size_t chunksOpen = 0;
  std::size_t fileIndex = 0;

  auto operator<=>(const Turn&) const = default;
};

struct File {
  InputFile input;
  Turn turn;
  std::uint64_t nextOffset = 0;  // where the next chunk begins
  std::uint64_t chunksDealt = 0;
  std::uint64_t firstOpen = 0;  // index of open.front()
  std::deque<ChunkRecord> open;
  Timestamp closedMax = kMinTimestamp;  // over the chunks before firstOpen
  bool allDealt = false;

  std::shared_ptr<RandomAccessFile> handle;  // kPlain, while among the recently used
  std::list<std::size_t>::iterator recency;

  std::unique_ptr<LineStream> lines;  // the other kinds, while decoding
  std::unique_ptr<InputWatch> watch;  // kStream, when there is someone to tell
  bool filling = false;               // a worker is inside `lines` and `watch`, without the mutex

  bool isFinished() const { return allDealt && open.empty(); }
  bool isCompressed() const {
    return input.kind == InputKind::kGzip || input.kind == InputKind::kZstd;
  }
  Timestamp prefixMax() const {
    if (isFinished()) return kMaxTimestamp;
    return open.empty() ? closedMax : std::max(closedMax, open.front().maxTimestamp);
  }
};

}  // namespace

/// States of a file: unopened, being read, all dealt, finished. A compressed one may
/// fall back from being read to unopened while only its first chunk was dealt.
class ChunkDealer::Table {
 public:
  Table(FileSystem* files, std::vector<InputFile> inputs, std::unique_ptr<InputStream> stream,
        ChunkDealerOptions options);

  StatusOr<Deal> next(Chunk& chunk);
  void report(std::size_t fileIndex, std::uint64_t chunkIndex, Timestamp maxTimestamp,
              bool completed);
  Timestamp sourceMaxTimestamp() const { return sourceMax_.load(std::memory_order_acquire); }
  Timestamp fileMaxTimestamp(std::size_t fileIndex) const;
  std::size_t fileCount() const { return table_.size(); }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void addFile(InputFile input);
  void attachStream(File& file, std::unique_ptr<InputStream> stream);
  File* pick(const std::vector<std::size_t>& passedOver);
  bool makeRoomForDecoder();
  Status dealRange(File& file, Chunk& chunk, Lock& lock);
  StatusOr<LineStream::Fill> fillFromStream(File& file, Chunk& chunk, Lock& lock);
  Status openHandle(File& file);
  Status openLines(File& file);
  void dealt(File& file, Chunk& chunk);
  std::size_t chunkBytesFor(const File& file) const;
  void update(File& file);
  Status fail(const Status& failure, Lock& lock);
  void wakeIfAsked(Lock& lock, bool worthIt);

  FileSystem* const files_;
  const ChunkDealerOptions options_;
  const Chunk::Limits limits_;

  mutable std::mutex mutex_;
  // Guarded by mutex_, but for the `lines` of a file that is being filled.
  std::deque<File> table_;
  std::set<Turn> unfinished_;
  std::list<std::size_t> recentlyUsed_;  // plain files with a handle, latest first
  std::size_t chunksAhead_ = 0;          // over all files: open chunks and those being filled
  std::size_t openDecoders_ = 0;
  bool someoneWaits_ = false;
  Status failure_;

  // Stored under mutex_ with release, read without it with acquire: who sees a time
  // also sees the chunks it is made of as completed.
  std::atomic<Timestamp> sourceMax_{kMinTimestamp};
};

ChunkDealer::Table::Table(FileSystem* files, std::vector<InputFile> inputs,
                          std::unique_ptr<InputStream> stream, ChunkDealerOptions options)
    : files_(files),
      options_(options),
      limits_{options.maxLineBytes, std::min(kReadAheadBytes, options.chunkBytes),
              kKeepChunks * (options.chunkBytes + kReadAheadBytes)} {
  MILLRACE_CHECK(options_.chunkBytes > 0, "chunks need at least one byte");
  MILLRACE_CHECK(options_.maxChunksAhead > 0, "at least one chunk has to be out");
  MILLRACE_CHECK(options_.maxOpenFiles > 0 && options_.maxOpenDecoders > 0,
                 "at least one file has to be open");
  for (InputFile& input : inputs) addFile(std::move(input));
  if (stream != nullptr) {
    addFile({stream->path(), InputKind::kStream, 0});
    attachStream(table_.front(), std::move(stream));
  }
  if (unfinished_.empty()) sourceMax_ = kMaxTimestamp;
}

void ChunkDealer::Table::addFile(InputFile input) {
  File& file = table_.emplace_back();
  file.turn.fileIndex = table_.size() - 1;
  file.allDealt = input.kind == InputKind::kPlain && input.size == 0;
  file.input = std::move(input);
  if (!file.isFinished()) unfinished_.insert(file.turn);
}

void ChunkDealer::Table::attachStream(File& file, std::unique_ptr<InputStream> stream) {
  const int descriptor = stream->descriptor();
  file.lines = std::make_unique<LineStream>(streamBytes(std::move(stream)), file.nextOffset);
  if (options_.listener == nullptr || descriptor < 0) return;
  file.watch = std::make_unique<InputWatch>(
      descriptor, [listener = options_.listener] { listener->onChunksMayBeReady(); });
}

/// Brings a file's turn and the source's time up to date after a change.
void ChunkDealer::Table::update(File& file) {
  const Turn turn{file.prefixMax(), file.open.size(), file.turn.fileIndex};
  unfinished_.erase(file.turn);
  file.turn = turn;
  if (!file.isFinished()) unfinished_.insert(turn);
  const Timestamp sourceMax = unfinished_.empty() ? kMaxTimestamp : unfinished_.begin()->prefixMax;
  sourceMax_.store(sourceMax, std::memory_order_release);
}

Timestamp ChunkDealer::Table::fileMaxTimestamp(std::size_t fileIndex) const {
  const Lock lock(mutex_);
  return table_[fileIndex].prefixMax();
}

/// The file whose turn it is, or none. `passedOver` had nothing to give just now.
File* ChunkDealer::Table::pick(const std::vector<std::size_t>& passedOver) {
  bool decodersFull = false;
  for (const Turn& turn : unfinished_) {
    File& file = table_[turn.fileIndex];
    if (file.allDealt || file.filling) continue;
    if (options_.sequentialWithinFile && turn.chunksOpen > 0) continue;
    if (std::find(passedOver.begin(), passedOver.end(), turn.fileIndex) != passedOver.end()) {
      continue;
    }
    const bool needsDecoder = file.isCompressed() && file.lines == nullptr;
    if (needsDecoder && !decodersFull) decodersFull = !makeRoomForDecoder();
    if (needsDecoder && decodersFull) continue;
    return &file;
  }
  return nullptr;
}

/// A decoder that gave only its first chunk costs little to build again.
bool ChunkDealer::Table::makeRoomForDecoder() {
  if (openDecoders_ < options_.maxOpenDecoders) return true;
  for (File& file : table_) {
    if (file.filling || !file.isCompressed() || file.lines == nullptr) continue;
    if (file.chunksDealt > 1) continue;
    file.lines.reset();
    --openDecoders_;
    return true;
  }
  return false;
}

StatusOr<Deal> ChunkDealer::Table::next(Chunk& chunk) {
  Lock lock(mutex_);
  std::vector<std::size_t> passedOver;
  while (failure_.ok()) {
    File* file = chunksAhead_ < options_.maxChunksAhead ? pick(passedOver) : nullptr;
    if (file == nullptr) break;
    if (file->input.kind == InputKind::kPlain) {
      MILLRACE_RETURN_IF_ERROR(dealRange(*file, chunk, lock));
      return Deal::kChunk;
    }
    const StatusOr<LineStream::Fill> fill = fillFromStream(*file, chunk, lock);
    if (!fill.ok()) return fill.status();
    if (*fill == LineStream::Fill::kLines) return Deal::kChunk;
    if (*fill == LineStream::Fill::kNothingYet) passedOver.push_back(file->turn.fileIndex);
  }
  if (!failure_.ok()) return failure_;
  const bool exhausted = std::all_of(unfinished_.begin(), unfinished_.end(), [&](const Turn& turn) {
    return table_[turn.fileIndex].allDealt;
  });
  if (exhausted) return Deal::kExhausted;
  someoneWaits_ = true;
  for (const std::size_t fileIndex : passedOver) {
    const File& file = table_[fileIndex];
    if (!file.filling && file.watch != nullptr) file.watch->arm();
  }
  return Deal::kNotNow;
}

std::size_t ChunkDealer::Table::chunkBytesFor(const File& file) const {
  const bool isProbe = file.chunksDealt == 0 && table_.size() > 1;
  return isProbe ? std::min(options_.chunkBytes, kProbeChunkBytes) : options_.chunkBytes;
}

void ChunkDealer::Table::dealt(File& file, Chunk& chunk) {
  chunk.fileIndex_ = file.turn.fileIndex;
  chunk.path_ = file.input.path;
  chunk.index_ = file.chunksDealt++;
  file.open.emplace_back();
  ++chunksAhead_;
  update(file);
}

Status ChunkDealer::Table::dealRange(File& file, Chunk& chunk, Lock& lock) {
  if (const Status opened = openHandle(file); !opened.ok()) return fail(opened, lock);
  const std::uint64_t begin = file.nextOffset;
  const std::uint64_t end = std::min<std::uint64_t>(file.input.size, begin + chunkBytesFor(file));
  file.nextOffset = end;
  file.allDealt = end == file.input.size;
  chunk.beginRange(begin, end, limits_, file.handle);
  dealt(file, chunk);
  if (file.allDealt) {
    recentlyUsed_.erase(file.recency);
    file.handle.reset();
  }
  lock.unlock();
  const Status loaded = chunk.loadRange();
  if (loaded.ok()) return loaded;
  lock.lock();
  return fail(loaded, lock);
}

Status ChunkDealer::Table::openHandle(File& file) {
  if (file.handle != nullptr) {
    recentlyUsed_.splice(recentlyUsed_.begin(), recentlyUsed_, file.recency);
    return absl::OkStatus();
  }
  if (recentlyUsed_.size() >= options_.maxOpenFiles) {
    table_[recentlyUsed_.back()].handle.reset();
    recentlyUsed_.pop_back();
  }
  MILLRACE_ASSIGN_OR_RETURN(file.handle, files_->openRead(file.input.path));
  recentlyUsed_.push_front(file.turn.fileIndex);
  file.recency = recentlyUsed_.begin();
  return absl::OkStatus();
}

/// Decodes without the mutex; `filling` keeps others out of this file meanwhile.
StatusOr<LineStream::Fill> ChunkDealer::Table::fillFromStream(File& file, Chunk& chunk,
                                                              Lock& lock) {
  file.filling = true;
  ++chunksAhead_;
  if (file.lines == nullptr && file.isCompressed()) ++openDecoders_;
  const std::size_t chunkBytes = chunkBytesFor(file);
  lock.unlock();
  StatusOr<LineStream::Fill> fill = LineStream::Fill::kNothingYet;
  if (const Status opened = openLines(file); !opened.ok()) fill = opened;
  if (fill.ok()) fill = file.lines->fill(chunk, limits_, chunkBytes);
  const bool ended = fill.ok() && *fill == LineStream::Fill::kEnd;
  if (ended) {
    file.watch.reset();
    file.lines.reset();
  }
  lock.lock();
  --chunksAhead_;
  file.filling = false;
  if (!fill.ok()) return fail(fill.status(), lock);
  if (ended) {
    file.allDealt = true;
    if (file.isCompressed()) --openDecoders_;
    update(file);
  } else if (*fill == LineStream::Fill::kLines) {
    file.nextOffset = file.lines->offset();
    dealt(file, chunk);
  }
  wakeIfAsked(lock, *fill != LineStream::Fill::kNothingYet);
  return fill;
}

Status ChunkDealer::Table::openLines(File& file) {
  if (file.lines != nullptr) return absl::OkStatus();
  if (!file.isCompressed()) {
    MILLRACE_ASSIGN_OR_RETURN(auto stream, files_->openStream(file.input.path));
    attachStream(file, std::move(stream));
    return absl::OkStatus();
  }
  MILLRACE_ASSIGN_OR_RETURN(auto opened, files_->openRead(file.input.path));
  auto bytes = file.input.kind == InputKind::kGzip ? gzipDecoder(std::move(opened))
                                                   : zstdDecoder(std::move(opened));
  file.lines = std::make_unique<LineStream>(std::move(bytes), file.nextOffset);
  return absl::OkStatus();
}

void ChunkDealer::Table::report(std::size_t fileIndex, std::uint64_t chunkIndex,
                                Timestamp maxTimestamp, bool completed) {
  Lock lock(mutex_);
  MILLRACE_CHECK(fileIndex < table_.size(), "no such file");
  File& file = table_[fileIndex];
  MILLRACE_CHECK(chunkIndex >= file.firstOpen && chunkIndex < file.chunksDealt,
                 "this chunk is not out");
  ChunkRecord& record = file.open[static_cast<std::size_t>(chunkIndex - file.firstOpen)];
  MILLRACE_CHECK(!record.completed, "this chunk was completed before");
  record.maxTimestamp = std::max(record.maxTimestamp, maxTimestamp);
  record.completed = completed;
  while (!file.open.empty() && file.open.front().completed) {
    file.closedMax = std::max(file.closedMax, file.open.front().maxTimestamp);
    file.open.pop_front();
    --chunksAhead_;
    ++file.firstOpen;
  }
  const Timestamp before = sourceMaxTimestamp();
  update(file);
  wakeIfAsked(lock, completed || sourceMaxTimestamp() > before);
}

Status ChunkDealer::Table::fail(const Status& failure, Lock& lock) {
  if (failure_.ok()) failure_ = failure;
  const Status first = failure_;
  wakeIfAsked(lock, true);
  return first;
}

/// Releases the mutex around the listener's call.
void ChunkDealer::Table::wakeIfAsked(Lock& lock, bool worthIt) {
  if (!worthIt || !someoneWaits_ || options_.listener == nullptr) return;
  someoneWaits_ = false;
  lock.unlock();
  options_.listener->onChunksMayBeReady();
  lock.lock();
}

ChunkDealer::ChunkDealer(FileSystem& files, std::vector<InputFile> inputs,
                         ChunkDealerOptions options)
    : table_(std::make_unique<Table>(&files, std::move(inputs), nullptr, options)) {}

ChunkDealer::ChunkDealer(std::unique_ptr<InputStream> stream, ChunkDealerOptions options)
    : table_(
          std::make_unique<Table>(nullptr, std::vector<InputFile>(), std::move(stream), options)) {}

ChunkDealer::~ChunkDealer() = default;

StatusOr<Deal> ChunkDealer::next(Chunk& chunk) { return table_->next(chunk); }

void ChunkDealer::reportProgress(std::size_t fileIndex, std::uint64_t chunkIndex,
                                 Timestamp maxTimestamp) {
  table_->report(fileIndex, chunkIndex, maxTimestamp, false);
}

void ChunkDealer::complete(std::size_t fileIndex, std::uint64_t chunkIndex,
                           Timestamp maxTimestamp) {
  table_->report(fileIndex, chunkIndex, maxTimestamp, true);
}

Timestamp ChunkDealer::sourceMaxTimestamp() const { return table_->sourceMaxTimestamp(); }

Timestamp ChunkDealer::fileMaxTimestamp(std::size_t fileIndex) const {
  MILLRACE_CHECK(fileIndex < table_->fileCount(), "no such file");
  return table_->fileMaxTimestamp(fileIndex);
}

std::size_t ChunkDealer::fileCount() const { return table_->fileCount(); }

}  // namespace millrace
