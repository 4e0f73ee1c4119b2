"""Pairwise pruning for linkage disequilibrium by PLINK's rule.

A window moves along each chromosome. Inside it, for each live variant i in order, the first later
live variant j with r² above the threshold is sought; of the two the one with the lower minor
allele frequency goes (j where they tie), and the turn passes to the next i. Passes repeat until
one changes nothing; then the window moves. Survivors need never be compared again, so each
window only costs the pairs with its new variants.

r² is the squared Pearson correlation of hard calls over the people called at both variants. It is
compared in whole numbers (counts of bits, see :mod:`gwasbone.blocks.bit_planes`), so a pair that
sits on the threshold falls on the same side as in PLINK 2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.bit_counts import plane_words, r2_exceeds
from gwasbone.blocks.bit_planes import PackedRows, PeopleWeights, Planes
from gwasbone.blocks.compiled import announce_compiling, compiled
from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.blocks.mapping import map_blocks
from gwasbone.errors import InputError, UsageError

log = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# PLINK 2 takes frequencies, and r² and its threshold, as equal within this relative difference.
_SMALL = 2.0**-44
# Calls read together; their planes take six bits each.
_CALLS_TOGETHER = 4_000_000
# A gap in the positions wider than the window parts a chromosome, but not into crumbs.
_MIN_PIECE = 1000


@dataclass(frozen=True)
class _Rule:
    """What all pieces of a pruning share."""

    people: PeopleWeights
    r2: float
    window_bp: int | None
    window_variants: int
    step: int
    variants_together: int

    def windows(self, position_bp: IntArray) -> IntArray:
        if self.window_bp is not None:
            return windows_by_distance(position_bp, self.window_bp)
        return windows_by_count(len(position_bp), self.window_variants, self.step)


def prune_pairwise(
    genotypes: PackedRows,
    chromosome: npt.ArrayLike,
    position_bp: npt.ArrayLike,
    *,
    r2: float,
    window_kb: float | None = None,
    window_variants: int | None = None,
    step: int | None = None,
    weights: npt.ArrayLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> BoolArray:
    """Which variants are kept by PLINK's ``--indep-pairwise``.

    Parameters
    ----------
    genotypes : packed calls of m variants and n people, read as they are needed; a few windows
        are held at a time. :meth:`~gwasbone.blocks.bit_planes.PackedArray.of` packs an array.
    chromosome, position_bp : (m,) integers; each chromosome in one run, positions ascending.
    r2 : threshold; of a pair above it one goes.
    window_kb : window in kilobases, ends included (PLINK's ``500kb 0.1``).
    window_variants, step : window and step in variants (PLINK's ``500 10 0.1``); step 1 by
        default. The two spellings give other sets of variants.
    weights : (n,) whole numbers ≥ 0, the times each person counts; 1 by default. PLINK 2 does
        on chromosome X as if men counted once and women twice.
    threads : cores to use; all by default. Chromosomes, and their parts on either side of a gap
        wider than the window, go to cores one by one.
    progress : called with a step in words, how many variants are done, and of how many.

    Returns
    -------
    (m,) bool, True for the variants kept. Variants that do not vary (all people alike, all
    heterozygous, or none called) are dropped.

    Raises
    ------
    UsageError
        Not exactly one of the two spellings, or a number out of range.
    InputError
        Lengths differ, or variants are not sorted.

    Notes
    -----
    Equal to ``.prune.in`` of PLINK 2 with and without missing calls, with one exception: a
    variant that does not vary and has no neighbour within the window (or is alone on its
    chromosome) is kept by PLINK, which never looks at it. ``tests/peers/test_plink2_prune.py``.

    Examples
    --------
    >>> from gwasbone.blocks.bit_planes import PackedArray
    >>> G = PackedArray.of([[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 1], [0, 2, 0, 1, 0, 2]])
    >>> prune_pairwise(G, [1, 1, 1], [100, 200, 300], window_kb=500, r2=0.5)
    array([ True, False,  True])
    """
    m, n = len(genotypes), len(genotypes.columns.slots)
    chromosome, position = np.asarray(chromosome), np.asarray(position_bp).astype(np.int64)
    _check_arguments(r2, window_kb, window_variants, step)
    _check_variants(m, chromosome, position)
    rule = _Rule(
        people=PeopleWeights.of(genotypes.columns, weights),
        r2=r2,
        window_bp=None if window_kb is None else round(window_kb * 1000),
        window_variants=window_variants or 0,
        step=step or 1,
        variants_together=max(1, _CALLS_TOGETHER // max(1, n)),
    )
    announce_compiling(_settle, progress=progress)
    keep = np.zeros(m, dtype=bool)
    count = ProgressCount(progress, "pruning", m)

    def over(piece: tuple[int, int]) -> BoolArray:
        return _prune_piece(genotypes, *piece, position, rule, count)

    pieces = list(_pieces(chromosome, position, rule.window_bp))
    for (first, last), kept in zip(pieces, map_blocks(over, pieces, threads=threads), strict=True):
        keep[first:last] = kept
    return keep


def _pieces(
    chromosome: npt.NDArray[Any], position: IntArray, window_bp: int | None
) -> Iterator[tuple[int, int]]:
    """Runs of variants of which none shares a window with one of another run."""
    m = len(chromosome)
    borders = np.diff(chromosome) != 0
    gaps = borders if window_bp is None else borders | (np.diff(position) > window_bp)
    first = 0
    for border in (np.flatnonzero(gaps) + 1).tolist():
        if borders[border - 1] or border - first >= _MIN_PIECE:
            yield first, border
            first = border
    if m:
        yield first, m


@compiled
def windows_by_distance(position_bp: IntArray, width_bp: int) -> IntArray:
    """The windows of PLINK 2 where their width is in base pairs.

    A window holds the variants up to ``width_bp`` beyond its first one, that distance included.
    The next one starts as early as it can while it still holds at least one more variant.

    Returns
    -------
    (windows, 3) start, new and end: a window is the variants [start, end), of which no earlier
    window has seen [new, end).
    """
    m = len(position_bp)
    windows = np.empty((m, 3), dtype=np.int64)
    n, start, end = 0, 0, 0
    while end < m:
        new = end
        while end < m and position_bp[end] <= position_bp[start] + width_bp:
            end += 1
        windows[n, 0], windows[n, 1], windows[n, 2] = start, new, end
        n += 1
        while end < m and position_bp[start] < position_bp[end] - width_bp:
            start += 1
    return windows[:n].copy()


def windows_by_count(m: int, width: int, step: int) -> IntArray:
    """The windows of PLINK 2 where width and step are numbers of variants; as the one above."""
    start = np.arange(0, max(1, m - width + step), step)
    end = np.minimum(start + width, m)
    windows = np.stack([start, np.r_[0, end[:-1]], end], axis=1)
    return windows[windows[:, 1] < windows[:, 2]]


def _check_arguments(
    r2: float, window_kb: float | None, window_variants: int | None, step: int | None
) -> None:
    if (window_kb is None) == (window_variants is None):
        raise UsageError("give the window either in kilobases or as a number of variants")
    if window_kb is not None and step not in (None, 1):
        raise UsageError(
            f"step {step}: a window in kilobases moves by single variants; leave the step out"
        )
    if not 0 <= r2 < 1:
        raise UsageError(f"r2: expected 0 <= r2 < 1, got {r2}")
    if window_kb is not None and window_kb <= 0:
        raise UsageError(f"window: expected more than 0 kb, got {window_kb}")
    if window_variants is not None and (
        window_variants < 2 or not 1 <= (1 if step is None else step) <= window_variants
    ):
        raise UsageError(
            "window and step: expected at least 2 variants and a step from 1 to the window, "
            f"got {window_variants} and {step}"
        )


def _check_variants(m: int, chromosome: npt.NDArray[Any], position: IntArray) -> None:
    if chromosome.shape != (m,) or position.shape != (m,):
        raise InputError(
            f"expected chromosome and position of {m} variants, "
            f"got {len(chromosome)} and {len(position)}"
        )
    new_run = np.diff(chromosome) != 0
    if new_run.sum() + 1 > len(np.unique(chromosome)) and m:
        raise InputError("variants of a chromosome are not in one run; sort them by position")
    if (np.diff(position)[~new_run] < 0).any():
        raise InputError("positions do not ascend within a chromosome; sort the variants")


def _prune_piece(
    genotypes: PackedRows,
    first: int,
    last: int,
    position: IntArray,
    rule: _Rule,
    count: ProgressCount,
) -> BoolArray:
    """(last − first,) which variants of a piece are kept; a few windows' planes are held."""
    windows = rule.windows(position[first:last])
    alive = np.zeros(last - first, dtype=bool)
    major = np.ones(last - first)
    place = np.zeros(last - first, dtype=np.int64)
    held: Planes | None = None
    index = np.zeros(0, dtype=np.int64)
    done = 0
    while done < len(windows):
        new = int(windows[done, 1])
        until = int(np.searchsorted(windows[:, 2], new + rule.variants_together)) + 1
        chunk = windows[done:until]
        end = int(chunk[-1, 2])
        fresh = Planes.of(genotypes[first + new : first + end], rule.people)
        frequency = fresh.frequency
        alive[new:end] = fresh.varies
        major[new:end] = np.maximum(frequency, 1 - frequency)
        planes = fresh if held is None else held.followed_by(fresh)
        index = np.concatenate([index, np.arange(new, end)])
        place[index] = np.arange(len(index))
        _settle(chunk, planes.rows, planes.scale, place, alive, major, rule.r2 * (1 + _SMALL))
        count.add(end - new)
        done = until
        if done < len(windows):
            live = alive[index] & (index >= windows[done, 0])
            held, index = planes.take(np.flatnonzero(live)), index[live]
    return alive


@compiled
def _settle(
    windows: IntArray,
    rows: npt.NDArray[np.uint64],
    scale: IntArray,
    place: IntArray,
    alive: BoolArray,
    major: FloatArray,
    threshold: float,
) -> None:
    """Apply the rule to the pairs that these windows add; ``alive`` is changed in place.

    ``place`` is where a variant's row is. In a window, ``unchecked`` is for each live variant the
    first later one that it has not been compared with.
    """
    base, size, scales = rows.ctypes.data, 8 * rows.shape[1], scale.ctypes.data
    width = plane_words(rows.shape[1], len(scale))
    most = (windows[:, 2] - windows[:, 0]).max()
    live, unchecked = np.empty(most, np.int64), np.empty(most, np.int64)
    pending = np.empty(most, np.int64)
    n_live = 0
    for v in range(windows[0, 0], windows[0, 1]):
        if alive[v]:
            live[n_live] = v
            n_live += 1
    for w in range(len(windows)):
        n_old = 0
        for p in range(n_live):
            if live[p] >= windows[w, 0] and alive[live[p]]:
                live[n_old] = live[p]
                n_old += 1
        n_live = n_old
        for v in range(windows[w, 1], windows[w, 2]):
            if alive[v]:
                live[n_live] = v
                n_live += 1
        for p in range(n_live):
            unchecked[p], pending[p] = max(n_old, p + 1), p
        n_pending = n_live
        while n_pending > 0:
            n_left = 0
            for q in range(n_pending):
                p = pending[q]
                i = live[p]
                if not alive[i]:
                    continue
                row_i = base + size * place[i]
                for u in range(unchecked[p], n_live):
                    j = live[u]
                    if not alive[j]:
                        continue
                    row_j = base + size * place[j]
                    if r2_exceeds(row_i, row_j, scales, len(scale), width, threshold):
                        if major[i] > major[j] * (1 + _SMALL):
                            alive[i] = False
                        else:
                            alive[j] = False
                            unchecked[p] = u + 1
                            pending[n_left] = p
                            n_left += 1
                        break
            n_pending = n_left
