#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is every member that a profile may name read by the program, and no former one?

    test_members.py ROOT

A member counts as read where its name in enum profile_member, TYPE_MEMBER, stands in src/ outside
of src/profile/, which knows them all without using what they say.
"""

import pathlib
import re
import sys


def main():
    root = pathlib.Path(sys.argv[1])
    table = (root / "include/impscan/profile_fields.h").read_text()
    members = re.findall(r"^\s+X\((\w+), (\w+), [RFOS], \w+(?:\([^)]*\))?\)", table, re.M)
    lines = len(re.findall(r"^\s+X\(", table, re.M))
    words = set()
    for path in sorted((root / "src").rglob("*.[ch]")):
        if "profile" not in path.relative_to(root / "src").parts[:-1]:
            words.update(re.findall(r"\w+", path.read_text()))
    unread = [f"{t}.{m}" for t, m in members if f"{t}_{m}" not in words]
    former = re.findall(r'\{"(\w+)", "([\w ]+)"\}', (root / "src/profile/former.c").read_text())
    former = {(t, m) for t, names in former for m in names.split()}
    both = [f"{t}.{m}" for t, m in members if (t, m) in former]
    for name in unread:
        print(f"{name} is in profile_fields.h, and nothing in src/ reads it")
    for name in both:
        print(f"{name} is in profile_fields.h and in former.c")
    if len(members) != lines or not former:
        sys.exit(f"{lines} members in the table, {len(members)} understood")
    print(f"{len(members)} members, {len(former)} former ones")
    sys.exit(1 if unread or both else 0)


main()
