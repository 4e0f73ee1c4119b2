"""Linear regression of many traits on blocks of genotypes, packed calls or dosages.

For each variant with dosage g and each trait y of n people with covariates X (n, k), intercept
first: with Q an orthonormal basis of X, y⊥ = y − QQ'y and g mean-imputed,

    d = g'g − ‖Q'g‖²,   β = g'y⊥ / d,   RSS = y⊥'y⊥ − β·g'y⊥,   se² = RSS / ((n − k − 1) d).

All traits and the covariates of all groups of people share one product with the genotypes.
Missing genotypes enter that product as 0 and are corrected by their own sparse product, times the
mean. Sums (and so g'g and the intercept's part of Q'g) are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.genotypes import GenotypeBlock, GenotypeSums, PeopleLayout

FloatArray = npt.NDArray[np.float64]

#: Where covariates explain more than this of a genotype's variance, float32 is not enough.
EXPLAINED_NEEDS_FLOAT64 = 0.999


@dataclass(frozen=True)
class LinearGroup:
    """Traits of the same n people.

    Parameters
    ----------
    people : (N,) who of the N people of the layout belongs to it; n do.
    mask : the same, as blocks take it.
    columns : where the group's covariates and traits are among the columns of ``W``.
    k : covariates with the intercept, q : traits.
    y_norm : (q,) ‖y⊥‖; the columns of W hold y⊥ / ‖y⊥‖.
    W : (n, k − 1 + q) the group's part of the design's W in float64.
    """

    people: npt.NDArray[np.bool_]
    mask: Any
    columns: slice
    n: int
    k: int
    q: int
    y_norm: FloatArray
    W: FloatArray

    @property
    def dof(self) -> int:
        return self.n - self.k - 1


@dataclass(frozen=True)
class LinearDesign:
    """Everything about people that a block needs: W (slots, c) and the groups."""

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
    """

    sums: GenotypeSums
    beta: FloatArray
    se: FloatArray
    t: FloatArray
    unexplained: FloatArray


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
        residual = Y - Q @ (Q.T @ Y)
        residual -= Q @ (Q.T @ residual)
        norm = np.linalg.norm(residual, axis=0)
        W = np.column_stack([Q[:, 1:], residual / norm])
        stop = start + W.shape[1]
        mask, at = layout.mask(people), slice(start, stop)
        made.append(LinearGroup(people, mask, at, n, k, Y.shape[1], norm, W))
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
        result = _solve(group, sums, xw, block.swapped)
        inexact = (result.unexplained < 1 - EXPLAINED_NEEDS_FLOAT64) | sums.needs_float64
        if inexact.any():
            rows = np.flatnonzero(inexact)
            G = block.rows(rows, design.layout.slots[group.people], sums.mean[rows])
            xw[rows] = G @ group.W
            result = _solve(group, sums, xw, block.swapped)
        results.append(result)
    return results


def _solve(
    group: LinearGroup, sums: GenotypeSums, xw: FloatArray, swapped: npt.NDArray[np.bool_]
) -> GroupResult:
    """Results in terms of ALT from sums and products of the counted allele."""
    total, sign = sums.about_mean, np.where(swapped, -1.0, 1.0)[:, None]
    Qg, gy = np.split(xw, [group.k - 1], axis=1)
    d = total - (Qg**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        unexplained = np.where(sums.varies, d / total, np.nan)
        d = np.where(sums.varies & (d > 0), d, np.nan)[:, None]
        xy = gy * group.y_norm
        beta = xy / d
        rss = np.maximum(group.y_norm**2 - beta * xy, 0)
        se = np.sqrt(rss / group.dof / d)
        return GroupResult(sums.exchanged(swapped), sign * beta, se, sign * beta / se, unexplained)
