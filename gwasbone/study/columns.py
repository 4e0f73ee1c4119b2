"""Columns that ``study.toml`` names and that no table of the study has, before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from gwasbone.errors import UsageError, listed
from gwasbone.phenotypes.measurements import bmd_measurements
from gwasbone.phenotypes.table import column_names, expand_names
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import named_tables, study_tables


def column_faults(config: StudyConfig) -> list[str]:
    """What is wrong with the tables and columns that a study names, a line each.

    Of tables the header is read only; columns that stages will make count as there. Where a table
    lies elsewhere (``gs://``) nothing is known of columns, and none is missed.
    """
    tables = named_tables(config)
    if any("://" in table for table in tables):
        return []
    faults = [
        f"phenotypes.tables: {table}: no such file" for table in tables if not Path(table).exists()
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
            faults.append(f"{key}: no table has {listed(absent, 5)}{_near(absent, known)}")
    return faults + _scan_faults(config)


def expanded(config: StudyConfig, names: Iterable[str]) -> list[str]:
    """Names of columns with ranges written out; a column that is called like a range is meant
    itself."""
    known = column_names(study_tables(config)) | made_columns(config)
    return expand_names(list(names), known)


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
    """Keys that name columns of participants, and the names."""
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
    try:
        traits = {*config.association.traits, *expanded(config, config.association.traits)}
    except UsageError:
        return []  # told of as association.traits
    absent = [
        name
        for name in config.comparison.scans
        if name not in traits and "://" not in name and not (config.folder / name).exists()
    ]
    if not absent:
        return []
    return [f"comparison.scans: {listed(absent)}: expected traits of association.traits, or files"]


def _near(absent: list[str], known: set[str]) -> str:
    near = difflib.get_close_matches(absent[0], sorted(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
