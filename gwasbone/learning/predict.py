"""Trained networks on the images of a cache, of participants old and new."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from gwasbone.errors import InputError, reading
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend
from gwasbone.learning.cross_fit import read_card
from gwasbone.learning.image_phenotype import CLOSEST
from gwasbone.learning.image_training import CASE
from gwasbone.learning.model_folder import (
    MODELS_TABLE,
    PEOPLE,
    TASK,
    TRAINING,
    load_verified,
)
from gwasbone.learning.networks import Head
from gwasbone.learning.picture_rows import ReducedPictures
from gwasbone.learning.task import TARGET, EncodedTarget, Task, binary_task
from gwasbone.learning.training_people import region_pictures, side_values
from gwasbone.phenotypes.table import numbers, pick_columns, read_people_table

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
_SIDE = "side_"


@dataclass(frozen=True)
class TrainedFolder:
    """What a finished training has left.

    Parameters
    ----------
    folder : of the models.
    asked : what was trained.
    models : a row per model.
    fold : by person, the fold in which they were held out.
    """

    folder: Path
    asked: Mapping[str, Any]
    models: pd.DataFrame
    fold: pd.Series

    @property
    def side_inputs(self) -> list[str]:
        """Columns that the networks take beside the image."""
        return list(self.asked["side_inputs"])

    def task_of(self, region: str) -> tuple[Task, EncodedTarget]:
        """What the networks of a region predict, and in which units."""
        path = self.folder / region / TASK
        if not path.is_file():
            return binary_task(CASE), EncodedTarget(None)
        with reading(path, "what the networks of a region predict"):
            return _task(json.loads(path.read_text()))


def _task(about: dict[str, Any]) -> tuple[Task, EncodedTarget]:
    task = Task(
        about["name"], Head(**about["head"]), tuple(about["columns"]),
        tuple(about["class_names"]), about["class_weights"],
    )  # fmt: skip
    scale = {
        name: None if about[name] is None else np.asarray(about[name], dtype=np.float64)
        for name in ("centre", "spread", "shares")
    }
    return task, EncodedTarget(None, **scale)


def predict(
    backend: Backend,
    models: Path,
    cache: ImageCache,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Scores of all participants with an image.

    Parameters
    ----------
    models : folder that ``gwasbone train`` left, finished. Each model's file is verified.
    tables : path -> table of people with the side inputs, where the networks take any; whoever
        has no value gets the mean of the training, as in training.

    Returns
    -------
    Indexed by person: ``in_training``; the task's phenotypes with ``_<region>`` behind
    (``cnn_prob_<region>`` and ``cnn_logit_std_<region>`` of a binary one) and
    ``pictures_<region>``, NaN and 0 where a person has no image of the region. Whoever was trained
    on is predicted by the model that held them out, everybody else by the mean of all.

    Raises
    ------
    InputError
        No finished training in the folder, a cache of other settings, side inputs that no table
        has, or a model that is not the one that was trained.
    """
    trained = _trained(models)
    if trained.asked["cache_settings"] != cache.settings.hash:
        raise InputError(
            f"{cache.folder}: expected images made as those of {models} were (settings "
            f"{trained.asked['cache_settings']}), got settings {cache.settings.hash}: make the "
            "cache with the same options"
        )
    sides = _side_inputs(trained, tables or {})
    regions = {
        region: _of_region(backend, trained, cache, region, sides)
        for region in trained.asked["regions"]
    }
    together = pd.concat(regions.values(), axis=1).sort_index()
    counts = [f"pictures_{region}" for region in regions]
    together[counts] = together[counts].fillna(0).astype(int)
    together.insert(0, "in_training", together.index.isin(trained.fold.index))
    return together


def _side_inputs(trained: TrainedFolder, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    """Side inputs by participant, standardised as in training; None where networks take none."""
    names = trained.side_inputs
    if not names:
        return None
    scales = trained.asked.get("side_scales")
    if not scales:
        raise InputError(
            f"{trained.folder}: expected the means of the side inputs in {TRAINING}, an earlier "
            "version left none: train again"
        )
    if not tables:
        raise InputError(
            f"{trained.folder}: its networks take {', '.join(names)} beside the image: give "
            "--table FILE with these columns"
        )
    columns = pick_columns(tables, names)
    return pd.DataFrame(
        {
            f"{_SIDE}{name}": side_values(
                pd.Series(numbers(columns, name), columns.index), tuple(scales[f"{_SIDE}{name}"])
            )
            for name in names
        },
        index=columns.index,
    )


def _of_region(
    backend: Backend,
    trained: TrainedFolder,
    cache: ImageCache,
    region: str,
    sides: pd.DataFrame | None,
) -> pd.DataFrame:
    pictures, table = region_pictures(cache, region), trained.models
    table = table[table["region"] == region]
    card = read_card(trained.folder / table["model"].iloc[0])
    network, (task, encoded) = card["network"], trained.task_of(region)
    rows, person = np.arange(len(pictures)), pd.Index(pictures.people)
    inputs: dict[str, Any] = {
        "image": ReducedPictures(pictures, rows, network["height"], network["width"]).held()
    }
    if sides is not None:
        absent = int((~person.unique().isin(sides.index)).sum())
        if absent:
            log.warning(
                "%s: %d of %d participants are not in the table of side inputs: they are "
                "predicted as participants whose %s are the means of the training",
                region, absent, person.nunique(), ", ".join(trained.side_inputs),
            )  # fmt: skip
        for name in network["side_inputs"]:
            values = sides[name].reindex(person).fillna(0.0)
            inputs[name] = values.to_numpy(np.float32)[:, None]
    own = trained.fold.reindex(person).to_numpy(float)
    is_binary = task.head.kind == "binary"
    names = ["logit", "level"] if is_binary else [f"{name}_{region}" for name in task.phenotypes]
    total, times = np.zeros((len(rows), len(names))), np.zeros(len(rows))
    for model in table.to_dict("records"):
        # a model speaks of strangers, and of those it held out
        used = np.flatnonzero(np.isnan(own) | (own == model["fold"]))
        path = trained.folder / model["model"]
        found = _predicted(backend, path, str(model["model_hash"]), inputs, used)
        if is_binary:
            log_odds = logit(np.clip(found[:, 0], CLOSEST, 1 - CLOSEST)) + model["log_odds_shift"]
            level = (log_odds - model["logit_mean"]) / model["logit_sd"]
            total[used] += np.column_stack([log_odds, level])
        else:
            total[used] += task.decode(found, encoded)
        times[used] += 1
    log.info("%s: %d images of %d participants", region, len(rows), person.nunique())
    by_person = pd.DataFrame(total / times[:, None], index=person, columns=names).groupby(level=0)
    mean = by_person.mean()
    if is_binary:
        mean = pd.DataFrame(
            {f"cnn_prob_{region}": expit(mean["logit"]), f"cnn_logit_std_{region}": mean["level"]}
        )
    return mean.assign(**{f"pictures_{region}": by_person.size()})


def _predicted(
    backend: Backend, path: Path, model_hash: str, inputs: dict[str, Any], rows: np.ndarray
) -> FloatArray:
    """(rows, size) predictions of a model that is verified, used or not."""
    model = load_verified(backend, path, model_hash)
    try:
        made = model.predict(inputs, rows=rows)[TARGET]
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return made.astype(np.float64)


def _trained(models: Path) -> TrainedFolder:
    with reading(models, "the folder of models of a finished `gwasbone train`"):
        asked = json.loads((models / TRAINING).read_text())
        table = pd.read_csv(models / MODELS_TABLE, sep="\t", dtype={"model_hash": str})
    return TrainedFolder(models, asked, table, read_people_table(models / PEOPLE)["cnn_fold"])
