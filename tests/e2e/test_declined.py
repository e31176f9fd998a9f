#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that people give instead of an image of memory: each is told what it is and what to do. And
images of memory that begin as such files do: they are read.

    test_declined.py IMPSCAN MKIMAGE FOLDER
"""

import bz2
import gzip
import io
import lzma
import os
import random
import re
import struct
import subprocess
import zipfile
import zlib

from image_truth import can_unpack, check, finish, run, test_arguments, test_parser

NOISE = random.Random(3).randbytes(1 << 16)
MBR = b"\x33\xc0" + bytes(508) + b"\x55\xaa"


def partitioned(*, gpt=False):
    """A disk with one volume of NTFS."""
    entry = struct.pack("<B3sB3sII", 0, bytes(3), 0xEE if gpt else 7, bytes(3), 1 if gpt else 2048, 99)
    disk = bytearray(1 << 21)
    disk[446:462] = entry
    disk[510:512] = b"\x55\xaa"
    if gpt:
        disk[512:520] = b"EFI PART"
    disk[1 << 20:(1 << 20) + 11] = b"\xeb\x52\x90NTFS    "
    return bytes(disk)


def xen_core():
    """An ELF core without segments, as xl dump-core writes it."""
    names = b"\0.shstrtab\0.note.Xen\0.xen_p2m\0.xen_pages\0"
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 0, 64, 0, 64, 56, 0,
                                                      64, 2, 1)
    section = struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, 192, len(names), 0, 0, 1, 0)
    return head + bytes(64) + section + names + bytes(1 << 16)


def zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


# Name, bytes, and what the sentence says: what it is, and where there is a way, how to convert it.
DECLINED = [
    ("e01", b"EVF\x09\x0d\x0a\xff\0" + NOISE, "EnCase.*ewfexport"),
    ("aff4", zipped("container.description", NOISE), "AFF4.*export"),
    ("qemu.state", b"QEVM\0\0\0\3" + NOISE, "saved state.*dump-guest-memory"),
    ("libvirt.save", b"LibvirtQemudSave" + NOISE, "saved state.*virsh dump"),
    ("disk.qcow2", b"QFI\xfb\0\0\0\3" + NOISE, "virtual disk of QEMU.*dump-guest-memory"),
    ("kdump", b"KDUMP   \6\0\0\0" + NOISE, "kdump.*dump-guest-memory"),
    ("kdump.flat", b"makedumpfile\0\0\0\0" + NOISE, "kdump"),
    ("xen.core", xen_core(), "core of a Xen machine.*convert"),
    ("xen.save", b"\xff" * 8 + b"XENF" + NOISE, "saved machine of Xen.*convert"),
    ("fdpro.hpak", b"HPAK" + bytes(12) + b"HPAKSECTHPAK_SECTION_PHYSDUMP" + NOISE, "HPAK.*extract"),
    ("vm.vmrs", struct.pack("<I", 0x01282014) + bytes(0x1FFC) + struct.pack("<I", 0x01110001) + NOISE,
     "Hyper-V.*convert"),
    ("vm.vsv", NOISE, "Hyper-V.*vm2dmp"),
    ("vm.bin", NOISE, "Hyper-V.*vm2dmp"),  # beside vm.vsv
    ("vbox.sav", b"\x7fVirtualBox SavedState V2.0\n" + NOISE, "saved state.*dumpvmcore"),
    ("dumpit.zdmp", b"ZDMP" + NOISE, "DumpIt.*Z2Dmp"),
    ("ftk.ad1", b"ADSEGMENTEDFILE\0" + NOISE, "AD1.*export"),
    ("disk.raw", MBR + NOISE, "disk or volume"),
    ("mbr.img", partitioned(), "disk or volume"),
    ("gpt.img", partitioned(gpt=True), "disk or volume"),
    ("disk.vmdk", b"KDMV\1\0\0\0" + NOISE, "virtual disk"),
    ("disk.vhd", b"conectix" + NOISE, "virtual disk"),
    ("disk.vhdx", b"vhdxfile" + NOISE, "virtual disk"),
    ("disk.vdi", b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe" +
     NOISE, "virtual disk"),
    ("error-page.raw", b"<!DOCTYPE html><html>404" + b" " * 4096, "web page.*fetch"),
    ("denied.raw", b'\xef\xbb\xbf<?xml version="1.0"?><Error>', "web page.*fetch"),
    ("lfs.raw", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
     "Git LFS.*git lfs pull"),
    ("a.lzma", b"\x5d\0\0\x80\0" + b"\xff" * 8 + NOISE, "lzma.*decompress"),
    ("a.Z", b"\x1f\x9d\x90" + NOISE, r"compress \(.Z\).*decompress"),
    ("a.lzo", b"\x89LZO\0\r\n\x1a\n" + NOISE, "lzop.*decompress"),
    ("lime.zlib", zlib.compress(NOISE), "zlib.*decompress"),
    ("winpmem.sz", b"\xff\x06\0\0sNaPpY" + NOISE, "winpmem.*decompress"),
    ("winpmem.s2", b"\xff\x06\0\0S2sTwO" + NOISE, "winpmem.*decompress"),
    ("xl.save", b"XenSavedDomain" + NOISE, "saved machine of Xen.*convert"),
    ("part.save", b"LibvirtQemudPart" + NOISE, "did not finish.*virsh dump"),
    ("a.z01", b"PK\7\x08PK\3\4" + NOISE, "part of a split ZIP.*join"),
    ("a.z02", NOISE, "part of a split ZIP.*join"),
    ("a.zip", NOISE + struct.pack("<4sHHHHIIH", b"PK\5\6", 2, 2, 1, 1, 46, 0, 5) + b"notes",
     "part of a split ZIP.*join"),
    ("mem.002", NOISE, "later part of a split image.*001"),
    ("pagefile.sys", NOISE, "page file by its name.*--pagefile"),
    ("SwapFile.sys", NOISE, "page file by its name.*--pagefile"),
    ("avml.lime", struct.pack("<IIQQQ", 0x4C694D45, 2, 0, 0xFFF, 0) + NOISE, "version 2.*avml-convert"),
    ("avml.raw", struct.pack("<4sIQQQ", b"AVML", 2, 0, 0xFFF, 0) + NOISE, "AVML.*avml-convert"),
    ("mac32.core", struct.pack("<7I", 0xFEEDFACE, 7, 3, 4, 4, 0x1E0, 0) + NOISE, "Mach-O"),
    ("fat.core", struct.pack(">7I", 0xCAFEBABE, 2, 0x01000007, 3, 4096, 4096, 12) + NOISE, "Mach-O"),
    ("udf.iso", bytes(0x8000) + b"\0BEA01\1" + NOISE, "CD or DVD.*extract"),
    ("latin.txt", "w\xe4hrenddessen\n".encode("latin-1") * 999, "text"),
    ("greek.txt", "\u03c4\u03b9 \u03ad\u03b3\u03b9\u03bd\u03b5\n".encode() * 999, "text"),
    ("a.wim", b"MSWIM\0\0\0" + NOISE, "WIM"),
    ("mac.core", struct.pack("<8I", 0xFEEDFACF, 0x01000007, 3, 4, 4, 0x1E0, 0, 0) + NOISE, "Mach-O"),
    ("rows.json", b'[{"pid": 4}]\n', "text"),
    ("notes.txt", b"what happened\r\n" * 1000, "text"),
    ("arm.dmp", b"PAGEDU64".ljust(0x30, b"\0") + struct.pack("<I", 0xAA64) + bytes(0x2000), "ARM64"),
    ("arm.vmss", struct.pack("<III64sQQ", 0xBED2BED2, 8, 1, b"Checkpoint", 92, 16) +
     b"\4\x08Platform\3\0\0\0\0\0", "ARM64"),
    ("iso.img", bytes(0x8000) + b"\1CD001\1" + NOISE, "CD or DVD"),
]

# What memory may begin with as well: where, and the bytes.
PLANTED = [(510, b"\x55\xaa"), (0, MBR), (0, b"\x1f\x9d\x90"), (0, b"\x78\x9c\xed"),
           (0, b"\x53\xff\x00\xf0" * 4), (0, b"readable text\n" * 292), (4086, b"SWAPSPACE2"),
           (0, b"\x5d\0\0\x80"), (446, b"\x80" + bytes(7) + struct.pack("<II", 2048, 99))]

# Signatures that a page of memory may have, by malware or firmware, and what is behind them; each is
# refused as what it seems to be, or has no machine.
SIGNED = [b"\x7fELF", b"PAGEDU64", b"PAGEDUMP" + NOISE[:4000], b"hibr", b"HIBR", b"WAKE" + NOISE[:4000],
          b"\x1f\x8b\x08", gzip.compress(NOISE[:2000]), b"\xfd7zXZ\0", lzma.compress(NOISE[:2000]),
          b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", bz2.compress(NOISE[:2000]), b"7z\xbc\xaf\x27\x1c",
          b"PK\3\4", zipped("a.raw", NOISE[:2000]), b"EMiL", struct.pack("<IIQQQ", 0x4C694D45, 1, 0, 0xFFF, 0),
          b"MDMP\x93\xa7" + NOISE[:100], struct.pack("<III", 0xBED2BED2, 8, 1), b"EVF\x09\x0d\x0a\xff\0",
          b"QFI\xfb", b"\xeb\x52\x90NTFS    ", b"<!DOCTYPE html>", b"regf"]


def planted_core(size, hidden):
    """An ELF core that lists raw memory as it is, but for a page."""
    segments = [(0, hidden), (hidden + 4096, size - hidden - 4096)]
    head = struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    return b"\x7fELF\2\1\1" + bytes(9) + head + b"".join(
        struct.pack("<IIQQQQQQ", 1, 6, start, 0, start, length, length, 4096) for start, length in segments)


def test_declined(impscan, folder):
    for name, data, _ in DECLINED:
        (folder / name).write_bytes(data)
    unpacks = can_unpack(impscan, "what a ZIP archive is of", "libarchive")
    for name, _, sentence in DECLINED:
        if name == "aff4" and not unpacks:
            sentence = "ZIP archive.*built without libarchive"
        out, err = run(impscan, "-f", folder / name, "-a", "-q", status=(2,))
        check(not out and err.count("\n") == 1, f"{name}: not one sentence: {out}{err}")
        check(re.search(sentence, err), f"{name}: {err}")
        check("no Windows kernel" not in err and "truncated" not in err, f"{name}: {err}")
    for name, _, _ in DECLINED:
        (folder / name).unlink()


def test_unknown(impscan, folder):
    """What is nothing that is known is not said to be."""
    for name, data, sentence in (("ones.raw", b"\xff" * (1 << 20), "give it with --dtb"),
                                 ("a.class", struct.pack(">IHH", 0xCAFEBABE, 0, 52) + NOISE, "--dtb"),
                                 ("alone.vmem", NOISE, "told by the .vmss or .vmsn")):
        (folder / name).write_bytes(data)
        _, err = run(impscan, "-f", folder / name, "-a", "-q", status=(2,))
        check(f"{name}: no Windows kernel found" in err and sentence in err, f"{name}: {err}")
        (folder / name).unlink()
    (folder / "hollow").mkdir(exist_ok=True)
    _, err = run(impscan, "-f", folder / "hollow", "-a", "-q", status=(2,))
    check("a folder in which no file is a minidump" in err, f"folder: {err}")
    (folder / "hollow").rmdir()


def test_planted(impscan, mkimage, folder):
    image = folder / "image.raw"
    subprocess.run([mkimage, "--memory", "64", "--format", "raw", "-o", image], check=True)
    expected, _ = run(impscan, "-f", image, "-a", "-F", "-q", "-o", "jsonl")
    for offset, data in PLANTED:
        with open(image, "r+b") as file:
            before = os.pread(file.fileno(), len(data), offset)
            os.pwrite(file.fileno(), data, offset)
            out, _ = run(impscan, "-f", image, "-a", "-F", "-q", "-o", "jsonl")
            check(out == expected, f"{data[:16]} at {offset}: other rows")
            os.pwrite(file.fileno(), before, offset)
    signed(impscan, image, expected)
    image.unlink()


def signed(impscan, image, expected):
    """Raw memory that begins as a file of a format does."""
    arguments = (impscan, "-f", image, "-a", "-F", "-o", "jsonl")
    with open(image, "r+b") as file:
        before = os.pread(file.fileno(), 1 << 16, 0)
        for data in SIGNED:
            os.pwrite(file.fileno(), data, 0)
            out, err = run(*arguments)
            check(out == expected, f"{data[:16]}: other rows: {err}")
            check("as raw memory, so it is read as that" in err, f"{data[:16]}: not told: {err}")
            out, err = run(*arguments, "--format", "raw")
            check(out == expected and "warning" not in err, f"{data[:16]}, --format raw: {err}")
            os.pwrite(file.fileno(), before, 0)
        # What lists memory as it should be is believed, but not without a word.
        size = os.fstat(file.fileno()).st_size
        os.pwrite(file.fileno(), planted_core(size, 0x500000), 0)
        _, err = run(*arguments)
        check("a header put into it to hide pages" in err, f"a core that hides a page: {err}")
        out, err = run(*arguments, "--format", "raw")
        check(out == expected and "warning" not in err, f"--format raw of a core: {err}")
        os.pwrite(file.fileno(), struct.pack("<IIQQQ", 0x4C694D45, 1, 0, 0xFFFF, 0), 0)
        _, err = run(*arguments, "--format", "lime", status=(2,))
        check("it may be raw memory that begins with such a header" in err, f"a small LiME: {err}")
        check("read as that" not in err, f"--format lime is not believed: {err}")
        _, err = run(*arguments, "--format", "elf", status=(2,))
        check("does not begin as a file of the format 'elf'" in err, f"--format elf: {err}")
        # The kernel is there, but not read again from a pipe.
        os.pwrite(file.fileno(), before[:4096], 0)
        os.pwrite(file.fileno(), b"QFI\xfb", 0)
        out, err = run("sh", "-c", f"cat '{image}' | '{impscan}' -f - -a -F -q -o jsonl --label '{image}'")
        check(out == expected, f"through a pipe: {err}")
        os.pwrite(file.fileno(), before, 0)


def test_magic_alone(impscan, folder):
    """Files that end behind the magic of what they are packed by, or in the header there."""
    path = folder / "magic"
    skipped = b"\x50\x2a\x4d\x18\4\0\0\0skip"
    for magic in (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18", b"BZh91AY&SY", b"\x1f\x8b\x08",
                  b"\xfd7zXZ\0", b"PK\3\4", b"7z\xbc\xaf\x27\x1c"):
        for data in magic, magic + b"\0", skipped + magic, skipped + magic + b"\0":
            path.write_bytes(data)
            out, err = run(impscan, "-f", path, "-a", "-q", status=(2,))
            check(not out and err.count("\n") == 1 and "error: " in err, f"{data}: {out}{err}")
    path.unlink()


def main():
    arguments = test_arguments(test_parser(__doc__))
    test_declined(arguments.impscan, arguments.folder)
    test_magic_alone(arguments.impscan, arguments.folder)
    test_unknown(arguments.impscan, arguments.folder)
    test_planted(arguments.impscan, arguments.mkimage, arguments.folder)
    finish(f"{len(DECLINED)} files declined, {len(PLANTED) + len(SIGNED)} images that look like others read")


if __name__ == "__main__":
    main()
