# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of processes that list far more than they have."""

import pathlib
import struct
import sys

from hostile.cases import case

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from minidump import COMMIT, Minidump, MEMORY, MEMORY_INFO, MODULES, PAGE, X64  # noqa: E402

# A page that looks like the start of an image of 2 GB.
HEADER = bytearray(PAGE)
HEADER[:2], HEADER[0x3c] = b"MZ", 0x40
struct.pack_into("<IHHIIIHHH", HEADER, 0x40, 0x4550, 0x8664, 3, 0, 0, 0, 0xf0, 0x2022, 0x20b)
struct.pack_into("<II", HEADER, 0x40 + 24 + 56, 0x7ffff000, 0x400)


def begin(modules=()):
    dump = Minidump()
    dump.system(X64, 19041)
    dump.threads([0x10000])
    if modules:
        dump.modules(modules)
    return dump


def same_page(count, step):
    """A MemoryList that has one page at many addresses."""
    dump = begin()
    at = dump.put(bytes(HEADER))
    records = b"".join(struct.pack("<QII", 0x100000 + i * step, PAGE, at) for i in range(count))
    dump.stream(MEMORY, struct.pack("<I", count) + records)
    return dump


def finish(dump, tools, name):
    path = tools.folder / f"{name}.dmp"
    dump.finish(path)
    return [path]


@case("minidumps.same-page", "-a", "-o", "jsonl")
def apart(tools):
    return finish(same_page(1 << 19, 2 * PAGE), tools, "same-page")


@case("minidumps.one-region", "-a", "-o", "jsonl")
def one_region(tools):
    return finish(same_page(1 << 19, PAGE), tools, "one-region")


@case("minidumps.regions", "--regions", "-o", "jsonl")
def regions(tools):
    """Half a million regions of which none has memory."""
    dump = begin()
    dump.memory32([(0x100000, bytes(HEADER))])
    count = 1 << 19
    records = b"".join(struct.pack("<QQIIQIIII", 0x100000 + 2 * i * PAGE, 0x100000 + 2 * i * PAGE,
                                   0x40, 0, PAGE, COMMIT, 0x40, 0x20000, 0) for i in range(count))
    dump.stream(MEMORY_INFO, struct.pack("<IIQ", 16, 48, count) + records)
    return finish(dump, tools, "regions")


@case("minidumps.one-terabyte", "-a", "-o", "jsonl")
def terabyte(tools):
    """Memory that can be run and is not in the dump."""
    dump = begin()
    dump.memory32([(0x100000, bytes(HEADER))])
    dump.memory_info([(0x100000, 0x100000, 0x40, 1 << 40, COMMIT, 0x40, 0x20000)])
    return finish(dump, tools, "terabyte")


@case("minidumps.names", "-a", "-o", "jsonl")
def names(tools):
    """As many modules as are read, whose long names overlap."""
    dump = begin()
    count, length = 16384, 60000
    dump.memory32([(0x400000, bytes(HEADER))])
    at = dump.put(struct.pack("<I", length) * (count + length // 4))
    records = b"".join(struct.pack("<QIIII84x", 0x400000 + i * 0x10000, PAGE, 0, 0, at + 4 * i)
                       for i in range(count))
    dump.stream(MODULES, struct.pack("<I", count) + records)
    return finish(dump, tools, "names")


@case("minidumps.overlaps", "-a", "-o", "jsonl")
def overlaps(tools):
    """Ranges that overlap and differ."""
    dump = begin()
    data = bytes(range(256)) * 4096
    at = dump.put(data)
    count = 1 << 17
    records = b"".join(struct.pack("<QII", 0x100000 + i * 16, len(data) - 4096 * (i % 2), at + i % 255)
                       for i in range(count))
    dump.stream(MEMORY, struct.pack("<I", count) + records)
    return finish(dump, tools, "overlaps")
