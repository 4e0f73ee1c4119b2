"""Several scans one below another on one genome axis (Figure 7 of Eriksson & Nakamori)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.layouts import gridplot
from bokeh.models import ColumnDataSource, LayoutDOM, Range1d
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_label
from gwasbone.plots import theme
from gwasbone.plots.frame import Frame, write_labels
from gwasbone.plots.genome_axis import GenomeAxis, genome_axis
from gwasbone.plots.manhattan import reached_words
from gwasbone.plots.manhattan_panel import (
    LABEL_ROOM,
    PLAIN_ROOM,
    Levels,
    Panel,
    PanelBudget,
    beyond_note,
    draw_leads,
    draw_variants,
    empty_panel,
    missing_note,
    sorted_leads,
    thinning_note,
    top_of,
)
from gwasbone.plots.page import describe
from gwasbone.plots.scan_points import ScanPoints, scan_points_by_name
from gwasbone.plots.variant_words import require_columns, variant_texts

MAX_SCANS = 25
_FIGURE = "a stacked Manhattan plot"
_LEFT_PX, _RIGHT_PX = 64, 148
#: Room for the names of a few loci in one line, or of more in several.
_HEADER_PX, _TALL_HEADER_PX, _FEW_LOCI = 30, 62, 8
_LABEL_PX = 26
_GUIDE = "#9aa3ab"
#: What all panels of a page share out among themselves.
_ALL_FOREGROUND, _ALL_HOVER = 150_000, 8_000


def stacked_manhattan(
    scans: Any,
    *,
    title: str = "",
    leads: Mapping[str, pd.DataFrame] | None = None,
    shared: pd.DataFrame | None = None,
    highlight: bool = True,
    common_y: bool = True,
    genome_wide: float = 5e-8,
    suggestive: float | None = None,
    y_max: float | None = None,
    max_labels: int = 8,
    width_px: int = 980,
    panel_px: int | None = None,
) -> LayoutDOM:
    """Draw Manhattan plots of several scans as panels on a common genome axis.

    Parameters
    ----------
    scans : 2 to 25 of them, the first on top: results of a run, scans, or name -> what
        :func:`gwasbone.plots.manhattan` takes. To keep only one large scan in memory at a time,
        pass ``ScanPoints.of(table).thinned()``.
    leads : name -> lead variants to mark in that scan's panel, for some or all of the scans.
    shared : loci of several scans, such as :func:`gwasbone.loci.find_loci` finds:
        ``chromosome``, ``base_pair_location``, ``start_bp``, ``end_bp``, and what names a
        variant. A line through all panels stands at each, its name on top.
    highlight : whether variants inside a shared locus have a colour of their own.
    common_y : one scale for all panels, so that heights compare; otherwise each reaches its own
        highest point.
    genome_wide, suggestive : significance levels to draw, as p; ``suggestive`` may be None.
    y_max : the highest −log₁₀ p drawn at its true height; all by default.
    max_labels : leads of each scan, highest first, that get a text where it finds room.
    width_px, panel_px : size of each panel's plotting area.

    Returns
    -------
    Bokeh layout; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        Fewer than 2 scans or more than 25, ``leads`` of a scan that is not there, or what
        ``manhattan`` raises.
    """
    points = scan_points_by_name(scans, figure=_FIGURE, at_least=2, at_most=MAX_SCANS)
    axis = common_axis(points)
    marked = leads_by_scan(points, leads, axis, figure=_FIGURE)
    loci = _placed(shared, axis)
    levels = Levels(genome_wide, suggestive)
    k = len(points)
    budget = PanelBudget(
        max_foreground=min(60_000, _ALL_FOREGROUND // k),
        max_hover=min(2_000, _ALL_HOVER // k),
        max_labels=max_labels,
        cell_px=2.0,
    )
    panel_px = panel_px or max(90, min(200, 1_500 // k))
    tops = {name: top_of(one, marked[name], levels) for name, one in points.items()}
    labelled = max(LABEL_ROOM, 1 + _LABEL_PX / panel_px)
    rooms = {name: PLAIN_ROOM if table.empty else labelled for name, table in marked.items()}
    if common_y:
        tops = dict.fromkeys(tops, max(tops.values()))
        rooms = dict.fromkeys(rooms, max(rooms.values()))
    panels: dict[str, Panel] = {}
    for name, one in points.items():
        cut = tops[name] if y_max is None else float(y_max)
        frame = Frame(axis.limits, cut * rooms[name], cut, width_px, panel_px)
        panels[name] = Panel.of(one, marked[name], frame, axis, budget)
    plots, n_unnamed = _draw_panels(panels, loci, levels, budget, highlight)
    rows = [_header(loci, plots[0], width_px), *plots] if len(loci) else plots
    grid = gridplot([[plot] for plot in rows], merge_tools=True, toolbar_location="right")
    notes = _notes(panels, budget, loci, n_unnamed)
    if len(loci) and highlight:
        notes.append("Green: variants near such a locus.")
    if any(len(panel.leads) for panel in panels.values()):
        notes.append("Diamonds: lead variants.")
    return describe(grid, _description(panels, loci, genome_wide, title), notes=notes)


def common_axis(scans: Mapping[str, ScanPoints]) -> GenomeAxis:
    """The axis that has room for the variants of every scan."""
    ends = [_chromosome_ends(points) for points in scans.values()]
    chromosome = np.concatenate([code for code, _ in ends])
    return genome_axis(chromosome, np.concatenate([position_bp for _, position_bp in ends]))


def leads_by_scan(
    scans: Mapping[str, ScanPoints],
    leads: Mapping[str, pd.DataFrame] | None,
    axis: GenomeAxis,
    *,
    figure: str,
) -> dict[str, pd.DataFrame]:
    """Sorted leads of every scan; an empty table where none were given."""
    leads = leads or {}
    if unknown := [name for name in leads if name not in scans]:
        raise InputError(
            f"leads of {', '.join(unknown)} came for {figure}, but its scans are {', '.join(scans)}"
        )
    return {name: sorted_leads(leads.get(name), axis, figure=figure) for name in scans}


def absent_chromosomes(scans: Mapping[str, ScanPoints], axis: GenomeAxis) -> list[str]:
    """A note for each scan that has no variants on chromosomes that another has."""
    notes = []
    for name, points in scans.items():
        absent = sorted(set(axis.codes.tolist()) - set(np.unique(points.chromosome).tolist()))
        if absent:
            names = ", ".join(chromosome_label(code) for code in absent)
            plural = "s" if len(absent) > 1 else ""
            notes.append(f"{name} has no variants on chromosome{plural} {names}.")
    return notes


def _chromosome_ends(points: ScanPoints) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    axis = genome_axis(points.chromosome, points.position_bp)
    ends_mb = np.concatenate(
        [axis.start - axis.shift[axis.codes], axis.end - axis.shift[axis.codes]]
    )
    return np.tile(axis.codes, 2), np.rint(ends_mb * 1e6).astype(np.int64)


def _placed(shared: pd.DataFrame | None, axis: GenomeAxis) -> pd.DataFrame:
    """Shared loci on the axis, with the x of their lead and ends, highest first."""
    needed = ("chromosome", "base_pair_location", "start_bp", "end_bp", "neg_log_10_p_value")
    if shared is None or shared.empty:
        return pd.DataFrame({name: [] for name in needed})
    require_columns(shared, needed, figure=f"{_FIGURE}'s table of shared loci")
    code = shared["chromosome"].to_numpy(dtype=np.int64)
    x = {
        name: axis.place(code, shared[column].to_numpy(dtype=np.int64))
        for name, column in (
            ("x", "base_pair_location"),
            ("x_start", "start_bp"),
            ("x_end", "end_bp"),
        )
    }
    placed = shared.assign(**x).dropna(subset=["x"])
    return placed.sort_values("neg_log_10_p_value", ascending=False, kind="stable")


def _draw_panels(
    panels: Mapping[str, Panel],
    loci: pd.DataFrame,
    levels: Levels,
    budget: PanelBudget,
    highlight: bool,
) -> tuple[list[figure], dict[str, int]]:
    plots: list[figure] = []
    unnamed: dict[str, int] = {}
    x_range: Range1d | None = None
    last = list(panels)[-1]
    for name, panel in panels.items():
        plot = empty_panel(
            panel.frame, panel.axis, levels, title=name, y_label="−log₁₀ p", x_range=x_range
        )
        x_range = plot.x_range
        plot.min_border_left, plot.min_border_right = _LEFT_PX, _RIGHT_PX
        plot.yaxis[0].ticker.desired_num_ticks = 4
        if name != last:
            plot.xaxis.axis_label = None
        _draw_guides(plot, loci)
        answer_from = min(levels.heights().values())
        draw_variants(plot, panel, answer_from=answer_from, max_hover=budget.max_hover)
        inside = _inside(*panel.lead_places(), loci) if len(panel.leads) else None
        if highlight and len(loci):
            _highlight(plot, panel, loci)
        unnamed[name] = draw_leads(
            plot, panel, max_labels=budget.max_labels, unnamed=inside, legend=False
        )
        plots.append(plot)
    return plots, {name: n for name, n in unnamed.items() if n}


def _inside(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], loci: pd.DataFrame
) -> npt.NDArray[np.bool_]:
    inside = np.zeros(x.size, dtype=bool)
    for start, end in zip(loci.get("x_start", []), loci.get("x_end", []), strict=True):
        inside |= (x >= start - 1e-7) & (x <= end + 1e-7)
    return inside


def _draw_guides(plot: figure, loci: pd.DataFrame) -> None:
    """A line and a band at each locus, which a page draws much faster than annotations."""
    if loci.empty:
        return
    plot.vstrip(
        x0=loci["x_start"].to_numpy(),
        x1=loci["x_end"].to_numpy(),
        fill_color=theme.GRID,
        fill_alpha=0.9,
        line_color=None,
        level="underlay",
    )
    plot.vspan(
        x=loci["x"].to_numpy(),
        line_color=_GUIDE,
        line_width=1,
        line_dash="dotted",
        level="underlay",
    )


def _highlight(plot: figure, panel: Panel, loci: pd.DataFrame) -> None:
    x, height = panel.x_and_height()
    near = _inside(x, height, loci)
    source = ColumnDataSource({"x": x[near], "y": panel.frame.height(height[near])})
    plot.scatter("x", "y", source=source, size=3.5, color=theme.HIGHLIGHT, line_color=None)


def _header(loci: pd.DataFrame, first: figure, width_px: int) -> figure:
    """A strip above the panels with the names of the shared loci."""
    height_px = _HEADER_PX if len(loci) <= _FEW_LOCI else _TALL_HEADER_PX
    limits = (first.x_range.start, first.x_range.end)
    frame = Frame(limits, float(height_px), np.inf, width_px, height_px)
    plot = theme.new_figure(
        x_label="", y_label="", width_px=width_px, height_px=height_px, y_range=frame.y_range
    )
    plot.x_range = first.x_range
    plot.axis.visible = False
    plot.grid.visible = False
    plot.min_border_left, plot.min_border_right = _LEFT_PX, _RIGHT_PX
    x, zero = loci["x"].to_numpy(), np.zeros(len(loci))
    plot.segment(x, zero, x, zero + 6, color=_GUIDE)
    write_labels(plot, frame, variant_texts(loci), x, zero, np.zeros(width_px))
    return plot


def _notes(
    panels: Mapping[str, Panel],
    budget: PanelBudget,
    loci: pd.DataFrame,
    unnamed: Mapping[str, int],
) -> list[str]:
    scans = {name: panel.points for name, panel in panels.items()}
    axis = next(iter(panels.values())).axis
    n = sum(points.n_variants for points in scans.values())
    n_shown = sum(panel.shown.size for panel in panels.values())
    whose = f" in {len(panels)} scans"
    notes = [thinning_note(n_shown, n, budget, whose=whose)]
    notes += missing_note({name: points.n_missing for name, points in scans.items()})
    notes += absent_chromosomes(scans, axis)
    for name, panel in panels.items():
        notes += beyond_note(panel.points, panel.frame.cut, name=name)
    if len(loci):
        notes.append(
            "A dotted line stands at each locus where several scans have a lead; loci are joined "
            "by distance, so that they need not share a signal."
        )
    for name, count in unnamed.items():
        notes.append(f"{name}: {count} of {len(panels[name].leads)} leads are without a name.")
    return notes


def _description(
    panels: Mapping[str, Panel], loci: pd.DataFrame, genome_wide: float, title: str
) -> str:
    parts = [
        f"{name}: {theme.format_count(panel.points.n_variants)} variants, "
        f"{reached_words(panel.points, genome_wide)}"
        for name, panel in panels.items()
    ]
    shared = f" Loci with leads of several scans: {len(loci)}." if len(loci) else ""
    head = f"{title}: " if title else ""
    return (
        f"{head}Manhattan plots of {len(panels)} scans on one genome axis. "
        f"{' '.join(parts)}{shared}"
    )
