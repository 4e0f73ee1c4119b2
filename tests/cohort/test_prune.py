"""Pruning a cohort: what is a candidate, and that every way to the genotypes agrees."""

import numpy as np
import pytest
from made_cohorts import bed_cohort

from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.prune import prune_pairwise
from gwasbone.cohort.options import parse_window
from gwasbone.cohort.prune import prune
from gwasbone.errors import InputError, UsageError


def chained(rng, m, n):
    """Calls whose neighbours are correlated."""
    G = np.empty((m, n), dtype=np.int8)
    latent = rng.standard_normal((2, n))
    for v in range(m):
        latent = 0.9 * latent + np.sqrt(0.19) * rng.standard_normal((2, n))
        G[v] = (latent > rng.uniform(-1.2, 1.2)).sum(axis=0)
    return G


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Chromosomes 1 and 6 (half of it in HLA) and X outside PAR, some calls missing."""
    rng = np.random.default_rng(31)
    G = chained(rng, 260, 80)
    sex = np.array([1, 2] * 40)
    men = np.flatnonzero(sex == 1)
    G[200:, men] = 2 * (G[200:, men] > 0)
    G[rng.random(G.shape) < 0.01] = -1
    chromosome = np.repeat([1, 6, 23], [100, 100, 60])
    position = np.r_[
        np.arange(100) * 5000 + 1, 24_750_000 + np.arange(100) * 5000, 5e6 + np.arange(60) * 5000
    ].astype(int)
    folder = tmp_path_factory.mktemp("prune")
    cohort = bed_cohort(folder, G, chromosome=chromosome, position=position, sex=sex)
    return G, chromosome, position, sex, cohort


def expected(made, keep_people, *, r2=0.2, candidates=None, **window):
    G, chromosome, position, sex, _ = made
    kept = np.zeros(len(G), dtype=bool)
    candidates = np.ones(len(G), dtype=bool) if candidates is None else candidates
    for part, weights in ((chromosome < 23, None), (chromosome == 23, np.where(sex == 1, 1, 2))):
        rows = np.flatnonzero(part & candidates)
        kept[rows] = prune_pairwise(
            PackedArray.of(G[np.ix_(rows, keep_people)]), chromosome[rows], position[rows], r2=r2,
            weights=None if weights is None else weights[keep_people], **window,
        )  # fmt: skip
    return np.flatnonzero(kept).tolist()


def test_windows_as_plink_spells_them():
    assert parse_window("500kb", None) == {"window_kb": 500}
    assert parse_window("0.5 KB", 1) == {"window_kb": 0.5}
    assert parse_window("500", None) == {"window_variants": 500, "step": 1}
    assert parse_window("500", 10) == {"window_variants": 500, "step": 10}
    for window, step in (("500Mb", None), ("1.5", None), ("", None), ("500kb", 10)):
        with pytest.raises(UsageError):
            parse_window(window, step)


@pytest.mark.parametrize(
    ("spelling", "window"),
    [
        ({"window": "100kb"}, {"window_kb": 100}),
        ({"window": "30", "step": 5}, {"window_variants": 30, "step": 5}),
    ],
)
def test_kept_people_and_variants_are_pruned_from_the_bed(made, spelling, window):
    *_, cohort = made
    gone = np.arange(80) % 5 == 0
    variants = np.arange(260) % 7 == 0
    fewer = cohort.exclude_people("test", "out", gone, description="").exclude_variants(
        "test", "out", variants, description=""
    )
    got = prune(fewer, r2=0.2, exclude_long_range_ld=False, **spelling)
    want = expected(made, np.flatnonzero(~gone), candidates=~variants, **window)
    assert got.index.tolist() == want
    assert 20 < len(want) < 200
    assert list(got["source_id"]) == [f"v{i}" for i in want]


def test_long_range_ld_is_left_out_unless_asked_for(made):
    *_, position, _, cohort = made
    pruned = prune(cohort, r2=0.2, window="100kb")
    assert pruned.loc[pruned["chromosome"] == 6, "base_pair_location"].max() < 25_000_000
    hla = (np.arange(260) >= 100) & (np.arange(260) < 200) & (position >= 25_000_000)
    assert pruned.index.tolist() == expected(made, np.arange(80), candidates=~hla, window_kb=100)


def test_rare_variants_are_left_out_before_pruning(made):
    G, *_, cohort = made
    pruned = prune(cohort, r2=0.2, window="100kb", maf=0.2, exclude_long_range_ld=False)
    p = np.array([g[g >= 0].mean() / 2 for g in G[:200]])
    common = np.r_[np.minimum(p, 1 - p) > 0.2, np.zeros(60, dtype=bool)]
    want = expected(made, np.arange(80), candidates=common, window_kb=100)
    assert pruned.index[pruned["chromosome"] < 23].tolist() == want


def test_nothing_to_prune_and_another_engine_are_refused(made):
    *_, cohort = made
    with pytest.raises(InputError, match="and 0 such variants"):
        prune(cohort.exclude_variants("test", "out", np.ones(260, bool), description=""))
    with pytest.raises(UsageError, match="plink"):
        prune(cohort, engine="plink")


@pytest.mark.hail
def test_other_sources_are_pruned_alike(hail_session, made):
    from gwasbone.cohort.read import cohort_from_mt

    *_, cohort = made
    same = cohort_from_mt(cohort.mt.drop("dosage"))
    some = np.arange(80) % 9 == 0
    first, second = (
        prune(
            c.exclude_people("test", "out", some, description=""),
            r2=0.2,
            window="100kb",
            maf=0.1,
        )
        for c in (cohort, same)
    )
    assert first.index.tolist() == second.index.tolist()
    assert len(first) > 20


@pytest.mark.hail
@pytest.mark.slow
def test_hails_pruning_leaves_no_correlated_pair_but_another_set(hail_session, made):
    G, chromosome, *_, cohort = made
    got = prune(cohort, r2=0.2, window="100kb", exclude_long_range_ld=False, engine="hail").index
    want = expected(made, np.arange(80), window_kb=100)
    assert (chromosome[got] < 23).all()
    assert got.tolist() != [i for i in want if chromosome[i] < 23]
    H = np.where(G[got] < 0, np.nan, G[got].astype(float))
    for i in range(len(got) - 1):
        both = np.isfinite(H[i]) & np.isfinite(H[i + 1])
        if chromosome[got[i]] == chromosome[got[i + 1]]:
            assert np.corrcoef(H[i, both], H[i + 1, both])[0, 1] ** 2 < 0.25
