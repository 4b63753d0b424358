// SPDX-License-Identifier: MIT
// The half of KeyedStateStore that lies over a base: what goes down, and how it comes back.
#include <millrace/state/keyed_state_store.hpp>

namespace millrace {

void KeyedStateStore::setBelow(StateBelow& below, bool holdsEntries) {
  MILLRACE_CHECK(isTracked(), "state that lies over a base has to be tracked");
  below_ = &below;
  looksBelow_ = holdsEntries;
}

bool KeyedStateStore::mayEvict(RowHead& row) const noexcept {
  if ((row.marks & RowMarks::kTags) != 0) return false;
  const std::uint32_t generation =
      (row.marks & RowMarks::kGeneration) >> RowMarks::kGenerationShift;
  if (!settling_.isSettled(generation)) return false;
  // It is settled for good: what its generation is called now will be called so again.
  row.marks &= ~RowMarks::kGeneration;
  if ((row.marks & RowMarks::kUsed) == 0) return true;
  row.marks &= ~RowMarks::kUsed;
  return false;
}

bool KeyedStateStore::fetch(KeyGroup group, std::string_view key) {
  fetched_.clear();
  for (std::size_t state = 0; state < states_.size(); ++state) {
    const Status read = fetchCell(state, group, key);
    if (!read.ok()) {
      throw JobError(annotate(read, "fetching state '" + states_[state].name + "'"));
    }
  }
  return !fetched_.empty();
}

Status KeyedStateStore::fetchCell(std::size_t state, KeyGroup group, std::string_view key) {
  if (states_[state].ops->elements == nullptr) {
    std::string value;
    MILLRACE_ASSIGN_OR_RETURN(const bool isThere, below_->read(ids_[state], group, key, value));
    if (isThere) fetched_.push_back({state, {}, std::move(value)});
    return absl::OkStatus();
  }
  return below_->readAll(
      ids_[state], group, key, [&](std::string_view whole, std::string_view value) {
        fetched_.push_back({state, std::string(whole.substr(key.size())), std::string(value)});
        return absl::OkStatus();
      });
}

void KeyedStateStore::fillFetched(RowHead& row) {
  for (const Fetched& fetched : fetched_) {
    ByteReader element(fetched.element);
    if (readCell(row, fetched.state, element, fetched.value)) continue;
    throw JobError(
        absl::DataLossError("an entry of state '" + states_[fetched.state].name + "' is damaged"));
  }
}

}  // namespace millrace
