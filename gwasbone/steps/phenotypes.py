"""From a biobank's table to cases and measurements: read, decide, impute, write."""

from __future__ import annotations

import logging
from pathlib import Path

from gwasbone.phenotypes.bone_density import Bmd, make_bmd, read_phenotypes
from gwasbone.phenotypes.case_definition import (
    osteoporosis_definition,
    read_definition,
)
from gwasbone.phenotypes.cases import Cases, find_cases, read_coding
from gwasbone.phenotypes.measurements import bmd_measurements
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule
from gwasbone.report.pages.phenotypes import phenotypes_page
from gwasbone.study.config import RecordsSection

log = logging.getLogger(__name__)

#: What a run writes, as suffixes of the prefix.
OUTPUTS = (
    ".cases.tsv", ".rules.tsv", ".codes.tsv", ".bmd.tsv", ".assessments.parquet", ".imputed.tsv",
    ".phenotypes.html",
)  # fmt: skip


def make_phenotypes(
    records: RecordsSection,
    prefix: Path,
    *,
    id_rule: IdRule = "iid",
    reading: TableReading | None = None,
    coding: str | None = None,
    skip_absent: bool = False,
    rint: bool = False,
) -> tuple[Cases, Bmd | None]:
    """Cases and bone measurements of a table of records; writes the files of ``OUTPUTS``.

    Parameters
    ----------
    records : paths as they are; ``table`` is set.
    reading : how the table is read.
    coding : table of medication codes and names.
    skip_absent : leave out rules and measurements that the table has no columns for.
    rint : also rank-inverse-normal scores of the measurements.
    """
    assert records.table is not None, "commands and stages refuse or skip it before"
    path = records.definition
    definition = read_definition(path) if path else osteoporosis_definition()
    measurements = bmd_measurements(records.measurements)
    table = read_phenotypes(
        records.table, definition, measurements, id_rule=id_rule, reading=reading
    )
    names = read_coding(coding) if coding else None
    cases = find_cases(table, definition, medication_names=names, skip_absent=skip_absent)
    n = len(table.people)
    log.info("%s: %d cases, %d controls", definition.name, cases.n_cases, n - cases.n_cases)
    for row in cases.counts().itertuples():
        log.info("rule %s: %d participants, %d by it alone", row.rule, row.n_people, row.n_only)
    bmd = make_bmd(table, measurements, skip_absent=skip_absent, rint=rint)
    phenotypes_page(cases, bmd, Path(f"{prefix}.phenotypes.html"), source=table.path)
    cases.write(prefix)
    if bmd is not None:
        bmd.write(prefix)
    return cases, bmd
