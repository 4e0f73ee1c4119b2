"""The reference backend: linear models on pooled pixels or table columns, without a framework.

BLAS gets one thread: of matrices this narrow, several take up to nine times the processor's time.

It keeps the Protocol honest (anything that holds for it and for Keras is a property of the
statistics, not of a network) and is quick enough for tests of everything downstream.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from threadpoolctl import threadpool_limits

from gwasbone.errors import failure_reason
from gwasbone.files import atomic_path
from gwasbone.learning.backend import Epoch, Rows

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]

#: Side of the grid that a picture is pooled to.
POOLED = 12
#: Ridge penalty per row.
PENALTY = 0.01
_ROWS_AT_ONCE = 256


class ReferenceBackend:
    """Builds and loads linear models; see :class:`gwasbone.learning.backend.Backend`."""

    suffix = ".npz"

    def build(self, network: Mapping[str, Any], *, seed: int) -> ReferenceModel:
        """A model with all coefficients zero; nothing in it is drawn, so ``seed`` is not used."""
        if network["input"] == "image" and network["weights"] != "random":
            raise ValueError(f"weights: the reference backend has none, got {network['weights']}")
        if network["input"] == "image" and min(network["height"], network["width"]) < POOLED:
            raise ValueError(f"pictures: expected sides of at least {POOLED} pixels")
        return ReferenceModel(network)

    def load(self, path: Path) -> ReferenceModel:
        """A model that was saved."""
        try:
            with np.load(path) as kept:
                model = ReferenceModel(json.loads(str(kept["network"])))
                model.centre, model.spread = kept["centre"], kept["spread"]
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

    Each head is a ridge-penalised linear, logistic or multinomial model of standardised features.
    """

    def __init__(self, network: Mapping[str, Any]) -> None:
        self.network = dict(network)
        n = self._n_features()
        self.centre, self.spread = np.zeros(n), np.ones(n)
        self.coefficients: dict[str, FloatArray] = {
            head["name"]: np.zeros((n + 1, head["size"])) for head in network["heads"]
        }

    def fit(
        self,
        inputs: Mapping[str, Rows],
        targets: Mapping[str, npt.NDArray[np.floating]],
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
            raise ValueError("training: expected people to train on and to validate with")
        if set(targets) != set(self.coefficients):
            raise ValueError(
                f"targets: expected {', '.join(self.coefficients)}, got {', '.join(targets)}"
            )
        with threadpool_limits(1, user_api="blas"):
            losses = self._solved(inputs, targets, rows, validation_rows, weights)
        epoch = {"epoch": 1, **losses, "learning_rate": 0.0}
        epoch["seconds"] = time.perf_counter() - started
        if on_epoch is not None:
            on_epoch(epoch)
        return [epoch]

    def _solved(
        self,
        inputs: Mapping[str, Rows],
        targets: Mapping[str, npt.NDArray[np.floating]],
        rows: IntArray,
        validation_rows: IntArray,
        weights: Mapping[str, npt.NDArray[np.floating]] | None,
    ) -> dict[str, float]:
        """Solve for each head; gives the two losses."""
        X = self._features(inputs, rows)
        self.centre, self.spread = X.mean(axis=0), X.std(axis=0) + 1e-9
        Z = self._standardised(X)
        losses = {"loss": 0.0, "validation_loss": 0.0}
        parts = {"loss": (Z, rows)}
        parts["validation_loss"] = (
            self._standardised(self._features(inputs, validation_rows)),
            validation_rows,
        )
        for head in self.network["heads"]:
            name = head["name"]
            y = np.asarray(targets[name], dtype=float).reshape(len(targets[name]), -1)
            given = weights[name] if weights is not None and name in weights else np.ones(len(y))
            w = np.asarray(given, dtype=np.float64)
            self.coefficients[name] = _solve(head["kind"], head["size"], Z, y[rows], w[rows])
            for part, (of, who) in parts.items():
                losses[part] += _loss(head["kind"], of @ self.coefficients[name], y[who], w[who])
        return losses

    def restart(self) -> None:
        """Nothing to do: a fit solves its problem, wherever it starts."""

    def predict(
        self, inputs: Mapping[str, Rows], *, rows: IntArray
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Head -> (len(rows), size): probability of 1, of each class, or the numbers."""
        with threadpool_limits(1, user_api="blas"):
            Z = self._standardised(self._features(inputs, rows))
            etas = {name: Z @ B for name, B in self.coefficients.items()}
        made = {}
        for head in self.network["heads"]:
            eta = etas[head["name"]]
            kind = head["kind"]
            values = eta if kind == "regression" else expit(eta)
            if kind in ("categorical", "ordinal"):
                values = softmax(eta, axis=1)
            made[head["name"]] = values.astype(np.float32)
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
        column = self.coefficients[head][:, 0 if found["kind"] == "binary" else index]
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
            kept |= {"centre": self.centre, "spread": self.spread}
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


def _solve(kind: str, size: int, Z: FloatArray, y: FloatArray, w: FloatArray) -> FloatArray:
    """(1 + d, size) coefficients; rows whose target is not known are left out, per output."""
    penalty = PENALTY * len(Z)
    if kind == "regression":
        made = [_ridge(Z, y[:, j], w, penalty) for j in range(size)]
        return np.column_stack(made)

    known = ~np.isnan(y[:, 0])
    Z, y, w = Z[known], y[known], w[known]
    truth = _truth(kind, size, y)
    weights = w[:, None]
    weighted = truth * weights

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        B = flat.reshape(-1, size)
        eta = Z @ B
        if kind == "binary":
            mean, loss = expit(eta), (weights * np.logaddexp(0, eta) - weighted * eta).sum()
        else:
            log_probability = log_softmax(eta, axis=1)
            mean, loss = np.exp(log_probability), -(weighted * log_probability).sum()
        value = loss + 0.5 * penalty * (B[1:] ** 2).sum()
        slope = Z.T @ (weights * mean - weighted)
        slope[1:] += penalty * B[1:]
        return value, slope.ravel()

    start = np.zeros(Z.shape[1] * size)
    found = minimize(objective, start, jac=True, method="L-BFGS-B").x
    return np.asarray(found, dtype=np.float64).reshape(-1, size)


def _ridge(Z: FloatArray, y: FloatArray, w: FloatArray, penalty: float) -> FloatArray:
    known = ~np.isnan(y)
    if not known.any():
        return np.zeros(Z.shape[1])
    A = Z[known] * w[known, None]
    ridge = np.full(Z.shape[1], penalty)
    ridge[0] = 0
    solution = np.linalg.solve(A.T @ Z[known] + np.diag(ridge), A.T @ y[known])
    return np.asarray(solution, dtype=np.float64)


def _truth(kind: str, size: int, y: FloatArray) -> FloatArray:
    return y if kind == "binary" else np.eye(size)[y[:, 0].astype(int)]


def _loss(kind: str, eta: FloatArray, y: FloatArray, w: FloatArray) -> float:
    """Mean over rows; what is not known counts 0."""
    if kind == "regression":
        return float(np.nan_to_num((eta - y) ** 2 * w[:, None]).sum() / y.size)
    known = ~np.isnan(y[:, 0])
    truth = _truth(kind, eta.shape[1], y[known])
    if kind == "binary":
        losses = (np.logaddexp(0, eta[known]) - truth * eta[known])[:, 0]
    else:
        losses = -(log_softmax(eta[known], axis=1) * truth).sum(axis=1)
    return float((losses * w[known]).sum() / len(y))
