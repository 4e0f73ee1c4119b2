"""The transformer encoder over a person's questionnaire (Vaswani 2017; Eriksson & Nakamori §2.4).

A token for each field: numbers through a projection of their own, categories through an embedding
of their own, a missing value as a learned token. Fields have no order, so there is no positional
encoding: the field is known by its projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

NUMERIC, CATEGORICAL = "numeric", "categorical"
_FEED_FORWARD = 4


@keras.saving.register_keras_serializable(package="dl_backend")
class NumberTokens(keras.layers.Layer):
    """(n, p) numbers, NaN for missing, to (n, p, hidden) tokens."""

    def __init__(self, hidden: int, **options: Any) -> None:
        super().__init__(**options)
        self.hidden = hidden

    def build(self, shape: Any) -> None:
        size = (shape[-1], self.hidden)
        spread = keras.initializers.RandomNormal(stddev=self.hidden**-0.5)
        self.scale = self.add_weight(name="scale", shape=size, initializer=spread)
        self.offset = self.add_weight(name="offset", shape=size, initializer=spread)
        self.missing = self.add_weight(name="missing", shape=size, initializer=spread)

    def call(self, numbers: Any) -> Any:
        absent = ops.isnan(numbers)
        known = ops.where(absent, ops.zeros_like(numbers), numbers)
        tokens = known[..., None] * self.scale + self.offset
        return ops.where(absent[..., None], self.missing + 0 * tokens, tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hidden": self.hidden}


@keras.saving.register_keras_serializable(package="dl_backend")
class CategoryTokens(keras.layers.Layer):
    """(n, c) levels from 0, −1 for missing, to (n, c, hidden) tokens."""

    def __init__(self, hidden: int, levels: list[int], **options: Any) -> None:
        super().__init__(**options)
        self.hidden, self.levels = hidden, list(levels)

    def build(self, shape: Any) -> None:
        spread = keras.initializers.RandomNormal(stddev=self.hidden**-0.5)
        rows = sum(self.levels) + len(self.levels)
        self.table = self.add_weight(name="table", shape=(rows, self.hidden), initializer=spread)

    def call(self, levels: Any) -> Any:
        first = [1 + sum(self.levels[:i]) + i for i in range(len(self.levels))]
        return ops.take(self.table, levels + ops.convert_to_tensor(first, dtype="int32"), axis=0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "hidden": self.hidden, "levels": self.levels}


def table_base(network: Mapping[str, Any], seed: int) -> tuple[dict[str, Any], Any]:
    """Inputs and features of an encoder; ``network`` is a ``TableNetwork`` as a mapping."""
    hidden, heads = network["hidden"], network["attention_heads"]
    if hidden % heads:
        raise ValueError(f"expected hidden to be a multiple of {heads} heads, got {hidden}")
    inputs, tokens = {}, []
    if network["numeric"]:
        inputs[NUMERIC] = keras.Input((len(network["numeric"]),), name=NUMERIC, dtype="float32")
        tokens.append(NumberTokens(hidden, name="number_tokens")(inputs[NUMERIC]))
    if network["categorical"]:
        levels = list(network["categorical"].values())
        inputs[CATEGORICAL] = keras.Input((len(levels),), name=CATEGORICAL, dtype="int32")
        tokens.append(CategoryTokens(hidden, levels, name="category_tokens")(inputs[CATEGORICAL]))
    if not tokens:
        raise ValueError("expected numeric or categorical inputs, got none")
    x = tokens[0] if len(tokens) == 1 else keras.layers.Concatenate(axis=1)(tokens)
    for layer in range(network["layers"]):
        x = _encoder_layer(x, hidden, heads, network["dropout"], seed + 10 * layer, f"layer{layer}")
    pooled = keras.layers.GlobalAveragePooling1D(name="pooled")(x)
    dense = keras.layers.Dense(hidden, name="dense")(pooled)
    return inputs, keras.layers.LeakyReLU(negative_slope=0.01, name="features")(dense)


def _encoder_layer(x: Any, hidden: int, heads: int, dropout: float, seed: int, name: str) -> Any:
    """Attention and a feed-forward layer, each added to its input and normalised."""
    attention = keras.layers.MultiHeadAttention(
        heads, hidden // heads, dropout=dropout, seed=seed, name=f"{name}_attention"
    )
    added = x + _dropped(attention(x, x), dropout, seed + 1)
    x = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(added)
    wide = keras.layers.Dense(_FEED_FORWARD * hidden, activation="relu", name=f"{name}_wide")(x)
    narrow = keras.layers.Dense(hidden, name=f"{name}_narrow")(wide)
    added = x + _dropped(narrow, dropout, seed + 2)
    return keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(added)


def _dropped(x: Any, dropout: float, seed: int) -> Any:
    return keras.layers.Dropout(dropout, seed=seed)(x) if dropout else x
