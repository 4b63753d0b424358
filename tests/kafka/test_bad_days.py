# SPDX-License-Identifier: MIT
"""What a job from Kafka to Kafka does on a bad day: test_bad_days.py --probe PROGRAM [TEST...]

A day is bad for one job at a time, so all of them share a broker. The job counts events by type in windows
of a second, exactly once. Nothing is waited for by a while: what a test expects it asks for, again and again.
"""
import collections
import datetime
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from broker import Broker, die_with_parent, free_port  # noqa: E402
from protocol import Connection  # noqa: E402

BIN = os.environ.get("MILLRACE_BIN", "build/release/bin")
PROBE = None
PATIENCE_S = 120
ALICE, SECRET, NOT_SECRET = "alice", "the-right-password", "a-wrong-password"
# Longer than any test: nothing of it may be waited out.
LONG = "transaction.timeout.ms=900000"
NEVER = "5m"  # the rarest checkpoints that transactions allow


def event(i, kind=None):
    """The i-th, 10 ms after the one before."""
    then = datetime.datetime.fromtimestamp(1_700_000_000 + i / 100, datetime.timezone.utc)
    return json.dumps({"timestamp": then.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z", "event_type": kind or f"type{i % 3}",
                       "user_id": f"user{i % 7}"})


def wanted(events):
    """The rows: (type, start of the window) -> count."""
    counts = collections.Counter()
    for line in events:
        each = json.loads(line)
        counts[each["event_type"], each["timestamp"][:19]] += 1
    return counts


class Job:
    """A program that runs, and what it has said on stderr so far."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=environment, preexec_fn=die_with_parent)
        self.out = self.said = ""
        self.news = threading.Condition()
        self.threads = [threading.Thread(target=self.listen, args=(each,), daemon=True) for each in ("out", "said")]
        for thread in self.threads:
            thread.start()

    def listen(self, name):
        stream = self.process.stdout if name == "out" else self.process.stderr
        for line in stream:
            with self.news:
                setattr(self, name, getattr(self, name) + line)
                self.news.notify_all()
        stream.close()
        with self.news:
            self.threads.remove(threading.current_thread())
            self.news.notify_all()

    def await_words(self, words, times=1):
        with self.news:
            enough = self.news.wait_for(lambda: self.said.count(words) >= times or not self.threads, PATIENCE_S)
            if not enough or self.said.count(words) < times:
                raise AssertionError(f"it did not say '{words}' {times} times, but:\n{self.said}")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        code = self.process.wait(PATIENCE_S)
        with self.news:
            self.news.wait_for(lambda: not self.threads)
        return code

    def stop(self):
        self.signal(signal.SIGINT)
        return self.end()

    def kill(self):
        self.process.kill()
        return self.end()


def until(condition, what):
    """Asks again and again."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"has not come to be: {what}")
        time.sleep(0.02)  # between two questions


class Days(unittest.TestCase):
    number = 0

    def setUp(self):
        Days.number += 1
        self.id = f"job{Days.number}"
        self.events, self.results, self.letters = (f"{name}{Days.number}" for name in ("events", "results", "letters"))
        self.folder = tempfile.mkdtemp(prefix="millrace-bad-days-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sent = []
        self.broker.create_topic(self.events)
        self.broker.create_topic(self.results, 2)
        self.broker.create_topic(self.letters)

    @property
    def broker(self):
        return BROKER

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # The input.

    def kcat(self, *arguments, input=None):
        done = subprocess.run(["kcat", "-b", self.broker.bootstrap, *arguments], input=input, capture_output=True,
                              text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def write(self, topic, lines, *more):
        self.kcat("-P", "-t", topic, *more, input="".join(line + "\n" for line in lines))

    def feed(self, count):
        more = [event(len(self.sent) + i) for i in range(count)]
        self.sent += more
        self.write(self.events, more)

    # The output.

    def read(self, topic, isolation="read_committed", of="%s"):
        return self.kcat("-C", "-q", "-e", "-t", topic, "-o", "beginning", "-X", f"isolation.level={isolation}", "-f",
                         of + "\n").splitlines()

    def open_results(self):
        """How many are there and not committed."""
        return len(self.read(self.results, "read_uncommitted")) - len(self.read(self.results))

    def wanted(self):
        """Each row once."""
        return collections.Counter(dict.fromkeys(wanted(self.sent).items(), 1))

    def check(self):
        self.assertEqual(self.rows(), self.wanted())

    def rows(self):
        found = collections.Counter()
        for line in self.read(self.results):
            row = json.loads(line)
            found[(row["event_type"], row["window_start"][:19]), row["count"]] += 1
        return found

    # The job.

    def command(self, *more, bootstrap=None, state="state", sink=None, interval="50ms"):
        return [os.path.join(BIN, "event_count"), "--source", f"kafka:{self.events}", "--sink", f"kafka:{sink or self.results}",
                "-b", bootstrap or self.broker.bootstrap, "-G", self.id, "--checkpoint-dir", self.path(state),
                "--checkpoint-interval", interval, "--window", "1s", "--out-of-orderness", "0ms", "--no-progress",
                "--workers", "2", "--summary", self.path(f"{state}.json"), *more]

    def start(self, *more, environment=None, **settings):
        job = Job(self.command(*more, **settings), environment)
        self.addCleanup(job.kill)
        return job

    def begin(self, *more, events=200, **settings):
        """Until there are results."""
        self.feed(events)
        job = self.start(*more, **settings)
        self.await_results()
        return job

    def begin_open(self, *more):
        """Until there are results that no checkpoint will commit."""
        self.feed(300)
        job = self.start(*more, interval=NEVER)
        until(self.open_results, "results that are not committed")
        return job

    def see_more(self):
        before = len(self.rows())
        self.feed(300)
        self.await_results(before + 1)

    def stop(self, job):
        """In good order."""
        self.assertEqual(job.stop(), 0, job.said)

    def finish(self, *more, **settings):
        """Reads to the end of the topic, and fires what is left."""
        job = self.start("--bounded", *more, **settings)
        self.assertEqual(job.end(), 0, job.said)
        return job

    def restarts(self, state="state"):
        with open(self.path(f"{state}.json"), encoding="utf-8") as file:
            return json.load(file)["restarts"]

    def refused(self, job, *words):
        self.assertEqual(job.end(), 1, job.said)
        for each in words:
            self.assertIn(each, job.said)

    def await_results(self, at_least=1):
        until(lambda: len(self.read(self.results)) >= at_least, f"{at_least} committed results")

    def check_undisturbed(self, job):
        self.see_more()
        self.stop(job)
        self.assertEqual(self.restarts(), 0, job.said)
        self.finish()
        self.check()


class Brokers(Days):
    def test_one_that_is_down_at_the_start_is_awaited(self):
        self.feed(300)
        self.broker.kill()
        job = self.start("--bounded")
        job.await_words(f"waiting for Kafka at {self.broker.bootstrap}: ")
        self.broker.start()
        self.assertEqual(job.end(), 0, job.said)
        self.assertIn(f"Kafka at {self.broker.bootstrap} answers", job.said)
        self.check()

    def test_one_that_never_comes_is_given_up(self):
        nowhere = f"127.0.0.1:{free_port()}"
        self.refused(self.start("--start-timeout", "1500ms", bootstrap=nowhere), f"waiting for Kafka at {nowhere}",
                     f"no Kafka broker at {nowhere} has answered within 1.5 s", "start time-out")

    def test_one_that_is_killed_under_load_is_waited_for(self):
        self.feed(500)
        job = self.start()
        for times in (1, 2):
            self.await_results(times)
            self.feed(2000)
            self.broker.kill()
            job.await_words("does not answer", times)
            self.broker.start()
            self.await_results(60 * times)
        self.stop(job)
        self.finish()
        self.check()

    def test_offsets_that_it_has_lost_are_missed(self):
        self.stop(self.begin(events=500))
        before = self.rows()
        self.broker.stop()
        for each in os.listdir(self.broker.data):
            if each.startswith("__consumer_offsets-"):
                shutil.rmtree(os.path.join(self.broker.data, each))
        self.broker.start()
        self.refused(self.start(), f"group '{self.id}.eos'", "remembers nothing of this job",
                     "has expired or was reset", "begin from a savepoint")
        self.assertEqual(self.rows(), before)


class Topics(Days):
    def test_of_results_or_dead_letters_that_are_missing_are_named_and_nobody_is_shut_out(self):
        first = self.begin()
        missing = f"no-such-topic{self.number}"
        self.refused(self.start(state="other", sink=missing), f"topic '{missing}'", "create the topic")
        self.refused(self.start("--dead-letters", f"kafka:{missing}", state="other"), f"topic '{missing}'")
        self.check_undisturbed(first)

    def test_of_results_that_were_made_anew_get_what_is_new(self):
        self.stop(self.begin())
        gone = self.rows()
        self.broker.delete_topic(self.results)
        self.broker.create_topic(self.results, 2)
        self.feed(200)
        self.finish()
        self.assertEqual(self.rows() + gone, self.wanted())

    def test_of_events_that_were_made_anew_end_the_job(self):
        self.stop(self.begin())
        self.broker.delete_topic(self.events)
        self.broker.create_topic(self.events)
        self.refused(self.start(), self.events, "is not what the checkpoint has read")

    def test_of_markers_that_are_deleted_end_the_job(self):
        job = self.begin()
        self.broker.delete_topic(f"{self.id}.ckpt")
        self.feed(200)
        self.refused(job, f"topic '{self.id}.ckpt'", "has expired or was reset")
        rows = self.rows()
        self.assertEqual(set(rows.values()), {1})
        self.refused(self.start(), f"topic '{self.id}.ckpt'", "has expired or was reset")
        self.assertEqual(self.rows(), rows)

    def test_with_too_few_partitions_are_said_to_be(self):
        self.write(self.events, ["a", "b"])
        job = Job([PROBE, "run", f"bootstrap={self.broker.bootstrap}", f"in={self.events}", f"out={self.results}",
                   f"id={self.id}", f"state={self.path('state')}", "partition=7"])
        self.refused(job, "a record of 2 bytes with key 'a' for partition 7 to topic", f"'{self.results}'",
                     "has no such partition", "add partitions")
        self.assertEqual(self.read(self.results), [])


class Credentials(Days):
    def secure(self, password, mechanism="SCRAM-SHA-512", **more):
        properties = {**self.broker.client_properties(ALICE, NOT_SECRET, mechanism), **more}
        del properties["sasl.password"]
        properties.update(password)
        del properties["bootstrap.servers"]
        return [flag for key, value in properties.items() if value for flag in ("-X", f"{key}={value}")]

    def secret_file(self, secret):
        with open(self.path("password"), "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        return {"sasl.password.file": self.path("password")}

    @property
    def mechanisms(self):
        # SCRAM of Debian's librdkafka, and Kafka 4: see Broker.
        return ("SCRAM-SHA-512", "PLAIN") if self.broker.version == "3" else ("PLAIN",)

    def check_secrecy(self, job, secret):
        self.assertNotIn(secret, job.said + job.out)
        for folder, _, names in os.walk(self.path("state")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(secret.encode(), file.read(), name)

    def test_that_are_wrong_end_the_job_soon(self):
        for mechanism in self.mechanisms:
            for level in ("debug", "error"):
                job = self.start(*self.secure(self.secret_file(NOT_SECRET), mechanism), "--log-level", level,
                                 "--start-timeout", "1h", bootstrap=self.broker.secure_bootstrap)
                self.refused(job, f"Kafka at {self.broker.secure_bootstrap} refuses this client", "correct the credentials")
                self.check_secrecy(job, NOT_SECRET)
        self.assertEqual(self.read(self.results), [])

    def test_of_a_broker_that_is_not_trusted_end_the_job_soon(self):
        job = self.start(*self.secure(self.secret_file(SECRET), **{"ssl.ca.location": None}), "--start-timeout", "1h",
                         bootstrap=self.broker.secure_bootstrap)
        self.refused(job, "refuses", "certificate verify failed", "the certificate that is trusted")
        self.check_secrecy(job, SECRET)

    def test_that_are_right_let_a_whole_job_through(self):
        ways = ((self.mechanisms[0], self.secret_file(SECRET), None),
                (self.mechanisms[-1], {"sasl.password.env": "THE_PASSWORD"}, dict(os.environ, THE_PASSWORD=SECRET)))
        for mechanism, password, environment in ways:
            self.feed(250)
            job = self.start(*self.secure(password, mechanism), "--log-level", "debug",
                             bootstrap=self.broker.secure_bootstrap, environment=environment)
            self.await_results(len(self.wanted()) - 3)
            self.stop(job)
            self.check_secrecy(job, SECRET)
        self.finish()
        self.check()


class Transactions(Days):
    def test_with_a_record_that_is_too_large_end_the_job_and_show_nothing(self):
        self.broker.delete_topic(self.results)
        self.broker.create_topic(self.results, 2, {"max.message.bytes": 2000})
        small = ("-X", "batch.size=1000")
        self.stop(self.begin(*small, events=250))
        before = self.rows()
        large = "x" * 3000
        self.sent.append(event(len(self.sent), large))
        self.write(self.events, self.sent[-1:])
        self.feed(200)
        job = self.start(*small, "--bounded", interval=NEVER)
        self.refused(job, f"to topic '{self.results}'", f"with key '{large[:200]}'...", "Message size too large",
                     "raise the topic's max.message.bytes")
        self.assertRegex(job.said, r"a record of 6\d\d\d bytes")
        self.assertEqual(self.restarts(), 0, job.said)
        self.assertEqual(self.rows(), before)
        self.broker.tool("configs", "--alter", "--entity-type", "topics", "--entity-name", self.results, "--add-config",
                         "max.message.bytes=10000")
        self.finish(*small)
        self.check()

    def end_offset(self):
        """Of what may be read: before the first record of a transaction that is open."""
        answer = self.kcat("-Q", "-t", f"{self.results}:0:-1", "-t", f"{self.results}:1:-1")
        return sum(int(line.split()[-1]) for line in answer.splitlines())

    def test_that_time_out_are_repeated_in_process(self):
        job = self.begin_open("-X", "transaction.timeout.ms=5000", "--savepoint-dir", self.path("savepoints"))
        job.signal(signal.SIGSTOP)
        until(self.end_offset, "the end of a transaction that the broker has given up")
        self.assertEqual(self.read(self.results), [])
        job.signal(signal.SIGCONT)
        before = len(self.read(self.results, "read_uncommitted"))
        job.signal(signal.SIGUSR1)
        job.await_words("starts again from its last checkpoint (1 of 10)")
        self.assertIn("transaction took longer than transaction.timeout.ms", job.said)
        until(lambda: len(self.read(self.results, "read_uncommitted")) > before, "results a second time")
        self.stop(job)
        self.assertEqual(self.restarts(), 1, job.said)
        self.feed(200)
        self.finish()
        self.check()

    def test_keep_their_producer_while_brokers_answer(self):
        job = self.begin(interval="10ms")
        self.feed(200)
        self.await_results(8)
        self.stop(job)
        with open(self.path("state.json"), encoding="utf-8") as file:
            self.assertGreater(json.load(file)["checkpoints"], 10)
        told = self.broker.tool("transactions", "describe", "--transactional-id", f"{self.id}-0").splitlines()
        about = dict(zip(told[0].split("\t"), told[1].split("\t")))
        epoch = next(int(value) for name, value in about.items() if name.strip() == "ProducerEpoch")
        self.assertLess(epoch, 3)  # each new producer with that id raises it

    def test_that_a_kill_has_left_open_are_not_waited_for(self):
        job = self.begin_open("-X", LONG)
        job.kill()
        self.feed(300)
        self.finish("-X", LONG)
        self.check()

    def test_begin_at_the_end_that_the_topic_had_when_the_job_first_began(self):
        self.feed(200)
        self.sent.clear()
        job = self.start("--start", "latest", interval=NEVER)
        until(self.has_taken_over, "a job that has begun")
        self.feed(300)
        until(self.open_results, "results that are not committed")
        job.kill()
        self.feed(300)
        self.finish("--start", "latest")
        self.check()

    def has_taken_over(self):
        with Connection(int(self.broker.bootstrap.rpartition(":")[2]), PATIENCE_S) as broker:
            # None: the broker has not made the groups' own topic yet.
            return max(broker.committed(f"{self.id}.eos", f"{self.id}.ckpt", 1), default=-1) > 0

    def test_hold_dead_letters_as_they_hold_results(self):
        bad = ["not json", '{"timestamp":"yesterday"}', "[]", '"' + "long" * 200_000]
        letters = ("--dead-letters", f"kafka:{self.letters}", "-X", LONG)
        self.feed(150)
        self.write(self.events, bad)
        self.write(self.events, ["null"], "-K", ":")
        self.kcat("-P", "-t", self.events, "-Z", "-K", ":", input="tombstone:\n")
        self.kcat("-P", "-t", self.events, "-K", ":", "-H", "trace=abc", input="empty:\n")
        first = self.start(*letters)
        self.await_results()
        first.kill()
        self.feed(150)
        self.write(self.events, bad)
        second = self.start(*letters, interval=NEVER)
        until(lambda: len(self.read(self.letters, "read_uncommitted")) > len(self.read(self.letters)), "an open dead letter")
        second.kill()
        self.feed(150)
        self.finish(*letters)
        self.check()
        found = [json.loads(line) for line in self.read(self.letters)]
        places = [letter["position"] for letter in found]
        wrong = {offset for offset, kind in enumerate(self.read(self.events, of="%S %s")) if "user_id" not in kind}
        self.assertEqual(sorted(places), sorted(f"{self.events}-0@{offset}" for offset in wrong))
        self.assertEqual(len(places), 2 * len(bad) + 3)
        by_key = {letter["key"]: letter for letter in found}
        self.assertEqual(set(by_key), {None, "tombstone", "empty"})
        self.assertEqual((by_key["tombstone"]["payload"], by_key["empty"]["payload"]), (None, ""))
        self.assertIn("the value is null", by_key["tombstone"]["reason"])
        self.assertIn("the value is empty", by_key["empty"]["reason"])
        self.assertEqual(by_key["empty"]["headers"], [{"name": "trace", "value": "abc"}])

    def test_are_not_made_for_at_least_once(self):
        weak = ("--delivery", "at-least-once")
        first = self.begin(*weak, events=300)
        first.kill()
        self.feed(300)
        self.finish(*weak)
        self.assertEqual(set(self.rows()), set(self.wanted()))
        self.assertNotIn(f"{self.id}.ckpt", self.broker.topics())
        self.assertEqual(self.end_offset(), len(self.read(self.results)))


class SecondInstances(Days):
    def test_on_the_same_directory_are_told_who_holds_it(self):
        first = self.begin()
        self.refused(Job(self.command()[:-2]), f"the state directory {self.path('state')} is in use", "is locked by job 'event_count' since",
                     "stop that job")
        self.check_undisturbed(first)

    def test_on_another_directory_are_refused_and_shut_nobody_out(self):
        first = self.begin()
        self.refused(self.start(state="other"), "another job with the application id", f"'{self.id}' owns it")
        self.check_undisturbed(first)

    def test_on_an_old_copy_are_refused_and_shut_nobody_out(self):
        self.stop(self.begin())
        shutil.copytree(self.path("state"), self.path("copy"))
        first = self.start()
        self.see_more()
        self.refused(self.start(state="copy"), "of this job")
        self.check_undisturbed(first)

    def test_on_a_fresh_copy_are_one_too_many_and_one_of_them_ends(self):
        self.stop(self.begin())
        shutil.copytree(self.path("state"), self.path("copy"))
        both = [self.start(), self.start(state="copy")]
        until(lambda: any(each.process.poll() is not None for each in both), "the end of one of the two")
        loser, winner = sorted(both, key=lambda each: each.process.poll() is None)
        # At its start it learns so from the brokers, later from the marker.
        self.assertEqual(loser.end(), 1, loser.said)
        self.assertRegex(loser.said, "another producer has taken over|of this job")
        self.see_more()
        self.stop(winner)
        self.finish(state="state" if winner is both[0] else "copy")
        self.check()


class Markers(Days):
    def test_that_are_deleted_or_reset_are_missed(self):
        self.stop(self.begin())
        before = self.rows()
        group = f"{self.id}.eos"
        self.broker.tool("consumer-groups", "--delete", "--group", group)
        self.refused(self.start(), f"group '{group}'", "remembers nothing of this job", "has expired or was reset",
                     self.path("state"))
        self.broker.tool("consumer-groups", "--reset-offsets", "--to-earliest", "--group", group, "--topic",
                         f"{self.id}.ckpt", "--execute")
        self.refused(self.start(), f"group '{group}'", "is not a marker of Millrace", "it was reset")
        self.assertEqual(self.rows(), before)


class Signals(Days):
    def test_once_ends_with_a_last_checkpoint(self):
        self.stop(self.begin_open())
        self.assertGreater(len(self.read(self.results)), 0)
        self.feed(300)
        self.finish()
        self.check()

    def test_twice_ends_at_once(self):
        job = self.begin_open()
        self.broker.pause()
        self.addCleanup(self.broker.resume)
        job.signal(signal.SIGINT)
        job.signal(signal.SIGTERM)
        self.assertIn(job.end(), (130, 143), job.said)
        self.broker.resume()
        self.finish()
        self.check()


class Stops(Days):
    """Of a job whose broker does not answer."""

    def freeze(self):
        self.broker.pause()
        self.addCleanup(self.broker.resume)

    def test_end_with_the_transaction_and_the_next_start_goes_on(self):
        # Epochs this rare would have transactions of 15 minutes.
        job = self.begin_open("-X", "transaction.timeout.ms=3000")
        self.freeze()
        job.signal(signal.SIGTERM)
        self.assertEqual(job.end(), 1, job.said)
        self.assertRegex(job.said, "noting the epoch in its transaction|committing a transaction|delivering a record")
        self.broker.resume()
        self.assertEqual(self.read(self.results), [])
        self.feed(200)
        self.finish()
        self.check()

    def test_end_well_where_nothing_has_to_be_told_to_brokers(self):
        self.feed(300)
        command = [f"file:{self.path('out')}" if each == f"kafka:{self.results}" else each for each in self.command()]
        job = Job(command)
        self.addCleanup(job.kill)
        until(lambda: glob.glob(self.path("out", "part-*")), "results")
        self.freeze()
        job.signal(signal.SIGTERM)
        self.assertEqual(job.end(), 0, job.said)
        self.assertIn(f"group '{self.id}' cannot be told of checkpoints", job.said)
        self.broker.resume()
        job = Job(command + ["--bounded"])
        self.addCleanup(job.kill)
        self.assertEqual(job.end(), 0, job.said)
        rows = collections.Counter()
        for name in glob.glob(self.path("out", "part-*")):
            with open(name, encoding="utf-8") as file:
                for row in map(json.loads, file):
                    rows[(row["event_type"], row["window_start"][:19]), row["count"]] += 1
        self.assertEqual(rows, self.wanted())


def setUpModule():
    global BROKER
    BROKER = Broker(users={ALICE: SECRET}).start()
    unittest.addModuleCleanup(BROKER.close)


if __name__ == "__main__":
    at = sys.argv.index("--probe")
    PROBE = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    unittest.main(verbosity=2)
