"""The one trainer: any task, any network, cross-fitted, kept on disk fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gwasbone.learning.backend import Backend, Epoch, Rows
from gwasbone.learning.cross_fit import CrossFit, DivergedError, cross_fit, held_out_predictions
from gwasbone.learning.folds import PersonFolds
from gwasbone.learning.networks import ImageNetwork, TableNetwork, TrainingPlan
from gwasbone.learning.task import EncodedTarget, Task

FloatArray = npt.NDArray[np.float64]
OnEpoch = Callable[[int, Epoch], None]

#: Seeds of the networks of a fold differ by this, those of folds by 1.
_SEEDS_APART = 1000
#: A best validation loss of so many times that of a model that knows nothing has diverged.
_MOST_TIMES_NULL = 10.0


@dataclass(frozen=True)
class TrainingRows:
    """The N rows (images, assessments) that networks are trained on and predict.

    Parameters
    ----------
    inputs : see :class:`gwasbone.learning.backend.Model`.
    person : (N,) whose row it is.
    folds : a split of the rows by person.
    data_hash : of what the inputs are.

    Raises
    ------
    ValueError
        Rows of somebody lie in two folds, so that a network would predict whom it has seen.
    """

    inputs: Mapping[str, Rows]
    person: npt.NDArray[np.generic]
    folds: PersonFolds
    data_hash: str

    def __post_init__(self) -> None:
        self.folds.check_people(self.person)


@dataclass(frozen=True)
class TaskFit:
    """Cross-fitted networks of a task.

    Parameters
    ----------
    task : what they were trained on.
    network : as it was built.
    fit : predictions in the units of the target; log odds of a binary target are still to be
        shifted by ``encoded.log_odds_shift``.
    encoded : how the target was encoded.
    """

    task: Task
    network: ImageNetwork | TableNetwork
    fit: CrossFit
    encoded: EncodedTarget


@dataclass(frozen=True)
class Trainer:
    """Trains networks of tasks on the same rows.

    Parameters
    ----------
    backend : what builds networks; a :class:`~gwasbone.learning.backend.ReusingBackend` where many
        alike are trained.
    network : without outputs, which come from the task.
    plan : how it is trained.
    rows : what it is trained on.
    first_weights : per fold, a saved model to start from that has not seen the fold's people
        either; None for the network's own weights.
    """

    backend: Backend
    network: ImageNetwork | TableNetwork
    plan: TrainingPlan
    rows: TrainingRows
    first_weights: Sequence[Path] | None = None

    def fit(
        self,
        task: Task,
        target: Rows,
        *,
        folder: Path,
        n_networks: int | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> TaskFit:
        """Fit networks per fold and predict all rows.

        Parameters
        ----------
        target : see :meth:`gwasbone.learning.task.Task.encode`.
        folder : of the models, ``fold0`` and so on; finished folds and epochs of the same training
            are taken, so that a killed run goes on to the same end.
        n_networks : per fold, from other random starts, each in a folder of its own, ``network0``
            and so on; predictions are their mean, which varies less from start to start than one
            network's (Hansen & Salamon 1990). One network in ``folder`` itself where None.
        on_epoch : called with the number of the model, network by network, and each epoch.

        Raises
        ------
        DivergedError
            A network predicts one number for everybody, or its validation loss is far above that
            of a model that knows nothing.
        """
        encoded, network = task.encode(target), replace(self.network, heads=(task.head,))
        name, n_folds = task.head.name, sum(1 for _ in self.rows.folds)
        fits = [
            cross_fit(
                self.backend, network, replace(self.plan, seed=self.plan.seed + _SEEDS_APART * k),
                self.rows.inputs, {name: encoded.values}, self.rows.folds,
                folder=folder if n_networks is None else folder / f"network{k}",
                data_hash=self.rows.data_hash, first_weights=self.first_weights,
                weights=None if encoded.weights is None else {name: encoded.weights},
                on_epoch=_numbered(on_epoch, k * n_folds),
            )
            for k in range(n_networks or 1)
        ]  # fmt: skip
        _check_losses(task, network, fits)
        return TaskFit(task, network, _averaged(task, fits, encoded), encoded)

    def held_out(self, task: Task, target: Rows) -> FloatArray:
        """(N, size) predictions out of fold, nothing kept on disk: for permutations."""
        encoded, network = task.encode(target), replace(self.network, heads=(task.head,))
        found = held_out_predictions(
            self.backend, network, self.plan, self.rows.inputs, {task.head.name: encoded.values},
            self.rows.folds, first_weights=self.first_weights,
        )  # fmt: skip
        return task.decode(found[task.head.name], encoded)


def _numbered(on_epoch: OnEpoch | None, before: int) -> OnEpoch | None:
    """The same call, with the number of a model among those of all networks."""
    return None if on_epoch is None else lambda fold, epoch: on_epoch(before + fold, epoch)


def _averaged(task: Task, fits: Sequence[CrossFit], encoded: EncodedTarget) -> CrossFit:
    """The mean prediction of networks of the same folds, decoded, with the models of all."""

    def mean(parts: Sequence[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
        return {
            name: task.decode(np.mean([part[name] for part in parts], axis=0), encoded)
            for name in parts[0]
        }

    return CrossFit(
        held_out=mean([fit.held_out for fit in fits]),
        validation=mean([fit.validation for fit in fits]),
        in_training=mean([fit.in_training for fit in fits]),
        fold=fits[0].fold,
        histories=tuple(one for fit in fits for one in fit.histories),
        models=tuple(one for fit in fits for one in fit.models),
        model_hashes=tuple(one for fit in fits for one in fit.model_hashes),
    )


def _check_losses(
    task: Task, network: ImageNetwork | TableNetwork, fits: Sequence[CrossFit]
) -> None:
    if isinstance(network, ImageNetwork) and network.l2:
        return  # the penalty is in the losses
    for fit in fits:
        for number, history in enumerate(fit.histories):
            best = min(epoch["validation_loss"] for epoch in history)
            if best > _MOST_TIMES_NULL * task.null_loss:
                raise DivergedError(
                    f"fold {number}: training diverged: the best validation loss is {best:.4g}, "
                    f"that of a model that knows nothing {task.null_loss:.3g}: give a lower "
                    "learning rate"
                )
