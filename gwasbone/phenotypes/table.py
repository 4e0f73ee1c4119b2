"""Tables of participants: read them, and find columns in them by name.

One row per participant. Nothing here knows which column is a trait and which a covariate.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, UsageError, listed, reads
from gwasbone.phenotypes.fields import is_batch
from gwasbone.phenotypes.id_lists import read_participant_list
from gwasbone.phenotypes.missing_codes import drop_missing_codes
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.parquet_table import is_parquet, parquet_columns, read_parquet
from gwasbone.phenotypes.participants import (
    IdRule,
    is_withdrawn,
    names_families,
    participant_column,
    plain_ids,
)
from gwasbone.phenotypes.table_layout import find_layout, refuse_repeats

log = logging.getLogger(__name__)

_RANGE = re.compile(r"(?P<stem>.*?)(?P<first>\d+)-(?P=stem)(?P<last>\d+)")
#: Share of a table's participants below which matching the genotypes is suspicious.
FEW_MATCHES = 0.5
#: Columns that a range may stand for.
_MAX_RANGE = 100_000
#: Columns that are not found, or found twice, of which the reasons are told.
_SHOWN_FAULTS = 5
#: Characters of a name beyond which it is no range.
_LONGEST_RANGE = 200


@reads("a table of participants")
def read_people_table(
    path: str | Path,
    *,
    id_rule: IdRule = "iid",
    reading: TableReading | None = None,
    unnamed: str = "PHENO",
) -> pd.DataFrame:
    """Read a table with one row per participant.

    Parameters
    ----------
    path : text with a header, delimited by tab, comma, semicolon or blanks (seen from the
        header), compressed or not; PLINK's tables without a header (FID, IID, numbers); or
        ``.parquet``, a file or Spark's folder of parts. The column of participants is ``IID``,
        ``eid`` or another of their usual spellings; ``FID`` may be there.
    id_rule : ``iid`` names participants by IID, ``fid_iid`` by FID and IID joined with ``_``.
    reading : codes of missing values, and the limit of what is unpacked.
    unnamed : begins the names of the columns of a table without a header.

    Returns
    -------
    Table indexed by the participant's ID (text, index name ``person``), in the file's order, with
    all columns but the IDs. Columns that hold only numbers are float64 or int64, others are
    text; ``NA``, ``NaN``, empty fields and missing codes are NaN. Participants with a negative
    IID have withdrawn: they are left out, and counted in the log and in
    ``table.attrs["n_withdrawn"]``; missing codes in ``table.attrs["n_missing_codes"]``.

    Raises
    ------
    InputError
        No such file, no header, a row of another length, a line break within a field, an ID
        missing or there twice.

    Examples
    --------
    >>> read_people_table(example / "example.tsv")[["bmd_spine", "age"]].head(2)
             bmd_spine   age
    person
    1014982     1.0540  68.8
    1026908     0.8542  68.0
    """
    path, reading = Path(path), reading or TableReading()
    table = read_named_columns(path, reading, unnamed=unnamed)
    table = index_by_person(table, path, id_rule, withdrawn=reading.withdrawn)
    n_withdrawn = table.attrs["n_withdrawn"]
    table = drop_missing_codes(table, reading.missing_codes, where=path)
    table.attrs["n_withdrawn"] = n_withdrawn
    log.info("%s: %d participants, %d columns", path, len(table), table.shape[1])
    return table


def read_named_columns(
    path: Path, reading: TableReading, *, unnamed: str = "PHENO"
) -> pd.DataFrame:
    """All columns of a text or Parquet table; participants and families are ``IID`` and ``FID``.

    Raises
    ------
    InputError
        No such file, or no column of participants.
    """
    if not path.exists():
        raise InputError(
            f"expected a table of participants, there is no file {path}: check the path"
        )
    if is_parquet(path):
        table = read_parquet(path).to_pandas()
    else:
        table = find_layout(path, max_gb=reading.max_table_gb, unnamed=unnamed).read()
        if path.suffix == ".fam" and "father" in table:
            table["sex"] = table["sex"].where(table["sex"] != 0)
    named = {participant_column([str(n) for n in table.columns], path): "IID"}
    named |= {str(n): "FID" for n in table.columns if names_families(n)}
    table.columns = pd.Index([named.get(n, n.strip().removeprefix("#")) for n in table.columns])
    refuse_repeats(table.columns, path)
    return table


def pick_columns(tables: Mapping[str, pd.DataFrame], names: Iterable[str]) -> pd.DataFrame:
    """Take columns by name out of several tables of participants.

    Parameters
    ----------
    tables : what to call each table in messages (its path) -> table indexed by person.
    names : columns wanted. ``array`` is special where no table has it but one has UK Biobank's
        field 22000 (genotyping batch): the sign of the batch gives the array, negative
        ``UKBiLEVE``, positive ``UKBAxiom``.

    Returns
    -------
    Table of the columns in the order asked for, indexed by person: everybody who is in any of
    the tables used, NaN where a person is not in a column's table.

    Raises
    ------
    InputError
        A name is in no table (the nearest names are shown) or in two.
    """
    homes: dict[str, list[str]] = {}
    for path, table in tables.items():
        for column in table.columns:
            homes.setdefault(str(column), []).append(path)
    wanted: dict[str, list[str]] = {}
    arrays: dict[str, pd.Series] = {}
    faults = []
    names = list(dict.fromkeys(names))
    for name in names:
        of = homes.get(name, [])
        if len(of) == 1:
            wanted.setdefault(of[0], []).append(name)
        elif not of and name == "array" and (batch := _batch(tables)) is not None:
            arrays[name] = _array_of_batch(batch)
        else:
            faults.append((name, of))
    if faults:
        raise InputError(_no_column(faults, tables, homes))
    parts = [tables[path][columns] for path, columns in wanted.items()]
    parts += [series.to_frame(name) for name, series in arrays.items()]
    if not parts:
        return pd.DataFrame(index=pd.Index([], name="person", dtype=object))
    people = pd.Index(pd.unique(pd.concat([part.index.to_series() for part in parts])))
    picked = pd.concat([part.reindex(people) for part in parts], axis=1)[names]
    return picked.rename_axis("person")


def _no_column(
    faults: Sequence[tuple[str, list[str]]],
    tables: Mapping[str, pd.DataFrame],
    homes: Mapping[str, list[str]],
) -> str:
    """Why columns cannot be taken: of the first few in full, of the others the number."""
    told = []
    for name, of in faults[:_SHOWN_FAULTS]:
        if of:
            told.append(
                f"expected column {name} in one table, it is in {' and '.join(of[:4])}: rename it "
                "in one of them"
            )
        else:
            told.append(_not_found(name, tables, homes))
    more = len(faults) - len(told)
    return "; ".join([*told, *([f"and {more:,} columns more"] if more else [])])


def column_names(paths: Iterable[str | Path]) -> set[str]:
    """Names of the columns of tables of participants; of a table that cannot be read, none."""
    names: set[str] = set()
    for path in map(Path, paths):
        try:
            names |= set(header_of(path))
        except (InputError, OSError):
            continue  # the reader of the table says what is wrong with it
    return names


def header_of(path: Path) -> list[str]:
    """Names of the columns of a table of participants, as the file spells them.

    Raises
    ------
    InputError
        The file cannot be read, or a name is there twice.
    """
    names = (
        parquet_columns(path)
        if is_parquet(path)
        else list(find_layout(path, header_only=True).header)
    )
    return [name for name in names if name]


def expand_names(text: str | Sequence[str], columns: Container[str] = ()) -> list[str]:
    """Split a list of names at commas and write out ranges such as ``PC1-PC10``.

    Only ``stem`` + number on both sides of the dash is a range, so ``bmd-hip`` is one name.

    Parameters
    ----------
    columns : names that are there (:func:`column_names`): one of them is never a range.

    Examples
    --------
    >>> expand_names("age,sex,PC1-PC3")
    ['age', 'sex', 'PC1', 'PC2', 'PC3']
    >>> expand_names("y1-y2", columns={"y1-y2"})
    ['y1-y2']

    Raises
    ------
    UsageError
        A range runs backwards, or a name is there twice.
    """
    parts = text.split(",") if isinstance(text, str) else list(text)
    names: dict[str, None] = {}
    repeated: dict[str, None] = {}
    for part in (p.strip() for p in parts):
        for name in _range_of(part, columns) or ([part] if part else []):
            (repeated if name in names else names)[name] = None
    if repeated:
        raise UsageError(f"expected each column once, got {listed(repeated)} twice")
    return list(names)


def _range_of(part: str, columns: Container[str]) -> list[str]:
    """The names of a range; none where it is no range."""
    # a stem that begins both halves, which a pattern alone finds in quadratic time
    match = _RANGE.fullmatch(part) if part.count("-") and len(part) < _LONGEST_RANGE else None
    if match is None or not match["stem"] or part in columns:
        return []
    first, last = int(match["first"]), int(match["last"])
    if first > last:
        raise UsageError(f"expected a rising range of columns, got {part}: write it forwards")
    if last - first >= _MAX_RANGE:
        raise UsageError(
            f"expected a range of at most {_MAX_RANGE:,} columns, {part} has "
            f"{last - first + 1:,}: shorten it"
        )
    return [f"{match['stem']}{i}" for i in range(first, last + 1)]


def numbers(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """A column as float64 with NaN for missing.

    Raises
    ------
    InputError
        Text or an infinite number in the column; the first three are shown with their people.
    """
    column = table[name]
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(np.float64)
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = (np.isnan(values) & column.notna().to_numpy()) | np.isinf(values)
    if bad.any():
        shown = ", ".join(
            f"{value!r} (participant {person})"
            for person, value in column[bad].iloc[:3].astype(str).items()
        )
        raise InputError(
            f"expected numbers in column {name}, got {shown}"
            f"{'' if bad.sum() <= 3 else f' and {bad.sum() - 3:,} more'}: "
            "write NA where a value is missing, or use it as a categorical covariate"
        )
    return values


def index_by_person(
    table: pd.DataFrame, path: Path, id_rule: IdRule, *, withdrawn: str | None = None
) -> pd.DataFrame:
    """A table without FID and IID, indexed by them; withdrawn participants (negative IDs, and those
    of a list) left out, repeats refused."""
    if id_rule == "fid_iid" and "FID" not in table.columns:
        raise InputError(
            f"expected FID beside IID in {path} (participants are named FID_IID), the header has "
            f"{listed(table.columns)}: add FID or name participants by IID alone"
        )
    ids = {
        part: participant_ids(table, part, path) for part in ("IID", "FID") if part in table.columns
    }
    person = ids["IID"] if id_rule == "iid" else ids["FID"] + "_" + ids["IID"]
    gone = withdrawn_rows(ids["IID"], ids.get("FID"), withdrawn, where=path)
    table = table.drop(columns=list(ids)).set_axis(pd.Index(person, name="person"), axis=0)
    table = table[~gone]
    repeated = table.index[table.index.duplicated()].unique()
    if len(repeated):
        hint = (
            "" if id_rule == "fid_iid" or "FID" not in ids else " or name participants by FID_IID"
        )
        raise InputError(
            f"expected each participant once in {path}, {len(repeated):,} are there twice or more "
            f"({listed(repeated, 3)}): keep one row of each{hint}"
        )
    table.attrs["n_withdrawn"] = int(gone.sum())
    return table


def withdrawn_rows(
    iid: pd.Series, fid: pd.Series | None, listed_at: str | None, *, where: Path
) -> npt.NDArray[np.bool_]:
    """(n,) whose ID is negative or in a list of those who withdrew; counted in the log."""
    gone = is_withdrawn(iid)
    if gone.any():
        log.info("%s: %d withdrawn participants (negative IDs) left out", where, gone.sum())
    if listed_at is not None:
        named = read_participant_list(Path(listed_at)).rows(iid, fid)
        log.info("%s: %d participants left out who are in %s", where, named.sum(), listed_at)
        gone = gone | named
    return gone


def participant_ids(table: pd.DataFrame, part: str, path: Path) -> pd.Series:
    """IIDs or FIDs as text."""
    ids = plain_ids(table[part])
    missing = ids.isna().to_numpy()
    if part == "IID" and missing.any():
        row = int(np.flatnonzero(missing)[0]) + 1
        raise InputError(
            f"expected an ID in every row of {path}, IID is missing in row {row}: fill it or "
            "leave the row out"
        )
    return ids.where(~missing, "NA")


def _not_found(
    name: str, tables: Mapping[str, pd.DataFrame], homes: Mapping[str, list[str]]
) -> str:
    spelled: dict[str, str] = {}
    for known in homes:
        spelled.setdefault(known.lower(), known)
    near = [spelled[k] for k in difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.5)]
    places = listed(tables, 4) if tables else "any table"
    if near:
        hint = "did you mean " + " or ".join(f"{known} (in {homes[known][0]})" for known in near)
    else:
        hint = f"the columns are {listed(homes)}"
    return f"expected a column {name} in {places}, there is none: {hint}?"


def _batch(tables: Mapping[str, pd.DataFrame]) -> pd.Series | None:
    found = [t[c] for t in tables.values() for c in t.columns if is_batch(str(c))]
    return found[0] if len(found) == 1 else None


def _array_of_batch(batch: pd.Series) -> pd.Series:
    values = numbers(batch.to_frame(), str(batch.name))
    array = np.select([values < 0, values > 0], ["UKBiLEVE", "UKBAxiom"], default="")
    return pd.Series(array, index=batch.index, dtype=object).replace({"": np.nan})


def warn_of_few_matches(table: pd.Index, others: pd.Index, *, where: str) -> None:
    """Warn where fewer than half of a table's participants are among others.

    IDs of another application, or of other samples, match a few by chance.
    """
    n = int(table.isin(others).sum())
    if n < FEW_MATCHES * len(table):
        log.warning(
            "only %d of the %d participants of %s are in the genotypes: check that both are of "
            "the same project and name participants alike",
            n, len(table), where,
        )  # fmt: skip
