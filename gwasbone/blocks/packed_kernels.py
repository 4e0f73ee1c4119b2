"""Compiled counts and products of packed calls, straight from their words.

:class:`CompiledBlock` is a :class:`~gwasbone.blocks.genotypes.PackedBlock` whose counts take one
pass over the words and whose products with few columns decode no calls to memory: the columns are
laid out by the place of a person within a word, so that one shift gives the calls of as many words
as the processor's vectors hold, which are multiplied at once. Each sum of a tile of people is
float32, sums over tiles are float64, as in :func:`gwasbone.blocks.packed.multiply`.

Measured on one core, 10,000 people and four columns: 0.25 ns a call, against 1.6 ns decoded for
BLAS, counted twice and exchanged by NumPy; beyond ``FEW_COLUMNS`` BLAS is faster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gwasbone.blocks import packed
from gwasbone.blocks.bit_counts import popcount
from gwasbone.blocks.compiled import compiled, compiled_sums
from gwasbone.blocks.genotypes import GenotypeSums, PackedBlock
from gwasbone.blocks.packed import PEOPLE_PER_WORD, CallCounts, Words

FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]

#: Columns up to which products straight from words are faster than BLAS.
FEW_COLUMNS = 16

_LOW = np.uint64(0x5555555555555555)
_TWOS = np.uint64(0xAAAAAAAAAAAAAAAA)
_ONE, _NOTHING = np.uint64(1), np.uint64(0)
#: People of half a word, which is what a vector holds several of; columns and rows at a time.
_PER_HALF, _COLUMNS, _ROWS = 16, 4, 4
#: Half words of a tile: of 4,096 people, whose four columns stay in the second cache.
_TILE = 256
_BYTES = 4


class CompiledBlock(PackedBlock):
    """Packed hard calls, counted and multiplied by compiled kernels."""

    @classmethod
    def around(cls, block: PackedBlock) -> CompiledBlock:
        """The same block."""
        return cls(block.words, block.people, block.swapped)

    def counting_rarer(self, anyone: Words) -> CompiledBlock:
        """See ``GenotypeBlock``."""
        calls = _counts(self.words, anyone)
        common = calls.alt > calls.called
        return replace(
            self,
            words=packed.swap_alleles(self.words, common),
            people=anyone,
            swapped=self.swapped ^ common,
        )

    def sums(self, mask: Words, n: int) -> GenotypeSums:
        """See ``GenotypeBlock``; exact integers."""
        return GenotypeSums.of_calls(_counts(self.words, mask))

    def multiply(self, W: SingleArray) -> FloatArray:
        """See ``GenotypeBlock``."""
        if W.shape[1] > FEW_COLUMNS:
            return super().multiply(W)
        return self._multiplied(by_place(W), False)[:, : W.shape[1]]

    def multiply_squares(self, W: SingleArray) -> FloatArray:
        """See ``GenotypeBlock``."""
        if W.shape[1] > FEW_COLUMNS:
            return super().multiply_squares(W)
        columns = by_place(W)
        # g² is g, and two more where it is 2
        squares = self._multiplied(columns, False) + 2 * self._multiplied(columns, True)
        return squares[:, : W.shape[1]]

    def _multiplied(self, columns: SingleArray, homozygous: bool) -> FloatArray:
        result = np.zeros((len(self.words), len(columns) * _COLUMNS))
        multiply_few(self.words, columns, homozygous, result)
        return result

    def multiply_missing(self, W: SingleArray) -> FloatArray | None:
        """See ``GenotypeBlock``."""
        result = np.zeros((len(self.words), W.shape[1]))
        found = add_missing(self.words, self.people, W, result)
        return result if found else None


def by_place(W: SingleArray) -> SingleArray:
    """(columns / 4, 16, 4, half words) columns (slots, c) by the place of a person in half a word.

    Columns of 0 are added to make a multiple of four.
    """
    n_slots, c = W.shape
    many = -(-c // _COLUMNS) * _COLUMNS
    wide = np.zeros((many, n_slots), dtype=np.float32)
    wide[:c] = W.T
    parted = wide.reshape(-1, _COLUMNS, n_slots // _PER_HALF, _PER_HALF)
    return np.ascontiguousarray(parted.transpose(0, 3, 1, 2))


def _counts(words: Words, mask: Words) -> CallCounts:
    found = np.empty((3, len(words)), dtype=np.int64)
    count(words, mask, found)
    return CallCounts(*found)


@compiled
def count(words: Words, mask: Words, found: npt.NDArray[np.int64]) -> None:
    """Fill found (3, m) with the people of a mask whose call is het, two of ALT, none of ALT."""
    n = 0
    for k in range(len(mask)):
        n += popcount(mask[k])
    for i in range(len(words)):
        n_low, n_high, both = 0, 0, 0
        for k in range(len(mask)):
            low, high = words[i, k] & mask[k], (words[i, k] >> _ONE) & mask[k]
            n_low += popcount(low)
            n_high += popcount(high)
            both += popcount(low & high)
        found[0, i], found[1, i], found[2, i] = n_high - both, n - n_low - n_high + both, both


def _call_at(typingctx: Any, address: Any, k: Any, shift: Any) -> Any:
    """The two bits after a shift of the k-th half word after an address, as a float."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = builder.inttoptr(arguments[0], ir.IntType(32).as_pointer())
        half = builder.load(builder.gep(base, [arguments[1]]))
        bits = builder.and_(builder.lshr(half, arguments[2]), ir.Constant(ir.IntType(32), 3))
        return builder.sitofp(bits, ir.FloatType())

    return types.float32(types.int64, types.int64, types.uint32), generate


def _single_at(typingctx: Any, address: Any, k: Any) -> Any:
    """The k-th float32 after an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = builder.inttoptr(arguments[0], ir.FloatType().as_pointer())
        return builder.load(builder.gep(base, [arguments[1]]))

    return types.float32(types.int64, types.int64), generate


call_at: Any = intrinsic(_call_at)
single_at: Any = intrinsic(_single_at)


@compiled
def _copies(words: Words, homozygous: bool, copies: Words) -> None:
    """Fill copies (w,) with the counted alleles in each pair of bits, 0 where missing.

    Or, for ``homozygous``, with 1 where there are two.
    """
    for k in range(len(words)):
        low, high = words[k] & _LOW, (words[k] >> _ONE) & _LOW
        # 2 less the bits that are set; 1 where missing
        copies[k] = (_TWOS - low - high) ^ (low & ~high)
        if homozygous:
            copies[k] = (copies[k] >> _ONE) & _LOW


# Addresses, because the counts that Numba keeps of references to views take as long as the sums.


@compiled_sums
def _four_by_four(
    p: int, x_bytes: int, shift: np.uint32, first: int, w_bytes: int, n: int, sums: SingleArray
) -> None:
    """Add to sums (4, 4) the products of four variants' calls at a shift with four columns.

    Parameters
    ----------
    p, first : addresses of n half words of the first variant, and numbers of the first column.
    x_bytes, w_bytes : from there to those of the next.
    """
    a0 = a1 = a2 = a3 = np.float32(0)
    b0 = b1 = b2 = b3 = np.float32(0)
    c0 = c1 = c2 = c3 = np.float32(0)
    d0 = d1 = d2 = d3 = np.float32(0)
    second, third, fourth = first + w_bytes, first + 2 * w_bytes, first + 3 * w_bytes
    q, r, s = p + x_bytes, p + 2 * x_bytes, p + 3 * x_bytes
    for k in range(n):
        w0, w1 = single_at(first, k), single_at(second, k)
        w2, w3 = single_at(third, k), single_at(fourth, k)
        g = call_at(p, k, shift)
        a0 += g * w0
        a1 += g * w1
        a2 += g * w2
        a3 += g * w3
        g = call_at(q, k, shift)
        b0 += g * w0
        b1 += g * w1
        b2 += g * w2
        b3 += g * w3
        g = call_at(r, k, shift)
        c0 += g * w0
        c1 += g * w1
        c2 += g * w2
        c3 += g * w3
        g = call_at(s, k, shift)
        d0 += g * w0
        d1 += g * w1
        d2 += g * w2
        d3 += g * w3
    sums[0, 0] += a0
    sums[0, 1] += a1
    sums[0, 2] += a2
    sums[0, 3] += a3
    sums[1, 0] += b0
    sums[1, 1] += b1
    sums[1, 2] += b2
    sums[1, 3] += b3
    sums[2, 0] += c0
    sums[2, 1] += c1
    sums[2, 2] += c2
    sums[2, 3] += c3
    sums[3, 0] += d0
    sums[3, 1] += d1
    sums[3, 2] += d2
    sums[3, 3] += d3


@compiled
def multiply_few(words: Words, W: SingleArray, homozygous: bool, result: FloatArray) -> None:
    """Add calls (m, slots), missing ones as 0, times columns laid out by place, to result.

    Parameters
    ----------
    homozygous : multiply 1 where there are two copies and 0 elsewhere.
    """
    m, n_halves = len(words), 2 * words.shape[1]
    X = np.zeros((_ROWS, words.shape[1]), dtype=np.uint64)
    x_start, w_start, w_bytes = X.ctypes.data, W.ctypes.data, _BYTES * n_halves
    sums = np.zeros((_ROWS, _COLUMNS), dtype=np.float32)
    for top in range(0, m, _ROWS):
        rows = min(_ROWS, m - top)
        for i in range(rows):
            _copies(words[top + i], homozygous, X[i])
        for group in range(len(W)):
            for left in range(0, n_halves, _TILE):
                end = min(left + _TILE, n_halves)
                sums[:] = 0
                for place in range(_PER_HALF):
                    w = w_start + w_bytes * _COLUMNS * (_PER_HALF * group + place)
                    _four_by_four(
                        x_start + _BYTES * left, w_bytes, np.uint32(2 * place),
                        w + _BYTES * left, w_bytes, end - left, sums,
                    )  # fmt: skip
                for i in range(rows):
                    for j in range(_COLUMNS):
                        result[top + i, _COLUMNS * group + j] += sums[i, j]


@compiled
def add_missing(words: Words, people: Words, W: SingleArray, result: FloatArray) -> bool:
    """Add the rows of W of those whose call is missing to each variant's; whether any is."""
    found = False
    for i in range(len(words)):
        for k in range(len(people)):
            left = words[i, k] & people[k] & ~(words[i, k] >> _ONE)
            while left != _NOTHING:
                others = left & (left - _ONE)
                slot = PEOPLE_PER_WORD * k + popcount((left ^ others) - _ONE) // 2
                left = others
                found = True
                for j in range(W.shape[1]):
                    result[i, j] += W[slot, j]
    return found
