# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes programs that Windows runs: 64-bit PE files of given code and imports, and packed ones, which
bring their code and imports back by themselves. The code is C that the compiler of the build makes
(see tests/wine), so that none for Windows is needed.

Format: Microsoft's "PE Format"."""

import pathlib
import struct
import subprocess

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "wine"
BASE, PAGE, ALIGNMENT, HEADERS = 0x140000000, 0x1000, 0x200, 0x400
NT, SECTIONS = 0x80, 0x80 + 24 + 240
CODE, DATA, IMPORTS = 0x1000, 0x2000, 0x3000  # RVAs of a program's sections
EXECUTE, READ, WRITE = 0x60000020, 0x40000040, 0xc0000040
FLAGS = ["-Os", "-ffreestanding", "-fno-asynchronous-unwind-tables", "-fno-stack-protector",
         "-fcf-protection=none", "-fno-builtin", "-fpie", "-mno-red-zone", "-mno-sse", "-w", "-c"]


def compile_code(compiler, name, folder):
    """The bytes of the function of tests/wine/NAME.c."""
    made, code = folder / f"{name}.o", folder / f"{name}.bin"
    subprocess.run([compiler, *FLAGS, SOURCES / f"{name}.c", "-o", made], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text.start", made, code], check=True)
    return code.read_bytes()


def aligned(size, alignment):
    return (size + alignment - 1) // alignment * alignment


def import_tables(imports, at, rest_at=None):
    """(address table, the rest, directory's RVA, slots) of imports: [(DLL, [function])]. The address
    table lies at RVA `at`; the rest, which is name table, directory and names, behind it or at
    `rest_at`. slots: [(RVA, DLL, function)]"""
    size = sum(8 * (len(functions) + 1) for _, functions in imports)
    rest_at = rest_at or at + size
    directory = rest_at + size
    text = directory + 20 * (len(imports) + 1)
    thunks, descriptors, names, slots = b"", b"", b"", []
    for dll, functions in imports:
        first = len(thunks)
        for function in functions:
            slots.append((at + len(thunks), dll, function))
            thunks += struct.pack("<Q", text + len(names))
            names += b"\0\0" + function.encode() + b"\0"
            names += bytes(len(names) % 2)
        thunks += bytes(8)
        descriptors += struct.pack("<IIIII", rest_at + first, 0, 0, text + len(names), at + first)
        names += dll.encode() + b"\0"
        names += bytes(len(names) % 2)
    return thunks, thunks + descriptors + bytes(20) + names, directory, slots


def pe_file(sections, entry, directories):
    """sections: [(name, RVA, bytes in the file, size in memory, characteristics)]"""
    end = aligned(sections[-1][1] + sections[-1][3], PAGE)
    data = bytearray(HEADERS)
    data[:2], data[0x3c] = b"MZ", NT
    struct.pack_into("<IHHIIIHH", data, NT, 0x4550, 0x8664, len(sections), 0, 0, 0, 240, 0x22)
    struct.pack_into("<HBBIIIII", data, NT + 24, 0x20b, 14, 0, ALIGNMENT, ALIGNMENT, 0, entry, CODE)
    struct.pack_into("<QIIHHHHHHIIIIHHQQQQII", data, NT + 48, BASE, PAGE, ALIGNMENT, 6, 0, 0, 0, 6, 0,
                     0, end, HEADERS, 0, 3, 0, 1 << 20, PAGE, 1 << 20, PAGE, 0, 16)
    for number, (rva, size) in directories.items():
        struct.pack_into("<II", data, NT + 24 + 112 + 8 * number, rva, size)
    for i, (name, rva, held, size, flags) in enumerate(sections):
        raw = aligned(len(held), ALIGNMENT)
        struct.pack_into("<8sIIIIIIHHI", data, SECTIONS + 40 * i, name, size, rva, raw,
                         len(data) if raw else 0, 0, 0, 0, 0, flags)
        data += held.ljust(raw, b"\0")
    return bytes(data)


def program(code, data, imports):
    """A program whose code begins at CODE, its data at DATA, its address table at IMPORTS."""
    thunks, rest, directory, _ = import_tables(imports, IMPORTS)
    tables = thunks + rest
    return pe_file([(b".text", CODE, code, len(code), EXECUTE),
                    (b".data", DATA, data, len(data), WRITE),
                    (b".rdata", IMPORTS, tables, len(tables), READ)], CODE,
                   {1: (directory, 20 * (len(imports) + 1)), 12: (IMPORTS, len(thunks))})


def key(i):
    """What byte number `i` of a packed body is changed by."""
    return (i * 0x9d ^ i >> 7 ^ 0x5a) & 0xff


def pack(stub, code, data, imports):
    """The same program, packed: its sections are empty in the file and its import directory is gone;
    the stub (tests/wine/unpacker.c) declares two imports of its own."""
    thunks, rest, _, slots = import_tables(imports, IMPORTS)
    body = code.ljust(DATA - CODE, b"\0") + data.ljust(IMPORTS - DATA, b"\0")
    body += bytes(len(thunks + rest))
    records = CODE + len(body)
    for rva, dll, function in slots:
        body += struct.pack("<I", rva) + dll.encode() + b"\0" + function.encode() + b"\0"
    body += bytes(4)
    # The first page of the stub's section: address table, notes, stub, the other import tables.
    at = CODE + aligned(len(body), PAGE)
    own, own_rest, directory, _ = import_tables(
        [("KERNEL32.dll", ["LoadLibraryA", "GetProcAddress"])], at, at + 0x800)
    section = own + struct.pack("<IIII", CODE, len(body), records, CODE)
    entry = at + len(section)
    section = (section + stub).ljust(0x800, b"\0") + own_rest
    section = section.ljust(PAGE, b"\0") + bytes(byte ^ key(i) for i, byte in enumerate(body))
    return pe_file([(b"PACK0", CODE, b"", at - CODE, EXECUTE | WRITE),
                    (b"PACK1", at, section, len(section), EXECUTE | WRITE)], entry,
                   {1: (directory, 40), 12: (at, len(own))})
