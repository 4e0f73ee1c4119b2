"""Heritability of many scans and all their genetic correlations by LD score regression.

The numbers are those of :func:`gwasbone.sumstats.ldsc.genetic_correlation` for every pair alone, in
single precision: what pairs share (the variances of a trait, its heritability) is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.blocks.mapping import map_blocks
from gwasbone.errors import UsageError
from gwasbone.sumstats.ldsc import (
    GeneticCorrelation,
    Heritability,
    correlation_of_fit,
    genetic_correlation,
    heritability,
    heritability_of_fit,
)
from gwasbone.sumstats.ldsc_input import LdscInput
from gwasbone.sumstats.ldsc_regression import Expected, Scores, Trait, fit_products
from gwasbone.sumstats.options import LdscOptions

#: With fewer variants for each block a pair is computed by itself, in double precision.
_FEW_PER_BLOCK = 20


def heritabilities(data: LdscInput, options: LdscOptions | None = None) -> list[Heritability]:
    """SNP heritability of each scan, each from all variants that it has.

    Parameters
    ----------
    data : from :func:`gwasbone.sumstats.ldsc_input.ldsc_input`.
    """
    rule = options or LdscOptions()
    return [
        heritability(
            z.astype(np.float64) ** 2, data.ld_score, n, m_ld=data.m_ld,
            weight_ld_score=data.weight_ld_score, n_blocks=rule.n_blocks,
            two_step=rule.two_step or None,
        )
        for z, n in zip(data.z, data.n, strict=True)
    ]  # fmt: skip


@dataclass(frozen=True)
class PairOfTraits:
    """Genetic correlation of two of several scans.

    Parameters
    ----------
    first, second : numbers of the scans.
    found : the correlation, from the variants that both have.
    """

    first: int
    second: int
    found: GeneticCorrelation


def genetic_correlations(
    data: LdscInput,
    options: LdscOptions | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[PairOfTraits]:
    """Genetic correlation of each scan with each, from the variants that both have.

    Parameters
    ----------
    data : from :func:`gwasbone.sumstats.ldsc_input.ldsc_input`, of two or more scans.

    Raises
    ------
    UsageError
        There is one scan only.
    """
    if len(data.names) < 2:
        raise UsageError(f"genetic correlation: expected two or more scans, got {data.names}")
    pairs = list(combinations(range(len(data.names)), 2))
    matrix = _Matrix(data, options or LdscOptions())
    count = ProgressCount(progress, "genetic correlations", len(pairs))

    def fit(pair: tuple[int, int]) -> PairOfTraits:
        found = PairOfTraits(*pair, matrix.pair(*pair))
        count.add(1)
        return found

    return list(map_blocks(fit, pairs, threads=threads))


class _Matrix:
    """What the pairs of several scans share."""

    def __init__(self, data: LdscInput, rule: LdscOptions) -> None:
        self.data, self.rule = data, rule
        self.there = np.isfinite(data.z)
        self.n_there = self.there.sum(axis=1)
        self.every = np.arange(data.z.shape[1])
        self.scores = Scores.of(data.ld_score, data.weight_ld_score, data.m_ld).single()
        self._alone: dict[int, tuple[Trait, Heritability]] = {}

    @property
    def below(self) -> float | None:
        return self.rule.two_step or None

    def trait(self, k: int, rows: npt.NDArray[np.intp]) -> Trait:
        root = np.sqrt(self.data.n[k, rows] * self.scores.level[rows])
        return Trait(self.data.z[k, rows], root)

    def fitted(self, trait: Trait, scores: Scores) -> tuple[Trait, Heritability]:
        fit = fit_products(trait, None, scores, self.rule.n_blocks, below=self.below)
        found = heritability_of_fit(fit, trait.z.astype(np.float64) ** 2, None)
        return trait.with_expected(Expected(found.h2, found.intercept)), found

    def pair(self, a: int, b: int) -> GeneticCorrelation:
        m = len(self.scores.w)
        complete = self.n_there[a] == self.n_there[b] == m
        rows = self.every if complete else np.flatnonzero(self.there[a] & self.there[b])
        if len(rows) < _FEW_PER_BLOCK * self.rule.n_blocks:
            return self._by_itself(a, b, rows)
        scores = self.scores if len(rows) == m else self.scores.take(rows)
        # a scan that has no other variants than the pair is the same in every such pair
        one, other = (
            self._once(k, rows, scores)
            if len(rows) == self.n_there[k]
            else self.fitted(self.trait(k, rows), scores)
            for k in (a, b)
        )
        fit = fit_products(one[0], other[0], scores, self.rule.n_blocks, below=self.below)
        n_blocks = {
            len(found) for found in (fit.slope_deleted, one[1].h2_deleted, other[1].h2_deleted)
        }
        if len(n_blocks) > 1:  # nearly all variants are above the threshold of the first step
            return self._by_itself(a, b, rows)
        return correlation_of_fit(fit, one[1], other[1], len(rows))

    def _once(
        self, k: int, rows: npt.NDArray[np.intp], scores: Scores
    ) -> tuple[Trait, Heritability]:
        if k not in self._alone:
            self._alone[k] = self.fitted(self.trait(k, rows), scores)
        return self._alone[k]

    def _by_itself(self, a: int, b: int, rows: npt.NDArray[np.intp]) -> GeneticCorrelation:
        data = self.data
        return genetic_correlation(
            data.z[a, rows], data.z[b, rows], data.ld_score[rows], data.n[a, rows],
            data.n[b, rows], m_ld=data.m_ld, weight_ld_score=data.weight_ld_score[rows],
            n_blocks=self.rule.n_blocks, two_step=self.below,
        )  # fmt: skip


def liability_factor(sample_prevalence: float, population_prevalence: float) -> float:
    """What turns heritability on the observed 0/1 scale into that on the scale of liability.

    K²(1 − K)²/(P(1 − P) φ(t)²), with t the threshold of liability that K of the population exceed.

    Parameters
    ----------
    sample_prevalence, population_prevalence : P, cases among the participants, and K.

    Raises
    ------
    UsageError
        A prevalence is not between 0 and 1.

    References
    ----------
    Lee et al. (2011), American Journal of Human Genetics 88:294.

    Examples
    --------
    >>> round(liability_factor(0.5, 0.01), 4)
    0.5519
    """
    from scipy.special import ndtri

    for name, value in (("sample", sample_prevalence), ("population", population_prevalence)):
        if not 0 < value < 1:
            raise UsageError(f"{name} prevalence: expected between 0 and 1, got {value:g}")
    p, k = sample_prevalence, population_prevalence
    density = np.exp(-(float(ndtri(k)) ** 2) / 2) / np.sqrt(2 * np.pi)
    return float(k**2 * (1 - k) ** 2 / (p * (1 - p) * density**2))
