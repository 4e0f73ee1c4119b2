"""KING-robust kinship between all pairs of people, by matrix products over blocks of variants.

Over the variants called in both i and j,

    kinship = 1/2 − Σ (g_i − g_j)² / (4 · min(h_i, h_j)),

with h the number of heterozygous calls. No allele frequencies are used, so people of different
ancestry in one sample do no harm (Manichaikul et al. 2010, Bioinformatics 26:2867, Eq. 11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gwasbone.blocks import packed
from gwasbone.errors import UsageError

if TYPE_CHECKING:
    from gwasbone.blocks.bit_planes import PackedRows

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
