// SPDX-License-Identifier: MIT
#pragma once

#include "group_consumer.hpp"

#include <millrace/base/clock.hpp>
#include <millrace/formats/line_format.hpp>
#include <millrace/runtime/source.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::examples {

/// What a GroupSource shares with those who read what comes of it. All of it is the one worker's.
struct GroupReading {
  GroupConsumer* consumer = nullptr;
  std::uint64_t limit = 0;                 ///< records to take, good and invalid ones together
  std::uint64_t valid = 0;                 ///< records given to the pipeline
  std::function<std::uint64_t()> handled;  ///< how many of those have come to its end
  std::function<void()> onInvalid;
  std::function<Status()> onQuiet;  ///< there is nothing to read for a moment
};

/// The records that a consumer group gives this member, one split a partition. For one worker: a
/// member is one reader. The group remembers the position, so that no checkpoint needs to.
template <Described Event>
class GroupSource final : public SourceConnector<Event> {
 public:
  /// `reading` outlives the job.
  explicit GroupSource(GroupReading* reading, std::string topics)
      : reading_(reading), topics_(std::move(topics)) {}

  std::unique_ptr<SourceReader<Event>> makeReader(std::shared_ptr<void>&,
                                                  const WatermarkStrategy&) const override {
    return std::make_unique<Reader>(reading_);
  }

  std::string describe() const override { return "kafka(" + topics_ + ")"; }

 private:
  class Reader final : public SourceReader<Event> {
   public:
    explicit Reader(GroupReading* reading)
        : reading_(reading), consumer_(*reading->consumer), left_(reading->limit) {}
    ~Reader() override { consumer_.onArrival({}); }

    Status open(OperatorContext& context) override {
      context_ = &context;
      consumer_.onArrival([&waker = context.waker()] { waker.wake(); });
      return okStatus();
    }

    // Callbacks of librdkafka are served by read(), messages or not.
    Timestamp nextDeadline() const override {
      return saturatingAdd(context_->processingTime(), kServeMillis);
    }

    // All that was read has come to its end by now.
    Status close(bool) override {
      consumer_.handled(reading_->handled());
      return consumer_.commit();
    }

    void appendSplits(std::vector<SplitProgress>& splits) const override {
      consumer_.appendSplits(splits);
    }

    StatusOr<ReadState> read(SourceOutput<Event>& out) override {
      if (left_ == 0) return ReadState::kEnd;
      consumer_.handled(reading_->handled());
      MILLRACE_ASSIGN_OR_RETURN(const bool isSome, consumer_.fill());
      announceSplits(out);
      if (!isSome) {
        MILLRACE_RETURN_IF_ERROR(reading_->onQuiet());
        return ReadState::kQuiet;
      }
      readSplit(out);
      return left_ == 0 ? ReadState::kEnd : ReadState::kMore;
    }

   private:
    static constexpr std::int64_t kServeMillis = 50;

    void announceSplits(SourceOutput<Event>& out) {
      for (; announced_ < consumer_.splits(); ++announced_) out.split(announced_);
      for (const std::size_t split : consumer_.takeEnded()) out.endSplit(split);
    }

    void readSplit(SourceOutput<Event>& out) {
      GroupConsumer::Message message;
      bool isFirst = true;
      std::size_t split = 0;
      while (left_ > 0 && !out.isFull() && consumer_.next(message)) {
        if (isFirst) out.split(split = message.split);
        if (message.split != split) return;  // in the next read()
        isFirst = false;
        --left_;
        take(out, message);
        consumer_.release(reading_->valid);
      }
    }

    void take(SourceOutput<Event>& out, const GroupConsumer::Message& message) {
      out.countBytes(message.value.size());
      if (message.isNull) return reject(out, message, "there is no value");
      Timestamp time = kNoTimestamp;
      if (decoder_.decode(padded(message.value), out.append(), time, reason_)) {
        out.setTime(time);
        ++reading_->valid;
      } else {
        out.dropLast();
        reject(out, message, reason_);
      }
    }

    // What stands behind a message's value in librdkafka's memory need not be readable.
    std::string_view padded(std::string_view value) {
      const std::size_t needed = value.size() + kJsonPadding;
      if (buffer_.size() < needed) buffer_.resize(needed * 2);
      std::memcpy(buffer_.data(), value.data(), value.size());
      return {buffer_.data(), value.size()};
    }

    void reject(SourceOutput<Event>& out, const GroupConsumer::Message& message,
                std::string_view reason) {
      reading_->onInvalid();
      out.reject(fmt::format("{}:{}:{}", message.topic, message.partition, message.offset), reason,
                 message.value);
    }

    GroupReading* const reading_;
    GroupConsumer& consumer_;
    OperatorContext* context_ = nullptr;
    std::uint64_t left_;
    std::size_t announced_ = 0;
    JsonLineDecoder<Event> decoder_;
    std::vector<char> buffer_;
    std::string reason_;
  };

  GroupReading* reading_;
  std::string topics_;
};

}  // namespace millrace::examples
