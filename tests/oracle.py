#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference: what pefile 2023.2.7 and pyimpfuzzy's rule give for a PE file.

	oracle.py FILE...                    a line a file, as e2e/pe_hashes prints it
	oracle.py --golden MKPE TSV          writes the golden values of the files that MKPE makes
	oracle.py --check MKPE TSV           compares them with those in TSV
	oracle.py --newer MKPE TSV           writes those that a newer pefile, installed here, gives
	                                     otherwise when it is left to its own rules
	oracle.py --ordinals                 records the ordinal tables of an installed 2023.2.7

The rules of pefile 2023.2.7 are the reference. A newer one whose differences are known is made to
follow them, see pefile_rules.py; which golden values it gives otherwise by itself is recorded in
TSV-VERSION.tsv (golden-hashes-2024.8.26.tsv), and --check compares that too.

libfuzzy's shared library is called directly: pyimpfuzzy is no more than that. Exits with 77, a
skipped test, when it or pefile is missing.
"""
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile

import libfuzzy
import pefile_rules
from libfuzzy import ssdeep
from pefile_rules import VERSION, ordlookup, pefile

SKIPPED = 77


def skip(reason):
    print("SKIP: " + reason)
    sys.exit(SKIPPED)


try:
    INSTALLED = pefile_rules.version()
except pefile_rules.Missing as missing:
    skip(str(missing))
if not libfuzzy.LIBRARY:
    skip("libfuzzy.so.2 is not installed")


class NoOpinion(Exception):
    """pefile fails on this file with an error that is its own."""


def parse(data):
    """Only the import directory is parsed: it comes first in a full parse, so the rest of the file
    changes nothing but the time (and some files end pefile there with an error)."""
    try:
        pe = pefile.PE(data=data, fast_load=True)
        pe.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
    except pefile.PEFormatError:
        return None
    except Exception as e:
        raise NoOpinion(repr(e))
    return pe


def import_parts(entry, bound_only):
    """The parts of one descriptor: get_imphash's loop, or calc_impfuzzy's with bound_only."""
    library = entry.dll.decode().lower()
    stem, _, extension = library.rpartition(".")
    if extension in ("ocx", "sys", "dll") and "." in library:
        library = stem
    every = not bound_only or not entry.imports[0].struct_iat
    for imp in entry.imports:
        if not every and not imp.struct_iat:
            continue
        name = imp.name or ordlookup.ordLookup(entry.dll.lower(), imp.ordinal, make_name=True)
        yield library + "." + name.decode().lower()


def hashes(data, rules=pefile_rules.old_rules):
    """Of a file, by the rules of 2023.2.7 or by those of a context: see _hashes()."""
    with rules():
        return _hashes(data)


def _hashes(data):
    """(status, number of imports, imphash, impfuzzy, string, impfuzzy's string)"""
    pe = parse(data)
    if pe is None:
        return ("not-pe", 0, "", "", "", "")
    directory = getattr(pe, "DIRECTORY_ENTRY_IMPORT", None)
    if not directory:
        return ("no-imports", 0, "", "", "", "")
    parts = [p for entry in directory for p in import_parts(entry, False)]
    fuzzy = ",".join(p for entry in directory for p in import_parts(entry, True))
    string = ",".join(parts)
    # The string was put together here to see it; the hash must be what pefile itself gives.
    imphash = pe.get_imphash()
    if imphash != hashlib.md5(string.encode()).hexdigest():
        raise RuntimeError("oracle.py differs from get_imphash")
    return ("ok", len(parts), imphash, ssdeep(fuzzy.encode()), string, fuzzy)


def line(result):
    return "\t".join(map(str, result))


def golden(mkpe, rules=pefile_rules.old_rules, version=VERSION):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([mkpe, folder], check=True)
        yield "# Made by tests/oracle.py with pefile %s. Columns:" % version
        yield "# case\tstatus\timports\timphash\timpfuzzy"
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            try:
                result = hashes(data, rules)[:4]
            except NoOpinion:
                result = ("error", 0, "", "")
            yield line((name,) + result)


def newer(mkpe):
    """What the installed pefile gives otherwise than 2023.2.7 when left to its own rules."""
    own = list(golden(mkpe, contextlib.nullcontext, INSTALLED))
    return own[:2] + sorted(set(own[2:]) - set(golden(mkpe)))


def compare(path, new):
    with open(path) as f:
        old = f.read().splitlines()
    for l in sorted(set(old) ^ set(new)):
        print(("in the table: " if l in old else "reference:    ") + l)
    print("%s: %d values" % (path, sum(not l.startswith("#") for l in new)))
    return old != new


def check(mkpe, path):
    wrong = compare(path, list(golden(mkpe)))
    if INSTALLED != VERSION:
        wrong |= compare("%s-%s.tsv" % (path.removesuffix(".tsv"), INSTALLED), newer(mkpe))
    elif ordlookup.ords != pefile_rules.recorded_ordinals():
        print("the recorded ordinal tables are not those of pefile " + VERSION)
        wrong = True
    print("compared with pefile " + INSTALLED)
    return int(wrong)


def write(path, lines):
    with open(path, "w") as f:
        f.writelines(l + "\n" for l in lines)
    return 0


def main(args):
    if args == ["--ordinals"]:
        pefile_rules.write_ordinals()
        return 0
    if len(args) == 3 and args[0] == "--check":
        return check(*args[1:])
    if len(args) == 3 and args[0] == "--golden":
        return write(args[2], golden(args[1]))
    if len(args) == 3 and args[0] == "--newer":
        return write(args[2], newer(args[1]))
    if not args or args[0].startswith("-"):
        print(__doc__)
        return 2
    for path in args:
        with open(path, "rb") as f:
            print(line(hashes(f.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
