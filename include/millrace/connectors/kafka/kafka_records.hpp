// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/time/timestamp.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// What is written to a topic. A format gets it empty, and fills it.
struct KafkaRecord {
  using Header = std::pair<std::string, std::string>;

  std::string value;
  bool isTombstone = false;  ///< no value at all
  std::string key;
  bool hasKey = false;  ///< a record without a key goes to any partition
  std::vector<Header> headers;
  std::optional<Timestamp> timestamp;  ///< nothing: when it is produced
  std::optional<std::int32_t>
      partition;  ///< nothing: by the key, as Java's default partitioner does

  void setKey(std::string_view text) {
    key = text;
    hasKey = true;
  }

  /// Empties it and keeps the memory.
  void clear();
};

/// Records in bytes, one behind the other, oldest first.
///
/// **Thread safety**: none.
class KafkaRecords {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Entry {
    std::size_t key = kNone;  ///< offset in bytes(); kNone: there is none
    std::size_t keySize = 0;
    std::size_t value = kNone;  ///< as key
    std::size_t valueSize = 0;
    std::size_t headers = kNone;          ///< index; kNone: there are none
    Timestamp timestamp = kMinTimestamp;  ///< kMinTimestamp: none
    std::int32_t partition = -1;          ///< -1: by the key
  };

  void add(const KafkaRecord& record);
  /// Puts `others` behind its own, and empties them.
  void take(KafkaRecords& others);
  /// Forgets the first `count`.
  void drop(std::size_t count);

  bool isEmpty() const { return first_ == entries_.size(); }
  std::size_t size() const { return entries_.size() - first_; }
  const Entry& operator[](std::size_t i) const { return entries_[first_ + i]; }
  const char* bytes() const { return bytes_.data(); }
  const std::vector<KafkaRecord::Header>& headers(std::size_t index) const {
    return headers_[index];
  }

  /// What they take in memory; not less before all are forgotten.
  std::size_t memoryBytes() const {
    return isEmpty() ? 0 : bytes_.size() + entries_.size() * sizeof(Entry);
  }

 private:
  void clear();

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<std::vector<KafkaRecord::Header>> headers_;
  std::size_t first_ = 0;
};

}  // namespace millrace
