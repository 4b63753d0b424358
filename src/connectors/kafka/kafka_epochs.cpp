// SPDX-License-Identifier: MIT
#include "connectors/kafka/kafka_epochs.hpp"

#include "connectors/kafka/marker.hpp"
#include "connectors/kafka/steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

namespace millrace::rdkafka {
namespace {

using SteadyClock = std::chrono::steady_clock;
using steps::pass;
using steps::Step;
using Millis = std::chrono::milliseconds;

constexpr int kAskMillis = 10'000;
constexpr Millis kAskAgain{100};
// Brokers refuse more than 15 minutes unless they are told otherwise.
constexpr Millis kLeastTransaction{60'000};
constexpr Millis kMostTransaction{900'000};
constexpr int kIds = 2;

// An epoch and its commit have to fit into the time after which brokers abort a transaction.
Millis transactionTimeout(Duration interval) {
  const auto wanted = Millis(interval.count() > kMostTransaction.count() ? kMostTransaction.count()
                                                                        : 3 * interval.count());
  return std::clamp(wanted, kLeastTransaction, kMostTransaction);
}

const Status& statusIn(const Status& status) { return status; }
template <typename T>
const Status& statusIn(const StatusOr<T>& answer) {
  return answer.status();
}

// Calls `ask` until its answer is another one than that brokers are away, or the time for a start is over.
template <typename Ask>
auto persistently(const KafkaSettings& settings, Ask&& ask) {
  const auto deadline = SteadyClock::now() + Millis(settings.startTimeout.count());
  while (true) {
    auto answer = ask();
    if (!isRetriable(statusIn(answer)) || SteadyClock::now() >= deadline) return answer;
    std::this_thread::sleep_for(kAskAgain);
  }
}

// As librdkafka frees it: with free().
void setMetadata(rd_kafka_topic_partition_t& partition, const std::string& text) {
  partition.metadata = std::malloc(text.size());
  if (partition.metadata == nullptr) return;
  std::memcpy(partition.metadata, text.data(), text.size());
  partition.metadata_size = text.size();
}

}  // namespace

KafkaEpochs::KafkaEpochs(Options options) : options_(std::move(options)) {}

KafkaEpochs::~KafkaEpochs() {
  if (prepared_.valid()) prepared_.wait();
  // Its thread uses what else is here.
  producer_.reset();
}

std::string KafkaEpochs::describe() const {
  return fmt::format("Kafka at {} (group '{}', topic '{}')", options_.settings.bootstrapServers, group(),
                     controlTopic());
}

std::string KafkaEpochs::transactionalId(int index) const {
  return fmt::format("{}-{}", options_.applicationId, index);
}

Producer::Options KafkaEpochs::producerOptions(int index) const {
  return {options_.settings, options_.applicationId, transactionalId(index),
          transactionTimeout(options_.interval)};
}

Status KafkaEpochs::startProducer(bool isTransactionalOne) {
  Producer::Options options = producerOptions(0);
  if (!isTransactionalOne) options.transactionalId.clear();
  MILLRACE_ASSIGN_OR_RETURN(producer_, Producer::make(options, [this] { sendHeld(); }));
  MILLRACE_RETURN_IF_ERROR(producer_->awaitBrokers());
  return checkTopics();
}

// Before anything is shut out: a topic that is missing should cost nobody anything.
Status KafkaEpochs::checkTopics() const {
  for (const std::string& topic : topics_) {
    MILLRACE_RETURN_IF_ERROR(
        persistently(options_.settings, [&] { return partitionCount(producer_->client(), topic, kAskMillis); })
            .status());
  }
  return okStatus();
}

Status KafkaEpochs::start() { return startProducer(false); }

StatusOr<std::optional<EpochMark>> KafkaEpochs::takeOver(const RecordedEpochs& recorded) {
  MILLRACE_RETURN_IF_ERROR(startProducer(isTransactional()));
  if (!isTransactional()) return std::optional<EpochMark>();
  MILLRACE_ASSIGN_OR_RETURN(const std::optional<EpochMark> early, readEarlyMarker());
  MILLRACE_RETURN_IF_ERROR(checkOwner(early, recorded));
  // Markers only go up: a directory that ends before this one is refused, so nobody is shut out for it.
  if (early && early->number > recorded.durable && !recorded.isFreshFromSavepoint) return early;
  MILLRACE_RETURN_IF_ERROR(persistently(options_.settings, [&] {
    return createTopic(producer_->client(), controlTopic(), 1, {{"cleanup.policy", "compact"}}, kAskMillis);
  }));
  pass(Step::kTakingOver);
  MILLRACE_RETURN_IF_ERROR(shutOthersOut());
  pass(Step::kShutOut);
  MILLRACE_ASSIGN_OR_RETURN(reader_, makeReader(true));
  // Only now: an answer from before could be overtaken by a commit that is under way.
  MILLRACE_ASSIGN_OR_RETURN(const std::optional<EpochMark> marker, readCommittedMarker(reader_));
  pass(Step::kMarkerRead);
  MILLRACE_RETURN_IF_ERROR(checkOwner(marker, recorded));
  MILLRACE_RETURN_IF_ERROR(producer_->beginTransaction());
  pass(Step::kFirstBegun);
  return std::optional<EpochMark>(marker.value_or(EpochMark()));
}

Status KafkaEpochs::checkOwner(const std::optional<EpochMark>& marker, const RecordedEpochs& recorded) const {
  if (!marker || marker->incarnation <= recorded.incarnation || recorded.isFreshFromSavepoint) return okStatus();
  const std::string known = recorded.incarnation == 0 ? std::string("knows of none")
                                                      : fmt::format("knows of {} only", recorded.incarnation);
  return failedPreconditionError(fmt::format(
      "{} remembers run {} of this job, but its state directory {}: another job with the application id '{}' "
      "owns it (stop one of the two, or give them different names)",
      describe(), marker->incarnation, known, options_.applicationId));
}

// Every id there has ever been: a transaction that one of them has left open is decided then.
Status KafkaEpochs::shutOthersOut() {
  std::vector<std::future<Status>> others;
  for (int index = 1; index < kIds; ++index) {
    others.push_back(std::async(std::launch::async, [this, index]() -> Status {
      MILLRACE_ASSIGN_OR_RETURN(const auto producer, Producer::make(producerOptions(index), [] {}));
      return producer->initTransactions();
    }));
  }
  Status all = producer_->initTransactions();
  for (auto& other : others) {
    const Status status = other.get();
    if (all.ok()) all = status;
  }
  return all;
}

// Offsets of a transaction that has just ended are there a few milliseconds after its answer, so the first question
// often comes too soon. Not `isStable`: what is committed by now, without waiting for transactions that are open.
StatusOr<Client> KafkaEpochs::makeReader(bool isStable) const {
  std::vector<KafkaSettings::Property> defaults = {{"client.id", options_.applicationId},
                                                   {"retry.backoff.ms", "2"}};
  std::vector<KafkaSettings::Property> forced = {
      {"group.id", group()}, {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"}};
  if (isStable) {
    forced.emplace_back("isolation.level", "read_committed");
  } else {
    defaults.emplace_back("isolation.level", "read_uncommitted");
  }
  return Client::make(RD_KAFKA_CONSUMER, options_.settings, defaults, forced);
}

StatusOr<std::optional<EpochMark>> KafkaEpochs::readEarlyMarker() const {
  MILLRACE_ASSIGN_OR_RETURN(const Client reader, makeReader(false));
  return readCommittedMarker(reader);
}

StatusOr<std::optional<EpochMark>> KafkaEpochs::askForMarker(const Client& reader,
                                                             int timeoutMillis) const {
  const Partitions list = onePartition(controlTopic(), 0, RD_KAFKA_OFFSET_INVALID);
  const std::string doing = fmt::format("reading the marker of group '{}'", group());
  MILLRACE_RETURN_IF_ERROR(statusOf(rd_kafka_committed(reader.get(), list.get(), timeoutMillis), doing));
  const rd_kafka_topic_partition_t& found = list->elems[0];
  // A failed read looks like an offset that is not there.
  MILLRACE_RETURN_IF_ERROR(statusOf(found.err, doing));
  if (found.offset < 0) return std::optional<EpochMark>();
  const std::string_view text(static_cast<const char*>(found.metadata), found.metadata_size);
  const std::optional<EpochMark> marker = readMarker(text);
  if (marker && marker->number == static_cast<std::uint64_t>(found.offset)) return marker;
  return failedPreconditionError(fmt::format(
      "the offset that group '{}' has committed for topic '{}' is not a marker of Millrace: it was reset, or "
      "somebody else commits to that group (delete the group and begin from a savepoint in a new directory; "
      "expect results since then a second time)",
      group(), controlTopic()));
}

StatusOr<std::optional<EpochMark>> KafkaEpochs::readCommittedMarker(const Client& reader) const {
  return persistently(options_.settings, [&] { return askForMarker(reader, kAskMillis); });
}

void KafkaEpochs::prepare(const EpochMark& mark) {
  if (!isTransactional()) return;
  prepared_ = std::async(std::launch::async, [this, mark]() -> Status {
    MILLRACE_RETURN_IF_ERROR(producer_->awaitDeliveries());
    pass(Step::kDelivered);
    MILLRACE_RETURN_IF_ERROR(sendMarker(mark));
    pass(Step::kMarkerSent);
    return okStatus();
  });
}

Status KafkaEpochs::sendMarker(const EpochMark& mark) {
  const Partitions list = onePartition(controlTopic(), 0, static_cast<std::int64_t>(mark.number));
  setMetadata(list->elems[0], writeMarker(mark));
  return producer_->sendOffsets(group(), *list);
}

Status KafkaEpochs::commit(const EpochMark& mark) {
  if (!isTransactional()) return producer_->awaitDeliveries();
  pass(Step::kSealed);
  MILLRACE_RETURN_IF_ERROR(prepared_.get());
  pass(Step::kTransactionEnding);
  MILLRACE_RETURN_IF_ERROR(producer_->commitTransaction());
  pass(Step::kTransactionEnded);
  if (producer_->isInDoubt()) MILLRACE_RETURN_IF_ERROR(replaceProducer(mark));
  MILLRACE_RETURN_IF_ERROR(openNext());
  pass(Step::kNextBegun);
  MILLRACE_RETURN_IF_ERROR(verify(mark));
  pass(Step::kConfirmed);
  return okStatus();
}

// A late copy of a request that got no answer would commit the next transaction half-way, or under this
// one's number. The new producer takes the id from whoever has it: that must still have been this job.
Status KafkaEpochs::replaceProducer(const EpochMark& mark) {
  MILLRACE_RETURN_IF_ERROR(verify(mark));
  producer_.reset();
  MILLRACE_RETURN_IF_ERROR(startProducer(true));
  MILLRACE_RETURN_IF_ERROR(producer_->initTransactions());
  return verify(mark);
}

Status KafkaEpochs::openNext() {
  MILLRACE_RETURN_IF_ERROR(producer_->beginTransaction());
  open_.fetch_add(1, std::memory_order_acq_rel);
  sendHeld();
  return okStatus();
}

Status KafkaEpochs::verify(const EpochMark& mark) const {
  MILLRACE_ASSIGN_OR_RETURN(const std::optional<EpochMark> found, readCommittedMarker(reader_));
  if (found == mark) return okStatus();
  return abortedError(fmt::format("epoch {} was committed, but the marker says {}", mark.number,
                                  found ? found->number : 0));
}

void KafkaEpochs::join(std::shared_ptr<HeldRecords> held) {
  const std::lock_guard lock(mutex_);
  held_.push_back(std::move(held));
}

// What cannot be sent now is noted before the last look, or whoever makes room might look in between.
Status KafkaEpochs::send(HeldRecords& held) {
  bool isNoted = false;
  while (!held.records.isEmpty()) {
    const bool isOpen = !isTransactional() || held.epoch <= openEpoch();
    std::size_t taken = 0;
    if (isOpen) {
      pass(Step::kProducing);
      MILLRACE_ASSIGN_OR_RETURN(taken, producer_->produce(held.topic, held.records));
      held.records.drop(taken);
      held.show();
      pass(Step::kProduced);
    }
    if (taken == 0 && isNoted) break;
    isNoted = taken == 0;
    if (isNoted) isAnyHeld_.store(true);
  }
  return okStatus();
}

// Called where there may be room now: an epoch has been opened, or deliveries have been reported.
void KafkaEpochs::sendHeld() {
  if (!isAnyHeld_.exchange(false)) return;
  std::vector<std::shared_ptr<HeldRecords>> all;
  {
    const std::lock_guard lock(mutex_);
    all = held_;
  }
  for (const auto& held : all) {
    const std::lock_guard lock(held->mutex);
    // What goes wrong here the producer remembers, and the next write or commit tells.
    if (!send(*held).ok()) isAnyHeld_.store(true);
    if (held->waker != nullptr) held->waker->wake();
  }
}

Status KafkaEpochs::awaitDeliveries() { return producer_->awaitDeliveries(); }

}  // namespace millrace::rdkafka
