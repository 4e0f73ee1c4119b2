"""One panel of variants along the genome, for figures that hold one or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    CustomJSTicker,
    CustomJSTickFormatter,
    CustomLabelingPolicy,
    Legend,
    LegendItem,
    Range1d,
)
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_label
from gwasbone.plots import theme
from gwasbone.plots.frame import Floats, Frame, write_labels
from gwasbone.plots.genome_axis import TICK_TEXT, TICKS, GenomeAxis
from gwasbone.plots.scan_points import BACKGROUND, NEEDED, ScanPoints
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import (
    answer_hovering,
    hover_words,
    repeated_nearby,
    require_columns,
    variant_texts,
)

_Flags = npt.NDArray[np.bool_]

_POINT_PX = 3.5
LABEL_ROOM, PLAIN_ROOM = 1.18, 1.06
#: Names of chromosomes that find room in the browser, whatever the width there: the last one
#: always, before it each that does not touch the next.
_FROM_THE_RIGHT = """
const shown = []
for (const i of [...indices].reverse()) {
  if (shown.length === 0 || distance(i, shown[shown.length - 1]) >= 3) shown.push(i)
}
yield* shown
"""


@dataclass(frozen=True, slots=True)
class PanelBudget:
    """How much one panel may hold, so that the page stays small.

    Attributes
    ----------
    max_foreground : the highest points that are drawn whatever lies under them.
    max_hover : points that answer hovering.
    max_labels : leads that get a text where it finds room.
    cell_px : of the other points one is drawn in each square of this size.
    """

    max_foreground: int = 60_000
    max_hover: int = 2_000
    max_labels: int = 25
    cell_px: float = 1.5


@dataclass(frozen=True, slots=True)
class Levels:
    """Significance levels, as p; a ``suggestive`` one that is no less strict is not drawn."""

    genome_wide: float = 5e-8
    suggestive: float | None = 1e-5

    def __post_init__(self) -> None:
        for name, p in (("genome_wide", self.genome_wide), ("suggestive", self.suggestive)):
            if p is not None and not 0 < p < 1:
                raise InputError(f"{name} is a p-value between 0 and 1; {p:g} came")

    def heights(self) -> dict[str, float]:
        """−log₁₀ p by name, highest first."""
        named = {"genome-wide": self.genome_wide}
        if self.suggestive is not None and self.suggestive > self.genome_wide:
            named["suggestive"] = self.suggestive
        return {name: float(-np.log10(p)) for name, p in named.items()}

    def texts(self) -> dict[float, str]:
        """What is written beside each line."""
        return {
            height: f"{name}, p = {theme.format_p(10**-height)}"
            for name, height in self.heights().items()
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """One scan in its frame.

    Attributes
    ----------
    points : the scan. leads : its leads, highest first. frame, axis : where it is drawn.
    shown : (k,) rows of ``points.table`` to draw.
    """

    points: ScanPoints
    leads: pd.DataFrame
    frame: Frame
    axis: GenomeAxis
    shown: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        points: ScanPoints,
        leads: pd.DataFrame,
        frame: Frame,
        axis: GenomeAxis,
        budget: PanelBudget,
    ) -> Panel:
        """Choose the rows to draw."""
        shown = thin_points(
            axis.place(points.chromosome, points.position_bp),
            points.height,
            width_px=frame.width_px,
            height_px=frame.height_px,
            x_range=frame.x_range,
            y_range=(0.0, frame.y_end),
            keep_above=BACKGROUND,
            max_kept=budget.max_foreground,
            cell_px=budget.cell_px,
        )
        return cls(points, leads, frame, axis, shown)

    def x_and_height(self) -> tuple[Floats, Floats]:
        """x and −log₁₀ p of the rows shown."""
        rows = self.points.table.iloc[self.shown]
        x = self.axis.place(rows["chromosome"].to_numpy(), rows["base_pair_location"].to_numpy())
        return x, rows["neg_log_10_p_value"].to_numpy(dtype=np.float64)

    def lead_places(self) -> tuple[Floats, Floats]:
        """x and −log₁₀ p of the leads."""
        chromosome = self.leads["chromosome"].to_numpy(dtype=np.int64)
        x = self.axis.place(chromosome, self.leads["base_pair_location"].to_numpy(dtype=np.int64))
        return x, self.leads["neg_log_10_p_value"].to_numpy(dtype=np.float64)


def sorted_leads(leads: pd.DataFrame | None, axis: GenomeAxis, *, figure: str) -> pd.DataFrame:
    """Leads with a p-value, highest first; an empty table for None.

    Raises
    ------
    InputError
        A column is missing, or a lead lies on a chromosome that the axis does not have.
    """
    if leads is None or leads.empty:
        return pd.DataFrame({name: [] for name in NEEDED})
    require_columns(leads, NEEDED, figure=f"{figure}'s table of leads")
    absent = sorted(set(leads["chromosome"]) - set(axis.codes.tolist()))
    if absent:
        raise InputError(
            "leads must lie on chromosomes that have variants in the results; these do not: "
            f"{', '.join(map(str, absent))}"
        )
    leads = leads.dropna(subset=["neg_log_10_p_value"])
    return leads.sort_values("neg_log_10_p_value", ascending=False, kind="stable")


def top_of(points: ScanPoints, leads: pd.DataFrame, levels: Levels) -> float:
    """The highest −log₁₀ p that a panel has to show."""
    return max(
        [float(points.height.max()), *leads["neg_log_10_p_value"], *levels.heights().values()]
    )


def empty_panel(
    frame: Frame,
    axis: GenomeAxis,
    levels: Levels,
    *,
    title: str,
    y_label: str = "Association, −log₁₀ p",
    x_range: Range1d | None = None,
) -> figure:
    """The figure with its axes and significance lines, without variants.

    Parameters
    ----------
    x_range : the range of another panel, to move with it.
    """
    one = axis.codes.size == 1
    name = chromosome_label(int(axis.codes[0]))
    plot = theme.new_figure(
        title=title,
        x_label=f"Position on chromosome {name} (Mb)" if one else "Chromosome",
        y_label=y_label,
        width_px=frame.width_px,
        height_px=frame.height_px,
        x_range=frame.x_range,
        y_range=frame.y_range,
    )
    if x_range is not None:
        plot.x_range = x_range
    if not one:
        labels = axis.labels()
        plot.xaxis.ticker = CustomJSTicker(major_code=TICKS, args=axis.ticks())
        plot.xaxis.formatter = CustomJSTickFormatter(code=TICK_TEXT, args=axis.ticks())
        plot.xaxis.major_label_overrides = labels
        plot.xaxis.major_label_policy = CustomLabelingPolicy(code=_FROM_THE_RIGHT)
        plot.xaxis.major_tick_line_color = None
    texts = levels.texts()
    theme.draw_levels(
        plot,
        texts,
        colours=(theme.ACCENT, theme.MUTED_INK)[: len(texts)],
        px_per_unit=frame.px_per_unit,
    )
    return plot


def draw_variants(
    plot: figure,
    panel: Panel,
    *,
    answer_from: float,
    max_hover: int,
    colours: tuple[str, str] = theme.CHROMOSOME_COLOURS,
) -> None:
    """Draw the rows shown, neighbouring chromosomes in two shades.

    Parameters
    ----------
    answer_from : points from this −log₁₀ p up answer hovering, up to ``max_hover`` of them.
    """
    frame, points = panel.frame, panel.points
    x, height = panel.x_and_height()
    chromosome = points.chromosome[panel.shown]
    shade = np.searchsorted(panel.axis.codes, chromosome) % 2
    # Triangles on the edge always answer: their true height is read nowhere else.
    rank = np.argsort(-height, kind="stable")
    n_answering = min(int((height >= answer_from).sum()), max_hover)
    n_answering = max(n_answering, int((height > frame.cut).sum()))
    answering, silent = rank[:n_answering], np.sort(rank[n_answering:])
    for number, colour in enumerate(colours):
        mine = silent[shade[silent] == number]
        source = ColumnDataSource(
            {"x": x[mine].astype(np.float32), "y": height[mine].astype(np.float32)}
        )
        plot.scatter("x", "y", source=source, size=_POINT_PX, color=colour, line_color=None)

    words = hover_words(points.table.iloc[panel.shown[answering]])
    beyond = height[answering] > frame.cut
    looks = {
        "x": x[answering],
        "y": frame.height(height[answering]),
        "colour": np.array(colours)[shade[answering]],
        "marker": np.where(beyond, _edge_marker(frame), "circle"),
        "size": np.where(beyond, 8.0, _POINT_PX),
    }
    drawn = plot.scatter(
        "x",
        "y",
        source=ColumnDataSource(looks | words),
        size="size",
        marker="marker",
        color="colour",
        line_color=None,
    )
    answer_hovering(plot, drawn, words)


def draw_leads(
    plot: figure,
    panel: Panel,
    *,
    max_labels: int,
    unnamed: _Flags | None = None,
    legend: bool = True,
) -> int:
    """Mark the leads and name the highest; how many are left without a name.

    Parameters
    ----------
    unnamed : for each lead, whether its name stands elsewhere.
    legend : whether to say above the panel what the marks are.
    """
    if panel.leads.empty:
        return 0
    frame, leads = panel.frame, panel.leads
    x, true_height = panel.lead_places()
    beyond = true_height > frame.cut
    y = frame.height(true_height)
    words = hover_words(leads)
    marker = np.where(beyond, _edge_marker(frame), "diamond")
    drawn = plot.scatter(
        "x",
        "y",
        source=ColumnDataSource({"x": x, "y": y, "marker": marker} | words),
        size=11,
        marker="marker",
        fill_color=theme.ACCENT,
        line_color=theme.BACKGROUND,
        line_width=0.8,
    )
    answer_hovering(plot, drawn, words)
    if legend:
        item = LegendItem(label=f"lead variants ({len(x)})", renderers=[drawn], index=len(x) - 1)
        row = Legend(items=[item], orientation="horizontal", padding=0, margin=0)
        plot.add_layout(row, "above")
        theme.dress_legend(plot)
    texts = [
        f"{text} ({height:.0f})" if above else text
        for text, height, above in zip(variant_texts(leads), true_height, beyond, strict=True)
    ]
    elsewhere = repeated_nearby(leads, texts)
    if unnamed is not None:
        elsewhere |= unnamed
    named = np.flatnonzero(~elsewhere)[:max_labels]
    shown_x, shown_height = panel.x_and_height()
    skyline = frame.skyline(np.append(shown_x, x), np.append(shown_height, true_height))
    n = write_labels(plot, frame, [texts[i] for i in named], x[named], y[named], skyline)
    return len(leads) - int(elsewhere.sum()) - n


def thinning_note(n_shown: int, n: int, budget: PanelBudget, *, whose: str = "") -> str:
    """How many variants are drawn, and which."""
    count = theme.format_count
    if n_shown >= n:
        return f"All {count(n)} variants{whose} are drawn."
    return (
        f"{count(n_shown)} of {count(n)} variants{whose} are drawn: the highest points with "
        f"−log₁₀ p above {BACKGROUND} (up to {count(budget.max_foreground)}), and of the others "
        "one for each spot that a point covers."
    )


def missing_note(missing: Mapping[str, int]) -> list[str]:
    """Variants without a p-value by scan; the name '' is not written."""
    return [
        f"{f'{name}: ' if name else ''}{theme.format_count(n)} variants without a p-value are "
        "left out."
        for name, n in missing.items()
        if n
    ]


def beyond_note(points: ScanPoints, cut: float, *, name: str = "") -> list[str]:
    """How many variants are drawn as triangles at the edge."""
    n_beyond = points.n_from(np.nextafter(cut, np.inf))
    if not n_beyond:
        return []
    return [
        f"{f'{name}: the' if name else 'The'} axis ends at {theme.format_number(cut)}: "
        f"{theme.format_count(n_beyond)} variants above it are drawn as triangles at the edge."
    ]


def _edge_marker(frame: Frame) -> str:
    return "inverted_triangle" if frame.mirrored else "triangle"
