#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes images of every Windows the writer knows, in every format, and holds impscan's rows
against what was put in.

    test_images.py IMPSCAN MKIMAGE FOLDER [--only WORDS] [--list-cases]
"""

import datetime
import json
import re
import subprocess

from image_truth import (case_parser, check, choose, finish, imphash, impfuzzy, printable, rows,
                         test_arguments, written_formats, written_layouts)

# Cases of the scenario `damaged` in which a module is still there, and what becomes of its row.
DAMAGED_MODULES = {
    "header-absent": {"unreadable"},
    "import-names-absent": {"partial", "unreadable"},
    "import-directory-zeroed": {"no-imports"},
}
# Cases of a process whose lists lose modules: those that are left must be right.
BROKEN_LISTS = {"peb-absent", "entry-absent", "cut-list"}


def write_image(mkimage, folder, layout, form, scenario, seed):
    build, arch, variant = layout
    image, truth = folder / f"image.{form}", folder / "truth.json"
    subprocess.run([mkimage, "--build", build, "--arch", arch, "--variant", variant,
                    "--format", form, "--scenario", scenario, "--seed", str(seed),
                    "-o", image, "--truth", truth],
                   check=True)
    return image, json.loads(truth.read_text(encoding="utf-8", errors="surrogatepass"))


def compare_module(where, module, row):
    name = f"{where} {printable(module['name'])!r}"
    if module["case"] != "entry-absent":  # its name may lie on the absent page
        check(row["module"] == printable(module["name"]), f"{name}: named {row['module']!r}")
        # A module that only its VAD knows has the file object's path, without a drive.
        path = printable(module["path"])
        expected_path = path.removeprefix("C:") if row["found_in"] == ["vad"] else path
        check(row["path"] == expected_path, f"{name}: path {row['path']!r}")
    check(row["size"] == module["size"], f"{name}: size {row['size']}")
    expected = DAMAGED_MODULES.get(module["case"])
    recovered = re.search("other processes|found by its content", row["reason"] or "")
    if expected and not recovered:
        check(row["status"] in expected, f"{name}: status {row['status']}")
        check(row["reason"] or row["status"] == "no-imports", f"{name}: no reason")
        check(row["imphash"] is None and row["impfuzzy"] is None, f"{name}: damaged, yet a hash")
        return
    if module["imports"]:
        check(row["status"] == "ok", f"{name}: {row['status']}: {row['reason']}")
        check(row["imports"] == len(module["imports"]), f"{name}: {row['imports']} imports")
        check(row["imphash"] == imphash(module["imports"]), f"{name}: imphash")
        fuzzy = impfuzzy(module["imports"])
        check(fuzzy is None or row["impfuzzy"] == fuzzy, f"{name}: impfuzzy")
    else:
        check(row["imphash"] is None and row["impfuzzy"] is None, f"{name}: hash of no imports")


def utc(filetime):
    start = datetime.datetime(1601, 1, 1) + datetime.timedelta(microseconds=filetime // 10)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")


def compare_process(where, process, found):
    modules = {int(module["base"], 16): module for module in process["modules"]}
    for base, row in found.items():
        check(base in modules, f"{where}: a module at {base:#x} that was not put in")
        check(row["process"] == process["name"] and row["ppid"] == process["ppid"] and
              row["eprocess"] == process["eprocess"], f"{where}: process fields {row}")
        check(row["started"] == utc(process["started"]) and row["exited"] is None,
              f"{where}: times {row}")
        # Processes that are damaged may have lost the page.
        lost = process["case"] and row["command_line"] is None
        check(lost or row["command_line"] == printable(process["command_line"]),
              f"{where}: command line {row['command_line']!r}, not {process['command_line']!r}")
    for base, module in modules.items():
        row = found.get(base)
        if not row:
            check(process["case"] in BROKEN_LISTS, f"{where}: {module['name']!r} is missing")
            continue
        compare_module(where, module, row)
        if not process["case"]:
            lists = [name for name in row["found_in"] if name in ("load", "memory", "init")]
            check(lists == module["lists"], f"{where}: {module['name']!r} in {lists}")


def compare(where, impscan, image, truth):
    found = {}
    for row in rows(impscan, image, "-a"):
        found.setdefault(row["pid"], {})[int(row["base"], 16)] = row
    drivers = found.pop(4, {})
    check(set(drivers) == {int(driver["base"], 16) for driver in truth["drivers"]},
          f"{where}: drivers")
    for driver in truth["drivers"]:
        row = drivers.get(int(driver["base"], 16))
        if row:
            check(row["found_in"] == ["kernel"], f"{where}: {driver['name']} {row['found_in']}")
            compare_module(f"{where} driver", driver, row)
    for process in truth["processes"]:
        if process["pid"] != 4:
            compare_process(f"{where} {process['pid']}", process, found.pop(process["pid"], {}))
    check(not found, f"{where}: processes that were not put in: {sorted(found)}")
    return sum(len(process["modules"]) for process in truth["processes"])


def main():
    arguments = test_arguments(case_parser(__doc__))
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    layouts = choose(arguments, written_layouts(mkimage))
    formats = written_formats(mkimage)
    images = modules = 0
    for number, layout in layouts:
        # Every layout as raw, in one more format in turn, and damaged; one build in all formats.
        others = [form for form, archs in formats.items() if form != "raw" and layout[1] in archs]
        forms = ["raw", *others] if layout[0] == "19041" else [others[number % len(others)]]
        runs = [("raw", "plain"), *((form, "demo") for form in forms), ("raw", "damaged")]
        for form, scenario in runs:
            seed = 1 + number * 10 + len(form)
            image, truth = write_image(mkimage, folder, layout, form, scenario, seed)
            where = f"{layout[0]} {layout[1]} {layout[2]} {form} {scenario} seed {seed}"
            modules += compare(where, impscan, image, truth)
            image.unlink()
            images += 1
    finish(f"{images} images of {len(layouts)} layouts, {modules} modules")


if __name__ == "__main__":
    main()
