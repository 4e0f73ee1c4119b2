"""The Manhattan plot: every variant's −log₁₀ p along the genome."""

from __future__ import annotations

from typing import Any

import pandas as pd
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.frame import Frame
from gwasbone.plots.genome_axis import genome_axis
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
from gwasbone.plots.scan_points import ScanPoints, scan_name, scan_points
from gwasbone.plots.variant_words import places

_FIGURE = "a Manhattan plot"


def manhattan(
    results: Any,
    *,
    trait: str | None = None,
    title: str | None = None,
    leads: pd.DataFrame | None = None,
    genome_wide: float = 5e-8,
    suggestive: float | None = 1e-5,
    y_max: float | None = None,
    max_labels: int = 25,
    width_px: int = 980,
    height_px: int = 400,
) -> figure:
    """Draw a Manhattan plot with labelled lead variants.

    The y axis is linear and starts at 0, however high the peaks are; with ``y_max`` variants
    above it are drawn as triangles at the upper edge and counted in the notes. Millions of
    variants are thinned to what the pixels can show (:func:`gwasbone.plots.thinning.thin_points`)
    and the notes say how many are drawn. Hovering answers on leads and on the highest points.

    Parameters
    ----------
    results : results of a run, a scan (:func:`gwasbone.sumstats.open_scans`), or a table with
        one row per variant: ``chromosome`` (codes 1-25), ``base_pair_location`` and
        ``neg_log_10_p_value``; where present ``source_id``, alleles, ``beta``, ``standard_error``,
        ``n`` and ``effect_allele_frequency`` appear on hovering. NaN −log₁₀ p is left out and
        counted.
    trait : which trait of ``results``; may be left out where it has one.
    title : headline of the figure; the trait by default.
    leads : rows of the same columns to mark. The text beside a lead is its ``label``, else
        ``gene``, ``source_id`` or place, whichever column comes first.
    genome_wide, suggestive : significance levels to draw, as p; ``suggestive`` may be None.
    y_max : the highest −log₁₀ p drawn at its true height; all by default.
    max_labels : how many leads, highest first, get a text where it finds room.
    width_px, height_px : size of the plotting area.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.save` writes it with its notes.

    Raises
    ------
    UsageError
        Several traits and none chosen.
    InputError
        A column is missing, no −log₁₀ p is finite, one is infinite or negative, or a lead lies
        on a chromosome that the results do not have.

    Examples
    --------
    >>> results = gb.associate(gb.example_cohort(), ["bmd_spine"], ["age", "sex"])
    >>> figure = gb.plots.manhattan(results, leads=results.leads("bmd_spine"))
    >>> figure.title.text
    'bmd_spine'
    """
    points = scan_points(results, trait=trait, figure=_FIGURE)
    title = scan_name(results, trait) if title is None else title
    axis = genome_axis(points.chromosome, points.position_bp)
    marked = sorted_leads(leads, axis, figure=_FIGURE)
    levels = Levels(genome_wide, suggestive)
    budget = PanelBudget(max_labels=max_labels)
    cut = top_of(points, marked, levels) if y_max is None else float(y_max)
    room = LABEL_ROOM if len(marked) else PLAIN_ROOM
    frame = Frame(axis.limits, cut * room, cut, width_px, height_px)
    panel = Panel.of(points, marked, frame, axis, budget)

    plot = empty_panel(frame, axis, levels, title=title)
    answer_from = min(levels.heights().values())
    draw_variants(plot, panel, answer_from=answer_from, max_hover=budget.max_hover)
    n_unnamed = draw_leads(plot, panel, max_labels=max_labels)
    notes = _notes(panel, budget, n_unnamed)
    return describe(plot, _description(panel, genome_wide), notes=notes)


def _notes(panel: Panel, budget: PanelBudget, n_unnamed: int) -> list[str]:
    points = panel.points
    notes = [thinning_note(panel.shown.size, points.n_variants, budget)]
    notes += missing_note({"": points.n_missing})
    notes += beyond_note(points, panel.frame.cut)
    if n_unnamed:
        notes.append(f"{n_unnamed} of {len(panel.leads)} lead variants are marked without a name.")
    return notes


def _description(panel: Panel, genome_wide: float) -> str:
    points, k = panel.points, panel.axis.codes.size
    n_leads = len(panel.leads)
    marked = f" Lead variants marked: {theme.format_count(n_leads)}." if n_leads else ""
    return (
        f"Manhattan plot of {theme.format_count(points.n_variants)} variants on {k} "
        f"chromosome{'s' if k > 1 else ''}: −log₁₀ p of each variant's association. "
        f"{reached_words(points, genome_wide)}{marked}"
    )


def reached_words(points: ScanPoints, genome_wide: float) -> str:
    """How many variants reach the genome-wide line, and where the highest lies."""
    top = int(points.height.argmax())
    place = places(points.table.iloc[[top]])[0]
    above = points.n_from(Levels(genome_wide).heights()["genome-wide"])
    return (
        f"{theme.format_count(above)} reach p ≤ {theme.format_p(genome_wide)}; the highest lies "
        f"at {place} with −log₁₀ p = {points.height[top]:.1f}."
    )
