# SPDX-License-Identifier: GPL-3.0-or-later
"""API set schemas whose entries share their parts, so that a few pages describe gigabytes."""

import struct

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE

AT = 0x130000000000
NAMES, VALUES = 32000, 32


def schema(size):
    """As many entries as there is room for, which share one name and 32 values."""
    count = min(NAMES, size // 24 - 64)
    data = bytearray(size)
    struct.pack_into("<7I", data, 0, 6, size, 0, count, 32, 0, 31)
    name = 32 + 24 * count
    data[name:name + 510] = ("a" * 255).encode("utf-16-le")
    values = name + 512
    for i in range(VALUES):
        struct.pack_into("<5I", data, values + 20 * i, 0, name, 510, name, 510)
    for i in range(count):
        struct.pack_into("<6I", data, 32 + 24 * i, 0, name, 510, 510, values, VALUES)
    return bytes(data)


def full_schema(size):
    """One that is as large as it says: entries with names and values of their own."""
    data = bytearray(size)
    count = size // 80
    struct.pack_into("<7I", data, 0, 6, size, 0, count, 32, 0, 31)
    names, values = 32 + 24 * count, 32 + 44 * count
    for i in range(count):
        data[names + 20 * i:names + 20 * i + 20] = f"{i * 7919 % 99999:09}-".encode("utf-16-le")
        struct.pack_into("<6I", data, 32 + 24 * i, 0, names + 20 * i, 20, 20, values + 20 * i, 1)
        struct.pack_into("<5I", data, values + 20 * i, 0, 0, 0, names + 20 * i, 18)
    return bytes(data)


def give(machine, data, pids):
    """Gives each process its own: the same frames but for the last one."""
    frames = [machine.new_page(data[i:i + PAGE]) for i in range(0, len(data), PAGE)]
    for number, pid in enumerate(pids):
        eprocess, dtb = machine.process(pid)
        peb = machine.pointer(eprocess + machine.offset("EPROCESS", "Peb"))
        at = peb + machine.offset("PEB", "ApiSetMap")
        if not peb or machine.physical(at, dtb) is None:
            continue
        for i, frame in enumerate(frames):
            machine.map(AT + i * PAGE, frame, dtb)
        last = machine.new_page(data[-PAGE:-8] + struct.pack("<Q", number))
        machine.map(AT + len(data) - PAGE, last, dtb)
        machine.put_pointer(at, AT, dtb)


def processes(machine):
    return sorted({row["pid"] for row in machine.rows} - {4})


def as_clean(status, out, err):
    return CLEAN.lost(out)


def refused(status, out, err):
    return CLEAN.lost(out) or \
        (None if "API set schema makes no sense" in err else f"not told: {err[-300:]}")


@case("api_sets.one", "-a", "-o", "jsonl", expect=refused)
def one(tools):
    machine = CLEAN.machine(tools)
    give(machine, schema(1 << 20), [4012])
    return [machine.save()]


@case("api_sets.each", "-a", "-o", "jsonl", expect=refused)
def each(tools):
    """A different one in each process."""
    machine = CLEAN.machine(tools)
    give(machine, schema(1 << 20), processes(machine))
    return [machine.save()]


@case("api_sets.full", "-a", "-o", "jsonl", expect=as_clean)
def full(tools):
    """The same with nothing shared within a schema."""
    machine = CLEAN.machine(tools)
    give(machine, full_schema(1 << 20), processes(machine))
    return [machine.save()]


@case("api_sets.full_imports", "--imports", "-o", "jsonl")
def full_imports(tools):
    return full(tools)
