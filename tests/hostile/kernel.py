# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel whose System can't be found, or whose image claims what is not there."""

import struct

from hostile.cases import case
from hostile.machine import Machine, PAGE
from hostile.page_maps import Same, decoys_with_kernel, free_pages


def not_found(status, out, err):
    right = status == 2 and "System" in err and "19041" in err
    return None if right else f"said: {err.strip()}"


def no_system(tools, memory, more=()):
    machine = Machine(tools, scenario="plain", memory=memory, more=more)
    system = int(machine.info["system"], 16)
    machine.put_pointer(system + machine.offset("EPROCESS", "UniqueProcessId"), 8)
    return [machine.save()]


@case("kernel.no_system", "--info", expect=not_found)
def no_system_64(tools):
    """One byte changed: System's PID."""
    return no_system(tools, 64)


@case("kernel.no_system_512", "-a", expect=not_found)
def no_system_512(tools):
    return no_system(tools, 512)


@case("kernel.no_system_scan", "--info", expect=not_found)
def no_system_scan(tools):
    """All page maps that the scan finds have that kernel."""
    return no_system(tools, 64, ["--no-low-stub"])


@case("kernel.many", "--info", expect=not_found)
def many(tools):
    """And 266 page maps of the scan's that have a part of that kernel."""
    path = no_system(tools, 128, ["--no-low-stub"])[0]
    machine = Machine(tools, scenario="plain", memory=128, more=["--no-low-stub"])
    machine.data = bytearray(path.read_bytes())
    decoys_with_kernel(machine, free_pages(machine))
    return [machine.save()]


@case("kernel.many.infer", "--infer", "-a", expect=not_found)
def many_infer(tools):
    return many(tools)


@case("kernel.names", "--info", expect=not_found)
def names(tools):
    """As above, and many pages full of its name, and of the PID before it."""
    machine = Machine(tools, scenario="plain", memory=64)
    system = int(machine.info["system"], 16)
    machine.put_pointer(system + machine.offset("EPROCESS", "UniqueProcessId"), 8)
    page = struct.pack("<Q", 4) * 2 + b"System" + bytes(10)
    for _ in range(2048):
        machine.new_page(page * (PAGE // len(page)))
    return [machine.save()]


def grow(machine, size):
    """The kernel's SizeOfImage."""
    base = int(machine.info["kernel_base"], 16)
    header = machine.physical(base)
    at = struct.unpack_from("<I", machine.data, header + 0x3c)[0]
    machine.put32(header + at + 24 + 56, size)
    return base


huge = Same()


@case("kernel.huge", "-a", "-F", "-o", "jsonl", "-q", expect=huge)
def huge_image(tools):
    """A kernel that claims 4 GB."""
    machine = Machine(tools)
    grow(machine, 0xfffff000)
    # The claim is in a driver's row too, where the kernel is among the drivers.
    huge.of(machine)
    return [machine.save()]


def aliased(tools, word, more=()):
    """Behind the kernel's image 60 MB more, all one page of such words."""
    machine = Machine(tools, more=more)
    base = grow(machine, 64 << 20)
    page = machine.new_page(word(machine) * (PAGE // len(word(machine))))
    for at in range(int(machine.info["kernel_size"]), 64 << 20, PAGE):
        if machine.physical(base + at) is None:
            machine.map(base + at, page)
    return machine


def warned_or_same(status, out, err):
    return None if status in (0, 1) and "Modules" in out else f"exit {status}: {err.strip()}"


@case("kernel.lists", "--info", expect=warned_or_same)
def lists(tools):
    """Words that could each be the list of modules, a page file or the store."""
    return [aliased(tools, lambda m: struct.pack("<Q", int(m.info["system"], 16) + 8)).save()]


@case("kernel.lists.infer", "--infer", "--info")
def lists_infer(tools):
    return lists(tools)


@case("kernel.debugger", "--info", expect=warned_or_same)
def debugger(tools):
    """Words that could each be the debugger's block."""
    return [aliased(tools, lambda m: b"KDBGKDBG", ["--kdbg", "absent"]).save()]


@case("kernel.debugger.no_system", "--info", expect=not_found)
def debugger_no_system(tools):
    machine = aliased(tools, lambda m: b"KDBGKDBG", ["--kdbg", "absent"])
    system = int(machine.info["system"], 16)
    machine.put_pointer(system + machine.offset("EPROCESS", "UniqueProcessId"), 8)
    return [machine.save()]
