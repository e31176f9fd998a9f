#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables on a terminal: they fit it, what is too long is cut in its middle, and rows that stand out
have colors. In a pipe they are as ever.

    test_terminal.py IMPSCAN MKIMAGE FOLDER
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from image_truth import (check, finish, read_terminal, rows, run, test_arguments,
                         test_parser)

RED, YELLOW, FAINT, BOLD, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
CUT = "\N{HORIZONTAL ELLIPSIS}"


def on_terminal(impscan, *arguments, columns=0, **environment):
    """What is written to a terminal of so many columns; 0: it does not say."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = {**os.environ, "TERM": "xterm", **environment}
    if "NO_COLOR" not in environment:
        variables.pop("NO_COLOR", None)
    with subprocess.Popen([impscan, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=theirs,
                          stderr=subprocess.DEVNULL, env=variables) as process:
        os.close(theirs)
        shown = read_terminal(ours)
    check(process.returncode == 0, f"{arguments}: exit {process.returncode}")
    return shown.decode().replace("\r\n", "\n")


def plain(text):
    """Without colors, of which each line has one for the whole of it, or none."""
    lines = []
    for line in text.split("\n"):
        found = re.fullmatch(r"(?:\x1b\[\d+m(.*)\x1b\[0m)|([^\x1b]*)", line)
        check(found, f"colors within a line: {line!r}")
        lines.append(line if not found else found[1] if found[1] is not None else found[2])
    return "\n".join(lines)


def cells_of(line):
    return re.split(r"  +", line.strip())


def test_width(impscan, image):
    """However wide it is, lines fit, and each cell is that of the pipe or its start and end."""
    for arguments in ["-a"], ["-s", "3:abc:def", "-a"], ["--processes", "--tree", "-F"], ["--processes"], \
            ["--regions"], ["--imports", "-p", 3344]:
        whole = run(impscan, image, *arguments, "-q")[0].splitlines()
        check(max(map(len, whole)) > 120, f"{arguments}: no line is long: no test")
        for columns in 500, 160, 120, 100, 80:
            shown = plain(on_terminal(impscan, image, *arguments, columns=columns)).splitlines()
            check(len(shown) == len(whole), f"{arguments}, {columns}: {len(shown)} lines of {len(whole)}")
            if columns >= (160 if arguments[0] in ("--regions", "--imports") else 120) or arguments == ["-a"]:
                longest = max(shown, key=len)
                check(len(longest) <= columns, f"{arguments}, {columns}: {len(longest)}: {longest}")
            cut = 0
            for short, line in zip(shown[1:], whole[1:]):
                for ours, theirs in zip(cells_of(short), cells_of(line)):
                    head, mark, tail = ours.partition(CUT)
                    cut += bool(mark)
                    check(ours == theirs if not mark else
                          theirs.startswith(head) and theirs.endswith(tail) and head and tail,
                          f"{arguments}, {columns}: {ours!r} of {theirs!r}")
            check(cut if columns <= 100 else not cut or columns < max(map(len, whole)),
                  f"{arguments}, {columns}: {cut} cells are cut")
        check(on_terminal(impscan, image, *arguments, NO_COLOR="1").splitlines() == whole,
              f"{arguments}: cut on a terminal that does not say how wide it is")


def test_names(impscan, mkimage, folder):
    """Names that imitate colors, wide characters, and others of several bytes."""
    image = folder / "damaged.raw"
    subprocess.run([mkimage, "--scenario", "damaged", "--memory", "64", "-o", image], check=True)
    for columns in range(40, 200, 13):
        shown = on_terminal(impscan, image, "-a", columns=columns)
        plain(shown)  # and no character was cut in two, else it could not be decoded
    image.unlink()


def test_colors(impscan, image):
    """Rows that stand out, by their own fields."""
    found = rows(impscan, image, "-a")
    shown = on_terminal(impscan, image, "-a").splitlines()
    check(shown[0].startswith(BOLD) and shown[0].endswith(PLAIN), f"headings: {shown[0]!r}")
    lines = [line for line in shown[1:] if " (rebuilt) " not in line]
    counts = {RED: 0, YELLOW: 0, "": 0}
    for line, row in zip(lines, found, strict=True):
        if row["found_in"] == ["private"] or set(row["flags"]) - {"wow64", "exited"}:
            color = RED
        elif row["status"] not in ("ok", "no-imports"):
            color = YELLOW
        else:
            color = FAINT if "exited" in row["flags"] else ""
        check(line.startswith(color) if color else "\x1b" not in line, f"{row['flags']}: {line!r}")
        counts[color] = counts.get(color, 0) + 1
    check(counts[RED] > 5 and counts[""] > 50, f"{counts}")
    tree = on_terminal(impscan, image, "--processes", "--tree", "-F").splitlines()[1:]
    for line, row in zip(tree, rows(impscan, image, "--processes", "--tree", "-F"), strict=True):
        alert = "hidden" in row["flags"] or row["flagged"]
        check(line.startswith(RED) == bool(alert), f"{row['process']}: {line!r}")


def test_choice(impscan, image):
    """When there are colors, and that nothing else is another."""
    pipe = run(impscan, image, "-a", "-q")[0]
    colored = run(impscan, image, "-a", "-q", "--color", "always")[0]
    check(colored != pipe and plain(colored) == pipe, "--color always in a pipe: the text is another")
    check(colored == run(impscan, image, "-a", "-q", "--color", "never", "--color", "always")[0], "the last counts")
    shown = on_terminal(impscan, image, "-a")
    check(shown == colored, "colors on a terminal are those of --color always")
    for arguments, environment in (([], {"NO_COLOR": "1"}), (["--color", "never"], {}), ([], {"TERM": "dumb"}),
                                   (["--color", "auto"], {"NO_COLOR": "x"})):
        check(on_terminal(impscan, image, "-a", *arguments, **environment) == pipe, f"{arguments} {environment}")
    check(on_terminal(impscan, image, "-a", NO_COLOR="") == colored, "NO_COLOR without a value")
    check(on_terminal(impscan, image, "-a", "--color", "always", NO_COLOR="1") == colored, "--color above NO_COLOR")
    for form in "csv", "jsonl", "json":
        out = run(impscan, image, "-a", "-q", "-o", form)[0]
        check(on_terminal(impscan, image, "-a", "-o", form, columns=80).replace("\r", "") ==
              out.replace("\r", ""), f"{form} is another on a terminal")
        check(run(impscan, image, "-a", "-q", "-o", form, "--color", "always")[0] == out, f"{form} has colors")
    wide = run(impscan, image, "-a", "-q", "-o", "wide")[0]
    check(plain(on_terminal(impscan, image, "-a", "-o", "wide", columns=80)) == wide, "wide is cut")
    info = run(impscan, image, "--info", "-q")[0]
    check(re.sub(r"\x1b\[[01]m", "", on_terminal(impscan, image, "--info", columns=80)) == info, "--info")
    _, err = run(impscan, image, "-a", "--color", "yes", status=(2,))
    check("--color takes auto, always or never, not 'yes'" in err, err)


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, folder = arguments.impscan, arguments.folder
    image = folder / "hidden.raw"
    subprocess.run([arguments.mkimage, "--scenario", "hidden", "--memory", "64", "-o", image], check=True)
    test_width(impscan, image)
    test_names(impscan, arguments.mkimage, folder)
    test_colors(impscan, image)
    test_choice(impscan, image)
    image.unlink()
    finish("terminals")


if __name__ == "__main__":
    main()
