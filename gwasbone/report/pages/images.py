"""The contact sheet of an image cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.images.cache import ImageCache
from gwasbone.images.grey import eight_bit
from gwasbone.images.refusal import REASONS
from gwasbone.plots import disclosure
from gwasbone.plots.contact_sheet import contact_sheet, plain_table
from gwasbone.plots.page import Sections, describe, save_page

#: Images of an array on the page, and behind its mean image, spread evenly over its participants.
_SHOWN, _AVERAGED = 24, 400


#: Columns of the table of arrays that count images or participants.
IMAGE_COUNTS = ("pictures", "people", "left", "right", "visits")


def images_page(cache: ImageCache, counts: pd.DataFrame, refused: pd.DataFrame, path: Path) -> None:
    """Write the contact sheet: images of each array, counts, and files refused by reason.

    Each array is shown by the mean of its images; by a sample of them where
    :func:`gwasbone.plots.small_counts` allows single participants.
    """
    meant = refused.assign(meaning=refused["reason"].map(REASONS))[["meaning", "reason", "files"]]
    shown = protected_counts(counts, IMAGE_COUNTS)
    shown = shown.rename(columns={"pictures": "images", "people": "participants"})
    single = disclosure.small_counts_allowed()
    draw = _sheet if single else _mean_image
    sections: Sections = [
        ("Images per array", plain_table(shown.rename(columns=lambda c: c.replace("_", " ")))),
        *((name.replace("_", " "), draw(cache, name)) for name in cache.names),
        ("Files refused", plain_table(protected_counts(meant, ["files"]))),
    ]
    n_images, n_people = len(cache.index), cache.index["person"].nunique()
    bones = "inverted: bone is dark" if cache.settings.invert else "as scanned: bone is bright"
    words = disclosure.count_words
    captions = "; captions: participant, visit, side" if single else ""
    save_page(
        sections,
        path,
        title="Bone images",
        subtitle=f"{words(n_images)} images of {words(n_people)} participants, {bones}; "
        f"{words(len(cache.refusals))} files refused",
        notes=[f"Settings {cache.settings.hash}{captions}."],
    )


def protected_counts(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A table whose columns of counts are withheld where small, as text where any is."""
    withheld = {name: disclosure.withheld_cells(table[name]) for name in columns if name in table}
    cells = {
        name: pd.Series(disclosure.cell_texts(table[name], hidden), table.index, dtype=object)
        for name, hidden in withheld.items()
        if hidden.any()
    }
    return table.assign(**cells)


def _mean_image(cache: ImageCache, name: str) -> Any:
    """The mean of the images of an array, of five or more participants."""
    pictures = cache.pictures(name)
    n, n_people = len(pictures), pictures.table["person"].nunique()
    words = disclosure.count_words
    if n_people < disclosure.MIN_COUNT:
        nothing = plain_table(pd.DataFrame())
        return describe(nothing, f"No image is shown: they are of {words(n_people)} participants.")
    which = np.unique(np.linspace(0, n - 1, min(n, _AVERAGED)).astype(int))
    if pictures.table["person"].iloc[which].nunique() < disclosure.MIN_COUNT:
        which = np.arange(n)
    total = np.zeros(pictures.shape[1:3])
    for start in range(0, which.size, 50):
        total += eight_bit(pictures[which[start : start + 50]][..., 0]).sum(axis=0, dtype=float)
    mean = np.rint(total / which.size).astype(np.uint8)
    height, width = mean.shape
    sheet = contact_sheet(mean[None], [f"mean of {which.size:,} images"], height_px=260)
    return describe(
        sheet,
        f"Mean of {which.size:,} of {n:,} images of {words(n_people)} participants, "
        f"{height} × {width} pixels. Images of single participants are on a page made with "
        "--small-counts.",
    )


def _sheet(cache: ImageCache, name: str) -> Any:
    pictures = cache.pictures(name)
    n = len(pictures)
    which = np.unique(np.linspace(0, n - 1, min(n, _SHOWN)).astype(int))
    told = pictures.table.loc[which, ["person", "visit", "side", "mirrored"]]
    captions = [
        " ".join(filter(None, (person, visit, side, "flipped" if mirrored else "")))
        for person, visit, side, mirrored in told.itertuples(index=False, name=None)
    ]
    sheet = contact_sheet(eight_bit(pictures[which][..., 0]), captions)
    height, width = pictures.shape[1:3]
    shown = f"All {n:,} images" if len(which) == n else f"{len(which)} of {n:,} images"
    return describe(sheet, f"{shown} of this array, {height} × {width} pixels.")
