# SPDX-License-Identifier: MIT
"""Runs the built programs for the black-box tests. MILLRACE_BIN is the folder they are in."""
import collections
import os
import shutil
import subprocess
import tempfile
import unittest

BIN = os.environ.get("MILLRACE_BIN", "build/release/bin")

Result = collections.namedtuple("Result", "code out err")


def path_of(program):
    return os.path.join(BIN, program)


def run(program, *arguments, stdin=b"", timeout=60, **options):
    """The program's exit code and what it wrote, as bytes."""
    done = subprocess.run([path_of(program), *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout, **options)
    return Result(done.returncode, done.stdout, done.stderr)


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, `self.path("name")`."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="millrace-programs-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def assert_done(self, result, code=0):
        self.assertEqual(result.code, code, f"stderr: {result.err.decode(errors='replace')}")
        return result

    def assert_refused(self, result, *words):
        """Exit 2, nothing on stdout, and each of the words on stderr."""
        self.assert_done(result, 2)
        self.assertEqual(result.out, b"")
        for word in words:
            self.assertIn(word, result.err.decode())
