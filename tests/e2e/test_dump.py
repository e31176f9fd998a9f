#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules written as files: the files' hashes, names, the index, and what is never overwritten.

    test_dump.py IMPSCAN MKIMAGE FOLDER
"""

import collections
import csv
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys

from image_truth import WINE, check, finish, have_wine, rows, run, skip

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import pefile_rules

try:
    pefile_rules.version()
    pefile = pefile_rules.pefile
except pefile_rules.Missing as missing:
    skip(f"what pefile says of the files: {missing}")
    pefile = None

NAME = re.compile(r"\d+\.[A-Za-z0-9._-]*\.0x[0-9a-f]+\.[A-Za-z0-9._-]*\.bin")
INDEX = ["file", "pid", "process", "eprocess", "base", "size", "module", "path", "imphash",
         "impfuzzy", "status", "reason", "flags", "layout", "file_size", "pages", "pages_absent",
         "note", "image"]


def write_image(mkimage, folder, scenario, *arguments):
    image = folder / f"{scenario}.raw"
    subprocess.run([mkimage, "--scenario", scenario, "-o", image, "--truth",
                    folder / f"{scenario}.json", *map(str, arguments)], check=True)
    return image


def dump(impscan, image, target, *arguments):
    """The rows and the index of a run that writes into a new folder."""
    shutil.rmtree(target, ignore_errors=True)
    found = rows(impscan, image, "-d", target, *arguments)
    return found, json.loads((target / "index.json").read_text())


def file_hashes(impscan, folder):
    out, _ = run(impscan, "-e", folder, "-q", "-o", "csv", status=(0, 1))
    return {pathlib.Path(row["path"]).name: row
            for row in csv.DictReader(io.StringIO(out, newline=""))}


def compare_with_pefile(name, file, entry, digest):
    try:
        parsed = pefile.PE(str(file), fast_load=True)
        parsed.parse_data_directories([1])
    except pefile.PEFormatError as error:
        check(False, f"{name}: pefile does not open it: {error}")
        return
    if entry["layout"] in ("sections", "mapped"):
        check(parsed.OPTIONAL_HEADER.ImageBase & 0xffffffff ==
              int(entry["base"], 16) & 0xffffffff, f"{name}: ImageBase")
    if digest is not None:
        check(parsed.get_imphash() == digest, f"{name}: pefile's imphash")


def compare(where, impscan, image, target):
    """Every present module's file has the hashes of its row."""
    found, index = dump(impscan, image, target, "-a")
    by_module = {(entry["eprocess"], entry["base"]): entry for entry in index}
    check(len(by_module) == len(index), f"{where}: a module twice in the index")
    hashes = file_hashes(impscan, target)
    names = {path.name for path in target.iterdir()}
    check(names == {entry["file"] for entry in index if entry["file"]} | {"index.json"},
          f"{where}: files and index differ")
    layouts = collections.Counter()
    for row in found:
        name = f"{where} {row['pid']} {row['module']!r}"
        if row["base"] is None:  # a process without any module
            check(row["dump"] is None, f"{name}: a file of nothing")
            continue
        entry = by_module[row["eprocess"], row["base"]]
        check(list(entry) == INDEX, f"{name}: fields {list(entry)}")
        for field in ("pid", "process", "size", "module", "path", "imphash", "impfuzzy", "status",
                      "reason", "flags"):
            check(entry[field] == row[field], f"{name}: {field} in index: {entry[field]!r}")
        check(entry["file"] == row["dump"], f"{name}: file {row['dump']} and {entry['file']}")
        if not entry["file"]:
            check(entry["pages"] == entry["pages_absent"] and entry["note"],
                  f"{name}: not written: {entry['note']}")
            continue
        layouts[entry["layout"]] += 1
        file = target / entry["file"]
        check(NAME.fullmatch(file.name) and len(file.name) <= 120, f"{name}: named {file.name}")
        check(file.stat().st_size == entry["file_size"], f"{name}: size of the file")
        # Where nothing is declared any more, the rebuilt list is; where the header is gone, the
        # declared list needs a new directory.
        made = "import directory made of" in (entry["note"] or "")
        layouts["imports made"] += made
        check(not made or not row["imphash"] or entry["layout"] == "made",
              f"{name}: a declared list replaced")
        prefix = "rebuilt_" if made and not row["imphash"] else ""
        digest, fuzzy = row[prefix + "imphash"] or "", row[prefix + "impfuzzy"] or ""
        expected = made or row["status"] in ("ok", "no-imports")
        if expected:
            own = hashes[file.name]
            check((own["imphash"], own["impfuzzy"]) == (digest, fuzzy),
                  f"{name}: hashed {own['status']} {own['imphash']}, row {digest}")
            check(not entry["note"] or "differ" not in entry["note"], f"{name}: {entry['note']}")
        if pefile:
            with pefile_rules.old_rules():
                compare_with_pefile(name, file, entry, digest if expected else None)
    return layouts


def test_hashes(impscan, mkimage, folder):
    layouts = collections.Counter()
    runs = [("demo", []), ("damaged", []), ("absent", ["--memory", 256]), ("hidden", [])]
    runs += [("hidden", ["--build", build]) for build in (7601, 9600, 22621)]
    if have_wine("files of real modules"):
        runs.append(("demo", ["--pe-dir", WINE, "--memory", 512]))
    for scenario, arguments in runs:
        image = write_image(mkimage, folder, scenario, *arguments)
        where = " ".join(map(str, [scenario, *arguments]))
        layouts += compare(where, impscan, image, folder / "out")
        image.unlink()
    for layout in ("sections", "file", "made", "imports made"):
        check(layouts[layout], f"no module came out as {layout}")
    return dict(layouts)


def test_lost_header(impscan, mkimage, folder):
    """A 32-bit program of 64-bit Windows whose header page is gone is a 32-bit file."""
    image = write_image(mkimage, folder, "hidden", "--state", "4400:client32.exe:0:file")
    found, index = dump(impscan, image, folder / "out", "-a", "-p", 4400, "-m", "client32.exe")
    entry = [entry for entry in index if entry["module"] == "client32.exe"][0]
    data = (folder / "out" / entry["file"]).read_bytes()
    magic = int.from_bytes(data[int.from_bytes(data[60:64], "little") + 24:][:2], "little")
    check(entry["layout"] == "made" and magic == 0x10b, f"{entry['layout']}, magic {magic:#x}")
    hashes = file_hashes(impscan, folder / "out")[entry["file"]]
    row = [row for row in found if row["module"] == "client32.exe"][0]
    check(row["imphash"] and hashes["imphash"] == row["imphash"],
          f"hash of the file {hashes['imphash']}, of the module {row['imphash']}")
    image.unlink()


def test_selection(impscan, image, folder, samples):
    """The modules of the rows shown, each once."""
    target = folder / "out"
    every = rows(impscan, image, "-a")
    check(all(row["dump"] is None for row in every), "a file without -d")
    pid = every[-1]["pid"]
    found, index = dump(impscan, image, target, "-a", "-p", pid)
    check(index and {entry["pid"] for entry in index} == {pid}, "-p")
    found, index = dump(impscan, image, target, "-a", "--only", "kernel")
    check(index and {entry["pid"] for entry in index} == {4}, "--only kernel")
    twice = folder / "twice"
    shutil.rmtree(twice, ignore_errors=True)
    twice.mkdir()
    for sample in sorted(samples.iterdir())[:6]:
        shutil.copy(sample, twice / sample.name)
        shutil.copy(sample, twice / f"copy of {sample.name}")
    found, index = dump(impscan, image, target, "-e", twice, "-t", 100)
    modules = {(row["eprocess"], row["base"]) for row in found}
    check(len(found) > len(modules), "no module with two matches, so nothing is tested")
    check(modules == {(entry["eprocess"], entry["base"]) for entry in index} and
          len(modules) == len(index), "a search writes every module found, once")
    check(len(modules) < len(every), "a search writes what it does not show")
    _, index = dump(impscan, image, target, "-s", "1" * 32)
    check(index == [] and [path.name for path in target.iterdir()] == ["index.json"],
          "nothing found, nothing written")
    one, _ = dump(impscan, image, target, "-a", "-j", 1)
    many, _ = dump(impscan, image, target, "-a", "-j", 7)
    check(one == many, "files depend on the number of threads")
    # A reader that goes away does not cut the index.
    shutil.rmtree(target)
    subprocess.run(f"'{impscan}' -f '{image}' -a -d '{target}' | head -n 1", shell=True,
                   capture_output=True, check=False)
    check(len(json.loads((target / "index.json").read_text())) == len(every), "broken pipe")


def test_overwriting(impscan, image, folder):
    """Nothing that is there is touched, be it a file or a link."""
    target, outside = folder / "out", folder / "outside"
    found, _ = dump(impscan, image, target, "-a")
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    _, err = run(impscan, "-f", image, "-a", "-d", target, status=(2,))
    check("index.json' is there already" in err, f"a second run: {err!r}")
    check(before == {path.name: path.read_bytes() for path in target.iterdir()},
          "a second run changed files")
    shutil.rmtree(target)
    target.mkdir()
    outside.unlink(missing_ok=True)
    names = [row["dump"] for row in found]
    (target / names[0]).write_text("mine")
    (target / names[1]).symlink_to(outside)
    out, err = run(impscan, "-f", image, "-a", "-o", "jsonl", "-d", target)
    again = [json.loads(line) for line in out.splitlines()]
    check([row["dump"] for row in again] == [None, None] + names[2:], "files in the way")
    check(f"2 of {len(names)} modules could not be written" in err, f"not told: {err!r}")
    index = json.loads((target / "index.json").read_text())
    check(all(entry["file"] is None and "File exists" in entry["note"] for entry in index[:2]),
          f"index of files in the way: {index[:2]}")
    check((target / names[0]).read_text() == "mine" and not outside.exists(), "overwritten")
    shutil.rmtree(target)

    (folder / "plain").write_text("a file")
    for arguments, sentence in [
            (["-f", image, "-a", "-d", folder / "none" / "deeper"], "none/deeper"),
            (["-f", image, "-a", "-d", folder / "plain"], "plain"),
            (["-f", image, "-a", "-d", ""], "name of a folder"),
            (["-f", image, "--info", "-d", target], "-d changes nothing"),
            (["-e", folder, "-d", target], "-d changes nothing"),
    ]:
        out, err = run(impscan, *arguments, status=(2,))
        check(out == "" and len(err.splitlines()) == 1 and sentence in err,
              f"{arguments}: {out[:80]!r} {err!r}")
    check(not target.exists(), "an error made a folder")


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    samples = folder / "pe"
    samples.mkdir(exist_ok=True)
    image = write_image(mkimage, folder, "demo", "--pe-out", samples)
    test_selection(impscan, image, folder, samples)
    test_overwriting(impscan, image, folder)
    test_lost_header(impscan, mkimage, folder)
    layouts = test_hashes(impscan, mkimage, folder)
    shutil.rmtree(folder / "out", ignore_errors=True)
    finish(f"files by layout: {layouts}" + ("" if pefile else "; without pefile"))


if __name__ == "__main__":
    main()
