"""The relationship matrix against its definition."""

import numpy as np
import pytest

from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.grm import relationships
from gwasbone.errors import UsageError


def literally(G):
    n = G.shape[1]
    total, count = np.zeros((n, n)), np.zeros((n, n), int)
    for g in G:
        called = g >= 0
        p = g[called].mean() / 2
        if not 0 < p < 1:
            continue
        z = np.where(called, (g - 2 * p) / np.sqrt(2 * p * (1 - p)), 0)
        total += np.outer(z, z)
        count += np.outer(called, called)
    return total / count, count


def test_a_matrix_by_hand():
    # p = 1/2: (g − 1)²/(1/2) = 2 for the homozygous
    found = relationships(PackedArray.of([[0, 2], [2, 0], [0, 0]]))
    np.testing.assert_allclose(found.matrix, [[2, -2], [-2, 2]])
    assert found.n_variants.tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_equals_its_definition(missing, monkeypatch):
    rng = np.random.default_rng(31)
    G = rng.binomial(2, rng.uniform(0.02, 0.98, 1300)[:, None], (1300, 45))
    G[rng.random(G.shape) < missing] = -1
    matrix, count = literally(G)
    monkeypatch.setattr("gwasbone.blocks.grm._CALLS_PER_BLOCK", 45 * 600)
    found = relationships(PackedArray.of(G), threads=2)
    np.testing.assert_array_equal(found.n_variants, count)
    np.testing.assert_allclose(found.matrix, matrix, atol=2e-5)


def test_the_other_allele_changes_nothing():
    rng = np.random.default_rng(32)
    G = rng.binomial(2, 0.3, (400, 30))
    flipped = np.where(rng.random(400)[:, None] < 0.5, 2 - G, G)
    one, other = (relationships(PackedArray.of(x)).matrix for x in (G, flipped))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_variants_with_one_allele_are_refused():
    with pytest.raises(UsageError, match="both alleles"):
        relationships(PackedArray.of([[0, 0], [2, 2]]))
