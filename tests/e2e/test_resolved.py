#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples found by the addresses that they import, in programs whose import directories are wiped and
whose names and order memory doesn't tell: the programs of ../data/made-programs.txt, beside DLLs with
the exports of Windows 10.

    test_resolved.py IMPSCAN MKIMAGE FOLDER
"""

import argparse
import collections
import csv
import io
import json
import pathlib
import shutil
import sys

from image_truth import check, finish, rows, run, test_arguments

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

from real_exports import Machine, Session, made_programs  # noqa: E402
from real_judge import score  # noqa: E402


def name_of(row):
    return pathlib.PurePath(row["match"]).name


def compare_programs(where, session, machine):
    """Each program is found by its own file first, others score what the files score."""
    found = collections.defaultdict(list)
    for row in rows(session.arguments.impscan, machine.image, "-t", 1, "-e", session.samples):
        found[row["pid"], int(row["base"], 16)].append(row)
    resolved = 0
    for program in machine.programs:
        mine = session.hashes[program.name]
        matches = found[machine.bases[program.name]]
        names = [name_of(row) for row in matches]
        check(matches and names[0] == program.name and matches[0]["score"] == 100,
              f"{where}: {program.name} is {names[:2]}")
        check(len(set(names)) == len(names), f"{where}: a sample twice with {program.name}")
        check(matches[0]["rebuilt_imports"] == len(program.imports), f"{where}: {matches[0]}")
        check({row["matched_hash"] for row in matches} <= {"resolved", "rebuilt_imphash"},
              f"{where}: {program.name} is matched by {[r['matched_hash'] for r in matches]}")
        resolved += matches[0]["matched_hash"] == "resolved"
        got = {name: row["score"] for name, row in zip(names, matches)}
        for other, hashes in session.hashes.items():
            files = score(hashes[1], mine[1])
            check(other == program.name or abs(got.get(other, 0) - files) <= 5,
                  f"{where}: {program.name} scores {got.get(other, 0)} with {other}, "
                  f"the files {files}")
    check(resolved, f"{where}: no program is found by addresses only")


def compare_forms(where, session, machine):
    """Forms, --best, lists and threads."""
    impscan, image, samples = session.arguments.impscan, machine.image, session.samples
    all_rows = rows(impscan, image, "-t", 30, "-e", samples)
    best = rows(impscan, image, "-t", 30, "--best", "-e", samples)
    first = {}
    for row in all_rows:
        key = row["pid"], row["base"]
        first.setdefault(key, row["score"])
    check(best == [row for row in all_rows if row["score"] == first[row["pid"], row["base"]]],
          f"{where}: --best")
    text, _ = run(impscan, "-q", "-f", image, "-t", "30", "-o", "csv", "-e", samples)
    in_csv = [(row["match"], row["score"], row["matched_hash"])
              for row in csv.DictReader(io.StringIO(text))]
    check(in_csv == [(row["match"], str(row["score"]), row["matched_hash"]) for row in all_rows],
          f"{where}: CSV")
    text, _ = run(impscan, "-q", "-f", image, "-t", "30", "-o", "json", "-e", samples)
    whole = json.loads(text)
    in_json = [{**row, "image": None} for row in
               (whole["rows"] if isinstance(whole, dict) else whole)]
    check(in_json == [{**row, "image": None} for row in all_rows], f"{where}: JSON")
    text, _ = run(impscan, "-q", "-f", image, "-t", "30", "-e", samples)
    lines = [line for line in text.splitlines() if "  resolved  " in line]
    by_addresses = [row for row in all_rows if row["matched_hash"] == "resolved"]
    check(len(lines) == len(by_addresses) and by_addresses, f"{where}: table {len(lines)}")
    for line, row in zip(lines, by_addresses):
        check(row["rebuilt_impfuzzy"] in line and f" {row['rebuilt_imports']} " in line and
              f" {row['score']} " in line and name_of(row) in line, f"{where}: {line} of {row}")
    for threads in (1, 2, 8):
        check(rows(impscan, image, "-t", 30, "-e", samples, "-j", threads) == all_rows,
              f"{where}: other rows with -j {threads}")
    # Lists don't tell imports, and names alone need no addresses.
    for options in (("-i", session.list), ("-F", "-e", samples)):
        check(not any(row["matched_hash"] == "resolved"
                      for row in rows(impscan, image, "-t", 1, *options)),
              f"{where}: by addresses with {options[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("impscan", type=pathlib.Path)
    parser.add_argument("mkimage", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = test_arguments(parser)
    arguments.build, arguments.tables = arguments.impscan.parent, None
    shutil.rmtree(arguments.folder)
    arguments.folder.mkdir(parents=True)
    programs = made_programs(arguments.build, arguments.folder / "files")
    session = Session(arguments, "made", programs, arguments.folder)
    for arch in ("x64", "x86"):
        for treatment in ("directories", "heap"):
            work = arguments.folder / "machine"
            work.mkdir()
            machine = Machine(arguments.build, work, session.tables_of(arch),
                              [p for p in programs if p.arch == arch], treatment, [])
            where = f"{arch} {treatment}"
            compare_programs(where, session, machine)
            if treatment == "directories":
                compare_forms(where, session, machine)
            shutil.rmtree(work)
    shutil.rmtree(arguments.folder)
    finish(f"{len(programs)} programs")


if __name__ == "__main__":
    main()
