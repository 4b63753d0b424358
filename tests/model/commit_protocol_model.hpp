// SPDX-License-Identifier: MIT
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// A small model of the commit protocol with Kafka (docs/design/commit-protocol.md), explored
/// exhaustively: every interleaving of job, broker and faults within bounds. Rules of the protocol
/// can be dropped one at a time, to see what each is there for.
namespace millrace::model {

/// The rules that can be dropped. Letters tell parts of one rule of the document apart.
enum class Rule : std::uint8_t {
  kC1Acknowledged,     // offsets of N+1 only after EndTxn(N) is acknowledged
  kC1Verified,         // ... and after the marker of N was read back
  kC2Delivered,        // EndTxn(N) after every delivery report of N
  kC2Offsets,          // ... after its offset commit is good
  kC2Synced,           // ... after delta N is synced
  kC2InOrder,          // ... after N-1 is acknowledged
  kC3InitialiseFirst,  // recovery initialises the ids before it reads the marker
  kC3EveryId,          // ... every id, not only the one it needs next
  kC3Stable,           // ... and reads with stable offsets required
  kC4,                 // nothing of N+1 is produced before all of N is delivered
  kC5EndTxn,           // replace a producer whose EndTxn went unanswered
  kC5Offsets,          // replace a producer whose TxnOffsetCommit went unanswered
  kC5ReadAgain,        // use the new one only when the marker, read stable, is still one's own
  kTurns,              // epoch N is on the id N modulo k, a takeover too
  kC6,                 // the base receives verified epochs only
  kC7,                 // what a crash leaves of the base is a prefix of its batches
  kC8Missing,          // stop when the marker is missing but local state is not
  kC8Sealed,           // ... local state being the log too: it has more than the first takeover
  kC8Behind,           // stop when the marker is behind what was acknowledged
  kCheckBase,          // RECOVER 5: B <= M
  kCheckDurable,       // RECOVER 5: M <= D
  kCheckChecksum,      // RECOVER 5: the marker's checksum is that of manifest M
  kAckInLog,           // an acknowledgement is durable with the next sync of the log
  kReleaseAfterFlush,  // the log lets go of an epoch only when the base has it durably
  kCount,
};

const char* nameOf(Rule rule);

/// The protocol, whole or with rules dropped.
class Rules {
 public:
  Rules() = default;

  bool operator()(Rule rule) const { return !dropped_[static_cast<std::size_t>(rule)]; }
  Rules without(Rule rule) const {
    Rules rules = *this;
    rules.dropped_.set(static_cast<std::size_t>(rule));
    return rules;
  }
  bool isWhole() const { return dropped_.none(); }

 private:
  std::bitset<static_cast<std::size_t>(Rule::kCount)> dropped_;
};

/// How much may happen in a history. Numbers of faults are for the whole history.
struct Bounds {
  unsigned producers = 1;       // transactional ids, 1 or 2
  unsigned records = 2;         // of the input; at most 4
  unsigned epochRecords = 1;    // an epoch holds 1 to this many, or none when the input is used up
  unsigned crashes = 0;         // of an instance: process or machine
  unsigned failures = 0;        // in process: teardown and RECOVER without a crash
  unsigned unanswered = 0;      // requests whose answer does not come; the request may be delayed
  unsigned timeOuts = 0;        // transactions the broker aborts
  unsigned missing = 0;         // the marker vanishes
  unsigned resets = 0;          // the marker is overwritten by somebody else's commit
  unsigned rewinds = 0;         // the marker becomes the one before it, as after lost broker data
  bool rewindsUnseen = false;   // ... also to one the job has not durably noted as acknowledged
  bool secondInstance = false;  // another one starts on a copy of the state directory
  unsigned secondFrom = 0;      // ... when this epoch is committed, or later
  unsigned duels = 1;           // how often one of two instances recovers at once when fenced
  bool everyOrder = false;      // also orders that differ only in steps nobody else can see
  bool lazyBase = false;        // the base lags behind; else it has epochs once they are verified
};

/// What is wrong with a history, as somebody outside would see it.
enum class Harm : std::uint8_t {
  kNone,
  kLoss,        // a result is missing from what a read_committed reader reads
  kDuplicate,   // ... is there twice
  kOrder,       // ... comes before an earlier one of its key
  kDivergence,  // the state is not that of the committed prefix of the input
  kStuck,       // the job cannot go on, or stops, though nobody took its marker away
  kInvariant,   // nothing to be seen outside yet, but an invariant I1 to I12 is broken
};

const char* nameOf(Harm harm);

struct Finding {
  Harm harm = Harm::kNone;
  std::string what;
  std::vector<std::string> trace;  // from the start, a line for each step
};

struct Exploration {
  std::size_t states = 0;
  std::size_t steps = 0;
  std::size_t finished = 0;  // states in which all input is committed and verified
  std::size_t stopped = 0;   // states in which an instance has stopped with an error
  Finding finding;           // the first of the wanted harm, by a shortest history

  std::string describe() const;
};

/// Explores every history within `bounds`, breadth first. Looks for any harm when `wanted` is
/// kNone, and otherwise for that one alone, going past others.
Exploration explore(const Rules& rules, const Bounds& bounds, Harm wanted = Harm::kNone);

}  // namespace millrace::model
