# SPDX-License-Identifier: MIT
"""What the sections of run.py have found, in a file that is written anew after each of them."""
import json
import os


class Results:
    """Of each section its rows and the facts of the run that they are from, which may be another for each."""

    def __init__(self, path, order):
        """`order`: the names of all sections, as they are to be told."""
        self.path = path
        self.order = order
        found = json.loads(path.read_text()) if path.exists() else {}
        self.sections = {name: each for name, each in found.get("sections", {}).items() if isinstance(each, dict)}

    def add(self, name, run, rows, failure=None):
        """A section's rows. What is left of one that has failed takes no good one's place, but is kept beside it."""
        section = dict(run=run, rows=rows)
        if failure is not None:
            section["failure"] = failure
        before = self.sections.get(name)
        if failure is None or before is None or "failure" in before:
            self.sections[name] = section
        else:
            before["tried"] = section
        self.save()

    def save(self):
        ordered = {name: self.sections[name] for name in self.order if name in self.sections}
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_text(json.dumps(dict(sections=ordered), indent=1) + "\n")
        os.replace(part, self.path)
        self.sections = ordered

    def rows(self, run=None):
        """All rows, or those of one run."""
        return [row for section in self.sections.values() if run in (None, section["run"]) for row in section["rows"]]

    def runs(self):
        """The facts of all runs that rows are from."""
        found = []
        for section in self.sections.values():
            if section["run"] not in found:
                found.append(section["run"])
        return found
