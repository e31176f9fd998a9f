#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutates PE files and compares impscan with the reference on each.

	fuzz_oracle.py PE_HASHES MKPE COUNT [SEED [FILE...]]
	fuzz_oracle.py --recorded PE_HASHES MKPE TSV
	fuzz_oracle.py --record MKPE TSV

The files are those of MKPE, small DLLs of libwine where that is installed, and FILE... The same
seed gives the same mutants. A mutant that differs is written to the current folder.

--recorded needs no reference: what it said of mutants of MKPE's files stands in TSV, written by
--record with pefile 2023.2.7. Record again when MKPE makes other files.
"""
import glob
import hashlib
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

LIBWINE = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/*.dll"
INTERESTING = [0, 1, 2, 4, 0x10, 0x1FF, 0x200, 0x201, 0x400, 0xFFF, 0x1000, 0x1001, 0x2000, 0x7FFF,
               0x8000, 0xFFFF, 0x10000, 0x10000000, 0x10000001, 0x7FFFFFFF, 0x80000000, 0x80000001,
               0x80010000, 0xFFFFFFFF]


RECORDED = 3000  # mutants
A_LINE = 10
SEED = 1


def made_files(mkpe):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([mkpe, folder], check=True)
        for path in sorted(glob.glob(folder + "/*")):
            with open(path, "rb") as f:
                data = f.read()
            if len(data) < 0x10000:  # the long tables cost the reference too much time
                yield data


def bases(mkpe, extra):
    yield from made_files(mkpe)
    for path in sorted(glob.glob(LIBWINE)) + list(extra):
        if path in extra or os.path.getsize(path) < 0x10000:
            with open(path, "rb") as f:
                yield f.read()


def u16(d, p):
    return struct.unpack_from("<H", d, p)[0] if p + 2 <= len(d) else 0


def u32(d, p):
    return struct.unpack_from("<I", d, p)[0] if p + 4 <= len(d) else 0


def put(d, p, value, size):
    if p + size <= len(d):
        d[p:p + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


class Layout:
    """Where a file keeps what is worth changing."""

    def __init__(self, d):
        self.nt = min(u32(d, 0x3C), len(d))
        self.optional = self.nt + 24
        self.plus = u16(d, self.optional) == 0x20B
        self.word = 8 if self.plus else 4
        self.directories = self.optional + (112 if self.plus else 96)
        self.section_table = self.optional + u16(d, self.nt + 20)
        self.sections = [self.section_table + 40 * i for i in range(min(u16(d, self.nt + 6), 20))]
        self.descriptors = []
        self.tables = []
        self.names = []
        at = self.offset(d, u32(d, self.directories + 8))
        while 0 < at <= len(d) - 20 and any(d[at:at + 20]) and len(self.descriptors) < 40:
            self.descriptors.append(at)
            self.names.append(self.offset(d, u32(d, at + 12)))
            for field in (0, 16):
                table = self.offset(d, u32(d, at + field))
                for i in range(200):
                    p = table + i * self.word
                    thunk = u32(d, p)
                    if p + self.word > len(d) or not thunk:
                        break
                    self.tables.append(p)
                    if thunk < 0x80000000:
                        self.names.append(self.offset(d, thunk) + 2)
            at += 20

    def offset(self, d, rva):
        for s in self.sections:
            start = u32(d, s + 12)
            if start <= rva < start + max(u32(d, s + 8), u32(d, s + 16)):
                return rva - start + u32(d, s + 20)
        return rva


def number(r, old, d):
    kind = r.randrange(7)
    if kind == 0:
        return r.choice(INTERESTING)
    if kind == 1:
        return old + r.randrange(-20, 21)
    if kind == 2:
        return old ^ 1 << r.randrange(32)
    if kind == 3:
        return old + r.choice((-0x1000, -0x200, -0x100, 0x100, 0x200, 0x1000, 0x10000))
    if kind == 4:
        return len(d) + r.randrange(-40, 41)
    if kind == 5:
        return r.randrange(0, 0x10000)
    return r.getrandbits(32)


def change(d, r, at, size=4):
    put(d, at, number(r, u32(d, at), d), size)


def mutate_headers(d, l, r):
    where = r.randrange(8)
    if where == 0:
        change(d, r, r.choice((0, 0x3C, l.nt, l.nt + 4, l.nt + 6, l.nt + 20)), r.choice((1, 2, 4)))
    elif where == 1:
        put(d, l.nt + 6, r.choice((0, 1, 2, 3, 5, 16, 96, 97, 0x800, 0xFFFF)), 2)
    elif where == 2:
        change(d, r, l.directories - 4)
    elif where == 3:
        change(d, r, l.directories + 8)
    elif where == 4:
        put(d, l.optional, r.choice((0x10B, 0x20B, 0x107, 0)), 2)
    elif where == 5:
        change(d, r, l.optional + 16)  # AddressOfEntryPoint
    elif where == 6:
        put(d, l.optional + 36, r.choice((0, 1, 0x10, 0x80, 0x100, 0x1FF, 0x200, 0x300, 0x1000)), 4)
    else:
        put(d, l.optional + 32, r.choice((0, 1, 0x10, 0x200, 0x300, 0x1000, 0x1800, 0x10000)), 4)


def mutate_sections(d, l, r):
    if not l.sections:
        return
    s = r.choice(l.sections)
    kind = r.randrange(6)
    if kind == 0:
        other = r.choice(l.sections)
        d[s:s + 40], d[other:other + 40] = d[other:other + 40], d[s:s + 40]
    elif kind == 1:
        put(d, s + 12, u32(d, r.choice(l.sections) + 12), 4)
    elif kind == 2:
        d[s:s + 40] = bytes(len(d[s:s + 40]))
    else:
        change(d, r, s + r.choice((8, 12, 16, 20)))


def mutate_descriptors(d, l, r):
    if not l.descriptors:
        return
    at = r.choice(l.descriptors)
    kind = r.randrange(6)
    if kind == 0:
        d[at:at + 20] = d[(o := r.choice(l.descriptors)):o + 20]
    elif kind == 1:
        put(d, at + r.choice((0, 12, 16)), 0, 4)
    elif kind == 2:
        put(d, at + r.choice((0, 16)), u32(d, r.choice(l.descriptors) + r.choice((0, 16))), 4)
    elif kind == 3:
        d[at:at + 20] = bytes(20)
    else:
        change(d, r, at + r.choice((0, 12, 16)))


def mutate_thunks(d, l, r):
    if not l.tables:
        return
    at = r.choice(l.tables)
    kind = r.randrange(7)
    if kind == 0:
        put(d, at, 0, l.word)
    elif kind == 1:
        put(d, at, r.choice((0, 1, 23, 115, 0xFFFF, 0x10000)) | 1 << (8 * l.word - 1), l.word)
    elif kind == 2:
        d[at:at + l.word] = d[(o := r.choice(l.tables)):o + l.word]
    elif kind == 3:  # a run of equal thunks
        for i in range(1, r.randrange(2, 20)):
            put(d, at + i * l.word, u32(d, at), l.word)
    elif kind == 4 and l.word == 8:
        change(d, r, at + 4)
    elif kind == 5:
        put(d, at, u32(d, at) + r.choice((0x8000000, 0x7FFFFFF, 0x8000001, 0x4000000)), 4)
    else:
        change(d, r, at)


def mutate_names(d, l, r):
    if not l.names:
        return
    at = r.choice(l.names)
    kind = r.randrange(3)
    if kind == 0:
        put(d, at + r.randrange(8), r.getrandbits(8), 1)
    elif kind == 1:
        put(d, at, 0, 1)
    else:
        end = bytes(d).find(b"\0", max(at, 0))
        put(d, end, ord("x"), 1)


def mutate_size(d, l, r):
    kind = r.randrange(3)
    if kind == 0:
        del d[r.randrange(len(d) + 1):]
    elif kind == 1:
        places = [l.section_table, l.optional + 69, l.optional + 96] + l.descriptors + l.tables + l.names
        del d[max(0, min(len(d), r.choice(places) + r.randrange(-8, 30))):]
    else:
        d.extend(bytes(r.randrange(1, 0x400)))


def mutate_bytes(d, l, r):
    for _ in range(r.randrange(1, 8)):
        if d:
            put(d, r.randrange(min(len(d), r.choice((0x400, len(d))))), r.getrandbits(8), 1)


KINDS = (mutate_headers, mutate_sections, mutate_sections, mutate_descriptors, mutate_descriptors,
         mutate_thunks, mutate_thunks, mutate_thunks, mutate_names, mutate_size, mutate_bytes)


def mutant(r, files):
    d = bytearray(r.choice(files))
    layout = Layout(d)
    for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        r.choice(KINDS)(d, layout, r)
    return bytes(d)


def short(data):
    return hashlib.sha256(data).hexdigest()[:8]


class Program:
    """pe_hashes, asked of one file after the other."""

    def __init__(self, program):
        self.run = subprocess.Popen([program, "--stream"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)

    def ask(self, data):
        self.run.stdin.write(struct.pack("<I", len(data)) + data)
        self.run.stdin.flush()
        return self.run.stdout.readline().decode("latin-1").rstrip("\n")


def write_mutant(seed, i, data):
    path = "mutant-%s-%d" % (seed, i)
    with open(path, "wb") as f:
        f.write(data)
    return path


def record(mkpe, tsv):
    import oracle
    if oracle.INSTALLED != oracle.VERSION:
        sys.exit("pefile is %s, to be recorded is %s" % (oracle.INSTALLED, oracle.VERSION))
    files, r = list(made_files(mkpe)), random.Random(SEED)
    lines = ["# Made by tests/e2e/fuzz_oracle.py --record with pefile %s: mutants of mkpe's files, "
             "seed %d." % (oracle.VERSION, SEED),
             "# SHA-256 (8 digits) of %d mutants, then of what the reference says of each; "
             "-: it fails." % A_LINE]
    for _ in range(0, RECORDED, A_LINE):
        mutants, said = [mutant(r, files) for _ in range(A_LINE)], []
        for data in mutants:
            try:
                said.append(short(oracle.line(oracle.hashes(data)).encode("latin-1", "replace")))
            except oracle.NoOpinion:
                said.append("-")
        lines.append("\t".join([short(b"".join(mutants))] + said))
    with open(tsv, "w") as f:
        f.writelines(l + "\n" for l in lines)


def recorded(program, mkpe, tsv):
    files, r, program = list(made_files(mkpe)), random.Random(SEED), Program(program)
    wrong = count = 0
    with open(tsv) as f:
        rows = [l.rstrip("\n").split("\t") for l in f if not l.startswith("#")]
    for row in rows:
        mutants = [mutant(r, files) for _ in range(A_LINE)]
        if short(b"".join(mutants)) != row[0]:
            print("mutants %d to %d are not those that were recorded: mkpe makes other files; "
                  "record again" % (count, count + A_LINE - 1))
            return 1
        for data, theirs in zip(mutants, row[1:]):
            ours = program.ask(data)
            if not ours or theirs not in ("-", short(ours.encode("latin-1"))):
                wrong += 1
                print("%s: the reference says something else than\n  %s" %
                      (write_mutant(SEED, count, data), ours[:300]))
            count += 1
    print("%d recorded mutants of %d files, %d wrong" % (count, len(files), wrong))
    return int(wrong > 0 or not count)


def main(program, mkpe, count, seed="1", *extra):
    import oracle
    files = list(bases(mkpe, extra))
    r = random.Random(int(seed))
    program = Program(program)
    wrong = no_opinion = hashed = 0
    for i in range(int(count)):
        d = mutant(r, files)
        ours = program.ask(d)
        if not ours:
            print("mutant %d ended the program" % i)
            theirs = ""
        else:
            try:
                theirs = oracle.line(oracle.hashes(d))
            except oracle.NoOpinion:
                no_opinion += 1
                continue
        hashed += theirs.startswith("ok")
        if theirs != ours or not ours:
            wrong += 1
            print("%s\n  reference: %s\n  impscan:   %s" %
                  (write_mutant(seed, i, d), theirs[:300], ours[:300]))
            if not ours or wrong > 20:
                break
    print("%s mutants of %d files, seed %s: %d with imports, %d where the reference fails, %d wrong" %
          (count, len(files), seed, hashed, no_opinion, wrong))
    return int(wrong > 0)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        print(__doc__)
        sys.exit(2)
    if sys.argv[1] == "--record":
        sys.exit(record(*sys.argv[2:]))
    if sys.argv[1] == "--recorded":
        sys.exit(recorded(*sys.argv[2:]))
    sys.exit(main(*sys.argv[1:]))
