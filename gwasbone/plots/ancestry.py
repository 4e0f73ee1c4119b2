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
from gwasbone.plots import disclosure, theme
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

    Groups differ in colour and shape; marks of excluded participants are hollow. A click in the
    legend hides a group in all panels. Marks are the means of five or more participants of a
    group, unless :func:`gwasbone.plots.small_counts` allows single ones; no identity is on the
    page.

    Parameters
    ----------
    scores : one row per participant, columns ``PC1``, ``PC2``, ...
    groups : reported group by participant; missing reads "not reported".
    kept : by participant, True where retained; all by default.
    region : drawn as the section through its centre in each panel.
    deviation : by participant, the squared deviation D from the reference group; with
        ``threshold`` (keep D < ``threshold``) it gets a panel of its own.
    pairs : which components to draw against each other.

    Raises
    ------
    InputError
        A component is missing, nobody has all of them, the index of ``scores`` repeats a name, or
        a series lacks participants of ``scores``.
    """
    names = [f"PC{number}" for pair in pairs for number in pair]
    require_columns(scores, names, figure="the ancestry figure")
    complete = np.isfinite(scores[names].to_numpy(dtype=np.float64)).all(axis=1)
    people = scores.loc[complete]
    if people.empty or scores.index.has_duplicates:
        raise InputError(
            "the ancestry figure needs participants with all components and an index that names "
            f"each once; of {len(scores)} rows {len(people)} have all components and "
            f"{int(scores.index.duplicated().sum())} repeat a name"
        )
    group = _aligned(groups, people, "groups").astype(object).fillna(_NOT_REPORTED).astype(str)
    everyone = pd.Series(True, index=people.index)
    is_kept = _aligned(everyone if kept is None else kept, people, "kept").to_numpy(dtype=bool)

    by_size = group.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    drawn: dict[str, list[GlyphRenderer]] = {name: [] for name in by_size.index}
    outlines: list[GlyphRenderer] = []
    panels, n_shown, n_marks = [], 0, 0
    for pair in pairs:
        panel, shown, marks = _panel(
            people, group.to_numpy(), is_kept, pair, region, drawn, outlines
        )
        panels.append(panel)
        n_shown += shown
        n_marks += marks
    _add_legend(panels[min(1, len(panels) - 1)], by_size, drawn, outlines, hollow=not is_kept.all())
    panels[0].title.text = title
    notes = _notes(int((~complete).sum()), n_shown, n_marks, len(pairs), region)
    if deviation is not None:
        panels.append(_deviation_panel(_aligned(deviation, scores, "deviation"), threshold))
        notes += notes_of(panels[-1])
    rows = [row(panels[start : start + 2]) for start in range(0, len(panels), 2)]
    text = (
        f"Principal components of {disclosure.count_words(len(people))} participants in "
        f"{len(by_size)} reported group{'s' if len(by_size) > 1 else ''}"
    )
    if not is_kept.all():
        # either number gives the other away
        text += (
            f"; {disclosure.part_words(int(is_kept.sum()), len(people))} are retained (filled), "
            "the others are excluded (hollow)"
        )
    text += "."
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
            f"'{name}' must have every participant of the scores, by the same index; {absent} of "
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
) -> tuple[figure, int, int]:
    """A panel, how many marks it shows, and how many there are."""
    x, y = (people[f"PC{number}"].to_numpy(dtype=np.float64) for number in pair)
    marks = {
        (name, filled): disclosure.neighbourhood_means(x[rows], y[rows])
        for name in drawn
        for filled in (False, True)
        if (rows := (group == name) & (is_kept == filled)).any()
    }
    x_range, y_range = (
        _range(np.concatenate([getattr(one, axis) for one in marks.values()]), region, number)
        for axis, number in zip("xy", pair, strict=True)
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
    for (name, filled), one in marks.items():
        rows = thin_points(
            one.x, one.y, width_px=_PANEL_PX[0], height_px=_PANEL_PX[1],
            x_range=x_range, y_range=y_range,
            # hollow marks closer than this would close up and look filled
            cell_px=1.5 if filled else _POINT_PX - 1,
        )  # fmt: skip
        if rows.size:
            n_shown += rows.size
            number = list(drawn).index(name)
            drawn[name].append(_mark(plot, number, one.x[rows], one.y[rows], filled=filled))
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
    return plot, n_shown, sum(one.n.size for one in marks.values())


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
    ends = [values.min(), values.max()] if values.size else [0.0, 1.0]
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
    sizes = disclosure.cell_texts(by_size)
    items = [
        LegendItem(
            label=f"{name} ({size})",
            renderers=[_mark(plot, number, nowhere, nowhere, filled=True), *marks],
        )
        for number, ((name, marks), size) in enumerate(zip(drawn.items(), sizes, strict=True))
    ]
    if hollow:
        empty = plot.scatter(
            nowhere, nowhere, size=_POINT_PX, fill_color=None, line_color=theme.INK
        )
        items.append(LegendItem(label="hollow: excluded", renderers=[empty]))
    if outlines:
        items.append(LegendItem(label="retained region", renderers=outlines))
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
        noun="participants",
        log_x=True,
        log_y=True,
        width_px=_PANEL_PX[0],
        height_px=_PANEL_PX[1],
    )
    plot.min_border_left, plot.min_border_right = _BORDER_PX
    return plot


def _notes(
    n_missing: int, n_shown: int, n_marks: int, n_panels: int, region: KeptRegion | None
) -> list[str]:
    count = theme.format_count
    notes = []
    if not disclosure.small_counts_allowed():
        notes.append(
            f"{disclosure.MEANS_NOTE} A group of {disclosure.FEWER} participants has no mark."
        )
    if region is not None:
        notes.append(
            f"Dashed: the section through the centre of the {len(region.centre)}-dimensional "
            f"ellipsoid of radius {theme.format_number(region.radius)} standard deviations. "
            "A participant inside it in every panel can still lie outside the ellipsoid."
        )
    if n_shown < n_marks:
        notes.append(
            f"{count(n_shown)} of {count(n_marks)} points are drawn over {n_panels} panels, one "
            "of a group for each spot."
        )
    if n_missing:
        words = f"{disclosure.count_words(n_missing)} participants without all components"
        notes.append(f"{words[:1].upper()}{words[1:]} are left out.")
    return notes
