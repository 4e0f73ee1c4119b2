"""Two scans against each other, variant by variant: −log₁₀ p, or signed z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.frame import Frame, write_labels
from gwasbone.plots.manhattan_panel import Levels
from gwasbone.plots.page import describe
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import answer_hovering, places, require_columns, variant_texts

_NAMES = ("chromosome", "base_pair_location")
_P = ("neg_log_10_p_value_a", "neg_log_10_p_value_b")
_Z = ("z_a", "z_b")
#: Below it in both scans a variant is background, thinned to what the pixels show.
_BACKGROUND = 5.0
_MAX_FOREGROUND, _MAX_HOVER = 60_000, 3_000
_POINT_PX = 4.0
_ROOM, _EDGE = 1.06, 0.012

#: Class of a variant -> colour and marker: told apart by both.
_LOOKS = {
    "neither": ("#7590ad", "circle"),
    "only_a": (theme.GROUP_COLOURS[0], "triangle"),
    "only_b": (theme.GROUP_COLOURS[1], "square"),
    "both": (theme.GROUP_COLOURS[3], "diamond"),
}
#: A diamond looks smaller than a square of one size.
_SIZES = {"neither": _POINT_PX, "only_a": 7.0, "only_b": 6.0, "both": 10.0}


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Points with the class that the genome-wide lines give them."""

    table: pd.DataFrame
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    top: npt.NDArray[np.float64]
    kind: npt.NDArray[np.object_]
    n_missing: int

    def counts(self) -> dict[str, int]:
        return {name: int((self.kind == name).sum()) for name in _LOOKS}


def p_scatter(
    pairs: Any,
    *,
    names: tuple[str, str],
    title: str = "",
    genome_wide: float = 5e-8,
    max_labels: int = 12,
    size_px: int = 560,
) -> figure:
    """Draw −log₁₀ p of a scan against that of another.

    Both axes have one scale, so that the diagonal is where a variant is as strong in both. The
    genome-wide lines cut the square into four, with the number of variants in each.

    Parameters
    ----------
    pairs : :class:`gwasbone.sumstats.PairedScans`, or its table of variants that both scans
        have: ``chromosome``, ``base_pair_location``, ``neg_log_10_p_value_a``,
        ``neg_log_10_p_value_b``; where present ``source_id``, ``gene``, alleles, ``beta_a``,
        ``standard_error_a`` and those of B appear on hovering. Rows with NaN are left out and
        counted.
    names : of the scans A (x) and B (y).
    genome_wide : significance level of both lines, as p.
    max_labels : variants, the highest of each 1 Mb first, that get a text where it finds room.
    size_px : width and height of the plotting area.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        A column is missing, no row is complete, or a −log₁₀ p is infinite or negative.
    """
    level = Levels(genome_wide, None).heights()["genome-wide"]
    points = _points(pairs, _P, level)
    wrong = int((~np.isfinite(points.top) | (np.minimum(points.x, points.y) < 0)).sum())
    if wrong:
        raise InputError(
            f"neg_log_10_p_value must be finite and not negative; {wrong} of {points.x.size} pairs "
            "have another: compute it on the log scale from beta and se, not from a rounded p"
        )
    end = max(float(points.top.max()), level * 1.2) * _ROOM
    limits = (-_EDGE * end, end)
    plot = _square(names, "−log₁₀ p", title, size_px, limits)
    frame = Frame(limits, end, np.inf, size_px, size_px, y_start=limits[0])
    n_shown = _draw(plot, points, names, limits, size_px)
    plot.line([0, end], [0, end], color=theme.INK, line_width=1, line_dash="dashed")
    _lines(plot, (level,), theme.ACCENT)
    _write_counts(plot, points.counts(), level, end, size_px)
    _label(plot, frame, points, max_labels)
    return describe(
        plot,
        _description(points, names, genome_wide, "−log₁₀ p"),
        notes=_notes(points, n_shown, "Dashed: equally strong in both scans."),
    )


def z_scatter(
    pairs: Any,
    *,
    names: tuple[str, str],
    title: str = "",
    genome_wide: float = 5e-8,
    size_px: int = 560,
) -> figure:
    """Draw z-scores of a scan against those of another, to show the direction of effects.

    As :func:`p_scatter`, with ``z_a`` and ``z_b`` (β / s.e. of one and the same allele). The
    classes are still by −log₁₀ p.
    """
    level = Levels(genome_wide, None).heights()["genome-wide"]
    points = _points(pairs, _Z, level)
    end = float(max(np.abs(points.x).max(), np.abs(points.y).max(), 6.0)) * _ROOM
    plot = _square(names, "z", title, size_px, (-end, end))
    n_shown = _draw(plot, points, names, (-end, end), size_px)
    plot.line([-end, end], [-end, end], color=theme.INK, line_width=1, line_dash="dashed")
    _lines(plot, (0.0,), theme.AXIS)
    opposite = int((np.sign(points.x) * np.sign(points.y) < 0)[points.kind != "neither"].sum())
    n_found = int((points.kind != "neither").sum())
    direction = (
        f"Of {theme.format_count(n_found)} variants below the genome-wide line in either scan, "
        f"{theme.format_count(opposite)} have effects of opposite sign."
    )
    return describe(
        plot,
        _description(points, names, genome_wide, "z"),
        notes=[direction, *_notes(points, n_shown, "Dashed: the same z in both scans.")],
    )


def _points(pairs: Any, axes: tuple[str, str], level: float) -> _Pairs:
    pairs = getattr(pairs, "table", pairs)
    require_columns(pairs, dict.fromkeys((*_NAMES, *_P, *axes)), figure="a scatter of two scans")
    complete = pairs[[*dict.fromkeys((*_P, *axes))]].notna().all(axis=1).to_numpy()
    n_missing = int((~complete).sum())
    if n_missing == len(pairs):
        raise InputError(
            f"a scatter of two scans needs a variant with values in both; {len(pairs)} rows came "
            "and none has"
        )
    table = pairs[complete] if n_missing else pairs
    p_a, p_b = (table[name].to_numpy(dtype=np.float64) for name in _P)
    x, y = (table[name].to_numpy(dtype=np.float64) for name in axes)
    in_a, in_b = p_a >= level, p_b >= level
    kind = np.select(
        [in_a & in_b, in_a, in_b], ["both", "only_a", "only_b"], default="neither"
    ).astype(object)
    return _Pairs(table, x, y, np.maximum(p_a, p_b), kind, n_missing)


def _square(
    names: tuple[str, str], quantity: str, title: str, size_px: int, limits: tuple[float, float]
) -> figure:
    plot = theme.new_figure(
        title=title,
        x_label=f"{names[0]}, {quantity}",
        y_label=f"{names[1]}, {quantity}",
        width_px=size_px,
        height_px=size_px,
        x_range=limits,
        y_range=limits,
    )
    plot.xgrid.grid_line_color = theme.GRID
    return plot


def _lines(plot: figure, places_: tuple[float, ...], colour: str) -> None:
    for place in places_:
        for dimension in ("width", "height"):
            plot.add_layout(
                Span(
                    location=place,
                    dimension=dimension,
                    line_color=colour,
                    line_width=1.2,
                    line_dash="dashed",
                )
            )


def _draw(
    plot: figure,
    points: _Pairs,
    names: tuple[str, str],
    limits: tuple[float, float],
    size_px: int,
) -> int:
    """Draw the points, background thinned; how many were drawn."""
    above = np.flatnonzero(points.top > _BACKGROUND)
    foreground = above[np.argsort(-points.top[above], kind="stable")][:_MAX_FOREGROUND]
    rest = np.ones(points.x.size, dtype=bool)
    rest[foreground] = False
    low = np.flatnonzero(rest)
    thinned = thin_points(
        points.x[low], points.y[low], width_px=size_px, height_px=size_px,
        x_range=limits, y_range=limits,
    )  # fmt: skip
    shown = np.concatenate([low[thinned], foreground])
    rank = np.argsort(-points.top[shown], kind="stable")
    shown = shown[rank]
    answers = np.zeros(shown.size, dtype=bool)
    answers[:_MAX_HOVER] = points.top[shown][:_MAX_HOVER] > _BACKGROUND
    legend = _legend_texts(points.counts(), names)
    for kind, (colour, marker) in _LOOKS.items():
        mine = points.kind[shown] == kind
        for talks in (False, True):
            rows = shown[mine & (answers == talks)]
            if rows.size == 0:
                continue
            place = {"x": points.x[rows], "y": points.y[rows]}
            if talks:
                words = _words(points.table.iloc[rows], names)
                place |= words
            else:
                place = {name: one.astype(np.float32) for name, one in place.items()}
            drawn = plot.scatter(
                "x",
                "y",
                source=ColumnDataSource(place),
                size=_SIZES[kind],
                marker=marker,
                color=colour,
                line_color=None,
                legend_label=legend[kind],
            )
            if talks:
                answer_hovering(plot, drawn, words)
    theme.dress_legend(plot)
    plot.add_layout(plot.legend[0], "right")
    return int(shown.size)


def _legend_texts(counts: dict[str, int], names: tuple[str, str]) -> dict[str, str]:
    words = {
        "neither": "genome-wide in neither",
        "only_a": f"in {names[0]} only",
        "only_b": f"in {names[1]} only",
        "both": "in both",
    }
    return {kind: f"{text}: {theme.format_count(counts[kind])}" for kind, text in words.items()}


def _words(rows: pd.DataFrame, names: tuple[str, str]) -> dict[str, list[str]]:
    number = theme.format_number
    words = {"Variant": variant_texts(rows), "Place": places(rows)}
    if {"effect_allele", "other_allele"} <= set(rows):
        pairs = zip(rows["effect_allele"], rows["other_allele"], strict=True)
        words["Effect / other allele"] = [f"{str(a)[:12]} / {str(b)[:12]}" for a, b in pairs]
    for name, suffix in zip(names, ("a", "b"), strict=True):
        words[f"−log₁₀ p, {name}"] = [f"{one:.2f}" for one in rows[f"neg_log_10_p_value_{suffix}"]]
        if {f"beta_{suffix}", f"se_{suffix}"} <= set(rows):
            pairs = zip(rows[f"beta_{suffix}"], rows[f"se_{suffix}"], strict=True)
            words[f"β (s.e.), {name}"] = [f"{number(b)} ({number(s)})" for b, s in pairs]
    return words


def _write_counts(
    plot: figure, counts: dict[str, int], level: float, end: float, size_px: int
) -> None:
    """The number of variants in each quarter, in its corner that is far from the origin."""
    pad = 6 / size_px * end
    corners = {
        "only_a": (end - pad, level - pad, "right"),
        "only_b": (level - pad, end - pad, "right"),
        "both": (level + pad, end - pad, "left"),
    }
    texts = {kind: theme.format_count(counts[kind]) for kind in corners}
    if (level - pad) / end * size_px < max(map(len, texts.values())) * 0.64 * theme.TICK_PX:
        return  # no room between the axis and the line: the legend has the numbers too
    for kind, (x, y, align) in corners.items():
        plot.text(
            x=[x],
            y=[y],
            text=[texts[kind]],
            text_align=align,
            text_baseline="top",
            text_color=theme.INK,
            text_font=value(theme.FONT),
            text_font_style="bold",
            text_font_size=f"{theme.TICK_PX}px",
        )


def _label(plot: figure, frame: Frame, points: _Pairs, max_labels: int) -> None:
    found = np.flatnonzero(points.kind != "neither")
    best = found[np.argsort(-points.top[found], kind="stable")]
    rows = points.table.iloc[best]
    block = rows["base_pair_location"].to_numpy() // 1_000_000
    first = ~pd.Series(list(zip(rows["chromosome"], block, strict=True))).duplicated().to_numpy()
    chosen = best[first][:max_labels]
    if chosen.size == 0:
        return
    texts = variant_texts(points.table.iloc[chosen])
    # points lie all over the square: a text stands beside its own, over what lies there
    floor = np.zeros(frame.width_px)
    write_labels(plot, frame, texts, points.x[chosen], points.y[chosen], floor)


def _notes(points: _Pairs, n_shown: int, diagonal: str) -> list[str]:
    count = theme.format_count
    notes = [diagonal]
    n = points.x.size
    if n_shown < n:
        notes.append(
            f"{count(n_shown)} of {count(n)} variants are drawn: those with −log₁₀ p above "
            f"{_BACKGROUND:g} in a scan, and of the others one for each spot that a point covers."
        )
    else:
        notes.append(f"All {count(n)} variants are drawn.")
    if points.n_missing:
        notes.append(f"{count(points.n_missing)} variants without a p-value in both are left out.")
    return notes


def _description(points: _Pairs, names: tuple[str, str], genome_wide: float, quantity: str) -> str:
    count, n = theme.format_count, points.counts()
    return (
        f"{quantity} of {names[1]} against {names[0]} for {count(points.x.size)} variants that "
        f"both scans have. At p ≤ {theme.format_p(genome_wide)}: {count(n['both'])} in both, "
        f"{count(n['only_a'])} in {names[0]} only, {count(n['only_b'])} in {names[1]} only, "
        f"{count(n['neither'])} in neither."
    )
