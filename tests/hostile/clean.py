# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows that a clean image has, to be held against those of the same image, tampered with."""

import json

from hostile.machine import Machine

# What no tampering with something else may change.
FIELDS = ("pid", "process", "base", "size", "module", "path", "imports", "imphash", "impfuzzy", "status")


def key(row):
    return tuple(row[field] for field in FIELDS)


class Clean:
    """Of the machine made last: cases are made and judged one after the other."""

    def __init__(self):
        self.rows = []

    def machine(self, tools, **more):
        machine = Machine(tools, **more)
        self.rows = machine.rows
        return machine

    def lost(self, out, pids=None):
        """A sentence on rows (of processes `pids`) that are not in a listing by -o jsonl; None."""
        left = {key(json.loads(line)) for line in out.split("\n") if line}
        lost = [row for row in self.rows
                if key(row) not in left and (pids is None or row["pid"] in pids)]
        return f"{len(lost)} rows of the clean image are lost: {key(lost[0])}" if lost else None


CLEAN = Clean()
