"""Logistic regression of many traits on blocks of packed calls: score, Firth and saddlepoint.

For each variant with dosage g (mean-imputed) and each trait y of n people with covariates X
(n, k), intercept first: with μ the null model's fitted probabilities, W = diag(μ(1 − μ)) and B
the columns of X made orthonormal under W (B'WB = I),

    U = g'(y − μ),   V = g'Wg − ‖B'Wg‖²,   β = U/V,   SE = 1/√V,   z = U/√V.

(y − μ, WB) of all traits share one product with the decoded calls, and the weights one with
their squares. Missing calls enter as 0 and are corrected by a sparse product, times the mean.
Firth's and the saddlepoint test take the variants that a caller chooses, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.blocks import packed
from gwasbone.blocks.linear import EXPLAINED_NEEDS_FLOAT64
from gwasbone.blocks.packed import CallCounts, PeopleColumns, Words
from gwasbone.stats.firth import FirthTests, firth_lrt_many
from gwasbone.stats.logistic import LogisticFit
from gwasbone.stats.saddlepoint import SaddlepointTests, saddlepoint_tests

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NullModel:
    """A trait without genotypes.

    Parameters
    ----------
    y : (n,) 0 or 1. log_odds : (k,) of the covariates. mu, w : (n,) μ and μ(1 − μ).
    B : (n, k) columns of X made orthonormal under the weights w.
    """

    y: FloatArray
    log_odds: FloatArray
    mu: FloatArray
    w: FloatArray
    B: FloatArray

    @classmethod
    def of(cls, X: FloatArray, y: FloatArray, fit: LogisticFit) -> NullModel:
        """Of a converged fit of ``y`` on ``X``, the intercept first."""
        w = fit.fitted * (1 - fit.fitted)
        R = np.linalg.qr(X * np.sqrt(w)[:, None])[1]
        return cls(y, fit.log_odds, fit.fitted, w, np.linalg.solve(R.T, X.T).T)

    @property
    def columns(self) -> FloatArray:
        """(n, k + 1) y − μ, then WB."""
        return np.column_stack([self.y - self.mu, self.B * self.w[:, None]])

    def without_covariates(self, G: FloatArray) -> FloatArray:
        """(m, n) g̃ = g − X(X'WX)⁻¹X'Wg."""
        adjusted: FloatArray = G - (G @ (self.B * self.w[:, None])) @ self.B.T
        return adjusted


@dataclass(frozen=True)
class LogisticGroup:
    """Traits of the same n people.

    Parameters
    ----------
    people : (N,) who of the N people of ``PeopleColumns`` belongs to it; n do.
    mask : their word mask.
    columns, weights : where the group's columns are in the design's ``W`` and ``weights``.
    X : (n, k) covariates.
    """

    people: BoolArray
    mask: Words
    columns: slice
    weights: slice
    X: FloatArray
    nulls: tuple[NullModel, ...]

    @property
    def n(self) -> int:
        return len(self.X)


@dataclass(frozen=True)
class LogisticDesign:
    """Everything about people that a block needs.

    Parameters
    ----------
    W : (slots, c) y − μ and WB of all traits of all groups.
    weights : (slots, q) μ(1 − μ) of all traits of all groups.
    """

    columns: PeopleColumns
    groups: tuple[LogisticGroup, ...]
    anyone: Words
    W: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScoreResult:
    """One group's score tests of m variants; numbers are NaN where g does not vary.

    Parameters
    ----------
    counts : calls among the group's people.
    beta, se, z : (m, q), per copy of ALT.
    unexplained : (m, q) share of the genotype's weighted variance that the covariates leave.
    """

    counts: CallCounts
    beta: FloatArray
    se: FloatArray
    z: FloatArray
    unexplained: FloatArray


def logistic_design(
    columns: PeopleColumns,
    groups: Sequence[tuple[BoolArray, FloatArray, Sequence[NullModel]]],
) -> LogisticDesign:
    """Lay out the columns that every block is multiplied with.

    Parameters
    ----------
    columns : where the N people are in packed rows.
    groups : for each (people (N,) bool, X (n, k) with the intercept first, its traits' nulls).
    """
    made, start, first = [], 0, 0
    for people, X, nulls in groups:
        stop, last = start + len(nulls) * (X.shape[1] + 1), first + len(nulls)
        mask, at, weights = columns.mask(people), slice(start, stop), slice(first, last)
        made.append(LogisticGroup(people, mask, at, weights, X, tuple(nulls)))
        start, first = stop, last
    slots = columns.n_words * packed.PEOPLE_PER_WORD
    W, w = np.zeros((slots, start), np.float32), np.zeros((slots, first), np.float32)
    for group in made:
        own = columns.slots[group.people]
        W[own, group.columns] = np.column_stack([null.columns for null in group.nulls])
        w[own, group.weights] = np.column_stack([null.w for null in group.nulls])
    anyone = np.logical_or.reduce([group.people for group in made])
    return LogisticDesign(columns, tuple(made), columns.mask(anyone), W, w)


def score_block(words: Words, design: LogisticDesign) -> list[ScoreResult]:
    """Score tests of m variants in every group; see the module for the model."""
    everyone = packed.count_calls(words, design.anyone, int(np.bitwise_count(design.anyone).sum()))
    # the rarer allele is counted: sums are then as small as the variance, which float32 needs
    swapped = everyone.alt > everyone.called
    minor = packed.swap_alleles(words, swapped)
    products = packed.multiply(minor, design.W)
    squares = packed.multiply(minor, design.weights, squares=True)
    missing = packed.missing_calls(minor, design.anyone)
    if missing is not None:
        absent = np.asarray(missing @ design.W, dtype=np.float64)
        absent_weight = np.asarray(missing @ design.weights, dtype=np.float64)
    results = []
    for group in design.groups:
        counts = packed.count_calls(minor, group.mask, group.n)
        mean = counts.alt / np.maximum(counts.called, 1)
        xw, gwg = products[:, group.columns].copy(), squares[:, group.weights].copy()
        if missing is not None:
            xw += mean[:, None] * absent[:, group.columns]
            gwg += (mean**2)[:, None] * absent_weight[:, group.weights]
        results.append(_scores(words, design, group, counts, swapped, xw, gwg))
    return results


def _scores(
    words: Words,
    design: LogisticDesign,
    group: LogisticGroup,
    minor: CallCounts,
    swapped: BoolArray,
    xw: FloatArray,
    gwg: FloatArray,
) -> ScoreResult:
    m, q = gwg.shape
    xw = xw.reshape(m, q, -1)
    U, V, unexplained = _score_parts(xw, gwg)
    varies = (minor.called > 0) & (
        np.maximum.reduce([minor.het, minor.hom_alt, minor.hom_ref]) < minor.called
    )
    close = np.flatnonzero(varies & (unexplained < 1 - EXPLAINED_NEEDS_FLOAT64).any(axis=1))
    sign = np.where(swapped, -1.0, 1.0)
    if close.size:
        G = dosages(words[close], design, group)
        exact = np.stack([G @ null.columns for null in group.nulls], axis=1)
        squares = (G * G) @ np.column_stack([null.w for null in group.nulls])
        U[close], V[close], unexplained[close] = _score_parts(exact, squares)
        U[close] *= sign[close, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        V = np.where(varies[:, None] & (V > 0), V, np.nan)
        z = sign[:, None] * U / np.sqrt(V)
        unexplained = np.where(varies[:, None], unexplained, np.nan)
        return ScoreResult(minor.exchanged(swapped), z / np.sqrt(V), 1 / np.sqrt(V), z, unexplained)


def _score_parts(xw: FloatArray, gwg: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """U, V and the share of variance left, (m, q) each, from (m, q, k + 1) products.

    The first column of WB is the intercept's.
    """
    U, explained = xw[:, :, 0].copy(), (xw[:, :, 1:] ** 2).sum(axis=2)
    V = gwg - explained
    with np.errstate(divide="ignore", invalid="ignore"):
        return U, V, V / (gwg - xw[:, :, 1] ** 2)


def dosages(words: Words, design: LogisticDesign, group: LogisticGroup) -> FloatArray:
    """(m, n) copies of ALT of a group's people in float64, missing calls at their mean."""
    slots = design.columns.slots[group.people]
    G = packed.decode(words.view(np.uint8))[:, slots].astype(np.float64)
    missing = packed.missing_calls(words, group.mask)
    if missing is not None:
        counts = packed.count_calls(words, group.mask, group.n)
        mean = counts.alt / np.maximum(counts.called, 1)
        G += mean[:, None] * missing.toarray()[:, slots]
    return G


def firth_tests(G: FloatArray, group: LogisticGroup, null: NullModel) -> FirthTests:
    """Firth's penalised likelihood-ratio test of dosages (see :func:`dosages`)."""
    return firth_lrt_many(group.X, G, null.y, null.log_odds)


def spa_tests(G: FloatArray, null: NullModel) -> SaddlepointTests:
    """Saddlepoint p-values of the scores of dosages (see :func:`dosages`)."""
    adjusted = null.without_covariates(G)
    return saddlepoint_tests(adjusted, null.mu, adjusted @ (null.y - null.mu))
