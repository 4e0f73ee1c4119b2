"""Folds of participants: whoever is predicted was not seen by the model that predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """Row indices of a fold for training, validation and test, with no participant in two of them.

    Parameters
    ----------
    number : from 0.
    training, validation : what a model is fitted to, and what decides when it stops.
    held_out : what it predicts.
    in_sample : a model of everybody, which is to predict those whom it has seen.

    Raises
    ------
    ValueError
        A row stands in two of them.
    """

    number: int
    training: IntArray
    validation: IntArray
    held_out: IntArray
    in_sample: bool = False

    def __post_init__(self) -> None:
        if self.in_sample:
            return
        rows = np.concatenate([self.training, self.validation, self.held_out])
        if len(np.unique(rows)) < len(rows):
            raise ValueError(
                f"fold {self.number}: expected training, validation and held-out rows apart, a row "
                "stands in two of them"
            )


@dataclass(frozen=True)
class PersonFolds:
    """Split of rows (images or assessments) into folds by participant.

    Parameters
    ----------
    fold : (N,) the fold in which a row is held out; -1 for those that no fold holds out.
    validation : (k, N) whether a row of another fold decides when fold j's training stops.
    """

    fold: IntArray
    validation: npt.NDArray[np.bool_]

    @property
    def n_folds(self) -> int:
        return len(self.validation)

    @property
    def is_fixed(self) -> bool:
        """Whether it is one split into training, validation and test, without cross-fitting."""
        return self.n_folds == 1

    @property
    def part(self) -> npt.NDArray[np.str_]:
        """(N,) ``training``, ``validation`` or ``test`` of a fixed split."""
        return np.where(
            self.fold == 0, "test", np.where(self.validation[0], "validation", "training")
        )

    def of_rows(self, rows: IntArray) -> PersonFolds:
        """The split of some rows, or of rows that belong to these (a participant's images)."""
        return PersonFolds(self.fold[rows], self.validation[:, rows])

    def check_people(self, person: npt.ArrayLike) -> None:
        """Make sure that no model predicts somebody whom it was fitted to or validated on.

        Parameters
        ----------
        person : (N,) whose row it is.

        Raises
        ------
        ValueError
            The rows of somebody lie in two folds, or on both sides of a validation.
        """
        place = np.unique(np.asarray(person, dtype=str), return_inverse=True)[1]
        for values in (self.fold, *self.validation):
            first = np.zeros(place.max(initial=0) + 1, dtype=values.dtype)
            first[place] = values
            if (first[place] != values).any():
                raise ValueError(
                    "folds: expected all rows of a participant in one fold, on one side of a "
                    "validation"
                )

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
    rotate: bool = False,
    seed: int = 1,
) -> PersonFolds:
    """Split rows into folds so that all rows of a participant are in the same fold.

    Parameters
    ----------
    person : (N,) participant of each row.
    strata : (N,) strata that are spread evenly over folds (such as case and sex); of a participant
        with several rows the first counts.
    folds : number of folds, at least 2.
    validation_share : fraction of the participants of the other folds that is held out to decide
        when training stops; drawn within strata, at least one participant of each stratum that has
        two.
    rotate : let the fold before the held-out one decide when training stops, instead of a share:
        the model that predicts fold i + 1 is validated on fold i.
    seed : random seed of the split, which depends on participants and strata but not on the order
        of rows.

    Raises
    ------
    UsageError
        Fewer than two folds (three that rotate), or a share outside (0, 0.5].
    InputError
        Fewer people than folds.
    """
    if folds < 2:
        raise UsageError(f"folds: expected at least 2, got {folds}")
    if rotate and folds < 3:
        raise UsageError(f"folds that rotate: expected at least 3, got {folds}")
    if not 0 < validation_share <= 0.5:
        raise UsageError(
            f"validation share: expected above 0 and at most 0.5, got {validation_share}"
        )
    names, first, place = np.unique(
        np.asarray(person, dtype=str), return_index=True, return_inverse=True
    )
    if len(names) < folds:
        raise InputError(
            f"folds: expected at least {folds} participants for {folds} folds, got {len(names)}: "
            "give more participants or fewer folds"
        )
    stratum = np.asarray(strata)[first]
    fold = _dealt(stratum, folds, np.random.default_rng([seed, 0]))
    validation = np.zeros((folds, len(names)), dtype=bool)
    for j in range(folds):
        if rotate:
            validation[j] = fold == (j - 1) % folds
            continue
        others = np.flatnonzero(fold != j)
        rng = np.random.default_rng([seed, 1 + j])
        validation[j, others] = _share(stratum[others], validation_share, rng)
    return PersonFolds(fold[place], validation[:, place])


def fixed_split(
    person: Sequence[str] | npt.NDArray[np.object_],
    strata: npt.ArrayLike,
    *,
    shares: tuple[float, float, float] = (0.81, 0.09, 0.10),
    seed: int = 1,
) -> PersonFolds:
    """Split rows once into training, validation and test, all rows of a participant in one part.

    Eriksson & Nakamori 2025 take 10 % of the participants as test and 10 % of the others as
    validation: 81/9/10. Only the test part is predicted by a model that has not seen it.

    Parameters
    ----------
    person, strata : as of :func:`person_folds`; the strata are in equal shares in all parts, to
        one participant.
    shares : of training, validation and test; they add up to 1.
    seed : random seed, of participants and strata but not of the order of rows.

    Raises
    ------
    UsageError
        Shares that do not add up to 1, or are not above 0.
    InputError
        Too few participants for one in each part.

    Examples
    --------
    >>> split = fixed_split([f"p{i}" for i in range(100)], np.zeros(100))
    >>> {str(part): int((split.part == part).sum()) for part in np.unique(split.part)}
    {'test': 10, 'training': 81, 'validation': 9}
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        shown = ", ".join(f"{share:g}" for share in shares)
        raise UsageError(f"split: expected three shares above 0 that add up to 1, got {shown}")
    names, first, place = np.unique(
        np.asarray(person, dtype=str), return_index=True, return_inverse=True
    )
    stratum = np.asarray(strata)[first]
    rng = np.random.default_rng([seed, 0])
    part = np.full(len(names), "training", dtype="<U10")
    left = np.zeros(2)
    for value in np.unique(stratum):
        rows = rng.permutation(np.flatnonzero(stratum == value))
        # what rounding withholds of one stratum is given to the next
        wanted = len(rows) * np.array(shares[1:]) + left
        n_validation, n_test = np.maximum(np.floor(wanted + 0.5), 0).astype(int)
        left = wanted - (n_validation, n_test)
        part[rows[:n_test]] = "test"
        part[rows[n_test : n_test + n_validation]] = "validation"
    counts = [int((part == name).sum()) for name in ("training", "validation", "test")]
    if min(counts) < 1:
        raise InputError(
            f"split: expected a participant in training, validation and test, {len(names)} "
            f"participants give {', '.join(map(str, counts))}: give more people"
        )
    fold = np.where(part == "test", 0, -1)
    return PersonFolds(fold[place], (part == "validation")[None, place])


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
