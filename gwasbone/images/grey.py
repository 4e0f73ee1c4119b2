"""Stored values to grey levels, after DICOM PS3.3 C.7.6.3.1.2, C.11.1 and C.11.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.images.pixels import Mask, Stored
from gwasbone.images.refusal import refuse
from gwasbone.images.tags import raw_text, shown

Pixels = npt.NDArray[np.unsignedinteger]
#: Data types of a cache's arrays -> the level of white; 0 is black.
PRECISIONS = {"uint8": 255, "uint16": 65535, "float32": 1}
#: Grey levels as a cache holds them: uint8, uint16 or float32.
Levels = npt.NDArray[Any]


@dataclass(frozen=True)
class Grey:
    """Grey levels, dark to bright.

    Parameters
    ----------
    pixels : (rows, columns) uint8 or uint16, 0 is black.
    white : the largest level that the header allows; what is brightest in one image plays no
        part, so images of one kind stay comparable (unless its own range was asked for).
    low, high : modality values (Hounsfield units, optical density, ...) of the levels 0 and
        ``white``; between them the scale is linear, unless a window or table of values of
        interest was asked for, whose output it then is.
    n_padded : pixels that were not black and are, because the file says they are not image.
    """

    pixels: Pixels
    white: int
    low: float
    high: float
    n_padded: int = 0


def grey_levels(stored: Stored, header: Any, *, voi: bool = False, own_range: bool = False) -> Grey:
    """Apply the modality transform, the values of interest where asked, and MONOCHROME1.

    Parameters
    ----------
    stored : see :func:`gwasbone.images.pixels.stored_values`; its padding becomes black.
    header : the pydicom data set.
    voi : apply the header's first window or VOI table.
    own_range : stretch the image from its own smallest to its own largest level.

    Raises
    ------
    RefusedError
        ``invalid_header``: a slope of zero, a lookup table or window that cannot be applied.
    """
    grey = _modality(stored, header)
    if voi and header.get("VOILUTSequence"):
        grey = _through_voi_table(grey, header)
    elif voi and (raw_text(header, "WindowCenter") or raw_text(header, "WindowWidth")):
        grey = _through_window(grey, header)
    if header.PhotometricInterpretation == "MONOCHROME1":
        inverted = np.asarray(grey.white - grey.pixels.astype(np.int32), grey.pixels.dtype)
        grey = Grey(inverted, grey.white, grey.high, grey.low)
    if own_range:
        grey = _stretched(grey, stored.padding)
    if stored.padding is not None:
        n_padded = int(np.count_nonzero(grey.pixels[stored.padding]))
        pixels = np.where(stored.padding, 0, grey.pixels).astype(grey.pixels.dtype)
        grey = Grey(pixels, grey.white, grey.low, grey.high, n_padded)
    return grey


def levels_in(pixels: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.intp]:
    """The distinct levels of an image, sorted."""
    from PIL import Image

    if pixels.dtype == np.uint8:
        # counted in C; NumPy makes numbers of 64 bits of the pixels first
        return np.flatnonzero(Image.fromarray(np.ascontiguousarray(pixels)).histogram())
    seen = np.zeros(int(pixels.max()) + 1, dtype=bool)
    seen[pixels] = True
    return np.flatnonzero(seen)


def to_precision(pixels: Pixels, white: int, precision: str) -> Levels:
    """(rows, columns) levels 0 to ``white`` as those of a data type; see ``PRECISIONS``.

    The error is at most half a level of the data type, or the rounding of float32.

    >>> to_precision(np.array([[0, 512, 1023]], np.uint16), 1023, "uint16").tolist()
    [[0, 32800, 65535]]
    """
    if precision == "uint8":
        return to_uint8(pixels, white)
    if precision == "uint16":
        wide = pixels.astype(np.uint64)
        return ((wide * 131070 + white) // (2 * white)).astype(np.uint16)
    return (pixels / np.float64(white)).astype(np.float32)


def white_of(dtype: npt.DTypeLike) -> int:
    """The level of white in arrays of a cache."""
    return PRECISIONS[np.dtype(dtype).name]


def eight_bit(levels: Levels) -> npt.NDArray[np.uint8]:
    """Levels of any of a cache's data types as 0 to 255, for the screen."""
    if levels.dtype == np.uint8:
        return levels.view(np.uint8)
    return np.rint(levels * (255 / white_of(levels.dtype))).astype(np.uint8)


def to_uint8(pixels: Pixels, white: int) -> npt.NDArray[np.uint8]:
    """(rows, columns) levels 0 to ``white`` as 0 to 255, rounded.

    >>> to_uint8(np.array([[0, 512, 1023]], np.uint16), 1023).tolist()
    [[0, 128, 255]]
    """
    if white == 255 and pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    return ((pixels.astype(np.uint32) * 510 + white) // (2 * white)).astype(np.uint8)


def _modality(stored: Stored, header: Any) -> Grey:
    values, (least, largest) = stored.values, stored.range
    if header.get("ModalityLUTSequence"):
        return _through_table(values, np.arange(least, largest + 1), header, "modality")
    slope, intercept = (
        float(default if (v := header.get(n)) in (None, "") else v)
        for n, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise refuse(
            "invalid_header",
            "expected a Rescale Slope other than 0 and a Rescale Intercept, "
            f"{shown(header, 'RescaleSlope')}, {shown(header, 'RescaleIntercept')}",
        )
    # a straight line is undone by naming its ends, so that no level is lost to rounding
    levels = (values - least if least else values) if slope > 0 else largest - values
    white = largest - least
    low, high = sorted((least * slope + intercept, largest * slope + intercept))
    kind = np.uint8 if white <= 255 else np.uint16
    return Grey(levels.astype(kind, copy=False), white, low, high)


def _through_table(
    values: npt.NDArray[Any], inputs: npt.NDArray[np.int64], header: Any, which: str
) -> Grey:
    """Values through a lookup table; ``inputs`` are all that can occur, in steps of one.

    White is the table's largest output: descriptors often declare more bits than are used.
    """
    from pydicom.pixels import apply_modality_lut, apply_voi

    try:
        table = (apply_modality_lut if which == "modality" else apply_voi)(inputs, header)
    except Exception as error:
        raise refuse("invalid_header", f"the {which} lookup table is not usable: {error}") from None
    table = np.asarray(table).astype(np.uint16)
    white = max(int(table.max(initial=0)), 1)
    pixels = table[values - inputs[0]]
    return Grey(pixels, white, 0.0, float(white))


def _through_voi_table(grey: Grey, header: Any) -> Grey:
    if grey.high - grey.low > 1 << 20:
        raise refuse("invalid_header", "the values-of-interest table spans too many values")
    inputs = np.arange(np.floor(grey.low), np.ceil(grey.high) + 1).astype(np.int64)
    values = np.rint(_modality_values(grey)).astype(np.int64)
    return _through_table(values, inputs, header, "values-of-interest")


def _through_window(grey: Grey, header: Any) -> Grey:
    from pydicom.pixels import apply_windowing

    if not (raw_text(header, "WindowCenter") and raw_text(header, "WindowWidth")):
        raise refuse(
            "invalid_header",
            "expected a window of centre and width, "
            f"{shown(header, 'WindowCenter')}, {shown(header, 'WindowWidth')}",
        )
    try:
        ends = apply_windowing(np.array([-1e9, 1e9]), header)
        window = apply_windowing(_modality_values(grey), header)
    except Exception as error:
        raise refuse(
            "invalid_header",
            f"the window is not usable ({shown(header, 'WindowCenter')}, "
            f"{shown(header, 'WindowWidth')}): {error}",
        ) from None
    share = (window - ends[0]) / (ends[1] - ends[0])
    return Grey(np.rint(share * 65535).astype(np.uint16), 65535, 0.0, 65535.0)


def _modality_values(grey: Grey) -> npt.NDArray[np.float64]:
    step = (grey.high - grey.low) / grey.white
    return np.asarray(grey.low + step * grey.pixels)


def _stretched(grey: Grey, padding: Mask | None) -> Grey:
    """Levels from the smallest to the largest of the image itself, padding not counted."""
    inside = grey.pixels if padding is None else grey.pixels[~padding]
    if not inside.size or inside.min() == inside.max():
        return grey
    least, largest = int(inside.min()), int(inside.max())
    levels = np.clip(grey.pixels.astype(np.int32), least, largest) - least
    step = (grey.high - grey.low) / grey.white
    low, high = grey.low + step * least, grey.low + step * largest
    return Grey(levels.astype(grey.pixels.dtype), largest - least, low, high)
