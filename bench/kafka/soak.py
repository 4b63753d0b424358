# SPDX-License-Identifier: MIT
"""An hour of steady work: a producer at a rate, a consumer of its events, an exactly-once job.

  soak.py --bin DIR [--minutes 60] [--rate 10000] [--job event_count] [--workers 2] [--state memory]

On a broker of its own, on 127.0.0.1, with topics that keep a few minutes only. Every five seconds it
notes the job's resident memory and open files and the lag of each partition: what is in it, less what the
job has committed. It fails (exit code 1) when one of the programs ends, when results do not come any more,
when memory or open files are more in the last third than in the first after the warm-up, or when the lag
does not stay bounded.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/kafka"))
from broker import Broker, die_with_parent  # noqa: E402

STEP_S = 5
WARM_UP = 0.2       # part of the run that is not judged: caches fill, librdkafka's buffers find their size
GROWTH = 1.05       # of memory, from the first third to the last
GROWTH_MIB = 8      # less than this is nobody's leak
MORE_FILES = 16
LAG_S = 5           # most seconds of input that may wait in one partition
EVENTS, RESULTS = "user-events", "event-analytics"


class Failed(Exception):
    pass


class Soak:
    def __init__(self, args, folder, broker):
        self.args, self.folder, self.broker = args, folder, broker
        self.samples = []
        self.processes = {}
        keeps = {"retention.ms": 120_000, "segment.ms": 30_000, "retention.bytes": 256 << 20, "segment.bytes": 32 << 20}
        broker.create_topic(EVENTS, args.partitions, keeps)
        broker.create_topic(RESULTS, args.partitions, keeps)

    def start(self, name, *arguments):
        command = [os.path.join(self.args.bin, name), *map(str, arguments), "-b", self.broker.bootstrap, "--no-progress"]
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                    preexec_fn=die_with_parent)

    def start_all(self):
        args = self.args
        self.start(args.job, "--source", f"kafka:{EVENTS}", "--sink", f"kafka:{RESULTS}", "--checkpoint-dir",
                   os.path.join(self.folder, "state"), "--checkpoint-interval", f"{args.interval}ms", "--workers", args.workers,
                   "--state", args.state, "--group-id", "soak", "--log-level", "warn", "--idle-timeout", "5s",
                   *(("--gap", "5s") if args.job == "sessions" else ("--window", "10s")))
        self.start("event_consumer", "--topic", EVENTS, "--group-id", "soak-reader", "--log-level", "warn",
                   "--statistics-interval", "1m")
        self.start("event_producer", "--high-volume", "--rate", args.rate, "--duration", 60 * args.minutes + 60, "--users", 10_000,
                   "--topic", EVENTS, "--disorder", "1s", "--log-level", "warn")

    def check_alive(self):
        for name, process in self.processes.items():
            if process.poll() is not None:
                said = pathlib.Path(self.folder, name + ".log").read_text(errors="replace")[-2000:]
                raise Failed(f"{name} ended with exit code {process.returncode}; it said:\n{said}")

    def sample(self, begun):
        self.check_alive()
        pid = self.processes[self.args.job].pid
        resident = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                        if line.startswith("VmRSS:"))
        with self.broker.connection() as connection:
            committed = connection.committed("soak", EVENTS, self.args.partitions)
            ends = connection.ends(EVENTS, self.args.partitions)
            results = sum(connection.ends(RESULTS, self.args.partitions))
        self.samples.append({"s": round(time.monotonic() - begun, 1), "rss_mib": round(resident / 1024, 1),
                             "files": len(os.listdir(f"/proc/{pid}/fd")), "read": sum(max(each, 0) for each in committed),
                             "results": results, "lag": [end - max(at, 0) for at, end in zip(committed, ends)]})

    def run(self):
        self.start_all()
        begun = time.monotonic()
        for step in range(1, int(60 * self.args.minutes / STEP_S) + 1):
            time.sleep(max(0, begun + step * STEP_S - time.monotonic()))
            self.sample(begun)
            if step * STEP_S % 60 == 0 or self.args.minutes < 2:
                print(row(self.samples[-1]), flush=True)

    def end(self):
        """The producer first, the others when they have nothing more to do."""
        for name in ("event_producer", self.args.job, "event_consumer"):
            process = self.processes[name]
            process.terminate()
            if process.wait(120) != 0:
                raise Failed(f"{name} ended with exit code {process.returncode} when asked to end")


def row(sample):
    lag = " ".join(f"{each:>7,}" for each in sample["lag"])
    return f"{sample['s']:>7.0f}  {sample['rss_mib']:>9,.1f}  {sample['files']:>5}  {sample['read']:>13,}  {lag}"


def thirds(samples, member):
    """Medians of the first and the last third behind the warm-up."""
    judged = samples[int(len(samples) * WARM_UP):]
    part = max(1, len(judged) // 3)
    return tuple(statistics.median(member(each) for each in some) for some in (judged[:part], judged[-part:]))


def judge(samples, rate):
    if len(samples) < 5:
        raise Failed("too short to say anything")
    memory = thirds(samples, lambda each: each["rss_mib"])
    files = thirds(samples, lambda each: each["files"])
    lag = thirds(samples, lambda each: max(each["lag"]))
    found = {"rss_mib": memory, "files": files, "lag_worst_partition": lag, "lag_most": max(
        max(each["lag"]) for each in samples[int(len(samples) * WARM_UP):]), "read": samples[-1]["read"]}
    faults = []
    if memory[1] > memory[0] * GROWTH and memory[1] - memory[0] > GROWTH_MIB:
        faults.append(f"memory grows: {memory[0]:.1f} MiB in the first third, {memory[1]:.1f} in the last")
    results = thirds(samples, lambda each: each["results"])
    if results[1] <= results[0]:
        faults.append("no results have come since the first third")
    if files[1] > files[0] + MORE_FILES:
        faults.append(f"open files grow: {files[0]:.0f}, then {files[1]:.0f}")
    bound = LAG_S * rate / len(samples[0]["lag"])
    if lag[1] > bound:
        faults.append(f"the lag of a partition is {lag[1]:,.0f} in the last third, more than {bound:,.0f} ({LAG_S} s of input)")
    return found, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parents[1] / "build/bench/bin"), help="where the programs are")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=10_000, help="events a second")
    parser.add_argument("--job", choices=("event_count", "revenue", "sessions"), default="event_count")
    parser.add_argument("--interval", type=int, default=100, help="of checkpoints, in ms")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--state", choices=("memory", "rocksdb"), default="memory")
    parser.add_argument("--kafka", choices=("3", "4"), default=None, help="major version of the broker")
    parser.add_argument("--out", type=pathlib.Path, help="write all samples to this file, as JSON")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="millrace-soak-")
    soak = None
    try:
        with Broker(os.path.join(folder, "broker"), args.kafka, compilers="best",
                    settings={"log.retention.check.interval.ms": 30_000}) as broker:
            print(f"{args.job}, exactly once each {args.interval} ms, {args.rate:,} events/s for {args.minutes:g} minutes")
            print("      s    rss MiB  files           read  lag of each partition")
            soak = Soak(args, folder, broker)
            soak.run()
            soak.end()
        found, faults = judge(soak.samples, args.rate)
    except Failed as failure:
        found, faults = {}, [str(failure)]
    finally:
        for process in soak.processes.values() if soak else ():
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    if args.out:
        args.out.write_text(json.dumps({"samples": soak.samples if soak else [], **found}, indent=1) + "\n")
    for name, value in found.items():
        pair = f"{value[0]:,.1f} then {value[1]:,.1f}" if isinstance(value, tuple) else f"{value:,}"
        print(f"{name}: {pair}")
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
