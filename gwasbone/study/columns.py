"""Columns of people: what a scan asks for, and what no table of the study has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.association.options import AssociationOptions, AssociationRequest, ScanRequest
from gwasbone.errors import UsageError
from gwasbone.options import part_of, with_given
from gwasbone.phenotypes.measurements import bmd_measurements
from gwasbone.phenotypes.table import (
    IdRule,
    column_names,
    expand_names,
    pick_columns,
    read_people_table,
)
from gwasbone.study.config import AssociationSection, CovariatesSection, StudyConfig
from gwasbone.study.files import named_tables, people_tables, study_tables


def column_faults(config: StudyConfig) -> list[str]:
    """What is wrong with the tables and columns that a study names, a line each.

    Of tables the header is read only; columns that stages will make count as there. Where a table
    lies elsewhere (``gs://``) nothing is known of columns, and none is missed.
    """
    tables = named_tables(config)
    if any("://" in table for table in tables):
        return []
    faults = [
        f"phenotypes.tables: {table}: no such file" for table in tables if not Path(table).is_file()
    ]
    if faults:
        return faults
    known = column_names(tables) | made_columns(config)
    for key, names in _named(config):
        try:
            wanted = expand_names(names, known)
        except UsageError as error:
            faults.append(f"{key}: {error}")
            continue
        absent = [name for name in wanted if name not in known]
        if absent:
            faults.append(f"{key}: no table has {', '.join(absent[:5])}{_near(absent, known)}")
    return faults + _scan_faults(config)


def made_columns(config: StudyConfig) -> set[str]:
    """Columns of the tables that the study's stages make: see ``study.files.MADE_TABLES``."""
    made = {f"PC{i + 1}" for i in range(config.pca.n_components)}
    if config.records.table is not None:
        measured = [
            str(n) for n in bmd_measurements(config.path(config.records.measurements))["name"]
        ]
        made |= {"case", *measured}
        model = config.residuals.model
        if model is not None:
            made |= {f"resid_{name}" for name in measured}
        if model == "deepnull":
            made |= {f"deepnull_{name}" for name in measured}
        if model in ("deepnull", "transformer"):
            made.add("fold")
    if config.training.regions:
        made |= {"cnn_prob", "cnn_logit", "cnn_logit_std", "cnn_logit_rint", "cnn_fold"}
        made.add("n_pictures")
        for region in config.training.regions:
            made |= {f"cnn_prob_{region}", f"cnn_logit_std_{region}"}
    return made


def _named(config: StudyConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Keys that name columns of people, and the names."""
    yield "association.traits", config.association.traits
    yield "covariates.quantitative", config.covariates.quantitative
    yield "covariates.categorical", config.covariates.categorical
    yield "selection.effects", config.selection.effects
    yield "ancestry.scores", config.ancestry.scores
    for key, name in (
        ("ancestry.column", config.ancestry.column),
        ("relatedness.keep_cases_of", config.relatedness.keep_cases_of),
    ):
        if name is not None:
            yield key, (name,)
    if config.genotype_models.head is not None:
        yield "genotype_models.covariates", config.genotype_models.covariates
    # records give training sex, age and more, which are not all known before
    if config.training.regions and config.records.table is None:
        yield "training.task", (config.training.task,)
        yield "training.side_inputs", config.training.side_inputs


def _scan_faults(config: StudyConfig) -> list[str]:
    """Compared scans that are neither traits of the study nor files."""
    absent = [
        name
        for name in config.comparison.scans
        if name not in config.association.traits
        and "://" not in name
        and not (config.folder / name).exists()
    ]
    if not absent:
        return []
    return [
        f"comparison.scans: {', '.join(absent)}: expected traits of association.traits, or files"
    ]


def _near(absent: list[str], known: set[str]) -> str:
    near = difflib.get_close_matches(absent[0], sorted(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


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
    model = config.association if config is not None else AssociationSection()
    section = config.covariates if config is not None else CovariatesSection()
    known = [*tables, *(study_tables(config) if config is not None else [])]

    def columns(given: str | None, otherwise: Sequence[str]) -> tuple[str, ...]:
        return named_columns(otherwise if given is None else given, known)

    request = ScanRequest(
        traits=columns(traits, model.traits),
        covariates=columns(covariates, section.quantitative),
        categorical=columns(categorical, section.categorical),
        **vars(with_given(part_of(AssociationOptions, model), flags or {})),
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
) -> pd.DataFrame:
    """The request's columns out of the tables, one row per person in any table used.

    Parameters
    ----------
    tables : files searched for a column by name.
    covariate_tables : files where covariates are looked for before ``tables``.
    config : the study whose tables are searched for what is in none of these; for traits only
        where no ``tables`` are named.

    Raises
    ------
    UsageError
        No table is named, and there is no study that has any.
    InputError
        A column is in no table (the nearest names are shown) or in two that rank alike.
    """
    rule = id_rule or (config.genotypes.id if config is not None else "iid")
    paths = dict.fromkeys(map(str, [*tables, *covariate_tables]))
    read = {path: read_people_table(path, id_rule=rule) for path in paths}
    ranks = [{str(p): read[str(p)] for p in rank} for rank in (covariate_tables, tables)]
    ranks.append(people_tables(config, id_rule=rule) if config is not None else {})
    searched = ranks[1] or ranks[2]
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
