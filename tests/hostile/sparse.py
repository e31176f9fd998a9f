# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with holes: what they say they are costs nothing."""

import os

from hostile.cases import case
from hostile.machine import Machine
from hostile.page_maps import Same, no_kernel

PAGE = 4096


def punch(machine, path):
    """Writes a machine so that its pages of zeros are holes."""
    with open(path, "wb") as file:
        for page in range(0, len(machine.data), PAGE):
            data = machine.data[page:page + PAGE]
            if any(data):
                file.seek(page)
                file.write(data)
        file.truncate(len(machine.data))
    return path


@case("sparse.zeros", "--info", expect=no_kernel)
def zeros(tools):
    path = tools.folder / "zeros.raw"
    path.touch()
    os.truncate(path, 64 << 30)
    return [path]


@case("sparse.infer", "--infer", "--info", expect=no_kernel)
def zeros_infer(tools):
    return zeros(tools)


@case("sparse.islands", "--info", expect=no_kernel, memory=64)
def islands(tools):
    """A page in every megabyte of 8 GB."""
    path = tools.folder / "islands.raw"
    with open(path, "wb") as file:
        for at in range(0, 8 << 30, 1 << 20):
            file.seek(at)
            file.write(b"\1" * PAGE)
    return [path]


sparse_machine = Same()


@case("sparse.machine", "-a", "-F", "-o", "jsonl", "-q", expect=sparse_machine)
def machine_sparse(tools):
    machine = Machine(tools, memory=64)
    sparse_machine.of(machine)
    return [punch(machine, tools.folder / "machine.raw")]


large_machine = Same()


@case("sparse.large", "-a", "-F", "-o", "jsonl", "-q", "--deep", expect=large_machine)
def machine_large(tools):
    """A machine of 64 GB, of which 64 MB were ever used; all is swept."""
    machine = Machine(tools, memory=64, more=["--no-low-stub"])
    large_machine.of(machine)
    path = punch(machine, tools.folder / "large.raw")
    os.truncate(path, 64 << 30)
    return [path]
