#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""impset against docs/impset.md: the page's code and example, files, modules of an image, and lists.

    test_impset.py IMPSCAN MKIMAGE FOLDER SOURCE
"""

import csv
import json
import pathlib
import re
import shutil
import subprocess

from image_truth import FUZZY, check, finish, rows, run, test_arguments, test_parser

PREFIX = "impset:"


def read_page(source):
    """(the functions of the page's code, aliases, lists and what the page says of them)"""
    text = (source / "docs" / "impset.md").read_text(encoding="utf-8")
    functions = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1), functions)
    aliases = functions["read_aliases"](source / "src" / "exports" / "facts" / "aliases.txt")
    return text, functions, aliases


def test_example(text, functions, aliases):
    """Imports, what they count as, tokens, set and hash, as the page has them."""
    lines = re.findall(r"^\| `(\S+)` \| `(\S+)` \| `([0-9a-f]{12})` \|$", text, re.MULTILINE)
    check(len(lines) > 5, "the page's example is not found")
    for name, counts_as, token in lines:
        check(functions["token"](name, aliases) == token, f"docs/impset.md: token of {name}")
        check(functions["token"](counts_as, {}) == token, f"docs/impset.md: {name} as {counts_as}")
    string = ",".join(name for name, _, _ in lines)
    tokens, digest = re.findall(r"^    ([0-9a-f]{24,}|\d+:\S+:\S+)$", text, re.MULTILINE)
    check(functions["import_set"](string, aliases) == tokens, "docs/impset.md: the set")
    check(functions["impset"](string, aliases) == digest, "docs/impset.md: the impset")


def hash_of(functions, aliases, imports):
    return functions["impset"](",".join(imports), aliases) if imports else None


def test_modules(impscan, image, truth, of):
    """Fields of modules, whose lists the truth has."""
    wanted = {(process["pid"], module["base"]): of(module["imports"])
              for process in truth["processes"] for module in process["modules"]}
    listed = rows(impscan, image, "-a")
    seen = 0
    for row in listed:
        key = row["pid"], row["base"]
        if key in wanted and row["status"] in ("ok", "no-imports"):
            seen += row["impset"] is not None
            check(row["impset"] == wanted[key], f"{key}: {row['impset']}, not {wanted[key]}")
        check((row["impset"] is None) == (row["imphash"] is None) and
              (row["rebuilt_impset"] is None) == (row["rebuilt_imphash"] is None),
              f"{key}: an impset without a list, or none")
    check(seen > 50, f"{seen} modules with an impset")
    return listed


def test_samples(impscan, folder, samples, image):
    """What -e prints of files, and that -i finds them by it alone."""
    text, _ = run(impscan, "-q", "-o", "csv", "-e", samples)
    files = list(csv.DictReader(text.splitlines()))
    table, _ = run(impscan, "-q", "-e", samples)
    for row in files:
        check(not row["impset"] or re.search(rf" {re.escape(PREFIX + row['impset'])} +- +"
                                             rf"{re.escape(row['path'])}$", table, re.MULTILINE),
              f"{row['path']}: not in the table")
    kept = [row for row in files if row["impset"]]
    column, prefixed = folder / "column.csv", folder / "list.txt"
    column.write_text("name,impset\n" + "".join(f"{pathlib.Path(row['path']).name},{row['impset']}\n"
                                                for row in kept))
    prefixed.write_text("".join(f"{PREFIX}{row['impset']} {pathlib.Path(row['path']).name}\n"
                                for row in kept))
    by_column, by_prefix = (rows(impscan, image, "-t", 100, "-i", path)
                            for path in (column, prefixed))
    check(by_column == by_prefix and by_column, "a column and a prefix are read in the same way")
    check(all(row["matched_hash"] in ("impset", "rebuilt_impset") and row["score"] == 100
              for row in by_column), "matched by impset")
    found = {(row["module"].lower(), row["match"].lower()) for row in by_column}
    check(("invoice.exe", "invoice.exe") in found, f"invoice.exe by its impset: {found}")
    by_files = rows(impscan, image, "-t", 1, "-e", samples)
    check(not any("impset" in row["matched_hash"] for row in by_files), "-e matches by impset")
    return len(kept)


def test_hash(impscan, image, listed):
    """-s with a prefix; without it an impset is an impfuzzy, which no module has."""
    row = next(row for row in listed if row["module"] == "invoice.exe" and row["impset"])
    found = rows(impscan, image, "-t", 100, "-s", PREFIX + row["impset"])
    check(any((r["pid"], r["base"]) == (row["pid"], row["base"]) for r in found), "-s impset:")
    check(all(r["impset"] == row["impset"] or r["rebuilt_impset"] == row["impset"]
              for r in found), "-s impset: finds another")
    check(rows(impscan, image, "-t", 100, "-s", row["impset"]) == [], "an impset as impfuzzy")
    out, _ = run(impscan, "-f", image, "-q", "-t", 100, "-s", PREFIX + row["impset"])
    check(all(f" {PREFIX}{row['impset']} " in line for line in out.splitlines()[1:]),
          "the table of a search")
    _, err = run(impscan, "-f", image, "-s", PREFIX + row["imphash"], status=(2,))
    check("nor an impset" in err, f"no impset: {err!r}")


def main():
    parser = test_parser(__doc__)
    parser.add_argument("source", type=pathlib.Path, help="the repository")
    arguments = test_arguments(parser)
    folder, impscan = arguments.folder, arguments.impscan
    shutil.rmtree(folder)
    samples = folder / "samples"
    samples.mkdir(parents=True)
    text, functions, aliases = read_page(arguments.source)
    if not FUZZY:
        finish("libfuzzy's shared library is not found")
        return
    test_example(text, functions, aliases)
    image, truth = folder / "demo.raw", folder / "truth.json"
    subprocess.run([arguments.mkimage, "--scenario", "demo", "-o", image, "--truth", truth,
                    "--pe-out", samples], check=True)
    listed = test_modules(impscan, image, json.loads(truth.read_text(encoding="utf-8")),
                          lambda imports: hash_of(functions, aliases, imports))
    files = test_samples(impscan, folder, samples, image)
    test_hash(impscan, image, listed)
    image.unlink()
    finish(f"{len(listed)} modules, {files} files with an impset")


if __name__ == "__main__":
    main()
