#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several images in one archive are several images of the run; parts of a split image that are missing
are missing, in a folder as in an archive.

    test_archived.py IMPSCAN MKIMAGE FOLDER
"""

import gzip
import json
import shutil
import subprocess

from image_truth import can_unpack, check, finish, run, test_arguments, test_parser
from packers import seven_zip_of, tar_of, zip_of


def rows_by_image(out):
    found = {}
    for row in map(json.loads, out.splitlines()):
        found.setdefault(row.pop("image"), []).append(row)
    return found


def listing(impscan, *arguments, status=(0,)):
    out, err = run(impscan, *arguments, "-a", "-o", "jsonl", status=status)
    return rows_by_image(out), err


def gz(data):
    return gzip.compress(data, 1)


def make_images(impscan, mkimage, folder):
    """(name, bytes, rows) of images of different machines."""
    made = []
    for name, arguments in (("a.raw", ["--build", "7601"]),
                            ("b.lime", ["--build", "19041", "--seed", "3", "--format", "lime"]),
                            ("c.dmp", ["--build", "10240", "--seed", "4", "--format", "dump"])):
        path = folder / name
        subprocess.run([mkimage, "--memory", "32", *arguments, "-o", path], check=True)
        (rows,) = listing(impscan, "-f", path)[0].values()
        made.append((name, path.read_bytes(), rows))
        path.unlink()
    return made


def test_several(impscan, folder, images):
    (first, a, a_rows), (second, b, b_rows), (third, c, c_rows) = images
    both = [(f"x/{first}", a), ("note.txt", b"text" * 30000), (second, b)]
    path = folder / "several"
    forms = {"zip": zip_of(both), "tar": tar_of(both), "tar.gz": gz(tar_of(both)),
             "7z": seven_zip_of(folder, both), "7z, not solid": seven_zip_of(folder, both, "-ms=off"),
             "packed in it": zip_of([(f"x/{first}.gz", gz(a)), (second, b)])}
    for name, data in forms.items():
        if not data:
            continue
        path.write_bytes(data)
        names = [f"{path}!x/{first}" + (".gz" if "in it" in name else ""), f"{path}!{second}"]
        found, err = listing(impscan, "-f", path)
        check(found == dict(zip(names, (a_rows, b_rows))), f"several in {name}: {list(found)}: {err}")
        check("warning" not in err and "2 images" in err, f"several in {name}: {err}")
        check(("not 'note.txt'" in err) == ("note.txt" in err), f"several in {name}: {err}")
        found, err = listing(impscan, names[1])
        check(found == {names[1]: b_rows}, f"one of several in {name}: {list(found)}: {err}")
    # Between others, with a label, through a pipe, and an archive in an archive.
    path.write_bytes(zip_of(both))
    plain = folder / third
    plain.write_bytes(c)
    found, err = listing(impscan, plain, path, "--label", "case 7", plain)
    check(list(found) == [str(plain), f"case 7!x/{first}", f"case 7!{second}"] and
          found[str(plain)] == c_rows * 2, f"between others: {list(found)}: {err}")
    with open(path, "rb") as file:
        result = subprocess.run([impscan, "-", "-a", "-o", "jsonl"], stdin=file, check=False,
                                capture_output=True)
    check(rows_by_image(result.stdout.decode()) == {f"-!x/{first}": a_rows, f"-!{second}": b_rows},
          f"standard input: {result.stderr}")
    inner = [("one.zip", zip_of(both)), ("two.tar", tar_of([(third, c)]))]
    path.write_bytes(tar_of(inner))
    found, err = listing(impscan, "-f", path)
    check(list(found) == [f"{path}!one.zip!x/{first}", f"{path}!one.zip!{second}", f"{path}!two.tar"],
          f"archives in an archive: {list(found)}: {err}")
    found, err = listing(impscan, f"{path}!one.zip!{second}")
    check(list(found.values()) == [b_rows], f"one in an archive in an archive: {err}")
    # -d has a folder for each.
    path.write_bytes(zip_of(both))
    shutil.rmtree(folder / "d", ignore_errors=True)
    listing(impscan, path, "-d", folder / "d", "-p", "4")
    check(len(list((folder / "d").glob("*/index.json"))) == 2, f"-d: {list((folder / 'd').iterdir())}")
    for member in ("x", f"x/{first}!y"):
        _, err = listing(impscan, f"{path}!{member}", status=(2,))
        check("error" in err and member.rsplit("!", maxsplit=1)[-1] in err, f"no such file: {err}")
    # One that can't be read is told in its place.
    damaged = bytearray(zip_of([(first, a), (second, b)]))
    at = damaged.index(b"PK\3\4", 4) - 5000
    damaged[at:at + 16] = bytes(16)
    path.write_bytes(bytes(damaged))
    found, err = listing(impscan, path, status=(2,))
    check(found == {f"{path}!{second}": b_rows} and f"error: {path}!{first}: " in err,
          f"a damaged one of two: {list(found)}: {err}")
    plain.unlink()
    path.unlink()


def test_names(impscan, folder, images):
    """What is no image by its content or name is not taken for one; the last of one name is."""
    (first, a, a_rows), (second, b, b_rows), _ = images
    path = folder / "names"
    path.write_bytes(tar_of([(second, a), ("disk.vmdk", b"KDMV" + bytes(1 << 20)), (second, b),
                             ("pagefile.sys", bytes(1 << 20))]))
    found, err = listing(impscan, path, status=(0, 2))
    check(list(found.values()) == [b_rows] and f"has '{second}' more than once" in err,
          f"a name that is there twice: {list(found)}: {err}")
    check("not 'disk.vmdk'" in err, f"what is left: {err}")
    # A file whose name has a '!' is that file.
    odd = folder / "names!x"
    odd.write_bytes(a)
    found, err = listing(impscan, odd)
    check(found == {str(odd): a_rows}, f"a name with '!': {err}")
    odd.unlink()
    path.unlink()


def parts_of(data, size, name="mem.raw"):
    return [(f"{name}.{i + 1:03}", data[at:at + size]) for i, at in enumerate(range(0, len(data), size))]


def test_parts(impscan, folder, images):
    """A folder and an archive with the same parts are read the same."""
    _, raw, expected = images[0]
    place = folder / "parts"
    known = {(row["pid"], row["base"]): row for row in expected}
    even, odd = parts_of(raw, 4 << 20), parts_of(raw, 7654321)
    twice = [("mem.raw.003", b"an older one")] + even
    for what, parts, whole, words in (
            ("whole", odd, True, None),
            ("a middle one", even[:4] + even[5:], False, "'mem.raw.005' is missing: its 4.0 MB"),
            ("two of odd size", odd[:2] + odd[4:], False, "'mem.raw.003' is missing: its 7.2 MB"),
            ("one that is empty", even[:4] + [("mem.raw.005", b"")] + even[5:], False,
             "mem.raw.005' is empty: its 4.0 MB"),
            ("one behind a gap", odd + [("mem.raw.009", b"x" * 100)], True,
             "where 'mem.raw.009' belongs is not known"),
            ("sizes that differ", odd[:2] + [("mem.raw.004", bytes(99)), ("mem.raw.005", bytes(999))],
             False, "so where 'mem.raw.004' and what follows belong is not known"),
            ("one that is there twice", twice, True, "'mem.raw.003' more than once")):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, data in parts:
            (place / name).write_bytes(data)
        found = {"folder": listing(impscan, "-f", place / "mem.raw.001", status=(0, 1, 2))}
        for form, data in (("zip", zip_of(parts)), ("tar", tar_of(parts)),
                           ("7z", seven_zip_of(folder, parts) if parts is not twice else None)):
            if data:
                (place / "archive").write_bytes(data)
                found[form] = listing(impscan, "-f", place / "archive", status=(0, 1, 2))
        rows = [list(f[0].values()) for f in found.values()]
        check(all(r == rows[0] for r in rows), f"{what}: other rows in {list(found)}")
        check(not whole or rows[0] == [expected], f"{what}: not those of the image")
        check(whole or rows[0] != [expected], f"{what}: no test")
        for row in rows[0][0] if rows[0] else []:
            real = known.get((row["pid"], row["base"]))
            check(row["status"] != "ok" or (real and row["impfuzzy"] == real["impfuzzy"]),
                  f"{what}: not as in the image: {row}")
        for form, (_, err) in found.items():
            if form != "folder" or "twice" not in what:
                said = words.replace("'", "") if words else ""
                check(said in err.replace("'", "").replace(f"{place}/", ""), f"{what}, {form}: {err}")
                check(words or "warning" not in err, f"{what}, {form}: {err}")
    info, _ = run(impscan, "-f", place / "archive", "--info", "-o", "jsonl", "-q")
    check(json.loads(info)["container"] == f"tar ('mem.raw'), {len(even)} parts", info)
    shutil.rmtree(place)


def main():
    arguments = test_arguments(test_parser(__doc__))
    if not can_unpack(arguments.impscan, "several images in archives"):
        raise SystemExit(77)
    images = make_images(arguments.impscan, arguments.mkimage, arguments.folder)
    test_several(arguments.impscan, arguments.folder, images)
    test_names(arguments.impscan, arguments.folder, images)
    test_parts(arguments.impscan, arguments.folder, images)
    finish("several images in archives")


if __name__ == "__main__":
    main()
