"""Identity of a variant across tables: locus, alleles, strand.

A variant is one whole number: chromosome, position and its two alleles in either order. Two
tables are matched by these numbers; alleles may stand in either order and, for single-nucleotide
variants that are not palindromic, on either strand. Every row that is not matched has a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]
Rows = npt.NDArray[np.intp]

#: Palindromes (A/T, C/G) with a frequency this near to a half have no strand to be told by.
PALINDROME_MARGIN = 0.08

#: Reasons why a row of one table has no match in the other.
OTHER_ALLELES = "other alleles at the position"
AMBIGUOUS = "palindromic, and the allele frequencies do not resolve the strand"
DUPLICATE = "the same variant again, less significant"

#: Bits of a variant's number: position, then alleles; the chromosome stands above.
_POSITION_BITS, _PAIR_BITS = 28, 30
_PAIR_MASK = (1 << _PAIR_BITS) - 1
_BASES = "ACGT"
_COMPLEMENT = dict(zip("ACGT", "TGCA", strict=True))
_AT, _CG = 0 * 4 + 3, 1 * 4 + 2


@dataclass
class AlleleCodes:
    """Numbers for alleles and for unordered pairs of alleles, shared by all tables of a run.

    Pairs of single bases have fixed numbers (4 · first + second, in alphabetical order).
    """

    _alleles: dict[str, int] = field(default_factory=lambda: {b: i for i, b in enumerate(_BASES)})
    _pairs: dict[int, int] = field(default_factory=dict)

    def alleles(self, texts: Sequence[str]) -> IntArray:
        """(m,) the number of each allele; upper and lower case are one."""
        known = self._alleles
        return np.array([known.setdefault(t.upper(), len(known)) for t in texts], dtype=np.int64)

    def column(self, alleles: pd.Series | pa.Array | pa.ChunkedArray) -> IntArray:
        """(m,) the number of each allele of a column of text; −1 where it is missing."""
        if isinstance(alleles, pd.Series):
            alleles = pa.array(alleles, pa.string(), from_pandas=True)
        if isinstance(alleles, pa.ChunkedArray):
            alleles = alleles.combine_chunks()
        if not pa.types.is_dictionary(alleles.type):
            alleles = alleles.dictionary_encode()
        names = self.alleles([text or "" for text in alleles.dictionary.to_pylist()])
        rows = alleles.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.append(names, -1)[rows]

    def pairs(self, one: IntArray, other: IntArray) -> IntArray:
        """(m,) the number of each unordered pair."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        pair = low * 4 + high
        longer = high >= 4
        if longer.any():
            both, place = np.unique((low[longer] << 31) | high[longer], return_inverse=True)
            known = self._pairs
            codes = [known.setdefault(int(p), 16 + len(known)) for p in both]
            pair[longer] = np.array(codes, dtype=np.int64)[place]
        return np.asarray(pair)

    def texts(self, pair: IntArray) -> tuple[list[str], list[str]]:
        """The two alleles of each pair, the one with the higher number last."""
        names = list(self._alleles)
        long = {code: (p >> 31, p & ((1 << 31) - 1)) for p, code in self._pairs.items()}
        both = [divmod(int(p), 4) if p < 16 else long[int(p)] for p in pair]
        return [names[a] for a, _ in both], [names[b] for _, b in both]


@dataclass(frozen=True)
class Variants:
    """Variants of a table, encoded as integers.

    Parameters
    ----------
    key : (m,) chromosome, position and unordered alleles.
    effect_is_higher : (m,) whether the effect allele has the higher number of the two.
    frequency : (m,) of the effect allele; NaN where unknown.
    """

    key: IntArray
    effect_is_higher: BoolArray
    frequency: FloatArray

    @classmethod
    def of(
        cls,
        chromosome: npt.ArrayLike,
        position_bp: npt.ArrayLike,
        effect: IntArray,
        other: IntArray,
        codes: AlleleCodes,
        frequency: npt.ArrayLike | None = None,
    ) -> Variants:
        """Variants of m rows.

        Parameters
        ----------
        effect, other : (m,) numbers of alleles, from :meth:`AlleleCodes.column`.
        frequency : (m,) of the effect allele.
        """
        key = np.asarray(chromosome, dtype=np.int64) << (_POSITION_BITS + _PAIR_BITS)
        key |= np.asarray(position_bp, dtype=np.int64) << _PAIR_BITS
        key |= codes.pairs(effect, other)
        known = np.full(len(key), np.nan) if frequency is None else np.asarray(frequency, float)
        return cls(key, np.asarray(effect > other), known)

    @classmethod
    def of_table(cls, table: pd.DataFrame, codes: AlleleCodes) -> Variants:
        """Variants of a table with GWAS-SSF's columns; the frequency is taken where it is there."""
        effect, other = (codes.column(table[n]) for n in ("effect_allele", "other_allele"))
        return cls.of(
            table["chromosome"], table["base_pair_location"], effect, other, codes,
            table.get("effect_allele_frequency"),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: Rows) -> Variants:
        return Variants(self.key[rows], self.effect_is_higher[rows], self.frequency[rows])


def chromosome_of(key: IntArray) -> IntArray:
    """(m,) chromosome codes of variants' numbers."""
    return key >> (_POSITION_BITS + _PAIR_BITS)


def position_of(key: IntArray) -> IntArray:
    """(m,) positions in bp of variants' numbers."""
    return (key >> _PAIR_BITS) & ((1 << _POSITION_BITS) - 1)


def pair_of(key: IntArray) -> IntArray:
    """(m,) numbers of the unordered alleles; below 16 both are single bases."""
    return key & _PAIR_MASK


def is_palindromic(key: IntArray) -> BoolArray:
    """(m,) whether the alleles are A/T or C/G, which read alike on both strands."""
    pair = pair_of(key)
    return np.asarray((pair == _AT) | (pair == _CG))


def on_other_strand(key: IntArray) -> IntArray:
    """(m,) the variants as the other strand names them; −1 for those that have no such name."""
    pair = pair_of(key)
    low, high = pair // 4, pair % 4
    turned = (3 - high) * 4 + (3 - low)
    usable = (pair < 16) & (turned != pair)
    return np.where(usable, (key >> _PAIR_BITS << _PAIR_BITS) | turned, -1)


def either_strand(key: IntArray) -> IntArray:
    """(m,) a number that is the same for a variant on either strand."""
    other = on_other_strand(key)
    return np.where(other >= 0, np.minimum(key, other), key)


@dataclass(frozen=True)
class Matches:
    """Rows of two tables that are one variant.

    Parameters
    ----------
    first, second : (k,) rows of either table, ascending in ``first``; each row at most once.
    sign : (k,) 1 where both have the same effect allele, −1 where the effect of the second table
        must change its sign (and its frequency become 1 − f).
    n_swapped, n_flipped : of the k, pairs with alleles in the other order, and pairs named on
        opposite strands.
    reasons : why the second table's other rows have no match -> how many.
    """

    first: Rows
    second: Rows
    sign: npt.NDArray[np.int8]
    n_swapped: int
    n_flipped: int
    reasons: dict[str, int]


def match_variants(first: Variants, second: Variants, *, strand_matters: bool = True) -> Matches:
    """Match the variants of two tables by position and alleles.

    Alleles may stand in either order. A single-nucleotide variant that is not palindromic may be
    named on either strand; a name that matches as written wins over one that matches on the
    other strand. A palindrome is matched only where both frequencies lie on one side of a half
    and not within ``PALINDROME_MARGIN`` of it.

    Parameters
    ----------
    first, second : each variant at most once in each (see :func:`most_significant`).
    strand_matters : whether effects of both tables are set side by side. False where only the
        identity of a variant counts (r² of genotypes, leads and known loci that are marked in a
        scan): then palindromes are matched as they are named, whatever their frequencies.

    Returns
    -------
    Matches.
    """
    rising = bool((np.diff(first.key) > 0).all())
    order = np.arange(len(first)) if rising else np.argsort(first.key, kind="stable")
    ours = first.key[order]
    place, found = find(ours, second.key)
    # a variant that the second table names on both strands: the one as written stays
    taken = np.zeros(len(ours), dtype=bool)
    taken[place[found]] = True
    rest = np.flatnonzero(~found)
    flipped_place, on_other = find(ours, on_other_strand(second.key[rest]))
    on_other[on_other] = ~taken[flipped_place[on_other]]
    place[rest[on_other]] = flipped_place[on_other]
    flipped = np.zeros(len(second), dtype=bool)
    flipped[rest[on_other]] = True
    rows = np.flatnonzero(found | flipped)
    row, flipped = order[place[rows]], flipped[rows]
    same = first.effect_is_higher[row] == second.effect_is_higher[rows]
    # on the other strand the lower base becomes the higher one (A < C < G < T; T > G > C > A)
    same ^= flipped
    sign = np.where(same, 1, -1).astype(np.int8)
    clear = np.ones(len(rows), dtype=bool)
    if strand_matters:
        doubtful = np.flatnonzero(is_palindromic(second.key[rows]))
        theirs = second.frequency[rows[doubtful]]
        theirs = np.where(same[doubtful], theirs, 1 - theirs)
        clear[doubtful] = on_one_side(first.frequency[row[doubtful]], theirs)
    unmatched = rest[~on_other]
    elsewhere = find(ours >> _PAIR_BITS, second.key[unmatched] >> _PAIR_BITS)[1]
    reasons = {OTHER_ALLELES: int(elsewhere.sum()), AMBIGUOUS: int((~clear).sum())}
    kept = np.flatnonzero(clear)
    if (np.diff(row[kept]) <= 0).any():
        kept = kept[np.argsort(row[kept], kind="stable")]
    first_rows = row[kept]
    once = np.append(True, np.diff(first_rows) != 0)[: len(kept)]
    kept, first_rows = kept[once], first_rows[once]
    return Matches(
        first=first_rows,
        second=rows[kept],
        sign=sign[kept],
        n_swapped=int((sign[kept] < 0).sum()),
        n_flipped=int(flipped[kept].sum()),
        reasons={reason: n for reason, n in reasons.items() if n},
    )


def on_one_side(one: FloatArray, two: FloatArray) -> BoolArray:
    """(m,) whether two frequencies lie on one side of a half, neither near it.

    ``PALINDROME_MARGIN`` is how near; False where a frequency is unknown.
    """
    with np.errstate(invalid="ignore"):
        clear = np.minimum(np.abs(one - 0.5), np.abs(two - 0.5)) >= PALINDROME_MARGIN
        return np.asarray(clear & ((one > 0.5) == (two > 0.5)))


def find(sorted_keys: IntArray, keys: IntArray) -> tuple[Rows, BoolArray]:
    """Where each key stands among sorted ones, and whether it does."""
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=np.intp), np.zeros(len(keys), dtype=bool)
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return place, np.asarray(sorted_keys[place] == keys)


def most_significant(key: IntArray, neg_log10_p: FloatArray) -> Rows:
    """Rows sorted by variant, of which each stays once: the copy with the smallest p-value.

    Copies of equal p, and copies without a p-value, go by their order; a p-value comes before
    none.
    """
    rising = np.diff(key)
    if bool((rising > 0).all()):
        return np.arange(len(key), dtype=np.intp)
    order = np.arange(len(key)) if (rising >= 0).all() else np.argsort(key, kind="stable")
    again = np.diff(key[order]) == 0
    if not again.any():
        return order
    starts, several = np.append(True, ~again), np.zeros(len(key), dtype=bool)
    several[1:] = again
    several[:-1] |= again
    # copies are few: only they are ranked
    copies = order[several]
    p = np.where(np.isnan(neg_log10_p[copies]), -np.inf, neg_log10_p[copies])
    copies = copies[np.lexsort((copies, -p, key[copies]))]
    best = copies[np.append(True, np.diff(key[copies]) != 0)]
    rows = order[starts]
    rows[several[starts]] = best
    return rows


def unordered(one: str, other: str) -> tuple[str, str]:
    """Two alleles in one order, whichever is counted and on whichever strand they are named.

    >>> unordered("C", "T") == unordered("A", "G") == ("A", "G")
    True
    """
    as_written = (one, other) if one <= other else (other, one)
    if {one, other} <= _COMPLEMENT.keys():
        low, high = sorted((_COMPLEMENT[one], _COMPLEMENT[other]))
        return min(as_written, (low, high))
    return as_written


def sign_of(effect: str, reference: str, alleles: Sequence[object]) -> int:
    """1 where two effect alleles of one variant are the same, −1 where they are the two of it.

    Parameters
    ----------
    effect, reference : effect alleles of the variant in two tables, on whichever strand.
    alleles : the variant's alleles as :func:`unordered` gives them, last in the sequence.
    """
    if effect == reference:
        return 1
    one, other = alleles[-2:]
    palindromic = _COMPLEMENT.get(str(one)) == other
    return 1 if not palindromic and _COMPLEMENT.get(effect) == reference else -1
