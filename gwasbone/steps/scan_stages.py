"""The stages of a study that scan traits and follow scans up: leads, loci, the comparison.

What takes long to import is imported where a stage runs; see :mod:`gwasbone.steps.stages`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gwasbone.loci.options import SelectionRule, regions_of_scans
from gwasbone.options import part_of
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import (
    GENOTYPES,
    RESULTS,
    SCAN,
    SUMMARY,
    comparison_files,
    ld_score_folder,
    loci_file,
    scan_results,
    study_cohort,
    study_tables,
    table_files,
)
from gwasbone.study.requests import named_columns, phenotype_columns, scan_request
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table

if TYPE_CHECKING:
    from gwasbone.loci.genotype_effects import EffectRequest
    from gwasbone.loci.region_selection import RegionSelection


def _scans(run: StageRun) -> str:
    from gwasbone.association.summary import scan_summary
    from gwasbone.steps.scan import run_scan

    request = scan_request(run.config)
    if not request.traits:
        return "no association.traits in study.toml: nothing to scan"
    phenotypes = phenotype_columns(request, config=run.config)
    cohort = study_cohort(run.config, before=run.stage)
    results = run_scan(
        cohort,
        request,
        phenotypes,
        run.folder / SCAN,
        threads=run.threads,
        folder=run.folder / RESULTS,
    )
    summary = scan_summary(results)
    write_table(summary, run.folder / SUMMARY, index=False)
    told = [
        f"{row.trait}: n {row.n:,}, lambda_GC {row.lambda_gc:.3f}" for row in summary.itertuples()
    ]
    return "; ".join([*told, *(f"{name}: left out" for name in results.provenance["left_out"])])


def _leads(run: StageRun) -> str:
    from gwasbone.association.results import AssociationResults
    from gwasbone.images.region_map import read_region_map
    from gwasbone.loci.region_selection import select_regions
    from gwasbone.progress import counted_progress
    from gwasbone.steps.select import write_selection

    config, section = run.config, run.config.selection
    folder = scan_results(config)
    if not folder.exists():
        return "no association.traits in study.toml: nothing to select from"
    cohort = study_cohort(config)
    with counted_progress() as progress:
        selection = select_regions(
            AssociationResults.open(folder), cohort=cohort,
            region_map=read_region_map(config.path(section.region_map)),
            regions=regions_of_scans(section.regions), rule=part_of(SelectionRule, section),
            threads=run.threads, progress=progress,
        )  # fmt: skip
    effects = _effects(config, selection)
    return "; ".join(write_selection(selection, f"{run.folder}/", cohort=cohort, effects=effects))


def _effects(config: StudyConfig, selection: RegionSelection) -> EffectRequest | None:
    """The genotype effects of the section, else of the scans that a region has."""
    from gwasbone.loci.genotype_effects import EffectRequest

    traits = named_columns(config.selection.effects, study_tables(config))
    traits = traits or tuple(trait for trait, regions in selection.regions.items() if regions)
    if not traits or selection.pairs.empty:
        return None
    request = dataclasses.replace(scan_request(config), traits=traits)
    return EffectRequest(phenotype_columns(request, config=config), request)


def _loci(run: StageRun) -> str:
    from gwasbone.steps.loci import clump_scans
    from gwasbone.study.scans import named_scans

    config = run.config
    if not scan_results(config).exists():
        return "no scans: no loci"
    found = clump_scans(
        named_scans([], config), study_cohort(config, before=run.stage),
        config.resolved(config.loci), f"{run.folder}/", title=f"{config.study.name}: loci",
        threads=run.threads,
    )  # fmt: skip
    counts = found.loci.table["trait"].value_counts()
    return ", ".join(f"{trait} {counts.get(trait, 0)}" for trait in found.loci.clumps) + " loci"


def _comparison(run: StageRun) -> str:
    from gwasbone.report.pages.comparison import sample_size_summary
    from gwasbone.steps.compare import FILES, compare
    from gwasbone.study.scans import scans_of_section

    config, chosen = run.config, run.config.comparison
    if not chosen.scans:
        return "no comparison.scans in study.toml: nothing is compared"
    compared, _ = compare(
        scans_of_section(config), {name: run.folder / name for name in FILES},
        title=f"{config.study.name}: scans compared", loci=loci_file(config),
        ld_scores=ld_score_folder(config), rule=chosen, threads=run.threads,
        cohort=study_cohort(config) if chosen.ld_scores == GENOTYPES else None,
    )  # fmt: skip
    return sample_size_summary(compared.measures)


def _loci_files(config: StudyConfig) -> list[str]:
    named = (config.loci.genes, config.loci.genetic_map)
    return [str(config.path(name)) for name in named if name is not None]


def _selection_files(config: StudyConfig) -> list[str]:
    named = config.path(config.selection.region_map)
    return table_files(config) + ([named] if named is not None else [])


_OF_SCANS = ("association", "covariates", "phenotypes")
_COLUMNS = ("variants", "pca", "records", "residuals", "training")

#: In order; all are left out where no trait is scanned, or no scans are compared.
SCAN_STAGES = (
    Stage("scans", "association", _OF_SCANS, _COLUMNS, table_files, _scans),
    Stage(
        "leads", "lead variants and SNPs of regions", ("selection", *_OF_SCANS),
        ("scans", *_COLUMNS), _selection_files, _leads,
    ),
    Stage("loci", "loci and genes", ("loci",), ("scans",), _loci_files, _loci),
    Stage(
        "comparison", "comparing scans", ("comparison",), ("scans",), comparison_files, _comparison
    ),
)  # fmt: skip
