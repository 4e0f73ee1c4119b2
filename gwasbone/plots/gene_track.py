"""Genes along a stretch of a chromosome, in rows, so that no name touches another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.variant_words import require_columns

_NEEDED = ("name", "start_bp", "end_bp", "strand")
_NAME_PX = 11
_PX_PER_CHARACTER = 0.66 * _NAME_PX
_ROW_PX = 30
_CLEAR_PX = 8
#: Room below the names, where the bodies lie, as shares of a row.
_BODY, _TEXT = 0.28, 0.48
_EXON_HALF, _PLAIN_HALF = 0.16, 0.07


@dataclass(frozen=True, slots=True)
class PackedGenes:
    """Where genes go.

    Attributes
    ----------
    row : (k,) row of each gene from the top, -1 where there was no room.
    text_px : (k,) middle of its name, from the left end.
    n_rows : rows used.
    """

    row: npt.NDArray[np.int64]
    text_px: npt.NDArray[np.float64]
    n_rows: int


def pack_genes(
    start_px: npt.ArrayLike,
    end_px: npt.ArrayLike,
    text_width_px: npt.ArrayLike,
    *,
    width_px: float,
    max_rows: int,
) -> PackedGenes:
    """Rows for genes, earlier ones first, each in the highest row where body and name find room.

    Parameters
    ----------
    start_px, end_px : (k,) ends of the bodies from the left end; what lies outside is not drawn.
    text_width_px : (k,) width of the names, which stand over the middle of what is drawn.
    width_px : of the track. max_rows : genes that find no room in these are left out.
    """
    start = np.clip(np.asarray(start_px, dtype=float), 0, width_px)
    end = np.clip(np.asarray(end_px, dtype=float), 0, width_px)
    half = np.asarray(text_width_px, dtype=float) / 2
    # a name longer than the track hangs over on the right only
    middle = np.maximum(np.minimum((start + end) / 2, width_px - half), half)
    left, right = np.minimum(start, middle - half), np.maximum(end, middle + half)
    row = np.full(len(start), -1, dtype=np.int64)
    taken: list[list[tuple[float, float]]] = []
    for gene in range(len(start)):
        a, b = left[gene] - _CLEAR_PX, right[gene] + _CLEAR_PX
        free = (
            at
            for at, spans in enumerate(taken)
            if all(b <= low or a >= high for low, high in spans)
        )
        at = next(free, len(taken))
        if at == max_rows:
            continue
        if at == len(taken):
            taken.append([])
        taken[at].append((left[gene], right[gene]))
        row[gene] = at
    return PackedGenes(row, middle, len(taken))


def gene_track(
    genes: pd.DataFrame,
    *,
    x_range: tuple[float, float],
    x_label: str,
    width_px: int,
    centre_bp: float,
    exons: pd.DataFrame | None = None,
    max_rows: int = 12,
) -> tuple[figure, int]:
    """Draw genes with their strands, exons where known, and names.

    Parameters
    ----------
    genes : ``name``, ``start_bp``, ``end_bp``, ``strand`` (``+``, ``-`` or empty); where there,
        ``is_known`` marks genes to set off. Those nearest to the centre get the upper rows.
    x_range : ends in Mb. centre_bp : where the reader looks.
    exons : ``gene`` (row of ``genes``, by position), ``start_bp``, ``end_bp``.
    max_rows : genes that find no room in these are left out.

    Returns
    -------
    The figure, and how many genes were left out.
    """
    require_columns(genes, _NEEDED, figure="a track of genes")
    known = genes["is_known"].to_numpy(bool) if "is_known" in genes else np.zeros(len(genes), bool)
    order = np.lexsort((_away(genes, centre_bp), ~known))
    table = genes.iloc[order].reset_index(drop=True)
    texts = [
        _named(name, strand) for name, strand in zip(table["name"], table["strand"], strict=True)
    ]
    low, high = x_range
    to_px = width_px / (high - low)
    packed = pack_genes(
        (table["start_bp"].to_numpy() / 1e6 - low) * to_px,
        (table["end_bp"].to_numpy() / 1e6 - low) * to_px,
        [len(text) * _PX_PER_CHARACTER for text in texts],
        width_px=width_px,
        max_rows=max_rows,
    )
    n_rows = max(packed.n_rows, 1)
    plot = theme.new_figure(
        x_label=x_label, y_label="", width_px=width_px, height_px=n_rows * _ROW_PX,
        x_range=x_range, y_range=(0.0, float(n_rows)), name=theme.KEEPS_WIDTH,
    )  # fmt: skip
    plot.yaxis.visible = False
    plot.ygrid.grid_line_color = None
    drawn = np.flatnonzero(packed.row >= 0)
    base = n_rows - 1.0 - packed.row.astype(np.float64)
    colour = np.where(known[order], theme.ACCENT, theme.MAIN)
    if exons is not None and len(exons):
        _draw_exons(plot, exons, order, packed.row, base, colour)
    _draw_bodies(plot, table, drawn, base, colour, thin=exons is not None and len(exons) > 0)
    plot.text(
        x=low + packed.text_px[drawn] / to_px,
        y=base[drawn] + _TEXT,
        text=[texts[i] for i in drawn],
        text_align="center",
        text_baseline="bottom",
        text_color=np.where(known[order], theme.ACCENT, theme.INK)[drawn].tolist(),
        text_font=value(theme.FONT),
        text_font_size=f"{_NAME_PX}px",
        text_font_style="italic",
    )
    return plot, int((packed.row < 0).sum())


def _away(genes: pd.DataFrame, centre_bp: float) -> npt.NDArray[np.float64]:
    before, after = genes["start_bp"] - centre_bp, centre_bp - genes["end_bp"]
    outside = np.maximum(before.to_numpy(np.float64), after.to_numpy(np.float64))
    return np.maximum(outside, 0.0)


def _named(name: str, strand: str) -> str:
    """A gene's name with an arrow in the direction of transcription."""
    return {"+": f"{name} →", "-": f"← {name}"}.get(strand, name)


def _draw_bodies(
    plot: figure,
    table: pd.DataFrame,
    drawn: npt.NDArray[np.int64],
    base: npt.NDArray[np.float64],
    colour: npt.NDArray[np.str_],
    *,
    thin: bool,
) -> None:
    some = table.iloc[drawn]
    half = 0.02 if thin else _PLAIN_HALF
    source = ColumnDataSource(
        {
            "left": some["start_bp"].to_numpy() / 1e6,
            "right": some["end_bp"].to_numpy() / 1e6,
            "bottom": base[drawn] + _BODY - half,
            "top": base[drawn] + _BODY + half,
            "colour": colour[drawn],
            "Gene": some["name"].astype(str).to_numpy(),
            "Place": [
                f"{a:,}–{b:,}" for a, b in zip(some["start_bp"], some["end_bp"], strict=True)
            ],
            "Strand": some["strand"].replace("", "unknown").to_numpy(),
        }
    )
    bodies = plot.quad(
        "left", "right", "top", "bottom", source=source, color="colour", line_width=1
    )
    tooltips = [(name, f"@{{{name}}}") for name in ("Gene", "Place", "Strand")]
    plot.add_tools(HoverTool(renderers=[bodies], tooltips=tooltips))


def _draw_exons(
    plot: figure,
    exons: pd.DataFrame,
    order: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
    base: npt.NDArray[np.float64],
    colour: npt.NDArray[np.str_],
) -> None:
    new = np.empty(len(order), dtype=np.int64)
    new[order] = np.arange(len(order))
    gene = new[exons["gene"].to_numpy()]
    some = row[gene] >= 0
    gene = gene[some]
    plot.quad(
        left=exons["start_bp"].to_numpy()[some] / 1e6,
        right=exons["end_bp"].to_numpy()[some] / 1e6,
        bottom=base[gene] + _BODY - _EXON_HALF,
        top=base[gene] + _BODY + _EXON_HALF,
        color=colour[gene].tolist(),
        line_width=1,
    )
