# SPDX-License-Identifier: GPL-3.0-or-later
"""ssdeep hashes by libfuzzy's shared library, which is called directly."""

import ctypes

try:
    LIBRARY = ctypes.CDLL("libfuzzy.so.2")
except OSError:
    LIBRARY = None  # it is not installed


def ssdeep(data):
    if not data:
        return ""
    result = ctypes.create_string_buffer(148 + 1)
    if LIBRARY.fuzzy_hash_buf(data, ctypes.c_uint32(len(data)), result) != 0:
        raise RuntimeError("fuzzy_hash_buf")
    return result.value.decode()


def compare(first, second):
    """The score of two hashes, 0 to 100."""
    return LIBRARY.fuzzy_compare(first.encode(), second.encode())
