"""Tuning of the transformer: a grid of sizes and rates, each tried on an even split of people.

Half of the participants, with the sexes in equal shares, are trained on; the other half decide when
training stops and which candidate is best, as in Eriksson & Nakamori 2025, §2.4 ("tuned on an even
split"). The candidates are few on purpose: the best of many on one half is best by luck.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, OptionError, reads
from gwasbone.learning.backend import Backend, Epoch
from gwasbone.learning.cross_fit import DivergedError, read_card
from gwasbone.learning.folds import PersonFolds, person_folds
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder
from gwasbone.learning.residuals import network_rows
from gwasbone.learning.trait_prediction import HEAD, explained, fit_traits
from gwasbone.learning.visit_answers import VisitAnswers

log = logging.getLogger(__name__)

GRID_COLUMNS = ("hidden", "layers", "attention_heads", "dropout", "learning_rate")
COLUMNS = (
    "rank", *GRID_COLUMNS, "n_parameters", "validation_loss", "r2", "r2_seen", "best_epoch",
    "epochs", "status",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A size of the transformer, and a learning rate."""

    encoder: Encoder
    learning_rate: float

    @property
    def values(self) -> dict[str, float]:
        """The columns of the grid."""
        return vars(self.encoder) | {"learning_rate": self.learning_rate}

    @property
    def name(self) -> str:
        """The name of its folder of models."""
        return "_".join(f"{name}{value:g}" for name, value in self.values.items())

    def describe(self) -> str:
        """The candidate in words, as flags."""
        e = self.encoder
        return (
            f"--hidden {e.hidden} --layers {e.layers} --heads {e.attention_heads} --dropout "
            f"{e.dropout:g} --learning-rate {self.learning_rate:g}"
        )


@dataclass(frozen=True)
class Tuning:
    """Candidates of a grid, best first.

    Parameters
    ----------
    table : ``rank`` (1 is the best; NaN where training diverged), the columns of the grid,
        ``n_parameters``, ``validation_loss`` (mean squared error of the other half, in SD² of the
        traits), ``r2`` (mean over the traits, of the other half), ``r2_seen`` (of the half that
        was trained on), ``best_epoch``, ``epochs`` and ``status`` (``ok`` or ``diverged``).
    best : the candidate of the smallest validation loss.
    n_training, n_validation : participants in each half.
    """

    table: pd.DataFrame
    best: Candidate
    n_training: int
    n_validation: int


@reads("a grid of the transformer")
def read_grid(path: str | Path | None = None) -> tuple[Candidate, ...]:
    """Read candidates: tab-separated, a row each; the package's own by default.

    Parameters
    ----------
    path : with the columns ``hidden layers attention_heads dropout learning_rate``.

    Raises
    ------
    InputError
        Other columns, a value out of bounds, one candidate twice, or none.

    Examples
    --------
    >>> len(read_grid()), read_grid()[-1].describe()
    (12, '--hidden 128 --layers 4 --heads 8 --dropout 0.3 --learning-rate 0.001')
    """
    source: Any = files("gwasbone") / "resources" / "transformer_grid.tsv"
    source = source if path is None else Path(path)
    lines = [line for line in source.read_text().splitlines() if line and line[0] != "#"]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    if not rows or set(rows[0]) != set(GRID_COLUMNS):
        raise InputError(f"{source}: expected columns {', '.join(GRID_COLUMNS)} and rows")
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            hidden, layers, heads = (int(row[name]) for name in GRID_COLUMNS[:3])
            dropout, rate = (float(row[name]) for name in GRID_COLUMNS[3:])
            TrainingPlan(learning_rate=rate)
            found.append(Candidate(Encoder(hidden, layers, heads, dropout), rate))
        except (ValueError, TypeError, OptionError) as error:
            raise InputError(f"{source}: row {number} of the grid: {error}") from error
    if len(set(found)) < len(found):
        raise InputError(f"{source}: expected each candidate once, one is there twice")
    return tuple(found)


def even_split(person: np.ndarray, sex: np.ndarray, *, seed: int) -> PersonFolds:
    """One half of the participants to train on and one to validate on; nobody is held out."""
    halves = person_folds(person, sex, folds=2, seed=seed).fold
    return PersonFolds(np.full(len(halves), -1, dtype=np.intp), (halves == 1)[None])


def tune_transformer(
    assessments: pd.DataFrame,
    answers: VisitAnswers,
    backend: Backend,
    traits: Sequence[str] | None = None,
    *,
    folder: Path,
    plan: TrainingPlan,
    grid: Sequence[Candidate] | None = None,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> Tuning:
    """Train every candidate of a grid on one half of the participants and judge it by the other.

    Parameters
    ----------
    assessments, answers, backend, traits : as of
        :func:`gwasbone.learning.residuals.transformer_residuals`.
    folder : a folder of models for each candidate; those that are finished, and epochs of the one
        that is not, are taken, so that a killed run goes on.
    plan : its learning rate is that of the candidate; ``plan.seed`` is also that of the split.
    grid : at least two; :func:`read_grid` by default.
    on_epoch : called with the number of the candidate and each epoch.

    Raises
    ------
    InputError
        Fewer than two candidates, or the training of all diverges.
    """
    grid = read_grid() if grid is None else tuple(grid)
    if len(grid) < 2:
        raise InputError(f"grid: expected at least 2 candidates, got {len(grid)}")
    given = network_rows(assessments, answers, traits)
    halves = even_split(given.person, given.sex, seed=plan.seed)
    rows = []
    for number, candidate in enumerate(grid):
        follow = None if on_epoch is None else _numbered(on_epoch, number)
        try:
            fit = fit_traits(
                backend, given.encoded, given.measured, given.person, halves,
                folder=folder / candidate.name, data_hash=given.data_hash,
                plan=replace(plan, learning_rate=candidate.learning_rate),
                encoder=candidate.encoder, n_networks=None, on_epoch=follow,
            )  # fmt: skip
        except DivergedError as error:
            log.warning("candidate %s: %s", candidate.describe(), error)
            rows.append(candidate.values | {"status": "diverged"})
            continue
        r2, seen = (
            explained(given.measured, given.measured * 0 + part[HEAD]).mean()
            for part in (fit.validation, fit.in_training)
        )
        best = min(fit.histories[0], key=lambda epoch: epoch["validation_loss"])
        rows.append(
            candidate.values
            | {
                "n_parameters": read_card(fit.models[0])["n_parameters"],
                "validation_loss": best["validation_loss"], "r2": r2, "r2_seen": seen,
                "best_epoch": int(best["epoch"]), "epochs": len(fit.histories[0]), "status": "ok",
            }
        )  # fmt: skip
        log.info("candidate %s: validation R2 %.4f", candidate.describe(), r2)
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    if not (table["status"] == "ok").any():
        raise InputError(
            "grid: the training of every candidate diverges: give lower learning rates in --grid"
        )
    table["rank"] = table["validation_loss"].rank(method="first")
    chosen = grid[int(np.nanargmin(table["validation_loss"].to_numpy(dtype=np.float64)))]
    in_second = pd.Series(halves.validation[0]).groupby(given.person).first()
    return Tuning(
        table.sort_values("rank", kind="stable", ignore_index=True), chosen,
        int((~in_second).sum()), int(in_second.sum()),
    )  # fmt: skip


def _numbered(on_epoch: Callable[[int, Epoch], None], number: int) -> Callable[[int, Epoch], None]:
    return lambda fold, epoch: on_epoch(number, epoch)
