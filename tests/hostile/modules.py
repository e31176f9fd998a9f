# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of modules: long ones, with long names, in many processes."""

import struct

from hostile.cases import case
from hostile.clean import CLEAN
from hostile.machine import PAGE

PID = 4012
ENTRIES = 0x100000000000
TEXT = 0x110000000000


def others(status, out, err):
    return CLEAN.lost(out, {row["pid"] for row in CLEAN.rows} - {PID})


def listed(status, out, err):
    return others(status, out, err) or \
        (None if f"PID {PID} " in err else f"not told: {err[-300:]}")


def area(machine, dtb, address, size):
    pages = []
    for i in range(size // PAGE + 2):
        pages.append(machine.new_page())
        machine.map(address + PAGE * i, pages[-1], dtb)

    def put(at, value):
        offset = at - address
        struct.pack_into("<Q", machine.data, pages[offset // PAGE] + offset % PAGE, value)
    return put


def add_modules(machine, count, name, same_base=False):
    """`count` entries at the head of all three lists; name(i): address and length of a name."""
    eprocess, dtb = machine.process(PID)
    peb = machine.pointer(eprocess + machine.offset("EPROCESS", "Peb"))
    ldr = machine.pointer(peb + machine.offset("PEB", "Ldr"), dtb)
    put = area(machine, dtb, ENTRIES, count * 0x100)
    fields = {field: machine.offset("LDR_DATA_TABLE_ENTRY", field)
              for field in ("DllBase", "SizeOfImage", "FullDllName", "BaseDllName")}
    for order in ("Load", "Memory", "Initialization"):
        head = ldr + machine.offset("PEB_LDR_DATA", f"In{order}OrderModuleList")
        link = machine.offset("LDR_DATA_TABLE_ENTRY", f"In{order}OrderLinks")
        after = machine.pointer(head, dtb)
        for i in range(count):
            entry = ENTRIES + 0x100 * i
            put(entry + link, entry + 0x100 + link if i + 1 < count else after)
        machine.put_pointer(head, ENTRIES + link, dtb)
    for i in range(count):
        entry = ENTRIES + 0x100 * i
        put(entry + fields["DllBase"], 0x120000000000 + (0 if same_base else i << 16))
        put(entry + fields["SizeOfImage"], 0x10000)
        for field, part in (("FullDllName", 0), ("BaseDllName", 1)):
            text, length = name(2 * i + part)
            put(entry + fields[field], length | length << 16)
            put(entry + fields[field] + 8, text)


def add_text(machine, pages):
    _, dtb = machine.process(PID)
    frame = machine.new_page("kernel32.dll\\ab".encode("utf-16-le") * 128)
    for i in range(pages):
        machine.map(TEXT + PAGE * i, frame, dtb)


@case("modules.many", "-a", "-o", "jsonl", expect=others)
def many(tools):
    """16,000 modules, each at a base of its own."""
    machine = CLEAN.machine(tools)
    add_text(machine, 1)
    add_modules(machine, 16000, lambda i: (TEXT, 24))
    return [machine.save()]


@case("modules.one_base", "-a", "-o", "jsonl", expect=others)
def one_base(tools):
    machine = CLEAN.machine(tools)
    add_text(machine, 1)
    add_modules(machine, 16000, lambda i: (TEXT, 24), same_base=True)
    return [machine.save()]


@case("modules.names", "-a", "-o", "jsonl", expect=listed)
def names(tools):
    """16,000 modules with two names of 64 KB each, two bytes further each, in one frame."""
    machine = CLEAN.machine(tools)
    add_text(machine, 40)
    add_modules(machine, 16000, lambda i: (TEXT + 2 * i, 0xfff0))
    return [machine.save()]


@case("modules.name", "--imports", "-o", "jsonl", expect=lambda status, out, err: None)
def one_name(tools):
    """All with the same one."""
    machine = CLEAN.machine(tools)
    add_text(machine, 20)
    add_modules(machine, 16000, lambda i: (TEXT, 0xfff0))
    return [machine.save()]


@case("modules.shown", "-a", "-o", "jsonl", expect=listed)
def shown(tools):
    """The same, each of which is shown with it."""
    return one_name(tools)


LINE = 0x118000000000


@case("modules.command_line", "-a", "-o", "jsonl", expect=others)
def command_line(tools):
    """16,000 modules of a process whose command line has 32,000 characters that are escaped."""
    machine = CLEAN.machine(tools)
    add_text(machine, 1)
    add_modules(machine, 16000, lambda i: (TEXT, 24))
    eprocess, dtb = machine.process(PID)
    frame = machine.new_page("\x1b".encode("utf-16-le") * 2048)
    for i in range(17):
        machine.map(LINE + PAGE * i, frame, dtb)
    peb = machine.pointer(eprocess + machine.offset("EPROCESS", "Peb"))
    parameters = machine.pointer(peb + 0x20, dtb)
    machine.put_pointer(parameters + 0x70, 64000 | 64000 << 16, dtb)
    machine.put_pointer(parameters + 0x78, LINE, dtb)
    return [machine.save()]


@case("modules.drivers", "-a", "-o", "jsonl",
      expect=lambda status, out, err: CLEAN.lost(out, {row["pid"] for row in CLEAN.rows} - {4}))
def drivers(tools):
    """The kernel's own list, 16,000 entries whose bases are in one frame of the user's half."""
    machine = CLEAN.machine(tools)
    base = 0xffffc70000000000
    pages = []
    for i in range(16000 * 0x100 // PAGE + 2):
        pages.append(machine.new_page())
        machine.map(base + PAGE * i, pages[-1])
    link = machine.offset("LDR_DATA_TABLE_ENTRY", "InLoadOrderLinks")
    dll = machine.offset("LDR_DATA_TABLE_ENTRY", "DllBase")
    head = int(machine.info["ps_loaded_module_list"], 16)
    after = machine.pointer(head)
    for i in range(16000):
        entry = base + 0x100 * i
        at = pages[0x100 * i // PAGE] + 0x100 * i % PAGE
        machine.put64(at + link, entry + 0x100 + link if i + 1 < 16000 else after)
        machine.put64(at + dll, 0xffffc90000000000 + (i << 16))
    machine.put_pointer(head, base + link)
    return [machine.save()]
