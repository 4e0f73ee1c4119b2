"""Offsets of the null model, per chromosome, in the block engine: exact, and against oracles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from bed_reader import to_bed
from scipy.optimize import minimize

import gwasbone as gb
from gwasbone.association.blocks import scan_blocks
from gwasbone.association.design import build_design
from gwasbone.association.hail import scan_hail
from gwasbone.association.options import AssociationOptions, AssociationRequest
from gwasbone.errors import InputError, NotBuiltError
from gwasbone.stats.saddlepoint import saddlepoint_tests

N, M = 400, 60
TRAITS = {"linear": ["height", "weight"], "logistic": ["ill", "rare"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Chromosomes 1 and 2 (25 and 35 variants), G (m, n) with missing calls, people and offsets.

    The second trait of each kind misses people, so that the traits make two groups.
    """
    rng = np.random.default_rng(8)
    G = rng.binomial(2, rng.uniform(0.05, 0.95, (M, 1)), (M, N)).astype(float)
    G[rng.random(G.shape) < 0.02] = np.nan
    folder = tmp_path_factory.mktemp("offsets")
    to_bed(
        folder / "a.bed",
        G.T.astype(np.float32),
        properties={
            "iid": [f"i{i}" for i in range(N)],
            "fid": ["0"] * N,
            "chromosome": np.repeat(["1", "2"], [25, 35]),
            "bp_position": 10_000 * np.arange(1, M + 1),
            "sid": [f"v{j}" for j in range(M)],
            "allele_1": ["G"] * M,
            "allele_2": ["A"] * M,
        },
    )
    cohort = gb.read_genotypes(bfile=str(folder / "a"), build="GRCh37")
    age, wind = rng.normal(size=(2, N))
    offsets = {c: rng.normal(size=(N, 2)) + 0.5 * age[:, None] for c in (1, 2)}
    pull = 0.4 * np.nan_to_num(G[[3, 40]]).sum(axis=0) + 0.6 * (offsets[1] + offsets[2]).T / 2
    people = pd.DataFrame(
        {
            "age": age,
            "wind": wind,
            "height": pull[0] + 0.3 * age + rng.normal(size=N),
            "weight": np.where(rng.random(N) < 0.1, np.nan, pull[1] + rng.normal(size=N)),
            "ill": (pull[0] - 0.8 + rng.logistic(size=N) > 0).astype(float),
            "rare": np.where(rng.random(N) < 0.1, np.nan, pull[1] - 3 + rng.logistic(size=N) > 0),
        },
        index=[f"i{i}" for i in range(N)],
    )
    return cohort, G, people, offsets


def design_of(made, method):
    cohort, _, people, _ = made
    return build_design(
        cohort.people.kept_table().index.tolist(),
        people,
        AssociationRequest(traits=tuple(TRAITS[method]), covariates=("age", "wind"), method=method),
    )


def scan(made, method, offset, *, test="score", **how):
    options = AssociationOptions(test=test)
    chunks = list(scan_blocks(made[0], design_of(made, method), options, offset=offset, **how))
    return {trait: pd.concat([chunk[trait] for chunk in chunks], ignore_index=True)
            for trait in TRAITS[method]}  # fmt: skip


def offsets_of(made, method):
    """The offsets: who is not analysed for a trait needs none."""
    absent = made[2][TRAITS[method]].isna().to_numpy()
    return {chromosome: np.where(absent, np.nan, offset) for chromosome, offset in made[3].items()}


def rows(made, method):
    """For each trait and variant: its row of results, g, y, X and its offset."""
    _, G, people, _ = made
    offsets = offsets_of(made, method)
    tables = scan(made, method, offsets, test="score" if method == "linear" else "spa")
    for j, trait in enumerate(TRAITS[method]):
        here = people[trait].notna().to_numpy()
        X = sm.add_constant(people.loc[here, ["age", "wind"]].to_numpy())
        for i, row in tables[trait].iterrows():
            g = G[i, here]
            g = np.where(np.isnan(g), np.nanmean(g), g)
            offset = offsets[row["chromosome"]][here, j]
            yield trait, row, g, people.loc[here, trait].to_numpy(), X, offset


@pytest.mark.parametrize(
    ("method", "test"),
    [("linear", "score"), ("logistic", "score"), ("logistic", "firth"), ("logistic", "spa")],
)
@pytest.mark.parametrize(
    "zeros", [np.zeros(N), np.zeros((N, 2)), {1: np.zeros(N), 2: np.zeros((N, 2))}]
)
def test_an_offset_of_zero_changes_no_bit(made, method, test, zeros):
    ours, theirs = (scan(made, method, o, test=test, executor=None) for o in (zeros, None))
    for trait in TRAITS[method]:
        assert ours[trait]["beta"].notna().all()
        pd.testing.assert_frame_equal(ours[trait], theirs[trait], check_exact=True)


def test_linear_is_least_squares_beyond_the_offset(made):
    n = 0
    for _, row, g, y, X, offset in rows(made, "linear"):
        fit = sm.OLS(y - offset, np.column_stack([g, X])).fit()
        np.testing.assert_allclose(row["beta"], fit.params[0], atol=2e-5 * fit.bse[0])
        np.testing.assert_allclose(row["standard_error"], fit.bse[0], rtol=2e-5)
        assert row["dof"] == fit.df_resid
        n += 1
    assert n == 2 * M


def test_score_and_saddlepoint_are_those_of_the_null_model_with_its_offset(made):
    tested = []
    for _, row, g, y, X, offset in rows(made, "logistic"):
        mu = sm.GLM(y, X, family=sm.families.Binomial(), offset=offset).fit(tol=1e-12).fittedvalues
        w = mu * (1 - mu)
        free = g - X @ np.linalg.solve((X.T * w) @ X, (X.T * w) @ g)
        U, V = g @ (y - mu), (w * free**2).sum()
        np.testing.assert_allclose(row["beta"], U / V, atol=2e-4 / np.sqrt(V))
        tested.append(row["test"])
        if row["test"] == "score":
            np.testing.assert_allclose(row["statistic"], U / np.sqrt(V), atol=2e-4)
        else:
            p = saddlepoint_tests(free[None], mu, np.array([U])).neg_log10_p[0]
            np.testing.assert_allclose(row["neg_log_10_p_value"], p, rtol=1e-3)
    assert len(tested) == 2 * M
    assert 4 < tested.count("spa") < 2 * M


def penalised(X, y, offset, free):
    """The most of ℓ + ½ log det X'WX over the first ``free`` coefficients, and where it is."""

    def objective(beta):
        eta = X @ np.pad(beta, (0, X.shape[1] - free)) + offset
        mu = 1 / (1 + np.exp(-eta))
        ell = (y * eta - np.logaddexp(0, eta)).sum()
        return -ell - 0.5 * np.linalg.slogdet((X.T * (mu * (1 - mu))) @ X)[1]

    found = minimize(objective, np.zeros(free), method="BFGS", options={"gtol": 1e-7})
    return -found.fun, found.x


def test_firth_is_the_penalised_likelihood_ratio_test_with_the_offset(made):
    offsets = offsets_of(made, "logistic")
    tables = scan(made, "logistic", offsets, test="firth")
    for trait, scored, g, y, X, offset in list(rows(made, "logistic"))[::6]:
        row = tables[trait].iloc[scored.name]
        design = np.column_stack([X, g])
        (full, beta), (null, _) = (penalised(design, y, offset, k) for k in (4, 3))
        np.testing.assert_allclose(row["statistic"] ** 2, 2 * (full - null), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(row["beta"], beta[3], rtol=1e-4, atol=1e-5)
        assert row["test"] == "firth"


@pytest.mark.parametrize("method", ["linear", "logistic"])
def test_each_chromosome_gets_its_own_offset(made, method):
    offsets = offsets_of(made, method)
    both = scan(made, method, offsets)
    for chromosome, offset in offsets.items():
        alone = scan(made, method, offset)
        for trait in TRAITS[method]:
            a, b = (t[trait].query(f"chromosome == {chromosome}") for t in (both, alone))
            pd.testing.assert_frame_equal(a, b, rtol=1e-6, atol=1e-6)
    swapped = scan(made, method, {1: offsets[2], 2: offsets[1]})
    for trait in TRAITS[method]:
        assert (both[trait]["beta"] - swapped[trait]["beta"]).abs().min() > 0


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (np.zeros(N - 1), r"offset: expected shape \(400,\) or \(400, 2\).*got \(399,\)"),
        (
            np.r_[np.nan, np.zeros(N - 1)],
            r"400 participants analysed for height, 1 have none, such as i0",
        ),
        ({1: np.zeros(N)}, "chromosome 2 .of 1. has none"),
    ],
)
def test_an_offset_that_does_not_fit_is_refused(made, offset, message):
    with pytest.raises(InputError, match=message):
        scan(made, "linear", offset)


def test_the_hail_engine_refuses_offsets(made):
    design = design_of(made, "linear")
    with pytest.raises(NotBuiltError, match="takes no offsets: use engine blocks"):
        scan_hail(None, replace(design, groups=design.with_offset(np.zeros(N)).groups))
