"""Rows of GWAS-SSF as text: what variants and participants share among traits is formatted once.

Columns are joined to whole lines in Arrow, whose string arrays are the bytes of the file already.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from gwasbone.tables import bytes_of, joined

MISSING = "#NA"

# The validator refuses a bare 0 in the p-value column (it takes it for an underflowed p), yet
# −log10(1) is 0. Ten to the power of −1e-17 is exactly 1 in float64.
_P_OF_ONE = 1e-17
_GZIP_LEVEL = 1
_GZIP_WINDOW_BITS = 31  # deflate with a gzip header, which isal leaves without name and time
_NAMES = "chromosome base_pair_location effect_allele other_allele"
# Traits of the same people; with more sets of people than this, text is made again.
_MOST_SHARED = 8


def ssf_header(has_rsids: bool) -> str:
    """Names of the columns of the data file."""
    rsid = " rsid" if has_rsids else ""
    return (
        f"{_NAMES} beta standard_error effect_allele_frequency neg_log_10_p_value "
        f"variant_id n call_rate test{rsid} source_id"
    )


def untested_header() -> str:
    """Names of the columns of the table of what could not be tested."""
    return f"{_NAMES} effect_allele_frequency n call_rate test source_id status"


class GzipText:
    """A gzipped TSV, written a piece at a time; equal text gives equal bytes.

    Parameters
    ----------
    path : the file.
    header : names of the columns, separated by spaces.
    """

    def __init__(self, path: Path, header: str) -> None:
        self._file = open(path, "wb")  # noqa: SIM115
        self._gzip = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW_BITS)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.write((header.replace(" ", "\t") + "\n").encode())

    def __enter__(self) -> GzipText:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, text: bytes | memoryview) -> None:
        """Append text."""
        self._append(self._gzip.compress(text))

    def close(self) -> str:
        """Complete the file, on disk; gives the md5 of its bytes."""
        self._append(self._gzip.flush())
        self._file.flush()
        # here, where other traits' threads go on meanwhile
        os.fsync(self._file.fileno())
        self._file.close()
        return self._md5.hexdigest()

    def _append(self, compressed: bytes) -> None:
        self._md5.update(compressed)
        self._file.write(compressed)


@dataclass
class VariantText:
    """Variants of a piece of a scan as text.

    Parameters
    ----------
    table : the columns ``VARIANT_COLUMNS``.
    alleles_fine : (m,) whether the Catalog takes both alleles.
    """

    table: pa.Table
    alleles_fine: npt.NDArray[np.bool_]
    _locus_and_alleles: pa.Array
    _variant_id: pa.Array
    _ids: pa.Array
    _source_id: pa.Array
    _people: list[_PeopleText] = field(default_factory=list)

    @classmethod
    def of(cls, table: pa.Table, *, has_rsids: bool) -> VariantText:
        """The texts of a table of variants."""
        table = table.combine_chunks()
        text = {name: _text(table[name]) for name in table.column_names}
        locus = (text["chromosome"], text["base_pair_location"])
        other, effect = text["other_allele"], text["effect_allele"]
        ids = [text["source_id"]]
        if has_rsids:
            ids.insert(0, pc.if_else(is_rsid(_one(table["source_id"])), ids[0], MISSING))
        fine = np.ones(len(table), dtype=bool)
        for name in ("other_allele", "effect_allele"):
            found = pc.match_substring_regex(table[name], "^[ACGTacgt]+$")
            fine &= found.to_numpy(zero_copy_only=False)
        return cls(
            table=table,
            alleles_fine=fine,
            _locus_and_alleles=joined(*locus, effect, other),
            _variant_id=joined(*locus, other, effect, separator="_"),
            _ids=joined(joined(*ids), "", separator="\n"),
            _source_id=text["source_id"],
        )

    def rows(self, trait: pa.Table, chosen: pa.Array | None) -> memoryview:
        """Lines of the data file: of all variants, or of those where ``chosen`` is True."""
        people = self._people_of(trait)
        before, between, after = self._locus_and_alleles, people.frequency, people.after_p
        if chosen is not None:
            trait = trait.filter(chosen)
            before, between, after = (part.filter(chosen) for part in (before, between, after))
        p = pa.chunked_array([np.maximum(trait["neg_log_10_p_value"].to_numpy(), _P_OF_ONE)])
        lines = joined(
            before, _text(trait["beta"]), _text(trait["standard_error"]), between, _text(p), after
        )
        return bytes_of(lines)

    def untested_rows(
        self, trait: pa.Table, chosen: pa.Array, status: npt.NDArray[np.object_]
    ) -> memoryview:
        """Lines of the table of untested variants.

        Parameters
        ----------
        trait : the rows of the trait where ``chosen``, (m,), is True. status : one for each.
        """
        names = ("effect_allele_frequency", "n", "call_rate", "test")
        numbers = [_text(trait[name]) for name in names]
        ending = joined(
            _text(pa.chunked_array([pa.array(status, pa.string())])), "", separator="\n"
        )
        before, source_id = (
            part.filter(chosen) for part in (self._locus_and_alleles, self._source_id)
        )
        return bytes_of(joined(before, *numbers, source_id, ending))

    def _people_of(self, trait: pa.Table) -> _PeopleText:
        """The text of what depends on the participants of a trait, shared by traits of the same."""
        columns = [trait[name] for name in _PeopleText.COLUMNS]
        for people in self._people:
            if all(a.equals(b) for a, b in zip(people.columns, columns, strict=True)):
                return people
        frequency, n, call_rate, test = map(_text, columns)
        after_p = joined(self._variant_id, n, call_rate, test, self._ids)
        people = _PeopleText(columns, frequency, after_p)
        if len(self._people) < _MOST_SHARED:
            self._people.append(people)
        return people


@dataclass(frozen=True)
class _PeopleText:
    """What a row says of the participants: the allele's frequency, and all that follows p."""

    columns: list[pa.ChunkedArray]
    frequency: pa.Array
    after_p: pa.Array

    COLUMNS = ("effect_allele_frequency", "n", "call_rate", "test")


def catalog_status(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Why each variant cannot go into a GWAS-SSF file, '' where it can.

    The table's own status where set; else ``symbolic_allele`` (``<DEL>``, ``*``, breakends),
    ``non_acgt_allele`` (``N``, ``I``/``D``), or ``not_finite`` (a number is missing).
    """
    own = table["status"].to_numpy(dtype=object)
    numbers = table[
        ["beta", "standard_error", "effect_allele_frequency", "neg_log_10_p_value"]
    ].to_numpy()
    symbolic = _either_allele(table, r"[<>\[\]*]")
    odd = _either_allele(table, r"[^ACGTacgt]|^$")
    return np.select(
        [own != "", symbolic, odd, ~np.isfinite(numbers).all(axis=1)],
        [own, "symbolic_allele", "non_acgt_allele", "not_finite"],
        default="",
    ).astype(object)


def _either_allele(table: pd.DataFrame, pattern: str) -> npt.NDArray[np.bool_]:
    """Where a regular expression is found in one of the alleles."""
    found = [
        pc.match_substring_regex(pa.array(table[name], pa.string()), pattern)
        for name in ("other_allele", "effect_allele")
    ]
    return np.asarray(pc.or_(*found).to_numpy(zero_copy_only=False), dtype=bool)


def is_rsid(source_id: Any) -> Any:
    """Where an ID is an rs number."""
    return pc.match_substring_regex(source_id, r"^rs[0-9]+$")


_FLOAT32 = np.finfo(np.float32)


def _text(column: pa.ChunkedArray) -> pa.Array:
    """A column as text; floats as the shortest decimal of their float32, missing as ``#NA``.

    Floats that a float32 cannot hold, such as effects on a trait of size 1e160, stay as they are.
    """
    if pa.types.is_floating(column.type):
        numbers = column.to_numpy()
        size = np.abs(numbers)
        beyond = ((size > _FLOAT32.max) & (size < np.inf)) | ((size < _FLOAT32.tiny) & (size > 0))
        with np.errstate(over="ignore"):
            single = pa.array(numbers.astype(np.float32), from_pandas=True)
        text = single.cast(pa.string())
        if beyond.any():
            text = pc.if_else(beyond, pa.array(numbers, from_pandas=True).cast(pa.string()), text)
        return text.fill_null(MISSING) if text.null_count else text
    array = _one(column)
    if not pa.types.is_string(array.type):
        return array.cast(pa.string())
    # An ID or allele with a tab, line break or quote would break the table.
    if pc.any(pc.match_substring_regex(array, r"[\s\"]")).as_py():
        array = pc.replace_substring_regex(array, r"[\s\"]", "_")
    return pc.if_else(pc.equal(array, ""), MISSING, array)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
