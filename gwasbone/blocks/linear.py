"""Linear regression of many traits on blocks of genotypes, packed calls or dosages.

For each variant with dosage g and each trait y of n people with covariates X (n, k), intercept
first: with Q an orthonormal basis of X, y⊥ = y − QQ'y and g mean-imputed,

    d = g'g − ‖Q'g‖²,   β = g'y⊥ / d,   RSS = y⊥'y⊥ − β·g'y⊥,   se² = RSS / ((n − k − 1) d).

All traits and the covariates of all groups of people share one product with the genotypes.
Missing genotypes enter that product as 0 and are corrected by their own sparse product, times the
mean. Sums (and so g'g and the intercept's part of Q'g) are exact. Where a genotype leaves little of
a trait, RSS is a small difference of large numbers: it is summed over people there, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.genotypes import GenotypeBlock, GenotypeSums, PeopleLayout

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Where covariates explain more than this of a genotype's variance, float32 is not enough.
EXPLAINED_NEEDS_FLOAT64 = 0.999

#: Where a genotype leaves less than this share of a trait's variance, RSS is summed in float64: a
#: correlation in float32 is known to 1e-7, so an SE would be wrong by 1e-7 over the share.
LEFT_NEEDS_FLOAT64 = 0.05

#: What a genotype leaves of a trait is rounding where it is below this share of the trait's size.
ROUNDING = 1e-12


@dataclass(frozen=True)
class LinearGroup:
    """Traits of the same n samples.

    Parameters
    ----------
    people : (N,) who of the N people of the layout belongs to it; n do.
    mask : the same, as blocks take it.
    columns : where the group's covariates and traits are among the columns of ``W``.
    k : covariates with the intercept, q : traits.
    y_norm : (q,) ‖y⊥‖; the columns of W hold y⊥ / ‖y⊥‖.
    rounding : (q,) share of y⊥'y⊥ that is rounding of y.
    W : (n, k − 1 + q) the group's part of the design's W in float64.
    """

    people: npt.NDArray[np.bool_]
    mask: Any
    columns: slice
    n: int
    k: int
    q: int
    y_norm: FloatArray
    rounding: FloatArray
    W: FloatArray

    @property
    def dof(self) -> int:
        return self.n - self.k - 1


@dataclass(frozen=True)
class LinearDesign:
    """Everything about samples that a block needs: W (slots, c) and the groups."""

    layout: PeopleLayout
    groups: tuple[LinearGroup, ...]
    anyone: Any
    W: npt.NDArray[np.float32]


@dataclass(frozen=True)
class GroupResult:
    """One group's results for m variants; numbers are NaN where g does not vary.

    Parameters
    ----------
    sums : of ALT over the group's people.
    beta, se, t : (m, q), per copy of ALT.
    unexplained : (m,) share of the genotype's variance that the covariates leave; NaN for none.
    perfect : (m, q) whether the genotype leaves nothing of the trait but rounding.
    """

    sums: GenotypeSums
    beta: FloatArray
    se: FloatArray
    t: FloatArray
    unexplained: FloatArray
    perfect: BoolArray


def linear_design(
    layout: PeopleLayout,
    groups: Sequence[tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]],
) -> LinearDesign:
    """Residualise traits and covariates once.

    Parameters
    ----------
    layout : where the N people are in the rows of blocks.
    groups : for each (people (N,) bool, X (n, k) with the intercept first, Y (n, q)).
    """
    made, start = [], 0
    for people, X, Y in groups:
        n, k = X.shape
        Q = np.linalg.qr(X)[0]
        # in units of the largest value, whose square might not be a number
        unit = np.abs(Y).max(axis=0)
        Y = Y / unit
        residual = Y - Q @ (Q.T @ Y)
        residual -= Q @ (Q.T @ residual)
        norm = np.linalg.norm(residual, axis=0)
        rounding = (ROUNDING * np.linalg.norm(Y, axis=0) / norm) ** 2
        W = np.column_stack([Q[:, 1:], residual / norm])
        stop = start + W.shape[1]
        mask, at = layout.mask(people), slice(start, stop)
        made.append(LinearGroup(people, mask, at, n, k, Y.shape[1], unit * norm, rounding, W))
        start = stop
    anyone = np.logical_or.reduce([group.people for group in made])
    everything = np.zeros((layout.n_slots, start), dtype=np.float32)
    for group in made:
        everything[layout.slots[group.people], group.columns] = group.W
    return LinearDesign(layout, tuple(made), layout.mask(anyone), everything)


def linear_block(genotypes: GenotypeBlock, design: LinearDesign) -> list[GroupResult]:
    """Test m variants in every group; see the module for the model."""
    block = genotypes.counting_rarer(design.anyone)
    products = block.multiply(design.W)
    absent = block.multiply_missing(design.W)
    results = []
    for group in design.groups:
        sums = block.sums(group.mask, group.n)
        xw = products[:, group.columns].copy()
        if absent is not None:
            xw += sums.mean[:, None] * absent[:, group.columns]
        fit = _Fit.of(group, sums, xw)
        inexact = fit.unexplained < 1 - EXPLAINED_NEEDS_FLOAT64
        inexact |= sums.needs_float64 | (fit.left < LEFT_NEEDS_FLOAT64).any(axis=1)
        if inexact.any():
            rows = np.flatnonzero(inexact)
            G = block.rows(rows, design.layout.slots[group.people], sums.mean[rows])
            xw[rows] = G @ group.W
            fit = _Fit.of(group, sums, xw)
            _sum_what_is_left(fit, group, rows, G)
        results.append(fit.result(group, sums, block.swapped))
    return results


@dataclass(frozen=True)
class _Fit:
    """Fits of m variants to q traits of norm 1, in terms of the counted allele.

    Parameters
    ----------
    unexplained : (m,) share of the genotype's variance that the covariates leave.
    d : (m, 1) that variance, times n. NaN where the genotype does not vary.
    beta, left : (m, q) coefficients, and RSS.
    """

    unexplained: FloatArray
    d: FloatArray
    beta: FloatArray
    left: FloatArray

    @classmethod
    def of(cls, group: LinearGroup, sums: GenotypeSums, xw: FloatArray) -> _Fit:
        """From products (m, k − 1 + q) of the genotypes with a group's columns."""
        Qg, gy = np.split(xw, [group.k - 1], axis=1)
        d = sums.about_mean - (Qg**2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            unexplained = np.where(sums.varies, d / sums.about_mean, np.nan)
            d = np.where(sums.varies & (d > 0), d, np.nan)[:, None]
            beta = gy / d
            return cls(unexplained, d, beta, np.maximum(1 - beta * gy, 0))

    def result(self, group: LinearGroup, sums: GenotypeSums, swapped: BoolArray) -> GroupResult:
        """In the traits' units, per copy of ALT."""
        sign = np.where(swapped, -1.0, 1.0)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            se = np.sqrt(self.left / group.dof / self.d)
            return GroupResult(
                sums=sums.exchanged(swapped),
                beta=sign * self.beta * group.y_norm,
                se=se * group.y_norm,
                t=sign * self.beta / se,
                unexplained=self.unexplained,
                perfect=self.left < group.rounding,
            )


def _sum_what_is_left(
    fit: _Fit, group: LinearGroup, rows: npt.NDArray[np.intp], G: FloatArray
) -> None:
    """Put the sum of squared residuals over samples where it is small into ``fit.left``.

    Parameters
    ----------
    rows : of the variants whose genotypes are G (r, n), missing ones at their mean.
    """
    small = fit.left[rows] < LEFT_NEEDS_FLOAT64
    for j in np.flatnonzero(small.any(axis=0)):
        of = np.flatnonzero(small[:, j])
        Q, y = group.W[:, : group.k - 1], group.W[:, group.k - 1 + j]
        g = G[of] - G[of].mean(axis=1, keepdims=True)
        g -= (g @ Q) @ Q.T
        beta = (g @ y) / (g * g).sum(axis=1)
        residual = y - beta[:, None] * g
        fit.left[rows[of], j] = (residual * residual).sum(axis=1)
