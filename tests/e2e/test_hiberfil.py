#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hibernation files of every layout: the same rows as of raw memory; damaged ones: no other rows than
these, or a sentence.

    test_hiberfil.py IMPSCAN MKIMAGE FOLDER
"""

import json
import pathlib
import re
import struct
import subprocess

from image_truth import check, finish, run, test_arguments, test_parser

PAGE = 4096
TABLE, SETS = 6 * PAGE, 7 * PAGE  # where mkhiberfil begins
OLD = (("--zero-header",), ("--overlap", "--stale"), ("--signature", "wake"))
NEW = (("--mixed", "--overlap", "--shuffle"), ("--method", "2", "--method-1", "--signature", "WAKE"),
       ("--method", "3", "--wrong-counts"), ("--mixed", "--length", "0x777"), ("--zero-header",))
STARTUP = "fast startup: users were logged off, kernel and session 0 only"


class Tools:
    def __init__(self, arguments):
        self.impscan = arguments.impscan
        self.mkimage = arguments.mkimage
        self.mkhiberfil = pathlib.Path(arguments.mkimage).parent / "mkhiberfil"
        self.folder = arguments.folder

    def machine(self, build, arch):
        """An image of a machine, and what is printed of it."""
        path = self.folder / f"{build}-{arch}.raw"
        subprocess.run([self.mkimage, "--build", build, "--arch", arch, "--memory", "64",
                        "--no-low-stub", "-o", path], check=True)
        return path, self.listing(path)[0]

    def pack(self, raw, layout, *options):
        path = self.folder / "hiberfil.sys"
        subprocess.run([self.mkhiberfil, "--layout", layout, *options, raw, path], check=True)
        return path

    def listing(self, image, status=(0,)):
        return run(self.impscan, "-f", image, "-a", "-o", "jsonl", "--label", "x", status=status)

    def layouts(self):
        out = subprocess.run([self.mkhiberfil, "--list"], check=True, capture_output=True,
                             text=True).stdout
        return [line.split("\t") for line in out.splitlines()]


def is_new(layout):
    return not layout.startswith(("xp", "vista", "2003", "7-"))


def test_layouts(tools, machines):
    """Each layout, with what a file may be, in turn."""
    counts = {False: 0, True: 0}
    for layout, arch in tools.layouts():
        new = is_new(layout)
        options = (NEW if new else OLD)[counts[new] % len(NEW if new else OLD)]
        counts[new] += 1
        raw, expected = machines[arch]
        out, err = tools.listing(tools.pack(raw, layout, *options))
        check(out == expected, f"{layout} {options}: other rows than of raw memory: {err[-300:]}")
        check("warning" not in err, f"{layout} {options}: {err}")


def test_info(tools, machines):
    raw, _ = machines["x64"]
    path = tools.pack(raw, "17763-x64", "--mixed", "--hiberboot")
    out, _ = run(tools.impscan, "-f", path, "--info", "-q")
    for word in ("Windows hibernation file (64-bit, Windows 10 1809 to 22H2, fast startup)", STARTUP,
                 "Xpress-Huffman", "2019-04-17T18:40:00Z"):
        check(word in out, f"--info does not say {word!r}: {out[:900]}")
    _, err = run(tools.impscan, "-v", "-f", path, "-F", "-a")
    found = re.search(r"(\d+) of (\d+) sets of compressed pages were unpacked", err)
    check(found and 0 < int(found[1]) < int(found[2]), f"-v: {err[-300:]}")


def set_size(data, at):
    header, = struct.unpack_from("<I", data, at)
    return 4 + (header & 0xff) * 8 + (header >> 8 & 0xfffff)


def set_places(data, kernel):
    """Where the sets of both sections begin."""
    places = []
    for place, end in ((SETS, kernel), (kernel, len(data))):
        while place + 4 <= end and data[place]:
            places.append(place)
            place += set_size(data, place)
    return places


def damaged_new(data):
    """(what, bytes) of files of Windows 10 that are wrong."""
    size = len(data)
    for share in (3, 2, 1.2, 1.01):
        yield f"cut to 1/{share}", data[:int(size / share)]
    yield "cut to its header", data[:PAGE]

    def changed(offset, form, *values):
        other = bytearray(data)
        struct.pack_into(form, other, offset, *values)
        return bytes(other)
    kernel = struct.unpack_from("<Q", data, 0x70)[0] * PAGE
    for what, place in (("boot", SETS), ("kernel", kernel)):
        for _ in range(5):
            place += set_size(data, place)
        header, = struct.unpack_from("<I", data, place)
        yield f"{what}: a size larger by 1", changed(place, "<I", header + 0x100)
        yield f"{what}: a size of 1", changed(place, "<I", header & 0xf00000ff | 0x100)
        yield f"{what}: no descriptors", changed(place, "<I", header & ~0xff)
        yield f"{what}: a page number of 2^60 - 1", changed(place + 4, "<Q", (1 << 64) - 1)
    # A sector within the packed data: what of the set comes before it may be there, or nothing.
    places = set_places(data, kernel)
    for number in range(len(places) // 12, len(places), len(places) // 6):
        middle = places[number] + set_size(data, places[number]) // 2
        for what, sector in (("zeros", bytes(512)), ("ones", b"\xff" * 512)):
            yield f"{what} within set {number}", data[:middle] + sector + data[middle + 512:]
    yield "sections at one place", changed(0x70, "<Q", 7)
    yield "sections in the header", changed(0x68, "<QQ", 0, 0)
    yield "sections behind the end", changed(0x68, "<QQ", 1 << 40, 1 << 59)
    yield "counts too large", changed(0x230, "<Q", 1 << 50)


def damaged_old(data):
    """The same of Windows 7."""
    yield "cut in the first table's blocks", data[:TABLE + 40 * PAGE]
    yield "cut in the middle", data[:len(data) // 2]
    second = struct.unpack_from("<Q", data, TABLE)[0]
    for what, link in (("itself", 6), ("the header", 1), ("nowhere", 1 << 60), ("a block", 8)):
        yield f"a table that leads to {what}", data[:TABLE] + struct.pack("<Q", link) + data[TABLE + 8:]
    block = data.index(b"\x81\x81xpress", TABLE + 3 * PAGE)
    yield "a block's header gone", data[:block] + bytes(b"\xaa" * 32) + data[block + 32:]
    yield "a block's size wrong", data[:block + 8] + b"\xff" * 4 + data[block + 12:]
    yield "the second table gone", data[:second * PAGE] + bytes(PAGE) + data[second * PAGE + PAGE:]


def test_damaged(tools, raw, expected, cases):
    known = {}
    for line in expected.splitlines():
        row = json.loads(line)
        known[row["pid"], row["base"]] = row
    for what, data in cases:
        path = tools.folder / "damaged.sys"
        path.write_bytes(data)
        out, err = tools.listing(path, status=(0, 1, 2))
        rows = [json.loads(line) for line in out.splitlines()]
        check(rows or err.count("impscan: error: ") == 1, f"{what}: neither rows nor a sentence: {err}")
        check("cut to its header" not in what or "it is cut off" in err, f"{what}: {err}")
        check("were unpacked" not in err and "can't be unpacked" not in err or not rows or
              " rows in " in err.splitlines()[-1], f"{what}: told behind the last line: {err}")
        for row in rows:
            good = known.get((row["pid"], row["base"]))
            for hashed in ("imphash", "impfuzzy"):
                check(not row[hashed] or (good and good[hashed] == row[hashed]),
                      f"{what}: another {hashed} of {row['process']}, {row['module']}")
            check(row["status"] != "partial" or row["reason"], f"{what}: partial without a reason")


def test_cleared(tools):
    path = tools.folder / "HIBERFIL.SYS"
    path.write_bytes(bytes(1 << 20))
    _, err = run(tools.impscan, "-f", path, "-a", status=(2,))
    check("holds no memory" in err, f"all zeros: {err}")
    path.write_bytes(b"WAKE" + bytes(1 << 20))
    _, err = run(tools.impscan, "-f", path, "-a", status=(2,))
    check("was cleared when the machine resumed" in err, f"cleared: {err}")
    for size in 7, 100, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 1:
        path.write_bytes((b"HIBR" + bytes(2 * PAGE))[:size])
        _, err = run(tools.impscan, "-f", path, "-a", status=(2,))
        check("it is cut off" in err, f"{size} bytes: {err}")


def main():
    tools = Tools(test_arguments(test_parser(__doc__)))
    machines = {"x64": tools.machine("19041", "x64"), "x86": tools.machine("7601", "x86")}
    test_layouts(tools, machines)
    test_info(tools, machines)
    raw, expected = machines["x64"]
    test_damaged(tools, raw, expected,
                 damaged_new(tools.pack(raw, "17763-x64", "--mixed").read_bytes()))
    test_damaged(tools, raw, expected, damaged_old(tools.pack(raw, "7-x64").read_bytes()))
    test_cleared(tools)
    finish("hibernation files")


if __name__ == "__main__":
    main()
