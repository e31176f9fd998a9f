# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of this folder share: how a case is written down.

    @case("selfmap", "-a")
    def selfmap(tools):
        machine = Machine(tools)
        ...
        return [machine.save()]           # the evidence: given to impscan with -f

A case may return its own arguments instead, all that impscan is given: [..., "-f", path]. What is
printed is looked at by `expect`, a function of (status, stdout, stderr) that returns a sentence on
what is wrong, or None.
"""

import dataclasses
import pathlib

CASES = []


@dataclasses.dataclass
class Tools:
    impscan: str
    mkimage: str
    folder: pathlib.Path


@dataclasses.dataclass
class Case:
    name: str
    make: object
    arguments: tuple
    expect: object
    status: tuple
    memory: int  # megabytes beside mapped files


def case(name, *arguments, expect=None, status=(0, 1, 2), memory=256):
    def add(make):
        CASES.append(Case(name, make, arguments, expect, status, memory))
        return make
    return add
