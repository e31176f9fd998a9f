#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--describe: what an image is, before its rows, and that whatever reads rows reads it too.

    test_describe.py IMPSCAN MKIMAGE FOLDER
"""

import json
import subprocess

from image_truth import check, finish, run, test_arguments, test_parser

NAMES = ["impscan", "rows", "image", "path", "format", "file_size", "unpacked_size", "memory_size", "container",
         "tool", "taken", "architecture", "build", "pdb_guid", "profile", "profile_origin", "dtb", "left_out_by",
         "warnings", "error"]


def lines_of(impscan, *arguments, status=(0,)):
    """The lines of JSON, and what was told."""
    out, err = run(impscan, *arguments, "-o", "jsonl", status=status)
    return out.splitlines(), err


def test_one(impscan, image):
    """Rows are the same behind it, whatever they are of; it says what --info says."""
    info = json.loads(lines_of(impscan, "-f", image, "--info")[0][0])
    version, _ = run(impscan, "--version")
    for mode, rows in ("-a", "modules"), ("--regions", "regions"), ("--processes", "processes"), \
            ("--imports", "imports"):
        plain, _ = lines_of(impscan, "-f", image, mode)
        described, _ = lines_of(impscan, "-f", image, mode, "--describe")
        check(described[1:] == plain, f"{mode}: other rows behind the object")
        first = json.loads(described[0])
        check(list(first) == NAMES, f"{mode}: members {list(first)}")
        check(first["impscan"] == version.split()[1] and first["rows"] == rows, f"{mode}: {first}")
        for name in set(NAMES) & set(info):
            check(first[name] == info[name], f"{mode}: {name} {first[name]}, --info has {info[name]}")
        check(first["left_out_by"] is None and first["warnings"] is None, f"{mode}: {first}")
    for arguments, left in ((["-a", "-p", 4, "-F", "-m", "ntdll"], ["-p", "-F", "-m"]),
                            (["-s", "1" * 32], ["-s"]), (["-a", "-s", "1" * 32], None),
                            (["-a", "--only", "kernel"], ["--only"])):
        described, _ = lines_of(impscan, "-f", image, *arguments, "--describe", status=(0, 1))
        check(json.loads(described[0])["left_out_by"] == left, f"{arguments}: {described[0]}")


def test_warnings(impscan, mkimage, folder):
    """What is told of an image before its rows stands in it, be it printed or not; and when it was taken."""
    image = folder / "cut.dmp"
    subprocess.run([mkimage, "--memory", "48", "--format", "dump", "-o", image], check=True)
    info = json.loads(lines_of(impscan, "-f", image, "--info")[0][0])
    check(info["taken"], "the dump does not say when it was taken: no test")
    with open(image, "r+b") as file:
        file.truncate(image.stat().st_size - 4096 * 3)
    for quiet in [], ["-q"]:
        described, err = lines_of(impscan, "-f", image, "-a", "--describe", *quiet)
        first = json.loads(described[0])
        check(first["taken"] == info["taken"] and first["format"] == info["format"], f"{first}")
        check(first["warnings"] and ("warning" in err) != bool(quiet), f"{quiet}: {first} {err}")
        if not quiet:
            told = [line.removeprefix("impscan: warning: ") for line in err.splitlines()]
            check(all(sentence in told for sentence in first["warnings"]), f"{first['warnings']}: {err}")
    image.unlink()


def test_several(impscan, image, folder):
    """An object before the rows of each image, and one with the reason of each that gives none."""
    text = folder / "text"
    text.write_text("nothing\n" * 1000)
    missing = folder / "missing.raw"
    for more in [], ["--label", "x"]:
        described, err = lines_of(impscan, text, *more, image, missing, image, "--label", "again", "-a", "-p", 4,
                                  "--describe", status=(2,))
        found = list(map(json.loads, described))
        first = [one for one in found if "pid" not in one]
        name = more[1] if more else str(text)
        check([one["image"] for one in first] == [name, str(image), str(missing), "again"], f"{first}")
        check([bool(one["error"]) for one in first] == [True, False, True, False], f"{first}")
        check(first[0]["file_size"] == text.stat().st_size and first[2]["file_size"] is None, f"{first}")
        check(first[0]["path"] == (str(text) if more else None), f"path beside a label: {first[0]}")
        for one in first:
            if one["error"]:
                check(f"error: {one['error']}" in err or f": {one['error']}" in err, f"{one['error']}: {err}")
        image_now = None
        for one in found:
            image_now = one["image"] if "pid" not in one else image_now
            check(one["image"] == image_now, f"a row of {one['image']} behind the object of {image_now}")
        # The last one fails, and the only one.
        described, _ = lines_of(impscan, image, missing, "-a", "-p", 4, "--describe", status=(2,))
        check("error" in json.loads(described[-1]) and json.loads(described[-1])["error"], described[-1])
    described, _ = lines_of(impscan, text, "--regions", "--describe", status=(2,))
    check([json.loads(line)["rows"] for line in described] == ["regions"], f"{described}")
    # It could be opened, and then there was an error.
    described, err = lines_of(impscan, image, "-a", "-p", 77777, "--describe", status=(2,))
    check([bool(json.loads(line)["error"]) for line in described] == [False, True] and "77777" in err, err)
    for path in text,:
        path.unlink()


def test_read_back(impscan, image, folder):
    """What reads rows reads such a file as if the objects were not there."""
    plain, described = folder / "plain.jsonl", folder / "described.jsonl"
    for path, more in (plain, []), (described, ["--describe"]):
        path.write_text("\n".join(lines_of(impscan, "-f", image, "-a", *more)[0]) + "\n")
    for option in ["-i"], ["-a", "--only", "new", "-k"]:
        results = []
        for path in plain, described:
            out, err = lines_of(impscan, "-f", image, *option, path, "-v", "-t", 100, status=(0, 1)) \
                if option == ["-i"] else lines_of(impscan, "-f", image, *option, path, "-v", status=(0, 1))
            told = [line.replace(path.name, "X").split(" in ")[0] for line in err.splitlines()]
            results.append((out, told))
        check(results[0] == results[1], f"{option}: {results[0][1]}, described: {results[1][1]}")
    plain.unlink()
    described.unlink()


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, folder = arguments.impscan, arguments.folder
    image = folder / "hidden.raw"
    subprocess.run([arguments.mkimage, "--scenario", "hidden", "--memory", "48", "-o", image], check=True)
    test_one(impscan, image)
    test_warnings(impscan, arguments.mkimage, folder)
    test_several(impscan, image, folder)
    test_read_back(impscan, image, folder)
    for form in "table", "wide", "csv", "json", "misp":
        _, err = run(impscan, image, "-a", "-o", form, "--describe", status=(2,))
        check("which only JSON lines have room for: add -o jsonl" in err, err)
    image.unlink()
    finish("--describe")


if __name__ == "__main__":
    main()
