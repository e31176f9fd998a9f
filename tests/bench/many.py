#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What saved rows of many machines cost: searched, stacked and clustered, against comparing all with
all and against SQLite.

    many.py BUILD [--machines N] [--rows N] [--distinct N] [--hashes N] [--parts N] [--folder DIR]

Rows are made up (bench_made_rows), by default 10,000 of each of 200 machines with 40,000 distinct
impfuzzy hashes: 2.4 GB in DIR, which is a temporary folder. Each step runs once, with the file in the
page cache; CPU seconds depend less on what else the machine does. Brute force is measured on a few
thousand hashes (bench_alike) and reckoned up. SQLite loads the rows by recipes/sql/load-sqlite, and
answers the question of --stack.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORCED = 3000  # hashes that are compared all with all
STACK = """SELECT count(DISTINCT image), count(DISTINCT image || pid || eprocess), lower(module),
    imphash, impfuzzy, rebuilt_imphash, rebuilt_impfuzzy, min(image), max(image) FROM modules
    GROUP BY lower(module), imphash, impfuzzy, rebuilt_imphash, rebuilt_impfuzzy ORDER BY 1, 2"""


def step(name, command, out, **options):
    """Runs a command with its output to a file; prints and returns wall, CPU and memory."""
    start = time.monotonic()
    with open(out, "wb") as file:
        process = subprocess.Popen([*map(str, command)], stdout=file, stderr=subprocess.PIPE,
                                   text=True, **options)
        told = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{name}: exit {process.returncode}: {told}")
    wall, cpu = time.monotonic() - start, used.ru_utime + used.ru_stime
    last = told.strip().splitlines()[-1] if told.strip() else ""
    print(f"{name:34} {wall:8.2f} s {cpu:8.2f} s CPU {used.ru_maxrss / 1024:7.0f} MB  {last}",
          flush=True)
    return wall, cpu


def forced_pair(build):
    """CPU seconds of one comparison by libfuzzy."""
    out = subprocess.run([build / "tests/bench_alike", str(FORCED)], check=True,
                         capture_output=True, text=True).stdout
    return float(re.search(r"all with all ([0-9.]+)", out)[1]) / (FORCED * (FORCED - 1) / 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10000, help="of each machine")
    parser.add_argument("--distinct", type=int, default=40000)
    parser.add_argument("--hashes", type=int, default=100000, help="that are searched for")
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--no-sqlite", action="store_true")
    args = parser.parse_args()
    build = args.build.resolve()
    impscan, made = build / "impscan", build / "tests/bench_made_rows"
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="impscan-many.") as name:
        folder = pathlib.Path(name)
        rows, hashes, null = folder / "rows.jsonl", folder / "hashes.txt", os.devnull
        step("make rows", [made, "rows", args.machines, args.rows, args.distinct], rows)
        step("make the list", [made, "list", args.hashes, args.distinct], hashes)
        print(f"{args.machines * args.rows} rows, {rows.stat().st_size / 1e9:.2f} GB")
        step(f"search, {args.hashes} hashes", [impscan, "-r", rows, "-i", hashes], null)
        step("--stack", [impscan, "-r", rows, "--stack"], null)
        step("--stack -o jsonl", [impscan, "-r", rows, "--stack", "-o", "jsonl"],
             folder / "lists.jsonl")
        step("--cluster -t 70", [impscan, "-r", rows, "--cluster", "-t", "70"],
             folder / "whole.txt")
        step("--cluster -t 70 --graph", [impscan, "-r", rows, "--cluster", "-t", "70", "--graph",
                                         folder / "graph"], null)
        (folder / "parts").mkdir()
        for part in range(1, args.parts + 1):
            step(f"--part {part}/{args.parts} of the lists",
                 [impscan, "-r", folder / "lists.jsonl", "--cluster", "-t", "70", "--part",
                  f"{part}/{args.parts}"], folder / "parts" / str(part))
        step("--join", [impscan, "-r", rows, "--cluster", "-t", "70", "--join", folder / "parts"],
             folder / "joined.txt")
        same = (folder / "whole.txt").read_bytes() == (folder / "joined.txt").read_bytes()
        print("the groups of the parts are those of the whole" if same else "OTHER GROUPS")
        pair = forced_pair(build)
        print(f"brute force, reckoned up at {pair * 1e9:.0f} ns a comparison by libfuzzy: search "
              f"{pair * args.distinct * args.hashes:.0f} s of CPU (each distinct hash once), "
              f"cluster {pair * args.distinct * (args.distinct - 1) / 2:.0f} s")
        if not args.no_sqlite:
            database = folder / "rows.db"
            step("SQLite: load", [ROOT / "recipes/sql/load-sqlite", database, rows], null)
            print(f"SQLite: {database.stat().st_size / 1e9:.2f} GB")
            step("SQLite: the question of --stack", ["sqlite3", database, STACK], null)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
