"""The exact test of Hardy–Weinberg proportions, for millions of variants at once.

Given n people and the minor allele count a, the number of heterozygotes h has the
Levene–Haldane distribution

    P(h) = 2^h · n! / (r! h! s!) · a! b! / (2n)!,   r = (a − h)/2,  s = (b − h)/2,  b = 2n − a,

over h of the parity of a. The plain p-value sums P over all h that are no more probable than
the observed one (as PLINK's ``--hardy``); the mid-p value counts half of those exactly as
probable (as Hail and PLINK's ``midp``).

P is unimodal, so both tails are sums that start at a known h and shrink outward: the tail of
the observed h, and the far tail beyond the mode, whose start is found by bisection. Only the
terms that matter are visited, all variants side by side. Each tail is summed relative to
P(observed), so −log10 p never underflows.

References
----------
Wigginton, Cutler & Abecasis (2005), Am J Hum Genet 76:887. Graffelman & Moreno (2013),
Stat Appl Genet Mol Biol 12:433 (mid-p).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LN10 = math.log(10)

# Two configurations are equally probable when their log-probabilities differ by no more; real
# ties are exact, and log-gamma of 2n = 10^6 is good to about 1e-9.
_TIE = 1e-8
_CHUNK = 32_768
_STEPS_BETWEEN_CHECKS = 8


def hardy_weinberg_neg_log10_p(
    hom_ref: npt.ArrayLike, het: npt.ArrayLike, hom_alt: npt.ArrayLike, *, midp: bool = False
) -> FloatArray:
    """Compute the −log10 p-value of the exact Hardy–Weinberg test from genotype counts.

    Parameters
    ----------
    hom_ref, het, hom_alt : (m,) array_like of whole numbers ≥ 0, people per genotype.
    midp : take half of the probability of configurations tied with the observed one
        (Hail's definition) instead of all of it (PLINK's default).

    Returns
    -------
    (m,) float64. 0 (p = 1) for monomorphic variants and where nobody was genotyped; with
    ``midp`` these give p = 0.5. NaN where a count is negative.

    Examples
    --------
    100 people with 21 minor alleles, 13 of them in heterozygotes (Wigginton's example):

    >>> float((10 ** -hardy_weinberg_neg_log10_p([4], [13], [83]))[0].round(4))
    0.0103
    """
    counts = np.stack(
        [np.atleast_1d(np.asarray(c)).astype(np.int64) for c in (hom_ref, het, hom_alt)], axis=1
    )
    # Which homozygote is the rare one does not matter; sorting them merges more variants.
    counts[:, [0, 2]] = np.sort(counts[:, [0, 2]], axis=1)
    unique, inverse = _distinct_rows(counts)
    valid = np.flatnonzero((unique >= 0).all(axis=1))
    result = np.full(len(unique), np.nan)
    # SciPy's takes longer to import than this takes for 100,000 people
    n_alleles = 2 * int(unique.sum(axis=1).max(initial=0))
    log_factorial = np.fromiter(map(math.lgamma, range(1, n_alleles + 3)), np.float64)
    for start in range(0, len(valid), _CHUNK):
        rows = valid[start : start + _CHUNK]
        result[rows] = _exact_test(unique[rows], log_factorial, midp=midp)
    return result[inverse.reshape(-1)]


def _distinct_rows(counts: IntArray) -> tuple[IntArray, npt.NDArray[np.intp]]:
    """Rows that differ, and for each row which of them it is; by one number where that can be."""
    lowest = int(counts.min(initial=0))
    base = int(counts.max(initial=0)) - lowest + 1
    if base**3 >= 2**63:
        return np.unique(counts, axis=0, return_inverse=True)
    a, b, c = (counts - lowest).T
    _, first, inverse = np.unique((a * base + b) * base + c, return_index=True, return_inverse=True)
    return counts[first], inverse


@dataclass(frozen=True)
class _Heterozygotes:
    """The possible heterozygote counts of m variants: h = first + 2·k for k = 0 … last.

    ``rare`` and ``common`` are the allele counts a and b as whole numbers in float64, in which
    all products of counts below are exact enough.
    """

    first: FloatArray
    last: IntArray
    rare: FloatArray
    common: FloatArray
    log_factorial: FloatArray

    def at(self, k: IntArray) -> FloatArray:
        return self.first + 2 * k

    def log_weight(self, k: IntArray) -> FloatArray:
        """log P without the terms that do not depend on h."""
        h = self.at(k)
        f = self.log_factorial
        rare_hom, common_hom = (self.rare - h) / 2, (self.common - h) / 2
        counts = (rare_hom, h, common_hom)
        return h * np.log(2.0) - sum(f[c.astype(np.int64)] for c in counts)

    def log_constant(self) -> FloatArray:
        """The terms that ``log_weight`` leaves out."""
        f = self.log_factorial
        rare, common = self.rare.astype(np.int64), self.common.astype(np.int64)
        return f[(rare + common) // 2] + f[rare] + f[common] - f[rare + common]

    def mode(self) -> IntArray:
        """The k from which P no longer rises."""

        def falls(k: IntArray) -> npt.NDArray[np.bool_]:
            return _ratio_up(self.at(k), self.rare, self.common) <= 1

        return _first_true(np.zeros_like(self.last), self.last, falls)


def _exact_test(counts: IntArray, log_factorial: FloatArray, *, midp: bool) -> FloatArray:
    """−log10 p for (m, 3) counts of rare homozygotes, heterozygotes, common homozygotes."""
    het = counts[:, 1]
    rare = 2 * counts[:, 0] + het
    space = _Heterozygotes(
        first=(rare % 2).astype(np.float64),
        last=rare // 2,
        rare=rare.astype(np.float64),
        common=(2 * counts[:, 2] + het).astype(np.float64),
        log_factorial=log_factorial,
    )
    observed = het // 2
    log_observed = space.log_weight(observed)
    mode = space.mode()
    below = observed <= mode
    far, exists = _far_tail_start(space, mode, log_observed, below)
    far_weight = np.where(exists, np.exp(space.log_weight(far) - log_observed), 0.0)
    total = _tail_sum(space, observed, np.ones(len(het)), upward=~below)
    total += _tail_sum(space, far, far_weight, upward=below)
    if midp:
        tied = exists & (np.abs(np.log(np.where(exists, far_weight, 1.0))) <= _TIE)
        total -= 0.5 * (1 + tied)
    log_p = log_observed + space.log_constant() + np.log(total)
    return np.maximum(-log_p / LN10, 0.0) + 0.0


def _far_tail_start(
    space: _Heterozygotes,
    mode: IntArray,
    log_observed: FloatArray,
    below: npt.NDArray[np.bool_],
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """The k nearest the mode, on the side away from the observed, with P ≤ P(observed).

    Returns it and whether there is one (where not, the k is a valid placeholder).
    """

    def no_likelier(k: IntArray) -> npt.NDArray[np.bool_]:
        return space.log_weight(np.minimum(k, space.last)) <= log_observed + _TIE

    # Above the mode P falls with k, below it P rises: one search each for a first crossing.
    above_mode = _first_true(mode + 1, space.last + 1, no_likelier)
    below_mode = _first_true(np.zeros_like(mode), mode + 1, lambda k: ~no_likelier(k)) - 1
    start = np.where(below, above_mode, below_mode)
    exists = (start >= 0) & (start <= space.last)
    return np.clip(start, 0, space.last), exists


def _first_true(
    low: IntArray, high: IntArray, predicate: Callable[[IntArray], npt.NDArray[np.bool_]]
) -> IntArray:
    """The smallest k in [low, high) at which a rising predicate holds, else ``high``."""
    low, high = low.copy(), np.maximum(low, high)
    while (low < high).any():
        middle = (low + high) // 2
        holds = predicate(middle)
        searching = low < high
        high = np.where(searching & holds, middle, high)
        low = np.where(searching & ~holds, middle + 1, low)
    return low


def _ratio_up(h: FloatArray, rare: FloatArray, common: FloatArray) -> FloatArray:
    """P(h + 2) / P(h)."""
    return (rare - h) * (common - h) / ((h + 2) * (h + 1))


def _ratio_down(h: FloatArray, rare: FloatArray, common: FloatArray) -> FloatArray:
    """P(h − 2) / P(h)."""
    return h * (h - 1) / ((rare - h + 2) * (common - h + 2))


def _tail_sum(
    space: _Heterozygotes, start: IntArray, weight: FloatArray, *, upward: npt.NDArray[np.bool_]
) -> FloatArray:
    """Sum of P relative to P(observed) from ``start`` outward; ``weight`` is its first term."""
    total = weight.copy()
    for rising in (True, False):
        live = np.flatnonzero((upward == rising) & (weight > 0))
        h, rare, common = space.at(start)[live], space.rare[live], space.common[live]
        term, subtotal = weight[live], weight[live]
        while live.size:
            for _ in range(_STEPS_BETWEEN_CHECKS):
                ratio = (_ratio_up if rising else _ratio_down)(h, rare, common)
                term = term * ratio
                # The ratio at the last possible h is 0, which ends the walk; h stays there.
                h = np.where(term > 0, h + (2 if rising else -2), h)
                subtotal = subtotal + term
            total[live] = subtotal
            going = term > 1e-17 * subtotal
            live, h, rare, common = live[going], h[going], rare[going], common[going]
            term, subtotal = term[going], subtotal[going]
    return total
