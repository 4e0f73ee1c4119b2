"""Scans compared: files in, the table of the comparison and its page out.

In a stage's folder (or at a prefix) lie ``comparison.tsv`` (one number a row),
``comparison.loci.tsv`` (effects at the known loci), ``comparison.leads.tsv`` (leads of each scan),
``comparison.dropped.tsv`` (rows of the scans that are not compared, by reason),
``comparison.points.parquet`` (the variants that the figures draw) and the page
``comparison.html``; :func:`sections` draws the figures again from these.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.comparison.compare import Comparison, compare_scans
from gwasbone.comparison.genome import ld_rows, ld_scores_of_table
from gwasbone.comparison.known_loci import known_loci, read_loci
from gwasbone.comparison.measures import ComparisonRule
from gwasbone.errors import InputError, UsageError
from gwasbone.files import atomic_path
from gwasbone.progress import counted_progress
from gwasbone.steps.comparison_inputs import GENOTYPES, compared_scans, loci_file
from gwasbone.study.config import StudyConfig
from gwasbone.sumstats.align import NUMBERS, AlignedScans, align_scans
from gwasbone.sumstats.ld_score_files import LdScores
from gwasbone.sumstats.scan import Scans
from gwasbone.sumstats.scans import open_scans
from gwasbone.sumstats.table import NAMES_OF_0_1, with_names_of_today
from gwasbone.tables import labelled, write_table

if TYPE_CHECKING:
    from gwasbone.plots.comparison import Sections

log = logging.getLogger(__name__)

TABLE, LOCI, LEADS = "comparison.tsv", "comparison.loci.tsv", "comparison.leads.tsv"
DROPPED, POINTS, PAGE = "comparison.dropped.tsv", "comparison.points.parquet", "comparison.html"
FILES = (TABLE, LOCI, LEADS, DROPPED, POINTS, PAGE)

#: Every variant as strong as this in a scan is drawn, and so many of the others.
_DRAWN_ABOVE, _BACKGROUND = 3.0, 60_000
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
    ld_scores : folder of LDSC's LD scores.
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
    comparison = compared.comparison
    _write_table(comparison.measures, paths[TABLE])
    _write_table(comparison.locus_effects, paths[LOCI])
    leads = [t.assign(scan=name) for name, t in comparison.leads.items()]
    _write_table(pd.concat(leads, ignore_index=True), paths[LEADS])
    _write_table(compared.scans.dropped, paths[DROPPED])
    with atomic_path(paths[POINTS]) as temporary:
        drawn_points(compared.scans).to_parquet(temporary, index=False)
    from gwasbone.plots.page import save_page

    save_page(
        drawn_sections(paths),
        paths[PAGE],
        title=title,
        subtitle=f"{', '.join(compared.scans.names)}: {len(compared.scans):,} variants in all",
        notes=[
            f"{row.scan}: {row.n_variants:,} variants left out: {row.reason}."
            for row in compared.scans.dropped.itertuples()
        ],
    )


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write_table(labelled(table) if "chromosome" in table else table, path, index=False)


def drawn_points(scans: AlignedScans) -> pd.DataFrame:
    """The variants that figures draw: all that are strong in a scan, and every so many-th other.

    Returns
    -------
    A row per scan and variant, with the columns of a results table and ``scan``.
    """
    top = np.max([scans.neg_log10_p(i) for i in range(len(scans.names))], axis=0)
    rest = np.flatnonzero(top <= _DRAWN_ABOVE)
    step = max(1, -(-len(rest) // _BACKGROUND))
    rows = np.sort(np.concatenate([np.flatnonzero(top > _DRAWN_ABOVE), rest[::step]]))
    tables = [scans.table(i, rows).assign(scan=name) for i, name in enumerate(scans.names)]
    return pd.concat(tables, ignore_index=True)


def run_stage(config: StudyConfig, folder: Path, *, threads: int | None = None) -> str:
    """The comparison that ``study.toml`` asks for; says what came out."""
    from gwasbone.study.files import study_cohort

    chosen = config.comparison
    for name, path in compared_scans(config).items():
        if not path.exists():
            raise InputError(
                f"comparison.scans: {name} has no scan: expected {path}; is it among "
                "association.traits, or the name of a file?"
            )
    scans = open_scans(list(compared_scans(config).values()))
    own = chosen.ld_scores == GENOTYPES
    compared = compare_files(
        scans,
        loci=loci_file(config),
        ld_scores=Path(str(config.path(chosen.ld_scores)))
        if chosen.ld_scores is not None and not own
        else None,
        cohort=study_cohort(config, before="comparison") if own else None,
        rule=ComparisonRule(fdr=chosen.fdr, lead_p=chosen.lead_p),
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


def sections(folder: Path) -> Sections:
    """The figures of a comparison stage, drawn from the files of its folder."""
    return drawn_sections({name: folder / name for name in FILES})


def drawn_sections(paths: Mapping[str, Path]) -> Sections:
    """The figures of a comparison, drawn from its files; [] where there is no table."""
    if not paths[TABLE].exists():
        return []
    from gwasbone.plots.comparison import comparison_figures

    return comparison_figures(
        _read_table(paths[TABLE]),
        loci=_read_table(paths[LOCI]),
        leads=_read_table(paths[LEADS]),
        points=with_names_of_today(pd.read_parquet(paths[POINTS]), paths[POINTS]),
    )


#: Columns of these tables that are numbers, and may be missing.
_NUMBERS = ("value", "low", "high", *NUMBERS, *NAMES_OF_0_1, "standardised", "standardised_se")


def _read_table(path: Path) -> pd.DataFrame:
    from gwasbone.genome import chromosome_code

    text = {"scan": str, "scan_a": str, "scan_b": str, "note": str, "method": str}
    table = pd.read_csv(
        path, sep="\t", dtype={**text, "chromosome": str}, keep_default_na=False,
        na_values={name: ["NA"] for name in _NUMBERS},
    )  # fmt: skip
    table = with_names_of_today(table, path)
    if "chromosome" in table:
        table["chromosome"] = [chromosome_code(str(c)) for c in table["chromosome"]]
    return table
