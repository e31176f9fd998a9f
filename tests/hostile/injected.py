# SPDX-License-Identifier: GPL-3.0-or-later
"""Executable memory full of what may be headers, in frames that are mapped again and again."""

import struct

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE

PID = 4012
BASE = 0x100000000000


def others(status, out, err):
    return CLEAN.lost(out)


def headers(first=0, last=0xdc0):
    """A page of 220 MZ headers that share one PE header."""
    page, pe = bytearray(PAGE), 0xe00
    for at in range(first, last, 16):
        page[at:at + 2] = b"MZ"
    for at in range(first, last - 0x40, 16):
        struct.pack_into("<I", page, at + 0x3c, pe - at)
    struct.pack_into("<4sHHIIIHH", page, pe, b"PE\0\0", 0x8664, 1, 0, 0, 0, 0xf0, 0x22)
    optional = pe + 24
    struct.pack_into("<H", page, optional, 0x20b)
    struct.pack_into("<II", page, optional + 32, 16, 16)
    struct.pack_into("<II", page, optional + 56, 16, 16)
    struct.pack_into("<I", page, optional + 108, 16)
    struct.pack_into("<8sIIII", page, optional + 0xf0, b".t", 16, 0, 0, 0)
    return page


def alias(machine, frame, dtb, slots):
    """Maps one frame at all pages of `slots` times 512 GB."""
    leaf = machine.new_page(struct.pack("<Q", frame | 0x67) * 512)
    middle = machine.new_page(struct.pack("<Q", leaf | 0x67) * 512)
    top = machine.new_page(struct.pack("<Q", middle | 0x67) * 512)
    for i in range(slots):
        machine.put64(dtb + 8 * ((BASE >> 39) + i), top | 0x67)


def region(tools, page, pages, vads=1):
    machine = CLEAN.machine(tools)
    eprocess, dtb = machine.process(PID)
    alias(machine, machine.new_page(page), dtb, 64)
    for i in range(vads):
        first = (BASE >> 12) + i * pages * 2
        machine.add_vad(eprocess, first, first + pages - 1,
                        node=0xffffc70000000000 + PAGE * i)
    return [machine.save()]


@case("injected.small", "-a", "-o", "jsonl", expect=others)
def small(tools):
    """220 headers in each of 64 pages."""
    return region(tools, headers(), 64)


@case("injected.many_small", "-a", "-o", "jsonl", expect=others)
def many_small(tools):
    """The same in 4 MB, in a hundred VADs."""
    return region(tools, headers(), 1000, vads=100)


@case("injected.regions", "--regions", "-o", "jsonl")
def regions(tools):
    return region(tools, headers(), 1000, vads=2000)


@case("injected.large", "-a", "-o", "jsonl", expect=others)
def large(tools):
    """A header at the start of each page of 4 TB."""
    return region(tools, headers(), 1 << 30)


@case("injected.false_starts", "-a", "-o", "jsonl", expect=others)
def false_starts(tools):
    """Pages of MZ that are no headers, in a thousand VADs."""
    return region(tools, b"MZ" * (PAGE // 2), 1000, vads=1000)


@case("injected.across", "-a", "-o", "jsonl", expect=others)
def across(tools):
    """Headers whose PE header lies on the next page, and is none."""
    page = bytearray(PAGE)
    for at in range(0, PAGE, 16):
        page[at:at + 2] = b"MZ"
        if at >= 0x30:
            struct.pack_into("<I", page, at - 0x30 + 0x3c, 0x2000)
    return region(tools, page, 1000, vads=1000)
