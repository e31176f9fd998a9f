#!/usr/bin/env python3
"""Measures impscan against its limits and its peers, all in one run; prints medians and ratios.

    bench.py IMPSCAN [--image IMAGE] [--samples FOLDER] [--runs N]

`samples`: hashing a folder of PE files, against pefile's full parse with both hashes, and against
pefile with fast_load and the import directory only. `listing`: impscan -a on an image, against
`cat IMAGE >/dev/null` with a warm cache. What is not installed or not given is left out, with a
line that says so.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from image_truth import FUZZY  # noqa: E402

DLLS = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"


def seconds(command, runs):
    """Median wall time of a command, after one run that does not count."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


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


def bench_samples(impscan, folder, runs):
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not paths:
        print(f"samples: left out, no files in {folder}")
        return
    ours = seconds([impscan, "-q", "-e", str(folder)], runs)
    print(f"samples: impscan -e, {len(paths)} files: {ours * 1e3:.1f} ms "
          f"({ours / len(paths) * 1e6:.0f} us a file)")
    try:
        import pefile  # noqa: F401
    except ImportError:
        print("samples: pefile is not installed, nothing to compare with")
        return
    # Full parsing takes about 80 ms a file: an even sample of the files is enough.
    some = paths[::max(1, len(paths) // 60)]
    full = pefile_seconds(some, False) / len(some)
    fast = pefile_seconds(paths, True) / len(paths)
    each = ours / len(paths)
    print(f"samples: pefile, full parse ({len(some)} of them): {full * 1e3:.1f} ms a file: "
          f"impscan is {full / each:.0f} times faster")
    print(f"samples: pefile, fast_load and import directory: {fast * 1e3:.2f} ms a file: "
          f"impscan is {fast / each:.0f} times faster")


def bench_listing(impscan, image, runs):
    if not image:
        print("listing: left out, no --image given")
        return
    cat = seconds(["sh", "-c", f"cat '{image}' >/dev/null"], runs)
    for arguments in (["-a"], ["--deep", "-a"]):
        ours = seconds([impscan, "-q", "-f", str(image), *arguments], runs)
        print(f"listing: impscan {' '.join(arguments)}: {ours * 1e3:.1f} ms, cat: "
              f"{cat * 1e3:.1f} ms, ratio {ours / cat:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("impscan")
    parser.add_argument("--image", type=pathlib.Path)
    parser.add_argument("--samples", type=pathlib.Path, default=pathlib.Path(DLLS))
    parser.add_argument("--runs", type=int, default=11)
    arguments = parser.parse_args()
    bench_samples(arguments.impscan, arguments.samples, arguments.runs)
    bench_listing(arguments.impscan, arguments.image, arguments.runs)


if __name__ == "__main__":
    main()
