# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections that thousands of views claim, and a page of each that is to be looked for elsewhere."""

import json
import struct

from hostile.cases import case
from hostile.machine import PAGE, Machine

# MMVAD_FLAGS of 19041: VadImageMap, PAGE_EXECUTE_WRITECOPY.
IMAGE = 2 << 4 | 7 << 7
NODES = 0xffffc70000000000
NODE = 0x90  # MMVAD has 0x88 bytes
VIEWS = 4000


def shown(status, out, err):
    rows = [json.loads(line) for line in out.splitlines()]
    lost = [row for row in rows if row["pid"] == 4012 and row["module"] == "ADVAPI32.dll"
            and "load" in row["found_in"]]
    true = {row["imphash"] for row in rows if row["pid"] != 4012 and "load" in row["found_in"] and
            row["module"] == "ADVAPI32.dll"}
    if len(lost) != 1 or not (lost[0]["reason"] or "").strip():
        return f"the row of the lost page: {lost}"
    right = {lost[0]["imphash"]} == true or lost[0]["imphash"] is None
    return None if right else f"a wrong hash: {lost}"


@case("neighbours.views_x_processes", "-a", "-F", "-o", "jsonl", expect=shown)
def views_x_processes(tools):
    """One chain of 4,000 image VADs that all processes share, of the control area of a DLL of which
    one process has lost a page."""
    machine = Machine(tools)
    row = next(row for row in machine.rows if row["pid"] == 4012 and
               row["module"] == "ADVAPI32.dll")
    eprocess, dtb = machine.process(4012)
    root = machine.offset("EPROCESS", "VadRoot")
    base = int(row["base"], 16)
    node = find(machine, machine.pointer(eprocess + root), base >> 12)
    section = machine.read(node + 0x48, 0x10)
    pids = [pid for pid in dict.fromkeys(row["pid"] for row in machine.rows) if pid != 4]
    chain = bytearray(VIEWS * NODE + PAGE)
    for i in range(VIEWS):
        at, page = i * NODE, 0x10000 + 2 * i
        following = NODES + at + NODE if i + 1 < VIEWS else 0
        struct.pack_into("<2Q", chain, at, following, 0)
        struct.pack_into("<2I", chain, at + 0x18, page, page + 1)
        struct.pack_into("<I", chain, at + 0x30, IMAGE)
        chain[at + 0x48:at + 0x58] = section
    for at in range(0, len(chain) // PAGE * PAGE, PAGE):
        machine.map(NODES + at, machine.new_page(chain[at:at + PAGE]))
    lose_imports(machine, base, dtb)
    # A tree's root has two children: the chain, and what was there.
    for i, pid in enumerate(pids):
        process, _ = machine.process(pid)
        top = bytearray(NODE)
        struct.pack_into("<2Q", top, 0, NODES, machine.pointer(process + root))
        struct.pack_into("<2I", top, 0x18, 0x8000, 0x8001)
        struct.pack_into("<I", top, 0x30, 1 << 20)
        place = NODES + 0x10000000 + i * PAGE
        machine.map(place, machine.new_page(top))
        machine.put_pointer(process + root, place)
    return [machine.save()]


def find(machine, node, page):
    """The VAD that begins at a page."""
    while node:
        low, = struct.unpack("<I", machine.read(node + 0x18, 4))
        start = low | machine.read(node + 0x20, 1)[0] << 32
        if start == page:
            return node
        node = machine.pointer(node + (8 if page > start else 0))
    raise KeyError(hex(page))


def lose_imports(machine, base, dtb):
    """The import directory's page is in a page file that is not given; the section has none either."""
    headers = base + struct.unpack("<I", machine.read(base + 0x3c, 4, dtb))[0]
    directory, = struct.unpack("<I", machine.read(headers + 24 + 112 + 8, 4, dtb))
    machine.put64(machine.entry(base + directory, dtb), 0x1234 << 32 | 1 << 7 | 1 << 4)
