"""Tables of people: read them, and find columns in them by name.

One row per person, a header, ``IID`` (and ``FID`` where the rule needs it); ``NA``, ``NaN`` and
empty fields are missing. Nothing here knows which column is a trait and which a covariate.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import logging
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.errors import InputError, UsageError, reads

log = logging.getLogger(__name__)

IdRule = Literal["iid", "fid_iid"]

#: Spellings of a missing value; nothing else is, in particular not -9 (see `design`).
MISSING = ("NA", "NaN", "nan", "")

#: UK Biobank's genotyping batch as its extracts spell it: 22000, 22000-0.0, f.22000.0.0, p22000.
_BATCH_FIELD = re.compile(r"(?:f\.|p|x)?22000(?:[-._]\d+[-._]\d+)?", re.IGNORECASE)
_RANGE = re.compile(r"(?P<stem>.*?)(?P<first>\d+)-(?P=stem)(?P<last>\d+)")
#: IDs of people who have withdrawn.
WITHDRAWN = re.compile(r"-\d+")


@reads("a table of participants")
def read_people_table(path: str | Path, *, id_rule: IdRule = "iid") -> pd.DataFrame:
    """Read a table with one row per person.

    Parameters
    ----------
    path : text with a header, delimited by tab, comma or blanks (seen from the header; ``.gz``
        too), or ``.parquet``. ``IID`` or ``#IID`` is needed; ``FID`` or ``#FID`` may be there.
    id_rule : ``iid`` names people by IID, ``fid_iid`` by FID and IID joined with ``_``.

    Returns
    -------
    Table indexed by the person's name (text, index name ``person``), in the file's order, with
    all columns but the two names. Columns that hold only numbers are float64 or int64, others
    are text; missing is NaN. People with a negative IID have withdrawn: they are left out, and
    counted in the log and in ``table.attrs["n_withdrawn"]``.

    Raises
    ------
    InputError
        No such file, no header, a row of another length, a name missing or there twice.

    Examples
    --------
    >>> read_people_table(example / "example.tsv")[["bmd_spine", "age"]].head(2)
             bmd_spine   age
    person
    1014982     1.0540  68.8
    1026908     0.8542  68.0
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"expected a table of people, there is no file {path}: check the path")
    table = pd.read_parquet(path) if path.suffix == ".parquet" else read_text_table(path)
    table.columns = pd.Index([str(name).strip().removeprefix("#") for name in table.columns])
    refuse_repeats(table.columns, path)
    if "IID" not in table.columns and table.index.name in ("IID", "#IID"):
        table = table.reset_index(names="IID")
    if "IID" not in table.columns:
        raise InputError(
            f"expected a header with IID in {path}, its first line has "
            f"{listing(table.columns)}: name the column of people IID"
        )
    table = index_by_person(table, path, id_rule)
    for name in table.select_dtypes(bool).columns:
        table[name] = table[name].astype(np.float64)
    log.info("%s: %d people, %d columns", path, len(table), table.shape[1])
    return table


def pick_columns(tables: Mapping[str, pd.DataFrame], names: Iterable[str]) -> pd.DataFrame:
    """Take columns by name out of several tables of people.

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
    columns: dict[str, pd.Series] = {}
    faults = []
    for name in dict.fromkeys(names):
        homes = [path for path, table in tables.items() if name in table.columns]
        if len(homes) == 1:
            columns[name] = tables[homes[0]][name]
        elif len(homes) > 1:
            faults.append(
                f"expected column {name} in one table, it is in {' and '.join(homes)}: "
                "rename it in one of them"
            )
        elif name == "array" and (batch := _batch(tables)) is not None:
            columns[name] = _array_of_batch(batch)
        else:
            faults.append(_not_found(name, tables))
    if faults:
        raise InputError("; ".join(faults))
    if not columns:
        return pd.DataFrame(index=pd.Index([], name="person", dtype=object))
    people = pd.Index(pd.unique(pd.concat([c.index.to_series() for c in columns.values()])))
    return pd.DataFrame({name: c.reindex(people) for name, c in columns.items()}).rename_axis(
        "person"
    )


def column_names(paths: Iterable[str | Path]) -> set[str]:
    """Names of the columns of tables of people; of a table that cannot be read, none."""
    names: set[str] = set()
    for path in map(Path, paths):
        try:
            if path.suffix == ".parquet":
                names |= set(pq.read_schema(path).names)
                continue
            with _open(path) as lines:
                header = next((line for line in lines if line.strip()), "")
        except (OSError, EOFError, UnicodeDecodeError, pa.ArrowInvalid):
            continue  # the reader of the table says what is wrong with it
        separator = next((s for s in "\t," if s in header), None)
        names |= {name.strip().strip('"') for name in header.strip().split(separator)}
    return names


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
    names: list[str] = []
    for part in (p.strip() for p in parts):
        match = _RANGE.fullmatch(part)
        if match is None or not match["stem"] or part in columns:
            names += [part] if part else []
            continue
        first, last = int(match["first"]), int(match["last"])
        if first > last:
            raise UsageError(f"expected a rising range of columns, got {part}: write it forwards")
        names += [f"{match['stem']}{i}" for i in range(first, last + 1)]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise UsageError(f"expected each column once, got {', '.join(repeated)} twice")
    return names


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
            f"{value!r} (person {person})"
            for person, value in column[bad].iloc[:3].astype(str).items()
        )
        raise InputError(
            f"expected numbers in column {name}, got {shown}"
            f"{'' if bad.sum() <= 3 else f' and {bad.sum() - 3:,} more'}: "
            "write NA where a value is missing, or use it as a categorical covariate"
        )
    return values


def read_text_table(path: Path) -> pd.DataFrame:
    """Columns of a delimited text file as they stand; see :func:`read_people_table` for faults."""
    try:
        with _open(path) as lines:
            header = next((line for line in lines if line.strip()), "")
        separator = next((s for s in "\t," if s in header), r"\s+")
        _check_rows(path, separator)
        with _open(path) as lines:
            return pd.read_csv(
                lines,
                sep=separator,
                dtype=dict.fromkeys(("IID", "#IID", "FID", "#FID"), str),
                keep_default_na=False,
                na_values=list(MISSING),
                skipinitialspace=True,
                low_memory=False,
                index_col=False,
            )
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, pd.errors.ParserError) as error:
        raise InputError(f"expected a text table in {path}, it cannot be read: {error}") from error
    except pd.errors.EmptyDataError:
        raise InputError(f"expected a header with IID in {path}, the file is empty") from None


def _open(path: Path) -> TextIO:
    if path.suffix in (".gz", ".bgz"):
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _check_rows(path: Path, separator: str) -> None:
    """Refuse what pandas would mend in silence: short rows, and columns of one name."""
    header: list[str] = []
    for number, fields in _rows(path, separator):
        if not header:
            header = fields
            refuse_repeats(header, path)
        elif len(fields) != len(header):
            raise InputError(
                f"expected {len(header)} fields in every row of {path}, got {len(fields)} in line "
                f"{number}: the file is cut short or has another delimiter there"
            )


def _rows(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    with _open(path) as lines:
        if separator == r"\s+":
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.split()
            return
        reader = csv.reader(lines, delimiter=separator)
        for row in reader:
            if row:
                yield reader.line_num, row


def refuse_repeats(names: Iterable[str], path: Path) -> None:
    """Raise where two columns have one name."""
    counts = Counter(names)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise InputError(
            f"expected column names once each, {path} repeats {', '.join(repeated)}: rename them"
        )


def index_by_person(table: pd.DataFrame, path: Path, id_rule: IdRule) -> pd.DataFrame:
    """A table without FID and IID, indexed by them; withdrawn people left out, repeats refused."""
    if id_rule == "fid_iid" and "FID" not in table.columns:
        raise InputError(
            f"expected FID beside IID in {path} (people are named FID_IID), the header has "
            f"{listing(table.columns)}: add FID or name people by IID alone"
        )
    parts = {
        part: person_names(table, part, path) for part in ("IID", "FID") if part in table.columns
    }
    person = parts["IID"] if id_rule == "iid" else parts["FID"] + "_" + parts["IID"]
    withdrawn = parts["IID"].str.fullmatch(WITHDRAWN).to_numpy(bool)
    table = table.drop(columns=list(parts)).set_axis(pd.Index(person, name="person"), axis=0)
    table = table[~withdrawn]
    if withdrawn.any():
        log.info("%s: %d withdrawn people (negative IDs) left out", path, withdrawn.sum())
    repeated = table.index[table.index.duplicated()].unique()
    if len(repeated):
        hint = "" if id_rule == "fid_iid" or "FID" not in parts else " or name people by FID_IID"
        raise InputError(
            f"expected each person once in {path}, {len(repeated):,} are there twice or more "
            f"({listing(repeated, 3)}): keep one row of each{hint}"
        )
    table.attrs["n_withdrawn"] = int(withdrawn.sum())
    return table


def person_names(table: pd.DataFrame, part: str, path: Path) -> pd.Series:
    """FID or IID as text; whole numbers without a decimal point."""
    column = table[part]
    missing = column.isna().to_numpy()
    if part == "IID" and missing.any():
        row = int(np.flatnonzero(missing)[0]) + 1
        raise InputError(f"expected a name in every row of {path}, IID is missing in row {row}")
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(str).where(~missing, "NA").str.strip()


def listing(names: Iterable[object], at_most: int = 8) -> str:
    """The first names, and how many there are."""
    texts = [str(name) for name in names]
    more = f", ... ({len(texts)} in all)" if len(texts) > at_most else ""
    return (", ".join(texts[:at_most]) + more) or "nothing"


def _not_found(name: str, tables: Mapping[str, pd.DataFrame]) -> str:
    homes = {str(c): path for path, table in tables.items() for c in table.columns}
    spelled: dict[str, str] = {}
    for known in homes:
        spelled.setdefault(known.lower(), known)
    near = [spelled[k] for k in difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.5)]
    places = ", ".join(tables) or "any table"
    if near:
        hint = "did you mean " + " or ".join(f"{known} (in {homes[known]})" for known in near)
    else:
        hint = f"the columns are {listing(homes)}"
    return f"expected a column {name} in {places}, there is none: {hint}?"


def _batch(tables: Mapping[str, pd.DataFrame]) -> pd.Series | None:
    found = [t[c] for t in tables.values() for c in t.columns if _BATCH_FIELD.fullmatch(str(c))]
    return found[0] if len(found) == 1 else None


def _array_of_batch(batch: pd.Series) -> pd.Series:
    values = numbers(batch.to_frame(), str(batch.name))
    array = np.select([values < 0, values > 0], ["UKBiLEVE", "UKBAxiom"], default="")
    return pd.Series(array, index=batch.index, dtype=object).replace({"": np.nan})
