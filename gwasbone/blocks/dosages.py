"""Blocks of dosages, as genotype imputation gives them.

A dosage is held in units of its file's probabilities, as a whole number of which ``top`` make two
copies: 510 where probabilities have 8 bits, 131,070 where they have 16. float32 holds these
exactly, so sums are exact and whether everybody has the same dosage needs no tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from gwasbone.blocks.compiled import compiled
from gwasbone.blocks.genotypes import GenotypeSums

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: People of whom products are summed in float32; sums over such tiles are float64.
_TILE_PEOPLE = 4096
#: Variants whose squares are held at a time.
_TILE_VARIANTS = 64


@dataclass(frozen=True)
class DosageLayout:
    """The n samples of an analysis, each in the place of its number: see ``PeopleLayout``."""

    n: int

    @property
    def n_slots(self) -> int:
        """Places in a row."""
        return self.n

    @cached_property
    def slots(self) -> npt.NDArray[np.intp]:
        """(n,) for each sample the place in a row."""
        return np.arange(self.n)

    def mask(self, people: BoolArray) -> npt.NDArray[np.float32]:
        """(n,) 1 for the samples that are True."""
        return people.astype(np.float32)


@dataclass(frozen=True)
class DosageBlock:
    """Dosages of m variants as a :class:`~gwasbone.blocks.genotypes.GenotypeBlock`.

    Parameters
    ----------
    units : (m, n) of the counted allele, 0 where missing.
    top : (m,) units that make two copies.
    swapped : (m,) where REF is counted, being the rarer allele.
    missing : (m, n) 1 where a dosage is missing; None where none is.
    """

    units: npt.NDArray[np.float32]
    top: FloatArray
    swapped: BoolArray
    missing: sparse.csr_array | None

    @classmethod
    def joined(
        cls, parts: Sequence[tuple[npt.NDArray[np.intp], DosageBlock]], *, n: int
    ) -> DosageBlock:
        """A block of blocks of the same n people, each with the rows it fills."""
        m = sum(len(here) for here, _ in parts)
        units, top = np.empty((m, n), dtype=np.float32), np.ones(m)
        swapped, order = np.zeros(m, dtype=bool), np.zeros(m, dtype=np.intp)
        absent, at = [], 0
        for here, block in parts:
            units[here], top[here], swapped[here] = block.units, block.top, block.swapped
            none = sparse.csr_array((len(here), n), dtype=np.float32)
            absent.append(none if block.missing is None else block.missing)
            order[here] = np.arange(at, at + len(here))
            at += len(here)
        missing = sparse.csr_array(sparse.vstack(absent, format="csr"))[order] if absent else None
        return cls(units, top, swapped, missing if missing is not None and missing.nnz else None)

    def alt_dosages(self) -> npt.NDArray[np.float32]:
        """(m, n) copies of ALT, NaN where missing."""
        G = self.units * (2 / self.top).astype(np.float32)[:, None]
        G[self.swapped] = 2 - G[self.swapped]
        if self.missing is not None:
            G[self.missing.toarray() != 0] = np.nan
        return G

    def counting_rarer(self, anyone: npt.NDArray[np.float32]) -> DosageBlock:
        """The block itself: it was decoded so, with all samples that were read."""
        return self

    @cached_property
    def _unit(self) -> FloatArray:
        """(m, 1) copies that a unit makes."""
        return (2 / self.top)[:, None]

    def sums(self, mask: npt.NDArray[np.float32], n: int) -> GenotypeSums:
        """See ``GenotypeBlock``."""
        called = np.full(len(self.units), float(n))
        if self.missing is not None:
            called -= self.missing @ mask
        total, squares = _sums(self.units, mask)
        # n Σx² = (Σx)² just where all x are equal; int64 may wrap round, on both sides alike
        constant = called.astype(np.int64) * squares == total * total
        unit = self._unit[:, 0]
        return GenotypeSums(called, total * unit, squares * unit**2, (called > 0) & constant)

    def multiply(self, W: npt.NDArray[np.float32]) -> FloatArray:
        """See ``GenotypeBlock``."""
        result = np.zeros((len(self.units), W.shape[1]))
        for left in range(0, self.units.shape[1], _TILE_PEOPLE):
            people = slice(left, left + _TILE_PEOPLE)
            result += self.units[:, people] @ W[people]
        return result * self._unit

    def multiply_squares(self, W: npt.NDArray[np.float32]) -> FloatArray:
        """See ``GenotypeBlock``."""
        result = np.zeros((len(self.units), W.shape[1]))
        for top in range(0, len(self.units), _TILE_VARIANTS):
            rows = slice(top, top + _TILE_VARIANTS)
            for left in range(0, self.units.shape[1], _TILE_PEOPLE):
                people = slice(left, left + _TILE_PEOPLE)
                result[rows] += self.units[rows, people] ** 2 @ W[people]
        return result * self._unit**2

    def multiply_missing(self, W: npt.NDArray[np.float32]) -> FloatArray | None:
        """See ``GenotypeBlock``."""
        if self.missing is None:
            return None
        return np.asarray(self.missing @ W, dtype=np.float64)

    def rows(
        self, rows: npt.NDArray[np.intp], slots: npt.NDArray[np.intp], mean: FloatArray
    ) -> FloatArray:
        """See ``GenotypeBlock``."""
        G = self.units[rows][:, slots] * self._unit[rows]
        if self.missing is not None:
            G += mean[:, None] * self.missing[rows].toarray()[:, slots]
        return G


@compiled
def _sums(
    units: npt.NDArray[np.float32], mask: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(m,) Σx and Σx² as whole numbers over the samples of a mask, x units of dosage."""
    m, n = units.shape
    total, squares = np.zeros(m, np.int64), np.zeros(m, np.int64)
    for i in range(m):
        first, second = np.int64(0), np.int64(0)
        for j in range(n):
            x = np.int64(np.int32(units[i, j] * mask[j]))
            first += x
            second += x * x
        total[i], squares[i] = first, second
    return total, squares
