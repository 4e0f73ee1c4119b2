"""The regional plot: a lead variant, what is linked to it, and the genes around."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.layouts import gridplot
from bokeh.models import (
    ColumnDataSource,
    LayoutDOM,
    Legend,
    LegendItem,
    LinearAxis,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_label
from gwasbone.plots import theme
from gwasbone.plots.gene_track import gene_track
from gwasbone.plots.page import describe
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import answer_hovering, hover_words, places, require_columns

_NEEDED = ("chromosome", "base_pair_location", "neg_log_10_p_value")
#: Lower ends of the bins of r², their colours and the sizes of their points: the higher, the
#: larger, so that colour does not say it alone.
R2_BINS = (0.0, 0.2, 0.4, 0.6, 0.8)
R2_COLOURS = ("#8195ab", "#2f86c9", "#00795f", "#d07000", "#9c0036")
_SIZES = (5.0, 5.5, 6.5, 7.5, 8.5)
_NO_LD = "#84898e"
_LEAD = "#5b1a8b"
_RECOMBINATION = "#4a9ad4"
#: Above this −log₁₀ p a variant is kept whatever the pixels.
_BACKGROUND = 2.0
_MAX_FOREGROUND, _MAX_HOVER = 5_000, 600
_LEFT_PX = 66


def regional(
    variants: pd.DataFrame,
    *,
    lead: int,
    title: str,
    start_bp: int | None = None,
    end_bp: int | None = None,
    genes: pd.DataFrame | None = None,
    exons: pd.DataFrame | None = None,
    recombination: pd.DataFrame | None = None,
    genome_wide: float = 5e-8,
    width_px: int = 900,
    height_px: int = 330,
) -> LayoutDOM:
    """Draw a regional plot of a lead variant, coloured by LD with it, above the genes.

    Parameters
    ----------
    variants : one row per variant of one chromosome: ``chromosome``, ``base_pair_location``,
        ``neg_log_10_p_value`` and, optionally, ``r2`` with the lead (NaN where LD is unknown) and
        the columns that appear on hovering (see :func:`gwasbone.plots.manhattan`).
    lead : integer location of the row of the lead variant.
    start_bp, end_bp : ends of the figure in bp; those of the variants by default.
    genes : as in :func:`gwasbone.plots.gene_track.gene_track`; no track without them.
    exons : ``gene`` (row of ``genes``), ``start_bp``, ``end_bp``.
    recombination : ``base_pair_location`` and ``cm_per_mb`` from there on, drawn against an axis
        of its own on the right.
    genome_wide : p-value of the line of genome-wide significance.
    width_px, height_px : size of the plotting area, without the genes, in pixels.

    Raises
    ------
    InputError
        A column is missing, variants lie on several chromosomes, or the lead has no p-value.
    """
    require_columns(variants, _NEEDED, figure="a regional plot")
    shown = _drawable(variants, lead)
    first, last = _ends(variants, start_bp, end_bp)
    x_range = (first / 1e6, last / 1e6)
    level = -np.log10(genome_wide)
    y_end = 1.22 * max(float(variants["neg_log_10_p_value"].max()), level)
    x_label = f"Position on chromosome {_chromosome(variants)} (Mb)"
    plot = theme.new_figure(
        title=title, x_label="" if genes is not None else x_label,
        y_label="Association, −log₁₀ p", width_px=width_px, height_px=height_px,
        x_range=x_range, y_range=(0.0, y_end), name=theme.KEEPS_WIDTH,
    )  # fmt: skip
    plot.min_border_left = _LEFT_PX
    notes = _draw_recombination(plot, recombination, first, last, variants)
    _draw_level(plot, level, genome_wide, x_range, y_end, height_px)
    rows = _thinned(variants, shown, x_range, y_end, width_px, height_px)
    groups = _draw_variants(plot, variants, rows, lead)
    _draw_lead(plot, variants, lead, x_range)
    _draw_legend(plot, groups)
    if len(rows) < len(shown):
        count = theme.format_count
        notes.append(
            f"{count(len(rows))} of {count(len(shown))} variants are drawn: those with −log₁₀ p "
            f"above {_BACKGROUND:g} or r² of 0.2 and more, and of the others one for each spot "
            "that a point covers."
        )
    if len(shown) < len(variants):
        notes.append(f"{len(variants) - len(shown):,} variants without a p-value are left out.")
    says = _description(variants, lead, first, last)
    if genes is None:
        return describe(plot, says, notes=notes)
    plot.xaxis.major_label_text_font_size = "0px"
    plot.xaxis.major_tick_line_color = None
    centre = float(variants["base_pair_location"].iloc[lead])
    track, n_out = gene_track(
        genes, x_range=x_range, x_label=x_label, width_px=width_px, centre_bp=centre, exons=exons
    )
    track.min_border_left = _LEFT_PX
    track.x_range = plot.x_range
    notes += _gene_notes(genes, n_out)
    both = gridplot([[plot], [track]], merge_tools=True, toolbar_location="above")
    both.toolbar.logo = None
    both.toolbar.autohide = True
    return describe(both, says + _gene_words(genes, centre), notes=notes)


def _drawable(variants: pd.DataFrame, lead: int) -> npt.NDArray[np.int64]:
    """Rows with a p-value."""
    if len(codes := variants["chromosome"].unique()) != 1:
        raise InputError(
            f"a regional plot shows one chromosome; the table has variants of {len(codes)}"
        )
    height = variants["neg_log_10_p_value"].to_numpy(dtype=float)
    if not 0 <= lead < len(variants) or np.isnan(height[lead]):
        raise InputError(
            f"a regional plot needs a lead with a p-value: row {lead} of {len(variants)} has none"
        )
    if (height < 0).any() or np.isinf(height).any():
        raise InputError("neg_log_10_p_value of a regional plot must be finite and not negative")
    return np.flatnonzero(~np.isnan(height))


def _ends(variants: pd.DataFrame, start_bp: int | None, end_bp: int | None) -> tuple[float, float]:
    position = variants["base_pair_location"]
    first = float(position.min() if start_bp is None else start_bp)
    last = float(position.max() if end_bp is None else end_bp)
    margin = 0.01 * (last - first) + 100
    return first - margin, last + margin


def _chromosome(variants: pd.DataFrame) -> str:
    return chromosome_label(int(variants["chromosome"].iloc[0]))


def _r2(variants: pd.DataFrame) -> npt.NDArray[np.float64]:
    if "r2" not in variants:
        return np.full(len(variants), np.nan)
    return variants["r2"].to_numpy(dtype=float)


def _thinned(
    variants: pd.DataFrame,
    shown: npt.NDArray[np.int64],
    x_range: tuple[float, float],
    y_end: float,
    width_px: int,
    height_px: int,
) -> npt.NDArray[np.int64]:
    """Rows to draw: what is linked to the lead, and of the rest what the pixels can show."""
    linked = _r2(variants)[shown] >= R2_BINS[1]
    rest = shown[~linked]
    kept = thin_points(
        variants["base_pair_location"].to_numpy()[rest] / 1e6,
        variants["neg_log_10_p_value"].to_numpy(dtype=float)[rest],
        width_px=width_px, height_px=height_px, x_range=x_range, y_range=(0.0, y_end),
        keep_above=_BACKGROUND, max_kept=_MAX_FOREGROUND, cell_px=2.0,
    )  # fmt: skip
    return np.sort(np.concatenate([shown[linked], rest[kept]]))


def _draw_variants(
    plot: figure, variants: pd.DataFrame, rows: npt.NDArray[np.int64], lead: int
) -> list[tuple[str, list]]:
    """Points by bin of r², the highest last and on top; names and renderers for the legend."""
    rows = rows[rows != lead]
    height = variants["neg_log_10_p_value"].to_numpy(dtype=float)
    r2 = _r2(variants)[rows]
    number = np.where(np.isnan(r2), -1, np.searchsorted(R2_BINS, r2, side="right") - 1)
    rank = np.argsort(np.argsort(-height[rows] - 10 * np.nan_to_num(r2), kind="stable"))
    answering = rank < _MAX_HOVER
    has_ld = np.isfinite(_r2(variants)).any()
    groups = []
    for bin_ in range(-1, len(R2_BINS)):
        renderers = []
        for some in (rows[(number == bin_) & ~answering], rows[(number == bin_) & answering]):
            if not len(some):
                continue
            words = hover_words(variants.iloc[some]) if answering[rows == some[0]][0] else {}
            if words and bin_ >= 0:
                words["r² with the lead"] = [f"{v:.2f}" for v in _r2(variants)[some]]
            place = {
                "x": variants["base_pair_location"].to_numpy()[some] / 1e6,
                "y": height[some].astype(np.float32),
            }
            look = {"fill_color": R2_COLOURS[bin_], "line_color": "#ffffff", "line_width": 0.4}
            if bin_ < 0:
                look = {"fill_color": None, "line_color": _NO_LD, "line_width": 1}
            points = plot.scatter(
                "x", "y", source=ColumnDataSource(place | words),
                size=_SIZES[bin_] if bin_ >= 0 else 5, **look,
            )  # fmt: skip
            if words:
                answer_hovering(plot, points, words)
            renderers.append(points)
        if not renderers and bin_ >= 0 and has_ld:
            # an empty bin stands in the legend too: a colour that is not there means something
            nowhere = {"x": [np.nan], "y": [np.nan]}
            renderers = [
                plot.scatter(
                    "x", "y", source=ColumnDataSource(nowhere), size=_SIZES[bin_],
                    fill_color=R2_COLOURS[bin_], line_color="#ffffff", line_width=0.4,
                )
            ]  # fmt: skip
        if renderers:
            groups.append((_bin_name(bin_), renderers))
    return groups[::-1]


def _bin_name(number: int) -> str:
    if number < 0:
        return "no LD known"
    upper = 1.0 if number + 1 == len(R2_BINS) else R2_BINS[number + 1]
    return f"r² {R2_BINS[number]:g}–{upper:g}"


def _draw_lead(
    plot: figure, variants: pd.DataFrame, lead: int, x_range: tuple[float, float]
) -> None:
    row = variants.iloc[[lead]]
    words = hover_words(row)
    x, y = float(row["base_pair_location"].iloc[0]) / 1e6, float(row["neg_log_10_p_value"].iloc[0])
    points = plot.scatter(
        "x", "y", source=ColumnDataSource({"x": [x], "y": [y]} | words), size=14,
        marker="diamond", fill_color=_LEAD, line_color=theme.BACKGROUND, line_width=0.8,
    )  # fmt: skip
    answer_hovering(plot, points, words)
    share = (x - x_range[0]) / (x_range[1] - x_range[0])
    plot.text(
        x=[x], y=[y], text=[_lead_name(row)], y_offset=-9, text_baseline="bottom",
        text_align="left" if share < 0.1 else "right" if share > 0.9 else "center",
        text_color=theme.INK, text_font=value(theme.FONT), text_font_size=f"{theme.TICK_PX}px",
        text_font_style="bold",
    )  # fmt: skip


def _lead_name(row: pd.DataFrame) -> str:
    named = "source_id" in row and str(row["source_id"].iloc[0]) not in ("", ".")
    return str(row["source_id"].iloc[0]) if named else places(row)[0]


def _draw_legend(plot: figure, groups: list[tuple[str, list]]) -> None:
    items = [LegendItem(label=name, renderers=renderers) for name, renderers in groups]
    plot.add_layout(Legend(items=items, orientation="horizontal", padding=0, margin=2), "above")
    theme.dress_legend(plot)


def _draw_level(
    plot: figure,
    level: float,
    p: float,
    x_range: tuple[float, float],
    y_end: float,
    height_px: int,
) -> None:
    look = {"line_color": theme.MUTED_INK, "line_width": 1.2, "line_dash": "dashed"}
    plot.add_layout(Span(location=level, dimension="width", **look))
    plot.text(
        x=[x_range[0]], y=[level], text=[f"p = {theme.format_p(p)}"], x_offset=4, y_offset=-2,
        text_baseline="bottom", text_color=theme.MUTED_INK, text_font=value(theme.FONT),
        text_font_size=f"{theme.NOTE_PX}px",
    )  # fmt: skip


def _draw_recombination(
    plot: figure,
    recombination: pd.DataFrame | None,
    first: float,
    last: float,
    variants: pd.DataFrame,
) -> list[str]:
    """The line of a genetic map, behind the points; what to say of it."""
    if recombination is None:
        return []
    require_columns(
        recombination, ("base_pair_location", "cm_per_mb"), figure="a recombination line"
    )
    table = recombination
    if "chromosome" in table:
        table = table[table["chromosome"] == variants["chromosome"].iloc[0]]
    table = table.sort_values("base_pair_location")
    position = table["base_pair_location"].to_numpy()
    # the rate of a map holds from its position on: the one before the picture holds at its edge
    here = slice(
        max(0, int(np.searchsorted(position, first)) - 1), int(np.searchsorted(position, last))
    )
    if not len(table.iloc[here]):
        return ["The genetic map has no position here: no recombination line."]
    x = np.clip(position[here], first, None) / 1e6
    y = table["cm_per_mb"].to_numpy(dtype=float)[here]
    plot.extra_y_ranges = {"recombination": Range1d(0, max(20.0, 1.1 * float(y.max())))}
    axis = LinearAxis(y_range_name="recombination", axis_label="Recombination (cM/Mb)")
    plot.add_layout(axis, "right")
    for name in ("axis_label_text_font", "major_label_text_font"):
        setattr(axis, name, theme.FONT)
    axis.axis_label_text_font_size = f"{theme.LABEL_PX}px"
    axis.axis_label_text_font_style = "normal"
    axis.axis_label_text_color = axis.major_label_text_color = theme.INK
    axis.major_label_text_font_size = f"{theme.TICK_PX}px"
    axis.axis_line_color = axis.major_tick_line_color = theme.AXIS
    axis.minor_tick_line_color = None
    plot.step(
        np.append(x, last / 1e6), np.append(y, y[-1]), mode="after",
        y_range_name="recombination", line_color=_RECOMBINATION, line_width=1.2, alpha=0.7,
    )  # fmt: skip
    return []


def _gene_notes(genes: pd.DataFrame, n_out: int) -> list[str]:
    notes = []
    if "is_known" in genes and genes["is_known"].any():
        notes.append("Genes in orange are of the package's list of genes known for bone.")
    if n_out:
        notes.append(f"{n_out} of {len(genes)} genes found no room and are not drawn.")
    return notes


def _gene_words(genes: pd.DataFrame, centre_bp: float) -> str:
    if genes.empty:
        return " No gene lies here."
    before, after = genes["start_bp"] - centre_bp, centre_bp - genes["end_bp"]
    away = np.maximum(np.maximum(before.to_numpy(), after.to_numpy()), 0)
    near = genes["name"].iloc[int(away.argmin())]
    return f" {len(genes)} genes lie here; the nearest to the lead is {near}."


def _description(variants: pd.DataFrame, lead: int, first: float, last: float) -> str:
    row = variants.iloc[[lead]]
    r2 = _r2(variants)
    linked = max(int((r2 >= 0.8).sum()) - 1, 0)
    others = f"{linked:,} other variants have"
    if linked < 2:
        others = "1 other variant has" if linked else "No other variant has"
    known = (
        f"{others} r² of 0.8 or more with it."
        if np.isfinite(r2).any()
        else "No linkage disequilibrium is known."
    )
    return (
        f"Regional plot of {len(variants):,} variants on chromosome {_chromosome(variants)} from "
        f"{first / 1e6:.2f} to {last / 1e6:.2f} Mb. The lead {_lead_name(row)} at {places(row)[0]} "
        f"has −log₁₀ p = {row['neg_log_10_p_value'].iloc[0]:.1f}. {known}"
    )
