# SPDX-License-Identifier: GPL-3.0-or-later
"""As many executable regions as VADs, or as modules: what is done for each must not look at all."""

import struct

from hostile.aliased import Aliased
from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE
from hostile.modules import TEXT, add_modules, add_text
from hostile.vads import NODES, PID, area

FIRST = 0x60 << 27  # page number of the first region
RWX = 1 << 20 | 6 << 7


def told(status, out, err):
    """What was cut off is told; where nothing was, the modules of the process are all there."""
    if f"PID {PID} " in err and "cut off" in err:
        return None
    return None if "cut off" not in err and ("16019 modules" in err or status == 1) else \
        f"said: {err[-300:]}"


def regions(tools, count, modules):
    """`count` regions of one page of code, one frame for all, and `modules` more in the lists."""
    machine = CLEAN.machine(tools)
    add_text(machine, 1)
    add_modules(machine, modules, lambda i: (TEXT, 24))
    add_regions(machine, count)
    return [machine.save()]


def add_regions(machine, count, node=NODES):
    eprocess, dtb = machine.process(PID)
    table = machine.new_page(b"\xcc" * PAGE)
    for _ in range(3):
        table = machine.new_page(struct.pack("<Q", table | 0x67) * 512)
    for i in range(8):
        machine.put64(dtb + 8 * (0x60 + i), table | 0x67)
    put = area(machine, node, count * 64 + PAGE)
    root = eprocess + machine.offset("EPROCESS", "VadRoot")
    for i in range(count):
        at, page = node + 64 * i, FIRST + 2 * i
        put(at, at + 64 if i + 1 < count else machine.pointer(root))
        put(at + 0x18, page & 0xffffffff | (page & 0xffffffff) << 32)
        put(at + 0x20, page >> 32 | page >> 32 << 8)
        put(at + 0x30, RWX)
    machine.put_pointer(root, node)


@case("many_regions.listing", "-a", "-p", PID, "-o", "jsonl", expect=told)
def listing(tools):
    """100,000 regions without a header, each looked through for pointers to private memory."""
    return regions(tools, 100_000, 16_000)


@case("many_regions.only", "--regions", "--only", "hollowed", "-p", PID, "-o", "jsonl", expect=told)
def only(tools):
    return regions(tools, 100_000, 16_000)


@case("many_regions.named", "--regions", "-m", "kernel", "-p", PID, "-o", "jsonl")
def named(tools):
    """Wanted by the modules in them."""
    return regions(tools, 60_000, 16_000)


@case("many_regions.tables", "-a", "-p", PID, "-o", "jsonl", expect=told)
def tables(tools):
    """Each may refer to any of thousands of tables in private memory."""
    machine = Aliased(tools, pid=PID)
    page = machine.exports()[:8] + [1] * 24
    start = machine.region(machine.new_page(struct.pack("<32Q", *page) * 16), 2000 * PAGE)
    pointers = machine.new_page(struct.pack("<512Q", *(start + i * PAGE for i in range(512))))
    machine.region(pointers, PAGE)
    add_regions(machine, 30_000, node=NODES + (1 << 30))
    return [machine.save()]
