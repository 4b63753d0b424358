# SPDX-License-Identifier: MIT
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

import program
from program import ProgramTest, run

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "golden"))
import oracle  # noqa: E402

LAST_LINE = re.compile(rb"^(\d+) records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency, "
                       rb"\d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.$", re.MULTILINE)


class Producer(ProgramTest):
    def make(self, *arguments, name="events.ndjson"):
        result = self.assert_done(run("event_producer", "--sink", f"file:{self.path(name)}", *arguments))
        return result, self.read(name)

    def test_the_same_seed_makes_the_same_events(self):
        _, first = self.make("--count", 500, "--seed", 9)
        _, second = self.make("--count", 500, "--seed", 9)
        _, other = self.make("--count", 500, "--seed", 10)
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)
        self.assertEqual(first.count(b"\n"), 500)
        self.assertTrue(json.loads(first.split(b"\n")[0])["timestamp"].startswith("2025-12-12T00:00:00"))

    def test_events_have_the_documented_members(self):
        _, made = self.make("--count", 300, "--seed", 1, "--event-types", "purchase")
        for line in made.splitlines():
            event = json.loads(line)
            self.assertEqual(list(event), ["timestamp", "event_type", "user_id", "version", "data"])
            self.assertEqual(event["event_type"], "purchase")
            self.assertGreaterEqual(event["data"]["amount"], 0)
            self.assertRegex(event["data"]["currency"], "^[A-Z]{3}$")

    def test_flags_shape_the_events(self):
        _, made = self.make("--count", 2000, "--seed", 3, "--users", 4, "--event-types", "a=3,b,\"q\"", "--start", "2030-01-01T01:00:00+01:00",
                            "--event-interval", "1s", "--disorder", "10s")
        events = [json.loads(line) for line in made.splitlines()]
        self.assertEqual({e["user_id"] for e in events}, {f"user_{i}" for i in range(4)})
        kinds = [e["event_type"] for e in events]
        self.assertEqual(set(kinds), {"a", "b", '"q"'})
        self.assertAlmostEqual(kinds.count("a") / len(kinds), 0.6, delta=0.05)
        base = oracle.parse_time("2030-01-01T00:00:00Z")
        early = [base + i * 1000 - oracle.parse_time(e["timestamp"]) for i, e in enumerate(events)]
        self.assertGreaterEqual(min(early), 0)
        self.assertLessEqual(max(early), 10_000)
        self.assertGreater(max(early), 9_000)

    def test_expected_totals_are_the_naive_answer(self):
        for job, size, slide in (("event_count", 10, 10), ("event_count", 60, 7), ("event_count", 5, 12), ("revenue", 60, 60), ("revenue", 30, 20),
                                 ("sessions", 1, 1)):
            with self.subTest(job=job, size=size, slide=slide):
                self.make("--count", 3000, "--seed", 4, "--invalid", 0.1, "--disorder", "4s", "--users", 50, "--expected-job", job, "--window", f"{size}s",
                          "--slide", f"{slide}s", "--gap", "3s", "--expected-out", self.path("expected"))
                events, invalid = oracle.read_events(self.path("events.ndjson"), job != "event_count")
                self.assertAlmostEqual(invalid / 3000, 0.1, delta=0.03)
                wanted = oracle.wanted_rows(job, events, size * 1000, slide * 1000, 3000)
                got = [oracle.read_row(line) for line in self.read("expected").decode().splitlines()]
                self.assertEqual(sum(wanted.values()), len(got))
                self.assertEqual(wanted, dict.fromkeys(got, 1))

    def test_the_last_line_is_that_of_the_kafka_tool(self):
        result, _ = self.make("--count", 1000)
        found = LAST_LINE.search(result.err)
        self.assertTrue(found, result.err)
        self.assertEqual(found.group(1), b"1000")

    def test_a_rate_is_kept(self):
        start = time.monotonic()
        result, made = self.make("--high-volume", "--rate", 20000, "--duration", 0.5)
        self.assertEqual(made.count(b"\n"), 10000)
        self.assertGreater(time.monotonic() - start, 0.45)
        # A busy machine may be slower, none may be faster.
        self.assertLess(float(LAST_LINE.search(result.err).group(2)), 22500)

    def test_events_without_a_start_are_of_now_and_never_of_the_future(self):
        _, made = self.make("--count", 100)
        newest = max(oracle.parse_time(json.loads(line)["timestamp"]) for line in made.splitlines())
        self.assertLessEqual(newest, time.time() * 1000)
        self.assertGreater(newest, time.time() * 1000 - 60_000)

    def test_a_directory_and_stdout_are_sinks_too(self):
        self.assert_done(run("event_producer", "--count", 3, "--sink", self.folder))
        self.assertEqual(self.read("events.ndjson").count(b"\n"), 3)
        result = self.assert_done(run("event_producer", "--count", 3))
        self.assertEqual(result.out.count(b"\n"), 3)
        self.assertEqual(self.assert_done(run("event_producer", "--count", 0)).out, b"")

    def test_wrong_command_lines_are_refused(self):
        for arguments, words in (
                (["--cuont", 5], ["unknown flag --cuont; did you mean --count?"]),
                (["--count", -1], ["--count"]),
                (["--invalid", 1.5], ["--invalid: 1.5 is out of range (0 to 1)"]),
                (["--invalid", "nan"], ["--invalid"]),
                (["--delay", "abc"], ["--delay: 'abc' is not a number"]),
                (["--users", 0], ["--users"]),
                (["--event-types", "a,,b"], ["--event-types"]),
                (["--start", "yesterday"], ["--start: 'yesterday' is not an RFC 3339 time"]),
                (["--rate", 5], ["--rate: needs --high-volume"]),
                (["--high-volume", "--count", 5], ["--count: not together with --high-volume"]),
                (["--count", 10**12, "--event-interval", "100d"], ["--count", "290 years"]),
                (["--sink", self.path("no", "such", "folder")], ["--sink", self.path("no", "such", "folder")]),
                (["--sink", "kafka:a b"], ["--sink: kafka: 'a b' is not the name of a topic"]),
                (["-t", "a/b"], ["--topic: kafka: 'a/b' is not the name of a topic"]),
                (["-t", "a", "--sink", "kafka:b"], ["--topic: --sink names another topic, 'b'"]),
                (["-t", "a", "--sink", "stdout"], ["--topic: needs --sink kafka:TOPIC"]),
                (["--acks", "1"], ["--acks: needs --sink kafka:TOPIC"]),
                (["-t", "a", "--acks", "2"], ["--acks: '2' is not one of all, 1, 0"]),
                (["-t", "a", "--compression", "zip"], ["--compression: 'zip' is not one of none, gzip, snappy, lz4, zstd"]),
                (["-t", "a", "--batch-size", 0], ["--batch-size: 0 is out of range"]),
                (["-t", "a", "-X", "linger=5"], ["--kafka: librdkafka has no property 'linger'"]),
                (["--expected-out", self.path("no", "such", "folder")], ["--expected-out"])):
            with self.subTest(arguments=arguments):
                self.assert_refused(run("event_producer", *arguments), *words)

    def test_a_full_disk_fails_and_says_so(self):
        result = self.assert_done(run("event_producer", "--count", 100000, "--sink", "/dev/full"), 1)
        self.assertIn(b"No space left on device", result.err)

    def test_a_closed_stdout_fails_and_says_so(self):
        with subprocess.Popen([program.path_of("event_producer"), "--count", "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
            self.assertTrue(made.stdout.readline().endswith(b"\n"))
            made.stdout.close()
            complaint = made.stderr.read()
            self.assertEqual(made.wait(timeout=20), 1)
        self.assertIn(b"Broken pipe", complaint)

    def test_a_signal_ends_it_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                arguments = ["--high-volume", "--rate", "5000", "--duration", "60", "--sink", self.path("e"), "--expected-out", self.path("x")]
                with subprocess.Popen([program.path_of("event_producer"), *arguments], stderr=subprocess.PIPE) as made:
                    while not os.path.exists(self.path("e")) or os.path.getsize(self.path("e")) == 0:
                        time.sleep(0.01)
                    made.send_signal(number)
                    complaint = made.stderr.read()
                    self.assertEqual(made.wait(timeout=20), 0)
                lines = self.read("e").splitlines()
                self.assertEqual(int(LAST_LINE.search(complaint).group(1)), len(lines))
                self.assertEqual(len(lines), sum(json.loads(row)["count"] for row in self.read("x").splitlines()))
                os.remove(self.path("e"))

    def test_help_and_version_are_quick_and_complete(self):
        start = time.monotonic()
        result = self.assert_done(run("event_producer", "--help"))
        self.assertLess(time.monotonic() - start, 5)
        self.assertTrue(result.out.startswith(b"Example:\n"))
        for flag in (b"--count", b"--delay", b"--high-volume", b"--rate", b"--duration", b"--users", b"--seed", b"--start", b"--disorder", b"--invalid",
                     b"--event-types", b"--topic", b"--bootstrap-servers", b"--acks", b"--compression", b"--batch-size",
                     b"--linger-ms", b"--kafka", b"--sink", b"--expected-out"):
            self.assertIn(flag, result.out)
        self.assertRegex(self.assert_done(run("event_producer", "--version")).out, rb"^event_producer \(millrace\) \d+\.\d+\.\d+, commit \w+\nlibrdkafka: \d+\.\d+\.\d+\S*\nRocksDB: \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main()
