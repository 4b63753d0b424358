// SPDX-License-Identifier: MIT
#include "connectors/kafka/kafka_input.hpp"

#include <millrace/base/log.hpp>
#include <millrace/runtime/waker.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::rdkafka {
namespace {

// Readers see the end of what they read; this is for those that are held back.
constexpr auto kEndsInterval = std::chrono::seconds(5);

}  // namespace

KafkaInput::KafkaInput(KafkaSourceOptions options) : options_(std::move(options)) {}

KafkaInput::~KafkaInput() {
  {
    const std::lock_guard lock(mutex_);
    isEnding_ = true;
  }
  changed_.notify_all();
  if (scout_.joinable()) scout_.join();
}

Status KafkaInput::open(const std::shared_ptr<Client>& client, bool mayBeRestored,
                        const std::stop_token& cancellation) {
  if (client_ != nullptr) return okStatus();
  client_ = client;
  cancellation_ = cancellation;
  MILLRACE_RETURN_IF_ERROR(awaitBrokers(*client_, options_.settings, cancellation_));
  MILLRACE_RETURN_IF_ERROR(await([this](const PartitionLookup& lookup) -> Status {
    MILLRACE_ASSIGN_OR_RETURN(partitions_, lookup.partitions());
    return okStatus();
  }));
  const bool mayCome =
      options_.until.at == KafkaEnd::At::kNever && options_.discoveryInterval.count() > 0;
  if (partitions_.empty() && !mayCome) {
    return notFoundError(fmt::format("no topic matches '{}'", options_.topicPattern));
  }
  if (partitions_.empty()) {
    log(LogLevel::kWarning, fmt::format("no topic matches '{}' yet", options_.topicPattern));
  }
  planned_ = await([this](const PartitionLookup& lookup) -> Status {
    MILLRACE_ASSIGN_OR_RETURN(positions_, lookup.begin(partitions_));
    return okStatus();
  });
  // Where a job would begin does not matter to one that goes on.
  return mayBeRestored ? okStatus() : planned_;
}

Status KafkaInput::await(const std::function<Status(const PartitionLookup&)>& ask) {
  const PartitionLookup lookup(*client_, options_);
  return patiently(options_.settings.startTimeout, cancellation_, [&] { return ask(lookup); });
}

// The beginning of a topic is where all of it is read from, whenever that is; and so is a named
// offset.
StatusOr<bool> KafkaInput::hasPassingStart() const {
  using At = KafkaStart::At;
  const KafkaStart& start = options_.start;
  const bool isFixed =
      start.at == At::kEarliest || (start.at == At::kOffsets && start.otherwise == At::kEarliest);
  if (isFixed) return false;
  MILLRACE_RETURN_IF_ERROR(planned_);
  return true;
}

Status KafkaInput::restore(std::span<const std::string_view> positions) {
  if (isRestored_) return okStatus();
  MILLRACE_ASSIGN_OR_RETURN(const auto then, readPositions(positions));
  planned_ = await([&](const PartitionLookup& lookup) -> Status {
    MILLRACE_ASSIGN_OR_RETURN(positions_, lookup.goOn(partitions_, then));
    return okStatus();
  });
  isRestored_ = true;
  return planned_;
}

std::vector<PartitionPosition> KafkaInput::pick(const ReaderInbox& inbox) const {
  std::vector<PartitionPosition> share;
  for (const PartitionPosition& each : positions_) {
    if (workerOf(each.id, inbox.workers) == inbox.worker) share.push_back(each);
  }
  return share;
}

StatusOr<std::vector<PartitionPosition>> KafkaInput::begin(ReaderInbox& inbox) {
  const std::lock_guard lock(mutex_);
  MILLRACE_RETURN_IF_ERROR(planned_);
  inboxes_.push_back(&inbox);
  if (!scout_.joinable()) scout_ = std::thread([this] { scout(); });
  return pick(inbox);
}

std::vector<PartitionPosition> KafkaInput::shareOf(const ReaderInbox& inbox) {
  const std::lock_guard lock(mutex_);
  return pick(inbox);
}

void KafkaInput::leave(ReaderInbox& inbox) {
  const std::lock_guard lock(mutex_);
  std::erase(inboxes_, &inbox);
}

Status KafkaInput::takeNews(ReaderInbox& inbox, std::vector<PartitionPosition>& added) {
  const std::lock_guard lock(mutex_);
  inbox.hasNews.store(false, std::memory_order_relaxed);
  added = std::exchange(inbox.added, {});
  return inbox.failure;
}

void KafkaInput::watch(std::shared_ptr<PartitionGauge> gauge) {
  const std::lock_guard lock(mutex_);
  gauges_.push_back(std::move(gauge));
}

void KafkaInput::hasten(ReaderInbox& inbox) {
  {
    const std::lock_guard lock(mutex_);
    inbox.wantsFetch = isAsked_ = true;
  }
  changed_.notify_all();
}

void KafkaInput::doubt(ReaderInbox& inbox) {
  {
    const std::lock_guard lock(mutex_);
    inbox.isInDoubt = isAsked_ = true;
  }
  changed_.notify_all();
}

void KafkaInput::noteAway(std::string_view reason) {
  if (isAway_.exchange(true)) return;
  log(LogLevel::kWarning, fmt::format("Kafka at {} does not answer, waiting: {}",
                                      options_.settings.bootstrapServers, reason));
}

void KafkaInput::noteBack() {
  if (!isAway_.exchange(false)) return;
  log(LogLevel::kInfo,
      fmt::format("Kafka at {} answers again", options_.settings.bootstrapServers));
}

void KafkaInput::onToldGroup(rd_kafka_t*, rd_kafka_resp_err_t answer,
                             rd_kafka_topic_partition_list_t* offsets, void* opaque) {
  auto& input = *static_cast<KafkaInput*>(opaque);
  const std::lock_guard lock(input.mutex_);
  const bool wasTold = std::exchange(input.isGroupTold_, answer == RD_KAFKA_RESP_ERR_NO_ERROR);
  if (!input.isGroupTold_) {
    if (wasTold) {
      log(LogLevel::kWarning, fmt::format("group '{}' cannot be told of checkpoints: {}",
                                          input.options_.groupId, rd_kafka_err2str(answer)));
    }
    return;
  }
  for (int i = 0; offsets != nullptr && i < offsets->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = offsets->elems[i];
    for (const auto& gauge : input.gauges_) {
      if (gauge->id.partition != each.partition || gauge->id.topic != each.topic) continue;
      gauge->committed.store(each.offset, std::memory_order_relaxed);
    }
  }
}

void KafkaInput::scout() {
  using Clock = std::chrono::steady_clock;
  const bool discovers =
      options_.until.at == KafkaEnd::At::kNever && options_.discoveryInterval.count() > 0;
  SteadyTime nextEnds = Clock::now() + kEndsInterval;
  SteadyTime nextSearch = discovers ? Clock::now() + options_.discoveryInterval : SteadyTime::max();
  std::unique_lock lock(mutex_);
  while (!isEnding_) {
    changed_.wait_until(lock, std::min(nextEnds, nextSearch),
                        [this] { return isEnding_ || isAsked_; });
    serveReaders(lock);
    if (isEnding_) return;
    const std::vector<std::shared_ptr<PartitionGauge>> gauges = gauges_;
    lock.unlock();
    if (Clock::now() >= nextSearch) {
      const Status found = discover();
      // A topic that is gone for good shows where it is read.
      if (!found.ok() && !isRetriable(found) && !absl::IsNotFound(found)) {
        const std::lock_guard again(mutex_);
        for (ReaderInbox* inbox : inboxes_) tell(*inbox, found);
      }
      nextSearch = Clock::now() + options_.discoveryInterval;
    }
    if (Clock::now() >= nextEnds) {
      if (refreshEnds(*client_, gauges).ok()) noteAnswer();
      nextEnds = Clock::now() + kEndsInterval;
    }
    lock.lock();
  }
}

// What readers have asked for, with their own clients.
void KafkaInput::serveReaders(std::unique_lock<std::mutex>& lock) {
  const auto hasAsked = [](const ReaderInbox* each) { return each->wantsFetch || each->isInDoubt; };
  while (std::exchange(isAsked_, false)) {
    const auto found = std::find_if(inboxes_.begin(), inboxes_.end(), hasAsked);
    if (found == inboxes_.end() || isEnding_) return;
    ReaderInbox* const inbox = *found;
    inbox->wantsFetch = false;
    const bool isInDoubt = std::exchange(inbox->isInDoubt, false);
    isAsked_ = std::any_of(inboxes_.begin(), inboxes_.end(), hasAsked);
    const std::shared_ptr<Client> client = inbox->client;
    std::vector<std::shared_ptr<PartitionGauge>> gauges;
    std::copy_if(
        gauges_.begin(), gauges_.end(), std::back_inserter(gauges),
        [&](const auto& gauge) { return workerOf(gauge->id, inbox->workers) == inbox->worker; });
    lock.unlock();
    refreshEnds(*client, gauges).IgnoreError();
    const Status missing = isInDoubt ? checkThere(*client, gauges) : okStatus();
    lock.lock();
    const bool isStillThere = std::find(inboxes_.begin(), inboxes_.end(), inbox) != inboxes_.end();
    if (absl::IsNotFound(missing) && isStillThere) tell(*inbox, missing);
  }
}

Status KafkaInput::checkThere(const Client& client,
                              std::span<const std::shared_ptr<PartitionGauge>> gauges) const {
  const PartitionLookup lookup(client, options_);
  for (const auto& gauge : gauges) MILLRACE_RETURN_IF_ERROR(lookup.checkThere(gauge->id));
  return okStatus();
}

Status KafkaInput::discover() {
  const PartitionLookup lookup(*client_, options_);
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<PartitionId> found, lookup.partitions());
  std::vector<PartitionId> added;
  std::set_difference(found.begin(), found.end(), partitions_.begin(), partitions_.end(),
                      std::back_inserter(added));
  if (added.empty()) return okStatus();
  MILLRACE_ASSIGN_OR_RETURN(const auto positions, lookup.fromBeginning(added));
  partitions_.insert(partitions_.end(), added.begin(), added.end());
  std::sort(partitions_.begin(), partitions_.end());
  for (const PartitionId& each : added) {
    log(LogLevel::kInfo,
        fmt::format("partition '{}' is new, and read from its beginning", each.name()));
  }
  const std::lock_guard lock(mutex_);
  // For readers that have not begun yet.
  positions_.insert(positions_.end(), positions.begin(), positions.end());
  for (ReaderInbox* inbox : inboxes_) {
    for (const PartitionPosition& each : positions) {
      if (workerOf(each.id, inbox->workers) == inbox->worker) inbox->added.push_back(each);
    }
    inbox->hasNews.store(true);
    inbox->waker->wake();
  }
  return okStatus();
}

Status KafkaInput::refreshEnds(const Client& client,
                               std::span<const std::shared_ptr<PartitionGauge>> gauges) const {
  std::vector<PartitionId> partitions;
  for (const auto& gauge : gauges) partitions.push_back(gauge->id);
  const PartitionLookup lookup(client, options_);
  MILLRACE_ASSIGN_OR_RETURN(const auto ends, lookup.ends(partitions));
  for (std::size_t i = 0; i < ends.size(); ++i)
    gauges[i]->end.store(ends[i], std::memory_order_relaxed);
  return okStatus();
}

// Under mutex_.
void KafkaInput::tell(ReaderInbox& inbox, const Status& failure) {
  inbox.failure = failure;
  inbox.hasNews.store(true);
  inbox.waker->wake();
}

}  // namespace millrace::rdkafka
