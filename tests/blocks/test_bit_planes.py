"""Planes of bits and the sums of pairs, against the same sums over the calls themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.blocks.bit_counts import (
    haplotype_counts,
    own_sums,
    pair_sums,
    plane_words,
    r2_exceeds,
)
from gwasbone.blocks.bit_planes import PackedArray, PeopleWeights, Planes
from gwasbone.blocks.packed import PeopleColumns, decode, missing_calls
from gwasbone.errors import UsageError


def of_pair(function, planes, i, j, *more):
    base, size = planes.rows.ctypes.data, 8 * planes.rows.shape[1]
    segments = len(planes.scale)
    width = plane_words(planes.rows.shape[1], segments)
    addresses = base + i * size, base + j * size
    if function is own_sums:
        return function(*addresses)
    return function(*addresses, planes.scale.ctypes.data, segments, width, *more)


def test_packing_is_that_of_a_bed():
    G = np.array([[0, 1, 2, -1, 2], [2, 2, 2, 2, 0]])
    array = PackedArray.of(G)
    everyone = array.columns.mask(np.ones(5, bool))
    copies = decode(array.words.view(np.uint8))[:, array.columns.slots]
    np.testing.assert_array_equal(copies, np.where(G < 0, 0, G))
    assert missing_calls(array.words, everyone).nonzero() == (0, 3)
    np.testing.assert_array_equal(PackedArray.of(np.where(G < 0, np.nan, G)).words, array.words)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 200), most=st.integers(1, 5))
def test_sums_of_a_pair(seed, n, most):
    rng = np.random.default_rng(seed)
    G = rng.integers(-1, 3, (4, n))
    G[3] = np.abs(G[3])
    weight = rng.integers(0, most + 1, n) if most > 1 else np.ones(n, int)
    array = PackedArray.of(G)
    planes = Planes.of(array[:], PeopleWeights.of(array.columns, weight))
    for i, j in ((0, 1), (2, 3), (3, 3)):
        both = (G[i] >= 0) & (G[j] >= 0)
        w, x, y = weight[both], G[i][both] - 1, G[j][both] - 1
        want = [w, w * x, w * y, w * x * x, w * y * y, w * x * y]
        assert of_pair(pair_sums, planes, i, j) == tuple(int(v.sum()) for v in want)
        own = [planes.n[i], planes.n[j], planes.total[i], planes.total[j]]
        assert of_pair(own_sums, planes, i, j)[:4] == tuple(own)
    called = G[0] >= 0
    assert planes.n[0] == weight[called].sum()
    assert planes.squares[0] == (weight * (G[0] - 1) ** 2)[called].sum()


@pytest.mark.parametrize("share_missing", [0.0, 0.001, 0.05])
@pytest.mark.parametrize("n", [70, 9_000])
def test_r2_above_a_threshold_is_that_of_the_sums(n, share_missing):
    # sums are bounded, looked up where calls are missing, or counted: all are to agree
    rng = np.random.default_rng(n)
    p = rng.choice([0.004, 0.05, 0.5, 0.98], (12, 1))
    G = rng.binomial(2, p, (12, n))
    G[6:] = np.where(rng.random((6, n)) < 0.6, G[:6], G[6:])
    G[rng.random(G.shape) < share_missing] = -1
    weight = rng.integers(0, 3, n)
    array = PackedArray.of(G)
    planes = Planes.of(array[:], PeopleWeights.of(array.columns, weight))
    answers = []
    for i in range(12):
        for j in range(i):
            both = (G[i] >= 0) & (G[j] >= 0)
            w, x, y = weight[both], G[i][both] - 1, G[j][both] - 1
            want = [w, w * x, w * y, w * x * x, w * y * y, w * x * y]
            assert of_pair(pair_sums, planes, i, j) == tuple(int(v.sum()) for v in want)
            n_, sx, sy, sxx, syy, sxy = (int(v.sum()) for v in want)
            covariance, variances = n_ * sxy - sx * sy, (n_ * sxx - sx**2) * (n_ * syy - sy**2)
            for threshold in (0.001, 0.1, 0.5):
                found = of_pair(r2_exceeds, planes, i, j, threshold)
                assert found == (covariance**2 > threshold * variances)
                answers.append(found)
    assert 0.04 < np.mean(answers) < 0.9


def test_haplotypes_of_a_pair_are_counted_by_hand():
    #              12/22 ... one person of each kind, the last one missing at b
    a = np.array([2, 2, 2, 1, 1, 1, 0, 0, 0, 2])
    b = np.array([2, 1, 0, 2, 1, 0, 2, 1, 0, -1])
    array = PackedArray.of([a, b])
    planes = Planes.of(array[:], PeopleWeights.of(array.columns))
    # two haplotypes each, halved: 11 from (2,2) and half of (2,1) and (1,2); and so on
    assert of_pair(haplotype_counts, planes, 0, 1) == (2.0, 2.0, 2.0, 2.0, 0.5)
    twice = Planes.of(array[:], PeopleWeights.of(array.columns, np.full(10, 2)))
    assert of_pair(haplotype_counts, twice, 0, 1) == (4.0, 4.0, 4.0, 4.0, 1.0)


def test_haplotypes_are_those_of_a_table_of_calls():
    rng = np.random.default_rng(2)
    a, b = rng.integers(-1, 3, 300), rng.integers(-1, 3, 300)
    b[rng.random(300) < 0.3] = 2
    c = np.array([[((a == x) & (b == y)).sum() for y in range(3)] for x in range(3)])
    array = PackedArray.of([a, b])
    planes = Planes.of(array[:], PeopleWeights.of(array.columns))
    k11, k12 = c[2, 2] + (c[2, 1] + c[1, 2]) / 2, c[2, 0] + (c[2, 1] + c[1, 0]) / 2
    k21, k22 = c[0, 2] + (c[0, 1] + c[1, 2]) / 2, c[0, 0] + (c[0, 1] + c[1, 0]) / 2
    assert of_pair(haplotype_counts, planes, 0, 1) == (k11, k12, k21, k22, c[1, 1] / 2)


def test_people_left_out_do_not_count():
    rng = np.random.default_rng(1)
    G = rng.integers(-1, 3, (3, 150))
    kept = np.flatnonzero(rng.random(150) < 0.7)
    words = PackedArray.of(G).words
    columns = PeopleColumns.of(kept, n_people=150)
    planes = Planes.of(words, PeopleWeights.of(columns))
    array = PackedArray.of(G[:, kept])
    alone = Planes.of(array[:], PeopleWeights.of(array.columns))
    assert of_pair(pair_sums, planes, 0, 1) == of_pair(pair_sums, alone, 0, 1)
    np.testing.assert_array_equal(planes.frequency, alone.frequency)


@pytest.mark.parametrize("weights", [[1, 2], [1, -1, 1], [0.5, 1, 1]])
def test_weights_are_whole_numbers_one_for_each_person(weights):
    with pytest.raises(UsageError, match="3 whole numbers"):
        PeopleWeights.of(PeopleColumns.of(np.arange(3), n_people=3), weights)
