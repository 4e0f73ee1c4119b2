"""An image on which bones are drawn as smooth shapes, in units of its height.

The origin is the middle of the upper edge, y points down. A shape is drawn only within the box
that holds it, so that an image of forty shapes takes a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

FloatArray = npt.NDArray[np.floating]
Point = tuple[float, float]

_NOISE_SIDE = 1024
#: Widths of the noise that bone and tissue have, in pixels of a picture 400 pixels high.
_FINE, _COARSE = 0.8, 4.0


@dataclass(frozen=True)
class Bone:
    """What a bone looks like.

    Parameters
    ----------
    density : grey level of its inside; rim : added at its edge (cortex); rim_width : in units.
    soft : width over which its edge fades, in units.
    """

    density: float
    rim: float = 40.0
    rim_width: float = 0.012
    soft: float = 0.006


class Canvas:
    """Grey levels of an image being drawn.

    Parameters
    ----------
    rows, columns : its size in pixels.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.grey: FloatArray = np.zeros((rows, columns), dtype=np.float32)
        #: How much of a pixel is bone, 0 to 1: texture is added there.
        self.bone: FloatArray = np.zeros((rows, columns), dtype=np.float32)

    @property
    def width(self) -> float:
        """Width of the image in units of its height."""
        return self.columns / self.rows

    def ellipse(self, at: Point, radii: Point, look: Bone, *, angle: float = 0.0) -> None:
        """An ellipse; ``angle`` in radians turns it clockwise."""
        reach = max(radii)
        window, x, y = self._around((at[0] - reach, at[0] + reach, at[1] - reach, at[1] + reach))
        if x.size:
            u, v = _turned(x - at[0], y - at[1], angle)
            distance = (np.hypot(u / radii[0], v / radii[1]) - 1) * min(radii)
            self._paint(window, distance, look)

    def box(
        self, at: Point, half: Point, look: Bone, *, angle: float = 0.0, round_: float = 0.01
    ) -> None:
        """A box with rounded corners; ``half`` are half its width and height."""
        reach = float(np.hypot(*half))
        window, x, y = self._around((at[0] - reach, at[0] + reach, at[1] - reach, at[1] + reach))
        if x.size:
            u, v = _turned(x - at[0], y - at[1], angle)
            du, dv = np.abs(u) - (half[0] - round_), np.abs(v) - (half[1] - round_)
            outside = np.hypot(np.maximum(du, 0), np.maximum(dv, 0))
            distance = outside + np.minimum(np.maximum(du, dv), 0) - round_
            self._paint(window, distance, look)

    def limb(self, start: Point, end: Point, radii: Point, look: Bone) -> None:
        """A line from ``start`` to ``end`` whose radius goes from the first to the second."""
        r = max(radii)
        window, x, y = self._around(
            (
                min(start[0], end[0]) - r, max(start[0], end[0]) + r,
                min(start[1], end[1]) - r, max(start[1], end[1]) + r,
            )
        )  # fmt: skip
        if x.size:
            along = np.array(end) - np.array(start)
            length2 = max(float(along @ along), 1e-12)
            t = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length2
            t = np.clip(t, 0, 1)
            away = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
            self._paint(window, away - (radii[0] + t * (radii[1] - radii[0])), look)

    def brighten(self, at: Point, radius: float, amount: float) -> None:
        """Multiply the bone about a point by up to 1 + ``amount``, fading with a bell curve."""
        reach = 3 * radius
        window, x, y = self._around((at[0] - reach, at[0] + reach, at[1] - reach, at[1] + reach))
        if x.size:
            bell = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * radius**2))
            self.grey[window] *= 1 + amount * bell * self.bone[window]

    def texture(self, noise: NoiseBank, rng: np.random.Generator, coarse: float) -> None:
        """Fine noise everywhere, and coarse dark and bright spots in bone (share of its level)."""
        spots = noise.piece(self.grey.shape, rng, fine=False)
        self.grey *= 1 + coarse * spots * self.bone
        self.grey += (2 + 0.03 * self.grey) * noise.piece(self.grey.shape, rng, fine=True)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """(rows, columns) grey levels as scanners store them, 0 to 252."""
        return np.clip(self.grey, 0, 252).astype(np.uint8)

    def _around(
        self, box: tuple[float, float, float, float]
    ) -> tuple[tuple[slice, slice], FloatArray, FloatArray]:
        """The pixels of a box (left, right, top, bottom) with a margin, and their places."""
        margin, n = 0.03, self.rows
        left, right, top, bottom = box
        middle = self.columns / 2
        c0, c1 = ((v * n + middle) for v in (left - margin, right + margin))
        columns = slice(max(0, int(c0)), min(self.columns, max(0, int(np.ceil(c1)))))
        rows = slice(
            max(0, int((top - margin) * n)),
            min(self.rows, max(0, int(np.ceil((bottom + margin) * n)))),
        )
        x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - middle) / n
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / n
        grid_x = np.broadcast_to(x, (len(y), len(x)))
        return (rows, columns), grid_x, np.broadcast_to(y[:, None], grid_x.shape)

    def _paint(self, window: tuple[slice, slice], distance: FloatArray, look: Bone) -> None:
        """Lay a shape over what is there; overlapping bones add half of the weaker."""
        cover = np.clip(0.5 - distance / (2 * look.soft), 0, 1)
        level = look.density + look.rim * np.exp(-((distance / look.rim_width) ** 2))
        drawn = (cover * level).astype(np.float32)
        there = self.grey[window]
        self.grey[window] = np.maximum(there, drawn) + 0.35 * np.minimum(there, drawn)
        self.bone[window] = np.maximum(self.bone[window], cover)


class NoiseBank:
    """Noise drawn once; pieces of it are cut out at random places."""

    def __init__(self, seed: int, *, rows: int) -> None:
        rng = np.random.default_rng(seed)
        scale = rows / 400
        self._fields = []
        for width in (_FINE, _COARSE):
            white = rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE)).astype(np.float32)
            smooth = gaussian_filter(white, width * scale, mode="wrap")
            self._fields.append(smooth / smooth.std())

    def piece(self, shape: tuple[int, ...], rng: np.random.Generator, *, fine: bool) -> FloatArray:
        """(rows, columns) standard normal noise."""
        field = self._fields[0 if fine else 1]
        repeats = [-(-side // _NOISE_SIDE) for side in shape]
        if max(repeats) > 1:
            field = np.tile(field, repeats)
        top, left = (
            int(rng.integers(0, f - s + 1)) for f, s in zip(field.shape, shape, strict=True)
        )
        return field[top : top + shape[0], left : left + shape[1]]


def _turned(x: FloatArray, y: FloatArray, angle: float) -> tuple[FloatArray, FloatArray]:
    if not angle:
        return x, y
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x + s * y, -s * x + c * y
