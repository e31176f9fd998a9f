#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program locked in: what it says of it, that it holds before anything is read, and that nothing
else changes, also where the kernel has nothing of it. (What is denied, one by one: unit.base_sandbox.)

    test_sandbox.py IMPSCAN MKIMAGE FOLDER
"""

import ctypes
import errno
import json
import os
import pathlib
import platform
import shutil
import struct
import subprocess
import time

from image_truth import check, finish, run, skip, test_arguments, test_parser

LANDLOCK = range(444, 447)  # of all architectures
SECCOMP = {"x86_64": 317, "aarch64": 277}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38


def without(calls):
    """For subprocess: a kernel that answers ENOSYS to these system calls, by a filter of its own."""
    code = [struct.pack("<HBBI", 0x20, 0, 0, 0)]  # load the number
    for number in calls:
        code.append(struct.pack("<HBBI", 0x15, 0, 1, number))
        code.append(struct.pack("<HBBI", 0x06, 0, 0, 0x50000 | errno.ENOSYS))
    code.append(struct.pack("<HBBI", 0x06, 0, 0, 0x7fff0000))
    rules = ctypes.create_string_buffer(b"".join(code))

    class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("rules", ctypes.c_void_p)]

    program = Program(len(code), ctypes.addressof(rules))
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def install():
        if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
                prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
            raise OSError(ctypes.get_errno(), "no filter")

    install.keep = rules
    return install


def run_without(calls, *arguments):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, check=False,
                          preexec_fn=without(calls))
    check(done.returncode == 0, f"{arguments[1:]}: {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def sandbox_of(out):
    info = json.loads(out)
    return (info[0] if isinstance(info, list) else info)["sandbox"]


def test_told(impscan, image, version):
    """--info by what --version says that there is."""
    libseccomp, landlock = version["libseccomp"], version["Landlock"]
    told = sandbox_of(run(impscan, "-f", image, "--info", "-o", "json")[0])
    check((f"by Landlock (ABI {landlock})" in told) == (landlock != "missing"), f"--info: {told}")
    check(("files are not locked in" in told) == (landlock == "missing"), f"--info: {told}")
    check(("system calls by seccomp" in told) == (libseccomp != "missing"), f"--info: {told}")
    table, _ = run(impscan, "-f", image, "--info")
    check(f"Locked in               {told}\n" in table, f"--info as a table: {table}")
    told = sandbox_of(run(impscan, "-f", image, "--info", "-o", "json", "--no-sandbox")[0])
    check(told == "off (--no-sandbox)", f"--no-sandbox: {told}")


def test_lacking(impscan, image, version):
    """Kernels without Landlock, and without seccomp: they say so, and list the same."""
    rows, _ = run(impscan, "-f", image, "-a", "-q")
    check(run_without(LANDLOCK, impscan, "-f", image, "-a", "-q") == rows, "rows without Landlock")
    told = sandbox_of(run_without(LANDLOCK, impscan, "-f", image, "--info", "-o", "json"))
    check(told.startswith("files are not locked in, ") and "the kernel lacks Landlock" in told,
          f"without Landlock: {told}")
    number = SECCOMP.get(platform.machine())
    if not number or version["libseccomp"] == "missing":
        skip("a kernel without seccomp: not this architecture, or no libseccomp")
        return
    told = sandbox_of(run_without([*LANDLOCK, number], impscan, "-f", image, "--info", "-o", "json"))
    check(told == "files are not locked in, system calls are not denied: the kernel lacks Landlock, "
                  "the kernel lacks seccomp", f"without both: {told}")


def waiting(impscan, *arguments):
    """A run that reads a list from standard input, which it waits for: locked in by then."""
    process = subprocess.Popen([str(impscan), *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{process.pid}/wchan")
    for _ in range(1000):
        try:
            if "pipe" in status.read_text(encoding="ascii"):
                break
        except OSError:  # ended
            break
        time.sleep(0.01)
    return process


def test_before_reading(impscan, image, version):
    """No list is read before the process is locked in."""
    process = waiting(impscan, "-f", image, "-i", "-")
    of_process = pathlib.Path(f"/proc/{process.pid}")
    for task in (of_process / "task").iterdir():
        lines = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        check(lines["NoNewPrivs"] == "1", "no new privileges")
        if version["libseccomp"] != "missing":
            check(lines["Seccomp"] == "2", f"seccomp: {lines['Seccomp']}")
    core = next(line for line in (of_process / "limits").read_text().splitlines()
                if line.startswith("Max core file size"))
    check(core.split()[4:6] == ["0", "0"], f"core dumps: {core}")
    process.communicate(b"1" * 32 + b"\n")
    check(process.returncode == 1, f"the run that was looked at: {process.returncode}")


def test_other_files(impscan, image, folder, version):
    """What comes to lie in a folder as a link after the start leads nowhere, as it was not named."""
    if version["Landlock"] == "missing":
        skip("files that nobody named: the kernel lacks Landlock")
        return
    samples = folder / "samples"
    for locked, arguments in ((True, ()), (False, ("--no-sandbox",))):
        shutil.rmtree(samples, ignore_errors=True)
        samples.mkdir()
        (folder / "secret").write_bytes(b"MZ" + bytes(100))
        (samples / "file").write_bytes(b"MZ" + bytes(100))
        (samples / "early").symlink_to(folder / "secret")
        process = waiting(impscan, "-f", image, "-i", "-", "-e", samples, "-v", *arguments)
        (samples / "late").symlink_to(folder / "image")
        (samples / "elsewhere").symlink_to("/etc/passwd")
        _, err = process.communicate(b"1" * 32 + b"\n")
        for name, denied in (("file", False), ("early", False), ("late", False),
                             ("elsewhere", True)):
            line = next((line for line in err.decode().splitlines() if f"/{name}: " in line), "")
            check(line and ("Permission denied" in line) == (locked and denied),
                  f"{arguments}: {name}: {line!r} of {err.decode()}")


def test_same(impscan, image, folder):
    """What links and new folders are for is done, and an empty folder of -d does not stay."""
    dump = folder / "dump"
    shutil.rmtree(dump, ignore_errors=True)
    run(impscan, "-f", image, "-m", "kernel32", "-a", "-d", f"{dump}//", "-q")
    names = sorted(path.name for path in dump.iterdir())
    check("index.json" in names and len(names) > 1, f"-d: {names}")
    shutil.rmtree(dump)
    run(impscan, "-f", folder / "missing", "-a", "-d", dump, status=(2,))
    check(not dump.exists(), "the folder of -d stays behind an error")
    dump.mkdir()
    run(impscan, "-f", folder / "missing", "-a", "-d", dump, status=(2,))
    check(dump.exists(), "a folder of -d that was there before is removed")
    _, err = run(impscan, "-f", image, "-a", "-d", folder / "no" / "folder", status=(2,))
    check("No such file or directory" in err, f"-d below what is not there: {err}")


def main():
    arguments = test_arguments(test_parser(__doc__))
    impscan, folder = os.path.abspath(arguments.impscan), arguments.folder.resolve()
    image = folder / "image"
    subprocess.run([arguments.mkimage, "--scenario", "plain", "--memory", "64", "--format", "raw",
                    "-o", image], check=True)
    version = dict(line.split(" ", 1) for line in run(impscan, "--version")[0].splitlines()
                   if " " in line)
    test_told(impscan, image, version)
    test_lacking(impscan, image, version)
    test_before_reading(impscan, image, version)
    test_other_files(impscan, image, folder, version)
    test_same(impscan, image, folder)
    image.unlink()
    finish("locked in")


if __name__ == "__main__":
    main()
