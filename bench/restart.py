# SPDX-License-Identifier: MIT
"""How soon a job killed with SIGKILL is back: from the kill to its first result.

  restart.py --build DIR [--rounds N] [--keys N] [--store memory|rocksdb] [--directory DIR]

Runs bench_checkpointed_state, kills it between two checkpoints, starts it again on its state
directory, and prints a line of JSON for each round.
"""
import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time


MOST_LOG = 200 << 20


def started(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_until(process, member):
    for line in process.stdout:
        found = json.loads(line)
        if member in found:
            return found
    raise SystemExit(f"the benchmark ended without telling '{member}'")


def log_bytes(directory):
    """What is on its way into the base: some seconds of changes, once the job runs steadily."""
    names = os.listdir(os.path.join(directory, "log"))
    return sum(os.path.getsize(os.path.join(directory, "log", name)) for name in names)


def one_round(command, directory):
    process = started(command)
    read_until(process, "filled")
    # Until the making of all keys is behind it.
    read_until(process, "checkpoint")
    while log_bytes(directory) > MOST_LOG:
        read_until(process, "checkpoint")
    time.sleep(0.5)
    process.kill()
    killed = time.monotonic()
    process.wait()
    again = started(command)
    read_until(again, "first")
    first = time.monotonic()
    again.kill()
    again.wait()
    return first - killed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--rate", type=int, default=100_000, help="changes a second")
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="rocksdb")
    parser.add_argument("--directory", default=None, help="where the state goes (default: a temporary one)")
    args = parser.parse_args()
    for _ in range(args.rounds):
        folder = tempfile.mkdtemp(prefix="millrace-restart-", dir=args.directory)
        try:
            directory = os.path.join(folder, "state")
            command = [os.path.join(args.build, "bin", "bench_checkpointed_state"), "--keys", str(args.keys),
                       "--store", args.store, "--seconds", "1000", "--directory", directory, "--rate", str(args.rate)]
            print(json.dumps({"keys": args.keys, "store": args.store, "kill_to_first_result_s": round(one_round(command, directory), 3)}),
                  flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
