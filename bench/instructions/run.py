#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions that a record costs: ./dev bench instructions [--record] [--only NAME...].

Each path is run twice under valgrind's callgrind, with few records and with more; what the more cost, divided by how
many more there were, is free of the start and the end of a program and of the machine's noise. Compared with what
is recorded beside this file, by compiler, and fails where a path has become dearer than `--tolerance` allows.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
from run import ROOT, Bench, compiler_of, debian_version, first_line  # noqa: E402  bench/run.py

FEW, MORE = 50_000, 150_000  # the last of them in whole windows
LIBRARIES = ("libabsl-dev", "librocksdb-dev", "libsimdjson-dev", "libfmt-dev")


def typed(job, *arguments):
    return lambda bench, records: bench.command("bench_peer_keyed", "--job", job, "--records", records, *arguments)


def events(job):
    def command(bench, records):
        path, _ = bench.events(records)
        return bench.command("bench_peer_events", "--job", job, "--file", path, "--records", records, "--rows",
                             bench.data / f"rows-{job}-{records}")
    return command


def query(name):
    return lambda bench, records: bench.command("bench_peer_nexmark", "--job", name, "--records", records,
                                                "--per-second", 1000)


# With times such that the results told are few beside the records, but in the sliding counts: 1 in 10.
PATHS = {
    "JSON to count per type and window": events("event_count"),
    "JSON to revenue per currency and window": events("revenue"),
    "JSON to sessions per user": events("sessions"),
    "tumbling count, 1,000 keys": typed("tumbling", "--keys", 1000, "--per-second", 1000),
    "sliding count of 60 s by 1 s, 1,000 keys": typed("sliding", "--keys", 1000, "--per-second", 10_000),
    "session count, 1,000 keys": typed("session", "--keys", 1000, "--per-second", 1000, "--size-ms", 3000),
    "Nexmark q5": query("q5"),
    "Nexmark q8": query("q8"),
}


def counted(command):
    """All instructions of a program."""
    rows = command[command.index("--rows") + 1] if "--rows" in command else None
    with tempfile.NamedTemporaryFile(prefix="callgrind-") as out:
        if rows:
            shutil.rmtree(rows, ignore_errors=True)
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if rows:
            shutil.rmtree(rows, ignore_errors=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return int(found.group(1))


def record_cost(bench, command):
    return (counted(command(bench, MORE)) - counted(command(bench, FEW))) / (MORE - FEW)


def file_of(build):
    """What counts is the compiler: its recorded figures have a file of their own."""
    version = re.search(r"(\S+) \(.*?(\d+)\.\d+", first_line(compiler_of(build), "--version").replace("c++", "g++"))
    return HERE / f"{version.group(1)}-{version.group(2)}.json" if version else HERE / "other.json"


def line(name, now, before):
    change = f"{(now / before - 1) * 100:+.1f} %" if before else "new"
    return f"{name:44} {now:10.1f} {before or float('nan'):10.1f} {change:>9}"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench instructions", description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--record", action="store_true", help="keep what is found, to be compared with from now on")
    parser.add_argument("--tolerance", type=float, default=2.0, metavar="PERCENT", help="[default: 2]")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="paths whose names hold one of these")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    bench = Bench(build, {})
    path = file_of(build)
    before = json.loads(path.read_text()) if path.exists() else {"instructions": {}}
    found, dearer = dict(before["instructions"]), []
    print(f"{'instructions a record':44} {'now':>10} {'recorded':>10} {'':>9}")
    for name, command in PATHS.items():
        if arguments.only and not any(word in name for word in arguments.only):
            continue
        found[name] = round(record_cost(bench, command), 1)
        recorded = before["instructions"].get(name)
        print(line(name, found[name], recorded), flush=True)
        if recorded and found[name] > recorded * (1 + arguments.tolerance / 100):
            dearer.append(name)
    if arguments.record:
        facts = {"compiler": first_line(compiler_of(build), "--version"),
                 "libraries": {name: debian_version(name) for name in LIBRARIES},
                 "valgrind": first_line("valgrind", "--version")}
        path.write_text(json.dumps({**facts, "instructions": found}, indent=1) + "\n")
        print(path)
    elif dearer:
        print(f"dearer than recorded by more than {arguments.tolerance:g} %: {', '.join(dearer)}")
    return 1 if dearer and not arguments.record else 0


if __name__ == "__main__":
    sys.exit(main())
