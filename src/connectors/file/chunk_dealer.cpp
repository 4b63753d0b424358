// SPDX-License-Identifier: MIT
#include <millrace/connectors/file/chunk_dealer.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include <millrace/base/check.hpp>
#include "connectors/file/byte_decoder.hpp"
#include "connectors/file/file_position.hpp"
#include "connectors/file/input_watch.hpp"
#include "connectors/file/line_stream.hpp"
#include "connectors/file/progress_files.hpp"

namespace millrace {
namespace {

// Past the end of a range this much is read with it, so that most last lines need no
// second read.
constexpr std::size_t kReadAheadBytes = 4u << 10;

// A buffer that a long line made larger than this many chunks is given back.
constexpr std::size_t kKeepChunks = 4;

/// One chunk from its dealing until all before it in its file are completed too.
struct ChunkRecord {
  std::uint64_t offset = 0;
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

/// What positions have said of a file.
struct Recorded {
  FileIdentity identity;  // of a file that was read from, in this run or before
  bool isIdentified = false;
  bool hasEnd = false;
  std::uint64_t end = 0;  // of the text, when `hasEnd`
  std::uint64_t openLineEnd = 0;
  RangeSet delivered;  // as some reader said in its last position but one, or before this run

  // The reader that describes the file in all its positions; up to where the last of them and the
  // one before have all of it; whether there are as many as that.
  const ReadProgress* describer = nullptr;
  std::uint64_t lastDescribedEnd = 0;
  std::uint64_t describedEnd = 0;
  bool wasDescribed = false;
  bool isDescribed = false;

  void noteDescription(std::uint64_t describedUpTo) {
    describedEnd = std::exchange(lastDescribedEnd, describedUpTo);
    isDescribed = std::exchange(wasDescribed, true);
  }
};

/// Lengthens what `delivered` has from the start of the file by what else is known.
void extendPrefix(RangeSet& delivered, const RangeSet& known) {
  while (true) {
    const std::uint64_t end = delivered.prefixEnd();
    const ByteRange* next = known.firstAbove(end);
    if (next == nullptr || next->begin > end) return;
    delivered.add(0, next->end);
  }
}

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

  Recorded recorded;
  RangeSet deliveredBefore;  // by an earlier run; constant once dealing begins

  bool isFinished() const { return allDealt && open.empty(); }
  bool isCompressed() const {
    return input.kind == InputKind::kGzip || input.kind == InputKind::kZstd;
  }
  std::uint64_t prefixEnd() const { return open.empty() ? nextOffset : open.front().offset; }
  /// Goes on at `offset`, past what was delivered before.
  void passTo(std::uint64_t offset) {
    const ByteRange* done = deliveredBefore.firstAbove(offset);
    nextOffset = done != nullptr && done->begin <= offset ? done->end : offset;
    allDealt = nextOffset >= input.size;
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
  void writePosition(ReadProgress& reader, ByteWriter& out);
  Status restore(std::span<const std::string_view> positions);
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
  Status identify(File& file, RandomAccessFile& opened) const;
  Status restoreFile(File& file, FilePosition& then);
  FilePosition describe(const File& file, bool withIdentity) const;
  bool writeFile(File& file, ReadProgress::Files::OfFile& own, bool isDescriber,
                 ByteWriter& out) const;
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
    addFile({stream->path(), InputKind::kStream, 0, {}});
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
    if (file.chunksDealt > 1 || !file.deliveredBefore.isEmpty()) continue;
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
  file.open.push_back({chunk.offset_});
  ++chunksAhead_;
  update(file);
}

Status ChunkDealer::Table::dealRange(File& file, Chunk& chunk, Lock& lock) {
  if (const Status opened = openHandle(file); !opened.ok()) return fail(opened, lock);
  const std::uint64_t begin = file.nextOffset;
  // Ends at a multiple of the chunk's size, whatever came before: that keeps positions short.
  std::uint64_t end =
      std::min<std::uint64_t>({file.input.size, begin + chunkBytesFor(file),
                               (begin / options_.chunkBytes + 1) * options_.chunkBytes});
  if (const ByteRange* done = file.deliveredBefore.firstAbove(begin)) {
    end = std::min(end, done->begin);
  }
  file.passTo(end);
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
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<RandomAccessFile> opened,
                            files_->openRead(file.input.path));
  MILLRACE_RETURN_IF_ERROR(identify(file, *opened));
  file.handle = std::move(opened);
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
    file.recorded.hasEnd = true;
    file.recorded.end = file.nextOffset;
    if (file.isCompressed()) --openDecoders_;
    update(file);
  } else if (*fill == LineStream::Fill::kLines) {
    // The rest of a line that was too long belongs to the chunk after it.
    chunk.offset_ = file.nextOffset;
    file.nextOffset = file.lines->offset();
    if (!file.deliveredBefore.isEmpty()) chunk.passOver_ = &file.deliveredBefore;
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
  MILLRACE_RETURN_IF_ERROR(identify(file, *opened));
  auto bytes = file.input.kind == InputKind::kGzip ? gzipDecoder(std::move(opened))
                                                   : zstdDecoder(std::move(opened));
  file.lines = std::make_unique<LineStream>(std::move(bytes), file.nextOffset);
  return absl::OkStatus();
}

/// Before the first bytes of a file are dealt. A file that positions know of is left alone: they
/// may be written meanwhile.
Status ChunkDealer::Table::identify(File& file, RandomAccessFile& opened) const {
  if (!options_.recordsPositions || file.recorded.isIdentified) return absl::OkStatus();
  const InputFile& input = file.input;
  MILLRACE_ASSIGN_OR_RETURN(const std::uint64_t check, identityCheck(opened, input.size));
  file.recorded.identity = {input.name, input.kind, input.size, check};
  file.recorded.isIdentified = true;
  return absl::OkStatus();
}

FilePosition ChunkDealer::Table::describe(const File& file, bool withIdentity) const {
  FilePosition position;
  position.index = file.turn.fileIndex;
  position.hasIdentity = withIdentity;
  if (withIdentity) position.identity = file.recorded.identity;
  position.hasEnd = file.recorded.hasEnd;
  position.end = file.recorded.end;
  position.openLineEnd = file.recorded.openLineEnd;
  if (!file.isFinished()) {
    position.prefixEnd = file.prefixEnd();
    position.prefixMax = file.closedMax;
  }
  return position;
}

void ChunkDealer::Table::writePosition(ReadProgress& reader, ByteWriter& out) {
  auto& progress = reader.files_->byIndex;
  const Lock lock(mutex_);
  MILLRACE_CHECK(options_.recordsPositions, "positions of a dealer that records none");
  beginFilePositions(out);
  for (auto& [index, own] : progress) {
    Recorded& recorded = table_[index].recorded;
    recorded.delivered.add(own.lastWritten);
    recorded.openLineEnd = std::max(recorded.openLineEnd, own.openLineEnd);
  }
  for (File& file : table_) {
    if (file.input.kind == InputKind::kStream) continue;
    const std::size_t index = file.turn.fileIndex;
    const Recorded& recorded = file.recorded;
    auto own = progress.find(index);
    if (own == progress.end()) {
      const bool isForMe = !recorded.isDescribed || recorded.describer == &reader;
      if (!isForMe || recorded.delivered.isEmpty()) continue;
      own = progress.try_emplace(index).first;
    }
    if (own->second.delivered.isEmpty() && recorded.delivered.isEmpty()) continue;
    if (recorded.describer == nullptr) file.recorded.describer = &reader;
    if (!writeFile(file, own->second, recorded.describer == &reader, out)) progress.erase(own);
  }
}

/// False when others have said all there is to say.
bool ChunkDealer::Table::writeFile(File& file, ReadProgress::Files::OfFile& own, bool isDescriber,
                                   ByteWriter& out) const {
  Recorded& recorded = file.recorded;
  const bool withIdentity = isDescriber || !recorded.isDescribed;
  if (withIdentity) own.delivered.add(recorded.delivered);
  extendPrefix(own.delivered, recorded.delivered);
  if (isDescriber) recorded.noteDescription(own.delivered.prefixEnd());
  const bool isNews = own.delivered.firstAbove(recorded.describedEnd) != nullptr;
  if (!withIdentity && !isNews) return false;
  own.lastWritten = own.delivered;
  FilePosition position = describe(file, withIdentity);
  position.delivered = own.delivered;
  writeFilePosition(position, options_.chunkBytes, out);
  return true;
}

Status ChunkDealer::Table::restore(std::span<const std::string_view> positions) {
  MILLRACE_ASSIGN_OR_RETURN(std::vector<FilePosition> merged, mergeFilePositions(positions));
  const Lock lock(mutex_);
  std::map<std::string_view, File*> byName;
  for (File& file : table_) {
    MILLRACE_CHECK(file.chunksDealt == 0, "a dealer is restored before it deals");
    byName[file.input.name] = &file;
  }
  for (FilePosition& then : merged) {
    const auto found = byName.find(then.identity.name);
    if (found == byName.end()) return missingInput(then.identity.name);
    MILLRACE_RETURN_IF_ERROR(restoreFile(*found->second, then));
  }
  return absl::OkStatus();
}

Status ChunkDealer::Table::restoreFile(File& file, FilePosition& then) {
  MILLRACE_RETURN_IF_ERROR(checkUnchanged(*files_, then, file.input));
  Recorded& recorded = file.recorded;
  recorded.identity = then.identity;
  recorded.isIdentified = file.input.size == then.identity.size;
  if (!recorded.isIdentified) {
    MILLRACE_ASSIGN_OR_RETURN(const auto opened, files_->openRead(file.input.path));
    MILLRACE_RETURN_IF_ERROR(identify(file, *opened));
  }
  recorded.hasEnd = then.hasEnd && file.input.size == then.identity.size;
  recorded.end = then.end;
  recorded.openLineEnd = then.openLineEnd;
  recorded.delivered = then.delivered;
  file.deliveredBefore = std::move(then.delivered);
  file.closedMax = then.prefixMax;
  if (file.isCompressed()) {
    file.nextOffset = file.deliveredBefore.prefixEnd();
    file.allDealt = recorded.hasEnd && file.nextOffset >= recorded.end;
  } else {
    file.passTo(0);
  }
  update(file);
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

void ChunkDealer::writePosition(ReadProgress& progress, const Chunk* current, ByteWriter& out) {
  if (current != nullptr) progress.add(*current);
  table_->writePosition(progress, out);
}

Status ChunkDealer::restore(std::span<const std::string_view> positions) {
  return table_->restore(positions);
}

Timestamp ChunkDealer::sourceMaxTimestamp() const { return table_->sourceMaxTimestamp(); }

Timestamp ChunkDealer::fileMaxTimestamp(std::size_t fileIndex) const {
  MILLRACE_CHECK(fileIndex < table_->fileCount(), "no such file");
  return table_->fileMaxTimestamp(fileIndex);
}

std::size_t ChunkDealer::fileCount() const { return table_->fileCount(); }

}  // namespace millrace
