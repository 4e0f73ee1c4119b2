"""Traits laid out in groups of the same people and the same model; what cannot be analysed is told.

Symbols: n people of the genotypes, k covariates including the intercept; n_g and q_g are people
and traits of one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from gwasbone.association.covariates import (
    COLLINEAR_BELOW,
    Covariates,
    group_matrix,
    listed,
    without_contrast,
)
from gwasbone.errors import InputError
from gwasbone.phenotypes.traits import Trait, TraitValues
from gwasbone.stats.logistic import LogisticFit, fit_logistic
from gwasbone.stats.variation import varies

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Method = Literal["linear", "logistic"]


@dataclass(frozen=True)
class TraitGroup:
    """Traits measured in exactly the same participants and analysed by the same method.

    Parameters
    ----------
    method : ``linear`` or ``logistic``.
    traits : q_g traits, the columns of ``Y``.
    people : (n,) whether each person of ``Design.ids`` is analysed; n_g are.
    Y : (n_g, q_g) phenotypes, complete.
    X : (n_g, k) covariates, the intercept first, the others with mean 0 and SD 1 in these
        people (which changes no genotype effect and keeps the fits well conditioned).
    covariates : k names, of the columns of ``X``.
    fits : of a logistic model, each trait on the covariates beyond its offset; empty where they
        are not known yet.
    offset : (n_g, q_g) what is known of each trait beforehand, None where nothing is: a linear
        model is of Y − offset, a logistic one has it in its linear predictor.
    """

    method: Method
    traits: tuple[Trait, ...]
    people: BoolArray
    Y: FloatArray
    X: FloatArray
    covariates: tuple[str, ...]
    fits: tuple[LogisticFit, ...] = ()
    offset: FloatArray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(trait.name for trait in self.traits)

    @property
    def n(self) -> int:
        return self.Y.shape[0]

    @property
    def beyond_offset(self) -> FloatArray:
        """(n_g, q_g) Y − offset."""
        return self.Y if self.offset is None else self.Y - self.offset

    def offset_of(self, j: int) -> FloatArray | None:
        """(n_g,) the offset of trait j."""
        return None if self.offset is None else self.offset[:, j]

    def null_model(self, j: int) -> LogisticFit:
        """Trait j fitted on the covariates, beyond its offset.

        Raises
        ------
        InputError
            The likelihood has no maximum.
        """
        if self.fits:
            return self.fits[j]
        return _fitted(self.names[j], self.X, self.Y[:, j], self.covariates, self.offset_of(j))

    def spread(self, values: FloatArray) -> FloatArray:
        """(n,) values of the group's participants, (n_g,), NaN for all others."""
        everyone = np.full(len(self.people), np.nan)
        everyone[self.people] = values
        return everyone


@dataclass(frozen=True)
class Grouped:
    """Traits in groups.

    Parameters
    ----------
    groups : the traits that can be analysed, in the order of the traits' names.
    left_out : trait -> why it cannot be analysed.
    dropped : what was left out of single traits: covariates and levels, as sentences.
    """

    groups: tuple[TraitGroup, ...]
    left_out: Mapping[str, str]
    dropped: tuple[str, ...]


def grouped(
    values: Mapping[str, TraitValues],
    methods: Mapping[str, Method],
    covariates: Covariates,
    people: BoolArray,
    offsets: Mapping[str, FloatArray] | None = None,
) -> Grouped:
    """Lay out traits in some participants.

    Parameters
    ----------
    values, methods : of each trait, by name.
    people : (n,) who is considered; of these a trait has who has it and every covariate.
    offsets : (n,) what is known of each trait beforehand, by name.
    """
    left_out: dict[str, str] = {}
    dropped: list[str] = []
    silent: set[str] = set()
    patterns: dict[tuple[Method, bytes], tuple[BoolArray, list[str]]] = {}
    for name, trait in values.items():
        try:
            who, levels = _who_tells(name, trait, methods[name], covariates, people)
        except InputError as error:
            left_out[name] = str(error)
            continue
        if levels:
            silent |= set(levels)
            shown = listed([f"{level} {counts}" for level, counts in levels.items()], 5)
            dropped.append(
                f"{shown} left out for {name}: a level without both cases and controls tells "
                "nothing of the genotypes"
            )
        key = methods[name], np.packbits(who).tobytes()
        patterns.setdefault(key, (who, []))[1].append(name)
    groups = []
    for (method, _), (who, names) in patterns.items():
        matrix = group_matrix(covariates, who)
        group = TraitGroup(
            method,
            tuple(_trait(name, values[name], who) for name in names),
            who,
            np.column_stack([values[name].y[who] for name in names]),
            matrix.X,
            matrix.names,
            offset=np.column_stack([offsets[name][who] for name in names]) if offsets else None,
        )
        group, refused = _analysable(group)
        left_out |= refused
        if group.traits:
            groups.append(group)
            useless = [label for label in matrix.dropped if label not in silent]
            if useless:
                dropped.append(
                    f"{listed(useless)} left out for {listed(group.names)}: constant or a "
                    "combination of other covariates in its participants"
                )
    return Grouped(tuple(groups), left_out, tuple(dropped))


def _who_tells(
    name: str, trait: TraitValues, method: Method, covariates: Covariates, people: BoolArray
) -> tuple[BoolArray, dict[str, str]]:
    """(n,) who is analysed for a trait, and the levels of covariates whose participants are not."""
    who = people & covariates.complete & ~np.isnan(trait.y)
    if not who.any():
        raise InputError(
            f"expected participants with trait {name} and all covariates, there are none "
            f"({(people & ~np.isnan(trait.y)).sum():,} genotyped participants have the trait)"
        )
    y = trait.y[who]
    if not varies(y) and len(y) > 1:
        word = {0.0: " (controls only)", 1.0: " (cases only)"} if trait.kind == "binary" else {}
        raise InputError(
            f"expected trait {name} to vary, all {len(y):,} participants analysed have {y[0]:g}"
            f"{word.get(float(y[0]), '')}"
        )
    if method == "linear":
        return who, {}
    silent, levels = without_contrast(covariates, who, trait.y == 1)
    return who & ~silent, levels


def _trait(name: str, values: TraitValues, who: BoolArray) -> Trait:
    y = values.y[who]
    return Trait(name, values.kind, len(y), int(y.sum()) if values.kind == "binary" else None)


def _analysable(group: TraitGroup) -> tuple[TraitGroup, dict[str, str]]:
    """The group without the traits that its model cannot take, and why not, by trait."""
    refused: dict[str, str] = {}
    fits: dict[str, LogisticFit] = {}
    n, k = group.X.shape
    explained = _explained(group) if n >= k + 2 and group.method == "linear" else None
    for j, name in enumerate(group.names):
        try:
            if n < k + 2:
                raise InputError(
                    f"expected at least {k + 2} participants for trait {name} (a genotype, the "
                    f"intercept, {k - 1} covariates, one degree of freedom), there are {n} with "
                    "all of it"
                )
            if explained is not None and explained[j]:
                raise InputError(
                    f"expected trait {name} to vary beyond its covariates, they "
                    f"({listed(group.covariates[1:], 5)}) explain it wholly: leave out those that "
                    "it was computed from"
                )
            if group.method == "logistic":
                fits[name] = _fitted(
                    name, group.X, group.Y[:, j], group.covariates, group.offset_of(j)
                )
        except InputError as error:
            refused[name] = str(error)
    if refused:
        kept = [j for j, name in enumerate(group.names) if name not in refused]
        traits = tuple(group.traits[j] for j in kept)
        offset = None if group.offset is None else group.offset[:, kept]
        group = replace(group, traits=traits, Y=group.Y[:, kept], offset=offset)
    return replace(group, fits=tuple(fits.values())), refused


def _explained(group: TraitGroup) -> BoolArray:
    """(q_g,) which traits the covariates leave nothing of but rounding, as of a covariate."""
    # in units of the largest value, whose square might not be a number
    Y = group.beyond_offset
    Y = Y / np.abs(Y).max(axis=0)
    residual = Y - group.X @ np.linalg.lstsq(group.X, Y, rcond=None)[0]
    return np.asarray(residual.std(axis=0) < COLLINEAR_BELOW * Y.std(axis=0))


def _fitted(
    name: str,
    X: FloatArray,
    y: FloatArray,
    covariates: Sequence[str],
    offset: FloatArray | None = None,
) -> LogisticFit:
    fit = fit_logistic(X, y, offset)
    if not fit.converged:
        raise InputError(
            f"expected a logistic model of {name} ({int(y.sum()):,} cases) on its covariates, it "
            f"has no maximum ({fit.status}): some covariate ({listed(covariates[1:], 5)}) "
            "predicts cases perfectly; leave it out or merge levels"
        )
    return fit
