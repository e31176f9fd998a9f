# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page file is held against, when there is no end of it."""

import struct
import subprocess

from hostile.cases import case
from hostile.machine import PAGE, Machine, rows_of
from hostile.vads import NODES, area

SLOT = 0x60  # of the PML4, which no process of the image uses
IMAGE = 2 << 4
STEP = 128  # bytes from VAD to VAD
state = {}


class WithFile(Machine):
    """The image whose pages are partly in a page file, and its rows with that."""

    def __init__(self, tools):
        self.file = tools.folder / "page.file"
        super().__init__(tools, scenario="absent", more=["--pagefile", self.file])
        self.rows = self.ask()

    def arguments(self):
        return ["-f", self.save(), "--pagefile", f"0={self.file}"]

    def ask(self):
        out = subprocess.run([self.tools.impscan, *self.arguments(), "-a", "-q", "-o", "jsonl"],
                             capture_output=True, check=True).stdout.decode()
        return rows_of(out)

    def processes(self):
        return sorted({row["pid"] for row in self.rows} - {4})


def add_images(machine, pid, count, entry, pages, node=NODES):
    """`count` views of one section, of so many pages, at the same place; all their page-table entries
    are `entry`."""
    eprocess, dtb = machine.process(pid)
    table = machine.new_page(struct.pack("<Q", entry) * 512)
    for _ in range(2):
        table = machine.new_page(struct.pack("<Q", table | 0x67) * 512)
    machine.put64(dtb + 8 * SLOT, table | 0x67)
    put = area(machine, node, count * STEP + PAGE)
    root = eprocess + machine.offset("EPROCESS", "VadRoot")
    prototypes = machine.offset("MMVAD", "FirstPrototypePte")
    first, last = SLOT << 27, (SLOT << 27) + pages - 1
    for i in range(count):
        at = node + STEP * i
        put(at, at + STEP if i + 1 < count else machine.pointer(root))
        put(at + 0x18, first & 0xffffffff | (last & 0xffffffff) << 32)
        put(at + 0x20, first >> 32 | last >> 32 << 8)
        put(at + 0x30, IMAGE)
        put(at + prototypes, node)
    machine.put_pointer(root, node)


def told(status, out, err):
    if "page file" not in err or "cut off" not in err:
        return f"not told: {err[-400:]}"
    return None


def not_in_memory(frame):
    """An entry that names a page of page file 0."""
    return frame << 32


@case("page_file.views", "-a", "-o", "jsonl", expect=told)
def views(tools):
    """20,000 views of 4 GB, of which nothing is in memory."""
    machine = WithFile(tools)
    add_images(machine, machine.processes()[-1], 20_000, not_in_memory(1 << 20), 1 << 20)
    return machine.arguments()


@case("page_file.copies", "-a", "-o", "jsonl", expect=told)
def copies(tools):
    """The same, each page of which is one of the page file's."""
    machine = WithFile(tools)
    add_images(machine, machine.processes()[-1], 20_000, not_in_memory(16), 1 << 20)
    return machine.arguments()


@case("page_file.valid", "-a", "-o", "jsonl", expect=told)
def valid(tools):
    """The same, in memory: copies of the process's own, none of them in the page file."""
    machine = WithFile(tools)
    add_images(machine, machine.processes()[-1], 20_000, machine.new_page(b"\xcc" * PAGE) | 0x67,
               1 << 20)
    return machine.arguments()


@case("page_file.info", "--info", expect=told)
def info(tools):
    machine = WithFile(tools)
    for i, pid in enumerate(machine.processes()):
        try:
            add_images(machine, pid, 2000, machine.new_page(b"\xcc" * PAGE) | 0x67, 1 << 20,
                       node=NODES + (i << 30))
        except TypeError:  # its VADs can't be had
            continue
    return machine.arguments()
