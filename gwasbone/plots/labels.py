"""Text beside points without one text on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
