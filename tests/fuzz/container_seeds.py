#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds of fuzz_container: small files, packed in all ways that Python and installed tools have.

    container_seeds.py FOLDER
"""

import bz2
import gzip
import io
import lzma
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

DATA = b"".join(bytes([i % 251]) * 97 for i in range(200)) + b"\0" * 20000 + b"end"


def zipped(method, names=("mem.raw", "pagefile.sys")):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in names:
            archive.writestr(name, DATA)
    return out.getvalue()


def tarred(form, names=("mem.raw", "pagefile.sys")):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(DATA)
            archive.addfile(info, io.BytesIO(DATA))
    return out.getvalue()


def seeds():
    yield "gz", gzip.compress(DATA)
    yield "bz2", bz2.compress(DATA)
    yield "xz", lzma.compress(DATA)
    yield "xz.blocks", b"".join(lzma.compress(DATA[at:at + 9000]) for at in range(0, len(DATA), 9000))
    for name in ("STORED", "DEFLATED", "BZIP2", "LZMA"):
        yield f"zip.{name}", zipped(getattr(zipfile, f"ZIP_{name}"))
    for name in ("PAX", "GNU", "USTAR"):
        yield f"tar.{name}", tarred(getattr(tarfile, f"{name}_FORMAT"))
    yield "tar.gz", gzip.compress(tarred(tarfile.GNU_FORMAT))
    yield "gz.in.zip", zipped(zipfile.ZIP_STORED, ["a.gz"]).replace(DATA, gzip.compress(DATA))
    for command in (["zstd", "-c"], ["lz4", "-c"], ["lz4", "-l", "-c"],
                    ["xz", "-c", "--block-size=8KiB"]):
        if shutil.which(command[0]):
            yield ".".join(command), subprocess.run(command, input=DATA, capture_output=True,
                                                    check=True).stdout
    if shutil.which("7z"):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("mem.raw", "swapfile.sys"):
                (pathlib.Path(folder) / name).write_bytes(DATA)
            subprocess.run(["7z", "a", "a.7z", "mem.raw", "swapfile.sys"], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL)
            yield "7z", (pathlib.Path(folder) / "a.7z").read_bytes()


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, data in seeds():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
