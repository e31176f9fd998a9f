#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-o html: what the page has is what the other forms have, in a browser too.

    test_html.py IMPSCAN MKIMAGE FOLDER [--browser]

With --browser the pages are opened in one as well, and the screenshots and printed pages that it makes
stay in FOLDER. The browser is Chromium, driven by tests/browser/report.mjs; without it, node or the packages of
tests/browser that part is left out.
"""

import base64
import csv
import hashlib
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import test_names  # noqa: E402
from hostile.cases import Tools  # noqa: E402
from hostile.machine import Machine  # noqa: E402
from image_truth import check, finish, run, skip, test_arguments, test_parser  # noqa: E402

BROWSER = pathlib.Path(__file__).resolve().parents[1] / "browser"
DATA = '<script type="application/x-ndjson" id="data">\n'
SIZE_MOST = 300 << 10  # of the demo's page, in bytes
# Names of modules that would be more than text in a page: what a browser must show of them.
NAMES = [
    ("<script>window.pwned=1</script>", None),
    ("</script><script>window.pwned=1</script>", None),
    ('"><img src=x onerror=window.pwned=1>', None),
    ("<!-- data -->", None),
    ("<!--", None),
    ("&lt;b&gt;&amp;", None),
    ("javascript:window.pwned=1", None),
    ("'-window.pwned=1-'", None),
    ("${window.pwned=1}", None),
    ("a\u202egnp.exe", "a\\u{202e}gnp.exe"),
    ("\u200bzero", "\\u{200b}zero"),
    ("\u05d0\u05d1\u05d2.dll", None),
    ("\x1b[2Jesc", "\\x1b[2Jesc"),
    ("=SUM(1)", None),
]
LONG = "n" * 10240


def page_data(text):
    """The lines of data in a page."""
    start = text.index(DATA) + len(DATA)
    return text[start:text.index("</script>", start)]


def page_rows(data):
    """Rows by kind, read as docs/html-report.md says; and the facts."""
    texts, kinds, rows, facts = [None], [], {}, []
    for line in data.splitlines():
        value = json.loads(line)
        if isinstance(value, dict):
            if "rows" in value:
                kinds.append(value)
                rows[value["rows"]] = []
            elif "fact" in value:
                facts.append(value)
            continue
        kind, row = kinds[value[0]], {}
        for column, cell in zip(kind["columns"], value[1:], strict=True):
            if column["type"] == "text":
                if isinstance(cell, str):
                    texts.append(cell)
                elif isinstance(cell, int):
                    cell = texts[cell]
            elif column["type"] == "words":
                cell = [word for bit, word in enumerate(column["words"]) if cell >> bit & 1]
            row[column["name"]] = cell
        rows[kind["rows"]].append(row)
    return rows, facts


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_page(text):
    """The page asks for nothing, and runs nothing but its own script."""
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    style = re.search("<style>(.*?)</style>", text, re.S).group(1)
    script = re.search("<script>(.*?)</script>", text, re.S).group(1)
    check(directives["default-src"] == "'none'", f"policy: {policy}")
    check(directives["style-src"] == digest(style), "digest of the style")
    check(directives["script-src"] == digest(script), "digest of the script")
    check(not re.search(r"(?:src|href)=\"(?!#)", text), "the page refers to another file")
    check("<" not in page_data(text), "the data have a <")


def report(impscan, folder, name, *arguments, status=(0,)):
    """A page and the rows of the same run; they must be equal."""
    page, err = run(impscan, *arguments, "-o", "html", status=status)
    rows, _ = run(impscan, "-q", *arguments, "-o", "jsonl", status=status)
    table, _ = run(impscan, "-q", *arguments, "-o", "csv", status=status)
    (folder / f"{name}.html").write_text(page, encoding="utf-8")
    (folder / f"{name}.jsonl").write_text(rows, encoding="utf-8")
    (folder / f"{name}.csv").write_text(table, encoding="utf-8", newline="")
    test_page(page)
    kinds, facts = page_rows(page_data(page))
    lines = [json.loads(line) for line in rows.splitlines()]
    check(kinds.get("modules", []) == lines, f"{name}: rows of the page and of -o jsonl differ")
    told = {(fact.get("image"), fact["value"]) for fact in facts if fact["fact"] == "warning"}
    check(len(told) == len(set(re.findall("^impscan: warning: .*", err, re.M))),
          f"{name}: warnings: {told} and {err!r}")
    return page, kinds, facts


def test_kinds(impscan, image, kinds):
    """What else the page has of the machine."""
    out, _ = run(impscan, "-q", "-f", image, "--processes", "-o", "jsonl")
    check(kinds["processes"] == [json.loads(line) for line in out.splitlines()], "processes")
    out, _ = run(impscan, "-q", "-f", image, "--info", "-o", "jsonl")
    check(kinds["machines"] == [json.loads(line) for line in out.splitlines()], "machines")


def test_errors(impscan, image, folder):
    """A run that fails writes no page; of several images that can't be read one is told in it."""
    for arguments in ["-f", folder / "none", "-a"], ["-f", image, "-a", "-p", 99999], \
                     ["-f", image, "-i", folder / "none"]:
        out, err = run(impscan, *arguments, "-o", "html", status=(2,))
        check(out == "" and "error" in err, f"{arguments}: {out[:100]!r}")
    out, _ = run(impscan, "-f", folder / "none", "-f", image, "-a", "-o", "html", status=(2,))
    _, facts = page_rows(page_data(out))
    errors = [fact for fact in facts if fact["fact"] == "error"]
    check(len(errors) == 1 and errors[0]["image"] == str(folder / "none"), f"errors: {errors}")
    for mode in "--regions", "--imports", "--processes", "--info":
        _, err = run(impscan, "-f", image, mode, "-o", "html", status=(2,))
        check("-o html is of modules" in err, f"{mode}: {err!r}")
    pages = [run(impscan, "-q", "-f", image, "-a", "-o", "html", "-j", n)[0] for n in (1, 2, 7)]
    check(pages[0] == pages[1] == pages[2], "the page depends on the number of threads")


def hostile_image(arguments):
    """The demo, with names of modules that are code elsewhere."""
    machine = Machine(Tools(arguments.impscan, arguments.mkimage, arguments.folder))
    test_names.tamper(machine, NAMES)
    return machine.save("hostile.raw")


def grow(folder, name, page, rows):
    """A page of so many rows, made of one of few: names and hashes differ as those of a busy
    machine's 150 processes do."""
    head, data = page.split(DATA)
    lines = data[:data.index("</script>")].splitlines()
    tail = data[data.index("</script>"):]
    kinds = [json.loads(line) for line in lines if line.startswith('{"rows"')]
    modules = next(i for i, kind in enumerate(kinds) if kind["rows"] == "modules")
    columns = [column["name"] for column in kinds[modules]["columns"]]
    written, texts = [line for line in lines if not line.startswith(f"[{modules},")][:-1], [None]
    for line in lines:
        if line.startswith("[") and not line.startswith(f"[{modules},"):
            cells = json.loads(line)
            texts += [cell for column, cell in zip(kinds[cells[0]]["columns"], cells[1:])
                      if column["type"] == "text" and isinstance(cell, str)]
    numbers = {text: i for i, text in enumerate(texts)}

    def text_cell(text):
        if text in numbers:
            return numbers[text]
        numbers[text] = len(texts)
        texts.append(text)
        return text

    one = page_rows(data[:data.index("</script>")])[0]["modules"]
    for i in range(rows):
        row, process = dict(one[i % len(one)]), i // 80
        row.update(pid=process * 4 + 8, eprocess=f"0xffffc778{process:08x}",
                   process=f"process{process % 60}.exe", base=f"{0x7ffd00000000 + i * 4096:#x}")
        # Two of three modules are those of other processes, too.
        own = i if i % 3 == 0 else i % 700
        row["module"] = f"module{own}.dll"
        row["path"] = f"C:\\Windows\\System32\\module{own}.dll"
        for hash_name in "imphash", "impfuzzy", "impset":
            if row[hash_name]:
                row[hash_name] = (row[hash_name][:-8] + f"{own:08x}") if own else row[hash_name]
        cells = [modules]
        for column, kind in zip(columns, kinds[modules]["columns"]):
            value = row[column]
            if kind["type"] == "text":
                value = text_cell(value) if value else 0
            elif kind["type"] == "words":
                value = sum(1 << kind["words"].index(word) for word in value)
            cells.append(value)
        written.append(json.dumps(cells, separators=(",", ":"), ensure_ascii=False))
    written.append('{"end":true}')
    text = head + DATA + "\n".join(written) + "\n" + tail
    (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return len(text.encode())


def large_pages(folder, page):
    """Pages whose times are printed, as cases."""
    cases = []
    for name, count in ("rows-12k", 12000), ("rows-100k", 100000):
        size = grow(folder, name, page, count)
        print(f"{name}: {size / count:.0f} bytes a row, {size / 1e6:.1f} MB")
        cases.append({"name": name, "measure": count})
    return cases


def same_csv(folder, name):
    """What the browser saved, and what -o csv prints."""
    saved = folder / f"{name}.saved.csv"
    if not saved.exists():
        return
    tables = [list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
              for path in (folder / f"{name}.csv", saved)]
    check(len(tables[0]) == len(tables[1]), f"{name}: rows saved: {len(tables[1])}")
    for printed, kept in zip(*tables):
        check(printed == kept, f"{name}: saved: "
              f"{[(field, printed[field], kept.get(field)) for field in printed if printed[field] != kept.get(field)]}")


def test_browser(folder, cases):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = [what for what, there in [
        ("chromium", chromium), ("node", shutil.which("node")),
        ("the packages of tests/browser (npm ci)", (BROWSER / "node_modules").is_dir())]
        if not there]
    if missing:
        skip(f"the page in a browser: not installed: {', '.join(missing)}")
        return
    (folder / "cases.json").write_text(json.dumps(cases))
    for path in folder.glob("*.saved.csv"):
        path.unlink()
    result = subprocess.run(["node", BROWSER / "report.mjs", folder.resolve(), chromium],
                            capture_output=True, text=True, timeout=600, check=False)
    print(result.stdout, end="")
    check(result.returncode == 0, f"in the browser: {result.stdout[-2000:]} {result.stderr[-3000:]}")
    for case in cases:
        if "measure" not in case and not case.get("cut"):
            same_csv(folder, case["name"])


def main():
    parser = test_parser(__doc__)
    parser.add_argument("--browser", action="store_true", help="open the pages in one")
    arguments = test_arguments(parser)
    impscan, mkimage, folder = arguments.impscan, arguments.mkimage, arguments.folder
    images = {}
    for scenario in "demo", "hidden", "plain":
        images[scenario] = folder / f"{scenario}.raw"
        subprocess.run([mkimage, "--scenario", scenario, "-o", images[scenario], "--pe-out",
                        folder / "pe"], check=True, capture_output=True)
    samples = [word for name in ("invoice.exe", "helper.dll")
               for word in ("-e", folder / "pe" / name)]
    search = ["-f", images["demo"], "--label", "demo.raw", "-a", "-t", 60, *samples]
    page, kinds, _ = report(impscan, folder, "demo", *search)
    check(len(page.encode()) < SIZE_MOST, f"the demo's page has {len(page.encode())} bytes")
    test_kinds(impscan, images["demo"], report(impscan, folder, "plain", "-f", images["demo"],
                                               "-a")[1])
    report(impscan, folder, "hidden", "-f", images["hidden"], "-a")
    report(impscan, folder, "several", "-f", images["demo"], "-f", images["hidden"],
           "-f", images["plain"], "-a", *samples)
    report(impscan, folder, "saved", "-r", folder / "hidden.jsonl", "-a", *samples)
    report(impscan, folder, "nothing", "-f", images["plain"], "-s", "0123456789abcdef" * 2,
           status=(1,))
    test_errors(impscan, images["demo"], folder)

    invoice = next(row for row in kinds["modules"] if row["module"] == "invoice.exe")
    hostile_names = [text for text, _ in NAMES] + [LONG]
    (folder / "hostile.json").write_text(json.dumps(
        [{"imphash": invoice["imphash"], "name": name} for name in hostile_names]))
    report(impscan, folder, "hostile", "-f", hostile_image(arguments), "-F", "-a",
           "-i", folder / "hostile.json", "--label", "</script><svg onload=pwned()>\u202e" + LONG)
    cut = page[:page.rindex('"module') - 3000]
    (folder / "cut.html").write_text(cut, encoding="utf-8")
    whole = page_data(cut + "</script>").splitlines()[:-1]
    rows = page_rows("\n".join(whole))[0]["modules"]
    (folder / "cut.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    cases = [
        {"name": "demo", "all": True, "looks": True, "findings": ["invoice.exe", "helper.dll"]},
        {"name": "hidden", "looks": True, "all": True,
         "findings": ["rootkit.exe (4100)", "INJECTED CODE at 0x1ba27490000", "CRYPT32.dll"]},
        {"name": "plain", "findings": []},
        {"name": "several", "findings": ["invoice.exe", "svchost.exe"]},
        {"name": "saved", "findings": ["rootkit.exe (4100)", "CRYPT32.dll"]},
        {"name": "nothing", "findings": []},
        {"name": "hostile", "hostile": [{"text": text, "shown": shown or text}
                                        for text, shown in NAMES]},
        {"name": "cut", "cut": True},
    ]
    if arguments.browser:
        test_browser(folder, cases + large_pages(folder, page))
    for path in [*folder.glob("*.raw"), *folder.glob("rows-*.html")]:
        path.unlink()
    finish(f"{len(cases)} pages")


if __name__ == "__main__":
    main()
