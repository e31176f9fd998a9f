#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches for programs by the names of their types: docs/names.md, samples, lists of all kinds, and
what is known to be good.

    test_program_names.py IMPSCAN MKIMAGE FOLDER SOURCE MKASSEMBLY
"""

import csv
import io
import json
import pathlib
import re
import shutil
import struct
import subprocess

from image_truth import FUZZY, check, finish, rows, run, test_arguments, test_parser

NAMES = "typerefhash", "typerefuzzy", "gimphash", "gimpfuzzy"
PROGRAMS = 4


def test_page(source):
    """The page's code gives what the page says of its examples."""
    text = (source / "docs" / "names.md").read_text(encoding="utf-8")
    functions = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1), functions)
    example = text.split("\nAn example,")[1].split("\n## ")[0]
    blocks = ["".join(block) for block in re.findall(r"\n\n((?:    .*\n)+)", example)]
    types = [tuple(line[4:].encode().split(b" ")) for line in blocks[0].splitlines()]
    check(functions["typerefuzzy"](types) == blocks[1].strip(), "docs/names.md: typerefuzzy")
    names = (source / "src" / "golang" / "names.c").read_text(encoding="utf-8")
    standard = re.search(r"standard\[\] = \{(.*?)\};", names, re.DOTALL).group(1)
    check(functions["gimpfuzzy"](blocks[2].split(), set(re.findall(r'"(\w+)"', standard))) ==
          blocks[3].strip(), "docs/names.md: gimpfuzzy")
    return functions


def is_x64(path):
    data = path.read_bytes()
    start, = struct.unpack_from("<I", data, 0x3c)
    return struct.unpack_from("<H", data, start + 4)[0] == 0x8664


def write(mkimage, mkassembly, folder):
    """(image, files): each of the files is a process's program."""
    subprocess.run([mkassembly, folder / "all", "24", "7"], check=True)
    files = []
    for path in sorted((folder / "all").glob("*.dll")):
        if is_x64(path) and len(files) < PROGRAMS:
            files.append(path.rename(folder / "samples" / path.name))
    listed = "".join(f"program\tapp{i}.exe\t{path}\n" for i, path in enumerate(files))
    (folder / "programs.txt").write_text(listed)
    image = folder / "image.raw"
    subprocess.run([mkimage, "--scenario", "programs", "--programs", folder / "programs.txt", "-o",
                    image], check=True)
    return image, files


def matched(found):
    return {(row["module"], row["match"], row["matched_hash"], row["score"]) for row in found}


def test_samples(impscan, image, folder, samples, listed):
    """Each file finds its process, and so does what -e prints of it, in all forms."""
    text, _ = run(impscan, "-q", "-e", folder / "samples", "-o", "csv")
    for sample in csv.DictReader(io.StringIO(text)):
        row = listed[samples[sample["path"]]]
        check(all((row[name] or "") == sample[name] for name in NAMES), f"{sample}, but {row}")
    wanted = {(name, path, "typerefhash", 100) for path, name in samples.items()
              if listed[name]["typerefhash"]}
    check(len(wanted) >= PROGRAMS - 1, f"{len(wanted)} programs with types")
    check(matched(rows(impscan, image, "-e", folder / "samples", "-t", 100)) == wanted, "-e")
    for form in "table", "wide", "csv", "json", "jsonl":
        path = folder / f"list.{form}"
        path.write_text(run(impscan, "-q", "-e", folder / "samples", "-o", form)[0])
        found = matched(rows(impscan, image, "-i", path, "-t", 100))
        check(found == wanted, f"-i of -o {form}: {found ^ wanted}")


def test_hashes(impscan, image, row):
    """-s: with a prefix the type that it says; 64 digits either; without one an impfuzzy."""
    digits, fuzzy, name = row["typerefhash"], row["typerefuzzy"], row["module"]
    for text, by in ((digits, "typerefhash"), ("typerefhash:" + digits.upper(), "typerefhash"),
                     ("typerefuzzy:" + fuzzy, "typerefuzzy"), ("gimphash:" + digits, None),
                     ("gimpfuzzy:" + fuzzy, None), (fuzzy, None)):
        found = {(hit["module"], hit["matched_hash"])
                 for hit in rows(impscan, image, "-t", 100, "-s", text)}
        check(found == ({(name, by)} if by else set()), f"-s {text}: {found}")


def test_listing(impscan, image, folder, listed):
    """The table shows the telling hash, and is a list itself."""
    table, _ = run(impscan, "-q", "-f", image, "-a")
    for name, row in listed.items():
        if row["typerefuzzy"]:
            check(re.search(rf" {re.escape(name)} .* typerefuzzy:{re.escape(row['typerefuzzy'])}$",
                            table, re.MULTILINE), f"{name}: not in the table")
    (folder / "listing.txt").write_text(table)
    found = rows(impscan, image, "-i", folder / "listing.txt", "-t", 100)
    hit = {row["module"] for row in found if row["matched_hash"] == "typerefuzzy"}
    check(hit == {name for name, row in listed.items() if row["typerefuzzy"]}, f"listing: {hit}")


def test_known_good(impscan, image, folder, listed, row):
    """A listing knows assemblies by their types; another with the same name is left."""
    changed = folder / "changed.jsonl"
    everything = rows(impscan, image, "-a")
    left = rows(impscan, image, "-a", "-k", folder / "good.jsonl")
    names = {other["module"] for other in left}
    check(not names & set(listed), f"known, and not left out: {names & set(listed)}")
    for other in everything:
        if other["module"] == row["module"]:
            other["typerefhash"] = "0" * 64
    changed.write_text("".join(json.dumps(other) + "\n" for other in everything))
    left = rows(impscan, image, "-a", "-k", changed)
    check(row["module"] in {other["module"] for other in left}, "other types are taken for good")
    (folder / "good.txt").write_text(f"{row['typerefhash']} {row['module']}\n")
    left = {other["module"] for other in rows(impscan, image, "-a", "-k", folder / "good.txt")}
    check(row["module"] not in left and set(listed) - {row["module"]} <= left, "a list of digits")


def main():
    parser = test_parser(__doc__)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("mkassembly", type=pathlib.Path)
    arguments = test_arguments(parser)
    folder = arguments.folder
    for name in "samples", "all":
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    if FUZZY:
        test_page(arguments.source)
    image, files = write(arguments.mkimage, arguments.mkassembly, folder)
    samples = {str(path): f"app{i}.exe" for i, path in enumerate(files)}
    everything = rows(arguments.impscan, image, "-a")
    (folder / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in everything))
    listed = {row["module"]: row for row in everything if row["module"] in samples.values()}
    check(all(row["typerefs"] is None and row["go_functions"] is None for row in everything
              if row["module"] not in listed), "something else is .NET or Go")
    row = next(row for row in listed.values() if row["typerefuzzy"])
    test_samples(arguments.impscan, image, folder, samples, listed)
    test_hashes(arguments.impscan, image, row)
    test_listing(arguments.impscan, image, folder, listed)
    test_known_good(arguments.impscan, image, folder, listed, row)
    finish(f"{len(listed)} assemblies")


if __name__ == "__main__":
    main()
