"""Lists of participants and of variants: the one reader of ``--keep``, ``--withdrawn`` and others.

People write such lists by hand, export them from a spreadsheet or get them from a biobank: one ID
a line or all in one line, between commas or quotation marks, with a header, a date or a family ID
beside it. A list that cannot be understood, or that names nobody, is an error: participants who
withdrew must not stay because of a comma.
"""

from __future__ import annotations

import csv
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, listed
from gwasbone.phenotypes.participants import (
    IdRule,
    bare,
    names_families,
    names_participants,
    plain_ids,
)
from gwasbone.text_files import survey_text

log = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]

_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ].*)?")
_NOT_AN_ID = re.compile(r"[\s\"']")
#: Headers of a list of variants, in lower case; the first of them in a file is its column of IDs.
_VARIANT_HEADERS = ("variant_id", "id", "snp", "rsid", "rs_id", "markername", "marker", "variant")
_LIST_HEADERS = ("id", "sample", "sample_id", "participant")


@dataclass(frozen=True)
class ParticipantList:
    """Participants as a file lists them.

    Parameters
    ----------
    path : the file.
    iids : (n,) their IDs.
    fids : (n,) their family IDs; None where the list has none.
    pairs_may_be_ids : whether the two columns may as well be two participants a line.
    """

    path: Path
    iids: pd.Series
    fids: pd.Series | None = None
    pairs_may_be_ids: bool = False

    def among(self, people: pd.DataFrame, flag: str) -> BoolArray:
        """(rows,) who of a table of participants is listed; how many are is said in the log.

        Parameters
        ----------
        people : indexed by ID, with ``fid`` and ``iid``.
        flag : the option that names the list, for messages.

        Raises
        ------
        InputError
            The list names nobody of them.
        """
        found = np.asarray(people.index.isin(self.iids)) if self.fids is None else False
        found = found | self.rows(people["iid"].astype(str), people["fid"].astype(str))
        if not found.any():
            ours = self.iids if self.fids is None else self.fids + " " + self.iids
            raise InputError(
                f"expected participants of the genotypes in {flag} {self.path}, none of the "
                f"{len(ours):,} listed is among them: the list has {listed(ours, 2)}, the "
                f"genotypes have {listed(people.index, 2)}; leave the list out, or see --id"
            )
        n_listed = max(len(self.iids.drop_duplicates()), int(found.sum()))
        log.info(
            "%s %s: %d of the %d participants listed are among the %d of the genotypes",
            flag, self.path, found.sum(), n_listed, len(people),
        )  # fmt: skip
        return found

    def names(self, id_rule: IdRule) -> pd.Index:
        """What the participants are called: IID, or FID and IID joined with ``_``.

        Raises
        ------
        InputError
            The list has no FID, and participants are named by both.
        """
        if id_rule == "iid":
            return pd.Index(self.iids)
        if self.fids is None:
            raise InputError(
                f"expected FID and IID on each line of {self.path}, for --id fid_iid, it has one ID"
            )
        return pd.Index(self.fids + "_" + self.iids)

    def rows(self, iid: pd.Series, fid: pd.Series | None = None) -> BoolArray:
        """(n,) who of some participants is listed, by ID and, where both have it, family ID."""
        if self.fids is None:
            return np.asarray(iid.isin(self.iids).to_numpy())
        no_families = fid is None
        fid = pd.Series("0", index=iid.index) if fid is None else fid
        listed_pairs = pd.MultiIndex.from_arrays([self.fids, self.iids])
        found = np.asarray(pd.MultiIndex.from_arrays([fid, iid]).isin(listed_pairs))
        # a file of two columns may spell an absent family ID as 0 or repeat the ID
        loose = self.iids[(self.fids == "0") | (self.fids == self.iids)]
        if no_families:
            loose = self.iids
        absent = ((fid == "0") | (fid == iid)).to_numpy()
        found |= absent & iid.isin(loose).to_numpy()
        if not found.any() and self.pairs_may_be_ids:
            found = iid.isin([*self.fids, *self.iids]).to_numpy()
        return found


def read_participant_list(path: Path) -> ParticipantList:
    """Read a list of participants.

    Parameters
    ----------
    path : IDs, one a line or between commas; or family ID and ID; a header, quotation marks, a
        column of dates and IDs such as ``1000001.0`` are understood.

    Raises
    ------
    InputError
        No such file, nobody in it, or something that is no ID (with its line).
    """
    text = _text(path)
    separator = next((s for s in "\t,;" if s in text), None)
    rows, lines = _fields(path, text, separator)
    header = [bare(name) for name in rows[0]]
    if any(names_participants(h) or names_families(h) or h in _LIST_HEADERS for h in header):
        return _by_header(path, header, rows[1:], lines[1:])
    rows = [[field for field in row if not _DATE.fullmatch(field)] for row in rows]
    if [] in rows:
        line = lines[rows.index([])]
        raise InputError(f"expected an ID in each line of {path}, line {line} has a date only")
    lengths = {len(row) for row in rows}
    if separator is not None and (len(lengths) > 1 or (len(rows) == 1 and len(rows[0]) > 2)):
        fields = [(field, line) for row, line in zip(rows, lines, strict=True) for field in row]
        return ParticipantList(path, _ids(path, *map(list, zip(*fields, strict=True))))
    if len(lengths) > 1:
        i = next(i for i, row in enumerate(rows) if len(row) != len(rows[0]))
        raise InputError(
            f"expected as many columns in every line of {path}, line {lines[0]} has "
            f"{len(rows[0])} and line {lines[i]} has {len(rows[i])}: give one ID a line"
        )
    columns = [list(column) for column in zip(*rows, strict=True)]
    if len(columns) == 1:
        return ParticipantList(path, _ids(path, columns[0], lines))
    fids, iids = (_ids(path, column, lines) for column in columns[:2])
    flat = separator is not None and len(rows) == 1
    return ParticipantList(path, iids, fids, pairs_may_be_ids=flat)


def read_variant_list(path: Path) -> list[str]:
    """Read a list of variants: the first column, or that of a header such as ``variant_id``.

    Raises
    ------
    InputError
        No such file, or nothing in it.
    """
    text = _text(path)
    first, _, others = text.partition("\n")
    # elsewhere a comma may belong to an ID, such as that of a variant of several alleles
    comma = "," in first and (not others.strip() or any(map(_names_a_column, first.split(","))))
    rows, _ = _fields(path, text, "," if comma else None)
    header = [bare(name) for name in rows[0]]
    column = next((header.index(name) for name in _VARIANT_HEADERS if name in header), None)
    if column is None:
        return rows[0] if comma else [row[0] for row in rows]
    return [row[column] for row in rows[1:] if len(row) > column]


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"expected a list of IDs, there is no file {path}: check the path")
    with survey_text(path).open() as file:
        return "\n".join(file.read().splitlines()).strip("\n")


def _fields(path: Path, text: str, separator: str | None) -> tuple[list[list[str]], list[int]]:
    """The fields of each line that has any, and its number."""
    texts = text.split("\n")
    found = map(str.split, texts) if separator is None else csv.reader(texts, delimiter=separator)
    rows, lines = [], []
    for number, row in enumerate(found, 1):
        if separator is not None or '"' in text:
            row = [field.strip().strip("\"'").strip() for field in row]
            while row and row[-1] == "":
                row.pop()
        if row:
            rows.append(row)
            lines.append(number)
    if not rows or (len(rows) == 1 and all(map(_names_a_column, rows[0]))):
        raise InputError(f"expected a list of IDs in {path}, the file is empty: leave it out")
    return rows, lines


def _names_a_column(name: str) -> bool:
    known = (*_VARIANT_HEADERS, *_LIST_HEADERS)
    return names_participants(name) or names_families(name) or bare(name) in known


def _by_header(
    path: Path, header: list[str], rows: list[list[str]], lines: list[int]
) -> ParticipantList:
    named = [i for i, name in enumerate(header) if names_participants(name)]
    named = named or [i for i, name in enumerate(header) if name in _LIST_HEADERS]
    if not named:
        raise InputError(f"expected a column IID in {path}, it has {listed(header)}: add it")
    own = header.index("iid") if "iid" in header else named[0]

    def column(i: int) -> pd.Series:
        return _ids(path, [row[i] if len(row) > i else "" for row in rows], lines)

    fids = column(header.index("fid")) if "fid" in header else None
    return ParticipantList(path, column(own), fids)


def _ids(path: Path, fields: list[str], lines: list[int]) -> pd.Series:
    for field, line in zip(fields, lines, strict=True):
        if field == "" or _NOT_AN_ID.search(field):
            raise InputError(
                f"expected an ID in each line of {path}, line {line} has {field[:60]!r}: give one "
                "ID of a participant a line"
            )
    return plain_ids(pd.Series(fields, dtype=object))
