#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that are not there: images of many builds with pages in every state where a scan needs
them, and images of which half of all user pages were moved out; with their page file, without it,
and with one that is not theirs.

    test_pages.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]
"""

import json
import random
import re
import subprocess

from image_truth import (WINE, case_parser, check, choose, finish, have_wine, imphash, impfuzzy,
                         rows, run, test_arguments)

# Build, architecture, and what else mkimage is told.
ABSENT = [("7601", "x64"), ("9600", "x64"), ("14393", "x64"), ("15063", "x64"), ("17134", "x64"),
          ("18362", "x64"), ("19041", "x64"), ("22621", "x64"), ("26100", "x64"),
          ("10240", "x86"), ("7601", "x86", "--pae"), ("2600", "x86"), ("19041", "x86")]
MOVED_OUT = [("7601", "x64"), ("14393", "x64"), ("19041", "x64"), ("22621", "x64"),
             ("26100", "x64"), ("2600", "x86"), ("17763", "x86")]
# Kernels whose symbols don't tell how they store entries: those of 2018's updates, on processors
# that need the InvalidPteMask, one of another width, or none.
ENTRIES = [("19041", "x64", "--pte-mask", "0"), ("22621", "x64", "--pte-mask", "0x4000000000"),
           ("7601", "x64", "--pte-mask", "0x80000000000"), ("9600", "x64", "--pte-mask", "0"),
           ("15063", "x64", "--pte-build", "17763"),
           ("15063", "x64", "--pte-build", "17763", "--pte-mask", "0"),
           ("17134", "x64", "--pte-build", "17763"),
           ("17134", "x64", "--pte-build", "17763", "--pte-mask", "0"),
           ("10586", "x64", "--pte-build", "14393", "--pte-mask", "0")]
REAL = ("19041", "x64", "real")  # with Wine's DLLs, where they are installed
STORED_FROM = 14393

# A page in one of these states is in the image, whatever else is.
IN_IMAGE = {"transition", "proto", "lookup", "zero", "compressed"}


class Image:
    """One written image, its page file and its truth."""

    def __init__(self, mkimage, folder, layout, *arguments):
        build, arch, *more = layout
        self.where = " ".join([build, arch, *(word.removeprefix("--") for word in more)])
        self.path, self.pagefile = folder / "image.raw", folder / "pagefile.sys"
        truth = folder / "truth.json"
        subprocess.run([mkimage, "--build", build, "--arch", arch, "--memory", "64",
                        *more, *arguments,
                        "-o", self.path, "--truth", truth, "--pagefile", self.pagefile],
                       check=True)
        self.truth = json.loads(truth.read_text(encoding="utf-8"))
        self.stores = int(build) >= STORED_FROM

    def given(self):
        return ["--pagefile", f"0={self.pagefile}"]

    def rows(self, impscan, *arguments):
        return {(row["pid"], row["base"]): row
                for row in rows(impscan, self.path, "-a", *arguments)}

    def told(self, impscan, *arguments):
        """The same rows, and what is said on standard error."""
        out, err = run(impscan, "-f", self.path, "-a", "-o", "jsonl", *arguments)
        listed = [json.loads(line) for line in out.splitlines()]
        return {(row["pid"], row["base"]): row for row in listed}, err

    def modules(self):
        for process in self.truth["processes"]:
            for module in process["modules"]:
                yield process, module, (process["pid"], module["base"])


def missing(module, states):
    """Which of the pages that a hash needs are in one of the states."""
    return [rva for rva in module["import_pages"] if module["absent"].get(rva) in states]


def hashes(row):
    return row and (row["imphash"], row["impfuzzy"], row["imports"])


def neighbour_helps(image):
    """Pages of a file that some process has: (path, RVA)."""
    found = set()
    for _, module, _ in image.modules():
        for rva in module["import_pages"]:
            if module["absent"].get(rva, "valid") in IN_IMAGE | {"valid"}:
                found.add((module["path"], rva))
    return found


def check_hash(where, row, module):
    check(row["imphash"] == imphash(module["imports"]),
          f"{where}: imphash, {row['status']}: {row['reason']}")
    fuzzy = impfuzzy(module["imports"])
    check(fuzzy is None or row["impfuzzy"] == fuzzy, f"{where}: impfuzzy")


def absent_with(image, impscan):
    """The page file is given: all is read as if present, but for what only files on disk have."""
    found = image.rows(impscan, *image.given())
    nearby = neighbour_helps(image)
    count = 0
    for process, module, key in image.modules():
        where = f"{image.where} {process['pid']} {module['name']} ({module['case']})"
        row = found.get(key)
        check(row, f"{where}: missing")
        if not row:
            continue
        gone = [rva for rva in missing(module, {"file"})
                if (module["path"], rva) not in nearby]
        if gone and row["imphash"] is None:
            check("only in the file on disk" in (row["reason"] or ""), f"{where}: {row['reason']}")
            continue
        if module["imports"]:
            check_hash(where, row, module)
            count += 1
        # PEB, loader entries and names of files are read as well.
        check(row["module"] == module["name"] and row["path"] == module["path"],
              f"{where}: {row['module']} {row['path']}")
        check([name for name in row["found_in"] if name in ("load", "memory", "init")]
              == module["lists"] and "vad" in row["found_in"], f"{where}: {row['found_in']}")
    return found, count


def absent_without(image, impscan, found):
    """What needs a page of the page file has no hash and says so; all others are equal."""
    without = image.rows(impscan)
    refused = 0
    for process, module, key in image.modules():
        where = f"{image.where}, no page file: {process['pid']} {module['name']}"
        row = without.get(key)
        check(row, f"{where}: missing")
        if not row or not module["imports"]:
            continue
        gone = missing(module, {"pagefile", "file"})
        if gone and row["imphash"] is None:
            check(re.search("page file 0 not given|only in the file on disk", row["reason"] or ""),
                  f"{where}: {row['reason']}")
            check(row["impfuzzy"] is None and row["status"] in ("partial", "unreadable"),
                  f"{where}: {row['status']}, {row['impfuzzy']}")
            refused += 1
            continue
        if gone:  # a hash all the same: then the section or other processes had those pages
            check(re.search("taken from (the section|other processes)|found by its content",
                            row["reason"] or ""),
                  f"{where}: {gone} are not in the image, yet a hash: {row['reason']}")
        check(hashes(row) == hashes(found.get(key)),
              f"{where}: {row['imphash']}, {row['status']}: {row['reason']}")
    check(refused > 0, f"{image.where}: no module needs the page file")
    return refused


def check_regions(image, impscan):
    """Names of mapped files: the VADs of all processes, by the rows that only VADs lead to."""
    out, err = run(impscan, "-f", image.path, "--info", *image.given())
    check("pagefile.sys" in out, f"{image.where}: page files are not named: {err}")
    found = re.search("Compressed store +[12] stores", out) is not None
    check(found == image.stores, f"{image.where}: stores: {out}")


def test_absent(impscan, mkimage, folder, number, layout):
    image = Image(mkimage, folder, layout, "--scenario", "absent", "--seed", str(40 + number))
    found, count = absent_with(image, impscan)
    refused = absent_without(image, impscan, found)
    check_regions(image, impscan)
    print(f"{image.where:16} {count} hashes with the page file, {refused} need it")


def moved_out(impscan, mkimage, folder, layout, *arguments):
    """One line of the table. The untouched image says what is right."""
    seed = ["--seed", "11", *arguments]
    whole = Image(mkimage, folder, layout, *seed)
    right = {(process["pid"], module["path"], module["name"]): (module, key)
             for process, module, key in whole.modules()}
    expected = whole.rows(impscan)
    image = Image(mkimage, folder, layout, *seed, "--move-out", "50")
    rows_with, rows_without = image.rows(impscan, *image.given()), image.rows(impscan)
    states = {}
    equal = equal_without = wrong = in_image = modules = 0
    for process, module, key in image.modules():
        for state in module["absent"].values():
            states[state] = states.get(state, 0) + 1
        _, first = right[(process["pid"], module["path"], module["name"])]
        truth = hashes(expected[first])
        modules += 1
        same = hashes(rows_with.get(key)) == truth
        equal += same
        check(same, f"{image.where} {key} {module['name']}: {rows_with.get(key)}")
        row = rows_without.get(key)
        if hashes(row) == truth:
            equal_without += 1
            continue
        gone = missing(module, {"pagefile", "file"})
        in_image += not gone
        wrong += bool(row and row["imphash"])
        check(gone, f"{image.where} {key} {module['name']}: all of it is in the image: "
                    f"{row and row['reason']}")
        check(row, f"{image.where} {key} {module['name']}: missing")
        check(row and re.search("page file 0 not given", row["reason"] or ""),
              f"{image.where} {key} {module['name']}: {row and row['reason']}")
        check(row and not row["imphash"], f"{image.where} {key} {module['name']}: a wrong hash")
    total = sum(states.values())
    shares = {name: states.get(name, 0) for name in ("transition", "pagefile", "compressed")}
    shares["prototype"] = total - sum(shares.values())
    print(f"{image.where:45} {'Wine' if arguments[-1:] == (str(WINE),) else 'made':5}"
          f"{modules:7}{equal:7}{equal_without:9}{in_image:10}   " +
          ", ".join(f"{name} {100 * count // total}%" for name, count in shares.items() if count))
    check(modules == equal, f"{image.where}: {equal} of {modules}")


def test_moved_out(impscan, mkimage, folder, layout):
    if layout != REAL:
        moved_out(impscan, mkimage, folder, layout, "--scenario", "demo")
    elif have_wine("pages of real DLLs that were moved out"):
        moved_out(impscan, mkimage, folder, layout[:2], "--scenario", "demo",
                  "--memory", "512", "--pe-dir", str(WINE))


def test_wrong_page_file(impscan, mkimage, folder):
    """One that is another machine's, an empty one, a crash dump, none at all."""
    other = folder / "other.sys"
    image = Image(mkimage, folder, ("19041", "x64"), "--scenario", "absent", "--seed", "90",
                  "--move-out", "40")
    image.pagefile.rename(other)
    image = Image(mkimage, folder, ("19041", "x64"), "--scenario", "demo", "--seed", "91",
                  "--move-out", "50")
    for data, sentence in [(b"", "less than one page"),
                           (b"PAGEDU64" + bytes(8192), "is not a page file but .*crash dump"),
                           (b"HIBR" + bytes(8192), "is not a page file but .*hibernation"),
                           (None, "can't open page file")]:
        bad = folder / "bad.sys"
        bad.unlink(missing_ok=True)
        if data is not None:
            bad.write_bytes(data)
        out, err = run(impscan, "-f", image.path, "-a", "--pagefile", f"0={bad}", status=(2,))
        check(out == "" and re.search(sentence, err) and len(err.splitlines()) == 1,
              f"--pagefile {sentence}: {err!r}")
    cut = folder / "cut.sys"
    cut.write_bytes(image.pagefile.read_bytes()[:64 * 4096])
    for path, doubted in [(other, True), (cut, True), (image.pagefile, False)]:
        out, err = run(impscan, "-f", image.path, "--info", "--pagefile", f"0={path}")
        check(("another machine" in out + err) == doubted, f"--pagefile {path.name}: {out}{err!r}")
    for path in (other, cut, image.pagefile):
        path.unlink()


def hashes_of(found):
    return {key: (row["status"], hashes(row)) for key, row in found.items()}


def compare_wrong(where, found, without, right):
    """Whatever is said to be ok is what it is without the page file, or with the right one."""
    good = 0
    for key, row in found.items():
        if row["status"] != "ok":
            continue
        good += 1
        check(hashes(row) in (hashes(without.get(key)), hashes(right.get(key))),
              f"{where}: {key} {row['module']}: {row['imphash']} is said to be ok")
    return good


# What a run can be for: each has to say that a page file is not used.
USES = [["-p", "4012", "-a", "-F"], ["--info"], ["--regions"]]


def test_not_believed(impscan, mkimage, folder, layout):
    """Page files of another machine, of random bytes, of zeros: nothing is taken from them. One of
    which a part is of another time: what can't be right is taken from elsewhere."""
    bad, number = folder / "bad.sys", MOVED_OUT.index(layout)
    other = Image(mkimage, folder, layout, "--scenario", "absent", "--seed",
                  str(300 + number), "--move-out", "40").pagefile.read_bytes()
    image = Image(mkimage, folder, layout, "--scenario", "demo", "--seed",
                  str(200 + number), "--move-out", "50")
    own = image.pagefile.read_bytes()
    noise = random.Random(number)
    (without, _), (right, err) = image.told(impscan), image.told(impscan, *image.given())
    check("warning: " + str(image.pagefile) not in err, f"{image.where}: doubted: {err!r}")
    given = ["--pagefile", f"0={bad}"]
    for turn, (what, data) in enumerate([("another's", other), ("random", noise.randbytes(len(own))),
                                         ("zeros", bytes(len(own)))]):
        bad.write_bytes(data)
        where = f"{image.where}, page file: {what}"
        found, err = image.told(impscan, *given)
        compare_wrong(where, found, without, right)
        check(hashes_of(found) == hashes_of(without), f"{where}: other rows than without it")
        check("not used" in err, f"{where}: -a does not say so: {err!r}")
        # One of the others in turn: all layouts together have every page file with every use.
        use = USES[(turn + number) % len(USES)]
        _, err = run(impscan, "-f", image.path, *use, *given, status=(0, 1))
        check("not used" in err, f"{where}: {use} does not say so: {err!r}")
    for what, replace in (("of random bytes", noise.randbytes), ("of zeros", bytes)):
        pages = [own[at:at + 4096] if noise.randrange(4) else replace(4096)
                 for at in range(0, len(own), 4096)]
        bad.write_bytes(b"".join(pages))
        where = f"{image.where}, page file with pages {what}"
        found, err = image.told(impscan, *given)
        compare_wrong(where, found, without, right)
        check("of another time" in err, f"{where}: no warning: {err!r}")
    bad.unlink()


def main():
    arguments = test_arguments(case_parser(__doc__))
    places = arguments.impscan, arguments.mkimage, arguments.folder
    chosen = choose(arguments, [("absent", *layout) for layout in ABSENT] +
                    [("moved-out", *layout) for layout in MOVED_OUT + ENTRIES + [REAL]] +
                    [("wrong",)] + [("not-believed", *layout) for layout in MOVED_OUT])
    for number, (kind, *layout) in chosen:
        if kind == "absent":
            test_absent(*places, number, tuple(layout))
    print(f"{'half is out':45} {'files':5}{'modules':>7}{'equal':>7}{'without':>9}{'unequal':>10}"
          "   (of those unequal without, whose pages are in the image), states")
    for _, (kind, *layout) in chosen:
        if kind == "moved-out":
            test_moved_out(*places, tuple(layout))
        elif kind == "wrong":
            test_wrong_page_file(*places)
        elif kind == "not-believed":
            test_not_believed(*places, tuple(layout))
    finish(f"{len(chosen)} cases of absent pages")


if __name__ == "__main__":
    main()
