# SPDX-License-Identifier: MIT
"""The three jobs from outside: inputs good and bad, outputs, totals, signals."""
import base64
import collections
import fcntl
import gzip
import json
import os
import resource
import signal
import subprocess
import time
import unittest

import program
from program import ProgramTest, run

JOBS = ("event_count", "revenue", "sessions")
QUIET = ("--no-progress", "--log-level", "error")


def event(second, kind="login", user="user_1", **data):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_765_497_600 + second))
    return json.dumps({"timestamp": stamp, "event_type": kind, "user_id": user, "data": data})


def events(count, step=1):
    return "".join(event(i * step) + "\n" for i in range(count))


class Jobs(ProgramTest):
    def summary(self):
        return json.loads(self.read("summary.json"))

    def count(self, *arguments, code=0, stdin=b"", job="event_count"):
        result = run(job, *QUIET, "--summary", self.path("summary.json"), *arguments, stdin=stdin)
        return self.assert_done(result, code)

    def total(self, result):
        return sum(json.loads(row)["count"] for row in result.out.splitlines())

    # Good inputs.

    def test_every_way_in_gives_the_same_rows(self):
        text = events(5000).encode()
        os.makedirs(self.path("in"))
        plain = self.write("in/a.ndjson", text)
        with gzip.open(self.path("b.ndjson.gz"), "wb") as file:
            file.write(text)
        subprocess.run(["zstd", "-q", plain, "-o", self.path("c.zst")], check=True)
        wanted = collections.Counter(self.count("--source", f"file:{plain}").out.splitlines())
        self.assertEqual(sum(wanted.values()), 84)
        for source in (f"file:{self.path('in')}", f"file:{self.path('in', '*.ndjson')}", f"file:{self.path('b.ndjson.gz')}", f"file:{self.path('c.zst')}"):
            with self.subTest(source=source):
                self.assertEqual(collections.Counter(self.count("--source", source).out.splitlines()), wanted)
        self.assertEqual(collections.Counter(self.count("--source", "stdin", stdin=text).out.splitlines()), wanted)

    def test_generated_events_are_counted_and_the_same_each_time(self):
        for job in JOBS:
            with self.subTest(job=job):
                one = self.count("--source", "generate:20000", job=job, *("--workers", 1))
                two = self.count("--source", "generate:20000", job=job, *("--workers", 2))
                self.assertEqual(sorted(one.out.splitlines()), sorted(two.out.splitlines()))
                self.assertEqual(self.summary()["records_in"], 20000)
                self.assertEqual(self.summary()["late"], 0)

    def test_an_empty_input_is_no_rows_and_no_error(self):
        for content in (b"", b"\n\n", b"  \t\n"):
            with self.subTest(content=content):
                result = self.count("--source", f"file:{self.write('empty.ndjson', content)}")
                self.assertEqual(result.out, b"")
                self.assertEqual(self.summary()["records_in"], 0)

    def test_rows_go_to_part_files(self):
        source = self.write("e.ndjson", events(1000))
        result = self.count("--source", f"file:{source}", "--sink", f"file:{self.path('out')}")
        self.assertEqual(result.out, b"")
        names = os.listdir(self.path("out"))
        self.assertTrue(names and all(name.startswith("part-") for name in names), names)
        rows = b"".join(self.read(os.path.join("out", name)) for name in names)
        self.assertEqual(sum(json.loads(row)["count"] for row in rows.splitlines()), 1000)
        self.assertEqual(self.summary()["records_out"], len(rows.splitlines()))

    # Bad records.

    def test_bad_records_are_counted_and_kept_as_dead_letters(self):
        bad = [b"not json", b'{"a":"\xff"}', b"\x00\x00", b'{"timestamp":"never","event_type":"a","user_id":"b"}', b"x" * (17 << 20)]
        good = event(1).encode()
        source = self.write("e.ndjson", b"\n".join([good, *bad, good]) + b"\n")
        result = self.count("--source", f"file:{source}", "--dead-letters", f"file:{self.path('dead')}")
        self.assertEqual(self.total(result), 2)
        self.assertEqual((self.summary()["records_in"], self.summary()["invalid"], self.summary()["records_out"]), (7, 5, 1))
        letters = [json.loads(line) for name in os.listdir(self.path("dead")) for line in self.read(os.path.join("dead", name)).splitlines()]
        payloads = [base64.b64decode(each["payload_base64"]) if "payload_base64" in each else each["payload"].encode() for each in letters]
        self.assertEqual(sorted(each for each in payloads if not each.startswith(b"xx")), sorted(bad[:4]))
        self.assertTrue(len(letters) == 5 and all(each["reason"] and each["source"] == "events" for each in letters))
        self.assertEqual({int(each["position"].rsplit(":", 1)[1]) for each in letters if each.get("payload") == "not json"}, {len(good) + 1})
        self.assertLess(max(map(len, payloads)), 1000)

    def test_a_bad_record_can_fail_the_job(self):
        source = self.write("e.ndjson", event(1) + "\nnot json\n")
        result = self.count("--source", f"file:{source}", "--on-invalid", "fail", code=1)
        self.assertIn(b"e.ndjson", result.err)

    def test_only_money_jobs_ask_for_money(self):
        source = self.write("e.ndjson", event(1, "purchase") + "\n" + event(2, "purchase", amount=9.99, currency="USD") + "\n" + event(3) + "\n")
        for job, invalid, filtered in (("event_count", 0, 0), ("revenue", 1, 1), ("sessions", 1, 0)):
            with self.subTest(job=job):
                self.count("--source", f"file:{source}", job=job)
                self.assertEqual((self.summary()["records_in"], self.summary()["invalid"], self.summary()["filtered"]), (3, invalid, filtered))

    def test_a_sum_that_does_not_fit_fails_the_job(self):
        rows = "".join(event(i, "purchase", amount=9_000_000_000_000, currency="USD") + "\n" for i in range(2))
        for job in ("revenue", "sessions"):
            with self.subTest(job=job):
                result = self.count("--source", f"file:{self.write('e.ndjson', rows)}", job=job, code=1)
                self.assertIn(b"USD", result.err)
                self.assertIn(b"does not fit", result.err)

    # Late records.

    def test_late_records_are_counted_and_kept(self):
        lines = [event(0), event(300), event(1, user="late_user"), event(301)]
        source = self.write("e.ndjson", "\n".join(lines))
        result = self.count("--source", f"file:{source}", "--workers", 1, "--batch-size", 1, "--out-of-orderness", "0s", "--late", f"file:{self.path('late')}")
        self.assertEqual(self.total(result), 3)
        self.assertEqual(self.summary()["late"], 1)
        kept = [json.loads(line) for name in os.listdir(self.path("late")) for line in self.read(os.path.join("late", name)).splitlines()]
        self.assertEqual([each["user_id"] for each in kept], ["late_user"])

    def test_an_allowed_late_record_gives_the_row_again(self):
        source = self.write("e.ndjson", "\n".join([event(0), event(90), event(1), event(91)]))
        result = self.count("--source", f"file:{source}", "--workers", 1, "--batch-size", 1, "--out-of-orderness", "0s", "--allowed-lateness", "10m")
        counts = [(row["window_start"][11:16], row["count"]) for row in map(json.loads, result.out.splitlines())]
        self.assertEqual([count for start, count in counts if start == "00:00"], [1, 2])
        self.assertEqual(self.summary()["late"], 0)

    # Inputs that cannot be read.

    def test_inputs_that_cannot_be_read_fail_with_their_name(self):
        os.makedirs(self.path("nothing"))
        self.write("nothing/picture.png", b"x")
        for source in (self.path("missing.ndjson"), self.path("nothing"), self.path("*.nope")):
            for job in JOBS:
                with self.subTest(source=source, job=job):
                    result = self.count("--source", f"file:{source}", job=job, code=1)
                    self.assertIn(source.encode(), result.err)
                    self.assertEqual(result.out, b"")

    def test_an_unreadable_file_fails_with_its_name(self):
        source = self.write("secret.ndjson", events(1))
        os.chmod(source, 0)
        # Root may read everything until it gives that up.
        capabilities = "-dac_override,-dac_read_search"
        mortal = ("setpriv", f"--bounding-set={capabilities}", f"--inh-caps={capabilities}") if os.geteuid() == 0 else ()
        result = subprocess.run([*mortal, program.path_of("event_count"), "--source", f"file:{source}"],
                                capture_output=True, timeout=60)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(source.encode(), result.stderr)
        self.assertIn(b"Permission denied", result.stderr)

    def test_a_truncated_archive_fails_and_says_where(self):
        with gzip.open(self.path("e.ndjson.gz"), "wb") as file:
            file.write(events(20000).encode())
        whole = self.read("e.ndjson.gz")
        self.write("e.ndjson.gz", whole[:len(whole) // 2])
        result = self.count("--source", f"file:{self.path('e.ndjson.gz')}", code=1)
        self.assertIn(b"e.ndjson.gz", result.err)
        self.assertGreater(self.summary()["records_in"], 0)

    # Outputs that cannot be written.

    def test_a_full_disk_fails_the_job(self):
        source = self.write("e.ndjson", events(1000))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([program.path_of("event_count"), *QUIET, "--source", f"file:{source}"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left on device", done.stderr)

    def test_a_file_that_cannot_grow_fails_the_job(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        source = self.write("e.ndjson", events(5000))
        result = run("event_count", *QUIET, "--source", f"file:{source}", "--window", "1s", "--sink", f"file:{self.path('out')}", preexec_fn=limit)
        self.assert_done(result, 1)
        self.assertIn(b"File too large", result.err)
        self.assertEqual([name for name in os.listdir(self.path("out")) if not name.startswith(".")], [])

    def test_a_closed_stdout_fails_the_job(self):
        source = self.write("e.ndjson", events(200_000))
        with subprocess.Popen([program.path_of("event_count"), *QUIET, "--source", f"file:{source}", "--window", "1s"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as job:
            self.assertTrue(job.stdout.readline())
            job.stdout.close()
            complaint = job.stderr.read()
            self.assertEqual(job.wait(timeout=30), 1)
        self.assertIn(b"Broken pipe", complaint)

    def test_a_summary_that_cannot_be_written_is_found_at_once(self):
        path = self.path("no", "such", "folder")
        self.assert_refused(run("event_count", "--summary", path, "--source", "generate:10"), "--summary", path)

    # Signals.

    def running_on_stdin(self, *arguments):
        command = [program.path_of("event_count"), "--no-progress", "--summary", self.path("summary.json"), *arguments]
        job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(job.stderr.close)
        self.addCleanup(job.stdout.close)
        self.addCleanup(job.stdin.close)
        return job

    def test_a_signal_stops_it_in_order_and_fires_nothing_early(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                job = self.running_on_stdin()
                job.stdin.write((event(0) + "\n" + event(65) + "\n" + event(66) + "\n").encode())
                job.stdin.flush()
                self.assertIn(b'"count":1', job.stdout.readline())
                job.send_signal(number)
                self.assertEqual(job.wait(timeout=20), 0, job.stderr.peek())
                self.assertEqual(job.stdout.read(), b"")
                self.assertEqual((self.summary()["records_in"], self.summary()["records_out"]), (3, 1))

    def test_a_second_signal_ends_it_at_once(self):
        source = self.write("e.ndjson", events(100_000))
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        # Nobody reads the pipe, so an orderly stop cannot finish.
        with subprocess.Popen([program.path_of("event_count"), *QUIET, "--source", f"file:{source}", "--window", "1s"], stdout=writer, stderr=subprocess.PIPE) as job:
            time.sleep(0.5)
            job.send_signal(signal.SIGINT)
            time.sleep(0.3)
            self.assertIsNone(job.poll())
            job.send_signal(signal.SIGINT)
            self.assertEqual(job.wait(timeout=5), 128 + signal.SIGINT)
            self.assertEqual(job.stderr.read(), b"")
        os.close(reader)
        os.close(writer)

    # The command line.

    def test_help_version_and_wrong_flags(self):
        for job in JOBS:
            with self.subTest(job=job):
                shown = self.assert_done(run(job, "--help")).out
                self.assertTrue(shown.startswith(b"Example:\n  " + job.encode()))
                for flag in (b"--source", b"--sink", b"--dead-letters", b"--late", b"--bootstrap-servers", b"--group-id", b"--kafka", b"--workers", b"--window",
                             b"--slide", b"--gap", b"--out-of-orderness", b"--allowed-lateness", b"--idle-timeout", b"--checkpoint-dir",
                             b"--checkpoint-interval", b"--state", b"--delivery", b"--from-savepoint", b"--http", b"--summary", b"--log-level"):
                    self.assertIn(b" " + flag + b" ", shown)
                self.assertTrue(self.assert_done(run(job, "--version")).out.startswith(job.encode() + b" (millrace) "))
                self.assert_refused(run(job, "--windw", "5m"), "unknown flag --windw; did you mean --window?")
                self.assert_refused(run(job, "--source", "kafka:user events"), "is not the name of a topic")

    def test_it_says_that_nothing_is_kept(self):
        result = self.assert_done(run("event_count", "--source", "generate:1", "--no-progress"))
        self.assertIn(b"nothing is kept across runs", result.err)


class Consumer(ProgramTest):
    def consume(self, content, *arguments):
        source = self.write("e.ndjson", content)
        return self.assert_done(run("event_consumer", *QUIET, "--source", f"file:{source}", *arguments)).out.decode()

    def test_the_statistics_block_has_its_form(self):
        content = event(1) + "\n" + event(2, "search") + "\nbad\n" + event(3, user="user_2") + "\n"
        self.assertRegex(self.consume(content), r"\ATotal Events: 3\nElapsed Time: \d+\.\d\ds\nEvent Rate: \d+\.\d\d events/sec\nErrors: 1\n\n"
                         r"Top Event Types:\n  login: 2\n  search: 1\n\nTop Users:\n  user_1: 2 events\n  user_2: 1 events\n\Z")

    def test_it_ends_after_as_many_messages_as_asked_for(self):
        content = event(1) + "\nbad\n" + events(50_000)
        for wanted, total, errors in ((0, 0, 0), (1, 1, 0), (2, 1, 1), (1000, 999, 1), (10**6, 50_001, 1)):
            with self.subTest(wanted=wanted):
                block = self.consume(content, "--max-messages", wanted)
                self.assertIn(f"Total Events: {total}\n", block)
                self.assertIn(f"Errors: {errors}\n", block)
        made = self.assert_done(run("event_consumer", *QUIET, "--source", "generate:500", "--max-messages", 70)).out
        self.assertIn(b"Total Events: 70\n", made)

    def test_windowed_metrics_come_as_json_lines(self):
        content = "\n".join([event(0), event(10, "purchase", "user_2", amount=1.50, currency="USD"), event(20, "purchase", amount=2, currency="EUR"),
                             event(70, "purchase", amount=0.25, currency="USD"), event(75, "purchase")])
        out = self.consume(content, "--aggregate", "--window", 60)
        rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        self.assertEqual(rows[0], {"window_start": "2025-12-12T00:00:00.000Z", "window_end": "2025-12-12T00:01:00.000Z", "events": 3,
                                   "revenue": {"EUR": 2.00, "USD": 1.50}, "active_users": 2,
                                   "top_event_types": [{"event_type": "purchase", "events": 2}, {"event_type": "login", "events": 1}],
                                   "top_users": [{"user_id": "user_1", "events": 2}, {"user_id": "user_2", "events": 1}]})
        self.assertEqual((len(rows), rows[1]["events"]), (2, 1))
        self.assertIn("Errors: 1\n", out)
        self.assertEqual(sum(r["events"] for r in map(json.loads, filter(lambda l: l.startswith("{"),
                         self.consume(content, "--aggregate", "--window", "10s", "--max-messages", 2).splitlines()))), 2)

    def test_wrong_command_lines_are_refused(self):
        for arguments, words in ((["--max-mesages", 5], "did you mean --max-messages?"), (["--aggregate", "--window", "0"], "--window"),
                                 (["--window", "60"], "--window: needs --aggregate"), (["--aggregate", "--window", "x"], "--window"),
                                 (["--auto-commit-interval", "5s"], "--auto-commit-interval: need a topic to read"),
                                 (["-G", "g", "--source", "stdin"], "--group-id, --auto-commit-interval: need a topic"),
                                 (["-t", "t", "--source", "stdin"], "--topic: not together with a --source"), (["--source", "e.ndjson"], "for a file: file:e.ndjson")):
            with self.subTest(arguments=arguments):
                self.assert_refused(run("event_consumer", *arguments), words)


if __name__ == "__main__":
    unittest.main()
