"""What scans differ in over the whole genome: inflation, heritability, loci found."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.comparison.measures import LdRows, Measures, OfScans
from gwasbone.comparison.options import ComparisonRule
from gwasbone.errors import UsageError
from gwasbone.genome import locus_key
from gwasbone.stats.false_discovery import neg_log10_q, simes_by_group
from gwasbone.stats.genomic_control import lambda_gc_from_chi2, lambda_gc_without
from gwasbone.stats.jackknife import (
    JackknifeInterval,
    block_edges,
    jackknife_interval,
    means_without,
    ratio_interval,
)
from gwasbone.sumstats.align import AlignedScans
from gwasbone.sumstats.ld_score_files import LdScores, named_chromosomes
from gwasbone.sumstats.ldsc import (
    TWO_STEP,
    GeneticCorrelation,
    Heritability,
    genetic_correlation,
    heritability,
)
from gwasbone.sumstats.ldsc_input import MIN_VARIANTS, N_QUANTILE, N_SHARE
from gwasbone.sumstats.options import LdscOptions
from gwasbone.sumstats.variants import is_palindromic

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None] | None

#: LD scores of genotypes: LDSC's window, and what stands for it without a genetic map.
WINDOW_CM, WINDOW_KB = "1cM", "1000kb"
#: Nor does an LD score regression say anything below this share of the scans' variants or of the
#: scores, where scans and scores are on two builds.
MIN_LD_SHARE = 0.1


@dataclass(frozen=True)
class GenomeResults:
    """What the later parts of a comparison use.

    Parameters
    ----------
    rg : genetic correlation of pairs of scans (numbers, the smaller first).
    signal_ratio : (a, b) -> N h² of a over that of b, where it is defined.
    """

    rg: dict[tuple[int, int], GeneticCorrelation]
    signal_ratio: dict[tuple[int, int], float]


def ld_rows(scans: AlignedScans, scores: LdScores) -> LdRows:
    """The rows of the scans that LD-score regression uses.

    Autosomal variants of single bases, not palindromic, that are alone at their position and have
    an LD score, minor alleles above 1 % (where a frequency is given), and N of at least two thirds
    of its 90th percentile in every scan, as LDSC's munging has it.
    """
    position = locus_key(scans.chromosome, scans.position_bp)
    place = locus_key(scores.chromosome, scores.position_bp)
    if len(place) == 0:
        nothing = np.zeros(0)
        return LdRows(nothing.astype(np.intp), nothing, scores.m_ld, scores.source, "no LD scores")
    found = np.minimum(np.searchsorted(place, position), len(place) - 1)
    usable = (place[found] == position) & scans.single_bases & ~is_palindromic(scans.key)
    alone = np.ones(len(position), dtype=bool)
    same = np.flatnonzero(position[1:] == position[:-1])
    alone[same] = alone[same + 1] = False
    usable &= alone
    for k in range(len(scans.names)):
        frequency = scans.columns["effect_allele_frequency"][k]
        usable &= ~(np.minimum(frequency, 1 - frequency) <= LdscOptions.min_maf)
        n = scans.columns["n"][k]
        if np.isnan(n).all():
            continue  # nothing can be regressed of this scan, which is said where it would be
        usable &= n >= np.nanquantile(n, N_QUANTILE) / N_SHARE
    rows = np.flatnonzero(usable)
    status = ""
    if (place[found] == position).sum() < MIN_LD_SHARE * min(len(position), len(scores)):
        status = (
            f"of {len(scores):,} LD scores and {len(position):,} variants only {len(rows):,} meet: "
            "are they on one build?"
        )
    lacking = np.setdiff1d(scans.chromosome[scans.chromosome <= 22], scores.chromosome)
    note = ""
    if len(lacking):
        several = "s" if len(lacking) > 1 else ""
        note = f"without chromosome{several} {named_chromosomes(lacking)}: no LD scores there"
    return LdRows(rows, scores.ld_score[found[rows]], scores.m_ld, scores.source, status, note)


def genome_measures(
    scans: AlignedScans,
    measures: Measures,
    ld: LdRows | None,
    rule: ComparisonRule,
    progress: Progress,
) -> GenomeResults:
    """λ_GC, mean χ² and loci at equal FDR; with LD scores intercepts, h² and r_g."""
    _inflation(scans, measures, rule, progress)
    _loci_at_equal_fdr(scans, measures, rule)
    nothing = GenomeResults({}, {})
    if ld is None:
        return nothing
    lacking = [
        name for name, n in zip(scans.names, scans.columns["n"], strict=True) if np.isnan(n).all()
    ]
    why = f"sample sizes (n) are missing in {', '.join(lacking)}" if lacking else ld.status
    if not why and len(ld.rows) < MIN_VARIANTS:
        why = f"{len(ld.rows)} variants have LD scores, at least {MIN_VARIANTS} are needed"
    if why:
        for name in scans.names:
            for quantity in ("ld_intercept", "h2"):
                measures.undefined((name, ""), quantity, why, n=len(ld.rows))
        return nothing
    return _ld_regressions(scans, measures, ld, rule, progress)


def _inflation(
    scans: AlignedScans, measures: Measures, rule: ComparisonRule, progress: Progress
) -> None:
    edges = block_edges(len(scans), rule.n_blocks)
    if len(edges) < 3:
        return
    lambdas: list[tuple[float, FloatArray]] = []
    means: list[tuple[float, FloatArray]] = []
    for number in range(len(scans.names)):
        if progress is not None:
            progress("inflation", number, len(scans.names))
        chi2 = scans.chi2(number)
        lambdas.append((lambda_gc_from_chi2(chi2), lambda_gc_without(chi2, edges)))
        means.append((float(chi2.mean()), means_without(chi2, edges)))
    method = f"jackknife over {len(edges) - 1} blocks of the genome"
    for quantity, found in (("lambda_gc", lambdas), ("mean_chi2", means)):
        OfScans(quantity, method, [v for v, _ in found], [d for _, d in found], len(scans)).write(
            scans.names, measures
        )


def _loci_at_equal_fdr(scans: AlignedScans, measures: Measures, rule: ComparisonRule) -> None:
    """Stretches of the genome found by Simes' test and Benjamini-Hochberg, the same in all scans.

    A signal may reach into the next stretch: of neighbours the strongest counts.
    """
    stretch = locus_key(scans.chromosome, scans.position_bp // rule.block_bp)
    edges = np.append(np.flatnonzero(np.append(True, np.diff(stretch) != 0)), len(stretch))
    names = stretch[edges[:-1]]
    groups = block_edges(len(names), rule.n_blocks)
    if len(groups) < 3:
        return
    values, deleted = [], []
    for number in range(len(scans.names)):
        p = simes_by_group(scans.neg_log10_p(number).astype(np.float64), edges)
        values.append(float(_found(p, names, rule.fdr)))
        others = []
        for start, end in pairwise(groups):
            kept = np.ones(len(p), dtype=bool)
            kept[start:end] = False
            # brought to the whole genome: a count grows with it
            others.append(_found(p[kept], names[kept], rule.fdr) * len(p) / kept.sum())
        deleted.append(np.array(others))
    OfScans(
        "loci_at_equal_fdr",
        f"stretches of {rule.block_bp / 1e6:g} Mb by Simes' test, FDR {rule.fdr:g}, no "
        f"neighbours; jackknife over {len(groups) - 1} blocks",
        values, deleted, len(names),
    ).write(scans.names, measures, least=0.0)  # fmt: skip


def _found(neg_log10_p: FloatArray, stretch: IntArray, fdr: float) -> int:
    """How many stretches are found, the strongest first, none a neighbour of one before."""
    hits = np.flatnonzero(neg_log10_q(neg_log10_p) >= -np.log10(fdr))
    kept: set[int] = set()
    for name in stretch[hits[np.argsort(-neg_log10_p[hits], kind="stable")]].tolist():
        if name - 1 not in kept and name + 1 not in kept:
            kept.add(name)
    return len(kept)


def _ld_regressions(
    scans: AlignedScans, measures: Measures, ld: LdRows, rule: ComparisonRule, progress: Progress
) -> GenomeResults:
    k, n = len(scans.names), len(ld.rows)
    z = [scans.z(i, ld.rows) for i in range(k)]
    people = [scans.columns["n"][i][ld.rows].astype(np.float64) for i in range(k)]
    # as many blocks in every regression, so that their values without a block stand side by side
    n_low = int((np.square(z) < TWO_STEP).all(axis=0).sum())
    options = {"m_ld": ld.m_ld, "n_blocks": min(rule.n_blocks, max(2, n_low))}
    fits = [heritability(z[i] ** 2, ld.ld_score, people[i], **options) for i in range(k)]
    method = f"LD-score regression, {len(fits[0].h2_deleted)} blocks, {ld.source}"
    for quantity in ("intercept", "h2"):
        OfScans(
            "ld_intercept" if quantity == "intercept" else quantity, method,
            [getattr(fit, quantity) for fit in fits],
            [getattr(fit, f"{quantity}_deleted") for fit in fits], n, ld.note,
        ).write(scans.names, measures)  # fmt: skip
    for name, fit in zip(scans.names, fits, strict=True):
        _write_ratio(measures, name, fit, method, ld.note)
    rg: dict[tuple[int, int], GeneticCorrelation] = {}
    signal: dict[tuple[int, int], float] = {}
    pairs = list(combinations(range(k), 2))
    for done, (a, b) in enumerate(pairs):
        if progress is not None:
            progress("genetic correlations", done, len(pairs))
        found = genetic_correlation(z[a], z[b], ld.ld_score, people[a], people[b], **options)
        rg[a, b] = found
        names = (scans.names[a], scans.names[b])
        _write_rg(measures, names, found, method, ld.note)
        ratio = _signal_ratio(fits[a], fits[b], people[a].mean(), people[b].mean())
        defined = ratio.bounded and fits[a].h2 > 0 and fits[b].h2 > 0
        if not defined:
            why = f"h² of {names[1] if fits[a].h2 > 0 else names[0]} does not differ from 0"
            measures.undefined(names, "polygenic_signal_ratio", why, n=n)
            continue
        signal[a, b], signal[b, a] = ratio.estimate, 1 / ratio.estimate
        measures.add_interval(
            names,
            "polygenic_signal_ratio",
            ratio,
            method=f"N h² by {method}, Fieller",
            n=n,
            note=ld.note,
        )
    return GenomeResults(rg, signal)


def _write_ratio(measures: Measures, name: str, fit: Heritability, method: str, note: str) -> None:
    if np.isnan(fit.ratio):
        measures.undefined((name, ""), "ld_ratio", "mean χ² is not above 1", n=fit.n_variants)
        return
    low, high = (fit.ratio + side * 1.96 * fit.ratio_se for side in (-1, 1))
    measures.add(
        (name, ""), "ld_ratio", fit.ratio, low, high, method=method, n=fit.n_variants, note=note
    )


def _write_rg(
    measures: Measures, names: tuple[str, str], found: GeneticCorrelation, method: str, note: str
) -> None:
    n = found.n_variants
    if found.status:
        measures.undefined(names, "rg", found.status, n=n)
    else:
        interval = jackknife_interval(found.rg, found.rg_deleted)
        wide = interval.upper - interval.lower > 2
        notes = ["the interval holds nearly every correlation"] if wide else []
        measures.add_interval(
            names, "rg", interval, method=method, n=n,
            note="; ".join([*notes, note] if note else notes),
        )  # fmt: skip
    low, high = (found.intercept + side * 1.96 * found.intercept_se for side in (-1, 1))
    measures.add(names, "rg_intercept", found.intercept, low, high, method=method, n=n, note=note)


def _signal_ratio(
    one: Heritability, other: Heritability, n_one: float, n_other: float
) -> JackknifeInterval:
    return ratio_interval(
        one.h2 * n_one, other.h2 * n_other, one.h2_deleted * n_one, other.h2_deleted * n_other
    )


def ld_scores_of_table(table: pd.DataFrame, *, source: str) -> LdScores:
    """LD scores that :func:`gwasbone.cohort.ld.ld_scores` made, as those of files.

    M counts the variants with a minor allele above 5 %, as LDSC's M_5_50.
    """
    frequency = table["frequency"].to_numpy(dtype=float)
    score = table["ld_score"].to_numpy(dtype=float)
    autosome = table["chromosome"].between(1, 22).to_numpy()
    common = autosome & np.isfinite(score) & (np.minimum(frequency, 1 - frequency) > 0.05)
    return LdScores.of(
        table["chromosome"], table["base_pair_location"], score, m_ld=max(1, int(common.sum())),
        source=source,
    )  # fmt: skip


def scores_of_genotypes(cohort: Cohort, *, threads: int | None = None) -> LdScores:
    """LD scores of a cohort's kept variants, within 1 cM or, without a genetic map, 1,000 kb."""
    from gwasbone.cohort.ld import centimorgans, ld_scores

    window = WINDOW_CM
    try:
        centimorgans(cohort)
    except UsageError:
        log.info("LD scores within %s: the genotypes have no genetic map", WINDOW_KB)
        window = WINDOW_KB
    table = ld_scores(cohort, window=window, threads=threads)
    return ld_scores_of_table(table, source=f"the genotypes ({window})")
