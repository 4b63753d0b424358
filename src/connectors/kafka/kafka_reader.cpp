// SPDX-License-Identifier: MIT
#include <millrace/connectors/kafka/kafka_reader.hpp>

#include "connectors/kafka/client.hpp"
#include "connectors/kafka/fetched_messages.hpp"
#include "connectors/kafka/kafka_input.hpp"
#include "connectors/kafka/kafka_positions.hpp"

#include <millrace/base/check.hpp>
#include <millrace/base/clock.hpp>
#include <millrace/base/log.hpp>
#include <millrace/runtime/operator.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace millrace {

KafkaReader::~KafkaReader() = default;

namespace rdkafka {
namespace {

// How long the end of a job waits for the group to be told.
constexpr int kLastWordMillis = 2'000;

// A topic may look as if it were gone while its broker starts.
constexpr Duration kMissingFor = std::chrono::seconds(10);

// What a worker may have waiting in librdkafka: one fetch more than the queue holds, for librdkafka
// looks at the queue's limit before it fetches.
constexpr const char* kQueuedKilobytes = "32768";
constexpr const char* kQueuedMessages = "100000";
constexpr const char* kFetchBytes = "8388608";

const std::vector<KafkaSettings::Property>& defaults() {
  static const std::vector<KafkaSettings::Property> properties = {
      {"client.id", "millrace"},
      {"group.id", "millrace"},  // librdkafka wants one; nobody is told of anything
      {"isolation.level", "read_committed"},
      {"queued.max.messages.kbytes", kQueuedKilobytes},
      {"queued.min.messages", kQueuedMessages},
      {"fetch.max.bytes", kFetchBytes},
      {"fetch.error.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "1000"},
      {"socket.nagle.disable", "true"},
  };
  return properties;
}

std::vector<KafkaSettings::Property> forced(const KafkaSourceOptions& options) {
  std::vector<KafkaSettings::Property> properties = {
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},
      {"auto.offset.reset", "error"},
  };
  if (!options.groupId.empty()) properties.emplace_back("group.id", options.groupId);
  return properties;
}

// How full librdkafka's queue is. It holds messages up to a number and up to an amount of bytes,
// and says only how many there are.
class QueueGauge {
 public:
  Status open(const Client& client) {
    MILLRACE_ASSIGN_OR_RETURN(const std::int64_t kilobytes,
                              numberOf(client, "queued.max.messages.kbytes"));
    MILLRACE_ASSIGN_OR_RETURN(const std::int64_t messages, numberOf(client, "queued.min.messages"));
    limitBytes_ = static_cast<double>(kilobytes) * 1024;
    limitMessages_ = static_cast<double>(messages);
    return okStatus();
  }

  /// True once each time when the queue was full and is running low. `bytes` are those of `count`
  /// messages that came from it last.
  bool isRunningLow(std::size_t queued, std::size_t bytes, std::size_t count) {
    const double each = static_cast<double>(bytes) / static_cast<double>(count);
    const auto messages = static_cast<double>(queued);
    const double full = std::max(messages / limitMessages_, messages * each / limitBytes_);
    if (full >= kFull) wasFull_ = true;
    return full < kLow && std::exchange(wasFull_, false);
  }

 private:
  static constexpr double kFull = 0.5;
  static constexpr double kLow = 0.25;

  static StatusOr<std::int64_t> numberOf(const Client& client, const char* property) {
    std::array<char, 32> text{};
    std::size_t size = text.size();
    const auto answer =
        rd_kafka_conf_get(rd_kafka_conf(client.get()), property, text.data(), &size);
    std::int64_t number = 0;
    if (answer == RD_KAFKA_CONF_OK) std::from_chars(text.data(), text.data() + text.size(), number);
    if (number > 0) return number;
    return internalError(fmt::format("librdkafka does not tell its property '{}'", property));
  }

  double limitBytes_ = 1;
  double limitMessages_ = 1;
  bool wasFull_ = false;
};

struct Split {
  std::int64_t next = 0;
  std::optional<std::int64_t> end;
  bool isPending = true;
  bool isEnded = false;
  Timestamp missingSince = kMaxTimestamp;
  std::shared_ptr<PartitionGauge> gauge;

  const PartitionId& id() const { return gauge->id; }
  bool isAtEnd() const { return end && next >= *end; }
};

void wakeWorker(rd_kafka_t*, void* waker) { static_cast<Waker*>(waker)->wake(); }

class Reader final : public KafkaReader {
 public:
  explicit Reader(std::shared_ptr<KafkaInput> input) : input_(std::move(input)) {}
  ~Reader() override;

  Status open(OperatorContext& context) override;
  StatusOr<bool> hasPassingStart() const override { return input_->hasPassingStart(); }
  Status restore(std::span<const std::string_view> positions) override {
    return input_->restore(positions);
  }
  void writePosition(ByteWriter& out) override;
  StatusOr<ReadState> next(ReaderReport& report) override;
  bool nextMessage(KafkaMessage& message) override;
  Timestamp nextDeadline() const override { return missingDeadline_; }
  void close(bool succeeded) override;
  void appendSplits(std::vector<SplitProgress>& splits) const override;

 private:
  Status begin(ReaderReport& report);
  Status add(const std::vector<PartitionPosition>& positions, ReaderReport& report);
  Status takeNews(ReaderReport& report);
  bool goToRun(ReaderReport& report);
  std::size_t find(const rd_kafka_message_t& message);
  bool isWanted(Split& split, const rd_kafka_message_t& message);
  Status handle(const rd_kafka_message_t& event, ReaderReport& report);
  void handleEnd(std::size_t index, std::int64_t offset, ReaderReport& report);
  void checkMissing();
  void noteForGroup();
  void tellGroup();
  Partitions listOf(const std::vector<std::int64_t>& offsets) const;
  void setPending(std::size_t index, bool isPending, ReaderReport& report);
  void endIfDone(std::size_t index, ReaderReport& report);
  void dropMessage();
  void endRun(ReaderReport& report);
  ReadState whenNothingIsThere() const;

  const std::shared_ptr<KafkaInput> input_;
  OperatorContext* context_ = nullptr;
  std::shared_ptr<Client> client_;
  Queue queue_;
  QueueGauge gauge_;
  FetchedMessages fetched_;
  ReaderInbox inbox_;

  bool hasBegun_ = false;
  std::vector<Split> splits_;
  std::map<std::pair<const void*, std::int32_t>, std::size_t> indexes_;  // by librdkafka's topic
  std::size_t ended_ = 0;
  std::size_t run_ = SIZE_MAX;  // the split that nextMessage() is at
  bool hasMessage_ = false;     // the front of fetched_ has been given out
  Timestamp missingDeadline_ = kMaxTimestamp;
  std::vector<KafkaHeader> headers_;

  // What checkpoints hold, until they are committed and the group is told.
  struct Noted {
    std::uint64_t barrier;
    std::vector<std::int64_t> offsets;  // by split
  };
  std::deque<Noted> noted_;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<PartitionGauge>> gauges_;  // of splits_, under mutex_
};

Reader::~Reader() {
  input_->leave(inbox_);
  if (queue_ != nullptr) rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  fetched_.clear();
  queue_.reset();
}

Status Reader::open(OperatorContext& context) {
  context_ = &context;
  inbox_.worker = context.worker();
  inbox_.workers = context.workers();
  inbox_.waker = &context.waker();
  const KafkaSourceOptions& options = input_->options();
  MILLRACE_RETURN_IF_ERROR(checkOptions(options));
  MILLRACE_ASSIGN_OR_RETURN(Client client, Client::make(RD_KAFKA_CONSUMER, options.settings,
                                                        defaults(), forced(options)));
  client_ = std::make_shared<Client>(std::move(client));
  MILLRACE_RETURN_IF_ERROR(input_->open(client_, context.isCheckpointed(), context.cancellation()));
  // What goes wrong comes by the same queue as messages.
  MILLRACE_RETURN_IF_ERROR(
      statusOf(rd_kafka_poll_set_consumer(client_->get()), "preparing a Kafka consumer"));
  inbox_.client = client_;
  MILLRACE_RETURN_IF_ERROR(gauge_.open(*client_));
  queue_.reset(rd_kafka_queue_get_consumer(client_->get()));
  if (queue_ == nullptr) return internalError("a Kafka consumer without a queue");
  rd_kafka_queue_cb_event_enable(queue_.get(), &wakeWorker, &context.waker());
  return okStatus();
}

Status Reader::begin(ReaderReport& report) {
  hasBegun_ = true;
  MILLRACE_ASSIGN_OR_RETURN(const auto share, input_->begin(inbox_));
  return add(share, report);
}

Status Reader::add(const std::vector<PartitionPosition>& positions, ReaderReport& report) {
  const Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
  for (const PartitionPosition& each : positions) {
    const std::size_t index = splits_.size();
    Split& split = splits_.emplace_back();
    split.next = each.next;
    split.end = each.end;
    split.gauge = std::make_shared<PartitionGauge>(each.id);
    split.gauge->position.store(each.next, std::memory_order_relaxed);
    input_->watch(split.gauge);
    {
      const std::lock_guard lock(mutex_);
      gauges_.push_back(split.gauge);
    }
    report.split(index);
    report.setPending(index, true);
    endIfDone(index, report);
    if (split.isEnded) continue;
    rd_kafka_topic_partition_list_add(list.get(), each.id.topic.c_str(), each.id.partition)
        ->offset = each.next;
  }
  if (list->cnt == 0) return okStatus();
  return statusOf(rd_kafka_incremental_assign(client_->get(), list.get()),
                  "assigning Kafka partitions");
}

Status Reader::takeNews(ReaderReport& report) {
  if (!inbox_.hasNews.load(std::memory_order_relaxed)) return okStatus();
  std::vector<PartitionPosition> added;
  MILLRACE_RETURN_IF_ERROR(input_->takeNews(inbox_, added));
  return add(added, report);
}

StatusOr<ReadState> Reader::next(ReaderReport& report) {
  if (!hasBegun_) MILLRACE_RETURN_IF_ERROR(begin(report));
  MILLRACE_RETURN_IF_ERROR(takeNews(report));
  tellGroup();
  endRun(report);
  while (true) {
    while (!fetched_.isEmpty()) {
      const rd_kafka_message_t& front = fetched_.front();
      if (front.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (goToRun(report)) return ReadState::kMore;
      } else {
        const Status handled = handle(front, report);
        fetched_.pop();
        MILLRACE_RETURN_IF_ERROR(handled);
      }
    }
    if (!fetched_.fill(queue_.get())) break;
    const bool isLow = gauge_.isRunningLow(rd_kafka_queue_length(queue_.get()), fetched_.bytes(),
                                           fetched_.count());
    if (isLow) input_->hasten(inbox_);
  }
  if (client_->takeOutage()) input_->noteAway(client_->lastTrouble());
  if (client_->isRefused()) {
    return permissionDeniedError(
        fmt::format("Kafka at {} refuses this client: {} (correct the credentials)",
                    input_->options().settings.bootstrapServers, client_->lastTrouble()));
  }
  checkMissing();
  return whenNothingIsThere();
}

ReadState Reader::whenNothingIsThere() const {
  const bool isBounded = input_->options().until.at != KafkaEnd::At::kNever;
  return isBounded && ended_ == splits_.size() ? ReadState::kEnd : ReadState::kQuiet;
}

// True: the front of fetched_ is the first message of a run that is wanted.
bool Reader::goToRun(ReaderReport& report) {
  const std::size_t index = find(fetched_.front());
  Split& split = splits_[index];
  input_->noteAnswer();
  split.missingSince = kMaxTimestamp;
  if (!isWanted(split, fetched_.front())) {
    fetched_.pop();
    endIfDone(index, report);
    return false;
  }
  run_ = index;
  fetched_.beginRun();
  report.split(index);
  setPending(index, true, report);
  return true;
}

// Messages beyond the end count as read, so that the split ends.
bool Reader::isWanted(Split& split, const rd_kafka_message_t& message) {
  if (split.isEnded) return false;
  if (message.offset < split.next) {
    split.gauge->repeated.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (split.end && message.offset >= *split.end) {
    split.next = *split.end;
    return false;
  }
  return true;
}

bool Reader::nextMessage(KafkaMessage& message) {
  dropMessage();
  Split& split = splits_[run_];
  while (fetched_.isInRun()) {
    const rd_kafka_message_t& front = fetched_.front();
    if (!isWanted(split, front)) {
      fetched_.pop();
      continue;
    }
    split.next = front.offset + 1;
    fetched_.view(split.id().topic, message, headers_);
    hasMessage_ = true;
    return true;
  }
  return false;
}

// The message given out last is done with.
void Reader::dropMessage() {
  if (!hasMessage_) return;
  hasMessage_ = false;
  fetched_.pop();
}

void Reader::endRun(ReaderReport& report) {
  dropMessage();
  if (run_ == SIZE_MAX) return;
  const std::size_t index = std::exchange(run_, SIZE_MAX);
  const Split& split = splits_[index];
  split.gauge->position.store(split.next, std::memory_order_relaxed);
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto known = rd_kafka_get_watermark_offsets(client_->get(), split.id().topic.c_str(),
                                                    split.id().partition, &low, &high);
  if (known == RD_KAFKA_RESP_ERR_NO_ERROR && high >= split.next) {
    split.gauge->end.store(high, std::memory_order_relaxed);
  }
  endIfDone(index, report);
}

std::size_t Reader::find(const rd_kafka_message_t& message) {
  const auto [it, isNew] = indexes_.try_emplace({message.rkt, message.partition}, SIZE_MAX);
  if (!isNew) return it->second;
  const std::string_view topic = rd_kafka_topic_name(message.rkt);
  const auto found = std::find_if(splits_.begin(), splits_.end(), [&](const Split& split) {
    return split.id().topic == topic && split.id().partition == message.partition;
  });
  MILLRACE_CHECK(found != splits_.end(), "messages come from assigned partitions");
  return it->second = static_cast<std::size_t>(found - splits_.begin());
}

Status Reader::handle(const rd_kafka_message_t& event, ReaderReport& report) {
  const bool hasSplit = event.rkt != nullptr && event.partition >= 0;
  const std::string name =
      hasSplit ? fmt::format("partition '{}-{}'", rd_kafka_topic_name(event.rkt), event.partition)
               : std::string("a Kafka topic");
  switch (event.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      handleEnd(find(event), event.offset, report);
      return okStatus();
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return failedPreconditionError(
          fmt::format("{} does not hold offset {} any more, which is to be read next: it has been "
                      "made anew, or its "
                      "messages were deleted before they were read (start anew with an empty state "
                      "directory, or "
                      "bring the topic back as it was): {}",
                      name, hasSplit ? splits_[find(event)].next : event.offset,
                      rd_kafka_message_errstr(&event)));
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      if (hasSplit) {
        Split& split = splits_[find(event)];
        if (split.missingSince == kMaxTimestamp) split.missingSince = context_->processingTime();
      }
      return okStatus();
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      log(LogLevel::kWarning, fmt::format("group '{}': {}", input_->options().groupId,
                                          rd_kafka_message_errstr(&event)));
      return okStatus();
    default:
      break;
  }
  const Status failure = statusOf(event.err, "reading " + name, rd_kafka_message_errstr(&event));
  // librdkafka goes on by itself.
  return isRetriable(failure) ? okStatus() : failure;
}

// All of the split up to `offset` has been read, whether there were messages or not: marks of
// transactions have offsets too.
void Reader::handleEnd(std::size_t index, std::int64_t offset, ReaderReport& report) {
  Split& split = splits_[index];
  input_->noteAnswer();
  split.missingSince = kMaxTimestamp;
  split.next = std::max(split.next, offset);
  split.gauge->position.store(split.next, std::memory_order_relaxed);
  split.gauge->end.store(split.next, std::memory_order_relaxed);
  setPending(index, false, report);
  endIfDone(index, report);
}

// librdkafka does not say when a partition is there again: whether it is, is asked for.
void Reader::checkMissing() {
  missingDeadline_ = kMaxTimestamp;
  for (Split& split : splits_) {
    if (split.missingSince == kMaxTimestamp) continue;
    const Timestamp deadline = saturatingAdd(split.missingSince, kMissingFor.count());
    if (context_->processingTime() >= deadline) {
      split.missingSince = kMaxTimestamp;
      input_->doubt(inbox_);
    } else {
      missingDeadline_ = std::min(missingDeadline_, deadline);
    }
  }
}

void Reader::setPending(std::size_t index, bool isPending, ReaderReport& report) {
  if (splits_[index].isPending == isPending) return;
  splits_[index].isPending = isPending;
  report.setPending(index, isPending);
}

void Reader::endIfDone(std::size_t index, ReaderReport& report) {
  Split& split = splits_[index];
  if (split.isEnded || !split.isAtEnd()) return;
  split.isEnded = true;
  ++ended_;
  split.gauge->position.store(split.next, std::memory_order_relaxed);
  report.endSplit(index);
  const Partitions list =
      onePartition(split.id().topic, split.id().partition, RD_KAFKA_OFFSET_INVALID);
  rd_kafka_pause_partitions(client_->get(), list.get());
}

void Reader::writePosition(ByteWriter& out) {
  std::vector<PartitionPosition> positions;
  if (!hasBegun_) {
    // A barrier before the first read.
    return writePositions(input_->shareOf(inbox_), out);
  }
  for (const Split& split : splits_) positions.push_back({split.id(), split.next, split.end});
  writePositions(positions, out);
  noteForGroup();
}

void Reader::noteForGroup() {
  if (input_->options().groupId.empty() || splits_.empty()) return;
  Noted& noted = noted_.emplace_back();
  noted.barrier = context_->barrier();
  for (const Split& split : splits_) noted.offsets.push_back(split.next);
}

// The answer comes by the queue of messages, to KafkaInput.
void Reader::tellGroup() {
  if (noted_.empty() || noted_.front().barrier > context_->committedBarrier()) return;
  std::vector<std::int64_t> offsets;
  while (!noted_.empty() && noted_.front().barrier <= context_->committedBarrier()) {
    offsets = std::move(noted_.front().offsets);
    noted_.pop_front();
  }
  const Partitions list = listOf(offsets);
  rd_kafka_commit_queue(client_->get(), list.get(), queue_.get(), &KafkaInput::onToldGroup,
                        input_.get());
}

Partitions Reader::listOf(const std::vector<std::int64_t>& offsets) const {
  Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const PartitionId& id = splits_[i].id();
    rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition)->offset =
        offsets[i];
  }
  return list;
}

void Reader::close(bool succeeded) {
  if (!succeeded || noted_.empty()) return;
  const Partitions list = listOf(noted_.back().offsets);
  const Queue answers(rd_kafka_queue_new(client_->get()));
  rd_kafka_commit_queue(client_->get(), list.get(), answers.get(), nullptr, nullptr);
  const Event answer(rd_kafka_queue_poll(answers.get(), kLastWordMillis));
  const auto code =
      answer == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(answer.get());
  KafkaInput::onToldGroup(client_->get(), code, list.get(), input_.get());
}

void Reader::appendSplits(std::vector<SplitProgress>& splits) const {
  const std::lock_guard lock(mutex_);
  for (const auto& gauge : gauges_) {
    SplitProgress& added = splits.emplace_back();
    added.name = gauge->id.name();
    added.position = gauge->position.load(std::memory_order_relaxed);
    added.end = gauge->end.load(std::memory_order_relaxed);
    added.committed = gauge->committed.load(std::memory_order_relaxed);
    added.repeated = gauge->repeated.load(std::memory_order_relaxed);
  }
}

}  // namespace
}  // namespace rdkafka

Status checkKafkaSource(const KafkaSourceOptions& options) {
  MILLRACE_RETURN_IF_ERROR(rdkafka::checkOptions(options));
  return rdkafka::Client::make(RD_KAFKA_CONSUMER, rdkafka::withoutBrokers(options.settings),
                               rdkafka::defaults(), rdkafka::forced(options))
      .status();
}

std::unique_ptr<KafkaReader> makeKafkaReader(std::shared_ptr<void>& shared,
                                             const KafkaSourceOptions& options) {
  if (shared == nullptr) shared = std::make_shared<rdkafka::KafkaInput>(options);
  return std::make_unique<rdkafka::Reader>(std::static_pointer_cast<rdkafka::KafkaInput>(shared));
}

}  // namespace millrace
