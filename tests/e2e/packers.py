# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of (name, bytes): what they are made by is Python's, or a tool where it is installed."""

import io
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile

from image_truth import skip


def zip_of(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tar_of(members, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def seven_zip_of(folder, members, *options):
    """Files packed together, as 7z does by default, or None where it is not installed."""
    if not shutil.which("7z"):
        skip("7-Zip archives of several files: 7z is not installed")
        return None
    with tempfile.TemporaryDirectory(dir=folder) as place:
        place = pathlib.Path(place)
        for name, data in members:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        subprocess.run(["7z", "a", "-mx=1", "-ms=on", *options, "made.7z",
                        *(name for name, _ in members)], check=True, stdout=subprocess.DEVNULL,
                       cwd=place)
        return (place / "made.7z").read_bytes()
