"""Residual phenotypes of a transformer over the questionnaire (Eriksson & Nakamori 2025, §2.4).

One network predicts all traits of an assessment from sex, age, weight and answers; the phenotype
is the trait less its prediction, averaged per person. The paper's last network is refitted to
everybody, and its residuals are in sample: what it has learned by heart of a person, genes
included, is gone from them. Here everybody is predicted by a network that never saw them; the
refit is there to be compared.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.learning.backend import Backend, Epoch, Progress
from gwasbone.learning.folds import PersonFolds, person_folds
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder
from gwasbone.learning.questionnaire import (
    MIN_PER_LEVEL,
    EncodedTable,
    InputRules,
    encode_table,
)
from gwasbone.learning.trait_prediction import TraitPredictions, everybody, predict_traits
from gwasbone.learning.visit_answers import INSTANCE, VisitAnswers
from gwasbone.phenotypes.confounders import AGE, SEX, WEIGHT, Confounders, confounders_of
from gwasbone.phenotypes.residuals import (
    ResidualPhenotypes,
    ResidualWarning,
    measured_traits,
    residuals_of_predictions,
)
from gwasbone.stats.agreement import out_of_fold_r2

log = logging.getLogger(__name__)

MODEL = "transformer"
_RESAMPLES = 200
_CONFOUNDERS = (SEX, AGE, WEIGHT)


@dataclass(frozen=True)
class TransformerResiduals:
    """Residual phenotypes of a transformer, with its predictions.

    Parameters
    ----------
    phenotypes : the residuals, as of every other model.
    predictions : of the assessments that the network was given, with its models.
    encoded : their inputs; data_hash : of all of them.
    person : (N,) whose assessment a row of the predictions is.
    measured : N × traits, what was predicted.
    n_without_answers, n_incomplete : assessments left out, without answers and without sex, age
        or weight.
    """

    phenotypes: ResidualPhenotypes
    predictions: TraitPredictions
    encoded: EncodedTable
    data_hash: str
    person: npt.NDArray[np.object_]
    measured: pd.DataFrame
    n_without_answers: int
    n_incomplete: int


def transformer_residuals(
    assessments: pd.DataFrame,
    answers: VisitAnswers,
    backend: Backend,
    traits: Sequence[str] | None = None,
    *,
    folder: Path,
    plan: TrainingPlan,
    encoder: Encoder | None = None,
    n_folds: int = 5,
    n_networks: int = 1,
    refit: bool = False,
    categorical: Sequence[str] = (),
    rules: InputRules | None = None,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> TransformerResiduals:
    """Adjust traits for their prediction from sex, age, weight and a questionnaire.

    Parameters
    ----------
    assessments : one row per person and visit with sex, age, weight and the traits, indexed by
        person, or by person and instance. Rows without one of the three, or without answers, are
        left out; a trait that is missing counts for nothing. The order of rows does not matter.
    answers : see :mod:`gwasbone.learning.visit_answers`.
    traits : columns; None for every other column of numbers but ``height``.
    folder : where models are kept; finished folds and epochs of the same training are taken.
    plan : ``plan.seed`` is also that of the folds, which have the sexes in equal shares.
    n_folds : of people. refit : networks of everybody instead.
    n_networks : per fold, averaged; see :func:`gwasbone.learning.trait_prediction.predict_traits`.
    categorical, rules : see :func:`gwasbone.learning.questionnaire.encode_table`.
    on_epoch : called with the number of the model, network by network, and each epoch.

    Raises
    ------
    InputError
        A column is missing or is measured bone, an answer is a trait too, too few people.

    Warns
    -----
    ResidualWarning
        Assessments without answers. HeritableInputWarning: answers that genes influence.
    """
    given = network_rows(assessments, answers, traits, categorical=categorical, rules=rules)
    found, rows, person = given.confounders, given.rows, given.person
    encoded, measured, hashed = given.encoded, given.measured, given.data_hash
    names = list(measured.columns)
    folds = _folds(person, given.sex, n_folds, plan.seed, refit=refit)
    predicted = predict_traits(
        backend, encoded, measured, person, folds, folder=folder, data_hash=hashed, plan=plan,
        encoder=encoder, n_networks=n_networks, on_epoch=on_epoch,
    )  # fmt: skip
    values = np.full((len(assessments), len(names)), np.nan)
    values[rows] = predicted.predictions.to_numpy()
    phenotypes = residuals_of_predictions(
        assessments,
        pd.DataFrame(values, index=assessments.index, columns=names),
        _r2_steps(predicted),
        model=MODEL,
        estimator="network_in_sample" if refit else "network_out_of_fold",
        predictors=f"sex, age, weight, {len(answers.table.columns)} answers",
        folds=None if refit else _folds_of_people(person, predicted.fit.fold, found),
        seed=plan.seed,
    )
    return TransformerResiduals(
        phenotypes, predicted, encoded, hashed, person, measured,
        int((~answers.known).sum()), int((answers.known & ~found.complete).sum()),
    )  # fmt: skip


@dataclass(frozen=True)
class NetworkRows:
    """Assessments as rows of a network.

    Parameters
    ----------
    confounders : of all assessments of the table.
    rows : (N,) positions in the table of those that are used, in an order of their own.
    person, sex : (N,) whose they are. encoded : their inputs; data_hash : of all of them.
    measured : N × traits, what is to be predicted.
    """

    confounders: Confounders
    rows: npt.NDArray[np.intp]
    person: npt.NDArray[np.object_]
    sex: npt.NDArray[np.float64]
    encoded: EncodedTable
    measured: pd.DataFrame
    data_hash: str


def network_rows(
    assessments: pd.DataFrame,
    answers: VisitAnswers,
    traits: Sequence[str] | None = None,
    *,
    categorical: Sequence[str] = (),
    rules: InputRules | None = None,
) -> NetworkRows:
    """Assessments with answers, sex, age and weight as rows of a network.

    Parameters, errors and warnings are those of :func:`transformer_residuals`.
    """
    found = confounders_of(assessments)
    names = measured_traits(assessments, traits)
    both = [name for name in answers.table.columns if name in names]
    if both:
        raise InputError(
            f"inputs: expected answers that are not traits, {', '.join(map(str, both))} is both: "
            "leave it out of one of them"
        )
    usable = found.complete & answers.known
    _report_left_out(answers.known, found)
    if not usable.any():
        raise InputError(
            "inputs: expected assessments with answers, sex, age and weight, there is none"
        )
    rows = _by_person_and_visit(assessments, usable)
    person = found.people[found.person[rows]]
    encoded = encode_table(
        _network_inputs(found, answers, rows),
        categorical=categorical, unchecked=_CONFOUNDERS, rules=rules,
    )  # fmt: skip
    _report_inputs(encoded)
    plain = assessments.reset_index(drop=True)
    measured = plain.loc[rows, names].astype(np.float64).reset_index(drop=True)
    return NetworkRows(found, rows, person, found.sex[rows], encoded, measured, _data_hash(encoded))


def _report_left_out(known: npt.NDArray[np.bool_], found: Confounders) -> None:
    without = np.flatnonzero(~known)
    if without.size:
        n_people = len(np.unique(found.person[without]))
        warnings.warn(
            f"{without.size:,} of {len(known):,} assessments, of {n_people:,} participants, have "
            "no answers and are left out: check that both tables name participants and visits "
            "alike if these are many",
            ResidualWarning,
            stacklevel=3,
        )
    incomplete = int((known & ~found.complete).sum())
    if incomplete:
        log.info("%d assessments without sex, age or weight are left out", incomplete)


def _report_inputs(encoded: EncodedTable) -> None:
    log.info(
        "inputs: %d numbers, %d categories with %d levels",
        len(encoded.numeric), len(encoded.categorical), sum(encoded.categorical.values()),
    )  # fmt: skip
    if encoded.pooled:
        log.info(
            "categories whose rare levels (in fewer than %d assessments) are one level, other: %s",
            MIN_PER_LEVEL,
            ", ".join(f"{name} ({n:,} levels)" for name, n in encoded.pooled.items()),
        )
    if encoded.dropped:
        log.info(
            "columns that are no inputs, since they do not vary or are text of too many values: %s",
            ", ".join(encoded.dropped),
        )


def _by_person_and_visit(
    assessments: pd.DataFrame, usable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Positions of the usable rows, so ordered that the table's own order has no say."""
    index = assessments.index
    person = index.get_level_values(0).astype(str).to_numpy(str)
    keys = [assessments[AGE].to_numpy(np.float64, na_value=np.nan)]
    if index.nlevels > 1:
        keys.append(np.asarray(index.get_level_values(1)))
    elif INSTANCE in assessments.columns:
        keys.append(assessments[INSTANCE].to_numpy())
    order = np.lexsort([*keys, person])
    return order[usable[order]]


def _network_inputs(
    found: Confounders, answers: VisitAnswers, rows: npt.NDArray[np.intp]
) -> pd.DataFrame:
    own = pd.DataFrame({SEX: found.sex[rows], AGE: found.age[rows], WEIGHT: found.weight[rows]})
    taken = answers.table.drop(columns=list(_CONFOUNDERS), errors="ignore")
    return own.join(taken.iloc[rows].reset_index(drop=True))


def _folds(
    person: npt.NDArray[np.object_],
    sex: npt.NDArray[np.float64],
    n_folds: int,
    seed: int,
    *,
    refit: bool,
) -> PersonFolds:
    if refit:
        log.warning(
            "refit: one network is fitted to all participants and its residuals are in sample; "
            "what it has learned of the participants themselves is lost from them"
        )
        return everybody(len(person))
    return person_folds(person, sex, folds=n_folds, seed=seed)


def _folds_of_people(
    person: npt.NDArray[np.object_], fold: npt.NDArray[np.intp], found: Confounders
) -> pd.Series:
    by_row = pd.Series(fold, index=person)
    of_people = by_row[~by_row.index.duplicated()]
    return of_people.reindex(found.people).astype("Int64").rename("fold")


def _r2_steps(predicted: TraitPredictions) -> pd.DataFrame:
    steps = {"seen": predicted.r2_seen}
    if not predicted.refit:
        steps["out of fold"] = predicted.r2
    return pd.DataFrame(steps)


def _data_hash(encoded: EncodedTable) -> str:
    """16 digits that differ where an input of anybody does."""
    digest = hashlib.sha256()
    for name, values in encoded.inputs.items():
        digest.update(f"{name}\t{encoded.categorical.get(name, 0)}\n".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def inputs_table(made: TransformerResiduals) -> pd.DataFrame:
    """One row per input: ``name kind levels missing`` (share of the assessments)."""
    rows = []
    for name, values in made.encoded.inputs.items():
        levels = made.encoded.categorical.get(name)
        absent = np.isnan(values) if levels is None else np.asarray(values) == -1
        kind = "number" if levels is None else "category"
        rows.append((name, kind, levels or np.nan, float(absent.mean())))
    return pd.DataFrame(rows, columns=["name", "kind", "levels", "missing"])


def variance_explained(made: TransformerResiduals) -> pd.DataFrame:
    """Per trait ``trait r2 lower upper r2_seen n``: out of fold (after a refit in sample).

    The interval is of a bootstrap over people, 95 %.
    """
    rows = []
    predicted = made.predictions
    for trait in made.measured.columns:
        found = out_of_fold_r2(
            made.measured[trait], predicted.predictions[trait], person=made.person,
            n_resamples=_RESAMPLES,
        )  # fmt: skip
        rows.append(
            {
                "trait": trait, "r2": found.r2, "lower": found.interval.lower,
                "upper": found.interval.upper, "r2_seen": predicted.r2_seen[trait], "n": found.n,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def epoch_follower(n_models: int, epochs: int, progress: Progress | None) -> Any:
    """A line in the log for each epoch, and a bar for each model."""

    def follow(model: int, epoch: Epoch) -> None:
        log.info(
            "model %d epoch %d: loss %.4f, validation %.4f, %.1f s",
            model, epoch["epoch"], epoch["loss"], epoch["validation_loss"], epoch["seconds"],
        )  # fmt: skip
        if progress is not None:
            progress(f"model {model + 1} of {n_models}, epochs", int(epoch["epoch"]), epochs)

    return follow
