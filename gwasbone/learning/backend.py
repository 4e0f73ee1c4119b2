"""What gwasbone asks of a deep-learning backend: a Protocol over arrays, plain mappings and paths.

A backend is an object registered as an entry point of the group ``gwasbone.dl_backends``. It
imports nothing from gwasbone. ``dl_backend`` registers ``keras``; ``reference`` is a linear model
on pooled pixels that needs no framework.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from gwasbone.errors import UsageError

GROUP = "gwasbone.dl_backends"

#: What is known of a training epoch: ``epoch`` (from 1), ``loss``, ``validation_loss``,
#: ``learning_rate``, ``seconds`` and whatever else a backend measures.
Epoch = Mapping[str, float]

#: Told of a step's name, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


class Rows(Protocol):
    """Values of N people or images that are read a few rows at a time: an array, a memory map."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@runtime_checkable
class Model(Protocol):
    """Interface of a network of a backend.

    ``inputs`` hold the rows of everybody: ``image`` (N, height, width, channels) and the
    side inputs (N, c) for an image network, the named columns (N,) for a table network. ``rows``
    are the ones to use; repeated rows are allowed.
    """

    def fit(
        self,
        inputs: Mapping[str, Rows],
        targets: Mapping[str, Rows],
        *,
        rows: npt.NDArray[np.integer],
        validation_rows: npt.NDArray[np.integer],
        plan: Mapping[str, Any],
        weights: Mapping[str, npt.NDArray[np.floating]] | None = None,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> Sequence[Epoch]:
        """Train, and keep the weights of the epoch with the lowest validation loss.

        Parameters
        ----------
        targets : head -> (N,) or (N, columns), of masks (N, height, width[, size]); NaN = not
            known, counts for nothing. They may lie on disk and are read a few rows at a time.
        plan : a :class:`gwasbone.learning.networks.TrainingPlan` as a mapping.
        weights : head -> (N,) what each row counts; 1 by default.
        checkpoint : a folder. The state after each epoch is kept there, whole or not at all, and
            a fit that finds one of the same network, plan and rows goes on from it to the same
            end; one of others is refused with ValueError.
        on_epoch : called after each epoch, also with those of an earlier, interrupted fit.

        Returns
        -------
        All epochs.

        Raises
        ------
        ValueError
            Inputs or targets that do not fit the network; or a loss that is no number, in a
            message that begins with "training diverged".
        """

    def restart(self) -> None:
        """Go back to what the model was before its first fit: fresh (or loaded) weights.

        A fit that follows ends where the first one would have ended with the same targets and
        plan. It may be cheaper than to build again, since a framework keeps what it compiled.
        """

    def predict(
        self, inputs: Mapping[str, Rows], *, rows: npt.NDArray[np.integer]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Head -> (len(rows), size): probability of 1, of each class, or the numbers; of masks
        (len(rows), height, width, size) probabilities.
        """

    def embed(
        self, inputs: Mapping[str, Rows], *, rows: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.float32]:
        """(len(rows), d) the features below the heads."""

    def saliency(
        self,
        inputs: Mapping[str, Rows],
        *,
        rows: npt.NDArray[np.integer],
        head: str,
        index: int = 0,
        contrast: Sequence[float] | None = None,
    ) -> npt.NDArray[np.float32]:
        """(len(rows), height, width) ≥ 0: where an image moves one number of one head.

        Class activation maps averaged over several convolutional layers. Everything is of log
        odds or numbers, not of probabilities.

        Parameters
        ----------
        index : of a class or number; of a binary head 1 for, 0 against; of an ordinal head unused.
        contrast : weights of the numbers of a categorical or regression head instead, whose
            weighted sum it is.

        Raises
        ------
        ValueError
            No such head, a network without images, or weights that do not fit the head.
        """

    def save(self, path: Path) -> None:
        """Write network and weights to one file, whole or not at all."""

    def describe(self) -> dict[str, Any]:
        """``backend``, ``engine``, ``device``, ``n_parameters``, ``versions``, ``suffix``."""


@runtime_checkable
class Backend(Protocol):
    """Interface of a deep-learning backend, which builds and loads models."""

    #: Ending of the files that its models are saved to.
    suffix: str

    def build(self, network: Mapping[str, Any], *, seed: int) -> Model:
        """A network with fresh (or the given file's) weights.

        Parameters
        ----------
        network : an :class:`~gwasbone.learning.networks.ImageNetwork` or
            :class:`~gwasbone.learning.networks.TableNetwork` as a mapping.

        Raises
        ------
        ValueError
            An architecture it does not know, or a weights file of another one.
        """

    def load(self, path: Path) -> Model:
        """A model that was saved.

        Raises
        ------
        ValueError
            The file is not one of its models.
        """


def backend_names() -> list[str]:
    """List the names of the installed backends."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_backend(name: str) -> Backend:
    """Load an installed backend by name.

    Raises
    ------
    UsageError
        No backend of that name, or what it needs is not installed.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise UsageError(
            f"backend {name}: expected one of {', '.join(backend_names()) or 'none installed'}; "
            "install the package that registers it"
        )
    try:
        backend: Backend = found[0].load()()
    except ImportError as error:
        raise UsageError(
            f"backend {name}: cannot be loaded ({error}): install what it needs, "
            "for keras `pip install 'gwasbone[dl]'`"
        ) from error
    return backend


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
        """See :meth:`Backend.build`."""
        key = json.dumps([dict(network), seed, _changed(network)], sort_keys=True, default=str)
        model = self._built.get(key)
        if model is None:
            model = self._built[key] = self._backend.build(network, seed=seed)
        else:
            model.restart()
        return model

    def load(self, path: Path) -> Model:
        """See :meth:`Backend.load`."""
        return self._backend.load(path)


def _changed(network: Mapping[str, Any]) -> list[int]:
    """Size and time of the file of weights: another file of the same name is another network."""
    path = Path(str(network.get("weights", "")))
    if not path.is_file():
        return []
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]
