"""The tables beside a PGEN file: variants (.pvar, .pvar.zst) and participants (.psam)."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import zstandard

from gwasbone.cohort.sources.bed import read_bim, read_fam
from gwasbone.cohort.sources.tables import TEXT, sex_codes
from gwasbone.errors import InputError
from gwasbone.ranges import open_stream

#: The columns of a .pvar that are read, as its header names them.
_PVAR = {
    "#CHROM": "chromosome", "POS": "base_pair_location", "ID": "source_id", "REF": "ref",
    "ALT": "alt",
}  # fmt: skip
#: Imputation scores that a .pvar may hold in INFO; the first that is declared is read.
_SCORES = ("INFO", "R2", "DR2")
#: Text that is no value of a phenotype.
_NO_VALUE = {"NA", "NAN", "NONE", ".", ""}
#: Columns of a .psam that are no phenotypes.
_NOT_PHENOTYPES = {"FID", "IID", "SID", "PAT", "MAT", "SEX"}


@dataclass(frozen=True)
class PvarHeader:
    """What stands above the variants of a .pvar.

    Parameters
    ----------
    columns : the words of its #CHROM line; empty where it has none.
    n_lines : lines to skip.
    score : the imputation score that INFO is declared to hold, or None.
    tabs : whether columns are separated by tabs, and not by any blanks.
    """

    columns: tuple[str, ...]
    n_lines: int
    score: str | None
    tabs: bool


def read_pvar(path: str | Path) -> pd.DataFrame:
    """Columns ``chromosome``, ``base_pair_location``, ``source_id``, ``ref``, ``alt``.

    ``alt`` has all ALT alleles of a variant, joined by commas; ``info`` is the imputation score,
    where INFO is declared to hold one as INFO, R2 or DR2; ``provisional`` marks the variants whose
    reference allele is provisional (the flag PR), where any is. A file without a #CHROM line is
    read as a .bim, as PLINK 2 does.

    Raises
    ------
    InputError
        Not a .pvar, cut short, or with a position that is no whole number.
    """
    try:
        header = _pvar_header(path)
        if not header.columns:
            if str(path).endswith(".zst"):
                raise InputError(
                    f"{path}: expected a header line with #CHROM, found none: decompress the file, "
                    "or rewrite it with plink2 --make-pgen"
                )
            return read_bim(path)
        table = _read_columns(path, header)
    except zstandard.ZstdError as error:
        raise InputError(f"{path}: not readable as zstd, or cut short: {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text, got other bytes: {error}") from None
    return _with_info(table, header)


@contextlib.contextmanager
def _open(path: str | Path) -> Iterator[IO[bytes]]:
    with open_stream(path) as stream:
        if not str(path).endswith(".zst"):
            yield stream
            return
        unpacker = zstandard.ZstdDecompressor()
        with unpacker.stream_reader(stream, read_across_frames=True) as text:
            yield io.BufferedReader(_Raw(text))


class _Raw(io.RawIOBase):
    """A stream of zstandard's, as what reads lines and CSV takes it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n: int = self._stream.readinto(buffer)
        return n


def _pvar_header(path: str | Path) -> PvarHeader:
    declared: set[str] = set()
    n = 0
    with _open(path) as stream:
        for raw in stream:
            line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            n += 1
            if line.startswith("##INFO=<ID="):
                declared.add(line[len("##INFO=<ID=") :].split(",", 1)[0].rstrip(">"))
            elif line.startswith("#CHROM"):
                columns = tuple(line.split())
                absent = [name for name in _PVAR if name not in columns]
                if absent:
                    raise InputError(
                        f"{path} line {n}: expected the columns {', '.join(_PVAR)}, got "
                        f"{' '.join(columns[:8])}: {absent[0]} is missing"
                    )
                score = next((name for name in _SCORES if name in declared), None)
                if "INFO" not in columns:
                    score = None
                return PvarHeader(columns, n, score, "\t" in line)
            elif line and not line.startswith("#"):
                break
    return PvarHeader((), 0, None, tabs=True)


def _read_columns(path: str | Path, header: PvarHeader) -> pd.DataFrame:
    """The wanted columns, all text but positions."""
    wanted = dict(_PVAR)
    if "INFO" in header.columns:
        wanted["INFO"] = "INFO"
    table = _read_tabbed(path, header, wanted) if header.tabs else None
    if table is not None:
        return table
    try:
        with _open(path) as stream:
            frame = pd.read_csv(
                stream, sep="\t" if header.tabs else r"\s+", header=None, dtype=str,
                keep_default_na=False, quoting=csv.QUOTE_NONE, engine="c", skiprows=header.n_lines,
                names=list(range(len(header.columns))), skip_blank_lines=True,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: expected at least one variant, found none") from None
    except pd.errors.ParserError as error:
        raise InputError(
            f"{path}: expected {len(header.columns)} columns on every line: "
            f"{str(error).splitlines()[-1]}"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: not readable: {error}") from None
    short = (frame.isna().any(axis=1) | frame.iloc[:, -1].eq("")).to_numpy()
    if not isinstance(frame.index, pd.RangeIndex) or short.any():
        line = header.n_lines + 1 + (int(np.argmax(short)) if short.any() else 0)
        raise InputError(
            f"{path} line {line}: expected {len(header.columns)} columns, got another number; is "
            "the file cut short?"
        )
    frame = frame.set_axis(list(header.columns), axis=1)[list(wanted)].rename(columns=wanted)
    position = pd.to_numeric(frame["base_pair_location"], errors="coerce")
    bad = (position.isna() | (position % 1 != 0)).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{path} line {row + 1 + header.n_lines}: expected a whole number as position, got "
            f"{frame['base_pair_location'].iloc[row]!r}"
        )
    return frame.assign(base_pair_location=position.astype(np.int64))


def _read_tabbed(
    path: str | Path, header: PvarHeader, wanted: dict[str, str]
) -> pd.DataFrame | None:
    """As PLINK 2 writes it; None where it is anything else, which the careful reader then reads.

    The file is read a piece at a time; chromosomes and alleles are shared between rows, and IDs
    stay in Arrow.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    shared, text = pa.dictionary(pa.int32(), pa.string()), pa.string()
    kinds = {
        "chromosome": shared, "base_pair_location": pa.int64(), "source_id": text, "ref": shared,
        "alt": shared, "INFO": text,
    }  # fmt: skip
    pieces: dict[str, list[pa.Array]] = {name: [] for name in wanted}
    try:
        with (
            _open(path) as stream,
            arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    column_names=list(header.columns), skip_rows=header.n_lines
                ),
                parse_options=arrow_csv.ParseOptions(delimiter="\t", quote_char=False),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={name: kinds[key] for name, key in wanted.items()},
                    include_columns=list(wanted),
                    null_values=[],
                ),
            ) as batches,
        ):
            for batch in batches:
                for name in wanted:
                    pieces[name].append(batch[name])
    except (pa.ArrowInvalid, OSError):
        return None
    columns = {key: pa.chunked_array(pieces.pop(name), kinds[key]) for name, key in wanted.items()}
    table: dict[str, Any] = {}
    for key, column in columns.items():
        if kinds[key] == shared:
            values = column.unify_dictionaries().to_pandas()
            if "" in values.cat.categories:
                return None
            table[key] = values if key == "chromosome" else values.astype(object)
        elif kinds[key] == text:
            table[key] = pd.Series(pd.array(column, dtype=TEXT))
        else:
            table[key] = column.to_numpy()
    return pd.DataFrame(table, copy=False)


def _with_info(table: pd.DataFrame, header: PvarHeader) -> pd.DataFrame:
    """The imputation score and the flag PR, instead of the text of INFO."""
    if "INFO" not in table:
        return table
    info, table = table["INFO"].astype(str), table.drop(columns="INFO")
    if header.score is not None:
        found = info.str.extract(rf"(?:^|;){header.score}=([^;,]*)", expand=False)
        table = table.assign(info=pd.to_numeric(found, errors="coerce").to_numpy(np.float64))
    provisional = info.str.contains(r"(?:^|;)PR(?:;|$)", regex=True).to_numpy(dtype=bool)
    return table.assign(provisional=provisional) if provisional.any() else table


@dataclass(frozen=True)
class Psam:
    """The participants of a PGEN file.

    Parameters
    ----------
    people : columns ``fid``, ``iid``, ``sex`` (1 male, 2 female, 0 unknown).
    phenotypes : the other columns, numbers where all values are numbers; categories as text.
    states_sex : whether the file has a column of sex.
    """

    people: pd.DataFrame
    phenotypes: pd.DataFrame
    states_sex: bool


def read_psam(path: str | Path) -> Psam:
    """Read a .psam file, or a .fam file of that name (no header line).

    The header is the last line that begins with ``#FID`` or ``#IID``; lines above it that begin
    with ``#`` are comments. ``SID``, ``PAT`` and ``MAT`` are not used.

    Raises
    ------
    InputError
        Nobody in it, a line with another number of columns, columns of one name.
    """
    with open_stream(path) as stream:
        try:
            lines = stream.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: expected text, got other bytes: {error}") from None
    at = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines)) - 1
    if at < 0:
        fam = read_fam(path)
        return Psam(fam, pd.DataFrame(index=fam.index), states_sex=True)
    columns = lines[at][1:].split()
    if columns[:1] not in (["FID"], ["IID"]) or "IID" not in columns:
        raise InputError(
            f"{path} line {at + 1}: expected a header line that begins with #FID IID or #IID, got "
            f"{lines[at][:40]!r}"
        )
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise InputError(f"{path} line {at + 1}: expected each column once, {twice} is there twice")
    rows = [(i, line.split()) for i, line in enumerate(lines[at + 1 :], at + 2) if line.strip()]
    for i, row in rows:
        if len(row) != len(columns):
            raise InputError(
                f"{path} line {i}: expected {len(columns)} columns as in the header, got {len(row)}"
            )
    frame = pd.DataFrame([row for _, row in rows], columns=columns, dtype=str)
    states_sex = "SEX" in columns
    sex = sex_codes(frame["SEX"], where=str(path)) if states_sex else np.int8(0)
    people = pd.DataFrame(
        {"fid": frame.get("FID", "0"), "iid": frame["IID"], "sex": sex}, index=frame.index
    )
    names = [name for name in columns if name not in _NOT_PHENOTYPES]
    return Psam(
        people,
        pd.DataFrame({name: _values(frame[name]) for name in names}, index=frame.index),
        states_sex,
    )


def _values(column: pd.Series) -> pd.Series:
    """Numbers where all that is not missing is a number, else text."""
    known = column.where(~column.str.upper().isin(_NO_VALUE))
    numbers = pd.to_numeric(known, errors="coerce")
    return numbers if (numbers.notna() | known.isna()).all() else known
