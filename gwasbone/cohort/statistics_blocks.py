"""Counts of calls and sums of dosages per sample and per variant, without Hail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.packed import CallCounts, CallTally, count_calls
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.bed_reader import on_x
from gwasbone.cohort.sources.source import VariantBlock
from gwasbone.cohort.sources.tables import FEMALE, MALE
from gwasbone.genome import AUTOSOMES, X, Y

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_GENOTYPES = ("hom_ref", "het", "hom_alt")
_NAMES = ["n", "alt_copies", "n_men", "alt_men", "n_women", "alt_women", *_GENOTYPES]


def count_variants(cohort: Cohort) -> pd.DataFrame:
    """Counts per variant; see :func:`gwasbone.cohort.statistics.variant_statistics`."""
    count = _dosage_sums if cohort.source.capabilities.dosages else _packed_counts
    table = cohort.variants.kept_table()
    raw = count(cohort, table)
    return cohort.variants.table[["chromosome", "base_pair_location"]].join(raw)


def _packed_counts(cohort: Cohort, table: pd.DataFrame) -> pd.DataFrame:
    calls = cohort.source.calls(cohort.participants)
    sex = cohort.people.kept_table()["sex"].to_numpy()
    women = calls.columns.mask(sex == FEMALE)
    n, n_men, n_women = len(sex), int((sex == MALE).sum()), int((sex == FEMALE).sum())

    def count(block: VariantBlock) -> npt.NDArray[np.int64]:
        words = calls.read(block.variants)
        everyone = count_calls(words, calls.everyone, n)
        if block.chromosome != X:  # men and women matter on X alone
            nobody = np.zeros(len(block), dtype=np.int64)
            sums = [everyone.called, everyone.alt, nobody, nobody, nobody, nobody]
            return np.stack([*sums, *(getattr(everyone, name) for name in _GENOTYPES)])
        x = on_x(block.variants, calls.build)
        men = count_calls(words, calls.men, n_men)
        tested = count_calls(words, women, n_women)
        genotypes = [
            np.where(x, getattr(tested, name), getattr(everyone, name)) for name in _GENOTYPES
        ]
        sums = [getattr(of, name) for of in (everyone, men, tested) for name in ("called", "alt")]
        return np.stack([*sums, *genotypes])

    places = _places(cohort, table)
    return _counted(_NAMES, list(map_blocks(count, calls.blocks(places))), table.index)


def _places(cohort: Cohort, table: pd.DataFrame) -> pd.DataFrame:
    """Where variants are: narrow blocks of the variant table are cut much faster than wide ones."""
    return table[["chromosome", "base_pair_location", *cohort.source.place_columns]]


def _dosage_sums(cohort: Cohort, table: pd.DataFrame) -> pd.DataFrame:
    reader = cohort.source.genotypes(cohort.participants)
    sex = cohort.people.kept_table()["sex"].to_numpy()
    n, is_woman = len(sex), sex == FEMALE
    masks = {
        who: (reader.layout.mask(people), int(people.sum()))
        for who, people in (("all", np.ones(n, bool)), ("men", sex == MALE), ("women", is_woman))
    }

    def count(block: VariantBlock) -> FloatArray:
        calls = np.empty((len(block), n), dtype=np.int8)
        dosages = reader.read(block.variants, calls=calls)
        everyone, men, women = (
            dosages.sums(*masks[who]).exchanged(dosages.swapped) for who in ("all", "men", "women")
        )
        x = on_x(block.variants, cohort.build)
        counts_there = np.where(x[:, None], is_woman, True)
        genotypes = [np.count_nonzero((calls == g) & counts_there, axis=1) for g in range(3)]
        tested = [
            np.where(x, getattr(women, name), getattr(everyone, name))
            for name in ("called", "alleles", "squares")
        ]
        sums = [
            getattr(of, name) for of in (everyone, men, women) for name in ("called", "alleles")
        ]
        return np.stack([*sums, *genotypes, *tested])

    names = [*_NAMES, "n_info", "sum_info", "squares_info"]
    return _counted(
        names, list(map_blocks(count, reader.blocks(_places(cohort, table)))), table.index
    )


def _counted(
    names: list[str], parts: list[npt.NDArray[np.int64]] | list[FloatArray], index: pd.Index
) -> pd.DataFrame:
    """Counts of blocks, (len(names), m) each, as a table of all variants."""
    if not parts:
        return pd.DataFrame(index=index, columns=names, dtype=float)
    return pd.DataFrame(np.hstack(parts).T.astype(float), index=index, columns=names)


def count_people(cohort: Cohort, tells_sex: BoolArray) -> pd.DataFrame:
    """Counts per kept sample; see :func:`gwasbone.cohort.statistics.people_statistics`.

    Parameters
    ----------
    tells_sex : (variants,) those of X that sex is judged by.
    """
    people, participants = cohort.people.kept_table(), cohort.participants
    calls = cohort.source.calls(participants, as_filed=True)
    n, n_men = participants.n, int(participants.men.sum())
    table = _places(cohort, cohort.variants.kept_table())
    autosomal = table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    x = on_x(table, cohort.build)

    def over(block: VariantBlock) -> FloatArray:
        words = calls.read(block.variants)
        tally = CallTally.of(words, calls.everyone, n)
        if block.chromosome == X:
            men = count_calls(words, calls.men, n_men)
            of_x = on_x(block.variants, cohort.build)
        else:
            men, of_x = tally.counts, np.zeros(len(block), dtype=bool)
        varies, hom = _expected_homozygosity(tally.counts, men, on_x=of_x)
        sums = tally.sums(np.stack([np.ones(len(block)), varies, varies * hom]))
        return np.vstack([sums, tally.n_het])

    def totals(which: BoolArray) -> FloatArray:
        sums = np.zeros((4, calls.columns.n_slots))
        for part in map_blocks(over, calls.blocks(table if which.all() else table[which])):
            sums += part
        return sums[:, calls.columns.slots]

    # where anybody is heterozygous a variant varies: all heterozygous calls are among the judged
    called, judged, expected, het = totals(autosomal)
    called_x, _, _, het_x = totals(x)
    _, judged_x, expected_x, sex_het = totals(tells_sex[cohort.variants.kept])
    y = table["chromosome"].eq(Y).to_numpy()
    called_y = totals(y)[0]
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
            "n_variants_y": y.sum(),
            "n_called_y": called_y,
            "n_right_x": called_x - wrong,
            "n_called_x": judged_x,
            "observed_hom_x": judged_x - sex_het,
            "expected_hom_x": expected_x,
        },
        index=people.index,
    )


def _expected_homozygosity(
    everyone: CallCounts, men: CallCounts, *, on_x: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """(m,) 1 where a variant varies, and the probability that somebody is homozygous there."""
    alleles = 2.0 * everyone.called - np.where(on_x, men.called, 0)
    alt = everyone.alt - np.where(on_x, men.alt / 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = alt / alleles
        hom = 1 - 2 * p * (1 - p) * alleles / (alleles - 1)
    varies = (p > 0) & (p < 1)
    return varies.astype(float), np.where(varies, hom, 0.0)
