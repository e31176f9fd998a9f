# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of a process with a runtime of .NET in which everything looks like an assembly."""

import json
import struct

from hostile.cases import case
from hostile.machine import PAGE, Machine

PID = 5016
AREA = 0x200000000000  # an unused part of the process's half
PRIVATE_RW = 1 << 20 | 4 << 7
LISTING = ("-a", "-o", "jsonl")
DATA = 0x67 | 1 << 63  # a page that can't be executed
GIGABYTE = 1 << 30


def found(out):
    """Rows of assemblies in the memory that was added, and those of the process that were there."""
    rows = [json.loads(line) for line in out.split("\n") if line]
    rows = [row for row in rows if row["pid"] == PID and row["module"] == "ASSEMBLY"]
    added = [row for row in rows if AREA <= int(row["base"], 16) < AREA + (1 << 40)]
    return added, len(rows) - len(added)


def rows_of(most, cut=None, least=0):
    """So many rows of what was added; what was there before is not lost, as it lies before."""
    def check(status, out, err):
        added, others = found(out)
        told = "search of assemblies cut off" in err
        return (f"exit {status}" if status else
                f"{others} assemblies of the machine are left" if others != 1 else
                f"{len(added)} rows" if not least <= len(added) <= most else
                f"cut off: {told}, {err[-300:]}" if cut is not None and told != cut else None)
    return check


class Target:
    """The process, and assemblies of the machine's files."""

    def __init__(self, tools):
        files = tools.folder / "assemblies"
        self.machine = Machine(tools, "dotnet", more=("--all-valid", "--pe-out", files))
        self.eprocess, self.dtb = self.machine.process(PID)
        self.assembly = (files / "kept.dll").read_bytes()
        for path in files.iterdir():
            path.unlink()
        files.rmdir()

    def add(self, pages, address=AREA):
        """Maps them one after the other, None: not mapped, as one private range."""
        known = {}
        for i, page in enumerate(pages):
            if page is None:
                continue
            if page not in known:
                known[page] = self.machine.new_page(page)
            self.machine.map(address + i * PAGE, known[page], self.dtb, DATA)
        self.vad(len(pages), address)

    def vad(self, count, address=AREA):
        first = address // PAGE
        self.machine.add_vad(self.eprocess, first, first + count - 1, flags=PRIVATE_RW)

    def fill(self, pages, size, address=AREA):
        """The same few pages again and again, by a page table that all of it shares."""
        machine = self.machine
        frames = [machine.new_page(page) if page is not None else None for page in pages]
        table = machine.new_page()
        for i in range(512):
            frame = frames[i % len(frames)]
            machine.put64(table + 8 * i, frame | DATA if frame is not None else 0)
        for at in range(address, address + size, GIGABYTE):
            directory = machine.new_page()
            for i in range(512):
                machine.put64(directory + 8 * i, table | 0x67)
            machine.map(at, machine.new_page(), self.dtb)  # makes the tables above
            pointers = self.directory_pointer(at)
            machine.put64(pointers, directory | 0x67)
        self.vad(size // PAGE, address)

    def directory_pointer(self, address):
        """Where the entry of the gigabyte at an address lies."""
        table = self.machine.u64(self.dtb + 8 * (address >> 39 & 511)) & 0xffffffffff000
        return table + 8 * (address >> 30 & 511)

    def pages(self, data=None):
        data = self.assembly if data is None else data
        return [data[i:i + PAGE].ljust(PAGE, b"\0") for i in range(0, len(data), PAGE)]


@case("assemblies.mz", *LISTING, expect=rows_of(0, cut=True))
def mz_everywhere(tools):
    """MZ at each multiple of 4 of 64 GB."""
    target = Target(tools)
    target.fill([b"MZ\x90\0" * (PAGE // 4)], 64 * GIGABYTE)
    return [target.machine.save()]


@case("assemblies.mz_before", *LISTING, expect=rows_of(0, cut=True))
def mz_before(tools):
    """The same before everything else of the process, whose assembly is found all the same."""
    target = Target(tools)
    target.fill([b"MZ\x90\0" * (PAGE // 4)], 64 * GIGABYTE, 0x8000000000)
    return [target.machine.save()]


@case("assemblies.headers", *LISTING, expect=rows_of(0, cut=True))
def headers_everywhere(tools):
    """Headers that name a CLR header and 65,535 sections, 64 bytes apart."""
    target = Target(tools)
    page = bytearray(PAGE)
    for at in range(0, PAGE, 64):
        struct.pack_into("<2s", page, at, b"MZ")
        struct.pack_into("<I", page, at + 0x3c, 4)
    # The signature of each lies at 4, and what belongs to it in those behind it.
    for at in range(0, PAGE - 64, 64):
        struct.pack_into("<4sHH12xHHH", page, at + 4, b"PE\0\0", 0x8664, 0xffff, 0xf0, 0x22, 0x20b)
        struct.pack_into("<I", page, at + 56, 0x2008)
    target.fill([bytes(page)], 64 * GIGABYTE)
    return [target.machine.save()]


@case("assemblies.wiped", *LISTING, expect=rows_of(0, cut=True))
def wiped_everywhere(tools):
    """Each page begins a file of 4 GB whose CLR header was wiped, and which has no metadata."""
    target = Target(tools)
    page = bytearray(target.pages()[0])
    optional = struct.unpack_from("<I", page, 0x3c)[0] + 24
    sections = optional + struct.unpack_from("<H", page, optional - 4)[0]
    rva, = struct.unpack_from("<I", page, optional + 112 + 8 * 14)
    start, = struct.unpack_from("<I", page, sections + 12)
    raw, = struct.unpack_from("<I", page, sections + 20)
    struct.pack_into("<I", page, sections + 8, 0xf0000000)
    struct.pack_into("<I", page, sections + 16, 0xf0000000)
    header = raw + rva - start
    page[header:] = bytes(PAGE - header)
    page[raw:raw + 4] = page[-4:] = b"\x01\x02\x03\x04"
    if header == raw:
        page[raw:raw + 16] = bytes(16)
        page[raw + 16] = 1
    target.fill([bytes(page)], 64 * GIGABYTE)
    return [target.machine.save()]


@case("assemblies.copies", *LISTING, expect=rows_of(1, least=1))
def copies_everywhere(tools):
    """The same assembly throughout 64 GB: it is one row."""
    target = Target(tools)
    data = bytearray(target.assembly)
    data[data.index(b"mscorlib"):][:1] = b"n"
    at = target.assembly.index(b"#GUID\0\0\0")
    offset = struct.unpack_from("<I", data, at - 8)[0]
    data[data.index(b"BSJB") + offset] ^= 0x5a  # another MVID than that of the machine's
    target.fill(target.pages(bytes(data)), 64 * GIGABYTE)
    return [target.machine.save()]


@case("assemblies.torn", *LISTING, expect=rows_of(1, least=1))
def torn_everywhere(tools):
    """The same, and half of its pages are missing."""
    target = Target(tools)
    first, *rest = target.pages()
    first = first[:0x100] + b"torn" + first[0x104:]
    target.fill([first, *([None] * len(rest))], 64 * GIGABYTE)
    return [target.machine.save()]


@case("assemblies.all_torn", *LISTING, expect=rows_of(8192))
def all_torn_otherwise(tools):
    """8,192 of which only the first page is there, that differ in the last byte of it."""
    target = Target(tools)
    first, *rest = target.pages()
    pages = []
    for i in range(8192):
        pages += [first[:-4] + struct.pack("<I", i + 1)] + [None] * len(rest)
    target.add(pages)
    return [target.machine.save()]


@case("assemblies.distinct", *LISTING, expect=rows_of(8192, least=1))
def distinct(tools):
    """4,096 assemblies that differ in their MVIDs."""
    target = Target(tools)
    at = target.assembly.index(b"#GUID\0\0\0")
    guid = target.assembly.index(b"BSJB") + struct.unpack_from("<I", target.assembly, at - 8)[0]
    pages = []
    for i in range(4096):
        data = bytearray(target.assembly)
        struct.pack_into("<I", data, guid, i)
        pages += target.pages(bytes(data))
    target.add(pages)
    return [target.machine.save()]


@case("assemblies.reserved", *LISTING, expect=rows_of(1, cut=False, least=1))
def reserved(tools):
    """One assembly at the end of 64 TB that are reserved: most of it costs nothing."""
    target = Target(tools)
    first = target.assembly[:0x100] + b"last" + target.assembly[0x104:]
    at = target.assembly.index(b"#GUID\0\0\0")
    guid = first.index(b"BSJB") + struct.unpack_from("<I", first, at - 8)[0]
    first = first[:guid] + b"\x11" + first[guid + 1:]
    start, size = AREA - (1 << 44), 1 << 44
    for i, page in enumerate(target.pages(first)):
        target.machine.map(AREA + i * PAGE, target.machine.new_page(page), target.dtb, DATA)
    target.vad(size // PAGE + 16, start)
    return [target.machine.save()]
