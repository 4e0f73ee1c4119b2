"""The one look of every figure: colours, type, sizes, axes and the wording of numbers.

Every colour drawn on white has a contrast of at least 3:1 (WCAG 2.1, 1.4.11), text 4.5:1, and
the group colours stay apart under protanopia, deuteranopia and tritanopia (tested).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bokeh.models import FactorRange, FixedTicker, LinearAxis, Range1d, SaveTool, Span
from bokeh.plotting import figure

BACKGROUND = "#ffffff"
INK = "#1d232a"
MUTED_INK = "#525c66"
AXIS = "#8a939c"
GRID = "#e6e9ec"

#: Neighbouring chromosomes alternate between these.
CHROMOSOME_COLOURS = ("#1f4e79", "#7590ad")
#: The same for the lower half of a mirrored figure.
MIRROR_COLOURS = ("#0b5d4e", "#5f9b8d")
#: What the reader must not miss: leads, and what a threshold takes away.
ACCENT = "#c44e00"
#: Variants that are set apart from the others.
HIGHLIGHT = "#008f6b"
#: Plain marks: bars, points of one kind.
MAIN = "#1f4e79"
PALE = "#c9d6e3"

#: Okabe and Ito's order of hues, yellow and sky blue darkened until they show on white.
GROUP_COLOURS = (
    "#0072b2",
    "#c44e00",
    "#008f6b",
    "#aa3377",
    "#b58900",
    "#4a9ad4",
    "#2b2b2b",
    "#84898e",
)
#: Paired with the colours, so that no group is told by colour alone.
GROUP_MARKERS = ("circle", "triangle", "square", "diamond", "inverted_triangle", "hex", "plus", "x")

#: Name of a figure whose texts need the width that it is designed for: on a narrow screen it
#: scrolls and does not shrink.
KEEPS_WIDTH = "keeps-width"

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
TITLE_PX, LABEL_PX, TICK_PX, NOTE_PX = 15, 13, 12, 11

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A named limit on one axis.

    Attributes
    ----------
    name : what the reader sees, such as ``call rate 0.95``.
    value : where it lies, in the units of the axis.
    removes : which side of it is taken away; None for a line that only guides the eye.
    """

    name: str
    value: float
    removes: Literal["below", "above"] | None = None


def format_count(count: float) -> str:
    """A whole number with thousands separated.

    >>> format_count(9812345)
    '9,812,345'
    """
    return f"{round(count):,}"


def format_number(value: float, digits: int = 3) -> str:
    """A measured number to some significant digits, without exponents in everyday ranges.

    >>> format_number(0.034567), format_number(1234.5), format_number(1.2e-7)
    ('0.0346', '1,234', '1.2 × 10⁻⁷')
    """
    if not math.isfinite(value):
        return "NA" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        times = "" if mantissa == "1" else f"{mantissa} × "
        return f"{times}10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−")
    decimals = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def format_p(p: float) -> str:
    """A p-value or significance level in words a paper uses.

    >>> format_p(5e-8), format_p(1e-5), format_p(0.05)
    ('5 × 10⁻⁸', '10⁻⁵', '0.05')
    """
    return format_number(p, 2) if p < 1e-3 else f"{p:.2g}"


def new_figure(
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    width_px: int = 520,
    height_px: int = 420,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | Sequence[str] | None = None,
    **options: Any,
) -> figure:
    """An empty figure in the one theme.

    Parameters
    ----------
    x_label, y_label : axis titles with their units.
    width_px, height_px : size of the plotting area itself, without axes.
    x_range, y_range : limits in data units; for ``y_range`` also category names.
    options : handed to :class:`bokeh.plotting.figure`, such as ``x_axis_type="log"``.
    """
    ranges: dict[str, Any] = {}
    if x_range is not None:
        ranges["x_range"] = Range1d(*map(float, x_range))
    if y_range is not None:
        named = any(isinstance(end, str) for end in y_range)
        ranges["y_range"] = FactorRange(*y_range) if named else Range1d(*map(float, y_range))
    settings: dict[str, Any] = {
        "title": title,
        "frame_width": width_px,
        "frame_height": height_px,
        "x_axis_label": x_label,
        "y_axis_label": y_label,
        "tools": "pan,box_zoom,wheel_zoom,reset,save",
        "active_drag": "box_zoom",
        "toolbar_location": "above",
        **ranges,
        **options,
    }
    plot = figure(**settings)
    _dress(plot)
    return plot


def _dress(plot: figure) -> None:
    for tool in plot.toolbar.tools:
        if isinstance(tool, SaveTool):
            # in notebooks; pages save under names of their own
            tool.filename = plot.title.text.strip() or "figure"
    plot.background_fill_color = plot.border_fill_color = BACKGROUND
    plot.outline_line_color = None
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.grid_line_color = GRID
    plot.xgrid.grid_line_color = None
    plot.title.text_font = FONT
    plot.title.text_font_size = f"{TITLE_PX}px"
    plot.title.text_font_style = "bold"
    plot.title.text_color = INK
    plot.axis.axis_label_text_font = FONT
    plot.axis.axis_label_text_font_size = f"{LABEL_PX}px"
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_color = INK
    plot.axis.major_label_text_font = FONT
    plot.axis.major_label_text_font_size = f"{TICK_PX}px"
    plot.axis.major_label_text_color = INK
    plot.axis.axis_line_color = AXIS
    plot.axis.major_tick_line_color = AXIS
    plot.axis.minor_tick_line_color = None


def dress_legend(plot: figure) -> None:
    """Give the legend of a figure the theme; clicking an entry hides its points."""
    plot.legend.label_text_font = FONT
    plot.legend.label_text_font_size = f"{TICK_PX}px"
    plot.legend.label_text_color = INK
    plot.legend.background_fill_alpha = 0.85
    plot.legend.border_line_color = None
    plot.legend.click_policy = "hide"


def draw_levels(
    plot: figure, levels: Mapping[float, str], *, colours: Sequence[str], px_per_unit: float
) -> None:
    """Horizontal lines across the figure, each named at its right end, outside the plot.

    Parameters
    ----------
    levels : names by their y, highest first. Lines too close for two names share one place.
    colours : one for each level.
    px_per_unit : pixels per unit of y.
    """
    names: dict[float, str] = {}
    for (y, name), colour in zip(levels.items(), colours, strict=True):
        plot.add_layout(
            Span(
                location=y, dimension="width", line_color=colour, line_width=1.2, line_dash="dashed"
            )
        )
        last = min(names, default=math.inf)
        if (last - y) * px_per_unit < NOTE_PX * 1.4:
            names[last] += f"\n{name}"
        else:
            names[y] = name
    # An axis keeps the names beside their lines while the reader zooms.
    margin = LinearAxis(
        ticker=FixedTicker(ticks=list(names)),
        major_label_overrides=names,
        axis_line_color=None,
        major_tick_line_color=None,
        minor_tick_line_color=None,
        major_label_text_font=FONT,
        major_label_text_font_size=f"{NOTE_PX}px",
        major_label_text_color=INK,
        major_label_standoff=2,
    )
    plot.add_layout(margin, "right")
