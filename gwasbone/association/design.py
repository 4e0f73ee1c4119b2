"""The design of an association: who is analysed for which trait, with which covariates.

Pure: tables in, a frozen `Design` out. Symbols: n people of the genotypes, q traits, k covariates
including the intercept; n_g and q_g are those of one group of traits.

A person without some covariate is left out of every trait. A person without a trait is left out
of that trait only: traits with the same people and the same model form a `TraitGroup` and are
analysed together, and the intersection over all traits is never taken. A trait that cannot be
analysed is left out and named; the others go on.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.covariates import (
    Covariates,
    DroppedCovariateWarning,
    covariate_columns,
    everyone_matrix,
    listed,
)
from gwasbone.association.options import AssociationRequest
from gwasbone.association.trait_groups import BoolArray, FloatArray, Method, TraitGroup, grouped
from gwasbone.errors import GwasboneWarning, InputError, UsageError
from gwasbone.phenotypes.traits import (
    Trait,
    TraitKind,
    TraitValues,
    natural_logarithm,
    rank_inverse_normal,
    trait_values,
)
from gwasbone.stats.variation import varies

log = logging.getLogger(__name__)

#: What is known of the traits beforehand, such as predictions by whole-genome regression: (n,) for
#: every trait, (n, q) with the columns of ``Design.traits``, or one of these per chromosome code.
Offset = npt.ArrayLike | Mapping[int, npt.ArrayLike]

#: Cases or controls of a binary trait below which a warning is due.
FEW_CASES = 50

#: ``auto`` takes the method of each trait's kind.
METHOD_OF_KIND: dict[TraitKind, Method] = {"quantitative": "linear", "binary": "logistic"}


@dataclass(frozen=True)
class Design:
    """Samples, traits and covariates of an association analysis.

    Parameters
    ----------
    ids : (n,) names of the people of the genotypes, in the genotypes' order.
    groups : the traits by method and missingness pattern, in the order of the traits' names.
    columns : covariates of everybody.
    n_not_in_table : people of the genotypes who are in no phenotype table.
    n_without_covariate : people in the table who miss some covariate, left out of every trait.
    left_out : traits that cannot be analysed -> why not.
    """

    ids: npt.NDArray[np.str_]
    groups: tuple[TraitGroup, ...]
    columns: Covariates
    n_not_in_table: int
    n_without_covariate: int
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Covariate columns besides the intercept, categorical ones spelled ``name=level``."""
        return self.columns.labels

    @cached_property
    def covariate_matrix(self) -> FloatArray:
        """(n, k) covariates of everybody, the intercept first, the others with mean 0 and SD 1
        over all who have them; NaN in people who miss one. Engines that need one matrix for
        several groups take the columns named in ``TraitGroup.covariates``.
        """
        return everyone_matrix(self.columns)

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

    def among(self, people: BoolArray) -> Design:
        """The design in some of its people, (n,); traits that it cannot take are in `left_out`.

        Covariates that do not vary among these are dropped, and transformed traits stay as they
        are.
        """
        traits = [(group, j) for group in self.groups for j in range(len(group.traits))]
        values = {
            group.names[j]: TraitValues(group.spread(group.Y[:, j]), group.traits[j].kind)
            for group, j in traits
        }
        methods = {group.names[j]: group.method for group, j in traits}
        offsets = {
            group.names[j]: group.spread(group.offset[:, j])
            for group, j in traits
            if group.offset is not None
        }
        found = grouped(values, methods, self.columns, people, offsets)
        for sentence in found.dropped:
            log.debug("%s", sentence)
        return replace(self, groups=found.groups, left_out=found.left_out)

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
                f"offset: expected shape ({n},) or ({n}, {q}), participants and traits of the "
                f"scan, got {values.shape}: give a row for each genotyped participant, in their "
                "order"
            )
        columns = np.broadcast_to(values[:, None] if values.ndim == 1 else values, (n, q))
        groups, first = [], 0
        for group in self.groups:
            own = columns[group.people, first : first + len(group.traits)]
            absent = ~np.isfinite(own).all(axis=1)
            if absent.any():
                raise InputError(
                    f"offset: expected numbers in the {group.n:,} participants analysed for "
                    f"{', '.join(group.names)}, {int(absent.sum()):,} have none, such as "
                    f"{self.ids[group.people][absent][0]}: predict for them or leave them out"
                )
            groups.append(replace(group, offset=own, fits=()))
            first += len(group.traits)
        return replace(self, groups=tuple(groups))


def build_design(
    ids: Sequence[str],
    phenotypes: pd.DataFrame,
    request: AssociationRequest,
) -> Design:
    """Build the design of an association analysis for the samples of the genotypes.

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
        No person in common; text in a covariate, or one that is a combination of others; no trait
        that can be analysed.
    UsageError
        Options that contradict each other.

    Warns
    -----
    TraitLeftOutWarning
        One of several traits cannot be analysed: it holds text, is constant or empty, is not coded
        as its method needs, is explained by its covariates, or too few people have it.
    DroppedCovariateWarning
        A covariate, or a level, says nothing of a trait.
    BinaryTraitWarning, FewCasesWarning

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
    others = [name for name in request.log_traits if name not in traits]
    if others:
        raise UsageError(f"--log-traits {', '.join(others)}: expected traits of --pheno")
    names = np.asarray(ids, dtype=str)
    table, in_table = _aligned(names, phenotypes)

    columns = covariate_columns(table, numeric, categorical, in_table)
    values, unread = _read_traits(table, columns.complete, request)
    methods = _methods(values, request)
    if request.rint or request.standardize:
        values = _transformed(values, methods, columns.complete, request)
    found = grouped(values, methods, columns, columns.complete)
    reasons = unread | dict(found.left_out)
    left_out = {name: reasons[name] for name in traits if name in reasons}
    if not found.groups:
        shown = "; ".join(list(left_out.values())[:3])
        more = f"; and {len(left_out) - 3} more traits" if len(left_out) > 3 else ""
        raise InputError(f"{shown}{more}")
    design = Design(
        ids=names,
        groups=found.groups,
        columns=columns,
        n_not_in_table=int((~in_table).sum()),
        n_without_covariate=int((in_table & ~columns.complete).sum()),
        left_out=left_out,
    )
    for sentence in found.dropped:
        warnings.warn(sentence, DroppedCovariateWarning, stacklevel=2)
    for name, why in left_out.items():
        warnings.warn(f"trait {name} is left out: {why}", TraitLeftOutWarning, stacklevel=2)
    for group in design.groups:
        n, k = group.X.shape
        log.info("%s: n = %d, %d covariates", listed(group.names), n, k - 1)
        for trait in group.traits:
            _warn_of_cases(trait, group.method)
    log.info(
        "%d genotyped participants: %d in no phenotype table, %d without some covariate",
        len(names), design.n_not_in_table, design.n_without_covariate,
    )  # fmt: skip
    return design


def _read_traits(
    table: pd.DataFrame, complete: BoolArray, request: AssociationRequest
) -> tuple[dict[str, TraitValues], dict[str, str]]:
    """Traits that can be read, and why others cannot."""
    values: dict[str, TraitValues] = {}
    refused: dict[str, str] = {}
    logistic = request.method == "logistic"
    for name in request.traits:
        try:
            values[name] = trait_values(
                table, name, coding=request.binary_coding, need_binary=logistic
            )
            if name in request.log_traits:
                values[name] = _logarithm(name, values[name])
        except InputError as error:
            values.pop(name, None)
            refused[name] = str(error)
    return values, refused


def _logarithm(name: str, trait: TraitValues) -> TraitValues:
    if trait.kind == "binary":
        raise InputError(f"logarithm of {name}: expected a quantitative trait, it is binary")
    return TraitValues(natural_logarithm(trait.y, name), trait.kind)


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
                f"expected each participant once in the {where}, {len(repeated):,} are there twice "
                f"({', '.join(map(str, repeated[:3]))}): name participants by FID_IID or remove "
                "copies"
            )
    known = phenotypes.rename(index=str)
    in_table = np.asarray(pd.Index(ids).isin(known.index))
    if not in_table.any():
        raise InputError(
            "expected participants in both genotypes and phenotype table, none is: genotypes have "
            f"{', '.join(ids[:2])}, the table has "
            f"{', '.join(known.index[:2]) or 'no participant'}; try the other --id rule (iid or "
            "fid_iid)"
        )
    return known.reindex(ids), in_table


class BinaryTraitWarning(GwasboneWarning):
    """Warning that a case-control trait has a linear model, whose effects are risk differences."""


class FewCasesWarning(GwasboneWarning):
    """A case-control trait with few cases or controls."""


class TraitLeftOutWarning(GwasboneWarning):
    """A trait that cannot be analysed was left out; the others go on."""


def _warn_of_cases(trait: Trait, method: Method) -> None:
    if trait.n_cases is None:
        return
    counts = f"{trait.n_cases:,} cases, {trait.n - trait.n_cases:,} controls"
    if method == "linear":
        warnings.warn(
            f"linear model of the binary trait {trait.name} ({counts}): "
            "effects are differences in risk; --method logistic gives log odds",
            BinaryTraitWarning,
            stacklevel=5,
        )
    if min(trait.n_cases, trait.n - trait.n_cases) < FEW_CASES:
        warnings.warn(
            f"trait {trait.name} has few cases or controls ({counts}): only large effects of "
            "common variants can be found, and tests of rare ones rest on single carriers",
            FewCasesWarning,
            stacklevel=3,
        )


def _transformed(
    values: Mapping[str, TraitValues],
    methods: Mapping[str, Method],
    complete: BoolArray,
    request: AssociationRequest,
) -> dict[str, TraitValues]:
    """Traits of linear models with the transforms of a request, each within its participants."""
    made = dict(values)
    for name, trait in values.items():
        people = complete & ~np.isnan(trait.y)
        if methods[name] != "linear" or not bool(varies(trait.y[people])):
            continue
        if trait.kind == "binary":
            raise UsageError(
                f"expected quantitative traits with --rint and --standardize, {name} is "
                "binary: leave --method out, or run it apart"
            )
        y = trait.y[people]
        if request.rint:
            y = rank_inverse_normal(y)
        if request.standardize:
            y = (y - y.mean()) / y.std(ddof=1)
        all_y = np.full(len(people), np.nan)
        all_y[people] = y
        made[name] = TraitValues(all_y, trait.kind)
    return made
