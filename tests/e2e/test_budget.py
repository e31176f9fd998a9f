#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hostile evidence may cost: CPU seconds and memory of each case of ../hostile.

    test_budget.py IMPSCAN MKIMAGE FOLDER [--slow N] [--sanitized] [--cost FILE] [--only WORDS]
                   [--list-cases]

The bound is 2 s + 10 times what a clean image of as many present pages costs, which is measured
first, and noted in FILE for other runs; with --slow, N times the 2 s, for builds without
optimisation. A case is named by its module and its own name; "clean" is measuring anew. Memory is what
the process has beside mapped files (RssAnon and RssShmem), 256 MB unless the case says otherwise. What
exceeds a bound of time is run up to twice more, since others on the processor cost it time, too; the
least counts. A listing is made by one thread and by eight, under the same bounds, and must be the same.

With --sanitized, what a sanitizer finds is looked for: cases run once, listings by eight threads. Time
is held against the bounds above all the same, memory is not, most of which is the sanitizer's.
"""

import importlib
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile.cases import CASES, Tools  # noqa: E402
from image_truth import case_parser, check, choose, finish, test_arguments  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parents[1] / "hostile"
CLEAN_MEMORY = 1024  # MB of the clean machine
CLEAN_MEMORY_SANITIZED = 256
LISTINGS = {"-a", "--regions", "--imports"}


def own_memory(pid):
    """Megabytes beside mapped files; 0 when the process is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in status.split("\n")
               if line.startswith(("RssAnon:", "RssShmem:"))) / 1024


class Run:
    """One run of impscan under a limit of CPU seconds."""

    def __init__(self, arguments, limit):
        def limited():
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))

        self.peak = 0
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(list(map(str, arguments)), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, preexec_fn=limited)
        watch = threading.Thread(target=self.watch, args=(process,))
        watch.start()
        out, err = process.communicate()
        watch.join()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.status, self.out, self.err = process.returncode, out.decode(), err.decode()

    def watch(self, process):
        while process.poll() is None:
            self.peak = max(self.peak, own_memory(process.pid))
            time.sleep(0.005)


def present_pages(path):
    """Pages of a file that are no holes."""
    return min(os.stat(path).st_blocks * 512, os.path.getsize(path)) // 4096


def clean_cost(tools, memory):
    """CPU seconds a present page of the scenario `big`, all of it swept."""
    path = tools.folder / "big.raw"
    subprocess.run([tools.mkimage, "--scenario", "big", "--memory", str(memory),
                    "-o", path], check=True)
    run = Run([tools.impscan, "-f", path, "-a", "--deep", "-j", 1], 600)
    check(run.status == 0, f"clean machine: exit {run.status}: {run.err[-300:]}")
    check("cut off" not in run.err, f"clean machine: {run.err[-300:]}")
    cost = run.cpu / present_pages(path)
    print(f"clean: {run.cpu:.2f} s for {present_pages(path)} pages, {run.peak:.0f} MB")
    path.unlink()
    return cost


def run_bounded(case, arguments, limit, sanitized):
    for _ in range(3):
        run = Run(arguments, limit)
        print(f"{case.name:32} exit {run.status:2} {run.cpu:7.2f} of {limit:5.2f} s "
              f"{run.peak:5.0f} of {case.memory} MB", flush=True)
        if run.cpu <= limit:
            break
    check(run.status in case.status,
          f"{case.name}: exit {run.status}, not {case.status}: {run.err.strip()[-300:]}")
    check(run.cpu <= limit, f"{case.name}: {run.cpu:.1f} s of CPU, more than {limit:.1f}")
    check(run.peak <= case.memory or sanitized,
          f"{case.name}: {run.peak:.0f} MB, more than {case.memory}")
    if case.expect and run.status in case.status:
        wrong = case.expect(run.status, run.out, run.err)
        check(not wrong, f"{case.name}: {wrong}")
    return run


def run_case(case, tools, cost, slow, sanitized):
    made = case.make(tools)
    arguments = [tools.impscan, *made, *case.arguments] if len(made) > 1 else \
        [tools.impscan, "-f", made[0], *case.arguments]
    evidence = [path for path in made if isinstance(path, pathlib.Path)]
    pages = sum(map(present_pages, evidence))
    limit = 2 * slow + 10 * cost * pages
    if LISTINGS.isdisjoint(map(str, arguments)) or "-j" in arguments:
        run_bounded(case, arguments, limit, sanitized)
    elif sanitized:
        run_bounded(case, [*arguments, "-j", 8], limit, sanitized)
    else:
        alone = run_bounded(case, [*arguments, "-j", 1], limit, sanitized)
        many = run_bounded(case, [*arguments, "-j", 8], limit, sanitized)
        check(alone.out == many.out, f"{case.name}: other rows by eight threads than by one")
    for path in evidence:
        path.unlink()


def main():
    parser = case_parser(__doc__)
    parser.add_argument("--slow", type=float, default=1)
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--cost", type=pathlib.Path)
    arguments = test_arguments(parser)
    for module in sorted(HERE.glob("*.py")):
        if module.stem not in ("machine", "cases", "__init__"):
            importlib.import_module(f"hostile.{module.stem}")
    tools = Tools(arguments.impscan, arguments.mkimage, arguments.folder)
    chosen = choose(arguments, [("clean",)] + [(case.make.__module__.split(".")[-1], case.name)
                                               for case in CASES])
    if chosen[0][0] != 0 and arguments.cost and arguments.cost.exists():
        cost = float(arguments.cost.read_text(encoding="ascii"))
    else:
        cost = clean_cost(tools, CLEAN_MEMORY_SANITIZED if arguments.sanitized else CLEAN_MEMORY)
        if arguments.cost:
            arguments.cost.write_text(str(cost), encoding="ascii")
    for number, _ in chosen:
        if number:
            run_case(CASES[number - 1], tools, cost, arguments.slow, arguments.sanitized)
    finish(f"{len(chosen)} cases of hostile evidence")


if __name__ == "__main__":
    main()
