"""A task from images of regions: one split of participants, a model per region and fold.

Nothing here reads or writes but the folder of models; see :mod:`gwasbone.steps.train`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.files import content_hash
from gwasbone.images.cache import Pictures
from gwasbone.learning.backend import Backend, Epoch
from gwasbone.learning.cross_fit import CrossFit
from gwasbone.learning.folds import PersonFolds, fixed_split, person_folds
from gwasbone.learning.image_phenotype import (
    PART,
    SEEN,
    mean_of_regions,
    person_means,
    person_scores,
    stack_regions,
    with_parts,
)
from gwasbone.learning.networks import ImageNetwork, TrainingPlan
from gwasbone.learning.options import ImageNetworkOptions, NetworkChoice
from gwasbone.learning.picture_rows import (
    ReducedPictures,
    network_pixels,
    reduced_size,
)
from gwasbone.learning.task import TARGET, EncodedTarget, Task, binary_task
from gwasbone.learning.trainer import Trainer, TrainingRows

log = logging.getLogger(__name__)

STACKED = "stacked"
#: Columns of :class:`TrainingPeople`'s table beside the side inputs.
CASE, SEX = "case", "sex"

#: Longer side of pictures where none is asked for; Eriksson & Nakamori 2025 use 672 and 224.
SIZES = {"small": 96, "efficientnet_b0": 224}
_PAPER_SIZE = 672


@dataclass(frozen=True)
class TrainingPeople:
    """Who is trained on.

    Parameters
    ----------
    table : indexed by person, sorted: the target (``case``, 1 or 0, of a binary task; a column
        ``target_`` and the name of each of the task's columns otherwise), ``sex`` (-1 where not
        known), and the side inputs, standardised, 0 where not known.
    side_inputs : their names.
    task : what is learned.
    side_scales : side input -> mean and standard deviation that it was standardised by.
    """

    table: pd.DataFrame
    side_inputs: tuple[str, ...] = ()
    task: Task = field(default_factory=lambda: binary_task(CASE))
    side_scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def is_binary(self) -> bool:
        return self.task.head.kind == "binary"

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the values of the target are called."""
        return self.task.class_names

    @property
    def targets(self) -> pd.DataFrame:
        """The target, a column for each of the task's."""
        names = [CASE] if self.is_binary else [f"target_{name}" for name in self.task.columns]
        return self.table[names].astype(float).set_axis(list(self.task.columns), axis=1)

    @property
    def strata(self) -> npt.NDArray[np.str_]:
        """(n,) target (of numbers its quarter) and sex, which folds have in equal shares."""
        first = self.targets.iloc[:, 0]
        if self.task.head.kind == "regression":
            first = pd.qcut(first.rank(method="first"), 4, labels=False).fillna(-1)
        parts = [values.astype(int).astype(str) for values in (first, self.table[SEX])]
        return (parts[0] + " " + parts[1]).to_numpy(str)


@dataclass(frozen=True)
class RegionFit:
    """A region's cross-fitted models.

    Parameters
    ----------
    task : what was learned; encoded : how its target was encoded.
    network : what was built; fit : its predictions of images; scores : of people, see
        :func:`gwasbone.learning.image_phenotype.person_scores` and
        :func:`gwasbone.learning.image_phenotype.person_means`.
    most_pictures : of a person; n_pictures : in all.
    """

    task: Task
    encoded: EncodedTarget
    network: ImageNetwork
    fit: CrossFit
    scores: pd.DataFrame
    data_hash: str
    n_pictures: int
    most_pictures: int

    @property
    def log_odds_shift(self) -> float:
        """What was added to log odds against the class weights."""
        return self.encoded.log_odds_shift


def split_people(
    people: TrainingPeople, *, folds: int, validation_share: float, seed: int, rotate: bool = False,
    shares: tuple[float, float, float] | None = None,
) -> PersonFolds:  # fmt: skip
    """One split for all regions, with target and sex in equal shares; rows are those of the table.

    Parameters
    ----------
    shares : of training, validation and test, in place of folds.

    Raises
    ------
    InputError
        Fewer people of a class than folds, or a part of the split lacks a class.
    """
    if shares is not None:
        split = fixed_split(
            people.table.index.to_numpy(), people.strata, shares=shares, seed=seed
        )  # fmt: skip
        _check_parts(people, np.arange(len(people.table)), split, "all regions")
        return split
    check_people(people, people.table.index, folds, "all regions")
    return person_folds(
        people.table.index.to_numpy(), people.strata, folds=folds,
        validation_share=validation_share, rotate=rotate, seed=seed,
    )  # fmt: skip


def check_people(people: TrainingPeople, seen: pd.Index, folds: int, where: str) -> None:
    """Raise where a fold would lack a class, or participants."""
    target = people.targets.loc[seen].iloc[:, 0]
    if people.is_binary:
        check_classes(target, folds, where)
        return
    counts = [len(target)]
    if people.task.head.kind == "categorical":
        counts = np.bincount(target.astype(int), minlength=people.task.head.size).tolist()
    if min(counts) < folds:
        raise InputError(
            f"training: expected at least {folds} "
            f"participants{' of each class' * (len(counts) > 1)} with images of {where} for "
            f"{folds} folds, got {', '.join(map(str, counts))}: give more participants or fewer "
            "folds"
        )


def _check_parts(
    people: TrainingPeople, rows: npt.NDArray[np.intp], split: PersonFolds, where: str
) -> None:
    """Raise where a part of a fixed split has nobody, or lacks a class; ``rows`` of the table."""
    target = people.targets.iloc[rows, 0]
    classes = [target.notna()]
    if people.task.head.kind != "regression":
        classes = [target == value for value in range(len(people.class_names))]
    for name in ("training", "validation", "test"):
        in_part = split.part[rows] == name
        counts = [int((of & in_part).sum()) for of in classes]
        if min(counts) < 1:
            raise InputError(
                f"split: expected participants{' of each class' * (len(counts) > 1)} with images "
                f"of {where} in the {name} part, got {', '.join(map(str, counts))}: give more "
                "participants, larger parts, or folds"
            )


def check_classes(case: pd.Series, folds: int, where: str) -> None:
    """Raise where a fold would lack cases or controls."""
    n_cases = int((case == 1).sum())
    n_controls = int((case == 0).sum())
    if min(n_cases, n_controls) < folds:
        raise InputError(
            f"training: expected at least {folds} cases and {folds} controls with images of "
            f"{where} for {folds} folds, got {n_cases} and {n_controls}: give more participants, "
            "fewer folds, or look at the coding of the target"
        )


def network_for(
    choice: ImageNetworkOptions, pictures: Pictures, people: TrainingPeople
) -> ImageNetwork:
    """The network of a region's images, without its output."""
    _, height, width, channels = pictures.shape
    longest = max(height, width)
    architecture = choice.architecture or "small"
    wanted = choice.size or min(SIZES.get(architecture, _PAPER_SIZE), longest)
    rows, columns = reduced_size(height, width, wanted)
    return ImageNetwork(
        heads=(), architecture=architecture, height=rows, width=columns, channels=channels,
        side_inputs=dict.fromkeys(people.side_inputs, 1), weights=choice.weights,
        mixed_precision=choice.mixed_precision, dropout=choice.dropout,
        dense_layers=choice.dense_layers, dense_nodes=choice.dense_nodes, l2=choice.l2,
        augment=dict(choice.augment), pixels=network_pixels(pictures.dtype),
        pixel_range=(0.0, float(pictures.white)),
    )  # fmt: skip


def data_hash(pictures: Pictures, people: TrainingPeople, choice: ImageNetworkOptions) -> str:
    """16 digits that differ where images, their participants, side inputs or first weights do."""
    digest = hashlib.sha256()
    columns = ["person", "visit", "side", "content_sha256", "settings_hash"]
    digest.update(pictures.table[columns].to_csv(index=False).encode())
    for name in people.side_inputs:
        digest.update(people.table[name].to_csv().encode())
    if choice.weights != "random" and Path(choice.weights).is_file():
        digest.update(content_hash(Path(choice.weights)).encode())
    return digest.hexdigest()[:16]


def fit_region(
    backend: Backend,
    region: str,
    pictures: Pictures,
    people: TrainingPeople,
    split: PersonFolds,
    choice: NetworkChoice,
    plan: TrainingPlan,
    *,
    folder: Path,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> RegionFit:
    """Cross-fit one region; participants without its images, and images of others, are left out.

    Parameters
    ----------
    split : of the people, rows as in their table.
    folder : of the region's models; finished folds and epochs of the same training are taken.

    Raises
    ------
    InputError
        Too few cases or controls have the region's images, or the backend refuses something.
    """
    place = people.table.index.get_indexer(pd.Index(pictures.people))
    rows = np.flatnonzero(place >= 0)
    place = place[rows]
    person = people.table.index.to_numpy()[place]
    if split.is_fixed:
        _check_parts(people, np.unique(place), split, region)
    else:
        check_people(people, pd.Index(np.unique(person)), split.n_folds, region)
    used = replace(
        pictures, table=pictures.table.iloc[rows].reset_index(drop=True), rows=pictures.rows[rows]
    )
    network = network_for(choice, used, people)
    inputs: dict[str, Any] = {
        name: people.table[name].to_numpy(np.float32)[place][:, None] for name in people.side_inputs
    }
    reduced = ReducedPictures(used, np.arange(len(used)), network.height, network.width)
    inputs["image"] = reduced.held()
    target = people.targets.to_numpy(np.float64)[place]
    weigh = choice.class_weights and people.task.head.kind != "regression"
    task, hashed = replace(people.task, class_weights=weigh), data_hash(used, people, choice)
    trainer = Trainer(
        backend, network, plan, TrainingRows(inputs, person, split.of_rows(place), hashed)
    )
    done = trainer.fit(
        task, target[:, 0] if target.shape[1] == 1 else target, folder=folder, on_epoch=on_epoch
    )
    shift = done.encoded.log_odds_shift
    if people.is_binary:
        scores = person_scores(person, done.fit, TARGET, log_odds_shift=shift)
    else:
        scores = person_means(person, done.fit, task)
    if split.is_fixed:
        scores = with_parts(scores, person, done.fit, split.of_rows(place), task, shift)
    assert isinstance(done.network, ImageNetwork)
    return RegionFit(
        task, done.encoded, done.network, done.fit, scores, hashed, len(used),
        int(scores["n_pictures"].max()),
    )  # fmt: skip


def all_scores(fits: Mapping[str, RegionFit], people: TrainingPeople) -> dict[str, pd.DataFrame]:
    """Scores by region, and for several regions one of them together, under ``stacked``.

    A binary target's is a model of the regions' log odds; of others it is the mean over the
    regions that a person has.
    """
    scores = {region: fit.scores for region, fit in fits.items()}
    if len(scores) > 1 and people.is_binary:
        scores[STACKED] = stack_regions(scores, people.targets.iloc[:, 0])
    elif len(scores) > 1:
        scores[STACKED] = mean_of_regions(scores)
    return scores


def phenotype_table(scores: Mapping[str, pd.DataFrame], task: Task) -> pd.DataFrame:
    """The table that an association takes, indexed by participant.

    Columns: those of ``task.phenotypes``, ``cnn_fold`` and ``n_pictures`` of the stacked score (of
    the region where there is one), and the same phenotypes of each region with its name behind.
    Everything is out of fold. ``cnn_logit_rint`` are normal scores of ``cnn_logit_std``, which is
    standardised within folds; of a region only ``cnn_prob`` and ``cnn_logit_std`` are given. With
    one split in place of folds these are of the test part, NaN for the others, ``cnn_part`` takes
    the place of ``cnn_fold``, and ``seen_`` and the name of a phenotype is the network's prediction
    of whom it was trained or validated on.
    """
    from gwasbone.phenotypes.transforms import normal_scores

    main = scores[STACKED] if STACKED in scores else next(iter(scores.values()))
    of_region = list(task.phenotypes)
    table = main.reindex(columns=of_region)
    if task.head.kind == "binary":
        of_region = ["cnn_prob", "cnn_logit_std"]
        table["cnn_logit_rint"] = normal_scores(main[["cnn_logit_std"]])["cnn_logit_std"]
    table["cnn_fold"], table["n_pictures"] = main["cnn_fold"], main["n_pictures"]
    if PART in main:
        # of one split: what is not out of sample is named so, and has no column of its own in scans
        seen = [name for name in main.columns if name.startswith(SEEN)]
        table = table.drop(columns="cnn_fold").join(main[[PART, *seen]])
    for region, found in scores.items():
        if region != STACKED:
            table = table.join(found[of_region].add_suffix(f"_{region}"))
    return table
