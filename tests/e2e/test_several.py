#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several images in one run: their rows, names, errors, files and ends.

    test_several.py IMPSCAN MKIMAGE FOLDER
"""

import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

from image_truth import check, finish, read_terminal, run

# By file: what mkimage is given.
IMAGES = {
    "a.raw": ["--scenario", "demo", "--format", "raw"],
    "b c.dmp": ["--scenario", "hidden", "--format", "dump"],
    "old.lime": ["--scenario", "plain", "--format", "lime", "--build", "7601"],
}
MODES = {
    "-a": ["-a"], "-F": ["-a", "-F"], "--regions": ["--regions"],
    "--imports": ["--imports", "-m", "kernel32"], "-s": ["-s", "1" * 32, "-a", "-t", "90"],
}


def parsed(out):
    return [json.loads(line) for line in out.split("\n") if line]


def single(impscan, images, *arguments):
    """What runs over one image each print as JSON lines, together."""
    return "".join(run(impscan, "-f", image, *arguments, "-o", "jsonl", "-q", status=(0, 1))[0]
                   for image in images)


def test_rows(impscan, images):
    """The rows are those of single runs, in the order of the images, whatever the threads."""
    for mode, arguments in MODES.items():
        order = [images[1], images[0], images[1]]
        expected = single(impscan, order, *arguments)
        for threads in (1, 3):
            out, err = run(impscan, *order, *arguments, "-o", "jsonl", "-q", "-j", threads)
            check(out == expected and err == "", f"{mode} -j {threads}: not the rows of each: {err}")
        named = {row["image"] for row in parsed(out)}
        check(str(images[1]) in named <= set(map(str, order)), f"{mode}: image: {named}")
    # However they are given.
    a, b, c = images
    expected = single(impscan, images, "-a", "-F")
    for given in (["-f", a, "-f", b, "-f", c], [a, "-f", b, "-a", c], [f"--file={a}", "--", b, c]):
        out, _ = run(impscan, "-a", "-F", "-o", "jsonl", "-q", *given)
        check(out == expected, f"{given}: other rows")


def test_forms(impscan, images):
    lines = parsed(single(impscan, images, "-a"))
    out, _ = run(impscan, *images, "-a", "-q", "-o", "json")
    check(json.loads(out) == lines, "JSON: not one array of all rows")
    out, _ = run(impscan, *images, "-a", "-q", "-o", "csv")
    table = list(csv.DictReader(io.StringIO(out, newline="")))
    check([(row["image"], row["pid"], row["base"]) for row in table] ==
          [(row["image"], str(row["pid"]), row["base"] or "") for row in lines], "CSV")
    # In a pipe every line has the image's name; on a terminal it stands above.
    for form in ("table", "wide"):
        out, _ = run(impscan, *images, "-a", "-q", "-o", form)
        heading, *rest = out.splitlines()
        width = max(len(str(image)) for image in images)
        check(heading.startswith("Image".ljust(width + 2)), f"{form}: {heading[:80]!r}")
        plain = [line for image in images for line in
                 run(impscan, image, "-a", "-q", "-o", form)[0].splitlines()[1:]]
        check([line[width + 2:] for line in rest] == plain, f"{form}: other lines than alone")
        names = [line[:width].rstrip() for line in rest]
        check(list(dict.fromkeys(names)) == list(map(str, images)), f"{form}: names {set(names)}")
        shown = on_terminal(impscan, *images, "-a", "-q", "-o", form)
        expected = "\n".join(f"{image}\n" + run(impscan, image, "-a", "-q", "-o", form)[0]
                             for image in images)
        check(shown == expected, f"{form}: on a terminal:\n{shown[:300]}")
    check(on_terminal(impscan, images[0], "-a", "-q") == run(impscan, images[0], "-a", "-q")[0],
          "one image on a terminal has a heading")


def on_terminal(impscan, *arguments, columns=0, error=False):
    """What is written to a terminal that is standard output, or standard error; 0 columns: it does not
    say how many it has, so that nothing is cut."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    streams = {"stdout": subprocess.DEVNULL, "stderr": theirs} if error else {
        "stdout": theirs, "stderr": subprocess.PIPE}
    err = b""
    with subprocess.Popen([impscan, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          env=dict(os.environ, NO_COLOR="1"), **streams) as process:
        os.close(theirs)
        shown = read_terminal(ours)
        if not error:
            err = process.stderr.read()
    check(process.returncode == 0 and err == b"", f"{arguments}: {err!r}")
    return shown.decode().replace("\r\n", "\n")


def test_progress(impscan, images):
    """The bar names the image, and fits the terminal."""
    just = len(f"[..........] 1/22 processes of {images[1]}") + 1
    for columns, name in ((just + 1, str(images[1])), (just - 1, images[1].name), (35, None),
                          (5, None)):
        shown = on_terminal(impscan, images[1], images[1], "-a", error=True, columns=columns)
        bars = [bar.split("\x1b")[0] for bar in re.findall(r"\r(\[[^\r\n]*)", shown)]
        check(bars, f"no bar in {shown!r}")
        check(name is None or any(bar.endswith(f" processes of {name}") for bar in bars),
              f"{columns} columns: {bars}")
        check(columns == 5 or all(len(bar) < columns for bar in bars), f"{columns} columns: {bars}")


def test_errors(impscan, images, folder):
    """What can't be read is told in its place, and the others are done."""
    a, b, _ = images
    (folder / "noise").write_bytes(os.urandom(1 << 20))
    (folder / "empty").write_bytes(b"")
    expected = single(impscan, [a, b], "-a", "-F")
    for place, bad, sentence in [(1, folder / "none", "'{}': No such file"),
                                 (0, folder / "empty", "'{}' is empty"),
                                 (2, folder / "noise", "{}: no .*Windows kernel"),
                                 (1, folder / "noise", "{}: no .*Windows kernel"),
                                 (1, folder, "'{}' is a folder")]:
        bad = str(bad)
        order = [a, b]
        order.insert(place, bad)
        out, err = run(impscan, *order, "-a", "-F", "-o", "jsonl", status=(2,))
        check(out == expected, f"{bad} at {place}: other rows")
        said = err.splitlines()
        check(len(said) == 4 and re.match("impscan: error: .*" + sentence.format(re.escape(bad)),
                                          said[place]), f"{bad} at {place}: {err}")
        check(said[place].count(bad) == 1, f"{bad} is named twice: {said[place]}")
        del said[place]
        check([line.split(": ")[1] for line in said[:2]] == [str(a), str(b)] and
              said[2].startswith("impscan: 3 images (1 with an error), "), f"{bad}: {err}")
    out, err = run(impscan, a, bad, "--label", "host 1", "-a", "-F", "-q", status=(2,))
    check(re.match(f"impscan: error: host 1: .*{re.escape(bad)}", err), f"label: {err}")
    for form in ("table", "csv", "json", "jsonl"):
        out, err = run(impscan, folder / "none", folder / "empty", "-a", "-o", form, status=(2,))
        check(out == "" and err.count("impscan: error: ") == 2, f"nothing to read: {out!r} {err}")
    out, err = run(impscan, a, b, "-a", "-p", "4012", "-o", "jsonl", status=(2,))
    check(out == single(impscan, [a], "-a", "-p", "4012") and
          f"error: {b}: no process with PID 4012" in err, f"-p: {err}")
    # Of the run as a whole: before any image.
    for wrong in (["-i", folder / "none"], ["-s", "nonsense"], ["--profile", folder / "none"]):
        out, err = run(impscan, a, b, "-a", *wrong, status=(2,))
        check(out == "" and len(err.splitlines()) == 1, f"{wrong}: {err}")


def test_names(impscan, images, folder):
    """Labels, and file names that want to be something else."""
    a, b, c = images
    out, err = run(impscan, a, "--label", "host  1", "-f", b, c, "--label", "=x\x1b[1m", "-a", "-o",
                   "jsonl")
    check([*dict.fromkeys(row["image"] for row in parsed(out))] == ["host  1", str(b), "=x\x1b[1m"],
          "labels in rows")
    check([line.split(": ")[1] for line in err.splitlines()[:3]] ==
          [r"host \x201", str(b), r"=x\x1b[1m"], f"labels on standard error: {err!r}")
    out, _ = run(impscan, a, b, "--label", "=x\x1b[1m", "-a", "-q", "-o", "csv")
    check(r",'=x\x1b[1m" in out.splitlines()[-1], f"label in CSV: {out.splitlines()[-1]}")
    out, _ = run(impscan, "--label", "one", a, "-a", "-q", "-o", "jsonl")
    check({row["image"] for row in parsed(out)} == {"one"}, "the label of a single image")
    result = subprocess.run([impscan, "-a", "-q", "-o", "jsonl", "--label", "env"], check=True,
                            env=dict(os.environ, IMPSCAN_IMAGE=str(a)), capture_output=True)
    check({row["image"] for row in parsed(result.stdout.decode())} == {"env"}, "$IMPSCAN_IMAGE")
    odd = folder / "odd"
    shutil.rmtree(odd, ignore_errors=True)
    odd.mkdir()
    names = ["-a", "x\ny.raw", "two  blanks", "ü\u202eexe.raw", "'quoted'", "=1+1"]
    for name in names:
        os.link(a, odd / name)
    os.link(a, os.path.join(os.fsencode(odd), b"\xff.raw"))
    here = subprocess.run([impscan, "-a", "-F", "-q", "-o", "jsonl", "--", *names, b"\xff.raw"],
                          cwd=odd, capture_output=True, check=True).stdout.decode()
    check([*dict.fromkeys(row["image"] for row in parsed(here))] == [*names, "\ufffd.raw"],
          "file names in rows")
    table = subprocess.run([impscan, "-a", "-F", "--", *names, b"\xff.raw"], cwd=odd,
                           capture_output=True, check=True)
    out, err = table.stdout.decode(), table.stderr.decode()
    width = max(map(len, (r"ü\u{202e}exe.raw", r"two \x20blanks")))
    shown = {line[:width].rstrip() for line in out.splitlines()[1:]}
    check(shown == {"-a", r"x\x0ay.raw", r"two \x20blanks", r"ü\u{202e}exe.raw", "'quoted'", "=1+1",
                    r"\xff.raw"}, f"file names in a table: {shown}")
    check(len(err.splitlines()) == len(names) + 2, f"file names on standard error: {err!r}")


def test_info(impscan, images, folder):
    a, b, _ = images
    noise = folder / "noise"
    for form in ("json", "jsonl", "csv"):
        out, _ = run(impscan, a, noise, b, "--label", "B", "--info", "-o", form, "-q", status=(2,))
        found = json.loads(out) if form == "json" else parsed(out) if form == "jsonl" else list(
            csv.DictReader(io.StringIO(out, newline="")))
        check([row["image"] for row in found] == [str(a), str(noise), "B"], f"--info -o {form}")
        check([bool(row["error"]) for row in found] == [False, True, False], f"--info -o {form}")
        check([row["path"] or "" for row in found] == ["", "", str(b)], f"--info -o {form}: path")
        check([bool(row["taken"]) for row in found] == [False, False, True], "--info: taken")
    out, _ = run(impscan, a, b, "--info", "-q")
    parts = out.split("\n\n")
    check("\n\n".join(parts) == "\n".join(run(impscan, image, "--info", "-q")[0]
                                          for image in (a, b)), f"--info: {out}")
    check(re.search(r"^Taken  +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$", parts[1], re.M), "--info: Taken")
    check(re.search(r"^Not in it  +0x0-0xfff \(4 KB\)$", parts[1], re.M), f"--info: {parts[1]}")


def test_search(impscan, mkimage, images, folder):
    """What is searched for is read once: also from a pipe."""
    pe = folder / "pe"
    shutil.rmtree(pe, ignore_errors=True)
    pe.mkdir()
    subprocess.run([mkimage, "--scenario", "demo", "--memory", "64", "-o", folder / "x.raw",
                    "--pe-out", pe], check=True)
    (folder / "x.raw").unlink()
    hashes, _ = run(impscan, "-e", pe)
    expected = single(impscan, images, "-e", pe)
    check({row["image"] for row in parsed(expected)} == set(map(str, images[:2])) |
          {row["image"] for row in parsed(single(impscan, images[2:], "-e", pe))}, "matches")
    files = [argument for image in images for argument in ("-f", image)]
    out, _ = run(impscan, *files, "-e", pe, "-o", "jsonl", "-q")
    check(out == expected, "-e: other matches than alone")
    # What stands alone is a sample there.
    samples = sorted(pe.iterdir())[:2]
    out, _ = run(impscan, *files, "-e", *samples, "-o", "jsonl", "-q")
    check({pathlib.Path(row["match"]).name for row in parsed(out)} <=
          {sample.name for sample in samples} and out, "-e with plain arguments")
    for given, warned in ([images[0], "-e", pe], 1), ([samples[0], "-e", pe], 0), (["-e", pe], 0):
        _, err = run(impscan, *given)
        check(err.count("it is an image, give it with -f") == warned, f"{given}: {err!r}")
    piped, _ = run(impscan, *images, "-i", "-", "-o", "jsonl", "-q", stdin=hashes)
    check(piped == single_with_list(impscan, images, hashes, folder), "-i -")


def single_with_list(impscan, images, hashes, folder):
    (folder / "hashes.txt").write_text(hashes)
    return single(impscan, images, "-i", folder / "hashes.txt")


def test_page_files(impscan, mkimage, folder):
    """A page file is that of the image before it."""
    paged = []
    for name in ("first", "second"):
        image, file = folder / f"{name}.raw", folder / f"{name}.sys"
        subprocess.run([mkimage, "--scenario", "demo", "--memory", "64", "--seed",
                        str(len(name)), "--move-out", "50", "--pagefile", file, "-o", image],
                       check=True)
        paged.append((image, file))
    (a, file_a), (b, file_b) = paged
    alone = [run(impscan, image, "--pagefile", f"0={file}", "-a", "-o", "jsonl", "-q")[0]
             for image, file in paged]
    without = single(impscan, [a, b], "-a")
    check(without != "".join(alone), "a page file makes no difference, so nothing is tested")
    out, err = run(impscan, a, "--pagefile", f"0={file_a}", b, "--pagefile", f"0={file_b}", "-a",
                   "-o", "jsonl", "-q")
    check(out == "".join(alone), f"two page files: {err}")
    out, _ = run(impscan, "-a", a, b, "--pagefile", f"0={file_b}", "-o", "jsonl", "-q")
    check(out == single(impscan, [a], "-a") + alone[1], "the page file of the second image")
    for path in (a, b, file_a, file_b):
        path.unlink()


def test_dump(impscan, images, folder):
    """Each image has a folder of its own, also when it is given twice."""
    a, b, _ = images
    target = folder / "dump"
    shutil.rmtree(target, ignore_errors=True)
    order = [a, folder / "none", a, b]
    arguments = [*order, "--label", "host: b.", "-a", "-p", "4", "-d", target, "-o", "jsonl", "-q"]
    out, _ = run(impscan, *arguments, status=(2,))
    names = {path.name for path in target.iterdir()}
    check(names == {"1.a.raw", "3.a.raw", "4.host__b._"}, f"-d: folders {names}")
    found = parsed(out)
    check(all((target / row["dump"]).is_file() for row in found) and len(found) > 10, "-d: files")
    for name in names:
        index = json.loads((target / name / "index.json").read_text())
        rows = [row for row in found if row["dump"].startswith(f"{name}/")]
        check([f"{name}/{entry['file']}" for entry in index] == [row["dump"] for row in rows],
              f"-d: index of {name}")
        check({entry["image"] for entry in index} == {rows[0]["image"]}, "-d: image in the index")
        check({path.name for path in (target / name).iterdir()} ==
              {entry["file"] for entry in index} | {"index.json"}, f"-d: files of {name}")
    check(len({row["dump"] for row in found}) == len(found), "-d: one file for two modules")
    _, err = run(impscan, *arguments, status=(2,))
    check(err.count("is there already, and nothing is overwritten") == 3, f"-d again: {err}")
    # What was cut off goes on.
    (target / "3.a.raw" / "index.json").unlink()
    again, err = run(impscan, *arguments, status=(2,))
    check(parsed(again) == [row for row in found if row["dump"].startswith("3.")], f"-d: {err}")
    empty = folder / "nothing"
    run(impscan, folder / "none", folder / "none", "-a", "-d", empty, "-q", status=(2,))
    check(not empty.exists(), "-d: a folder for images that can't be read")


def wait_until_full(process):
    """Waits until the program can't write any more to a pipe that nobody reads."""
    last = -1
    while process.poll() is None:
        size = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0\0\0\0"))[0]
        if size and size == last:
            return
        last = size
        time.sleep(0.3)


def test_ends(impscan, images, folder):
    """A signal, a reader that goes away, and a full disk end all of it."""
    a, b, _ = images
    target = folder / "cut"
    shutil.rmtree(target, ignore_errors=True)
    # A shell's background job ignores SIGINT, and so would impscan; what is caught is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, more in ((signal.SIGINT, []), (signal.SIGTERM, ["-d", target])):
        with subprocess.Popen([impscan, *map(str, [b] * 9), "-a", "-o", "jsonl", *map(str, more)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until_full(process)
            process.send_signal(number)
            out, err = process.communicate()
        check(process.returncode == -number, f"{number}: exit {process.returncode}, {err!r}")
        check(err.count(b"processes, ") <= len(out) // 50000, f"{number}: went on: {err!r}")
        check(b"images" not in err and b"error" not in err, f"{number}: {err!r}")
    folders = sorted(path.name for path in target.iterdir())
    check(len(folders) < 9 and all((target / name / "index.json").exists() for name in folders),
          f"folders of a run that was ended: {folders}")
    for order in ([a, b], [b, folder / "none", a]):
        result = subprocess.run([impscan, *map(str, order), "-a"], stdout=open("/dev/full", "w"),
                                stderr=subprocess.PIPE, text=True, check=False)
        check(result.returncode == 2 and result.stderr.count("could not be written") == 1 and
              "images" not in result.stderr, f"full disk: {result.stderr}")
    result = subprocess.run(f"'{impscan}' '{a}' '{b}' -a -q | head -n 1", shell=True, text=True,
                            capture_output=True, check=False)
    check(result.stdout.count("\n") == 1 and result.stderr == "", "a reader that goes away")


def test_warnings(impscan, images, folder):
    """They name the image, too, and so does -v."""
    a, b, _ = images
    cut = folder / "cut.dmp"
    cut.write_bytes(b.read_bytes()[:-1])
    _, err = run(impscan, a, cut, "-a", "-v", "-o", "jsonl")
    check(re.search(rf"^impscan: warning: {re.escape(str(cut))}: .*truncated", err, re.M), err)
    check(re.search(rf"^impscan: {re.escape(str(a))}: raw, Windows build 19041", err, re.M), err)
    _, err = run(impscan, cut, "-a", "-v", "-o", "jsonl")
    check(str(cut) not in err, f"a single image is named: {err}")
    cut.unlink()


def memory(impscan, images):
    """KB that a run takes at most, mapped files included."""
    environment = dict(os.environ)
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    with subprocess.Popen([impscan, *images, "-a", "-q", "-j", "2"], env=environment,
                          stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    check(process.returncode == 0, "memory")
    return usage.ru_maxrss


def test_memory(impscan, images):
    one, many = (memory(impscan, [images[1]] * count) for count in (1, 8))
    check(many < one * 1.3, f"8 images take {many} KB, one takes {one}")


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    images = [folder / name for name in IMAGES]
    for image, arguments in zip(images, IMAGES.values()):
        subprocess.run([mkimage, *arguments, "--memory", "64", "-o", image], check=True)
    test_rows(impscan, images)
    test_forms(impscan, images)
    test_progress(impscan, images)
    test_errors(impscan, images, folder)
    test_names(impscan, images, folder)
    test_info(impscan, images, folder)
    test_search(impscan, mkimage, images, folder)
    test_page_files(impscan, mkimage, folder)
    test_dump(impscan, images, folder)
    test_warnings(impscan, images, folder)
    test_ends(impscan, images, folder)
    test_memory(impscan, images)
    for image in images:
        image.unlink()
    finish("several images")


if __name__ == "__main__":
    main()
