"""Predictions of many traits at once from a questionnaire, each person by a model that never saw
them; what they leave are the residual phenotypes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.learning.backend import Backend, Epoch
from gwasbone.learning.cross_fit import CrossFit
from gwasbone.learning.folds import Fold, PersonFolds
from gwasbone.learning.networks import TableNetwork, TrainingPlan
from gwasbone.learning.options import Encoder
from gwasbone.learning.questionnaire import EncodedTable
from gwasbone.learning.task import regression_task, with_head_name
from gwasbone.learning.trainer import Trainer, TrainingRows
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]

HEAD = "traits"


@dataclass(frozen=True)
class TraitPredictions:
    """Out-of-fold predictions of traits, in the units of the traits.

    Parameters
    ----------
    held_out : N × traits, by the models of the person's own fold; NaN after a refit.
    in_training : N × traits, mean over the models that were fitted to the row.
    r2, r2_seen : per trait, share of variance explained out of fold, and of rows seen.
    fit : the models, network by network; refit : whether all are of everybody.
    """

    held_out: pd.DataFrame
    in_training: pd.DataFrame
    r2: pd.Series
    r2_seen: pd.Series
    fit: CrossFit
    refit: bool = False

    @property
    def predictions(self) -> pd.DataFrame:
        """What residuals are taken from: out of fold, or in sample after a refit."""
        return self.in_training if self.refit else self.held_out


class _Everybody(PersonFolds):
    """One fold in which no participant is held out."""

    def __iter__(self) -> Iterator[Fold]:
        everybody = np.arange(len(self.fold))
        yield Fold(0, everybody, everybody, everybody[:0], in_sample=True)


def predict_traits(
    backend: Backend,
    encoded: EncodedTable,
    traits: pd.DataFrame,
    person: npt.NDArray[np.generic],
    folds: PersonFolds,
    *,
    folder: Path,
    data_hash: str,
    plan: TrainingPlan,
    encoder: Encoder | None = None,
    n_networks: int = 1,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> TraitPredictions:
    """Fit networks of all traits per fold and predict every assessment out of fold.

    Parameters
    ----------
    encoded : N rows of inputs. traits : N × traits, NaN where not measured.
    person : (N,) whose assessment each is; folds : a split by person.
    folder, data_hash : see :func:`gwasbone.learning.cross_fit.cross_fit`.
    n_networks, on_epoch : see :meth:`gwasbone.learning.trainer.Trainer.fit`.

    Raises
    ------
    InputError
        A trait without two different values.
    """
    fit = fit_traits(
        backend, encoded, traits, person, folds, folder=folder, data_hash=data_hash, plan=plan,
        encoder=encoder, n_networks=n_networks, on_epoch=on_epoch,
    )  # fmt: skip
    held_out, seen = (
        pd.DataFrame(part[HEAD], index=traits.index, columns=traits.columns)
        for part in (fit.held_out, fit.in_training)
    )
    return TraitPredictions(
        held_out=held_out,
        in_training=seen,
        r2=explained(traits, held_out),
        r2_seen=explained(traits, seen),
        fit=fit,
        refit=isinstance(folds, _Everybody),
    )


def fit_traits(
    backend: Backend,
    encoded: EncodedTable,
    traits: pd.DataFrame,
    person: npt.NDArray[np.generic],
    folds: PersonFolds,
    *,
    folder: Path,
    data_hash: str,
    plan: TrainingPlan,
    encoder: Encoder | None = None,
    n_networks: int | None = 1,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> CrossFit:
    """Fit networks of all traits per fold; parameters and errors are those of `predict_traits`."""
    flat = [str(t) for t in traits if not varies(traits[t].to_numpy(np.float64))]
    if flat:
        raise InputError(f"traits: expected values that vary, {', '.join(flat)} has none")
    names = [str(name) for name in traits.columns]
    task = with_head_name(regression_task("traits", names), HEAD)
    encoder = Encoder() if encoder is None else encoder
    network = TableNetwork(
        heads=(),
        numeric=encoded.numeric,
        categorical=dict(encoded.categorical),
        hidden=encoder.hidden,
        layers=encoder.layers,
        attention_heads=encoder.attention_heads,
        dropout=encoder.dropout,
    )
    trainer = Trainer(
        backend, network, plan, TrainingRows(encoded.inputs, person, folds, data_hash)
    )
    return trainer.fit(
        task, traits.to_numpy(np.float64), folder=folder, n_networks=n_networks, on_epoch=on_epoch
    ).fit


def everybody(n: int) -> PersonFolds:
    """In place of folds: one model that is fitted to all n rows, as the paper's last one.

    Whoever it predicts it has seen, and when it stops is decided by the same rows.
    """
    return _Everybody(np.full(n, -1, dtype=np.intp), np.ones((1, n), dtype=bool))


def explained(traits: pd.DataFrame, predictions: pd.DataFrame) -> pd.Series:
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)² per trait, over rows that have both; below 0 is possible.

    NaN for a trait without such rows.
    """
    known = traits.notna() & predictions.notna()
    y = traits.where(known)
    left = ((y - predictions) ** 2).sum(min_count=1)
    return 1 - left / ((y - y.mean()) ** 2).sum(min_count=1)
