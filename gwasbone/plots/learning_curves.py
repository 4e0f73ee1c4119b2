"""Training and validation loss by epoch, for every fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe

_KINDS = (("Training", "loss", "solid"), ("Validation", "validation_loss", "dashed"))


def has_curve(histories: Sequence[Sequence[Mapping[str, float]]]) -> bool:
    """Whether a fold has more than one epoch: a single one is no curve."""
    return any(len(history) > 1 for history in histories)


def learning_curves(
    histories: Sequence[Sequence[Mapping[str, float]]],
    *,
    title: str,
    width_px: int = 560,
    height_px: int = 300,
) -> figure:
    """Draw the losses of every fold, and the epoch whose weights are used.

    Parameters
    ----------
    histories : per fold its epochs, each with ``epoch``, ``loss`` and ``validation_loss``.

    Returns
    -------
    Bokeh figure; :func:`gwasbone.plots.page.save_page` writes it with its notes.

    Raises
    ------
    InputError
        A fold without epochs.
    """
    if not histories or not all(histories):
        raise InputError("expected epochs of every fold for learning curves, a fold has none")
    losses = [e[key] for h in histories for e in h for _, key, _ in _KINDS]
    last = max(len(history) for history in histories)
    low, high = float(np.min(losses)), float(np.quantile(losses, 0.995))
    margin = 0.05 * (high - low) or 0.05
    plot = theme.new_figure(
        title=title,
        x_label="Epoch",
        y_label="Loss (cross-entropy)",
        width_px=width_px,
        height_px=height_px,
        x_range=(0.5, last + 0.5),
        y_range=(low - margin, high + margin),
    )
    drawn = []
    for number, (label, key, dash) in enumerate(_KINDS):
        for fold, history in enumerate(histories):
            source = ColumnDataSource(
                {
                    "epoch": [e["epoch"] for e in history],
                    "loss": [e[key] for e in history],
                    "fold": [fold] * len(history),
                    "kind": [label] * len(history),
                }
            )
            how = {"color": theme.GROUP_COLOURS[number], "legend_label": label}
            line = plot.line(
                "epoch", "loss", source=source, line_dash=dash, line_width=1.5, alpha=0.8, **how
            )
            if len(history) == 1:
                line = plot.scatter("epoch", "loss", source=source, size=7, **how)
            drawn.append(line)
    best = [min(history, key=lambda e: e["validation_loss"]) for history in histories]
    plot.scatter(
        [e["epoch"] for e in best],
        [e["validation_loss"] for e in best],
        size=8,
        marker=theme.GROUP_MARKERS[1],
        color=theme.GROUP_COLOURS[1],
        legend_label="Selected epoch",
    )
    tips = [("fold", "@fold"), ("epoch", "@epoch"), ("@kind loss", "@loss{0.0000}")]
    plot.add_tools(HoverTool(renderers=drawn, tooltips=tips))
    theme.dress_legend(plot)
    plot.legend.location = "top_right"
    kept = ", ".join(f"{int(e['epoch'])}" for e in best)
    return describe(
        plot,
        f"{title}: one line per fold and kind, {len(histories)} folds of up to {last} epochs.",
        notes=[
            "The weights of the epoch with the lowest validation loss are used: epochs "
            f"{kept} of folds 0 to {len(best) - 1}. In training, dropout and augmentation add to "
            "the loss."
        ],
    )
