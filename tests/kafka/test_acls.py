# SPDX-License-Identifier: MIT
"""Jobs and programs that may do what docs/guides/kafka.md says they need, and nothing else: test_acls.py [TEST...]"""
import os
import subprocess
import tempfile
import unittest

from broker import Broker, die_with_parent

BIN = os.environ.get("MILLRACE_BIN", "build/release/bin")
PATIENCE_S = 120
USERS = {name: f"secret-of-{name}" for name in ("exact", "weak", "plain", "maker", "watcher")}
EVENTS, RESULTS = "events", "results"
COUNT = 1000


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(users=USERS, settings={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # Who comes in without a name is the tests' own.
            "super.users": "User:ANONYMOUS"}).start()
        cls.addClassCleanup(cls.broker.close)
        for topic in (EVENTS, RESULTS):
            cls.broker.create_topic(topic, 2)
        cls.done(cls, cls.run_program("event_producer", "-b", cls.broker.bootstrap, "-t", EVENTS, "--count", str(COUNT)))

    @staticmethod
    def run_program(name, *arguments):
        return subprocess.run([os.path.join(BIN, name), *arguments, "--no-progress"], capture_output=True, text=True,
                              timeout=PATIENCE_S, preexec_fn=die_with_parent)

    def done(self, ran):
        if ran.returncode != 0:
            raise AssertionError(ran.stderr)
        return ran.stderr

    def allow(self, user, *permissions):
        for what, name, *operations in permissions:
            flags = [word for each in operations for word in ("--operation", each)]
            self.broker.tool("acls", "--add", "--allow-principal", f"User:{user}", f"--{what}", name, *flags)

    def run_as(self, user, program, *arguments):
        mechanism = "SCRAM-SHA-512" if self.broker.version == "3" else "PLAIN"
        properties = self.broker.client_properties(user, USERS[user], mechanism)
        server = properties.pop("bootstrap.servers")
        flags = [word for name, value in properties.items() for word in ("-X", f"{name}={value}")]
        return self.run_program(program, "-b", server, *flags, *arguments)

    def count_as(self, user, *more):
        with tempfile.TemporaryDirectory() as state:
            return self.run_as(user, "event_count", "--source", f"kafka:{EVENTS}", "--bounded", "-G", user,
                               "--checkpoint-dir", f"{state}/state", "--checkpoint-interval", "100ms", "--summary",
                               f"{state}/summary.json", *more)

    def test_a_job_exactly_once(self):
        self.broker.create_topic("exact.ckpt", 1)
        self.allow("exact", ("topic", EVENTS, "Read"), ("group", "exact", "Read"), ("topic", RESULTS, "Write"),
                   ("transactional-id", "exact-0", "Write"), ("transactional-id", "exact-1", "Write"),
                   ("group", "exact.eos", "Read"), ("topic", "exact.ckpt", "Read"))
        said = self.done(self.count_as("exact", "--sink", f"kafka:{RESULTS}"))
        self.assertNotIn("warning", said)
        self.assertIn(f"{COUNT} records in", said)

    def test_a_job_that_makes_its_control_topic(self):
        self.allow("maker", ("topic", EVENTS, "Read"), ("group", "maker", "Read"), ("topic", RESULTS, "Write"),
                   ("transactional-id", "maker-0", "Write"), ("transactional-id", "maker-1", "Write"),
                   ("group", "maker.eos", "Read"), ("topic", "maker.ckpt", "Read"))
        refused = self.count_as("maker", "--sink", f"kafka:{RESULTS}")
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("maker.ckpt", refused.stderr)
        self.allow("maker", ("topic", "maker.ckpt", "Create"))
        self.done(self.count_as("maker", "--sink", f"kafka:{RESULTS}"))

    def test_a_job_at_least_once_and_one_that_only_reads(self):
        self.allow("weak", ("topic", EVENTS, "Read"))
        self.assertIn("warning: group 'weak'", self.done(self.count_as("weak", "--sink", "stdout", "--start", "earliest")))
        refused = self.count_as("weak", "--sink", "stdout", "--start", "committed",
                                "--start-timeout", "3s")
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("group 'weak'", refused.stderr)
        self.allow("weak", ("group", "weak", "Read"))
        self.assertNotIn("warning", self.done(self.count_as("weak", "--sink", "stdout")))
        refused = self.count_as("weak", "--sink", f"kafka:{RESULTS}", "--delivery", "at-least-once")
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn(RESULTS, refused.stderr)
        self.allow("weak", ("topic", RESULTS, "Write"))
        self.assertNotIn("warning", self.done(self.count_as("weak", "--sink", f"kafka:{RESULTS}", "--delivery",
                                                            "at-least-once")))

    def test_the_producer_and_the_consumer(self):
        self.allow("plain", ("topic", RESULTS, "Write"))
        self.done(self.run_as("plain", "event_producer", "-t", RESULTS, "--count", "10"))
        self.allow("watcher", ("topic", EVENTS, "Read"), ("group", "watcher", "Read"))
        self.done(self.run_as("watcher", "event_consumer", "-t", EVENTS, "-G", "watcher", "--max-messages", "10"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
