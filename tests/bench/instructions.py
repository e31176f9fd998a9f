#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the instructions of the main paths under callgrind and holds them against recorded ones.

    instructions.py BUILD [--record]

BUILD is the folder of a build: instructions.py build/release. Unlike times, instructions are the
same on a busy machine as on an idle one, and in every run, so that a change that makes a path twice
as long is seen at once. Everything is done by one thread, on an image, files and lists that the
tests' writers make: no file of the machine is needed.

Fails when a path takes more than 1.5 times what is recorded in tests/data/instructions.tsv for the
build type, and tells which take less than half. What callgrind wrote stays in
BUILD/tests/instructions, for callgrind_annotate. --record writes what was counted into the file,
beside what is there for other build types: when a path got shorter, or longer for a good reason, or
when mkimage writes another image. What counts is the release build, so only that is recorded:

    cmake --build --preset release && python3 tests/bench/instructions.py build/release --record

Skipped (exit code 77) without valgrind, in builds with sanitizers, which valgrind can't run, and
where nothing was recorded for the build type or the processor's architecture.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

RECORD = pathlib.Path(__file__).resolve().parent.parent / "data" / "instructions.tsv"
MEMORY = 208  # MB: three processes of mkimage's scenario "big", of some 110 modules each
MEMORY_X86 = 240  # MB: the same, whose page maps are PAE's
HASHES = 20000  # of the list, in families of ten
AT_ONCE = 2  # paths; each is counted by itself, so that only the time of all gets shorter
MOST = 1.5
LEAST = 0.5
SKIPPED = 77


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(SKIPPED)


def cached(build, name):
    """A variable of the build's CMakeCache.txt; empty when it is not there."""
    text = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{name}:\w+=(.*)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def compiler(build):
    """ "GNU 12.2.0": which compiler CMake found."""
    for path in build.glob("CMakeFiles/*/CMakeCCompiler.cmake"):
        text = path.read_text(encoding="utf-8")
        words = [re.search(rf'set\(CMAKE_C_COMPILER_{what} "(.*)"\)', text)
                 for what in ("ID", "VERSION")]
        if all(words):
            return " ".join(word.group(1) for word in words)
    return "unknown compiler"


class Record:
    """The recorded file: of each build type how it was counted, and the paths' instructions."""

    def __init__(self):
        self.how, self.counts = {}, {}
        if not RECORD.exists():
            return
        for line in RECORD.read_text(encoding="utf-8").splitlines():
            note = re.match(r"# (\w+): (.*)", line)
            if note:
                self.how[note.group(1)] = note.group(2)
            elif line and not line.startswith("#"):
                kind, path, count = line.split("\t")
                self.counts.setdefault(kind, {})[path] = int(count)

    def write(self):
        lines = ["# Made by tests/bench/instructions.py --record: instructions of the main paths, "
                 "under callgrind.",
                 "# Build type: architecture, compiler, valgrind, date of recording"]
        lines += [f"# {kind}: {self.how[kind]}" for kind in sorted(self.how)]
        lines += ["# Columns:", "# build type\tpath\tinstructions"]
        lines += [f"{kind}\t{path}\t{count}" for kind in sorted(self.counts)
                  for path, count in self.counts[kind].items()]
        RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Counter:
    """The input of the paths, and counting. Names are relative, so as to be the same everywhere."""

    def __init__(self, build):
        self.build = build
        self.folder = build / "tests" / "instructions"
        self.environment = {**os.environ, "LC_ALL": "C"}
        self.environment.pop("IMPSCAN_IMAGE", None)  # -e is counted without an image too

    def run(self, *command, output=None):
        result = subprocess.run(list(map(str, command)), cwd=self.folder, env=self.environment,
                                stdout=output or subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, check=False)
        if result.returncode:
            sys.exit(f"instructions: {' '.join(map(str, command))}: exit code "
                     f"{result.returncode}: {result.stderr.strip()[-500:]}")

    def make_input(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("samples/cases", "samples/plain"):
            (self.folder / name).mkdir(parents=True)
        tools = self.build / "tests"
        # Files that are odd, and files of which the image has some: their hashes are also behind
        # the made-up ones in the list, so that both searches find something.
        self.run(tools / "mkpe", "samples/cases")
        self.run(tools / "mkimage", "--scenario", "plain", "--pe-out", "samples/plain",
                 "-o", "image")
        self.run(tools / "mkimage", "--scenario", "big", "--memory", MEMORY, "--truth", "truth",
                 "-o", "image")
        # 32-bit code, where every second value may be an address.
        self.run(tools / "mkimage", "--scenario", "big", "--memory", MEMORY_X86, "--arch", "x86",
                 "-o", "image-x86")
        self.run(tools / "bench_match", HASHES, 10, "sets")
        with open(self.folder / "sets", "ab") as file:
            self.run(self.build / "impscan", "-q", "-e", "samples", output=file)
        # Only a list that has impset hashes makes one of every module.
        text = (self.folder / "sets").read_text(encoding="utf-8")
        (self.folder / "hashes").write_text(re.sub(r"impset:\S+ +", "", text), encoding="utf-8")

    def paths(self):
        """What is counted, each with its arguments."""
        truth = json.loads((self.folder / "truth").read_text(encoding="utf-8"))
        pid = max((len(process["modules"]), process["pid"]) for process in truth["processes"])[1]
        image = ["-f", "image"]
        return {
            "--info": [*image, "--info"],
            "-F -a": [*image, "-F", "-a"],
            "-a": [*image, "-a"],
            "x86: -a": ["-f", "image-x86", "-a"],
            "-a -o jsonl": [*image, "-a", "-o", "jsonl"],
            "--deep -F -a": [*image, "--deep", "-F", "-a"],
            "--imports -p PID": [*image, "--imports", "-p", str(pid)],
            "-F -i LIST": [*image, "-F", "-i", "hashes"],
            "-F -i LIST, impset": [*image, "-F", "-i", "sets"],
            "-F -e SAMPLES": [*image, "-F", "-e", "samples"],
            "-e SAMPLES, no image": ["-e", "samples"],
        }

    def out_file(self, path):
        return "callgrind.out." + "-".join(re.findall(r"\w+", path))

    def count(self, path, arguments):
        name = self.out_file(path)
        self.run("valgrind", "--tool=callgrind", f"--callgrind-out-file={name}",
                 self.build / "impscan", "-q", "-j1", "--no-sandbox", *arguments)
        text = (self.folder / name).read_text(encoding="utf-8", errors="replace")
        return int(re.search(r"^totals: (\d+)$", text, re.MULTILINE).group(1))

    def count_all(self):
        """(path, instructions) of each, in order."""
        paths = self.paths()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            yield from zip(paths, pool.map(self.count, paths, paths.values()))

    def remove_input(self):
        """All but what callgrind wrote: the image takes much of the disk."""
        for name in ("image", "image-x86", "hashes", "sets", "truth"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "samples", ignore_errors=True)


def judge(counter, path, count, recorded):
    """What there is to say of a path, and whether it is a failure."""
    if not recorded:
        return f"{path}: not recorded, use --record", True
    if count > MOST * recorded:
        return (f"{path}: {count / recorded:.2f} times the {recorded:,} instructions that are "
                f"recorded; callgrind_annotate {counter.folder / counter.out_file(path)} tells "
                f"where they go"), True
    if count < LEAST * recorded:
        return f"{path}: less than half of what is recorded, record again", False
    return None, False


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="folder of a build")
    parser.add_argument("--record", action="store_true", help="write what was counted to the file")
    return parser.parse_args()


def main():
    arguments = parse()
    build = arguments.build.resolve()
    kind, machine = cached(build, "CMAKE_BUILD_TYPE"), platform.machine()
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    if cached(build, "IMPSCAN_SANITIZE").upper() in ("ON", "1", "TRUE", "YES"):
        skip("valgrind can't run a build with sanitizers")
    record = Record()
    recorded = record.counts.get(kind, {})
    if not arguments.record:
        if not recorded:
            skip(f"no instructions are recorded for the build type {kind}")
        if not record.how.get(kind, "").startswith(machine + ","):
            skip(f"what is recorded for {kind} was counted on another architecture")
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    how = f"{machine}, {compiler(build)}, {version}"
    print(f"{kind}: {how}; recorded: {record.how.get(kind, 'nothing')}\n")
    print(f"{'path':<22} {'counted':>15} {'recorded':>15} {'ratio':>7}", flush=True)

    counter = Counter(build)
    counts, remarks, failed = {}, [], False
    try:
        counter.make_input()
        for path, count in counter.count_all():
            counts[path], old = count, recorded.get(path)
            print(f"{path:<22} {count:>15,} " +
                  (f"{old:>15,} {count / old:>7.2f}" if old else f"{'-':>15} {'-':>7}"), flush=True)
            remark, bad = judge(counter, path, count, old)
            remarks += [remark] if remark else []
            failed |= bad
    finally:
        counter.remove_input()
    if arguments.record:
        record.counts[kind] = counts
        record.how[kind] = f"{how}, {time.strftime('%Y-%m-%d')}"
        record.write()
        print(f"\nrecorded in {RECORD.name}")
        return
    print("".join("\n" + remark for remark in remarks))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
