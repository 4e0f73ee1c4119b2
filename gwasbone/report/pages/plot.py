"""Pages of scans: one figure for each scan, or one of several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.miami import miami
from gwasbone.plots.p_scatter import p_scatter, z_scatter
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.qq import qq
from gwasbone.plots.scan_points import ScanPoints
from gwasbone.plots.stacked_manhattan import stacked_manhattan
from gwasbone.plots.volcano import volcano
from gwasbone.stats.genomic_control import lambda_gc
from gwasbone.stats.quantile_plot import quantile_plot_points
from gwasbone.sumstats.align import pair_scans
from gwasbone.sumstats.leads import leads_in_scan, shared_loci

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PlotRequest:
    """What to draw of the scans.

    Attributes
    ----------
    kind : one of ``KINDS``.
    genome_wide : significance level, as p.
    leads : from :func:`gwasbone.sumstats.leads.read_leads`; None for the best variant of
        each 1 Mb block below the level.
    build : ``GRCh37`` or ``GRCh38``, which the positions must fit; None where it is not known.
    chromosomes : only these codes. y_max : highest −log₁₀ p drawn at its true height.
    common_y : one scale for all panels. max_labels : names for each scan; None for the figure's
    own. effect : what the effect is, with its unit.
    """

    kind: str
    genome_wide: float = 5e-8
    leads: pd.DataFrame | None = None
    build: str | None = None
    chromosomes: frozenset[int] | None = None
    y_max: float | None = None
    common_y: bool = False
    max_labels: int | None = None
    effect: str | None = None

    def labels(self) -> dict[str, Any]:
        """``max_labels`` as an argument, where it is given."""
        return {} if self.max_labels is None else {"max_labels": self.max_labels}


class ScanReader(Protocol):
    """Reads one scan after another.

    Attributes
    ----------
    said : a line for each scan, and for what was found in several.
    """

    said: list[str]

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Name and table of each scan."""

    def leads(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """The leads of a scan."""


def plot_page(
    reader: ScanReader, request: PlotRequest, path: Path, *, names: Sequence[str], title: str = ""
) -> None:
    """Write the page of a figure.

    Parameters
    ----------
    names : of the scans. title : headline instead of the kind of figure and the names.
    """
    sections = _DRAW[request.kind](reader, request)
    headline = title or f"{_HEADLINES[request.kind]} of {_some(names)}"
    about = [", ".join(names) if title or len(names) > 2 else "", request.build or ""]
    save_page(sections, path, title=headline, subtitle="; ".join(filter(None, about)))


def _manhattans(reader: ScanReader, request: PlotRequest) -> Sections:
    return [
        (
            "",
            manhattan(
                table,
                title=name,
                leads=reader.leads(name, table),
                genome_wide=request.genome_wide,
                y_max=request.y_max,
                **request.labels(),
            ),
        )
        for name, table in reader.tables()
    ]


def _quantiles(reader: ScanReader, _: PlotRequest) -> Sections:
    sections = []
    for name, table in reader.tables():
        p = table["neg_log_10_p_value"].to_numpy(dtype=np.float64)
        sections.append(("", qq(quantile_plot_points(p), title=name, lambda_gc=lambda_gc(p))))
    return sections


def _volcanoes(reader: ScanReader, request: PlotRequest) -> Sections:
    label: dict[str, Any] = {
        "x_label": f"Effect of each copy of the effect allele, {request.effect}"
    }
    return [
        (
            "",
            volcano(
                table,
                title=name,
                leads=reader.leads(name, table),
                genome_wide=request.genome_wide,
                **(label if request.effect else {}),
                **request.labels(),
            ),
        )
        for name, table in reader.tables()
    ]


def _thinned(reader: ScanReader) -> tuple[dict[str, ScanPoints], dict[str, pd.DataFrame]]:
    points, leads = {}, {}
    for name, table in reader.tables():
        leads[name] = reader.leads(name, table)
        points[name] = ScanPoints.of(table, figure=f"{name}: a Manhattan plot").thinned()
    return points, {name: table for name, table in leads.items() if len(table)}


def _stacked(reader: ScanReader, request: PlotRequest) -> Sections:
    points, leads = _thinned(reader)
    figure = stacked_manhattan(
        points,
        leads=leads,
        shared=shared_loci(leads),
        common_y=request.common_y,
        genome_wide=request.genome_wide,
        y_max=request.y_max,
        **request.labels(),
    )
    return [("", figure)]


def _miami(reader: ScanReader, request: PlotRequest) -> Sections:
    points, leads = _thinned(reader)
    figure = miami(
        points,
        leads=leads,
        common_y=request.common_y,
        genome_wide=request.genome_wide,
        y_max=request.y_max,
        **request.labels(),
    )
    return [("", figure)]


def _scatter(reader: ScanReader, request: PlotRequest) -> Sections:
    (name_a, a), (name_b, b) = reader.tables()
    paired = pair_scans(a, b)
    line = (
        f"{len(paired.table):,} variants in both, {paired.n_swapped:,} with alleles the other way "
        f"round, {paired.n_flipped:,} on the other strand; {paired.n_only_a:,} only in {name_a}, "
        f"{paired.n_only_b:,} only in {name_b}"
    )
    why = [f"{n:,} of {name_b} not matched: {reason}" for reason, n in paired.reasons.items()]
    for text in (line, *why):
        reader.said.append(text)
        log.info("%s", text)
    pairs = paired.table
    if request.leads is not None:
        pairs = _named(pairs, request.leads)
    level: dict[str, Any] = {"names": (name_a, name_b), "genome_wide": request.genome_wide}
    by_p = p_scatter(pairs, title="Strength of association", **level, **request.labels())
    return [("", by_p), ("", z_scatter(pairs, title="Direction of effects", **level))]


def _named(pairs: pd.DataFrame, leads: pd.DataFrame) -> pd.DataFrame:
    """Pairs with the names that a table of leads gives to some of them."""
    named = leads_in_scan(leads, pairs.assign(neg_log_10_p_value=0.0))
    key = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
    words = [name for name in ("label", "gene", "nearest_gene") if name in named]
    if not words:
        return pairs
    return pairs.merge(named[[*key, *words]], on=key, how="left")


_DRAW: dict[str, Callable[[ScanReader, PlotRequest], Sections]] = {
    "manhattan": _manhattans,
    "qq": _quantiles,
    "volcano": _volcanoes,
    "stacked": _stacked,
    "miami": _miami,
    "scatter": _scatter,
}

_HEADLINES = {
    "manhattan": "Manhattan plot",
    "qq": "Quantile-quantile plot",
    "volcano": "Volcano plot",
    "stacked": "Manhattan plots",
    "miami": "Miami plot",
    "scatter": "Scatter plot",
}


def _some(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{len(names)} scans"
