"""The design of an association: who is analysed for which trait, with which covariates.

Pure: tables in, a frozen `Design` out. Symbols: n people of the genotypes, q traits, k covariates
including the intercept; n_g and q_g are those of one group of traits.

A person without some covariate is left out of every trait. A person without a trait is left out
of that trait only: traits with the same people and the same model form a `TraitGroup` and are
analysed together, and the intersection over all traits is never taken.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.covariates import (
    Covariates,
    covariate_columns,
    everyone_matrix,
    group_matrix,
)
from gwasbone.association.options import AssociationRequest
from gwasbone.errors import GwasboneWarning, InputError, UsageError
from gwasbone.phenotypes.traits import (
    Trait,
    TraitKind,
    TraitValues,
    rank_inverse_normal,
    trait_values,
)
from gwasbone.stats.logistic import LogisticFit, fit_logistic

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Method = Literal["linear", "logistic"]

#: What is known of the traits beforehand, such as predictions by whole-genome regression: (n,) for
#: every trait, (n, q) with the columns of ``Design.traits``, or one of these per chromosome code.
Offset = npt.ArrayLike | Mapping[int, npt.ArrayLike]

#: ``auto`` takes the method of each trait's kind.
METHOD_OF_KIND: dict[TraitKind, Method] = {"quantitative": "linear", "binary": "logistic"}


@dataclass(frozen=True)
class TraitGroup:
    """Traits measured in exactly the same people and analysed by the same method.

    Parameters
    ----------
    method : ``linear`` or ``logistic``.
    traits : q_g traits, the columns of ``Y``.
    people : (n,) whether each person of ``Design.ids`` is analysed; n_g are.
    Y : (n_g, q_g) phenotypes, complete.
    X : (n_g, k) covariates, the intercept first, the others with mean 0 and SD 1 in these
        people (which changes no genotype effect and keeps the fits well conditioned).
    covariates : k names, of the columns of ``X``.
    offset : (n_g, q_g) what is known of each trait beforehand, None where nothing is: a linear
        model is of Y − offset, a logistic one has it in its linear predictor.
    """

    method: Method
    traits: tuple[Trait, ...]
    people: BoolArray
    Y: FloatArray
    X: FloatArray
    covariates: tuple[str, ...]
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


@dataclass(frozen=True)
class Design:
    """Who is analysed for what.

    Parameters
    ----------
    ids : (n,) names of the people of the genotypes, in the genotypes' order.
    groups : the traits by method and missingness pattern, in the order of the traits' names.
    covariates : covariate columns besides the intercept, categorical ones spelled ``name=level``.
    X : (n, k) covariates of everybody, the intercept first, the others with mean 0 and SD 1
        over all who have them; NaN in people who miss one. Engines that need one matrix for
        several groups take the columns named in ``TraitGroup.covariates``.
    n_not_in_table : people of the genotypes who are in no phenotype table.
    n_without_covariate : people in the table who miss some covariate, left out of every trait.
    """

    ids: npt.NDArray[np.str_]
    groups: tuple[TraitGroup, ...]
    covariates: tuple[str, ...]
    X: FloatArray
    n_not_in_table: int
    n_without_covariate: int

    @property
    def traits(self) -> tuple[Trait, ...]:
        return tuple(trait for group in self.groups for trait in group.traits)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods of the groups, each once."""
        return tuple(dict.fromkeys(group.method for group in self.groups))

    def of(self, method: Method) -> Design:
        """The groups that are analysed by one method."""
        return replace(self, groups=tuple(g for g in self.groups if g.method == method))

    def with_offset(self, offset: npt.ArrayLike) -> Design:
        """The design with something known of the traits beforehand.

        Parameters
        ----------
        offset : (n,) for every trait, or (n, q) with the columns of ``traits``; numbers in all
            who are analysed for a trait. In units of a quantitative trait as it is analysed, log
            odds of a binary one in a logistic model.

        Raises
        ------
        InputError
            Another shape, or people who are analysed have no number.
        """
        values = np.asarray(offset, dtype=np.float64)
        n, q = len(self.ids), len(self.traits)
        if values.shape not in ((n,), (n, q)):
            raise InputError(
                f"offset: expected shape ({n},) or ({n}, {q}), people and traits of the scan, got "
                f"{values.shape}: give a row for each genotyped person, in their order"
            )
        columns = np.broadcast_to(values[:, None] if values.ndim == 1 else values, (n, q))
        groups, first = [], 0
        for group in self.groups:
            own = columns[group.people, first : first + len(group.traits)]
            absent = ~np.isfinite(own).all(axis=1)
            if absent.any():
                raise InputError(
                    f"offset: expected numbers in the {group.n:,} people analysed for "
                    f"{', '.join(group.names)}, {int(absent.sum()):,} have none, such as "
                    f"{self.ids[group.people][absent][0]}: predict for them or leave them out"
                )
            groups.append(replace(group, offset=own))
            first += len(group.traits)
        return replace(self, groups=tuple(groups))


def fit_null_model(group: TraitGroup, j: int) -> LogisticFit:
    """Fit trait j of a group on its covariates, beyond its offset.

    Raises
    ------
    InputError
        The likelihood has no maximum.
    """
    fit = fit_logistic(group.X, group.Y[:, j], group.offset_of(j))
    if not fit.converged:
        name, cases = group.names[j], group.traits[j].n_cases
        raise InputError(
            f"expected a logistic model of {name} ({cases:,} cases) on its covariates, it has no "
            f"maximum ({fit.status}): some covariate ({', '.join(group.covariates[1:])}) "
            "predicts cases perfectly; leave it out or merge levels"
        )
    return fit


def build_design(
    ids: Sequence[str],
    phenotypes: pd.DataFrame,
    request: AssociationRequest,
) -> Design:
    """Lay out an association of traits with covariates for the people of the genotypes.

    Parameters
    ----------
    ids : n names of the people of the genotypes.
    phenotypes : table indexed by person that holds all columns named below (`pick_columns`).
    request : the columns and the model. Traits and covariates are columns of numbers; a covariate
        in ``categorical`` too, numbers or text, is categorical: its most frequent level is the
        reference, each other one an indicator, and one with a single level is left out with
        `DroppedCovariateWarning`. ``rint`` replaces each quantitative trait, within its people,
        by Blom's normal scores; ``standardize`` gives it mean 0 and SD 1 (divisor n − 1) there.
        With the method ``auto`` both leave binary traits as they are; otherwise these are refused.

    Raises
    ------
    InputError
        No person in common; text; a constant or empty trait; too few people; a covariate that
        is constant or a combination of others; a trait that is not coded as its method needs.
    UsageError
        Options that contradict each other.

    Warns
    -----
    BinaryTraitWarning, DroppedCovariateWarning

    Examples
    --------
    >>> table = pd.DataFrame({"bmd": [1.0, 2, 4, 3], "age": [50, 60, 70, 90]}, index=list("abcd"))
    >>> request = AssociationRequest(traits=("bmd",), covariates=("age",))
    >>> build_design(["d", "c", "b", "a"], table, request).traits
    (Trait(name='bmd', kind='quantitative', n=4, n_cases=None),)
    """
    traits, categorical = request.traits, tuple(dict.fromkeys(request.categorical))
    numeric = tuple(name for name in dict.fromkeys(request.covariates) if name not in categorical)
    _check_names(phenotypes, traits, numeric, categorical)
    names = np.asarray(ids, dtype=str)
    table, in_table = _aligned(names, phenotypes)

    columns = covariate_columns(table, numeric, categorical, in_table)
    logistic = request.method == "logistic"
    values = {
        name: trait_values(table, name, coding=request.binary_coding, need_binary=logistic)
        for name in traits
    }
    methods = _methods(values, request)
    design = Design(
        ids=names,
        groups=tuple(
            _group(people, members, values, methods[members[0]], columns, request)
            for people, members in _patterns(values, methods, columns.complete)
        ),
        covariates=columns.labels,
        X=everyone_matrix(columns),
        n_not_in_table=int((~in_table).sum()),
        n_without_covariate=int((in_table & ~columns.complete).sum()),
    )
    log.info(
        "%d genotyped people: %d in no phenotype table, %d without some covariate",
        len(names), design.n_not_in_table, design.n_without_covariate,
    )  # fmt: skip
    return design


def _methods(values: Mapping[str, TraitValues], request: AssociationRequest) -> dict[str, Method]:
    """The method of each trait; with ``auto`` that of its kind."""
    if request.method == "auto":
        methods = {name: METHOD_OF_KIND[trait.kind] for name, trait in values.items()}
        if (request.rint or request.standardize) and "linear" not in methods.values():
            raise UsageError(
                "expected a quantitative trait for --rint and --standardize, "
                f"{', '.join(values)} is binary: leave them out"
            )
        return methods
    return dict.fromkeys(values, "logistic" if request.method == "logistic" else "linear")


def _group(
    people: BoolArray,
    members: Sequence[str],
    values: Mapping[str, TraitValues],
    method: Method,
    columns: Covariates,
    request: AssociationRequest,
) -> TraitGroup:
    """The traits of one method that are measured in the same people."""
    matrix = group_matrix(columns, people, members)
    X = matrix.X
    made = [_finished(name, values[name], people, X.shape[1], method) for name in members]
    Y = np.column_stack([values[trait.name].y[people] for trait in made])
    if (request.rint or request.standardize) and method == "linear":
        for y, trait in zip(Y.T, made, strict=True):
            y[:] = _transformed(y, trait, request.rint, request.standardize)
    log.info("%s: n = %d, %d covariates", ", ".join(members), len(X), X.shape[1] - 1)
    return TraitGroup(method, tuple(made), people, Y, X, matrix.names)


def _check_names(
    phenotypes: pd.DataFrame,
    traits: Sequence[str],
    numeric: Sequence[str],
    categorical: Sequence[str],
) -> None:
    if not traits:
        raise UsageError("expected at least one trait, got none: name columns with --pheno")
    for role, names in (("trait", list(traits)), ("covariate", [*numeric, *categorical])):
        missing = [name for name in names if name not in phenotypes.columns]
        if missing:
            raise InputError(
                f"expected {role} columns {', '.join(missing)} in the phenotype table, it has "
                f"{', '.join(map(str, phenotypes.columns[:8]))}"
            )
    if len(set(traits)) < len(traits):
        raise UsageError(f"expected each trait once, got {', '.join(traits)}")
    both = [name for name in traits if name in (*numeric, *categorical)]
    if both:
        raise UsageError(f"expected traits and covariates apart, {', '.join(both)} is both")


def _aligned(ids: npt.NDArray[np.str_], phenotypes: pd.DataFrame) -> tuple[pd.DataFrame, BoolArray]:
    """The table in the genotypes' order, and who of the genotypes is in it."""
    for where, names in (("genotypes", pd.Index(ids)), ("phenotype table", phenotypes.index)):
        repeated = names[names.duplicated()].unique()
        if len(repeated):
            raise InputError(
                f"expected each person once in the {where}, {len(repeated):,} are there twice "
                f"({', '.join(map(str, repeated[:3]))}): name people by FID_IID or remove copies"
            )
    known = phenotypes.rename(index=str)
    in_table = np.asarray(pd.Index(ids).isin(known.index))
    if not in_table.any():
        raise InputError(
            "expected people in both genotypes and phenotype table, none is: genotypes have "
            f"{', '.join(ids[:2])}, the table has {', '.join(known.index[:2])}; "
            "try the other --id rule (iid or fid_iid)"
        )
    return known.reindex(ids), in_table


def _patterns(
    values: dict[str, TraitValues], methods: dict[str, Method], complete: BoolArray
) -> list[tuple[BoolArray, list[str]]]:
    """People analysed and the names of their traits, which share one method."""
    groups: dict[tuple[Method, bytes], tuple[BoolArray, list[str]]] = {}
    for name, trait in values.items():
        people = complete & ~np.isnan(trait.y)
        if not people.any():
            raise InputError(
                f"expected people with trait {name} and all covariates, there are none "
                f"({(~np.isnan(trait.y)).sum():,} genotyped people have the trait)"
            )
        key = methods[name], np.packbits(people).tobytes()
        groups.setdefault(key, (people, []))[1].append(name)
    return list(groups.values())


class BinaryTraitWarning(GwasboneWarning):
    """A linear model of a case-control trait: effects are differences in risk, not log odds."""


def _finished(name: str, values: TraitValues, people: BoolArray, k: int, method: Method) -> Trait:
    y, kind = values.y[people], values.kind
    n = len(y)
    if n < k + 2:
        raise InputError(
            f"expected at least {k + 2} people for trait {name} (a genotype, the intercept, "
            f"{k - 1} covariates, one degree of freedom), there are {n} with all of it"
        )
    if np.ptp(y) == 0:
        raise InputError(
            f"expected trait {name} to vary, all {n:,} people analysed have {y[0]:g}"
            f"{' (controls only)' if kind == 'binary' and y[0] == 0 else ''}"
            f"{' (cases only)' if kind == 'binary' and y[0] == 1 else ''}"
        )
    if kind == "quantitative":
        return Trait(name, "quantitative", n)
    cases = int(y.sum())
    if method == "linear":
        warnings.warn(
            f"linear model of the binary trait {name} ({cases:,} cases, {n - cases:,} controls): "
            "effects are differences in risk; --method logistic gives log odds",
            BinaryTraitWarning,
            stacklevel=5,
        )
    return Trait(name, "binary", n, cases)


def _transformed(y: FloatArray, trait: Trait, rint: bool, standardize: bool) -> FloatArray:
    if trait.kind == "binary":
        raise UsageError(
            f"expected quantitative traits with --rint and --standardize, {trait.name} is "
            "binary: leave --method out, or run it apart"
        )
    if rint:
        y = rank_inverse_normal(y)
    if standardize:
        y = (y - y.mean()) / y.std(ddof=1)
    return y
