#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of src/ and their order: none includes or calls one below it, and the files of a room
form no circle. Libraries that a room has a layer over are called there only. Public headers are
short enough to be read in one go.

    rooms.py BUILD SOURCE [--show ROOM]

BUILD has the object files (read with nm), SOURCE the repository. --show prints which file of a room
uses which other one, and by which symbols.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

# Each room knows only those before it. What each is for: docs/architecture.md.
ROOMS = ("base source image pe profile memory store imports dotnet exports rebuild windows discover "
         "hash golang match rows many scan report cli").split()

HEADER_LINES = 250  # of a public header, at most

# Libraries that one room has a layer over: how their symbols begin, and the room.
LIBRARIES = {"archive_": "source"}


def symbols(path):
    """Symbols that an object file defines and those that it needs."""
    defined, needed = set(), set()
    out = subprocess.run(["nm", "-P", path], capture_output=True, check=True).stdout.decode()
    for line in out.split("\n"):
        words = line.split()
        if len(words) < 2:
            continue
        if words[1] == "U":
            needed.add(words[0])
        elif words[1].isupper():
            defined.add(words[0])
    return defined, needed


def objects(build, source):
    """Object files of src/ROOM/FILE.c by (room, file); not those of files that are gone."""
    found = {}
    for path in build.rglob("*.c.o"):
        match = re.search(r"/src/([a-z]+)/([a-z0-9_]+)\.c\.o$", str(path))
        if match and (source / "src" / match[1] / f"{match[2]}.c").exists():
            found[match[1], match[2]] = path
    return found


def uses_of(build, source):
    """For each file the files whose symbols it needs, with the symbols."""
    definitions, needs = {}, {}
    for key, path in objects(build, source).items():
        defined, needs[key] = symbols(path)
        for name in defined:
            definitions[name] = key
    uses = collections.defaultdict(lambda: collections.defaultdict(set))
    for key, names in needs.items():
        for name in names:
            other = definitions.get(name)
            if other and other != key:
                uses[key][other].add(name)
    strangers = [(key, name) for key, names in sorted(needs.items()) for name in sorted(names)
                 if name not in definitions and library_room(name) not in (None, key[0])]
    return uses, needs.keys(), strangers


def library_room(name):
    """The room that has the layer over the library of a symbol, or None."""
    return next((room for prefix, room in LIBRARIES.items() if name.startswith(prefix)), None)


def circles(edges):
    """Strongly connected groups of more than one node (Tarjan)."""
    index, low, stack, groups = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                groups.append(sorted(group))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return groups


def header_rooms(source):
    """Which room a public header belongs to: the one whose files define it, by the table in it."""
    rooms = {}
    for path in (source / "include/impscan").glob("*.h"):
        match = re.search(r"\bRoom: ([a-z]+)", path.read_text(encoding="utf-8"))
        rooms[path.name] = match[1] if match else None
    return rooms


def included(source):
    """Includes that point back, and public headers that name no room, or are too long."""
    order = {room: i for i, room in enumerate(ROOMS)}
    rooms = header_rooms(source)
    for path in sorted((source / "include/impscan").glob("*.h")):
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > HEADER_LINES:
            yield f"include/impscan/{path.name} has {lines} lines: more than {HEADER_LINES}"
    for name, room in sorted(rooms.items()):
        if room not in order:
            yield f"include/impscan/{name} names no room (\"Room: ...\" in its first comment)"
    files = [(path, path.parent.name) for path in sorted((source / "src").glob("*/*.[ch]"))]
    files += [(path, rooms[path.name]) for path in sorted((source / "include/impscan").glob("*.h"))]
    for path, room in files:
        if room not in order:
            continue
        for kind, name in re.findall(r'^#include ([<"])([^>"]+)[>"]', path.read_text("utf-8"),
                                     re.M):
            other = rooms.get(name.removeprefix("impscan/")) if name.startswith("impscan/") \
                else name.split("/")[0] if kind == '"' and "/" in name else None
            if other in order and order[other] > order[room]:
                yield f"{path.relative_to(source)} ({room}) includes {name} ({other})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--show")
    arguments = parser.parse_args()
    order = {room: i for i, room in enumerate(ROOMS)}
    uses, files, strangers = uses_of(arguments.build, arguments.source)
    wrong = [f"src/{room} is no room of the table" for room in sorted({f[0] for f in files})
             if room not in order]
    edges = collections.defaultdict(set)
    for file, others in sorted(uses.items()):
        for other, names in sorted(others.items()):
            if arguments.show == file[0] == other[0]:
                print(f"{file[1]:20} -> {other[1]:20} {' '.join(sorted(names))}")
            if file[0] == other[0]:
                edges[file].add(other)
            elif order.get(other[0], -1) > order.get(file[0], 99):
                wrong.append(f"src/{file[0]}/{file[1]}.c calls {other[0]}/{other[1]}.c: "
                             f"{' '.join(sorted(names))}")
    for group in circles(edges):
        wrong.append(f"circle in {group[0][0]}: {' '.join(name for _, name in group)}")
    wrong += [f"src/{file[0]}/{file[1]}.c calls {name}: the layer over that library is room "
              f"{library_room(name)}" for file, name in strangers]
    wrong += included(arguments.source)
    for line in wrong:
        print("FAIL:", line, file=sys.stderr)
    print(f"{len(files)} files in {len({f[0] for f in files})} rooms; {len(wrong)} failures")
    sys.exit(1 if wrong or not files else 0)


if __name__ == "__main__":
    main()
