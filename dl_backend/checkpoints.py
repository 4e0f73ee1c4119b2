"""The state of a training after each epoch, kept so that a killed one goes on to the same end."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_STATE = "training.npz"


@dataclass
class TrainingState:
    """Everything that the next epoch depends on.

    Parameters
    ----------
    epochs : what was measured in each, in order.
    variables, optimizer : values of the network's and the optimiser's variables after the last.
    best : values of the network's variables after the best.
    wait : epochs since the best; reductions : how often the plateau schedule reduced the rate.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    variables: list[npt.NDArray[Any]] = field(default_factory=list)
    optimizer: list[npt.NDArray[Any]] = field(default_factory=list)
    best: list[npt.NDArray[Any]] = field(default_factory=list)
    best_loss: float = float("inf")
    wait: int = 0
    reductions: int = 0

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
                    f"{path}: expected the checkpoint of this network, plan and people, got one "
                    "of another training: give another folder or remove it"
                )
            state = cls(**about)
            for name in ("variables", "optimizer", "best"):
                n = sum(member.startswith(f"{name}_") for member in kept.files)
                setattr(state, name, [kept[f"{name}_{i}"] for i in range(n)])
        return state


def training_key(
    network: Mapping[str, Any], plan: Mapping[str, Any], *arrays: npt.NDArray[Any]
) -> str:
    """A hash that differs between trainings that must not go on from each other."""
    digest = hashlib.sha256(json.dumps([dict(network), dict(plan)], sort_keys=True).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
