// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <millrace/checkpoint/checkpoint_reader.hpp>

#include <utility>

#include "checkpoint/directory_reader.hpp"

namespace millrace {
namespace {

using checkpoint::DirectoryReader;
using checkpoint::SortedCursor;

// The entries of one state: in order of group and key, whatever its id.
class EntriesOfState {
 public:
  EntriesOfState(std::unique_ptr<SortedCursor> all, const CataloguedState* state)
      : all_(std::move(all)), state_(state) {}

  Status next() {
    isAtEnd_ = state_ == nullptr;
    while (!isAtEnd_) {
      MILLRACE_ASSIGN_OR_RETURN(const bool more, all_->next());
      isAtEnd_ = !more;
      if (more && all_->current().state == state_->id) break;
    }
    return absl::OkStatus();
  }

  bool isAtEnd() const { return isAtEnd_; }
  const StateChange& current() const { return all_->current(); }

 private:
  std::unique_ptr<SortedCursor> all_;
  const CataloguedState* state_;
  bool isAtEnd_ = false;
};

int order(const EntriesOfState& a, const EntriesOfState& b) {
  if (a.isAtEnd() || b.isAtEnd()) return a.isAtEnd() ? 1 : -1;
  const StateChange& left = a.current();
  const StateChange& right = b.current();
  if (left.group != right.group) return left.group < right.group ? -1 : 1;
  return left.key.compare(right.key);
}

Status compareEntries(EntriesOfState& a, EntriesOfState& b, StateDifference& out) {
  MILLRACE_RETURN_IF_ERROR(a.next());
  MILLRACE_RETURN_IF_ERROR(b.next());
  while (!a.isAtEnd() || !b.isAtEnd()) {
    const int which = order(a, b);
    if (which < 0) {
      ++out.onlyInFirst;
    } else if (which > 0) {
      ++out.onlyInSecond;
    } else {
      ++(a.current().value == b.current().value ? out.same : out.changed);
    }
    if (which <= 0) MILLRACE_RETURN_IF_ERROR(a.next());
    if (which >= 0) MILLRACE_RETURN_IF_ERROR(b.next());
  }
  return absl::OkStatus();
}

const CataloguedState* stateLike(const CheckpointReader& reader, const CataloguedState& wanted) {
  for (const CataloguedState& state : reader.summary().states) {
    if (state.operatorName == wanted.operatorName &&
        state.declaration.name == wanted.declaration.name) {
      return &state;
    }
  }
  return nullptr;
}

}  // namespace

StatusOr<std::vector<StateDifference>> compareCheckpoints(const CheckpointReader& first,
                                                          const CheckpointReader& second) {
  if (first.summary().keyGroups != second.summary().keyGroups) {
    return absl::InvalidArgumentError(
        fmt::format("the first has {} key groups and the second {}: they cannot be compared",
                    first.summary().keyGroups, second.summary().keyGroups));
  }
  std::vector<CataloguedState> states = first.summary().states;
  for (const CataloguedState& state : second.summary().states) {
    if (stateLike(first, state) == nullptr) states.push_back(state);
  }
  std::vector<StateDifference> differences;
  for (const CataloguedState& state : states) {
    StateDifference& out = differences.emplace_back();
    out.operatorName = state.operatorName;
    out.stateName = state.declaration.name;
    MILLRACE_ASSIGN_OR_RETURN(auto left, static_cast<const DirectoryReader&>(first).entries());
    MILLRACE_ASSIGN_OR_RETURN(auto right, static_cast<const DirectoryReader&>(second).entries());
    EntriesOfState a(std::move(left), stateLike(first, state));
    EntriesOfState b(std::move(right), stateLike(second, state));
    MILLRACE_RETURN_IF_ERROR(compareEntries(a, b, out));
  }
  return differences;
}

}  // namespace millrace
