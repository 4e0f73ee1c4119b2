"""DeepNull's prediction: never from the person's own data, and no better than it should be."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.phenotypes.deepnull import assign_folds, predict_out_of_fold
from gwasbone.phenotypes.residuals import ResidualWarning, residual_phenotypes


def table(people=600, again=150, seed=1, signal=1.0):
    rng = np.random.default_rng(seed)
    person = np.r_[np.arange(people), rng.choice(people, again, replace=False)]
    age, weight = rng.uniform(45, 78, people)[person], rng.normal(75, 12, people)[person]
    sex = rng.integers(0, 2, people)[person]
    shape = np.sin(age / 5) * (1 + sex) + np.abs(weight - 75) / 10
    noise = 0.5 * rng.normal(size=people)[person] + 0.1 * rng.normal(size=len(person))
    return pd.DataFrame(
        {"sex": sex, "age": age, "weight": weight, "bmd": signal * shape + noise},
        index=pd.Index([f"P{i}" for i in person], name="person"),
    )


def test_people_keep_their_fold_whatever_the_order():
    names = np.array([f"P{i}" for i in range(101)], dtype=object)
    folds = assign_folds(names, n_folds=5, seed=3)
    assert sorted(np.bincount(folds)) == [20, 20, 20, 20, 21]
    order = np.random.default_rng(0).permutation(101)
    np.testing.assert_array_equal(assign_folds(names[order], n_folds=5, seed=3), folds[order])
    assert (assign_folds(names, n_folds=5, seed=4) != folds).any()
    with pytest.raises(InputError, match="expected 50 participants or more"):
        assign_folds(names[:49], n_folds=5, seed=3)


def test_nobody_is_predicted_from_their_own_values():
    data = table()
    first = residual_phenotypes(data, model="deepnull", seed=2)
    changed = data.copy()
    changed.loc["P7", "bmd"] += 50.0
    second = residual_phenotypes(changed, model="deepnull", seed=2)
    assert second.predictions.loc["P7", "bmd"] == first.predictions.loc["P7", "bmd"]
    fold = first.folds["P7"]
    others = first.folds.index[first.folds != fold]
    assert (second.predictions.loc[others, "bmd"] != first.predictions.loc[others, "bmd"]).any()
    own = first.folds.index[first.folds == fold]
    pd.testing.assert_frame_equal(second.predictions.loc[own], first.predictions.loc[own])


def test_noise_is_not_predicted():
    data = table(signal=0.0)
    model = residual_phenotypes(data, model="deepnull").models[0]
    assert model.r2_steps["seen"] > 0.1  # what a prediction in fold would have taken away
    assert model.r2 < 0.01


def test_a_curve_is_found_and_taken_out():
    data = table(people=3000, again=300)
    found = residual_phenotypes(data, model="deepnull")
    straight = residual_phenotypes(data, model="nonlinear").models[0]
    assert found.models[0].r2 > straight.r2 + 0.1
    means = data.groupby(level=0)["bmd"].mean()
    both = found.residuals["bmd"] + found.predictions["bmd"]
    np.testing.assert_allclose(both[means.index], means)


def test_the_seed_is_kept_and_decides():
    data = table(200, 40)
    first, again, other = (
        residual_phenotypes(data, model="deepnull", seed=seed) for seed in (5, 5, 6)
    )
    assert first.seed == 5
    pd.testing.assert_frame_equal(first.residuals, again.residuals)
    assert (first.residuals["bmd"] != other.residuals["bmd"]).any()
    moved = residual_phenotypes(data.sample(frac=1, random_state=0), model="deepnull", seed=5)
    np.testing.assert_allclose(
        moved.residuals["bmd"][first.residuals.index], first.residuals["bmd"], atol=1e-6
    )


def test_more_predictors_help_and_too_few_people_are_named():
    data = table(600, 0)
    hidden = np.random.default_rng(0).normal(size=600)
    data = data.assign(bmd=data["bmd"] + hidden, height=hidden)
    without = residual_phenotypes(data, ["bmd"], model="deepnull").models[0].r2
    found = residual_phenotypes(data, ["bmd"], model="deepnull", covariates=["height"])
    assert found.models[0].r2 > without + 0.1
    few = data.assign(few=data["bmd"].where(np.arange(600) < 90))
    with pytest.warns(ResidualWarning, match="100 participants or more for boosted trees, got 90"):
        assert residual_phenotypes(few, model="deepnull").fitted == ("bmd",)


def test_one_fold_cannot_be_predicted():
    with pytest.raises(InputError, match="all are in one"):
        predict_out_of_fold(np.arange(9.0), np.ones((9, 1)), np.zeros(9), seed=0)


def test_nobody_is_dropped_for_a_covariate_that_is_half_missing_which_is_said(caplog):
    rng = np.random.default_rng(8)
    n = 600
    person = np.r_[np.arange(n), np.arange(100)]
    table = pd.DataFrame(
        {
            "sex": rng.integers(0, 2, n)[person], "age": rng.uniform(40, 70, n)[person],
            "weight": rng.normal(75, 12, n)[person], "dead": 7.0,
            "half": np.where(rng.random(len(person)) < 0.5, np.nan, rng.normal(size=len(person))),
        },
        index=pd.Index([f"p{i}" for i in person], name="person"),
    )  # fmt: skip
    table["y"] = table["half"].fillna(0) + 0.1 * rng.normal(size=len(person))
    table["near"] = 0.1 + np.spacing(0.1) * rng.integers(-3, 4, len(person))
    covariates = ["half", "dead"]
    with pytest.warns(match="trait near has no residual: expected a trait that varies"):
        made = residual_phenotypes(table, ["y", "near"], model="deepnull", covariates=covariates)
    assert made.residuals["y"].notna().sum() == n
    assert made.models[0].formula == "y ~ f(sex, age, weight, half)"
    assert made.models[0].r2_steps["out of fold"] > 0.6, "known values are used"
    missing = int(table["half"].isna().sum())
    assert f"covariate half is missing in {missing} of 700 assessments" in caplog.text
    assert "covariates left out, they do not vary: dead" in caplog.text
