# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes without end: rings, lists, the table of PIDs, what looks like a process."""

import json
import struct

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE

AREA = 0xffffc70000000000  # an unused part of the kernel's half
LISTING = ("-a", "-F", "--deep", "-o", "jsonl")


def missing(told):
    """The machine's own processes still have the rows they had; `told` is, where anything must be cut off."""
    def check(status, out, err):
        hidden = any("hidden" in json.loads(line)["flags"] for line in out.split("\n")
                     if line and json.loads(line)["pid"] < 0x10000)
        return CLEAN.lost(out) or (f"not told: {told}: {err.strip()[-200:]}" if told not in err else
                                   "a process in the ring is called hidden" if hidden else None)
    return check


class Area:
    """Pages in the kernel's half, one after the other."""

    def __init__(self, machine, size, address=AREA):
        self.machine, self.address = machine, address
        self.physical = [machine.new_page() for _ in range((size + PAGE - 1) // PAGE)]
        for i, page in enumerate(self.physical):
            machine.map(address + PAGE * i, page)

    def put64(self, address, value):
        offset = address - self.address
        self.machine.put64(self.physical[offset // PAGE] + offset % PAGE, value)


def ring(machine, number, count, start=AREA):
    """`count` processes 16 bytes apart, behind System in the ring; number(i): the PID."""
    pid = machine.offset("EPROCESS", "UniqueProcessId")
    links = machine.offset("EPROCESS", "ActiveProcessLinks")
    assert links == pid + 8
    area = Area(machine, 16 * count + 0x2000, start)
    system = int(machine.info["system"], 16) + links
    following = machine.pointer(system)
    for i in range(count):
        process = start + 16 * i
        area.put64(process + pid, number(i))
        area.put64(process + links, process + 16 + links if i + 1 < count else following)
    machine.put_pointer(system, start + links)


@case("search.ring", *LISTING, expect=missing("was cut off, it costs too much work: active"))
def long_ring(tools):
    """131,072 processes in the ring, of 2 MB."""
    machine = CLEAN.machine(tools)
    ring(machine, lambda i: 0x10000 + 4 * i, 131072)
    return [machine.save()]


@case("search.nameless_ring", *LISTING,
      expect=missing("was cut off, it costs too much work: active"))
def nameless_ring(tools):
    """The same, and all are process 0."""
    machine = CLEAN.machine(tools)
    ring(machine, lambda i: 0, 131072)
    return [machine.save()]


@case("search.two_rings", *LISTING,
      expect=missing("was cut off, it costs too much work: active"))
def two_rings(tools):
    """40,000 processes on either side of System: the others are in the middle."""
    machine = CLEAN.machine(tools)
    pid = machine.offset("EPROCESS", "UniqueProcessId")
    links = machine.offset("EPROCESS", "ActiveProcessLinks")
    system = int(machine.info["system"], 16) + links
    ends = machine.pointer(system), machine.pointer(system + 8)
    count, step = 40000, 32
    for side, outer in enumerate(ends):
        start = AREA + (side << 30)
        area = Area(machine, step * count + 0x2000, start)
        chain = [start + step * i + links for i in range(count)]
        for i, link in enumerate(chain):
            area.put64(link - links + pid, 0x10000 + 4 * (i + side * count))
            area.put64(link + 8 * side, chain[i + 1] if i + 1 < count else outer)
            area.put64(link + 8 * (1 - side), chain[i - 1] if i else system)
        machine.put_pointer(outer + 8 * (1 - side), chain[-1])
        machine.put_pointer(system + 8 * side, chain[0])
    return [machine.save()]


def exited(machine, area, process, pid):
    """Looks like a process that has ended."""
    def member(name):
        return process + machine.offset("EPROCESS", name)
    area.put64(member("CreateTime"), 1)
    area.put64(member("ExitTime"), 1 << 40)
    area.put64(member("UniqueProcessId"), pid)
    area.put64(member("ImageFileName"), int.from_bytes(b"x.exe", "little"))


@case("search.list", *LISTING, expect=missing("was cut off, it costs too much work: mm"))
def long_list(tools):
    """30,000 processes in MmProcessLinks, behind System."""
    machine = CLEAN.machine(tools)
    links = machine.offset("EPROCESS", "MmProcessLinks")
    step, count = 0x100, 30000
    area = Area(machine, step * count + 0x2000)
    system = int(machine.info["system"], 16) + links
    following = machine.pointer(system)
    chain = [system] + [AREA + step * i + links for i in range(count)] + [following]
    for i in range(1, count + 1):
        # ExitTime and UniqueProcessId of neighbours share their place.
        exited(machine, area, chain[i] - links, 0x10000 + 4 * i)
        area.put64(chain[i] - links + machine.offset("EPROCESS", "ExitTime"), 0x10000 + 4 * i)
        area.put64(chain[i], chain[i + 1])
        area.put64(chain[i] + 8, chain[i - 1])
    machine.put_pointer(system, chain[1])
    machine.put_pointer(following + 8, chain[-2])
    return [machine.save()]


def cid_table(machine):
    """PspCidTable: the HANDLE_TABLE whose entry of handle 4 is System."""
    base, system = int(machine.info["kernel_base"], 16), int(machine.info["system"], 16)
    code = machine.offset("HANDLE_TABLE", "TableCode")
    for page in range(0, int(str(machine.info["kernel_size"]), 0), PAGE):
        physical = machine.physical(base + page)
        for table in struct.unpack_from("<512Q", machine.data, physical) if physical else ():
            if table >> 47 != 0x1ffff or machine.physical(table + code) is None:
                continue
            first = machine.pointer(table + code)
            leaf = first & ~7
            if first & 3 and machine.physical(leaf) is not None:
                leaf = machine.pointer(leaf)
            if machine.physical(leaf) is None:
                continue
            entry = machine.pointer(leaf + 16)
            if entry >> 20 << 4 | 0xffff << 48 == system:
                return table + code, first
    raise AssertionError("no PspCidTable")


@case("search.handles", *LISTING, expect=missing(""))
def handles(tools):
    """A table of PIDs of three levels, in which all tables but the first are one."""
    machine = CLEAN.machine(tools)
    code, first = cid_table(machine)
    top, first_middle, middle, leaf = (AREA + PAGE * i for i in range(4))
    area = Area(machine, 5 * PAGE)
    fake = AREA + 4 * PAGE
    for i in range(512):
        area.put64(top + 8 * i, middle if i else first_middle)
        area.put64(first_middle + 8 * i, leaf)
        area.put64(middle + 8 * i, leaf)
        area.put64(leaf + 8 * i, 0 if i & 1 else (fake & (1 << 48) - 1) >> 4 << 20 | 1)
    if first & 3:
        area.put64(top, first & ~7)
        known = machine.read(first & ~7, PAGE)
        for i in range(512):
            if not any(known[8 * i:8 * i + 8]):
                machine.put_pointer((first & ~7) + 8 * i, leaf)
    else:
        area.put64(first_middle, first)
    machine.put_pointer(code, top | 2)
    return [machine.save()]


@case("search.neighbourhoods", *LISTING,
      expect=missing("was cut off, it costs too much work: active, near"))
def neighbourhoods(tools):
    """Each of 130,000 processes in 2 MB of its own, all of them the same pages."""
    machine = CLEAN.machine(tools)
    pid = machine.offset("EPROCESS", "UniqueProcessId")
    links = machine.offset("EPROCESS", "ActiveProcessLinks")
    area = 0xffffc00000000000  # with a table of its own
    assert not machine.u64((machine.dtb & ~0xfff) + 8 * (area >> 39 & 511))
    pages = [machine.new_page() for _ in range(512)]
    table = machine.new_page(struct.pack("<512Q", *(page | 0x67 for page in pages)))
    directory = machine.new_page(struct.pack("<512Q", *[table | 0x67] * 512))
    upper = machine.new_page(struct.pack("<512Q", *[directory | 0x67] * 512))
    machine.put64((machine.dtb & ~0xfff) + 8 * (area >> 39 & 511), upper | 0x67)
    count = 130000
    chain = [area + (i << 21) + 16 * i + links for i in range(count)]
    system = int(machine.info["system"], 16) + links
    following = machine.pointer(system)
    for i, link in enumerate(chain):
        at = 16 * i + pid
        machine.put64(pages[at // PAGE] + at % PAGE, 0x10000 + 4 * i)
        at += links - pid
        machine.put64(pages[at // PAGE] + at % PAGE, chain[i + 1] if i + 1 < count else following)
    machine.put_pointer(system, chain[0])
    return [machine.save()]


def headers(machine, step, count, more, start=AREA):
    """`count` headers of processes, `step` bytes apart, with empty wait lists."""
    system = int(machine.info["system"], 16)
    header = machine.pointer(system) & 0xffffffff
    area = Area(machine, step * count + PAGE, start)
    for i in range(count):
        at = start + step * i
        area.put64(at, header)
        area.put64(at + 8, at + 8)
        area.put64(at + 16, at + 8)
        more(area, at, i)


@case("search.headers", *LISTING, expect=missing("was cut off, it costs too much work: deep"))
def many_headers(tools):
    """32 MB of headers of processes, and no process behind them."""
    machine = CLEAN.machine(tools)
    headers(machine, 32, 1 << 20, lambda area, at, i: None, AREA + (1 << 20) + 4 * PAGE)
    # The near sweep meets them as well: a process lies before them.
    ring(machine, lambda i: 0x10000, 1, AREA + (1 << 20))
    return [machine.save()]


@case("search.look_alikes", *LISTING, expect=missing("was cut off, it costs too much work: deep"))
def look_alikes(tools):
    """100,000 ended processes that no list has."""
    machine = CLEAN.machine(tools)

    def more(area, at, i):
        exited(machine, area, at, 0x10000 + 4 * i)
        area.put64(at + machine.offset("EPROCESS", "ExitTime"), 0x10000 + 4 * i)
    headers(machine, 0x100, 100000, more)
    return [machine.save()]
