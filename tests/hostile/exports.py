# SPDX-License-Identifier: GPL-3.0-or-later
"""Export directories that claim far more than there is."""

import struct

from hostile.cases import case
from hostile.machine import PAGE, Machine

BASE = 0x100000000000  # an unused part of the process's half
SIZE = 0x80000


def header(number):
    page = bytearray(PAGE)
    page[:2] = b"MZ"
    struct.pack_into("<I", page, 0x3c, 0x40)
    struct.pack_into("<4sHHIIIHH", page, 0x40, b"PE\0\0", 0x8664, 1, 0x1000 + number, 0, 0, 0xf0,
                     0x22)
    optional = 0x40 + 24
    struct.pack_into("<H", page, optional, 0x20b)
    struct.pack_into("<II", page, optional + 32, 0x1000, 0x1000)
    struct.pack_into("<II", page, optional + 56, SIZE, 0x1000)
    struct.pack_into("<I", page, optional + 108, 16)
    struct.pack_into("<II", page, optional + 112, 0x1000, 0x28)
    struct.pack_into("<8sIIII", page, optional + 0xf0, b".t\0\0\0\0\0\0", SIZE - 0x1000, 0x1000, 0,
                     0)
    return page


def injected(tools, count, names):
    """`count` injected images of a page of headers each, which share one export directory of 65,536
    names; `names` makes the page of their RVAs, from 0x60000 on."""
    machine = Machine(tools)
    eprocess, dtb = machine.process(4012)
    directory = bytearray(PAGE)
    struct.pack_into("<IIHHIIIIIII", directory, 0, 0, 0, 0, 0, 0x60000, 1, 65536, 65536, 0x2000,
                     0x2000, 0x50000)
    exports, zeros = machine.new_page(directory), machine.new_page()
    rvas, text = machine.new_page(names), machine.new_page(b"A" * (PAGE - 1))
    for number in range(count):
        base = BASE + number * SIZE
        machine.map(base, machine.new_page(header(number)), dtb)
        machine.map(base + 0x1000, exports, dtb)
        for i in range(64):
            machine.map(base + 0x2000 + i * PAGE, rvas, dtb)
        for i in range(16):
            machine.map(base + 0x50000 + i * PAGE, zeros, dtb)
        machine.map(base + 0x60000, text, dtb)
    machine.add_vad(eprocess, BASE >> 12, (BASE + count * SIZE >> 12) - 1)
    return machine


@case("exports.one_name", "-a", "-o", "jsonl", "-q")
def one_name(tools):
    return [injected(tools, 8, struct.pack("<I", 0x60000) * 1024).save()]


@case("exports.suffixes", "-a", "-o", "jsonl", "-q")
def suffixes(tools):
    return [injected(tools, 8, struct.pack("<1024I", *range(0x60000, 0x60400))).save()]


@case("exports.many_images", "-a", "-o", "jsonl", "-q")
def many_images(tools):
    return [injected(tools, 300, struct.pack("<1024I", *range(0x60000, 0x60400))).save()]
