# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes minidumps: of any streams, and of one process of a written machine, whose memory is read
through its page tables as the processor does. Shares no code with impscan.

Formats: Microsoft's minidumpapiset.h."""

import struct

PAGE = 4096
THREADS, MODULES, MEMORY, SYSTEM, MEMORY64, COMMENT_A, COMMENT_W, MISC, MEMORY_INFO = (
    3, 4, 5, 7, 9, 10, 11, 15, 16)
X86, X64 = 0, 9
COMMIT, RESERVE = 0x1000, 0x2000
TYPES = {"private": 0x20000, "data": 0x40000, "image": 0x1000000}
# MMVAD_FLAGS.Protection as PAGE_*
PROTECTIONS = [1, 2, 0x10, 0x20, 4, 8, 0x40, 0x80]


class Minidump:
    """The file is written front to back: header, streams, the directory, then the memory."""

    def __init__(self, odd=0):
        self.data = bytearray(32 + odd)  # what follows lies at odd offsets then
        self.streams = []
        self.ranges = []

    def put(self, data):
        at = len(self.data)
        self.data += data
        return at

    def string(self, text):
        text = text.encode("utf-16-le")
        return self.put(struct.pack("<I", len(text)) + text + b"\0\0")

    def stream(self, kind, data, size=None):
        self.streams.append((kind, len(data) if size is None else size, self.put(data)))

    def system(self, processor, build, platform=2, version=(10, 0), pack=""):
        self.stream(SYSTEM, struct.pack("<HHHBBIIIIIHH24x", processor, 6, 0, 4, 1, *version, build,
                                        platform, self.string(pack), 0, 0))

    def threads(self, tebs, padding=0):
        records = b"".join(struct.pack("<IIIIQ24x", 4 * i + 8, 0, 0, 0, teb)
                           for i, teb in enumerate(tebs))
        self.stream(THREADS, struct.pack("<I", len(tebs)) + bytes(padding) + records)

    def modules(self, modules, padding=0):
        """modules: (base, size, path)"""
        records = b"".join(struct.pack("<QIIII84x", base, size, 0, 0, self.string(path))
                           for base, size, path in modules)
        self.stream(MODULES, struct.pack("<I", len(modules)) + bytes(padding) + records)

    def misc(self, pid):
        self.stream(MISC, struct.pack("<III12x", 24, 1, pid))

    def memory_info(self, regions):
        """regions: (start, allocation, allocation's protection, size, state, protection, type)"""
        records = b"".join(struct.pack("<QQIIQIIII", start, allocation, protect, 0, size, state,
                                       now, kind, 0)
                           for start, allocation, protect, size, state, now, kind in regions)
        self.stream(MEMORY_INFO, struct.pack("<IIQ", 16, 48, len(regions)) + records)

    def memory64(self, ranges):
        """ranges: (address, bytes); they come last in the file."""
        self.ranges = ranges

    def memory32(self, ranges):
        records = b"".join(struct.pack("<QII", address, len(data), self.put(data))
                           for address, data in ranges)
        self.stream(MEMORY, struct.pack("<I", len(ranges)) + records)

    def finish(self, path, time=1700000000, flags=0x1826):
        if self.ranges:
            table = struct.pack("<Q", len(self.ranges))
            behind = len(self.data) + 16 + 16 * len(self.ranges) + 12 * (len(self.streams) + 1)
            table += struct.pack("<Q", behind)
            table += b"".join(struct.pack("<QQ", address, len(data))
                              for address, data in self.ranges)
            self.stream(MEMORY64, table)
        directory = self.put(b"".join(struct.pack("<III", *stream) for stream in self.streams))
        self.data[:32] = struct.pack("<4sIIIIIQ", b"MDMP", 0xa793, len(self.streams), directory, 0,
                                     time, flags)
        with open(path, "wb") as file:
            file.write(self.data)
            for _, data in self.ranges:
                file.write(data)


class PageTables:
    """The user's pages of a page map in a raw image: {address: (offset, writable, executable)}."""

    def __init__(self, image, arch, pae):
        self.image = image
        self.arch, self.pae = arch, pae
        if arch == "x64":
            self.levels, self.size, self.end = [(39, 256), (30, 512), (21, 512), (12, 512)], 8, 1 << 47
        elif pae:
            self.levels, self.size, self.end = [(30, 2), (21, 512), (12, 512)], 8, 1 << 31
        else:
            self.levels, self.size, self.end = [(22, 512), (12, 1024)], 4, 1 << 31

    def pages(self, dtb):
        found = {}
        self.walk(dtb & ~(31 if self.pae and self.arch == "x86" else 4095), 0, 0, True, True, found)
        return found

    def walk(self, table, level, base, writable, executable, found):
        shift, count = self.levels[level]
        raw = self.image[table:table + count * self.size]
        entries = struct.unpack(f"<{len(raw) // self.size}{'Q' if self.size == 8 else 'I'}", raw)
        for i, entry in enumerate(entries):
            if not entry & 1:
                continue
            address = base + (i << shift)
            pointers = self.pae and self.arch == "x86" and level == 0
            may_write = writable and (pointers or bool(entry & 2))
            may_run = executable and (self.size == 4 or not entry >> 63)
            frame = entry & (0xffffffffff000 if self.size == 8 else 0xfffff000)
            if level == len(self.levels) - 1:
                found[address] = (frame, may_write, may_run if self.size == 8 else None)
            elif not entry & 0x80:
                self.walk(frame, level + 1, address, may_write, may_run, found)


def protection(writable, executable):
    return {(0, 0): 2, (1, 0): 4, (0, 1): 0x20, (1, 1): 0x40}[int(writable), int(executable)]


class ProcessMemory:
    """What a dumping tool sees of a process of a written machine."""

    def __init__(self, image, truth, process):
        tables = PageTables(image, truth["arch"], truth["pae"])
        self.image, self.process = image, process
        self.pages = tables.pages(int(process["dtb"], 16))
        self.wide = truth["arch"] == "x64"
        self.build = int(truth["build"].split(".")[2])
        self.vads = [(int(vad["start"], 16), int(vad["end"], 16) + 1, vad["kind"],
                      PROTECTIONS[vad["protection"] & 7]) for vad in process["vads"]]
        self.extra = {}  # pages of our own
        self.tebs = [self.add_tebs()]

    def free(self, pages, below):
        """Addresses that the process does not use."""
        at = below - 0x10000
        while any(start < at + pages * PAGE and at < end for start, end, _, _ in self.vads) or any(
                at + i * PAGE in self.pages for i in range(pages)):
            at -= 0x10000
        return at

    def add_tebs(self):
        """The TEBs of a thread, which a written machine does not have."""
        process = self.process
        peb, peb32 = (int(process[key] or "0", 16) for key in ("peb", "peb32"))
        teb = self.free(4, 0x7f000000)
        pages = bytearray(4 * PAGE)
        pid = process["pid"]
        if self.wide:
            struct.pack_into("<Q", pages, 0x30, teb)
            struct.pack_into("<Q", pages, 0x40, pid)
            struct.pack_into("<Q", pages, 0x60, peb)
        at, narrow = (0x2000, peb32) if self.wide else (0, peb)
        if narrow:
            struct.pack_into("<I", pages, at + 0x18, teb + at)
            struct.pack_into("<I", pages, at + 0x20, pid)
            struct.pack_into("<I", pages, at + 0x30, narrow)
        for i in range(4):
            self.extra[teb + i * PAGE] = bytes(pages[i * PAGE:(i + 1) * PAGE])
        self.vads.append((teb, teb + 4 * PAGE, "private", 4))
        self.vads.sort()
        return teb

    def add(self, data, kind="data"):
        """Memory that the written machine does not have; its address."""
        pages = (len(data) + PAGE - 1) // PAGE
        start = self.free(pages + 16, 0x7e000000)
        for i in range(pages):
            self.extra[start + i * PAGE] = data[i * PAGE:(i + 1) * PAGE].ljust(PAGE, b"\0")
        self.vads.append((start, start + pages * PAGE, kind, 2 if kind == "data" else 4))
        self.vads.sort()
        return start

    def page(self, address):
        """(bytes, writable, executable) or None"""
        if address in self.extra:
            return self.extra[address], True, False
        known = self.pages.get(address)
        if not known:
            return None
        data = self.image[known[0]:known[0] + PAGE]
        may_run = known[2]
        if may_run is None:  # without PAE the entries do not say it
            may_run = any(start <= address < end and protect & 0xf0
                          for start, end, _, protect in self.vads)
        return (data, known[1], may_run) if len(data) == PAGE else None

    def regions(self):
        """As VirtualQuery() tells them: (start, allocation, protection there, size, state,
        protection, type)."""
        found = []
        for start, end, kind, protect in self.vads:
            for address in range(start, end, PAGE):
                page = self.page(address)
                state = COMMIT if page else RESERVE
                now = protection(page[1], page[2]) if page else 0
                last = found[-1] if found else None
                if last and last[1] == start and last[4] == state and last[5] == now:
                    last[3] += PAGE
                else:
                    found.append([address, start, protect, PAGE, state, now, TYPES[kind]])
        return found

    def ranges(self, below=1 << 63):
        found = []
        for start, _, _, size, state, _, _ in self.regions():
            if state == COMMIT and start < below:
                found.append((start, b"".join(self.page(address)[0]
                                              for address in range(start, start + size, PAGE))))
        return found

    def listed(self, wide=True, narrow=True):
        """The modules as a tool lists them, by the loader's lists."""
        return [(int(module["base"], 16), module["size"], module["path"])
                for module in self.process["modules"]
                if (wide and "load" in module["lists"]) or
                (narrow and "load32" in module["lists"])]

    def write(self, path, info=True, odd=0, padding=0, lists=True, threads=True, pid=None):
        dump = Minidump(odd)
        dump.system(X64 if self.wide else X86, self.build)
        dump.threads(self.tebs if threads else [], padding)
        if lists:
            dump.modules(self.listed(), padding)
        dump.misc(self.process["pid"] if pid is None else pid)
        dump.stream(COMMENT_A, b"\r\n*** procdump -ma\0")
        if info:
            dump.memory_info(self.regions())
        dump.memory64(self.ranges())
        dump.finish(path)

    def write_narrow(self, path):
        """As a 32-bit tool dumps a process of WoW64: of x86, without what lies above 4 GB."""
        dump = Minidump()
        dump.system(X86, self.build)
        dump.threads([teb + 0x2000 for teb in self.tebs])
        dump.modules(self.listed(wide=False))
        dump.misc(self.process["pid"])
        dump.memory_info([region for region in self.regions() if region[0] < 1 << 32])
        dump.memory64(self.ranges(1 << 32))
        dump.finish(path)
