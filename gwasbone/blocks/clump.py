"""Clumping: the strongest variant first, with the variants in linkage disequilibrium with it.

PLINK 1.9's rule. Variants are taken in the order of their p-values. One that is in no clump yet
and has p ≤ p₁ becomes the index of a new clump; the variants nearer than the radius that are in
no clump yet and have r² above the threshold with the index are linked to it and taken, whatever
their p-value; those of them with p < p₂ are its members. r² is that of maximum-likelihood
haplotypes (:mod:`gwasbone.blocks.haplotypes`). p-values are compared as −log₁₀ p, so none
underflows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.bit_planes import PackedRows, PeopleWeights, Planes
from gwasbone.blocks.compiled import announce_compiling
from gwasbone.blocks.haplotypes import haplotype_r2, r2_of_counts
from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.blocks.mapping import map_blocks
from gwasbone.errors import InputError, UsageError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_CALLS_TOGETHER = 20_000_000


@dataclass(frozen=True)
class Clump:
    """An index variant with what is linked to it; all are rows of the input.

    Parameters
    ----------
    index : the variant.
    members : linked variants with p < p₂, rising.
    n_linked : all linked variants (PLINK's TOTAL).
    """

    index: int
    members: IntArray
    n_linked: int


@dataclass(frozen=True)
class _Rule:
    log_p1: float
    log_p2: float
    r2: float
    radius_bp: float


def clump_variants(
    genotypes: PackedRows,
    chromosome: npt.ArrayLike,
    position_bp: npt.ArrayLike,
    neg_log10_p: npt.ArrayLike,
    *,
    p1: float = 1e-4,
    p2: float = 1e-2,
    r2: float = 0.5,
    radius_kb: float = 250,
    weights: npt.ArrayLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Clump]:
    """Clumps of all chromosomes, strongest index first (ties by place).

    Parameters
    ----------
    genotypes : packed calls of m variants and n people, read as they are needed.
    chromosome, position_bp : (m,) each chromosome in one run, positions ascending.
    neg_log10_p : (m,) of the scan; no NaN.
    p1, p2 : an index has p ≤ p1, a member p < p2.
    r2 : a linked variant has r² above this with the index.
    radius_kb : and is nearer than this.
    weights : (n,) the times each person counts; once by default.
    threads : cores to use, one chromosome each; all by default.

    Raises
    ------
    UsageError
        A number out of range.
    InputError
        Lengths differ, or −log₁₀ p is NaN.
    """
    codes, position = np.asarray(chromosome), np.asarray(position_bp, dtype=np.int64)
    log_p = np.asarray(neg_log10_p, dtype=float)
    _check_arguments(p1, p2, r2, radius_kb)
    if not len(genotypes) == len(codes) == len(position) == len(log_p):
        raise InputError(
            f"clump: expected {len(genotypes)} chromosomes, positions and p-values, "
            f"got {len(codes)}, {len(position)} and {len(log_p)}"
        )
    if np.isnan(log_p).any():
        raise InputError(f"clump: expected a p-value each, {int(np.isnan(log_p).sum())} are NaN")
    rule = _Rule(-np.log10(p1), -np.log10(p2), r2, radius_kb * 1000)
    people = PeopleWeights.of(genotypes.columns, weights)
    announce_compiling(r2_of_counts, progress=progress)
    count = ProgressCount(progress, "clumping", len(codes))

    def over(piece: tuple[int, int]) -> list[Clump]:
        first, last = piece
        part = slice(first, last)
        found = _clump_chromosome(genotypes, first, position[part], log_p[part], people, rule)
        count.add(last - first)
        return found

    borders = (np.flatnonzero(np.diff(codes)) + 1).tolist()
    pieces = list(zip([0, *borders], [*borders, len(codes)], strict=True))
    clumps = [clump for found in map_blocks(over, pieces, threads=threads) for clump in found]
    return sorted(clumps, key=lambda clump: (-log_p[clump.index], clump.index))


def _check_arguments(p1: float, p2: float, r2: float, radius_kb: float) -> None:
    if not 0 < p1 <= p2 <= 1:
        raise UsageError(f"clump: expected 0 < p1 <= p2 <= 1, got p1 {p1:g} and p2 {p2:g}")
    if not 0 <= r2 < 1:
        raise UsageError(f"clump: expected 0 <= r2 < 1, got {r2:g}")
    if not radius_kb > 0:
        raise UsageError(f"clump: expected a radius above 0 kb, got {radius_kb:g}")


def _clump_chromosome(
    genotypes: PackedRows,
    first: int,
    position: IntArray,
    log_p: FloatArray,
    people: PeopleWeights,
    rule: _Rule,
) -> list[Clump]:
    free = np.ones(len(position), dtype=bool)
    candidates = np.flatnonzero(log_p >= rule.log_p1)
    clumps = []
    for index in candidates[np.argsort(-log_p[candidates], kind="stable")]:
        if not free[index]:
            continue
        free[index] = False
        near = np.arange(
            np.searchsorted(position, position[index] - rule.radius_bp, side="right"),
            np.searchsorted(position, position[index] + rule.radius_bp, side="left"),
        )
        near = near[free[near]]
        linked = near[_r2_with(genotypes, first + index, first + near, people) > rule.r2]
        free[linked] = False
        members = linked[log_p[linked] > rule.log_p2]
        clumps.append(Clump(int(first + index), first + members, len(linked)))
    return clumps


def _r2_with(
    genotypes: PackedRows, index: int, others: IntArray, people: PeopleWeights
) -> FloatArray:
    """(len(others),) haplotype r² with a variant; few calls are held at a time."""
    one = Planes.of(genotypes[np.array([index])], people)
    together = max(1, _CALLS_TOGETHER // max(1, len(genotypes.columns.slots)))
    parts = [
        haplotype_r2(one, Planes.of(genotypes[others[top : top + together]], people))
        for top in range(0, len(others), together)
    ]
    return np.concatenate([np.zeros(0), *parts])
