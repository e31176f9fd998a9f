#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about how programs import, beside this file; see README.md here.

    generate.py --tables DIR --programs DIR [--wine DIR ...] [--libraries DIR ...]

Reads these, and writes the .txt files anew:

--tables     what the DLLs of one Windows export: exports.tsv.xz (DLL, architecture, version, ordinal,
             name or "OrdinalN", RVA, forwarder), contracts.tsv.xz (API set, function, host),
             programs.tsv (architecture, toolchain, imphash, imports, bytes, path)
--programs   the PE files of programs.tsv, by their paths
--wine       folders of Wine's DLLs and programs
--libraries  folders of import libraries (MinGW's lib*.a)
"""

import argparse
import collections
import lzma
import os
import pathlib
import re
import struct

import pefile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM, WINE, LIBRARY = 8, 2, 1  # what one more of each adds to a name's weight
WINE_MOST = 3
# Microsoft's import libraries that name functions by their ordinals: all of a DLL, or these.
SDK_ALL = {"cabinet.dll", "msi.dll", "odbc32.dll", "wldap32.dll"}
SDK = {"comctl32.dll": {17, 410, 411, 412, 413}}
# Functions without names before Windows Vista: libraries of all kinds have their ordinals.
NAMELESS = {("comctl32.dll", ordinal) for ordinal in (410, 411, 412, 413)}
MICROSOFT = {"msvc14", "rust-msvc"}  # toolchains whose linker orders the directory otherwise
# For impset (docs/impset.md), which must stay as it is: a change of aliases.txt changes the hashes.
RUNTIME = re.compile(r"(msvc[pr]|vcruntime|vccorlib|concrt|vcomp|mfc)\d")  # they come with programs
NUMBERED = {"comctl32.dll", "shell32.dll", "shlwapi.dll"}  # their ordinals stay the same as well
ALIASES_MOST = 32  # names of one address; more are what became of functions that were removed
# Names that DLLs of all kinds have, and that stand for something else in each.
EVERYWHERE = {"dllcanunloadnow", "dllgetactivationfactory", "dllgetclassobject", "dllgetversion",
              "dllinstall", "dllmain", "dllregisterserver", "dllunregisterserver"}


def rows(path):
    opened = lzma.open(path, "rt") if path.suffix == ".xz" else open(path, encoding="utf-8")
    with opened as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def base_name(dll):
    """The DLL's name as facts have it: lower case, with its extension."""
    dll = dll.lower()
    return dll if re.search(r"\.(dll|drv|exe|ocx|cpl|sys)$", dll) else dll + ".dll"


def imports(path):
    """The import directory of a PE: DLL, [(name, ordinal)], in its order."""
    try:
        pe = pefile.PE(path, fast_load=True)
        pe.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
    except pefile.PEFormatError:
        return []
    return [(base_name(entry.dll.decode("ascii", "replace")),
             [(i.name.decode("ascii", "replace") if i.name else None, i.ordinal)
              for i in entry.imports]) for entry in getattr(pe, "DIRECTORY_ENTRY_IMPORT", [])]


def order(path):
    """
    The DLLs of the import directory in its order, each once; but a DLL that has address tables of its own under
    two names (kernel32.dll, KERNEL32.dll) more often, and "/2" behind it for the second of these in memory.
    """
    pe = pefile.PE(path, fast_load=True)
    pe.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
    first = {}
    for entry in getattr(pe, "DIRECTORY_ENTRY_IMPORT", []):
        first.setdefault(entry.dll.decode("ascii", "replace"), entry.struct.FirstThunk)
    numbers, marked = collections.Counter(), {}
    for name in sorted(first, key=first.get):
        dll = base_name(name)
        numbers[dll] += 1
        marked[name] = dll if numbers[dll] == 1 else f"{dll}/{numbers[dll]}"
    return [marked[name] for name in first]


def exports(path):
    """The export directory of a PE, as a row of self.exports."""
    pe = pefile.PE(path, fast_load=True)
    pe.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_EXPORT"]])
    directory = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    return [(e.ordinal, e.name.decode("ascii", "replace") if e.name else None, f"{e.address or 0:x}",
             e.forwarder.decode("ascii", "replace") if e.forwarder else "")
            for e in (directory.symbols if directory else [])]


def archive_members(path):
    data = path.read_bytes()
    at = 8
    while data[:8] == b"!<arch>\n" and at + 60 <= len(data):
        size = int(data[at + 48:at + 58])
        yield data[at + 60:at + 60 + size]
        at += 60 + size + size % 2


def sections(member):
    """Sections of a COFF object by name."""
    if len(member) < 20 or member[:2] not in (b"\x64\x86", b"\x4c\x01"):
        return {}
    count, optional = struct.unpack_from("<H", member, 2)[0], struct.unpack_from("<H", member, 16)[0]
    found = {}
    for i in range(count):
        at = 20 + optional + 40 * i
        size, start = struct.unpack_from("<II", member, at + 16)
        found[member[at:at + 8].rstrip(b"\0").decode("latin1")] = member[start:start + size]
    return found


def library(path):
    """What a GNU import library offers: the DLL (None: it is not one of one DLL), its names."""
    dlls, names = set(), set()
    for member in archive_members(path):
        parts = sections(member)
        if b"." in parts.get(".idata$7", b""):
            dlls.add(base_name(parts[".idata$7"].split(b"\0")[0].decode("latin1")))
        if len(parts.get(".idata$6", b"")) > 2:
            names.add(parts[".idata$6"][2:].split(b"\0")[0].decode("latin1"))
    return (dlls.pop() if len(dlls) == 1 else None), names


class Facts:
    def __init__(self, arguments):
        self.exports = collections.defaultdict(list)  # (architecture, DLL): its rows
        for row in rows(arguments.tables / "exports.tsv.xz"):
            if row[3].isdigit():
                name = None if re.fullmatch(r"Ordinal\d+", row[4]) else row[4]
                self.exports[row[1], base_name(row[0])].append((int(row[3]), name, row[5], row[6:] and row[6]))
        self.windows = set(self.exports)
        self.programs, self.orders = [], []
        for row in rows(arguments.tables / "programs.tsv"):
            path = arguments.programs / row[5]
            self.programs.append((row[1], imports(path)))
            self.orders.append((row[1], order(path)))
            dll = base_name(path.name)
            if (row[0], dll) not in self.exports:
                self.exports[row[0], dll] = exports(path)
        self.wine = [imports(path) for folder in arguments.wine for path in
                     sorted(folder.iterdir())]
        self.libraries = collections.defaultdict(set)
        for folder in arguments.libraries:
            for path in sorted(folder.glob("*.a")):
                dll, names = library(path)
                if dll:
                    self.libraries[dll] |= names
        self.contracts = collections.defaultdict(set)
        for row in rows(arguments.tables / "contracts.tsv.xz"):
            self.contracts[row[0]].add(row[1])

    def all_contracts(self):
        """Functions of each API set: by its stub, by import libraries, by who imports them."""
        found = collections.defaultdict(set)
        for name, functions in self.contracts.items():
            found[name] |= functions
        for name, functions in self.libraries.items():
            if re.match(r"(api|ext)-", name):
                found[name.removesuffix(".dll")] |= functions
        for _, directory in self.programs:
            for name, functions in directory:
                if re.match(r"(api|ext)-", name):
                    found[name.removesuffix(".dll")] |= {f for f, _ in functions if f}
        return found

    def weights(self):
        """Names that share their address with others of their DLL, by how often they are imported."""
        by_program, by_wine = collections.Counter(), collections.Counter()
        for counter, importers in ((by_program, [d for _, d in self.programs]),
                                   (by_wine, self.wine)):
            for directory in importers:
                counter.update({name for _, functions in directory for name, _ in functions if name})
        weights = collections.Counter()
        for (_, dll), exports in self.exports.items():
            groups = collections.defaultdict(set)
            for _, name, rva, forwarder in exports:
                if name:
                    groups[forwarder or rva].add(name)
            for names in groups.values():
                weighed = {name: PROGRAM * by_program[name] + LIBRARY * (name in self.libraries.get(dll, ()))
                           + WINE * min(by_wine[name], WINE_MOST) for name in names}
                if len(set(weighed.values())) > 1:
                    for name, weight in weighed.items():
                        weights[name] = max(weights[name], weight)
        return weights

    def dll_weights(self):
        """DLLs that programs are linked against."""
        weights = collections.Counter()
        system = {dll for _, dll in self.exports} | {s + ".dll" for s in self.all_contracts()}
        for _, directory in self.programs:
            weights.update({dll: PROGRAM for dll, _ in directory if dll in system})
        for dll, names in self.libraries.items():
            if dll in system and names:
                weights[dll] += LIBRARY
        return weights

    def ordinals(self):
        """Functions that have a name, and are imported by their ordinals."""
        found = collections.defaultdict(set, {dll: set(numbers) for dll, numbers in SDK.items()})
        for (_, dll), exports in self.exports.items():
            if dll in SDK_ALL:
                found[dll] |= {ordinal for ordinal, name, _, _ in exports if name}
        named = {(dll, ordinal) for (_, dll), exports in self.exports.items()
                 for ordinal, name, _, _ in exports if name}
        for _, directory in self.programs:
            for dll, functions in directory:
                found[dll] |= {ordinal for name, ordinal in functions
                               if not name and (dll, ordinal) in named}
        return found

    def alias_groups(self):
        """Names that stand for one function, in lower case: one address has them, or a forwarder."""
        linked = {dll for _, directory in self.programs for dll, _ in directory}
        linked |= {dll for dll, names in self.libraries.items() if names}
        for (arch, dll), exports in sorted(self.exports.items()):
            if dll not in linked or re.match(r"(api|ext)-", dll) or \
                    not ((arch, dll) in self.windows or RUNTIME.match(dll)):
                continue
            groups = collections.defaultdict(set)
            for _, name, rva, forwarder in exports:
                name, to = (name or "").lower(), (forwarder or "").rpartition(".")[2].lower()
                if not re.fullmatch(r"[a-z0-9_?@$<>]+", name) or re.fullmatch(r"ord\d+", name):
                    continue
                if to and to[0] != "#":
                    yield {name, to} - EVERYWHERE
                elif not to:
                    groups[rva].add(name)
            yield from (names - EVERYWHERE for names in groups.values() if len(names) <= ALIASES_MOST)

    def aliases(self):
        """{name: the one that stands for it, of its class the shortest}; also of DLL.ordN."""
        classes = {}
        for names in self.alias_groups():
            if len(names) > 1:
                together = set().union(names, *(classes.get(name, ()) for name in names))
                classes.update(dict.fromkeys(together, together))
        first = {name: min(names, key=lambda n: (len(n), n)) for name, names in classes.items()}
        found = {name: to for name, to in first.items() if name != to}
        ordinals = self.ordinals()
        for (arch, dll), exports in sorted(self.exports.items(), reverse=True):  # x64 is the last
            for ordinal, name, _, _ in exports if (arch, dll) in self.windows else ():
                if name and (dll in NUMBERED or ordinal in ordinals.get(dll, ())):
                    stem = re.sub(r"\.(dll|ocx|sys)$", "", dll)
                    found[f"{stem}.ord{ordinal}"] = first.get(name.lower(), name.lower())
        return found

    def directories(self):
        """In which orders Microsoft's linker put the DLLs of a directory, and how often."""
        found = collections.Counter(tuple(dlls) for toolchain, dlls in self.orders
                                    if toolchain in MICROSOFT)
        return [" ".join([str(count), *names]) for names, count in sorted(found.items())]


def write(name, lines):
    with open(HERE / name, "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
    print(f"{name}: {len(lines)} lines")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=pathlib.Path, required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--wine", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--libraries", type=pathlib.Path, action="append", default=[])
    facts = Facts(parser.parse_args())
    contracts = facts.all_contracts()
    names = sorted(contracts)
    functions = sorted({function for some in contracts.values() for function in some})
    write("api-sets.txt", names)
    seen = collections.Counter((f, dll) for _, directory in facts.programs
                               for dll, imported in directory for f, _ in imported)
    write("functions.txt", [" ".join([function] + [f"{i}:{seen[function, name + '.dll']}"
                                                   for i, name in enumerate(names)
                                                   if function in contracts[name]])
                            for function in functions])
    write("names.txt", [f"{name} {weight}" for name, weight in sorted(facts.weights().items())
                        if weight])
    write("dlls.txt", [f"{dll} {weight}" for dll, weight in sorted(facts.dll_weights().items())])
    write("ordinals.txt", [" ".join([dll] + [f"{n}{'*' if (dll, n) in NAMELESS else ''}"
                                             for n in sorted(numbers)])
                           for dll, numbers in sorted(facts.ordinals().items()) if numbers])
    write("directories.txt", facts.directories())
    write("aliases.txt", [f"{name} {to}" for name, to in sorted(facts.aliases().items())])


if __name__ == "__main__":
    main()
