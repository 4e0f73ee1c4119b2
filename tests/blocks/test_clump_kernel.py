"""The clumping kernel: the rule by hand, written out, and its invariants."""

import numpy as np
import pytest

from gwasbone.blocks.bit_planes import PackedArray, PeopleWeights, Planes
from gwasbone.blocks.clump import clump_variants
from gwasbone.blocks.haplotypes import haplotype_r2
from gwasbone.errors import InputError, UsageError

A = [2, 2, 2, 2, 0, 0, 0, 0]
B = [2, 2, 2, 0, 2, 0, 0, 0]  # haplotype r² with A: 0.25
C = [2, 0, 0, 2, 2, 2, 0, 0]  # with A and B: 0


def clumps_of(G, position, log_p, chromosome=None, **options):
    chromosome = np.ones(len(G), int) if chromosome is None else chromosome
    found = clump_variants(PackedArray.of(G), chromosome, position, log_p, **options)
    return [(c.index, c.members.tolist(), c.n_linked) for c in found]


def test_the_strongest_takes_what_is_linked_and_the_next_what_is_left():
    G, position = [A, B, C, A, A], [10, 20, 30, 40, 50]
    log_p = [5, 9, 6, 3, 1]
    # 1 takes 0 (0.25 > 0.2); 3 and 4 too, though 4 has p above p2
    assert clumps_of(G, position, log_p, r2=0.2) == [(1, [0, 3], 3), (2, [], 0)]
    # on the threshold nothing is linked: 0 leads the As
    assert clumps_of(G, position, log_p, r2=0.25) == [(1, [], 0), (2, [], 0), (0, [3], 2)]


def test_radius_and_p2_are_exclusive_and_p1_inclusive():
    at = [1_000_000, 1_249_999, 1_250_000]
    assert clumps_of([A, A, A], at, [4, 3, 3]) == [(0, [1], 1)]
    before = [1_000_000, 1_000_001, 1_250_000]
    assert clumps_of([A, A, A], before, [3, 3, 4]) == [(2, [1], 1)]
    assert clumps_of([A, A], at[:2], [4, 2]) == [(0, [], 1)]
    assert clumps_of([A, A], at[:2], [3.999, 3]) == []
    assert clumps_of([A, A, A], at, [4, 3, 4]) == [(0, [1], 1), (2, [], 0)]


def test_ties_go_by_place_and_chromosomes_do_not_meet():
    assert clumps_of([A, A], [5, 5], [7, 7]) == [(0, [1], 1)]
    got = clumps_of([A, A, A], [5, 5, 6], [7, 7, 8], chromosome=[1, 2, 2])
    assert got == [(2, [1], 1), (0, [], 0)]


def test_p_values_below_the_least_float_keep_their_order():
    assert clumps_of([A, A], [5, 6], [400.0, 500.0]) == [(1, [0], 1)]


def clump_literally(r2, position, log_p, *, p1, p2, least, radius_bp):
    free, clumps = np.ones(len(position), bool), []
    for i in sorted(range(len(position)), key=lambda i: (-log_p[i], i)):
        if not free[i] or log_p[i] < -np.log10(p1):
            continue
        free[i] = False
        linked = [
            j
            for j in range(len(position))
            if free[j] and abs(position[j] - position[i]) < radius_bp and r2[i, j] > least
        ]
        free[linked] = False
        clumps.append((i, [j for j in linked if log_p[j] > -np.log10(p2)], len(linked)))
    return clumps


@pytest.fixture(scope="module")
def chain():
    rng = np.random.default_rng(21)
    latent = rng.standard_normal((2, 70))
    G = np.empty((300, 70), dtype=np.int8)
    for v in range(300):
        latent = 0.95 * latent + np.sqrt(1 - 0.95**2) * rng.standard_normal((2, 70))
        G[v] = (latent > rng.uniform(-1, 1)).sum(axis=0)
    G[rng.random(G.shape) < 0.03] = -1
    position = np.sort(rng.integers(1, 1_000_000, 300))
    return G, position, rng.exponential(2.5, 300)


@pytest.mark.parametrize("least", [0.05, 0.3, 0.8])
def test_equals_the_rule_written_out(chain, least):
    G, position, log_p = chain
    P = PackedArray.of(G)
    people = PeopleWeights.of(P.columns)
    planes = Planes.of(P[:], people)
    r2 = np.array([haplotype_r2(planes.take(slice(i, i + 1)), planes) for i in range(300)])
    want = clump_literally(r2, position, log_p, p1=1e-2, p2=0.1, least=least, radius_bp=100_000)
    assert clumps_of(G, position, log_p, p1=1e-2, p2=0.1, r2=least, radius_kb=100) == want
    assert len(want) > 3


def test_order_of_people_alleles_threads_and_chunks_do_not_matter(chain, monkeypatch):
    G, position, log_p = chain
    rng = np.random.default_rng(22)
    whole = clumps_of(G, position, log_p, p1=1e-2, p2=0.1, r2=0.3)
    flip = rng.random(300)[:, None] < 0.5
    other = np.where((G >= 0) & flip, 2 - G, G)[:, rng.permutation(70)]
    monkeypatch.setattr("gwasbone.blocks.clump._CALLS_TOGETHER", 500)
    assert clumps_of(other, position, log_p, p1=1e-2, p2=0.1, r2=0.3, threads=3) == whole


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"p1": 1e-2, "p2": 1e-4}, "p1 <= p2"),
        ({"p1": 0}, "0 < p1"),
        ({"r2": 1}, "r2 < 1"),
        ({"radius_kb": 0}, "radius"),
    ],
)
def test_wrong_numbers_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        clumps_of([A], [1], [5.0], **options)


def test_other_lengths_and_missing_p_values_are_refused():
    with pytest.raises(InputError, match="1 are NaN"):
        clumps_of([A, A], [1, 2], [5.0, np.nan])
    with pytest.raises(InputError, match="expected 2"):
        clumps_of([A, A], [1, 2], [5.0])
