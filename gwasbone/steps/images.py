"""DICOM files to a cache, with the tables and the page that say what became of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from gwasbone.images.build import BuildReport, build_cache
from gwasbone.images.cache import ImageCache, open_cache
from gwasbone.images.counts import TABLES, CacheCounts, write_counts
from gwasbone.images.settings import ImageSettings
from gwasbone.images.sources import find_sources, read_labels
from gwasbone.images.streams import MAX_BYTES
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule
from gwasbone.phenotypes.table import read_people_table
from gwasbone.report.pages.images import images_page

log = logging.getLogger(__name__)

PAGE = "contact_sheet.html"
OUTPUTS = (*TABLES, PAGE)


def make_images(
    places: list[str],
    out: Path,
    settings: ImageSettings,
    *,
    tables: Path,
    labels: str | None = None,
    people: str | None = None,
    id_rule: IdRule = "iid",
    reading: TableReading | None = None,
    workers: int = 1,
    max_bytes: int = MAX_BYTES,
    force: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[BuildReport, ImageCache, CacheCounts]:
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
        No files, a table that is not one, or not one image in all the files.
    """
    ids = None
    if people is not None:
        ids = list(read_people_table(people, id_rule=id_rule, reading=reading).index)
    told = None if labels is None else read_labels(labels)
    sources = find_sources(places, labels=told, leave_out=out)
    log.info("%d files", len(sources))
    report = build_cache(
        sources, out, settings, workers=workers, max_bytes=max_bytes, force=force,
        progress=progress,
    )  # fmt: skip
    log.info("%d files read, %d known", report.n_read, report.n_known)
    cache, source = open_cache(out), f"{', '.join(places)}, none of {len(sources)}"
    counts = write_counts(cache, tables, people=ids, source=source)
    images_page(cache, counts.counts, counts.refused, tables / PAGE)
    return report, cache, counts
