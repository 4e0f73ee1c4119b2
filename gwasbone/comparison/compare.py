"""Phenotype definitions compared by the scans they lead to: which finds more, and is it the same?

Scans of the same people have correlated statistics. Every comparison of two scans leaves out the
same stretch of the genome (or the same locus) of both, so that what they share cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from gwasbone.comparison.genome import genome_measures
from gwasbone.comparison.known_loci import KnownLoci
from gwasbone.comparison.leads import independent_leads, lead_measures
from gwasbone.comparison.loci import locus_effects, locus_measures
from gwasbone.comparison.measures import LdRows, Measures
from gwasbone.comparison.options import ComparisonRule
from gwasbone.display import Shown
from gwasbone.errors import UsageError
from gwasbone.progress import counted_progress
from gwasbone.sumstats.align import AlignedScans


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """What the comparison of scans gives.

    Parameters
    ----------
    measures : one number a row, ``comparison_table.COLUMNS``.
    locus_effects : a row per known locus and scan: ``scan chromosome position_bp other_allele
        effect_allele source_id beta se neg_log10_p n effect_allele_frequency standardised
        standardised_se``; empty without known loci.
    leads : scan -> its independent leads, as rows of a results table.
    """

    measures: pd.DataFrame
    locus_effects: pd.DataFrame
    leads: dict[str, pd.DataFrame]

    def headline(self) -> str:
        return f"Comparison: {len(self.measures):,} measures of {len(self.leads)} scans"

    def preview(self) -> pd.DataFrame:
        return self.measures


def compare_scans(
    scans: AlignedScans,
    *,
    loci: KnownLoci | None = None,
    ld: LdRows | None = None,
    rule: ComparisonRule | None = None,
) -> Comparison:
    """Compare two or more scans of one disease.

    Parameters
    ----------
    scans : on their common variants.
    loci : known from outside; without them what is measured there is left out.
    ld : LD scores (:func:`gwasbone.comparison.genome.ld_rows`); without them there
        is no intercept, heritability or genetic correlation.

    Returns
    -------
    Comparison. Quantities: ``lambda_gc``, ``mean_chi2``, ``loci_at_equal_fdr`` and their
    ``…_difference``; with LD scores ``ld_intercept``, ``ld_ratio``, ``h2``, ``rg``,
    ``rg_intercept``, ``polygenic_signal_ratio``; with loci ``mean_chi2_at_loci``, its
    ``…_difference``, ``effective_sample_size_ratio``, ``deming_slope``,
    ``deming_slope_per_sd``, ``deming_heterogeneity``; of pairs ``error_correlation``; of the
    leads of scan_a in scan_b ``leads_same_direction``, ``leads_nominal``, ``leads_bonferroni``
    and what would be expected of each, ``…_expected``.

    Raises
    ------
    UsageError
        Fewer than two scans.

    Examples
    --------
    >>> results = gb.associate(gb.example_cohort(), ["bmd_spine", "bmd_hip"], ["age", "sex"])
    >>> gb.compare_scans(gb.sumstats.align_scans(results))
    Comparison: 22 measures of 2 scans
    """
    if len(scans.names) < 2:
        raise UsageError(f"comparison: expected two scans or more, got {len(scans.names)}")
    rule = rule or ComparisonRule()
    measures = Measures()
    with counted_progress() as progress:
        genome = genome_measures(scans, measures, ld, rule, progress)
        relations = locus_measures(scans, measures, loci, genome.rg, rule)
        leads = {}
        for number, name in enumerate(scans.names):
            if progress is not None:
                progress("leads", number, len(scans.names))
            leads[name] = independent_leads(scans, number, rule)
        pairs = list(combinations(range(len(scans.names)), 2))
        for a, b in [pair for one in pairs for pair in (one, one[::-1])]:
            lead_measures(scans, measures, (a, b), leads, relations, genome.signal_ratio, rule)
    effects = locus_effects(scans, loci)
    tables = {name: scans.table(number, leads[name]) for number, name in enumerate(scans.names)}
    return Comparison(measures.table(), effects, tables)
