"""Sums over the samples called at two variants, by counting bits: the compiled inner loops.

A variant is a row of words (see :class:`gwasbone.blocks.bit_planes.Planes`): its own sums, then
for each segment of people the planes ``hom``, ``minus`` and ``called``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gwasbone.blocks.compiled import compiled

#: Words of a row before its planes: a vector of them, so that planes are aligned like rows.
SUM_WORDS = 8
_BYTES = 8
_NOTHING, _ONE = np.uint64(0), np.uint64(1)
#: Places to look at for what is missing, beyond which counting all people is faster.
_FEW_PLACES = 32
#: Bounds in float64 are compared with room for their rounding.
_ROUNDING = 1 + 1e-12


def _popcount(typingctx: Any, word: Any) -> Any:
    """Bits set in a word: one instruction, and of eight words at a time where there is one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def _word_at(typingctx: Any, address: Any, k: Any) -> Any:
    """The k-th word after an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load(builder.gep(base, [arguments[1]]))

    return types.uint64(types.int64, types.int64), generate


def _number_at(typingctx: Any, address: Any, k: Any) -> Any:
    """The k-th word after an address, as a number with a sign."""
    signature, generate = _word_at(typingctx, address, k)
    return types.int64(*signature.args), generate


popcount: Any = intrinsic(_popcount)
word_at: Any = intrinsic(_word_at)
number_at: Any = intrinsic(_number_at)


# Rows are passed to the functions below by address: the counts that Numba keeps of references to
# views of an array take several times as long as the sums of a pair.


@compiled
def _product(a: int, b: int, width: int) -> int:
    """Σxy of one segment, where what is missing is no hom."""
    hom, unlike = 0, 0
    for k in range(width):
        both = word_at(a, k) & word_at(b, k)
        hom += popcount(both)
        unlike += popcount(both & (word_at(a, k + width) ^ word_at(b, k + width)))
    return hom - 2 * unlike


@compiled
def _sums(a: int, b: int, width: int) -> tuple[int, int, int, int, int]:
    """n, Σx, Σy, Σx², Σy² of one segment over the samples called at both."""
    n, hom_a, hom_b, minus_a, minus_b = 0, 0, 0, 0, 0
    for k in range(width):
        called_a, called_b = word_at(a, k + 2 * width), word_at(b, k + 2 * width)
        n += popcount(called_a & called_b)
        hom_a += popcount(word_at(a, k) & called_b)
        hom_b += popcount(word_at(b, k) & called_a)
        minus_a += popcount(word_at(a, k + width) & called_b)
        minus_b += popcount(word_at(b, k + width) & called_a)
    return n, hom_a - 2 * minus_a, hom_b - 2 * minus_b, hom_a, hom_b


@compiled
def plane_words_together(width: int) -> int:
    """Words of a plane that share one of the 64 bits which say where calls are missing."""
    return -(-width // 64)


@compiled
def _lost(
    a: int, b: int, places: Any, scale: int, segments: int, width: int
) -> tuple[int, int, int]:
    """n, Σx, Σx² over the samples called at one variant and not at another, in these places."""
    together = plane_words_together(width)
    n, total, squares = 0, 0, 0
    while places != _NOTHING:
        others = places & (places - _ONE)
        first = together * popcount((places ^ others) - _ONE)
        places = others
        for s in range(segments):
            at = _BYTES * (SUM_WORDS + 3 * s * width)
            times = number_at(scale, s)
            for k in range(first, min(first + together, width)):
                missing = ~word_at(b + at, k + 2 * width)
                hom = popcount(word_at(a + at, k) & missing)
                n += times * popcount(word_at(a + at, k + 2 * width) & missing)
                total += times * (hom - 2 * popcount(word_at(a + at, k + width) & missing))
                squares += times * hom
    return n, total, squares


@compiled
def pair_sums(
    a: int, b: int, scale: int, segments: int, width: int
) -> tuple[int, int, int, int, int, int]:
    """Over the samples called at two variants: n, Σx, Σy, Σx², Σy², Σxy.

    Parameters
    ----------
    a, b : addresses of the variants' rows.
    scale : address of the segments' scales; segments : how many; width : words of a plane.
    """
    return _with_sums(a, b, scale, segments, width, _products(a, b, scale, segments, width))


@compiled
def _products(a: int, b: int, scale: int, segments: int, width: int) -> int:
    """Σxy of all segments."""
    product = 0
    for s in range(segments):
        at = _BYTES * (SUM_WORDS + 3 * s * width)
        product += number_at(scale, s) * _product(a + at, b + at, width)
    return product


@compiled
def _with_sums(
    a: int, b: int, scale: int, segments: int, width: int, product: int
) -> tuple[int, int, int, int, int, int]:
    """As ``pair_sums``, Σxy given."""
    places_a, places_b = word_at(a, 3), word_at(b, 3)
    if popcount(places_a) + popcount(places_b) <= _FEW_PLACES:
        lost_n, lost_x, lost_xx = _lost(a, b, places_b, scale, segments, width)
        _, lost_y, lost_yy = _lost(b, a, places_a, scale, segments, width)
        return (
            number_at(a, 0) - lost_n, number_at(a, 1) - lost_x, number_at(b, 1) - lost_y,
            number_at(a, 2) - lost_xx, number_at(b, 2) - lost_yy, product,
        )  # fmt: skip
    n, total_a, total_b, squares_a, squares_b = 0, 0, 0, 0, 0
    for s in range(segments):
        at = _BYTES * (SUM_WORDS + 3 * s * width)
        times = number_at(scale, s)
        part = _sums(a + at, b + at, width)
        n += times * part[0]
        total_a += times * part[1]
        total_b += times * part[2]
        squares_a += times * part[3]
        squares_b += times * part[4]
    return n, total_a, total_b, squares_a, squares_b, product


@compiled
def r2_exceeds(a: int, b: int, scale: int, segments: int, width: int, threshold: float) -> bool:
    """Whether r² over the samples called at both is above a threshold; parameters as above.

    The sums besides Σxy are counted only where bounds on them, from each variant's own sums and
    how many calls the other lacks, leave it open: most pairs are far below.
    """
    product = _products(a, b, scale, segments, width)
    if _surely_below(a, b, product, threshold):
        return False
    n, x, y, xx, yy, xy = _with_sums(a, b, scale, segments, width, product)
    covariance = float(n * xy - x * y)
    variances = threshold * float(n * xx - x * x) * float(n * yy - y * y)
    return covariance * covariance > variances


@compiled
def _surely_below(a: int, b: int, product: int, threshold: float) -> bool:
    """Whether r² cannot be above the threshold, whoever it is that lacks a call."""
    lacks_a, lacks_b = float(number_at(a, 4)), float(number_at(b, 4))
    most = min(float(number_at(a, 0)), float(number_at(b, 0)))
    least = max(0.0, float(number_at(a, 0)) - lacks_b)
    x, y = float(number_at(a, 1)), float(number_at(b, 1))
    off = (most - least) * abs(product) + abs(x) * lacks_a + abs(y) * lacks_b + lacks_a * lacks_b
    covariance = abs(most * product - x * y) + off
    variance_a = least * (float(number_at(a, 2)) - lacks_b) - (abs(x) + lacks_b) ** 2
    variance_b = least * (float(number_at(b, 2)) - lacks_a) - (abs(y) + lacks_a) ** 2
    if variance_a <= 0 or variance_b <= 0:
        return False
    return covariance * covariance * _ROUNDING < threshold * variance_a * variance_b


@compiled
def haplotype_counts(
    a: int, b: int, scale: int, segments: int, width: int
) -> tuple[float, float, float, float, float]:
    """Halves of the haplotypes of two variants: k₁₁, k₁₂, k₂₁, k₂₂ where seen, and unseen phases.

    Index 1 is ALT. Somebody heterozygous at both counts in the last number only, others half in
    each of their two haplotypes; as often as their weight says. Parameters as in ``pair_sums``.
    """
    k11, k12, k21, k22, unseen = 0, 0, 0, 0, 0
    for s in range(segments):
        at = _BYTES * (SUM_WORDS + 3 * s * width)
        pp, pm, mp, mm, ph, mh, hp, hm, hh = 0, 0, 0, 0, 0, 0, 0, 0, 0
        for k in range(width):
            hom_a, hom_b = word_at(a + at, k), word_at(b + at, k)
            minus_a, minus_b = word_at(a + at, k + width), word_at(b + at, k + width)
            plus_a, plus_b = hom_a & ~minus_a, hom_b & ~minus_b
            het_a = word_at(a + at, k + 2 * width) & ~hom_a
            het_b = word_at(b + at, k + 2 * width) & ~hom_b
            pp += popcount(plus_a & plus_b)
            pm += popcount(plus_a & minus_b)
            mp += popcount(minus_a & plus_b)
            mm += popcount(minus_a & minus_b)
            ph += popcount(plus_a & het_b)
            mh += popcount(minus_a & het_b)
            hp += popcount(het_a & plus_b)
            hm += popcount(het_a & minus_b)
            hh += popcount(het_a & het_b)
        times = number_at(scale, s)
        k11 += times * (2 * pp + ph + hp)
        k12 += times * (2 * pm + ph + hm)
        k21 += times * (2 * mp + mh + hp)
        k22 += times * (2 * mm + mh + hm)
        unseen += times * hh
    return k11 / 2, k12 / 2, k21 / 2, k22 / 2, unseen / 2


@compiled
def own_sums(a: int, b: int) -> tuple[int, int, int, int, int, int]:
    """n, Σ and Σ² of two variants (at these addresses), each over its own calls: nₓ, n_y, Σx, …"""
    return (
        number_at(a, 0), number_at(b, 0), number_at(a, 1),
        number_at(b, 1), number_at(a, 2), number_at(b, 2),
    )  # fmt: skip


@compiled
def plane_words(row_words: int, segments: int) -> int:
    """Words of a plane, from those of a row."""
    return (row_words - SUM_WORDS) // (3 * segments)
