"""Residuals of a network over a questionnaire; most with the reference backend, which is quick."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.backend import load_backend
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder
from gwasbone.learning.questionnaire import HeritableInputWarning
from gwasbone.learning.reference import ReferenceBackend, ReferenceModel
from gwasbone.learning.residuals import transformer_residuals
from gwasbone.learning.visit_answers import join_answers
from gwasbone.phenotypes.residuals import (
    ResidualWarning,
    residual_phenotypes,
    residuals_of_predictions,
)
from gwasbone.stats.least_squares import least_squares

TRAITS = ["bmd_hip", "bmd_spine"]


def visits(n: int = 300, n_twice: int = 100, seed: int = 2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assessments, and answers of each visit, on which both traits depend."""
    rng = np.random.default_rng(seed)
    who = np.r_[np.arange(n), rng.choice(n, n_twice, replace=False)]
    instance = np.r_[np.full(n, 2), np.full(n_twice, 3)]
    index = pd.MultiIndex.from_arrays(
        [np.array([f"p{i:04d}" for i in who], dtype=object), instance],
        names=["person", "instance"],
    )
    sex, age = rng.integers(0, 2, n)[who], rng.uniform(45, 80, n)[who] + (instance == 3)
    weight = rng.normal(75, 12, n)[who] + rng.normal(0, 1, len(who))
    answers = pd.DataFrame(
        {"walks": rng.gamma(2, 3, len(who)), "diet": rng.integers(0, 3, len(who)) * 1.0}, index
    ).mask(rng.random((len(who), 2)) < 0.05)
    fixed = 0.1 * sex - 0.003 * age + 0.002 * weight + 0.01 * answers["walks"].fillna(0).to_numpy()
    fixed = fixed + 0.05 * (answers["diet"] == 1).to_numpy()
    table = pd.DataFrame({"sex": sex, "age": age, "weight": weight}, index=index)
    for name in TRAITS:
        table[name] = fixed + 0.05 * rng.normal(size=n)[who] + 0.02 * rng.normal(size=len(who))
    table.loc[table.index[::9], "bmd_spine"] = np.nan
    return table, answers


def made(table, answers, folder, backend=None, **options):
    given = {"n_folds": 4, "plan": TrainingPlan(seed=3)} | options
    return transformer_residuals(
        table, join_answers(answers, table), backend or ReferenceBackend(), folder=folder, **given
    )


class WatchedBackend(ReferenceBackend):
    """Notes which rows are seen by each fit, and dies in one of them if told."""

    def __init__(self, die_in: int | None = None) -> None:
        self.seen: list[np.ndarray] = []
        self.die_in = die_in

    def build(self, network, *, seed):
        outer = self

        class Watched(ReferenceModel):
            def fit(self, inputs, targets, *, rows, validation_rows, **options):
                if outer.die_in == len(outer.seen):
                    raise KeyboardInterrupt
                outer.seen.append(np.concatenate([rows, validation_rows]))
                return super().fit(
                    inputs, targets, rows=rows, validation_rows=validation_rows, **options
                )

        return Watched(network)


def test_nobody_is_predicted_by_a_network_that_saw_them(tmp_path):
    table, answers = visits()
    backend = WatchedBackend()
    found = made(table, answers, tmp_path, backend)
    fold = found.predictions.fit.fold
    assert len(backend.seen) == 4
    for j, rows in enumerate(backend.seen):
        assert not set(found.person[rows]) & set(found.person[fold == j])
        assert set(found.person[rows]) | set(found.person[fold == j]) == set(found.person)
    folds = found.phenotypes.folds
    assert folds.index.equals(found.phenotypes.residuals.index)
    assert (folds[found.person].to_numpy() == fold).all()
    # the sexes have equal shares: within one person of each fold's size
    men = found.phenotypes.covariates["sex"].groupby(folds.to_numpy(int)).sum()
    assert np.ptp(men) <= 1


def test_what_ones_own_trait_is_does_not_move_ones_prediction(tmp_path):
    table, answers = visits()
    first = made(table, answers, tmp_path / "a")
    own = first.phenotypes.folds[table.index.get_level_values(0)].to_numpy() == 0
    changed = table.copy()
    # the same values among other people of the fold, so that mean and spread stay
    changed.loc[own, TRAITS] = changed.loc[own, TRAITS].to_numpy()[::-1]
    again = made(changed, answers, tmp_path / "b")
    held_out = first.predictions.fit.fold == 0
    one, two = (x.predictions.held_out["bmd_hip"].to_numpy() for x in (first, again))
    np.testing.assert_allclose(one[held_out], two[held_out], rtol=1e-12)
    assert (np.abs(one - two)[~held_out] > 1e-6).any()


def test_a_residual_is_the_mean_of_measured_less_predicted(tmp_path):
    table, answers = visits()
    found = made(table, answers, tmp_path)
    twice = table.index[-1][0]
    rows = np.flatnonzero(found.person == twice)
    assert len(rows) == 2
    by_hand = (
        table.loc[twice, "bmd_hip"].sort_index().to_numpy()
        - found.predictions.held_out["bmd_hip"].to_numpy()[rows]
    ).mean()
    assert found.phenotypes.residuals.loc[twice, "bmd_hip"] == pytest.approx(by_hand, abs=1e-12)
    assert found.phenotypes.residuals["bmd_hip"].notna().all()
    model = found.phenotypes.models[0]
    assert model.estimator == "network_out_of_fold"
    assert model.formula == "bmd_hip ~ f(sex, age, weight, 2 answers)"
    assert dict(model.r2_steps) == pytest.approx(
        {
            "seen": found.predictions.r2_seen["bmd_hip"],
            "out of fold": found.predictions.r2["bmd_hip"],
        }
    )
    assert model.r2 > 0.3
    # what is predicted leaves nothing of the answers and confounders in the residual
    residual = found.measured["bmd_hip"] - found.predictions.held_out["bmd_hip"].to_numpy()
    X = np.column_stack([np.ones(len(table)), found.encoded.inputs["age"]])
    assert least_squares(residual.to_numpy(), X).r2 < 0.01


def test_the_order_of_rows_and_the_letters_of_names_have_no_say(tmp_path):
    table, answers = visits()
    first = made(table, answers, tmp_path / "a").phenotypes.residuals
    order = np.random.default_rng(1).permutation(len(table))
    shuffled = made(table.iloc[order], answers.iloc[order[::-1]], tmp_path / "b")
    pd.testing.assert_frame_equal(
        shuffled.phenotypes.residuals.loc[first.index], first, check_exact=True
    )

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.rename(index=lambda name: f"q{name}", level=0)

    other = made(renamed(table), renamed(answers), tmp_path / "c").phenotypes.residuals
    np.testing.assert_array_equal(other.to_numpy(), first.to_numpy())


def test_people_without_answers_are_left_out_and_counted(tmp_path):
    table, answers = visits()
    gone = table.index.get_level_values(0)[:7]
    table.loc[table.index[20], "weight"] = np.nan
    kept = answers[~answers.index.get_level_values(0).isin(gone)]
    n_rows = len(answers) - len(kept)
    with pytest.warns(
        ResidualWarning, match=f"{n_rows} of 400 assessments, of 7 participants, have no"
    ):
        found = made(table, kept, tmp_path)
    assert (found.n_without_answers, found.n_incomplete) == (n_rows, 1)
    residuals = found.phenotypes.residuals
    assert len(residuals) == 300
    assert residuals.loc[gone].isna().all(axis=None)
    assert found.phenotypes.folds[gone].isna().all()
    assert len(found.person) == 400 - n_rows - 1


def test_a_refit_says_that_it_is_in_sample(tmp_path, caplog):
    rng = np.random.default_rng(6)
    table, answers = visits()
    noise = pd.DataFrame(rng.normal(size=(len(table), 40)), answers.index).add_prefix("n")
    out = made(table, noise, tmp_path / "a")
    backend = WatchedBackend()
    again = made(table, noise, tmp_path / "b", backend, refit=True)
    assert "residuals are in sample" in caplog.text
    assert len(backend.seen) == 1
    assert set(backend.seen[0]) == set(range(len(table)))
    model = again.phenotypes.models[0]
    assert model.estimator == "network_in_sample"
    assert list(model.r2_steps) == ["seen"]
    assert "in sample, by a model that was fitted to the same participants" in model.describe()
    assert again.phenotypes.folds is None
    # noise learned by heart: in sample it explains, out of fold it harms
    assert model.r2 > out.predictions.r2["bmd_hip"] + 0.05
    var = [x.phenotypes.residuals["bmd_hip"].var() for x in (out, again)]
    assert var[1] < 0.95 * var[0]


def test_a_killed_run_goes_on_with_the_folds_it_has(tmp_path):
    table, answers = visits()
    with pytest.raises(KeyboardInterrupt):
        made(table, answers, tmp_path / "a", WatchedBackend(die_in=3))
    rest = WatchedBackend()
    found = made(table, answers, tmp_path / "a", rest)
    assert len(rest.seen) == 1
    whole = made(table, answers, tmp_path / "b")
    pd.testing.assert_frame_equal(
        found.phenotypes.residuals, whole.phenotypes.residuals, check_exact=True
    )
    # an answer that is another makes all folds anew
    answers.iloc[0, 0] = 40.0
    made(table, answers, tmp_path / "a", rest)
    assert len(rest.seen) == 5


def test_inputs_that_may_not_be_are_named(tmp_path):
    table, answers = visits()
    with pytest.raises(InputError, match=r"no measurement of bone among them, got bmd_arm"):
        made(table, answers.assign(bmd_arm=np.arange(400.0)), tmp_path)
    named = table.rename(columns={"bmd_hip": "density"})
    with pytest.raises(InputError, match="density is both"):
        made(named, answers.assign(density=np.arange(400.0)), tmp_path)
    with pytest.warns(HeritableInputWarning, match="height"):
        found = made(table, answers.assign(height=np.arange(400.0)), tmp_path)
    assert {"sex", "age", "weight", "height"} <= set(found.encoded.inputs)
    with pytest.raises(InputError, match="there is no such column: did you mean bmd_hip"):
        made(table, answers, tmp_path, traits=["bmd_hib"])
    with pytest.raises(UsageError, match="transformer_residuals"):
        residual_phenotypes(table, model="transformer")
    nobody = answers.rename(index=lambda name: f"x{name}", level=0)
    with pytest.warns(ResidualWarning), pytest.raises(InputError, match="there is none"):
        made(table, nobody, tmp_path)


@pytest.mark.slow
def test_a_transformer_learns_what_curves_and_sums_cannot(tmp_path):
    """Loss of bone with age only in inactive women after 60, small but in every trait."""
    rng = np.random.default_rng(8)
    n = 1000
    index = pd.MultiIndex.from_arrays([[f"p{i}" for i in range(n)], np.full(n, 2)])
    sex, age, weight = rng.integers(0, 2, n), rng.uniform(45, 80, n), rng.normal(75, 12, n)
    active = rng.integers(0, 2, n) * 1.0
    truth = 0.3 * sex - 0.12 * np.clip(age - 60, 0, None) * (sex == 0) * (active == 0)
    truth = truth + 0.02 * (weight - 75)
    table = pd.DataFrame({"sex": sex, "age": age, "weight": weight}, index=index)
    for t in range(6):
        table[f"bmd_{t}"] = truth + 0.7 * rng.normal(size=n)
    answers = pd.DataFrame({"active": active, "useless": rng.normal(size=n)}, index=index)
    size = Encoder(hidden=16, layers=1, attention_heads=2, dropout=0.0)
    plan = TrainingPlan(
        epochs=10, batch_size=32, learning_rate=1e-2, schedule="cosine", patience=10, seed=1
    )
    options = {"n_folds": 2, "encoder": size, "plan": plan}
    network = made(table, answers, tmp_path / "n", load_backend("keras"), **options)
    sums = made(table, answers, tmp_path / "s", n_folds=2)
    curves = residual_phenotypes(table, model="nonlinear")
    r2 = network.predictions.r2.mean()
    possible = 1 - 0.49 / table["bmd_0"].var()
    assert r2 > sums.predictions.r2.mean() + 0.04
    assert r2 > np.mean([model.r2 for model in curves.models]) + 0.04
    assert r2 > 0.85 * possible
    left = network.phenotypes.residuals["bmd_0"].to_numpy()
    X = np.column_stack([np.ones(n), sex, age, weight])
    assert least_squares(left, X).r2 < 0.02


def genetic_data(n: int, n_answers: int, n_useful: int):
    """A trait of 15 variants (a fifth of its variance), sex, age, weight and useful answers."""
    rng = np.random.default_rng(12)
    index = pd.MultiIndex.from_arrays([[f"p{i:04d}" for i in range(n)], np.full(n, 2)])
    genotypes = rng.binomial(2, rng.uniform(0.2, 0.5, 15), (n, 15)) * 1.0
    effects = rng.choice([-1, 1], 15) * 0.2
    table = pd.DataFrame(
        {"sex": rng.integers(0, 2, n), "age": rng.uniform(45, 80, n), "weight": 75.0}, index
    ).assign(weight=rng.normal(75, 12, n))
    answers = pd.DataFrame(rng.normal(size=(n, n_answers)), index).add_prefix("a")
    known = 0.4 * table["sex"] - 0.03 * table["age"] + 0.02 * table["weight"]
    known = known + 0.3 * answers.iloc[:, :n_useful].sum(axis=1)
    oracle = genotypes @ effects + rng.normal(size=n)
    table["bmd"] = known + oracle
    return table, answers, genotypes, effects, oracle


def slopes_and_chi2(y, genotypes) -> tuple[np.ndarray, np.ndarray]:
    fits = [least_squares(y, np.column_stack([np.ones(len(y)), g])) for g in genotypes.T]
    return (
        np.array([fit.beta[1] for fit in fits]),
        np.array([(fit.beta[1] / fit.se[1]) ** 2 for fit in fits]),
    )


def test_the_genetic_signal_survives(tmp_path):
    """Out of fold at least 95 % of (mean chi2 - 1) of what the truth itself leaves."""
    table, answers, genotypes, _, oracle = genetic_data(1500, 6, 4)
    found = made(table, answers, tmp_path)
    residual = found.phenotypes.residuals["bmd"].to_numpy()
    chi2, best, raw = (
        slopes_and_chi2(y, genotypes)[1].mean() for y in (residual, oracle, table["bmd"].to_numpy())
    )
    assert (chi2 - 1) / (best - 1) > 0.95
    assert (raw - 1) / (best - 1) < 0.8
    X = table[["sex", "age", "weight"]].to_numpy(float)
    for columns in (X, *X.T):
        assert least_squares(residual, np.column_stack([np.ones(1500), columns])).r2 < 0.01


def test_what_a_refit_learns_by_heart_is_lost_from_effects(tmp_path):
    """Slopes on the true effects: about 1 out of fold; about 1 - inputs / people in sample."""
    table, answers, genotypes, effects, _ = genetic_data(600, 150, 0)
    slope = {}
    for refit in (False, True):
        found = made(table, answers, tmp_path / str(refit), refit=refit)
        beta, _ = slopes_and_chi2(found.phenotypes.residuals["bmd"].to_numpy(), genotypes)
        slope[refit] = beta @ effects / (effects @ effects)
    assert slope[False] == pytest.approx(1, abs=0.12)
    assert slope[True] < slope[False] - 0.12


def test_residuals_of_predictions_by_hand():
    index = pd.Index(["a", "b", "a", "c"], name="person")
    table = pd.DataFrame(
        {"sex": [0, 1, 0, 1], "age": 60.0, "weight": [70.0, 80.0, 72.0, np.nan],
         "bmd": [1.0, 2.0, 4.0, 5.0]}, index,
    )  # fmt: skip
    guess = pd.DataFrame({"bmd": [0.5, 2.5, 2.0, 1.0]}, index)
    steps = pd.DataFrame({"seen": [0.4]}, index=["bmd"])
    how = {"model": "transformer", "estimator": "network_in_sample", "predictors": "sex"}
    found = residuals_of_predictions(table, guess, steps, **how)
    # c has no weight: not among the people whom any model takes
    np.testing.assert_array_equal(found.residuals["bmd"], [1.25, -0.5, np.nan])
    np.testing.assert_array_equal(found.predictions["bmd"], [1.25, 2.5, np.nan])
    assert found.models[0].formula == "bmd ~ f(sex)"
    assert found.models[0].r2 == 0.4
    with pytest.raises(InputError, match="expected predictions for the 4 rows"):
        residuals_of_predictions(table, guess.iloc[::-1], steps, **how)
    with pytest.raises(InputError, match="no trait has a residual; bmd"), pytest.warns():
        residuals_of_predictions(table, guess * np.nan, steps, **how)
