"""The ancestry filter: who is kept, the deviation of each group, and the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.cohort.ancestry import ancestry_filter, deviation_by_group
from gwasbone.cohort.decision_files import write_decisions, write_keep
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import AncestryOptions
from gwasbone.report.pages.cohort import ancestry_page
from gwasbone.tables import write_table


def filter_ancestry(
    cohort: Cohort,
    rule: AncestryOptions,
    scores: pd.DataFrame,
    reported: pd.Series,
    stem: str,
    *,
    prefix: Path | None = None,
) -> tuple[Cohort, pd.DataFrame]:
    """Keep people near the reference group; writes ``STEMgroups.tsv`` and ``STEMancestry.html``.

    Parameters
    ----------
    scores : principal components of people.
    reported : their reported background.
    stem : what precedes the names of files: ``PREFIX.`` or ``FOLDER/``.
    prefix : also write ``PREFIX.people.tsv.gz`` and ``PREFIX.keep.txt``.

    Returns
    -------
    The cohort with the decision, and :func:`deviation_by_group`.
    """
    filtered = ancestry_filter(cohort, scores, reported, rule)
    if prefix is not None:
        write_decisions(filtered.people, Path(f"{prefix}.people.tsv.gz"))
        write_keep(filtered, prefix)
    by_group = deviation_by_group(filtered, cohort.people.kept)
    write_table(by_group, Path(f"{stem}groups.tsv"))
    ancestry_page(cohort, filtered, Path(f"{stem}ancestry.html"), rule)
    return filtered, by_group
