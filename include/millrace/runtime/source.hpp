// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/runtime/operator.hpp>
#include <millrace/runtime/watermark_strategy.hpp>
#include <millrace/serde/bytes.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// The event time of a record whose source knows none.
inline constexpr Timestamp kNoTimestamp = kMinTimestamp;

/// What a record has besides its bytes when it came as a message.
struct MessageParts {
  struct Header {
    std::string name;
    std::optional<std::string> value;  ///< absent: null, which is not the same as empty
  };

  std::optional<std::string> key;  ///< as Header::value
  std::vector<Header> headers;     ///< in their order; names may repeat
  bool isTombstone = false;        ///< null stands in place of the bytes
};

/// A record that could not be read, as it was, with the reason.
struct DeadLetter {
  std::string source;    ///< name of the source operator
  std::string position;  ///< where it stood: "events.ndjson:1024" (file and byte offset)
  std::string reason;    ///< why it is invalid, naming the member
  std::string payload;   ///< the bytes
  std::optional<MessageParts> message = {};  ///< absent: it was none, but a line of a file

  void assign(std::string_view fromSource, std::string_view at, std::string_view why,
              std::string_view bytes, const MessageParts* parts);
};
extern template class TypedBatch<DeadLetter>;

/// Throws the JobError of a source that was told to fail on invalid records.
[[noreturn]] void failInvalidRecord(std::string_view position, std::string_view reason);

/// Splits what source tasks wrote into a checkpoint (each its watermark, then its reader's
/// position) and returns the least of the watermarks. kDataLoss: the bytes are damaged.
StatusOr<Timestamp> readSourcePositions(std::span<const std::string> tasks,
                                        std::vector<std::string_view>& ofReaders);

/// What a source does with a record it cannot read. It is counted in any case.
enum class OnInvalid : std::uint8_t {
  kSkip,  ///< goes to the dead letters when somebody reads them
  kFail,  ///< fails the job
};

/// What a reader tells besides records; see SourceOutput.
class ReaderReport {
 public:
  virtual ~ReaderReport();
  virtual void split(std::size_t index) = 0;
  virtual void endSplit(std::size_t index) = 0;
  virtual void setPending(std::size_t index, bool isPending) = 0;
  /// False: there is no room for more dead letters, read() should return. `message` is null where
  /// the record is none.
  virtual bool reject(std::string_view position, std::string_view reason, std::string_view payload,
                      const MessageParts* message) = 0;
  virtual void countBytes(std::size_t bytes) = 0;
};

/// Where a SourceReader puts what it has read.
///
/// **Thread safety**: none; valid during one read() call.
template <typename T>
class SourceOutput {
 public:
  /// Room for the records from `from` to `limit` of `batch`.
  SourceOutput(ReaderReport& report, TypedBatch<T>& batch, std::size_t from, std::size_t limit)
      : slot_(batch.slots() + from),
        end_(batch.slots() + limit),
        time_(batch.slotTimes() + from),
        report_(report) {}
  SourceOutput(const SourceOutput&) = delete;
  SourceOutput& operator=(const SourceOutput&) = delete;

  /// True when read() should return.
  bool isFull() const { return slot_ == end_; }

  /// Adds a record to the current split and returns its slot, which holds an old value: assign
  /// all of it. REQUIRES: !isFull().
  T& append(Timestamp eventTime = kNoTimestamp) {
    *time_++ = eventTime;
    return *slot_++;
  }

  /// Sets the event time of the record appended last, once its value is known.
  void setTime(Timestamp eventTime) { time_[-1] = eventTime; }

  /// Takes back the record appended last.
  void dropLast() {
    --time_;
    --slot_;
  }

  /// Says which split the records of this read() come from (0 unless told). A call of read()
  /// delivers records of one split; announcing splits that have no records yet is how they get to
  /// hold time back. Splits are numbered by each reader from 0, without holes.
  void split(std::size_t index) { report_.split(index); }

  /// The split will bring nothing more.
  void endSplit(std::size_t index) { report_.endSplit(index); }

  /// Whether there is known, or may be, more of the split than has been read. While there is, the
  /// split does not count as silent, however long nothing of it comes: its records are on their
  /// way. Unless told a split is taken for read up to where it is.
  void setPending(std::size_t index, bool isPending) { report_.setPending(index, isPending); }

  /// Counts a record that cannot be read and sends it to the dead letters.
  /// `position` and `reason` are for people; `payload` is the record as it stood, `message` the
  /// rest of it where it is a message.
  void reject(std::string_view position, std::string_view reason, std::string_view payload,
              const MessageParts* message = nullptr) {
    if (!report_.reject(position, reason, payload, message)) end_ = slot_;
  }

  /// Adds to the count of bytes read.
  void countBytes(std::size_t bytes) { report_.countBytes(bytes); }

  /// Behind the record appended last.
  const T* position() const { return slot_; }

  /// The same for those parts of a reader that know no records. What reject() answers there has to
  /// be heeded.
  ReaderReport& report() { return report_; }

 private:
  // Pointers alone, so that the compiler knows that storing a record's numbers changes none of
  // them.
  T* slot_;
  T* end_;
  Timestamp* time_;
  ReaderReport& report_;
};

enum class ReadState : std::uint8_t {
  kMore,   ///< call again at once
  kQuiet,  ///< nothing now: call again when woken, or at nextDeadline()
  kEnd,    ///< nothing will ever come
};

/// How far a split has been read, for people.
struct SplitProgress {
  static constexpr std::int64_t kUnknown = -1;

  std::string name;                   ///< "user-events-3"
  std::int64_t position = kUnknown;   ///< of the next record
  std::int64_t end = kUnknown;        ///< behind the last record there is
  std::int64_t committed = kUnknown;  ///< what others have been told of
  std::uint64_t repeated = 0;         ///< records that came a second time, and were dropped

  /// How many records there are still to read; 0 when that is not known.
  std::int64_t lag() const { return end > position && position >= 0 ? end - position : 0; }
};

/// All of a SourceReader but its records.
class SourceReaderLife {
 public:
  virtual ~SourceReaderLife();

  virtual Status open(OperatorContext& context);

  /// Wall-clock time of the next read() when nobody wakes the worker before. Default: none.
  virtual Timestamp nextDeadline() const;

  /// Whether a checkpoint can bring the source back to a position. One that cannot be brought back
  /// (standard input, a socket) is delivered at most once: what was read after the last checkpoint
  /// is lost with the process. Default: it cannot.
  virtual bool isReplayable() const;

  /// Appends what a reader needs to go on behind the last record that this one has delivered.
  virtual void writePosition(ByteWriter& out) const;

  /// Whether another start from nothing might begin elsewhere than this one, as one at the end that
  /// a topic has just now. Where it might, what writePosition() says is committed before the first
  /// read(): a job that fails before its first checkpoint then goes on from there, and nothing is
  /// skipped. An error: where to begin could not be found out. Asked after open(), unless there is
  /// a position to go on from. Default: false.
  virtual StatusOr<bool> hasPassingStart() const;

  /// After open(): go on from a checkpoint. `positions` are what all readers of the source wrote
  /// then, however many there were; each reader is given all. kFailedPrecondition: the input is not
  /// what it was (the message says what changed and what to do); kDataLoss: the bytes are damaged.
  virtual Status restorePositions(std::span<const std::string_view> positions);

  /// Comes last. `succeeded`: the job did, and its last checkpoint, if it takes any, is committed.
  virtual Status close(bool succeeded);

  /// Appends what is known of the splits this reader has. Called from any thread.
  virtual void appendSplits(std::vector<SplitProgress>& splits) const;

  /// For a split that all instances read together (one large file): called after each read() with
  /// the highest event time in it, answers with the highest time known to be passed by all.
  virtual std::optional<Timestamp> sharedMaximum(Timestamp batchMaximum);
};

/// Reads one instance's share of a source; a connector's author writes one of these.
///
/// **Thread safety**: all calls come from one worker. read() never blocks; a reader that waits for
/// data elsewhere keeps `context.waker()` and wakes it.
template <typename T>
class SourceReader : public SourceReaderLife {
 public:
  /// Appends records of one split until `out.isFull()` or nothing is ready.
  /// Errors fail the job; kUnavailable says that a retry may help.
  virtual StatusOr<ReadState> read(SourceOutput<T>& out) = 0;
};

/// Makes the readers of a source, one a worker. A small value that can be copied; it may make
/// readers for several jobs.
///
/// What the readers of one job have in common hangs on `shared`, which the first to come fills;
/// readers are made and opened one after the other. `watermarks` tells a connector whether somebody
/// wants to see each split's records in order (a user-defined generator).
template <typename T>
class SourceConnector {
 public:
  virtual ~SourceConnector() = default;
  virtual std::unique_ptr<SourceReader<T>> makeReader(
      std::shared_ptr<void>& shared, const WatermarkStrategy& watermarks) const = 0;
  /// "file(events.ndjson)".
  virtual std::string describe() const = 0;
  /// False when no record comes with an event time, which build() then asks for where windows are.
  virtual bool hasEventTimes() const { return true; }
};

}  // namespace millrace
