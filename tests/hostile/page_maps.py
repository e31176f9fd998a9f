# SPDX-License-Identifier: GPL-3.0-or-later
"""Page maps that lead nowhere, at length: of all three pagings, with tables that lead to one another,
alone or in the image of a machine that must be found all the same."""

import random
import struct
import subprocess

from hostile.cases import case
from hostile.machine import Machine, rows_of

PAGE = 4096


def no_kernel(status, out, err):
    return None if status == 2 and "no Windows kernel found" in err else f"said: {err.strip()}"


def wrong_map(status, out, err):
    return None if status == 2 and "no Windows kernel behind" in err else f"said: {err.strip()}"


class Same:
    """Expects the rows of the machine before it was tampered with."""

    def __init__(self):
        self.rows = None

    def of(self, machine):
        self.rows = machine.rows

    def __call__(self, status, out, err):
        rows = rows_of(out)
        return None if rows == self.rows else f"{len(rows)} rows, not the {len(self.rows)}: {err}"


def every(name, expect, *more):
    """A case for each way to search."""
    def add(make):
        case(f"page_maps.{name}", "--info", *more, expect=expect)(make)
        case(f"page_maps.{name}.infer", "--infer", "-a", *more, expect=expect)(make)
        return make
    return add


def write(tools, name, pages, count):
    """A raw file of `count` pages, `pages` by number as lists of entries or bytes."""
    path = tools.folder / f"{name}.raw"
    with open(path, "wb") as file:
        for number in range(count):
            page = pages.get(number, b"")
            if isinstance(page, list):
                page = struct.pack("<512Q", *page)
            file.write(page.ljust(PAGE, b"\0"))
    return [path]


def map64(frame, targets, at=0x1ed):
    """A PML4 that maps itself, and `targets` in turn from the rest of its kernel half."""
    entries = [0] * 512
    for i in range(256, 512):
        entries[i] = targets[i % len(targets)] << 12 | 0x63
    entries[at] = frame << 12 | 0x63
    return entries


def table64(targets, flags=0x63):
    return [targets[i % len(targets)] << 12 | flags for i in range(512)]


def map32(frame, targets):
    """A page directory without PAE that maps itself."""
    entries = [targets[i % len(targets)] << 12 | 0x63 for i in range(1024)]
    entries[0x300] = frame << 12 | 3
    return struct.pack("<1024I", *entries)


def table32(targets):
    return struct.pack("<1024I", *(targets[i % len(targets)] << 12 | 0x63 for i in range(1024)))


def header(machine=0x8664, pointer=0x80):
    """The first page of an image of that machine, which is not a kernel's."""
    page = bytearray(PAGE)
    page[0:2] = b"MZ"
    struct.pack_into("<I", page, 0x3c, pointer)
    optional = 0xf0 if machine == 0x8664 else 0xe0
    struct.pack_into("<4sHHIIIHH", page, pointer, b"PE\0\0", machine, 0, 0, 0, 0, optional, 0x22)
    at = pointer + 24
    struct.pack_into("<H", page, at, 0x20b if machine == 0x8664 else 0x10b)
    struct.pack_into("<III", page, at + 32, 4096, 512, 0)
    struct.pack_into("<II", page, at + 56, 0x100000, 0x400)
    rest = at + (108 if machine == 0x8664 else 92)
    struct.pack_into("<III", page, rest, 16, 0x800, 0x100)
    struct.pack_into("<I", page, 0x800 + 12, 0x900)
    page[0x900:0x908] = b"driver.\0"
    return bytes(page)


@every("eight_tables", no_kernel)
def eight_tables(tools):
    """A PML4 whose kernel half leads to eight tables that lead to one another."""
    pages = {16: map64(16, range(32, 40))}
    for page in range(32, 40):
        pages[page] = table64([32 + (i * 7 + page) % 8 for i in range(512)])
    return write(tools, "eight_tables", pages, 256)


@every("itself", no_kernel)
def itself(tools):
    """A PML4 whose kernel half leads to one page that leads to itself."""
    return write(tools, "itself", {1: table64([1]), 2: map64(2, [1])}, 3)


@every("thousand", no_kernel)
def thousand(tools):
    """A thousand such PML4s."""
    pages = {1: table64([1])}
    pages.update({frame: map64(frame, [1]) for frame in range(2, 1002)})
    return write(tools, "thousand", pages, 1002)


@every("alternate", no_kernel)
def alternate(tools):
    """Tables that lead to each other by turns, from 256 PML4s."""
    pages = {1: table64([2]), 2: table64([1, 3]), 3: table64([1, 2])}
    pages.update({frame: map64(frame, [1, 2, 3]) for frame in range(4, 260)})
    return write(tools, "alternate", pages, 260)


@every("deep", no_kernel)
def deep(tools):
    """500 PML4s, each with tables of its own down to the last level."""
    pages = {}
    for i in range(500):
        frame = 1 + 4 * i
        pages[frame] = map64(frame, [frame + 1])
        pages[frame + 1] = table64([frame + 2])
        pages[frame + 2] = table64([frame + 3])
        pages[frame + 3] = table64(range(1, 513))
    return write(tools, "deep", pages, 2001)


def graph(seed, count, maps, leaves):
    """Tables that lead anywhere: `maps` PML4s, the last pages the headers of images."""
    rng = random.Random(seed)
    pages = {}
    for frame in range(1, count):
        if frame < maps:
            pages[frame] = map64(frame, [rng.randrange(maps, count) for _ in range(255)])
        elif frame < count - leaves:
            pages[frame] = table64([rng.randrange(maps, count) for _ in range(511)])
        else:
            pages[frame] = header()
    return pages


@every("graph", no_kernel)
def whole_graph(tools):
    return write(tools, "graph", graph(1, 4096, 64, 0), 4096)


@every("graph_of_images", no_kernel)
def graph_of_images(tools):
    return write(tools, "graph_of_images", graph(2, 2048, 64, 1024), 2048)


@every("large", no_kernel)
def large(tools):
    """Large pages of 1 GB, at any address."""
    pages = {1: table64(range(0, 1 << 18, 1 << 9), 0xe3)}
    pages.update({frame: map64(frame, [1]) for frame in range(2, 34)})
    return write(tools, "large", pages, 4096)


@every("pae", no_kernel)
def pae(tools):
    """Pages every 32 bytes of which are a first table of PAE's."""
    pages = {1: table64([1], 1)}
    pages.update({frame: table64([1], 1) for frame in range(2, 514)})
    return write(tools, "pae", pages, 514)


@every("pae_directories", no_kernel)
def pae_directories(tools):
    """A thousand maps of PAE, each with page directories of its own that share their tables."""
    pages = {}
    for i in range(1000):
        frame = 2 + 2 * i
        own = [(frame + 1) << 12 | 1] * 4
        pages[frame] = own + [0] * 508
        pages[frame + 1] = [own[0] | 0x63] * 4 + table64(range(2, 500, 2))[4:]
    return write(tools, "pae_directories", pages, 2002)


@every("x86", no_kernel)
def x86(tools):
    """A thousand page directories without PAE that share tables full of images' headers."""
    pages = {1: table32([3, 4, 5]), 2: table32([1, 2, 3])}
    pages.update({frame: header(0x14c) for frame in (3, 4, 5)})
    pages.update({frame: map32(frame, [1, 2]) for frame in range(6, 1006)})
    return write(tools, "x86", pages, 1006)


@every("text", no_kernel)
def text(tools):
    """Pages of text and code whose qword 0x1ed happens to be their own address."""
    rng = random.Random(3)
    words = b"the quick brown fox jumps over the lazy dog "
    pages = {}
    for frame in range(1, 1001):
        page = bytearray(words * 100 if frame % 2 else rng.randbytes(PAGE))[:PAGE]
        struct.pack_into("<Q", page, 8 * 0x1ed, frame << 12 | 0x63)
        pages[frame] = bytes(page)
    return write(tools, "text", pages, 1001)


def mistyped(name, choose):
    """An ordinary image with a --dtb that is a page of another kind."""
    def make(tools):
        machine = Machine(tools, scenario="demo", memory=128)
        dtb = choose(machine)
        return ["-f", machine.save(), "--dtb", hex(dtb), "--info"]
    case(f"page_maps.mistyped.{name}", expect=wrong_map)(make)


def fullest(machine):
    """The page with the most entries that are present and lead into the image."""
    best, most = 0, 0
    size = len(machine.data)
    for page in range(0, size, PAGE):
        entries = struct.unpack_from("<512Q", machine.data, page)
        count = sum(1 for entry in entries if entry & 1 and entry & 0xffffffffff000 < size)
        if count > most and page != machine.dtb:
            best, most = page, count
    return best


mistyped("fullest", fullest)
mistyped("table", lambda m: m.u64(m.dtb + 8 * 511) & 0xffffffffff000 or m.dtb + PAGE)
mistyped("next", lambda m: m.dtb + PAGE)
mistyped("beyond", lambda m: len(m.data) + PAGE)


def free_pages(machine):
    """Pages of zeros that no table leads to."""
    used = set()
    for page in range(0, len(machine.data), PAGE):
        for entry in set(struct.unpack_from("<512Q", machine.data, page)):
            used.add(entry & 0xffffffffff000)
    return [page for page in range(PAGE, len(machine.data), PAGE)
            if page not in used and not any(machine.data[page:page + PAGE])]


def decoys(name, fill, *arguments):
    same = Same()

    def make(tools):
        machine = Machine(tools, scenario="demo", memory=128, more=["--no-low-stub"])
        same.of(machine)
        free = free_pages(machine)
        assert len(free) > 1100, len(free)
        fill(machine, free)
        return ["-f", machine.save(), "-a", "-F", "-o", "jsonl", "-q", *arguments]
    case(f"page_maps.decoys.{name}", expect=same)(make)


def put(machine, page, entries):
    data = entries if isinstance(entries, bytes) else struct.pack("<512Q", *entries)
    machine.data[page:page + PAGE] = data


def decoys_x64(machine, free):
    """Before the true ones: a thousand maps that lead to tables that lead to one another."""
    put(machine, free[0], table64([free[0] >> 12, free[1] >> 12]))
    put(machine, free[1], table64([free[1] >> 12, free[2] >> 12]))
    put(machine, free[2], header())
    for page in free[3:1003]:
        put(machine, page, map64(page >> 12, [free[0] >> 12, free[1] >> 12]))


def decoys_graph(machine, free):
    """64 maps behind which all free pages are tables that lead to any of them."""
    rng = random.Random(4)
    frames = [page >> 12 for page in free[64:1100]]
    for page in free[:64]:
        put(machine, page, map64(page >> 12, rng.sample(frames, 255)))
    for page in free[64:1000]:
        put(machine, page, table64(rng.sample(frames, 511)))
    for page in free[1000:1100]:
        put(machine, page, header())


def decoys_with_kernel(machine, free):
    """Maps that have the first 2 MB of the kernel's image, and nothing else."""
    kernel = struct.unpack_from("<512Q", machine.data, machine.dtb)
    base = int(machine.info["kernel_base"], 16)
    itself = next(i for i in range(256, 512) if kernel[i] & 0xffffffffff000 == machine.dtb)
    start = base & ~0x1fffff
    image = [machine.physical(start + i * PAGE) for i in range(512)]
    put(machine, free[0], [0 if page is None else page | 0x63 for page in image])
    for i in range(1, 800, 3):
        put(machine, free[i], [0] * 512)
        machine.put64(free[i] + 8 * itself, free[i] | 0x63)
        machine.put64(free[i] + 8 * (base >> 39 & 511), free[i + 1] | 0x63)
        machine.put64(free[i + 1] + 8 * (base >> 30 & 511), free[i + 2] | 0x63)
        machine.put64(free[i + 2] + 8 * (base >> 21 & 511), free[0] | 0x63)


decoys("x64", decoys_x64)
decoys("graph", decoys_graph)
decoys("kernel", decoys_with_kernel)


def decoys_32(name, fill, *arguments):
    """A 32-bit machine, whose pages of zeros become something else as far as no table has them;
    `fill` changes the image, given those pages."""
    same = Same()

    def make(tools):
        path = tools.folder / "x86.raw"
        subprocess.run([tools.mkimage, "--build", "7601", "--arch", "x86", "--memory", "128",
                        "--scenario", "demo", *arguments, "-o", path], check=True)
        ask = [tools.impscan, "-f", path, "-a", "-F", "-o", "jsonl", "-q"]
        out = subprocess.run(ask, capture_output=True, check=True).stdout.decode()
        same.rows = rows_of(out)
        data = bytearray(path.read_bytes())
        size = 8 if "--pae" in arguments else 4
        used = {entry & 0xfffff000 for page in range(0, len(data), PAGE)
                for entry in set(struct.unpack_from("<%d%s" % (PAGE // size, "IQ"[size == 8]),
                                                    data, page))}
        free = [page for page in range(PAGE, len(data), PAGE)
                if page not in used and not any(data[page:page + PAGE])]
        assert len(free) > 1000, len(free)
        fill(data, free)
        path.write_bytes(data)
        return ["-f", path, *ask[3:]]
    case(f"page_maps.decoys.{name}", expect=same)(make)


def fill_x86(data, free):
    free = free[:1000]
    frames = [page >> 12 for page in free]
    rng = random.Random(5)
    for page in free[:200]:
        data[page:page + PAGE] = map32(page >> 12, rng.sample(frames, 300))
    for page in free[200:900]:
        data[page:page + PAGE] = table32(rng.sample(frames, 999))
    for page in free[900:]:
        data[page:page + PAGE] = header(0x14c)


def fill_pae(data, free):
    free = free[:1000]
    frames = [page >> 12 for page in free]
    rng = random.Random(6)
    # A map of x64 that has all of memory in large pages: what it found dull may be a 32-bit kernel.
    data[free[0]:free[0] + PAGE] = struct.pack("<512Q", *map64(frames[0], [frames[1]]))
    data[free[1]:free[1] + PAGE] = struct.pack("<512Q", *table64([frames[2]]))
    data[free[2]:free[2] + PAGE] = struct.pack("<512Q", *table64(range(0, 1 << 15, 512), 0xe3))
    for i in range(4, 400, 2):
        own = [free[i + 1] | 1] * 4
        data[free[i]:free[i] + 32] = struct.pack("<4Q", *own)
        data[free[i + 1]:free[i + 1] + PAGE] = struct.pack(
            "<512Q", *own, *table64(rng.sample(frames[400:], 508))[4:])
    for page in free[400:900]:
        data[page:page + PAGE] = struct.pack("<512Q", *table64(rng.sample(frames, 511)))
    for page in free[900:]:
        data[page:page + PAGE] = header(0x14c)


def fill_used(data, free):
    """Memory that is in use: code, text and numbers. In a thousand pages, the lowest, one qword of
    the upper half happens to be the page's own address."""
    rng = random.Random(8)
    words = b"the quick brown fox jumps over the lazy dog "
    code = [bytes(rng.choice(b"\x55\x8b\xec\x83\x33\xc0\xff\x15\x00\x00\x10\xe8\x74") for _ in range(PAGE))
            for _ in range(8)]
    numbers = [struct.pack("<512Q", *((rng.randrange(len(data)) & ~0x80) | 1 for _ in range(512)))
               for _ in range(64)]
    for i, page in enumerate(free):
        data[page:page + PAGE] = (code[i % 8] if i % 4 == 1 else
                                  (words * 100)[i % 44:][:PAGE] if i % 4 == 3 else numbers[i % 64])
    for page in free[:1000]:
        struct.pack_into("<Q", data, page + 8 * rng.randrange(256, 512), page | 0x63)


decoys_32("x86", fill_x86)
decoys_32("used", fill_used)
decoys_32("pae", fill_pae, "--pae")
