# SPDX-License-Identifier: MIT
"""The results of run.py as a table for the terminal and as a section of docs/benchmarks.md.

A row is a contest: `name`, `records`, `target` and its `contenders`, each with a `label`, a `kind` ("millrace",
"hand" or "peer"), its `command` and one set of figures a round. `measure` says by what they are compared: a key of
MEASURES. `limit` is what no program could do better, in that measure; without one the loop by hand stands for it.
"""
import collections
import math
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
    "seconds": Measure(lambda each: each["seconds"], lambda value: f"{value:.3g} s", lambda each: each["seconds"],
                       False, "as soon"),
    "idle": Measure(lambda each: each["idle_cpu"] * 100, lambda value: f"{value:.2g} % of a core",
                    lambda each: each["idle_mib"], False, "as small"),
    "latency": Measure(lambda each: each["p99_ms"], lambda value: f"{value:.3g} ms", lambda each: each["p99_ms"],
                       False, "as soon"),
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
    more, less = compared(row, one), compared(row, other)
    if not measure_of(row).isMoreBetter:
        more, less = less, more
    return more / less if less else math.inf  # a time too short to be told from none


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
    """What the advantage over each peer is held against that the target speaks of."""
    if not row["target"] or contender["kind"] != "peer" or not contender["isHeld"]:
        return "", ""
    relation, bound = row["target"]
    isMet = report.RELATIONS[relation](advantage(row, contender), bound)
    return f"{relation} {bound:g} times", "ok" if isMet else "MISSED"


def label_of(contender):
    if "checkpoints" not in contender:
        return contender["label"]
    return f"{contender['label']} ({contender['checkpoints']:g} checkpoints)"


def lines(row):
    """A line for each contender."""
    for number, contender in enumerate(row["contenders"]):
        values = shown(row, contender)
        yield (row["name"] if number == 0 else "", label_of(contender), measure_of(row).text(statistics.median(values)),
               report.spread(values), processors_text(contender), f"{memory(row, contender):,.0f}",
               limit_text(row, contender), advantage_text(row, contender), *target_cells(row, contender))


def table(found):
    """All the rows, in columns."""
    rows = [HEAD] + [line for row in found for line in lines(row)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in rows)


def markdown(found):
    rows = ["| " + " | ".join(HEAD) + " |", "| --- | --- |" + " ---: |" * (len(HEAD) - 3) + " --- |"]
    for row in found:
        for line in lines(row):
            cells = list(line)
            cells[-1] = f"**{cells[-1]}**" if cells[-1] == "MISSED" else cells[-1]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def commands(found):
    """Those of Millrace and of the first peer, without what all peers' have in common."""
    lines_of = []
    for row in found:
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

    ./dev bench peers                     three rounds; Flink is slow, so this takes well over an hour
    ./dev bench peers --full              five rounds of larger inputs
    ./dev bench peers --only tumbling     one section; `--help` names them

([Benchmarking](guides/benchmarking.md) has more of it) builds `bench/peers` (Maven fetches Apache Flink from Maven
Central), runs the same work in Millrace and in the peers, prints a table and writes `results-peers.json` and plots into
`build/bench`; `./dev bench peers --doc` writes this section from them.

![How many times as fast as its peers Millrace is](benchmarks-peers.svg)

![Records a second](benchmarks-peers-rates.svg)

- **One run is one process**, pinned to the same processor as all others, in turn with them; who begins changes by the
  round. Only the section *scaling* has two processors and as many workers on both sides. The first third of the
  records warms up: time, processors and checkpoints count from there to the last result. That is for Java's compiler;
  the loops by hand over JSON have nothing to warm up and count whole. Whether a third was enough for a peer is not
  looked at. The time that a JVM and a cluster take to start and to end does not count.
- **Results are compared**: rows of text sorted and hashed, or a sum over hashes of (key, window, count). Counts of
  JSON are held against what the producer has counted, copies against the topic copied, all else against Millrace's
  first run. A run that finds something else ends its section. Of Nexmark's long texts only the length is in the hash,
  and of q12, the windows of which are others in each run, only a sum.
- **Same input**: a file of `event_producer`'s in the page cache, read by the megabyte on both sides; or typed records,
  made as they are read from their number by the same arithmetic in both languages.
- *spread* is the distance between the best and the worst round, as a part of the median; *CPU s/M* what a million
  records cost of processors, in all threads of the process (for Java that includes its compiler and collector);
  *memory* the most the process ever held. A JVM with a fixed heap holds all of it, so for the peers this is what they
  were given rather than what they need.
- *of the limit* is the result as a part of what no program could do better: of the loop by hand over the same
  libraries where there is one; of latencies, of 99 % of the interval, since an event that comes right behind a commit
  waits for the next. *Millrace is* compares rates, or where others share the machine, the seconds of processors. A
  *target* is held against every peer but SQL.
- **Durable state**: each contender makes as many changes as take it some seconds, since rates are compared; on fewer
  records all of them are held against each other beforehand. The number of checkpoints is that of the time that
  counts; fewer than five are told as a failure. Making the keys does not count. While all state fits into memory
  *Flink, heap* is what is like Millrace: both change a table in memory and write checkpoints, where Flink's RocksDB is
  asked for each record. Rows that name less memory have several times as much state.
- **Beside a broker** (topic to topic, start-up, recovery, latency) no side measures itself: what committed readers may
  read of its copy is looked at from outside each 5 ms, and the whole copy is held against the original, in the order
  of each partition. The broker has the other processor, as has who looks. All take checkpoints or commit at the
  interval that is named, at least once too. *Start-up* is from the start of the process until 1,000 records are
  copied; *idle* what the same processes use afterwards; *recovery* is from the restart after a SIGKILL half way until
  another twentieth of the records is there: a member of a Kafka Streams group comes back under its name
  (`group.instance.id`), or it would wait for its session to time out.
- **Nexmark** here is its queries in the DataStream API over its generator's events; upstream has them in SQL. Prices
  are whole thousandths of euros, upstream DECIMAL(23, 3) (q1, q14). q5 and q8 are one aggregate where upstream joins;
  q7 upstream takes a bid at the very end of its window too; q12 tells what is left at the end as well, and Millrace is
  done within one or two of its windows; in q14 it is always night, for event time is 100 seconds from midnight on.
  There are 20,000 events to a second of that in the short form and 200,000 in the long one, upstream 10,000: the two
  forms are no measure for each other. q0, q1, q2, q14 and q22 are mostly the making of events, which costs both sides
  about the same and draws the ratio towards 1.
- **The Yahoo Streaming Benchmark** is its core: JSON, a filter, a table of 1,000 ads in memory in place of Redis,
  counts per campaign and ten seconds; from a file instead of Kafka.

How the peers are set up, and why:

- **Flink {flink}** runs in one process by its own local environment, which is what a TaskManager runs, with channels
  in memory. `pipeline.object-reuse` is on, Kryo forbidden (`pipeline.generic-types: false`), and every record that
  crosses a shuffle has a serialiser of its own that writes its members and nothing else. Network buffers go out when
  they are full (`execution.buffer-timeout.enabled: false`), which Flink's documentation advises for throughput: a
  choice, not measured against others here. Sources emit some hundred records a call, and of an event only what the job
  needs travels on. Watermarks are periodic, each {watermark_ms} ms; 200 ms is Flink's default, and `--watermark-ms`
  tries others: at a million records a second it is some seconds of event time, so sessions close late. Accumulators
  are changed in place.
- **Flink, no shuffle** takes the exchange between source and window out of the job by `reinterpretAsKeyedStream`,
  which Flink calls experimental and which is right only because a single instance has all keys. No job at more than
  one processor can run so; but one worker of Millrace has no exchange either, so this is the nearer of the two. Where
  it is not in the table, windows or state cost so much that an exchange is lost in it.
- **Flink SQL** cuts sliding windows into slices and combines before it shuffles, which the DataStream API does not.
  Its records are POJOs, its results stay RowData, and it has 512 MiB of managed memory.
- **JSON** is read by Jackson {jackson}'s streaming parser straight from the buffer that the file was read into, with
  times and amounts read by hand (java.time would take longer than all the rest) and names that come again and again
  made into strings only once.
- **RocksDB** has managed memory of {budget_mib} MiB unless the row says otherwise, which is what Millrace may use too,
  incremental checkpoints, bloom filters, the options that Flink predefines for flash, write buffers of an eighth of
  that memory but no more than 64 MiB, and timers on the heap. Flink writes its checkpoints without waiting for the
  disk; Millrace syncs each.
- **Kafka's clients** are {flink_clients} in Flink (connector {connector}) and {streams_clients} in Kafka Streams. Both
  fetch more at once than by default (5,000 records a poll, 4 MiB a partition) and do not check sums, as librdkafka
  does not; batches are of up to 1 MB. Flink's producer lingers 5 ms; Kafka Streams sets 100 ms for itself and flushes
  at each commit. Flink's transactions take their names from a pool (`TransactionNamingStrategy.POOLING`), since a new
  name at each checkpoint costs the broker.
- **Kafka Streams {streams}** copies in one thread, and buffers 10,000 records a partition, or each poll would pause
  its partitions. The windows of the other contests are not run in it: it has no end of input at which results are
  complete.
- **Java**: {java}; heap fixed at {heap_mb} MiB and touched at the start (not where starts are timed), `{collector}`,
  the collector that is made for throughput.
"""


def facts_text(facts):
    text = (f"{facts['date']}, commit {facts['commit']}, form \"{facts['form']}\": {facts['cores']} cores of "
            f"{facts['cpu']}, processor {','.join(map(str, facts['cpus']))}, {facts['memory_gb']} GB, "
            f"Linux {facts['kernel']}, Debian {facts['debian']}, {facts['compiler']}, {facts['build_type']}; Flink "
            f"{facts['flink']}, Kafka Streams {facts['streams']}, RocksDB {facts['rocksdb']} and Flink's "
            f"{facts['frocksdb']}")
    if "broker" in facts:
        text += f"; Apache Kafka {facts['broker']}"
    return f"{text}; medians of {facts['rounds']} rounds.\n"


def runs_by_facts(results):
    """The runs of one kind together; that the broker is noted by those alone that had one makes no kind of its own."""
    kinds = []
    for run in results.runs():
        plain = {name: fact for name, fact in run.items() if name != "broker"}
        kind = next((each for each in kinds if each[0] == plain), None)
        if kind is None:
            kinds.append((plain, [run]))
        else:
            kind[1].append(run)
    return [runs for _, runs in kinds]


def write_section(results, path):
    parts = []
    for runs in runs_by_facts(results):
        facts = {**runs[0], **runs[-1]}
        parts += [facts_text(facts), markdown([row for run in runs for row in results.rows(run)]) + "\n"]
    if not parts:
        raise SystemExit(f"{results.path}: nothing has been run yet")
    section = "\n".join([
        SECTION.format(**facts), *parts,
        "As `bench/peers/run.py` has run them, Millrace and the first peer of each:\n",
        commands(results.rows()) + "\n",
    ])
    report.replace_section(path, "Beside Flink and Kafka Streams", section)
