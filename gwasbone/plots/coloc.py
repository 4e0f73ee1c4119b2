"""Figures of colocalisation: z of two traits against each other, and the curve of the prior."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_COLOURS = ("#999999", "#56b4e9", "#0072b2", "#e69f00", "#d55e00")


def coloc_scatter(variants: pd.DataFrame, *, names: tuple[str, str], title: str = "") -> figure:
    """Draw z of one trait against that of the other, the credible set of a shared variant marked.

    Parameters
    ----------
    variants : ``base_pair_location z_1 z_2 posterior in_credible_set`` of a region.
    names : of the traits.
    """
    needed = ("base_pair_location", "z_1", "z_2", "posterior", "in_credible_set")
    require_columns(variants, needed, figure="a scatter of two traits")
    plot = theme.new_figure(
        title=title, x_label=f"z, {names[0]}", y_label=f"z, {names[1]}", width_px=420
    )
    marked = variants["in_credible_set"].to_numpy(dtype=bool)
    for rows, colour, size, label in (
        (variants[~marked], theme.MAIN, 5, "other variants"),
        (variants[marked], theme.ACCENT, 9, "95% credible set"),
    ):
        if rows.empty:
            continue
        source = ColumnDataSource(
            {"x": rows["z_1"], "y": rows["z_2"], "bp": rows["base_pair_location"],
             "p": rows["posterior"]}
        )  # fmt: skip
        dots = plot.scatter(
            "x", "y", source=source, size=size, color=colour, fill_alpha=0.7, line_color=None,
            legend_label=label,
        )  # fmt: skip
        tips = [("position", "@bp"), ("posterior", "@p{0.000}")]
        plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    theme.dress_legend(plot)
    return describe(
        plot, f"z of {len(variants)} variants for both traits; {int(marked.sum())} in the set."
    )


def coloc_prior_curve(sensitivity: pd.DataFrame, *, p12: float, title: str = "") -> figure:
    """Draw the posterior of each hypothesis against the prior p12.

    Parameters
    ----------
    sensitivity : ``p12 pp_h0 … pp_h4``.
    p12 : the prior that was used, where a dashed line stands.
    """
    require_columns(sensitivity, ("p12", "pp_h4"), figure="a curve of the prior")
    plot = theme.new_figure(
        title=title, x_label="Prior p12, log₁₀", y_label="Posterior probability", width_px=420,
        y_range=(0.0, 1.02),
    )  # fmt: skip
    x = np.log10(sensitivity["p12"].to_numpy(dtype=np.float64))
    for i, colour in enumerate(_COLOURS):
        y = sensitivity[f"pp_h{i}"].to_numpy(dtype=np.float64)
        plot.line(x, y, color=colour, line_width=2.5, legend_label=f"H{i}")
    plot.line([np.log10(p12)] * 2, [0, 1], color=theme.MUTED_INK, line_dash="dashed")
    theme.dress_legend(plot)
    plot.add_layout(plot.legend[0], "right")
    return describe(plot, "Posterior of the hypotheses by the prior of a shared variant.")
