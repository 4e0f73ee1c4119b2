"""Multivariable Mendelian randomisation: several exposures at once, and correlated instruments.

References
----------
Sanderson et al. (2019), International Journal of Epidemiology 48:713; Sanderson, Spiller & Bowden
(2021), Statistics in Medicine 40:5434 (conditional F); Burgess et al. (2016), Statistics in
Medicine 35:1880 (correlated instruments).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError
from gwasbone.stats.pvalues import neg_log10_p_chi2, neg_log10_p_normal
from gwasbone.sumstats.mr import Harmonised, MrEstimate, undefined

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MultivariableFit:
    """Direct effects of k exposures on an outcome.

    Parameters
    ----------
    names : of the exposures.
    estimates : one for each; q is that of all.
    conditional_f : (k,) strength of the instruments for each exposure given the others; NaN where
        the correlation of the exposures was not given.
    """

    names: tuple[str, ...]
    estimates: tuple[MrEstimate, ...]
    conditional_f: FloatArray


def multivariable(
    beta_x: npt.ArrayLike,
    se_x: npt.ArrayLike,
    beta_y: npt.ArrayLike,
    se_y: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    correlation: npt.ArrayLike | None = None,
) -> MultivariableFit:
    """Estimate the direct effects of k exposures by regression of b_y on all b_x.

    Weights are 1/s_y²; standard errors are multiplied by the residual standard error where that is
    above 1.

    Parameters
    ----------
    beta_x, se_x : (n, k) effects of n instruments on k exposures.
    beta_y, se_y : (n,) and on the outcome.
    names : of the exposures.
    correlation : (k, k) of the estimates of the exposures, which shared participants give them:
        their phenotypic correlation, or the intercept of the cross-trait LD score regression.
        Conditional F needs it: with independent errors assumed it is wrong either way.

    Raises
    ------
    InputError
        Arrays that do not fit one another, or numbers missing.
    """
    x, sx = (np.asarray(a, dtype=np.float64) for a in (beta_x, se_x))
    y, sy = (np.asarray(a, dtype=np.float64) for a in (beta_y, se_y))
    n, k = x.shape if x.ndim == 2 else (0, 0)
    if sx.shape != x.shape or y.shape != (n,) or sy.shape != (n,) or not k:
        raise InputError(
            f"multivariable MR: expected (n, k) effects on exposures and (n,) on the outcome, got "
            f"{x.shape}, {sx.shape}, {y.shape} and {sy.shape}"
        )
    if not all(np.isfinite(a).all() for a in (x, sx, y, sy)) or (sy <= 0).any():
        raise InputError("multivariable MR: expected finite effects and standard errors above 0")
    called = tuple(names) if names is not None else tuple(str(i + 1) for i in range(k))
    nothing = np.full(k, np.nan)
    design = x / sy[:, None]
    if n <= k or np.linalg.matrix_rank(design) < k:
        why = f"{n} instruments do not tell {k} exposures apart"
        return MultivariableFit(called, (undefined("mvmr", n, why),) * k, nothing)
    inverse = np.linalg.inv(design.T @ design)
    b = inverse @ design.T @ (y / sy)
    q, df = float(((y / sy - design @ b) ** 2).sum()), n - k
    se = np.sqrt(np.diag(inverse)) * max(1.0, np.sqrt(q / df))
    q_p = float(neg_log10_p_chi2(q, df))
    estimates = tuple(
        MrEstimate("mvmr", float(v), float(s), float(neg_log10_p_normal(v / s)), n, q, df, q_p)
        for v, s in zip(b, se, strict=True)
    )
    f = nothing if correlation is None else conditional_f(x, sx, correlation)
    return MultivariableFit(called, estimates, f)


def conditional_f(
    beta_x: npt.ArrayLike, se_x: npt.ArrayLike, correlation: npt.ArrayLike
) -> FloatArray:
    """Compute (k,) the F of instruments for each of k exposures given the others.

    Each b_x is regressed on those of the other exposures; F is the heterogeneity of the residuals,
    by the variance that errors of all k give them, over n − k + 1.

    Parameters
    ----------
    beta_x, se_x : (n, k).
    correlation : (k, k) of the estimates of the exposures.

    Raises
    ------
    UsageError
        The correlation is not a (k, k) matrix.
    """
    x, sx = (np.asarray(a, dtype=np.float64) for a in (beta_x, se_x))
    rho = np.asarray(correlation, dtype=np.float64)
    n, k = x.shape
    if rho.shape != (k, k):
        raise UsageError(
            f"conditional F: expected the ({k}, {k}) correlation of the exposures, got {rho.shape}"
        )
    if k == 1:
        return np.array([((x / sx) ** 2).sum() / n])
    found = np.empty(k)
    for i in range(k):
        others = [j for j in range(k) if j != i]
        delta = np.linalg.lstsq(x[:, others], x[:, i], rcond=None)[0]
        signed = np.zeros(k)
        signed[i], signed[others] = 1.0, -delta
        scaled = sx * signed
        variance = np.einsum("nj,jk,nk->n", scaled, rho, scaled)
        found[i] = ((x @ signed) ** 2 / variance).sum() / (n - k + 1)
    return found


def correlated_ivw(data: Harmonised, ld: npt.ArrayLike) -> MrEstimate:
    """Estimate θ by IVW of instruments in linkage disequilibrium: generalised least squares.

    Parameters
    ----------
    ld : (n, n) correlations r of the instruments, for the effect alleles of ``data``.

    Raises
    ------
    InputError
        The matrix does not fit, or is not positive definite.
    """
    r = checked_ld(ld, len(data))
    root = _cholesky(r * np.outer(data.se_y, data.se_y))
    x, y = (np.linalg.solve(root, v) for v in (data.beta_x, data.beta_y))
    information = float(x @ x)
    b = float(x @ y) / information
    q, df = float(((y - b * x) ** 2).sum()), len(data) - 1
    se = max(1.0, np.sqrt(q / df) if df else 1.0) / np.sqrt(information)
    q_p = float(neg_log10_p_chi2(q, df)) if df else np.nan
    return MrEstimate(
        "ivw_correlated", b, float(se), float(neg_log10_p_normal(b / se)), len(data), q, df, q_p
    )


def checked_ld(ld: npt.ArrayLike, n: int) -> FloatArray:
    """An (n, n) matrix of correlations; raises :class:`InputError` where it is none."""
    r = np.asarray(ld, dtype=np.float64)
    if r.shape != (n, n):
        raise InputError(
            f"LD: expected a ({n}, {n}) matrix in the instruments' order, got {r.shape}"
        )
    if n == 0:
        return r
    if not np.isfinite(r).all() or np.abs(r).max() > 1 + 1e-6:
        raise InputError("LD: expected correlations r between -1 and 1 without gaps")
    if np.abs(r - r.T).max() > 1e-6 or np.abs(np.diag(r) - 1).max() > 1e-3:
        raise InputError("LD: expected a symmetric matrix with ones on its diagonal")
    return r


def _cholesky(matrix: FloatArray) -> FloatArray:
    try:
        factor: FloatArray = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        return factor
    except np.linalg.LinAlgError:
        low = float(np.linalg.eigvalsh(matrix / np.sqrt(np.outer(d := np.diag(matrix), d)))[0])
        raise InputError(
            f"LD: expected a positive definite matrix, its smallest eigenvalue is {low:.3g}: drop "
            "instruments in strong LD, or use more participants of the reference"
        ) from None
