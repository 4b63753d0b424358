#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the same work in Millrace and in its peers: ./dev bench peers [--short|--full|--tiny] [--only NAME...].

Each run is a process of its own, pinned to the same processors, in turn: Millrace, the loop by hand where there is
one, Apache Flink. The first third of the records warms up and does not count. All have to find the same results, or
the benchmark fails. Prints a table, writes JSON and plots; `--doc` writes the section of docs/benchmarks.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "tests/kafka")]
from run import ROOT, Bench, Failed, first_line, machine, run_sections  # noqa: E402  bench/run.py
import plots  # noqa: E402
import tables  # noqa: E402
from copies import PARTITIONS, Copies, move  # noqa: E402
from broker import Broker  # noqa: E402  tests/kafka
from contenders import COLLECTOR, Contender, Peers, measured, pinned  # noqa: E402

# Records and rounds. A record costs Flink 1 to 10 microseconds, so even its warming up takes seconds.
SIZES = {
    "tiny": dict(rounds=1, events=20_000, keys=100, keyed=200_000, many=300_000, sliding=10_000, session=50_000,
                 state=(10_000, 100_000), cold=(10_000, 50_000, 64), copied=20_000, nexmark=50_000, recovered=400_000,
                 latency=(1_000, 3), idle_s=1, heap_mb=512, budget_mib=64),
    "short": dict(rounds=3, events=2_000_000, keys=10_000, keyed=5_000_000, many=5_000_000, sliding=300_000,
                  session=3_000_000, state=(500_000, 1_000_000), cold=(1_000_000, 300_000, 24), copied=1_500_000,
                  nexmark=2_000_000, recovered=3_000_000, latency=(10_000, 10), idle_s=3, heap_mb=2048, budget_mib=1024),
    "full": dict(rounds=5, events=10_000_000, keys=10_000, keyed=60_000_000, many=40_000_000, sliding=2_000_000,
                 session=20_000_000, state=(1_000_000, 8_000_000), cold=(20_000_000, 4_000_000, 256), copied=6_000_000,
                 nexmark=20_000_000, recovered=10_000_000, latency=(10_000, 60), idle_s=10, heap_mb=4096, budget_mib=1024),
}
WINDOW_MS, GAP_MS, OUT_OF_ORDER_MS = 60_000, 120_000, 5_000
LATE_MS = 10_000
INTERVAL_MS = 100  # of transactions
INTERVALS_MS = (10, 100, 1000)
FEW_RECORDS = 1000  # which come at once, so that a start is what is timed


class PeerBench(Bench):
    """A bench whose contests are between processes."""

    def __init__(self, build, size, cpus, peers, scratch):
        super().__init__(build, size)
        self.cpus = cpus
        self.peers = peers  # None: the native side alone
        self.scratch = pathlib.Path(scratch)

    def native(self, label, kind, program, *arguments, **how):
        return Contender(label, kind, pinned(self.command(program, *arguments, "--contender", kind), self.cpus), **how)

    def flink(self, label, *arguments, **how):
        if self.peers is None:
            return None
        return Contender(label, "peer", pinned(self.peers.flink(self.size["heap_mb"], *arguments), self.cpus), **how)

    def streams(self, label, *arguments):
        if self.peers is None:
            return None
        return Contender(label, "peer", pinned(self.peers.streams(self.size["heap_mb"], *arguments), self.cpus))

    def contest(self, name, records, contenders, target=None, run=measured, measure="rate", limit=None):
        """Runs all of them in turn, round by round, and adds a row: see tables.py for `measure` and `limit`."""
        contenders = [each for each in contenders if each is not None]
        rounds = [[] for _ in contenders]
        for _ in range(self.size["rounds"]):
            for contender, figures in zip(contenders, rounds):
                figures.append(run(contender, self.scratch))
                self.compare(contenders, rounds, contender, figures[-1])
        target = None if self.size is SIZES["tiny"] else target
        self.rows.append(dict(name=name, records=records, target=target, measure=measure, limit=limit, contenders=[
            dict(label=each.label, kind=each.kind, scales=each.scales, command=each.command, rounds=figures)
            for each, figures in zip(contenders, rounds)]))
        return self.rows[-1]

    @staticmethod
    def compare(contenders, rounds, contender, found):
        wanted = rounds[0][0]
        isSame = found["digest"] == wanted["digest"] or not contender.hasDigest
        if found["rows"] != wanted["rows"] or not isSame:
            raise Failed(f"{contenders[0].label} found {wanted['rows']} rows ({wanted['digest']}), {contender.label} "
                         f"{found['rows']} ({found['digest']}): {' '.join(contender.command)}")


def read_through(path):
    """Brings a file into the page cache."""
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def event_job(bench, job, name, hand=False, target=None):
    """One of the example jobs over a file of events, which lies in the page cache; rows of text into a directory."""
    records = bench.size["events"]
    path, _ = bench.events(records)
    read_through(path)
    job = ["--job", job, "--file", path, "--records", records, "--window-ms", WINDOW_MS, "--gap-ms", GAP_MS,
           "--out-of-orderness-ms", OUT_OF_ORDER_MS]
    bench.contest(name, records, [
        bench.native("Millrace", "millrace", "bench_peer_events", *job, hasRows=True),
        bench.native("loop by hand", "hand", "bench_peer_events", *job, hasDigest=False) if hand else None,
        bench.flink("Flink", *job, hasRows=True),
        bench.flink("Flink, no shuffle", *job, "--shuffle", "none", hasRows=True),
    ], target)


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
        bench.flink("Flink SQL", "--job", sql, *job[2:]) if sql else None,
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
              isInOrder=disorder == 0, sql="sql_sliding", unshuffled=False, target=(">=", 30.0))


def session(bench):
    """Typed session counts."""
    keys = bench.size["keys"]
    arguments = ["--keys", keys, "--per-second", keys, "--size-ms", 3_000]
    keyed(bench, f"session count with a gap of 3 s, {keys:,} keys", "session", arguments, bench.size["session"],
          target=(">=", 8.0))


def durable(bench, name, keys, changes, skew, budget_mib, target=None, heap=True):
    """A counter a key that outlives a crash, a checkpoint each second."""
    job = ["--keys", keys, "--records", keys + changes, "--skew", skew, "--interval-ms", 1000, "--budget-mib", budget_mib]
    directories = [bench.scratch / each for each in ("millrace", "flink-rocksdb", "flink-hashmap")]
    bench.contest(name, keys + changes, [
        bench.native("Millrace, RocksDB", "millrace", "bench_peer_state", *job, "--store", "rocksdb", "--directory",
                     directories[0]),
        bench.flink("Flink, RocksDB", "--job", "state", *job, "--store", "rocksdb", "--directory", directories[1]),
        bench.flink("Flink, heap", "--job", "state", *job, "--store", "hashmap", "--directory", directories[2]) if heap else None,
    ], target=target)


def state(bench):
    """Durable state that fits into memory, keys by Zipf."""
    keys, changes = bench.size["state"]
    durable(bench, f"durable counter, {keys:,} keys by Zipf 0.99, checkpoints each second", keys, changes, 99,
            bench.size["budget_mib"], target=(">=", 20.0))


def cold_state(bench):
    """Durable state of which a part only fits into memory."""
    keys, changes, budget_mib = bench.size["cold"]
    durable(bench, f"durable counter, {keys:,} keys by Zipf 0.50, memory of {budget_mib} MiB", keys, changes, 50, budget_mib,
            heap=False)


QUERIES = {"q0": "all bids", "q1": "prices in euros", "q2": "bids of some auctions", "q5": "hottest auctions",
           "q7": "highest bids", "q8": "new sellers", "q11": "bids per session", "q12": "bids per ten seconds of the clock",
           "q14": "a calculation and a filter", "q22": "parts of addresses"}


def nexmark(bench):
    """Queries of the Nexmark benchmark over its generator's events."""
    records = bench.size["nexmark"]
    for query, what in QUERIES.items():
        job = ["--job", query, "--records", records, "--per-second", records // 100]
        bench.contest(f"Nexmark {query}, {what}", records, [
            bench.native("Millrace", "millrace", "bench_peer_nexmark", *job),
            bench.flink("Flink", *job),
        ])


def yahoo(bench):
    """The core of the Yahoo Streaming Benchmark."""
    records = bench.size["events"]
    path = bench.data / f"ads-{records}.ndjson"
    if not path.exists():
        subprocess.run(bench.command("bench_peer_yahoo", "--job", "make", "--records", records, "--per-second", records // 200,
                                     "--file", f"{path}.part"), check=True)
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
    everything = sorted(os.sched_getaffinity(0))
    if len(everything) < 2:
        return  # there is nothing to scale to
    records = bench.size["events"]
    path, _ = bench.events(records)
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
    bench.contest("JSON to count per type and window, on two processors", records, contenders)


@contextlib.contextmanager
def brokered(bench, records):
    """Copies of a topic of events, beside a broker with a processor of its own where there is one left."""
    broker_cpus = os.sched_getaffinity(0) - set(bench.cpus) or os.sched_getaffinity(0)
    with Broker(compilers="best", heap_mb=1024) as broker:
        move(broker.pid, broker_cpus)
        producer = bench.command("event_producer", "--count", records, "--users", 100_000, "--seed", 1, "--event-interval",
                                 "1ms", "-b", broker.bootstrap, "--no-progress", "--log-level", "warn")
        yield Copies(broker, records, producer,
                     bench.command("bench_peer_kafka", "--job", "digest", "--bootstrap", broker.bootstrap))


def copiers(bench, copies, guarantee, interval_ms, flink_ms=None, hand=False):
    """Who copies: the same in all contests beside a broker."""
    job = ["--job", "copy", "--bootstrap", copies.broker.bootstrap, "--guarantee", guarantee]
    isExact = guarantee == "exactly-once"
    return [
        bench.native("Millrace", "millrace", "bench_peer_kafka", *job, "--interval-ms", interval_ms, "--until", "killed"),
        bench.native("loop by hand", "hand", "bench_peer_kafka", *job) if hand else None,
        bench.flink("Flink", *job, "--interval-ms", flink_ms or interval_ms),
        # At least once it commits as often as it does by itself, each 30 s.
        bench.streams("Kafka Streams", *job, "--interval-ms", interval_ms if isExact else 0),
    ]


def kafka(bench):
    """A topic copied to another, at least once and exactly once."""
    if bench.peers is None:
        return  # the broker is of Java too
    with brokered(bench, bench.size["copied"]) as copies:
        bench.contest("topic to topic, at least once", copies.records,
                      copiers(bench, copies, "at-least-once", INTERVAL_MS, flink_ms=1000, hand=True), target=(">=", 3.0),
                      run=copies.measured, measure="processors")
        bench.contest(f"topic to topic, exactly once, each {INTERVAL_MS} ms", copies.records,
                      copiers(bench, copies, "exactly-once", INTERVAL_MS), target=(">=", 3.0), run=copies.measured,
                      measure="processors")


def start_up(bench):
    """From the start of a process to its first results, and what it uses while there is nothing to do."""
    if bench.peers is None:
        return
    with brokered(bench, FEW_RECORDS) as copies:
        def run(contender, scratch):
            return copies.started_up(contender, scratch, bench.size["idle_s"])
        row = bench.contest(f"start-up: topic to topic, {FEW_RECORDS:,} records from the start of the process", FEW_RECORDS,
                            copiers(bench, copies, "at-least-once", INTERVAL_MS, flink_ms=1000), run=run, measure="seconds")
        bench.rows.append({**row, "name": "idle: the same with nothing left to copy", "measure": "idle"})


def recovery(bench):
    """From the restart after a SIGKILL half way until the copy goes on."""
    if bench.peers is None:
        return
    with brokered(bench, bench.size["recovered"]) as copies:
        bench.contest(f"recovery: topic to topic, exactly once, each {INTERVAL_MS} ms, killed half way", copies.records,
                      copiers(bench, copies, "exactly-once", INTERVAL_MS), run=copies.recovered, measure="seconds")


def latency(bench):
    """From when an event is due to when a reader of committed records has it, exactly once."""
    if bench.peers is None:
        return
    rate, seconds = bench.size["latency"]
    for interval in INTERVALS_MS:
        with brokered(bench, FEW_RECORDS) as copies:
            watch = bench.command("bench_kafka_latency", "--job", "external", "--bootstrap", copies.broker.bootstrap,
                                  "--partitions", PARTITIONS, "--rate", rate, "--seconds", seconds, "--interval-ms", interval)

            def run(contender, scratch):
                return copies.delayed(contender, scratch, watch)
            bench.contest(f"topic to topic, exactly once, each {interval} ms, {rate:,} events/s: 99th percentile", rate * seconds,
                          copiers(bench, copies, "exactly-once", interval), run=run, measure="latency", limit=0.99 * interval)


SECTIONS = [event_count, revenue, sessions, tumbling, sliding, session, state, cold_state, nexmark, yahoo, scaling, kafka,
            start_up, recovery, latency]


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
                        help="the processors that each may use, as in 0,1 [default: the last one]")
    parser.add_argument("--native", action="store_true", help="Millrace and the loops by hand alone: needs no Java")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], choices=[each.__name__ for each in SECTIONS],
                        help="these alone; the others' results stay: " + ", ".join(each.__name__ for each in SECTIONS))
    parser.add_argument("--doc", action="store_true", help="run nothing; write the section of docs/benchmarks.md")
    return parser.parse_args()


def facts_of(build, peers, cpus):
    facts = {**machine(build), "cpus": cpus}
    if peers is not None:
        facts.update(flink=peers.version("flink-streaming-java"), streams=peers.version("kafka-streams", "streams"),
                     jackson=peers.version("jackson-core"), frocksdb=peers.version("frocksdbjni"),
                     collector=COLLECTOR, java=first_line("java", "-Xshare:off", "--version"))
    return facts


def main():
    arguments = parse_arguments()
    build = arguments.build.resolve()
    form = "full" if arguments.full else "tiny" if arguments.tiny else "short"
    path = build / ("results-peers.json" if form != "tiny" else "results-peers-tiny.json")
    if arguments.doc:
        results = json.loads(path.read_text())
        tables.write_section(results, ROOT / "docs/benchmarks.md")
        plots.write_all(results, ROOT / "docs")
        return 0
    size = SIZES[form]
    if arguments.rounds:
        size["rounds"] = arguments.rounds
    cpus = sorted(map(int, arguments.cpus.split(",")))
    sections = json.loads(path.read_text())["sections"] if arguments.only and path.exists() else {}
    peers = None if arguments.native else Peers(build / "peers")
    (build / "bench-data").mkdir(parents=True, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix="peers-", dir=build / "bench-data")
    try:
        failures = run_sections(PeerBench(build, size, cpus, peers, scratch), arguments.only, sections, SECTIONS)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    ordered = {each.__name__: sections[each.__name__] for each in SECTIONS if each.__name__ in sections}
    results = {"form": form, "rounds": size["rounds"], "heap_mb": size["heap_mb"], "machine": facts_of(build, peers, cpus),
               "sections": ordered}
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(tables.table(results))
    for plot in plots.write_all(results, path.parent):
        print(plot, file=sys.stderr)
    print(path, file=sys.stderr)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
