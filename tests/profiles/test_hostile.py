#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles that no kernel has: declined with a sentence, or read without harm.

    test_hostile.py IMPSCAN MKIMAGE FOLDER PROFILES [RUNS [SEED]]

Values of shipped profiles are replaced by others at random, most of which a profile may have, and
images are scanned by them: whatever comes of it, impscan ends by itself and soon. A profile as former
versions wrote it, with members that nobody reads, gives what the shipped one does.
"""

import pathlib
import random
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from image_truth import check, finish, run  # pylint: disable=wrong-import-position

IMAGES = (
    ("19041", "x64", "windows-10-19041-x64", ()),
    ("7601", "x86", "windows-7-7601-x86", ()),
    ("2600", "x86", "windows-xp-2600-x86-pae", ("--pae",)),
)
OFFSETS = (0, 1, 3, 4, 8, 12, 16, 0x28, 0x7f, 0xfc, 0x3ff, 0xfe0, 0xff8, 0xffe, 0x1000, 0x1001,
           0x8000, 0xffff)
BEYOND = (0x10000, 0x100000, 0xfffffff8, 0xffffffff)
SECONDS = 20  # of a scan; it takes a fraction of one


def mutate(text, rng):
    """The profile with some of its values replaced, some members left out; maybe as inferred."""
    lines, out = text.splitlines(), []
    share = rng.choice((0.01, 0.03, 0.1, 0.5))
    for line in lines:
        match = re.fullmatch(r"(    \w+: )(.*)", line)
        if not match or rng.random() > share:
            out.append(line)
            continue
        kind = rng.random()
        offset = rng.choice(BEYOND if kind < 0.02 else OFFSETS)
        if kind > 0.95:
            continue
        if match[2].startswith("{"):
            bits = rng.choice((1, 2, 3, 4, 5, 7, 20, 32, 40, 52, 59, 63, 64))
            out.append(f"{match[1]}{{offset: {rng.choice((0, 0, 0, 4, offset))}, "
                       f"bit: {rng.randint(0, max(0, 64 - bits))}, bits: {bits}}}")
        elif match[1].strip() == "size:":
            out.append(match[1] + str(rng.choice((1, 4, 8, 16, offset))))
        else:
            out.append(match[1] + str(offset))
    text = "\n".join(out) + "\n"
    if rng.random() < 0.5:
        text = text.replace("types:\n", "inferred: to see what happens\ntypes:\n", 1)
    return text


def scan(impscan, image, profile):
    """impscan's exit code (None: it took too long) and what it said."""
    try:
        result = subprocess.run([impscan, "-f", image, "-a", "-q", "-o", "jsonl", "--profile",
                                 profile], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return result.returncode, result.stderr.decode(errors="replace").strip()


def test_random(impscan, image, shipped, profile, runs, rng):
    done = {"scanned": 0, "declined": 0}
    for i in range(runs):
        profile.write_text(mutate(shipped, rng))
        code, said = scan(impscan, image, profile)
        fine = code in (0, 1) or (code == 2 and said)
        check(fine, f"{image.name}, profile {i}: exit {code}: {said[-300:]}")
        if not fine:
            profile.rename(profile.with_name(f"{image.stem}-{i}.yaml"))
        done["scanned" if code in (0, 1) else "declined"] += 1
    print(f"{image.name}: {done}")
    check(runs < 20 or done["scanned"] >= runs // 10, f"{image.name}: nearly all were declined")


def test_sentence(impscan, image, shipped, profile):
    """What is wrong, with file, line, member and range."""
    lines = shipped.splitlines()
    at = lines.index("  HANDLE_TABLE_ENTRY:") + 1
    lines[at] = "    size: 0x2000"
    profile.write_text("\n".join(lines) + "\n")
    code, said = scan(impscan, image, profile)
    check(code == 2 and f"{profile}:{at + 1}:11: HANDLE_TABLE_ENTRY.size is out of range: 0x2000, "
          "not 0x8 or 0x10" in said, f"HANDLE_TABLE_ENTRY.size 0x2000: exit {code}: {said}")


def test_former(impscan, image, shipped, profile):
    """All former members in all their types, as a file of a former version has them."""
    source = pathlib.Path(__file__).resolve().parents[2] / "src/profile/former.c"
    for name, members in re.findall(r'\{"(\w+)", "([\w ]+)"\}', source.read_text()):
        more = "".join(f"    {member}: 0x10\n" for member in members.split())
        if f"\n  {name}:\n" in shipped:
            shipped = shipped.replace(f"\n  {name}:\n", f"\n  {name}:\n{more}")
        else:
            shipped += f"  {name}:\n{more}"
    profile.write_text(shipped)
    old, _ = run(impscan, "-f", image, "-a", "-q", "-o", "jsonl", "--profile", profile)
    new, _ = run(impscan, "-f", image, "-a", "-q", "-o", "jsonl")
    check(old == new and old, f"{image.name}: a profile with former members gives other rows")
    profile.write_text(shipped.replace("Win32StartAddress", "Win32StartAdress"))
    code, said = scan(impscan, image, profile)
    check(code == 2 and "unknown member 'Win32StartAdress' of ETHREAD" in said,
          f"a misspelt member: exit {code}: {said}")


def main():
    impscan, mkimage, folder, profiles = sys.argv[1:5]
    runs = int(sys.argv[5]) if len(sys.argv) > 5 else 25
    rng = random.Random(int(sys.argv[6]) if len(sys.argv) > 6 else 1)
    folder, profiles = pathlib.Path(folder), pathlib.Path(profiles)
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / "mutant.yaml"
    for build, arch, name, options in IMAGES:
        image = folder / f"{build}-{arch}.raw"
        shipped = (profiles / f"{name}.yaml").read_text()
        subprocess.run([mkimage, "--build", build, "--arch", arch, "--memory", "24", "--move-out",
                        "20", "--pagefile", folder / "pagefile", *options, "-o", image], check=True,
                       capture_output=True)
        test_sentence(impscan, image, shipped, profile)
        test_former(impscan, image, shipped, profile)
        test_random(impscan, image, shipped, profile, runs, rng)
        image.unlink()
    finish(f"{len(IMAGES)} images, {runs} profiles each")


main()
