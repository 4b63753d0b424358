# SPDX-License-Identifier: MIT
"""The results of run.py as a table for the terminal and as docs/benchmarks.md.

A row has `name`, `ours` (one figure a round) and `unit`; most have `theirs`, the figures of what
they are compared with, `ratio` with `ratioUnit` ("%" or "x"), and `target`, a pair like
[">=", 0.75] that the ratio, or else the median of `ours`, is held against.
"""
import operator
import os
import statistics

RELATIONS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
HEAD = ("benchmark", "this", "spread", "other", "spread", "ratio", "target", "")


def figure(value, unit):
    if unit == "%":
        return f"{value:.2f} %"
    return f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def spread(values):
    """How far apart the rounds are, as a part of their median."""
    middle = statistics.median(values)
    if len(values) < 2 or middle == 0:
        return ""
    return f"{(max(values) - min(values)) / middle * 100:.0f} %"


def ratio_text(value, unit):
    if unit == "%":
        return f"{value * 100:.0f} %" if value >= 0.01 else f"{value * 100:.2f} %"
    return f"{value:.2f}x"


def judged(row):
    """The figure the target speaks of."""
    return row["ratio"] if "ratio" in row else statistics.median(row["ours"])


def mark(row):
    if not row.get("target"):
        return ""
    relation, bound = row["target"]
    return "ok" if RELATIONS[relation](judged(row), bound) else "MISSED"


def target_text(row):
    if not row.get("target"):
        return ""
    relation, bound = row["target"]
    if "ratio" not in row:
        return f"{relation} {figure(bound, row['unit'])}"
    if row["ratioUnit"] == "%":
        return f"{relation} {bound * 100:g} %"
    return f"{relation} {bound:g}x"


def cells(row):
    unit = row["unit"]
    theirs = row.get("theirs")
    return (row["name"], figure(statistics.median(row["ours"]), unit), spread(row["ours"]),
            figure(statistics.median(theirs), unit) if theirs else "",
            spread(theirs) if theirs else "",
            ratio_text(row["ratio"], row["ratioUnit"]) if theirs else "", target_text(row),
            mark(row))


def all_rows(results):
    return [row for rows in results["sections"].values() for row in rows]


def table(results):
    """Everything, in columns."""
    lines = [HEAD] + [cells(row) for row in all_rows(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)


def markdown(rows, head=HEAD):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        shown = [cell.strip() if not cell.startswith("  ") else "&emsp;" + cell.strip()
                 for cell in cells(row)[:len(head)]]
        shown[-1] = f"**{shown[-1]}**" if shown[-1] == "MISSED" else shown[-1]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def commands(rows):
    """Every command line once, as it is typed in the repository."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/"
    lines = []
    for row in rows:
        line = " ".join(word.replace(here, "") for word in row["command"])
        if line not in lines:
            lines.append(line)
    return "\n".join("    " + line for line in lines)


INTRODUCTION = """# Benchmarks

    ./dev bench                 about four minutes
    ./dev bench --full          larger inputs and a file of 5 GB
    ./dev bench --only idle     one section; `--help` names them

builds with the flags of the release preset, runs everything in `bench/`, prints one table and
writes `build/bench/results.json`. `python3 bench/run.py --doc` writes this page from that file.

## How to read it

- *this* is Millrace, *other* what it is compared with: unless the row says otherwise a plain loop
  written by hand over the same libraries (simdjson on demand, `absl::flat_hash_map`) that does the
  same work. Both run in one process, in turn, and must find the same results, or the benchmark
  fails. *ratio* is the hand-written loop's time as a part of ours (100 %: as fast), or, with an x,
  *this* divided by *other*.
- Figures are medians of {rounds} rounds after one that warms up; *spread* is the distance from the
  best round to the worst as a part of the median. On shared machines it is large: trust ratios
  before times, and small differences not at all.
- Targets are for people. No test asserts a figure; a test does run all of this at tiny sizes and
  asserts that outputs agree.

What the loops written by hand do and do not do:

- **JSON**: the loop reads the file by the megabyte, parses each line by itself, checks all that
  [the reader](reference/formats.md) checks (one complete object a line, every value valid, the
  required members with their types) and counts into one table per window, closed by a watermark.
  It reads times with Millrace's own `parseRfc3339`, for Abseil's would slow it down. It makes no
  record: members stay views. Two more rows show what strictness costs: a loop that never looks at
  what it skips, and one that also lets simdjson scan a megabyte of lines at once, where one bad
  byte spoils its neighbours.
- **Tumbling**: a table per open window, and a watermark looked at every 1,024 records. Records
  lie ready in memory; in the second row each side makes them with the same function.
- **Sliding**: for records in order only: a table per second and a running total per key.
- **Sessions**: for records in order only: a table of open sessions and a heap of timers.
- **State**: Get, change, Put, without a write-ahead log, with filters and as much memory as the
  pipeline may take; the pipeline takes a checkpoint every second besides. All keys are there when
  the clock starts.
- The pipelines do more in every case: they take records in any order, count late ones, cut their
  work into batches that could go to other workers, and keep account of each record.
"""


def write_document(results, path):
    facts = results["machine"]
    macro = [row for row in all_rows(results) if not row.get("isMicro")]
    micro = [row for row in all_rows(results) if row.get("isMicro")]
    parts = [
        INTRODUCTION.format(rounds=results["rounds"]),
        f"## Figures\n\n{facts['date']}, commit {facts['commit']}, form \"{results['form']}\": "
        f"{facts['cores']} cores of {facts['cpu']}, {facts['memory_gb']} GB, Linux "
        f"{facts['kernel']}, Debian {facts['debian']}, {facts['compiler']}, "
        f"{facts['build_type']}; simdjson {facts['simdjson']}, Abseil {facts['abseil']}, "
        f"RocksDB {facts.get('rocksdb', 'unknown')}.\n",
        markdown(macro) + "\n",
        "### Single parts\n\nTime for one record (for firings: one result) with Google Benchmark; "
        "the number is that of the keys.\n",
        markdown(micro, HEAD[:2]) + "\n",
        "## Commands\n\nAs `bench/run.py` has run them, from the root of the repository:\n",
        commands(macro + micro) + "\n",
    ]
    kept = written_sections(path.read_text())[1] if path.exists() else {}
    path.write_text("\n".join(parts) + "".join(kept.values()))


KAFKA = """
## Kafka

    ./dev bench kafka                       about half an hour
    ./dev bench kafka --only latency        one section; `--help` names them
    python3 bench/kafka/soak.py             an hour of steady work; `--minutes 10`

starts a broker of its own on 127.0.0.1 (Apache Kafka {kafka}), which shares the machine with what is
measured, fills a topic of {events:,} events of `event_producer` (about 190 bytes, 4 partitions) and writes
`build/bench/results-kafka.json`; `python3 bench/kafka/run.py --doc` writes this section from that file.

- **Topic to topic**: *other* is a loop over librdkafka alone, with a consumer and a producer for each of
  its threads and the same properties (idempotent, read_committed, 5 ms of linger), but for how much is
  fetched ahead, which is librdkafka's default. It takes what is there in
  batches and copies nothing: a message read is let go of when its copy is acknowledged. In the rows
  of exactly once *other* is at least once. Timed from the first record read until readers of committed
  records may read the last; every partition of the copy is held against the original, in its order. The
  state directory is on disk, synced each epoch.
- **Latency**: an open loop. Events are due at fixed times and count from when they were due, so a stall
  shows in every event that it kept waiting; until a reader of committed records has them. Producer and
  reader are in the same process. All latencies behind the first third are sorted: percentiles are exact.
- **Programs** are timed as a whole, from their start to their end; the jobs tell their own rate.
  rdkafka_performance is librdkafka's own tool, at the same settings; Debian does not package it:
  `MILLRACE_RDKAFKA_PERFORMANCE` names one.
"""


def write_kafka_section(results, path):
    """Puts the section of bench/kafka/run.py's results in place of the one that is there."""
    facts = results["machine"]
    rows = all_rows(results)
    section = "\n".join([
        KAFKA.format(kafka=facts["kafka"], events=results["events"]),
        f"{facts['date']}, commit {facts['commit']}: {facts['cores']} cores of {facts['cpu']}, {facts['memory_gb']} GB, Linux "
        f"{facts['kernel']}, Debian {facts['debian']}, {facts['build_type']}; librdkafka {facts['librdkafka']}; medians of "
        f"{results['rounds']} rounds after one that warms up, of latencies of runs.\n",
        markdown(rows) + "\n",
        "As `bench/kafka/run.py` has run them:\n",
        commands(rows) + "\n",
    ])
    replace_section(path, "Kafka", section)


# What other programs than run.py write of the page, in the order in which it ends the page.
OTHER_SECTIONS = ("Kafka", "Beside Flink and Kafka Streams")


def written_sections(page):
    """The page without the others' sections, and these by their headings."""
    found = {heading: page.find(f"\n## {heading}\n") for heading in OTHER_SECTIONS}
    begins = sorted((at, heading) for heading, at in found.items() if at >= 0)
    ends = [at for at, _ in begins[1:]] + [len(page)]
    sections = {heading: page[at:end] for (at, heading), end in zip(begins, ends)}
    return page[:begins[0][0]] if begins else page, sections


def replace_section(path, heading, section):
    """Puts the section in place of the one that is there."""
    main, sections = written_sections(path.read_text())
    sections[heading] = section
    path.write_text(main + "".join(sections[each] for each in OTHER_SECTIONS if each in sections))
