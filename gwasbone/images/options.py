"""Options of the pictures in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from gwasbone.options import Options, Range


@dataclass(frozen=True, kw_only=True)
class ImageOptions(Options):
    """Size and side of the cached pictures.

    Parameters
    ----------
    size : side of the cached pictures in pixels; 672 is the paper's, 224 for genotype models.
    scale : size of the pictures against the scanner's own; crops shrink with it.
    mirror : side whose hips, knees and forearms are flipped to look like the other's: left, right
        or none.
    precision : data type of the cached images: uint8 has 256 grey levels, uint16 and float32 keep
        those of 16-bit files.
    grey_range : white is the largest grey level that an image's header allows, which keeps images
        comparable (header), or the largest of each image (image).
    voi : apply the windows and tables of values of interest of the headers.
    """

    size: Annotated[int, Range(16, 4096)] = 672
    scale: Annotated[float, Range(0.01, 1)] = 1.0
    mirror: Literal["left", "right", "none"] = "none"
    precision: Literal["uint8", "uint16", "float32"] = "uint8"
    grey_range: Literal["header", "image"] = "header"
    voi: bool = False

    @property
    def mirrored_side(self) -> str:
        """The side as :class:`gwasbone.images.settings.ImageSettings` has it: empty for none."""
        return "" if self.mirror == "none" else self.mirror

    @property
    def of_levels(self) -> dict[str, Any]:
        """The options of :class:`gwasbone.images.settings.ImageSettings` beside its frames."""
        return {
            "mirror": self.mirrored_side,
            "precision": self.precision,
            "grey_range": self.grey_range,
            "voi": self.voi,
        }
