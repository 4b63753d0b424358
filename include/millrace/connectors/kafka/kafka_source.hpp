// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/kafka/kafka_message.hpp>
#include <millrace/connectors/kafka/kafka_reader.hpp>
#include <millrace/connectors/kafka/kafka_source_options.hpp>
#include <millrace/formats/line_format.hpp>
#include <millrace/runtime/source.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// How a message becomes a record, for those who want more of it than its value: `decode` assigns
/// all of `record` and, when it knows better than the message's own timestamp, the event time;
/// false with a reason for people when the message is invalid. One decoder per reader.
template <typename D, typename T>
concept KafkaDecoder = requires(D& decoder, const KafkaMessage& message, T& record, Timestamp& time,
                                std::string& reason) {
  { decoder.decode(message, record, time, reason) } -> std::same_as<bool>;
};

/// Lets a LineDecoder read messages' values. A null value is invalid, and so is an empty one but
/// for strings.
template <typename T, LineDecoder<T> Decoder>
class KafkaValueDecoder {
 public:
  bool decode(const KafkaMessage& message, T& record, Timestamp& time, std::string& reason) {
    if (!message.value) {
      reason = "the value is null (a tombstone)";
      return false;
    }
    if constexpr (!std::same_as<T, std::string>) {
      if (message.value->empty()) {
        reason = "the value is empty";
        return false;
      }
    }
    return decoder_.decode(padded(*message.value), record, time, reason);
  }

 private:
  // A decoder may look at what stands behind the value, and librdkafka's memory may end there.
  std::string_view padded(std::string_view value) {
    if (buffer_.size() < value.size() + kJsonPadding)
      buffer_.resize(2 * value.size() + kJsonPadding);
    if (!value.empty()) std::memcpy(buffer_.data(), value.data(), value.size());
    return {buffer_.data(), value.size()};
  }

  Decoder decoder_;
  std::vector<char> buffer_;
};

/// Reads messages of Kafka topics as records of type T.
///
/// Each partition is a split, with a watermark of its own and always read by the same worker. Event
/// time is what the decoder finds in the message, else the message's own timestamp.
///
/// Messages are read again from a checkpoint's position, by any number of workers.
template <typename T, KafkaDecoder<T> Decoder>
class KafkaSource final : public SourceConnector<T> {
 public:
  explicit KafkaSource(KafkaSourceOptions options) : options_(std::move(options)) {}

  std::unique_ptr<SourceReader<T>> makeReader(std::shared_ptr<void>& shared,
                                              const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(makeKafkaReader(shared, options_));
  }

  std::string describe() const override {
    std::string names = options_.topicPattern;
    for (const std::string& topic : options_.topics) names += (names.empty() ? "" : ", ") + topic;
    return "kafka(" + names + ")";
  }

 private:
  class Reader final : public SourceReader<T> {
   public:
    explicit Reader(std::unique_ptr<KafkaReader> messages) : messages_(std::move(messages)) {}

    Status open(OperatorContext& context) override { return messages_->open(context); }

    StatusOr<ReadState> read(SourceOutput<T>& out) override {
      StatusOr<ReadState> state = messages_->next(out.report());
      if (!state.ok() || *state != ReadState::kMore) return state;
      std::size_t bytes = 0;
      KafkaMessage message;
      while (!out.isFull() && messages_->nextMessage(message)) {
        bytes += message.value ? message.value->size() : 0;
        Timestamp time = kNoTimestamp;
        T& record = out.append();
        if (decoder_.decode(message, record, time, reason_)) [[likely]] {
          out.setTime(time == kNoTimestamp ? message.timestamp : time);
        } else {
          out.dropLast();
          message.copyParts(parts_);
          out.reject(message.position(), reason_, message.value.value_or(std::string_view()),
                     &parts_);
        }
      }
      out.countBytes(bytes);
      return ReadState::kMore;
    }

    Timestamp nextDeadline() const override { return messages_->nextDeadline(); }
    bool isReplayable() const override { return true; }
    StatusOr<bool> hasPassingStart() const override { return messages_->hasPassingStart(); }
    void writePosition(ByteWriter& out) const override { messages_->writePosition(out); }
    Status restorePositions(std::span<const std::string_view> positions) override {
      return messages_->restore(positions);
    }
    Status close(bool succeeded) override {
      messages_->close(succeeded);
      return okStatus();
    }
    void appendSplits(std::vector<SplitProgress>& splits) const override {
      messages_->appendSplits(splits);
    }

   private:
    const std::unique_ptr<KafkaReader> messages_;
    Decoder decoder_;
    std::string reason_;
    MessageParts parts_;
  };

  KafkaSourceOptions options_;
};

/// Records from the values of Kafka messages: JSON for described structs, the value itself for
/// strings. Other decoders, of values (LineDecoder) or of whole messages (KafkaDecoder), are named:
/// `kafka<Order, OrderDecoder>(options)`.
template <typename T, typename Decoder = DefaultLineDecoder<T>>
auto kafka(KafkaSourceOptions options) {
  if constexpr (KafkaDecoder<Decoder, T>) {
    return KafkaSource<T, Decoder>(std::move(options));
  } else {
    return KafkaSource<T, KafkaValueDecoder<T, Decoder>>(std::move(options));
  }
}

}  // namespace millrace
