# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of processes that list far more than they have."""

import json
import pathlib
import struct
import sys

from hostile.cases import case

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from minidump import (  # noqa: E402
    COMMIT, Minidump, MEMORY, MEMORY64, MEMORY_INFO, MODULES, PAGE, X64)

# A page that looks like the start of an image of 2 GB.
HEADER = bytearray(PAGE)
HEADER[:2], HEADER[0x3c] = b"MZ", 0x40
struct.pack_into("<IHHIIIHHH", HEADER, 0x40, 0x4550, 0x8664, 1, 0, 0, 0, 0xf0, 0x2022, 0x20b)
struct.pack_into("<II", HEADER, 0x40 + 24 + 32, PAGE, 0x200)
struct.pack_into("<II", HEADER, 0x40 + 24 + 56, 0x7ffff000, 0x400)
struct.pack_into("<8sIIII12xI", HEADER, 0x40 + 24 + 0xf0, b".text", 0x7fffe000, PAGE, 0, 0, 0x60000020)


NO_PEB = "PID 0: no TEB leads to the PEB, whose lists of modules are not known"
CUT = "PID 0: cut off, since it costs too much work\n"


def expected(rows, *told, **fields):
    """`rows`: how many there are, a range; `told`: what is said of the dump; `fields`: what every row
    has."""
    def expect(_, out, err):
        found = [json.loads(line) for line in out.splitlines()]
        if len(found) not in rows:
            return f"{len(found)} rows, not {rows}"
        for sentence in told:
            if sentence not in err:
                return f"{sentence!r} is not said: {err[:500]}"
        for row in found:
            for name, value in fields.items():
                if row[name] != value:
                    return f"{name} {row[name]!r}, not {value!r}"
        return None
    return expect


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


@case("minidumps.same-page", "-a", "-o", "jsonl", status=(0,),
      expect=expected(range(1000, 1 << 19), NO_PEB, CUT, module="INJECTED CODE", imphash=None))
def apart(tools):
    return finish(same_page(1 << 19, 2 * PAGE), tools, "same-page")


@case("minidumps.one-region", "-a", "-o", "jsonl", status=(0,),
      expect=expected(range(1, 3), NO_PEB, CUT, "loaded or injected is not known",
                      imphash=None))
def one_region(tools):
    return finish(same_page(1 << 19, PAGE), tools, "one-region")


@case("minidumps.regions", "--regions", "-o", "jsonl", status=(0,),
      expect=expected(range(1 << 18, (1 << 18) + 1),
                      "PID 0: the dump has more than 262144 regions, the rest is left out",
                      kind="private", protection="PAGE_EXECUTE_READWRITE", committed=1))
def regions(tools):
    """Half a million regions of which none has memory."""
    dump = begin()
    dump.memory32([(0x100000, bytes(HEADER))])
    count = 1 << 19
    records = b"".join(struct.pack("<QQIIQIIII", 0x100000 + 2 * i * PAGE, 0x100000 + 2 * i * PAGE,
                                   0x40, 0, PAGE, COMMIT, 0x40, 0x20000, 0) for i in range(count))
    dump.stream(MEMORY_INFO, struct.pack("<IIQ", 16, 48, count) + records)
    return finish(dump, tools, "regions")


@case("minidumps.one-terabyte", "-a", "-o", "jsonl", status=(0,),
      expect=expected(range(1, 2), NO_PEB, base="0x100000", module="INJECTED CODE",
                      size=0x7ffff000, status="no-imports", imphash=None, flags=[]))
def terabyte(tools):
    """Memory that can be run and is not in the dump."""
    dump = begin()
    dump.memory32([(0x100000, bytes(HEADER))])
    dump.memory_info([(0x100000, 0x100000, 0x40, 1 << 40, COMMIT, 0x40, 0x20000)])
    return finish(dump, tools, "terabyte")


@case("minidumps.names", "-a", "-o", "jsonl", status=(0,),
      expect=expected(range(16384, 16385), "names of 16315 modules left out",
                      "the memory of only 1 of 16384 modules", "procdump -ma", imphash=None))
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


@case("minidumps.overlaps", "-a", "-o", "jsonl", status=(1,),
      expect=expected(range(0, 1), "ranges overlap and differ", "nothing tells which of them is right",
                      NO_PEB))
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


@case("minidumps.listed-twice", "-a", "-o", "jsonl", status=(2,),
      expect=expected(range(0, 1), "contradicts itself"))
def listed_twice(tools):
    """All memory is listed twice, with other bytes."""
    dump = begin([(0x100000, PAGE, "C:\\a.exe")])
    dump.memory32([(0x100000, bytes(HEADER)), (0x100000, bytes(HEADER[:-1]) + b"x")])
    return finish(dump, tools, "listed-twice")


@case("minidumps.sizes", "-a", "-o", "jsonl", status=(0,),
      expect=expected(range(1, 2), "the file is truncated", NO_PEB, base="0x100000",
                      module="INJECTED CODE", readable=1))
def sizes(tools):
    """Ranges of 2^62 bytes, whose sum is none: only the first lies in the file."""
    dump = begin()
    at = dump.put(bytes(HEADER))
    table = struct.pack("<QQ", 5, at) + struct.pack("<QQ", 0x100000, PAGE)
    table += b"".join(struct.pack("<QQ", i << 32, 1 << 62) for i in range(1, 5))
    dump.stream(MEMORY64, table)
    dump.memory_info([(0x100000, 0x100000, 0x40, PAGE, COMMIT, 0x40, 0x20000)])
    return finish(dump, tools, "sizes")


@case("minidumps.odd", "-a", "-o", "jsonl", status=(0,),
      expect=expected(range(2, 3), NO_PEB, imphash=None, status="no-imports"))
def odd(tools):
    """Streams at odd offsets in reverse order, some twice and some of no known kind; memory is told by
    both lists."""
    dump = Minidump(odd=5)
    dump.memory_info([(0x100000, 0x100000, 0x40, PAGE, COMMIT, 0x40, 0x20000),
                      (0x200000, 0x200000, 0x40, PAGE, COMMIT, 0x40, 0x20000)])
    first = dump.put(bytes(HEADER))
    dump.stream(MEMORY64, struct.pack("<QQQQ", 1, first, 0x100000, PAGE))
    dump.stream(0xfff0, b"x" * 7)
    dump.memory32([(0x200000, bytes(HEADER)), (0x100000, bytes(HEADER))])
    dump.stream(0, b"")
    dump.threads([0x10000], padding=4)
    dump.stream(0x47670001, b"Breakpad's")
    dump.system(X64, 19041)
    dump.system(X64, 7601)
    return finish(dump, tools, "odd")
