"""The layout of a table of participants in text: separator, header, rows of one length.

What pandas and Arrow would mend in silence is refused here: rows of other lengths, line breaks
within fields, columns of one name. What other programs write is understood: comment lines before
the header, PLINK's tables without a header, R's row names, a separator at the end of each line.
"""

from __future__ import annotations

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from gwasbone.errors import InputError, listed
from gwasbone.phenotypes.participants import names_families, names_participants
from gwasbone.text_files import TextFile, glance_at_text, survey_text, text_faults_named

log = logging.getLogger(__name__)

#: Spellings of a missing value; codes such as -9 are missing by a rule of their own.
MISSING = ("NA", "NaN", "nan", "")
#: Between fields of a table that neither tabs nor commas nor semicolons divide.
BLANKS = r"\s+"

_SEPARATORS = ("\t", ",", ";")
_FIELD = re.compile(r'(?:"[^"]*"|\S)+')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FAM = ["FID", "IID", "father", "mother", "sex", "PHENO1"]


@dataclass(frozen=True)
class TableLayout:
    """A table of participants in text, of which only the first lines have been read.

    Parameters
    ----------
    file : the text.
    separator : between fields; ``BLANKS`` for any number of blanks and tabs.
    header : names of the columns, in order.
    first_row : number of lines before the first row.
    row_names : whether rows begin with a name that has no column, as R writes them.
    """

    file: TextFile
    separator: str
    header: tuple[str, ...]
    first_row: int
    row_names: bool = False

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def row_columns(self) -> list[str]:
        """Names of the fields of a row, R's row names included."""
        return ["", *self.header] if self.row_names else list(self.header)

    def rows(self) -> TextIO:
        """The text from the first row on."""
        stream = self.file.open()
        for _ in range(self.first_row):
            stream.readline()
        return stream

    def check_rows(self) -> None:
        """Refuse rows of other lengths than the header, which pandas would mend.

        Raises
        ------
        InputError
            Such a row, with its line.
        """
        with self.rows() as stream:
            for number, line in enumerate(stream, self.first_row + 1):
                if line.strip("\r\n") and not self._fits(line):
                    n = len(_split(line, self.separator))
                    raise InputError(
                        f"expected {len(self.row_columns)} fields in every row of {self.path}, got "
                        f"{n} in line {number}: the file is cut short or has another delimiter "
                        "there"
                    )

    def _fits(self, line: str) -> bool:
        n = len(self.row_columns)
        if self.separator == BLANKS:
            return len(line.split() if '"' not in line else _split(line, BLANKS)) == n
        line = line.rstrip("\r\n")
        if '"' not in line:
            found = line.count(self.separator) + 1
            return found == n or (found == n + 1 and line.endswith(self.separator))
        fields = _split(line, self.separator)
        return len(fields) == n or (len(fields) == n + 1 and fields[-1] == "")

    def read(self, text_columns: Iterable[str] | None = None) -> pd.DataFrame:
        """All rows.

        Parameters
        ----------
        text_columns : columns to read as text, in which only an empty field is missing; those of
            IDs by default. The others are numbers where all their values are.
        """
        self.check_rows()
        if text_columns is None:
            text_columns = [n for n in self.header if names_participants(n) or names_families(n)]
        text = set(text_columns)
        names = [name or f"\0{i}" for i, name in enumerate(self.row_columns)]
        with self.rows() as stream, text_faults_named(self.path):
            try:
                table = pd.read_csv(
                    stream,
                    sep=self.separator,
                    header=None,
                    names=names,
                    dtype=dict.fromkeys(text, str),
                    keep_default_na=False,
                    na_values={n: [""] if n in text else list(MISSING) for n in names},
                    skipinitialspace=True,
                    low_memory=False,
                    index_col=False,
                )
            except pd.errors.EmptyDataError:
                table = pd.DataFrame({name: pd.Series(dtype=object) for name in names})
            except pd.errors.ParserError as error:
                raise InputError(
                    f"expected a text table in {self.path}, it cannot be read: {error}"
                ) from error
        return table[[name for name in names if not name.startswith("\0")]]


def find_layout(
    path: Path, *, max_gb: float | None = None, unnamed: str = "PHENO", header_only: bool = False
) -> TableLayout:
    """Find the header of a table of participants and what separates its fields.

    Parameters
    ----------
    max_gb : gigabytes of text that may come out of a compressed table; by default the limit in
        effect (:mod:`gwasbone.table_limit`).
    unnamed : begins the names of the columns of a table without a header.
    header_only : only the header is wanted: the rest of the file is not looked at.

    Raises
    ------
    InputError
        The file is empty or cannot be read, or two columns have one name.
    """
    file = glance_at_text(path) if header_only else survey_text(path, max_gb=max_gb)
    with file.open() as stream, text_faults_named(path):
        before, line = _first_line(stream)
        second = next((line for line in stream if line.strip()), "")
    if not line:
        raise InputError(f"expected a header with IID in {path}, the file is empty: fill it")
    separator = _separator(line)
    fields = [field.strip() for field in _split(line, separator)]
    if _has_no_header(fields, separator):
        header = _made_header(len(fields), path, unnamed)
        log.warning("%s: no header, so its columns are called %s", path, listed(header))
        return TableLayout(file, separator, tuple(header), before)
    refuse_repeats([name for name in fields if name], path)
    row = _split(second, separator)
    row_names = len(row) == len(fields) + 1 and row[0].strip() == "1" and row[-1].strip() != ""
    return TableLayout(file, separator, tuple(fields), before + 1, row_names)


def refuse_repeats(names: Iterable[str], path: Path) -> None:
    """Raise where two columns have one name."""
    counts = Counter(names)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise InputError(
            f"expected column names once each, {path} repeats {listed(repeated)}: rename them"
        )


def _first_line(stream: TextIO) -> tuple[int, str]:
    """Number of the lines before the header, and the header; empty where there is none."""
    comment = ""
    for number, line in enumerate(stream):
        if not line.strip():
            continue
        if line.startswith("#") and not _names_somebody(line):
            comment = comment or line
            continue
        return number, line
    return 0, comment


def _names_somebody(line: str) -> bool:
    fields = _split(line, _separator(line))
    return any(names_participants(field) or names_families(field) for field in fields)


def _separator(line: str) -> str:
    for separator in _SEPARATORS:
        if separator in line:
            fields = _split(line, separator)
            # FID and IID with a blank between them, and tabs elsewhere
            if not any(names_participants(field) for field in fields):
                by_blanks = _split(line, BLANKS)
                if separator == "\t" and any(names_participants(field) for field in by_blanks):
                    return BLANKS
            return separator
    return BLANKS


def _split(line: str, separator: str) -> list[str]:
    if separator == BLANKS:
        return [field.strip('"') for field in _FIELD.findall(line)]
    return next(csv.reader([line.rstrip("\r\n")], delimiter=separator, skipinitialspace=True), [])


def _has_no_header(fields: list[str], separator: str) -> bool:
    if separator not in ("\t", BLANKS) or len(fields) < 3:
        return False
    if any(names_participants(field) or names_families(field) for field in fields):
        return False
    return all(field in MISSING or _NUMBER.fullmatch(field) for field in fields[2:])


def _made_header(n: int, path: Path, unnamed: str) -> list[str]:
    if n == len(_FAM) and path.suffix == ".fam":
        return _FAM
    return ["FID", "IID", *(f"{unnamed}{i + 1}" for i in range(n - 2))]
