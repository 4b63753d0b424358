// SPDX-License-Identifier: MIT
#include "kafka_producer.hpp"

#include <millrace/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace millrace::examples {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kPollMillis = 100;
constexpr auto kPatience = std::chrono::seconds(2);  // before saying what is waited for

// It is about this one message, and the next may get through.
bool isOfMessage(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG ||
         code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

}  // namespace

StatusOr<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaSettings& settings,
                                                             std::string topic,
                                                             const StopSignal& stop) {
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer(std::move(topic)));
  MILLRACE_ASSIGN_OR_RETURN(KafkaConf conf, KafkaClient::configure(settings));
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  MILLRACE_ASSIGN_OR_RETURN(producer->client_,
                            KafkaClient::open(RD_KAFKA_PRODUCER, std::move(conf), producer.get()));
  producer->reports_.reset(rd_kafka_queue_get_main(producer->client_->get()));
  producer->watcher_ = std::thread([raw = producer.get()] { raw->watchReports(); });
  MILLRACE_RETURN_IF_ERROR(producer->client_->awaitTopic(settings, producer->topicName_, stop));
  producer->topic_.reset(
      rd_kafka_topic_new(producer->client_->get(), producer->topicName_.c_str(), nullptr));
  if (producer->topic_ == nullptr)
    return invalidArgumentError(
        fmt::format("topic '{}': {}", producer->topicName_, kafkaErrorText(rd_kafka_last_error())));
  producer->whole_ = producer->interval_ = Sent{};
  return producer;
}

KafkaProducer::~KafkaProducer() {
  isClosing_ = true;
  if (watcher_.joinable()) watcher_.join();
  topic_.reset();
  reports_.reset();
  // Bursts that nobody has reported on stay until librdkafka is done with them.
  client_.reset();
}

std::string& KafkaProducer::beginBurst(TimePoint due) {
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      burst_ = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (burst_ == nullptr) burst_ = std::make_unique<Burst>();
  burst_->due = due;
  burst_->text.clear();
  burst_->ends.clear();
  return burst_->text;
}

void KafkaProducer::endRecord(const MadeEvent& event) {
  std::string& text = burst_->text;
  const std::size_t valueEnd = text.size();
  if (event.valid) {
    char digits[20];
    text += "user_";
    text.append(digits, std::to_chars(digits, digits + sizeof digits, event.user).ptr);
  }
  burst_->ends.push_back({valueEnd, text.size()});
}

void KafkaProducer::describeMessages() {
  messages_.assign(burst_->ends.size(), rd_kafka_message_t{});
  char* const text = burst_->text.data();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    const auto [valueEnd, keyEnd] = burst_->ends[i];
    rd_kafka_message_t& message = messages_[i];
    message.payload = text + begin;
    message.len = valueEnd - begin;
    message.key = keyEnd > valueEnd ? text + valueEnd : nullptr;
    message.key_len = keyEnd - valueEnd;
    message._private = burst_.get();
    begin = keyEnd;
  }
}

// Returns behind the last message that librdkafka has taken, or refused for good. Once its queue is
// full it takes none of the rest, so that order is kept.
std::size_t KafkaProducer::offer(std::size_t from) {
  rd_kafka_produce_batch(topic_.get(), RD_KAFKA_PARTITION_UA, 0, &messages_[from],
                         static_cast<int>(messages_.size() - from));
  std::size_t refused = 0;
  std::size_t at = from;
  for (; at < messages_.size() && messages_[at].err != RD_KAFKA_RESP_ERR__QUEUE_FULL; ++at) {
    if (messages_[at].err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const std::lock_guard lock(mutex_);
    countFailures(messages_[at].err, 1);
    ++refused;
  }
  if (refused > 0) release(static_cast<Burst*>(messages_[from]._private), refused);
  return at;
}

// Until more has been reported than `seen`, which was read before the queue was found full.
void KafkaProducer::awaitRoom(std::uint64_t seen) {
  const auto begun = SteadyClock::now();
  std::unique_lock lock(mutex_);
  const auto isRoom = [&] { return reportedEvents_ != seen; };
  if (!reported_.wait_for(lock, kPatience, isRoom)) {
    const std::uint64_t waiting = unreported_;
    lock.unlock();
    const std::string trouble = client_->lastTrouble();
    log(LogLevel::kWarning, fmt::format("Kafka takes nothing for the moment; {} records wait{}{}",
                                        waiting, trouble.empty() ? "" : ": ", trouble));
    lock.lock();
    reported_.wait(lock, isRoom);
  }
  ++waits_;
  waitedSeconds_ += std::chrono::duration<double>(SteadyClock::now() - begun).count();
}

Status KafkaProducer::endBurst() {
  if (burst_->ends.empty()) return okStatus();
  describeMessages();
  std::uint64_t seen = 0;
  {
    const std::lock_guard lock(mutex_);
    seen = reportedEvents_;
    burst_->unreported = messages_.size();
    unreported_ += messages_.size();
  }
  static_cast<void>(burst_.release());  // release(), below, has it from here on
  std::size_t taken = offer(0);
  while (taken < messages_.size()) {
    awaitRoom(seen);
    {
      const std::lock_guard lock(mutex_);
      seen = reportedEvents_;
    }
    taken = offer(taken);
  }
  return isHopeless_ ? outcome() : okStatus();
}

void KafkaProducer::release(Burst* burst, std::size_t reports) {
  const std::lock_guard lock(mutex_);
  unreported_ -= reports;
  burst->unreported -= reports;
  if (burst->unreported == 0) spare_.emplace_back(burst);
}

// REQUIRES: mutex_ is held.
void KafkaProducer::countFailures(rd_kafka_resp_err_t code, std::uint64_t records) {
  failures_[code] += records;
  if (!isOfMessage(code)) isHopeless_ = true;
}

void KafkaProducer::watchReports() {
  while (!isClosing_) {
    rd_kafka_event_t* const event = rd_kafka_queue_poll(reports_.get(), kPollMillis);
    if (event == nullptr) continue;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) onReports(event);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) onError(event);
    rd_kafka_event_destroy(event);
    {
      const std::lock_guard lock(mutex_);
      ++reportedEvents_;  // only now has the queue room for as many
    }
    reported_.notify_all();
  }
}

void KafkaProducer::onError(rd_kafka_event_t* event) {
  client_->tell(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
  if (rd_kafka_fatal_error(client_->get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
    isHopeless_ = true;
}

void KafkaProducer::onReports(rd_kafka_event_t* event) {
  const auto now = SteadyClock::now();
  // Reports come in the order of producing, so that a burst's are next to one another.
  Burst* burst = nullptr;
  std::uint64_t good = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bad = 0;
  const auto settle = [&] {
    if (burst == nullptr) return;
    {
      const std::lock_guard lock(mutex_);
      for (Sent* sent : {&whole_, &interval_})
        if (good > 0) sent->add(good, bytes, now - burst->due);
    }
    acknowledged_.fetch_add(good, std::memory_order_relaxed);
    release(burst, good + bad);
    good = bytes = bad = 0;
  };
  while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(event)) {
    auto* const owner = static_cast<Burst*>(message->_private);
    if (owner != burst) settle();
    burst = owner;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++good;
      bytes += message->len;
    } else {
      ++bad;
      const std::lock_guard lock(mutex_);
      countFailures(message->err, 1);
    }
  }
  settle();
}

Status KafkaProducer::close() {
  auto toldAt = SteadyClock::now();
  while (true) {
    rd_kafka_flush(client_->get(), kPollMillis);
    std::unique_lock lock(mutex_);
    if (reported_.wait_for(lock, std::chrono::milliseconds(kPollMillis),
                           [this] { return unreported_ == 0; }))
      break;
    const std::uint64_t waiting = unreported_;
    lock.unlock();
    if (SteadyClock::now() - toldAt < kPatience) continue;
    const std::string trouble = client_->lastTrouble();
    log(LogLevel::kInfo, fmt::format("waiting for Kafka to acknowledge {} records{}{}", waiting,
                                     trouble.empty() ? "" : ": ", trouble));
    toldAt = SteadyClock::now();
  }
  return outcome();
}

Status KafkaProducer::outcome() const {
  const Account all = account();
  std::array<char, 512> reason{};
  const auto fatal = rd_kafka_fatal_error(client_->get(), reason.data(), reason.size());
  if (all.failed == 0 && fatal == RD_KAFKA_RESP_ERR_NO_ERROR) return okStatus();
  std::string text = fmt::format("{} records were not delivered to topic '{}': {}", all.failed,
                                 topicName_, all.failures);
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
    text += fmt::format("; the producer failed: {}", reason.data());
  return absl::AbortedError(text);
}

Sent KafkaProducer::sent() const {
  const std::lock_guard lock(mutex_);
  return whole_;
}

Sent KafkaProducer::interval() {
  const std::lock_guard lock(mutex_);
  return std::exchange(interval_, Sent{});
}

KafkaProducer::Account KafkaProducer::account() const {
  Account account;
  std::vector<std::pair<std::uint64_t, rd_kafka_resp_err_t>> ranking;
  const std::lock_guard lock(mutex_);
  for (const auto& [code, count] : failures_) ranking.emplace_back(count, code);
  std::sort(ranking.rbegin(), ranking.rend());
  for (const auto& [count, code] : ranking) {
    account.failed += count;
    account.failures +=
        fmt::format("{}{} {}", account.failures.empty() ? "" : ", ", count, kafkaErrorText(code));
  }
  account.waits = waits_;
  account.waitedSeconds = waitedSeconds_;
  return account;
}

}  // namespace millrace::examples
