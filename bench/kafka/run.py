#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks of Kafka: ./dev bench kafka [--only NAME...]. Prints a table, writes JSON.

All of it beside a broker of its own, on 127.0.0.1, on the same processors. Contests run turn by turn; the
figures are medians of rounds after one that warms up. Nothing is asserted but that copies are equal, that no
event is lost or comes twice, and that programs have read what there was.

MILLRACE_RDKAFKA_PERFORMANCE names librdkafka's own performance tool (examples/rdkafka_performance.c of its
sources; Debian does not package it): the two programs are compared with it when it is there.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "tests/kafka")]
import report  # noqa: E402
from broker import Broker  # noqa: E402
from run import ROOT, Bench, Failed, debian_version, machine, run_sections  # noqa: E402  bench/run.py

SIZES = {
    "tiny": dict(events=20_000, rounds=1, rate=2_000, seconds=2, intervals=(50,), latency_rounds=1),
    "short": dict(events=2_000_000, rounds=5, rate=10_000, seconds=30, intervals=(10, 25, 50, 100), latency_rounds=3),
}
PARTITIONS = 4
INTERVAL_MS = 100   # of checkpoints, where it is not what is varied
SLACK_MS = 10       # that the 99th percentile may lie above the interval
JOBS = ("event_count", "revenue", "sessions")
EVENTS = "user-events"


class KafkaBench(Bench):
    """A bench with a broker."""

    def __init__(self, build, size, broker):
        super().__init__(build, size)
        self.tiny = size is SIZES["tiny"]
        self.broker = broker
        self.state = self.data / "kafka-state"
        self.topics = 0

    def row(self, name, **fields):
        if self.tiny:
            fields.pop("target", None)
        self.rows.append(dict(name=name, **fields))

    def run(self, command):
        """Its standard output, wall time and processor time."""
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        elapsed, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}\n{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return done.stdout + done.stderr, elapsed, cpu

    def topic(self):
        """A new one; what was in the last one is not needed any more."""
        if self.topics:
            self.broker.delete_topic(f"topic-{self.topics}")
        self.topics += 1
        self.broker.create_topic(f"topic-{self.topics}", PARTITIONS)
        return f"topic-{self.topics}"

    def produce(self, topic):
        return self.command("event_producer", "--count", self.size["events"], "--users", 100_000, "--seed", 1,
                            "--event-interval", "1ms", "--disorder", "3s", "-b", self.broker.bootstrap, "--topic",
                            topic, "--no-progress", "--log-level", "warn")

    def fill(self):
        """The topic of events that everything reads."""
        if EVENTS not in self.broker.topics():
            self.broker.create_topic(EVENTS, PARTITIONS)
            self.run(self.produce(EVENTS))

    def forget(self, job):
        """What the broker remembers of the job, whose state directory is going to be a new one."""
        topic = f"{job}.ckpt"
        if topic not in self.broker.topics():
            return
        self.broker.delete_topic(topic)
        with self.broker.connection() as connection:
            while connection.committed(f"{job}.eos", topic, 1) != [-1]:
                time.sleep(0.01)  # between two questions

    def cleared(self, directory):
        shutil.rmtree(directory, ignore_errors=True)
        return directory


def pass_through(bench):
    """A topic copied to another, by hand and by two kinds of pipeline."""
    bench.fill()
    found = bench.contest("bench_kafka_pass_through", "--bootstrap", bench.broker.bootstrap, "--topic", EVENTS, "--state",
                          bench.cleared(bench.state), "--interval-ms", INTERVAL_MS)
    processors = {name: [seconds * 1e6 / found["records"] for seconds in times["cpu"]]
                  for name, times in found["runs"].items()}
    for workers in (1, 2):
        pair = [f"{name}-{workers}" for name in ("hand", "at-least-once", "exactly-once")]
        many = f"{workers} worker{'s' if workers > 1 else ''}"
        for (theirs, ours), name, target in ((pair[:2], f"topic to topic, at least once, {many}", (">=", 0.85)),
                                             (pair[1:], f"topic to topic, exactly once each {INTERVAL_MS} ms, {many}", (">=", 0.95))):
            bench.against(found, name, ours, theirs, target=target)
            bench.row("  seconds of the process's processors for a million", unit="s", ours=processors[ours],
                      theirs=processors[theirs], ratio=median_ratio(processors[ours], processors[theirs]), ratioUnit="x",
                      command=found["command"], records=found["records"], against=theirs)


def median_ratio(ours, theirs):
    return sorted(ours)[len(ours) // 2] / sorted(theirs)[len(theirs) // 2]


def latency(bench):
    """From when an event is due to when a reader of committed records has it."""
    for job, text in (("pass", "as it is"), ("count", "counted per user")):
        for interval in bench.size["intervals"]:
            if job == "count" and interval != 50:
                continue
            command = bench.command("bench_kafka_latency", "--bootstrap", bench.broker.bootstrap, "--rate", bench.size["rate"],
                                    "--seconds", bench.size["seconds"], "--interval-ms", interval, "--job", job, "--state",
                                    bench.state, "--partitions", PARTITIONS)
            found = [json.loads(bench.run(command)[0].splitlines()[0]) for _ in range(bench.size["latency_rounds"])]
            name = f"{bench.size['rate']:,} events/s, {text}, committed each {interval} ms: 99th percentile"
            bench.row(name, unit="ms", ours=[each["p99_ms"] for each in found], command=command,
                      target=("<=", min(interval + SLACK_MS, 100)))
            for member, text_of in (("p50_ms", "median"), ("p999_ms", "99.9th percentile"), ("max_ms", "longest")):
                bench.row(f"  {text_of}", unit="ms", ours=[each[member] for each in found], command=command)


def performance_tool():
    return os.environ.get("MILLRACE_RDKAFKA_PERFORMANCE")


def rates(bench, name, ours, theirs, target, share):
    """Rows of a program's rate, and of it as a part of the performance tool's; commands are made anew each round."""
    events, found, cpu = bench.size["events"], {"ours": [], "theirs": []}, {"ours": [], "theirs": []}
    commands = {}
    for round_ in range(bench.size["rounds"] + 1):
        for side, make in (("ours", ours), ("theirs", theirs if performance_tool() else None)):
            if make is None:
                continue
            commands[side] = make()
            said, seconds, processors = bench.run(commands[side])
            check_count(said, events, commands[side])
            if round_ > 0:
                found[side].append(events / seconds / 1e3)
                cpu[side].append(processors * 1e6 / events)
    bench.row(name, unit="k events/s", ours=found["ours"], command=commands["ours"], target=target, records=events)
    if found["theirs"]:
        bench.row("  beside rdkafka_performance", unit="k events/s", ours=found["ours"], theirs=found["theirs"],
                  ratio=median_ratio(found["ours"], found["theirs"]), ratioUnit="%", target=(">=", share),
                  command=commands["theirs"], records=events)
        bench.row("  seconds of processors for a million", unit="s", ours=cpu["ours"], theirs=cpu["theirs"],
                  ratio=median_ratio(cpu["ours"], cpu["theirs"]), ratioUnit="x", command=commands["theirs"])


def check_count(said, events, command):
    counts = re.findall(r"Total Events: (\d+)", said)
    if counts and int(counts[-1]) != events:
        raise Failed(f"{' '.join(command)}: {counts[-1]} events of {events}")


def tool(bench, *arguments, **properties):
    command = [performance_tool(), *map(str, arguments), "-b", bench.broker.bootstrap, "-c", str(bench.size["events"]), "-q"]
    for name, value in properties.items():
        command += ["-X", f"{name.replace('_', '.')}={value}"]
    return command


def producer(bench):
    """event_producer, as fast as it goes, each record acknowledged."""
    rates(bench, "event_producer to a topic", lambda: bench.produce(bench.topic()),
          lambda: tool(bench, "-P", "-t", bench.topic(), "-s", 190, enable_idempotence="true", linger_ms=5, batch_size=1_000_000),
          (">", 50.0), 0.8)


def consumer(bench):
    """event_consumer in a group of its own, from the beginning."""
    bench.fill()
    groups = iter(range(1_000_000))

    def group():
        return f"consumer-{bench.topics}-{next(groups)}"
    rates(bench, "event_consumer of a topic",
          lambda: bench.command("event_consumer", "-b", bench.broker.bootstrap, "--topic", EVENTS, "--group-id", group(),
                                "--max-messages", bench.size["events"], "--kafka", "auto.offset.reset=earliest",
                                "--no-progress", "--log-level", "error"),
          lambda: tool(bench, "-G", group(), "-t", EVENTS, auto_offset_reset="earliest"), (">", 40.0), 0.8)


def jobs(bench):
    """The three programs from topic to topic, exactly once."""
    bench.fill()
    for job in JOBS:
        found = []
        for round_ in range(bench.size["rounds"] + 1):
            summary = bench.data / "kafka-summary.json"
            bench.forget(job)
            command = bench.command(job, "--source", f"kafka:{EVENTS}", "--sink", f"kafka:{bench.topic()}", "-b",
                                    bench.broker.bootstrap, "--bounded", "--workers", 2, "--checkpoint-dir",
                                    bench.cleared(bench.state), "--checkpoint-interval", f"{INTERVAL_MS}ms", "--summary", summary,
                                    "--group-id", f"{job}-{round_}-{bench.topics}", "--no-progress", "--log-level", "error",
                                    "--out-of-orderness", "10s")
            bench.run(command)
            done = json.loads(summary.read_text())
            if done["records_in"] != bench.size["events"] or done["invalid"]:
                raise Failed(f"{' '.join(command)}: {done}")
            if round_ > 0:
                found.append(done["events_per_s"] / 1e3)
        bench.row(f"{job}, topic to topic, exactly once each {INTERVAL_MS} ms, 2 workers", unit="k events/s", ours=found,
                  command=command, target=(">", 100.0), records=bench.size["events"])


SECTIONS = [pass_through, latency, producer, consumer, jobs]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench kafka", description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench",
                        help="the build directory [default: build/bench]")
    parser.add_argument("--tiny", action="store_true", help="only prove that all of it works")
    parser.add_argument("--events", type=int, help="how many events the topic holds [default: 2000000]")
    parser.add_argument("--rounds", type=int, help="of contests and programs [default: 5]")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], choices=[each.__name__ for each in SECTIONS],
                        help="these alone; the others' results stay: " + ", ".join(each.__name__ for each in SECTIONS))
    parser.add_argument("--kafka", choices=("3", "4"), default=None, help="major version of the broker")
    parser.add_argument("--doc", action="store_true", help="run nothing; write the section of docs/benchmarks.md")
    return parser.parse_args()


def sized(arguments):
    size = SIZES["tiny" if arguments.tiny else "short"]
    for name in ("events", "rounds"):
        if getattr(arguments, name):
            size[name] = getattr(arguments, name)
    if arguments.rounds:
        size["latency_rounds"] = min(size["latency_rounds"], arguments.rounds)
    return size


def main():
    arguments = parse_arguments()
    build = arguments.build.resolve()
    path = build / ("results-kafka-tiny.json" if arguments.tiny else "results-kafka.json")
    if arguments.doc:
        report.write_kafka_section(json.loads(path.read_text()), ROOT / "docs/benchmarks.md")
        return 0
    sections = json.loads(path.read_text())["sections"] if arguments.only and path.exists() else {}
    size = sized(arguments)
    (build / "bench-data").mkdir(parents=True, exist_ok=True)
    with Broker(version=arguments.kafka, compilers="best", heap_mb=512 if arguments.tiny else 1024) as broker:
        bench = KafkaBench(build, size, broker)
        failures = run_sections(bench, arguments.only, sections, SECTIONS)
        facts = {**machine(build), "kafka": broker.state["release"], "librdkafka": debian_version("librdkafka1")}
    shutil.rmtree(bench.state, ignore_errors=True)
    ordered = {each.__name__: sections[each.__name__] for each in SECTIONS if each.__name__ in sections}
    results = {"form": "tiny" if arguments.tiny else "short", "rounds": size["rounds"], "events": size["events"],
               "machine": facts, "sections": ordered}
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(report.table(results))
    if not performance_tool():
        print("\nMILLRACE_RDKAFKA_PERFORMANCE is not set: nothing is compared with rdkafka_performance")
    print(f"\n{path}", file=sys.stderr)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
