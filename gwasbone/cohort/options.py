"""Options of quality control, pruning, components, the ancestry filter and relatives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from gwasbone.errors import UsageError
from gwasbone.options import (
    Count,
    LinkedAbove,
    MinorFrequency,
    NonNegative,
    Options,
    PositiveNumber,
    Range,
    Share,
    with_given,
)

P = TypeVar("P", bound="PruningRule")

#: A share such as 1 - 194/200 is a little more than 0.03 in float64; PLINK 2 allows for it, too.
ROUNDING = 1e-9

_WholeFromZero = Annotated[int, Range(0)]


@dataclass(frozen=True, kw_only=True)
class QcThresholds(Options):
    """Thresholds of quality control; 0 turns a rule off.

    Parameters
    ----------
    maf : minimum minor-allele frequency of a variant.
    hwe : minimum exact Hardy-Weinberg p-value of a variant.
    hwe_midp : use the mid-p value (as Hail computes) instead of the plain one (as PLINK).
    info : keep variants with an imputation INFO of at least this; for imputed variants only.
    variant_call_rate : keep variants called in at least this share of people.
    person_call_rate : keep people called at at least this share of autosomal variants.
    het_sd : exclude people whose inbreeding coefficient F is further from the mean than this
        many standard deviations.
    max_third_degree : exclude people with more third-degree relatives than this.
    male_min_f : a person whose F on chromosome X is at least this is taken as a man.
    female_max_f : a person whose F on chromosome X is at most this is taken as a woman.
    min_x_variants : sex is inferred where at least this many common variants of X, pruned for
        linkage disequilibrium, are called.
    min_x_heterozygotes : and where a woman would be expected to be heterozygous at at least this
        many of them.
    """

    maf: MinorFrequency = 0.001
    hwe: Share = 1e-5
    hwe_midp: bool = False
    info: Share = 0.9
    variant_call_rate: Share = 0.95
    person_call_rate: Share = 0.95
    het_sd: NonNegative = 3.0
    max_third_degree: _WholeFromZero = 10
    male_min_f: Share = 0.8
    female_max_f: Share = 0.2
    min_x_variants: _WholeFromZero = 50
    min_x_heterozygotes: NonNegative = 20.0

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.female_max_f >= self.male_min_f:
            faults.append(
                f"female_max_f = {self.female_max_f} (expected below male_min_f = "
                f"{self.male_min_f})"
            )
        return faults


@dataclass(frozen=True, kw_only=True)
class FilterOptions(Options):
    """Filters of a single command, beside the decisions of quality control.

    Parameters
    ----------
    maf : minimum minor-allele frequency.
    mac : minimum minor-allele count.
    geno : maximum share of missing calls per variant.
    mind : maximum share of missing calls per person.
    hwe : minimum Hardy-Weinberg p-value (exact test).
    info : minimum imputation INFO.
    """

    maf: MinorFrequency | None = None
    mac: NonNegative | None = None
    geno: Share | None = None
    mind: Share | None = None
    hwe: Share | None = None
    info: Share | None = None


@dataclass(frozen=True, kw_only=True)
class PruningRule(Options):
    """Which variants in linkage disequilibrium are pruned.

    Parameters
    ----------
    window : pruning window, in kilobases (500kb) or in variants (500, with step).
    step : number of variants by which the window moves; only where the window is counted in
        variants.
    r2 : variants of a window are pruned until no pair has a higher squared correlation.
    """

    window: str = "500kb"
    step: Count | None = None
    r2: LinkedAbove = 0.1

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        try:
            parse_window(self.window, self.step)
        except UsageError as error:
            faults.append(str(error))
        return faults


@dataclass(frozen=True, kw_only=True)
class PcaOptions(PruningRule):
    """Principal components of the kept people.

    Parameters
    ----------
    n_components : number of principal components.
    maf : minimum minor-allele frequency of the variants used.
    """

    n_components: Count = 10
    maf: MinorFrequency = 0.05


@dataclass(frozen=True, kw_only=True)
class AncestryOptions(Options):
    """The ancestry filter; left out where column is not set.

    Parameters
    ----------
    column : the column of a phenotype table with the reported ethnic background.
    reference : the backgrounds whose mean and SD define the centre.
    n_components : principal components in the squared deviation.
    radius : keep people whose squared deviation is below radius squared.
    scores : columns with principal components that exist already, such as PC1-PC6; computed from
        the genotypes where empty.
    """

    column: str | None = None
    reference: tuple[str, ...] = ("British", "Irish")
    n_components: Count = 6
    radius: PositiveNumber = 7.0
    scores: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RelatednessOptions(Options):
    """Removal of close relatives.

    Parameters
    ----------
    remove : whether to keep only a maximal set of unrelated people.
    method : king (fast, robust to ancestry) or pc_relate.
    min_kinship : pairs with at least this kinship are related; 0.0442 is the third degree and
        closer, 0.0884 the second, 0.177 the first.
    keep_cases_of : a column of cases and controls (1/0, 2/1, Yes/No, case/control, TRUE/FALSE):
        where one of a related pair has to go, the case is kept.
    maf : minimum minor-allele frequency of the variants used; rare ones count as they are.
    r2 : the variants used are pruned until no pair within pca.window has a higher squared
        correlation; kinship needs many variants, so this is looser than for components.
    """

    remove: bool = True
    method: Literal["king", "pc_relate"] = "king"
    min_kinship: Annotated[float, Range(0, 0.5)] = 0.0884
    keep_cases_of: str | None = None
    maf: MinorFrequency = 0.0
    r2: LinkedAbove = 0.5


def at_least(limit: float) -> float:
    """The lowest number that counts as reaching a limit: shares are rounded in float64."""
    return limit * (1 - ROUNDING)


def with_window(rule: P, given: Mapping[str, Any]) -> P:
    """A rule with the values of a mapping that are not None; a window given goes with its step."""
    window = given.get("window")
    base = rule if window is None else replace(rule, window=window, step=given.get("step"))
    return with_given(base, given)


def parse_window(window: str, step: int | None) -> dict[str, Any]:
    """PLINK's spelling of a window as arguments of :func:`gwasbone.blocks.prune.prune_pairwise`.

    >>> parse_window("500kb", None), parse_window("500", 10)
    ({'window_kb': 500.0}, {'window_variants': 500, 'step': 10})

    Raises
    ------
    UsageError
        Another spelling, or a step beside a window in kilobases.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(kb)?\s*", str(window), re.IGNORECASE)
    if match is None or (match[2] is None and "." in match[1]):
        raise UsageError(
            f"window {window!r}: expected kilobases such as 500kb, or a number of variants"
        )
    width = float(match[1])
    if match[2]:
        if not width:
            raise UsageError(f"window {window!r}: expected more than 0 kb")
        if step not in (None, 1):
            raise UsageError(
                f"step {step}: a window in kilobases moves by single variants; leave the step out"
            )
        return {"window_kb": width}
    if width < 2 or not 1 <= (step or 1) <= width:
        raise UsageError(
            f"window {window!r}, step {step}: expected at least 2 variants and a step from 1 to "
            "the window"
        )
    return {"window_variants": int(match[1]), "step": step or 1}
