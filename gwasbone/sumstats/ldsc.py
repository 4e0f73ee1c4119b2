"""LD-score regression: heritability and genetic correlation from the statistics of scans.

Symbols: m variants, χ² or z of each, N people, l its LD score, M the number of variants that LD
scores were summed over (those with MAF above 5 %).

- Heritability: E[χ²] = N l h²/M + a, weights 1/(max(l_w, 1) · 2 (a + N h² max(l, 1)/M)²).
- Covariance: E[z₁z₂] = √(N₁N₂) l ρ_g/M + c, weights 1/(max(l_w, 1) · (v₁v₂ + k²)) with
  v = N h² max(l, 1)/M + a of each trait and k = √(N₁N₂) ρ_g max(l, 1)/M + c. The intercept c is
  the phenotypic correlation times the share of people that the scans have in common.

Weights start from h² = M (mean χ² − 1)/mean(l N) (ρ_g = M mean(z₁z₂)/mean(l √(N₁N₂))) and are
renewed twice. Standard errors are of a jackknife over contiguous blocks with the last weights.
With two steps the intercept comes from variants with χ² below a threshold and the slope from all.
The jackknife does not hold how uncertain the weights are: with a thousand variants of strong
signal 95 % intervals were seen to cover in 87 % of simulations, with five thousand in 95 %.

References
----------
Bulik-Sullivan et al. (2015), Nature Genetics 47:291 and 47:1236.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.stats.genomic_control import lambda_gc_from_chi2
from gwasbone.stats.jackknife import jackknife_se
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.ldsc_regression import (
    Expected,
    LdFit,
    Scores,
    Trait,
    complete_rows,
    fit_products,
)

FloatArray = npt.NDArray[np.float64]

#: Blocks of the jackknife, and the χ² below which variants set the intercept of two steps.
N_BLOCKS, TWO_STEP = 200, 30.0


@dataclass(frozen=True)
class Heritability:
    """SNP heritability from LD score regression, on the scale of the trait in the scan.

    Parameters
    ----------
    h2, h2_se : heritability of the variants that LD scores count.
    intercept, intercept_se : of χ² on l; 1 without confounding. SE 0 where it was fixed.
    mean_chi2, lambda_gc : of the variants used.
    ratio, ratio_se : (intercept − 1)/(mean χ² − 1), the share of the inflation that is no
        polygenic signal; NaN where mean χ² is not above 1.
    n_variants, n_low : variants used, and those of them that set the intercept.
    h2_deleted, intercept_deleted : (g,) without each block.
    """

    h2: float
    h2_se: float
    intercept: float
    intercept_se: float
    mean_chi2: float
    lambda_gc: float
    ratio: float
    ratio_se: float
    n_variants: int
    n_low: int
    h2_deleted: FloatArray
    intercept_deleted: FloatArray


@dataclass(frozen=True)
class GeneticCorrelation:
    """Genetic correlation of two traits from LD score regression.

    Parameters
    ----------
    rg, rg_se : covariance/√(h²₁ h²₂); NaN where ``status`` says why. Not confined to [−1, 1].
    neg_log10_p : −log10 p-value of the test of rg = 0.
    covariance, covariance_se : genetic covariance of the traits.
    intercept, intercept_se : phenotypic correlation times the share of people in common.
    first, second : heritability of each trait, from the same variants.
    n_variants : number of variants used.
    status : '' or why there is no correlation.
    rg_deleted : (g,) without each block; NaN where a heritability is not positive there.
    """

    rg: float
    rg_se: float
    neg_log10_p: float
    covariance: float
    covariance_se: float
    intercept: float
    intercept_se: float
    first: Heritability
    second: Heritability
    n_variants: int
    status: str
    rg_deleted: FloatArray


def heritability(
    chi2: npt.ArrayLike,
    ld_score: npt.ArrayLike,
    n: npt.ArrayLike,
    *,
    m_ld: float,
    weight_ld_score: npt.ArrayLike | None = None,
    n_blocks: int = N_BLOCKS,
    two_step: float | None = TWO_STEP,
    intercept: float | None = None,
) -> Heritability:
    """Estimate the SNP heritability of a scan by LD score regression.

    Parameters
    ----------
    chi2, ld_score : (m,) in the order of the genome. Rows with a number missing are left out.
    n : people, (m,) or one number.
    m_ld : M.
    weight_ld_score : (m,) l_w, LD scores over the variants of the regression alone; ``ld_score``
        by default.
    n_blocks : of the jackknife; fewer where there are fewer variants.
    two_step : χ² below which variants set the intercept; None for one regression.
    intercept : fixed, instead of estimated.

    Raises
    ------
    InputError
        Arrays of unequal length, too few variants, or numbers out of range.
    """
    y, data = complete_rows(chi2, ld_score, weight_ld_score, [n], m_ld)
    if (y < 0).any():
        raise InputError("LD-score regression: expected chi-squared statistics, some are negative")
    scores = Scores.of(data.l, data.l_w, data.m_ld)
    trait = Trait(np.sqrt(y), np.sqrt(data.n[0] * scores.level))
    fit = fit_products(trait, None, scores, n_blocks, below=two_step, fixed=intercept)
    return heritability_of_fit(fit, y, intercept)


def heritability_of_fit(fit: LdFit, y: FloatArray, intercept: float | None) -> Heritability:
    """The heritability that a regression of χ² (m,) gives."""
    mean = float(y.mean())
    informative = mean > 1 and intercept is None
    return Heritability(
        h2=fit.slope,
        h2_se=jackknife_se(fit.slope_deleted),
        intercept=fit.intercept,
        intercept_se=jackknife_se(fit.intercept_deleted),
        mean_chi2=mean,
        lambda_gc=lambda_gc_from_chi2(y),
        ratio=(fit.intercept - 1) / (mean - 1) if informative else np.nan,
        ratio_se=jackknife_se(fit.intercept_deleted) / (mean - 1) if informative else np.nan,
        n_variants=len(y),
        n_low=fit.n_low,
        h2_deleted=fit.slope_deleted,
        intercept_deleted=fit.intercept_deleted,
    )


def genetic_correlation(
    z1: npt.ArrayLike,
    z2: npt.ArrayLike,
    ld_score: npt.ArrayLike,
    n1: npt.ArrayLike,
    n2: npt.ArrayLike,
    *,
    m_ld: float,
    weight_ld_score: npt.ArrayLike | None = None,
    n_blocks: int = N_BLOCKS,
    two_step: float | None = TWO_STEP,
    intercepts: tuple[float | None, float | None, float | None] = (None, None, None),
) -> GeneticCorrelation:
    """Estimate the genetic correlation of two scans, which may share participants.

    Parameters
    ----------
    z1, z2 : (m,) signed statistics for the same allele.
    n1, n2 : people of each, (m,) or one number.
    intercepts : fixed ones of the first trait, of the second and of the covariance; None
        estimates.
    ld_score, m_ld, weight_ld_score, n_blocks, two_step : as in :func:`heritability`.

    Notes
    -----
    With two steps the covariance's intercept comes from variants with both χ² below the
    threshold. The blocks of the three regressions are then matched by number, and differ by the
    few variants above it.
    """
    both = np.column_stack([np.ravel(z1), np.ravel(z2)]).astype(np.float64)
    z, data = complete_rows(both, ld_score, weight_ld_score, [n1, n2], m_ld)
    fixed = intercepts[2]
    if two_step is not None:
        n_blocks = min(n_blocks, max(1, int((z**2 < two_step).all(axis=1).sum())))
    traits = [
        heritability(
            z[:, k] ** 2, data.l, data.n[k], m_ld=data.m_ld, weight_ld_score=data.l_w,
            n_blocks=n_blocks, two_step=two_step, intercept=intercepts[k],
        )
        for k in (0, 1)
    ]  # fmt: skip
    scores = Scores.of(data.l, data.l_w, data.m_ld)
    first, second = (
        Trait(z[:, k].copy(), np.sqrt(data.n[k] * scores.level)).with_expected(
            Expected(traits[k].h2, traits[k].intercept)
        )
        for k in (0, 1)
    )
    fit = fit_products(first, second, scores, n_blocks, below=two_step, fixed=fixed)
    return correlation_of_fit(fit, traits[0], traits[1], len(z))


def correlation_of_fit(
    fit: LdFit, first: Heritability, second: Heritability, n_variants: int
) -> GeneticCorrelation:
    """The genetic correlation that a regression of products gives."""
    status, rg, rg_se = "", np.nan, np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        deleted = fit.slope_deleted / np.sqrt(first.h2_deleted * second.h2_deleted)
    if first.h2 <= 0 or second.h2 <= 0:
        status = "a heritability is not positive"
    elif not np.isfinite(fit.slope):
        status = "variances of the products are not positive"
    elif (first.h2_deleted <= 0).any() or (second.h2_deleted <= 0).any():
        status = "a heritability is not positive without one of the blocks"
    if not status:
        rg = fit.slope / np.sqrt(first.h2 * second.h2)
        rg_se = jackknife_se(deleted)
    return GeneticCorrelation(
        rg=float(rg),
        rg_se=float(rg_se),
        neg_log10_p=float(neg_log10_p_normal(rg / rg_se)) if not status else np.nan,
        covariance=fit.slope,
        covariance_se=jackknife_se(fit.slope_deleted),
        intercept=fit.intercept,
        intercept_se=jackknife_se(fit.intercept_deleted),
        first=first,
        second=second,
        n_variants=n_variants,
        status=status,
        rg_deleted=deleted,
    )
