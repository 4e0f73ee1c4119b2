"""The Keras implementation of gwasbone's deep-learning backend, replaceable whole.

It imports nothing from gwasbone; what it must do is said in ``gwasbone.learning.backend``. The
engine under Keras is ``KERAS_BACKEND`` (jax, torch or tensorflow); jax where nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_backend.model import KerasModel


class KerasBackend:
    """Builds and loads Keras models; see ``gwasbone.learning.backend.Backend``."""

    suffix = ".keras"

    def __init__(self) -> None:
        from dl_backend import engine

        engine.choose()

    def build(self, network: Mapping[str, Any], *, seed: int) -> KerasModel:
        """A network with fresh weights, or with those of the file that ``network`` names."""
        from dl_backend.model import KerasModel

        return KerasModel.build(network, seed=seed)

    def load(self, path: Path) -> KerasModel:
        """A model that was saved."""
        from dl_backend.model import KerasModel

        return KerasModel.load(path)
