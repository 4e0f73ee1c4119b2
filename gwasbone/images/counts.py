"""What a cache holds, and where participants and images do not meet: counts, and their tables."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gwasbone.errors import InputError
from gwasbone.images.cache import ImageCache
from gwasbone.images.refusal import REASONS
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

COUNTS, REFUSALS, REPEATED = "counts.tsv", "refusals.tsv", "repeated.tsv"
SHARED = "shared_instance_uids.tsv"
WITHOUT_PICTURE, WITHOUT_PERSON = "people_without_picture.tsv", "pictures_without_person.tsv"
#: Tables of a cache; the last two only where a table of people is named.
TABLES = (COUNTS, REFUSALS, REPEATED, SHARED, WITHOUT_PICTURE, WITHOUT_PERSON)


@dataclass(frozen=True)
class CacheCounts:
    """What the tables of a cache count.

    Parameters
    ----------
    counts, refused : of :func:`count_pictures` and :func:`count_refusals`.
    n_repeated : persons with more than one image of a kind at a visit.
    n_without_picture, n_without_person : None where no people were named.
    """

    counts: pd.DataFrame
    refused: pd.DataFrame
    n_repeated: int
    n_without_picture: int | None = None
    n_without_person: int | None = None


def write_counts(
    cache: ImageCache, folder: Path, *, people: Collection[str] | None, source: str
) -> CacheCounts:
    """Write the tables of a cache, and log what they count.

    Parameters
    ----------
    people : the IDs to look for; None where no table names any.
    source : the files that were read, for the error: ``FOLDER, none of 9``.

    Raises
    ------
    InputError
        Not one image in all the files; the table of refusals is written.
    """
    write_table(cache.refusals, folder / REFUSALS, index=False)
    refused = count_refusals(cache.refusals)
    for row in refused.itertuples():
        log.info("refused as %s (%s): %d", row.reason, REASONS[str(row.reason)], row.files)
    if cache.index.empty:
        said = ", ".join(f"{r.reason} {r.files}" for r in refused.itertuples())
        raise InputError(
            f"expected bone images in {source} files is one ({said}): see {folder / REFUSALS}"
        )
    counts, repeated = count_pictures(cache.index), repeated_pictures(cache.index)
    for row in counts.itertuples():
        log.info(
            "%s: %d images of %d participants, at least %d grey levels, median %d",
            row.array, row.pictures, row.people, row.fewest_grey_levels, row.median_grey_levels,
        )  # fmt: skip
    _warn_of_coarse_levels(cache)
    _warn_of_padding(cache)
    shared = shared_instances(cache.index)
    _warn_of_shared_instances(shared, folder / SHARED)
    write_table(counts, folder / COUNTS, index=False)
    write_table(shared, folder / SHARED, index=False)
    write_table(repeated, folder / REPEATED, index=False)
    if people is None:
        return CacheCounts(counts, refused, len(repeated))
    absent = people_without_picture(cache.index, people)
    unknown = pictures_without_person(cache.index, people)
    write_table(pd.DataFrame({"person": absent}), folder / WITHOUT_PICTURE, index=False)
    write_table(unknown, folder / WITHOUT_PERSON, index=False)
    log.info("participants without image: %d of %d", len(absent), len(people))
    log.info("images without participant: %d of %d", len(unknown), len(cache.index))
    return CacheCounts(counts, refused, len(repeated), len(absent), len(unknown))


def _warn_of_coarse_levels(cache: ImageCache) -> None:
    coarse = coarse_pictures(cache.index)
    if coarse.empty:
        return
    first = coarse.iloc[0]
    log.warning(
        "%d images keep fewer than %d grey levels: %s has %d of its %d, since its values end at "
        "%d and its header allows %d; --precision uint16 keeps them, --grey-range image stretches "
        "each image over its own range",
        len(coarse), FEW_LEVELS, first["file"], first["kept_levels"], first["grey_levels"],
        first["grey_maximum"], first["white"],
    )  # fmt: skip


def _warn_of_padding(cache: ImageCache) -> None:
    padded = int(cache.index["padded_pixels"].gt(0).sum())
    if padded:
        log.info("%d images have padding (Pixel Padding Value), which is black now", padded)


def _warn_of_shared_instances(shared: pd.DataFrame, path: Path) -> None:
    several = shared["people"].str.contains(";", regex=False)
    if several.any():
        log.warning(
            "%d SOP Instance UIDs are those of images of several participants (%s): one of them "
            "has the other's image; see %s",
            several.sum(), shared.loc[several, "people"].iloc[0], path,
        )  # fmt: skip
    if not several.all():
        log.warning(
            "%d SOP Instance UIDs are those of several images of a participant: see %s",
            (~several).sum(), path,
        )  # fmt: skip


#: Fewer grey levels than this are seen as steps.
FEW_LEVELS = 64
_COUNTS = (
    "array", "pictures", "people", "left", "right", "visits", "fewest_grey_levels",
    "median_grey_levels",
)  # fmt: skip


def count_pictures(index: pd.DataFrame) -> pd.DataFrame:
    """Images and participants per array.

    Parameters
    ----------
    index : of an :class:`~gwasbone.images.cache.ImageCache`.

    Returns
    -------
    ``array``, ``pictures``, ``people``, ``left``, ``right`` (images of a side), ``visits``
    (pairs of person and visit), ``fewest_grey_levels`` and ``median_grey_levels`` that are left
    of an image at the precision of the cache.
    """
    rows = [
        {
            "array": array,
            "pictures": len(part),
            "people": part["person"].nunique(),
            "left": int((part["side"] == "left").sum()),
            "right": int((part["side"] == "right").sum()),
            "visits": len(part.drop_duplicates(["person", "visit"])),
            "fewest_grey_levels": int(part["kept_levels"].min()),
            "median_grey_levels": round(part["kept_levels"].median()),
        }
        for array, part in index.groupby("array", sort=False)
    ]
    return pd.DataFrame(rows, columns=list(_COUNTS))


def coarse_pictures(index: pd.DataFrame) -> pd.DataFrame:
    """Rows of images that lost most of their grey levels, the coarsest first.

    Those whose cached levels are fewer than :data:`FEW_LEVELS` and than those of their files: a
    header that allows 16 bits of values that use 12 leaves 17 of 256 levels.
    """
    lost = index["kept_levels"].lt(FEW_LEVELS) & index["kept_levels"].lt(index["grey_levels"])
    return index[lost].sort_values("kept_levels", kind="stable", ignore_index=True)


def shared_instances(index: pd.DataFrame) -> pd.DataFrame:
    """Images that bear the SOP Instance UID of another, though their files differ.

    The identifier belongs to one image. Where it is that of several participants, one of them is
    shown the wrong one's image.

    Returns
    -------
    ``sop_instance_uid``, ``people`` and ``files`` (separated by ``;``).
    """
    named = index[index["sop_instance_uid"] != ""]
    groups = named.groupby("sop_instance_uid", sort=False)
    found = pd.DataFrame(
        {
            "people": groups["person"].agg(lambda persons: ";".join(dict.fromkeys(persons))),
            "files": groups["file"].agg(";".join),
            "n": groups.size(),
        }
    )
    return found[found["n"] > 1].drop(columns="n").reset_index()


def count_refusals(refusals: pd.DataFrame) -> pd.DataFrame:
    """``reason`` and ``files``, the most frequent first."""
    counts = refusals["reason"].value_counts(sort=False).rename("files").rename_axis("reason")
    return counts.reset_index().sort_values(
        ["files", "reason"], ascending=[False, True], ignore_index=True
    )


def repeated_pictures(index: pd.DataFrame) -> pd.DataFrame:
    """Persons with more than one image of a region, side and view at one visit.

    A densitometer takes each once; more may be a repeated scan, or files of several people.

    Returns
    -------
    ``array``, ``person``, ``visit``, ``side``, ``pictures``, ``files`` (separated by ``;``).
    """
    key = ["array", "person", "visit", "side"]
    found = index.groupby(key, sort=False)["file"].agg(["size", ";".join]).reset_index()
    found = found.set_axis([*key, "pictures", "files"], axis=1)
    return found[found["pictures"] > 1].reset_index(drop=True)


def people_without_picture(index: pd.DataFrame, people: Collection[str]) -> list[str]:
    """Those of ``people`` who are on no image, in their order."""
    shown = set(index["person"])
    return [person for person in people if person not in shown]


def pictures_without_person(index: pd.DataFrame, people: Collection[str]) -> pd.DataFrame:
    """``file``, ``person``, ``visit``, ``region``, ``side`` of images of nobody in ``people``."""
    unknown = ~index["person"].isin(set(people))
    columns = ["file", "person", "visit", "region", "side"]
    return index.loc[unknown, columns].reset_index(drop=True)
