"""Whose images a training gets, and why others are left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, UsageError
from gwasbone.images.cache import ImageCache, Pictures
from gwasbone.images.regions import SIDED, SIDES
from gwasbone.learning.image_training import CASE, SEX, TrainingPeople
from gwasbone.learning.options import RegressionLoss, TargetKind
from gwasbone.learning.task import Task, binary_task, class_task, regression_task
from gwasbone.phenotypes.table import expand_names, numbers, pick_columns
from gwasbone.phenotypes.traits import trait_values
from gwasbone.stats.variation import varies

log = logging.getLogger(__name__)

#: Classes of a categorical target, at most.
MOST_CLASSES = 50

#: Why somebody is not trained on.
LEFT_OUT = {
    "no_picture": "in the table, without an image of the regions",
    "no_person": "with an image, not in the table",
    "no_target": "without a value of the target",
}


def region_pictures(cache: ImageCache, region: str) -> Pictures:
    """Pictures of a region as the command line names it.

    ``hip`` and ``knee`` are both sides, ``left_hip`` one; ``whole_body`` has three channels
    (skeleton, flesh, both); other names are the cache's arrays.

    Raises
    ------
    InputError
        The cache has no such images.
    """
    if region == "whole_body":
        return cache.body_channels()
    side, _, rest = region.partition("_")
    if side in SIDES and rest in SIDED:
        return cache.pictures(rest, side=side)
    if region in SIDED and not cache.settings.mirror:
        log.warning(
            "left and right %ss are not mirrored in this cache: `gwasbone images --mirror right` "
            "makes one that is, from which a network learns more",
            region,
        )
    return cache.pictures(region)


def training_people(
    tables: Mapping[str, pd.DataFrame],
    pictured: pd.Index,
    task: str,
    side_inputs: Sequence[str] = (),
    *,
    kind: TargetKind = "binary",
    loss: RegressionLoss = "squared",
) -> tuple[TrainingPeople, pd.DataFrame]:
    """People with a target and an image, and (``IID reason``) the others.

    Parameters
    ----------
    tables : path -> table of people.
    pictured : everybody with an image of a region.
    task : column of the target: {0, 1} or {1, 2} (2 = case) of a binary one, numbers that stand
        for classes, or numbers, of which there may be several columns, separated by commas; NaN is
        left out.
    side_inputs : columns of numbers that the network gets beside the image.

    Raises
    ------
    InputError
        No such column, or not one of the kind, or nobody is in both.
    UsageError
        The target is a side input.
    """
    targets = expand_names([name.strip() for name in task.split(",") if name.strip()])
    both = [name for name in targets if name in side_inputs]
    if both:
        raise UsageError(f"--side-inputs {both[0]}: the target cannot be an input, leave it out")
    has_sex = any(SEX in table.columns for table in tables.values())
    if not has_sex:
        log.warning("the tables have no column sex: folds are stratified by %s only", task)
    names = [*targets, *side_inputs, *([SEX] if has_sex else [])]
    columns = pick_columns(tables, dict.fromkeys(names))
    learned, target = _target(columns, targets, task, kind, loss)
    known, shown = target.notna().any(axis=1), columns.index.isin(pictured)
    reasons = pd.concat(
        [
            pd.Series("no_target", columns.index[~known]),
            pd.Series("no_picture", columns.index[known & ~shown]),
            pd.Series("no_person", pictured.difference(columns.index)),
        ]
    )
    used = columns.index[known & shown].sort_values()
    if used.empty:
        raise InputError(
            f"training: expected participants with {task} and an image, none of "
            f"{int(known.sum()):,} in the table and {len(pictured):,} with images is in both: "
            "check that IID and the cache's participants are named alike"
        )
    table = target.loc[used].copy()
    # whatever its coding; somebody of unknown sex is a stratum of its own, -1
    table[SEX] = pd.factorize(columns.loc[used, SEX], sort=True)[0] if has_sex else -1
    scales = {}
    for name in side_inputs:
        values = pd.Series(numbers(columns, name), columns.index)[used]
        if not varies(values):
            raise InputError(
                f"--side-inputs {name}: expected numbers that vary among the {len(used):,} "
                "participants with an image, all are the same or missing: leave it out"
            )
        scales[f"side_{name}"] = scale = (float(values.mean()), float(values.std(ddof=0)))
        table[f"side_{name}"] = side_values(values, scale)
        log.info("side input %s: not known of %d participants", name, values.isna().sum())
    left_out = reasons.rename_axis("IID").rename("reason").reset_index()
    for reason, meaning in LEFT_OUT.items():
        log.info("%d participants %s (%s)", (left_out["reason"] == reason).sum(), meaning, reason)
    if kind == "binary":
        n_cases = int(table[CASE].sum())
        log.info("%s: %d cases, %d controls with an image", task, n_cases, len(table) - n_cases)
    else:
        log.info("%s: %d participants with an image", task, len(table))
    names_of_sides = tuple(f"side_{name}" for name in side_inputs)
    return TrainingPeople(table, names_of_sides, learned, scales), left_out


def side_values(values: pd.Series, scale: tuple[float, float]) -> pd.Series:
    """A side input as networks take it: standardised, 0 (the mean) where it is not known."""
    mean, spread = scale
    if not spread > 0:
        return pd.Series(0.0, values.index)
    return ((values - mean) / spread).fillna(0.0)


def _target(
    columns: pd.DataFrame, targets: Sequence[str], task: str, kind: TargetKind, loss: RegressionLoss
) -> tuple[Task, pd.DataFrame]:
    """The task, and the target by participant as :class:`TrainingPeople` has it."""
    if kind == "regression":
        found = {f"target_{name}": numbers(columns, name) for name in targets}
        return regression_task(task, targets, loss=loss), pd.DataFrame(found, index=columns.index)
    if len(targets) > 1:
        raise UsageError(f"--task {task}: several columns are for --kind regression")
    if kind == "binary":
        labels = trait_values(columns, task, need_binary=True)
        made = binary_task(task, class_names(task, labels.spelling))
        # coded 0, 1 whatever the table's coding
        return made, pd.DataFrame({CASE: labels.y}, index=columns.index)
    values = numbers(columns, task)
    classes = np.unique(values[~np.isnan(values)])
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise InputError(
            f"--task {task}: expected 2 to {MOST_CLASSES} classes, got {len(classes)} different "
            "values; numbers are for --kind regression"
        )
    y = np.where(np.isnan(values), np.nan, np.searchsorted(classes, values))
    names = [f"{task} {value:g}" for value in classes]
    return class_task(task, names), pd.DataFrame({f"target_{task}": y}, index=columns.index)


def class_names(task: str, spelling: Sequence[str]) -> tuple[str, str]:
    """What the two values of a target are called.

    Parameters
    ----------
    spelling : how the column spells them, controls first.

    >>> class_names("sex", ("1", "2")), class_names("fracture", ("No", "Yes"))
    (('men', 'women'), ('fracture No', 'fracture Yes'))
    """
    if task == "case":
        return "controls", "cases"
    if task == "sex":
        # 1, 2 is PLINK's coding (1 = male), 0, 1 that of UK Biobank's field 31 (1 = male)
        return ("men", "women") if tuple(spelling) == ("1", "2") else ("women", "men")
    return f"{task} {spelling[0]}", f"{task} {spelling[1]}"
