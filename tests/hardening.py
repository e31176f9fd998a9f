#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the program built as hardened as CMakeLists.txt says? Reads it from the binary.

    hardening.py IMPSCAN FORTIFY

FORTIFY: 1 when it was built with optimisation, which _FORTIFY_SOURCE needs.
"""

import subprocess
import sys


def readelf(path, *what):
    return subprocess.run(["readelf", "-W", *what, path], capture_output=True,
                          check=True).stdout.decode()


def main_code(path):
    return subprocess.run(["objdump", "-d", "--disassemble=main", path], capture_output=True,
                          check=True).stdout.decode()


def main():
    path, fortify = sys.argv[1], sys.argv[2] == "1"
    header, dynamic = readelf(path, "-h"), readelf(path, "-d")
    segments, symbols = readelf(path, "-l"), readelf(path, "--dyn-syms")
    stack = next(line for line in segments.split("\n") if "GNU_STACK" in line)
    checks = {
        "PIE": "DYN" in header and "PIE" in dynamic,
        "RELRO": "GNU_RELRO" in segments,
        "all symbols bound at start": "BIND_NOW" in dynamic or " NOW" in dynamic,
        "stack not executable": " RWE " not in stack,
        "stack protector": "__stack_chk_fail" in symbols,
        # The whole program's mark needs it of the C library's start files too; Debian's lack it.
        "control flow enforcement (CET)": "endbr64" in main_code(path),
    }
    if fortify:
        checks["_FORTIFY_SOURCE"] = "_chk@" in symbols or "__memcpy_chk" in symbols
    for name, holds in checks.items():
        print(f"{'ok' if holds else 'FAIL'}: {name}")
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
