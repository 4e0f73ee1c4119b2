"""The scans that a command works on: files that it names, or those of its study."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import compared_scans, of_study, scan_results
from gwasbone.sumstats.scan import Scan, Scans
from gwasbone.sumstats.scans import Positions, chosen_scans, open_scans, placed

log = logging.getLogger(__name__)


def named_scans(
    paths: Sequence[Path | str],
    config: StudyConfig | None = None,
    *,
    traits: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    positions: Path | None = None,
    cohort: Cohort | None = None,
) -> Scans:
    """The scans that a command names, of any known format; inside a study its own by default.

    Parameters
    ----------
    paths : files and folders, as :func:`gwasbone.sumstats.scans.open_scans` takes them, or
        folders of Hail Tables.
    config : the study whose scans are taken where no path is given.
    traits, names : as in ``open_scans``.
    positions : table of the variants' positions, for formats that give names only; the cohort's
        variants otherwise.

    Raises
    ------
    UsageError
        No path, and no study that has scans.
    InputError
        A file cannot be read.
    """
    if not paths:
        where = {"flag": "files of summary statistics", "key": "association.traits"}
        paths = [of_study(config, scan_results, "scans", **where)]
    given = [Path(path) for path in paths]
    hail_tables = [path for path in given if path.is_dir() and _is_hail_table(path)]
    if not hail_tables:
        scans = open_scans(given, traits=traits, names=names)
    else:
        from gwasbone.association.hail_scan import open_hail_table

        found: list[Scan] = []
        for path in given:
            one = open_hail_table(path) if path in hail_tables else open_scans([path])
            found += one.values()
        scans = chosen_scans(found, traits=traits, names=names)
    if positions is not None:
        scans = placed(scans, Positions.read(positions))
    elif cohort is not None and any(scan.places_in_names for scan in scans.values()):
        scans = placed(scans, Positions.of_table(cohort.variants.table))
    for scan in scans.values():
        log.info("scan %s: %s, %s", scan.name, scan.format_name, scan.where)
    return scans


def scans_of_section(
    config: StudyConfig, *, positions: Path | None = None, cohort: Cohort | None = None
) -> Scans:
    """The scans that ``comparison.scans`` names; the study's own are called like their traits.

    Parameters
    ----------
    positions, cohort : as in :func:`named_scans`.

    Raises
    ------
    InputError
        A trait of it was not scanned.
    """
    found: list[Scan] = []
    for name, path in compared_scans(config).items():
        if not path.exists():
            raise InputError(
                f"comparison.scans: {name} has no scan: expected {path}; is it among "
                "association.traits, or the name of a file?"
            )
        names = [name] if name in config.association.traits else None
        found += named_scans([path], names=names, positions=positions, cohort=cohort).values()
    return Scans(found)


def _is_hail_table(path: Path) -> bool:
    return (path / "metadata.json.gz").exists()
