"""Relationships between all pairs of people, by matrix products over blocks of variants.

KING-robust kinship is, over the variants called in both i and j,

    kinship = 1/2 − Σ (g_i − g_j)² / (4 · min(h_i, h_j)),

with h the number of heterozygous calls. No allele frequencies are used, so people of different
ancestry in one sample do no harm (Manichaikul et al. 2010, Bioinformatics 26:2867, Eq. 11).

In the genetic relationship matrix, with p the frequency of ALT among those called, A_ij is the mean
over the variants called in both i and j of (g_i − 2p)(g_j − 2p) / (2p(1 − p)): VanRaden's second
method, the matrix of GCTA and of ``plink2 --make-rel``. Variants of which only one allele is seen
are left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks import packed
from gwasbone.blocks.bit_planes import PackedRows
from gwasbone.blocks.packed import Words, missing_calls
from gwasbone.blocks.standardised import StandardisedCalls
from gwasbone.errors import UsageError

_BLOCK = 1024
# The three sums of a pair must stay exact in float32, the largest being 4 for each variant.
_MOST_VARIANTS = 2**22


def king_kinship(genotypes: PackedRows) -> npt.NDArray[np.float64]:
    """Kinship of all pairs of people.

    Parameters
    ----------
    genotypes : packed calls of m variants on autosomes and n people, read in slices.

    Returns
    -------
    (n, n) symmetric; 0.5 on the diagonal, and NaN where a pair has no variant called in both at
    which each has a heterozygous one. Memory is 20·n² bytes.

    Raises
    ------
    UsageError
        More than four million variants; kinship needs a fraction of that.

    Examples
    --------
    >>> from gwasbone.blocks.bit_planes import PackedArray
    >>> twins_and_stranger = PackedArray.of([[1, 1, 2], [1, 1, 1], [0, 0, 1], [2, 2, 1]])
    >>> king_kinship(twins_and_stranger)[0, 1:].tolist()
    [0.5, 0.125]
    """
    m, slots = len(genotypes), genotypes.columns.slots
    n = len(slots)
    if m > _MOST_VARIANTS:
        raise UsageError(f"kinship: expected at most {_MOST_VARIANTS:,} variants, got {m:,}: prune")
    everyone = genotypes.columns.mask(np.ones(n, dtype=bool))
    product, squares, hets = (np.zeros((n, n), dtype=np.float32) for _ in range(3))
    for start in range(0, m, _BLOCK):
        words = genotypes[start : start + _BLOCK]
        calls = packed.decode(words.view(np.uint8))[:, slots]
        called = np.ones((len(words), genotypes.columns.n_slots), dtype=np.float32)
        called[packed.missing_places(words, everyone)] = 0
        called = called[:, slots]
        product += calls.T @ calls
        squares += (calls * calls).T @ called
        hets += (calls == 1).astype(np.float32).T @ called
    distance = squares + squares.T - 2 * product
    fewest = np.minimum(hets, hets.T).astype(float)
    fewest[fewest == 0] = np.nan
    return 0.5 - distance / (4 * fewest)


_CALLS_PER_BLOCK = 4_000_000


@dataclass(frozen=True)
class Relationships:
    """Genetic relationships.

    Parameters
    ----------
    matrix : (n, n) symmetric; NaN for two people without a variant called in both.
    n_variants : (n, n) variants called in both.
    """

    matrix: npt.NDArray[np.float64]
    n_variants: npt.NDArray[np.int64]


def relationships(genotypes: PackedRows, *, threads: int | None = None) -> Relationships:
    """The genetic relationship matrix of n people; memory is 24·n² bytes.

    Parameters
    ----------
    genotypes : packed calls of m diploid variants, read twice.
    threads : cores to use; all by default.

    Raises
    ------
    UsageError
        Of no variant both alleles are seen.

    Examples
    --------
    >>> from gwasbone.blocks.bit_planes import PackedArray
    >>> relationships(PackedArray.of([[0, 2], [2, 0]])).matrix.tolist()
    [[2.0, -2.0], [-2.0, 2.0]]
    """
    blocks = _Blocks(genotypes)
    Z = StandardisedCalls.of(blocks, genotypes.columns, threads or os.cpu_count() or 1)
    n, m = Z.shape
    if m == 0:
        raise UsageError(
            "relationships: expected variants of which both alleles are seen, got none"
        )
    absent = np.zeros(n, dtype=np.int64)
    both_absent = np.zeros((n, n))
    for i in range(len(blocks)):
        words = blocks[i][Z.varies[Z.starts[i] : Z.starts[i + 1]]]
        missing = missing_calls(words, Z.everyone)
        if missing is not None:
            M = missing[:, genotypes.columns.slots]
            absent += np.asarray(M.sum(axis=0)).astype(np.int64).ravel()
            both_absent += (M.T @ M).toarray()
    n_variants = m - absent[:, None] - absent[None, :] + both_absent.astype(np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = Z.people_products() * m / n_variants
    return Relationships(np.where(n_variants > 0, matrix, np.nan), n_variants)


@dataclass(frozen=True)
class _Blocks(Sequence[Words]):
    """Packed rows as blocks of many variants."""

    genotypes: PackedRows

    @property
    def _rows(self) -> int:
        return max(512, _CALLS_PER_BLOCK // max(1, len(self.genotypes.columns.slots)))

    def __len__(self) -> int:
        return -(-len(self.genotypes) // self._rows)

    def __getitem__(self, i: Any) -> Any:
        return self.genotypes[slice(i * self._rows, (i + 1) * self._rows)]
