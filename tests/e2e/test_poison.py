#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one process changes for itself changes nothing that is said of others, whatever -j.

    test_poison.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]
"""

import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile.cases import Tools  # noqa: E402
from hostile.machine import PAGE, Machine  # noqa: E402
from image_truth import (case_parser, check, choose, finish, run,  # noqa: E402
                         test_arguments)

PRIVATE = 0x8000000000000067  # valid, writable, user, accessed, dirty, not executable
READ_ONLY = 0x8000000000000025


def own_copy(machine, address, dtb, flags=PRIVATE):
    """Gives a process a copy of a page; where it lies now."""
    page = address & -PAGE
    frame = machine.new_page(machine.read(page, PAGE, dtb))
    machine.put64(machine.entry(page, dtb), frame | flags)
    return frame


class Dll:
    """A DLL in one process."""

    def __init__(self, machine, pid, name):
        row = next(row for row in machine.rows
                   if row["pid"] == pid and row["module"].lower() == name)
        self.machine, self.base = machine, int(row["base"], 16)
        self.eprocess, self.dtb = machine.process(pid)
        self.nt = struct.unpack("<I", self.read(0x3c, 4))[0]

    def read(self, rva, size):
        return self.machine.read(self.base + rva, size, self.dtb)

    def write(self, rva, data):
        """Writes as the process would: into copies of its own."""
        for page in range((self.base + rva) & -PAGE, self.base + rva + len(data), PAGE):
            own_copy(self.machine, page, self.dtb)
        self.machine.write(self.base + rva, data, self.dtb)

    def directory(self, number):
        return struct.unpack("<II", self.read(self.nt + 24 + 112 + 8 * number, 8))[0]

    def exports(self):
        """Number of names, RVAs of the tables of functions, names and ordinals."""
        return struct.unpack("<11I", self.read(self.directory(0), 44)[:44])[6:7] + \
            struct.unpack("<3I", self.read(self.directory(0) + 28, 12))


def rotate_ordinals(dll):
    count, _, _, ordinals = dll.exports()
    values = list(struct.unpack(f"<{count}H", dll.read(ordinals, 2 * count)))
    dll.write(ordinals, struct.pack(f"<{count}H", *values[1:], values[0]))


def rotate_functions(dll):
    functions = dll.exports()[1]
    values = struct.unpack("<64I", dll.read(functions, 256))
    dll.write(functions, struct.pack("<64I", *values[1:], values[0]))


def rename_exports(dll):
    names = dll.exports()[2]
    rva = struct.unpack("<I", dll.read(names, 4))[0]
    dll.write(rva, b"Poisoned\0")


def no_exports(dll):
    """Its header says that it exports nothing."""
    dll.write(dll.nt + 24 + 112, bytes(8))


def all_writable(dll):
    """Its header says that all sections are writable, so that no page is taken for the file's."""
    sections, optional = struct.unpack("<H12xH", dll.read(dll.nt + 6, 16))
    for i in range(sections):
        at = dll.nt + 24 + optional + 40 * i + 36
        flags = struct.unpack("<I", dll.read(at, 4))[0]
        dll.write(at, struct.pack("<I", flags ^ 0x80000000))


def rename_imports(dll):
    rva = dll.directory(1)
    thunks = struct.unpack("<I", dll.read(rva, 4))[0]
    name = struct.unpack("<Q", dll.read(thunks, 8))[0] + 2
    dll.write(name, b"Poisoned")


def other_api_sets(machine, pid):
    """Its API set schema calls every host another name."""
    eprocess, dtb = machine.process(pid)
    peb = machine.pointer(eprocess + machine.offset("EPROCESS", "Peb"))
    schema = machine.pointer(peb + machine.offset("PEB", "ApiSetMap"), dtb)
    size = struct.unpack("<I", machine.read(schema + 4, 4, dtb))[0]
    text = machine.read(schema, size, dtb)
    poisoned = text.replace("kernelbase".encode("utf-16-le"), "poisonbase".encode("utf-16-le"))
    check(poisoned != text, "the schema has no host to rename")
    for page in range(schema & -PAGE, schema + size, PAGE):
        own_copy(machine, page, dtb)
    machine.write(schema, poisoned, dtb)


def rows_of(tools, path, threads):
    out, _ = run(tools.impscan, "-f", path, "--label", "x", "-a", "-o", "jsonl", "-q", "-j",
                 threads)
    return [(json.loads(line)["pid"], line) for line in out.split("\n") if line]


def test_poison(tools, scenario):
    clean = Machine(tools, scenario=scenario)
    path = clean.save("clean.raw")
    expected = rows_of(tools, path, 2)
    pids = list(dict.fromkeys(row["pid"] for row in clean.rows
                              if row["module"].lower() == "kernel32.dll"))
    poisons = [(dll, poison) for dll in ("ntdll.dll", "kernel32.dll", "kernelbase.dll")
               for poison in (rotate_ordinals, rotate_functions, rename_exports, no_exports,
                              all_writable)]
    poisons += [("kernel32.dll", rename_imports), ("advapi32.dll", rename_imports),
                (None, other_api_sets)]
    changed = 0
    for number, (name, poison) in enumerate(poisons):
        machine = Machine(tools, scenario=scenario)
        # The first process that asks, mostly; but also others.
        pid = pids[0 if number % 3 else -1]
        if name:
            try:
                dll = Dll(machine, pid, name)
            except StopIteration:
                continue
            poison(dll)
        else:
            poison(machine, pid)
        path = machine.save()
        what = f"{scenario}: {name} of PID {pid}, {poison.__name__}"
        first = None
        for threads in (1, 2, 8, 64):
            rows = rows_of(tools, path, threads)
            others = [line for owner, line in rows if owner != pid]
            wrong = [line for line, right in
                     zip(others, [line for owner, line in expected if owner != pid])
                     if line != right]
            check(len(rows) == len(expected), f"{what}: {len(rows)} rows")
            check(not wrong, f"{what}: {len(wrong)} rows of others at -j {threads}: {wrong[:1]}")
            first = first or rows
            check(rows == first, f"{what}: other rows at -j {threads} than at -j 1")
        changed += first != expected
    check(changed > len(poisons) // 3, f"only {changed} of {len(poisons)} poisons changed anything")
    print(f"{scenario}: {len(poisons)} poisons, {changed} show in their own process")


def test_private_page(tools):
    """A page that one process lost is not taken from another's own copy, whatever its protection."""
    machine = Machine(tools)
    dll = "advapi32.dll"
    rows = [row for row in machine.rows if row["module"].lower() == dll]
    other = next(row["pid"] for row in rows if row["pid"] != 4012)
    right = next(row for row in rows if row["pid"] == 4012)
    theirs, ours = Dll(machine, other, dll), Dll(machine, 4012, dll)
    thunks = struct.unpack("<I", theirs.read(theirs.directory(1), 4))[0]
    name = struct.unpack("<Q", theirs.read(thunks, 8))[0] + 2
    for flags in (READ_ONLY, PRIVATE):
        frame = own_copy(machine, theirs.base + name, theirs.dtb, flags)
        machine.data[frame + (name & PAGE - 1)] = ord("Z")
        # In page file 0, which nobody gives.
        machine.put64(machine.entry(ours.base + name, ours.dtb), 0x1234 << 32 | 0x80 | 0x10)
        for threads in (1, 8):
            row = next(json.loads(line) for owner, line in
                       rows_of(tools, machine.save(), threads)
                       if owner == 4012 and json.loads(line)["base"] == right["base"])
            check(row["imphash"] in (None, right["imphash"]),
                  f"a wrong imphash from a neighbour's own page: {row['status']}, {row['reason']}")
            check(row["imphash"] or row["status"] in ("partial", "unreadable"),
                  f"{row['status']}: {row['reason']}")


def main():
    arguments = test_arguments(case_parser(__doc__))
    tools = Tools(arguments.impscan, arguments.mkimage, arguments.folder)
    chosen = choose(arguments, [("lost-page",), ("demo",), ("packed",)])
    for _, (case,) in chosen:
        if case == "lost-page":
            test_private_page(tools)
        else:
            test_poison(tools, case)
    for image in arguments.folder.glob("*.raw"):
        image.unlink()
    finish(f"{len(chosen)} cases of poisoned processes")


if __name__ == "__main__":
    main()
