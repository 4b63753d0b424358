// SPDX-License-Identifier: MIT
// The transitions, in the order of the document: COMMIT, RECOVER, the broker, faults.
#include <algorithm>
#include <stdexcept>

#include "commit_protocol_state.hpp"

namespace millrace::model {

namespace {

constexpr std::uint8_t kForeign = 15;  // the incarnation of a marker that somebody else wrote
constexpr std::uint8_t kNobody = 0xFF;

std::uint8_t narrow(unsigned value) { return static_cast<std::uint8_t>(value); }

/// The bits of the records in (from, to].
std::uint8_t recordsIn(unsigned from, unsigned to) {
  return to > from ? narrow((1U << to) - (1U << from)) : std::uint8_t{0};
}

std::uint8_t lastSealed(const Directory& directory) {
  return narrow(directory.released.epoch + directory.sealed);
}
std::uint8_t lastSynced(const Directory& directory) {
  return narrow(directory.released.epoch + directory.synced);
}

Manifest manifestOf(const Directory& directory, unsigned epoch) {
  if (epoch <= directory.released.epoch) return directory.released;
  const LogEntry& entry = directory.log[epoch - directory.released.epoch - 1];
  return {narrow(epoch), entry.incarnation, entry.position};
}

bool isEmpty(const Directory& directory, unsigned epoch) {
  return manifestOf(directory, epoch).position == manifestOf(directory, epoch - 1).position;
}

void cutAfter(Directory& directory, unsigned epoch) {
  const unsigned kept = epoch > directory.released.epoch ? epoch - directory.released.epoch : 0;
  for (unsigned at = kept; at < directory.sealed; ++at) directory.log[at] = {};
  directory.sealed = narrow(std::min<unsigned>(directory.sealed, kept));
  directory.synced = std::min(directory.synced, directory.sealed);
}

void append(Directory& directory, LogEntry entry) {
  if (directory.sealed == kLogCapacity)
    throw std::logic_error("the model's log is too short for these bounds");
  directory.log[directory.sealed] = entry;
  ++directory.sealed;
}

void release(Directory& directory, unsigned epoch) {
  if (epoch <= directory.released.epoch) return;
  const unsigned count = epoch - directory.released.epoch;
  directory.released = manifestOf(directory, epoch);
  std::rotate(directory.log.begin(), directory.log.begin() + count, directory.log.end());
  std::fill(directory.log.end() - count, directory.log.end(), LogEntry{});
  directory.sealed = narrow(directory.sealed - count);
  directory.synced = narrow(directory.synced > count ? directory.synced - count : 0);
}

void apply(Directory& directory, unsigned epoch) {
  directory.baseRecords |=
      recordsIn(manifestOf(directory, epoch - 1).position, manifestOf(directory, epoch).position);
  directory.base = narrow(epoch);
}

/// All possible next steps of one state.
class Expansion {
 public:
  Expansion(const Rules& rules, const Bounds& bounds, const State& now, std::vector<Successor>& out)
      : rules_(rules), bounds_(bounds), now_(now), out_(out) {}

  void run() {
    if (!bounds_.everyOrder && takeUnseenStep()) return;
    for (unsigned who = 0; who < 2; ++who) {
      commitSteps(who);
      recoverSteps(who);
    }
    for (unsigned id = 0; id < bounds_.producers; ++id) brokerSteps(id);
    serveDelayed();
    faults();
  }

 private:
  /// A step that nobody but its instance can see, and that makes nothing impossible, needs no
  /// interleaving: that init_transactions is sent (it may be served at any time), that an answer
  /// other than EndTxn's comes, or is lost.
  bool takeUnseenStep() {
    for (unsigned who = 0; who < 2; ++who) {
      for (unsigned id = 0; id < bounds_.producers; ++id) {
        const Handle& handle = now_.instances[who].handles[id];
        if (handle.answer == Answer::kGood && handle.request != Request::kEndTxn) {
          receive(who, id);
          loseAnswer(who, id);
          return true;
        }
        if (now_.instances[who].phase == Phase::kOpening) initialise(who, id);
        if (!out_.empty()) return true;
      }
    }
    return false;
  }

  // ---- COMMIT(N) ----

  void commitSteps(unsigned who) {
    if (now_.instances[who].phase != Phase::kRunning) return;
    takeBarrier(who);
    syncDelta(who);
    for (unsigned id = 0; id < bounds_.producers; ++id) {
      produce(who, id);
      sendOffsets(who, id);
      endTransaction(who, id);
    }
    verify(who);
    applyToBase(who);
    flushBase(who);
  }

  /// COMMIT 1: the barrier is aligned; delta N is appended to the log, not yet synced. At most two
  /// epochs are in flight. When the input is used up an empty epoch commits all the same.
  void takeBarrier(unsigned who) {
    const Instance& instance = now_.instances[who];
    if (instance.verified < instance.takeover || instance.next > instance.acked + 2) return;
    if (instance.directory.sealed > 2)
      return;  // the log is bounded: the base has to come forward first
    const unsigned left = bounds_.records - instance.position;
    if (left == 0 && instance.idled != 0) return;
    for (unsigned count = left == 0 ? 0 : 1; count <= std::min(left, bounds_.epochRecords);
         ++count) {
      State next = now_;
      Instance& mine = next.instances[who];
      mine.records |= recordsIn(mine.position, mine.position + count);
      mine.position = narrow(mine.position + count);
      mine.idled = narrow(left == 0 ? 1 : 0);
      append(mine.directory, {mine.incarnation, mine.position});
      ++mine.next;
      emit({left == 0    ? "COMMIT 1: takes a barrier, nothing came in; appends the empty delta"
            : count == 1 ? "COMMIT 1: takes a barrier after one record; appends the delta"
                         : "COMMIT 1: takes a barrier after two records; appends the delta",
            narrow(who), kNobody, narrow(instance.next)},
           next);
    }
  }

  /// COMMIT 1a: one fdatasync makes the deltas so far durable, and with them the acknowledgements
  /// noted between them.
  void syncDelta(unsigned who) {
    const Directory& directory = now_.instances[who].directory;
    if (directory.synced == directory.sealed) return;
    State next = now_;
    Instance& mine = next.instances[who];
    mine.directory.synced = mine.directory.sealed;
    if (rules_(Rule::kAckInLog)) mine.directory.acknowledgedSynced = mine.directory.acknowledged;
    if (!rules_(Rule::kC6) && !bounds_.lazyBase) bringForward(mine, lastSynced(mine.directory));
    emit({"COMMIT 1a: syncs the log", narrow(who), kNobody, lastSealed(directory)}, next);
  }

  /// COMMIT 2: the output of N leaves, under C4 not before that of N-1 is delivered. With one
  /// producer N+1 waits until the producer has committed N.
  void produce(unsigned who, unsigned id) {
    const Instance& instance = now_.instances[who];
    const Handle& handle = instance.handles[id];
    const unsigned epoch = epochOn(instance, id);
    if (epoch == 0 || handle.isInitialised == 0 || handle.output != Output::kNone ||
        handle.ended != 0)
      return;
    if (isEmpty(instance.directory, epoch)) return;
    if (rules_(Rule::kC4) && !isDelivered(instance, epoch - 1)) return;
    State next = now_;
    next.instances[who].handles[id].output = Output::kUnderWay;
    emit({"COMMIT 2: produces", narrow(who), narrow(id), narrow(epoch)}, next);
  }

  /// COMMIT 3 and 4: offsets and marker of N go into N's transaction.
  void sendOffsets(unsigned who, unsigned id) {
    const Instance& instance = now_.instances[who];
    const Handle& handle = instance.handles[id];
    const unsigned epoch = epochOn(instance, id);
    if (epoch == 0 || !isFree(handle) || handle.offsetsGood != 0) return;
    if (rules_(Rule::kC2Delivered) && !isDelivered(instance, epoch)) return;
    if (rules_(Rule::kC1Acknowledged) && instance.acked + 1U < epoch) return;
    if (rules_(Rule::kC1Acknowledged) && rules_(Rule::kC1Verified) &&
        instance.verified + 1U < epoch)
      return;
    send(who, id, Request::kOffsets, "COMMIT 4: sends offsets and marker", epoch);
  }

  /// COMMIT 5 and 6: EndTxn, and again after an answer that did not come.
  void endTransaction(unsigned who, unsigned id) {
    const Instance& instance = now_.instances[who];
    const Handle& handle = instance.handles[id];
    const unsigned epoch = epochOn(instance, id);
    if (epoch == 0 || !isFree(handle)) return;
    if (handle.output == Output::kNone && handle.offsetsGood == 0) return;  // nothing begun
    if (rules_(Rule::kC2Delivered) && !isDelivered(instance, epoch)) return;
    if (rules_(Rule::kC2Offsets) && handle.offsetsGood == 0) return;
    if (rules_(Rule::kC2Synced) && lastSynced(instance.directory) < epoch) return;
    if (rules_(Rule::kC2InOrder) && instance.acked + 1U < epoch) return;
    send(who, id, Request::kEndTxn, "COMMIT 6: sends EndTxn", epoch);
  }

  /// COMMIT 7: ack(N) is noted; a producer in doubt has to be replaced before its next use.
  void acknowledge(Instance& mine, unsigned id) {
    mine.handles[id].ended = 1;
    for (;;) {
      const unsigned oldest = idOf(mine, mine.acked + 1U);
      Handle& handle = mine.handles[oldest];
      if (handle.ended == 0) break;
      const bool replace = handle.inDoubt != 0;
      const std::uint8_t isCurrent = handle.isCurrent;
      handle = {};
      handle.isInitialised = handle.isReady = narrow(replace ? 0 : 1);
      handle.isCurrent = isCurrent;
      ++mine.acked;
    }
    mine.directory.acknowledged = mine.acked;
  }

  /// COMMIT 8: a plain read returns the marker of N or a later one: only now may the outside and
  /// the base know.
  void verify(unsigned who) {
    const Instance& instance = now_.instances[who];
    if (instance.verified == instance.acked) return;
    if (now_.hasMarker != 0 && now_.marker.epoch > instance.verified) {
      State next = now_;
      Instance& mine = next.instances[who];
      mine.verified = std::min(mine.acked, now_.marker.epoch);
      if (!bounds_.lazyBase && mine.directory.base < mine.verified)
        bringForward(mine, mine.verified);
      const bool early = mine.verified > now_.committed.epoch && !markerWasTouched(now_);
      emit({"COMMIT 8: reads the marker back", narrow(who), kNobody, mine.verified}, next,
           early ? Harm::kInvariant : Harm::kNone,
           "I7: an epoch counts as verified that is not committed");
    } else if (markerWasTouched(now_) && !isCompleting()) {
      fallBack(who, {"COMMIT 8: the marker does not come: recovers", narrow(who)});
    }
  }

  /// Whether the marker may still come by itself.
  bool isCompleting() const {
    return std::any_of(
        now_.transactions.begin(), now_.transactions.end(), [](const Transaction& transaction) {
          return transaction.state == TxnState::kPrepareCommit || transaction.completionDue != 0;
        });
  }

  /// COMMIT 8: the base receives the next epoch (C6: a verified one).
  void applyToBase(unsigned who) {
    const Instance& instance = now_.instances[who];
    const unsigned limit = rules_(Rule::kC6) ? instance.verified : lastSynced(instance.directory);
    if (!bounds_.lazyBase || instance.directory.base >= limit) return;
    State next = now_;
    Instance& mine = next.instances[who];
    apply(mine.directory, mine.directory.base + 1U);
    if (!rules_(Rule::kReleaseAfterFlush))
      release(mine.directory, std::min(mine.directory.base, mine.verified));
    emit({"COMMIT 8: puts an epoch into the base", narrow(who), kNobody, mine.directory.base},
         next);
  }

  /// The base writes what it has to disk, and the log lets go of it.
  void flushBase(unsigned who) {
    const Directory& directory = now_.instances[who].directory;
    if (directory.base == directory.baseSynced) return;
    State next = now_;
    bringForward(next.instances[who], directory.base);
    emit({"the base flushes; the log lets go", narrow(who), kNobody, directory.base}, next);
  }

  static void bringForward(Instance& mine, unsigned epoch) {
    Directory& directory = mine.directory;
    while (directory.base < epoch) apply(directory, directory.base + 1U);
    directory.baseSynced = directory.base;
    directory.baseRecordsSynced = directory.baseRecords;
    release(directory, std::min(directory.base, mine.verified));
  }

  bool isDelivered(const Instance& instance, unsigned epoch) const {
    if (epoch <= instance.acked || isEmpty(instance.directory, epoch)) return true;
    const unsigned id = idOf(instance, epoch);
    return epochOn(instance, id) == epoch && instance.handles[id].output == Output::kDelivered;
  }

  /// The transactional id of an epoch: they take turns.
  unsigned idOf(const Instance& instance, unsigned epoch) const {
    if (epoch == instance.takeover && !rules_(Rule::kTurns)) ++epoch;
    return epoch % bounds_.producers;
  }

  /// The epoch that a producer carries now, or 0.
  unsigned epochOn(const Instance& instance, unsigned id) const {
    const unsigned end = std::min(instance.acked + bounds_.producers + 1U, 0U + instance.next);
    for (unsigned epoch = instance.acked + 1U; epoch < end; ++epoch) {
      if (idOf(instance, epoch) == id) return epoch;
    }
    return 0;
  }

  static bool isFree(const Handle& handle) {
    return handle.isReady != 0 && handle.ended == 0 && handle.request == Request::kNone;
  }

  void send(unsigned who, unsigned id, Request request, const char* what, unsigned epoch) {
    State next = now_;
    next.instances[who].handles[id].request = request;
    next.instances[who].handles[id].answer = Answer::kUnderWay;
    emit({what, narrow(who), narrow(id), narrow(epoch)}, next);
  }

  // ---- RECOVER ----

  void recoverSteps(unsigned who) {
    const Instance& instance = now_.instances[who];
    if (instance.phase == Phase::kDown) {
      State next = now_;
      next.instances[who].phase = Phase::kOpening;
      emit({"RECOVER 1, 2: starts, opens base and log", narrow(who)}, next);
    }
    if (instance.phase != Phase::kOpening && instance.phase != Phase::kRunning) return;
    for (unsigned id = 0; id < bounds_.producers; ++id) {
      initialise(who, id);
      receive(who, id);
      readAgain(who, id);
    }
    readMarker(who);
  }

  /// RECOVER 3, and COMMIT 7 for a producer in doubt: init_transactions on a new handle.
  void initialise(unsigned who, unsigned id) {
    const Instance& instance = now_.instances[who];
    const Handle& handle = instance.handles[id];
    if (handle.isInitialised != 0 || handle.request != Request::kNone) return;
    const bool running = instance.phase == Phase::kRunning;
    if (running && instance.verified < instance.acked) return;  // verify first: C5
    if (!running && !rules_(Rule::kC3InitialiseFirst) && instance.hasRead == 0) return;
    send(who, id, Request::kInitialise,
         running ? "COMMIT 7: replaces a producer: init_transactions"
                 : "RECOVER 3: init_transactions",
         kNobody);
  }

  /// COMMIT 7: init_transactions takes an id from whoever has it. The new producer is used only
  /// when the marker, read as after a crash, is still that of the instance's own last epoch.
  void readAgain(unsigned who, unsigned id) {
    const Instance& instance = now_.instances[who];
    const Handle& handle = instance.handles[id];
    if (instance.phase != Phase::kRunning || handle.isInitialised == 0 || handle.isReady != 0)
      return;
    if (rules_(Rule::kC5ReadAgain)) {
      if (!isStable()) return;
      const bool own = now_.hasMarker != 0 && now_.marker.epoch >= instance.acked &&
                       now_.marker.epoch <= lastSealed(instance.directory) &&
                       manifestOf(instance.directory, now_.marker.epoch) == now_.marker;
      if (!own) {
        fallBack(who, {"COMMIT 7: the marker is another one's: recovers", narrow(who), narrow(id)});
        return;
      }
    }
    State next = now_;
    next.instances[who].handles[id].isReady = 1;
    emit({"COMMIT 7: the new producer is used from now on", narrow(who), narrow(id)}, next);
  }

  bool isStable() const {
    return now_.transactions[0].hasPending == 0 && now_.transactions[1].hasPending == 0;
  }

  /// An answer arrives. "Fenced" is how a time-out looks too: recover.
  void receive(unsigned who, unsigned id) {
    const Handle& handle = now_.instances[who].handles[id];
    if (handle.request == Request::kNone || handle.answer == Answer::kUnderWay) return;
    if (handle.answer == Answer::kFenced) {
      recoverFenced(who, {"is told that it is fenced: recovers", narrow(who), narrow(id)});
      return;
    }
    State next = now_;
    Instance& mine = next.instances[who];
    Handle& answered = mine.handles[id];
    const Request request = answered.request;
    answered.request = Request::kNone;
    answered.answer = Answer::kUnderWay;
    const unsigned epoch = epochOn(mine, id);
    if (request == Request::kInitialise) {
      answered.isInitialised = 1;
      answered.isReady = narrow(mine.phase == Phase::kOpening ? 1 : 0);
      emit({"init_transactions is answered", narrow(who), narrow(id)}, next);
    } else if (request == Request::kOffsets) {
      answered.offsetsGood = 1;
      emit({"the offset commit is answered", narrow(who), narrow(id), narrow(epoch)}, next);
    } else {
      acknowledge(mine, id);
      emit({"COMMIT 7: EndTxn is answered: ack", narrow(who), narrow(id), narrow(epoch)}, next);
    }
  }

  /// RECOVER 4 to 7: reads the marker, checks, cuts, replays, and begins the empty takeover epoch.
  void readMarker(unsigned who) {
    const Instance& instance = now_.instances[who];
    if (instance.phase != Phase::kOpening) return;
    if (instance.hasRead != 0) {
      if (!mayRead(instance, true)) return;
      State next = now_;
      next.instances[who].phase = Phase::kRunning;
      next.instances[who].hasRead = 0;
      emit({"RECOVER 7: begins its takeover", narrow(who)}, next);
      return;
    }
    if (!mayRead(instance, rules_(Rule::kC3InitialiseFirst))) return;
    if (rules_(Rule::kC3Stable) && !isStable()) return;
    State next = now_;
    const std::uint8_t read = now_.hasMarker != 0 ? now_.marker.epoch : std::uint8_t{0};
    if (const char* why = reasonToStop(instance)) {
      stop(next, who);
      const bool wrongly = !markerWasTouched(now_) && !bounds_.secondInstance;
      emit({why, narrow(who), kNobody, read}, next, wrongly ? Harm::kStuck : Harm::kNone, why);
      return;
    }
    const bool outdated = !(now_.marker == now_.committed) && !markerWasTouched(now_);
    goOnFrom(next.instances[who], now_.hasMarker != 0 ? now_.marker : Manifest{});
    const Instance& mine = next.instances[who];
    const bool diverged = mine.records != recordsIn(0, mine.position);
    emit({"RECOVER 4 to 7: reads the marker, checks, cuts, replays; appends the takeover",
          narrow(who), kNobody, read},
         next,
         diverged   ? Harm::kDivergence
         : outdated ? Harm::kInvariant
                    : Harm::kNone,
         diverged ? "the recovered state is not that of the committed prefix"
                  : "I10: the marker read is not that of the last committed epoch");
  }

  bool mayRead(const Instance& instance, bool initialised) const {
    if (!initialised) return true;
    unsigned ready = 0;
    for (unsigned id = 0; id < bounds_.producers; ++id) ready += instance.handles[id].isReady;
    return ready == bounds_.producers || (ready > 0 && !rules_(Rule::kC3EveryId));
  }

  /// RECOVER 5.
  const char* reasonToStop(const Instance& instance) const {
    const Directory& directory = instance.directory;
    if (now_.hasMarker == 0) {
      // No epoch after the first takeover is begun before that is verified, so with one there was a
      // marker.
      const bool fresh = directory.acknowledged == 0 && directory.base == 0 &&
                         (lastSealed(directory) <= 1 || !rules_(Rule::kC8Sealed));
      return !fresh && rules_(Rule::kC8Missing) ? "RECOVER 5: stops, the marker is missing"
                                                : nullptr;
    }
    const Manifest& marker = now_.marker;
    if (directory.acknowledged > marker.epoch && rules_(Rule::kC8Behind)) {
      return "RECOVER 5: stops, the marker is behind what was acknowledged";
    }
    if (directory.base > marker.epoch && rules_(Rule::kCheckBase))
      return "RECOVER 5: stops, the base is ahead";
    if (lastSealed(directory) < marker.epoch) {
      return rules_(Rule::kCheckDurable) ? "RECOVER 5: stops, the marker is ahead of the log"
                                         : nullptr;
    }
    if (marker.epoch >= directory.released.epoch &&
        !(manifestOf(directory, marker.epoch) == marker) && rules_(Rule::kCheckChecksum)) {
      return "RECOVER 5: stops, the marker is not of this log";
    }
    return nullptr;
  }

  /// RECOVER 6, 7.
  void goOnFrom(Instance& mine, const Manifest& marker) const {
    Directory& directory = mine.directory;
    cutAfter(directory, marker.epoch);
    const unsigned last = std::min<unsigned>(marker.epoch, lastSealed(directory));
    const unsigned from = std::max(directory.base, directory.released.epoch);
    mine.position = last == 0 ? std::uint8_t{0} : manifestOf(directory, last).position;
    mine.records = narrow(directory.baseRecords |
                          recordsIn(manifestOf(directory, from).position, mine.position));
    mine.acked = mine.verified = marker.epoch;
    directory.acknowledged = std::max(directory.acknowledged, marker.epoch);
    mine.incarnation = narrow(marker.incarnation + 1U);
    mine.takeover = narrow(marker.epoch + 1U);
    mine.next = narrow(marker.epoch + 2U);
    while (lastSealed(directory) < marker.epoch)
      append(directory, {mine.incarnation, mine.position});
    append(directory, {mine.incarnation, mine.position});
    mine.hasRead = narrow(rules_(Rule::kC3InitialiseFirst) ? 0 : 1);
    if (mine.hasRead == 0) mine.phase = Phase::kRunning;
  }

  /// Tears down to RECOVER 1 within the process: handles are destroyed, files stay as they are. One
  /// request that is still under way may arrive later.
  void fallBack(unsigned who, Step step) {
    for (unsigned late = 0; late <= bounds_.producers; ++late) {
      State next = now_;
      if (!abandonRequests(next, who, late)) continue;
      Instance fresh;
      fresh.phase = Phase::kOpening;
      fresh.directory = next.instances[who].directory;
      next.instances[who] = fresh;
      emit(step, next);
    }
  }

  /// An instance that is fenced recovers. Two could fence each other for ever; so only a number of
  /// times while the other is up, then (as with growing pauses) when the other has stopped or, the
  /// first of the two, is fenced too.
  void recoverFenced(unsigned who, const Step& step) {
    if (!isUp(1 - who)) return fallBack(who, step);
    if (now_.duels == 0) {
      const Instance& other = now_.instances[1 - who];
      bool isFenced = false;
      for (const Handle& handle : other.handles) {
        isFenced = isFenced || (handle.isInitialised != 0 && handle.isCurrent == 0);
      }
      if (who == 0 && other.phase == Phase::kRunning && isFenced) fallBack(who, step);
      return;
    }
    const std::size_t first = out_.size();
    fallBack(who, step);
    for (std::size_t at = first; at < out_.size(); ++at) --out_[at].state.duels;
  }

  static void stop(State& next, unsigned who) {
    next.instances[who] = {};
    next.instances[who].phase = Phase::kStopped;
  }

  /// Forgets the requests of an instance; that of producer `late` - 1 stays under way. False when
  /// there is none.
  bool abandonRequests(State& next, unsigned who, unsigned late) const {
    if (late == 0) return true;
    const Handle& handle = next.instances[who].handles[late - 1];
    if (handle.request == Request::kNone || handle.answer != Answer::kUnderWay) return false;
    return delay(next, who, late - 1);
  }

  bool delay(State& next, unsigned who, unsigned id) const {
    if (next.delayed.request != Request::kNone) return false;
    const Instance& instance = next.instances[who];
    const Handle& handle = instance.handles[id];
    if (handle.request != Request::kInitialise && handle.isCurrent == 0)
      return false;  // it would be fenced
    next.delayed.request = handle.request;
    next.delayed.id = narrow(id);
    if (handle.request == Request::kOffsets) {
      next.delayed.marker = manifestOf(instance.directory, epochOn(instance, id));
    }
    return true;
  }

  // ---- the broker ----

  void brokerSteps(unsigned id) {
    for (unsigned who = 0; who < 2; ++who) {
      appendOutput(who, id);
      serve(who, id);
    }
    markOutput(id);
    markOffsets(id);
    takeIntoCache(id);
  }

  /// A Produce request arrives; its delivery report reaches the job.
  void appendOutput(unsigned who, unsigned id) {
    const Instance& instance = now_.instances[who];
    const Handle& handle = instance.handles[id];
    if (handle.output != Output::kUnderWay) return;
    const unsigned epoch = epochOn(instance, id);
    if (handle.isCurrent == 0) {
      recoverFenced(who,
                    {"a delivery fails, fenced: recovers", narrow(who), narrow(id), narrow(epoch)});
      return;
    }
    if (now_.transactions[id].state == TxnState::kPrepareCommit || now_.tailSize == kTailCapacity)
      return;
    State next = now_;
    next.instances[who].handles[id].output = Output::kDelivered;
    next.transactions[id].state = TxnState::kOngoing;
    const Appended appended{narrow(id), manifestOf(instance.directory, epoch - 1).position,
                            manifestOf(instance.directory, epoch).position, 0};
    bool swapped = false;
    for (unsigned at = 0; at < now_.tailSize; ++at)
      swapped = swapped || now_.tail[at].from >= appended.to;
    next.tail[next.tailSize++] = appended;
    emit({"broker: appends the output; delivered", narrow(who), narrow(id), narrow(epoch)}, next,
         swapped ? Harm::kInvariant : Harm::kNone,
         "I4: output of an epoch lies after that of a later one");
  }

  /// A request that somebody waits for arrives. While the transaction before is still being
  /// completed the broker answers "concurrent transactions" and the client asks again: not a step.
  void serve(unsigned who, unsigned id) {
    const Handle& handle = now_.instances[who].handles[id];
    if (handle.request == Request::kNone || handle.answer != Answer::kUnderWay) return;
    if (now_.transactions[id].state == TxnState::kPrepareCommit) return;
    const unsigned epoch = epochOn(now_.instances[who], id);
    State next = now_;
    Handle& served = next.instances[who].handles[id];
    served.answer = Answer::kGood;
    if (handle.request == Request::kInitialise) {
      fence(next, id);
      served.isCurrent = 1;
      emit({"broker: aborts what was open, new producer epoch", narrow(who), narrow(id)}, next);
    } else if (handle.isCurrent == 0) {
      served.answer = Answer::kFenced;
      emit({"broker: refuses, fenced", narrow(who), narrow(id)}, next);
    } else if (handle.request == Request::kOffsets) {
      next.transactions[id].state = TxnState::kOngoing;
      appendOffsets(next, id, manifestOf(now_.instances[who].directory, epoch));
      emit({"broker: appends offsets and marker, pending", narrow(who), narrow(id), narrow(epoch)},
           next);
    } else {
      const char* broken =
          next.transactions[id].state == TxnState::kOngoing ? whyNotWhole(who, id, epoch) : nullptr;
      prepareCommit(next, id);
      emit({"broker: PREPARE_COMMIT, irrevocable", narrow(who), narrow(id), narrow(epoch)}, next,
           broken != nullptr ? Harm::kInvariant : Harm::kNone, broken);
    }
  }

  /// A delayed request takes effect. The broker verifies that offsets belong to an ongoing
  /// transaction (KIP-890, part 1); an EndTxn fits any transaction of the same producer epoch
  /// (KAFKA-17754).
  void serveDelayed() {
    const Delayed& delayed = now_.delayed;
    if (delayed.request == Request::kNone) return;
    const Transaction& transaction = now_.transactions[delayed.id];
    if (transaction.state == TxnState::kPrepareCommit) return;
    const bool ongoing = transaction.state == TxnState::kOngoing;
    State next = now_;
    next.delayed = {};
    if (delayed.request == Request::kInitialise) {
      fence(next, delayed.id);
      emit({"broker: a delayed init_transactions arrives", kNobody, delayed.id}, next);
    } else if (delayed.request == Request::kOffsets && ongoing && transaction.offsetsAdded != 0) {
      appendOffsets(next, delayed.id, delayed.marker);
      emit({"broker: a delayed offset commit arrives, is appended", kNobody, delayed.id,
            delayed.marker.epoch},
           next);
    } else if (delayed.request == Request::kEndTxn && ongoing) {
      const bool whole = markerWasTouched(now_) || isAsked(delayed.id);
      prepareCommit(next, delayed.id);
      emit({"broker: a delayed EndTxn arrives: PREPARE_COMMIT", kNobody, delayed.id}, next,
           whole ? Harm::kNone : Harm::kInvariant,
           "I2: an EndTxn commits a transaction that nobody has ended");
    }
  }

  /// Whether somebody has asked, now or before a crash or time-out, to end the id's transaction as
  /// it is.
  bool isAsked(unsigned id) const {
    const Transaction& transaction = now_.transactions[id];
    if (transaction.hasPending == 0 || transaction.pending.epoch != now_.committed.epoch + 1)
      return false;
    for (const Instance& instance : now_.instances) {
      const Handle& handle = instance.handles[id];
      if (instance.phase != Phase::kRunning || handle.isCurrent == 0) continue;
      const unsigned epoch = epochOn(instance, id);
      return epoch != 0 && handle.offsetsGood != 0 && isDelivered(instance, epoch) &&
             lastSynced(instance.directory) >= epoch;
    }
    return true;
  }

  /// I1, I2, I3, I9: what must hold of a transaction when it is committed.
  const char* whyNotWhole(unsigned who, unsigned id, unsigned epoch) const {
    if (markerWasTouched(now_)) return nullptr;
    const Instance& instance = now_.instances[who];
    const Transaction& transaction = now_.transactions[id];
    const Manifest manifest = manifestOf(instance.directory, epoch);
    if (transaction.hasPending == 0 || !(transaction.pending == manifest))
      return "I2: commits without its marker";
    if (!isDelivered(instance, epoch)) return "I2: commits before its output is delivered";
    if (lastSynced(instance.directory) < epoch) return "I1: commits before its delta is durable";
    if (now_.committed.epoch + 1U != epoch) return "I3: commits before the epoch before it";
    const bool takesOver = epoch == instance.takeover;
    if (manifest.incarnation != now_.committed.incarnation + (takesOver ? 1 : 0))
      return "I9: commits of two owners";
    return nullptr;
  }

  static void appendOffsets(State& next, unsigned id, const Manifest& marker) {
    Transaction& transaction = next.transactions[id];
    transaction.offsetsAdded = 1;
    transaction.hasPending = 1;
    transaction.pendingIsNewer = 1;
    transaction.pending = marker;
    next.lastPending = narrow(id);
  }

  static bool hasOutput(const State& state, unsigned id) {
    for (unsigned at = 0; at < state.tailSize; ++at) {
      if (state.tail[at].id == id && state.tail[at].committed == 0) return true;
    }
    return false;
  }

  static void prepareCommit(State& next, unsigned id) {
    Transaction& transaction = next.transactions[id];
    if (transaction.state != TxnState::kOngoing) return;  // committed before: answered the same
    transaction.state = TxnState::kPrepareCommit;
    transaction.outputMarked = narrow(hasOutput(next, id) ? 0 : 1);
    transaction.offsetsMarked = narrow(transaction.offsetsAdded != 0 ? 0 : 1);
    if (transaction.offsetsAdded != 0 && transaction.hasPending != 0)
      next.committed = transaction.pending;
    complete(transaction);
  }

  static void complete(Transaction& transaction) {
    if (transaction.outputMarked == 0 || transaction.offsetsMarked == 0) return;
    transaction.state = TxnState::kEmpty;
    transaction.outputMarked = transaction.offsetsMarked = transaction.offsetsAdded = 0;
  }

  void markOutput(unsigned id) {
    const Transaction& transaction = now_.transactions[id];
    if (transaction.state != TxnState::kPrepareCommit || transaction.outputMarked != 0) return;
    State next = now_;
    for (unsigned at = 0; at < next.tailSize; ++at) {
      if (next.tail[at].id == id) next.tail[at].committed = 1;
    }
    next.transactions[id].outputMarked = 1;
    complete(next.transactions[id]);
    emit({"broker: writes the marker to the output partition", kNobody, narrow(id)}, next);
  }

  void markOffsets(unsigned id) {
    const Transaction& transaction = now_.transactions[id];
    if (transaction.state != TxnState::kPrepareCommit || transaction.offsetsMarked != 0) return;
    State next = now_;
    next.transactions[id].offsetsMarked = 1;
    next.transactions[id].completionDue = transaction.hasPending;
    complete(next.transactions[id]);
    emit({"broker: writes the marker to the partition of offsets", kNobody, narrow(id)}, next);
  }

  /// The group coordinator takes the pending offset into its cache, some time after the marker was
  /// written and possibly after the transaction is complete (KAFKA-17507). It takes what is pending
  /// for the producer *by then*, and only if that was appended after what the cache has.
  void takeIntoCache(unsigned id) {
    const Transaction& transaction = now_.transactions[id];
    if (transaction.completionDue == 0) return;
    State next = now_;
    Transaction& mine = next.transactions[id];
    Transaction& other = next.transactions[1 - id];
    if (mine.pendingIsNewer != 0) {
      next.previous = now_.hasMarker != 0 ? now_.marker : Manifest{};
      next.marker = mine.pending;
      next.hasMarker = 1;
      if (next.lastPending == id) other.pendingIsNewer = 0;
    }
    const bool back =
        now_.hasMarker != 0 && next.marker.epoch < now_.marker.epoch && !markerWasTouched(now_);
    mine.pending = {};
    mine.hasPending = mine.pendingIsNewer = mine.completionDue = 0;
    emit({transaction.pendingIsNewer != 0
              ? "broker: takes the offset into the group's cache"
              : "broker: drops the offset, the cache has one appended later",
          kNobody, narrow(id), transaction.pending.epoch},
         next, back ? Harm::kInvariant : Harm::kNone, "I1: the marker goes back");
  }

  static void abort(State& next, unsigned id) {
    Transaction& transaction = next.transactions[id];
    if (transaction.state != TxnState::kOngoing) return;
    const auto isOpen = [id](const Appended& appended) {
      return appended.id == id && appended.committed == 0;
    };
    const auto end = next.tail.begin() + next.tailSize;
    const auto kept = std::remove_if(next.tail.begin(), end, isOpen);
    std::fill(kept, end, Appended{});
    next.tailSize = narrow(static_cast<unsigned>(kept - next.tail.begin()));
    // A completion that is due already comes first, and takes what is pending, whosever it is.
    if (transaction.offsetsAdded != 0 && transaction.completionDue == 0) transaction = {};
    transaction.state = TxnState::kEmpty;
    transaction.offsetsAdded = 0;
  }

  /// Aborts what is open and gives the id a new producer epoch.
  static void fence(State& next, unsigned id) {
    abort(next, id);
    for (Instance& instance : next.instances) instance.handles[id].isCurrent = 0;
    if (next.delayed.id == id && next.delayed.request != Request::kInitialise) next.delayed = {};
  }

  // ---- faults ----

  void faults() {
    for (unsigned who = 0; who < 2; ++who) {
      crash(who);
      fail(who);
      for (unsigned id = 0; id < bounds_.producers; ++id) loseAnswer(who, id);
    }
    for (unsigned id = 0; id < bounds_.producers; ++id) timeOut(id);
    touchMarker();
    startSecond();
  }

  bool isUp(unsigned who) const {
    return now_.instances[who].phase == Phase::kOpening ||
           now_.instances[who].phase == Phase::kRunning;
  }

  void crash(unsigned who) {
    if (now_.crashes == 0 || !isUp(who)) return;
    std::vector<Directory> images;
    imagesOf(now_.instances[who].directory, images);
    for (const Directory& image : images) {
      for (unsigned late = 0; late <= bounds_.producers; ++late) {
        State next = now_;
        if (!abandonRequests(next, who, late)) continue;
        --next.crashes;
        next.instances[who] = {};
        next.instances[who].phase = Phase::kDown;
        next.instances[who].directory = image;
        emit({"FAULT: crashes", narrow(who), kNobody, lastSealed(image), true}, next);
      }
    }
  }

  /// What a crash may leave of a directory: any prefix of what is not synced, and of the base a
  /// prefix of its batches; without C7 any set of them.
  void imagesOf(const Directory& directory, std::vector<Directory>& images) const {
    const unsigned batches = directory.base - directory.baseSynced;
    for (unsigned kept = directory.synced; kept <= directory.sealed; ++kept) {
      for (unsigned set = 0; set < (1U << batches); ++set) {
        const bool prefix = (set & (set + 1)) == 0;
        if (!prefix && rules_(Rule::kC7)) continue;
        Directory image = directory;
        image.base = directory.baseSynced;
        image.baseRecords = directory.baseRecordsSynced;
        for (unsigned batch = 0; batch < batches; ++batch) {
          if ((set >> batch & 1U) != 0) apply(image, directory.baseSynced + batch + 1U);
        }
        image.baseSynced = image.base;
        image.baseRecordsSynced = image.baseRecords;
        cutAfter(image, directory.released.epoch + kept);
        image.synced = image.sealed;
        images.push_back(image);
        images.back().acknowledged = directory.acknowledgedSynced;
        if (directory.acknowledged == directory.acknowledgedSynced || !rules_(Rule::kAckInLog))
          continue;
        image.acknowledgedSynced = directory.acknowledged;
        images.push_back(image);
      }
    }
  }

  void fail(unsigned who) {
    if (now_.failures == 0 || !isUp(who)) return;
    const std::size_t first = out_.size();
    fallBack(who, {"FAULT: fails in process, recovers", narrow(who), kNobody, kNobody, true});
    for (std::size_t at = first; at < out_.size(); ++at) --out_[at].state.failures;
  }

  /// A request goes unanswered: it was lost, or its answer was, or it is delayed. The client sends
  /// it again.
  void loseAnswer(unsigned who, unsigned id) {
    const Handle& handle = now_.instances[who].handles[id];
    if (now_.unanswered == 0 || handle.request == Request::kNone) return;
    const bool served = handle.answer != Answer::kUnderWay;
    for (const bool late : {false, true}) {
      State next = now_;
      if (late && (served || !delay(next, who, id))) continue;
      --next.unanswered;
      Handle& mine = next.instances[who].handles[id];
      const bool doubt = (handle.request == Request::kEndTxn && rules_(Rule::kC5EndTxn)) ||
                         (handle.request == Request::kOffsets && rules_(Rule::kC5Offsets));
      mine.inDoubt = narrow(mine.inDoubt | (doubt ? 1U : 0U));
      mine.request = Request::kNone;
      mine.answer = Answer::kUnderWay;
      emit({late     ? "FAULT: gets no answer, the request is delayed"
            : served ? "FAULT: gets no answer, though the request was served"
                     : "FAULT: gets no answer, the request is lost",
            narrow(who), narrow(id), kNobody, true},
           next);
    }
  }

  void timeOut(unsigned id) {
    if (now_.timeOuts == 0 || now_.transactions[id].state != TxnState::kOngoing) return;
    State next = now_;
    --next.timeOuts;
    fence(next, id);
    emit({"FAULT: the broker aborts a transaction by time-out", kNobody, narrow(id), kNobody, true},
         next);
  }

  void touchMarker() {
    if (now_.hasMarker == 0) return;
    if (now_.missing > 0) {
      State next = now_;
      --next.missing;
      next.marker = {};
      next.hasMarker = 0;
      for (Transaction& transaction : next.transactions)
        transaction.pendingIsNewer = transaction.hasPending;
      emit({"FAULT: the marker vanishes", kNobody, kNobody, kNobody, true}, next);
    }
    if (now_.resets > 0) {
      State next = now_;
      --next.resets;
      next.marker = {narrow(now_.marker.epoch - 1U), kForeign, 0};
      emit({"FAULT: somebody resets the group's offset", kNobody, kNobody, next.marker.epoch, true},
           next);
    }
    const bool seen = now_.previous.epoch < now_.instances[0].directory.acknowledgedSynced;
    if (now_.rewinds > 0 && now_.previous.epoch > 0 && (seen || bounds_.rewindsUnseen)) {
      State next = now_;
      --next.rewinds;
      next.marker = now_.previous;
      emit({"FAULT: the broker loses the last marker", kNobody, kNobody, next.marker.epoch, true},
           next);
    }
  }

  bool markerWasTouched(const State& state) const {
    return state.missing < bounds_.missing || state.resets < bounds_.resets ||
           state.rewinds < bounds_.rewinds;
  }

  /// Another machine has a copy of the directory and takes the first instance for dead, rightly or
  /// not.
  void startSecond() {
    if (now_.secondInstance == 0 || now_.committed.epoch < bounds_.secondFrom) return;
    if (now_.instances[0].phase == Phase::kStopped) return;
    std::vector<Directory> images;
    imagesOf(now_.instances[0].directory, images);
    for (const Directory& image : images) {
      State next = now_;
      next.secondInstance = 0;
      next.instances[1].phase = Phase::kOpening;
      next.instances[1].directory = image;
      emit({"FAULT: a second instance starts on a copy", 1, kNobody, lastSealed(image), true},
           next);
    }
  }

  // ---- what is seen from outside ----

  void emit(const Step& step, State& next, Harm harm = Harm::kNone, const char* why = "") {
    if (harm == Harm::kInvariant && !rules_.isWhole()) harm = Harm::kNone;
    if (harm == Harm::kNone) why = "";
    Successor successor{next, step, harm, why};
    if (harm == Harm::kNone) readOn(successor);
    if (harm == Harm::kNone && successor.harm == Harm::kNone) checkLoss(successor);
    out_.push_back(successor);
  }

  /// A read_committed reader reads on: up to the first output whose transaction is undecided.
  void readOn(Successor& successor) const {
    State& next = successor.state;
    while (next.tailSize > 0 && next.tail[0].committed != 0) {
      const Appended first = next.tail[0];
      std::rotate(next.tail.begin(), next.tail.begin() + 1, next.tail.end());
      next.tail.back() = {};
      --next.tailSize;
      if (first.from < next.readable) {
        successor.harm = Harm::kDuplicate;
        successor.why = "a reader reads a result twice";
        return;
      }
      if (first.from > next.readable) {
        bool follows = false;
        for (unsigned at = 0; at < next.tailSize; ++at)
          follows = follows || next.tail[at].from == next.readable;
        successor.harm = follows ? Harm::kOrder : Harm::kLoss;
        successor.why = follows ? "a reader reads a result before an earlier one of its key"
                                : "a result is missing";
        return;
      }
      next.readable = first.to;
    }
  }

  void checkLoss(Successor& successor) const {
    const State& next = successor.state;
    for (const Transaction& transaction : next.transactions) {
      if (transaction.state != TxnState::kEmpty) return;
    }
    if (next.tailSize > 0 || next.committed.position <= next.readable) return;
    successor.harm = Harm::kLoss;
    successor.why = "the marker covers a result that nobody can read";
  }

  const Rules& rules_;
  const Bounds& bounds_;
  const State& now_;
  std::vector<Successor>& out_;
};

}  // namespace

State firstState(const Bounds& bounds) {
  State state;
  state.instances[0].phase = Phase::kDown;
  state.crashes = narrow(bounds.crashes);
  state.failures = narrow(bounds.failures);
  state.unanswered = narrow(bounds.unanswered);
  state.timeOuts = narrow(bounds.timeOuts);
  state.missing = narrow(bounds.missing);
  state.resets = narrow(bounds.resets);
  state.rewinds = narrow(bounds.rewinds);
  state.secondInstance = narrow(bounds.secondInstance ? 1 : 0);
  state.duels = narrow(bounds.secondInstance ? bounds.duels : 0);
  return state;
}

void expand(const Rules& rules, const Bounds& bounds, const State& now,
            std::vector<Successor>& out) {
  out.clear();
  Expansion(rules, bounds, now, out).run();
}

bool isFinished(const Bounds& bounds, const State& state) {
  return std::any_of(state.instances.begin(), state.instances.end(), [&](const Instance& instance) {
    return instance.phase == Phase::kRunning && instance.idled != 0 &&
           instance.verified + 1 == instance.next && state.readable == bounds.records;
  });
}

bool hasStopped(const State& state) {
  return std::any_of(state.instances.begin(), state.instances.end(),
                     [](const Instance& instance) { return instance.phase == Phase::kStopped; });
}

bool isRightlyStopped(const Bounds& bounds, const State& state) {
  const bool touched = state.missing < bounds.missing || state.resets < bounds.resets ||
                       state.rewinds < bounds.rewinds;
  return touched &&
         std::all_of(state.instances.begin(), state.instances.end(), [](const Instance& instance) {
           return instance.phase == Phase::kStopped || instance.phase == Phase::kAbsent;
         });
}

std::string describe(const Step& step, const State& after) {
  std::string line = step.instance == kNobody ? "" : step.instance == 0 ? "A " : "B ";
  line += step.what;
  std::string about;
  if (step.epoch != kNobody) about += "epoch " + std::to_string(step.epoch);
  if (step.id != kNobody)
    about += std::string(about.empty() ? "" : ", ") + "P" + std::to_string(step.id);
  if (!about.empty()) line += " (" + about + ")";
  if (line.size() < 84) line.resize(84, ' ');
  line += " | read " + std::to_string(after.readable) + ", marker " +
          (after.hasMarker != 0 ? std::to_string(after.marker.epoch) : std::string("none"));
  return line;
}

}  // namespace millrace::model
