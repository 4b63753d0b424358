// SPDX-License-Identifier: MIT
#include "connectors/kafka/producer.hpp"

#include "connectors/kafka/steps.hpp"

#include <millrace/base/log.hpp>

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::rdkafka {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Requests of which a late copy can do harm in the transaction after theirs, by their numbers: the
// offset commit and the end. [Kafka protocol; docs/design/commit-protocol.md, C5]
constexpr std::int16_t kEndTxn = 26;
constexpr std::int16_t kTxnOffsetCommit = 28;
constexpr int kPollMillis = 60'000;  // a stop wakes it
constexpr int kStepMillis = 1'000;
constexpr int kFlushMillis = 5;
constexpr std::chrono::milliseconds kReasonMillis{1'000};
constexpr std::int64_t kRequestMillis = 10'000;
constexpr std::int64_t kLeastRequestMillis = 10;
constexpr std::size_t kBatch = 512;
constexpr std::size_t kTold = 200;  // bytes of a key in a message

std::int64_t transactionMillis(const Producer::Options& options) {
  std::int64_t millis = options.transactionTimeout.count();
  for (const auto& [name, value] : options.settings.properties) {
    std::int64_t given = 0;
    if (name == "transaction.timeout.ms" && absl::SimpleAtoi(value, &given)) millis = given;
  }
  return millis;
}

// librdkafka wants a transaction to last longer than a request; who shortens the one means the
// other, too.
std::string requestTimeout(const Producer::Options& options) {
  return fmt::to_string(
      std::min(kRequestMillis, std::max(kLeastRequestMillis, transactionMillis(options))));
}

std::vector<KafkaSettings::Property> defaultsOf(const Producer::Options& options) {
  std::vector<KafkaSettings::Property> defaults = {
      {"client.id", options.clientId},
      {"partitioner", "murmur2_random"},
      {"linger.ms", "5"},
      {"queue.buffering.max.kbytes", "65536"},
      {"socket.timeout.ms", requestTimeout(options)},
      {"socket.nagle.disable", "true"},
      {"retry.backoff.ms", "20"},
  };
  if (!options.transactionalId.empty()) {
    defaults.emplace_back("transaction.timeout.ms",
                          fmt::to_string(options.transactionTimeout.count()));
  }
  return defaults;
}

std::vector<KafkaSettings::Property> forcedBy(const Producer::Options& options) {
  std::vector<KafkaSettings::Property> forced = {{"enable.idempotence", "true"}};
  if (!options.transactionalId.empty())
    forced.emplace_back("transactional.id", options.transactionalId);
  return forced;
}

using Entry = KafkaRecords::Entry;

bool isPlain(const Entry& entry) {
  return entry.headers == KafkaRecords::kNone && entry.timestamp == kMinTimestamp;
}

// librdkafka copies what it is given; null: there is none.
char* at(const KafkaRecords& records, std::size_t offset) {
  return offset == KafkaRecords::kNone ? nullptr : const_cast<char*>(records.bytes() + offset);
}

// A record bears the number of its lane from produce() to its report.
void* laneOf(std::uint64_t epoch) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(epoch % 2));
}
std::size_t numberOf(const void* lane) {
  return static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(lane));
}

rd_kafka_message_t messageOf(const KafkaRecords& records, const Entry& entry, void* lane) {
  rd_kafka_message_t message{};
  message.payload = at(records, entry.value);
  message.len = entry.valueSize;
  message.key = at(records, entry.key);
  message.key_len = entry.keySize;
  message.partition = entry.partition;
  message._private = lane;
  return message;
}

// A record, for messages: what is long of its key is left out.
std::string describe(std::size_t bytes, const void* key, std::size_t keySize,
                     std::int32_t partition, std::string_view topic) {
  std::string text = fmt::format("a record of {} bytes", bytes);
  if (key != nullptr) {
    text += fmt::format(" with key '{}'{}",
                        std::string_view(static_cast<const char*>(key), std::min(keySize, kTold)),
                        keySize > kTold ? "..." : "");
  }
  if (partition >= 0) text += fmt::format(" for partition {}", partition);
  return text + fmt::format(" to topic '{}'", topic);
}

// Of a record: what it says of its own place no broker can set right by itself.
Status recordStatus(rd_kafka_resp_err_t code, const std::string& doing) {
  if (code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) return statusOf(code, doing);
  return invalidArgumentError(fmt::format(
      "{}: the topic has no such partition (add partitions, or correct KafkaRecord::partition)",
      doing));
}

std::optional<UnansweredRequests::Kind> harmfulKind(std::int16_t request) {
  if (request == kEndTxn) return UnansweredRequests::Kind::kEnd;
  if (request == kTxnOffsetCommit) return UnansweredRequests::Kind::kOffsetCommit;
  return std::nullopt;
}

// Calls `step` until it does not answer that it needs more time, `timeout` has passed, or the job
// is given up.
template <typename Step>
Status persist(std::chrono::milliseconds timeout, const std::stop_token& cancellation,
               std::string_view doing, Step&& step) {
  const auto deadline = SteadyClock::now() + timeout;
  while (true) {
    Error error(step(kStepMillis));
    if (error == nullptr) return okStatus();
    const bool isRetriable = rd_kafka_error_is_retriable(error.get()) != 0;
    if (!isRetriable || SteadyClock::now() >= deadline) return statusOf(error.release(), doing);
    if (cancellation.stop_requested()) return givenUp(doing);
  }
}

}  // namespace

StatusOr<std::unique_ptr<Producer>> Producer::make(const Options& options,
                                                   std::function<void()> onReports) {
  std::unique_ptr<Producer> producer(new Producer(options, std::move(onReports)));
  Conf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR);
  MILLRACE_RETURN_IF_ERROR(statusOf(rd_kafka_conf_interceptor_add_on_new(
                                        conf.get(), "millrace", &Producer::onNew, producer.get()),
                                    "making a Kafka producer"));
  MILLRACE_ASSIGN_OR_RETURN(producer->client_,
                            Client::make(RD_KAFKA_PRODUCER, options.settings, defaultsOf(options),
                                         forcedBy(options), std::move(conf)));
  producer->queue_.reset(rd_kafka_queue_get_main(producer->client_.get()));
  producer->reports_ = std::thread([raw = producer.get()] { raw->readReports(); });
  return producer;
}

Producer::Producer(const Options& options, std::function<void()> onReports)
    : options_(options), patience_(transactionMillis(options)), onReports_(std::move(onReports)) {}

Producer::~Producer() {
  stopReports();
  queue_.reset();
  topics_.clear();
  // What is still on its way belongs to an epoch that is not committed, or has been given up.
  if (client_) rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  client_.reset();
}

void Producer::stopReports() {
  isStopping_.store(true);
  if (queue_ != nullptr) rd_kafka_queue_yield(queue_.get());
  if (reports_.joinable()) reports_.join();
}

rd_kafka_resp_err_t Producer::onNew(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque, char*,
                                    std::size_t) {
  const auto sent =
      rd_kafka_interceptor_add_on_request_sent(handle, "millrace", &Producer::onSent, opaque);
  if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return sent;
  return rd_kafka_interceptor_add_on_response_received(handle, "millrace", &Producer::onAnswer,
                                                       opaque);
}

rd_kafka_resp_err_t Producer::onSent(rd_kafka_t*, int, const char*, std::int32_t, std::int16_t key,
                                     std::int16_t, std::int32_t, std::size_t, void* opaque) {
  if (const auto kind = harmfulKind(key)) static_cast<Producer*>(opaque)->unanswered_.sent(*kind);
  if (key == kEndTxn) steps::pass(steps::Step::kEndSent);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t Producer::onAnswer(rd_kafka_t*, int, const char*, std::int32_t,
                                       std::int16_t key, std::int16_t, std::int32_t, std::size_t,
                                       std::int64_t, rd_kafka_resp_err_t error, void* opaque) {
  const auto kind = harmfulKind(key);
  if (kind && error == RD_KAFKA_RESP_ERR_NO_ERROR)
    static_cast<Producer*>(opaque)->unanswered_.answered(*kind);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Producer::readReports() {
  while (!isStopping_.load()) {
    const Event event(rd_kafka_queue_poll(queue_.get(), kPollMillis));
    if (event == nullptr) continue;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) noteReports(*event);
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) noteError(*event);
    onReports_();
  }
}

void Producer::noteError(rd_kafka_event_t& event) {
  client_.note(rd_kafka_event_error(&event), rd_kafka_event_error_string(&event));
  if (!client_.takeOutage() || !isWatched_.load() || isAway_) return;
  isAway_ = true;
  log(LogLevel::kWarning, fmt::format("Kafka at {} does not answer, results wait: {}",
                                      options_.settings.bootstrapServers, client_.lastTrouble()));
}

void Producer::noteReports(rd_kafka_event_t& event) {
  std::array<std::int64_t, 2> reported{};
  while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(&event)) {
    ++reported[numberOf(message->_private)];
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]] {
      if (isAway_)
        log(LogLevel::kInfo,
            fmt::format("Kafka at {} takes results again", options_.settings.bootstrapServers));
      isAway_ = false;
      continue;
    }
    const bool isLost = message->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    std::string doing =
        "delivering " + describe(message->len + message->key_len, message->key, message->key_len,
                                 isLost ? message->partition : RD_KAFKA_PARTITION_UA,
                                 rd_kafka_topic_name(message->rkt));
    // What went wrong with the connection is the reason only of what took too long.
    const bool isLate = message->err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    if (const std::string trouble = client_.lastTrouble(); isLate && !trouble.empty())
      doing += " (" + trouble + ")";
    fail(recordStatus(message->err, doing));
  }
  for (std::size_t lane = 0; lane < reported.size(); ++lane)
    undelivered_[lane].fetch_sub(reported[lane]);
}

void Producer::fail(Status status) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = std::move(status);
  hasFailed_.notify_all();
}

// Once a transaction has failed, librdkafka takes nothing more for it and says no more than that;
// what failed is on its way with the reports.
Status Producer::notTaken(rd_kafka_resp_err_t code, const std::string& topic,
                          const KafkaRecords& records, const Entry& entry) {
  const bool isReader = std::this_thread::get_id() == reports_.get_id();
  if (code == RD_KAFKA_RESP_ERR__STATE && !isReader) {
    std::unique_lock lock(mutex_);
    if (hasFailed_.wait_for(lock, kReasonMillis, [this] { return !failure_.ok(); }))
      return failure_;
  }
  return recordStatus(code,
                      "writing " + describe(entry.keySize + entry.valueSize, at(records, entry.key),
                                            entry.keySize, entry.partition, topic));
}

Status Producer::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Status Producer::awaitBrokers() {
  MILLRACE_RETURN_IF_ERROR(
      rdkafka::awaitBrokers(client_, options_.settings, options_.cancellation));
  client_.takeOutage();
  isWatched_.store(options_.tellsOfOutages);
  return okStatus();
}

Status Producer::initTransactions() {
  MILLRACE_RETURN_IF_ERROR(awaitBrokers());
  return persist(options_.settings.startTimeout, options_.cancellation,
                 fmt::format("beginning transactions as '{}'", options_.transactionalId),
                 [this](int millis) { return rd_kafka_init_transactions(client_.get(), millis); });
}

Status Producer::beginTransaction() {
  return statusOf(rd_kafka_begin_transaction(client_.get()), "beginning a transaction");
}

Status Producer::sendOffsets(const std::string& group,
                             const rd_kafka_topic_partition_list_t& offsets) {
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                        Destroy<rd_kafka_consumer_group_metadata_destroy>>
      metadata(rd_kafka_consumer_group_metadata_new(group.c_str()));
  return persist(patience_, options_.cancellation, "noting the epoch in its transaction",
                 [&](int millis) {
                   return rd_kafka_send_offsets_to_transaction(client_.get(), &offsets,
                                                               metadata.get(), millis);
                 });
}

Status Producer::commitTransaction() {
  return persist(patience_, options_.cancellation, "committing a transaction",
                 [this](int millis) { return rd_kafka_commit_transaction(client_.get(), millis); });
}

StatusOr<rd_kafka_topic_t*> Producer::topic(const std::string& name) {
  const std::lock_guard lock(mutex_);
  MILLRACE_RETURN_IF_ERROR(failure_);
  Topic& topic = topics_[name];
  if (topic == nullptr) topic.reset(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  if (topic == nullptr) return statusOf(rd_kafka_last_error(), fmt::format("topic '{}'", name));
  return topic.get();
}

StatusOr<std::size_t> Producer::produce(const std::string& name, const KafkaRecords& records,
                                        std::uint64_t epoch) {
  MILLRACE_ASSIGN_OR_RETURN(rd_kafka_topic_t* const handle, topic(name));
  void* const lane = laneOf(epoch);
  // Counted beforehand: reports may come before this call is over.
  std::atomic<std::int64_t>& undelivered = undelivered_[numberOf(lane)];
  undelivered.fetch_add(static_cast<std::int64_t>(records.size()));
  const StatusOr<std::size_t> taken = produceAll(*handle, name, records, lane);
  undelivered.fetch_sub(static_cast<std::int64_t>(records.size() - (taken.ok() ? *taken : 0)));
  return taken;
}

StatusOr<std::size_t> Producer::produceAll(rd_kafka_topic_t& handle, const std::string& name,
                                           const KafkaRecords& records, void* lane) {
  std::array<rd_kafka_message_t, kBatch> batch;
  std::size_t done = 0;
  while (done < records.size()) {
    std::size_t count = 0;
    while (done + count < records.size() && count < kBatch && isPlain(records[done + count])) {
      batch[count] = messageOf(records, records[done + count], lane);
      ++count;
    }
    if (count == 0) {
      MILLRACE_ASSIGN_OR_RETURN(const bool isTaken,
                                produceOne(handle, name, records, records[done], lane));
      if (!isTaken) return done;
      ++done;
    }
    // Each message's own partition counts.
    rd_kafka_produce_batch(&handle, RD_KAFKA_PARTITION_UA,
                           RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION, batch.data(),
                           static_cast<int>(count));
    for (std::size_t i = 0; i < count; ++i) {
      if (batch[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) return done;
      if (batch[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return notTaken(batch[i].err, name, records, records[done]);
      ++done;
    }
  }
  return done;
}

StatusOr<bool> Producer::produceOne(rd_kafka_topic_t& handle, const std::string& name,
                                    const KafkaRecords& records, const Entry& entry, void* lane) {
  std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>> headers;
  if (entry.headers != KafkaRecords::kNone) {
    headers.reset(rd_kafka_headers_new(records.headers(entry.headers).size()));
    for (const auto& [key, value] : records.headers(entry.headers)) {
      rd_kafka_header_add(headers.get(), key.data(), static_cast<ssize_t>(key.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    }
  }
  rd_kafka_headers_t* const given = headers.get();
  const Timestamp timestamp = entry.timestamp == kMinTimestamp ? 0 : entry.timestamp;  // 0: now
  const auto answer = rd_kafka_producev(
      client_.get(), RD_KAFKA_V_RKT(&handle), RD_KAFKA_V_PARTITION(entry.partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_VALUE(at(records, entry.value), entry.valueSize),
      RD_KAFKA_V_KEY(at(records, entry.key), entry.keySize), RD_KAFKA_V_HEADERS(given),
      RD_KAFKA_V_OPAQUE(lane), RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END);
  if (answer == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
  if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) return notTaken(answer, name, records, entry);
  static_cast<void>(headers.release());  // the message's own now
  return true;
}

Status Producer::awaitDeliveries() {
  // Every record gets its report, a good one or that its time is over.
  while (rd_kafka_flush(client_.get(), kStepMillis) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    MILLRACE_RETURN_IF_ERROR(failure());
    if (options_.cancellation.stop_requested()) return givenUp("awaiting deliveries");
  }
  return failure();
}

Status Producer::awaitDelivered(std::uint64_t epoch) {
  // As long as it is asked to, librdkafka sends without waiting for more; it waits for all there is
  // by itself.
  while (undelivered_[numberOf(laneOf(epoch))].load() > 0 && failure().ok()) {
    if (options_.cancellation.stop_requested()) return givenUp("awaiting deliveries");
    rd_kafka_flush(client_.get(), kFlushMillis);
  }
  return failure();
}

}  // namespace millrace::rdkafka
