"""Formulas as models of a trait: read, fitted, compared and chosen."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.confounders import confounders_of
from gwasbone.phenotypes.formula_comparison import compare_formulas
from gwasbone.phenotypes.formulas import (
    formula_columns,
    formula_matrix,
    read_formula,
    read_formulas,
)
from gwasbone.phenotypes.residuals import residual_phenotypes

NONLINEAR = "C(sex) + C(sex):Age40 + poly(Weight75, 2) + (1 | person)"
LINEAR = "C(sex) + Age40 + Weight75"


def made(n=80, again=50, *, own=0.5, seed=1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who = np.r_[np.arange(n), np.arange(again)]
    sex = rng.integers(0, 2, n)[who]
    age = rng.uniform(45, 75, n)[who] + np.r_[np.zeros(n), np.full(again, 6)]
    weight = rng.normal(75, 12, n)[who]
    y = 2 + 0.4 * sex - 0.03 * age - 0.001 * (weight - 75) ** 2 + own * rng.normal(size=n)[who]
    y += 0.2 * rng.normal(size=len(who))
    site = np.array(["north", "south", "west"])[rng.integers(0, 3, len(who))]
    return pd.DataFrame(
        {"sex": sex, "age": age, "weight": weight, "y": y, "height": 170 + 5 * sex, "site": site},
        index=pd.Index([f"p{i}" for i in who], name="person"),
    )


@pytest.fixture(scope="module")
def table():
    return made()


@pytest.fixture(scope="module")
def compared(table):
    return compare_formulas(table, [LINEAR, f"{LINEAR} + (1 | person)", NONLINEAR], ["y"])


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fixed", "names", "random"),
    [
        ("y ~ C(sex)*Age40 + (1|person)", "C(sex)*Age40", ("sex", "Age40"), True),
        ("(1 | person)", "1", (), True),
        ("(1 | IID) + age", "age", ("age",), True),
        ("bs(Age40, df=4) - 1 + I(weight**2)", None, ("Age40", "weight"), False),
        ("Q('odd name') + log(weight)", None, ("odd name", "weight"), False),
    ],
)
def test_a_formula_says_its_columns_and_whether_participants_have_an_intercept(
    text, fixed, names, random
):
    formula = read_formula(text)
    assert formula.fixed == (fixed or text)
    assert (formula.names, formula.random_intercept) == (names, random)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('ls')", "sex.__class__", "age[0]", "eval('1')", "'age'",
        "C(*[1])", "[x for x in age]", "Q(age)", "(Age40 | person)", "age + (1 | person) + (1|IID)",
        "C(sex) +", "lambda: 1", "age @ age", "f'{age}'", "open",
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused_and_never_run(text, table):
    if text == "open":  # a name, which is no column
        with pytest.raises(InputError, match="expected columns of the table"):
            compare_formulas(table, [text, "age"], ["y"])
        return
    with pytest.raises(InputError, match=r"^formula "):
        read_formula(text)


def test_terms_are_those_written(table):
    found = confounders_of(table)
    formula = read_formula("C(sex):Age40 + poly(Weight75, 2) + site")
    columns = formula_columns((formula,), table, found)
    X = formula_matrix(formula, columns)
    age, weight, man = table["age"] - 40, table["weight"] - 75, table["sex"] == 1
    south, west = table["site"] == "south", table["site"] == "west"
    wanted = [np.ones(len(table)), south, west, age * ~man, age * man, weight, weight**2]
    place = {n: j for j, n in enumerate(X.terms)}
    order = ["intercept", "site[T.south]", "site[T.west]", "C(sex)[0]:Age40", "C(sex)[1]:Age40"]
    by_name = [X.X[:, place[n]] for n in order] + [X.X[:, -2], X.X[:, -1]]
    np.testing.assert_allclose(np.column_stack(by_name), np.column_stack(wanted), atol=1e-9)
    assert X.steps[0] == ""
    assert X.steps[-1] == X.steps[-2] == "poly(Weight75, 2)"
    with pytest.raises(InputError, match="expected finite terms, log"):
        formula_matrix(read_formula("log(Age40 - Age40)"), columns)


def test_a_file_has_one_formula_a_line(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text(f"# first\n{LINEAR}\n\n{NONLINEAR} # best\n")
    assert [f.text for f in read_formulas(path)] == [LINEAR, NONLINEAR]
    path.write_text(f"{LINEAR}\n{LINEAR}\n")
    with pytest.raises(InputError, match="is there twice"):
        read_formulas(path)


# --- one that is chosen --------------------------------------------------------------------------


@pytest.mark.parametrize(("formula", "model"), [(LINEAR, "linear"), (NONLINEAR, "nonlinear")])
def test_the_formula_of_a_model_gives_its_residuals(table, formula, model):
    ours = residual_phenotypes(table, ["y"], model="formula", formula=formula)
    theirs = residual_phenotypes(table, ["y"], model=model)
    pd.testing.assert_frame_equal(ours.residuals, theirs.residuals)
    assert ours.models[0].estimator == theirs.models[0].estimator
    assert ours.models[0].formula == f"y ~ {formula}"


def test_assessments_without_a_column_of_the_formula_have_no_residual(table):
    some = table.assign(height=np.where(table.index == "p3", np.nan, table["height"]))
    made_of = residual_phenotypes(some, ["y"], model="formula", formula="C(sex) + log(height*age)")
    assert made_of.residuals["y"].isna().sum() == 1
    assert np.isnan(made_of.residuals.loc["p3", "y"])


def test_terms_that_others_determine_are_named(table):
    with pytest.raises(InputError, match="Weight75"):
        residual_phenotypes(table, ["y"], model="formula", formula="weight + Weight75")
    with pytest.raises(InputError, match="expected columns of the table of assessments, got heigt"):
        residual_phenotypes(table, ["y"], model="formula", formula="heigt")
    for wrong in ({"model": "linear", "formula": LINEAR}, {"model": "formula"}):
        with pytest.raises(UsageError, match="expected a formula with the model formula"):
            residual_phenotypes(table, ["y"], **wrong)


# --- several that are compared -------------------------------------------------------------------


def test_the_right_formula_has_the_smallest_criteria(compared):
    assert compared.best("y") == NONLINEAR
    assert compared.table["formula"].tolist()[0] == NONLINEAR
    assert compared.table["delta_bic"].is_monotonic_increasing
    assert set(compared.table["n_assessments"]) == {130}
    assert compared.table.set_index("formula")["n_parameters"].to_dict() == {
        NONLINEAR: 8, LINEAR: 5, f"{LINEAR} + (1 | person)": 6,
    }  # fmt: skip
    line = compared.lines["y", NONLINEAR, "weight"]
    straight = compared.lines["y", LINEAR, "weight"]
    assert np.ptp(line.fit) < 0.6 * np.ptp(straight.fit)


def test_likelihoods_are_those_of_the_normal_density(table, compared):
    """With the fitted variances and generalised least squares, participant by participant."""
    found = confounders_of(table)
    y = table["y"].to_numpy()
    for row in compared.table.itertuples():
        formula = read_formula(row.formula)
        X = formula_matrix(formula, formula_columns((formula,), table, found)).X
        same = found.person[:, None] == found.person[None]
        V = row.sigma2_person * same + row.sigma2_residual * np.eye(len(y))
        beta = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, y))
        density = multivariate_normal(cov=V).logpdf(y - X @ beta)
        assert row.log_likelihood == pytest.approx(density, abs=1e-4)
        assert row.aic == pytest.approx(2 * row.n_parameters - 2 * density, abs=2e-4)
        assert row.bic == pytest.approx(row.n_parameters * np.log(130) - 2 * density, abs=2e-4)


def test_no_variance_between_participants_costs_one_parameter():
    table = made(own=0.0, seed=3)
    rng = np.random.default_rng(4)
    # two assessments of a participant are less alike than those of two participants
    own = rng.normal(size=80)
    table["y"] = np.r_[own, -own[:50]] + 0.01 * rng.normal(size=130)
    rows = compare_formulas(table, ["C(sex)", "C(sex) + (1 | person)"], ["y"]).table
    assert rows["sigma2_person"].tolist() == [0, 0]
    assert rows["delta_aic"].tolist() == pytest.approx([0, 2])
    assert rows["log_likelihood"].iloc[0] == rows["log_likelihood"].iloc[1]


def test_what_cannot_be_fitted_has_a_status(table):
    flat = table.assign(flat=1.5, few=np.where(np.arange(len(table)) < 4, table["y"], np.nan))
    formulas = [LINEAR, "weight + Weight75"]
    rows = compare_formulas(flat, formulas, ["y", "flat", "few"]).table
    found = rows.set_index(["trait", "formula"])["status"]
    assert found["y", LINEAR] == "ok"
    assert found["y", "weight + Weight75"] == "rank_deficient"
    assert set(found["flat"]) == {"constant"}
    assert set(found["few"]) == {"too_few"}
    with pytest.raises(InputError, match="at least 2 to compare"):
        compare_formulas(table, [LINEAR], ["y"])
    with pytest.raises(InputError, match="none could be fitted"):
        compare_formulas(flat, formulas, ["flat"])


def test_the_subset_is_the_same_for_all_and_holds_those_seen_twice(table):
    rows = compare_formulas(table, [LINEAR, "C(sex)"], ["y"], participants=60, seed=2).table
    assert set(rows["n_people"]) == {60}
    assert set(rows["n_assessments"]) == {110}


@pytest.mark.peer
def test_criteria_are_those_of_lme4_and_lm(table, compared, tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed (apt-get install r-base-core r-cran-lme4)")
    table.reset_index().to_csv(tmp_path / "t.csv", index=False)
    script = """
    suppressMessages(library(lme4)); d <- read.csv("t.csv")
    d$A <- d$age - 40; d$W <- d$weight - 75; d$s <- factor(d$sex)
    fits <- list(lmer(y ~ s + s:A + W + I(W^2) + (1 | person), d, REML = FALSE),
                 lmer(y ~ s + A + W + (1 | person), d, REML = FALSE), lm(y ~ s + A + W, d))
    for (f in fits) cat(format(c(logLik(f), AIC(f), BIC(f)), digits = 12), "\\n")
    """
    done = subprocess.run(
        ["Rscript", "-e", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    theirs = np.array([line.split() for line in done.stdout.splitlines()], dtype=float)
    ours = compared.table.set_index("formula").loc[
        [NONLINEAR, f"{LINEAR} + (1 | person)", LINEAR], ["log_likelihood", "aic", "bic"]
    ]
    np.testing.assert_allclose(ours.to_numpy(), theirs, atol=2e-3)
