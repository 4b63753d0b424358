# SPDX-License-Identifier: MIT
"""event_producer and event_consumer against a real broker, beside kcat and Kafka's own tools."""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "programs")]
from broker import Broker  # noqa: E402
from program import ProgramTest, path_of, run  # noqa: E402

QUIET = ["--no-progress", "--log-level", "warn"]
# What Java's default partitioner makes of these keys: murmur2, its sign cut off (org.apache.kafka.common.utils.Utils).
MURMUR2 = {"user_0": None, "21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
           "a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971}


def murmur2(data):
    """Kafka's, in 32 bits with a sign; from the algorithm's description."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    h ^= h >> 15
    return h - (1 << 32) if h >> 31 else h


def partition_of(key, partitions):
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def figure(block, name):
    """The last statistics block's figure."""
    return int(re.findall(rf"^{name}: (\d+)$", block, re.MULTILINE)[-1])


def counts(block, title):
    """{name: count} below the last such title."""
    rows = block.rpartition(f"Top {title}:\n")[2].split("\n\n")[0].splitlines()
    return {name: int(count.split()[0]) for name, count in (row.strip().rsplit(": ", 1) for row in rows)}


class Reading:
    """A consumer that runs; its stderr is read along, so that a test can wait for what it says."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([path_of("event_consumer"), "--no-progress", "--statistics-interval", "100ms", *map(str, arguments)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = {"out": "", "err": ""}
        self.news = threading.Condition()
        self.threads = [threading.Thread(target=self.read, args=(name, stream), daemon=True)
                        for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))]
        for thread in self.threads:
            thread.start()

    def read(self, name, stream):
        for line in stream:
            with self.news:
                self.said[name] += line
                self.news.notify_all()
        with self.news:
            self.said[name] += "\0"  # its end
            self.news.notify_all()

    def await_that(self, name, condition):
        """Waits until the condition holds of what was said; fails when the program ends before."""
        with self.news:
            self.news.wait_for(lambda: condition(self.said[name]) or self.said[name].endswith("\0"))
            assert condition(self.said[name]), self.said

    def await_partitions(self, times=1):
        self.await_that("err", lambda said: said.count("partitions given") >= times)

    def await_records(self, count):
        self.await_that("out", lambda said: any(int(total) + int(errors) >= count for total, errors in re.findall(
            r"^Total Events: (\d+)\nElapsed.*\nEvent.*\nErrors: (\d+)$", said, re.MULTILINE)))

    def end(self, number=signal.SIGTERM):
        """Ends it by a signal: its exit code, its last block."""
        self.process.send_signal(number)
        code = self.process.wait()
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, self.said["out"].rstrip("\0")


class WithBroker(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(users={"alice": "right one"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()

    def setUp(self):
        super().setUp()
        self.topic = f"t-{uuid.uuid4().hex[:8]}"

    def create(self, partitions=4, **configs):
        self.broker.create_topic(self.topic, partitions, {k.replace("_", "."): v for k, v in configs.items()})

    def cluster(self, *arguments):
        return ["-b", self.broker.bootstrap, "-t", self.topic, *map(str, arguments)]

    def produce(self, count, *arguments, code=0):
        return self.assert_done(run("event_producer", "--no-progress", *self.cluster("--count", count, *arguments)), code)

    def consume(self, count, *arguments, code=0):
        result = self.assert_done(run("event_consumer", *QUIET, *self.cluster("--max-messages", count, *arguments)), code)
        return result.out.decode()

    def kcat(self, *arguments):
        result = subprocess.run(["kcat", "-b", self.broker.bootstrap, "-C", "-e", "-q", "-t", self.topic, *arguments], capture_output=True, text=True,
                                check=True)
        return result.stdout.splitlines()

    def committed(self, group):
        """How far the group has come, over all partitions."""
        rows = self.broker.tool("consumer-groups", "--describe", "--group", group).splitlines()
        return sum(int(row.split()[3]) for row in rows if row.split()[1:2] == [self.topic] and row.split()[3] != "-")


class Producing(WithBroker):
    def test_what_is_produced_is_consumed_with_exact_statistics(self):
        self.create()
        self.produce(5000, "--seed", 3, "--invalid", 0.05, "--users", 20, "--expected-out", self.path("expected"), "--window", "1000d")
        expected = collections.Counter()
        for row in map(json.loads, self.read("expected").splitlines()):
            expected[row["event_type"]] += row["count"]
        block = self.consume(5000, "--top", 100)
        self.assertEqual(figure(block, "Total Events"), sum(expected.values()))
        self.assertEqual(figure(block, "Errors"), 5000 - sum(expected.values()))
        self.assertEqual(counts(block, "Event Types"), expected)
        self.assertEqual(sum(counts(block, "Users").values()), sum(expected.values()))

    def test_kcat_and_the_console_consumer_read_what_it_writes_where_java_would_put_it(self):
        self.create(partitions=7)
        self.produce(700, "--seed", 1, "--users", 300, "--compression", "lz4")
        seen = [line.split("|", 2) for line in self.kcat("-f", "%k|%p|%s\n")]
        self.assertEqual(len(seen), 700)
        for key, partition, value in seen:
            self.assertEqual(key, json.loads(value)["user_id"])
            self.assertEqual(int(partition), partition_of(key, 7))
        self.assertGreater(len({partition for _, partition, _ in seen}), 5)
        lines = self.broker.tool("console-consumer", "--topic", self.topic, "--from-beginning", "--max-messages", "700", "--property", "print.key=true")
        self.assertEqual(sorted(line.split("\t")[1] for line in lines.splitlines()), sorted(value for _, _, value in seen))

    def test_java_puts_the_same_keys_into_the_same_partitions(self):
        for key, hashed in MURMUR2.items():
            if hashed is not None:
                self.assertEqual(murmur2(key.encode()), hashed)
        self.create(partitions=7)
        keys = [f"user_{i}" for i in range(100)]
        self.broker.tool("console-producer", "--topic", self.topic, "--property", "parse.key=true", "--property", "key.separator=|",
                         input="".join(f"{key}|x\n" for key in keys))
        self.assertEqual({key: int(partition) for key, partition in (line.split("|") for line in self.kcat("-f", "%k|%p\n"))},
                         {key: partition_of(key, 7) for key in keys})

    def test_one_users_events_stay_in_order(self):
        self.create(partitions=3)
        self.produce(3000, "--seed", 5, "--users", 10, "-X", "queue.buffering.max.messages=50")
        times = collections.defaultdict(list)
        for line in self.kcat("-f", "%k|%s\n"):
            key, value = line.split("|", 1)
            times[key].append(json.loads(value)["timestamp"])
        self.assertEqual(sum(map(len, times.values())), 3000)
        for each in times.values():
            self.assertEqual(each, sorted(each))

    def test_a_full_queue_is_waited_for_and_said(self):
        self.create()
        result = self.produce(5000, "-X", "queue.buffering.max.messages=100", "-X", "linger.ms=1")
        self.assertIn(b"5000 records sent", result.err)
        self.assertRegex(result.err, rb"waited \d+ times, .* \(back-pressure\)")

    def test_a_record_too_large_is_counted_and_ends_in_failure(self):
        self.create(max_message_bytes=300)
        result = self.produce(50, "--event-types", "a," + "b" * 400, "--batch-size", 1, "--seed", 1,
                              "-X", "max.in.flight.requests.per.connection=1", code=1)
        failed = int(re.search(rb"event_producer: (\d+) records were not delivered to topic '[^']+': \1 Broker: Message size too large", result.err)[1])
        self.assertGreater(failed, 5)
        self.assertIn(f"{50 - failed} records sent".encode(), result.err)
        self.assertEqual(len(self.kcat()), 50 - failed)

    def test_less_than_all_acknowledgements_are_possible(self):
        self.create()
        self.produce(100, "--acks", 1, "--linger-ms", 0)
        self.assertEqual(len(self.kcat()), 100)
        # Sent is all that is known of these.
        self.assertIn(b"100 records sent", self.produce(100, "--acks", 0).err)

    def test_a_signal_stops_the_making_and_delivers_what_was_made(self):
        self.create()
        arguments = self.cluster("--high-volume", "--rate", 2000, "--duration", 600, "--expected-out", self.path("x"))
        with subprocess.Popen([path_of("event_producer"), *arguments], stderr=subprocess.PIPE) as made:
            while not self.kcat("-c", "1"):
                self.assertIsNone(made.poll())
            made.send_signal(signal.SIGINT)
            said = made.stderr.read()
            self.assertEqual(made.wait(), 0, said)
        there = len(self.kcat())
        self.assertIn(f"{there} records sent".encode(), said)
        self.assertEqual(sum(json.loads(row)["count"] for row in self.read("x").splitlines()), there)

    def test_a_missing_topic_is_named(self):
        for program, *more in (("event_producer", "--count", 1), ("event_consumer",)):
            result = self.assert_done(run(program, *self.cluster(*more)), 1)
            self.assertIn(f"topic '{self.topic}': Broker: Unknown topic or partition (create the topic, or correct its name)", result.err.decode())

    def test_wrong_credentials_are_refused_and_right_ones_come_in_with_the_secret_shown_nowhere(self):
        self.create()
        secret = self.write("secret", "right one\n")
        wrong = self.write("wrong", "wrong one\n")
        properties = self.broker.client_properties("alice", "")
        del properties["bootstrap.servers"], properties["sasl.password"]
        flags = [flag for key, value in properties.items() for flag in ("-X", f"{key}={value}")]
        flags += ["-b", self.broker.secure_bootstrap, "-t", self.topic, "--log-level", "debug"]
        result = self.assert_done(run("event_producer", *flags, "-X", f"sasl.password.file={secret}", "--count", 10))
        self.assertIn(b"sasl.password=********", result.err)
        self.assertNotIn(b"right one", result.err)
        result = self.assert_done(run("event_consumer", *flags, "-X", "sasl.password.env=SECRET", "--max-messages", 10,
                                      env=dict(os.environ, SECRET="right one")))
        self.assertIn(b"Total Events: 10\n", result.out)
        self.assertNotIn(b"right one", result.err + result.out)
        for program in ("event_producer", "event_consumer"):
            result = self.assert_done(run(program, *flags, "-X", f"sasl.password.file={wrong}"), 1)
            self.assertIn(b"refuses this client", result.err)
            self.assertNotIn(b"wrong one", result.err)


class Consuming(WithBroker):
    def test_it_reads_what_the_console_producer_writes(self):
        self.create(partitions=1)
        good = '{"timestamp":"2025-12-12T10:30:00.000Z","event_type":"login","user_id":"u"}'
        self.broker.tool("console-producer", "--topic", self.topic, "--property", "parse.key=true", "--property", "key.separator=|",
                         "--property", "null.marker=NULL", input=f"a|{good}\na|not json\na|NULL\na|\nb|{good}\n")
        block = self.consume(5)
        self.assertEqual((figure(block, "Total Events"), figure(block, "Errors")), (2, 3))

    def test_a_restart_goes_on_where_the_group_has_come_to(self):
        self.create()
        self.produce(1000, "--users", 10, "--invalid", 0.1, "--seed", 2)
        blocks = [self.consume(n, "-G", self.topic, "--top", 1000) for n in (1, 299, 700)]
        self.assertEqual([figure(b, "Total Events") + figure(b, "Errors") for b in blocks], [1, 299, 700])
        self.assertEqual(self.committed(self.topic), 1000)
        whole = self.consume(1000, "-G", self.topic + "-2", "--top", 1000)
        self.assertEqual(sum(figure(b, "Errors") for b in blocks), figure(whole, "Errors"))
        parts = collections.Counter()
        for block in blocks:
            parts.update(counts(block, "Users"))
        self.assertEqual(parts, counts(whole, "Users"))

    def test_groups_do_not_know_of_one_another(self):
        self.create()
        readers = [Reading(*self.cluster("-G", f"{self.topic}-{i}")) for i in range(2)]
        for reader in readers:
            reader.await_partitions()
        self.produce(2000)
        for reader in readers:
            reader.await_records(2000)
            code, out = reader.end()
            self.assertEqual((code, figure(out, "Total Events")), (0, 2000))

    def members_share(self, strategy):
        self.create()
        flags = self.cluster("-G", self.topic, "-X", f"partition.assignment.strategy={strategy}")
        first = Reading(*flags)
        first.await_partitions()
        second = Reading(*flags)
        second.await_partitions()
        # Cooperative members keep what they may keep, so that "taken away" is what tells of the second.
        first.await_that("err", lambda said: "taken away" in said)
        if strategy == "range":
            first.await_partitions(2)
        self.produce(2000, "--users", 500)
        self.await_sum(2000, first, second)
        self.assertGreater(self.newest(second), 100)
        code, out = second.end()
        self.assertEqual(code, 0)
        seen = figure(out, "Total Events")
        # All is the first one's again: what comes now reaches it.
        self.produce(2000, "--users", 500)
        first.await_records(4000 - seen)
        code, out = first.end()
        self.assertEqual((code, figure(out, "Total Events") + seen), (0, 4000))
        self.assertEqual(self.committed(self.topic), 4000)

    def newest(self, reader):
        return max(map(int, re.findall(r"^Total Events: (\d+)$", reader.said["out"], re.MULTILINE)), default=0)

    def await_sum(self, count, *readers):
        while sum(map(self.newest, readers)) < count:
            for reader in readers:
                self.assertIsNone(reader.process.poll(), reader.said)
            time.sleep(0.01)  # between two looks

    def test_members_of_a_group_share_and_take_over_from_one_that_leaves(self):
        self.members_share("range")

    def test_members_share_cooperatively_when_told_to(self):
        self.members_share("cooperative-sticky")

    def test_what_a_killed_member_had_not_committed_comes_again(self):
        self.create()
        flags = self.cluster("-G", self.topic, "-X", "session.timeout.ms=1000", "-X", "heartbeat.interval.ms=200", "--auto-commit-interval", "1h")
        first = Reading(*flags)
        first.await_partitions()
        self.produce(1000)
        first.await_records(1000)
        first.end(signal.SIGKILL)
        second = Reading(*flags)
        second.await_records(1000)
        code, out = second.end()
        self.assertEqual((code, figure(out, "Total Events")), (0, 1000))
        self.assertEqual(self.committed(self.topic), 1000)

    def test_a_signal_that_comes_while_it_begins_is_heeded_and_it_leaves_the_group(self):
        self.create()
        preloaded = dict(os.environ, LD_PRELOAD=os.path.abspath(path_of("signal_at_subscribe.so")))
        self.assert_done(run("event_consumer", *QUIET, *self.cluster("-G", self.topic), env=preloaded))
        state = self.broker.tool("consumer-groups", "--describe", "--state", "--group", self.topic)
        self.assertRegex(state.splitlines()[-1], r" (Empty|Dead) +0")

    def test_commits_come_at_their_interval(self):
        self.create()
        self.produce(500)
        reader = Reading(*self.cluster("-G", self.topic, "--auto-commit-interval", "100ms"))
        reader.await_records(500)
        while self.committed(self.topic) < 500:
            self.assertIsNone(reader.process.poll(), reader.said)
        reader.end(signal.SIGKILL)

    def test_windows_have_the_same_metrics_as_from_a_file(self):
        self.create()
        flags = ["--aggregate", "--window", 60, "--top", 3, "--out-of-orderness", "1h"]
        self.produce(3000, "--seed", 8, "--invalid", 0.02)
        self.assert_done(run("event_producer", "--count", 3000, "--seed", 8, "--invalid", 0.02, "--sink", self.path("e")))
        rows = [sorted(line for line in out.splitlines() if line.startswith("{")) for out in (
            self.consume(3000, *flags),
            self.assert_done(run("event_consumer", *QUIET, "--source", f"file:{self.path('e')}", *flags)).out.decode())]
        self.assertEqual(rows[0], rows[1])
        self.assertGreater(len(rows[0]), 2)

    def test_several_topics_and_patterns_are_read_together(self):
        topics = [f"{self.topic}-{i}" for i in range(2)]
        for topic in topics:
            self.broker.create_topic(topic, 2)
            self.assert_done(run("event_producer", "-b", self.broker.bootstrap, "--sink", f"kafka:{topic}", "--count", 100))
        other = f"{topics[1]}-of-another-kind"
        self.broker.create_topic(other)
        self.assert_done(run("event_producer", "-b", self.broker.bootstrap, "--sink", f"kafka:{other}", "--count", 100))
        for source in (",".join(topics), f"^{self.topic}-.{{1,2}}", f"^{self.topic}-0|{self.topic}-1"):
            flags = ("--no-progress", "-b", self.broker.bootstrap, "--source", f"kafka:{source}")
            result = self.assert_done(run("event_consumer", *flags, "-G", uuid.uuid4().hex, "--max-messages", 200))
            self.assertIn(b"Total Events: 200\n", result.out)
            self.assertRegex(result.err.decode(), r"partitions given: (\S+, ){3}\S+\n")
            self.assertNotIn(other.encode(), result.err)
            # To a job it means the same.
            self.assert_done(run("event_count", *flags, "--bounded", "--summary", self.path("summary.json")))
            self.assertEqual(json.loads(self.read("summary.json"))["records_in"], 200)

    def partitions(self):
        """How far they were read, by the summary; none of what is not known."""
        found = json.loads(self.read("summary.json"))["partitions"]
        for each in found:
            if each["current"] is not None and each["end"] is not None:
                self.assertEqual(each["lag"], each["end"] - each["current"])
        self.assertEqual([each["partition"] for each in found], [f"{self.topic}-{i}" for i in range(len(found))])
        return {key: [each[key] for each in found if each[key] is not None] for key in ("committed", "current", "end", "lag")}

    def test_the_lag_is_told_by_partition(self):
        self.create(partitions=2)
        self.produce(1000)
        summary = ("--summary", self.path("summary.json"))
        self.consume(400, "-G", self.topic, *summary)
        first = self.partitions()
        self.assertEqual((sum(first["current"]), sum(first["committed"])), (400, 400))
        self.assertGreater(sum(first["lag"]), 0)
        self.consume(600, "-G", self.topic, *summary)
        whole = {key: sum(values) for key, values in self.partitions().items()}
        self.assertEqual(whole, {"committed": 1000, "current": 1000, "end": 1000, "lag": 0})
        # Nothing is read any more, and yet it is known where the group stands.
        reader = Reading(*self.cluster("-G", self.topic, *summary))
        reader.await_partitions()
        self.assertEqual(reader.end()[0], 0)
        self.assertEqual(sum(self.partitions()["committed"]), 1000)
        job = ("--source", f"kafka:{self.topic}", "-b", self.broker.bootstrap, "-G", f"{self.topic}-job", *summary)
        self.assert_done(run("event_count", *QUIET, *job, "--bounded", "--checkpoint-dir", self.path("state")))
        self.assertEqual({key: sum(values) for key, values in self.partitions().items()}, whole)

    def test_the_lag_stands_in_the_progress(self):
        self.create(partitions=2)
        self.produce(100)
        for program, *flags in (("event_consumer", *self.cluster()), ("event_count", *self.cluster())):
            with subprocess.Popen([path_of(program), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as reading:
                try:
                    while not re.search(rb"100 records, \d+ records/s, lag 0\n", line := reading.stderr.readline()):
                        self.assertTrue(line)
                        self.assertNotIn(b"60s: ", line)
                    reading.send_signal(signal.SIGTERM)
                    reading.stderr.read()
                    self.assertEqual(reading.wait(), 0)
                finally:
                    reading.kill()

    def test_where_to_begin_may_be_said_otherwise(self):
        self.create()
        self.produce(10, "--event-types", "before")
        reader = Reading(*self.cluster("-G", self.topic, "-X", "auto.offset.reset=latest"))
        reader.await_partitions()
        # A partition's end is asked for when it is first read, which may be in the midst of these: so some are missed,
        # and they are produced until some are read.
        while self.newest(reader) == 0:
            self.produce(100, "--event-types", "since")
        code, out = reader.end()
        self.assertEqual(code, 0)
        self.assertEqual(counts(out, "Event Types"), {"since": figure(out, "Total Events")})


class CommandLines(ProgramTest):
    """Who is not refused here waits for a broker for ever."""

    def assert_wrong(self, program, flags, *words):
        command = (*flags, "-b", "127.0.0.1:1", "--start-timeout", "1h", "--no-progress")
        with self.subTest(program=program, flags=flags):
            self.assert_refused(run(program, *command), f"{program}: ", *words)

    def test_properties_that_librdkafka_refuses_together_are_refused_and_named(self):
        self.assert_wrong("event_producer", ["--linger-ms", 200000], "--linger-ms: ", "`message.timeout.ms`")
        self.assert_wrong("event_producer", ["-X", "linger.ms=200000"], "--kafka: ", "`message.timeout.ms`")
        self.assert_wrong("event_producer", ["-X", "acks=1"], "--kafka: ", "`acks`", "--acks 1")
        self.assert_wrong("event_consumer", ["-X", "session.timeout.ms=400000"], "--kafka: ", "`session.timeout.ms`")
        self.assert_wrong("event_count", ["-t", "t", "-X", "session.timeout.ms=400000"], "--kafka: ", "`session.timeout.ms`")
        to_topic = ("--source", "generate:1", "--sink", "kafka:")
        self.assert_wrong("event_count", [*to_topic, "-X", "acks=1"], "--kafka: ", "`acks`")
        letters = ("--source", "generate:1", "--dead-letters", "kafka:dead", "--checkpoint-dir", self.path("state"))
        self.assert_wrong("revenue", [*letters, "-X", "message.timeout.ms=900001"], "--kafka: ", "`message.timeout.ms`")

    def test_properties_that_a_program_depends_on_are_refused_with_the_flag_that_is_meant(self):
        self.assert_wrong("event_consumer", ["-X", "enable.auto.offset.store=true"], "--kafka: ", "'enable.auto.offset.store'")
        self.assert_wrong("sessions", ["-t", "t", "-X", "group.id=other"], "--kafka: ", "'group.id'", "--group-id is for that")
        self.assert_wrong("sessions", ["-t", "t", "-X", "auto.offset.reset=latest"], "'auto.offset.reset'", "--start is for that")
        self.assert_wrong("event_count", ["--sink", "kafka:", "-X", "enable.idempotence=false"], "'enable.idempotence'")
        self.assert_wrong("event_count", ["--sink", "kafka:", "--checkpoint-dir", self.path("state"), "-X", "transactional.id=mine"],
                          "--kafka: ", "'transactional.id'")


class BadDays(ProgramTest):
    def test_a_broker_that_is_not_there_is_waited_for_and_then_given_up(self):
        for program in ("event_producer", "event_consumer"):
            result = self.assert_done(run(program, "-b", "127.0.0.1:1", "--start-timeout", "300ms"), 1)
            said = result.err.decode()
            self.assertIn("waiting for Kafka at 127.0.0.1:1: ", said)
            self.assertIn("Connection refused", said)
            self.assertIn("--start-timeout says how long to wait", said)

    def assert_a_signal_ends_the_waiting(self, program, *arguments):
        command = [path_of(program), "-b", "127.0.0.1:1", "--start-timeout", "1h", *arguments]
        with self.subTest(command=command), subprocess.Popen(command, stderr=subprocess.PIPE) as waiting:
            try:
                while b"waiting for Kafka" not in (line := waiting.stderr.readline()):
                    self.assertTrue(line, "it ended without waiting")
                waiting.send_signal(signal.SIGTERM)
                self.assertEqual(waiting.wait(timeout=60), 0)
            finally:
                waiting.kill()

    def test_a_signal_ends_the_waiting(self):
        for program in ("event_producer", "event_consumer"):
            self.assert_a_signal_ends_the_waiting(program)
        summary = ("--summary", self.path("summary.json"))
        to_topic = ("--source", "generate:10", "--sink", "kafka:", *summary)
        for flags in (("--source", "kafka:", *summary), to_topic, (*to_topic, "--checkpoint-dir", self.path("state"))):
            self.assert_a_signal_ends_the_waiting("event_count", *flags)
            self.assertEqual(json.loads(self.read("summary.json"))["records_in"], 0)

    def test_a_broker_that_comes_late_and_goes_away_for_a_while_loses_nothing(self):
        with Broker() as broker:
            broker.create_topic("events", 2)
            broker.stop()
            flags = ["-b", broker.bootstrap, "-t", "events"]
            reader = Reading(*flags)
            reader.await_that("err", lambda said: "waiting for Kafka" in said)
            broker.start()
            reader.await_partitions()
            arguments = [*flags, "--high-volume", "--rate", "1000", "--duration", "600", "--no-progress"]
            with subprocess.Popen([path_of("event_producer"), *arguments], stderr=subprocess.PIPE) as producer:
                reader.await_records(500)
                broker.kill()
                broker.start()
                seen = max(map(int, re.findall(r"^Total Events: (\d+)$", reader.said["out"], re.MULTILINE)))
                reader.await_records(seen + 500)
                producer.send_signal(signal.SIGINT)
                said = producer.stderr.read()
                self.assertEqual(producer.wait(), 0, said)
            sent = int(re.findall(rb"^(\d+) records sent", said, re.MULTILINE)[-1])
            reader.await_records(sent)
            code, out = reader.end()
            self.assertEqual(code, 0)
            there = subprocess.run(["kcat", "-b", broker.bootstrap, "-C", "-e", "-q", "-t", "events"], capture_output=True, check=True).stdout
            self.assertEqual(there.count(b"\n"), sent)

    def test_a_consumer_whose_broker_does_not_answer_ends_and_says_that_offsets_are_not_committed(self):
        with Broker() as broker:
            broker.create_topic("events", 2)
            flags = ["-b", broker.bootstrap, "-t", "events"]
            self.assert_done(run("event_producer", *flags, "--count", 100))
            reader = Reading(*flags, "--auto-commit-interval", "1h")
            reader.await_records(100)
            broker.pause()
            code, out = reader.end()
            broker.resume()
            self.assertEqual((code, figure(out, "Total Events")), (1, 100))
            self.assertIn("the offsets could not be committed", reader.said["err"])

    def test_a_broker_that_stays_away_is_given_up_and_the_lost_are_counted(self):
        with Broker() as broker:
            broker.create_topic("events", 2)
            arguments = ["-b", broker.bootstrap, "-t", "events", "--high-volume", "--rate", "1000", "--duration", "600", "--no-progress",
                         "-X", "message.timeout.ms=2000"]
            with subprocess.Popen([path_of("event_producer"), *arguments], stderr=subprocess.PIPE) as producer:
                while not subprocess.run(["kcat", "-b", broker.bootstrap, "-C", "-e", "-q", "-c1", "-t", "events"], capture_output=True, check=True).stdout:
                    self.assertIsNone(producer.poll())
                broker.kill()
                said = producer.stderr.read()
                self.assertEqual(producer.wait(), 1, said)
            self.assertRegex(said, rb"[1-9]\d* records were not delivered to topic 'events': .*Message timed out")


if __name__ == "__main__":
    unittest.main()
