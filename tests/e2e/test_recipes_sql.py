#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""recipes/sql on the real SQLite and PostgreSQL: the answers to its questions equal those that are
computed here.

    test_recipes_sql.py IMPSCAN MKIMAGE FOLDER sqlite|postgresql

Rows are those of written images, with changes that make every question have an answer.
"""

import collections
import contextlib
import csv
import io
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from image_truth import check, finish, skip, test_arguments, test_parser  # noqa: E402
from recipes import PATIENCE, RECIPES, SKIPPED, need, recipe  # noqa: E402

MACHINES = [("plain", 1), ("plain", 2), ("hidden", 3), ("dotnet", 4), ("go", 5)]
ODD = 'a "b", \\c\u0001\t\n\u2028\U0001f600'


def changed(row, rng):
    """A row with something in it that a question asks for, now and then."""
    row = {**row, "started": f"2026-0{rng.randrange(1, 10)}-11T10:00:00Z"}
    kind = rng.randrange(12)
    if kind == 0:
        row["match"], row["score"] = f"family {rng.randrange(4)}", rng.randrange(70, 101)
    elif kind == 1:
        row["path"] = "C:\\Users\\Public\\" + row["module"]
    elif kind == 2:
        row["imphash"] = f"{rng.randrange(3):032x}"
    elif kind == 3:
        row["module"] = row["module"].upper()
    elif kind == 4:
        row["flags"] = ["injected"]
    elif kind == 5:
        row.update(status="unreadable", reason=ODD, imphash=None, rebuilt_imphash=None)
    elif kind == 6:
        row["process"] = ODD
    return row


def make_rows(arguments):
    rows, rng = [], random.Random(7)
    for scenario, seed in MACHINES:
        image = arguments.folder / "image"
        subprocess.run([arguments.mkimage, "--scenario", scenario, "--seed", str(seed), "-o", image],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        out = subprocess.run([arguments.impscan, "-q", "-f", image, "--label", f"{scenario} {seed}",
                              "-a", "-o", "jsonl"], check=True, capture_output=True, text=True).stdout
        rows += [changed(json.loads(line), rng) for line in out.splitlines()]
        image.unlink()
    return rows


def distinct(rows, keys, value):
    """For each key how many different values there are; rows whose key has a None are left out."""
    found = collections.defaultdict(set)
    for row in rows:
        key = tuple(keys(row))
        if None not in key:
            found[key].add(value(row))
    return found


def lower(text):
    """As SQL's LOWER does with ASCII."""
    return text and re.sub("[A-Z]", lambda m: m[0].lower(), text)


def image(row):
    return row["image"]


def rebuilt(row):
    return row["rebuilt_imphash"] or row["imphash"]


def overview(rows):
    return [[name, len({row["pid"] for row in of}), sum(row["base"] is not None for row in of),
             sum(row["imphash"] is not None for row in of),
             sum(row["status"] not in ("ok", "no-imports") for row in of)]
            for name in sorted({row["image"] for row in rows})
            for of in [[row for row in rows if row["image"] == name]]]


def rare(rows):
    groups = distinct(rows, lambda row: (lower(row["module"]), rebuilt(row)), image)
    found = []
    for (name, hash_), images in groups.items():
        of = [row for row in rows if (lower(row["module"]), rebuilt(row)) == (name, hash_)]
        if len(images) == 1:
            found.append([name, hash_, min(images), len({row["pid"] for row in of}),
                          max(as_text(row["flags"]) for row in of)])
    return found


def spread(rows):
    found = []
    for name in {row["match"] for row in rows} - {None}:
        of = [row for row in rows if row["match"] == name]
        found.append([name, len({row["image"] for row in of}), len(of),
                      max(row["score"] for row in of), min(row["started"] for row in of),
                      max(row["started"] for row in of)])
    return found


def unusual(rows, key):
    """[name, key, machines, machines of the most usual one] where there are fewer."""
    kinds = distinct(rows, lambda row: (lower(row["module"]), key(row)), image)
    usual = collections.Counter()
    for (name, _), images in kinds.items():
        usual[name] = max(usual[name], len(images))
    return [[name, value, len(images), usual[name]] for (name, value), images in kinds.items()
            if len(images) < usual[name]]


def renamed(rows):
    names = distinct(rows, lambda row: (row["imphash"],), lambda row: lower(row["module"]))
    images = distinct(rows, lambda row: (row["imphash"],), image)
    return [[key[0], len(of), min(of), max(of), len(images[key])] for key, of in names.items()
            if len(of) > 1]


def flagged(rows):
    return [[row["image"], row["pid"], row["process"], row["module"], row["base"],
             as_text(row["flags"])] for row in rows if row["flags"]]


def parents(rows):
    processes = {(row["image"], row["pid"], row["ppid"], lower(row["process"])) for row in rows}
    by_pid = collections.defaultdict(set)
    for name, pid, _, process in processes:
        by_pid[name, pid].add(process)
    found = collections.defaultdict(set)
    for name, _, ppid, process in processes:
        for parent in by_pid[name, ppid]:
            found[parent, process].add(name)
    return [[*pair, min(images)] for pair, images in found.items() if len(images) == 1]


def unhashed(rows):
    count = collections.Counter((row["image"], row["status"], row["reason"]) for row in rows
                                if row["imphash"] is None and row["rebuilt_imphash"] is None and
                                row["status"] not in (None, "no-imports"))
    return [[*key, number] for key, number in count.items()]


def names_once(rows):
    def key(row):
        return row["typerefhash"] or row["gimphash"]

    def name(row):
        return row["assembly"] or row["go_module"] or row["module"]
    return [[hash_, min(name(row) for row in rows if key(row) == hash_), min(images),
             sum(key(row) == hash_ for row in rows)]
            for (hash_,), images in distinct(rows, lambda row: (key(row),), image).items()
            if len(images) == 1]


EXPECTED = [overview, rare, spread,
            lambda rows: unusual(rows, lambda row: row["imphash"]), renamed, flagged, parents,
            lambda rows: unusual(rows, lambda row: row["path"] and lower(row["path"])),
            unhashed, names_once]


def as_text(value):
    """A value as the loaders keep it."""
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return value


def questions():
    text = (RECIPES / "sql" / "questions.sql").read_text(encoding="utf-8")
    return [part[:part.index(";") + 1] for part in re.split(r"(?m)^-- \d+\. .*\n", text)[1:]]


class Sqlite:
    def __init__(self, folder):
        need("SQLite", "sqlite3")
        self.database = folder / "rows.db"

    def load(self, *files):
        return recipe("sql/load-sqlite", self.database, *files)[0]

    def ask(self, query):
        return subprocess.run(["sqlite3", "-csv", self.database, query], check=True,
                              capture_output=True).stdout.decode()


class Postgresql:
    def __init__(self, folder, environment):
        self.environment = environment

    def load(self, *files):
        return recipe("sql/load-postgresql", *files, environment=self.environment)[0]

    def ask(self, query):
        return subprocess.run(["psql", "-X", "-q", "-t", "--csv"], input=query.encode(), check=True,
                              capture_output=True, env={**os.environ, **self.environment}
                              ).stdout.decode()


def postgres_command():
    """What runs PostgreSQL's programs, which refuse to be root, and their folder."""
    need("PostgreSQL", "psql")
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        skip("PostgreSQL: its server is not installed")
        sys.exit(SKIPPED)
    return (["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []), found[-1].parent


@contextlib.contextmanager
def server():
    """A server for a while, which only its socket leads to; the environment that finds it."""
    prefix, programs = postgres_command()
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = pathlib.Path(name)
        if prefix:
            shutil.chown(folder, "postgres")
        user = "postgres" if prefix else pwd.getpwuid(os.getuid()).pw_name
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        control = [*prefix, programs / "pg_ctl", "-D", folder / "data"]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "timeout": PATIENCE, "cwd": folder}
        subprocess.run([*prefix, programs / "initdb", "-D", folder / "data", "-A", "trust", "-N",
                        "-E", "UTF8", "--locale=C.UTF-8"], stderr=subprocess.DEVNULL, **quiet)
        subprocess.run([*control, "-o", options, "-l", folder / "log", "-w", "start"], **quiet)
        try:
            yield {"PGHOST": str(folder), "PGUSER": user, "PGDATABASE": "postgres"}
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def check_answers(database, rows):
    for number, (query, expected) in enumerate(zip(questions(), EXPECTED, strict=True), 1):
        answer = list(csv.reader(io.StringIO(database.ask(query), newline="")))
        wanted = [["" if value is None else str(value) for value in line] for line in expected(rows)]
        check(wanted, f"question {number} has no answer here")
        check(sorted(answer) == sorted(wanted),
              f"question {number}: {[line for line in answer if line not in wanted][:3]} instead of "
              f"{[line for line in wanted if line not in answer][:3]}")


def test(database, folder, rows):
    lines = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows]
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    half = next(i for i, row in enumerate(rows) if row["image"] != rows[0]["image"])
    damaged = ["", '{"impscan":"1","image":"x"}', '{"pid":4,', "\t"]
    first.write_text("\n".join(lines[:half] + damaged) + "\n", encoding="utf-8")
    second.write_text("\n".join(lines[half:]), encoding="utf-8")
    for _ in range(2):  # the second time replaces what the first one loaded
        out = database.load(first, second)
        check(out.strip() == f"{len(rows)} rows of {len(MACHINES)} images; left out: 3 lines",
              f"loaded: {out}")
    check_answers(database, rows)


def main():
    parser = test_parser(__doc__)
    parser.add_argument("which", choices=["sqlite", "postgresql"])
    arguments = test_arguments(parser)
    folder = arguments.folder
    shutil.rmtree(folder)
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        if arguments.which == "sqlite":
            database = Sqlite(folder)
        else:
            database = Postgresql(folder, stack.enter_context(server()))
        rows = make_rows(arguments)
        test(database, folder, rows)
    shutil.rmtree(folder)
    finish(f"{len(rows)} rows, {len(EXPECTED)} questions")


if __name__ == "__main__":
    main()
