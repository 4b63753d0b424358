# SPDX-License-Identifier: MIT
"""The Kafka source against a real broker: test_source.py --probe PROGRAM [TEST...]

What the probe reads comes a line at a time, so tests wait for what they expect to see and never for a
while. A broker of this file's own serves all tests but those that kill it.
"""
import collections
import glob
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from broker import Broker  # noqa: E402

PATIENCE_S = 120
PROBE = None
Split = collections.namedtuple("Split", "name worker position end committed lag")


def words(command, **settings):
    return [PROBE, command] + [f"{name}={value}" for name, value in settings.items()]


class Reading:
    """A job of the probe, and what it has said so far."""

    def __init__(self, broker, *more, **settings):
        self.process = subprocess.Popen(words("read", bootstrap=broker.bootstrap, **settings) + list(more),
                                        stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.said = collections.defaultdict(list)
        self.arriving = queue.Queue()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            self.arriving.put(line.rstrip("\n"))
        self.arriving.put(None)

    def take(self):
        """False: it has said its last word."""
        line = self.arriving.get(timeout=PATIENCE_S)
        if line is not None:
            self.said[line[0]].append(line[2:])
        return line is not None

    def until(self, kind, is_so):
        """Waits until `is_so` holds of all lines of the kind."""
        while not is_so(self.said[kind]):
            if not self.take():
                raise AssertionError(f"it ended, having said {dict(self.said)}")
        return self

    def to_end(self):
        while self.take():
            pass
        self.process.wait()
        self.process.stdout.close()
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.to_end()

    def kill(self):
        self.process.kill()
        return self.to_end()

    @property
    def values(self):
        return sorted(line.split(" ", 1)[1] for line in self.said["V"])

    @property
    def ending(self):
        return self.said["E"][0] if self.said["E"] else None

    def splits(self):
        """As they were told last."""
        last = {}
        for line in self.said["S"]:
            name, *numbers = line.split(" ")
            last[name] = Split(name, *map(int, numbers))
        return last


class TestCase(unittest.TestCase):
    counter = 0

    def topic(self, partitions=1, name=None):
        TestCase.counter += 1
        name = name or f"t{TestCase.counter}"
        self.broker.create_topic(name, partitions)
        return name

    def write(self, topic, values, **settings):
        lines = "".join("-\n" if value is None else f"={value}\n" for value in values)
        subprocess.run(words("write", bootstrap=self.broker.bootstrap, topic=topic, **settings), input=lines,
                       text=True, check=True)

    def fill(self, topic, partitions, each):
        values = []
        for partition in range(partitions):
            more = [f"{topic}:{partition}:{i}" for i in range(each)]
            self.write(topic, more, partition=partition)
            values += more
        return sorted(values)

    def read(self, *more, **settings):
        reading = Reading(self.broker, *more, **settings)
        self.addCleanup(reading.process.kill)
        return reading

    def all(self, *more, **settings):
        reading = self.read(*more, **settings).to_end()
        self.assertEqual(reading.ending, "OK")
        return reading


class Reads(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker().start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()

    def test_all_of_all_topics_with_any_number_of_workers(self):
        one, two = self.topic(3), self.topic(2)
        expected = sorted(self.fill(one, 3, 1000) + self.fill(two, 2, 10))
        for workers in (1, 2, 4, 8):
            self.assertEqual(self.all(topics=f"{one},{two}", workers=workers).values, expected)

    def test_from_where_and_to_where_it_is_told(self):
        topic = self.topic()
        for second in range(1, 5):
            self.write(topic, [f"{second}a", f"{second}b"], timestamp=second * 1000)
        for start, expected in (("earliest", "1a 1b 2a 2b 3a 3b 4a 4b"), ("latest", ""),
                                ("timestamp:2001", "3a 3b 4a 4b"), ("timestamp:9000", ""),
                                (f"offsets:{topic}/0/5", "3b 4a 4b")):
            self.assertEqual(self.all(topics=topic, start=start).values, expected.split(), start)
        for until, expected in (("timestamp:3000", "1a 1b 2a 2b"), ("timestamp:9000", "1a 1b 2a 2b 3a 3b 4a 4b"),
                                (f"offsets:{topic}/0/3", "1a 1b 2a"), (f"offsets:{topic}/0/0", "")):
            self.assertEqual(self.all(topics=topic, until=until).values, expected.split(), until)

    def test_from_where_it_first_began_after_a_kill_before_any_checkpoint(self):
        for start in ("latest", "timestamp:99999999999999", "committed"):
            topic = self.topic()
            self.write(topic, ["old"])
            with tempfile.TemporaryDirectory() as state:
                settings = dict(topics=topic, start=start, group=topic, until="never", state=state, interval=3_600_000)
                if start == "committed":
                    self.all(topics=topic, group=topic, state=f"{state}/before")
                    settings["state"] = f"{state}/after"
                reading = self.read(**settings).until("B", lambda lines: lines)
                self.write(topic, ["new"])
                reading.until("V", lambda lines: lines).kill()
                if start == "committed":  # somebody else in that group, who has read it all
                    self.all(topics=topic, group=topic, state=f"{state}/before")
                reading = self.read(**settings).until("B", lambda lines: lines)
                self.write(topic, ["newer"])
                reading.until("V", lambda lines: any(line.endswith(" newer") for line in lines))
                self.assertEqual(reading.stop().values, ["new", "newer"], start)

    def test_waits_for_an_end_that_is_still_to_come(self):
        topic = self.topic()
        self.write(topic, ["1"])
        reading = self.read(topics=topic, until=f"offsets:{topic}/0/3").until("V", lambda lines: len(lines) == 1)
        self.write(topic, ["2", "3", "4"])
        self.assertEqual(reading.to_end().values, ["1", "2", "3"])

    def test_new_partitions_from_their_beginning(self):
        topic = self.topic(1)
        reading = self.read(topics=topic, until="never", start="latest", discovery=50, workers=2)
        reading.until("B", lambda lines: lines)
        self.broker.add_partitions(topic, 3)
        self.write(topic, ["new"], partition=2)
        reading.until("V", lambda lines: len(lines) == 1)
        self.assertEqual(reading.stop().ending, "OK")

    def test_new_topics_that_match_a_pattern(self):
        self.topic(name="orders-eu")
        self.topic(name="my-orders-eu")
        self.write("orders-eu", ["eu"])
        self.write("my-orders-eu", ["not this"])
        reading = self.read(pattern="orders-.*", until="never", discovery=50)
        reading.until("V", lambda lines: len(lines) == 1)
        self.topic(2, name="orders-us")
        self.write("orders-us", ["us"], partition=1)
        reading.until("V", lambda lines: len(lines) == 2)
        self.assertEqual(reading.stop().values, ["eu", "us"])

    def test_null_empty_and_bad_values_to_dead_letters(self):
        topic = self.topic(2)
        self.write(topic, ["good", None, "", "bad"], partition=1)
        reading = self.all(topics=topic)
        self.assertEqual(reading.values, ["good"])
        self.assertEqual(sorted(reading.said["D"]), [f"{topic}-1@1 the value is null (a tombstone)",
                                                     f"{topic}-1@2 it is bad", f"{topic}-1@3 it is bad"])

    def test_only_what_is_committed_and_to_the_end_behind_marks(self):
        topic = self.topic()
        self.write(topic, ["a1", "a2"], transaction="abort")
        self.write(topic, ["c1", "c2"], transaction="commit")
        self.write(topic, ["a3"], transaction="abort")
        reading = self.all(topics=topic)
        self.assertEqual(reading.values, ["c1", "c2"])
        split = reading.splits()[f"{topic}-0"]
        self.assertEqual((split.position, split.end, split.lag), (8, 8, 0))  # each transaction has its mark
        everything = self.all("set=isolation.level=read_uncommitted", topics=topic)
        self.assertEqual(everything.values, ["a1", "a2", "a3", "c1", "c2"])

    def test_empty_partitions_hold_time_back_until_they_count_as_idle(self):
        topic = self.topic(3)
        self.write(topic, ["x"] * 5, partition=1, timestamp=1_000)
        self.write(topic, ["x"], partition=1, timestamp=60_000)
        reading = self.read(topics=topic, until="never", windows=10_000, idle=50, workers=2)
        reading.until("W", lambda lines: lines == ["0 5"])
        self.assertEqual(reading.stop().ending, "OK")

    def test_missing_topic_is_named(self):
        reading = self.read(topics="no-such-topic").to_end()
        self.assertIn("NOT_FOUND", reading.ending)
        self.assertIn("no-such-topic", reading.ending)

    def test_group_is_told_of_checkpoints_and_can_be_started_from(self):
        topic = self.topic(2)
        expected = self.fill(topic, 2, 50)
        with tempfile.TemporaryDirectory() as state:
            self.all(topics=topic, group="watched", state=state, workers=2)
        self.assertEqual(self.all(topics=topic, group="watched", start="committed").values, [])
        self.assertEqual(self.all(topics=topic, group="other", start="committed").values, expected)
        self.write(topic, ["more"], partition=0)
        self.assertEqual(self.all(topics=topic, group="watched", start="committed").values, ["more"])

    def test_lag_falls_to_nothing(self):
        topic = self.topic()
        self.fill(topic, 1, 300)
        name = f"{topic}-0"
        reading = self.read(topics=topic, until="never", pause=100, status=1)
        reading.until("S", lambda lines: reading.splits().get(name, Split(*[0] * 6)).end == 300)
        reading.until("S", lambda lines: reading.splits()[name].position == 300)
        self.assertEqual(reading.stop().splits()[name].lag, 0)

    def test_goes_on_from_checkpoints_through_kills_with_other_numbers_of_workers(self):
        topic = self.topic(5)
        expected = self.fill(topic, 5, 4000)
        with tempfile.TemporaryDirectory() as directory:
            settings = dict(topics=topic, state=f"{directory}/state", files=f"{directory}/out", interval=5)
            for life in range(8):
                reading = self.read(workers=random.randint(1, 6), **settings)
                reading.until("B", lambda lines: lines)
                try:
                    reading.process.wait(random.uniform(0, 0.15))
                except subprocess.TimeoutExpired:
                    pass
                reading.kill()
            self.all(workers=3, **settings)
            found = []
            for part in glob.glob(f"{directory}/out/part-*.ndjson"):
                with open(part, encoding="utf-8") as file:
                    found += [line.split(" ", 1)[1].rstrip("\n") for line in file]
        self.assertEqual(sorted(found), expected)

    def test_stops_when_a_topic_was_made_anew(self):
        topic = self.topic()
        self.fill(topic, 1, 20)
        with tempfile.TemporaryDirectory() as state:
            reading = self.read(topics=topic, state=state, until="never")
            reading.until("V", lambda lines: len(lines) == 20).stop()
            self.broker.delete_topic(topic)
            self.topic(name=topic)
            self.write(topic, ["other"])
            ended = self.read(topics=topic, state=state).to_end().ending
        self.assertIn("FAILED_PRECONDITION", ended)
        self.assertIn(f"partition '{topic}-0' is not what the checkpoint has read", ended)
        self.assertIn("start anew with an empty state directory", ended)

    def test_stops_when_a_topic_is_made_anew_while_it_reads(self):
        topic = self.topic()
        self.fill(topic, 1, 20)
        reading = self.read(topics=topic, until="never").until("V", lambda lines: len(lines) == 20)
        self.broker.delete_topic(topic)
        self.topic(name=topic)
        ended = reading.to_end().ending
        self.assertTrue("FAILED_PRECONDITION" in ended or "NOT_FOUND" in ended, ended)
        self.assertIn(topic, ended)

    def test_stops_when_there_are_too_few_partitions(self):
        topic = self.topic(3)
        self.fill(topic, 3, 20)
        with tempfile.TemporaryDirectory() as state:
            reading = self.read(topics=topic, state=state, until="never", workers=2)
            reading.until("V", lambda lines: len(lines) == 60).stop()
            self.broker.delete_topic(topic)
            self.topic(1, name=topic)
            self.fill(topic, 1, 30)
            ended = self.read(topics=topic, state=state).to_end().ending
        self.assertIn("FAILED_PRECONDITION", ended)
        self.assertIn(f"partition '{topic}-1' is not what the checkpoint has read: it is not there", ended)

    def test_stops_when_messages_were_deleted_unread(self):
        topic = self.topic()
        self.fill(topic, 1, 20)
        with tempfile.TemporaryDirectory() as directory:
            reading = self.read(topics=topic, state=f"{directory}/state", until="never")
            reading.until("V", lambda lines: len(lines) == 20).stop()
            self.write(topic, ["more"] * 20)
            with open(f"{directory}/delete.json", "w", encoding="utf-8") as file:
                file.write('{"partitions":[{"topic":"%s","partition":0,"offset":30}],"version":1}' % topic)
            self.broker.tool("delete-records", "--offset-json-file", f"{directory}/delete.json")
            ended = self.read(topics=topic, state=f"{directory}/state").to_end().ending
        self.assertIn("FAILED_PRECONDITION", ended)
        self.assertIn("it was read up to offset 20 and begins at 30 now", ended)

    def test_memory_stays_bounded_while_the_job_takes_nothing(self):
        topic = self.topic(4)
        for partition in range(4):
            self.write(topic, ["x" * 10_000] * 8_000, partition=partition)  # 320 MB
        reading = self.read("set=queued.max.messages.kbytes=16384", topics=topic, until="never", pause=3_000)
        reading.until("V", lambda lines: len(lines) > 3_000)
        with open(f"/proc/{reading.process.pid}/status", encoding="utf-8") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        self.assertLess(peak, 160 << 10)
        reading.kill()


class Survives(TestCase):
    def setUp(self):
        self.broker = Broker().start()
        self.addCleanup(self.broker.close)

    def test_a_broker_that_is_killed_under_load(self):
        topic = self.topic(3)
        expected = self.fill(topic, 3, 5000)
        reading = self.read(topics=topic, until="never", workers=2, pause=50)
        for taken in (1000, 6000):
            reading.until("V", lambda lines, taken=taken: len(lines) >= taken)
            self.broker.kill()
            reading.until("L", lambda lines: "does not answer, waiting" in "".join(lines[-1:]))
            self.broker.start()
        reading.until("V", lambda lines: len(lines) >= len(expected))
        more = self.fill(topic, 1, 10)
        reading.until("V", lambda lines: len(lines) >= len(expected) + len(more))
        self.assertEqual(reading.stop().ending, "OK")
        self.assertEqual(reading.values, sorted(expected + more))
        self.assertEqual(sum("does not answer" in line for line in reading.said["L"]), 2)

    def test_a_broker_that_is_down_at_the_start(self):
        topic = self.topic()
        self.write(topic, ["1"])
        self.broker.stop()
        reading = self.read(topics=topic)
        reading.until("L", lambda lines: any("waiting for Kafka" in line for line in lines))
        self.broker.start()
        self.assertEqual(reading.to_end().values, ["1"])
        self.broker.stop()
        self.assertIn("UNAVAILABLE", self.read(topics=topic, patience=500).to_end().ending)


if __name__ == "__main__":
    at = sys.argv.index("--probe")
    PROBE = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    unittest.main(verbosity=2)
