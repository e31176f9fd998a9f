#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""recipes/slurm and recipes/parallel, on the real programs: a Slurm cluster of three nodes on this
machine, and GNU parallel.

    test_recipes_many.py IMPSCAN MKIMAGE FOLDER slurm|parallel

One of the images is broken: all others get the rows that impscan prints of them, the broken one is
named, and running it again does just what is missing, also with a node less. Then all rows are searched
for a hash that came later, behind scans that are still to be done.
"""

import contextlib
import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from image_truth import FAILURES, check, finish, test_arguments, test_parser  # noqa: E402,F401
from recipes import daemon, names_of, need, recipe, wait_for, write_images  # noqa: E402

COUNT = 12
NODES = 3

SLURM_CONF = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdTimeout=5
MaxArraySize=8
{nodes}
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def cluster():
    """A cluster of Slurm on this machine; yields the environment that its programs need, and one of
    its nodes."""
    munged, slurmctld, slurmd, _, sinfo = need("Slurm", "munged", "slurmctld", "slurmd", "sbatch",
                                               "sinfo")
    with contextlib.ExitStack() as stack:
        # A socket's path is short, and munged wants a folder that nobody else writes to.
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm")))
        folder.chmod(0o755)
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        (folder / "state").mkdir()
        ports = free_ports(1 + NODES)
        nodes = "\n".join(f"NodeName=n{n} NodeHostname=localhost NodeAddr=127.0.0.1 "
                          f"Port={ports[n]} CPUs=1 State=UNKNOWN" for n in range(1, NODES + 1))
        (folder / "slurm.conf").write_text(
            SLURM_CONF.format(folder=folder, ports=ports, nodes=nodes,
                              user=pwd.getpwuid(os.getuid()).pw_name), encoding="utf-8")
        environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        stack.enter_context(daemon(
            [munged, "--foreground", f"--key-file={folder}/munge.key",
             f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
             f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"],
            folder, "munged"))
        wait_for("munged", (folder / "munge.socket").exists)
        stack.enter_context(daemon([slurmctld, "-D", "-c"], folder, "slurmctld", environment))
        for n in range(1, NODES + 1):
            node = stack.enter_context(daemon([slurmd, "-D", "-N", f"n{n}"], folder, f"slurmd-{n}",
                                              environment))

        def idle():
            out = subprocess.run([sinfo, "-h", "-o", "%D %t"], env={**os.environ, **environment},
                                 capture_output=True, text=True, check=False).stdout
            return out.strip() == f"{NODES} idle"
        wait_for("Slurm", idle)
        yield environment, node


def check_rows(impscan, folder, broken):
    """Every image but the broken one has the rows that impscan prints of it."""
    paths = [folder / f"{number}.raw" for number in range(COUNT)]
    for name, path in zip(names_of(COUNT), paths):
        rows = folder / "rows" / f"{name}.jsonl"
        if name == broken:
            check(not rows.exists(), f"{name}: a broken image has rows")
            continue
        expected = subprocess.run([impscan, "-q", "-f", path, "--label", name, "-a", "-o", "jsonl"],
                                  capture_output=True, check=True).stdout
        check(rows.exists() and rows.read_bytes() == expected, f"{name}: other rows")


def test(impscan, folder, broken, scan, environment, node=None):
    """`scan` is the recipe, and what it needs behind the list and the folder; `node` ends before the
    second run."""
    name, *more = scan
    environment = {**environment, "IMPSCAN": str(pathlib.Path(impscan).resolve())}
    arguments = [*name[1:], folder / "images", folder / "rows", *more]
    _, err = recipe(name[0], *arguments, environment=environment, status=(1, 2))
    check([line for line in err.splitlines() if line.startswith("missing: ")] ==
          [line for line in err.splitlines() if line.startswith(f"missing: {broken}: impscan: error:")]
          != [], f"what is missing: {err}")
    check_rows(impscan, folder, broken)

    # Once more: what is missing, and nothing else.
    before = {path: path.stat().st_mtime_ns for path in (folder / "rows").glob("*.jsonl")}
    if node:
        node.kill()
    last = folder / f"{COUNT - 1}.raw"
    shutil.copy(folder / "0.raw", last)
    removed = folder / "rows" / f"{names_of(COUNT)[0]}.jsonl"
    removed.unlink()
    del before[removed]
    _, err = recipe(name[0], *arguments, environment=environment)
    check("missing: " not in err, f"something is missing: {err}")
    check_rows(impscan, folder, None)
    check(all(path.stat().st_mtime_ns == stamp for path, stamp in before.items()),
          "what was there was scanned again")
    _, err = recipe(name[0], *arguments, environment=environment)
    check("have rows" in err, f"nothing is missing: {err}")


def saved_rows(folder):
    """The rows that the scans left, by file, as a search is given them."""
    return sorted((folder / "rows").glob("*.jsonl"))


def test_search(impscan, folder, environment, scan, search):
    """Rows are searched for a hash that came later, also those of scans that were submitted and are not
    there yet: what is found is what a search of all images finds. `scan` submits them; None: all are
    there."""
    environment = {**environment, "IMPSCAN": str(pathlib.Path(impscan).resolve())}
    row = next(row for row in map(json.loads, saved_rows(folder)[0].read_text().splitlines())
               if row["imphash"])
    expected = []
    for rows in saved_rows(folder):
        number = names_of(COUNT).index(rows.name.removesuffix(".jsonl"))
        found = subprocess.run([impscan, "-q", "-f", folder / f"{number}.raw", "--label",
                                names_of(COUNT)[number], "-s", row["imphash"], "-s", row["impfuzzy"],
                                "-o", "jsonl"], capture_output=True, check=False).stdout
        expected += found.decode().splitlines()
    if scan:
        for rows in saved_rows(folder)[:3]:
            rows.unlink()
        recipe(scan, folder / "images", folder / "rows", environment=environment)
    matches = folder / "matches.jsonl"
    recipe(search, folder / "rows", matches, "-s", row["imphash"], "-s", row["impfuzzy"],
           environment=environment)
    wait_for("the search", matches.exists)
    check(len(expected) > COUNT and matches.read_text().splitlines() == expected,
          f"{len(matches.read_text().splitlines())} matches, not {len(expected)}")
    left = [path.name for path in folder.iterdir() if path.name.startswith("matches.jsonl.")]
    check(not left, f"left behind: {left}")
    # Nothing is found, nothing can be searched.
    nothing = folder / "nothing.jsonl"
    wait = ["--wait"] if scan else []
    recipe(search, *wait, folder / "rows", nothing, "-s", "1" * 32, environment=environment,
           status=(0,) if scan else (1,))
    check(nothing.read_bytes() == b"", "a search that finds nothing has matches")
    (folder / "empty").mkdir()
    recipe(search, *wait, folder / "empty", folder / "none.jsonl", "-s", "1" * 32, environment=environment,
           status=(2,))
    check(not (folder / "none.jsonl").exists(), "a search without rows has a result")


def main():
    parser = test_parser(__doc__)
    parser.add_argument("which", choices=["slurm", "parallel"])
    arguments = test_arguments(parser)
    folder = arguments.folder
    shutil.rmtree(folder)
    (folder / "rows").mkdir(parents=True)
    if arguments.which == "slurm":
        with cluster() as (environment, node):
            broken = write_images(arguments.mkimage, folder, COUNT)
            test(arguments.impscan, folder, broken, [["slurm/submit", "--wait"]], environment,
                 node)
            test_search(arguments.impscan, folder, environment, "slurm/submit",
                        "slurm/search")
    else:
        need("GNU parallel", "parallel")
        broken = write_images(arguments.mkimage, folder, COUNT)
        (folder / "hosts").write_text("2/:\n", encoding="utf-8")
        test(arguments.impscan, folder, broken, [["parallel/run"], folder / "hosts"], {})
        test_search(arguments.impscan, folder, {}, None, "search-rows")
    shutil.rmtree(folder)
    finish(f"{COUNT} images by {arguments.which}, one of them broken")


if __name__ == "__main__":
    main()
