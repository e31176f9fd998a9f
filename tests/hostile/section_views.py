# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that a process has lost, of sections that are mapped more often than any is."""

import struct

from hostile.aliased import pe_header
from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE
from hostile.page_file import IMAGE, STEP
from hostile.vads import NODES, PID, area

SLOT = 0x60


def told(status, out, err):
    return None if f"PID {PID} " in err and "cut off" in err else f"not told: {err[-300:]}"


def others(status, out, err):
    return CLEAN.lost(out, {row["pid"] for row in CLEAN.rows} - {PID}) or told(status, out, err)


def views(tools, count, lost):
    """`count` views of one section, of which nothing is there, and `lost` more that have a header
    whose import directory is not: each in a place of its own."""
    machine = CLEAN.machine(tools)
    eprocess, dtb = machine.process(PID)
    control = machine.new_page(struct.pack("<Q", NODES - PAGE))
    machine.map(NODES - PAGE, control)
    put = area(machine, NODES, (count + lost) * STEP + PAGE)
    root = eprocess + machine.offset("EPROCESS", "VadRoot")
    subsection = machine.offset("MMVAD", "Subsection")
    size = 64 << 20
    for i in range(count + lost):
        at = NODES + STEP * i
        first = (SLOT << 27) + (i if i < count else count + (i - count) * 2) * (size >> 12)
        last = first + (size >> 12) - 1
        put(at, at + STEP if i + 1 < count + lost else machine.pointer(root))
        put(at + 0x18, first & 0xffffffff | (last & 0xffffffff) << 32)
        put(at + 0x20, first >> 32 | last >> 32 << 8)
        put(at + 0x30, IMAGE)
        put(at + subsection, NODES - PAGE)
        if i >= count:
            header = pe_header([(b".t", size - PAGE, PAGE, 0, 0)], size,
                               imports=(i - count + 1) * PAGE)
            machine.map(first << 12, machine.new_page(header), dtb)
    machine.put_pointer(root, NODES)
    return [machine.save()]


@case("section_views.views", "-a", "-F", "-p", PID, "-o", "jsonl", expect=told)
def one(tools):
    return views(tools, 60_000, 3000)


@case("section_views.views_all", "-a", "-o", "jsonl", expect=others)
def everywhere(tools):
    return views(tools, 20_000, 2000)
