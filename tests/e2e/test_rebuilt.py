#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import lists that have to be rebuilt: a packed program, headers and names that are gone, hooks,
delayed and bound imports, ordinals, API sets, a driver, and code with a table on the heap, around
an image, or beside the tables of others.

    test_rebuilt.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]
"""

import collections
import json
import shutil
import subprocess

from image_truth import (WINE, case_parser, check, choose, finish, have_wine, imphash, impfuzzy,
                         rows, run, test_arguments)

# API set schemas of version 2 (7601), 4 (9600) and 6.
LAYOUTS = [("7601", "x64"), ("9600", "x64"), ("19041", "x64"), ("26100", "x64"), ("7601", "x86"),
           ("19041", "x86")]
# With Wine's DLLs, where they are installed: with aliases, and names that many DLLs pass on.
REAL = ("19041", "x64", "real")
ORDINALS = {("ws2_32", 4): "connect", ("ws2_32", 23): "socket", ("ws2_32", 115): "wsastartup"}

# Cases of the scenario `rebuilt`: is the list declared as the file has it, flags of the row.
CASES = {
    "wiped": (False, {"no-header"}),
    "wiped-erased": (False, {"no-header"}),
    "wiped-delayed": (False, {"no-header"}),
    "blob": (False, {"no-header"}),
    "around": (False, {"no-header"}),
    "beside": (False, {"no-header"}),
    "heap": (False, set()),
    "delayed": (True, set()),
    "delayed-erased": (False, set()),
    "bound": (True, set()),
    "ordinals": (True, set()),
    "ordinals-erased": (False, set()),
    "api-sets": (True, set()),
    "hooked": (True, {"hooked"}),
    "hooked-unknown": (True, {"hooked"}),
    "hooked-erased": (False, {"hooked"}),
    "hooked-unknown-erased": (False, set()),
    "hooked-data": (True, {"hooked"}),
    "hooked-into": (True, {"hooked"}),
    "driver-erased": (False, set()),
}
CASES64 = {  # 32-bit code on 64-bit Windows
    "hooked-wow64": (True, {"hooked", "wow64"}),
    "hooked-wow64-unknown": (True, {"hooked", "wow64"}),
    "hooked-wow64-near": (True, {"hooked", "wow64"}),
}


def hashed_name(slot):
    """A slot of the truth as it is hashed."""
    if slot["import"]:
        return slot["import"]
    library = slot["dll"].lower().removesuffix(".dll")
    function = slot["function"] or ORDINALS.get((library, slot["ordinal"]),
                                                f"ord{slot['ordinal']}")
    return f"{library}.{function.lower()}"


def is_list(row, imports, prefix=""):
    """Does the row have the hashes of this list?"""
    fuzzy = impfuzzy(imports)
    return (row[prefix + "imports"] == len(imports) and
            row[prefix + "imphash"] == imphash(imports) and
            (fuzzy is None or row[prefix + "impfuzzy"] == fuzzy))


def compare_slots(where, impscan, image, pid, module, slots, source):
    """--imports of one module: these slots in any order, and no other."""
    found = rows(impscan, image, "--imports", "-p", pid, "-m", module)
    by_slot = {row["slot"]: row for row in found}
    check(len(by_slot) == len(found), f"{where}: a slot twice")
    for slot in slots:
        name = f"{where}: slot {slot['slot']} {hashed_name(slot)}"
        row = by_slot.pop(slot["slot"], None)
        if not row:
            check(False, f"{name}: missing")
            continue
        check(row["pid"] == pid and row["value"] == slot["value"], f"{name}: value {row}")
        check(row["source"] == source, f"{name}: source {row['source']}, not {source}")
        if slot["lost"] and source != "names":
            check((row["function"], row["ordinal"], row["target"]) == (None, None, None),
                  f"{name}: leads to nothing, yet {row}")
            continue
        check(row["dll"].lower() == slot["dll"].lower(), f"{name}: of {row['dll']}")
        if source != "names" and not slot["function"] and row["function"]:
            # An address does not tell that its name was not used; the hash is the same.
            check(hashed_name(slot).endswith("." + row["function"].lower()) and
                  row["ordinal"] is None, f"{name}: is {row['function']}")
        else:
            check(row["function"] == slot["function"], f"{name}: is {row['function']}")
            check(row["ordinal"] == (None if slot["function"] else slot["ordinal"]),
                  f"{name}: ordinal {row['ordinal']}")
        check(row["hooked"] is slot["hooked"], f"{name}: {row['hooked']}")
        check(row["target"] == slot["target"], f"{name}: target {row['target']}")
    return by_slot


def rebuilt_of(row):
    return {name: row["rebuilt_" + name] for name in ("imports", "imphash", "impfuzzy")}


def compare_case(where, impscan, image, process, case, row):
    """One module or region whose slots the truth has."""
    declared, flags = {**CASES, **CASES64}[case]
    slots = [slot for slot in process["slots"] if slot["case"] == case]
    imports = [hashed_name(slot) for slot in slots]
    check(len(slots) >= 12, f"{where}: {len(slots)} slots, so nothing is tested")
    check(set(row["flags"]) == flags, f"{where}: flags {row['flags']}")
    if declared:
        check(row["status"] == "ok" and is_list(row, imports), f"{where}: declared list {row}")
        check(row["import_source"] == "names" and row["rebuilt_imphash"] is None,
              f"{where}: rebuilt, though the directory is whole: {row}")
    else:
        check(row["imphash"] is None and row["import_source"] == "table", f"{where}: {row}")
        known = [hashed_name(slot) for slot in slots if not slot["lost"]]
        check(is_list(row, known, "rebuilt_"),
              f"{where}: rebuilt list of {row['rebuilt_imports']}, not {len(known)}")
    module = row["base"] if row["module"] == "INJECTED CODE" else row["module"]
    more = compare_slots(where, impscan, image, process["pid"], module, slots,
                         "names" if declared else "table")
    check(not more, f"{where}: slots that are no imports: {list(more.values())[:2]}")
    # What is lost is 5%: still found by the list of the file.
    if any(slot["lost"] for slot in slots):
        out = rows(impscan, image, "-p", process["pid"], "-s", impfuzzy(imports), "-t", 80)
        check(any(found["base"] == row["base"] for found in out), f"{where}: not found")


def compare_targets(where, process, found):
    """Where hooks lead: a row of its own, or the flag in the row of what is there."""
    for target in process["hook_targets"]:
        name = f"{where}: hook target {target['start']} of {process['pid']}"
        row = found.get((process["pid"], target["start"]))
        check(row, f"{name}: missing")
        if not row:
            continue
        slots = target["slots"]
        reason = (f"{slots} slot{'s' if slots > 1 else ''} of {target['module']} "
                  f"lead{'' if slots > 1 else 's'} here")
        check(row["module"] == "INJECTED CODE" and row["flags"] == ["hook-target"] and
              (row["reason"] or "").split("; ")[-1] == reason, f"{name}: {row}")
        if target["size"]:
            check(row["size"] == target["size"] and row["status"] == "not-pe" and
                  row["imphash"] is None, f"{name}: {row}")
            found.pop((process["pid"], target["start"]))
        else:
            check(row["status"] == "ok" and row["imphash"], f"{name}: {row}")


def compare_only(where, impscan, image, truth):
    expected = sorted((process["pid"], target["start"]) for process in truth["processes"]
                      for target in process["hook_targets"])
    for jobs in ("1", "3"):
        only = [(row["pid"], row["base"]) for row in
                rows(impscan, image, "-a", "--only", "hook-target", "-j", jobs)]
        check(sorted(only) == expected, f"{where}: --only hook-target: {only}, not {expected}")
    check(not [row for row in rows(impscan, image, "-a", "-F") if "hook-target" in row["flags"]],
          f"{where}: hook targets without rebuilding")


def compare_tables(where, impscan, image, truth):
    found = {(row["pid"], row["base"]): row for row in rows(impscan, image, "-a")}
    seen = collections.Counter()
    compare_only(where, impscan, image, truth)
    for process in truth["processes"]:
        compare_targets(where, process, found)
        targets = {target["start"] for target in process["hook_targets"]}
        places = [(module["case"], module["base"]) for module in process["modules"]]
        places += [(region["case"], region["base"]) for region in process["injected"]]
        places += [(region["case"], region["start"]) for region in process["decoys"]]
        if process["pid"] == 4:
            places += [(driver["case"], driver["base"]) for driver in truth["drivers"]]
        for case, base in places:
            row = found.pop((process["pid"], base), None)
            if not row:
                check(False, f"{where} {case} at {base} of {process['pid']}: missing")
            elif case:
                seen[case] += 1
                compare_case(f"{where} {case}", impscan, image, process, case, row)
            elif base not in targets:
                check(row["rebuilt_imphash"] is None and not set(row["flags"]) - {"wow64"},
                      f"{where}: {row['module']} of {row['pid']} is as its file says, yet {row}")
    check(not found, f"{where}: rows that were not put in: {list(found)}")
    expected = set(CASES) | (set(CASES64) if truth["arch"] == "x64" else set())
    check(set(seen) == expected, f"{where}: cases {expected ^ set(seen)}")
    return seen


def compare_own_table(where, impscan, image, truth, files):
    """A program with a table of its own in the section that the packer made of all: its file's list is
    the first all the same, and the others are offered too."""
    process = next(p for p in truth["processes"] if p["pid"] == 5004)
    program = process["modules"][0]
    row = next(row for row in rows(impscan, image, "-a", "-p", 5004)
               if row["base"] == program["base"])
    original = [hashed_name(slot) for slot in process["slots"]]
    check(is_list(row, original, "rebuilt_"),
          f"{where}: {row['rebuilt_imports']} imports, not {len(original)}")
    found = rows(impscan, image, "--imports", "-p", 5004, "-m", "packed.exe")
    check(len(found) == len(original) + len(program["imports"]) + 12,
          f"{where}: own table: {len(found)} slots")
    matches = [row["score"] for row in rows(impscan, image, "-p", 5004, "-e", files / "unpacked.exe")]
    check(matches == [100], f"{where}: own table: {matches}")


def compare_packed(where, impscan, image, truth, files):
    compare_own_table(where, impscan, image, truth, files)
    process = next(p for p in truth["processes"] if p["pid"] == 5000)
    program = process["modules"][0]
    row = next(row for row in rows(impscan, image, "-a", "-p", 5000)
               if row["base"] == program["base"])
    original = [hashed_name(slot) for slot in process["slots"]]
    check(is_list(row, program["imports"]), f"{where}: declared list of the stub: {row}")
    check(is_list(row, original, "rebuilt_"), f"{where}: rebuilt list: {row}")

    # Both files are found in it, and nowhere else; without rebuilding only the packed one.
    for name, prefix in (("unpacked.exe", "rebuilt_"), ("packed.exe", "")):
        matches = [row for row in rows(impscan, image, "-e", files / name)
                   if row["score"] >= 90]
        check([(row["pid"], row["base"]) for row in matches] ==
              [(5000, program["base"]), (5004, program["base"])] and
              matches[0]["matched_hash"] == prefix + "imphash" and matches[0]["score"] == 100,
              f"{where}: -e {name}: {matches}")
        matches = [row for row in rows(impscan, image, "-F", "-e", files / name)
                   if row["score"] >= 90]
        check(bool(matches) == (name == "packed.exe"), f"{where}: -F -e {name}: {matches}")
        # By the other kind of hash alone.
        out, _ = run(impscan, "-e", files / name, "-q", "-o", "jsonl")
        fuzzy = json.loads(out)["impfuzzy"]
        matches = [row for row in rows(impscan, image, "-p", 5000, "-s", fuzzy)
                   if row["score"] >= 90]
        check([row["matched_hash"] for row in matches] == [prefix + "impfuzzy"],
              f"{where}: impfuzzy of {name}: {matches}")

    stub = compare_slots(where, impscan, image, 5000, "packed.exe", process["slots"], "table")
    check([f"{row['dll']}.{row['function']}".lower().replace(".dll", "")
           for row in stub.values()] == program["imports"] and
          {row["source"] for row in stub.values()} == {"names"}, f"{where}: stub {stub}")


def main():
    arguments = test_arguments(case_parser(__doc__))
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    image, truth, files = folder / "image.raw", folder / "truth.json", folder / "pe"
    cases = collections.Counter()
    runs = choose(arguments, LAYOUTS + [REAL])
    for number, layout in runs:
        build, arch = layout[:2]
        more = []
        if layout == REAL:
            if not have_wine("lists of real DLLs"):
                continue
            more = ["--pe-dir", WINE, "--memory", "448"]
        for scenario in ("packed", "rebuilt"):
            shutil.rmtree(files, ignore_errors=True)
            subprocess.run([mkimage, "--build", build, "--arch", arch, "--scenario", scenario,
                            "--seed", str(70 + number), "--memory", "48", "-o", image,
                            "--truth", truth, "--pe-out", files, *more], check=True)
            where = f"{build} {arch} {scenario}{' real' if more else ''}"
            known = json.loads(truth.read_text())
            if scenario == "packed":
                compare_packed(where, impscan, image, known, files)
                cases["packed"] += 1
            else:
                cases += compare_tables(where, impscan, image, known)
    image.unlink(missing_ok=True)
    shutil.rmtree(files, ignore_errors=True)
    for case, times in sorted(cases.items()):
        print(f"{case}: {times}")
    finish(f"{len(runs)} kinds of machine, {len(cases)} cases")


if __name__ == "__main__":
    main()
