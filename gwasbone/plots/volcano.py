"""The volcano plot: size of each effect against the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.models import ColumnDataSource, Span
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.frame import Frame, write_labels
from gwasbone.plots.manhattan_panel import Levels
from gwasbone.plots.page import describe
from gwasbone.plots.scan_points import BACKGROUND, ScanPoints, scan_name, scan_table
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import (
    answer_hovering,
    hover_words,
    repeated_nearby,
    require_columns,
    variant_texts,
)

_FIGURE = "a volcano plot"
_MAX_FOREGROUND, _MAX_HOVER = 60_000, 2_000
_POINT_PX = 4.0
_X_ROOM, _Y_ROOM = 1.08, 1.16
#: Names of the classes of minor-allele frequency, with their upper ends.
_CLASSES = (
    ("MAF below 1%", 0.01, theme.GROUP_COLOURS[3], "triangle"),
    ("MAF 1 to 5%", 0.05, theme.GROUP_COLOURS[2], "square"),
    ("MAF from 5%", 0.5, theme.GROUP_COLOURS[0], "circle"),
)


@dataclass(frozen=True, slots=True)
class _Effects:
    """Variants with an effect, most precise first."""

    table: pd.DataFrame
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    kind: npt.NDArray[np.int64]
    n_missing: int


def volcano(
    results: Any,
    *,
    trait: str | None = None,
    title: str | None = None,
    x_label: str = "Effect of each copy of the effect allele, β",
    leads: pd.DataFrame | None = None,
    genome_wide: float = 5e-8,
    suggestive: float | None = 1e-5,
    max_labels: int = 20,
    width_px: int = 720,
    height_px: int = 460,
) -> figure:
    """Draw a volcano plot of −log₁₀ p against the effect, coloured by allele frequency.

    Of variants that would lie on one spot the one with the smallest standard error is drawn, so
    that what is known best is seen. The axis reaches the largest effect among variants with
    −log₁₀ p above 3.5 and, where that is more, among the half of all variants that are known
    best; rarer variants with large uncertain effects lie outside it and are counted.

    Parameters
    ----------
    results : results of a run, a scan (:func:`gwasbone.sumstats.open_scans`), or
        a table with one row per variant: ``chromosome``, ``base_pair_location``, ``beta``,
        ``standard_error`` and ``neg_log_10_p_value``; with ``effect_allele_frequency`` the
        classes have colours. NaN is left out and counted.
    trait : which trait of ``results``; may be left out where it has one.
    title : headline of the figure; the trait by default.
    x_label : the effect and its unit, such as ``Effect, log odds`` or ``Effect, SD``.
    leads : rows of the same columns to mark and name, as in
        :func:`gwasbone.plots.manhattan.manhattan`.
    genome_wide, suggestive : significance levels to draw, as p; ``suggestive`` may be None.
    max_labels : leads, highest first, that get a text where it finds room.
    width_px, height_px : size of the plotting area.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        A column is missing, no row is complete, or a −log₁₀ p is infinite or negative.
    """
    title = scan_name(results, trait) if title is None else title
    effects = _effects(scan_table(results, trait, figure=_FIGURE))
    marked = _leads(leads)
    levels = Levels(genome_wide, suggestive)
    x_end = _x_end(effects, marked)
    top = max([float(effects.y.max()), *marked["neg_log_10_p_value"], *levels.heights().values()])
    room = _Y_ROOM if len(marked) else _X_ROOM
    frame = Frame((-x_end, x_end), top * room, np.inf, width_px, height_px)
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label="Association, −log₁₀ p",
        width_px=width_px,
        height_px=height_px,
        x_range=frame.x_range,
        y_range=frame.y_range,
    )
    texts = levels.texts()
    colours = (theme.ACCENT, theme.MUTED_INK)[: len(texts)]
    theme.draw_levels(plot, texts, colours=colours, px_per_unit=frame.px_per_unit)
    plot.add_layout(Span(location=0, dimension="height", line_color=theme.AXIS, line_width=1))
    shown = _shown(effects, frame)
    _draw(plot, effects, shown, min(levels.heights().values()))
    n_unnamed = _draw_leads(plot, frame, effects, marked, max_labels)
    notes = _notes(effects, shown, x_end, n_unnamed, len(marked))
    return describe(plot, _description(effects, marked, genome_wide), notes=notes)


def _effects(results: pd.DataFrame) -> _Effects:
    needed = ("chromosome", "base_pair_location", "beta", "standard_error", "neg_log_10_p_value")
    require_columns(results, needed, figure=_FIGURE)
    whole = np.isfinite(results[["beta", "standard_error"]].to_numpy(dtype=np.float64)).all(axis=1)
    points = ScanPoints.of(results if whole.all() else results[whole], figure=_FIGURE)
    n_missing = len(results) - points.n_variants
    se = points.table["standard_error"].to_numpy(dtype=np.float64)
    table = points.table.iloc[np.argsort(se, kind="stable")]
    kind = np.full(len(table), len(_CLASSES) - 1)
    if "effect_allele_frequency" in table:
        frequency = table["effect_allele_frequency"].to_numpy(dtype=np.float64)
        minor = np.minimum(frequency, 1 - frequency)
        kind = np.searchsorted([end for _, end, *_ in _CLASSES[:-1]], minor, side="right")
    x, y = (table[name].to_numpy(dtype=np.float64) for name in ("beta", "neg_log_10_p_value"))
    return _Effects(table, x, y, kind, n_missing)


def _leads(leads: pd.DataFrame | None) -> pd.DataFrame:
    needed = ("chromosome", "base_pair_location", "beta", "neg_log_10_p_value")
    if leads is None or leads.empty:
        return pd.DataFrame({name: [] for name in needed})
    require_columns(leads, needed, figure=f"{_FIGURE}'s table of leads")
    whole = leads.dropna(subset=["beta", "neg_log_10_p_value"])
    return whole.sort_values("neg_log_10_p_value", ascending=False, kind="stable")


def _x_end(effects: _Effects, leads: pd.DataFrame) -> float:
    size = np.abs(effects.x)
    known = size[: max(1, size.size // 2)]
    found = size[effects.y > BACKGROUND]
    most = max(float(known.max()), float(found.max(initial=0.0)), leads["beta"].abs().max() or 0.0)
    return (most if most > 0 else 1.0) * _X_ROOM


def _shown(effects: _Effects, frame: Frame) -> npt.NDArray[np.int64]:
    # rows are most precise first, and of each spot the earliest row stays
    return thin_points(
        effects.x,
        effects.y,
        width_px=frame.width_px,
        height_px=frame.height_px,
        x_range=frame.x_range,
        y_range=frame.y_range,
        keep_above=BACKGROUND,
        max_kept=_MAX_FOREGROUND,
    )


def _draw(
    plot: figure, effects: _Effects, shown: npt.NDArray[np.int64], answer_from: float
) -> None:
    rank = np.argsort(-effects.y[shown], kind="stable")
    answers = np.zeros(shown.size, dtype=bool)
    answers[rank[:_MAX_HOVER]] = effects.y[shown[rank[:_MAX_HOVER]]] >= answer_from
    by_class = "effect_allele_frequency" in effects.table
    for number, (name, _, colour, marker) in enumerate(_CLASSES):
        for talks in (False, True):
            rows = shown[(effects.kind[shown] == number) & (answers == talks)]
            if rows.size == 0:
                continue
            place = {"x": effects.x[rows], "y": effects.y[rows]}
            words: dict[str, list[str]] = {}
            if talks:
                words = hover_words(effects.table.iloc[rows])
            else:
                place = {name: one.astype(np.float32) for name, one in place.items()}
            label = {"legend_label": name} if by_class else {}
            drawn = plot.scatter(
                "x",
                "y",
                source=ColumnDataSource(place | words),
                size=_POINT_PX,
                marker=marker if by_class else "circle",
                color=colour if by_class else theme.MAIN,
                line_color=None,
                **label,
            )
            if talks:
                answer_hovering(plot, drawn, words)
    if by_class:
        legend = plot.legend[0]
        legend.orientation, legend.padding, legend.margin = "horizontal", 0, 0
        plot.add_layout(legend, "above")
        theme.dress_legend(plot)


def _draw_leads(
    plot: figure, frame: Frame, effects: _Effects, leads: pd.DataFrame, max_labels: int
) -> int:
    """Mark the leads and name the highest; how many are left without a name."""
    if leads.empty:
        return 0
    x, y = (leads[name].to_numpy(dtype=np.float64) for name in ("beta", "neg_log_10_p_value"))
    words = hover_words(leads)
    drawn = plot.scatter(
        "x",
        "y",
        source=ColumnDataSource({"x": x, "y": y} | words),
        size=11,
        marker="diamond",
        fill_color=theme.ACCENT,
        line_color=theme.BACKGROUND,
        line_width=0.8,
    )
    answer_hovering(plot, drawn, words)
    high = effects.y > BACKGROUND
    skyline = frame.skyline(np.append(effects.x[high], x), np.append(effects.y[high], y))
    texts = variant_texts(leads)
    repeated = repeated_nearby(leads, texts)
    named = np.flatnonzero(~repeated)[:max_labels]
    n = write_labels(plot, frame, [texts[i] for i in named], x[named], y[named], skyline)
    return len(leads) - int(repeated.sum()) - n


def _notes(
    effects: _Effects,
    shown: npt.NDArray[np.int64],
    x_end: float,
    n_unnamed: int,
    n_leads: int,
) -> list[str]:
    count = theme.format_count
    n = effects.x.size
    notes = [f"All {count(n)} variants are drawn."]
    if shown.size < n:
        notes = [
            f"{count(shown.size)} of {count(n)} variants are drawn: those with −log₁₀ p above "
            f"{BACKGROUND}, and of the others the most precise one for each spot that a point "
            "covers."
        ]
    if effects.n_missing:
        notes.append(
            f"{count(effects.n_missing)} variants without an effect or a p-value are left out."
        )
    n_outside = int((np.abs(effects.x) > x_end).sum())
    if n_outside:
        notes.append(
            f"{count(n_outside)} variants with −log₁₀ p below {BACKGROUND} and larger, less "
            "certain effects lie outside the axis; zoom out to see them."
        )
    if n_unnamed:
        notes.append(f"{n_unnamed} of {n_leads} lead variants are marked without a name.")
    return notes


def _description(effects: _Effects, leads: pd.DataFrame, genome_wide: float) -> str:
    count = theme.format_count
    reached = effects.y >= -np.log10(genome_wide)
    where = ""
    if reached.any():
        low, high = effects.x[reached].min(), effects.x[reached].max()
        where = f" with effects from {theme.format_number(low)} to {theme.format_number(high)}"
    marked = f" Lead variants marked: {count(len(leads))}." if len(leads) else ""
    return (
        f"Volcano plot of {count(effects.x.size)} variants: −log₁₀ p against effect. "
        f"{count(reached.sum())} reach p ≤ {theme.format_p(genome_wide)}{where}.{marked}"
    )
