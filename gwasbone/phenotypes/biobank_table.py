"""Tables as UK Biobank gives them: a column per field, visit and value; a row per person.

Columns are chosen before anything is read and the reading is PyArrow's: 500,000 people with 300
columns take seconds (benchmarks/test_bench_phenotypes.py has the figures).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.errors import InputError, reads
from gwasbone.phenotypes.arrow_columns import column_names, read_columns
from gwasbone.phenotypes.fields import FieldColumn, FieldKind, field_columns

# names of people are read by the one rule that all tables of the package share
from gwasbone.phenotypes.table import IdRule, index_by_person, listing

log = logging.getLogger(__name__)

_PERSON_NAMES = ("IID", "eid", "f.eid", "participant.eid")


@dataclass(frozen=True)
class BiobankTable:
    """A biobank's table, or the part of it that was asked for.

    Parameters
    ----------
    table : n people; index ``person`` (text), columns as the file spells them. Numbers are
        float64, codes and other text categorical, dates datetime64; missing is NaN or NaT.
    fields : field -> its columns by instance and array.
    path : where it came from.
    n_withdrawn : people with negative IDs, who are left out.
    n_coded_missing : field -> number of values that a code such as −3 (prefer not to answer)
        stood for, now missing.
    """

    table: pd.DataFrame
    fields: Mapping[int, tuple[FieldColumn, ...]]
    path: Path
    n_withdrawn: int
    n_coded_missing: Mapping[int, int]

    @property
    def people(self) -> pd.Index:
        return self.table.index

    def first(self, field: int) -> pd.Series:
        """The first value of a field that is not missing, by instance and array."""
        columns = [self.table[column.name] for column in self.fields[field]]
        found = columns[0].astype(object) if columns[0].dtype == "category" else columns[0]
        for column in columns[1:]:
            found = found.where(found.notna(), column)
        return found


@cache
def coded_missing_values(path: Path | None = None) -> Mapping[int, frozenset[str]]:
    """Field -> codes that mean a missing value (``resources/coded_missing.tsv`` by default)."""
    source = files("gwasbone") / "resources" / "coded_missing.tsv" if path is None else path
    with source.open(encoding="utf-8") as handle:
        rows = pd.read_csv(handle, sep="\t", comment="#", dtype=str)
    absent = {"field", "code", "use"} - set(rows.columns)
    if absent:
        raise InputError(
            f"expected columns field, code and use in {source}, {', '.join(sorted(absent))} is "
            "missing: keep the header of the package's own file"
        )
    rows = rows[rows["use"] == "missing"]
    return {int(str(field)): frozenset(group) for field, group in rows.groupby("field")["code"]}


@reads("a biobank table")
def read_biobank_table(
    path: str | Path,
    kinds: Mapping[int, FieldKind] | None = None,
    *,
    id_rule: IdRule = "iid",
    coded_missing: Path | None = None,
) -> BiobankTable:
    """Read the fields that are needed, and nothing else.

    Parameters
    ----------
    path : comma- or tab-separated text with a header (``.gz`` too), or ``.parquet``. People are
        named by ``eid`` or ``IID`` (and ``FID``).
    kinds : field -> ``number``, ``text`` or ``date``. Fields the table lacks are no error here.
        None reads all columns, each as what its values look like.
    id_rule : ``iid`` names people by IID or eid, ``fid_iid`` by FID and IID joined with ``_``.
    coded_missing : a table of codes that mean a missing value, in place of the package's own.

    Raises
    ------
    InputError
        No such file, no column of people, a person in two rows, a row of another length, two
        spellings of one field, or text in columns of numbers (all columns are named).

    Examples
    --------
    >>> ukb = read_biobank_table("ukb.csv", {31: "text", 23204: "number"})  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"expected a biobank's table, there is no file {path}: check the path")
    names = column_names(path)
    fields = field_columns(names)
    person = _person_column(names, path)
    if kinds is not None:
        fields = {field: columns for field, columns in fields.items() if field in kinds}
    wanted = {
        column.name: None if kinds is None else kinds[field]
        for field, columns in fields.items()
        for column in columns
    }
    ids = [person, *(name for name in ("FID", "#FID") if name in names)]
    arrow = read_columns(path, names, ids, wanted, everything=kinds is None)
    index, rows = _people(arrow.select(ids).to_pandas(), person, path, id_rule)
    table = _frame(arrow.drop(ids))
    del arrow
    n_withdrawn = len(table) - len(rows)
    if n_withdrawn:
        table = table.iloc[rows]
    table.index = index
    counts = _drop_coded(table, fields, coded_missing_values(coded_missing))
    log.info("%s: %d people, %d of %d columns", path, *table.shape, len(names))
    if counts:
        shown = ", ".join(f"{field} ({count:,})" for field, count in counts.items())
        log.info("%s: coded answers taken as missing, by field: %s", path, shown)
    return BiobankTable(table, fields, path, n_withdrawn, counts)


def _person_column(names: list[str], path: Path) -> str:
    found = [name for name in names if name.removeprefix("#") in _PERSON_NAMES]
    if len(found) == 1:
        return found[0]
    what = f"it has {' and '.join(found)}" if found else f"its header has {listing(names)}"
    raise InputError(f"expected one column eid or IID in {path}, {what}: name people once")


def _people(
    names: pd.DataFrame, person: str, path: Path, id_rule: IdRule
) -> tuple[pd.Index, np.ndarray]:
    renamed = names.rename(columns={person: "IID", "#FID": "FID"}).assign(row=np.arange(len(names)))
    kept = index_by_person(renamed, path, id_rule)
    return kept.index, kept["row"].to_numpy()


def _frame(arrow: pa.Table) -> pd.DataFrame:
    # each column is let go as soon as pandas has it: half the memory at the peak
    table: pd.DataFrame = arrow.to_pandas(
        split_blocks=True, self_destruct=True, date_as_object=False
    )
    for name in table.select_dtypes("category").columns:
        codes = table[name].cat.categories
        # whole numbers that passed through a table with missing values: 1001.0 is the code 1001
        if len(codes) and codes.str.fullmatch(r"-?\d+\.0").all():
            table[name] = table[name].cat.rename_categories(codes.str.removesuffix(".0").tolist())
    return table


def _drop_coded(
    table: pd.DataFrame,
    fields: Mapping[int, tuple[FieldColumn, ...]],
    coded: Mapping[int, Iterable[str]],
) -> dict[int, int]:
    counts: dict[int, int] = {}
    for field, columns in fields.items():
        codes = coded.get(field)
        if not codes:
            continue
        for column in columns:
            values = table[column.name]
            listed: list[Any] = list(codes)
            if values.dtype != "category":
                listed = [float(code) for code in listed]
            hit = values.isin(listed)
            if hit.any():
                table[column.name] = values.mask(hit)
                counts[field] = counts.get(field, 0) + int(hit.sum())
    return counts
