r"""Association by Hail's own methods, for any MatrixTable.

Linear: for each variant with dosage g and each trait y of n people, covariates X (n, k) with the
intercept,

    y = g β + X γ + ε,    t = β / se  with n − k − 1 degrees of freedom.

Missing dosages take the mean of the trait's people. Hail reports p as a float64, which
underflows; −log₁₀ p is taken again from t. Logistic models are in `hail_logistic`.

Speed, measured on two cores (4,000 people, 4,000 variants, 20 traits): one pass over a group of
traits 2.5 s, one pass over several groups ("chained") 12 s, because only the first uses BLAS for
all traits. So a group of several traits has a pass of its own, and single traits with
missingness patterns of their own share one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import session
from gwasbone.association.design import Design
from gwasbone.association.hail_rows import (
    add_people_columns,
    collect_numbers,
    collect_variants,
    covariate_fields,
    row_statistics,
)
from gwasbone.association.options import AssociationOptions
from gwasbone.association.rows import RowStatistics, results_table, status_of, with_perfect_fits
from gwasbone.association.trait_groups import TraitGroup
from gwasbone.errors import NotBuiltError
from gwasbone.stats.pvalues import neg_log10_p_t

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
Test = Literal["score", "firth", "wald", "lrt"]
Progress = Callable[[str], None]

#: A chained pass costs about 0.2 passes per trait more; from here on a pass of its own is faster.
OWN_PASS_FROM_TRAITS = 5

#: A genotype that leaves less than this share of a trait's variance explains it wholly.
PERFECT_BELOW_SHARE = 1e-13


def scan_hail(
    mt: Any,
    design: Design,
    options: AssociationOptions | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, pd.DataFrame]:
    """Test every variant of a MatrixTable against every trait of a design.

    Parameters
    ----------
    mt : hl.MatrixTable keyed by ``locus``, ``alleles`` and ``s``, with an entry field ``dosage``
        (copies of ALT, 0 to 2; men 0 or 2 on X outside the pseudo-autosomal regions) and perhaps
        a row field ``source_id``. It is read two to four times: give one that is read from
        files, or a checkpoint, not a long computation.
    design : who is analysed for what, and by which method.
    options : of which ``test`` is that of the logistic traits: ``wald``, ``lrt``, ``firth``, or
        ``score``, in which variants with score p < 0.05 are tested again by Firth's method.
        Linear regression has only t.
    progress : told what is being done, in words.

    Returns
    -------
    Trait -> canonical results table (`results_table.COLUMNS`), all variants of ``mt`` in it. The
    effect allele is ALT; ``n`` is the number of people analysed for the trait (missing dosages
    are imputed); ``status`` is '' or ``all_missing``, ``monomorphic`` (everybody analysed has
    the same dosage), ``collinear_genotype`` (the covariates determine it), ``perfect_fit`` (it
    determines the trait), ``no_convergence``.

    Raises
    ------
    InputError
        Multi-allelic variants, no variants, or a null model without a maximum.
    NotBuiltError
        ``spa``, or a design with offsets.
    """
    options = options or AssociationOptions()
    if options.test == "spa":
        raise NotBuiltError("the Hail engine has no spa: use score, firth, wald or lrt")
    if any(group.offset is not None for group in design.groups):
        raise NotBuiltError("the Hail engine takes no offsets: use engine blocks")
    say = progress or log.info
    tables: dict[str, pd.DataFrame] = {}
    for method in design.methods:
        if method == "logistic":
            from gwasbone.association.hail_logistic import scan_logistic

            tables |= scan_logistic(mt, design.of(method), options, say=say)
        else:
            tables |= _scan_linear(mt, design.of(method), say=say)
    return {trait.name: tables[trait.name] for trait in design.traits}


def _scan_linear(mt: Any, design: Design, *, say: Progress) -> dict[str, pd.DataFrame]:
    tables: dict[str, pd.DataFrame] = {}
    variants: pd.DataFrame | None = None
    passes = _passes(design.groups)
    for number, groups in enumerate(passes, 1):
        n_traits = sum(len(group.traits) for group in groups)
        say(f"linear regression, pass {number} of {len(passes)}: {n_traits} traits")
        fields = _linear_pass(mt, design, groups)
        if variants is None:
            variants = collect_variants(fields)
        width = RowStatistics.WIDTH
        numbers = collect_numbers(fields, [fields.statistics, fields.beta, fields.standard_error])
        beta, se = np.split(numbers[:, width * len(groups) :], 2, axis=1)
        column = 0
        for g, group in enumerate(groups):
            statistics = RowStatistics.from_numbers(numbers[:, width * g : width * (g + 1)])
            for trait, y in zip(group.traits, group.Y.T, strict=True):
                tables[trait.name] = _linear_table(
                    variants, statistics, group, y, beta[:, column], se[:, column]
                )
                column += 1
    return tables


def _passes(groups: Sequence[TraitGroup]) -> list[list[TraitGroup]]:
    """Groups that are read together: large ones alone, small ones with the same covariates."""
    passes: list[list[TraitGroup]] = []
    shared: dict[tuple[str, ...], list[TraitGroup]] = {}
    for group in groups:
        if len(group.traits) >= OWN_PASS_FROM_TRAITS:
            passes.append([group])
        else:
            shared.setdefault(group.covariates, []).append(group)
    return passes + list(shared.values())


def _linear_pass(mt: Any, design: Design, groups: Sequence[TraitGroup]) -> Any:
    """Table with arrays ``statistics`` (WIDTH per group), ``beta`` and ``se`` (one per trait)."""
    hl = session.hail()
    x = covariate_fields(design, groups[0])
    names = [[f"y{g}_{j}" for j in range(len(group.traits))] for g, group in enumerate(groups)]
    y = {
        name: group.spread(group.Y[:, j])
        for group, row in zip(groups, names, strict=True)
        for j, name in enumerate(row)
    }
    mt = add_people_columns(mt, design.ids, {**x, **y})
    mt = mt.filter_cols(hl.any([hl.is_defined(mt.people[row[0]]) for row in names]))
    mt = mt.annotate_rows(
        statistics=hl.flatten(
            [row_statistics(mt, hl.is_defined(mt.people[row[0]])) for row in names]
        )
    )
    traits = [[mt.people[name] for name in row] for row in names]
    ht = hl.linear_regression_rows(
        traits if len(groups) > 1 else traits[0],
        mt.dosage,
        [1.0, *(mt.people[name] for name in x)],
        pass_through=["source_id", "statistics"],
    )
    beta, se = ht.beta, ht.standard_error
    if len(groups) > 1:
        beta, se = hl.flatten(beta), hl.flatten(se)
    return ht.select("source_id", "statistics", beta=beta, standard_error=se)


def _linear_table(
    variants: pd.DataFrame,
    statistics: RowStatistics,
    group: TraitGroup,
    y: FloatArray,
    beta: FloatArray,
    se: FloatArray,
) -> pd.DataFrame:
    n, k = group.X.shape
    dof = n - k - 1
    residual = y - group.X @ np.linalg.lstsq(group.X, y, rcond=None)[0]
    with np.errstate(all="ignore"):
        # se² = (y'y/g'g − β²)/dof with y and g free of covariates gives back Hail's g'g.
        # it is not a number where rounding makes RSS negative
        left = (residual @ residual) / (dof * np.nan_to_num(se) ** 2 + beta**2)
        status = status_of(statistics, left / statistics.sum_of_squares)
        t = beta / se
    # Hail takes 1 − r² from r, so that below 1e-13 not a digit of an SE is right
    perfect = ~(np.abs(t) < np.sqrt(dof / PERFECT_BELOW_SHARE))
    status = with_perfect_fits(status, perfect)
    return results_table(
        variants,
        statistics,
        n=n,
        beta=beta,
        se=se,
        statistic=t,
        dof=dof,
        neg_log10_p=neg_log10_p_t(t, dof),
        test="t",
        status=status,
    )
