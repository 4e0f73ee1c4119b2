"""Weighted regression of products of statistics on LD scores, with its block jackknife.

The arithmetic under :mod:`gwasbone.sumstats.ldsc`, which says what is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.stats.jackknife import block_edges
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.floating]

_UPDATES = 2
_FEWEST_VARIANTS = 10


@dataclass(frozen=True)
class LdData:
    """What both regressions need: l, l_w and N of each trait, complete rows only."""

    l: FloatArray  # noqa: E741
    l_w: FloatArray
    n: list[FloatArray]
    m_ld: float


def complete_rows(
    y: npt.ArrayLike,
    ld_score: npt.ArrayLike,
    weight_ld_score: npt.ArrayLike | None,
    people: list[npt.ArrayLike],
    m_ld: float,
) -> tuple[FloatArray, LdData]:
    values = np.asarray(y, dtype=np.float64)
    score = np.asarray(ld_score, dtype=np.float64)
    weight = score if weight_ld_score is None else np.asarray(weight_ld_score, dtype=np.float64)
    counts = [np.broadcast_to(np.asarray(n, dtype=np.float64), score.shape) for n in people]
    if any(len(a) != len(score) for a in (values, weight)):
        raise InputError(
            f"LD-score regression: expected an LD score for each statistic, got {len(score)} for "
            f"{len(values)}"
        )
    if not m_ld > 0:
        raise InputError(f"LD-score regression: expected M above 0, got {m_ld}")
    whole = np.isfinite(np.column_stack([values, score, weight, *counts])).all(axis=1)
    if whole.sum() < _FEWEST_VARIANTS:
        raise InputError(
            f"LD-score regression: expected at least {_FEWEST_VARIANTS} variants with a statistic "
            f"and an LD score, got {int(whole.sum())}"
        )
    if any((n[whole] <= 0).any() for n in counts):
        raise InputError(
            "LD-score regression: expected a sample size at every variant, some have none"
        )
    if not varies(score[whole]):
        raise InputError("LD-score regression: expected LD scores that differ, all are the same")
    kept = [np.ascontiguousarray(n[whole]) for n in counts]
    return values[whole], LdData(score[whole], weight[whole], kept, float(m_ld))


@dataclass(frozen=True)
class LdFit:
    """Slope as h² or ρ_g, intercept, and both without each block."""

    slope: float
    intercept: float
    slope_deleted: FloatArray
    intercept_deleted: FloatArray
    n_low: int


@dataclass(frozen=True)
class Expected:
    """What is expected of a statistic: slope (h² or ρ_g) and intercept."""

    slope: float
    intercept: float


@dataclass(frozen=True)
class Scores:
    """LD scores as the regressions use them.

    Parameters
    ----------
    level : (m,) max(l, 1)/M.
    share : (m,) l/max(l, 1).
    w : (m,) 1/max(l_w, 1).
    """

    level: Numbers
    share: Numbers
    w: Numbers

    @classmethod
    def of(cls, ld: FloatArray, weight_ld: FloatArray, m_ld: float) -> Scores:
        high = np.maximum(ld, 1)
        return cls(high / m_ld, ld / high, 1 / np.maximum(weight_ld, 1))

    def take(self, rows: npt.NDArray[np.intp]) -> Scores:
        return Scores(self.level[rows], self.share[rows], self.w[rows])

    def single(self) -> Scores:
        """The same in single precision."""
        return Scores(*(a.astype(np.float32) for a in (self.level, self.share, self.w)))


@dataclass(frozen=True)
class Trait:
    """A scan as the regressions use it.

    Parameters
    ----------
    z : (m,) statistics.
    root : (m,) √(N max(l, 1)/M).
    expected : h² and intercept, where they are known.
    variance : (m,) of z, h² N max(l, 1)/M + a, where they are.
    """

    z: Numbers
    root: Numbers
    expected: Expected | None = None
    variance: Numbers | None = None

    def with_expected(self, expected: Expected) -> Trait:
        """The trait with the variances that its h² (kept to 0 to 1) and intercept give."""
        variance = self.root**2 * self.root.dtype.type(min(max(expected.slope, 0.0), 1.0))
        variance += self.root.dtype.type(expected.intercept)
        return Trait(self.z, self.root, expected, variance)

    def take(self, rows: npt.NDArray[np.intp]) -> Trait:
        return Trait(self.z[rows], self.root[rows])


def fit_products(
    one: Trait,
    other: Trait | None,
    scores: Scores,
    n_blocks: int,
    *,
    below: float | None = None,
    fixed: float | None = None,
) -> LdFit:
    """Regress z₁z₂ on √(N₁N₂) l/M by two updates of the weights, with a jackknife over blocks.

    Parameters
    ----------
    one, other : the traits, both with variances; ``other`` is None for the χ² of one trait, whose
        variances are those of its own estimates.
    n_blocks : of the jackknife.
    below : with two steps, the χ² below which (of both traits) variants set the intercept.
    fixed : the intercept, where it is not estimated.

    Raises
    ------
    InputError
        Fewer than ten variants are below the threshold.
    """
    return _Regression(one, other, scores).fit(
        n_blocks, np.inf if below is None or fixed is not None else below, fixed
    )


@dataclass(frozen=True)
class _Regression:
    one: Trait
    other: Trait | None
    scores: Scores

    def fit(self, n_blocks: int, below: float, fixed: float | None) -> LdFit:
        from gwasbone.blocks.ld_regression import CHUNK, edges_below, product_totals

        m, second = len(self.scores.w), self.other or self.one
        counts = np.empty(-(-m // CHUNK), np.int64)
        products, levels = product_totals(
            self.one.z, second.z, self.one.root, second.root, self.scores.share, below, counts
        )
        n_low = int(counts.sum())
        start = fixed if fixed is not None else float(self.other is None)
        at = Expected((products / m - start) / (levels / m), start)
        if below == np.inf:
            edges = block_edges(m, n_blocks)
            first = self._sums(at, edges, below)
            whole, deleted = _solved(self._updated(first, edges, fixed, below), fixed)
            return LdFit(float(whole[0]), float(whole[1]), deleted[0], deleted[1], m)
        if n_low < _FEWEST_VARIANTS:
            raise InputError(
                f"LD-score regression: expected at least {_FEWEST_VARIANTS} variants below the "
                f"threshold of the first step, got {n_low}"
            )
        inner = block_edges(n_low, n_blocks)
        edges = np.empty_like(inner)
        edges_below(self.one.z, second.z, below, inner, counts, edges)
        return self._two_steps(at, edges, below, n_low)

    def _two_steps(self, at: Expected, edges: IntArray, below: float, n_low: int) -> LdFit:
        low = self._updated(self._sums(at, edges, below), edges, None, below)
        one, one_deleted = _solved(low, None)
        a = float(one[1])
        first = self._sums(at, edges, np.inf)
        two, two_deleted = _solved(self._updated(first, edges, a, np.inf), a)
        # what an error of the intercept does to the slope
        pull = first[:, 1].sum() / first[:, 2].sum()
        deleted = two_deleted[0] - pull * (one_deleted[1] - a)
        return LdFit(float(two[0]), a, deleted, one_deleted[1], n_low)

    def _updated(
        self, sums: FloatArray, edges: IntArray, fixed: float | None, below: float
    ) -> FloatArray:
        """Sums of each block after the updates of the weights, from those of the first weights."""
        for _ in range(_UPDATES):
            slope, intercept = _line(sums.sum(axis=0), fixed)
            sums = self._sums(Expected(float(slope), float(intercept)), edges, below)
        return sums

    def _sums(self, at: Expected, edges: IntArray, below: float) -> FloatArray:
        """(g, 5) sums of ``blocks.ld_regression``; all NaN where a weight is not positive."""
        from gwasbone.blocks.ld_regression import N_SUMS, product_sums

        one, other = self.one, self.other
        if other is None:
            one = other = one.with_expected(at)
        sums = np.empty((len(edges) - 1, N_SUMS))
        # shares are kept to what they can be
        rho = min(max(at.slope, -1.0 if self.other is not None else 0.0), 1.0)
        product_sums(
            one.z, other.z, one.variance, other.variance, one.root, other.root, self.scores.share,
            self.scores.w, edges, rho, at.intercept, below, sums,
        )  # fmt: skip
        return sums if np.isfinite(sums).all() else np.full_like(sums, np.nan)


def _solved(sums: FloatArray, fixed: float | None) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept (2,) of all blocks, and (2, g) without each."""
    whole = sums.sum(axis=0)
    without = whole - sums
    return _line(whole, fixed), _line(without.T, fixed)


def _line(sums: FloatArray, fixed: float | None) -> FloatArray:
    w, wx, wxx, wy, wxy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        if fixed is not None:
            slope = (wxy - fixed * wx) / wxx
            return np.array([slope, np.full_like(slope, fixed)])
        slope = (wxy - wx * wy / w) / (wxx - wx * wx / w)
        return np.array([slope, (wy - slope * wx) / w])
