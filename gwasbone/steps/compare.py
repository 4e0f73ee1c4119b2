"""Scans compared: files in, the table of the comparison and its page out.

In a stage's folder (or at a prefix) lie ``comparison.tsv`` (one number a row),
``comparison.loci.tsv`` (effects at the known loci), ``comparison.leads.tsv`` (leads of each scan),
``comparison.dropped.tsv`` (rows of the scans that are not compared, by reason) and the page
``comparison.html``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.comparison.compare import Comparison, compare_scans
from gwasbone.comparison.genome import ld_rows, ld_scores_of_table
from gwasbone.comparison.known_loci import known_loci, read_loci
from gwasbone.comparison.options import ComparisonRule
from gwasbone.errors import InputError, UsageError
from gwasbone.progress import counted_progress
from gwasbone.steps.scans import named_scans
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import (
    GENOTYPES,
    compared_scans,
    ld_score_folder,
    loci_file,
    study_cohort,
)
from gwasbone.sumstats.align import AlignedScans, align_scans
from gwasbone.sumstats.ld_score_files import LdScores
from gwasbone.sumstats.scan import Scan, Scans
from gwasbone.tables import labelled, write_table

log = logging.getLogger(__name__)

TABLE, LOCI, LEADS = "comparison.tsv", "comparison.loci.tsv", "comparison.leads.tsv"
DROPPED, PAGE = "comparison.dropped.tsv", "comparison.html"
FILES = (TABLE, LOCI, LEADS, DROPPED, PAGE)

#: LD scores of genotypes: LDSC's window, and what stands for it without a genetic map.
WINDOW_CM, WINDOW_KB = "1cM", "1000kb"


@dataclass(frozen=True)
class Compared:
    """A comparison and what its files need."""

    scans: AlignedScans
    comparison: Comparison


def compare_files(
    scans: Scans,
    *,
    loci: Path | None = None,
    ld_scores: Path | None = None,
    cohort: Cohort | None = None,
    rule: ComparisonRule | None = None,
    threads: int | None = None,
) -> Compared:
    """Compare scans.

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
    known = None
    if loci is not None:
        known = known_loci(aligned, read_loci(loci), source=loci.name)
    scores = None
    if ld_scores is not None:
        from gwasbone.sumstats.ld_score_files import read_ld_scores

        scores = read_ld_scores(ld_scores)
    elif cohort is not None:
        scores = scores_of_genotypes(cohort, threads=threads)
    ld = ld_rows(aligned, scores) if scores is not None else None
    if ld is not None and scores is not None:
        log.info("LD scores of %s: %d, of which %d are used", ld.source, len(scores), len(ld.rows))
        if ld.status:
            log.warning("LD scores are not used: %s", ld.status)
        if ld.note:
            log.warning("heritability and genetic correlation are %s", ld.note)
    return Compared(aligned, compare_scans(aligned, loci=known, ld=ld, rule=rule))


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


def write_comparison(compared: Compared, paths: Mapping[str, Path], *, title: str) -> None:
    """Write the files of a comparison; the page last.

    Parameters
    ----------
    paths : each of ``FILES`` -> where it goes.
    """
    from gwasbone.report.pages.comparison import comparison_page

    comparison = compared.comparison
    _write_table(comparison.measures, paths[TABLE])
    _write_table(comparison.locus_effects, paths[LOCI])
    leads = [t.assign(scan=name) for name, t in comparison.leads.items()]
    _write_table(pd.concat(leads, ignore_index=True), paths[LEADS])
    _write_table(compared.scans.dropped, paths[DROPPED])
    comparison_page(compared.scans, comparison, paths[PAGE], title=title)


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write_table(labelled(table) if "chromosome" in table else table, path, index=False)


def scans_of_section(
    config: StudyConfig, *, positions: Path | None = None, cohort: Cohort | None = None
) -> Scans:
    """The scans that ``comparison.scans`` names; the study's own are called like their traits.

    Parameters
    ----------
    positions, cohort : as in :func:`gwasbone.steps.scans.named_scans`.

    Raises
    ------
    InputError
        A trait of it was not scanned.
    """
    found: list[Scan] = []
    for name, path in compared_scans(config).items():
        if not path.exists():
            raise InputError(
                f"comparison.scans: {name} has no scan: expected {path}; is it among "
                "association.traits, or the name of a file?"
            )
        names = [name] if name in config.association.traits else None
        found += named_scans([path], names=names, positions=positions, cohort=cohort).values()
    return Scans(found)


def run_stage(config: StudyConfig, folder: Path, *, threads: int | None = None) -> str:
    """The comparison that ``study.toml`` asks for; says what came out."""
    chosen = config.comparison
    own = chosen.ld_scores == GENOTYPES
    compared = compare_files(
        scans_of_section(config),
        loci=loci_file(config),
        ld_scores=ld_score_folder(config),
        cohort=study_cohort(config) if own else None,
        rule=chosen,
        threads=threads,
    )
    paths = {name: folder / name for name in FILES}
    write_comparison(compared, paths, title=f"{config.study.name}: scans compared")
    measures = compared.comparison.measures
    ratios = measures[measures["quantity"] == "effective_sample_size_ratio"]
    ratios = ratios[ratios["method"].str.contains("jackknife") & ratios["value"].notna()]
    words = [
        f"{r.scan_a} / {r.scan_b} {r.value:.2f} ({r.low:.2f} to {r.high:.2f})"
        for r in ratios.itertuples()
    ]
    return "effective sample sizes: " + (", ".join(words) or "none defined")
