"""Bone mineral density of a biobank's table: measured, imputed, and averaged per participant."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gwasbone.display import Shown
from gwasbone.errors import InputError, listed
from gwasbone.files import atomic_path
from gwasbone.phenotypes.biobank_table import BiobankTable, read_biobank_table
from gwasbone.phenotypes.case_definition import CaseDefinition
from gwasbone.phenotypes.imputation import RULE_MEANINGS, Imputed, impute
from gwasbone.phenotypes.measurements import (
    FEMALE,
    MALE,
    assessments,
    left_right_pairs,
    measured_names,
    needed_kinds,
    per_person,
)
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule
from gwasbone.phenotypes.transforms import (
    left_right_correlations,
    normal_scores,
    skewness,
    standardise,
)
from gwasbone.stats.variation import varies
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

SEX_NAMES = {FEMALE: "women", MALE: "men"}


@dataclass(frozen=True, repr=False)
class Bmd(Shown):
    """Bone measurements of a table: by assessment, imputed, and averaged per participant.

    Parameters
    ----------
    long : one row per person and visit, as measured; see
        :func:`gwasbone.phenotypes.measurements.assessments`.
    imputed : the same visits without gaps.
    people : one row per person: means over the visits, in g/cm² and standardised (``_std``) and,
        where asked for, as normal scores (``_rint``).
    shape : skewness of the measured values.
    sides : correlation of left with right, of people with both measured.
    """

    long: pd.DataFrame
    imputed: Imputed
    people: pd.DataFrame
    shape: pd.DataFrame
    sides: pd.DataFrame

    def headline(self) -> str:
        return f"Bmd: {len(self.people):,} participants"

    def preview(self) -> pd.DataFrame:
        return self.people.reset_index()

    def write(self, prefix: Path) -> None:
        """Write ``PREFIX.bmd.tsv``, ``.assessments.parquet`` and ``.imputed.tsv``."""
        write_table(self.people.rename_axis("IID"), Path(f"{prefix}.bmd.tsv"))
        with atomic_path(Path(f"{prefix}.assessments.parquet")) as temporary:
            self.long.to_parquet(temporary)
        cells = self.imputed.imputed_cells().rename(columns={"person": "IID"})
        write_table(cells, Path(f"{prefix}.imputed.tsv"), index=False)


def read_phenotypes(
    path: str | Path,
    definition: CaseDefinition,
    measurements: pd.DataFrame,
    *,
    id_rule: IdRule = "iid",
    reading: TableReading | None = None,
) -> BiobankTable:
    """Read the fields that a definition and the measurements need, and no others."""
    kinds = {**needed_kinds(measurements), **definition.kinds}
    return read_biobank_table(path, kinds, id_rule=id_rule, reading=reading)


def make_bmd(
    table: BiobankTable,
    measurements: pd.DataFrame,
    *,
    skip_absent: bool = False,
    rint: bool = False,
) -> Bmd | None:
    """Derive bone measurements per participant; None where ``skip_absent`` leaves none.

    A measurement that does not vary is left out, with a warning that names it.

    Raises
    ------
    InputError
        No measurement varies.
    """
    if skip_absent and not any(field in table.fields for field in measurements["field"]):
        log.warning("the table has none of the %d measurements: only cases", len(measurements))
        return None
    long = assessments(table, measurements, skip_absent=skip_absent)
    names = _varying(long, measured_names(long, measurements))
    imputed = impute(long, names)
    complete = long.copy()
    complete[names] = imputed.values
    people = per_person(complete, names)
    varying = _varying(people, names)
    people = people.drop(columns=[name for name in names if name not in varying])
    names = varying
    parts = [people, standardise(people[names]).values.add_suffix("_std")]
    if rint:
        parts.append(normal_scores(people[names]).add_suffix("_rint"))
    measured = per_person(long, names)
    pairs = [pair for pair in left_right_pairs(measurements) if set(pair) <= set(names)]
    _log_bmd(long, imputed)
    return Bmd(
        long=long,
        imputed=imputed,
        people=pd.concat(parts, axis=1),
        shape=skewness(measured[names]),
        sides=left_right_correlations(measured, pairs),
    )


def _varying(table: pd.DataFrame, names: list[str]) -> list[str]:
    """The measurements that vary; the others are named in the log."""
    flat = [name for name in names if not varies(table[name])]
    kept = [name for name in names if name not in flat]
    if not kept:
        raise InputError(
            f"expected measurements of at least two different values, {listed(flat)} have one or "
            "none"
        )
    if flat:
        log.warning("left out: %s: expected at least two different values", listed(flat))
    return kept


def _log_bmd(long: pd.DataFrame, imputed: Imputed) -> None:
    people = long.index.get_level_values("person")
    log.info("%d assessments of %d participants with BMD", len(long), people.nunique())
    log.info("sex coded as in its source: %s", long.attrs["sex_coding"])
    if people.is_unique:
        log.info("no participant has two assessments: no value is imputed from a participant's own")
    known = [SEX_NAMES[sex] for sex in SEX_NAMES if (long["sex"] == sex).any()]
    if len(known) < len(SEX_NAMES):
        log.warning("participants with BMD are of one sex only: %s", " ".join(known) or "not known")
    totals = imputed.counts().sum()
    for rule, meaning in RULE_MEANINGS.items():
        if totals[rule]:
            log.info("%d values: %s (%s)", totals[rule], rule, meaning)
