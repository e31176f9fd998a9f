#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Infers the layout of every image the writer can write, as if its build had no profile, and holds
the rows against those of the run with the shipped profile.

    test_infer.py IMPSCAN MKIMAGE FOLDER [SCENARIO...] [--only WORDS] [--list-cases]

Prints a table: layout, scenario, fields verified, and whether the rows are identical. Rows that
differ without a word on standard error are a failure, and so are any that differ but those of
DIFFERENT, unless scenarios are named.
"""

import json
import re
import subprocess

from image_truth import (case_parser, check, choose, finish, run, test_arguments,
                         written_layouts)

# Images that do not show enough: build, architecture, scenario.
DIFFERENT = {("14393", "x86", "absent")}


def write_image(mkimage, image, layout, scenario, seed):
    build, arch, variant = layout
    command = [mkimage, "--build", build, "--arch", arch, "--variant", variant, "--scenario",
               scenario, "--seed", str(seed), "--memory", "96", "-o", image]
    if scenario == "absent":
        command += ["--pagefile", f"{image}.pagefile"]
    subprocess.run(command, check=True)


def listing(impscan, image, *options):
    """Rows, regions and processes of one run, its warnings, and the profile that was used."""
    out, err = run(impscan, "-f", image, "-a", "-j", "2", "-o", "jsonl", *options,
                   status=(0, 1, 2))
    regions, _ = run(impscan, "-f", image, "--regions", "-q", "-o", "jsonl", *options,
                     status=(0, 1, 2))
    info, _ = run(impscan, "-f", image, "--info", "-q", "-o", "json", *options, status=(0, 2))
    info = json.loads(info)[0] if info else {}
    words = [line for line in err.splitlines() if not re.search(r"processes, \d+ modules", line)]
    chosen = {name: info.pop(name, None) for name in ("profile", "profile_origin")}
    rows = [json.loads(line) for line in out.splitlines()]
    return rows, regions.splitlines(), info, words, chosen


def difference(known, inferred):
    """What the second run has otherwise than the first, in a few words; empty: nothing."""
    parts = []
    for what, a, b in (("rows", known[0], inferred[0]), ("regions", known[1], inferred[1])):
        if a == b:
            continue
        if len(a) != len(b):
            parts.append(f"{len(b)} {what} for {len(a)}")
        elif what == "rows":
            fields = {key for x, y in zip(a, b) for key in x if x[key] != y[key]}
            parts.append(f"fields {', '.join(sorted(fields))}")
        else:
            parts.append(what)
    keys = {key for key in known[2] if known[2][key] != inferred[2].get(key)}
    if keys:
        parts.append(f"--info {', '.join(sorted(keys))}")
    return "; ".join(parts)


def read_back(impscan, image, inferred, folder, where):
    """The profile written by --profile-out gives the same rows, and is not written over."""
    path = folder / "inferred.yaml"
    path.unlink(missing_ok=True)
    run(impscan, "-f", image, "--infer", "--profile-out", path, "-q")
    again = listing(impscan, image, "--profile", path)
    check(not difference(inferred, again), f"{where}: read back: {difference(inferred, again)}")
    _, err = run(impscan, "-f", image, "--infer", "--profile-out", path, status=(2,))
    check("exists" in err, f"{where}: --profile-out wrote over a file: {err}")


def fails_with_words(impscan, mkimage, folder):
    """Where a member can't be found, the error says which, and what to give by hand."""
    image = folder / "broken.raw"
    system = b"System" + bytes(9)
    for name, old, new in [
            ("ImageFileName", system, b"Sxstem" + bytes(9)),
            ("System", b"PsInitialSystemProcess", b"PsInitialSystemProcesz"),
            ("Peb", None, None),
    ]:
        write_image(mkimage, image, ("19041", "x64", "10.0.19041.388"), "plain", 5)
        data = image.read_bytes()
        if old:
            image.write_bytes(data.replace(old, new))
        else:  # every PEB's OSBuildNumber, and what stands before it
            for match in list(re.finditer(rb"\x0a\0\0\0\0\0\0\0\x61\x4a", data)):
                page = match.start() & ~0xfff
                data = data[:page] + bytes(4096) + data[page + 4096:]
            image.write_bytes(data)
        out, err = run(impscan, "-f", image, "-a", "--infer", "-q", status=(0, 2))
        if name == "System":  # the header's or KDBG's list head may lead to it as well
            check(out or "PsInitialSystemProcess" in err, f"{name}: {err}")
            continue
        check(not out and name in err and "--import-symbols" in err, f"{name}: {err}")
    image.unlink()


def main():
    parser = case_parser(__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    arguments = test_arguments(parser)
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    scenarios = arguments.scenarios
    image = folder / "infer.raw"
    identical = total = 0
    layouts = choose(arguments, written_layouts(mkimage))
    for number, layout in layouts:
        # One scenario a layout in turn, unless they are named.
        for scenario in scenarios or [("plain", "hidden", "absent", "demo")[number % 4]]:
            write_image(mkimage, image, layout, scenario, number + 1)
            known = listing(impscan, image)
            inferred = listing(impscan, image, "--infer")
            what = difference(known, inferred)
            where = f"{layout[0]} {layout[1]} {layout[2]} {scenario}"
            total += 1
            identical += not what
            words = [line for line in inferred[3] if line not in known[3]]
            print(f"{where:44} {inferred[4]['profile_origin'] or '-':40} {what or 'identical'}")
            for line in words[1:]:
                print(f"    {line}")
            check(known[4]["profile_origin"] == "built in", f"{where}: {known[4]}")
            check(words, f"{where}: nothing tells that the layout was inferred")
            if what:
                check(scenarios or (*layout[:2], scenario) in DIFFERENT, f"{where}: {what}")
                check(len(words) > 1, f"{where}: wrong in silence: {what}")
            elif number == 0:
                read_back(impscan, image, inferred, folder, where)
            image.unlink()
    if layouts[0][0] == 0:  # once, however they are run
        fails_with_words(impscan, mkimage, folder)
    finish(f"{identical} of {total} images identical")


if __name__ == "__main__":
    main()
