"""A training of image networks: a model per region and fold, their scores and evaluation."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import GwasboneError, InputError
from gwasbone.files import atomic_path
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend, Epoch, Progress
from gwasbone.learning.evaluation import evaluate, paired_differences
from gwasbone.learning.image_training import (
    CASE,
    STACKED,
    TARGET,
    RegionFit,
    TrainingPeople,
    all_scores,
    fit_region,
    split_people,
)
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan, as_mapping
from gwasbone.learning.options import ImageTraining, NetworkChoice
from gwasbone.learning.training_people import region_pictures, training_people
from gwasbone.options import part_of

log = logging.getLogger(__name__)

#: Files of a folder of models: what is trained there, a row per model, and everybody's fold.
TRAINING, MODELS_TABLE, PEOPLE = "training.json", "models.tsv", "people.tsv"
_COMPILED = ".compiled"


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
    """Train a model per region and fold, and evaluate the predictions of people it never saw.

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
    people, left_out = training_people(tables, pictured, options.task, options.side_inputs)
    split = split_people(
        people, folds=options.folds, validation_share=options.validation_share, seed=plan.seed
    )
    asked = {
        "task": options.task, "regions": list(pictures), "cache": str(cache.folder.absolute()),
        "cache_settings": cache.settings.hash, "side_inputs": list(options.side_inputs),
        "folds": options.folds, "validation_share": options.validation_share,
        "network": asdict(choice), "plan": as_mapping(plan),
        "people": len(people.table), "cases": int(people.table[CASE].sum()),
    }  # fmt: skip
    fits = {}
    with full_disk(models):
        claim(models, asked, force=force)
        for region in pictures:
            watch = _Watch(region, plan.epochs, options.folds, progress)
            fits[region] = fit_region(
                backend, region, pictures[region], people, split, choice, plan,
                folder=models / region, on_epoch=watch,
            )  # fmt: skip
            _log_region(region, fits[region])
    case = people.table[CASE].astype(float)
    scores = all_scores(fits, case)
    return Trained(
        options.task, people, fits, scores, evaluate(scores, case),
        paired_differences(scores, case), left_out,
    )  # fmt: skip


def models_table(trained: Trained, folder: Path) -> pd.DataFrame:
    """One row per model: where it is, of what, and how good.

    Columns: ``region fold model model_hash data_hash seed epochs best_epoch log_odds_shift
    logit_mean logit_sd auc``; ``logit_mean`` and ``logit_sd`` are of the people it holds out.
    """
    rows = []
    found = trained.evaluation.set_index(["score", "people"])["auc"]
    for region, fit in trained.fits.items():
        by_fold = fit.scores.groupby("cnn_fold")["cnn_logit"]
        mean, sd = by_fold.mean(), by_fold.std()
        for j, (path, hashed, history) in enumerate(
            zip(fit.fit.models, fit.fit.model_hashes, fit.fit.histories, strict=True)
        ):
            best = min(history, key=lambda epoch: epoch["validation_loss"])
            card = json.loads((path.parent / "card.json").read_text())
            rows.append(
                {
                    "region": region, "fold": j, "model": str(path.relative_to(folder)),
                    "model_hash": hashed, "data_hash": fit.data_hash, "seed": card["seed"],
                    "epochs": len(history), "best_epoch": int(best["epoch"]),
                    "log_odds_shift": fit.log_odds_shift, "logit_mean": mean[j],
                    "logit_sd": sd[j], "auc": found.get((region, f"fold{j}"), np.nan),
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


@contextlib.contextmanager
def compiled_in(folder: Path) -> Iterator[None]:
    """Let jax keep compiled networks in a folder, unless the environment names another."""
    name = "JAX_COMPILATION_CACHE_DIR"
    given = os.environ.get(name)
    if given is None:
        os.environ[name] = str((folder / _COMPILED).absolute())
    try:
        yield
    finally:
        if given is None:
            os.environ.pop(name, None)


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
        "%s: %d pictures of %d people, %d of whom have several (at most %d), which are averaged; "
        "%d × %d × %d",
        region, fit.n_pictures, n, several, fit.most_pictures,
        fit.network.height, fit.network.width, fit.network.channels,
    )  # fmt: skip


def claim(models: Path, asked: Mapping[str, Any], *, force: bool) -> None:
    """Say in the folder what is trained there, or refuse where it is something else.

    Raises
    ------
    InputError
        The folder holds models of another training and ``force`` is not set; or it holds anything
        and no training made it.
    """
    path = models / TRAINING
    foreign = [p for p in models.glob("*") if p.name != _COMPILED] if not path.exists() else []
    if foreign:
        raise InputError(
            f"{models} holds {foreign[0].name} and was not made by a training: choose another --out"
        )
    plain = json.loads(json.dumps(asked))
    # a run that failed before its first epoch holds nothing that could be lost
    if path.exists() and any(models.glob("**/fold*/*")) and not force:
        try:
            there = json.loads(path.read_text())
        except ValueError:
            there = {}
        differ = [name for name, value in plain.items() if there.get(name) != value]
        if differ:
            raise InputError(
                f"{models} holds models of another training (other {', '.join(differ)}): choose "
                "another --out, or give --force to replace them"
            )
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(plain, indent=1) + "\n")


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Turn a full disk into an error that says what is kept.

    Raises
    ------
    GwasboneError
        The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise GwasboneError(
            f"disk full while training in {folder}: free some space and give the same command "
            "again; finished folds and epochs are kept"
        ) from error
