"""Pairwise pruning for linkage disequilibrium by PLINK's rule.

A window moves along each chromosome. Inside it, for each live variant i in order, the first later
live variant j with r² above the threshold is sought; of the two the one with the lower minor
allele frequency goes (j where they tie), and the turn passes to the next i. Passes repeat until
one changes nothing; then the window moves. Survivors need never be compared again, so each
window only costs the pairs with its new variants.

r² is the squared Pearson correlation of hard calls over the people called at both variants. It is
compared in whole numbers (sums of products of −1, 0, 1, which float32 matrix products give
exactly), so a pair that sits on the threshold falls on the same side as in PLINK 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# PLINK 2 takes frequencies, and r² and its threshold, as equal within this relative difference.
_SMALL = 2.0**-44
# Whole numbers up to here are exact in float32.
_EXACT_FLOAT32 = 2**24
# Variants compared at a time: fewer waste products, more let windows drop variants too late.
_TILE = 128


class GenotypeRows(Protocol):
    """Hard calls that give (variants, people) int8 for a slice of variants; -1 is missing."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


@dataclass(frozen=True)
class _Window:
    """Variants [start, end) of a chromosome, of which [new, end) no earlier window has seen."""

    start: int
    new: int
    end: int


@dataclass(frozen=True)
class _Encoded:
    """Variants ready for matrix products: calls less one, weighted sums, mask where needed."""

    index: IntArray
    calls: npt.NDArray[np.float32]
    called: npt.NDArray[np.float32]
    n: FloatArray
    total: FloatArray
    squares: FloatArray
    complete: bool

    def take(self, rows: BoolArray) -> _Encoded:
        if rows.all():
            return self
        called = self.called if self.complete else self.called[rows]
        return _Encoded(
            self.index[rows], self.calls[rows], called,
            self.n[rows], self.total[rows], self.squares[rows], self.complete,
        )  # fmt: skip


def prune_pairwise(
    genotypes: GenotypeRows,
    chromosome: npt.ArrayLike,
    position_bp: npt.ArrayLike,
    *,
    r2: float,
    window_kb: float | None = None,
    window_variants: int | None = None,
    step: int | None = None,
    weights: npt.ArrayLike | None = None,
) -> BoolArray:
    """Which variants are kept by PLINK's ``--indep-pairwise``.

    Parameters
    ----------
    genotypes : (m, n) copies of ALT 0, 1, 2; any negative number, or NaN, is missing. An array,
        or whatever gives int8 arrays for slices of rows, so that a file need not fit in memory.
    chromosome, position_bp : (m,) integers; each chromosome in one run, positions ascending.
    r2 : threshold; of a pair above it one goes.
    window_kb : window in kilobases, ends included (PLINK's ``500kb 0.1``).
    window_variants, step : window and step in variants (PLINK's ``500 10 0.1``); step 1 by
        default. The two spellings give other sets of variants.
    weights : (n,) whole numbers ≥ 0, the times each person counts; 1 by default. PLINK 2 does
        on chromosome X as if men counted once and women twice.

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
    >>> G = np.array([[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 1], [0, 2, 0, 1, 0, 2]])
    >>> prune_pairwise(G, [1, 1, 1], [100, 200, 300], window_kb=500, r2=0.5)
    array([ True, False,  True])
    """
    m, n = genotypes.shape
    chromosome, position = np.asarray(chromosome), np.asarray(position_bp).astype(np.int64)
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    _check_arguments(r2, window_kb, window_variants, step)
    _check_variants(m, chromosome, position)
    if weight.shape != (n,) or (weight < 0).any() or (weight != np.rint(weight)).any():
        raise UsageError(f"weights: expected {n} whole numbers >= 0, one for each person")
    if weight.sum() >= _EXACT_FLOAT32:
        raise UsageError(f"pruning takes at most {_EXACT_FLOAT32:,} people; use a random subset")
    keep = np.zeros(m, dtype=bool)
    borders = np.flatnonzero(np.diff(chromosome)) + 1
    for first, last in zip([0, *borders], [*borders, m], strict=True):
        if window_kb is not None:
            windows = windows_by_distance(position[first:last], round(window_kb * 1000))
        else:
            assert window_variants is not None
            windows = windows_by_count(last - first, window_variants, step or 1)
        keep[first:last] = _prune_chromosome(genotypes, first, last, windows, r2, weight)
    return keep


def windows_by_distance(position_bp: IntArray, width_bp: int) -> Iterator[_Window]:
    """The windows of PLINK 2 where their width is in base pairs.

    A window holds the variants up to ``width_bp`` beyond its first one, that distance included.
    The next one starts as early as it can while it still holds at least one more variant.
    """
    beyond = np.searchsorted(position_bp, position_bp + width_bp, side="right").tolist()
    earliest = np.searchsorted(position_bp, position_bp - width_bp, side="left").tolist()
    start = end = 0
    while end < len(position_bp):
        new, end = end, beyond[start]
        yield _Window(start, new, end)
        if end < len(position_bp):
            start = earliest[end]


def windows_by_count(m: int, width: int, step: int) -> Iterator[_Window]:
    """The windows of PLINK 2 where width and step are numbers of variants."""
    start = end = 0
    while end < m:
        new, end = end, min(start + width, m)
        yield _Window(start, new, end)
        start += step


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


def _prune_chromosome(
    genotypes: GenotypeRows,
    first: int,
    last: int,
    windows: Iterator[_Window],
    r2: float,
    weight: FloatArray,
) -> BoolArray:
    # Plain lists: the rule visits single variants, which is slow in arrays.
    alive = [False] * (last - first)
    major = [1.0] * (last - first)
    seen: _Encoded | None = None
    for chunk in _chunks(windows, _TILE):
        new, end = chunk[0].new, chunk[-1].end
        fresh, frequency = _encode(genotypes[first + new : first + end], new, weight)
        for index, value in zip(fresh.index.tolist(), frequency.tolist(), strict=True):
            alive[index], major[index] = True, max(value, 1 - value)
        known = fresh if seen is None else _join(seen, fresh)
        earlier = _correlated_earlier(known, fresh, r2, weight)
        for window in chunk:
            _settle(window, earlier, alive, major)
        following = chunk[-1].start
        live = np.array([alive[i] and i >= following for i in known.index.tolist()], dtype=bool)
        seen = known.take(live)
    return np.array(alive, dtype=bool)


def _chunks(windows: Iterator[_Window], variants: int) -> Iterator[list[_Window]]:
    """Runs of windows whose new variants are read together: ``variants`` of them or more."""
    held: list[_Window] = []
    for window in windows:
        held.append(window)
        if window.end - held[0].new >= variants:
            yield held
            held = []
    if held:
        yield held


def _encode(raw: Any, first_index: int, weight: FloatArray) -> tuple[_Encoded, FloatArray]:
    """Calls as −1, 0, 1 with their sums, without variants that do not vary; ALT frequencies."""
    calls = np.asarray(raw)
    complete = bool(calls.min(initial=0) >= 0)  # False for NaN too
    x = calls.astype(np.float32)
    x -= 1
    called = np.empty((0, 0), np.float32)
    if not complete:
        called = (calls >= 0).astype(np.float32)
        x[called == 0] = 0
    w = weight.astype(np.float32)
    n = np.full(len(x), weight.sum()) if complete else (called @ w).astype(float)
    total = (x @ w).astype(float)
    squares = np.einsum("ij,ij->i", x, x if (weight == 1).all() else x * w).astype(float)
    varies = n * squares - total * total > 0
    index = first_index + np.arange(len(x))
    encoded = _Encoded(index, x, called, n, total, squares, complete).take(varies)
    return encoded, (encoded.total + encoded.n) / (2 * encoded.n)


def _join(a: _Encoded, b: _Encoded) -> _Encoded:
    complete = a.complete and b.complete
    called = a.called if complete else np.concatenate([_called(a), _called(b)])
    return _Encoded(
        np.concatenate([a.index, b.index]),
        np.concatenate([a.calls, b.calls]),
        called,
        np.concatenate([a.n, b.n]),
        np.concatenate([a.total, b.total]),
        np.concatenate([a.squares, b.squares]),
        complete,
    )


def _called(v: _Encoded) -> npt.NDArray[np.float32]:
    return np.ones_like(v.calls) if v.complete else v.called


def _correlated_earlier(
    known: _Encoded, fresh: _Encoded, r2: float, weight: FloatArray
) -> dict[int, list[int]]:
    """For each new variant the earlier variants, ascending, with which r² is above ``r2``."""
    earlier: dict[int, list[int]] = {}
    for start in range(0, len(fresh.index), _TILE):
        tile = fresh.take(_between(len(fresh.index), start, start + _TILE))
        before = known.take(known.index < tile.index[-1])
        above = _r2_above(before, tile, r2, weight)
        above &= before.index[:, None] < tile.index[None, :]
        column, row = np.nonzero(above.T)
        cuts = np.searchsorted(column, np.arange(1, len(tile.index)))
        for index, rows in zip(tile.index.tolist(), np.split(before.index[row], cuts), strict=True):
            earlier[index] = rows.tolist()
    return earlier


def _between(length: int, start: int, end: int) -> BoolArray:
    inside = np.zeros(length, dtype=bool)
    inside[start:end] = True
    return inside


def _r2_above(a: _Encoded, b: _Encoded, r2: float, weight: FloatArray) -> BoolArray:
    """(a, b) True where r² > ``r2``; all sums are whole numbers, times the number of people."""
    w = weight.astype(np.float32)
    unweighted = bool((weight == 1).all())
    left = a.calls if unweighted else a.calls * w
    product = (left @ b.calls.T).astype(float)
    threshold = r2 * (1 + _SMALL)
    if a.complete and b.complete:
        n = weight.sum()
        product *= n
        product -= np.outer(a.total, b.total)
        np.square(product, out=product)
        variance_a = n * a.squares - a.total**2
        variance_b = n * b.squares - b.total**2
        return product > np.outer(threshold * variance_a, variance_b)
    in_a, in_b = _called(a), _called(b)
    left_in = in_a if unweighted else in_a * w
    n_both = (left_in @ in_b.T).astype(float)
    total_a = (left @ in_b.T).astype(float)
    total_b = (left_in @ b.calls.T).astype(float)
    squares_a = ((left * a.calls) @ in_b.T).astype(float)
    squares_b = (left_in @ (b.calls * b.calls).T).astype(float)
    covariance = n_both * product - total_a * total_b
    variance_a = n_both * squares_a - total_a**2
    variance_b = n_both * squares_b - total_b**2
    return covariance**2 > threshold * variance_a * variance_b


def _settle(
    window: _Window, earlier: dict[int, list[int]], alive: list[bool], major: list[float]
) -> None:
    """Apply the rule to the pairs that this window adds; ``alive`` is changed in place."""
    later: dict[int, list[int]] = {}
    for j in range(window.new, window.end):
        if alive[j]:
            for i in earlier[j]:
                if i >= window.start and alive[i]:
                    later.setdefault(i, []).append(j)
    pending = [(i, iter(later[i])) for i in sorted(later)]
    while pending:
        unfinished = []
        for i, partners in pending:
            if not alive[i]:
                continue
            j = next((j for j in partners if alive[j]), -1)
            if j < 0:
                continue
            if major[i] > major[j] * (1 + _SMALL):
                alive[i] = False
            else:
                alive[j] = False
                unfinished.append((i, partners))
        pending = unfinished
