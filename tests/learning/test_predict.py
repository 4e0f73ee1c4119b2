"""Trained networks applied to people old and new, by hand, and files that were changed since."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from test_train_regions import CASES, NAMES, cache_of, pictures_of, table_of, train

from gwasbone.errors import InputError, OptionError, UsageError
from gwasbone.learning.model_folder import MODELS_TABLE, PEOPLE, TASK, TRAINING
from gwasbone.learning.options import ImageTraining
from gwasbone.learning.person_maps import training_saliency
from gwasbone.learning.predict import predict
from gwasbone.learning.reference import ReferenceBackend
from gwasbone.learning.training_run import models_table
from gwasbone.report.pages.training import summary, training_page
from gwasbone.tables import write_table

NEW = np.array([f"new{i}" for i in range(6)], dtype=object)
#: Side inputs of people old and new, one unknown.
RISK = np.random.default_rng(8).normal(50, 10, 90)
NEW_RISK = np.array([40.0, 50.0, 60.0, np.nan, 70.0, 45.0])


def finished(tmp_path, **options):
    """A training as `gwasbone train` leaves it, without its page."""
    trained = train(tmp_path, **options)
    models = tmp_path / "models"
    write_table(models_table(trained, models), models / MODELS_TABLE, index=False)
    fold = trained.scores[trained.main]["cnn_fold"].rename_axis("IID")
    write_table(fold.to_frame(), models / PEOPLE)
    return trained, models


def everybody(tmp_path):
    """A cache of old and new people, each with two hips, and their side inputs."""
    names = np.concatenate([np.repeat(NAMES[:70], 2), np.repeat(NEW, 2)])
    hips = pictures_of(np.repeat(NAMES[:70], 2), bright=CASES, signal=8, seed=2)
    more = pictures_of(np.repeat(NEW, 2), bright=NEW[:3], signal=8, seed=9)
    table = pd.concat([hips.table, more.table], ignore_index=True)
    array = np.concatenate([hips.arrays[0], more.arrays[0]])
    hips = type(hips)(table, (array,), np.arange(len(names))[:, None])
    risk = pd.DataFrame({"risk": np.concatenate([RISK, NEW_RISK])}, index=[*NAMES, *NEW])
    return cache_of(tmp_path / "new", hip=hips), {"risk.tsv": risk.rename_axis("person")}


@pytest.fixture
def with_side_inputs(tmp_path):
    return finished(tmp_path, tables=table_of(risk=RISK), regions=["hip"], side_inputs=("risk",))


def test_networks_with_side_inputs_predict_new_people_by_hand(tmp_path, with_side_inputs):
    trained, models = with_side_inputs
    cache, tables = everybody(tmp_path)
    found = predict(ReferenceBackend(), models, cache, tables)
    # who was trained on has the prediction of the fold that held them out
    old = trained.scores["hip"]
    assert found["in_training"].sum() == len(old) == 70
    np.testing.assert_allclose(found.loc[old.index, "cnn_prob_hip"], old["cnn_prob"], rtol=1e-6)
    np.testing.assert_allclose(
        found.loc[old.index, "cnn_logit_std_hip"], old["cnn_logit_std"], atol=1e-6
    )
    # new people: every fold's network by hand, log odds shifted and averaged
    used = trained.people.table.index
    known = pd.Series(RISK, NAMES)[used]
    side = np.nan_to_num((NEW_RISK - known.mean()) / known.std(ddof=0))
    image = cache.pictures("hip")[np.arange(140, 152)]
    inputs = {"image": image, "side_risk": np.repeat(side, 2)[:, None].astype(np.float32)}
    log_odds = [
        logit(ReferenceBackend().load(path).predict(inputs, rows=np.arange(12))["target"][:, 0])
        for path in trained.fits["hip"].fit.models
    ]
    mean = np.mean(log_odds, axis=0).reshape(6, 2).mean(axis=1) + trained.fits["hip"].log_odds_shift
    np.testing.assert_allclose(found.loc[NEW, "cnn_prob_hip"], expit(mean), rtol=1e-5)
    assert (found.loc[NEW, "pictures_hip"] == 2).all()


def test_side_inputs_that_are_missing_are_asked_for_or_said(tmp_path, with_side_inputs, caplog):
    _, models = with_side_inputs
    cache, tables = everybody(tmp_path)
    with pytest.raises(InputError, match="take risk beside the image: give --table FILE"):
        predict(ReferenceBackend(), models, cache)
    fewer = {"risk.tsv": tables["risk.tsv"].drop(index=list(NEW[:2]))}
    found = predict(ReferenceBackend(), models, cache, fewer)
    assert "2 of 76 participants are not in the table of side inputs" in caplog.text
    mean = tables["risk.tsv"].copy()
    mean.loc[NEW[:2], "risk"] = np.nan
    same = predict(ReferenceBackend(), models, cache, {"risk.tsv": mean})
    pd.testing.assert_frame_equal(found, same)
    asked = json.loads((models / TRAINING).read_text())
    del asked["side_scales"]
    (models / TRAINING).write_text(json.dumps(asked))
    with pytest.raises(InputError, match="expected the means of the side inputs"):
        predict(ReferenceBackend(), models, cache, tables)


@pytest.mark.parametrize("fold", [0, 2])
def test_a_model_that_is_not_the_trained_one_is_refused_by_name(tmp_path, fold):
    trained, models = finished(tmp_path, regions=["ap_spine", "hip"])
    cache = cache_of(tmp_path)
    predict(ReferenceBackend(), models, cache)
    path = trained.fits["hip"].fit.models[fold]
    # a whole model of another fold
    path.write_bytes(trained.fits["hip"].fit.models[(fold + 1) % 3].read_bytes())
    words = rf"hip/fold{fold}/model\.npz: expected the model with SHA-256 [0-9a-f]{{16}}, got"
    with pytest.raises(InputError, match=words):
        predict(ReferenceBackend(), models, cache)
    with pytest.raises(InputError, match=words):
        training_saliency(ReferenceBackend(), cache, trained, models=models)
    path.unlink()
    with pytest.raises(InputError, match=rf"fold{fold}/model\.npz: .* there is no file"):
        predict(ReferenceBackend(), models, cache)


def numbers_of() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    bright = np.array([float(name in CASES) for name in NAMES])
    return {"t1": -2 + bright + rng.normal(0, 0.2, 90), "t2": 700 - 40 * bright}


def test_columns_of_numbers_are_learned_and_predicted_in_their_units(tmp_path):
    more = numbers_of()
    more["t1"][4] = np.nan
    trained, models = finished(
        tmp_path, tables=table_of(**more), task="t1,t2", kind="regression",
    )  # fmt: skip
    assert trained.people.task.phenotypes == ("cnn_t1", "cnn_t2")
    both = trained.scores["stacked"]
    assert np.corrcoef(both["cnn_t2"], more["t2"])[0, 1] > 0.6
    assert both["cnn_t2"].mean() == pytest.approx(more["t2"].mean(), abs=5)
    # of several regions, the mean of those that a person has
    alone = trained.scores["ap_spine"].loc[NAMES[70:], "cnn_t1"]
    np.testing.assert_allclose(both.loc[NAMES[70:], "cnn_t1"], alone)
    table = trained.evaluation.set_index(["score", "people", "output"])
    row = table.loc[("ap_spine", "pooled", "t1")]
    assert row["n"] == 89
    assert 0 < row["r2"] < table.loc[("ap_spine", "in_training", "t1"), "r2"]
    found = predict(ReferenceBackend(), models, cache_of(tmp_path))
    for region in ("ap_spine", "hip"):
        mine = trained.scores[region]
        np.testing.assert_allclose(
            found.loc[mine.index, f"cnn_t2_{region}"], mine["cnn_t2"], rtol=1e-5
        )
    assert json.loads((models / "hip" / TASK).read_text())["columns"] == ["t1", "t2"]
    assert any("t2: R2" in line for line in summary(trained))
    (seen, *_) = training_saliency(ReferenceBackend(), cache_of(tmp_path), trained, models=models)
    assert seen.maps.names == ("lower half of t1", "upper half of t1")
    training_page(trained, tmp_path / "page.html")
    assert "Predicted t2" in (tmp_path / "page.html").read_text()


def test_classes_are_learned_and_predicted(tmp_path):
    grade = np.array([3.0 if name in CASES else 5.0 + i % 2 for i, name in enumerate(NAMES)])
    trained, models = finished(
        tmp_path, tables=table_of(grade=grade), task="grade", kind="categorical",
        regions=["ap_spine"],
    )  # fmt: skip
    names = ["cnn_grade_3", "cnn_grade_5", "cnn_grade_6"]
    scores = trained.scores["ap_spine"]
    np.testing.assert_allclose(scores[names].sum(axis=1), 1, atol=1e-5)
    # classes were weighed alike, and their shares come back
    assert scores["cnn_grade_3"].mean() == pytest.approx(1 / 3, abs=0.1)
    pooled = trained.evaluation.query("people == 'pooled'").set_index("output")
    assert pooled.loc["grade 3", "auc"] > 0.8
    found = predict(ReferenceBackend(), models, cache_of(tmp_path))
    np.testing.assert_allclose(
        found.loc[scores.index, "cnn_grade_5_ap_spine"], scores["cnn_grade_5"], rtol=1e-5
    )
    training_page(trained, tmp_path / "page.html")
    assert "grade 6" in (tmp_path / "page.html").read_text()
    with pytest.raises(InputError, match="expected 2 to 50 classes, got 90 different values"):
        train(tmp_path / "b", tables=table_of(x=RISK), task="x", kind="categorical")
    with pytest.raises(UsageError, match="several columns are for --kind regression"):
        train(tmp_path / "c", tables=table_of(x=RISK), task="x,case")


def test_folds_that_rotate_validate_everybody_once(tmp_path):
    trained, _ = finished(tmp_path, rotate_folds=True, regions=["ap_spine"])
    fit = trained.fits["ap_spine"].fit
    assert np.isfinite(fit.validation["target"]).all()
    assert (fit.validation["target"] != fit.held_out["target"]).any()
    with pytest.raises(OptionError, match=r"folds = 2 \(expected at least 3 with rotate_folds\)"):
        ImageTraining(folds=2, rotate_folds=True)
    with pytest.raises(OptionError, match="expected shift, or shift_x and shift_y, got both"):
        ImageTraining(augment={"shift": 0.1, "shift_x": 0.2})
