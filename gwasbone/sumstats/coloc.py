"""Colocalisation of two traits in a region: do they share a causal variant?

Hypotheses: H0 no association, H1 and H2 of one trait alone, H3 of both by different variants, H4 by
one. With A and B the approximate Bayes factors of the variants for each trait,
H1 = p₁ΣA, H2 = p₂ΣB, H3 = p₁p₂(ΣAΣB − ΣAB), H4 = p₁₂ΣAB, against H0 = 1. It is assumed that each
trait has at most one causal variant in the region, and that it is among the variants of both scans;
with two the posterior of H4 is not calibrated.

log A = ½(log(1 − r) + r z²), r = W/(W + V), V = SE², √W = 0.15 sd(Y) for a quantitative trait and
0.2 (log odds) for cases and controls.

References
----------
Giambartolomei et al. (2014), PLoS Genetics 10:e1004383; Wallace (2020), PLoS Genetics 16:e1008720
(priors).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp

from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.options import ColocOptions

FloatArray = npt.NDArray[np.float64]

_SD_QUANTITATIVE, _SD_CASES = 0.15, 0.2
#: By more than this factor no standard deviation of a trait differs from the one that standard
#: errors, frequencies and sample sizes imply, unless variances are given as standard errors.
_MOST_FACTOR = 2.0
_P12 = 10.0 ** np.arange(-8, -3.75, 0.25)


@dataclass(frozen=True)
class ColocTrait:
    """Effects of m variants of a region on one trait.

    Parameters
    ----------
    beta, se : (m,) effects and standard errors.
    sd_y : standard deviation of a quantitative trait; estimated from ``frequency`` and ``n`` where
        None.
    case_control : whether effects are log odds of a disease.
    frequency, n : (m,) allele frequencies, and sample sizes, (m,) or one; needed without ``sd_y``,
        and checked against it where both are given.
    name : for messages.

    Raises
    ------
    InputError
        Numbers are missing, or the standard errors contradict ``sd_y``.
    UsageError
        A quantitative trait has neither ``sd_y`` nor frequencies and sample sizes.
    """

    beta: FloatArray
    se: FloatArray
    sd_y: float | None = None
    case_control: bool = False
    frequency: npt.ArrayLike | None = None
    n: npt.ArrayLike | None = None
    name: str = "trait"

    def __post_init__(self) -> None:
        for field in ("beta", "se"):
            object.__setattr__(self, field, np.asarray(getattr(self, field), dtype=np.float64))
        if self.beta.shape != self.se.shape or self.beta.ndim != 1 or not len(self.beta):
            raise InputError(
                f"coloc, {self.name}: expected an effect and a standard error for each variant, "
                f"got {self.beta.shape} and {self.se.shape}"
            )
        if not np.isfinite(self.beta).all() or not (self.se > 0).all():
            raise InputError(f"coloc, {self.name}: expected effects, and standard errors above 0")
        if not self.case_control:
            self._check_sd()

    def _check_sd(self) -> None:
        implied = None
        if self.frequency is not None and self.n is not None:
            implied = implied_sd(self.se, self.frequency, self.n)
        if self.sd_y is None:
            if implied is None:
                raise UsageError(
                    f"coloc, {self.name}: a quantitative trait needs its standard deviation "
                    "(--sd-y) or allele frequencies and N; for a disease give --case-share"
                )
            object.__setattr__(self, "sd_y", implied)
            return
        if not self.sd_y > 0:
            raise UsageError(f"coloc, {self.name}: expected a standard deviation above 0")
        if implied is None:
            return
        if not 1 / _MOST_FACTOR < implied / self.sd_y < _MOST_FACTOR:
            raise InputError(
                f"coloc, {self.name}: standard errors, frequencies and sample sizes imply a "
                f"standard deviation of {implied:.3g}, {self.sd_y:.3g} is given: variances given "
                "as standard errors, or effects in other units?"
            )

    @property
    def prior_sd(self) -> float:
        """√W."""
        return _SD_CASES if self.case_control else _SD_QUANTITATIVE * float(self.sd_y or np.nan)

    def log_bayes_factors(self) -> FloatArray:
        """(m,) the logarithm of each variant's approximate Bayes factor."""
        w = self.prior_sd**2
        r = w / (w + self.se**2)
        return np.asarray(0.5 * (np.log1p(-r) + r * (self.beta / self.se) ** 2))


def implied_sd(se: npt.ArrayLike, frequency: npt.ArrayLike, n: npt.ArrayLike) -> float:
    """Standard deviation of a trait that its summary statistics imply: SE² ≈ sd²/(2f(1 − f)N).

    Examples
    --------
    >>> round(implied_sd([0.1, 0.05], [0.5, 0.5], [200, 800]), 6)
    1.0
    """
    s, f = np.asarray(se, dtype=np.float64), np.asarray(frequency, dtype=np.float64)
    size = np.broadcast_to(np.asarray(n, dtype=np.float64), s.shape)
    x, y = s**-2, 2 * f * (1 - f) * size
    used = np.isfinite(x) & np.isfinite(y) & (y > 0)
    if not used.any():
        return float("nan")
    return float(np.sqrt((x * y)[used].sum() / (x * x)[used].sum()))


@dataclass(frozen=True)
class Coloc:
    """Posterior of colocalisation.

    Parameters
    ----------
    posterior : (5,) probabilities of H0 to H4.
    shared : (m,) probability that a variant is the causal one, if there is one shared by both.
    sensitivity : ``p12 pp_h0 … pp_h4`` over a range of p12.
    """

    posterior: FloatArray
    shared: FloatArray
    sensitivity: pd.DataFrame

    def credible_set(self, coverage: float = 0.95) -> npt.NDArray[np.intp]:
        """Rows of the smallest set with this probability of the shared variant, likeliest first."""
        order = np.argsort(-self.shared, kind="stable")
        enough = int(np.searchsorted(np.cumsum(self.shared[order]), coverage)) + 1
        return order[:enough]


def coloc_abf(first: ColocTrait, second: ColocTrait, options: ColocOptions | None = None) -> Coloc:
    """Compute the posterior of colocalisation from approximate Bayes factors.

    Parameters
    ----------
    first, second : effects of the same m variants; alleles do not matter.
    options : prior probabilities.

    Raises
    ------
    InputError
        The traits have different numbers of variants.
    """
    rule = options or ColocOptions()
    a, b = first.log_bayes_factors(), second.log_bayes_factors()
    if len(a) != len(b):
        raise InputError(f"coloc: expected the same variants in both, got {len(a)} and {len(b)}")
    sums = _log_sums(a, b)
    curve = pd.DataFrame(
        [
            [p12, *_posterior(sums, rule.p1, rule.p2, p12)]
            for p12 in _P12
            if p12 <= min(rule.p1, rule.p2)
        ],
        columns=["p12", *(f"pp_h{i}" for i in range(5))],
    )
    shared = np.exp(a + b - sums[2])
    return Coloc(_posterior(sums, rule.p1, rule.p2, rule.p12), shared, curve)


def _log_sums(a: FloatArray, b: FloatArray) -> tuple[float, float, float, float]:
    """log ΣA, log ΣB, log ΣAB and log(ΣAΣB − ΣAB)."""
    sum_a, sum_b, both = (float(logsumexp(x)) for x in (a, b, a + b))
    # for one variant nothing is left, and rounding may make less of it
    rest = sum_a + sum_b
    apart = rest + np.log(-np.expm1(both - rest)) if both < rest else -np.inf
    return sum_a, sum_b, both, float(apart)


def _posterior(
    sums: tuple[float, float, float, float], p1: float, p2: float, p12: float
) -> FloatArray:
    sum_a, sum_b, both, apart = sums
    with np.errstate(divide="ignore"):
        log_h = np.array(
            [
                0.0, np.log(p1) + sum_a, np.log(p2) + sum_b, np.log(p1) + np.log(p2) + apart,
                np.log(p12) + both,
            ]
        )  # fmt: skip
    return np.asarray(np.exp(log_h - logsumexp(log_h)))
