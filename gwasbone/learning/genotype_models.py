"""Genotypes from images: sex-pretrained, cross-fitted classifiers and their permutation null.

One split of people serves a region's pretraining and all its variants: the model that a fold's
classifier starts from was pretrained on the people that the classifier itself is trained on, so
that nobody is predicted by weights that have seen their images.

Nothing here reads or writes but the folder of models; see :mod:`gwasbone.steps.genotype_models`.

References
----------
Eriksson & Nakamori (2025), §2.6: EfficientNet-B0 pretrained on sex, three genotypes as classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.images.cache import Pictures
from gwasbone.learning.backend import Backend
from gwasbone.learning.cross_fit import CrossFit
from gwasbone.learning.folds import PersonFolds
from gwasbone.learning.genotype_labels import GenotypeLabels
from gwasbone.learning.image_phenotype import person_scores
from gwasbone.learning.image_training import CASE, SEX, TrainingPeople, data_hash, network_for
from gwasbone.learning.networks import ImageNetwork, TrainingPlan
from gwasbone.learning.options import GenotypeHead, ImageNetworkOptions
from gwasbone.learning.picture_rows import ReducedPictures
from gwasbone.learning.task import Task, binary_task, class_task, with_head_name
from gwasbone.learning.trainer import OnEpoch, Trainer, TrainingRows
from gwasbone.stats.concordance import (
    Concordance,
    ConcordanceDifference,
    compare_concordance,
    concordance,
)
from gwasbone.stats.permutation import IntArray, shuffled_within
from gwasbone.stats.roc import Auc, area_under_curve
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]

#: Names of the outputs of the two networks.
SEX_HEAD, GENOTYPE = "sex", "genotype"


@dataclass(frozen=True)
class RegionPictures:
    """The images of a region as networks take them.

    Parameters
    ----------
    region : its name.
    network : without its own head; the images' size is in it.
    inputs : ``image`` (N, height, width, channels).
    people : (p,) those with an image, sorted; person : (N,) place of each image's in it.
    fold : (p,) of the person; folds : the same split of the N images.
    data_hash : of images and people.
    """

    region: str
    network: ImageNetwork
    inputs: Mapping[str, Any]
    people: pd.Index
    person: IntArray
    fold: IntArray
    folds: PersonFolds
    data_hash: str

    @property
    def rows(self) -> TrainingRows:
        """What networks of the region are trained on."""
        person = self.people.to_numpy()[self.person]
        return TrainingRows(self.inputs, person, self.folds, self.data_hash)

    def of_pictures(self, values: npt.ArrayLike) -> FloatArray:
        """(N,) values of participants, (p,), for each of their images."""
        return np.asarray(values, dtype=np.float64)[self.person]


@dataclass(frozen=True)
class SexModels:
    """A region's networks that tell men from women, one per fold.

    Parameters
    ----------
    area : AUC out of fold, of log odds standardised within folds; None where one sex only.
    """

    fit: CrossFit
    area: Auc | None


@dataclass(frozen=True)
class GenotypeFit:
    """Cross-fitted classifier of the genotypes of a variant.

    Parameters
    ----------
    scores : indexed by person: ``fold``, ``copies`` of the effect allele, ``label`` (class),
        ``expected`` (mean class of the predicted probabilities, out of fold), ``p_0`` and so on,
        ``in_training`` (``expected`` by the models that were fitted to the person).
    area : concordance of ``expected`` with the class, over pairs within folds: the AUC for two
        classes, its generalisation for three.
    in_training : the same by the models that were fitted to the person.
    by_class : AUC of each class's probability, that class against the others.
    baseline, difference : concordance of the same by covariates, and what images have over it;
        None without covariates.
    """

    labels: GenotypeLabels
    fit: CrossFit
    scores: pd.DataFrame
    area: Concordance
    in_training: Concordance
    by_class: tuple[Concordance, ...]
    baseline: Concordance | None
    difference: ConcordanceDifference | None


def prepare_region(
    region: str,
    pictures: Pictures,
    people: pd.Index,
    split: PersonFolds,
    choice: ImageNetworkOptions,
) -> RegionPictures:
    """Take the images of a region's participants.

    Parameters
    ----------
    people : (n,) sorted, everybody of the study; split : of them.

    Raises
    ------
    InputError
        Nobody has an image, or a fold has nobody with one.
    """
    place = people.get_indexer(pd.Index(pictures.people))
    rows = np.flatnonzero(place >= 0)
    place = place[rows]
    pictured = np.unique(place)
    held_out = np.bincount(split.fold[pictured], minlength=split.n_folds)
    if not len(rows) or not held_out.all():
        raise InputError(
            f"images of {region}: expected participants in each of {split.n_folds} folds, got "
            f"{', '.join(map(str, held_out))}: give more participants or fewer folds"
        )
    used = replace(
        pictures, table=pictures.table.iloc[rows].reset_index(drop=True), rows=pictures.rows[rows]
    )
    nobody = TrainingPeople(pd.DataFrame({CASE: [], SEX: []}))
    network = network_for(choice, used, nobody)
    reduced = ReducedPictures(used, np.arange(len(used)), network.height, network.width)
    return RegionPictures(
        region=region,
        network=network,
        inputs={"image": reduced.held()},
        people=people[pictured],
        person=np.searchsorted(pictured, place),
        fold=split.fold[pictured],
        folds=split.of_rows(place),
        data_hash=data_hash(used, nobody, choice),
    )


def pretrain_on_sex(
    backend: Backend,
    pictures: RegionPictures,
    is_male: npt.ArrayLike,
    plan: TrainingPlan,
    *,
    folder: Path,
    on_epoch: OnEpoch | None = None,
) -> SexModels:
    """Cross-fit networks that tell sex, to start classifiers of genotypes from.

    Parameters
    ----------
    is_male : (p,) 1, 0 or NaN, of ``pictures.people``.
    """
    sex = np.asarray(is_male, dtype=np.float64)
    fit = Trainer(backend, pictures.network, plan, pictures.rows).fit(
        with_head_name(binary_task("sex"), SEX_HEAD), pictures.of_pictures(sex), folder=folder,
        on_epoch=on_epoch,
    ).fit  # fmt: skip
    if len(set(sex[~np.isnan(sex)])) < 2:
        return SexModels(fit, None)
    scores = person_scores(pictures.people.to_numpy()[pictures.person], fit, SEX_HEAD)
    return SexModels(fit, area_under_curve(sex, scores["cnn_logit_std"], scale="logit"))


@dataclass(frozen=True)
class GenotypeTrainer:
    """What the classifiers of one region's variants share.

    Parameters
    ----------
    backend : a :class:`~gwasbone.learning.backend.ReusingBackend` where many are trained.
    head : categorical, or ordinal on the number of copies.
    first_weights : per fold, the model to start from; None for random weights.
    """

    backend: Backend
    pictures: RegionPictures
    head: GenotypeHead
    plan: TrainingPlan
    first_weights: Sequence[Path] | None = None

    def fit(
        self,
        labels: GenotypeLabels,
        covariates: FloatArray,
        *,
        folder: Path,
        on_epoch: OnEpoch | None = None,
    ) -> GenotypeFit:
        """Cross-fit a classifier and judge it.

        Parameters
        ----------
        labels : of ``pictures.people``, with status ``ok``.
        covariates : (p, c) of the baseline, NaN for missing; c = 0 for none.
        folder : of the variant's models, ``fold0`` and so on; finished folds are taken.
        """
        target = self.pictures.of_pictures(labels.label)
        fit = self._trainer.fit(self._task(labels), target, folder=folder, on_epoch=on_epoch).fit
        probability = self._people_mean(fit.held_out[GENOTYPE])
        fold, y = self.pictures.fold, labels.label
        expected = _expected(probability)
        seen = _expected(self._people_mean(fit.in_training[GENOTYPE]))
        scores = pd.DataFrame(
            {"fold": fold, "copies": labels.copies, "label": y, "expected": expected}
            | {f"p_{k}": probability[:, k] for k in range(probability.shape[1])}
            | {"in_training": seen},
            index=self.pictures.people,
        )
        baseline = difference = None
        if covariates.shape[1]:
            told = baseline_scores(covariates, y, fold)
            baseline = concordance(y, told, group=fold)
            difference = compare_concordance(y, expected, told, group=fold)
        by_class = tuple(
            concordance(np.where(np.isnan(y), np.nan, y == k), probability[:, k], group=fold)
            for k in range(len(labels.classes))
        )
        return GenotypeFit(
            labels, fit, scores, concordance(y, expected, group=fold),
            concordance(y, seen, group=fold), by_class, baseline, difference,
        )  # fmt: skip

    def null_statistic(
        self, labels: GenotypeLabels, strata: IntArray, rng: np.random.Generator
    ) -> float:
        """The ``area`` of a classifier that is trained on shuffled labels, all else the same.

        Parameters
        ----------
        strata : (p,) labels are shuffled within them.
        """
        y = shuffled_within(labels.label, strata, rng)
        found = self._trainer.held_out(self._task(labels), self.pictures.of_pictures(y))
        expected = _expected(self._people_mean(found))
        return concordance(y, expected, group=self.pictures.fold).estimate

    @property
    def _trainer(self) -> Trainer:
        pictures = self.pictures
        return Trainer(self.backend, pictures.network, self.plan, pictures.rows, self.first_weights)

    def _task(self, labels: GenotypeLabels) -> Task:
        names = ["+".join(map(str, members)) for members in labels.classes]
        task = class_task("genotype", names, ordered=self.head == "ordinal")
        return with_head_name(task, GENOTYPE)

    def _people_mean(self, values: FloatArray) -> FloatArray:
        """(p, size) mean over each participant's images of (N, size)."""
        person, p = self.pictures.person, len(self.pictures.people)
        sums = np.column_stack([np.bincount(person, column, minlength=p) for column in values.T])
        return np.asarray(sums / np.bincount(person, minlength=p)[:, None], dtype=np.float64)


def baseline_scores(covariates: FloatArray, label: FloatArray, fold: IntArray) -> FloatArray:
    """What a linear model of covariates expects of participants that it was not fitted to.

    Parameters
    ----------
    covariates : (p, c) NaN counts as the mean of those who are fitted to.
    label : (p,) NaN is not fitted to, but predicted.
    fold : (p,)
    """
    made = np.full(len(label), np.nan)
    for j in np.unique(fold):
        out, fitted = fold == j, (fold != j) & ~np.isnan(label)
        known = np.where(fitted[:, None], covariates, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(known, axis=0) / (~np.isnan(known)).sum(axis=0)
        centred = np.nan_to_num(covariates - mean)
        spread = centred[fitted].std(axis=0)
        same = ~varies(centred[fitted], magnitude=np.nan_to_num(np.abs(mean)))
        X = np.column_stack([np.ones(len(label)), centred / np.where(same, 1, spread)])
        beta = np.linalg.lstsq(X[fitted], label[fitted], rcond=None)[0]
        made[out] = X[out] @ beta
    return made


def _expected(probability: FloatArray) -> FloatArray:
    """(p,) the mean class."""
    return np.asarray(probability @ np.arange(probability.shape[1]), dtype=np.float64)
