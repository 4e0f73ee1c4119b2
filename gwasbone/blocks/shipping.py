"""gwasbone as one zip of Python files, for machines where it is not installed."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import gwasbone

#: The date of every file in the zip, so that equal code makes equal bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def package_zip(folder: Path) -> Path:
    """Write the package's modules to ``gwasbone-<hash>.zip`` in a folder, and say where.

    Tables and pictures under ``resources`` are left out: no kernel reads them.
    """
    home = Path(str(gwasbone.__file__)).parent
    sources = sorted(path for path in home.rglob("*.py") if path.is_file())
    contents = [(path.relative_to(home.parent).as_posix(), path.read_bytes()) for path in sources]
    digest = hashlib.sha256(b"".join(name.encode() + text for name, text in contents)).hexdigest()
    target = folder / f"gwasbone-{digest[:12]}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents:
            archive.writestr(zipfile.ZipInfo(name, _DATE), text)
    return target
