#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--imports lists as many imports of each module as -a counts: both read the same pages, also those
that other processes have or that the section has, and find the same import directory.

    test_imports.py IMPSCAN MKIMAGE FOLDER [--only WORDS]
"""

import collections
import json
import subprocess

from image_truth import case_parser, check, choose, finish, rows, test_arguments

# Scenario, build, architecture, what more is asked of mkimage.
CASES = [
    ("plain", "19041", "x64"),
    ("demo", "2600", "x86"),
    ("damaged", "19041", "x64"),
    ("damaged", "7601", "x86"),
    ("absent", "14393", "x64"),
    ("hidden", "19041", "x64"),
    ("packed", "19041", "x64"),
    ("rebuilt", "19041", "x64"),
    # Header pages that nobody else has: a program's, a 32-bit program's under 64-bit Windows.
    ("demo", "19041", "x64", "--state", "4012:invoice.exe:0:file"),
    ("hidden", "19041", "x64", "--state", "4400:client32.exe:0:file"),
]
# What must be met in these images, else they test nothing.
REASONS = ["pages taken from other processes", "pages taken from the section",
           "import directory found by its content"]


# Where a packer merged the sections, -a counts the tables that lie near each other; --imports lists the
# program's own table as well. By scenario and PID: its slots.
OWN_TABLES = {("packed", 5004): 12}


def file_layout(truth):
    """(PID, base) of PEs that lie in memory as in their files: nothing is resolved in them."""
    return {(process["pid"], injected["base"]) for process in truth["processes"]
            for injected in process["injected"] if injected["layout"] == "file"}


def compare(where, impscan, image, truth):
    """How many modules had any import, and how many each of REASONS."""
    slots = collections.Counter(
        (row["pid"], row["base"]) for row in rows(impscan, image, "--imports")
        if row["function"] or row["ordinal"] is not None)
    unresolved = file_layout(truth)
    met = collections.Counter()
    for row in rows(impscan, image, "-a"):
        module = row["pid"], row["base"]
        found = slots.pop(module, 0)
        name = f"{where}: {row['pid']} {row['module']} at {row['base']}"
        if module in unresolved:
            check(row["imports"] and not found, f"{name}: {found} slots of a PE as in its file")
            continue
        # The slots of both lists, where a table was made at run time beside the declared one.
        counted = [row["rebuilt_imports"] or row["imports"]]
        if row["rebuilt_imports"] and row["imphash"]:
            own = OWN_TABLES.get((where.split()[0], row["pid"]), 0)
            counted.append(row["imports"] + row["rebuilt_imports"] + own)
        check(found in counted, f"{name}: {found} imports listed, {counted} counted")
        met["modules"] += found > 0
        for reason in REASONS:
            met[reason] += found > 0 and reason in (row["reason"] or "")
    check(not slots, f"{where}: imports of modules that -a does not have: {list(slots)[:3]}")
    return met


def main():
    arguments = test_arguments(case_parser(__doc__))
    image, truth = arguments.folder / "image.raw", arguments.folder / "truth.json"
    met = collections.Counter()
    runs = choose(arguments, CASES)
    for number, (scenario, build, arch, *more) in runs:
        subprocess.run([arguments.mkimage, "--scenario", scenario, "--build", build, "--arch", arch,
                        "--seed", str(20 + number), "-o", image, "--truth", truth, *more],
                       check=True)
        where = " ".join([scenario, build, arch, *more])
        met += compare(where, arguments.impscan, image, json.loads(truth.read_text()))
    image.unlink(missing_ok=True)
    check(met["modules"] > 50 * len(runs), f"only {met['modules']} modules with imports")
    if len(runs) == len(CASES):
        for reason in REASONS:
            check(met[reason], f"no module with '{reason}'")
    finish(f"{len(runs)} images: {dict(met)}")


if __name__ == "__main__":
    main()
