"""What a scan asks for, by flags and by the study, and the columns of participants that it needs.

The study's own modules are imported only inside a study: they take longer to import than a small
scan takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gwasbone.association.options import AssociationOptions, AssociationRequest, ScanRequest
from gwasbone.errors import UsageError
from gwasbone.options import part_of, with_given
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule
from gwasbone.phenotypes.table import (
    column_names,
    expand_names,
    pick_columns,
    read_people_table,
)

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig


def scan_request(
    config: StudyConfig | None,
    flags: Mapping[str, Any] | None = None,
    *,
    traits: str | None = None,
    covariates: str | None = None,
    categorical: str | None = None,
    tables: Sequence[str | Path] = (),
) -> ScanRequest:
    """The scan that flags ask for, completed by the study.

    Parameters
    ----------
    flags : values of options of a scan by name, None where not given; may hold more.
    traits, covariates, categorical : columns, separated by commas; the study's where None.
    tables : files with the columns, besides the study's: a column that is called like a range is
        itself meant.
    """
    known = [*tables, *_study_tables(config)]
    own = AssociationOptions()
    of_study: dict[str, tuple[str, ...]] = {}
    if config is not None:
        own = part_of(AssociationOptions, config.association)
        of_study = {
            "traits": config.association.traits,
            "covariates": config.covariates.quantitative,
            "categorical": config.covariates.categorical,
        }

    def columns(name: str, given: str | None) -> tuple[str, ...]:
        return named_columns(of_study.get(name) if given is None else given, known)

    request = ScanRequest(
        traits=columns("traits", traits),
        covariates=columns("covariates", covariates),
        categorical=columns("categorical", categorical),
        **vars(with_given(own, flags or {})),
    )
    return with_given(request, flags or {}, ("formats", "plots"))


def named_columns(
    names: str | Sequence[str] | None, tables: Iterable[str | Path] = ()
) -> tuple[str, ...]:
    """Names of columns from a flag or a list, ranges written out; empty for None.

    Parameters
    ----------
    tables : where the columns are: one that is called like a range is itself meant.
    """
    return tuple(expand_names(names, column_names(tables))) if names else ()


def phenotype_columns(
    request: AssociationRequest,
    tables: Sequence[str | Path] = (),
    *,
    covariate_tables: Sequence[str | Path] = (),
    config: StudyConfig | None = None,
    id_rule: IdRule | None = None,
    reading: TableReading | None = None,
) -> pd.DataFrame:
    """The request's columns out of the tables, one row per participant in any table used.

    Parameters
    ----------
    tables : files searched for a column by name.
    covariate_tables : files where covariates are looked for before ``tables``.
    config : the study whose tables are searched for what is in none of these; for traits only
        where no ``tables`` are named.
    reading : how tables are read; as the study says where None.

    Raises
    ------
    UsageError
        No table is named, and there is no study that has any.
    InputError
        A column is in no table (the nearest names are shown) or in two that rank alike.
    """
    rule = id_rule or (config.genotypes.id if config is not None else "iid")
    if reading is None and config is not None:
        from gwasbone.study.config import study_reading

        reading = study_reading(config)
    unnamed = dict.fromkeys(map(str, covariate_tables), "COVAR")
    unnamed |= dict.fromkeys(map(str, tables), "PHENO")
    read = {
        path: read_people_table(path, id_rule=rule, reading=reading, unnamed=columns)
        for path, columns in unnamed.items()
    }
    ranks = [{str(p): read[str(p)] for p in rank} for rank in (covariate_tables, tables)]
    if config is not None:
        from gwasbone.study.files import people_tables

        ranks.append(people_tables(config, id_rule=rule, reading=reading))
    searched = ranks[1] or (ranks[2] if config is not None else {})
    if not searched:
        raise UsageError(
            "no phenotype table: give --pheno-file FILE, or phenotypes.tables in study.toml"
        )
    traits = pick_columns(searched, request.traits)
    names = {*request.covariates, *request.categorical} - set(request.traits)
    return traits.join(pick_columns(_in_first_rank(ranks, names), sorted(names)), how="outer")


def _in_first_rank(
    ranks: Sequence[dict[str, pd.DataFrame]], names: set[str]
) -> dict[str, pd.DataFrame]:
    """All tables, without those of the named columns that a rank before has."""
    tables: dict[str, pd.DataFrame] = {}
    for rank in ranks:
        had = {name for name in names for table in tables.values() if name in table}
        for path, table in rank.items():
            if path not in tables:
                tables[path] = table.drop(columns=[name for name in had if name in table])
    return tables


def _study_tables(config: StudyConfig | None) -> list[str]:
    if config is None:
        return []
    from gwasbone.study.files import study_tables

    return study_tables(config)
