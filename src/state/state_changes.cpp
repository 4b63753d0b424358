// SPDX-License-Identifier: MIT
#include <millrace/state/state_changes.hpp>

#include <iterator>
#include <limits>
#include <utility>

#include <millrace/base/check.hpp>

namespace millrace {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

bool readSized(ByteReader& in, std::string_view& out) {
  std::uint32_t size = 0;
  return in.fixed(size) && in.bytes(size, out);
}

bool readBody(ByteReader& in, StateChange& change) {
  switch (change.kind) {
    case StateChange::Kind::kPut:
      return in.fixed(change.group.value) && readSized(in, change.key) &&
             readSized(in, change.value);
    case StateChange::Kind::kErase:
      return in.fixed(change.group.value) && readSized(in, change.key);
    case StateChange::Kind::kDropThrough:
      return in.fixed(change.groups.first) && in.fixed(change.groups.end) && in.fixed(change.time);
  }
  return false;
}

}  // namespace

void StateChanges::begin(StateChange::Kind kind, StateId state) {
  if (bytes_.size() >= kPiece) closePiece();
  ByteWriter out(bytes_);
  out.fixed(static_cast<std::uint8_t>(kind));
  out.fixed(static_cast<std::uint16_t>(state));
  ++count_;
}

void StateChanges::checkSize(std::size_t size) const {
  if (size <= std::numeric_limits<std::uint32_t>::max()) return;
  throw JobError("the state of one key is over 4 GiB");
}

void StateChanges::dropThrough(StateId state, KeyGroupRange groups, Timestamp time) {
  begin(StateChange::Kind::kDropThrough, state);
  ByteWriter out(bytes_);
  out.fixed(groups.first);
  out.fixed(groups.end);
  out.fixed(time);
}

void StateChanges::closePiece() {
  fullBytes_ += bytes_.size();
  full_.push_back(std::exchange(bytes_, {}));
  bytes_.reserve(kPiece + kPiece / 16);
}

void StateChanges::append(StateChanges&& later) {
  if (!later.full_.empty()) {
    if (!bytes_.empty()) closePiece();
    std::move(later.full_.begin(), later.full_.end(), std::back_inserter(full_));
    fullBytes_ += later.fullBytes_;
  }
  if (bytes_.empty()) {
    bytes_.swap(later.bytes_);
  } else {
    bytes_.append(later.bytes_);
  }
  count_ += later.count_;
  later.clear();
}

std::vector<std::string_view> StateChanges::pieces() const {
  std::vector<std::string_view> pieces(full_.begin(), full_.end());
  if (!bytes_.empty()) pieces.emplace_back(bytes_);
  return pieces;
}

void StateChanges::clear() noexcept {
  full_.clear();
  fullBytes_ = 0;
  bytes_.clear();
  count_ = 0;
}

StatusOr<std::optional<StateChange>> StateChangesReader::next() {
  while (in_.isAtEnd()) {
    if (nextPiece_ == rest_.size()) return std::optional<StateChange>();
    in_ = ByteReader(rest_[nextPiece_++]);
  }
  StateChange change;
  std::uint8_t kind = 0;
  std::uint16_t state = 0;
  if (in_.fixed(kind) && in_.fixed(state)) {
    change.kind = static_cast<StateChange::Kind>(kind);
    change.state = StateId{state};
    if (readBody(in_, change)) return std::optional<StateChange>(change);
  }
  return absl::DataLossError("a run of state changes is damaged");
}

void writeTimePrefix(Timestamp time, ByteWriter& out) {
  const std::uint64_t ordered = static_cast<std::uint64_t>(time) ^ kSignBit;
  char raw[sizeof(ordered)];
  for (std::size_t i = 0; i < sizeof(raw); ++i)
    raw[i] = static_cast<char>(ordered >> (56 - 8 * i) & 0xff);
  out.bytes({raw, sizeof(raw)});
}

bool readTimePrefix(ByteReader& in, Timestamp& time) {
  std::uint64_t ordered = 0;
  for (int i = 0; i < 8; ++i) {
    std::uint8_t byte = 0;
    if (!in.fixed(byte)) return false;
    ordered = ordered << 8 | byte;
  }
  time = static_cast<Timestamp>(ordered ^ kSignBit);
  return true;
}

}  // namespace millrace
