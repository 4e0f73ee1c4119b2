"""Questionnaires as inputs, what is refused, and predictions of many traits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.learning.folds import person_folds
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.questionnaire import HeritableInputWarning, InputRules, encode_table
from gwasbone.learning.reference import ReferenceBackend, ReferenceModel
from gwasbone.learning.trait_prediction import explained, predict_traits


def test_columns_become_numbers_or_categories():
    table = pd.DataFrame(
        {
            "age": [40.0, 50.0, np.nan, 60.0, 71.5],
            "smoker": [0, 1, 2, 1, np.nan],
            "centre": ["Leeds", None, "Oxford", "Leeds", "Leeds"],
            "same": [3, 3, 3, 3, 3],
        }
    )
    encoded = encode_table(table)
    assert encoded.numeric == ("age",)
    assert encoded.categorical == {"smoker": 3, "centre": 2}
    assert encoded.dropped == ("same",)
    age = encoded.inputs["age"]
    assert np.nanmean(age) == pytest.approx(0)
    assert np.nanstd(age) == pytest.approx(1)
    assert np.isnan(age[2])
    assert list(encoded.inputs["smoker"]) == [0, 1, 2, 1, -1]
    assert list(encoded.inputs["centre"]) == [0, -1, 1, 0, 0]


@pytest.mark.parametrize(
    "name", ["23204-2.0", "p23299_i2", "f.78.0.0", "bmd_total", "resid_bmd_hip", "cnn_prob"]
)
def test_measured_bone_is_no_input(name):
    table = pd.DataFrame({"age": [1.0, 2.5, 3.0], name: [0.9, 1.1, 1.0]})
    with pytest.raises(InputError, match="no measurement of bone among them"):
        encode_table(table)


def test_heritable_inputs_are_named():
    table = pd.DataFrame({"p50_i2": [160.5, 170.0, 181.0], "income": [1.5, 2.0, 3.0]})
    with pytest.warns(HeritableInputWarning, match=r"p50_i2 \(standing height\)"):
        encode_table(table)


def test_rules_are_a_table_that_can_be_replaced(tmp_path):
    path = tmp_path / "rules.tsv"
    path.write_text("field\tname\trule\tmeaning\nNA\tage\trefuse\tnot wanted\n")
    with pytest.raises(InputError, match=r"age \(not wanted\)"):
        encode_table(pd.DataFrame({"age": [1.0, 2.0]}), rules=InputRules.read(path))
    path.write_text("field\tname\trule\tmeaning\nNA\tage\tforbid\tnot wanted\n")
    with pytest.raises(InputError, match="expected rule refuse or heritable, got forbid"):
        InputRules.read(path)


def test_every_trait_is_predicted_out_of_fold_in_its_own_units(tmp_path):
    rng = np.random.default_rng(4)
    n = 800
    person = np.array([f"p{i // 2}" for i in range(n)], dtype=object)
    x = rng.standard_normal((n, 2))
    traits = pd.DataFrame(
        {
            "low": 0.9 + 0.1 * (0.6 * x[:, 0] + 0.8 * rng.standard_normal(n)),
            "high": 1000 + 50 * (0.8 * x[:, 1] + 0.6 * rng.standard_normal(n)),
        }
    )
    traits.loc[::7, "low"] = np.nan
    encoded = encode_table(pd.DataFrame(x, columns=["a", "b"]))
    made = predict_traits(
        ReferenceBackend(), encoded, traits, person, person_folds(person, np.zeros(n), folds=4),
        folder=tmp_path, data_hash="d", plan=TrainingPlan(),
    )  # fmt: skip
    assert made.r2["low"] == pytest.approx(0.36, abs=0.06)
    assert made.r2["high"] == pytest.approx(0.64, abs=0.06)
    assert made.held_out["high"].mean() == pytest.approx(1000, abs=5)
    assert (made.r2_seen >= made.r2 - 0.01).all()


class SeededBackend(ReferenceBackend):
    """Predicts its seed plus half a row's number, whatever it was fitted to."""

    def build(self, network, *, seed):
        class Seeded(ReferenceModel):
            def predict(self, inputs, *, rows):
                found = super().predict(inputs, rows=rows)
                return {head: seed + rows[:, None] / 2 + 0 * v for head, v in found.items()}

        return Seeded(network)


def test_networks_of_a_fold_start_apart_and_are_averaged(tmp_path):
    rng = np.random.default_rng(5)
    person = np.array([f"p{i}" for i in range(60)], dtype=object)
    traits = pd.DataFrame({"t": rng.standard_normal(60)})
    encoded = encode_table(pd.DataFrame({"a": rng.standard_normal(60)}))
    folds = person_folds(person, np.zeros(60), folds=3)
    called = []
    found = predict_traits(
        SeededBackend(), encoded, traits, person, folds, folder=tmp_path, data_hash="d",
        plan=TrainingPlan(seed=7), n_networks=3, on_epoch=lambda model, epoch: called.append(model),
    )  # fmt: skip
    centre, spread = traits["t"].mean(), traits["t"].std(ddof=0)
    # seeds of fold j are 7 + j, 1007 + j, 2007 + j: their mean is 1007 + j
    expected = (1007 + folds.fold + np.arange(60) / 2) * spread + centre
    np.testing.assert_allclose(found.held_out["t"], expected)
    assert len(found.fit.models) == len(set(found.fit.models)) == 9
    assert sorted(set(called)) == list(range(9))


def test_share_explained_by_hand():
    y = pd.DataFrame({"t": [1.0, 2.0, 3.0, np.nan]})
    assert explained(y, pd.DataFrame({"t": [1.0, 2.0, 4.0, 9.0]}))["t"] == pytest.approx(0.5)


def test_a_trait_that_does_not_vary_is_named(tmp_path):
    encoded = encode_table(pd.DataFrame({"a": np.arange(20.0) + 0.5}))
    traits = pd.DataFrame({"flat": np.ones(20)})
    with pytest.raises(InputError, match="flat has none"):
        predict_traits(
            ReferenceBackend(), encoded, traits, np.arange(20),
            person_folds(np.arange(20), np.zeros(20), folds=2),
            folder=tmp_path, data_hash="d", plan=TrainingPlan(),
        )  # fmt: skip


def test_rare_levels_are_one_level_that_every_fold_trains_on():
    towns = ["A"] * 450 + [f"town {i}" for i in range(150)]
    encoded = encode_table(pd.DataFrame({"town": towns, "x": np.arange(600) / 7}))
    assert encoded.categorical == {"town": 2}
    assert encoded.pooled == {"town": 150}
    assert np.bincount(encoded.inputs["town"]).tolist() == [450, 150]
    rng = np.random.default_rng(0)
    for fold in np.array_split(rng.permutation(600), 5):
        seen = np.delete(encoded.inputs["town"], fold)
        assert set(encoded.inputs["town"][fold]) <= set(seen)


def test_few_rare_rows_count_as_missing_or_as_the_most_frequent_level():
    common = ["A"] * 300 + ["B"] * 280
    few = encode_table(pd.DataFrame({"town": [*common, *"CDEF", *[None] * 16], "x": range(600)}))
    assert few.categorical == {"town": 2}
    assert (few.inputs["town"] < 0).sum() == 20
    fewer = encode_table(pd.DataFrame({"town": [*common, *"CDEF", *["A"] * 16], "x": range(600)}))
    assert np.bincount(fewer.inputs["town"]).tolist() == [320, 280]
    nobody = encode_table(pd.DataFrame({"town": ["A"] * 597 + [*"BCD"], "x": range(600)}))
    assert nobody.dropped == ("town",)


def test_too_few_missing_numbers_to_learn_from_are_the_mean():
    x = np.arange(600.0) / 7
    for n, left in ((3, 0), (30, 30)):
        some = np.where(np.arange(600) < n, np.nan, x)
        assert np.isnan(encode_table(pd.DataFrame({"x": some})).inputs["x"]).sum() == left


@pytest.mark.real
def test_towns_of_one_participant_each_are_one_level(shared_data):
    folder = shared_data / "cases/cohort-and-questionnaires/09-rare-categories"
    answers = pd.read_csv(folder / "answers.tsv", sep="\t").drop(columns="IID")
    rare = pd.read_csv(folder / "rare.tsv", sep="\t")["rare"].to_numpy(bool)
    encoded = encode_table(answers.assign(x=np.arange(len(answers)) / 7))
    assert encoded.categorical["town"] == 2
    assert encoded.pooled["town"] == rare.sum() == 150
    assert len(set(encoded.inputs["town"][rare])) == 1
