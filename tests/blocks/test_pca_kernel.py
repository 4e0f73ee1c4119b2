"""Components of packed calls against NumPy's SVD of the matrix written out."""

import numpy as np
import pytest
from bed_reader import to_bed
from scipy.linalg import subspace_angles

from gwasbone.blocks.packed import PackedBed, PeopleColumns
from gwasbone.blocks.pca import UnconvergedComponentsWarning, leading_components
from gwasbone.errors import UsageError

K = 4


def structured(rng, m, n, *, groups=5, missing=0.02):
    """(m, n) calls of groups of people, -1 missing; some variants do not vary."""
    p = np.clip(rng.uniform(0.02, 0.98, m)[:, None] + rng.normal(0, 0.1, (m, groups)), 0.01, 0.99)
    G = rng.binomial(2, p[:, rng.integers(0, groups, n)]).astype(np.int8)
    G[rng.random(G.shape) < missing] = -1
    G[3], G[4], G[5], G[6] = 0, 2, np.where(np.arange(n) == 1, 2, -1), -1
    return G


def packed_blocks(folder, G, *, rows=100, people=None):
    """Blocks of the words of a .bed, and where the people are."""
    m, n = G.shape
    path = folder / f"{m}x{n}.bed"
    to_bed(path, np.where(G < 0, np.nan, G).T.astype(np.float32))
    columns = PeopleColumns.of(np.arange(n) if people is None else people, n_people=n)
    bed = PackedBed(path, n)
    return [bed.rows(np.arange(m)[i : i + rows], columns) for i in range(0, m, rows)], columns


def svd(G, k=K):
    """Oracle: frequency, U, s, V of the standardised matrix, rows of constants NaN in U."""
    g = np.where(G < 0, np.nan, G.astype(float))
    called = (G >= 0).sum(axis=1)
    p = np.where(called > 0, np.nansum(g, axis=1) / np.maximum(2 * called, 1), np.nan)
    varies = (p > 0) & (p < 1)
    Z = (g[varies] - 2 * p[varies, None]) / np.sqrt(2 * p * (1 - p) * varies.sum())[varies, None]
    u, s, vt = np.linalg.svd(np.nan_to_num(Z), full_matrices=False)
    U = np.full((len(G), k), np.nan)
    U[varies] = u[:, :k]
    return p, U, s[:k], vt[:k].T


def assert_equals_svd(found, G, *, atol, k=K):
    p, U, s, V = svd(G, k)
    np.testing.assert_allclose(found.frequency, p, rtol=1e-14)
    np.testing.assert_allclose(found.eigenvalues, s**2, rtol=1e-8)
    assert subspace_angles(found.people, V).max() < atol
    signs = np.sign((found.people * V).sum(axis=0))
    np.testing.assert_allclose(found.people, V * signs, atol=atol)
    np.testing.assert_allclose(found.loadings, U * signs, atol=atol)


@pytest.mark.parametrize(
    ("method", "m", "n", "atol"),
    [
        ("exact", 700, 130, 1e-6),
        ("exact", 90, 230, 1e-6),  # the side of the variants
        ("exact", 900, 520, 1e-5),  # too large to be solved for all components
        ("exact", 520, 900, 1e-5),
        ("iterative", 700, 230, 1e-5),
        ("iterative", 90, 230, 1e-5),
    ],
)
def test_equals_the_singular_value_decomposition(tmp_path, monkeypatch, method, m, n, atol):
    monkeypatch.setattr("gwasbone.blocks.standardised._TILE", 64)  # several in a block
    G = structured(np.random.default_rng(m + n), m, n)
    blocks, columns = packed_blocks(tmp_path, G)
    found = leading_components(blocks, columns, k=K, method=method, tolerance=1e-6)
    assert_equals_svd(found, G, atol=atol)
    assert (found.n_passes > 0) == (method == "iterative")
    assert np.isnan(found.loadings[[3, 4, 5, 6]]).all()
    assert np.isnan(found.frequency[6])


@pytest.mark.parametrize("method", ["exact", "iterative"])
@pytest.mark.parametrize("share", [0.6, 0.15])
def test_some_people_of_the_file(tmp_path, method, share):
    """Others are in the same bytes and words; few people leave bytes out."""
    rng = np.random.default_rng(8)
    G = structured(rng, 400, 900)
    people = np.flatnonzero(rng.random(900) < share)
    blocks, columns = packed_blocks(tmp_path, G, people=people)
    found = leading_components(blocks, columns, k=3, method=method, tolerance=1e-6)
    assert_equals_svd(found, G[:, people], atol=1e-5, k=3)


@pytest.mark.parametrize("method", ["exact", "iterative"])
def test_much_missing_and_rare_alleles(tmp_path, method):
    rng = np.random.default_rng(9)
    G = structured(rng, 600, 200, missing=0.3)
    G[::2] = rng.binomial(2, 0.01, G[::2].shape)
    G[::4] = 2 - G[::4]
    blocks, columns = packed_blocks(tmp_path, G)
    found = leading_components(blocks, columns, k=K, method=method, tolerance=1e-6)
    assert_equals_svd(found, G, atol=1e-5)


def test_more_blocks_and_cores_change_nothing_but_rounding(tmp_path):
    G = structured(np.random.default_rng(10), 500, 200)
    results = [
        leading_components(
            *packed_blocks(tmp_path, G, rows=rows), k=K, method="iterative", threads=threads
        )
        for rows, threads in ((500, 1), (37, 3))
    ]
    signs = np.sign((results[0].people * results[1].people).sum(axis=0))
    np.testing.assert_allclose(results[0].people, results[1].people * signs, atol=1e-5)
    np.testing.assert_allclose(results[0].eigenvalues, results[1].eigenvalues, rtol=1e-8)


def test_seeds_repeat_and_do_not_matter_to_the_result(tmp_path):
    blocks, columns = packed_blocks(tmp_path, structured(np.random.default_rng(11), 500, 200))
    first, again, other = (
        leading_components(blocks, columns, k=K, method="iterative", seed=seed, threads=1)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.people, again.people)
    assert not np.array_equal(first.people, other.people)
    assert subspace_angles(first.people, other.people).max() < 1e-4
    np.testing.assert_allclose(first.eigenvalues, other.eigenvalues, rtol=1e-8)


def test_restarts_reach_components_that_differ_little(tmp_path):
    """Without structure the leading eigenvalues lie close: the basis is filled several times."""
    G = np.random.default_rng(12).binomial(2, 0.3, (900, 700)).astype(np.int8)
    blocks, columns = packed_blocks(tmp_path, G)
    found = leading_components(blocks, columns, k=K, method="iterative", tolerance=1e-6)
    assert found.n_passes > 8
    assert found.residual.max() <= 1e-6
    assert_equals_svd(found, G, atol=1e-4)


def test_too_few_passes_warn_and_say_which_component(tmp_path):
    G = np.random.default_rng(13).binomial(2, 0.3, (900, 700)).astype(np.int8)
    blocks, columns = packed_blocks(tmp_path, G)
    with pytest.warns(UnconvergedComponentsWarning, match=r"after 3 passes PC\d"):
        found = leading_components(blocks, columns, k=K, method="iterative", max_passes=3)
    assert found.n_passes == 3
    # the residual is what it says: of V against the matrix written out
    _, _, s, V = svd(G, 700)
    A = (V * s**2) @ V.T
    left = np.linalg.norm(A @ found.people - found.people * found.eigenvalues, axis=0)
    np.testing.assert_allclose(found.residual, left / found.eigenvalues, rtol=1e-3)


@pytest.mark.parametrize("method", ["exact", "iterative"])
def test_copies_of_few_people_have_few_components(tmp_path, method):
    G = np.random.default_rng(14).binomial(2, 0.4, (300, 3)).astype(np.int8)[:, np.arange(90) % 3]
    blocks, columns = packed_blocks(tmp_path, G)
    with pytest.raises(UsageError, match="found 2"):
        leading_components(blocks, columns, k=3, method=method, max_passes=12)
    found = leading_components(blocks, columns, k=2, method=method)
    assert_equals_svd(found, G, atol=1e-6, k=2)


def test_more_components_than_variants_that_vary_are_refused(tmp_path):
    G = np.zeros((20, 30), dtype=np.int8)
    G[:2] = np.random.default_rng(15).binomial(2, 0.4, (2, 30))
    blocks, columns = packed_blocks(tmp_path, G)
    with pytest.raises(UsageError, match="30 samples and 2 such"):
        leading_components(blocks, columns, k=3)
    assert leading_components(blocks, columns, k=2).people.shape == (30, 2)
