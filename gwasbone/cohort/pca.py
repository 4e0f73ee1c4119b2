"""Principal components of the kept people, and other people projected onto them.

Each variant with allele frequency p is centred at 2p and divided by √(2p(1 − p)·m), m variants in
all, missing calls at the mean; components are the singular vectors of that matrix, so eigenvalues
are those of the genetic relationship matrix (Price et al. 2006, Nat Genet 38:904).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import VARIANT_COLUMNS, VARIANT_KEY, Cohort
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import AUTOSOMES

log = logging.getLogger(__name__)

#: The variants that principal components are computed on, where none are given.
DEFAULT_MAF = 0.05
_READ_TOGETHER = 1024
_CALLS_PER_PARTITION = 5_000_000


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components.

    Parameters
    ----------
    scores : (n, k) index = person ID, columns ``PC1``, ...; the length of a column is the root of
        its eigenvalue.
    loadings : (m, k) and the variant they belong to: ``chromosome``, ``position_bp``, ``ref``,
        ``alt``, ``source_id``, ``frequency`` (of ALT), ``PC1``, ...; index = row of the variant
        table. A sign is chosen so that the largest loading of a component is positive.
    eigenvalues : (k,) of the genetic relationship matrix, largest first.
    """

    scores: pd.DataFrame
    loadings: pd.DataFrame
    eigenvalues: npt.NDArray[np.float64]

    @property
    def names(self) -> list[str]:
        """``PC1`` and so on."""
        return list(self.scores.columns)


def principal_components(
    cohort: Cohort, variants: pd.Index | npt.ArrayLike | None = None, *, k: int = 10
) -> PrincipalComponents:
    """Principal components of the kept people by Hail's ``hwe_normalized_pca``.

    Leave out relatives first (:func:`gwasbone.cohort.relatedness.exclude_related`), or families
    become components; :func:`project` gives them scores afterwards.

    Parameters
    ----------
    variants : which to use: index of rows of the variant table (as of what
        :func:`gwasbone.cohort.prune.prune` returns) or a mask over it; by default those pruned at
        r² 0.1 in 500 kb with MAF above 0.05 outside regions of long-range LD. Only autosomes.
    k : number of components.

    Raises
    ------
    UsageError
        Fewer people or variants than components ask for.

    Examples
    --------
    >>> pcs = principal_components(cohort, prune(cohort, maf=0.05).index)   # doctest: +SKIP
    """
    from gwasbone.cohort.selected import autosomal_calls
    from gwasbone.session import hail, temporary_path

    mask = cohort.variants.kept & _mask(cohort, variants)
    autosomal = cohort.variants.table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    n, m = cohort.people.n_kept, int((mask & autosomal).sum())
    if k < 1 or min(n, m) <= k:
        raise UsageError(
            f"principal components: expected more people and variants than the {k} components, "
            f"got {n} people and {m} autosomal variants"
        )
    hl = hail()
    # Read once for each Lanczos step: what is selected is a small part of the file, and every
    # partition is a task each time.
    mt = autosomal_calls(cohort, mask).checkpoint(temporary_path("components") + ".mt")
    mt = mt.naive_coalesce(1 + n * m // _CALLS_PER_PARTITION)
    mt = mt.annotate_rows(frequency=hl.agg.mean(mt.GT.n_alt_alleles()) / 2)
    log.info("principal components: %d people, %d variants", n, m)
    eigenvalues, scores, loadings = hl.hwe_normalized_pca(mt.GT, k=k, compute_loadings=True)
    names = [f"PC{j + 1}" for j in range(k)]
    scores = scores.key_by()
    score_table = _numbers(scores, scores.scores, names, {"s": scores.s}).set_index("s")
    loadings = loadings.annotate(frequency=mt.index_rows(loadings.key).frequency).key_by()
    loading_table = _numbers(
        loadings,
        loadings.loadings,
        names,
        {
            "chromosome": loadings.locus.contig,
            "position_bp": loadings.locus.position,
            "ref": loadings.alleles[0],
            "alt": loadings.alleles[1],
            "frequency": hl.format("%.14e", loadings.frequency),
        },
    )
    signs = _signs(loading_table[names].to_numpy())
    score_table = (score_table[names] * signs).reindex(cohort.people.kept_table().index)
    loading_table[names] *= signs
    return PrincipalComponents(
        score_table, _placed(loading_table, cohort, names), np.array(eigenvalues, dtype=float)
    )


def project(cohort: Cohort, components: PrincipalComponents) -> pd.DataFrame:
    """Scores of the kept people of a cohort on components computed in other people.

    Parameters
    ----------
    cohort : of the same build; variants are matched by position and alleles (swapped alleles are
        turned round), whether kept or not.
    components : from :func:`principal_components`.

    Returns
    -------
    (n, k) index = person ID, columns ``PC1``, ...

    Raises
    ------
    InputError
        Fewer than nine in ten of the variants are in the cohort.

    Notes
    -----
    People who took part in the computation get back their own scores. Those of new people are
    shrunk towards 0, the more so the more variants there are per person and the smaller the
    eigenvalue: compare projected people with projected people (Lee et al. 2010, Ann Statist
    38:3605). Missing calls, and variants that are not in the cohort, count as the mean.
    """
    from gwasbone.cohort.prune import hard_call_rows

    found = _matched(cohort, components.loadings)
    n_found, m = len(found), len(components.loadings)
    if n_found < 0.9 * m:
        raise InputError(
            f"projection: expected the {m} variants of the components in the cohort, found "
            f"{n_found} by position and alleles: is it the same build?"
        )
    everything = replace(cohort, variants=replace(cohort.variants, decisions=()))
    calls = hard_call_rows(everything, found["position"].to_numpy())
    p = found["frequency"].to_numpy()
    weight = found[components.names].to_numpy() / np.sqrt(2 * p * (1 - p) * m)[:, None]
    swapped = found["swapped"].to_numpy()
    scores = np.zeros((calls.shape[1], len(components.names)))
    for start in range(0, n_found, _READ_TOGETHER):
        part = slice(start, start + _READ_TOGETHER)
        block = calls.read(np.arange(n_found)[part])
        copies = np.where(swapped[part, None], 2 - block, block).astype(float)
        centred = np.where(block < 0, 0.0, copies - 2 * p[part, None])
        scores += centred.T @ weight[part]
    return pd.DataFrame(scores, index=cohort.people.kept_table().index, columns=components.names)


def _mask(cohort: Cohort, variants: pd.Index | npt.ArrayLike | None) -> npt.NDArray[np.bool_]:
    index = cohort.variants.table.index
    if variants is None:
        from gwasbone.cohort.prune import prune

        return index.isin(prune(cohort, maf=DEFAULT_MAF).index)
    given = np.asarray(variants)
    if given.dtype != bool:
        unknown = given[~np.isin(given, index)]
        if len(unknown):
            raise UsageError(
                f"principal components: {len(unknown)} of the variants, such as {unknown[0]}, are "
                "no rows of the variant table"
            )
        return index.isin(given)
    if given.shape != (len(index),):
        raise UsageError(
            f"principal components: expected a mask of {len(index)} variants, got {given.shape}"
        )
    return given


def _signs(loadings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    largest = np.abs(loadings).argmax(axis=0)
    return np.where(loadings[largest, np.arange(loadings.shape[1])] < 0, -1.0, 1.0)


def _numbers(table: Any, array: Any, names: list[str], others: dict[str, Any]) -> pd.DataFrame:
    """An array field of a Hail Table as columns; written in full, as Hail's export rounds."""
    from gwasbone.session import hail, temporary_path

    hl = hail()
    path = Path(temporary_path("components") + ".tsv")
    numbers = {name: hl.format("%.14e", array[j]) for j, name in enumerate(names)}
    table.select(**others, **numbers).export(str(path))
    text = {"s": str, "chromosome": str, "ref": str, "alt": str}
    frame = pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False)
    path.unlink()
    return frame


def _placed(loadings: pd.DataFrame, cohort: Cohort, names: list[str]) -> pd.DataFrame:
    """Loadings in the order, and with the index, of the variant table."""
    from gwasbone.cohort.variant_table import chromosome_codes

    loadings["chromosome"] = chromosome_codes(loadings["chromosome"])
    table = cohort.variants.table[list(VARIANT_COLUMNS)].rename_axis("variant").reset_index()
    both = table.merge(loadings, on=VARIANT_KEY, how="inner").set_index("variant")
    return both[[*VARIANT_COLUMNS, "frequency", *names]]


def _matched(cohort: Cohort, loadings: pd.DataFrame) -> pd.DataFrame:
    """Loadings of variants of the cohort, with their row there (``position``) and orientation."""
    table = cohort.variants.table[VARIANT_KEY].assign(position=np.arange(len(cohort.variants)))
    straight = loadings.merge(table, on=VARIANT_KEY).assign(swapped=False)
    turned = table.rename(columns={"ref": "alt", "alt": "ref"})
    swapped = loadings.merge(turned, on=VARIANT_KEY).assign(swapped=True)
    return pd.concat([straight, swapped]).drop_duplicates(VARIANT_KEY, ignore_index=True)
