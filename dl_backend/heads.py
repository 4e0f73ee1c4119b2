"""Outputs of networks: layers, losses that pass over unknown targets, and what is predicted.

Networks give logits; probabilities are made of them after prediction, so that losses do not lose
what a saturated probability has rounded away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from scipy.special import expit, softmax

FloatArray = npt.NDArray[np.float32]


@keras.saving.register_keras_serializable(package="dl_backend")
class OrderedThresholds(keras.layers.Layer):
    """Cumulative logits of an ordered outcome: log odds of y > k are score − threshold_k."""

    def __init__(self, classes: int, **options: Any) -> None:
        super().__init__(**options)
        self.classes = classes

    def build(self, shape: Any) -> None:
        self.first = self.add_weight(
            name="first", shape=(1,), initializer=keras.initializers.Constant(-1.0)
        )
        self.steps = self.add_weight(name="steps", shape=(self.classes - 2,), initializer="zeros")

    def call(self, score: Any) -> Any:
        """(n, 1) -> (n, classes − 1), falling from left to right."""
        rising = ops.concatenate([self.first, ops.softplus(self.steps)])
        return score - ops.cumsum(rising)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


def output_layer(head: Mapping[str, Any], features: Any, pixels: Any, penalty: Any) -> Any:
    """The output of a head in float32: logits, cumulative logits or numbers.

    Parameters
    ----------
    features : (n, d); pixels : (n, height, width, d), None where the network has no masks.
    penalty : regulariser of the weights, or None.
    """
    name, kind, size = head["name"], head["kind"], head["size"]
    options = {"dtype": "float32", "kernel_regularizer": penalty}
    if kind == "mask":
        return keras.layers.Conv2D(size, 1, name=name, **options)(pixels)
    if kind == "ordinal":
        score = keras.layers.Dense(1, use_bias=False, name=f"{name}_score", **options)
        return OrderedThresholds(size, dtype="float32", name=name)(score(features))
    return keras.layers.Dense(size, name=name, **options)(features)


def dense_features(network: Mapping[str, Any], features: Any, penalty: Any) -> Any:
    """Features after the dense layers that an ``ImageNetwork`` may have before its heads."""
    for i in range(network.get("dense_layers", 0)):
        features = keras.layers.Dense(
            network["dense_nodes"], activation="relu", kernel_regularizer=penalty, name=f"dense{i}"
        )(features)
    return features


def loss(head: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """The loss of a row, as a function of (targets, outputs); targets that are NaN count 0."""
    kind, wanted = head["kind"], head.get("loss")

    def by_row(y: Any, output: Any) -> Any:
        known = ops.logical_not(ops.isnan(y))
        y = ops.where(known, y, ops.zeros_like(y))
        known = ops.cast(known, output.dtype)
        if kind == "regression":
            error = ops.abs if wanted == "absolute" else ops.square
            return ops.mean(known * error(output - y), axis=-1)
        if kind == "mask":
            if wanted == "dice":
                return _dice(y, known, output)
            return ops.mean(known * _binary(y, output), axis=(1, 2, 3))
        if kind == "binary":
            return ops.mean(known * _binary(y, output), axis=-1)
        if kind == "ordinal":
            steps = ops.arange(output.shape[-1], dtype=output.dtype)
            above = ops.cast(y > steps, output.dtype)
            return ops.sum(known * _binary(above, output), axis=-1)
        classes = ops.one_hot(ops.cast(y[:, 0], "int32"), output.shape[-1], dtype=output.dtype)
        return known[:, 0] * keras.losses.categorical_crossentropy(
            classes, output, from_logits=True
        )

    return by_row


def _binary(y: Any, logit: Any) -> Any:
    return ops.softplus(logit) - y * logit


def _dice(y: Any, known: Any, logit: Any) -> Any:
    """(n,) one minus the soft Dice coefficient over known pixels, with one pixel added to each."""
    axes = (1, 2, 3)
    p = known * ops.sigmoid(logit)
    both = 2 * ops.sum(p * y, axis=axes) + 1
    coefficient = both / (ops.sum(p, axis=axes) + ops.sum(known * y, axis=axes) + 1)
    return ops.max(known, axis=axes) * (1 - coefficient)


def predicted(head: Mapping[str, Any], output: FloatArray) -> FloatArray:
    """Probabilities or numbers from a head's output, (n, size), masks (n, height, width, size)."""
    if head["kind"] in ("binary", "mask"):
        return expit(output)
    if head["kind"] == "categorical":
        return softmax(output, axis=1)
    if head["kind"] == "ordinal":
        above = expit(output)
        ends = np.ones((len(output), 1), dtype=output.dtype)
        return -np.diff(np.hstack([ends, above, 0 * ends]), axis=1)
    return output


def score_of(
    head: Mapping[str, Any], index: int, contrast: Sequence[float] | None = None
) -> Callable[[Any], Any]:
    """The number of a head's output that a saliency map is of.

    Parameters
    ----------
    index : of a class (its logit) or number; of a binary head 1, 2, … for the log odds of its
        columns, 0 against the first.
    contrast : weights of the outputs instead: (−1, 0, 1) over three classes are the log odds of
        the last against the first. What is added to all logits alike drops out.

    Raises
    ------
    ValueError
        Weights of a head that has one number only, or not one weight an output.
    """
    kind = head["kind"]
    if contrast is not None:
        if kind not in ("categorical", "regression") or len(contrast) != head["size"]:
            raise ValueError(
                f"saliency: expected {head['size']} weights of a categorical or regression head, "
                f"got {len(contrast)} of {head['name']}, which is {kind}"
            )
        weights = np.asarray(contrast, dtype=np.float32)

    def score(output: Any) -> Any:
        if contrast is not None:
            return ops.sum(output * weights, axis=-1)
        if kind == "ordinal":
            return output[:, 0]
        if kind == "binary":
            return output[:, max(index - 1, 0)] if index else -output[:, 0]
        return output[:, index]

    return score
