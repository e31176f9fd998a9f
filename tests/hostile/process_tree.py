# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes whose parents make a tree of any shape."""

import json

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.processes import FAKES, add_ring


def every_process(status, out, err):
    """Each process that is listed stands behind its parent, and none is lost."""
    rows = [json.loads(line) for line in out.split("\n") if line]
    depths = {}
    for row in rows:
        if row["parent"] and depths.get(row["parent"], -9) + 1 != row["depth"]:
            return f"{row['eprocess']} is at depth {row['depth']}, {row['parent']} at {depths.get(row['parent'])}"
        if not row["parent"] and row["depth"]:
            return f"{row['eprocess']} has no parent, and depth {row['depth']}"
        depths[row["eprocess"]] = row["depth"]
    lost = {row["eprocess"] for row in CLEAN.rows} - set(depths)
    return f"{len(lost)} processes of the clean image are lost" if lost else None


def deep_ones(status, out, err):
    """What is deeper than is indented says how deep it is, and lines stay short."""
    longest = max(map(len, out.split("\n")))
    return None if longest < 1000 and " (25)  " in out else f"a line of {longest} characters, {out[-200:]!r}"


def machine_with(tools, pid_of, parent_of):
    """An image with 16,000 processes more, whose PIDs and parents' PIDs are functions of their number."""
    machine = CLEAN.machine(tools)
    count, step = 16000, 0x480
    pid, ppid = (machine.offset("EPROCESS", name)
                 for name in ("UniqueProcessId", "InheritedFromUniqueProcessId"))
    add_ring(machine, count, step=step, zero=False)
    for i in range(count):
        machine.put64(machine.physical(FAKES + step * i + pid), pid_of(i))
        machine.put64(machine.physical(FAKES + step * i + ppid), parent_of(i))
    return [machine.save()]


def deep(tools):
    return machine_with(tools, lambda i: 0x10000 + 4 * i, lambda i: 0x10000 + 4 * (i - 1) if i else 4)


@case("process_tree.deep", "--processes", "--tree", "-o", "jsonl", expect=every_process)
def deep_rows(tools):
    """Each below the one before it."""
    return deep(tools)


@case("process_tree.deep_table", "--processes", "--tree", expect=deep_ones)
def deep_table(tools):
    return deep(tools)


@case("process_tree.circle", "--processes", "--tree", "-F", "-o", "jsonl", expect=every_process)
def circle(tools):
    """A circle of all of them."""
    return machine_with(tools, lambda i: 0x10000 + 4 * i, lambda i: 0x10000 + 4 * ((i + 1) % 16000))


@case("process_tree.one_pid", "--processes", "--tree", "-F", "-o", "jsonl", expect=every_process)
def one_pid(tools):
    """All have one PID, and it as their parent's."""
    return machine_with(tools, lambda i: 0x10000, lambda i: 0x10000)
