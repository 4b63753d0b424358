// SPDX-License-Identifier: MIT
#include "group_consumer.hpp"

#include <millrace/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>

namespace millrace::examples {
namespace {

constexpr std::size_t kFill = 4096;
constexpr int kServeMillis = 50;
constexpr std::size_t kLongQueue = 20'000;  // messages; librdkafka's limits lie far above
constexpr int kAskMillis = 1'000;
constexpr auto kLeaving = std::chrono::seconds(10);  // then the group has to find out by itself

// What librdkafka subscribes to. Its patterns match a part of the name, unless they are told to
// match all of it.
std::vector<std::string> listed(const std::string& topics) {
  if (topics.starts_with('^')) return {"^(" + topics.substr(1) + ")$"};
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= topics.size();) {
    const std::size_t comma = std::min(topics.find(',', at), topics.size());
    names.push_back(topics.substr(at, comma - at));
    at = comma + 1;
  }
  return names;
}

std::string described(const rd_kafka_topic_partition_list_t& partitions) {
  std::string text;
  for (int i = 0; i < partitions.cnt; ++i)
    text += fmt::format("{}{}:{}", i == 0 ? "" : ", ", partitions.elems[i].topic,
                        partitions.elems[i].partition);
  return text.empty() ? "none" : text;
}

bool isCooperative(rd_kafka_t* handle) {
  const char* const protocol = rd_kafka_rebalance_protocol(handle);
  return protocol != nullptr && std::strcmp(protocol, "COOPERATIVE") == 0;
}

}  // namespace

StatusOr<std::unique_ptr<GroupConsumer>> GroupConsumer::join(const GroupSettings& settings,
                                                             const StopSignal& stop) {
  std::unique_ptr<GroupConsumer> consumer(new GroupConsumer());
  MILLRACE_ASSIGN_OR_RETURN(KafkaConf conf, KafkaClient::configure(settings.kafka));
  std::array<char, 16> value{};
  std::size_t size = value.size();
  rd_kafka_conf_get(conf.get(), "enable.auto.commit", value.data(), &size);
  consumer->commits_ = std::string_view(value.data()) == "true";
  rd_kafka_conf_set_error_cb(
      conf.get(), [](rd_kafka_t*, int code, const char* reason, void* opaque) {
        auto* const self = static_cast<GroupConsumer*>(opaque);
        if (self->client_ != nullptr)
          self->client_->tell(static_cast<rd_kafka_resp_err_t>(code), reason);
      });
  rd_kafka_conf_set_rebalance_cb(
      conf.get(),
      [](rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions,
         void* opaque) { static_cast<GroupConsumer*>(opaque)->onRebalance(code, partitions); });
  rd_kafka_conf_set_offset_commit_cb(conf.get(), &onCommit);
  MILLRACE_ASSIGN_OR_RETURN(consumer->client_,
                            KafkaClient::open(RD_KAFKA_CONSUMER, std::move(conf), consumer.get()));
  rd_kafka_poll_set_consumer(consumer->client_->get());
  for (const std::string& topic : listed(settings.topics))
    if (!topic.starts_with('^'))
      MILLRACE_RETURN_IF_ERROR(consumer->client_->awaitTopic(settings.kafka, topic, stop));
  MILLRACE_RETURN_IF_ERROR(consumer->subscribe(settings.topics));
  consumer->filled_.resize(kFill);
  consumer->queue_.reset(rd_kafka_queue_get_consumer(consumer->client_->get()));
  return consumer;
}

GroupConsumer::~GroupConsumer() {
  onArrival({});
  dropFilled();
  queue_.reset();  // before the handle it belongs to
  if (client_ != nullptr && !hasLeft_) leave();
}

Status GroupConsumer::subscribe(const std::string& topics) {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  for (const std::string& topic : listed(topics))
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const auto answer = rd_kafka_subscribe(client_->get(), list.get());
  if (answer == RD_KAFKA_RESP_ERR_NO_ERROR) return okStatus();
  return invalidArgumentError(
      fmt::format("subscribing to '{}': {}", topics, kafkaErrorText(answer)));
}

void GroupConsumer::onArrival(std::function<void()> wake) {
  if (queue_ == nullptr) return;
  // Taken away first: once that has returned it is not called any more.
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  wake_ = std::move(wake);
  if (wake_) rd_kafka_queue_cb_event_enable(queue_.get(), &onArrived, this);
}

void GroupConsumer::onArrived(rd_kafka_t*, void* opaque) {
  static_cast<GroupConsumer*>(opaque)->wake_();
}

StatusOr<bool> GroupConsumer::fill() {
  if (at_ < end_) return true;
  at_ = end_ = 0;
  const ssize_t count =
      rd_kafka_consume_batch_queue(queue_.get(), 0, filled_.data(), filled_.size());
  if (count > 0) end_ = static_cast<std::size_t>(count);
  if (!failure_.ok()) return failure_;
  hastenFetching();
  return end_ > 0;
}

// Once its queue is full librdkafka looks only each second whether it may fetch again, or when it
// has to do with the broker: so something is asked when most of a long queue has been taken.
void GroupConsumer::hastenFetching() {
  const std::size_t queued = rd_kafka_queue_length(queue_.get());
  longest_ = std::max(longest_, queued);
  if (longest_ < kLongQueue || queued > longest_ / 4) return;
  if (asking_.valid() && asking_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return;
  longest_ = queued;
  std::vector<std::pair<std::string, std::int32_t>> ours;
  for (const Split& split : splits_)
    if (split.isOurs) ours.emplace_back(split.topic, split.partition);
  asking_ = std::async(std::launch::async, [this, ours = std::move(ours)] {
    std::int64_t first = 0;
    std::int64_t end = 0;
    for (const auto& [topic, partition] : ours) {
      if (hasLeft_) return;
      rd_kafka_query_watermark_offsets(client_->get(), topic.c_str(), partition, &first, &end,
                                       kAskMillis);
    }
  });
}

bool GroupConsumer::next(Message& message) {
  for (; at_ < end_; ++at_) {
    const rd_kafka_message_t& here = *filled_[at_];
    if (here.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      noteEnd(here);
    } else if (here.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (failure_.ok()) failure_ = judge(here);
    } else if (findSplit(here)) {
      message = {split_,
                 {static_cast<const char*>(here.payload), here.len},
                 here.payload == nullptr,
                 splits_[split_].topic.c_str(),
                 here.partition,
                 here.offset};
      return true;
    }
    rd_kafka_message_destroy(filled_[at_]);
  }
  return false;
}

void GroupConsumer::release(std::uint64_t count) {
  const std::int64_t next = filled_[at_]->offset + 1;
  rd_kafka_message_destroy(filled_[at_++]);
  splits_[split_].position.store(next, std::memory_order_relaxed);
  if (isRunning_ && read_.back().split == split_) {
    read_.back().count = count;
    read_.back().next = next;
  } else {
    read_.push_back({count, split_, next});
    isRunning_ = true;
  }
}

// Messages of a partition come one after the other, so that the last split is most often the right
// one. False: the partition is another member's by now, who reads it from where this one has come
// to.
bool GroupConsumer::findSplit(const rd_kafka_message_t& message) {
  const char* const topic = rd_kafka_topic_name(message.rkt);
  const auto isIt = [&](const Split& split) {
    return split.isOurs && split.partition == message.partition && split.topic == topic;
  };
  if (split_ < splits_.size() && isIt(splits_[split_])) return true;
  for (std::size_t i = splits_.size(); i-- > 0;) {
    if (!isIt(splits_[i])) continue;
    split_ = i;
    return true;
  }
  return false;
}

// Marks of transactions have offsets too, so the last message need not be the last there is.
void GroupConsumer::noteEnd(const rd_kafka_message_t& end) {
  if (findSplit(end)) splits_[split_].position.store(end.offset, std::memory_order_relaxed);
}

// A start is where the group stands when a partition is given to this member.
void GroupConsumer::noteCommitted(const rd_kafka_topic_partition_list_t& offsets, bool isStart) {
  for (int i = 0; i < offsets.cnt; ++i) {
    const rd_kafka_topic_partition_t& each = offsets.elems[i];
    if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR || each.offset < 0) continue;
    for (Split& split : splits_) {
      if (!split.isOurs || split.partition != each.partition || split.topic != each.topic) continue;
      split.committed.store(each.offset, std::memory_order_relaxed);
      if (isStart) split.position.store(each.offset, std::memory_order_relaxed);
    }
  }
}

void GroupConsumer::appendSplits(std::vector<SplitProgress>& splits) const {
  const std::lock_guard lock(mutex_);
  for (const Split& split : splits_) {
    if (!split.isOurs) continue;
    SplitProgress& added = splits.emplace_back();
    added.name = fmt::format("{}-{}", split.topic, split.partition);
    added.position = split.position.load(std::memory_order_relaxed);
    added.committed = split.committed.load(std::memory_order_relaxed);
    // As of the last fetch: nobody is asked.
    std::int64_t first = 0;
    std::int64_t end = SplitProgress::kUnknown;
    const auto known = rd_kafka_get_watermark_offsets(client_->get(), split.topic.c_str(),
                                                      split.partition, &first, &end);
    if (known == RD_KAFKA_RESP_ERR_NO_ERROR && end >= 0) added.end = std::max(end, added.position);
  }
}

// Nothing that passes by itself is an error: librdkafka tries again.
Status GroupConsumer::judge(const rd_kafka_message_t& message) {
  const char* const text = rd_kafka_message_errstr(&message);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR__FATAL:
      return absl::AbortedError(fmt::format("reading from Kafka: {}", text));
    default:
      client_->tell(message.err, text);
      return okStatus();
  }
}

void GroupConsumer::handled(std::uint64_t count) {
  // What is read from here on is known to be handled later: it must not keep this waiting.
  isRunning_ = false;
  const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(4));
  for (; !read_.empty() && read_.front().count <= count; read_.pop_front()) {
    const Split& split = splits_[read_.front().split];
    if (!split.isOurs) continue;
    auto* known =
        rd_kafka_topic_partition_list_find(offsets.get(), split.topic.c_str(), split.partition);
    if (known == nullptr)
      known =
          rd_kafka_topic_partition_list_add(offsets.get(), split.topic.c_str(), split.partition);
    known->offset = read_.front().next;
  }
  // What cannot be stored is no longer this member's, and comes again where it is.
  if (offsets->cnt > 0) rd_kafka_offsets_store(client_->get(), offsets.get());
}

void GroupConsumer::assign(const rd_kafka_topic_partition_list_t& partitions) {
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < partitions.cnt; ++i)
      splits_.emplace_back(partitions.elems[i].topic, partitions.elems[i].partition);
  }
  // Only to be told: without an answer it shows with the first commit.
  const KafkaPartitions stands(rd_kafka_topic_partition_list_copy(&partitions));
  if (rd_kafka_committed(client_->get(), stands.get(), kAskMillis) == RD_KAFKA_RESP_ERR_NO_ERROR)
    noteCommitted(*stands, true);
  if (begin_) std::exchange(begin_, {})();
}

void GroupConsumer::revoke(const rd_kafka_topic_partition_list_t& partitions) {
  for (std::size_t i = 0; i < splits_.size(); ++i) {
    Split& split = splits_[i];
    const bool isListed = rd_kafka_topic_partition_list_find(
                              const_cast<rd_kafka_topic_partition_list_t*>(&partitions),
                              split.topic.c_str(), split.partition) != nullptr;
    if (!split.isOurs || !isListed) continue;
    const std::lock_guard lock(mutex_);
    split.isOurs = false;
    ended_.push_back(i);
  }
}

void GroupConsumer::onRebalance(rd_kafka_resp_err_t code,
                                rd_kafka_topic_partition_list_t* partitions) {
  rd_kafka_t* const handle = client_->get();
  const bool isGiven = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  log(LogLevel::kInfo,
      fmt::format("partitions {}: {}", isGiven ? "given" : "taken away", described(*partitions)));
  if (isGiven) {
    assign(*partitions);
  } else {
    revoke(*partitions);
  }
  // Taking away commits what was stored before, unless the group has thrown this member out.
  rd_kafka_error_t* error = nullptr;
  if (isCooperative(handle)) {
    error = isGiven ? rd_kafka_incremental_assign(handle, partitions)
                    : rd_kafka_incremental_unassign(handle, partitions);
  } else {
    const auto answer = rd_kafka_assign(handle, isGiven ? partitions : nullptr);
    if (answer != RD_KAFKA_RESP_ERR_NO_ERROR) client_->tell(answer, rd_kafka_err2str(answer));
  }
  if (error == nullptr) return;
  client_->tell(rd_kafka_error_code(error), rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
}

void GroupConsumer::onCommit(rd_kafka_t*, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t* offsets, void* opaque) {
  auto& consumer = *static_cast<GroupConsumer*>(opaque);
  if (code == RD_KAFKA_RESP_ERR__NO_OFFSET) return;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return consumer.noteCommitted(*offsets, false);
  consumer.client_->tell(
      code, fmt::format("offsets were not committed, and will be with the next commit: {}",
                        rd_kafka_err2str(code)));
}

void GroupConsumer::dropFilled() {
  for (; at_ < end_; ++at_) rd_kafka_message_destroy(filled_[at_]);
  at_ = end_ = 0;
}

// Messages may still come to the queue of a consumer that closes: they are let go, not counted, not
// committed.
void GroupConsumer::serve(rd_kafka_queue_t* answers) {
  rd_kafka_message_t* const message = rd_kafka_consume_queue(answers, kServeMillis);
  if (message != nullptr) rd_kafka_message_destroy(message);
}

GroupConsumer::Deadline GroupConsumer::leaveBy() {
  if (!leaveBy_) leaveBy_ = std::chrono::steady_clock::now() + kLeaving;
  return *leaveBy_;
}

// librdkafka's own calls for this, and for closing, wait for ever when the group's broker does not
// answer.
Status GroupConsumer::commit() {
  if (!commits_) return okStatus();
  // What comes after the deadline finds nothing to write to.
  struct Answer {
    std::optional<rd_kafka_resp_err_t> code;
    KafkaPartitions offsets;
  };
  const auto answer = std::make_shared<Answer>();
  const auto onAnswer = [](rd_kafka_t*, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* offsets, void* opaque) {
    const std::unique_ptr<std::shared_ptr<Answer>> held(
        static_cast<std::shared_ptr<Answer>*>(opaque));
    (*held)->code = code;
    if (offsets != nullptr) (*held)->offsets.reset(rd_kafka_topic_partition_list_copy(offsets));
  };
  const KafkaQueue answers(rd_kafka_queue_new(client_->get()));
  rd_kafka_commit_queue(client_->get(), nullptr, answers.get(), onAnswer,
                        new std::shared_ptr(answer));
  while (!answer->code && std::chrono::steady_clock::now() < leaveBy()) serve(answers.get());
  if (answer->offsets != nullptr) noteCommitted(*answer->offsets, false);
  const auto code = answer->code.value_or(RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET) return okStatus();
  const std::string trouble = client_->lastTrouble();
  return absl::UnavailableError(
      fmt::format("the offsets could not be committed: {}{}{} (what was counted since the last "
                  "commit comes again)",
                  kafkaErrorText(code), trouble.empty() ? "" : "; ", trouble));
}

void GroupConsumer::leave() {
  hasLeft_ = true;
  if (asking_.valid()) asking_.wait();
  onArrival({});
  dropFilled();
  const KafkaQueue answers(rd_kafka_queue_new(client_->get()));
  if (rd_kafka_error_t* const error = rd_kafka_consumer_close_queue(client_->get(), answers.get());
      error != nullptr) {
    rd_kafka_error_destroy(error);
    return;
  }
  while (rd_kafka_consumer_closed(client_->get()) == 0) {
    if (std::chrono::steady_clock::now() >= leaveBy()) return client_->abandon();
    serve(answers.get());
  }
}

}  // namespace millrace::examples
