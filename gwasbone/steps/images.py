"""DICOM files to a cache, with the tables and the page that say what became of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gwasbone.errors import InputError
from gwasbone.images.build import BuildReport, build_cache
from gwasbone.images.cache import ImageCache, open_cache
from gwasbone.images.counts import (
    FEW_LEVELS,
    coarse_pictures,
    count_pictures,
    count_refusals,
    people_without_picture,
    pictures_without_person,
    repeated_pictures,
    shared_instances,
)
from gwasbone.images.refusal import REASONS
from gwasbone.images.settings import ImageSettings
from gwasbone.images.sources import find_sources, read_labels
from gwasbone.images.streams import MAX_BYTES
from gwasbone.phenotypes.table import IdRule, read_people_table
from gwasbone.report.pages.images import images_page
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

COUNTS, REFUSALS, REPEATED = "counts.tsv", "refusals.tsv", "repeated.tsv"
SHARED = "shared_instance_uids.tsv"
WITHOUT_PICTURE, WITHOUT_PERSON = "people_without_picture.tsv", "pictures_without_person.tsv"
PAGE = "contact_sheet.html"
#: Tables and page of a cache; those of people only where a table of people is named.
OUTPUTS = (COUNTS, REFUSALS, REPEATED, SHARED, WITHOUT_PICTURE, WITHOUT_PERSON, PAGE)


@dataclass(frozen=True)
class ImagesSummary:
    """What a run of ``gwasbone images`` found.

    Parameters
    ----------
    report : on the files of this run.
    cache : all that the folder holds now.
    n_repeated : persons with more than one picture of a kind at a visit.
    n_without_picture, n_without_person : None where no people were named.
    """

    report: BuildReport
    cache: ImageCache
    n_repeated: int
    n_without_picture: int | None
    n_without_person: int | None


def make_images(
    places: list[str],
    out: Path,
    settings: ImageSettings,
    *,
    tables: Path,
    labels: str | None = None,
    people: str | None = None,
    id_rule: IdRule = "iid",
    workers: int = 1,
    max_bytes: int = MAX_BYTES,
    force: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> ImagesSummary:
    """Make or extend the cache in ``out``, and write its tables and contact sheet.

    Parameters
    ----------
    tables : folder for the files of ``OUTPUTS``.
    places : folders, globs and files; see :func:`gwasbone.images.sources.find_sources`.
    labels, people : paths of a table of labels and of a table of people.
    max_bytes : of a file, and of what a compressed one unfolds to.

    Raises
    ------
    InputError
        No files, a table that is not one, or not one picture in all the files; then the table
        of refusals is written.
    """
    table = None if people is None else read_people_table(people, id_rule=id_rule)
    told = None if labels is None else read_labels(labels)
    sources = find_sources(places, labels=told, leave_out=out)
    log.info("%d files", len(sources))
    report = build_cache(
        sources, out, settings, workers=workers, max_bytes=max_bytes, force=force,
        progress=progress,
    )  # fmt: skip
    log.info("%d files read, %d known", report.n_read, report.n_known)
    cache = open_cache(out)
    write_table(cache.refusals, tables / REFUSALS, index=False)
    refused = count_refusals(cache.refusals)
    for row in refused.itertuples():
        log.info("refused as %s (%s): %d", row.reason, REASONS[str(row.reason)], row.files)
    if cache.index.empty:
        said = ", ".join(f"{r.reason} {r.files}" for r in refused.itertuples())
        raise InputError(
            f"expected pictures at {', '.join(places)}, none of {len(sources)} files gives one "
            f"({said}): see {tables / REFUSALS}"
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
    _warn_of_shared_instances(shared, tables / SHARED)
    write_table(counts, tables / COUNTS, index=False)
    write_table(repeated, tables / REPEATED, index=False)
    write_table(shared, tables / SHARED, index=False)
    n_without = _write_unmatched(cache, None if table is None else list(table.index), tables)
    images_page(cache, counts, refused, tables / PAGE)
    return ImagesSummary(report, cache, len(repeated), *n_without)


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


def _write_unmatched(
    cache: ImageCache, people: list[str] | None, tables: Path
) -> tuple[int | None, int | None]:
    if people is None:
        return None, None
    absent = people_without_picture(cache.index, people)
    unknown = pictures_without_person(cache.index, people)
    write_table(pd.DataFrame({"person": absent}), tables / WITHOUT_PICTURE, index=False)
    write_table(unknown, tables / WITHOUT_PERSON, index=False)
    log.info("people without picture: %d of %d", len(absent), len(people))
    log.info("pictures without person: %d of %d", len(unknown), len(cache.index))
    return len(absent), len(unknown)
