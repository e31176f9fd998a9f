#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps that somebody else's MiniDumpWriteDump() wrote, of running programs: a program of the tests'
own, packed by them, runs in Wine, unpacks itself and dumps itself.

    test_wine_dump.py IMPSCAN MKIMAGE FOLDER COMPILER

What is right is known without impscan: modules have the hashes of the files they were loaded from, and
the packed program is found by its original. Skipped where Wine (Debian: wine64) is not installed.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from image_truth import (WINE, check, finish, rows, run, skip, test_arguments,  # noqa: E402
                         test_parser)
from windows_program import compile_code, pack, program  # noqa: E402
from wine.programs import find  # noqa: E402

SKIPPED = 77
PATIENCE = 600  # seconds

# The first six are what tests/wine/dumper.c calls, in its order.
IMPORTS = [
    ("KERNEL32.dll", ["CreateFileA", "GetCurrentProcess", "GetCurrentProcessId", "ExitProcess"]),
    ("dbghelp.dll", ["MiniDumpWriteDump"]),
    ("ADVAPI32.dll", ["RegOpenKeyExA", "RegQueryValueExA", "RegSetValueExA", "RegCloseKey",
                      "OpenProcessToken", "CryptAcquireContextA", "CryptGenRandom"]),
    ("WS2_32.dll", ["WSAStartup", "socket", "connect", "send", "recv", "closesocket"]),
]


def make_prefix(folder):
    """What Wine needs of a Windows: the folder of its DLLs. Without more it starts in a moment, where
    a whole one takes it a minute and 700 MB."""
    prefix = folder / "prefix"
    shutil.rmtree(prefix, ignore_errors=True)  # of a run that was interrupted
    (prefix / "drive_c" / "windows").mkdir(parents=True)
    (prefix / "drive_c" / "windows" / "system32").symlink_to(WINE)
    (prefix / "dosdevices").mkdir()
    (prefix / "dosdevices" / "c:").symlink_to("../drive_c")
    (prefix / "dosdevices" / "z:").symlink_to("/")
    (prefix / ".update-timestamp").write_text("disable\n", encoding="ascii")
    return prefix


def run_program(wine, server, folder, name):
    """Runs a program in FOLDER, and ends what it started."""
    environment = dict(os.environ, WINEPREFIX=str(make_prefix(folder)), WINEDEBUG="-all", DISPLAY="",
                       WINEDLLOVERRIDES="winemenubuilder.exe,mscoree=d")
    try:
        result = subprocess.run([wine, name], env=environment, cwd=folder, check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, timeout=PATIENCE)
        return result.returncode
    finally:
        subprocess.run([server, "-k"], env=environment, check=False)
        subprocess.run([server, "-w"], env=environment, check=False)


def test_modules(impscan, found, stub):
    """Each module has the hashes of its file."""
    files = {"packed.exe": stub}
    for row in found:
        name = row["module"].lower()
        file = files.get(name, WINE / name)
        check(file.exists(), f"{row['module']}: no such file")
        if not file.exists():
            continue
        own, _ = run(impscan, "-q", "-e", file, "-o", "jsonl", status=(0, 1))
        own = json.loads(own or '{"imphash": null, "impfuzzy": null}')
        for field in ("imphash", "impfuzzy"):
            check(row[field] == own[field], f"{name}: {field} {row[field]}, its file has {own[field]}")
        check("load" in row["found_in"], f"{name}: found in {row['found_in']}")
        check(not set(row["flags"]) - {"hooked"}, f"{name}: flags {row['flags']}")


def test_dump(impscan, dump, original, packed):
    found = rows(impscan, dump, "-a")
    listed = [row for row in found if not row["module"].startswith("INJECTED")]
    check(len(listed) > 8, f"{len(listed)} modules")
    check(sum(row["imphash"] is not None for row in listed) > 6, "hashes")
    test_modules(impscan, listed, packed)
    others = [row for row in found if row["module"].startswith("INJECTED")]
    check(not others, "what is no injected code: " + ", ".join(
        f"{row['base']} {row['reason']}" for row in others))
    _, err = run(impscan, "-f", dump, "-a")
    # dbghelp reads the symbols of all modules; API sets have no code.
    count = re.search(r"(\d+) PE files lie in memory as data", err)
    check(count and int(count[1]) > 8, f"mapped files: {err}")
    matches = rows(impscan, dump, "-e", original, "-t", "90")
    check(any(row["module"] == "packed.exe" and row["score"] == 100 for row in matches),
          f"the original of the packed program is not found: {matches}")


def main():
    parser = test_parser(__doc__)
    parser.add_argument("compiler")
    arguments = test_arguments(parser)
    impscan, folder = arguments.impscan, arguments.folder
    wine, server = find("wine64", "wine"), find("wineserver64", "wineserver")
    if not wine or not server or not WINE.is_dir():
        skip("dumps by Wine: it is not installed (Debian: wine64)")
        raise SystemExit(SKIPPED)
    code = compile_code(arguments.compiler, "dumper", folder)
    stub = compile_code(arguments.compiler, "unpacker", folder)
    data = b"full.dmp".ljust(64, b"\0") + b"stacks.dmp\0"
    original, packed = folder / "original.exe", folder / "packed.exe"
    original.write_bytes(program(code, data, IMPORTS))
    packed.write_bytes(pack(stub, code, data, IMPORTS))
    status = run_program(wine, server, folder, packed.name)
    check(status == 0, f"Wine ended with {status}")
    full, stacks = folder / "full.dmp", folder / "stacks.dmp"
    test_dump(impscan, full, original, packed)
    _, err = run(impscan, "-f", stacks, "-a", status=(2,))
    check("without the memory of modules" in err and "procdump -ma" in err, f"stacks: {err}")
    size = full.stat().st_size
    for path in (full, stacks):
        path.unlink()
    finish(f"a dump of {size >> 20} MB and one of stacks, by Wine")


if __name__ == "__main__":
    main()
