// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include <millrace/state/state_changes.hpp>

namespace millrace::test {

/// The entries that changes amount to, kept the naive way.
class ReplayedChanges {
 public:
  using Key = std::pair<StateId, std::string>;
  struct Entry {
    KeyGroup group;
    std::string value;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  using Entries = std::map<Key, Entry>;

  ReplayedChanges() = default;
  explicit ReplayedChanges(const StateChanges& changes) { apply(changes); }

  void apply(const StateChanges& changes) {
    StateChangesReader reader(changes);
    for (;;) {
      const auto change = reader.next();
      if (!change.ok()) throw std::logic_error(change.status().ToString());
      if (!change->has_value()) return;
      const StateChange& one = **change;
      const Key key(one.state, one.key);
      if (one.kind == StateChange::Kind::kPut) {
        entries_[key] = {one.group, std::string(one.value)};
      } else if (one.kind == StateChange::Kind::kErase) {
        entries_.erase(key);
      } else {
        drop(one);
      }
    }
  }

  void put(const Key& key, Entry entry) { entries_[key] = std::move(entry); }

  const Entries& entries() const { return entries_; }

 private:
  void drop(const StateChange& change) {
    std::erase_if(entries_, [&](const auto& each) {
      const auto& [id, entry] = each;
      ByteReader in(id.second);
      Timestamp time = 0;
      return id.first == change.state && change.groups.contains(entry.group) &&
             (change.time == kMaxTimestamp || (readTimePrefix(in, time) && time <= change.time));
    });
  }

  Entries entries_;
};

}  // namespace millrace::test
