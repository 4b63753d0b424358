#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the same work in Millrace and in its peers: ./dev bench peers [--short|--full|--tiny] [--only NAME...].

Each run is a process of its own, pinned to the same processors, in turn: Millrace, the loop by hand where there is
one, Apache Flink; who begins changes by the round. The first third of the records warms up and does not count. All
have to find the same results, or
the benchmark fails. Prints a table, writes JSON and plots; `--doc` writes the section of docs/benchmarks.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "tests/kafka")]
from run import ROOT, Bench, Failed, first_line, machine  # noqa: E402  bench/run.py
import plots  # noqa: E402
import tables  # noqa: E402
from copies import PARTITIONS, Copies, move  # noqa: E402
from broker import Broker  # noqa: E402  tests/kafka
from contenders import COLLECTOR, Contender, Peers, digest_of, measured, pinned, shown  # noqa: E402
from results import Results  # noqa: E402

# Records and rounds. A record costs Flink 1 to 10 microseconds, so even its warming up takes seconds. `state` has the
# changes of each contender: as many as take it some seconds, or it would see no checkpoint but the last.
SIZES = {
    "tiny": dict(rounds=1, events=20_000, keys=100, keyed=200_000, many=300_000, sliding=10_000, session=50_000,
                 state=(10_000, (100_000,) * 3), cold=(10_000, 50_000, 64), copied=20_000, nexmark=50_000,
                 recovered=400_000, latency=(1_000, 3), idle_s=1, heap_mb=512, budget_mib=64),
    "short": dict(rounds=3, events=2_000_000, keys=10_000, keyed=5_000_000, many=5_000_000, sliding=1_800_000,
                  session=3_000_000, state=(1_000_000, (100_000_000, 2_000_000, 16_000_000)),
                  cold=(4_000_000, 1_000_000, 24), copied=1_500_000, nexmark=2_000_000, recovered=3_000_000,
                  latency=(10_000, 10), idle_s=3, heap_mb=2048, budget_mib=1024),
    "full": dict(rounds=5, events=10_000_000, keys=10_000, keyed=60_000_000, many=40_000_000, sliding=3_000_000,
                 session=20_000_000, state=(1_000_000, (150_000_000, 8_000_000, 30_000_000)),
                 cold=(40_000_000, 4_000_000, 256), copied=6_000_000, nexmark=20_000_000, recovered=10_000_000,
                 latency=(10_000, 60), idle_s=10, heap_mb=4096, budget_mib=1024),
}
WINDOW_MS, GAP_MS, OUT_OF_ORDER_MS = 60_000, 120_000, 5_000
LATE_MS = 10_000
INTERVAL_MS = 100  # of transactions
SECOND_MS = 1000   # the interval of checkpoints where nobody waits for them
INTERVALS_MS = (10, 100, 1000)
FEW_RECORDS = 1000  # which come at once, so that a start is what is timed
FEW_CHANGES = 100_000
LEAST_CHECKPOINTS = 5


class PeerBench(Bench):
    """A bench whose contests are between processes."""

    def __init__(self, build, size, cpus, peers, scratch, watermark_ms=None):
        super().__init__(build, size)
        self.cpus = cpus
        self.machine_cpus = sorted(os.sched_getaffinity(0))
        self.peers = peers  # None: the native side alone
        self.scratch = pathlib.Path(scratch)
        self.more = ["--watermark-ms", watermark_ms] if watermark_ms else []
        self.facts = {}
        self.complaints = []  # about figures that stand, but do not say what they should
        self.known = json.loads((HERE / "tiny.json").read_text()) if self.isTiny else {}

    @property
    def isTiny(self):
        return self.size is SIZES["tiny"]

    def native(self, label, kind, program, *arguments, **how):
        return Contender(label, kind, pinned(self.command(program, *arguments, "--contender", kind), self.cpus), **how)

    def flink(self, label, *arguments, isTouched=True, **how):
        if self.peers is None:
            return None
        command = self.peers.flink(self.size["heap_mb"], *arguments, *self.more, isTouched=isTouched)
        return Contender(label, "peer", pinned(command, self.cpus), **how)

    def streams(self, label, *arguments, isTouched=True):
        if self.peers is None:
            return None
        command = self.peers.streams(self.size["heap_mb"], *arguments, isTouched=isTouched)
        return Contender(label, "peer", pinned(command, self.cpus))

    def contest(self, name, records, contenders, target=None, run=measured, measure="rate", limit=None, wanted=None):
        """Runs all of them in turn, round by round, each round begun by the next, and adds a row: see tables.py for
        `measure` and `limit`. `wanted`: the rows and the digest to be found; without it, what the first finds."""
        contenders = [each for each in contenders if each is not None]
        rounds = {each.label: [] for each in contenders}
        wanted = {records: wanted or self.known_outcome(name)}
        for number in range(self.size["rounds"]):
            first = number % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                load = os.getloadavg()[0]
                figures = run(contender, self.scratch)
                compare(contender, wanted, contender.records or records, figures)
                rounds[contender.label].append(dict(figures, load=load))
        self.rows.append(dict(
            name=name, records=records, target=None if self.isTiny else target, measure=measure, limit=limit,
            contenders=[dict(label=each.label, kind=each.kind, scales=each.scales, isHeld=each.isHeld,
                             records=each.records or records, command=each.command, rounds=rounds[each.label])
                        for each in contenders]))
        return self.rows[-1]

    def agree(self, records, contenders):
        """Runs each of them once, to hold their results against each other."""
        wanted = {}
        for contender in contenders:
            if contender is not None:
                compare(contender, wanted, records, measured(contender, self.scratch))

    def known_outcome(self, name):
        if name not in self.known:
            return None
        rows, digest = self.known[name]
        return dict(rows=rows, digest=digest)


def compare(contender, wanted, records, found):
    """Holds it against what is wanted of so many records; where nothing is yet, it is this."""
    if wanted.get(records) is None:
        wanted[records] = dict(rows=found["rows"], digest=found["digest"])
    rows, digest = wanted[records]["rows"], wanted[records]["digest"]
    if found["rows"] != rows or (contender.hasDigest and found["digest"] != digest):
        raise Failed(f"{contender.label} found {found['rows']} rows ({found['digest']}) instead of {rows} ({digest}): "
                     f"{shown(contender.command)}")


def read_through(path):
    """Brings a file into the page cache."""
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def event_job(bench, job, name, hand=False, target=None):
    """One of the example jobs over a file of events, which lies in the page cache; rows of text into a directory."""
    records = bench.size["events"]
    path, expected = bench.events(records)
    read_through(path)
    wanted = digest_of([expected]) if job == "event_count" else None  # the producer has counted
    job = ["--job", job, "--file", path, "--records", records, "--window-ms", WINDOW_MS, "--gap-ms", GAP_MS,
           "--out-of-orderness-ms", OUT_OF_ORDER_MS]
    bench.contest(name, records, [
        bench.native("Millrace", "millrace", "bench_peer_events", *job, hasRows=True),
        bench.native("loop by hand", "hand", "bench_peer_events", *job, hasDigest=False) if hand else None,
        bench.flink("Flink", *job, hasRows=True),
        bench.flink("Flink, no shuffle", *job, "--shuffle", "none", hasRows=True),
    ], target, wanted=wanted)


def event_count(bench):
    """JSON to count per type and window."""
    event_job(bench, "event_count", "JSON to count per type and window", hand=True, target=(">=", 4.0))


def revenue(bench):
    """JSON to revenue per currency and window, with the five best products."""
    event_job(bench, "revenue", "JSON to revenue per currency and window")


def sessions(bench):
    """JSON to a row for each session of 100,000 users."""
    event_job(bench, "sessions", "JSON to sessions per user")


def keyed(bench, name, job, arguments, records, *, isInOrder=True, sql=None, unshuffled=True, target=None):
    """Typed records, made as they are read, counted per key and window."""
    job = ["--job", job, "--records", records, *arguments]
    bench.contest(name, records, [
        bench.native("Millrace", "millrace", "bench_peer_keyed", *job),
        bench.native("loop by hand", "hand", "bench_peer_keyed", *job) if isInOrder else None,
        bench.flink("Flink", *job),
        bench.flink("Flink, no shuffle", *job, "--shuffle", "none") if unshuffled else None,
        bench.flink("Flink SQL", "--job", sql, *job[2:], isHeld=False) if sql else None,
    ], target)


def tumbling(bench):
    """Typed tumbling counts of 10,000 and 1,000,000 keys."""
    for keys, per_second, records in ((10_000, 50_000, bench.size["keyed"]), (1_000_000, 83_333, bench.size["many"])):
        arguments = ["--keys", keys, "--per-second", per_second, "--size-ms", WINDOW_MS]
        keyed(bench, f"tumbling count of 60 s, {keys:,} keys", "tumbling", arguments, records, sql="sql_tumbling",
              target=(">=", 8.0))


def sliding(bench):
    """Typed sliding counts, in order and not."""
    for disorder, how in ((0, "in order"), (LATE_MS, f"one in ten up to {LATE_MS // 1000} s late")):
        keys = bench.size["keys"]
        arguments = ["--keys", keys, "--per-second", keys, "--size-ms", 60_000, "--slide-ms", 1_000,
                     "--disorder-ms", disorder]
        keyed(bench, f"sliding count of 60 s by 1 s, {keys:,} keys, {how}", "sliding", arguments, bench.size["sliding"],
              isInOrder=disorder == 0, sql="sql_sliding", unshuffled=disorder == 0, target=(">=", 30.0))


def session(bench):
    """Typed session counts."""
    keys = bench.size["keys"]
    arguments = ["--keys", keys, "--per-second", keys, "--size-ms", 3_000]
    keyed(bench, f"session count with a gap of 3 s, {keys:,} keys", "session", arguments, bench.size["session"],
          target=(">=", 8.0))


def counters(bench, keys, changes, skew, budget_mib, hasHeap):
    """Who counts changes, so many of them each: Millrace, Flink over RocksDB, Flink on the heap."""
    def job(number):
        return ["--keys", keys, "--records", keys + number, "--warm-up", keys + number // 3, "--skew", skew,
                "--interval-ms", SECOND_MS, "--budget-mib", budget_mib]

    def how(number):
        return dict(hasDirectory=True, records=keys + number)
    ours, rocksdb, heap = changes
    return [
        bench.native("Millrace, RocksDB", "millrace", "bench_peer_state", *job(ours), "--store", "rocksdb",
                     **how(ours)),
        bench.flink("Flink, RocksDB", "--job", "state", *job(rocksdb), "--store", "rocksdb", **how(rocksdb)),
        bench.flink("Flink, RocksDB, no shuffle", "--job", "state", *job(rocksdb), "--store", "rocksdb",
                    "--shuffle", "none", **how(rocksdb)) if hasHeap else None,
        # It keeps all in the heap, so that no target speaks of it; but its users have the choice.
        bench.flink("Flink, heap", "--job", "state", *job(heap), "--store", "hashmap", isHeld=False,
                    **how(heap)) if hasHeap else None,
    ]


def durable(bench, name, keys, changes, skew, budget_mib, target=None, hasHeap=True):
    """A counter a key that outlives a crash, a checkpoint each second. Making the keys does not count."""
    if len(set(changes)) > 1:  # then what they find is compared beforehand
        bench.agree(keys + FEW_CHANGES, counters(bench, keys, (FEW_CHANGES,) * 3, skew, budget_mib, hasHeap))
    row = bench.contest(name, keys + changes[0], counters(bench, keys, changes, skew, budget_mib, hasHeap),
                        target=target)
    for contender in row["contenders"]:
        seen = statistics.median(each["checkpoints"] for each in contender["rounds"])
        contender["checkpoints"] = seen
        if seen < LEAST_CHECKPOINTS and not bench.isTiny:
            bench.complaints.append(f"{name}: {contender['label']} took {seen:g} checkpoints in the time that counts, "
                                    f"{LEAST_CHECKPOINTS} are wanted")


def state(bench):
    """Durable state that fits into memory, keys by Zipf."""
    keys, changes = bench.size["state"]
    durable(bench, f"durable counter, {keys:,} keys by Zipf 0.99, checkpoints each second", keys, changes, 99,
            bench.size["budget_mib"], target=(">=", 20.0))


def cold_state(bench):
    """Durable state of several times the memory."""
    keys, changes, budget_mib = bench.size["cold"]
    durable(bench, f"durable counter, {keys:,} keys by Zipf 0.50, memory of {budget_mib} MiB", keys, (changes,) * 3, 50,
            budget_mib, hasHeap=False)


QUERIES = {"q0": "all bids", "q1": "prices in euros", "q2": "bids of some auctions", "q5": "hottest auctions",
           "q7": "highest bids", "q8": "new sellers", "q11": "bids per session",
           "q12": "bids per ten seconds of the clock", "q14": "a calculation and a filter", "q22": "parts of addresses"}
KEYED_QUERIES = {"q5", "q7", "q8", "q11", "q12"}


def nexmark(bench):
    """Queries of the Nexmark benchmark over its generator's events."""
    records = bench.size["nexmark"]
    for query, what in QUERIES.items():
        job = ["--job", query, "--records", records, "--per-second", records // 100]
        bench.contest(f"Nexmark {query}, {what}", records, [
            bench.native("Millrace", "millrace", "bench_peer_nexmark", *job),
            bench.flink("Flink", *job),
            bench.flink("Flink, no shuffle", *job, "--shuffle", "none") if query in KEYED_QUERIES else None,
        ])


def yahoo(bench):
    """The core of the Yahoo Streaming Benchmark."""
    records = bench.size["events"]
    path = bench.data / f"ads-{records}.ndjson"
    if not path.exists():
        subprocess.run(bench.command("bench_peer_yahoo", "--job", "make", "--records", records, "--per-second",
                                     records // 200, "--file", f"{path}.part"), check=True)
        os.replace(f"{path}.part", path)
    read_through(path)
    job = ["--file", path, "--records", records]
    bench.contest("Yahoo Streaming Benchmark, JSON to views per campaign", records, [
        bench.native("Millrace", "millrace", "bench_peer_yahoo", "--job", "count", *job, hasRows=True),
        bench.flink("Flink", "--job", "yahoo", *job, hasRows=True),
        bench.flink("Flink, no shuffle", "--job", "yahoo", *job, "--shuffle", "none", hasRows=True),
    ])


def scaling(bench):
    """One worker and two, on all processors."""
    everything = bench.cpus if len(bench.cpus) > 1 else bench.machine_cpus
    if len(everything) < 2:
        return  # there is nothing to scale to
    records = bench.size["events"]
    path, expected = bench.events(records)
    read_through(path)
    job = ["--job", "event_count", "--file", path, "--records", records, "--window-ms", WINDOW_MS, "--gap-ms", GAP_MS,
           "--out-of-orderness-ms", OUT_OF_ORDER_MS]
    before, bench.cpus = bench.cpus, everything
    contenders = [
        bench.native("Millrace, 1 worker", "millrace", "bench_peer_events", *job, hasRows=True),
        bench.native("Millrace, 2 workers", "millrace", "bench_peer_events", *job, "--workers", 2, hasRows=True,
                     scales="Millrace, 1 worker"),
        bench.flink("Flink, 1 slot", *job, hasRows=True),
        bench.flink("Flink, 2 slots", *job, "--parallelism", 2, hasRows=True, scales="Flink, 1 slot"),
    ]
    bench.cpus = before
    bench.contest("JSON to count per type and window, on two processors", records, contenders,
                  wanted=digest_of([expected]))


def broker_cpus(bench):
    """A processor of its own where there is one left."""
    return set(bench.machine_cpus) - set(bench.cpus) or set(bench.machine_cpus)


@contextlib.contextmanager
def brokered(bench, records):
    """Copies of a topic of events, beside a broker that keeps to its processors."""
    with Broker(compilers="best", heap_mb=1024) as broker:
        move(broker.pid, broker_cpus(bench))
        producer = bench.command("event_producer", "--count", records, "--users", 100_000, "--seed", 1,
                                 "--event-interval", "1ms", "-b", broker.bootstrap, "--no-progress", "--log-level",
                                 "warn")
        bench.facts["broker"] = broker.state["release"]
        yield Copies(broker, records, producer,
                     bench.command("bench_peer_kafka", "--job", "digest", "--bootstrap", broker.bootstrap))


@contextlib.contextmanager
def aside(cpus):
    """This program looks at a copy each few milliseconds: not on the processor of who copies."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def copiers(bench, copies, guarantee, interval_ms, hand=False, isTouched=True):
    """Who copies: the same in all contests beside a broker."""
    job = ["--job", "copy", "--bootstrap", copies.broker.bootstrap, "--guarantee", guarantee]
    each = ["--interval-ms", interval_ms]
    return [
        bench.native("Millrace", "millrace", "bench_peer_kafka", *job, *each, "--until", "killed"),
        bench.native("loop by hand", "hand", "bench_peer_kafka", *job) if hand else None,
        bench.flink("Flink", *job, *each, isTouched=isTouched),
        bench.streams("Kafka Streams", *job, *each, isTouched=isTouched),
    ]


def kafka(bench):
    """A topic copied to another, at least once and exactly once."""
    if bench.peers is None:
        return  # the broker is of Java too
    with brokered(bench, bench.size["copied"]) as copies, aside(broker_cpus(bench)):
        def contest(name, interval_ms, guarantee, **how):
            bench.contest(f"topic to topic, {name}, each {interval_ms:,} ms", copies.records,
                          copiers(bench, copies, guarantee, interval_ms, **how), target=(">=", 3.0),
                          run=copies.measured, measure="processors", wanted=copies.digest(copies.topic))
        contest("at least once", SECOND_MS, "at-least-once", hand=True)
        contest("exactly once", INTERVAL_MS, "exactly-once")
        contest("exactly once", SECOND_MS, "exactly-once")


def start_up(bench):
    """From the start of a process to its first results, and what it uses while there is nothing to do."""
    if bench.peers is None:
        return
    with brokered(bench, FEW_RECORDS) as copies:
        def run(contender, scratch):
            return copies.started_up(contender, scratch, bench.size["idle_s"])
        row = bench.contest(f"start-up: topic to topic, {FEW_RECORDS:,} records from the start of the process",
                            FEW_RECORDS, copiers(bench, copies, "at-least-once", SECOND_MS, isTouched=False), run=run,
                            measure="seconds", wanted=copies.digest(copies.topic))
        bench.rows.append({**row, "name": "idle: the same with nothing left to copy", "measure": "idle"})


def recovery(bench):
    """From the restart after a SIGKILL half way until the copy goes on."""
    if bench.peers is None:
        return
    with brokered(bench, bench.size["recovered"]) as copies:
        bench.contest(f"recovery: topic to topic, exactly once, each {INTERVAL_MS} ms, killed half way", copies.records,
                      copiers(bench, copies, "exactly-once", INTERVAL_MS, isTouched=False), run=copies.recovered,
                      measure="seconds", wanted=copies.digest(copies.topic))


def latency(bench):
    """From when an event is due to when a reader of committed records has it, exactly once."""
    if bench.peers is None:
        return
    rate, seconds = bench.size["latency"]
    for interval in INTERVALS_MS:
        with brokered(bench, FEW_RECORDS) as copies:
            watch = bench.command("bench_kafka_latency", "--job", "external", "--bootstrap", copies.broker.bootstrap,
                                  "--partitions", PARTITIONS, "--rate", rate, "--seconds", seconds,
                                  "--interval-ms", interval)

            def run(contender, scratch):
                return copies.delayed(contender, scratch, watch)
            bench.contest(f"topic to topic, exactly once, each {interval} ms, {rate:,} events/s: 99th percentile",
                          rate * seconds, copiers(bench, copies, "exactly-once", interval), run=run,
                          measure="latency", limit=0.99 * interval)


SECTIONS = [event_count, revenue, sessions, tumbling, sliding, session, state, cold_state, nexmark, yahoo, scaling,
            kafka, start_up, recovery, latency]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench peers", description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench",
                        help="the build directory [default: build/bench]")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="three rounds of smaller inputs [default]")
    form.add_argument("--full", action="store_true", help="five rounds, larger inputs")
    form.add_argument("--tiny", action="store_true", help="only prove that all of it works and that outputs agree")
    parser.add_argument("--rounds", type=int, help="how often each of them runs")
    parser.add_argument("--cpus", default=str(max(os.sched_getaffinity(0))),
                        help="the processor of all who take part; several: for scaling alone [default: the last]")
    parser.add_argument("--watermark-ms", type=int, help="from one of Flink's watermarks to the next [default: 200]")
    parser.add_argument("--native", action="store_true", help="Millrace and the loops by hand alone: needs no Java")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], choices=[each.__name__ for each in SECTIONS],
                        help="these alone; the others' results stay: " + ", ".join(each.__name__ for each in SECTIONS))
    parser.add_argument("--doc", action="store_true", help="run nothing; write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    arguments.cpus = sorted(map(int, arguments.cpus.split(",")))
    if len(arguments.cpus) > 1 and arguments.only != ["scaling"]:
        parser.error("--cpus: with several processors Flink's threads would run side by side beside one worker of "
                     "Millrace's. Only --only scaling gives both as many workers as processors.")
    return arguments


def facts_of(build, peers, arguments, size):
    """What the figures of this run depend on."""
    facts = {**machine(build), "form": form_of(arguments), "rounds": size["rounds"], "cpus": arguments.cpus,
             "heap_mb": size["heap_mb"], "budget_mib": size["budget_mib"],
             "watermark_ms": arguments.watermark_ms or 200}
    if peers is not None:
        facts.update(flink=peers.version("flink-streaming-java"), streams=peers.version("kafka-streams", "streams"),
                     connector=peers.version("flink-connector-kafka"), flink_clients=peers.version("kafka-clients"),
                     streams_clients=peers.version("kafka-clients", "streams"),
                     jackson=peers.version("jackson-core"), frocksdb=peers.version("frocksdbjni"),
                     collector=COLLECTOR, java=first_line("java", "-Xshare:off", "--version"))
    return facts


def form_of(arguments):
    return "full" if arguments.full else "tiny" if arguments.tiny else "short"


def results_of(arguments):
    """Forms that say nothing of the machine, or lack the peers, have files of their own."""
    form = "-tiny" if arguments.tiny else ""
    return Results(arguments.build.resolve() / f"results-peers{form}{'-native' if arguments.native else ''}.json",
                   [each.__name__ for each in SECTIONS])


def run_sections(bench, wanted, results):
    """Runs what is wanted, and keeps what it finds whatever comes between; gives the failures."""
    failures = []
    for section in SECTIONS:
        if wanted and section.__name__ not in wanted:
            continue
        print(f"running {section.__name__} ...", file=sys.stderr, flush=True)
        bench.rows, bench.complaints, failure = [], [], None
        try:
            section(bench)
        except Failed as error:
            failure = str(error)
        except Exception as error:  # the others' hours must not be lost to whatever it is
            failure = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        except BaseException:
            failure = "interrupted"
            raise
        finally:
            results.add(section.__name__, dict(bench.facts), bench.rows, failure)
        failures += [f"{section.__name__}: {each}" for each in (failure, *bench.complaints) if each]
    return failures


def run_all(arguments, results):
    build = arguments.build.resolve()
    size = SIZES[form_of(arguments)]
    if arguments.rounds:
        size["rounds"] = arguments.rounds
    peers = None if arguments.native else Peers(build / "peers")
    (build / "bench-data").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peers-", dir=build / "bench-data", ignore_cleanup_errors=True) as scratch:
        bench = PeerBench(build, size, arguments.cpus, peers, scratch, arguments.watermark_ms)
        bench.facts = facts_of(build, peers, arguments, size)
        return run_sections(bench, arguments.only, results)


def main():
    arguments = parse_arguments()
    results = results_of(arguments)
    if arguments.doc:
        tables.write_section(results, ROOT / "docs/benchmarks.md")
        plots.write_all(results.rows(), ROOT / "docs")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all is put away
    failures = run_all(arguments, results)
    print(tables.table(results.rows()))
    for plot in plots.write_all(results.rows(), results.path.parent):
        print(plot, file=sys.stderr)
    print(results.path, file=sys.stderr)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
