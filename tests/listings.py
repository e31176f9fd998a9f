#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What impscan prints for every scenario, architecture and form: to be compared before and after a
change that must change nothing.

    listings.py IMPSCAN MKIMAGE FOLDER [--keep DIR] [-j N] [IMAGE ...]

Prints a digest a listing and one of all. --keep writes the listings as files, so that `diff -r` of
two such folders shows what differs. IMAGE: images besides those that are written here.
"""

import argparse
import hashlib
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "e2e"))

from image_truth import written_formats, written_scenarios  # noqa: E402

# Scenarios that are left out: one that needs gigabytes, one that needs files.
NOT_LISTED = {"big", "programs"}
LAYOUTS = [("2600", "x86"), ("3790", "x64"), ("7601", "x86", "--pae"), ("7601", "x64"),
           ("9600", "x64"), ("10240", "x86"), ("14393", "x64"), ("19041", "x64"),
           ("26100", "x64")]
# By name: what impscan is told besides the image.
LISTINGS = {
    **{f"all-{form}": ["-a", "-o", form] for form in ("table", "wide", "csv", "jsonl", "json")},
    "fast": ["-a", "-F", "-o", "jsonl"],
    "deep": ["-a", "--deep", "-o", "jsonl"],
    "regions": ["--regions", "-o", "jsonl"],
    "imports": ["--imports", "-o", "jsonl"],
    "info": ["--info", "-o", "json"],
    "info-table": ["--info"],
    "search": ["-o", "jsonl", "-t", "30"],  # with a list of the image's own first rows
    "search-table": ["-t", "60"],
}


def listing(impscan, image, arguments):
    """Standard output and error of one run, without paths and times."""
    result = subprocess.run([impscan, "-f", image, *arguments], capture_output=True, check=False)
    text = result.stdout + b"--- " + str(result.returncode).encode() + b"\n" + result.stderr
    text = text.replace(str(image.parent).encode(), b"FOLDER")
    return re.sub(rb"in [0-9.]+ s", b"in T s", text)


def list_image(impscan, image, name, threads, keep, total):
    hashes = image.parent / "hashes.txt"
    table = subprocess.run([impscan, "-f", image, "-a", "-q", "-o", "csv"], capture_output=True,
                           check=False).stdout
    hashes.write_bytes(b"\n".join(table.split(b"\n")[:60]) + b"\n")
    for what, arguments in LISTINGS.items():
        more = ["-i", hashes] if what.startswith("search") else []
        text = listing(impscan, image, [*arguments, *more, "-j", threads])
        print(f"{hashlib.sha256(text).hexdigest()[:16]}  {name} {what}", flush=True)
        total.update(text)
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name.replace(' ', '_')}.{what}").write_bytes(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("impscan")
    parser.add_argument("mkimage")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("-j", default="2", dest="threads")
    parser.add_argument("images", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    total = hashlib.sha256()
    image = arguments.folder / "image"
    scenarios = [name for name in written_scenarios(arguments.mkimage) if name not in NOT_LISTED]
    cases = [(scenario, layout, "raw") for layout in LAYOUTS for scenario in scenarios]
    cases += [("hidden", ("19041", "x64"), form)
              for form, archs in written_formats(arguments.mkimage).items()
              if form != "raw" and "x64" in archs]
    for scenario, (build, arch, *more), form in cases:
        made = subprocess.run([arguments.mkimage, "--scenario", scenario, "--build", build,
                               "--arch", arch, *more, "--memory", "64", "--format", form,
                               "-o", image], capture_output=True, check=False)
        name = " ".join([scenario, build, arch, *(word.strip("-") for word in more), form])
        if made.returncode:  # not every layout has every scenario
            print(f"{'-' * 16}  {name}: {made.stderr.decode().strip()}")
            continue
        list_image(arguments.impscan, image, name, arguments.threads, arguments.keep, total)
    for path in arguments.images:
        list_image(arguments.impscan, path, path.name, arguments.threads, arguments.keep, total)
    print(f"{total.hexdigest()[:16]}  all of it")


if __name__ == "__main__":
    main()
