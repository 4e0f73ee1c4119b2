"""Preprocessing of images; equal settings and equal files give equal arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from gwasbone.errors import UsageError
from gwasbone.images.grey import PRECISIONS
from gwasbone.images.regions import REGIONS, SIDES

#: Goes up when the same settings and files would give other arrays.
VERSION = 2

#: Whether white is the largest level that the header allows, or that of each image.
GREY_RANGES = ("header", "image")

#: Arrays of a cache: one per region, three for the whole body.
BODY_ARRAYS = ("whole_body_mixed", "whole_body_flesh", "whole_body_skeleton")
ARRAYS = (*(r for r in REGIONS if r != "whole_body"), *BODY_ARRAYS)


@dataclass(frozen=True)
class Frame:
    """What is cut out of an image, and the size it is brought to.

    Parameters
    ----------
    crop_height, crop_width : pixels kept around the centre; a smaller image gets black added.
        0 keeps all of the image.
    height, width : of the array.
    """

    crop_height: int
    crop_width: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if min(self.crop_height, self.crop_width) < 0 or min(self.height, self.width) < 1:
            raise UsageError(f"a frame needs sizes of at least one pixel, got {self}")


def _paper_frames(size: int, scale: float = 1.0) -> Mapping[str, Frame]:
    crops = dict.fromkeys(REGIONS, (672, 672))
    crops["whole_body"] = (900, 300)
    # 672 rows would show a third of the 1,768 that hold the spine from T4 to L4
    crops["lateral_spine"] = (1792, 896)
    frames = {
        name: Frame(round(height * scale), round(width * scale), size, size)
        for name, (height, width) in crops.items()
    }
    return MappingProxyType(frames)


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Preprocessing of images: size, crop, orientation and grey levels.

    Parameters
    ----------
    frames : region -> :class:`Frame`.
    invert : bone dark on white, as in Eriksson & Nakamori 2025; else as scanned, bright on black.
    mirror : side (``left`` or ``right``) whose hips, knees and forearms are flipped to look like
        the other's; empty for none. The index says which images were.
    mask_strips : set the saturated steps at both side edges of AP spines to black.
    voi : apply the header's window or table of values of interest.
    precision : data type of the arrays: ``uint8`` (0 to 255), ``uint16`` (0 to 65,535) or
        ``float32`` (0 to 1). Levels are rounded to it before cropping, and again when resized.
    grey_range : ``header``, where levels are shares of the largest that a header allows, so that
        images stay comparable; or ``image``, where each is stretched over its own range.

    Examples
    --------
    >>> ImageSettings().frames["hip"]
    Frame(crop_height=672, crop_width=672, height=672, width=672)
    >>> ImageSettings.sized(224).frames["whole_body"]
    Frame(crop_height=900, crop_width=300, height=224, width=224)
    """

    frames: Mapping[str, Frame] = field(default_factory=lambda: _paper_frames(672))
    invert: bool = True
    mirror: str = ""
    mask_strips: bool = True
    voi: bool = False
    precision: str = "uint8"
    grey_range: str = "header"

    def __post_init__(self) -> None:
        for name, known in (("precision", tuple(PRECISIONS)), ("grey_range", GREY_RANGES)):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"image settings: expected {' or '.join(known)} as {name}, got "
                    f"{getattr(self, name)!r}"
                )
        missing = [name for name in REGIONS if name not in self.frames]
        if missing or self.mirror not in ("", *SIDES):
            raise UsageError(
                f"image settings: expected a frame for each of {', '.join(REGIONS)} and mirror "
                f"left, right or none, missing {missing or 'no frame'}, mirror {self.mirror!r}"
            )

    @classmethod
    def sized(cls, size: int, *, scale: float = 1.0, **others: Any) -> ImageSettings:
        """Squares of ``size`` pixels of the same crops: 672 for phenotypes, 224 for genotypes.

        ``scale`` is the size of the images against the scanner's own (phantoms are drawn
        smaller); crops shrink with it.
        """
        return cls(frames=_paper_frames(size, scale), **others)

    @classmethod
    def biological_age(cls) -> ImageSettings:
        """Those of Le Goallec et al. 2021: uncropped, at most 100,000 pixels, right to left.

        The sizes are those of :func:`median_size` for iDXA images of each region.
        """
        sizes = {
            "ap_spine": (330, 302), "lateral_spine": (467, 213), "hip": (287, 343),
            "knee": (364, 274), "whole_body": (539, 185), "forearm": (330, 302),
        }  # fmt: skip
        frames = {name: Frame(0, 0, *size) for name, size in sizes.items()}
        return cls(frames=MappingProxyType(frames), invert=False, mirror="right")

    def __reduce__(self) -> tuple[Any, ...]:
        # read-only mappings cannot be sent to other processes
        return ImageSettings.from_mapping, (self.as_mapping(),)

    def as_mapping(self) -> dict[str, Any]:
        """Plain values for JSON, with :data:`VERSION`."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        frames = {name: dataclasses.asdict(self.frames[name]) for name in REGIONS}
        return {"version": VERSION, **plain, "frames": frames}

    @classmethod
    def from_mapping(cls, plain: Mapping[str, Any]) -> ImageSettings:
        """Undo :meth:`as_mapping`.

        Raises
        ------
        UsageError
            Settings of another version, or values that are none.
        """
        values = dict(plain)
        if values.pop("version", None) != VERSION:
            raise UsageError("image settings: they are those of another version of gwasbone")
        frames = {name: Frame(**frame) for name, frame in values.pop("frames").items()}
        return cls(frames=MappingProxyType(frames), **values)

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of :meth:`as_mapping` as JSON."""
        text = json.dumps(self.as_mapping(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the arrays."""
        return np.dtype(self.precision)

    def frame_of(self, array: str) -> Frame:
        """The frame of an array; the whole body's three share one."""
        return self.frames["whole_body" if array in BODY_ARRAYS else array]


def median_size(shapes: Iterable[tuple[int, int]], *, max_pixels: int = 100_000) -> tuple[int, int]:
    """Median height and width of images, scaled down to at most ``max_pixels``.

    >>> median_size([(848, 640), (850, 640)])
    (364, 274)
    """
    height, width = np.median(np.array(list(shapes)), axis=0)
    shrink = min(1.0, math.sqrt(max_pixels / (height * width)))
    return int(height * shrink), int(width * shrink)
