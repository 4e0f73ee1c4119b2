"""The reference backend: linear models on pooled pixels or table columns, without a framework.

BLAS gets one thread: of matrices this narrow, several take up to nine times the processor's time.

It keeps the Protocol honest (anything that holds for it and for Keras is a property of the
statistics, not of a network) and is quick enough for tests of everything downstream. It does every
task and takes the options that have a meaning for a model that is solved in one step:
``dense_layers`` (of rectified random projections, Rahimi & Recht 2008), ``l2``, ``rows_per_epoch``
and ``clip_global_norm`` (of its one step, from zero to the solution).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from gwasbone.errors import failure_reason
from gwasbone.files import atomic_path
from gwasbone.learning.backend import Epoch, Rows
from gwasbone.learning.reference_solvers import (
    mean_loss,
    outputs,
    pixel_features,
    solve,
    solve_dice,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]

#: Side of the grid that a picture is pooled to.
POOLED = 12
#: Pixels that masks are fitted to, at most.
_MOST_PIXELS = 400_000
_ROWS_AT_ONCE = 256


class ReferenceBackend:
    """Builds and loads linear models; see :class:`gwasbone.learning.backend.Backend`."""

    suffix = ".npz"

    def build(self, network: Mapping[str, Any], *, seed: int) -> ReferenceModel:
        """A model with all coefficients zero; only the projections of dense layers are drawn."""
        if network["input"] == "image" and network["weights"] != "random":
            raise ValueError(f"weights: the reference backend has none, got {network['weights']}")
        if network["input"] == "image" and min(network["height"], network["width"]) < POOLED:
            raise ValueError(f"images: expected sides of at least {POOLED} pixels")
        return ReferenceModel(network, seed)

    def load(self, path: Path) -> ReferenceModel:
        """A model that was saved."""
        try:
            with np.load(path) as kept:
                model = ReferenceModel(json.loads(str(kept["network"])), int(kept["seed"]))
                for name in ("centre", "spread", "pixel_centre", "pixel_spread"):
                    setattr(model, name, kept[name])
                model.coefficients = {
                    head["name"]: kept[f"head_{i}"] for i, head in enumerate(model.network["heads"])
                }
        except Exception as error:
            raise ValueError(
                f"{path}: expected a model of the reference backend: {failure_reason(error)}"
            ) from None
        return model


class ReferenceModel:
    """See :class:`gwasbone.learning.backend.Model`.

    Each head is a ridge-penalised linear, logistic or multinomial model of standardised features;
    a mask is a logistic model of each pixel and its neighbourhood.
    """

    def __init__(self, network: Mapping[str, Any], seed: int = 0) -> None:
        self.network, self.seed = dict(network), seed
        n, n_pixel = self._n_features(), 2 * self.network.get("channels", 0)
        self.centre, self.spread = np.zeros(n), np.ones(n)
        self.pixel_centre, self.pixel_spread = np.zeros(n_pixel), np.ones(n_pixel)
        widths = {"mask": n_pixel}
        n_dense = network.get("dense_nodes", 0) if network.get("dense_layers", 0) else n
        self.coefficients: dict[str, FloatArray] = {
            head["name"]: np.zeros((widths.get(head["kind"], n_dense) + 1, head["size"]))
            for head in network["heads"]
        }

    def fit(
        self,
        inputs: Mapping[str, Rows],
        targets: Mapping[str, Rows],
        *,
        rows: IntArray,
        validation_rows: IntArray,
        plan: Mapping[str, Any],
        weights: Mapping[str, npt.NDArray[np.floating]] | None = None,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> Sequence[Epoch]:
        """Solve the penalised problem, in one epoch; a killed fit starts again."""
        started = time.perf_counter()
        if len(rows) == 0 or len(validation_rows) == 0:
            raise ValueError("training: expected participants to train on and to validate with")
        if set(targets) != set(self.coefficients):
            raise ValueError(
                f"targets: expected {', '.join(self.coefficients)}, got {', '.join(targets)}"
            )
        if plan["rows_per_epoch"]:
            drawn = np.random.default_rng([plan["seed"], 1]).permutation(rows)
            rows = drawn[: plan["rows_per_epoch"]]
        with threadpool_limits(1, user_api="blas"):
            self._solve(inputs, targets, rows, weights)
            self._clip(plan["clip_global_norm"])
            losses = {
                "loss": self._loss(inputs, targets, rows, weights),
                "validation_loss": self._loss(inputs, targets, validation_rows, weights),
            }
        epoch = {"epoch": 1, **losses, "learning_rate": 0.0}
        epoch["seconds"] = time.perf_counter() - started
        if on_epoch is not None:
            on_epoch(epoch)
        return [epoch]

    def _solve(
        self,
        inputs: Mapping[str, Rows],
        targets: Mapping[str, Rows],
        rows: IntArray,
        weights: Mapping[str, npt.NDArray[np.floating]] | None,
    ) -> None:
        l2 = self.network.get("l2", 0.0)
        X = self._features(inputs, rows)
        self.centre, self.spread = X.mean(axis=0), X.std(axis=0) + 1e-9
        Z = self._dense(self._standardised(X))
        for head in self.network["heads"]:
            name = head["name"]
            if head["kind"] == "mask":
                self.coefficients[name] = self._solved_masks(head, inputs, targets[name], rows, l2)
            else:
                y, w = _of_rows(head, targets[name], weights, rows)
                self.coefficients[name] = solve(head, Z, y, w, l2)

    def _solved_masks(
        self, head: Mapping[str, Any], inputs: Mapping[str, Rows], target: Rows, rows: IntArray,
        l2: float,
    ) -> FloatArray:  # fmt: skip
        size = self.network["height"] * self.network["width"]
        rows = np.sort(rows)[: max(1, _MOST_PIXELS // size)]
        features = pixel_features(np.asarray(inputs["image"][rows], dtype=float))
        flat = features.reshape(-1, features.shape[-1])
        self.pixel_centre, self.pixel_spread = flat.mean(axis=0), flat.std(axis=0) + 1e-9
        Z = self._pixel_design(inputs, rows)
        y = np.asarray(target[rows], dtype=float).reshape(len(rows), size, head["size"])
        if head.get("loss") == "dice":
            found = [solve_dice(Z, y[..., j], l2) for j in range(head["size"])]
            return np.column_stack(found)
        every = Z.reshape(-1, Z.shape[-1])
        return solve(head, every, y.reshape(len(every), -1), np.ones(len(every)), l2)

    def _clip(self, most: float) -> None:
        norm = np.sqrt(sum((B**2).sum() for B in self.coefficients.values()))
        if most and norm > most:
            for name, B in self.coefficients.items():
                self.coefficients[name] = B * (most / norm)

    def _loss(
        self,
        inputs: Mapping[str, Rows],
        targets: Mapping[str, Rows],
        rows: IntArray,
        weights: Mapping[str, npt.NDArray[np.floating]] | None,
    ) -> float:
        Z = self._dense(self._standardised(self._features(inputs, rows)))
        total = 0.0
        for head in self.network["heads"]:
            B = self.coefficients[head["name"]]
            if head["kind"] == "mask":
                some = np.sort(rows)[:_ROWS_AT_ONCE]
                eta = self._pixel_design(inputs, some) @ B
                y = np.asarray(targets[head["name"]][some], dtype=float).reshape(eta.shape)
                flat, truth = (part.reshape(-1, head["size"]) for part in (eta, y))
                total += mean_loss(head, flat, truth, np.ones(len(flat)))
            else:
                y, w = _of_rows(head, targets[head["name"]], weights, rows)
                total += mean_loss(head, Z @ B, y, w)
        return total

    def restart(self) -> None:
        """Nothing to do: a fit solves its problem, wherever it starts."""

    def predict(
        self, inputs: Mapping[str, Rows], *, rows: IntArray
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Head -> (len(rows), size): probability of 1, of each class, or the numbers."""
        made = {}
        with threadpool_limits(1, user_api="blas"):
            Z = self._dense(self._standardised(self._features(inputs, rows)))
            for head in self.network["heads"]:
                B = self.coefficients[head["name"]]
                if head["kind"] == "mask":
                    made[head["name"]] = self._masks(inputs, rows, B)
                else:
                    made[head["name"]] = outputs(head["kind"], Z @ B).astype(np.float32)
        return made

    def _masks(
        self, inputs: Mapping[str, Rows], rows: IntArray, B: FloatArray
    ) -> npt.NDArray[np.float32]:
        shape = (self.network["height"], self.network["width"], B.shape[1])
        made = np.empty((len(rows), *shape), np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            eta = self._pixel_design(inputs, part) @ B
            made[start : start + len(part)] = outputs("mask", eta).reshape(len(part), *shape)
        return made

    def embed(self, inputs: Mapping[str, Rows], *, rows: IntArray) -> npt.NDArray[np.float32]:
        """(len(rows), d) the standardised features."""
        return self._standardised(self._features(inputs, rows))[:, 1:].astype(np.float32)

    def saliency(
        self,
        inputs: Mapping[str, Rows],
        *,
        rows: IntArray,
        head: str,
        index: int = 0,
        contrast: Sequence[float] | None = None,
    ) -> npt.NDArray[np.float32]:
        """(len(rows), height, width) size of each pixel's own part of the linear predictor.

        An ordinal head is a categorical one here, asked about the number of its class.
        """
        if self.network["input"] != "image" or head not in self.coefficients:
            raise ValueError(f"saliency: expected an image network with a head {head}")
        found = next(h for h in self.network["heads"] if h["name"] == head)
        if found["kind"] == "mask" or self.network.get("dense_layers", 0):
            raise ValueError(
                f"saliency: the reference backend has maps of linear models only, {head} is none"
            )
        is_binary = found["kind"] == "binary"
        column = self.coefficients[head][:, max(index - 1, 0) if is_binary else index]
        if found["kind"] == "ordinal":
            column = self.coefficients[head] @ (np.arange(found["size"]) - (found["size"] - 1) / 2)
        if contrast is not None:
            if found["kind"] in ("binary", "ordinal") or len(contrast) != found["size"]:
                raise ValueError(
                    f"saliency: expected {found['size']} weights of a categorical or regression "
                    f"head, got {len(contrast)} of {head}, which is {found['kind']}"
                )
            column = self.coefficients[head] @ np.asarray(contrast, dtype=np.float64)
        Z = self._standardised(self._features(inputs, rows))
        n_pixels = POOLED * POOLED * self.network["channels"]
        part = np.abs(Z * column)[:, 1 : n_pixels + 1]
        grid = part.reshape(len(rows), POOLED, POOLED, -1).sum(axis=-1)
        down = _places(self.network["height"])
        across = _places(self.network["width"])
        maps: npt.NDArray[np.float32] = grid[:, down][:, :, across].astype(np.float32)
        return maps

    def save(self, path: Path) -> None:
        """Write everything to one .npz file, whole or not at all."""
        kept: dict[str, Any] = {
            f"head_{i}": self.coefficients[head["name"]]
            for i, head in enumerate(self.network["heads"])
        }
        with atomic_path(path) as partial, open(partial, "wb") as handle:
            kept |= {"centre": self.centre, "spread": self.spread, "seed": np.array(self.seed)}
            kept |= {"pixel_centre": self.pixel_centre, "pixel_spread": self.pixel_spread}
            np.savez(handle, network=np.array(json.dumps(self.network)), **kept)

    def describe(self) -> dict[str, Any]:
        """Backend, engine, device, parameters and versions."""
        return {
            "backend": "reference",
            "engine": "numpy",
            "device": "cpu",
            "n_parameters": int(sum(c.size for c in self.coefficients.values())),
            "versions": {"numpy": np.__version__},
            "suffix": ".npz",
        }

    def _n_features(self) -> int:
        network = self.network
        if network["input"] == "image":
            return POOLED * POOLED * network["channels"] + sum(network["side_inputs"].values())
        return 2 * len(network["numeric"]) + sum(network["categorical"].values())

    def _standardised(self, X: FloatArray) -> FloatArray:
        """(n, 1 + d) with the intercept first."""
        return np.column_stack([np.ones(len(X)), (X - self.centre) / self.spread])

    def _dense(self, Z: FloatArray) -> FloatArray:
        """(n, 1 + nodes) after the dense layers, whose weights are drawn and not learned."""
        for layer in range(self.network.get("dense_layers", 0)):
            rng = np.random.default_rng([self.seed, layer])
            W = rng.standard_normal((Z.shape[1], self.network["dense_nodes"]))
            hidden = np.maximum(Z @ W / np.sqrt(Z.shape[1]), 0)
            Z = np.column_stack([np.ones(len(Z)), hidden])
        return Z

    def _pixel_design(self, inputs: Mapping[str, Rows], rows: IntArray) -> FloatArray:
        """(n, pixels, 1 + 2 c) standardised features of pixels, the intercept first."""
        features = pixel_features(np.asarray(inputs["image"][rows], dtype=float))
        flat = features.reshape(len(rows), -1, features.shape[-1])
        Z = (flat - self.pixel_centre) / self.pixel_spread
        return np.concatenate([np.ones((*Z.shape[:2], 1)), Z], axis=-1)

    def _features(self, inputs: Mapping[str, Rows], rows: IntArray) -> FloatArray:
        network = self.network
        if network["input"] == "image":
            shape = (network["height"], network["width"], network["channels"])
            if tuple(inputs["image"].shape[1:]) != shape:
                raise ValueError(
                    f"input image: expected rows of shape {shape}, "
                    f"got {tuple(inputs['image'].shape[1:])}"
                )
            starts = range(0, max(len(rows), 1), _ROWS_AT_ONCE)
            pieces = [rows[i : i + _ROWS_AT_ONCE] for i in starts]
            pooled = [_pool(np.asarray(inputs["image"][piece], dtype=float)) for piece in pieces]
            sides = [np.asarray(inputs[name][rows], dtype=float) for name in network["side_inputs"]]
            return np.column_stack([np.vstack(pooled), *sides])
        columns: list[npt.NDArray[Any]] = []
        for name in network["numeric"]:
            values = np.asarray(inputs[name][rows], dtype=float)
            columns += [np.nan_to_num(values), np.isnan(values).astype(float)]
        for name, levels in network["categorical"].items():
            columns += [np.asarray(inputs[name][rows]) == level for level in range(levels)]
        return np.column_stack(columns).astype(float)


def _of_rows(
    head: Mapping[str, Any],
    target: Rows,
    weights: Mapping[str, npt.NDArray[np.floating]] | None,
    rows: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Targets (n, columns) and weights (n,) of rows."""
    y = np.asarray(target[rows], dtype=float).reshape(len(rows), -1)
    given = weights[head["name"]][rows] if weights and head["name"] in weights else np.ones(len(y))
    return y, np.asarray(given, dtype=np.float64)


def _places(side: int) -> IntArray:
    """(side,) the pooled row that each row of pixels belongs to."""
    return np.arange(side) * POOLED // side


def _pool(pictures: FloatArray) -> FloatArray:
    """(n, height, width, c) -> (n, POOLED² c) means over a grid."""
    n, height, width, channels = pictures.shape
    down, across = np.eye(POOLED)[_places(height)], np.eye(POOLED)[_places(width)]
    pooled = np.einsum("nhwc,hi,wj->nijc", pictures, down / down.sum(0), across / across.sum(0),
                       optimize=True)  # fmt: skip
    return np.asarray(pooled.reshape(n, POOLED * POOLED * channels), dtype=np.float64)
