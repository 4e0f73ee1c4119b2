"""Relatives: pairs, and a maximal set of unrelated participants."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.cohort.decision_files import funnel_summary
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import PcaOptions, RelatednessOptions
from gwasbone.cohort.pruned import related_pairs
from gwasbone.cohort.relatedness import exclude_related
from gwasbone.tables import write_table


def remove_relatives(
    cohort: Cohort,
    rule: RelatednessOptions,
    pca: PcaOptions,
    path: Path,
    *,
    keep_first: pd.Series | None = None,
) -> tuple[Cohort, str]:
    """Keep a maximal unrelated set, and write the related pairs.

    Parameters
    ----------
    pca : prunes the variants of the kinship, at ``rule.r2``.
    path : table of the pairs.
    keep_first : 1 for those to keep first.

    Returns
    -------
    The cohort with the decision, and what happened in one line.
    """
    pairs = related_pairs(cohort, rule, pca)
    cohort = exclude_related(cohort, pairs, min_kinship=rule.min_kinship, keep_first=keep_first)
    write_table(pairs, path, index=False)
    return cohort, f"{len(pairs):,} related pairs; {funnel_summary(cohort.people)}"
