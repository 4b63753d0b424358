# SPDX-License-Identifier: MIT
"""Runs the three jobs on nasty files and holds every row and every total against the oracle.

  run_golden.py --bin DIR [--seeds 1,2,...] [--events N] [--only event_count]

The same rows are wanted at any number of workers and any batch size; each run's summary has to
account for each record. A failure names the command and keeps its input.
"""
import argparse
import collections
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile

import nasty
import oracle
import rows as written

WORKERS = (1, 2, 4)
BATCHES = (1, 1024)
JOBS = ("event_count", "revenue", "sessions")

# (how the file is made, how the jobs are asked)
CASES = [
    (dict(bad=0.1), dict(size=10_000, slide=10_000, gap=4_000)),
    (dict(bad=0.0, disorder=60_000, step=900), dict(size=60_000, slide=60_000, gap=30_000, out_of_orderness=60_000)),
    (dict(bad=0.2, users=3), dict(size=60_000, slide=7_000, gap=250)),
    (dict(bad=0.05, users=400, base="1969-12-31T23:55:00.000Z"), dict(size=7_000, slide=7_000, gap=30_000)),
    (dict(bad=0.05, base="2024-02-28T23:58:00.000Z"), dict(size=1_000, slide=1_000, gap=1_000)),
    (dict(bad=0.05, step=20), dict(size=3_600_000, slide=600_000, gap=3_600_000)),
    (dict(bad=0.05), dict(size=5_000, slide=12_000, gap=2_000)),
]


class Failure(Exception):
    pass


def expect(what, wanted, got):
    if wanted != got:
        raise Failure(f"{what}: {wanted} wanted, {got} got")


def run_job(binaries, job, source, case, workers, batch, scratch, more=()):
    """The rows and the summary of one run."""
    out, summary = os.path.join(scratch, "out"), os.path.join(scratch, "summary.json")
    shutil.rmtree(out, ignore_errors=True)
    command = [os.path.join(binaries, job), "--source", f"file:{source}", "--sink", f"file:{out}", "--summary", summary,
               "--workers", str(workers), "--batch-size", str(batch), "--no-progress",
               "--out-of-orderness", f"{case.get('out_of_orderness', 5_000)}ms"]
    command += ["--gap", f"{case['gap']}ms"] if job == "sessions" else ["--window", f"{case['size']}ms", "--slide", f"{case['slide']}ms"]
    command += more
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Failure(f"exit {done.returncode}: {' '.join(command)}\n{done.stderr}")
    with open(summary, encoding="utf-8") as file:
        return written.read_directory(out), json.load(file), " ".join(command)


def check_summary(job, case, summary, events, invalid, rows):
    expect("records_in", len(events) + invalid, summary["records_in"])
    expect("invalid", invalid, summary["invalid"])
    expect("late", 0, summary["late"])
    expect("records_out", rows, summary["records_out"])
    filtered = sum(job == "revenue" and not e.buys or job != "sessions" and not oracle.starts_of(e.time, case["size"], case["slide"])
                   for e in events)
    expect("filtered", filtered, summary["filtered"])


def check_exact(args, job, source, case, scratch):
    events, invalid = oracle.read_events(source, job != "event_count")
    wanted = oracle.wanted_rows(job, events, case["size"], case["slide"], case["gap"])
    for workers, batch in itertools.product(WORKERS, BATCHES):
        rows, summary, command = run_job(args.bin, job, source, case, workers, batch, scratch)
        try:
            written.compare(wanted, rows)
            check_summary(job, case, summary, events, invalid, sum(wanted.values()))
        except (Failure, written.Difference) as failure:
            raise Failure(f"{command}\n{failure}") from None


def check_late(args, source, scratch):
    """Late events: exact where the watermark follows each event, balanced everywhere."""
    case = dict(size=5_000, slide=5_000, gap=1_000, out_of_orderness=0)
    events, invalid = oracle.read_events(source, False)
    kept, late = oracle.drop_late(events, case["size"], 0)
    for workers, batch in itertools.product(WORKERS, BATCHES):
        rows, summary, command = run_job(args.bin, "event_count", source, case, workers, batch, scratch)
        try:
            if (workers, batch) == (1, 1):
                written.compare(oracle.wanted_rows("event_count", kept, case["size"], case["slide"], 0), rows)
                expect("late", late, summary["late"])
            counted = sum(int(dict(row)["count"][1]) * times for row, times in rows.items())
            expect("counted and late", len(events), counted + summary["late"])
            expect("records_in", len(events) + invalid, summary["records_in"])
        except (Failure, written.Difference) as failure:
            raise Failure(f"{command}\n{failure}") from None


def check_refiring(args, source, scratch):
    """Allowed-late events give a row again: the last of each window, which is the largest, is the truth."""
    events, _ = oracle.read_events(source, False)
    for slide in (5_000, 2_000):
        case = dict(size=5_000, slide=slide, gap=1_000, out_of_orderness=0)
        wanted = oracle.wanted_rows("event_count", events, case["size"], slide, 0)
        for workers, batch in itertools.product(WORKERS, BATCHES):
            rows, summary, command = run_job(args.bin, "event_count", source, case, workers, batch, scratch, ["--allowed-lateness", "1d"])
            last = {}
            for row in rows:
                key = row[:3]
                last[key] = max(last.get(key, row), row, key=lambda each: int(each[3][1][1]))
            try:
                written.compare(wanted, collections.Counter(last.values()))
                expect("late", 0, summary["late"] + summary["late_partial"])
                expect("records_out", sum(rows.values()), summary["records_out"])
            except (Failure, written.Difference) as failure:
                raise Failure(f"{command}\n{failure}") from None


def run(args, scratch):
    source = os.path.join(scratch, "events.ndjson")
    for seed, (made, case) in zip(args.seeds, itertools.cycle(CASES)):
        nasty.write(source, seed, args.events, **made)
        for job in args.only or JOBS:
            check_exact(args, job, source, case, scratch)
        print(f"seed {seed}: ok")
    if not args.only or "event_count" in args.only:
        nasty.write(source, args.seeds[0], args.events, disorder=8_000)
        check_late(args, source, scratch)
        check_refiring(args, source, scratch)
        print("late events: ok")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seeds", type=lambda text: [int(each) for each in text.split(",")], default=[1, 2, 3, 4, 5, 6, 7])
    parser.add_argument("--events", type=int, default=1500)
    parser.add_argument("--only", action="append", choices=JOBS)
    args = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="millrace-golden-")
    try:
        run(args, scratch)
    except Failure as failure:
        sys.exit(f"{failure}\nthe input is kept in {scratch}")
    shutil.rmtree(scratch)


main()
