"""Dosages that are stored as whole numbers of 16 bits: rows of a file to a :class:`DosageBlock`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from gwasbone.blocks.compiled import compiled
from gwasbone.blocks.dosages import DosageBlock
from gwasbone.blocks.vcf_kernels import NO_UNITS

BoolArray = npt.NDArray[np.bool_]


def dosage_block(
    stored: npt.NDArray[np.uint16],
    top: npt.NDArray[np.int32],
    people: npt.NDArray[np.intp],
    *,
    doubled: BoolArray,
    men: BoolArray,
    ruled_out: BoolArray | None,
) -> DosageBlock:
    """A block of m variants and n participants.

    Parameters
    ----------
    stored : (m, N) units of all participants in the file, ``NO_UNITS`` where missing.
    top : (m,) units of two copies.
    people : (n,) positions of the participants.
    doubled : (m,) variants of which men's dosages are of one copy.
    men : (n,) the men.
    ruled_out : (m, n) genotypes that sex rules out; None where there are none.
    """
    m, n = len(stored), len(people)
    units, missing = np.empty((m, n), np.float32), np.zeros((m, n), np.bool_)
    swapped = np.zeros(m, np.bool_)
    none = np.zeros((0, n), np.bool_)
    _fill(
        stored, top, people, doubled, men, none if ruled_out is None else ruled_out, units,
        missing, swapped,
    )  # fmt: skip
    places = None
    if missing.any():
        places = sparse.csr_array(missing.astype(np.float32))
    return DosageBlock(units, top.astype(np.float64), swapped, places)


@compiled
def _fill(
    stored: npt.NDArray[np.uint16], top: npt.NDArray[np.int32], people: npt.NDArray[np.intp],
    doubled: BoolArray, men: BoolArray, ruled_out: BoolArray, units: npt.NDArray[np.float32],
    missing: BoolArray, swapped: BoolArray,
) -> None:  # fmt: skip
    """Fill units with the rarer allele's."""
    for i in range(len(stored)):
        total, called, most = np.int64(0), np.int64(0), np.int64(top[i])
        for j in range(len(people)):
            x = np.int64(stored[i, people[j]])
            gone = x == NO_UNITS or (len(ruled_out) > 0 and ruled_out[i, j])
            if doubled[i] and men[j]:
                x = min(2 * x, most)
            x = 0 if gone else x
            missing[i, j] = gone
            called += not gone
            total += x
            units[i, j] = x
        if 2 * total > most * called:
            swapped[i] = True
            for j in range(len(people)):
                if not missing[i, j]:
                    units[i, j] = most - units[i, j]
