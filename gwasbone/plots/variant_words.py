"""Columns that a figure needs of a table, and the words and tooltips of its variants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.models import GlyphRenderer, HoverTool
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_label
from gwasbone.plots import theme

_LONGEST_ALLELE = 12
_ONE_NAME_BP = 3_000_000


def require_columns(table: pd.DataFrame, names: Iterable[str], *, figure: str) -> None:
    """Raise :class:`InputError` naming every column a figure needs and the table lacks."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f"{figure} needs the columns {', '.join(missing)}; the table has "
            f"{', '.join(map(str, table.columns)) or 'none'}"
        )


def places(rows: pd.DataFrame) -> list[str]:
    """``chromosome:position`` of each variant, such as ``7:120,979,089``."""
    return [
        f"{chromosome_label(int(chromosome))}:{position_bp:,}"
        for chromosome, position_bp in zip(
            rows["chromosome"], rows["base_pair_location"], strict=True
        )
    ]


def variant_texts(rows: pd.DataFrame) -> list[str]:
    """What is written beside a variant: its label, gene, ID or place, the first that it has."""
    texts = places(rows)
    for name in ("source_id", "nearest_gene", "gene", "label"):
        if name in rows.columns:
            given = zip(texts, rows[name], strict=True)
            texts = [text if pd.isna(one) or one == "" else str(one) for text, one in given]
    return texts


def repeated_nearby(rows: pd.DataFrame, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether an earlier row nearby has the same text: one name says it for both."""
    chromosome, position_bp = rows["chromosome"].to_numpy(), rows["base_pair_location"].to_numpy()
    repeated = np.zeros(len(texts), dtype=bool)
    for i, text in enumerate(texts):
        near = chromosome[:i] == chromosome[i]
        near &= np.abs(position_bp[:i] - position_bp[i]) < _ONE_NAME_BP
        repeated[i] = any(texts[j] == text for j in np.flatnonzero(near).tolist())
    return repeated


def hover_words(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Texts by the name under which they appear on hovering, for the columns a table has."""
    number = theme.format_number
    words = {}
    for name, title in (("source_id", "Variant"), ("gene", "Gene"), ("nearest_gene", "Gene")):
        if name in rows:
            words[title] = [str(one) for one in rows[name]]
    words["Place"] = places(rows)
    if {"effect_allele", "other_allele"} <= set(rows):
        pairs = zip(rows["effect_allele"], rows["other_allele"], strict=True)
        words["Effect / other allele"] = [f"{_short(a)} / {_short(b)}" for a, b in pairs]
    if "effect_allele_frequency" in rows:
        words["Effect allele frequency"] = [number(f) for f in rows["effect_allele_frequency"]]
    if {"beta", "standard_error"} <= set(rows):
        pairs = zip(rows["beta"], rows["standard_error"], strict=True)
        words["β (s.e.)"] = [f"{number(beta)} ({number(se)})" for beta, se in pairs]
    words["−log₁₀ p"] = [f"{height:.2f}" for height in rows["neg_log_10_p_value"]]
    if "n" in rows:
        words["n"] = ["" if pd.isna(n) else theme.format_count(n) for n in rows["n"]]
    return words


def answer_hovering(plot: figure, points: GlyphRenderer, words: dict[str, list[str]]) -> None:
    """Show ``words``, which must be columns of the points' source, when one is pointed at."""
    tooltips = [(name, f"@{{{name}}}") for name in words]
    plot.add_tools(HoverTool(renderers=[points], tooltips=tooltips, point_policy="snap_to_data"))


def _short(allele: str) -> str:
    if len(allele) <= _LONGEST_ALLELE:
        return allele
    return f"{allele[:9]}… ({len(allele)} bp)"
