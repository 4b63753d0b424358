// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_sink.hpp>

#include "connectors/kafka/held_records.hpp"
#include "connectors/kafka/kafka_epochs.hpp"

#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <utility>

namespace millrace {
namespace {

using rdkafka::HeldRecords;
using rdkafka::KafkaEpochs;

// What the writers of one sink have in common in a job that keeps nothing; made by the first that
// opens.
struct Alone {
  std::unique_ptr<KafkaEpochs> epochs;
};

KafkaEpochs::Options epochsOf(const KafkaSinkOptions& options, const CommitSettings& settings) {
  return {options.settings, options.delivery,
          options.applicationId.empty() ? settings.jobName : options.applicationId,
          settings.interval, settings.cancellation};
}

class EpochWriter final : public KafkaWriter {
 public:
  EpochWriter(std::shared_ptr<Alone> alone, const KafkaSinkOptions& options)
      : alone_(std::move(alone)),
        options_(options),
        held_(std::make_shared<HeldRecords>(options.topic)) {}

  Status open(OperatorContext& context) override {
    held_->waker = &context.waker();
    // A job has one commit point: this sink has joined it, so it is of this kind.
    epochs_ = static_cast<KafkaEpochs*>(context.commitPoint());
    if (epochs_ == nullptr) MILLRACE_RETURN_IF_ERROR(openAlone(context));
    epochs_->join(held_);
    return okStatus();
  }

  bool hasRoom() override { return held_->bytes() < options_.heldBytes; }

  Status send(KafkaRecords& records) override {
    const std::lock_guard lock(held_->mutex);
    held_->records.take(records);
    held_->show();
    return epochs_->send(*held_);
  }

  Status flush() override {
    const std::lock_guard lock(held_->mutex);
    return epochs_->send(*held_);
  }

  StatusOr<bool> handOver() override {
    MILLRACE_RETURN_IF_ERROR(flush());
    return held_->bytes() == 0;
  }

  Status prepare(ByteWriter&) override {
    // What comes from here on belongs to the next epoch.
    const std::lock_guard lock(held_->mutex);
    held_->epoch = epochs_->openEpoch() + 1;
    return okStatus();
  }

  Status close(bool succeeded) override {
    {
      const std::lock_guard lock(held_->mutex);
      held_->waker = nullptr;
    }
    return succeeded && epochs_ != nullptr ? epochs_->awaitDeliveries() : okStatus();
  }

 private:
  Status openAlone(const OperatorContext& context) {
    if (alone_->epochs == nullptr) {
      KafkaEpochs::Options options =
          epochsOf(options_, {context.jobName(), Duration(0), context.cancellation()});
      options.delivery = KafkaDelivery::kAtLeastOnce;
      alone_->epochs = std::make_unique<KafkaEpochs>(std::move(options));
      alone_->epochs->addTopic(options_.topic);
      MILLRACE_RETURN_IF_ERROR(alone_->epochs->start());
    }
    epochs_ = alone_->epochs.get();
    return okStatus();
  }

  const std::shared_ptr<Alone> alone_;
  const KafkaSinkOptions options_;
  const std::shared_ptr<HeldRecords> held_;
  KafkaEpochs* epochs_ = nullptr;
};

bool isSame(const KafkaEpochs::Options& a, const KafkaEpochs::Options& b) {
  return a.settings.bootstrapServers == b.settings.bootstrapServers &&
         a.settings.properties == b.settings.properties && a.delivery == b.delivery &&
         a.applicationId == b.applicationId;
}

}  // namespace

std::unique_ptr<KafkaWriter> makeKafkaWriter(std::shared_ptr<void>& shared,
                                             const KafkaSinkOptions& options) {
  if (shared == nullptr) shared = std::make_shared<Alone>();
  return std::make_unique<EpochWriter>(std::static_pointer_cast<Alone>(shared), options);
}

Status checkKafkaSink(const KafkaSinkOptions& options, const std::string& jobName,
                      Duration interval) {
  KafkaEpochs::Options wanted = epochsOf(options, {jobName, interval});
  MILLRACE_RETURN_IF_ERROR(KafkaEpochs::check(wanted));
  wanted.settings = rdkafka::withoutBrokers(wanted.settings);
  return KafkaEpochs(std::move(wanted)).checkProducer();
}

Status joinKafkaCommitPoint(const KafkaSinkOptions& options, const CommitSettings& settings,
                            std::shared_ptr<CommitPoint>& point) {
  KafkaEpochs::Options wanted = epochsOf(options, settings);
  MILLRACE_RETURN_IF_ERROR(KafkaEpochs::check(wanted));
  if (point == nullptr) point = std::make_shared<KafkaEpochs>(wanted);
  const auto epochs = std::dynamic_pointer_cast<KafkaEpochs>(point);
  if (epochs == nullptr || !isSame(epochs->options(), wanted)) {
    return invalidArgumentError(
        "the Kafka sinks of a job share one transaction: they need the same brokers, properties, "
        "delivery "
        "and application id");
  }
  epochs->addTopic(options.topic);
  return okStatus();
}

std::string describeKafkaSink(const KafkaSinkOptions& options) {
  const bool isExactlyOnce = options.delivery == KafkaDelivery::kExactlyOnce;
  return fmt::format("kafka({}), {}", options.topic,
                     isExactlyOnce ? "exactly once" : "at least once");
}

}  // namespace millrace
