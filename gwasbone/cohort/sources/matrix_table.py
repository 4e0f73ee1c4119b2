"""Genotypes in a Hail MatrixTable: the user's own, or the one a VCF or BGEN was imported to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.cohort.matrix import export_rows
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.people_table import IdRule, build_people_table
from gwasbone.cohort.sources.tables import build_variant_table
from gwasbone.errors import InputError
from gwasbone.session import hail


@dataclass(frozen=True)
class MatrixTableSource:
    """A MatrixTable in normal form: see :class:`gwasbone.cohort.model.GenotypeSource`."""

    matrix: Any = field(repr=False)
    files: tuple[str, ...]
    description: str

    def describe(self) -> str:
        return self.description

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        hl = hail()
        mt = self.matrix.add_col_index("person")
        ids = hl.literal(person_ids, "array<str>")
        return mt.key_cols_by(s=ids[hl.int32(mt.person)]).select_cols()


def cohort_from_normal_form(
    mt: Any,
    *,
    fid: pd.Series,
    sex: pd.Series,
    id_rule: IdRule,
    files: tuple[str, ...],
    description: str,
) -> Cohort:
    """A cohort from a MatrixTable whose fields are already those of a genotype source."""
    iid = pd.Series(mt.key_cols_by().s.collect(), dtype=str)
    build = mt.locus.dtype.reference_genome.name
    people = build_people_table(fid, iid, sex, id_rule=id_rule, where=description)
    variants = build_variant_table(export_rows(mt), build=build, where=description)
    return Cohort(MatrixTableSource(mt, files, description), build, people, variants)


def read_mt(path: str, *, build: str | None, id_rule: IdRule = "iid") -> Cohort:
    """A cohort from a MatrixTable on disk (``gs://`` and the like included)."""
    if "://" not in path and not (Path(path) / "metadata.json.gz").exists():
        raise InputError(
            f"{path}: expected a Hail MatrixTable folder, found none; give --mt FOLDER.mt"
        )
    cohort = cohort_from_mt(hail().read_matrix_table(path), id_rule=id_rule, description=path)
    if build is not None and build != cohort.build:
        raise InputError(
            f"{path}: build {build} was given, but the table's loci are on {cohort.build}: "
            f"give --build {cohort.build} or leave it out"
        )
    return cohort


def cohort_from_mt(mt: Any, *, id_rule: IdRule = "iid", description: str = "MatrixTable") -> Cohort:
    """A cohort from the user's own MatrixTable.

    Parameters
    ----------
    mt : keyed by (locus, alleles) with two alleles each, and by one string column key; entry
        fields ``GT``, or one of ``dosage``, ``DS`` and ``GP``. Optional: column fields ``fam_id``
        and ``is_female`` or ``sex`` (1, 2, 0), row fields ``rsid`` and ``imputation_info``.

    Raises
    ------
    InputError
        Other keys, multiallelic variants, or no genotypes.
    """
    hl = hail()
    if list(mt.row_key) != ["locus", "alleles"] or len(mt.col_key) != 1:
        raise InputError(
            f"{description}: expected row keys locus, alleles and one column key, "
            f"got {list(mt.row_key)} and {list(mt.col_key)}: use mt.key_rows_by / key_cols_by"
        )
    build = str(mt.locus.dtype.reference_genome.name)
    if build not in ("GRCh37", "GRCh38"):
        raise InputError(
            f"{description}: expected loci on GRCh37 or GRCh38, got {build}: lift over"
        )
    n_multi = mt.aggregate_rows(hl.agg.count_where(hl.len(mt.alleles) != 2))
    if n_multi:
        raise InputError(
            f"{description}: expected two alleles per variant, found {n_multi} variants with "
            "another number: split them first, with hl.split_multi_hts"
        )
    # with a key, cols() would sort people by it
    columns = mt.key_cols_by().cols()
    sex = _reported_sex(hl, columns)
    key = next(iter(mt.col_key))
    fam = columns.fam_id if "fam_id" in columns.row else columns[key]
    about = columns.select(fid=hl.or_else(hl.str(fam), "0"), sex=sex).collect()
    return cohort_from_normal_form(
        normal_form(mt.key_cols_by(s=hl.str(mt[key])), probabilities=True),
        fid=pd.Series([row.fid for row in about], dtype=str),
        sex=pd.Series([row.sex for row in about], dtype="int8"),
        id_rule=id_rule,
        files=() if description == "MatrixTable" else (description,),
        description=description,
    )


def _reported_sex(hl: Any, columns: Any) -> Any:
    if "sex" in columns.row and columns.sex.dtype in (hl.tint32, hl.tint64):
        return hl.or_else(hl.int32(columns.sex), 0)
    if "is_female" in columns.row and columns.is_female.dtype == hl.tbool:
        return hl.or_else(hl.if_else(columns.is_female, 2, 1), 0)
    return hl.int32(0)


def normal_form(mt: Any, *, probabilities: bool = False) -> Any:
    """Keep what a genotype source has: ``GT`` and/or ``dosage``, and ``source_id``.

    Parameters
    ----------
    probabilities : keep ``GP`` as well, for an export to BGEN.
    """
    hl = hail()
    entry = {"GT": mt.GT} if "GT" in mt.entry and mt.GT.dtype == hl.tcall else {}
    if "dosage" in mt.entry:
        entry["dosage"] = hl.float64(mt.dosage)
    elif "DS" in mt.entry:
        number = mt.DS[0] if isinstance(mt.DS.dtype, hl.tarray) else mt.DS
        entry["dosage"] = hl.float64(number)
    elif "GP" in mt.entry:
        entry["dosage"] = hl.float64(hl.gp_dosage(mt.GP))
    if not entry:
        raise InputError(
            f"expected genotypes as GT, dosage, DS or GP, got entry fields {list(mt.entry)}"
        )
    if probabilities and "GP" in mt.entry and "dosage" in entry:
        entry["GP"] = mt.GP
    mt = mt.select_entries(**entry)
    row = {"source_id": mt.rsid} if "rsid" in mt.row else {"source_id": hl.missing("str")}
    if "imputation_info" in mt.row:
        row["imputation_info"] = mt.imputation_info
    return mt.select_rows(**row).select_cols().select_globals()


def column_values(mt: Any, expressions: dict[str, Any]) -> pd.DataFrame:
    """Values of column expressions, one row per column of ``mt``, booleans as 0 and 1."""
    hl = hail()
    rows = mt.select_cols(**expressions).key_cols_by().cols().select(*expressions).collect()
    frame = pd.DataFrame(
        [[row[name] for name in expressions] for row in rows], columns=list(expressions)
    )
    for name, expression in expressions.items():
        if expression.dtype == hl.tbool:
            frame[name] = frame[name].astype("float64")
    return frame
