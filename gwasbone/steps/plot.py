"""Pages of scans that lie in files: one figure for each scan, or one of several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gwasbone.report.pages.plot import PlotRequest, ScanReader, plot_page
from gwasbone.sumstats.scan import Scans


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
    reader = ScanReader(scans, request, show)
    plot_page(reader, path, title=title)
    return reader.said
