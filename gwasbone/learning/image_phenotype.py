"""From predictions of images to a phenotype of participants: ``cnn_prob`` and ``cnn_logit``.

A person's images (left and right, several visits) are averaged on the log-odds scale. Models of
different folds have different scales, so log odds are also given standardised within folds, and
the fold itself can be a covariate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from gwasbone.learning.cross_fit import CrossFit
from gwasbone.learning.folds import PersonFolds
from gwasbone.learning.task import Task
from gwasbone.stats.least_squares import dependent_columns
from gwasbone.stats.logistic import fit_firth

FloatArray = npt.NDArray[np.float64]

#: Part of a fixed split, and what begins the columns of predictions of people that were seen.
PART, SEEN = "cnn_part", "seen_"

#: Probabilities are kept this far from 0 and 1, so that log odds are finite (float32 networks).
CLOSEST = 1e-7


def person_scores(
    person: npt.ArrayLike, fit: CrossFit, head: str, *, log_odds_shift: float = 0.0
) -> pd.DataFrame:
    """A binary head's predictions of images as scores of participants.

    Parameters
    ----------
    person : (N,) whose image it is.
    fit : cross-fitted predictions; all images of a person are in one fold.
    log_odds_shift : see :attr:`gwasbone.learning.task.EncodedTarget.log_odds_shift`.

    Returns
    -------
    Table indexed by person, sorted: ``cnn_logit`` (mean log odds by models that never saw the
    person), ``cnn_prob`` (its probability), ``cnn_logit_std`` (standardised within the fold),
    ``cnn_fold``, ``n_pictures``, and ``in_training_prob`` (by the models fitted to the person).
    """
    rows = pd.DataFrame(
        {
            "cnn_logit": _log_odds(fit.held_out[head][:, 0]) + log_odds_shift,
            "in_training": _log_odds(fit.in_training[head][:, 0]) + log_odds_shift,
            "cnn_fold": fit.fold,
        }
    )
    by_person = rows.groupby(np.asarray(person, dtype=object))
    if (rows["cnn_fold"] != by_person["cnn_fold"].transform("first")).any():
        raise ValueError("expected all images of a participant in one fold")
    scores = by_person[["cnn_logit", "in_training"]].mean()
    scores["cnn_fold"] = by_person["cnn_fold"].first()
    scores["n_pictures"] = by_person.size()
    scores["cnn_prob"] = expit(scores["cnn_logit"])
    scores["cnn_logit_std"] = within_folds(scores["cnn_logit"], scores["cnn_fold"])
    scores["in_training_prob"] = expit(scores.pop("in_training"))
    columns = [
        "cnn_prob", "cnn_logit", "cnn_logit_std", "cnn_fold", "n_pictures", "in_training_prob",
    ]  # fmt: skip
    return scores[columns].rename_axis("person")


def person_means(person: npt.ArrayLike, fit: CrossFit, task: Task) -> pd.DataFrame:
    """Predictions of images as scores of participants, for other tasks than binary ones.

    Returns
    -------
    Table indexed by person, sorted: ``task.phenotypes`` (mean over the person's images, by models
    that never saw the person), the same with ``in_training_`` before (by the models fitted to
    them), ``cnn_fold`` and ``n_pictures``.
    """
    names, name = list(task.phenotypes), task.head.name
    rows = pd.DataFrame(fit.held_out[name], columns=names)
    seen = pd.DataFrame(fit.in_training[name], columns=[f"in_training_{n}" for n in names])
    by_person = rows.join(seen).assign(cnn_fold=fit.fold).groupby(np.asarray(person, dtype=object))
    scores = by_person.mean()
    scores["cnn_fold"] = by_person["cnn_fold"].first()
    scores["n_pictures"] = by_person.size()
    return scores.rename_axis("person")


def with_parts(
    scores: pd.DataFrame,
    person: npt.ArrayLike,
    fit: CrossFit,
    split: PersonFolds,
    task: Task,
    log_odds_shift: float,
) -> pd.DataFrame:
    """Scores of one split into training, validation and test.

    Parameters
    ----------
    scores : of :func:`person_scores` or :func:`person_means`; theirs are of the test part, NaN for
        the others.
    split : of the images.

    Returns
    -------
    The scores with ``cnn_part``, and ``seen_`` and a phenotype's name (``seen_cnn_prob`` of a
    binary task): the network's prediction of whom it was trained or validated on, NaN for the test
    part. ``cnn_fold`` is NaN where nobody held the person out.
    """
    name = task.head.name
    seen = {name: np.where(split.validation.T, fit.validation[name], fit.in_training[name])}
    again = replace(fit, in_training=seen)
    if task.head.kind == "binary":
        other = person_scores(person, again, name, log_odds_shift=log_odds_shift)
        found = other[["in_training_prob"]].set_axis(["cnn_prob"], axis=1)
    else:
        found = person_means(person, again, task)
        found = found[[f"in_training_{n}" for n in task.phenotypes]].set_axis(
            list(task.phenotypes), axis=1
        )
    part = pd.Series(split.part, index=np.asarray(person, dtype=object)).groupby(level=0).first()
    return scores.assign(
        cnn_fold=scores["cnn_fold"].where(scores["cnn_fold"] >= 0),
        **{PART: part.reindex(scores.index)},
        **{f"{SEEN}{n}": found[n] for n in found},
    )


def mean_of_regions(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean over the regions that a person has images of; all from the same split of people."""
    together = pd.concat(scores.values()).groupby(level=0)
    table = together.mean()
    table["cnn_fold"] = together["cnn_fold"].first()
    table["n_pictures"] = together["n_pictures"].sum()
    return table.rename_axis("person").sort_index()


def within_folds(values: pd.Series, fold: pd.Series) -> pd.Series:
    """Values less the mean of their fold, over its standard deviation."""
    groups = values.groupby(fold.to_numpy())
    return (values - groups.transform("mean")) / groups.transform("std")


def stack_regions(scores: Mapping[str, pd.DataFrame], case: pd.Series) -> pd.DataFrame:
    """One score of several regions: a Firth logistic model of their log odds, cross-fitted.

    Parameters
    ----------
    scores : region -> :func:`person_scores`, all from the same split of people.
    case : (people,) 1, 0 or NaN, indexed by person.

    Returns
    -------
    Table of everybody who is in any region, columns as :func:`person_scores`. A region that a
    person lacks counts as its mean, with a term of its own for being absent.

    Raises
    ------
    ValueError
        Regions were split differently.
    """
    fold = pd.concat([table["cnn_fold"] for table in scores.values()])
    if (fold != fold.groupby(level=0).transform("first")).any():
        raise ValueError("expected one split of participants for all regions")
    fold = fold.groupby(level=0).first().rename_axis("person").sort_index()
    held_out, in_training = (
        pd.DataFrame({r: column(t).reindex(fold.index) for r, t in scores.items()})
        for column in (
            lambda t: t["cnn_logit_std"],
            lambda t: within_folds(
                pd.Series(_log_odds(t["in_training_prob"].to_numpy()), t.index), t["cnn_fold"]
            ),
        )
    )
    y = case.reindex(fold.index).to_numpy(float)
    stacked = np.full(len(fold), np.nan)
    seen = np.zeros(len(fold))
    numbers = fold.to_numpy()
    folds = np.unique(numbers)
    X, X_seen = _terms(held_out), _terms(in_training)
    for j in folds:
        fitted = (numbers != j) & ~np.isnan(y)
        # regions that are always absent together have one term for it
        used = np.delete(np.arange(X.shape[1]), dependent_columns(X[fitted]))
        fit = fit_firth(X[fitted][:, used], y[fitted])
        stacked[numbers == j] = X[numbers == j][:, used] @ fit.log_odds
        seen[numbers != j] += X_seen[numbers != j][:, used] @ fit.log_odds
    table = pd.DataFrame({"cnn_prob": expit(stacked), "cnn_logit": stacked}, index=fold.index)
    table["cnn_logit_std"] = within_folds(table["cnn_logit"], fold)
    table["cnn_fold"] = fold
    counts = [t["n_pictures"].reindex(fold.index, fill_value=0) for t in scores.values()]
    table["n_pictures"] = np.sum(counts, axis=0)
    table["in_training_prob"] = expit(seen / (len(folds) - 1))
    return table


def _terms(log_odds: pd.DataFrame) -> FloatArray:
    """(n, 1 + 2 r) intercept, log odds with 0 for absent, and 1 for absent."""
    values = log_odds.to_numpy(float)
    absent = np.isnan(values)
    return np.column_stack([np.ones(len(values)), np.where(absent, 0, values), absent])


def _log_odds(probability: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(probability, CLOSEST, 1 - CLOSEST)), dtype=np.float64)
