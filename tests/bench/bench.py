#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures impscan against its limits and its peers, all in one run; prints medians and ratios.

    bench.py BUILD [--runs N] [--volatility VOL.PY ...]
    bench.py BUILD --dump [--runs N]
    bench.py BUILD --managed [--runs N]
    bench.py BUILD --hibernation [--runs N]

BUILD is the folder of a release build: bench.py build/release. The image (8 GB, mkimage's scenario
"big"), samples and lists are made beside it when they are not there, in build/bench/; they take
about 5 GB of disk.

What is measured: listings (-F -a, -a, --deep -a, one -p) with one and two threads against `cat IMAGE
>/dev/null`; searches (-e with 1,000 samples, -i with 1,000 to 1,000,000 hashes) against comparing
with every hash; hashing files against pefile; -a on the image packed by
xz in blocks against `xz -dc -T2`; listings of the image packed into hiberfil.sys against unpacking
all of it once with one thread (--hibernation: these alone); and Volatility 3 with JPCERT's plugin
where --volatility (or $VOLATILITY) names vol.py. That needs the symbols of the kernel that is
written (--symbols and --pdb-guid, as for mkimage; --vol-symbols, a folder as for vol.py -s), the
folder of pehash.py (--vol-plugins), and the modules pefile and pyimpfuzzy for its Python.

--dump measures nothing but -a on minidumps of one process against `cat DUMP >/dev/null`: 220 MB, one
with a MemoryInfoList and one without, written from an image of 512 MB.

--managed measures what searching for .NET's assemblies adds: -a on minidumps of a process of some 110
modules with a heap of 256 MB, with a module named clr.dll, and with the same module under a name that
is no runtime's, so that nothing is searched.

Warm: the image was read just before, by read-ahead and not by the writer, as pages that were written
one by one take longer to map. Cold: the image's pages were dropped from the cache (posix_fadvise).
What is not installed is left out, with a line that says so.
"""

import argparse
import json
import mmap
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from image_truth import FUZZY  # noqa: E402
from minidump import PAGE, ProcessMemory  # noqa: E402

DLLS = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"
SAMPLES = 1000
DUMP_SIZE = 220 << 20  # of a process of a browser, or of one that dumps itself in Wine
HEAP_SIZE = 256 << 20  # of a process that runs .NET


class Result:
    """Wall and processor seconds, peak memory in MB with and without the mapped image."""

    def __init__(self, runs, anonymous):
        self.wall = statistics.median(run[0] for run in runs)
        self.cpu = statistics.median(run[1] for run in runs)
        self.peak = max(run[2] for run in runs)
        self.anonymous = anonymous


def watch(pid, peak, stop):
    """Keeps the highest anonymous memory of a process, sampled every 2 ms."""
    while not stop.is_set():
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                found = re.search(r"RssAnon:\s+(\d+)", status.read())
        except OSError:
            return
        if found:
            peak[0] = max(peak[0], int(found.group(1)) / 1024)
        stop.wait(0.002)


def wait_for(process, command, start):
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run_once(command):
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return wait_for(process, command, start)


def run_watched(command):
    """Its peak of anonymous memory; watching takes time, so that this run is not one that counts."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, peak, stop))
    watcher.start()
    wait_for(process, command, start)
    stop.set()
    watcher.join()
    return peak[0]


def measure_all(commands, runs):
    """In turn, so that what else the machine does meets all alike; after a round that does not
    count."""
    times = {name: [] for name in commands}
    peaks = {name: run_watched(command) for name, command in commands.items()}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(run_once(command))
    return {name: Result(times[name], peaks[name]) for name in commands}


def measure(command, runs):
    return measure_all({"": command}, runs)[""]


def drop_cache(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_cold(command, image, runs):
    drop_cache(image)
    peak = run_watched(command)
    results = []
    for _ in range(runs):
        drop_cache(image)
        results.append(run_once(command))
    return Result(results, peak)


def row(what, result, limit=None, name="cat"):
    line = f"{what:<40} {result.wall * 1e3:10.1f} {result.cpu * 1e3:10.1f} "
    line += f"{result.peak:9.0f} {result.anonymous:9.0f}"
    if limit:
        line += f"   {result.wall / limit:8.3f} of {name}"
    print(line, flush=True)


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.build = arguments.build.resolve()
        self.impscan = str(self.build / "impscan")
        self.folder = self.build.parent / "bench"
        self.folder.mkdir(exist_ok=True)
        self.image = arguments.image or self.folder / "big.raw"
        self.runs = arguments.runs

    def tool(self, name):
        return str(self.build / "tests" / name)

    def make_image(self):
        if self.image.exists():
            return
        print(f"writing {self.image} ...", flush=True)
        command = [self.tool("mkimage"), "--scenario", "big", "--memory",
                   str(self.arguments.memory), "-o", str(self.image) + ".part"]
        if pathlib.Path(self.arguments.dlls).is_dir():
            command += ["--pe-dir", str(self.arguments.dlls)]
        if self.arguments.symbols:
            command += ["--symbols", str(self.arguments.symbols),
                        "--pdb-guid", self.arguments.pdb_guid]
        subprocess.run(command, check=True)
        os.rename(str(self.image) + ".part", self.image)

    def make_list(self, count):
        path = self.folder / f"hashes-{count}.txt"
        if not path.exists():
            subprocess.run([self.tool("bench_match"), str(count), "10", str(path)], check=True)
        return path

    def make_samples(self):
        """SAMPLES files, from as many different ones as there are."""
        files = sorted(pathlib.Path(self.arguments.dlls).glob("*.dll"))
        folder = self.folder / "samples"
        if not files or folder.exists():
            return folder if files else None
        folder.mkdir()
        files = [file for file in files if file.stat().st_size < 2 << 20]
        for i in range(SAMPLES):
            file = files[i % len(files)]
            shutil.copyfile(file, folder / f"{i:04}-{file.name}")
        return folder

    def scan(self, *options):
        return [self.impscan, "-q", "-f", str(self.image), *map(str, options)]

    def first_pid(self):
        """The process with the most modules; how many processes and modules there are."""
        out = subprocess.run(self.scan("-F", "-a", "-o", "csv"), capture_output=True, text=True,
                             check=True).stdout.splitlines()
        pids = [int(line.split(",")[0]) for line in out[1:] if line.split(",")[0].isdigit()]
        pids = [pid for pid in pids if pid > 4]
        return max(set(pids), key=lambda pid: (pids.count(pid), pid)), len(set(pids)), len(pids)

    def listings(self):
        drop_cache(self.image)
        commands = {"cat IMAGE": ["cat", str(self.image)]}
        for options in ("-F -a", "-a", "--deep -a", "--deep -F -a"):
            for threads in (1, 2):
                commands[f"{options} -j{threads}"] = self.scan(*options.split(), f"-j{threads}")
        run_once(commands["cat IMAGE"])
        commands["-a -p, one process"] = self.scan("-a", "-p", self.first_pid()[0])
        results = measure_all(commands, self.runs)
        limit = results["cat IMAGE"].wall
        for name, result in results.items():
            row(name, result, limit)
        for options in ("-F -a", "-a"):
            print(f"{options}: two threads are "
                  f"{results[options + ' -j1'].wall / results[options + ' -j2'].wall:.2f} "
                  f"times as fast as one")
        deep = results["--deep -a -j2"].wall - results["-a -j2"].wall
        print(f"--deep adds {deep / limit:.2f} of cat; -a takes "
              f"{results['-a -j2'].wall / results['-F -a -j2'].wall:.1f} times as long as -F -a")
        return results, limit

    def searches(self, listing, limit):
        samples = self.make_samples()
        if samples:
            listed = self.folder / "samples.csv"
            with open(listed, "w", encoding="utf-8") as out:
                subprocess.run([self.impscan, "-q", "-o", "csv", "-e", samples], stdout=out,
                               check=True)
            results = measure_all({
                "-e": self.scan("-e", samples),
                "-i": self.scan("-i", listed),
                "hash": [self.impscan, "-q", "-e", str(samples)],
            }, self.runs)
            row(f"-e, {SAMPLES} samples", results["-e"], limit)
            row("-i, their hashes from a list", results["-i"], limit)
            print(f"-e, which also compares by addresses, takes "
                  f"{results['-e'].wall / (results['-i'].wall + results['hash'].wall):.2f} times as "
                  f"long as hashing the samples and -i with their hashes")
            row(f"-F -e, {SAMPLES} samples", measure(self.scan("-F", "-e", samples), self.runs),
                limit)
        else:
            print(f"-e: left out, no files in {self.arguments.dlls}")
        for count in (1000, 100000, 1000000):
            path = self.make_list(count)
            found = measure(self.scan("-F", "-i", path), self.runs)
            row(f"-F -i, {count} hashes", found, limit)
        print("\na MalwareBazaar CSV of 1,000,000 rows:")
        subprocess.run([self.tool("bench_lists"), "1000000"], check=True)
        print("\nsearching 12,000 modules among 1,000,000 hashes, against fuzzy_compare() on all:")
        subprocess.run([self.tool("bench_match"), "1000000"], check=True)

    def xz_blocks(self):
        """The image packed by xz in blocks, against unpacking all of it with two threads."""
        if not shutil.which("xz"):
            print(".xz in blocks: left out, xz is not installed")
            return
        packed = self.folder / f"{self.image.name}.xz"
        if not packed.exists():
            with open(self.image, "rb") as image, open(packed, "wb") as out:
                subprocess.run(["xz", "-1", "-T2", "-c"], stdin=image, stdout=out, check=True)
        results = measure_all({
            "xz -dc -T2": ["xz", "-dc", "-T2", str(packed)],
            "-a": [self.impscan, "-q", "-f", str(packed), "-a", "-j2"],
            "-F -a -p": [self.impscan, "-q", "-f", str(packed), "-F", "-a", "-j2", "-p",
                         str(self.first_pid()[0])],
        }, max(self.runs, 5))
        limit = results["xz -dc -T2"].wall
        for name, result in results.items():
            row(f".xz in blocks: {name}", result, limit, "xz -dc -T2")
        print(f"-a on .xz in blocks takes {results['-a'].wall / limit:.2f} times as long as xz -dc "
              f"-T2 (wanted: at most 1.1), and {results['-a'].cpu / results['xz -dc -T2'].cpu:.2f} "
              "times the processor time")

    def hibernation(self):
        """Listings of the machine packed into hiberfil.sys, against unpacking all of it once with one
        thread; and what can't be left packed by any listing."""
        path = self.image.with_suffix(".hiberfil.sys")
        if not path.exists():
            print(f"writing {path} ...", flush=True)
            part = str(path) + ".part"
            subprocess.run([self.tool("mkhiberfil"), "--layout", "17763-x64", "--mixed",
                            str(self.image), part], check=True)
            os.rename(part, path)
        run_once(["cat", str(path)])
        commands = {"unpacking all, one thread": [self.tool("bench_unpack"), str(path)]}
        for options in ("-F -a", "-a"):
            for threads in (1, 2):
                commands[f"{options} -j{threads}"] = [self.impscan, "-q", "-f", str(path),
                                                      *options.split(), f"-j{threads}"]
        results = measure_all(commands, self.runs)
        whole = results["unpacking all, one thread"]
        for name, result in results.items():
            row(f"hiberfil.sys: {name}", result, whole.wall, "unpacking all")
        for name in list(results)[1:]:
            threads = int(name[-1])
            share = results[name].cpu / threads / whole.cpu
            print(f"hiberfil.sys: {name}: processor time of each thread is {share:.2f} of unpacking "
                  f"all (load {os.getloadavg()[0]:.1f})")
        for options in ("-F -a", "-a"):
            told = subprocess.run([self.impscan, "-v", "-f", str(path), *options.split()],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  check=True).stderr
            print("".join(f"    {options}: {line}\n" for line in told.splitlines()
                          if "were unpacked" in line), end="")
        subprocess.run([self.tool("bench_floor"), str(path)], check=True)

    def make_dumps(self):
        """Of the process with the most modules, with private memory of the others added to its own:
        (path, what it is)."""
        dumps = [(self.folder / "with-info.dmp", "with MemoryInfoList"),
                 (self.folder / "no-info.dmp", "without MemoryInfoList")]
        if all(path.exists() for path, _ in dumps):
            return dumps
        print(f"writing {' and '.join(str(path) for path, _ in dumps)} ...", flush=True)
        memory = self.make_process(DUMP_SIZE, False)
        for path, _ in dumps:
            memory.write(str(path) + ".part", info=path == dumps[0][0])
            os.rename(str(path) + ".part", path)
        return dumps

    def make_process(self, size, heap):
        """The process with the most modules, with private memory of the others added: up to `size`
        bytes in all, or with `heap` so many."""
        image, truth = self.folder / "dump.raw", self.folder / "dump.json"
        subprocess.run([self.tool("mkimage"), "--scenario", "big", "--memory", "512", "--truth",
                        str(truth), "-o", str(image)], check=True)
        known = json.loads(truth.read_text(encoding="utf-8"))
        processes = [process for process in known["processes"] if process["peb"]]
        chosen = max(processes, key=lambda process: len(process["modules"]))
        with open(image, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        memory = ProcessMemory(data, known, chosen)
        add_private(memory, [ProcessMemory(data, known, process) for process in processes
                             if process is not chosen],
                    size if heap else size - len(memory.pages) * PAGE)
        image.unlink()
        return memory

    def make_managed(self):
        """{name of a module: (dump with a MemoryInfoList, dump without)}: the module is a copy of the
        process's smallest."""
        names = {"clr.dll": (), "cla.dll": ()}
        for name in names:
            names[name] = [self.folder / f"{name[:3]}-{what}.dmp" for what in ("info", "no-info")]
        paths = [path for both in names.values() for path in both]
        if all(path.exists() for path in paths):
            return names
        print(f"writing {paths[0]} and others ...", flush=True)
        memory = self.make_process(HEAP_SIZE, True)
        smallest = min(memory.process["modules"], key=lambda module: module["size"])
        start = int(smallest["base"], 16)
        pages = [memory.page(address) for address in range(start, start + smallest["size"], PAGE)]
        copy = b"".join(page[0] if page else bytes(PAGE) for page in pages)
        base, listed = memory.add(copy, "image"), memory.listed()
        for name, both in names.items():
            memory.listed = lambda name=name: [*listed, (base, len(copy), f"C:\\{name}")]
            for path in both:
                memory.write(str(path) + ".part", info=path is both[0])
                os.rename(str(path) + ".part", path)
        return names

    def managed(self):
        dumps = self.make_managed()
        for number, what in enumerate(("with", "without")):
            commands = {f"{name} -j{threads}": [self.impscan, "-q", "-f", str(dumps[name][number]),
                                                "-a", f"-j{threads}"]
                        for threads in (1, 2) for name in dumps}
            size = dumps["clr.dll"][number].stat().st_size
            print(f"\nminidump of a process with .NET, {what} MemoryInfoList, {size / 1e6:.0f} MB:")
            results = measure_all(commands, self.runs)
            for name, result in results.items():
                row(name, result)
            ratios = [(results[f"clr.dll -j{threads}"].wall / results[f"cla.dll -j{threads}"].wall,
                       results[f"clr.dll -j{threads}"].cpu / results[f"cla.dll -j{threads}"].cpu)
                      for threads in (1, 2)]
            print("searching for assemblies, -a takes "
                  f"{ratios[0][0]:.2f} times as long as without with one thread, {ratios[1][0]:.2f} "
                  f"times with two (wanted: at most 2); {ratios[0][1]:.2f} and {ratios[1][1]:.2f} "
                  f"times the processor time")

    def process_dumps(self):
        for path, what in self.make_dumps():
            commands = {"cat DUMP": ["cat", str(path)]}
            for options in ("-F -a", "-a"):
                for threads in (1, 2):
                    commands[f"{options} -j{threads}"] = [
                        self.impscan, "-q", "-f", str(path), *options.split(), f"-j{threads}"]
            run_once(commands["cat DUMP"])
            results = measure_all(commands, self.runs)
            print(f"\nminidump {what}, {path.stat().st_size / 1e6:.0f} MB:")
            for name, result in results.items():
                row(name, result, results["cat DUMP"].wall)
            print(f"-a takes {results['-a -j2'].wall / results['cat DUMP'].wall:.2f} times as long "
                  f"as cat (wanted: below 1), {results['-a -j1'].cpu / results['cat DUMP'].cpu:.2f} "
                  f"times its processor time with one thread")

    def cold(self):
        runs = min(self.runs, 3)
        cat = measure_cold(["cat", str(self.image)], self.image, runs)
        row("cold: cat IMAGE", cat)
        for options in (["-F", "-a"], ["-a"], ["-a", "-p", str(self.first_pid()[0])]):
            row("cold: " + " ".join(options),
                measure_cold(self.scan(*options), self.image, runs), cat.wall, "cold cat")
        run_once(["cat", str(self.image)])

    def volatility(self, listing):
        """One process, and the whole reckoned by rows: one process's time without the start."""
        vol = self.arguments.volatility
        if not vol:
            print("Volatility 3: left out, no --volatility")
            return
        base = [self.arguments.vol_python, vol, "-q", "--offline", "-f", str(self.image)]
        if self.arguments.vol_symbols:
            base += ["-s", self.arguments.vol_symbols]
        if self.arguments.vol_plugins:
            base += ["--plugin-dirs", self.arguments.vol_plugins]
        pid, _, modules = self.first_pid()
        plugin = [*base, "-r", "csv", "pehash.ImpFuzzy", "--pid", str(pid)]
        printed = subprocess.run(plugin, capture_output=True, text=True, check=False).stdout
        rows = len(re.findall(r",\d+:\S+:\S*$", printed, re.MULTILINE))
        if not rows:
            print(f"Volatility 3: left out, {' '.join(plugin)} gives no hash")
            return
        start = measure([*base, "windows.pslist.PsList", "--pid", str(pid)], 1)
        one = measure(plugin, 1)
        ours = measure(self.scan("-F", "-a", "-p", pid), self.runs)
        row("Volatility 3: start, one process listed", start)
        row(f"Volatility 3: pehash.ImpFuzzy --pid {pid}", one)
        row(f"impscan -F -a -p {pid}", ours)
        print(f"one process, {rows} modules, start and all: {one.wall / ours.wall:.0f} times faster")
        whole = start.wall + modules * (one.wall - start.wall) / rows
        print(f"all {modules} modules: Volatility {whole:.0f} s (reckoned), "
              f"-F -a {whole / listing['-F -a -j2'].wall:.0f} times, "
              f"-a {whole / listing['-a -j2'].wall:.0f} times faster")


def add_private(memory, others, room):
    """Adds what the private memory of other processes holds, `room` bytes, again and again."""
    at = 0x10000000000
    while room > 0:
        before = room
        for other in others:
            for start, end, kind, protect in other.vads:
                held = [address for address in range(start, end, PAGE) if address in other.pages]
                if kind != "private" or protect & 0xf0 or room <= 0:
                    continue
                for number, address in enumerate(held):
                    memory.extra[at + number * PAGE] = other.page(address)[0]
                if held:
                    memory.vads.append((at, at + len(held) * PAGE, kind, protect))
                at += (len(held) * PAGE + 0x1ffff) & ~0xffff
                room -= len(held) * PAGE
        if room == before:
            sys.exit("no private memory to make a dump of")
    memory.vads.sort()


def pefile_seconds(paths, fast):
    """pefile over the files, imphash and impfuzzy of each."""
    import pefile
    start = time.perf_counter()
    for path in paths:
        try:
            pe = pefile.PE(str(path), fast_load=fast)
            if fast:
                pe.parse_data_directories(
                    pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"])
            pe.get_imphash()
            text = ",".join(
                f"{entry.dll.decode(errors='replace').lower()}.{symbol.name or symbol.ordinal}"
                for entry in getattr(pe, "DIRECTORY_ENTRY_IMPORT", [])
                for symbol in entry.imports)
            if FUZZY:
                FUZZY(text.encode())
            pe.close()
        except pefile.PEFormatError:
            pass
    return time.perf_counter() - start


def bench_samples(bench):
    folder = pathlib.Path(bench.arguments.dlls)
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not paths:
        print(f"files: left out, none in {folder}")
        return
    ours = measure([bench.impscan, "-q", "-e", str(folder)], bench.runs).wall
    print(f"files: impscan -e, {len(paths)} of them: {ours * 1e3:.1f} ms "
          f"({ours / len(paths) * 1e6:.0f} us a file)")
    try:
        import pefile  # noqa: F401
    except ImportError:
        print("files: pefile is not installed, nothing to compare with")
        return
    # Full parsing takes about 80 ms a file: an even sample of the files is enough.
    some = paths[::max(1, len(paths) // 60)]
    full = pefile_seconds(some, False) / len(some)
    fast = pefile_seconds(paths, True) / len(paths)
    each = ours / len(paths)
    print(f"files: pefile, full parse ({len(some)} of them): {full * 1e3:.1f} ms a file: "
          f"impscan is {full / each:.0f} times faster")
    print(f"files: pefile, fast_load and import directory: {fast * 1e3:.2f} ms a file: "
          f"impscan is {fast / each:.0f} times faster")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="folder of a release build")
    parser.add_argument("--image", type=pathlib.Path, help="another image than build/bench/big.raw")
    parser.add_argument("--memory", type=int, default=8192, help="MB of the image to be made")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--dlls", default=DLLS, help="real DLLs")
    parser.add_argument("--symbols", type=pathlib.Path)
    parser.add_argument("--pdb-guid")
    parser.add_argument("--volatility", default=os.environ.get("VOLATILITY"), help="vol.py")
    parser.add_argument("--vol-python", default=sys.executable)
    parser.add_argument("--vol-symbols")
    parser.add_argument("--vol-plugins")
    parser.add_argument("--no-cold", action="store_true")
    parser.add_argument("--dump", action="store_true", help="measure only minidumps")
    parser.add_argument("--managed", action="store_true",
                        help="measure only minidumps of a process that runs .NET")
    parser.add_argument("--hibernation", action="store_true",
                        help="only the image packed into hiberfil.sys")
    return parser.parse_args()


def main():
    arguments = parse()
    bench = Bench(arguments)
    if arguments.dump:
        bench.process_dumps()
        return
    if arguments.managed:
        bench.managed()
        return
    bench.make_image()
    used = bench.image.stat().st_blocks * 512 / 2**30
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}, {os.cpu_count()} processors, "
          f"load {os.getloadavg()[0]:.1f}")
    if arguments.hibernation:
        bench.hibernation()
        return
    _, processes, modules = bench.first_pid()
    print(f"{bench.image.name}: {bench.image.stat().st_size / 2**30:.1f} GB, {used:.1f} GB of it in "
          f"use, {processes} processes, {modules} modules; medians of {bench.runs} runs\n")
    print(f"{'':<40} {'wall ms':>10} {'cpu ms':>10} {'peak MB':>9} {'own MB':>9}")
    listing, limit = bench.listings()
    bench.searches(listing, limit)
    print()
    bench_samples(bench)
    bench.xz_blocks()
    bench.hibernation()
    if not arguments.no_cold:
        bench.cold()
    bench.volatility(listing)


if __name__ == "__main__":
    main()
