"""Folds of people: whoever is predicted was not seen by the model that predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """Rows of one fold: (rows,) indices, disjoint in people.

    Parameters
    ----------
    number : from 0.
    training, validation : what a model is fitted to, and what decides when it stops.
    held_out : what it predicts.
    """

    number: int
    training: IntArray
    validation: IntArray
    held_out: IntArray


@dataclass(frozen=True)
class PersonFolds:
    """A split of rows (pictures, assessments) by person.

    Parameters
    ----------
    fold : (N,) the fold in which a row is held out.
    validation : (k, N) whether a row of another fold decides when fold j's training stops.
    """

    fold: IntArray
    validation: npt.NDArray[np.bool_]

    @property
    def n_folds(self) -> int:
        return len(self.validation)

    def __iter__(self) -> Iterator[Fold]:
        for j in range(self.n_folds):
            out = self.fold == j
            stops = self.validation[j]
            yield Fold(j, np.flatnonzero(~out & ~stops), np.flatnonzero(stops), np.flatnonzero(out))


def person_folds(
    person: Sequence[str] | npt.NDArray[np.object_],
    strata: npt.ArrayLike,
    *,
    folds: int = 5,
    validation_share: float = 0.1,
    seed: int = 1,
) -> PersonFolds:
    """Split rows so that all rows of a person are in one fold.

    Parameters
    ----------
    person : (N,) whose row it is.
    strata : (N,) what folds should have in equal shares (case and sex, say); of a person with
        several rows the first counts.
    folds : how many, at least 2.
    validation_share : of the people of the other folds, how many decide when training stops;
        taken within strata too, at least one person of each stratum that has two.
    seed : of the draw, which depends on people and strata only, not on the order of rows.

    Raises
    ------
    UsageError
        Fewer than two folds, or a share outside (0, 0.5].
    InputError
        Fewer people than folds.
    """
    if folds < 2:
        raise UsageError(f"folds: expected at least 2, got {folds}")
    if not 0 < validation_share <= 0.5:
        raise UsageError(
            f"validation share: expected above 0 and at most 0.5, got {validation_share}"
        )
    names, first, place = np.unique(
        np.asarray(person, dtype=str), return_index=True, return_inverse=True
    )
    if len(names) < folds:
        raise InputError(
            f"folds: expected at least {folds} people for {folds} folds, got {len(names)}: "
            "give more people or fewer folds"
        )
    stratum = np.asarray(strata)[first]
    fold = _dealt(stratum, folds, np.random.default_rng([seed, 0]))
    validation = np.zeros((folds, len(names)), dtype=bool)
    for j in range(folds):
        others = np.flatnonzero(fold != j)
        rng = np.random.default_rng([seed, 1 + j])
        validation[j, others] = _share(stratum[others], validation_share, rng)
    return PersonFolds(fold[place], validation[:, place])


def _dealt(stratum: npt.NDArray[np.generic], folds: int, rng: np.random.Generator) -> IntArray:
    """Deal people out to folds, stratum by stratum, so that shares differ by one person at most."""
    order = rng.permutation(len(stratum))
    order = order[np.argsort(stratum[order], kind="stable")]
    fold = np.empty(len(stratum), dtype=np.intp)
    fold[order] = np.arange(len(stratum)) % folds
    return rng.permutation(folds)[fold]


def _share(
    stratum: npt.NDArray[np.generic], share: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Choose a share of each stratum."""
    chosen = np.zeros(len(stratum), dtype=bool)
    for value in np.unique(stratum):
        of = rng.permutation(np.flatnonzero(stratum == value))
        most = len(of) - 1
        chosen[of[: min(most, max(1, round(share * len(of))))]] = True
    if not chosen.any():
        chosen[rng.integers(len(chosen))] = True
    return chosen
