"""Principal components of the retained samples, and other samples projected onto them.

Each variant with allele frequency p is centred at 2p and divided by √(2p(1 − p)·m), m variants in
all, missing calls at the mean; components are the singular vectors of that matrix, so eigenvalues
are those of the genetic relationship matrix (Price et al. 2006, Nat Genet 38:904). Variants that do
not vary are left out and not counted in m.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import session
from gwasbone.blocks import packed
from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.packed import Words
from gwasbone.blocks.pca import leading_components
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import PcaOptions
from gwasbone.cohort.sources.bed_reader import CALLS_PER_BLOCK
from gwasbone.cohort.sources.calls import CohortRows, autosomal_calls, packed_rows
from gwasbone.cohort.sources.tables import VARIANT_COLUMNS, VARIANT_KEY, chromosome_codes
from gwasbone.display import Shown
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import AUTOSOMES

log = logging.getLogger(__name__)

#: The variants that principal components are computed on, where none are given.
DEFAULT_MAF = 0.05
_MIN_ROWS = 512
#: Decimals to which copies of a sample have the same scores.
_SAME_SCORE = 6
_CALLS_PER_PARTITION = 5_000_000


@dataclass(frozen=True, repr=False)
class PrincipalComponents(Shown):
    """Principal components of samples: scores, loadings and eigenvalues.

    Parameters
    ----------
    scores : (n, k) index = person ID, columns ``PC1``, ...; the length of a column is the root of
        its eigenvalue.
    loadings : (m, k) and the variant they belong to: ``chromosome``, ``base_pair_location``,
        ``ref``, ``alt``, ``source_id``, ``frequency`` (of ALT), ``PC1``, ...; index = row of the
        variant table. A sign is chosen so that the largest loading of a component is positive.
    eigenvalues : (k,) of the genetic relationship matrix, largest first.
    """

    scores: pd.DataFrame
    loadings: pd.DataFrame
    eigenvalues: npt.NDArray[np.float64]

    @property
    def names(self) -> list[str]:
        """``PC1`` and so on."""
        return list(self.scores.columns)

    def headline(self) -> str:
        n, k = self.scores.shape
        return f"PrincipalComponents: {k} of {n:,} samples, from {len(self.loadings):,} variants"

    def preview(self) -> pd.DataFrame:
        return self.scores.reset_index()


def principal_components(
    cohort: Cohort,
    variants: pd.Index | npt.ArrayLike | None = None,
    *,
    k: int = PcaOptions.n_components,
    engine: Literal["auto", "blocks", "hail"] = "auto",
    seed: int = 0,
    threads: int | None = None,
) -> PrincipalComponents:
    """Compute principal components of the retained samples.

    Leave out relatives first (:func:`gwasbone.cohort.relatedness.exclude_related`), or families
    become components; :func:`project` gives them scores afterwards.

    Parameters
    ----------
    variants : which to use: index of rows of the variant table (as of what
        :func:`gwasbone.cohort.prune.prune` returns) or a mask over it; by default those pruned at
        r² 0.1 in 500 kb with MAF of at least 0.05 outside regions of long-range LD. Only autosomes.
    k : number of components.
    engine : ``blocks`` works on packed calls (:func:`gwasbone.blocks.pca.leading_components`),
        read from .bed, PGEN and BGEN files in place; of others Hail first exports the variants to
        .bed.
        ``hail`` is ``hl.hwe_normalized_pca``. ``auto`` is ``blocks``; both give the same
        components.
    seed : random seed of the starting vectors of ``blocks``.
    threads : number of cores of ``blocks``; all by default.

    Raises
    ------
    UsageError
        Fewer people or variants than components ask for, or an engine that there is not.

    Notes
    -----
    With missing calls ``plink2 --pca approx`` has the same eigenvalues. PLINK's exact way divides
    the sum of a pair of people by the variants called in both, so its are larger by about twice
    the share of calls missing.

    Examples
    --------
    >>> cohort = gb.example_cohort()
    >>> gb.principal_components(cohort, gb.prune(cohort, maf=0.05).index, k=2)
    PrincipalComponents: 2 of 300 samples, from 40 variants
    """
    if engine not in ("auto", "blocks", "hail"):
        raise UsageError(
            f"principal components: expected engine auto, blocks or hail, got {engine!r}"
        )
    table = cohort.variants.table
    mask = cohort.variants.kept & _mask(cohort, variants)
    mask &= table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    n, m = cohort.people.n_kept, int(mask.sum())
    if k < 1 or min(n, m) <= k:
        raise UsageError(
            f"principal components: expected more samples and variants than the {k} components, "
            f"got {n} samples and {m} autosomal variants"
        )
    log.info(
        "principal components by %s: %d samples, %d variants",
        "hail" if engine == "hail" else "blocks", n, m,
    )  # fmt: skip
    if engine == "hail":
        eigenvalues, scores, loadings = _components_by_hail(cohort, mask, k)
    else:
        eigenvalues, scores, loadings = _components_by_blocks(cohort, mask, k, seed, threads)
    names = list(scores.columns)
    _warn_of_copies(scores)
    signs = _signs(loadings[names].to_numpy())
    loadings[names] *= signs
    return PrincipalComponents(scores * signs, loadings, eigenvalues)


def _warn_of_copies(scores: pd.DataFrame) -> None:
    """Copies of a sample have the same scores, and enough of them become a component."""
    copies = scores.round(_SAME_SCORE).duplicated(keep=False)
    if copies.any():
        log.warning(
            "principal components: %d samples have the components of another, such as %s: copies "
            "of a sample can become a component; leave out relatives first (gwasbone relatedness)",
            int(copies.sum()), ", ".join(map(str, scores.index[copies][:2])),
        )  # fmt: skip


_Components = tuple[npt.NDArray[np.float64], pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class _BlocksOf(Sequence[Words]):
    """Packed calls of some variants, read when a block is asked for."""

    variants: CohortRows

    @property
    def _together(self) -> int:
        # a sum over variants is kept for each person: blocks of few variants would be all sums
        n_people = max(1, len(self.variants.columns.slots))
        return max(_MIN_ROWS, CALLS_PER_BLOCK // n_people)

    def __len__(self) -> int:
        return -(-len(self.variants) // self._together)

    def rows(self, i: int) -> slice:
        return slice(i * self._together, (i + 1) * self._together)

    def __getitem__(self, i: Any) -> Words:
        return self.variants[self.rows(i)]


def _components_by_blocks(
    cohort: Cohort, mask: npt.NDArray[np.bool_], k: int, seed: int, threads: int | None
) -> _Components:
    table = cohort.variants.table.loc[mask]
    blocks = _BlocksOf(packed_rows(cohort, np.flatnonzero(mask)))
    columns = blocks.variants.columns
    found = leading_components(blocks, columns, k=k, seed=seed, threads=threads)
    names = _names(k)
    people = cohort.people.kept_table().index
    scores = pd.DataFrame(found.people * np.sqrt(found.eigenvalues), index=people, columns=names)
    numbers = pd.DataFrame(found.loadings, index=table.index, columns=names)
    numbers.insert(0, "frequency", found.frequency)
    loadings = table[list(VARIANT_COLUMNS)].rename_axis("variant").join(numbers)
    return found.eigenvalues, scores, loadings.dropna(subset=names)


def _components_by_hail(cohort: Cohort, mask: npt.NDArray[np.bool_], k: int) -> _Components:
    """Eigenvalues, scores and loadings of ``hl.hwe_normalized_pca``, signs as they come."""
    hl = session.hail()
    # Read once for each Lanczos step: what is selected is a small part of the file, and every
    # partition is a task each time.
    mt = autosomal_calls(cohort, mask).checkpoint(session.temporary_path("components") + ".mt")
    calls = cohort.people.n_kept * int(mask.sum())
    mt = mt.naive_coalesce(1 + calls // _CALLS_PER_PARTITION)
    mt = mt.annotate_rows(frequency=hl.agg.mean(mt.GT.n_alt_alleles()) / 2)
    eigenvalues, scores, loadings = hl.hwe_normalized_pca(mt.GT, k=k, compute_loadings=True)
    names = _names(k)
    scores = scores.key_by()
    score_table = _numbers(scores, scores.scores, names, {"s": scores.s}).set_index("s")
    loadings = loadings.annotate(frequency=mt.index_rows(loadings.key).frequency).key_by()
    loading_table = _numbers(
        loadings,
        loadings.loadings,
        names,
        {
            "chromosome": loadings.locus.contig,
            "base_pair_location": loadings.locus.position,
            "ref": loadings.alleles[0],
            "alt": loadings.alleles[1],
            "frequency": hl.format("%.14e", loadings.frequency),
        },
    )
    score_table = score_table[names].reindex(cohort.people.kept_table().index)
    return np.array(eigenvalues, dtype=float), score_table, _placed(loading_table, cohort, names)


def _numbers(table: Any, array: Any, names: list[str], others: dict[str, Any]) -> pd.DataFrame:
    """An array field of a Hail Table as columns; written in full, as Hail's export rounds."""
    hl = session.hail()
    path = Path(session.temporary_path("components") + ".tsv")
    numbers = {name: hl.format("%.14e", array[j]) for j, name in enumerate(names)}
    table.select(**others, **numbers).export(str(path))
    text = {"s": str, "chromosome": str, "ref": str, "alt": str}
    frame = pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False)
    path.unlink()
    return frame


def _placed(loadings: pd.DataFrame, cohort: Cohort, names: list[str]) -> pd.DataFrame:
    """Loadings in the order, and with the index, of the variant table."""
    loadings["chromosome"] = chromosome_codes(loadings["chromosome"])
    table = cohort.variants.kept_table(*VARIANT_COLUMNS).rename_axis("variant").reset_index()
    both = table.merge(loadings, on=VARIANT_KEY, how="inner").set_index("variant")
    return both[[*VARIANT_COLUMNS, "frequency", *names]]


def _names(k: int) -> list[str]:
    return [f"PC{j + 1}" for j in range(k)]


def project(cohort: Cohort, components: PrincipalComponents) -> pd.DataFrame:
    """Project the retained samples of a cohort on components computed in other samples.

    Parameters
    ----------
    cohort : cohort on the same build; variants are matched by position and alleles (swapped
        alleles are recoded), whether retained or not.
    components : result of :func:`principal_components`.

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
    found = _matched(cohort, components.loadings)
    n_found, m = len(found), len(components.loadings)
    if n_found < 0.9 * m:
        raise InputError(
            f"projection: expected the {m} variants of the components in the cohort, found "
            f"{n_found} by position and alleles: is it the same build?"
        )
    everything = replace(cohort, variants=replace(cohort.variants, decisions=()))
    p = found["frequency"].to_numpy()
    weights = found[components.names].to_numpy() / np.sqrt(2 * p * (1 - p) * m)[:, None]
    # counts of the other allele are 2 − g: the weight changes sign and the mean the allele
    swapped = found["swapped"].to_numpy()
    mean = 2 * np.where(swapped, 1 - p, p)
    weights = np.where(swapped[:, None], -weights, weights)
    scores = _scores(everything, found["position"].to_numpy(), mean, weights)
    return pd.DataFrame(scores, index=cohort.people.kept_table().index, columns=components.names)


def _scores(
    cohort: Cohort,
    rows: npt.NDArray[np.integer],
    mean: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """(n, k) sums over variants of (g − mean) times a weight, 0 for missing calls."""
    blocks = _BlocksOf(packed_rows(cohort, rows))
    calls = blocks.variants.calls

    def of_block(i: int) -> npt.NDArray[np.float64]:
        words, w = blocks[i], weights[blocks.rows(i)]
        at_mean = mean[blocks.rows(i), None] * w
        scores = packed.multiply_transposed(words, w) - at_mean.sum(axis=0)
        missing = packed.missing_calls(words, calls.everyone)
        if missing is not None:
            scores += missing.T @ at_mean
        return scores[calls.columns.slots]

    scores = np.zeros((cohort.people.n_kept, weights.shape[1]))
    for part in map_blocks(of_block, range(len(blocks))):
        scores += part
    return scores


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


def _matched(cohort: Cohort, loadings: pd.DataFrame) -> pd.DataFrame:
    """Loadings of variants of the cohort, with their row there (``position``) and orientation."""
    table = cohort.variants.table[VARIANT_KEY].assign(position=np.arange(len(cohort.variants)))
    # of copies the one that is kept; the order is by place where none is
    table = table.iloc[np.argsort(~cohort.variants.kept, kind="stable")]
    straight = loadings.merge(table, on=VARIANT_KEY).assign(swapped=False)
    turned = table.rename(columns={"ref": "alt", "alt": "ref"})
    swapped = loadings.merge(turned, on=VARIANT_KEY).assign(swapped=True)
    return pd.concat([straight, swapped]).drop_duplicates(VARIANT_KEY, ignore_index=True)
