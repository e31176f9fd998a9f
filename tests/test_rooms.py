#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does rooms.py see what is wrong? Compiles a few made-up files and asks it.

    test_rooms.py CC FOLDER
"""

import pathlib
import shutil
import subprocess
import sys

ROOMS = pathlib.Path(__file__).with_name("rooms.py")
HEADER = "/*\n * A door.\n *\n * Room: {}.\n */\n{}\n"

# What is sound: `pe` calls `base`, and within `base` one file the other.
SOUND = {
    "include/impscan/text.h": HEADER.format("base", "int text(void);"),
    "include/impscan/pe.h": HEADER.format("pe", "#include <impscan/text.h>\nint pe(void);"),
    "src/base/text.c": "#include <impscan/text.h>\nint error(void);\n"
                       "int text(void) { return error(); }\n",
    "src/base/error.c": "int error(void);\nint error(void) { return 1; }\n",
    "src/pe/pe.c": "#include <impscan/pe.h>\nint pe(void) { return text(); }\n",
}

# What is changed, and what rooms.py must say then; None: nothing.
CASES = [
    ("sound", {}, None),
    ("two files in a circle",
     {"src/base/error.c": "int text(void);\nint error(void);\nint error(void) { return text(); }\n"},
     "circle in base: error text"),
    ("three files in a circle",
     {"src/base/error.c": "int other(void);\nint error(void);\nint error(void) { return other(); }\n",
      "src/base/other.c": "int text(void);\nint other(void);\nint other(void) { return text(); }\n"},
     "circle in base: error other text"),
    ("a call of a later room",
     {"src/base/error.c": "int pe(void);\nint error(void);\nint error(void) { return pe(); }\n"},
     "src/base/error.c calls pe/pe.c: pe"),
    ("a file includes a later room's door",
     {"src/base/error.c": "#include <impscan/pe.h>\nint error(void);\nint error(void) { return 1; }\n"},
     "src/base/error.c (base) includes impscan/pe.h (pe)"),
    ("a file includes a later room's inner header",
     {"src/base/error.c": "#include \"pe/inner.h\"\nint error(void);\nint error(void) { return 1; }\n",
      "src/pe/inner.h": "\n"},
     "src/base/error.c (base) includes pe/inner.h (pe)"),
    ("a door includes a later room's",
     {"include/impscan/text.h": HEADER.format("base", "#include <impscan/pe.h>\nint text(void);"),
      "include/impscan/pe.h": HEADER.format("pe", "int pe(void);")},
     "include/impscan/text.h (base) includes impscan/pe.h (pe)"),
    ("a door of no room",
     {"include/impscan/text.h": "int text(void);\n"},
     "include/impscan/text.h names no room"),
    ("a library that another room has the layer over",
     {"src/pe/pe.c": "#include <impscan/pe.h>\nint archive_read_new(void);\n"
                     "int pe(void) { return archive_read_new() + text(); }\n"},
     "src/pe/pe.c calls archive_read_new: the layer over that library is room source"),
    ("a folder that is no room",
     {"src/attic/old.c": "int old(void);\nint old(void) { return 1; }\n"},
     "src/attic is no room"),
]


def make(folder, compiler, files):
    """The sources, and object files as CMake lays them."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in files:
        if name.endswith(".c"):
            out = folder / "build/CMakeFiles/x.dir" / f"{name}.o"
            out.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([compiler, "-I", folder / "include", "-I", folder / "src", "-c",
                            folder / name, "-o", out], check=True)


def main():
    compiler, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    failures = 0
    for what, changed, expected in CASES:
        make(folder, compiler, SOUND | changed)
        result = subprocess.run([sys.executable, ROOMS, folder / "build", folder],
                                capture_output=True, text=True, check=False)
        told = [line for line in result.stderr.splitlines() if line.startswith("FAIL: ")]
        right = (expected is None and not told and result.returncode == 0) or \
            (expected is not None and result.returncode == 1 and
             [line for line in told if expected in line] == told and told)
        if not right:
            failures += 1
            print(f"FAIL: {what}: exit {result.returncode}: {result.stderr}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    empty = subprocess.run([sys.executable, ROOMS, folder, folder], capture_output=True, check=False)
    if not empty.returncode:
        failures += 1
        print("FAIL: a build without objects passes", file=sys.stderr)
    print(f"{len(CASES) + 1} cases, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
