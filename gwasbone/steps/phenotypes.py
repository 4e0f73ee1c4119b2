"""From a biobank's table to cases and measurements: read, decide, impute, write."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.phenotypes.biobank_table import BiobankTable, read_biobank_table
from gwasbone.phenotypes.bone_density import Bmd
from gwasbone.phenotypes.case_definition import CaseDefinition
from gwasbone.phenotypes.cases import Cases, find_cases
from gwasbone.phenotypes.measurements import needed_kinds
from gwasbone.phenotypes.table import IdRule
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

OUTPUTS = (
    ".cases.tsv",
    ".rules.tsv",
    ".codes.tsv",
    ".bmd.tsv",
    ".assessments.parquet",
    ".imputed.tsv",
    ".phenotypes.html",
)


def read_phenotypes(
    path: str | Path,
    definition: CaseDefinition,
    measurements: pd.DataFrame,
    *,
    id_rule: IdRule = "iid",
) -> BiobankTable:
    """Read the fields that a definition and the measurements need, and no others."""
    kinds = {**needed_kinds(measurements), **definition.kinds}
    return read_biobank_table(path, kinds, id_rule=id_rule)


def make_cases(
    table: BiobankTable,
    definition: CaseDefinition,
    *,
    medication_names: Mapping[str, str] | None = None,
    skip_absent: bool = False,
) -> Cases:
    """Apply a definition and log what each rule found."""
    cases = find_cases(
        table, definition, medication_names=medication_names, skip_absent=skip_absent
    )
    n = len(table.people)
    log.info("%s: %d cases, %d controls", cases.definition.name, cases.n_cases, n - cases.n_cases)
    for row in cases.counts().itertuples():
        log.info("rule %s: %d people, %d by it alone", row.rule, row.n_people, row.n_only)
    return cases


def write_cases(cases: Cases, prefix: Path) -> None:
    """Write ``PREFIX.cases.tsv``, ``.rules.tsv`` and ``.codes.tsv``."""
    people = pd.concat([cases.is_case, cases.first_rule, cases.rule_names], axis=1)
    write_table(people.rename_axis("IID"), Path(f"{prefix}.cases.tsv"))
    write_table(cases.counts(), Path(f"{prefix}.rules.tsv"), index=False)
    write_table(cases.codes, Path(f"{prefix}.codes.tsv"), index=False)


def write_bmd(bmd: Bmd, prefix: Path) -> None:
    """Write ``PREFIX.bmd.tsv``, ``.assessments.parquet`` and ``.imputed.tsv``."""
    write_table(bmd.people.rename_axis("IID"), Path(f"{prefix}.bmd.tsv"))
    with atomic_path(Path(f"{prefix}.assessments.parquet")) as temporary:
        bmd.long.to_parquet(temporary)
    cells = bmd.imputed.imputed_cells().rename(columns={"person": "IID"})
    write_table(cells, Path(f"{prefix}.imputed.tsv"), index=False)
