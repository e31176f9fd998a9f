# SPDX-License-Identifier: GPL-3.0-or-later
"""pefile as of 2023.2.7, whichever known version of it is installed.

Import hashes are those of pefile 2023.2.7. Its successors give other ones for some files, for four
reasons, found by comparing the sources of both (pefile.py and ordlookup/):

- names of ordinals: 2024.8.26 has another table for ws2_32.dll and oleaut32.dll, and one of its own
  for wsock32.dll, which had that of ws2_32.dll;
- where a section begins in the file: 2024.8.26 rounds PointerToRawData down to 512 whatever
  FileAlignment is, and takes VirtualAddress where both are equal and SectionAlignment is less than
  a page; 2023.2.7 rounds only where FileAlignment is 512 or more;
- names of DLLs: 2024.8.26 takes a colon for a character of a file name;
- PE.get_data() of a length of 0: all the rest in 2023.2.7, nothing in 2024.8.26.

They are put back here, so that the rest of a newer pefile is compared too.
"""
import contextlib
import pathlib

VERSION = "2023.2.7"
NEWER = ("2024.8.26",)
ORDINALS = pathlib.Path(__file__).resolve().parent / "data" / "pefile-ordinals.tsv"


class Missing(Exception):
    """There is no pefile, or one whose differences are not known."""


try:
    import ordlookup
    import pefile
except ImportError:
    ordlookup = pefile = None


def version():
    """The installed one; Missing where its rules are not known."""
    if not pefile:
        raise Missing("python3-pefile is not installed")
    if pefile.__version__ not in (VERSION, *NEWER):
        raise Missing(f"pefile {pefile.__version__} is installed; known are {VERSION} and "
                      f"{', '.join(NEWER)}")
    return pefile.__version__


def recorded_ordinals():
    """{DLL: {ordinal: name}} of 2023.2.7."""
    tables = {}
    for line in ORDINALS.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            dll, ordinal, name = line.split("\t")
            tables.setdefault(dll.encode(), {})[int(ordinal)] = name.encode()
    return tables


def write_ordinals():
    """Records the tables of an installed 2023.2.7."""
    assert version() == VERSION
    lines = [f"# Made by tests/oracle.py --ordinals from pefile {VERSION}'s ordlookup. Columns:",
             "# DLL\tordinal\tname"]
    lines += [f"{dll.decode()}\t{ordinal}\t{name.decode()}"
              for dll, names in ordlookup.ords.items() for ordinal, name in sorted(names.items())]
    ORDINALS.write_text("\n".join(lines) + "\n", encoding="ascii")


def _old_round(pe, value):
    return value if pe.OPTIONAL_HEADER.FileAlignment < 0x200 else value // 0x200 * 0x200


def _old_start(section):
    if section.PointerToRawData_adj is None and section.PointerToRawData is not None:
        section.PointerToRawData_adj = _old_round(section.pe, section.PointerToRawData)
    return section.PointerToRawData_adj


@contextlib.contextmanager
def _replaced(*changes):
    old = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in old:
            setattr(owner, name, value)


def old_rules():
    """A context in which the installed pefile follows the rules of 2023.2.7."""
    if version() == VERSION:
        return contextlib.nullcontext()
    get_data = pefile.PE.get_data
    return _replaced(
        (ordlookup, "ords", recorded_ordinals()),
        (pefile, "allowed_filename", pefile.allowed_filename.replace(b":", b"")),
        (pefile.PE, "adjust_PointerToRawData", _old_round),
        (pefile.SectionStructure, "get_PointerToRawData_adj", _old_start),
        (pefile.PE, "get_data",
         lambda pe, rva=0, length=None: get_data(pe, rva, length or None)))
