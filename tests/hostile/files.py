# SPDX-License-Identifier: GPL-3.0-or-later
"""PE files that lie in memory as on disk, larger than what is behind them."""

import json
import shutil
import struct

from hostile.aliased import Aliased, pe_header
from hostile.cases import case
from hostile.machine import rows_of

SIZE = 512 << 20


def file_layout(tools, count, size=SIZE):
    machine = Aliased(tools)
    frame = machine.new_page(b"\xaa" * 4096)
    header = pe_header([(b".t", 0x1000, 0x1000, size - 0x1000, 0x1000)], 0x7fff0000)
    for _ in range(count):
        machine.region(frame, size, first=[header])
    return machine


state = {}


def as_clean(status, out, err):
    return state["expect"](status, out, err)


@case("files.one", "-a", "-o", "jsonl", expect=as_clean)
def one(tools):
    """512 MB of file, all but the first page one frame."""
    machine = file_layout(tools, 1)
    state["expect"] = machine.others_as_clean()
    return [machine.save()]


@case("files.forty", "-a", "-o", "jsonl", expect=as_clean)
def forty(tools):
    """Forty of them."""
    machine = file_layout(tools, 40)
    state["expect"] = machine.others_as_clean()
    return [machine.save()]


def dumped(status, out, err):
    """The files are bounded in sum, and the index says which there are not."""
    wrong = as_clean(status, out, err)
    folder = state["folder"]
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    written = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    shutil.rmtree(folder)
    cut = [row for row in index if row["file"] is None and "may take half of" in row["note"]]
    clean = [row for row in index if row["base"] in state["clean"] and row["file"] is None]
    if wrong:
        return wrong
    if written > 550 << 20:
        return f"{written >> 20} MB were written"
    if clean:
        return f"no file of {clean[0]}"
    return None if len(cut) >= state["least"] else f"{len(cut)} files were left out: {index[-1]}"


def without_dump(machine):
    """The rows but for the file's name."""
    expect = machine.others_as_clean()

    def compare(status, out, err):
        rows = rows_of(out)
        return expect(status, "\n".join(json.dumps(row | {"dump": None}) for row in rows), err)
    return compare


def to_folder(tools, machine, least):
    state["expect"] = without_dump(machine)
    state["folder"] = tools.folder / "dump"
    state["least"] = least
    state["clean"] = {row["base"] for row in machine.full if row["pid"] != machine.pid}
    shutil.rmtree(state["folder"], ignore_errors=True)
    return ["-f", machine.save(), "-d", str(state["folder"])]


@case("files.dump", "-a", "-o", "jsonl", expect=dumped)
def dump(tools):
    """Six of 100 MB as files of their own: two are half of what there is room for."""
    return to_folder(tools, file_layout(tools, 6, 100 << 20), 4)


@case("files.dump_sections", "-a", "-o", "jsonl", expect=dumped)
def dump_sections(tools):
    """Mapped images of 200 MB, put back to file layout: their directory has slots in every page."""
    machine = Aliased(tools)
    frame = machine.new_page(b"\xaa" * 4096)
    size = 200 << 20
    header = pe_header([(b".t", size - 0x1000, 0x1000, size - 0x1000, 0x1000)], size,
                       imports=0x1000)
    tables = [struct.pack("<IIIII", 0x8000, 0, 0, 0x7000, 0x100000) * 204] * 6 + \
        [b"name.dll\0"] + [struct.pack("<Q", 0x7000) * 512] * 120 + [bytes(4096)]
    for _ in range(6):
        machine.region(frame, size, first=[header] + tables)
    return to_folder(tools, machine, 5)
