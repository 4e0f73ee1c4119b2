"""Every task on every backend, by the one trainer; and what each option of a network does."""

from __future__ import annotations

import numpy as np
import pytest
from made_tasks import MASKS, SIDE, TASKS, N, made_images, made_rows

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.backend import load_backend
from gwasbone.learning.cross_fit import DivergedError
from gwasbone.learning.evaluation import dice, number_errors
from gwasbone.learning.folds import PersonFolds
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan, as_mapping
from gwasbone.learning.reference import ReferenceBackend, ReferenceModel
from gwasbone.learning.reference_solvers import PENALTY
from gwasbone.learning.task import Task, binary_task, class_task, regression_task, target_file
from gwasbone.learning.trainer import Trainer, TrainingRows
from gwasbone.stats.concordance import concordance

PLAN = TrainingPlan(epochs=40, batch_size=16, learning_rate=5e-3, patience=40)
NETWORK = ImageNetwork((), height=SIDE, width=SIDE, dropout=0.0)
BACKENDS = ["reference", pytest.param("keras", marks=pytest.mark.slow)]


def trained(name: str, backend: str, folder, **options):
    """The fit of a task of :data:`TASKS`, and its target."""
    image, a, b, _ = made_images()
    task, target = TASKS[name]
    trainer = Trainer(load_backend(backend), NETWORK, PLAN, made_rows(image, **options))
    return trainer.fit(task, target(a, b), folder=folder), target(a, b)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", list(TASKS))
def test_each_backend_does_each_task_out_of_fold(name, backend, tmp_path):
    done, y = trained(name, backend, tmp_path)
    kind, name = done.task.head.kind, done.task.head.name
    for part in (done.fit.held_out, done.fit.validation, done.fit.in_training):
        predicted = part[name]
        assert predicted.shape == (N, done.task.head.size)
        assert np.isfinite(predicted).all()
        if kind == "regression":
            for j, column in enumerate(np.reshape(y, (N, -1)).T):
                assert number_errors(column, predicted[:, j])["r2"] > 0.8
            continue
        if kind != "binary":
            np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)
            predicted = predicted @ np.arange(predicted.shape[1])
        assert concordance(y, predicted.reshape(-1)).estimate > 0.95


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", list(MASKS))
def test_each_backend_draws_masks_from_a_target_on_disk(name, backend, tmp_path):
    image, _, _, mask = made_images(n=60)
    mask[3, :4] = np.nan
    np.save(tmp_path / "masks.npy", mask.astype(np.float32))
    target = target_file(tmp_path / "masks.npy")
    assert isinstance(target, np.memmap)
    task = MASKS[name]
    trainer = Trainer(load_backend(backend), NETWORK, PLAN, made_rows(image))
    fit = trainer.fit(task, target, folder=tmp_path / "models").fit
    for part in (fit.held_out, fit.validation):
        assert part["target"].shape == (60, SIDE, SIDE, 1)
        assert dice(target, part["target"]).mean() > 0.85
    assert fit.in_training == {}
    again = trainer.fit(task, target, folder=tmp_path / "models").fit
    np.testing.assert_array_equal(again.held_out["target"], fit.held_out["target"])


@pytest.mark.slow
def test_all_kinds_of_heads_share_one_keras_network():
    image, a, b, mask = made_images()
    heads = (
        Head("two", "binary", 2), Head("class", "categorical", 3), Head("order", "ordinal", 3),
        Head("numbers", "regression", 2, "absolute"), Head("mask", "mask"),
        Head("soft", "mask", 1, "dice"),
    )  # fmt: skip
    network = as_mapping(ImageNetwork(heads, height=SIDE, width=SIDE, dropout=0.0, dense_layers=1))
    model = load_backend("keras").build(network, seed=1)
    targets = {
        "two": np.column_stack([a > 0, b]).astype(float), "class": a, "order": a,
        "numbers": np.column_stack([a - 1, b]), "mask": mask, "soft": mask[..., None],
    }  # fmt: skip
    rows = np.arange(N)
    plan = as_mapping(TrainingPlan(epochs=25, batch_size=16, learning_rate=5e-3, patience=25))
    model.fit({"image": image}, targets, rows=rows[:80], validation_rows=rows[80:], plan=plan)
    found = model.predict({"image": image}, rows=rows[80:])
    shapes = {head.name: (40, head.size) for head in heads[:4]}
    shapes |= {"mask": (40, SIDE, SIDE, 1), "soft": (40, SIDE, SIDE, 1)}
    assert {name: value.shape for name, value in found.items()} == shapes
    assert np.corrcoef(found["numbers"][:, 0], a[80:])[0, 1] > 0.9
    assert np.corrcoef(found["two"][:, 1], b[80:])[0, 1] > 0.9
    assert dice(mask[80:], found["soft"]).mean() > 0.8
    with pytest.raises(ValueError, match="expected a network without masks"):
        model.saliency({"image": image}, rows=rows[:2], head="class")
    wrong = targets | {"two": np.zeros((N, 3))}
    with pytest.raises(ValueError, match=r"target two: expected rows of shape \(2,\), got \(3,\)"):
        model.fit({"image": image}, wrong, rows=rows[:80], validation_rows=rows[80:], plan=plan)


def test_masks_of_a_network_with_side_inputs_are_refused():
    network = ImageNetwork((Head("m", "mask"),), height=SIDE, width=SIDE, side_inputs={"sex": 1})
    with pytest.raises(ValueError, match="masks: expected a network without side inputs"):
        load_backend("keras").build(as_mapping(network), seed=1)


def test_shares_of_classes_come_back_after_they_were_weighed_alike(tmp_path):
    """Without any signal, each class is predicted with its share."""
    rng = np.random.default_rng(2)
    image = rng.integers(90, 110, (400, SIDE, SIDE, 1)).astype(np.uint8)
    y = rng.choice(3, 400, p=[0.7, 0.2, 0.1]).astype(float)
    task = class_task("level", ["a", "b", "c"], class_weights=True)
    strong = ImageNetwork((), height=SIDE, width=SIDE, l2=100.0)
    fit = Trainer(ReferenceBackend(), strong, PLAN, made_rows(image)).fit(task, y, folder=tmp_path)
    shares = np.bincount(y.astype(int)) / 400
    np.testing.assert_allclose(fit.fit.held_out["target"].mean(axis=0), shares, atol=0.02)


def test_a_killed_run_of_numbers_goes_on_to_the_same_end(tmp_path):
    class Dying(ReferenceBackend):
        fits = 0

        def build(self, network, *, seed):
            self.fits += 1
            if self.fits == 3:
                raise KeyboardInterrupt
            return super().build(network, seed=seed)

    image, a, b, _ = made_images()
    task, target = TASKS["numbers"]
    rows, dying = made_rows(image), Dying()
    with pytest.raises(KeyboardInterrupt):
        Trainer(dying, NETWORK, PLAN, rows).fit(task, target(a, b), folder=tmp_path / "a")
    went_on = Trainer(dying, NETWORK, PLAN, rows).fit(task, target(a, b), folder=tmp_path / "a")
    assert dying.fits == 4
    whole = Trainer(ReferenceBackend(), NETWORK, PLAN, rows).fit(
        task, target(a, b), folder=tmp_path / "b"
    )
    for part in ("held_out", "validation", "in_training"):
        np.testing.assert_array_equal(
            getattr(went_on.fit, part)["target"], getattr(whole.fit, part)["target"]
        )


def reference(image, y, head=None, rows=None, **options) -> ReferenceModel:
    """A reference model fitted to all rows; options are of the network, or of the plan."""
    of_plan = {k: options.pop(k) for k in list(options) if k in TrainingPlan.__dataclass_fields__}
    head = head or Head("y", "regression")
    network = ImageNetwork((head,), height=SIDE, width=SIDE, **options)
    model = ReferenceBackend().build(as_mapping(network), seed=5)
    rows = np.arange(len(image)) if rows is None else rows
    plan = as_mapping(TrainingPlan(**of_plan))
    model.fit({"image": image}, {"y": y}, rows=rows, validation_rows=rows[:5], plan=plan)
    return model


def test_l2_is_a_ridge_penalty_by_hand():
    image, a, _, _ = made_images()
    model = reference(image, a, l2=0.5)
    Z = np.column_stack([np.ones(N), model.embed({"image": image}, rows=np.arange(N))])
    penalty = np.diag([0.0] + [N * (PENALTY + 0.5)] * (Z.shape[1] - 1))
    by_hand = np.linalg.solve(Z.T @ Z + penalty, Z.T @ a)
    np.testing.assert_allclose(model.coefficients["y"][:, 0], by_hand, atol=1e-5)
    plain = reference(image, a).coefficients["y"]
    assert np.abs(model.coefficients["y"][1:]).sum() < 0.95 * np.abs(plain[1:]).sum()


def test_the_global_norm_of_a_step_is_clipped():
    image, a, _, _ = made_images()
    plain = reference(image, a).coefficients["y"]
    clipped = reference(image, a, clip_global_norm=0.25).coefficients["y"]
    assert np.linalg.norm(clipped) == pytest.approx(0.25)
    np.testing.assert_allclose(clipped / 0.25, plain / np.linalg.norm(plain))
    np.testing.assert_array_equal(
        reference(image, a, clip_global_norm=1e6).coefficients["y"], plain
    )


def test_rows_per_epoch_are_drawn_by_the_seed():
    image, a, _, _ = made_images()
    drawn = np.random.default_rng([9, 1]).permutation(np.arange(N))[:40]
    some = reference(image, a, rows_per_epoch=40, seed=9).coefficients["y"]
    by_hand = reference(image, a, rows=drawn).coefficients["y"]
    np.testing.assert_allclose(some, by_hand)
    assert (some != reference(image, a).coefficients["y"]).any()


def test_absolute_errors_give_the_median_and_squared_ones_the_mean():
    image = np.full((5, SIDE, SIDE, 1), 7, np.uint8)
    y = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    for loss, middle in (("absolute", 3.0), ("squared", 22.0)):
        model = reference(image, y, Head("y", "regression", 1, loss))
        found = model.predict({"image": image}, rows=np.arange(5))["y"]
        np.testing.assert_allclose(found, middle, atol=1e-3)


def test_dense_layers_learn_what_a_linear_model_cannot():
    """Bright in one place or in the other, but not in both."""
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 2, (2, 600))
    image = np.full((600, SIDE, SIDE, 1), 100, np.uint8)
    image[:, :12] += (50 * first[:, None, None, None]).astype(np.uint8)
    image[:, 12:] += (50 * second[:, None, None, None]).astype(np.uint8)
    y = (first != second).astype(float)
    linear = reference(image, y).predict({"image": image}, rows=np.arange(600))["y"][:, 0]
    dense = reference(image, y, dense_layers=1, dense_nodes=64)
    found = dense.predict({"image": image}, rows=np.arange(600))["y"][:, 0]
    assert abs(np.corrcoef(linear, y)[0, 1]) < 0.2
    assert np.corrcoef(found, y)[0, 1] > 0.95


@pytest.mark.slow
def test_options_of_keras_networks_act():
    """L2 shrinks the output layer, clipped steps move it less, an epoch takes its rows."""
    image, a, _, _ = made_images()

    class Recorded:
        shape, seen = image.shape, []

        def __getitem__(self, rows):
            self.seen.append(np.asarray(rows))
            return image[rows]

    def fitted(given=image, plan=None, **options):
        network = ImageNetwork(
            (Head("y", "regression"),), height=SIDE, width=SIDE, dropout=0.0, **options
        )
        model = load_backend("keras").build(as_mapping(network), seed=3)
        before = model._model.get_weights()
        asked = TrainingPlan(epochs=2, batch_size=16, learning_rate=1e-2, **(plan or {}))
        model.fit(
            {"image": given}, {"y": a}, rows=np.arange(80), validation_rows=np.arange(80, N),
            plan=as_mapping(asked),
        )  # fmt: skip
        after = model._model.get_weights()
        moved = sum(np.abs(x - y).sum() for x, y in zip(before, after, strict=True))
        return model, moved

    plain, moved = fitted()
    penalised, _ = fitted(l2=1.0)
    sizes = [np.abs(m._model.get_layer("y").get_weights()[0]).sum() for m in (plain, penalised)]
    assert sizes[1] < 0.9 * sizes[0]
    assert fitted(plan={"clip_global_norm": 1e-9})[1] < 0.5 * moved
    recorded = Recorded()
    fitted(recorded, plan={"rows_per_epoch": 32})
    drawn = np.unique(np.concatenate(recorded.seen))
    assert 32 <= (drawn < 80).sum() <= 64
    names = [layer.name for layer in fitted(dense_layers=2, dense_nodes=7)[0]._model.layers]
    assert {"dense0", "dense1"} <= set(names)


def test_the_plateau_that_is_watched_lowers_the_rate_by_hand():
    load_backend("keras")
    from dl_backend.checkpoints import TrainingState

    def reductions(on: str, losses, validation) -> list[int]:
        state, seen = TrainingState(), []
        for loss, stop in zip(losses, validation, strict=True):
            state.add({"loss": loss, "validation_loss": stop}, {"patience": 4, "plateau_on": on})
            seen.append(state.reductions)
        return seen

    falling, flat = [5, 4, 3, 2, 1, 0.5], [2, 1, 1, 1, 1, 1]
    # half of the patience is 2: after two epochs without a lower loss, and after two more
    assert reductions("training", flat, falling) == [0, 0, 0, 1, 1, 2]
    assert reductions("training", falling, flat) == [0] * 6
    assert reductions("validation", falling, flat) == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("change", "rows", "columns"),
    [("shift_x", True, False), ("shift_y", False, True), ("zoom_x", True, False),
     ("zoom_y", False, True), ("shift", False, False)],
)  # fmt: skip
def test_augmentation_of_one_axis_leaves_the_other(change, rows, columns):
    """An image that only varies down its rows looks the same after changes along the width."""
    load_backend("keras")
    from dl_backend.images import _augmentation

    down = np.repeat(np.arange(0, 240, 10.0)[:, None], SIDE, axis=1)[None, :, :, None]
    changes = []
    for image in (down, down.transpose(0, 2, 1, 3)):
        many = np.repeat(image, 16, axis=0).astype(np.float32)
        for layer in _augmentation({change: 0.3}):
            many = np.asarray(layer(many, training=True))
        changes.append(np.abs(many - image).max() < 1e-2)
    assert changes == [rows, columns]


def test_a_network_that_has_come_to_nothing_is_an_error(tmp_path):
    image, a, _, _ = made_images()

    class Constant(ReferenceBackend):
        value = 0.4

        def build(self, network, *, seed):
            outer = self

            class Same(ReferenceModel):
                def predict(self, inputs, *, rows):
                    found = super().predict(inputs, rows=rows)
                    return {k: np.full_like(v, outer.value) for k, v in found.items()}

            return Same(network)

    backend = Constant()
    trainer = Trainer(backend, NETWORK, PLAN, made_rows(image))
    with pytest.raises(DivergedError, match=r"fold 0: training diverged: .* same target, 0.4, for"):
        trainer.fit(binary_task("high"), (a > 0) * 1.0, folder=tmp_path)
    backend.value = np.nan
    for run in (
        lambda: trainer.fit(binary_task("high"), (a > 0) * 1.0, folder=tmp_path),
        lambda: trainer.held_out(binary_task("high"), (a > 0) * 1.0),
    ):
        with pytest.raises(DivergedError, match="predicts a target that is no number"):
            run()
    # a permutation may well learn nothing
    backend.value = 0.4
    assert (trainer.held_out(binary_task("high"), (a > 0) * 1.0) == np.float32(0.4)).all()


def test_a_loss_far_above_that_of_knowing_nothing_is_an_error(tmp_path):
    image, a, _, _ = made_images()

    class Wild(ReferenceBackend):
        def build(self, network, *, seed):
            class Far(ReferenceModel):
                def fit(self, *given, **options):
                    return [e | {"validation_loss": 50.0} for e in super().fit(*given, **options)]

            return Far(network)

    trainer = Trainer(Wild(), NETWORK, PLAN, made_rows(image))
    with pytest.raises(DivergedError, match=r"best validation loss is 50, .* knows nothing 0.693"):
        trainer.fit(binary_task("high"), (a > 0) * 1.0, folder=tmp_path)


def test_what_a_target_cannot_be_is_named(tmp_path):
    with pytest.raises(InputError, match="expected values that vary, b has none"):
        regression_task("t", ["a", "b"]).encode(np.column_stack([np.arange(9.0), np.full(9, 0.1)]))
    with pytest.raises(InputError, match="expected values 0 to 1, got 2"):
        binary_task("case").encode(np.array([0.0, 1.0, 2.0]))
    with pytest.raises(InputError, match=r"expected values 0 to 2, got 1\.5"):
        class_task("level", "abc").encode(np.array([0.0, 1.5]))
    with pytest.raises(InputError, match="expected 2 columns of a regression target of size 2"):
        Task("t", Head("t", "regression", 2), ("a",))
    with pytest.raises(UsageError, match="expected a loss of squared, absolute for a regression"):
        Head("t", "regression", 1, "dice")
    with pytest.raises(UsageError, match="expected size at least 2 for a ordinal output"):
        Head("t", "ordinal")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(InputError, match=r"text\.npy: expected an array file \(.npy\)"):
        target_file(tmp_path / "text.npy")


def test_columns_that_tasks_become():
    assert binary_task("case").phenotypes[:2] == ("cnn_prob", "cnn_logit")
    assert regression_task("t", ["age", "bmd hip"]).phenotypes == ("cnn_age", "cnn_bmd_hip")
    assert class_task("grade", ["grade 1", "grade 2"]).phenotypes == ("cnn_grade_1", "cnn_grade_2")
    assert MASKS["dice"].phenotypes == ()
    assert MASKS["dice"].metrics == ("dice",)


def test_dice_by_hand():
    truth = np.array([[[1, 1, 0, 0]], [[0, 0, 0, 0]], [[1, np.nan, 0, 0]], [[np.nan] * 4]])
    probability = np.array([[[0.9, 0.2, 0.8, 0.1]], [[0.1] * 4], [[0.9, 0.9, 0.9, 0.1]], [[1] * 4]])
    # 2·1/(2 + 2); both empty; the unknown pixel does not count: 2·1/(1 + 2); nothing known
    expected = [[0.5], [1.0], [2 / 3], [np.nan]]
    np.testing.assert_allclose(dice(truth, probability[..., None]), expected)


def test_rows_of_somebody_in_two_folds_are_refused_before_any_training():
    image = made_images(n=4)[0]
    split = PersonFolds(np.array([0, 1, 0, 1]), np.zeros((2, 4), dtype=bool))
    person = np.array(["a", "a", "b", "c"])
    with pytest.raises(ValueError, match="expected all rows of a participant in one fold"):
        TrainingRows({"image": image}, person, split, "d")
