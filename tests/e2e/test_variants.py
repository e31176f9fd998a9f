#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds with several layouts (updates moved members): is the right profile taken?

    test_variants.py IMPSCAN MKIMAGE FOLDER FACTS PROFILES [--only WORDS] [--list-cases]

Writes an image of every variant in FACTS/windows-structs-variants.tsv and FACTS/windows-structs.tsv
whose build has several, and holds the profile that impscan takes against the variant's layout.
"""

import collections
import csv
import json
import pathlib
import re
import subprocess

from image_truth import case_parser, check, choose, finish, run, test_arguments

# What a scan reads of a process: wrong in one of these, and rows would be wrong.
TYPES = ("EPROCESS", "KPROCESS", "MMVAD", "MMVAD_SHORT", "MMVAD_FLAGS", "CONTROL_AREA",
         "MMPTE_PROTOTYPE", "MMPTE_SOFTWARE")
# What the writer does not fill in: nothing tells them apart.
UNSEEN = {"size", "ExitTime"}


def read_rows(path):
    """{(build, arch, variant): {type: rows}}, in the table's order."""
    layouts = collections.OrderedDict()
    with open(path, newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        heading = next(rows)
        for row in rows:
            layouts.setdefault(tuple(row[:3]), {}).setdefault(row[4], []).append(row)
    return heading, layouts


def merge(base, types):
    """The table of variants has only what scans read: the writer's other needs are the base's,
    but for types whose members move."""
    merged = dict(base)
    for name, rows in types.items():
        own = {row[5].lower() for row in rows}
        moves = name in ("_EPROCESS", "_ETHREAD", "_KTHREAD") or name.startswith("_MMPTE")
        merged[name] = rows + ([] if moves else
                               [row for row in base.get(name, []) if row[5].lower() not in own])
    return merged


def write_table(path, heading, key, types):
    with open(path, "w", newline="") as file:
        table = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
        table.writerow(heading)
        for rows in types.values():
            table.writerows(list(key) + row[3:] for row in rows)


def read_profile(path):
    """{type: {member: (offset, bit, bits)}}"""
    types, members = {}, None
    for line in path.read_text().splitlines():
        match = re.fullmatch(r"  (\w+):", line)
        if match:
            members = types.setdefault(match[1], {})
            continue
        match = re.fullmatch(r"    (\w+): (?:(0x[0-9a-f]+|\d+)|\{offset: (\w+), bit: (\d+), "
                             r"bits: (\d+)\})", line)
        if match and match[2]:
            members[match[1]] = (int(match[2], 0), 0, 0)
        elif match:
            members[match[1]] = (int(match[3], 0), int(match[4]), int(match[5]))
    return types


def compare(where, profile, types):
    for name in TYPES:
        layout = {row[5].lower(): (int(row[6], 0), int(row[7] or 0), int(row[8] or 0))
                  for row in types.get("_" + name, [])}
        for member, value in profile.get(name, {}).items():
            known = layout.get(member.lower())
            if member not in UNSEEN and known:
                check(known == value, f"{where}: {name}.{member} is {known}, taken as {value}")


def read_variants(facts):
    """The layouts of builds that have several: the table's heading, and rows as read_rows()."""
    heading, layouts = read_rows(facts / "windows-structs.tsv")
    _, more = read_rows(facts / "windows-structs-variants.tsv")
    last = {key[:2]: types for key, types in layouts.items()}
    for key, types in more.items():
        if key[:2] in last:
            layouts[key] = merge(last[key[:2]], types)
    several = collections.Counter(key[:2] for key in layouts)
    return heading, {key: types for key, types in layouts.items()
                     if several[key[:2]] > 1 or key[0].endswith(".3790")}


def writable(mkimage, table):
    """Is the layout in the table of a kind that the writer knows?"""
    return subprocess.run([mkimage, "--structs", table, "--list"], check=True,
                          capture_output=True, text=True).stdout.strip() != ""


def main():
    parser = case_parser(__doc__)
    parser.add_argument("facts", type=pathlib.Path)
    parser.add_argument("profiles", type=pathlib.Path)
    arguments = test_arguments(parser)
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    heading, layouts = read_variants(arguments.facts)
    table, image = folder / "structs.tsv", folder / "variant.raw"
    keys = []
    for key, types in layouts.items():
        write_table(table, heading, key, types)
        if writable(mkimage, table):
            keys.append(key)
    check(len(keys) >= 10, f"only {len(keys)} variants can be written")
    chosen = choose(arguments, [(key[0].rsplit(".", 1)[-1], *key[1:]) for key in keys])
    for number, (build, *_) in chosen:
        key, types = keys[number], layouts[keys[number]]
        write_table(table, heading, key, types)
        subprocess.run([mkimage, "--structs", table, "--build", build, "--arch", key[1],
                        "--memory", "96", "--scenario", "absent", "--pagefile",
                        folder / "pagefile", "-o", image], check=True)
        out, _ = run(impscan, "-f", image, "--info", "-q", "-o", "json")
        image.unlink()
        info = json.loads(out)[0]
        where = f"{build} {key[1]} {key[2]}"
        print(f"{where:40} {info['profile']}")
        check(info["profile_origin"] == "built in", f"{where}: {info['profile_origin']}")
        compare(f"{where}: {info['profile']}", read_profile(
            arguments.profiles / f"{info['profile']}.yaml"), types)
    finish(f"{len(chosen)} variants")


if __name__ == "__main__":
    main()
