# SPDX-License-Identifier: MIT
"""Topics copied by one contender after the other, watched from outside: no side measures itself.

A copy is timed by what committed readers may read of its topic, from a third of the records to the last, and its
process by the processors it has used between the two. The broker has a processor of its own.
"""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from broker import die_with_parent  # tests/kafka
from contenders import PATIENCE_S, shown
from protocol import KafkaError  # tests/kafka
from run import Failed  # bench/run.py

PARTITIONS = 4
LOOK_S = 0.005  # between two looks at the copy: a thousandth of the shortest run
STANDSTILL_S = 20  # in which nothing more comes to be read of what a process left that has ended
SETTLE_S = 0.3  # in which the broker has done what a process asked for before it was killed
NOT_LEADER = 6  # of Kafka's error codes
TICKS = os.sysconf("SC_CLK_TCK")


def move(pid, cpus):
    """All threads of a process to these processors."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(thread), cpus)


def processor_seconds(pid):
    """Of all threads of a process, those that have ended too."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mebibytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def resident_mebibytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def hasFailed(ended):
    return ended is not None and (ended.si_code != os.CLD_EXITED or ended.si_status != 0)


class Copies:
    """Copies of one topic with so many records, each into a new topic of the same broker."""

    def __init__(self, broker, records, producer, digest_command):
        """`producer` puts the records into the topic that is named behind it."""
        self.broker = broker
        self.records = records
        self.producer = producer
        self.digest_command = digest_command
        self.made = 0
        self.topic = "user-events"
        self.fill(self.topic)

    def fill(self, topic):
        self.broker.create_topic(topic, PARTITIONS)
        command = [*self.producer, "--topic", topic]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{shown(command)}\n{done.stderr}")

    def digest(self, topic):
        command = [*self.digest_command, "--from", topic]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{shown(command)}\n{done.stderr}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def begun(self, contender, scratch, source=None):
        """A contender that copies the topic, or `source`, into a new one, as a Copying; it ends with the block."""
        self.made += 1
        topic = f"copy-{self.made}"
        self.broker.create_topic(topic, PARTITIONS)
        directory = pathlib.Path(scratch) / topic
        with self.broker.connection() as connection:
            copying = Copying(connection, topic, directory,
                              [*contender.command, "--from", source or self.topic, "--to", topic,
                               "--application", topic, "--directory", str(directory)])
            try:
                yield copying
            finally:
                copying.kill()
                shutil.rmtree(directory, ignore_errors=True)  # the next broker knows nothing of what it says
                self.broker.delete_topic(topic)

    def measured(self, contender, scratch):
        """Runs a contender on a new topic; gives its figures and the digest of its copy."""
        with self.begun(contender, scratch) as copying:
            begin = copying.at_least(self.records // 3)
            end = copying.at_least(self.records)
            # At tiny sizes one commit may make all there is to see.
            return dict(records=self.records, counted=max(end.there - begin.there, 1), wall_s=end.time - begin.time,
                        cpu_s=end.cpu_s - begin.cpu_s, peak_mib=copying.peak_mib, **self.settled(copying.topic))

    def started_up(self, contender, scratch, idle_s):
        """How soon it has copied a topic of few records, and what it uses when there is nothing left to do."""
        with self.begun(contender, scratch) as copying:
            seconds = copying.at_least(self.records).time - copying.begun_at
            found = self.settled(copying.topic)
            time.sleep(idle_s)  # what it does by itself after a start is behind it
            begin = copying.point()
            time.sleep(idle_s)
            end = copying.point()
            return dict(seconds=seconds, idle_mib=resident_mebibytes(copying.process.pid), peak_mib=copying.peak_mib,
                        idle_cpu=(end.cpu_s - begin.cpu_s) / (end.time - begin.time), **found)

    def recovered(self, contender, scratch):
        """Kills it when half of the topic is copied; from its restart until it is a twentieth further, in seconds."""
        with self.begun(contender, scratch) as copying:
            copying.at_least(self.records // 2)
            copying.kill()
            time.sleep(SETTLE_S)
            wanted = copying.there() + self.records // 20
            if wanted > self.records:
                raise Failed(f"{contender.label} had copied all {self.records} records before it was killed")
            copying.start(["--restore", str(copying.checkpoint())] if copying.checkpoint() else [])
            seconds = copying.at_least(wanted).time - copying.begun_at
            copying.at_least(self.records)
            return dict(seconds=seconds, peak_mib=copying.peak_mib, **self.settled(copying.topic))

    def delayed(self, contender, scratch, watch):
        """What `watch` says of the time that records take through it, once it is at work."""
        source = f"from-{self.made}"  # nobody else's records come through it
        self.fill(source)
        with self.begun(contender, scratch, source) as copying:
            copying.at_least(self.records)
            self.settled(copying.topic)
            done = subprocess.run([*watch, "--from", source, "--to", copying.topic], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True)
            if done.returncode != 0:
                raise Failed(f"{contender.label}: {' '.join(watch)}\n{done.stderr}")
            found = json.loads(done.stdout)
            return {**found, "peak_mib": peak_mebibytes(copying.process.pid), "rows": found["records"], "digest": ""}

    def settled(self, copy):
        """The digest, once all is there: markers of transactions take offsets too, so a little may be left."""
        deadline = time.monotonic() + 60
        while True:
            found = self.digest(copy)
            if found["rows"] >= self.records or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


Point = collections.namedtuple("Point", "time cpu_s there")


class Copying:
    """A process that copies into a topic."""

    def __init__(self, connection, topic, directory, command):
        self.connection = connection
        self.topic = topic
        self.directory = directory
        self.command = command
        self.peak_mib = 0
        self.said = tempfile.TemporaryFile("w+")
        self.start([])

    def start(self, more):
        self.begun_at = time.perf_counter()
        self.process = subprocess.Popen([*self.command, *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.said, start_new_session=True, preexec_fn=die_with_parent)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def there(self):
        """How much of the copy committed readers may read."""
        try:
            return sum(self.connection.ends(self.topic, PARTITIONS))
        except KafkaError as failure:
            if failure.code != NOT_LEADER:
                raise
            return 0  # the broker knows of the topic, and leads it in a moment

    def point(self):
        return Point(time.perf_counter(), processor_seconds(self.process.pid), self.there())

    def at_least(self, wanted):
        """Where it stands as soon as so many records are there."""
        deadline = time.monotonic() + PATIENCE_S
        seen, changed = -1, time.monotonic()
        while True:
            ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            point = self.point()
            if point.there != seen:
                seen, changed = point.there, time.monotonic()
            isStill = ended is not None and time.monotonic() - changed > STANDSTILL_S
            self.peak_mib = max(self.peak_mib, peak_mebibytes(self.process.pid))
            if point.there >= wanted:
                return point
            if hasFailed(ended) or isStill or time.monotonic() > deadline:
                self.said.seek(0)
                raise Failed(f"{shown(self.command)}: {point.there} of {wanted} records\n{self.said.read()[-4000:]}")
            time.sleep(LOOK_S)

    def checkpoint(self):
        """Flink's latest that is complete; None: it has none, or is not Flink."""
        found = list(self.directory.glob("checkpoints/*/chk-*/_metadata"))
        return max(found, key=lambda path: path.stat().st_mtime).parent if found else None
