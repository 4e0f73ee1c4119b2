"""Region, side and view of a bone scan, from its tags where they tell, else from its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.images.grey import Pixels

REGIONS = ("ap_spine", "lateral_spine", "hip", "knee", "whole_body", "forearm")
#: Regions of which there are two.
SIDED = frozenset({"hip", "knee", "forearm"})
SIDES = ("left", "right")
#: The two pictures of a whole-body scan: bone with an outline of flesh, and soft tissue.
VIEWS = ("mixed", "flesh")

#: What iDXA and other densitometers write as protocol. The first that matches counts, so that
#: "lateral" goes before "spine".
_PROTOCOLS = (
    ("lateral_spine", r"\b(lva|dva|iva|vfa|lateral (lumbar )?(spine|vertebra\w*))\b"),
    ("whole_body", r"\b(total|whole) ?body\b"),
    ("ap_spine", r"\b((ap|pa|lumbar) (lumbar )?spine|l1 ?- ?l4)\b"),
    ("hip", r"\b(femur|femoral neck|hip)\b"),
    ("knee", r"\bknee\b"),
    ("forearm", r"\b(forearm|radius)\b"),
)
#: Defined terms of Body Part Examined (DICOM PS3.16 annex L).
_BODY_PARTS = {
    "HIP": "hip", "FEMUR": "hip", "KNEE": "knee", "WHOLEBODY": "whole_body", "FOREARM": "forearm",
    "LSPINE": "spine", "LUMBARSPINE": "spine", "TLSPINE": "spine", "SPINE": "spine",
}  # fmt: skip
_SPINE_VIEWS = {
    "AP": "ap_spine", "PA": "ap_spine", "LL": "lateral_spine", "RL": "lateral_spine",
    "LLO": "lateral_spine", "RLO": "lateral_spine", "LATERAL": "lateral_spine",
}  # fmt: skip
#: Modalities of projections by X-rays, and OT ("other"), which secondary captures carry. A bone
#: scan of nuclear medicine also calls itself a whole body.
PROJECTIONS = frozenset({"", "CR", "DX", "BMD", "RG", "XA", "RF", "OT", "SC"})

#: Detail of a whole-body picture: soft tissue below the first, bone above the second. Of the one
#: pair of real pictures (iDXA) soft tissue has 0.056 and bone 0.17; in between it is not told.
_FLESH_BELOW, _BONE_ABOVE = 0.085, 0.115


@dataclass(frozen=True)
class Place:
    """What a picture shows; None for what is not known.

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

    Protocol Name first, then Performed Procedure Step Description, then Body Part Examined. The
    side is None where two tags contradict each other.

    >>> region_and_side({"ProtocolName": "Left Ortho Knee"})
    ('knee', 'left')
    >>> region_and_side({"BodyPartExamined": "HIP", "Laterality": "R"})
    ('hip', 'right')
    """
    protocols = [tags.get(n, "") for n in ("ProtocolName", "PerformedProcedureStepDescription")]
    words = [re.sub(r"[\s_./]+", " ", text.lower()) for text in protocols]
    region = next(
        (name for text in words for name, pattern in _PROTOCOLS if re.search(pattern, text)), None
    )
    if region is None:
        part = re.sub(r"[\s_-]+", "", tags.get("BodyPartExamined", "").upper())
        region = _BODY_PARTS.get(part)
        if region == "spine":
            region = _SPINE_VIEWS.get(tags.get("ViewPosition", "").upper())
    if region not in SIDED:
        return region, None
    said = {side for text in words if (side := _side_in(text)) is not None}
    letters = [tags.get(name, "").upper() for name in ("Laterality", "ImageLaterality")]
    said |= {{"L": "left", "R": "right"}[letter] for letter in letters if letter in ("L", "R")}
    return region, said.pop() if len(said) == 1 else None


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
    and the body's own edge is left out. NaN for a picture without a body.
    """
    rows, columns = (length // 4 * 4 for length in pixels.shape)
    blocks = pixels[:rows, :columns].reshape(rows // 4, 4, columns // 4, 4).mean((1, 3)) / white
    inside = _eroded(_eroded(blocks > 0.04))
    steps = np.abs(np.diff(blocks, axis=1))[inside[:, 1:] & inside[:, :-1]]
    return float(steps.mean() / blocks[inside].mean()) if steps.size else float("nan")


def _eroded(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Without the cells at the edge of the mask or of the picture."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = (
        mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    )
    return inner
