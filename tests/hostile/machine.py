# SPDX-License-Identifier: GPL-3.0-or-later
"""A raw x64 image of the image writer's, to be tampered with: page tables, VADs, structures, names."""

import json
import pathlib
import re
import struct
import subprocess

PAGE = 4096
FRAME = 0xffffffffff000
PROFILES = pathlib.Path(__file__).resolve().parents[2] / "profiles"

# MMVAD_FLAGS of 19041: private memory, PAGE_EXECUTE_READWRITE as first asked for.
PRIVATE_RWX = 1 << 20 | 6 << 7


def rows_of(out):
    """The rows of JSON lines, without the image's path: they are compared with another image's."""
    rows = [json.loads(line) for line in out.split("\n") if line]
    for row in rows:
        row.pop("image", None)
    return rows


class Machine:
    """The image's bytes, and what impscan says of it before it is tampered with."""

    def __init__(self, tools, scenario="demo", memory=64, build="19041", more=()):
        self.tools = tools
        path = tools.folder / "clean.raw"
        subprocess.run([tools.mkimage, "--build", build, "--memory", str(memory),
                        "--scenario", scenario, "--format", "raw", "-o", path,
                        *map(str, more)], check=True)
        self.data = bytearray(path.read_bytes())
        self.info = json.loads(self._ask(path, "--info", "-o", "json"))
        if isinstance(self.info, list):
            self.info = self.info[0]
        self.dtb = int(self.info["dtb"], 16)
        self.rows = rows_of(self._ask(path, "-a", "-F", "-o", "jsonl"))
        self.profile = (PROFILES / f"{self.info['profile']}.yaml").read_text(encoding="utf-8")
        path.unlink()

    def _ask(self, path, *arguments):
        return subprocess.run([self.tools.impscan, "-f", path, "-q", *arguments],
                              capture_output=True, check=True).stdout.decode()

    def offset(self, structure, member):
        """A member's offset, by the profile of the image's build."""
        of_structure = re.search(rf"^  {structure}:\n((?:    .*\n)+)", self.profile, re.M)
        return int(re.search(rf"^    {member}: (\w+)", of_structure[1], re.M)[1], 0)

    # Physical memory.

    def u64(self, physical):
        return struct.unpack_from("<Q", self.data, physical)[0]

    def put64(self, physical, value):
        struct.pack_into("<Q", self.data, physical, value & (1 << 64) - 1)

    def put32(self, physical, value):
        struct.pack_into("<I", self.data, physical, value & 0xffffffff)

    def new_page(self, data=b""):
        """A page more at the end of memory; its physical address."""
        physical = len(self.data)
        self.data += bytes(data) + bytes(PAGE - len(data))
        return physical

    # Virtual memory. `dtb` None: the kernel's.

    def entry(self, address, dtb=None, create=False):
        """The physical address of the page-table entry of an address; None: no table."""
        table = (self.dtb if dtb is None else dtb) & FRAME
        for shift in (39, 30, 21):
            at = table + 8 * (address >> shift & 511)
            entry = self.u64(at)
            if not entry & 1:
                if not create:
                    return None
                entry = self.new_page() | 0x67
                self.put64(at, entry)
            if entry & 0x80 and shift < 39:
                return None
            table = entry & FRAME
        return table + 8 * (address >> 12 & 511)

    def physical(self, address, dtb=None):
        """Where an address lies, in a valid page or one in transition; None: nowhere."""
        table = (self.dtb if dtb is None else dtb) & FRAME
        for shift in (39, 30, 21, 12):
            entry = self.u64(table + 8 * (address >> shift & 511))
            if not entry & 1:
                break
            if shift == 12 or entry & 0x80 and shift < 39:
                below = (1 << shift) - 1
                return entry & FRAME & ~below | address & below
            table = entry & FRAME
        if shift == 12 and entry & 0x800 and not entry & 0x400:
            frame = entry & FRAME
            if frame >= len(self.data):  # stored with the mask of invalid entries
                frame &= (1 << 26) - 1
            return frame | address & PAGE - 1
        return None

    def map(self, address, physical, dtb=None, flags=0x67):
        self.put64(self.entry(address, dtb, create=True), physical | flags)

    def read(self, address, size, dtb=None):
        result = b""
        while len(result) < size:
            at = self.physical(address + len(result), dtb)
            here = min(PAGE - at % PAGE, size - len(result))
            result += bytes(self.data[at:at + here])
        return result

    def write(self, address, data, dtb=None):
        for i, byte in enumerate(data):
            self.data[self.physical(address + i, dtb)] = byte

    def pointer(self, address, dtb=None):
        return self.u64(self.physical(address, dtb))

    def put_pointer(self, address, value, dtb=None):
        self.put64(self.physical(address, dtb), value)

    # Windows.

    def process(self, pid):
        """EPROCESS and page map of a process."""
        eprocess = int(next(row["eprocess"] for row in self.rows if row["pid"] == pid), 16)
        dtb = self.pointer(eprocess + self.offset("KPROCESS", "DirectoryTableBase"))
        return eprocess, dtb & FRAME

    def add_vad(self, eprocess, first, last, node=0xffffc70000000000, flags=PRIVATE_RWX):
        """A private VAD of the pages `first` to `last`; it becomes the root of the tree, what was
        there its left child. `node`: an unused kernel address for it."""
        page = self.new_page()
        self.map(node, page)
        root = eprocess + self.offset("EPROCESS", "VadRoot")
        self.put64(page, self.pointer(root))
        self.put32(page + 0x18, first)
        self.put32(page + 0x1c, last)
        self.data[page + 0x20] = first >> 32
        self.data[page + 0x21] = last >> 32
        self.put32(page + 0x30, flags)
        self.put_pointer(root, node)

    def save(self, name="tampered.raw"):
        path = self.tools.folder / name
        path.write_bytes(self.data)
        return path
