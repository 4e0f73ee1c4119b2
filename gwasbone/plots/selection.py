"""Selected SNPs of bone regions: how many each region has, and in how many each SNP is.

After Figure 8 of Eriksson & Nakamori.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LayoutDOM
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import hover_words, places, require_columns

_ROW_PX, _COLUMN_PX, _LABEL_PX, _COUNT_PX = 20, 92, 250, 150
_NEEDED = ("region", "variant_id", "chromosome", "base_pair_location", "effect_allele", "n_scans")
_LONGEST = 14

#: What the effect allele does there -> marker and colour.
_MARKS = {
    "raises": ("triangle", theme.GROUP_COLOURS[0]),
    "lowers": ("inverted_triangle", theme.GROUP_COLOURS[1]),
    "not below the threshold itself": ("circle", theme.MUTED_INK),
}


def snps_per_region(pairs: pd.DataFrame, *, title: str) -> figure:
    """Draw how many SNPs each region has, those of no other region apart.

    Parameters
    ----------
    pairs : a row per region and SNP, with ``region`` and ``variant_id``; regions are drawn in the
        order in which they come.

    Raises
    ------
    InputError
        No pair.
    """
    require_columns(pairs, ("region", "variant_id"), figure="a plot of SNPs per region")
    _refuse_empty(pairs)
    n_regions = pairs.groupby("variant_id")["region"].transform("nunique")
    regions = list(dict.fromkeys(pairs["region"]))
    groups = ("in this region only", "also in another region")
    counts = pd.DataFrame(
        {
            groups[0]: pairs[n_regions == 1].groupby("region").size(),
            groups[1]: pairs[n_regions > 1].groupby("region").size(),
        },
        index=regions,
    ).fillna(0)
    totals = counts.sum(axis=1)
    plot = theme.new_figure(
        title=title,
        x_label="",
        y_label="Number of SNPs",
        width_px=max(_COLUMN_PX * len(regions), 420),
        height_px=280,
        x_range=(-0.6, len(regions) - 0.4),
        y_range=(0.0, float(totals.max()) * 1.14 + 0.2),
        tools="save",
        active_drag=None,
    )
    _name_regions(plot, regions)
    if totals.max() <= 10:
        plot.yaxis.ticker = list(range(int(totals.max()) + 1))
    base = np.zeros(len(regions))
    for name, colour in zip(groups, (theme.PALE, theme.MAIN), strict=True):
        top = base + counts[name].to_numpy()
        source = ColumnDataSource({"x": np.arange(len(regions)), "bottom": base, "top": top})
        plot.vbar(
            "x", top="top", bottom="bottom", width=0.62, color=colour, source=source,
            legend_label=name,
        )  # fmt: skip
        base = top
    plot.text(
        np.arange(len(regions)),
        totals.to_numpy(),
        text=[theme.format_count(n) for n in totals],
        text_align="center",
        text_baseline="bottom",
        text_color=theme.INK,
        text_font=value(theme.FONT),
        text_font_size=f"{theme.TICK_PX}px",
        y_offset=-3,
    )
    theme.dress_legend(plot)
    plot.legend.click_policy = "none"
    plot.legend.orientation = "horizontal"
    plot.add_layout(plot.legend[0], "below")
    said = "; ".join(f"{region_words(str(r))} {int(n)}" for r, n in totals.items())
    return describe(
        plot,
        f"{len(pairs):,} pairs of a region and a SNP, {pairs['variant_id'].nunique():,} different "
        f"SNPs. SNPs per region: {said}.",
    )


def regions_per_snp(
    pairs: pd.DataFrame, *, title: str, at_most: int = 120, notes: Sequence[str] = ()
) -> LayoutDOM:
    """Draw which regions each SNP is in, and in how many.

    Parameters
    ----------
    pairs : a row per region and SNP: ``region variant_id chromosome base_pair_location
        effect_allele n_scans`` and, optionally, ``source_id gene beta standard_error
        neg_log_10_p_value scans``. Regions are drawn in their order in the table, SNPs in order
        of their number of regions.
    at_most : maximum number of SNPs drawn; the others are counted in a note.

    Raises
    ------
    InputError
        No pair.
    """
    require_columns(pairs, _NEEDED, figure="a plot of regions per SNP")
    _refuse_empty(pairs)
    regions = list(dict.fromkeys(pairs["region"]))
    snps = _snps_in_order(pairs)
    shown = snps.head(at_most)
    height = _ROW_PX * len(shown)
    rank = {name: len(shown) - 1 - i for i, name in enumerate(shown["variant_id"])}
    drawn = pairs[pairs["variant_id"].isin(rank)].assign(
        x=lambda t: t["region"].map(regions.index), y=lambda t: t["variant_id"].map(rank)
    )
    matrix = _matrix(drawn, regions, shown, height, title)
    counts = _counts(shown, height, len(regions))
    counts.y_range = matrix.y_range
    words = [*notes]
    if len(snps) > len(shown):
        rest = snps["n_regions"].iloc[len(shown) :]
        words.append(
            f"{theme.format_count(len(rest))} more SNPs, each in at most "
            f"{int(rest.iloc[0])} regions, are in the table and not drawn."
        )
    first = shown.iloc[0]
    return describe(
        row(matrix, counts, spacing=0),
        f"{len(snps):,} SNPs by the regions in whose scans they were selected; most, "
        f"{first['n_regions']}, for {first['label']}. Triangles point up where the effect "
        "allele (in brackets) raises the phenotype, down where it lowers it; larger for smaller "
        "p-values.",
        notes=words,
    )


def region_words(name: str) -> str:
    """The name of a region in words.

    >>> region_words("ap_spine"), region_words("left_hip")
    ('AP spine', 'left hip')
    """
    return name.replace("_", " ").replace("ap spine", "AP spine")


def snp_words(snp: pd.Series) -> str:
    """The label of a SNP: its gene where known, its ID, and its effect allele."""
    name = str(snp.get("source_id") or "")
    if name in ("", ".", "nan"):
        name = places(pd.DataFrame([snp]))[0]
    gene = snp.get("gene")
    allele = str(snp["effect_allele"])
    allele = allele if len(allele) <= 6 else f"{allele[:5]}…"
    named = f"{gene} " if isinstance(gene, str) and gene else ""
    return f"{named}{name[:24]} ({allele})"


def _refuse_empty(pairs: pd.DataFrame) -> None:
    if pairs.empty:
        raise InputError("a plot of selected SNPs needs at least one, the table has none")


def _snps_in_order(pairs: pd.DataFrame) -> pd.DataFrame:
    snps = pairs.drop_duplicates("variant_id").set_index("variant_id", drop=False)
    snps = snps.assign(n_regions=pairs.groupby("variant_id")["region"].nunique())
    best = (
        pairs.groupby("variant_id")["neg_log_10_p_value"].max()
        if "neg_log_10_p_value" in pairs
        else 0.0
    )
    snps = snps.assign(_best=best, label=[snp_words(snp) for _, snp in snps.iterrows()])
    keys = ["n_regions", "_best", "chromosome", "base_pair_location"]
    return snps.sort_values(keys, ascending=[False, False, True, True], kind="stable")


def _matrix(
    drawn: pd.DataFrame, regions: list[str], shown: pd.DataFrame, height: int, title: str
) -> figure:
    plot = theme.new_figure(
        title=title,
        x_label="",
        y_label="",
        width_px=_COLUMN_PX * len(regions),
        height_px=height,
        x_range=(-0.5, len(regions) - 0.5),
        y_range=(-0.5, len(shown) - 0.5),
        min_border_left=_LABEL_PX,
        tools="save",
        active_drag=None,
    )
    _name_regions(plot, regions)
    plot.grid.visible = False
    for stripe in range(len(shown) - 1, -1, -2):
        plot.rect(
            (len(regions) - 1) / 2, stripe, width=len(regions), height=1, color=theme.GRID,
            fill_alpha=0.6, line_color=None,
        )  # fmt: skip
    labels = {len(shown) - 1 - i: label for i, label in enumerate(shown["label"])}
    plot.yaxis.ticker = FixedTicker(ticks=list(labels))
    plot.yaxis.major_label_overrides = labels
    plot.yaxis.axis_line_color = plot.yaxis.major_tick_line_color = None
    renderers = []
    tooltips: dict[str, list[str]] = {}
    for effect, (marker, colour) in _MARKS.items():
        here = drawn[_effect(drawn) == effect]
        if here.empty:
            continue
        tooltips = {"Region": [region_words(r) for r in here["region"]], **hover_words(here)}
        tooltips["Scans"] = [str(n) for n in here.get("scans", here["n_scans"])]
        size = _sizes(here)
        source = ColumnDataSource({"x": here["x"], "y": here["y"], "size": size, **tooltips})
        renderers.append(
            plot.scatter(
                "x",
                "y",
                size="size",
                marker=marker,
                fill_color=colour,
                line_color=colour,
                source=source,
                legend_label=f"effect allele: {effect}" if len(effect) < 9 else effect,
            )
        )
    words = [(name, f"@{{{name}}}") for name in tooltips]
    plot.add_tools(HoverTool(renderers=renderers, tooltips=words, point_policy="snap_to_data"))
    theme.dress_legend(plot)
    plot.legend.orientation = "horizontal"
    plot.legend.click_policy = "none"
    plot.add_layout(plot.legend[0], "below")
    return plot


def _effect(table: pd.DataFrame) -> pd.Series:
    names = list(_MARKS)
    beta = table["beta"] if "beta" in table else pd.Series(np.nan, index=table.index)
    kinds = np.select([beta > 0, beta <= 0], names[:2], names[2])
    return pd.Series(kinds, index=table.index)


def _sizes(table: pd.DataFrame) -> np.ndarray:
    if "neg_log_10_p_value" not in table:
        return np.full(len(table), 11.0)
    height = table["neg_log_10_p_value"].fillna(0).to_numpy(dtype=float)
    return 7.0 + 8.0 * np.clip((height - 5) / 25, 0, 1)


def _counts(shown: pd.DataFrame, height: int, most: int) -> figure:
    plot = theme.new_figure(
        title="Regions",
        x_label="",
        y_label="",
        width_px=_COUNT_PX,
        height_px=height,
        x_range=(0.0, most + 0.9),
        y_range=(-0.5, len(shown) - 0.5),
        tools="",
        active_drag=None,
        toolbar_location=None,
    )
    plot.grid.visible = False
    plot.axis.visible = False
    y = np.arange(len(shown))[::-1]
    n = shown["n_regions"].to_numpy()
    plot.hbar(y, right=n, height=0.62, color=theme.MAIN)
    plot.text(
        n,
        y,
        text=[str(one) for one in n],
        x_offset=5,
        text_baseline="middle",
        text_color=theme.INK,
        text_font=value(theme.FONT),
        text_font_size=f"{theme.NOTE_PX}px",
    )
    return plot


def _name_regions(plot: figure, regions: list[str]) -> None:
    names = {
        i: (words if len(words) < _LONGEST else words.replace(" ", "\n"))
        for i, words in enumerate(map(region_words, regions))
    }
    plot.xaxis.ticker = FixedTicker(ticks=list(names))
    plot.xaxis.major_label_overrides = names
    plot.xaxis.major_tick_line_color = None
