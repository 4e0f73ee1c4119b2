"""Kinship between all pairs of participants, by matrix products over blocks of variants.

KING-robust: over the variants called in both i and j,

    kinship = 1/2 − Σ (g_i − g_j)² / (4 · min(h_i, h_j)),

with h the number of heterozygous calls. No allele frequencies are used, so participants of
different ancestry in one sample do no harm (Manichaikul et al. 2010, Bioinformatics 26:2867,
Eq. 11).

PC-Relate: with μ_i the allele frequency that i's ancestry lets expect,

    kinship = Σ (g_i − 2μ_i)(g_j − 2μ_j) / (4 Σ √(μ_i(1 − μ_i) μ_j(1 − μ_j))),

μ being a linear function of principal components that is fitted in unrelated participants (Conomos
et al. 2016, Am J Hum Genet 98:127, Eq. 3 and 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gwasbone.blocks import packed
from gwasbone.errors import UsageError

if TYPE_CHECKING:
    from gwasbone.blocks.bit_planes import PackedRows

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_BLOCK = 1024
# The three sums of a pair must stay exact in float32, the largest being 4 for each variant.
_MOST_VARIANTS = 2**22


def king_kinship(genotypes: PackedRows) -> FloatArray:
    """Kinship of all pairs of participants by KING-robust.

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
    n = len(genotypes.columns.slots)
    product, squares, hets = (np.zeros((n, n), dtype=np.float32) for _ in range(3))
    for calls, called in _blocks(genotypes):
        product += calls.T @ calls
        squares += (calls * calls).T @ called
        hets += (calls == 1).astype(np.float32).T @ called
    distance = squares + squares.T - 2 * product
    fewest = np.minimum(hets, hets.T).astype(float)
    fewest[fewest == 0] = np.nan
    return 0.5 - distance / (4 * fewest)


def pc_relate_kinship(
    genotypes: PackedRows, scores: FloatArray, unrelated: BoolArray, *, maf: float
) -> FloatArray:
    """Kinship of all pairs of participants by PC-Relate.

    Parameters
    ----------
    genotypes : packed calls of m variants on autosomes and n participants, read in slices.
    scores : (n, k) principal components.
    unrelated : (n,) True for those in whom allele frequencies are fitted.
    maf : a participant counts at variants whose expected frequency is between this and 1 − this.

    Returns
    -------
    (n, n) symmetric, NaN where a pair has no variant in common; the diagonal is (1 + F)/2 with F
    the inbreeding coefficient. Memory is 24·n² bytes.

    Raises
    ------
    UsageError
        More than four million variants, or not more unrelated participants than components.
    """
    n, k = scores.shape
    if unrelated.sum() <= k + 1:
        raise UsageError(
            f"pc_relate: expected more unrelated participants than {k} components and the mean, "
            f"got {int(unrelated.sum())}: take fewer components"
        )
    V = np.column_stack([np.ones(n), scores])
    fitted_by = np.linalg.pinv(V[unrelated]).T @ V.T  # (unrelated, n)
    covariance, scale = np.zeros((n, n)), np.zeros((n, n))
    for calls, called in _blocks(genotypes):
        G, C = calls[:, unrelated], called[:, unrelated]
        mean = G.sum(axis=1) / np.maximum(C.sum(axis=1), 1)
        mu = (G + (1 - C) * mean[:, None]) @ fitted_by / 2
        used = (called > 0) & (mu > maf) & (mu < 1 - maf)
        residual = np.where(used, calls - 2 * mu, 0)
        spread = np.sqrt(np.where(used, mu * (1 - mu), 0))
        covariance += residual.T @ residual
        scale += spread.T @ spread
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, covariance / (4 * scale), np.nan)


def _blocks(
    genotypes: PackedRows,
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """(b, n) copies of ALT, 0 where missing, and 1 where called, of blocks of variants."""
    m, slots = len(genotypes), genotypes.columns.slots
    if m > _MOST_VARIANTS:
        raise UsageError(f"kinship: expected at most {_MOST_VARIANTS:,} variants, got {m:,}: prune")
    everyone = genotypes.columns.mask(np.ones(len(slots), dtype=bool))
    for start in range(0, m, _BLOCK):
        words = genotypes[start : start + _BLOCK]
        calls = packed.decode(words.view(np.uint8))[:, slots]
        called = np.ones((len(words), genotypes.columns.n_slots), dtype=np.float32)
        called[packed.missing_places(words, everyone)] = 0
        yield calls, called[:, slots]
