"""Phenotypes onto the people of a cohort."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.people_table import IdRule
from gwasbone.errors import InputError
from gwasbone.phenotypes.table import read_people_table


def annotate_phenotypes(
    cohort: Cohort, table: pd.DataFrame | str | Path, *, id_rule: IdRule = "iid"
) -> Cohort:
    """Add the columns of a phenotype table to the people of a cohort.

    Parameters
    ----------
    table : indexed by person ID, or a file for
        :func:`gwasbone.phenotypes.table.read_people_table`. People who are not in it get NaN.
    id_rule : how the file names people.

    Raises
    ------
    InputError
        No person in common; two IDs of each side are shown.
    """
    frame = table if isinstance(table, pd.DataFrame) else read_people_table(table, id_rule=id_rule)
    ids = cohort.people.table.index
    if not frame.index.isin(ids).any():
        raise InputError(
            f"expected people of the genotypes ({', '.join(map(str, ids[:2]))}) in the phenotype "
            f"table, it has {', '.join(map(str, frame.index[:2]))}: try the other ID rule"
        )
    return cohort.annotate_people(frame)
