"""The contact sheet of an image cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.images.cache import ImageCache
from gwasbone.images.grey import eight_bit
from gwasbone.images.refusal import REASONS
from gwasbone.plots.contact_sheet import contact_sheet, plain_table
from gwasbone.plots.page import Sections, describe, save_page

#: Images of an array on the page, spread evenly over its participants.
_SHOWN = 24


def images_page(cache: ImageCache, counts: pd.DataFrame, refused: pd.DataFrame, path: Path) -> None:
    """Write the contact sheet: images of each array, counts, and files refused by reason."""
    meant = refused.assign(meaning=refused["reason"].map(REASONS))[["meaning", "reason", "files"]]
    sections: Sections = [
        ("Images per array", plain_table(counts.rename(columns=lambda c: c.replace("_", " ")))),
        *((name.replace("_", " "), _sheet(cache, name)) for name in cache.names),
        ("Files refused", plain_table(meant)),
    ]
    n_people = cache.index["person"].nunique()
    bones = "inverted: bone is dark" if cache.settings.invert else "as scanned: bone is bright"
    save_page(
        sections,
        path,
        title="Bone images",
        subtitle=f"{len(cache.index):,} images of {n_people:,} participants, {bones}; "
        f"{len(cache.refusals):,} files refused",
        notes=[f"Settings {cache.settings.hash}; captions: participant, visit, side."],
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
