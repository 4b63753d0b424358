// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/kafka/kafka_message.hpp>
#include <millrace/connectors/kafka/kafka_source_options.hpp>
#include <millrace/runtime/source.hpp>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace millrace {

/// One worker's share of a Kafka source, up to the messages: what a KafkaSource makes records of.
///
/// Each partition is a split. A call of next() goes to messages of one of them; nextMessage() then
/// gives one after the other.
///
/// **Thread safety**: none, but for splits(), which may be called from any thread.
class KafkaReader {
 public:
  virtual ~KafkaReader();

  /// Blocks until the brokers have said where to begin. kNotFound: a topic is not there;
  /// kPermissionDenied: not for this client; kUnavailable: no broker has answered in time.
  virtual Status open(OperatorContext& context) = 0;

  /// See SourceReaderLife, as what follows.
  virtual StatusOr<bool> hasPassingStart() const = 0;

  /// Goes on from what the readers of a checkpoint wrote.
  virtual Status restore(std::span<const std::string_view> positions) = 0;
  virtual void writePosition(ByteWriter& out) = 0;

  /// Never blocks. kMore: messages of the split that `report` has been told of are there, or
  /// something else has been got on with.
  virtual StatusOr<ReadState> next(ReaderReport& report) = 0;

  /// The next message of the run; it counts as delivered, and is valid until the next call of this
  /// or of next(). False: there are no more of it.
  virtual bool nextMessage(KafkaMessage& message) = 0;

  virtual Timestamp nextDeadline() const = 0;
  /// `succeeded`: the group is told of the last checkpoint, for which this waits a little.
  virtual void close(bool succeeded) = 0;
  virtual void appendSplits(std::vector<SplitProgress>& splits) const = 0;
};

/// A reader of the source whose readers share `shared`.
std::unique_ptr<KafkaReader> makeKafkaReader(std::shared_ptr<void>& shared,
                                             const KafkaSourceOptions& options);

}  // namespace millrace
