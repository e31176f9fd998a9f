# SPDX-License-Identifier: GPL-3.0-or-later
"""What Microsoft's DLLs export and which DLL stands for an API set, as tables; and what PE files
import and export. For real_exports.py.

Tables are read from a folder with exports.tsv (or .tsv.xz) and apisets.tsv. In exports.tsv a line is
DLL, architecture, version, ordinal, name ("OrdinalN": none), RVA in hex, forwarder, with tabs
between; in apisets.tsv an API set's name, then IMPORTER=HOST, the first without an importer. Without
a folder the reduced ones of tests/data are read, whose form is told in data/make_exports.py.
"""

import collections
import lzma
import pathlib
import re
import struct

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
REDUCED = DATA / "exports-19041.tsv"
REDUCED_SETS = DATA / "api-sets-19041.tsv"

# name: None where it is exported by ordinal only; forwarder: "" where there is none
Export = collections.namedtuple("Export", "ordinal name rva forwarder")
# name: None where it is imported by ordinal; slot: an RVA
Import = collections.namedtuple("Import", "dll name ordinal slot")


def open_text(path):
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return open(path, encoding="utf-8")


def full_rows(folder, arch):
    """(dll, Export) of a folder with the tables of all DLLs."""
    path = folder / "exports.tsv"
    if not path.exists():
        path = folder / "exports.tsv.xz"
    with open_text(path) as lines:
        for line in lines:
            dll, of, _, ordinal, name, rva, forwarder = line.rstrip("\n").split("\t")
            if of == arch:
                named = None if re.fullmatch(r"Ordinal\d+", name) else name
                yield dll, Export(int(ordinal), named, int(rva or "0", 16), forwarder)


def reduced_rows(arch):
    """The same of tests/data: a line names a DLL, or an export of the one above it."""
    column = 1 if arch == "x64" else 3
    dll = None
    with open(REDUCED, encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#"):
                continue
            if len(fields) == 1:
                dll = fields[0]
                continue
            fields += [""] * (6 - len(fields))
            if fields[column]:
                yield dll, Export(int(fields[column]), fields[0] or None,
                                  int(fields[column + 1] or "0", 16), fields[5])


class Dll:
    def __init__(self, name):
        self.name = name
        self.exports = []
        self.by_name, self.by_ordinal = {}, {}
        self.at = collections.defaultdict(list)  # by RVA: those that lead there, sorted by name

    def add(self, export):
        if export.name is not None and export.name in self.by_name:
            return
        if export.name is None and export.ordinal in self.by_ordinal:
            return
        self.exports.append(export)
        if export.name is not None:
            self.by_name[export.name] = export
        if self.by_ordinal.setdefault(export.ordinal, export) is not export and export.name:
            self.by_ordinal[export.ordinal] = export
        if not export.forwarder:
            self.at[export.rva].append(export)


class Tables:
    """All of one architecture."""

    def __init__(self, arch, folder=None):
        self.arch = arch
        self.dlls = {}
        self.sets = {}  # by what counts of a set's name: {importer: host}
        self.set_names = {}
        for dll, export in full_rows(folder, arch) if folder else reduced_rows(arch):
            self.add(dll, export)
        for name in list(self.dlls):
            if name.startswith(("api-", "ext-")):  # stubs for what knows no API sets
                del self.dlls[name]
        with open(folder / "apisets.tsv" if folder else REDUCED_SETS, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("#"):
                    continue
                name, *values = line.rstrip("\n").split("\t")
                self.sets[name.rpartition("-")[0]] = dict(v.split("=", 1) for v in values)
                self.set_names[name] = values
        self.finish()

    def add(self, dll, export):
        if dll not in self.dlls:
            self.dlls[dll] = Dll(dll)
        self.dlls[dll].add(export)

    def finish(self):
        for dll in self.dlls.values():
            for exports in dll.at.values():
                exports.sort(key=lambda e: (e.name is None, e.name or "", e.ordinal))

    def is_set(self, dll):
        return dll.lower().startswith(("api-", "ext-"))

    def host(self, dll, importer=""):
        """The DLL that stands for a name; None: an API set that nobody stands for."""
        dll = dll.lower()
        if not self.is_set(dll):
            return dll
        stem = dll[:-4] if dll.endswith(".dll") else dll
        hosts = self.sets.get(stem.rpartition("-")[0])
        return (hosts.get(importer) or hosts.get("")) or None if hosts else None

    def resolve(self, dll, name, ordinal=0, importer="", depth=0):
        """(DLL, RVA) that an import leads to; None: to nothing."""
        table = self.dlls.get(self.host(dll, importer))
        if not table or depth > 8:
            return None
        export = table.by_name.get(name) if name else table.by_ordinal.get(ordinal)
        if not export:
            return None
        if not export.forwarder:
            return table.name, export.rva
        to, _, function = export.forwarder.rpartition(".")
        number = int(function[1:]) if function.startswith("#") else 0
        return self.resolve(to.lower() + ".dll", None if number else function, number, table.name,
                            depth + 1)

    def write_exports(self, path, only):
        """As mkimage --exports reads them."""
        with open(path, "w", encoding="utf-8") as out:
            for name in sorted(only & set(self.dlls)):
                for e in self.dlls[name].exports:
                    out.write(f"{name}\t{e.ordinal}\t{e.name or ''}\t{e.rva:x}\t{e.forwarder}\n")

    def write_sets(self, path):
        """As mkimage --api-sets reads them."""
        with open(path, "w", encoding="utf-8") as out:
            for name, values in self.set_names.items():
                out.write("\t".join([name, *values]) + "\n")

    def needed(self, dlls):
        """Those DLLs and all that their forwarders lead to."""
        seen, todo = set(), [self.host(d) for d in dlls]
        while todo:
            name = todo.pop()
            if name in seen or name not in self.dlls:
                continue
            seen.add(name)
            for export in self.dlls[name].exports:
                if export.forwarder:
                    to = export.forwarder.rpartition(".")[0].lower() + ".dll"
                    todo.append(self.host(to, name))
        return seen


class Pe:
    """A PE file: what it imports and exports."""

    def __init__(self, path):
        self.data = path.read_bytes()
        nt = self.number(0x3C, 4)
        if self.data[:2] != b"MZ" or self.data[nt:nt + 4] != b"PE\0\0":
            raise ValueError(f"{path} is no PE file")
        self.wide = self.number(nt + 24, 2) == 0x20B
        self.arch = "x64" if self.wide else "x86"
        self.size = self.number(nt + 24 + 56, 4)
        self.directories = nt + 24 + (112 if self.wide else 96)
        at = nt + 24 + self.number(nt + 20, 2)
        self.sections = [struct.unpack_from("<IIII", self.data, at + 40 * i + 8)
                         for i in range(self.number(nt + 6, 2))]

    def number(self, offset, size):
        return int.from_bytes(self.data[offset:offset + size], "little")

    def offset(self, rva):
        for size, start, raw_size, raw in self.sections:
            if start <= rva < start + max(size, raw_size):
                return rva - start + raw
        return rva

    def at(self, rva, size):
        return self.number(self.offset(rva), size)

    def string(self, rva):
        start = self.offset(rva)
        return self.data[start:self.data.index(b"\0", start)].decode("latin-1")

    def imports(self):
        """In the directory's order."""
        found = []
        width = 8 if self.wide else 4
        at = self.number(self.directories + 8, 4)
        while at and self.at(at + 12, 4):
            dll = self.string(self.at(at + 12, 4))
            slot = self.at(at + 16, 4)
            thunk = self.at(at, 4) or slot
            while value := self.at(thunk, width):
                if value >> (8 * width - 1):
                    found.append(Import(dll, None, value & 0xFFFF, slot))
                else:
                    found.append(Import(dll, self.string(value + 2), 0, slot))
                thunk, slot = thunk + width, slot + width
            at += 20
        return found

    def exports(self):
        at, size = (self.number(self.directories + i, 4) for i in (0, 4))
        if not at:
            return []
        base, count, named, addresses, names, numbers = (self.at(at + 16 + 4 * i, 4)
                                                         for i in range(6))
        called = collections.defaultdict(list)
        for i in range(named):
            called[self.at(numbers + 2 * i, 2)].append(self.string(self.at(names + 4 * i, 4)))
        found = []
        for i in range(count):
            rva = self.at(addresses + 4 * i, 4)
            if rva:
                forwarder = self.string(rva) if at <= rva < at + size else ""
                found += [Export(base + i, name, rva, forwarder) for name in called[i] or [None]]
        return found
