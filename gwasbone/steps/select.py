"""SNPs of bone regions as files and pages.

What lies behind a prefix (``PREFIX.leads.tsv``), and in the folder of the stage ``leads`` of a
study (``leads.tsv``):

- ``leads.tsv``: lead blocks of every scan.
- ``selected.tsv``: a row per region and SNP (``region_selection.PAIR_COLUMNS``), chromosomes by
  the names people read; :func:`read_selected` reads it.
- ``selection.json``: rule, counts, and the regions of every scan.
- ``selected.html``: the two pictures of it, where a SNP was selected.
- ``genotypes.parquet``: ``IID`` and a float column per ``variant_id`` (copies of the effect
  allele, NaN missing), where genotypes were given.
- ``effects.tsv`` and ``effects.html``: means of phenotypes by genotype, where phenotypes were
  given too.

:func:`sections` draws the figures again out of these files.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.errors import InputError, UsageError
from gwasbone.files import atomic_path
from gwasbone.genome import chromosome_code
from gwasbone.loci.genotype_effects import genotype_effects, selected_genotypes
from gwasbone.loci.region_peaks import SelectionRule
from gwasbone.loci.region_selection import RegionSelection
from gwasbone.sumstats.table import with_names_of_today
from gwasbone.tables import labelled, write_table

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort
    from gwasbone.plots.page import Sections
    from gwasbone.study.config import SelectionSection

log = logging.getLogger(__name__)

#: Kinds of files, as suffixes of a prefix.
SUFFIXES = (
    "leads.tsv", "selected.tsv", "selection.json", "selected.html", "genotypes.parquet",
    "effects.tsv", "effects.html",
)  # fmt: skip
#: SNPs whose genotype effects are drawn; all are in the table.
EFFECTS_DRAWN = 8


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


def section_rule(section: SelectionSection, **flags: Any) -> SelectionRule:
    """The rule of a study's section, with flags in place of its values."""
    return SelectionRule(
        **{field.name: getattr(section, field.name) for field in fields(SelectionRule)} | flags
    )


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
    made = {"leads.tsv", "selected.tsv", "selection.json"}
    write_table(labelled(selection.pairs), Path(f"{stem}selected.tsv"), index=False)
    facts = _facts(selection)
    with atomic_path(Path(f"{stem}selection.json")) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), "utf-8")
    said = summary(selection)
    if len(selection.pairs):
        made.add("selected.html")
        _page(
            selected_sections(selection.pairs, facts), Path(f"{stem}selected.html"),
            "Selected SNPs of bone regions", selection_words(facts),
        )  # fmt: skip
        if cohort is not None:
            made.add("genotypes.parquet")
            genotypes = selected_genotypes(selection, cohort)
            write_genotypes(genotypes, Path(f"{stem}genotypes.parquet"))
            said.append(f"genotypes of {len(genotypes):,} people at {genotypes.shape[1]} SNPs")
            if effects is not None:
                made |= {"effects.tsv", "effects.html"}
                said.append(_write_effects(selection, genotypes, effects, stem, facts))
    # what an earlier run left that this one has nothing to put into
    for suffix in set(SUFFIXES) - made:
        Path(f"{stem}{suffix}").unlink(missing_ok=True)
    return said


def write_leads(leads: pd.DataFrame, path: Path) -> None:
    """Write leads as a table, chromosomes by the names people read."""
    write_table(labelled(leads), path, index=False)


def write_genotypes(genotypes: pd.DataFrame, path: Path) -> None:
    """Write ``IID`` and a column per SNP as Parquet."""
    table = pa.Table.from_pandas(genotypes.reset_index(), preserve_index=False)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read_selected(path: str | Path) -> pd.DataFrame:
    """A ``selected.tsv`` with chromosomes as codes.

    Raises
    ------
    InputError
        No such file, or other columns.
    """
    text = ("region", "variant_id", "chromosome", "effect_allele", "other_allele", "source_id",
            "scans", "best_scan")  # fmt: skip
    try:
        pairs = pd.read_csv(
            path, sep="\t", dtype=dict.fromkeys(text, str), keep_default_na=False,
            na_values={name: ["NA"] for name in _OF_PAIRS},
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"{path}: expected a table of selected SNPs: {error.strerror}") from None
    pairs = with_names_of_today(pairs, path)
    absent = [name for name in (*text, "base_pair_location") if name not in pairs]
    if absent:
        raise InputError(f"{path}: expected a table of selected SNPs, no {', '.join(absent)}")
    return pairs.assign(chromosome=[chromosome_code(name) for name in pairs["chromosome"]])


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


def selected_sections(pairs: pd.DataFrame, facts: Mapping[str, Any]) -> Sections:
    """Figure 8: SNPs of each region, regions of each SNP."""
    from gwasbone.plots.selection import regions_per_snp, snps_per_region

    notes = [selection_words(facts)]
    unmapped = [trait for trait, regions in facts["regions"].items() if not regions]
    if unmapped:
        notes.append(f"Scans in no region, not selected from: {_listed(unmapped)}.")
    return [
        ("SNPs of each region", snps_per_region(pairs, title="Selected SNPs by region")),
        ("Regions of each SNP", regions_per_snp(pairs, title="Selected SNPs", notes=notes)),
    ]


def effect_sections(
    effects: pd.DataFrame, pairs: pd.DataFrame, facts: Mapping[str, Any]
) -> Sections:
    """Figure 9: for the SNPs of most regions, phenotypes by genotype."""
    from gwasbone.plots.genotype_effects import genotype_effects as draw
    from gwasbone.plots.selection import region_words, snp_words

    n_regions = pairs.groupby("variant_id")["region"].nunique()
    best = pairs.groupby("variant_id")["neg_log_10_p_value"].max()
    order = pd.DataFrame({"n": n_regions, "p": best}).sort_values(
        ["n", "p"], ascending=False, kind="stable"
    )
    regions = {
        trait: ", ".join(map(region_words, names)) if len(names) < 3 else f"{len(names)} regions"
        for trait, names in facts["regions"].items()
    }
    # traits of a region side by side
    rank = {region: i for i, region in enumerate(dict.fromkeys(pairs["region"]))}
    of_trait = {t: rank.get(names[0], len(rank)) for t, names in facts["regions"].items() if names}
    place = effects["trait"].map(of_trait).fillna(len(rank))
    effects = effects.iloc[place.argsort(kind="stable")]
    drawn = []
    for name in order.index[:EFFECTS_DRAWN]:
        rows = effects[effects["variant_id"] == name]
        scans = set(",".join(pairs.loc[pairs["variant_id"] == name, "scans"]).split(","))
        figure = draw(rows, title="", regions=regions, chosen=scans & set(rows["trait"]))
        drawn.append((snp_words(rows.iloc[0]), figure))
    return drawn


def sections(folder: Path) -> Sections:
    """The figures of a finished stage ``leads``, drawn out of its files; [] where none was made."""
    if not (folder / "selection.json").exists():
        return []
    facts = json.loads((folder / "selection.json").read_text("utf-8"))
    pairs = read_selected(folder / "selected.tsv")
    if pairs.empty:
        return []
    found = list(selected_sections(pairs, facts))
    if (folder / "effects.tsv").exists():
        text = dict.fromkeys(("effect_allele", "other_allele", "source_id", "chromosome"), str)
        effects = pd.read_csv(
            folder / "effects.tsv", sep="\t", dtype=text, keep_default_na=False,
            na_values={n: ["NA"] for n in _NUMBERS},
        )  # fmt: skip
        effects["chromosome"] = [chromosome_code(name) for name in effects["chromosome"]]
        found += effect_sections(effects, pairs, facts)
    return found


#: Numbers of selected.tsv that may be missing, by today's names and by those of 0.1.
_OF_PAIRS = (
    "neg_log_10_p_value", "beta", "standard_error", "effect_allele_frequency", "neg_log10_p", "se",
)  # fmt: skip
_NUMBERS = (
    "mean", "standard_error", "lower", "upper", "mean_sd", "lower_sd", "upper_sd", "beta",
    "beta_se", "beta_sd", "sd",
)  # fmt: skip


def _write_effects(
    selection: RegionSelection,
    genotypes: pd.DataFrame,
    request: EffectRequest,
    stem: str,
    facts: Mapping[str, Any],
) -> str:
    effects = genotype_effects(
        genotypes, selection, request.phenotypes, request.traits, request.covariates,
        categorical=request.categorical,
    )  # fmt: skip
    write_table(labelled(effects), Path(f"{stem}effects.tsv"), index=False)
    n_snps = effects["variant_id"].nunique()
    covariates = ", ".join((*request.covariates, *request.categorical)) or "none"
    drawn = f"The {EFFECTS_DRAWN} SNPs of most regions, of " if n_snps > EFFECTS_DRAWN else ""
    _page(
        effect_sections(effects, selection.pairs, facts), Path(f"{stem}effects.html"),
        "Phenotypes by genotype",
        f"{drawn}{n_snps} selected SNPs. Covariates taken out: {covariates}.",
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


def _page(sections: Sections, path: Path, title: str, subtitle: str) -> None:
    from gwasbone.plots.page import save_page

    save_page(sections, path, title=title, subtitle=subtitle)


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
