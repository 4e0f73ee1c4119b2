"""r² between the haplotypes of two variants whose phase is not known, by maximum likelihood.

Of two variants everything but the phase of people heterozygous at both is seen. With k₁₁, k₁₂,
k₂₁, k₂₂ haplotypes counted from everybody else and h people heterozygous at both, of whom x carry
the haplotypes 11 and 22 and h − x carry 12 and 21, the likelihood is stationary where

    x (k₁₂ + h − x)(k₂₁ + h − x) = (h − x)(k₁₁ + x)(k₂₂ + x),

a cubic in x; of its roots in [0, h] and the ends the likeliest is taken (Gaunt et al. 2007,
BMC Bioinformatics 8:428). PLINK 1.9 clumps by this r².
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.bit_counts import haplotype_counts, plane_words
from gwasbone.blocks.bit_planes import Planes
from gwasbone.blocks.compiled import compiled

FloatArray = npt.NDArray[np.float64]

# Halvings of an interval, each of which gives one more bit of x.
_HALVINGS = 60


def haplotype_r2(one: Planes, others: Planes) -> FloatArray:
    """(m,) r² of the haplotypes of one variant (the first of ``one``) with each of the others.

    Only people called at both count; NaN where one of the two does not vary among them.
    """
    r2 = np.empty(len(others.rows))
    _fill_r2(one.rows, others.rows, others.scale, r2)
    return r2


@compiled
def _fill_r2(
    one: npt.NDArray[np.uint64],
    others: npt.NDArray[np.uint64],
    scale: npt.NDArray[np.int64],
    r2: FloatArray,
) -> None:
    width = plane_words(others.shape[1], len(scale))
    for j in range(len(others)):
        counts = haplotype_counts(
            one.ctypes.data,
            others.ctypes.data + 8 * others.shape[1] * j,
            scale.ctypes.data,
            len(scale),
            width,
        )
        r2[j] = r2_of_counts(*counts)


@compiled
def r2_of_counts(k11: float, k12: float, k21: float, k22: float, h: float) -> float:
    """r² of the likeliest haplotype frequencies; NaN where a variant does not vary.

    Parameters
    ----------
    k11, k12, k21, k22 : haplotypes whose phase is seen.
    h : people heterozygous at both, in the same unit: two haplotypes each.

    Examples
    --------
    >>> r2_of_counts(3.0, 1.0, 1.0, 3.0, 0.0)
    0.25
    """
    total = k11 + k12 + k21 + k22 + 2 * h
    first, second = k11 + k12 + h, k11 + k21 + h
    variances = first * (total - first) * second * (total - second)
    if variances <= 0:
        return np.nan
    x = _likeliest_phase(k11, k12, k21, k22, h)
    d = (k11 + x) * total - first * second
    return d * d / variances


@compiled
def _likeliest_phase(k11: float, k12: float, k21: float, k22: float, h: float) -> float:
    """How many of the h carry 11 and 22."""
    if h == 0:
        return 0.0
    # the cubic is 2x³ + a·x² + b·x − h·k11·k22; between its extremes it has one root at most
    a = k11 + k22 - k12 - k21 - 3 * h
    b = (k12 + h) * (k21 + h) - h * (k11 + k22) + k11 * k22
    borders = np.array([0.0, 0.0, 0.0, h])
    n_borders = 1
    under_root = a * a - 6 * b
    if under_root > 0:
        for extreme in ((-a - math.sqrt(under_root)) / 6, (-a + math.sqrt(under_root)) / 6):
            if 0 < extreme < h:
                borders[n_borders] = extreme
                n_borders += 1
    borders[n_borders] = h
    best, best_value = 0.0, _log_likelihood(0.0, k11, k12, k21, k22, h)
    for i in range(n_borders):
        low, high = borders[i], borders[i + 1]
        if _cubic(low, a, b, h * k11 * k22) < 0 < _cubic(high, a, b, h * k11 * k22):
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                if _cubic(middle, a, b, h * k11 * k22) < 0:
                    low = middle
                else:
                    high = middle
        value = _log_likelihood(high, k11, k12, k21, k22, h)
        if value > best_value:
            best, best_value = high, value
    return best


@compiled
def _cubic(x: float, a: float, b: float, c: float) -> float:
    return ((2 * x + a) * x + b) * x - c


@compiled
def _log_likelihood(x: float, k11: float, k12: float, k21: float, k22: float, h: float) -> float:
    """Of the haplotype frequencies that x gives, up to a constant."""
    f11, f12, f21, f22 = k11 + x, k12 + h - x, k21 + h - x, k22 + x
    value = h * math.log(f11 * f22 + f12 * f21) if f11 * f22 + f12 * f21 > 0 else -np.inf
    for k, f in ((k11, f11), (k12, f12), (k21, f21), (k22, f22)):
        if k > 0:
            value += k * math.log(f)
    return value
