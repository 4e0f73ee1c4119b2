"""Phenotype definitions compared by the scans they lead to: which finds more, and is it the same?

Scans of the same people have correlated statistics. Every comparison of two scans leaves out the
same stretch of the genome (or the same locus) of both, so that what they share cancels.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from gwasbone.cohort.model import Cohort
from gwasbone.comparison.genome import genome_measures, ld_rows, scores_of_genotypes
from gwasbone.comparison.known_loci import KnownLoci, known_loci, read_loci
from gwasbone.comparison.loci import Relation, locus_effects, locus_measures
from gwasbone.comparison.measures import LdRows, Measures
from gwasbone.comparison.options import ComparisonRule
from gwasbone.display import Shown
from gwasbone.errors import UsageError
from gwasbone.genome import locus_key
from gwasbone.progress import counted_progress
from gwasbone.stats.winners_curse import shrunken_z
from gwasbone.sumstats.align import AlignedScans, align_scans
from gwasbone.sumstats.ld_score_files import read_ld_scores
from gwasbone.sumstats.scan import Scans

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

#: Above it scans count as being of the same people.
_SAME_PEOPLE = 0.1


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Results of a comparison of scans.

    Parameters
    ----------
    measures : one row per quantity, see :mod:`gwasbone.comparison.measures`.
    locus_effects : one row per known locus and scan: ``scan chromosome base_pair_location
        other_allele effect_allele source_id beta standard_error neg_log_10_p_value n
        effect_allele_frequency standardised standardised_se``; empty without known loci.
    leads : scan -> its independent lead variants, as rows of a results table.
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
    """Compare two or more scans of the same disease.

    Parameters
    ----------
    scans : scans, aligned on their common variants.
    loci : loci known from other studies; measures at known loci are omitted without them.
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


def compare_files(
    scans: Scans,
    *,
    loci: Path | None = None,
    ld_scores: Path | None = None,
    cohort: Cohort | None = None,
    rule: ComparisonRule | None = None,
    threads: int | None = None,
) -> tuple[AlignedScans, Comparison]:
    """Align scans that lie in files, and compare them with what other files tell.

    Parameters
    ----------
    scans : two or more.
    loci : table of loci known from outside.
    ld_scores : folder of LDSC's LD scores, or what the names of one set in it begin with.
    cohort : genotypes to make LD scores of instead.
    """
    if len(scans) < 2:
        raise UsageError(f"compare: expected two scans or more, got {len(scans)}")
    if cohort is not None:
        scans.refuse_other_build(cohort.build, "the genotypes are")
    with counted_progress() as progress:
        aligned = align_scans(scans, progress=progress)
    for row in aligned.dropped.itertuples():
        log.info("%s: %d variants are not compared: %s", row.scan, row.n_variants, row.reason)
    log.info("%d variants are in all %d scans", len(aligned), len(scans))
    known = known_loci(aligned, read_loci(loci), source=loci.name) if loci is not None else None
    ld = _ld_rows(aligned, ld_scores, cohort, threads)
    return aligned, compare_scans(aligned, loci=known, ld=ld, rule=rule)


def _ld_rows(
    aligned: AlignedScans, folder: Path | None, cohort: Cohort | None, threads: int | None
) -> LdRows | None:
    """The rows with LD scores of a folder or of genotypes; None without either."""
    if folder is None and cohort is None:
        return None
    if folder is not None:
        scores = read_ld_scores(folder)
    else:
        assert cohort is not None
        scores = scores_of_genotypes(cohort, threads=threads)
    ld = ld_rows(aligned, scores)
    log.info("LD scores of %s: %d, of which %d are used", ld.source, len(scores), len(ld.rows))
    if ld.status:
        log.warning("LD scores are not used: %s", ld.status)
    elif ld.note:
        log.warning("h², intercepts and r_g are %s", ld.note)
    return ld


def independent_leads(scans: AlignedScans, scan: int, rule: ComparisonRule) -> Rows:
    """Rows of the leads of a scan, strongest first, none nearer than ``rule.block_bp``."""
    p = scans.neg_log10_p(scan)
    hits = np.flatnonzero(p > -np.log10(rule.lead_p))
    hits = hits[np.argsort(-p[hits], kind="stable")]
    place = locus_key(scans.chromosome, scans.position_bp)
    leads: list[int] = []
    free = np.ones(len(p), dtype=bool)
    for row in hits:
        if free[row]:
            leads.append(int(row))
            first = np.searchsorted(place, place[row] - rule.block_bp, side="right")
            last = np.searchsorted(place, place[row] + rule.block_bp, side="left")
            free[first:last] = False
    return np.array(leads, dtype=np.intp)


def lead_measures(
    scans: AlignedScans,
    measures: Measures,
    pair: tuple[int, int],
    leads: dict[str, Rows],
    relations: dict[tuple[int, int], Relation],
    signal_ratio: dict[tuple[int, int], float],
    rule: ComparisonRule,
) -> None:
    """How many leads of scan a have the same direction, and significance, in scan b.

    Expected shares come from the power of scan b: z_b ~ N(κ μ + ρ(z_a − μ), 1 − ρ²), with ρ the
    correlation of errors, κ the root of the ratio of effective sample sizes (at known loci, else
    of polygenic signals), and μ the mean of z_a. That is taken once as it was seen, once shrunken
    for the winner's curse: the interval of an expected share reaches from the one to the other,
    and its value is between them.
    """
    a, b = pair
    names = (scans.names[a], scans.names[b])
    rows = leads[names[0]]
    relation = relations[pair]
    if len(rows) == 0:
        why = f"{names[0]} has no lead with p below {rule.lead_p:g}"
        measures.undefined(names, "leads_nominal", why)
        return
    z_a, z_b = scans.z(a, rows), scans.z(b, rows) * relation.same_sense
    bonferroni = float(stats.norm.isf(0.025 / len(rows)))
    note = []
    if relation.same_sense < 0:
        note.append("opposite effects are expected and count as agreeing")
    if abs(relation.error_correlation) > _SAME_PEOPLE:
        note.append(
            f"participants in common (errors correlate by {relation.error_correlation:.2f}): no "
            "independent replication"
        )
    expected = _expected(scans, pair, rows, relation, signal_ratio.get(pair, np.nan))
    method = {
        "direction": (0.0, "same direction"),
        "nominal": (1.959964, "same direction and p < 0.05"),
        "bonferroni": (bonferroni, f"same direction and p < 0.05/{len(rows)}"),
    }
    for quantity, (threshold, words) in method.items():
        name = "leads_same_direction" if quantity == "direction" else f"leads_{quantity}"
        count = int((np.sign(z_a) * z_b > threshold).sum())
        low, high = _binomial_interval(count, len(rows))
        measures.add(
            names, name, count / len(rows), low, high, n=len(rows), note="; ".join(note),
            method=f"{words}; Clopper-Pearson",
        )  # fmt: skip
        if expected is None:
            why = "the ratio of effective sample sizes is unknown"
            measures.undefined(names, f"{name}_expected", why, n=len(rows))
            continue
        shares = [float(stats.norm.sf((threshold - m) / s).mean()) for m, s in expected]
        measures.add(
            names, f"{name}_expected", float(np.mean(shares)), min(shares), max(shares),
            n=len(rows), method="power of scan_b; from shrunken effects to effects as seen",
        )  # fmt: skip


def _expected(
    scans: AlignedScans, pair: tuple[int, int], rows: Rows, relation: Relation, polygenic: float
) -> list[tuple[FloatArray, float]] | None:
    """Mean and SD of z of scan b at the leads of a, towards a's direction: shrunken, as seen."""
    ratio = relation.signal_ratio if np.isfinite(relation.signal_ratio) else polygenic
    if not ratio > 0:
        return None
    size = np.abs(scans.z(pair[0], rows))
    shrunken = shrunken_z(scans.neg_log10_p(pair[0]))[rows]
    rho = relation.error_correlation * relation.same_sense
    spread = float(np.sqrt(max(1 - rho**2, 1e-6)))
    return [(mu / np.sqrt(ratio) + rho * (size - mu), spread) for mu in (shrunken, size)]


def _binomial_interval(count: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's exact interval of a share, by statsmodels."""
    # a second to import: only where scans are compared
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, method="beta")
    return float(low), float(high)
