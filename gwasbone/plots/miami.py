"""The Miami plot: two scans on one genome axis, one upwards, one downwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from bokeh.layouts import gridplot
from bokeh.models import LayoutDOM
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.frame import Frame
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
    thinning_note,
    top_of,
)
from gwasbone.plots.page import describe
from gwasbone.plots.scan_points import scan_points_by_name
from gwasbone.plots.stacked_manhattan import absent_chromosomes, common_axis, leads_by_scan

_FIGURE = "a Miami plot"
_LEFT_PX, _RIGHT_PX = 64, 148


def miami(
    scans: Any,
    *,
    title: str = "",
    leads: Mapping[str, pd.DataFrame] | None = None,
    common_y: bool = True,
    genome_wide: float = 5e-8,
    suggestive: float | None = 1e-5,
    y_max: float | None = None,
    max_labels: int = 20,
    width_px: int = 980,
    panel_px: int = 260,
) -> LayoutDOM:
    """Draw a Miami plot: the first scan upwards, the second downwards.

    Both read −log₁₀ p as a positive number away from the middle, and move as one along the
    genome.

    Parameters
    ----------
    scans : two of them, the upper first: results of a run with two traits, scans, or name ->
        what :func:`gwasbone.plots.manhattan` takes or thinned
        :class:`gwasbone.plots.scan_points.ScanPoints`.
    leads : name -> lead variants to mark in that scan's half.
    common_y : one scale for both halves, so that heights compare; otherwise each reaches its own
        highest point.
    genome_wide, suggestive : significance levels to draw, as p; ``suggestive`` may be None.
    y_max : the highest −log₁₀ p drawn at its true height; all by default.
    max_labels : leads of each scan, highest first, that get a text where it finds room.
    width_px, panel_px : size of each half's plotting area.

    Returns
    -------
    Bokeh layout; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        Not two scans, ``leads`` of another, or what ``manhattan`` raises.
    """
    points = scan_points_by_name(scans, figure=_FIGURE, at_least=2, at_most=2)
    axis = common_axis(points)
    marked = leads_by_scan(points, leads, axis, figure=_FIGURE)
    levels = Levels(genome_wide, suggestive)
    budget = PanelBudget(max_labels=max_labels)
    tops = {name: top_of(one, marked[name], levels) for name, one in points.items()}
    rooms = {name: PLAIN_ROOM if table.empty else LABEL_ROOM for name, table in marked.items()}
    if common_y:
        tops = dict.fromkeys(tops, max(tops.values()))
        rooms = dict.fromkeys(rooms, max(rooms.values()))
    panels = {}
    for mirrored, (name, one) in zip((False, True), points.items(), strict=True):
        cut = tops[name] if y_max is None else float(y_max)
        frame = Frame(axis.limits, cut * rooms[name], cut, width_px, panel_px, mirrored=mirrored)
        panels[name] = Panel.of(one, marked[name], frame, axis, budget)
    plots, unnamed = _halves(panels, levels, budget)
    grid = gridplot([[plot] for plot in plots], merge_tools=True, toolbar_location="right")
    return describe(
        grid,
        _description(panels, genome_wide, title),
        notes=_notes(panels, budget, unnamed),
    )


def _halves(
    panels: Mapping[str, Panel], levels: Levels, budget: PanelBudget
) -> tuple[list[figure], dict[str, int]]:
    plots: list[figure] = []
    unnamed = {}
    pairs = (theme.CHROMOSOME_COLOURS, theme.MIRROR_COLOURS)
    for (name, panel), colours in zip(panels.items(), pairs, strict=True):
        plot = empty_panel(
            panel.frame,
            panel.axis,
            levels,
            title=name,
            y_label="−log₁₀ p",
            x_range=plots[0].x_range if plots else None,
        )
        plot.min_border_left, plot.min_border_right = _LEFT_PX, _RIGHT_PX
        if panel.frame.mirrored:
            # the names of the chromosomes stand between the halves, for both
            plot.xaxis.visible = False
            plot.title_location = "below"
            plot.min_border_top = 0
        else:
            plot.min_border_bottom = 0
        answer_from = min(levels.heights().values())
        draw_variants(
            plot, panel, answer_from=answer_from, max_hover=budget.max_hover, colours=colours
        )
        unnamed[name] = draw_leads(plot, panel, max_labels=budget.max_labels, legend=False)
        plots.append(plot)
    return plots, unnamed


def _notes(
    panels: Mapping[str, Panel], budget: PanelBudget, unnamed: Mapping[str, int]
) -> list[str]:
    scans = {name: panel.points for name, panel in panels.items()}
    notes = [
        thinning_note(panel.shown.size, panel.points.n_variants, budget, whose=f" of {name}")
        for name, panel in panels.items()
    ]
    notes += missing_note({name: points.n_missing for name, points in scans.items()})
    notes += absent_chromosomes(scans, next(iter(panels.values())).axis)
    for name, panel in panels.items():
        notes += beyond_note(panel.points, panel.frame.cut, name=name)
        if unnamed[name]:
            n_leads = len(panel.leads)
            notes.append(f"{name}: {unnamed[name]} of {n_leads} leads are without a name.")
    return notes


def _description(panels: Mapping[str, Panel], genome_wide: float, title: str) -> str:
    parts = [
        f"{where}, {name}: {theme.format_count(panel.points.n_variants)} variants, "
        f"{reached_words(panel.points, genome_wide)}"
        for where, (name, panel) in zip(("Upwards", "Downwards"), panels.items(), strict=True)
    ]
    head = f"{title}: " if title else ""
    return f"{head}Miami plot of two scans on one genome axis. {' '.join(parts)}"
