#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds consumer/ against Millrace by add_subdirectory, find_package and pkg-config.

    package_test.py --linkage static|shared --source ROOT --work DIR --cmake CMAKE --generator NAME
                    --compiler CXX [--launcher CCACHE]

The add_subdirectory build compiles the library without optimisation and is then installed; the two
other consumers use that installed tree, after it has been moved. Exits with 0 when all three print
what they should.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CONSUMER = os.path.join(HERE, "consumer")


def run(*command, **options):
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nfailed with {done.returncode}: {' '.join(command)}")
    return done.stdout


def expect(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


class Package:
    def __init__(self, options):
        self.options = options
        self.shared = options.linkage == "shared"
        self.tree = os.path.join(options.work, "add_subdirectory")
        self.prefix = os.path.join(options.work, "prefix")

    def configure(self, build, *definitions):
        run(self.options.cmake, "-S", CONSUMER, "-B", build, "-G", self.options.generator,
            f"-DCMAKE_CXX_COMPILER={self.options.compiler}",
            f"-DCMAKE_CXX_COMPILER_LAUNCHER={self.options.launcher}",
            "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *definitions)
        run(self.options.cmake, "--build", build)

    def expect_output(self, program, **options):
        with open(os.path.join(HERE, "expected.txt"), encoding="utf-8") as file:
            expected = file.read()
        output = run(program, **options)
        expect(output == expected, f"{program} printed\n{output}instead of\n{expected}")

    def by_add_subdirectory(self):
        self.configure(self.tree, f"-DMILLRACE_SOURCE={self.options.source}",
                       f"-DBUILD_SHARED_LIBS={'ON' if self.shared else 'OFF'}",
                       "-DMILLRACE_INSTALL=ON")
        self.expect_output(os.path.join(self.tree, "consumer"))
        self.expect_no_intrusion()

    def expect_no_intrusion(self):
        """A user's build gets the library alone: no flags, tests or programs of ours."""
        with open(os.path.join(self.tree, "compile_commands.json"), encoding="utf-8") as file:
            commands = {entry["file"]: entry["command"] for entry in json.load(file)}
        own = commands[os.path.join(CONSUMER, "main.cpp")]
        for flag in re.findall(r"\s(-\S+)", own):
            harmless = flag.startswith(("-I", "-isystem", "-std=", "-D", "-o", "-c"))
            expect(harmless, f"the user's file is compiled with our {flag}: {own}")
        for path in commands:
            folder = os.path.relpath(path, self.options.source).split(os.sep)[0]
            expect(folder == "src" or path.startswith(CONSUMER), f"{path} is built for the user")
        listed = run("ctest", "-N", cwd=self.tree)
        expect("Total Tests: 0" in listed, f"the user gets our tests:\n{listed}")

    def install(self):
        first = os.path.join(self.options.work, "installed")
        run(self.options.cmake, "--install", self.tree, "--prefix", first)
        os.rename(first, self.prefix)  # nothing in it may know where it was
        suffix = ".so" if self.shared else ".a"
        found = [name for _, _, names in os.walk(self.prefix) for name in names]
        expect(f"libmillrace{suffix}" in found, f"libmillrace{suffix} is not installed: {found}")

    def by_find_package(self):
        build = os.path.join(self.options.work, "find_package")
        self.configure(build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.expect_output(os.path.join(build, "consumer"))

    def by_pkg_config(self):
        for folder, names, _ in os.walk(self.prefix):
            if "pkgconfig" in names:
                libraries = folder
        environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(libraries, "pkgconfig"),
                       "LD_LIBRARY_PATH": libraries}
        for static in [[], ["--static"]] if not self.shared else [[]]:
            flags = run("pkg-config", "--cflags", "--libs", *static, "millrace", env=environment)
            program = os.path.join(self.options.work, "by_pkg_config")
            run(self.options.compiler, "-std=c++20", os.path.join(CONSUMER, "main.cpp"), "-o", program,
                *flags.split())
            self.expect_output(program, env=environment)
        version = run("pkg-config", "--modversion", "millrace", env=environment).strip()
        expect(re.fullmatch(r"\d+\.\d+\.\d+", version), f"pkg-config gives version {version}")


def main():
    parser = argparse.ArgumentParser()
    for name in ["linkage", "source", "work", "cmake", "generator", "compiler"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--launcher", default="")
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    os.makedirs(options.work)
    package = Package(options)
    package.by_add_subdirectory()
    package.install()
    package.by_find_package()
    package.by_pkg_config()
    print("all three work")


if __name__ == "__main__":
    main()
