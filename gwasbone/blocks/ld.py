"""Linkage disequilibrium between packed variants: matrices, pairs within windows, LD scores.

The correlation of two variants is computed from whole numbers (counts of bits, see
:mod:`gwasbone.blocks.bit_planes`) in one of two ways that differ where calls are missing:

- ``mean``: a missing call is at the variant's mean, as in LDSC and Hail. With means and sums of
  squares over each variant's own calls, r = Σ(xᵢ − x̄)(yᵢ − ȳ) / √(Σ(xᵢ − x̄)² Σ(yᵢ − ȳ)²), the
  sum above over the people called at both.
- ``pairwise``: only people called at both count, in all three sums, as in PLINK.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.bit_counts import own_sums, pair_sums, plane_words
from gwasbone.blocks.bit_planes import PackedRows, PeopleWeights, Planes
from gwasbone.blocks.compiled import announce_compiling, compiled
from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.blocks.mapping import map_blocks
from gwasbone.errors import InputError, UsageError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MissingRule = Literal["mean", "pairwise"]

# Rows of a tile stay in a core's own cache while the variants after them pass by.
_TILE_ROWS = 64
_CALLS_TOGETHER = 20_000_000


@dataclass(frozen=True)
class LdPairs:
    """Pairs of variants in linkage disequilibrium, sorted by (first, second).

    Parameters
    ----------
    first, second : (pairs,) rows of the variants, first < second.
    r : (pairs,) correlation of their ALT dosages.
    """

    first: IntArray
    second: IntArray
    r: FloatArray


def ld_matrix(
    genotypes: PackedRows,
    *,
    missing: MissingRule = "mean",
    weights: npt.ArrayLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> FloatArray:
    """(m, m) correlations of ALT dosages between all variants; NaN where one does not vary.

    Parameters
    ----------
    genotypes : packed calls of m variants.
    missing : see the module.
    weights : (n,) the times each person counts; once by default.
    threads : cores to use; all by default.

    Examples
    --------
    >>> from gwasbone.blocks.bit_planes import PackedArray
    >>> G = PackedArray.of([[0, 0, 1, 1], [0, 1, 1, 1], [2, 1, 1, 1]])
    >>> ld_matrix(G).round(4).tolist()[1]
    [0.5774, 1.0, -1.0]
    """
    m = len(genotypes)
    R = np.empty((m, m))
    until = np.full(m, m, dtype=np.int64)
    people = PeopleWeights.of(genotypes.columns, weights)
    count = ProgressCount(progress, "correlations", m)
    for start, tile in _tiles(genotypes, until, people, missing, threads, progress):
        R[start : start + len(tile), start:] = tile
        count.add(len(tile))
    lower = np.tril_indices(m, -1)
    R[lower] = R.T[lower]
    return R


def ld_with(
    genotypes: PackedRows,
    index: int,
    *,
    missing: MissingRule = "mean",
    weights: npt.ArrayLike | None = None,
) -> FloatArray:
    """(m,) correlations of ALT dosages of one variant with all; NaN where one does not vary.

    Parameters
    ----------
    genotypes : packed calls of m variants.
    index : row of the one.
    missing, weights : as in :func:`ld_matrix`.

    Examples
    --------
    >>> from gwasbone.blocks.bit_planes import PackedArray
    >>> G = PackedArray.of([[0, 0, 1, 1], [0, 1, 1, 1], [2, 1, 1, 1]])
    >>> ld_with(G, 1).round(4).tolist()
    [0.5774, 1.0, -1.0]
    """
    if missing not in ("mean", "pairwise"):
        raise UsageError(f"missing: expected mean or pairwise, got {missing!r}")
    announce_compiling(_correlate)
    people = PeopleWeights.of(genotypes.columns, weights)
    together = max(1, _CALLS_TOGETHER // max(1, len(genotypes.columns.slots)))
    parts = [np.zeros(0)]
    for top in range(0, len(genotypes), together):
        rows = np.append(index, np.arange(top, min(top + together, len(genotypes))))
        planes = Planes.of(genotypes[rows], people)
        R = np.zeros((1, len(rows)))
        until = np.array([len(rows)], dtype=np.int64)
        _correlate(planes.rows, planes.scale, until, missing == "mean", R)
        parts.append(R[0, 1:])
    return np.concatenate(parts)


def ld_pairs(
    genotypes: PackedRows,
    until: IntArray,
    *,
    r2_min: float,
    missing: MissingRule = "mean",
    weights: npt.ArrayLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> LdPairs:
    """Pairs within windows that have r² of at least ``r2_min``.

    Parameters
    ----------
    genotypes : packed calls of m variants.
    until : (m,) for each variant the first later one that is outside its window; see
        :func:`window_ends`.
    r2_min : pairs below are left out, and so are those with a variant that does not vary.
    missing, weights, threads : as in :func:`ld_matrix`.

    Raises
    ------
    UsageError
        ``r2_min`` is not between 0 and 1.
    """
    if not 0 <= r2_min <= 1:
        raise UsageError(f"r2_min: expected a number in [0, 1], got {r2_min}")
    people = PeopleWeights.of(genotypes.columns, weights)
    parts = [LdPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    count = ProgressCount(progress, "correlations", len(genotypes))
    for start, tile in _tiles(genotypes, until, people, missing, threads, progress):
        inside = _after_the_diagonal(tile, until[start : start + len(tile)] - start)
        with np.errstate(invalid="ignore"):
            first, second = np.nonzero(inside & (tile * tile >= r2_min))
        parts.append(LdPairs(first + start, second + start, tile[first, second]))
        count.add(len(tile))
    return LdPairs(*(np.concatenate([getattr(p, k) for p in parts]) for k in _PAIR_FIELDS))


_PAIR_FIELDS = ("first", "second", "r")


def ld_scores(
    genotypes: PackedRows,
    until: IntArray,
    *,
    annotations: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> FloatArray:
    """(m, c) LD scores: sums of unbiased r² over a variant's window, the variant included.

    Unbiased r² is r² − (1 − r²)/(n − 2), with missing calls at the mean. A score of an annotation
    is the sum of that times the annotation of the other variant.

    Parameters
    ----------
    genotypes : packed calls of m variants and n people.
    until : (m,) as in :func:`ld_pairs`; windows are symmetrical.
    annotations : (m, c) numbers; one column of ones (the plain score) by default.
    weights, threads : as in :func:`ld_matrix`.

    Returns
    -------
    (m, c), NaN for variants that do not vary, which count in no other's score either.

    Raises
    ------
    UsageError
        Fewer than three people, or annotations of another length.

    References
    ----------
    Bulik-Sullivan et al. (2015), Nature Genetics 47:291; Finucane et al. (2015), 47:1228.
    """
    m, n = len(genotypes), len(genotypes.columns.slots)
    A = np.ones((m, 1)) if annotations is None else np.asarray(annotations, dtype=float)
    if A.ndim != 2 or len(A) != m:
        raise UsageError(f"annotations: expected a row for each of {m} variants, got {A.shape}")
    if n < 3:
        raise UsageError(f"LD scores: expected three samples or more, got {n}")
    people = PeopleWeights.of(genotypes.columns, weights)
    scores = np.zeros((m, A.shape[1]))
    count = ProgressCount(progress, "LD scores", m)
    for start, tile in _tiles(genotypes, until, people, "mean", threads, progress):
        end, last = start + len(tile), start + tile.shape[1]
        unvarying = np.isnan(np.diagonal(tile))
        r2 = tile * tile
        r2 -= (1 - r2) / (n - 2)
        inside = _after_the_diagonal(tile, until[start:end] - start)
        r2[~inside | np.isnan(r2)] = 0
        scores[start:end] += A[start:end] + r2 @ A[start:last]
        scores[start:last] += r2.T @ A[start:end]
        scores[start:end][unvarying] = np.nan
        count.add(len(tile))
    return scores


def window_ends(chromosome: npt.ArrayLike, coordinate: npt.ArrayLike, width: float) -> IntArray:
    """(m,) the first later variant that is further than ``width`` away, or on another chromosome.

    Parameters
    ----------
    chromosome : (m,) each in one run.
    coordinate : (m,) ascending within chromosomes, in the unit of ``width``: base pairs,
        centimorgans, or the number of the variant. The distance itself is inside.

    Raises
    ------
    InputError
        Coordinates descend within a chromosome.

    Examples
    --------
    >>> window_ends([1, 1, 1, 2], [0.0, 1.0, 1.5, 1.6], 1.0).tolist()
    [2, 3, 3, 4]
    """
    codes, x = np.asarray(chromosome), np.asarray(coordinate)
    borders = np.flatnonzero(np.diff(codes)) + 1
    ends = np.empty(len(x), dtype=np.int64)
    for first, last in zip([0, *borders], [*borders, len(x)], strict=True):
        here = x[first:last]
        if (np.diff(here) < 0).any():
            raise InputError(
                f"coordinates of chromosome {codes[first]} descend: expected variants sorted by "
                "them; is the genetic map of another build?"
            )
        ends[first:last] = first + np.searchsorted(here, here + width, side="right")
    return ends


def _after_the_diagonal(tile: FloatArray, until: IntArray) -> npt.NDArray[np.bool_]:
    """Which entries are of a pair of a variant with a later one in its window."""
    column = np.arange(tile.shape[1])
    return (column > np.arange(len(tile))[:, None]) & (column < until[:, None])


def _tiles(
    genotypes: PackedRows,
    until: IntArray,
    people: PeopleWeights,
    missing: MissingRule,
    threads: int | None,
    progress: Progress | None,
) -> Iterator[tuple[int, FloatArray]]:
    """Correlations of a few variants with themselves and those after them, until the last's end.

    Yields
    ------
    First of the variants, and (variants, later ones) with the diagonal; other places are 0.
    """
    if missing not in ("mean", "pairwise"):
        raise UsageError(f"missing: expected mean or pairwise, got {missing!r}")
    announce_compiling(_correlate, progress=progress)
    starts = range(0, len(genotypes), _TILE_ROWS)

    def over(start: int) -> FloatArray:
        stop = min(start + _TILE_ROWS, len(genotypes))
        planes = Planes.of(genotypes[start : int(until[stop - 1])], people)
        R = np.zeros((stop - start, len(planes.rows)))
        _correlate(planes.rows, planes.scale, until[start:stop] - start, missing == "mean", R)
        return R

    yield from zip(starts, map_blocks(over, starts, threads=threads), strict=True)


@compiled
def _correlate(
    rows: npt.NDArray[np.uint64],
    scale: IntArray,
    until: IntArray,
    at_mean: bool,
    R: FloatArray,
) -> None:
    """Fill R (a, b) for pairs i ≤ j < until[i], NaN where a variant does not vary."""
    base, size, scales = rows.ctypes.data, 8 * rows.shape[1], scale.ctypes.data
    width = plane_words(rows.shape[1], len(scale))
    for j in range(R.shape[1]):
        for i in range(min(j + 1, R.shape[0])):
            if j < until[i]:
                R[i, j] = _correlation(
                    base + size * i, base + size * j, scales, len(scale), width, at_mean
                )


@compiled
def _correlation(a: int, b: int, scale: int, segments: int, width: int, at_mean: bool) -> float:
    """r of two rows of planes: of the samples called at both, or missing calls at the mean."""
    n, x, y, xx, yy, xy = pair_sums(a, b, scale, segments, width)
    if at_mean:
        n_x, n_y, sum_x, sum_y, squares_x, squares_y = own_sums(a, b)
        # n_x·n_y times the sums, so that they are whole numbers
        covariance = float(n_x) * float(n_y * xy - sum_y * x) - float(sum_x) * float(
            n_y * y - sum_y * n
        )
        variance = (
            float(n_x * squares_x - sum_x * sum_x)
            * float(n_y * squares_y - sum_y * sum_y)
            * float(n_x)
            * float(n_y)
        )
    else:
        covariance = float(n * xy - x * y)
        variance = float(n * xx - x * x) * float(n * yy - y * y)
    return covariance / np.sqrt(variance) if variance > 0 else np.nan
