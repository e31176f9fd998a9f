#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is promised for bad days: a broken ring of processes, a file that shrinks while it is read, no
memory left; and what only a terminal shows.

    test_promises.py IMPSCAN MKIMAGE FOLDER
"""

import fcntl
import json
import os
import pathlib
import pty
import resource
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile.cases import Tools  # noqa: E402
from hostile.machine import Machine  # noqa: E402
from image_truth import check, finish, read_terminal, run  # noqa: E402

NOWHERE = 0xffffdead00000000


def pids(text):
    """The PIDs of a listing, each once, in order."""
    return list(dict.fromkeys(json.loads(line)["pid"] for line in text.split("\n") if line))


def break_ring(machine, pid, backward):
    """Leads a process's link to an address that is not mapped."""
    eprocess, _ = machine.process(pid)
    links = eprocess + machine.offset("EPROCESS", "ActiveProcessLinks")
    machine.put_pointer(links + (8 if backward else 0), NOWHERE)


def test_ring(tools):
    """What lies behind a break is reached from the other end, what lies between two by other lists."""
    machine = Machine(tools)
    whole = pids("\n".join(map(json.dumps, machine.rows)))
    third, last = whole[3], whole[-3]
    for breaks in ([(third, False)], [(third, True)], [(third, False), (last, True)],
                   [(last, False), (third, True)]):
        tampered = Machine(tools)
        for pid, backward in breaks:
            break_ring(tampered, pid, backward)
        out, err = run(tools.impscan, "-f", tampered.save(), "-a", "-F", "-o", "jsonl")
        forward = any(not backward for _, backward in breaks)
        check(sorted(pids(out)) == sorted(whole), f"{breaks}: {pids(out)}, not {whole}")
        check(("ActiveProcessLinks" in err) == forward, f"{breaks}: said {err!r}")
        # Behind the break they come in the ring's order again, unless it is broken twice.
        if len(breaks) == 1:
            check(pids(out) == whole, f"{breaks}: in another order: {pids(out)}")


def links_of(machine, pid):
    return machine.process(pid)[0] + machine.offset("EPROCESS", "ActiveProcessLinks")


def test_lost_ring(tools):
    """Between two processes whose links were written as zeros none is hidden but the one that was
    taken out of the ring."""
    for taken_out in (False, True):
        machine = Machine(tools)
        whole = pids("\n".join(map(json.dumps, machine.rows)))
        for pid in (whole[3], whole[-3]):
            machine.write(links_of(machine, pid), bytes(16))
        hidden = whole[6:7] if taken_out else []
        for pid in hidden:
            link = links_of(machine, pid)
            after, before = machine.pointer(link), machine.pointer(link + 8)
            machine.put_pointer(before, after)
            machine.put_pointer(after + 8, before)
        out, err = run(tools.impscan, "-f", machine.save(), "-a", "-F", "-o", "jsonl")
        found = {row["pid"] for row in map(json.loads, out.splitlines()) if "hidden" in row["flags"]}
        # The two themselves lead nowhere, and what leads to them can't be seen.
        found -= {whole[3], whole[-3]}
        check(sorted(found) == hidden, f"hidden {sorted(found)}, not {hidden}")
        check("ActiveProcessLinks" in err, f"said {err!r}")


def test_table(tools):
    """A rebuilt list that differs has a line of its own below the declared one."""
    path = tools.folder / "packed.raw"
    subprocess.run([tools.mkimage, "--scenario", "packed", "--memory", "64", "-o", path], check=True)
    row = next(json.loads(line) for line in
               run(tools.impscan, "-f", path, "-a", "-p", 5000, "-o", "jsonl")[0].split("\n")
               if line and json.loads(line)["rebuilt_imphash"])
    lines = run(tools.impscan, "-f", path, "-a", "-p", 5000)[0].split("\n")
    at = next(i for i, line in enumerate(lines) if row["base"] in line)
    check(row["imphash"] in lines[at], f"no declared hash: {lines[at]}")
    check(row["rebuilt_imphash"] in lines[at + 1] and "(rebuilt)" in lines[at + 1],
          f"no second line for the rebuilt list: {lines[at + 1]}")
    path.unlink()


def test_progress(tools):
    """A bar on a terminal that vanishes, nothing in a pipe, nothing with -q."""
    path = tools.folder / "bar.raw"
    subprocess.run([tools.mkimage, "--scenario", "demo", "--memory", "64", "-o", path], check=True)
    for more, shown in (((), True), (("-q",), False)):
        leader, follower = pty.openpty()
        with subprocess.Popen([tools.impscan, "-f", path, "-a", *more], stdout=subprocess.DEVNULL,
                              stderr=follower) as process:
            os.close(follower)
            text = read_terminal(leader)
        check(process.returncode == 0, f"on a terminal: exit {process.returncode}")
        check((b"[" in text and b"#" in text or b"\r[" in text) == shown, f"{more}: {text!r}")
        check(not shown or b"\r\x1b[K" in text, f"the bar stays: {text!r}")
    _, err = run(tools.impscan, "-f", path, "-a")
    check("\r" not in err and len(err.splitlines()) == 1, f"in a pipe: {err!r}")
    path.unlink()


def test_shrinking_file(tools):
    """The file is cut while it is read: a sentence and exit 2."""
    path = tools.folder / "shrinks.raw"
    subprocess.run([tools.mkimage, "--scenario", "demo", "--memory", "64", "-o", path], check=True)
    with subprocess.Popen([tools.impscan, "-f", path, "-a", "-o", "jsonl", "-j", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        fcntl.fcntl(process.stdout, 1031, 4096)  # F_SETPIPE_SZ: it waits for its reader soon
        process.stdout.read(1)
        os.truncate(path, 4096)
        _, err = process.communicate()
    check(process.returncode == 2 and b"could not be read" in err,
          f"shrinking file: exit {process.returncode}: {err!r}")
    path.unlink()


def test_out_of_memory(tools):
    """With too little memory it says so; it never crashes."""
    path = tools.folder / "memory.raw"
    subprocess.run([tools.mkimage, "--scenario", "demo", "--memory", "64", "-o", path], check=True)
    hashes = tools.folder / "many.txt"  # some 50 MB when they are read
    hashes.write_text("".join(f"{number:032x}\n" for number in range(300000)), encoding="ascii")
    said = 0
    for megabytes in range(12, 124, 4):
        def limited(size=megabytes << 20):
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

        result = subprocess.run([tools.impscan, "-f", path, "-a", "-i", hashes, "-j", "1"],
                                capture_output=True, preexec_fn=limited, check=False)
        out_of_memory = b"out of memory" in result.stderr
        said += out_of_memory
        # Below some size not even the libraries can be loaded: 127.
        check(result.returncode in (0, 2, 127) and out_of_memory <= (result.returncode == 2),
              f"{megabytes} MB: exit {result.returncode}: {result.stderr[-200:]!r}")
    check(said > 0, "memory never ran out: the test is of no use")
    path.unlink()
    hashes.unlink()


def main():
    impscan, mkimage, folder = sys.argv[1:4]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tools = Tools(impscan, mkimage, folder)
    test_ring(tools)
    test_lost_ring(tools)
    test_table(tools)
    test_progress(tools)
    test_shrinking_file(tools)
    if b"__asan_init" not in pathlib.Path(impscan).read_bytes():  # it reserves terabytes
        test_out_of_memory(tools)
    finish("promises")


if __name__ == "__main__":
    main()
