// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/connectors/file/line_sink.hpp>
#include <millrace/connectors/kafka/kafka_records.hpp>
#include <millrace/connectors/kafka/kafka_settings.hpp>
#include <millrace/runtime/sink.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace millrace {

enum class KafkaDelivery : std::uint8_t {
  /// A crash can have results told again.
  kAtLeastOnce,
  /// Consumers that read committed records alone see each result once. Needs a state directory;
  /// results show when their checkpoint is complete. Without a state directory as kAtLeastOnce.
  kExactlyOnce,
};

struct KafkaSinkOptions {
  KafkaSettings settings;
  std::string topic;  ///< has to exist
  KafkaDelivery delivery = KafkaDelivery::kExactlyOnce;
  /// Names the job to the brokers: its transactional ids are "<id>-0" and "<id>-1", what is
  /// committed is remembered by the group "<id>.eos" in the topic "<id>.ckpt". Empty: the job's
  /// name.
  std::string applicationId;
  /// What a worker may hold back, in bytes, while the results of the epoch before are being
  /// delivered or librdkafka's queue is full; then its records wait.
  std::size_t heldBytes = std::size_t{4} << 20;
};

/// As checkKafkaSource(), for a sink of a job with that name and time between checkpoints. In a job
/// without a state directory the delivery is kAtLeastOnce.
Status checkKafkaSink(const KafkaSinkOptions& options, const std::string& jobName,
                      Duration interval);

/// How a result becomes a record: `void f(const T&, KafkaRecord& out)`, or a LineFormat, which
/// makes a value without a key.
template <typename F, typename T>
concept KafkaFormat = std::invocable<const F&, const T&, KafkaRecord&> || LineFormat<F, T>;

/// Where one worker's records go.
class KafkaWriter : public SinkWriterLife {
 public:
  /// Sends records, or holds them back; empties `records`.
  virtual Status send(KafkaRecords& records) = 0;
};

std::unique_ptr<KafkaWriter> makeKafkaWriter(std::shared_ptr<void>& shared,
                                             const KafkaSinkOptions& options);
Status joinKafkaCommitPoint(const KafkaSinkOptions& options, const CommitSettings& settings,
                            std::shared_ptr<CommitPoint>& point);
std::string describeKafkaSink(const KafkaSinkOptions& options);

template <typename T, typename F>
class KafkaSinkWriter final : public SinkWriter<T> {
 public:
  KafkaSinkWriter(std::unique_ptr<KafkaWriter> writer, F format)
      : writer_(std::move(writer)), format_(std::move(format)) {}

  Status open(OperatorContext& context) override { return writer_->open(context); }

  Status write(const TypedBatch<T>& batch) override {
    for (std::size_t i = batch.cursor(); i < batch.size(); ++i) {
      record_.clear();
      format(batch[i]);
      records_.add(record_);
    }
    return writer_->send(records_);
  }

  bool hasRoom() override { return writer_->hasRoom(); }
  Status flush() override { return writer_->flush(); }
  StatusOr<bool> handOver() override { return writer_->handOver(); }
  Status prepare(ByteWriter& out) override { return writer_->prepare(out); }
  Status close(bool succeeded) override { return writer_->close(succeeded); }

 private:
  void format(const T& value) {
    if constexpr (std::invocable<const F&, const T&, KafkaRecord&>) {
      format_(value, record_);
    } else {
      appendFormatted(value, format_, record_.value);
    }
  }

  const std::unique_ptr<KafkaWriter> writer_;
  const F format_;
  KafkaRecord record_;
  KafkaRecords records_;
};

/// Records to a Kafka topic. All Kafka sinks of a job share one producer and, with exactly once,
/// one transaction an epoch; so they have to name the same brokers, properties and delivery.
template <typename T, typename F>
class KafkaConnector final : public SinkConnector<T> {
 public:
  KafkaConnector(KafkaSinkOptions options, F format)
      : options_(std::move(options)), format_(std::move(format)) {}

  std::unique_ptr<SinkWriter<T>> makeWriter(std::shared_ptr<void>& shared) const override {
    return std::make_unique<KafkaSinkWriter<T, F>>(makeKafkaWriter(shared, options_), format_);
  }
  std::string describe() const override { return describeKafkaSink(options_); }
  Status joinCommitPoint(const CommitSettings& settings,
                         std::shared_ptr<CommitPoint>& point) const override {
    return joinKafkaCommitPoint(options_, settings, point);
  }

 private:
  KafkaSinkOptions options_;
  F format_;
};

template <typename F>
struct KafkaSink {
  KafkaSinkOptions options;
  F format;
  template <typename T>
  requires KafkaFormat<F, T>
  auto connector() const { return KafkaConnector<T, F>(options, format); }
};

/// Writes each result to a Kafka topic; strings need no format.
template <typename F = PlainLine>
KafkaSink<F> toKafka(KafkaSinkOptions options, F format = {}) {
  return {std::move(options), std::move(format)};
}

}  // namespace millrace
