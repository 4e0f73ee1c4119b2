"""Training: epochs, learning rate, early stopping, and going on after an interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from dl_backend.batches import Batches
from dl_backend.checkpoints import TrainingState
from dl_backend.heads import loss

IntArray = npt.NDArray[np.integer]

SCHEDULES = ("constant", "cosine", "plateau")
_LOWEST_SHARE = 0.01
_PLATEAU_FACTOR = 0.2


class Compiled:
    """A Keras model with its optimiser, compiled once for all its fits.

    Compiling anew would trace the network again, which takes longer than to train a small one.

    Parameters
    ----------
    optimiser : ``weight_decay`` and ``clip_global_norm`` of the plan.
    first_row : one row as a batch: the model is run on it, since that builds what the first epoch
        would build and draws from the layers' random states.
    """

    def __init__(
        self,
        model: keras.Model,
        heads: list[Mapping[str, Any]],
        *,
        optimiser: Mapping[str, float],
        first_row: Batches,
    ) -> None:
        self.model, self.optimiser = model, dict(optimiser)
        clip = {"global_clipnorm": optimiser["clip_global_norm"] or None}
        decay = optimiser["weight_decay"]
        optimizer = (
            keras.optimizers.AdamW(weight_decay=decay, **clip)
            if decay
            else keras.optimizers.Adam(**clip)
        )
        model.compile(optimizer=optimizer, loss={head["name"]: loss(head) for head in heads})
        optimizer.build(model.trainable_variables)
        model.evaluate(first_row, verbose=0)
        self._variables = _values(model.variables)
        self._optimizer = _values(optimizer.variables)

    def restart(self) -> None:
        """Variables and random states as before the first fit."""
        _set(self.model.variables, self._variables)
        self.forget()

    def forget(self) -> None:
        """The optimiser as before its first step; the network stays as it is."""
        _set(self.model.optimizer.variables, self._optimizer)


class Training:
    """One fit of a Keras model.

    Parameters
    ----------
    compiled : the model; its optimiser has taken no step.
    batches : from rows to the :class:`Batches` of them, with targets and weights.
    rows, validation_rows : who is trained on, and who decides when to stop.
    plan : ``TrainingPlan`` as a mapping.
    """

    def __init__(
        self,
        compiled: Compiled,
        batches: Callable[[IntArray], Batches],
        *,
        rows: IntArray,
        validation_rows: IntArray,
        plan: Mapping[str, Any],
    ) -> None:
        self._model, self._batches, self._plan = compiled.model, batches, plan
        self._rows, self._validation_rows = rows, validation_rows

    def run(
        self,
        checkpoint: Path | None,
        key: str,
        on_epoch: Callable[[Mapping[str, float]], None] | None,
    ) -> list[dict[str, float]]:
        """Train to the end, from a checkpoint where one is kept; the best weights are left in."""
        state = TrainingState.find(checkpoint, key) if checkpoint is not None else TrainingState()
        if state.variables:
            _set(self._model.variables, state.variables)
            _set(self._model.optimizer.variables, state.optimizer)
        for epoch in state.epochs:
            if on_epoch is not None:
                on_epoch(epoch)
        while len(state.epochs) < self._plan["epochs"] and state.wait < self._plan["patience"]:
            self._epoch(state)
            if checkpoint is not None:
                state.variables = _values(self._model.variables)
                state.optimizer = _values(self._model.optimizer.variables)
                state.save(checkpoint, key)
            if on_epoch is not None:
                on_epoch(state.epochs[-1])
        if state.best:
            _set(self._model.variables, state.best)
        return state.epochs

    def _epoch(self, state: TrainingState) -> None:
        number = len(state.epochs) + 1
        rate = self._rate(number, state.reductions)
        self._model.optimizer.learning_rate.assign(rate)
        order = np.random.default_rng([self._plan["seed"], number]).permutation(self._rows)
        order = order[: self._plan["rows_per_epoch"] or None]
        started = time.perf_counter()
        trained = self._model.fit(self._batches(order), epochs=1, verbose=0, shuffle=False)
        seconds = time.perf_counter() - started
        validation = self._model.evaluate(
            self._batches(self._validation_rows), verbose=0, return_dict=True
        )
        size = self._plan["batch_size"]
        epoch = {
            "epoch": number,
            "loss": trained.history["loss"][0] * _filling(len(order), size),
            "validation_loss": validation["loss"] * _filling(len(self._validation_rows), size),
            "learning_rate": rate,
            "seconds": round(seconds, 3),
        }
        for name, words in (("loss", "loss"), ("validation_loss", "validation loss")):
            if not math.isfinite(epoch[name]):
                raise ValueError(
                    f"training diverged: the {words} is {epoch[name]} after epoch {number}: "
                    "give a lower learning rate, or look for infinite inputs"
                )
        if state.add(epoch, self._plan):
            state.best = _values(self._model.variables)

    def _rate(self, epoch: int, reductions: int) -> float:
        """The learning rate of an epoch, from 1."""
        highest = self._plan["learning_rate"]
        if self._plan["schedule"] == "cosine":
            through = (epoch - 1) / max(1, self._plan["epochs"] - 1)
            share = _LOWEST_SHARE + (1 - _LOWEST_SHARE) * (1 + math.cos(math.pi * through)) / 2
            return float(highest * share)
        if self._plan["schedule"] == "plateau":
            return float(highest * _PLATEAU_FACTOR**reductions)
        return float(highest)


def _filling(n: int, size: int) -> float:
    """Rows in batches over rows that count: Keras divides by the former."""
    return math.ceil(n / size) * size / n


def _values(variables: list[Any]) -> list[npt.NDArray[Any]]:
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def _set(variables: list[Any], values: list[npt.NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
