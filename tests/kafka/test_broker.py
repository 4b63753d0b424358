# SPDX-License-Identifier: MIT
"""What every other Kafka test relies on: the broker of broker.py, and its command line."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import artifacts  # noqa: E402
from broker import Broker, BrokerError, KafkaError, PortTaken, free_port, started_at  # noqa: E402

PYTHON = [sys.executable, "-B"]
CLI = [*PYTHON, os.path.join(HERE, "cli.py")]

PARENT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from broker import Broker
broker = Broker(sys.argv[2]).start()
print(broker.pid, flush=True)
signal.pause()
"""


def consumed(broker, topic, count, *arguments):
    return broker.tool("console-consumer", "--topic", topic, "--from-beginning", "--max-messages", str(count),
                       *arguments).splitlines()


def kcat(properties, *arguments, input=""):
    flags = [flag for key, value in properties.items() for flag in ("-X", f"{key}={value}")]
    return subprocess.run(["kcat", *flags, *arguments], input=input, capture_output=True, text=True)


class OneBroker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(users={"alice": "right one"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()


class TheBroker(OneBroker):
    def test_keeps_what_it_took_over_kill_and_stop(self):
        broker = self.broker
        broker.create_topic("kept", partitions=1)
        broker.tool("console-producer", "--topic", "kept", input="one\ntwo\n")
        address, first = broker.bootstrap, broker.pid
        broker.kill()
        self.assertIsNone(started_at(first))
        broker.start()
        self.assertEqual(broker.bootstrap, address)
        self.assertNotEqual(broker.pid, first)
        broker.tool("console-producer", "--topic", "kept", input="three\n")
        broker.restart()
        self.assertEqual(consumed(broker, "kept", 3, "--group", "readers"), ["one", "two", "three"])
        self.assertIn("kept:0:3", broker.tool("get-offsets", "--topic", "kept"))
        self.assertIn("readers", broker.tool("consumer-groups", "--list"))
        segment = os.path.join(broker.data, "kept-0", "00000000000000000000.log")
        self.assertIn("payload: two", broker.tool("dump-log", "--print-data-log", "--files", segment))

    def test_creates_grows_and_deletes_topics(self):
        broker = self.broker
        broker.create_topic("four", partitions=4, configs={"retention.ms": 1234})
        self.assertEqual(broker.topics()["four"], [1, 1, 1, 1])
        self.assertIn("retention.ms=1234", broker.tool("topics", "--describe", "--topic", "four"))
        broker.add_partitions("four", 6)
        self.assertEqual(len(broker.topics()["four"]), 6)
        with self.assertRaisesRegex(KafkaError, "TOPIC_ALREADY_EXISTS"):
            broker.create_topic("four")
        with self.assertRaisesRegex(KafkaError, "INVALID_CONFIG"):
            broker.create_topic("odd", configs={"no.such.setting": 1})
        broker.delete_topic("four")
        self.assertNotIn("four", broker.topics())
        with self.assertRaisesRegex(KafkaError, "UNKNOWN_TOPIC_OR_PARTITION"):
            broker.delete_topic("four")

    def test_lets_users_in_over_tls_and_nobody_else(self):
        broker = self.broker
        broker.create_topic("secrets")
        # SCRAM of Debian's librdkafka, and Kafka 4: see Broker. Kafka's own tools show below that it works.
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")[:3 if broker.version == "3" else 1]:
            right = broker.client_properties("alice", "right one", mechanism)
            sent = kcat(right, "-P", "-t", "secrets", input=mechanism + "\n")
            self.assertEqual(sent.returncode, 0, sent.stderr)
            read = kcat(right, "-C", "-t", "secrets", "-e", "-q")
            self.assertEqual(read.stdout.split()[-1:], [mechanism], read.stderr)
        for wrong in (broker.client_properties("alice", "wrong one"), broker.client_properties("bob", "right one")):
            refused = kcat(wrong, "-L", "-m", "10")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("SASL authentication error", refused.stderr)
        stranger = dict(broker.client_properties("alice", "right one"))
        del stranger["ssl.ca.location"]
        refused = kcat(stranger, "-L", "-m", "10")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("certificate verify failed", refused.stderr)

    def test_lets_kafkas_own_tools_in_by_scram_over_tls(self):
        broker = self.broker
        secure = ("--list", "--bootstrap-server", broker.secure_bootstrap, "--command-config")
        broker.tool("topics", *secure, broker.java_properties("alice", "right one"))
        refused = broker.run_tool("topics", *secure, broker.java_properties("alice", "wrong one"))
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("SaslAuthenticationException", refused.stdout + refused.stderr)

    def test_answers_nothing_while_it_is_paused(self):
        broker = self.broker
        broker.pause()
        try:
            self.assertFalse(broker.is_ready())
        finally:
            broker.resume()
        self.assertIsInstance(broker.topics(), dict)

    def test_is_one_for_a_directory(self):
        with self.assertRaisesRegex(BrokerError, "running .* already"):
            Broker(self.broker.directory).start()

    def test_says_who_is_in_its_way(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", free_port()))
            other.listen()
            port = other.getsockname()[1]
            occupied = Broker(port=port)
            try:
                with self.assertRaisesRegex(PortTaken, f"something else listens on 127.0.0.1:{port}"):
                    occupied.start()
            finally:
                occupied.close()


class ItsParent(unittest.TestCase):
    def test_takes_it_along_when_it_is_killed(self):
        with tempfile.TemporaryDirectory(prefix="millrace-kafka-") as directory:
            parent = subprocess.Popen([*PYTHON, "-c", PARENT, HERE, directory], stdout=subprocess.PIPE, text=True)
            with parent.stdout:
                pid = int(parent.stdout.readline())
            parent.kill()
            parent.wait()
            Broker(directory).wait_until_gone()
            self.assertIsNone(started_at(pid))


class TheCommandLine(unittest.TestCase):
    def setUp(self):
        # The real class path and archive, but a place of its own for the broker that stays.
        self.root = tempfile.mkdtemp(prefix="millrace-kafka-")
        broker = Broker()
        self.addCleanup(broker.close)
        release = artifacts.releases()[broker.version]
        os.symlink(os.path.realpath(os.path.join(artifacts.root(), release)), os.path.join(self.root, release))
        self.environment = dict(os.environ, MILLRACE_KAFKA_DIR=self.root)
        self.port = str(free_port())
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.addCleanup(self.call, "stop")

    def call(self, *arguments):
        return subprocess.run([*CLI, *arguments], env=self.environment, capture_output=True, text=True)

    def good(self, *arguments):
        result = self.call(*arguments)
        self.assertEqual(result.returncode, 0, f"{arguments}: {result.stdout}{result.stderr}")
        return result.stdout

    def bad(self, *arguments):
        result = self.call(*arguments)
        self.assertNotEqual(result.returncode, 0, f"{arguments}: {result.stdout}")
        self.assertNotIn("Traceback", result.stderr)
        return result.stderr

    def test_starts_tells_and_stops(self):
        self.assertIn("no broker is running", self.good("stop"))
        self.assertIn("no broker is running", self.bad("status"))
        self.assertIn(f"127.0.0.1:{self.port}", self.good("start", "--port", self.port))
        self.assertIn("running already", self.good("start", "--port", self.port))
        self.assertIn("not with this", self.bad("start", "--port", str(free_port())))
        self.good("topic", "create", "words", "--partitions", "3")
        self.assertEqual(self.good("topic", "list"), "words 3\n")
        self.assertIn("topic words: partitions 3", self.good("status"))
        os.kill(Broker(os.path.join(self.root, "broker")).pid, signal.SIGKILL)
        Broker(os.path.join(self.root, "broker")).wait_until_gone()
        self.assertIn("no broker is running", self.bad("topic", "list"))
        self.good("start", "--port", self.port)
        self.assertEqual(self.good("topic", "list"), "words 3\n")
        self.assertIn("other users", self.bad_after_stop("start", "--port", self.port, "--user", "alice:secret"))

    def bad_after_stop(self, *arguments):
        self.assertEqual(self.good("stop"), "stopped\n")
        return self.bad(*arguments)

    def test_refuses_what_it_does_not_know(self):
        for arguments, expected in (
                (["launch"], "invalid choice"), ([], "required"), (["start", "--port", "0"], "not a number from 1"),
                (["start", "--kafka", "2"], "invalid choice"), (["start", "--user", "alice"], "NAME:PASSWORD|KEY:VALUE"),
                (["run"], "run what")):
            with self.subTest(arguments=arguments):
                self.assertRegex(self.bad(*arguments), expected)

    def test_runs_a_command_beside_a_broker(self):
        script = ("import os, socket\n"
                  "control = socket.socket(socket.AF_UNIX)\n"
                  "control.connect(os.environ['MILLRACE_KAFKA_CONTROL'])\n"
                  "lines = control.makefile('rw')\n"
                  "for line in ('topic words 2', 'kill', 'start', 'dance', 'topic words 2'):\n"
                  "    lines.write(line + '\\n'); lines.flush(); print(line, '->', lines.readline(), end='')\n"
                  "host, port = os.environ['MILLRACE_KAFKA_BOOTSTRAP'].split(':')\n"
                  "socket.create_connection((host, int(port))).close()\n"
                  "raise SystemExit(7)\n")
        result = self.call("run", "--", *PYTHON, "-c", script)
        self.assertEqual(result.returncode, 7, result.stderr)
        answers = result.stdout.splitlines()
        self.assertEqual(answers[:3], ["topic words 2 -> ok", "kill -> ok", "start -> ok"])
        self.assertIn("not understood", answers[3])
        self.assertIn("TOPIC_ALREADY_EXISTS", answers[4])


if __name__ == "__main__":
    unittest.main(verbosity=2)
