"""From pictures to people, and from regions to one score."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from gwasbone.errors import InputError
from gwasbone.learning.cross_fit import CrossFit
from gwasbone.learning.folds import person_folds
from gwasbone.learning.image_phenotype import person_scores, stack_regions
from gwasbone.learning.task import binary_task
from gwasbone.stats.logistic import fit_logistic
from gwasbone.stats.roc import area_under_curve


def fit_of(held_out, fold, in_training=None) -> CrossFit:
    values = np.asarray(held_out, dtype=float).reshape(-1, 1)
    seen = values if in_training is None else np.asarray(in_training, float).reshape(-1, 1)
    return CrossFit(
        {"case": values}, {"case": values}, {"case": seen}, np.asarray(fold), ((), ()),
        (Path("a"), Path("b")), ("", ""),
    )  # fmt: skip


def test_pictures_of_a_person_are_averaged_on_the_log_odds_scale():
    fit = fit_of([0.2, 0.8, 0.5, 0.9, 0.6], [0, 0, 1, 1, 1])
    scores = person_scores(["b", "b", "a", "c", "d"], fit, "case")
    assert list(scores.index) == ["a", "b", "c", "d"]
    np.testing.assert_allclose(scores["cnn_prob"], [0.5, 0.5, 0.9, 0.6])
    np.testing.assert_allclose(scores["cnn_logit"], [0, 0, logit(0.9), logit(0.6)], atol=1e-12)
    assert list(scores["n_pictures"]) == [1, 2, 1, 1]
    of_fold_1 = scores.loc[["a", "c", "d"], "cnn_logit_std"]
    assert abs(of_fold_1.mean()) < 1e-12
    assert of_fold_1.std() == pytest.approx(1)
    with pytest.raises(ValueError, match="in one fold"):
        person_scores(["a", "a", "a", "a", "a"], fit, "case")


def test_saturated_probabilities_stay_finite():
    scores = person_scores(["a", "b", "c", "d"], fit_of([0, 1, 0.5, 1], [0, 0, 1, 1]), "case")
    assert np.isfinite(scores[["cnn_logit", "cnn_prob"]]).all(axis=None)


def test_class_weights_and_the_shift_that_undoes_them():
    """A weighted logistic fit, shifted, is the unweighted one."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal(40_000)
    case = (rng.random(len(x)) < expit(-3 + x)).astype(float)
    task = binary_task("case", class_weights=True)
    made = task.encode(case)
    assert made.weights[case == 1].sum() == pytest.approx(made.weights[case == 0].sum())
    assert made.weights.mean() == pytest.approx(1)
    # weights as repeats: cases drawn as often as controls
    often = np.flatnonzero(case == 1)
    rows = np.concatenate([np.flatnonzero(case == 0), rng.choice(often, int((case == 0).sum()))])
    X = np.column_stack([np.ones_like(x), x])
    weighted = fit_logistic(X[rows], case[rows]).log_odds
    plain = fit_logistic(X, case).log_odds
    assert weighted[0] + made.log_odds_shift == pytest.approx(plain[0], abs=0.1)
    assert task.encode(np.array([1.0, 0.0, np.nan])).weights.tolist() == [1, 1, 0]
    with pytest.raises(InputError, match="expected rows of each class, got 3, 0"):
        task.encode(np.zeros(3))


def regions(n=3000, seed=3):
    rng = np.random.default_rng(seed)
    people = np.array([f"p{i}" for i in range(n)], dtype=object)
    spine, hip = rng.standard_normal((2, n))
    case = pd.Series((rng.random(n) < expit(-1 + spine + hip)).astype(float), people)
    fold = person_folds(people, case, folds=5).fold
    scale = 1 + fold  # models of folds differ in scale
    scores = {
        "spine": person_scores(people, fit_of(expit(scale * spine), fold), "case"),
        "hip": person_scores(
            people[: n // 2], fit_of(expit(hip[: n // 2]), fold[: n // 2]), "case"
        ),
    }
    return scores, case


def test_stacking_beats_its_parts_and_keeps_everybody():
    scores, case = regions()
    both = stack_regions(scores, case)
    assert len(both) == 3000
    assert both["n_pictures"].isin([1, 2]).all()
    with_hip = scores["hip"].index

    def auc(table, people):
        return area_under_curve(case[people], table.loc[people, "cnn_logit_std"]).auc

    assert auc(both, with_hip) > auc(scores["spine"], with_hip) + 0.05
    assert auc(both, with_hip) > auc(scores["hip"], with_hip) + 0.05
    assert both["cnn_prob"].mean() == pytest.approx(case.mean(), abs=0.01)


def test_stacking_uses_nobodys_own_diagnosis():
    scores, case = regions()
    before = stack_regions(scores, case)
    fold0 = before.index[before["cnn_fold"] == 0]
    changed = case.copy()
    changed[fold0] = 1 - changed[fold0]
    after = stack_regions(scores, changed)
    np.testing.assert_array_equal(after.loc[fold0, "cnn_logit"], before.loc[fold0, "cnn_logit"])
    others = before.index.difference(fold0)
    assert (after.loc[others, "cnn_logit"] != before.loc[others, "cnn_logit"]).all()


def test_regions_of_other_splits_are_refused():
    scores, case = regions(200)
    scores["hip"]["cnn_fold"] = (scores["hip"]["cnn_fold"] + 1) % 5
    with pytest.raises(ValueError, match="one split"):
        stack_regions(scores, case)
