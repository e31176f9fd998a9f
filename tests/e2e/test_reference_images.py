#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds impscan's rows against images with truth files, made elsewhere, where there are any.

    IMPSCAN_TEST_IMAGES=IMAGES test_reference_images.py IMPSCAN FOLDER

IMAGES is a folder of NAME.FORMAT.xz and NAME.truth.json; FOLDER takes the unpacked images. Exits
with 77 (skipped) when it is not given or has none.
"""

import json
import lzma
import os
import pathlib
import shutil
import sys

from image_truth import check, finish, rows, skip

LISTS = {"load": "load", "mem": "memory", "init": "init"}


def unpack(packed, folder):
    target = folder / packed.stem
    if not target.exists() or target.stat().st_mtime < packed.stat().st_mtime:
        with lzma.open(packed) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    return target


def compare_plain(impscan, image, truth):
    """An image with nothing hidden or absent: every row as on disk."""
    found = {(row["pid"], row["base"]): row for row in rows(impscan, image, "-a")}
    modules = hashed = 0
    for process in truth["processes"]:
        for module in process["modules"]:
            modules += 1
            where = f"{image.name} {process['pid']} {module['name']}"
            row = found.pop((process["pid"], module["base"]), None)
            if not row:
                check(False, f"{where}: missing")
                continue
            check(row["module"] == module["name"], f"{where}: named {row['module']}")
            # EPROCESS.ImageFileName holds 14 characters and a NUL.
            check(row["process"] == process["name"][:14], f"{where}: process {row['process']}")
            lists = [name for name in row["found_in"] if name in LISTS.values()]
            check(lists == [LISTS[name] for name in module["lists"]], f"{where}: lists {lists}")
            check(row["flags"] == [], f"{where}: flags {row['flags']}")
            if not module["n_imports"]:
                check(row["imphash"] is None, f"{where}: hash of no imports")
                continue
            hashed += 1
            check((row["imphash"], row["impfuzzy"]) == (module["imphash"], module["impfuzzy"]),
                  f"{where}: {row['status']} {row['reason']}")
    drivers = {row["base"] for key, row in found.items() if key[0] == 4}
    check(drivers == {driver["base"] for driver in truth["drivers"]}, f"{image.name}: drivers")
    check(len(drivers) == len(found), f"{image.name}: rows that were not put in")
    return f"{modules} modules, {hashed} with a hash"


def needs_page_file(module):
    """Are pages of it in the page file? The truth does not tell which of them its list needs."""
    return "pagefile" in module.get("absent", {}).values()


def compare_tricks(impscan, image, truth, *arguments):
    """An image with hidden processes, injected code, unlisted modules and absent pages."""
    found = {(row["pid"], row["base"]): row for row in rows(impscan, image, "-a", *arguments)}
    modules = hashed = equal = injected = flagged = 0
    known = set()
    for process in truth["processes"]:
        own = {"hidden"} if process["hidden"] else set()
        for module in process["modules"]:
            modules += 1
            where = f"{image.name} {process['pid']} {module['name']}"
            key = (process["pid"], module["base"])
            known.add(key)
            row = found.get(key)
            if not row:
                check(False, f"{where}: missing")
                continue
            expected = set(own)
            if module["bits"] == 32 or "wow64" in row["flags"]:
                expected.add("wow64")
            if not module["lists"] and "unlinked" in row["flags"]:
                expected.add("unlinked")
            check(module["lists"] or process["lists_paged_out"] or "unlinked" in row["flags"],
                  f"{where}: not flagged as unlinked")
            if not module["vad"]:
                expected.add("hollowed")
            flagged += bool(expected - {"wow64"})
            check(set(row["flags"]) == expected, f"{where}: flags {row['flags']}, not {expected}")
            if module["n_imports"]:
                hashed += 1
                same = ((row["imphash"], row["impfuzzy"]) ==
                        (module["imphash"], module["impfuzzy"]))
                equal += same
                check(same or (not arguments and needs_page_file(module)),
                      f"{where}: {row['status']} {row['reason']}")
                check(same or (not row["imphash"] and row["reason"]),
                      f"{where}: another hash than the file's")
        for region in process["injected"]:
            where = f"{image.name} {process['pid']} injected at {region['base']}"
            known.add((process["pid"], region["base"]))
            row = found.get((process["pid"], region["base"]))
            if not row:
                check(False, f"{where}: missing")
                continue
            injected += 1
            check((region["imphash"], region["impfuzzy"]) in (
                (row["imphash"], row["impfuzzy"]),
                (row["rebuilt_imphash"], row["rebuilt_impfuzzy"])), f"{where}: other hashes")
    for key, row in found.items():
        check(key in known or key[0] == 4 or row["base"] is None,
              f"{image.name}: a row that was not put in: {row}")
    return (f"{modules} modules, {equal} of {hashed} hashes, {injected} injected regions, "
            f"{flagged} rows flagged")


def main():
    impscan, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if not os.environ.get("IMPSCAN_TEST_IMAGES"):
        skip("IMPSCAN_TEST_IMAGES is not set to a folder of images with truth files")
        sys.exit(77)
    images = pathlib.Path(os.environ["IMPSCAN_TEST_IMAGES"])
    kinds = [("w10-19041-x64.lime.xz", compare_plain),
             ("w10-18362-x64-tricks.dmp.xz", compare_tricks)]
    kinds = [(images / name, compare) for name, compare in kinds if (images / name).exists()]
    if not kinds:
        skip(f"no images in {images}, which IMPSCAN_TEST_IMAGES names")
        sys.exit(77)
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for packed, compare in kinds:
        truth = json.loads((images / (packed.name.split(".")[0] + ".truth.json")).read_text())
        done.append(compare(impscan, unpack(packed, folder), truth))
        page_file = images / (packed.name.split(".")[0] + ".pagefile.sys.xz")
        if page_file.exists():
            done.append("with its page file: " + compare(
                impscan, unpack(packed, folder), truth, "--pagefile",
                f"0={unpack(page_file, folder)}"))
    finish("; ".join(done))


if __name__ == "__main__":
    main()
