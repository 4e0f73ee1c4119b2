"""Stored values to grey levels, after DICOM PS3.3 C.7.6.3.1.2, C.11.1 and C.11.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.images.refusal import refuse

Pixels = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Grey:
    """Grey levels, dark to bright.

    Parameters
    ----------
    pixels : (rows, columns) uint8 or uint16, 0 is black.
    white : the largest level that the header allows; what is brightest in one picture plays no
        part, so pictures of one kind stay comparable.
    low, high : modality values (Hounsfield units, optical density, ...) of the levels 0 and
        ``white``; between them the scale is linear, unless a window or table of values of
        interest was asked for, whose output it then is.
    """

    pixels: Pixels
    white: int
    low: float
    high: float


def grey_levels(stored: npt.NDArray[Any], header: Any, *, voi: bool = False) -> Grey:
    """Apply the modality transform, the values of interest where asked, and MONOCHROME1.

    Parameters
    ----------
    stored : (rows, columns) integers as decoded; bits above the stored ones, which may hold
        overlays, are cleared already (pydicom does).
    header : the pydicom data set.
    voi : apply the header's first window or VOI table.

    Raises
    ------
    RefusedError
        ``invalid_header``: a slope of zero, a lookup table that cannot be applied.
    """
    grey = _modality(stored.astype(np.int32), header)
    if voi and ("VOILUTSequence" in header or header.get("WindowCenter") not in (None, "")):
        grey = _values_of_interest(grey, header)
    if header.PhotometricInterpretation == "MONOCHROME1":
        inverted = np.asarray(grey.white - grey.pixels.astype(np.int32), grey.pixels.dtype)
        grey = Grey(inverted, grey.white, grey.high, grey.low)
    return grey


def to_uint8(pixels: Pixels, white: int) -> npt.NDArray[np.uint8]:
    """(rows, columns) levels 0 to ``white`` as 0 to 255, rounded.

    >>> to_uint8(np.array([[0, 512, 1023]], np.uint16), 1023).tolist()
    [[0, 128, 255]]
    """
    if white == 255 and pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    return ((pixels.astype(np.uint32) * 510 + white) // (2 * white)).astype(np.uint8)


def _range(header: Any) -> tuple[int, int]:
    """The least and largest stored value."""
    bits = int(header.BitsStored)
    if header.PixelRepresentation == 1:
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def _modality(values: npt.NDArray[np.int32], header: Any) -> Grey:
    least, largest = _range(header)
    if header.get("ModalityLUTSequence"):
        return _through_table(values, np.arange(least, largest + 1), header, "modality")
    slope, intercept = (
        float(default if (v := header.get(n)) in (None, "") else v)
        for n, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise refuse("invalid_header", f"expected a Rescale Slope other than 0, got {slope:g}")
    # a straight line is undone by naming its ends, so that no level is lost to rounding
    levels = values - least if slope > 0 else largest - values
    white = largest - least
    ends = sorted((least * slope + intercept, largest * slope + intercept))
    kind = np.uint8 if white <= 255 else np.uint16
    return Grey(levels.astype(kind), white, *ends)


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


def _values_of_interest(grey: Grey, header: Any) -> Grey:
    from pydicom.pixels import apply_windowing

    step = (grey.high - grey.low) / grey.white
    values = grey.low + step * grey.pixels
    if header.get("VOILUTSequence"):
        if grey.high - grey.low > 1 << 20:
            raise refuse("invalid_header", "the values-of-interest table spans too many values")
        inputs = np.arange(np.floor(grey.low), np.ceil(grey.high) + 1).astype(np.int64)
        return _through_table(
            np.rint(values).astype(np.int64), inputs, header, "values-of-interest"
        )
    try:
        ends = apply_windowing(np.array([-1e9, 1e9]), header)
        window = apply_windowing(values, header)
    except Exception as error:
        raise refuse("invalid_header", f"the window is not usable: {error}") from None
    share = (window - ends[0]) / (ends[1] - ends[0])
    return Grey(np.rint(share * 65535).astype(np.uint16), 65535, 0.0, 65535.0)
