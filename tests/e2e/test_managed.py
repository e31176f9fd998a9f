#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs whose import lists say nothing: .NET assemblies wherever a process has them, and programs by
Go, in memory images; each must be found once and hashed as its file.

    test_managed.py IMPSCAN MKIMAGE FOLDER
"""

from operator import itemgetter
import json
import os
import re
import shutil
import struct
import subprocess
import sys

from image_truth import FUZZY, check, finish, rows, run, skip, test_arguments, test_parser
from minidump import ProcessMemory
from test_golang import Program, functions_of, hashes

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import dotnet_oracle  # noqa: E402

LAYOUTS = (("19041", "x64"), ("7601", "x86"))
ASSEMBLY = "ASSEMBLY"


def write(mkimage, folder, layout, scenario):
    """(image, truth, folder of the files) of a written machine."""
    image, truth, files = folder / "image.raw", folder / "truth.json", folder / "pe"
    subprocess.run([mkimage, "--build", layout[0], "--arch", layout[1], "--scenario", scenario,
                    "--all-valid", "--truth", truth, "--pe-out", files, "-o", image], check=True)
    return image, json.loads(truth.read_text()), files


def check_types(where, row, path):
    """What is read of an assembly is what its file has."""
    _, count, typerefhash, ordinal, typerefuzzy, name, version, mvid, _ = dotnet_oracle.line(path)
    wanted = {"typerefs": int(count), "typerefhash": typerefhash, "typerefuzzy": typerefuzzy,
              "typerefhash_ordinal": ordinal if ordinal != typerefhash else None,
              "by_go": False, "names_unread": False, "assembly": f"{name} {version}", "mvid": mvid}
    for field, value in wanted.items():
        check(row[field] == value, f"{where}: {field} {row[field]!r}, not {value!r}")


def check_assemblies(where, found, process, files):
    """A row for each assembly that a runtime loaded, where its best copy lies."""
    mine = {row["base"]: row for row in found if row["pid"] == process["pid"] and
            row["module"] == ASSEMBLY}
    for put_in in process["injected"]:
        if not put_in["managed"]:
            continue
        name = f"{where}: {put_in['case']} at {put_in['base']}"
        row = mine.pop(put_in["base"], None)
        check(row, f"{name}: no row")
        if not row:
            continue
        check(row["found_in"] == ["managed"] and not row["flags"],
              f"{name}: found in {row['found_in']}, flags {row['flags']}")
        check(row["size"] == put_in["size"], f"{name}: {row['size']} bytes, not {put_in['size']}")
        if put_in["case"] == "torn":
            check(not row["typerefhash"] and "not present" in (row["reason"] or "") and
                  row["names_unread"] is True, f"{name}: {row['typerefhash']}, {row['reason']}")
        else:
            check_types(name, row, files / put_in["file"])
        path = [vad["path"] for vad in process["vads"] if vad["start"] == put_in["vad_start"]]
        check(row["path"] == path[0], f"{name}: path {row['path']}, not {path}")
    check(not mine, f"{where}: rows of {process['pid']} that are none: {sorted(mine)}")


def types_of(path):
    """The type references that monodis lists."""
    return subprocess.run(["monodis", "--typeref", path], capture_output=True, text=True,
                          check=False).stdout.split("\n")


def check_restored(name, path, original, index, restored=True):
    """A file has its types for others, too, and it is said that headers were restored."""
    check(dotnet_oracle.line(path) == dotnet_oracle.line(original), name)
    check((index["note"] or "").count("restored") == restored, f"{name}: {index['note']}")
    if shutil.which("monodis"):
        types = types_of(original)
        check(len(types) > 20 and types_of(path) == types, f"{name}: monodis reads other types")


def test_dump_of_images(where, impscan, folder, files, truth):
    """Programs as files that others can read: what was wiped of the metadata's headers is back."""
    dumped = folder / "dumped"
    for process in truth["processes"]:
        for module in process["modules"]:
            if module["case"] not in ("exe", "anti-dump"):
                continue
            run(impscan, "-f", folder / "image.raw", "-a", "-q", "-d", dumped, "-p", process["pid"],
                "-m", module["name"])
            name = f"{process['pid']}.{process['name']}.{module['base']}.{module['name']}.bin"
            index, = json.loads((dumped / "index.json").read_text())
            check_restored(f"{where}: {name}", dumped / name, files / module["file"], index,
                           module["case"] == "anti-dump")
            for path in dumped.iterdir():
                path.unlink()


def test_dump(where, impscan, folder, found, files, truth):
    """What lies as in its file is written as it was."""
    dumped = folder / "dumped"
    dumped.mkdir(exist_ok=True)
    test_dump_of_images(where, impscan, folder, files, truth)
    run(impscan, "-f", folder / "image.raw", "-a", "-q", "-d", dumped, "-m", ASSEMBLY)
    index = {entry["file"]: entry for entry in json.loads((dumped / "index.json").read_text())}
    case_of = {(process["pid"], put_in["base"]): put_in for process in truth["processes"]
               for put_in in process["injected"]}
    for row in found:
        if row["module"] != ASSEMBLY:
            continue
        put_in = case_of[row["pid"], row["base"]]
        name = f"{row['pid']}.{row['process']}.{row['base']}.{ASSEMBLY}.bin"
        data, original = (dumped / name).read_bytes(), (files / put_in["file"]).read_bytes()
        if put_in["case"] in ("torn", "patched"):
            check(len(data) == len(original) and data != original, f"{where}: {name}")
        elif put_in["case"] == "wiped":
            check_restored(f"{where}: {name}", dumped / name, files / put_in["file"], index[name])
        else:
            check(data == original, f"{where}: {name} is not {put_in['file']}")
    for path in dumped.iterdir():
        path.unlink()


def test_minidump(where, impscan, folder, found, files, truth):
    """The same of each process by itself."""
    data, path = (folder / "image.raw").read_bytes(), folder / "process.dmp"
    for process in truth["processes"]:
        if process["pid"] < 5000:
            continue
        for info in (True, False):
            ProcessMemory(data, truth, process).write(path, info=info)
            alone = rows(impscan, path, "-a", "-m", ASSEMBLY)
            whole = [row for row in found if row["pid"] == process["pid"] and
                     row["module"] == ASSEMBLY]
            # Without it all memory is private, and ends where pages are missing.
            file_of = {put_in["base"]: put_in["file"] for put_in in process["injected"]}
            key = itemgetter("base", "size") if info else lambda row: file_of[row["base"]]
            check(sorted(map(key, alone)) == sorted(map(key, whole)),
                  f"{where}: dump of {process['pid']}, info {info}: {alone}")
    path.unlink()


def test_search(where, impscan, image, wanted, matched):
    """Each of (process, base, file) is found by its file, by the hash that tells it from others."""
    found = {(row["pid"], row["base"], row["match"]): row
             for row in rows(impscan, image, "-e", *sorted({path for _, _, path in wanted}))}
    for pid, base, path in wanted:
        row = found.get((pid, base, str(path)))
        check(row and row["score"] == 100 and row["matched_hash"] == matched,
              f"{where}: {path.name} in {pid} at {base}: {row}")


def check_wow64(where, layout, truth):
    """32-bit programs on 64-bit machines are among them."""
    check(any(process["wow64"] for process in truth["processes"]) == (layout[1] == "x64"),
          f"{where}: no WoW64")


def check_summary(where, impscan, image, found):
    """The last line counts assemblies that have a hash, and those whose names were not read."""
    _, err = run(impscan, "-f", image, "-a")
    counted = re.search(r"(\d+) modules, (\d+) with a hash, (\d+) not read whole", err)
    hashed = sum(bool(row["imphash"] or row["typerefhash"]) for row in found)
    torn = sum(row["status"] not in ("ok", "no-imports") or "not present" in (row["reason"] or "")
               for row in found)
    check(counted and tuple(map(int, counted.groups())) == (len(found), hashed, torn) and torn,
          f"{where}: {counted and counted[0]}, not {len(found)}, {hashed}, {torn}")


def check_notes(where, impscan, image, sample, programs):
    """Each of so many programs has the sample's import list, which its runtime imposes: that is said
    of all but the one whose names are the sample's, in every form."""
    found = rows(impscan, image, "-e", sample, "-t", 100)
    by_list = [row for row in found if row["matched_hash"] in ("imphash", "impfuzzy")]
    check((len(found), len(by_list)) == (programs, programs - 1),
          f"{where}: {len(found)} rows, {len(by_list)} by import lists")
    check(all(row["note"] and "has this import list" in row["note"] for row in by_list),
          f"{where}: no note")
    table, _ = run(impscan, "-q", "-f", image, "-e", sample, "-t", 100)
    check(table.count("has this import list") == programs - 1, f"{where}: no note in the table")


def test_programs_of_mono(impscan, mkimage, folder):
    """Real .NET programs, which import one function of mscoree.dll."""
    files = []
    for path in dotnet_oracle.mono_files():
        data = open(path, "rb").read()
        at = struct.unpack_from("<I", data, 0x3c)[0]
        if path.endswith(".exe") and struct.unpack_from("<H", data, at + 4)[0] == 0x14c:
            files.append(path)
    if len(files) < 2:
        skip("notes of .NET programs: none of Mono's (mono-mcs) are installed")
        return
    image = folder / "image.raw"
    listed = folder / "programs.txt"
    listed.write_text("".join(f"program\tapp{i}.exe\t{path}\n"
                              for i, path in enumerate(files[:4])))
    subprocess.run([mkimage, "--build", "7601", "--arch", "x86", "--scenario", "programs",
                    "--programs", listed, "-o", image], check=True)
    check_notes("programs of Mono", impscan, image, files[0], len(files[:4]))
    image.unlink()


def test_dotnet(impscan, mkimage, folder, layout):
    where = " ".join(layout)
    image, truth, files = write(mkimage, folder, layout, "dotnet")
    check_wow64(where, layout, truth)
    found = rows(impscan, image, "-a")
    for process in truth["processes"]:
        check_assemblies(where, found, process, files)
        for module in process["modules"]:
            if module["case"] in ("exe", "anti-dump"):
                row, = (row for row in found if row["pid"] == process["pid"] and
                        row["base"] == module["base"])
                check_types(f"{where}: {module['name']}", row, files / module["file"])
    check(found == rows(impscan, image, "-a", "-j", "1"), f"{where}: other rows with -j 1")
    check_summary(where, impscan, image, found)
    check([row for row in found if row["module"] == ASSEMBLY] ==
          rows(impscan, image, "-a", "--only", "managed"), f"{where}: --only managed")
    wanted = [(process["pid"], put_in["base"], files / put_in["file"])
              for process in truth["processes"] for put_in in process["injected"]
              if put_in["managed"] and put_in["case"] != "torn"]
    wanted += [(process["pid"], module["base"], files / module["file"])
               for process in truth["processes"] for module in process["modules"]
               if module["case"] in ("exe", "anti-dump")]
    test_search(where, impscan, image, wanted, "typerefhash")
    test_dump(where, impscan, folder, found, files, truth)
    test_minidump(where, impscan, folder, found, files, truth)
    image.unlink()
    return sum(row["module"] == ASSEMBLY for row in found)


def test_go(impscan, mkimage, folder, layout):
    """Programs by Go, with what leads to their functions wiped in memory."""
    where = " ".join(layout)
    image, truth, files = write(mkimage, folder, layout, "go")
    check_wow64(where, layout, truth)
    found = {(row["pid"], row["base"]): row for row in rows(impscan, image, "-a")}
    check(all(row["module"] != ASSEMBLY for row in found.values()), f"{where}: assemblies of Go")
    programs = []
    for process in truth["processes"]:
        for module in process["modules"]:
            row = found[process["pid"], module["base"]]
            if not (module["case"] or "").startswith("go-"):
                check(row["go_functions"] is None and not row["by_go"], f"{where}: {module['name']} is Go")
                continue
            names = functions_of(Program((files / module["file"]).read_bytes()).mapped())
            _, _, gimphash, gimpfuzzy = hashes(names)
            check((row["go_functions"], row["gimphash"]) == (len(names), gimphash) and
                  (row["by_go"], row["names_unread"]) == (True, False) and
                  (not FUZZY or row["gimpfuzzy"] == gimpfuzzy),
                  f"{where}: {module['name']} ({module['case']}): {row}")
            programs.append((process["pid"], module["base"], files / module["file"]))
    test_search(where, impscan, image, programs, "gimphash")
    check_notes(f"{where}: Go", impscan, image, programs[0][2], len(programs))
    image.unlink()
    return len(programs)


def main():
    arguments = test_arguments(test_parser(__doc__))
    assemblies = programs = 0
    if not shutil.which("monodis"):
        skip("dumped assemblies in a decompiler: monodis (mono-utils) is not installed")
    for layout in LAYOUTS:
        assemblies += test_dotnet(arguments.impscan, arguments.mkimage, arguments.folder, layout)
        programs += test_go(arguments.impscan, arguments.mkimage, arguments.folder, layout)
    test_programs_of_mono(arguments.impscan, arguments.mkimage, arguments.folder)
    finish(f"{len(LAYOUTS)} layouts, {assemblies} assemblies, {programs} programs by Go")


if __name__ == "__main__":
    main()
