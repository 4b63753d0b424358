# SPDX-License-Identifier: MIT
"""What recovery/chaos.py and kafka/chaos.py have in common: runs of a job that is killed over and over.

Seed, number and job decide what happens in a run. Each has a folder of its own, which is kept when it fails.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden"))
import oracle  # noqa: E402
import rows  # noqa: E402

JOBS = ("event_count", "revenue", "sessions")


class Failure(Exception):
    pass


class Run:
    """To be derived from: `cases` by job, and `run`, which answers what the run has been through."""

    def __init__(self, args, number, job, folder):
        self.args, self.job, self.folder = args, job, folder
        self.rng = random.Random(f"{args.seed}/{number}/{job}")
        self.case = self.rng.choice(self.cases[job])
        self.process = self.workers = None
        os.makedirs(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *more):
        """The job, on the state that is there, with another number of workers than before."""
        self.workers = self.rng.choice([each for each in self.args.workers if each != self.workers] or self.args.workers)
        command = [os.path.join(self.args.bin, self.job), "--checkpoint-dir", self.path("state"), "--checkpoint-interval",
                   f"{self.args.interval}ms", "--state", self.args.state, "--workers", str(self.workers),
                   "--summary", self.path("summary.json"), "--no-progress", *more]
        command += (["--gap", f"{self.case['gap']}ms"] if self.job == "sessions" else
                    ["--window", f"{self.case['size']}ms", "--slide", f"{self.case['slide']}ms"])
        with open(self.path("job.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def read_events(self):
        """The good events of events.ndjson, and how many records are invalid."""
        return oracle.read_events(self.path("events.ndjson"), self.job != "event_count")

    def wanted(self, events):
        return oracle.wanted_rows(self.job, events, self.case["size"], self.case["slide"], self.case["gap"])

    def check_summary(self, **right):
        with open(self.path("summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
        got = {name: summary[name] for name in right}
        if got != right:
            raise Failure(f"the summary says {got}, right is {right}")


def parser_of(doc, **defaults):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="where the programs are")
    parser.add_argument("--runs", type=int, default=1, help="of each job; the jobs take turns")
    parser.add_argument("--only", action="append", choices=JOBS, help="this job; may be repeated")
    parser.add_argument("--kills", type=int, help="in each run")
    parser.add_argument("--events", type=int, help="of each run")
    parser.add_argument("--interval", type=int, help="milliseconds between checkpoints")
    parser.add_argument("--workers", type=lambda text: [int(each) for each in text.split(",")], metavar="N,...",
                        help="another one of these at each start")
    parser.add_argument("--state", choices=("memory", "rocksdb"), default="memory")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="another one each time")
    parser.set_defaults(**defaults)
    return parser


def main(kind, args):
    print(f"seed {args.seed}", flush=True)
    scratch = tempfile.mkdtemp(prefix="millrace-chaos-")
    for number in range(args.runs):
        for job in args.only or JOBS:
            begun = time.monotonic()
            run = kind(args, number, job, os.path.join(scratch, f"{job}-{number}"))
            try:
                told = run.run()
            except (Failure, rows.Difference) as failure:
                sys.exit(f"run {number} of {job}, seed {args.seed}: {failure}\neverything is kept in {run.folder}")
            finally:
                run.kill()
            print(f"run {number} {job}: ok after {told}, {time.monotonic() - begun:.1f} s", flush=True)
            shutil.rmtree(run.folder)
    shutil.rmtree(scratch)
