# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that is full of what looks like tables of resolved APIs, or like code that uses them."""

import struct

from hostile.aliased import GIB, Aliased, pe_header
from hostile.cases import case

state = {}


def as_clean(status, out, err):
    return state["expect"](status, out, err)


def told(status, out, err):
    """As clean, and what was cut is told."""
    wrong = as_clean(status, out, err)
    if wrong:
        return wrong
    return None if any(words in out + err for words in
                        ("takes too long", "more imports than", "costs too much work")) else \
        f"nothing is said of what was cut: {err}"


def finish(machine):
    state["expect"] = machine.others_as_clean()
    return [machine.save()]


def frame_of(values):
    """A page of pointers, again and again the same."""
    page = (values * (512 // len(values) + 1))[:512]
    return struct.pack("<512Q", *page)


@case("tables.exports", "-a", "-o", "jsonl", expect=told)
def exports(tools):
    """4 GB of slots, each of which leads to an export."""
    machine = Aliased(tools)
    machine.region(machine.new_page(frame_of(machine.exports())), 4 * GIB)
    return finish(machine)


@case("tables.many_regions", "-a", "-o", "jsonl", expect=told)
def many_regions(tools):
    """Twelve regions of 512 MB with a table on each page: five pointers, and no table behind them."""
    machine = Aliased(tools)
    page = (machine.exports()[:9] + [1, 1, 1, 1, 1, 1, 1])[:16]
    frame = machine.new_page(frame_of(page))
    for _ in range(12):
        machine.region(frame, GIB // 2)
    return finish(machine)


@case("tables.code", "-a", "-o", "jsonl", expect=told)
def code(tools):
    """A header page without imports, and 2 GB of calls through slots."""
    machine = Aliased(tools)
    slots = struct.pack("<32Q", *(machine.exports()[:32]))
    frame = machine.new_page((b"\xff\x15" * 1900 + slots))
    machine.region(frame, 2 * GIB, first=[pe_header([(b".t", 0x7f000000, 0x1000, 0, 0)],
                                                    0x7f000000)])
    return finish(machine)


@case("tables.references", "-a", "-o", "jsonl", expect=told)
def references(tools):
    """A region whose every byte begins a pointer into another one, with a table on each page."""
    machine = Aliased(tools)
    table = machine.new_page(frame_of(machine.exports()[:16] + [1, 1]))
    machine.region(table, 4 * GIB)
    pointers = machine.new_page(b"\x00\x10\x00\x00\x00\x10\x00\x00" * 512)
    machine.region(pointers, 4 * GIB)
    return finish(machine)


@case("tables.self_map", "-a", "-o", "jsonl", expect=as_clean)
def self_map(tools):
    """A region whose pages are the process's own page tables: 512 GB of them."""
    machine = Aliased(tools)
    slot = 0x60
    machine.put64(machine.dtb_of + 8 * slot, machine.dtb_of | 0x67)
    machine.add_vad(machine.eprocess, slot << 27, (slot + 1 << 27) - 1)
    return finish(machine)


@case("tables.declared", "-a", "-o", "jsonl", expect=told)
def declared(tools):
    """A hundred images, each with as many imports as are read, of names as long as are read."""
    machine = Aliased(tools)
    name = machine.new_page(b"\0\0" + b"A" * 510 + b"a" * 3580)
    size = 64 << 20
    # Descriptors of one thunk each, at RVA 0x1000; thunk n is at 0x2000 + 16 n.
    pages = []
    thunks = b"".join(struct.pack("<QQ", 0x100000 + n * 0x1000 % (size - 0x200000), 0)
                      for n in range(4000))
    rows = b"".join(struct.pack("<IIIII", 0x20000 + n * 16, 0, 0, 0x90000, 0x20000 + n * 16)
                    for n in range(4000))
    for data, start in ((rows, 0x1000), (thunks, 0x20000)):
        while len(pages) * 4096 + 0x1000 < start:
            pages.append(b"")
        pages += [data[i:i + 4096] for i in range(0, len(data), 4096)]
    header = pe_header([(b".t", size - 0x1000, 0x1000, 0, 0)], size, imports=0x1000)
    for _ in range(100):
        machine.region(name, size, first=[header] + pages)
    return finish(machine)
