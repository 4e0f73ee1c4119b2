"""Options of the analyses of summary statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from gwasbone.options import (
    Count,
    InputPath,
    LinkedAbove,
    MinorFrequency,
    NonNegative,
    Options,
    PositiveNumber,
    PositiveShare,
    Range,
)


@dataclass(frozen=True, kw_only=True)
class LdscOptions(Options):
    """LD score regression: heritability and genetic correlation of scans.

    Parameters
    ----------
    ref_ld_chr : LD scores to regress on: a folder of *.l2.ldscore.gz and *.l2.M_5_50 files, or the
        prefix of one set of them.
    w_ld_chr : LD scores over the variants of the regression alone, for its weights; those of
        ref_ld_chr where not set.
    two_step : chi-squared statistic below which variants set the intercept, in the first of two
        steps; 0 fits intercept and slope in one step.
    n_blocks : number of jackknife blocks over the genome.
    min_maf : minor allele frequency that a variant must exceed, where the scan states frequencies.
    """

    ref_ld_chr: InputPath | None = None
    w_ld_chr: InputPath | None = None
    two_step: NonNegative = 30.0
    n_blocks: Annotated[int, Range(2)] = 200
    min_maf: MinorFrequency = 0.01


MrMethod = Literal[
    "all", "ivw", "ivw_fixed", "egger", "weighted_median", "simple_mode", "weighted_mode", "presso",
    "gsmr", "mvmr", "cml", "conmix", "raps", "divw", "pivw", "lasso",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MrOptions(Options):
    """Mendelian randomisation: instruments, methods and the screen of many exposures.

    Parameters
    ----------
    clump_p1 : maximum p-value of an instrument in the scan of the exposure.
    exploratory_p : maximum p-value where fewer than min_instruments reach clump_p1; such exposures
        are marked exploratory.
    min_instruments : number of instruments below which exploratory_p is used.
    clump_r2 : squared correlation (r²) above which the weaker of two instruments is left out, with
        genotypes; without them instruments are clumped by distance alone.
    clump_kb : distance within which instruments are clumped, in kilobases.
    methods : methods to run; all of them, or by name.
    heidi : rule of GSMR for outliers: top (against the strongest instrument of the middle fifth),
        published (as the released program computes it), global or none.
    draws : number of bootstrap draws for standard errors of medians and modes.
    presso_draws : number of draws of MR-PRESSO.
    seed : seed of all draws.
    fdr : false discovery rate of the screen.
    screen_above : number of pairs of exposure and outcome above which only IVW, Egger and GSMR are
        computed, all pairs in one pass.
    """

    clump_p1: PositiveShare = 5e-8
    exploratory_p: PositiveShare = 1e-6
    min_instruments: Count = 4
    clump_r2: LinkedAbove = 0.001
    clump_kb: PositiveNumber = 10_000.0
    methods: tuple[MrMethod, ...] = ("all",)
    heidi: Literal["top", "published", "global", "none"] = "top"
    draws: Count = 1000
    presso_draws: Count = 10_000
    seed: int = 20261130
    fdr: PositiveShare = 0.05
    screen_above: Count = 60

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.clump_p1 > self.exploratory_p:
            faults.append(
                f"clump_p1 = {self.clump_p1:g} (expected at most exploratory_p = "
                f"{self.exploratory_p:g})"
            )
        return faults

    def runs(self, method: str) -> bool:
        """Whether a method is asked for."""
        return "all" in self.methods or method in self.methods


@dataclass(frozen=True, kw_only=True)
class ColocOptions(Options):
    """Colocalisation of two scans.

    Parameters
    ----------
    p1 : prior probability that a variant is causal for the first trait alone.
    p2 : prior probability that a variant is causal for the second trait alone.
    p12 : prior probability that a variant is causal for both.
    support : posterior probability of a shared variant from which a region counts as colocalised.
    """

    p1: PositiveShare = 1e-4
    p2: PositiveShare = 1e-4
    p12: PositiveShare = 1e-5
    support: PositiveShare = 0.75

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.p12 > min(self.p1, self.p2):
            faults.append(f"p12 = {self.p12:g} (expected at most p1 and p2)")
        return faults
