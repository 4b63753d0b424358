// SPDX-License-Identifier: MIT
// The commit protocol of docs/design/commit-protocol.md, every history of it within small bounds:
//
//   model_commit_protocol              the cases of every build
//   model_commit_protocol "[.trace]"   prints the counter-example of every rule that is dropped
//   model_commit_protocol "[.large]"   larger bounds: minutes, and gigabytes
#include <catch2/catch.hpp>

#include <vector>

#include "commit_protocol_model.hpp"

namespace millrace::model {

namespace {

/// Rules that are dropped, the bounds within which that shows, and what it does.
struct Dropped {
  std::vector<Rule> rules;
  Bounds bounds;
  Harm harm;
};

Exploration exploreWithout(const Dropped& dropped) {
  Rules rules;
  for (const Rule rule : dropped.rules) rules = rules.without(rule);
  return explore(rules, dropped.bounds, dropped.harm);
}

std::string namesOf(const Dropped& dropped) {
  std::string names;
  for (const Rule rule : dropped.rules)
    names += std::string(names.empty() ? "" : " and ") + nameOf(rule);
  return names;
}

const std::vector<Dropped>& offsets() {
  static const std::vector<Dropped> kDropped = {
      {{Rule::kC1Acknowledged}, {.producers = 2, .records = 3, .crashes = 1}, Harm::kDuplicate},
      {{Rule::kC1Verified}, {.producers = 1, .crashes = 1}, Harm::kLoss},
      {{Rule::kC1Verified}, {.producers = 2, .crashes = 1}, Harm::kStuck},
      {{Rule::kC2Delivered}, {.producers = 1}, Harm::kLoss},
      {{Rule::kC2Delivered}, {.producers = 2}, Harm::kLoss},
      {{Rule::kC2Offsets}, {.producers = 1, .crashes = 1}, Harm::kDuplicate},
      {{Rule::kC2Synced}, {.producers = 1, .crashes = 1}, Harm::kStuck},
      {{Rule::kC2Synced, Rule::kCheckDurable}, {.producers = 1, .crashes = 1}, Harm::kDuplicate},
      {{Rule::kC2InOrder, Rule::kC1Acknowledged}, {.producers = 2, .timeOuts = 1}, Harm::kLoss},
      {{Rule::kC4}, {.producers = 2}, Harm::kOrder},
  };
  return kDropped;
}

const std::vector<Dropped>& reading() {
  static const std::vector<Dropped> kDropped = {
      {{Rule::kC3InitialiseFirst},
       {.records = 1, .secondInstance = true, .duels = 0},
       Harm::kDuplicate},
      {{Rule::kC3EveryId},
       {.producers = 2, .records = 1, .secondInstance = true, .duels = 0},
       Harm::kDuplicate},
      {{Rule::kC3Stable}, {.producers = 1, .crashes = 1}, Harm::kDuplicate},
      {{Rule::kC3Stable}, {.producers = 2, .failures = 1}, Harm::kDuplicate},
  };
  return kDropped;
}

const std::vector<Dropped>& doubt() {
  static const std::vector<Dropped> kDropped = {
      {{Rule::kC5EndTxn}, {.producers = 1, .crashes = 1, .unanswered = 1}, Harm::kDuplicate},
      {{Rule::kC5EndTxn},
       {.producers = 2, .records = 3, .crashes = 1, .unanswered = 1},
       Harm::kDuplicate},
      {{Rule::kC5Offsets}, {.producers = 1, .crashes = 1, .unanswered = 1}, Harm::kDuplicate},
      {{Rule::kC5Offsets},
       {.producers = 2, .records = 3, .failures = 1, .unanswered = 1},
       Harm::kStuck},
      {{Rule::kC5ReadAgain},
       {.producers = 1,
        .records = 1,
        .unanswered = 1,
        .secondInstance = true,
        .secondFrom = 1,
        .duels = 0},
       Harm::kDuplicate},
      {{Rule::kTurns},
       {.producers = 2,
        .records = 1,
        .unanswered = 1,
        .secondInstance = true,
        .secondFrom = 1,
        .duels = 0},
       Harm::kDuplicate},
  };
  return kDropped;
}

const std::vector<Dropped>& state() {
  static const std::vector<Dropped> kDropped = {
      {{Rule::kC6}, {.crashes = 1}, Harm::kStuck},
      {{Rule::kC6, Rule::kCheckBase}, {.crashes = 1}, Harm::kDivergence},
      {{Rule::kC7}, {.crashes = 1, .lazyBase = true}, Harm::kDivergence},
      {{Rule::kReleaseAfterFlush}, {.crashes = 1, .lazyBase = true}, Harm::kDivergence},
  };
  return kDropped;
}

const std::vector<Dropped>& checks() {
  static const std::vector<Dropped> kDropped = {
      {{Rule::kC8Missing}, {.crashes = 1, .missing = 1}, Harm::kDivergence},
      {{Rule::kC8Missing}, {.crashes = 1, .missing = 1}, Harm::kDuplicate},
      {{Rule::kC8Behind}, {.crashes = 1, .rewinds = 1}, Harm::kDuplicate},
      {{Rule::kAckInLog, Rule::kC8Sealed},
       {.crashes = 1, .missing = 1, .lazyBase = true},
       Harm::kDuplicate},
      {{Rule::kCheckDurable}, {.secondInstance = true, .duels = 0}, Harm::kDuplicate},
      {{Rule::kCheckChecksum}, {.secondInstance = true}, Harm::kLoss},
      {{Rule::kCheckChecksum}, {.crashes = 1, .resets = 1}, Harm::kDuplicate},
  };
  return kDropped;
}

void checkHarm(const std::vector<Dropped>& rows) {
  for (const Dropped& dropped : rows) {
    const Exploration found = exploreWithout(dropped);
    INFO("without " << namesOf(dropped) << ", looking for " << nameOf(dropped.harm) << ": "
                    << found.describe());
    CHECK(found.finding.harm == dropped.harm);
  }
}

Exploration checkWhole(const Bounds& bounds) {
  const Exploration found = explore(Rules(), bounds);
  INFO(found.describe());
  CHECK(found.finding.harm == Harm::kNone);
  CHECK(found.finished > 0);
  return found;
}

}  // namespace

TEST_CASE("one job commits exactly once through crashes, failures and time-outs", "[model]") {
  for (const unsigned producers : {1U, 2U}) {
    checkWhole({.producers = producers, .records = 3, .epochRecords = 2});
    checkWhole({.producers = producers, .crashes = 2});
    checkWhole({.producers = producers, .failures = 1, .timeOuts = 1});
    checkWhole({.producers = producers, .crashes = 1, .timeOuts = 1});
  }
  checkWhole({.producers = 1, .records = 3, .epochRecords = 2, .crashes = 2, .timeOuts = 1});
}

TEST_CASE("one job commits exactly once through lost answers and delayed requests", "[model]") {
  checkWhole({.producers = 1, .records = 3, .epochRecords = 2, .crashes = 1, .unanswered = 1});
  checkWhole({.producers = 1, .crashes = 1, .unanswered = 1, .timeOuts = 1});
  checkWhole({.producers = 1, .unanswered = 2});
  checkWhole({.producers = 2, .records = 3, .unanswered = 1});
  checkWhole({.producers = 2, .crashes = 1, .unanswered = 1});
}

TEST_CASE("state is that of the committed prefix however far the base lags behind", "[model]") {
  checkWhole({.producers = 1, .crashes = 2, .lazyBase = true});
  checkWhole({.producers = 2, .crashes = 1, .lazyBase = true});
}

TEST_CASE("of two instances on one job only one commits", "[model]") {
  CHECK(checkWhole({.producers = 1, .records = 1, .secondInstance = true}).stopped > 0);
  CHECK(checkWhole({.producers = 1, .records = 1, .crashes = 1, .secondInstance = true, .duels = 0})
            .stopped > 0);
  CHECK(checkWhole({.producers = 2, .records = 1, .secondInstance = true, .duels = 0}).stopped > 0);
}

TEST_CASE("a job whose marker was taken away or changed stops", "[model]") {
  for (const unsigned producers : {1U, 2U}) {
    CHECK(checkWhole({.producers = producers, .crashes = 1, .missing = 1}).stopped > 0);
    CHECK(checkWhole({.producers = producers, .crashes = 1, .resets = 1}).stopped > 0);
    CHECK(checkWhole({.producers = producers, .crashes = 1, .rewinds = 1}).stopped > 0);
  }
  CHECK(checkWhole({.producers = 1, .crashes = 1, .missing = 1, .lazyBase = true}).stopped > 0);
}

TEST_CASE("a missing marker is noticed by what the log has, or by what is noted there", "[model]") {
  const Bounds bounds{.crashes = 1, .missing = 1, .lazyBase = true};
  for (const Rule rule : {Rule::kAckInLog, Rule::kC8Sealed}) {
    const Exploration found = explore(Rules().without(rule), bounds);
    INFO("without " << nameOf(rule) << ": " << found.describe());
    CHECK(found.finding.harm == Harm::kNone);
  }
}

TEST_CASE("a marker put back to an epoch that is not durably noted as acknowledged goes unnoticed",
          "[model]") {
  const Exploration found =
      explore(Rules(), {.crashes = 1, .rewinds = 1, .rewindsUnseen = true}, Harm::kDuplicate);
  INFO(found.describe());
  CHECK(found.finding.harm == Harm::kDuplicate);
}

TEST_CASE("what is sent when: without C1, C2 or C4 the job loses, repeats or swaps results",
          "[model]") {
  checkHarm(offsets());
}

TEST_CASE("reading the marker: without C3 the job repeats results", "[model]") {
  checkHarm(reading());
}

TEST_CASE("producers in doubt: without C5 the job repeats results", "[model]") {
  checkHarm(doubt());
}

TEST_CASE("the base: without C6 or C7 state and results part", "[model]") { checkHarm(state()); }

TEST_CASE("checks after a crash: without C8 the job goes on from what is not so", "[model]") {
  checkHarm(checks());
}

TEST_CASE("every counter-example, printed", "[.trace]") {
  for (const auto* rows : {&offsets(), &reading(), &doubt(), &state(), &checks()}) {
    for (const Dropped& dropped : *rows) {
      WARN("without " << namesOf(dropped) << ": " << exploreWithout(dropped).describe());
    }
  }
}

TEST_CASE("steps that nobody else can see need no interleaving", "[.large]") {
  for (const auto* rows : {&offsets(), &reading(), &doubt(), &state(), &checks()}) {
    for (Dropped dropped : *rows) {
      dropped.bounds.everyOrder = true;
      checkHarm({dropped});
    }
  }
  checkWhole({.producers = 2, .crashes = 1, .unanswered = 1, .timeOuts = 1, .everyOrder = true});
  checkWhole({.producers = 2, .secondInstance = true, .everyOrder = true});
}

TEST_CASE("the protocol holds within larger bounds", "[.large]") {
  const std::vector<Bounds> larger = {
      {.producers = 1,
       .records = 3,
       .epochRecords = 2,
       .crashes = 2,
       .failures = 1,
       .unanswered = 1,
       .timeOuts = 1},
      {.producers = 1, .crashes = 1, .unanswered = 2, .timeOuts = 1, .lazyBase = true},
      {.producers = 2,
       .records = 3,
       .epochRecords = 2,
       .crashes = 1,
       .unanswered = 1,
       .timeOuts = 1},
      {.producers = 2, .crashes = 2, .unanswered = 1, .timeOuts = 1},
      {.producers = 2, .crashes = 2, .missing = 1, .lazyBase = true},
      {.producers = 1, .secondInstance = true, .duels = 2},
      {.producers = 1, .records = 1, .unanswered = 1, .secondInstance = true},
      {.producers = 2, .secondInstance = true},
      {.producers = 2, .records = 1, .unanswered = 1, .secondInstance = true, .duels = 0},
      {.producers = 2, .records = 1, .crashes = 1, .secondInstance = true, .duels = 0},
  };
  for (const Bounds& bounds : larger) WARN(checkWhole(bounds).describe());
}

}  // namespace millrace::model
