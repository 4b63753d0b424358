#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows that the driver refuses cases that do not do what they promise.

    expect_failure_test.py -- COMPILER FLAG...
"""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from expect_failure import findings  # noqa: E402

COMMAND = sys.argv[sys.argv.index("--") + 1:]
MISTAKE = '#ifndef GOOD\nstatic_assert(sizeof(char) == 2, "a char of two bytes");\n#endif\n'


class DriverTest(unittest.TestCase):
    def findings(self, text):
        with tempfile.TemporaryDirectory() as folder:
            case = os.path.join(folder, "case.cpp")
            with open(case, "w", encoding="utf-8") as file:
                file.write(text)
            return "\n".join(findings(case, COMMAND))

    def test_accepts_a_mistake_refused_in_the_promised_words(self):
        self.assertEqual(self.findings("// EXPECT: a char of \\w+ bytes\n" + MISTAKE), "")

    def test_refuses_a_case_that_compiles(self):
        self.assertIn("it compiles", self.findings("// EXPECT: anything\nint x;\n"))

    def test_refuses_other_words_than_the_promised_ones(self):
        self.assertIn("does not say: a char of three",
                      self.findings("// EXPECT: a char of three bytes\n" + MISTAKE))

    def test_refuses_promised_words_that_come_after_others(self):
        first = '#ifndef GOOD\nstatic_assert(false, "first");\n#endif\n'
        self.assertIn("does not say first: two bytes",
                      self.findings("// EXPECT FIRST: two bytes\n" + first + MISTAKE))
        self.assertEqual(self.findings("// EXPECT FIRST: two bytes\n" + MISTAKE + first), "")

    def test_refuses_a_case_that_fails_for_another_reason_too(self):
        self.assertIn("with -DGOOD",
                      self.findings("// EXPECT: two bytes\n" + MISTAKE + "int x = y;\n"))

    def test_refuses_a_case_that_promises_nothing(self):
        self.assertIn("no `// EXPECT", self.findings(MISTAKE))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
