"""Selected SNPs of participants, and what phenotypes are in participants of each genotype."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.design import build_design
from gwasbone.association.options import AssociationRequest
from gwasbone.cohort.chosen_variants import ambiguous_strands, dosages_of, rows_in_cohort
from gwasbone.columns import one_or_several
from gwasbone.errors import InputError
from gwasbone.stats.genotype_means import GenotypeMeans, means_by_genotype
from gwasbone.sumstats.variants import sign_of, unordered

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort
    from gwasbone.loci.region_selection import RegionSelection

log = logging.getLogger(__name__)

EFFECT_COLUMNS = (
    "variant_id", "source_id", "chromosome", "base_pair_location", "effect_allele", "other_allele",
    "trait", "copies", "n", "mean", "standard_error", "lower", "upper", "mean_sd", "lower_sd",
    "upper_sd", "beta", "beta_se", "beta_sd", "sd", "n_uncalled",
)  # fmt: skip


@dataclass(frozen=True)
class EffectRequest:
    """The genotype effects that are wanted.

    Parameters
    ----------
    phenotypes : indexed by person, with all columns of the request.
    scan : the traits, and the covariates that are held at their means.
    """

    phenotypes: pd.DataFrame
    scan: AssociationRequest


def selected_genotypes(selection: RegionSelection | pd.DataFrame, cohort: Cohort) -> pd.DataFrame:
    """Read the genotypes of the retained samples at the selected SNPs.

    Parameters
    ----------
    selection : of :func:`gwasbone.select_regions`, or a table with ``variant_id``,
        ``chromosome`` (codes), ``base_pair_location``, ``other_allele`` and ``effect_allele``.

    Returns
    -------
    Index = person (name ``IID``), a float32 column per ``variant_id``: copies of the effect
    allele, 0 to 2, fractions for imputed dosages, NaN where missing. Of a palindromic SNP (A/T,
    C/G) whose frequencies do not resolve the strand these are of the allele of that name in the
    genotypes, and a warning names it: unless the scan was made of these genotypes, it may be the
    other allele.

    Raises
    ------
    InputError
        The cohort lacks some of the variants.

    Examples
    --------
    >>> cohort = gb.example_cohort()
    >>> results = gb.associate(cohort, ["bmd_spine"], ["age", "sex"])
    >>> scans = {"bmd_spine_l1_l4": results.table("bmd_spine")}  # named as in the region map
    >>> selection = gb.select_regions(scans, cohort=cohort)
    >>> (gb.selected_genotypes(selection, cohort).mean() / 2).round(2)  # allele frequencies
    1_221606154_G_A    0.77
    22_46611852_A_T    0.25
    dtype: float32
    """
    variants = _variants_of(selection)
    rows = rows_in_cohort(variants, cohort)
    absent = variants["variant_id"][rows < 0]
    if len(absent):
        raise InputError(
            f"selected genotypes: {len(absent)} of {len(rows)} variants are not in the genotypes "
            f"({cohort.source.describe()}), such as {absent.iloc[0]}: take those of the scans"
        )
    G = dosages_of(cohort, rows)
    alt = cohort.variants.table["alt"].to_numpy()[rows]
    # on the other strand ALT is the effect allele by another name
    swapped = [
        sign_of(effect, name, unordered(effect, other)) < 0
        for effect, other, name in zip(
            variants["effect_allele"], variants["other_allele"], alt, strict=True
        )
    ]
    G[swapped] = 2 - G[swapped]
    _warn_of_palindromes(variants, G)
    people = cohort.people.kept_table().index.astype(str)
    return pd.DataFrame(
        G.T, index=pd.Index(people, name="IID"), columns=list(variants["variant_id"])
    )


def _warn_of_palindromes(variants: pd.DataFrame, G: npt.NDArray[np.float32]) -> None:
    if "effect_allele_frequency" not in variants:
        variants = variants.assign(effect_allele_frequency=np.nan)
    called = (~np.isnan(G)).sum(axis=1)
    frequency = np.nansum(G, axis=1) / (2 * np.maximum(called, 1))
    unclear = variants["variant_id"][ambiguous_strands(variants, frequency)]
    if len(unclear):
        log.warning(
            "%d selected SNPs are palindromic and allele frequencies do not resolve their strand; "
            "unless the scans were made of these genotypes, the copies counted may be of the "
            "other allele: %s%s",
            len(unclear), ", ".join(unclear[:5]), " and more" if len(unclear) > 5 else "",
        )  # fmt: skip


def genotype_effects(
    genotypes: pd.DataFrame,
    variants: RegionSelection | pd.DataFrame,
    phenotypes: pd.DataFrame,
    traits: str | Sequence[str],
    covariates: str | Sequence[str] = (),
    *,
    categorical: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Compute covariate-adjusted means of traits by genotype at selected SNPs.

    See :func:`gwasbone.stats.genotype_means.genotype_means`. People are those with genotype,
    trait and all covariates.

    Parameters
    ----------
    genotypes : result of :func:`selected_genotypes`.
    variants : the variants of the genotypes: a selection, or a table as there.
    phenotypes : table indexed by sample, with the columns of traits and covariates.
    traits, covariates, categorical : column names, as in :func:`gwasbone.associate`.

    Returns
    -------
    A row per SNP, trait and number of copies of the effect allele: :data:`EFFECT_COLUMNS`; means
    in units of the trait, and as ``mean_sd`` from the mean of all people in units of ``sd``, the
    standard deviation of the trait with covariates taken out, so that traits compare; ``beta``
    is the additive effect of a copy, ``beta_sd`` that in units of ``sd``.

    Raises
    ------
    InputError
        As :func:`gwasbone.association.design.build_design`.
    """
    traits, covariates, categorical = map(one_or_several, (traits, covariates, categorical))
    variants = _variants_of(variants)
    ids = [str(name) for name in genotypes.index]
    request = AssociationRequest(
        traits=tuple(traits), covariates=tuple(covariates), categorical=tuple(categorical),
        method="linear",
    )  # fmt: skip
    design = build_design(ids, phenotypes, request)
    G = genotypes[list(variants["variant_id"])].to_numpy(dtype=np.float32).T
    rows = []
    for group in design.groups:
        means = means_by_genotype(group.Y, G[:, group.people], group.X)
        for (_, snp), of_snp in zip(variants.iterrows(), means, strict=True):
            for trait, found in zip(group.names, of_snp, strict=True):
                rows += _rows(snp, trait, found)
    table = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    order = {trait: i for i, trait in enumerate(traits)}
    place = {name: i for i, name in enumerate(variants["variant_id"])}
    keys = [table["variant_id"].map(place), table["trait"].map(order), table["copies"]]
    return table.iloc[np.lexsort([np.asarray(key) for key in keys[::-1]])].reset_index(drop=True)


def _variants_of(selection: RegionSelection | pd.DataFrame) -> pd.DataFrame:
    if isinstance(selection, pd.DataFrame):
        return selection.drop_duplicates("variant_id").reset_index(drop=True)
    return selection.variants


def _rows(snp: pd.Series, trait: str, found: GenotypeMeans) -> list[tuple[object, ...]]:
    of_snp = tuple(snp[name] for name in EFFECT_COLUMNS[:6])
    there = found.n > 0
    middle = np.average(found.mean[there], weights=found.n[there])
    sd = found.sd if found.sd > 0 else np.nan
    means = np.column_stack([found.mean, found.lower, found.upper])
    numbers = np.column_stack(
        [found.mean, found.se, found.lower, found.upper, (means - middle) / sd]
    )
    shared = (found.beta, found.beta_se, found.beta / sd, found.sd, found.n_uncalled)
    return [
        (*of_snp, trait, copies, int(found.n[copies]), *numbers[copies], *shared)
        for copies in range(3)
    ]
