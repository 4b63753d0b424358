# SPDX-License-Identifier: MIT
"""The results of run.py as a table for the terminal and as a section of docs/benchmarks.md.

A row is a contest: `name`, `records`, `target` and its `contenders`, each with a `label`, a `kind` ("millrace",
"hand" or "peer"), its `command` and one set of figures a round. `measure` says by what they are compared: a key of
MEASURES. `limit` is what no program could do better, in that measure; without one the loop by hand stands for it.
"""
import collections
import statistics

import report  # bench/report.py

HEAD = ("work", "by", "result", "spread", "CPU s/M", "memory MiB", "of the limit", "Millrace is", "target", "")

# What is shown of a round, and how; what is compared of it, whether more of that is better, and the words for it.
Measure = collections.namedtuple("Measure", "shown text compared isMoreBetter words")


def rate_of(figures):
    """Millions of records a second."""
    return figures["counted"] / figures["wall_s"] / 1e6


def processors_of(figures):
    """Seconds of processors that a million records cost."""
    return figures["cpu_s"] * 1e6 / figures["counted"]


def rate_text(value):
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def rate_with_unit(value):
    return f"{rate_text(value)} M/s"


MEASURES = {
    "rate": Measure(rate_of, rate_with_unit, rate_of, True, "as fast"),
    "processors": Measure(rate_of, rate_with_unit, processors_of, False, "as cheap"),
    "seconds": Measure(lambda each: each["seconds"], lambda value: f"{value:.3g} s", lambda each: each["seconds"], False, "as soon"),
    "idle": Measure(lambda each: each["idle_cpu"] * 100, lambda value: f"{value:.2g} % of a core", lambda each: each["idle_mib"],
                    False, "as small"),
    "latency": Measure(lambda each: each["p99_ms"], lambda value: f"{value:.3g} ms", lambda each: each["p99_ms"], False, "as soon"),
}


def measure_of(row):
    return MEASURES[row["measure"]]


def shown(row, contender):
    """What the table shows of a contender, round by round."""
    return [measure_of(row).shown(each) for each in contender["rounds"]]


def compared(row, contender):
    """The median of what contenders are compared by."""
    return statistics.median(measure_of(row).compared(each) for each in contender["rounds"])


def processors_text(contender):
    if "counted" not in contender["rounds"][0]:
        return ""
    return f"{statistics.median(map(processors_of, contender['rounds'])):.3g}"


def memory(row, contender):
    member = "idle_mib" if row["measure"] == "idle" else "peak_mib"
    return statistics.median(each[member] for each in contender["rounds"])


def ours(row):
    return next(each for each in row["contenders"] if each["kind"] == "millrace")


def times_as_good(row, one, other):
    ratio = compared(row, one) / compared(row, other)
    return ratio if measure_of(row).isMoreBetter else 1 / ratio


def advantage(row, contender):
    """How many times as good as `contender` Millrace is."""
    return times_as_good(row, ours(row), contender)


def advantage_text(row, contender):
    words = measure_of(row).words
    if contender["scales"]:
        single = next(each for each in row["contenders"] if each["label"] == contender["scales"])
        return f"({times_as_good(row, contender, single):.2f} times {contender['scales']})"
    if contender["kind"] == "millrace":
        return ""
    times = advantage(row, contender)
    return f"{times * 100:.0f} % {words}" if contender["kind"] == "hand" else f"{times:.1f} times {words}"


def limit_text(row, contender):
    """How near it comes to what is possible, in what the table shows."""
    hand = next((each for each in row["contenders"] if each["kind"] == "hand"), None)
    if row["limit"]:
        return f"{row['limit'] / statistics.median(shown(row, contender)) * 100:.0f} %"
    if hand is None or hand is contender:
        return ""
    return f"{statistics.median(shown(row, contender)) / statistics.median(shown(row, hand)) * 100:.0f} %"


def first_peer(row):
    return next((each for each in row["contenders"] if each["kind"] == "peer"), None)


def target_cells(row, contender):
    """What the advantage over the first peer is held against."""
    # Where SQL or the like stands in the same contest, the target speaks of the plain way.
    plain = contender is first_peer(row) or contender["label"] == "Kafka Streams"
    if not row["target"] or not plain:
        return "", ""
    relation, bound = row["target"]
    isMet = report.RELATIONS[relation](advantage(row, contender), bound)
    return f"{relation} {bound:g} times", "ok" if isMet else "MISSED"


def lines(row):
    """A line for each contender."""
    for number, contender in enumerate(row["contenders"]):
        values = shown(row, contender)
        yield (row["name"] if number == 0 else "", contender["label"], measure_of(row).text(statistics.median(values)),
               report.spread(values), processors_text(contender), f"{memory(row, contender):,.0f}",
               limit_text(row, contender), advantage_text(row, contender), *target_cells(row, contender))


def table(results):
    """Everything, in columns."""
    rows = [HEAD] + [line for row in report.all_rows(results) for line in lines(row)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in rows)


def markdown(results):
    rows = ["| " + " | ".join(HEAD) + " |", "| --- | --- |" + " ---: |" * (len(HEAD) - 3) + " --- |"]
    for row in report.all_rows(results):
        for line in lines(row):
            cells = list(line)
            cells[-1] = f"**{cells[-1]}**" if cells[-1] == "MISSED" else cells[-1]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def commands(results):
    """Those of Millrace and of the first peer, without what all peers' have in common."""
    lines_of = []
    for row in report.all_rows(results):
        for contender in (ours(row), first_peer(row)):
            if contender is not None:
                lines_of.append({"command": shortened(contender["command"])})
    return report.commands(lines_of)


def shortened(command):
    """A class path of fifty archives says nothing to a reader."""
    if "-cp" not in command:
        return command
    at = command.index("-cp")
    kept = [word for word in command[:at] if not word.startswith(("--add-opens", "-Dlog4j2"))]
    return [*kept, "-cp", "...", *command[at + 2:]]


SECTION = """
## Beside Flink and Kafka Streams

    ./dev bench peers                     three rounds; Flink is slow, so this takes about {minutes}
    ./dev bench peers --full              five rounds of larger inputs
    ./dev bench peers --only tumbling     one section; `--help` names them

([Benchmarking](guides/benchmarking.md) has more of it) builds `bench/peers` (Maven fetches Apache Flink from Maven Central), runs the same work in Millrace and in the
peers, prints a table and writes `results-peers.json` and plots into `build/bench`;
`./dev bench peers --doc` writes this section from them.

![How many times as fast as Flink](benchmarks-peers.svg)

- **One run is one process**, pinned to the same processors as all others ({cpus}), in turn with them. The first third
  of the records warms up: time and processors count from there to the last result. That is for Java's compiler; the
  loops by hand over JSON have nothing to warm up and count whole. The time that a JVM and a cluster take to start and
  to end does not count.
- **Results are compared**: rows of text sorted and hashed, or a sum over hashes of (key, window, count). A run whose
  results are not Millrace's fails the benchmark.
- **Same input**: a file of `event_producer`'s in the page cache, read by the megabyte on both sides; or typed records,
  made as they are read from their number by the same arithmetic in both languages.
- *spread* is the distance between the best and the worst round, as a part of the median; *CPU s/M* what a million
  records cost of processors, in all threads of the process (for Java that includes its compiler and collector);
  *memory* the most the process ever held. A JVM with a fixed heap fills it before it cleans up, so for the peers this is
  what they were given rather than what they need.
- *of the limit* is the result as a part of what no program could do better: of the loop by hand over the same libraries
  where there is one; of latencies, of 99 % of the interval, since an event that comes right behind a commit waits for
  the next. *Millrace is* compares rates, or where others share the machine, the seconds of processors.
- **Beside a broker** (topic to topic, start-up, recovery, latency) no side measures itself: what committed readers may
  read of its copy is looked at from outside each 5 ms, and the whole copy is held against Millrace's, in the order of
  each partition. The broker has the other processor. *Start-up* is from the start of the process until 1,000 records are
  copied; *idle* what the same processes use afterwards; *recovery* is from the restart after a SIGKILL half way until
  another twentieth of the records is there: a member of a Kafka Streams group comes back under its name
  (`group.instance.id`), or it would wait for its session to time out.

How the peers are set up, and why:

- **Flink {flink}** runs in one process by its own local environment, which is what a TaskManager runs, with channels in
  memory. `pipeline.object-reuse` is on, Kryo forbidden (`pipeline.generic-types: false`), and every record that crosses
  a shuffle has a serialiser of its own that writes its members and nothing else. Network buffers go out when they are
  full (`execution.buffer-timeout.enabled: false`), which Flink's documentation advises for throughput. Sources emit some
  hundred records a call, and of an event only what the job needs travels on. Watermarks are periodic (200 ms), Flink's
  default, which costs it least. Accumulators are changed in place.
- **Flink, no shuffle** takes the exchange between source and window out of the job by `reinterpretAsKeyedStream`, which
  Flink calls experimental and which is right only because a single instance has all keys. No job at more than one
  processor can run so; the rows tell how much of Flink's time is the exchange.
- **Flink SQL** cuts sliding windows into slices and combines before it shuffles, which the DataStream API does not. Its
  records are POJOs.
- **JSON** is read by Jackson {jackson}'s streaming parser straight from the buffer that the file was read into, with
  times and amounts read by hand (java.time would take longer than all the rest) and names that come again and again
  made into strings only once.
- **Durable state**: RocksDB with managed memory of {budget} MiB unless the row says otherwise, which is what Millrace may use too, incremental
  checkpoints, bloom filters, the options that Flink predefines for flash, and timers on the heap. Flink writes its
  checkpoints without waiting for the disk; Millrace syncs each.
- **Kafka Streams {streams}** copies in one thread, with the same settings of Kafka's clients as Flink. The windows of
  the other contests are not run in it: it has no end of input at which results are complete.
- **Java**: {java}; heap fixed at {heap} MiB, `{collector}`, which gave the highest rates.
"""


def write_section(results, path):
    facts = results["machine"]
    text = SECTION.format(minutes="40 minutes", cpus=f"`taskset -c {','.join(map(str, facts['cpus']))}`",
                          flink=facts["flink"], streams=facts["streams"], jackson=facts["jackson"], budget=1024,
                          java=facts["java"], heap=results["heap_mb"], collector=facts["collector"])
    section = "\n".join([
        text,
        f"{facts['date']}, commit {facts['commit']}, form \"{results['form']}\": {facts['cores']} cores of {facts['cpu']}, "
        f"{facts['memory_gb']} GB, Linux {facts['kernel']}, Debian {facts['debian']}, {facts['compiler']}, "
        f"{facts['build_type']}; Flink {facts['flink']}, Kafka Streams {facts['streams']}, "
        f"RocksDB {facts['rocksdb']} and Flink's {facts['frocksdb']}; "
        f"medians of {results['rounds']} rounds.\n",
        markdown(results) + "\n",
        "As `bench/peers/run.py` has run them, Millrace and the first peer of each:\n",
        commands(results) + "\n",
    ])
    report.replace_section(path, "Beside Flink and Kafka Streams", section)
