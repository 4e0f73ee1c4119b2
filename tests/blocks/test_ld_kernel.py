"""Correlations, LD tables and LD scores against NumPy, and what must not change them."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.ld import ld_matrix, ld_pairs, ld_scores, window_ends
from gwasbone.errors import InputError, UsageError


@pytest.fixture(scope="module")
def calls():
    """150 variants in a chain, 90 people, some missing; the last variant does not vary."""
    rng = np.random.default_rng(11)
    latent = rng.standard_normal((2, 90))
    G = np.empty((150, 90), dtype=np.int8)
    for v in range(150):
        latent = 0.9 * latent + np.sqrt(0.19) * rng.standard_normal((2, 90))
        G[v] = (latent > rng.uniform(-1, 1)).sum(axis=0)
    G[rng.random(G.shape) < 0.04] = -1
    G[-1] = np.where(G[-1] < 0, -1, 1)
    return G


def at_mean(G):
    X = np.where(G < 0, np.nan, G.astype(float))
    X -= np.nanmean(X, axis=1, keepdims=True)
    return np.nan_to_num(X)


def test_a_matrix_by_hand():
    # x = (0,0,1,1), y = (0,1,1,1): covariance 1/8, variances 1/4 and 3/16, r² = 1/3
    R = ld_matrix(PackedArray.of([[0, 0, 1, 1], [0, 1, 1, 1], [2, 2, 1, 1]]))
    third = 1 / np.sqrt(3)
    np.testing.assert_allclose(R, [[1, third, -1], [third, 1, -third], [-1, -third, 1]])


def test_missing_calls_at_the_mean_and_pairwise(calls):
    P = PackedArray.of(calls)
    with np.errstate(invalid="ignore"):
        want = np.corrcoef(at_mean(calls))
    np.testing.assert_allclose(ld_matrix(P)[:-1, :-1], want[:-1, :-1], atol=1e-12)
    pairwise = pd.DataFrame(np.where(calls < 0, np.nan, calls).T).corr().to_numpy()
    got = ld_matrix(P, missing="pairwise")
    np.testing.assert_allclose(got[:-1, :-1], pairwise[:-1, :-1], atol=1e-12)
    assert np.isnan(got[-1]).all()
    assert np.abs(got - ld_matrix(P))[:-1, :-1].max() > 1e-3
    with pytest.raises(UsageError, match="pairwise"):
        ld_matrix(P, missing="drop")


def test_allele_flips_change_signs_and_order_of_people_nothing(calls):
    rng = np.random.default_rng(12)
    R = ld_matrix(PackedArray.of(calls))
    flip = rng.random(len(calls)) < 0.5
    flipped = np.where((calls >= 0) & flip[:, None], 2 - calls, calls)
    sign = np.where(flip, -1, 1)
    of_flipped = ld_matrix(PackedArray.of(flipped))
    np.testing.assert_allclose(of_flipped, R * np.outer(sign, sign), atol=1e-12)
    order = rng.permutation(calls.shape[1])
    np.testing.assert_array_equal(ld_matrix(PackedArray.of(calls[:, order])), R)


def test_tiles_and_threads_do_not_change_the_result(calls, monkeypatch):
    P = PackedArray.of(calls)
    until = window_ends(np.repeat([1, 2], 75), np.tile(np.arange(75), 2), 12)
    A = np.random.default_rng(13).random((150, 2))
    whole = ld_matrix(P), ld_scores(P, until, annotations=A), ld_pairs(P, until, r2_min=0.1)
    monkeypatch.setattr("gwasbone.blocks.ld._TILE_ROWS", 7)
    np.testing.assert_array_equal(ld_matrix(P, threads=3), whole[0])
    np.testing.assert_allclose(ld_scores(P, until, annotations=A, threads=3), whole[1], atol=1e-10)
    pairs = ld_pairs(P, until, r2_min=0.1, threads=3)
    np.testing.assert_array_equal(pairs.first, whole[2].first)
    np.testing.assert_array_equal(pairs.r, whole[2].r)


def test_a_weight_counts_a_person_that_many_times(calls):
    weight = np.random.default_rng(14).integers(0, 3, calls.shape[1])
    repeated = PackedArray.of(np.repeat(calls, weight, axis=1))
    for missing in ("mean", "pairwise"):
        got = ld_matrix(PackedArray.of(calls), weights=weight, missing=missing)
        np.testing.assert_allclose(got, ld_matrix(repeated, missing=missing), atol=1e-12)


def test_windows_hold_their_ends_and_stop_at_chromosomes():
    assert window_ends([1, 1, 1, 1], [0, 10, 20, 21], 10).tolist() == [2, 3, 4, 4]
    assert window_ends([1, 1, 2], [5, 5, 5], 0).tolist() == [2, 2, 3]
    assert window_ends([], [], 1).tolist() == []
    with pytest.raises(InputError, match="chromosome 2 descend"):
        window_ends([1, 2, 2], [9, 5, 4], 1)


def test_pairs_of_a_window(calls):
    until = window_ends(np.repeat([1, 2], 75), np.tile(np.arange(75), 2), 12)
    pairs = ld_pairs(PackedArray.of(calls), until, r2_min=0.3)
    with np.errstate(invalid="ignore"):
        R = np.corrcoef(at_mean(calls))
    want = [
        (i, j)
        for i in range(150)
        for j in range(i + 1, 150)
        if j - i <= 12 and (i < 75) == (j < 75) and R[i, j] ** 2 >= 0.3
    ]
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == want
    assert len(want) > 50
    np.testing.assert_allclose(pairs.r, R[pairs.first, pairs.second], atol=1e-12)
    with pytest.raises(UsageError, match="r2_min"):
        ld_pairs(PackedArray.of(calls), until, r2_min=2)


def test_scores_by_hand():
    # r² = 1/3 and n = 4: unbiased 1/3 − (2/3)/2 = 0, and 1 of the variant itself
    P = PackedArray.of([[0, 0, 1, 1], [0, 1, 1, 1], [2, 2, 1, 1], [1, 1, 1, 1]])
    scores = ld_scores(P, np.full(4, 4), annotations=[[1, 5], [1, 7], [1, 0], [1, 1]])
    np.testing.assert_allclose(scores, [[2, 5], [1, 7], [2, 5], [np.nan] * 2], atol=1e-12)


def test_scores_are_sums_over_both_sides_of_the_window(calls):
    rng = np.random.default_rng(15)
    x = np.sort(rng.random(150))
    until = window_ends(np.repeat([1, 2], 75), x - (x > x[74]) * x[75], 0.1)
    A = rng.random((150, 3))
    with np.errstate(invalid="ignore"):
        r2 = np.corrcoef(at_mean(calls)) ** 2
    r2 -= (1 - r2) / (90 - 2)
    near = np.zeros((150, 150), bool)
    for i in range(150):
        near[i, i : until[i]] = True
    near |= near.T
    r2[~near | np.isnan(r2)] = 0
    want = r2 @ A
    want[-1] = np.nan
    got = ld_scores(PackedArray.of(calls), until, annotations=A)
    np.testing.assert_allclose(got, want, atol=1e-12)
    plain = ld_scores(PackedArray.of(calls), until)
    np.testing.assert_allclose(plain[:-1, 0], r2[:-1].sum(axis=1), atol=1e-12)


def test_unlinked_variants_have_a_score_of_one_on_average():
    rng = np.random.default_rng(16)
    G = rng.binomial(2, 0.4, (600, 80))
    scores = ld_scores(PackedArray.of(G), np.full(600, 600))
    assert abs(scores.mean() - 1) < 0.25  # without the correction it would be 8.6


def test_wrong_annotations_and_too_few_people_are_refused(calls):
    until = np.full(150, 150)
    with pytest.raises(UsageError, match="150 variants"):
        ld_scores(PackedArray.of(calls), until, annotations=np.ones((149, 1)))
    with pytest.raises(UsageError, match="three samples"):
        ld_scores(PackedArray.of(calls[:, :2]), until)
