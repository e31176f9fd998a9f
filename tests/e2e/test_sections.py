#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one process shows of a section tells nothing of the section, whatever -j.

    test_sections.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]

One process has something else where all map the same: headers, prototype PTEs, a VAD that claims the
section, pages in a page file that is not given, sizes and names in its module list. Then the rows of
all others, and their slots, are those of the same image without it, byte for byte, and its own rows
are the same with any number of threads: once the first process of the list is the one, once the last.
What is bytes of pages only is test_poison.py's.
"""

import json
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile.cases import Tools  # noqa: E402
from hostile.machine import PAGE, Machine  # noqa: E402
from image_truth import case_parser, check, choose, finish, test_arguments  # noqa: E402

THREADS = (1, 2, 8, 64)
READ_ONLY = 0x8000000000000025
SECTION_WRITE = 0x80000000
SECTION_SHARED = 0x10000000
# MMPTE_PROTOTYPE with SwizzleBit, so that no mask is in it; MMPTE_SOFTWARE of page file 0.
PROTOTYPE = 1 << 10 | 1 << 4
IN_PAGE_FILE = 0x1234 << 32 | 1 << 7 | 1 << 4


class Victim:
    """The image, and the process of it that is tampered with."""

    def __init__(self, machine, pid):
        self.machine, self.pid = machine, pid
        self.eprocess, self.dtb = machine.process(pid)
        self.spaces = [self.dtb] + [machine.process(other)[1] for other in
                                    sorted({row["pid"] for row in machine.rows})]

    def modules(self):
        return [row for row in self.machine.rows if row["pid"] == self.pid]

    def base(self, name):
        return next(int(row["base"], 16) for row in self.modules()
                    if row["module"].lower() == name)

    def page(self, address):
        """What any process has at an address: that of a DLL, which all have at one place."""
        for dtb in self.spaces:
            physical = self.machine.physical(address & -PAGE, dtb)
            if physical is not None:
                return bytes(self.machine.data[physical:physical + PAGE])
        return None

    def read(self, address, size):
        """Bytes, and which of their pages are there; absent ones read as zeros."""
        result = b""
        while len(result) < size:
            page = self.page(address + len(result)) or bytes(PAGE)
            at = (address + len(result)) % PAGE
            result += page[at:at + size - len(result)]
        return result

    def u32(self, address):
        return struct.unpack("<I", self.read(address, 4))[0]

    def set_page(self, address, entry):
        self.machine.put64(self.machine.entry(address, self.dtb, create=True), entry)

    def write(self, address, data):
        """Writes into copies of the process's own, read-only again afterwards."""
        done = 0
        while done < len(data):
            at = address + done
            here = min(PAGE - at % PAGE, len(data) - done)
            page = bytearray(self.page(at) or bytes(PAGE))
            page[at % PAGE:at % PAGE + here] = data[done:done + here]
            self.set_page(at, self.machine.new_page(page) | READ_ONLY)
            done += here

    def directory(self, base, number):
        headers = base + self.u32(base + 0x3c)
        return base + self.u32(headers + 24 + 112 + 8 * number)

    def exports(self, name):
        """Base, count of names, addresses of the tables of functions, names and ordinals."""
        base = self.base(name)
        table = struct.unpack("<10I", self.read(self.directory(base, 0), 40))
        return base, table[6], *(base + rva for rva in table[7:10])


def lose_exports(victim, dll):
    """Pages of the export table in a page file that is not given."""
    _, count, functions, names, ordinals = victim.exports(dll)
    for table in (functions, names, ordinals):
        victim.set_page(table, IN_PAGE_FILE)


def lose_names(victim, dll):
    base, count, _, names, _ = victim.exports(dll)
    for i in range(count):
        victim.set_page(base + victim.u32(names + 4 * i), IN_PAGE_FILE)


def read_only_header(page):
    """A header by which no section can be written to, and whose DLL exports nothing."""
    page = bytearray(page)
    headers, = struct.unpack_from("<I", page, 0x3c)
    count, = struct.unpack_from("<H", page, headers + 6)
    size, = struct.unpack_from("<H", page, headers + 20)
    struct.pack_into("<2I", page, headers + 24 + 112, 0, 0)
    for i in range(count):
        at = headers + 24 + size + 40 * i + 36
        flags, = struct.unpack_from("<I", page, at)
        struct.pack_into("<I", page, at, flags & ~SECTION_WRITE)
    return bytes(page)


def change_header(victim, dll):
    base = victim.base(dll)
    victim.write(base, read_only_header(victim.page(base)))


def change_every_header(victim, _):
    for row in victim.modules():
        base = int(row["base"], 16)
        if victim.page(base):
            victim.write(base, read_only_header(victim.page(base)))


def api_set_map(victim):
    machine = victim.machine
    peb = machine.pointer(victim.eprocess + machine.offset("EPROCESS", "Peb"))
    return peb + machine.offset("PEB", "ApiSetMap")


def change_api_sets(victim, _):
    """Hosts by other names, in copies of the schema's pages."""
    at = struct.unpack("<Q", victim.read(api_set_map(victim), 8))[0]
    size = struct.unpack("<I", victim.machine.read(at + 4, 4, victim.dtb))[0]
    schema = victim.machine.read(at, size, victim.dtb)
    changed = schema
    for host in ("kernel32.dll", "kernelbase.dll", "ucrtbase.dll", "sechost.dll"):
        changed = changed.replace(host.encode("utf-16-le"),
                                  ("user32.dll" + "x" * 9)[:len(host)].encode("utf-16-le"))
    check(changed != schema, "the schema has no host that is known")
    victim.write(at, changed)


def vads(victim):
    """The addresses of all VADs of the process."""
    machine = victim.machine
    nodes, found = [machine.pointer(victim.eprocess + machine.offset("EPROCESS", "VadRoot"))], []
    while nodes:
        node = nodes.pop()
        if not node or machine.physical(node) is None:
            continue
        found.append(node)
        nodes += [machine.pointer(node), machine.pointer(node + 8)]
    return found


def vad_of(victim, base):
    for node in vads(victim):
        low, = struct.unpack("<I", victim.machine.read(node + 0x18, 4))
        high = victim.machine.read(node + 0x20, 1)[0]
        if low | high << 32 == base >> 12:
            return node
    raise KeyError(hex(base))


def zero_where_tables_are(victim, base, size):
    """Page number -> what the process shows there: a header that nothing can be written by, and zeros
    in the place of all data."""
    pages = {0: read_only_header(victim.page(base))}
    pages |= {n: bytes(PAGE) for n in range(1, size // PAGE)}
    return pages


def other_prototypes(victim, dll):
    """Entries of the page table lead to prototype PTEs of another section."""
    machine, base = victim.machine, victim.base(dll)
    size = next(row["size"] for row in victim.modules() if int(row["base"], 16) == base)
    area = 0xffffc72000000000
    machine.map(area, machine.new_page())
    for number, page in zero_where_tables_are(victim, base, min(size, 200 * PAGE)).items():
        machine.put_pointer(area + 8 * number, machine.new_page(page) | 0x8000000000000121)
        victim.set_page(base + number * PAGE, (area + 8 * number) << 16 & (1 << 64) - 1 | PROTOTYPE)


def other_section(victim, dll):
    """The VAD has the control area of the DLL, and prototype PTEs of its own."""
    machine, base = victim.machine, victim.base(dll)
    size = next(row["size"] for row in victim.modules() if int(row["base"], 16) == base)
    area = 0xffffc73000000000
    for page in range(0, size // PAGE * 8 + 8, PAGE):
        machine.map(area + page, machine.new_page())
    for number, page in zero_where_tables_are(victim, base, size).items():
        frame = machine.new_page(page)
        machine.put_pointer(area + 8 * number, frame | 0x8000000000000121)
        victim.set_page(base + number * PAGE, frame | READ_ONLY)
    machine.put_pointer(vad_of(victim, base) + 0x50, area)


def overlapping_vads(victim, dll):
    """Another VAD over the DLL's addresses, whose prototype PTEs lead elsewhere."""
    machine, base = victim.machine, victim.base(dll)
    size = next(row["size"] for row in victim.modules() if int(row["base"], 16) == base)
    area, node = 0xffffc74000000000, 0xffffc75000000000
    for page in range(0, size // PAGE * 8 + 8, PAGE):
        machine.map(area + page, machine.new_page())
    for number, page in zero_where_tables_are(victim, base, size).items():
        machine.put_pointer(area + 8 * number, machine.new_page(page) | 0x8000000000000121)
        victim.set_page(base + number * PAGE, 0)
    old = vad_of(victim, base)
    copy = bytearray(machine.read(old, 0x88))
    struct.pack_into("<Q", copy, 0x50, area)
    root = victim.eprocess + machine.offset("EPROCESS", "VadRoot")
    struct.pack_into("<2Q", copy, 0, machine.pointer(root), 0)
    physical = machine.new_page(copy)
    machine.map(node, physical)
    machine.put_pointer(root, node)


def list_entries(victim):
    """The loader's entries, by PEB.Ldr: InLoadOrderModuleList."""
    machine = victim.machine
    peb = machine.pointer(victim.eprocess + machine.offset("EPROCESS", "Peb"))
    ldr, = struct.unpack("<Q", machine.read(peb + machine.offset("PEB", "Ldr"), 8, victim.dtb))
    head = ldr + 0x10
    at, = struct.unpack("<Q", machine.read(head, 8, victim.dtb))
    while at != head:
        yield at
        at, = struct.unpack("<Q", machine.read(at, 8, victim.dtb))


def short_modules(victim, _):
    """By the loader's list no module is longer than a page."""
    offset = victim.machine.offset("LDR_DATA_TABLE_ENTRY", "SizeOfImage")
    for entry in list_entries(victim):
        victim.machine.write(entry + offset, struct.pack("<I", PAGE), victim.dtb)


def swap_names(victim, _):
    """Two DLLs go by each other's names."""
    offset = victim.machine.offset("LDR_DATA_TABLE_ENTRY", "BaseDllName")
    entries = list(list_entries(victim))[1:3]
    names = [victim.machine.read(entry + offset, 16, victim.dtb) for entry in entries]
    for entry, name in zip(entries, reversed(names)):
        victim.machine.write(entry + offset, name, victim.dtb)


def seed_table(machine, dll):
    """A table of addresses in a page that the section of the DLL has, by whose headers all can be
    written to, and is shared: each process is to be searched for it. Nothing of it is any process's
    own."""
    victim = Victim(machine, next(row["pid"] for row in machine.rows
                                  if (row["module"] or "").lower() == "kernel32.dll"))
    base = victim.base(dll)
    headers = victim.u32(base + 0x3c)
    sections = headers + 24 + struct.unpack("<H", victim.read(base + headers + 20, 2))[0]
    for i in range(struct.unpack("<H", victim.read(base + headers + 6, 2))[0]):
        at = base + sections + 40 * i + 36
        machine.write(at, struct.pack("<I", victim.u32(at) | SECTION_WRITE | SECTION_SHARED),
                      victim.dtb)
    kernel32, count, functions, _, _ = victim.exports("kernel32.dll")
    rvas = struct.unpack(f"<{count}I", victim.read(functions, 4 * count))
    directory = victim.directory(kernel32, 0) - kernel32
    table = [kernel32 + rva for rva in sorted(set(rvas)) if rva < directory][:24]
    machine.write(base + PAGE + 0x100, struct.pack("<28Q", 0, 0, *table, 0, 0), victim.dtb)


# What is tampered with, in which scenario, of which DLLs. `same`: without effect on its own rows.
POISONS = [
    (lose_exports, "rebuilt", "ntdll.dll", True),
    (lose_names, "rebuilt", "kernel32.dll", True),
    (change_header, "seeded", "ntdll.dll", True),
    (change_every_header, "rebuilt", "kernel32.dll", True),
    (change_api_sets, "rebuilt", "ntdll.dll", True),
    (other_prototypes, "rebuilt", "kernel32.dll", True),
    (other_prototypes, "seeded", "ntdll.dll", True),
    (other_section, "seeded", "ntdll.dll", True),
    (overlapping_vads, "seeded", "ntdll.dll", True),
    (short_modules, "demo", "ntdll.dll", False),
    (short_modules, "demo", "kernel32.dll", False),
    (swap_names, "packed", "kernel32.dll", False),
]


def lines(impscan, path, threads, *arguments):
    out = subprocess.run([impscan, "-f", path, "--label", "x", "-q", "-o", "jsonl", "-j", str(threads),
                          *(arguments or ["-a"])], capture_output=True, check=True).stdout.decode()
    return out.splitlines()


def split(rows, pid):
    mark = f'{{"pid":{pid},'
    return ([row for row in rows if not row.startswith(mark)],
            [row for row in rows if row.startswith(mark)])


def differing(rows, others):
    """The first row that differs, for the eye."""
    pairs = [(a, b) for a, b in zip(rows, others) if a != b]
    return f"{len(pairs)} of {len(rows)} rows ({len(others)}): {pairs[:1]}"


def compare(impscan, where, clean, poisoned, pid, same):
    theirs, before = split(lines(impscan, clean, 1), pid)
    own = None
    for threads in THREADS:
        rows, mine = split(lines(impscan, poisoned, threads), pid)
        check(rows == theirs, f"{where} -j {threads}: others' rows: {differing(rows, theirs)}")
        own = mine if own is None else own
        check(mine == own, f"{where} -j {threads}: its own rows: {differing(mine, own)}")
    theirs, _ = split(lines(impscan, clean, 1, "--imports"), pid)
    rows, _ = split(lines(impscan, poisoned, 2, "--imports"), pid)
    check(rows == theirs, f"{where} --imports: others' slots: {differing(rows, theirs)}")
    check(same or own != before, f"{where}: nothing of it is seen in the process itself")


def test_tampered(tools, poison, scenario, dll, same):
    """In the first process that has the DLL, and in the last."""
    machine = Machine(tools, "demo" if scenario == "seeded" else scenario)
    if scenario == "seeded":
        seed_table(machine, dll)
    clean = machine.save("clean_copy.raw")
    if scenario == "seeded":
        found = [row for row in map(json.loads, lines(tools.impscan, clean, 2))
                 if (row["module"] or "").lower() == dll and row["rebuilt_imphash"]]
        check(len(found) > 5, f"the table of {dll} is found in {len(found)} processes")
    pids = list(dict.fromkeys(row["pid"] for row in machine.rows
                              if (row["module"] or "").lower() == dll and row["pid"] != 4))
    original = bytes(machine.data)
    for pid in (pids[0], pids[-1]):
        machine.data = bytearray(original)
        poison(Victim(machine, pid), dll)
        poisoned = machine.save()
        compare(tools.impscan, f"{poison.__name__} {scenario} {dll} in PID {pid}", clean, poisoned,
                pid, same)


def main():
    arguments = test_arguments(case_parser(__doc__))
    tools = Tools(arguments.impscan, arguments.mkimage, arguments.folder)
    chosen = choose(arguments, [(poison.__name__, scenario, dll)
                                for poison, scenario, dll, _ in POISONS])
    for number, _ in chosen:
        test_tampered(tools, *POISONS[number])
    for name in ("tampered.raw", "clean_copy.raw"):
        (arguments.folder / name).unlink()
    finish(f"{len(chosen)} things that processes share, poisoned in one of them")


if __name__ == "__main__":
    main()
