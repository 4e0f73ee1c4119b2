"""A backend that builds each network once: many trainings of one network in one process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gwasbone.learning.backend import Backend, Model


class ReusingBackend:
    """Builds through another backend, and gives a network that it built before again, restarted.

    A framework traces and compiles a network when it is first fitted, which takes longer than to
    train a small one; a permutation test trains the same one hundreds of times. What comes out is
    what the other backend would give (the contract of ``Model.restart``).

    A model is the caller's until the same network and seed are asked for again: then it is the
    same object with its weights put back. Whoever needs both at once must take the other backend.

    Parameters
    ----------
    backend : what builds.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.suffix = backend.suffix
        self._built: dict[str, Model] = {}

    def build(self, network: Mapping[str, Any], *, seed: int) -> Model:
        """See :meth:`gwasbone.learning.backend.Backend.build`."""
        key = json.dumps([dict(network), seed, _changed(network)], sort_keys=True, default=str)
        model = self._built.get(key)
        if model is None:
            model = self._built[key] = self._backend.build(network, seed=seed)
        else:
            model.restart()
        return model

    def load(self, path: Path) -> Model:
        """See :meth:`gwasbone.learning.backend.Backend.load`."""
        return self._backend.load(path)


def _changed(network: Mapping[str, Any]) -> list[int]:
    """Size and time of the file of weights: another file of the same name is another network."""
    path = Path(str(network.get("weights", "")))
    if not path.is_file():
        return []
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]
