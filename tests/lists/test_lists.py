#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of hashes in every form: exactly what corpus.py expects is taken, left out and told.

    test_lists.py LIST_READ FOLDER [--mutations N [--seed S]] [--form FORM]

With --mutations the lists of up to 64 KB of each form are damaged N times: nothing is taken then that the damaged
list does not have, nor a hash of a file.
"""

import argparse
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus  # noqa: E402

failures = []


def fail(case, sentence):
    failures.append(case.name)
    print(f"FAIL: {case.form}/{case.name}: {sentence}")


def parse(output):
    """What list_read printed of one list."""
    found = {"taken": [], "left": {}, "told": "", "error": None, "form": "", "to_ids": 0}
    told = False
    for line in output.split("\n"):
        if told and line.split("\t")[0] not in ("error", "end"):
            found["told"] += line + "\n"
            continue
        told = False
        word, _, rest = line.partition("\t")
        if word == "told":
            told, found["told"] = True, rest + "\n"
        elif word == "left":
            count, _, kind = rest.partition("\t")
            found["left"][kind] = int(count)
        elif word == "not for detection":
            found["to_ids"] = int(rest)
        elif word in ("form", "error"):
            found[word] = rest
    # Names may have newlines in them.
    for kind, rest in re.findall(r"(?ms)^(imphash|impfuzzy|impset|typerefhash|typerefuzzy|gimphash|gimpfuzzy|either)\t(.*?\t\d)$", output):
        value, name, comment, place = rest.split("\t")
        found["taken"].append(("+" * (place != "0") + kind, value, name, comment))
    return found


def test_corpus(list_read, paths):
    for case, path in paths:
        run = subprocess.run([list_read, path], capture_output=True, check=False)
        if run.returncode:
            fail(case, f"exit {run.returncode}: {run.stderr.decode()}")
            continue
        found = parse(run.stdout.decode())
        if found["taken"] != case.taken:
            fail(case, f"taken is\n  {found['taken']}, not\n  {case.taken}")
        for what, is_, expected in (("form", found["form"], case.title), ("left", found["left"], case.left),
                                    ("to_ids", found["to_ids"], case.to_ids)):
            if is_ != expected:
                fail(case, f"{what} is {is_!r}, not {expected!r}")
        lines = found["told"].splitlines()
        if len(lines) != len(case.told) or not all(map(re.search, case.told_patterns(), lines)):
            fail(case, f"told is {lines}, not {case.told}")
        if bool(found["error"]) != bool(case.error) or (
                case.error and not re.search(case.error, found["error"])):
            fail(case, f"error is {found['error']!r}, not {case.error!r}")


def test_mutations(list_read, paths, count, seed):
    by_form = {}
    for case, path in paths:
        if len(case.text) <= corpus.SMALL:
            by_form.setdefault(case.form, []).append(path)
    for form, of_form in by_form.items():
        each = -(-count // len(of_form))
        run = subprocess.run([list_read, "--mutate", str(each), str(seed), *of_form],
                             capture_output=True, check=False)
        print(f"{form}: {run.stdout.decode().splitlines()[-1] if run.stdout else ''}")
        if run.returncode:
            failures.append(form)
            print(run.stdout.decode()[:2000] + run.stderr.decode()[-2000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list_read")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--mutations", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of other damage (0)")
    parser.add_argument("--form")
    arguments = parser.parse_args()
    paths = []
    for case in corpus.cases():
        if arguments.form in (None, case.form):
            path = arguments.folder / case.form / case.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(case.text)
            paths.append((case, path))
    if arguments.mutations:
        test_mutations(arguments.list_read, paths, arguments.mutations, arguments.seed)
    else:
        test_corpus(arguments.list_read, paths)
    print(f"lists; {len(paths)} lists, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
