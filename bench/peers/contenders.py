# SPDX-License-Identifier: MIT
"""The processes that take part: how they are built, started and read."""
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/kafka"))
import artifacts  # noqa: E402  tests/kafka
from broker import die_with_parent  # noqa: E402  tests/kafka
from run import Failed  # noqa: E402  bench/run.py

PATIENCE_S = 1800  # after which a process that does not end is given up

# Flink wants these since Java 17: the `env.java.opts.all` of its own configuration.
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in
          ("java.lang", "java.net", "java.io", "java.nio", "java.text", "java.time", "java.util",
           "java.util.concurrent")]
# The one that is made for throughput.
COLLECTOR = "-XX:+UseParallelGC"
# Or the heap's first use would be paid for within the time that counts.
TOUCHED = "-XX:+AlwaysPreTouch"


@dataclasses.dataclass
class Contender:
    """One side of a contest. `label` is what the table calls it, `kind` what it is in ratios."""
    label: str
    kind: str  # "millrace", "hand" or "peer"
    command: list
    hasRows: bool = False   # it writes rows of text into the directory that --rows names
    hasDirectory: bool = False  # it keeps state in the directory that --directory names, a new one each run
    hasDigest: bool = True  # one that can be held against the others'; if not, only the number of rows is
    isHeld: bool = True     # a peer that targets speak of
    records: int = 0        # if other than the contest's: then results are its own, and rates are compared
    scales: str = ""        # the label of one with fewer workers, to be compared with instead of Millrace


class Peers:
    """The programs of the Maven project, compiled into `build`."""

    def __init__(self, build):
        self.build = build
        self.java = artifacts.java()
        artifacts.check_java(self.java)
        maven = shutil.which("mvn")
        if not maven or not shutil.which("javac"):
            raise artifacts.Missing("the peers are built with Maven and javac "
                                    "(Debian: apt-get install maven openjdk-17-jdk-headless)")
        build.mkdir(parents=True, exist_ok=True)
        with artifacts.locked(str(build / "build.lock")):
            done = subprocess.run([maven, "-B", "-q", "-f", str(HERE / "pom.xml"), f"-Dpeers.build={build}", "compile"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise artifacts.Missing(f"Maven could not build {HERE}:\n{done.stdout[-4000:]}")

    def classpath(self, module):
        return f"{self.build / module / 'classes'}:{(self.build / module / 'classpath').read_text().strip()}"

    def version(self, artifact, module="flink"):
        """Of an artifact on the class path, as its file says."""
        for jar in self.classpath(module).split(":"):
            name = os.path.basename(jar)
            if name.startswith(artifact + "-") and name[len(artifact) + 1].isdigit():
                return name[len(artifact) + 1:].removesuffix(".jar")
        return "unknown"

    def flink(self, heap_mb, *arguments, isTouched=True):
        return self.command("flink", "millrace.peers.flink.FlinkJob", heap_mb, isTouched, *arguments)

    def streams(self, heap_mb, *arguments, isTouched=True):
        return self.command("streams", "millrace.peers.streams.StreamsJob", heap_mb, isTouched, *arguments)

    def command(self, module, main, heap_mb, isTouched, *arguments):
        return [self.java, f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", COLLECTOR, *([TOUCHED] if isTouched else []), *OPENED,
                f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "-cp", self.classpath(module), main,
                *map(str, arguments)]


def shown(command):
    """A command for a message: without the hundred files of a class path."""
    return " ".join("..." if before == "-cp" else word for before, word in zip(["", *command], command))


def pinned(command, cpus):
    return ["taskset", "-c", ",".join(map(str, cpus)), *command]


def measured(contender, scratch):
    """Runs a contender once; gives what it says of itself. Rows are told by number and digest, as others' are."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as own:
        rows, state = pathlib.Path(own, "rows"), pathlib.Path(own, "state")
        command = list(contender.command)
        if contender.hasRows:
            rows.mkdir()
            command += ["--rows", str(rows)]
        if contender.hasDirectory:
            state.mkdir()
            command += ["--directory", str(state)]
            os.sync()  # what the last one left to be written is not this one's to wait for
        found = told(contender.label, command)
        if contender.hasRows:
            found.update(digest_of(path for path in rows.rglob("*") if path.is_file()))
        return found


def told(label, command):
    """The line of JSON that a program ends with."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
                              preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired:
        raise Failed(f"{label}: no end after {PATIENCE_S} s: {shown(command)}") from None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise Failed(f"{label}: exit code {done.returncode}: {shown(command)}\n"
                     f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return json.loads(lines[-1])


def digest_of(paths):
    """The lines of all files: how many there are, and a hash of them in order."""
    lines = []
    for path in paths:
        lines += path.read_bytes().splitlines()
    return dict(rows=len(lines), digest=hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()[:16])
