"""A ``.npy`` file of images that grows at its end."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gwasbone.errors import InputError
from gwasbone.images.grey import Levels
from gwasbone.images.journal import flush_to_disk

#: NumPy leaves room in the header for the first length to grow, so its size does not change.
_HEADER_BYTES = 128


@dataclass(frozen=True)
class ArrayFile:
    """A file of images of one size and data type.

    Parameters
    ----------
    path : of the file.
    height, width : of an image in pixels.
    dtype : of a pixel.
    """

    path: Path
    height: int
    width: int
    dtype: np.dtype[Any]

    def append(self, images: Sequence[Levels], *, n_before: int) -> None:
        """Write images behind the first ``n_before`` and flush them to disk.

        What lies behind those was never entered into the index, and is overwritten. On failure
        the file is cut back to ``n_before`` images.
        """
        self.path.touch()
        try:
            with open(self.path, "r+b") as handle:
                handle.seek(self._bytes(n_before))
                for image in images:
                    handle.write(np.ascontiguousarray(image, self.dtype).data)
                handle.truncate()
                handle.seek(0)
                handle.write(self._header(n_before + len(images)))
                handle.flush()
                flush_to_disk(handle.fileno())
        except OSError:
            self.cut_back(n_before)
            raise

    def cut_back(self, n: int) -> None:
        """Leave the first ``n`` images and a header that says so."""
        if not self.path.exists():
            return
        os.truncate(self.path, min(self.path.stat().st_size, self._bytes(n)))
        with open(self.path, "r+b") as handle:
            handle.write(self._header(n))

    def check(self, n: int) -> None:
        """Raise where the file holds fewer images than ``n``, or others."""
        if n == 0:
            return
        needed = self._bytes(n)
        got = self.path.stat().st_size if self.path.exists() else 0
        if got < needed:
            raise InputError(
                f"expected {n:,} images of {self.height} × {self.width} in {self.path} "
                f"({needed:,} bytes), it has {got:,} bytes: the cache is damaged, build it anew "
                "with --force"
            )
        with open(self.path, "rb") as handle:
            start = handle.read(_HEADER_BYTES)
        # the count alone changes while a cache is extended
        if _without_count(start) != _without_count(self._header(n)):
            raise InputError(
                f"expected images of {self.height} × {self.width} {self.dtype.name} in "
                f"{self.path}, it has others: the cache is damaged, build it anew with --force"
            )

    def mapped(self, n: int) -> Levels:
        """(n, height, width) read-only map of the first ``n`` images.

        Raises
        ------
        InputError
            The file is shorter than that, or holds other images.
        """
        if n == 0:
            return np.empty((0, self.height, self.width), self.dtype)
        self.check(n)
        shape = (n, self.height, self.width)
        return np.memmap(self.path, self.dtype, "r", offset=_HEADER_BYTES, shape=shape)

    def _bytes(self, n: int) -> int:
        return _HEADER_BYTES + n * self.height * self.width * self.dtype.itemsize

    def _header(self, n: int) -> bytes:
        text = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            text,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (n, self.height, self.width),
            },
        )
        assert len(text.getvalue()) == _HEADER_BYTES
        return text.getvalue()


def _without_count(header: bytes) -> bytes:
    return re.sub(rb"\(\d+, ", b"(n, ", header).rstrip()
