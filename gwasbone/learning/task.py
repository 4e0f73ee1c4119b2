"""Tasks: what a network learns, how its target is encoded, and what its predictions mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, reading
from gwasbone.learning.backend import Rows
from gwasbone.learning.networks import Head, HeadKind, Loss

FloatArray = npt.NDArray[np.float64]

#: Measures of a task's predictions, see :mod:`gwasbone.learning.evaluation`.
METRICS: dict[HeadKind, tuple[str, ...]] = {
    "binary": ("auc", "average_precision", "brier"),
    "categorical": ("auc", "accuracy"),
    "ordinal": ("auc", "accuracy"),
    "regression": ("r2", "rmse", "mae"),
    "mask": ("dice",),
}

#: Name of the output of networks that learn one task.
TARGET = "target"


@dataclass(frozen=True)
class Task:
    """What a network learns.

    Parameters
    ----------
    name : what is learned, for titles and messages, such as ``case``.
    head : the network's output with its loss.
    columns : of the target, as many as the head has.
    class_names : what the values of a binary target, or the classes, are called.
    class_weights : weigh classes equally in training and correct the predictions for their true
        shares; of a binary target of one column, or of classes.
    """

    name: str
    head: Head
    columns: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    class_weights: bool = False

    def __post_init__(self) -> None:
        if len(self.columns) != self.head.n_columns:
            raise InputError(
                f"task {self.name}: expected {self.head.n_columns} columns of a {self.head.kind} "
                f"target of size {self.head.size}, got {', '.join(self.columns) or 'none'}"
            )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the measures of its predictions."""
        return METRICS[self.head.kind]

    @property
    def phenotypes(self) -> tuple[str, ...]:
        """Columns that its predictions become, as far as they are numbers of a participant.

        A binary target gives ``cnn_prob``, its log odds ``cnn_logit``, those standardised within
        folds and their normal scores; classes give a probability each; numbers are in the units of
        the target; masks give none.
        """
        if self.head.kind == "binary" and self.head.size == 1:
            return ("cnn_prob", "cnn_logit", "cnn_logit_std", "cnn_logit_rint")
        if self.head.kind == "mask":
            return ()
        names = self.columns
        if self.head.kind in ("categorical", "ordinal"):
            names = self.class_names or tuple(map(str, range(self.head.size)))
        return tuple(f"cnn_{name}".replace(" ", "_") for name in names)

    @property
    def null_loss(self) -> float:
        """Loss of a model that knows nothing: equal probabilities, or the mean of the target."""
        if self.head.kind == "ordinal":
            return (self.head.size - 1) * float(np.log(2))
        if self.head.kind == "categorical":
            return float(np.log(self.head.size))
        return float(np.log(2)) if self.head.loss == "cross_entropy" else 1.0

    def encode(self, target: Rows) -> EncodedTarget:
        """The target as a network is trained on it.

        Parameters
        ----------
        target : (N,) or (N, columns), NaN where not known; masks (N, height, width[, size]), which
            may lie on disk (a memory map) and are read a few rows at a time.

        Raises
        ------
        InputError
            A column of numbers that does not vary, values that are no classes, or one class only.
        """
        if self.head.kind == "mask":
            return EncodedTarget(target)
        given = np.asarray(target[:], dtype=np.float64)
        y = given.reshape(len(given), -1)
        if self.head.kind == "regression":
            return self._standardised(y)
        self._check_classes(y)
        counts = self._counts(y)
        if not (self.class_weights and self.head.size > 1) and not self._is_balanced:
            return EncodedTarget(given)
        if (counts == 0).any():
            raise InputError(
                f"training on {self.name}: expected rows of each class, got "
                f"{', '.join(map(str, counts.tolist()))}"
            )
        known = ~np.isnan(y[:, 0])
        weights = np.zeros(len(y))
        each = counts.sum() / (len(counts) * counts)
        weights[known] = each[y[known, 0].astype(int)]
        return EncodedTarget(given, weights=weights, shares=counts / counts.sum())

    @property
    def _is_balanced(self) -> bool:
        return self.class_weights and self.head.kind == "binary" and self.head.size == 1

    def _standardised(self, y: FloatArray) -> EncodedTarget:
        with np.errstate(invalid="ignore"):
            centre, spread = np.nanmean(y, axis=0), np.nanstd(y, axis=0)
        # what varies by rounding alone does not vary
        flat = ~(spread > 1e-9 * np.maximum(1e-300, np.abs(centre)))
        if flat.any():
            names = ", ".join(np.asarray(self.columns)[flat])
            raise InputError(f"targets: expected values that vary, {names} has none")
        return EncodedTarget((y - centre) / spread, centre=centre, spread=spread)

    def _check_classes(self, y: FloatArray) -> None:
        most = 2 if self.head.kind == "binary" else self.head.size
        wrong = ~np.isnan(y) & ~np.isin(y, np.arange(most))
        if wrong.any():
            raise InputError(
                f"training on {self.name}: expected values 0 to {most - 1}, got {y[wrong][0]:g}"
            )

    def _counts(self, y: FloatArray) -> npt.NDArray[np.int64]:
        n = 2 if self.head.kind == "binary" else self.head.size
        return np.bincount(y[~np.isnan(y[:, 0]), 0].astype(int), minlength=n)

    def decode(self, predictions: FloatArray, encoded: EncodedTarget) -> FloatArray:
        """Predictions (N, size) of a network in the units of the target.

        Log odds of a binary target that was weighed are corrected where its images are averaged,
        see :func:`gwasbone.learning.image_phenotype.person_scores`.
        """
        if encoded.centre is not None and encoded.spread is not None:
            return np.asarray(predictions * encoded.spread + encoded.centre)
        if self.head.kind in ("categorical", "ordinal") and encoded.shares is not None:
            prior = predictions * encoded.shares
            return np.asarray(prior / prior.sum(axis=1, keepdims=True))
        return predictions


@dataclass(frozen=True)
class EncodedTarget:
    """A target as a network is trained on it, and how to come back from it.

    Parameters
    ----------
    values : (N, ...) what the network's loss is of.
    weights : (N,) what each row counts, 1 on average; None for all alike.
    centre, spread : (columns,) of numbers: values are (target − centre) / spread.
    shares : (classes,) true shares of classes that were weighed alike.
    """

    values: Any
    weights: FloatArray | None = None
    centre: FloatArray | None = None
    spread: FloatArray | None = None
    shares: FloatArray | None = None

    @property
    def log_odds_shift(self) -> float:
        """What to add to log odds of a model of weighed cases (King & Zeng 2001)."""
        if self.shares is None or len(self.shares) != 2:
            return 0.0
        return float(np.log(self.shares[1] / self.shares[0]))


def binary_task(
    name: str, class_names: tuple[str, str] = ("0", "1"), *, class_weights: bool = False
) -> Task:
    """A target of 0 and 1."""
    return Task(name, Head(TARGET, "binary"), (name,), class_names, class_weights)


def class_task(
    name: str, class_names: Sequence[str], *, ordered: bool = False, class_weights: bool = False
) -> Task:
    """A target of classes, 0 … k − 1, ordered or not."""
    kind: HeadKind = "ordinal" if ordered else "categorical"
    head = Head(TARGET, kind, len(class_names))
    return Task(name, head, (name,), tuple(class_names), class_weights)


def regression_task(
    name: str, columns: Sequence[str] | None = None, *, loss: Loss = "squared"
) -> Task:
    """A target of one or several columns of numbers; ``name`` alone is one column."""
    columns = (name,) if columns is None else tuple(columns)
    return Task(name, Head(TARGET, "regression", len(columns), loss), columns)


def mask_task(
    name: str, columns: Sequence[str] | None = None, *, loss: Loss = "cross_entropy"
) -> Task:
    """A target of one or several masks as large as the image; ``name`` alone is one mask."""
    columns = (name,) if columns is None else tuple(columns)
    return Task(name, Head(TARGET, "mask", len(columns), loss), columns)


def with_head_name(task: Task, name: str) -> Task:
    """The same task, its output under another name."""
    return replace(task, head=replace(task.head, name=name))


def target_file(path: Path) -> Any:
    """A target that is left on disk: an array file (.npy), mapped into memory.

    Raises
    ------
    InputError
        The file is no array of numbers.
    """
    with reading(path, "an array file (.npy)"):
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
        raise InputError(f"{path}: expected one array of numbers (.npy), got another content")
    return found
