"""The logistic kernel against its formulas in float64, variant by variant."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from bed_reader import to_bed

from gwasbone.blocks import packed
from gwasbone.blocks.genotypes import PackedBlock, alt_dosages
from gwasbone.blocks.logistic import (
    NullModel,
    firth_tests,
    logistic_design,
    score_block,
    spa_tests,
)
from gwasbone.blocks.packed import PackedBed, PeopleColumns
from gwasbone.stats.logistic import firth_lrt, fit_logistic
from gwasbone.stats.saddlepoint import saddlepoint_tests

N, M = 403, 40
HOM, ABSENT, HET, INSIDE = 5, 6, 7, 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(12)
    G = rng.binomial(2, rng.uniform(0.02, 0.98, M), (N, M)).astype(np.float32)
    G[rng.random((N, M)) < 0.03] = np.nan
    X = np.column_stack([np.ones(N), rng.standard_normal((N, 3))])
    G[:, HOM], G[:, ABSENT], G[:, HET] = 2, np.nan, 1
    G[:, INSIDE] = (X[:, 1] > 0) * 2
    X = np.column_stack([X, X[:, 1] > 0])
    odds = np.array([-1, -2.5]) + 0.5 * X[:, [1]] + 0.4 * np.nan_to_num(G[:, :1])
    Y = (rng.random((N, 2)) < 1 / (1 + np.exp(-odds))).astype(float)
    path = tmp_path_factory.mktemp("logistic") / "a.bed"
    to_bed(path, G)
    return PackedBed(path, N), G.T.astype(float), X, Y


def everyone(columns):
    return columns.mask(np.ones(len(columns.slots), bool))


def nulls(X, Y):
    return [NullModel.of(X, y, fit_logistic(X, y)) for y in Y.T]


def prepared(data, inside, positions=None):
    file, _, X, Y = data
    positions = np.arange(N) if positions is None else positions
    columns = PeopleColumns.of(positions, n_people=N)
    groups = [(p[positions], X[p], nulls(X[p], Y[p])) for p in inside]
    block = PackedBlock.of(file.rows(np.arange(M), columns), everyone(columns))
    return block, logistic_design(columns, groups)


def formula(g, X, y):
    """β, SE and z by the definition, in float64, with statsmodels' null fit."""
    mu = sm.GLM(y, X, family=sm.families.Binomial()).fit(tol=1e-13).fittedvalues
    w = mu * (1 - mu)
    WX = X * w[:, None]
    V = g @ (w * g) - (g @ WX) @ np.linalg.solve(X.T @ WX, WX.T @ g)
    U = g @ (y - mu)
    return U / V, 1 / np.sqrt(V), U / np.sqrt(V)


def test_scores_of_groups_of_their_own_people(data):
    _, G, X, Y = data
    rng = np.random.default_rng(2)
    inside = [rng.random(N) < 0.9, rng.random(N) < 0.6]
    block, design = prepared(data, inside)
    for people, result in zip(inside, score_block(block, design), strict=True):
        for i in range(M):
            g = G[i, people]
            if i in (HOM, ABSENT, HET):
                assert np.isnan(result.z[i]).all()
                assert np.isnan(result.unexplained[i]).all()
                continue
            if i == INSIDE:
                assert (result.unexplained[i] < 1e-9).all()
                continue
            g = np.where(np.isnan(g), np.nanmean(g), g)
            for j in range(2):
                got = result.beta[i, j], result.se[i, j], result.z[i, j]
                wanted = formula(g, X[people], Y[people, j])
                np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-6)
        np.testing.assert_array_equal(result.sums.alleles, np.nansum(G[:, people], axis=1))
        np.testing.assert_array_equal(result.sums.squares, np.nansum(G[:, people] ** 2, axis=1))


def test_share_left_is_of_the_weighted_variance(data):
    _, G, X, Y = data
    block, design = prepared(data, [np.ones(N, bool)])
    found = score_block(block, design)[0].unexplained[0, 0]
    g = np.where(np.isnan(G[0]), np.nanmean(G[0]), G[0])
    w = nulls(X, Y)[0].w
    mean = (w @ g) / w.sum()
    left = sm.WLS(g, X, weights=w).fit()
    assert found == pytest.approx((w * left.resid**2).sum() / (w * (g - mean) ** 2).sum(), rel=1e-5)


def test_people_left_out_change_nothing_else(data):
    few = np.flatnonzero(np.random.default_rng(5).random(N) < 0.5)
    inside = np.zeros(N, bool)
    inside[few] = True
    whole = score_block(*prepared(data, [inside]))[0]
    alone = score_block(*prepared(data, [inside], positions=few))[0]
    np.testing.assert_allclose(alone.z, whole.z, rtol=1e-5, atol=1e-6)


def test_swapped_alleles_negate_the_effect(data):
    block, design = prepared(data, [np.ones(N, bool)])
    other = PackedBlock.of(packed.swap_alleles(block.words, np.ones(M, bool)), block.people)
    one, two = score_block(block, design)[0], score_block(other, design)[0]
    testable = np.arange(M) != INSIDE
    np.testing.assert_allclose(two.z[testable], -one.z[testable], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(two.se[testable], one.se[testable], rtol=1e-5)
    np.testing.assert_array_equal(two.sums.alleles, 2 * one.sums.called - one.sums.alleles)


def test_nearly_collinear_genotypes_are_exact(tmp_path):
    """A covariate that is the genotype of all but two people: float32 would lose the rest."""
    rng = np.random.default_rng(8)
    g = rng.binomial(2, 0.7, N).astype(float)
    almost = g.copy()
    almost[:2] += 1e-2
    X, y = np.column_stack([np.ones(N), almost]), (rng.random(N) < 0.3).astype(float)
    to_bed(tmp_path / "b.bed", g[:, None].astype(np.float32))
    columns = PeopleColumns.of(np.arange(N), n_people=N)
    words = PackedBed(tmp_path / "b.bed", N).rows(np.array([0]), columns)
    design = logistic_design(columns, [(np.ones(N, bool), X, nulls(X, y[:, None]))])
    result = score_block(PackedBlock.of(words, everyone(columns)), design)[0]
    wanted = formula(g, X, y)
    got = result.beta[0, 0], result.se[0, 0], result.z[0, 0]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert 0 < result.unexplained[0, 0] < 1e-3


def test_firth_and_saddlepoint_of_decoded_calls(data):
    _, G, X, Y = data
    inside = np.random.default_rng(3).random(N) < 0.8
    block, design = prepared(data, [inside])
    rows = [0, 1, 2, 20]
    group = design.groups[0]
    sums = score_block(block, design)[0].sums
    imputed = alt_dosages(block, np.array(rows), design.layout, inside, sums)
    g = G[rows][:, inside]
    g = np.where(np.isnan(g), np.nanmean(g, axis=1, keepdims=True), g)
    np.testing.assert_allclose(imputed, g, rtol=1e-12)
    for j, null in enumerate(group.nulls):
        own = [firth_lrt(X[inside], x, Y[inside, j]) for x in g]
        np.testing.assert_allclose(
            firth_tests(imputed, group, null).chi2, [fit.chi2 for fit in own], rtol=1e-7
        )
        WX = X[inside] * null.w[:, None]
        left = g - (g @ WX) @ np.linalg.solve(X[inside].T @ WX, X[inside].T)
        wanted = saddlepoint_tests(left, null.mu, left @ (null.y - null.mu))
        np.testing.assert_allclose(
            spa_tests(imputed, null).neg_log10_p, wanted.neg_log10_p, rtol=1e-6
        )
