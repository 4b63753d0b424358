#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads the source tree and reports what breaks the rules of the house.

    tidy.py ROOT

Prints one `path:line: finding` each and exits with 1 when there is any. The rules stand in the
tables below and in docs/architecture.md; what they are for stands beside each.
"""

import os
import re
import sys
import textwrap

# Which rooms a room may include, besides itself. Arrows point down: no cycle can arise.
ROOMS = {
    "base": [],
    "time": ["base"],
    "serde": ["time", "base"],
    "state": ["serde", "time", "base"],
    "window": ["state", "serde", "time", "base"],
    "formats": ["serde", "time", "base"],
    "metrics": ["time", "base"],
    "runtime": ["state", "serde", "time", "base"],  # the contract; the engine has its own line
    "checkpoint": ["runtime", "state", "serde", "time", "base"],
    "operators": ["runtime", "window", "state", "serde", "time", "base"],
    "graph": ["runtime", "serde", "time", "base"],
    "job": ["graph", "checkpoint", "runtime", "state", "serde", "metrics", "time", "base"],
    "connectors": ["runtime", "formats", "serde", "time", "base"],
    "dsl": ["graph", "operators", "window", "runtime", "state", "serde", "time", "base"],
}
# The engine knows everything but what users write with and what it reads from.
ENGINE = [room for room in ROOMS if room not in ("dsl", "connectors")]
TESTING = list(ROOMS)
# The project's own programs: built on the library, no part of it, so they may print.
TOOLS = list(ROOMS)

UMBRELLA = "millrace/millrace.hpp"
UMBRELLA_USERS = ("examples/", "tests/", "bench/")

# Dear to compile, or not ours to force on a user: sources only.
HEAVY = re.compile(r"^(rocksdb/|simdjson|httplib|librdkafka/|rdkafka|prometheus/|zlib|zstd|xxh|"
                   r"CLI/|fmt/|regex$|iostream$)")

# A library is a guest: it never ends the host's process and never writes to its terminal.
# A method of such a name (`transaction.abort()`) is something else.
CALLS = re.compile(r"(?:^|[;{}(,!&|=?:]|\breturn|\belse|\)\s)\s*(?:std::|::)?"
                   r"(exit|_exit|quick_exit|abort|terminate|f?printf|puts|perror)\s*\(")
STREAMS = re.compile(r"\bstd::(cout|cerr|clog)\b")

# Text that means nothing to a reader who has only this repository.
FOREIGN = re.compile(r"(/work/|\bshared/|\bissues?\b\s*(#|\d|show\b)|\bTODO\b|\bFIXME\b)")

MAX_FUNCTION_LINES = 70
# path: names of functions that may be longer, each with its reason.
LONG_FUNCTIONS = {}

CODE_FOLDERS = ("include", "src", "examples", "tests", "bench")
SCRIPTS = ("dev", ".ci/run")
TEXT_FOLDERS = CODE_FOLDERS + ("cmake", "docs", "docker")
TEXT_FILES = SCRIPTS + ("README.md", "CMakeLists.txt", "CMakePresets.json")


def files_below(root, folders, extensions):
    for folder in folders:
        for path, names, files in os.walk(os.path.join(root, folder)):
            names[:] = sorted(name for name in names if not name.startswith((".", "__")))
            for name in sorted(files):
                if name.endswith(extensions):
                    yield os.path.relpath(os.path.join(path, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def without_comments_and_strings(text):
    """The text with comments and the insides of literals blanked; line numbers stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                         r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)

    def blank(match):
        found = match.group(0)
        newlines = "\n" * found.count("\n")
        return newlines if found.startswith("/") else '""' + newlines

    return pattern.sub(blank, text)


def includes(text):
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line)
        if match:
            yield number, match.group(1)


def room_of_include(path, header):
    """The room a header is in: <millrace/time/x.hpp>, or "time/x.hpp" among the sources."""
    parts = header.split("/")
    if parts[0] == "millrace":
        return parts[1] if len(parts) > 2 else None
    known = parts[0] in ROOMS or parts[0] == "testing"
    return parts[0] if path.startswith("src/") and len(parts) > 1 and known else None


def arrows_out_of(path):
    """The room of a library file and the rooms it may include; None for other files."""
    match = re.match(r"(include/millrace|src)/(\w+)/", path)
    if not match:
        return None, None
    floor, room = match.groups()
    if floor == "src" and room == "runtime":
        return room, ENGINE
    if room == "testing":
        return room, TESTING
    if floor == "src" and room == "tools":
        return room, TOOLS
    return room, ROOMS.get(room)


def check_includes(path, text):
    room, allowed = arrows_out_of(path)
    if room is not None and allowed is None:
        yield 1, f"no such room: {room} (give it a line in tests/tidy/tidy.py)"
        return
    for line, header in includes(text):
        if header == UMBRELLA and not path.startswith(UMBRELLA_USERS):
            yield line, f"includes {UMBRELLA}, which is for users (include what is used)"
        if path.startswith("include/") and HEAVY.match(header):
            yield line, f"a public header includes <{header}> (include it in the source)"
        target = room_of_include(path, header)
        if room and target and target != room and target not in allowed:
            yield line, f"room {room} includes room {target} (arrows point down)"


def check_calls(path, code):
    if not path.startswith(("include/", "src/")) or path.startswith("src/tools/"):
        return
    for number, line in enumerate(code.split("\n"), 1):
        for match in [*CALLS.finditer(line), *STREAMS.finditer(line)]:
            yield number, f"{match.group(1)} in the library (return a Status, log to the sink)"


def check_licence(path, text):
    head = text.split("\n", 2)[:2]
    if not any("SPDX-License-Identifier: MIT" in line for line in head):
        yield 1, "no SPDX-License-Identifier line at the top"


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        match = FOREIGN.search(line)
        if match:
            yield number, f'"{match.group(1)}" means nothing to a reader of this repository'


def check_listed_in_cmake(root, path):
    listed = path.startswith("src/") or path.endswith("_test.cpp")
    if not path.endswith(".cpp") or not listed:
        return
    folder = os.path.dirname(path)
    while folder:
        cmake = os.path.join(folder, "CMakeLists.txt")
        if os.path.exists(os.path.join(root, cmake)):
            name = os.path.relpath(path, folder)
            if re.search(rf"(^|[\s(]){re.escape(name)}($|[\s)])", read(root, cmake)):
                return
        folder = os.path.dirname(folder)
    yield 1, "in no CMakeLists.txt above it, so it is never built"


def check_links(root, path, text):
    """Links between the pages lead somewhere."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.DOTALL)
    for number, line in enumerate(prose.split("\n"), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            file = target.split("#")[0]
            if file and "://" not in target and not os.path.exists(
                    os.path.join(root, os.path.dirname(path), file)):
                yield number, f"links to {target}, which is not there"


SNIPPET = re.compile(r"<!-- from (\S+): ([\w-]+) -->\n```\w*\n(.*?)```", re.DOTALL)


def region(text, name):
    """What stands between `// [name]` and `// [name end]`, without its indentation."""
    match = re.search(rf"^[^\n]*// \[{name}\]\n(.*?)^[^\n]*// \[{name} end\]", text,
                      re.DOTALL | re.MULTILINE)
    return textwrap.dedent(match.group(1)) if match else None


def check_snippets(root, path, text):
    """Code shown in the pages is code that is compiled and tested."""
    for match in SNIPPET.finditer(text):
        source, name, shown = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        there = os.path.exists(os.path.join(root, source))
        if shown != (region(read(root, source), name) if there else None):
            yield line, f"the code is not what {source} has between // [{name}] and // [{name} end]"


SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b|extern\s*\"\"")


def functions(code):
    """(name, first line, length) of every function that is not inside another one."""
    # Directives would glue themselves to the next declaration.
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: "\n" * m.group(0).count("\n"), code,
                  flags=re.MULTILINE)
    line, head, head_line = 1, "", 1
    scopes = []  # of every open brace: (name, line) of a function, or None
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            name = None
            if not any(scopes) and not SCOPE.search(re.sub(r"<[^<>]*>|\([^()]*\)", "", head)):
                match = re.search(r"([\w:~]+|operator\W+)\s*\(", head)
                name = (match.group(1), head_line) if match else None
            scopes.append(name)
            head = ""
        elif char == "}":
            scope = scopes.pop() if scopes else None
            if scope:
                yield scope[0], scope[1], line - scope[1] + 1
            head = ""
        elif char == ";":
            head = ""
        else:
            if not head.strip() and not char.isspace():
                head_line = line
            head += char


def check_function_length(path, code):
    if not path.startswith(("include/", "src/", "examples/")):
        return
    for name, line, length in functions(code):
        if length > MAX_FUNCTION_LINES and name not in LONG_FUNCTIONS.get(path, []):
            yield line, f"{name} has {length} lines (at most {MAX_FUNCTION_LINES})"


def findings(root):
    for path in files_below(root, CODE_FOLDERS, (".hpp", ".cpp")):
        text = read(root, path)
        code = without_comments_and_strings(text)
        checks = [check_includes(path, text), check_calls(path, code), check_licence(path, text),
                  check_listed_in_cmake(root, path), check_function_length(path, code)]
        for check in checks:
            for line, finding in check:
                yield path, line, finding
    scripts = [path for path in SCRIPTS if os.path.exists(os.path.join(root, path))]
    for path in [*scripts, *files_below(root, CODE_FOLDERS, (".py", ".sh"))]:
        for line, finding in check_licence(path, read(root, path)):
            yield path, line, finding
    texts = [path for path in TEXT_FILES if os.path.exists(os.path.join(root, path))]
    extensions = (".hpp", ".cpp", ".py", ".sh", ".txt", ".cmake", ".in", ".md")
    for path in [*texts, *files_below(root, TEXT_FOLDERS, extensions)]:
        if not path.startswith("tests/tidy/"):  # which has to spell what it forbids
            for line, finding in check_text(path, read(root, path)):
                yield path, line, finding
    for path in [path for path in [*texts, *files_below(root, ("docs", "examples"), (".md",))]
                 if path.endswith(".md")]:
        text = read(root, path)
        for check in [check_links(root, path, text), check_snippets(root, path, text)]:
            for line, finding in check:
                yield path, line, finding


def main(root):
    found = list(findings(root))
    for path, line, finding in found:
        print(f"{path}:{line}: {finding}")
    print(f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
