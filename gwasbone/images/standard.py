"""An image to the standard array of its region: mask, mirror, crop, resize, invert."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.images.grey import Levels, Pixels, to_precision, white_of
from gwasbone.images.regions import SIDED
from gwasbone.images.settings import Frame, ImageSettings

#: Of 255, bone begins at this level, and what is saturated is not bone (Le Goallec 2021).
_BONE_FROM, _BONE_BELOW = 70, 250
#: A strip is at least as many rows tall, and as many of its rows are as wide as the row above.
_STRIP_ROWS, _STRIP_STRAIGHT = 16, 0.8


def standard_arrays(
    pixels: Pixels,
    white: int,
    *,
    region: str,
    side: str | None,
    view: str | None,
    settings: ImageSettings,
) -> dict[str, Levels]:
    """The arrays that one image gives.

    Parameters
    ----------
    pixels : (rows, columns) grey levels 0 to ``white``, bone bright.

    Returns
    -------
    Name of the array -> (height, width) of the settings' data type. One, but the whole body's
    bone image also gives its skeleton.
    """
    grey = to_precision(pixels, white, settings.precision)
    if region == "ap_spine" and settings.mask_strips:
        grey = mask_side_strips(grey)
    if is_mirrored(region, side, settings):
        grey = grey[:, ::-1]
    found = {region: grey}
    if region == "whole_body":
        found = {f"whole_body_{view}": grey}
        if view == "mixed":
            found["whole_body_skeleton"] = skeleton_only(grey)
    frame = settings.frames[region]
    framed = {name: resized(cropped(one, frame), frame) for name, one in found.items()}
    top = _level(255, grey)
    return {name: top - one if settings.invert else one for name, one in framed.items()}


def is_mirrored(region: str, side: str | None, settings: ImageSettings) -> bool:
    """Whether an image of this side is flipped to look like the other side's."""
    return region in SIDED and side is not None and side == settings.mirror


def mask_side_strips(grey: Levels) -> Levels:
    """(rows, columns) with the saturated steps at both side edges set to black.

    Lunar scanners fill what lies beyond the patient's positioning with white strips whose inner
    edges are straight and jump from step to step. A run of saturated pixels from a side edge is
    a strip where it lasts many rows and keeps its width from most rows to the next; bone that
    reaches the edge of the image does not.
    """
    masked = grey.copy()
    for side in (masked, masked[:, ::-1]):
        widths = _border_run(side >= _level(_BONE_BELOW, grey))
        for start, stop in _runs(widths > 0):
            block = widths[start:stop]
            straight = np.mean(np.diff(block) == 0) if len(block) > 1 else 0.0
            if len(block) >= _STRIP_ROWS and straight >= _STRIP_STRAIGHT:
                strip = np.arange(side.shape[1]) < block[:, None]
                side[start:stop][strip] = 0
    return masked


def skeleton_only(grey: Levels) -> Levels:
    """(rows, columns) without the outline of flesh around the bones (Le Goallec et al. 2021).

    From every pixel of the border inwards, along its row or column, all is black up to the first
    bone pixel, 70 ≤ level < 250.
    """
    bone = (grey >= _level(_BONE_FROM, grey)) & (grey < _level(_BONE_BELOW, grey))
    outside = np.zeros(grey.shape, dtype=bool)
    for turn in range(4):
        turned = np.rot90(outside, turn)
        turned |= np.arange(len(turned.T)) < _border_run(~np.rot90(bone, turn))[:, None]
    return np.where(outside, _level(0, grey), grey)


def cropped(grey: Levels, frame: Frame) -> Levels:
    """(crop_height, crop_width) around the centre; black where the image is smaller."""
    sizes = zip(grey.shape, (frame.crop_height, frame.crop_width), strict=True)
    for axis, (length, wanted) in enumerate(sizes):
        if wanted == 0 or wanted == length:
            continue
        if wanted < length:
            first = (length - wanted) // 2
            grey = np.take(grey, range(first, first + wanted), axis)
        else:
            before = (wanted - length) // 2
            black = [(0, 0)] * 2
            black[axis] = (before, wanted - length - before)
            grey = np.pad(grey, black)
    return grey


def resized(grey: Levels, frame: Frame) -> Levels:
    """(height, width) by linear interpolation, averaged over the pixels that fall together."""
    from PIL import Image

    if grey.shape == (frame.height, frame.width):
        return grey
    # Pillow resizes grey images of 8 bits or of float32
    exact = grey if grey.dtype == np.uint8 else grey.astype(np.float32)
    picture = Image.fromarray(np.ascontiguousarray(exact))
    small = np.asarray(picture.resize((frame.width, frame.height), Image.Resampling.BILINEAR))
    return small if small.dtype == grey.dtype else np.rint(small).astype(grey.dtype)


def _level(of_255: int, like: Levels) -> Any:
    """A level of 255 as one of the data type of an array."""
    return like.dtype.type(of_255 * white_of(like.dtype) / 255)


def _border_run(hit: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """(rows,) how many pixels from the left are hit without a gap."""
    gap = ~hit
    return np.where(gap.any(axis=1), gap.argmax(axis=1), hit.shape[1])


def _runs(hit: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, stop) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], hit, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
