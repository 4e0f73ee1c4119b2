"""DeepNull's way with confounders: predict the trait from them, out of fold, by machine learning.

References
----------
McCaw et al. (2022), Nature Communications 13:241, who use a neural network; here boosted trees,
which need no deep-learning backend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from gwasbone.errors import InputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

#: Small trees, few steps and large leaves: a smooth function of three numbers needs no more, and
#: the prediction must not learn people by heart.
_BOOSTING = {
    "learning_rate": 0.1,
    "max_iter": 80,
    "max_leaf_nodes": 8,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
_MIN_LEAF, _LEAF_SHARE = 20, 0.01
#: Fewer people than this in a fold say nothing about a fold.
_MIN_PER_FOLD = 10


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for participants whom the model had not seen.

    Parameters
    ----------
    prediction : (n,) each from the model fitted without the row's person.
    r2 : share of variance that these predictions explain; below 0 where the mean does better.
    r2_seen : the same for rows that a model was fitted on; far above ``r2`` means overfitting.
    """

    prediction: FloatArray
    r2: float
    r2_seen: float


def assign_folds(people: npt.NDArray[np.object_], *, n_folds: int, seed: int) -> IntArray:
    """A fold for each participant, sizes equal within one.

    It depends on the names and the seed, not on the order in which people come.

    Parameters
    ----------
    people : (p,) different names.

    Returns
    -------
    (p,) numbers from 0 to ``n_folds`` − 1.

    Raises
    ------
    InputError
        Fewer than ten people per fold.
    """
    if len(people) < n_folds * _MIN_PER_FOLD:
        raise InputError(
            f"expected {n_folds * _MIN_PER_FOLD} participants or more for {n_folds} folds, got "
            f"{len(people)}: use another model"
        )
    by_name = np.argsort(people.astype(str))
    folds = np.empty(len(people), dtype=np.intp)
    shuffled = np.random.default_rng([seed, 25]).permutation(len(people))
    folds[by_name[shuffled]] = np.arange(len(people)) % n_folds
    return folds


def predict_out_of_fold(
    y: npt.ArrayLike, X: npt.ArrayLike, fold: npt.ArrayLike, *, seed: int
) -> OutOfFold:
    """Predict y from X by gradient-boosted trees, each fold by a model of the others.

    Parameters
    ----------
    y : (n,) complete numbers. X : (n, c) predictors. fold : (n,) fold of each row's person.
    seed : of the trees.

    Raises
    ------
    InputError
        All rows are in one fold.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    y, X = np.asarray(y, dtype=np.float64), np.asarray(X, dtype=np.float64)
    fold = np.asarray(fold)
    labels = np.unique(fold)
    if len(labels) < 2:
        raise InputError("expected rows in two folds or more, all are in one")
    leaf = max(_MIN_LEAF, int(_LEAF_SHARE * len(y)))
    prediction = np.empty(len(y))
    seen = 0.0
    # a tree of three numbers is grown faster by one thread than by several that wait in turn
    with threadpool_limits(1):
        for label in labels:
            held_out = fold == label
            model = HistGradientBoostingRegressor(
                **_BOOSTING, min_samples_leaf=leaf, random_state=seed
            )
            model.fit(X[~held_out], y[~held_out])
            prediction[held_out] = model.predict(X[held_out])
            seen += _r2(y[~held_out], model.predict(X[~held_out])) / len(labels)
    return OutOfFold(prediction, _r2(y, prediction), seen)


def _r2(y: FloatArray, prediction: FloatArray) -> float:
    total = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - prediction) ** 2).sum()) / total if total > 0 else float("nan")
