# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of known hashes: one hash for a hundred thousand samples, long lines, long names.

Feeds are so: the imphash of a packer or of a build tool comes with each of its samples.
"""

import json
import subprocess

from hostile.cases import case

COPIES = 100_000


def demo(tools):
    path = tools.folder / "demo.raw"
    subprocess.run([tools.mkimage, "--memory", "64", "--scenario", "demo", "--format", "raw", "-o",
                    path], check=True)
    return path


def hashes(tools, image):
    """Both hashes of a module that one process has."""
    out = subprocess.run([tools.impscan, "-f", image, "-a", "-F", "-q", "-o", "jsonl"],
                         capture_output=True, check=True).stdout.decode()
    for line in out.split("\n"):
        row = json.loads(line)
        if row["module"] == "invoice.exe":
            return row["imphash"], row["impfuzzy"]
    raise ValueError("no invoice.exe in the demo")


def write(tools, name, lines):
    path = tools.folder / name
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def rows(count):
    def expect(status, out, err):
        found = out.count("\n")
        return None if status == 0 and found == count else f"{found} rows, not {count}: {err}"
    return expect


def search(tools, line):
    image = demo(tools)
    imphash, impfuzzy = hashes(tools, image)
    listed = write(tools, "hashes.txt",
                   (line.format(imphash=imphash, impfuzzy=impfuzzy, i=i) for i in range(COPIES)))
    return ["-f", image, "-i", listed, "-t", "100"]


@case("lists.one_imphash", "-o", "jsonl", "-q", expect=rows(COPIES))
def one_imphash(tools):
    """One imphash for all samples."""
    return search(tools, "{imphash} sample {i}")


@case("lists.one_impfuzzy", "-o", "jsonl", "-q", expect=rows(COPIES))
def one_impfuzzy(tools):
    """One impfuzzy for all samples."""
    return search(tools, "{impfuzzy},sample {i}")


@case("lists.one_pair", "-o", "jsonl", "-q", expect=rows(COPIES))
def one_pair(tools):
    """Both hashes for all samples: one row for each, not two."""
    return search(tools, "{imphash} {impfuzzy} sample {i}")


@case("lists.long_names", "-o", "jsonl", "-q", expect=rows(100))
def long_names(tools):
    """A hundred names of a million bytes."""
    image = demo(tools)
    imphash, _ = hashes(tools, image)
    listed = write(tools, "hashes.txt", (f"{imphash} {i}" + "n" * 1_000_000 for i in range(100)))
    return ["-f", image, "-i", listed]


def no_text(status, out, err):
    said = "hashes.txt: is no text" in err
    return None if status == 2 and said else f"said: {err.strip()}"


@case("lists.one_line", expect=no_text)
def one_line(tools):
    """A list of a gigabyte without a newline."""
    path = tools.folder / "hashes.txt"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    return ["-f", demo(tools), "-i", path]


def quote(status, out, err):
    said = "hashes.txt:2: a quote is opened and not closed within 1 MB" in err and "1 line" in err
    return None if status == 1 and said else f"said: {err.strip()}"


@case("lists.open_quote", status=(1,), expect=quote)
def open_quote(tools):
    """CSV whose first record's quote is never closed: the others are read."""
    path = tools.folder / "hashes.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.write('imphash,path\n"')
        file.writelines(f"{i:032x},x\n" for i in range(300_000))
    return ["-f", demo(tools), "-i", path]


@case("lists.many_fields", status=(2,))
def many_fields(tools):
    """Lines of nothing but commas, behind a header of CSV."""
    return ["-f", demo(tools), "-i", write(tools, "hashes.csv", ["imphash,path", "," * 1_000_000])]


@case("lists.alike", "-q", "-o", "jsonl", memory=256)
def alike(tools):
    """A hundred thousand impfuzzy hashes that all resemble one another, and the module."""
    image = demo(tools)
    _, impfuzzy = hashes(tools, image)
    size, first, second = impfuzzy.split(":")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    lines = (f"{size}:{first[:-3]}{letters[i % 64]}{letters[i // 64 % 64]}{letters[i // 4096]}:"
             f"{second} sample {i}" for i in range(COPIES))
    return ["-f", image, "-i", write(tools, "hashes.txt", lines)]


@case("lists.selections", "-o", "jsonl", "-q", expect=rows(1))
def many_selections(tools):
    """A Sigma rule whose condition names each of its 20,000 selections."""
    image = demo(tools)
    imphash, _ = hashes(tools, image)
    names = [f"s{i}" for i in range(20_000)]
    listed = write(tools, "rule.yml", ["title: T", "logsource: {}", "detection:", "  first:",
                                       f"    Imphash: {imphash}",
                                       *(f"  {name}:\n    Imphash: {i:032x}" for i, name in
                                         enumerate(names, 1)),
                                       "  condition: first or " + " or ".join(names)])
    return ["-f", image, "-i", listed]
