"""The genetic relationship matrix of samples, over blocks of packed calls.

With p the frequency of ALT among those called, A_ij is the mean over the variants called in both
i and j of (g_i − 2p)(g_j − 2p) / (2p(1 − p)): VanRaden's second method, the matrix of GCTA.
Variants of which only one allele is seen are left out. ``plink2 --make-rel`` has the same matrix
where all variants vary; those that do not, it counts among the variants that the sum is divided by.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.bit_planes import PackedRows
from gwasbone.blocks.packed import Words, missing_calls
from gwasbone.blocks.standardised import StandardisedCalls
from gwasbone.errors import UsageError

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
    """The genetic relationship matrix of n samples; memory is 24·n² bytes.

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
