#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Minidumps damaged at random: each run ends with rows or with a sentence, and one thread finds what
two find.

    test_damaged_dumps.py IMPSCAN MKIMAGE FOLDER [--count N] [--seed N]
"""

import json
import os
import random
import subprocess

from image_truth import check, finish, test_arguments, test_parser
from minidump import PAGE, ProcessMemory

MACHINES = [("19041", "x64", "hidden"), ("7601", "x86", "rebuilt"), ("19041", "x64", "dotnet"),
            ("7601", "x64", "go")]
PROCESSES = 3  # of each machine
SECONDS = 300  # for a dump of some MB, on a busy machine with sanitizers
VALUES = [0, 1, 2, 0x7f, 0xff, 0xfff, 0x1000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]


class Dump:
    """A dump in a file that is damaged and mended again, and where damage is worth it."""

    def __init__(self, path, memory):
        self.path, self.data = path, path.read_bytes()
        ranges = memory.ranges()
        at = len(self.data) - sum(len(data) for _, data in ranges)
        self.lists = (0, at)
        places = {}
        for address, data in ranges:
            for page in range(0, len(data), PAGE):
                places[address + page] = at + page
            at += len(data)
        # What is read of the process: PEB and TEBs, headers of images, and what follows them.
        wanted = [memory.tebs[0], *(int(memory.process[key] or "0", 16) for key in ("peb", "peb32"))]
        for module in memory.process["modules"]:
            base = int(module["base"], 16)
            wanted += [base, *(base + i * PAGE for i in range(module["size"] // PAGE))]
        self.pages = [(places[page], PAGE) for address in wanted
                      if (page := address & ~(PAGE - 1)) in places]

    def place(self, dice):
        """Where to damage: half of it in what the dump lists."""
        start, size = self.lists if dice.random() < 0.5 else dice.choice(self.pages)
        return start + dice.randrange(min(size, dice.choice((64, 512, 1 << 20))))

    def damage(self, dice):
        """Returns the damaged bytes, at most as many as there were."""
        data = bytearray(self.data)
        for _ in range(dice.choice((1, 1, 2, 4, 16, 64))):
            at, kind = self.place(dice), dice.randrange(5)
            size = dice.choice((1, 2, 4, 8))
            at -= at % size if dice.random() < 0.8 else 0
            at = min(at, len(data) - 8)
            if kind == 0:
                data[at] ^= 1 << dice.randrange(8)
            elif kind == 1:
                data[at:at + size] = dice.choice(VALUES).to_bytes(8, "little")[:size]
            elif kind == 2:
                data[at:at + size] = dice.randbytes(size)
            elif kind == 3:
                before = int.from_bytes(data[at:at + size], "little")
                after = before + dice.choice((-PAGE, -8, -1, 1, 8, PAGE))
                data[at:at + size] = (after % (1 << 8 * size)).to_bytes(size, "little")
            else:
                other = self.place(dice)
                piece = data[other:other + dice.choice((8, 48, 512))]
                data[at:at + len(piece)] = piece
        del data[len(self.data):]
        if dice.random() < 0.05:
            del data[dice.randrange(len(data)):]
        return data


def make_dumps(arguments):
    found = []
    for build, arch, scenario in MACHINES:
        image, truth_file = arguments.folder / "whole.raw", arguments.folder / "whole.json"
        subprocess.run([arguments.mkimage, "--build", build, "--arch", arch, "--scenario", scenario,
                        "--all-valid", "--truth", truth_file, "-o", image], check=True)
        truth, data = json.loads(truth_file.read_text()), image.read_bytes()
        processes = [process for process in truth["processes"]
                     if process["pid"] != 4 and process["peb"] and not process["exited"]]
        # Those with something special come first.
        processes.sort(key=lambda p: (p["pid"] < 5000, not p["injected"], not p["wow64"],
                                      len(p["modules"])))
        for number, process in enumerate(processes[:PROCESSES]):
            path = arguments.folder / f"{build}-{arch}-{scenario}-{process['pid']}.dmp"
            memory = ProcessMemory(data, truth, process)
            memory.write(path, info=number % 2 == 0)
            found.append(Dump(path, memory))
        image.unlink()
    return found


def scan(impscan, path, *options):
    result = subprocess.run([impscan, "-f", path, "-a", "-o", "jsonl", *options],
                            capture_output=True, timeout=SECONDS, check=False)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def test_damaged(impscan, dump, what, dice):
    data = dump.damage(dice)
    path = dump.path.with_suffix(".damaged")
    path.write_bytes(data)
    code, out, err = scan(impscan, path, "-j2")
    good = code in (0, 1, 2) and "Sanitizer" not in err and "runtime error" not in err
    good = good and bool(out) == (code == 0) and (code != 2 or err.count("error: ") == 1)
    good = good and (code, out) == scan(impscan, path, "-j1")[:2]
    check(good, f"{what}: exit {code}: {err[-2000:]}")
    if good:
        path.unlink()
    else:
        path.rename(dump.path.with_name(f"{what}.dmp"))
    return code == 0


def main():
    parser = test_parser(__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = test_arguments(parser)
    dumps, listed = make_dumps(arguments), 0
    for dump in dumps:
        code, out, err = scan(arguments.impscan, dump.path)
        check(code == 0 and out, f"{dump.path.name}, undamaged: exit {code}: {err}")
    for number in range(arguments.seed, arguments.seed + arguments.count):
        listed += test_damaged(arguments.impscan, dumps[number % len(dumps)], f"damaged-{number}",
                               random.Random(number))
    check(listed * 4 > arguments.count, f"only {listed} of {arguments.count} have rows")
    for dump in dumps:
        os.unlink(dump.path)
    finish(f"{arguments.count} damaged dumps, {listed} with rows")


if __name__ == "__main__":
    main()
