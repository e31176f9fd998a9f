#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares impscan with the reference over all PE files of a folder.

	test_oracle.py PE_HASHES [FOLDER]    otherwise the DLLs of Debian's libwine
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import oracle

FOLDER = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"


def main(program, folder=FOLDER):
    if not os.path.isdir(folder):
        oracle.skip(folder + " is missing (libwine)")
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    paths = [path for path in paths if os.path.isfile(path)]
    run = subprocess.run([program, "--list"], input="\n".join(paths) + "\n", text=True,
                         stdout=subprocess.PIPE, check=True)
    lines = run.stdout.splitlines()
    assert len(lines) == len(paths), "a line a file"
    wrong = 0
    imports = 0
    for path, ours in zip(paths, lines):
        with open(path, "rb") as f:
            theirs = oracle.hashes(f.read())
        imports += theirs[1]
        if oracle.line(theirs) != ours:
            wrong += 1
            print("%s\n  reference: %s\n  impscan:   %s" % (path, oracle.line(theirs)[:300], ours[:300]))
    print("%d files, %d imports, %d wrong" % (len(paths), imports, wrong))
    return int(wrong > 0 or not paths)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
