"""Chosen variants of a cohort: found by alleles in either order, read, and correlated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_bgen import MadeVariant, dosages_of, random_probabilities, write_bgen
from made_cohorts import bed_cohort

from gwasbone.cohort.chosen_variants import (
    dosage_r2,
    rows_in_cohort,
    squared_correlations,
)
from gwasbone.cohort.chosen_variants import (
    dosages_of as read_dosages,
)
from gwasbone.cohort.read import read_genotypes

CHROMOSOME = np.array([1, 1, 1, 2, 23, 23])
POSITION = np.array([100, 200, 300, 100, 5_000_000, 5_000_100])


@pytest.fixture
def made(tmp_path):
    """60 people, some left out; X where men have 0 or 2 and one has an impossible 1."""
    rng = np.random.default_rng(4)
    G = rng.binomial(2, 0.4, (6, 60))
    G[1] = np.where(rng.random(60) < 0.9, G[0], G[1])
    sex = 1 + np.arange(60) % 2
    G[4:, sex == 1] = 2 * (G[4:, sex == 1] > 0)
    G[rng.random(G.shape) < 0.06] = -1
    G[4, 2], G[2, 0] = 1, -1
    cohort = bed_cohort(tmp_path, G, chromosome=CHROMOSOME, position=POSITION, sex=sex)
    left_out = np.arange(60) % 9 == 0
    cohort = cohort.exclude_people("t", "some", left_out, description="")
    expected = np.where(G < 0, np.nan, G)
    expected[4, 2] = np.nan
    return cohort, expected[:, ~left_out], sex[~left_out]


def test_rows_are_found_whichever_allele_is_counted(made):
    cohort, _, _ = made
    cohort = cohort.exclude_variants("t", "one", np.arange(6) == 1, description="")
    wanted = pd.DataFrame(
        [
            (23, 5_000_100, "G", "A"), (1, 100, "A", "G"), (1, 100, "A", "T"), (1, 200, "A", "G"),
            (2, 100, "G", "A"), (3, 1, "A", "G"),
        ],
        columns=["chromosome", "base_pair_location", "other_allele", "effect_allele"],
    )  # fmt: skip
    assert rows_in_cohort(wanted, cohort).tolist() == [5, 0, -1, -1, 3, -1]
    assert rows_in_cohort(wanted.head(0), cohort).tolist() == []


def test_dosages_of_a_bed_in_the_order_asked_for(made):
    cohort, G, _ = made
    rows = [5, 0, 2, 4]
    np.testing.assert_array_equal(read_dosages(cohort, rows), G[rows])
    assert read_dosages(cohort, []).shape == (0, G.shape[1])


def test_correlations_of_a_bed_are_those_of_its_dosages(made):
    cohort, G, sex = made
    weights = {1: np.ones(len(sex)), 23: np.where(sex == 1, 1.0, 2.0)}
    for code, rows in ((1, [2, 0, 1]), (23, [5, 4])):
        r2 = squared_correlations(cohort, rows)
        np.testing.assert_allclose(r2, dosage_r2(G[rows], weights[code]), atol=1e-12)
    both = np.isfinite(G[:2]).all(axis=0)
    numpys = np.corrcoef(G[0, both], G[1, both])[0, 1] ** 2
    np.testing.assert_allclose(squared_correlations(cohort, [0, 1])[0, 1], numpys)
    assert numpys > 0.5


def test_correlations_of_what_does_not_vary_are_missing():
    G = np.array([[1.0, 1, 1, 1], [0, 1, 2, np.nan], [np.nan, np.nan, np.nan, 1]])
    r2 = dosage_r2(G, np.ones(4))
    assert r2[1, 1] == pytest.approx(1)
    assert np.isnan(r2[0]).all()
    assert np.isnan(r2[2]).all()


def test_a_bgen_is_read_without_a_jvm(tmp_path):
    rng = np.random.default_rng(9)
    P = random_probabilities(rng, 4, 50)
    missing = rng.random((4, 50)) < 0.1
    variants = [
        MadeVariant(p, "7", 1000 + i, missing=gone, source_id=f"v{i}")
        for i, (p, gone) in enumerate(zip(P, missing, strict=True))
    ]
    path = write_bgen(tmp_path / "g.bgen", variants)
    cohort = read_genotypes(bgen=str(path), sample=path.with_suffix(".sample"), build="GRCh37")
    cohort = cohort.exclude_people("t", "one", np.arange(50) == 3, description="")
    expected = np.where(missing, np.nan, dosages_of(P))[:, np.arange(50) != 3]
    G = read_dosages(cohort, [3, 1, 0])
    np.testing.assert_allclose(G, expected[[3, 1, 0]], atol=1e-6)
    r2 = squared_correlations(cohort, [3, 1])
    both = np.isfinite(expected[[3, 1]]).all(axis=0)
    numpys = np.corrcoef(expected[3, both], expected[1, both])[0, 1] ** 2
    np.testing.assert_allclose(r2[0, 1], numpys, atol=1e-6)


def test_women_count_twice_on_x_in_a_bgen_too(tmp_path):
    rng = np.random.default_rng(3)
    sex = rng.integers(1, 3, 50)
    P = random_probabilities(rng, 2, 50)
    P[1, :20] = P[0, :20]
    variants = [MadeVariant(p, "X", 5_000_000 + i, source_id=f"v{i}") for i, p in enumerate(P)]
    path = write_bgen(tmp_path / "x.bgen", variants, sex=sex)
    cohort = read_genotypes(bgen=str(path), sample=path.with_suffix(".sample"), build="GRCh37")
    # a man whose most probable genotype is heterozygous is missing
    het = (P[:, :, 1] > P[:, :, 0]) & (P[:, :, 1] > 255 - P.sum(axis=2))
    right = ~(het & (sex == 1)).any(axis=0)
    counts = np.where(sex == 1, 1, 2)[right]
    twice = np.repeat(dosages_of(P)[:, right], counts, axis=1)
    r2 = squared_correlations(cohort, [0, 1])[0, 1]
    assert r2 == pytest.approx(np.corrcoef(twice)[0, 1] ** 2, rel=1e-5)


@pytest.mark.hail
def test_hail_gives_the_dosages_of_the_file(made, hail_session):
    cohort, G, _ = made
    from gwasbone.cohort.chosen_variants import _by_hail

    rows = np.array([4, 0, 2])
    np.testing.assert_array_equal(_by_hail(cohort, rows), G[rows])
