#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packed and split images: the same rows as of the image itself, by Python's makers and real tools;
damaged ones: a sentence, or rows that are no others than the image's.

    test_packed.py IMPSCAN MKIMAGE FOLDER
"""

import bz2
import gzip
import json
import lzma
import os
import random
import re
import shutil
import struct
import subprocess
import tarfile
import threading
import zipfile

from image_truth import can_unpack, check, finish, run, skip, test_arguments, test_parser
from packers import seven_zip_of, tar_of, zip_of

WORDS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zip": "ZIP", "tar": "tar", "7z": "7-Zip",
         "zst": "Zstandard", "lz4": "LZ4"}
# Nothing that is unpacked to so little may take longer, on a busy machine with sanitizers.
SECONDS = 120


def scan(impscan, *arguments, status=(0,), stdin=None, environment=None):
    """Rows as text, and standard error."""
    result = subprocess.run([impscan, *map(str, arguments), "--label", "mem", "-a", "-o", "jsonl"],
                            capture_output=True, timeout=SECONDS, input=stdin, check=False,
                            env=dict(os.environ, **(environment or {})))
    err = result.stderr.decode()
    check(result.returncode in status, f"{arguments}: exit {result.returncode}: {err[-300:]}")
    return result.stdout.decode(), err


def gz(data):
    return gzip.compress(data, 1)


def xz(data):
    return lzma.compress(data, preset=0)


def xz_streams(data):
    """Several streams, with padding between them: blocks of their own."""
    size = len(data) // 5 + 1
    parts = [lzma.compress(data[at:at + size], preset=0, check=check)
             for at, check in zip(range(0, len(data), size),
                                  (lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256,
                                   lzma.CHECK_NONE, lzma.CHECK_CRC64))]
    return (b"\0" * 8).join(parts)


def tool(folder, data, name, *command):
    """What a program makes of an image, or None where it is not installed."""
    if not shutil.which(command[0]):
        skip(f"{name}: {command[0]} is not installed")
        return None
    target = folder / f"made.{command[0]}"
    target.unlink(missing_ok=True)
    if "OUT" in command:
        source = folder / "member.raw"
        source.write_bytes(data)
        subprocess.run([{"OUT": target, "IN": source}.get(word, word) for word in command],
                       check=True, stdout=subprocess.DEVNULL)
        source.unlink()
        made = target.read_bytes()
        target.unlink()
        return made
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def packed(folder, raw, lime):
    """(name, bytes, words on standard error) of packed images."""
    yield "gz", gz(raw), "gzip"
    yield "gz.members", gz(raw[:9 << 20]) + gz(raw[9 << 20:]) + b"\0" * 512, "gzip"
    yield "bz2", bz2.compress(raw, 1), "bzip2"
    yield "bz2.streams", bz2.compress(raw[:1 << 20], 1) + bz2.compress(raw[1 << 20:], 1), "bzip2"
    yield "xz", xz(raw), "xz"
    yield "xz.streams", xz_streams(raw), None
    yield "zip", zip_of([("read me.txt", b"text" * 20), ("mem.raw", raw)]), "not 'read me.txt'"
    yield "zip.stored", zip_of([("mem.raw", raw)], zipfile.ZIP_STORED), "ZIP, 'mem.raw'"
    yield "zip.bzip2", zip_of([("mem.raw", raw)], zipfile.ZIP_BZIP2), "ZIP"
    yield "zip.lzma", zip_of([("mem.raw", raw)], zipfile.ZIP_LZMA), "ZIP"
    yield "tar", tar_of([("a.txt", b"x" * 700), ("mem.raw", raw), ("b.txt", b"y")]), "'b.txt'"
    yield "tar.gnu", tar_of([("n" * 300 + "/mem.raw", raw)], tarfile.GNU_FORMAT), None
    yield "tar.ustar", tar_of([("mem.raw", raw)], tarfile.USTAR_FORMAT), None
    yield "tar.gz", gz(tar_of([("mem.raw", raw)])), "gzip"
    yield "tar.xz.streams", xz_streams(tar_of([("mem.raw", raw)])), None
    yield "zip.gz", zip_of([("mem.raw.gz", gz(raw))]), "ZIP, 'mem.raw.gz'"
    yield "lime.gz.tar.xz", xz(tar_of([("mem.lime.gz", gz(lime))])), "xz"
    yield "wrongly.named.gz", xz(raw), "xz"
    disk = zip_of([("disk.vmdk", b"KDMV" + random.Random(1).randbytes(len(raw) + 5000)),
                   ("mem.raw", raw)])
    yield "zip.disk", disk, "not 'disk.vmdk'"
    for name, words, command in [
            ("xz.blocks", None, ["xz", "-0", "-c", "-T2", "--block-size=1MiB"]),
            ("xz.bcj", "xz", ["xz", "-c", "-T1", "--x86", "--lzma2=preset=0"]),
            ("zst", "Zstandard", ["zstd", "-q", "-c", "-1"]),
            ("lz4", "LZ4", ["lz4", "-q", "-c"]),
            ("lz4.legacy", "LZ4", ["lz4", "-q", "-l", "-c"]),
            ("7z", "7-Zip", ["7z", "a", "-mx=1", "OUT", "IN"]),
            ("7z.copy", "7-Zip", ["7z", "a", "-mx=0", "OUT", "IN"]),
            ("zip64.tool", "ZIP", ["zip", "-q", "-1", "OUT", "IN"])]:
        made = tool(folder, raw, name, *command)
        if made:
            yield name, made, words
    if shutil.which("zstd"):
        skippable = struct.pack("<II", 0x184d2a55, 100) + b"!" * 100
        made = tool(folder, raw, "zst", "zstd", "-q", "-c", "-1")
        yield "zst.skippable", skippable + made, "Zstandard"


def test_packed(impscan, folder, raw, lime, expected):
    path = folder / "packed"
    count = 0
    for name, data, words in packed(folder, raw, lime):
        path.write_bytes(data)
        out, err = scan(impscan, "-f", path)
        check(out == expected, f"{name}: other rows than of the image: {err[-300:]}")
        check("warning" not in err, f"{name}: {err}")
        check(("to a temporary file in" in err) == (name not in (
            "xz.streams", "tar", "tar.gnu", "tar.ustar", "tar.xz.streams", "xz.blocks")),
            f"{name}: {err}")
        check(not words or words in err, f"{name}: {words} is not said: {err}")
        count += 1
    # Quiet, with a bound that all goes beyond, and what --info calls it.
    path.write_bytes(xz_streams(tar_of([("mem.raw", raw)])))
    out, err = scan(impscan, "-f", path, "-q", "--memory", 1)
    check(out == expected and not err, f"--memory 1: {err}")
    out, err = scan(impscan, "-f", path, "--memory", 1, environment={"TMPDIR": str(folder)})
    check(out == expected and f"temporary file in {folder}" in err, f"--memory 1: {err}")
    info, _ = run(impscan, "-f", path, "--info", "-q", "-o", "jsonl")
    check(json.loads(info)["container"] == "xz, by blocks, tar ('mem.raw')", info)
    path.unlink()
    return count


def write_parts(folder, name, parts, first=1):
    for i, part in enumerate(parts):
        if part is not None:
            (folder / f"{name}.{i + first:03}").write_bytes(part)


def test_parts_in_archives(impscan, path, raw, expected):
    """The parts of a split image in an archive are joined, wherever they stand in it."""
    parts = [(f"case/mem.raw.{i + 1:03}", raw[at:at + 7654321])
             for i, at in enumerate(range(0, len(raw), 7654321))]
    others = [("case/log.001", b"one"), ("case/log.002", b"two"), ("case/mem.raw.0001", b"other digits")]
    packed_whole = gz(raw)
    packed_parts = [(f"mem.gz.{i:03}", packed_whole[at:at + len(packed_whole) // 3 + 1])
                    for i, at in enumerate(range(0, len(packed_whole), len(packed_whole) // 3 + 1))]
    for name, data in (("zip", zip_of(others + parts)), ("tar", tar_of(parts + others)),
                       ("tar, shuffled", tar_of(parts[::-1])), ("gzip in parts", zip_of(packed_parts))):
        path.write_bytes(data)
        out, err = scan(impscan, "-f", path)
        check(out == expected and " parts of '" in err, f"parts in {name}: {err}")


def test_split(impscan, folder, raw, expected):
    def parts(data, size):
        return [data[at:at + size] for at in range(0, len(data), size)]
    folder = folder / "split"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_parts(folder, "even.raw", parts(raw, 8 << 20))
    write_parts(folder, "zero.raw", parts(raw, 8 << 20), 0)
    write_parts(folder, "odd.raw", parts(raw, 7654321))
    write_parts(folder, "mem.zip", parts(zip_of([("mem.raw", raw)]), 200000))
    for name in ("even.raw.001", "zero.raw.000", "odd.raw.001", "mem.zip.001"):
        out, err = scan(impscan, "-f", folder / name)
        check(out == expected and "warning" not in err, f"{name}: {err}")
        check("other parts" in err, f"{name}: {err}")
    _, err = scan(impscan, "-f", folder / "even.raw.002", status=(2,))
    check("give the first" in err and "even.raw.001" in err, err)
    # All parts, in any order, as a shell's pattern gives them: one image, and no error.
    names = sorted(map(str, folder.glob("even.raw.*")))
    for given in (names, names[::-1]):
        out, err = run(impscan, *given, "-a", "-o", "jsonl")
        check(f"{len(names) - 1} of the images given are later parts of" in err and "error" not in err,
              f"all parts: {err}")
        check([dict(json.loads(row), image="mem") for row in out.splitlines()] ==
              list(map(json.loads, expected.splitlines())), "all parts: other rows")
    _, err = run(impscan, names[0], names[1], "--label", "second", "-a", status=(2,))
    check("give the first" in err, f"a part with a label: {err}")
    info = json.loads(run(impscan, "-f", names[0], "--info", "-o", "jsonl")[0])
    check(info["file_size"] == len(raw) and info["unpacked_size"] is None, f"size of parts: {info}")
    test_parts_in_archives(impscan, folder / "archive", raw, expected)
    # One in the middle is missing: told, and never read as zeros.
    lost = parts(raw, 2 << 20)
    lost[len(lost) // 2] = None
    write_parts(folder, "lost.raw", lost)
    out, err = scan(impscan, "-f", folder / "lost.raw.001", status=(0, 1, 2))
    check(f"lost.raw.{len(lost) // 2 + 1:03}' is missing: its 2.0 MB" in err, err)
    check_rows("a missing part", out, expected)
    (folder / "odd.raw.002").unlink()
    (folder / "odd.raw.001").write_bytes(raw[:12345])
    _, err = scan(impscan, "-f", folder / "odd.raw.001", status=(2,))
    check("differ in size" in err, err)
    (folder / "even.raw.001").write_bytes(b"")
    _, err = scan(impscan, "-f", folder / "even.raw.001", status=(2,))
    check("even.raw.001' is empty" in err, err)
    shutil.rmtree(folder)


def test_pipes(impscan, folder, raw, expected):
    out, err = scan(impscan, "-f", "-", stdin=raw)
    check(out == expected and "'standard input' has" in err, err)
    out, err = scan(impscan, "-", stdin=gz(raw))
    check(out == expected and "gzip" in err, err)
    image = folder / "redirected.raw"
    image.write_bytes(raw)
    with open(image, "rb") as file:
        result = subprocess.run([impscan, "-f", "-", "--label", "mem", "-a", "-o", "jsonl"], stdin=file,
                                capture_output=True, check=False, timeout=SECONDS)
    check(result.stdout.decode() == expected and b"temporary" not in result.stderr,
          f"redirected: {result.stderr}")
    image.unlink()
    fifo = folder / "fifo"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(raw))
    writer.start()
    out, err = scan(impscan, "-f", fifo)
    writer.join()
    check(out == expected, f"FIFO: {err}")
    fifo.unlink()


def test_page_files(impscan, mkimage, folder):
    """The page file in the archive is used as one that is given."""
    raw, pagefile, path = folder / "absent.raw", folder / "pagefile.sys", folder / "both"
    subprocess.run([mkimage, "--scenario", "absent", "--memory", "48", "--build", "19041", "-o", raw,
                    "--pagefile", pagefile], check=True)
    expected, _ = scan(impscan, "-f", raw, "--pagefile", f"0={pagefile}")
    without, _ = scan(impscan, "-f", raw)
    check(expected != without, "the page file changes nothing: no test")
    members = [("case 7/PageFile.sys", pagefile.read_bytes()), ("case 7/mem.raw", raw.read_bytes())]
    for name, data in [("zip", zip_of(members)), ("tar", tar_of(members)),
                       ("tar.gz", gz(tar_of(members))), ("tar.xz", xz_streams(tar_of(members))),
                       ("gz in tar", tar_of([members[0], ("mem.gz", gz(raw.read_bytes()))])),
                       ("7z", seven_zip_of(folder, members)),
                       ("7z, the image first", seven_zip_of(folder, members[::-1], "-mqs-")),
                       ("7z, each alone", seven_zip_of(folder, members, "-ms=off"))]:
        if not data:
            continue
        path.write_bytes(data)
        out, err = scan(impscan, "-f", path)
        check(out == expected, f"page file in {name}: other rows: {err}")
        check("'case 7/PageFile.sys' of the archive is page file 0" in err, f"{name}: {err}")
    test_packed_page_files(impscan, folder, raw, pagefile.read_bytes(), expected)
    # One that is given comes first, unless it is another machine's.
    other = folder / "other.sys"
    other.write_bytes(random.Random(2).randbytes(1 << 20))
    out, err = scan(impscan, "-f", path, "--pagefile", f"0={other}")
    check(out == expected, f"--pagefile of another machine beside the archive's: {err}")
    check("other.sys: " in err and "; the one of the archive is tried" in err and
          "page file 0, unless the one that is given is the image's" in err, f"what is told: {err}")
    path.write_bytes(tar_of([("pagefile.sys", other.read_bytes()), members[1]]))
    out, err = scan(impscan, "-f", path, "--pagefile", f"0={pagefile}")
    check(out == expected and "warning" not in err.replace("warning: PID", ""),
          f"--pagefile beside that of another machine: {err}")
    path.write_bytes(tar_of([("pagefile.sys", other.read_bytes()), members[1]]))
    out, err = scan(impscan, "-f", path, "--pagefile", f"0={other}")
    given, _ = scan(impscan, "-f", raw, "--pagefile", f"0={other}")
    check(out == given and "is tried" in err and "and not used\n" in err, f"neither: {err}")
    for file in (raw, pagefile, path, other):
        file.unlink()


def test_packed_page_files(impscan, folder, raw, data, expected):
    """A page file that is given packed, or in parts, is unpacked."""
    path = folder / "packed.sys"
    half = len(data) // 2 & ~4095
    forms = {"gz": gz(data), "xz": xz(data), "xz.blocks": xz_streams(data), "bz2": bz2.compress(data, 1),
             "zip": zip_of([("swapfile.sys", b"s" * 2 * len(data)), ("c/pagefile.sys", data)]),
             "zip of another name": zip_of([("note.txt", b"page file"), ("p.bin", data)]),
             "tar": tar_of([("pagefile.sys", data)]),
             "parts in tar": tar_of([("pagefile.sys.001", data[:half]), ("pagefile.sys.002", data[half:])])}
    for name, packed_data in forms.items():
        path.write_bytes(packed_data)
        out, err = scan(impscan, "-f", raw, "--pagefile", f"0={path}")
        check(out == expected and "warning" not in err, f"page file as {name}: {err}")
    path.write_bytes(zip_of([("swapfile.sys", data)]))
    _, err = scan(impscan, "-f", raw, "--pagefile", f"0={path}", status=(2,))
    check("none of its files is a page file of that number" in err, f"only a swap file: {err}")
    path.write_bytes(gz(data)[:-100])
    _, err = scan(impscan, "-f", raw, "--pagefile", f"0={path}")
    check("page file 0: the gzip file is cut off" in err, f"a cut page file: {err}")
    path.write_bytes(gz(b"EMiL" + data))
    _, err = scan(impscan, "-f", raw, "--pagefile", f"0={path}", status=(2,))
    check("not a page file but a LiME image" in err, f"a packed image as page file: {err}")
    path.unlink()
    write_parts(folder, "split.sys", [data[:half], data[half:]])
    out, err = scan(impscan, "-f", raw, "--pagefile", f"0={folder / 'split.sys.001'}")
    check(out == expected, f"page file in parts: {err}")
    for part in folder.glob("split.sys.*"):
        part.unlink()


def test_terminal(impscan, folder, raw):
    """--info's sizes, and a bar on a terminal while an image is unpacked."""
    path = folder / "packed"
    for data in (gz(raw), bz2.compress(raw, 1), zip_of([("mem.raw", raw)]), xz_streams(raw)):
        path.write_bytes(data)
        terminal, stderr = os.openpty()
        with subprocess.Popen([impscan, "-f", path, "--info"], stdout=subprocess.PIPE, stderr=stderr) as job:
            os.close(stderr)
            said = b""
            try:
                while block := os.read(terminal, 4096):
                    said += block
            except OSError:  # the terminal has gone with the program
                pass
            out = job.stdout.read().decode()
        os.close(terminal)
        check(re.search(rf"File size\s+{len(data)}\n\s+unpacked\s+{len(raw)}\n", out), f"sizes: {out}")
        check((b" packed bytes unpacked" in said) == (b"temporary file" in said), f"no bar: {said}")
    path.unlink()


def check_rows(what, out, expected):
    """A row that is whole is one of the image's."""
    known = {(row["pid"], row["base"]): row for row in map(json.loads, expected.splitlines())}
    for row in map(json.loads, out.splitlines()):
        if row["status"] != "ok":
            continue
        real = known.get((row["pid"], row["base"]))
        check(real and all(row[name] == real[name] for name in ("imphash", "impfuzzy")),
              f"{what}: a hash that is not the image's: {row}")


def damaged(raw):
    """(name, bytes, what must be said or None) of packed images with faults."""
    makers = {"gz": gz(raw), "bz2": bz2.compress(raw, 1), "xz": xz(raw), "streams": xz_streams(raw),
              "zip": zip_of([("mem.raw", raw)]), "stored": zip_of([("mem.raw", raw)],
                                                                  zipfile.ZIP_STORED),
              "tar": tar_of([("mem.raw", raw)])}
    dice = random.Random(3)
    for name, data in makers.items():
        for share in (0.02, 0.5, 0.97):
            yield f"{name} cut at {share}", data[:int(len(data) * share)], None
        yield f"{name} cut at its last byte", data[:-1], None
        yield f"{name} cut within its header", data[:40], None
        for _ in range(2):
            changed = bytearray(data)
            for _ in range(20):
                changed[dice.randrange(64, len(data))] ^= dice.randrange(1, 256)
            if name not in ("tar", "stored"):  # the first has no checksum
                yield f"{name} with other bytes", bytes(changed), None
    whole = bytearray(makers["gz"])
    whole[-8] ^= 1
    yield "gzip with a wrong checksum", bytes(whole), "damaged"
    whole = bytearray(makers["gz"])
    whole[-4:] = b"\1\0\0\0"
    yield "gzip with a wrong size", bytes(whole), "damaged"
    yield "gzip with more behind it", makers["gz"] + b"something", "9 bytes behind the end"
    for name in "bz2", "xz", "streams":
        yield f"{name} with more behind it", makers[name] + b"something", "9 bytes behind the end"
        yield f"{name} with zeros behind it", makers[name] + bytes(512), None
    yield "a long name", zip_of([("x" * 60000 + ".raw", b"regf" + b"\0" * 9000)]), "none of its files"
    yield "empty gzip", gz(b""), "nothing is packed in it"
    yield "empty zip", zip_of([]), "archive without files"
    yield "zip of text", zip_of([("a.reg", b"regf" + b"\0" * 9000)]), "none of its files"
    yield "four deep", gz(gz(gz(gz(raw)))), "more than 3 times"
    yield "zip in itself", zip_of([("a.zip", zip_of([("b.zip", zip_of(
        [("c.zip", zip_of([("d", b"x" * 5000)]))]))]))]), "more than 3 times"
    for at in (0x19, 0x16):  # sizes in the local header, which the directory contradicts
        changed = bytearray(makers["zip"])
        changed[at] ^= 0x7f
        yield f"zip with a wrong size at {at}", bytes(changed), None
    yield "encrypted zip", encrypted_zip(raw), "is encrypted"


def encrypted_zip(raw):
    """A ZIP whose members say that they are encrypted."""
    data = bytearray(zip_of([("mem.raw", raw)]))
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    return bytes(data)


def bombs():
    """(name, bytes) that are unpacked to more than is allowed."""
    chunk = b"\0" * (64 << 20)
    # A thousandth of it: what is packed allows more, what of it is not zeros does not.
    yield "gzip", gzip.compress(chunk, 9) * 17
    compressor = bz2.BZ2Compressor(9)
    yield "bzip2", b"".join([compressor.compress(chunk) for _ in range(17)] + [compressor.flush()])
    # Eleven hundred blocks of one megabyte, and of nothing.
    block = lzma.compress(b"\0" * (1 << 20))
    yield "xz", block * 1100
    # What is packed in little is packed in next to nothing: the file's size counts, not a level's.
    yield "gzip, three times", gzip.compress(gzip.compress(gzip.compress(chunk, 9) * 17, 9), 9)
    lzma2 = lzma.LZMACompressor(preset=0)
    yield "xz in one", b"".join([lzma2.compress(chunk) for _ in range(17)] + [lzma2.flush()])


def test_damaged(impscan, folder, raw, expected):
    path = folder / "damaged"
    count = 0
    for name, data, sentence in damaged(raw):
        path.write_bytes(data)
        out, err = scan(impscan, "-f", path, status=(0, 1, 2))
        check(not sentence or sentence in err, f"{name}: {sentence!r} is not said: {err}")
        check(len(err) < 4096 and "\\x0a" not in err, f"{name}: {err}")
        check("behind it" not in name or out == expected, f"{name}: other rows: {err}")
        check("warning" in err or "error" in err or out == expected, f"{name}: nothing said: {err}")
        check_rows(name, out, expected)
        count += 1
    for command in ["zstd", "-q", "-c"], ["zstd", "-q", "-c", "--no-check"], ["lz4", "-l", "-q", "-c"]:
        made = tool(folder, raw, "more behind it", *command)
        for more in (b"something", bytes(512)) if made else ():
            path.write_bytes(made + more)
            out, err = scan(impscan, "-f", path)
            check(out == expected, f"{command} with {more[:9]} behind it: {err}")
            check(("bytes behind the end" in err) == any(more), f"{command}, {more[:9]}: {err}")
    for name, data in bombs():
        path.write_bytes(data)
        _, err = scan(impscan, "-f", path, status=(2,))
        check("unpacked to more than 512.0 MB" in err and "--unpack" in err, f"{name}: {err}")
        _, err = scan(impscan, "-f", path, "--unpack", 2, status=(2,))
        check("unpacked to more" not in err, f"{name} allowed: {err}")
    # The limit is for all levels together.
    path.write_bytes(zip_of([("mem.raw.gz.gz", gz(gz(raw)))]))
    size = len(raw) + len(gz(raw)) + len(gz(gz(raw)))
    out, err = scan(impscan, "-f", path, "--unpack", f"{(size >> 10) + 1}K")
    check(out == expected, f"--unpack as large as all levels: {err}")
    _, err = scan(impscan, "-f", path, "--unpack", f"{len(raw) >> 10}K", status=(2,))
    check(f"unpacked to more than {len(raw) / (1 << 20):.1f} MB" in err,
          f"--unpack as large as the last level: {err}")
    for opens, command in ((True, ["zip", "-q", "-P", "secret", "-1"]),
                           (True, ["7z", "a", "-tzip", "-mx=1", "-mem=AES256", "-psecret"]),
                           (False, ["7z", "a", "-mx=1", "-psecret"]),
                           (False, ["7z", "a", "-mx=1", "-psecret", "-mhe=on"])):
        made = tool(folder, raw, "locked", *command, "OUT", "IN")
        if not made:
            continue
        path.write_bytes(made)
        for password in ([], ["--password", "no"]):
            _, err = scan(impscan, "-f", path, *password, status=(2,))
            check("is encrypted" in err, f"{command} {password}: {err}")
        out, err = scan(impscan, "-f", path, "--password", "secret", status=(0 if opens else 2,))
        check(out == expected if opens else "7z x" in err, f"{command}: {err}")
    path.unlink()
    return count


def test_missing_library(impscan, folder, raw, plain, expected):
    """A program whose libarchive can't be loaded: a sentence, and other images are read. It is the
    same program with another name of the library in it, which is as long."""
    with open(impscan, "rb") as file:
        data = file.read()
    name = re.search(rb"libarchive\.so\.\d+", data)
    if not name:
        skip("libarchive is not loaded when it is needed")
        return
    other, path = folder / "impscan-alone", folder / "packed"
    other.write_bytes(data.replace(name[0], b"libarchive.so." + b"x" * (len(name[0]) - 14)))
    other.chmod(0o755)
    for packed_image in (zip_of([("mem.raw", raw)]), bz2.compress(raw[:1 << 20])):
        path.write_bytes(packed_image)
        out, err = scan(other, "-f", path, status=(2,))
        check(not out and "the library that does it is missing: libarchive.so" in err, err)
    check(scan(other, "-f", plain)[0] == expected, "other rows without libarchive")
    check("libarchive missing" in run(other, "--version")[0], "--version does not tell it")
    other.unlink()
    path.unlink()


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, folder = arguments.impscan, arguments.folder
    if not can_unpack(impscan, "packed images"):
        raise SystemExit(77)
    images = {}
    for form in ("raw", "lime"):
        path = folder / f"plain.{form}"
        subprocess.run([arguments.mkimage, "--memory", "32", "--build", "7601", "--format", form,
                        "-o", path], check=True)
        images[form] = path
    expected, _ = scan(impscan, "-f", images["raw"])
    raw, lime = images["raw"].read_bytes(), images["lime"].read_bytes()
    count = test_packed(impscan, folder, raw, lime, expected)
    test_split(impscan, folder, raw, expected)
    test_pipes(impscan, folder, raw, expected)
    test_terminal(impscan, folder, raw)
    test_page_files(impscan, arguments.mkimage, folder)
    count += test_damaged(impscan, folder, raw, expected)
    test_missing_library(impscan, folder, raw, images["lime"], expected)
    for path in images.values():
        path.unlink()
    finish(f"{count} packed images")


if __name__ == "__main__":
    main()
