// SPDX-License-Identifier: MIT
#include "checkpoint/merge_cursor.hpp"

#include <utility>

namespace millrace::checkpoint {

void MergeCursor::add(std::unique_ptr<SortedCursor> source, const Drops& drops) {
  const std::uint64_t moment = heap_.size();
  drops_.addAll(moment, drops);
  Source& added = heap_.emplace_back();
  added.cursor = std::move(source);
  added.moment = moment;
}

bool MergeCursor::isBefore(const Source& a, const Source& b) const {
  if (a.key.prefix != b.key.prefix) return a.key.prefix < b.key.prefix;
  const int order = a.key.key.compare(b.key.key);
  return order != 0 ? order < 0 : a.moment > b.moment;
}

void MergeCursor::siftDown(std::size_t at) {
  while (true) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) return;
    if (child + 1 < heap_.size() && isBefore(heap_[child + 1], heap_[child])) ++child;
    if (!isBefore(heap_[child], heap_[at])) return;
    std::swap(heap_[child], heap_[at]);
    at = child;
  }
}

Status MergeCursor::advance(std::size_t at) {
  MILLRACE_ASSIGN_OR_RETURN(const bool more, heap_[at].cursor->next());
  if (more) {
    heap_[at].key = heap_[at].cursor->sortKey();
  } else {
    if (at + 1 < heap_.size()) heap_[at] = std::move(heap_.back());
    heap_.pop_back();
  }
  siftDown(at);
  return absl::OkStatus();
}

Status MergeCursor::start() {
  started_ = true;
  std::vector<Source> sources = std::exchange(heap_, {});
  for (Source& source : sources) {
    MILLRACE_ASSIGN_OR_RETURN(const bool more, source.cursor->next());
    if (!more) continue;
    source.key = source.cursor->sortKey();
    heap_.push_back(std::move(source));
  }
  for (std::size_t at = heap_.size() / 2; at > 0; --at) siftDown(at - 1);
  return absl::OkStatus();
}

bool MergeCursor::isDropped(Source& source) const {
  if (drops_.isEmpty()) return false;
  const StateChange& change = source.cursor->current();
  if (source.limitOf != groupAndState(source.key.prefix)) {
    source.limitOf = groupAndState(source.key.prefix);
    source.limit = drops_.after(source.moment, change.state, change.group);
  }
  return source.limit.drops(change.key);
}

// Older words on the key of the top are passed over; they stand right below it.
StatusOr<bool> MergeCursor::takeTop() {
  for (std::size_t child = 1; child <= 2;) {
    if (child < heap_.size() && heap_[child].key == heap_[0].key) {
      MILLRACE_RETURN_IF_ERROR(advance(child));
      child = 1;
    } else {
      ++child;
    }
  }
  Source& top = heap_.front();
  const StateChange& change = top.cursor->current();
  if (change.kind == StateChange::Kind::kErase && erases_ == Erases::kLeftOut) return false;
  if (isDropped(top)) return false;
  moveTo(change);
  return true;
}

StatusOr<bool> MergeCursor::next() {
  if (!started_) {
    MILLRACE_RETURN_IF_ERROR(start());
  } else if (!heap_.empty()) {
    MILLRACE_RETURN_IF_ERROR(advance(0));
  }
  while (!heap_.empty()) {
    MILLRACE_ASSIGN_OR_RETURN(const bool taken, takeTop());
    if (taken) return true;
    MILLRACE_RETURN_IF_ERROR(advance(0));
  }
  return false;
}

}  // namespace millrace::checkpoint
