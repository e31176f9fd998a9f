#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dumps of running NT kernels have, on every 32-bit layout and some others: drivers whose name
tables hold addresses, import directories of zeros, freed pool that looks like processes, views of
images with a VAD for each section, and memory that was made executable later where page tables can't
tell.

    test_nt.py IMPSCAN MKIMAGE FOLDER [--only WORDS]
"""

import json
import shutil
import struct
import subprocess

from image_truth import (case_parser, check, choose, finish, imphash, impfuzzy, rows, run,
                         test_arguments, written_layouts)
from test_hidden import compare as compare_hidden

# The last updates of what was on 64 bits: they must not differ.
X64 = {"7601", "9600", "19041", "26100"}
NAME_FORMS = ("image", "boot", "rva")
VIEW_FORMS = ("bare", "split")


def layouts_of(mkimage):
    """(build, architecture, variant, "pae" or "")"""
    seen = set()
    for build, arch, variant in written_layouts(mkimage):
        if arch == "x64" and (build not in X64 or build in seen):
            continue
        if arch == "x64":
            seen.add(build)
        yield build, arch, variant, ""
        if arch == "x86" and int(build) < 9200 and "24000" not in variant:
            yield build, arch, variant, "pae"


def compare_declared(name, row, imports):
    """The list is declared, as the file has it, and nothing had to be rebuilt."""
    check(row, f"{name}: missing")
    if not row:
        return
    check(row["status"] == ("ok" if imports else "no-imports"),
          f"{name}: {row['status']} {row['reason']}")
    fuzzy = impfuzzy(imports)
    check(row["imports"] == len(imports) and row["imphash"] == imphash(imports) and
          (fuzzy is None or not imports or row["impfuzzy"] == fuzzy), f"{name}: another list")
    check(row["rebuilt_imphash"] is None, f"{name}: rebuilt")


def compare_drivers(where, found, truth):
    for driver in truth["drivers"]:
        compare_declared(f"{where}: driver {driver['name']}", found.get((4, driver["base"])),
                         driver["imports"])


def compare_files(where, impscan, image, folder, found):
    """A driver that is written as a file has its list there too."""
    written = folder / "drivers"
    shutil.rmtree(written, ignore_errors=True)
    run(impscan, "-f", image, "-q", "-a", "-p", 4, "-d", written)
    out, _ = run(impscan, "-q", "-o", "jsonl", "-e", *sorted(written.glob("*.bin")))
    files = sorted(json.loads(line)["imphash"] or "" for line in out.split("\n") if line)
    drivers = sorted(row["imphash"] or "" for (pid, _), row in found.items() if pid == 4)
    check(files == drivers, f"{where}: files of drivers have other lists")
    shutil.rmtree(written)


def compare_ntdll(where, found, truth):
    """The module without imports that every process has."""
    count = 0
    for process in truth["processes"]:
        for module in process["modules"]:
            if module["name"].lower() == "ntdll.dll" and not process["exited"]:
                row = found.get((process["pid"], module["base"]))
                compare_declared(f"{where}: ntdll.dll of {process['pid']}", row, [])
                count += 1
    check(count > 10, f"{where}: {count} processes have ntdll.dll")


def compare_processes(where, impscan, image, found, truth):
    """No process that there is not; by the sweep near processes alone, too."""
    known = {process["pid"] for process in truth["processes"]
             if process["modules"] or process["pid"] == 4}
    pids = {pid for pid, _ in found}
    check(pids == known, f"{where}: processes {pids ^ known}")
    near = {row["pid"] for row in rows(impscan, image, "-a", "-F")}
    check(near == known, f"{where}: near processes {near ^ known}")


def compare_modules(where, found, truth):
    """Each module is a row, and nothing else: a VAD that is a part of a view is none."""
    known = {(process["pid"], module["base"]) for process in truth["processes"]
             for module in process["modules"]}
    known |= {(4, driver["base"]) for driver in truth["drivers"]}
    check(set(found) == known, f"{where}: rows {sorted(set(found) ^ known)[:5]}")
    flagged = [(row["pid"], row["module"], row["flags"]) for row in found.values() if row["flags"]]
    check(not flagged, f"{where}: flags {flagged[:5]}")


def compare(where, impscan, image, truth):
    found = {(row["pid"], row["base"]): row for row in rows(impscan, image, "-a", "--deep")}
    compare_processes(where, impscan, image, found, truth)
    compare_modules(where, found, truth)
    compare_drivers(where, found, truth)
    compare_files(where, impscan, image, image.parent, found)
    compare_ntdll(where, found, truth)


def without_frames(impscan, image, build, where):
    """Where the PFN database is not found, that is told, and the VAD decides."""
    data = bytearray(image.read_bytes())
    database = struct.pack("<I", 0x81000000 if int(build) < 6000 else 0x83c00000)
    at = data.find(database)
    while at >= 0:
        if at % 4 == 0:
            data[at:at + 4] = bytes(4)
        at = data.find(database, at + 1)
    before = {row["base"] for row in rows(impscan, image, "-a", "-p", 3120)}
    _, err = run(impscan, "-f", image, "-a", "-p", 3120)
    check("PFN database" not in err, f"{where}: {err}")
    image.write_bytes(data)
    after = {row["base"] for row in rows(impscan, image, "-a", "-p", 3120)}
    _, err = run(impscan, "-f", image, "-a", "-p", 3120)
    check("PFN database was not found" in err, f"{where}: {err}")
    check(after < before and len(before) == len(after) + 1, f"{where}: {before ^ after}")


def hidden(impscan, mkimage, folder, number, layout):
    """What hides, on 32 bits: of it what was made executable later is in no page table."""
    build, arch, variant, pae = layout
    where = f"{build} {variant} {pae} hidden"
    image, truth = folder / "hidden.raw", folder / "hidden.json"
    subprocess.run([mkimage, "--build", build, "--arch", arch, "--variant", variant,
                    *(["--pae"] if pae else []), "--memory", "96", "--scenario", "hidden",
                    "--seed", str(300 + number), "-o", image, "--truth", truth], check=True)
    cases = compare_hidden(where, impscan, image, json.loads(truth.read_text()))
    check(cases["virtual-protect"] == 1, f"{where}: made executable later: not compared")
    if int(build) < 9200 and not pae and "24000" not in variant:
        without_frames(impscan, image, build, where)
    image.unlink()


def main():
    arguments = test_arguments(case_parser(__doc__))
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    image, truth = folder / "nt.raw", folder / "nt.json"
    chosen = choose(arguments, list(layouts_of(mkimage)))
    for number, (build, arch, variant, pae) in chosen:
        names, views = NAME_FORMS[number % 3], VIEW_FORMS[number % 2]
        more = ["--pae"] if pae else []
        more += ["--look-alikes"] if arch == "x86" else []
        subprocess.run([mkimage, "--build", build, "--arch", arch, "--variant", variant, *more,
                        "--memory", "64", "--seed", str(200 + number), "--driver-names", names,
                        "--empty-imports", "--all-valid", "--views", views, "-o", image, "--truth", truth], check=True)
        compare(f"{build} {arch} {variant} {pae} {names} {views}", impscan, image,
                json.loads(truth.read_text()))
        if arch == "x86":
            hidden(impscan, mkimage, folder, number, (build, arch, variant, pae))
    image.unlink()
    finish(f"{len(chosen)} layouts")


if __name__ == "__main__":
    main()
