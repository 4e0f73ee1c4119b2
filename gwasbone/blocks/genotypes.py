"""What a scan asks of a block of genotypes, whatever they are kept as; and blocks of packed calls.

Kernels multiply a block with columns of people (covariates and traits) and ask for sums over
groups of people. Missing genotypes enter products as 0; a kernel corrects for them with
:meth:`GenotypeBlock.multiply_missing`. Of each variant the rarer allele is counted, so that sums
are as small as the variance, which float32 needs; ``swapped`` says where that is not ALT.
Dosages are in :mod:`gwasbone.blocks.dosages`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from gwasbone.blocks import packed
from gwasbone.blocks.packed import Words

if TYPE_CHECKING:
    from scipy import sparse

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Where the variance is less than this share of the mean square, float32 is not enough.
SPREAD_NEEDS_FLOAT64 = 1e-3


@dataclass(frozen=True)
class GenotypeSums:
    """Sums over some samples of m variants, (m,) each.

    Parameters
    ----------
    called : people with a genotype.
    alleles, squares : Σg and Σg² over them, g copies of an allele.
    constant : whether they all have the same g.
    """

    called: FloatArray
    alleles: FloatArray
    squares: FloatArray
    constant: BoolArray

    @cached_property
    def mean(self) -> FloatArray:
        """(m,) of g; 0 where no sample is called."""
        return self.alleles / np.maximum(self.called, 1)

    @cached_property
    def about_mean(self) -> FloatArray:
        """(m,) Σ(g − mean)²; samples whose g is imputed by the mean add nothing."""
        return np.maximum(self.squares - self.called * self.mean**2, 0)

    @cached_property
    def varies(self) -> BoolArray:
        """(m,)"""
        varies: BoolArray = (self.called > 0) & ~self.constant
        return varies

    @cached_property
    def needs_float64(self) -> BoolArray:
        """(m,) whether products in float32 would lose a variance that is small."""
        spread = self.squares + (self.called == 0)
        return self.varies & (self.about_mean < SPREAD_NEEDS_FLOAT64 * spread)

    def exchanged(self, rows: BoolArray) -> GenotypeSums:
        """With the other allele counted in some rows, (m,) bool."""
        return GenotypeSums(
            called=self.called,
            alleles=np.where(rows, 2 * self.called - self.alleles, self.alleles),
            squares=np.where(rows, 4 * (self.called - self.alleles) + self.squares, self.squares),
            constant=self.constant,
        )

    @classmethod
    def joined(cls, parts: Iterable[GenotypeSums]) -> GenotypeSums:
        """Of variants that came in parts, one after the other."""
        fields = zip(*((p.called, p.alleles, p.squares, p.constant) for p in parts), strict=True)
        return cls(*(np.concatenate(field) for field in fields))


class PeopleLayout(Protocol):
    """Where the samples of an analysis are within the rows of a block."""

    @property
    def slots(self) -> npt.NDArray[np.intp]:
        """(n,) for each sample the place in a row."""

    @property
    def n_slots(self) -> int:
        """Places in a row."""

    def mask(self, people: BoolArray) -> Any:
        """Some of the samples, in the form that blocks of this layout take."""


class GenotypeBlock(Protocol):
    """Genotypes of m variants."""

    @property
    def swapped(self) -> BoolArray:
        """(m,) where the counted allele is REF."""

    def counting_rarer(self, anyone: Any) -> GenotypeBlock:
        """The block with the allele counted that is rarer among the samples of a mask."""

    def sums(self, mask: Any, n: int) -> GenotypeSums:
        """Sums of the counted allele over the n samples of a mask."""

    def multiply(self, W: npt.NDArray[np.float32]) -> FloatArray:
        """(m, c) G @ W, for W (slots, c), missing genotypes as 0."""

    def multiply_squares(self, W: npt.NDArray[np.float32]) -> FloatArray:
        """(m, c) G² @ W, missing genotypes as 0."""

    def multiply_missing(self, W: npt.NDArray[np.float32]) -> FloatArray | None:
        """(m, c) M @ W, M being 1 where a genotype is missing; None where none is."""

    def rows(
        self, rows: npt.NDArray[np.intp], slots: npt.NDArray[np.intp], mean: FloatArray
    ) -> FloatArray:
        """(r, n) of the counted allele of some variants and people, ``mean`` (r,) where missing."""


def alt_dosages(
    block: GenotypeBlock,
    rows: npt.NDArray[np.intp],
    layout: PeopleLayout,
    people: BoolArray,
    sums: GenotypeSums,
) -> FloatArray:
    """(r, n) copies of ALT of some variants and samples in float64, missing ones at their mean.

    Parameters
    ----------
    sums : of those people, of ALT, all m variants.
    """
    swapped = block.swapped[rows]
    mean = sums.mean[rows]
    G = block.rows(rows, layout.slots[people], np.where(swapped, 2 - mean, mean))
    return np.where(swapped[:, None], 2 - G, G) if swapped.any() else G


@dataclass(frozen=True)
class PackedBlock:
    """Packed hard calls as a :class:`GenotypeBlock`.

    Parameters
    ----------
    words : (m, w) see :mod:`gwasbone.blocks.packed`.
    people : word mask of those whose missing calls matter.
    swapped : (m,) where ``words`` count REF.
    """

    words: Words
    people: Words
    swapped: BoolArray

    @classmethod
    def of(cls, words: Words, people: Words) -> PackedBlock:
        """Of words as they are read, which count ALT."""
        return cls(words, people, np.zeros(len(words), dtype=bool))

    def counting_rarer(self, anyone: Words) -> PackedBlock:
        """See :class:`GenotypeBlock`."""
        everyone = packed.count_calls(self.words, anyone, int(np.bitwise_count(anyone).sum()))
        common = everyone.alt > everyone.called
        return replace(
            self,
            words=packed.swap_alleles(self.words, common),
            people=anyone,
            swapped=self.swapped ^ common,
        )

    def sums(self, mask: Words, n: int) -> GenotypeSums:
        """See :class:`GenotypeBlock`; exact integers."""
        calls = packed.count_calls(self.words, mask, n)
        most = np.maximum.reduce([calls.het, calls.hom_alt, calls.hom_ref])
        called = calls.called
        return GenotypeSums(
            called=called.astype(np.float64),
            alleles=calls.alt.astype(np.float64),
            squares=calls.het + 4.0 * calls.hom_alt,
            constant=(called > 0) & (most == called),
        )

    def multiply(self, W: npt.NDArray[np.float32]) -> FloatArray:
        """See :class:`GenotypeBlock`."""
        return packed.multiply(self.words, W)

    def multiply_squares(self, W: npt.NDArray[np.float32]) -> FloatArray:
        """See :class:`GenotypeBlock`."""
        return packed.multiply(self.words, W, squares=True)

    def multiply_missing(self, W: npt.NDArray[np.float32]) -> FloatArray | None:
        """See :class:`GenotypeBlock`."""
        if self._missing is None:
            return None
        return np.asarray(self._missing @ W, dtype=np.float64)

    @cached_property
    def _missing(self) -> sparse.csr_array | None:
        return packed.missing_calls(self.words, self.people)

    def rows(
        self, rows: npt.NDArray[np.intp], slots: npt.NDArray[np.intp], mean: FloatArray
    ) -> FloatArray:
        """See :class:`GenotypeBlock`."""
        chosen = self.words[rows]
        G = packed.decode(chosen.view(np.uint8))[:, slots].astype(np.float64)
        missing = packed.missing_calls(chosen, self.people)
        if missing is not None:
            G += mean[:, None] * missing.toarray()[:, slots]
        return G
