#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program and compares what it prints with a file.

    expect_output.py PROGRAM EXPECTED

The program runs in the folder of EXPECTED. Keys have no order among one another, so lines are
compared as a multiset. Exits with 0 when the program did and the lines are the same.
"""

import difflib
import os
import subprocess
import sys


def findings(program, expected):
    """What is wrong, as a list of sentences; empty when the program prints what it should."""
    done = subprocess.run([program], capture_output=True, text=True, timeout=50,
                          cwd=os.path.dirname(expected) or ".")
    found = []
    if done.returncode != 0:
        found.append(f"it exits with {done.returncode} and says:\n{done.stderr}")
    with open(expected, encoding="utf-8") as file:
        wanted = sorted(file.read().splitlines())
    difference = list(difflib.unified_diff(wanted, sorted(done.stdout.splitlines()),
                                           os.path.basename(expected), "printed", lineterm=""))
    if difference:
        found.append("it prints other lines than expected:\n" + "\n".join(difference))
    return found


def main(program, expected):
    found = findings(os.path.abspath(program), os.path.abspath(expected))
    for finding in found:
        print(f"{os.path.basename(program)}: {finding}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
