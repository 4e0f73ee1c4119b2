"""A scan: the summary statistics of one trait, wherever they lie and however they are spelled.

A source of scans (a file format, a table in memory, a Hail Table) has one method to write,
:meth:`Scan.pieces`; whole tables, hits and numbers for a comparison are made of these pieces.
"""

from __future__ import annotations

import abc
import copy
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.errors import InputError, UsageError
from gwasbone.stats.genomic_control import lambda_gc
from gwasbone.stats.quantile_plot import QuantilePlotPoints, quantile_plot_points
from gwasbone.sumstats.checks import (
    ALLELES,
    NO_POSITION,
    UNKNOWN_CHROMOSOME,
    BoolArray,
    SetAside,
    impossible_values,
)
from gwasbone.sumstats.table import (
    ARROW_TYPES,
    KEY,
    SCAN_COLUMNS,
    canonical_table,
)
from gwasbone.sumstats.variants import DUPLICATE, AlleleCodes, Variants, most_significant

log = logging.getLogger(__name__)

Counter = Callable[[int], None]

#: What stands for a column that a scan does not have.
DEFAULTS: dict[str, Any] = {
    name: "" if kind == "object" else np.nan
    for name, kind in SCAN_COLUMNS.items()
    if name not in ("chromosome", "base_pair_location")
}


@dataclass(frozen=True)
class ScanHits:
    """Variants of a scan with a p-value below a threshold.

    Parameters
    ----------
    trait : the scan.
    table : scan table (``table.SCAN_COLUMNS``) of these variants.
    n_variants : variants of the scan, all of them; None where nobody counted.
    """

    trait: str
    table: pd.DataFrame
    n_variants: int | None


@dataclass(frozen=True)
class ScanPiece:
    """Consecutive rows of a scan.

    Parameters
    ----------
    table : the wanted columns by canonical name, without rows that were set aside.
    n_rows : rows of the scan that it stands for.
    """

    table: pa.Table
    n_rows: int


@dataclass(frozen=True)
class ReadRequest:
    """What is read of a scan.

    Parameters
    ----------
    columns : canonical names (``table.SCAN_COLUMNS``) out of :attr:`Scan.has`.
    aside : counts the rows that are left out, by reason.
    above : only rows with a −log10 p above this.
    count : called with the bytes read since it was called last.
    threads : whether a piece may be read on several cores.
    """

    columns: Sequence[str]
    aside: SetAside
    above: float | None = None
    count: Counter | None = None
    threads: bool = True


class Scan(abc.ABC):
    """Summary statistics of a trait.

    Parameters
    ----------
    name : the trait.
    where : file, and column where it holds several; for messages.
    format_name : such as ``GWAS-SSF`` or ``REGENIE``.
    build : ``GRCh37``, ``GRCh38``, or None where the source does not say it.
    n_bytes : size of the file, for progress.
    in_calling_thread : whether it must be read by the thread that asks for it.
    places_in_names : whether positions are only in the variants' names, if at all.
    """

    places_in_names = False

    def __init__(
        self, name: str, where: str, *, format_name: str, build: str | None = None, n_bytes: int = 0
    ) -> None:
        self.name, self.where, self.format_name = name, where, format_name
        self.build, self.n_bytes = build, n_bytes
        self.in_calling_thread = False

    @property
    @abc.abstractmethod
    def has(self) -> frozenset[str]:
        """Canonical columns that the source holds or that can be worked out from what it holds."""

    @abc.abstractmethod
    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        """What a request asks of the scan, a piece at a time, in the source's order."""

    def renamed(self, name: str) -> Scan:
        """The same scan under another name."""
        other = copy.copy(self)
        other.name = name
        return other

    def columns(self, needed: Sequence[str], wanted: Sequence[str] = ()) -> pd.DataFrame:
        """Some columns of all rows, texts in Arrow, rows in the source's order.

        Parameters
        ----------
        needed, wanted : canonical columns that must be there, and columns that are taken where
            they are.

        Raises
        ------
        InputError
            The scan cannot be read, lacks a needed column, or holds impossible values throughout.
        """
        self._refuse_absent(needed)
        chosen = [name for name in dict.fromkeys([*needed, *wanted]) if name in self.has]
        aside = SetAside(self.where)
        parts = [piece.table for piece in self.pieces(ReadRequest(chosen, aside))]
        report(aside)
        return arrow_backed(joined_pieces(parts, chosen))

    def table(self) -> pd.DataFrame:
        """The whole scan with the columns of ``table.SCAN_COLUMNS``, sorted by variant.

        Of a variant that stands in several rows the most significant is kept.

        Raises
        ------
        InputError
            As of :meth:`columns`.
        """
        self._refuse_absent((*KEY, "neg_log_10_p_value"))
        chosen = [name for name in SCAN_COLUMNS if name in self.has]
        aside = SetAside(self.where)
        parts = [piece.table for piece in self.pieces(ReadRequest(chosen, aside))]
        columns = most_significant_rows(joined_pieces(parts, chosen), aside)
        report(aside)
        return scan_table(columns)

    def hits(
        self, above: float, *, count: Counter | None = None, threads: bool = False
    ) -> ScanHits:
        """The variants with a −log10 p above a level, each once; see :meth:`table`."""
        self._refuse_absent((*KEY, "neg_log_10_p_value"))
        chosen = [name for name in SCAN_COLUMNS if name in self.has]
        aside, n, parts = SetAside(self.where), 0, []
        request = ReadRequest(chosen, aside, above=above, count=count, threads=threads)
        for piece in self.pieces(request):
            n += piece.n_rows
            if len(piece.table):
                parts.append(piece.table)
        columns = most_significant_rows(joined_pieces(parts, chosen), aside)
        report(aside)
        return ScanHits(self.name, scan_table(columns), n)

    def _refuse_absent(self, needed: Sequence[str]) -> None:
        if absent := [name for name in needed if name not in self.has]:
            raise InputError(
                f"{self.where}: expected {', '.join(absent)} in a scan ({self.format_name}), or "
                "columns that it can be computed from"
            )

    def scans(self) -> Scans:
        """This scan alone, as functions of several scans take it."""
        return Scans([self])

    def quantile_points(self) -> QuantilePlotPoints:
        """Observed and expected −log₁₀ p of the variants with a p-value, for a QQ plot."""
        return quantile_plot_points(self._tested_p())

    def lambda_gc(self) -> float:
        """Genomic inflation factor λ_GC over the variants with a p-value."""
        return lambda_gc(self._tested_p())

    def _tested_p(self) -> npt.NDArray[np.float64]:
        p = self.columns(["neg_log_10_p_value"])["neg_log_10_p_value"].to_numpy(dtype=np.float64)
        tested: npt.NDArray[np.float64] = p[~np.isnan(p)]
        return tested

    def __repr__(self) -> str:
        build = f", {self.build}" if self.build else ""
        return f"Scan: {self.name}, {self.format_name}{build}, {self.where}"


class FrameScan(Scan):
    """A scan that is a table in memory."""

    def __init__(self, name: str, table: pd.DataFrame, build: str | None = None) -> None:
        super().__init__(name, f"scan {name}", format_name="table", build=build)
        self._table = table

    @property
    def has(self) -> frozenset[str]:
        return frozenset(self._table.columns) & frozenset(SCAN_COLUMNS)

    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        table = self._table
        if request.above is not None:
            table = table[table["neg_log_10_p_value"].to_numpy(dtype=float) > request.above]
        raw = pa.table({name: _arrow(table[name], name) for name in request.columns})
        # p-values of a table in memory may be of another test than its effects
        fine = checked(raw, request.aside, lambda row: f"row {table.index[row]}", one_test=False)
        yield ScanPiece(fine, len(self._table))


def _arrow(column: pd.Series, name: str) -> pa.Array:
    try:
        return pa.array(column, from_pandas=True).cast(ARROW_TYPES[name])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise InputError(f"column {name}: expected {ARROW_TYPES[name]}, got {error}") from None


class Scans(Mapping[str, Scan]):
    """A collection of scans, by name.

    Parameters
    ----------
    scans : each with a name of its own.

    Raises
    ------
    UsageError
        Two scans have one name.
    """

    def __init__(self, scans: Collection[Scan]) -> None:
        self._scans: dict[str, Scan] = {}
        for scan in scans:
            if scan.name in self._scans:
                raise UsageError(
                    f"{self._scans[scan.name].where} and {scan.where} both hold a scan called "
                    f"{scan.name}: name each file by its trait, as PREFIX.TRAIT.tsv.gz"
                )
            self._scans[scan.name] = scan

    def __getitem__(self, name: str) -> Scan:
        return self._scans[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scans)

    def __len__(self) -> int:
        return len(self._scans)

    def __repr__(self) -> str:
        return f"Scans: {', '.join(self)}"

    def scans(self) -> Scans:
        """These scans, as results of a run give theirs."""
        return self

    def one(self, trait: str | None = None) -> Scan:
        """The scan of a trait; which may be left out where there is one scan only.

        Raises
        ------
        UsageError
            Several scans without a choice, or no such trait.
        """
        if trait is None and len(self) != 1:
            raise UsageError(f"expected the name of one scan as trait, one of {', '.join(self)}")
        if trait is not None and trait not in self:
            raise UsageError(f"expected one of the traits {', '.join(self)}, got {trait!r}")
        return self[trait if trait is not None else next(iter(self))]

    def common_build(self) -> str | None:
        """The build of the scans; None where none says it.

        Raises
        ------
        UsageError
            They are on different builds.
        """
        known = {scan.where: scan.build for scan in self.values() if scan.build is not None}
        if len(set(known.values())) > 1:
            words = ", ".join(f"{where} on {build}" for where, build in known.items())
            raise UsageError(f"expected scans on one build, got {words}: lift one over")
        return next(iter(known.values()), None)

    def refuse_other_build(self, build: str, of: str) -> None:
        """Raise :class:`UsageError` where scans say another build than something else has."""
        ours = self.common_build()
        if ours not in (None, build):
            where = next(scan.where for scan in self.values() if scan.build == ours)
            raise UsageError(f"{where} is on {ours}, {of} on {build}: take both on one build")


def checked(
    table: pa.Table,
    aside: SetAside,
    name_row: Callable[[int], str],
    *,
    one_test: bool = True,
    faults: Sequence[tuple[str, BoolArray]] = (),
) -> pa.Table:
    """A piece of a scan without rows that no scan can have.

    Parameters
    ----------
    table : canonical columns; numbers of any type, a chromosome that is none and a missing
        position NaN.
    aside : counts what is left out.
    name_row : says where a row of ``table`` stands.
    one_test : as in :func:`gwasbone.sumstats.checks.impossible_values`.
    faults : reason, and (m,) rows that have it, that are known already.
    """
    numbers = {
        name: table[name].to_numpy().astype(np.float64, copy=False)
        for name in table.column_names
        if not pa.types.is_string(table.schema.field(name).type)
    }
    every = list(faults)
    if "chromosome" in numbers:
        code = numbers["chromosome"]
        every.append((UNKNOWN_CHROMOSOME, ~((code >= 1) & (code <= 25))))
    if "base_pair_location" in numbers:
        every.append((NO_POSITION, np.isnan(numbers["base_pair_location"])))
    for name in ("effect_allele", "other_allele"):
        if name in table.column_names:
            every.append((ALLELES, _missing_text(table[name])))
    every += impossible_values(numbers, one_test=one_test)
    aside.examined += len(table)
    wrong = np.zeros(len(table), dtype=bool)
    for reason, mask in every:
        fresh = mask & ~wrong
        if fresh.any():
            row = int(np.flatnonzero(fresh)[0])
            aside.add(reason, int(fresh.sum()), lambda row=row: name_row(row))  # type: ignore[misc]
            wrong |= fresh
    fine = table.filter(pa.array(~wrong)) if wrong.any() else table
    return fine.cast(pa.schema([(name, ARROW_TYPES[name]) for name in fine.column_names]))


def _missing_text(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.is_null().to_numpy(), dtype=bool)


def report(aside: SetAside) -> None:
    """Warn of the rows that were set aside; refuse a scan that has many of them.

    Raises
    ------
    InputError
        More than a tenth of the rows hold impossible values.
    """
    aside.refuse_many()
    for line in aside.lines():
        log.warning("%s", line)


def most_significant_rows(columns: pa.Table, aside: SetAside) -> pa.Table:
    """Columns of a scan in which each variant stands once, by its most significant row."""
    if len(columns) < 2:
        return columns
    codes = AlleleCodes()
    effect, other = (codes.column(columns[n]) for n in ("effect_allele", "other_allele"))
    chromosome, position = (columns[n].to_numpy() for n in ("chromosome", "base_pair_location"))
    variants = Variants.of(chromosome, position, effect, other, codes)
    p = columns["neg_log_10_p_value"].to_numpy().astype(np.float64)
    rows = most_significant(variants.key, p)
    if len(rows) == len(columns):
        return columns
    lost = np.ones(len(columns), dtype=bool)
    lost[rows] = False
    first = int(np.flatnonzero(lost)[0])
    at = [columns[name][first].as_py() for name in ("chromosome", "base_pair_location")]
    aside.add(DUPLICATE, int(lost.sum()), lambda: f"{at[0]}:{at[1]}")
    return columns.filter(pa.array(~lost))


def scan_table(columns: pa.Table) -> pd.DataFrame:
    """Columns of a scan as a table with all of ``table.SCAN_COLUMNS``."""
    texts = [name for name in columns.column_names if isinstance(DEFAULTS.get(name), str)]
    for name in texts:
        if columns[name].null_count:
            filled = pc.fill_null(columns[name], DEFAULTS[name])
            columns = columns.set_column(columns.column_names.index(name), name, filled)
    frame = columns.to_pandas()
    for name, otherwise in DEFAULTS.items():
        if name not in frame:
            frame[name] = otherwise
    if "statistic" not in columns.column_names and {"beta", "standard_error"} <= set(
        columns.column_names
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            frame["statistic"] = frame["beta"] / frame["standard_error"]
    return canonical_table(frame, SCAN_COLUMNS)


def arrow_backed(table: pa.Table) -> pd.DataFrame:
    """A table in pandas whose texts stay in Arrow; numbers become NumPy's."""
    types = {pa.string(): pd.ArrowDtype(pa.string())}
    return table.to_pandas(types_mapper=types.get, self_destruct=True, split_blocks=True)


def joined_pieces(parts: Sequence[pa.Table], columns: Collection[str]) -> pa.Table:
    """Pieces one after another; without any, the columns without rows."""
    if parts:
        return pa.concat_tables(parts)
    return pa.table({name: pa.array([], ARROW_TYPES[name]) for name in columns})
