"""Linkage disequilibrium and relationships in the retained samples of a cohort.

Hard calls; on X men count once and women twice. What is computed, and how missing calls count, is
in :mod:`gwasbone.blocks.ld` and :mod:`gwasbone.blocks.kinship`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.calls import CohortRows, packed_rows
from gwasbone.cohort.sources.tables import VARIANT_COLUMNS
from gwasbone.display import Shown
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import AUTOSOMES, X, chromosome_code
from gwasbone.progress import counted_progress

if TYPE_CHECKING:
    from gwasbone.blocks.ld import MissingRule

_VARIANT = list(VARIANT_COLUMNS)


@dataclass(frozen=True, repr=False)
class LdMatrix(Shown):
    """Linkage disequilibrium between all variants of a region.

    Parameters
    ----------
    variants : (m) rows of the variant table: ``chromosome``, ``base_pair_location``, ``ref``,
        ``alt``, ``source_id``.
    values : (m, m) r of ALT dosages where ``signed``, else r²; NaN where one does not vary.
    signed : which of the two.
    """

    variants: pd.DataFrame
    values: npt.NDArray[np.float64]
    signed: bool

    def headline(self) -> str:
        return f"LdMatrix: {'r' if self.signed else 'r²'} of {len(self.variants):,} variants"

    def preview(self) -> pd.DataFrame:
        return self.variants


def ld_matrix(
    cohort: Cohort,
    *,
    region: str | None = None,
    variants: pd.Index | None = None,
    signed: bool = False,
    missing: MissingRule = "mean",
    threads: int | None = None,
) -> LdMatrix:
    """Compute r² (or r) between all retained variants of a region, or between named variants.

    Parameters
    ----------
    region : ``7:120000000-121000000``, ends included, or a chromosome.
    variants : rows of the variant table, of one or several chromosomes, instead of a region.
    signed : return r, with the sign of the ALT dosages, instead of r².
    missing : ``mean`` sets missing calls to the variant's mean, as LDSC, Hail and fine mapping do;
        ``pairwise`` uses the samples called at both variants, as PLINK does.
    threads : number of cores to use; all by default.

    Raises
    ------
    UsageError
        Not exactly one of ``region`` and ``variants``, or a region that cannot be read.
    InputError
        No kept variant is there.

    Examples
    --------
    >>> gb.ld_matrix(gb.example_cohort(), region="22:1-51000000", signed=True)
    LdMatrix: r of 133 variants
    """
    from gwasbone.blocks.ld import ld_matrix as of_blocks

    rows = _chosen(cohort, region, variants)
    calls = packed_rows(cohort, rows)
    parts = calls.by_weights()
    if len(parts) > 1:
        raise UsageError("LD matrix: variants of X and of autosomes weigh men differently: apart")
    with counted_progress() as progress:
        r = of_blocks(
            calls, missing=missing, weights=parts[0][1], threads=threads, progress=progress
        )
    table = cohort.variants.table.iloc[rows][_VARIANT]
    return LdMatrix(table, r if signed else r * r, signed)


def ld_with(
    cohort: Cohort,
    variant: int,
    others: npt.NDArray[np.integer],
    *,
    signed: bool = False,
    missing: MissingRule = "mean",
) -> npt.NDArray[np.float64]:
    """Compute r² (or r) of a variant with others of its chromosome, as :func:`ld_matrix` does.

    Parameters
    ----------
    variant : position of its row in the variant table.
    others : (k,) those of the others, ascending.
    signed, missing : as in :func:`ld_matrix`.

    Returns
    -------
    (k,) NaN where one of the two does not vary.

    Raises
    ------
    UsageError
        Others lie on another chromosome.
    """
    from gwasbone.blocks.ld import ld_with as of_blocks

    rows = np.union1d(others, [variant])
    if len(np.unique(cohort.variants.table["chromosome"].to_numpy()[rows])) > 1:
        raise UsageError("LD with one variant: expected other variants on its chromosome")
    calls = packed_rows(cohort, rows)
    weights = calls.by_weights()[0][1]
    r = of_blocks(calls, int(np.searchsorted(rows, variant)), missing=missing, weights=weights)
    r = r[np.searchsorted(rows, others)]
    return r if signed else r * r


def ld_table(
    cohort: Cohort,
    *,
    window: str = "1000kb",
    r2_min: float = 0.2,
    missing: MissingRule = "mean",
    threads: int | None = None,
) -> pd.DataFrame:
    """Find the pairs of retained variants within a window that have r² of at least ``r2_min``.

    Parameters
    ----------
    window : maximum distance in kilobases (``1000kb``), centimorgans (``1cM``, from the .bim) or
        variants (``500``).
    missing, threads : as in :func:`ld_matrix`.

    Returns
    -------
    Columns ``chromosome``, ``variant_1``, ``variant_2`` (rows of the variant table),
    ``position_1_bp``, ``position_2_bp``, ``r``, ``r2``; sorted.
    """
    from gwasbone.blocks.ld import ld_pairs

    parts = []
    for calls, rows, weights, until in _windowed(cohort, window):
        with counted_progress() as progress:
            pairs = ld_pairs(
                calls, until, r2_min=r2_min, missing=missing, weights=weights, threads=threads,
                progress=progress,
            )  # fmt: skip
        index = cohort.variants.table.index.to_numpy()[rows]
        parts.append(
            pd.DataFrame(
                {
                    "chromosome": calls.chromosome[pairs.first],
                    "variant_1": index[pairs.first],
                    "variant_2": index[pairs.second],
                    "position_1_bp": calls.position_bp[pairs.first],
                    "position_2_bp": calls.position_bp[pairs.second],
                    "r": pairs.r,
                    "r2": pairs.r**2,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def ld_scores(
    cohort: Cohort,
    *,
    window: str = "1cM",
    annotations: pd.DataFrame | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Compute LD scores of the retained variants, plain or stratified by annotation.

    Parameters
    ----------
    window : maximum distance, as in :func:`ld_table`; LDSC's is 1 cM.
    annotations : annotation values of each retained variant: index = rows of the variant table,
        one column per annotation. The plain score (all ones) by default.
    threads : number of cores to use; all by default.

    Returns
    -------
    ``chromosome``, ``base_pair_location``, ``ref``, ``alt``, ``source_id``, ``frequency`` (of
    ALT), then ``ld_score``, or ``ld_score_NAME`` for each annotation; NaN where the variant does
    not vary. Index = rows of the variant table.

    Raises
    ------
    UsageError
        Annotations do not cover the retained variants, or centimorgans of a source without.

    Notes
    -----
    Sums of r² − (1 − r²)/(n − 2) over the window, the variant included, missing calls at the
    mean: the LD score of LDSC and of Hail.
    """
    from gwasbone.blocks.bit_planes import PeopleWeights, Planes
    from gwasbone.blocks.ld import ld_scores as of_blocks

    parts = []
    for calls, rows, weights, until in _windowed(cohort, window):
        table = cohort.variants.table.iloc[rows][_VARIANT]
        A = None if annotations is None else _annotations_of(annotations, table.index)
        with counted_progress() as progress:
            scores = of_blocks(
                calls, until, annotations=A, weights=weights, threads=threads, progress=progress
            )
        people = PeopleWeights.of(calls.columns, weights)
        starts = range(0, len(rows), 1024)
        frequency = [Planes.of(calls[top : top + 1024], people).frequency for top in starts]
        names = ["ld_score"]
        if annotations is not None:
            names = [f"ld_score_{name}" for name in annotations.columns]
        of_part = pd.DataFrame(scores, index=table.index, columns=names)
        of_part.insert(0, "frequency", np.concatenate(frequency))
        parts.append(table.join(of_part))
    return pd.concat(parts)


@dataclass(frozen=True, repr=False)
class RelationshipMatrix(Shown):
    """Genetic relationship matrix of the retained samples.

    Parameters
    ----------
    matrix : (n, n) index and columns are person IDs; see :mod:`gwasbone.blocks.kinship`.
    n_variants : (n, n) variants called in both people of a pair.
    """

    matrix: pd.DataFrame
    n_variants: npt.NDArray[np.int64]

    def headline(self) -> str:
        return f"RelationshipMatrix: {len(self.matrix):,} samples"


def relationship_matrix(
    cohort: Cohort, variants: pd.Index | None = None, *, threads: int | None = None
) -> RelationshipMatrix:
    """Compute the genetic relationship matrix of the retained samples.

    It is that of GCTA, and of ``plink2 --make-rel`` where all variants vary: PLINK divides by the
    number of variants called in both of a pair, those included of which one allele only is seen,
    so its numbers are smaller by the share of such variants. Leave them out there too
    (``--mac 1``).

    Parameters
    ----------
    variants : rows of the variant table to use, all retained ones by default; only autosomes are
        used.
    threads : number of cores to use; all by default.

    Raises
    ------
    InputError
        No autosomal variant is left.
    """
    from gwasbone.blocks.grm import relationships

    table = cohort.variants.table
    wanted = cohort.variants.kept & table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    if variants is not None:
        wanted &= table.index.isin(variants)
    if not wanted.any() or cohort.people.n_kept == 0:
        raise InputError("relationships: expected samples and autosomal variants, none are left")
    found = relationships(packed_rows(cohort, np.flatnonzero(wanted)), threads=threads)
    ids = cohort.people.kept_table().index
    return RelationshipMatrix(pd.DataFrame(found.matrix, ids, ids), found.n_variants)


def _chosen(cohort: Cohort, region: str | None, variants: pd.Index | None) -> npt.NDArray[np.intp]:
    if (region is None) == (variants is None):
        raise UsageError("LD matrix: give either region or variants")
    table = cohort.variants.table
    wanted = cohort.variants.kept & table["chromosome"].between(1, X).to_numpy()
    if region is not None:
        code, start, end = parse_region(region)
        position = table["base_pair_location"].to_numpy()
        wanted &= (table["chromosome"].to_numpy() == code) & (position >= start) & (position <= end)
    else:
        wanted &= table.index.isin(variants)
    if not wanted.any():
        raise InputError(f"LD matrix: no kept variant in {region or 'the rows named'}")
    return np.flatnonzero(wanted)


def parse_region(region: str) -> tuple[int, int, int]:
    """Chromosome code, first and last position of a region.

    >>> parse_region("chr7:1,000-2,000"), parse_region("X")[:2]
    ((7, 1000, 2000), (23, 1))

    Raises
    ------
    UsageError
        It cannot be read.
    """
    match = re.fullmatch(r"([^:]+)(?::([\d,]+)-([\d,]+))?", region.strip())
    code = chromosome_code(match[1]) if match else None
    if match is None or code is None:
        raise UsageError(f"region {region!r}: expected such as 7:120000000-121000000 or 7")
    if match[2] is None:
        return code, 1, int(np.iinfo(np.int32).max)
    start, end = (int(text.replace(",", "")) for text in (match[2], match[3]))
    if start > end:
        raise UsageError(f"region {region!r}: the end lies before the start")
    return code, start, end


def parse_distance(window: str) -> tuple[float, Literal["bp", "cM", "variants"]]:
    """A distance and its unit.

    >>> parse_distance("500kb"), parse_distance("1cM"), parse_distance("50")
    ((500000.0, 'bp'), (1.0, 'cM'), (50.0, 'variants'))

    Raises
    ------
    UsageError
        It cannot be read.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(kb|cm)?\s*", window, re.IGNORECASE)
    if match is None or (match[2] is None and "." in match[1]):
        raise UsageError(f"window {window!r}: expected such as 500kb, 1cM, or a number of variants")
    if match[2] is None:
        return float(match[1]), "variants"
    return (float(match[1]) * 1000, "bp") if match[2].lower() == "kb" else (float(match[1]), "cM")


_Windowed = tuple[
    CohortRows, npt.NDArray[np.intp], npt.NDArray[np.int64] | None, npt.NDArray[np.int64]
]


def _windowed(cohort: Cohort, window: str) -> list[_Windowed]:
    """Kept variants of the autosomes and of X: calls, rows, weights of samples, window ends."""
    from gwasbone.blocks.ld import window_ends

    width, unit = parse_distance(window)
    table = cohort.variants.table
    usable = cohort.variants.kept & table["chromosome"].between(1, X).to_numpy()
    rows = np.flatnonzero(usable)
    if len(rows) == 0 or cohort.people.n_kept == 0:
        raise InputError("LD: no variants or samples are left; see cohort.variants.funnel()")
    coordinate = {
        "bp": lambda: table["base_pair_location"].to_numpy()[rows],
        "cM": lambda: centimorgans(cohort)[rows],
        "variants": lambda: np.arange(len(rows)),
    }[unit]()
    calls = packed_rows(cohort, rows)
    windowed: list[_Windowed] = []
    for part, weights in calls.by_weights():
        some = calls.take(part)
        until = window_ends(some.chromosome, coordinate[part], width)
        windowed.append((some, rows[part], weights, until))
    return windowed


def centimorgans(cohort: Cohort) -> npt.NDArray[np.float64]:
    """(variants,) genetic positions, in cM, that the genotype files have.

    Raises
    ------
    UsageError
        The format has no genetic positions, or those of the files are all 0.
    """
    positions = cohort.source.genetic_positions(cohort.variants.table)
    if not positions.any():
        raise UsageError(
            f"a window in cM needs genetic positions, {cohort.source.describe()} has only 0: add "
            "them with plink --cm-map, or give the window in kb"
        )
    return positions


def _annotations_of(annotations: pd.DataFrame, index: pd.Index) -> npt.NDArray[np.float64]:
    absent = ~index.isin(annotations.index)
    if absent.any():
        raise UsageError(
            f"annotations: expected a row for each kept variant, {int(absent.sum())} have none, "
            f"such as row {index[absent][0]}"
        )
    return annotations.loc[index].to_numpy(dtype=float)
