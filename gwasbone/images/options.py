"""Options of the images in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from gwasbone.options import Options, PositiveNumber, Range

#: The largest iDXA image has 1.4 MB.
MAX_FILE_GB = 0.4


@dataclass(frozen=True, kw_only=True)
class ImageOptions(Options):
    """Size, orientation and grey levels of the cached images.

    Parameters
    ----------
    size : height and width of the cached images in pixels (672 in the paper, 224 for genotype
        models).
    scale : scale of the images relative to the scanner's resolution; crops are scaled accordingly.
    mirror : body side whose hips, knees and forearms are flipped horizontally to match the other
        side: left, right or none.
    precision : data type of the cached images: uint8 has 256 grey levels, uint16 and float32 keep
        those of 16-bit files.
    grey_range : scale of grey levels: header (white is the largest value that the bit depth in the
        DICOM header allows, so that images stay comparable) or image (white is the largest value
        of each image, which stretches its contrast).
    voi : apply the display window (value-of-interest window or lookup table) of the DICOM header
        before grey levels are scaled.
    max_file_gb : maximum size of a file in gigabytes, before and after decompression.
    """

    size: Annotated[int, Range(16, 4096)] = 672
    scale: Annotated[float, Range(0.01, 1)] = 1.0
    mirror: Literal["left", "right", "none"] = "none"
    precision: Literal["uint8", "uint16", "float32"] = "uint8"
    grey_range: Literal["header", "image"] = "header"
    voi: bool = False
    max_file_gb: PositiveNumber = MAX_FILE_GB

    @property
    def mirrored_side(self) -> str:
        """The side as :class:`gwasbone.images.settings.ImageSettings` has it: empty for none."""
        return "" if self.mirror == "none" else self.mirror

    @property
    def max_bytes(self) -> int:
        """``max_file_gb`` in bytes."""
        return round(self.max_file_gb * 1e9)

    @property
    def of_levels(self) -> dict[str, Any]:
        """The options of :class:`gwasbone.images.settings.ImageSettings` beside its frames."""
        return {
            "mirror": self.mirrored_side,
            "precision": self.precision,
            "grey_range": self.grey_range,
            "voi": self.voi,
        }
