"""What a cache holds, and where people and pictures do not meet; tables in, tables out."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd


def count_pictures(index: pd.DataFrame) -> pd.DataFrame:
    """Pictures and people per array.

    Parameters
    ----------
    index : of an :class:`~gwasbone.images.cache.ImageCache`.

    Returns
    -------
    ``array``, ``pictures``, ``people``, ``left``, ``right`` (pictures of a side), ``visits``
    (pairs of person and visit).
    """
    rows = [
        {
            "array": array,
            "pictures": len(part),
            "people": part["person"].nunique(),
            "left": int((part["side"] == "left").sum()),
            "right": int((part["side"] == "right").sum()),
            "visits": len(part.drop_duplicates(["person", "visit"])),
        }
        for array, part in index.groupby("array", sort=False)
    ]
    return pd.DataFrame(rows, columns=["array", "pictures", "people", "left", "right", "visits"])


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
