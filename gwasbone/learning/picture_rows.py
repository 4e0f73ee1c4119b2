"""Pictures as a network takes them: some rows of many, at a smaller size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.errors import UsageError
from gwasbone.learning.backend import Rows

#: Pictures that fit into so many bytes at their final size are reduced once and held in memory.
HELD_BYTES = 2_000_000_000
_ROWS_AT_ONCE = 64


class ReducedPictures:
    """Rows of other images, reduced to a smaller size by the mean over areas as they are read.

    Parameters
    ----------
    pictures : (M, h, w, c), an array or read from disk. What is uint8 stays so; other types (16
        bits, floats) are given as float32.
    rows : (N,) which of them.
    height, width : of what is given, at most h and w. A pixel that lies in two areas counts in
        each by its share.

    Raises
    ------
    UsageError
        A size larger than the images'.

    Examples
    --------
    >>> coarse = ReducedPictures(np.full((1, 4, 4, 1), 9, np.uint8), np.array([0, 0]), 2, 2)
    >>> coarse.shape, coarse[:1].max()
    ((2, 2, 2, 1), np.uint8(9))
    """

    def __init__(
        self, pictures: Rows, rows: npt.NDArray[np.integer], height: int, width: int
    ) -> None:
        _, full_height, full_width, self._channels = pictures.shape
        if height > full_height or width > full_width:
            raise UsageError(
                f"images: expected a size of at most {full_height} × {full_width}, which the "
                f"cache has, got {height} × {width}: choose a smaller --size"
            )
        self._pictures, self._rows = pictures, np.asarray(rows)
        self._same = (height, width) == (full_height, full_width)
        self._down = areas(full_height, height)
        self._across = areas(full_width, width)
        self.shape = (len(self._rows), height, width, self._channels)
        self.dtype = np.dtype(network_pixels(getattr(pictures, "dtype", np.dtype(np.uint8))))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: Any, /) -> npt.NDArray[Any]:
        """(k, height, width, c) of a slice, numbers or a mask."""
        rows = self._rows[which]
        # in the order of the file, each once
        distinct, place = np.unique(rows, return_inverse=True)
        found: npt.NDArray[Any] = self._reduced(distinct)[place]
        return found

    def held(self) -> npt.NDArray[Any] | ReducedPictures:
        """All of them as an array, where they fit into :data:`HELD_BYTES`; else themselves."""
        size = np.prod(self.shape, dtype=float) * self.dtype.itemsize
        return self[:] if size <= HELD_BYTES else self

    def _reduced(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[Any]:
        made = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            pictures = np.asarray(self._pictures[rows[part]])
            if not self._same:
                # one matrix product per side; (k, h, w, c) -> (k, H, w, c) -> (k, H, W, c)
                x = np.tensordot(pictures.astype(np.float32), self._down, ((1,), (1,)))
                x = np.tensordot(x, self._across, ((1,), (1,)))
                pictures = x.transpose(0, 2, 3, 1)
                pictures = np.rint(pictures) if self.dtype == np.uint8 else pictures
            made[part] = pictures
        return made


def network_pixels(dtype: npt.DTypeLike) -> str:
    """The type in which images of a cache's type are given to a network.

    >>> network_pixels("uint8"), network_pixels("uint16")
    ('uint8', 'float32')
    """
    return "uint8" if np.dtype(dtype) == np.uint8 else "float32"


def reduced_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Height and width whose longer side is ``longer``, in the proportions of an image.

    >>> reduced_size(539, 185, 300)
    (300, 103)
    """
    share = longer / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))


def areas(full: int, small: int) -> npt.NDArray[np.float32]:
    """(small, full) what each of ``full`` pixels counts in each of ``small`` areas.

    Rows sum to one.
    """
    edges = np.arange(small + 1) * full / small
    pixels = np.arange(full)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
