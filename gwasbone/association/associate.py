"""One call from a cohort with phenotypes to results: the engine is chosen here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from gwasbone.association.design import Design, build_design
from gwasbone.association.results import AssociationResults
from gwasbone.association.results_table import canonical_table
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.variant_table import READ_STAGE
from gwasbone.errors import NotBuiltError, UsageError
from gwasbone.phenotypes.traits import BinaryCoding
from gwasbone.progress import hail_progress
from gwasbone.run_log import versions

log = logging.getLogger(__name__)

Engine = Literal["auto", "blocks", "hail"]
Method = Literal["linear", "logistic", "wgr"]
Test = Literal["score", "firth", "spa", "wald", "lrt"]


def associate(
    genotypes: Any,
    traits: Sequence[str] = (),
    covariates: Sequence[Any] = (),
    *,
    y: Any = None,
    phenotypes: pd.DataFrame | None = None,
    categorical: Sequence[str] = (),
    method: Method = "linear",
    test: Test = "score",
    engine: Engine = "auto",
    binary_coding: BinaryCoding | None = None,
    rint: bool = False,
    standardize: bool = False,
    folder: Path | None = None,
) -> AssociationResults:
    """Test every kept variant of a cohort against traits, one variant at a time.

    Model, for n people with dosage g of ALT, covariates X (n, k with intercept) and trait y:
    linear y = gβ + Xγ + ε, tested by t with n − k − 1 degrees of freedom; logistic
    logit P(y = 1) = gβ + Xγ. Missing dosages take the mean of the trait's people; people without
    the trait are left out of that trait only.

    Parameters
    ----------
    genotypes : a :class:`Cohort` whose people table has the columns named below, or any Hail
        MatrixTable (then ``traits`` and ``covariates`` are column fields or expressions).
    traits, covariates, categorical : columns of the people table; see
        :func:`gwasbone.association.design.build_design`.
    y : one trait as a Hail expression, for a MatrixTable.
    phenotypes : table indexed by person with the columns, instead of the cohort's people table.
    method : ``linear`` or ``logistic``.
    test : of ``logistic``: ``score`` (Firth's test where its p is below 0.05), ``firth``,
        ``wald`` or ``lrt``.
    engine : ``hail`` runs Hail's own methods; ``auto`` takes the fastest that is built.
    folder : where the result tables are kept; a temporary folder by default.

    Returns
    -------
    AssociationResults; the effect allele is ALT, β of ``logistic`` is a log odds ratio.

    Raises
    ------
    InputError
        See :func:`build_design`.
    NotBuiltError
        A method, test or engine that this version does not have.

    Examples
    --------
    >>> associate(cohort, ["bmd_spine"], ["age", "sex", "PC1"])       # doctest: +SKIP
    >>> associate(mt, y=mt.bmd, covariates=[mt.age])                  # doctest: +SKIP
    """
    refuse_not_built(method=method, test=test, engine=engine)
    if not isinstance(genotypes, Cohort):
        genotypes, traits, covariates = _from_matrix_table(genotypes, traits, covariates, y)
    elif y is not None:
        raise UsageError("y is for a MatrixTable; give a Cohort's traits by name, in traits")
    if not traits:
        raise UsageError("expected at least one trait, got none")
    people = genotypes.people.kept_table()
    design = build_design(
        people.index.tolist(),
        people if phenotypes is None else phenotypes,
        traits=traits,
        covariates=[str(c) for c in covariates],
        categorical=categorical,
        method="linear" if method == "linear" else "logistic",
        binary_coding=binary_coding,
        rint=rint,
        standardize=standardize,
    )
    _say_about_x(genotypes, design)
    tables = _scan(genotypes, design, test=test)
    left = _untestable(genotypes, design)
    return AssociationResults.from_tables(
        {name: canonical_table(pd.concat([table, left[name]])) for name, table in tables.items()}
        if left
        else tables,
        build=genotypes.build,
        provenance={
            "method": method,
            "test": test if method == "logistic" else "t",
            "engine": "hail",
            "covariates": list(design.covariates),
            "rint": rint,
            "genotypes": genotypes.source.describe(),
            "versions": versions(),
            "traits": {
                trait.name: {"n_cases": trait.n_cases, "n_controls": trait.n - trait.n_cases}
                for trait in design.traits
                if trait.n_cases is not None
            },
        },
        folder=folder,
    )


def refuse_not_built(*, method: str, test: str, engine: str) -> None:
    """Raise for what is documented but not built, before anything is read.

    Raises
    ------
    NotBuiltError
    """
    if method == "wgr":
        raise NotBuiltError("--method wgr: not built yet; use linear or logistic")
    if test == "spa":
        raise NotBuiltError("--test spa: not built yet; use score, firth, wald or lrt")
    if engine == "blocks":
        raise NotBuiltError("--engine blocks: not built yet; use auto or hail")


def _scan(cohort: Cohort, design: Design, *, test: str) -> dict[str, pd.DataFrame]:
    from gwasbone.association.hail import scan_hail

    n, m, q = len(design.ids), cohort.variants.n_kept, len(design.traits)
    log.info("engine hail: %d people x %d variants x %d traits", n, m, q)
    with hail_progress(f"scanning {q} traits, {n} people x {m} variants"):
        return scan_hail(cohort.mt, design, test=test)


def _say_about_x(cohort: Cohort, design: Design) -> None:
    on_x = (cohort.variants.kept_table()["chromosome"] == 23).any()
    if on_x and not any(name.split("=")[0].lower() == "sex" for name in design.covariates):
        log.warning(
            "the scan includes chromosome X and sex is not among the covariates: add --covar sex"
        )


def _untestable(cohort: Cohort, design: Design) -> dict[str, pd.DataFrame]:
    """Variants set aside on reading, as rows with their reason in ``status``."""
    reasons = [d for d in cohort.variants.decisions if d.stage == READ_STAGE and d.excluded.any()]
    if not reasons:
        return {}
    status = pd.Series("", index=cohort.variants.table.index)
    for decision in reversed(reasons):
        status[decision.excluded] = decision.reason
    rows = cohort.variants.table[status.ne("").to_numpy()]
    blank = pd.DataFrame(
        {
            "chromosome": rows["chromosome"],
            "position_bp": rows["position_bp"],
            "other_allele": rows["ref"],
            "effect_allele": rows["alt"],
            "source_id": rows["source_id"],
            "status": status[rows.index],
        }
    ).assign(
        **dict.fromkeys(
            (
                "effect_allele_frequency",
                "call_rate",
                "beta",
                "se",
                "statistic",
                "dof",
                "neg_log10_p",
            ),
            float("nan"),
        ),
        test="",
    )
    return {trait.name: blank.assign(n=trait.n) for trait in design.traits}


def _from_matrix_table(
    mt: Any, traits: Sequence[str], covariates: Sequence[Any], y: Any
) -> tuple[Cohort, list[str], list[str]]:
    """A cohort of a user's MatrixTable with the named or given expressions as people columns."""
    from gwasbone.cohort.matrix_source import cohort_from_mt, column_values

    expressions: dict[str, Any] = {name: mt[name] for name in traits}
    if y is not None:
        expressions[_name_of(mt, y, "y")] = y
    names = list(expressions)
    used: list[str] = []
    for i, covariate in enumerate(covariates):
        name = covariate if isinstance(covariate, str) else _name_of(mt, covariate, f"covariate{i}")
        expressions[name] = mt[name] if isinstance(covariate, str) else covariate
        used.append(name)
    cohort = cohort_from_mt(mt)
    columns = column_values(mt, expressions).set_axis(cohort.people.table.index, axis=0)
    return cohort.annotate_people(columns), names, used


def _name_of(mt: Any, expression: Any, otherwise: str) -> str:
    return next((name for name in mt.col if mt[name] is expression), otherwise)
