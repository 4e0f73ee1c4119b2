"""The Manhattan plot: every variant's −log₁₀ p along the genome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, FixedTicker, Legend, LegendItem
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_label
from gwasbone.plots import theme
from gwasbone.plots.genome_axis import GenomeAxis, genome_axis
from gwasbone.plots.labels import place_labels
from gwasbone.plots.page import describe
from gwasbone.plots.tables import require_columns
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import answer_hovering, hover_words, places

_NEEDED = ("chromosome", "position_bp", "neg_log10_p")
#: Below this −log₁₀ p a variant is background: one point per spot says as much as all.
_BACKGROUND = 3.5
_MAX_FOREGROUND = 60_000
_MAX_HOVER = 2_000
_POINT_PX = 3.5
_LABEL_LINE_PX = 15
_PX_PER_CHARACTER = 0.64 * theme.TICK_PX


@dataclass(frozen=True, slots=True)
class _Variants:
    """The variants with a p-value: their x, −log₁₀ p, shade, and row in the results table."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    shade: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    n_missing: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plotting area: its axes and its size; what is above ``cut`` lies on the edge."""

    axis: GenomeAxis
    y_end: float
    cut: float
    width_px: int
    height_px: int

    def height(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where −log₁₀ p is drawn on the y axis."""
        return np.where(y > self.cut, (self.cut + self.y_end) / 2, y)

    def to_px(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Pixels right of and above the lower left corner."""
        low, high = self.axis.limits
        return (x - low) / (high - low) * self.width_px, y / self.y_end * self.height_px

    def from_px(
        self, x_px: npt.NDArray[np.float64], y_px: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The inverse of :meth:`to_px`."""
        low, high = self.axis.limits
        return low + x_px / self.width_px * (high - low), y_px / self.height_px * self.y_end


def manhattan(
    results: pd.DataFrame,
    *,
    title: str,
    leads: pd.DataFrame | None = None,
    genome_wide: float = 5e-8,
    suggestive: float | None = 1e-5,
    y_max: float | None = None,
    max_labels: int = 25,
    width_px: int = 980,
    height_px: int = 400,
) -> figure:
    """Draw −log₁₀ p along the genome, with lead variants named.

    The y axis is linear and starts at 0, however high the peaks are; with ``y_max`` variants
    above it are drawn as triangles at the upper edge and counted in the notes. Millions of
    variants are thinned to what the pixels can show (:func:`gwasbone.plots.thinning.thin_points`)
    and the notes say how many are drawn. Hovering answers on leads and on the highest points.

    Parameters
    ----------
    results : one row per variant with ``chromosome`` (codes 1-25), ``position_bp`` and
        ``neg_log10_p``; where present ``source_id``, alleles, ``beta``, ``se``, ``n`` and
        ``effect_allele_frequency`` appear on hovering. NaN −log₁₀ p is left out and counted.
    leads : rows of the same columns to mark. The text beside a lead is its ``label``, else
        ``gene``, ``source_id`` or place, whichever column comes first.
    genome_wide, suggestive : significance levels to draw, as p; ``suggestive`` may be None.
    y_max : the highest −log₁₀ p drawn at its true height; all by default.
    max_labels : how many leads, highest first, get a text where it finds room.
    width_px, height_px : size of the plotting area.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        A column is missing, no −log₁₀ p is finite, one is infinite or negative, or a lead lies
        on a chromosome that the results do not have.
    """
    require_columns(results, _NEEDED, figure="a Manhattan plot")
    variants, axis = _drawable(results)
    marked = _sorted_leads(leads, axis)
    levels = {"genome-wide": genome_wide} | ({"suggestive": suggestive} if suggestive else {})
    peaks = [variants.y.max(), *marked["neg_log10_p"], *(-np.log10(p) for p in levels.values())]
    cut = float(max(peaks)) if y_max is None else float(y_max)
    frame = _Frame(axis, cut * (1.18 if len(marked) else 1.06), cut, width_px, height_px)

    plot = _empty_figure(frame, title)
    theme.draw_levels(
        plot,
        {-np.log10(p): f"{name}, p = {theme.format_p(p)}" for name, p in levels.items()},
        colours=(theme.ACCENT, theme.MUTED_INK)[: len(levels)],
        px_per_unit=height_px / frame.y_end,
    )
    shown = thin_points(
        variants.x,
        variants.y,
        width_px=width_px,
        height_px=height_px,
        x_range=axis.limits,
        y_range=(0.0, frame.y_end),
        keep_above=_BACKGROUND,
        max_kept=_MAX_FOREGROUND,
    )
    _draw_variants(plot, frame, variants, shown, results, -np.log10(max(levels.values())))
    n_named = _draw_leads(plot, frame, marked, variants, shown, max_labels) if len(marked) else 0
    notes = _notes(variants, shown.size, cut, len(marked) - n_named, len(marked))
    return describe(plot, _description(variants, axis, results, marked, genome_wide), notes=notes)


def _drawable(results: pd.DataFrame) -> tuple[_Variants, GenomeAxis]:
    height = results["neg_log10_p"].to_numpy(dtype=np.float64)
    row = np.flatnonzero(~np.isnan(height))
    y = height[row]
    if row.size == 0:
        raise InputError(
            f"a Manhattan plot needs at least one finite neg_log10_p; {height.size} rows came "
            "and none has one"
        )
    wrong = int(np.isinf(y).sum() + (y < 0).sum())
    if wrong:
        raise InputError(
            f"neg_log10_p must be finite and not negative; {wrong} of {row.size} values are not: "
            "compute it on the log scale from beta and se, not from a rounded p"
        )
    chromosome = results["chromosome"].to_numpy()[row]
    position_bp = results["position_bp"].to_numpy()[row]
    axis = genome_axis(chromosome, position_bp)
    shade_of = np.zeros(len(axis.shift), dtype=np.int64)
    shade_of[axis.codes] = np.arange(axis.codes.size) % len(theme.CHROMOSOME_COLOURS)
    x = axis.place(chromosome, position_bp)
    return _Variants(x, y, shade_of[chromosome], row, height.size - row.size), axis


def _sorted_leads(leads: pd.DataFrame | None, axis: GenomeAxis) -> pd.DataFrame:
    if leads is None:
        return pd.DataFrame({name: [] for name in _NEEDED})
    require_columns(leads, _NEEDED, figure="a Manhattan plot's table of leads")
    absent = sorted(set(leads["chromosome"]) - set(axis.codes.tolist()))
    if absent:
        raise InputError(
            "leads must lie on chromosomes that have variants in the results; these do not: "
            f"{', '.join(map(str, absent))}"
        )
    leads = leads.dropna(subset=["neg_log10_p"])
    return leads.sort_values("neg_log10_p", ascending=False, kind="stable")


def _empty_figure(frame: _Frame, title: str) -> figure:
    one = frame.axis.codes.size == 1
    name = chromosome_label(int(frame.axis.codes[0]))
    plot = theme.new_figure(
        title=title,
        x_label=f"Position on chromosome {name} (Mb)" if one else "Chromosome",
        y_label="Association, −log₁₀ p",
        width_px=frame.width_px,
        height_px=frame.height_px,
        x_range=frame.axis.limits,
        y_range=(0.0, frame.y_end),
    )
    if not one:
        labels = frame.axis.labels(frame.width_px)
        plot.xaxis.ticker = FixedTicker(ticks=list(labels))
        plot.xaxis.major_label_overrides = labels
        plot.xaxis.major_tick_line_color = None
    return plot


def _draw_variants(
    plot: figure,
    frame: _Frame,
    variants: _Variants,
    shown: npt.NDArray[np.int64],
    results: pd.DataFrame,
    answer_from: float,
) -> None:
    colours = np.array(theme.CHROMOSOME_COLOURS)
    height = variants.y[shown]
    # Triangles on the edge always answer: their true height is read nowhere else.
    rank = np.argsort(-height, kind="stable")
    n_answering = min(int((height >= answer_from).sum()), _MAX_HOVER)
    n_answering = max(n_answering, int((height > frame.cut).sum()))
    answering, silent = shown[rank[:n_answering]], np.sort(shown[rank[n_answering:]])
    for shade, colour in enumerate(colours):
        mine = silent[variants.shade[silent] == shade]
        place = {"x": variants.x[mine], "y": variants.y[mine]}
        source = ColumnDataSource({name: v.astype(np.float32) for name, v in place.items()})
        plot.scatter("x", "y", source=source, size=_POINT_PX, color=colour, line_color=None)

    words = hover_words(results.iloc[variants.row[answering]])
    beyond = variants.y[answering] > frame.cut
    looks = {
        "x": variants.x[answering],
        "y": frame.height(variants.y[answering]),
        "colour": colours[variants.shade[answering]],
        "marker": np.where(beyond, "triangle", "circle"),
        "size": np.where(beyond, 8.0, _POINT_PX),
    }
    points = plot.scatter(
        "x",
        "y",
        source=ColumnDataSource(looks | words),
        size="size",
        marker="marker",
        color="colour",
        line_color=None,
    )
    answer_hovering(plot, points, words)


def _draw_leads(
    plot: figure,
    frame: _Frame,
    leads: pd.DataFrame,
    variants: _Variants,
    shown: npt.NDArray[np.int64],
    max_labels: int,
) -> int:
    """Mark the leads and name the highest; how many got a name."""
    true_height = leads["neg_log10_p"].to_numpy(dtype=np.float64)
    beyond = true_height > frame.cut
    x = frame.axis.place(leads["chromosome"].to_numpy(), leads["position_bp"].to_numpy())
    y = frame.height(true_height)
    words = hover_words(leads)
    marker = np.where(beyond, "triangle", "diamond")
    points = plot.scatter(
        "x",
        "y",
        source=ColumnDataSource({"x": x, "y": y, "marker": marker} | words),
        size=11,
        marker="marker",
        fill_color=theme.ACCENT,
        line_color=theme.BACKGROUND,
        line_width=0.8,
    )
    answer_hovering(plot, points, words)
    item = LegendItem(
        label=f"lead variants ({len(leads)})", renderers=[points], index=len(leads) - 1
    )
    plot.add_layout(Legend(items=[item], orientation="horizontal", padding=0, margin=0), "above")
    theme.dress_legend(plot)

    texts = [
        f"{text} ({height:.0f})" if above else text
        for text, height, above in zip(_lead_texts(leads), true_height, beyond, strict=True)
    ]
    skyline = np.zeros(frame.width_px)
    x_px, height_px = frame.to_px(
        np.concatenate([variants.x[shown], x]),
        np.concatenate([frame.height(variants.y[shown]), y]),
    )
    column = np.clip(x_px, 0, frame.width_px - 1).astype(np.int64)
    np.maximum.at(skyline, column, height_px)
    return _write_labels(plot, frame, texts[:max_labels], x[:max_labels], y[:max_labels], skyline)


def _lead_texts(leads: pd.DataFrame) -> list[str]:
    for name in ("label", "gene", "source_id"):
        if name in leads.columns:
            return [str(text) for text in leads[name]]
    return places(leads)


def _write_labels(
    plot: figure,
    frame: _Frame,
    texts: list[str],
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    skyline: npt.NDArray[np.float64],
) -> int:
    x_px, y_px = frame.to_px(x, y)
    placed = place_labels(
        x_px,
        y_px,
        [len(text) * _PX_PER_CHARACTER for text in texts],
        line_px=_LABEL_LINE_PX,
        skyline_px=skyline,
        frame_height_px=frame.height_px,
    )
    text_x, text_y = frame.from_px(placed.x_px, placed.y_px)
    rows = placed.rows
    far = np.hypot(placed.x_px - x_px[rows], placed.y_px - y_px[rows]) > 13
    start_x, start_y = frame.from_px(x_px[rows], y_px[rows] + 6)
    lines = (start_x[far], start_y[far], text_x[far], text_y[far])
    plot.segment(*lines, color=theme.AXIS, line_width=0.8)
    plot.text(
        x=text_x,
        y=text_y,
        text=[texts[row] for row in rows],
        text_align="center",
        text_baseline="bottom",
        text_color=theme.INK,
        text_font=value(theme.FONT),
        text_font_size=f"{theme.TICK_PX}px",
    )
    return int(rows.size)


def _notes(
    variants: _Variants, n_shown: int, cut: float, n_unnamed: int, n_leads: int
) -> list[str]:
    count = theme.format_count
    n = variants.y.size
    notes = [f"All {count(n)} variants are drawn."]
    if n_shown < n:
        notes = [
            f"{count(n_shown)} of {count(n)} variants are drawn: the highest points with "
            f"−log₁₀ p above {_BACKGROUND} (up to {count(_MAX_FOREGROUND)}), and of the others "
            "one for each spot that a point covers."
        ]
    if variants.n_missing:
        notes.append(f"{count(variants.n_missing)} variants without a p-value are left out.")
    n_beyond = int((variants.y > cut).sum())
    if n_beyond:
        notes.append(
            f"The axis ends at {theme.format_number(cut)}: {count(n_beyond)} variants above "
            "it are drawn as triangles at the upper edge."
        )
    if n_unnamed:
        notes.append(f"{n_unnamed} of {n_leads} lead variants are marked without a name.")
    return notes


def _description(
    variants: _Variants,
    axis: GenomeAxis,
    results: pd.DataFrame,
    leads: pd.DataFrame,
    genome_wide: float,
) -> str:
    top = int(variants.y.argmax())
    place = places(results.iloc[[variants.row[top]]])[0]
    above = theme.format_count((variants.y >= -np.log10(genome_wide)).sum())
    marked = f" Lead variants marked: {theme.format_count(len(leads))}." if len(leads) else ""
    k = axis.codes.size
    return (
        f"Manhattan plot of {theme.format_count(variants.y.size)} variants on {k} "
        f"chromosome{'s' if k > 1 else ''}: −log₁₀ p of each variant's association. "
        f"{above} reach p ≤ {theme.format_p(genome_wide)}; the highest lies at {place} "
        f"with −log₁₀ p = {variants.y[top]:.1f}.{marked}"
    )
