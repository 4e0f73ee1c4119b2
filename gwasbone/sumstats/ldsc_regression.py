"""Weighted regression of products of statistics on LD scores, with its block jackknife.

The arithmetic under :mod:`gwasbone.sumstats.ldsc`, which says what is estimated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.stats.jackknife import block_edges, block_sums
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Rows = npt.NDArray[np.bool_] | slice

_UPDATES = 2
_FEWEST_VARIANTS = 10

#: (slope as h² or ρ_g, intercept, which rows) -> weights of those rows
Weights = Callable[[float, float, Rows], FloatArray]


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
class LdRegression:
    """Of y on N l, weighted, with or without an intercept and a first step for it."""

    y: FloatArray
    l: FloatArray  # noqa: E741
    n: FloatArray
    weights: Weights
    m_ld: float
    null: float
    low: npt.NDArray[np.bool_] | None

    def fit(self, n_blocks: int, fixed: float | None) -> LdFit:
        # slopes are per N̄ l, which keeps the normal equations well conditioned
        mean_n = self.n.mean()
        x = self.n * self.l / mean_n
        unit = self.m_ld / mean_n
        start = fixed if fixed is not None else self.null
        share = self.m_ld * (self.y.mean() - start) / (self.l * self.n).mean()
        first = self.weights(float(share), start, slice(None))
        if fixed is not None:
            return self._slope_alone(x, first, fixed, unit, block_edges(len(x), n_blocks))
        if self.low is None:
            edges = block_edges(len(x), n_blocks)
            coefficients, deleted = self._with_intercept(x, first, unit, slice(None), edges)
            return LdFit(
                float(coefficients[0] * unit), float(coefficients[1]),
                deleted[:, 0] * unit, deleted[:, 1], len(x),
            )  # fmt: skip
        return self._two_steps(x, first, unit, n_blocks)

    def _two_steps(self, x: FloatArray, first: FloatArray, unit: float, n_blocks: int) -> LdFit:
        assert self.low is not None
        rows = np.flatnonzero(self.low)
        if len(rows) < _FEWEST_VARIANTS:
            raise InputError(
                f"LD-score regression: expected at least {_FEWEST_VARIANTS} variants below the "
                f"threshold of the first step, got {len(rows)}"
            )
        inner = block_edges(len(rows), n_blocks)
        one, one_deleted = self._with_intercept(x[rows], first[rows], unit, self.low, inner)
        a = float(one[1])
        edges = np.concatenate([[0], rows[inner[1:-1]], [len(x)]])
        two = self._slope_alone(x, first, a, unit, edges)
        # what an error of the intercept does to the slope
        pull = (first * x).sum() / (first * x * x).sum() * unit
        slope_deleted = two.slope_deleted - pull * (one_deleted[:, 1] - a)
        return LdFit(two.slope, a, slope_deleted, one_deleted[:, 1], len(rows))

    def _with_intercept(
        self,
        x: FloatArray,
        w: FloatArray,
        unit: float,
        rows: Rows,
        edges: IntArray,
    ) -> tuple[FloatArray, FloatArray]:
        X = np.column_stack([x, np.ones(len(x))])
        return _reweighted(
            X, self.y[rows], w,
            lambda b: self.weights(float(b[0] * unit), float(b[1]), rows), edges,
        )  # fmt: skip

    def _slope_alone(
        self, x: FloatArray, w: FloatArray, a: float, unit: float, edges: IntArray
    ) -> LdFit:
        b, deleted = _reweighted(
            x[:, None], self.y - a, w,
            lambda b: self.weights(float(b[0] * unit), a, slice(None)), edges,
        )  # fmt: skip
        fixed = np.full(len(deleted), a)
        return LdFit(float(b[0] * unit), a, deleted[:, 0] * unit, fixed, len(x))


def _reweighted(
    X: FloatArray,
    y: FloatArray,
    w: FloatArray,
    renewed: Callable[[npt.NDArray[np.floating]], FloatArray],
    edges: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """(k,) coefficients after two renewals of the weights, and (g, k) without each block.

    NaN where a weight is not positive.
    """
    k = X.shape[1]
    for update in range(_UPDATES + 1):
        if not (np.isfinite(w) & (w > 0)).all():
            return np.full(k, np.nan), np.full((len(edges) - 1, k), np.nan)
        if update < _UPDATES:
            root = np.sqrt(w)
            w = renewed(np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0])
    w = w / w.mean()
    XX = block_sums((X[:, :, None] * X[:, None, :] * w[:, None, None]).reshape(len(X), -1), edges)
    Xy = block_sums(X * (y * w)[:, None], edges)
    whole = XX.sum(axis=0), Xy.sum(axis=0)
    b = np.linalg.solve(whole[0].reshape(k, k), whole[1])
    without = (whole[0] - XX).reshape(-1, k, k)
    deleted = np.linalg.solve(without, (whole[1] - Xy)[:, :, None])[:, :, 0]
    return b, deleted
