# SPDX-License-Identifier: MIT
"""Kills the jobs with SIGKILL, over and over, and holds what they have written against the oracle.

  chaos.py --bin DIR [--runs N] [--kills N] [--events N] [--seed S] [--only JOB] [--state STORE]

Each run makes one file of events, then starts a job on it with a state directory, kills it at a
random moment, starts it again with another number of workers, and so on; once it has been killed
often enough it may finish. The part files then have to hold each row of the oracle's answer exactly
once, no unfinished file may be left, and the summary has to account for every record once. So that a
fast job meets many checkpoints within its life, it is slowed down by stopping it most of the time.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import nasty  # noqa: E402
import oracle  # noqa: E402
import rows  # noqa: E402

JOBS = ("event_count", "revenue", "sessions")
CASES = {
    "event_count": (dict(size=60_000, slide=60_000, gap=0), dict(size=60_000, slide=20_000, gap=0)),
    "revenue": (dict(size=60_000, slide=60_000, gap=0), dict(size=30_000, slide=10_000, gap=0)),
    "sessions": (dict(size=1, slide=1, gap=20_000), dict(size=1, slide=1, gap=2_000)),
}


class Failure(Exception):
    pass


class Life:
    """One start of a job, from the first instruction to its end or its death."""

    def __init__(self, command, log):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def run(self, seconds, duty):
        """Lets it run for so long, stopped for all but the share `duty` of the time. None: it still runs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return self.process.returncode
            if duty >= 1:
                time.sleep(min(0.001, max(0.0, end - time.monotonic())))
                continue
            time.sleep(0.0005)
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(0.0005 * (1 - duty) / duty)
            self.process.send_signal(signal.SIGCONT)
        return self.process.poll()

    def kill(self):
        self.process.kill()
        self.process.wait()


def command_of(args, job, case, folder, workers):
    command = [os.path.join(args.bin, job), "--source", f"file:{folder}/events.ndjson", "--sink", f"file:{folder}/out",
               "--checkpoint-dir", f"{folder}/state", "--checkpoint-interval", f"{args.interval}ms", "--state", args.state,
               "--workers", str(workers), "--summary", f"{folder}/summary.json", "--no-progress",
               "--out-of-orderness", "20s"]
    if job == "sessions":
        return command + ["--gap", f"{case['gap']}ms"]
    return command + ["--window", f"{case['size']}ms", "--slide", f"{case['slide']}ms"]


def torment(args, job, case, folder, rng, log):
    """Starts and kills until it has died often enough, then lets it finish. Returns how often it died."""
    kills = 0
    while True:
        life = Life(command_of(args, job, case, folder, rng.choice((1, 2, 3, 4))), log)
        if kills < args.kills:
            # Mostly past the next checkpoint, now and then in the middle of a start.
            seconds = rng.choice((rng.uniform(0, 0.05), rng.uniform(0, 2.5 * args.interval / 1000)))
            code = life.run(seconds, args.duty)
        else:
            code = life.run(600, 1)
        if code is None:
            life.kill()
            kills += 1
        elif code == 0:
            return kills
        else:
            raise Failure(f"exit {code} after {kills} kills")


def check(args, job, case, folder):
    events, invalid = oracle.read_events(f"{folder}/events.ndjson", job != "event_count")
    wanted = oracle.wanted_rows(job, events, case["size"], case["slide"], case["gap"])
    try:
        rows.compare(wanted, rows.read_directory(f"{folder}/out"))
    except rows.Difference as difference:
        raise Failure(str(difference)) from None
    unfinished = [name for name in os.listdir(f"{folder}/out") if name.endswith(".inprogress")]
    if unfinished:
        raise Failure(f"left behind: {unfinished}")
    with open(f"{folder}/summary.json", encoding="utf-8") as file:
        summary = json.load(file)
    got = {name: summary[name] for name in ("records_in", "invalid", "late", "records_out")}
    right = {"records_in": len(events) + invalid, "invalid": invalid, "late": 0, "records_out": sum(wanted.values())}
    if got != right:
        raise Failure(f"the summary says {got}, right is {right}")


def run_once(args, number, job, scratch):
    rng = random.Random(f"{args.seed}/{number}/{job}")
    folder = os.path.join(scratch, f"{job}-{number}")
    os.makedirs(folder)
    nasty.write(f"{folder}/events.ndjson", rng.randrange(1 << 30), args.events, bad=0.02, step=args.step, disorder=10_000)
    case = rng.choice(CASES[job])
    begun = time.monotonic()
    with open(f"{folder}/log", "wb") as log:
        try:
            kills = torment(args, job, case, folder, rng, log)
            check(args, job, case, folder)
        except Failure as failure:
            raise Failure(f"run {number} of {job}, seed {args.seed}: {failure}\neverything is kept in {folder}") from None
    print(f"run {number} {job}: ok after {kills} kills, {time.monotonic() - begun:.1f} s", flush=True)
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--step", type=int, default=20, help="milliseconds of event time between two events, on average")
    parser.add_argument("--interval", type=int, default=200, help="milliseconds between checkpoints")
    parser.add_argument("--duty", type=float, default=0.05, help="share of the time that a job may run while it is to be killed")
    parser.add_argument("--state", choices=("memory", "rocksdb"), default="memory")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", action="append", choices=JOBS)
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {args.seed}")
    scratch = tempfile.mkdtemp(prefix="millrace-chaos-")
    try:
        for number in range(args.runs):
            for job in args.only or JOBS:
                run_once(args, number, job, scratch)
    except Failure as failure:
        sys.exit(str(failure))
    shutil.rmtree(scratch)


main()
