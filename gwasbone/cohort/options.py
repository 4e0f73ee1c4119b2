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
    maf : minimum minor allele frequency of a variant.
    hwe : minimum Hardy-Weinberg p-value of a variant (exact test).
    hwe_midp : use the mid-p-value of the exact test (as Hail does) instead of the plain p-value
        (as PLINK does).
    info : minimum imputation INFO score of a variant; applied to imputed variants only.
    variant_call_rate : minimum call rate of a variant over the samples.
    sample_call_rate : minimum call rate of a sample over the autosomal variants.
    het_sd : maximum distance of a sample's inbreeding coefficient F from the mean, in standard
        deviations.
    max_third_degree : maximum number of third-degree relatives of a sample.
    male_min_f : minimum F on chromosome X of a sample that is inferred to be male.
    female_max_f : maximum F on chromosome X of a sample that is inferred to be female.
    min_x_variants : minimum number of called variants on chromosome X (common, pruned for linkage
        disequilibrium) for sex to be inferred.
    min_x_heterozygotes : minimum number of heterozygous calls that a woman would be expected to
        have at these variants; sex is not inferred from fewer.
    """

    maf: MinorFrequency = 0.001
    hwe: Share = 1e-5
    hwe_midp: bool = False
    info: Share = 0.9
    variant_call_rate: Share = 0.95
    sample_call_rate: Share = 0.95
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
    """Variant and sample filters of a single command, applied in addition to quality control.

    Parameters
    ----------
    maf : minimum minor allele frequency of a variant.
    mac : minimum minor allele count of a variant.
    geno : maximum proportion of missing calls per variant.
    mind : maximum proportion of missing calls per sample.
    hwe : minimum Hardy-Weinberg p-value of a variant (exact test).
    info : minimum imputation INFO score of a variant.
    """

    maf: MinorFrequency | None = None
    mac: NonNegative | None = None
    geno: Share | None = None
    mind: Share | None = None
    hwe: Share | None = None
    info: Share | None = None


@dataclass(frozen=True, kw_only=True)
class PruningRule(Options):
    """Rule for pruning variants in linkage disequilibrium.

    Parameters
    ----------
    window : pruning window: a distance in kilobases (500kb) or a number of variants (500, with
        step).
    step : number of variants by which the window moves; only for a window counted in variants.
    r2 : maximum squared correlation (r²) of two variants in a window after pruning.
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
    """Principal components of the retained samples.

    Parameters
    ----------
    n_components : number of principal components.
    maf : minimum minor allele frequency of the variants used.
    """

    n_components: Count = 10
    maf: MinorFrequency = 0.05


@dataclass(frozen=True, kw_only=True)
class AncestryOptions(Options):
    """Ancestry filter; the stage is skipped where column is not set.

    Parameters
    ----------
    column : column of a phenotype table with the reported ethnic background.
    reference : reported backgrounds of the reference group, whose mean and SD define the centre.
    n_components : number of principal components in the squared deviation.
    radius : keep samples whose squared deviation D is below the square of this radius.
    scores : columns with precomputed principal components, such as PC1-PC6; computed from the
        genotypes where empty.
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
    remove : keep only a maximal set of unrelated samples.
    method : kinship estimator: king (fast, for samples of distinct ancestries) or pc_relate (also
        for admixed samples, by principal components).
    min_kinship : minimum kinship coefficient of a related pair: 0.0442 for third-degree and closer
        relatives, 0.0884 for second-degree and closer, 0.177 for first-degree.
    keep_cases_of : column of cases and controls (1/0, 2/1, Yes/No, case/control, TRUE/FALSE);
        where one sample of a related pair must be removed, the case is kept.
    maf : minimum minor allele frequency of the variants used; at 0 rare variants are used too.
    r2 : maximum squared correlation (r²) of two variants in a window after pruning; higher than
        for principal components because kinship needs many variants.
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
