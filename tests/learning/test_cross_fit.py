"""Cross-fitting with the reference backend."""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.learning.cross_fit import cross_fit
from gwasbone.learning.folds import person_folds
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan
from gwasbone.learning.reference import ReferenceBackend, ReferenceModel
from gwasbone.stats.roc import area_under_curve

NETWORK = ImageNetwork(heads=(Head("case", "binary"),), height=24, width=24)
PEOPLE = np.repeat([f"p{i}" for i in range(150)], 2)


def pictures(signal: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    case = np.repeat(rng.permutation(np.arange(150) % 3 == 0), 2).astype(float)
    image = rng.normal(100, 10, (300, 24, 24, 1))
    image[case == 1, 4:10, 4:10] += signal
    return {"image": image.clip(0, 255).astype(np.uint8)}, {"case": case}


def run(folder, inputs, targets, backend=None, folds=None, **options):
    folds = folds or person_folds(PEOPLE, targets["case"], folds=3)
    given = {"data_hash": "d1"} | options
    return cross_fit(
        backend or ReferenceBackend(), NETWORK, TrainingPlan(seed=1), inputs, targets, folds,
        folder=folder, **given,
    )  # fmt: skip


class CountingBackend(ReferenceBackend):
    """Counts fits, and dies in one of them if told."""

    def __init__(self, die_in: int | None = None) -> None:
        self.fits, self.die_in = 0, die_in

    def build(self, network, *, seed):
        outer = self

        class Counted(ReferenceModel):
            def fit(self, *args, **options):
                if outer.die_in == outer.fits:
                    raise KeyboardInterrupt
                outer.fits += 1
                return super().fit(*args, **options)

        return Counted(network)


def test_everybody_is_predicted_by_a_model_that_never_saw_them(tmp_path):
    inputs, targets = pictures(8.0)
    fit = run(tmp_path, inputs, targets)
    assert np.isfinite(fit.held_out["case"]).all()
    case, out, seen = (
        targets["case"], fit.held_out["case"][:, 0], fit.in_training["case"][:, 0]
    )  # fmt: skip
    assert 0.85 < area_under_curve(case, out).auc <= area_under_curve(case, seen).auc
    # what a person's own target is does not move the person's own prediction
    flipped = {"case": np.where(fit.fold == 0, 1 - case, case)}
    again = run(tmp_path / "other", inputs, flipped, folds=person_folds(PEOPLE, case, folds=3))
    np.testing.assert_array_equal(again.held_out["case"][fit.fold == 0, 0], out[fit.fold == 0])
    assert (again.held_out["case"][fit.fold == 1, 0] != out[fit.fold == 1]).any()


def test_without_a_signal_twenty_shuffles_average_half(tmp_path):
    """No leakage: labels that mean nothing are not predicted, though models learn them by heart."""
    inputs, targets = pictures(0.0, seed=9)
    rng = np.random.default_rng(11)
    per_person = targets["case"][::2]
    areas = []
    for i in range(20):
        case = np.repeat(rng.permutation(per_person), 2)
        fit = run(tmp_path / str(i), inputs, {"case": case})
        areas.append(area_under_curve(case, fit.held_out["case"][:, 0]).auc)
        assert area_under_curve(case, fit.in_training["case"][:, 0]).auc > 0.8
    assert abs(np.mean(areas) - 0.5) < 3 * np.std(areas, ddof=1) / np.sqrt(20)


def test_finished_folds_are_kept_and_a_killed_run_goes_on(tmp_path):
    inputs, targets = pictures(8.0)
    dying = CountingBackend(die_in=2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, inputs, targets, dying)
    assert dying.fits == 2
    rest = CountingBackend()
    fit = run(tmp_path, inputs, targets, rest)
    assert rest.fits == 1
    whole = run(tmp_path / "whole", inputs, targets)
    np.testing.assert_array_equal(fit.held_out["case"], whole.held_out["case"])
    assert run(tmp_path, inputs, targets, rest).model_hashes == fit.model_hashes
    assert rest.fits == 1


@pytest.mark.parametrize("what", ["data", "targets", "model"])
def test_a_fold_of_something_else_is_trained_anew(tmp_path, what):
    inputs, targets = pictures(8.0)
    run(tmp_path, inputs, targets)
    counting = CountingBackend()
    options = {}
    if what == "data":
        options["data_hash"] = "d2"
    elif what == "targets":
        # one control becomes unknown, in training for two folds and held out in the third
        targets = {"case": np.where(np.arange(300) == np.argmin(targets["case"]), np.nan,
                                    targets["case"])}  # fmt: skip
        options["folds"] = person_folds(PEOPLE, pictures(8.0)[1]["case"], folds=3)
    else:
        (tmp_path / "fold1" / "model.npz").write_bytes(b"damaged")
    run(tmp_path, inputs, targets, counting, **options)
    assert counting.fits == (1 if what == "model" else 3)


def test_what_a_backend_refuses_is_an_input_error(tmp_path):
    inputs, targets = pictures(8.0)
    with pytest.raises(InputError, match=r"input image: expected rows of shape \(24, 24, 1\)"):
        run(tmp_path, {"image": inputs["image"][:, :20]}, targets)
