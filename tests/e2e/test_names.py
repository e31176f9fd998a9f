#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile names of modules: what tables, CSV and JSON show of them, and what -i reads back.

    test_names.py IMPSCAN MKIMAGE FOLDER
"""

import csv
import io
import json
import pathlib
import re
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile.cases import Tools  # noqa: E402
from hostile.machine import Machine  # noqa: E402
from image_truth import check, finish, run  # noqa: E402

PID = 4012
# What is written, and what a table shows of it.
NAMES = [
    ('=HYPERLINK("http://x/?"&A1,"ok")', None),
    ("@SUM(1)", None),
    ("+1+cmd|' /C calc'!A0", None),
    ("-2+3", None),
    ("'=quoted", None),
    ("\uff1d1+1", None),
    ("\x1b[2J\x1b]0;pwn\x07", "\\x1b[2J\\x1b]0;pwn\\x07"),
    ("a\u009b31mb\u202egnp.exe", "a\\u{009b}31mb\\u{202e}gnp.exe"),
    ("a\u200bb\u2060c\u00add", "a\\u{200b}b\\u{2060}c\\u{00ad}d"),
    ("\U000e0041tag\ufe0f", "\\u{e0041}tag\\u{fe0f}"),
    ("e" + "\u0301" * 5 + "x", "e\u0301\u0301\\u{0301}\\u{0301}\\u{0301}x"),
    ("\r\nPID 4", "\\x0d\\x0aPID 4"),
    ("a\0b", "a\\x00b"),
    ("\ttab", "\\x09tab"),
    ("kernel32.dll   65  7b2b", "kernel32.dll \\x20\\x2065 \\x207b2b"),
    (" led and trailed ", "\\x20led and trailed\\x20"),
    ("\\x1b[31m", "\\\\x1b[31m"),
    ("\\Device\\\\\u202e", "\\Device\\\\\\\\\\u{202e}"),
]
FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"


def tamper(machine, names=NAMES):
    """Gives the names to the modules of the process, in the order of its loader's list."""
    eprocess, dtb = machine.process(PID)
    peb = machine.pointer(eprocess + machine.offset("EPROCESS", "Peb"))
    ldr = machine.pointer(peb + machine.offset("PEB", "Ldr"), dtb)
    head = ldr + machine.offset("PEB_LDR_DATA", "InLoadOrderModuleList")
    link = machine.offset("LDR_DATA_TABLE_ENTRY", "InLoadOrderLinks")
    name = machine.offset("LDR_DATA_TABLE_ENTRY", "BaseDllName")
    path = machine.offset("LDR_DATA_TABLE_ENTRY", "FullDllName")
    buffer, used, bases = 0x100000000000, 0, []
    machine.map(buffer, machine.new_page(), dtb)
    at = machine.pointer(head, dtb)
    for text, _ in names:
        check(at != head, "fewer modules than names, so not all are tested")
        entry = at - link
        data = text.encode("utf-16-le")
        machine.write(buffer + used, data, dtb)
        for member in name, path:
            machine.write(entry + member,
                          struct.pack("<HHIQ", len(data), len(data), 0, buffer + used), dtb)
        used += len(data)
        bases.append(machine.pointer(
            entry + machine.offset("LDR_DATA_TABLE_ENTRY", "DllBase"), dtb))
        at = machine.pointer(at, dtb)
    return bases


def is_safe(text):
    """Nothing that a terminal acts on or does not show."""
    return not re.search("[\0-\x09\x0b-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f"
                         "\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]", text)


def test_forms(impscan, image, bases):
    base = [f"{value:#x}" for value in bases]
    arguments = ["-f", image, "-a", "-F", "-p", PID, "-q"]
    out, _ = run(impscan, *arguments, "-o", "jsonl")
    check(is_safe(out), "JSON has characters that a terminal acts on")
    by_base = {row["base"]: row for row in map(json.loads, out.split("\n")[:-1])}
    for (text, _), at in zip(NAMES, base):
        check(by_base[at]["module"] == text, f"JSON: {by_base[at]['module']!r}, not {text!r}")

    for form in "table", "wide":
        out, _ = run(impscan, *arguments, "-o", form)
        lines = out.split("\n")[:-1]
        check(len(lines) == len(by_base) + 1 and is_safe(out), f"lines of {form}")
        for (text, shown), at in zip(NAMES, base):
            line = next(line for line in lines if f"{at}  " in line)
            cells = re.split(" {2,}", line.strip())
            check((shown or text) in cells, f"{form}: {line!r} does not show {shown or text!r}")
            check(len(cells) >= len(re.split(" {2,}", lines[0].strip())),
                  f"{form}: cells of {line!r}")

    out, _ = run(impscan, *arguments, "-o", "csv")
    check(is_safe(out.replace("\r\n", "\n")), "CSV has characters that a terminal acts on")
    table = list(csv.DictReader(io.StringIO(out, newline="")))
    for row in table:
        for field, cell in row.items():
            check(cell[:1] not in tuple("=+-@\t\r" + FULL_WIDTH) or not cell,
                  f"CSV: {field} is a formula: {cell!r}")
    cells = {row["base"]: row["module"] for row in table}
    for (text, shown), at in zip(NAMES, base):
        if text[0] in "=+-@'" + FULL_WIDTH:
            check(cells[at] == "'" + text, f"CSV: {cells[at]!r} for {text!r}")
        elif text.startswith("kernel32"):
            check(cells[at] == text, f"CSV: blanks of {cells[at]!r}")
        elif not text.startswith(" "):
            check(cells[at] == shown, f"CSV: {cells[at]!r} for {text!r}")
    return out, by_base


def test_reading_back(impscan, image, folder, listing, by_base, bases):
    """A list in our own CSV has the names again as they were before the apostrophe."""
    path = folder / "list.csv"
    path.write_text(listing, newline="")
    out, _ = run(impscan, "-f", image, "-F", "-p", PID, "-q", "-i", path, "-t", 100,
                 "-o", "jsonl")
    found = {(row["base"], row["match"]) for row in map(json.loads, out.split("\n")[:-1])}
    seen = 0
    for (text, _), at in zip(NAMES, bases):
        if text[0] in "=+-@'" + FULL_WIDTH and by_base[f"{at:#x}"]["imphash"]:
            seen += 1
            check((f"{at:#x}", text) in found, f"-i: no match named {text!r}")
    check(seen > 3, "no such module has a hash, so nothing is tested")


def test_errors(impscan, image, folder):
    """Names of files in sentences and samples' names."""
    strange = folder / "a\x1b[31m\u202e\n\\x1b  b"
    strange.write_bytes(b"text")
    shown = "a\\x1b[31m\\u{202e}\\x0a\\\\x1b \\x20b"
    for arguments, status in (
            (["-f", strange, "-a"], 2), (["-f", image, "-a", "--profile", strange], 2),
            (["-f", image, "-a", "--pagefile", f"0={strange}"], 2),
            (["-f", image, "-i", strange], 2), (["-f", image, "-s", strange.name], 2),
            (["-f", image, "-v", "-s", "1" * 32, "-e", strange], 1)):
        _, err = run(impscan, *arguments, status=(status,))
        check(shown in err and is_safe(err), f"{arguments}: {err!r}")
    out, _ = run(impscan, "-e", strange, status=(1,))
    check(shown in out and is_safe(out), f"-e: {out!r}")
    # A profile's name is anybody's.
    profile = folder / "named.yaml"
    profile.unlink(missing_ok=True)
    run(impscan, "-f", image, "--profile-out", profile)
    profile.write_text(re.sub("^name: .*", 'name: "n\\\\u202e"\ninferred: in part',
                              profile.read_text(), count=1, flags=re.M))
    _, err = run(impscan, "-f", image, "-a", "-v", "--profile", profile)
    check(err.count("n\\u{202e}") == 2 and is_safe(err), f"a profile's name: {err!r}")
    strange.unlink()


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    machine = Machine(Tools(impscan, mkimage, folder))
    bases = tamper(machine)
    image = machine.save("names.raw")
    listing, by_base = test_forms(impscan, image, bases)
    test_reading_back(impscan, image, folder, listing, by_base, bases)
    test_errors(impscan, image, folder)
    image.unlink()
    finish("names")


if __name__ == "__main__":
    main()
