"""The Manhattan and the QQ page of a scan."""

from __future__ import annotations

import logging
from pathlib import Path

from gwasbone.association.result_files import trait_stem
from gwasbone.association.results import AssociationResults
from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.page import save_page
from gwasbone.plots.qq import qq
from gwasbone.stats.quantile_plot import quantile_plot_points

log = logging.getLogger(__name__)


def page_paths(prefix: Path, trait: str) -> tuple[Path, Path]:
    """The Manhattan and the QQ page of a trait."""
    stem = trait_stem(prefix, trait)
    return Path(f"{stem}.manhattan.html"), Path(f"{stem}.qq.html")


def draw_scan(results: AssociationResults, trait: str, prefix: Path, *, genome_wide: float) -> None:
    """Write the Manhattan and the QQ page of one trait; `genome_wide` is the level as p."""
    table = results.tested(trait)
    if table.empty:
        log.warning("%s: no variant could be tested, so there is nothing to draw", trait)
        return
    about = f"{int(table['n'].max()):,} samples, {len(table):,} variants, {results.build}"
    leads = results.leads(trait, p_threshold=genome_wide, max_blocks=None)
    manhattan_path, qq_path = page_paths(prefix, trait)
    save_page(
        manhattan(table, title=trait, leads=leads, genome_wide=genome_wide),
        manhattan_path,
        title=f"{trait}: Manhattan plot",
        subtitle=about,
    )
    lambda_gc = results.lambda_gc(trait)
    save_page(
        qq(quantile_plot_points(table["neg_log_10_p_value"]), title=trait, lambda_gc=lambda_gc),
        qq_path,
        title=f"{trait}: quantile-quantile plot",
        subtitle=about,
    )
