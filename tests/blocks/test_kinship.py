"""KING-robust kinship against the formula pair by pair."""

import numpy as np
import pytest

from gwasbone.blocks.kinship import king_kinship
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
    np.testing.assert_allclose(king_kinship(G), want, rtol=1e-12)


def test_counted_allele_does_not_matter_and_strangers_have_none():
    rng = np.random.default_rng(4)
    G = rng.binomial(2, 0.4, (20_000, 6)).astype(np.int8)
    flipped = np.where(rng.random((20_000, 1)) < 0.5, 2 - G, G)
    np.testing.assert_allclose(king_kinship(flipped), king_kinship(G))
    assert np.abs(king_kinship(G)[~np.eye(6, dtype=bool)]).max() < 0.03


def test_nobody_heterozygous_is_missing_and_too_many_variants_are_refused():
    assert np.isnan(king_kinship(np.array([[0, 2], [2, 2]]))).all()

    class Endless:
        shape = (2**22 + 1, 3)

    with pytest.raises(UsageError, match="prune"):
        king_kinship(Endless())
