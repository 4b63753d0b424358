# SPDX-License-Identifier: MIT
"""What each rule of the commit protocol is there for: test_rules.py --probe PROGRAM [TEST...]

Every test makes the same trouble twice: for a job that keeps to the rules of docs/design/commit-protocol.md, whose
results committed readers see once and in order, and for one that drops a rule, which is seen to go wrong. Rules
dropped here:

  C2  the marker is in the transaction   marker-in-transaction
  C3  shut out first, then read          shut-out-first
  C4  delivered before the next is sent  delivered-first
  C8  no marker, no start                marker-not-behind

C2 (durable before the end) and C6 are dropped in tests/simulation, where a disk may fail at any step. The rest are
no switches, for these reasons; tests/model drops them all, and finds the harm:

  C1  One thread commits one epoch after the other: there is nobody who could send a marker before the epoch in front
      of it is verified. What a marker that is sent too early does depends on the broker's own timing besides.
  C2  That all is delivered before a transaction ends librdkafka sees to by itself as well: its commit flushes.
  C3  Stable offsets: a broker holds an answered commit back for milliseconds, and not on request. Every id: as for
      "shut out first", with one id of the two.
  C5  Harm needs a request that arrives after another one was sent in its place, which no broker does on request;
      when a producer counts as in doubt is shown in tests/unit/connectors/kafka_producer_test.cpp.
  C7  One column family, and an epoch's number in its own batch, are what the store is made of.
  C9  Is about tests: none of these uses librdkafka's mock cluster.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import test_fail_points
from test_fail_points import PARTITIONS, PATIENCE_S, TIMES, VALUES, Probing, die_with_parent

DROPPED = {"marker-in-transaction", "shut-out-first", "delivered-first", "marker-not-behind"}
ELSEWHERE = {"durable-first", "committed-first"}


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"has not come to be: {what}")
        time.sleep(0.02)  # between two questions


def is_standing(process):
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


class Rules(Probing):
    number = 0

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millrace-kafka-")
        self.addCleanup(folder.cleanup)
        self.state = folder.name

    def topic(self):
        Rules.number += 1
        self.broker.create_topic(f"rule{Rules.number}", PARTITIONS)
        return f"rule{Rules.number}"

    def start(self, topic, *more, state=None):
        job = subprocess.Popen(self.command(topic, *more, state=state), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=die_with_parent)
        self.addCleanup(job.wait)
        for pipe in (job.stdin, job.stderr):
            self.addCleanup(pipe.close)
        self.addCleanup(job.kill)
        return job

    def count(self, topic, isolation="read_committed"):
        return len(self.read(topic, isolation).splitlines())

    def check_harm(self, rule, trouble):
        """`trouble` makes it for the rules dropped that it is given, and answers with the results' topic."""
        self.check(self.read(trouble()))
        # Where the harm takes a bit of bad luck, one has it soon.
        until(lambda: not self.is_right(trouble(f"without={rule}")), f"a run that goes wrong without {rule}")

    def is_right(self, topic):
        try:
            self.check(self.read(topic))
        except self.failureException:
            return False
        return True

    def test_all_are_here_or_in_the_simulation(self):
        names = subprocess.run([test_fail_points.PROBE, "rules"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(set(names.split()), DROPPED | ELSEWHERE)

    def test_without_a_marker_in_its_transaction_an_epoch_is_repeated(self):
        def trouble(*without):
            topic = self.topic()
            # The first is the epoch that takes over.
            code, said = self.live(topic, "step=transaction-ended", "passing=2", "from=2", *without)
            self.assertEqual(code, -9, said)
            code, said = self.live(topic)
            self.assertEqual(code, 0, said)
            return topic
        self.check_harm("marker-in-transaction", trouble)

    def test_with_a_marker_read_before_others_are_shut_out_their_epoch_is_repeated(self):
        def trouble(*without):
            topic = self.topic()
            first = self.start(topic, "step=delivered", "passing=3", "then=stop", "restarts=0")
            until(lambda: is_standing(first), "a job that stands still")
            before = self.count(topic)
            shutil.copytree(f"{self.state}/{topic}", f"{self.state}/{topic}.copy")
            second = self.start(topic, "step=marker-read", "then=stop", *without, state=f"{topic}.copy")
            until(lambda: is_standing(second), "another one that has read the marker")
            first.send_signal(signal.SIGCONT)
            until(lambda: first.poll() is not None or self.count(topic) > before, "an epoch, or an end, of the first one")
            first.kill()
            second.send_signal(signal.SIGCONT)
            said = second.communicate(timeout=PATIENCE_S)[1]
            self.assertEqual(second.returncode, 0, said)
            return topic
        self.check_harm("shut-out-first", trouble)

    def test_with_the_next_epoch_sent_before_this_one_is_delivered_they_change_places(self):
        def trouble(*without):
            topic = self.topic()
            # Ten at a time; what is left of an epoch waits to be sent for, or for 5 s.
            job = self.start(topic, "step=next-open", "passing=2", "then=wait", "set=batch.num.messages=10",
                             "set=linger.ms=5000", *without)
            while "waiting" not in (line := job.stderr.readline()):
                self.assertTrue(line, "it ended")
            # The next one has all the rest: no epoch ends while this one does not.
            enough = VALUES * TIMES - 2 * PARTITIONS * 10
            until(lambda: self.count(topic, "read_uncommitted") > enough, "results of the next epoch")
            said = job.communicate("go on\n", timeout=PATIENCE_S)[1]
            self.assertEqual(job.returncode, 0, said)
            return topic
        self.check_harm("delivered-first", trouble)

    def test_without_a_marker_a_job_that_starts_all_the_same_repeats_what_it_did(self):
        def trouble(*without):
            topic = self.topic()
            code, said = self.live(topic, "step=confirmed", "passing=4")
            self.assertEqual(code, -9, said)
            seen = self.read(topic)
            # The note of what is committed is never synced: a power failure may take it as well.
            os.remove(f"{self.state}/{topic}/COMMITTED")
            self.broker.tool("consumer-groups", "--delete", "--group", f"{topic}.eos")
            code, said = self.live(topic, *without)
            return topic, code, said, seen
        topic, code, said, before = trouble()
        self.assertEqual(code, 1, said)
        self.assertIn("remembers nothing of this job", said)
        self.assertEqual(self.read(topic), before)
        topic, code, said, before = trouble("without=marker-not-behind")
        self.assertEqual(code, 0, said)
        again = set(before.splitlines()) & set(self.read(topic).splitlines()[len(before.splitlines()):])
        self.assertGreater(len(again), 0, "nothing came twice")


if __name__ == "__main__":
    at = sys.argv.index("--probe")
    test_fail_points.PROBE = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    unittest.main(verbosity=2)
