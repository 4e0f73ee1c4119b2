"""A few chosen variants of a cohort: where they are, their dosages, their LD with each other."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.ld import ld_matrix
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.matrix_table import variant_keys
from gwasbone.cohort.sources.tables import VARIANT_KEY
from gwasbone.genome import X, chromosome_code, locus_key
from gwasbone.session import hail, temporary_path
from gwasbone.sumstats.table import KEY
from gwasbone.sumstats.variants import (
    AlleleCodes,
    Variants,
    find,
    is_palindromic,
    match_variants,
    most_significant,
    on_one_side,
)

log = logging.getLogger(__name__)

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def rows_in_cohort(variants: pd.DataFrame, cohort: Cohort) -> IntArray:
    """(m,) rows of the cohort's variant table; −1 for variants that it lacks or leaves out.

    Matched by the rule of :func:`gwasbone.sumstats.variants.match_variants`. Palindromes are
    matched as they are named, whatever their frequencies: linkage disequilibrium (r²) is the same
    on both strands. Who uses the sign of a dosage asks :func:`ambiguous_strands` too.

    Parameters
    ----------
    variants : ``chromosome`` (codes), ``base_pair_location``, ``other_allele``, ``effect_allele``.
    """
    table = cohort.variants.table
    ours = locus_key(table["chromosome"], table["base_pair_location"])
    wanted = np.unique(locus_key(variants["chromosome"], variants["base_pair_location"]))
    near = np.flatnonzero(find(wanted, ours)[1] & cohort.variants.kept)
    some = table.iloc[near].rename(columns={"ref": "other_allele", "alt": "effect_allele"})
    codes = AlleleCodes()
    held, asked = (Variants.of_table(t[list(KEY)], codes) for t in (some, variants))
    # of variants that stand twice in the cohort the first is taken
    first = most_significant(held.key, np.zeros(len(held)))
    found = match_variants(held.take(first), asked, strand_matters=False)
    rows = np.full(len(variants), -1, dtype=np.int64)
    rows[found.second] = near[first[found.first]]
    n_palindromic = int(is_palindromic(asked.key[found.second]).sum())
    if found.n_flipped or n_palindromic:
        log.info(
            "of %d variants in the genotypes %d are named on the other strand there, and %d are "
            "palindromic and taken as they are named",
            len(found.second), found.n_flipped, n_palindromic,
        )  # fmt: skip
    return rows


def ambiguous_strands(variants: pd.DataFrame, frequency: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """(m,) palindromes of which allele frequencies do not tell whether two sources mean one strand.

    The allele that a source counts may then be the other one in the other source.

    Parameters
    ----------
    variants : alleles, and ``effect_allele_frequency`` in one source.
    frequency : (m,) of the same effect allele, as it is named, in the other source.
    """
    palindromic = is_palindromic(Variants.of_table(variants[list(KEY)], AlleleCodes()).key)
    ours = variants["effect_allele_frequency"].to_numpy(dtype=np.float64)
    return palindromic & ~on_one_side(ours, np.asarray(frequency, dtype=np.float64))


def dosages_of(cohort: Cohort, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """(m, n) copies of ALT that the retained samples have; NaN where missing.

    From .bed, PGEN and BGEN files without a JVM. On X outside the pseudo-autosomal regions men
    have 0 or 2, and a man's heterozygous call is missing.

    Parameters
    ----------
    rows : (m,) rows of the cohort's variant table.
    """
    rows = np.asarray(rows, dtype=np.intp)
    if not len(rows):
        return np.empty((0, cohort.people.n_kept), np.float32)
    if not cohort.source.capabilities.blocks:
        return _by_hail(cohort, rows)
    return cohort.source.genotypes(cohort.participants).dosages(cohort.variants.table.iloc[rows])


def squared_correlations(
    cohort: Cohort, rows: npt.NDArray[np.integer], *, threads: int | None = None
) -> FloatArray:
    """(m, m) r² of ALT dosages between variants of one chromosome, over samples who have both.

    On X men count once and women twice. NaN where a variant does not vary.

    Parameters
    ----------
    rows : (m,) rows of the cohort's variant table.
    """
    rows = np.asarray(rows, dtype=np.intp)
    has = cohort.source.capabilities
    if not (has.blocks and has.dosages):
        index = cohort.variants.table.index[rows]
        found = ld_matrix(cohort, variants=index, missing="pairwise", threads=threads)
        place = found.variants.index.get_indexer(index)
        return found.values[np.ix_(place, place)]
    weights = np.ones(cohort.people.n_kept)
    on_x = cohort.variants.table["chromosome"].to_numpy()[rows] == X
    if on_x.any():
        men = cohort.participants.men
        weights = np.where(men, 1.0, 2.0) if men.any() else weights
    return dosage_r2(dosages_of(cohort, rows), weights)


def dosage_r2(G: npt.ArrayLike, weights: npt.ArrayLike) -> FloatArray:
    """(m, m) squared correlations of dosages over the samples who have both of a pair.

    Parameters
    ----------
    G : (m, n) dosages, NaN where missing. weights : (n,) times that each person counts.

    Examples
    --------
    >>> dosage_r2([[0, 0, 1, 1], [0, 1, 1, 1], [2, 1, 1, 1]], np.ones(4)).round(4).tolist()[1]
    [0.3333, 1.0, 1.0]
    """
    G = np.asarray(G, dtype=np.float64)
    M = ~np.isnan(G)
    called = M * np.asarray(weights, dtype=np.float64)
    # about the mean, so that sums of squares lose nothing
    mean = np.divide(
        np.nansum(G * called, axis=1), called.sum(axis=1), where=M.any(axis=1), out=np.zeros(len(G))
    )
    G = np.where(M, G - mean[:, None], 0.0)
    weighted = G * called
    n = called @ M.T
    sums, squares = weighted @ M.T, (weighted * G) @ M.T
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = weighted @ G.T - sums * sums.T / n
        variance = squares - sums**2 / n
        # what rounding leaves of a variant that does not vary
        variance[variance <= 1e-12 * n] = np.nan
        return covariance**2 / (variance * variance.T)


def _by_hail(cohort: Cohort, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """As lines of text, since collecting would make a Python object of each dosage."""
    hl = hail()
    table = cohort.variants.table.iloc[rows]
    mt = cohort.mt.semi_join_rows(variant_keys(table, cohort.build))
    wide = mt.select_entries("dosage").select_rows().localize_entries("people", "columns").key_by()
    wide = wide.select(
        chromosome=wide.locus.contig,
        base_pair_location=wide.locus.position,
        ref=wide.alleles[0],
        alt=wide.alleles[1],
        # hl.str would write six digits
        dosages=hl.delimit(
            wide.people.map(
                lambda person: hl.if_else(
                    hl.is_defined(person.dosage), hl.format("%.8f", person.dosage), "nan"
                )
            ),
            " ",
        ),
    )
    path = temporary_path("dosages") + ".tsv"
    wide.export(path)
    place = {
        (int(c), int(position), str(ref), str(alt)): i
        for i, (c, position, ref, alt) in enumerate(
            table[VARIANT_KEY].itertuples(index=False, name=None)
        )
    }
    G = np.full((len(table), cohort.people.n_kept), np.nan, dtype=np.float32)
    with hl.hadoop_open(path) as lines:
        next(lines)
        for line in lines:
            contig, position, ref, alt, dosages = line.rstrip("\n").split("\t")
            at = place[chromosome_code(contig) or 0, int(position), ref, alt]
            G[at] = np.array(dosages.split(" "), dtype=np.float32)
    return G
