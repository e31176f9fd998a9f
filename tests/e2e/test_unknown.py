#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Infers layouts that no Windows known here has: members and bits are moved in the writer's table of
structures, and the rows must be those of the machine before.

    test_unknown.py IMPSCAN MKIMAGE FOLDER FACTS [--only WORDS] [--list-cases]

What has moved so far that it can't be found is told, and costs only what is said to be lost.
"""

import csv
import json
import pathlib
import subprocess

from image_truth import case_parser, check, choose, finish, run, test_arguments
from test_variants import read_profile

# Of which build, which values of the table become what: (type, member): (offset, bit, bits).
X64, X86 = ("19041", "x64", "10.0.19041.388"), ("19041", "x86", "win10_x86_19041")
FLAGS = {("_MMVAD_FLAGS", "PreferredNode"): (0, 0, 2),
         ("_MMVAD_FLAGS", "Protection"): (0, 12, 5), ("_MMVAD_FLAGS", "PrivateMemory"): (0, 25, 1)}
# Names are of modules that the loader's lists don't have.
NAMELESS = {"module", "path", "size", "flags"}
CASES = {
    # VAD flags: three bits of a type, or one bit, below the protection or above.
    "flags": (X64, FLAGS | {("_MMVAD_FLAGS", "VadType"): (0, 8, 3)}, [], set()),
    "flags-x86": (X86, FLAGS | {("_MMVAD_FLAGS", "VadType"): (0, 20, 3)}, [], set()),
    # What leads to a file's name, and to the pages of a section.
    "file": (X64, {("_MMVAD", "Subsection"): (0x58, 0, 0),
                   ("_MMVAD", "LastContiguousPte"): (0x48, 0, 0),
                   ("_CONTROL_AREA", "FilePointer"): (0x58, 0, 0),
                   ("_FILE_OBJECT", "FileName"): (0x68, 0, 0)}, [], set()),
    "file-beyond": (X64, {("_CONTROL_AREA", "FilePointer"): (0x98, 0, 0),
                          ("_CONTROL_AREA", None): (0xa0, 0, 0)},
                    ["what leads from a VAD to its file was not found"], NAMELESS),
    "prototypes": (X64, {("_MMVAD", "FirstPrototypePte"): (0x58, 0, 0),
                         ("_MMVAD", "LastContiguousPte"): (0x50, 0, 0)}, [], set()),
    # Handles: how an entry has its object, and where the first table is.
    "handles": (X64, {("_HANDLE_TABLE", "TableCode"): (0x10, 0, 0),
                      ("_HANDLE_TABLE", "QuotaProcess"): (0x8, 0, 0),
                      ("_HANDLE_TABLE_ENTRY", "ObjectPointerBits"): (0, 18, 46)}, [], set()),
}


def write_table(facts, path, layout, moved):
    """The writer's table with one layout alone, in which `moved` are elsewhere."""
    left = dict(moved)
    with open(facts / "windows-structs.tsv", newline="") as file, open(path, "w", newline="") as out:
        table = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
        for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row[0] != "build" and (row[0].rsplit(".", 1)[-1], row[1], row[2]) != layout:
                continue
            place = left.pop((row[4], row[5] or None), None)
            if place:
                offset, bit, bits = place
                row[6:9] = [hex(offset), *((bit, bits) if bits else ("", ""))]
            table.writerow(row)
    check(not left, f"not in the table: {left}")


def write_image(mkimage, image, layout, *more):
    build, arch, variant = layout
    subprocess.run([mkimage, "--build", build, "--arch", arch, "--variant", variant, "--scenario",
                    "hidden", "--memory", "96", "-o", image, *more], check=True)


def compare(name, profile, moved, words):
    """Is what moved where the inferred profile has it? Bits of flags are as far apart, at least: the
    profile may have them as part of a longer number."""
    found = 0
    apart = 0
    for (kind, member), (offset, bit, bits) in moved.items():
        members = profile.get(kind[1:], {})
        if member not in members:
            continue
        found += 1
        if kind == "_MMVAD_FLAGS":
            apart = apart or members["Protection"][1] - moved[kind, "Protection"][1]
            bit += apart
        check(members[member] == (offset, bit, bits),
              f"{name}: {member} is taken to be at {members[member]}")
    check(found or words, f"{name}: the profile has nothing of what moved")


def listing(impscan, image, *options):
    out, err = run(impscan, "-f", image, "-a", "-o", "jsonl", *options, status=(0, 1, 2))
    return [json.loads(line) for line in out.splitlines()], err


def main():
    parser = case_parser(__doc__)
    parser.add_argument("facts", type=pathlib.Path)
    arguments = test_arguments(parser)
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    table, image, written = (folder / what for what in ("structs.tsv", "unknown.raw", "own.yaml"))
    for _, (name,) in choose(arguments, [(name,) for name in CASES]):
        layout, moved, words, fields = CASES[name]
        write_image(mkimage, image, layout)
        known, _ = listing(impscan, image)
        write_table(arguments.facts, table, layout, moved)
        write_image(mkimage, image, layout, "--structs", table)
        inferred, err = listing(impscan, image, "--infer")
        different = {key for a, b in zip(known, inferred) for key in a if a[key] != b[key]}
        check(len(known) == len(inferred) and different <= fields,
              f"{name}: {len(inferred)} rows for {len(known)}, other {sorted(different)}")
        check(all(word in err for word in words), f"{name}: said {err!r}")
        check(words or "not found" not in err and "not understood" not in err,
              f"{name}: said {err!r}")
        written.unlink(missing_ok=True)
        run(impscan, "-f", image, "--infer", "-q", "--profile-out", written)
        compare(name, read_profile(written), moved, words)
        image.unlink()
    finish("layouts that no build has")


if __name__ == "__main__":
    main()
