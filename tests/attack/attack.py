#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks impscan: runs it on thousands of mutants of written machines and files; see attack.c.

    attack.py TESTS FOLDER [OPTION OF attack]...

TESTS is the folder of a build's tests, with sanitizers as a rule (build/asan/tests). Files to be damaged
are made in FOLDER: images of each format, containers, minidumps, lists of all forms, samples, saved rows,
profiles and a symbol file. What is found is told with the command that shows it again.

    attack.py build/asan/tests /tmp/attack --seconds 36000 --jobs 8 --first 1000000     a night's run
"""

import gzip
import json
import lzma
import os
import pathlib
import subprocess
import sys
import zipfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
for room in ("e2e", "fuzz", "lists"):
    sys.path.insert(0, str(TESTS / room))

import container_seeds  # noqa: E402
import corpus  # noqa: E402

LARGE = 256 << 10  # bytes of a file of which damage hits little that matters


class Maker:
    def __init__(self, tests, folder):
        self.tests, self.folder = tests, folder
        self.impscan = tests.parent / "impscan"

    def run(self, name, *arguments, **more):
        return subprocess.run([self.tests / name, *map(str, arguments)], check=True,
                              stdout=subprocess.PIPE, **more).stdout

    def put(self, name, data):
        (self.folder / name).write_bytes(data)

    def images(self):
        """One of each format, with a header or tables of its own; and one that is packed."""
        formats = self.run("mkimage", "--list-formats").decode().split("\n")
        for name in [line.split("\t")[0] for line in formats if line]:
            if name != "raw":
                self.run("mkimage", "--memory", 32, "--scenario", "demo", "--format", name,
                         "-o", self.folder / f"image.{name}")
        raw = self.folder / "raw"
        self.run("mkimage", "--memory", 32, "-o", raw)
        self.put("image.gz", gzip.compress(raw.read_bytes(), 1))
        self.put("image.xz", lzma.compress(raw.read_bytes(), preset=0))
        with zipfile.ZipFile(self.folder / "image.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(raw, "mem.raw")
            archive.writestr("pagefile.sys", bytes(4096))
        rows = subprocess.run([self.impscan, "-q", "-f", raw, "-a", "--describe", "-o", "jsonl"],
                              check=True, capture_output=True).stdout
        self.put("rows.jsonl", b"".join(rows.splitlines(keepends=True)[:60]))
        self.put("rows.jsonl.gz", gzip.compress(rows))
        self.put("good.jsonl", rows[:20000])
        raw.unlink()

    def containers(self):
        for name, data in container_seeds.seeds():
            self.put(f"image.packed.{name}", data)
            self.put(f"sample.packed.{name}", data)

    def minidumps(self):
        pe, dumps = self.folder / "pe", self.folder / "dumps"
        for folder in (pe, dumps):
            folder.mkdir(exist_ok=True)
        self.run("mkpe", pe)
        subprocess.run([sys.executable, TESTS / "fuzz" / "minidump_seeds.py", pe, dumps], check=True)
        for path in sorted(dumps.iterdir())[:12]:
            self.put(f"image.minidump.{path.name}", path.read_bytes())
        for path in sorted(path for path in pe.iterdir() if path.stat().st_size < LARGE)[:16]:
            self.put(f"sample.{path.name}", path.read_bytes())

    def assemblies(self):
        folder = self.folder / "assemblies"
        folder.mkdir(exist_ok=True)
        self.run("mkassembly", folder, 12)
        for path in sorted(folder.iterdir())[:12]:
            if path.is_file() and path.stat().st_size < LARGE:
                self.put(f"sample.net.{path.name}", path.read_bytes())
        functions = b"runtime.main\nerrors.New\na.example/b.C\nmain.(*T).M\nmain.main\n"
        for version in ("1.2", "1.16", "1.20"):
            self.run("mkgo", "--version", version, self.folder / f"sample.go.{version}",
                     input=functions)

    def lists(self):
        for case in corpus.cases():
            if 0 < len(case.text) <= corpus.SEED:
                self.put(f"list.{case.form}.{case.name}", case.text)

    def layouts(self):
        profile = TESTS.parent / "profiles" / "windows-10-19041-x64.yaml"
        self.put("profile.yaml", profile.read_bytes())
        self.put("symbols.json", symbol_file())


def symbol_file():
    """A little of what Volatility's symbol files have."""
    def member(offset):
        return {"offset": offset, "type": {"kind": "base", "name": "pointer"}}
    types = {name: {"kind": "struct", "size": 4096, "fields": {
        field: member(8 * i) for i, field in enumerate(fields)}} for name, fields in {
            "_EPROCESS": ["Pcb", "ActiveProcessLinks", "UniqueProcessId", "VadRoot", "Peb",
                          "ImageFileName"],
            "_KPROCESS": ["DirectoryTableBase"],
            "_PEB": ["Ldr", "ImageBaseAddress"]}.items()}
    return json.dumps({
        "metadata": {"windows": {"pdb": {"GUID": "A" * 32, "age": 1, "database": "ntkrnlmp.pdb",
                                         "machine_type": 34404}}, "format": "6.2.0"},
        "base_types": {"pointer": {"kind": "int", "size": 8, "signed": False,
                                   "endian": "little"}},
        "user_types": types, "enums": {}, "symbols": {"PsActiveProcessHead": {"address": 4096}},
    }).encode()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    tests, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    maker = Maker(tests, folder)
    for make in (maker.images, maker.containers, maker.minidumps, maker.assemblies, maker.lists,
                 maker.layouts):
        make()
    command = [tests / "attack", "--files", folder, *sys.argv[3:]]
    os.execv(command[0], list(map(str, command)))


if __name__ == "__main__":
    main()
