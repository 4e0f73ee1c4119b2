"""Sums over the people called at two variants, by counting bits: the compiled inner loops.

A variant is a row of words (see :class:`gwasbone.blocks.bit_planes.Planes`): its own sums, then
for each segment of people the planes ``hom``, ``minus`` and ``called``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gwasbone.blocks.compiled import compiled

#: Words of a row before its planes: a vector of them, so that planes are aligned like rows.
SUM_WORDS = 8
_BYTES = 8


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
    """n, Σx, Σy, Σx², Σy² of one segment over the people called at both."""
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
def pair_sums(
    a: int, b: int, scale: int, segments: int, width: int
) -> tuple[int, int, int, int, int, int]:
    """Over the people called at two variants: n, Σx, Σy, Σx², Σy², Σxy.

    Parameters
    ----------
    a, b : addresses of the variants' rows.
    scale : address of the segments' scales; segments : how many; width : words of a plane.
    """
    product = 0
    for s in range(segments):
        at = _BYTES * (SUM_WORDS + 3 * s * width)
        product += number_at(scale, s) * _product(a + at, b + at, width)
    if word_at(a, 3) & word_at(b, 3):
        return (
            number_at(a, 0), number_at(a, 1), number_at(b, 1),
            number_at(a, 2), number_at(b, 2), product,
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
