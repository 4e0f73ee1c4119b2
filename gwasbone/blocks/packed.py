"""Hard calls as PLINK 1 packs them: four people to a byte, read in place, counted without decoding.

A pair of bits is a call: 00 two copies of A1 (= ALT), 10 one, 11 none, 01 missing. Rows of m
variants are held as (m, w) uint64 words of 32 people each, so that counts are a few operations on
words (popcount) and only the products with covariates and traits need numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gwasbone.ranges import RangeReader, absolute

if TYPE_CHECKING:
    from scipy import sparse

Words = npt.NDArray[np.uint64]

PEOPLE_PER_WORD = 32
_LOW = np.uint64(0x5555555555555555)
_ONE, _THREE = np.uint64(1), np.uint64(3)
_FOURS, _BYTES = np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_COUNTED_IN_BYTES = 255
#: Calls of people are counted in strips of so many words, 16,384 people.
_STRIP_WORDS = 512
#: Words handled together, whose intermediate results stay in the processor's cache.
_WORDS_TOGETHER = 16_384
_HEADER_BYTES = 3


@dataclass(frozen=True)
class PackedBed:
    """A SNP-major .bed file.

    Parameters
    ----------
    path : the file or its URL, checked before (magic number, size).
    n_people : people in it.
    """

    path: str | Path
    n_people: int

    def __reduce__(self) -> tuple[type[PackedBed], tuple[str | Path, int]]:
        return PackedBed, (absolute(self.path), self.n_people)

    @cached_property
    def _bytes(self) -> RangeReader:
        """Opened once for all blocks."""
        return RangeReader(self.path)

    def rows(self, rows: npt.NDArray[np.integer], columns: PeopleColumns) -> Words:
        """(len(rows), w) packed calls of some variants, only the bytes that ``columns`` needs."""
        width = (self.n_people + 3) // 4
        taken = self._bytes.rows(_HEADER_BYTES, width, rows)
        if columns.bytes_used is not None:
            taken = taken[:, columns.bytes_used]
        words = np.empty((len(rows), columns.n_words), dtype=np.uint64)
        words[:, -1:] = 0
        words.view(np.uint8)[:, : taken.shape[1]] = taken
        return words


@dataclass(frozen=True)
class PeopleColumns:
    """Where the samples of an analysis are within packed rows.

    Parameters
    ----------
    bytes_used : indices of the bytes of a row that hold somebody; None for all of them.
    slots : (n,) for each person the place among the people that words hold.
    n_words : words per row.
    """

    bytes_used: npt.NDArray[np.intp] | None
    slots: npt.NDArray[np.intp]
    n_words: int

    @classmethod
    def of(cls, positions: npt.NDArray[np.integer], *, n_people: int) -> PeopleColumns:
        """For people at these positions (rising) of a file of ``n_people``.

        Where few people are wanted, bytes without any of them are left out on reading.
        """
        width = (n_people + 3) // 4
        needed = np.unique(np.asarray(positions) // 4)
        if 2 * len(needed) > width:
            return cls(None, np.asarray(positions, dtype=np.intp), -(-width // 8))
        place = np.zeros(width, dtype=np.intp)
        place[needed] = np.arange(len(needed))
        slots = 4 * place[positions // 4] + positions % 4
        return cls(needed.astype(np.intp), slots.astype(np.intp), -(-len(needed) // 8))

    @property
    def n_slots(self) -> int:
        """People that a row of words holds."""
        return self.n_words * PEOPLE_PER_WORD

    def mask(self, people: npt.NDArray[np.bool_]) -> Words:
        """(w,) a word mask with the low bit of each pair set for the samples that are True."""
        bits = np.zeros(self.n_words * PEOPLE_PER_WORD, dtype=np.uint64)
        bits[self.slots[people]] = 1
        shifts = np.arange(PEOPLE_PER_WORD, dtype=np.uint64) * np.uint64(2)
        mask: Words = np.bitwise_or.reduce(bits.reshape(-1, PEOPLE_PER_WORD) << shifts, axis=1)
        return mask


@dataclass(frozen=True)
class CallCounts:
    """Calls of m variants among some samples: (m,) each."""

    het: npt.NDArray[np.int64]
    hom_alt: npt.NDArray[np.int64]
    hom_ref: npt.NDArray[np.int64]

    @property
    def called(self) -> npt.NDArray[np.int64]:
        return self.het + self.hom_alt + self.hom_ref

    @property
    def alt(self) -> npt.NDArray[np.int64]:
        """Copies of ALT."""
        return self.het + 2 * self.hom_alt

    def exchanged(self, rows: npt.NDArray[np.bool_]) -> CallCounts:
        """Counts with the other allele counted in some rows, (m,) bool."""
        return CallCounts(
            het=self.het,
            hom_alt=np.where(rows, self.hom_ref, self.hom_alt),
            hom_ref=np.where(rows, self.hom_alt, self.hom_ref),
        )


def count_calls(words: Words, mask: Words, n_people: int) -> CallCounts:
    """Count genotypes among the samples of a mask (see :meth:`PeopleColumns.mask`)."""
    m = len(words)
    n_low, n_high, both = (np.empty(m, dtype=np.int64) for _ in range(3))
    for rows in _tiles(words):
        tile = words[rows]
        high = tile >> _ONE
        high &= mask
        low = tile & mask
        n_low[rows], n_high[rows] = _bits(low), _bits(high)
        low &= high
        both[rows] = _bits(low)  # 11: no copy of ALT
    missing = n_low - both
    het = n_high - both
    return CallCounts(het=het, hom_alt=n_people - both - missing - het, hom_ref=both)


def _tiles(words: Words) -> Iterator[slice]:
    """Rows that are handled together."""
    per_tile = max(1, _WORDS_TOGETHER // max(1, words.shape[1]))
    return (slice(top, top + per_tile) for top in range(0, len(words), per_tile))


def _bits(words: Words) -> npt.NDArray[np.uint32]:
    """(m,) bits set in each row."""
    counts: npt.NDArray[np.uint32] = np.bitwise_count(words).sum(axis=1, dtype=np.uint32)
    return counts


def without_het(words: Words, mask: Words) -> Words:
    """Heterozygous calls of the samples of a mask become missing (men on X)."""
    low, high = words & _LOW, (words >> _ONE) & _LOW
    het = high & ~low & mask
    return words ^ (het * _THREE)


def only_of(words: Words, mask: Words) -> Words:
    """Calls of all samples but the samples of a mask become missing (men on Y)."""
    return (words & (mask * _THREE)) | (~mask & _LOW)


def swap_alleles(words: Words, rows: npt.NDArray[np.bool_]) -> Words:
    """Count the other allele in some rows: 00 and 11 change places, 10 and 01 stay."""
    if not rows.any():
        return words
    swapped = words.copy()
    part = words[rows]
    homozygous = ~(part ^ (part >> _ONE)) & _LOW
    swapped[rows] = part ^ (homozygous * _THREE)
    return swapped


# A byte holds four calls: decoding is a gather of 16-byte elements, four float32 at a time.
_COPIES = np.array([2, 0, 1, 0], dtype=np.float32)


def _gather_table(values: npt.NDArray[np.float32]) -> npt.NDArray[np.complex128]:
    """For each byte, ``values`` of its four calls as one 16-byte element."""
    table = np.stack([values[(np.arange(256) >> (2 * i)) & 3] for i in range(4)], axis=1)
    return np.ascontiguousarray(table).view(np.complex128).ravel()


_GATHER = _gather_table(_COPIES)
_GATHER_SQUARES = _gather_table(_COPIES**2)


def decode(packed: npt.NDArray[np.uint8], *, squares: bool = False) -> npt.NDArray[np.float32]:
    """(m, b) bytes -> (m, 4b) copies of ALT, or their squares, missing as 0."""
    return (_GATHER_SQUARES if squares else _GATHER)[packed].view(np.float32)


def multiply(
    words: Words,
    W: npt.NDArray[np.floating],
    *,
    squares: bool = False,
    tile_rows: int = 64,
    tile_bytes: int = 1250,
) -> npt.NDArray[np.float64]:
    """G @ W for packed calls G (m, slots), or their squares, missing as 0, and W (slots, c).

    Tiles are decoded within the processor's cache and multiplied in the precision of W (float32,
    where float64 is not needed); sums over tiles of people are float64, so the error does not
    grow with the number of people.
    """
    packed = words.view(np.uint8)
    result = np.zeros((len(words), W.shape[1]))
    for top in range(0, len(words), tile_rows):
        rows = slice(top, top + tile_rows)
        for left in range(0, packed.shape[1], tile_bytes):
            G = decode(packed[rows, left : left + tile_bytes], squares=squares)
            result[rows] += G @ W[4 * left : 4 * left + G.shape[1]]
    return result


def multiply_transposed(
    words: Words,
    S: npt.NDArray[np.floating],
    *,
    tile_rows: int = 512,
    tile_bytes: int = 128,
) -> npt.NDArray[np.float64]:
    """(slots, c) G' @ S for packed calls G (m, slots), missing as 0, and S (m, c).

    As :func:`multiply`: in the precision of S within tiles, float64 over tiles of variants.
    """
    packed = words.view(np.uint8)
    result = np.zeros((4 * packed.shape[1], S.shape[1]))
    for left in range(0, packed.shape[1], tile_bytes):
        for top in range(0, len(words), tile_rows):
            G = decode(packed[top : top + tile_rows, left : left + tile_bytes])
            G = G.astype(S.dtype, copy=False)
            result[4 * left : 4 * left + G.shape[1]] += G.T @ S[top : top + tile_rows]
    return result


def missing_places(
    words: Words, mask: Words
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and slot, in order, of each missing call of the samples of a mask."""
    where, what = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    for rows in _tiles(words):
        missing = words[rows] >> _ONE
        np.bitwise_not(missing, out=missing)
        missing &= words[rows]
        missing &= mask
        found = np.flatnonzero(missing)
        where.append(found + rows.start * words.shape[1])
        what.append(missing.ravel()[found])
    word, left = np.concatenate(where), np.concatenate(what)
    places = [np.zeros(0, dtype=np.int64)]
    while len(word):
        # missing calls are few: one is taken off each word that has any, until none has
        lowest = left & (~left + _ONE)
        places.append(word * PEOPLE_PER_WORD + np.bitwise_count(lowest - _ONE) // 2)
        left = left ^ lowest
        word, left = word[left != 0], left[left != 0]
    n_slots = max(1, words.shape[1] * PEOPLE_PER_WORD)
    row, slot = np.divmod(np.sort(np.concatenate(places)), n_slots)
    return row, slot


def missing_calls(words: Words, mask: Words) -> sparse.csr_array | None:
    """(m, slots) 1 where the call of a sample of the mask is missing; None where none is."""
    row, slot = missing_places(words, mask)
    if len(row) == 0:
        return None
    from scipy import sparse  # a tenth of a second that pruning and exact components do not need

    indptr = np.searchsorted(row, np.arange(len(words) + 1))
    ones = np.ones(len(row), dtype=np.float32)
    return sparse.csr_array(
        (ones, slot, indptr), shape=(len(words), words.shape[1] * PEOPLE_PER_WORD)
    )


@dataclass(frozen=True)
class CallTally:
    """Calls of m variants and of the samples of a mask, counted in one pass over both.

    Parameters
    ----------
    counts : per variant.
    n_het : (slots,) variants at which a person's call is heterozygous.
    missing_row, missing_slot : row and slot, in order, of each missing call.
    """

    counts: CallCounts
    n_het: npt.NDArray[np.int64]
    missing_row: npt.NDArray[np.int64]
    missing_slot: npt.NDArray[np.int64]

    @classmethod
    def of(cls, words: Words, people: Words, n_people: int) -> CallTally:
        """Of (m, w) packed calls and a mask of ``n_people``."""
        m, n_slots = len(words), words.shape[1] * PEOPLE_PER_WORD
        n_low, n_high, both = (np.zeros(m, dtype=np.int64) for _ in range(3))
        n_het = np.zeros(n_slots, dtype=np.int64)
        for first in range(0, words.shape[1], _STRIP_WORDS):
            strip = slice(first, first + _STRIP_WORDS)
            mask, part = people[strip], words[:, strip]
            in_bytes = np.zeros(4 * part.shape[1], dtype=np.uint64)
            per_tile = _rows_added_together(part.shape[1])
            added = 0
            for top in range(0, m, per_tile):
                rows = slice(top, top + per_tile)
                tile = part[rows]
                het = tile >> _ONE
                het &= mask
                low = tile & mask
                n_low[rows] += _bits(low)
                n_high[rows] += _bits(het)
                low &= het
                both[rows] += _bits(low)
                het ^= low
                if added + len(tile) > _COUNTED_IN_BYTES:
                    n_het[first * PEOPLE_PER_WORD :][: 8 * len(in_bytes)] += _by_person(in_bytes)
                    in_bytes[:], added = 0, 0
                in_bytes += _sums_in_bytes(het)
                added += len(tile)
            n_het[first * PEOPLE_PER_WORD :][: 8 * len(in_bytes)] += _by_person(in_bytes)
        n_missing, het_of_row = n_low - both, n_high - both
        counts = CallCounts(het_of_row, n_people - both - n_missing - het_of_row, both)
        some = np.flatnonzero(n_missing)
        row, slot = missing_places(words[some] if len(some) < m else words, people)
        return cls(counts, n_het, some[row], slot)

    def sums(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(k, slots) sums over variants of weights (k, m) where a person's call is not missing."""
        n_slots = len(self.n_het)
        row, slot = self.missing_row, self.missing_slot
        absent = [np.bincount(slot, weight[row], n_slots) for weight in weights]
        sums: npt.NDArray[np.float64] = weights.sum(axis=1)[:, None] - absent
        return sums


def _rows_added_together(n_words: int) -> int:
    """Rows, a multiple of 15, whose intermediate results stay in the processor's cache."""
    together = _WORDS_TOGETHER // (15 * max(1, n_words))
    return 15 * min(_COUNTED_IN_BYTES // 15, max(1, together))


def _sums_in_bytes(bits: Words) -> Words:
    """(4 w,) sums over rows, at most 255, of the low bits of pairs, a byte for each person.

    Bits are added within words: those of 3 rows fit in the 2 bits of a person, those of 15 in 4
    bits and of 255 in 8, for which the people of a word are parted among 2, then 4 words.
    """
    fours = _added(_split(_added(bits, 3), _FOURS, 2), 5)
    eights = _split(fours, _BYTES, 4)
    sums: Words = eights.sum(axis=0, dtype=np.uint64)
    return sums


def _by_person(in_bytes: Words) -> npt.NDArray[np.uint8]:
    """(slots,) what :func:`_sums_in_bytes` counted."""
    # of a word's people those of a byte are neighbours: the upper half of 8, then of 4 bits
    parts = in_bytes.reshape(2, 2, -1).view(np.uint8).reshape(2, 2, -1, 8)
    return parts.transpose(2, 3, 0, 1).ravel()


def _added(words: Words, n: int) -> Words:
    """Sums of every n rows."""
    whole = len(words) // n
    sums = np.empty((-(-len(words) // n), words.shape[1]), dtype=np.uint64)
    words[: whole * n].reshape(whole, n, words.shape[1]).sum(axis=1, out=sums[:whole])
    if whole < len(sums):
        words[whole * n :].sum(axis=0, out=sums[whole])
    return sums


def _split(words: Words, mask: np.uint64, shift: int) -> Words:
    """(rows, 2 w) the lower half of each field of bits in words of their own, then the upper."""
    parts: Words = np.concatenate([words & mask, (words >> np.uint64(shift)) & mask], axis=1)
    return parts
