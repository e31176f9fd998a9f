# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of recipes share: images of several machines, and the real programs for a while."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from image_truth import skip  # noqa: E402

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "recipes"
PATIENCE = 120  # seconds, of anything
SKIPPED = 77
LAYOUTS = [("19041", "x64"), ("7601", "x86"), ("22621", "x64"), ("2600", "x86")]


def need(what, *names):
    """The paths of programs; where one is missing the test is skipped."""
    path = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
    found = [shutil.which(name, path=path) for name in names]
    for name, program in zip(names, found):
        if not program:
            skip(f"{what}: {name} is not installed")
            sys.exit(SKIPPED)
    return found


def write_images(mkimage, folder, count):
    """Writes so many machines, one of them broken, and the list of them; the broken one's name."""
    for number in range(count):
        build, arch = LAYOUTS[number % len(LAYOUTS)]
        scenario = "hidden" if number % 3 == 1 else "plain"
        subprocess.run([mkimage, "--build", build, "--arch", arch, "--scenario", scenario,
                        "--seed", str(number + 1), "-o", folder / f"{number}.raw"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    broken = folder / f"{count - 1}.raw"
    broken.write_bytes(b"\0" * 4096 * 16)
    lines = ["# machines", ""]
    lines += [f"{folder}/{number}.raw" + (f"\t{name}" if number % 2 else "")
              for number, name in enumerate(names_of(count))]
    (folder / "images").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return names_of(count)[-1]


def names_of(count):
    """What rows call the images: every second one has a name in the list."""
    return [f"host {number}" if number % 2 else f"{number}.raw" for number in range(count)]


def recipe(name, *arguments, environment=None, status=(0,)):
    """Runs one of the recipes; its output and its messages."""
    result = subprocess.run([RECIPES / name, *map(str, arguments)], capture_output=True, text=True,
                            env={**os.environ, **(environment or {})}, timeout=PATIENCE,
                            check=False)
    if result.returncode not in status:
        sys.exit(f"{name} ended with {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout, result.stderr


def wait_for(what, ready):
    """Waits until it is."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            sys.exit(f"{what} did not start")
        time.sleep(0.1)


@contextlib.contextmanager
def daemon(command, folder, name, environment=None):
    """A program that stays in the foreground, for a while."""
    with open(folder / f"{name}.out", "wb") as log, subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **(environment or {})}) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
