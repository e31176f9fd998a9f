"""What the end-to-end tests share: running impscan, the image writer's truth, hashes of a list."""

import ctypes
import ctypes.util
import hashlib
import json
import subprocess
import sys

FAILURES = []


def check(condition, message):
    """Counts a failure and goes on, so that one run shows all of them."""
    if not condition:
        FAILURES.append(message)
        if len(FAILURES) <= 40:
            print("FAIL:", message, file=sys.stderr)


def finish(done):
    print(f"{done}; {len(FAILURES)} failures")
    sys.exit(1 if FAILURES else 0)


def run(impscan, *arguments, status=(0,), stdin=None):
    """impscan's standard output and error; its exit code must be one of `status`."""
    result = subprocess.run([impscan, *map(str, arguments)], capture_output=True, timeout=600,
                            input=stdin.encode() if stdin is not None else None, check=False)
    out, err = result.stdout.decode(), result.stderr.decode()
    check(result.returncode in status,
          f"impscan {' '.join(map(str, arguments))}: exit {result.returncode}, not {status}: "
          f"{err.strip()[-300:]}")
    return out, err


def rows(impscan, image, *arguments):
    out, _ = run(impscan, "-f", image, "-q", "-o", "jsonl", *arguments, status=(0, 1))
    return [json.loads(line) for line in out.split("\n") if line]


def printable(name):
    """A name of the truth file as UTF-8 can hold it: lone surrogates are replaced."""
    return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in name)


def imphash(imports):
    return hashlib.md5(",".join(imports).encode()).hexdigest() if imports else None


def load_libfuzzy():
    """fuzzy_hash_buf() as a function of bytes; None where libfuzzy has no shared library."""
    name = ctypes.util.find_library("fuzzy")
    if not name:
        return None
    library = ctypes.CDLL(name)

    def hash_bytes(data):
        result = ctypes.create_string_buffer(148)
        library.fuzzy_hash_buf(data, ctypes.c_uint32(len(data)), result)
        return result.value.decode()

    return hash_bytes


FUZZY = load_libfuzzy()


def impfuzzy(imports):
    return FUZZY(",".join(imports).encode()) if imports and FUZZY else None
