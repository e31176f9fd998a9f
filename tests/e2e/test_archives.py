#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples in archives: the same hashes as those of the files, by name; limits; passwords.

    test_archives.py IMPSCAN MKIMAGE FOLDER
"""

import bz2
import gzip
import io
import json
import lzma
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

from image_truth import can_unpack, check, finish


def samples(impscan, *arguments, status=(0,)):
    run = subprocess.run([impscan, "-o", "jsonl", *map(str, arguments)], capture_output=True, check=False)
    check(run.returncode in status, f"{arguments}: exit {run.returncode}: {run.stderr.decode()}")
    return {row["path"]: row for row in map(json.loads, run.stdout.decode().splitlines())}


def zipped(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files, mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo("folder/.."))
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


class ZipCrypto:
    """PKWARE's traditional encryption (APPNOTE.TXT, section 6.1)."""

    def __init__(self, password):
        self.keys = [0x12345678, 0x23456789, 0x34567890]
        for byte in password.encode():
            self.update(byte)

    def update(self, byte):
        def crc(value, by):
            return zlib.crc32(bytes([by]), value ^ 0xffffffff) ^ 0xffffffff
        self.keys[0] = crc(self.keys[0], byte)
        self.keys[1] = ((self.keys[1] + (self.keys[0] & 0xff)) * 134775813 + 1) & 0xffffffff
        self.keys[2] = crc(self.keys[2], self.keys[1] >> 24)

    def encrypt(self, data):
        out = bytearray()
        for byte in data:
            temporary = self.keys[2] | 2
            out.append(byte ^ (temporary * (temporary ^ 1) >> 8 & 0xff))
            self.update(byte)
        return bytes(out)


def encrypted(name, content, password):
    """A ZIP with one encrypted, stored member."""
    content = content if isinstance(content, bytes) else content.encode()
    crc = zlib.crc32(content)
    data = ZipCrypto(password).encrypt(bytes(11) + bytes([crc >> 24]) + content)
    common = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, crc, len(data), len(content), len(name), 0)
    local = b"PK\3\4" + common + name.encode() + data
    central = (b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) +
               name.encode())
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def test_forms(impscan, folder, files, plain):
    forms = {
        "a.zip": zipped(files), "stored.bin": zipped(files, zipfile.ZIP_STORED),
        "a.tar": tarred(files, "w"), "a.tar.gz": tarred(files, "w:gz"), "a.tar.xz": tarred(files, "w:xz"),
        "a.tbz": tarred(files, "w:bz2"), "outer.zip": zipped({"in/a.zip": zipped(files), "n.txt": b"x"}),
        "outer.tar": tarred({"a.tar.gz": tarred(files, "w:gz")}, "w"),
    }
    prefix = {"outer.zip": "in/a.zip!", "outer.tar": "a.tar.gz!"}
    if shutil.which("7z"):
        path = folder / "a.7z"
        path.unlink(missing_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        subprocess.run(["7z", "a", path, *files], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        forms["a.7z"] = path.read_bytes()
    else:
        print("SKIP: 7z is not installed: no 7z archive")
    for name, content in forms.items():
        path = folder / name
        path.write_bytes(content)
        found = samples(impscan, "-e", path)
        for member in files:
            row = found.get(f"{path}!{prefix.get(name, '')}{member}", {})
            check({k: v for k, v in row.items() if k != "path"} == plain[member],
                  f"{name}: {member}: {row} of {list(found)}")
    one = next(iter(files))
    for name, pack in (("x.gz", gzip.compress), ("x.bz2", bz2.compress), ("x.xz", lzma.compress)):
        path = folder / name
        path.write_bytes(pack(files[one]))
        found = samples(impscan, "-e", path)
        check([row["imphash"] for row in found.values()] == [plain[one]["imphash"]], f"{name}: {found}")


def test_passwords(impscan, folder, files, plain):
    one = next(iter(files))
    for password, arguments, good in (("infected", [], True), ("infected", ["--password", "x"], True),
                                      ("secret", ["--password", "secret"], True), ("secret", [], False)):
        path = folder / "locked.zip"
        path.write_bytes(encrypted(one, files[one], password))
        row = samples(impscan, "-e", path, *arguments, status=(0, 1)).get(f"{path}!{one}", {})
        if good:
            check(row.get("imphash") == plain[one]["imphash"], f"password {password}: {row}")
        else:
            check(row.get("status") == "unreadable" and "--password" in row["reason"], f"no password: {row}")


def run(impscan, *arguments, **options):
    done = subprocess.run([impscan, *map(str, arguments)], capture_output=True, check=False, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_locked_lists(impscan, folder, image, hashes):
    """-i and -k of an encrypted ZIP and 7-Zip: opened by the password, or said."""
    path = folder / "locked.zip"
    search, good = ["-f", image, "-q", "-o", "jsonl", "-i"], ["-f", image, "-a", "--only", "new", "-k"]
    for password, arguments, sentence in (
            ("infected", [], None), ("infected", ["--password", "x"], None),
            ("secret", ["--password", "secret"], None),
            ("secret", [], "is encrypted, and its password is not \"infected\": name it with --password"),
            ("secret", ["--password", "x"], "is encrypted, and neither the password")):
        path.write_bytes(encrypted("list.txt", hashes, password))
        status, out, err = run(impscan, *search, path, *arguments)
        check(sentence in err and status == 2 if sentence else "invoice.exe" in out,
              f"-i, {password} {arguments}: {status} {err}")
        with open(path, "rb") as stream:
            piped = run(impscan, *search, "-", *arguments, stdin=stream)
        check(sentence in piped[2] if sentence else piped[1] == out, f"-i -: {piped}")
        status, out, err = run(impscan, *good, path, *arguments)
        check(sentence in err and status == 2 if sentence else "known to be good left out" in err,
              f"-k, {password} {arguments}: {status} {err}")
        status, out, err = run(impscan, "-f", image, "-e", path, *arguments)
        check(not sentence or "encrypted by an unknown password (see --password)" in err, f"-e: {err}")
    if not shutil.which("7z"):
        print("SKIP: 7z is not installed: no 7z list")
        return
    (folder / "list.txt").write_text(hashes)
    for arguments, good in (([], True), (["-psecret"], False), (["-psecret", "-mhe=on"], False)):
        path = folder / "list.7z"
        path.unlink(missing_ok=True)
        subprocess.run(["7z", "a", *arguments, path, "list.txt"], cwd=folder, stdout=subprocess.DEVNULL,
                       check=True)
        status, out, err = run(impscan, *search, path, "--password", "secret")
        check("invoice.exe" in out if good else "is encrypted, and of 7-Zip archives" in err,
              f"7z {arguments}: {status} {err}")
        with open(path, "rb") as stream:
            check("can't be read from a pipe" in run(impscan, *search, "-", stdin=stream)[2], "7z from a pipe")


def test_packed_listings(impscan, folder, image):
    """-k of a packed listing is what it is of the listing: flagged modules are not known by it."""
    baseline = ["-f", image, "-a", "--only", "new", "-o", "jsonl", "-k"]
    for form in ("csv", "jsonl"):
        listing = run(impscan, "-f", image, "-q", "-a", "-o", form)[1].encode()
        plain = folder / f"gold.{form}"
        plain.write_bytes(listing)
        expected = run(impscan, *baseline, plain)
        for name, content in (("gold.zip", zipped({"gold": listing})), ("gold.gz", gzip.compress(listing)),
                              ("locked.zip", encrypted("gold", listing, "infected"))):
            (folder / name).write_bytes(content)
            found = run(impscan, *baseline, folder / name)
            check(found[:2] == expected[:2], f"{name} of {form}: {found[2]} and not {expected[2]}")


def test_names(impscan, folder, files, plain):
    """Names are UTF-8, whatever the locale and the archive."""
    one, name = next(iter(files)), "\u00fc/\u0417\u0430\u043f\u0443\u0441\u043a.exe"
    (folder / "names" / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "names" / name).write_bytes(files[one])
    forms = {"n.zip": zipped({name: files[one]}), "n.tar": tarred({name: files[one]}, "w"),
             "n.tar.gz": tarred({name: files[one]}, "w:gz")}
    if shutil.which("7z"):
        path = folder / "n.7z"
        path.unlink(missing_ok=True)
        subprocess.run(["7z", "a", path, "\u00fc"], cwd=folder / "names", stdout=subprocess.DEVNULL,
                       check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        forms["n.7z"] = path.read_bytes()
    for archive, content in forms.items():
        path = folder / archive
        path.write_bytes(content)
        for locale in ("C", "C.UTF-8"):
            found = run(impscan, "-o", "jsonl", "-e", path, env={**os.environ, "LC_ALL": locale})[1]
            rows = {row["path"]: row["imphash"] for row in map(json.loads, found.splitlines())}
            check(rows.get(f"{path}!{name}") == plain[one]["imphash"], f"{archive}, {locale}: {rows}")
    # One that says no encoding stays what it is.
    path = folder / "dos.zip"
    path.write_bytes(zipped({"abcd.exe": files[one]}).replace(b"abcd.exe", b"a\x81\x84d.exe"))
    found = run(impscan, "-e", path, "-o", "jsonl", env={**os.environ, "LC_ALL": "C"})
    check(plain[one]["imphash"] in found[1], f"{found}")


def test_limits(impscan, folder, files):
    path = folder / "bad.zip"
    one = next(iter(files))
    deep = zipped({"1.zip": zipped({"2.zip": zipped({"3.zip": zipped(files)})})})
    bomb = zipped({"zeros": bytes(200 << 20)})
    big = zipped({"big": random.Random(1).randbytes(1 << 20) * 100})
    damaged = bytearray(zipped(files))
    damaged[200] ^= 0x55
    for content, member, reason in (
            (deep, "!1.zip!2.zip", "an archive in an archive in an archive"),
            (bomb, "!zeros", "larger than 96 MB|more than 200 times its size"),
            (big, "!big", "larger than 96 MB"),
            (bytes(damaged), f"!{one}", "can't be unpacked"),
            (b"PK\3\4" + bytes(100), "", "can't be unpacked"),
            (zipped({}), "", "without a file"), (zipped({"empty": b""}), "!empty", "empty")):
        path.write_bytes(content)
        found = samples(impscan, "-e", path, status=(0, 1))
        row = found.get(f"{path}{member}")
        check(row and row["status"] == "unreadable", f"{member} {reason}: {found}")
        check(row and any(part in row["reason"] for part in reason.split("|")), f"{reason}: {row}")


def test_search(impscan, folder, image, files):
    path = folder / "a.zip"
    path.write_bytes(zipped(files))
    run = subprocess.run([impscan, "-f", image, "-e", path, "-t", "100", "-o", "jsonl"],
                         capture_output=True, check=False)
    names = {json.loads(line)["match"] for line in run.stdout.decode().splitlines()}
    check(f"{path}!invoice.exe" in names, f"names of matches: {names}")
    # A section of UPX: the list is the packer's.
    packed = bytearray(files["invoice.exe"])
    at = packed.index(b".text\0\0\0")
    packed[at:at + 8] = b"UPX0\0\0\0\0"
    path = folder / "upx.exe"
    path.write_bytes(packed)
    run = subprocess.run([impscan, "-f", image, "-e", path, "-o", "jsonl"], capture_output=True, check=False)
    check("1 of 1 sample files are packed" in run.stderr.decode(), run.stderr)
    check("packed by UPX" in samples(impscan, "-e", path)[str(path)]["reason"], "reason of a packed sample")


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    if not can_unpack(impscan, "archives of samples and lists", "libarchive"):
        sys.exit(77)
    (folder / "pe").mkdir(parents=True, exist_ok=True)
    image = folder / "demo.raw"
    subprocess.run([mkimage, "--scenario", "demo", "-o", image, "--pe-out", folder / "pe"], check=True)
    files = {name: (folder / "pe" / name).read_bytes() for name in ("invoice.exe", "helper.dll")}
    plain = {}
    for name in files:
        row = samples(impscan, "-e", folder / "pe" / name)[str(folder / "pe" / name)]
        plain[name] = {k: v for k, v in row.items() if k != "path"}
    test_forms(impscan, folder, files, plain)
    test_passwords(impscan, folder, files, plain)
    test_locked_lists(impscan, folder, image, plain["invoice.exe"]["imphash"] + " invoice.exe\n")
    test_packed_listings(impscan, folder, image)
    test_names(impscan, folder, files, plain)
    test_limits(impscan, folder, files)
    test_search(impscan, folder, image, files)
    shutil.rmtree(folder)
    finish("archives")


if __name__ == "__main__":
    main()
