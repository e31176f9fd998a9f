# SPDX-License-Identifier: GPL-3.0-or-later
"""Symbol files of a few bytes that are hundreds of megabytes in memory."""

import json
import lzma

from hostile.cases import case


def refused(status, out, err):
    right = status == 2 and "more objects or values" in err
    return None if right else f"said: {err.strip()}"


def not_symbols(status, out, err):
    return None if status == 2 and err else f"exit {status}"


def write(tools, text):
    path = tools.folder / "symbols.json.xz"
    path.write_bytes(lzma.compress(text.encode(), preset=0))
    return ["--import-symbols", path]


def around(inside):
    return ('{"metadata":{},"symbols":{},"enums":{},"base_types":{},"user_types":{"x":['
            + inside + "]}}")


@case("symbols.objects", expect=refused)
def objects(tools):
    return write(tools, around(",".join(["{}"] * 499000)))


@case("symbols.most_objects", expect=not_symbols)
def most_objects(tools):
    """As many as are let through."""
    return write(tools, around(",".join(["{}"] * 130000)))


@case("symbols.members", expect=not_symbols)
def members(tools):
    """An object of 600,000 members."""
    return write(tools, '{"metadata":{},"user_types":%s}'
                 % json.dumps({str(i): "" for i in range(600000)}, separators=(",", ":")))


@case("symbols.arrays", expect=refused)
def arrays(tools):
    return write(tools, around(",".join(["[]"] * 499000)))


@case("symbols.text", expect=not_symbols)
def text(tools):
    """A string of 30 MB."""
    return write(tools, around('"' + "x" * (30 << 20) + '"'))


@case("symbols.too_long", expect=not_symbols)
def too_long(tools):
    return write(tools, " " * (600 << 20))
