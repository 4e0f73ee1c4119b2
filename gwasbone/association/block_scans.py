"""Scans of the block engine: linear, and logistic with score, Firth's or the saddlepoint test.

The models are those of :mod:`gwasbone.blocks.linear` and :mod:`gwasbone.blocks.logistic`. Firth's
test is the full penalised likelihood-ratio test, with all covariates refitted for each variant, as
the Hail engine's is. Saddlepoint rows have β = U/V of the score test and the SE that agrees with
their p, abs(β)/z.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.design import Design
from gwasbone.association.options import AssociationOptions
from gwasbone.association.rows import (
    RowStatistics,
    results_table,
    status_of,
    variant_columns,
    with_perfect_fits,
)
from gwasbone.association.trait_groups import TraitGroup
from gwasbone.blocks.genotypes import (
    GenotypeBlock,
    GenotypeSums,
    PackedBlock,
    PeopleLayout,
    alt_dosages,
)
from gwasbone.blocks.linear import GroupResult, linear_block, linear_design
from gwasbone.blocks.logistic import (
    LogisticGroup,
    NullModel,
    ScoreResult,
    firth_tests,
    logistic_design,
    score_block,
    spa_tests,
)
from gwasbone.stats.firth import SMALLEST_CHI2
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p, neg_log10_p_normal, neg_log10_p_t

FloatArray = npt.NDArray[np.float64]

#: Tests of a logistic scan that this engine has.
LOGISTIC_TESTS = ("score", "firth", "spa")

#: Score p-value below which a variant is tested again, as in the Hail engine.
REPEAT_BELOW_P = 0.05


#: Genotypes, variants times people, from which on a scan is worth loading compiled kernels.
WORTH_COMPILING = 200_000_000


class Scan(Protocol):
    """A scan with everything about its people laid out."""

    def block(self, genotypes: GenotypeBlock) -> Any:
        """Results of a block of genotypes; called in several threads or processes."""

    def tables(self, variants: pd.DataFrame, results: list[Any]) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table of consecutive blocks."""


class MixedScan:
    """Several scans of the same genotypes, which are read once for all of them.

    Parameters
    ----------
    scans : whose traits differ. traits : names of all, in the order of the results.
    """

    def __init__(self, scans: Sequence[Scan], traits: Sequence[str]) -> None:
        self._scans, self._traits = tuple(scans), tuple(traits)

    def block(self, genotypes: GenotypeBlock) -> list[Any]:
        """See :class:`Scan`: the results of each scan."""
        return [scan.block(genotypes) for scan in self._scans]

    def tables(self, variants: pd.DataFrame, results: list[list[Any]]) -> dict[str, pd.DataFrame]:
        """See :class:`Scan`."""
        tables: dict[str, pd.DataFrame] = {}
        for scan, of_scan in zip(self._scans, zip(*results, strict=True), strict=True):
            tables |= scan.tables(variants, list(of_scan))
        return {trait: tables[trait] for trait in self._traits}


def _by_group(
    design: Design, results: list[list[Any]]
) -> Iterator[tuple[TraitGroup, list[Any], RowStatistics]]:
    """Each group of traits, its results of consecutive blocks, and what they say of its people."""
    for g, group in enumerate(design.groups):
        parts = [block[g] for block in results]
        yield group, parts, RowStatistics.from_sums(part.sums for part in parts)


def _of_traits(parts: list[Any], name: str) -> npt.NDArray[Any]:
    """(q, m) some results of a group of traits, of consecutive blocks."""
    return np.concatenate([getattr(part, name) for part in parts], axis=1)


@dataclass(frozen=True)
class LinearTests:
    """One group's results of a block, (q, m) each but ``sums`` and ``unexplained`` (m,)."""

    sums: GenotypeSums
    unexplained: FloatArray
    beta: FloatArray
    se: FloatArray
    t: FloatArray
    neg_log10_p: FloatArray
    perfect: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, result: GroupResult, dof: float) -> LinearTests:
        """With p-values, which are made here since every core computes blocks."""
        beta, se, t, perfect = (
            np.ascontiguousarray(getattr(result, name).T) for name in ("beta", "se", "t", "perfect")
        )
        p = neg_log10_p_t(t, dof)
        return cls(result.sums, result.unexplained, beta, se, t, p, perfect)


def _counted_fast(genotypes: GenotypeBlock, compiled: bool) -> GenotypeBlock:
    """The same block, of compiled kernels where they are asked for and it has any."""
    if not compiled or not isinstance(genotypes, PackedBlock):
        return genotypes
    from gwasbone.blocks.packed_kernels import CompiledBlock

    return CompiledBlock.around(genotypes)


class LinearScan:
    """Linear regression of every trait of a design.

    Parameters
    ----------
    compiled : compute by compiled kernels: see ``WORTH_COMPILING``.
    """

    def __init__(self, design: Design, layout: PeopleLayout, *, compiled: bool = False) -> None:
        self._design, self._compiled = design, compiled
        groups = [(group.people, group.X, group.beyond_offset) for group in design.groups]
        self._prepared = linear_design(layout, groups)

    def block(self, genotypes: GenotypeBlock) -> list[LinearTests]:
        """Results of each group of traits."""
        results = linear_block(_counted_fast(genotypes, self._compiled), self._prepared)
        return [
            LinearTests.of(result, group.dof)
            for group, result in zip(self._prepared.groups, results, strict=True)
        ]

    def tables(
        self, variants: pd.DataFrame, results: list[list[LinearTests]]
    ) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table."""
        named = variant_columns(variants)
        tables: dict[str, pd.DataFrame] = {}
        for group, parts, statistics in _by_group(self._design, results):
            status = status_of(statistics, np.concatenate([p.unexplained for p in parts]))
            dof = float(len(group.X) - group.X.shape[1] - 1)
            names = ("beta", "se", "t", "neg_log10_p", "perfect")
            beta, se, t, p, perfect = (_of_traits(parts, name) for name in names)
            for j, trait in enumerate(group.traits):
                tables[trait.name] = results_table(
                    named, statistics, n=trait.n, beta=beta[j], se=se[j], statistic=t[j], dof=dof,
                    neg_log10_p=p[j], test="t", status=with_perfect_fits(status, perfect[j]),
                )  # fmt: skip
        return tables


@dataclass(frozen=True)
class GroupTests:
    """One group's results of a block, (m, q) each; ``test`` says how a number was found."""

    sums: GenotypeSums
    beta: FloatArray
    se: FloatArray
    statistic: FloatArray
    test: npt.NDArray[np.object_]
    status: npt.NDArray[np.object_]


class LogisticScan:
    """Logistic regression of every trait of a design.

    Parameters
    ----------
    options : whose ``test`` is ``score`` (Firth's test where its p is below 0.05), ``firth`` or
        ``spa``.
    compiled : compute by compiled kernels: see ``WORTH_COMPILING``.

    Raises
    ------
    InputError
        A trait whose model of covariates alone has no maximum.
    """

    def __init__(
        self,
        design: Design,
        layout: PeopleLayout,
        options: AssociationOptions,
        *,
        compiled: bool = False,
    ) -> None:
        self._design, self._test, self._compiled = design, options.test, compiled
        groups = [
            (
                group.people,
                group.X,
                [
                    NullModel.of(group.X, group.Y[:, j], group.null_model(j), group.offset_of(j))
                    for j in range(len(group.traits))
                ],
            )
            for group in design.groups
        ]
        self._prepared = logistic_design(layout, groups)

    def block(self, genotypes: GenotypeBlock) -> list[GroupTests]:
        """Results of each group of traits."""
        scores = score_block(_counted_fast(genotypes, self._compiled), self._prepared)
        return [
            self._group(genotypes, group, result)
            for group, result in zip(self._prepared.groups, scores, strict=True)
        ]

    def _group(
        self, genotypes: GenotypeBlock, group: LogisticGroup, scores: ScoreResult
    ) -> GroupTests:
        statistics = RowStatistics.from_sums([scores.sums])
        status = np.column_stack([status_of(statistics, share) for share in scores.unexplained.T])
        label = "firth" if self._test == "firth" else "score"
        tests = GroupTests(
            scores.sums, scores.beta, scores.se, scores.z,
            np.full(status.shape, label, dtype=object), status,
        )  # fmt: skip
        again = status == ""
        if self._test != "firth":
            again &= neg_log10_p_normal(scores.z) > -np.log10(REPEAT_BELOW_P)
        chosen = np.flatnonzero(again.any(axis=1))
        if chosen.size:
            layout = self._prepared.layout
            G = alt_dosages(genotypes, chosen, layout, group.people, scores.sums)
            for j, null in enumerate(group.nulls):
                wanted = again[chosen, j]
                if wanted.any():
                    self._repeat(tests, chosen[wanted], j, G[wanted], group, null)
        return tests

    def _repeat(
        self,
        tests: GroupTests,
        rows: npt.NDArray[np.intp],
        j: int,
        G: FloatArray,
        group: LogisticGroup,
        null: NullModel,
    ) -> None:
        """Put another test of some variants in the place of trait j's score test."""
        if self._test == "spa":
            spa = spa_tests(G, null)
            chi2 = chi2_1_from_neg_log10_p(spa.neg_log10_p)
            size = np.abs(tests.beta[rows, j])
            with np.errstate(divide="ignore", invalid="ignore"):
                agreeing = size / np.sqrt(chi2)
            tests.statistic[rows, j] = np.sign(tests.beta[rows, j]) * np.sqrt(chi2)
            tests.se[rows, j] = np.where(chi2 > SMALLEST_CHI2, agreeing, tests.se[rows, j])
            tests.test[rows, j], solved = "spa", spa.solved
        else:
            firth = firth_tests(G, group, null, compiled=self._compiled)
            tests.beta[rows, j], tests.se[rows, j] = firth.log_odds, firth.se
            tests.statistic[rows, j] = np.sign(firth.log_odds) * np.sqrt(firth.chi2)
            tests.test[rows, j], solved = "firth", firth.converged
        tests.status[rows[~solved], j] = "no_convergence"

    def tables(
        self, variants: pd.DataFrame, results: list[list[GroupTests]]
    ) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table."""
        named = variant_columns(variants)
        tables: dict[str, pd.DataFrame] = {}
        for group, parts, statistics in _by_group(self._design, results):
            for j, trait in enumerate(group.traits):
                beta, se, z, test, status = (
                    np.concatenate([getattr(part, name)[:, j] for part in parts])
                    for name in ("beta", "se", "statistic", "test", "status")
                )
                tables[trait.name] = results_table(
                    named, statistics, n=trait.n, beta=beta, se=se, statistic=z, dof=np.inf,
                    neg_log10_p=neg_log10_p_normal(z), test=test, status=status,
                )  # fmt: skip
        return tables
