#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks: ./dev bench [--full] [--only NAME...]. Prints one table, writes JSON.

Every pipeline is timed beside a loop written by hand that does the same work in the same process,
turn by turn; a benchmark fails when the two do not find the same. The figures are medians of five
rounds after one that warms up. Nothing here is asserted but that outputs agree: how fast a machine
is, is for people to judge.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import report

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Records, rounds and files of each form. A full run takes about a quarter of an hour.
SIZES = {
    "tiny": dict(json=20_000, keyed=200_000, many=1_000_000, sliding=200_000, sparse=100_000,
                 rounds=1, hot=(20_000, 50_000, 1), spilled=(20_000, 20_000, 1),
                 steady=(10_000, 5_000, 2), file=50_000, idle=1, starts=3, compiles=0, micro="0.01"),
    "short": dict(json=1_000_000, keyed=20_000_000, many=20_000_000, sliding=20_000_000,
                  sparse=3_000_000, rounds=5, hot=(1_000_000, 3_000_000, 3),
                  spilled=(2_500_000, 1_000_000, 1), steady=(1_000_000, 50_000, 12), file=2_600_000,
                  idle=10, starts=40, compiles=3, micro="0.2"),
    "full": dict(json=4_000_000, keyed=50_000_000, many=50_000_000, sliding=50_000_000,
                 sparse=6_000_000, rounds=5, hot=(10_000_000, 20_000_000, 3),
                 spilled=(25_000_000, 3_000_000, 1), steady=(10_000_000, 200_000, 60), file=10_500_000,
                 large=26_000_000, idle=10, starts=100, compiles=5, micro="0.5"),
}


class Failed(Exception):
    """A benchmark that could not be run, or whose sides disagree."""


class Bench:
    """Where programs and data lie, and what has been found out so far."""

    def __init__(self, build, size):
        self.build = build
        self.bin = build / "bin"
        self.data = build / "bench-data"
        self.size = size
        self.rows = []

    def command(self, program, *arguments):
        return [str(self.bin / program), *map(str, arguments)]

    def row(self, name, **fields):
        """Adds a line of the table: see report.py for the fields."""
        if self.size is SIZES["tiny"]:
            fields.pop("target", None)  # figures of such runs say nothing
        self.rows.append(dict(name=name, **fields))

    def contest(self, program, *arguments, rounds=None):
        """Runs a macro benchmark; gives its line of JSON with medians worked out."""
        command = self.command(program, *arguments, "--rounds", rounds or self.size["rounds"])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}\n{done.stderr}")
        found = json.loads(done.stdout)
        found["command"] = command
        found["nanos"] = {name: [seconds * 1e9 / found["records"] for seconds in times["wall"]]
                          for name, times in found["runs"].items()}
        return found

    def against(self, found, name, ours, theirs, target=None):
        """A row of our throughput as a part of theirs."""
        nanos = found["nanos"]
        ratio = statistics.median(nanos[theirs]) / statistics.median(nanos[ours])
        self.row(name, unit="ns/record", ours=nanos[ours], theirs=nanos[theirs], ratio=ratio,
                 ratioUnit="%", target=target, command=found["command"], records=found["records"],
                 against=theirs)

    def compared(self, found, name, numerator, denominator, target=None):
        """A row of how many times as much time `numerator` takes as `denominator`."""
        nanos = found["nanos"]
        ratio = statistics.median(nanos[numerator]) / statistics.median(nanos[denominator])
        self.row(name, unit="ns/record", ours=nanos[numerator], theirs=nanos[denominator],
                 ratio=ratio, ratioUnit="x", target=target, command=found["command"],
                 records=found["records"], against=denominator)

    def faster(self, found, name, ours, theirs, target=None):
        """A row of how many times as much time `theirs` takes as `ours`."""
        nanos = found["nanos"]
        ratio = statistics.median(nanos[theirs]) / statistics.median(nanos[ours])
        self.row(name, unit="ns/record", ours=nanos[ours], theirs=nanos[theirs], ratio=ratio, ratioUnit="x",
                 target=target, command=found["command"], records=found["records"], against=theirs)

    def events(self, count):
        """A file of events and the file of its true counts, made when they are not there yet."""
        self.data.mkdir(parents=True, exist_ok=True)
        path = self.data / f"events-{count}.ndjson"
        expected = self.data / f"events-{count}.expected"
        if not (path.exists() and expected.exists()):
            part = f"part-{os.getpid()}"  # others may make the same files
            subprocess.run(
                self.command("event_producer", "--count", count, "--users", 100_000, "--seed", 1,
                             "--disorder", "3s", "--event-interval", "1ms", "--sink",
                             f"file:{path}.{part}", "--expected-out", f"{expected}.{part}",
                             "--no-progress"),
                check=True, stderr=subprocess.DEVNULL)
            os.replace(f"{expected}.{part}", expected)
            os.replace(f"{path}.{part}", path)
        return path, expected


def json_count(bench):
    """JSON to count per type and window, from one file in the page cache."""
    path, _ = bench.events(bench.size["json"])
    found = bench.contest("bench_json_count", "--file", path, "--records", bench.size["json"])
    bench.against(found, "JSON to count per type and window, 1 worker", "millrace", "hand",
                  target=(">=", 0.75))
    bench.against(found, "  against a loop that does not check what it skips", "millrace",
                  "hand-lax")
    bench.against(found, "  against one that scans 1 MB at once, lax too", "millrace",
                  "hand-batched")
    bench.compared(found, "JSON to count: 1 worker against 2, one file", "millrace",
                   "millrace-2-workers", target=(">=", 1.7))
    bench.compared(found, "  the same loop by hand on 1 and 2 threads", "hand", "hand-2-threads")


def keyed_count(bench):
    """Typed records counted per key and tumbling window of a minute."""
    for keys, records in ((10_000, bench.size["keyed"]), (1_000_000, bench.size["many"])):
        per_second = 50_000 if keys == 10_000 else 83_333
        found = bench.contest("bench_keyed_count", "--keys", keys, "--records", records,
                              "--per-second", per_second)
        name = f"tumbling count, {keys:,} keys"
        bench.against(found, name, "millrace", "hand", target=(">=", 0.5))
        bench.against(found, "  records made as they are read", "millrace-generator",
                      "hand-generator")


def sliding_count(bench):
    """Windows of 60 s every second against windows of 60 s, 10,000 keys."""
    for per_second, records in ((1_000_000, bench.size["sliding"]), (10_000, bench.size["sparse"])):
        found = bench.contest("bench_sliding_count", "--per-second", per_second, "--records",
                              records)
        rows = found["rows"] / found["records"]
        bench.compared(found, f"sliding 60 s by 1 s against tumbling, {per_second:,} records/s "
                       f"({rows:.2g} results a record)", "millrace", "millrace-tumbling",
                       target=("<=", 3.0))
        bench.against(found, "  sliding against a running total by hand", "millrace", "hand")


def session_count(bench):
    """Sessions of 10,000 keys."""
    found = bench.contest("bench_session_count", "--records", bench.size["keyed"])
    bench.against(found, "session count, 10,000 keys", "millrace", "hand")


def durable_state(bench):
    """Reading and changing a key's state a record, with checkpoints every second, over RocksDB."""
    keys, records, rounds = bench.size["hot"]
    directory = bench.data / "durable-state"
    bench.data.mkdir(parents=True, exist_ok=True)
    found = bench.contest("bench_durable_state", "--keys", keys, "--records", records, "--skew", 99,
                          "--budget-mib", 2048, "--directory", directory, rounds=rounds)
    bench.faster(found, f"state in tables against RocksDB's Get and Put, {keys:,} keys by Zipf 0.99", "millrace",
                 "rocksdb", target=(">=", 20.0))
    keys, records, rounds = bench.size["spilled"]
    budget = max(1, keys * 104 // 10 // (1 << 20))
    found = bench.contest("bench_durable_state", "--keys", keys, "--records", records, "--words", 12,
                          "--budget-mib", budget, "--directory", directory, rounds=rounds)
    bench.faster(found, f"  the same, {keys:,} keys evenly, state 10 times the memory of {budget} MiB", "millrace",
                 "rocksdb", target=(">=", 1.0))
    if budget < 100:
        return  # the program itself is the better part then
    bench.row("  resident memory, as a part of that", ours=[100 * found["peak_mib"] / budget], unit="%",
              ratio=found["peak_mib"] / budget, ratioUnit="%", target=("<=", 1.3),
              command=found["command"])


def checkpoint_pauses(bench):
    """What checkpoints of much state cost the stream."""
    keys, rate, seconds = bench.size["steady"]
    command = bench.command("bench_checkpointed_state", "--keys", keys, "--rate", rate, "--seconds", seconds,
                            "--interval-ms", 2500 if seconds > 10 else 500,
                            "--directory", bench.data / "checkpointed-state")
    shutil.rmtree(bench.data / "checkpointed-state", ignore_errors=True)
    done = subprocess.run(command, capture_output=True, text=True)
    shutil.rmtree(bench.data / "checkpointed-state", ignore_errors=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    # The first ones hold the making of all keys.
    steady = [line for line in lines if "checkpoint" in line][3:] or [line for line in lines if "checkpoint" in line]
    if not steady:
        raise Failed(f"{' '.join(command)}: no checkpoint was taken")
    size = statistics.median(line["bytes"] for line in steady) / (1 << 20)
    bench.row(f"checkpoint of {size:.0f} MiB of changes in {keys:,} keys: from the request to the commit",
              ours=[line["complete_ms"] for line in steady], unit="ms", target=("<=", 250.0), command=command)
    bench.row("  longest time between two records, each second", unit="ms", target=("<=", 5.0),
              ours=[line["longest_gap_ms"] for line in steady], command=command)


def cpu_seconds(pid):
    """What all threads of a process have used so far."""
    nanos = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        nanos += int((task / "schedstat").read_text().split()[0])
    return nanos / 1e9


def idle(bench):
    """A job whose input is open and silent."""
    command = bench.command("event_count", "--source", "stdin", "--no-progress", "--workers", 2)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as job:
        time.sleep(1)
        before, begun = cpu_seconds(job.pid), time.monotonic()
        time.sleep(bench.size["idle"])
        share = (cpu_seconds(job.pid) - before) / (time.monotonic() - begun)
        job.stdin.close()
        if job.wait() != 0:
            raise Failed("event_count failed on an empty input")
    bench.row("idle job on a silent pipe, part of a core", ours=[share * 100], unit="%",
              ratio=share, ratioUnit="%", target=("<", 0.005), command=command)


def start_up(bench):
    """event_count --help."""
    command = bench.command("event_count", "--help")
    times = []
    for _ in range(bench.size["starts"] + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - begun) * 1e3)
    bench.row("event_count --help", ours=times[1:], unit="ms", target=("<", 20.0), command=command)


def compile_hello(bench):
    """The first example as a user compiles it."""
    command = [compiler_of(bench.build), "-std=c++20", "-O2", "-I", str(ROOT / "include"), "-c",
               str(ROOT / "examples/path/01_hello.cpp"), "-o", os.devnull]
    times = []
    for _ in range(bench.size["compiles"]):
        begun = time.perf_counter()
        subprocess.run(command, check=True, env={**os.environ, "CCACHE_DISABLE": "1"})
        times.append(time.perf_counter() - begun)
    if times:
        bench.row("compiling examples/path/01_hello.cpp at -O2", ours=times, unit="s",
                  target=("<=", 4.0), command=command)


def resident_peak(process):
    """Waits for a process; gives the most memory it was seen to hold, in MB."""
    peak = 0
    while process.poll() is None:
        try:
            for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]))
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.01)
    return peak * 1024 / 1e6


def count_file(bench, events, name, rate_target, memory_target):
    path, expected = bench.events(events)
    with tempfile.TemporaryDirectory(dir=bench.data) as scratch:
        results, summary = pathlib.Path(scratch, "results"), pathlib.Path(scratch, "summary")
        command = bench.command("event_count", "--source", f"file:{path}", "--workers", 2,
                                "--no-progress", "--log-level", "error", "--summary", summary)
        with open(results, "wb") as out:
            begun = time.perf_counter()
            job = subprocess.Popen(command, stdout=out)
            memory = resident_peak(job)
            elapsed = time.perf_counter() - begun
        if job.returncode != 0:
            raise Failed(f"{' '.join(command)}: exit code {job.returncode}")
        if sorted(results.read_bytes().splitlines()) != sorted(expected.read_bytes().splitlines()):
            raise Failed(f"event_count on {path}: not what the producer has counted")
        done = json.loads(summary.read_text())
    if done["records_in"] != events or done["late"] != 0:
        raise Failed(f"event_count on {path}: {done}")
    size = f"{path.stat().st_size / 1e9:.2g} GB"
    bench.row(f"event_count on {name} of {size}, 2 workers", ours=[events / elapsed / 1e6],
              unit="M events/s", target=rate_target, command=command, records=events)
    bench.row(f"  its resident memory", ours=[memory], unit="MB", target=memory_target,
              command=command)


def large_file(bench):
    """The program on files larger than its memory may be."""
    count_file(bench, bench.size["file"], "a file", (">", 1.0), ("<", 100.0))
    if "large" in bench.size:
        count_file(bench, bench.size["large"], "a file", None, ("<", 100.0))


def micro(bench):
    """Single parts, with Google Benchmark."""
    program = bench.bin / "bench_micro"
    if not program.exists():
        return
    command = [str(program), "--benchmark_format=json",
               f"--benchmark_min_time={bench.size['micro']}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr}")
    for each in json.loads(done.stdout)["benchmarks"]:
        if each.get("error_occurred"):
            raise Failed(f"{each['name']}: {each['error_message']}")
        rate = each.get("items_per_second", each.get("records"))
        nanos = 1e9 / rate if rate else each["real_time"]
        bench.row(each["name"].replace("/real_time", ""), ours=[nanos], unit="ns/record",
                  command=command, isMicro=True)


SECTIONS = [json_count, keyed_count, sliding_count, session_count, durable_state, checkpoint_pauses,
            idle, start_up, compile_hello, large_file, micro]


def compiler_of(build):
    for line in (build / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("CMAKE_CXX_COMPILER:"):
            return line.split("=", 1)[1]
    return "c++"


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def debian_version(package):
    return first_line("dpkg-query", "-W", "-f", "${Version}\n", package)


def machine(build):
    cpu = next((line.split(":", 1)[1].strip()
                for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown")
    cache = (build / "CMakeCache.txt").read_text()
    build_type = next((line.split("=", 1)[1] for line in cache.splitlines()
                       if line.startswith("CMAKE_BUILD_TYPE:")), "unknown")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "debian": pathlib.Path("/etc/debian_version").read_text().strip()
        if os.path.exists("/etc/debian_version") else "no",
        "compiler": first_line(compiler_of(build), "--version"),
        "build_type": build_type,
        "commit": first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "simdjson": debian_version("libsimdjson-dev"),
        "abseil": debian_version("libabsl-dev"),
        "rocksdb": debian_version("librocksdb-dev"),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench",
                        help="the build directory [default: build/bench]")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="larger inputs, a file of 5 GB too")
    form.add_argument("--tiny", action="store_true",
                      help="only prove that all of it works and that outputs agree")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[],
                        choices=[section.__name__ for section in SECTIONS],
                        help="these alone; the others' results stay: " +
                        ", ".join(section.__name__ for section in SECTIONS))
    parser.add_argument("--doc", action="store_true",
                        help="run nothing; write docs/benchmarks.md from the results")
    return parser.parse_args()


def run_sections(bench, wanted, sections, known):
    """Runs what is wanted of what is known into `sections`; gives the failures."""
    failures = []
    for section in known:
        if wanted and section.__name__ not in wanted:
            continue
        print(f"running {section.__name__} ...", file=sys.stderr, flush=True)
        bench.rows = []
        try:
            section(bench)
        except Failed as failure:
            failures.append(f"{section.__name__}: {failure}")
        sections[section.__name__] = bench.rows
    return failures


def main():
    arguments = parse_arguments()
    build = arguments.build.resolve()
    form = "full" if arguments.full else "tiny" if arguments.tiny else "short"
    path = build / ("results-tiny.json" if form == "tiny" else "results.json")
    if arguments.doc:
        report.write_document(json.loads(path.read_text()), ROOT / "docs/benchmarks.md")
        return 0
    sections = json.loads(path.read_text())["sections"] if arguments.only and path.exists() else {}
    bench = Bench(build, SIZES[form])
    failures = run_sections(bench, arguments.only, sections, SECTIONS)
    ordered = {s.__name__: sections[s.__name__] for s in SECTIONS if s.__name__ in sections}
    results = {"form": form, "rounds": bench.size["rounds"], "machine": machine(build),
               "sections": ordered}
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(report.table(results))
    print(f"\n{path}", file=sys.stderr)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
