#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the file by which ctest knows the cases of end-to-end tests, an entry each.

    ctest_cases.py OUT IMPSCAN MKIMAGE FOLDER TEST...

TEST is STEM:QUICK[:ARGUMENT...], of test_STEM.py: every QUICK-th case is one of the short tests (0:
none), the others get the label "slow". With "STEM/" cases that begin with the same word are one entry.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def quoted(words):
    return " ".join(f"[==[{word}]==]" for word in words)


def entry_name(stem, case):
    words = [re.sub(r"[^\w.+-]", "-", word).strip("-") for word in case.split()]
    return ".".join(["e2e", stem, "-".join(words)])


def main():
    out, impscan, mkimage, folder, *tests = sys.argv[1:]
    lines = []
    for test in tests:
        stem, quick, *more = test.split(":")
        stem, grouped = stem.rstrip("/"), stem.endswith("/")
        script = HERE / f"test_{stem}.py"
        listed = subprocess.run([sys.executable, script, impscan, mkimage, f"{folder}/e2e.{stem}",
                                 *more, "--list-cases"], check=True, capture_output=True, text=True)
        cases = listed.stdout.splitlines()
        if grouped:
            cases = list(dict.fromkeys(case.split()[0] for case in cases))
        names = [entry_name(stem, case) for case in cases]
        if not cases or len(set(names)) != len(names):
            sys.exit(f"{script}: no cases, or two of one name: {names}")
        for number, (case, name) in enumerate(zip(cases, names)):
            command = [sys.executable, script, impscan, mkimage, f"{folder}/{name}", *more, "--only",
                       case]
            slow = not int(quick) or number % int(quick)
            words = ["slow"] * slow + ["measured"] * (stem == "budget")
            labels = f' LABELS "{";".join(words)}"' if words else ""
            lines.append(f"add_test([==[{name}]==] {quoted(command)})")
            lines.append(f"set_tests_properties([==[{name}]==] PROPERTIES SKIP_RETURN_CODE 77{labels})")
            if stem == "budget":  # what a clean image costs is measured before
                kind = "SETUP" if case == "clean" else "REQUIRED"
                lines.append(f"set_tests_properties([==[{name}]==] PROPERTIES "
                             f"FIXTURES_{kind} clean_cost)")
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
