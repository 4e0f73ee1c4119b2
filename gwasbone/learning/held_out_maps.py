"""Saliency maps of participants by the models that never saw them, kept fold by fold."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.files import atomic_path, content_hash
from gwasbone.learning.backend import Backend, Rows
from gwasbone.learning.model_folder import load_verified
from gwasbone.learning.picture_rows import areas, reduced_size
from gwasbone.learning.saliency import Question

IntArray = npt.NDArray[np.intp]

#: Longer side of the maps that are kept: no layer that is looked at is finer by much.
MAP_SIDE = 112
#: Goes up when the same models and pictures would give other maps.
_VERSION = 1
_KEPT = "saliency.npz"


def held_out_maps(
    backend: Backend,
    models: Sequence[Path],
    inputs: Mapping[str, Rows],
    fold: npt.ArrayLike,
    question: Question,
    *,
    data_hash: str,
    model_hashes: Sequence[str] | None = None,
    keep: str = _KEPT,
    progress: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Compute saliency maps of images, each with the model that did not see the participant.

    Parameters
    ----------
    models : per fold, its file.
    inputs : of N images.
    fold : (N,) the fold in which each person is held out.
    model_hashes : per fold, what was recorded of the file, which is then verified.
    data_hash : of what the images are; kept maps of others are made anew.
    keep : name of a file beside each model; a fold whose maps of the same model, images and
        question are there is taken, so that a killed run goes on.
    progress : called with the folds done and all folds.

    Returns
    -------
    (N, h, w) ≥ 0, reduced by area means to at most :data:`MAP_SIDE`.

    Raises
    ------
    InputError
        A model cannot be read, or the backend refuses the question; its words are kept.
    """
    fold = np.asarray(fold)
    n, height, width, _ = inputs["image"].shape
    shape = reduced_size(height, width, min(MAP_SIDE, max(height, width)))
    maps = np.zeros((n, *shape), dtype=np.float32)
    for j, model in enumerate(models):
        if progress is not None:
            progress(j, len(models))
        rows = np.flatnonzero(fold == j)
        if not len(rows):
            continue
        path = model.with_name(keep)
        key = _key(model, question, data_hash, rows)
        made = _read(path, key)
        if made is None:
            hashed = content_hash(model)[:16] if model_hashes is None else model_hashes[j]
            made = _reduced(_maps(backend, model, hashed, inputs, rows, question), shape)
            with atomic_path(path) as partial, open(partial, "wb") as handle:
                np.savez_compressed(handle, key=np.array(key), maps=made)
        maps[rows] = made
    if progress is not None:
        progress(len(models), len(models))
    return maps


def _maps(
    backend: Backend, path: Path, model_hash: str, inputs: Mapping[str, Rows], rows: IntArray,
    question: Question,
) -> npt.NDArray[np.float32]:  # fmt: skip
    model = load_verified(backend, path, model_hash)
    try:
        return model.saliency(
            inputs, rows=rows, head=question.head, index=question.index, contrast=question.contrast
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def _reduced(maps: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float16]:
    down, across = areas(maps.shape[1], shape[0]), areas(maps.shape[2], shape[1])
    small = down @ maps @ across.T
    # a mean of one keeps half precision far from its ends
    mean = small.mean(axis=(1, 2), keepdims=True)
    scaled = np.divide(small, mean, out=np.zeros_like(small), where=mean > 0)
    return np.asarray(scaled, dtype=np.float16)


def _key(model: Path, question: Question, data_hash: str, rows: IntArray) -> str:
    about = [_VERSION, content_hash(model), asdict(question), data_hash]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path, key: str) -> npt.NDArray[np.float16] | None:
    if not path.exists():
        return None
    try:
        with np.load(path) as kept:
            if str(kept["key"]) != key:
                return None
            maps: npt.NDArray[np.float16] = kept["maps"]
            return maps
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
