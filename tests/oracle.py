#!/usr/bin/python3
"""The reference: what pefile 2023.2.7 and pyimpfuzzy's rule give for a PE file.

	oracle.py FILE...                    a line a file, as e2e/pe_hashes prints it
	oracle.py --golden MKPE TSV          writes the golden values of the files that MKPE makes
	oracle.py --check MKPE TSV           compares them with those in TSV

Needs python3-pefile 2023.2.7 (the ordinal tables and the rules of that version are the reference)
and libfuzzy's shared library, which is called directly: pyimpfuzzy is no more than that. Exits with
77, a skipped test, when one of them is missing.
"""
import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile

SKIP = 77
VERSION = "2023.2.7"


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIP)


try:
    import ordlookup
    import pefile
except ImportError:
    skip("python3-pefile is not installed")
if pefile.__version__ != VERSION:
    skip("pefile is %s, the reference is %s" % (pefile.__version__, VERSION))
try:
    libfuzzy = ctypes.CDLL("libfuzzy.so.2")
except OSError:
    skip("libfuzzy.so.2 is not installed")


class NoOpinion(Exception):
    """pefile fails on this file with an error that is its own."""


def ssdeep(data):
    if not data:
        return ""
    result = ctypes.create_string_buffer(148 + 1)
    if libfuzzy.fuzzy_hash_buf(data, ctypes.c_uint32(len(data)), result) != 0:
        raise RuntimeError("fuzzy_hash_buf")
    return result.value.decode()


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


def hashes(data):
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


def golden(mkpe):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([mkpe, folder], check=True)
        yield "# Made by tests/oracle.py with pefile %s. Columns:" % VERSION
        yield "# case\tstatus\timports\timphash\timpfuzzy"
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                result = hashes(f.read())
            yield line((name,) + result[:4])


def main(args):
    if len(args) == 3 and args[0] in ("--golden", "--check"):
        text = "".join(l + "\n" for l in golden(args[1]))
        if args[0] == "--golden":
            with open(args[2], "w") as f:
                f.write(text)
            return 0
        with open(args[2]) as f:
            old = f.read().splitlines()
        new = text.splitlines()
        for l in sorted(set(old) ^ set(new)):
            print(("in the table: " if l in old else "reference:    ") + l)
        print("%d golden values" % sum(not l.startswith("#") for l in new))
        return int(old != new)
    if not args or args[0].startswith("-"):
        print(__doc__)
        return 2
    for path in args:
        with open(path, "rb") as f:
            print(line(hashes(f.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
