"""A plotting area with its limits and pixels, and the texts that find room in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.plotting import figure

from gwasbone.plots import theme
from gwasbone.plots.labels import place_labels

_LABEL_LINE_PX = 15
_PX_PER_CHARACTER = 0.64 * theme.TICK_PX
#: A text farther from its mark than this is joined to it by a line.
_NEAR_PX = 13

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """The plotting area of a figure.

    Attributes
    ----------
    x_range : limits of x in data units.
    y_end : the upper limit of y.
    cut : what is above it is drawn on the edge.
    width_px, height_px : size in pixels.
    mirrored : whether y grows downwards, as in the lower half of a Miami plot.
    y_start : the lower limit of y.
    """

    x_range: tuple[float, float]
    y_end: float
    cut: float
    width_px: int
    height_px: int
    mirrored: bool = False
    y_start: float = 0.0

    @property
    def y_range(self) -> tuple[float, float]:
        """Limits of y from the lower edge to the upper."""
        return (self.y_end, self.y_start) if self.mirrored else (self.y_start, self.y_end)

    @property
    def px_per_unit(self) -> float:
        """Pixels per unit of y."""
        return self.height_px / (self.y_end - self.y_start)

    def height(self, y: Floats) -> Floats:
        """Where a height is drawn on the y axis."""
        return np.where(y > self.cut, (self.cut + self.y_end) / 2, y)

    def to_px(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Pixels right of the left edge and away from the edge where y starts."""
        low, high = self.x_range
        return (x - low) / (high - low) * self.width_px, (y - self.y_start) * self.px_per_unit

    def from_px(self, x_px: Floats, y_px: Floats) -> tuple[Floats, Floats]:
        """The inverse of :meth:`to_px`."""
        low, high = self.x_range
        return low + x_px / self.width_px * (high - low), self.y_start + y_px / self.px_per_unit

    def skyline(self, x: Floats, y: Floats) -> Floats:
        """Height in pixels of the highest of some marks in each pixel column."""
        line = np.zeros(self.width_px)
        x_px, height_px = self.to_px(x, self.height(y))
        column = np.clip(x_px, 0, self.width_px - 1).astype(np.int64)
        np.maximum.at(line, column, height_px)
        return line


def write_labels(
    plot: figure, frame: Frame, texts: Sequence[str], x: Floats, y: Floats, skyline: Floats
) -> int:
    """Write texts beside their marks, most important first; how many found room.

    Parameters
    ----------
    texts, x, y : (k,) each text and its mark.
    skyline : from :meth:`Frame.skyline`, of everything drawn.
    """
    x_px, y_px = frame.to_px(x, y)
    placed = place_labels(
        x_px,
        y_px,
        [len(text) * _PX_PER_CHARACTER for text in texts],
        line_px=_LABEL_LINE_PX,
        skyline_px=skyline,
        frame_height_px=frame.height_px,
    )
    text_x, text_y = frame.from_px(placed.x_px, placed.y_px)
    rows = placed.rows
    far = np.hypot(placed.x_px - x_px[rows], placed.y_px - y_px[rows]) > _NEAR_PX
    start_x, start_y = frame.from_px(x_px[rows], y_px[rows] + 6)
    lines = (start_x[far], start_y[far], text_x[far], text_y[far])
    plot.segment(*lines, color=theme.AXIS, line_width=0.8)
    plot.text(
        x=text_x,
        y=text_y,
        text=[texts[row] for row in rows],
        text_align="center",
        text_baseline="top" if frame.mirrored else "bottom",
        text_color=theme.INK,
        text_font=value(theme.FONT),
        text_font_size=f"{theme.TICK_PX}px",
    )
    return int(rows.size)
