"""Packed calls as planes of bits, and the sums of a pair of variants by counting bits.

A call counts −1, 0 or 1 (copies of ALT less one). Three planes of bits hold a variant: ``hom``
(the call is −1 or 1), ``minus`` (it is −1) and ``called``. All sums over the people called at two
variants are then counts of bits of a few logical products, whole numbers without rounding.
People that count more than once stand in further segments of the planes: segment b holds those
whose weight has bit b, and counts 2ᵇ times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.bit_counts import SUM_WORDS, plane_words_together, popcount
from gwasbone.blocks.compiled import compiled
from gwasbone.blocks.packed import PEOPLE_PER_WORD, PeopleColumns, Words
from gwasbone.errors import UsageError

_LOW = np.uint64(0x5555555555555555)
_HIGH = np.uint64(0xAAAAAAAAAAAAAAAA)
_ONE = np.uint64(1)
_NOTHING = np.uint64(0)

# Rows of planes are whole vectors of the widest units (512 bits), so that no loop has a remainder.
_WORDS_PER_VECTOR = 8


class PackedRows(Protocol):
    """Packed calls of variants, read when asked for: an array, or a file that need not fit."""

    @property
    def columns(self) -> PeopleColumns: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | npt.NDArray[np.intp], /) -> Words: ...


@dataclass(frozen=True)
class PackedArray:
    """Packed calls that are held.

    Parameters
    ----------
    words : (m, w) see :mod:`gwasbone.blocks.packed`.
    columns : where the people are in them.
    """

    words: Words
    columns: PeopleColumns

    @classmethod
    def of(cls, G: npt.ArrayLike) -> PackedArray:
        """Of (m, n) copies of ALT 0, 1, 2; any negative number, or NaN, is missing."""
        calls = np.asarray(G)
        m, n = calls.shape
        columns = PeopleColumns.of(np.arange(n), n_people=n)
        code = np.select([calls == 0, calls == 1, calls == 2], [3, 2, 0], default=1)
        wide = np.zeros((m, columns.n_words * PEOPLE_PER_WORD), dtype=np.uint64)
        wide[:, columns.slots] = code
        shifts = np.arange(PEOPLE_PER_WORD, dtype=np.uint64) * np.uint64(2)
        words = np.bitwise_or.reduce(
            wide.reshape(m, columns.n_words, PEOPLE_PER_WORD) << shifts, axis=2
        )
        return cls(words, columns)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: slice | npt.NDArray[np.intp], /) -> Words:
        return self.words[rows]


@dataclass(frozen=True)
class PeopleWeights:
    """Who counts, and how often, as masks over planes.

    Parameters
    ----------
    masks : (segments, words) bits of the people of a segment.
    scale : (segments,) how often its people count.
    """

    masks: Words
    scale: npt.NDArray[np.int64]

    @classmethod
    def of(cls, columns: PeopleColumns, weights: npt.ArrayLike | None = None) -> PeopleWeights:
        """Of (n,) whole numbers ≥ 0, the times each sample counts; 1 by default.

        Raises
        ------
        UsageError
            Another length, or numbers that are not whole or are negative.
        """
        n = len(columns.slots)
        given = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
        if given.shape != (n,) or (given < 0).any() or (given != np.rint(given)).any():
            raise UsageError(f"weights: expected {n} whole numbers >= 0, one for each sample")
        whole = given.astype(np.int64)
        bits = [b for b in range(int(whole.max(initial=1)).bit_length()) if (whole >> b & 1).any()]
        pairs = [columns.mask((whole >> b & 1).astype(bool)) for b in bits or [0]]
        masks = np.stack([_interleaved(mask) for mask in pairs])
        return cls(masks, np.array([1 << b for b in bits or [0]], dtype=np.int64))


def _interleaved(mask: Words) -> Words:
    """Mask of the low bits of pairs -> mask of planes, where two words of samples share one."""
    even = np.zeros(2 * _plane_words(len(mask)), dtype=np.uint64)
    even[: len(mask)] = mask
    joined: Words = even[0::2] | (even[1::2] << _ONE)
    return joined


def _plane_words(n_words: int) -> int:
    return -(-n_words // (2 * _WORDS_PER_VECTOR)) * _WORDS_PER_VECTOR


@dataclass(frozen=True)
class Planes:
    """Planes of m variants, each in a row of words after its sums over the samples called.

    Parameters
    ----------
    rows : (m, 8 + 3·segments·w) uint64: n, Σx, Σx² (x being calls less one), a bit for each place
        (a 64th of the people) where calls are missing and how many are, then for each segment
        ``hom``, ``minus`` and ``called``, w words each.
    scale : (segments,) how often the people of a segment count.
    """

    rows: Words
    scale: npt.NDArray[np.int64]

    @classmethod
    def of(cls, words: Words, people: PeopleWeights) -> Planes:
        """Of (m, w) packed calls."""
        rows = np.empty((len(words), SUM_WORDS + 3 * people.masks.size), dtype=np.uint64)
        _fill(words, people.masks, people.scale, rows)
        return cls(rows, people.scale)

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """(m,) samples called."""
        return self.rows[:, 0].view(np.int64)

    @property
    def total(self) -> npt.NDArray[np.int64]:
        """(m,) sum of calls less one."""
        return self.rows[:, 1].view(np.int64)

    @property
    def squares(self) -> npt.NDArray[np.int64]:
        """(m,) sum of squares of calls less one."""
        return self.rows[:, 2].view(np.int64)

    @property
    def varies(self) -> npt.NDArray[np.bool_]:
        """(m,) whether calls of a variant differ."""
        return self.n * self.squares > self.total**2

    @property
    def frequency(self) -> npt.NDArray[np.float64]:
        """(m,) of ALT among the samples called, NaN where there are none."""
        with np.errstate(invalid="ignore"):
            alt: npt.NDArray[np.float64] = (self.total + self.n) / (2 * self.n)
        return alt

    def take(self, rows: slice | npt.NDArray[np.intp]) -> Planes:
        """Some of the variants."""
        return Planes(self.rows[rows], self.scale)

    def followed_by(self, other: Planes) -> Planes:
        """These variants and then the others, of the same samples."""
        return Planes(np.concatenate([self.rows, other.rows]), self.scale)


@compiled
def _fill(words: Words, masks: Words, scale: npt.NDArray[np.int64], rows: Words) -> None:
    segments, width = masks.shape
    n_words, together = words.shape[1], plane_words_together(width)
    for i in range(len(words)):
        n, total, squares, lacking, places = 0, 0, 0, 0, _NOTHING
        for k in range(width):
            first = words[i, 2 * k] if 2 * k < n_words else _NOTHING
            second = words[i, 2 * k + 1] if 2 * k + 1 < n_words else _NOTHING
            low = (first & _LOW) | ((second & _LOW) << _ONE)
            high = ((first >> _ONE) & _LOW) | (second & _HIGH)
            for b in range(segments):
                mask = masks[b, k]
                hom, minus, called = ~(low ^ high) & mask, low & high & mask, (high | ~low) & mask
                at = SUM_WORDS + 3 * b * width + k
                rows[i, at], rows[i, at + width], rows[i, at + 2 * width] = hom, minus, called
                n += scale[b] * popcount(called)
                total += scale[b] * (popcount(hom) - 2 * popcount(minus))
                squares += scale[b] * popcount(hom)
                if called != mask:
                    lacking += scale[b] * popcount(mask & ~called)
                    places |= _ONE << np.uint64(k // together)
        rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3] = n, total, squares, places
        rows[i, 4], rows[i, 5:SUM_WORDS] = lacking, 0
