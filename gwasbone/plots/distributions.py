"""Histograms of a measure in groups of participants, overlaid on one axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, NumeralTickFormatter
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe

_BINS = 50
_DASHES = ("solid", "dashed", "dotted", "dotdash")


def distributions(
    groups: Mapping[str, npt.ArrayLike],
    *,
    title: str,
    x_label: str,
    noun: str = "participants",
    bin_width: float | None = None,
    width_px: int = 560,
    height_px: int = 320,
) -> figure:
    """Draw the histogram of each group with shared bins, as counts.

    Bars of fewer than five participants are not drawn unless
    :func:`gwasbone.plots.small_counts` allows them.

    Parameters
    ----------
    groups : name -> numbers; NaN is left out and counted. Groups without a number are passed over.
    x_label : what is measured, with its unit.
    bin_width : in the unit of the axis; bins then begin at its multiples, as whole years need it.
        50 bins over the range of all groups where it is None.

    Raises
    ------
    InputError
        No group has a finite number.
    """
    numbers = {name: np.asarray(values, dtype=np.float64) for name, values in groups.items()}
    present = {name: v[np.isfinite(v)] for name, v in numbers.items() if np.isfinite(v).any()}
    if not present:
        raise InputError(
            f"a histogram needs at least one finite value; of {len(groups)} groups for "
            f"'{x_label}' none has one"
        )
    edges = _bin_edges(np.concatenate(list(present.values())), bin_width)
    counts = {name: np.histogram(values, bins=edges)[0] for name, values in present.items()}
    counts, edges, n_withheld = _without_small(counts, edges)
    highest = max(1, *(int(c.max()) for c in counts.values()))
    plot = theme.new_figure(
        title=title,
        x_label=x_label,
        y_label=f"Number of {noun}",
        width_px=width_px,
        height_px=height_px,
        x_range=(edges[0], edges[-1]),
        y_range=(0.0, highest * 1.28),
    )
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    texts = disclosure.cell_texts([values.size for values in present.values()])
    sizes = dict(zip(present, texts, strict=True))
    for place, (name, count) in enumerate(counts.items()):
        colour = theme.GROUP_COLOURS[place % len(theme.GROUP_COLOURS)]
        # the outline of the bars: up and down at every edge
        outline = ColumnDataSource(
            {"x": np.repeat(edges, 2)[1:-1], "y": np.repeat(count, 2).astype(np.int64)}
        )
        label = f"{name} ({sizes[name]})"
        plot.varea("x", y1=0, y2="y", source=outline, color=colour, alpha=0.22, legend_label=label)
        dash = _DASHES[place % len(_DASHES)]
        plot.line(
            "x", "y", source=outline, color=colour, line_width=2, line_dash=dash, legend_label=label
        )
    theme.dress_legend(plot)
    words = [_moments(name, values, noun, sizes[name]) for name, values in present.items()]
    missing = sum(v.size for v in numbers.values()) - sum(v.size for v in present.values())
    notes = []
    if missing:
        left_out = f"{disclosure.count_words(missing)} {noun} are left out: missing."
        notes.append(left_out[:1].upper() + left_out[1:])
    if n_withheld:
        notes.append(disclosure.bars_note(n_withheld, noun))
    return describe(plot, f"{x_label}: {'; '.join(words)}.", notes=notes)


def _moments(name: str, values: npt.NDArray[np.float64], noun: str, size: str) -> str:
    if disclosure.is_small(values.size):
        return f"{name}, {disclosure.FEWER} {noun}"
    return (
        f"{name}, {size} {noun}, mean {theme.format_number(values.mean())}, standard deviation "
        f"{theme.format_number(values.std(ddof=1) if values.size > 1 else np.nan)}"
    )


def _without_small(
    counts: Mapping[str, npt.NDArray[np.int64]], edges: npt.NDArray[np.float64]
) -> tuple[dict[str, npt.NDArray[np.int64]], npt.NDArray[np.float64], int]:
    """Counts without small ones, the edges from the first bar to the last, and how many are out."""
    if disclosure.small_counts_allowed():
        return dict(counts), edges, 0
    shown = {name: np.where(c < disclosure.MIN_COUNT, 0, c) for name, c in counts.items()}
    n_withheld = sum(int(counts[name].sum() - c.sum()) for name, c in shown.items())
    filled = np.flatnonzero(np.sum(list(shown.values()), axis=0))
    if not filled.size:
        return shown, edges, n_withheld
    start, end = int(filled[0]), int(filled[-1]) + 1
    return {name: c[start:end] for name, c in shown.items()}, edges[start : end + 1], n_withheld


def _bin_edges(values: npt.NDArray[np.float64], bin_width: float | None) -> npt.NDArray[np.float64]:
    if bin_width is None:
        if disclosure.small_counts_allowed():
            return np.histogram_bin_edges(values, bins=_BINS)
        # the ends of round bins are not the smallest and the largest value
        bin_width = disclosure.round_width(float(np.ptp(values)) / _BINS)
    first = np.floor(values.min() / bin_width)
    last = np.floor(values.max() / bin_width) + 1
    return np.arange(first, last + 1) * bin_width
