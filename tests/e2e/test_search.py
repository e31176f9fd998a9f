#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches: how many modules share a hash, notes, short lists, what lists say beside names; what is
known to be good; events of MISP.

    test_search.py IMPSCAN MKIMAGE FOLDER
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

from image_truth import check, finish


def rows(impscan, image, *arguments, status=(0,)):
    run = subprocess.run([impscan, "-f", image, "-o", "jsonl", *map(str, arguments)],
                         capture_output=True, check=False)
    check(run.returncode in status, f"{arguments}: exit {run.returncode}: {run.stderr.decode()}")
    return [json.loads(line) for line in run.stdout.decode().splitlines()], run.stderr.decode()


def test_same_hash(impscan, image, folder):
    listing, _ = rows(impscan, image, "-a")
    check(all(row["same_hash"] is None and row["note"] is None for row in listing), "of a listing")
    for kind in "imphash", "impfuzzy", "impset":
        counts = collections.Counter()
        for row in listing:
            counts.update({row[kind], row[f"rebuilt_{kind}"]} - {None})
        path = folder / f"{kind}.txt"
        path.write_text("".join(("impset:" if kind == "impset" else "") + value + "\n"
                                for value in sorted(counts)))
        found, _ = rows(impscan, image, "-i", path, "-t", 100)
        seen = set()
        for row in found:
            value = row["rebuilt_" * row["matched_hash"].startswith("rebuilt") + kind]
            seen.add(row["same_hash"])
            check(row["same_hash"] == counts[value] - 1,
                  f"{kind} {value}: same_hash {row['same_hash']}, {counts[value]} modules have it")
        check(len(seen) > 2, f"{kind}: modules with equal hashes: {seen}")
        one, _ = rows(impscan, image, "-i", path, "-t", 100, "-j", 1)
        check(one == found, f"{kind}: rows depend on -j")
    both, _ = rows(impscan, image, "-a", "-i", path, "-t", 100)
    check([row["base"] for row in both if row["match"] is None] ==
          [row["base"] for row in listing if not row["impset"] and not row["rebuilt_impset"]],
          "-a and a search: modules without a match have a row")


def test_min_imports(impscan, image):
    row = next(row for row in rows(impscan, image, "-a")[0] if row["imphash"])
    for least, shown in ((row["imports"], True), (row["imports"] + 1, False)):
        found, err = rows(impscan, image, "-s", row["imphash"], "--min-imports", least, status=(0, 1))
        check(bool(found) == shown, f"--min-imports {least} of {row['imports']}: {len(found)} rows")
        check(("of lists with fewer imports left out" in err) != shown, f"told: {err!r}")
    every, _ = rows(impscan, image, "-a", "-s", row["imphash"], "--min-imports", 100000)
    check(len(every) == len(rows(impscan, image, "-a")[0]), "with -a short lists have rows")
    check(not any(row["match"] for row in every), "and no match")


def test_rebuilt_others(impscan, image):
    """All lists that a search compares stand in a row, and nothing else."""
    listing, _ = rows(impscan, image, "-a")
    several = [row for row in listing if row["rebuilt_others"]]
    check(several and all(row["rebuilt_imphash"] for row in several), f"no other lists: {several}")
    own = {row[name] for row in listing for name in ("imphash", "rebuilt_imphash")}
    for row in several:
        for item in row["rebuilt_others"]:
            check(re.fullmatch(r"[0-9a-f]{32} \d+:\S+:\S+ impset:\d+:\S+:\S+", item), f"is no line: {item}")
            for number, kind in enumerate(("imphash", "impfuzzy", "impset")):
                found, _ = rows(impscan, image, "-p", row["pid"], "-s", item.split()[number], "-t", 100)
                check([one["matched_hash"] for one in found if one["base"] == row["base"]] ==
                      ["rebuilt_" + kind], f"{kind} of {item}: {found}")
                check(all(one["rebuilt_others"] == row["rebuilt_others"] for one in found
                          if one["base"] == row["base"]), "a search has others")
        hashes = [item.split()[0] for item in row["rebuilt_others"]]
        check(len({*hashes, row["rebuilt_imphash"]}) == len(hashes) + 1, f"a list twice: {hashes}")
        check(not own & set(hashes), "its other lists are all own lists of rows: no test")
    fast, _ = rows(impscan, image, "-a", "-F")
    check(not any(row["rebuilt_others"] for row in fast), "of -F")
    text = subprocess.run([impscan, "-q", "-f", image, "-a", "-o", "csv"], capture_output=True,
                          check=True).stdout.decode()
    cells = [row["rebuilt_others"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    check(cells == [";".join(row["rebuilt_others"] or []) for row in listing], "cells of CSV")


def test_lists(impscan, image, folder):
    row = next(row for row in rows(impscan, image, "-a")[0] if row["imphash"])
    path = folder / "list.csv"
    path.write_text(f"family,sha256,imphash\nFam,{'5' * 64},{row['imphash']}\nX,{'6' * 64},z\n"
                    f"Y,{'7' * 64},\n")
    found, err = rows(impscan, image, "-i", path, "-v")
    check({(row["match"], row["match_comment"]) for row in found} == {("Fam", "5" * 64)}, f"{found[:1]}")
    check("list.csv: CSV: 1 imphash taken; left out: 1 empty, 1 not understood" in err, err)
    check("list.csv:3: 'z' is no imphash" in err, err)
    _, err = rows(impscan, image, "-i", path)
    check("left out" not in err and "1 line or value was not understood" in err, f"without -v: {err}")
    _, err = rows(impscan, image, "-s", "6f9fd465750a0db68adce98869da7d3c", status=(1,))
    check("every NSIS installer" in err, f"a hash that many have: {err}")


def test_known_good(impscan, mkimage, image, folder):
    other = folder / "hidden.raw"
    subprocess.run([mkimage, "--scenario", "hidden", "-o", other], check=True)
    listing, _ = rows(impscan, image, "-a")
    every, _ = rows(impscan, other, "-a")
    results = []
    for form in "csv", "jsonl", "json":
        path = folder / f"gold.{form}"
        path.write_bytes(subprocess.run([impscan, "-q", "-f", image, "-a", "-o", form],
                                        capture_output=True, check=True).stdout)
        _, err = rows(impscan, image, "-k", path, "--only", "new", status=(1,))
        check(f"({len(listing)} known to be good left out)" in err, f"{form}: the same image: {err!r}")
        _, err = rows(impscan, image, "-v", "-k", path, "--only", "new", status=(1,))
        check(re.search(rf"gold\.{form}: [1-9]\d* modules or hashes are known to be good", err),
              f"{form}: -v does not tell what is known: {err!r}")
        found, err = rows(impscan, other, "-k", path, "--only", "new")
        check(f"({len(every) - len(found)} known to be good left out)" in err, f"{form}: {err!r}")
        results.append(found)
        check(found == rows(impscan, other, "-k", path, "-a", "-j", 1)[0], f"{form}: -a, -j 1")
    check(results[0] == results[1] == results[2], "forms of a listing differ")

    def key(row):
        return (row["module"].lower(), row["path"].lower().split("\\")[-2:], row["imphash"],
                row["impfuzzy"], row["rebuilt_imphash"], row["rebuilt_impfuzzy"],
                None if row["imphash"] else (row["size"], row["timestamp"]))
    known = [key(row) for row in listing if row["path"]]
    for row in every:
        plain = not set(row["flags"]) - {"wow64"} and row["status"] in ("ok", "no-imports")
        good = bool(plain and row["path"] and key(row) in known)
        check((row in results[0]) != good, f"{row['module']} {row['base']}: known {good}")
    check({"injected", "hollowed"} <= {flag for row in results[0] for flag in
          (row["flags"] + ["injected"] * (row["found_in"] == ["private"]))}, "what hides is shown")

    # Lists: by name and hash, or by a hash without a name.
    row = next(row for row in every if row["imphash"] and row["path"] and row["imports"] > 9 and
               not row["flags"] and not row["rebuilt_imphash"])
    name = row["module"]
    for text, left in ((f"{row['imphash']}  x/{name.upper()}\n", True), (f"{row['imphash']}\n", True),
                       (f"{row['imphash']}  other.dll\n", False), (f"{'1' * 32}  {name}\n", False),
                       (f"{row['imphash']}  {row['impfuzzy']}  {name}\n", True),
                       (f"{row['imphash']}  3:abc:def  {name}\n", False)):
        (folder / "good.txt").write_text(text)
        found, _ = rows(impscan, other, "-a", "-m", name, "-k", folder / "good.txt",
                        status=(0, 1))
        check(((row["pid"], row["base"]) not in {(one["pid"], one["base"]) for one in found}) == left,
              f"-k {text!r}")
    found, _ = rows(impscan, other, "-k", folder / "gold.csv", "-s", row["imphash"], status=(0, 1))
    check([one["base"] for one in found] ==
          [one["base"] for one in results[0] if one["imphash"] == row["imphash"]], "a search with -k")
    # An event of impscan's own is a list, and what no module is called by is told.
    listing = [row for row in every if row["imphash"] and not row["rebuilt_imphash"] and not row["flags"]]
    (folder / "event.json").write_text(json.dumps({"Event": event_of(impscan, other, "-a")}))
    found, _ = rows(impscan, other, "-k", folder / "event.json", "--only", "new")
    names = {(one["module"], one["imphash"]) for one in found if not one["flags"]}
    check(not names & {(one["module"], one["imphash"]) for one in listing}, "-k with an event of MISP")
    (folder / "event.json").write_text(json.dumps({"Event": {"info": "Campaign X", "Attribute": [
        {"type": "imphash", "value": row["imphash"]}]}}))
    fails(impscan, ["-f", other, "-a", "-k", folder / "event.json"], "called as a file is (the first: 'Campaign X')")


def test_folders(impscan, image, folder):
    """A folder is all files in it; what is no list does not end the run, unless nothing is one."""
    lists = folder / "lists"
    shutil.rmtree(lists, ignore_errors=True)
    (lists / "in").mkdir(parents=True)
    listing, _ = rows(impscan, image, "-a")
    one, two = [row for row in listing if row["imphash"] and row["imports"] > 9][:2]
    (lists / "in" / "a.txt").write_text(f"{one['imphash']} One\n")
    (lists / "b.csv").write_text(f"imphash,name\n{two['imphash']},Two\n")
    (lists / "README").write_text("what this is\n")
    found, err = rows(impscan, image, "-i", lists, "-t", 100)
    check({row["match"] for row in found} == {"One", "Two"}, f"{found}")
    check("nothing is taken of 1 of 3 files; the first: " in err and "README:1" in err, err)
    _, err = rows(impscan, image, "-i", lists, "-v")
    check("README:1" in err and "in/a.txt: plain list: 1 imphash taken" in err, err)
    (lists / "in" / "gold.csv").write_bytes(subprocess.run(
        [impscan, "-q", "-f", image, "-a", "-o", "csv"], capture_output=True, check=True).stdout)
    found, err = rows(impscan, image, "-k", lists, "--only", "new", status=(1,))
    check(f"({len(listing)} known to be good left out)" in err, err)
    (lists / "b.csv").write_text(f"imphash,name\n{two['imphash']},other.dll\n")
    _, err = rows(impscan, image, "-k", lists / "b.csv", "-a")
    check("(0 known to be good left out)" in err, f"that nothing is left out is told: {err}")
    (lists / "b.csv").write_text(f"imphash,name\n{two['imphash']},a.dll\nx,b.dll\n")
    _, err = rows(impscan, image, "-k", lists / "b.csv", "-a")
    check("b.csv:3: 'x' is no imphash" in err, f"what -k does not understand is told: {err}")
    (lists / "empty.txt").write_text("# nothing\n")
    run = subprocess.run([impscan, "-f", image, "-v", "-i", lists / "empty.txt"], capture_output=True, check=False)
    check("empty.txt: plain list: empty\n" in run.stderr.decode(), run.stderr)
    shutil.rmtree(lists)


def fails(impscan, arguments, sentence):
    run = subprocess.run([impscan, *map(str, arguments)], capture_output=True, check=False)
    check(run.returncode == 2 and sentence in run.stderr.decode(), f"{arguments}: {run.stderr.decode()!r}")


def list_of(list_read, path):
    """What is taken of a list: the hashes of each sample with its name, and what is told."""
    out = subprocess.run([list_read, path], capture_output=True, check=True).stdout.decode()
    samples, told = [], []
    for line in out.split("\n"):
        cells = line.split("\t")
        if cells[0] not in ("imphash", "impfuzzy", "impset"):
            told += [line] if cells[0] in ("told", "error") or "not understood" in line else []
        elif cells[4] == "0":
            samples.append({cells[0]: cells[1], "name": cells[2]})
        else:
            samples[-1][cells[0]] = cells[1]
    check(not told, f"{path}: {told}")
    return {tuple(sorted(sample.items())) for sample in samples}


def sample(row, kinds, name, prefix=""):
    hashes = {kind: row[prefix + kind] for kind in kinds if row[prefix + kind]}
    if "impset" in hashes:
        hashes["impset"] = "impset:" + hashes["impset"]
    return tuple(sorted([*hashes.items(), ("name", name + " (rebuilt)" * bool(prefix))])) if hashes else None


def expected_of(found, kinds, by_path):
    """What a form that has these kinds says of rows, named by their paths or by modules."""
    out = set()
    for row in found:
        name = row["path"] if by_path and row["path"] else row["module"]
        out |= {sample(row, kinds, name), sample(row, kinds, name, "rebuilt_")}
    return out - {None}


BOTH, ALL = ("imphash", "impfuzzy"), ("imphash", "impfuzzy", "impset")


def test_round_trip(impscan, mkimage, image, folder):
    """What is printed in any form reads back the same with -i."""
    list_read = pathlib.Path(mkimage).parent / "list_read"
    path = folder / "printed"
    for each in "dumped", "samples":
        shutil.rmtree(folder / each, ignore_errors=True)

    def read(*arguments):
        run = subprocess.run([impscan, "-q", *map(str, arguments)], capture_output=True, check=True)
        path.write_bytes(run.stdout)
        return list_of(list_read, path)

    def compare(found, kinds, by_path, arguments):
        expected = expected_of(found, kinds, by_path)
        got = read(*arguments)
        check(got == expected, f"{arguments}: {len(got)}, not {len(expected)}: {got ^ expected}")

    listing, _ = rows(impscan, image, "-a")
    check(any(row["rebuilt_imphash"] and not row["imphash"] for row in listing), "a rebuilt list alone")
    for form, kinds, by_path in (("table", BOTH, False), ("wide", BOTH, True), ("csv", ALL, True),
                                 ("jsonl", ALL, True), ("json", ALL, True), ("misp", BOTH, False)):
        compare(listing, kinds, by_path, ["-f", image, "-a", "-o", form])
    for form, by_path in (("table", False), ("wide", True)):
        compare(listing, BOTH, by_path, ["-f", image, "-f", image, "-a", "-o", form])
    row = next(row for row in listing if row["imphash"] and not row["rebuilt_imphash"] and row["path"])
    found, _ = rows(impscan, image, "-s", row["imphash"])
    for form, kinds, by_path in (("table", ("imphash",), False), ("wide", BOTH, True), ("csv", ALL, True),
                                 ("jsonl", ALL, True), ("json", ALL, True), ("misp", BOTH, False)):
        compare(found, kinds, by_path, ["-f", image, "-s", row["imphash"], "-o", form])
    # Samples, with names that are escaped where they are printed.
    samples = folder / "samples"
    subprocess.run([mkimage, "--scenario", "demo", "--pe-out", samples, "-o", folder / "x.raw"], check=True)
    (folder / "x.raw").unlink()
    for old, new in (("helper.dll", "a  b .dll"), ("invoice.exe", "=c\\x86\u200b d")):
        (samples / old).rename(samples / new)
    out = subprocess.run([impscan, "-e", samples, "-o", "jsonl"], capture_output=True, check=True).stdout
    found = [{**row, "module": row["path"], **{f"rebuilt_{kind}": None for kind in ALL}}
             for row in map(json.loads, out.decode().splitlines())]
    check(len(found) > 10, f"{len(found)} samples")
    for form in "table", "wide", "csv", "jsonl", "json":
        compare(found, ALL, True, ["-e", samples, "-o", form])
    # The index of dumped modules.
    run = subprocess.run([impscan, "-q", "-f", image, "-a", "-m", row["module"], "-d", folder / "dumped"],
                         capture_output=True, check=True)
    found = [one for one in listing if row["module"].lower() in (one["module"] or "").lower()]
    check(list_of(list_read, folder / "dumped" / "index.json") == expected_of(found, BOTH, True),
          f"index.json: {run.stderr}")
    for each in "dumped", "samples":
        shutil.rmtree(folder / each)



# What MISP needs of an event and of what is in it (PyMISP's and MISP's own checks).
EVENT = {"uuid", "info", "date", "analysis", "threat_level_id", "distribution", "Attribute", "Object"}
OBJECT = {"uuid", "name", "meta-category", "template_uuid", "template_version", "Attribute"}
ATTRIBUTE = {"uuid", "type", "category", "value", "object_relation", "to_ids"}
REFERENCE = {"uuid", "object_uuid", "referenced_uuid", "relationship_type"}
TYPES = {"imphash": "imphash", "impfuzzy": "impfuzzy", "text": "text", "name": "text", "pid": "text",
         "parent-pid": "text", "hidden": "boolean", "compilation-timestamp": "datetime"}


def event_of(impscan, image, *arguments, status=0):
    run = subprocess.run([impscan, "-q", "-f", image, "-o", "misp", *map(str, arguments)],
                         capture_output=True, check=False)
    check(run.returncode == status, f"misp {arguments}: exit {run.returncode}")
    return json.loads(run.stdout)["Event"]


def check_event(event):
    """Members, their types, and that what is referred to is there. Returns the objects by name."""
    check(EVENT <= set(event), f"members of an event: {set(event)}")
    objects = {one["uuid"]: one for one in event["Object"]}
    check(len(objects) == len(event["Object"]), "objects with one UUID")
    uuids = [event["uuid"], *objects]
    for one in event["Object"]:
        check(OBJECT <= set(one) and one["Attribute"], f"members of an object: {set(one)}")
        for each in one["Attribute"]:
            check(ATTRIBUTE <= set(each) and each["type"] == TYPES[each["object_relation"]], each)
            uuids.append(each["uuid"])
        for each in one.get("ObjectReference", []):
            check(REFERENCE <= set(each) and each["object_uuid"] == one["uuid"], each)
            check(objects[each["referenced_uuid"]]["name"] == "process", f"refers to: {each}")
            uuids.append(each["uuid"])
        check(one["name"] != "pe" or one.get("ObjectReference"), "a pe without a process")
    check(len(set(uuids)) == len(uuids), "UUIDs are not unique")
    check(all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one)
              for one in uuids), "UUIDs")
    return [one for one in event["Object"] if one["name"] == "pe"]


def attributes(one):
    return {each["object_relation"]: each for each in one["Attribute"]}


def test_misp(impscan, image, folder):
    listing, _ = rows(impscan, image, "-a")
    pes = check_event(event_of(impscan, image, "-a"))
    check([(one["comment"], attributes(one).get("imphash", {}).get("value")) for one in pes] ==
          [(row["module"], row["imphash"]) for row in listing], "a pe for each module of a listing")
    check(not any(each["to_ids"] for one in pes for each in one["Attribute"]), "a listing detects")
    check(event_of(impscan, image, "-a", "-j", 1) == event_of(impscan, image, "-a"), "-j 1")
    row = next(row for row in listing if row["imphash"])
    path = folder / "two.txt"
    path.write_text(f"{row['imphash']} One\n{row['imphash']} Two\n")
    pes = check_event(event_of(impscan, image, "-i", path, "-t", 100))
    found, _ = rows(impscan, image, "-i", path, "-t", 100)
    check(len(pes) * 2 == len(found), f"two matches are one object: {len(pes)}, {len(found)} rows")
    for one in pes:
        said = attributes(one)
        check(said["imphash"]["to_ids"] and said["imphash"]["value"] == row["imphash"], said)
        check("imphash 100: One; imphash 100: Two" in said["text"]["value"], said["text"])
    event = event_of(impscan, image, "-s", "1" * 32, status=1)
    check(check_event(event) == [] and event["Object"] == [], "an event of nothing")
    # What is written is read.
    path = folder / "event.json"
    path.write_text(json.dumps({"Event": event_of(impscan, image, "-a")}))
    check(len(rows(impscan, image, "-i", path, "-t", 100)[0]) >= sum(bool(row["imphash"]) for row in listing),
          "-i reads the event")


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "demo.raw"
    subprocess.run([mkimage, "--scenario", "demo", "-o", image], check=True)
    test_same_hash(impscan, image, folder)
    test_min_imports(impscan, image)
    test_lists(impscan, image, folder)
    test_folders(impscan, image, folder)
    test_known_good(impscan, mkimage, image, folder)
    test_rebuilt_others(impscan, folder / "hidden.raw")
    test_round_trip(impscan, mkimage, folder / "hidden.raw", folder)
    (folder / "hidden.raw").unlink()
    test_misp(impscan, image, folder)
    image.unlink()
    finish("search")


if __name__ == "__main__":
    main()
