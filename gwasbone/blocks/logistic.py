"""Logistic regression of many traits on blocks of genotypes: score, Firth and saddlepoint.

For each variant with dosage g (mean-imputed) and each trait y of n people with covariates X
(n, k), intercept first: with μ the null model's fitted probabilities, W = diag(μ(1 − μ)) and B
the columns of X made orthonormal under W (B'WB = I),

    U = g'(y − μ),   V = g'Wg − ‖B'Wg‖²,   β = U/V,   SE = 1/√V,   z = U/√V.

An offset, log odds known beforehand, is part of the null model's linear predictor and so of μ.

(y − μ, WB) of all traits share one product with the genotypes, and the weights one with
their squares. Missing genotypes enter as 0 and are corrected by a sparse product, times the mean.
Firth's and the saddlepoint test take the variants that a caller chooses, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.genotypes import GenotypeBlock, GenotypeSums, PeopleLayout
from gwasbone.blocks.linear import EXPLAINED_NEEDS_FLOAT64
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
    offset : (n,) log odds known beforehand, None for none.
    """

    y: FloatArray
    log_odds: FloatArray
    mu: FloatArray
    w: FloatArray
    B: FloatArray
    offset: FloatArray | None = None

    @classmethod
    def of(
        cls, X: FloatArray, y: FloatArray, fit: LogisticFit, offset: FloatArray | None = None
    ) -> NullModel:
        """Of a converged fit of ``y`` on ``X``, the intercept first, beyond an offset."""
        w = fit.fitted * (1 - fit.fitted)
        R = np.linalg.qr(X * np.sqrt(w)[:, None])[1]
        return cls(y, fit.log_odds, fit.fitted, w, np.linalg.solve(R.T, X.T).T, offset)

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
    """Traits of the same n samples.

    Parameters
    ----------
    people : (N,) who of the N people of the layout belongs to it; n do.
    mask : the same, as blocks take it.
    columns, weights : where the group's columns are in the design's ``W`` and ``weights``.
    X : (n, k) covariates.
    """

    people: BoolArray
    mask: Any
    columns: slice
    weights: slice
    X: FloatArray
    nulls: tuple[NullModel, ...]

    @property
    def n(self) -> int:
        return len(self.X)


@dataclass(frozen=True)
class LogisticDesign:
    """Everything about samples that a block needs.

    Parameters
    ----------
    W : (slots, c) y − μ and WB of all traits of all groups.
    weights : (slots, q) μ(1 − μ) of all traits of all groups.
    """

    layout: PeopleLayout
    groups: tuple[LogisticGroup, ...]
    anyone: Any
    W: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScoreResult:
    """One group's score tests of m variants; numbers are NaN where g does not vary.

    Parameters
    ----------
    sums : of ALT over the group's people.
    beta, se, z : (m, q), per copy of ALT.
    unexplained : (m, q) share of the genotype's weighted variance that the covariates leave.
    """

    sums: GenotypeSums
    beta: FloatArray
    se: FloatArray
    z: FloatArray
    unexplained: FloatArray


def logistic_design(
    layout: PeopleLayout,
    groups: Sequence[tuple[BoolArray, FloatArray, Sequence[NullModel]]],
) -> LogisticDesign:
    """Lay out the columns that every block is multiplied with.

    Parameters
    ----------
    layout : where the N people are in the rows of blocks.
    groups : for each (people (N,) bool, X (n, k) with the intercept first, its traits' nulls).
    """
    made, start, first = [], 0, 0
    for people, X, nulls in groups:
        stop, last = start + len(nulls) * (X.shape[1] + 1), first + len(nulls)
        mask, at, weights = layout.mask(people), slice(start, stop), slice(first, last)
        made.append(LogisticGroup(people, mask, at, weights, X, tuple(nulls)))
        start, first = stop, last
    slots = layout.n_slots
    W, w = np.zeros((slots, start), np.float32), np.zeros((slots, first), np.float32)
    for group in made:
        own = layout.slots[group.people]
        W[own, group.columns] = np.column_stack([null.columns for null in group.nulls])
        w[own, group.weights] = np.column_stack([null.w for null in group.nulls])
    anyone = np.logical_or.reduce([group.people for group in made])
    return LogisticDesign(layout, tuple(made), layout.mask(anyone), W, w)


def score_block(genotypes: GenotypeBlock, design: LogisticDesign) -> list[ScoreResult]:
    """Score tests of m variants in every group; see the module for the model."""
    block = genotypes.counting_rarer(design.anyone)
    products = block.multiply(design.W)
    squares = block.multiply_squares(design.weights)
    absent = block.multiply_missing(design.W)
    absent_weight = block.multiply_missing(design.weights)
    results = []
    for group in design.groups:
        sums = block.sums(group.mask, group.n)
        xw, gwg = products[:, group.columns].copy(), squares[:, group.weights].copy()
        if absent is not None and absent_weight is not None:
            xw += sums.mean[:, None] * absent[:, group.columns]
            gwg += (sums.mean**2)[:, None] * absent_weight[:, group.weights]
        results.append(_scores(block, design, group, sums, xw, gwg))
    return results


def _scores(
    block: GenotypeBlock,
    design: LogisticDesign,
    group: LogisticGroup,
    sums: GenotypeSums,
    xw: FloatArray,
    gwg: FloatArray,
) -> ScoreResult:
    m, q = gwg.shape
    U, V, unexplained = _score_parts(xw.reshape(m, q, -1), gwg)
    varies = sums.varies
    explained = (unexplained < 1 - EXPLAINED_NEEDS_FLOAT64).any(axis=1)
    inexact = np.flatnonzero(varies & (explained | sums.needs_float64))
    if inexact.size:
        G = block.rows(inexact, design.layout.slots[group.people], sums.mean[inexact])
        exact = np.stack([G @ null.columns for null in group.nulls], axis=1)
        squares = (G * G) @ np.column_stack([null.w for null in group.nulls])
        U[inexact], V[inexact], unexplained[inexact] = _score_parts(exact, squares)
    sign = np.where(block.swapped, -1.0, 1.0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        V = np.where(varies[:, None] & (V > 0), V, np.nan)
        z = sign * U / np.sqrt(V)
        unexplained = np.where(varies[:, None], unexplained, np.nan)
        alt = sums.exchanged(block.swapped)
        return ScoreResult(alt, z / np.sqrt(V), 1 / np.sqrt(V), z, unexplained)


def _score_parts(xw: FloatArray, gwg: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """U, V and the share of variance left, (m, q) each, from (m, q, k + 1) products.

    The first column of WB is the intercept's.
    """
    U, explained = xw[:, :, 0].copy(), (xw[:, :, 1:] ** 2).sum(axis=2)
    V = gwg - explained
    with np.errstate(divide="ignore", invalid="ignore"):
        return U, V, V / (gwg - xw[:, :, 1] ** 2)


def firth_tests(G: FloatArray, group: LogisticGroup, null: NullModel) -> FirthTests:
    """Firth's penalised likelihood-ratio test of dosages, (m, n) without missing ones."""
    return firth_lrt_many(group.X, G, null.y, null.log_odds, null.offset)


def spa_tests(G: FloatArray, null: NullModel) -> SaddlepointTests:
    """Saddlepoint p-values of the scores of dosages, (m, n) without missing ones."""
    adjusted = null.without_covariates(G)
    return saddlepoint_tests(adjusted, null.mu, adjusted @ (null.y - null.mu))
