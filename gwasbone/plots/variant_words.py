"""How a variant reads on a figure: its place, and what hovering on it answers."""

from __future__ import annotations

import pandas as pd
from bokeh.models import GlyphRenderer, HoverTool
from bokeh.plotting import figure

from gwasbone.genome import chromosome_label
from gwasbone.plots import theme

_LONGEST_ALLELE = 12


def places(rows: pd.DataFrame) -> list[str]:
    """``chromosome:position`` of each variant, such as ``7:120,979,089``."""
    return [
        f"{chromosome_label(int(chromosome))}:{position_bp:,}"
        for chromosome, position_bp in zip(rows["chromosome"], rows["position_bp"], strict=True)
    ]


def hover_words(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Texts by the name under which they appear on hovering, for the columns a table has."""
    number = theme.format_number
    words = {"Variant": [str(one) for one in rows["source_id"]]} if "source_id" in rows else {}
    words["Place"] = places(rows)
    if {"effect_allele", "other_allele"} <= set(rows):
        pairs = zip(rows["effect_allele"], rows["other_allele"], strict=True)
        words["Effect / other allele"] = [f"{_short(a)} / {_short(b)}" for a, b in pairs]
    if "effect_allele_frequency" in rows:
        words["Effect allele frequency"] = [number(f) for f in rows["effect_allele_frequency"]]
    if {"beta", "se"} <= set(rows):
        pairs = zip(rows["beta"], rows["se"], strict=True)
        words["β (s.e.)"] = [f"{number(beta)} ({number(se)})" for beta, se in pairs]
    words["−log₁₀ p"] = [f"{height:.2f}" for height in rows["neg_log10_p"]]
    if "n" in rows:
        words["n"] = [theme.format_count(n) for n in rows["n"]]
    return words


def answer_hovering(plot: figure, points: GlyphRenderer, words: dict[str, list[str]]) -> None:
    """Show ``words``, which must be columns of the points' source, when one is pointed at."""
    tooltips = [(name, f"@{{{name}}}") for name in words]
    plot.add_tools(HoverTool(renderers=[points], tooltips=tooltips, point_policy="snap_to_data"))


def _short(allele: str) -> str:
    if len(allele) <= _LONGEST_ALLELE:
        return allele
    return f"{allele[:9]}… ({len(allele)} bp)"
