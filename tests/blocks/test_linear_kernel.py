"""The linear kernel against ordinary least squares, variant by variant."""

import numpy as np
import pytest
import statsmodels.api as sm
from bed_reader import to_bed

from gwasbone.blocks.genotypes import PackedBlock
from gwasbone.blocks.linear import linear_block, linear_design
from gwasbone.blocks.packed import PackedBed, PeopleColumns

N, M = 301, 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(11)
    frequency = rng.uniform(0.02, 0.98, M)
    G = rng.binomial(2, frequency, (N, M)).astype(np.float32)
    G[rng.random((N, M)) < 0.03] = np.nan
    X = np.column_stack([np.ones(N), rng.standard_normal((N, 3))])
    Y = rng.standard_normal((N, 2)) + 0.3 * np.nan_to_num(G[:, :1])
    G[:, 5], G[:, 6], G[:, 7] = 2, np.nan, 0
    G[:, 8] = (X[:, 1] > 0) * 2
    X = np.column_stack([X, X[:, 1] > 0])
    path = tmp_path_factory.mktemp("linear") / "a.bed"
    to_bed(path, G)
    return PackedBed(path, N), G.T.astype(float), X, Y


def everyone(columns):
    return columns.mask(np.ones(len(columns.slots), bool))


def run(data, groups, positions=None):
    file, _, _, _ = data
    positions = np.arange(N) if positions is None else positions
    columns = PeopleColumns.of(positions, n_people=N)
    block = PackedBlock.of(file.rows(np.arange(M), columns), everyone(columns))
    return linear_block(block, linear_design(columns, groups))


def ols(g, X, y):
    g = np.where(np.isnan(g), np.nanmean(g), g)
    fit = sm.OLS(y, np.column_stack([g, X])).fit()
    return fit.params[0], fit.bse[0], fit.tvalues[0], fit.df_resid


def test_equals_least_squares_in_groups_of_their_own_people(data):
    _, G, X, Y = data
    rng = np.random.default_rng(2)
    inside = [rng.random(N) < 0.9, rng.random(N) < 0.5]
    groups = [(p, X[p], Y[p]) for p in inside]
    for people, result in zip(inside, run(data, groups), strict=True):
        for j in range(M):
            g = G[j, people]
            if j in (5, 6, 7):
                assert np.isnan(result.beta[j]).all()
                continue
            if j == 8:
                assert result.unexplained[j] < 1e-9
                continue
            for q in range(2):
                beta, se, t, dof = ols(g, X[people], Y[people, q])
                got = result.beta[j, q], result.se[j, q], result.t[j, q]
                np.testing.assert_allclose(got, (beta, se, t), rtol=2e-5, atol=1e-6)
            assert dof == people.sum() - X.shape[1] - 1
        np.testing.assert_array_equal(result.sums.called, (G[:, people] >= 0).sum(axis=1))
        np.testing.assert_array_equal(result.sums.alleles, np.nansum(G[:, people], axis=1))
        np.testing.assert_array_equal(result.sums.squares, np.nansum(G[:, people] ** 2, axis=1))
        assert np.flatnonzero(result.sums.constant).tolist() == [5, 7]


def test_people_left_out_change_nothing_else(data):
    """Reading only the people of a group equals masking the others."""
    _, _, X, Y = data
    few = np.flatnonzero(np.random.default_rng(5).random(N) < 0.3)
    inside = np.zeros(N, bool)
    inside[few] = True
    whole = run(data, [(inside, X[few], Y[few])])[0]
    alone = run(data, [(np.ones(len(few), bool), X[few], Y[few])], positions=few)[0]
    np.testing.assert_allclose(alone.t, whole.t, rtol=1e-6)
    np.testing.assert_array_equal(alone.sums.alleles, whole.sums.alleles)


def test_nearly_collinear_genotypes_are_exact(data, tmp_path):
    """A covariate that is the genotype of all but two people: float32 would lose the rest."""
    rng = np.random.default_rng(8)
    g = rng.binomial(2, 0.4, N).astype(float)
    almost = g.copy()
    almost[:2] += 1e-3
    X, y = np.column_stack([np.ones(N), almost]), rng.standard_normal(N)
    to_bed(tmp_path / "b.bed", g[:, None].astype(np.float32))
    columns = PeopleColumns.of(np.arange(N), n_people=N)
    words = PackedBed(tmp_path / "b.bed", N).rows(np.array([0]), columns)
    design = linear_design(columns, [(np.ones(N, bool), X, y[:, None])])
    result = linear_block(PackedBlock.of(words, everyone(columns)), design)[0]
    assert 0 < result.unexplained[0] < 1e-5


def exact(g, X, y):
    """β, SE and t by least squares in long double."""
    A = np.column_stack([g, X]).astype(np.longdouble)
    unit = np.abs(y).max()
    b, inverse = A.T @ (y / unit), np.linalg.inv((A.T @ A).astype(float)).astype(np.longdouble)
    beta = inverse @ b
    for _ in range(4):
        beta = beta + inverse @ (b - A.T @ (A @ beta))
    residual = y / unit - A @ beta
    se = np.sqrt(residual @ residual / (len(y) - A.shape[1]) * inverse[0, 0])
    return np.array([beta[0] * unit, se * unit, beta[0] / se], dtype=float)


def one_variant(tmp_path, g, X, Y):
    n = len(g)
    to_bed(tmp_path / "one.bed", np.column_stack([g, np.arange(n) % 3]).astype(np.float32))
    columns = PeopleColumns.of(np.arange(n), n_people=n)
    words = PackedBed(tmp_path / "one.bed", n).rows(np.arange(2), columns)
    block = PackedBlock.of(words, everyone(columns))
    return linear_block(block, linear_design(columns, [(np.ones(n, bool), X, Y)]))[0]


def test_a_trait_nearly_equal_to_a_genotype_has_its_right_standard_error(tmp_path):
    """In float32 the SE would be wrong by a third where the genotype leaves 1e-7 of the trait."""
    rng = np.random.default_rng(31)
    g = rng.binomial(2, 0.3, N).astype(float)
    X = np.column_stack([np.ones(N), rng.standard_normal((N, 2))])
    noise = rng.standard_normal(N)
    spread = 10.0 ** np.arange(0, -11, -1)
    Y = np.column_stack([1.5 * g + 0.2 * X[:, 1] + size * noise for size in spread])
    got = one_variant(tmp_path, g, X, Y)
    assert not got.perfect.any()
    for j, size in enumerate(spread):
        right = exact(g, X, Y[:, j])
        found = got.beta[0, j], got.se[0, j], got.t[0, j]
        rtol = 2e-5 if size > 0.3 else max(1e-7, 1e-15 / size)
        np.testing.assert_allclose(found, right, rtol=rtol)


def test_a_carrier_who_is_the_outlier_has_the_right_standard_error(tmp_path):
    rng = np.random.default_rng(32)
    y = rng.standard_normal((N, 1))
    y[7] = 1e8
    g = (np.arange(N) == 7).astype(float)
    X = np.ones((N, 1))
    got = one_variant(tmp_path, g, X, y)
    np.testing.assert_allclose(
        (got.beta[0, 0], got.se[0, 0], got.t[0, 0]), exact(g, X, y[:, 0]), rtol=1e-6
    )


def test_a_genotype_that_is_the_trait_is_a_perfect_fit(tmp_path):
    g = np.random.default_rng(33).binomial(2, 0.4, N).astype(float)
    X = np.column_stack([np.ones(N), np.arange(N) % 7])
    Y = np.column_stack([g, 3 - 0.1 * g, 2 * g + X[:, 1], g + 1e-9 * (np.arange(N) % 5)])
    got = one_variant(tmp_path, g, X, Y)
    assert got.perfect.tolist() == [[True, True, True, False], [False] * 4]


@pytest.mark.parametrize("unit", [1e160, 1e-300])
def test_a_trait_in_another_unit_has_the_same_t(data, unit):
    _, _, X, Y = data
    [plain], [scaled] = (run(data, [(np.ones(N, bool), X, y)]) for y in (Y, Y * unit))
    np.testing.assert_allclose(scaled.t, plain.t, rtol=1e-6)
    np.testing.assert_allclose(scaled.beta, plain.beta * unit, rtol=1e-6)
    np.testing.assert_allclose(scaled.se, plain.se * unit, rtol=1e-6)
