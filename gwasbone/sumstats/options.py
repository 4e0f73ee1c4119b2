"""Options of the analyses of summary statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from gwasbone.options import InputPath, MinorFrequency, NonNegative, Options, Range


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
