"""Scans on the variants that they share, effects for the same allele.

Scans may be of ten million variants: they are read a piece at a time, only the numbers that are
compared are kept, and a variant is one whole number (:mod:`gwasbone.sumstats.variants`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.errors import InputError
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p
from gwasbone.sumstats.checks import NO_EFFECT, SetAside
from gwasbone.sumstats.scan import ReadRequest, Scan, report
from gwasbone.sumstats.scans import as_scans
from gwasbone.sumstats.table import KEY
from gwasbone.sumstats.variants import (
    DUPLICATE,
    AlleleCodes,
    Variants,
    chromosome_of,
    match_variants,
    most_significant,
    pair_of,
    position_of,
)

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32] | npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Numbers of each variant that are kept, in single precision but for the frequency: of an allele
#: of frequency 1e-6 single precision would hold 1 − f to 6 % of f. Effects, errors and −log10 p
#: keep a relative precision of 6e-8, which at |z| = 100 moves an effect by 6e-6 standard errors.
NUMBERS = ("beta", "standard_error", "neg_log_10_p_value", "n", "effect_allele_frequency")
_PRECISION = dict.fromkeys(NUMBERS, np.float32) | {"effect_allele_frequency": np.float64}
_NEEDED = ("beta", "standard_error", "neg_log_10_p_value")
NOT_SHARED = "not in every scan"


@dataclass(frozen=True)
class AlignedScans:
    """Several scans aligned on their common variants.

    Parameters
    ----------
    names : of the k scans.
    key : (m,) the variants as numbers, ascending.
    codes : what the numbers of alleles mean.
    columns : ``beta``, ``standard_error``, ``neg_log_10_p_value``, ``n`` and
        ``effect_allele_frequency``: each (k, m), single precision but for the frequency, for the
        same allele.
    dropped : ``scan reason n_variants``: every row of a scan that is not compared.
    n_rows : rows of each scan.
    """

    names: tuple[str, ...]
    key: IntArray
    codes: AlleleCodes
    columns: Mapping[str, list[FloatArray]]
    dropped: pd.DataFrame
    n_rows: tuple[int, ...]

    @property
    def chromosome(self) -> npt.NDArray[np.int64]:
        return chromosome_of(self.key)

    @property
    def position_bp(self) -> npt.NDArray[np.int64]:
        return position_of(self.key)

    @property
    def single_bases(self) -> npt.NDArray[np.bool_]:
        """(m,) whether both alleles are single bases."""
        return pair_of(self.key) < 16

    def __len__(self) -> int:
        return len(self.key)

    def neg_log10_p(self, scan: int) -> FloatArray:
        return self.columns["neg_log_10_p_value"][scan]

    def chi2(
        self, scan: int, rows: npt.NDArray[np.intp] | slice = slice(None)
    ) -> npt.NDArray[np.float64]:
        """χ² on one degree of freedom with the p-value of the scan's own test."""
        return chi2_1_from_neg_log10_p(self.neg_log10_p(scan)[rows].astype(np.float64))

    def z(
        self, scan: int, rows: npt.NDArray[np.intp] | slice = slice(None)
    ) -> npt.NDArray[np.float64]:
        """√χ² with the sign of the effect."""
        sign = np.sign(self.columns["beta"][scan][rows].astype(np.float64))
        return np.asarray(sign * np.sqrt(self.chi2(scan, rows)))

    def table(self, scan: int, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
        """Some variants of a scan, with the column names of a results table."""
        other, effect = self.codes.texts(pair_of(self.key[rows]))
        chromosome, position = self.chromosome[rows], self.position_bp[rows]
        names = zip(chromosome, position, other, effect, strict=True)
        table = pd.DataFrame(
            {
                "chromosome": chromosome.astype(np.int16),
                "base_pair_location": position.astype(np.int32),
                "other_allele": other,
                "effect_allele": effect,
                "source_id": ["_".join(map(str, name)) for name in names],
            }
        )
        for name in NUMBERS:
            table[name] = self.columns[name][scan][rows].astype(np.float64)
        return table


@dataclass(frozen=True)
class ScanNumbers:
    """One scan, each variant once and sorted; effects are of the allele with the higher number."""

    variants: Variants
    values: dict[str, FloatArray]
    n_rows: int
    dropped: dict[str, int] = field(default_factory=dict)

    def take(self, rows: npt.NDArray[np.intp]) -> ScanNumbers:
        values = {name: column[rows] for name, column in self.values.items()}
        return ScanNumbers(self.variants.take(rows), values, self.n_rows, self.dropped)


def align_scans(scans: Any, *, progress: Progress | None = None) -> AlignedScans:
    """Align scans on the variants that are in all of them, by the rule of ``match_variants``.

    Of a variant that stands in several rows of a scan the most significant is taken.

    Parameters
    ----------
    scans : two or more, as :func:`gwasbone.sumstats.scans.as_scans` takes them.

    Raises
    ------
    InputError
        A scan cannot be read, or no variant is in all of them.
    UsageError
        They are on different builds.
    """
    found = as_scans(scans)
    found.common_build()
    codes = AlleleCodes()
    common: list[ScanNumbers] = []
    dropped: list[dict[str, int]] = []
    first = next(iter(found.values()))
    count = ProgressCount(progress, "reading scans", sum(s.n_bytes for s in found.values()) or 1)
    for scan in found.values():
        numbers = read_numbers(scan, codes, count)
        dropped.append(dict(numbers.dropped))
        if not common:
            common = [numbers]
            continue
        matches = match_variants(common[0].variants, numbers.variants)
        dropped[-1] |= matches.reasons
        if matches.n_flipped:
            log.info(
                "%s: %d variants are named on the other strand than in %s and are turned",
                scan.name, matches.n_flipped, first.name,
            )  # fmt: skip
        if len(matches.first) == 0:
            raise InputError(
                f"{scan.where}: none of its {numbers.n_rows:,} variants is in {first.name} with "
                "the same alleles: are the scans on one build?"
            )
        common = [one.take(matches.first) for one in common]
        turned = numbers.take(matches.second)
        common.append(_of_first(turned, common[0].variants, matches.sign))
    return _aligned(tuple(found), codes, common, dropped)


def read_numbers(scan: Scan, codes: AlleleCodes, count: ProgressCount) -> ScanNumbers:
    """The numbers of a scan, of the allele with the higher number, each variant once."""
    there = [name for name in NUMBERS if name in scan.has]
    if absent := [name for name in (*KEY, *_NEEDED) if name not in scan.has]:
        raise InputError(
            f"{scan.where}: expected {', '.join(absent)} in a scan that is compared "
            f"({scan.format_name})"
        )
    aside = SetAside(scan.where)
    parts: list[Variants] = []
    columns: dict[str, list[Any]] = {name: [] for name in NUMBERS}
    n_rows = n_incomplete = 0
    for piece in scan.pieces(ReadRequest([*KEY, *there], aside, count=count.add)):
        n_rows += piece.n_rows
        table = piece.table
        numbers = {n: table[n].to_numpy().astype(np.float64, copy=False) for n in there}
        complete = np.ones(len(table), dtype=bool)
        for name in _NEEDED:
            complete &= np.isfinite(numbers[name])
        if not complete.all():
            n_incomplete += int((~complete).sum())
            table = table.filter(complete)
            numbers = {name: column[complete] for name, column in numbers.items()}
        effect, other = (codes.column(table[n]) for n in ("effect_allele", "other_allele"))
        variants = Variants.of(
            table["chromosome"], table["base_pair_location"], effect, other, codes,
            numbers.get("effect_allele_frequency"),
        )  # fmt: skip
        parts.append(variants)
        for name in NUMBERS:
            column = numbers[name] if name in numbers else np.full(len(table), np.nan)
            columns[name].append(np.asarray(column, dtype=_PRECISION[name]))
    report(aside)
    variants = Variants(
        *(np.concatenate([getattr(v, name) for v in parts]) if parts else np.zeros(0, kind)
          for name, kind in (("key", np.int64), ("effect_is_higher", bool), ("frequency", float)))
    )  # fmt: skip
    values = {n: np.concatenate([*c, np.zeros(0, _PRECISION[n])]) for n, c in columns.items()}
    dropped = dict(aside.counts) | ({NO_EFFECT: n_incomplete} if n_incomplete else {})
    whole = ScanNumbers(variants, values, n_rows, dropped)
    rows = most_significant(variants.key, values["neg_log_10_p_value"].astype(np.float64))
    if len(rows) < len(variants):
        dropped[DUPLICATE] = len(variants) - len(rows)
    sorted_once = whole.take(rows)
    return _of_higher_allele(sorted_once)


def _of_higher_allele(scan: ScanNumbers) -> ScanNumbers:
    sign = np.where(scan.variants.effect_is_higher, 1, -1).astype(np.int8)
    return _of_first(scan, scan.variants, sign)


def _of_first(scan: ScanNumbers, variants: Variants, sign: npt.NDArray[np.int8]) -> ScanNumbers:
    """A scan's numbers turned where ``sign`` is −1, as numbers of ``variants``."""
    values = dict(scan.values)
    values["beta"] = values["beta"] * sign.astype(np.float32)
    f = values["effect_allele_frequency"]
    values["effect_allele_frequency"] = np.where(sign < 0, 1 - f, f)
    higher = np.ones(len(variants), dtype=bool)
    known = Variants(variants.key, higher, values["effect_allele_frequency"].astype(np.float64))
    return ScanNumbers(known, values, scan.n_rows, scan.dropped)


def _aligned(
    names: tuple[str, ...],
    codes: AlleleCodes,
    scans: list[ScanNumbers],
    dropped: list[dict[str, int]],
) -> AlignedScans:
    key = scans[0].variants.key
    rows = []
    for name, scan, why in zip(names, scans, dropped, strict=True):
        rest = scan.n_rows - len(key) - sum(why.values())
        counts = why | {NOT_SHARED: rest}
        rows += [(name, reason, n) for reason, n in counts.items() if n]
    columns = {name: [scan.values[name] for scan in scans] for name in NUMBERS}
    table = pd.DataFrame(rows, columns=["scan", "reason", "n_variants"])
    return AlignedScans(names, key, codes, columns, table, tuple(s.n_rows for s in scans))


@dataclass(frozen=True, slots=True)
class PairedScans:
    """Two scans joined on their common variants.

    Attributes
    ----------
    table : one row per variant with a p-value in both scans, sorted as scan A is: the columns
        that name a variant and ``source_id`` as in A, then ``beta``, ``standard_error``, ``z``
        (β / SE), ``neg_log_10_p_value``, ``n`` and ``effect_allele_frequency`` of each scan with
        ``_a`` and ``_b`` behind. All are of A's effect allele.
    n_swapped, n_flipped : pairs whose alleles stand the other way round in B (B's effect has
        changed sign), and pairs that B names on the other strand.
    n_untested : pairs left out because a scan has no p-value for them.
    n_only_a, n_only_b : variants of one scan that the other does not have.
    reasons : why B's variants at positions of A are not matched -> how many.
    """

    table: pd.DataFrame
    n_swapped: int
    n_flipped: int
    n_untested: int
    n_only_a: int
    n_only_b: int
    reasons: dict[str, int]


def pair_scans(a: pd.DataFrame, b: pd.DataFrame) -> PairedScans:
    """Join two scans by chromosome, position and alleles, by the rule of ``match_variants``.

    Parameters
    ----------
    a, b : scan tables, or tables with the columns that name a variant and ``beta``,
        ``standard_error`` and ``neg_log_10_p_value``; of a variant in several rows the most
        significant is taken. Without ``effect_allele_frequency`` palindromes are left out.

    Raises
    ------
    InputError
        A column is missing, or the scans have no variant with a p-value in common.
    """
    needed = (*KEY, *_NEEDED)
    for name, table in (("A", a), ("B", b)):
        if absent := [column for column in needed if column not in table]:
            raise InputError(
                f"scan {name}: expected the columns {', '.join(needed)}; no {', '.join(absent)}"
            )
    codes = AlleleCodes()
    variants, rows = zip(*(_once(table, codes) for table in (a, b)), strict=True)
    found = match_variants(variants[0], variants[1])
    order = np.argsort(rows[0][found.first], kind="stable")
    row_a, row_b = rows[0][found.first][order], rows[1][found.second][order]
    sign = found.sign[order]
    n_matched = row_a.size
    p_a, p_b = (t["neg_log_10_p_value"].to_numpy(dtype=np.float64) for t in (a, b))
    tested = np.isfinite(p_a[row_a]) & np.isfinite(p_b[row_b])
    row_a, row_b, sign = row_a[tested], row_b[tested], sign[tested]
    if row_a.size == 0:
        raise InputError(
            f"two scans of {len(a):,} and {len(b):,} variants were expected to share some; none "
            "with a p-value in both has the same chromosome, position and alleles: are they on "
            "one build?"
        )
    names = [name for name in (*KEY, "source_id") if name in a]
    columns = {name: a[name].to_numpy()[row_a] for name in names}
    columns |= _of_one(a, row_a, np.ones_like(sign), "_a") | _of_one(b, row_b, sign, "_b")
    return PairedScans(
        table=pd.DataFrame(columns),
        n_swapped=int((sign < 0).sum()),
        n_flipped=found.n_flipped,
        n_untested=n_matched - row_a.size,
        n_only_a=len(a) - n_matched,
        n_only_b=len(b) - n_matched,
        reasons=found.reasons,
    )


def _once(table: pd.DataFrame, codes: AlleleCodes) -> tuple[Variants, npt.NDArray[np.intp]]:
    """The variants of a table, each once, and their rows."""
    variants = Variants.of_table(table, codes)
    p = table["neg_log_10_p_value"].to_numpy(dtype=np.float64)
    rows = most_significant(variants.key, p)
    return variants.take(rows), rows


def _of_one(
    table: pd.DataFrame, rows: npt.NDArray[np.intp], sign: npt.NDArray[np.int8], suffix: str
) -> dict[str, npt.NDArray[np.float64]]:
    columns = {
        f"{n}{suffix}": table[n].to_numpy(dtype=np.float64)[rows] for n in NUMBERS if n in table
    }
    columns[f"beta{suffix}"] = columns[f"beta{suffix}"] * sign
    with np.errstate(divide="ignore", invalid="ignore"):
        columns[f"z{suffix}"] = columns[f"beta{suffix}"] / columns[f"standard_error{suffix}"]
    if (frequency := f"effect_allele_frequency{suffix}") in columns:
        f = columns[frequency]
        columns[frequency] = np.where(sign < 0, 1 - f, f)
    return columns
