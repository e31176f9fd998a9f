# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of hashes in every form, and what is to be taken of each. All of own making.

Import hashes begin with "beef" (imphash) or their first part with "Beef"; hashes of files, which are
never to be taken, with "dec0" and "DECOY"; hashes that a list excludes with "dead". What only one word
or value says to be of a file is in lists called "doubtful": damaged, they don't say it any more.
"""

import gzip
import io
import json
import pathlib
import re
import sys
import zipfile

SMALL = 64 << 10  # bytes of a list that is worth damaging: one of a limit would take too long
SEED = 8 << 10
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
ZEROS = "0" * 32


def imp(n):
    return f"beef{n:028x}"


def dead(n):
    return f"dead{n:028x}"


def names(n):
    """A typerefhash or gimphash."""
    return f"beef{n:060x}"


def fuzzy(n, size=24):
    return f"{size}:Beef{n}abcDEF+xyz/{n}:bEEf{n}Q"


def md5(n):
    return f"dec0{n:028x}"


def sha1(n):
    return f"dec0{n:036x}"


def sha256(n):
    return f"dec0{n:060x}"


def ssdeep(n, size=1536):
    return f"{size}:DECOY{n}abcDEFGH:DECOY{n}ab"


class Case:
    """One list: its text, and what is expected of it."""

    def __init__(self, form, name, text, title, taken=(), left=None, told=(), error=None,
                 to_ids=0):
        self.form, self.name, self.title = form, name, title
        self.text = text if isinstance(text, bytes) else text.encode()
        # (kind, hash, name, comment); of one sample all but the first have kind "+KIND".
        self.taken = [tuple(entry) + ("",) * (4 - len(entry)) for entry in taken]
        self.left = left or {}
        self.told = list(told)
        self.error = error
        self.to_ids = to_ids

    def told_patterns(self):
        """Expected lines as regular expressions: those that are not one are meant as they are."""
        return [line if ".*" in line else re.escape(line) for line in self.told]


UNREAD, SAME, FILES = "not understood", "the same as one before", "hashes of files"
EXCLUDED, PARTS, NOTHING, DELETED = ("excluded by their rule", "only parts of hashes", "empty",
                                     "deleted")
UNNAMED, UNDECIDED = ("that their rule's condition does not use",
                      "that their rule may want or exclude")
I, F, S = "imphash", "impfuzzy", "impset"
T, TF, G, GF, E = "typerefhash", "typerefuzzy", "gimphash", "gimpfuzzy", "either"


def labelled():
    """Labels and headings say what hashes are: those of files are counted, and left out."""
    yield Case("plain", "doubtful-labels.txt",
               f"Report\nName: a.exe\nMD5: {md5(1)}\nSHA-1: {sha1(1)}\nsha256 = {sha256(1)}\n"
               f"Imphash: {imp(1)}\nimphash = {imp(2).upper()}  b.exe\n- **ImpHash**: `{imp(3)}`\n"
               f"IMP | {imp(4)}\nPE import hash: {imp(5)}\nimpfuzzy: {fuzzy(6)}\nimpset: {fuzzy(7)}\n"
               f"ssdeep: {ssdeep(1, 24)}\nRich PE header hash: {md5(2)}\nMD5 hash: {md5(3)}\n"
               f"{imp(8)} (imphash) c.exe\n{md5(4)} (MD5)\n{md5(5)},md5\n{imp(9)},imphash\n"
               f"c.exe MD5: {md5(6)}, SHA256: {sha256(6)}, Imphash: {imp(10)}\n", "plain list",
               [(I, imp(1)), (I, imp(2), "b.exe"), (I, imp(3)), (I, imp(4)), (I, imp(5)), (F, fuzzy(6)),
                (S, "impset:" + fuzzy(7)), (I, imp(8), "c.exe"), (I, imp(9)), (I, imp(10), "c.exe")],
               {FILES: 10})
    yield Case("plain", "equals.txt", f"{imp(1)}  a\nIMPHASH={imp(2)},MD5={md5(2)}  b\nimphash={imp(3)}\n"
               f"MD5={md5(4)}\n", "plain list",
               [(I, imp(1), "a"), (I, imp(2), "b"), (I, imp(3))], {FILES: 2})
    yield Case("plain", "doubtful-headings.txt",
               f"MD5\n{md5(1)}\nSHA-256\n{sha256(1)}\nVhash\n0a5b\nImphash\n{imp(1)}\n"
               f"Rich PE header hash\n{md5(2)}\nSSDEEP\n{ssdeep(1)}\nJA9\n{md5(3)}\n"
               f"## Imphashes of the loader\n{imp(2)}  a.exe\n{fuzzy(3)}\n# MD5 hashes:\n{md5(4)}\n",
               "plain list", [(I, imp(1)), (I, imp(2), "a.exe"), (F, fuzzy(3))], {FILES: 5, UNREAD: 1},
               [f"doubtful-headings.txt:14: nothing says which hash this is: '{md5(3)}'"])
    yield Case("plain", "doubtful-label-values.txt",
               f"imphash: {imp(1)}\nImphash: n/a\nImphash: 12345\nimphash: {sha256(1)}\n"
               f"impfuzzy: {dead(1)}\nJA9: {md5(1)}\nmore of this is here\ncut: {imp(2)[:31]}\n",
               "plain list", [(I, imp(1))], {NOTHING: 1, UNREAD: 5},
               ["doubtful-label-values.txt:3: '12345' is no imphash",
                f"doubtful-label-values.txt:4: '{sha256(1)[:60]}' is no imphash",
                f"doubtful-label-values.txt:5: '{dead(1)}' is no impfuzzy",
                f"doubtful-label-values.txt:6: nothing says which hash this is: 'JA9: {md5(1)}'",
                f"doubtful-label-values.txt:8: nothing that can be read as a hash: 'cut: {imp(2)[:31]}'"])
    yield Case("plain", "doubtful-unknown-label.txt",
               f"imphash: {imp(1)}\nsxdeep: {ssdeep(1, 24)}\nimpfuzzy: {fuzzy(2)}\n", "plain list",
               [(I, imp(1)), (F, fuzzy(2))], {UNREAD: 1},
               [f"doubtful-unknown-label.txt:2: nothing says which hash this is: 'sxdeep: {ssdeep(1, 24)}'"])
    yield Case("plain", "long.txt", f"imphash: {imp(1)}\nx: {dead(1)}{'x' * (2 << 20)}\nimphash: {imp(2)}\n",
               "plain list", [(I, imp(1)), (I, imp(2))], {UNREAD: 1}, ["long.txt:2: longer than 1 MB"])
    yield Case("plain", "long-bare.txt", f"{imp(1)}\n{dead(1)}{'x' * (2 << 20)}\n{imp(2)}\n", "plain list",
               [(I, imp(1))], error="long-bare.txt:2: longer than")
    yield Case("plain", "doubtful-md5.txt", f"md5: {md5(1)}\nSHA256: {sha256(1)}\nName: a\n", "plain list",
               left={FILES: 2}, error="there is no import hash in it: 2 hashes of files")
    yield Case("plain", "doubtful-powershell.txt",
               f"\r\nAlgorithm : MD5\r\nHash      : {md5(1).upper()}\r\nPath      : C:\\a.exe\r\n\r\n"
               f"type: imphash\r\nHash: {imp(1)}\r\n", "plain list", [(I, imp(1))], {FILES: 1})
    yield Case("plain", "doubtful-powershell-table.txt", f"Algorithm  Hash  Path\n---------  ----  ----\n"
               f"MD5  {md5(1).upper()}  C:\\a.exe\n", "plain list", left={FILES: 1},
               error="no import hash in it: 1 hashes of files")
    yield Case("plain", "doubtful-otx.csv", "Indicator type,Indicator,Description\n"
               f"FileHash-MD5,{md5(1)},a\nFileHash-IMPHASH,{imp(1)},b\nFileHash-SHA256,{sha256(1)},c\n",
               "plain list", [(I, imp(1), "b")], {FILES: 2})
    yield Case("plain", "bsd.txt", f"MD5 (a (1).exe) = {md5(1)}\nSHA2-256(b.exe)= {sha256(1)}\n"
               f"IMPHASH (c d.exe) = {imp(1)}\n", "plain list", [(I, imp(1), "c d.exe")], {FILES: 2})


def like_md5sum():
    """An MD5 of a file has the form of an imphash, but md5sum's lines a form of their own."""
    warning = (r"its lines are as md5sum writes them .line 1: a hash, two blanks, a file.: an MD5 of a file "
               "has the form of an imphash, and matches nothing.*")
    yield Case("plain", "doubtful-md5sum.txt", f"{md5(1)}  s/a.exe\n\\{md5(2)}  s/b\\nc.exe\n", "plain list",
               [(I, md5(1), "s/a.exe"), (I, md5(2), "s/b\\nc.exe")], told=[warning])
    yield Case("plain", "doubtful-md5sum-b.txt", f"{md5(1)} *s/a.exe\n{md5(2)} *b\n", "plain list",
               left={FILES: 2}, error="there is no import hash in it: 2 hashes of files")
    yield Case("plain", "sums-of-imphash.txt", f"# imphash of samples\n{imp(1)}  a.exe\n{imp(2)} *b.exe\n",
               "plain list", [(I, imp(1), "a.exe"), (I, imp(2), "b.exe")])
    yield Case("plain", "no-sums.txt", f"{imp(1)}  Family One\n{imp(2)}  v4.0\n{imp(3)}  a.exe\n",
               "plain list", [(I, imp(1), "Family One"), (I, imp(2), "v4.0"), (I, imp(3), "a.exe")])


def of_names():
    """Hashes of types and functions: prefixes and labels say which; 64 digits alone may be either."""
    warning = (r"either.txt: nothing says what its 2 hashes of 64 digits are .line 1.: compared as "
               "typerefhash and as gimphash; the SHA-256 of a file has the same form.*")
    yield Case("plain", "either.txt", f"{names(1)}\n{names(2).upper()} # Fam\n{imp(3)} x\n", "plain list",
               [(E, names(1)), (E, names(2), "Fam"), (I, imp(3), "x")], told=[warning])
    yield Case("plain", "prefixes.txt",
               f"typerefhash:{names(1)}  a\ntyperefuzzy:{fuzzy(2)} b\ngimphash:{names(3)},c\n"
               f"gimpfuzzy:{fuzzy(4)}  d e\n", "plain list",
               [(T, "typerefhash:" + names(1), "a"), (TF, "typerefuzzy:" + fuzzy(2), "b"),
                (G, "gimphash:" + names(3), "c"), (GF, "gimpfuzzy:" + fuzzy(4), "d e")])
    yield Case("plain", "samples-with-others.txt",
               f"# imphash  impfuzzy  impset  Others  Path\n{imp(1)}  {fuzzy(1)}  impset:{fuzzy(2)}  -  s/a.exe\n"
               f"{imp(3)}  {fuzzy(3)}  impset:{fuzzy(4)}  typerefhash:{names(5)} typerefuzzy:{fuzzy(6)}  s/b c.exe\n"
               f"-  -  -  gimphash:{names(7)} gimpfuzzy:{fuzzy(8)}  s/d.exe\n", "plain list",
               [(I, imp(1), "s/a.exe"), ("+" + F, fuzzy(1), "s/a.exe"), ("+" + S, "impset:" + fuzzy(2), "s/a.exe"),
                (I, imp(3), "s/b c.exe"), ("+" + F, fuzzy(3), "s/b c.exe"),
                ("+" + S, "impset:" + fuzzy(4), "s/b c.exe"),
                ("+" + T, "typerefhash:" + names(5), "s/b c.exe"),
                ("+" + TF, "typerefuzzy:" + fuzzy(6), "s/b c.exe"),
                (G, "gimphash:" + names(7), "s/d.exe"), ("+" + GF, "gimpfuzzy:" + fuzzy(8), "s/d.exe")])
    yield Case("plain", "doubtful-names.txt",
               f"TypeRefHash: {names(1)}\nSHA256: {sha256(1)}\ngimphash = {names(2)}  b.exe\n"
               f"# typerefuzzy\n{fuzzy(3)}\nTypeRefHash: {imp(4)}\nSHA-256\n{sha256(2)}\n", "plain list",
               [(T, "typerefhash:" + names(1)), (G, "gimphash:" + names(2), "b.exe"),
                (TF, "typerefuzzy:" + fuzzy(3))], {FILES: 2, UNREAD: 1},
               [f"doubtful-names.txt:6: '{imp(4)}' is no typerefhash"])
    yield Case("plain", "heading-of-names.txt", f"# TypeRefHash\n{names(1)}\n{names(2)}  a.exe\nb.exe {names(3)}\n",
               "plain list", [(T, "typerefhash:" + names(1)), (T, "typerefhash:" + names(2), "a.exe"),
                              (T, "typerefhash:" + names(3), "b.exe")])
    yield Case("plain", "doubtful-sha256sum.txt", f"{sha256(1)}  s/a.exe\n", "plain list",
               error="doubtful-sha256sum.txt:1: has hashes of files")
    yield Case("plain", "doubtful-sha256sum-b.txt", f"{sha256(1)} *s/a.exe\n", "plain list",
               error="doubtful-sha256sum-b.txt:1: has hashes of files")
    yield Case("csv", "names.csv",
               f"family,TypeRefHash,sha256,gimpfuzzy\nFam,{names(1)},{sha256(1)},\n,,,gimpfuzzy:{fuzzy(2)}\n"
               f"x,{dead(1)},{sha256(2)},\ny,{'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'},,\n",
               "CSV", [(T, "typerefhash:" + names(1), "Fam", sha256(1)), (GF, "gimpfuzzy:" + fuzzy(2))],
               {UNREAD: 1, NOTHING: 1}, [f"names.csv:4: '{dead(1)}' is no typerefhash"])
    yield Case("malwarebazaar", "gimphash.csv",
               '# "first_seen_utc","sha256_hash","md5_hash","signature","imphash","gimphash","ssdeep"\n'
               f'"2026-01-02", "{sha256(1)}", "{md5(1)}", "Fam", "{imp(1)}", "{names(1)}", "{ssdeep(1)}"\n'
               f'"2026-01-02", "{sha256(2)}", "{md5(2)}", "Fam", "n/a", "{names(2)}", "{ssdeep(2)}"\n',
               "MalwareBazaar CSV",
               [(I, imp(1), "Fam", sha256(1)), ("+" + G, "gimphash:" + names(1), "Fam", sha256(1)),
                (G, "gimphash:" + names(2), "Fam", sha256(2))])
    row = {"pid": 4, "module": "a.exe", "imphash": None, "impfuzzy": None, "status": "no-imports",
           "typerefs": 14, "typerefhash": names(1), "typerefuzzy": fuzzy(1), "go_functions": None,
           "gimphash": None, "gimpfuzzy": None}
    yield Case("json", "own-names.jsonl", json.dumps(row) + "\n", "impscan JSON",
               [(T, "typerefhash:" + names(1), "a.exe"), ("+" + TF, "typerefuzzy:" + fuzzy(1), "a.exe")])
    head = "   PID  Process  Module Base  Module Name  Imports  imphash  Hash\n"
    yield Case("own-table", "listing-names.txt", head +
               f"     1  p.exe    0x1000       m.dll              1  {imp(1)}  typerefuzzy:{fuzzy(1)}\n"
               f"     2  p.exe    0x2000       n.dll              6  {imp(2)}  {fuzzy(2)}\n"
               f"     3  p.exe    0x3000       o.dll              0  -  (no-imports)\n", "impscan table",
               [(I, imp(1), "m.dll"), ("+" + TF, "typerefuzzy:" + fuzzy(1), "m.dll"),
                (I, imp(2), "n.dll"), ("+" + F, fuzzy(2), "n.dll")], {NOTHING: 1})
    yield Case("own-table", "search-names.txt",
               "   PID  Process  Module Base  Module Name  Imports  By           Hash  Compare  Match\n"
               f"     1  p.exe    0x1000       m.dll              1  typerefhash  typerefhash:{names(1)}      100  x\n"
               f"     2  p.exe    0x2000       n.dll              6  gimpfuzzy    gimpfuzzy:{fuzzy(2)}       80  y\n",
               "impscan table", [(T, "typerefhash:" + names(1), "m.dll"), (GF, "gimpfuzzy:" + fuzzy(2), "n.dll")])


def plain():
    yield Case("plain", "bare.txt", f"# list\n\n{imp(1)}\n{imp(2).upper()}\r\n{fuzzy(3)}\n",
               "plain list", [(I, imp(1)), (I, imp(2)), (F, fuzzy(3))])
    yield Case("plain", "names.txt",
               f"{imp(1)}  Family One\n{imp(2)} # a comment\n{imp(3)};a.exe\n{imp(4)}:b.exe\n"
               f"{imp(5)}|c.exe\nFamily: {imp(6)}\nd.exe,{imp(7)}\n{imp(8)},Family Two\n"
               f"`{imp(11)}`\n\u201c{imp(12)}\u201d\n"
               f"\u200b{imp(13)}\u00a0\n\"{imp(14)}\"\n- {imp(15)} // named\n",
               "plain list",
               [(I, imp(1), "Family One"), (I, imp(2), "a comment"), (I, imp(3), "a.exe"),
                (I, imp(4), "b.exe"), (I, imp(5), "c.exe"), (I, imp(6), "Family"),
                (I, imp(7), "d.exe"), (I, imp(8), "Family Two"), (I, imp(11)), (I, imp(12)), (I, imp(13)), (I, imp(14)), (I, imp(15), "named")])
    yield Case("plain", "samples.txt",
               f"# imphash  impfuzzy  impset  Path\n{imp(1)}  {fuzzy(1)}  impset:{fuzzy(2)}  s/a b.exe\n"
               f"{EMPTY}  3::  x\n{ZEROS}\n{imp(1)}  {fuzzy(1)}  impset:{fuzzy(2)}  s/a b.exe\n",
               "plain list",
               [(I, imp(1), "s/a b.exe"), ("+" + F, fuzzy(1), "s/a b.exe"),
                ("+" + S, "impset:" + fuzzy(2), "s/a b.exe")], {NOTHING: 2, SAME: 1})
    # JPCERT's CSV for Neo4j: the 32 digits are an MD5 of the file.
    yield Case("plain", "neo4j.csv",
               f"a.exe,{fuzzy(1)},{md5(1)},{sha1(1)},{sha256(1)}\n"
               f"b.exe,{fuzzy(2)},{md5(2)},{sha1(2)},{sha256(2)}\n",
               "plain list", [(F, fuzzy(1), "a.exe"), (F, fuzzy(2), "b.exe")], {FILES: 2})
    yield Case("plain", "doubtful-neo4j-cut.csv", f"a.exe,{fuzzy(1)},{md5(1)},{sha1(1)},{sha256(1)}\n{sha256(2)}\n",
               "plain list", [(F, fuzzy(1), "a.exe")], {FILES: 1},
               error="doubtful-neo4j-cut.csv:2: has hashes of files")
    # Where one of its hashes is none any more, or cut, nothing says what the 32 digits are.
    yield Case("plain", "doubtful-neo4j.csv",
               f"a.exe,{fuzzy(1)},{md5(1)},{sha1(1)},{sha256(1)}\nb.exe\u00e6{fuzzy(2)},{md5(2)},{sha1(2)[:13]}\n"
               f"c.exe,24:Beef\u00e63abcDEF+xyz:bEEf,{md5(3)}\n"
               f"d.exe,{md5(4)},{sha1(4)[:30]}\n2026-01-02 03:04:05,{imp(5)}\nC:\\dir_of_it\\e.exe:stream:$DATA,{imp(6)}\n",
               "plain list", [(F, fuzzy(1), "a.exe"), (I, imp(5), "2026-01-02 03:04:05"),
                              (I, imp(6), "C:\\dir_of_it\\e.exe:stream:$DATA")], {FILES: 1, UNREAD: 3},
               ["doubtful-neo4j.csv:2: nothing says which hash this is: 'b.exe.*",
                "doubtful-neo4j.csv:3: nothing says which hash this is: 'c.exe.*",
                "doubtful-neo4j.csv:4: nothing says which hash this is: 'd.exe.*"])
    yield Case("plain", "doubtful-cut-quote.csv", f'"a.exe", "{sha256(1)}\n', "plain list",
               error="doubtful-cut-quote.csv:1: has hashes of files")
    yield Case("plain", "two-hashes.txt", f"{imp(1)} a\n{dead(1)},{dead(2)}\n", "plain list",
               [(I, imp(1), "a")], error="two-hashes.txt:2: two hashes of 32 digits")
    yield Case("plain", "doubtful-jumbled.txt", f"{dead(1)}\n{sha1(1)}\n{sha256(1)}\n", "plain list",
               [(I, dead(1))], error="doubtful-jumbled.txt:2: has hashes of files")
    yield from labelled()
    yield from like_md5sum()
    for name, text in (("hash,name", f"hash,name\n{dead(1)},a\n"), ("Algorithm\tHash", f"Algorithm\tHash\n{dead(1)}\ta\n")):
        yield Case("plain", f"headings-{name[:4]}.txt", text, "plain list",
                   error=f"headings-{name[:4]}.txt:1: '{name}' looks like a line of headings")
    yield Case("plain", "doubtful-feed.csv",
               f"{md5(1)},5a2b1c9e-0f6d-4a3b-8c7d-1234567890ab\n", "plain list",
               error="doubtful-feed.csv:1: this is the hashes.csv of a MISP feed")
    yield Case("plain", "ends.txt", f"{imp(1)}\nthis is no hash\n{imp(2)}\n", "plain list",
               [(I, imp(1))], error="ends.txt:2: 'this is no hash' is neither")
    yield Case("plain", "times.txt", f"{imp(1)} a\n10:20:30 b\n12:34:56 c\n", "plain list",
               [(I, imp(1), "a")], {UNREAD: 2}, ["times.txt:2: '10:20:30' is no impfuzzy",
                                                 "times.txt:3: '12:34:56' is no impfuzzy"])
    yield Case("plain", "prose.txt", f"{imp(1)}\nfiles with the hash {dead(1)} are bad\n", "plain list",
               [(I, imp(1))], error="prose.txt:2: 'files with the hash")
    yield Case("plain", "code.txt", f'if hash(x) == "{dead(1)}":\n', "plain list",
               error="code.txt:1: 'if hash")
    yield Case("plain", "nothing.txt", "# nothing\n\n", "plain list")
    yield Case("plain", "only-empty.txt", f"{EMPTY}\n{ZEROS}\n3::\n", "plain list",
               left={NOTHING: 3}, error="there is no import hash in it: 3 empty")


def of_ssdeep():
    head = "ssdeep,1.1--blocksize:hash:hash,filename\n"
    yield Case("ssdeep", "script.txt", head + f'{fuzzy(1)},"/s/a.exe"\n{fuzzy(2)},"b \\"c\\".exe"\n',
               "ssdeep", [(F, fuzzy(1), "/s/a.exe"), (F, fuzzy(2), 'b "c".exe')])
    yield Case("ssdeep", "bare.txt", head.replace("1.1", "1.0") + f"{fuzzy(1)},a.exe\n{fuzzy(2)}\n",
               "ssdeep", [(F, fuzzy(1), "a.exe"), (F, fuzzy(2))])
    yield Case("ssdeep", "doubtful-files.txt",
               head + "".join(f'{ssdeep(n, 6144 << n)},"f{n}"\n' for n in range(4)), "ssdeep",
               left={FILES: 4}, error="there is no import hash in it: 4 hashes of files")
    yield Case("ssdeep", "damaged.txt", head + f'{fuzzy(1)},"a"\n24:abc\n{fuzzy(2)};x\n{fuzzy(3)},"c"\n',
               "ssdeep", [(F, fuzzy(1), "a"), (F, fuzzy(3), "c")], {UNREAD: 2},
               ["damaged.txt:3: no line of ssdeep's: '24:abc'",
                f"damaged.txt:4: no line of ssdeep's: '{fuzzy(2)};x'"])
    yield Case("ssdeep", "long.txt", head + f'{fuzzy(1)},"a"\n{fuzzy(2)},"{"x" * (2 << 20)}"\n{fuzzy(3)},"c"\n',
               "ssdeep", [(F, fuzzy(1), "a"), (F, fuzzy(3), "c")], {UNREAD: 1},
               ["long.txt:3: longer than 1 MB"])
    yield Case("ssdeep", "matching.txt", "/s/a matches /s/b (87)\n", "",
               error="matching.txt: has comparisons of ssdeep")


def of_csv():
    yield Case("csv", "comma.csv",
               f"name,md5,imphash\n\"a, \"\"b\"\".exe\",{md5(1)},{imp(1)}\nc.exe,{md5(2)},\n"
               f"\"d\ne\",{md5(3)},\"{imp(3).upper()}\"\n", "CSV",
               [(I, imp(1), 'a, "b".exe', md5(1)), (I, imp(3), "d\ne", md5(3))], {NOTHING: 1})
    yield Case("csv", "semicolon.csv", f"\ufeffFamily;Import Hash;SHA256\r\nFam;{imp(1)};{sha256(1)}\r\n"
               f";{imp(2)};{sha256(2)}\r\n", "CSV",
               [(I, imp(1), "Fam", sha256(1)), (I, imp(2), sha256(2))])
    yield Case("csv", "tab.tsv", f"# made by hand\n# pe.imphash\tmalware\n{imp(1)}\tX\n{imp(2)}\tY\n",
               "CSV", [(I, imp(1), "X"), (I, imp(2), "Y")])
    yield Case("csv", "markdown.md",
               f"| Name | IMPHASH | impfuzzy |\n|------|:-------:|---|\n"
               f"| A b | `{imp(1)}` | {fuzzy(1)} |\n| C | n/a | - |\n", "CSV",
               [(I, imp(1), "A b"), ("+" + F, fuzzy(1), "A b")], {NOTHING: 1})
    yield Case("csv", "own.csv",
               "pid,module,path,imphash,impfuzzy,rebuilt_imphash,rebuilt_impfuzzy,impset,rebuilt_impset\r\n"
               f"4,a.sys,\\x\\a.sys,{imp(1)},{fuzzy(1)},,,{fuzzy(2)},\r\n"
               f"8,'=x.exe,,,,{imp(2)},{fuzzy(3)},,{fuzzy(4)}\r\n"
               f"9,a.sys,\\x\\a.sys,{imp(1)},{fuzzy(1)},,,{fuzzy(2)},\r\n", "CSV",
               [(I, imp(1), "\\x\\a.sys"), ("+" + F, fuzzy(1), "\\x\\a.sys"),
                ("+" + S, "impset:" + fuzzy(2), "\\x\\a.sys"),
                (I, imp(2), "=x.exe (rebuilt)"), ("+" + F, fuzzy(3), "=x.exe (rebuilt)"),
                ("+" + S, "impset:" + fuzzy(4), "=x.exe (rebuilt)")], {NOTHING: 1, SAME: 1})
    yield Case("csv", "damaged.csv",
               f"imphash,name\n{imp(1)},a\nxyz,b\n{imp(2)}\n{imp(3)},\"c\n{imp(4)},\"d\"e\n{imp(5)},f\n",
               "CSV", [(I, imp(1), "a"), (I, imp(5), "f")], {UNREAD: 4},
               ["damaged.csv:3: 'xyz' is no imphash", "damaged.csv:4: 1 fields",
                "damaged.csv:5: something stands behind a closing quote",
                "damaged.csv:6: something stands behind a closing quote"])
    long = "x" * (3 << 20)
    yield Case("csv", "long.csv",
               f"imphash,name\n{imp(1)},a\n{imp(2)},{long}\n{imp(3)},b\n{imp(4)},\"c {long}\"\n"
               f"{imp(5)},\"d\"e{long}\n{imp(6)},f\n", "CSV",
               [(I, imp(1), "a"), (I, imp(3), "b"), (I, imp(6), "f")], {UNREAD: 3},
               ["long.csv:3: a row longer than 1 MB",
                "long.csv:5: a quote is opened and not closed within 1 MB",
                "long.csv:6: something stands behind a closing quote"])
    yield Case("csv", "open.csv", f"imphash,name\n{imp(1)},\"a\n{imp(2)},b\n", "CSV",
               [(I, imp(2), "b")], {UNREAD: 1}, ["open.csv:2: a quote is opened and never closed"])
    yield Case("csv", "title.csv", f"Export of 2026-01-02: all, of us\n\nimphash,name\n{imp(1)},a\n", "CSV",
               [(I, imp(1), "a")], {UNREAD: 1},
               ["title.csv:1: a line above the headings: 'Export of 2026-01-02: all, of us'"])
    yield Case("csv", "spreadsheet.csv", f"imphash,name\n{imp(1)},a\n1.23E+31,b\n", "CSV",
               [(I, imp(1), "a")],
               error=r"spreadsheet.csv:3: '1.23E\+31' is a number.*opened in a spreadsheet")
    yield Case("csv", "doubtful-column.csv", f"name,md5,imphash\na,{md5(1)},{md5(1)}\nb,{md5(2)},{md5(2)}\n",
               "CSV", left={FILES: 2}, error="no import hash in it: 2 hashes of files")
    # Tables put behind each other: each has its own columns.
    yield Case("csv", "doubtful-joined.csv",
               f"imphash,name\n{imp(1)},a\nmd5,name\n{md5(1)},b\n{md5(2)},c\nimphash,name\n{imp(2)},d\n"
               f"sha256,size,name\n{sha256(1)},1,e\n", "CSV",
               [(I, imp(1), "a"), (I, imp(2), "d")], {FILES: 3})
    yield Case("csv", "doubtful-column-of-each.csv", f"Imphash\n{imp(1)}\nMD5\n{md5(1)}\n", "CSV",
               [(I, imp(1))], {FILES: 1})
    yield Case("csv", "own-escaped.csv",
               "path,imports,imphash,impfuzzy,status,reason,impset\n"
               f"C:\\\\xcache\\a\\u{{200b}}.exe,3,{imp(1)},{fuzzy(1)},ok,,\n", "CSV",
               [(I, imp(1), "C:\\xcache\\a\u200b.exe"), ("+" + F, fuzzy(1), "C:\\xcache\\a\u200b.exe")])
    yield Case("csv", "file-hashes.csv", f"name,md5,sha256\na,{md5(1)},{sha256(1)}\n", "",
               error="has hashes of files .MD5, SHA-1, SHA-256., not of import lists")
    yield Case("csv", "doubtful-go.csv", f"name,go_import_hash,sha256\na,{md5(1)},{sha256(1)}\n", "",
               error="has hashes of files")


def bazaar_row(n, signature="Fam", imphash=None, blank=" "):
    cells = ["2026-01-02 03:04:05", sha256(n), md5(n), sha1(n), "someone", f"a, {n}.exe", "exe",
             "application/x-dosexec", signature, "n/a", "n/a",
             imp(n) if imphash is None else imphash, ssdeep(n), "T1" + "0" * 70]
    return f",{blank}".join(f'"{cell}"' for cell in cells)


BAZAAR_NAMES = ["first_seen_utc", "sha256_hash", "md5_hash", "sha1_hash", "reporter", "file_name",
                "file_type_guess", "mime_type", "signature", "clamav", "vtpercent", "imphash",
                "ssdeep", "tlsh"]


def bazaar_head(columns=14):
    return ("#" * 64 + "\n# MalwareBazaar recent malware samples (CSV)                   #\n"
            "# Last updated: 2026-01-02 03:04:05 UTC                        #\n" + "#" * 64 +
            "\n#\n# " + ",".join(f'"{name}"' for name in BAZAAR_NAMES[:columns]) + "\n")


def zipped(name, content, more=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in ((name, content), *more):
            archive.writestr(member, text)
    return out.getvalue()


def malwarebazaar():
    rows = [bazaar_row(1), bazaar_row(2, "n/a"), bazaar_row(3, imphash="n/a"),
            bazaar_row(4, imphash=imp(1))]
    taken = [(I, imp(1), "Fam", sha256(1)), (I, imp(2), "a, 2.exe", sha256(2))]
    left = {NOTHING: 1, SAME: 1}
    text = bazaar_head() + "\n".join(rows) + "\n# Number of entries: 4\n"
    yield Case("malwarebazaar", "recent.csv", text, "MalwareBazaar CSV", taken, left)
    yield Case("malwarebazaar", "twelve.csv", bazaar_head(12) + "\n".join(rows) + "\n",
               "MalwareBazaar CSV", taken, left)
    yield Case("malwarebazaar", "no-blanks.csv",
               bazaar_head() + bazaar_row(1, blank="") + "\r\n" + bazaar_row(2, "n/a", blank="") + "\r\n",
               "MalwareBazaar CSV", taken)
    yield Case("malwarebazaar", "full.zip", zipped("full.csv", text), "MalwareBazaar CSV", taken, left)
    yield Case("malwarebazaar", "recent.csv.gz", gzip.compress(text.encode(), mtime=0),
               "MalwareBazaar CSV", taken, left)
    yield Case("malwarebazaar", "cut.csv",
               bazaar_head() + bazaar_row(1) + "\n" + bazaar_row(5)[:200] + "\n" + bazaar_row(2) + "\n",
               "MalwareBazaar CSV", [(I, imp(1), "Fam", sha256(1)), (I, imp(2), "Fam", sha256(2))],
               {UNREAD: 1}, ["cut.csv:8: .*"])
    # A line of the comment lost its sign.
    yield Case("malwarebazaar", "head.csv",
               bazaar_head().replace("\n#\n", "\n+\n") + bazaar_row(1) + "\n" + bazaar_row(2, imphash="n/a") + "\n",
               "MalwareBazaar CSV", [(I, imp(1), "Fam", sha256(1))], {NOTHING: 1, UNREAD: 1},
               ["head.csv:5: a line above the headings: '+'"])
    yield Case("malwarebazaar", "doubtful-headless.csv", bazaar_row(1) + "\n", "plain list",
               error="doubtful-headless.csv:1: has hashes of files")
    yield Case("malwarebazaar", "no-imphash.csv",
               bazaar_head() + bazaar_row(1, imphash="n/a") + "\n", "MalwareBazaar CSV",
               left={NOTHING: 1}, error="there is no import hash in it: 1 empty")


def attribute(kind, value, **more):
    return {"type": kind, "value": value, "category": "Payload delivery", "to_ids": True, **more}


def misp():
    event = {"Event": {"info": "Campaign X", "uuid": "u", "Attribute": [
        attribute("imphash", imp(1), comment="loader"),
        attribute("filename|imphash", f"a.exe|{imp(2)}"),
        attribute("md5", md5(1)), attribute("md5", imp(3), comment="this is the Imphash"),
        attribute("imphash", dead(1), deleted=True), attribute("ssdeep", ssdeep(1)),
        attribute("imphash", imp(4), to_ids=False)],
        "Object": [{"name": "pe", "Attribute": [
            attribute("filename", "pe.exe"), attribute("sha256", sha256(1)),
            attribute("impfuzzy", fuzzy(1), object_relation="impfuzzy")]}]}}
    taken = [(I, imp(1), "Campaign X", "loader"), (I, imp(2), "Campaign X", "a.exe"),
             (I, imp(3), "Campaign X", "this is the Imphash"), (I, imp(4), "Campaign X"),
             (F, fuzzy(1), "Campaign X", "pe.exe")]
    left = {FILES: 3, DELETED: 1}
    yield Case("misp", "event.json", json.dumps(event, indent=2), "MISP JSON", taken, left, to_ids=1)
    yield Case("misp", "response.json", json.dumps({"response": [event, event]}), "MISP JSON",
               taken, {FILES: 6, DELETED: 2, SAME: 5}, to_ids=2)
    yield Case("misp", "attributes.json",
               json.dumps({"response": {"Attribute": [
                   attribute("impfuzzy", fuzzy(1), Event={"info": "E"}),
                   attribute("imphash", imp(1), comment="c")]}}).replace("/", "\\/"), "MISP JSON",
               [(F, fuzzy(1), "E"), (I, imp(1), "c")])
    yield Case("misp", "short.json", json.dumps({"Event": {"info": "E", "Attribute": [
        {"type": "imphash", "value": imp(1)}], "Object": [{"name": "pe", "comment": "evil.dll", "Attribute": [
            {"type": "impfuzzy", "value": fuzzy(1)}]}]}}), "MISP JSON",
        [(I, imp(1), "E"), (F, fuzzy(1), "E", "evil.dll")])
    # An object with one of each is one sample; with several it can't be said which belong together.
    def pe(*hashes, comment="m.dll"):
        return {"name": "pe", "comment": comment, "Attribute": [attribute(*each) for each in hashes]}
    pair = pe(("impfuzzy", fuzzy(1)), ("imphash", imp(1)))
    yield Case("misp", "objects.json", json.dumps({"Event": {"info": "E", "Object": [
        pair, pe(("imphash", imp(2)), ("imphash", imp(3)), ("impfuzzy", fuzzy(2))),
        pe(("imphash", "xyz"), ("impfuzzy", fuzzy(4)))]}}), "MISP JSON",
        [(I, imp(1), "E", "m.dll"), ("+" + F, fuzzy(1), "E", "m.dll"), (I, imp(2), "E", "m.dll"),
         (I, imp(3), "E", "m.dll"), (F, fuzzy(2), "E", "m.dll"), (F, fuzzy(4), "E", "m.dll")],
        {UNREAD: 1}, ["objects.json:1: 'xyz' is no imphash"])
    yield Case("misp", "own.json", json.dumps({"Event": {
        "info": "impscan: modules in memory of a.raw", "Object": [pair]}}), "MISP JSON",
        [(I, imp(1), "m.dll"), ("+" + F, fuzzy(1), "m.dll")])
    yield Case("misp", "bad.json", json.dumps({"Event": {"info": "x", "Attribute": [
        attribute("imphash", "xyz"), attribute("impfuzzy", "3::"), attribute("md5", md5(1))]}}),
        "MISP JSON", left={UNREAD: 1, NOTHING: 1, FILES: 1}, told=["bad.json:1: 'xyz' is no imphash"],
        error="there is no import hash in it")
    head = ("uuid,event_id,category,type,value,comment,to_ids,timestamp,object_relation,"
            "attribute_tag,object_uuid,object_name,object_meta-category,event_info\n")

    def row(kind, value, comment="", to_ids=1, info="Campaign X"):
        return f'"u",1,"Payload delivery","{kind}",{value},"{comment}",{to_ids},1,"","","","","","{info}"\n'
    yield Case("misp", "export.csv",
               head + row("imphash", f'"{imp(1)}"', 'say ""x"", y') + row("md5", f'"{md5(1)}"') +
               row("filename|impfuzzy", f'"a.exe|{fuzzy(1)}"', to_ids=0) +
               row("md5", f'"{imp(2)}"', "imphash"), "MISP CSV",
               [(I, imp(1), "Campaign X", 'say "x", y'), (F, fuzzy(1), "Campaign X", "a.exe"),
                (I, imp(2), "Campaign X", "imphash")], {FILES: 1}, to_ids=1)
    # Attributes of an object are rows anywhere, joined by its UUID.
    columns = ("uuid,event_id,category,type,value,comment,to_ids,timestamp,object_relation,"
               "attribute_tag,object_uuid,object_name,object_meta-category\n")

    def member(uuid, kind, value, comment="", to_ids=1):
        return f'"u",1,"c","{kind}","{value}","{comment}",{to_ids},1,"{kind}","","{uuid}","pe","file"\n'
    yield Case("misp", "objects.csv", columns + member("o1", "imphash", imp(1)) +
               member("o2", "imphash", imp(2)) + member("", "imphash", imp(9), "alone") +
               member("o1", "filename", "a.dll") + member("o3", "imphash", imp(3)) +
               member("o2", "sha256", sha256(2)) + member("o1", "impfuzzy", fuzzy(1), to_ids=0) +
               member("o3", "imphash", imp(4)) + member("o3", "impfuzzy", fuzzy(3)) +
               member("o4", "imphash", "xyz", "bad") + member("o4", "impfuzzy", fuzzy(4)) +
               member("o1", "md5", md5(1)), "MISP CSV",
               [(I, imp(9), "alone"), (I, imp(1), "a.dll"), ("+" + F, fuzzy(1), "a.dll"),
                (I, imp(2), sha256(2)), (I, imp(3)), (I, imp(4)), (F, fuzzy(3)), (F, fuzzy(4), "bad")],
               {FILES: 2, UNREAD: 1}, ["objects.csv:11: 'xyz' is no imphash"], to_ids=1)
    yield Case("misp", "objects-joined.csv",
               (columns + member("o1", "imphash", imp(1)) + member("o1", "impfuzzy", fuzzy(1))) * 2 +
               columns + member("o1", "impfuzzy", fuzzy(2)), "MISP CSV",
               [(I, imp(1)), ("+" + F, fuzzy(1)), (F, fuzzy(2))], {SAME: 1})
    digits = "12345678901234567890123456789012"
    yield Case("misp", "unquoted.csv", "uuid,event_id,category,type,value,comment,to_ids,timestamp\n"
               f'"u",1,"c","imphash",{digits},"",1,1\n"u",1,"c","imphash","{imp(2)}","n",1,1\n',
               "MISP CSV", [(I, digits), (I, imp(2), "n")])
    yield Case("misp", "no-hash.csv", head + row("md5", f'"{md5(1)}"') + row("ip-dst", '"127.0.0.1"'),
               "MISP CSV", left={FILES: 1}, error="there is no import hash in it: 1 hashes of files")
    yield Case("misp", "export.txt", f"{imp(1)}\n{imp(2)}\n", "plain list", [(I, imp(1)), (I, imp(2))])


def stix():
    pattern = f"[file:extensions.'windows-pebinary-ext'.imphash = '{imp(1)}' AND file:hashes.MD5 = '{md5(1)}']"
    several = (f"[file:extensions.'windows-pebinary-ext'.imphash IN ('{imp(2)}', '{imp(3).upper()}') OR "
               f"file:extensions.'windows-pebinary-ext'.imphash != '{dead(1)}' OR "
               f"file:extensions.'windows-pebinary-ext'.imphash NOT = '{dead(2)}']")
    bundle = {"type": "bundle", "id": "bundle--1", "objects": [
        {"type": "indicator", "id": "indicator--1", "name": "Loader", "pattern": pattern,
         "pattern_type": "stix", "description": "d"},
        {"type": "indicator", "id": "indicator--2", "pattern": several},
        {"type": "malware", "id": "malware--1", "name": "BadRat"},
        {"type": "relationship", "relationship_type": "indicates", "source_ref": "indicator--2",
         "target_ref": "malware--1"},
        {"type": "file", "name": "f.exe", "hashes": {"MD5": md5(2), "SSDEEP": ssdeep(1)},
         "extensions": {"windows-pebinary-ext": {"pe_type": "exe", "imphash": imp(4)}}}]}
    taken = [(I, imp(1), "Loader", "d"), (I, imp(2), "BadRat"), (I, imp(3), "BadRat"),
             (I, imp(4), "f.exe")]
    yield Case("stix", "bundle21.json", json.dumps(bundle, indent=1), "STIX", taken, {EXCLUDED: 2})
    observed = {"type": "bundle", "spec_version": "2.0", "objects": [
        {"type": "observed-data", "objects": {"0": {
            "type": "file", "name": "old.exe", "hashes": {"MD5": md5(1), "IMPHASH": imp(2)},
            "extensions": {"windows-pebinary-ext": {"imphash": imp(1)}}}}}]}
    yield Case("stix", "bundle20.json", json.dumps(observed), "STIX",
               [(I, imp(2), "old.exe"), (I, imp(1), "old.exe")])
    yield Case("stix", "patterns.txt", f"# patterns\n{pattern}\n{several}\n", "STIX patterns",
               [(I, imp(1)), (I, imp(2)), (I, imp(3))], {EXCLUDED: 2})
    yield Case("stix", "not-wanted.json", json.dumps({"type": "bundle", "objects": [
        {"type": "indicator", "name": "Old", "revoked": True, "pattern_type": "stix",
         "pattern": pattern.replace(imp(1), dead(1))},
        {"type": "indicator", "name": "Rule", "pattern_type": "yara",
         "pattern": f'rule a {{ condition: pe.imphash() == "{dead(2)}" }}'},
        {"type": "indicator", "name": "New", "pattern_type": "stix", "pattern": pattern}]}), "STIX",
        [(I, imp(1), "New")], {DELETED: 1, UNREAD: 1},
        told=["not-wanted.json:1: a pattern of another language than STIX's is not read"])
    # Names behind more objects than anybody looks through one by one.
    count = 6000
    nameless = [{"type": "indicator", "id": f"indicator--{n}", "pattern": pattern.replace(imp(1), imp(n + 1))}
                for n in range(count)]
    links = [{"type": "relationship", "relationship_type": "indicates", "source_ref": f"indicator--{n}",
              "target_ref": f"malware--{n % 7}"} for n in range(count)]
    # The last indicates something without a name, too, and what somebody has taken back.
    more = [{**links[-1], "target_ref": "malware--gone", "revoked": True},
            {**links[-1], "target_ref": "tool--1"}]
    families = [{"type": "malware", "id": f"malware--{n}", "name": f"Family{n}"} for n in range(7)]
    families += [{"type": "tool", "id": "tool--1"}, {"type": "malware", "id": "malware--gone", "name": "Gone"}]
    yield Case("stix", "many.json", json.dumps({"type": "bundle", "objects":
                                                nameless + more + links + families}), "STIX",
               [(I, imp(n + 1), f"Family{n % 7}") for n in range(count)])
    path = "file:extensions.'windows-pebinary-ext'.imphash"
    yield Case("stix", "negations.txt",
               f"[{path} NOT != '{imp(1)}' OR {path} NOT NOT = '{imp(2)}']\n"
               f"[NOT ({path} = '{dead(1)}' OR NOT ({path} = '{imp(3)}'))]\n"
               f"[NOT {path} = '{dead(2)}' AND {path} NOT IN ('{dead(3)}', '{dead(4)}')]\n"
               f"[file:name = 'a\\' {path} = \\'{dead(5)}\\'' AND /* {path} = '{dead(6)}' */ "
               f"file:x_misp_imphash == '{imp(4)}']\n"
               f"[{path} LIKE 'beef%' OR {path} LIKE '{imp(5)}' OR {path} MATCHES '^{dead(7)}$']\n"
               f"[{'(' * 70}{path} = '{dead(8)}'{')' * 70}]\n", "STIX patterns",
               [(I, imp(1)), (I, imp(2)), (I, imp(3)), (I, imp(4)), (I, imp(5))],
               {EXCLUDED: 4, PARTS: 1, UNREAD: 2},
               ["negations.txt:5: what import hashes are compared with by MATCHES is not read",
                "negations.txt:6: a pattern whose brackets don't match, or are more than 64 deep"])
    yield Case("stix", "doubtful-go.txt", f"[file:pe.go_import_hash = '{md5(1)}' OR {path} = '{imp(1)}']\n",
               "STIX patterns", [(I, imp(1))])
    yield Case("stix", "no-hash.json", json.dumps({"type": "bundle", "objects": [
        {"type": "file", "hashes": {"MD5": md5(1), "SSDEEP": ssdeep(1)}}]}), "STIX",
        error="there is no import hash in it")


def yara():
    text = f'''import "pe"
import "hash"
// rule dead_one {{ condition: pe.imphash() == "{dead(1)}" }}
/* pe.imphash() == "{dead(2)}" */
private rule Family_X : tag {{
  meta:
    description = "the loader, not \\"x\\""
  strings:
    $a = "pe.imphash() == {dead(3)}"
    $b = {{ DE C0 ?? }}
    $c = /imphash "{dead(4)}/ nocase
  condition:
    uint16(0) == 0x5a4d and filesize / 2 < 3MB and pe.imphash() == "{imp(1)}" and
    hash.md5(0, filesize) == "{md5(1)}"
}}
rule Upper {{ condition: pe.imphash() == "{imp(2).upper()}" or "{imp(3)}" == pe.imphash() }}
rule Many {{ condition: for any h in ("{imp(4)}", "{imp(5)}") : (pe.imphash() == h) }}
rule Vt {{ condition: vt.metadata.imphash == "{imp(6)}" and not pe.imphash() == "{dead(5)}" and
  pe.imphash() != "{dead(6)}" and not (filesize > 1 or pe.imphash() == "{dead(7)}") and
  pe.imphash() iequals "{imp(7).upper()}" }}
rule Hunt {{ condition: imphash == "{imp(8)}" }}
'''
    yield Case("yara", "rules.yar", text, "YARA rules",
               [(I, imp(1), "Family_X", 'the loader, not \\"x\\"'), (I, imp(2), "Upper"),
                (I, imp(3), "Upper"), (I, imp(4), "Many"), (I, imp(5), "Many"), (I, imp(6), "Vt"),
                (I, imp(7), "Vt"), (I, imp(8), "Hunt")], {EXCLUDED: 3},
               ["rules.yar: rule Upper compares with an imphash in upper case.*"])
    def rules(*conditions):
        return "".join(f"rule r{n} {{ condition: {condition} }}\n" for n, condition in enumerate(conditions))

    def equal(value):
        return f'pe.imphash() == "{value}"'
    yield Case("yara", "negations.yar", rules(
        f"not not {equal(imp(1))}", f"not (not ({equal(imp(2))}))", f"not not not {equal(dead(1))}",
        f"({equal(dead(2))}) == false", f"({equal(imp(3))}) == true", f"({equal(imp(4))}) != false",
        f"({equal(dead(3))}) != true", f"false == ({equal(dead(4))})", f"not ({equal(imp(5))} == false)",
        f'for none h in ("{dead(5)}", "{dead(6)}") : (pe.imphash() == h)',
        f'for none h in ("{imp(6)}") : (not pe.imphash() == h)',
        f"none of ({equal(dead(7))}, filesize > 1)", f"0 of ({equal(dead(8))})",
        f"1 of ({equal(imp(7))}, not {equal(dead(9))})", f"50% of ({equal(imp(8))}, true)",
        f"for all i in (1..3) : (pe.imphash() != \"{dead(10)}\" or {equal(imp(9))})",
        f"not (pe.imphash() != \"{imp(10)}\")",
        f'for any of them : ($ at pe.entry_point) and for 2 s in pe.sections : (s.name == "x" and {equal(imp(11))})'),
        "YARA rules", [(I, imp(n), "r" + str(rule)) for n, rule in enumerate(
            (0, 1, 4, 5, 8, 10, 13, 14, 15, 16, 17), 1)], {EXCLUDED: 10})
    yield Case("yara", "undecided.yar", rules(
        f"({equal(dead(1))}) == (filesize > 3)", f"defined ({equal(dead(2))})",
        f'for filesize h in ("{dead(3)}", "{dead(4)}") : (pe.imphash() == h)',
        f"#a of ({equal(dead(5))})", f'pe.imphash() < "{dead(6)}"',
        f"with found = {equal(dead(7))} : (not found)",
        f"(not {equal(dead(13))}) of (true)", f"for (not {equal(dead(14))}) i in (1..2) : (true)",
        f"-(not {equal(dead(15))}) == 1", f"pe.sections[not {equal(dead(16))}].name == 1") +
        f"rule broken {{ condition: {equal(dead(8))} {equal(dead(9))} or ({equal(dead(10))} and }}\n"
        f"rule deep {{ condition: {'(' * 200}{equal(dead(11))}{')' * 200} }}\n"
        f"rule open {{ condition: {equal(dead(12))} and\nrule good {{ condition: {equal(imp(1))} }}\n",
        "YARA rules", [(I, imp(1), "good")], {UNDECIDED: 16, UNREAD: 3},
        ["undecided.yar:11: rule broken: its condition is not understood",
         "undecided.yar:12: rule deep: its condition is more than 100 deep",
         "undecided.yar:13: rule open: its condition is not understood"])
    yield Case("yara", "operators.yar", rules(
        f'pe.imphash() icontains "{imp(1).upper()}"', f'pe.imphash() contains "{imp(2)}"',
        f'pe.imphash() startswith "{imp(3)}" or pe.imphash() iendswith "beef00"',
        f'"{imp(4)},{imp(5)};ff00" contains pe.imphash()', f"pe.imphash() matches /^({dead(1)}|\"x)/i",
        f'(pe.imphash()) == ("{imp(6)}")', f'pe . imphash ( ) == "{imp(7)}"',
        f'with h = "{imp(8)}", i = pe.imphash() : (i iequals h)',
        f'for any h in ("{imp(9)}") : (h == pe.imphash() or pe.imphash() != h or h == pe.imphash())',
        f'not pe.imphash() icontains "{dead(2)}"', f'pe.imphash() icontains "nothing"',
        f'$a in (0..10) and @a[1] + 2 * !a[1] > 3 and any of ($a, $b*) at 0 and {equal(imp(10))}',
        f'pe.version_info["x"] contains "{md5(1)}" and hash.md5(pe.imphash()) == "{md5(2)}"'),
        "YARA rules", [(I, imp(1), "r0"), (I, imp(2), "r1"), (I, imp(3), "r2"), (I, imp(4), "r3"),
                       (I, imp(5), "r3"), (I, imp(6), "r5"), (I, imp(7), "r6"), (I, imp(8), "r7"),
                       (I, imp(9), "r8"), (I, imp(10), "r11")], {PARTS: 1, EXCLUDED: 2, UNREAD: 2, SAME: 1},
        ["operators.yar:5: a regular expression for imphashes is not read",
         "operators.yar:11: 'nothing' is no imphash"])
    many = ", ".join(f'"{imp(n)}"' for n in range(1, 301))
    yield Case("yara", "many.yar", f"rule a {{ condition: for any h in ({many}) : (pe.imphash() == h) }}\n",
               "YARA rules", [(I, imp(n), "a") for n in range(1, 301)])
    # What is private matters only for the rules that use it.
    yield Case("yara", "private.yar",
               f"private rule Good {{ condition: {equal(dead(1))} or not {equal(imp(1))} }}\n"
               f"private global rule Known_1 {{ condition: {equal(dead(2))} }}\n"
               f"private rule Bad {{ condition: {equal(imp(2))} }}\n"
               f"private rule Odd {{ condition: {equal(dead(3))} }}\n"
               f"private rule Lone {{ condition: {equal(imp(3))} }}\nrule Own {{ condition: {equal(imp(4))} }}\n"
               "rule all { condition: not Good and none of (Known*) and Bad and not Own and defined Odd }\n"
               "rule more { condition: not Bad }\n", "YARA rules",
               [(I, imp(1), "Good"), (I, imp(2), "Bad"), (I, imp(3), "Lone"), (I, imp(4), "Own")],
               {EXCLUDED: 2, UNDECIDED: 1})
    yield Case("yara", "short.yar", f'rule a{{condition:pe.imphash()=="{imp(1)}"}}', "YARA rules",
               [(I, imp(1), "a")])
    yield Case("yara", "bad.yar", f'rule a {{\n condition:\n pe.imphash() == "xyz" or\n'
               f' pe.imphash() == "{imp(1)}" or pe.imphash() == "{EMPTY}"\n}}\n', "YARA rules",
               [(I, imp(1), "a")], {UNREAD: 1, NOTHING: 1}, ["bad.yar:3: 'xyz' is no imphash"])
    yield Case("yara", "none.yar", f'rule a {{\n condition: hash.md5(0, filesize) == "{md5(1)}"\n}}\n',
               "YARA rules", error="there is no import hash in it")


def sigma():
    text = f'''title: PUA - Tool
id: 1
logsource: {{category: process_creation, product: windows}}
detection:
    selection:
        Hashes|contains:
            - IMPHASH={imp(1)}
            - 'IMPHASH={imp(2).upper()}'
            - IMPHASH=00000
            - MD5={md5(1)}
    selection_old:
        Imphash: {imp(3)}
    filter_main:
        Hashes|contains: IMPHASH={dead(1)}
    known:
        Hashes|contains: IMPHASH={dead(2)}
    zero:
        Hash|contains: IMPHASH={ZEROS}
    condition: 1 of selection* or zero and not known and not filter_main
---
title: Second
logsource: {{category: image_load}}
detection:
    sel:
        - Imphash|contains: ['{imp(4)}', '*{imp(5)}*']
        - Hash|endswith: 'SHA1={sha1(1)},IMPHASH={imp(6)}'
    condition: sel
'''
    yield Case("sigma", "rules.yml", text, "Sigma rules",
               [(I, imp(1), "PUA - Tool"), (I, imp(2), "PUA - Tool"), (I, imp(3), "PUA - Tool"),
                (I, imp(4), "Second"), (I, imp(5), "Second"), (I, imp(6), "Second")],
               {PARTS: 1, EXCLUDED: 2, NOTHING: 1})
    yield Case("sigma", "anchor.yml", "title: T\nlogsource: {}\ndetection:\n  a: &x\n    Hashes:\n"
               f"      - SHA256={sha256(1)},IMPHASH={imp(1)}\n  b: *x\n  condition: a or b\n",
               "Sigma rules", [(I, imp(1), "T")], {SAME: 1})
    yield Case("sigma", "bad.yml", f"title: T\nlogsource: {{}}\ndetection:\n  a:\n    Imphash: {imp(1)}\n"
               "  condition: a\n---\ntitle: [\n", "Sigma rules", [(I, imp(1), "T")], {UNREAD: 1},
               [r"bad.yml:\d+: no YAML that can be read: .*"])
    yield Case("sigma", "conditions.yml", "title: T\nlogsource: {}\ndetection:\n"
               f"  a:\n    Imphash: {dead(1)}\n  b:\n    Imphash: {imp(1)}\n"
               f"  filter_x:\n    Imphash: {imp(2)}\n  old_1:\n    Imphash: {dead(2)}\n"
               f"  filter_y:\n    Imphash: {dead(3)}\n"
               "  condition: [b and not A, filter_x and not 1 of old*]\n",
               "Sigma rules", [(I, imp(1), "T"), (I, imp(2), "T")], {EXCLUDED: 2, UNNAMED: 1})
    head = "title: T\nlogsource: {}\ndetection:\n"

    def rule(condition, **selections):
        """A rule of selections with one imphash each."""
        return head + "".join(f"  {name}:\n    Imphash: {value}\n" for name, value in selections.items()) + (
            f"  condition: {condition}\n---\n")
    yield Case("sigma", "negations.yml",
               rule("not not a", a=imp(1)) + rule("not (not a)", a=imp(2)) +
               rule("not (a or not b)", a=dead(1), b=imp(3)) + rule("not not not a", a=dead(2)) +
               rule("a and (not (b and not (c)))", a=imp(4), b=dead(3), c=imp(5)) +
               rule("b and not 1 of *_old", b=imp(6), a_old=dead(4), c_old_x=dead(5)) +
               rule("(a and not b) or (b and not a)", a=dead(6), b=dead(7)) +
               rule("all of them", a=imp(7), _b=dead(8), filter_c=dead(9)) +
               rule("a | count() by b > 3", a=imp(8), b=dead(10)) +
               rule("[a and not b, b]", a=imp(9), b=imp(10)), "Sigma rules",
               [(I, imp(n), "T") for n in range(1, 11)], {EXCLUDED: 4, UNNAMED: 4, UNDECIDED: 2})
    yield Case("sigma", "unreadable.yml",
               rule("a b", a=dead(1), b=dead(2)) + rule("(a", a=dead(3)) + rule("a and", a=dead(4)) +
               rule("0 of a*", a=dead(5)) + rule("a)", a=dead(6)) + rule("not", a=dead(7)) +
               rule("a and not(b", a=dead(8), b=dead(9)) + rule("[a, b c]", a=imp(1), b=dead(10)) +
               rule("(" * 70 + "a" + ")" * 70, a=dead(11)) +
               rule("a\n  condition: not a", a=dead(12)) + head + f"  a:\n    Imphash: {dead(13)}\n",
               "Sigma rules", [(I, imp(1), "T")], {UNDECIDED: 13})
    # Documents that say once what several rules share (pySigma's collections).
    yield Case("sigma", "global.yml",
               f"action: global\ntitle: Shared\nlogsource: {{}}\ndetection:\n  known:\n    Imphash: {dead(1)}\n"
               f"  both:\n    Imphash: {imp(9)}\n  condition: (sel or both) and not known\n---\n"
               f"detection:\n  sel:\n    Imphash: {imp(1)}\n---\ndetection:\n  sel:\n    Hashes: IMPHASH={imp(2)}\n"
               f"  both:\n    Hashes: IMPHASH={imp(3)}\n  condition: gone\n---\n"
               f"action: repeat\ntitle: Again\ndetection:\n  sel:\n    Hashes: IMPHASH={imp(4)}\n---\n"
               f"action: reset\n---\n{rule('sel', sel=imp(5))}action: global\ntitle: Other\n---\n{rule('a', a=imp(6))}",
               "Sigma rules",
               [(I, imp(1), "Shared"), (I, imp(9), "Shared"), (I, imp(2), "Shared"), (I, imp(3), "Shared"),
                (I, imp(4), "Again"), (I, imp(9), "Again"), (I, imp(3), "Again"), (I, imp(5), "T"),
                (I, imp(6), "Other")], {EXCLUDED: 3, SAME: 1})
    yield Case("sigma", "global-alone.yml",
               f"action: repeat\n{rule('a', a=imp(1))}action: global\n{head}  a:\n    Imphash: {dead(1)}\n  condition: a\n---\n"
               f"action: global\na: b\n", "Sigma rules", [(I, imp(1), "T")], {UNREAD: 2},
               ["global-alone.yml:8: 'action: global' without a rule behind it",
                "global-alone.yml:16: 'action: global' without a rule behind it"])
    shared = "".join(f"  s{n}:\n    Imphash: {imp(n)}\n" for n in range(1, 801))
    yield Case("sigma", "global-many.yml",
               f"action: global\n{head}{shared}  condition: 1 of s*\n---\n" +
               "".join(f"detection:\n  a{n}:\n    b: c\n---\n" for n in range(2000)), "Sigma rules",
               [(I, imp(n), "T") for n in range(1, 801)], {SAME: 8800, UNREAD: 1988},
               ["global-many.yml:.*: documents that have more in common than is merged"] * 5)
    yield Case("sigma", "keywords.yml", head +
               f"  keywords:\n    - 'IMPHASH={imp(1)}'\n    - '*IMPHASH={imp(2).upper()}*'\n    - {md5(1)}\n"
               f"  all_words:\n    '|all':\n      - IMPHASH={imp(3)}\n"
               f"  one: IMPHASH={imp(4)}\n  message:\n    Message|contains: IMPHASH={imp(5)}\n"
               f"  not_this:\n    - IMPHASH={dead(1)}\n"
               f"  equal:\n    Imphash|neq: {dead(2)}\n    Hashes|contains|all: 'IMPHASH={imp(6)}'\n"
               f"    Imphash|exists: true\n"
               f"  expression:\n    Hashes|re: 'IMPHASH=({dead(3)}|{dead(4)})'\n"
               "  condition: not not_this and not not 1 of them\n", "Sigma rules",
               [(I, imp(1), "T"), (I, imp(2), "T"), (I, imp(3), "T"), (I, imp(4), "T"), (I, imp(5), "T"),
                (I, imp(6), "T")], {EXCLUDED: 1, UNDECIDED: 1, UNREAD: 1},
               ["keywords.yml:21: what a field has behind '|re' is not read"])
    yield Case("sigma", "bad-between.yml",
               f"%YAML 1.1\n---\n---\n# nothing\n{rule('a', a=imp(1))}title: [\n---\n{rule('a', a=imp(2))}"
               f"title: *gone\n...\n%YAML 1.1\n---\n{rule('a', a=imp(3))}", "Sigma rules",
               [(I, imp(1), "T"), (I, imp(2), "T"), (I, imp(3), "T")], {UNREAD: 2},
               ["bad-between.yml:13: no YAML that can be read: .*",
                "bad-between.yml:21: no YAML that can be read: an alias of an anchor that is not there"])
    anchors = "".join(f"    - &a{n} IMPHASH={imp(n)}\n" for n in range(1, 3001))
    yield Case("sigma", "anchors.yml", head + f"  a:\n{anchors}    - *a7\n  condition: a\n", "Sigma rules",
               [(I, imp(n), "T") for n in range(1, 3001)], {SAME: 1})
    nested = "".join(" " * n + "a:\n" for n in range(4, 90))
    yield Case("sigma", "nested.yml",
               f"{head}  a: {'[' * 5000}{']' * 5000}\n  condition: a\n---\n{rule('a', a=imp(1))}"
               f"{head}  a:\n{nested}  condition: a\n---\n{head}  a: &a [*a, *a, *a, {imp(2)}]\n"
               f"  condition: a\n---\n{rule('a', a=imp(3))}", "Sigma rules",
               [(I, imp(1), "T"), (I, imp(3), "T")], {UNREAD: 4},
               ["nested.yml:4: no YAML that can be read: a line with more than 64 brackets.*",
                r"nested.yml:\d+: no YAML that can be read: more than 64 lists and maps.*",
                "nested.yml:105: a rule with more than 1000000 values",
                "nested.yml:105: a rule nested more than 32 deep"])
    tags = "".join(f"%TAG !a{n}! b\n" for n in range(100))
    yield Case("sigma", "tags.yml", f"{rule('a', a=imp(1))}{tags}---\n{rule('a', a=dead(1))}"
               f"%TAG !a! b\n---\n{rule('a', a=imp(2))}" + rule("a", a=imp(3)).replace("---\n", "\r---\ra: b\n---\n"),
               "Sigma rules", [(I, imp(1), "T"), (I, imp(2), "T")], {UNREAD: 2},
               ["tags.yml:72: no YAML that can be read: more than 64 directives",
                r"tags.yml:.*: no YAML that can be read: documents that no line divides"])
    yield Case("sigma", "none.yml", "title: T\nlogsource: {}\ndetection:\n  a:\n    Image: x\n  condition: a\n",
               "Sigma rules", error="there is no import hash in it")


def sysmon():
    hashes = f"SHA1={sha1(1)},MD5={md5(1)},SHA256={sha256(1)},IMPHASH={{}}"
    message = "Process Create:\r\nUtcTime: 2026\r\nImage: C:\\t\\a.exe\r\nHashes: {}\r\nParent: x\r\n"
    yield Case("sysmon", "messages.txt",
               message.format(hashes.format(imp(1).upper())) + message.format(hashes.format(ZEROS)) +
               "Image loaded:\nImage: C:\\p.exe\nImageLoaded: C:\\l.dll\nHashes: " + hashes.format(imp(2)) +
               "\n", "text with Sysmon's hashes",
               [(I, imp(1), "C:\\t\\a.exe"), (I, imp(2), "C:\\l.dll")], {NOTHING: 1})
    yield Case("sysmon", "events.xml",
               "<Events><Event><EventData><Data Name='Image'>C:\\a.exe</Data><Data Name='Hashes'>" +
               hashes.format(imp(1).upper()) + "</Data></EventData></Event></Events>",
               "text with Sysmon's hashes", [(I, imp(1), "C:\\a.exe")])
    lines = [{"winlog": {"event_data": {"Image": "C:\\a.exe", "Hashes": hashes.format(imp(1).upper())}}},
             {"process": {"name": "b.exe", "hash": {"md5": md5(2)}, "pe": {"imphash": imp(2)}}},
             {"file.pe.imphash": imp(3), "process.name": "x"}]
    yield Case("sysmon", "doubtful-go.jsonl", json.dumps({
        "file.pe.imphash": imp(3), "dll.pe.go_import_hash": md5(3), "a.go.import_hash": md5(4)}), "JSON",
        [(I, imp(3))])
    yield Case("sysmon", "winlogbeat.jsonl", "".join(json.dumps(line) + "\n" for line in lines), "JSON",
               [(I, imp(1), "C:\\a.exe"), (I, imp(2), "b.exe"), (I, imp(3))])
    line = ("Process Create: RuleName: - UtcTime: 2026-01-02 03:04:05.678 ProcessGuid: {{1}} ProcessId: 4 "
            "Image: {} FileVersion: 1.0 Hashes: {} ParentImage: C:\\p q.exe\n")
    yield Case("sysmon", "lines.txt",
               line.format("C:\\Program Files\\a b.exe", hashes.format(imp(1))) +
               "File created: UtcTime: 1 Image: C:\\c.exe TargetFilename: C:\\d.exe CreationUtcTime: 2\n" +
               line.format("C:\\e.exe", hashes.format(imp(2))) +
               f'UtcTime=1 ParentImage="C:\\no.exe" Image="C:\\f g.exe" Hashes="{hashes.format(imp(3))}"\n'
               f"UtcTime=1 Image=C:\\new h.exe Hashes={hashes.format(imp(4))}\n"
               f"UtcTime: 1#015#012Image: C:\\i.exe#015#012Hashes: {hashes.format(imp(5))}\n"
               f"UtcTime: 1\\r\\nImage: C:\\root\\new.exe\\r\\nHashes: {hashes.format(imp(6))}\n"
               f"UtcTime: 1, Image: C:\\j, k.exe, Hashes: {hashes.format(imp(7))}\n"
               f"UtcTime: 1\tImage: C:\\l.exe\tmore\tHashes: {hashes.format(imp(8))}\n", "text with Sysmon's hashes",
               [(I, imp(1), "C:\\Program Files\\a b.exe"), (I, imp(2), "C:\\e.exe"),
                (I, imp(3), "C:\\f g.exe"), (I, imp(4), "C:\\new h.exe"), (I, imp(5), "C:\\i.exe"),
                (I, imp(6), "C:\\root\\new.exe"), (I, imp(7), "C:\\j, k.exe"), (I, imp(8), "C:\\l.exe")])
    event = ("<Event><EventData><Data Name='UtcTime'>1</Data><Data Name='Image'>C:\\{}.exe</Data>"
             "<Data Name='Hashes'>{}</Data></EventData></Event>")
    # All of a log is one line, as the event viewer saves it.
    yield Case("sysmon", "one-line.xml", "<Events>" + "".join(
        event.format(n, hashes.format(imp(n))) for n in range(1, 6001)) + "</Events>", "text with Sysmon's hashes",
        [(I, imp(n), f"C:\\{n}.exe") for n in range(1, 6001)])
    yield Case("sysmon", "long.txt", f"Hashes: IMPHASH={imp(1)}\nHashes: IMPHASH={dead(1)}{' ' * (3 << 20)}\n"
               f"Hashes: IMPHASH={imp(2)}\n", "text with Sysmon's hashes", [(I, imp(1)), (I, imp(2))], {UNREAD: 1},
               ["long.txt:2: longer than 1 MB"])
    yield Case("sysmon", "bad.txt", f"Hashes: IMPHASH=12345\nHashes: XIMPHASH={dead(1)}\n"
               f"Hashes: IMPHASH={imp(1)}\nIMPHASH={dead(1)}0\n", "text with Sysmon's hashes",
               [(I, imp(1))], {PARTS: 1, UNREAD: 1}, [f"bad.txt:4: '{dead(1)}0' is no imphash"])
    yield Case("sysmon", "none.txt", f"Hashes: IMPHASH={ZEROS}\n", "text with Sysmon's hashes",
               left={NOTHING: 1}, error="there is no import hash in it: 1 empty")


def virustotal():
    def v3(n, **more):
        return {"id": sha256(n), "type": "file", "attributes": {
            "md5": md5(n), "ssdeep": ssdeep(n), "vhash": "x", "authentihash": sha256(9),
            "meaningful_name": f"m{n}.exe", "pe_info": {"imphash": imp(n), "sections": [{"name": ".text"}]},
            **more}}
    label = {"popular_threat_classification": {"suggested_threat_label": "trojan.x"}}
    yield Case("virustotal", "file.json", json.dumps({"data": v3(1, **label)}, indent=4),
               "VirusTotal JSON", [(I, imp(1), "trojan.x")])
    yield Case("virustotal", "search.json", json.dumps({"data": [v3(1), v3(2, **label)], "meta": {}}),
               "VirusTotal JSON", [(I, imp(1), "m1.exe"), (I, imp(2), "trojan.x")])
    yield Case("virustotal", "lines.jsonl", "".join(json.dumps(v3(n)) + "\n" for n in (1, 2)),
               "VirusTotal JSON", [(I, imp(1), "m1.exe"), (I, imp(2), "m2.exe")])
    yield Case("virustotal", "v2.json", json.dumps({"md5": md5(1), "sha256": sha256(1),
                                                    "additional_info": {"imphash": imp(1)}}),
               "VirusTotal JSON", [(I, imp(1), sha256(1))])
    yield Case("virustotal", "none.json", json.dumps({"data": {"attributes": {
        "md5": md5(1), "pe_info": {"imphash": None}}}}), "VirusTotal JSON", left={NOTHING: 1},
        error="there is no import hash in it: 1 empty")


def cape():
    report = {"info": {"id": 1}, "target": {"category": "file", "file": {
        "name": "a.exe", "md5": md5(1), "ssdeep": ssdeep(1), "pe": {"imphash": imp(1)}}},
        "CAPE": {"payloads": [{"name": "p", "pe": {"imphash": imp(2)}}]},
        "dropped": [{"name": "d", "pe": {"imphash": imp(3)}}], "malfamily": "FamC"}
    yield Case("cape", "report.json", json.dumps(report), "CAPE report",
               [(I, imp(1), "FamC"), (I, imp(2), "FamC"), (I, imp(3), "FamC")])
    yield Case("cape", "detections.json",
               json.dumps({**report, "malfamily": "", "detections": [{"family": "FamD"}]}), "CAPE report",
               [(I, imp(1), "FamD"), (I, imp(2), "FamD"), (I, imp(3), "FamD")])
    yield Case("cape", "cuckoo.json", json.dumps({"info": {}, "target": {"file": {"name": "c.exe"}},
                                                  "static": {"pe_imphash": imp(1)}}), "CAPE report",
               [(I, imp(1), "c.exe")])
    yield Case("cape", "short.json", json.dumps({"detections": "FamE", "target": {"file": {
        "name": "a.exe", "pe": {"imphash": imp(1)}}}}), "CAPE report", [(I, imp(1), "FamE")])
    yield Case("cape", "none.json", json.dumps({"info": {}, "target": {"file": {"md5": md5(1)}}}),
               "CAPE report", error="there is no import hash in it")


def of_json():
    yield Case("json", "list.json", json.dumps({"samples": [
        {"name": "a", "ImpHash": imp(1).upper(), "impfuzzy": fuzzy(1), "md5": md5(1)},
        {"family": "Fam", "import-hash": [imp(2), imp(3)], "sha256": sha256(2)}]}), "JSON",
        [(I, imp(1), "a"), ("+" + F, fuzzy(1), "a"), (I, imp(2), "Fam", sha256(2)),
         (I, imp(3), "Fam", sha256(2))])
    yield Case("json", "bazaar-api.json", json.dumps({"query_status": "ok", "data": [
        {"sha256_hash": sha256(1), "imphash": imp(1), "gimphash": names(3), "ssdeep": ssdeep(1),
         "signature": "Fam"}, {"sha256_hash": sha256(2), "imphash": None, "gimphash": None}]}), "JSON",
        [(I, imp(1), "Fam", sha256(1)), ("+" + G, "gimphash:" + names(3), "Fam", sha256(1))], {NOTHING: 1})
    own = {"pid": 4, "module": "a.sys", "path": "\\x\\a.sys", "imphash": imp(1), "impfuzzy": fuzzy(1),
           "rebuilt_imphash": imp(2), "rebuilt_impfuzzy": fuzzy(2), "status": "ok", "impset": fuzzy(3),
           "rebuilt_impset": None, "match": None}
    rebuilt = {**own, "imphash": None, "impfuzzy": None, "impset": None, "rebuilt_imphash": imp(4),
               "rebuilt_impfuzzy": None}
    yield Case("json", "own-rebuilt.jsonl", json.dumps(rebuilt) + "\n", "impscan JSON",
               [(I, imp(4), "\\x\\a.sys (rebuilt)")], {NOTHING: 1})
    none = {**own, "imphash": None, "impfuzzy": None, "rebuilt_imphash": None, "rebuilt_impfuzzy": None,
            "impset": None, "status": "no-imports"}
    yield Case("json", "own.jsonl", "".join(json.dumps(row) + "\n" for row in (own, none)), "impscan JSON",
               [(I, imp(2), "\\x\\a.sys (rebuilt)"), ("+" + F, fuzzy(2), "\\x\\a.sys (rebuilt)"),
                (I, imp(1), "\\x\\a.sys"), ("+" + F, fuzzy(1), "\\x\\a.sys"),
                ("+" + S, "impset:" + fuzzy(3), "\\x\\a.sys")], {NOTHING: 1})
    yield Case("json", "bad-line.jsonl",
               f'{{"name":"a","imphash":"{imp(1)}"}}\n{{"name":"b","imphash":\n{{"name":"c","imphash":"{imp(3)}"}}\n',
               "JSON", [(I, imp(1), "a")], {UNREAD: 1}, ["bad-line.jsonl:2: this is no JSON: .*"])
    yield Case("json", "cut.json", f'[{{"imphash":"{imp(1)}"}},', "",
               left={UNREAD: 1}, told=["cut.json:1: this is no JSON: it ends within a document"],
               error="has no whole document")
    yield Case("json", "deep.json", "[" * 100 + "]" * 100, "", left={UNREAD: 1},
               told=["deep.json:1: this is no JSON: .*"], error="has no whole document")
    # What is named at great length once, and has many hashes.
    long = "x" * 1023 + "\u00e4" + "y" * 100000
    yield Case("json", "long-name.json", json.dumps({"name": long, "imphash": [imp(n) for n in range(1, 3001)]}),
               "JSON", [(I, imp(n), long[:1023]) for n in range(1, 3001)],
               told=["long-name.json: names longer than 1024 bytes are cut"])
    yield Case("json", "many-values.json", "[" + "{}," * 700000 + "{}]", "",
               error="many-values.json:1: a document of values that take more than ... MB of memory")
    yield Case("json", "md5-only.json", json.dumps([{"md5": md5(1), "sha256": sha256(1)}]), "JSON",
               error="there is no import hash in it")


def openioc():
    def item(search, value, condition="is", more=""):
        return (f'<IndicatorItem id="1" condition="{condition}"{more}><Context document="FileItem" '
                f'search="{search}" type="mir"/><Content type="string">{value}</Content></IndicatorItem>')
    head = ('<?xml version="1.0" encoding="us-ascii"?>\n<ioc xmlns="http://schemas.mandiant.com/2010/ioc" '
            'id="x">\n<short_description>Loader &amp; co</short_description>\n<definition><Indicator '
            'operator="OR">\n')
    tail = "\n</Indicator></definition></ioc>\n"
    yield Case("openioc", "one.ioc", head + item("FileItem/PEInfo/ImportHash", imp(1)) +
               item("FileItem/Md5sum", md5(1)) + tail, "OpenIOC", [(I, imp(1), "Loader & co")])
    yield Case("openioc", "several.ioc", head + item("FileItem/PEInfo/Imphash", f" {imp(1).upper()}\n") +
               item("FileItem/PEInfo/ImportHash", dead(1), "contains") +
               item("FileItem/PEInfo/ImportHash", dead(2), more=' negate="true"') +
               item("FileItem/PEInfo/ImportHash", ZEROS) + tail, "OpenIOC",
               [(I, imp(1), "Loader & co")], {EXCLUDED: 2, NOTHING: 1})
    # What a hash is stands in its own item only.
    yield Case("openioc", "lost-context.ioc", head + item("FileItem/PEInfo/ImportHash", imp(1)) +
               f'<x><Content type="string">{md5(1)}</Content></x>' + tail, "OpenIOC",
               [(I, imp(1), "Loader & co")])
    yield Case("openioc", "cut.ioc", head + item("FileItem/PEInfo/ImportHash", imp(1)) + "<Indic",
               "OpenIOC", [(I, imp(1), "Loader & co")], {UNREAD: 1}, [r"cut.ioc:\d+: this is no XML: .*"])
    yield Case("openioc", "entities.ioc", '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><ioc>&a;</ioc>',
               "OpenIOC", error="XML with entities of its own is not read")
    yield Case("openioc", "none.ioc", head + item("FileItem/Md5sum", md5(1)) + tail, "OpenIOC",
               error="there is no import hash in it")


def utf16():
    text = f"{imp(1)}\r\n{imp(2)} näme \U0001f600\r\n"
    taken = [(I, imp(1)), (I, imp(2), "näme \U0001f600")]
    yield Case("utf16", "le.txt", b"\xff\xfe" + text.encode("utf-16-le"), "plain list", taken)
    yield Case("utf16", "be.txt", b"\xfe\xff" + text.encode("utf-16-be"), "plain list", taken)
    yield Case("utf16", "csv.csv", b"\xff\xfe" + f'"name","imphash"\r\n"a","{imp(1)}"\r\n'.encode("utf-16-le"),
               "CSV", [(I, imp(1), "a")])
    yield Case("utf16", "json.json", b"\xff\xfe" + json.dumps({"imphash": imp(1)}).encode("utf-16-le"),
               "JSON", [(I, imp(1))])
    yield Case("utf16", "odd.txt", b"\xff\xfe" + f"{imp(1)}\r\nx".encode("utf-16-le")[:-1], "plain list",
               [(I, imp(1))])


def own_table():
    head = ("   PID  Process          Module Base         Module Name               Imports  imphash"
            "                           impfuzzy\n")
    yield Case("own-table", "listing.txt", head +
               f"  4012  a b.exe          0x7ff6fa500000      a b.exe                        65  {imp(1)}  {fuzzy(1)}\n"
               "  4012  a b.exe          0x7ffdf68b0000      ntdll.dll                       0  -"
               "                                 (no-imports)\n", "impscan table",
               [(I, imp(1), "a b.exe"), ("+" + F, fuzzy(1), "a b.exe")], {NOTHING: 1})
    yield Case("own-table", "search.txt",
               "   PID  Process  Module Base  Module Name  Imports  By        Hash  Compare  Match\n"
               f"     1  p.exe    0x1000       m.dll              5  imphash   {imp(1)}      100  s/x.exe\n"
               f"     2  p.exe    0x2000       n.dll              6  impset    impset:{fuzzy(2)}       80  s/y z.exe\n",
               "impscan table", [(I, imp(1), "m.dll"), (S, "impset:" + fuzzy(2), "n.dll")])
    yield Case("own-table", "samples-wide.txt",
               "Imports  Status  imphash                           impfuzzy  impset  Path  Reason\n"
               f"     42  ok      {imp(1)}  {fuzzy(1)}  impset:{fuzzy(2)}  s/a \\x20b.dll  -\n"
               f"      0  no-imports  -  -  -  s/c.dll  no import directory\n", "impscan table",
               [(I, imp(1), "s/a  b.dll"), ("+" + F, fuzzy(1), "s/a  b.dll"),
                ("+" + S, "impset:" + fuzzy(2), "s/a  b.dll")], {NOTHING: 1})
    yield Case("own-table", "damaged.txt", head + f"  4012  a  {imp(1)}\n" +
               f"     4  System           0xfffff80000000000  c.sys  3  {imp(2)}  {fuzzy(2)}\n",
               "impscan table", [(I, imp(2), "c.sys"), ("+" + F, fuzzy(2), "c.sys")], {UNREAD: 1},
               ["damaged.txt:2: 3 columns, where the headings have 7"])


def refused():
    xlsx = zipped("[Content_Types].xml", "<x/>", [("xl/a.xml", "x")])
    yield Case("refused", "table.xlsx", xlsx, "", error="is a table of Excel or a document: export it as CSV")
    yield Case("refused", "report.pdf", b"%PDF-1.7\n%\xe2\xe3\n", "", error="is a PDF")
    yield Case("refused", "program.exe", b"MZ" + bytes(200), "", error="is a program: give it with -e")
    yield Case("refused", "noise.bin", b"abc\0\1\2", "", error="is no text")
    yield Case("refused", "empty.txt", b"", "")


FORMS = (plain, of_names, of_ssdeep, of_csv, malwarebazaar, misp, stix, yara, sigma, sysmon, virustotal, cape,
         of_json, openioc, utf16, own_table, refused)


def cases():
    return [case for form in FORMS for case in form()]


if __name__ == "__main__":
    # The lists alone, of all forms or of one, as seeds of a fuzzer: large ones would make it slow.
    folder, form = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    for one in cases():
        if len(one.text) <= SEED and form in ("", one.form):
            pathlib.Path(folder, f"{one.form}-{one.name}").write_bytes(one.text)
