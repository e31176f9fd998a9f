#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of single processes: minidumps of the processes of written machines must give the rows that
the whole image gives of them.

    test_process_dump.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]
"""

import json
import subprocess

from image_truth import can_unpack, case_parser, check, choose, finish, rows, run, test_arguments
from minidump import ProcessMemory
from packers import zip_of

CASES = [("19041", "x64", "hidden"), ("7601", "x64", "hidden"), ("19041", "x64", "packed"),
         ("19041", "x86", "rebuilt"), ("7601", "x86", "demo"), ("3790", "x64", "demo"),
         ("2600", "x86", "packed"), ("26100", "x64", "rebuilt")]

# Of the kernel: a dump of a process can't have these.
KERNEL_FLAGS = {"hidden", "exited", "patched"}
SAME = ["size", "imports", "imphash", "impfuzzy", "impset", "rebuilt_imports", "rebuilt_imphash",
        "rebuilt_impfuzzy", "status", "readable", "import_source"]
REGION = ["start", "end", "kind", "protection", "committed", "executable", "writable",
          "first_executable", "pe", "bytes_at", "bytes"]


def by_base(found):
    return {row["base"]: row for row in found}


def compare_row(name, row, whole, known):
    """known: the dump has a MemoryInfoList"""
    for field in SAME:
        check(row[field] == whole[field], f"{name}: {field} {row[field]!r}, not {whole[field]!r}")
    flags = set(whole["flags"]) - KERNEL_FLAGS
    found_in = set(row["found_in"]) - {"dump"}
    check(row["eprocess"] is None, f"{name}: eprocess")
    if not known:
        flags -= {"stale", "unlinked"}
        flags -= {"hollowed"} - set(row["flags"])
        check(found_in - {"private"} == set(whole["found_in"]) - {"vad", "private"},
              f"{name}: found in {row['found_in']}")
    else:
        check(found_in == set(whole["found_in"]), f"{name}: found in {row['found_in']}")
    check(set(row["flags"]) == flags, f"{name}: flags {row['flags']}, not {flags}")
    # Files of sections have names only in the kernel.
    if "dump" in row["found_in"]:
        check((row["module"], row["path"]) == (whole["module"], whole["path"]), f"{name}: name")
    check("dump" in row["found_in"] or not {"load", "load32"} & set(row["found_in"]),
          f"{name}: not in the dump's list")


def compare(where, impscan, dump, whole, regions, known):
    found = by_base(rows(impscan, dump, "-a"))
    check({row["pid"] for row in found.values()} <= {row["pid"] for row in whole.values()},
          f"{where}: PIDs")
    expected = {base for base, row in whole.items()
                if known or {"load", "load32", "private"} & set(row["found_in"])}
    if not known:
        # Nothing tells what is code: where that has its table elsewhere, the row is the table's.
        tables = {row["rebuilt_impfuzzy"] for row in found.values() if "no-header" in row["flags"]}
        expected -= {base for base in expected - set(found)
                     if "no-header" in whole[base]["flags"] and
                     whole[base]["rebuilt_impfuzzy"] in tables}
    check(expected <= set(found), f"{where}: missing {sorted(expected - set(found))}")
    if known:
        check(set(found) <= expected, f"{where}: too many {sorted(set(found) - expected)}")
    for base in expected & set(found):
        compare_row(f"{where} {whole[base]['module']} {base}", found[base], whole[base], known)
    if known:
        listed = [{field: row[field] for field in REGION} for row in rows(impscan, dump, "--regions")]
        check(listed == [{field: row[field] for field in REGION} for row in regions],
              f"{where}: --regions")


def compare_narrow(where, impscan, dump, whole):
    """A 32-bit tool's dump of a process of WoW64 has the 32-bit modules."""
    found = by_base(rows(impscan, dump, "-a"))
    for base, row in whole.items():
        if "load32" not in row["found_in"]:
            continue
        here = found.get(base)
        check(here and "load" in here["found_in"], f"{where} {row['module']}: {here}")
        for field in SAME if here else []:
            check(here[field] == row[field], f"{where} {row['module']}: {field} {here[field]!r}")
        check(not here or "wow64" not in here["flags"], f"{where} {row['module']}: wow64")


def test_threads(where, impscan, path):
    """Threads that share one process find what one of them alone finds."""
    alone = run(impscan, "-q", "-f", path, "-a", "-o", "jsonl", "-j1")
    for threads in ("-j2", "-j5"):
        check(run(impscan, "-q", "-f", path, "-a", "-o", "jsonl", threads) == alone,
              f"{where}: {threads} gives something else")


def test_process(where, impscan, image, folder, truth, process, rest):
    """Returns the path of its dump."""
    whole, regions = rest
    memory = ProcessMemory(image, truth, process)
    path = folder / f"{process['pid']:05}.dmp"
    memory.write(path, info=False, odd=3)
    compare(f"{where} without MemoryInfoList", impscan, path, whole, regions, False)
    test_threads(f"{where} without MemoryInfoList", impscan, path)
    if process["wow64"]:
        memory.write_narrow(path)
        compare_narrow(f"{where} narrow", impscan, path, whole)
    memory.write(path, padding=4 if process["pid"] % 8 else 0)
    compare(where, impscan, path, whole, regions, True)
    test_threads(where, impscan, path)
    return path


def test_mapped_file(where, impscan, image, folder, truth, process, files):
    """A module's file that is mapped to be read is no row where nothing tells that it can't be run; one
    that is not the module's is."""
    module = next(module for module in process["modules"] if module["n_imports"])
    data = bytearray((files / module["file"]).read_bytes())
    path, told = folder / "mapped.dmp", "1 PE files lie in memory as data"
    for same in (True, False):
        memory = ProcessMemory(image, truth, process)
        if not same:
            data[int.from_bytes(data[0x3c:0x40], "little") + 8] ^= 1  # its time stamp
        base = memory.add(bytes(data))
        memory.write(path, info=False)
        found = [row for row in rows(impscan, path, "-a") if int(row["base"], 16) == base]
        check(bool(found) != same, f"{where}: a mapped file, {module['name']} is {same}: {found}")
        _, err = run(impscan, "-f", path, "-a")
        check((told in err) == same, f"{where}: a mapped file, {module['name']} is {same}: {err}")
        memory.write(path)
        found = [row for row in rows(impscan, path, "-a") if int(row["base"], 16) == base]
        check(not found, f"{where}: a file in memory that can't be run: {found}")
    path.unlink()


def test_no_list(where, impscan, image, folder, truth, process, whole):
    """Without any list of modules no image can be told to be injected, and that is said once."""
    path = folder / "no-list.dmp"
    memory = ProcessMemory(image, truth, process)
    memory.write(path, info=False, lists=False, threads=False)
    found = by_base(rows(impscan, path, "-a"))
    _, err = run(impscan, "-f", path, "-a")
    loaded = [base for base, row in whole.items() if "load" in row["found_in"] and
              row["status"] == "ok"]
    for base in loaded:
        row = found.get(base)
        check(row and not row["module"] and row["found_in"] == ["headers"] and
              row["imphash"] == whole[base]["imphash"], f"{where}: without lists {base}: {row}")
    check(loaded and err.count("were loaded or injected is not known") == 1,
          f"{where}: without lists: {err}")
    # One of them is enough to tell.
    for lists, threads in ((True, False), (False, True)):
        memory.write(path, info=False, lists=lists, threads=threads)
        out, err = run(impscan, "-f", path, "-a", "-o", "jsonl")
        named = [json.loads(line) for line in out.splitlines()]
        check("is not known\n" not in err.replace("lists of modules are not known", "") and
              {row["base"] for row in named if row["module"]} >= set(loaded),
              f"{where}: lists {lists}, threads {threads}: {err}")
    path.unlink()


def test_pid(where, impscan, image, folder, truth, process):
    """The number that the tool wrote is shown; that the TEB has another one is said."""
    path, pid = folder / "pid.dmp", process["pid"]
    ProcessMemory(image, truth, process).write(path, pid=pid + 4)
    out, err = run(impscan, "-f", path, "-a", "-o", "jsonl")
    check({json.loads(line)["pid"] for line in out.splitlines()} == {pid + 4} and
          f"of process {pid + 4} (MiscInfo), the process's TEB that it is {pid}" in err,
          f"{where}: two PIDs: {err}")
    path.unlink()


def test_unpacked(impscan, dump, original, files):
    """The original of a packed program that has unpacked itself is found with 100."""
    out, _ = run(impscan, "-f", dump, "-e", files / original, "-o", "jsonl", "-t", "90")
    best = max((json.loads(line)["score"] for line in out.splitlines()), default=0)
    check(best == 100, f"{dump}: {original} is found with {best}")


def test_together(where, impscan, folder, dumps):
    """A folder of dumps is one listing, in order of name."""
    alone = [line for dump in sorted(dumps) for line in
             run(impscan, "-q", "-f", dump, "-a", "-o", "jsonl")[0].splitlines()]
    for arguments in (["-f", folder], [word for dump in sorted(dumps) for word in ("-f", dump)]):
        out, _ = run(impscan, "-q", *arguments, "-a", "-o", "jsonl")
        lines = [json.loads(line) for line in out.splitlines()]
        for line in lines:
            line.pop("image", None)
        expected = [json.loads(line) for line in alone]
        for line in expected:
            line.pop("image", None)
        check(lines == expected, f"{where}: {arguments[:2]} gives other rows")
    out, _ = run(impscan, "-q", "-f", folder, "--label", "x", "-a", "-o", "jsonl")
    names = {json.loads(line)["image"] for line in out.splitlines()}
    check(names == ({f"x/{dump.name}" for dump in dumps} if len(dumps) > 1 else {"x"}),
          f"{where}: dumps of a folder with a label are called {names}")
    if not can_unpack(impscan, "an archive of dumps"):
        return
    archive = folder.parent / "dumps.zip"
    archive.write_bytes(zip_of([(dump.name, dump.read_bytes()) for dump in sorted(dumps)]))
    out, _ = run(impscan, "-q", "-f", archive, "-a", "-o", "jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    names = {line.pop("image") for line in lines}
    check(lines == expected and len(names) == len(dumps), f"{where}: other rows of an archive: {names}")
    archive.unlink()


def test_kernel_options(where, impscan, folder, dumps):
    """What asks for a kernel is refused; of several images, what the others may have is told."""
    sentence = "a dump of one process has no kernel, which "
    layout = folder / "layout.yaml"
    for options in (["--deep"], ["--infer"], ["--only", "hidden"], ["--only", "exited"], ["--only", "patched"],
                    ["--only", "kernel"], ["--profile-out", layout], ["--dtb", "0x1000"],
                    ["--kernel", "0x1000"], ["--pagefile", f"0={dumps[0]}"]):
        out, err = run(impscan, "-f", dumps[0], "-a", *options, status=(2,))
        check(not out and sentence + " ".join(options[:1 + (options[0] == "--only")]) in err,
              f"{where}: {options}: {err!r}")
    check(not layout.exists(), f"{where}: a profile of a dump without a kernel")
    two = ["-f", dumps[0], "-f", dumps[-1], "-a", "-o", "csv"]
    out, err = run(impscan, *two, "--deep")
    check(err.count(sentence + "--deep") == 2, f"{where}: two dumps, --deep: {err!r}")
    check(out == run(impscan, *two)[0], f"{where}: other rows with --deep")


def test_case(impscan, mkimage, folder, number, case):
    build, arch, scenario = case
    where = " ".join(case)
    image, truth_file, files = folder / "whole.raw", folder / "whole.json", folder / "pe"
    subprocess.run([mkimage, "--build", build, "--arch", arch, "--scenario", scenario, "--seed",
                    str(40 + number), "--all-valid", "--truth", truth_file, "--pe-out", files, "-o",
                    image], check=True)
    truth = json.loads(truth_file.read_text())
    whole, regions = {}, {}
    for row in rows(impscan, image, "-a", "--deep"):
        whole.setdefault(row["pid"], {})[row["base"]] = row
    for row in rows(impscan, image, "--regions", "--deep"):
        regions.setdefault(row["pid"], []).append(row)
    data, dumps = image.read_bytes(), []
    dump_folder = folder / f"dumps-{number}"
    dump_folder.mkdir(exist_ok=True)
    # All that are special, and a few that are not.
    processes = [p for p in truth["processes"] if p["pid"] != 4 and p["peb"] and not p["exited"]]
    chosen = [p for i, p in enumerate(processes)
              if i < 2 or p["injected"] or p["wow64"] or p["case"] or p["slots"] or
              any(module["case"] for module in p["modules"])]
    for process in chosen:
        pid = process["pid"]
        dumps.append(test_process(f"{where} {pid} {process['name']}", impscan, data, dump_folder,
                                  truth, process, (whole[pid], regions.get(pid, []))))
    test_together(where, impscan, dump_folder, dumps)
    if number == 0:
        test_kernel_options(where, impscan, folder, dumps)
    test_mapped_file(where, impscan, data, folder, truth, chosen[0], files)
    test_no_list(where, impscan, data, dump_folder, truth, chosen[0], whole[chosen[0]["pid"]])
    test_pid(where, impscan, data, dump_folder, truth, chosen[0])
    packed = [(dump, module["holds"]) for process, dump in zip(chosen, dumps)
              for module in process["modules"]
              if scenario == "packed" and module["case"] and module.get("holds")]
    check(packed or scenario != "packed", f"{where}: no packed program")
    for dump, original in packed:
        test_unpacked(impscan, dump, original, files)
    for path in [*dumps, image]:
        path.unlink()
    return len(chosen)


def main():
    arguments = test_arguments(case_parser(__doc__))
    done = 0
    cases = choose(arguments, CASES)
    for number, case in cases:
        done += test_case(arguments.impscan, arguments.mkimage, arguments.folder, number, case)
    finish(f"{len(cases)} machines, {done} processes dumped")


if __name__ == "__main__":
    main()
