#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hides: images of every layout with hidden processes, injected code, hollowed and patched
images, and what looks like it and is not; every flag must be there, and no other.

    test_hidden.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]
"""

import collections
import json
import subprocess

from image_truth import (case_parser, check, choose, finish, imphash, impfuzzy, printable, rows, run,
                         test_arguments, written_layouts)

IMAGE = "INJECTED CODE"

# Builds with each form of what leads to the 32-bit PEB.
WOW64_BUILDS = {"7601", "9600", "10240", "10586", "19041"}


def compare_hashes(name, row, imports):
    """Of an injected PE whose import names are in memory."""
    check(row["imphash"] == imphash(imports), f"{name}: imphash {row['status']} {row['reason']}")
    fuzzy = impfuzzy(imports)
    check(fuzzy is None or row["impfuzzy"] == fuzzy, f"{name}: impfuzzy")


def compare_process(where, process, found, cases):
    flags = set()
    if process["hidden"]:
        flags.add("hidden")
    if process["exited"]:
        flags.add("exited")
    listed = {}
    for module in process["modules"]:
        name = f"{where} {module['name']} ({module['case']})"
        row = listed[module["base"]] = found.pop(module["base"], None)
        if not row:
            check(False, f"{name}: missing")
            continue
        expected = set(module["flags"]) | flags
        check(set(row["flags"]) == expected, f"{name}: flags {row['flags']}, not {expected}")
        cases[module["case"]] += 1
        if "patched" in expected:
            check(f"{module['patched_pages']} " in (row["reason"] or ""),
                  f"{name}: {module['patched_pages']} pages patched, but {row['reason']}")
    for injected in process["injected"]:
        name = f"{where} {injected['case']} at {injected['base']}"
        row = found.pop(injected["base"], None)
        if injected["case"].startswith("hollowed"):  # the loader's entry names it
            row = listed.get(injected["base"])
            check(row and "private" in row["found_in"], f"{name}: {row}")
            if row:
                compare_hashes(name, row, injected["imports"])
            continue
        if not injected["found"]:
            check(not row, f"{name}: reported")
            continue
        if not row:
            check(False, f"{name}: missing")
            continue
        cases[injected["case"]] += 1
        check(row["module"] == IMAGE, f"{name}: named {row['module']}")
        check(row["found_in"] == ["private"], f"{name}: found in {row['found_in']}")
        check(set(row["flags"]) == set(injected["flags"]) | flags,
              f"{name}: flags {row['flags']}, not {injected['flags']}")
        if injected["header"]:
            compare_hashes(name, row, injected["imports"])
    if process["exited"]:
        row = found.pop(None, None)
        check(row and row["flags"] == ["exited"], f"{where}: exited process has no row")
        cases["exited"] += 1
    check(not found, f"{where}: rows that were not put in: {list(found)}")


def compare_listed(where, impscan, image, truth):
    """--processes: every process that was put in, once, and what it says of itself."""
    listed = {row["pid"]: row for row in rows(impscan, image, "--processes")}
    processes = {process["pid"]: process for process in truth["processes"]}
    check(set(listed) == set(processes), f"{where}: --processes: {sorted(listed)}")
    for pid, process in processes.items():
        row = listed.get(pid)
        if not row:
            continue
        check(row["ppid"] == process["ppid"] and row["eprocess"] == process["eprocess"] and
              bool(row["exited"]) == process["exited"] and row["started"] and
              ("hidden" in row["flags"]) == process["hidden"] and
              ("active" in row["sources"]) != process["hidden"], f"{where}: --processes: {row}")
        expected = process["command_line"] and printable(process["command_line"])
        check(row["command_line"] == (expected if process["peb"] else None),
              f"{where}: --processes: {row['command_line']!r}, not {expected!r}")


def compare(where, impscan, image, truth):
    cases = collections.Counter()
    found = {}
    for row in rows(impscan, image, "-a", "--deep"):
        found.setdefault(row["pid"], {})[row["base"]] = row
    for row in found.pop(4).values():
        check(row["flags"] == [], f"{where}: driver {row['module']} has flags {row['flags']}")
    for process in truth["processes"]:
        if process["pid"] != 4:
            compare_process(f"{where} {process['pid']} {process['name']}", process,
                            found.pop(process["pid"], {}), cases)
        cases[process["case"]] += 1
    check(not found, f"{where}: processes that were not put in: {sorted(found)}")

    hidden = {process["pid"] for process in truth["processes"] if process["hidden"]}
    only = {row["pid"] for row in rows(impscan, image, "-a", "--deep", "--only", "hidden")}
    check(only == hidden, f"{where}: --only hidden gives {only}")
    injected = {row["module"] for row in rows(impscan, image, "-a", "--only", "injected")}
    check(injected == {IMAGE}, f"{where}: --only injected gives {injected}")

    compare_listed(where, impscan, image, truth)
    regions = {(row["pid"], row["start"]): row for row in rows(impscan, image, "--regions")}
    for process in truth["processes"]:
        for put_in in process["injected"]:
            row = regions.get((process["pid"], put_in["vad_start"]))
            if put_in["found"]:
                check(row and row["end"] == put_in["vad_end"] and row["executable"] > 0,
                      f"{where}: --regions on {put_in['case']}: {row}")
                check(not row or (row["pe"] is not None) == put_in["header"],
                      f"{where}: --regions: PE in {put_in['case']}")
    return cases


def flags_of(found, pid):
    return {row["module"]: row["flags"] for row in found if row["pid"] == pid}


def compare_wow64_forms(impscan, mkimage, image, build):
    """What leads to a 32-bit PEB is believed, whatever the build's symbols say. Where nothing does,
    no list tells which 32-bit images the loader knows."""
    pid = 4400
    made = {}
    for form in ("peb", "struct", "nowhere"):
        subprocess.run([mkimage, "--build", build, "--scenario", "hidden", "--seed", "9",
                        "--all-valid", "--wow64-form", form, "-o", image], check=True)
        made[form] = rows(impscan, image, "-a")
        _, err = run(impscan, "-f", image, "-a")
        check(("32-bit PEB not found" in err) == (form == "nowhere"),
              f"{build} WoW64 {form}: {err!r}")
    listed = [row for row in made["peb"] if row["pid"] == pid and "load32" in row["found_in"]]
    check(len(listed) >= 6, f"{build} WoW64 peb: {len(listed)} modules in the 32-bit list")
    check(all(flags_of(found, pid) == flags_of(made["peb"], pid) for found in made.values()),
          f"{build} WoW64: {[flags_of(found, pid) for found in made.values()]}")
    unlinked = {form: {row["base"] for row in found if "unlinked" in row["flags"]}
                for form, found in made.items()}
    check(all(len(bases) == 2 for bases in unlinked.values()), f"{build} WoW64: {unlinked}")


def main():
    arguments = test_arguments(case_parser(__doc__))
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    layouts = [layout for layout in written_layouts(mkimage)
               if layout[1] == "x64" and int(layout[0]) >= 7601]
    cases = collections.Counter()
    image, truth = folder / "hidden.raw", folder / "hidden.json"
    first = {}
    for number, layout in enumerate(layouts):
        first.setdefault(layout[0], number)
    layouts = choose(arguments, layouts)
    for number, (build, arch, variant) in layouts:
        subprocess.run([mkimage, "--build", build, "--arch", arch, "--variant", variant,
                        "--scenario", "hidden", "--seed", str(100 + number), "-o", image,
                        "--truth", truth], check=True)
        cases += compare(f"{build} {variant}", impscan, image, json.loads(truth.read_text()))
    for number, (build, _, _) in layouts:
        if build in WOW64_BUILDS and first[build] == number:  # once a build
            compare_wow64_forms(impscan, mkimage, image, build)
    image.unlink()
    cases.pop(None, None)
    for case, times in sorted(cases.items()):
        print(f"{case}: {times}")
    finish(f"{len(layouts)} layouts, {len(cases)} cases")


if __name__ == "__main__":
    main()
