"""A ``.npy`` file of pictures that grows at its end."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.images.journal import flush_to_disk

#: NumPy leaves room in the header for the first length to grow, so its size does not change.
_HEADER_BYTES = 128


def append_rows(path: Path, pictures: Sequence[npt.NDArray[np.uint8]], *, n_before: int) -> None:
    """Write pictures behind the first ``n_before`` of the file and flush them to disk.

    What lies behind those was never entered into the index, and is overwritten. On failure the
    file is cut back to ``n_before`` pictures.
    """
    height, width = pictures[0].shape
    start = _HEADER_BYTES + n_before * height * width
    path.touch()
    try:
        with open(path, "r+b") as handle:
            handle.seek(start)
            for picture in pictures:
                handle.write(np.ascontiguousarray(picture).data)
            handle.truncate()
            handle.seek(0)
            handle.write(_header(n_before + len(pictures), height, width))
            handle.flush()
            flush_to_disk(handle.fileno())
    except OSError:
        cut_back(path, n_before, height, width)
        raise


def cut_back(path: Path, n: int, height: int, width: int) -> None:
    """Leave the first ``n`` pictures and a header that says so."""
    if not path.exists():
        return
    os.truncate(path, min(path.stat().st_size, _HEADER_BYTES + n * height * width))
    with open(path, "r+b") as handle:
        handle.write(_header(n, height, width))


def check_rows(path: Path, n: int, height: int, width: int) -> None:
    """Raise where a file holds fewer pictures than the index says."""
    needed = _HEADER_BYTES + n * height * width
    got = path.stat().st_size if path.exists() else 0
    if n and got < needed:
        raise InputError(
            f"expected {n:,} pictures of {height} × {width} in {path} ({needed:,} bytes), it has "
            f"{got:,} bytes: the cache is damaged, build it anew with --force"
        )


def mapped(path: Path, n: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """(n, height, width) read-only map of the first ``n`` pictures.

    Raises
    ------
    InputError
        The file is shorter than that.
    """
    if n == 0:
        return np.empty((0, height, width), np.uint8)
    check_rows(path, n, height, width)
    return np.memmap(path, np.uint8, "r", offset=_HEADER_BYTES, shape=(n, height, width))


def _header(n: int, height: int, width: int) -> bytes:
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        text, {"descr": "|u1", "fortran_order": False, "shape": (n, height, width)}
    )
    assert len(text.getvalue()) == _HEADER_BYTES
    return text.getvalue()
