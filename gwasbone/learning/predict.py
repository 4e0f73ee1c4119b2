"""Trained models on the pictures of a cache, old people and new."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from gwasbone.errors import InputError
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend
from gwasbone.learning.image_phenotype import CLOSEST
from gwasbone.learning.image_training import TARGET
from gwasbone.learning.picture_rows import ReducedPictures
from gwasbone.learning.training_people import region_pictures
from gwasbone.learning.training_run import MODELS_TABLE, PEOPLE, TRAINING
from gwasbone.phenotypes.table import read_people_table

log = logging.getLogger(__name__)


def predict(backend: Backend, models: Path, cache: ImageCache) -> pd.DataFrame:
    """Scores of everybody with a picture.

    Parameters
    ----------
    models : folder that ``gwasbone train`` left, finished.

    Returns
    -------
    Indexed by person: ``in_training``; ``cnn_prob_<region>``, ``cnn_logit_std_<region>`` and
    ``pictures_<region>``, NaN and 0 where a person has no picture of the region.

    Raises
    ------
    InputError
        No finished training in the folder, one with side inputs, a cache of other settings, or a
        model that cannot be read.
    """
    asked, table = _training(models)
    if asked["side_inputs"]:
        raise InputError(
            f"{models}: expected a training on pictures alone, it has the side inputs "
            f"{', '.join(asked['side_inputs'])}: such models cannot be applied to new people yet"
        )
    if asked["cache_settings"] != cache.settings.hash:
        raise InputError(
            f"{cache.folder}: expected pictures made as those of {models} were (settings "
            f"{asked['cache_settings']}), got settings {cache.settings.hash}: make the cache with "
            "the same options"
        )
    fold = read_people_table(models / PEOPLE)["cnn_fold"]
    regions = {
        region: _of_region(backend, models, cache, region, table[table["region"] == region], fold)
        for region in asked["regions"]
    }
    together = pd.concat(regions.values(), axis=1).sort_index()
    counts = [f"pictures_{region}" for region in regions]
    together[counts] = together[counts].fillna(0).astype(int)
    together.insert(0, "in_training", together.index.isin(fold.index))
    return together


def _of_region(
    backend: Backend,
    models: Path,
    cache: ImageCache,
    region: str,
    table: pd.DataFrame,
    fold: pd.Series,
) -> pd.DataFrame:
    pictures = region_pictures(cache, region)
    card = json.loads((models / table["model"].iloc[0]).with_name("card.json").read_text())
    network = card["network"]
    rows = np.arange(len(pictures))
    inputs = {"image": ReducedPictures(pictures, rows, network["height"], network["width"]).held()}
    person = pd.Index(pictures.people)
    own = fold.reindex(person).to_numpy(float)
    total, level, times = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    for model in table.to_dict("records"):
        # a model speaks of strangers, and of those it held out
        used = np.flatnonzero(np.isnan(own) | (own == model["fold"]))
        found = _predicted(backend, models / model["model"], inputs, used)
        found += model["log_odds_shift"]
        total[used] += found
        level[used] += (found - model["logit_mean"]) / model["logit_sd"]
        times[used] += 1
    log.info("%s: %d pictures of %d people", region, len(rows), person.nunique())
    of_picture = pd.DataFrame({"logit": total / times, "level": level / times}, index=person)
    by_person = of_picture.groupby(level=0)
    mean = by_person.mean()
    return pd.DataFrame(
        {
            f"cnn_prob_{region}": expit(mean["logit"]),
            f"cnn_logit_std_{region}": mean["level"],
            f"pictures_{region}": by_person.size(),
        }
    )


def _predicted(
    backend: Backend, path: Path, inputs: dict[str, Any], rows: np.ndarray
) -> np.ndarray:
    """(rows,) log odds."""
    try:
        made = backend.load(path).predict(inputs, rows=rows)[TARGET][:, 0]
    except ValueError as error:
        raise InputError(str(error)) from error
    return np.asarray(logit(np.clip(made.astype(np.float64), CLOSEST, 1 - CLOSEST)))


def _training(models: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    try:
        asked = json.loads((models / TRAINING).read_text())
        return asked, pd.read_csv(models / MODELS_TABLE, sep="\t")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{models}: expected the folder of models of a finished `gwasbone train`, it cannot be "
            f"read ({error})"
        ) from None
