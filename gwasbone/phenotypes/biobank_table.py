"""Tables as UK Biobank gives them: a column per field, visit and value; a row per participant.

Columns are chosen before anything is read and the reading is PyArrow's: 500,000 people with 300
columns take seconds (benchmarks/test_bench_phenotypes.py has the figures).
"""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.errors import InputError, listed, reads
from gwasbone.phenotypes.arrow_columns import open_columns
from gwasbone.phenotypes.fields import ICD9_FIELDS, FieldColumn, FieldKind, field_columns
from gwasbone.phenotypes.missing_codes import drop_missing_codes
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule, names_families, participant_column
from gwasbone.phenotypes.special_codes import SpecialCodes, describe_unknown

# IDs are read by the one rule that all tables of the package share
from gwasbone.phenotypes.table import index_by_person

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BiobankTable:
    """A biobank's table, or the requested columns of it.

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


@reads("a biobank table")
def read_biobank_table(
    path: str | Path,
    kinds: Mapping[int, FieldKind] | None = None,
    *,
    id_rule: IdRule = "iid",
    coded_missing: Path | None = None,
    reading: TableReading | None = None,
) -> BiobankTable:
    """Read the requested fields of a biobank's table.

    Parameters
    ----------
    path : text with a header, compressed or not, or ``.parquet``; see
        :func:`gwasbone.phenotypes.table.read_people_table`. Participants are named by ``eid`` or
        ``IID`` (and ``FID``).
    kinds : field -> ``number``, ``text`` or ``date``. Fields the table lacks are no error here.
        None reads all columns, each as what its values look like.
    id_rule : ``iid`` names people by IID or eid, ``fid_iid`` by FID and IID joined with ``_``.
    coded_missing : a table of codes that mean a missing value, in place of the package's own.
    reading : codes of missing values in every column, and the limit of what is unpacked.

    Raises
    ------
    InputError
        No such file, no column of people, a person in two rows, a row of another length, two
        spellings of one field, or text in columns of numbers (all columns are named).

    Examples
    --------
    >>> table = pd.DataFrame({"eid": [1000001, 1000002], "31-0.0": ["Female", "Male"]})
    >>> table.to_csv(folder / "ukb.csv", index=False)
    >>> read_biobank_table(folder / "ukb.csv", {31: "text"}).table["31-0.0"].tolist()
    ['Female', 'Male']
    """
    path, reading = Path(path), reading or TableReading()
    if not path.exists():
        raise InputError(f"expected a biobank's table, there is no file {path}: check the path")
    source = open_columns(path, max_gb=reading.max_table_gb)
    names = list(source.names)
    fields = field_columns(names)
    person = participant_column(names, path)
    if kinds is not None:
        fields = {field: columns for field, columns in fields.items() if field in kinds}
    wanted = {c.name: _kind(field, kinds) for field, columns in fields.items() for c in columns}
    ids = [person, *(name for name in names if names_families(name))]
    arrow = source.read(ids, wanted, everything=kinds is None)
    before = fields
    fields = field_columns(name for name in arrow.column_names if name not in ids)
    joined = [field for field, columns in fields.items() if columns != before[field]]
    if joined:
        log.info("%s: fields with several values in one cell: %s", path, listed(joined))
    index, rows = _people(arrow.select(ids).to_pandas(), person, path, id_rule, reading.withdrawn)
    icd9 = {c.name for f, columns in fields.items() if _kind(f, kinds) == "icd9" for c in columns}
    table = _frame(arrow.drop(ids), icd9)
    del arrow
    n_withdrawn = len(table) - len(rows)
    if n_withdrawn:
        table = table.iloc[rows]
    table.index = index
    counts = _recode(table, fields, SpecialCodes.read(coded_missing), path)
    table = drop_missing_codes(table, reading.missing_codes, where=path)
    log.info("%s: %d participants, %d of %d columns", path, *table.shape, len(names))
    return BiobankTable(table, fields, path, n_withdrawn, counts)


def _people(
    names: pd.DataFrame, person: str, path: Path, id_rule: IdRule, withdrawn: str | None
) -> tuple[pd.Index, np.ndarray]:
    renamed = names.rename(
        columns={n: "IID" if n == person else "FID" for n in names.columns}
    ).assign(row=np.arange(len(names)))
    kept = index_by_person(renamed, path, id_rule, withdrawn=withdrawn)
    return kept.index, kept["row"].to_numpy()


def _kind(field: int, kinds: Mapping[int, FieldKind] | None) -> FieldKind | None:
    kind = None if kinds is None else kinds[field]
    return "icd9" if field in ICD9_FIELDS and kind in (None, "text") else kind


def _frame(arrow: pa.Table, icd9: Container[str]) -> pd.DataFrame:
    # each column is let go as soon as pandas has it: half the memory at the peak
    table: pd.DataFrame = arrow.to_pandas(
        split_blocks=True, self_destruct=True, date_as_object=False
    )
    for name in table.select_dtypes("category").columns:
        codes = table[name].cat.categories
        if name in icd9:
            plain = [_icd9_code(code) for code in codes]
        elif len(codes) and codes.str.fullmatch(r"-?\d+\.0").all():
            # whole numbers that passed through a table with missing values: 1001.0 is code 1001
            plain = codes.str.removesuffix(".0").tolist()
        else:
            continue
        if plain != codes.tolist():
            table[name] = table[name].map(dict(zip(codes, plain, strict=True))).astype("category")
    return table


def _icd9_code(code: str) -> str:
    """A code that passed through a table of numbers as it was before.

    >>> [_icd9_code(code) for code in ("733.0", "7330.0", "38.9", "E812.0")]
    ['733.0', '7330', '038.9', 'E812.0']
    """
    before, point, after = code.partition(".")
    if not (point and before.isdigit() and after.isdigit()):
        return code
    return before if len(before) > 3 and after == "0" else f"{before:0>3}.{after}"


def _recode(
    table: pd.DataFrame,
    fields: Mapping[int, tuple[FieldColumn, ...]],
    codes: SpecialCodes,
    path: Path,
) -> dict[int, int]:
    """Special codes made missing or the number they stand for, in place; unknown ones named."""
    missing: dict[int, int] = {}
    replaced: dict[int, int] = {}
    unknown: dict[str, Mapping[int, int]] = {}
    for field, columns in fields.items():
        for column in columns:
            made = codes.recode(field, table[column.name])
            if made.n_missing or made.n_replaced:
                table[column.name] = made.values
            for counts, n in ((missing, made.n_missing), (replaced, made.n_replaced)):
                if n:
                    counts[field] = counts.get(field, 0) + n
            if made.unknown:
                unknown[column.name] = made.unknown
    for counts, what in (
        (missing, "coded answers taken as missing"),
        (replaced, "coded answers taken as a number, such as less than one as 0.5"),
    ):
        if counts:
            shown = listed(f"{field} ({count:,})" for field, count in counts.items())
            log.info("%s: %s, by field: %s", path, what, shown)
    if unknown:
        log.warning(
            "%s: negative numbers that may be codes, such as prefer not to answer, are read as "
            "values in %s: if they are codes, write NA", path, describe_unknown(unknown)
        )  # fmt: skip
    return missing
