#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of programs by Go, and the hashes of them, against readers of their own.

    test_golang.py GO_NAMES MKGO FOLDER

Written programs with the tables of all versions of Go; letters as Unicode has them; made families, which
gimpfuzzy must tell apart; and, where Go is installed, programs that it builds for Windows, which are kept
in FOLDER for the next time.
"""

import argparse
import ctypes
import ctypes.util
import hashlib
import itertools
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import unicodedata

from image_truth import FUZZY, check, finish, skip

FIELDS = ("status reason table found functions kept own garbled gimphash gimpfuzzy version module "
          "steps").split()
PAGE = 0x1000
STANDARD = set("""archive bufio bytes cmp compress container context crypto database debug embed encoding
errors expvar flag fmt go hash html image index io iter log maps math mime net os path plugin reflect
regexp slices sort strconv strings structs sync syscall testing text time unicode unique weak
""".split())


# ---- The rules of gimphash, by its README and its program in Go; those of gimpfuzzy, by golang.h.

def is_private(text):
    for c in text:
        kind = unicodedata.category(c)
        if kind == "Ll":
            return True
        if kind == "Lu" or kind[0] == "N":
            return False
    return False


def kept_name(name):
    """What gimphash takes of a name, or None."""
    if name.startswith(("go.", "type.")):
        return None
    name = name.rpartition("vendor/")[2]
    if "internal/" in name or name.startswith(
            ("runtime", "sync", "syscall", "type", "time", "unicode", "reflect", "strconv")):
        return None
    base = name[name.rfind("/") + 1:]
    base = base[base.find(".") + 1:]
    if is_private(base) or is_private(base[base.find(".") + 1:]):
        return None
    return name


def own_name(name):
    """What gimpfuzzy takes of a name, or None."""
    match = re.match(r"([^./:]*)([./])", name)
    if not match or name.startswith("go.") or re.fullmatch(r"main\.(main|init(\..*)?)", name) or \
            match[1] in STANDARD | {"runtime", "internal", "vendor", "type", "__x86"}:
        return None
    return name.rpartition("/")[2]


def hashes(names):
    """(kept, own, gimphash, gimpfuzzy) of the names of a program's functions."""
    kept = [k for k in map(kept_name, names) if k is not None]
    own = [o for o in map(own_name, names) if o is not None]
    return (len(kept), len(own),
            hashlib.sha256("".join(kept).encode()).hexdigest() if "".join(kept) else "",
            FUZZY(",".join(own).encode()) if own and FUZZY else "")


# ---- Files: sections, mapping, relocations, the table of functions.

class Program:
    """A PE file."""

    def __init__(self, data):
        self.data = data
        nt = struct.unpack_from("<I", data, 0x3c)[0]
        count, optional = struct.unpack_from("<H12xH", data, nt + 6)
        self.wide = struct.unpack_from("<H", data, nt + 24)[0] == 0x20b
        self.base = struct.unpack_from("<Q" if self.wide else "<I", data,
                                       nt + 24 + (24 if self.wide else 28))[0]
        self.size = struct.unpack_from("<I", data, nt + 24 + 56)[0]
        self.relocations = struct.unpack_from("<II", data,
                                              nt + 24 + (112 if self.wide else 96) + 5 * 8)
        self.sections = [struct.unpack_from("<8sIIII", data, nt + 24 + optional + 40 * i)
                         for i in range(count)]

    def mapped(self, base=None):
        """The bytes as the loader maps them, at an address."""
        image = bytearray((self.size + PAGE - 1) // PAGE * PAGE)
        image[:PAGE] = self.data[:PAGE].ljust(PAGE, b"\0")
        for _, _, rva, size, position in self.sections:
            piece = self.data[position:position + size]
            image[rva:rva + len(piece)] = piece
        if base is not None:
            self.relocate(image, base - self.base)
        return image

    def relocate(self, image, delta):
        at, left = self.relocations
        while left > 8:
            page, size = struct.unpack_from("<II", image, at)
            if not size:
                break
            for i in range(8, size, 2):
                entry = struct.unpack_from("<H", image, at + i)[0]
                form = {3: "<I", 10: "<Q"}.get(entry >> 12)
                if form:
                    place = page + (entry & 0xfff)
                    value = struct.unpack_from(form, image, place)[0] + delta
                    struct.pack_into(form, image, place, value & (2**64 - 1 if form == "<Q"
                                                                  else 2**32 - 1))
            at, left = at + size, left - size


def table_of(image):
    """(place, size of the header) of the last table with one of Go's magics."""
    found = [m.start() for m in re.finditer(rb"[\xf0\xf1\xfa\xfb]\xff{3}\x00{2}\x01[\x04\x08]", image)
             if m.start() % 8 == 0]
    place = found[-1]
    words = {0xfb: 1, 0xfa: 7, 0xf0: 8, 0xf1: 8}[image[place]]
    return place, 8 + words * image[place + 7]


def functions_of(image):
    """Names of functions in the order of the table, from its header."""
    place = table_of(image)[0]
    pointer = "<Q" if image[place + 7] == 8 else "<I"
    width = image[place + 7]
    words = [struct.unpack_from(pointer, image, place + 8 + width * i)[0] for i in range(8)]
    names, entries, form = {
        0xfb: (0, None, pointer),
        0xfa: (words[2], words[6], pointer),
        0xf0: (words[3], words[7], "<I"),
        0xf1: (words[3], words[7], "<I"),
    }[image[place]]
    records = 0 if entries is None else entries
    entries = 8 + width if entries is None else entries
    size = struct.calcsize(form)
    functions = []
    for i in range(words[0]):
        record = struct.unpack_from(form, image, place + entries + (2 * i + 1) * size)[0]
        name = place + names + struct.unpack_from("<i", image, place + records + record + size)[0]
        functions.append(image[name:image.index(0, name)].decode())
    return functions


# ---- Tests.

class Tools:
    def __init__(self, arguments):
        self.go_names, self.mkgo = arguments.go_names, arguments.mkgo
        self.file = arguments.folder / "program"

    def read(self, data, *options):
        self.file.write_bytes(data)
        out = subprocess.run([self.go_names, *map(str, options), self.file], check=True,
                             capture_output=True, text=True).stdout
        return dict(zip(FIELDS, out.rstrip("\n").split("\t")))

    def write(self, names, *options):
        subprocess.run([self.mkgo, *options, self.file], check=True, text=True,
                       input="".join(f"{name}\n" for name in names))
        return self.file.read_bytes()


def check_read(what, row, names, found="header"):
    kept, own, gimphash, gimpfuzzy = hashes(names)
    wanted = {"status": "ok", "reason": "", "found": found, "functions": str(len(names)),
              "kept": str(kept), "own": str(own), "gimphash": gimphash}
    if FUZZY:
        wanted["gimpfuzzy"] = gimpfuzzy
    for field, value in wanted.items():
        check(row[field] == value, f"{what}: {field} {row[field]!r}, not {value!r}")


def check_everywhere(tools, what, program, names, table):
    """A program as a file, mapped, moved, without headers, with its table hidden."""
    moved = 0x7ff6a0000000 if program.wide else 0x6b000000
    wide = "64" if program.wide else "32"
    image = program.mapped()
    place, size = table_of(image)
    cases = [("file", program.data, (), "header"),
             ("mapped", image, ("--memory", f"{program.base:x}"), "header")]
    at = ("--memory", f"{program.base:x}")
    if program.relocations[1]:
        image, at = program.mapped(moved), ("--memory", f"{moved:x}")
        cases.append(("moved", image, at, "header"))
    bare = at + ("--headerless", wide)
    changed, wiped = bytearray(image), bytearray(image)
    changed[place] ^= 0x5a
    wiped[place:place + size] = bytes(size)
    cases += [("without headers", bytes(PAGE) + image[PAGE:], bare, "header"),
              ("changed", changed, at, "moduledata|structure"), ("wiped", wiped, at, "moduledata"),
              ("wiped without headers", bytes(PAGE) + wiped[PAGE:], bare, "moduledata")]
    for case, data, options, found in cases:
        row = tools.read(data, *options)
        found = row["found"] if row["found"] in found.split("|") else found
        check_read(f"{what}, {case}", row, names, found)
        check(row["table"] == table or case == "changed" or found == "moduledata",
              f"{what}, {case}: table of {row['table']}")
    entries = struct.unpack_from("<I", image, place + size - image[place + 7])[0]
    row = tools.read(image, *at, "--absent", (place + entries) // PAGE + 1)
    if size > 8 + image[place + 7]:
        check(row["status"] == "absent" and "left out" in row["reason"] and not row["gimphash"],
              f"{what}, a page absent: {row}")
    return len(cases) + 1


def some_names(count):
    """Names that all rules have something to do with."""
    r = random.Random(count)
    first = ["go.", "go:", "type.", "type:", "", "", "", "vendor/", "a/vendor/", "example.org/"]
    packages = ["runtime", "main", "fmt", "net/http", "golang.org/x/net/http2", "internal/cpu",
                "timeline", "gopkg.in/yaml.v3", "Ärger", "a/internal/b", "example.org/bot"]
    rest = ["New", "init", "init.0", "(*T).M", "(*T).m", "(*t).M", "F.func1", "T.M.func1", "ärger",
            "Ärger", "字A", "字a", "_A", "_a", "9x", "ⅷA", "M[...]", "", "F-fm"]
    return ["runtime.first"] + [f"{r.choice(first)}{r.choice(packages)}.{r.choice(rest)}"
                                for _ in range(count)] + ["gogo"]


def test_written(tools):
    """Tables of each version that the writer writes, read by this file and by impscan."""
    versions = {"1.2": "1.2-1.15", "1.16": "1.16-1.17", "1.18": "1.18-1.19", "1.20": "1.20 or later"}
    names = some_names(900)
    done = 0
    for (version, table), arch, place in itertools.product(versions.items(), ("", "--x86"),
                                                           ("rdata", "text", "data")):
        what = f"written, {version} {arch} {place}"
        options = ["--version", version, "--place", place, "--build-info",
                   "inline" if version > "1.17" else "pointers"] + ([arch] if arch else [])
        program = Program(tools.write(names, *options))
        check(functions_of(program.data) == names, f"{what}: the writer's names")
        done += check_everywhere(tools, what, program, names, table)
        row = tools.read(program.data)
        check((row["version"], row["module"]) == ("go1.19.8", "example.org/written"),
              f"{what}: built by {row['version']!r} of {row['module']!r}")
    return done


def test_letters(tools):
    """Each character as the first of a function's name."""
    known = unicodedata.unidata_version == "14.0.0"
    codes = [c for c in range(1, 0x110000) if c != 10 and not 0xd800 <= c < 0xe000]
    out = subprocess.run([tools.go_names, "--keeps"], check=True, capture_output=True,
                         input="".join(f"m.{chr(c)}a\nm.{chr(c)}A\n" for c in codes).encode()
                         ).stdout.decode().split("\n")
    wrong = 0
    for c, lower, upper in zip(codes, out[::2], out[1::2]):
        want = (not is_private(f"{chr(c)}a"), not is_private(f"{chr(c)}A"))
        if (lower[0] == "+", upper[0] == "+") != want and chr(c) not in "./":
            wrong += known or unicodedata.ucd_3_2_0.category(chr(c)) == unicodedata.category(chr(c))
    check(not wrong, f"{wrong} characters are letters, or not")
    return len(codes)


# ---- Families.

VERBS = "Get Set Run Send Open Load Kill Dump Scan List Put Read Find Stop Start Hook Drop Wipe".split()
THINGS = "File Disk Key Host Shell Process Wallet Cookie Registry Path Packet Task User Log".split()


def some_standard(r, count):
    """Names as the standard library has them, of which each program has another part."""
    names = [f"{package}.(*{thing}).{verb}{other}" for package in ("net/http", "fmt", "os", "crypto/tls")
             for thing in THINGS for verb in VERBS[:6] for other in THINGS[:3]]
    start = r.randrange(len(names) // 8)
    return names[start:start + count]


def family(seed, variants):
    """Programs of a family: each has most functions of the first, some more, some less."""
    r = random.Random(seed)
    own = sorted({f"{r.choice(('core', 'net', 'main', 'util'))}.{r.choice(('', '(*Client).', '(*Job).'))}"
                  f"{r.choice(VERBS)}{r.choice(THINGS)}{r.randrange(30)}" for _ in range(40)})
    for _ in range(variants):
        path = f"host{r.randrange(1000)}.example/x{r.randrange(1000)}"
        part = [name for name in own if r.random() > 0.08]
        part += [f"core.{r.choice(VERBS)}{r.choice(THINGS)}{r.randrange(1000)}" for _ in range(2)]
        yield ["internal/cpu.Initialize", "runtime.main"] + some_standard(r, 400) + \
            [name if name.startswith("main.") else f"{path}/{name}" for name in part] + ["main.main"]


ALIKE = 40  # a score of programs that are of one family, perhaps


def load_compare():
    name = ctypes.util.find_library("fuzzy")
    return ctypes.CDLL(name).fuzzy_compare if name else None


def test_families(tools):
    """Scores within families and between them, of gimpfuzzy, and of the names that gimphash takes."""
    compare = load_compare()
    if not compare:
        return "no scores"
    programs = []
    for number in range(12):
        for i, names in enumerate(family(number, 5)):
            row = tools.read(tools.write(names, "--version", ("1.16", "1.18", "1.20")[i % 3]))
            check_read(f"family {number}", row, names)
            kept = [k for k in map(kept_name, names) if k is not None]
            programs.append((number, row["gimpfuzzy"], FUZZY(",".join(kept).encode())))
    text = []
    for column, what in ((1, "gimpfuzzy"), (2, "names of gimphash")):
        within, between = [], []
        for a, b in itertools.combinations(programs, 2):
            (within if a[0] == b[0] else between).append(
                compare(a[column].encode(), b[column].encode()))
        alike, confused = (sum(score >= ALIKE for score in scores) for scores in (within, between))
        text.append(f"{what}: {ALIKE} or more have {alike} of {len(within)} pairs of a family, and "
                    f"{confused} of {len(between)} of two")
        if column == 1:
            check(alike >= 0.95 * len(within) and not confused, text[-1])
        else:
            check(confused, f"what gimpfuzzy leaves out makes no difference: {text[-1]}")
    return f"{len(programs)} programs of 12 families: " + "; ".join(text)


# ---- Programs that Go builds.

SOURCE = """package main

import (
	"errors"
	"os"
	"sort"
	"strings"
)

type Client struct{ names []string }

//go:noinline
func (c *Client) Add(name string) error {
	if name == "" {
		return errors.New("no name")
	}
	c.names = append(c.names, strings.ToUpper(name))
	return nil
}

//go:noinline
func (c Client) Ärger() int { return len(c.names) }

//go:noinline
func (c Client) ärger() int { return len(c.names) }

func main() {
	c := &Client{}
	for _, name := range os.Args {
		if err := c.Add(name); err != nil {
			os.Stdout.WriteString(err.Error())
		}
	}
	sort.Slice(c.names, func(i, j int) bool { return c.names[i] < c.names[j] })
	os.Stdout.WriteString(strings.Join(c.names, " "))
	os.Exit(c.Ärger() + c.ärger())
}
"""


def build(go, folder, arch, stripped):
    """A program for Windows; what an earlier run has built is used again."""
    source = folder / "source"
    out = folder / f"{arch}{'-stripped' if stripped else ''}.exe"
    source.mkdir(parents=True, exist_ok=True)
    for name, text in (("main.go", SOURCE), ("go.mod", "module example.org/built\n\ngo 1.18\n")):
        if not (source / name).exists() or (source / name).read_text("utf-8") != text:
            (source / name).write_text(text, "utf-8")
            for old in folder.glob("*.exe"):
                old.unlink()
    if not out.exists():
        environment = dict(os.environ, GOOS="windows", GOARCH=arch, CGO_ENABLED="0", GOPROXY="off",
                           GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GO111MODULE="on",
                           GOCACHE=str(folder / "cache"), GOPATH=str(folder / "path"), GOENV="off")
        subprocess.run(["nice", go, "build", "-p", "1", *(["-ldflags", "-s -w"] if stripped else []),
                        "-o", out, "."], cwd=source, env=environment, check=True)
    return out.read_bytes()


def test_built(tools, folder):
    go = shutil.which("go")
    if not go:
        skip("programs that Go builds: Debian's package golang-go is not installed")
        return "none built"
    version = subprocess.run([go, "env", "GOVERSION"], check=True, capture_output=True,
                             text=True).stdout.strip()
    done = 0
    for arch, stripped in itertools.product(("amd64", "386"), (False, True)):
        what = f"{version}, {arch}{', stripped' if stripped else ''}"
        program = Program(build(go, folder, arch, stripped))
        names = functions_of(program.mapped())
        check("main.(*Client).Add" in names and "main.Client.ärger" in names, f"{what}: names")
        row = tools.read(program.data)
        check((row["version"], row["module"]) == (version, "example.org/built"), f"{what}: {row}")
        check(not row["garbled"], f"{what}: garbled?")
        done += check_everywhere(tools, what, program, names, row["table"])
    return f"{done} forms of 4 programs by {version}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("go_names")
    parser.add_argument("mkgo")
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.resolve()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    tools = Tools(arguments)
    written = test_written(tools)
    letters = test_letters(tools)
    families = test_families(tools)
    print(families)
    built = test_built(tools, arguments.folder / "built")
    finish(f"{written} forms of written programs, {letters} characters, {built}")


if __name__ == "__main__":
    main()
