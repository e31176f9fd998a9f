# SPDX-License-Identifier: GPL-3.0-or-later
"""VADs that cost more than they are: over tables that lead to themselves, by the hundred thousand, with
long names, shared by processes."""

import json
import struct

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE

PID = 4012
NODES = 0xffffc70000000000
IMAGE = 2 << 4  # MMVAD_FLAGS.VadType, see flags()


def cut(pid=PID):
    """What is right where one process costs too much: it is named, and no row is lost."""
    def expect(status, out, err):
        if f"PID {pid} " not in err or "cut off" not in err:
            return f"PID {pid} is not said to be cut off: {err[-300:]}"
        return CLEAN.lost(out)
    return expect


def named(status, out, err):
    return None if f"PID {PID} " in err and "cut off" in err else f"said: {err[-300:]}"


def self_map(machine, alternate=True, execute=True):
    """A page that is a table of each level and maps itself in all entries; every other one is not
    writable, so that no two neighbours are alike."""
    page = machine.new_page()
    for i in range(512):
        machine.put64(page + 8 * i, page | (0x67 if not alternate or i % 2 else 0x65) |
                      (0 if execute else 1 << 63))
    return page


def add_self_maps(machine, pid, slots, vads=1, node=NODES):
    eprocess, dtb = machine.process(pid)
    page = self_map(machine)
    for i in range(slots):
        machine.put64(dtb + 8 * (0x20 + i), page | 0x67)
    pages = (slots << 27) // vads
    for i in range(vads):
        first = (0x20 << 27) + i * pages
        machine.add_vad(eprocess, first, first + pages - 1, node=node + i * PAGE)


@case("vads.self_map", "-a", "-o", "jsonl", expect=cut())
def one_self_map(tools):
    """A VAD of 512 GB whose tables are one page."""
    machine = CLEAN.machine(tools)
    add_self_maps(machine, PID, 1)
    return [machine.save()]


@case("vads.self_map_regions", "--regions", expect=named)
def self_map_regions(tools):
    machine = CLEAN.machine(tools)
    add_self_maps(machine, PID, 64, vads=16)
    return [machine.save()]


@case("vads.self_map_alone", "-a", "-o", "jsonl", "-p", PID,
      expect=lambda status, out, err: CLEAN.lost(out, {PID}) or named(status, out, err))
def self_map_alone(tools):
    machine = CLEAN.machine(tools)
    add_self_maps(machine, PID, 64)
    return [machine.save()]


@case("vads.self_map_everywhere", "-a", "-o", "jsonl", expect=named)
def self_map_everywhere(tools):
    """The same in all processes, in VADs of different sizes."""
    machine = CLEAN.machine(tools)
    pids = {row["pid"] for row in machine.rows if row["pid"] != 4 and row["base"] < "0x8"}
    for i, pid in enumerate(sorted(pids)):
        try:
            add_self_maps(machine, pid, 64, vads=1 + 3 * i, node=NODES + i * PAGE * 4096)
        except (StopIteration, TypeError):
            continue
    return [machine.save()]


@case("vads.demand_zero", "-a", "-o", "jsonl", expect=cut())
def demand_zero(tools):
    """Nothing is present in 16 TB, but each page has an entry that says so, unlike its neighbour's."""
    machine = CLEAN.machine(tools)
    eprocess, dtb = machine.process(PID)
    leaf = machine.new_page(struct.pack("<Q", 6 << 5) * 512)
    upper = machine.new_page(struct.pack("<Q", leaf | 0x67) * 512)
    top = machine.new_page(struct.pack("<Q", upper | 0x67) * 512)
    machine.put64(leaf, machine.new_page(b"\xcc" * PAGE) | 0x67)
    for i in range(32):
        machine.put64(dtb + 8 * (0x20 + i), top | 0x67)
    machine.add_vad(eprocess, 0x20 << 27, (0x40 << 27) - 1)
    return [machine.save()]


def area(machine, address, size):
    """New pages at a kernel address; returns a function that writes 64 bits there."""
    pages = []
    for i in range(size // PAGE + 2):
        pages.append(machine.new_page())
        machine.map(address + PAGE * i, pages[-1])

    def put(at, value):
        offset = at - address
        machine.put64(pages[offset // PAGE] + offset % PAGE, value)
    return put


def add_processes(machine, count, vads):
    """`count` processes of 32 bytes each at the head of the ring, with the VADs at `vads`."""
    base = 0xffffc71000000000
    pid, links = (machine.offset("EPROCESS", name)
                  for name in ("UniqueProcessId", "ActiveProcessLinks"))
    root = machine.offset("EPROCESS", "VadRoot")
    put = area(machine, base, count * 32 + 0x2000)
    head = int(machine.info["system"], 16) + links
    after = machine.pointer(head)
    for i in range(count):
        eprocess = base + 32 * i
        put(eprocess + pid, 0x10000 + 4 * i)
        put(eprocess + links, eprocess + 32 + links if i + 1 < count else after)
        put(eprocess + root, vads)
    machine.put_pointer(head, base + links)


def vad_chain(machine, count, flags, address=NODES):
    """A tree that is a list: of VADs that overlap in 48 bytes of each other."""
    put = area(machine, address, count * 64 + PAGE)
    for i in range(count):
        node, page = address + 64 * i, 0x10000 + 16 * i
        put(node, node + 64 if i + 1 < count else 0)
        put(node + 0x18, page | page << 32)
        put(node + 0x30, flags)
    return address


@case("vads.shared", "-a", "-o", "jsonl", expect=lambda status, out, err:
      None if "cut off" in err else f"not told: {err[-300:]}")
def shared(tools):
    """4,096 processes that share a tree of 50,000 VADs."""
    machine = CLEAN.machine(tools)
    add_processes(machine, 4096, vad_chain(machine, 50000, 1 << 20))
    return [machine.save()]


@case("vads.shared_regions", "--regions", expect=lambda status, out, err:
      None if "cut off" in err else f"not told: {err[-300:]}")
def shared_regions(tools):
    machine = CLEAN.machine(tools)
    add_processes(machine, 4096, vad_chain(machine, 50000, 1 << 20 | 6 << 7))
    return [machine.save()]


@case("vads.shared_info", "--info", expect=lambda status, out, err:
      None if "not all looked at whole" in out else f"not told: {out[-300:]}")
def shared_info(tools):
    machine = CLEAN.machine(tools)
    add_processes(machine, 4096, vad_chain(machine, 50000, 1 << 20))
    return [machine.save()]


@case("vads.few_shared", "-a", "-o", "jsonl", expect=lambda status, out, err: CLEAN.lost(out))
def few_shared(tools):
    """Two processes that share it: then there is enough for all others."""
    machine = CLEAN.machine(tools)
    add_processes(machine, 2, vad_chain(machine, 50000, 1 << 20))
    return [machine.save()]


@case("vads.names", "-a", "-o", "jsonl", expect=lambda status, out, err: CLEAN.lost(out) or
      (None if "VAD tree cut off" in err else f"not told: {err[-300:]}"))
def names(tools, unlike=True):
    """3,000 views of image sections, each of a file of its own whose name of 64 KB lies in the same
    few frames, two bytes further each."""
    machine = CLEAN.machine(tools)
    eprocess, _ = machine.process(PID)
    count, vads, files, text = 3000, NODES, NODES + (1 << 32), NODES + (2 << 32)
    letters = "".join(chr(97 + i * i % 26 + i % 7 // 6) for i in range(1, PAGE // 2 + 1))
    frame = machine.new_page(letters.encode("utf-16-le") if unlike else
                             "ntdll.dl".encode("utf-16-le") * (PAGE // 16))
    for i in range(20):
        machine.map(text + PAGE * i, frame)
    file_name = machine.offset("FILE_OBJECT", "FileName")
    pointer = machine.offset("CONTROL_AREA", "FilePointer")
    subsection = machine.offset("MMVAD", "Subsection")
    step = 512
    put = area(machine, vads, count * step)
    put_file = area(machine, files, count * step)
    area_of = machine.offset("SUBSECTION", "ControlArea")
    root = eprocess + machine.offset("EPROCESS", "VadRoot")
    for i in range(count):
        node, file, page = vads + step * i, files + step * i, 0x20 << 27 | i << 4
        put(node, node + step if i + 1 < count else machine.pointer(root))
        put(node + 0x18, page & 0xffffffff | (page & 0xffffffff) << 32)
        put(node + 0x20, page >> 32 | page >> 32 << 8)
        put(node + 0x30, IMAGE)
        put(node + subsection, file + 0x100)
        put_file(file + 0x100 + area_of, file + 0x180)
        put_file(file + 0x180 + pointer, file)
        put_file(file + file_name, 0xfff0 | 0xfff0 << 16)
        put_file(file + file_name + 8, text + 2 * i)
    machine.put_pointer(root, vads)
    return [machine.save()]


@case("vads.few_names", "-a", "-o", "jsonl", expect=cut())
def few_names(tools):
    """The same, but for eight different names among them."""
    return names(tools, unlike=False)


@case("vads.large_sections", "-a", "-F", "-o", "jsonl", expect=lambda status, out, err: CLEAN.lost(out))
def large_sections(tools):
    """8,000 views of 4 GB of one image section that never ends: all pages are in one table."""
    machine = CLEAN.machine(tools)
    eprocess, dtb = machine.process(PID)
    page = self_map(machine, execute=False)
    for i in range(64):
        machine.put64(dtb + 8 * (0x20 + i), page | 0x67)
    count, step = 8000, 128
    put = area(machine, NODES, count * step)
    root = eprocess + machine.offset("EPROCESS", "VadRoot")
    for i in range(count):
        node, first = NODES + step * i, (0x20 << 27) + (i << 20)
        last = first + (1 << 20) - 1
        put(node, node + step if i + 1 < count else machine.pointer(root))
        put(node + 0x18, first & 0xffffffff | (last & 0xffffffff) << 32)
        put(node + 0x20, first >> 32 | last >> 32 << 8)
        put(node + 0x30, IMAGE)
        put(node + machine.offset("MMVAD", "FirstPrototypePte"), NODES)
    machine.put_pointer(root, NODES)
    return [machine.save()]


def unflagged(status, out, err):
    """What VADs that are zeros are taken for: a process was not hollowed by a tool's missing page."""
    flags = [(row["pid"], row["module"], row["flags"]) for row in map(json.loads, out.splitlines())
             if {"hollowed", "stale"} & set(row["flags"])]
    if flags or "not present or damaged" not in err:
        return f"{flags[:3]}, said: {err[-300:]}"
    return CLEAN.lost(out)


@case("vads.zeros", "-a", "-o", "jsonl", expect=unflagged)
def zeros(tools):
    """A page of VADs that could not be taken, for which some tools write zeros."""
    machine = CLEAN.machine(tools)
    eprocess, _ = machine.process(PID)
    root = machine.pointer(eprocess + machine.offset("EPROCESS", "VadRoot"))
    machine.write(machine.pointer(root) & -PAGE, bytes(PAGE))
    return [machine.save()]
