# SPDX-License-Identifier: MIT
"""A crash at every step of the commit protocol: test_fail_points.py --probe PROGRAM [TEST...]

The probe counts values, exactly once, and kills itself at a step that it is told. For each step it does so
twice, at the first passing and, started again, at a later one; then it goes on to the end. Whoever reads
committed records must have seen each count of each value once, and in order.
"""
import collections
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from broker import Broker, die_with_parent  # noqa: E402

PATIENCE_S = 120
PROBE = None
# Once a start; the others once an epoch or batch.
OF_A_START = ("taking-over", "shut-out", "marker-read")
VALUES, TIMES, PARTITIONS = 7, 60, 2
EVENTS = "events"


class Probing(unittest.TestCase):
    """Runs of the probe on a broker, and what committed readers see of them."""

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker().start()
        cls.addClassCleanup(cls.broker.close)
        cls.broker.create_topic(EVENTS, 2)
        lines = "".join(f"value{i % VALUES}\n" for i in range(VALUES * TIMES))
        cls.kcat("-P", "-t", EVENTS, input=lines)

    @classmethod
    def kcat(cls, *arguments, input=None):
        return subprocess.run(["kcat", "-b", cls.broker.bootstrap, *arguments], input=input, check=True,
                              capture_output=True, text=True, timeout=PATIENCE_S).stdout

    def start_reader(self, topic):
        """From the first record on, and of what is committed only; it ends when it has read `count` records."""
        reader = subprocess.Popen(
            ["kcat", "-C", "-u", "-q", "-b", self.broker.bootstrap, "-t", topic, "-o", "beginning", "-c",
             str(VALUES * TIMES), "-X", "isolation.level=read_committed", "-f", "%p %k %s\n"],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        self.addCleanup(reader.stdout.close)
        return reader

    def command(self, topic, *more, state=None):
        return [PROBE, "run", f"bootstrap={self.broker.bootstrap}", f"in={EVENTS}", f"out={topic}", f"id={topic}",
                f"state={self.state}/{state or topic}", *more]

    def live(self, topic, *more):
        with tempfile.TemporaryFile("w+") as said:
            code = subprocess.run(self.command(topic, *more), stderr=said, timeout=PATIENCE_S,
                                  preexec_fn=die_with_parent).returncode
            said.seek(0)
            return code, said.read()

    def read(self, topic, isolation="read_committed"):
        return self.kcat("-C", "-q", "-e", "-t", topic, "-o", "beginning", "-X", f"isolation.level={isolation}",
                         "-f", "%p %k %s\n")

    def check(self, seen):
        """In each partition in order: what is read from several comes in any."""
        counts, home = collections.defaultdict(list), {}
        for line in seen.splitlines():
            partition, key, count = line.split(" ")
            self.assertEqual(home.setdefault(key, partition), partition)
            counts[key].append(int(count))
        self.assertEqual(counts, {f"value{i}": list(range(1, TIMES + 1)) for i in range(VALUES)})


class FailPoints(Probing):
    def torment(self, step):
        self.broker.create_topic(step, PARTITIONS)
        reader = self.start_reader(step)
        for passing in (1, 1 if step in OF_A_START else 3):
            code, said = self.live(step, f"step={step}", f"passing={passing}")
            self.assertEqual(code, -9, f"it was to be killed at passing {passing} of {step}: {said}")
        code, said = self.live(step)
        self.assertEqual(code, 0, said)
        watched, _ = reader.communicate(timeout=PATIENCE_S)
        for seen in (watched, self.read(step)):
            self.check(seen)

    def test_a_crash_at_every_step_loses_and_repeats_nothing(self):
        steps = subprocess.run([PROBE, "steps"], check=True, capture_output=True, text=True).stdout.split()
        self.assertGreater(len(steps), len(OF_A_START))
        self.assertLessEqual(set(OF_A_START), set(steps))
        with tempfile.TemporaryDirectory(prefix="millrace-kafka-") as self.state:
            for step in steps:
                with self.subTest(step=step):
                    self.torment(step)


if __name__ == "__main__":
    at = sys.argv.index("--probe")
    PROBE = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    unittest.main(verbosity=2)
