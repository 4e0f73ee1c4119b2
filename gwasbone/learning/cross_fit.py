"""Cross-fitting: a model for each fold, and predictions of people by models that never saw them.

Each fold is finished for itself: its model, its predictions and its card are kept in a folder, and
a run that finds them for the same data, network and plan takes them as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, reading
from gwasbone.files import atomic_path, content_hash
from gwasbone.learning.backend import Backend, Epoch, Rows
from gwasbone.learning.folds import Fold, PersonFolds
from gwasbone.learning.networks import ImageNetwork, TableNetwork, TrainingPlan, as_mapping

FloatArray = npt.NDArray[np.float64]

_CARD, _PREDICTIONS, _CHECKPOINT = "card.json", "predictions.npz", "checkpoint"
_IN_CARD = frozenset({"key", "model_hash", "network", "plan", "seed", "history"})
_ROWS_AT_ONCE = 1024
#: Predictions that differ by less than this share of the largest are one number (float32).
_SAME = 1e-6


class DivergedError(InputError):
    """A training that has come to nothing: its model predicts no number, or one for everybody."""


@dataclass(frozen=True)
class CrossFit:
    """Out-of-fold predictions of a cross-fit.

    Parameters
    ----------
    held_out : head -> (N, size) by the model of the row's own fold, which never saw the person;
        of masks (N, height, width, size).
    validation : head -> likewise, mean over the models whose training the row has stopped (one
        where folds rotate); NaN where it has stopped none. They are what a model that combines
        several networks may be fitted to.
    in_training : head -> (N, size) mean over the models that were fitted to the row; NaN where
        none was. Only to show how far a model has learned its people by heart; not kept of masks.
    fold : (N,) the fold that a row is held out in.
    histories : per fold, what was measured in each epoch.
    models : per fold, the file of the model; model_hashes : the first 16 digits of its SHA-256.
    """

    held_out: Mapping[str, FloatArray]
    validation: Mapping[str, FloatArray]
    in_training: Mapping[str, FloatArray]
    fold: npt.NDArray[np.intp]
    histories: tuple[tuple[Epoch, ...], ...]
    models: tuple[Path, ...]
    model_hashes: tuple[str, ...]


def cross_fit(
    backend: Backend,
    network: ImageNetwork | TableNetwork,
    plan: TrainingPlan,
    inputs: Mapping[str, Rows],
    targets: Mapping[str, Rows],
    folds: PersonFolds,
    *,
    folder: Path,
    data_hash: str,
    weights: Mapping[str, FloatArray] | None = None,
    first_weights: Sequence[Path] | None = None,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> CrossFit:
    """Fit a model per fold and predict every participant out of fold.

    Parameters
    ----------
    inputs, targets, weights : see :class:`gwasbone.learning.backend.Model`; N rows.
    folder : where the folds are kept, ``fold0`` and so on.
    data_hash : of what the inputs are (the cache of images, the table): a kept fold of other
        data is trained anew.
    first_weights : per fold, a saved model whose layers below the heads its model starts from. It
        must not have seen the people of the fold either.
    on_epoch : called with the fold's number and each epoch.

    Raises
    ------
    InputError
        The backend refused the network, the weights file or the inputs; its words are kept.
    DivergedError
        A model predicts the same for everybody, or no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = [
        _one_fold(backend, _of_fold(network, fold, first_weights), plan, inputs, targets, fold,
                  folder / f"fold{fold.number}", data_hash, weights, on_epoch)
        for fold in folds
    ]  # fmt: skip
    parts = list(folds)
    return CrossFit(
        held_out=_mean_of_models(
            len(folds.fold), [f.held_out for f in parts], [kept.held_out for kept in done]
        ),
        validation=_mean_of_models(
            len(folds.fold), [f.validation for f in parts], [kept.validation for kept in done]
        ),
        in_training=_mean_of_models(
            len(folds.fold), [f.training for f in parts], [kept.in_training for kept in done]
        ),
        fold=folds.fold,
        histories=tuple(kept.history for kept in done),
        models=tuple(kept.model for kept in done),
        model_hashes=tuple(kept.model_hash for kept in done),
    )


def _mean_of_models(
    n: int, rows: Sequence[npt.NDArray[np.intp]], found: Sequence[Mapping[str, FloatArray]]
) -> dict[str, FloatArray]:
    """Head -> (n, ...) mean over the models that predict a row; NaN where none does."""
    made = {}
    times = np.zeros(n)
    for of_model in rows:
        times[of_model] += 1
    for name, first in found[0].items():
        total = np.zeros((n, *first.shape[1:]), dtype=first.dtype)
        for of_model, values in zip(rows, found, strict=True):
            total[of_model] += values[name]
        total[times == 0] = np.nan
        made[name] = total / np.maximum(times, 1).reshape(-1, *[1] * (total.ndim - 1))
    return made


def held_out_predictions(
    backend: Backend,
    network: ImageNetwork | TableNetwork,
    plan: TrainingPlan,
    inputs: Mapping[str, Rows],
    targets: Mapping[str, Rows],
    folds: PersonFolds,
    *,
    first_weights: Sequence[Path] | None = None,
) -> dict[str, FloatArray]:
    """The ``held_out`` of :func:`cross_fit`, without keeping anything on disk.

    Raises
    ------
    InputError
        As :func:`cross_fit`.
    DivergedError
        A model predicts no number.
    """
    found_by: list[Mapping[str, FloatArray]] = []
    training = as_mapping(plan)
    for fold in folds:
        spec = as_mapping(_of_fold(network, fold, first_weights))
        try:
            model = backend.build(spec, seed=plan.seed + fold.number)
            model.fit(
                inputs, targets, rows=fold.training, validation_rows=fold.validation, plan=training
            )
            found = model.predict(inputs, rows=fold.held_out)
        except ValueError as error:
            raise InputError(str(error)) from error
        _check_finite(found, fold)
        found_by.append({name: _wide(values) for name, values in found.items()})
    return _mean_of_models(len(folds.fold), [fold.held_out for fold in folds], found_by)


def _wide(values: npt.NDArray[np.float32]) -> FloatArray:
    """Predictions in double precision, masks as they are."""
    return values if values.ndim > 2 else values.astype(np.float64)  # type: ignore[return-value]


def _check_finite(found: Mapping[str, npt.NDArray[np.float32]], fold: Fold) -> None:
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise DivergedError(
                f"fold {fold.number}: training diverged: the model predicts a {name} that is no "
                "number: give a lower learning rate, or look for infinite inputs"
            )


def _check_differ(found: Mapping[str, npt.NDArray[np.float32]], fold: Fold) -> None:
    """Raise where a model predicts one number for all rows, which says the fold and no more."""
    for name, values in found.items():
        flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
        spread = np.ptp(flat, axis=0) if len(flat) else np.ones(1)
        if len(flat) > 1 and (spread <= _SAME * np.abs(flat).max(axis=0)).all():
            raise DivergedError(
                f"fold {fold.number}: training diverged: the model predicts the same {name}, "
                f"{flat[0, 0]:g}, for all {len(flat)} rows that it never saw: give a lower "
                "learning rate or more epochs, or look at the images"
            )


def _of_fold(
    network: ImageNetwork | TableNetwork, fold: Fold, first_weights: Sequence[Path] | None
) -> ImageNetwork | TableNetwork:
    if first_weights is None:
        return network
    assert isinstance(network, ImageNetwork)
    return replace(network, weights=str(first_weights[fold.number]))


@dataclass(frozen=True)
class _KeptFold:
    held_out: Mapping[str, FloatArray]
    validation: Mapping[str, FloatArray]
    in_training: Mapping[str, FloatArray]
    history: tuple[Epoch, ...]
    model: Path
    model_hash: str


def _one_fold(
    backend: Backend,
    network: ImageNetwork | TableNetwork,
    plan: TrainingPlan,
    inputs: Mapping[str, Rows],
    targets: Mapping[str, Rows],
    fold: Fold,
    folder: Path,
    data_hash: str,
    weights: Mapping[str, FloatArray] | None,
    on_epoch: Callable[[int, Epoch], None] | None,
) -> _KeptFold:
    spec, training = as_mapping(network), as_mapping(plan)
    key = _key(spec, training, data_hash, fold, targets, weights)
    path = folder / f"model{backend.suffix}"
    kept = _read(folder, path, key)
    if kept is not None:
        return kept
    folder.mkdir(exist_ok=True)
    # what a backend that was killed while it saved has left
    for left in folder.glob(f".*.{path.name}"):
        if re.fullmatch(rf"\.\d+\.{re.escape(path.name)}", left.name):
            left.unlink()
    said = (lambda epoch: on_epoch(fold.number, epoch)) if on_epoch is not None else None
    checkpoint = folder / _CHECKPOINT
    (folder / _CARD).unlink(missing_ok=True)
    try:
        model = backend.build(spec, seed=plan.seed + fold.number)
        history = model.fit(
            inputs, targets, rows=fold.training, validation_rows=fold.validation, plan=training,
            weights=weights, checkpoint=checkpoint / key, on_epoch=said,
        )  # fmt: skip
        held_out = model.predict(inputs, rows=fold.held_out)
        _check_finite(held_out, fold)
        _check_differ(held_out, fold)
        validation = model.predict(inputs, rows=fold.validation)
        in_training = {} if _has_masks(network) else model.predict(inputs, rows=fold.training)
    except ValueError as error:
        if str(error).startswith("training diverged"):
            raise DivergedError(f"fold {fold.number}: {error}") from error
        raise InputError(str(error)) from error
    model.save(path)
    parts = {"out": held_out, "stop": validation, "in": in_training}
    arrays = {f"{part}_{name}": v for part, of in parts.items() for name, v in of.items()}
    with atomic_path(folder / _PREDICTIONS) as partial, open(partial, "wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]
    card = {
        "key": key,
        "data_hash": data_hash,
        "network": spec,
        "plan": training,
        "fold": fold.number,
        "seed": plan.seed + fold.number,
        "n_training": len(fold.training),
        "n_validation": len(fold.validation),
        "n_held_out": len(fold.held_out),
        "history": [dict(epoch) for epoch in history],
        "model": path.name,
        "model_hash": content_hash(path)[:16],
        **model.describe(),
    }
    with atomic_path(folder / _CARD) as partial:
        partial.write_text(json.dumps(card, indent=1) + "\n")
    _remove_checkpoints(checkpoint)
    again = _read(folder, path, key)
    assert again is not None
    return again


def _remove_checkpoints(folder: Path) -> None:
    """Remove what fits of this fold kept for themselves, in folders named by their keys."""
    for kept in folder.glob("*"):
        if re.fullmatch("[0-9a-f]{32}", kept.name):
            shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def read_card(model: Path) -> dict[str, Any]:
    """What training keeps beside the model of a fold: network, plan, seed, key, hash, history.

    Raises
    ------
    InputError
        It is missing or damaged.
    """
    path = model.with_name(_CARD)
    with reading(path, "the card of a trained model"):
        card: dict[str, Any] = json.loads(path.read_text())
        if absent := _IN_CARD - card.keys():
            raise ValueError(f"no {', '.join(sorted(absent))}")
    return card


def _read(folder: Path, path: Path, key: str) -> _KeptFold | None:
    """A finished fold, or None where there is none of this key."""
    if not (folder / _CARD).exists() or not path.exists():
        return None
    card = read_card(path)
    if card["key"] != key or card["model_hash"] != content_hash(path)[:16]:
        return None
    predictions = folder / _PREDICTIONS
    with reading(predictions, "the predictions of a finished fold"), np.load(predictions) as kept:
        parts: dict[str, dict[str, FloatArray]] = {"out": {}, "stop": {}, "in": {}}
        for member in kept.files:
            which, _, name = member.partition("_")
            parts[which][name] = _wide(kept[member])
    return _KeptFold(
        parts["out"], parts["stop"], parts["in"], tuple(card["history"]), path, card["model_hash"]
    )


def _has_masks(network: ImageNetwork | TableNetwork) -> bool:
    return any(head.kind == "mask" for head in network.heads)


def _key(
    spec: Mapping[str, Any],
    plan: Mapping[str, Any],
    data_hash: str,
    fold: Fold,
    targets: Mapping[str, Rows],
    weights: Mapping[str, FloatArray] | None,
) -> str:
    """A hash of everything that the fold's model depends on."""
    first = Path(str(spec.get("weights", "")))
    if first.is_file():
        # what a file holds, not where it lies
        spec = {**spec, "weights": content_hash(first)}
    digest = hashlib.sha256(
        json.dumps([spec, plan, data_hash, fold.number], sort_keys=True, default=str).encode()
    )
    arrays: Sequence[npt.NDArray[Any]] = [fold.training, fold.validation, fold.held_out]
    for array in [*arrays, *(weights or {}).values()]:
        digest.update(np.ascontiguousarray(array).tobytes())
    for target in targets.values():
        # targets may lie on disk: a part at a time
        for start in range(0, target.shape[0], _ROWS_AT_ONCE):
            digest.update(np.ascontiguousarray(target[start : start + _ROWS_AT_ONCE]).tobytes())
    return digest.hexdigest()[:32]
