"""Pages of scans that lie in files: one figure for each scan, or one of several.

A large scan is read, thinned to what a panel can show, and let go before the next is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from gwasbone.errors import InputError, UsageError
from gwasbone.genome import LENGTHS_BP, chromosome_label
from gwasbone.sumstats.leads import lead_blocks, leads_in_scan
from gwasbone.sumstats.scan import Scan, Scans

if TYPE_CHECKING:
    from gwasbone.report.pages.plot import PlotRequest

log = logging.getLogger(__name__)

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


def draw_page(
    scans: Scans,
    request: PlotRequest,
    path: Path,
    *,
    title: str = "",
    show: Callable[[str, int, int], None] | None = None,
) -> list[str]:
    """Read scans and write the page of a figure.

    Parameters
    ----------
    show : called with a step, how many scans are done, and of how many.

    Returns
    -------
    A line for each scan: what was read.

    Raises
    ------
    UsageError
        The figure takes another number of scans.
    InputError
        A file cannot be read, or its positions do not fit the build.
    """
    from gwasbone.report.pages.plot import plot_page

    least, most, _ = KINDS[request.kind]
    if len(scans) < least or (most is not None and len(scans) > most):
        takes = f"{least}" if least == most else f"{least} to {most}" if most else "1 or more"
        raise UsageError(
            f"plot {request.kind} takes {takes} scans; {len(scans)} came: {', '.join(scans)}"
        )
    scans.common_build()
    _check_leads(scans, request.leads)
    reader = _Reader(scans, request, show)
    plot_page(reader, request, path, names=list(scans), title=title)
    return reader.said


@dataclass
class _Reader:
    """Reads one scan after another, and says what it read."""

    scans: Scans
    request: PlotRequest
    show: Callable[[str, int, int], None] | None

    def __post_init__(self) -> None:
        self.said: list[str] = []

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
            return lead_blocks(table, p_threshold=level, max_blocks=None)
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
        return found


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
    for code, position_bp in last.items():
        length = LENGTHS_BP[build].get(int(code))
        if length is not None and position_bp > length:
            raise InputError(
                f"{scan.where}: chromosome {chromosome_label(int(code))} of {build} ends at "
                f"{length:,}, {scan.name} has a variant at {position_bp:,}: give the right --build"
            )
