"""Chromosome Y is tested in men only, by both engines.

A woman's genotypes there are noise, and as zeros they would make of every trait that differs
between the sexes a trait of Y. Traits are analysed in the men who have them, with those of their
covariates that vary among men.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from gwasbone.association.covariates import listed
from gwasbone.association.design import Design
from gwasbone.association.rows import RowStatistics, results_table
from gwasbone.cohort.model import Cohort
from gwasbone.sumstats.table import VARIANT_COLUMNS

log = logging.getLogger(__name__)

#: Status of the variants of Y for a trait that cannot be analysed in men.
NOT_IN_MEN = "not_testable_in_men"


def design_of_men(cohort: Cohort, design: Design) -> Design:
    """A design for the variants of Y: of the men, which the log says.

    Participants of unknown sex are not men. Traits that cannot be analysed in men, such as those
    that only women have, are left out.
    """
    men = cohort.participants.men
    of_men = design.among(men)
    unknown = int(cohort.people.kept_table()["sex"].eq(0).sum())
    if unknown:
        log.warning(
            "chromosome Y is tested in men only: %d participants of unknown sex are left out there",
            unknown,
        )
    for group in of_men.groups:
        log.info("chromosome Y, in men: %s: n = %d", listed(group.names), group.n)
    if not men.any():
        log.warning("chromosome Y is not tested: none of %d participants is a man", len(men))
        return of_men
    for name, why in of_men.left_out.items():
        log.warning("chromosome Y is not tested for %s: %s", name, why)
    return of_men


def with_left_out(
    tables: Mapping[str, pd.DataFrame], variants: pd.DataFrame, design: Design
) -> dict[str, pd.DataFrame]:
    """Trait -> results table, of all traits of a design, in their order.

    Parameters
    ----------
    tables : of those traits that were tested.
    variants : with the columns ``VARIANT_COLUMNS``.
    """
    m = len(variants)
    nan = np.full(m, np.nan)
    absent = results_table(
        variants[list(VARIANT_COLUMNS)],
        RowStatistics(np.zeros(m), nan, np.zeros(m), np.zeros(m, dtype=bool)),
        n=0, beta=nan, se=nan, statistic=nan, dof=np.nan, neg_log10_p=nan, test="",
        status=np.full(m, NOT_IN_MEN, dtype=object),
    )  # fmt: skip
    return {trait.name: tables.get(trait.name, absent) for trait in design.traits}
