"""Region, side and view of a bone scan, from its tags where they tell, else from its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.images.grey import Pixels
from gwasbone.images.refusal import refuse

REGIONS = ("ap_spine", "lateral_spine", "hip", "knee", "whole_body", "forearm")
#: Regions of which there are two.
SIDED = frozenset({"hip", "knee", "forearm"})
SIDES = ("left", "right")
#: The two pictures of a whole-body scan: bone with an outline of flesh, and soft tissue.
VIEWS = ("mixed", "flesh")

#: What iDXA and other densitometers write as protocol or procedure. All that match count, and
#: must agree.
_PROTOCOLS = (
    ("lateral_spine", r"\b(lva|dva|iva|vfa|vertebral fracture assessment)\b"),
    ("whole_body", r"\b(total|whole) ?body\b"),
    ("ap_spine", r"\b((ap|pa) (lumbar )?spine|l1 ?- ?l4)\b"),
    ("lumbar_spine", r"\blumbar (spine|vertebra\w*)\b"),
    ("spine", r"\b(spine|vertebra\w*)\b"),
    ("hip", r"\b(femoral neck|hip|(?<!distal )femur)\b"),
    ("knee", r"\b(knee|distal femur)\b"),
    ("forearm", r"\b(forearm|radius)\b"),
)
#: Words beside "spine" that say from where it is seen.
_SPINE_WORDS = (
    ("lateral_spine", r"\b(lat|lateral)\b"),
    ("ap_spine", r"\b(ap|pa|frontal|anteroposterior|posteroanterior)\b"),
)
#: Defined terms of Body Part Examined (DICOM PS3.16 annex L).
_BODY_PARTS = {
    "HIP": "hip", "FEMUR": "femur", "KNEE": "knee", "WHOLEBODY": "whole_body",
    "FOREARM": "forearm", "LSPINE": "spine", "LUMBARSPINE": "spine", "TLSPINE": "spine",
    "SPINE": "spine",
}  # fmt: skip
#: View Position (0018,5101) of a spine.
_SPINE_VIEWS = {
    "AP": "ap_spine", "PA": "ap_spine", "LL": "lateral_spine", "RL": "lateral_spine",
    "LLO": "lateral_spine", "RLO": "lateral_spine", "LATERAL": "lateral_spine",
    "LAT": "lateral_spine",
}  # fmt: skip
#: Words that leave open which of some regions is meant -> those regions.
_OPEN = {
    "spine": {"ap_spine", "lateral_spine"}, "lumbar_spine": {"ap_spine", "lateral_spine"},
    "femur": {"hip", "knee"},
}  # fmt: skip
#: What such a word means where nothing says more (densitometers call their frontal scan "lumbar
#: spine"); of another spine without a view it is not told.
_ALONE = {"femur": "hip", "lumbar_spine": "ap_spine"}
#: Modalities of projections by X-rays, and OT ("other"), which secondary captures carry. A bone
#: scan of nuclear medicine also calls itself a whole body.
PROJECTIONS = frozenset({"", "CR", "DX", "BMD", "RG", "XA", "RF", "OT", "SC"})

#: Detail of a whole-body picture: soft tissue below the first, bone above the second. Of the one
#: pair of real pictures (iDXA) soft tissue has 0.056 and bone 0.17; in between it is not told.
_FLESH_BELOW, _BONE_ABOVE = 0.085, 0.115


@dataclass(frozen=True)
class Place:
    """What an image shows; None for what is not known.

    Parameters
    ----------
    region : one of :data:`REGIONS`.
    side : ``left`` or ``right`` of the person, for hip, knee and forearm.
    view : ``mixed`` (bone, with an outline of flesh) or ``flesh``, for the whole body.
    """

    region: str | None = None
    side: str | None = None
    view: str | None = None

    def __post_init__(self) -> None:
        for value, known in ((self.region, REGIONS), (self.side, SIDES), (self.view, VIEWS)):
            if value is not None and value not in known:
                raise InputError(f"expected one of {', '.join(known)}, got {value}")


def place_of(tags: Mapping[str, str], pixels: Pixels, white: int) -> Place:
    """Region and side from the tags, the view of a whole body from its content.

    Parameters
    ----------
    tags : text of Protocol Name, Performed Procedure Step Description, Body Part Examined,
        Laterality, Image Laterality and View Position by their DICOM keywords.
    pixels : (rows, columns) grey levels up to ``white``.
    """
    region, side = region_and_side(tags)
    view = view_of_body(pixels, white) if region == "whole_body" else None
    return Place(region, side, view)


def region_and_side(tags: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Region and side that the tags name.

    Protocol Name, Performed Procedure Step Description and Body Part Examined count alike, and
    for a spine View Position. The side is None where two tags contradict each other.

    Raises
    ------
    RefusedError
        ``contradictory_region``: the tags name different regions, or views of the spine.

    Examples
    --------
    >>> region_and_side({"ProtocolName": "Left Ortho Knee"})
    ('knee', 'left')
    >>> region_and_side({"BodyPartExamined": "HIP", "Laterality": "R"})
    ('hip', 'right')
    """
    region = _region(tags)
    if region not in SIDED:
        return region, None
    said = {side for text in _protocol_words(tags) if (side := _side_in(text)) is not None}
    letters = [tags.get(name, "").upper() for name in ("Laterality", "ImageLaterality")]
    said |= {{"L": "left", "R": "right"}[letter] for letter in letters if letter in ("L", "R")}
    return region, said.pop() if len(said) == 1 else None


def _protocol_words(tags: Mapping[str, str]) -> list[str]:
    names = ("ProtocolName", "PerformedProcedureStepDescription")
    return [re.sub(r"[\s_./\\]+", " ", tags.get(name, "").lower()) for name in names]


def _region(tags: Mapping[str, str]) -> str | None:
    """The one region that all words agree on; None where no word names one."""
    named = {name for text in _protocol_words(tags) for name in _regions_in(text)}
    part = re.sub(r"[\s_-]+", "", tags.get("BodyPartExamined", "").upper())
    if part in _BODY_PARTS:
        named.add(_BODY_PARTS[part])
    view = _SPINE_VIEWS.get(tags.get("ViewPosition", "").upper())
    if view is not None and any("spine" in name for name in named):
        named.add(view)
    opens = named & _OPEN.keys()
    regions = named - opens
    possible = [{name} for name in regions] + [_OPEN[name] for name in opens]
    common = set.intersection(*possible) if possible else set()
    if possible and not common:
        said = ", ".join(f"{name} {text!r}" for name, text in tags.items() if text)
        raise refuse(
            "contradictory_region",
            f"expected one region, the header names {' and '.join(sorted(named))} ({said}): name "
            "the region in a table of labels",
        )
    if len(common) == 1:
        return common.pop()
    return next((_ALONE[name] for name in opens if name in _ALONE), None)


def _regions_in(text: str) -> set[str]:
    found = {name for name, pattern in _PROTOCOLS if re.search(pattern, text)}
    if any("spine" in name for name in found):
        found |= {name for name, pattern in _SPINE_WORDS if re.search(pattern, text)}
    return found


def _side_in(text: str) -> str | None:
    found = {s for s, pattern in zip(SIDES, ("left|lt", "right|rt"), strict=True)
             if re.search(rf"\b({pattern})\b", text)}  # fmt: skip
    return found.pop() if len(found) == 1 else None


def view_of_body(pixels: Pixels, white: int) -> str | None:
    """``mixed`` or ``flesh`` by how much detail the body has; None where it is in between."""
    detail = body_detail(pixels, white)
    if detail < _FLESH_BELOW:
        return "flesh"
    return "mixed" if detail > _BONE_ABOVE else None


def body_detail(pixels: Pixels, white: int) -> float:
    """Mean step between neighbouring 4 × 4 blocks inside the body, as a share of its mean level.

    Bones change the grey level over centimetres, soft tissue does not. Blocks keep noise out,
    and the body's own edge is left out. NaN for an image without a body.
    """
    rows, columns = (length // 4 * 4 for length in pixels.shape)
    blocks = pixels[:rows, :columns].reshape(rows // 4, 4, columns // 4, 4).mean((1, 3)) / white
    inside = _eroded(_eroded(blocks > 0.04))
    steps = np.abs(np.diff(blocks, axis=1))[inside[:, 1:] & inside[:, :-1]]
    return float(steps.mean() / blocks[inside].mean()) if steps.size else float("nan")


def _eroded(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Without the cells at the edge of the mask or of the image."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = (
        mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    )
    return inner
