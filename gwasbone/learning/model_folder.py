"""A folder of trained models: what was trained in it, and each model as its training left it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gwasbone.errors import GwasboneError, InputError
from gwasbone.files import atomic_path, content_hash
from gwasbone.learning.backend import Backend, Model

#: What is trained there, a row per model, everybody's fold, and what a region's networks predict.
TRAINING, MODELS_TABLE, PEOPLE, TASK = "training.json", "models.tsv", "people.tsv", "task.json"
_COMPILED = ".compiled"


def load_verified(backend: Backend, path: Path, model_hash: str) -> Model:
    """A model whose file is still the one that its training wrote.

    Parameters
    ----------
    model_hash : the first digits of the file's SHA-256, as they were recorded.

    Raises
    ------
    InputError
        The file is missing, has other contents than were recorded, or cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected the model that its training wrote, there is no file")
    found = content_hash(path)[: len(model_hash)]
    if not model_hash or found != model_hash:
        raise InputError(
            f"{path}: expected the model with SHA-256 {model_hash or '(none recorded)'}, got "
            f"{found}: the file is not the one that was trained; restore it or train again"
        )
    try:
        return backend.load(path)
    except ValueError as error:
        raise InputError(str(error)) from error


@contextlib.contextmanager
def compiled_in(folder: Path) -> Iterator[None]:
    """Let jax keep compiled networks in a folder, unless the environment names another."""
    name = "JAX_COMPILATION_CACHE_DIR"
    given = os.environ.get(name)
    if given is None:
        os.environ[name] = str((folder / _COMPILED).absolute())
    try:
        yield
    finally:
        if given is None:
            os.environ.pop(name, None)


def claim(models: Path, asked: Mapping[str, Any], *, force: bool) -> None:
    """Say in the folder what is trained there, or refuse where it is something else.

    Raises
    ------
    InputError
        The folder holds models of another training and ``force`` is not set; or it holds anything
        and no training made it.
    """
    path = models / TRAINING
    foreign = [p for p in models.glob("*") if p.name != _COMPILED] if not path.exists() else []
    if foreign:
        raise InputError(
            f"{models} holds {foreign[0].name} and was not made by a training: choose another --out"
        )
    plain = json.loads(json.dumps(asked))
    # a run that failed before its first epoch holds nothing that could be lost
    if path.exists() and any(models.glob("**/fold*/*")) and not force:
        try:
            there = json.loads(path.read_text())
        except ValueError:
            there = {}
        differ = [name for name, value in plain.items() if there.get(name) != value]
        if differ:
            raise InputError(
                f"{models} holds models of another training (other {', '.join(differ)}): choose "
                "another --out, or give --force to replace them"
            )
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(plain, indent=1) + "\n")


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Turn a full disk into an error that says what is kept.

    Raises
    ------
    GwasboneError
        The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise GwasboneError(
            f"disk full while training in {folder}: free some space and give the same command "
            "again; finished folds and epochs are kept"
        ) from error
