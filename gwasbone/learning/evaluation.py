"""How good cross-fitted predictions are, by task, pooled and fold by fold.

Discrimination and calibration of a binary target, AUC and accuracy of classes, R², RMSE and MAE of
numbers, and Dice coefficients of masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.learning.backend import Rows
from gwasbone.learning.task import Task
from gwasbone.stats.calibration import calibration
from gwasbone.stats.precision_recall import average_precision
from gwasbone.stats.roc import area_under_curve, compare_paired_auc

FloatArray = npt.NDArray[np.float64]

#: People of a row of :func:`evaluate`: everybody out of fold; the same by log odds standardised
#: within folds; people by the models that were fitted to them; and then each fold.
POOLED, STANDARDISED, IN_TRAINING = "pooled", "standardised", "in_training"

_COLUMNS = (
    "score", "people", "n", "n_cases", "auc", "auc_se", "auc_lower", "auc_upper",
    "average_precision", "brier", "calibration_slope", "calibration_slope_se",
    "calibration_intercept", "mean_predicted", "prevalence", "status",
)  # fmt: skip
_MIN_FOR_SLOPE = 10
_ROWS_AT_ONCE = 256


def evaluate(scores: Mapping[str, pd.DataFrame], case: pd.Series) -> pd.DataFrame:
    """Evaluate scores of participants against case status.

    Parameters
    ----------
    scores : name (a region, ``stacked``) -> table as of
        :func:`gwasbone.learning.image_phenotype.person_scores`.
    case : 1, 0 or NaN by person.

    Returns
    -------
    One row per score and set of people (``people``: ``pooled``, ``standardised``,
    ``in_training``, ``fold0`` and so on): ``score people n n_cases auc auc_se auc_lower auc_upper
    average_precision brier calibration_slope calibration_slope_se calibration_intercept
    mean_predicted prevalence status``. AUC with DeLong's 95 % interval. ``status`` is ``one_class``
    where there are no cases or no controls; what cannot be said is NaN. Of standardised log odds,
    which are no probabilities, only discrimination is given.
    """
    rows = [row for name, table in scores.items() for row in _of_score(name, table, case)]
    return pd.DataFrame(rows).reindex(columns=list(_COLUMNS))


def paired_differences(scores: Mapping[str, pd.DataFrame], case: pd.Series) -> pd.DataFrame:
    """Compare the AUCs of every two scores by DeLong's paired test.

    Returns
    -------
    ``score_1 score_2 n auc_1 auc_2 difference lower upper neg_log_10_p_value``.
    """
    names = list(scores)
    rows = []
    for i, one in enumerate(names):
        for two in names[i + 1 :]:
            both = scores[one].index.intersection(scores[two].index)
            y = case.reindex(both).to_numpy(float)
            if len({*y[~np.isnan(y)]}) < 2:
                continue
            first, second = (scores[s].loc[both, "cnn_logit_std"].to_numpy() for s in (one, two))
            test = compare_paired_auc(y, first, second)
            rows.append(
                {
                    "score_1": one, "score_2": two, "n": len(both), "auc_1": test.auc_1,
                    "auc_2": test.auc_2, "difference": test.difference, "lower": test.lower,
                    "upper": test.upper, "neg_log_10_p_value": test.neg_log10_p,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def evaluate_task(
    task: Task, scores: Mapping[str, pd.DataFrame], truth: pd.DataFrame
) -> pd.DataFrame:
    """Evaluate predictions of numbers or classes, participant by participant.

    Parameters
    ----------
    scores : name (a region, ``stacked``) -> table as of
        :func:`gwasbone.learning.image_phenotype.person_means`.
    truth : the target by person, a column for each of the task's.

    Returns
    -------
    One row per score, set of people (as of :func:`evaluate`, without ``standardised``) and output
    (a column, or a class): ``score people output n`` and, of numbers, ``r2 rmse mae`` (R² against
    the mean of the same people); of classes ``auc`` (the class against the others) and
    ``accuracy`` (the same for all classes of a set: share of people whose most probable class is
    theirs).
    """
    names, rows = list(task.phenotypes), []
    for score, table in scores.items():
        y = truth.reindex(table.index).to_numpy(np.float64)
        fold = table["cnn_fold"].to_numpy()
        of_everybody = np.ones(len(table), dtype=bool)
        sets = {POOLED: (names, of_everybody)}
        sets[IN_TRAINING] = ([f"in_training_{name}" for name in names], of_everybody)
        sets |= {f"fold{j}": (names, fold == j) for j in _held_out_in(table)}
        for people, (columns, chosen) in sets.items():
            predicted = table.loc[chosen, columns].to_numpy(np.float64)
            measures = _measures(task, y[chosen], predicted)
            rows += [{"score": score, "people": people} | one for one in measures]
    return pd.DataFrame(rows)


def _measures(task: Task, y: FloatArray, predicted: FloatArray) -> list[dict[str, object]]:
    """A row per output."""
    if task.head.kind == "regression":
        return [
            {"output": name, **number_errors(y[:, j], predicted[:, j])}
            for j, name in enumerate(task.columns)
        ]
    known = ~np.isnan(y[:, 0]) & ~np.isnan(predicted).any(axis=1)
    y, predicted = y[known, 0], predicted[known]
    accuracy = float((predicted.argmax(axis=1) == y).mean()) if len(y) else np.nan
    rows: list[dict[str, object]] = []
    for k, name in enumerate(task.class_names):
        of_class = (y == k).astype(float)
        both = 0 < of_class.sum() < len(of_class)
        auc = area_under_curve(of_class, predicted[:, k], scale="logit").auc if both else np.nan
        rows.append({"output": name, "n": len(y), "auc": auc, "accuracy": accuracy})
    return rows


def number_errors(y: npt.ArrayLike, predicted: npt.ArrayLike) -> dict[str, float]:
    """``n r2 rmse mae`` of predictions, over rows that have both; NaN where R² is not defined.

    >>> found = number_errors([1.0, 2.0, 3.0, np.nan], [1.0, 2.0, 4.0, 9.0])
    >>> found["r2"], round(found["rmse"], 3), round(found["mae"], 3)
    (0.5, 0.577, 0.333)
    """
    truth, guess = np.asarray(y, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    known = ~(np.isnan(truth) | np.isnan(guess))
    truth, error = truth[known], (guess - truth)[known]
    if not len(truth):
        return {"n": 0, "r2": np.nan, "rmse": np.nan, "mae": np.nan}
    total = float(((truth - truth.mean()) ** 2).sum())
    return {
        "n": len(truth),
        "r2": 1 - float((error**2).sum()) / total if total > 0 else np.nan,
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
    }


def dice(truth: Rows, predicted: Rows, *, threshold: float = 0.5) -> FloatArray:
    """(N, size) Dice coefficients 2 |A ∩ B| / (|A| + |B|) of masks.

    Parameters
    ----------
    truth : (N, height, width[, size]) 0 or 1, NaN for pixels that are not known; may lie on disk.
    predicted : (N, height, width, size) probabilities; a pixel is in the mask from ``threshold``.

    Returns
    -------
    1 where both masks are empty; NaN where no pixel is known.

    Examples
    --------
    >>> dice(np.array([[[1, 1, 0, 0]]]), np.array([[[0.9, 0.2, 0.8, 0.1]]])[..., None])
    array([[0.5]])
    """
    n, height, width, size = predicted.shape
    found = np.full((n, size), np.nan)
    for start in range(0, n, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        y = np.asarray(truth[part], dtype=np.float64).reshape(-1, height * width, size)
        known = ~np.isnan(y)
        inside = (np.asarray(predicted[part]).reshape(y.shape) >= threshold) & known
        true = known & (y > 0.5)
        total = true.sum(axis=1) + inside.sum(axis=1)
        both = 2.0 * (true & inside).sum(axis=1)
        coefficient = np.divide(both, total, out=np.ones_like(both), where=total > 0)
        found[part] = np.where(known.any(axis=1), coefficient, np.nan)
    return found


def _of_score(name: str, table: pd.DataFrame, case: pd.Series) -> Iterator[dict[str, object]]:
    y = case.reindex(table.index).to_numpy(np.float64)
    known = ~np.isnan(y)
    probability = table["cnn_prob"].to_numpy(np.float64)
    fold = table["cnn_fold"].to_numpy()
    yield _row(name, POOLED, y[known], probability[known])
    yield _row(
        name, STANDARDISED, y[known], table["cnn_logit_std"].to_numpy(np.float64)[known], odds=True
    )
    yield _row(name, IN_TRAINING, y[known], table["in_training_prob"].to_numpy(np.float64)[known])
    for j in _held_out_in(table):
        of_fold = known & (fold == j)
        yield _row(name, f"fold{j}", y[of_fold], probability[of_fold])


def _held_out_in(table: pd.DataFrame) -> list[int]:
    """The folds that hold somebody out; people of one split may be in none."""
    return sorted({int(fold) for fold in table["cnn_fold"].dropna()})


def _row(
    score: str, people: str, y: FloatArray, values: FloatArray, *, odds: bool = False
) -> dict[str, object]:
    given = ~np.isnan(values)
    y, values = y[given], values[given]
    row: dict[str, object] = {
        "score": score, "people": people, "n": len(y), "n_cases": int(y.sum()), "status": "",
    }  # fmt: skip
    if len(set(y)) < 2:
        return row | {"status": "one_class"}
    area = area_under_curve(y, values, scale="logit")
    row |= {
        "auc": area.auc, "auc_se": area.se, "auc_lower": area.lower, "auc_upper": area.upper,
        "average_precision": average_precision(y, values), "prevalence": float(y.mean()),
    }  # fmt: skip
    if odds:
        return row
    found = calibration(y, values, n_bins=min(10, len(y)))
    row |= {"brier": found.brier.score, "mean_predicted": found.mean_predicted}
    if min(y.sum(), (1 - y).sum()) < _MIN_FOR_SLOPE or found.recalibration.status:
        return row | {"status": found.recalibration.status or "few"}
    fit = found.recalibration
    return row | {
        "calibration_slope": fit.slope,
        "calibration_slope_se": fit.slope_se,
        "calibration_intercept": fit.intercept,
    }
