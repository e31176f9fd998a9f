#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMware's files: the same rows as of raw memory, whichever are there; damaged ones; images that say
nothing of the hole below 4 GB.

    test_vmware.py IMPSCAN MKIMAGE FOLDER
"""

import gzip
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess

from image_truth import can_unpack, check, finish, run, test_arguments, test_parser
from packers import seven_zip_of, tar_of, zip_of
from vmware_files import (BLOCK, MAGIC, OLD_MAGIC, State, regions_around, usual_state, write_behind,
                          write_inside, write_vmem)

MB, GB = 1 << 20, 1 << 30
SMALL_HOLE = (40 * MB, 56 * MB)
LARGE_HOLE = (3 * GB, 4 * GB)
GUESSED = "nothing in the file says where its memory lies"


class Tools:
    def __init__(self, arguments):
        self.impscan = arguments.impscan
        self.mkimage = arguments.mkimage
        self.folder = arguments.folder
        self.unpacks = can_unpack(self.impscan, "archives of VMware's files")

    def machine(self, name, hole, memory, *more):
        """A raw image of a machine with a hole."""
        path = self.folder / name
        start, end = hole
        subprocess.run([self.mkimage, "--scenario", "demo", "--memory", str(memory), "--hole",
                        f"{start // MB}:{end // MB}", "-o", path, *more], check=True)
        return path

    def listing(self, image, status=(0,)):
        """What is printed of an image, apart from its name, and what is said."""
        return run(self.impscan, "-f", image, "-a", "-o", "jsonl", "--label", "x", status=status)

    def place(self, *names):
        """An empty folder, and paths in it."""
        folder = self.folder / "beside"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return [folder / name for name in names]

    def same(self, image, expected, what):
        out, err = self.listing(image)
        check(out == expected, f"{what}: other rows than of raw memory")
        return err


def check_packed(tools, raw, regions, expected):
    """Both files in one archive: the state is found there, whatever else it has."""
    memory, path = tools.place("memory", "packed")
    write_vmem(raw, memory, regions)
    state = usual_state(regions, MAGIC).bytes()
    pair = [("vm/m.vmss", state), ("vm/m.vmem", memory.read_bytes())]
    decoy = [("vm/other.vmsn", bytes(9000)), ("old/m.vmsn", b"x" * 9000)]
    forms = {"zip": zip_of(pair), "tar": tar_of(pair), "tar.gz": gzip.compress(tar_of(pair), 1),
             "others beside": tar_of(decoy + pair),
             "packed twice": tar_of([("m.vmem.gz", gzip.compress(pair[1][1], 1)), ("m.vmsn", state)])}
    forms["7z"] = seven_zip_of(tools.folder, pair)
    forms["7z, the state first"] = seven_zip_of(tools.folder, pair[::-1])
    for name, data in forms.items():
        if not data:
            continue
        path.write_bytes(data)
        err = tools.same(path, expected, f"both in {name}")
        check("of the archive belongs to" in err and "warning" not in err, f"{name}: {err}")
    path.write_bytes(tar_of([("m.vmss", state[:100]), ("m.vmem", memory.read_bytes())]))
    _, err = tools.listing(path, (0, 1, 2))
    check("the state file beside it is not used" in err, f"a cut state in a tar: {err}")


def test_two_states(tools):
    """Of two states the one that fits is used, whichever it is, and the other one is named."""
    raw = tools.machine("small.raw", SMALL_HOLE, 64)
    expected, _ = tools.listing(raw)
    regions = regions_around(raw.stat().st_size, SMALL_HOLE)
    (low, _, half), (high, place, rest) = regions
    good = usual_state(regions).bytes()
    smaller = usual_state([(low, 0, half), (high, place, rest - 8 * MB)]).bytes()
    # As large, and the hole is elsewhere.
    moved = usual_state([(low, 0, half - 8 * MB), (high - 8 * MB, place - 8 * MB, rest + 8 * MB)]).bytes()
    memory, archive = tools.place("memory", "packed")
    write_vmem(raw, memory, regions)
    data = memory.read_bytes()
    for what, other, words in (("smaller", smaller, "is used; not"), ("the same", good, "the same of memory"),
                               ("damaged", good[:100], "state file beside it is not used"),
                               ("moved", moved, "several state files beside it")):
        for used, unused in (("m.vmss", "m.vmsn"), ("m.vmsn", "m.vmss")):
            path, state, second, archive = tools.place("m.vmem", used, unused, "packed.tar")
            path.write_bytes(data)
            state.write_bytes(good)
            second.write_bytes(other)
            archive.write_bytes(tar_of([("m.vmem", data), (used, good), (unused, other)]))
            for image in (path, archive) if tools.unpacks else (path,):
                err = tools.same(image, expected, f"{what} in {unused}, {image.name}")
                check(words in err and (what == "moved" or unused in err), f"{what}: {err}")
                if what == "moved":
                    check(f"it was read by '{used}'" in err, f"{what}: {err}")
    # All files of a folder, as a shell's pattern gives them, are one machine.
    path, state, *others = tools.place("m.vmem", "m.vmss", "m.nvram", "m.vmx", "vmware.log")
    path.write_bytes(data)
    state.write_bytes(good)
    for other in others:
        other.write_bytes(b"settings")
    for given in ([path, state, *others], [*others, state, path]):
        out, err = run(tools.impscan, *given, "-a", "-o", "jsonl")
        rows = [dict(json.loads(row), image="x") for row in out.splitlines()]
        check(rows == list(map(json.loads, expected.splitlines())), f"all of a folder: {err}")
        check("4 of the images given belong to the machine of" in err and "error" not in err, err)
    inside, = tools.place("m.vmsn")
    write_inside(raw, inside, regions)
    path.write_bytes(data)
    out, err = run(tools.impscan, path, inside, "-a", "-o", "jsonl")
    check(len({json.loads(row)["image"] for row in out.splitlines()}) == 2, f"memory inside: {err}")


def test_pairs(tools):
    """Every way in which both files are found, of every kind of page tables."""
    names = [("m.vmem", "m.vmss", "m.vmem"), ("m.vmem", "m.vmsn", "m.vmem"),
             ("m.vmem", "m.vmss", "m.vmss"), ("m.vmem", "m-Snapshot1.vmsn", "m.vmem"),
             ("m-564d.vmem", "m.vmss", "m-564d.vmem"), ("m-564d.vmem", "m.vmss", "m.vmss"),
             ("564d.vmem", "m.vmsn", "m.vmsn"), ("m.raw", "m.vmss", "m.raw"),
             ("M.VMEM", "m.VMSS", "m.VMSS")]
    for number, machine in enumerate((["--build", "19041"], ["--build", "2600", "--arch", "x86"],
                                      ["--build", "7601", "--arch", "x86", "--pae"])):
        raw = tools.machine("small.raw", SMALL_HOLE, 64, *machine)
        expected, _ = tools.listing(raw)
        regions = regions_around(raw.stat().st_size, SMALL_HOLE)
        for memory, state, given in names[number:] if number else names:
            memory, state, given = tools.place(memory, state, given)
            write_vmem(raw, memory, regions)
            magic = OLD_MAGIC if number == 1 else MAGIC
            state.write_bytes(usual_state(regions, magic).bytes())
            err = tools.same(given, expected, f"{memory.name}, {state.name}, {given.name}")
            check("warning" not in err, f"{memory.name}, {state.name}: {err}")
            info = json.loads(run(tools.impscan, "-f", given, "--info", "-o", "jsonl")[0])
            check(info["file_size"] == memory.stat().st_size and info["unpacked_size"] is None,
                  f"{memory.name}, {state.name}: the sizes of {given.name} are {info}")
        if not number and tools.unpacks:
            check_packed(tools, raw, regions, expected)
        for padding in 0, 1, 4000:
            path, = tools.place("m.vmsn")
            write_inside(raw, path, regions, MAGIC if padding else OLD_MAGIC, padding)
            tools.same(path, expected, f"memory inside, {padding} bytes of padding")
        path, = tools.place("m.vmsn")
        write_behind(raw, path, regions)
        tools.same(path, expected, "memory behind the tags")


def test_memory_above_4gb(tools):
    """With PAE pages lie there, but no page map: CR3 has 32 bits."""
    raw = tools.machine("high.raw", (48 * MB, 4096 * MB), 64, "--build", "7601", "--arch", "x86",
                        "--pae")
    out, err = tools.listing(raw)
    check("warning" not in err, f"PAE above 4 GB: {err}")
    pids = {json.loads(line)["pid"] for line in out.splitlines()}
    check(len(pids) > 10, f"PAE above 4 GB: modules of {len(pids)} processes only")
    raw.unlink()


def test_registers(tools):
    """CR3 is a hint: right, it leads to the kernel; wrong, it does no harm."""
    raw = tools.machine("small.raw", SMALL_HOLE, 64, "--no-low-stub")
    expected, _ = tools.listing(raw)
    out, _ = run(tools.impscan, "-f", raw, "--info", "-o", "json", "-q")
    info = json.loads(out)
    dtb = int((info[0] if isinstance(info, list) else info)["dtb"], 16)
    regions = regions_around(raw.stat().st_size, SMALL_HOLE)
    for cr3, source in (dtb | 0x2, "header of the image"), (0x1234000, "page-map scan"):
        memory, state = tools.place("m.vmem", "m.vmss")
        write_vmem(raw, memory, regions)
        state.write_bytes(usual_state(regions, cr3=cr3).bytes())
        tools.same(memory, expected, f"CR3 {cr3:#x}")
        out, _ = run(tools.impscan, "-f", memory, "--info", "-q")
        check(source in out, f"CR3 {cr3:#x}: not found by: {source}")


def test_guess(tools, raw, regions):
    """A large machine's .vmem alone, by either name, and a flat image by either name."""
    expected, err = tools.listing(raw)
    check(GUESSED not in err, f"raw: {err}")
    for name in "m.vmem", "m.raw":
        path, = tools.place(name)
        write_vmem(raw, path, regions)
        err = tools.same(path, expected, f"{name} alone")
        check(GUESSED in err and "with a hole from 3 to 4 GB" in err, f"{name} alone: {err}")
        out, _ = run(tools.impscan, "-f", path, "--info", "-q")
        check("hole from 3 to 4 GB" in out and GUESSED in out, f"{name} alone: --info: {out}")
    path, = tools.place("flat.vmem")
    path.symlink_to(raw.resolve())
    err = tools.same(path, expected, "a flat image as .vmem")
    check(GUESSED in err and "one piece from address 0 on" in err, f"a flat image as .vmem: {err}")
    memory, state = tools.place("m.vmem", "m.vmss")
    write_vmem(raw, memory, regions)
    state.write_bytes(usual_state(regions).bytes())
    err = tools.same(memory, expected, "a large machine with its state")
    check(GUESSED not in err, f"a large machine with its state: {err}")
    return expected


def test_damaged_flat(tools, raw):
    """What is broken in a flat image does not make it one with a hole."""
    path, = tools.place("damaged.raw")
    write_vmem(raw, path, [(0, 0, raw.stat().st_size)])
    with open(path, "r+b") as file:
        at, broken = 4 * GB, 0  # where the kernel of this seed is not
        while at < path.stat().st_size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            for page in range(at, os.lseek(file.fileno(), at, os.SEEK_HOLE), 4096):
                at = page + 4096
                if os.pread(file.fileno(), 2, page) == b"MZ":
                    os.pwrite(file.fileno(), b"ZM", page)
                    broken += 1
    out, err = tools.listing(path)
    check(broken > 3 and out and GUESSED not in err, f"a damaged flat image: {err}")


def damaged_states(regions):
    """(what, bytes) of state files that are wrong."""
    good = usual_state(regions).bytes()
    for size in 3, 11, 12, 91, 200, 252, 300, len(good) - 1, len(good) - 40:
        yield f"cut to {size}", good[:size]
    (low, _, half), (high, place, rest) = regions
    for what, wrong in (("overlap", [(low, 0, half), (half // 2, place, rest)]),
                        ("one place", [(low, 0, half), (high, half // 2, rest)]),
                        ("too large", [(low, 0, half * 8), (high, place, rest)]),
                        ("empty", [(low, 0, 0), (high, place, 0)])):
        yield what, usual_state(wrong).bytes()
    count = good.index(b"regionsCount") + 12
    for value in 1, 3, 0x7FFFFFFF:
        yield f"{value} regions", good[:count] + struct.pack("<I", value) + good[count + 4:]
    yield "many groups", good[:8] + b"\xff" * 4 + good[12:]
    for what, offset in (("in a circle", 12), ("beyond the end", 1 << 62), ("at the header", 0)):
        at = 12 + 80 * 2 + 64
        yield f"group {what}", good[:at] + struct.pack("<Q", offset) + good[at + 8:]
    yield "no memory", State().group("cpu").bytes()
    yield "other file", b"PK\3\4" + bytes(500)
    yield "compressed", State().group("memory").block("Memory", 10, 0, 0, 0, kind=BLOCK - 1,
                                                      size_in_memory=1 << 30).bytes()


def test_damaged_state(tools, raw, regions, expected):
    """A .vmem is read without the file, which is told; the file itself is an error."""
    memory, state = tools.place("m.vmem", "m.vmss")
    write_vmem(raw, memory, regions)
    for what, data in damaged_states(regions):
        state.write_bytes(data)
        err = tools.same(memory, expected, f"state {what}")
        check("the state file beside it is not used" in err and GUESSED in err,
              f"state {what}: {err}")
        out, err = tools.listing(state, status=(2,))
        check(not out and err.count("\n") == 1, f"state {what}, given: {err}")


def test_damaged_inside(tools):
    """Memory inside of a damaged file: a sentence, or rows of which none is wrong."""
    raw = tools.machine("small.raw", SMALL_HOLE, 64)
    expected = {(row["pid"], row["base"]): row
                for row in map(json.loads, tools.listing(raw)[0].splitlines())}
    regions = regions_around(raw.stat().st_size, SMALL_HOLE)
    path, = tools.place("m.vmsn")
    write_inside(raw, path, regions, padding=77)

    def compare(what):
        out, err = tools.listing(path, status=(0, 1, 2))
        for row in map(json.loads, out.splitlines()):
            right = expected.get((row["pid"], row["base"]))
            if row["status"] == "ok" and right and right["status"] == "ok":
                check(row["imphash"] == right["imphash"], f"{what}: {row}")
        check("Traceback" not in err and (out or "error" in err), f"{what}: {err}")

    numbers = random.Random(1)
    for _ in range(12):
        at = numbers.randrange(12, 700)
        with open(path, "r+b") as file:
            good = os.pread(file.fileno(), 1, at)
            os.pwrite(file.fileno(), bytes([good[0] ^ 1 << numbers.randrange(8)]), at)
            compare(f"byte {at} damaged")
            os.pwrite(file.fileno(), good, at)
    for size in (path.stat().st_size - 1, 50 * MB, 30 * MB, 1000, 600):
        os.truncate(path, size)
        compare(f"cut to {size}")


def main():
    arguments = test_arguments(test_parser(__doc__))
    tools = Tools(arguments)
    test_two_states(tools)
    test_pairs(tools)
    test_memory_above_4gb(tools)
    test_registers(tools)
    # By seed 1 no kernel is found without the hole; by 5 one is, and a half of its processes.
    for seed in "1", "5":
        raw = tools.machine("large.raw", LARGE_HOLE, 4096, "--seed", seed)
        regions = regions_around(raw.stat().st_size, LARGE_HOLE)
        expected = test_guess(tools, raw, regions)
    test_damaged_flat(tools, raw)
    test_damaged_state(tools, raw, regions, expected)
    test_damaged_inside(tools)
    for path in tools.folder.glob("*.raw"):
        path.unlink()
    shutil.rmtree(pathlib.Path(tools.folder) / "beside", ignore_errors=True)
    finish("VMware's files")


if __name__ == "__main__":
    main()
