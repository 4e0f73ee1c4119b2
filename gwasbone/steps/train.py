"""From a cache of pictures and a table of people to ``cnn_prob``, evaluated."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import GwasboneError, InputError
from gwasbone.files import atomic_path
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend, Epoch
from gwasbone.learning.evaluation import IN_TRAINING, POOLED, evaluate, paired_differences
from gwasbone.learning.image_training import (
    CASE,
    TARGET,
    RegionFit,
    all_scores,
    fit_region,
    phenotype_table,
    split_people,
)
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan, as_mapping
from gwasbone.learning.options import NetworkChoice
from gwasbone.learning.training_run import Trained
from gwasbone.steps.train_inputs import region_pictures, training_people
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

#: What a run leaves beside its log and the folder of models, as suffixes of the prefix.
OUTPUTS = (".cnn.tsv", ".evaluation.tsv", ".left_out.tsv", ".train.html")
MODELS = ".models"
TRAINING, MODELS_TABLE, PEOPLE = "training.json", "models.tsv", "people.tsv"
_COMPILED = ".compiled"

Progress = Callable[[str, int, int], None]


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


def train(
    backend: Backend,
    cache: ImageCache,
    regions: Sequence[str],
    tables: Mapping[str, pd.DataFrame],
    task: str,
    choice: NetworkChoice,
    plan: TrainingPlan,
    *,
    models: Path,
    side_inputs: Sequence[str] = (),
    folds: int = 5,
    validation_share: float = 0.1,
    force: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a model per region and fold, and evaluate what they say of people they never saw.

    Parameters
    ----------
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
    pictures = {region: region_pictures(cache, region) for region in regions}
    pictured = pd.Index(np.unique(np.concatenate([p.people for p in pictures.values()])))
    people, left_out = training_people(tables, pictured, task, side_inputs)
    split = split_people(people, folds=folds, validation_share=validation_share, seed=plan.seed)
    asked = {
        "task": task, "regions": list(regions), "cache": str(cache.folder.absolute()),
        "cache_settings": cache.settings.hash, "side_inputs": list(side_inputs), "folds": folds,
        "validation_share": validation_share, "network": asdict(choice), "plan": as_mapping(plan),
        "people": len(people.table), "cases": int(people.table[CASE].sum()),
    }  # fmt: skip
    fits = {}
    with full_disk(models):
        claim(models, asked, force=force)
        for region in regions:
            watch = _Watch(region, plan.epochs, folds, progress)
            fits[region] = fit_region(
                backend, region, pictures[region], people, split, choice, plan,
                folder=models / region, on_epoch=watch,
            )  # fmt: skip
            _log_region(region, fits[region])
    case = people.table[CASE].astype(float)
    scores = all_scores(fits, case)
    return Trained(
        task, people, fits, scores, evaluate(scores, case), paired_differences(scores, case),
        left_out,
    )  # fmt: skip


def write_training(trained: Trained, prefix: Path, *, models: Path) -> None:
    """Write the files of ``OUTPUTS``, and tables about models and people into their folder."""
    from gwasbone.report.pages.training import training_page

    write_table(models_table(trained, models), models / MODELS_TABLE, index=False)
    folds = trained.scores[trained.main]["cnn_fold"].rename_axis("IID")
    write_table(folds.to_frame(), models / PEOPLE)
    training_page(trained, Path(f"{prefix}.train.html"))
    write_table(trained.left_out, Path(f"{prefix}.left_out.tsv"), index=False)
    write_table(trained.evaluation, Path(f"{prefix}.evaluation.tsv"), index=False)
    write_table(phenotype_table(trained.scores).rename_axis("IID"), Path(f"{prefix}.cnn.tsv"))


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


def summary(trained: Trained) -> list[str]:
    """A line per score: AUC out of fold, and on the people that models were fitted to."""
    table = trained.evaluation.set_index(["score", "people"])
    lines = []
    for score in trained.scores:
        out, seen = table.loc[(score, POOLED)], table.loc[(score, IN_TRAINING)]
        lines.append(
            f"{score}: AUC {out['auc']:.3f} [{out['auc_lower']:.3f}, {out['auc_upper']:.3f}] out "
            f"of fold ({seen['auc']:.3f} in training), {out['n_cases']:,} cases, "
            f"{out['n'] - out['n_cases']:,} controls"
        )
    return lines


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
