#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation against the program: fields of the machine forms, and sessions.

    test_docs.py IMPSCAN MKIMAGE FOLDER SOURCE [--write]

The man page's section FIELDS has a subsection for each machine form; the fields named in it must be
those that the form has, in their order. The sessions of README.md and the man page ("$ impscan ...")
are run, and must print what stands there; a line "..." stands for any number of lines. --write puts
what they print into the documents, in place of what stands there.
"""

import csv
import io
import json
import os
import pathlib
import re
import shutil
import subprocess

from image_truth import check, finish, run, test_arguments, test_parser

# The images of the sessions. The first is made by ./bootstrap in the same way.
IMAGES = {
    "build/demo.raw": ["--scenario", "demo", "--build", "19041", "--format", "raw"],
    "mem.dmp": ["--scenario", "hidden", "--format", "dump"],
    "paged.raw": ["--scenario", "demo", "--move-out", "50", "--pagefile", "pagefile.sys"],
}
SAMPLES = ["helper.dll", "invoice.exe"]  # files that run in the first
# The man page's subsections, and how their form is printed.
FORMS = {
    "Modules": ["-f", "build/demo.raw", "-a"],
    "Samples": ["-e", "samples"],
    "Image": ["-f", "build/demo.raw", "--info"],
    "Regions": ["-f", "mem.dmp", "--regions"],
    "Processes": ["-f", "mem.dmp", "--processes"],
    "Imports": ["-f", "build/demo.raw", "--imports", "-p", "4012", "-m", "invoice"],
    "Distinct modules": ["-f", "mem.dmp", "--stack"],
    "Groups": ["-f", "mem.dmp", "--cluster"],
    "Profiles": ["--list-profiles"],
}
INDEX = "Index of dumped modules"


def make_files(mkimage, folder):
    shutil.rmtree(folder)
    (folder / "build").mkdir(parents=True)
    (folder / "samples").mkdir()
    files = folder / "files"
    files.mkdir()
    for image, arguments in IMAGES.items():
        subprocess.run([mkimage, *arguments, "-o", image], cwd=folder, check=True)
    subprocess.run([mkimage, *IMAGES["build/demo.raw"], "--pe-out", files, "-o",
                    folder / "again.raw"], check=True)
    (folder / "again.raw").unlink()
    for name in SAMPLES:
        shutil.copy(files / name, folder / "samples")
    shutil.rmtree(files)


def plain(text):
    """A line of mdoc as it is shown, as far as the literal blocks and names need it."""
    return text.replace(r"\&", "").replace(r"\e", "\\").replace(r"\(dq", '"').replace(r"\-", "-")


def mdoc(line):
    """The other way round."""
    line = line.replace("\\", r"\e")
    return r"\&" + line if line.startswith((".", "'")) else line


def documented_fields(page):
    """{subsection of FIELDS: names}, of the outermost lists."""
    section = page.split("\n.Sh FIELDS\n")[1].split("\n.Sh ")[0]
    fields, depth, names = {}, 0, None
    for line in section.splitlines():
        if line.startswith(".Ss "):
            names = fields.setdefault(line[4:].split(" (")[0], [])
        elif line.startswith(".Bl"):
            depth += 1
        elif line.startswith(".El"):
            depth -= 1
        elif line.startswith(".It Cm ") and depth == 1 and names is not None:
            names += [word for word in line[7:].split() if word != ","]
    return fields


def printed_fields(impscan, arguments):
    """The fields of a form, which are the same in CSV and JSON."""
    text, _ = run(impscan, "-q", "-o", "csv", *arguments)
    names = next(csv.reader(io.StringIO(text, newline="")))
    lines, _ = run(impscan, "-q", "-o", "jsonl", *arguments)
    array, _ = run(impscan, "-q", "-o", "json", *arguments)
    for row in [*map(json.loads, lines.splitlines()), *json.loads(array)]:
        check(list(row) == names, f"{arguments}: JSON has {list(row)}, CSV {names}")
    return names


def test_fields(impscan, page):
    documented = documented_fields(page)
    printed = {form: printed_fields(impscan, arguments) for form, arguments in FORMS.items()}
    run(impscan, "-q", "-f", "build/demo.raw", "-a", "-p", "4012", "-d", "indexed")
    rows = json.loads(pathlib.Path("indexed/index.json").read_text())
    printed[INDEX] = list(rows[0])
    described, _ = run(impscan, "-q", "-f", "build/demo.raw", "-a", "-p", "4012", "-o", "jsonl", "--describe")
    printed["Descriptions"] = list(json.loads(described.splitlines()[0]))
    check(set(documented) == set(printed), f"subsections of FIELDS: {sorted(documented)}")
    for form in printed:
        names = documented.get(form, [])
        check(names == printed[form],
              f"fields of {form}: not documented {sorted(set(printed[form]) - set(names))}, not "
              f"printed {sorted(set(names) - set(printed[form]))}, or in another order")
    return sum(map(len, printed.values()))


def readme_blocks(text):
    """(start, end) of the lines of each indented block with a session."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines + ["end"]):
        if line.startswith("    $ ") and start is None:
            start = number
        elif start is not None and not line.startswith("    "):
            yield start, number
            start = None


def page_blocks(text):
    start = None
    for number, line in enumerate(text.splitlines()):
        if line.startswith(".Bd -literal"):
            start = number + 1
        elif line == ".Ed":
            yield start, number


def same_time(line):
    return re.sub(r"in \d+\.\d\d s$", "in 0.01 s", line)


def run_session(command, programs):
    """What a terminal shows, line by line; the time it took is always the same."""
    result = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False,
                            env=dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}"))
    return [same_time(line.rstrip()) for line in result.stdout.splitlines()]


def compare(shown, printed):
    """Does the output fit what is shown? If not, how it would be shown."""
    cut = next((n for n, line in enumerate(shown) if line.strip() == "..."), None)
    if cut is None:
        return shown == printed, printed
    head, tail = shown[:cut], shown[cut + 1:]
    end = len(printed) - len(tail)
    fits = cut <= end and printed[:cut] == head and printed[end:] == tail
    return fits, [*printed[:cut], shown[cut], *printed[max(end, cut):]]


def test_sessions(path, blocks, indent, programs, write):
    """Of one document; sessions have a command each, and its output up to the next."""
    lines = path.read_text(encoding="utf-8").splitlines()
    count, result, done = 0, [], 0
    for start, end in blocks("\n".join(lines)):
        result += lines[done:start]
        done = end
        block = [plain(line[len(indent):]) for line in lines[start:end]]
        places = [n for n, line in enumerate(block) if line.startswith("$ ")] + [len(block)]
        result += lines[start:start + places[0]]
        for begin, stop in zip(places, places[1:]):
            count += 1
            fits, better = compare(block[begin + 1:stop], run_session(block[begin][2:], programs))
            check(fits or write, f"{path.name}: {block[begin]}: prints\n" + "\n".join(better))
            result += [lines[start + begin]]
            result += [indent + line if indent else mdoc(line) for line in better]
    if write:
        path.write_text("\n".join(result + lines[done:]) + "\n", encoding="utf-8")
    check(count, f"{path.name}: no session found")
    return count


def main():
    parser = test_parser(__doc__)
    parser.add_argument("source", type=pathlib.Path, help="the repository")
    parser.add_argument("--write", action="store_true", help="correct the documents' sessions")
    arguments = test_arguments(parser)
    impscan = pathlib.Path(arguments.impscan).resolve()
    readme = arguments.source.resolve() / "README.md"
    page = arguments.source.resolve() / "man" / "impscan.1"
    make_files(pathlib.Path(arguments.mkimage).resolve(), arguments.folder)
    os.chdir(arguments.folder)
    fields = test_fields(impscan, page.read_text(encoding="utf-8"))
    sessions = test_sessions(readme, readme_blocks, "    ", impscan.parent, arguments.write)
    sessions += test_sessions(page, page_blocks, "", impscan.parent, arguments.write)
    for name in [*IMAGES, "pagefile.sys"]:
        pathlib.Path(name).unlink()
    finish(f"{fields} fields, {sessions} sessions")


if __name__ == "__main__":
    main()
