"""Values that no scan can have: which rows hold one, and why.

A row with an impossible value is set aside, counted and named; a file with many of them is
refused, since then the columns are not what they are taken for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.genome import MAX_POSITION_BP
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: |z| of the p-value and of β/SE differ by more than this, and by more than this factor, where
#: one of them is not that of the row. Score, likelihood-ratio and saddlepoint tests, rounding and
#: genomic control stay far below.
_Z_DIFFERENCE, _Z_FACTOR = 3.0, 5.0
#: More faulty rows than this, and a larger share of the rows that were read, refuse a file.
_MOST_ROWS, _MOST_SHARE = 5, 0.1

#: Reasons that say nothing against a file: contigs, symbolic and structural alleles.
UNKNOWN_CHROMOSOME = "chromosome is none of 1-22, X, Y, MT"
ALLELES = "alleles are not spelled with A, C, G, T"
NO_POSITION = "no position"
NO_EFFECT = "no effect, standard error or p-value"
P_OUTSIDE = "p-value outside 0 to 1 (-log10 p negative or infinite)"
P_OF_ZERO = "p-value of 0 and no effect or standard error to compute it from"
_HARMLESS = frozenset({UNKNOWN_CHROMOSOME, ALLELES, NO_POSITION, NO_EFFECT})


def impossible_values(
    columns: Mapping[str, FloatArray], *, one_test: bool = True
) -> list[tuple[str, BoolArray]]:
    """What is wrong with rows of a scan: reason, and (m,) whether a row has it.

    Parameters
    ----------
    columns : (m,) numbers by canonical name, as far as they were read; NaN where missing, which
        is no fault. Rows without a p-value were not tested and are judged by their locus and
        frequency only.
    one_test : whether p-values and effects are those of one test, so that they must agree.
    """
    some = columns.get
    p, beta, se = some("neg_log_10_p_value"), some("beta"), some("standard_error")
    tested = ~np.isnan(p) if p is not None else True
    faults: list[tuple[str, BoolArray]] = []

    def add(reason: str, wrong: BoolArray) -> None:
        faults.append((reason, np.asarray(wrong & tested, dtype=bool)))

    with np.errstate(invalid="ignore", divide="ignore"):
        position = some("base_pair_location")
        if position is not None:
            outside = (position < 1) | (position > MAX_POSITION_BP)
            faults.append((f"position outside 1 to {MAX_POSITION_BP:,}", outside))
            faults.append(("position is no whole number", np.asarray(position % 1 > 0)))
        frequency = some("effect_allele_frequency")
        if frequency is not None:
            faults.append(("effect allele frequency outside 0 to 1", _outside(frequency, 0, 1)))
        n = some("n")
        if n is not None:
            add("sample size below 1", n < 1)
        if p is not None:
            add(P_OUTSIDE, (p < 0) | np.isinf(p))
        if beta is not None:
            add("effect infinite", np.isinf(beta))
        if se is not None:
            add("standard error not above 0, or infinite", (se <= 0) | np.isinf(se))
        if one_test and p is not None and beta is not None and se is not None:
            add("p-value contradicts effect and standard error", _contradicts(p, beta, se))
    return faults


def _outside(x: FloatArray, low: float, high: float) -> BoolArray:
    return np.asarray((x < low) | (x > high), dtype=bool)


def _contradicts(p: FloatArray, beta: FloatArray, se: FloatArray) -> BoolArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        of_effect = np.abs(beta / se)
    wrong = np.zeros(len(p), dtype=bool)
    # −log10 p of |z|; only rows that are far apart on this rough scale are worked out
    with np.errstate(invalid="ignore", over="ignore"):
        rough = np.sqrt(np.maximum(p, 0) * (2 * np.log(10)))
        rows = np.flatnonzero(np.isfinite(p) & (p >= 0) & (np.abs(rough - of_effect) > 1.5))
    if not len(rows):
        return wrong
    of_p, of_effect = np.sqrt(chi2_1_from_neg_log10_p(p[rows])), of_effect[rows]
    low, high = np.minimum(of_p, of_effect), np.maximum(of_p, of_effect)
    with np.errstate(invalid="ignore"):
        wrong[rows] = (high - low > _Z_DIFFERENCE) & (high > _Z_FACTOR * low)
    return wrong


@dataclass
class SetAside:
    """Rows of a scan that are not used, by reason, with an example of each.

    Parameters
    ----------
    where : the file, for messages.
    """

    where: str
    n_rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    examined: int = 0

    def add(self, reason: str, n: int, example: Callable[[], str]) -> None:
        """Count n rows; ``example`` names the first of them."""
        if n:
            self.examples.setdefault(reason, example())
            self.counts[reason] += n

    def refuse_many(self) -> None:
        """Raise :class:`InputError` where so many rows are impossible that the file must be."""
        faulty = {r: n for r, n in self.counts.items() if r not in _HARMLESS}
        n = sum(faulty.values())
        if n > _MOST_ROWS and n > _MOST_SHARE * self.examined:
            reason = max(faulty, key=faulty.__getitem__)
            raise InputError(
                f"{self.where}: {n:,} of {self.examined:,} rows hold values that no scan can "
                f"have, most of them: {reason} ({self.examples[reason]}); are the columns what "
                "their names say?"
            )

    def lines(self) -> list[str]:
        """A line for each reason: how many rows, and the first of them."""
        return [
            f"{self.where}: {n:,} {'row' if n == 1 else 'rows'} set aside: {reason} "
            f"({self.examples[reason]})"
            for reason, n in self.counts.items()
        ]
