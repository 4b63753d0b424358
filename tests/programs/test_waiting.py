# SPDX-License-Identifier: MIT
"""What can only be seen by waiting for it."""
import signal
import subprocess
import time
import unittest

import program
from program import ProgramTest


class Waiting(ProgramTest):
    def test_an_idle_job_uses_no_processor(self):
        job = subprocess.Popen([program.path_of("event_count"), "--no-progress", "--workers", "2"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        self.addCleanup(job.stdin.close)
        time.sleep(0.5)

        def ticks():
            with open(f"/proc/{job.pid}/stat", encoding="ascii") as file:
                return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
        before = ticks()
        time.sleep(2)
        self.assertLessEqual(ticks() - before, 1)
        job.send_signal(signal.SIGTERM)
        self.assertEqual(job.wait(timeout=20), 0)

    def test_a_log_gets_plain_progress_lines_only_when_wanted(self):
        job = subprocess.Popen([program.path_of("event_count"), "--source", "stdin"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(5.5)
        job.stdin.close()
        complaint = job.stderr.read()
        job.stderr.close()
        self.assertEqual(job.wait(timeout=20), 0)
        self.assertRegex(complaint, rb"event_count: 5s: 0 records, 0 records/s\n")
        self.assertNotIn(b"\r", complaint)


if __name__ == "__main__":
    unittest.main()
