"""The state of a training after each epoch, kept so that a killed one goes on to the same end."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_STATE = "training.npz"
_ROWS_AT_ONCE = 1024


@dataclass
class TrainingState:
    """Everything that the next epoch depends on.

    Parameters
    ----------
    epochs : what was measured in each, in order.
    variables, optimizer : values of the network's and the optimiser's variables after the last.
    best : values of the network's variables after the best.
    wait : epochs since the best.
    lowest : lowest loss that the plateau schedule has seen; flat : epochs since it.
    reductions : how often the plateau schedule reduced the rate.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    variables: list[npt.NDArray[Any]] = field(default_factory=list)
    optimizer: list[npt.NDArray[Any]] = field(default_factory=list)
    best: list[npt.NDArray[Any]] = field(default_factory=list)
    best_loss: float = float("inf")
    wait: int = 0
    lowest: float = float("inf")
    flat: int = 0
    reductions: int = 0

    def add(self, epoch: dict[str, float], plan: Mapping[str, Any]) -> bool:
        """Take note of an epoch; whether it is the best so far.

        The plateau schedule reduces the rate after half the patience without a lower loss, the one
        that ``plan["plateau_on"]`` names, and then counts anew.
        """
        self.epochs.append(epoch)
        is_best = epoch["validation_loss"] < self.best_loss
        self.wait = 0 if is_best else self.wait + 1
        if is_best:
            self.best_loss = epoch["validation_loss"]
        watched = epoch["loss" if plan["plateau_on"] == "training" else "validation_loss"]
        self.flat = 0 if watched < self.lowest else self.flat + 1
        self.lowest = min(self.lowest, watched)
        if self.flat == max(1, plan["patience"] // 2):
            self.reductions, self.flat = self.reductions + 1, 0
        return is_best

    def save(self, folder: Path, key: str) -> None:
        """Replace the kept state, whole or not at all.

        Raises
        ------
        OSError
            The disk is full, or the folder cannot be written to; the earlier state stays.
        """
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "key": key,
            "epochs": self.epochs,
            "best_loss": self.best_loss,
            "wait": self.wait,
            "lowest": self.lowest,
            "flat": self.flat,
            "reductions": self.reductions,
        }
        arrays: dict[str, Any] = {"about": np.array(json.dumps(about))}
        for name in ("variables", "optimizer", "best"):
            arrays |= {f"{name}_{i}": value for i, value in enumerate(getattr(self, name))}
        partial = folder / f".{_STATE}.{os.getpid()}"
        try:
            with open(partial, "wb") as handle:
                np.savez(handle, **arrays)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(partial, folder / _STATE)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def find(cls, folder: Path, key: str) -> TrainingState:
        """The state kept in a folder, or a new one where there is none.

        Raises
        ------
        ValueError
            It belongs to another network, plan or set of rows.
        """
        path = folder / _STATE
        if not path.exists():
            return cls()
        with np.load(path) as kept:
            about = json.loads(str(kept["about"]))
            if about.pop("key") != key:
                raise ValueError(
                    f"{path}: expected the checkpoint of this network, plan and participants, got "
                    "one of another training: give another folder or remove it"
                )
            state = cls(**about)
            for name in ("variables", "optimizer", "best"):
                n = sum(member.startswith(f"{name}_") for member in kept.files)
                setattr(state, name, [kept[f"{name}_{i}"] for i in range(n)])
        return state


def training_key(
    network: Mapping[str, Any],
    plan: Mapping[str, Any],
    arrays: Sequence[npt.NDArray[Any]],
    values: Sequence[Any],
    rows: npt.NDArray[np.integer],
) -> str:
    """A hash that differs between trainings that must not go on from each other.

    Parameters
    ----------
    values : (N, ...) of which ``rows`` count; they may lie on disk and are read in parts.
    """
    digest = hashlib.sha256(json.dumps([dict(network), dict(plan)], sort_keys=True).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    for value in values:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = np.sort(rows[start : start + _ROWS_AT_ONCE])
            digest.update(np.ascontiguousarray(value[part]).tobytes())
    return digest.hexdigest()
