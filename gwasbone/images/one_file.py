"""What one file becomes: its arrays and its line of the index. Runs in worker processes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gwasbone.images.dicom import Picture, picture_of
from gwasbone.images.grey import Levels, levels_in, to_precision
from gwasbone.images.journal import Entry
from gwasbone.images.refusal import Refusal, RefusedError, refuse
from gwasbone.images.regions import PROJECTIONS, SIDED, Place
from gwasbone.images.settings import ImageSettings
from gwasbone.images.sources import Source, read_bytes
from gwasbone.images.standard import is_mirrored, standard_arrays
from gwasbone.images.streams import MAX_BYTES
from gwasbone.phenotypes.participants import WITHDRAWN


@dataclass(frozen=True)
class Outcome:
    """What one file became.

    Parameters
    ----------
    entry : its line of the index; the row is not known yet.
    arrays : name -> (height, width) grey levels; empty where refused or known.
    known : True where its bytes are in the cache already, so nothing was decoded.
    """

    entry: Entry
    arrays: Mapping[str, Levels] = field(default_factory=dict)
    known: bool = False


def standardise(
    source: Source,
    settings: ImageSettings,
    known: frozenset[tuple[str, str]] = frozenset(),
    max_bytes: int = MAX_BYTES,
) -> Outcome:
    """Read one file, place it and bring it to its standard arrays.

    Parameters
    ----------
    known : (SHA-256 of the bytes, what name and labels tell) of what the cache holds; such a
        file is not decoded.
    max_bytes : of a file, and of what it unfolds to.

    Returns
    -------
    Outcome; a refusal is one too, never an exception.
    """
    entry = begun(source)
    try:
        data = read_bytes(source, max_bytes=max_bytes)
        entry = replace(entry, content_sha256=hashlib.sha256(data).hexdigest())
        if (entry.content_sha256, source.told) in known:
            return Outcome(entry, known=True)
        picture = picture_of(
            data,
            voi=settings.voi,
            own_range=settings.grey_range == "image",
            max_bytes=max_bytes,
            sha256=entry.content_sha256,
        )
        entry = _described(entry, picture, source, settings)
        place = _checked(picture, source, entry)
        assert place.region is not None
    except RefusedError as error:
        return Outcome(refused(entry, error.refusal))
    arrays = standard_arrays(
        picture.pixels,
        picture.white,
        region=place.region,
        side=place.side,
        view=place.view,
        settings=settings,
    )
    entry = replace(
        entry,
        array=next(iter(arrays)),
        region=place.region,
        side=place.side or "",
        view=place.view or "",
        mirrored=int(is_mirrored(place.region, place.side, settings)),
        settings_hash=settings.hash,
    )
    return Outcome(entry, arrays)


def begun(source: Source) -> Entry:
    """The entry of a file before it is opened."""
    return Entry(
        str(source.path),
        source.member,
        source.size_bytes,
        source.modified_ns,
        person=source.person,
        visit=source.visit,
        region=source.region,
        side=source.side,
        view=source.view,
        told=source.told,
    )


def refused(entry: Entry, refusal: Refusal) -> Entry:
    """The entry of a file that gives no image."""
    return replace(
        entry, reason=refusal.reason, sentence=refusal.sentence, array="", row=-1, mirrored=0
    )


def _described(entry: Entry, picture: Picture, source: Source, settings: ImageSettings) -> Entry:
    number = picture.instance_number
    levels = levels_in(picture.pixels).astype(np.uint16)
    kept = np.unique(to_precision(levels, picture.white, settings.precision))
    height, width = picture.pixels.shape
    return replace(
        entry,
        person=source.person or picture.person or "",
        visit=source.visit or picture.study_date,
        study_date=picture.study_date,
        instance_number="" if number is None else str(number),
        sop_instance_uid=picture.sop_instance_uid,
        height_px=height,
        width_px=width,
        white=picture.white,
        grey_minimum=int(levels[0]),
        grey_maximum=int(levels[-1]),
        grey_levels=len(levels),
        kept_levels=len(kept),
        padded_pixels=picture.n_padded,
    )


def _checked(picture: Picture, source: Source, entry: Entry) -> Place:
    """Region, side and view of labels and header together; refused where something lacks."""
    if picture.modality not in PROJECTIONS and not source.region:
        raise refuse(
            "not_projection",
            f"expected an X-ray projection ({', '.join(sorted(filter(None, PROJECTIONS)))}), the "
            f"modality is {picture.modality}: name the region in a table of labels to take it",
        )
    place = picture.place
    region = source.region or place.region
    if region is None and picture.contradiction is not None:
        raise RefusedError(picture.contradiction)
    if region is None:
        raise refuse(
            "unknown_region",
            "expected the region as Protocol Name or Body Part Examined, neither states it: name "
            "it in a table of labels",
        )
    # what the header says about another region than the label's does not count
    agrees = region == place.region
    side = source.side or (place.side if agrees else None)
    view = source.view or (place.view if agrees else None)
    if region in SIDED and not side:
        raise refuse(
            "unknown_side",
            f"expected left or right of the {region}, the header says neither or both: name it in "
            "a table of labels",
        )
    if region == "whole_body" and not view:
        raise refuse(
            "unknown_view",
            "expected the bone or the soft-tissue image of a whole body, its content is neither "
            "plainly: name the view (mixed, flesh) in a table of labels",
        )
    if not entry.person or ("\\" in entry.person and not source.person):
        said = f"it has several ({entry.person})" if entry.person else "it is empty"
        raise refuse(
            "no_person",
            f"expected one Patient ID (0010,0020), {said}: name the participant in a table of "
            "labels",
        )
    if WITHDRAWN.fullmatch(entry.person):
        raise refuse(
            "withdrawn", f"participant {entry.person} has withdrawn (negative ID): left out"
        )
    sided, viewed = region in SIDED, region == "whole_body"
    return Place(region, side if sided else None, view if viewed else None)
