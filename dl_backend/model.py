"""A Keras network behind gwasbone's Protocol."""

from __future__ import annotations

import contextlib
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from dl_backend import engine
from dl_backend.batches import Batches, columns_of
from dl_backend.checkpoints import training_key
from dl_backend.heads import dense_features, output_layer, predicted
from dl_backend.images import image_base
from dl_backend.saliency import SaliencyMaps
from dl_backend.tables import table_base
from dl_backend.training import SCHEDULES, Compiled, Training

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.integer]

_NETWORK = "network.json"
_PICTURES_AT_ONCE, _ROWS_AT_ONCE = 32, 1024


class KerasModel:
    """See ``gwasbone.learning.backend.Model``."""

    def __init__(self, network: Mapping[str, Any], model: keras.Model) -> None:
        self._network, self._model = dict(network), model
        self._compiled: Compiled | None = None

    @classmethod
    def build(cls, network: Mapping[str, Any], *, seed: int) -> KerasModel:
        """A network with fresh weights, or those of the file that ``network`` names.

        Raises
        ------
        ValueError
            An architecture that is not known, or weights of another one.
        """
        with _seeded(seed), _precision(mixed=network["mixed_precision"]):
            if network["input"] == "image":
                inputs, features, pixels = image_base(network)
            else:
                (inputs, features), pixels = table_base(network, seed), None
            l2 = network.get("l2", 0.0)
            penalty = keras.regularizers.L2(l2) if l2 else None
            x = dense_features(network, features, penalty)
            if network["dropout"] and network["input"] == "image":
                x = keras.layers.Dropout(network["dropout"], seed=seed)(x)
            outputs = {
                head["name"]: output_layer(head, x, pixels, penalty) for head in network["heads"]
            }
            return cls(network, keras.Model(inputs, outputs))

    @classmethod
    def load(cls, path: Path) -> KerasModel:
        """A model that was saved.

        Raises
        ------
        ValueError
            The file is not one of this backend's.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                network = json.loads(archive.read(_NETWORK))
            return cls(network, keras.saving.load_model(path, compile=False))
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(
                f"{path}: expected a model saved by this backend, it cannot be read: {reason}"
            ) from error

    def fit(
        self,
        inputs: Mapping[str, Any],
        targets: Mapping[str, Any],
        *,
        rows: IntArray,
        validation_rows: IntArray,
        plan: Mapping[str, Any],
        weights: Mapping[str, npt.NDArray[np.floating]] | None = None,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None,
    ) -> Sequence[Mapping[str, float]]:
        """Train, and keep the weights of the epoch with the lowest validation loss."""
        if len(rows) == 0 or len(validation_rows) == 0:
            raise ValueError(
                "training: expected participants to train on and to validate with, got "
                f"{len(rows)} and {len(validation_rows)}"
            )
        names = [head["name"] for head in self._network["heads"]]
        if set(targets) != set(names):
            raise ValueError(f"targets: expected {', '.join(names)}, got {', '.join(targets)}")
        columns = columns_of(self._network, inputs)
        shapes = {head["name"]: self._target_shape(head, targets[head["name"]])
                  for head in self._network["heads"]}  # fmt: skip

        def batches(of: IntArray) -> Batches:
            return Batches(
                columns, of, plan["batch_size"], targets=targets, shapes=shapes, weights=weights
            )

        compiled = self._compile(plan, batches, validation_rows)
        training = Training(
            compiled, batches, rows=rows, validation_rows=validation_rows, plan=plan
        )
        used = np.concatenate([rows, validation_rows])
        values = [targets[name] for name in names]
        values += [weights[name] for name in names if weights and name in weights]
        key = training_key(self._network, plan, [rows, validation_rows], values, used)
        return training.run(checkpoint, key, on_epoch)

    def _target_shape(self, head: Mapping[str, Any], target: Any) -> tuple[int, ...]:
        """The shape of a row of a head's target.

        Raises
        ------
        ValueError
            The target has another.
        """
        columns = 1 if head["kind"] in ("categorical", "ordinal") else head["size"]
        shape: tuple[int, ...] = (columns,)
        if head["kind"] == "mask":
            shape = (self._network["height"], self._network["width"], columns)
        given = tuple(target.shape[1:])
        if given != shape and not (columns == 1 and given == shape[:-1]):
            raise ValueError(f"target {head['name']}: expected rows of shape {shape}, got {given}")
        return shape

    def restart(self) -> None:
        """Go back to the weights and random states from before the first fit."""
        if self._compiled is not None:
            self._compiled.restart()

    def predict(self, inputs: Mapping[str, Any], *, rows: IntArray) -> dict[str, FloatArray]:
        """Head -> (len(rows), size): probability of 1, of each class, or the numbers."""
        outputs = self._outputs(self._model, inputs, rows)
        return {
            head["name"]: predicted(head, outputs[head["name"]]) for head in self._network["heads"]
        }

    def embed(self, inputs: Mapping[str, Any], *, rows: IntArray) -> FloatArray:
        """(len(rows), d) the features below the heads."""
        below = keras.Model(
            self._model.input, {"features": self._model.get_layer("features").output}
        )
        return self._outputs(below, inputs, rows)["features"].astype(np.float32)

    def saliency(
        self,
        inputs: Mapping[str, Any],
        *,
        rows: IntArray,
        head: str,
        index: int = 0,
        contrast: Sequence[float] | None = None,
    ) -> FloatArray:
        """(len(rows), height, width) ≥ 0: where an image moves one number of one head.

        Raises
        ------
        ValueError
            No such head, a network without pictures, or weights that do not fit the head.
        """
        heads = self._network["heads"]
        if any(h["kind"] == "mask" for h in heads):
            raise ValueError("saliency: expected a network without masks, this one gives some")
        found = next((h for h in heads if h["name"] == head), None)
        # cutting a network to pieces leaves marks on its layers: a copy is cut
        model = KerasModel.build({**self._network, "weights": "random"}, seed=0)._model
        model.set_weights(self._model.get_weights())
        base = next((x for x in model.layers if isinstance(x, keras.Model)), None)
        if found is None or base is None:
            raise ValueError(f"saliency: expected an image network with a head {head}")
        of_head = SaliencyMaps(model, base, found, index, contrast=contrast)
        batches = self._batches(inputs, rows)
        parts = [of_head.maps(batches[i]) for i in range(len(batches))]
        return np.concatenate(parts)[: len(rows)]

    def save(self, path: Path) -> None:
        """Write network and weights to one .keras file, whole or not at all."""
        partial = path.with_name(f".{os.getpid()}.{path.name}")
        try:
            self._model.save(partial)
            with zipfile.ZipFile(partial, "a") as archive:
                archive.writestr(_NETWORK, json.dumps(self._network))
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def describe(self) -> dict[str, Any]:
        """Backend, engine, device, parameters and versions."""
        return {
            "backend": "keras",
            "engine": engine.name(),
            "device": engine.device(),
            "n_parameters": self._model.count_params(),
            "versions": {"keras": keras.version()},
            "suffix": ".keras",
        }

    def _compile(
        self, plan: Mapping[str, Any], batches: Callable[[IntArray], Batches], rows: IntArray
    ) -> Compiled:
        """The model as compiled for its first fit, unless a plan asks for another optimiser."""
        if plan["schedule"] not in SCHEDULES:
            raise ValueError(f"schedule: expected one of {SCHEDULES}, got {plan['schedule']}")
        known = self._compiled
        optimiser = {name: plan[name] for name in ("weight_decay", "clip_global_norm")}
        if known is not None and known.optimiser == optimiser:
            known.forget()
            return known
        self._compiled = Compiled(
            self._model, self._network["heads"], optimiser=optimiser, first_row=batches(rows[:1])
        )
        return self._compiled

    def _batches(self, inputs: Mapping[str, Any], rows: IntArray) -> Batches:
        pictures = self._network["input"] == "image"
        most = _PICTURES_AT_ONCE if pictures else _ROWS_AT_ONCE
        return Batches(columns_of(self._network, inputs), np.asarray(rows), most)

    def _outputs(
        self, model: keras.Model, inputs: Mapping[str, Any], rows: IntArray
    ) -> dict[str, FloatArray]:
        if len(rows) == 0:
            return {n: np.empty((0, *x.shape[1:]), np.float32) for n, x in model.output.items()}
        outputs = model.predict(self._batches(inputs, rows), verbose=0)
        return {name: np.asarray(output)[: len(rows)] for name, output in outputs.items()}


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keras draws the seeds of its layers from Python's generator, which is put back after."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def _precision(*, mixed: bool) -> Iterator[None]:
    """Layers made within compute in bfloat16 and keep their weights in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
