#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that people give instead of an image of memory: each is told what it is and what to do. And
images of memory that begin as such files do: they are read.

    test_declined.py IMPSCAN MKIMAGE FOLDER
"""

import io
import os
import random
import re
import struct
import subprocess
import zipfile
import zlib

from image_truth import check, finish, run, test_arguments, test_parser

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


def test_declined(impscan, folder):
    for name, data, _ in DECLINED:
        (folder / name).write_bytes(data)
    for name, _, sentence in DECLINED:
        out, err = run(impscan, "-f", folder / name, "-a", "-q", status=(2,))
        check(not out and err.count("\n") == 1, f"{name}: not one sentence: {out}{err}")
        check(re.search(sentence, err), f"{name}: {err}")
        check("no Windows kernel" not in err and "truncated" not in err, f"{name}: {err}")
    for name, _, _ in DECLINED:
        (folder / name).unlink()


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
    image.unlink()


def main():
    arguments = test_arguments(test_parser(__doc__))
    test_declined(arguments.impscan, arguments.folder)
    test_planted(arguments.impscan, arguments.mkimage, arguments.folder)
    finish(f"{len(DECLINED)} files declined, {len(PLANTED)} images that look like others read")


if __name__ == "__main__":
    main()
