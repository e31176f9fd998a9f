# SPDX-License-Identifier: GPL-3.0-or-later
"""Packed files: archives of very many files, parts in no order, files that
overlap or are cut, archives in archives without an end.

What an image is unpacked to is bounded by --unpack, at least 512 MB: e2e/test_packed.py has such bombs.
"""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

from hostile.cases import case

MB = 1 << 20


def says(*sentences, status=2):
    def expect(found, out, err):
        if found != status or out:
            return f"exit {found}, {out[:200]}: {err[-300:]}"
        missing = [sentence for sentence in sentences if sentence not in err]
        return f"{missing[0]!r} is not said: {err[-300:]}" if missing else None
    return expect


def write(tools, name, data):
    path = tools.folder / name
    path.write_bytes(data)
    return path


def zip_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tar_header(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def overlapping(count, kernel):
    """A ZIP whose directory has one packed file many times."""
    packed = zlib.compress(kernel, 9, -15)
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, zlib.crc32(kernel), len(packed), len(kernel), 1, 0)
    local = b"PK\3\4" + common + b"a" + packed
    entry = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a"
    return local + entry * count + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(entry) * count,
                                                           len(local), 0)


@case("containers.empty_files", "-a", expect=says("files: unpack the image first"))
def empty_files(tools):
    """A tar of more files than are looked at."""
    return [write(tools, "many.tar.gz", gzip.compress(
        b"".join([tar_header("a", 0)] * 100_001), 1))]


@case("containers.shuffled_parts", "-a", expect=says("in no order"))
def shuffled_parts(tools):
    """Ten thousand parts, the last first."""
    return [write(tools, "parts.zip", zip_of((f"m.{i:05}", b"x" * 64) for i in range(10_000, 0, -1)))]


@case("containers.missing_parts", "-a", expect=says("is missing"))
def missing_parts(tools):
    """Every second part."""
    return [write(tools, "parts.zip", zip_of((f"m.{i:05}", b"x" * 64) for i in range(1, 20_000, 2)))]


@case("containers.page_files", "-a", expect=says("no Windows kernel found"))
def page_files(tools):
    """Page files and states beside an image without number."""
    members = [("m.vmem", b"\1" * 8192)]
    members += [(f"{i}/pagefile.sys", b"p" * 4096) for i in range(2000)]
    members += [(f"m{i}.vmss", b"s" * 512) for i in range(2000)]
    return [write(tools, "many.zip", zip_of(members))]


@case("containers.overlapping", "-q", status=(0, 1, 2))
def overlapping_samples(tools):
    """As samples: one megabyte of zeros 20,000 times, of two kilobytes."""
    return ["-e", write(tools, "overlapping.zip", overlapping(20_000, bytes(MB))), "-o", "jsonl"]


@case("containers.overlapping_image", "-a", status=(2,))
def overlapping_image(tools):
    return [write(tools, "overlapping.zip", overlapping(20_000, bytes(MB)))]


@case("containers.nested", "-a", expect=says("is packed more than 3 times"))
def nested(tools):
    """An archive in an archive, and so on, more deeply than anybody packs."""
    data = b"x" * 4096
    for _ in range(200):
        data = zip_of([("m.zip", data)])
    return [write(tools, "nested.zip", data)]


@case("containers.nested_samples", "-q", status=(0, 1, 2))
def nested_samples(tools):
    data = b"x" * 4096
    for _ in range(200):
        data = zip_of([("a.zip", data), ("b.zip", data[:2000])])
    return ["-e", write(tools, "nested.zip", data), "-o", "jsonl"]


@case("containers.huge_tar", "-a", status=(2,))
def huge_tar(tools):
    """A file of eight exabytes, of which a page is there."""
    header = bytearray(tar_header("mem.raw", 0))
    header[124:136] = b"\x80" + bytes(3) + struct.pack(">Q", (1 << 63) - 1)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return [write(tools, "huge.tar", bytes(header) + b"\1" * 4096)]


@case("containers.many_blocks", "-a", expect=says("no Windows kernel found"))
def many_blocks(tools):
    """Twenty thousand xz streams of a page each, none of which can be unpacked."""
    stream = bytearray(lzma.compress(b"\1" * 4096, preset=0))
    stream[24:30] = bytes(6)
    return [write(tools, "blocks.xz", bytes(stream) * 20_000)]


@case("containers.cut", "-a", status=(2,))
def cut(tools):
    """A ZIP without its directory, of very many files."""
    data = zip_of((f"{i}.raw", b"x" * 100) for i in range(50_000))
    return [write(tools, "cut.zip", data[:data.index(b"PK\1\2")])]


@case("containers.list_bomb", "-q", expect=says("longer than"))
def list_bomb(tools):
    """A list of spaces without an end."""
    image = write(tools, "x.raw", bytes(1 << 16))
    return ["-f", image, "-i", write(tools, "list.gz", gzip.compress(b" " * (300 * MB), 9))]


@case("containers.zeros_gz", "-a", "-j", 1, expect=says("is unpacked to more than", "--unpack"))
def zeros_gz(tools):
    """A gigabyte of zeros in a file of next to nothing, which costs more to unpack than it may."""
    return [write(tools, "zeros.gz", gzip.compress(bytes(64 * MB), 9) * 16)]


@case("containers.zeros_bz2", "-a", "-j", 1, expect=says("is unpacked to more than", "--unpack"))
def zeros_bz2(tools):
    return [write(tools, "zeros.bz2", bz2.compress(bytes(64 * MB)) * 16)]


@case("containers.zeros_beside", "-a", "-j", 1, expect=says("no Windows kernel found"))
def zeros_beside(tools):
    """Page files and states of hundreds of megabytes of zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.vmem", b"\1" * 8192)
        for name in ("pagefile.sys", "swapfile.sys", "m.vmss", "m.vmsn", "m-1.vmss"):
            archive.writestr(name, bytes(400 * MB))
    return [write(tools, "beside.zip", out.getvalue())]
