#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--stack and --cluster: counts and groups are those that a simple reckoning over the rows gives.

    test_many.py IMPSCAN MKIMAGE FOLDER
"""

import collections
import csv
import io
import itertools
import json
import random
import shutil
import subprocess
import xml.etree.ElementTree

from image_truth import check, finish, libfuzzy, run, skip, test_arguments, test_parser

SCENARIOS = {"one.raw": "hidden", "two.raw": "rebuilt", "three.raw": "dotnet", "four.raw": "go"}
HASHES = ["imphash", "impfuzzy", "rebuilt_imphash", "rebuilt_impfuzzy", "typerefhash",
          "typerefuzzy", "gimphash", "gimpfuzzy"]
# Import lists that every program made with some tool has: src/match/common.c.
COMMON = {"f34d5f2d4577ed6d9ceec516c1f5a744", "dae02f32a21e03ce65412f6e56942daa",
          "9cbefe68f395e67356e2a5d8d1b285c0"}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def jsonl(rows):
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def counted(rows):
    """Those that are not left out: what has no hash must have been read."""
    return [row for row in rows if row["found_in"] and
            (any(row[name] for name in HASHES) or row["status"] in ("ok", "no-imports"))]


def process(row):
    return row["image"], row["pid"], row["eprocess"]


def expected_stacks(rows):
    """{(name, hashes): (machines, processes, modules, first image, last image, flags)}"""
    images, entries = {}, collections.defaultdict(list)
    for row in rows:
        images.setdefault(row["image"], len(images))
        entries[row["module"].lower(), tuple(row[name] for name in HASHES)].append(row)
    order = list(images)
    return {key: (len({row["image"] for row in found}), len({process(row) for row in found}),
                  len(found), order[min(images[row["image"]] for row in found)],
                  order[max(images[row["image"]] for row in found)],
                  sorted({flag for row in found for flag in row["flags"]}))
            for key, found in entries.items()}


def spread(rows, several):
    return len({row["image"] if several else process(row) for row in rows})


def expected_marks(rows, min_imports=0):
    several = len({row["image"] for row in rows}) > 1
    names, hashes = (collections.defaultdict(lambda: collections.defaultdict(list))
                     for _ in range(2))
    for row in rows:
        name, values = row["module"].lower(), tuple(row[name] for name in HASHES)
        names[name][values].append(row)
        hashes[values][name].append(row)
    marks = {}
    for name, variants in names.items():
        everyone = spread(itertools.chain(*variants.values()), several)
        usual = max(spread(found, several) for found in variants.values())
        for values, found in variants.items():
            own = spread(found, several)
            mark = []
            if 2 * usual > everyone > 2 * own and found[0]["found_in"] != ["private"]:
                mark.append("other-hash")
            others = [spread(other, several) for named, other in hashes[values].items()
                      if named != name]
            if strong_lists(found[0], min_imports) and max(others, default=0) >= own:
                mark.append("other-name")
            marks[name, values] = mark
    return marks


def test_stack(impscan, arguments, rows):
    rows = counted(rows)
    text, _ = run(impscan, "-q", *arguments, "--stack", "-o", "jsonl")
    stacks = rows_of(text)
    found = {(stack["module"].lower(), tuple(stack[name] for name in HASHES)):
             (stack["machines"], stack["processes"], stack["modules"], stack["image"],
              stack["last_image"], sorted(stack["flags"])) for stack in stacks}
    expected = expected_stacks(rows)
    differ = [(key, found.get(key), expected.get(key)) for key in {**found, **expected}
              if found.get(key) != expected.get(key)]
    check(not differ, f"{arguments}: {len(differ)} other stacks: {differ[:1]}")
    check(len(found) == len(stacks), f"{arguments}: a distinct module stands there twice")
    order = [(stack["machines"], stack["processes"], stack["module"].lower()) for stack in stacks]
    check(order == sorted(order), f"{arguments}: the rarest are not first")
    marks = {(stack["module"].lower(), tuple(stack[name] for name in HASHES)): stack["marks"]
             for stack in stacks}
    check(marks == expected_marks(rows), f"{arguments}: other marks")
    for stack in stacks:
        check((stack["other_name"] is not None) == ("other-name" in stack["marks"]),
              f"{stack['module']}: other name {stack['other_name']}")
    return marks


def strong_lists(row, min_imports):
    """[(kind, exact, fuzzy)] of a row, as far as they tell programs apart."""
    if row["typerefhash"] or row["typerefuzzy"]:
        lists = [("types", row["typerefhash"], row["typerefuzzy"], row["typerefs"])]
    elif row["gimphash"] or row["gimpfuzzy"]:
        lists = [("functions", row["gimphash"], row["gimpfuzzy"], row["go_functions"])]
    else:
        lists = [("imports", row["imphash"], row["impfuzzy"], row["imports"]),
                 ("imports", row["rebuilt_imphash"], row["rebuilt_impfuzzy"],
                  row["rebuilt_imports"])]
        lists = [item for item in lists if item[1] not in COMMON and not row.get("by_go")]
    return [item[:3] for item in lists if (item[1] or item[2]) and (item[3] or 0) >= min_imports]


def expected_clusters(rows, threshold, min_imports):
    """The groups of modules, each a set of numbers of rows."""
    by_list = collections.defaultdict(list)
    for number, row in enumerate(rows):
        for item in strong_lists(row, min_imports):
            by_list[item].append(number)
    group = list(range(len(rows)))

    def root(number):
        while group[number] != number:
            number = group[number]
        return number

    def join(numbers):
        for number in numbers:
            group[root(number)] = root(numbers[0])

    for numbers in by_list.values():
        join(numbers)
    for a, b in itertools.combinations(by_list, 2):
        alike = a[0] == b[0] and ((a[1] and a[1] == b[1]) or
                                  (a[2] and b[2] and libfuzzy.compare(a[2], b[2]) >= max(threshold, 1)))
        if alike:
            join([by_list[a][0], by_list[b][0]])
    groups = collections.defaultdict(set)
    for numbers in by_list.values():
        for number in numbers:
            groups[root(number)].add(number)
    return [numbers for numbers in groups.values() if len(numbers) > 1]


def summary(rows, numbers):
    found = [rows[number] for number in numbers]
    return (len(found), len({row["image"] for row in found}), len({process(row) for row in found}),
            tuple(sorted({row["module"].lower() for row in found})),
            tuple(sorted({flag for row in found for flag in row["flags"]})))


def test_clusters(impscan, arguments, rows, threshold, min_imports=0):
    rows = counted(rows)
    text, _ = run(impscan, "-q", *arguments, "--cluster", "-t", str(threshold), "--min-imports",
                  str(min_imports), "-o", "jsonl")
    found = rows_of(text)
    expected = [summary(rows, numbers)
                for numbers in expected_clusters(rows, threshold, min_imports)]
    printed = [(group["modules"], group["machines"], group["processes"],
                tuple(sorted({name.lower() for name in group["names"]})),
                tuple(sorted(group["flags"]))) for group in found]
    check(sorted(printed) == sorted(expected),
          f"{arguments} -t {threshold} --min-imports {min_imports}: other groups")
    check([group["cluster"] for group in found] == list(range(1, len(found) + 1)),
          "numbers of groups")
    sizes = [group["modules"] for group in found]
    check(sizes == sorted(sizes, reverse=True), "the largest group is not first")
    for group in found:
        check((group["score_least"] is None) == (group["hashes"] == 1), "scores of one list")
    return text


def test_parts(impscan, arguments, whole, threshold, folder):
    """The groups of the parts, also of those that distinct modules give, are those of the whole."""
    stacks = folder / "stacks.jsonl"
    stacks.write_text(run(impscan, "-q", *arguments, "--stack", "-o", "jsonl")[0])
    _, told = run(impscan, "-r", stacks, "--cluster")
    check("of the rows are distinct modules, which --stack gave" in told, "rows of --stack")
    for parts, of in ((1, arguments), (4, arguments), (3, ["-r", stacks])):
        parts_folder = folder / f"parts{parts}"
        parts_folder.mkdir()
        pairs = 0
        for part in range(1, parts + 1):
            text, told = run(impscan, *of, "--cluster", "-t", str(threshold), "--part",
                             f"{part}/{parts}")
            check("distinct modules" not in told, told)
            (parts_folder / str(part)).write_text(text)
            pairs += text.count('"score"')
        check(pairs > 0, "the parts found no pairs")
        joined, _ = run(impscan, "-q", *arguments, "--cluster", "-t", str(threshold), "--join",
                        parts_folder, "-o", "jsonl")
        check(joined == whole, f"{parts} parts: other groups")
    return parts_folder


def refused(impscan, sentence, *arguments):
    done = subprocess.run([impscan, *arguments], capture_output=True, text=True, check=False)
    check(done.returncode == 2 and not done.stdout and sentence in done.stderr,
          f"{arguments}: {done.returncode}, {done.stderr}")


def test_refused(impscan, rows, parts, folder):
    """What can't be joined is told."""
    cluster = ["-q", "-r", rows, "--cluster", "-t", "50"]
    one, two = (parts / "1").read_text(), parts / "2"
    bad = folder / "bad"
    for text, sentence in (("", "it is empty"), ("x\n", "is no part of clusters"),
                           (one.rsplit("\n", 2)[0] + "\n", "ends before its last line"),
                           (one.replace('"score"', '"scare"', 1), "is damaged in line 2"),
                           (one.replace('"a":"', '"a":"3:unknown:', 1), "is damaged in line 2"),
                           (one.replace('"cluster_part":1', '"cluster_part":9'), "part 9 of 3"),
                           (one.replace('"parts":3', '"parts":4000000000'), "of 4000000000"),
                           (one.replace('"digest":"', '"digest":"0'), "is no part of clusters"),
                           (one.replace('"parts":3', '"parts":4'), "part 2 of 4 is missing")):
        bad.write_text(text)
        refused(impscan, sentence, *cluster, "--join", bad)
    bad.write_text(one.replace('"threshold":50', '"threshold":51'))
    refused(impscan, "was made with -t 51", *cluster, "--join", bad)
    refused(impscan, "made of other rows", *cluster, "--min-imports", "40", "--join", two)
    refused(impscan, "is missing", *cluster, "--join", parts / "1", "--join", two)
    refused(impscan, "K/N", *cluster, "--part", "0/3")
    refused(impscan, "K/N", *cluster, "--part", "4/3")
    refused(impscan, "one at a time", *cluster, "--part", "1/3", "--join", two)
    refused(impscan, "--part writes JSON lines", *cluster, "--part", "1/3", "-o", "csv")
    refused(impscan, "change nothing for --part", *cluster, "--part", "1/3", "-s", "0" * 32)
    refused(impscan, "--graph needs all pairs", *cluster, "--graph", folder / "g", "--join", two)
    refused(impscan, "can't make the folder", *cluster, "--graph", folder / "no" / "g")
    refused(impscan, "two things to print", "-r", rows, "-a", "--stack")
    refused(impscan, "two things to print", "-r", rows, "--cluster", "--stack")
    refused(impscan, "changes nothing", "-r", rows, "--stack", "-t", "50")
    refused(impscan, "changes nothing", "-r", rows, "-a", "--graph", folder / "g")
    refused(impscan, "-o misp is of modules", "-r", rows, "--stack", "-o", "misp")


def test_graph(impscan, arguments, whole, threshold, folder):
    """Nodes and edges, as CSV and as GraphML, have the groups, and each pair that is alike."""
    text, _ = run(impscan, "-q", *arguments, "--cluster", "-t", str(threshold), "--graph",
                  folder / "graph", "-o", "jsonl")
    check(text == whole, "--graph changes the groups")
    with open(folder / "graph/nodes.csv", newline="") as file:
        nodes = list(csv.DictReader(file))
    with open(folder / "graph/edges.csv", newline="") as file:
        edges = list(csv.DictReader(file))
    clusters = collections.Counter(node["cluster"] for node in nodes if node["cluster"])
    for group in rows_of(whole):
        check(clusters[str(group["cluster"])] == group["hashes"], "nodes of a group")
    by_id = {node["id"]: node for node in nodes}
    for edge in edges:
        check(by_id[edge["id1"]]["cluster"] == by_id[edge["id2"]]["cluster"] != "",
              "an edge between groups")
    # Pairs of hashes: of several nodes with the same one, the first has the edges.
    fuzzy, alike = {}, {}
    for edge in edges:
        if edge["by"] not in ("imphash", "module"):
            pair = frozenset(by_id[edge[end]]["impfuzzy"] for end in ("id1", "id2"))
            fuzzy[pair] = int(edge["value"])
    for a, b in itertools.combinations(nodes, 2):
        if a["kind"] == b["kind"] and a["impfuzzy"] and b["impfuzzy"]:
            score = libfuzzy.compare(a["impfuzzy"], b["impfuzzy"])
            if score >= threshold:
                alike[frozenset((a["impfuzzy"], b["impfuzzy"]))] = score
    check(fuzzy == alike, f"{len(alike)} pairs are alike, and {len(fuzzy)} have edges")
    graph = xml.etree.ElementTree.parse(folder / "graph/graph.graphml").getroot()
    space = "{http://graphml.graphdrawing.org/xmlns}"
    check(len(list(graph.iter(space + "node"))) == len(nodes), "nodes of GraphML")
    check([(edge.get("source")[1:], edge.get("target")[1:])
           for edge in graph.iter(space + "edge")] ==
          [(edge["id1"], edge["id2"]) for edge in edges], "edges of GraphML")
    return len(fuzzy)


def test_forms(impscan, arguments):
    for mode in ("--stack", "--cluster"):
        lines = rows_of(run(impscan, "-q", *arguments, mode, "-o", "jsonl")[0])
        cells = list(csv.reader(io.StringIO(run(impscan, "-q", *arguments, mode, "-o", "csv")[0],
                                            newline="")))
        check(cells[0] == list(lines[0]) and len(cells) == len(lines) + 1, f"{mode} as CSV")
        for form in ("table", "wide"):
            text, _ = run(impscan, "-q", *arguments, mode, "-o", form)
            check(len(text.splitlines()) == len(lines) + 1, f"{mode} -o {form}")
        one, _ = run(impscan, "-q", *arguments, mode, "-j", "1")
        four, _ = run(impscan, "-q", *arguments, mode, "-j", "4")
        check(one == four, f"{mode} depends on -j")


def test_nearest(impscan, rows_file, rows):
    """The nearest known hash, and matches that rows have already."""
    row = next(row for row in rows if row["impfuzzy"] and row["module"] == "KERNEL32.DLL")
    text, _ = run(impscan, "-q", "-r", rows_file, "--cluster", "-s", row["imphash"], "-o", "jsonl")
    near = [group for group in rows_of(text) if group["match"]]
    check([(group["names"][0], group["match_score"], group["matched_hash"]) for group in near] ==
          [("KERNEL32.DLL", 100, "imphash")], f"nearest: {near}")
    searched, _ = run(impscan, "-q", "-r", rows_file, "-a", "-s", row["imphash"], "-s",
                      row["impfuzzy"], "-o", "jsonl")
    check(len(searched.splitlines()) > len(rows), "two matches of a module are two rows")
    done = subprocess.run([impscan, "-q", "-r", "-", "--cluster", "-o", "jsonl"], input=searched,
                          capture_output=True, text=True, check=True)
    again = rows_of(done.stdout)
    check([group["modules"] for group in again] == [group["modules"] for group in rows_of(text)],
          "a module with two matches counts twice")
    check([group["match_score"] for group in again if group["match"]] == [100],
          "matches of saved rows")


def made_rows(count):
    """Rows of many machines, in families of variants; some lists are weak, some rebuilt."""
    random.seed(11)
    rows = []
    parts = [("".join(random.choices(ALPHABET, k=60)), "".join(random.choices(ALPHABET, k=30)))
             for _ in range(40)]

    def variant(text):
        text = list(text)
        for _ in range(random.randrange(6)):
            text[random.randrange(len(text))] = random.choice(ALPHABET)
        return "".join(text)

    def made_list():
        first, second = random.choice(parts)
        fuzzy = f"24:{variant(first)}:{variant(second)}"
        return f"{random.getrandbits(128):032x}", fuzzy, random.choice([2, 20, 90])

    lists = [made_list() for _ in range(150)]
    lists += [(lists[0][0], lists[1][1], lists[0][2]), ("f34d5f2d4577ed6d9ceec516c1f5a744",
                                                       lists[2][1], 1)]
    for number in range(count):
        imphash, impfuzzy, imports = random.choice(lists)
        rebuilt = random.choice(lists) if random.random() < 0.05 else (None, None, None)
        name = random.choice(["A.dll", "a.DLL", f"m{lists.index((imphash, impfuzzy, imports))}.exe"])
        rows.append({"pid": random.randrange(4, 40, 4), "process": "p.exe",
                     "eprocess": "0xffff800000001000", "base": hex(0x10000 * (number + 1)),
                     "size": 4096, "module": name, "path": "C:\\" + name,
                     "found_in": random.choice([["load"], ["private"]]), "imports": imports,
                     "imphash": imphash, "impfuzzy": impfuzzy, "rebuilt_imports": rebuilt[2],
                     "rebuilt_imphash": rebuilt[0], "rebuilt_impfuzzy": rebuilt[1],
                     "status": "ok", "flags": random.choice([[], [], ["hooked"], ["patched"]]),
                     "image": f"machine-{number * 12 // count}" if number % 7 else "machine-0",
                     "typerefs": None, "typerefhash": None, "typerefuzzy": None,
                     "go_functions": None, "gimphash": None, "gimpfuzzy": None})
    return rows


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, folder = arguments.impscan, arguments.folder
    if not libfuzzy.LIBRARY:
        skip("--cluster: libfuzzy's shared library is not found")
        finish("nothing was compared")
    shutil.rmtree(folder)
    folder.mkdir()
    made, made_file = made_rows(1500), folder / "made.jsonl"
    made_file.write_text(jsonl(made))
    for threshold in (0, 30, 50, 70, 90):
        whole = test_clusters(impscan, ["-r", made_file], made, threshold)
        if threshold == 50:
            parts = test_parts(impscan, ["-r", made_file], whole, threshold, folder)
            edges = test_graph(impscan, ["-r", made_file], whole, threshold, folder)
            check(edges > 100, f"{edges} edges")
    test_clusters(impscan, ["-r", made_file], made, 70, 10)
    marks = test_stack(impscan, ["-r", made_file], made)
    check({mark for found in marks.values() for mark in found} == {"other-hash", "other-name"},
          "not every mark was seen")
    test_refused(impscan, made_file, parts, folder)
    test_forms(impscan, ["-r", made_file])
    images, rows = [], []
    for name, scenario in SCENARIOS.items():
        image = folder / name
        subprocess.run([arguments.mkimage, "-o", image, "--scenario", scenario], check=True,
                       capture_output=True)
        images.append(image)
        rows += rows_of(run(impscan, "-q", "-f", image, "-a", "-o", "jsonl")[0])
    saved = folder / "saved.jsonl"
    saved.write_text(jsonl(rows))
    for source in (["-r", saved], images):
        test_stack(impscan, source, rows)
        test_clusters(impscan, source, rows, 50)
    test_clusters(impscan, ["-r", saved], rows, 70, 12)
    one = [row for row in rows if row["image"] == str(images[0])]
    test_stack(impscan, ["-f", images[0]], one)
    test_nearest(impscan, saved, rows)
    finish(f"{len(made)} made rows and {len(rows)} of {len(images)} images")


if __name__ == "__main__":
    main()
