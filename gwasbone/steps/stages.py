"""The stages of a study, in order; each reads, calls, writes, and fits on a screen.

Bokeh is imported where a page is drawn: every command in a study folder reads this module, to say
whether stages are up to date.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from gwasbone.association.options import AssociationOptions, ScanRequest
from gwasbone.association.results import AssociationResults
from gwasbone.cohort.biobank import BiobankQcColumns
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.qc import qc_people, qc_variants
from gwasbone.loci.options import SelectionRule
from gwasbone.options import part_of
from gwasbone.phenotypes.table import expand_names, pick_columns, read_people_table
from gwasbone.steps import components, people
from gwasbone.steps.bone_stages import BONE_STAGES
from gwasbone.steps.comparison_inputs import comparison_files
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
    MATRIX,
    PEOPLE,
    RESULTS,
    SCAN,
    SCORES,
    SUMMARY,
    VARIANTS,
    genotype_files,
    principal_component_table,
    read_study_genotypes,
    study_cohort,
    study_tables,
)
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table


def _tables(config: StudyConfig) -> list[str]:
    return [str(config.path(name)) for name in config.phenotypes.tables]


def _read_tables(config: StudyConfig) -> dict[str, pd.DataFrame]:
    id_rule = config.genotypes.id
    return {name: read_people_table(name, id_rule=id_rule) for name in study_tables(config)}


def _write(run: StageRun, cohort: Cohort) -> None:
    cohort.people.write(run.folder / PEOPLE)
    cohort.variants.write(run.folder / VARIANTS)


def _genotypes(run: StageRun) -> str:
    keep_at = str(run.folder / MATRIX) if run.config.genotypes.vcf is not None else None
    cohort = read_study_genotypes(run.config, keep_at=keep_at)
    _write(run, cohort)
    return f"{len(cohort.people):,} people, {len(cohort.variants):,} variants, {cohort.build}"


def _people(run: StageRun) -> str:
    columns = _read_tables(run.config)
    biobank = None
    for table in columns.values():
        biobank = biobank or BiobankQcColumns.find(table)
    cohort = qc_people(study_cohort(run.config, before=run.stage), run.config.qc, biobank=biobank)
    _write(run, cohort)
    people.write_decisions(cohort.people, run.folder / "people.tsv.gz")
    people.write_page(
        people.people_sections(cohort, run.config.qc),
        run.folder / "people.html",
        title=f"{run.config.study.name}: quality control of people",
    )
    return people.funnel_summary(cohort.people)


def _ancestry(run: StageRun) -> str:
    rule = run.config.ancestry
    cohort = study_cohort(run.config, before=run.stage)
    if rule.column is None:
        _write(run, cohort)
        return "no ancestry.column in study.toml: everybody is kept"
    tables = _read_tables(run.config)
    reported = pick_columns(tables, [rule.column])[rule.column]
    if rule.scores:
        present = {str(name) for table in tables.values() for name in table}
        scores = pick_columns(tables, expand_names(rule.scores, present))
        scores.columns = pd.Index([f"PC{i + 1}" for i in range(scores.shape[1])])
    else:
        n = max(rule.n_components, run.config.pca.n_components)
        wanted = dataclasses.replace(run.config.pca, n_components=n)
        scores = components.components_of(cohort, wanted).scores
    before, cohort = cohort, components.ancestry_filter(cohort, scores, reported, rule)
    _write(run, cohort)
    components.ancestry_page(before, cohort, run.folder / "ancestry.html", rule)
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
        first = pick_columns(_read_tables(run.config), [rule.keep_cases_of])[rule.keep_cases_of]
    cohort = components.without_relatives(cohort, pairs, rule, keep_first=first)
    _write(run, cohort)
    write_table(pairs, run.folder / "pairs.tsv", index=False)
    return f"{len(pairs):,} related pairs; {people.funnel_summary(cohort.people)}"


def _variants(run: StageRun) -> str:
    cohort = qc_variants(study_cohort(run.config, before=run.stage), run.config.qc)
    _write(run, cohort)
    people.write_decisions(cohort.variants, run.folder / "variants.tsv.gz")
    people.write_lists(cohort, run.folder / "kept")
    people.write_page(
        people.variant_sections(cohort, run.config.qc),
        run.folder / "variants.html",
        title=f"{run.config.study.name}: quality control of variants",
    )
    return people.funnel_summary(cohort.variants)


def _pca(run: StageRun) -> str:
    cohort = study_cohort(run.config, before=run.stage)
    pruned = components.pruned_variants(cohort, run.config.pca)
    components.write_pruned(pruned, cohort, run.folder / "model")
    from gwasbone.cohort.pca import principal_components

    pcs = principal_components(cohort, pruned.index, k=run.config.pca.n_components)
    components.write_components(pcs, cohort, run.folder / "study")
    write_table(pcs.scores.rename_axis("id"), run.folder / SCORES)
    groups = cohort.people.table.get("ancestry_group")
    components.components_page(
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
    phenotypes = phenotype_columns(
        request,
        [Path(name) for name in study_tables(run.config)],
        id_rule=run.config.genotypes.id,
        more=principal_component_table(run.config),
    )
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
    folder = run.finished("scans") / RESULTS
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
        phenotypes = phenotype_columns(
            request, [Path(name) for name in study_tables(config)], id_rule=config.genotypes.id,
            more=principal_component_table(config),
        )  # fmt: skip
        effects = step.EffectRequest(phenotypes, traits, request.covariates, request.categorical)
    said = step.write_selection(selection, f"{run.folder}/", cohort=cohort, effects=effects)
    return "; ".join(said)


def _loci_files(config: StudyConfig) -> list[str]:
    named = (config.loci.genes, config.loci.genetic_map)
    return [str(config.path(name)) for name in named if name is not None]


def _loci(run: StageRun) -> str:
    from gwasbone.steps import loci as step

    if not (run.finished("scans") / RESULTS).exists():
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
    return _tables(config) + ([named] if named is not None else [])


_GENOTYPES = ("study", "genotypes")

#: Those that the report tells of, in order; a stage depends on those named in ``after``.
REPORTED = (
    *BONE_STAGES,
    Stage("genotypes", "reading genotypes", _GENOTYPES, (), genotype_files, _genotypes),
    Stage("people", "quality control of people", ("qc",), ("genotypes",), _tables, _people),
    Stage("ancestry", "ancestry filter", ("ancestry", "pca"), ("people",), _tables, _ancestry),
    Stage("relatedness", "relatives", ("relatedness", "pca"), ("ancestry",), _tables, _relatedness),
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
        _tables,
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
