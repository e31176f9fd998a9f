# SPDX-License-Identifier: GPL-3.0-or-later
"""What the end-to-end tests share: options, running impscan, the image writer's truth, hashes of a
list."""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import libfuzzy  # noqa: E402

FAILURES = []
# Real DLLs, where they are installed.
WINE = pathlib.Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows")


def skip(what):
    """Tells what is left out and why, for tests/run to repeat behind all tests."""
    print(f"SKIP: {what}", flush=True)


def can_unpack(impscan, what, *libraries):
    """Is impscan built with what unpacks (zlib and libarchive by default)? Else it is told what is left out."""
    lines = run(impscan, "--version")[0].splitlines()
    missing = [name for name in libraries or ("zlib", "libarchive") if f"{name} not built in" in lines]
    if missing:
        skip(f"{what}: built without {' and '.join(missing)}")
    return not missing


def have_wine(what):
    """Are Wine's DLLs there for this?"""
    if WINE.is_dir():
        return True
    skip(f"{what}: Wine's DLLs (libwine) are not installed")
    return False


def test_parser(description):
    """The arguments that all of them take; the folder is made by test_arguments()."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("impscan")
    parser.add_argument("mkimage")
    parser.add_argument("folder", type=pathlib.Path, help="for what is written")
    return parser


def case_parser(description):
    """Of tests that do the same with many cases, and can do some of them."""
    parser = test_parser(description)
    parser.add_argument("--only", metavar="WORDS", default="",
                        help='the case of just this name, or else all that have these words in '
                             'theirs: "19041 x64"')
    parser.add_argument("--list-cases", action="store_true",
                        help="print the names of all cases, a line each, and do nothing else")
    return parser


def test_arguments(parser):
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    return arguments


def choose(arguments, cases):
    """(number, case) of those that --only asks for; a case is a sequence of words, its name."""
    names = [" ".join(map(str, case)) for case in cases]
    if arguments.list_cases:
        print("\n".join(names))
        sys.exit(0)
    chosen = [(number, case) for number, case in enumerate(cases) if names[number] == arguments.only]
    if not chosen:
        words = set(arguments.only.split())
        chosen = [(number, case) for number, case in enumerate(cases)
                  if words <= set(names[number].split())]
    if not chosen:
        sys.exit(f"no case is left by --only {arguments.only!r}")
    return chosen


def written_layouts(mkimage):
    """(build, architecture, variant) of every Windows that the writer knows."""
    out = subprocess.run([mkimage, "--list"], check=True, capture_output=True, text=True).stdout
    return [tuple(line.split("\t")) for line in out.splitlines()]


def written_names(mkimage, what):
    """What the writer lists with a name first: the rest of each line by its name."""
    out = subprocess.run([mkimage, what], check=True, capture_output=True, text=True).stdout
    return dict(line.split("\t") for line in out.splitlines())


def written_formats(mkimage):
    """The formats that the writer knows: the architectures it writes each of, by name."""
    return {name: archs.split() for name, archs in written_names(mkimage, "--list-formats").items()}


def written_scenarios(mkimage):
    """The names of the scenarios that the writer knows."""
    return list(written_names(mkimage, "--list-scenarios"))


def check(condition, message):
    """Counts a failure and goes on, so that one run shows all of them."""
    if not condition:
        FAILURES.append(message)
        if len(FAILURES) <= 40:
            print("FAIL:", message, file=sys.stderr)


def finish(done):
    print(f"{done}; {len(FAILURES)} failures")
    sys.exit(1 if FAILURES else 0)


def read_terminal(leader):
    """All that is written to the other side of a pseudoterminal until it is closed."""
    shown = b""
    while True:
        try:
            part = os.read(leader, 1 << 16)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    return shown


def run(impscan, *arguments, status=(0,), stdin=None):
    """impscan's standard output and error; its exit code must be one of `status`."""
    result = subprocess.run([impscan, *map(str, arguments)], capture_output=True, timeout=600,
                            input=stdin.encode() if stdin is not None else None, check=False)
    out, err = result.stdout.decode(), result.stderr.decode()
    check(result.returncode in status,
          f"impscan {' '.join(map(str, arguments))}: exit {result.returncode}, not {status}: "
          f"{err.strip()[-300:]}")
    return out, err


def rows(impscan, image, *arguments):
    """The rows, without the image's path: they may be compared with another image's."""
    out, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", *arguments, status=(0, 1))
    found = [json.loads(line) for line in out.split("\n") if line]
    check(all(row.pop("image") == str(image) for row in found), f"{image}: rows call it otherwise")
    return found


def printable(name):
    """A name of the truth file as UTF-8 can hold it: lone surrogates are replaced."""
    return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in name)


def imphash(imports):
    return hashlib.md5(",".join(imports).encode()).hexdigest() if imports else None


# ssdeep's hash of bytes; None where libfuzzy has no shared library.
FUZZY = libfuzzy.ssdeep if libfuzzy.LIBRARY else None
if not FUZZY:
    skip("impfuzzy values: libfuzzy's shared library is not found")


def impfuzzy(imports):
    return FUZZY(",".join(imports).encode()) if imports and FUZZY else None
