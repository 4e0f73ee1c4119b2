"""Means of a phenotype by genotype, covariates held at their means.

Symbols: n people, k columns of X (the intercept is one of them), three genotypes of 0, 1 and 2
copies of an allele.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.least_squares import DEPENDENT_BELOW

FloatArray = npt.NDArray[np.float64]

#: A dosage is a genotype where it is this near to a whole number of copies, as in PLINK 2.
CALL_WITHIN = 0.1


@dataclass(frozen=True)
class GenotypeMeans:
    """Mean phenotype in carriers of 0, 1 and 2 copies of an allele.

    Parameters
    ----------
    n : (3,) people with the genotype.
    mean : (3,) mean of the phenotype in people whose covariates are at the mean of all people;
        NaN where nobody has the genotype.
    se : (3,) its standard error; NaN where fewer than two people have the genotype.
    lower, upper : (3,) limits of the 95 % interval of the mean.
    beta, beta_se : effect of one copy with covariates, additive, and its standard error, from
        dosages where they are no whole numbers; NaN where the genotype does not vary.
    n_uncalled : people whose dosage is no genotype (further than 0.1 from a whole number), who
        count for ``beta`` only.
    sd : standard deviation of the phenotype with the covariates taken out, in units of which
        effects on different phenotypes can be compared.
    """

    n: npt.NDArray[np.int64]
    mean: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    beta: float
    beta_se: float
    n_uncalled: int
    sd: float


def genotype_means(y: npt.ArrayLike, g: npt.ArrayLike, X: npt.ArrayLike) -> GenotypeMeans:
    """Compute the covariate-adjusted mean of a phenotype by genotype.

    The model is y = μ[g] + (X − mean of X)γ + e; the means are its μ, by least squares (the
    "adjusted" or "least-squares" means of an analysis of covariance). Their standard errors allow
    each genotype a spread of its own (HC2); without covariates they are s / √n of the people of
    the genotype, and intervals are of Student's t with n − 1 degrees of freedom.

    Parameters
    ----------
    y : (n,) complete numbers.
    g : (n,) copies of the allele, 0 to 2; people with NaN are left out.
    X : (n, k) complete covariates, the intercept among them.

    Raises
    ------
    InputError
        Not more people than columns.

    Examples
    --------
    >>> found = genotype_means([1.0, 3, 5, 7], [0, 0, 1, 2], np.ones((4, 1)))
    >>> found.n.tolist(), found.mean.tolist(), found.se.round(6).tolist()
    ([2, 1, 1], [2.0, 5.0, 7.0], [1.0, nan, nan])

    References
    ----------
    MacKinnon & White (1985), J Econometrics 29:305 (HC2). Searle, Speed & Milliken (1980), Am
    Stat 34:216 (means adjusted for covariates).
    """
    Y = np.asarray(y, dtype=np.float64)[:, None]
    return means_by_genotype(Y, np.asarray(g, dtype=np.float64)[None], X)[0][0]


def means_by_genotype(
    Y: npt.ArrayLike, G: npt.ArrayLike, X: npt.ArrayLike
) -> list[list[GenotypeMeans]]:
    """Compute :func:`genotype_means` for several phenotypes and variants of the same samples.

    Parameters
    ----------
    Y : (n, q) complete. G : (m, n). X : (n, k).

    Returns
    -------
    m lists of q.
    """
    Y, X = np.asarray(Y, dtype=np.float64), np.asarray(X, dtype=np.float64)
    C = _basis(X)
    found = []
    for g in np.asarray(G):
        known = np.isfinite(g)
        if known.sum() < C.shape[1] + 2:
            raise InputError(
                f"means by genotype: expected more samples than the {C.shape[1] + 1} columns of "
                f"the model, got {int(known.sum())} with a genotype"
            )
        copies, Z = g[known].astype(np.float64), C[known] - C[known].mean(axis=0)
        found.append([_means(y[known], copies, Z) for y in Y.T])
    return found


def _means(y: FloatArray, g: FloatArray, Z: FloatArray) -> GenotypeMeans:
    """Of samples who all have a genotype; Z (n, c) covariates about their means."""
    inverse = _inverse(Z.T @ Z)

    def left(values: FloatArray) -> FloatArray:
        about = values - values.mean()
        return np.asarray(about - Z @ (inverse @ (Z.T @ about)))

    rest = left(y)
    beta, beta_se = _additive(rest, left(g), Z.shape[1])
    copies = np.rint(g)
    called = np.abs(g - copies) <= CALL_WITHIN
    n, mean, se = _adjusted_means(y[called], copies[called].astype(np.intp), Z[called])
    half = se * stats.t.ppf(0.975, np.maximum(n - 1, 1))
    return GenotypeMeans(
        n=n,
        mean=mean,
        se=se,
        lower=mean - half,
        upper=mean + half,
        beta=beta,
        beta_se=beta_se,
        n_uncalled=int((~called).sum()),
        sd=float(np.sqrt(rest @ rest / (len(y) - Z.shape[1] - 1))),
    )


def _adjusted_means(
    y: FloatArray, copies: npt.NDArray[np.intp], Z: FloatArray
) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray]:
    """(3,) samples, means and standard errors."""
    n = np.bincount(copies, minlength=3).astype(np.int64)
    D = (copies == np.arange(3)[:, None]).astype(np.float64)
    share = D / np.maximum(n, 1)[:, None]
    B = share @ Z  # mean of the covariates by genotype
    W = Z - B[copies]
    inverse = _inverse(W.T @ W)
    slopes = inverse @ (W.T @ y)
    # the mean of y by genotype, less the covariates' part of it
    mean = np.where(n > 0, share @ y - B @ slopes, np.nan)
    e = y - (share @ y)[copies] - W @ slopes
    leverage = (1 / np.maximum(n, 1))[copies] + ((W @ inverse) * W).sum(axis=1)
    # somebody who alone has a genotype is fitted exactly and says nothing of the spread
    alone = leverage > 1 - 1e-9
    spread = np.where(alone, 0.0, e**2 / np.where(alone, 1.0, 1 - leverage))
    A = share - (B @ inverse) @ W.T  # the means are A y
    return n, mean, np.where(n > 1, np.sqrt((A**2) @ spread), np.nan)


def _additive(rest: FloatArray, x: FloatArray, n_covariates: int) -> tuple[float, float]:
    """Slope of y on g and its standard error, both given with the covariates taken out."""
    sxx = float(x @ x)
    if sxx <= 1e-9 * len(x):
        return float("nan"), float("nan")
    beta = float(x @ rest) / sxx
    e = rest - beta * x
    dof = len(x) - n_covariates - 2
    return beta, float(np.sqrt(e @ e / dof / sxx)) if dof > 0 else float("nan")


def _basis(X: FloatArray) -> FloatArray:
    """(n, c) orthonormal columns that span those of X about their means."""
    about = X - X.mean(axis=0)
    length = np.linalg.norm(about, axis=0)
    varies = length > DEPENDENT_BELOW * np.linalg.norm(X, axis=0)
    if not varies.any():
        return np.empty((len(X), 0))
    U, s, _ = np.linalg.svd(about[:, varies] / length[varies], full_matrices=False)
    return np.asarray(U[:, s > DEPENDENT_BELOW * s[0]])


def _inverse(S: FloatArray) -> FloatArray:
    """Of sums of squares; directions in which nothing varies count for nothing."""
    return np.asarray(np.linalg.pinv(S, rcond=1e-9, hermitian=True)) if S.size else S
