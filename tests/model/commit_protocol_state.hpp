// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "commit_protocol_model.hpp"

namespace millrace::model {

/// What a marker says, and what the manifest of an epoch says: its number, who wrote it, and the
/// position in the input, which stands for everything its checksum covers.
struct Manifest {
  std::uint8_t epoch = 0;
  std::uint8_t incarnation = 0;
  std::uint8_t position = 0;

  bool operator==(const Manifest&) const = default;
};

struct LogEntry {
  std::uint8_t incarnation = 0;
  std::uint8_t position = 0;
};

constexpr std::uint8_t kLogCapacity = 8;

/// The state directory: what a crash leaves, and what it may take.
struct Directory {
  Manifest released;        // the last epoch the log has let go of; the base has it durably
  std::uint8_t sealed = 0;  // entries of the log after it
  std::uint8_t synced = 0;  // how many of them a crash cannot take
  std::array<LogEntry, kLogCapacity> log{};
  std::uint8_t acknowledged = 0;  // A, as noted in the log
  std::uint8_t acknowledgedSynced = 0;
  std::uint8_t base = 0;  // B, the epoch the base has come to
  std::uint8_t baseSynced = 0;
  std::uint8_t baseRecords = 0;  // the records whose effect is in the base, a bit each
  std::uint8_t baseRecordsSynced = 0;
};

enum class Request : std::uint8_t { kNone, kInitialise, kOffsets, kEndTxn };
enum class Answer : std::uint8_t { kUnderWay, kGood, kFenced };
enum class Output : std::uint8_t { kNone, kUnderWay, kDelivered };

/// A producer handle of an instance: librdkafka's view of one transactional id.
struct Handle {
  std::uint8_t isInitialised = 0;
  std::uint8_t isReady = 0;    // ... and known to be the owner's
  std::uint8_t isCurrent = 0;  // its producer epoch is the broker's: nobody fenced it
  std::uint8_t inDoubt = 0;    // a request went unanswered: replace it when its epoch is done
  std::uint8_t offsetsGood = 0;
  std::uint8_t ended = 0;
  Output output = Output::kNone;
  Request request = Request::kNone;
  Answer answer = Answer::kUnderWay;
};

enum class Phase : std::uint8_t { kAbsent, kDown, kOpening, kRunning, kStopped };

/// A process that runs the job.
struct Instance {
  Phase phase = Phase::kAbsent;
  std::uint8_t hasRead = 0;  // of RECOVER 4, where it comes before the ids are initialised
  std::uint8_t incarnation = 0;
  std::uint8_t takeover = 0;  // the empty epoch it began with
  std::uint8_t next = 0;      // the epoch of the next barrier
  std::uint8_t acked = 0;     // N of the last ack(N)
  std::uint8_t verified = 0;  // N of the last verified(N)
  std::uint8_t position = 0;  // in the input
  std::uint8_t records = 0;   // whose effect is in the state, a bit each
  std::uint8_t idled = 0;     // committed an empty epoch at the end of the input
  std::array<Handle, 2> handles{};
  Directory directory;
};

enum class TxnState : std::uint8_t { kEmpty, kOngoing, kPrepareCommit };

/// A transactional id at the broker, with what the group coordinator holds for its producer.
struct Transaction {
  TxnState state = TxnState::kEmpty;
  std::uint8_t outputMarked = 0;    // of PREPARE_COMMIT: the output partition has its marker
  std::uint8_t offsetsMarked = 0;   // ... and so has the partition of the group's offsets
  std::uint8_t offsetsAdded = 0;    // the transaction includes the group's offsets
  std::uint8_t hasPending = 0;      // an offset commit, not yet in the group's cache
  std::uint8_t pendingIsNewer = 0;  // it was appended after the one in the cache
  std::uint8_t completionDue = 0;   // marked, but not yet taken into the cache
  Manifest pending;
};

/// Output of an epoch in the log of the output partition, as far as readers have not passed it.
struct Appended {
  std::uint8_t id = 0;
  std::uint8_t from = 0;  // positions of the input: results of the records in (from, to]
  std::uint8_t to = 0;
  std::uint8_t committed = 0;
};

constexpr std::uint8_t kTailCapacity = 4;

/// A request that its sender no longer waits for but that may still arrive.
struct Delayed {
  Request request = Request::kNone;
  std::uint8_t id = 0;
  Manifest marker;
};

/// Everything. Bytes only: states are compared and hashed as memory.
struct State {
  std::array<Instance, 2> instances{};
  std::array<Transaction, 2> transactions{};
  Manifest marker;    // the group's offset as a read returns it
  Manifest previous;  // the one before
  std::uint8_t hasMarker = 0;
  std::uint8_t lastPending = 0;  // the id whose pending offset was appended last
  Delayed delayed;
  std::uint8_t tailSize = 0;
  std::array<Appended, kTailCapacity> tail{};
  std::uint8_t readable = 0;  // results a read_committed reader has read, all in order
  Manifest committed;         // the last marker whose commit became irrevocable
  std::uint8_t crashes = 0;   // faults left
  std::uint8_t failures = 0;
  std::uint8_t unanswered = 0;
  std::uint8_t timeOuts = 0;
  std::uint8_t missing = 0;
  std::uint8_t resets = 0;
  std::uint8_t rewinds = 0;
  std::uint8_t secondInstance = 0;
  std::uint8_t duels = 0;
};
static_assert(std::has_unique_object_representations_v<State>);

struct Step {
  const char* what = "";
  std::uint8_t instance = 0xFF;
  std::uint8_t id = 0xFF;
  std::uint8_t epoch = 0xFF;
  bool isFault = false;
};

struct Successor {
  State state;
  Step step;
  Harm harm = Harm::kNone;
  const char* why = "";
};

State firstState(const Bounds& bounds);

/// Every step that may come next, with the state it leads to.
void expand(const Rules& rules, const Bounds& bounds, const State& now,
            std::vector<Successor>& out);

/// Whether all input is committed and verified, an idle epoch after it too.
bool isFinished(const Bounds& bounds, const State& state);

/// Whether the job has rightly stopped: somebody touched its marker.
bool isRightlyStopped(const Bounds& bounds, const State& state);
bool hasStopped(const State& state);

std::string describe(const Step& step, const State& after);

}  // namespace millrace::model
