"""One contract, every installed backend: what gwasbone may count on whatever computes.

Keras runs on the engine of ``KERAS_BACKEND`` (jax here); the contract on torch is the same file
run with ``KERAS_BACKEND=torch`` where torch is installed.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from threadpoolctl import threadpool_info, threadpool_limits

from gwasbone.errors import UsageError
from gwasbone.learning.backend import Backend, Model, backend_names, load_backend
from gwasbone.learning.networks import Head, ImageNetwork, TableNetwork, TrainingPlan, as_mapping

N, SIDE = 240, 48
TRAIN, STOP, OUT = np.arange(160), np.arange(160, 190), np.arange(190, N)
BRIGHT = (slice(8, 18), slice(28, 40))
PLAN = as_mapping(TrainingPlan(epochs=6, batch_size=16, learning_rate=3e-3, patience=6))

CASE = ImageNetwork(
    heads=(Head("case", "binary"),), height=SIDE, width=SIDE, side_inputs={"sex": 1}, dropout=0.1
)


@pytest.fixture(scope="module")
def pictures():
    """Half the people have a brighter patch; sex is of no use."""
    rng = np.random.default_rng(1)
    case = (np.arange(N) % 2).astype(float)
    image = rng.integers(90, 130, (N, SIDE, SIDE, 1), dtype=np.uint8)
    image[case == 1, BRIGHT[0], BRIGHT[1]] += 60
    return {"image": image, "sex": rng.integers(0, 2, (N, 1)).astype(np.float32)}, case


@pytest.fixture(scope="module", params=["reference", "keras"])
def backend(request, tmp_path_factory) -> Backend:
    return load_backend(request.param)


@pytest.fixture(scope="module")
def trained(backend, pictures):
    inputs, case = pictures
    model = backend.build(as_mapping(CASE), seed=4)
    epochs = model.fit(inputs, {"case": case}, rows=TRAIN, validation_rows=STOP, plan=PLAN)
    return model, epochs


def test_both_backends_are_registered_and_satisfy_the_protocol(backend, trained):
    assert {"keras", "reference"} <= set(backend_names())
    assert isinstance(backend, Backend)
    assert isinstance(trained[0], Model)
    with pytest.raises(UsageError, match="backend theano: expected one of keras, reference"):
        load_backend("theano")


def test_it_learns_what_is_there(trained, pictures):
    inputs, case = pictures
    probability = trained[0].predict(inputs, rows=OUT)["case"]
    assert probability.shape == (len(OUT), 1)
    assert probability.dtype == np.float32
    assert ((probability >= 0) & (probability <= 1)).all()
    assert ((probability[:, 0] > 0.5) == case[OUT]).mean() > 0.9
    epochs = trained[1]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert {"loss", "validation_loss", "learning_rate", "seconds"} <= set(epochs[0])


def test_predictions_belong_to_rows_not_to_places_in_a_batch(trained, pictures):
    inputs, _ = pictures
    whole = trained[0].predict(inputs, rows=OUT)["case"]
    backwards = trained[0].predict(inputs, rows=OUT[::-1])["case"][::-1]
    np.testing.assert_allclose(backwards, whole, atol=1e-5)
    twice = trained[0].predict(inputs, rows=np.repeat(OUT[:3], 2))["case"]
    np.testing.assert_allclose(twice[::2], whole[:3], atol=1e-5)
    assert trained[0].predict(inputs, rows=OUT[:0])["case"].shape == (0, 1)


def test_a_restarted_model_comes_to_the_same_end(trained, pictures):
    """Bit for bit: permutation tests count on it."""
    model, epochs = trained
    inputs, case = pictures
    before = model.predict(inputs, rows=OUT)["case"]
    how = {"rows": TRAIN, "validation_rows": STOP}
    model.restart()
    model.fit(inputs, {"case": 1 - case}, plan=PLAN | {"epochs": 1}, **how)
    assert (model.predict(inputs, rows=OUT)["case"] != before).any()
    model.restart()
    again = model.fit(inputs, {"case": case}, plan=PLAN, **how)
    np.testing.assert_array_equal(model.predict(inputs, rows=OUT)["case"], before)
    assert [e["validation_loss"] for e in again] == [e["validation_loss"] for e in epochs]


def test_saliency_lies_where_the_signal_is(trained, pictures):
    inputs, case = pictures
    cases = OUT[case[OUT] == 1][:12]
    maps = trained[0].saliency(inputs, rows=cases, head="case", index=1)
    assert maps.shape == (12, SIDE, SIDE)
    assert (maps >= 0).all()
    share = maps[:, BRIGHT[0], BRIGHT[1]].sum() / maps.sum()
    area = 10 * 12 / SIDE**2
    assert share > 2 * area
    with pytest.raises(ValueError, match="head nothing"):
        trained[0].saliency(inputs, rows=cases, head="nothing")


def test_features_have_a_row_each(trained, pictures):
    features = trained[0].embed(pictures[0], rows=OUT)
    assert features.shape[0] == len(OUT)
    assert features.ndim == 2


def test_a_saved_model_predicts_the_same(backend, trained, pictures, tmp_path):
    path = tmp_path / f"model{backend.suffix}"
    trained[0].save(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    again = backend.load(path).predict(pictures[0], rows=OUT)["case"]
    np.testing.assert_array_equal(again, trained[0].predict(pictures[0], rows=OUT)["case"])
    (tmp_path / f"other{backend.suffix}").write_bytes(b"something else")
    with pytest.raises(ValueError, match="expected a model"):
        backend.load(tmp_path / f"other{backend.suffix}")


def test_equal_seeds_give_equal_models(backend, pictures):
    inputs, case = pictures
    plan = PLAN | {"epochs": 1}
    made = []
    for seed in (5, 5, 6):
        model = backend.build(as_mapping(CASE), seed=seed)
        model.fit(inputs, {"case": case}, rows=TRAIN, validation_rows=STOP, plan=plan)
        made.append(model.predict(inputs, rows=OUT)["case"])
    np.testing.assert_array_equal(made[0], made[1])
    if backend.suffix == ".keras":
        assert (made[0] != made[2]).any()


class KilledError(Exception):
    pass


def test_a_killed_training_goes_on_to_the_same_end(backend, trained, pictures, tmp_path):
    inputs, case = pictures
    folder = tmp_path / "checkpoint"
    seen: list[float] = []

    def die(epoch):
        seen.append(epoch["epoch"])
        if epoch["epoch"] == 3 and len(seen) == 3:
            raise KilledError

    for attempt in range(2):
        model = backend.build(as_mapping(CASE), seed=4 + 100 * attempt)
        try:
            model.fit(
                inputs, {"case": case}, rows=TRAIN, validation_rows=STOP, plan=PLAN,
                checkpoint=folder, on_epoch=die,
            )  # fmt: skip
        except KilledError:
            continue
    np.testing.assert_array_equal(
        model.predict(inputs, rows=OUT)["case"], trained[0].predict(inputs, rows=OUT)["case"]
    )


def test_a_checkpoint_of_another_training_is_refused(pictures, tmp_path):
    inputs, case = pictures
    backend = load_backend("keras")
    plan = PLAN | {"epochs": 1}
    how = {"rows": TRAIN, "validation_rows": STOP, "checkpoint": tmp_path}
    backend.build(as_mapping(CASE), seed=1).fit(inputs, {"case": case}, plan=plan, **how)
    with pytest.raises(ValueError, match="one of another training"):
        backend.build(as_mapping(CASE), seed=1).fit(inputs, {"case": 1 - case}, plan=plan, **how)


def test_the_linear_model_of_narrow_matrices_takes_one_thread_of_blas(pictures, monkeypatch):
    inputs, case = pictures
    seen = []

    def minimize(*args, **options):
        seen.append({p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"})
        return scipy.optimize.minimize(*args, **options)

    monkeypatch.setattr("gwasbone.learning.reference_solvers.minimize", minimize)
    model = load_backend("reference").build(as_mapping(CASE), seed=4)
    with threadpool_limits(2, user_api="blas"):
        model.fit(inputs, {"case": case}, rows=TRAIN, validation_rows=STOP, plan=PLAN)
    assert seen == [{1}]


def test_unknown_targets_count_for_nothing(backend, pictures):
    inputs, case = pictures
    plan = PLAN | {"epochs": 2}
    hidden = np.where(np.arange(N) % 3 == 0, np.nan, case)
    junk = np.where(np.isnan(hidden), 1 - case, hidden)
    weights = {"case": np.where(np.isnan(hidden), 0.0, 1.0)}
    made = []
    for targets, counted in (({"case": hidden}, None), ({"case": junk}, weights)):
        model = backend.build(as_mapping(CASE), seed=2)
        model.fit(inputs, targets, rows=TRAIN, validation_rows=STOP, plan=plan, weights=counted)
        made.append(model.predict(inputs, rows=OUT)["case"])
    assert np.isfinite(made[0]).all()
    np.testing.assert_allclose(made[0], made[1], atol=2e-3)


def test_classes_and_orders(backend, pictures):
    inputs, _ = pictures
    # three levels of brightness
    level = (np.arange(N) % 3).astype(float)
    image = inputs["image"].copy()
    image[:, BRIGHT[0], BRIGHT[1]] = 60
    image[level == 1, BRIGHT[0], BRIGHT[1]] = 130
    image[level == 2, BRIGHT[0], BRIGHT[1]] = 220
    network = ImageNetwork(
        heads=(Head("class", "categorical", 3), Head("order", "ordinal", 3)),
        height=SIDE, width=SIDE, dropout=0.0,
    )  # fmt: skip
    model = backend.build(as_mapping(network), seed=1)
    plan = PLAN | {"epochs": 12, "patience": 12}
    targets = {"class": level, "order": level}
    model.fit({"image": image}, targets, rows=TRAIN, validation_rows=STOP, plan=plan)
    for head in ("class", "order"):
        p = model.predict({"image": image}, rows=OUT)[head]
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
        assert (p >= -1e-6).all()
        assert np.corrcoef(p @ np.arange(3), level[OUT])[0, 1] > 0.85, head


@pytest.mark.slow
def test_a_table_with_missing_values_and_several_outputs(backend):
    rng = np.random.default_rng(8)
    n = 900
    x, level = rng.standard_normal(n), rng.integers(-1, 3, n)
    holes = np.where(rng.random(n) < 0.2, np.nan, x)
    y = np.column_stack([np.nan_to_num(holes) + (level == 2), np.nan_to_num(holes) - (level == 0)])
    y[rng.random(y.shape) < 0.1] = np.nan
    network = TableNetwork(
        heads=(Head("y", "regression", 2),), numeric=("x",), categorical={"level": 3},
        hidden=16, layers=1, attention_heads=2, dropout=0.0,
    )  # fmt: skip
    model = backend.build(as_mapping(network), seed=1)
    inputs = {"x": holes, "level": level}
    plan = PLAN | {"epochs": 30, "batch_size": 64, "patience": 30}
    rows = np.arange(n)
    model.fit(inputs, {"y": y}, rows=rows[:600], validation_rows=rows[600:700], plan=plan)
    found = model.predict(inputs, rows=rows[700:])["y"]
    for j in range(2):
        known = ~np.isnan(y[700:, j])
        assert np.corrcoef(found[known, j], y[700:, j][known])[0, 1] > 0.97


def test_what_does_not_fit_is_named(backend, pictures):
    inputs, case = pictures
    model = backend.build(as_mapping(CASE), seed=1)
    wrong = {**inputs, "image": inputs["image"][:, :10]}
    with pytest.raises(ValueError, match=r"input image: expected rows of shape \(48, 48, 1\)"):
        model.fit(wrong, {"case": case}, rows=TRAIN, validation_rows=STOP, plan=PLAN)
    with pytest.raises(ValueError, match="targets: expected case, got control"):
        model.fit(inputs, {"control": case}, rows=TRAIN, validation_rows=STOP, plan=PLAN)
    with pytest.raises(ValueError, match="expected participants to train on"):
        model.fit(inputs, {"case": case}, rows=TRAIN, validation_rows=STOP[:0], plan=PLAN)
