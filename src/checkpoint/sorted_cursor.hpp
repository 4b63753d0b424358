// SPDX-License-Identifier: MIT
#pragma once

#include <millrace/base/status.hpp>
#include <millrace/serde/bytes.hpp>
#include <millrace/state/state_changes.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::checkpoint {

/// Puts and erases are in order of key group, state and key, keys by their bytes. The first eight
/// bytes of that decide most comparisons.
inline std::uint64_t orderPrefix(KeyGroup group, StateId state, std::string_view key) noexcept {
  std::uint64_t prefix = std::uint64_t{group.value} << 16 | static_cast<std::uint16_t>(state);
  for (std::size_t i = 0; i < 4; ++i) {
    prefix = prefix << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0U);
  }
  return prefix;
}

/// The group and state of a prefix, as a number of their own.
constexpr std::uint32_t groupAndState(std::uint64_t prefix) noexcept {
  return static_cast<std::uint32_t>(prefix >> 32);
}

struct SortKey {
  std::uint64_t prefix = 0;
  std::string_view key;

  friend bool operator==(const SortKey& a, const SortKey& b) noexcept {
    return a.prefix == b.prefix && a.key == b.key;
  }
  friend bool operator<(const SortKey& a, const SortKey& b) noexcept {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.key < b.key;
  }
};

/// Goes through puts and erases in order, each key once. What current() gives holds until next().
class SortedCursor {
 public:
  virtual ~SortedCursor() = default;

  /// False at the end. kDataLoss: the bytes are damaged.
  virtual StatusOr<bool> next() = 0;

  const StateChange& current() const noexcept { return current_; }
  SortKey sortKey() const noexcept { return {prefix_, current_.key}; }

 protected:
  void moveTo(const StateChange& change) noexcept {
    current_ = change;
    prefix_ = orderPrefix(change.group, change.state, change.key);
  }

 private:
  StateChange current_;
  std::uint64_t prefix_ = 0;
};

/// One put or erase, in the format of StateChanges. False: damaged.
inline bool readEntry(ByteReader& in, StateChange& out) noexcept {
  std::uint8_t kind = 0;
  std::uint16_t state = 0;
  std::uint32_t size = 0;
  if (!in.fixed(kind) || !in.fixed(state) || !in.fixed(out.group.value) || !in.fixed(size) ||
      !in.bytes(size, out.key)) {
    return false;
  }
  out.kind = static_cast<StateChange::Kind>(kind);
  out.state = StateId{state};
  out.value = {};
  if (out.kind == StateChange::Kind::kErase) return true;
  return out.kind == StateChange::Kind::kPut && in.fixed(size) && in.bytes(size, out.value);
}

inline void writeEntry(const StateChange& entry, ByteWriter& out) {
  out.fixed(static_cast<std::uint8_t>(entry.kind));
  out.fixed(static_cast<std::uint16_t>(entry.state));
  out.fixed(entry.group.value);
  out.fixed(static_cast<std::uint32_t>(entry.key.size()));
  out.bytes(entry.key);
  if (entry.kind == StateChange::Kind::kErase) return;
  out.fixed(static_cast<std::uint32_t>(entry.value.size()));
  out.bytes(entry.value);
}

}  // namespace millrace::checkpoint
