"""Batches of rows, read from arrays and memory maps as they are needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from dl_backend.tables import CATEGORICAL, NUMERIC

IntArray = npt.NDArray[np.integer]


class Batches(keras.utils.PyDataset):
    """Batches of one size; the last is filled up with rows that weigh nothing.

    One size, because compiled networks are compiled anew for another.

    Parameters
    ----------
    columns : input -> one array, or for a table the arrays of its columns.
    targets : head -> (N, ...), an array or read from disk; empty to predict.
    shapes : head -> shape of a row's target.
    weights : head -> (N,).
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        rows: IntArray,
        batch_size: int,
        *,
        targets: Mapping[str, Any] | None = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        weights: Mapping[str, npt.NDArray[np.floating]] | None = None,
        workers: int = 2,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self._columns, self._rows, self._size = columns, rows, batch_size
        self._targets, self._weights = targets or {}, weights or {}
        self._shapes = shapes or {}

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._size)

    def __getitem__(self, index: int) -> Any:
        rows = self._rows[index * self._size : (index + 1) * self._size]
        n = len(rows)
        filled = np.concatenate([rows, np.repeat(rows[-1:], self._size - n)])
        inputs = {name: _taken(source, filled) for name, source in self._columns.items()}
        if not self._targets:
            return inputs
        counts = (np.arange(self._size) < n).astype(np.float32)
        targets = {
            name: _taken(y, filled).astype(np.float32).reshape(self._size, *self._shapes[name])
            for name, y in self._targets.items()
        }
        weights = {
            name: counts * self._weights[name][filled].astype(np.float32)
            if name in self._weights
            else counts
            for name in targets
        }
        return inputs, targets, weights


def _taken(source: Any, rows: IntArray) -> np.ndarray:
    if isinstance(source, Sequence):
        return np.stack([np.asarray(column[rows]) for column in source], axis=1)
    # a memory map is read in the order of the file, each row once
    distinct, place = np.unique(rows, return_inverse=True)
    return np.asarray(source[distinct])[place]


def columns_of(network: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What batches are cut from: the inputs of a network in the form that it takes.

    Raises
    ------
    ValueError
        An input is missing, or has another shape than the network's.
    """
    wanted = _wanted(network)
    missing = [name for name in wanted if name not in inputs]
    if missing:
        raise ValueError(f"inputs: expected {', '.join(wanted)}, {', '.join(missing)} missing")
    lengths = {name: inputs[name].shape[0] for name in wanted}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"inputs: expected one number of rows, got {lengths}")
    if network["input"] == "table":
        columns: dict[str, Any] = {}
        if network["numeric"]:
            columns[NUMERIC] = [np.asarray(inputs[c], np.float32) for c in network["numeric"]]
        if network["categorical"]:
            levels = network["categorical"]
            columns[CATEGORICAL] = [_levels(c, inputs[c], levels[c]) for c in levels]
        return columns
    for name, shape in wanted.items():
        if tuple(inputs[name].shape[1:]) != shape:
            raise ValueError(
                f"input {name}: expected rows of shape {shape}, got {tuple(inputs[name].shape[1:])}"
            )
    return {name: inputs[name] for name in wanted}


def _wanted(network: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Input -> shape of a row."""
    if network["input"] == "table":
        return dict.fromkeys([*network["numeric"], *network["categorical"]], ())
    picture = (network["height"], network["width"], network["channels"])
    return {"image": picture} | {name: (c,) for name, c in network["side_inputs"].items()}


def _levels(name: str, values: Any, n: int) -> npt.NDArray[np.int32]:
    levels = np.asarray(values)
    if levels.size and (levels.min() < -1 or levels.max() >= n):
        raise ValueError(
            f"input {name}: expected levels −1 to {n - 1}, got {levels.min()} to {levels.max()}"
        )
    return levels.astype(np.int32)
