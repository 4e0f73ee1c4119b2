"""KING-robust and PC-Relate kinship against their formulas pair by pair."""

import numpy as np
import pytest

from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.kinship import king_kinship, pc_relate_kinship
from gwasbone.blocks.packed import PeopleColumns
from gwasbone.errors import UsageError


def kinship_of_pair(a, b):
    both = (a >= 0) & (b >= 0)
    x, y = a[both].astype(int), b[both].astype(int)
    fewest = min((x == 1).sum(), (y == 1).sum())
    return 0.5 - ((x - y) ** 2).sum() / (4 * fewest) if fewest else np.nan


def test_equals_the_formula_pair_by_pair(monkeypatch):
    monkeypatch.setattr("gwasbone.blocks.kinship._BLOCK", 64)
    rng = np.random.default_rng(3)
    G = rng.binomial(2, rng.uniform(0.05, 0.95, (300, 1)), (300, 12)).astype(np.int8)
    G[rng.random(G.shape) < 0.1] = -1
    want = [[kinship_of_pair(G[:, i], G[:, j]) for j in range(12)] for i in range(12)]
    np.testing.assert_allclose(king_kinship(PackedArray.of(G)), want, rtol=1e-12)


def test_counted_allele_does_not_matter_and_strangers_have_none():
    rng = np.random.default_rng(4)
    G = rng.binomial(2, 0.4, (20_000, 6)).astype(np.int8)
    flipped = np.where(rng.random((20_000, 1)) < 0.5, 2 - G, G)
    kinship = king_kinship(PackedArray.of(G))
    np.testing.assert_allclose(king_kinship(PackedArray.of(flipped)), kinship)
    assert np.abs(kinship[~np.eye(6, dtype=bool)]).max() < 0.03


def test_nobody_heterozygous_is_missing_and_too_many_variants_are_refused():
    assert np.isnan(king_kinship(PackedArray.of([[0, 2], [2, 2]]))).all()

    class Endless:
        columns = PeopleColumns.of(np.arange(3), n_people=3)

        def __len__(self):
            return 2**22 + 1

    with pytest.raises(UsageError, match="prune"):
        king_kinship(Endless())


def test_people_left_out_leave_the_others_as_they_are():
    rng = np.random.default_rng(5)
    G = rng.integers(-1, 3, (200, 40)).astype(np.int8)
    kept = np.flatnonzero(rng.random(40) < 0.6)
    some = PackedArray(PackedArray.of(G).words, PeopleColumns.of(kept, n_people=40))
    np.testing.assert_array_equal(king_kinship(some), king_kinship(PackedArray.of(G[:, kept])))


def test_pc_relate_equals_the_formula_pair_by_pair(monkeypatch):
    """Frequencies by least squares in the unrelated, one variant and one pair at a time."""
    monkeypatch.setattr("gwasbone.blocks.kinship._BLOCK", 32)
    rng = np.random.default_rng(6)
    n, m, maf = 14, 90, 0.05
    G = rng.binomial(2, rng.uniform(0.02, 0.98, (m, 1)), (m, n)).astype(np.int8)
    G[rng.random(G.shape) < 0.1] = -1
    scores, unrelated = rng.normal(size=(n, 2)), np.arange(n) < 9
    V = np.column_stack([np.ones(n), scores])
    top, below = np.zeros((n, n)), np.zeros((n, n))
    for g in G:
        y = np.where(g >= 0, g, g[unrelated & (g >= 0)].mean())[unrelated]
        mu = V @ np.linalg.lstsq(V[unrelated], y, rcond=None)[0] / 2
        used = (g >= 0) & (mu > maf) & (mu < 1 - maf)
        for i in range(n):
            for j in range(n):
                if used[i] and used[j]:
                    top[i, j] += (g[i] - 2 * mu[i]) * (g[j] - 2 * mu[j])
                    below[i, j] += 4 * np.sqrt(mu[i] * (1 - mu[i]) * mu[j] * (1 - mu[j]))
    found = pc_relate_kinship(PackedArray.of(G), scores, unrelated, maf=maf)
    np.testing.assert_allclose(found, top / below, atol=1e-8)
    turned = np.where(G < 0, G, 2 - G)
    again = pc_relate_kinship(PackedArray.of(turned), scores, unrelated, maf=maf)
    np.testing.assert_allclose(again, found, atol=1e-8)
    with pytest.raises(UsageError, match="more unrelated participants than 2 components"):
        pc_relate_kinship(PackedArray.of(G), scores, np.arange(n) < 3, maf=maf)
