"""Linear regression of many traits on blocks of packed calls.

For each variant with dosage g and each trait y of n people with covariates X (n, k), intercept
first: with Q an orthonormal basis of X, y⊥ = y − QQ'y and g mean-imputed,

    d = g'g − ‖Q'g‖²,   β = g'y⊥ / d,   RSS = y⊥'y⊥ − β·g'y⊥,   se² = RSS / ((n − k − 1) d).

All traits and the covariates of all groups of people share one product with the decoded calls.
Missing calls enter that product as 0 and are corrected by their own sparse product, times the
mean. Counts (and so g'g and the intercept's part of Q'g) are exact integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.blocks import packed
from gwasbone.blocks.packed import CallCounts, PeopleColumns, Words

FloatArray = npt.NDArray[np.float64]

#: Where covariates explain more than this of a genotype's variance, float32 is not enough.
EXPLAINED_NEEDS_FLOAT64 = 0.999


@dataclass(frozen=True)
class LinearGroup:
    """Traits of the same n people.

    Parameters
    ----------
    people : (N,) who of the N people of ``PeopleColumns`` belongs to it; n do.
    mask : their word mask.
    columns : where the group's covariates and traits are among the columns of ``W``.
    k : covariates with the intercept, q : traits.
    y_norm : (q,) ‖y⊥‖; the columns of W hold y⊥ / ‖y⊥‖.
    W : (n, k − 1 + q) the group's part of the design's W in float64.
    """

    people: npt.NDArray[np.bool_]
    mask: Words
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

    columns: PeopleColumns
    groups: tuple[LinearGroup, ...]
    anyone: Words
    W: npt.NDArray[np.float32]


@dataclass(frozen=True)
class GroupResult:
    """One group's results for m variants; numbers are NaN where g does not vary.

    Parameters
    ----------
    counts : calls among the group's people.
    beta, se, t : (m, q), per copy of ALT.
    unexplained : (m,) share of the genotype's variance that the covariates leave; NaN for none.
    """

    counts: CallCounts
    beta: FloatArray
    se: FloatArray
    t: FloatArray
    unexplained: FloatArray


def linear_design(
    columns: PeopleColumns,
    groups: Sequence[tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]],
) -> LinearDesign:
    """Residualise traits and covariates once.

    Parameters
    ----------
    columns : where the N people are in packed rows.
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
        mask, at = columns.mask(people), slice(start, stop)
        made.append(LinearGroup(people, mask, at, n, k, Y.shape[1], norm, W))
        start = stop
    anyone = np.logical_or.reduce([group.people for group in made])
    everything = np.zeros((columns.n_words * packed.PEOPLE_PER_WORD, start), dtype=np.float32)
    for group in made:
        everything[columns.slots[group.people], group.columns] = group.W
    return LinearDesign(columns, tuple(made), columns.mask(anyone), everything)


def linear_block(words: Words, design: LinearDesign) -> list[GroupResult]:
    """Test m variants in every group; see the module for the model."""
    everyone = packed.count_calls(words, design.anyone, _n_set(design.anyone))
    # the rarer allele is counted: sums are then as small as the variance, which float32 needs
    swapped = everyone.alt > everyone.called
    minor = packed.swap_alleles(words, swapped)
    products = packed.multiply(minor, design.W)
    missing = packed.missing_calls(minor, design.anyone)
    absent = None if missing is None else np.asarray(missing @ design.W, dtype=np.float64)
    sign = np.where(swapped, -1.0, 1.0)
    results = []
    for group in design.groups:
        counts = packed.count_calls(minor, group.mask, group.n)
        mean = counts.alt / np.maximum(counts.called, 1)
        xw = products[:, group.columns].copy()
        if absent is not None:
            xw += mean[:, None] * absent[:, group.columns]
        result = _solve(group, counts, mean, xw, sign)
        explained = result.unexplained < 1 - EXPLAINED_NEEDS_FLOAT64
        if explained.any():
            xw[explained] = _exact_products(minor[explained], design, group, mean[explained])
            result = _solve(group, counts, mean, xw, sign)
        results.append(_in_alt(result, swapped))
    return results


def _solve(
    group: LinearGroup, counts: CallCounts, mean: FloatArray, xw: FloatArray, sign: FloatArray
) -> GroupResult:
    called, n_missing = counts.called, group.n - counts.called
    gg = counts.het + 4.0 * counts.hom_alt + n_missing * mean**2
    total = gg - group.n * mean**2  # the imputed genotype's sum of squares about its mean
    varies = (called > 0) & (total > 1e-9 * np.maximum(gg, 1))
    Qg, gy = np.split(xw, [group.k - 1], axis=1)
    d = total - (Qg**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        unexplained = np.where(varies, d / total, np.nan)
        d = np.where(varies & (d > 0), d, np.nan)[:, None]
        xy = gy * group.y_norm
        beta = xy / d
        rss = np.maximum(group.y_norm**2 - beta * xy, 0)
        se = np.sqrt(rss / group.dof / d)
        return GroupResult(counts, sign[:, None] * beta, se, sign[:, None] * beta / se, unexplained)


def _exact_products(
    words: Words, design: LinearDesign, group: LinearGroup, mean: FloatArray
) -> FloatArray:
    """The group's columns of G @ W in float64, missing calls at the mean."""
    slots = design.columns.slots[group.people]
    G = packed.decode(words.view(np.uint8))[:, slots].astype(np.float64)
    missing = packed.missing_calls(words, group.mask)
    if missing is not None:
        G += mean[:, None] * missing.toarray()[:, slots]
    return G @ group.W


def _in_alt(result: GroupResult, swapped: npt.NDArray[np.bool_]) -> GroupResult:
    """Counts in terms of ALT again; effects already are."""
    c = result.counts
    counts = CallCounts(
        het=c.het,
        hom_alt=np.where(swapped, c.hom_ref, c.hom_alt),
        hom_ref=np.where(swapped, c.hom_alt, c.hom_ref),
    )
    return GroupResult(counts, result.beta, result.se, result.t, result.unexplained)


def _n_set(mask: Words) -> int:
    return int(np.bitwise_count(mask).sum())
