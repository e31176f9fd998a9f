#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well are import lists rebuilt where the DLLs are Microsoft's?

    real_exports.py BUILD [--programs DIR] [--tables DIR] [--treatment T ...] [-v]

BUILD is the folder of a build: real_exports.py build/release. DIR has the programs that
data/real-programs.tsv lists, as they lie in their npm packages (--fetch DIR gets them); without it
the environment variable IMPSCAN_PROGRAMS_DIR names it. Each is put into a process of its own of a
written machine whose DLLs have the export tables and API sets of Windows 10 19041: those that
--tables names, or the reduced ones of tests/data. Its imports are resolved, then wiped in one of
mkimage's ways (--treatment, see mkimage --help; "directories" where nothing is said), and impscan
says what it imported.

Printed, by architecture and treatment: in how many programs the imphash of the first list equals the
file's; its impfuzzy scores 60 or more; `-e` finds the file among all of them as the best match, at
-t 60 and -t 80; one of the lists has the file's imphash; and how many slots are named exactly as the
file names them. "nearest" is what one gets who names each slot by the first name (in the order of
names) that the DLL it leads into has for the address. Behind it the same by toolchain, and the slots
that are wrong by what is wrong and by DLL.
"""

import argparse
import collections
import ctypes
import ctypes.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from real_tables import DATA, Export, Pe, Tables

PROGRAMS = DATA / "real-programs.tsv"
ORDINALS = DATA / "pefile-ordinals.tsv"
ARCHS = ("x64", "x86")
TREATMENTS = ("loaded", "names", "directories", "header", "heap", "variable", "calls")
THRESHOLDS = (60, 80)
# What a process with a window has loaded besides what it imports itself.
BUSY = """user32.dll gdi32.dll gdi32full.dll win32u.dll msvcp_win.dll ucrtbase.dll advapi32.dll
    sechost.dll rpcrt4.dll msvcrt.dll combase.dll ole32.dll oleaut32.dll shell32.dll shlwapi.dll
    shcore.dll imm32.dll cryptbase.dll bcrypt.dll bcryptprimitives.dll sspicli.dll ws2_32.dll
    crypt32.dll version.dll kernel.appcore.dll windows.storage.dll uxtheme.dll""".split()
SKIPPED = 77

libfuzzy = ctypes.CDLL(ctypes.util.find_library("fuzzy") or "libfuzzy.so.2")

# A PE file under measure. `path` is relative; imports: of Pe.imports().
Program = collections.namedtuple("Program", "number name arch toolchain path imports size")


def stem(dll):
    """As an import list has a DLL's name."""
    name, dot, end = dll.lower().rpartition(".")
    return name if dot and end in ("dll", "ocx", "sys") else dll.lower()


def known_ordinals():
    """{(dll, ordinal): name} of those that import lists have by name."""
    known = {}
    with open(ORDINALS, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                dll, ordinal, name = line.rstrip("\n").split("\t")
                known[stem(dll), int(ordinal)] = name.lower()
    return known


KNOWN_ORDINALS = known_ordinals()


def import_name(dll, name, ordinal):
    """(dll, function) as an import list has them."""
    dll = stem(dll)
    if name is None:
        name = KNOWN_ORDINALS.get((dll, ordinal), f"ord{ordinal}")
    return dll, name.lower()


def read_programs(folder, given):
    """The programs of the table that the folder has."""
    programs = []
    missing = 0
    with open(given, encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    for number, row in enumerate(rows):
        arch, toolchain, path = row[0], row[1], row[-1]
        if not (folder / path).is_file():
            missing += 1
            continue
        pe = Pe(folder / path)
        name = f"{number:03}_{pathlib.PurePath(path).name}"
        programs.append(Program(number, name, arch, toolchain, folder / path, pe.imports(),
                                pe.size))
    return programs, missing


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
        self.samples = folder.parent / "samples"
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


def score(a, b):
    return max(0, libfuzzy.fuzzy_compare(a.encode(), b.encode())) if a and b else 0


def file_hashes(build, samples):
    """{name: (imphash, impfuzzy)} of the samples."""
    out = subprocess.run([build / "impscan", "-q", "-o", "jsonl", "-e", samples], check=True,
                         capture_output=True, text=True).stdout
    return {pathlib.PurePath(r["path"]).name: (r["imphash"], r["impfuzzy"])
            for r in map(json.loads, out.splitlines())}


def dll_error(tables, wanted, got, item):
    """What is wrong with a DLL's name."""
    if wanted == got:
        return None
    if not got:
        return "no DLL"
    is_set, got_set = tables.is_set(wanted), tables.is_set(got)
    if is_set and got_set:
        return "another API set"
    if is_set:
        return "host for API set"
    if got_set:
        return "API set for host"
    table = tables.dlls.get(tables.host(item.dll))
    export = None
    if table:
        export = table.by_name.get(item.name) if item.name else \
            table.by_ordinal.get(item.ordinal)
    if export and export.forwarder:
        return "owner for forwarder"
    other = tables.dlls.get(got + ".dll")
    if other and any(e.forwarder for e in other.exports):
        return "forwarder for owner"
    return "another DLL"


def slot_error(tables, item, row):
    """What is wrong with a slot's name, in words; None: nothing."""
    if not row:
        return "not found"
    wanted = import_name(item.dll, item.name, item.ordinal)
    got = import_name(row["dll"] or "", row["function"], row["ordinal"] or 0)
    if wanted == got:
        return None
    kinds = []
    error = dll_error(tables, wanted[0], got[0], item)
    if error:
        kinds.append(error)
    if wanted[1] != got[1]:
        if row["function"] is None and row["ordinal"] is None:
            kinds.append("no name")
        elif item.name is None:
            kinds.append("name for ordinal")
        elif row["function"] is None:
            kinds.append("ordinal for name")
        else:
            kinds.append("alias")
    return " + ".join(kinds)


def nearest(tables, item):
    """What the first export at the slot's address is called."""
    place = tables.resolve(item.dll, item.name, item.ordinal)
    if not place:
        return None
    exports = tables.dlls[place[0]].at[place[1]]
    return import_name(place[0], exports[0].name, exports[0].ordinal)


class Tally:
    """Counts over programs and slots; percentages of them."""

    COLUMNS = ("imphash", "fuzzy60", "e60", "e80", "any")

    def __init__(self):
        self.programs = self.slots = self.exact = self.nearest = 0
        self.counts = collections.Counter()
        self.kinds = collections.Counter()
        self.dlls = collections.Counter()
        self.causes = collections.Counter()

    def add(self, result):
        self.programs += 1
        self.slots += result.slots
        self.exact += result.exact
        self.nearest += result.nearest
        for column in self.COLUMNS:
            self.counts[column] += getattr(result, column)
        self.kinds.update(result.kinds)
        self.dlls.update(result.dlls)
        self.causes[result.cause] += 1

    def line(self):
        parts = [f"{self.programs:9}"]
        for column in self.COLUMNS:
            n = self.counts[column]
            parts.append(f"{n:5} {100 * n / max(self.programs, 1):5.1f}%")
        for n in (self.exact, self.nearest):
            parts.append(f"{n:6} {100 * n / max(self.slots, 1):5.1f}%")
        return " ".join(parts) + f" {self.slots:7}"


HEAD = (f"{'':20} {'programs':>9} {'imphash':>12} {'impfuzzy60':>12} {'-e -t 60':>12} "
        f"{'-e -t 80':>12} {'any list':>12} {'slots exact':>13} {'nearest':>13} {'slots':>7}")


class Result:
    """What impscan says of one program."""

    def __init__(self, machine, program, listed, imported, matched, hashes):
        key = machine.bases[program.name]
        row = (listed.get(key) or [{}])[0]
        imphash = row.get("rebuilt_imphash") or row.get("imphash")
        impfuzzy = row.get("rebuilt_impfuzzy") or row.get("impfuzzy")
        mine = hashes[program.name]
        self.program = program
        self.score = 100 if impfuzzy == mine[1] else score(impfuzzy, mine[1])
        self.imphash = imphash == mine[0]
        self.fuzzy60 = self.score >= 60
        self.find(matched.get(key) or [], program.name)
        self.slots = self.exact = self.nearest = 0
        self.kinds, self.dlls = collections.Counter(), collections.Counter()
        self.wrong = []
        self.compare(machine, imported.get(key) or [])
        self.cause = self.why(imphash)

    def find(self, matches, name):
        """Is the program's file the first match?"""
        best = matches[0] if matches else {}
        right = best and pathlib.PurePath(best["match"]).name == name
        self.e60, self.e80 = (bool(right and best["score"] >= t) for t in THRESHOLDS)
        self.matched = best and (pathlib.PurePath(best["match"]).name, best["score"])
        self.any = any(m["matched_hash"].endswith("imphash") and
                       pathlib.PurePath(m["match"]).name == name for m in matches)

    def compare(self, machine, rows):
        by_slot = {int(r["slot"], 16): r for r in rows}
        slots = machine.slots[self.program.name]
        for item, slot in zip(self.program.imports, slots, strict=True):
            error = slot_error(machine.tables, item, by_slot.pop(slot, None))
            self.slots += 1
            self.exact += not error
            self.nearest += (nearest(machine.tables, item) ==
                             import_name(item.dll, item.name, item.ordinal))
            if error:
                self.kinds[error] += 1
                self.dlls[stem(item.dll)] += 1
                self.wrong.append((error, item, slot))
        self.extra = sum(r["function"] is not None or r["ordinal"] is not None
                         for r in by_slot.values())

    def why(self, imphash):
        """What keeps the imphash from being the file's."""
        if self.imphash:
            return "equal"
        if not imphash:
            return "no list"
        if self.wrong:
            return "slots wrong"
        return "imports that it has not" if self.extra else "order alone"


def measure(machine, hashes):
    listed = machine.rows("-a")
    imported = machine.rows("--imports")
    matched = machine.rows("-t", str(THRESHOLDS[0]), "-e", machine.samples)
    return [Result(machine, p, listed, imported, matched, hashes) for p in machine.programs]


def print_counter(title, counter, most=25):
    if not counter:
        return
    print(f"  {title}")
    for name, n in sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:most]:
        print(f"    {n:6}  {name}")
    if len(counter) > most:
        print(f"    {sum(counter.values()) - sum(n for _, n in counter.most_common(most)):6}"
              f"  {len(counter) - most} others")


def report(title, results, verbose):
    whole, chains = Tally(), {}
    for result in results:
        whole.add(result)
        chains.setdefault(result.program.toolchain, Tally()).add(result)
    print(f"\n{title}\n{HEAD}\n{'all':20} {whole.line()}")
    for chain, tally in sorted(chains.items()):
        print(f"{chain:20} {tally.line()}")
    print_counter("imphash, by program", whole.causes)
    print_counter("wrong slots, by kind", whole.kinds)
    print_counter("wrong slots, by the DLL that the file names", whole.dlls)
    for result in results if verbose else ():
        print(f"  {result.program.name}: {result.cause}, impfuzzy {result.score}, "
              f"-e {result.matched}, {result.exact} of {result.slots} slots, {result.extra} more")
        for error, item, slot in result.wrong[:verbose * 20]:
            print(f"      {slot:#x} {item.dll}!{item.name or item.ordinal}: {error}")
    return whole


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(SKIPPED)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--programs", type=pathlib.Path, metavar="DIR",
                        default=os.environ.get("IMPSCAN_PROGRAMS_DIR"))
    parser.add_argument("--list", type=pathlib.Path, default=PROGRAMS, metavar="TSV",
                        help="other programs: architecture, toolchain, ..., path")
    parser.add_argument("--tables", type=pathlib.Path, metavar="DIR",
                        help="exports.tsv[.xz] and apisets.tsv of all DLLs")
    parser.add_argument("--arch", action="append", choices=ARCHS)
    parser.add_argument("--treatment", action="append", choices=TREATMENTS + ("all",))
    parser.add_argument("--busy", action="store_true",
                        help="processes have loaded what one with a window has")
    parser.add_argument("--only", default="", metavar="TEXT", help="programs with it in their path")
    parser.add_argument("-v", action="count", default=0, help="each program; -vv more wrong slots")
    return parser.parse_args()


def main():
    arguments = parse()
    if not arguments.programs:
        skip("no programs: neither --programs nor IMPSCAN_PROGRAMS_DIR says where they are")
    programs, missing = read_programs(pathlib.Path(arguments.programs).resolve(), arguments.list)
    if missing:
        print(f"SKIP: {missing} programs are not in {arguments.programs}")
    if not programs:
        sys.exit(SKIPPED)
    treatments = arguments.treatment or ["directories"]
    treatments = TREATMENTS if "all" in treatments else treatments
    folder = pathlib.Path(tempfile.mkdtemp(prefix="real_exports.",
                                           dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        samples = folder / "samples"
        samples.mkdir()
        for program in programs:
            (samples / program.name).symlink_to(program.path)
        hashes = file_hashes(arguments.build, samples)
        for arch in arguments.arch or ARCHS:
            chosen = [p for p in programs if p.arch == arch and arguments.only in str(p.path)]
            if not chosen:
                continue
            tables = Tables(arch, arguments.tables)
            add_missing(tables, [p for p in programs if p.arch == arch])
            for treatment in treatments:
                work = folder / "machine"
                work.mkdir()
                machine = Machine(arguments.build, work, tables, chosen, treatment,
                                  BUSY if arguments.busy else [])
                title = f"{arch}, {treatment}{', busy' if arguments.busy else ''}"
                report(title, measure(machine, hashes), arguments.v)
                sys.stdout.flush()
                shutil.rmtree(work)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
