"""What a cache holds, and where people and pictures do not meet; tables in, tables out."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

#: Fewer grey levels than this are seen as steps.
FEW_LEVELS = 64
_COUNTS = (
    "array", "pictures", "people", "left", "right", "visits", "fewest_grey_levels",
    "median_grey_levels",
)  # fmt: skip


def count_pictures(index: pd.DataFrame) -> pd.DataFrame:
    """Images and people per array.

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
    """Persons with more than one picture of a region, side and view at one visit.

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
    """Those of ``people`` who are on no picture, in their order."""
    shown = set(index["person"])
    return [person for person in people if person not in shown]


def pictures_without_person(index: pd.DataFrame, people: Collection[str]) -> pd.DataFrame:
    """``file``, ``person``, ``visit``, ``region``, ``side`` of pictures of nobody in ``people``."""
    unknown = ~index["person"].isin(set(people))
    columns = ["file", "person", "visit", "region", "side"]
    return index.loc[unknown, columns].reset_index(drop=True)
