#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what is read of .NET assemblies with an independent reading of ECMA-335.

	test_dotnet.py DOTNET_HASHES MKASSEMBLY FOLDER [COUNT [SEED]]	assemblies made at random
	test_dotnet.py DOTNET_HASHES --mono	those of Debian's packages of Mono
	test_dotnet.py DOTNET_HASHES --files FILE...

Each random assembly is read as a file, mapped, and mapped with headers or names wiped that a protector
wipes: what is read must be the same.
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import dotnet_oracle

# Which wipes leave how little: what is then found by (0 header, 1 root, 2 tables), and whether the
# MVID and the version of the runtime are gone with the root.
FOUND = {"": (0, 0), "wipe0": (1, 1), "wipe1": (1, 1), "wipe2": (2, 1), "wipe3": (0, 1)}


def ours(program, paths):
    run = subprocess.run([program, "--list"], input="\n".join(paths) + "\n", text=True,
                         stdout=subprocess.PIPE, check=True, errors="surrogateescape")
    lines = [line.split("\t") for line in run.stdout.split("\n")[:-1]]
    assert len(lines) == len(paths), "a line a file"
    return lines


class Compared:
    def __init__(self):
        self.files = self.types = self.wrong = self.orders = 0

    def compare(self, path, expected, line, found):
        """`found`: how, and whether something is wiped."""
        expected = expected + [str(found[0]), str(found[1]), ""]
        if found[0] == 2:
            expected[7:9] = ["", ""]
        self.files += 1
        self.types += int(expected[1])
        self.orders += expected[2] != expected[3]
        if line != expected:
            self.wrong += 1
            print("%s\n  reference: %s\n  impscan:   %s" % (path, expected, line))

    def result(self):
        print("%d files, %d type references, the two orders differ in %d; %d wrong%s" %
              (self.files, self.types, self.orders, self.wrong,
               "" if dotnet_oracle.ICU else "; ICU is not installed, its order is taken as known"))
        return int(self.wrong > 0 or not self.types)


def random(program, mkassembly, folder, count="300", seed="0"):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    subprocess.run([mkassembly, folder, count, seed], check=True)
    names = sorted(os.listdir(folder))
    lines = ours(program, [os.path.join(folder, name) for name in names])
    compared = Compared()
    expected = None
    for name, line in zip(names, lines):
        if name.endswith(".dll"):
            expected = dotnet_oracle.line(os.path.join(folder, name))
        kind = name.split(".")[1] if name.count(".") > 1 else ""
        compared.compare(os.path.join(folder, name), expected, line, FOUND[kind])
    if not compared.wrong:
        shutil.rmtree(folder)
    return compared.result()


def files(program, paths):
    compared = Compared()
    without = 0
    for path, line in zip(paths, ours(program, paths)):
        try:
            expected = dotnet_oracle.line(path)
        except dotnet_oracle.NoAssembly:
            without += 1
            compared.wrong += line[0] not in ("no-metadata", "not-pe")
            continue
        compared.compare(path, expected, line, (0, 0))
    print("%d files without metadata" % without)
    return compared.result()


def main(program, *arguments):
    if arguments[0] == "--files":
        return files(program, list(arguments[1:]))
    if arguments[0] != "--mono":
        return random(program, *arguments)
    paths = dotnet_oracle.mono_files()
    if not paths:
        dotnet_oracle.skip("no assemblies of Mono are installed (mono-runtime, libmono-cil-dev)")
    return files(program, paths)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
