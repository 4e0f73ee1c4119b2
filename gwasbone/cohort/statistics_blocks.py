"""Counts of calls per person and per variant from packed calls, without Hail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.packed import Words, count_calls, sum_over_variants
from gwasbone.cohort.model import FEMALE, MALE, Cohort
from gwasbone.cohort.packed_calls import PackedCalls
from gwasbone.genome import AUTOSOMES


def count_variants(cohort: Cohort) -> pd.DataFrame:
    """Counts per variant; see :func:`gwasbone.cohort.statistics.variant_statistics`."""
    calls = PackedCalls.of(cohort)
    sex = cohort.people.kept_table()["sex"].to_numpy()
    women = calls.columns.mask(sex == FEMALE)
    n, n_men, n_women = len(sex), int((sex == MALE).sum()), int((sex == FEMALE).sum())
    table = cohort.variants.kept_table()

    def count(block: pd.DataFrame) -> npt.NDArray[np.int64]:
        words, x = calls.read(block), calls.on_x(block)
        everyone = count_calls(words, calls.everyone, n)
        men = count_calls(words, calls.men, n_men)
        tested = count_calls(words, women, n_women)
        genotypes = [
            np.where(x, getattr(tested, name), getattr(everyone, name))
            for name in ("hom_ref", "het", "hom_alt")
        ]
        return np.stack([everyone.called, men.called, everyone.alt, men.alt, *genotypes])

    counted = np.hstack(list(map_blocks(count, calls.blocks(table)))) if len(table) else None
    names = ["n", "n_men", "alt_copies", "alt_men", "hom_ref", "het", "hom_alt"]
    raw = pd.DataFrame(index=table.index, columns=names, dtype=float)
    if counted is not None:
        raw = pd.DataFrame(counted.T.astype(float), index=table.index, columns=names)
    places = cohort.variants.table[["chromosome", "position_bp"]]
    return places.join(raw)


def count_people(cohort: Cohort) -> pd.DataFrame:
    """Counts per kept person; see :func:`gwasbone.cohort.statistics.people_statistics`."""
    calls = PackedCalls.of(cohort, as_filed=True)
    people = cohort.people.kept_table()
    n_men = int((people["sex"] == MALE).sum())
    table = cohort.variants.kept_table()
    autosomal = table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    x = calls.on_x(table)

    def over(block: pd.DataFrame) -> npt.NDArray[np.float64]:
        words, on_x = calls.read(block), calls.on_x(block)
        varies, hom = _expected_homozygosity(words, calls, len(people), n_men, on_x)
        weights = np.stack([np.ones(len(block)), varies, varies * hom])
        return sum_over_variants(words, weights)

    def totals(which: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        sums = np.zeros((6, len(people)))
        for part in map_blocks(over, calls.blocks(table[which])):
            sums += part[:, calls.columns.slots]
        return sums

    called, judged, expected, het, het_judged, _ = totals(autosomal)
    called_x, judged_x, expected_x, het_x, het_judged_x, _ = totals(x)
    wrong = np.where(people["sex"].to_numpy() == MALE, het_x, 0)
    return pd.DataFrame(
        {
            "n_variants": autosomal.sum(),
            "n_called": called,
            "n_het": het,
            "n_judged": judged,
            "observed_hom": judged - het_judged,
            "expected_hom": expected,
            "n_variants_x": x.sum(),
            "n_right_x": called_x - wrong,
            "n_called_x": judged_x,
            "observed_hom_x": judged_x - het_judged_x,
            "expected_hom_x": expected_x,
        },
        index=people.index,
    )


def _expected_homozygosity(
    words: Words, calls: PackedCalls, n: int, n_men: int, on_x: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(m,) 1 where a variant varies, and the probability that somebody is homozygous there."""
    everyone, men = count_calls(words, calls.everyone, n), count_calls(words, calls.men, n_men)
    alleles = 2.0 * everyone.called - np.where(on_x, men.called, 0)
    alt = everyone.alt - np.where(on_x, men.alt / 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = alt / alleles
        hom = 1 - 2 * p * (1 - p) * alleles / (alleles - 1)
    varies = (p > 0) & (p < 1)
    return varies.astype(float), np.where(varies, hom, 0.0)
