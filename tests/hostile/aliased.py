# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of private memory that are far larger than what is behind them: a frame mapped again and
again, page tables that are mapped as their own pages."""

import json
import struct
import subprocess

from hostile.machine import PAGE, Machine, rows_of

GIB = 1 << 30
FREE = 0x100000000000  # a user address that no process of the demo uses, and what is above it
NODES = 0xffffc70000000000  # kernel addresses for VADs


class Aliased(Machine):
    """The demo image, one process of which gets such regions."""

    def __init__(self, tools, pid=4012, **more):
        super().__init__(tools, **more)
        self.pid = pid
        self.eprocess, self.dtb_of = self.process(pid)
        self.regions = 0
        self.next = FREE
        self.full = rows_of("\n".join(self.ask("-a", "-o", "jsonl")))

    def ask(self, *arguments):
        """What impscan says of the image as it is now, by line."""
        path = self.save("asked.raw")
        out = subprocess.run([self.tools.impscan, "-f", path, "-q", *arguments],
                             capture_output=True, check=False).stdout.decode()
        path.unlink()
        return out.split("\n")

    def exports(self):
        """Addresses of functions in other modules, all of which the process imports."""
        rows = [json.loads(line) for line in
                self.ask("--imports", "-p", str(self.pid), "-o", "jsonl") if line]
        return sorted({int(row["value"], 16) for row in rows if row["function"]})

    def table(self, entries, flags=0x67):
        """A page table of these physical addresses."""
        return self.new_page(struct.pack(f"<{len(entries)}Q", *(e | flags for e in entries)))

    def region(self, frame, size, first=(), vad=True):
        """Maps `size` bytes to one frame, but for the pages `first`, whose contents are given, and
        makes it a VAD of its own. Returns the address."""
        base = self.next
        self.next += (size // GIB + 2) * GIB
        below = self.table([frame] * 512)
        lead = self.table([self.new_page(page) for page in first] + [frame] * (512 - len(first)))
        tables = (size + (2 << 20) - 1) // (2 << 20)
        full = self.table([below] * 512)
        for done in range(0, tables, 512):
            here = [below] * min(tables - done, 512)
            if not done:
                here[0] = lead
            directory = full if len(here) == 512 and done else self.table(here)
            self.upper(base + done * (2 << 20), directory)
        if vad:
            first_page = base >> 12
            self.add_vad(self.eprocess, first_page, first_page + size // PAGE - 1,
                         node=NODES + self.regions * PAGE)
        self.regions += 1
        return base

    def upper(self, address, directory):
        """Sets the page directory of an address."""
        table = self.dtb_of
        at = table + 8 * (address >> 39 & 511)
        if not self.u64(at) & 1:
            self.put64(at, self.new_page() | 0x67)
        table = self.u64(at) & 0xffffffffff000
        self.put64(table + 8 * (address >> 30 & 511), directory | 0x67)

    def others_as_clean(self):
        """Looks whether the other processes' rows are what they were."""
        clean = {(row["pid"], row["base"]): row for row in self.full if row["pid"] != self.pid}

        def expect(status, out, err):
            rows = {(row["pid"], row["base"]): row for row in rows_of(out)
                    if row["pid"] != self.pid}
            for key, row in clean.items():
                if rows.get(key) != row:
                    return f"PID {key[0]}, {key[1]}: {rows.get(key)} instead of {row}"
            return None
        return expect


def pe_header(sections, size_of_image, imports=0, entry=0x1000, headers=0x1000):
    """A page with the headers of a 64-bit image. A section: name, VirtualSize, VirtualAddress,
    SizeOfRawData, PointerToRawData."""
    page = bytearray(PAGE)
    nt = 0x40
    page[:2] = b"MZ"
    struct.pack_into("<I", page, 0x3c, nt)
    struct.pack_into("<4sHHIIIHH", page, nt, b"PE\0\0", 0x8664, len(sections), 0, 0, 0, 0xf0, 0x22)
    optional = nt + 24
    struct.pack_into("<H", page, optional, 0x20b)
    struct.pack_into("<I", page, optional + 16, entry)
    struct.pack_into("<II", page, optional + 32, 0x1000, 0x200)
    struct.pack_into("<II", page, optional + 56, size_of_image, headers)
    struct.pack_into("<I", page, optional + 108, 16)
    struct.pack_into("<I", page, optional + 112 + 8, imports)
    for i, (name, size, rva, raw_size, raw) in enumerate(sections):
        struct.pack_into("<8sIIII", page, optional + 0xf0 + 40 * i, name, size, rva, raw_size, raw)
        struct.pack_into("<I", page, optional + 0xf0 + 40 * i + 36, 0xe0000020)
    return bytes(page)
