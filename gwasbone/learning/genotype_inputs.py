"""Whose genotypes are learned from images: participants, jobs, covariates, strata."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, UsageError, reads
from gwasbone.genome import AUTOSOMES, chromosome_code
from gwasbone.images.cache import ImageCache
from gwasbone.learning.training_people import region_pictures
from gwasbone.phenotypes.table import expand_names, numbers, pick_columns
from gwasbone.stats.permutation import IntArray, quantile_strata
from gwasbone.sumstats.table import with_names_of_today
from gwasbone.tables import read_cells

log = logging.getLogger(__name__)

#: Covariates of the baseline, as far as the tables have them.
COVARIATES = ("sex", "age", "weight", "PC1-PC10")
#: Components that labels are shuffled within strata of.
STRATA_COMPONENTS = ("PC1", "PC2")

#: Why somebody is not trained on.
LEFT_OUT = {
    "not_kept": "not in the list of participants to keep",
    "no_genotypes": "with an image, not in the table of genotypes",
    "no_picture": "genotyped and kept, without an image of the regions",
}


@dataclass(frozen=True)
class GenotypeInputs:
    """Everybody who may be trained on.

    Parameters
    ----------
    people : sorted names.
    genotypes : (n, m) copies of effect alleles by person and ``variant_id``.
    is_male : (n,) 1, 0 or NaN; which of the two a table's coding means does not matter here.
    covariates : (n, c) of the baseline, as numbers.
    strata : (n,) of genetic components.
    left_out : ``IID reason``, see :data:`LEFT_OUT`.
    """

    people: pd.Index
    genotypes: pd.DataFrame
    is_male: pd.Series
    covariates: pd.DataFrame
    strata: IntArray
    left_out: pd.DataFrame


def genotype_jobs(
    selected: pd.DataFrame | None, regions: Sequence[str], variants: Sequence[str]
) -> pd.DataFrame:
    """Pairs of region and variant to learn: ``region variant_id``, in order, each once.

    Parameters
    ----------
    selected : the table of ``gwasbone select`` (``region``, ``variant_id``), None for all pairs of
        regions and variants.
    regions : with ``selected``, take these of its regions only; all where empty.
    variants : columns of the table of genotypes.

    Raises
    ------
    InputError
        A column or region is missing, or no pair is left.
    """
    if selected is None:
        pairs = [(region, variant) for region in regions for variant in variants]
        jobs = pd.DataFrame(pairs, columns=["region", "variant_id"])
    else:
        missing = [name for name in ("region", "variant_id") if name not in selected.columns]
        if missing:
            raise InputError(
                f"selected SNPs: expected columns region and variant_id, {missing} missing: give "
                "the .selected.tsv that `gwasbone select` writes"
            )
        jobs = selected[["region", "variant_id"]].astype(str)
        absent = [region for region in regions if region not in set(jobs["region"])]
        if absent:
            raise InputError(
                f"selected SNPs: expected rows of region {', '.join(absent)}, there are rows of "
                f"{', '.join(jobs['region'].unique()) or 'none'}"
            )
        jobs = jobs[jobs["region"].isin(regions)] if regions else jobs
    jobs = jobs.drop_duplicates(ignore_index=True)
    if jobs.empty:
        raise InputError("selected SNPs: expected at least one region and SNP, there is none")
    return jobs


@reads("a table of selected variants")
def read_selected(path: Path) -> pd.DataFrame:
    """The pairs of region and SNP that ``gwasbone select`` has written.

    Raises
    ------
    UsageError
        There is no such file.
    """
    if not path.is_file():
        raise UsageError(
            f"--snps {path}: no such file; `gwasbone select` writes one, PREFIX.selected.tsv"
        )
    table = read_cells(path)
    return with_names_of_today(table, path)


def pictured_jobs(jobs: pd.DataFrame, cache: ImageCache) -> tuple[pd.DataFrame, list[str]]:
    """Jobs whose region the cache has images of, and the other regions."""
    absent = []
    for region in jobs["region"].unique():
        try:
            region_pictures(cache, str(region))
        except InputError:
            absent.append(str(region))
    return jobs[~jobs["region"].isin(absent)].reset_index(drop=True), absent


def is_autosomal(variant_id: str) -> bool:
    """Whether ``chr_pos_other_effect`` lies on an autosome; other names are taken to."""
    chromosome = variant_id.split("_", 1)[0]
    code = chromosome_code(chromosome) if variant_id.count("_") == 3 else None
    return code is None or code in AUTOSOMES


def pictured_people(cache: ImageCache, jobs: pd.DataFrame) -> pd.Index:
    """Everybody with an image of a job's region.

    Raises
    ------
    InputError
        The cache has no images of one.
    """
    shown = [region_pictures(cache, str(region)).people for region in jobs["region"].unique()]
    return pd.Index(np.unique(np.concatenate(shown)))


def genotype_inputs(
    genotypes: pd.DataFrame,
    pictured: pd.Index,
    tables: Mapping[str, pd.DataFrame],
    *,
    keep: pd.Index | None,
    covariates: Sequence[str] | None = None,
    strata_bins: int = 4,
) -> GenotypeInputs:
    """Take all participants with genotypes and an image, of the homogeneous subset.

    Parameters
    ----------
    genotypes : by person, a column per variant. pictured : everybody with an image of a region.
    tables : path -> table of people, searched for sex, covariates and components.
    keep : the homogeneous ancestry subset; everybody, with a warning, where None.
    covariates : of the baseline, must be there; those of :data:`COVARIATES` that are, where None.
    strata_bins : strata of PC1 and, within, of PC2; needs them in a table.

    Raises
    ------
    InputError
        A covariate is in no table, or nobody is left.
    """
    genotyped = genotypes.index
    kept = genotyped if keep is None else genotyped[genotyped.isin(keep)]
    people = kept[kept.isin(pictured)].sort_values()
    if keep is None:
        log.warning(
            "no list of participants to keep: all %s genotyped participants with an image are "
            "trained on, whatever their ancestry, which a network can learn from images and "
            "genotypes go with: give --keep with the homogeneous, unrelated subset",
            f"{len(people):,}",
        )
    if people.empty:
        raise InputError(
            "genotypes: expected participants with genotypes, an image and an entry in the list "
            f"to keep, none of {len(genotyped):,} genotyped, {len(kept):,} of them kept, and "
            f"{len(pictured):,} with images is in all: check that participants are named alike"
        )
    left_out = pd.concat(
        [
            pd.Series("not_kept", genotyped.difference(kept)),
            pd.Series("no_picture", kept.difference(people)),
            pd.Series("no_genotypes", pictured.difference(genotyped)),
        ]
    )
    for reason, meaning in LEFT_OUT.items():
        log.info("%d participants %s (%s)", (left_out == reason).sum(), meaning, reason)
    return GenotypeInputs(
        people=people,
        genotypes=genotypes.loc[people],
        is_male=_sex(tables, people),
        covariates=_covariates(tables, people, covariates),
        strata=_strata(tables, people, strata_bins),
        left_out=left_out.rename_axis("IID").rename("reason").reset_index(),
    )


def _has(tables: Mapping[str, pd.DataFrame], name: str) -> bool:
    return any(name in table.columns for table in tables.values())


def _sex(tables: Mapping[str, pd.DataFrame], people: pd.Index) -> pd.Series:
    """1 and 0 in the order of a table's codes; all NaN where no table has sex."""
    if not _has(tables, "sex"):
        return pd.Series(np.nan, people)
    sex = pick_columns(tables, ["sex"])["sex"].reindex(people)
    codes = pd.factorize(sex, sort=True)[0].astype(np.float64)
    return pd.Series(np.where(codes < 0, np.nan, codes), people)


def _covariates(
    tables: Mapping[str, pd.DataFrame], people: pd.Index, names: Sequence[str] | None
) -> pd.DataFrame:
    present = {str(name) for table in tables.values() for name in table}
    wanted = expand_names(list(names) if names is not None else list(COVARIATES), present)
    if names is None:
        wanted = [name for name in wanted if _has(tables, name)]
    picked = pick_columns(tables, wanted).reindex(people)
    table = pd.DataFrame({name: _as_numbers(picked, name) for name in wanted}, index=people)
    log.info("baseline: %s", ", ".join(wanted) or "none, the tables have no covariates")
    return table


def _as_numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """A covariate as numbers; words of two kinds (female, male) as 0 and 1."""
    if not pd.api.types.is_numeric_dtype(table[name]) and table[name].nunique() == 2:
        codes = pd.factorize(table[name], sort=True)[0].astype(np.float64)
        return np.where(codes < 0, np.nan, codes)
    return numbers(table, name)


def _strata(tables: Mapping[str, pd.DataFrame], people: pd.Index, bins: int) -> IntArray:
    found = [name for name in STRATA_COMPONENTS if _has(tables, name)]
    if not found:
        log.warning(
            "the tables have no PC1: labels are shuffled among all participants, not within "
            "strata of genetic components; give a --table with them (gwasbone pca)"
        )
    scores = pick_columns(tables, found).reindex(people) if found else pd.DataFrame(index=people)
    strata = quantile_strata(scores.to_numpy(np.float64), bins if found else 1)
    sizes = np.bincount(strata)
    log.info(
        "labels are shuffled within %d strata of %s, %d to %d participants each",
        len(sizes), " and ".join(found) or "nothing", sizes.min(), sizes.max(),
    )  # fmt: skip
    return strata
