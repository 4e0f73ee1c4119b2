"""The Hail engine against worked cases, statsmodels, NumPy and Hail's own statistics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from gwasbone.association.design import build_design as design_of_request
from gwasbone.association.hail import scan_hail
from gwasbone.association.options import AssociationOptions, AssociationRequest
from gwasbone.errors import InputError, NotBuiltError
from gwasbone.stats.logistic import firth_lrt, fit_logistic
from gwasbone.sumstats.table import COLUMNS

pytestmark = [
    pytest.mark.hail,
    pytest.mark.filterwarnings("ignore::gwasbone.association.design.BinaryTraitWarning"),
]

M, N = 24, 120
IDS = [f"person{i}" for i in range(N)]


def build_design(ids, table, **options):
    """The design of a linear scan, or as options say."""
    columns = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}
    return design_of_request(ids, table, AssociationRequest(**{"method": "linear"} | columns))


def matrix_table(hl, G, ids, *, genome="GRCh37", contig="3"):
    """A MatrixTable of (m, n) dosages; NaN is missing."""
    rows = [
        {
            "locus": hl.Locus(contig, 1000 + 10 * i, genome),
            "alleles": ["A", "C"],
            "source_id": f"rs{i}",
            "x": [None if np.isnan(v) else float(v) for v in g],
        }
        for i, g in enumerate(G)
    ]
    types = f"struct{{locus:locus<{genome}>,alleles:array<str>,source_id:str,x:array<float64>}}"
    ht = hl.Table.parallelize(rows, schema=hl.dtype(types), key=["locus", "alleles"])
    ht = ht.annotate(entries=ht.x.map(lambda v: hl.struct(dosage=v))).drop("x")
    ht = ht.annotate_globals(columns=[hl.struct(s=s) for s in ids])
    return ht._unlocalize_entries("entries", "columns", ["s"])


def dosages(seed=5, missing=0.05):
    rng = np.random.default_rng(seed)
    G = rng.binomial(2, rng.uniform(0.1, 0.9, M)[:, None], (M, N)).astype(float)
    G[::2][rng.random((M // 2, N)) < missing] = np.nan
    return G


def imputed(G):
    return np.where(np.isnan(G), np.nanmean(G, axis=1, keepdims=True), G)


@pytest.fixture(scope="module")
def G():  # noqa: N802
    return dosages()


@pytest.fixture(scope="module")
def table(G):
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"age": rng.normal(60, 8, N), "sex": rng.integers(1, 3, N)}, index=IDS)
    for j in range(7):
        frame[f"y{j}"] = imputed(G)[j] * 0.3 + 0.05 * frame["age"] + rng.normal(size=N)
    for j in range(2):
        liability = imputed(G)[j] * 0.5 + 0.03 * frame["age"] + rng.normal(size=N)
        frame[f"case{j}"] = (liability > liability.median()).astype(int)
    frame.loc[IDS[:9], "y5"] = np.nan
    frame.loc[IDS[5:30], ["y6", "case1"]] = np.nan
    return frame


@pytest.fixture(scope="module")
def mt(hail_session, G, tmp_path_factory):
    path = tmp_path_factory.mktemp("engine") / "small.mt"
    return matrix_table(hail_session, G, IDS).checkpoint(str(path))


@pytest.fixture(scope="module")
def linear(mt, table):
    traits = [f"y{j}" for j in range(7)]
    design = build_design(IDS, table, traits=traits, covariates=["age", "sex"])
    return scan_hail(mt, design)


def test_the_tables_are_canonical(linear):
    assert list(linear) == [f"y{j}" for j in range(7)]
    for frame in linear.values():
        assert frame.columns.tolist() == list(COLUMNS)
        assert len(frame) == M
        assert frame["effect_allele"].eq("C").all()
        assert frame["source_id"].tolist() == [f"rs{i}" for i in range(M)]
        assert frame["chromosome"].eq(3).all()


@pytest.mark.parametrize("name", ["y0", "y5", "y6"])
def test_linear_equals_statsmodels_on_the_people_of_each_trait(linear, table, G, name):
    kept = table[name].notna().to_numpy()
    frame = linear[name]
    assert frame["n"].eq(kept.sum()).all()
    np.testing.assert_allclose(frame["call_rate"], (~np.isnan(G[:, kept])).mean(axis=1))
    np.testing.assert_allclose(frame["effect_allele_frequency"], np.nanmean(G[:, kept], axis=1) / 2)
    for i, g in enumerate(imputed(G[:, kept])):
        X = sm.add_constant(np.column_stack([table.loc[kept, ["age", "sex"]], g]))
        fit = sm.OLS(table.loc[kept, name].to_numpy(), X).fit()
        row = frame.iloc[i]
        np.testing.assert_allclose(
            [
                row["beta"],
                row["standard_error"],
                row["statistic"],
                row["dof"],
                row["neg_log_10_p_value"],
            ],
            [
                fit.params[-1],
                fit.bse[-1],
                fit.tvalues[-1],
                fit.df_resid,
                -np.log10(fit.pvalues[-1]),
            ],
            rtol=1e-8,
        )


def test_several_traits_equal_one_by_one(linear, mt, table):
    for name in ("y3", "y5"):
        design = build_design(IDS, table, traits=[name], covariates=["age", "sex"])
        alone = scan_hail(mt, design)[name]
        pd.testing.assert_frame_equal(alone, linear[name], rtol=1e-9)


def test_order_of_people_does_not_matter_and_swapped_alleles_negate_beta(
    hail_session, linear, table, G, tmp_path
):
    order = np.random.default_rng(8).permutation(N)
    flipped = matrix_table(hail_session, 2 - G[:, order], [IDS[i] for i in order])
    flipped = flipped.checkpoint(str(tmp_path / "flipped.mt"))
    ids = [IDS[i] for i in np.random.default_rng(9).permutation(N)]
    design = build_design(ids, table, traits=["y0", "y6"], covariates=["age", "sex"])
    for name, frame in scan_hail(flipped, design).items():
        np.testing.assert_allclose(frame["beta"], -linear[name]["beta"], rtol=1e-8)
        np.testing.assert_allclose(
            frame["neg_log_10_p_value"], linear[name]["neg_log_10_p_value"], rtol=1e-8
        )


@pytest.mark.slow
def test_variants_that_cannot_be_tested_say_why(hail_session, table, tmp_path):
    rng = np.random.default_rng(3)
    G = np.vstack([
        np.full(N, np.nan), np.zeros(N), np.full(N, 2.0), np.full(N, 0.4),
        table["sex"] - 1.0, rng.binomial(2, 0.4, N),
    ])  # fmt: skip
    G[1, :4] = np.nan
    mt = matrix_table(hail_session, G, IDS).checkpoint(str(tmp_path / "odd.mt"))
    expected = ["all_missing", *["monomorphic"] * 3, "collinear_genotype", ""]
    for method, trait, test in (("linear", "y0", "score"), ("logistic", "case0", "firth")):
        design = build_design(IDS, table, traits=[trait], covariates=["age", "sex"], method=method)
        frame = scan_hail(mt, design, AssociationOptions(test=test))[trait]
        assert frame["status"].tolist() == expected
        untested = (
            frame[["beta", "standard_error", "statistic", "neg_log_10_p_value"]].isna().all(axis=1)
        )
        assert untested.tolist() == [True] * 5 + [False]
        assert frame["call_rate"].round(4).tolist()[:2] == [0, round(1 - 4 / N, 4)]


def test_p_does_not_underflow_and_a_perfect_fit_has_none(hail_session, tmp_path):
    rng = np.random.default_rng(4)
    ids = [str(i) for i in range(3000)]
    g = rng.binomial(2, 0.5, 3000).astype(float)
    mt = matrix_table(hail_session, g[None, :], ids).checkpoint(str(tmp_path / "strong.mt"))
    table = pd.DataFrame({"y": g + rng.normal(0, 0.3, 3000), "exact": 1.5 * g + 1}, index=ids)
    tables = scan_hail(mt, build_design(ids, table, traits=["y", "exact"]))
    assert tables["y"].iloc[0]["neg_log_10_p_value"] > 400
    exact = tables["exact"].iloc[0]
    assert exact["status"] == "perfect_fit"
    assert np.isnan(exact[["beta", "neg_log_10_p_value"]].astype(float)).all()


def logistic(mt, table, test, traits=("case0", "case1")):
    design = build_design(
        IDS, table, traits=list(traits), covariates=["age", "sex"], method="logistic"
    )
    return scan_hail(mt, design, AssociationOptions(test=test))


@pytest.mark.slow
def test_wald_equals_statsmodels(mt, table, G):
    for name, frame in logistic(mt, table, "wald").items():
        kept = table[name].notna().to_numpy()
        for i, g in enumerate(imputed(G[:, kept])):
            X = sm.add_constant(np.column_stack([table.loc[kept, ["age", "sex"]], g]))
            fit = sm.Logit(table.loc[kept, name].to_numpy(), X).fit(disp=0, tol=1e-10)
            row = frame.iloc[i]
            np.testing.assert_allclose(
                [row["beta"], row["standard_error"], row["neg_log_10_p_value"]],
                [fit.params[-1], fit.bse[-1], -np.log10(fit.pvalues[-1])],
                rtol=1e-5,
            )
            assert row["test"] == "wald"


@pytest.mark.slow
def test_lrt_is_twice_the_difference_in_log_likelihood(mt, table, G):
    frame = logistic(mt, table, "lrt", ["case1"])["case1"]
    kept = table["case1"].notna().to_numpy()
    X = sm.add_constant(table.loc[kept, ["age", "sex"]].to_numpy())
    y = table.loc[kept, "case1"].to_numpy()
    null = fit_logistic(X, y).log_likelihood
    for i, g in enumerate(imputed(G[:, kept])):
        full = fit_logistic(np.column_stack([X, g]), y)
        row = frame.iloc[i]
        np.testing.assert_allclose(row["beta"], full.log_odds[-1], rtol=1e-5)
        chi2 = 2 * (full.log_likelihood - null)
        np.testing.assert_allclose(row["statistic"] ** 2, chi2, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(
            abs(row["beta"]) / row["standard_error"], np.sqrt(chi2), rtol=1e-4, atol=1e-3
        )


@pytest.mark.slow
def test_score_statistic_equals_hails_own(hail_session, mt, table):
    hl = hail_session
    scans = logistic(mt, table, "score")
    for name, frame in scans.items():
        kept = table[name].dropna()
        people = hl.literal(
            {i: [float(v) for v in table.loc[i, [name, "age", "sex"]]] for i in kept.index}
        )
        here = mt.filter_cols(people.contains(mt.s))
        here = here.annotate_cols(p=people[here.s])
        own = hl.logistic_regression_rows(
            "score", here.p[0], here.dosage, [1.0, here.p[1], here.p[2]]
        )  # fmt: skip
        chi2 = np.array(own.chi_sq_stat.collect())
        by_score = (frame["test"] == "score").to_numpy()
        assert by_score.any()
        np.testing.assert_allclose(
            frame["statistic"][by_score] ** 2, chi2[by_score], rtol=1e-6, atol=1e-9
        )
        # U/V and 1/sqrt(V) are consistent with the statistic.
        np.testing.assert_allclose(
            frame["beta"] / frame["standard_error"], frame["statistic"], rtol=1e-9
        )
        assert (frame["neg_log_10_p_value"][by_score] < -np.log10(0.05)).all()
        assert set(frame["test"][~by_score]) == {"firth"}
        assert (chi2[~by_score] > 3.84).all()


@pytest.mark.parametrize("test", ["firth", "score"])
@pytest.mark.slow
def test_firth_equals_the_independent_penalised_likelihood_ratio(mt, table, G, test):
    for name, frame in logistic(mt, table, test).items():
        kept = table[name].notna().to_numpy()
        X = sm.add_constant(table.loc[kept, ["age", "sex"]].to_numpy())
        rows = np.flatnonzero(frame["test"] == "firth")
        assert len(rows) == M if test == "firth" else 0 < len(rows) < M
        for i in rows:
            own = firth_lrt(X, imputed(G[:, kept])[i], table.loc[kept, name].to_numpy())
            row = frame.iloc[i]
            np.testing.assert_allclose(
                [row["beta"], row["neg_log_10_p_value"]], [own.log_odds, own.neg_log10_p], rtol=1e-5
            )
            np.testing.assert_allclose(row["standard_error"], own.se, rtol=1e-3)


@pytest.mark.slow
def test_hails_documented_example_of_firth(hail_session, tmp_path):
    """Cases AA/Aa/aa 1000/10/0, controls 1000/0/0, then with one het moved to the controls.

    Hail's documentation gives R's p-values: Firth 0.00085 and 0.0111, linear 0.0016 and 0.0116,
    Wald 0.991 and 0.0373. The first Wald fit has no maximum; its 0.991 is where R's glm stops
    climbing (with the two variables exchanged). Hail does not converge, and the row says so.
    """
    ids = [str(i) for i in range(2010)]
    g = np.r_[np.zeros(1000), np.ones(10), np.zeros(1000)]
    mt = matrix_table(hail_session, g[None, :], ids).checkpoint(str(tmp_path / "example.mt"))
    case = np.r_[np.ones(1010), np.zeros(1000)]
    moved = case.copy()
    moved[1000] = 0
    table = pd.DataFrame({"case": case, "moved": moved}, index=ids)
    rows = {}
    for test in ("wald", "firth", "linear"):
        method = "linear" if test == "linear" else "logistic"
        design = build_design(ids, table, traits=["case", "moved"], method=method)
        frames = scan_hail(
            mt, design, AssociationOptions(test="score" if test == "linear" else test)
        )
        rows |= {(test, name): frame.iloc[0] for name, frame in frames.items()}
    p = {key: 10 ** -row["neg_log_10_p_value"] for key, row in rows.items()}
    assert p["firth", "case"] == pytest.approx(0.00085, abs=5e-6)
    assert p["linear", "case"] == pytest.approx(0.0016, abs=5e-5)
    assert p["wald", "moved"] == pytest.approx(0.0373, abs=5e-5)
    assert p["firth", "moved"] == pytest.approx(0.0111, abs=5e-5)
    assert p["linear", "moved"] == pytest.approx(0.0116, abs=5e-5)
    assert rows["wald", "case"]["status"] == "no_convergence"
    assert np.isnan(p["wald", "case"])
    fit = fit_logistic(np.column_stack([np.ones(2010), case]), g)
    assert fit.status == "separation"
    assert 10 ** -fit.neg_log10_p[1] == pytest.approx(0.991, abs=0.003)


@pytest.mark.slow
def test_rare_alleles_in_few_cases_get_their_firth_test(hail_session, tmp_path):
    # Hail's own Firth gives up some of these; none may be lost.
    rng = np.random.default_rng(3)
    n = 1000
    ids = [str(i) for i in range(n)]
    case = np.zeros(n)
    case[:12] = 1
    G = rng.binomial(1, 0.015, (12, n)).astype(float)
    G[:, rng.integers(0, 12, 2)] = 1
    G[::3, 500] = np.nan
    table = pd.DataFrame({"case": case, "age": rng.normal(size=n)}, index=ids)
    mt = matrix_table(hail_session, G, ids).checkpoint(str(tmp_path / "rare.mt"))
    design = build_design(ids[::-1], table, traits=["case"], covariates=["age"], method="logistic")
    said = []
    frame = scan_hail(mt, design, AssociationOptions(test="firth"), progress=said.append)["case"]
    assert any("did not converge" in words for words in said)
    X = np.column_stack([np.ones(n), table["age"]])
    own = [firth_lrt(X, g, case) for g in imputed(G)]
    assert frame["status"].eq("").all()
    np.testing.assert_allclose(frame["beta"], [fit.log_odds for fit in own], rtol=1e-6)
    np.testing.assert_allclose(
        frame["neg_log_10_p_value"], [fit.neg_log10_p for fit in own], rtol=1e-6
    )


def test_what_is_not_built_says_so(mt, table):
    design = build_design(IDS, table, traits=["y0"])
    with pytest.raises(NotBuiltError):
        scan_hail(mt, design, AssociationOptions(test="spa"))


def test_multiallelic_variants_are_refused(mt, table, hail_session):
    many = mt.key_rows_by("locus", alleles=["A", "C", "G"])
    with pytest.raises(InputError, match="two alleles, 24 have others"):
        scan_hail(many, build_design(IDS, table, traits=["y0"]))
