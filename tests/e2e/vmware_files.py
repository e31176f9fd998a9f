# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes VMware's files of raw memory: .vmem, and .vmss or .vmsn that say what lies where in it.

Facts: vmware.py of Volatility 2; vmware_vmss.c and .h of the crash utility, by VMware. Holes of
sparse files stay holes.
"""

import os
import struct

PAGE = 4096
OLD_MAGIC = 0xBED0BED0
MAGIC = 0xBED2BED2
BLOCK = 63


def copy_data(source, target, start, size, to):
    """Copies what is no hole of `size` bytes at `start`; `target` and `source` are open for bytes."""
    at, end = start, start + size
    while at < end:
        try:
            at = os.lseek(source.fileno(), at, os.SEEK_DATA)
        except OSError:
            return
        stop = min(os.lseek(source.fileno(), at, os.SEEK_HOLE), end)
        while at < stop:
            data = os.pread(source.fileno(), min(stop - at, 1 << 20), at)
            os.pwrite(target.fileno(), data, to + at - start)
            at += len(data)


def regions_around(size, hole):
    """(address, place, size) of the two regions of a raw image of `size` bytes with a hole in it."""
    start, end = hole
    return [(0, 0, start), (end, start, size - end)]


def write_vmem(raw, path, regions, offset=0):
    """The memory of a raw image as one piece, at an offset of a new file, or of one that is there."""
    with open(raw, "rb") as source, open(path, "r+b" if offset else "wb") as target:
        for address, place, size in regions:
            copy_data(source, target, address, size, offset + place)
        target.truncate(offset + max(place + size for _, place, size in regions))


class State:
    """A state file in the making: groups of tags."""

    def __init__(self, magic=MAGIC):
        self.magic = magic
        self.groups = []

    def group(self, name):
        self.groups.append((name, bytearray()))
        return self

    def tag(self, name, data, *indices):
        tags = self.groups[-1][1]
        tags += struct.pack("<BB", len(indices) << 6 | len(data), len(name)) + name.encode()
        tags += struct.pack(f"<{len(indices)}I", *indices) + data
        return self

    def number(self, name, value, *indices):
        return self.tag(name, struct.pack("<I", value), *indices)

    def regions(self, regions):
        self.number("regionsCount", len(regions))
        for number, (address, place, size) in enumerate(regions):
            self.number("regionPPN", address // PAGE, number)
            self.number("regionPageNum", place // PAGE, number)
            self.number("regionSize", size // PAGE, number)
        return self

    def block(self, name, size, padding, *indices, size_in_memory=None, kind=BLOCK):
        """The head of a block whose data is written later, behind all groups; it is the last tag."""
        tags = self.groups[-1][1]
        tags += struct.pack("<BB", len(indices) << 6 | kind, len(name)) + name.encode()
        tags += struct.pack(f"<{len(indices)}I", *indices)
        size_in_memory = size if size_in_memory is None else size_in_memory
        tags += struct.pack("<II" if self.magic & 0xF == 0 else "<QQ", size, size_in_memory)
        tags += struct.pack("<H", padding) + bytes(padding)
        return self

    def bytes(self, memory=0):
        """The file; `memory` bytes belong to the last group behind what is there, and its end."""
        head = struct.pack("<III", self.magic, 8, len(self.groups))
        at = len(head) + 80 * len(self.groups)
        body = b""
        for number, (name, tags) in enumerate(self.groups):
            last = number == len(self.groups) - 1
            inside = memory if last else 0
            end = b"" if inside else b"\0\0"
            head += struct.pack("<64sQQ", name.encode(), at, len(tags) + len(end) + inside)
            body += bytes(tags) + end
            at += len(tags) + len(end)
        return head + body


def usual_state(regions, magic=MAGIC, cr3=None):
    """What belongs to a .vmem with these regions."""
    state = State(magic).group("Checkpoint").number("Platform", 1).group("cpu")
    if cr3:
        for number, value in enumerate((0x80050033, 0, 0, cr3, 0x350EF8)):
            state.tag("CR64", struct.pack("<Q", value), 0, number)
    return state.group("memory").number("align_mask", 0xFFFF).regions(regions)


def write_inside(raw, path, regions, magic=MAGIC, padding=0):
    """A .vmsn with the memory in it as a block."""
    size = max(place + length for _, place, length in regions)
    state = usual_state(regions, magic).block("Memory", size, padding, 0, 0)
    head = state.bytes(size)
    path.write_bytes(head)
    write_vmem(raw, path, regions, len(head))
    with open(path, "ab") as file:
        file.write(b"\0\0")


def write_behind(raw, path, regions):
    """A .vmsn with the memory behind the tags of its group, from the next page on."""
    size = max(place + length for _, place, length in regions)
    state = usual_state(regions)
    end = len(state.bytes())
    at = (end + PAGE - 1) // PAGE * PAGE
    head = bytearray(state.bytes())
    entry = 12 + 80 * 2 + 72  # the size of the last group
    struct.pack_into("<Q", head, entry, struct.unpack_from("<Q", head, entry)[0] + at - end + size)
    path.write_bytes(bytes(head) + bytes(at - end))
    write_vmem(raw, path, regions, at)
