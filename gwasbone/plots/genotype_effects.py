"""A SNP's genotypes against phenotypes of many regions, after Figure 9 of Eriksson & Nakamori."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from bokeh.core.properties import value
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LayoutDOM, Span
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe
from gwasbone.plots.selection import snp_words
from gwasbone.plots.variant_words import require_columns

_COPIES_PX, _PANEL = 37, 3.6
_NEEDED = (
    "variant_id", "effect_allele", "other_allele", "trait", "copies", "n", "mean", "lower",
    "upper", "mean_sd", "lower_sd", "upper_sd", "beta_sd",
)  # fmt: skip
_LONGEST_NAME = 22


def genotype_effects(
    effects: pd.DataFrame,
    *,
    title: str = "",
    regions: Mapping[str, str] | None = None,
    chosen: Collection[str] = (),
    per_row: int = 9,
) -> LayoutDOM:
    """Draw the mean of each phenotype by the number of copies of a SNP's effect allele.

    A genotype of fewer than five participants has no mean unless
    :func:`gwasbone.plots.small_counts` allows it.

    Parameters
    ----------
    effects : the rows of one SNP of ``gwasbone.genotype_effects``: ``variant_id effect_allele
        other_allele trait copies n mean lower upper mean_sd lower_sd upper_sd beta_sd``; traits
        are drawn in the order in which they come.
    regions : trait -> the region written below its name.
    chosen : traits in whose scan the SNP was selected, in another colour.
    per_row : traits side by side.

    Raises
    ------
    InputError
        Rows of several SNPs, or none.
    """
    require_columns(effects, _NEEDED, figure="a plot of genotype effects")
    n_snps = len(set(effects["variant_id"]))
    if n_snps != 1:
        raise InputError(
            f"a plot of genotype effects needs the rows of one SNP, the table has those of {n_snps}"
        )
    effects = _protected(effects)
    traits = list(dict.fromkeys(effects["trait"]))
    names = short_names(traits)
    drawn = effects[effects["mean_sd"].notna()]
    low, high = (
        (np.nanmin(drawn[["mean_sd", "lower_sd"]]), np.nanmax(drawn[["mean_sd", "upper_sd"]]))
        if len(drawn)
        else (-1.0, 1.0)
    )
    margin = 0.06 * (high - low) or 0.1
    limits = (float(low - margin), float(high + 5.5 * margin))
    snp = effects.iloc[0]
    rows = [
        _row_of_panels(
            effects, traits[first : first + per_row], names, regions or {}, chosen, limits,
            title if first == 0 else "",
        )
        for first in range(0, len(traits), per_row)
    ]  # fmt: skip
    return describe(
        rows[0] if len(rows) == 1 else column(rows),
        f"{snp_words(snp)}: mean of each phenotype by copies of {snp['effect_allele']}, covariates "
        "held at their means, as the distance from the overall mean in standard deviations.",
        notes=[
            "Bars are 95% intervals of the mean; below each genotype its number of participants.",
            *_few_notes(effects),
            *(["Orange: the SNP was selected in the scan of this phenotype."] if chosen else []),
        ],
    )


def _protected(effects: pd.DataFrame) -> pd.DataFrame:
    """Effects with ``n_words``, without the means of genotypes that are withheld."""
    words = pd.Series("", index=effects.index)
    for _, rows in effects.groupby("trait", sort=False):
        words.loc[rows.index] = np.array(disclosure.cell_texts(rows["n"]), dtype=object)
    effects = effects.assign(n_words=words)
    small = effects["n"].map(disclosure.is_small) | (effects["n"] == 0)
    numbers = ["mean", "lower", "upper", "mean_sd", "lower_sd", "upper_sd"]
    effects[numbers] = effects[numbers].astype(float).mask(small)
    return effects


def _few_notes(effects: pd.DataFrame) -> list[str]:
    if disclosure.small_counts_allowed():
        return ["A genotype of a single participant has no interval."]
    if not effects["n"].map(disclosure.is_small).any():
        return []
    return [
        f"A genotype of {disclosure.FEWER} participants has no mean; the number of another one is "
        f"then withheld ({disclosure.WITHHELD}), which would give it away."
    ]


def short_names(traits: list[str]) -> dict[str, str]:
    """Traits without the words that all their names begin with.

    >>> short_names(["resid_bmd_head", "resid_bmd_arms"])
    {'resid_bmd_head': 'head', 'resid_bmd_arms': 'arms'}
    """
    first, last = min(traits), max(traits)
    differ = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    start = first.rfind("_", 0, next(differ, len(first))) + 1 if len(traits) > 1 else 0
    return {trait: trait[start:].replace("_", " ") for trait in traits}


def _row_of_panels(
    effects: pd.DataFrame,
    traits: list[str],
    names: Mapping[str, str],
    regions: Mapping[str, str],
    chosen: Collection[str],
    limits: tuple[float, float],
    title: str,
) -> figure:
    """Panels side by side in one figure: a figure each would take a browser seconds to draw."""
    snp = effects.iloc[0]
    width = _PANEL * len(traits)
    plot = theme.new_figure(
        title=title,
        x_label=f"Genotype (effect allele {_allele(snp['effect_allele'])}) and participants",
        y_label="Corrected phenotype (SD)",
        width_px=round(width * _COPIES_PX),
        name=theme.KEEPS_WIDTH,
        height_px=250,
        x_range=(0.0, width),
        y_range=limits,
        tools="save",
        active_drag=None,
    )
    left = {trait: _PANEL * place for place, trait in enumerate(traits)}
    rows = effects[effects["trait"].isin(left)]
    rows = rows.assign(x=rows["trait"].map(left) + 0.8 + rows["copies"])
    stripes = [edge + _PANEL / 2 for edge in list(left.values())[1::2]]
    plot.rect(
        stripes, sum(limits) / 2, width=_PANEL, height=limits[1] - limits[0], line_color=None,
        fill_color=theme.GRID, fill_alpha=0.45, level="underlay",
    )  # fmt: skip
    plot.add_layout(Span(location=0, dimension="width", line_color=theme.AXIS, line_dash="dotted"))
    _draw_means(plot, rows, chosen)
    _draw_heads(plot, rows, left, limits[1], names, regions)
    labels = _genotypes(snp)
    ticks = {
        float(x): f"{labels[copies]}\n{n}"
        for x, copies, n in zip(rows["x"], rows["copies"], rows["n_words"], strict=True)
    }
    plot.xaxis.ticker = FixedTicker(ticks=list(ticks))
    plot.xaxis.major_label_overrides = ticks
    plot.xaxis.major_label_text_font_size = f"{theme.NOTE_PX}px"
    return plot


_TOOLTIPS = [
    ("Phenotype", "@trait"), ("Copies", "@copies"), ("Participants", "@n_words"),
    ("Mean, its units", "@mean_words"), ("Mean, SD", "@mean_sd{0.000}"),
]  # fmt: skip


def _draw_means(plot: figure, rows: pd.DataFrame, chosen: Collection[str]) -> None:
    shown = rows[rows["mean_sd"].notna()]
    is_chosen = shown["trait"].isin(list(chosen))
    colour = np.where(is_chosen, theme.ACCENT, theme.MAIN)
    lines = [part for _, part in shown.groupby("trait", sort=False)]
    plot.multi_line(
        [part["x"].to_numpy() for part in lines],
        [part["mean_sd"].to_numpy() for part in lines],
        line_color=[theme.ACCENT if part["trait"].iloc[0] in chosen else theme.MAIN
                    for part in lines],
        line_alpha=0.6,
    )  # fmt: skip
    interval = np.isfinite(shown["lower_sd"].to_numpy(dtype=float))
    bars = shown[interval]
    plot.segment(
        bars["x"], bars["lower_sd"], bars["x"], bars["upper_sd"], line_color=colour[interval],
        line_width=2,
    )  # fmt: skip
    means = zip(shown["mean"], shown["lower"], shown["upper"], strict=True)
    number = theme.format_number
    source = ColumnDataSource(
        {
            **{name: shown[name] for name in ("x", "trait", "copies", "n_words", "mean_sd")},
            "mean_words": [f"{number(m)} ({number(a)} to {number(b)})" for m, a, b in means],
            "colour": colour,
            "marker": np.where(is_chosen, "square", "circle"),
        }
    )
    points = plot.scatter(
        "x", "mean_sd", size=8, marker="marker", fill_color="colour", line_color="colour",
        source=source,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[points], tooltips=_TOOLTIPS))


def _draw_heads(
    plot: figure,
    rows: pd.DataFrame,
    left: Mapping[str, float],
    top: float,
    names: Mapping[str, str],
    regions: Mapping[str, str],
) -> None:
    """Name, region and effect per copy at the top of each panel."""
    per_copy = rows.drop_duplicates("trait").set_index("trait")["beta_sd"]
    rest = ["\n".join(filter(None, [regions.get(t, ""), _per_copy(per_copy[t])])) for t in left]
    middle = [edge + _PANEL / 2 for edge in left.values()]
    style = {
        "text_align": "center", "text_baseline": "top", "text_font": value(theme.FONT),
        "text_font_size": f"{theme.NOTE_PX}px",
    }  # fmt: skip
    plot.text(
        middle, top, text=[_short(names[t]) for t in left], y_offset=4, text_color=theme.INK,
        text_font_style="bold", **style,
    )  # fmt: skip
    plot.text(middle, top, text=rest, y_offset=19, text_color=theme.MUTED_INK, **style)


def _per_copy(beta_sd: float) -> str:
    return "" if not np.isfinite(beta_sd) else f"{beta_sd:+.3f} SD a copy".replace("-", "−")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _genotypes(snp: pd.Series) -> tuple[str, str, str]:
    """What 0, 1 and 2 copies are called: in letters where both alleles have one."""
    other, effect = str(snp["other_allele"]), str(snp["effect_allele"])
    if len(other) == len(effect) == 1:
        return (2 * other, other + effect, 2 * effect)
    return ("0", "1", "2")


def _allele(allele: str) -> str:
    return allele if len(allele) <= 12 else f"{allele[:9]}… ({len(allele)} bp)"
