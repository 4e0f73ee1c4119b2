"""A training of image networks: a model per region and fold, their scores and evaluation."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend, Epoch, Progress
from gwasbone.learning.cross_fit import read_card
from gwasbone.learning.evaluation import evaluate, evaluate_task, paired_differences
from gwasbone.learning.image_training import (
    CASE,
    STACKED,
    RegionFit,
    TrainingPeople,
    all_scores,
    fit_region,
    split_people,
)
from gwasbone.learning.model_folder import TASK, claim, full_disk
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan, as_mapping
from gwasbone.learning.options import ImageTraining, NetworkChoice
from gwasbone.learning.task import TARGET
from gwasbone.learning.training_people import region_pictures, training_people
from gwasbone.options import part_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Parameters
    ----------
    fits : by region; scores : by region, and ``stacked`` for several.
    evaluation, differences : see :mod:`gwasbone.learning.evaluation`.
    left_out : ``IID reason`` of people who were not trained on.
    """

    task: str
    people: TrainingPeople
    fits: Mapping[str, RegionFit]
    scores: Mapping[str, pd.DataFrame]
    evaluation: pd.DataFrame
    differences: pd.DataFrame
    left_out: pd.DataFrame

    @property
    def main(self) -> str:
        """The score that is ``cnn_prob``."""
        return STACKED if STACKED in self.scores else next(iter(self.scores))


def train(
    backend: Backend,
    cache: ImageCache,
    tables: Mapping[str, pd.DataFrame],
    options: ImageTraining,
    *,
    models: Path,
    force: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a model per region and fold, and evaluate the predictions of participants it never saw.

    Parameters
    ----------
    tables : path -> table of people, with the target, sex and side inputs.
    options : its regions are those to train on.
    models : folder of the models. Finished folds and epochs of the same training are taken, so
        that a killed run goes on.
    force : replace models of another training.

    Raises
    ------
    InputError
        See :func:`training_people`; or ``models`` holds another training and ``force`` is not set.
    GwasboneError
        The disk is full; finished folds and epochs are kept.
    """
    architecture = options.architecture or default_architecture(backend)
    choice = part_of(NetworkChoice, options, architecture=architecture)
    plan = part_of(TrainingPlan, options)
    pictures = {region: region_pictures(cache, region) for region in options.regions}
    pictured = pd.Index(np.unique(np.concatenate([p.people for p in pictures.values()])))
    people, left_out = training_people(
        tables, pictured, options.task, options.side_inputs, kind=options.kind, loss=options.loss
    )
    split = split_people(
        people, folds=options.folds, validation_share=options.validation_share,
        rotate=options.rotate_folds, seed=plan.seed, shares=options.shares,
    )  # fmt: skip
    asked = {
        "task": options.task, "kind": options.kind, "regions": list(pictures),
        "cache": str(cache.folder.absolute()), "cache_settings": cache.settings.hash,
        "side_inputs": list(options.side_inputs),
        "side_scales": {name: list(scale) for name, scale in people.side_scales.items()},
        "folds": options.folds, "validation_share": options.validation_share,
        "rotate_folds": options.rotate_folds, "network": asdict(choice), "plan": as_mapping(plan),
        "people": len(people.table),
    } | ({"cases": int(people.table[CASE].sum())} if people.is_binary else {})  # fmt: skip
    asked |= {} if options.split is None else {"split": options.split}
    fits = {}
    with full_disk(models):
        claim(models, asked, force=force)
        for region in pictures:
            watch = _Watch(region, plan.epochs, split.n_folds, progress)
            fits[region] = fit_region(
                backend, region, pictures[region], people, split, choice, plan,
                folder=models / region, on_epoch=watch,
            )  # fmt: skip
            _write_task(fits[region], models / region / TASK)
            _log_region(region, fits[region])
    scores = all_scores(fits, people)
    differences = pd.DataFrame()
    if people.is_binary:
        case = people.table[CASE].astype(float)
        evaluation, differences = evaluate(scores, case), paired_differences(scores, case)
    else:
        evaluation = evaluate_task(people.task, scores, people.targets)
    return Trained(options.task, people, fits, scores, evaluation, differences, left_out)


def _write_task(fit: RegionFit, path: Path) -> None:
    """What a region's networks predict and in which units, for `gwasbone predict`."""
    task, encoded = fit.task, fit.encoded
    numbers = {
        name: None if (value := getattr(encoded, name)) is None else value.tolist()
        for name in ("centre", "spread", "shares")
    }
    about = asdict(task) | numbers | {"log_odds_shift": fit.log_odds_shift}
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(about, indent=1) + "\n")


def models_table(trained: Trained, folder: Path) -> pd.DataFrame:
    """One row per model: where it is, of what, and how good.

    Columns: ``region fold model model_hash data_hash seed epochs best_epoch log_odds_shift
    logit_mean logit_sd auc``; ``logit_mean`` and ``logit_sd`` are of the people it holds out. Of
    other than binary targets ``r2`` or ``auc`` of the first column or class instead.
    """
    rows = []
    measure = trained.people.task.metrics[0]
    table = trained.evaluation.drop_duplicates(["score", "people"])
    found = table.set_index(["score", "people"])[measure]
    for region, fit in trained.fits.items():
        binary = pd.DataFrame()
        if trained.people.is_binary:
            by_fold = fit.scores.groupby("cnn_fold")["cnn_logit"]
            binary = pd.DataFrame({"logit_mean": by_fold.mean(), "logit_sd": by_fold.std()})
            binary.insert(0, "log_odds_shift", fit.log_odds_shift)
        for j, (path, hashed, history) in enumerate(
            zip(fit.fit.models, fit.fit.model_hashes, fit.fit.histories, strict=True)
        ):
            best = min(history, key=lambda epoch: epoch["validation_loss"])
            card = read_card(path)
            rows.append(
                {
                    "region": region, "fold": j, "model": str(path.relative_to(folder)),
                    "model_hash": hashed, "data_hash": fit.data_hash, "seed": card["seed"],
                    "epochs": len(history), "best_epoch": int(best["epoch"]),
                    **(binary.loc[j].to_dict() if len(binary) else {}),
                    measure: found.get((region, f"fold{j}"), np.nan),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def default_architecture(backend: Backend, paper: str = "efficientnet_v2_s") -> str:
    """The paper's, EfficientNetV2-S (B0 for genotypes), with an accelerator, else ``small``."""
    tiny = ImageNetwork(heads=(Head(TARGET, "binary"),), height=32, width=32)
    device = backend.build(as_mapping(tiny), seed=0).describe()["device"]
    if device == "cpu":
        log.warning(
            "no accelerator: --architecture small is taken, which a CPU can train; "
            "%s is the paper's",
            paper,
        )
        return "small"
    log.info("architecture %s, on %s", paper, device)
    return paper


class _Watch:
    """Follows epochs: a bar per fold, and a line in the log for each."""

    def __init__(self, region: str, epochs: int, folds: int, progress: Progress | None) -> None:
        self._region, self._epochs, self._folds = region, epochs, folds
        self._progress = progress

    def __call__(self, fold: int, epoch: Epoch) -> None:
        log.info(
            "%s fold %d epoch %d: loss %.4f, validation %.4f, %.1f s",
            self._region, fold, epoch["epoch"], epoch["loss"], epoch["validation_loss"],
            epoch["seconds"],
        )  # fmt: skip
        if self._progress is not None:
            step = f"{self._region} fold {fold + 1} of {self._folds}, epochs"
            self._progress(step, int(epoch["epoch"]), self._epochs)


def _log_region(region: str, fit: RegionFit) -> None:
    n = len(fit.scores)
    several = int((fit.scores["n_pictures"] > 1).sum())
    log.info(
        "%s: %d images of %d participants, %d of whom have several (at most %d), which are "
        "averaged; %d × %d × %d",
        region, fit.n_pictures, n, several, fit.most_pictures,
        fit.network.height, fit.network.width, fit.network.channels,
    )  # fmt: skip
