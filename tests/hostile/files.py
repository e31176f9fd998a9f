"""PE files that lie in memory as on disk, larger than what is behind them."""

import json

from hostile.aliased import Aliased, pe_header
from hostile.cases import case

SIZE = 512 << 20


def file_layout(tools, count):
    machine = Aliased(tools)
    frame = machine.new_page(b"\xaa" * 4096)
    header = pe_header([(b".t", 0x1000, 0x1000, SIZE - 0x1000, 0x1000)], 0x7fff0000)
    for _ in range(count):
        machine.region(frame, SIZE, first=[header])
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
