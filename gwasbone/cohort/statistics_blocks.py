"""Counts of calls and sums of dosages per person and per variant, without Hail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.packed import Words, count_calls, sum_over_variants
from gwasbone.cohort.bgen_source import BgenSource
from gwasbone.cohort.model import FEMALE, MALE, Cohort
from gwasbone.cohort.sources.bed_reader import PackedCalls, on_x
from gwasbone.genome import AUTOSOMES, in_x_non_par

if TYPE_CHECKING:
    from gwasbone.cohort.sources.bgen_reader import DosageReader

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Variants whose calls are held as float64 at a time.
_TILE_VARIANTS = 64


class CallBlocks(Protocol):
    """Calls of a cohort's kept people as the files have them, a block of variants at a time."""

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Rows of a variant table in pieces of a size that a core handles at a time."""

    def read(self, variants: pd.DataFrame) -> Any:
        """The calls of such a piece."""

    def alleles(self, calls: Any) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(m,) people called and copies of ALT, then the same of the men."""

    def over_variants(self, calls: Any, weights: FloatArray) -> FloatArray:
        """(4, n) sums of weights (3, m) where a person is called, then heterozygous calls."""


@dataclass(frozen=True)
class PackedCallBlocks:
    """Of .bed files."""

    calls: PackedCalls
    n: int
    n_men: int

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """See :class:`CallBlocks`."""
        return self.calls.blocks(variants)

    def read(self, variants: pd.DataFrame) -> Words:
        """See :class:`CallBlocks`."""
        return self.calls.read(variants)

    def alleles(self, calls: Words) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """See :class:`CallBlocks`."""
        everyone = count_calls(calls, self.calls.everyone, self.n)
        men = count_calls(calls, self.calls.men, self.n_men)
        counts = (everyone.called, everyone.alt, men.called, men.alt)
        a, b, c, d = (count.astype(np.float64) for count in counts)
        return a, b, c, d

    def over_variants(self, calls: Words, weights: FloatArray) -> FloatArray:
        """See :class:`CallBlocks`."""
        return sum_over_variants(calls, self.calls.everyone, weights)[:, self.calls.columns.slots]


@dataclass(frozen=True)
class ProbableCallBlocks:
    """Of .bgen files: each person's most probable genotype."""

    reader: DosageReader
    is_man: BoolArray

    def blocks(self, variants: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """See :class:`CallBlocks`."""
        return self.reader.blocks(variants)

    def read(self, variants: pd.DataFrame) -> npt.NDArray[np.int8]:
        """See :class:`CallBlocks`."""
        return self.reader.read_calls(variants)

    def alleles(
        self, calls: npt.NDArray[np.int8]
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """See :class:`CallBlocks`."""
        everyone = np.ones(len(self.is_man), dtype=bool)
        (a, b), (c, d) = (
            (_count(calls >= 0, who), _count(calls == 1, who) + 2 * _count(calls == 2, who))
            for who in (everyone, self.is_man)
        )
        return a, b, c, d

    def over_variants(self, calls: npt.NDArray[np.int8], weights: FloatArray) -> FloatArray:
        """See :class:`CallBlocks`."""
        sums = np.zeros((4, calls.shape[1]))
        for top in range(0, len(calls), _TILE_VARIANTS):
            rows = slice(top, top + _TILE_VARIANTS)
            sums[:3] += weights[:, rows] @ (calls[rows] >= 0).astype(np.float64)
            sums[3] += np.count_nonzero(calls[rows] == 1, axis=0)
        return sums


def _count(calls: BoolArray, people: BoolArray) -> FloatArray:
    """(m,) people with a True."""
    counts: FloatArray = np.count_nonzero(calls & people, axis=1).astype(np.float64)
    return counts


def _call_blocks(cohort: Cohort) -> CallBlocks:
    is_man = cohort.people.kept_table()["sex"].to_numpy() == MALE
    if isinstance(cohort.source, BgenSource):
        from gwasbone.cohort.sources.bgen_reader import DosageReader

        return ProbableCallBlocks(DosageReader.of(cohort), is_man)
    calls = PackedCalls.of(cohort, as_filed=True)
    return PackedCallBlocks(calls, len(is_man), int(is_man.sum()))


def count_variants(cohort: Cohort) -> pd.DataFrame:
    """Counts per variant; see :func:`gwasbone.cohort.statistics.variant_statistics`."""
    count = _dosage_sums if isinstance(cohort.source, BgenSource) else _packed_counts
    table = cohort.variants.kept_table()
    raw = count(cohort, table)
    return cohort.variants.table[["chromosome", "base_pair_location"]].join(raw)


def _packed_counts(cohort: Cohort, table: pd.DataFrame) -> pd.DataFrame:
    calls = PackedCalls.of(cohort)
    sex = cohort.people.kept_table()["sex"].to_numpy()
    women = calls.columns.mask(sex == FEMALE)
    n, n_men, n_women = len(sex), int((sex == MALE).sum()), int((sex == FEMALE).sum())

    def count(block: pd.DataFrame) -> npt.NDArray[np.int64]:
        words, x = calls.read(block), on_x(block, calls.build)
        everyone = count_calls(words, calls.everyone, n)
        men = count_calls(words, calls.men, n_men)
        tested = count_calls(words, women, n_women)
        genotypes = [
            np.where(x, getattr(tested, name), getattr(everyone, name))
            for name in ("hom_ref", "het", "hom_alt")
        ]
        return np.stack([everyone.called, men.called, everyone.alt, men.alt, *genotypes])

    names = ["n", "n_men", "alt_copies", "alt_men", "hom_ref", "het", "hom_alt"]
    return _counted(names, list(map_blocks(count, calls.blocks(table))), table.index)


def _dosage_sums(cohort: Cohort, table: pd.DataFrame) -> pd.DataFrame:
    from gwasbone.cohort.sources.bgen_reader import DosageReader

    reader = DosageReader.of(cohort)
    sex = cohort.people.kept_table()["sex"].to_numpy()
    n, is_woman = len(sex), sex == FEMALE
    masks = {
        who: (reader.layout.mask(people), int(people.sum()))
        for who, people in (("all", np.ones(n, bool)), ("men", sex == MALE), ("women", is_woman))
    }

    def count(block: pd.DataFrame) -> FloatArray:
        calls = np.empty((len(block), n), dtype=np.int8)
        dosages = reader.read(block, calls=calls)
        everyone, men, women = (
            dosages.sums(*masks[who]).exchanged(dosages.swapped) for who in ("all", "men", "women")
        )
        x = _on_x(block, cohort.build)
        counts_there = np.where(x[:, None], is_woman, True)
        genotypes = [np.count_nonzero((calls == g) & counts_there, axis=1) for g in range(3)]
        tested = [
            np.where(x, getattr(women, name), getattr(everyone, name))
            for name in ("called", "alleles", "squares")
        ]
        return np.stack(
            [everyone.called, men.called, everyone.alleles, men.alleles, *genotypes, *tested]
        )

    names = ["n", "n_men", "alt_copies", "alt_men", "hom_ref", "het", "hom_alt"]
    names += ["n_info", "sum_info", "squares_info"]
    return _counted(names, list(map_blocks(count, reader.blocks(table))), table.index)


def _counted(
    names: list[str], parts: list[npt.NDArray[np.int64]] | list[FloatArray], index: pd.Index
) -> pd.DataFrame:
    """Counts of blocks, (len(names), m) each, as a table of all variants."""
    if not parts:
        return pd.DataFrame(index=index, columns=names, dtype=float)
    return pd.DataFrame(np.hstack(parts).T.astype(float), index=index, columns=names)


def _on_x(variants: pd.DataFrame, build: str) -> BoolArray:
    """(m,) which variants lie on X outside the pseudo-autosomal regions."""
    chromosome, position = variants["chromosome"], variants["base_pair_location"]
    return in_x_non_par(chromosome.to_numpy(), position.to_numpy(), build)


def count_people(cohort: Cohort) -> pd.DataFrame:
    """Counts per kept person; see :func:`gwasbone.cohort.statistics.people_statistics`."""
    source = _call_blocks(cohort)
    people = cohort.people.kept_table()
    table = cohort.variants.kept_table()
    autosomal = table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    x = _on_x(table, cohort.build)

    def over(block: pd.DataFrame) -> FloatArray:
        calls = source.read(block)
        alleles = source.alleles(calls)
        varies, hom = _expected_homozygosity(*alleles, on_x=_on_x(block, cohort.build))
        weights = np.stack([np.ones(len(block)), varies, varies * hom])
        return source.over_variants(calls, weights)

    def totals(which: BoolArray) -> FloatArray:
        sums = np.zeros((4, len(people)))
        for part in map_blocks(over, source.blocks(table if which.all() else table[which])):
            sums += part
        return sums

    # where anybody is heterozygous a variant varies: all heterozygous calls are among the judged
    called, judged, expected, het = totals(autosomal)
    called_x, judged_x, expected_x, het_x = totals(x)
    wrong = np.where(people["sex"].to_numpy() == MALE, het_x, 0)
    return pd.DataFrame(
        {
            "n_variants": autosomal.sum(),
            "n_called": called,
            "n_het": het,
            "n_judged": judged,
            "observed_hom": judged - het,
            "expected_hom": expected,
            "n_variants_x": x.sum(),
            "n_right_x": called_x - wrong,
            "n_called_x": judged_x,
            "observed_hom_x": judged_x - het_x,
            "expected_hom_x": expected_x,
        },
        index=people.index,
    )


def _expected_homozygosity(
    called: FloatArray,
    alt: FloatArray,
    called_men: FloatArray,
    alt_men: FloatArray,
    *,
    on_x: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """(m,) 1 where a variant varies, and the probability that somebody is homozygous there."""
    alleles = 2.0 * called - np.where(on_x, called_men, 0)
    alt = alt - np.where(on_x, alt_men / 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = alt / alleles
        hom = 1 - 2 * p * (1 - p) * alleles / (alleles - 1)
    varies = (p > 0) & (p < 1)
    return varies.astype(float), np.where(varies, hom, 0.0)
