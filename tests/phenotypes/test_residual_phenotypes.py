"""Residual phenotypes: lme4's numbers, unbiased SNP effects, and what confounding is left."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.confounders import confounders_of, read_assessments
from gwasbone.phenotypes.residuals import (
    ResidualWarning,
    confounding_left,
    residual_phenotypes,
)
from gwasbone.phenotypes.trait_models import fit_linear

ORACLES = Path(__file__).resolve().parents[1] / "peers" / "oracles"
DESIGNS = ("twice", "mostly_once", "once")


def oracle(name):
    return pd.read_csv(
        ORACLES / f"random_intercept_{name}.tsv", sep="\t", comment="#", dtype={"person": str}
    )


def people_table(
    people=300, again=60, *, seed=0, curve=-1.5e-4, person_sd=0.10, row_sd=0.03, traits=("bmd",)
):
    """Assessments with the non-linear model as the truth, ``again`` people seen twice."""
    rng = np.random.default_rng(seed)
    person = np.r_[np.arange(people), rng.choice(people, again, replace=False)]
    n, visit = len(person), np.r_[np.zeros(people), np.ones(again)]
    sex = rng.integers(0, 2, people)[person]
    age = (rng.uniform(45, 78, people))[person] + 2.5 * visit
    weight = (62 + rng.gamma(3, 6, people))[person] + 10 * sex + rng.normal(0, 2, n)
    fixed = 1.1 + 0.1 * sex - 0.004 * (age - 40) * (sex == 0) - 0.001 * (age - 40) * (sex == 1)
    fixed += 0.004 * (weight - 75) + curve * (weight - 75) ** 2
    table = {"sex": sex, "age": age, "weight": weight}
    for name in traits:
        own = person_sd * rng.normal(size=people)[person]
        table[name] = fixed + own + row_sd * rng.normal(size=n)
    index = pd.Index([f"P{i}" for i in person], name="person")
    return pd.DataFrame(table, index=index)


@pytest.mark.parametrize("design", DESIGNS)
def test_estimates_and_residuals_are_those_of_r(design):
    """lmer where people were seen twice, lm where nobody was; kept output, see the .R file."""
    table = oracle("input")
    found = residual_phenotypes(table[table["design"] == design].set_index("person"), ["bmd"])
    model = found.models[0]
    assert model.estimator == ("least_squares" if design == "once" else "reml")
    effects = model.coefficients
    mine = {}
    for term, beta, se in zip(effects.terms, effects.beta, effects.se, strict=True):
        mine |= {f"beta {term}": beta, f"se {term}": se}
    mine |= {n: getattr(model, n) for n in ("sigma2_person", "sigma2_residual", "log_likelihood")}
    fits = oracle("fits")
    peer = fits[fits["design"] == design].set_index("what")["value"]
    assert set(peer.index) == set(mine)
    np.testing.assert_allclose([mine[name] for name in peer.index], peer, rtol=1e-6, atol=1e-12)
    kept = oracle("residuals")
    kept = kept[kept["design"] == design].set_index("person")
    residual = found.residuals["bmd"][kept.index]
    np.testing.assert_allclose(residual, kept["marginal"], atol=1e-7)
    times = table[table["design"] == design]["person"].value_counts()[kept.index]
    shrunk = conditional(residual, times, model)
    np.testing.assert_allclose(shrunk, kept["conditional"], atol=1e-7)


def conditional(residual, times, model):
    """A person's mean of ``residuals(lmer)``: less the predicted intercept nλ/(1 + nλ)·mean."""
    return residual / (1 + times * model.sigma2_person / model.sigma2_residual)


def test_a_snp_effect_is_unbiased_in_the_marginal_residual_and_lost_in_the_conditional():
    """Truth 0.25, many replicates; most people seen once, person variance ten times the row's."""
    people, effect = 400, 0.25
    found = {"marginal": [], "conditional": []}
    errors = []
    for seed in range(200):
        rng = np.random.default_rng([seed, 1])
        table = people_table(people, 30, seed=seed, person_sd=1.0, row_sd=np.sqrt(0.1))
        genotype = pd.Series(rng.binomial(2, 0.3, people), [f"P{i}" for i in range(people)])
        y = table["bmd"].to_numpy() + effect * genotype[table.index].to_numpy()
        confounders = confounders_of(table)
        model = fit_linear("bmd", y, confounders, "nonlinear")
        g = genotype[confounders.people].to_numpy(float)
        times = np.bincount(confounders.person)
        marginal = model.people.residual
        for name, values in (
            ("marginal", marginal),
            ("conditional", conditional(marginal, times, model)),
        ):
            slope = stats.linregress(g, values)
            found[name].append(slope.slope)
            errors += [slope.stderr] if name == "marginal" else []
    marginal, lost = np.array(found["marginal"]), np.array(found["conditional"])
    print(f"truth {effect}: marginal {marginal.mean():.4f}, conditional {lost.mean():.4f}")
    assert abs(marginal.mean() - effect) < 3 * marginal.std() / np.sqrt(len(marginal))
    z = (marginal - effect) / errors
    assert z.std() == pytest.approx(1, abs=3 / np.sqrt(2 * len(z)))
    assert 0.01 < lost.mean() < 0.04


@pytest.mark.slow
def test_the_leftover_test_is_calibrated_and_finds_the_curve_of_weight():
    """The truth is the non-linear model: its residual leaves nothing, the linear one a curve."""
    repeats = 200
    traits = [f"t{i}" for i in range(repeats // 10)]
    parts = {"nonlinear": [], "linear": []}
    for seed in range(10):
        table = people_table(250, 50, seed=100 + seed, curve=-2e-4, traits=traits)
        for model, tests in parts.items():
            tests.append(residual_phenotypes(table, model=model).confounding)
    tests = {model: pd.concat(parts[model]) for model in parts}
    level, error = 0.05, np.sqrt(0.05 * 0.95 / repeats)

    def p_values(model, covariate, stratum, form="smooth"):
        rows = tests[model].query("covariate == @covariate and stratum == @stratum")
        rows = rows[(rows["form"] == form) & (rows["status"] == "")]
        assert len(rows) == repeats
        return 10 ** -rows["neg_log_10_p_value"].to_numpy()

    for covariate in ("age", "weight"):
        for stratum in ("all", "women", "men"):
            p = p_values("nonlinear", covariate, stratum)
            assert stats.kstest(p, "uniform").pvalue > 1e-3, (covariate, stratum)
            assert (p < level).mean() < level + 3 * error, (covariate, stratum)
    power = (p_values("linear", "weight", "all") < level).mean()
    print(f"power for the curve of weight left by the linear model: {power:.2f}")
    assert power > 0.9
    # and the linear model's common slope of age is wrong in each sex
    assert (p_values("linear", "age", "women", "linear") < level).mean() > 0.3
    straight = tests["linear"].query("stratum == 'all' and form == 'linear'")
    assert set(straight["status"]) == {"in_model"}
    assert straight["r2"].max() < 1e-20


def test_the_summary_of_what_is_left_names_weight_only_for_the_linear_model():
    table = people_table(1500, 100, seed=3)
    left = {
        m: confounding_left(residual_phenotypes(table, model=m)) for m in ("linear", "nonlinear")
    }
    assert "weight" in set(left["linear"]["covariate"])
    assert left["nonlinear"].empty
    assert (left["linear"]["neg_log_10_p_value"].diff().dropna() <= 0).all()


@pytest.mark.parametrize("model", ["nonlinear", "linear"])
@pytest.mark.parametrize("again", [80, 0])
def test_invariants(model, again):
    table = people_table(200, again, seed=5)
    first = residual_phenotypes(table, model=model).residuals["bmd"]

    def same(changed, scale=1.0, names=lambda index: index):
        other = residual_phenotypes(changed, model=model).residuals["bmd"]
        np.testing.assert_allclose(other[names(first.index)], scale * first, atol=1e-8)

    same(table.sample(frac=1, random_state=1))
    same(table.rename(lambda name: f"x{name}"), names=lambda index: "x" + index)
    same(table.assign(weight=1000 * table["weight"], age=12 * table["age"]))
    same(table.assign(bmd=3 - 2 * table["bmd"]), scale=-2)
    same(table.assign(sex=table["sex"].map({0: 2, 1: 1})))
    same(table.assign(sex=table["sex"].map({0: "Female", 1: "Male"})))
    with_visits = table.set_axis(
        pd.MultiIndex.from_arrays([table.index, np.arange(len(table))]), axis=0
    )
    same(with_visits)


def test_the_linear_model_is_least_squares_on_the_means_of_people():
    table = people_table(80, 30, seed=6)
    means = table.groupby(level=0).mean()
    X = np.column_stack([np.ones(80), means[["sex", "age", "weight"]]])
    beta, *_ = np.linalg.lstsq(X, means["bmd"], rcond=None)
    found = residual_phenotypes(table, model="linear")
    np.testing.assert_allclose(
        found.residuals["bmd"][means.index], means["bmd"] - X @ beta, atol=1e-10
    )
    np.testing.assert_allclose(found.models[0].coefficients.beta[1:], beta[1:], rtol=1e-8)


def test_missing_values_leave_a_trait_alone_where_they_are():
    table = people_table(200, 60, seed=7, traits=("a", "b"))
    whole = residual_phenotypes(table)
    gaps = table.copy()
    gaps.iloc[:20, gaps.columns.get_loc("b")] = np.nan
    found = residual_phenotypes(gaps)
    pd.testing.assert_series_equal(found.residuals["a"], whole.residuals["a"])
    seen_again = set(gaps.index[20:])
    gone = [name for name in gaps.index[:20] if name not in seen_again]
    assert gone
    assert found.residuals["b"].isna().sum() == len(gone)
    assert found.residuals.loc[gone, "b"].isna().all()
    dropped = residual_phenotypes(gaps.iloc[20:], ["b"]).residuals["b"]
    np.testing.assert_allclose(
        found.residuals["b"].dropna(), dropped[found.residuals["b"].dropna().index]
    )


def test_variance_explained_grows_by_nested_terms():
    model = residual_phenotypes(people_table(2000, 200, seed=8)).models[0]
    assert list(model.r2_steps) == ["sex", "age", "weight", "weight squared"]
    assert np.all(np.diff(list(model.r2_steps.values())) > 0)
    table = people_table(2000, 0, seed=8)
    fixed = residual_phenotypes(table).models[0]
    total = np.var(table["bmd"])
    left = np.var(residual_phenotypes(table).residuals["bmd"])
    assert fixed.r2 == pytest.approx(1 - left / total)


def test_one_sex_drops_its_terms_and_says_so():
    table = people_table(200, 40, seed=9).query("sex == 1")
    with pytest.warns(ResidualWarning, match="all participants are of sex 1"):
        found = residual_phenotypes(table)
    assert found.models[0].coefficients.terms == ("intercept", "age40", "weight75", "weight75^2")
    assert set(found.confounding["stratum"]) == {"all"}


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (lambda t: t.assign(odd=np.nan), "all_missing", "none of 0 with the trait"),
        (lambda t: t.assign(odd=2.0), "constant", "it is 2 in all"),
        (lambda t: t.assign(odd=t["bmd"].where(np.arange(len(t)) < 4)), "too_few", "got 4"),
        (
            lambda t: t.assign(odd=t["bmd"].where(t["weight"].round() == 75), weight=75.0),
            "rank_deficient",
            "weight75",
        ),
        (
            lambda t: t.assign(odd=t.groupby(level=0)["bmd"].transform("first")).pipe(as_first),
            "no_convergence",
            "--model linear",
        ),
    ],
    ids=["all missing", "constant", "too few", "rank deficient", "no convergence"],
)
def test_a_trait_that_cannot_be_fitted_is_named_and_alone(change, status, says):
    table = change(people_table(200, 60, seed=10))
    if status == "rank_deficient":
        with pytest.warns(ResidualWarning), pytest.raises(InputError, match=says):
            residual_phenotypes(table, ["odd"])
        return
    with pytest.warns(ResidualWarning, match=f"trait odd has no residual: .*{says}"):
        found = residual_phenotypes(table)
    fits = {model.trait: model for model in found.models}
    assert fits["odd"].status == status
    assert says in fits["odd"].message
    assert found.residuals["odd"].isna().all()
    assert found.fitted == ("bmd",)
    alone = residual_phenotypes(table, ["bmd"])
    pd.testing.assert_series_equal(found.residuals["bmd"], alone.residuals["bmd"])
    with pytest.warns(ResidualWarning), pytest.raises(InputError, match="no trait could be fitted"):
        residual_phenotypes(table, ["odd"])


def as_first(table):
    """Second visits with the age and weight of the first, as a table of copies has."""
    columns = ["age", "weight"]
    return table.assign(**{c: table.groupby(level=0)[c].transform("first") for c in columns})


def test_wrong_names_and_columns_are_refused():
    table = people_table(60, 0).assign(site="x")
    with pytest.raises(InputError, match=r"expected bmt .*did you mean bmd\?"):
        residual_phenotypes(table, ["bmt"])
    with pytest.raises(InputError, match="expected numbers in column site, got 'x'"):
        residual_phenotypes(table, ["site"])
    assert list(residual_phenotypes(table).residuals) == ["bmd"]
    with pytest.raises(UsageError, match="age is taken out"):
        residual_phenotypes(table, ["age"])
    with pytest.raises(UsageError, match="--covar is for"):
        residual_phenotypes(table, covariates=["height"])
    with pytest.raises(UsageError, match="got cubic"):
        residual_phenotypes(table, model="cubic")
    with pytest.raises(UsageError, match=r"use gwasbone\.learning\.residuals"):
        residual_phenotypes(table, model="transformer")


def test_a_trait_that_is_explained_wholly_has_no_residual_of_rounding():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"sex": rng.integers(0, 2, 200), "age": rng.uniform(45, 75, 200)}
        | {"weight": rng.normal(75, 10, 200), "bmd": rng.normal(1, 0.1, 200)},
        index=pd.Index([f"p{i}" for i in range(200)], name="person"),
    )
    table["exact"] = 1.2 - 0.004 * (table["age"] - 40) + 0.003 * table["weight"]
    for model in ("linear", "nonlinear"):
        with pytest.warns(ResidualWarning, match="exact has no residual: .* explains the trait"):
            made = residual_phenotypes(table, ["bmd", "exact"], model=model)
        assert [m.status for m in made.models] == ["", "explained"]
        assert made.residuals["exact"].isna().all()


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("age_constant", "rank_deficient rank_deficient"), ("big_units", " "),
        ("exact", "no_convergence explained"), ("grams", " "), ("negative_corr", " explained"),
        ("no_weight", "all_missing all_missing"), ("same_both_visits", "no_convergence "),
        ("same_visit_twice", " "), ("tiny", " too_few"), ("trait_constant", "constant constant"),
        ("trait_constant2", "constant constant"), ("few_values", " too_few"),
        ("weight_is_age", "rank_deficient rank_deficient"), ("weight_const_in_women", " "),
        ("weight_constant", "rank_deficient rank_deficient"),
    ],
)  # fmt: skip
def test_edge_designs_of_the_cases(shared_data, name, statuses):
    table = read_assessments(shared_data / f"cases/images-and-records/11-mixed-model/{name}.csv")
    table["other"] = np.random.default_rng(1).normal(size=len(table))
    for model, status in zip(("nonlinear", "linear"), statuses.split(" "), strict=True):
        found, made = _status(table, model)
        assert found == status or (found == "refused" and status)
        if made is not None and not status:
            assert made.residuals["bmd"].std() > 1e-3


def _status(table, model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = residual_phenotypes(table, ["bmd", "other"], model=model)
        except InputError:  # neither can be fitted
            return "refused", None
    return made.models[0].status, made


def test_the_logarithm_of_a_trait_is_what_a_column_of_logarithms_is():
    table = made_for_logs()
    ours = residual_phenotypes(table, ["bmd"], model="linear", log_traits=["bmd"])
    theirs = residual_phenotypes(table.assign(bmd=np.log(table["bmd"])), ["bmd"], model="linear")
    pd.testing.assert_frame_equal(ours.residuals, theirs.residuals)
    odd = table.assign(bmd=table["bmd"].where(table["bmd"] > table["bmd"].min(), 0.0))
    with pytest.raises(InputError, match=r"logarithm of bmd: expected values above 0, 1 of 200"):
        residual_phenotypes(odd, ["bmd"], log_traits=["bmd"])
    with pytest.raises(InputError, match="no such column"):
        residual_phenotypes(table, ["bmd"], log_traits=["bdm"])


def made_for_logs() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    return pd.DataFrame(
        {
            "sex": rng.integers(0, 2, 200), "age": rng.uniform(45, 70, 200),
            "weight": rng.normal(75, 12, 200), "bmd": rng.lognormal(0, 0.5, 200),
        },
        index=pd.Index([f"p{i}" for i in range(200)], name="person"),
    )  # fmt: skip
