# SPDX-License-Identifier: GPL-3.0-or-later
"""Hibernation files that list more than they hold. What is unpacked may take 512 MB (--memory)."""

import struct

from hostile.cases import case
from hostile.page_maps import no_kernel

PAGE = 4096
FIRST = 7


def set_header(descriptors, size, method=0):
    return struct.pack("<I", descriptors | size << 8 | method << 30)


def lz77_of_zeros(size):
    """Plain LZ77: a literal, and a match of all that is left."""
    return struct.pack("<IBHBBH", 0x7fffffff, 0, 7, 15, 255, size - 1 - 3)


def windows_10(sections):
    head = bytearray(FIRST * PAGE)
    head[0:4] = b"HIBR"
    struct.pack_into("<I", head, 0xc, 0x3e0)
    struct.pack_into("<QQ", head, 0x68, FIRST, FIRST)
    return bytes(head) + sections


def windows_7(body):
    """`body`: from the first table on."""
    head = bytearray(FIRST * PAGE)
    head[0:4] = b"HIBR"
    struct.pack_into("<I", head, 0xc, 296)
    struct.pack_into("<Q", head, 0x60, FIRST)
    return bytes(head) + body


def write(tools, name, data):
    path = tools.folder / name
    path.write_bytes(data)
    return [path]


def zeros_set(page):
    return set_header(1, 11) + struct.pack("<Q", page << 4 | 15) + lz77_of_zeros(16 * PAGE)


@case("hiberfil.bomb", "--info", expect=no_kernel, memory=640)
def bomb(tools):
    """100,000 sets of 23 bytes, each 64 KB of zeros: 6.5 GB."""
    return write(tools, "bomb.sys",
                 windows_10(b"".join(zeros_set(16 + i * 16) for i in range(100000))))


@case("hiberfil.same", "--info", expect=no_kernel, memory=640)
def same_pages(tools):
    """300,000 sets that all hold the same pages, or pages one further on, in no order."""
    return write(tools, "same.sys",
                 windows_10(b"".join(zeros_set(16 + i * 7919 % 40) for i in range(300000))))


@case("hiberfil.runs", "--info", expect=no_kernel, memory=640)
def runs(tools):
    """100,000 sets of 16 single pages each, in no order."""
    sets = []
    for i in range(100000):
        pages = [(i * 16 + k) * 7919 % 1600003 << 4 for k in range(16)]
        sets.append(set_header(16, 11) + struct.pack("<16Q", *pages) + lz77_of_zeros(16 * PAGE))
    return write(tools, "runs.sys", windows_10(b"".join(sets)))


@case("hiberfil.tables", "--info", expect=no_kernel)
def tables(tools):
    """4,000 tables, each of which lists 2^36 pages and has one block."""
    body = []
    for i in range(4000):
        table = bytearray(PAGE)
        struct.pack_into("<QI", table, 0, FIRST + 2 * i + 2, 255)
        for k in range(255):
            struct.pack_into("<QQ", table, 0x10 + 16 * k, (k + 1) << 28, (k + 2) << 28)
        data = lz77_of_zeros(16 * PAGE)
        block = b"\x81\x81xpress" + struct.pack("<I", (len(data) - 1) << 10 | 15)
        body.append(bytes(table) + (block.ljust(32, b"\0") + data).ljust(PAGE, b"\0"))
    return write(tools, "tables.sys", windows_7(b"".join(body)))


@case("hiberfil.magics", "--info")
def magics(tools):
    """A file full of blocks' signatures, none of which is a block."""
    table = bytearray(PAGE)
    struct.pack_into("<QIIQQ", table, 0, 0, 1, 0, 1, 1 << 30)
    return write(tools, "magics.sys", windows_7(bytes(table) + b"\x81\x81xpress" * (1 << 21)))
