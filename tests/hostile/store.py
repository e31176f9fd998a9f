# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of the kernel that each look like a store manager."""

import struct

from hostile.cases import case
from hostile.kernel import grow
from hostile.machine import Machine, PAGE
from hostile.page_maps import Same

TREE, STORE = 0xffffc70000000000, 0xffffc70000001000
same = Same()


def stores(tools, pages):
    """Behind the kernel's image so many pages, all one frame, each word of which is a manager's."""
    machine = Machine(tools)
    same.of(machine)
    size = int(machine.info["kernel_size"])
    base = grow(machine, size + pages * PAGE)
    tree = bytearray(struct.pack("<Q", STORE) * 512)
    tree[0:8] = struct.pack("<HBBI", 1, 0, 1, 0)
    machine.map(TREE, machine.new_page(tree))
    store = bytearray(2 * PAGE)
    for at, value in ((0x28, PAGE), (0x50, TREE), (0x370, STORE), (0x1848, TREE), (0x19b8, STORE)):
        struct.pack_into("<Q", store, at, value)
    for at, value in ((0x218, 4), (0x220, 16), (0x228, 0), (0x37c, 4)):
        struct.pack_into("<I", store, at, value)
    machine.map(STORE, machine.new_page(store[:PAGE]))
    machine.map(STORE + PAGE, machine.new_page(store[PAGE:]))
    frame = machine.new_page(struct.pack("<Q", TREE) * 512)
    for page in range(pages):
        machine.map(base + size + page * PAGE, frame, flags=0x63)
    return [machine.save()]


@case("store.managers", "-a", "-F", "-o", "jsonl", "-q", expect=same)
def managers(tools):
    return stores(tools, 16)


@case("store.many_managers", "-a", "-F", "-o", "jsonl", "-q", expect=same)
def many_managers(tools):
    return stores(tools, 4096)


@case("store.infer", "--infer", "--info")
def infer(tools):
    return stores(tools, 1024)
