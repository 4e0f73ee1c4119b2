"""The stages of a study, in order; each reads, calls, writes, and fits on a screen.

Bokeh is imported where a page is drawn: every command in a study folder reads this module, to say
whether stages are up to date.
"""

from __future__ import annotations

import dataclasses

from gwasbone.association.results import AssociationResults
from gwasbone.association.summary import scan_summary
from gwasbone.loci.options import SelectionRule
from gwasbone.options import part_of
from gwasbone.steps.bone_stages import BONE_STAGES
from gwasbone.steps.cohort_stages import COHORT_STAGES
from gwasbone.steps.genotype_stage import STAGE as GENOTYPE_STAGE
from gwasbone.steps.scan import run_scan
from gwasbone.steps.scans import named_scans
from gwasbone.study.columns import named_columns, phenotype_columns, scan_request
from gwasbone.study.config import StudyConfig, sections
from gwasbone.study.files import (
    FIGURES,
    RESULTS,
    SCAN,
    SUMMARY,
    comparison_files,
    named_tables,
    scan_results,
    study_cohort,
    study_tables,
)
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table


def _scans(run: StageRun) -> str:
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
    return "; ".join(
        f"{row.trait}: n {row.n:,}, lambda_GC {row.lambda_gc:.3f}" for row in summary.itertuples()
    )


def _leads(run: StageRun) -> str:
    from gwasbone.images.region_map import read_region_map
    from gwasbone.loci.region_selection import select_regions
    from gwasbone.progress import counted_progress
    from gwasbone.steps import select as step

    config, section = run.config, run.config.selection
    folder = scan_results(config)
    if not folder.exists():
        return "no association.traits in study.toml: nothing to select from"
    results = AssociationResults.open(folder)
    region_map = read_region_map(config.path(section.region_map))
    cohort = study_cohort(config)
    with counted_progress() as progress:
        selection = select_regions(
            results, cohort=cohort, region_map=region_map,
            regions=step.region_flags(section.regions), rule=part_of(SelectionRule, section),
            threads=run.threads, progress=progress,
        )  # fmt: skip
    traits = named_columns(section.effects, study_tables(config))
    traits = traits or tuple(trait for trait, regions in selection.regions.items() if regions)
    effects = None
    if traits and len(selection.pairs):
        request = dataclasses.replace(scan_request(config), traits=traits)
        phenotypes = phenotype_columns(request, config=config)
        effects = step.EffectRequest(phenotypes, traits, request.covariates, request.categorical)
    said = step.write_selection(selection, f"{run.folder}/", cohort=cohort, effects=effects)
    return "; ".join(said)


def _loci_files(config: StudyConfig) -> list[str]:
    named = (config.loci.genes, config.loci.genetic_map)
    return [str(config.path(name)) for name in named if name is not None]


def _loci(run: StageRun) -> str:
    from gwasbone.steps import loci as step

    if not scan_results(run.config).exists():
        return "no scans: no loci"
    rule = run.config.resolved(run.config.loci)
    genes, recombination = step.read_rule_files(rule)
    found = step.find_loci(
        named_scans([], run.config),
        study_cohort(run.config, before=run.stage),
        rule,
        genes=genes,
        recombination=recombination,
        threads=run.threads,
    )
    step.write_stage(found, run.folder, title=f"{run.config.study.name}: loci")
    counts = found.loci.table["trait"].value_counts()
    return ", ".join(f"{trait} {counts.get(trait, 0)}" for trait in found.loci.clumps) + " loci"


def _comparison(run: StageRun) -> str:
    from gwasbone.steps import compare as step

    if not run.config.comparison.scans:
        return "no comparison.scans in study.toml: nothing is compared"
    return step.run_stage(run.config, run.folder, threads=run.threads)


def _report(run: StageRun) -> str:
    from gwasbone.report.study_report import REPORT, write_report

    write_report(run.config, REPORTED, run.folder / REPORT)
    return str(run.config.output / run.stage / REPORT)


def _selection_files(config: StudyConfig) -> list[str]:
    named = config.path(config.selection.region_map)
    return named_tables(config) + ([named] if named is not None else [])


def keeping_figures(stage: Stage) -> Stage:
    """The stage, whose pages also leave their figures for the report."""

    def run(started: StageRun) -> str:
        from gwasbone.plots.page import figures_kept

        with figures_kept(started.folder / FIGURES):
            return stage.run(started)

    return dataclasses.replace(stage, run=run)


_REPORTED = (
    *BONE_STAGES,
    *COHORT_STAGES,
    Stage(
        "scans",
        "association",
        ("association", "covariates", "phenotypes"),
        ("variants", "pca", "records", "residuals", "training"),
        named_tables,
        _scans,
    ),
    Stage(
        "leads",
        "lead variants and SNPs of regions",
        ("selection", "association", "covariates", "phenotypes"),
        ("scans", "variants", "pca", "records", "residuals", "training"),
        _selection_files,
        _leads,
    ),
    Stage("loci", "loci and genes", ("loci",), ("scans",), _loci_files, _loci),
    Stage(
        "comparison",
        "comparing scans",
        ("comparison",),
        ("scans",),
        comparison_files,
        _comparison,
    ),
    GENOTYPE_STAGE,
)

#: Those that the report tells of, in order; a stage depends on those named in ``after``.
REPORTED = tuple(keeping_figures(stage) for stage in _REPORTED)

#: All, in order.
STAGES = (
    *REPORTED,
    Stage(
        "report",
        "report",
        tuple(sections()),
        tuple(stage.name for stage in REPORTED),
        lambda _: [],
        _report,
    ),
)
