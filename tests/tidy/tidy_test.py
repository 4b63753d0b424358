#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows that tidy.py can fail: builds small trees with one fault each and wants it reported."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from tidy import ROOMS, findings, functions, without_comments_and_strings  # noqa: E402

LICENCE = "// SPDX-License-Identifier: MIT\n"


class TidyTest(unittest.TestCase):
    def found(self, files):
        """All findings in a tree of {path: text}, one a line."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return "\n".join(f"{path}:{line}: {text}" for path, line, text in findings(root))

    def found_in(self, path, body):
        return self.found({path: LICENCE + body})

    def test_a_good_tree_has_no_findings(self):
        self.assertEqual("", self.found({
            "src/time/a.cpp": LICENCE + "#include <millrace/base/b.hpp>\n#include <zlib.h>\n"
                                        "// exit(1) in a comment, \"\n"
                                        'const char* text = "printf(1)";\n'
                                        "void f(File& file) { file.abort(); snprintf(0); }\n",
            "src/time/CMakeLists.txt": "millrace_sources(a.cpp)\n",
            "include/millrace/base/b.hpp": LICENCE + "#include <string>\n",
            "tests/unit/time/a_test.cpp": LICENCE + "#include <millrace/millrace.hpp>\n",
            "tests/unit/CMakeLists.txt": "millrace_test(unit SOURCES\n  time/a_test.cpp)\n",
        }))

    def test_arrows_point_down(self):
        up = "#include <millrace/state/x.hpp>\n"
        self.assertIn("include/millrace/time/a.hpp:2: room time includes room state",
                      self.found_in("include/millrace/time/a.hpp", up))
        self.assertIn("room time includes room state",
                      self.found_in("src/time/a.hpp", '#include "state/x.hpp"\n'))

    def test_the_arrows_have_no_cycle(self):
        def reach(room, path):
            self.assertNotIn(room, path)
            for below in ROOMS[room]:
                reach(below, [*path, room])
        for room in ROOMS:
            reach(room, [])

    def test_engine_and_dsl_do_not_know_each_other(self):
        self.assertIn("room runtime includes room dsl",
                      self.found_in("src/runtime/a.hpp", "#include <millrace/dsl/x.hpp>\n"))
        self.assertEqual("", self.found_in("src/runtime/a.hpp", '#include "graph/x.hpp"\n'))
        self.assertIn("room dsl includes room job",
                      self.found_in("include/millrace/dsl/a.hpp", "#include <millrace/job/x.hpp>\n"))

    def test_a_room_unknown_to_the_map_is_refused(self):
        self.assertIn("no such room: attic", self.found_in("src/attic/a.hpp", ""))

    def test_the_umbrella_is_for_users(self):
        self.assertIn("which is for users",
                      self.found_in("src/base/a.hpp", "#include <millrace/millrace.hpp>\n"))

    def test_heavy_headers_stay_in_sources(self):
        for header in ["simdjson.h", "rocksdb/db.h", "zstd.h", "fmt/format.h", "regex"]:
            self.assertIn(f"includes <{header}>",
                          self.found_in("include/millrace/base/a.hpp", f"#include <{header}>\n"))

    def test_the_library_neither_ends_the_process_nor_prints(self):
        for call in ["  std::abort();", "if (x) exit(1);", "return ::printf(x);",
                     "std::cerr << x;", "} else terminate();"]:
            self.assertIn("src/base/a.hpp:2", self.found_in("src/base/a.hpp", call + "\n"), call)
        self.assertEqual("", self.found_in("examples/a.cpp", "int main() { exit(1); }\n"))

    def test_every_file_names_its_licence(self):
        for path in ["src/base/a.hpp", "tests/a.py", "dev"]:
            self.assertIn(f"{path}:1: no SPDX", self.found({path: "\n"}))

    def test_a_test_or_source_outside_cmake_is_found(self):
        self.assertIn("never built", self.found_in("tests/unit/base/a_test.cpp", ""))
        self.assertIn("never built", self.found({"src/base/a.cpp": LICENCE,
                                                 "src/base/CMakeLists.txt": "x(aa.cpp a.cppx)"}))

    def test_text_that_points_outside_the_repository_is_found(self):
        for text in ["see issue 12", "/work/", "TODO"]:
            self.assertIn("means nothing", self.found({"docs/a.md": text + "\n"}), text)

    def test_a_link_that_leads_nowhere_is_found(self):
        pages = {"docs/a/b.md": "See [c](../c.md#x), [w](https://e.org/), `[](x)`.\n"}
        self.assertIn("docs/a/b.md:1: links to ../c.md#x", self.found(pages))
        self.assertEqual("", self.found({**pages, "docs/c.md": "\n"}))

    def test_a_snippet_is_what_the_example_has(self):
        page = "<!-- from examples/a.cpp: run -->\n```cpp\nrun(1);\n```\n"
        example = LICENCE + "int main() {\n  // [run]\n  run(%d);\n  // [run end]\n}\n"
        self.assertEqual("", self.found({"README.md": page, "examples/a.cpp": example % 1}))
        self.assertIn("README.md:1: the code is not what",
                      self.found({"README.md": page, "examples/a.cpp": example % 2}))
        self.assertIn("README.md:1: the code is not what", self.found({"README.md": page}))

    def test_a_long_function_is_found(self):
        body = "namespace n {\nclass C {\n  int f(int x) const {\n" + "    ++x;\n" * 80 + "  }\n};\n}\n"
        self.assertIn("src/base/a.hpp:4: f has 82 lines", self.found_in("src/base/a.hpp", body))

    def test_functions_are_told_from_other_braces(self):
        code = without_comments_and_strings(
            '#define X(a) { a }\nnamespace n {\nenum class E { kA };\nstruct S { int x{1}; };\n'
            "template <typename T>\n  requires(sizeof(T) > 1)\nT f(T t) {\n  if (t) {\n  }\n"
            "  auto g = [](int) {\n  };\n}\nint table[] = {1, 2};\n}\n")
        self.assertEqual([5], [line for _, line, _ in functions(code)])
        self.assertEqual([8], [length for _, _, length in functions(code)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
