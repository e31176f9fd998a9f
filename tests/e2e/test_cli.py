#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: exit codes, streams, output forms, lists, and wrong input.

    test_cli.py IMPSCAN MKIMAGE FOLDER
"""

import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys

from image_truth import check, finish, imphash, run, written_formats

MAN = pathlib.Path(__file__).resolve().parents[2] / "man" / "impscan.1"
FIELDS = ["pid", "ppid", "process", "eprocess", "base", "size", "module", "path", "found_in",
          "imports", "import_source", "imphash", "impfuzzy", "rebuilt_imports",
          "rebuilt_imphash", "rebuilt_impfuzzy", "readable", "status", "reason", "flags", "match",
          "score", "matched_hash", "dump", "impset", "rebuilt_impset", "image",
          "same_hash", "note", "match_comment", "timestamp", "typerefs", "typerefhash",
          "typerefuzzy", "go_functions", "gimphash", "gimpfuzzy", "assembly", "mvid", "go_version",
          "go_module", "started", "exited", "command_line", "rebuilt_others",
          "typerefhash_ordinal", "by_go", "names_unread"]


def fails(impscan, sentence, *arguments, stdin=None):
    """Wrong input: one sentence on standard error, nothing on standard output, exit 2."""
    out, err = run(impscan, *arguments, status=(2,), stdin=stdin)
    check(out == "", f"{arguments}: wrote to standard output: {out[:100]!r}")
    lines = err.splitlines()
    check(len(lines) == 1 and lines[0].startswith("impscan: error: "),
          f"{arguments}: not one sentence: {err!r}")
    check(re.search(sentence, err), f"{arguments}: {err!r} does not say {sentence!r}")


def test_wrong_input(impscan, image, folder):
    (folder / "empty").write_bytes(b"")
    (folder / "noise").write_bytes(os.urandom(1 << 20))
    (folder / "linux").write_bytes(bytes(1 << 20) + b"Linux version 6.1.0-18-amd64 (debian)" +
                                   bytes(1 << 20))
    (folder / "minidump").write_bytes(b"MDMP\x93\xa7" + bytes(8192))
    (folder / "hiberfil.sys").write_bytes(b"HIBR" + bytes(8192))
    (folder / "state.vmss").write_bytes(bytes.fromhex("d2bed2be") + bytes(8192))
    (folder / "bad.txt").write_text("# fine\n\n" + "a" * 32 + "\nnonsense here\n")
    (folder / "bad.yaml").write_text("name: x\narchitecture: vax\n")
    for arguments, sentence in [
            ([], "nothing to do"),
            (["-f", image], "nothing to do"),
            (["-a"], "no image given"),
            (["--frobnicate"], "--frobnicate"),
            (["-Z"], "-Z"),
            (["-f"], "option -f needs an argument"),
            (["-f", image, "-a", "--threads"], "option --threads needs an argument"),
            (["-f", image, "-a", "--quiet=x"], "--quiet=x is not known.* or takes no argument"),
            (["-f", image, "-a", "--pagefile", "16=x"], "'16=x' is not of the form N=FILE"),
            (["-f", image, "-a", "--pagefile", "x"], "'x' is not of the form N=FILE"),
            (["-f", image, "-a", "-o", "xml"], "xml"),
            (["-f", image, "-a", "-t", "101"], "101"),
            (["-f", image, "-a", "-p", "four"], "four"),
            (["-f", image, "-a", "-p", "999996"], "999996"),
            (["-f", image, "-a", "--dtb", "zero"], "zero"),
            (["-f", image, "-a", "--dtb", "0x7000"], "0x7000"),
            (["-f", image, "-s", "nonsense"], "nonsense"),
            (["-f", image, "-i", folder / "bad.txt"], "bad.txt:4"),
            (["-f", image, "-a", "--only", "nonsense"], "nonsense.*listed.*hidden.*hook-target"),
            (["-f", folder / "pe" / "helper.dll", "-a"], "PE file.*give it to -e"),
            (["-f", image, "-i", folder / "none.txt"], "none.txt"),
            (["-f", image, "-e", folder / "none"], "none"),
            (["-f", image, "-a", "--profile", folder / "bad.yaml"], "bad.yaml:2"),
            (["-f", folder / "none", "-a"], "No such file"),
            (["-f", folder, "-a"], "folder|directory"),
            (["-f", folder / "empty", "-a"], "empty"),
            (["-f", folder / "noise", "-a"], "no 64-bit Windows kernel|no Windows kernel"),
            (["-f", folder / "linux", "-a"], "Linux"),
            (["-f", folder / "minidump", "-a"], "minidump"),
            (["-f", folder / "hiberfil.sys", "-a"], "hibernation"),
            (["-f", folder / "state.vmss", "-a"], "vmem"),
    ]:
        fails(impscan, sentence, *arguments)


def test_forms(impscan, image, folder, truth):
    jsonl, _ = run(impscan, "-f", image, "-a", "-o", "jsonl")
    lines = [json.loads(line) for line in jsonl.splitlines()]
    check(all(list(line) == FIELDS for line in lines), "fields of JSON lines")
    whole, _ = run(impscan, "-f", image, "-a", "-o", "json")
    check(json.loads(whole) == lines, "JSON and JSON lines differ")
    text, _ = run(impscan, "-f", image, "-a", "-o", "csv")
    check("\r\n" in text and text.endswith("\r\n"), "CSV lines end in CRLF")
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    check(list(table[0]) == FIELDS, "fields of CSV")
    check(len(table) == len(lines), "rows of CSV")
    for a, b in zip(table, lines):
        check(a["base"] == b["base"] and a["imphash"] == (b["imphash"] or "") and
              a["found_in"] == ";".join(b["found_in"]), f"CSV row {a}")
    for form in "table", "wide":
        text, err = run(impscan, "-f", image, "-a", "-o", form)
        check(len(text.splitlines()) == len(lines) + 1, f"lines of {form}")
        check("modules" in err and len(err.splitlines()) == 1, f"summary: {err!r}")
        check(text.splitlines()[0].split()[:2] == ["PID", "PPID" if form == "wide" else "Process"],
              f"heading of {form}")
    check("invoice.exe" in text, "the demo's program is listed")
    # Listings end with their count as well, and tell when there is nothing to list.
    for arguments, status, count in [
            (["--regions"], 1, "0 ranges"), (["--imports", "-m", "no such"], 1, "0 imports"),
            (["--imports", "-p", 4012, "-m", "helper.dll"], 0, "42 imports"),
            (["-a", "-p", 4012, "-m", "helper.dll"], 0, "1 process, .*not read whole; 1 row in")]:
        _, err = run(impscan, "-f", image, *arguments, status=(status,))
        check(re.fullmatch(rf"impscan: {count}.*\n", err), f"{arguments}: summary: {err!r}")
        _, err = run(impscan, "-q", "-f", image, *arguments, status=(status,))
        check(err == "", f"{arguments}: -q: {err!r}")
    written = folder / "counted.yaml"
    written.unlink(missing_ok=True)
    _, err = run(impscan, "-f", image, "--regions", "--profile-out", written)
    check("0 ranges" in err, f"a written profile is counted as a range: {err!r}")
    threads = [run(impscan, "-f", image, "-a", "-q", "-j", n)[0] for n in (1, 2, 7)]
    check(threads[0] == threads[1] == threads[2], "the order depends on the number of threads")
    pids = [process["pid"] for process in truth["processes"] if process["modules"]]
    some, _ = run(impscan, "-f", image, "-a", "-q", "-o", "jsonl", "-p", f"{pids[0]},{pids[1]}",
                  "-p", pids[2])
    check({json.loads(line)["pid"] for line in some.splitlines()} == set(pids[:3]), "-p")


def test_search(impscan, image, folder, truth):
    samples = folder / "pe"
    out, _ = run(impscan, "-e", samples)
    (folder / "list.txt").write_text(out)
    names = {path.name for path in samples.iterdir()}
    check({line.rsplit("/", 1)[-1].split(":")[0] for line in out.splitlines()[1:]} <= names,
          "-e without an image names the files")
    forms = {
        "samples": ["-e", samples],
        "list": ["-i", folder / "list.txt"],
    }
    check(out.startswith("# imphash "), "the table of hashes begins with a comment")
    wide, _ = run(impscan, "-e", samples, "-o", "wide")
    check("#" not in wide.splitlines()[0], "-e -o wide has a heading with a comment sign")
    csv_text, _ = run(impscan, "-e", samples, "-o", "csv")
    (folder / "list.csv").write_text(csv_text, newline="")
    forms["csv"] = ["-i", folder / "list.csv"]
    results = {}
    for name, arguments in forms.items():
        text, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", *arguments)
        results[name] = [(row["pid"], row["base"], row["match"], row["score"], row["matched_hash"])
                         for row in map(json.loads, text.splitlines())]
    check(results["samples"] == results["list"] == results["csv"],
          "samples, their list and their CSV match differently")
    piped, _ = run(impscan, "-f", image, "-q", "-i", "-", stdin=out)
    direct, _ = run(impscan, "-f", image, "-q", "-i", folder / "list.txt")
    check(piped == direct, "-i - differs from -i FILE")
    best, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", "-e", samples, "--best")
    best = list(map(json.loads, best.splitlines()))
    check(all(row["score"] == 100 for row in best), "--best: every module's own file scores 100")

    module = next(m for p in truth["processes"] for m in p["modules"] if len(m["imports"]) > 40)
    digest = imphash(module["imports"])
    text, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", "-s", digest.upper())
    found = [json.loads(line) for line in text.splitlines()]
    check(found and all(row["imphash"] == digest and row["score"] == 100 and
                        row["matched_hash"] == "imphash" for row in found), "-s imphash")
    fuzzy = found[0]["impfuzzy"]
    text, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", "-s", fuzzy, "-t", 100)
    check([json.loads(line)["base"] for line in text.splitlines()] ==
          [row["base"] for row in found], "-s impfuzzy")
    out, err = run(impscan, "-f", image, "-s", "1" * 32, status=(1,))
    check(out == "" and "0 matches" in err, f"nothing found: {out!r} {err!r}")
    for nothing in ("3::", "d41d8cd98f00b204e9800998ecf8427e"):
        out, _ = run(impscan, "-f", image, "-q", "-t", 0, "-s", nothing, "-s", "1" * 32,
                     status=(1,))
        check(out == "", f"modules without imports matched {nothing}")
    out, _ = run(impscan, "-f", image, "-q", "-s", "1" * 32, "-o", "json", status=(1,))
    check(json.loads(out) == [], "JSON without rows")


def test_others(impscan, image, truth):
    out, _ = run(impscan, "--version")
    check(re.fullmatch(r"impscan \d+\.\d+\.\d+", out.splitlines()[0]), "--version")
    for part in ("libfuzzy", "OpenSSL 3", "libyaml 0", "Zydis ", "json-c ", "liblzma ", "liblz4 "):
        check(any(line.startswith(part) for line in out.splitlines()), f"--version without {part}")
    profiles, _ = run(impscan, "--list-profiles", "-o", "jsonl")
    check(out.splitlines()[-1] == f"profiles {len(profiles.splitlines())}", "count of profiles")
    check(run(impscan, "-V")[0] == out, "-V")
    out, _ = run(impscan, "--help")
    check(all(len(line) <= 80 for line in out.splitlines()), "--help is wider than 80 columns")
    for option in re.findall(r"\.It(?: Fl . ,)? Fl Fl ([a-z-]+)", MAN.read_text()):
        check(re.search(rf"--{option}\b( [A-Z][A-Z=/]*)?(  |$)", out, re.M),
              f"--help does not tell of --{option}, or without a blank behind it")
    for option in re.findall(r"--([a-z][a-z-]+)", out.replace("--help", "")):
        check(f"Fl Fl {option}\n" in MAN.read_text().replace(" Ar", "\n"),
              f"the manual does not tell of --{option}")
    for option in ("--file", "--samples", "--hashes", "--info", "--list-profiles"):
        check(option in out, f"--help does not tell of {option}")
    out, _ = run(impscan, "--list-profiles", "-o", "jsonl")
    check(any(json.loads(line)["build_first"] == 19041 for line in out.splitlines()),
          "--list-profiles")
    out, _ = run(impscan, "-f", image, "--info", "-o", "json")
    info = json.loads(out)[0]
    for field in ("dtb", "kernel_base", "ps_active_process_head", "ps_loaded_module_list"):
        check(info[field] == truth[field], f"--info {field}: {info[field]}")
    check(info["build"] == 19041 and info["processes"] == len(truth["processes"]), "--info")
    dtb, kernel = truth["dtb"], truth["kernel_base"]
    a, _ = run(impscan, "-f", image, "-a", "-q", "--dtb", dtb, "--kernel", kernel)
    b, _ = run(impscan, "-a", "-q", "-f", image)
    check(a == b, "--dtb and --kernel change the result")
    environment = dict(os.environ, IMPSCAN_IMAGE=str(image))
    result = subprocess.run([impscan, "-a", "-q"], env=environment, capture_output=True, text=True,
                            check=False)
    check(result.stdout == b, "IMPSCAN_IMAGE")
    # A reader that goes away ends it without a word.
    result = subprocess.run(f"'{impscan}' -f '{image}' -a | head -n 1", shell=True,
                            capture_output=True, text=True, check=False)
    check(result.stdout.count("\n") == 1 and "error" not in result.stderr, "broken pipe")
    result = subprocess.run(f"'{impscan}' -f '{image}' -a > /dev/full", shell=True,
                            capture_output=True, text=True, check=False)
    check(result.returncode == 2 and "could not be written" in result.stderr, "full disk")


def test_profiles(impscan, image, folder):
    """--import-symbols, --infer, --profile-out: what is wrong with them is told."""
    (folder / "bad.json").write_text("{")
    (folder / "taken.yaml").write_text("mine\n")
    for arguments, sentence in [
            (["--import-symbols", folder / "none.json"], "No such file"),
            (["--import-symbols", folder / "bad.json"], "bad.json:1"),
            (["--import-symbols", folder / "bad.json", "--build", "x"], "build 'x'"),
            (["-f", image, "-a", "--build", "19041"], "--import-symbols"),
            (["-f", image, "-a", "--infer", "--profile", folder / "taken.yaml"], "contradict"),
            (["--infer"], "no image"),
            (["-f", image, "--profile-out", folder / "taken.yaml"], "exists"),
            (["-f", image, "--profile-out", folder / "none" / "a.yaml"], "No such file"),
    ]:
        fails(impscan, sentence, *arguments)
    check((folder / "taken.yaml").read_text() == "mine\n", "--profile-out wrote over a file")
    written = folder / "written.yaml"
    written.unlink(missing_ok=True)
    out, err = run(impscan, "-f", image, "--profile-out", written)
    check(out == "" and err == "", f"--profile-out: {out!r} {err!r}")
    a, _ = run(impscan, "-f", image, "-a", "-q", "--profile", written)
    b, _ = run(impscan, "-f", image, "-a", "-q")
    check(a == b, "--profile-out, read back, changes the rows")
    # One that lacks what nothing works without is refused, inferred or not.
    text = written.read_text().replace("types:\n", "inferred: in part\ntypes:\n")
    written.write_text(re.sub(r"    (StartAddress|Session): .*\n", "", text))
    a, err = run(impscan, "-f", image, "-a", "--profile", written)
    check(a == b and "inferred from an image" in err, f"an inferred profile: {err!r}")
    written.write_text(re.sub(r"    VadRoot: .*\n", "", text))
    fails(impscan, "VadRoot", "-f", image, "-a", "--profile", written)


def test_formats(impscan, mkimage, image, folder):
    """A file of any format, cut anywhere, is one error or a listing, never a crash; and none with a
    header is taken for a page file."""
    for form in written_formats(mkimage):
        written = folder / f"cut.{form}"
        subprocess.run([mkimage, "--format", form, "--memory", "64", "-o", written], check=True)
        if form != "raw":
            fails(impscan, "is not a page file but an? ", "-f", image, "-a",
                  "--pagefile", f"0={written}")
        size = written.stat().st_size
        for share in reversed(range(0, 100, 7)):
            os.truncate(written, size * share // 100 + 33)
            out, err = run(impscan, "-f", written, "-a", "-q", "-o", "jsonl", status=(0, 1, 2))
            errors = [line for line in err.splitlines() if line.startswith("impscan: error: ")]
            check(len(errors) == (not out), f"{form} of {share} %: {len(out)} bytes and {err!r}")
        written.unlink()


def main():
    impscan, mkimage, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "demo.lime"
    (folder / "pe").mkdir(exist_ok=True)
    subprocess.run([mkimage, "--scenario", "demo", "--format", "lime", "--memory", "64", "-o",
                    image, "--truth", folder / "demo.json", "--pe-out", folder / "pe"], check=True)
    truth = json.loads((folder / "demo.json").read_text())
    test_wrong_input(impscan, image, folder)
    test_forms(impscan, image, folder, truth)
    test_search(impscan, image, folder, truth)
    test_others(impscan, image, truth)
    test_profiles(impscan, image, folder)
    test_formats(impscan, mkimage, image, folder)
    finish("command line")


if __name__ == "__main__":
    main()
