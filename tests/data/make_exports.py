#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes exports-19041.tsv and api-sets-19041.tsv, of the tables of all DLLs of Windows 10 19041.

    make_exports.py DIR

DIR has exports.tsv.xz (a line an export: DLL, architecture, version, ordinal, name, RVA in hex,
forwarder) and apisets.tsv (API set, then IMPORTER=HOST). Both are facts that strontic's xcyclopedia
and learn-more's list of API sets published in 2020. Kept are the DLLs that programs import most, in
a form that takes less room: a line names a DLL, those below it are its exports by name:

    NAME  ORDINAL  RVA  ORDINAL  RVA  FORWARDER

with tabs between, first as 64-bit then as 32-bit code has them; what is not there is empty, and so
is the RVA of a forwarder. Without a name an export is by ordinal only.
"""

import collections
import lzma
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
# What the programs of real-programs.tsv and others of their kind import, the hosts of the API sets
# that they name, and where their forwarders lead.
DLLS = """advapi32 bcrypt bcryptprimitives cabinet combase comctl32 comdlg32 crypt32 cryptbase cryptsp
    d3d11 dbghelp dnsapi dpapi dwmapi dwrite dxgi gdi32 gdi32full gdiplus imagehlp imm32 iphlpapi
    kernel.appcore kernel32 kernelbase mpr msi msimg32 mssign32 msvcrt mswsock ncrypt
    netapi32 netutils ntdll odbc32 ole32 oleaut32 powrprof propsys psapi rpcrt4 rstrtmgr
    samcli sechost secur32 setupapi shcore shell32 shlwapi srvcli sspicli ucrtbase urlmon user32
    userenv usp10 uxtheme version winhttp wininet winmm wintrust wkscli wldap32 ws2_32 wsock32
    wtsapi32""".split()
ARCHS = ("x64", "x86")


def read(folder):
    """{dll: {(name, ordinal or None, forwarder): {arch: (ordinal, rva)}}}"""
    dlls = collections.defaultdict(dict)
    wanted = {name + ".dll" for name in DLLS}
    with lzma.open(folder / "exports.tsv.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            dll, arch, _, ordinal, name, rva, forwarder = line.rstrip("\n").split("\t")
            if dll not in wanted:
                continue
            number = re.fullmatch(r"Ordinal(\d+)", name)
            key = ("", int(ordinal), forwarder) if number else (name, None, forwarder)
            dlls[dll].setdefault(key, {}).setdefault(arch, (ordinal, "" if forwarder else rva))
    if missing := wanted - set(dlls):
        sys.exit(f"not in the table: {' '.join(sorted(missing))}")
    return dlls


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    folder = pathlib.Path(sys.argv[1])
    dlls = read(folder)
    with open(HERE / "exports-19041.tsv", "w", encoding="utf-8") as out:
        out.write("# Exports of DLLs of Windows 10 19041, made by make_exports.py, which tells the "
                  "form and the source.\n")
        for dll in sorted(dlls):
            out.write(dll + "\n")
            for (name, ordinal, forwarder), places in sorted(
                    dlls[dll].items(), key=lambda item: (item[0][0], item[0][1] or 0, item[0][2])):
                fields = [name]
                for arch in ARCHS:
                    fields += places.get(arch, ("", ""))
                out.write("\t".join([*fields, forwarder]).rstrip("\t") + "\n")
    with open(HERE / "api-sets-19041.tsv", "w", encoding="utf-8") as out:
        out.write("# API sets of Windows 10 19041, made by make_exports.py: name, IMPORTER=HOST...\n")
        out.write((folder / "apisets.tsv").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
