// SPDX-License-Identifier: MIT
#include "connectors/kafka/kafka_epochs.hpp"

#include "base/commit_rules.hpp"
#include "connectors/kafka/marker.hpp"
#include "connectors/kafka/steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace millrace::rdkafka {
namespace {

using rules::keeps;
using rules::Rule;
using steps::pass;
using steps::Step;

constexpr int kAskMillis = 10'000;
// Brokers refuse more than 15 minutes unless they are told otherwise.
constexpr Duration kLeastTransaction{60'000};
constexpr Duration kMostTransaction{900'000};

// An epoch and its commit have to fit into the time after which brokers abort a transaction.
Duration transactionTimeout(Duration interval) {
  return 3 * std::clamp(interval, kLeastTransaction / 3, kMostTransaction / 3);
}

// As librdkafka frees it: with free().
void setMetadata(rd_kafka_topic_partition_t& partition, const std::string& text) {
  partition.metadata = std::malloc(text.size());
  if (partition.metadata == nullptr) return;
  std::memcpy(partition.metadata, text.data(), text.size());
  partition.metadata_size = text.size();
}

}  // namespace

Status KafkaEpochs::check(const Options& options) {
  if (options.delivery != KafkaDelivery::kExactlyOnce) return okStatus();
  const auto& properties = options.settings.properties;
  const bool isGiven = std::any_of(properties.begin(), properties.end(), [](const auto& each) {
    return each.first == "transaction.timeout.ms";
  });
  if (isGiven || options.interval <= kMostTransaction / 3) return okStatus();
  return invalidArgumentError(
      fmt::format("a checkpoint each {} s is a transaction of that length, which brokers abort "
                  "after {} s (make checkpoints at "
                  "most {} s apart; or set transaction.timeout.ms, and the brokers' "
                  "transaction.max.timeout.ms, to three times "
                  "the interval)",
                  options.interval.count() / 1000, kMostTransaction.count() / 1000,
                  kMostTransaction.count() / 3000));
}

KafkaEpochs::KafkaEpochs(Options options) : options_(std::move(options)) {}

KafkaEpochs::~KafkaEpochs() {
  if (prepared_.valid()) prepared_.wait();
  // Their threads use what else is here, and each other's producer.
  for (const auto& producer : producers_) {
    if (producer != nullptr) producer->stopReports();
  }
}

std::string KafkaEpochs::describe() const {
  return fmt::format("Kafka at {} (group '{}', topic '{}')", options_.settings.bootstrapServers,
                     group(), controlTopic());
}

StatusOr<std::unique_ptr<Producer>> KafkaEpochs::makeProducer(std::size_t index) {
  Producer::Options options{options_.settings, options_.applicationId};
  options.tellsOfOutages = index == 0;
  options.cancellation = options_.cancellation;
  if (isTransactional()) {
    options.transactionalId = fmt::format("{}-{}", options_.applicationId, index);
    options.transactionTimeout = transactionTimeout(options_.interval);
  }
  return Producer::make(options, [this] { sendHeld(); });
}

Status KafkaEpochs::startProducers() {
  const std::size_t count = isTransactional() ? producers_.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    MILLRACE_ASSIGN_OR_RETURN(producers_[i], makeProducer(i));
  }
  MILLRACE_RETURN_IF_ERROR(producers_[0]->awaitBrokers());
  return checkTopics();
}

// Before anything is shut out: a topic that is missing should cost nobody anything.
Status KafkaEpochs::checkTopics() const {
  for (const std::string& topic : topics_) {
    const auto ask = [&] { return partitionCount(producers_[0]->client(), topic, kAskMillis); };
    MILLRACE_RETURN_IF_ERROR(
        patiently(options_.settings.startTimeout, options_.cancellation, ask).status());
  }
  return okStatus();
}

Status KafkaEpochs::start() { return startProducers(); }

StatusOr<EpochMark> KafkaEpochs::takeOver(const RecordedEpochs& recorded) {
  MILLRACE_RETURN_IF_ERROR(startProducers());
  if (!isTransactional()) return EpochMark();
  MILLRACE_ASSIGN_OR_RETURN(const std::optional<EpochMark> early, readEarlyMarker());
  MILLRACE_RETURN_IF_ERROR(checkOwner(early, recorded));
  // Markers only go up: a directory that ends before this one is refused, so nobody is shut out for
  // it.
  if (early && early->number > recorded.durable && !recorded.isFreshFromSavepoint) return *early;
  MILLRACE_RETURN_IF_ERROR(patiently(options_.settings.startTimeout, options_.cancellation,
                                     [this] { return makeControlTopic(); }));
  pass(Step::kTakingOver);
  const bool isShutOutFirst = keeps(Rule::kShutOutFirst);
  if (isShutOutFirst) MILLRACE_RETURN_IF_ERROR(shutOthersOut());
  pass(Step::kShutOut);
  MILLRACE_ASSIGN_OR_RETURN(reader_, makeReader(true));
  // Only now: an answer from before could be overtaken by a commit that is under way.
  MILLRACE_ASSIGN_OR_RETURN(const std::optional<EpochMark> marker, readCommittedMarker(reader_));
  pass(Step::kMarkerRead);
  if (!isShutOutFirst) MILLRACE_RETURN_IF_ERROR(shutOthersOut());
  MILLRACE_RETURN_IF_ERROR(checkOwner(marker, recorded));
  return marker.value_or(EpochMark());
}

// Asked for first: who may not make topics can have it made.
Status KafkaEpochs::makeControlTopic() const {
  const Client& client = producers_[0]->client();
  const Status found = partitionCount(client, controlTopic(), kAskMillis).status();
  if (!absl::IsNotFound(found)) return found;
  return createTopic(client, controlTopic(), 1, {{"cleanup.policy", "compact"}}, kAskMillis);
}

Status KafkaEpochs::checkOwner(const std::optional<EpochMark>& marker,
                               const RecordedEpochs& recorded) const {
  if (!marker || marker->incarnation <= recorded.incarnation || recorded.isFreshFromSavepoint)
    return okStatus();
  const std::string known = recorded.incarnation == 0
                                ? std::string("knows of none")
                                : fmt::format("knows of {} only", recorded.incarnation);
  return failedPreconditionError(
      fmt::format("{} remembers run {} of this job, but its state directory {}: another job with "
                  "the application id '{}' "
                  "owns it (stop one of the two, or give them different names)",
                  describe(), marker->incarnation, known, options_.applicationId));
}

// Every id there has ever been: a transaction that one of them has left open is decided then.
Status KafkaEpochs::shutOthersOut() {
  auto second =
      std::async(std::launch::async, [this] { return producers_[1]->initTransactions(); });
  const Status first = producers_[0]->initTransactions();
  const Status other = second.get();
  return first.ok() ? other : first;
}

// Offsets of a transaction that has just ended are there a few milliseconds after its answer, so
// the first question often comes too soon. Not `isStable`: what is committed by now, without
// waiting for transactions that are open.
StatusOr<Client> KafkaEpochs::makeReader(bool isStable) const {
  std::vector<KafkaSettings::Property> defaults = {{"client.id", options_.applicationId},
                                                   {"retry.backoff.ms", "2"}};
  std::vector<KafkaSettings::Property> forced = {{"group.id", group()},
                                                 {"enable.auto.commit", "false"},
                                                 {"enable.auto.offset.store", "false"}};
  forced.emplace_back("isolation.level", isStable ? "read_committed" : "read_uncommitted");
  // What the user has set is meant for the topics that are read.
  KafkaSettings settings = options_.settings;
  std::erase_if(settings.properties,
                [](const auto& property) { return property.first == "isolation.level"; });
  return Client::make(RD_KAFKA_CONSUMER, settings, defaults, forced);
}

StatusOr<std::optional<EpochMark>> KafkaEpochs::readEarlyMarker() const {
  MILLRACE_ASSIGN_OR_RETURN(const Client reader, makeReader(false));
  return readCommittedMarker(reader);
}

StatusOr<std::optional<EpochMark>> KafkaEpochs::askForMarker(const Client& reader,
                                                             int timeoutMillis) const {
  const Partitions list = onePartition(controlTopic(), 0, RD_KAFKA_OFFSET_INVALID);
  const std::string doing = fmt::format("reading the marker of group '{}'", group());
  MILLRACE_RETURN_IF_ERROR(
      statusOf(rd_kafka_committed(reader.get(), list.get(), timeoutMillis), doing));
  const rd_kafka_topic_partition_t& found = list->elems[0];
  // A failed read looks like an offset that is not there.
  MILLRACE_RETURN_IF_ERROR(statusOf(found.err, doing));
  if (found.offset < 0) return std::optional<EpochMark>();
  const std::string_view text(static_cast<const char*>(found.metadata), found.metadata_size);
  const std::optional<EpochMark> marker = readMarker(text);
  if (marker && marker->number == static_cast<std::uint64_t>(found.offset)) return marker;
  return failedPreconditionError(
      fmt::format("the offset that group '{}' has committed for topic '{}' is not a marker of "
                  "Millrace: it was reset, or "
                  "somebody else commits to that group (delete the group and begin from a "
                  "savepoint in a new directory; "
                  "expect results since then a second time)",
                  group(), controlTopic()));
}

StatusOr<std::optional<EpochMark>> KafkaEpochs::readCommittedMarker(const Client& reader) const {
  return patiently(options_.settings.startTimeout, options_.cancellation,
                   [&] { return askForMarker(reader, kAskMillis); });
}

void KafkaEpochs::prepare(const EpochMark& mark) {
  if (!isTransactional()) {
    open_.fetch_add(1, std::memory_order_acq_rel);
    return;
  }
  prepared_ = std::async(std::launch::async, [this, mark] { return finishResults(mark); });
}

Status KafkaEpochs::finishResults(const EpochMark& mark) {
  // The first of a run: nobody could know its number before.
  if (openEpoch() == 0) MILLRACE_RETURN_IF_ERROR(begin(mark.number));
  if (keeps(Rule::kDeliveredFirst))
    MILLRACE_RETURN_IF_ERROR(producerOf(mark.number)->awaitDeliveries());
  pass(Step::kDelivered);
  // What the next epoch has to say is not held up by the commit of this one.
  MILLRACE_RETURN_IF_ERROR(begin(mark.number + 1));
  pass(Step::kNextOpen);
  if (keeps(Rule::kMarkerInTransaction)) MILLRACE_RETURN_IF_ERROR(sendMarker(mark));
  pass(Step::kMarkerSent);
  return okStatus();
}

// REQUIRES: the epoch that had its producer before is verified, and what lies before it is
// delivered.
Status KafkaEpochs::begin(std::uint64_t epoch) {
  MILLRACE_RETURN_IF_ERROR(producerOf(epoch)->beginTransaction());
  open_.store(epoch, std::memory_order_release);
  sendHeld();
  return okStatus();
}

Status KafkaEpochs::sendMarker(const EpochMark& mark) {
  const Partitions list = onePartition(controlTopic(), 0, static_cast<std::int64_t>(mark.number));
  setMetadata(list->elems[0], writeMarker(mark));
  return producerOf(mark.number)->sendOffsets(group(), *list);
}

Status KafkaEpochs::commit(const EpochMark& mark) {
  if (!isTransactional()) return producers_[0]->awaitDelivered(openEpoch() - 1);
  pass(Step::kSealed);
  MILLRACE_RETURN_IF_ERROR(prepared_.get());
  pass(Step::kTransactionEnding);
  MILLRACE_RETURN_IF_ERROR(producerOf(mark.number)->commitTransaction());
  pass(Step::kTransactionEnded);
  MILLRACE_RETURN_IF_ERROR(verify(mark));
  if (producerOf(mark.number)->isInDoubt()) MILLRACE_RETURN_IF_ERROR(replaceProducer(mark));
  pass(Step::kConfirmed);
  return okStatus();
}

// A late copy of a request that got no answer would commit the transaction after the next half-way,
// or under this one's number. The new producer takes the id from whoever has it: that must still
// have been this job.
Status KafkaEpochs::replaceProducer(const EpochMark& mark) {
  const std::size_t index = mark.number % producers_.size();
  producers_[index].reset();
  MILLRACE_ASSIGN_OR_RETURN(producers_[index], makeProducer(index));
  MILLRACE_RETURN_IF_ERROR(producers_[index]->initTransactions());
  return verify(mark);
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

// What cannot be sent now is noted before the last look, or whoever makes room might look in
// between.
Status KafkaEpochs::send(HeldRecords& held) {
  bool isNoted = false;
  while (!held.records.isEmpty()) {
    const std::uint64_t open = openEpoch();
    std::size_t taken = 0;
    if (!isTransactional() || held.epoch <= open) {
      pass(Step::kProducing);
      const std::uint64_t epoch = std::max(held.epoch, open);
      MILLRACE_ASSIGN_OR_RETURN(taken, producerOf(open)->produce(held.topic, held.records, epoch));
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

Status KafkaEpochs::awaitDeliveries() { return producerOf(openEpoch())->awaitDeliveries(); }

}  // namespace millrace::rdkafka
