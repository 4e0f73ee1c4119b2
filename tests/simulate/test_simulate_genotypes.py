"""Genotypes: LD, structure, families, sex, missing calls and planted faults are what was asked."""

import itertools
import os

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.simulate import MISSING, SimulatedGenotypes, SimulationSettings, simulate_genotypes
from gwasbone.simulate.families import draw_pedigree, inherit

SETTINGS = SimulationSettings(
    n_people=1200,
    n_variants=6000,
    n_segments=46,
    seed=11,
    fraction_british=0.62,
    fraction_white_other=0.08,
    fraction_south_asian=0.08,
    fraction_african=0.08,
    fraction_caribbean=0.05,
    fraction_east_asian=0.06,
    fraction_mixed=0.03,
    n_parent_offspring=30,
    n_siblings=40,
    n_third_degree=60,
    second_array_share=0.4,
    n_batch_variants=20,
    n_hwe_variants=20,
    n_low_call_variants=20,
)
TINY = SimulationSettings.light(
    n_people=120, n_variants=300, n_segments=4, chromosomes=(1, 23), missing_rate=0.01, seed=3
)


@pytest.fixture(scope="module")
def cohort() -> SimulatedGenotypes:
    return simulate_genotypes(SETTINGS)


@pytest.fixture(scope="module")
def truth(cohort: SimulatedGenotypes) -> np.ndarray:
    return cohort.true_dosages(np.arange(SETTINGS.n_variants))


def _autosomal(cohort: SimulatedGenotypes) -> np.ndarray:
    return (cohort.variants["chromosome"] <= 22).to_numpy()


def _members(cohort: SimulatedGenotypes, group: str) -> np.ndarray:
    sound = ~cohort.people["fault"].isin(["inbred", "contaminated"])
    return ((cohort.people["ancestry"] == group) & sound).to_numpy()


def _hudson_fst(truth: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Hudson's estimator as a ratio of averages (Bhatia et al. 2013)."""
    p, q = truth[:, first].mean(axis=1) / 2, truth[:, second].mean(axis=1) / 2
    a, b = 2 * first.sum(), 2 * second.sum()
    within = p * (1 - p) / (a - 1) + q * (1 - q) / (b - 1)
    between = p * (1 - q) + q * (1 - p)
    return float(((p - q) ** 2 - within).mean() / between.mean())


def test_the_table_is_sorted_unique_and_named(cohort):
    v = cohort.variants
    assert cohort.G.shape == (6000, 1200)
    assert cohort.G.dtype == np.int8
    assert set(np.unique(cohort.G)) == {MISSING, 0, 1, 2}
    assert v[["chromosome", "base_pair_location"]].apply(tuple, axis=1).is_monotonic_increasing
    assert not v.duplicated(["chromosome", "base_pair_location"]).any()
    assert v["source_id"].is_unique
    assert cohort.people["iid"].is_unique
    assert (v["source_id"] != ".").all()
    assert v["source_id"].str.startswith("rs").mean() == pytest.approx(0.9, abs=0.02)
    assert set(v["effect_allele"]) == set("ACGT") == set(v["other_allele"])
    assert (v["effect_allele"] != v["other_allele"]).all()


def test_frequencies_span_the_asked_range_and_alt_is_sometimes_major(cohort, truth):
    p = truth.mean(axis=1) / 2
    maf = np.minimum(p, 1 - p)
    assert maf.min() >= SETTINGS.maf_min
    assert np.mean(maf < 0.01) == pytest.approx(SETTINGS.rare_share, abs=0.02)
    assert 0.15 < np.mean(p > 0.5) < 0.45


def test_ld_decays_with_distance_and_is_absent_between_chromosomes(cohort, truth):
    british = _members(cohort, "british")
    G = truth[:, british]
    maf = np.minimum(G.mean(axis=1), 2 - G.mean(axis=1)) / 2
    rows = np.flatnonzero((maf > 0.1) & _autosomal(cohort))
    position = cohort.variants["base_pair_location"].to_numpy()[rows]
    chromosome = cohort.variants["chromosome"].to_numpy()[rows]
    r2 = np.corrcoef(G[rows]) ** 2
    distance = np.abs(position[:, None] - position)
    same = chromosome[:, None] == chromosome

    def mean_between(low: float, high: float) -> float:
        return float(r2[same & (distance > low) & (distance <= high)].mean())

    bins = [mean_between(a, b) for a, b in ((0, 1e4), (1e4, 5e4), (5e4, 2e5), (2e5, 5e5))]
    assert bins == sorted(bins, reverse=True)
    assert bins[0] > 0.3
    assert bins[2] > 0.03
    # Unlinked r² is 1/n; relatives and drift add a little.
    assert r2[~same].mean() == pytest.approx(1 / british.sum(), rel=0.25)
    assert mean_between(6e5, 1e6) < bins[3] / 2 + 1 / british.sum()


def test_fst_is_ordered_and_sized_as_between_human_groups(cohort, truth):
    auto = _autosomal(cohort)
    british = _members(cohort, "british")
    fst = {
        group: _hudson_fst(truth[auto], british, _members(cohort, group))
        for group in ("white_other", "south_asian", "east_asian", "african")
    }
    assert list(fst.values()) == sorted(fst.values())
    for group, low, high in (
        ("white_other", 0.001, 0.006),
        ("south_asian", 0.02, 0.045),
        ("east_asian", 0.06, 0.12),
        ("african", 0.13, 0.20),
    ):
        assert low < fst[group] < high, fst
    # African-like ancestry of the admixed group is 87 %.
    carib = _hudson_fst(truth[auto], _members(cohort, "african"), _members(cohort, "caribbean"))
    assert carib < 0.01


def test_principal_components_separate_the_groups(cohort, truth):
    auto = _autosomal(cohort)
    G = truth[auto].astype(float)
    p = G.mean(axis=1, keepdims=True) / 2
    common = np.minimum(p, 1 - p)[:, 0] > 0.05
    Z = (G[common] - 2 * p[common]) / np.sqrt(2 * p[common] * (1 - p[common]))
    # The right singular vectors of Z, by way of the smaller of its two Gram matrices.
    scores = np.linalg.eigh(Z.T @ Z)[1][:, :-4:-1]
    groups = ["british", "south_asian", "east_asian", "african"]
    labels = cohort.people["ancestry"].to_numpy()
    centres = np.stack([scores[labels == group].mean(axis=0) for group in groups])
    known = np.isin(labels, groups)
    nearest = np.argmin(((scores[known, None] - centres) ** 2).sum(axis=2), axis=1)
    assert np.mean(np.array(groups)[nearest] == labels[known]) > 0.99
    # First-generation admixture lies between its parents on the first axis.
    british, african = centres[0, 0], centres[3, 0]
    mixed = (scores[labels == "mixed", 0] - british) / (african - british)
    assert 0 < mixed.mean() < 0.6


def _king(x: np.ndarray, y: np.ndarray) -> float:
    """KING-robust kinship (Manichaikul et al. 2010, eq. 11)."""
    both_het = np.sum((x == 1) & (y == 1))
    opposite = np.sum(np.abs(x - y) == 2)
    return float((both_het - 2 * opposite) / (np.sum(x == 1) + np.sum(y == 1)))


def test_relatives_have_the_kinship_of_their_degree(cohort, truth):
    G = truth[_autosomal(cohort)].astype(int)
    place = {iid: i for i, iid in enumerate(cohort.people["iid"])}
    kinship = np.array(
        [
            _king(G[:, place[a]], G[:, place[b]])
            for a, b in cohort.relatives[["iid_1", "iid_2"]].itertuples(index=False)
        ]
    )
    relation = cohort.relatives["relation"].to_numpy()
    expected = cohort.relatives["expected_kinship"].to_numpy()
    for name, tolerance in (
        ("parent_offspring", 0.02),
        ("siblings", 0.02),
        ("first_cousins", 0.015),
    ):
        of_kind = relation == name
        assert kinship[of_kind].mean() == pytest.approx(expected[of_kind][0], abs=tolerance), name
    # Parents share exactly one haplotype everywhere, siblings vary.
    assert kinship[relation == "parent_offspring"].std() < kinship[relation == "siblings"].std()
    # Long stretches are inherited whole: variants one by one would leave an SD below 0.01.
    assert 0.02 < kinship[relation == "siblings"].std() < 0.06
    pairs = cohort.relatives.query("relation == 'parent_offspring'")
    for a, b in pairs[["iid_1", "iid_2"]].itertuples(index=False):
        assert not np.any(np.abs(G[:, place[a]] - G[:, place[b]]) == 2)

    british = np.flatnonzero(_members(cohort, "british"))
    related = {place[iid] for iid in cohort.relatives[["iid_1", "iid_2"]].to_numpy().ravel()}
    strangers = [i for i in british if i not in related][:60]
    unrelated = [_king(G[:, a], G[:, b]) for a, b in itertools.pairwise(strangers)]
    assert np.mean(unrelated) == pytest.approx(0, abs=0.01)


def test_crossovers_are_one_point_two_per_hundred_megabases():
    """Every founder carries 0s on one haplotype and 1s on the other: a child shows the switches."""
    settings = SimulationSettings.light(n_people=400, n_parent_offspring=200, seed=8)
    pedigree = draw_pedigree(settings)
    position_bp = np.arange(1, 249_000_000, 100_000)
    founders = np.tile(
        np.array([0, 1], dtype=np.int8), (len(position_bp), sum(pedigree.mother < 0))
    )
    H = inherit(founders, pedigree, chromosome=1, position_bp=position_bp, build="GRCh37", seed=8)
    children = pedigree.mother[pedigree.cohort] >= 0
    switches = np.abs(np.diff(H[:, :, children].astype(int), axis=0)).sum(axis=0)
    assert switches.size == 400
    expected = 249.25 * 0.012
    assert switches.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 400))
    assert switches.var() == pytest.approx(expected, rel=0.35)
    assert np.mean(H[0][:, children] == 0) == pytest.approx(0.5, abs=0.1)


def test_x_is_transmitted_by_sex(cohort, truth):
    """A father and his daughter never differ by two alleles; a son lacks his father's X."""
    X = truth[~_autosomal(cohort)].astype(int)
    place = {iid: i for i, iid in enumerate(cohort.people["iid"])}
    men = cohort.people["is_male"].to_numpy()
    differ: dict[tuple[bool, bool], list[float]] = {}
    pairs = cohort.relatives.query("relation == 'parent_offspring'")
    for a, b in pairs[["iid_1", "iid_2"]].itertuples(index=False):
        parent, child = place[a], place[b]
        opposite = float(np.mean(np.abs(X[:, parent] - X[:, child]) == 2))
        differ.setdefault((bool(men[parent]), bool(men[child])), []).append(opposite)
    assert max(differ[(True, False)]) == 0
    assert max(differ[(False, True)]) == 0
    assert min(differ[(True, True)]) > 0


def test_men_are_never_heterozygous_on_x(cohort, truth):
    on_x = ~_autosomal(cohort)
    men = cohort.people["is_male"].to_numpy()
    for G in (cohort.G, truth):
        assert not np.any(G[np.ix_(on_x, men)] == 1)
        assert np.mean(G[np.ix_(on_x, ~men)] == 1) > 0.1


def test_sex_mismatches_are_seen_on_x(cohort):
    mismatch = (cohort.people["fault"] == "sex_mismatch").to_numpy()
    men, reported = (cohort.people[c].to_numpy() for c in ("is_male", "reported_is_male"))
    assert mismatch.sum() == SETTINGS.n_sex_mismatches
    assert np.array_equal(men != reported, mismatch)


def test_calls_differ_from_the_truth_at_the_stated_rates(cohort, truth):
    sound_rows = (cohort.variants["fault"] == "").to_numpy()
    sound_people = (cohort.people["fault"] == "").to_numpy()
    calls = cohort.G[np.ix_(sound_rows, sound_people)]
    real = truth[np.ix_(sound_rows, sound_people)]
    missing = calls == MISSING
    assert missing.mean() == pytest.approx(SETTINGS.missing_rate, rel=0.05)
    wrong = (calls != real) & ~missing
    assert wrong.sum() == pytest.approx(SETTINGS.error_rate * calls.size, rel=0.1)
    assert not np.any(truth == MISSING)

    rate = (cohort.G == MISSING).mean(axis=0)
    bad = (cohort.people["fault"] == "low_call_rate").to_numpy()
    assert bad.sum() == SETTINGS.n_low_call_people
    assert rate[bad].min() > 0.05
    assert rate[~bad].max() < 0.03
    rate = (cohort.G == MISSING).mean(axis=1)
    bad_rows = (cohort.variants["fault"] == "low_call_rate").to_numpy()
    assert bad_rows.sum() == SETTINGS.n_low_call_variants
    assert rate[bad_rows].min() > 0.04
    assert np.quantile(rate[sound_rows], 0.99) < 0.02


def test_batch_bias_is_between_arrays_and_only_at_planted_variants(cohort):
    auto, second = _autosomal(cohort), (cohort.people["array"] == "UKBL").to_numpy()
    assert second.mean() == pytest.approx(SETTINGS.second_array_share, abs=0.05)
    british = _members(cohort, "british")
    G = np.where(cohort.G == MISSING, np.nan, cohort.G)

    def z(rows: np.ndarray) -> np.ndarray:
        one, two = G[np.ix_(rows, british & ~second)], G[np.ix_(rows, british & second)]
        spread = np.nanvar(one, axis=1) / one.shape[1] + np.nanvar(two, axis=1) / two.shape[1]
        return (np.nanmean(one, axis=1) - np.nanmean(two, axis=1)) / np.sqrt(spread)

    fault = cohort.variants["fault"].to_numpy()
    planted = fault == "batch_bias"
    assert planted.sum() == SETTINGS.n_batch_variants
    assert np.median(z(planted)) > 5
    p = np.nanmean(G[:, british], axis=1) / 2
    sound = z((fault == "") & auto & (p > 0.05) & (p < 0.95))
    assert np.std(sound) == pytest.approx(1, abs=0.15)


def test_hwe_faults_fail_hwe_and_others_do_not(cohort):
    british = _members(cohort, "british")
    G = np.where(cohort.G == MISSING, np.nan, cohort.G)[:, british]
    p = np.nanmean(G, axis=1) / 2
    n = np.sum(~np.isnan(G), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        inbreeding = 1 - np.nanmean(G == 1, axis=1) / (2 * p * (1 - p))
    chi2 = n * inbreeding**2
    fault = cohort.variants["fault"].to_numpy()
    assert np.median(chi2[np.isin(fault, ["het_dropout", "het_excess"])]) > 19.5  # p < 1e-5
    assert inbreeding[fault == "het_dropout"].min() > 0
    assert inbreeding[fault == "het_excess"].max() < 0
    usual = (fault == "") & _autosomal(cohort) & (p > 0.05) & (p < 0.95)
    assert np.mean(chi2[usual] > 19.5) < 0.002


def test_heterozygosity_outliers_lie_beyond_three_sd(cohort):
    british = (cohort.people["ancestry"] == "british").to_numpy()
    calls = cohort.G[_autosomal(cohort)][:, british]
    het = (calls == 1).sum(axis=0) / (calls != MISSING).sum(axis=0)
    fault = cohort.people["fault"].to_numpy()[british]
    usual = het[fault == ""]
    z = (het - usual.mean()) / usual.std()
    assert z[fault == "inbred"].max() < -3
    assert z[fault == "contaminated"].min() > 3


def test_the_seed_decides_everything_and_threads_nothing(monkeypatch):
    first = simulate_genotypes(TINY)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    again = simulate_genotypes(TINY)
    assert np.array_equal(first.G, again.G)
    assert first.variants.equals(again.variants)
    assert first.people.equals(again.people)
    assert np.array_equal(first.altered_index, again.altered_index)
    other = simulate_genotypes(
        SimulationSettings.light(
            n_people=120, n_variants=300, n_segments=4, chromosomes=(1, 23), seed=4
        )
    )
    assert not np.array_equal(first.G, other.G)


def test_the_light_path_has_one_group_and_no_faults():
    tiny = simulate_genotypes(TINY)
    assert set(tiny.people["ancestry"]) == {"british"}
    assert tiny.relatives.empty
    assert (tiny.variants["fault"] == "").all()
    assert (tiny.people["fault"] == "").all()
    # All that differs from the truth is missing.
    assert np.all(tiny.G.ravel()[tiny.altered_index] == MISSING)


def test_progress_counts_to_the_end():
    seen = []
    simulate_genotypes(TINY, progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert seen == [("genotypes", i, 4) for i in range(1, 5)]


def test_variants_lost_by_drift_in_families_are_made_up_for():
    """Cousins among few people: much of what is common among the founders is lost."""
    settings = SimulationSettings.light(
        n_people=24, n_variants=400, n_segments=1, chromosomes=(1,), n_third_degree=12
    )
    G = simulate_genotypes(settings).true_dosages(np.arange(400))
    p = G.mean(axis=1) / 2
    assert G.shape == (400, 24)
    assert np.minimum(p, 1 - p).min() >= 0.01


def test_more_variants_than_a_segment_can_hold_is_an_input_error():
    settings = SimulationSettings.light(
        n_people=50, n_variants=2000, n_segments=1, segment_kb=1, chromosomes=(1,)
    )
    with pytest.raises(InputError, match="lower n_variants, or raise n_segments or segment_kb"):
        simulate_genotypes(settings)
