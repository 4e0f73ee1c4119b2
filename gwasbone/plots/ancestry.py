"""Ancestry: principal components by reported group, and who is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.layouts import column, row
from bokeh.models import (
    Column,
    ColumnDataSource,
    GlyphRenderer,
    Legend,
    LegendItem,
)
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe, notes_of
from gwasbone.plots.qc import qc_histogram
from gwasbone.plots.theme import Threshold
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import require_columns

_LEGEND_LINE_PX = 22
_PANEL_PX = (400, 360)
_POINT_PX = 6
#: Left and right of every panel, so that their edges line up.
_BORDER_PX = (86, 24)
_NOT_REPORTED = "not reported"


@dataclass(frozen=True, slots=True)
class KeptRegion:
    """Region of retained samples in principal components: Σ ((PC_j − centre_j)/sd_j)² < radius².

    Attributes
    ----------
    centre, sd : (k,) mean and standard deviation of each component in the reference group.
    radius : in standard deviations.
    """

    centre: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]
    radius: float


def ancestry_pairs(
    scores: pd.DataFrame,
    groups: pd.Series,
    *,
    kept: pd.Series | None = None,
    region: KeptRegion | None = None,
    deviation: pd.Series | None = None,
    threshold: float | None = None,
    title: str = "",
    pairs: tuple[tuple[int, int], ...] = ((1, 2), (3, 4), (5, 6)),
) -> Column:
    """Draw pairs of principal components by reported group, and histograms of the deviation.

    A group is told by colour and shape; those not kept are hollow. A click in the legend hides a
    group in all panels. No identity is on the page.

    Parameters
    ----------
    scores : one row per person, columns ``PC1``, ``PC2``, ...
    groups : reported group by person; missing reads "not reported".
    kept : by person, True where kept; all by default.
    region : drawn as the section through its centre in each panel.
    deviation : by person, the squared deviation D from the reference group; with ``threshold``
        (keep D < ``threshold``) it gets a panel of its own.
    pairs : which components to draw against each other.

    Raises
    ------
    InputError
        A component is missing, nobody has all of them, the index of ``scores`` repeats a name, or
        a series lacks people of ``scores``.
    """
    names = [f"PC{number}" for pair in pairs for number in pair]
    require_columns(scores, names, figure="the ancestry figure")
    complete = np.isfinite(scores[names].to_numpy(dtype=np.float64)).all(axis=1)
    people = scores.loc[complete]
    if people.empty or scores.index.has_duplicates:
        raise InputError(
            "the ancestry figure needs people with all components and an index that names each "
            f"once; of {len(scores)} rows {len(people)} have all components and "
            f"{int(scores.index.duplicated().sum())} repeat a name"
        )
    group = _aligned(groups, people, "groups").astype(object).fillna(_NOT_REPORTED).astype(str)
    everyone = pd.Series(True, index=people.index)
    is_kept = _aligned(everyone if kept is None else kept, people, "kept").to_numpy(dtype=bool)

    by_size = group.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    drawn: dict[str, list[GlyphRenderer]] = {name: [] for name in by_size.index}
    outlines: list[GlyphRenderer] = []
    panels, n_shown = [], 0
    for pair in pairs:
        panel, shown = _panel(people, group.to_numpy(), is_kept, pair, region, drawn, outlines)
        panels.append(panel)
        n_shown += shown
    _add_legend(panels[min(1, len(panels) - 1)], by_size, drawn, outlines, hollow=not is_kept.all())
    panels[0].title.text = title
    notes = _notes(len(people), int((~complete).sum()), n_shown, len(pairs), region)
    if deviation is not None:
        panels.append(_deviation_panel(_aligned(deviation, scores, "deviation"), threshold))
        notes += notes_of(panels[-1])
    rows = [row(panels[start : start + 2]) for start in range(0, len(panels), 2)]
    text = (
        f"Principal components of {theme.format_count(len(people))} people in "
        f"{len(by_size)} reported groups; {theme.format_count(is_kept.sum())} are kept (filled), "
        f"{theme.format_count((~is_kept).sum())} are not (hollow)."
    )
    return describe(column(rows), text, notes=notes)


def scree(
    eigenvalues: npt.ArrayLike, *, title: str = "Eigenvalues of the genetic relationship matrix"
) -> figure:
    """Draw the eigenvalue of each principal component as a bar.

    Parameters
    ----------
    eigenvalues : (k,) in the order of the components.
    """
    heights = np.asarray(eigenvalues, dtype=np.float64)
    k = heights.size
    if k == 0 or not np.isfinite(heights).all():
        raise InputError(f"a scree plot needs finite eigenvalues; {k} came")
    plot = theme.new_figure(
        title=title,
        x_label="Principal component",
        y_label="Eigenvalue",
        width_px=max(260, min(560, 40 * k)),
        height_px=300,
        x_range=(0.4, k + 0.6),
        y_range=(0.0, 1.06 * float(heights.max())),
    )
    plot.vbar(x=np.arange(1, k + 1), top=heights, width=0.7, color=theme.MAIN, line_color=None)
    plot.xaxis.ticker = np.arange(1, k + 1, max(1, k // 20)).tolist()
    first = ", ".join(theme.format_number(height) for height in heights[:5])
    return describe(plot, f"Eigenvalues of {k} principal components; the first are {first}.")


def _aligned(series: pd.Series, people: pd.DataFrame, name: str) -> pd.Series:
    absent = int((~people.index.isin(series.index)).sum())
    if absent:
        raise InputError(
            f"'{name}' must have every person of the scores, by the same index; {absent} of "
            f"{len(people)} are absent"
        )
    return series.loc[people.index]


def _panel(
    people: pd.DataFrame,
    group: npt.NDArray[np.object_],
    is_kept: npt.NDArray[np.bool_],
    pair: tuple[int, int],
    region: KeptRegion | None,
    drawn: dict[str, list[GlyphRenderer]],
    outlines: list[GlyphRenderer],
) -> tuple[figure, int]:
    x, y = (people[f"PC{number}"].to_numpy(dtype=np.float64) for number in pair)
    x_range, y_range = (
        _range(values, region, number) for values, number in zip((x, y), pair, strict=True)
    )
    plot = theme.new_figure(
        title=" ",
        x_label=f"PC{pair[0]}",
        y_label=f"PC{pair[1]}",
        width_px=_PANEL_PX[0],
        height_px=_PANEL_PX[1],
        x_range=x_range,
        y_range=y_range,
    )
    plot.min_border_left, plot.min_border_right = _BORDER_PX
    n_shown = 0
    for number, name in enumerate(drawn):
        for filled in (False, True):
            rows = np.flatnonzero((group == name) & (is_kept == filled))
            rows = rows[
                thin_points(
                    x[rows],
                    y[rows],
                    width_px=_PANEL_PX[0],
                    height_px=_PANEL_PX[1],
                    x_range=x_range,
                    y_range=y_range,
                    # Hollow marks closer than this would close up and look filled.
                    cell_px=1.5 if filled else _POINT_PX - 1,
                )
            ]
            if rows.size == 0:
                continue
            n_shown += rows.size
            drawn[name].append(_mark(plot, number, x[rows], y[rows], filled=filled))
    if region is not None:
        a, b = pair[0] - 1, pair[1] - 1
        outlines.append(
            plot.ellipse(
                x=[region.centre[a]],
                y=[region.centre[b]],
                width=[2 * region.radius * region.sd[a]],
                height=[2 * region.radius * region.sd[b]],
                fill_color=None,
                line_color=theme.INK,
                line_width=1.6,
                line_dash="dashed",
            )
        )
    return plot, n_shown


def _mark(
    plot: figure,
    number: int,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    *,
    filled: bool,
) -> GlyphRenderer:
    colour = theme.GROUP_COLOURS[number % len(theme.GROUP_COLOURS)]
    # A second round of colours meets other shapes.
    shapes = theme.GROUP_MARKERS
    marker = shapes[(number + number // len(theme.GROUP_COLOURS)) % len(shapes)]
    return plot.scatter(
        "x",
        "y",
        source=ColumnDataSource({"x": x.astype("f4"), "y": y.astype("f4")}),
        size=_POINT_PX,
        marker=marker,
        fill_color=colour if filled else None,
        line_color=colour,
        line_width=0.8,
    )


def _range(
    values: npt.NDArray[np.float64], region: KeptRegion | None, number: int
) -> tuple[float, float]:
    ends = [values.min(), values.max()]
    if region is not None:
        reach = region.radius * region.sd[number - 1]
        ends += [region.centre[number - 1] - reach, region.centre[number - 1] + reach]
    margin = 0.04 * (max(ends) - min(ends)) or 1.0
    return float(min(ends) - margin), float(max(ends) + margin)


def _add_legend(
    plot: figure,
    by_size: pd.Series,
    drawn: dict[str, list[GlyphRenderer]],
    outlines: list[GlyphRenderer],
    *,
    hollow: bool,
) -> None:
    # A legend shows the look of its first renderer; one without a place makes every group filled.
    nowhere = np.array([np.nan])
    items = [
        LegendItem(
            label=f"{name} ({theme.format_count(by_size[name])})",
            renderers=[_mark(plot, number, nowhere, nowhere, filled=True), *marks],
        )
        for number, (name, marks) in enumerate(drawn.items())
    ]
    if hollow:
        empty = plot.scatter(
            nowhere, nowhere, size=_POINT_PX, fill_color=None, line_color=theme.INK
        )
        items.append(LegendItem(label="hollow: not kept", renderers=[empty]))
    if outlines:
        items.append(LegendItem(label="kept region", renderers=outlines))
    legend = Legend(items=items)
    # what is taller than the panel loses the marks of its last rows
    line_px = int(min(_LEGEND_LINE_PX, _PANEL_PX[1] / len(items)))
    legend.spacing, legend.padding = 0, 0
    legend.glyph_height = legend.label_height = line_px
    plot.add_layout(legend, "right")
    theme.dress_legend(plot)


def _deviation_panel(deviation: pd.Series, threshold: float | None) -> figure:
    limits = []
    if threshold is not None:
        text = f"keep D < {theme.format_number(threshold)}"
        limits = [Threshold(text, threshold, removes="above")]
    plot = qc_histogram(
        deviation.to_numpy(dtype=np.float64),
        title=" ",
        x_label="Squared deviation D from the reference group",
        thresholds=limits,
        noun="people",
        log_x=True,
        log_y=True,
        width_px=_PANEL_PX[0],
        height_px=_PANEL_PX[1],
    )
    plot.min_border_left, plot.min_border_right = _BORDER_PX
    return plot


def _notes(
    n_people: int, n_missing: int, n_shown: int, n_panels: int, region: KeptRegion | None
) -> list[str]:
    count = theme.format_count
    notes = []
    if region is not None:
        notes.append(
            f"Dashed: the section through the centre of the {len(region.centre)}-dimensional "
            f"ellipsoid of radius {theme.format_number(region.radius)} standard deviations. "
            "A person inside it in every panel can still lie outside the ellipsoid."
        )
    if n_shown < n_people * n_panels:
        notes.append(
            f"{count(n_shown)} of {count(n_people * n_panels)} points are drawn over "
            f"{n_panels} panels, one of a group for each spot."
        )
    if n_missing:
        notes.append(f"{count(n_missing)} people without all components are left out.")
    return notes
