// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <millrace/base/file_system.hpp>
#include <millrace/base/status.hpp>
#include <millrace/connectors/file/chunk.hpp>
#include <millrace/connectors/file/input_files.hpp>
#include <millrace/connectors/file/read_progress.hpp>
#include <millrace/serde/bytes.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// The bytes of one chunk: enough to make its costs vanish, small enough that a few
/// of them a worker fit in the cache.
inline constexpr std::size_t kChunkBytes = 256u << 10;

/// The first chunk of each of several files: it only has to tell when the file begins.
inline constexpr std::size_t kProbeChunkBytes = 16u << 10;

/// How far the workers of a source may run apart: the sum over its files of the chunks
/// dealt from the oldest one on that is not completed. It bounds what is open while one
/// worker lags. Give at least as many as there are workers.
inline constexpr std::size_t kMaxChunksAhead = 16;

/// Plain files held open at once; of more than these the least recently used are
/// closed and opened again when needed.
inline constexpr std::size_t kMaxOpenFiles = 128;

/// Compressed files being decoded at once (a zstd decoder holds megabytes). Of more
/// than these, the rest wait after their first chunk until one is finished.
inline constexpr std::size_t kMaxOpenDecoders = 32;

/// Told when it is worth asking a ChunkDealer again.
class ChunkListener {
 public:
  virtual ~ChunkListener() = default;

  /// After some `next` answered kNotNow: a chunk may be there now, or the source's
  /// time went on. Called from any thread, also from within the dealer's own methods
  /// but with no lock held. Must neither block nor call the dealer: wake those who do.
  virtual void onChunksMayBeReady() = 0;
};

struct ChunkDealerOptions {
  std::size_t chunkBytes = kChunkBytes;
  std::size_t maxLineBytes = kMaxLineBytes;
  std::size_t maxChunksAhead = kMaxChunksAhead;
  std::size_t maxOpenFiles = kMaxOpenFiles;
  std::size_t maxOpenDecoders = kMaxOpenDecoders;

  /// At most one chunk of a file is out at a time, so that the records of a file can
  /// be seen in order, as a user's own watermark generator needs.
  bool sequentialWithinFile = false;

  /// Readers will ask for positions. Without it nothing is remembered for them.
  bool recordsPositions = false;

  /// Must outlive the dealer. With one, a thread waits for the bytes of live streams.
  ChunkListener* listener = nullptr;
};

enum class Deal : std::uint8_t {
  kChunk,      ///< the chunk was filled; call `complete` for it some time
  kNotNow,     ///< ask again later: too many chunks are out, or nothing has arrived
  kExhausted,  ///< no chunk will come any more (others may still be out)
};

/// Deals the chunks of a list of input files to the workers of one source, and keeps
/// the event time of the whole while the chunks race.
///
/// Which chunk: the next one of the file that is least far in event time, the one with
/// fewer chunks out and then the earlier one where equal. Files that follow each other
/// in time are thus read one after the other and files that lie side by side together,
/// and both keep few windows open.
///
/// Event time: the prefix maximum of a file is the largest timestamp in the chunks
/// completed without a gap from its start and in what is reported of the first one
/// that is not; that is what a reader going through the file in order would know. A
/// finished file counts as kMaxTimestamp, one of which nothing is known yet as
/// kMinTimestamp. The source's is the minimum over the files. With out-of-orderness B
/// within each file, `sourceMaxTimestamp() - B - 1` is a correct watermark for every
/// worker, provided a worker sends the records it has already reported before it.
///
/// Positions: readers come to a barrier at different moments, so each says what it has delivered
/// itself, as ranges of the files; the union over the positions of one checkpoint is what is
/// delivered. A checkpoint holds of every reader the position at hand or, as a reader that has come
/// to its end is one position ahead, the one before. So what a reader has said in its last position
/// but one is part of every checkpoint to come: where that and what it has delivered itself cover
/// a file from its start, a reader says all of it, which keeps positions short. The first reader
/// that has something to say of a file goes on to tell what the file looks like, and the others are
/// silent about what it has said. Live streams have no position.
///
/// Thread safety: all methods may be called from any thread at once; one mutex is taken
/// once a call, and not while bytes are read or decompressed (but for the KiB or two that tell a
/// file from another). Nothing in here waits for another worker or for a live stream.
/// Invariants:
/// 1. Every line of every file is in exactly one chunk.
/// 2. `sourceMaxTimestamp` never goes back.
/// 3. Restored from the positions of one checkpoint, a dealer deals exactly the lines that none of
///    its readers had delivered at its barrier, and those the files have gained since.
class ChunkDealer {
 public:
  ChunkDealer(FileSystem& files, std::vector<InputFile> inputs, ChunkDealerOptions options = {});

  /// Over one live stream, e.g. `files.standardInput()`. Lines are dealt as soon as
  /// they are complete, without waiting for a chunk to fill.
  explicit ChunkDealer(std::unique_ptr<InputStream> stream, ChunkDealerOptions options = {});

  ~ChunkDealer();

  /// Fills `chunk` with the next piece. Its lines of before are gone.
  ///
  /// Errors: what the file system says; kDataLoss for a damaged or truncated .gz or
  /// .zst, after all complete lines before the damage were dealt. An error is final:
  /// it is the answer to every later call.
  StatusOr<Deal> next(Chunk& chunk);

  /// The largest timestamp met so far in a chunk that is not completed.
  /// REQUIRES: the chunk was dealt and not completed.
  void reportProgress(std::size_t fileIndex, std::uint64_t chunkIndex, Timestamp maxTimestamp);

  /// All of the chunk was read; `maxTimestamp` is the largest of its timestamps,
  /// kMinTimestamp when there was none.
  /// REQUIRES: the chunk was dealt and not completed.
  void complete(std::size_t fileIndex, std::uint64_t chunkIndex, Timestamp maxTimestamp);

  /// Appends the position of one reader. `progress` holds the chunks it has completed, `current` is
  /// the one it is reading, or null.
  /// REQUIRES: options.recordsPositions. A reader writes at most one position a checkpoint, and one
  /// at its end, which counts for every later checkpoint; a checkpoint begins when the one before
  /// has all its positions or is given up.
  void writePosition(ReadProgress& progress, const Chunk* current, ByteWriter& out);

  /// Goes on from the positions of all readers of a checkpoint, however many there were.
  /// REQUIRES: nothing was dealt.
  ///
  /// kFailedPrecondition: a file that was read from is missing, shorter or another one; files that
  /// have grown and new ones are fine. kDataLoss: the positions are damaged.
  Status restore(std::span<const std::string_view> positions);

  /// See above. kMaxTimestamp once every chunk of every file is completed. Takes no lock.
  Timestamp sourceMaxTimestamp() const;

  /// The prefix maximum of one file. REQUIRES: fileIndex < fileCount().
  Timestamp fileMaxTimestamp(std::size_t fileIndex) const;

  std::size_t fileCount() const;

 private:
  class Table;
  std::unique_ptr<Table> table_;
};

}  // namespace millrace
