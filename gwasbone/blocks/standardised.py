"""The standardised genotype matrix Z as packed blocks, and its products.

With p the frequency of ALT of a variant among those called, m the variants that vary, G (m, n)
copies of ALT and missing calls at the mean, Z_ij = (G_ij − 2p_i) / √(2p_i(1 − p_i)·m). Z is never
held: products take packed calls, and what missing calls add is a sparse product of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from gwasbone.blocks import packed
from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.packed import PEOPLE_PER_WORD, PeopleColumns, Words

if TYPE_CHECKING:
    from scipy import sparse

FloatArray = npt.NDArray[np.float64]

# Variants or people decoded together; more, up to 40 MB, where the other side is short.
_TILE, _TILE_FLOATS = 1024, 10_000_000


@dataclass(frozen=True)
class StandardisedCalls:
    """Z of n samples and the variants of some blocks; rows of variants that do not vary are 0.

    Calls are those of the rarer allele: partial sums in float32 are then small.

    Parameters
    ----------
    blocks : packed calls, read again for each product.
    columns : where the n people are in packed rows; everyone : their mask.
    starts : (blocks + 1,) first variant of each block.
    frequency : (m,) of ALT.
    mean : (m,) copies of the rarer allele; scale : (m,) 1/√(2p(1 − p)·m), 0 where constant,
        negative where the rarer allele is not ALT.
    """

    blocks: Sequence[Words]
    columns: PeopleColumns
    everyone: Words
    starts: npt.NDArray[np.int64]
    frequency: FloatArray
    mean: FloatArray
    scale: FloatArray
    threads: int

    @classmethod
    def of(cls, blocks: Sequence[Words], columns: PeopleColumns, threads: int) -> StandardisedCalls:
        """Count once what standardising needs."""
        n = len(columns.slots)
        everyone = columns.mask(np.ones(n, dtype=bool))

        def count(i: int) -> npt.NDArray[np.int64]:
            counts = packed.count_calls(blocks[i], everyone, n)
            return np.stack([counts.called, counts.alt])

        counted = list(map_blocks(count, range(len(blocks)), threads=threads))
        called, alt = np.hstack([np.zeros((2, 0), dtype=np.int64), *counted])
        starts = np.cumsum([0, *(part.shape[1] for part in counted)])
        varies = (alt > 0) & (alt < 2 * called)
        with np.errstate(invalid="ignore", divide="ignore"):
            p = alt / (2 * called)
            scale = np.where(varies, 1 / np.sqrt(2 * p * (1 - p) * varies.sum()), 0.0)
        swapped = alt > called
        mean = np.where(varies, 2 * np.where(swapped, 1 - p, p), 0.0)
        signed = np.where(swapped, -scale, scale)
        return cls(blocks, columns, everyone, starts, p, mean, signed, threads)

    @property
    def varies(self) -> npt.NDArray[np.bool_]:
        """(m,) whether a variant has both alleles among the samples."""
        return self.scale != 0

    @property
    def shape(self) -> tuple[int, int]:
        """People, and variants that vary."""
        return len(self.columns.slots), int(self.varies.sum())

    def _rows(self, i: int) -> slice:
        return slice(self.starts[i], self.starts[i + 1])

    def _words(self, i: int) -> Words:
        return packed.swap_alleles(self.blocks[i], self.scale[self._rows(i)] < 0)

    def relate(self, X: FloatArray) -> FloatArray:
        """(n, c) Z'ZX in float32 within tiles, in one pass over the blocks."""
        wide, sums = self._wide(X.astype(np.float32))

        def product(i: int) -> FloatArray:
            words, missing = self._read(i)
            T = self._block_times(i, words, missing, wide, sums).astype(np.float32)
            return self._block_transposed_times(i, words, missing, T)

        return self._sum(product)

    def times(self, X: FloatArray) -> FloatArray:
        """(m, c) ZX in float64."""
        wide, sums = self._wide(X)

        def product(i: int) -> FloatArray:
            words, rows = self._words(i), self._rows(i)
            row, slot = packed.missing_places(words, self.everyone)
            at_mean = _summed(row, wide[slot], len(words)) * self.mean[rows, None]
            at_mean *= self.scale[rows, None]
            return self._block_times(i, words, None, wide, sums) + at_mean

        return np.vstack(list(map_blocks(product, range(len(self.blocks)), threads=self.threads)))

    def transposed_times(self, T: FloatArray) -> FloatArray:
        """(n, c) Z'T in float64."""

        def product(i: int) -> FloatArray:
            words, rows = self._words(i), self._rows(i)
            row, slot = packed.missing_places(words, self.everyone)
            at_mean = (self.mean[rows] * self.scale[rows])[:, None] * T[rows]
            missing = _summed(slot, at_mean[row], self.columns.n_slots)[self.columns.slots]
            return self._block_transposed_times(i, words, None, T[rows]) + missing

        return self._sum(product)

    def people_products(self) -> FloatArray:
        """(n, n) Z'Z, products of a tile in float32 and sums in float64."""
        n = len(self.columns.slots)
        K = np.zeros((n, n))
        with threadpool_limits(self.threads, user_api="blas"):
            for i in range(len(self.blocks)):
                words = self._words(i)
                for top in range(0, len(words), _TILE):
                    tile = words[top : top + _TILE]
                    first = self.starts[i] + top
                    Z = self._decoded(tile, slice(first, first + len(tile)), slice(None))
                    K += Z.T @ Z
        return K

    def variant_products(self) -> FloatArray:
        """ZZ' of the variants that vary, by tiles of samples; all calls are held packed."""
        varies = np.flatnonzero(self.varies)
        words = np.vstack([self._words(i) for i in range(len(self.blocks))])[varies]
        K = np.zeros((len(words), len(words)))
        step = max(_TILE, _TILE_FLOATS // max(1, len(words))) // PEOPLE_PER_WORD
        with threadpool_limits(self.threads, user_api="blas"):
            for left in range(0, words.shape[1], step):
                here = slice(left, left + step)
                Z = self._decoded(np.ascontiguousarray(words[:, here]), varies, here)
                K += Z @ Z.T
        return K

    def spread(self, U: FloatArray) -> FloatArray:
        """(m, c) rows of the variants that vary in their places among all."""
        everywhere = np.zeros((len(self.scale), U.shape[1]))
        everywhere[self.varies] = U
        return everywhere

    def _decoded(
        self, words: Words, rows: slice | npt.NDArray[np.intp], here: slice
    ) -> npt.NDArray[np.float32]:
        """Z of some rows, and of the samples in the words ``here`` of each row."""
        Z = packed.decode(words.view(np.uint8))
        Z -= self.mean[rows, None].astype(np.float32)
        Z *= self.scale[rows, None].astype(np.float32)
        Z[packed.missing_places(words, self.everyone[here])] = 0
        first = PEOPLE_PER_WORD * (here.start or 0)
        slots = self.columns.slots
        kept = slots[(slots >= first) & (slots < first + Z.shape[1])] - first
        neighbours = len(kept) > 0 and kept[-1] - kept[0] < len(kept)
        return Z[:, kept[0] : kept[-1] + 1] if neighbours else Z[:, kept]

    def _read(self, i: int) -> tuple[Words, sparse.csr_array | None]:
        words = self._words(i)
        return words, packed.missing_calls(words, self.everyone)

    def _wide(self, X: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.floating], FloatArray]:
        wide = np.zeros((self.columns.n_words * PEOPLE_PER_WORD, X.shape[1]), dtype=X.dtype)
        wide[self.columns.slots] = X
        return wide, X.sum(axis=0, dtype=np.float64)

    def _block_times(
        self,
        i: int,
        words: Words,
        missing: sparse.csr_array | None,
        wide: npt.NDArray[np.floating],
        sums: FloatArray,
    ) -> FloatArray:
        product = packed.multiply(words, wide) - self.mean[self._rows(i), None] * sums
        if missing is not None:
            product += self.mean[self._rows(i), None] * (missing @ wide)
        return self.scale[self._rows(i), None] * product

    def _block_transposed_times(
        self,
        i: int,
        words: Words,
        missing: sparse.csr_array | None,
        T: npt.NDArray[np.floating],
    ) -> FloatArray:
        S = (self.scale[self._rows(i), None] * T).astype(T.dtype)
        at_mean = (self.mean[self._rows(i), None] * S).astype(T.dtype)
        product = packed.multiply_transposed(words, S)
        if missing is not None:
            product += missing.T @ at_mean
        result: FloatArray = product[self.columns.slots] - at_mean.sum(axis=0, dtype=np.float64)
        return result

    def _sum(self, product: Callable[[int], FloatArray]) -> FloatArray:
        """Sum over blocks; each core sums its own, so that few (n, c) arrays are held."""

        def over(chunk: npt.NDArray[np.int64]) -> FloatArray:
            total = product(chunk[0])
            for i in chunk[1:]:
                total += product(i)
            return total

        n_blocks = len(self.blocks)
        chunks = np.array_split(np.arange(n_blocks), min(n_blocks, self.threads))
        parts = list(map_blocks(over, chunks, threads=self.threads))
        return np.sum(parts, axis=0)


def _summed(at: npt.NDArray[np.int64], values: npt.NDArray[np.floating], n: int) -> FloatArray:
    """(n, c) sums of the rows of ``values`` that go to each place."""
    sums: FloatArray = np.stack([np.bincount(at, column, n) for column in values.T], axis=1)
    return sums
