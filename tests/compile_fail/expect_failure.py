#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that a C++ file is refused by the compiler, and refused in the words it promises.

    expect_failure.py case.cpp -- COMPILER FLAG...

The file must fail to compile with every `// EXPECT: regex` line found in the compiler's output and
every `// EXPECT FIRST: regex` line in its first error, and must compile with -DGOOD. Exits with 0 when all of that holds.
"""

import os
import re
import subprocess
import sys


def compile_case(command, case, *extra):
    # The C locale keeps the compiler's quotes plain, so that a pattern may hold them.
    done = subprocess.run([*command, *extra, case], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stdout + done.stderr


def findings(case, command):
    """What is wrong with the case, as a list of sentences; empty when it does what it should."""
    with open(case, encoding="utf-8") as file:
        expected = re.findall(r"^\s*// EXPECT( FIRST)?: (.*\S)\s*$", file.read(), re.MULTILINE)
    if not expected:
        return ["it has no `// EXPECT: regex` line"]
    found = []
    status, output = compile_case(command, case)
    if status == 0:
        found.append("it compiles, and should not")
    else:
        first = re.search(r"error: .*", output)
        first = first.group(0) if first else ""
        missing = [(where, pattern) for where, pattern in expected
                   if not re.search(pattern, first if where else output)]
        found += [f"the compiler does not say{where.lower()}: {pattern}" for where, pattern in missing]
        if missing:
            found.append(f"it says:\n{output[:8000]}")
    status, output = compile_case(command, case, "-DGOOD")
    if status != 0:
        found.append(f"with -DGOOD it should compile, and does not:\n{output[:8000]}")
    return found


def main(arguments):
    case, separator, *command = arguments
    assert separator == "--" and command, __doc__
    found = findings(case, command)
    for finding in found:
        print(f"{os.path.basename(case)}: {finding}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
