// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/base/status.hpp>
#include <millrace/serde/bytes.hpp>
#include <millrace/state/key_group.hpp>
#include <millrace/state/state_declaration.hpp>
#include <millrace/time/timestamp.hpp>

namespace millrace {

/// One operation on stored state. The views hold as long as the bytes they were read from.
struct StateChange {
  enum class Kind : std::uint8_t {
    kPut = 1,          ///< `key` of `state` in `group` has `value` now
    kErase = 2,        ///< ... has none any more
    kDropThrough = 3,  ///< every key of `state` in `groups` whose time prefix is <= `time` is gone;
                       ///< at kMaxTimestamp every key at all
  };
  Kind kind = Kind::kPut;
  StateId state{};
  KeyGroup group{};
  std::string_view key;
  std::string_view value;
  KeyGroupRange groups{};
  Timestamp time = 0;
};

/// What changed in an operator's keyed state, as operations in the order they happened: of two on
/// one key the later counts. The unit of checkpoints: cost follows what changed.
///
/// Format, one after the other: kind (u8), state (u16), then
/// put: group (u16), size of key (u32), key, size of value (u32), value;
/// erase: group, size of key, key; drop through: first group, end group (u32 each), time (i64).
///
/// Keys are opaque bytes, equal for equal keys. A state that is dropped by time begins its keys
/// with writeTimePrefix().
///
/// **Thread safety**: none.
class StateChanges {
 public:
  StateChanges() = default;

  /// `writeKey(ByteWriter&)` and `writeValue(ByteWriter&)` append the bytes.
  /// Throws JobError when one of them is over 4 GiB.
  template <typename WriteKey, typename WriteValue>
  void put(StateId state, KeyGroup group, WriteKey&& writeKey, WriteValue&& writeValue) {
    begin(StateChange::Kind::kPut, state);
    ByteWriter out(bytes_);
    out.fixed(group.value);
    sized(writeKey);
    sized(writeValue);
  }

  template <typename WriteKey>
  void erase(StateId state, KeyGroup group, WriteKey&& writeKey) {
    begin(StateChange::Kind::kErase, state);
    ByteWriter(bytes_).fixed(group.value);
    sized(writeKey);
  }

  void dropThrough(StateId state, KeyGroupRange groups, Timestamp time);

  /// Appends the operations of `later`, and empties it.
  void append(StateChanges&& later);

  std::size_t count() const noexcept { return count_; }
  bool isEmpty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return fullBytes_ + bytes_.size(); }  ///< bytes
  /// The bytes, in pieces that end between operations; views into this.
  std::vector<std::string_view> pieces() const;

  void clear() noexcept;

 private:
  // Pieces of about this size, for a string that grows far is copied, which holds the stream up.
  static constexpr std::size_t kPiece = std::size_t{256} << 10;

  void begin(StateChange::Kind kind, StateId state);
  void closePiece();
  void checkSize(std::size_t size) const;

  template <typename Write>
  void sized(Write&& write) {
    ByteWriter out(bytes_);
    const std::size_t at = out.size();
    out.fixed(std::uint32_t{0});
    write(out);
    const std::size_t size = out.size() - at - sizeof(std::uint32_t);
    checkSize(size);
    out.patch(at, static_cast<std::uint32_t>(size));
  }

  std::vector<std::string> full_;
  std::size_t fullBytes_ = 0;
  std::string bytes_;  // behind the full pieces
  std::size_t count_ = 0;
};

/// Reads the operations back from bytes that may be damaged.
///
/// **Thread safety**: none. REQUIRES: the bytes outlive the reader and what it returns.
class StateChangesReader {
 public:
  explicit StateChangesReader(std::string_view bytes) noexcept : in_(bytes) {}
  explicit StateChangesReader(const StateChanges& changes) : in_({}), rest_(changes.pieces()) {}

  /// The next operation; nothing at the end. kDataLoss: the bytes are damaged.
  StatusOr<std::optional<StateChange>> next();

 private:
  ByteReader in_;
  std::vector<std::string_view> rest_;
  std::size_t nextPiece_ = 0;
};

/// The first 8 bytes of a key of a state that is dropped by time: big endian, the sign bit flipped,
/// so that the order of bytes is the order of times.
void writeTimePrefix(Timestamp time, ByteWriter& out);
/// Takes the prefix off; false when it is not there.
bool readTimePrefix(ByteReader& in, Timestamp& time);

}  // namespace millrace
