# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Wine's programs are."""

import shutil


def find(*names):
    """A program of Wine's: Debian has them outside of PATH."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/lib/wine")
        if found:
            return found
    return None
