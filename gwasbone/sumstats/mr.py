"""Mendelian randomisation with independent instruments: ratio, IVW, Egger, median, heterogeneity.

Symbols: n instruments with effects b_x (s_x) on the exposure and b_y (s_y) on the outcome, of one
allele each; θ the effect of the exposure on the outcome. Every estimator is a pure function of
:class:`Harmonised`. p-values are −log₁₀.

References
----------
Burgess et al. (2013), Genetic Epidemiology 37:658 (IVW); Bowden et al. (2015), International
Journal of Epidemiology 44:512 (Egger); Bowden et al. (2016), Genetic Epidemiology 40:304 (median)
and International Journal of Epidemiology 45:1961 (I²_GX); Hemani et al. (2017), PLoS Genetics
13:e1007081 (Steiger).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError
from gwasbone.stats.pvalues import neg_log10_p_chi2, neg_log10_p_normal, neg_log10_p_t

FloatArray = npt.NDArray[np.float64]
Weights = Literal["second_order", "first_order"]

#: Draws of bootstraps, and their seed.
DRAWS, SEED = 1000, 20261130


@dataclass(frozen=True)
class Harmonised:
    """Effects of n instruments on an exposure and an outcome, for the same alleles.

    Parameters
    ----------
    beta_x, se_x, beta_y, se_y : (n,) effects and standard errors.
    names : (n,) names of the instruments; numbers by default.

    Raises
    ------
    InputError
        Arrays of unequal length, numbers missing, standard errors that are not above 0, or an
        effect on the exposure that is 0; the rows are named.

    Examples
    --------
    >>> data = Harmonised([0.1, 0.2], [0.01, 0.01], [0.05, 0.1], [0.02, 0.02])
    >>> len(data), data.ratio.tolist()
    (2, [0.5, 0.5])
    """

    beta_x: FloatArray
    se_x: FloatArray
    beta_y: FloatArray
    se_y: FloatArray
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        arrays = {n: np.asarray(getattr(self, n), dtype=np.float64) for n in _NUMBERS}
        sizes = {len(a) for a in arrays.values()}
        if len(sizes) != 1 or any(a.ndim != 1 for a in arrays.values()):
            raise InputError(
                "Mendelian randomisation: expected four numbers for each instrument, got "
                + ", ".join(f"{len(a)} {n}" for n, a in arrays.items())
            )
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
        if not self.names:
            object.__setattr__(self, "names", tuple(str(i + 1) for i in range(sizes.pop())))
        finite = np.isfinite(np.column_stack([*arrays.values()]))
        self._refuse(np.asarray(~finite.all(axis=1)), "numbers")
        self._refuse((self.se_x <= 0) | (self.se_y <= 0), "standard errors above 0")
        self._refuse(np.asarray(self.beta_x == 0), "effects on the exposure that are not 0")

    def _refuse(self, wrong: npt.NDArray[np.bool_], expected: str) -> None:
        if wrong.any():
            named = ", ".join(np.asarray(self.names, dtype=object)[wrong][:5])
            raise InputError(
                f"Mendelian randomisation: expected {expected}; {int(wrong.sum())} instruments "
                f"have others ({named})"
            )

    def __len__(self) -> int:
        return len(self.beta_x)

    @property
    def ratio(self) -> FloatArray:
        """(n,) the Wald ratios b_y/b_x."""
        return self.beta_y / self.beta_x

    def ratio_se(self, weights: Weights = "first_order") -> FloatArray:
        """(n,) standard errors of the ratios, of the first or second order of the delta method."""
        variance = self.se_y**2 / self.beta_x**2
        if weights == "second_order":
            variance = variance + self.beta_y**2 * self.se_x**2 / self.beta_x**4
        return np.sqrt(variance)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Harmonised:
        """Some of the instruments."""
        chosen = np.arange(len(self))[rows]
        return Harmonised(
            self.beta_x[chosen], self.se_x[chosen], self.beta_y[chosen], self.se_y[chosen],
            tuple(self.names[i] for i in chosen),
        )  # fmt: skip

    def without(self, row: int) -> Harmonised:
        """All instruments but one."""
        return self.take(np.arange(len(self)) != row)


_NUMBERS = ("beta_x", "se_x", "beta_y", "se_y")


@dataclass(frozen=True)
class MrEstimate:
    """Effect of an exposure on an outcome by one method.

    Parameters
    ----------
    method : name of the method.
    b, se : effect per unit of the exposure, and its standard error; NaN where ``status`` says why.
    neg_log10_p : of the test of b = 0.
    n_snp : instruments used.
    q, q_df, q_neg_log10_p : heterogeneity; NaN where the method has none.
    status : '' or what is to be known of the estimate.
    """

    method: str
    b: float
    se: float
    neg_log10_p: float
    n_snp: int
    q: float = np.nan
    q_df: float = np.nan
    q_neg_log10_p: float = np.nan
    status: str = ""


def undefined(method: str, n_snp: int, status: str) -> MrEstimate:
    """An estimate that cannot be made, and why."""
    return MrEstimate(method, np.nan, np.nan, np.nan, n_snp, status=status)


def normal_estimate(method: str, b: float, se: float, n_snp: int, status: str = "") -> MrEstimate:
    """An estimate whose test statistic is normal, without a test of heterogeneity."""
    return MrEstimate(
        method, float(b), float(se), float(neg_log10_p_normal(b / se)), n_snp, status=status
    )


def _with_q(found: MrEstimate, q: float, df: int) -> MrEstimate:
    p = float(neg_log10_p_chi2(q, df)) if df > 0 else np.nan
    return replace(found, q=float(q) if df > 0 else np.nan, q_df=df, q_neg_log10_p=p)


def wald_ratio(data: Harmonised) -> MrEstimate:
    """Estimate θ from one instrument as b_y/b_x, with s_y/abs(b_x) as its standard error.

    Examples
    --------
    >>> wald_ratio(Harmonised([0.1], [0.01], [0.05], [0.02])).b
    0.5
    """
    if len(data) != 1:
        return undefined("wald_ratio", len(data), "needs one instrument")
    return normal_estimate("wald_ratio", data.ratio[0], data.ratio_se()[0], 1)


def ivw(data: Harmonised, *, model: Literal["random", "fixed"] = "random") -> MrEstimate:
    """Estimate θ by inverse-variance weighting: regression of b_y on b_x through the origin.

    Weights are 1/s_y². With ``random`` the standard error is multiplied by the residual standard
    error where that is above 1 (multiplicative random effects).

    Parameters
    ----------
    data : two or more instruments; one gives the Wald ratio.

    Examples
    --------
    >>> data = Harmonised([0.1, 0.2, 0.3], [0.01] * 3, [0.05, 0.11, 0.14], [0.02] * 3)
    >>> found = ivw(data)
    >>> round(found.b, 4), round(found.se, 4), found.q_df
    (0.4929, 0.0535, 2)
    """
    method = "ivw" if model == "random" else "ivw_fixed"
    n = len(data)
    if n == 0:
        return undefined(method, 0, "no instruments")
    if n == 1:
        return replace(wald_ratio(data), method=method, status="one instrument: Wald ratio")
    w = data.se_y**-2
    information = (w * data.beta_x**2).sum()
    b = (w * data.beta_x * data.beta_y).sum() / information
    q = (w * (data.beta_y - b * data.beta_x) ** 2).sum()
    spread = max(1.0, np.sqrt(q / (n - 1))) if model == "random" else 1.0
    return _with_q(normal_estimate(method, b, spread / np.sqrt(information), n), q, n - 1)


@dataclass(frozen=True)
class EggerFit:
    """Slope and intercept of MR-Egger regression.

    Parameters
    ----------
    slope : effect of the exposure, allowing for directional pleiotropy.
    intercept : mean pleiotropic effect; differs from 0 where pleiotropy is directional.
    i2_gx, i2_gx_weighted : share of the variation of b_x that is not error, of abs(b_x) and of
        abs(b_x)/s_y; below 0.9 the slope is diluted.
    """

    slope: MrEstimate
    intercept: MrEstimate
    i2_gx: float
    i2_gx_weighted: float


def egger(data: Harmonised) -> EggerFit:
    """Estimate θ by MR-Egger: as IVW, with an intercept, alleles turned so that b_x > 0.

    Tests are by t with n − 2 degrees of freedom.

    Parameters
    ----------
    data : three or more instruments.
    """
    n = len(data)
    if n < 3:
        why = "needs three or more instruments"
        nothing = undefined("egger", n, why)
        return EggerFit(nothing, replace(nothing, method="egger_intercept"), np.nan, np.nan)
    sign = np.sign(data.beta_x)
    x, y, w = sign * data.beta_x, sign * data.beta_y, data.se_y**-2
    x_mean = (w * x).sum() / w.sum()
    sxx = (w * (x - x_mean) ** 2).sum()
    if sxx <= 0:
        nothing = undefined("egger", n, "effects on the exposure are all equal")
        return EggerFit(nothing, replace(nothing, method="egger_intercept"), np.nan, np.nan)
    b = (w * (x - x_mean) * y).sum() / sxx
    a = (w * y).sum() / w.sum() - b * x_mean
    q = (w * (y - a - b * x) ** 2).sum()
    spread = max(1.0, np.sqrt(q / (n - 2)))
    errors = spread / np.sqrt(sxx), spread * np.sqrt(1 / w.sum() + x_mean**2 / sxx)
    slope, intercept = (
        _with_q(
            MrEstimate(method, float(v), float(se), float(neg_log10_p_t(v / se, n - 2)), n),
            q, n - 2,
        )
        for method, v, se in (("egger", b, errors[0]), ("egger_intercept", a, errors[1]))
    )  # fmt: skip
    i2 = i_squared(x, data.se_x)
    return EggerFit(slope, intercept, i2, i_squared(x / data.se_y, data.se_x / data.se_y))


def i_squared(values: npt.ArrayLike, se: npt.ArrayLike) -> float:
    """Compute the share of the variation of values that is not error, (Q − (n − 1))/Q, at least 0.

    Examples
    --------
    >>> i_squared([1.0, 1.0, 1.0], [0.1, 0.1, 0.1])
    0.0
    """
    y, w = np.asarray(values, dtype=np.float64), np.asarray(se, dtype=np.float64) ** -2
    q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
    return float(max(0.0, (q - (len(y) - 1)) / q)) if q > 0 else 0.0


def weighted_median(
    data: Harmonised,
    *,
    weights: Weights = "second_order",
    draws: int = DRAWS,
    seed: int = SEED,
) -> MrEstimate:
    """Estimate θ by the weighted median of the ratios: right if half of the weight is valid.

    The median is interpolated at half of the centred cumulative weight; its standard error is
    that of a parametric bootstrap with the weights of the data.

    Parameters
    ----------
    weights : one over the variance of a ratio: s_y²/b_x² (``first_order``), or also
        b_y² s_x²/b_x⁴ (``second_order``, as TwoSampleMR has it).
    draws, seed : of the bootstrap.
    """
    method = "weighted_median" if weights == "second_order" else "weighted_median_first_order"
    if len(data) < 3:
        return undefined(method, len(data), "needs three or more instruments")
    w = data.ratio_se(weights) ** -2
    b = weighted_medians(data.ratio[None, :], w)[0]
    x, y = resampled(data, draws, seed)
    se = weighted_medians(y / x, w).std(ddof=1)
    return normal_estimate(method, b, se, len(data))


def resampled(data: Harmonised, draws: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """(draws, n) effects on exposure and outcome, drawn about those of the data."""
    rng = np.random.default_rng(seed)
    shape = (draws, len(data))
    x = data.beta_x + data.se_x * rng.standard_normal(shape)
    return x, data.beta_y + data.se_y * rng.standard_normal(shape)


def weighted_medians(values: FloatArray, weights: FloatArray) -> FloatArray:
    """(k,) the interpolated weighted median of each row of (k, n) values, (n,) weights."""
    order = np.argsort(values, axis=1)
    v = np.take_along_axis(values, order, axis=1)
    w = weights[order]
    centred = (np.cumsum(w, axis=1) - w / 2) / weights.sum()
    below = np.maximum((centred < 0.5).sum(axis=1) - 1, 0)
    above = np.minimum(below + 1, values.shape[1] - 1)
    rows = np.arange(len(v))
    low, high = centred[rows, below], centred[rows, above]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (0.5 - low) / (high - low), 0.0)
    share = np.clip(share, 0.0, 1.0)
    return np.asarray(v[rows, below] + share * (v[rows, above] - v[rows, below]))


def leave_one_out(data: Harmonised) -> list[MrEstimate]:
    """IVW without each instrument; ``status`` names the one left out."""
    return [
        replace(ivw(data.without(i)), status=f"without {name}") for i, name in enumerate(data.names)
    ]


def single_snp(data: Harmonised) -> list[MrEstimate]:
    """The Wald ratio of each instrument; ``status`` names it."""
    return [
        replace(wald_ratio(data.take(np.array([i]))), status=name)
        for i, name in enumerate(data.names)
    ]


@dataclass(frozen=True)
class Strength:
    """Strength of instruments.

    Parameters
    ----------
    f : (n,) b²/se². mean_f : their mean. share_f_below_10 : the share of weak ones.
    """

    f: FloatArray
    mean_f: float
    share_f_below_10: float


def strength(data: Harmonised) -> Strength:
    """F statistics of the instruments; those of 10 and below are weak."""
    f = (data.beta_x / data.se_x) ** 2
    if not len(f):
        return Strength(f, np.nan, np.nan)
    return Strength(f, float(f.mean()), float((f <= 10).mean()))


@dataclass(frozen=True)
class SteigerTest:
    """Test of the direction of an effect.

    Parameters
    ----------
    r2_x, r2_y : variance of exposure and outcome that the instruments explain.
    correct : whether they explain more of the exposure.
    z, neg_log10_p : of the test that both are equal.
    """

    r2_x: float
    r2_y: float
    correct: bool
    z: float
    neg_log10_p: float


def steiger(data: Harmonised, n_x: npt.ArrayLike, n_y: npt.ArrayLike) -> SteigerTest:
    """Test whether instruments explain more of the exposure than of the outcome.

    r² = F/(N − 2 + F) of each instrument, summed; Fisher's z of both correlations is compared.

    Parameters
    ----------
    n_x, n_y : sample sizes, (n,) or one number.

    Raises
    ------
    UsageError
        A sample size is missing or below 4.
    """
    sizes = [np.broadcast_to(np.asarray(n, dtype=np.float64), len(data)) for n in (n_x, n_y)]
    if any(not (n > 3).all() for n in sizes):
        raise UsageError("Steiger test: expected a sample size above 3 for every instrument")
    r2 = []
    for b, se, n in ((data.beta_x, data.se_x, sizes[0]), (data.beta_y, data.se_y, sizes[1])):
        f = (b / se) ** 2
        r2.append(float(min((f / (n - 2 + f)).sum(), 1 - 1e-12)))
    se = np.sqrt(sum(1 / (n.mean() - 3) for n in sizes))
    z = (np.arctanh(np.sqrt(r2[0])) - np.arctanh(np.sqrt(r2[1]))) / se
    return SteigerTest(r2[0], r2[1], r2[0] > r2[1], float(z), float(neg_log10_p_normal(z)))
