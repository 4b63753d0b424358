# SPDX-License-Identifier: MIT
"""Reads the rows that a job has written and compares them with those that are wanted."""
import collections
import os

import oracle


class Difference(Exception):
    pass


def read_directory(path):
    """The rows of all finished part files, with how often each is there."""
    rows = collections.Counter()
    for folder, folders, names in os.walk(path):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in names:
            if name.startswith("."):
                continue
            with open(os.path.join(folder, name), encoding="utf-8", newline="\n") as file:
                rows.update(oracle.read_row(line) for line in file)
    return rows


def compare(wanted, got):
    missing, extra = wanted - got, got - wanted
    if missing or extra:
        shown = [f"  missing {row}" for row in list(missing)[:3]] + [f"  unexpected {row}" for row in list(extra)[:3]]
        raise Difference(f"{sum(missing.values())} rows missing, {sum(extra.values())} unexpected\n" + "\n".join(shown))
