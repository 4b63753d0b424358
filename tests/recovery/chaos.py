# SPDX-License-Identifier: MIT
"""Kills the jobs with SIGKILL, over and over, and holds what they have written against the oracle.

  chaos.py --bin DIR [--runs N] [--kills N] [--events N] [--seed S] [--only JOB] [--state STORE]

Each run makes one file of events, then starts a job on it with a state directory, kills it at a
random moment, starts it again with another number of workers, and so on; once it has been killed
often enough it may finish. The part files then have to hold each row of the oracle's answer exactly
once, no unfinished file may be left, and the summary has to account for every record once. So that a
fast job meets many checkpoints within its life, it is slowed down by stopping it most of the time. One that
ends before it has been killed often enough is looked at, too, and then run again from the start, slower.
"""
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import chaos_run  # noqa: E402  which knows the way to golden
import nasty  # noqa: E402
import rows  # noqa: E402
from chaos_run import Failure  # noqa: E402


class Run(chaos_run.Run):
    cases = {
        "event_count": (dict(size=60_000, slide=60_000, gap=0), dict(size=60_000, slide=20_000, gap=0)),
        "revenue": (dict(size=60_000, slide=60_000, gap=0), dict(size=30_000, slide=10_000, gap=0)),
        "sessions": (dict(size=1, slide=1, gap=20_000), dict(size=1, slide=1, gap=2_000)),
    }

    def run(self):
        nasty.write(self.path("events.ndjson"), self.rng.randrange(1 << 30), self.args.events, bad=0.02, step=self.args.step,
                    disorder=10_000)
        while True:
            kills = self.torment()
            self.check()
            if kills >= self.args.kills:
                return f"{kills} kills"
            # It was done before it had been killed often enough: once more from the start, and slower from now on.
            self.args.duty *= 0.7
            shutil.rmtree(self.path("state"))
            shutil.rmtree(self.path("out"))

    def torment(self):
        """Starts and kills until it has died often enough, then lets it finish. Returns how often it died."""
        kills = 0
        while True:
            self.start("--source", f"file:{self.path('events.ndjson')}", "--sink", f"file:{self.path('out')}",
                       "--out-of-orderness", "20s")
            if kills < self.args.kills:
                # Mostly past the next checkpoint, now and then in the middle of a start.
                seconds = self.rng.choice((self.rng.uniform(0, 0.05), self.rng.uniform(0, 2.5 * self.args.interval / 1000)))
                code = self.live(seconds, self.args.duty)
            else:
                code = self.live(600, 1)
            if code is None:
                self.kill()
                kills += 1
            elif code == 0:
                return kills
            else:
                raise Failure(f"exit {code} after {kills} kills")

    def live(self, seconds, duty):
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

    def check(self):
        events, invalid = self.read_events()
        wanted = self.wanted(events)
        rows.compare(wanted, rows.read_directory(self.path("out")))
        unfinished = [name for name in os.listdir(self.path("out")) if name.endswith(".inprogress")]
        if unfinished:
            raise Failure(f"left behind: {unfinished}")
        self.check_summary(records_in=len(events) + invalid, invalid=invalid, late=0, records_out=sum(wanted.values()))


if __name__ == "__main__":
    parser = chaos_run.parser_of(__doc__, kills=50, events=1_000_000, interval=200, workers=[1, 2, 3, 4])
    parser.add_argument("--step", type=int, default=20, help="milliseconds of event time between two events, on average")
    parser.add_argument("--duty", type=float, default=0.05,
                        help="share of the time that a job may run while it is to be killed, at first")
    chaos_run.main(Run, parser.parse_args())
