"""Page maps that lead nowhere, at length."""

import struct

from hostile.cases import case


def no_kernel(status, out, err):
    return None if status == 2 and "no Windows kernel found" in err else f"said: {err.strip()}"


@case("page_maps.eight_tables", "--info", expect=no_kernel)
def eight_tables(tools):
    """A PML4 whose kernel half leads to eight tables that lead to one another."""
    path = tools.folder / "eight_tables.raw"
    with open(path, "wb") as file:
        for page in range(256):
            entries = [0] * 512
            if page == 16:
                for i in range(256, 512):
                    entries[i] = (32 + i % 8) << 12 | 0x63
                entries[0x1ed] = 16 << 12 | 0x63
            elif 32 <= page < 40:
                entries = [(32 + (i * 7 + page) % 8) << 12 | 0x63 for i in range(512)]
            file.write(struct.pack("<512Q", *entries))
    return [path]
