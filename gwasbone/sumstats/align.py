"""Several scans on the variants that all of them have, effects for the same allele.

Scans may be of ten million variants: files are read a piece at a time, only the columns that are
compared are kept, and a variant is one whole number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.scan_columns import (
    NUMBERS,
    PAIR_BITS,
    POSITION_BITS,
    AlleleBook,
    ScanColumns,
    read_scan_columns,
)
from gwasbone.errors import InputError
from gwasbone.progress import counted_progress
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p
from gwasbone.sumstats.ssf import SSF_COLUMNS

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_AT, _CG = 0 * 4 + 3, 1 * 4 + 2
#: Palindromes (A/T, C/G) with a frequency this near to a half have no strand to be told by.
PALINDROME_MARGIN = 0.08


@dataclass(frozen=True)
class AlignedScans:
    """Scans on their common variants, in the order of the genome.

    Parameters
    ----------
    names : of the k scans.
    key : (m,) the variants as numbers, ascending.
    book : what the numbers of alleles mean.
    columns : ``beta``, ``standard_error``, ``neg_log_10_p_value``, ``n`` and
        ``effect_allele_frequency``: each (k, m) single precision, for the same allele.
    dropped : ``scan reason n_variants``: every row of a scan that is not compared.
    n_rows : rows of each scan's file.
    """

    names: tuple[str, ...]
    key: IntArray
    book: AlleleBook
    columns: Mapping[str, list[FloatArray]]
    dropped: pd.DataFrame
    n_rows: tuple[int, ...]

    @property
    def chromosome(self) -> npt.NDArray[np.int64]:
        return self.key >> (POSITION_BITS + PAIR_BITS)

    @property
    def position_bp(self) -> npt.NDArray[np.int64]:
        return (self.key >> PAIR_BITS) & ((1 << POSITION_BITS) - 1)

    @property
    def single_bases(self) -> npt.NDArray[np.bool_]:
        """(m,) whether both alleles are single bases."""
        return (self.key & ((1 << PAIR_BITS) - 1)) < 16

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
        other, effect = self.book.texts(self.key[rows] & ((1 << PAIR_BITS) - 1))
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
            table[SSF_COLUMNS[name]] = self.columns[name][scan][rows].astype(np.float64)
        return table


def read_aligned(paths: Mapping[str, Path]) -> AlignedScans:
    """Read GWAS-SSF scans and keep the variants that all have.

    Alleles may stand in either order (the effect changes its sign) and, but for palindromes, on
    either strand. A palindrome is compared only where both scans' frequencies lie on one side of
    a half and not near it.

    Parameters
    ----------
    paths : name of the scan -> file.

    Raises
    ------
    InputError
        A file is missing or no GWAS-SSF, or no variant is in all of the scans.
    """
    book = AlleleBook()
    common: list[ScanColumns] = []
    dropped: list[dict[str, int]] = []
    with counted_progress() as progress:
        for number, path in enumerate(paths.values()):
            if progress is not None:
                progress("reading scans", number, len(paths))
            scan = _once(read_scan_columns(path, book))
            dropped.append(dict(scan.dropped))
            if not common:
                common = [scan]
                continue
            rows, fresh, why = _matched(common[0], scan)
            dropped[-1] |= why
            common = [one.take(rows) for one in common] + [fresh]
            if len(rows) == 0:
                raise InputError(
                    f"{path}: none of its {scan.n_rows:,} variants is in {next(iter(paths))} with "
                    "the same alleles: are the scans on one build?"
                )
    return _aligned(tuple(paths), book, common, dropped)


def _aligned(
    names: tuple[str, ...],
    book: AlleleBook,
    scans: list[ScanColumns],
    dropped: list[dict[str, int]],
) -> AlignedScans:
    key = scans[0].key
    rows = []
    for name, scan, why in zip(names, scans, dropped, strict=True):
        rest = scan.n_rows - len(key) - sum(why.values())
        counts = why | {"not in every scan": rest}
        rows += [(name, reason, count) for reason, count in counts.items() if count]
    columns = {name: [scan.values[name] for scan in scans] for name in NUMBERS}
    table = pd.DataFrame(rows, columns=["scan", "reason", "n_variants"])
    return AlignedScans(names, key, book, columns, table, tuple(s.n_rows for s in scans))


def _once(scan: ScanColumns) -> ScanColumns:
    """Sorted by variant; variants that a scan has twice are left out, all copies."""
    order = np.argsort(scan.key, kind="stable")
    key = scan.key[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    twice = np.zeros(len(key), dtype=bool)
    twice[same] = twice[same + 1] = True
    dropped = scan.dropped | {"the same variant more than once": int(twice.sum())}
    return replace(scan.take(order[~twice]), dropped=dropped)


def _matched(
    first: ScanColumns, scan: ScanColumns
) -> tuple[npt.NDArray[np.intp], ScanColumns, dict[str, int]]:
    """Rows of the first scan that another has, the other's rows for them, and what was dropped."""
    place, found = _find(first.key, scan.key)
    flipped_key = _other_strand(scan.key)
    place_flipped, on_other = _find(first.key, flipped_key)
    on_other &= ~found
    # a variant that both strands of a scan name is ambiguous: the one as written stays
    taken = np.zeros(len(first.key), dtype=bool)
    taken[place[found]] = True
    on_other[on_other] = ~taken[place_flipped[on_other]]
    row = np.where(found, place, place_flipped)
    has = found | on_other
    ours, theirs = row[has], np.flatnonzero(has)
    values = {name: column[theirs].copy() for name, column in scan.values.items()}
    turn = on_other[theirs]
    values["beta"][turn] *= -1
    values["effect_allele_frequency"][turn] = 1 - values["effect_allele_frequency"][turn]
    one, two = first.values["effect_allele_frequency"][ours], values["effect_allele_frequency"]
    unclear = np.isin(first.key[ours] & ((1 << PAIR_BITS) - 1), (_AT, _CG))
    with np.errstate(invalid="ignore"):
        clear = np.minimum(np.abs(one - 0.5), np.abs(two - 0.5)) >= PALINDROME_MARGIN
        clear &= (one > 0.5) == (two > 0.5)
    unclear &= ~clear
    position = first.key >> PAIR_BITS
    elsewhere = ~has & _find(position, scan.key >> PAIR_BITS)[1]
    why = {
        "other alleles at the position": int(elsewhere.sum()),
        "palindrome whose strand the frequencies do not tell": int(unclear.sum()),
    }
    kept = np.flatnonzero(~unclear)
    kept = kept[np.argsort(ours[kept], kind="stable")]
    fresh = replace(
        scan, key=first.key[ours[kept]], values={name: v[kept] for name, v in values.items()}
    )
    return ours[kept], fresh, why


def _find(
    sorted_keys: IntArray, keys: IntArray
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return place, np.asarray(sorted_keys[place] == keys)


def _other_strand(key: IntArray) -> IntArray:
    """The variants as the other strand names them; −1 for those that have no such name."""
    pair = key & ((1 << PAIR_BITS) - 1)
    low, high = pair // 4, pair % 4
    turned = (3 - high) * 4 + (3 - low)
    usable = (pair < 16) & (turned != pair)
    return np.where(usable, (key >> PAIR_BITS << PAIR_BITS) | turned, -1)
