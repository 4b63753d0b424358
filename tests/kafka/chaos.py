# SPDX-License-Identifier: MIT
"""Kills a job and its broker, over and over, and holds what consumers have seen against the oracle.

  chaos.py --bin DIR [--runs N] [--kills N] [--broker-kills N] [--stops N] [--seed S] [--only JOB]

A producer writes events to a topic all the while. The job reads them, and writes results and dead
letters to two topics, exactly once; it is killed with SIGKILL at random moments and started again with
another number of workers, the broker is killed and started again on its data, and the job is stopped
(SIGSTOP) for longer than its transactions may last. A reader of committed records watches from the
beginning to the end. Then:

 - the committed results are the oracle's rows, each exactly once; the dead letters are the invalid
   records, each exactly once;
 - the reader that watched has seen just these, in their order, none of them twice;
 - the results of one key lie in the order of their windows.
"""
import collections
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, HERE)
import chaos_run  # noqa: E402  which knows the way to golden
import oracle  # noqa: E402
import rows  # noqa: E402
from broker import Broker  # noqa: E402
from chaos_run import Failure  # noqa: E402

TRANSACTION_SECONDS = 12
EVENTS, RESULTS, LETTERS = "user-events", "event-analytics", "dead-letters"


class Run(chaos_run.Run):
    cases = {"event_count": (dict(size=60_000, slide=60_000, gap=0),), "revenue": (dict(size=60_000, slide=60_000, gap=0),),
             "sessions": (dict(size=1, slide=1, gap=20_000),)}

    def __init__(self, *about):
        super().__init__(*about)
        self.broker = Broker(self.path("broker"), self.args.kafka)
        self.lives = 0

    def run(self):
        with self.broker:
            self.broker.create_topic(EVENTS, 3)
            self.broker.create_topic(RESULTS, 2)
            self.broker.create_topic(LETTERS, 1)
            watcher = self.start_watcher()
            producer = self.start_producer()
            try:
                self.torment()
                if producer.wait(600) != 0:
                    raise Failure("the producer could not deliver everything (producer.log)")
                self.finish()
                self.check(self.await_watcher())
            finally:
                for process in (watcher, producer):
                    process.kill()
                    process.wait()
        return f"{self.lives} lives, {self.args.broker_kills} broker kills, {self.args.stops} stops"

    def start_producer(self):
        """Writes the same events to a file, for the oracle, and at a pace to the topic."""
        command = [os.path.join(self.args.bin, "event_producer"), "--seed", str(self.rng.randrange(1 << 30)), "--users", "200",
                   "--event-interval", "50ms", "--disorder", "3s", "--invalid", "0.02", "--no-progress"]
        subprocess.run([*command, "--count", str(self.args.events), "--sink", self.path("events.ndjson")], check=True,
                       stderr=subprocess.DEVNULL)
        rate = max(1, self.args.events // self.args.seconds)
        with open(self.path("producer.log"), "wb") as log:
            return subprocess.Popen([*command, "--high-volume", "--rate", str(rate), "--duration",
                                     str(self.args.events / rate), "-b", self.broker.bootstrap, "-t", EVENTS], stderr=log)

    def start_watcher(self):
        """A reader of committed records from the first on; not our program."""
        command = ["kcat", "-C", "-u", "-q", "-E", "-b", self.broker.bootstrap, "-t", RESULTS, "-o", "beginning", "-X",
                   "isolation.level=read_committed", "-X", "topic.metadata.refresh.interval.ms=1000", "-f", "%p %o %k\t%s\n"]
        return subprocess.Popen(command, stdout=open(self.path("watched"), "wb"), stderr=open(self.path("kcat.log"), "wb"))

    def start_job(self, *more):
        self.lives += 1
        self.start("--source", f"kafka:{EVENTS}", "--sink", f"kafka:{RESULTS}", "--dead-letters", f"kafka:{LETTERS}", "-b",
                   self.broker.bootstrap, "--out-of-orderness", "10s", "--kafka",
                   f"transaction.timeout.ms={TRANSACTION_SECONDS * 1000}", *more)

    def live(self, seconds):
        """Lets the job run; it must not end by itself."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise Failure(f"the job ended by itself with exit code {code}")

    def torment(self):
        plan = ["kill"] * self.args.kills + ["broker"] * self.args.broker_kills + ["stop"] * self.args.stops
        self.rng.shuffle(plan)
        self.start_job()
        for blow in plan:
            # Often past some commits, now and then in the middle of a start.
            self.live(self.rng.choice((self.rng.uniform(0, 0.5), self.rng.uniform(0.3, 2.0))))
            if blow == "kill":
                self.kill()
                self.start_job()
            elif blow == "broker":
                self.broker.kill()
                self.live(self.rng.uniform(0, 2))
                self.broker.restart()
            else:
                self.process.send_signal(signal.SIGSTOP)
                time.sleep(TRANSACTION_SECONDS + 12)  # brokers look for what has timed out every ten seconds
                self.process.send_signal(signal.SIGCONT)
                self.live(5)
        self.kill()

    def finish(self):
        """The last life reads to the end of the topic and fires what is left."""
        self.start_job("--bounded")
        if self.process.wait(300) != 0:
            raise Failure(f"the last life ended with exit code {self.process.returncode}")

    def read_topic(self, topic):
        command = ["kcat", "-C", "-q", "-e", "-b", self.broker.bootstrap, "-t", topic, "-o", "beginning", "-X",
                   "isolation.level=read_committed", "-f", "%p %o %k\t%s\n"]
        found = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout.decode()
        return sorted_records(found)

    def check(self, watched):
        events, invalid = self.read_events()
        records = self.read_topic(RESULTS)
        rows.compare(self.wanted(events), collections.Counter(oracle.read_row(value) for _, _, _, value in records))
        if watched != records:
            raise Failure(f"the reader that watched saw {len(watched)} records, not these {len(records)}")
        check_order(self.job, records)
        letters = [json.loads(value)["position"] for _, _, _, value in self.read_topic(LETTERS)]
        if len(letters) != invalid or len(set(letters)) != invalid:
            raise Failure(f"{len(letters)} dead letters, {len(set(letters))} different ones, of {invalid} invalid records")
        self.check_summary(records_in=len(events) + invalid, invalid=invalid, late=0)

    def await_watcher(self):
        """What the reader has seen, once it has seen as much as there is."""
        size = len(self.read_topic(RESULTS))
        end = time.monotonic() + 60
        while True:
            with open(self.path("watched"), encoding="utf-8") as file:
                lines = file.read()
            if lines.count("\n") >= size or time.monotonic() > end:
                return sorted_records(lines)
            time.sleep(0.05)


def sorted_records(text):
    """(partition, offset, key, value) of kcat's lines; in their order within each partition."""
    records = []
    for line in text.split("\n")[:-1]:
        place, value = line.split("\t", 1)
        partition, offset, key = place.split(" ", 2)
        records.append((int(partition), int(offset), key, value))
    for before, after in zip(records, records[1:]):
        if before[0] == after[0] and before[1] >= after[1]:
            raise Failure(f"offset {after[1]} of partition {after[0]} was read after {before[1]}")
    return sorted(records, key=lambda record: record[:2])


def check_order(job, records):
    column = "session_start" if job == "sessions" else "window_start"
    latest, home = {}, {}
    for partition, offset, key, value in records:
        if home.setdefault(key, partition) != partition:
            raise Failure(f"key {key} is in two partitions")
        start = json.loads(value)[column]
        if start <= latest.get(key, ""):
            raise Failure(f"offset {offset} of partition {partition} has {start} behind {latest[key]} of the same key")
        latest[key] = start


if __name__ == "__main__":
    parser = chaos_run.parser_of(__doc__, kills=100, events=300_000, interval=100, workers=[1, 2, 4])
    parser.add_argument("--broker-kills", type=int, default=10)
    parser.add_argument("--stops", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=120, help="how long the producer takes for its events")
    parser.add_argument("--kafka", default=None, help="the broker's major version")
    chaos_run.main(Run, parser.parse_args())
