#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference for .NET assemblies: an own reading of ECMA-335 (6th edition, partition II) of intact
files, and TypeRefHash as PeNet's TypeRefHash.cs computes it.

	dotnet_oracle.py FILE...	a line a file, as the first columns of e2e/dotnet_hashes

Strings are ordered by libicui18n, which .NET 5 and later use, where that is installed; else by what is
known of its order. libfuzzy's shared library is called directly.
"""
import ctypes
import ctypes.util
import functools
import glob
import hashlib
import os
import struct
import sys
import uuid

import libfuzzy
from libfuzzy import ssdeep

SKIPPED = 77


class NoAssembly(Exception):
    """The file is no PE, or has no CLR header."""


def skip(reason):
    print("SKIP: " + reason)
    sys.exit(SKIPPED)


if not libfuzzy.LIBRARY:
    skip("libfuzzy.so.2 is not installed")


# II.22: the columns of each table, in words of that section. An index into a table is named by it, a
# coded one (II.24.2.6) by its kind.
SCHEMA = """
00 Module:u16 str guid guid guid
01 TypeRef:ResolutionScope str str
02 TypeDef:u32 str str TypeDefOrRef Field MethodDef
03 FieldPtr:Field
04 Field:u16 str blob
05 MethodPtr:MethodDef
06 MethodDef:u32 u16 u16 str blob Param
07 ParamPtr:Param
08 Param:u16 u16 str
09 InterfaceImpl:TypeDef TypeDefOrRef
0a MemberRef:MemberRefParent str blob
0b Constant:u16 HasConstant blob
0c CustomAttribute:HasCustomAttribute CustomAttributeType blob
0d FieldMarshal:HasFieldMarshal blob
0e DeclSecurity:u16 HasDeclSecurity blob
0f ClassLayout:u16 u32 TypeDef
10 FieldLayout:u32 Field
11 StandAloneSig:blob
12 EventMap:TypeDef Event
13 EventPtr:Event
14 Event:u16 str TypeDefOrRef
15 PropertyMap:TypeDef Property
16 PropertyPtr:Property
17 Property:u16 str blob
18 MethodSemantics:u16 MethodDef HasSemantics
19 MethodImpl:TypeDef MethodDefOrRef MethodDefOrRef
1a ModuleRef:str
1b TypeSpec:blob
1c ImplMap:u16 MemberForwarded str ModuleRef
1d FieldRVA:u32 Field
1e ENCLog:u32 u32
1f ENCMap:u32
20 Assembly:u32 u16 u16 u16 u16 u32 blob str str
21 AssemblyProcessor:u32
22 AssemblyOS:u32 u32 u32
23 AssemblyRef:u16 u16 u16 u16 u32 blob str str blob
24 AssemblyRefProcessor:u32 AssemblyRef
25 AssemblyRefOS:u32 u32 u32 AssemblyRef
26 File:u32 str blob
27 ExportedType:u32 u32 str str Implementation
28 ManifestResource:u32 u32 str Implementation
29 NestedClass:TypeDef TypeDef
2a GenericParam:u16 u16 TypeOrMethodDef str
2b MethodSpec:MethodDefOrRef blob
2c GenericParamConstraint:GenericParam TypeDefOrRef
"""
CODED = {
    "TypeDefOrRef": (2, "TypeDef TypeRef TypeSpec"),
    "HasConstant": (2, "Field Param Property"),
    "HasCustomAttribute": (5, "MethodDef Field TypeRef TypeDef Param InterfaceImpl MemberRef Module "
                              "DeclSecurity Property Event StandAloneSig ModuleRef TypeSpec Assembly "
                              "AssemblyRef File ExportedType ManifestResource GenericParam "
                              "GenericParamConstraint MethodSpec"),
    "HasFieldMarshal": (1, "Field Param"),
    "HasDeclSecurity": (2, "TypeDef MethodDef Assembly"),
    "MemberRefParent": (3, "TypeDef TypeRef ModuleRef MethodDef TypeSpec"),
    "HasSemantics": (1, "Event Property"),
    "MethodDefOrRef": (1, "MethodDef MemberRef"),
    "MemberForwarded": (1, "Field MethodDef"),
    "Implementation": (2, "File AssemblyRef ExportedType"),
    "CustomAttributeType": (3, "MethodDef MemberRef"),
    "ResolutionScope": (2, "Module ModuleRef AssemblyRef TypeRef"),
    "TypeOrMethodDef": (1, "TypeDef MethodDef"),
}
TABLES = {}
for _line in SCHEMA.split("\n")[1:-1]:
    _name, _columns = _line[3:].split(":")
    TABLES[_name] = int(_line[:2], 16), _columns.split()


class Reader:
    """The metadata of one file."""

    def __init__(self, data):
        self.data = data
        if data[:2] != b"MZ":
            raise NoAssembly("no MZ")
        nt = self.number(0x3c, 4)
        if data[nt:nt + 4] != b"PE\0\0":
            raise NoAssembly("no PE")
        sections = self.number(nt + 6, 2)
        optional = nt + 24
        table = optional + self.number(nt + 20, 2)
        self.sections = [struct.unpack_from("<IIII", data, table + 40 * i + 8) for i in range(sections)]
        directories = optional + (112 if self.number(optional, 2) == 0x20b else 96)
        clr = self.number(directories + 14 * 8, 4)
        if not clr:
            raise NoAssembly("no CLR header")
        self.root = self.offset(self.number(self.offset(clr) + 8, 4))
        self.streams = self.read_streams()
        self.read_tables()

    def number(self, at, size):
        return int.from_bytes(self.data[at:at + size], "little")

    def offset(self, rva):
        for size, start, raw_size, raw in self.sections:
            if start <= rva < start + max(size, raw_size):
                return rva - start + raw
        raise NoAssembly("no section has RVA 0x%x" % rva)

    def cstring(self, at):
        return self.data[at:self.data.index(b"\0", at)]

    def read_streams(self):
        """The first stream of each name, as (position, size)."""
        assert self.data[self.root:self.root + 4] == b"BSJB"
        length = self.number(self.root + 12, 4)
        self.runtime = self.cstring(self.root + 16)
        at = self.root + 16 + length
        streams = {}
        count = self.number(at + 2, 2)
        at += 4
        for _ in range(count):
            name = self.cstring(at + 8)
            streams.setdefault(name, (self.root + self.number(at, 4), self.number(at + 4, 4)))
            at += 8 + (len(name) + 4) // 4 * 4
        return streams

    def width(self, column):
        """The size in bytes of a column."""
        fixed = {"u16": 2, "u32": 4, "str": 4 if self.heaps & 1 else 2,
                 "guid": 4 if self.heaps & 2 else 2, "blob": 4 if self.heaps & 4 else 2}
        if column in fixed:
            return fixed[column]
        bits, names = CODED.get(column, (0, column))
        rows = max(self.rows.get(TABLES[name][0], 0) for name in names.split())
        return 2 if rows < 1 << 16 - bits else 4

    def read_tables(self):
        at = self.streams[b"#~" if b"#~" in self.streams else b"#-"][0]
        self.heaps = self.data[at + 6]
        valid = self.number(at + 8, 8)
        self.rows = {}
        at += 24
        for table in range(64):
            if valid >> table & 1:
                self.rows[table] = self.number(at, 4)
                at += 4
        at += 4 if self.heaps & 0x40 else 0
        self.start = {}
        for name, (table, columns) in TABLES.items():
            self.start[name] = at
            at += self.rows.get(table, 0) * sum(map(self.width, columns))

    def table(self, name, most=None):
        """The rows of a table as lists of numbers."""
        number, columns = TABLES[name]
        at = self.start[name]
        for _ in range(min(self.rows.get(number, 0), most if most is not None else 1 << 24)):
            row = []
            for column in columns:
                row.append(self.number(at, self.width(column)))
                at += self.width(column)
            yield row

    def string(self, index):
        return self.cstring(self.streams[b"#Strings"][0] + index)

    def typerefs(self):
        """Namespace and name of each type reference, as PeNet reads them."""
        ascii_of = lambda raw: "".join(chr(c) if c < 0x80 else "?" for c in raw)
        return [(ascii_of(self.string(space)), ascii_of(self.string(name)))
                for _, name, space in self.table("TypeRef")]

    def identity(self):
        """Name, version and MVID."""
        name, version = b"", ""
        for row in self.table("Assembly", 1):
            name, version = self.string(row[7]), "%d.%d.%d.%d" % tuple(row[1:5])
        index = next(self.table("Module"))[2]
        at = self.streams[b"#GUID"][0] + 16 * (index - 1)
        mvid = str(uuid.UUID(bytes_le=self.data[at:at + 16])) if index else ""
        return name.decode("utf-8", "surrogateescape"), version, mvid


PLACES = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"


def known_key(text):
    """A key by what is known of ICU's root collation: places first, then small before capital letters."""
    counted = [c for c in text if c.lower() in PLACES]
    return [PLACES.index(c.lower()) for c in counted], [c.isupper() for c in counted]


def icu_key():
    """The sort key of ICU's root collation as a function; None where ICU is not installed."""
    found = ctypes.util.find_library("icui18n")
    version = found.rpartition(".")[2] if found else ""
    try:
        icu = ctypes.CDLL(found) if found else None
        opened = getattr(icu, "ucol_open_" + version)
        sort_key = getattr(icu, "ucol_getSortKey_" + version)
    except (OSError, AttributeError):
        return None
    opened.restype = ctypes.c_void_p
    opened.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    sort_key.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_char_p,
                         ctypes.c_int32]
    error = ctypes.c_int(0)
    collator = opened(b"", ctypes.byref(error))
    if not collator or error.value > 0:
        return None

    @functools.lru_cache(maxsize=100000)
    def key(text):
        utf16 = text.encode("utf-16-le")
        size = sort_key(collator, utf16, len(text), None, 0)
        out = ctypes.create_string_buffer(size)
        sort_key(collator, utf16, len(text), out, size)
        return out.raw
    return key


ICU = icu_key()


def sha256(names, key):
    if not names:
        return ""
    ordered = sorted(names, key=lambda pair: (key(pair[0]), key(pair[1])))
    return hashlib.sha256(",".join(map("-".join, ordered)).encode()).hexdigest()


def line(path):
    """status, number, TypeRefHash linguistic and ordinal, typerefuzzy, name, version, MVID, runtime."""
    with open(path, "rb") as file:
        reader = Reader(file.read())
    names = reader.typerefs()
    fuzzy = ssdeep(",".join(map(".".join, names)).encode())
    linguistic = sha256(names, ICU or known_key)
    if ICU and sha256(names, known_key) != linguistic:
        raise AssertionError("%s: what is known of ICU's order is not so" % path)
    return ["ok", str(len(names)), linguistic, sha256(names, str), fuzzy, *reader.identity(),
            reader.runtime.decode()]


def mono_folders():
    """Where Debian's packages of Mono have assemblies."""
    return [path for path in ("/usr/lib/mono", "/usr/lib/cli") if os.path.isdir(path)]


def mono_files():
    """Mono's assemblies, each once."""
    found = {}
    for folder in mono_folders():
        for path in sorted(glob.glob(folder + "/**/*.dll", recursive=True) +
                           glob.glob(folder + "/**/*.exe", recursive=True)):
            if os.path.isfile(path):
                found.setdefault(os.path.realpath(path), path)
    return sorted(found)


if __name__ == "__main__":
    for _path in sys.argv[1:]:
        print("\t".join(line(_path)))
