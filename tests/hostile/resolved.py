# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that resemble all samples of a search, so that each is compared with each."""

import json
import pathlib
import random
import struct
import subprocess

from hostile.aliased import Aliased
from hostile.cases import case

REGIONS = 60
SAMPLES = 400


def make_samples(tools, imports):
    """A folder of programs that import nearly the same, their DLLs in other orders."""
    text, folder = [], tools.folder / "resolved-samples"
    folder.mkdir(exist_ok=True)
    for number in range(SAMPLES):
        text.append(f"program {number:03}.exe x64")
        for place, dll in enumerate(random.sample(sorted(imports), len(imports)), 1):
            names = sorted(imports[dll], key=imports[dll].get)
            text.append(f"dll {place} {dll}\n  " + "\n  ".join(names[number % 3:] or names))
    (tools.folder / "resolved.txt").write_text("\n".join(text) + "\n", encoding="ascii")
    subprocess.run([pathlib.Path(tools.mkimage).parent / "mkprogram",
                    tools.folder / "resolved.txt", folder], check=True)
    return folder


def matches_or_told(status, out, err):
    """The regions match samples, or it is told that they were not compared."""
    rows = [json.loads(line) for line in out.split("\n") if line]
    found = sum(row["matched_hash"] == "resolved" for row in rows)
    cut = sum("takes too long" in (row["reason"] or "") for row in rows)
    if not found:
        return "no region was compared by addresses"
    return None if cut or found >= REGIONS else f"{found} matches, and nothing was cut"


@case("resolved.regions", "-a", "-t", "1", "--best", "-o", "jsonl", expect=matches_or_told)
def regions(tools):
    """Dozens of regions with the same table in other orders, and hundreds of samples of it."""
    random.seed(1)
    machine = Aliased(tools)
    rows = [json.loads(line) for line in
            machine.ask("--imports", "-p", str(machine.pid), "-o", "jsonl") if line]
    imports = {}
    for row in rows:
        if row["function"] and row["target"]:
            functions = imports.setdefault(row["dll"], {})
            if len(functions) < 20:
                functions[row["function"]] = int(row["target"], 16)
    for _ in range(REGIONS):
        slots = []
        for dll in random.sample(sorted(imports), len(imports)):
            slots += [*sorted(set(imports[dll].values())), 0]
        page = struct.pack(f"<{min(len(slots), 512)}Q", *slots[:512])
        machine.region(machine.new_page(page.ljust(4096, b"\0")), 0x1000)
    return ["-e", str(make_samples(tools, imports)), "-f", machine.save()]
