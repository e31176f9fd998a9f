#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that belong together or not, searches that compare nothing, folders that are cut off.

    test_options.py IMPSCAN MKIMAGE FOLDER
"""

import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from image_truth import FUZZY, can_unpack, check, finish, rows, run

MAN = pathlib.Path(__file__).resolve().parents[2] / "man" / "impscan.1"
DOTNET = "f34d5f2d4577ed6d9ceec516c1f5a744"


def fails(impscan, sentence, *arguments, environment=None, stdin=None):
    """One sentence on standard error, nothing on standard output, exit 2."""
    result = subprocess.run([impscan, *map(str, arguments)], capture_output=True, text=True,
                            timeout=60, check=False, input=stdin,
                            env=dict(os.environ, **(environment or {})))
    last = result.stderr.splitlines()[-1] if result.stderr else ""
    check(result.returncode == 2 and result.stdout == "",
          f"{arguments}: exit {result.returncode}, wrote {result.stdout[:80]!r}")
    check(last.startswith("impscan: error: ") and result.stderr.count(": error: ") == 1,
          f"{arguments}: not one sentence: {result.stderr!r}")
    check(re.search(sentence, last), f"{arguments}: {last!r} does not say {sentence!r}")
    return result.stderr


def modes_of(image, samples):
    """What a run can be for, with what makes it do that."""
    return {
        "-a": [image, "-a"],
        "search": [image, "-s", "1" * 32],
        "--regions": [image, "--regions"],
        "--processes": [image, "--processes"],
        "--imports": [image, "--imports"],
        "--info": [image, "--info"],
        "hashes": ["-e", samples, "--print-hashes"],
        "--list-profiles": ["--list-profiles"],
        "--import-symbols": ["--import-symbols", samples / "none.json"],
        "saved": ["-r", samples.parent / "saved.jsonl", "-a"],
        "saved search": ["-r", samples.parent / "saved.jsonl", "-s", "1" * 32],
    }


# In which of them an option changes something.
IMAGE = {"-a", "search", "--regions", "--processes", "--imports", "--info"}
ROWS = IMAGE - {"--info", "--processes"}
SAVED = {"saved", "saved search"}
OTHERS = {"hashes", "--list-profiles", "--import-symbols"} | SAVED
USES = {
    "-p 4": IMAGE | SAVED, "--deep": IMAGE, "--only kernel": ROWS | SAVED, "-m x": ROWS | SAVED,
    "-t 50": {"search", "saved search"}, "--best": {"search", "saved search"},
    "--min-imports 3": {"search", "saved search"}, "--image *": SAVED,
    "-k GOOD": {"-a", "search"} | SAVED, "-F": {"-a", "search"},
    "--color never": IMAGE | SAVED, "--tree": {"--processes"}, "--tree -F": {"--processes"}, "-d NEW": {"-a", "search"},
    "-o csv": IMAGE | SAVED | {"hashes", "--list-profiles"},
    "--profile YAML": IMAGE | {"--list-profiles", "--import-symbols"},
    "--profile-dir MORE": IMAGE | {"--list-profiles", "--import-symbols"},
    "--infer": IMAGE, "--label x": IMAGE, "--profile-out NEW": IMAGE, "--build 19041": {"--import-symbols"},
    "--describe -o jsonl": IMAGE - {"--info"},
    "--dtb DTB": IMAGE, "--kernel KERNEL": IMAGE,
    "-j 1": IMAGE | OTHERS,
    "-q": IMAGE | OTHERS,
    "-v": IMAGE | OTHERS,
}


def test_pairs(impscan, image, folder, truth):
    """Every option with everything that a run can be for: it works, or is refused by a sentence."""
    more = folder / "more"
    more.mkdir(exist_ok=True)
    modes = modes_of(image, folder / "pe")
    yaml = folder / "layout.yaml"
    yaml.unlink(missing_ok=True)
    run(impscan, image, "--profile-out", yaml)
    shutil.copy(yaml, more / "layout.yaml")
    (folder / "saved.jsonl").write_text(run(impscan, "-q", image, "-a", "-o", "jsonl")[0],
                                        encoding="utf-8")
    good = folder / "good.txt"
    good.write_text("1" * 32 + "\n")
    for (mode, base), (option, uses) in itertools.product(modes.items(), USES.items()):
        new = folder / "new"
        values = {"GOOD": good, "NEW": new, "YAML": yaml, "MORE": more, "DTB": truth["dtb"],
                  "KERNEL": truth["kernel_base"]}
        arguments = [values.get(word, word) for word in option.split()]
        if mode not in uses:
            fails(impscan, "changes nothing for .*it goes with", *base, *arguments)
        else:
            _, err = run(impscan, *base, *arguments, status=(0, 1, 2))
            check("changes nothing" not in err, f"{mode} {option}: {err!r}")
            check("error" not in err or mode == "--import-symbols", f"{mode} {option}: {err!r}")
        if new.is_dir():
            shutil.rmtree(new)
        new.unlink(missing_ok=True)
    # Two things to print, whichever they are.
    for (a, first), (b, second) in itertools.combinations(modes.items(), 2):
        if {a, b} not in ({"-a", "search"}, SAVED):
            second = [word for word in second if word != image]
            if b in SAVED and first[0] == image:  # alone it would be more rows
                first = ["-f", *first]
            fails(impscan, "two things to print|changes nothing|one at a time", *first, *second)


def test_contradictions(impscan, image, folder):
    (folder / "hollow").mkdir(exist_ok=True)
    for arguments, sentence in [
            ([image, "--info", "-o", "misp"], "-o misp is of modules"),
            (["--list-profiles", "--password", "x"], "--password changes nothing for --list-profiles"),
            ([image, "-a", "--only", "new"], "--only new shows what -k does not know"),
            ([image, "--only", "new"], "--only new shows what -k does not know"),
            ([image, "-a", "-k", folder / "missing"], "missing: can't be opened"),
            ([image, "-a", "-k", "/dev/null"], "nothing in it is known to be good"),
            ([image, "-k", folder / "good.txt"], "-k leaves rows out.*add --only new"),
            ([image, "-a", "-k", folder / "hollow"], "hollow: is a folder without files"),
            ([image, "-i", folder / "hollow"], "hollow: is a folder without files"),
            ([image, "-i", folder / "pe"], "nothing can be taken of the folder's .* files; the first: .*is a program: give it with -e"),
            (["-f", image, image, "--profile-out", "x"], "of one image, and 2 are given"),
            (["--dtb", "0x1000", image, image, "-a"], "--dtb stands before the first image"),
            (["--label", "x", image, image, "-a"], "--label stands before the first image"),
            ([image, image, "--label", "a", "--label", "b", "-a"], "--label is given twice for"),
            ([image, "--dtb", "0x1", image, "--dtb", "0x1", "--dtb", "0x2", "-a"],
             "--dtb is given twice for"),
            ([image, "--kernel", "0x1", "--kernel", "0x1", "-a"], "--kernel is given twice for"),
            ([image, "--label", "", "-a"], "--label needs a name"),
            ([image, "--list-profiles"], "-f changes nothing for --list-profiles"),
            ([image, "-e", folder / "pe", "-t", "90"], "what stands alone is a sample.*-f .*demo"),
            (["--label", "x", "-e", folder / "pe"], "--label changes nothing for"),
            (["-f", "-", "-s", "0" * 32, "-i", "-"], "standard input \\(-\\) is given twice"),
            (["-f", image, "-a", "--memory", "0"], "--memory '0' is not a size"),
            (["-f", image, "-a", "--unpack", "x"], "--unpack 'x' is not a size"),
            (["-f", image, "-a", "--unpack", "4GB"], "--unpack '4GB' is not a size"),
            (["-f", image, "-a", "--unpack", "17T"], "not a size up to 16T"),
            (["-f", image, "-a", "--unpack", "K"], "--unpack 'K' is not a size"),
            (["-", "-", "-a"], "standard input \\(-\\) is given twice"),
            ([image, "-a", "-o", "csv", "-o", "json"], "-o is given twice"),
            ([image, "-a", "-m", "x", "-m", "y"], "-m is given twice"),
            ([image, "-a", "-m", ""], "-m needs"),
            ([image, "-s", "1" * 32, "-t", 1, "-t", 2], "-t is given twice"),
            ([image, "-a", "--pagefile", "0=a", "--pagefile", "0=b"], "--pagefile 0 is given twice"),
            ([image, "-i", "-", "-i", "-"], "standard input \\(-\\) is given twice"),
            ([image, "-a", "-q", "-v"], "-q and -v"),
            ([image, "-a", "-F", "--only", "hooked"], "-F does not look"),
            ([image, "-a", "-F", "--only", "hook-target"], "-F does not look"),
            ([image, "-a", "-F", "--only", "hidden,no-header"], "-F does not look"),
            ([image, "--print-hashes"], "-e"),
            ([image, "--inf"], "no option --inf; did you mean --infer|--inf is not"),
            ([image, "-a", "--thread", "2"], "did you mean --threads"),
            ([image, "-a", "--thread=2"], "did you mean --threads"),
    ]:
        fails(impscan, sentence, *arguments)
    for option in ("--help", "--version", "-h", "-V"):
        run(impscan, option, "-a")
    fifo = folder / "fifo"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    for arguments in (["--pagefile", f"0={fifo}"], ["--profile", fifo]):
        fails(impscan, "pipe|not a file", image, "-a", *arguments)
    fails(impscan, "pipe", "--import-symbols", fifo)
    fails(impscan, "'standard input' is empty", "-f", "-", "-a", stdin="")
    fails(impscan, "device", image, "-a", "--profile", "/dev/zero")


def test_selection(impscan, image):
    """--only and -m choose the same modules whatever is listed of them."""
    every = rows(impscan, image, "-a")
    names = {row["module"] for row in every}
    for only in (["--only", "injected"], ["--only", "hidden"], ["--only", "hollowed"],
                 ["--only", "injected,hollowed"], ["-m", "KERNEL32"], ["-m", "injected"],
                 ["--only", "hidden", "-m", "kernel32"], ["--only", "wow64"]):
        listed = {(row["pid"], row["base"]) for row in rows(impscan, image, "-a", *only)}
        check(listed and len(listed) < len(every), f"-a {only}: {len(listed)} rows")
        imports = rows(impscan, image, "--imports", *only)
        everything = rows(impscan, image, "--imports")
        check(imports == [row for row in everything if (row["pid"], row["base"]) in listed],
              f"--imports {only}: {len(imports)} of {len(everything)} rows")
    check("INJECTED CODE" in names, "nothing injected, so nothing is tested")

    regions = rows(impscan, image, "--regions")
    injected = [row for row in every if row["module"] == "INJECTED CODE"]
    holding = [region for region in regions if any(
        region["pid"] == row["pid"] and
        int(region["start"], 16) <= int(row["base"], 16) <= int(region["end"], 16)
        for row in injected)]
    check(0 < len(holding) < len(regions), f"{len(holding)} of {len(regions)} regions hold code")
    check(rows(impscan, image, "--regions", "--only", "injected") == holding, "--regions --only")
    check(rows(impscan, image, "--regions", "-m", "injected") == holding, "--regions -m NAME")
    one = holding[-1]
    check(rows(impscan, image, "--regions", "-m", hex(int(one["start"], 16) + 1), "-p", one["pid"])
          == [one], "--regions -m ADDRESS")

    module = next(row for row in every if row["module"].lower() == "kernel32.dll")
    inside = hex(int(module["base"], 16) + module["size"] - 1)
    found = rows(impscan, image, "-a", "-m", inside, "-p", module["pid"])
    check([row["base"] for row in found] == [module["base"]], "-a -m ADDRESS")
    found = rows(impscan, image, "-s", module["imphash"], "-m", inside, "-p", module["pid"])
    check([row["base"] for row in found] == [module["base"]], "a search with -m")
    out, _ = run(impscan, image, "--info", "-p", module["pid"], "-o", "json")
    info = json.loads(out)[0]
    check(info["processes"] == 1 and
          info["modules"] == sum(row["pid"] == module["pid"] for row in every), "--info -p")
    check(all(isinstance(row["hooked"], bool) for row in everything), "hooked is no boolean")
    check(all(row["readable"] == 1 for row in every if row["status"] == "no-imports"),
          "a module without imports is not readable")


def test_selection_by_look(impscan, image):
    """Flags that only a look at a module tells."""
    every = rows(impscan, image, "-a")
    hooked = {(row["pid"], row["base"]) for row in every if "hooked" in row["flags"]}
    check(0 < len(hooked) < len(every), f"{len(hooked)} modules are hooked")
    everything = rows(impscan, image, "--imports")
    check(rows(impscan, image, "--imports", "--only", "hooked") ==
          [row for row in everything if (row["pid"], row["base"]) in hooked],
          "--imports --only hooked")


def test_compared_nothing(impscan, image, folder):
    """A search that compared nothing must not look like one that found nothing."""
    nothing = folder / "nothing"
    shutil.rmtree(nothing, ignore_errors=True)
    nothing.mkdir()
    (folder / "empty.txt").write_text("")
    (folder / "comments.txt").write_text("# one\n\n# two\n")
    fails(impscan, "no hash to compare with: 0 sample files", "-f", image, "-e", nothing)
    (nothing / "a.zip").write_bytes(b"PK\3\4" + bytes(100))
    (nothing / "b.txt").write_text("text")
    # Of an archive also what is in it counts, where it can be opened.
    bad = 2 if can_unpack(impscan, "samples in a damaged archive", "libarchive") else 1
    fails(impscan, rf"no hash to compare with: {bad + 1} sample files \(1 no PE, {bad} not readable\)", "-f", image,
          "-e", nothing)
    for path in (folder / "empty.txt", folder / "comments.txt", "/dev/null"):
        fails(impscan, "no hash to compare with: 1 of 1 lists", image, "-i", path)
    fails(impscan, "no hash to compare with: 1 of 1 lists", image, "-i", "-", stdin="# none\n")
    fails(impscan, "1 of 1 lists .*1 hashes of an empty", image, "-i", "/dev/null", "-s", "3::")
    fails(impscan, f"{bad + 1} sample files .*1 of 1 lists", "-f", image, "-q", "-e", nothing, "-i", "/dev/null")
    fails(impscan, "no hash to compare with", "-f", image, "-a", "-e", nothing)
    _, err = run(impscan, image, "-i", "/dev/null", "-s", "1" * 32, status=(1,))
    check("/dev/null: no hash in it" in err, f"an empty list among others: {err!r}")
    # Without evidence the hashes are what is printed.
    for form in "table", "csv", "jsonl":
        run(impscan, "-e", nothing, "-o", form, status=(1,))
        run(impscan, "-e", folder / "pe", nothing, "-o", form, status=(0,))


def test_doubtful_hashes(impscan, image, folder):
    """Hashes of files in the place of import lists', and those that half the world has."""
    files = [f"{size}:AbCdEfGh{n}:IjKlMn{n}" for n, size in enumerate((192, 384, 768, 6144))]
    imports = [f"{size}:AbCdEfGh{n}:IjKlMn{n}" for n, size in enumerate((3, 24, 48, 96))]
    for hashes, doubted in ((files, True), (imports, False), (files[2:] + imports, False),
                            (files[1:] + imports[:3], True)):
        path = folder / "ssdeep.txt"
        path.write_text("ssdeep,1.1--blocksize:hash:hash,filename\n" +
                        "".join(f'{text},"a.exe"\n' for text in hashes))
        _, err = run(impscan, image, "-i", path, status=(0, 1))
        check(("ssdeep.txt: " in err and "whole files" in err) == doubted, f"{hashes}: {err!r}")
        _, err = run(impscan, image, *sum((["-s", text] for text in hashes), []), status=(0, 1))
        check(("-s: " in err and "whole files" in err) == doubted, f"-s {hashes}: {err!r}")
    (folder / "pairs.txt").write_text("".join(f"{'1' * 31}{n} {text}\n"
                                              for n, text in enumerate(files)))
    _, err = run(impscan, image, "-i", folder / "pairs.txt", status=(0, 1))
    check("whole files" not in err, f"hashes beside an imphash are doubted: {err!r}")

    check(hashlib.md5(b"mscoree._corexemain").hexdigest() == DOTNET, "the test's own hash")
    known = [DOTNET, DOTNET.upper(), hashlib.md5(b"mscoree._cordllmain").hexdigest()]
    if FUZZY:
        known.append(FUZZY(b"mscoree._corexemain"))
    for text in known:
        _, err = run(impscan, image, "-s", "1" * 32, "-s", text, status=(0, 1))
        check(err.count(".NET") == 1, f"{text}: {err!r}")
        _, err = run(impscan, image, "-q", "-s", text, status=(0, 1))
        check(err == "", f"-q: {err!r}")
    _, err = run(impscan, image, "-s", "1" * 32, status=(1,))
    check(".NET" not in err, f"a warning of .NET without its hash: {err!r}")


def test_thresholds(impscan, image, folder):
    """0 is every score above 0, as documented."""
    zero = rows(impscan, image, "-e", folder / "pe", "-t", 0)
    check(zero == rows(impscan, image, "-e", folder / "pe", "-t", 1), "-t 0 differs from -t 1")
    check(zero and min(row["score"] for row in zero) > 0, "-t 0")


def test_arguments(impscan, image, folder):
    """Plain arguments, and IMPSCAN_IMAGE."""
    samples = sorted((folder / "pe").iterdir())
    by_glob, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", "-e", *samples)
    by_folder, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", "-e", folder / "pe")
    check(by_glob == by_folder, "-e samples/*")
    check(run(impscan, "-e", *samples)[0] == run(impscan, "-e", folder / "pe")[0], "hashes of *")
    check(run(impscan, image, "-a", "-q")[0] == run(impscan, "-f", image, "-a", "-q")[0],
          "an image as a plain argument")

    environment = dict(os.environ, IMPSCAN_IMAGE=str(image))

    def with_image(*arguments):
        result = subprocess.run([impscan, *map(str, arguments)], env=environment, text=True,
                                capture_output=True, check=False)
        return result.stdout, result.stderr

    out, err = with_image("-e", folder / "pe", "-o", "jsonl")
    check(out == by_folder, "-e with IMPSCAN_IMAGE does not search it")
    check(err.splitlines()[0] == f"impscan: image: {image} (IMPSCAN_IMAGE)", f"said: {err!r}")
    check(with_image("-a", "-q")[1] == "", "-q with IMPSCAN_IMAGE")
    out, err = with_image("-e", folder / "pe", "--print-hashes")
    check(out == run(impscan, "-e", folder / "pe")[0] and "IMPSCAN_IMAGE" not in err,
          "--print-hashes with IMPSCAN_IMAGE")
    out, err = with_image("--list-profiles", "-o", "csv")
    check(out.startswith("name,") and err == "", "--list-profiles with IMPSCAN_IMAGE")
    out, err = with_image("-f", folder / "none", "-a")
    check("none" in err and "IMPSCAN_IMAGE" not in err, f"-f goes first: {err!r}")


def test_matched_hash(impscan, image, folder):
    """The table's row says which hash matched, and shows that one."""
    row = next(row for row in rows(impscan, image, "-a") if row["imphash"] and row["imports"] > 40)
    for field in "imphash", "impfuzzy":
        out, _ = run(impscan, image, "-q", "-s", row[field], "-t", 100)
        words = [line.split() for line in out.splitlines()]
        check(words[0][-4:] == ["By", "Hash", "Compare", "Match"], f"heading {words[0]}")
        check(all(line[-4:] == [field, row[field], "100", row[field]] for line in words[1:]),
              f"{field}: {words[1:2]}")


def test_wide(impscan, images):
    """Every cell of -o wide begins below its heading, or ends there; the last is of any length."""
    manual = re.sub(r"\s+", " ", MAN.read_text())
    for image in images:
        for arguments in (["-a"], ["--regions"], ["--imports"]):
            out, _ = run(impscan, image, "-q", "-o", "wide", *arguments, status=(0, 1))
            if not out:  # no region
                continue
            lines = out.splitlines()
            heading = lines[0]
            named = ", ".join(re.split(" {2,}", heading.strip()))
            check(named in manual, f"{arguments}: the manual does not have the columns {named}")
            starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", heading)]
            ends = [match.end() for match in re.finditer(r"\S+(?: \S+)*", heading)]
            for line in lines[1:]:
                cells = [(match.start(), match.end())
                         for match in re.finditer(r"\S+(?: \S+)*", line)]
                check(len(cells) == len(starts), f"{arguments}: {len(cells)} cells in {line!r}")
                for (start, end), begin, finish_at in list(zip(cells, starts, ends))[:-1]:
                    check(start == begin or end == finish_at,
                          f"{arguments}: a cell at {start} below {begin}: {line!r}")


def test_wide_rebuilt(impscan, image):
    """-o wide has no fewer lines than the table: rebuilt lists, with the hashes that JSON has."""
    out, _ = run(impscan, image, "-q", "-a", "-o", "jsonl")
    rebuilt = [row for row in map(json.loads, out.splitlines()) if row["rebuilt_imphash"]]
    check(rebuilt, "no module has a rebuilt list")
    for form in "table", "wide":
        out, _ = run(impscan, image, "-q", "-a", "-o", form)
        lines = [line for line in out.splitlines() if " (rebuilt) " in line]
        check(len(lines) == len(rebuilt) and
              all(f" {row['rebuilt_imphash']} " in line and row["rebuilt_impfuzzy"] in line
                  for row, line in zip(rebuilt, lines)),
              f"{form}: {len(lines)} lines of {len(rebuilt)} rebuilt lists, or others")


def test_no_kernel(impscan, folder):
    """--info tells what it can of an image without Windows in it."""
    noise = folder / "noise"
    noise.write_bytes(os.urandom(1 << 20))
    for form in "table", "json", "csv", "jsonl":
        out, err = run(impscan, noise, "--info", "-o", form, status=(2,))
        check("no Windows kernel found" in out and err.count("error") == 1 and
              "page maps tried" in err, f"--info -o {form}: {out!r} {err!r}")
    info = json.loads(run(impscan, noise, "--info", "-o", "json", status=(2,))[0])[0]
    check((info["file_size"], info["memory_size"], info["ranges"], info["dtb"]) ==
          (1 << 20, 1 << 20, 1, None) and "raw" in info["format"], f"--info: {info}")
    check("error" in info and info["error"] and list(info).index("error") == 34, "the field error")
    out, _ = run(impscan, noise, "-a", status=(2,))
    check(out == "", "-a prints facts of an image without a kernel")


def dump_files(target):
    return {path.name: path.read_bytes() for path in target.iterdir()}


def limited(impscan, size, *arguments):
    """A run that can write no file larger than `size`, as on a full disk."""
    import resource  # pylint: disable=import-outside-toplevel

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run([impscan, *map(str, arguments)], capture_output=True, text=True,
                          check=False, preexec_fn=limit, restore_signals=False)


def test_dump_failures(impscan, image, folder):
    """A folder of modules that could not be written whole."""
    target, whole = folder / "out", folder / "whole"
    for path in target, whole:
        shutil.rmtree(path, ignore_errors=True)
    run(impscan, image, "-a", "-q", "-d", whole)
    expected = dump_files(whole)

    # No module fits: an error, with an index that says why.
    result = limited(impscan, 1 << 14, image, "-a", "-p", 4, "-m", "ntoskrnl", "-d", target)
    check(result.returncode == 2 and "none of the 1 modules" in result.stderr,
          f"no module written: {result.returncode} {result.stderr!r}")
    check(json.loads((target / "index.json").read_text())[0]["file"] is None, "its index")
    shutil.rmtree(target)
    # The index does not fit: none is left, and what was written does not stop the next run.
    result = limited(impscan, 4096, image, "-a", "-d", target)
    check(result.returncode == 2 and "disk full" in result.stderr,
          f"no room for the index: {result.returncode} {result.stderr!r}")
    check(not list(target.glob("index.json*")), "an index that is not whole")
    run(impscan, image, "-a", "-q", "-d", target)
    check(dump_files(target) == expected, "going on where the disk was full")
    # A run that was killed: what is there is told, and kept.
    (target / "index.json").rename(target / "index.json.part")
    fails(impscan, "index.json.part.*remove it", image, "-a", "-d", target)
    (target / "index.json.part").unlink()
    run(impscan, image, "-a", "-q", "-d", target)
    check(dump_files(target) == expected, "going on after a run that was killed")
    # An error before the first module leaves nothing.
    shutil.rmtree(target)
    fails(impscan, "no process with PID", image, "-a", "-p", 999996, "-d", target)
    check(not target.exists(), "an error left a folder")
    run(impscan, image, "-s", "1" * 32, "-d", target, status=(1,))
    check(dump_files(target) == {"index.json": b"[]\n"}, "nothing found, nothing written")


def test_interrupt(impscan, image, folder):
    """Signals end a folder of modules in order: a valid index of all files."""
    target = folder / "interrupted"
    early = 0
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        shutil.rmtree(target, ignore_errors=True)
        process = subprocess.Popen([impscan, str(image), "-a", "-j", "2", "-d", str(target)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not list(target.glob("*.bin")):
            time.sleep(0.001)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        index = json.loads((target / "index.json").read_text())
        files = {path.name for path in target.glob("*.bin")}
        check(files == {entry["file"] for entry in index if entry["file"]},
              f"{number!r}: index and files differ")
        check(not (target / "index.json.part").exists(), f"{number!r}: a part is left")
        if process.returncode == -number:
            early += 1
            check("interrupted" in err and f"{len(index)} modules" in err, f"said: {err!r}")
    check(early, "no run was interrupted, so nothing is tested")


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    images = {}
    for scenario in "demo", "hidden", "rebuilt":
        images[scenario] = folder / f"{scenario}.raw"
        (folder / "pe").mkdir(exist_ok=True)
        more = ["--pe-out", folder / "pe", "--memory", "64"] if scenario == "demo" else []
        subprocess.run([mkimage, "--scenario", scenario, "-o", images[scenario], "--truth",
                        folder / f"{scenario}.json", *more], check=True)
    demo = images["demo"]
    truth = json.loads((folder / "demo.json").read_text())
    test_pairs(impscan, demo, folder, truth)
    test_contradictions(impscan, demo, folder)
    test_selection(impscan, images["hidden"])
    test_selection_by_look(impscan, images["rebuilt"])
    test_compared_nothing(impscan, demo, folder)
    test_doubtful_hashes(impscan, demo, folder)
    test_thresholds(impscan, demo, folder)
    test_arguments(impscan, demo, folder)
    test_matched_hash(impscan, demo, folder)
    test_wide(impscan, images.values())
    test_wide_rebuilt(impscan, images["hidden"])
    test_no_kernel(impscan, folder)
    test_dump_failures(impscan, demo, folder)
    test_interrupt(impscan, demo, folder)
    for path in ("out", "whole", "interrupted"):
        shutil.rmtree(folder / path, ignore_errors=True)
    finish("options")


if __name__ == "__main__":
    main()
