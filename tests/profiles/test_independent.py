#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the shipped profiles say what others published?

    test_independent.py PROFILES OFFSETS

OFFSETS (tests/data/offsets-independent.tsv) has a kernel per build, architecture and source: facts
that generate.py does not read. A profile must agree with it in everything; where a build has several,
one of them must. A type's size is the smallest of a build's updates. Of x86 kernels before Windows 8
the sources seldom say whether they have PAE, so that is for MMPTE.size to tell, or nobody.
"""

import collections
import csv
import pathlib
import re
import sys


def read_profile(path):
    """{key: value} of the header, {(type, member): (offset, bit, bits)}"""
    header, members, type_ = {}, {}, None
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"(\w+): (.+)", line):
            header[match[1]] = match[2]
        elif match := re.fullmatch(r"  (\w+):", line):
            type_ = match[1]
        elif match := re.fullmatch(r"    (\w+): (\w+)", line):
            members[type_, match[1]] = (int(match[2], 0), 0, 0)
        elif match := re.fullmatch(r"    (\w+): \{offset: (\w+), bit: (\d+), bits: (\d+)\}", line):
            members[type_, match[1]] = (int(match[2], 0), int(match[3]), int(match[4]))
    first, last = map(int, re.findall(r"\d+", header["builds"]))
    return header, range(first, last + 1), members


def read_kernels(path):
    kernels = collections.OrderedDict()
    with open(path, newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            value = (int(row["offset"], 0), int(row["bit"] or 0), int(row["bits"] or 0))
            members = kernels.setdefault((row["build"], row["architecture"], row["source"]), {})
            members[row["structure"], row["member"]] = value
    return kernels


def differences(profile, kernel):
    """What both have and say otherwise, as sentences; how many both have."""
    found, both = [], 0
    for key, theirs in kernel.items():
        ours = profile.get(key)
        if ours is None:
            continue
        both += 1
        grows = key[1] == "size" and key[0] not in ("MMPTE", "MMVAD_FLAGS", "HANDLE_TABLE_ENTRY")
        if ours != theirs and not (grows and ours[0] <= theirs[0]):
            found.append(f"{'.'.join(key)} is {ours}, there {theirs}")
    return found, both


def main():
    profiles = {path.stem: read_profile(path)
                for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml"))}
    compared, members, failures = collections.Counter(), collections.defaultdict(set), 0
    for (version, arch, source), kernel in read_kernels(sys.argv[2]).items():
        build = int(re.sub(r"^\d+\.\d+\.(\d+).*", r"\1", version))
        fitting = [(*differences(has, kernel), name)
                   for name, (header, builds, has) in profiles.items()
                   if header["architecture"] == arch and build in builds]
        if not fitting:
            sys.exit(f"{version} {arch}: no profile is of this build")
        found, both, name = min(fitting, key=lambda fit: (len(fit[0]), -fit[1]))
        for sentence in found:
            print(f"{name}: {sentence} ({source}, {version})", file=sys.stderr)
        failures += len(found)
        # All that agree are confirmed: PAE or not, variants that differ in nothing asked.
        for others, number, other in fitting:
            if len(others) == len(found) and number == both:
                compared[other] += number
                members[other].update(kernel.keys() & profiles[other][2].keys())
    for name, (_, _, has) in profiles.items():
        published = {key for key in has if not key[0].startswith(("B_TREE", "SM", "ST_"))}
        print(f"{name}: {len(members[name])} of {len(published)} members confirmed, "
              f"{compared[name]} comparisons")
    unknown = [name for name in profiles if name not in compared]
    print(f"{sum(compared.values())} comparisons, {sum(map(len, members.values()))} members of "
          f"{len(compared)} profiles, {failures} differences; nothing known of: "
          f"{', '.join(unknown) or 'none'}")
    # One of a build's variants that agrees with nobody would go unseen but for this.
    if failures or sum(map(len, members.values())) < 3100 or len(unknown) > 2:
        sys.exit("profiles and independent offsets disagree, or agree in less than they did")


main()
