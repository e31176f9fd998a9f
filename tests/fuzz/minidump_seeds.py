#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small minidumps for fuzz_minidump: minidump_seeds.py PE_FOLDER FOLDER

A process with a TEB, a PEB, lists of modules and the PE files of PE_FOLDER that are small, each mapped
as it lies in its file."""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from minidump import COMMIT, Minidump, PAGE, X64, X86  # noqa: E402

TEB, PEB, LDR, ENTRY, BASE = 0x10000, 0x20000, 0x30000, 0x30100, 0x400000


def loader_pages(wide, size):
    """(address, bytes) of a TEB, a PEB, and lists with one module."""
    teb, peb, ldr = bytearray(PAGE), bytearray(PAGE), bytearray(PAGE)
    p, self_at, peb_at = ("<Q", 0x30, 0x60) if wide else ("<I", 0x18, 0x30)
    struct.pack_into(p, teb, self_at, TEB)
    struct.pack_into(p, teb, peb_at, PEB)
    struct.pack_into(p, peb, 0x10 if wide else 8, BASE)
    struct.pack_into(p, peb, 0x18 if wide else 0xc, LDR)
    width = 8 if wide else 4
    for i, (head, link) in enumerate(((0x10, 0), (0x20, 0x10), (0x30, 0x20)) if wide else
                                     ((0xc, 0), (0x14, 8), (0x1c, 0x10))):
        for at, to in ((head, ENTRY + link), (head + width, ENTRY + link),
                       (ENTRY - LDR + link, LDR + head), (ENTRY - LDR + link + width, LDR + head)):
            struct.pack_into(p, ldr, at, to)
    entry = ENTRY - LDR
    struct.pack_into(p, ldr, entry + (0x30 if wide else 0x18), BASE)
    struct.pack_into("<I", ldr, entry + (0x40 if wide else 0x20), size)
    return [(TEB, bytes(teb)), (PEB, bytes(peb)), (LDR, bytes(ldr))]


def main():
    files = sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda path: path.stat().st_size)
    for number, path in enumerate(files[:12]):
        data = path.read_bytes()[:5 * PAGE]
        data += bytes(-len(data) % PAGE)
        wide = number % 2 == 0
        dump = Minidump(number % 3)
        dump.system(X64 if wide else X86, 19041)
        dump.threads([TEB], 4 * (number % 2))
        dump.modules([(BASE, len(data), "C:\\" + path.name)], 4 * (number % 2))
        dump.misc(4012)
        ranges = [*loader_pages(wide, len(data)), (BASE, data)]
        if number % 4 < 2:
            ranges.append((0x700000, data))  # code that no list has
        if number % 3:
            dump.memory_info([(at, at, 0x40, len(page), COMMIT, 0x40,
                               0x1000000 if at == BASE else 0x20000) for at, page in ranges])
        (dump.memory32 if number % 5 == 4 else dump.memory64)(ranges)
        dump.finish(pathlib.Path(sys.argv[2]) / str(number))


if __name__ == "__main__":
    main()
