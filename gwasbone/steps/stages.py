"""The stages of a study, in order; each reads, calls, writes, and fits on a screen.

Bokeh is imported where a page is drawn: every command in a study folder reads this module, to say
whether stages are up to date.
"""

from __future__ import annotations

import dataclasses

from gwasbone.association.options import AssociationOptions, ScanRequest
from gwasbone.association.results import AssociationResults
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.qc import qc_people, qc_variants
from gwasbone.loci.options import SelectionRule
from gwasbone.options import part_of
from gwasbone.phenotypes.table import pick_columns
from gwasbone.steps import components, people
from gwasbone.steps.bone_stages import BONE_STAGES
from gwasbone.steps.genotype_stage import STAGE as GENOTYPE_STAGE
from gwasbone.steps.scan import (
    expand_request,
    phenotype_columns,
    run_scan,
    scan_summary,
)
from gwasbone.steps.scans import named_scans
from gwasbone.study.config import StudyConfig, sections
from gwasbone.study.files import (
    FIGURES,
    MATRIX,
    PEOPLE,
    PREFIX,
    RESULTS,
    SCAN,
    SCORES,
    SUMMARY,
    VARIANTS,
    comparison_files,
    genotype_files,
    named_tables,
    people_tables,
    read_study_genotypes,
    scan_results,
    study_cohort,
    study_tables,
)
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table


def _write(run: StageRun, cohort: Cohort) -> None:
    cohort.people.write(run.folder / PEOPLE)
    cohort.variants.write(run.folder / VARIANTS)


def _genotypes(run: StageRun) -> str:
    keep_at = str(run.folder / MATRIX) if run.config.genotypes.vcf is not None else None
    cohort = read_study_genotypes(run.config, keep_at=keep_at)
    _write(run, cohort)
    return f"{len(cohort.people):,} people, {len(cohort.variants):,} variants, {cohort.build}"


def _people(run: StageRun) -> str:
    cohort = qc_people(
        study_cohort(run.config, before=run.stage), run.config.qc,
        biobank=people.biobank_columns(people_tables(run.config, before=run.stage)),
    )  # fmt: skip
    people.refuse_nothing_kept(cohort)
    _write(run, cohort)
    people.write_decisions(cohort.people, run.folder / "people.tsv.gz")
    from gwasbone.report.pages.cohort import people_page

    title = f"{run.config.study.name}: quality control of people"
    people_page(cohort, run.config.qc, run.folder / "people.html", title=title)
    return people.funnel_summary(cohort.people)


def _ancestry(run: StageRun) -> str:
    rule = run.config.ancestry
    cohort = study_cohort(run.config, before=run.stage)
    if rule.column is None:
        _write(run, cohort)
        return "no ancestry.column in study.toml: everybody is kept"
    tables = people_tables(run.config, before=run.stage)
    reported = pick_columns(tables, [rule.column])[rule.column]
    scores = components.ancestry_scores(cohort, rule, run.config.pca, tables)
    before, cohort = cohort, components.ancestry_filter(cohort, scores, reported, rule)
    _write(run, cohort)
    from gwasbone.report.pages.cohort import ancestry_page

    ancestry_page(before, cohort, run.folder / "ancestry.html", rule)
    by_group = components.deviation_by_group(cohort, before.people.kept)
    write_table(by_group, run.folder / "groups.tsv")
    return people.funnel_summary(cohort.people)


def _relatedness(run: StageRun) -> str:
    rule = run.config.relatedness
    cohort = study_cohort(run.config, before=run.stage)
    if not rule.remove:
        _write(run, cohort)
        return "relatives are kept (relatedness.remove = false)"
    pairs = components.related_pairs(cohort, rule, run.config.pca)
    first = None
    if rule.keep_cases_of is not None:
        tables = people_tables(run.config, before=run.stage)
        first = pick_columns(tables, [rule.keep_cases_of])[rule.keep_cases_of]
    cohort = components.without_relatives(cohort, pairs, rule, keep_first=first)
    _write(run, cohort)
    write_table(pairs, run.folder / "pairs.tsv", index=False)
    return f"{len(pairs):,} related pairs; {people.funnel_summary(cohort.people)}"


def _variants(run: StageRun) -> str:
    cohort = qc_variants(study_cohort(run.config, before=run.stage), run.config.qc)
    people.refuse_nothing_kept(cohort)
    _write(run, cohort)
    people.write_decisions(cohort.variants, run.folder / "variants.tsv.gz")
    people.write_lists(cohort, run.folder / "kept")
    from gwasbone.report.pages.cohort import variants_page

    title = f"{run.config.study.name}: quality control of variants"
    variants_page(cohort, run.config.qc, run.folder / "variants.html", title=title)
    return people.funnel_summary(cohort.variants)


def _pca(run: StageRun) -> str:
    cohort = study_cohort(run.config, before=run.stage)
    pruned = components.pruned_variants(cohort, run.config.pca)
    components.write_pruned(pruned, cohort, run.folder / "model")
    from gwasbone.cohort.pca import principal_components
    from gwasbone.report.pages.cohort import components_page

    pcs = principal_components(cohort, pruned.index, k=run.config.pca.n_components)
    components.write_components(pcs, cohort, run.folder / PREFIX)
    write_table(pcs.scores.rename_axis("id"), run.folder / SCORES)
    groups = cohort.people.table.get("ancestry_group")
    components_page(
        pcs,
        run.folder / "pca.html",
        title=f"{run.config.study.name}: principal components",
        groups=groups.reindex(pcs.scores.index) if groups is not None else None,
    )
    return f"{len(pcs.eigenvalues)} components from {len(pruned):,} pruned variants"


def scan_request(config: StudyConfig) -> ScanRequest:
    """The scans that ``study.toml`` asks for."""
    tables = study_tables(config)
    return ScanRequest(
        **vars(part_of(AssociationOptions, config.association)),
        traits=expand_request(config.association.traits, tables),
        covariates=expand_request(config.covariates.quantitative, tables),
        categorical=expand_request(config.covariates.categorical, tables),
    )


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
    traits = expand_request(section.effects, study_tables(config))
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


_GENOTYPES = ("study", "genotypes")


def keeping_figures(stage: Stage) -> Stage:
    """The stage, whose pages also leave their figures for the report."""

    def run(started: StageRun) -> str:
        from gwasbone.plots.page import figures_kept

        with figures_kept(started.folder / FIGURES):
            return stage.run(started)

    return dataclasses.replace(stage, run=run)


_REPORTED = (
    *BONE_STAGES,
    Stage("genotypes", "reading genotypes", _GENOTYPES, (), genotype_files, _genotypes),
    Stage("people", "quality control of people", ("qc",), ("genotypes",), named_tables, _people),
    Stage("ancestry", "ancestry filter", ("ancestry", "pca"), ("people",), named_tables, _ancestry),
    Stage(
        "relatedness",
        "relatives",
        ("relatedness", "pca"),
        ("ancestry",),
        named_tables,
        _relatedness,
    ),
    Stage(
        "variants",
        "quality control of variants",
        ("qc",),
        ("relatedness",),
        lambda _: [],
        _variants,
    ),
    Stage("pca", "principal components", ("pca",), ("variants",), lambda _: [], _pca),
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
