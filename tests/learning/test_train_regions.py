"""Regions to one score per person: rows, splits, evaluation, and what a folder of models keeps."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from gwasbone.errors import GwasboneError, InputError, UsageError
from gwasbone.images.cache import ImageCache, Pictures
from gwasbone.images.settings import ImageSettings
from gwasbone.learning import training_run as step
from gwasbone.learning.backend import load_backend
from gwasbone.learning.evaluation import evaluate, paired_differences
from gwasbone.learning.image_training import (
    TrainingPeople,
    fit_region,
    phenotype_table,
    split_people,
)
from gwasbone.learning.networks import Head, TableNetwork, TrainingPlan, as_mapping
from gwasbone.learning.options import ImageTraining, NetworkChoice
from gwasbone.learning.person_maps import training_saliency
from gwasbone.learning.picture_rows import ReducedPictures, reduced_size
from gwasbone.learning.reference import ReferenceBackend, ReferenceModel
from gwasbone.learning.training_people import training_people
from gwasbone.plots.learning_curves import has_curve, learning_curves
from gwasbone.plots.page import notes_of
from gwasbone.stats.roc import area_under_curve

SIDE = 24
CHOICE, PLAN = NetworkChoice("small"), TrainingPlan(seed=1)


def pictures_of(people, *, bright=(), signal=12, seed=0) -> Pictures:
    """A picture for each entry of ``people``; those in ``bright`` have a brighter patch."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100, 10, (len(people), SIDE, SIDE))
    image[np.isin(people, list(bright)), 4:10, 4:10] += signal
    table = pd.DataFrame({"person": people, "visit": "2", "side": ""})
    table["content_sha256"] = [f"{seed}.{i}" for i in range(len(people))]
    table["settings_hash"] = "s"
    array = image.clip(0, 255).astype(np.uint8)
    return Pictures(table, (array,), np.arange(len(people))[:, None])


class MadeCache(ImageCache):
    """A cache whose pictures are in memory."""

    @classmethod
    def of(cls, folder, **regions: Pictures) -> MadeCache:
        made = cls(folder, ImageSettings(), pd.DataFrame(), pd.DataFrame())
        object.__setattr__(made, "regions", regions)
        return made

    def pictures(self, name, *, side=None, people=None) -> Pictures:
        return self.regions[name]


NAMES = np.array([f"p{i:03d}" for i in range(90)], dtype=object)
CASES = set(NAMES[np.random.default_rng(5).permutation(90)[:30]])


def table_of(names=NAMES, **more) -> dict[str, pd.DataFrame]:
    index = pd.Index(names, name="person")
    case = [float(name in CASES) for name in names]
    sex = np.arange(len(names)) % 2
    return {"t.tsv": pd.DataFrame({"case": case, "sex": sex} | more, index=index)}


def cache_of(tmp_path, **more) -> MadeCache:
    spine = pictures_of(NAMES, bright=CASES, seed=1)
    hips = pictures_of(np.repeat(NAMES[:70], 2), bright=CASES, signal=8, seed=2)
    return MadeCache.of(tmp_path / "cache", **({"ap_spine": spine, "hip": hips} | more))


class Counting(ReferenceBackend):
    """Counts fits; dies in one of them if told."""

    def __init__(self, die_in=None) -> None:
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


def train(tmp_path, backend=None, cache=None, tables=None, regions=("ap_spine", "hip"), **options):
    how = {n: options.pop(n) for n in ("models", "force", "progress") if n in options}
    parts = vars(options.pop("choice", CHOICE)) | vars(options.pop("plan", PLAN))
    asked = ImageTraining(regions=tuple(regions), **({"folds": 3} | parts | options))
    return step.train(
        backend or ReferenceBackend(), cache or cache_of(tmp_path), tables or table_of(), asked,
        **({"models": tmp_path / "models"} | how),
    )  # fmt: skip


def test_pictures_are_reduced_by_the_mean_over_areas():
    picture = np.array([[0, 90, 30], [60, 30, 90], [30, 0, 0]], np.uint8)[None, :, :, None]
    half = ReducedPictures(picture, np.array([0]), 2, 2)[0:1][0, :, :, 0]
    # areas of 1.5 × 1.5 pixels: (0 + 90/2 + 60/2 + 30/4) / 2.25 at the upper left
    by_hand = np.array([[82.5, 45 + 30 + 45 + 7.5], [7.5 + 30 + 30, 7.5 + 45]]) / 2.25
    np.testing.assert_allclose(half, np.rint(by_hand), atol=1)
    rng = np.random.default_rng(3)
    many = rng.integers(0, 256, (9, 8, 12, 2), dtype=np.uint8)
    reduced = ReducedPictures(many, np.array([4, 8, 0, 4]), 4, 6)
    expected = np.rint(many.reshape(9, 4, 2, 6, 2, 2).mean(axis=(2, 4)))[[4, 8, 0, 4]]
    assert np.abs(reduced[:] - expected).max() <= 1
    np.testing.assert_array_equal(reduced[np.array([3, 1])], reduced[:][[3, 1]])
    np.testing.assert_array_equal(reduced[np.arange(4) == 2], reduced[:][2:3])
    np.testing.assert_array_equal(reduced.held(), reduced[:])
    same = ReducedPictures(many, np.array([7, 2]), 8, 12)
    np.testing.assert_array_equal(same[:], many[[7, 2]])
    with pytest.raises(UsageError, match="at most 8 × 12, which the cache has, got 9 × 12"):
        ReducedPictures(many, np.array([0]), 9, 12)
    assert reduced_size(539, 185, 300) == (300, 103)


def test_all_regions_share_one_split_and_the_stack_is_better(tmp_path):
    trained = train(tmp_path)
    spine, hip, both = (trained.scores[name] for name in ("ap_spine", "hip", "stacked"))
    assert (len(spine), len(hip), len(both)) == (90, 70, 90)
    shared = hip.index
    np.testing.assert_array_equal(spine.loc[shared, "cnn_fold"], hip["cnn_fold"])
    assert set(hip["n_pictures"]) == {2}
    # cases and sexes in equal shares
    strata = trained.people.table.assign(fold=both["cnn_fold"])
    counts = strata.groupby(["case", "sex", "fold"]).size().unstack()  # noqa: PD010
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1
    y = trained.people.table["case"]
    areas = {n: area_under_curve(y[t.index], t["cnn_prob"]).auc for n, t in trained.scores.items()}
    assert areas["stacked"] > 0.8
    assert trained.main == "stacked"
    table = phenotype_table(trained.scores, trained.people.task)
    np.testing.assert_array_equal(table["cnn_prob"], both["cnn_prob"])
    assert table["cnn_prob_hip"].isna().sum() == 20
    assert table["cnn_logit_rint"].std() == pytest.approx(1, abs=0.05)
    order = table["cnn_logit_std"].rank()
    np.testing.assert_array_equal(order, table["cnn_logit_rint"].rank())


def test_nobodys_own_label_moves_their_score(tmp_path):
    """The whole way, folds held fixed: flip the labels of fold 0, its scores stay."""
    people = TrainingPeople(pd.DataFrame({"case": 0, "sex": 0}, index=NAMES))
    people.table["case"] = [int(name in CASES) for name in NAMES]
    split = split_people(people, folds=3, validation_share=0.1, seed=1)
    pictures = pictures_of(NAMES, bright=CASES)
    flipped = people.table.copy()
    flipped["case"] = np.where(split.fold == 0, 1 - flipped["case"], flipped["case"])
    # class weights know how many cases there are in all
    plain = NetworkChoice("small", class_weights=False)
    before, after = (
        fit_region(
            ReferenceBackend(), "ap_spine", pictures, TrainingPeople(table), split, plain, PLAN,
            folder=tmp_path / str(i),
        ).scores["cnn_logit"]
        for i, table in enumerate((people.table, flipped))
    )  # fmt: skip
    np.testing.assert_array_equal(before[split.fold == 0], after[split.fold == 0])
    assert (before[split.fold == 1] != after[split.fold == 1]).any()


def test_who_is_left_out_is_listed_with_the_reason(tmp_path, caplog):
    tables = table_of()
    table = tables["t.tsv"]
    table.loc["p000", "case"] = np.nan
    table.loc["nopicture", ["case", "sex"]] = [1, 0]
    tables["t.tsv"] = table.drop("p001")
    caplog.set_level("INFO", logger="gwasbone")
    trained = train(tmp_path, tables=tables)
    reasons = dict(trained.left_out.itertuples(index=False))
    assert reasons == {"p000": "no_target", "nopicture": "no_picture", "p001": "no_person"}
    assert {"p000", "p001", "nopicture"}.isdisjoint(trained.scores["stacked"].index)
    assert "1 participants with an image, not in the table (no_person)" in caplog.text
    assert "68 participants, 68 of whom have several (at most 2)" in caplog.text


def test_five_pictures_of_a_person_are_one_person(tmp_path):
    cache = cache_of(tmp_path, hip=pictures_of(np.repeat(NAMES, 5), bright=CASES))
    trained = train(tmp_path, cache=cache, regions=["hip"])
    assert len(trained.scores["hip"]) == 90
    assert set(trained.scores["hip"]["n_pictures"]) == {5}
    row = trained.evaluation.set_index("people").loc["pooled"]
    assert row["n"] == 90


def test_codings_of_the_target(tmp_path):
    plain = train(tmp_path / "a", regions=["ap_spine"])
    table = table_of()["t.tsv"]
    coded = {"t.tsv": table.assign(case=table["case"] + 1)}
    other = train(tmp_path / "b", tables=coded, regions=["ap_spine"])
    np.testing.assert_array_equal(
        plain.scores["ap_spine"]["cnn_prob"], other.scores["ap_spine"]["cnn_prob"]
    )
    with pytest.raises(InputError, match="case"):
        train(tmp_path / "c", tables={"t": table.assign(case=np.arange(90.0))})
    with pytest.raises(InputError, match="got 0 and 90: give more participants"):
        train(tmp_path / "d", tables={"t": table.assign(case=0.0, spare=1.0)})
    few = {"t": table.assign(case=[float(i < 2) for i in range(90)])}
    with pytest.raises(InputError, match=r"at least 3 cases and 3 controls .* got 2 and 88"):
        train(tmp_path / "e", tables=few)
    with pytest.raises(InputError, match="none of 90 in the table and 90 with images"):
        train(tmp_path / "f", tables={"t": table.rename(lambda name: f"x{name}")})


def test_side_inputs_are_used_and_the_target_is_none(tmp_path):
    rng = np.random.default_rng(8)
    risk = np.array([float(name in CASES) for name in NAMES]) + rng.normal(0, 0.3, 90)
    risk[3] = np.nan
    cache = cache_of(tmp_path, ap_spine=pictures_of(NAMES, seed=4))
    without, with_risk = (
        train(
            tmp_path / str(i), cache=cache, tables=table_of(risk=risk), regions=["ap_spine"],
            side_inputs=tuple(inputs),
        ).evaluation.set_index("people").loc["pooled", "auc"]
        for i, inputs in enumerate(([], ["risk"]))
    )  # fmt: skip
    assert with_risk > without + 0.1
    with pytest.raises(UsageError, match="--side-inputs sex: the target cannot be an input"):
        train(tmp_path / "c", task="sex", side_inputs=("sex",))


def scores_of(logit, fold, names) -> pd.DataFrame:
    table = pd.DataFrame({"cnn_logit": logit, "cnn_fold": fold}, index=names)
    return table.assign(
        cnn_prob=expit(table["cnn_logit"]), cnn_logit_std=table["cnn_logit"], n_pictures=1,
        in_training_prob=expit(table["cnn_logit"]),
    )  # fmt: skip


def test_evaluation_row_by_row():
    rng = np.random.default_rng(2)
    n = 4000
    eta = rng.normal(-1, 1.5, n)
    names = pd.Index([f"q{i}" for i in range(n)])
    case = pd.Series((rng.random(n) < expit(eta)).astype(float), names)
    case.iloc[:10] = np.nan
    fold = np.arange(n) % 4
    case[fold == 3] = 0.0
    made = {"spine": scores_of(eta, fold, names), "twice": scores_of(2 * eta, fold, names)}
    table = evaluate(made, case).set_index(["score", "people"])
    pooled = table.loc[("spine", "pooled")]
    known = case.notna().to_numpy()
    area = area_under_curve(case[known], expit(eta[known]), scale="logit")
    assert (pooled["auc"], pooled["auc_se"]) == (area.auc, area.se)
    assert pooled["n"] == known.sum() < n
    assert pooled["brier"] == pytest.approx(np.mean((expit(eta) - case)[known] ** 2))
    fold0 = table.loc[("spine", "fold0")]
    assert fold0["calibration_slope"] == pytest.approx(1, abs=3 * fold0["calibration_slope_se"])
    assert table.loc[("twice", "fold0"), "calibration_slope"] == pytest.approx(
        fold0["calibration_slope"] / 2, rel=1e-3
    )
    assert table.loc[("spine", "fold3"), "status"] == "one_class"
    assert np.isnan(table.loc[("spine", "fold3"), "auc"])
    assert np.isnan(table.loc[("spine", "standardised"), "brier"])
    test = paired_differences(made, case).iloc[0]
    assert (test["difference"], test["n"]) == (0, n)


def test_sides_that_are_not_mirrored_are_not_laid_over_each_other(tmp_path, caplog):
    """Bright on the left of left hips and on the right of right ones."""
    hips = pictures_of(np.repeat(NAMES, 2), bright=CASES, signal=20, seed=2)
    hips.table["side"] = ["left", "right"] * 90
    hips.arrays[0][1::2] = hips.arrays[0][1::2, :, ::-1]
    cache = cache_of(tmp_path, hip=hips)
    trained = train(tmp_path, cache=cache, regions=["hip"])
    (seen,) = training_saliency(ReferenceBackend(), cache, trained, models=tmp_path / "models")
    assert "only the 90 left images are laid over each other" in caplog.text
    assert (seen.n_pictures, list(seen.maps.n)) == (90, [60, 30])
    left, right = seen.picture[4:10, 4:10], seen.picture[4:10, 14:20]
    assert left.mean() > right.mean() + 4


@pytest.mark.parametrize(("dtype", "scale"), [("uint16", 257), ("float32", 1 / 255)])
def test_a_cache_of_more_than_eight_bits_is_read_as_it_is(tmp_path, dtype, scale):
    """The same images at another scale give the same scores and maps."""
    plain = pictures_of(NAMES, bright=CASES, signal=20, seed=1)
    fine = pictures_of(NAMES, bright=CASES, signal=20, seed=1)
    array = (plain.arrays[0] * np.float64(scale)).astype(dtype)
    fine = type(fine)(fine.table, (array,), fine.rows)
    scores, maps = [], []
    for name, pictures in (("plain", plain), ("fine", fine)):
        cache = cache_of(tmp_path / name, ap_spine=pictures)
        trained = train(tmp_path / name, cache=cache, regions=["ap_spine"])
        scores.append(trained.scores["ap_spine"]["cnn_logit"])
        maps += training_saliency(
            ReferenceBackend(), cache, trained, models=tmp_path / name / "models"
        )
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-3)
    assert np.abs(maps[1].picture.astype(int) - maps[0].picture).max() <= 1
    np.testing.assert_array_equal(maps[1].body, maps[0].body)
    network = trained.fits["ap_spine"].network
    assert (network.pixels, network.pixel_range) == ("float32", (0.0, float(fine.white)))


def test_what_the_values_of_a_target_are_called(tmp_path):
    table = table_of()["t.tsv"]
    for changed, task, names in (
        ({}, "case", ("controls", "cases")),
        ({}, "sex", ("women", "men")),
        ({"sex": table["sex"] + 1}, "sex", ("men", "women")),
        ({"spare": table["case"]}, "spare", ("spare 0", "spare 1")),
    ):
        people, _ = training_people({"t": table.assign(**changed)}, pd.Index(NAMES), task)
        assert people.class_names == names


def test_a_killed_run_goes_on_and_another_training_is_refused(tmp_path):
    dying = Counting(die_in=4)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, dying)
    rest = Counting()
    trained = train(tmp_path, rest)
    assert (dying.fits, rest.fits) == (4, 2)
    whole = train(tmp_path / "whole")
    pd.testing.assert_frame_equal(trained.scores["stacked"], whole.scores["stacked"])
    with pytest.raises(InputError, match=r"models of another training \(other plan\): choose"):
        train(tmp_path, plan=TrainingPlan(seed=1, epochs=3))
    again = Counting()
    train(tmp_path, again, plan=TrainingPlan(seed=1, epochs=3), force=True)
    assert again.fits == 6


def test_sigkill_loses_no_finished_fold(tmp_path):
    """A process that is killed in its second fold; the next takes the first from it."""
    script = f"""
        import sys, time
        sys.path.insert(0, {str(os.path.dirname(__file__))!r})
        import test_train_regions as t
        from pathlib import Path
        class Slow(t.Counting):
            def build(self, network, *, seed):
                if self.fits:
                    time.sleep(60)
                return super().build(network, seed=seed)
        t.train(Path({str(tmp_path)!r}), Slow(), regions=["ap_spine"])
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    card = tmp_path / "models" / "ap_spine" / "fold0" / "card.json"
    started = time.monotonic()
    while not card.exists() and process.poll() is None and time.monotonic() < started + 120:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert card.exists()
    rest = Counting()
    train(tmp_path, rest, regions=["ap_spine"])
    assert rest.fits == 2


def test_a_full_disk_is_named_and_keeps_what_is_finished(tmp_path, monkeypatch):
    saved, real = [], np.savez

    def savez(handle, **arrays):
        saved.append(handle)
        if len(saved) == 4:  # a model and its predictions are a fold: the second fold's end
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(GwasboneError, match=r"disk full while training in .* epochs are kept"):
        train(tmp_path, regions=["ap_spine"])
    monkeypatch.undo()
    rest = Counting()
    train(tmp_path, rest, regions=["ap_spine"])
    assert rest.fits == 2
    left = {p.name for p in (tmp_path / "models" / "ap_spine" / "fold1").iterdir()}
    assert left == {"card.json", "model.npz", "predictions.npz"}


def test_weights_of_another_network_are_refused(tmp_path):
    """Before any training, in one line that names the file."""
    keras = load_backend("keras")
    table = TableNetwork(
        (Head("x", "binary"),), numeric=("a",), hidden=8, attention_heads=2, layers=1
    )
    path = tmp_path / "table.keras"
    keras.build(as_mapping(table), seed=1).save(path)
    cache = cache_of(tmp_path)
    choice = NetworkChoice("small", weights=str(path))
    with pytest.raises(InputError, match=r"weights: expected those of small in .*table\.keras"):
        train(tmp_path, keras, cache, regions=["ap_spine"], choice=choice)
    missing = NetworkChoice("small", weights=str(tmp_path / "none.keras"))
    with pytest.raises(InputError, match="weights: expected a file, there is none"):
        train(tmp_path / "b", keras, cache, regions=["ap_spine"], choice=missing)
    unknown = NetworkChoice("alexnet")
    with pytest.raises(InputError, match="architecture alexnet: expected small or a network of"):
        train(tmp_path / "c", keras, cache, regions=["ap_spine"], choice=unknown)


def test_without_an_accelerator_the_small_network_is_the_default(caplog):
    assert step.default_architecture(ReferenceBackend()) == "small"
    assert "no accelerator" in caplog.text


def test_learning_curves_name_the_epochs_that_are_kept():
    folds = [
        [{"epoch": e + 1, "loss": 1 / (e + 1), "validation_loss": v} for e, v in enumerate(losses)]
        for losses in ([0.9, 0.5, 0.7], [0.4])
    ]
    assert has_curve(folds)
    assert not has_curve([folds[1], folds[1]]), "one epoch is no curve"
    figure = learning_curves(folds, title="Losses")
    assert "epochs 2, 1 of folds" in notes_of(figure)[0]
    assert figure.x_range.end == 3.5
    with pytest.raises(InputError, match="a fold has none"):
        learning_curves([folds[0], []], title="Losses")


def test_one_split_predicts_the_test_part_and_names_the_others(tmp_path):
    options = ImageTraining(
        regions=("ap_spine",), architecture="small", split="60/20/20", saliency=False
    )
    backend = Counting()
    cache = cache_of(tmp_path)
    done = step.train(backend, cache, table_of(), options, models=tmp_path / "m")
    assert backend.fits == 1
    scores, table = done.scores["ap_spine"], phenotype_table(done.scores, done.people.task)
    assert table["cnn_part"].value_counts().to_dict() == {
        "training": 54, "validation": 18, "test": 18,
    }  # fmt: skip
    in_test = table["cnn_part"] == "test"
    assert table["cnn_prob"].notna().equals(in_test)
    assert table["seen_cnn_prob"].notna().equals(~in_test)
    assert "cnn_fold" not in table
    pooled = done.evaluation.set_index("people").loc["pooled"]
    assert (pooled["n"], pooled["n_cases"]) == (18, 6)
    assert list(done.evaluation["people"]) == ["pooled", "standardised", "in_training", "fold0"]
    seen = done.evaluation.set_index("people").loc["in_training"]
    assert seen["n"] == 54
    assert scores["cnn_fold"].isna().sum() == 72


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": "80/10"}, "expected percentages of training, validation and test"),
        ({"split": "80/10/20"}, "add up to 100"),
        ({"split": "81/9/10", "rotate_folds": True}, "no folds to rotate"),
        ({"split": "81/9/10", "regions": ("hip", "ap_spine")}, "give one region"),
    ],
)
def test_splits_that_mean_nothing_are_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        ImageTraining(**changes)


def test_a_part_without_a_class_is_refused(tmp_path):
    options = ImageTraining(regions=("ap_spine",), split="98/1/1")
    with pytest.raises(InputError, match=r"in the (validation|test) part"):
        step.train(
            ReferenceBackend(), cache_of(tmp_path), table_of(), options, models=tmp_path / "m"
        )
