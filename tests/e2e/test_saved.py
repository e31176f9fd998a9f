#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved rows in the place of images: they are listed and searched as the images are.

    test_saved.py IMPSCAN MKIMAGE FOLDER
"""

import bz2
import gzip
import json
import lzma
import os
import pathlib
import random
import re
import shutil
import subprocess
import zipfile

from image_truth import can_unpack, check, finish, run, test_arguments, test_parser

# By file: the scenario of each image. Some have rebuilt lists, .NET assemblies and programs by Go.
SCENARIOS = {"one.raw": "hidden", "two.raw": "rebuilt", "three.raw": "dotnet", "four.raw": "go"}
FILTERS = [[], ["-a"], ["--best"], ["-t", "80"], ["-t", "0"], ["--min-imports", "12"],
           ["--only", "injected"], ["--only", "managed,kernel"], ["-m", "kernel"], ["-p", "4"],
           ["-a", "--best", "--only", "listed"]]


def rows_of(out):
    return [json.loads(line) for line in out.splitlines()]


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
                   for row in rows)


def write_images(mkimage, folder):
    images = []
    for name, scenario in SCENARIOS.items():
        image = folder / name
        subprocess.run([mkimage, "-o", image, "--scenario", scenario], check=True,
                       capture_output=True)
        images.append(image)
    return images


def write_list(rows, path):
    """A list of every kind of hash that the rows have, some changed a little."""
    random.seed(5)
    lines = set()
    prefixes = {"imphash": "", "impfuzzy": "", "rebuilt_imphash": "", "rebuilt_impfuzzy": "",
                "impset": "impset:", "rebuilt_impset": "impset:", "typerefhash": "typerefhash:",
                "typerefhash_ordinal": "typerefhash:", "typerefuzzy": "typerefuzzy:",
                "gimphash": "gimphash:", "gimpfuzzy": "gimpfuzzy:"}
    for row in rows:
        for field, prefix in prefixes.items():
            if row.get(field) and random.random() < 0.2:
                lines.add(f"{prefix}{row[field]} {field} of {row['module']}")
                if "fuzzy" in field and len(row[field]) > 40:  # a few characters are others
                    text = row[field]
                    lines.add(f"{prefix}{text[:20]}QQ{text[22:]} like {row['module']}")
        for others in row.get("rebuilt_others") or []:
            lines.add(f"{others} another list of {row['module']}")
    path.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


def test_listing(impscan, images, saved):
    """Listed, saved rows are those of the images in every form but tables, which name the images."""
    for form in ("jsonl", "json", "csv", "misp"):
        for image, rows in zip(images, saved):
            of_rows, _ = run(impscan, "-q", "-r", rows, "-a", "-o", form)
            of_image, _ = run(impscan, "-q", "-f", image, "-a", "-o", form)
            if form == "misp":  # has UUIDs and the time of the run
                of_rows, of_image = of_rows.count("\n"), of_image.count("\n")
            check(of_rows == of_image, f"{image.name} -o {form}: other rows")
    labelled, _ = run(impscan, "-q", "-f", images[0], "-a", "-o", "jsonl", "--label", "web-01")
    for form in ("table", "wide"):
        of_rows, _ = run(impscan, "-q", "-r", "-", "-a", "-o", form, stdin=labelled)
        of_image, _ = run(impscan, "-q", "-f", images[0], "-a", "-o", form)
        names = {line[:26] for line in of_rows.splitlines()[1:]}
        check(names == {"web-01".ljust(26)}, f"-o {form}: images {names}")
        check([line[26:] for line in of_rows.splitlines()[1:]] == of_image.splitlines()[1:],
              f"-o {form}: other lines")


def test_search(impscan, images, saved, hashes):
    """Searches find in saved rows what they find in the image, whatever the threads."""
    good = hashes.parent / "good.jsonl"
    run(impscan, "-q", "-f", images[0], "-a", "-F", "-o", "jsonl")
    rows = saved[0].read_text(encoding="utf-8").splitlines()
    good.write_text("\n".join(rows[::2]) + "\n", encoding="utf-8")
    for chosen in [*FILTERS, ["-k", good], ["-a", "-k", good, "--only", "new"]]:
        expected = []
        for image, rows in zip(images, saved):
            of_image, _ = run(impscan, "-q", "-f", image, "-i", hashes, *chosen, "-o", "jsonl",
                              status=(0, 1, 2))
            of_rows, _ = run(impscan, "-q", "-r", rows, "-i", hashes, *chosen, "-o", "jsonl",
                             status=(0, 1))
            check(of_rows == of_image, f"{image.name} {chosen}: {of_rows.count(chr(10))} rows, "
                                       f"the image has {of_image.count(chr(10))}")
            expected.append(of_image)
        for threads in (1, 3):
            out, _ = run(impscan, "-q", *[f"-r{rows}" for rows in saved], "-i", hashes, *chosen, "-o",
                         "jsonl", "-j", threads, status=(0, 1))
            check(out == "".join(expected), f"{chosen} -j {threads}: not the rows of each file")
    found = rows_of("".join(expected))
    check(found, "nothing was found at all")
    out, _ = run(impscan, "-q", "-r", saved[0], "-i", hashes, "-o", "jsonl")
    by = {row["matched_hash"] for path in saved for row in
          rows_of(run(impscan, "-q", "-r", path, "-i", hashes, "-o", "jsonl")[0])}
    check({"imphash", "impfuzzy", "rebuilt_impfuzzy", "typerefhash", "gimphash"} <= by,
          f"only found by {by}")


def test_samples(impscan, saved):
    """What needs the image is told: matches by a sample's addresses."""
    sample = saved[0].parent / "sample.exe"
    sample.write_bytes(b"MZ")
    _, err = run(impscan, "-r", saved[0], "-e", sample, "-s", "1" * 32, status=(0, 1))
    check('matches by those ("resolved") are found in the images only' in err, err)


def test_again(impscan, saved, hashes):
    """Rows that a search has saved: listed with their matches, searched as one module each."""
    found, _ = run(impscan, "-q", "-r", saved[0], "-a", "-i", hashes, "-o", "jsonl")
    check(len(rows_of(found)) > len(saved[0].read_text(encoding="utf-8").splitlines()),
          "no module has two matches")
    out, _ = run(impscan, "-q", "-r", "-", "-a", "-o", "jsonl", stdin=found)
    check(out == found, "listing a saved search changes it")
    out, _ = run(impscan, "-q", "-r", "-", "-a", "-i", hashes, "-o", "jsonl", stdin=found)
    check(out == found, "searching a saved search again changes it")


def test_images(impscan, images, saved):
    """--image chooses by name or its last part; tables name the image of each row."""
    everything = "".join(path.read_text(encoding="utf-8") for path in saved)
    for globs, names in [(["one.raw"], ["one.raw"]), (["t*"], ["two.raw", "three.raw"]),
                         ([str(images[1])], ["two.raw"]), (["*/two.*"], ["two.raw"]),
                         (["one.raw", "f*"], ["one.raw", "four.raw"])]:
        arguments = [word for glob in globs for word in ("--image", glob)]
        out, _ = run(impscan, "-q", "-r", "-", "-a", "-o", "jsonl", *arguments, stdin=everything)
        check(list(dict.fromkeys(pathlib.Path(row["image"]).name for row in rows_of(out))) == names,
              f"--image {globs}")
    out, _ = run(impscan, "-q", "-r", "-", "-a", stdin=everything)
    check([line.split()[0] for line in out.splitlines()][1::40] ==
          [row["image"] for row in table_rows(everything)][::40], "images of a table")
    _, err = run(impscan, "-r", "-", "-a", stdin=everything)
    check(f"{len(saved)} images, " in err, err)


def table_rows(text):
    """Rows as often as a table has a line for them."""
    for row in rows_of(text):
        yield row
        if row["rebuilt_imphash"]:
            yield row


def test_places(impscan, saved, hashes):
    """Rows of a machine that do not stand together are told, since same_hash can't be right."""
    first, second = (path.read_text(encoding="utf-8").splitlines(True) for path in saved[:2])
    text = "".join(first[:9] + second[:9] + first[9:])
    _, err = run(impscan, "-r", "-", "-i", hashes, stdin=text, status=(0, 1))
    check(err.count("stand in several places") == 1, err)
    _, err = run(impscan, "-r", "-", "-a", stdin=text)
    check("several places" not in err, f"a listing: {err}")


def test_damage(impscan, saved, folder):
    """Damaged lines are told with their numbers and left out; what is not known passes through."""
    lines = saved[0].read_text(encoding="utf-8").splitlines()
    clean, _ = run(impscan, "-q", "-r", saved[0], "-a", "-o", "jsonl")
    text = "\n".join(["\ufeff" + lines[0], '{"impscan":"9.9","warnings":["x"]}', "", lines[1],
                      lines[2][:-20], "no JSON", '{"pid":4,"sources":[],"modules":9}',
                      lines[3].replace('"pid":', '"pid":-'), *lines[4:], lines[5] + "x"])
    out, err = run(impscan, "-r", "-", "-a", "-o", "jsonl", stdin=text)
    expected = clean.splitlines(True)
    check(out == "".join(expected[:2] + expected[4:]), "other rows than those that are whole")
    for number in (5, 6, 8):
        check(f"standard input:{number}: is left out: " in err, f"line {number}: {err}")
    check("standard input:8: is left out: 'pid' is damaged" in err, err)
    check(f"standard input:{len(lines) + 5}: is left out" in err, f"the last line: {err}")
    check("1 lines are left out: they are rows of processes, ranges or imports" in err, err)
    # Many are told as a number.
    _, err = run(impscan, "-r", "-", "-a", stdin="x\n" * 500 + clean)
    check(err.count(": is left out: ") == 10 and "500 lines are left out" in err, err)
    # Fields of another version.
    row = json.loads(lines[0])
    row.update({"new_field": {"a": [1, "\u202e\n"]}, "flags": [*row["flags"], "flag_to_come"]})
    out, _ = run(impscan, "-q", "-r", "-", "-a", "-o", "jsonl", stdin=jsonl([row]))
    check(rows_of(out)[0]["new_field"] == row["new_field"], f"an unknown field: {out}")
    del row["image"], row["rebuilt_impset"], row["new_field"]
    out, _ = run(impscan, "-q", "-r", "-", "-a", "-o", "jsonl", stdin=jsonl([row]))
    check(rows_of(out)[0]["image"] is None, f"a missing field: {out}")
    # A line that is longer than any row.
    long = folder / "long.jsonl"
    with open(long, "w", encoding="utf-8") as file:
        file.write(lines[0] + "\n" + '{"pid":"' + "x" * (40 << 20) + '"}\n' + lines[1] + "\n")
    out, err = run(impscan, "-r", long, "-a", "-o", "jsonl")
    check(out == "".join(expected[:2]), "rows around a long line")
    check(f"{long}:2: is left out" in err and f"{long}:3" not in err, err)
    long.unlink()


def test_described(impscan, images, saved, folder):
    """An image that could not be read is told of from its description."""
    (folder / "no.raw").write_bytes(os.urandom(1 << 16))
    described, _ = run(impscan, "-q", "-f", folder / "no.raw", "-f", images[0], "-a", "-o", "jsonl",
                       "--describe", status=(2,))
    out, err = run(impscan, "-r", "-", "-a", "-o", "jsonl", stdin=described)
    check(out == saved[0].read_text(encoding="utf-8"), "rows behind descriptions")
    check(re.search("no.raw' could not be read when it was scanned: .*no Windows kernel", err), err)
    first = described.splitlines()[0]
    _, err = run(impscan, "-r", "-", "-a", stdin=first, status=(1,))
    check("could not be read when it was scanned" in err, f"nothing but a description: {err}")


def test_hostile(impscan, saved, folder):
    """What a row must not have: hashes that are none; and flags that are not known are flags."""
    row = json.loads(saved[0].read_text(encoding="utf-8").splitlines()[1])
    for hashed in ("\u001b[31m", "24:a\u202e:b", "a\u0000", "a b", '"', "24:<b>:x"):
        _, err = run(impscan, "-r", "-", "-a", status=(0,),
                     stdin=jsonl([row, {**row, "impfuzzy": hashed}]))
        check("standard input:2: is left out: 'impfuzzy' is damaged" in err, f"{hashed!r}: {err}")
    flagged = saved[0].read_text(encoding="utf-8").replace('"flags":[]', '"flags":["to-come"]')
    out, _ = run(impscan, "-q", "-r", "-", "-a", "-k", saved[0], "--only", "new", "-o", "jsonl",
                 stdin=flagged)
    check(len(rows_of(out)) >= flagged.count("to-come") > 50, "flags that are not known are none for -k")
    # A folder with a file that can't be read to its end: an error, and the others are done.
    mixed = folder / "mixed"
    shutil.rmtree(mixed, ignore_errors=True)
    mixed.mkdir()
    shutil.copy(saved[1], mixed / "b.jsonl")
    (mixed / "a.jsonl.gz").write_bytes(gzip.compress(saved[0].read_bytes())[:-200])
    (mixed / "c.warnings").write_text("a warning\n", encoding="utf-8")
    out, err = run(impscan, "-r", mixed, "-a", "-o", "jsonl", status=(2,))
    check("a.jsonl.gz: can't be unpacked" in err and out.endswith(saved[1].read_text(encoding="utf-8")),
          f"a folder with a cut file: {err}")
    # Two machines whose rows alternate are told once each.
    mixed = [json.loads(line) for path in saved[:2]
             for line in path.read_text(encoding="utf-8").splitlines()[:20]]
    mixed = [row for pair in zip(mixed[:20], mixed[20:]) for row in pair]
    _, err = run(impscan, "-r", "-", "-s", "1" * 32, stdin=jsonl(mixed), status=(1,))
    check(err.count("stand in several places") == 2, err)


def test_packed(impscan, saved, folder):
    """Compressed files, archives, folders and pipes give the same rows."""
    text = saved[0].read_bytes()
    expected, _ = run(impscan, "-q", "-r", saved[0], "-a", "-o", "jsonl")
    packed = folder / "packed"
    shutil.rmtree(packed, ignore_errors=True)
    packed.mkdir()
    (packed / "a.jsonl.gz").write_bytes(gzip.compress(text))
    (packed / "b.jsonl.xz").write_bytes(lzma.compress(text))
    (packed / "c.jsonl.bz2").write_bytes(bz2.compress(text))
    with zipfile.ZipFile(packed / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.jsonl", text)
        archive.writestr("empty", b"")
        archive.writestr("y.jsonl", text)
    each = {"a.jsonl.gz": 1, "b.jsonl.xz": 1, "c.jsonl.bz2": 1, "d.zip": 2}
    for name, times in each.items():
        out, err = run(impscan, "-r", packed / name, "-a", "-o", "jsonl")
        check(out == expected * times, f"{name}: other rows: {err}")
        piped = subprocess.run([impscan, "-q", "-r", "-", "-a", "-o", "jsonl"], check=False,
                               input=(packed / name).read_bytes(), capture_output=True)
        check(piped.stdout.decode() == expected * times, f"{name} from a pipe: {piped.stderr}")
    (packed / "notes.txt").write_text("no rows\n", encoding="utf-8")
    out, err = run(impscan, "-r", packed, "-a", "-o", "jsonl")
    check(out == expected * 5 and "1 of 5 files have no rows" in err and "is left out" not in err,
          f"a folder: {err}")
    cut, many = packed / "cut.gz", gzip.compress(text * 30)
    cut.write_bytes(many[:len(many) // 2])
    out, err = run(impscan, "-r", cut, "-r", saved[1], "-a", "-o", "jsonl", status=(2,))
    check("cut.gz: can't be unpacked: truncated" in err, f"a cut file: {err}")
    other = saved[1].read_text(encoding="utf-8")
    check(out.endswith(other), "rows of the file behind one that is cut")
    check(0 < out.count("\n") - other.count("\n") and
          (expected * 30).startswith(out[:-len(other)]), "rows before a cut")


def test_errors(impscan, images, saved, folder):
    for content, sentence in [(b"\xff\xfe{\0", "is UTF-16"), (b"MDMP\0\0", "is no text"),
                              (b"some text\n", "has no saved rows"), (None, "can't open")]:
        bad = folder / "bad"
        bad.unlink(missing_ok=True)
        if content:
            bad.write_bytes(content)
        out, err = run(impscan, "-q", "-r", bad, saved[0], "-a", "-o", "jsonl", status=(2,))
        check(sentence in err and out, f"{content}: {err}")
    for content, sentence in [("", "it is empty"), ("\n\n", "it is empty"), ("[\n{\n", "no line of it"),
                              ('{"Name":"x"}\n', "of another program"),
                              ('{"pid":4,"sources":[]}\n', "they are of processes")]:
        out, err = run(impscan, "-q", "-r", "-", "-a", status=(2,), stdin=content)
        check("has no saved rows of modules" in err and sentence in err, f"{content!r}: {err}")
    _, err = run(impscan, "-q", "-r", saved[0], "-a", "--image", "none", status=(2,))
    check("no row is of an image that --image 'none' fits" in err, err)
    for arguments, sentence in [
            ([], "nothing to do with the saved rows"), (["--regions"], "-r changes nothing for"),
            (["--info"], "-r changes nothing for"), (["-a", "-F"], "-F changes nothing for a listing of"),
            (["-a", "-d", folder / "new"], "-d changes nothing"),
            (["-s", "1" * 32, "--deep"], "--deep changes nothing for a search of saved rows"),
            (["-a", "-f", images[0]], "an image, .* and saved rows"),
            (["-a", "-r", "-", "-r", "-"], "is given twice"),
            (["-a", "--label", "x"], "label")]:
        _, err = run(impscan, "-r", saved[0], *arguments, status=(2,))
        check(re.search(sentence, err), f"{arguments}: {err}")
    _, err = run(impscan, "-f", images[0], "-a", "--image", "x", status=(2,))
    check("--image changes nothing" in err, err)
    # The image of the environment is not meant.
    environment = {**os.environ, "IMPSCAN_IMAGE": str(images[1])}
    out = subprocess.run([impscan, "-q", "-r", saved[0], "-a", "-o", "jsonl"], env=environment,
                         check=True, capture_output=True, text=True).stdout
    check(out == saved[0].read_text(encoding="utf-8"), "IMPSCAN_IMAGE is read in place of rows")


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, folder = arguments.impscan, arguments.folder
    images = write_images(arguments.mkimage, folder)
    saved = []
    for image in images:
        out, _ = run(impscan, "-q", "-f", image, "-a", "-o", "jsonl")
        saved.append(folder / (image.stem + ".jsonl"))
        saved[-1].write_text(out, encoding="utf-8")
    hashes = folder / "hashes.txt"
    write_list([row for path in saved for row in rows_of(path.read_text(encoding="utf-8"))], hashes)
    test_listing(impscan, images, saved)
    test_search(impscan, images, saved, hashes)
    test_samples(impscan, saved)
    test_again(impscan, saved, hashes)
    test_images(impscan, images, saved)
    test_places(impscan, saved, hashes)
    test_damage(impscan, saved, folder)
    test_described(impscan, images, saved, folder)
    test_hostile(impscan, saved, folder)
    if can_unpack(impscan, "saved rows in archives", "libarchive"):
        test_packed(impscan, saved, folder)
    test_errors(impscan, images, saved, folder)
    finish(f"saved rows of {len(images)} images")


if __name__ == "__main__":
    main()
