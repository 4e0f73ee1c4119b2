"""How good a cross-fitted score is: discrimination and calibration, pooled and fold by fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

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
_LEAST_FOR_SLOPE = 10


def evaluate(scores: Mapping[str, pd.DataFrame], case: pd.Series) -> pd.DataFrame:
    """Evaluate scores of people.

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
    """Areas of every two scores in the people who have both (DeLong's paired test).

    Returns
    -------
    ``score_1 score_2 n auc_1 auc_2 difference lower upper neg_log10_p``.
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
    for j in np.unique(fold):
        of_fold = known & (fold == j)
        yield _row(name, f"fold{j}", y[of_fold], probability[of_fold])


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
    if min(y.sum(), (1 - y).sum()) < _LEAST_FOR_SLOPE or found.recalibration.status:
        return row | {"status": found.recalibration.status or "few"}
    fit = found.recalibration
    return row | {
        "calibration_slope": fit.slope,
        "calibration_slope_se": fit.slope_se,
        "calibration_intercept": fit.intercept,
    }
