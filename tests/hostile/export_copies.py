# SPDX-License-Identifier: GPL-3.0-or-later
"""Export tables of many processes that are the same, in other pages."""

import struct

from hostile.cases import case
from hostile.exports import SIZE as SPAN, header
from hostile.machine import PAGE, Machine

BASE = 0x100000000000
FUNCTIONS, ORDINALS, NAMES = 0x2000, 0x2000, 0x50000
STRINGS = 0x60000
COUNT = 65536
IMAGES = 16


class Tables:
    """PEs in private memory of a process, whose pages but for the header are the same frames."""

    def __init__(self, machine, names):
        directory = struct.pack("<IIHH7I", 0, 0, 0, 0, STRINGS, 1, COUNT, COUNT, FUNCTIONS, NAMES,
                                ORDINALS)
        self.machine = machine
        self.directory = machine.new_page(directory)
        self.ordinals = [machine.new_page(struct.pack("<2048H", *range(i * 2048, i * 2048 + 2048)))
                         for i in range(COUNT // 2048)]
        self.names = [machine.new_page(struct.pack("<1024I", *names[i:i + 1024]))
                      for i in range(0, COUNT, 1024)]
        self.strings = [machine.new_page(b"A" * (PAGE - 1)) for _ in range(16)]

    def map(self, dtb, number):
        machine, base = self.machine, BASE + number * SPAN
        machine.map(base, machine.new_page(header(number)), dtb)
        machine.map(base + 0x1000, self.directory, dtb)
        # The ordinals are the functions' RVAs as well.
        for area, pages in ((ORDINALS, self.ordinals), (NAMES, self.names[:16]),
                            (STRINGS, self.strings)):
            for i, page in enumerate(pages):
                machine.map(base + area + i * PAGE, page, dtb)
        for i in range(len(self.ordinals), 64):
            machine.map(base + FUNCTIONS + i * PAGE, self.names[i % 64], dtb)


@case("exports.all_processes", "-a")
def all_processes(tools):
    """Sixteen images in each process; their tables are the same, but each has a header page of its own."""
    machine = Machine(tools)
    tables = Tables(machine, [STRINGS + i % 4096 for i in range(COUNT)])
    pids = [pid for pid in dict.fromkeys(row["pid"] for row in machine.rows) if pid != 4]
    for i, pid in enumerate(pids):
        eprocess, dtb = machine.process(pid)
        for number in range(IMAGES):
            tables.map(dtb, number)
        machine.add_vad(eprocess, BASE >> 12, (BASE + IMAGES * SPAN >> 12) - 1,
                        node=0xffffc70000000000 + i * PAGE)
    return [machine.save()]
