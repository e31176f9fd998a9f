#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many address tables are seen in ordinary process memory where there are none, and are real
ones found? Starts Wine's programs in a prefix of their own, copies and searches their memory with
bench_live, ends them, and removes the prefix.

    live_wine.py BUILD [--megabytes N] [--program COMMAND]... [-v]

BUILD is the folder of a release build: live_wine.py build/release. Wine's programs are real ones,
with real DLLs, heaps, stacks and vtables; scripts make some of them hold much: objects of JScript
and VBScript, XML trees, long documents. More of them are started until there are N MB (500) of
memory, no page counted twice. --program adds one of one's own, a Windows program with its
arguments: that of a package, for instance; a program that ends by itself is not measured.

Fails when it can't get so much memory; exit code 77: Wine (Debian: wine64) or an X server (Xvfb) is
not installed.
"""

import argparse
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from wine.programs import find  # noqa: E402

SKIPPED = 77
SETTLED = 3  # seconds in which no program starts and memory does not grow
PATIENCE = 60  # seconds to wait for that
SCRIPTS_MAX = 60

# Those that stay when started without a desktop; each loads other DLLs.
PROGRAMS = [
    "notepad {text}", "write {text}", "regedit", "taskmgr", "winecfg", "winefile", "explorer",
    "control", "msinfo32", "oleview", "winhlp32", "clock", "winemine", "progman", "uninstaller",
    "view", "dxdiag", "iexplore", "wmplayer", "cmd /k", "wineconsole", "winver", "rpcss",
    "spoolsv", "dplaysvr", "dpnsvr", "eject", "hh", "mshta about:blank", "winedbg",
    "presentationfontcache", "msiexec", "dpvsetup", "rundll32 shell32.dll,Control_RunDLL",
    "start /wait notepad", "conhost",
]

# A dialog at the end keeps a script's memory as it is. {n} and {seed} make every run another.
JSCRIPT = r"""
var kept = [];
function Shape(n) { this.n = n; this.name = "shape " + (n * 7919 % 10007); this.next = null; }
Shape.prototype.area = function () { return this.n * {seed}; };
for (var i = 0; i < {n}; i++) {
    var shape = new Shape(i + {seed});
    shape.call = (function (n) { return function () { return n + shape.area(); }; })(i);
    shape.list = [i, "item " + i * {seed}, { at: i, from: new Date(i * 1e7) }];
    shape.next = kept.length ? kept[kept.length - 1] : null;
    kept.push(shape);
}
WScript.Echo("ready");
"""

XML = r"""
var text = "<root>";
for (var i = 0; i < {n}; i++)
    text += "<row id='" + (i + {seed}) + "'><a>" + i * {seed} + "</a><b c='d'/></row>";
var document = new ActiveXObject("Msxml2.DOMDocument");
document.async = false;
document.loadXML(text + "</root>");
var kept = [];
for (var node = document.documentElement.firstChild; node; node = node.nextSibling) {
    kept.push(node);
    kept.push(node.attributes);
    kept.push(node.childNodes);
}
WScript.Echo("ready");
"""

OBJECTS = r"""
var names = ["Scripting.FileSystemObject", "WScript.Shell", "WScript.Network", "Shell.Application",
    "Scripting.Dictionary", "Msxml2.DOMDocument.3.0", "Msxml2.DOMDocument.6.0", "Msxml2.XMLHTTP",
    "Msxml2.SAXXMLReader", "WinHttp.WinHttpRequest.5.1", "WindowsInstaller.Installer",
    "ADODB.Stream", "ADODB.Connection", "ADODB.Recordset", "WbemScripting.SWbemLocator",
    "MSScriptControl.ScriptControl", "SAPI.SpVoice", "Schedule.Service", "HNetCfg.FwMgr",
    "Microsoft.Update.AutoUpdate", "DirectAnimation.DAView", "WMPlayer.OCX", "Agent.Control"];
var kept = [];
for (var round = 0; round < {n} / 100; round++)
    for (var i = 0; i < names.length; i++)
        try { kept.push(new ActiveXObject(names[i])); } catch (e) {}
WScript.Echo("ready");
"""

VBSCRIPT = r"""
Class Item
    Public Name, Number, Other
End Class
Dim kept({n}), i, d
For i = 0 To {n} - 1
    Set kept(i) = New Item
    kept(i).Name = "item " & (i * {seed})
    kept(i).Number = i + {seed}
    kept(i).Other = Array(i, CStr(i), Now)
Next
Set d = CreateObject("Scripting.Dictionary")
For i = 0 To {n} \ 10
    d.Add "key " & (i + {seed}), kept(i)
Next
WScript.Echo "ready"
"""

# Tables that programs do make at run time, which no directory describes: a pattern of "where:
# imports", and what they are. Whatever else is found counts as false until somebody has judged it.
REAL = [
    (r"private: winex11\.drv\.ImeInquire ",
     "imm32 keeps what GetProcAddress() gave it of an input method (struct ImmHkl)"),
    (r"(winex11\.drv|imm32\.dll|explorer\.exe|regedit\.exe|uninstaller\.exe): (comctl32|ole32)\.",
     "resolved delay-load slots of a linker that writes no delay-load directory"),
    (r"node\.exe: (kernel32\.dll\.FlsAlloc|user32\.dll\.SetWinEventHook) ",
     "what the C runtime and libuv got of GetProcAddress()"),
]

SCRIPTS = [("js", JSCRIPT, 40000), ("xml.js", XML, 20000), ("objects.js", OBJECTS, 4000),
           ("vbs", VBSCRIPT, 60000)]


class Wine:
    def __init__(self, folder, display):
        self.folder = pathlib.Path(folder)
        self.loader = find("wine64", "wine")
        self.server = find("wineserver64", "wineserver")
        self.environment = dict(os.environ, WINEPREFIX=str(self.folder / "prefix"),
                                WINEDEBUG="-all", DISPLAY=display, LC_ALL="C.UTF-8",
                                WINEDLLOVERRIDES="winemenubuilder.exe=d;mscoree=d")
        self.scripts = 0

    def run(self, *command, wait=False):
        process = subprocess.Popen([self.loader, *command], env=self.environment,
                                   cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        if wait:
            process.wait()

    def run_script(self):
        """The next of the scripts, with other data than before."""
        suffix, text, n = SCRIPTS[self.scripts % len(SCRIPTS)]
        self.scripts += 1
        path = self.folder / f"{self.scripts}.{suffix}"
        text = text.replace("{n}", str(n)).replace("{seed}", str(self.scripts * 104729))
        path.write_text(text, encoding="ascii")
        self.run("wscript", path.name)

    def pids(self, loaded=True):
        """Of its processes; `loaded`: of those that have DLLs."""
        mark = f"WINEPREFIX={self.environment['WINEPREFIX']}\0".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if (mark in (entry / "environ").read_bytes() + b"\0" and (
                        not loaded
                        or "/ntdll.dll" in (entry / "maps").read_text(encoding="utf-8"))):
                    found.append(int(entry.name))
            except OSError:
                pass
        return sorted(found)

    def memory(self):
        """MB of all processes that they share with none."""
        total = 0
        for pid in self.pids():
            try:
                smaps = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            except OSError:
                continue
            total += sum(map(int, re.findall(r"^Private_Dirty:\s+(\d+)", smaps, re.M)))
        return total >> 10

    def settle(self):
        """Waits until nothing starts or grows any more."""
        last, since, start = None, time.monotonic(), time.monotonic()
        while time.monotonic() - start < PATIENCE and time.monotonic() - since < SETTLED:
            time.sleep(0.5)
            now = (self.pids(), self.memory())
            if now != last:
                last, since = now, time.monotonic()

    def end(self):
        """All of them, also those that are just being started."""
        subprocess.run([self.server, "-k"], env=self.environment, check=False)
        deadline = time.monotonic() + PATIENCE
        while self.pids(loaded=False) and time.monotonic() < deadline:
            for pid in self.pids(loaded=False):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.2)


def start_display():
    """An X server of our own, without a screen: (process, display)."""
    reading, writing = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24",
                               "-nolisten", "tcp"], pass_fds=[writing],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading, encoding="ascii") as pipe:
        return server, ":" + pipe.readline().strip()


def measure(wine, arguments):
    """bench_live on the processes, which stand still meanwhile: (its result, MB)."""
    pids = wine.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        command = [str(arguments.build / "tests" / "bench_live"), *(["-v"] * arguments.verbose)]
        result = subprocess.run(command + [str(pid) for pid in pids], capture_output=True,
                                text=True, check=False)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    found = re.search(r"no page twice: (\d+) MB", result.stdout)
    return result, int(found.group(1)) if found else 0


def judge(output):
    """Prints each kind of table once, with what is known of it, and precision by that."""
    kinds = {}
    for line in output.splitlines():
        found = re.match(r"\d+ (.+) (\S+) 0x[0-9a-f]+\+0x[0-9a-f]+: (\d+ imports): (.*)", line)
        if found:
            kinds.setdefault(f"{found[2]}: {found[4]}", []).append((found[1], found[3]))
    real = others = 0
    for kind, where in sorted(kinds.items()):
        why = next((reason for pattern, reason in REAL if re.match(pattern, kind + " ")), None)
        real += len(where) * (why is not None)
        others += len(where) * (why is None)
        programs = ", ".join(sorted({program for program, _ in where}))
        print(f"{len(where)} x {where[0][1]} in {kind}\n    of {programs}\n"
              f"    {'real: ' + why if why else 'FALSE, as far as is known'}")
    planted = re.search(r"precision: (\d+) planted", output)
    good = (int(planted.group(1)) if planted else 0) + real
    print(f"by what is known of each: {others} false tables, {real} real ones that nobody "
          f"planted; precision {100 * good / max(1, good + others):.2f}%")


def bench(wine, arguments):
    wine.run("wineboot", "-i", wait=True)
    wine.run("winecfg", "-v", "win10", wait=True)
    text = wine.folder / "text.txt"
    text.write_text("".join(f"Line {i} of a long text, {i * 7919 % 10007}.\r\n"
                            for i in range(20000)), encoding="ascii")
    for command in PROGRAMS:
        wine.run(*shlex.split(command.replace("{text}", text.name)))
    for command in arguments.program:
        wine.run(*shlex.split(command))
    for _ in SCRIPTS:
        wine.run_script()
    wine.settle()
    result, megabytes = measure(wine, arguments)
    while result.returncode == 0 and megabytes < arguments.megabytes:
        if wine.scripts >= SCRIPTS_MAX:
            break
        for _ in SCRIPTS:
            wine.run_script()
        wine.settle()
        result, megabytes = measure(wine, arguments)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    judge(result.stdout)
    if result.returncode:
        return result.returncode
    if megabytes < arguments.megabytes:
        print(f"not enough: {megabytes} MB of {arguments.megabytes}")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="folder of a release build")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--program", action="append", default=[], metavar="COMMAND")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="name the planted tables that were not found as they were")
    arguments = parser.parse_args()
    for names, package in ((("wine64", "wine"), "wine64"), (("Xvfb",), "xvfb")):
        if not find(*names):
            print(f"left out: {names[0]} is not installed (Debian: {package})")
            return SKIPPED
    with tempfile.TemporaryDirectory(prefix="live_wine-") as folder:
        server, display = start_display()
        wine = Wine(folder, display)
        try:
            return bench(wine, arguments)
        finally:
            wine.end()
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
