"""Pages of scans: one figure for each scan, or one of several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, UsageError
from gwasbone.genes.nearest import nearest_genes
from gwasbone.genes.table import Genes
from gwasbone.genome import LENGTHS_BP, chromosome_label
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
from gwasbone.sumstats.leads import lead_blocks, leads_in_scan, shared_loci
from gwasbone.sumstats.scan import Scan, Scans

log = logging.getLogger(__name__)

#: A gene farther away does not name a lead.
_GENE_WINDOW_BP = 500_000
_PLACE = ("chromosome", "base_pair_location", "neg_log_10_p_value")
_ALLELES = ("other_allele", "effect_allele")
_EFFECT = ("beta", "standard_error")
_MORE = ("source_id", *_ALLELES, "effect_allele_frequency", *_EFFECT, "n")

#: Kind of figure -> how many scans it takes (None: no upper end), and the columns it needs.
KINDS: dict[str, tuple[int, int | None, tuple[str, ...]]] = {
    "manhattan": (1, None, _PLACE),
    "qq": (1, None, _PLACE),
    "volcano": (1, None, (*_PLACE, *_EFFECT)),
    "stacked": (2, 25, _PLACE),
    "miami": (2, 2, _PLACE),
    "scatter": (2, 2, (*_PLACE, *_ALLELES, *_EFFECT)),
}


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
    genes : whose names are written beside leads that have none; None where no genes are given.
    """

    kind: str
    genome_wide: float = 5e-8
    leads: pd.DataFrame | None = None
    build: str | None = None
    chromosomes: frozenset[int] | None = None
    y_max: float | None = None
    common_y: bool = True
    max_labels: int | None = None
    effect: str | None = None
    genes: Genes | None = None

    def labels(self) -> dict[str, Any]:
        """``max_labels`` as an argument, where it is given."""
        return {} if self.max_labels is None else {"max_labels": self.max_labels}


@dataclass
class ScanReader:
    """Reads one scan after another, and says what it read.

    Parameters
    ----------
    scans : a large one is thinned to what a panel can show, and let go before the next is read.
    show : called with a step, how many scans are done, and of how many.
    said : a line for each scan, and for what was found in several.

    Raises
    ------
    UsageError
        The figure takes another number of scans.
    InputError
        The scans are on several builds, or the leads are of other scans.
    """

    scans: Scans
    request: PlotRequest
    show: Callable[[str, int, int], None] | None = None
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        n, kind = len(self.scans), self.request.kind
        least, most, _ = KINDS[kind]
        if n < least or (most is not None and n > most):
            takes = f"{least}" if least == most else f"{least} to {most}" if most else "1 or more"
            raise UsageError(f"plot {kind} takes {takes} scans; {n} came: {', '.join(self.scans)}")
        self.scans.common_build()
        _check_leads(self.scans, self.request.leads)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Name and table of each scan."""
        needed = KINDS[self.request.kind][2]
        wanted = () if self.request.kind == "qq" else _MORE
        for done, scan in enumerate(self.scans.values()):
            if self.show:
                self.show("reading scans", done, len(self.scans))
            table = self._kept(scan, scan.columns(needed, wanted))
            n_missing = int(table["neg_log_10_p_value"].isna().sum())
            line = f"{scan.name}: {len(table) - n_missing:,} variants"
            self.said.append(line + (f", {n_missing:,} without a p-value" if n_missing else ""))
            log.info("%s (%s)", self.said[-1], scan.where)
            yield scan.name, table
        if self.show:
            self.show("reading scans", len(self.scans), len(self.scans))

    def _kept(self, scan: Scan, table: pd.DataFrame) -> pd.DataFrame:
        build = self.request.build or scan.build
        if scan.build is not None and scan.build != build:
            raise UsageError(f"{scan.where} is on {scan.build}, --build says {build}")
        if build:
            _check_build(scan, table, build)
        if self.request.chromosomes is not None:
            inside = table["chromosome"].isin(self.request.chromosomes)
            table = table[inside]
            if table.empty:
                shown = ", ".join(chromosome_label(c) for c in sorted(self.request.chromosomes))
                raise InputError(f"{scan.where}: no variant of {scan.name} on chromosome {shown}")
        return table

    def leads(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """The leads of a scan: those of the file, or the best of each block."""
        if self.request.leads is None:
            level = self.request.genome_wide
            return self._named(lead_blocks(table, p_threshold=level, max_blocks=None))
        given = self.request.leads
        mine = given[given["trait"] == name] if "trait" in given else given
        if self.request.chromosomes is not None:
            mine = mine[mine["chromosome"].isin(self.request.chromosomes)]
        found = leads_in_scan(mine, table)
        places = mine.drop_duplicates(["chromosome", "base_pair_location"])
        n_found = len(found.drop_duplicates(["chromosome", "base_pair_location"]))
        if n_found < len(places):
            log.warning(
                "%s: %d of %d leads are not in the scan and are not marked",
                name,
                len(places) - n_found,
                len(places),
            )
        return self._named(found)

    def _named(self, leads: pd.DataFrame) -> pd.DataFrame:
        """Leads with the nearest gene, where genes are known and the leads name none."""
        genes = self.request.genes
        named = {"label", "gene", "nearest_gene"} & set(leads)
        if genes is None or named or leads.empty:
            return leads
        build = self.request.build or self.scans.common_build()
        if genes.build is not None and build is not None and genes.build != build:
            raise UsageError(f"the genes are on {genes.build}, the scans on {build}")
        near = nearest_genes(genes, leads["chromosome"], leads["base_pair_location"])
        far = ~(near["distance_to_gene_bp"] <= _GENE_WINDOW_BP).to_numpy()
        return leads.assign(nearest_gene=near["name"].mask(far, "").to_numpy())


def _check_leads(scans: Scans, leads: pd.DataFrame | None) -> None:
    if leads is None or "trait" not in leads:
        return
    theirs, ours = sorted(set(leads["trait"].dropna())), list(scans)
    if not set(theirs) & set(ours):
        raise InputError(
            f"the leads are of {', '.join(theirs[:5])}, the scans are {', '.join(ours[:5])}: give "
            "the scans the names of the leads' traits with --names"
        )


def _check_build(scan: Scan, table: pd.DataFrame, build: str) -> None:
    last = table.groupby("chromosome")["base_pair_location"].max()
    for code, position_bp in zip(last.index.astype(int), last, strict=True):
        length = LENGTHS_BP[build].get(code)
        if length is not None and position_bp > length:
            raise InputError(
                f"{scan.where}: chromosome {chromosome_label(code)} of {build} ends at "
                f"{length:,}, {scan.name} has a variant at {position_bp:,}: give the right --build"
            )


def plot_page(reader: ScanReader, path: Path, *, title: str = "") -> None:
    """Write the page of a figure; ``title`` stands instead of its kind and the scans' names."""
    request, names = reader.request, list(reader.scans)
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
