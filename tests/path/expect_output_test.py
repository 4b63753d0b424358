#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows that expect_output.py can fail."""

import os
import stat
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from expect_output import findings  # noqa: E402


class ExpectOutputTest(unittest.TestCase):
    def found(self, script, expected):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            text = os.path.join(folder, "program.expected")
            for path, content in [(program, f"#!/bin/sh\n{script}\n"), (text, expected)]:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(content)
            os.chmod(program, stat.S_IRWXU)
            return "\n".join(findings(program, text))

    def test_the_same_lines_in_any_order_are_right(self):
        self.assertEqual("", self.found("echo b; echo a", "a\nb\n"))

    def test_a_line_more_less_or_other_is_wrong(self):
        for script in ["echo a; echo b; echo b", "echo a", "echo a; echo c", "true"]:
            self.assertIn("other lines", self.found(script, "a\nb\n"))

    def test_a_program_that_fails_is_wrong(self):
        self.assertIn("exits with 3", self.found("echo a; exit 3", "a\n"))


if __name__ == "__main__":
    unittest.main()
