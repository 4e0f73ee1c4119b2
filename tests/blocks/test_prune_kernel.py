"""The pruning kernel against the rule written out literally, and its invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.blocks import prune
from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.prune import windows_by_count, windows_by_distance
from gwasbone.errors import InputError, UsageError


def prune_pairwise(G, *places, **options):
    return prune.prune_pairwise(PackedArray.of(G), *places, **options)


def r2_of(a, b):
    both = (a >= 0) & (b >= 0)
    x, y = a[both].astype(float), b[both].astype(float)
    if len(x) == 0 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def minor_frequency(a):
    p = a[a >= 0].mean() / 2
    return min(p, 1 - p)


def prune_literally(G, windows, r2):
    """The rule of methods §1 word for word: repeat full passes in each window."""
    alive = [bool((g >= 0).any() and g[g >= 0].std() > 0) for g in G]
    for start, end in windows:
        changed = True
        while changed:
            changed = False
            for i in range(start, end):
                if not alive[i]:
                    continue
                for j in range(i + 1, end):
                    if alive[j] and r2_of(G[i], G[j]) > r2 * (1 + 1e-12):
                        lower = minor_frequency(G[i]) < minor_frequency(G[j]) - 1e-12
                        alive[i if lower else j] = False
                        changed = True
                        break
    return np.array(alive)


def linked(rng, m, n, missing=0.0):
    """Calls with correlation along the chromosome, some variants repeated or flipped."""
    G = np.empty((m, n), dtype=np.int8)
    latent = rng.standard_normal((2, n))
    for v in range(m):
        latent = 0.9 * latent + np.sqrt(1 - 0.81) * rng.standard_normal((2, n))
        G[v] = (latent > rng.uniform(-1, 1)).sum(axis=0)
        if v and rng.random() < 0.1:
            G[v] = G[v - 1] if rng.random() < 0.5 else 2 - G[v - 1]
    G[rng.random(G.shape) < missing] = -1
    return G


def test_the_rarer_of_two_linked_variants_goes_and_the_later_of_a_tie():
    a = np.array([0, 0, 0, 0, 0, 0, 1, 2], dtype=np.int8)
    b = np.array([0, 0, 0, 0, 0, 1, 1, 2], dtype=np.int8)
    far = [100, 200]
    assert prune_pairwise(np.array([a, b]), [1, 1], far, window_kb=1, r2=0.5).tolist() == [0, 1]
    assert prune_pairwise(np.array([b, a]), [1, 1], far, window_kb=1, r2=0.5).tolist() == [1, 0]
    assert prune_pairwise(np.array([b, b]), [1, 1], far, window_kb=1, r2=0.5).tolist() == [1, 0]
    flipped = np.array([2 - b, b])
    assert prune_pairwise(flipped, [1, 1], far, window_kb=1, r2=0.5).tolist() == [1, 0]


def test_a_pair_exactly_on_the_threshold_is_kept():
    a = np.array([0, 0, 1, 1], dtype=np.int8)
    b = np.array([0, 1, 1, 1], dtype=np.int8)  # r² = 1/3
    assert r2_of(a, b) == pytest.approx(1 / 3)
    G = np.array([a, b])
    assert prune_pairwise(G, [1, 1], [1, 2], window_kb=1, r2=1 / 3).all()
    assert not prune_pairwise(G, [1, 1], [1, 2], window_kb=1, r2=0.333).all()


@pytest.mark.parametrize("missing", [0.0, 0.05])
@pytest.mark.parametrize("r2", [0.05, 0.3, 0.8])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_equals_the_rule_written_out(missing, r2, seed):
    rng = np.random.default_rng(seed)
    G = linked(rng, 60, 40, missing)
    position = np.sort(rng.integers(1, 20_000, len(G)))
    by_distance = windows_by_distance(position, 3000)[:, [0, 2]]
    by_count = windows_by_count(len(G), 12, 5)[:, [0, 2]]
    one = np.ones(len(G), dtype=int)
    got = prune_pairwise(G, one, position, window_kb=3, r2=r2)
    np.testing.assert_array_equal(got, prune_literally(G, by_distance, r2))
    got = prune_pairwise(G, one, position, window_variants=12, step=5, r2=r2)
    np.testing.assert_array_equal(got, prune_literally(G, by_count, r2))


def test_windows_by_distance_are_inclusive_and_advance():
    position = np.array([0, 10, 20, 21, 50, 200])
    windows = windows_by_distance(position, 20).tolist()
    assert windows == [[0, 0, 3], [1, 3, 4], [4, 4, 5], [5, 5, 6]]


def test_windows_by_count_shift_by_the_step_and_end_with_the_chromosome():
    assert windows_by_count(7, 4, 2).tolist() == [[0, 0, 4], [2, 4, 6], [4, 6, 7]]
    assert windows_by_count(3, 4, 2).tolist() == [[0, 0, 3]]
    assert windows_by_count(0, 4, 2).tolist() == []


def test_chunks_pieces_and_threads_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(3)
    G = linked(rng, 900, 50, 0.01)
    position = np.sort(rng.integers(1, 50_000, len(G)))
    position[300:] += 5_001  # wider than the window
    position[600:] += 5_000
    one = np.ones(len(G), dtype=int)
    by_kb, by_count = {"window_kb": 5}, {"window_variants": 40, "step": 7}
    whole = [prune_pairwise(G, one, position, r2=0.2, **w) for w in (by_kb, by_count)]
    for calls_together, least_piece in ((850, 1000), (5000, 1), (10**9, 100)):
        monkeypatch.setattr("gwasbone.blocks.prune._CALLS_TOGETHER", calls_together)
        monkeypatch.setattr("gwasbone.blocks.prune._MIN_PIECE", least_piece)
        for window, expected in zip((by_kb, by_count), whole, strict=True):
            got = prune_pairwise(G, one, position, r2=0.2, threads=3, **window)
            np.testing.assert_array_equal(got, expected)


def test_a_gap_as_wide_as_the_window_parts_nothing(monkeypatch):
    monkeypatch.setattr("gwasbone.blocks.prune._MIN_PIECE", 1)
    g = np.random.default_rng(9).integers(0, 3, 50)
    assert prune_pairwise([g, g], [1, 1], [100, 5100], window_kb=5, r2=0.2).sum() == 1
    assert prune_pairwise([g, g], [1, 1], [100, 5101], window_kb=5, r2=0.2).sum() == 2


def test_order_of_people_and_counted_allele_do_not_matter():
    rng = np.random.default_rng(4)
    G = linked(rng, 200, 60)
    one, position = np.ones(200, dtype=int), np.arange(200) * 100
    kept = prune_pairwise(G, one, position, window_kb=5, r2=0.3)
    shuffled = G[:, rng.permutation(60)]
    flips = np.where(rng.random(200)[:, None] < 0.5, 2 - G, G)
    assert 20 < kept.sum() < 180
    for other in (shuffled, flips):
        np.testing.assert_array_equal(
            prune_pairwise(other, one, position, window_kb=5, r2=0.3), kept
        )


def test_chromosomes_do_not_meet():
    rng = np.random.default_rng(5)
    g = rng.integers(0, 3, 50).astype(np.int8)
    G = np.array([g, g])
    assert prune_pairwise(G, [1, 2], [5, 5], window_kb=500, r2=0.1).all()
    assert prune_pairwise(G, [1, 2], [5, 5], window_variants=50, r2=0.1).all()


def test_variants_that_do_not_vary_are_dropped():
    rng = np.random.default_rng(6)
    G = np.vstack([np.zeros(9), np.ones(9), np.full(9, 2), np.full(9, -1), rng.integers(0, 3, 9)])
    kept = prune_pairwise(G.astype(np.int8), np.ones(5), np.arange(5), window_kb=1, r2=0.1)
    assert kept.tolist() == [False, False, False, False, True]


def test_a_weight_counts_a_person_that_many_times():
    rng = np.random.default_rng(7)
    G = linked(rng, 150, 40, 0.05)
    weight = rng.integers(0, 3, 40)
    one, position = np.ones(150, dtype=int), np.arange(150)
    weighted = prune_pairwise(G, one, position, window_kb=1, r2=0.3, weights=weight)
    repeated = prune_pairwise(np.repeat(G, weight, axis=1), one, position, window_kb=1, r2=0.3)
    np.testing.assert_array_equal(weighted, repeated)


def test_missing_may_be_nan():
    rng = np.random.default_rng(8)
    G = linked(rng, 80, 40, 0.1)
    floats = np.where(G < 0, np.nan, G.astype(float))
    one, position = np.ones(80, dtype=int), np.arange(80)
    np.testing.assert_array_equal(
        prune_pairwise(floats, one, position, window_kb=1, r2=0.3),
        prune_pairwise(G, one, position, window_kb=1, r2=0.3),
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"r2": 0.1}, "kilobases or as a number"),
        ({"r2": 0.1, "window_kb": 5, "window_variants": 5}, "kilobases or as a number"),
        ({"r2": 0.1, "window_kb": 5, "step": 5}, "leave the step out"),
        ({"r2": 1.5, "window_kb": 5}, "r2"),
        ({"r2": 0.1, "window_variants": 5, "step": 6}, "step"),
        ({"r2": 0.1, "window_kb": 5, "weights": [0.5, 1]}, "weights"),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        prune_pairwise(np.zeros((2, 2), np.int8), [1, 1], [1, 2], **options)


def test_unsorted_variants_are_refused():
    G = np.zeros((3, 4), np.int8)
    with pytest.raises(InputError, match="ascend"):
        prune_pairwise(G, [1, 1, 1], [1, 3, 2], window_kb=1, r2=0.1)
    with pytest.raises(InputError, match="one run"):
        prune_pairwise(G, [1, 2, 1], [1, 3, 2], window_kb=1, r2=0.1)
    with pytest.raises(InputError, match="3 variants"):
        prune_pairwise(G, [1, 1], [1, 3], window_kb=1, r2=0.1)


def test_no_variants_give_no_variants():
    for window in ({"window_kb": 1}, {"window_variants": 5}):
        assert prune_pairwise(np.zeros((0, 4), np.int8), [], [], r2=0.1, **window).shape == (0,)
