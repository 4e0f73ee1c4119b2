r"""Logistic regression on Hail: score, Wald, likelihood-ratio and Firth tests of each variant.

Model for n people with dosage g, covariates X (n, k) with the intercept: logit P(y=1) = gβ + Xγ.

Every test starts with the score test, which needs one pass: with the null model's fitted
probabilities μ, w = μ(1 − μ), r = y − μ,

    U = g'r,    V = g'Wg − g'WX (X'WX)⁻¹ X'Wg,    β = U/V,  SE = 1/√V,  χ² = U²/V.

Hail's own score test gives only χ² (a test holds the two together). Here g'r and g'WX are
dot products of g with columns, which `hl.linear_regression_rows` hands out (``y_transpose_x``)
from one BLAS product with missing dosages mean-imputed; g'Wg = Σ w g² over the called plus ḡ² Σ w
over the others.

Wald, likelihood-ratio and Firth tests are Hail's, once per group of traits with the same people
(given several traits, Hail keeps only people complete for all). Likelihood-ratio and Firth tests
have no SE of their own: SE = |β|/√χ², so that β/SE agrees with p.

The default, ``score``, repeats variants with score p < 0.05 by Firth's penalised likelihood-ratio
test, since the score test is far from its normal limit for rare variants and unbalanced traits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import session
from gwasbone.association.design import Design, Trait
from gwasbone.association.hail_rows import (
    add_people_columns,
    collect_dosages,
    collect_numbers,
    collect_variants,
    covariate_fields,
    keep_variants,
    row_statistics,
)
from gwasbone.association.options import AssociationOptions
from gwasbone.association.rows import RowStatistics, results_table, status_of
from gwasbone.association.trait_groups import TraitGroup
from gwasbone.stats.logistic import FirthTest, firth_lrt
from gwasbone.stats.pvalues import neg_log10_p_normal

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Score p-value below which the default test is repeated by Firth's method (as REGENIE does).
FIRTH_BELOW_P = 0.05

#: Columns of the null models that one pass over the genotypes carries.
COLUMNS_PER_PASS = 200

#: Below this χ² the quotient |β|/√χ² is rounding error, and SE is the score's 1/√V.
SMALLEST_CHI2 = 1e-6

#: Dosages that a refit holds in memory at a time.
DOSAGES_AT_ONCE = 20_000_000

#: Hail's default, 1e-6, leaves β with five digits where the fit converges slowly.
TOLERANCE = 1e-8


@dataclass(frozen=True)
class _Scan:
    """Results of one trait, (m,) each; a row's ``test`` says how it was tested."""

    beta: FloatArray
    se: FloatArray
    statistic: FloatArray
    test: npt.NDArray[np.object_]
    status: npt.NDArray[np.object_]


@dataclass(frozen=True)
class _Null:
    """Null model of one trait: residuals r and weights w of the n_g participants, and X'WX."""

    r: FloatArray
    w: FloatArray
    information: FloatArray


def scan_logistic(
    mt: Any, design: Design, options: AssociationOptions, *, say: Callable[[str], None]
) -> dict[str, pd.DataFrame]:
    """See `gwasbone.association.hail.scan_hail`."""
    test = options.test
    nulls = [[_null_model(group, j) for j in range(len(group.traits))] for group in design.groups]
    tables: dict[str, pd.DataFrame] = {}
    variants: pd.DataFrame | None = None
    for group, fits in zip(design.groups, nulls, strict=True):
        scans: dict[str, _Scan] = {}
        for part in _chunks(len(group.traits), COLUMNS_PER_PASS // (1 + group.X.shape[1])):
            say(f"score test of {', '.join(group.names[j] for j in part)}")
            ht = _score_pass(mt, design, group, [fits[j] for j in part])
            if variants is None:
                variants = collect_variants(ht)
            numbers = collect_numbers(ht, [ht.statistics, ht.products, ht.squares])
            statistics = RowStatistics.from_numbers(numbers[:, : RowStatistics.WIDTH])
            numbers = numbers[:, RowStatistics.WIDTH :]
            scans |= {
                group.names[j]: scan
                for j, scan in zip(
                    part,
                    _score_scans(numbers, statistics, [fits[j] for j in part], test),
                    strict=True,
                )
            }
        assert variants is not None
        scans = _repeated(mt, design, group, variants, scans, test=test, say=say)
        for trait in group.traits:
            tables[trait.name] = _table(variants, statistics, trait, scans[trait.name])
    return tables


def _null_model(group: TraitGroup, j: int) -> _Null:
    fit = group.null_model(j)
    w = fit.fitted * (1 - fit.fitted)
    return _Null(group.Y[:, j] - fit.fitted, w, (group.X * w[:, None]).T @ group.X)


def _chunks(q: int, size: int) -> Iterator[list[int]]:
    size = max(1, size)
    for start in range(0, q, size):
        yield list(range(start, min(q, start + size)))


def _score_pass(mt: Any, design: Design, group: TraitGroup, fits: list[_Null]) -> Any:
    """Table with arrays ``statistics``, ``products`` (g'r, then g'WX, per trait), ``squares``."""
    hl = session.hail()
    columns: dict[str, FloatArray] = {}
    for j, null in enumerate(fits):
        columns[f"r{j}"] = group.spread(null.r)
        for i, x in enumerate(group.X.T):
            # Column 0 of X is the intercept: wx{j}_0 is w itself.
            columns[f"wx{j}_{i}"] = group.spread(null.w * x)
    mt = add_people_columns(mt, design.ids, columns)
    mt = mt.filter_cols(hl.is_defined(mt.people.r0))
    weights = [mt.people[f"wx{j}_0"] for j in range(len(fits))]
    mt = mt.annotate_rows(
        statistics=row_statistics(mt, True),
        squares=hl.flatten(
            [
                hl.array(
                    [
                        hl.agg.sum(mt.dosage * mt.dosage * w),
                        hl.agg.sum(hl.or_missing(hl.is_defined(mt.dosage), w)),
                    ]
                )
                for w in weights
            ]
        ),
    )
    ht = hl.linear_regression_rows(
        [mt.people[name] for name in columns],
        mt.dosage,
        [1.0],
        pass_through=["source_id", "statistics", "squares"],
    )
    return ht.select("source_id", "statistics", "squares", products=ht.y_transpose_x)


def _score_scans(
    numbers: FloatArray, statistics: RowStatistics, fits: list[_Null], test: str
) -> Iterator[_Scan]:
    k = fits[0].information.shape[0]
    q = len(fits)
    products, squares = numbers[:, : q * (k + 1)], numbers[:, q * (k + 1) :]
    for j, null in enumerate(fits):
        U = products[:, j * (k + 1)]
        b = products[:, j * (k + 1) + 1 : (j + 1) * (k + 1)]
        called_squares, called_weight = squares[:, 2 * j], squares[:, 2 * j + 1]
        with np.errstate(all="ignore"):
            missing_weight = np.maximum(null.w.sum() - called_weight, 0)
            total = called_squares + statistics.mean**2 * missing_weight
            V = total - np.einsum("ij,ij->i", b, np.linalg.solve(null.information, b.T).T)
            # Of the weighted variance of g, what X beyond the intercept leaves.
            status = status_of(statistics, V / (total - b[:, 0] ** 2 / null.w.sum()))
            beta, se = U / V, 1 / np.sqrt(V)
            tests = np.full(len(U), test, dtype=object)
            yield _Scan(beta, se, U / np.sqrt(V), tests, status)


def _repeated(
    mt: Any,
    design: Design,
    group: TraitGroup,
    variants: pd.DataFrame,
    scans: dict[str, _Scan],
    *,
    test: str,
    say: Callable[[str], None],
) -> dict[str, _Scan]:
    """The scans with variants tested again by Hail: all, or after a score test those p < 0.05."""
    hl = session.hail()
    by = "firth" if test == "score" else test
    names = list(group.names)
    again = np.column_stack([_to_repeat(scans[name], everything=test != "score") for name in names])
    again = _with_duplicates(variants, again)
    if not again.any():
        return scans
    say(f"{by} test of {', '.join(names)}: {again.any(axis=1).sum():,} variants")
    columns = covariate_fields(design, group)
    y = {f"y{j}": group.spread(values) for j, values in enumerate(group.Y.T)}
    mt = add_people_columns(mt, design.ids, {**columns, **y})
    mt = mt.filter_cols(hl.is_defined(mt.people.y0))
    if again.all():
        found = _regress(mt, by, list(y), list(columns))
        rows = [np.arange(len(variants))] * len(names)
    else:
        chosen = np.flatnonzero(again.any(axis=1))
        kept = keep_variants(mt, variants.loc[chosen], again[chosen])
        kept = kept.checkpoint(session.temporary_path("again") + ".mt")
        found = [
            _regress(kept.filter_rows(kept.flags[j]), by, [f"y{j}"], list(columns))[0]
            if again[:, j].any()
            else np.empty((0, 4))
            for j in range(len(names))
        ]
        rows = [np.flatnonzero(flags) for flags in again.T]
    merged = {name: _merged(scans[name], rows[j], found[j], by) for j, name in enumerate(names)}
    return _refitted(mt, design, group, variants, merged, say=say) if by == "firth" else merged


def _refitted(
    mt: Any,
    design: Design,
    group: TraitGroup,
    variants: pd.DataFrame,
    scans: dict[str, _Scan],
    *,
    say: Callable[[str], None],
) -> dict[str, _Scan]:
    """The scans with Firth fits that Hail gave up done here.

    Hail takes Newton's steps at full length and overshoots where few cases carry a rare allele:
    with 20 cases in 2,000 and about 30 copies it gave up 6 of 17 variants with score p < 0.1.
    """
    failed = np.column_stack([scan.status == "no_convergence" for scan in scans.values()])
    failed = _with_duplicates(variants, failed)
    rows = np.flatnonzero(failed.any(axis=1))
    if len(rows):
        say(f"Firth test of {len(rows):,} variants where Hail's did not converge")
    ids = design.ids[group.people]
    for start in range(0, len(rows), max(1, DOSAGES_AT_ONCE // len(ids))):
        part = rows[start : start + max(1, DOSAGES_AT_ONCE // len(ids))]
        G = collect_dosages(keep_variants(mt, variants.loc[part], failed[part]), ids)
        for j, scan in enumerate(scans.values()):
            for g, row in zip(G, part, strict=True):
                if scan.status[row] == "no_convergence":
                    _refit(scan, row, firth_lrt(group.X, g, group.Y[:, j]))
    return scans


def _refit(scan: _Scan, row: int, fit: FirthTest) -> None:
    scan.status[row] = fit.status and "no_convergence"
    scan.beta[row], scan.se[row] = fit.log_odds, fit.se
    scan.statistic[row] = np.sign(fit.log_odds) * np.sqrt(fit.chi2)


def _to_repeat(scan: _Scan, *, everything: bool) -> BoolArray:
    fine = scan.status == ""
    if everything:
        return np.ones_like(fine) if fine.mean() > 0.5 else fine
    return fine & (neg_log10_p_normal(scan.statistic) > -np.log10(FIRTH_BELOW_P))


def _with_duplicates(variants: pd.DataFrame, again: BoolArray) -> BoolArray:
    """Variants with the same locus and alleles are chosen together: a key names them all."""
    key = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
    if not variants.duplicated(key).any():
        return again
    groups = variants.groupby(key, sort=False).ngroup().to_numpy()
    together = np.zeros((groups.max() + 1, again.shape[1]), dtype=bool)
    np.logical_or.at(together, groups, again)
    return together[groups]


def _regress(mt: Any, test: str, traits: list[str], covariates: list[str]) -> list[FloatArray]:
    """Per trait (rows, 4): β, SE, χ² (NaN where a test has none), converged; in ``mt``'s order."""
    hl = session.hail()
    ht = hl.logistic_regression_rows(
        test,
        y=[mt.people[name] for name in traits],
        x=mt.dosage,
        covariates=[1.0, *(mt.people[name] for name in covariates)],
        tolerance=TOLERANCE,
    )
    nan = hl.missing(hl.tfloat64)
    numbers = collect_numbers(
        ht,
        [
            hl.array(
                [
                    fit.beta,
                    fit.standard_error if test == "wald" else nan,
                    nan if test == "wald" else fit.chi_sq_stat,
                    hl.float64(fit.fit.converged & ~fit.fit.exploded),
                ]
            )
            for fit in (ht.logistic_regression[j] for j in range(len(traits)))
        ],
    )
    return [numbers[:, 4 * j : 4 * j + 4] for j in range(len(traits))]


def _merged(scan: _Scan, rows: npt.NDArray[np.integer], found: FloatArray, by: str) -> _Scan:
    assert len(rows) == len(found)
    beta, se, chi2, converged = found.T
    with np.errstate(all="ignore"):
        if by == "wald":
            statistic = beta / se
        else:
            chi2 = np.maximum(chi2, 0)
            statistic = np.sign(beta) * np.sqrt(chi2)
            se = np.where(chi2 > SMALLEST_CHI2, np.abs(beta) / np.sqrt(chi2), scan.se[rows])
    good = (converged == 1) & np.isfinite(beta) & np.isfinite(statistic)
    new = replace(scan, **{name: getattr(scan, name).copy() for name in scan.__dataclass_fields__})
    new.beta[rows], new.se[rows], new.statistic[rows] = beta, se, statistic
    new.test[rows] = by
    failed = rows[~good]
    new.status[failed] = np.where(new.status[failed] == "", "no_convergence", new.status[failed])
    return new


def _table(
    variants: pd.DataFrame, statistics: RowStatistics, trait: Trait, scan: _Scan
) -> pd.DataFrame:
    return results_table(
        variants,
        statistics,
        n=trait.n,
        beta=scan.beta,
        se=scan.se,
        statistic=scan.statistic,
        dof=np.inf,
        neg_log10_p=neg_log10_p_normal(scan.statistic),
        test=scan.test,
        status=scan.status,
    )
