"""Figures of Mendelian randomisation: effects on the outcome against those on the exposure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, Whisker
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_EFFECTS = (
    "snp", "beta_exposure", "standard_error_exposure", "beta_outcome", "standard_error_outcome",
)  # fmt: skip
_Z95 = 1.959964
_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f",
    "#8c564b", "#17becf", "#bcbd22", "#9467bd",
)  # fmt: skip


def mr_scatter(
    instruments: pd.DataFrame,
    estimates: pd.DataFrame,
    *,
    title: str = "",
    x_label: str = "Effect on the exposure",
    y_label: str = "Effect on the outcome",
) -> figure:
    """Draw instruments by their two effects, with the slope of each method.

    Alleles are turned so that effects on the exposure are positive.

    Parameters
    ----------
    instruments : ``snp beta_exposure standard_error_exposure beta_outcome
        standard_error_outcome``.
    estimates : ``method`` and ``beta``; the row ``egger_intercept`` moves the line of ``egger``.
    x_label, y_label : what the effects are of, with units.

    Raises
    ------
    InputError
        A column is missing, or there is no instrument.
    """
    points = _points(instruments, "a scatter of instruments")
    plot = theme.new_figure(title=title, x_label=x_label, y_label=y_label, width_px=560)
    source = ColumnDataSource(points)
    for dimension, base, low, high in (
        ("width", "y", "x_low", "x_high"),
        ("height", "x", "y_low", "y_high"),
    ):
        plot.add_layout(
            Whisker(
                base=base, lower=low, upper=high, dimension=dimension, source=source,
                line_color=theme.AXIS, upper_head=None, lower_head=None,
            )
        )  # fmt: skip
    dots = plot.scatter("x", "y", source=source, size=6, color=theme.INK)
    tips = [("", "@snp"), ("exposure", "@x{0.0000}"), ("outcome", "@y{0.0000}")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    slopes = estimates[np.isfinite(estimates["beta"])].set_index("method")["beta"]
    intercept = float(slopes.get("egger_intercept", 0.0))
    lines = slopes.drop("egger_intercept", errors="ignore")
    end = float(points["x_high"].max()) * 1.04
    for i, (method, slope) in enumerate(lines.items()):
        start = intercept if method == "egger" else 0.0
        plot.line(
            [0, end], [start, start + slope * end], color=_COLOURS[i % len(_COLOURS)], line_width=2,
            line_dash="solid" if i < len(_COLOURS) else "dashed",
            legend_label=f"{method} {theme.format_number(float(slope))}",
        )  # fmt: skip
    if len(lines):
        theme.dress_legend(plot)
        plot.add_layout(plot.legend[0], "right")
    return describe(
        plot,
        f"Effects of {len(points)} instruments on outcome and exposure, with 95% intervals and the "
        f"slopes of {len(lines)} methods.",
    )


def mr_funnel(instruments: pd.DataFrame, estimates: pd.DataFrame, *, title: str = "") -> figure:
    """Draw the precision of the ratio of each instrument against the ratio.

    A funnel that leans to one side shows directional pleiotropy.

    Parameters
    ----------
    instruments, estimates : as in :func:`mr_scatter`; lines are of ``ivw`` and ``egger``.
    """
    points = _points(instruments, "a funnel of instruments")
    ratio = points["y"] / points["x"]
    precision = points["x"] / ((points["y_high"] - points["y"]) / _Z95)
    plot = theme.new_figure(
        title=title, x_label="Ratio of the effects (b_y/b_x)", y_label="Precision (1/s.e.)",
        width_px=480,
    )  # fmt: skip
    source = ColumnDataSource({"x": ratio, "y": precision, "snp": points["snp"]})
    dots = plot.scatter("x", "y", source=source, size=7, color=theme.MAIN, fill_alpha=0.7)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@snp"), ("ratio", "@x{0.000}")]))
    known = estimates[np.isfinite(estimates["beta"])].set_index("method")["beta"]
    for method, dash in (("ivw", "solid"), ("egger", "dashed")):
        if method in known:
            at = float(known[method])
            plot.line(
                [at, at], [0, float(precision.max()) * 1.05], color=theme.ACCENT, line_width=2,
                line_dash=dash, legend_label=method,
            )  # fmt: skip
    if plot.legend:
        theme.dress_legend(plot)
    return describe(plot, f"Ratios of {len(points)} instruments against their precision.")


def _points(instruments: pd.DataFrame, what: str) -> pd.DataFrame:
    require_columns(instruments, _EFFECTS, figure=what)
    if instruments.empty:
        raise InputError(f"{what} needs instruments; the table has none")
    x, se_x, y, se_y = (instruments[n].to_numpy(dtype=np.float64) for n in _EFFECTS[1:])
    sign = np.where(x < 0, -1.0, 1.0)
    x, y = x * sign, y * sign
    return pd.DataFrame(
        {
            "snp": instruments["snp"].astype(str).to_numpy(),
            "x": x, "y": y, "x_low": x - _Z95 * se_x, "x_high": x + _Z95 * se_x,
            "y_low": y - _Z95 * se_y, "y_high": y + _Z95 * se_y,
        }
    )  # fmt: skip
