# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes by the hundred thousand, and what looks like one in physical memory."""

import struct

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE
from hostile.vads import area

FAKES = 0xffffc70000000000


def others(status, out, err):
    return CLEAN.lost(out)


def others_or_told(status, out, err):
    """There is not enough work for all: those that got none are told, with their process's name."""
    return None if "cut off" in err and out.count("not examined") else CLEAN.lost(out)


def add_ring(machine, count, step=16, zero=True, at=None):
    """`count` processes at the head of the ring, each `step` bytes after the one before it, or at
    the address that at(number) gives; they overlap in all but their PID and links."""
    at = at or (lambda i: FAKES + step * i)
    pid, links = (machine.offset("EPROCESS", name)
                  for name in ("UniqueProcessId", "ActiveProcessLinks"))
    put = area(machine, FAKES, count * step + 0x2000)
    head = int(machine.info["system"], 16) + links
    after = machine.pointer(head)
    for i in range(count):
        put(FAKES + step * i + pid, 0 if zero else 0x10000 + 4 * i)
        put(FAKES + step * i + links, at(i + 1) + links if i + 1 < count else after)
    machine.put_pointer(head, at(0) + links)


@case("processes.ring", "-a", "-o", "jsonl", expect=others_or_told)
def ring(tools):
    """131,000 processes of 16 bytes each."""
    machine = CLEAN.machine(tools)
    add_ring(machine, 131000)
    return [machine.save()]


@case("processes.ring_info", "--info")
def ring_info(tools):
    machine = CLEAN.machine(tools)
    add_ring(machine, 131000, zero=False)
    return [machine.save()]


@case("processes.few", "-a", "-o", "jsonl", expect=others)
def few(tools):
    """Two thousand of them leave enough for all others."""
    machine = CLEAN.machine(tools)
    add_ring(machine, 2000, zero=False)
    return [machine.save()]


@case("processes.scattered", "-a", "-o", "jsonl", expect=others_or_told)
def scattered(tools):
    """Each of 60,000 in a pool of its own: tables lead to the same few frames everywhere."""
    machine = CLEAN.machine(tools)
    count, far = 60000, 0xffffc80000000000
    add_ring(machine, count, at=lambda i: far + (i << 21) + FAKES % PAGE + 16 * i % PAGE)
    tables = []
    for page in range(count * 16 // PAGE + 3):
        entries = bytearray(PAGE)
        for k in range(3):  # a process reaches into the pages behind
            struct.pack_into("<Q", entries, 8 * k,
                             machine.physical(FAKES + PAGE * min(page + k, count * 16 // PAGE + 1))
                             | 0x63)
        tables.append(machine.new_page(entries))
    for i in range(count):
        address = far + (i << 21)
        table = machine.dtb
        for shift in (39, 30):
            at = table + 8 * (address >> shift & 511)
            if not machine.u64(at) & 1:
                machine.put64(at, machine.new_page() | 0x63)
            table = machine.u64(at) & 0xffffffffff000
        machine.put64(table + 8 * (address >> 21 & 511), tables[16 * i // PAGE] | 0x63)
    return [machine.save()]


def objects(address, waiting=None):
    """A page of what begins as processes do, each 16 bytes after the one before it."""
    page = bytearray(PAGE)
    for i in range(0, PAGE - 32, 32):
        link = waiting or address + i + 8
        struct.pack_into("<BxxxIQQ", page, i, 3, 0, link, link)
    return page


@case("processes.objects", "-a", "--deep", "-o", "jsonl", expect=others)
def objects_everywhere(tools):
    """16 MB of what begins as a process does, mapped where its wait list says."""
    machine = CLEAN.machine(tools)
    for i in range(4096):
        address = FAKES + PAGE * i
        machine.map(address, machine.new_page(objects(address)))
    return [machine.save()]


@case("processes.waited_for", "-a", "--deep", "-o", "jsonl", expect=others)
def waited_for(tools):
    """The same with wait lists that lead far away, to tables that are not there yet at each look."""
    machine = CLEAN.machine(tools)
    for i in range(4096):
        page = bytearray(objects(FAKES))
        for k in range(0, PAGE - 32, 32):
            link = FAKES + (((i * 131 + k) * 7919 & 0xffffff) << 21)
            struct.pack_into("<QQ", page, k + 8, link, link + 8)
        machine.new_page(page)
    # One table of each level for all of it.
    leaf = machine.new_page(struct.pack("<Q", machine.new_page() | 0x63) * 512)
    middle = machine.new_page(struct.pack("<Q", leaf | 0x63) * 512)
    upper = machine.new_page(struct.pack("<Q", middle | 0x63) * 512)
    for i in range(FAKES >> 39 & 511, (FAKES >> 39 & 511) + 64):
        if not machine.u64(machine.dtb + 8 * i) & 1:
            machine.put64(machine.dtb + 8 * i, upper | 0x63)
    return [machine.save()]


def odd_profile(tools, structure, old, new):
    """The image with the profile of its build, one number of it changed."""
    machine = CLEAN.machine(tools)
    path = tools.folder / "odd.yaml"
    before, of_structure, after = machine.profile.partition(f"\n  {structure}:\n")
    assert old in after.split("\n  #")[0]
    path.write_text(before + of_structure + after.replace(old, new, 1), encoding="utf-8")
    return ["-f", machine.save(), "--profile", path]


def refused(status, _, err):
    return None if status == 2 and "out of range" in err else f"said: {err.strip()}"


@case("processes.handle_size", "-a", "--deep", "-o", "jsonl", expect=refused)
def handle_size(tools):
    """Handles larger than a page."""
    return odd_profile(tools, "HANDLE_TABLE_ENTRY", "size: 0x10", "size: 0x2000")
