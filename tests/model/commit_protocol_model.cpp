// SPDX-License-Identifier: MIT
#include "commit_protocol_model.hpp"

#include <algorithm>
#include <cstring>

#include "commit_protocol_state.hpp"

namespace millrace::model {

namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

std::uint64_t hashOf(const State& state) {
  constexpr std::size_t kWords = (sizeof(State) + 7) / 8;
  std::uint64_t words[kWords] = {};
  std::memcpy(words, &state, sizeof(State));
  std::uint64_t hash = 0x9E3779B97F4A7C15;
  for (const std::uint64_t word : words) {
    hash = (hash ^ word) * 0xFF51AFD7ED558CCD;
    hash ^= hash >> 32;
  }
  return hash;
}

bool isSame(const State& left, const State& right) {
  return std::memcmp(&left, &right, sizeof(State)) == 0;
}

/// States seen, by number in the order of first sight. Each is kept whole: two states are never
/// taken for one.
class SeenStates {
 public:
  SeenStates() : table_(1U << 12, kNone) {}

  std::size_t size() const { return states_.size(); }
  const State& operator[](std::size_t number) const { return states_[number]; }

  /// The state's number, and whether it is new.
  std::pair<std::uint32_t, bool> add(const State& state) {
    if (states_.size() * 2 > table_.size()) grow();
    std::uint32_t& place = placeOf(state);
    if (place != kNone) return {place, false};
    place = static_cast<std::uint32_t>(states_.size());
    states_.push_back(state);
    return {place, true};
  }

 private:
  std::uint32_t& placeOf(const State& state) {
    std::size_t at = hashOf(state) & (table_.size() - 1);
    while (table_[at] != kNone && !isSame(states_[table_[at]], state))
      at = (at + 1) & (table_.size() - 1);
    return table_[at];
  }

  void grow() {
    table_.assign(table_.size() * 4, kNone);
    for (std::size_t number = 0; number < states_.size(); ++number) {
      std::size_t at = hashOf(states_[number]) & (table_.size() - 1);
      while (table_[at] != kNone) at = (at + 1) & (table_.size() - 1);
      table_[at] = static_cast<std::uint32_t>(number);
    }
  }

  std::vector<State> states_;
  std::vector<std::uint32_t> table_;
};

class Explorer {
 public:
  Explorer(const Rules& rules, const Bounds& bounds, Harm wanted)
      : rules_(rules), bounds_(bounds), wanted_(wanted) {}

  Exploration run() {
    seen_.add(firstState(bounds_));
    parents_.push_back(kNone);
    std::vector<Successor> successors;
    for (std::size_t number = 0; number < seen_.size(); ++number) {
      firstEdge_.push_back(edges_.size());
      const State now = seen_[number];
      result_.finished += isFinished(bounds_, now) ? 1 : 0;
      result_.stopped += hasStopped(now) ? 1 : 0;
      expand(rules_, bounds_, now, successors);
      result_.steps += successors.size();
      if (!take(static_cast<std::uint32_t>(number), successors)) break;
    }
    result_.states = seen_.size();
    if (result_.finding.harm == Harm::kNone && (wanted_ == Harm::kNone || wanted_ == Harm::kStuck))
      findStuck();
    return std::move(result_);
  }

 private:
  /// False when one of them does the harm that is looked for.
  bool take(std::uint32_t number, const std::vector<Successor>& successors) {
    for (const Successor& successor : successors) {
      if (successor.harm != Harm::kNone) {
        if (wanted_ != Harm::kNone && wanted_ != successor.harm) continue;
        result_.finding = {successor.harm, successor.why, traceTo(number)};
        result_.finding.trace.push_back(describe(successor.step, successor.state));
        return false;
      }
      const auto [to, isNew] = seen_.add(successor.state);
      if (isNew) parents_.push_back(number);
      if (!successor.step.isFault) edges_.push_back(to);
    }
    return true;
  }

  /// From every state without further faults the job must be able to finish, or have rightly
  /// stopped. Walks back from the states in which it has.
  void findStuck() {
    firstEdge_.push_back(edges_.size());
    std::vector<std::size_t> firstBack(seen_.size() + 1, 0);
    for (const std::uint32_t to : edges_) ++firstBack[to + 1];
    for (std::size_t number = 0; number < seen_.size(); ++number)
      firstBack[number + 1] += firstBack[number];
    std::vector<std::uint32_t> back(edges_.size());
    std::vector<std::size_t> filled(firstBack.begin(), firstBack.end() - 1);
    for (std::size_t from = 0; from < seen_.size(); ++from) {
      for (std::size_t edge = firstEdge_[from]; edge < firstEdge_[from + 1]; ++edge) {
        back[filled[edges_[edge]]++] = static_cast<std::uint32_t>(from);
      }
    }
    std::vector<char> ends(seen_.size(), 0);
    std::vector<std::uint32_t> open;
    for (std::size_t number = 0; number < seen_.size(); ++number) {
      if (!isFinished(bounds_, seen_[number]) && !isRightlyStopped(bounds_, seen_[number]))
        continue;
      ends[number] = 1;
      open.push_back(static_cast<std::uint32_t>(number));
    }
    while (!open.empty()) {
      const std::uint32_t to = open.back();
      open.pop_back();
      for (std::size_t edge = firstBack[to]; edge < firstBack[to + 1]; ++edge) {
        if (ends[back[edge]] != 0) continue;
        ends[back[edge]] = 1;
        open.push_back(back[edge]);
      }
    }
    const auto stuck = std::find(ends.begin(), ends.end(), 0);
    if (stuck == ends.end()) return;
    result_.finding = {Harm::kStuck, "from here the job cannot finish",
                       traceTo(static_cast<std::uint32_t>(stuck - ends.begin()))};
  }

  /// The history that first led to a state: parents are known, the steps between are worked out
  /// again.
  std::vector<std::string> traceTo(std::uint32_t number) const {
    std::vector<std::string> trace;
    std::vector<Successor> successors;
    for (; parents_[number] != kNone; number = parents_[number]) {
      expand(rules_, bounds_, seen_[parents_[number]], successors);
      const auto step = std::find_if(
          successors.begin(), successors.end(),
          [&](const Successor& successor) { return isSame(successor.state, seen_[number]); });
      trace.push_back(describe(step->step, step->state));
    }
    std::reverse(trace.begin(), trace.end());
    return trace;
  }

  const Rules rules_;
  const Bounds bounds_;
  const Harm wanted_;
  SeenStates seen_;
  std::vector<std::uint32_t> parents_;
  std::vector<std::uint32_t> edges_;  // without faults
  std::vector<std::size_t> firstEdge_;
  Exploration result_;
};

}  // namespace

const char* nameOf(Rule rule) {
  static constexpr const char* kNames[] = {"C1 (acknowledged)",
                                           "C1 (verified)",
                                           "C2 (delivered)",
                                           "C2 (offsets)",
                                           "C2 (synced)",
                                           "C2 (in order)",
                                           "C3 (initialise first)",
                                           "C3 (every id)",
                                           "C3 (stable)",
                                           "C4",
                                           "C5 (EndTxn)",
                                           "C5 (offsets)",
                                           "C5 (read again)",
                                           "turns",
                                           "C6",
                                           "C7",
                                           "C8 (missing)",
                                           "C8 (sealed)",
                                           "C8 (behind)",
                                           "check B <= M",
                                           "check M <= D",
                                           "check of the checksum",
                                           "acknowledgements in the log",
                                           "release after the flush"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(Rule::kCount));
  return kNames[static_cast<std::size_t>(rule)];
}

const char* nameOf(Harm harm) {
  static constexpr const char* kNames[] = {"none",       "loss",  "duplicate", "order",
                                           "divergence", "stuck", "invariant"};
  return kNames[static_cast<std::size_t>(harm)];
}

std::string Exploration::describe() const {
  std::string text = std::to_string(states) + " states, " + std::to_string(steps) +
                     " steps, finished in " + std::to_string(finished) + ", stopped in " +
                     std::to_string(stopped);
  if (finding.harm == Harm::kNone) return text + ": nothing wrong\n";
  text += std::string(": ") + nameOf(finding.harm) + ", " + finding.what + "\n";
  for (std::size_t step = 0; step < finding.trace.size(); ++step) {
    text += std::to_string(step + 1) + ". " + finding.trace[step] + "\n";
  }
  return text;
}

Exploration explore(const Rules& rules, const Bounds& bounds, Harm wanted) {
  return Explorer(rules, bounds, wanted).run();
}

}  // namespace millrace::model
