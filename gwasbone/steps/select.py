"""SNPs of bone regions as files and pages.

What lies behind a prefix (``PREFIX.leads.tsv``), and in the folder of the stage ``leads`` of a
study (``leads.tsv``):

- ``leads.tsv``: lead blocks of every scan.
- ``selected.tsv``: a row per region and SNP (``region_selection.PAIR_COLUMNS``), chromosomes by
  the names people read.
- ``selection.json``: rule, counts, and the regions of every scan.
- ``selected.html``: the two pictures of it, where a SNP was selected.
- ``genotypes.parquet``: ``IID`` and a float column per ``variant_id`` (copies of the effect
  allele, NaN missing), where genotypes were given.
- ``effects.tsv`` and ``effects.html``: means of phenotypes by genotype, where phenotypes were
  given too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.errors import UsageError
from gwasbone.files import atomic_path
from gwasbone.loci.genotype_effects import genotype_effects, selected_genotypes
from gwasbone.loci.region_selection import RegionSelection
from gwasbone.tables import labelled, write_table

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort

log = logging.getLogger(__name__)

#: Kinds of files, as suffixes of a prefix.
SUFFIXES = (
    "leads.tsv", "selected.tsv", "selection.json", "selected.html", "genotypes.parquet",
    "effects.tsv", "effects.html",
)  # fmt: skip


@dataclass(frozen=True)
class EffectRequest:
    """The genotype effects that are wanted.

    Parameters
    ----------
    phenotypes : indexed by person, with all columns named below.
    traits, covariates, categorical : names of columns.
    """

    phenotypes: pd.DataFrame
    traits: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()


def region_flags(flags: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``trait=region,region`` as trait -> regions.

    >>> region_flags(["bmd_hip=left_hip,right_hip"])
    {'bmd_hip': ('left_hip', 'right_hip')}

    Raises
    ------
    UsageError
        A flag of another form.
    """
    given: dict[str, tuple[str, ...]] = {}
    for flag in flags:
        trait, _, regions = flag.partition("=")
        names = tuple(name.strip() for name in regions.split(",") if name.strip())
        if not trait or not names:
            raise UsageError(f"--region {flag}: expected TRAIT=REGION, such as bmd_hip=left_hip")
        given[trait.strip()] = names
    return given


def write_selection(
    selection: RegionSelection,
    stem: str,
    *,
    cohort: Cohort | None = None,
    effects: EffectRequest | None = None,
) -> list[str]:
    """Write the files of a selection; gives what there is to say about it, a line each.

    Parameters
    ----------
    stem : what precedes the names of files: ``PREFIX.`` or ``FOLDER/``.
    cohort : also write genotypes.
    effects : also write the genotype effects; needs ``cohort``.
    """
    write_leads(selection.leads, Path(f"{stem}leads.tsv"))
    write_table(labelled(selection.pairs), Path(f"{stem}selected.tsv"), index=False)
    facts = _facts(selection)
    with atomic_path(Path(f"{stem}selection.json")) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), "utf-8")
    said = summary(selection)
    if len(selection.pairs):
        from gwasbone.report.pages.selection import selected_page

        unmapped = [trait for trait, regions in facts["regions"].items() if not regions]
        notes = [f"Scans in no region, not selected from: {_listed(unmapped)}."] if unmapped else []
        page = Path(f"{stem}selected.html")
        selected_page(selection.pairs, page, subtitle=selection_words(facts), notes=notes)
        if cohort is not None:
            genotypes = selected_genotypes(selection, cohort)
            write_genotypes(genotypes, Path(f"{stem}genotypes.parquet"))
            said.append(f"genotypes of {len(genotypes):,} people at {genotypes.shape[1]} SNPs")
            if effects is not None:
                said.append(_write_effects(selection, genotypes, effects, stem, facts))
    return said


def write_leads(leads: pd.DataFrame, path: Path) -> None:
    """Write leads as a table, chromosomes by the names people read."""
    write_table(labelled(leads), path, index=False)


def write_genotypes(genotypes: pd.DataFrame, path: Path) -> None:
    """Write ``IID`` and a column per SNP as Parquet."""
    table = pa.Table.from_pandas(genotypes.reset_index(), preserve_index=False)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def summary(selection: RegionSelection) -> list[str]:
    """What was selected and what was left out, a line each."""
    facts = _facts(selection)
    per_region = selection.pairs.groupby("region", sort=False).size()
    counted = ", ".join(f"{region} {n}" for region, n in per_region.items())
    lines = [
        f"{len(facts['regions'])} scans"
        + (f", {facts['n_variants']:,} rows" if facts["n_variants"] else "")
        + f": {len(selection.leads)} lead blocks",
        f"{len(selection.pairs)} pairs of region and SNP, {facts['n_snps']} different SNPs"
        + (f": {counted}" if counted else ""),
        selection_words(facts),
    ]
    if selection.scans_without_hits:
        lines.append(
            f"scans with no p below {selection.rule.p_threshold:g}: "
            f"{_listed(selection.scans_without_hits)}"
        )
    if selection.unmapped:
        lines.append(
            f"scans in no region, not selected from: {_listed(selection.unmapped)} "
            "(--region TRAIT=REGION puts a scan into one)"
        )
    if facts["n_replaced"] or facts["n_lost"]:
        lines.append(
            f"the genotypes lack the best variant of {facts['n_replaced'] + facts['n_lost']} "
            f"blocks of scans: in {facts['n_replaced']} the next best stands in, "
            f"{facts['n_lost']} are lost"
        )
    return lines


def selection_words(facts: Mapping[str, Any]) -> str:
    """How peaks became SNPs, in a sentence."""
    rule = facts["rule"]
    best = "all" if rule["max_blocks"] is None else f"the {rule['max_blocks']} best"
    blocks = (
        f"Blocks of {rule['block_bp'] / 1e6:g} Mb with p below {rule['p_threshold']:g}, {best} of "
        f"each {rule['best_of']}."
    )
    if facts["pruned_by"] == "ld":
        return (
            f"{blocks} {facts['n_peaks']} peaks became {facts['n_snps']} SNPs by pruning: r² below "
            f"{rule['r2']:g} within {rule['window_bp'] / 1e6:g} Mb, the smallest p kept."
        )
    return (
        f"{blocks} No LD pruning was done, since no genotypes were given: {facts['n_peaks']} peaks "
        f"became {facts['n_snps']} SNPs by taking peaks of one block for one, the smallest p kept."
    )


def _write_effects(
    selection: RegionSelection,
    genotypes: pd.DataFrame,
    request: EffectRequest,
    stem: str,
    facts: Mapping[str, Any],
) -> str:
    from gwasbone.report.pages.selection import effects_page

    effects = genotype_effects(
        genotypes, selection, request.phenotypes, request.traits, request.covariates,
        categorical=request.categorical,
    )  # fmt: skip
    write_table(labelled(effects), Path(f"{stem}effects.tsv"), index=False)
    n_snps = effects["variant_id"].nunique()
    covariates = ", ".join((*request.covariates, *request.categorical)) or "none"
    effects_page(
        effects, selection.pairs, facts["regions"], Path(f"{stem}effects.html"),
        covariates=covariates,
    )  # fmt: skip
    return f"effects of {n_snps} SNPs on {len(request.traits)} phenotypes, covariates {covariates}"


def _facts(selection: RegionSelection) -> dict[str, Any]:
    return {
        "rule": asdict(selection.rule),
        "pruned_by": selection.pruned_by,
        "n_snps": int(selection.pairs["variant_id"].nunique()),
        "n_peaks": selection.n_peaks,
        "n_replaced": selection.n_replaced,
        "n_lost": selection.n_lost,
        "n_variants": selection.n_variants,
        "scans_without_hits": list(selection.scans_without_hits),
        "regions": {trait: list(names) for trait, names in selection.regions.items()},
    }


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
