"""Options of the pictures in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

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
    """

    size: Annotated[int, Range(16, 4096)] = 672
    scale: Annotated[float, Range(0.01, 1)] = 1.0
    mirror: Literal["left", "right", "none"] = "none"

    @property
    def mirrored_side(self) -> str:
        """The side as :class:`gwasbone.images.settings.ImageSettings` has it: empty for none."""
        return "" if self.mirror == "none" else self.mirror
