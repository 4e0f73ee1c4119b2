"""Mendelian randomisation: hand-worked, invariant, and the published marks on real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.stats.chi2_mixture import neg_log10_p_mixture
from gwasbone.sumstats.gsmr import gsmr, standardised
from gwasbone.sumstats.mr import (
    Harmonised,
    egger,
    i_squared,
    ivw,
    leave_one_out,
    single_snp,
    steiger,
    strength,
    wald_ratio,
    weighted_median,
    weighted_medians,
)
from gwasbone.sumstats.mr_modes import bandwidth, density_mode, simple_mode, weighted_mode
from gwasbone.sumstats.mr_multivariable import conditional_f, correlated_ivw, multivariable
from gwasbone.sumstats.mr_presso import presso
from gwasbone.sumstats.mr_robust import (
    cml_ma,
    contamination_mixture,
    divw,
    lasso,
    pivw,
    raps,
)

DATA = Path(__file__).parents[3] / "shared" / "data" / "sumstats"


def real(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


@pytest.fixture(scope="module")
def bmi() -> tuple[Harmonised, pd.DataFrame]:
    table = pd.read_csv(real("bmi_chd", "harmonised.tsv"), sep="\t")
    columns = ("beta.exposure", "se.exposure", "beta.outcome", "se.outcome")
    return Harmonised(*(table[c] for c in columns), tuple(table["SNP"])), table


def made(n: int = 40, *, theta: float = 0.3, outliers: int = 0, seed: int = 1) -> Harmonised:
    rng = np.random.default_rng(seed)
    x, se_x = rng.normal(0.06, 0.03, n), np.full(n, 0.005)
    se_y = rng.uniform(0.008, 0.012, n)
    x = np.where(np.abs(x) < 0.03, 0.03, x)
    y = theta * x + se_y * rng.normal(size=n)
    y[:outliers] += 0.2
    return Harmonised(x + se_x * rng.normal(size=n), se_x, y, se_y)


METHODS = {
    "ivw": ivw,
    "egger": lambda d: egger(d).slope,
    "weighted_median": weighted_median,
    "simple_mode": lambda d: simple_mode(d, draws=100),
    "weighted_mode": lambda d: weighted_mode(d, draws=100),
    "presso": lambda d: presso(d, draws=1000).estimate,
    "divw": divw,
    "pivw": pivw,
    "raps": raps,
    "conmix": contamination_mixture,
    "cml": lambda d: cml_ma(d, 1e5),
    "lasso": lasso,
    "gsmr": lambda d: gsmr(d, np.eye(len(d))).estimate,
    "ivw_correlated": lambda d: correlated_ivw(d, np.eye(len(d))),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_the_effect_whatever_alleles_and_units(name):
    data, method = made(), METHODS[name]
    found = method(data)
    assert abs(found.b - 0.3) < 4 * found.se
    assert found.method == name
    # the other allele of every second instrument
    sign = np.where(np.arange(len(data)) % 2, -1.0, 1.0)
    turned = Harmonised(sign * data.beta_x, data.se_x, sign * data.beta_y, data.se_y)
    np.testing.assert_allclose(method(turned).b, found.b, rtol=1e-6 if "mode" not in name else 0.05)
    # the exposure in units ten times as large
    scaled = Harmonised(data.beta_x / 10, data.se_x / 10, data.beta_y, data.se_y)
    tolerance = 2e-2 if name == "conmix" else 1e-4
    np.testing.assert_allclose(method(scaled).b, 10 * found.b, rtol=tolerance)
    np.testing.assert_allclose(method(scaled).se, 10 * found.se, rtol=max(tolerance, 1e-3))


@pytest.mark.parametrize(
    "name", ["weighted_median", "simple_mode", "weighted_mode", "conmix", "cml", "lasso"]
)
def test_methods_for_invalid_instruments_are_not_moved_by_a_fifth_of_them(name):
    data = made(outliers=8)
    assert abs(ivw(data).b - 0.3) > 0.3
    assert abs(METHODS[name](data).b - 0.3) < 0.15


def test_ratio_ivw_and_egger_by_hand():
    one = Harmonised([0.1], [0.01], [0.05], [0.02])
    assert (wald_ratio(one).b, wald_ratio(one).se) == pytest.approx((0.5, 0.2))
    assert ivw(one).b == 0.5
    assert "Wald" in ivw(one).status
    # equal weights: Σxy/Σx² = (1·1 + 2·3)/(1 + 4), residuals −0.4 and 0.2
    two = Harmonised([1.0, 2.0], [0.1, 0.1], [1.0, 3.0], [0.1, 0.1])
    found = ivw(two)
    assert (found.b, found.q, found.q_df) == pytest.approx((1.4, 20.0, 1))
    assert found.se == pytest.approx(0.1 / np.sqrt(5) * np.sqrt(20))
    assert ivw(two, model="fixed").se == pytest.approx(0.1 / np.sqrt(5))
    # a line of slope 2 and intercept 1
    line = egger(Harmonised([1.0, -2.0, 3.0], [0.1] * 3, [3.0, -5.0, 7.0], [0.1] * 3))
    assert (line.slope.b, line.intercept.b) == pytest.approx((2.0, 1.0))
    assert line.slope.q == pytest.approx(0, abs=1e-18)
    assert "three or more" in egger(two).slope.status
    assert weighted_medians(np.array([[1.0, 2.0, 4.0]]), np.ones(3))[0] == 2.0
    # half of the weight lies between 2 (3/8) and 4 (6/8)
    assert weighted_medians(np.array([[1.0, 2.0, 4.0]]), np.array([1.0, 1, 2]))[0] == pytest.approx(
        2 + 2 * (0.5 - 0.375) / 0.375
    )
    assert i_squared([1.0, 3.0], [1.0, 1.0]) == pytest.approx(0.5)


def test_leave_one_out_and_single_snps_name_their_instruments():
    data = made(5)
    left = leave_one_out(data)
    assert [e.status for e in left] == [f"without {i}" for i in range(1, 6)]
    assert left[2].b == ivw(data.take(np.array([0, 1, 3, 4]))).b
    assert single_snp(data)[3].b == data.ratio[3]
    assert strength(Harmonised([0.1, 0.1], [0.01, 0.05], [0, 0], [1, 1])).share_f_below_10 == 0.5


def test_what_is_no_input_is_refused_by_name():
    names = ("rs1", "rs2")
    with pytest.raises(InputError, match=r"above 0.*rs2"):
        Harmonised([1.0, 1.0], [0.1, 0.0], [1.0, 1.0], [0.1, 0.1], names)
    with pytest.raises(InputError, match=r"numbers.*rs1"):
        Harmonised([np.nan, 1.0], [0.1, 0.1], [1.0, 1.0], [0.1, 0.1], names)
    with pytest.raises(InputError, match=r"not 0.*rs1"):
        Harmonised([0.0, 1.0], [0.1, 0.1], [1.0, 1.0], [0.1, 0.1], names)
    with pytest.raises(InputError, match="four numbers"):
        Harmonised([1.0], [0.1], [1.0, 1.0], [0.1])
    with pytest.raises(UsageError, match="sample size"):
        steiger(made(3), np.nan, 1000)
    data = made(4)
    with pytest.raises(InputError, match=r"\(4, 4\) matrix"):
        correlated_ivw(data, np.eye(3))
    with pytest.raises(InputError, match="positive definite"):
        correlated_ivw(data, np.where(np.eye(4, dtype=bool), 1.0, -0.9))
    with pytest.raises(UsageError, match="correlation of the exposures"):
        conditional_f(np.ones((5, 2)), np.ones((5, 2)), np.eye(3))


def test_correlated_instruments_by_hand():
    # two copies of one instrument say no more than one
    r = 1 - 1e-9
    data = Harmonised([0.1, 0.1], [0.01, 0.01], [0.05, 0.05], [0.02, 0.02])
    found = correlated_ivw(data, [[1, r], [r, 1]])
    assert (found.b, found.se) == pytest.approx((0.5, 0.2), rel=1e-6)


def test_conditional_f_sees_the_correlation_of_the_exposures():
    """Exposures that differ by error only: F is 1 with the right correlation, not without."""
    rng = np.random.default_rng(3)
    n, rho = 4000, 0.6
    truth = rng.normal(0, 0.1, n)
    error = rng.multivariate_normal([0, 0], np.array([[1, rho], [rho, 1]]) * 0.01**2, n)
    x, se = truth[:, None] + error, np.full((n, 2), 0.01)
    right = conditional_f(x, se, [[1, rho], [rho, 1]])
    assert right == pytest.approx([1, 1], abs=0.1)
    assert conditional_f(x, se, np.eye(2)) == pytest.approx([0.4, 0.4], abs=0.05)


def test_mixture_of_chi2_is_chi2_where_it_is_one_and_that_of_draws():
    assert neg_log10_p_mixture(10.0, [2.0]) == pytest.approx(-np.log10(0.0253473), abs=1e-5)
    rng = np.random.default_rng(1)
    weights = np.array([3.0, 1.0, 0.5, 0.2])
    draws = (weights * rng.chisquare(1, (400_000, 4))).sum(axis=1)
    for level in (0.5, 0.1, 0.01):
        x = float(np.quantile(draws, 1 - level))
        assert 10 ** -neg_log10_p_mixture(x, weights) == pytest.approx(level, rel=0.08)


# marks, of which the source is named in ../shared/methods/5-summary-statistics.md


@pytest.mark.real
def test_marks_of_bmi_and_coronary_heart_disease(bmi):
    data, table = bmi
    found = ivw(data)
    assert (found.b, found.se) == pytest.approx((0.4459091, 0.0589830), abs=5e-8)
    assert 10**-found.neg_log10_p == pytest.approx(4.03202e-14, rel=1e-5)
    assert (found.q, found.q_df) == (pytest.approx(143.6508, abs=5e-5), 78)
    assert 10**-found.q_neg_log10_p == pytest.approx(8.72842e-06, rel=1e-5)
    line = egger(data)
    assert (line.slope.b, line.slope.se) == pytest.approx((0.5024935, 0.14396056), abs=5e-8)
    assert 10**-line.slope.neg_log10_p == pytest.approx(0.000801259, rel=1e-5)
    assert (line.intercept.b, line.intercept.se) == pytest.approx(
        (-0.001719304, 0.003985962), abs=5e-10
    )
    assert 10**-line.intercept.neg_log10_p == pytest.approx(0.6674266, abs=5e-8)
    assert line.slope.q == pytest.approx(143.3046, abs=5e-5)
    assert (line.i2_gx, line.i2_gx_weighted) == pytest.approx((0.91277, 0.90169), abs=5e-6)
    assert weighted_median(data).b == pytest.approx(0.3870065, abs=5e-8)
    assert weighted_median(data).se == pytest.approx(0.0717521, rel=0.05)
    assert weighted_median(data, weights="first_order").b == pytest.approx(0.3962101, abs=5e-8)
    test = steiger(data, table["samplesize.exposure"], table["samplesize.outcome"])
    assert (test.r2_x, test.r2_y) == pytest.approx((0.0158082, 0.0013505), abs=2e-6)
    assert test.correct
    left = {e.status.split()[1]: (e.b, e.se) for e in leave_one_out(data)}
    assert left["rs1000940"] == pytest.approx((0.4541284, 0.05843628), abs=5e-8)
    assert left["rs10840100"] == pytest.approx((0.4435657, 0.0595612), abs=5e-8)


@pytest.mark.real
def test_marks_of_modes(bmi):
    data, _ = bmi
    weights, flat = data.ratio_se("second_order") ** -2, np.ones(len(data))
    assert bandwidth(data.ratio) == pytest.approx(0.1761936, abs=5e-8)
    on_grid = density_mode(data.ratio, weights, climb=False)
    assert on_grid == pytest.approx(0.3790910, abs=5e-8)
    # the maximum itself, of a fine grid
    h = bandwidth(data.ratio)
    for w, mark in ((weights, 0.3835797), (flat, 0.3411265)):
        best = density_mode(data.ratio, w)
        near = best + np.linspace(-1e-3, 1e-3, 20_001)
        height = np.exp(-0.5 * ((near[:, None] - data.ratio) / h) ** 2) @ w
        assert near[np.argmax(height)] == pytest.approx(best, abs=2e-7)
        assert best == pytest.approx(mark, abs=2e-5)


@pytest.mark.real
def test_marks_of_presso(bmi):
    data, _ = bmi
    found = presso(data)
    assert found.rss == pytest.approx(147.3442, abs=5e-5)
    assert [data.names[i] for i in found.outliers] == ["rs6713510", "rs7903146"]
    assert found.corrected.b == pytest.approx(0.4797866, abs=5e-8)
    assert found.global_p < 0.001


@pytest.mark.real
def test_marks_of_raps(bmi):
    data, _ = bmi
    found = raps(data)
    assert (found.b, found.se) == (
        pytest.approx(0.4646893, abs=5e-7),
        pytest.approx(0.05425, rel=0.01),
    )
    plain = raps(data, overdispersion=False, robust=False)
    assert (plain.b, plain.se) == (
        pytest.approx(0.45807, abs=5e-6),
        pytest.approx(0.0452, rel=0.03),
    )


@pytest.mark.real
def test_marks_of_multivariable_mr():
    exposure = pd.read_csv(real("lipids_chd_mvmr", "exposure.tsv"), sep="\t")
    outcome = pd.read_csv(real("lipids_chd_mvmr", "outcome.tsv"), sep="\t").set_index("SNP")
    wide = {
        c: exposure.pivot_table(index="SNP", columns="id.exposure", values=c, aggfunc="first")
        for c in ("beta.exposure", "se.exposure", "effect_allele.exposure")
    }
    snps = wide["beta.exposure"].index.intersection(outcome.index)
    assert len(snps) == 143
    o = outcome.loc[snps]
    same = wide["effect_allele.exposure"].loc[snps].iloc[:, 0] == o["effect_allele.outcome"]
    found = multivariable(
        wide["beta.exposure"].loc[snps], wide["se.exposure"].loc[snps],
        o["beta.outcome"] * np.where(same, 1, -1), o["se.outcome"],
    )  # fmt: skip
    marks = [(-0.08919724, 0.05970552), (0.37853543, 0.04976846), (0.13584165, 0.06738291)]
    for one, mark in zip(found.estimates, marks, strict=True):
        assert (one.b, one.se) == pytest.approx(mark, abs=5e-9)
    assert np.isnan(found.conditional_f).all()


@pytest.mark.real
def test_marks_of_gsmr():
    table = pd.read_csv(real("ldl_cad_gsmr", "gsmr_data.tsv"), sep="\t")
    ld = pd.read_csv(real("ldl_cad_gsmr", "ld_matrix.tsv"), sep="\t", index_col=0).to_numpy()
    outcome = (table["bzy"], table["bzy_se"], tuple(table["SNP"]))
    x, se = standardised(table["bzx"], table["bzx_se"], table["a1_freq"], table["bzx_n"])
    data = Harmonised(x, se, *outcome)
    marks = {
        "published": (0.4234802, 0.0222167, 9, 5e-8),
        "top": (0.40703, 0.02297, 11, 5e-6),
        "global": (0.42431, 0.02523, 14, 5e-6),
    }
    for rule, (b, s, n_outliers, error) in marks.items():
        found = gsmr(data, ld, n_reference=7703, heidi=rule)
        assert (found.estimate.b, found.estimate.se) == pytest.approx((b, s), abs=error), rule
        assert (len(found.outliers), len(found.weak), len(found.linked)) == (n_outliers, 39, 5)
    # without the two steps
    raw = Harmonised(table["bzx"], table["bzx_se"], *outcome)
    assert gsmr(raw, ld, heidi="published").estimate.b == pytest.approx(0.3816, abs=5e-5)
    assert gsmr(raw, ld).estimate.b == pytest.approx(0.39696, abs=5e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pleiotropy"),
    [
        ("ivw", "none"), ("egger", "none"), ("weighted_median", "none"), ("divw", "none"),
        ("pivw", "none"), ("raps", "none"), ("gsmr", "none"),  ("cml", "none"),
        ("ivw", "balanced"), ("egger", "balanced"), ("raps", "balanced"),
        ("egger", "directional"),
    ],
)  # fmt: skip
def test_without_an_effect_no_more_than_a_twentieth_is_found(name, pleiotropy):
    """Methods that must hold 5 %: all without pleiotropy, some with it."""
    rng = np.random.default_rng(11)
    n, runs, found = 40, 600, 0
    for _ in range(runs):
        gamma = rng.uniform(0.04, 0.12, n)
        alpha = {
            "none": np.zeros(n),
            "balanced": rng.normal(0, 0.01, n),
            "directional": rng.normal(0.02, 0.01, n),
        }[pleiotropy]
        se_x, se_y = np.full(n, 0.002), np.full(n, 0.01)
        data = Harmonised(
            gamma + se_x * rng.normal(size=n), se_x, alpha + se_y * rng.normal(size=n), se_y
        )
        found += METHODS[name](data).neg_log10_p > -np.log10(0.05)
    # with a Monte-Carlo error of 0.009
    assert found / runs < 0.08
