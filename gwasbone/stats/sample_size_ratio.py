"""How many samples of one scan are worth how many of another, from signals known beforehand.

Symbols: L independent loci, μ_Aⱼ² what locus j adds to its χ² in scan A, S_A = Σ(χ²_Aⱼ − 1). The
expected χ² is 1 + μ², and μ² grows with people times the variance explained, so S_A/S_B is the
ratio of effective sample sizes. Loci must come from outside: those picked for being strong in one
of the scans would favour it.

Two intervals:

- *jackknife*: a locus is left out at a time; right whatever differs between loci, also where the
  scans do not measure quite the same thing, but too short with few loci;
- *score*: every ratio R that S_A − R S_B does not contradict, given that effects are proportional
  (μ_Aⱼ² = R μ_Bⱼ²) and errors are those of z statistics with correlation ρ:
  V(R) = 2L(1 + R² − 2Rρ²) + 4M(R + R² − 2Rρ√R) with M = Σμ_B² from both scans,
  (S_A + S_B)/(1 + R). Right with few loci and with a weak scan B, where it has one end only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.jackknife import (
    JackknifeInterval,
    block_edges,
    jackknife_interval,
    means_without,
)

FloatArray = npt.NDArray[np.float64]

#: Ratios that the score interval can hold.
SMALLEST, LARGEST = 1e-4, 1e4
_PLACES = 20_001
_FEWEST = 3
#: One-sided level at which Σ(χ² − 1) counts as above what noise alone gives.
_NOISE_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class SampleSizeRatio:
    """Ratio of the effective sample sizes of scans A and B.

    Attributes
    ----------
    ratio : S_A/S_B; NaN where scan B shows no signal above noise.
    jackknife : its jackknife interval on the log scale, NaN where it has none.
    lower, upper : score interval; 0 or infinite where an end is not bounded.
    signal_a, signal_b : S_A and S_B.
    n_loci : L.
    status : '' or why there is no ratio.
    """

    ratio: float
    jackknife: JackknifeInterval
    lower: float
    upper: float
    signal_a: float
    signal_b: float
    n_loci: int
    status: str


def sample_size_ratio(
    chi2_a: npt.ArrayLike,
    chi2_b: npt.ArrayLike,
    *,
    error_correlation: float = 0.0,
    confidence: float = 0.95,
    n_blocks: int = 200,
) -> SampleSizeRatio:
    """Estimate the ratio of effective sample sizes at independently known loci.

    Parameters
    ----------
    chi2_a, chi2_b : (L,) statistics on one degree of freedom at the same variants.
    error_correlation : ρ, that of the scans' errors: 0 for other people, near the phenotypic
        correlation for the same. Only the score interval uses it.
    n_blocks : of the jackknife where there are more loci than that.

    Raises
    ------
    InputError
        Fewer than three loci, or arrays that do not fit.

    Examples
    --------
    >>> found = sample_size_ratio([21.0, 41.0, 11.0, 31.0], [11.0, 21.0, 6.0, 16.0])
    >>> found.ratio, round(found.lower, 2), round(found.upper, 2)
    (2.0, 1.02, 3.96)
    """
    a, b = np.asarray(chi2_a, dtype=np.float64), np.asarray(chi2_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < _FEWEST:
        raise InputError(
            f"sample-size ratio: expected {_FEWEST} loci or more of both scans, got {a.shape} and "
            f"{b.shape}"
        )
    if not -1 <= error_correlation <= 1:
        raise InputError(f"sample-size ratio: error correlation {error_correlation} out of range")
    signal = np.column_stack([a - 1, b - 1])
    s_a, s_b = signal.sum(axis=0)
    noise = stats.chi2.ppf(1 - _NOISE_LEVEL, len(a)) - len(a)
    status = "" if s_b > noise else "scan B shows no signal above noise at these loci"
    edges = block_edges(len(a), n_blocks)
    without = means_without(signal, edges)
    if status or s_a <= 0:
        nothing = JackknifeInterval(np.nan, np.nan, np.nan, np.nan, confidence, len(edges) - 1)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            deleted = np.where(without[:, 1] > 0, without[:, 0] / without[:, 1], -1.0)
        nothing = jackknife_interval(s_a / s_b, deleted, scale="log", confidence=confidence)
    low, high = _score_interval(s_a, s_b, len(a), error_correlation, confidence)
    return SampleSizeRatio(
        ratio=np.nan if status else float(s_a / s_b),
        jackknife=nothing,
        lower=low,
        upper=high,
        signal_a=float(s_a),
        signal_b=float(s_b),
        n_loci=len(a),
        status=status,
    )


def _score_interval(
    s_a: float, s_b: float, n_loci: int, rho: float, confidence: float
) -> tuple[float, float]:
    R = np.exp(np.linspace(np.log(SMALLEST), np.log(LARGEST), _PLACES))
    M = np.maximum(0, (s_a + s_b) / (1 + R))
    V = 2 * n_loci * (1 + R**2 - 2 * R * rho**2) + 4 * M * (R + R**2 - 2 * R * rho * np.sqrt(R))
    # rounding, where a scan is compared with itself and V is 0
    V = np.maximum(V, 1e-12 * (s_a**2 + s_b**2))
    fits = (s_a - R * s_b) ** 2 <= stats.norm.ppf(0.5 + confidence / 2) ** 2 * V
    if not fits.any():
        return float("nan"), float("nan")
    low = 0.0 if fits[0] else float(R[fits][0])
    high = float("inf") if fits[-1] else float(R[fits][-1])
    return low, high
