#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the shipped profiles from tables of structure facts.

    profiles/generate.py            writes profiles/*.yaml
    profiles/generate.py --check    says which of them are not what it would write (ctest does)

So a profile is changed by its facts, in facts/*.tsv, and not by hand: README.md beside this file.
Which members a profile holds, and their order, comes from include/impscan/profile_fields.h.
Microsoft's type names lose their leading underscore; member names stay as they are.
"""

import csv
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# name, description, first build, last build, variant, layouts of the table that it stands for.
# Several layouts must agree in all but sizes, of which the smallest is taken.
X64 = [
    ("windows-2003-3790-x64-sp1", "Windows Server 2003 x64 SP1, Windows XP x64 SP1",
     3790, 3790, "SP1", ["win2003_sp1_x64"]),
    ("windows-2003-3790-x64-sp2", "Windows Server 2003 x64 SP2, Windows XP x64 SP2",
     3790, 3790, "SP2", ["win2003_sp2_x64"]),
    ("windows-vista-6000-x64", "Windows Vista", 6000, 6000, "", ["vista_sp0_x64"]),
    ("windows-vista-6001-x64", "Windows Vista SP1, Windows Server 2008",
     6001, 6001, "", ["vista_sp1_x64"]),
    # Server 2008 SP2 calls itself 6003 from April 2019 on.
    ("windows-vista-6002-x64", "Windows Vista SP2, Windows Server 2008 SP2",
     6002, 6003, "", ["vista_sp2_x64"]),
    ("windows-7-7600-x64", "Windows 7, Windows Server 2008 R2", 7600, 7600, "", ["win7_sp0_x64"]),
    ("windows-7-7601-x64", "Windows 7 SP1, Windows Server 2008 R2 SP1", 7601, 7601,
     "as released", ["win7_sp1_x64"]),
    ("windows-7-7601-x64-23418", "Windows 7 SP1, Windows Server 2008 R2 SP1, updates of 2016",
     7601, 7601, "as of 7601.23418", ["win7_sp1_x64_632B36E0"]),
    ("windows-7-7601-x64-24000", "Windows 7 SP1, Windows Server 2008 R2 SP1, updates of January 2018",
     7601, 7601, "as of 7601.24000", ["win7_sp1_x64_24000"]),
    ("windows-7-7601-x64-24540", "Windows 7 SP1, Windows Server 2008 R2 SP1, later updates",
     7601, 7601, "as of 7601.24540", ["6.1.7601.24540"]),
    ("windows-8-9200-x64", "Windows 8, Windows Server 2012", 9200, 9200, "", ["win8_sp0_x64"]),
    ("windows-8-1-9600-x64", "Windows 8.1, Windows Server 2012 R2", 9600, 9600,
     "as released", ["win8_sp1_x64", "win8_sp1_x64_54B5A1C6", "win81_u1_x64"]),
    ("windows-8-1-9600-x64-19962", "Windows 8.1, Windows Server 2012 R2, later updates",
     9600, 9600, "as of 9600.19962", ["6.3.9600.19962", "6.3.9600.20512"]),
    ("windows-10-10240-x64", "Windows 10 1507", 10240, 10240, "as released", ["win10_x64"]),
    ("windows-10-10240-x64-17770", "Windows 10 1507, later updates", 10240, 10240,
     "as of 10240.17770", ["win10_x64_10240_17770"]),
    ("windows-10-10586-x64", "Windows 10 1511", 10586, 10586, "", ["win10_x64_1AC738FB"]),
    ("windows-10-14393-x64", "Windows 10 1607, Windows Server 2016", 14393, 14393,
     "as released", ["win10_x64_DD08DD42"]),
    ("windows-10-14393-x64-4770", "Windows 10 1607, Windows Server 2016, later updates",
     14393, 14393, "as of 14393.4770", ["10.0.14393.4770", "10.0.14393.5582"]),
    ("windows-10-15063-x64", "Windows 10 1703", 15063, 15063, "", ["win10_x64_15063"]),
    ("windows-10-16299-x64", "Windows 10 1709", 16299, 16299, "", ["win10_x64_16299"]),
    ("windows-10-17134-x64", "Windows 10 1803", 17134, 17134, "", ["win10_x64_17134"]),
    ("windows-10-17763-x64", "Windows 10 1809, Windows Server 2019", 17763, 17763, "",
     ["10.0.17763.2565", "10.0.17763.4644"]),
    ("windows-10-18362-x64", "Windows 10 1903 and 1909", 18362, 18363, "", ["10.0.18362.295"]),
    ("windows-10-19041-x64", "Windows 10 2004 to 22H2", 19041, 19045, "",
     ["10.0.19041.388", "10.0.19041.3324"]),
    ("windows-server-2022-20348-x64", "Windows Server 2022", 20348, 20348, "",
     ["10.0.20348.1129", "10.0.20348.2400"]),
    ("windows-11-22000-x64", "Windows 11 21H2", 22000, 22000, "", ["10.0.22000.1516"]),
    ("windows-11-22621-x64", "Windows 11 22H2 and 23H2", 22621, 22635, "",
     ["ntdiff Win11_2209_22H2"]),
    ("windows-11-26100-x64", "Windows 11 24H2 and 25H2, Windows Server 2025", 26100, 26200, "",
     ["ntdiff Win11_2409_24H2"]),
]

X86 = [
    ("windows-xp-2600-x86", "Windows XP", 2600, 2600, "", ["xp_sp2_x86"]),
    ("windows-2003-3790-x86-sp0", "Windows Server 2003", 3790, 3790, "before SP1",
     ["win2003_sp0_x86"]),
    ("windows-2003-3790-x86-sp1", "Windows Server 2003 SP1 and SP2", 3790, 3790, "SP1 and SP2",
     ["win2003_sp1_x86"]),
    ("windows-vista-6000-x86", "Windows Vista", 6000, 6000, "", ["vista_sp0_x86"]),
    ("windows-vista-6001-x86", "Windows Vista SP1, Windows Server 2008", 6001, 6001, "",
     ["vista_sp1_x86"]),
    ("windows-vista-6002-x86", "Windows Vista SP2, Windows Server 2008 SP2", 6002, 6003, "",
     ["vista_sp2_x86"]),
    ("windows-7-7600-x86", "Windows 7", 7600, 7600, "", ["win7_sp0_x86"]),
    ("windows-7-7601-x86", "Windows 7 SP1", 7601, 7601, "",
     ["win7_sp1_x86", "win7_sp1_x86_BBA98F40"]),
    ("windows-8-9200-x86", "Windows 8", 9200, 9200, "", ["win8_sp0_x86"]),
    ("windows-8-1-9600-x86", "Windows 8.1", 9600, 9600, "", ["win8_sp1_x86", "win81_u1_x86"]),
    ("windows-10-10240-x86", "Windows 10 1507", 10240, 10240, "as released", ["win10_x86"]),
    ("windows-10-10240-x86-17770", "Windows 10 1507, later updates", 10240, 10240,
     "as of 10240.17770", ["win10_x86_10240_17770"]),
    ("windows-10-10586-x86", "Windows 10 1511", 10586, 10586, "", ["win10_x86_44B89EEA"]),
    ("windows-10-14393-x86", "Windows 10 1607", 14393, 14393, "", ["win10_x86_9619274A"]),
    ("windows-10-15063-x86", "Windows 10 1703", 15063, 15063, "", ["win10_x86_15063"]),
    ("windows-10-16299-x86", "Windows 10 1709", 16299, 16299, "", ["win10_x86_16299"]),
    ("windows-10-17134-x86", "Windows 10 1803", 17134, 17134, "", ["win10_x86_17134"]),
    ("windows-10-17763-x86", "Windows 10 1809", 17763, 17763, "", ["win10_x86_17763"]),
    ("windows-10-18362-x86", "Windows 10 1903 and 1909", 18362, 18363, "", ["win10_x86_18362"]),
    ("windows-10-19041-x86", "Windows 10 2004 to 22H2", 19041, 19045, "", ["win10_x86_19041"]),
]

# x86 before Windows 8 has a kernel without PAE, which the tables hold, and one with PAE. The two
# differ in the PTE types, of which the tables hold one layout with PAE, that of Windows 7 SP1. It is
# taken for all: published headers of the XP era give the same bits, but a PageFrameNumber of 24 in
# place of 26 bits, whose upper two are zero. No symbols of the older PAE kernels were compared.
PAE_LAYOUT = "win7_sp1_x86_24000"
PAE_LAST = 7601

COMMENTS = {
    "B_TREE": "A node of the compressed store's trees: B_TREE_LEAF_NODE or B_TREE_NODE from Nodes on",
    "CONTROL_AREA": "A mapped file",
    "EPROCESS": "A process",
    "ETHREAD": "A thread; its first member is the KTHREAD",
    "EWOW64PROCESS": "What EPROCESS.WoW64Process points to",
    "HANDLE_TABLE_ENTRY": "An entry of a process's handle table or of PspCidTable",
    "KPROCESS": "The first part of EPROCESS",
    "KTHREAD": "The first part of ETHREAD",
    "LDR_DATA_TABLE_ENTRY": "A module in the lists of PEB.Ldr and of PsLoadedModuleList",
    "MMADDRESS_NODE": "A node of the VAD tree; the VAD begins with it",
    "MMPAGING_FILE": "A page file",
    "MMPFN": "What the kernel knows of a frame; OriginalPte has the protection of its page",
    "MMPTE": "A page table entry in its states",
    "MMVAD": "A range of mapped memory; it begins with MMVAD_SHORT",
    "MMVAD_FLAGS": "What MMVAD_SHORT.u holds",
    "MMVAD_SHORT": "A range of private memory",
    "MM_AVL_NODE": "A node of the VAD tree",
    "MM_AVL_TABLE": "What EPROCESS.VadRoot is",
    "PEB": "A process's user-mode side",
    "SMHP_CHUNK": "An element of the arrays of SMHP_CHUNK_METADATA; begins with a pointer",
    "SMHP_CHUNK_METADATA": "Where the compressed store has its page records",
    "SMKM_STORE": "One compressed store",
    "SMKM_STORE_MGR": "Their manager, SmGlobals or what it points to",
    "SM_PAGE_KEY": "What pages are found by in the compressed store",
    "ST_PAGE_RECORD": "Where a page is in the compressed store",
    "SUBSECTION": "A part of a mapped file: a section of an image",
    "WOW64_PROCESS": "What EPROCESS.Wow64Process points to",
}


def read_fields():
    with open(os.path.join(ROOT, "include/impscan/profile_fields.h")) as f:
        return re.findall(r"^\s+X\((\w+), (\w+), ([RFOS]),", f.read(), re.M)


def read_layouts():
    layouts = {}
    for name in ("windows-structs.tsv", "windows-structs-variants.tsv"):
        with open(os.path.join(ROOT, "profiles/facts", name), newline="") as f:
            for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
                key = (row["build"], row["arch"], row["variant"])
                number = lambda s: int(s, 0) if s else None
                layouts.setdefault(key, {"source": row["source"]})[
                    (row["type"].lstrip("_"), row["member"] or "size")] = (
                        number(row["offset"]), number(row["bit"]), number(row["bits"]))
    return layouts


def read_store():
    """The compressed store's members, which no public symbols have: rows by a range of builds."""
    with open(os.path.join(ROOT, "profiles/facts/windows-store.tsv"), newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def add_store(facts, rows, arch, first, last):
    """Adds the facts that hold for all of a profile's builds; returns who gave them."""
    sources = set()
    number = lambda s: int(s, 0) if s else None
    for row in rows:
        if row["arch"] == arch and int(row["first"]) <= first and last <= int(row["last"]):
            facts[(row["type"], row["member"])] = (
                number(row["offset"]), number(row["bit"]), number(row["bits"]))
            sources.update(row["source"].split(", "))
    return "; compressed store by " + " and ".join(sorted(sources)) if sources else ""


def merge(name, parts, fields):
    """One set of facts from layouts that agree; sizes may differ, the smallest counts."""
    facts = {}
    for type_, member, _ in fields:
        values = {p[(type_, member)] for p in parts if (type_, member) in p}
        holders = [p for p in parts if (type_, "size") in p]
        if any((type_, member) not in p for p in holders) and values:
            raise SystemExit(f"{name}: only some layouts have {type_}.{member}")
        if len(values) > 1 and member != "size":
            raise SystemExit(f"{name}: layouts disagree about {type_}.{member}")
        if values:
            facts[(type_, member)] = min(values)
    return facts


def source_text(keys, layouts):
    texts = []
    for build, _, variant in keys:
        kind = layouts[(build, _, variant)]["source"]
        if kind == "isf":
            texts.append(f"symbols of {variant} in Volatility 3's form")
        elif kind == "vtypes":
            texts.append(f"Volatility 2's {variant}_vtypes")
        else:
            texts.append(f"structure listings of {variant}")
    return ", ".join(texts)


def text_of(name, description, arch, first, last, variant, source, facts, fields):
    lines = ["# SPDX-License-Identifier: GPL-3.0-or-later", f"name: {name}",
             f"description: {description}", f"architecture: {arch}",
             f"builds: [{first}, {last}]"]
    if variant:
        lines.append(f"variant: {variant}")
    lines += [f"source: {source}", "types:"]
    last_type = None
    for type_, member, need in fields:
        if (type_, member) not in facts:
            if need in "RF":
                raise SystemExit(f"{name}: {type_}.{member} is unknown")
            continue
        if type_ != last_type:
            if type_ in COMMENTS:
                lines.append(f"  # {COMMENTS[type_]}")
            lines.append(f"  {type_}:")
            last_type = type_
        offset, bit, bits = facts[(type_, member)]
        if bits is None:
            lines.append(f"    {member}: {offset:#x}")
        else:
            lines.append(f"    {member}: {{offset: {offset:#x}, bit: {bit}, bits: {bits}}}")
    return "\n".join(lines) + "\n"


def join(*parts):
    return ", ".join(p for p in parts if p)


def without_frames(facts):
    """MMPFN is read only where page tables have no bit for what can't be executed."""
    return {k: v for k, v in facts.items() if k[0] != "MMPFN"}


def make_profiles():
    """The texts of all profiles by their names."""
    made = {}
    fields = read_fields()
    layouts = read_layouts()
    store = read_store()
    used = {(b, a, PAE_LAYOUT) for b, a, v in layouts if v == PAE_LAYOUT}
    (pae_key,) = used
    pae_types = {t for t, _, _ in fields if t.startswith("MMPTE")}
    for arch, table in (("x64", X64), ("x86", X86)):
        for name, description, first, last, variant, variants in table:
            keys = [k for v in variants for k in layouts
                    if k[1] == arch and k[2] == v and k[0].endswith(f".{first}")]
            if len(keys) != len(variants):
                raise SystemExit(f"{name}: found {keys}")
            used.update(keys)
            parts = [dict(layouts[key]) for key in keys]
            facts = merge(name, parts, fields)
            if facts[("MMPTE", "size")][0] != 4:
                facts = without_frames(facts)
            source = source_text(keys, layouts)
            source += add_store(facts, store, arch, first, last)
            pae = arch == "x86" and first <= PAE_LAST
            made[name] = text_of(name, description, arch, first, last,
                                 join(variant, "without PAE" if pae else ""), source, facts,
                                 fields)
            if not pae:
                continue
            pae_facts = {k: v for k, v in layouts[pae_key].items() if k[0] in pae_types}
            if pae_key[0].endswith(f".{first}"):
                base = {k: v for k, v in layouts[pae_key].items() if k[0] not in pae_types}
                facts = merge(name, [without_frames(part) for part in parts + [
                    base | {k: v for k, v in parts[0].items() if k[0] in pae_types}]], fields)
                source = source_text(keys + [pae_key], layouts)
            else:
                source += f"; PTEs as in {PAE_LAYOUT}"
            facts = {k: v for k, v in without_frames(facts).items()
                     if k[0] not in pae_types} | pae_facts
            made[name + "-pae"] = text_of(name + "-pae", description, arch, first, last,
                                          join(variant, "PAE"), source, facts, fields)
    missing = set(layouts) - used
    if missing:
        raise SystemExit(f"no profile for {missing}")
    return made


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return None


def main():
    folder = os.path.join(ROOT, "profiles")
    made = {name + ".yaml": text for name, text in make_profiles().items()}
    surplus = {f for f in os.listdir(folder) if f.endswith(".yaml")} - made.keys()
    differ = [f for f, text in made.items() if read(os.path.join(folder, f)) != text]
    if sys.argv[1:] == ["--check"]:
        for name in sorted(surplus):
            print(f"profiles/{name}: generate.py does not write it")
        for name in sorted(differ):
            print(f"profiles/{name}: differs from what generate.py writes")
        if surplus or differ:
            raise SystemExit("change facts/*.tsv or generate.py, and run profiles/generate.py")
        print(f"{len(made)} profiles are what generate.py writes")
        return
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    for name in differ:
        with open(os.path.join(folder, name), "w") as f:
            f.write(made[name])
    print(f"{len(differ)} of {len(made)} profiles written")


if __name__ == "__main__":
    main()
