# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers that give the same bytes to many addresses, or list more than the file holds."""

import os
import struct

from hostile.cases import case
from hostile.machine import Machine
from hostile.page_maps import Same, no_kernel

PAGE = 4096


def elf(segments, body):
    """A core of (physical address, offset in the body or None for all, size)."""
    count = len(segments)
    many = count >= 0xffff
    size = 64 + 56 * count + (64 if many else 0)
    start = (size + PAGE - 1) // PAGE * PAGE
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 64 + 56 * count if many else 0, 0, 64, 56,
        0xffff if many else count, 64, 1 if many else 0, 0)
    table = b"".join(struct.pack("<IIQQQQQQ", 1, 0, start + offset, 0, physical, length, length, 0)
                     for physical, offset, length in segments)
    section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0) if many else b""
    return (head + table + section).ljust(start, b"\0") + body


def write(tools, name, data):
    path = tools.folder / name
    path.write_bytes(data)
    return [path]


@case("amplify.elf", "--info", expect=no_kernel)
def elf_all(tools):
    """65,534 segments, each the same 16 MB at another address."""
    size = 16 << 20
    return write(tools, "all.elf", elf([((i + 1) * size, 0, size) for i in range(65534)],
                                       b"\1" * size))


@case("amplify.elf_shifted", "--info", expect=no_kernel)
def elf_shifted(tools):
    """300,000 segments of 64 KB, each begins one byte after the one before."""
    body = bytes(1 << 20)
    return write(tools, "shifted.elf",
                 elf([((i + 1) << 17, i, 65536) for i in range(300000)], body))


@case("amplify.elf_overlap", "--info", expect=no_kernel)
def elf_overlap(tools):
    """300,000 segments that overlap in physical memory, in no order."""
    body = bytes(1 << 20)
    return write(tools, "overlap.elf",
                 elf([((i * 7919 % 300000) << 12, i % 256 * PAGE, 65536) for i in range(300000)],
                     body))


@case("amplify.elf_notes", "--info", expect=no_kernel)
def elf_notes(tools):
    """A thousand segments of notes, all of the same million of them."""
    segments = [(PAGE, 0, PAGE)]
    data = bytearray(elf(segments * 1000, bytes(12 << 20)))
    start = len(data) - (12 << 20)
    for i in range(1, 1000):
        struct.pack_into("<IIQQQQQQ", data, 64 + 56 * i, 4, 0, start, 0, 0, 12 << 20, 12 << 20, 0)
    return write(tools, "notes.elf", bytes(data))


same_elf = Same()


@case("amplify.elf_machine", "-a", "-F", "-o", "jsonl", "-q", expect=same_elf)
def elf_machine(tools):
    """A machine whose memory is there 2,000 times more, at higher addresses."""
    machine = Machine(tools, memory=64)
    same_elf.of(machine)
    size = len(machine.data)
    return write(tools, "machine.elf", elf([(0, 0, size)] + [((i + 1) << 32, 0, size)
                                                             for i in range(2000)], machine.data))


@case("amplify.lime", "--info", expect=no_kernel)
def lime(tools):
    """100,000 ranges of a few bytes, all of them at one address."""
    item = struct.pack("<IIQQQ", 0x4c694d45, 1, 0x1000, 0x1004, 0) + b"\1" * 5
    return write(tools, "many.lime", item * 100000)


def bitmap_dump(bits, bitmap, first_page):
    head = bytearray(0x2000)
    head[0:8] = b"PAGEDU64"
    struct.pack_into("<I", head, 0x30, 0x8664)
    struct.pack_into("<I", head, 0xf98, 5)
    summary = bytearray(0x38)
    summary[0:8] = b"FDMPDUMP"
    struct.pack_into("<QQQ", summary, 0x20, first_page, bits // 2, bits)
    return bytes(head + summary) + bitmap


@case("amplify.bitmap", "--info", expect=no_kernel)
def bitmap(tools):
    """A bitmap of 256 million bits, every other one set, and no pages to speak of."""
    size = 32 << 20
    first = 0x2038 + size + 0xfc8
    return write(tools, "bitmap.dmp",
                 bitmap_dump(8 * size, b"\x55" * size, first).ljust(first + 64 * PAGE, b"\1"))


@case("amplify.bitmap_sparse", "--info", expect=no_kernel)
def bitmap_sparse(tools):
    """A bitmap that lies in a hole of 32 GB, and pages in another."""
    path = tools.folder / "sparse.dmp"
    size = 32 << 30
    with open(path, "wb") as file:
        file.write(bitmap_dump(8 * size, b"\xff" * PAGE, 0x2038 + size))
        file.truncate(0x2038 + size + (32 << 30))
    return [path]


@case("amplify.runs_sparse", "--info", expect=no_kernel)
def runs_sparse(tools):
    """A bitmap of 16 million runs, whose pages lie in a hole."""
    path = tools.folder / "runs.dmp"
    size = 4 << 20
    with open(path, "wb") as file:
        file.write(bitmap_dump(8 * size, b"\x55" * size, 0x2038 + size))
        file.truncate(0x2038 + size + (64 << 30))
    return [path]


@case("amplify.elf_sparse", "--info", expect=no_kernel)
def elf_sparse(tools):
    """Program headers that lie in a hole of 64 GB."""
    path = tools.folder / "headers.elf"
    data = bytearray(elf([(PAGE, 0, PAGE)] * 70000, bytes(PAGE)))
    struct.pack_into("<I", data, 64 + 56 * 70000 + 44, 0xffffffff)
    struct.pack_into("<H", data, 54, 56)
    with open(path, "wb") as file:
        file.write(data)
        os.truncate(path, 64 << 30)
    return [path]
