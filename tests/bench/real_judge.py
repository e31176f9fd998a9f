# SPDX-License-Identifier: GPL-3.0-or-later
"""What is right and what is wrong in the import lists that impscan rebuilds: judging and counting. For
real_exports.py."""

import collections
import ctypes
import ctypes.util
import pathlib

from real_tables import DATA

ORDINALS = DATA / "pefile-ordinals.tsv"
THRESHOLDS = (60, 80)

libfuzzy = ctypes.CDLL(ctypes.util.find_library("fuzzy") or "libfuzzy.so.2")


def score(a, b):
    """As impscan compares two impfuzzy hashes."""
    return max(0, libfuzzy.fuzzy_compare(a.encode(), b.encode())) if a and b else 0


def stem(dll):
    """As an import list has a DLL's name."""
    name, dot, end = dll.lower().rpartition(".")
    return name if dot and end in ("dll", "ocx", "sys") else dll.lower()


def known_ordinals():
    """{(dll, ordinal): name} of those that import lists have by name."""
    known = {}
    with open(ORDINALS, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                dll, ordinal, name = line.rstrip("\n").split("\t")
                known[stem(dll), int(ordinal)] = name.lower()
    return known


KNOWN_ORDINALS = known_ordinals()


def import_name(dll, name, ordinal):
    """(dll, function) as an import list has them."""
    dll = stem(dll)
    if name is None:
        name = KNOWN_ORDINALS.get((dll, ordinal), f"ord{ordinal}")
    return dll, name.lower()


def dll_error(tables, wanted, got, item):
    """What is wrong with a DLL's name."""
    if wanted == got:
        return None
    if not got:
        return "no DLL"
    is_set, got_set = tables.is_set(wanted), tables.is_set(got)
    if is_set and got_set:
        return "another API set"
    if is_set:
        return "host for API set"
    if got_set:
        return "API set for host"
    table = tables.dlls.get(tables.host(item.dll))
    export = None
    if table:
        export = table.by_name.get(item.name) if item.name else \
            table.by_ordinal.get(item.ordinal)
    if export and export.forwarder:
        return "owner for forwarder"
    other = tables.dlls.get(got + ".dll")
    if other and any(e.forwarder for e in other.exports):
        return "forwarder for owner"
    return "another DLL"


def slot_error(tables, item, row):
    """What is wrong with a slot's name, in words; None: nothing."""
    if not row:
        return "not found"
    wanted = import_name(item.dll, item.name, item.ordinal)
    got = import_name(row["dll"] or "", row["function"], row["ordinal"] or 0)
    if wanted == got:
        return None
    kinds = []
    error = dll_error(tables, wanted[0], got[0], item)
    if error:
        kinds.append(error)
    if wanted[1] != got[1]:
        if row["function"] is None and row["ordinal"] is None:
            kinds.append("no name")
        elif item.name is None:
            kinds.append("name for ordinal")
        elif row["function"] is None:
            kinds.append("ordinal for name")
        else:
            kinds.append("alias")
    return " + ".join(kinds)


def nearest(tables, item):
    """What the first export at the slot's address is called."""
    place = tables.resolve(item.dll, item.name, item.ordinal)
    if not place:
        return None
    exports = tables.dlls[place[0]].at[place[1]]
    return import_name(place[0], exports[0].name, exports[0].ordinal)


class Tally:
    """Counts over programs and slots; percentages of them."""

    COLUMNS = ("imphash", "fuzzy60", "e60", "e80", "i80", "any")
    SIZES = ("programs", "slots")
    RECORDED = (*SIZES, *COLUMNS, "exact")

    def __init__(self):
        self.programs = self.slots = self.exact = self.nearest = 0
        self.counts = collections.Counter()
        self.kinds = collections.Counter()
        self.dlls = collections.Counter()
        self.causes = collections.Counter()

    def add(self, result):
        self.programs += 1
        self.slots += result.slots
        self.exact += result.exact
        self.nearest += result.nearest
        for column in self.COLUMNS:
            self.counts[column] += getattr(result, column)
        self.kinds.update(result.kinds)
        self.dlls.update(result.dlls)
        self.causes[result.cause] += 1

    def recorded(self):
        return {"programs": self.programs, "slots": self.slots, "exact": self.exact,
                **{column: self.counts[column] for column in self.COLUMNS}}

    def line(self):
        parts = [f"{self.programs:8}"]
        for column in self.COLUMNS:
            n = self.counts[column]
            parts.append(f"{n:4} {100 * n / max(self.programs, 1):5.1f}%")
        parts.append(f"{self.slots:7}")
        for n in (self.exact, self.nearest):
            parts.append(f"{n:6} {100 * n / max(self.slots, 1):5.1f}%")
        return " ".join(parts)

    @classmethod
    def head(cls):
        return " ".join([f"{'programs':>8}", *(f"{c:>11}" for c in cls.COLUMNS), f"{'slots':>7}",
                         f"{'exact':>13}", f"{'nearest':>13}"])


class Result:
    """What impscan says of one program."""

    def __init__(self, machine, program, listed, imported, matches, hashes):
        key = machine.bases[program.name]
        row = (listed.get(key) or [{}])[0]
        imphash = row.get("rebuilt_imphash") or row.get("imphash")
        impfuzzy = row.get("rebuilt_impfuzzy") or row.get("impfuzzy")
        mine = hashes[program.name]
        self.program = program
        self.score = 100 if impfuzzy == mine[1] else score(impfuzzy, mine[1])
        self.imphash = imphash == mine[0]
        self.fuzzy60 = self.score >= 60
        matched, by_list = (rows.get(key) or [] for rows in matches)
        self.find(matched, program.name)
        self.i80 = self.first_is(by_list, program.name, THRESHOLDS[1])
        self.slots = self.exact = self.nearest = 0
        self.kinds, self.dlls = collections.Counter(), collections.Counter()
        self.wrong = []
        self.compare(machine, imported.get(key) or [])
        self.cause = self.why(imphash)

    @staticmethod
    def first_is(matches, name, least):
        """Is the program's file the first match, with such a score?"""
        best = matches[0] if matches else None
        return bool(best and pathlib.PurePath(best["match"]).name == name and
                    best["score"] >= least)

    def find(self, matches, name):
        self.e60, self.e80 = (self.first_is(matches, name, least) for least in THRESHOLDS)
        self.matched = [(pathlib.PurePath(m["match"]).name, m["score"]) for m in matches[:2]]
        self.any = any(m["matched_hash"].endswith("imphash") and
                       pathlib.PurePath(m["match"]).name == name for m in matches)

    def compare(self, machine, rows):
        by_slot = {int(r["slot"], 16): r for r in rows}
        slots = machine.slots[self.program.name]
        for item, slot in zip(self.program.imports, slots, strict=True):
            error = slot_error(machine.tables, item, by_slot.pop(slot, None))
            self.slots += 1
            self.exact += not error
            self.nearest += (nearest(machine.tables, item) ==
                             import_name(item.dll, item.name, item.ordinal))
            if error:
                self.kinds[error] += 1
                self.dlls[stem(item.dll)] += 1
                self.wrong.append((error, item, slot))
        self.extra = sum(r["function"] is not None or r["ordinal"] is not None
                         for r in by_slot.values())

    def why(self, imphash):
        """What keeps the imphash from being the file's."""
        if self.imphash:
            return "equal"
        if not imphash:
            return "no list"
        if self.wrong:
            return "slots wrong"
        return "imports that it has not" if self.extra else "order alone"


def print_counter(title, counter, most=25):
    if not counter:
        return
    print(f"  {title}")
    for name, n in sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:most]:
        print(f"    {n:6}  {name}")
    if len(counter) > most:
        print(f"    {sum(counter.values()) - sum(n for _, n in counter.most_common(most)):6}"
              f"  {len(counter) - most} others")


def report(title, results, verbose):
    whole, chains = Tally(), {}
    for result in results:
        whole.add(result)
        chains.setdefault(result.program.toolchain, Tally()).add(result)
    print(f"\n{title}\n{'':16}{Tally.head()}\n{'all':16}{whole.line()}")
    for chain, tally in sorted(chains.items()) if len(chains) < len(results) else ():
        print(f"{chain:16}{tally.line()}")
    print_counter("imphash, by program", whole.causes)
    print_counter("wrong slots, by kind", whole.kinds)
    print_counter("wrong slots, by the DLL that the file names", whole.dlls)
    for result in results if verbose else ():
        print(f"  {result.program.name}: {result.cause}, impfuzzy {result.score}, "
              f"-e {result.matched}, {result.exact} of {result.slots} slots, {result.extra} more")
        for error, item, slot in result.wrong[:verbose * 20]:
            print(f"      {slot:#x} {item.dll}!{item.name or item.ordinal}: {error}")
    return whole
