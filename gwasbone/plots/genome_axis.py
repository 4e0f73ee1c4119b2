"""Chromosomes laid side by side along one axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.genome import MT, chromosome_label

#: Space between chromosomes, as a share of all they span.
_GAP = 0.006


@dataclass(frozen=True, slots=True)
class GenomeAxis:
    """Where each chromosome lies on the axis; x is in Mb.

    With one chromosome x is the position on it, with several the distance from the axis' start.

    Attributes
    ----------
    codes : (k,) chromosomes present, ascending.
    start, end : (k,) x of each one's first and last variant.
    shift : (26,) by chromosome code, what is added to a position in Mb; NaN where absent.
    """

    codes: npt.NDArray[np.int64]
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis, with a margin."""
        margin = max(_GAP * (self.end[-1] - self.start[0]), 1e-3)
        return float(self.start[0] - margin), float(self.end[-1] + margin)

    def place(
        self, chromosome: npt.NDArray[np.integer], position_bp: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.float64]:
        """x of variants in Mb; NaN on a chromosome that the axis does not have."""
        return self.shift[chromosome] + position_bp / 1e6

    def labels(self) -> dict[float, str]:
        """Chromosome names by x of their centres."""
        centres = (self.start + self.end) / 2
        return {
            float(centre): chromosome_label(int(code))
            for code, centre in zip(self.codes, centres, strict=True)
        }


def genome_axis(
    chromosome: npt.NDArray[np.integer], position_bp: npt.NDArray[np.integer]
) -> GenomeAxis:
    """Lay out the chromosomes that variants lie on, each as wide as the variants span.

    Raises
    ------
    InputError
        A chromosome code outside 1-25.
    """
    if chromosome.size == 0 or chromosome.min() < 1 or chromosome.max() > MT:
        came = f"{chromosome.min()} to {chromosome.max()}" if chromosome.size else "no variant"
        raise InputError(f"chromosome codes must lie in 1-25 (23 = X); {came} came")
    codes = np.flatnonzero(np.bincount(chromosome))
    first, last = np.full(MT + 1, np.iinfo(np.int64).max), np.zeros(MT + 1, dtype=np.int64)
    np.minimum.at(first, chromosome, position_bp)
    np.maximum.at(last, chromosome, position_bp)
    first_mb, last_mb = first[codes] / 1e6, last[codes] / 1e6
    span = last_mb - first_mb
    gap = _GAP * span.sum()
    side_by_side = np.concatenate([[0.0], np.cumsum(span + gap)[:-1]])
    start = first_mb if codes.size == 1 else side_by_side
    shift = np.full(MT + 1, np.nan)
    shift[codes] = start - first_mb
    return GenomeAxis(codes=codes, start=start, end=start + span, shift=shift)
