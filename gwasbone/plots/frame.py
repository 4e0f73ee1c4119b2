"""A plotting area with its limits and pixels, and labels placed in it without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.plotting import figure

from gwasbone.plots import theme

_ABOVE_POINT_PX = 9
_CLEAR_PX = 6
#: How much farther a text may lie so that its line crosses no other text.
_CROSSING_PX = 60
#: A text farther from its point than this is no help.
_FARTHEST_PX = 90


@dataclass(frozen=True, slots=True)
class PlacedLabels:
    """Where labels go, in pixels from the lower left corner of the plotting area.

    Attributes
    ----------
    rows : (k,) which of the labels found room, in the order given.
    x_px, y_px : (k,) middle of each text's lower edge.
    """

    rows: npt.NDArray[np.int64]
    x_px: npt.NDArray[np.float64]
    y_px: npt.NDArray[np.float64]


def place_labels(
    x_px: npt.ArrayLike,
    y_px: npt.ArrayLike,
    text_width_px: npt.ArrayLike,
    *,
    line_px: float,
    skyline_px: npt.ArrayLike,
    frame_height_px: float,
) -> PlacedLabels:
    """Room for texts above their points and above everything drawn, most important first.

    Each text takes the free place nearest to its point, and where it can one whose line to the
    point crosses no other text; one that finds no place is left out.

    Parameters
    ----------
    x_px, y_px, text_width_px : (k,) point of each label and the width of its text.
    line_px : height of a line of text.
    skyline_px : (w,) height of the highest mark in each pixel column of the plotting area.
    frame_height_px : height of the plotting area.
    """
    skyline = np.asarray(skyline_px, dtype=np.float64)
    points = np.column_stack([np.asarray(v, float) for v in (x_px, y_px, text_width_px)])
    placed: list[_Box] = []
    for row, (x, y, width) in enumerate(points.tolist()):
        candidates = []
        for shift in np.linspace(-1.25, 1.25, 41) * max(width, 40):
            left, right = x + shift - width / 2, x + shift + width / 2
            if left < 0 or right > skyline.size:
                continue
            bottom = _lowest_free(left, right, y, placed, skyline, line_px)
            if bottom + line_px <= frame_height_px and bottom - y <= _FARTHEST_PX:
                candidates.append(_Box(row, left, right, bottom, bottom + line_px, x, y))
        if candidates:
            placed.append(min(candidates, key=lambda box: box.cost(placed)))
    return PlacedLabels(
        rows=np.array([box.row for box in placed], dtype=np.int64),
        x_px=np.array([(box.left + box.right) / 2 for box in placed]),
        y_px=np.array([box.bottom for box in placed]),
    )


@dataclass(frozen=True, slots=True)
class _Box:
    row: int
    left: float
    right: float
    bottom: float
    top: float
    point_x: float
    point_y: float

    def cost(self, others: list[_Box]) -> float:
        crossings = sum(self._line_meets(other) + other._line_meets(self) for other in others)
        away = abs((self.left + self.right) / 2 - self.point_x)
        return away + self.bottom - self.point_y + _CROSSING_PX * crossings

    def _line_meets(self, other: _Box) -> bool:
        along = np.linspace(0, 1, 25)
        x = self.point_x + along * ((self.left + self.right) / 2 - self.point_x)
        y = self.point_y + along * (self.bottom - self.point_y)
        inside = (x > other.left) & (x < other.right) & (y > other.bottom) & (y < other.top)
        return bool(inside.any())


def _lowest_free(
    left: float,
    right: float,
    point_y: float,
    placed: list[_Box],
    skyline: npt.NDArray[np.float64],
    line_px: float,
) -> float:
    left, right = left - _CLEAR_PX, right + _CLEAR_PX
    columns = skyline[max(0, int(left)) : int(right) + 1]
    bottom = max(point_y, float(columns.max(initial=0.0))) + _ABOVE_POINT_PX
    beside = [box for box in placed if left < box.right and right > box.left]
    for box in sorted(beside, key=lambda box: box.bottom):
        if box.bottom < bottom + line_px and bottom < box.top:
            bottom = box.top
    return bottom


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
        # low enough for a name above it
        return np.where(y > self.cut, self.cut + 0.3 * (self.y_end - self.cut), y)

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
        # a line of significance would cross it
        background_fill_color=theme.BACKGROUND,
        background_fill_alpha=0.85,
    )
    return int(rows.size)
