# SPDX-License-Identifier: MIT
"""Kills a job and its broker, over and over, and holds what consumers have seen against the oracle.

  chaos.py --bin DIR [--runs N] [--kills N] [--broker-kills N] [--stops N] [--seed S] [--only JOB]

A producer writes events to a topic all the while, and others come that are dated long before them. The job
reads them, and writes results, dead letters and late events to three topics, exactly once; it is killed with
SIGKILL at random moments and started again with another number of workers, the broker is killed and started
again on its data, and the job is stopped (SIGSTOP) for longer than its transactions may last. A reader of
committed records watches each topic from the beginning to the end. Then:

 - the committed results are the oracle's rows, each exactly once; the dead letters are the invalid
   records and the late events those of long ago, each exactly once;
 - the readers that watched have seen just these, in their order, none of them twice;
 - the results of one key lie in one partition, in the order of their windows.
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
EVENTS, RESULTS, LETTERS, LATE = "user-events", "event-analytics", "dead-letters", "late-events"


class Run(chaos_run.Run):
    cases = {"event_count": (dict(size=60_000, slide=60_000, gap=0),), "revenue": (dict(size=60_000, slide=60_000, gap=0),),
             "sessions": (dict(size=1, slide=1, gap=20_000),)}

    def __init__(self, *about):
        super().__init__(*about)
        self.broker = Broker(self.path("broker"), self.args.kafka)
        self.lives = 0
        self.of_long_ago = []

    def run(self):
        with self.broker:
            self.broker.create_topic(EVENTS, 3)
            self.broker.create_topic(RESULTS, 2)
            self.broker.create_topic(LETTERS, 1)
            self.broker.create_topic(LATE, 1)
            watchers = [self.start_watcher(topic) for topic in (RESULTS, LETTERS, LATE)]
            producer = self.start_producer()
            try:
                self.torment()
                if producer.wait(600) != 0:
                    raise Failure("the producer could not deliver everything (producer.log)")
                self.finish()
                self.check()
            finally:
                for process in (*watchers, producer):
                    process.kill()
                    process.wait()
        return (f"{self.lives} lives, {self.args.broker_kills} broker kills, {self.args.stops} stops, "
                f"{len(self.of_long_ago)} late events")

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

    def has_told(self):
        """Whether a result has been seen: from then on an event of before it is late for certain."""
        return os.path.getsize(self.path(RESULTS)) > 0

    def send_of_long_ago(self):
        self.of_long_ago.append(oracle.show_time(1000 * len(self.of_long_ago)))
        line = json.dumps({"timestamp": self.of_long_ago[-1], "event_type": "purchase", "user_id": "user_1",
                           "data": {"amount": 1, "currency": "USD"}})
        subprocess.run(["kcat", "-P", "-b", self.broker.bootstrap, "-t", EVENTS, "-X", "enable.idempotence=true"],
                       input=line.encode(), check=True, capture_output=True, timeout=120)

    def start_watcher(self, topic):
        """A reader of committed records from the first on; not our program."""
        with open(self.path(topic), "wb") as seen, open(self.path("kcat.log"), "ab") as log:
            return subprocess.Popen(self.reading(topic, "-u", "-E", "-X", "topic.metadata.refresh.interval.ms=1000"),
                                    stdout=seen, stderr=log)

    def reading(self, topic, *more):
        return ["kcat", "-C", "-q", "-b", self.broker.bootstrap, "-t", topic, "-o", "beginning", "-X",
                "isolation.level=read_committed", "-f", "%p %o %k\t%s\n", *more]

    def start_job(self, *more):
        self.lives += 1
        self.start("--source", f"kafka:{EVENTS}", "--sink", f"kafka:{RESULTS}", "--dead-letters", f"kafka:{LETTERS}",
                   "--late", f"kafka:{LATE}", "-b", self.broker.bootstrap, "--out-of-orderness", "10s", "--kafka",
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
            if self.has_told():
                self.send_of_long_ago()
            if blow == "kill":
                self.kill()
                self.start_job()
            elif blow == "broker":
                self.broker.kill()
                self.live(self.rng.uniform(0, 2))
                self.broker.restart()
            else:
                self.process.send_signal(signal.SIGSTOP)
                time.sleep(TRANSACTION_SECONDS + 2)  # this broker looks for what has timed out twice a second
                self.process.send_signal(signal.SIGCONT)
                self.live(5)
        end = time.monotonic() + 60
        while not self.has_told():
            if time.monotonic() > end:
                raise Failure("there is still no result; are these too few events?")
            self.live(0.05)
        self.send_of_long_ago()
        self.kill()

    def finish(self):
        """The last life reads to the end of the topic and fires what is left."""
        self.start_job("--bounded")
        if self.process.wait(300) != 0:
            raise Failure(f"the last life ended with exit code {self.process.returncode}")

    def read_topic(self, topic):
        """What is there, which the reader that watched has to have seen too."""
        found = subprocess.run(self.reading(topic, "-e"), check=True, capture_output=True, timeout=120).stdout.decode()
        end = time.monotonic() + 60
        while True:
            with open(self.path(topic), encoding="utf-8") as file:
                watched = file.read()
            if watched.count("\n") >= found.count("\n") or time.monotonic() > end:
                break
            time.sleep(0.05)
        seen, records = sorted_records(watched), sorted_records(found)
        if seen != records:
            raise Failure(f"the reader that watched {topic} saw {len(seen)} records, not these {len(records)}")
        return records

    def check(self):
        events, invalid = self.read_events()
        results = self.read_topic(RESULTS)
        rows.compare(self.wanted(events), collections.Counter(oracle.read_row(value) for _, _, _, value in results))
        check_order(self.job, results)
        letters = [json.loads(value)["position"] for _, _, _, value in self.read_topic(LETTERS)]
        if len(letters) != invalid or len(set(letters)) != invalid:
            raise Failure(f"{len(letters)} dead letters, {len(set(letters))} different ones, of {invalid} invalid records")
        late = sorted(json.loads(value)["timestamp"] for _, _, _, value in self.read_topic(LATE))
        if late != self.of_long_ago:
            raise Failure(f"{len(late)} late events, not just the {len(self.of_long_ago)} of long ago: {late}")
        self.check_summary(records_in=len(events) + invalid + len(late), invalid=invalid, late=len(late))


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
