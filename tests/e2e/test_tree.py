#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--processes --tree: parents by PID and time, what has none, and findings as -a has them.

    test_tree.py IMPSCAN MKIMAGE FOLDER
"""

import collections
import csv
import io
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile.cases import Tools  # noqa: E402
from hostile.machine import Machine  # noqa: E402
from image_truth import check, finish, rows, run, test_arguments, test_parser  # noqa: E402

TREE = ("depth", "parent", "orphan", "flagged", "findings")
NO_FINDINGS = {"hidden", "exited", "wow64"}


def tree_of(impscan, image, *arguments):
    return rows(impscan, image, "--processes", "--tree", *arguments)


def check_order(where, found):
    """Each stands behind its parent and is one deeper; between the two is only what is deeper."""
    above = []
    for row in found:
        above = above[:row["depth"]]
        check(len(above) == row["depth"], f"{where}: {row['pid']} at depth {row['depth']} below {above}")
        check(row["parent"] == (above[-1]["eprocess"] if above else None) and
              (not above or above[-1]["pid"] == row["ppid"]), f"{where}: {row['pid']} below {above[-1:]}")
        check(not above or not row["orphan"], f"{where}: {row}")
        above.append(row)
    for parent in {row["parent"] for row in found}:
        began = [row["started"] or "" for row in found if row["parent"] == parent]
        check(began == sorted(began), f"{where}: children of {parent}: {began}")


def test_findings(impscan, image):
    """The other members are those of the list; what is suspicious is what -a has."""
    flat = rows(impscan, image, "--processes")
    check(all(row[name] is None for row in flat for name in TREE), "members of the tree in a list")
    for fast in [], ["-F"]:
        modules = rows(impscan, image, "-a", *fast)
        found = tree_of(impscan, image, *fast)
        check(found == tree_of(impscan, image, "-j", 1, *fast), f"{fast}: rows depend on -j")
        check_order("hidden", found)
        listed = {row["eprocess"]: row for row in flat}
        kinds = set()
        for row in found:
            mine = [one for one in modules if one["eprocess"] == row["eprocess"] and one["found_in"]]
            counts, flagged = collections.Counter(), 0
            for one in mine:
                words = set(one["flags"]) - NO_FINDINGS
                words |= {"injected"} if one["found_in"] == ["private"] else set()
                counts.update(words)
                flagged += bool(words)
            findings = {name: int(number) for name, number in
                        (item.rsplit(" ", 1) for item in row["findings"] or [])}
            check(findings == counts and row["flagged"] == flagged, f"{row['pid']}: {row}, not {counts}")
            kinds |= set(findings)
            plain = {name: value for name, value in row.items() if name not in TREE}
            check(plain == {name: listed[row["eprocess"]][name] for name in plain}, f"{plain}")
        check({"injected", "hollowed", "unlinked", "patched"} <= kinds and
              ("no-header" in kinds) != bool(fast), f"{fast}: kinds {kinds}")
        check(sorted(listed) == sorted(row["eprocess"] for row in found), "processes are lost")
    some = tree_of(impscan, image, "-p", found[-1]["pid"], "-F")
    check(some == [row for row in found if row["pid"] == found[-1]["pid"]], f"-p: {some}")


def test_forms(impscan, image):
    """Names are indented in tables; CSV has the same as JSON lines."""
    found = tree_of(impscan, image, "-F")
    for form in "table", "wide":
        out, _ = run(impscan, image, "--processes", "--tree", "-F", "-o", form)
        heading, *lines = out.splitlines()
        at = heading.index("Process")
        for line, row in zip(lines, found, strict=True):
            check(line[at:].startswith("  " * row["depth"] + row["process"] + " ") and
                  line.split()[0] == str(row["pid"]), f"{form}: {line!r} of {row['process']}")
        check("Findings" in heading and ("Orphan" in heading) == (form == "wide"), heading)
        check(max(row["depth"] for row in found) >= 2, "no deep tree: no test")
    out, _ = run(impscan, image, "--processes", "--tree", "-F", "-o", "csv")
    cells = list(csv.DictReader(io.StringIO(out, newline="")))
    for cell, row in zip(cells, found, strict=True):
        check(cell["depth"] == str(row["depth"]) and cell["orphan"] == (row["orphan"] or "") and
              cell["findings"] == ";".join(row["findings"] or []), f"CSV: {cell}")


def test_odd_parents(impscan, mkimage, folder):
    """A PID that was given again, a parent that is gone, circles."""
    machine = Machine(Tools(impscan, mkimage, folder), scenario="hidden", memory=64)
    parent_of, began, ended = (machine.offset("EPROCESS", name) for name in
                               ("InheritedFromUniqueProcessId", "CreateTime", "ExitTime"))
    clean = machine.save("clean.raw")
    before = {row["pid"]: row for row in tree_of(impscan, clean, "-F")}
    check(before[3120]["parent"] == before[2212]["eprocess"], "cmd.exe is no child of explorer.exe: no test")

    def edit(pid, offset, value):
        machine.put_pointer(machine.process(pid)[0] + offset, value)

    def time(pid):
        return machine.pointer(machine.process(pid)[0] + began)

    edit(3120, began, time(2212) - 1)  # began before its parent
    edit(728, parent_of, 9996)  # nobody's PID
    edit(848, parent_of, 848)
    for pid, parent in ((1020, 1400), (1400, 1412), (1412, 1020)):
        edit(pid, parent_of, parent)
        edit(pid, began, time(604) + 1)
    edit(616, parent_of, 4108)  # has ended before
    edit(616, began, machine.pointer(machine.process(4108)[0] + ended) + 1)
    image = machine.save("odd.raw")
    found = tree_of(impscan, image, "-F")
    check_order("odd parents", found)
    by_pid = {row["pid"]: row for row in found}
    for pid, orphan in ((3120, "reused"), (728, "gone"), (848, "circle"), (1020, "circle"), (616, "gone"),
                        (4, None), (1400, None), (1412, None)):
        check(by_pid[pid]["orphan"] == orphan, f"orphan of {pid}: {by_pid[pid]['orphan']}, not {orphan}")
    check([by_pid[pid]["depth"] for pid in (1020, 1412, 1400)] == [0, 1, 2], f"the circle: {found}")
    check(len(found) == len(before), "processes are lost")
    clean.unlink()
    image.unlink()


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    image = folder / "hidden.raw"
    subprocess.run([mkimage, "--scenario", "hidden", "--memory", "64", "-o", image], check=True)
    test_findings(impscan, image)
    test_forms(impscan, image)
    test_odd_parents(impscan, mkimage, folder)
    _, err = run(impscan, image, "--processes", "-F", status=(2,))
    check(re.search("-F changes nothing for --processes alone; it goes with --tree", err), err)
    image.unlink()
    finish("trees")


if __name__ == "__main__":
    main()
