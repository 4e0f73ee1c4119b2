"""Chromosomes laid side by side along one axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.genome import MT, chromosome_label

#: JavaScript: the centres of the chromosomes or, within one or two of them, places in bp.
TICKS = """
const { start, end } = cb_data
const inside = names.map((_, i) => i).filter((i) => last[i] >= start && first[i] <= end)
const span = end - start
if (inside.length > 2 || span > 0.6 * (last[last.length - 1] - first[0])) {
  return centres.filter((x) => x >= start && x <= end)
}
const rough = span / 5
const power = 10 ** Math.floor(Math.log10(rough))
// Mb, a whole number of bp
const step = Math.max(1e-6, power * [1, 2, 5, 10].find((k) => k * power >= rough * (1 - 1e-9)))
const ticks = []
for (const i of inside) {
  const from = Math.max(start, first[i]) - shift[i], to = Math.min(end, last[i]) - shift[i]
  for (let k = Math.ceil(from / step); k * step <= to; k += 1) ticks.push(k * step + shift[i])
}
return ticks
"""
#: JavaScript: such a place in words, as on hovering.
TICK_TEXT = """
const i = names.findIndex((_, j) => tick >= first[j] - 1e-7 && tick <= last[j] + 1e-7)
if (i < 0) return ""
return `${names[i]}:${Math.round((tick - shift[i]) * 1e6).toLocaleString("en-US")} bp`
"""

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

    def ticks(self) -> dict[str, list[float] | list[str]]:
        """What :data:`TICKS` and :data:`TICK_TEXT` need to name places: lists by chromosome."""
        return {
            "names": [chromosome_label(int(code)) for code in self.codes],
            "first": self.start.tolist(),
            "last": self.end.tolist(),
            "shift": self.shift[self.codes].tolist(),
            "centres": list(self.labels()),
        }

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
