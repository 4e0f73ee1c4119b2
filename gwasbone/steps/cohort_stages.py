"""The stages of a study that decide about samples and variants.

Each leaves the cohort's two tables with its decisions. What takes long to import is imported where
a stage runs: every command in a study folder reads this module, to say whether stages are up to
date.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.cohort.decision_files import funnel_summary
from gwasbone.cohort.model import Cohort
from gwasbone.phenotypes.table import pick_columns
from gwasbone.study.config import study_reading
from gwasbone.study.files import (
    PEOPLE,
    PREFIX,
    SCORES,
    VARIANTS,
    genotype_files,
    people_tables,
    read_study_genotypes,
    study_cohort,
    table_files,
)
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table


def _write(run: StageRun, cohort: Cohort) -> None:
    cohort.people.write(run.folder / PEOPLE)
    cohort.variants.write(run.folder / VARIANTS)


def _tables(run: StageRun) -> dict[str, pd.DataFrame]:
    return people_tables(run.config, before=run.stage)


def _genotypes(run: StageRun) -> str:
    cohort = read_study_genotypes(run.config)
    withdrawn = study_reading(run.config).withdrawn
    if withdrawn is not None:
        from gwasbone.cohort.subsets import without_withdrawn

        cohort = without_withdrawn(cohort, Path(withdrawn))
    _write(run, cohort)
    return f"{len(cohort.people):,} samples, {len(cohort.variants):,} variants, {cohort.build}"


def _people(run: StageRun) -> str:
    from gwasbone.cohort.biobank import biobank_columns
    from gwasbone.cohort.sex import settle_sex
    from gwasbone.steps.qc import check_people

    tables = _tables(run)
    cohort = check_people(
        settle_sex(study_cohort(run.config, before=run.stage), tables=tables), run.config.qc,
        run.folder, biobank=biobank_columns(tables),
        title=f"{run.config.study.name}: sample quality control",
    )  # fmt: skip
    _write(run, cohort)
    return funnel_summary(cohort.people)


def _ancestry(run: StageRun) -> str:
    from gwasbone.cohort.pruned import ancestry_scores
    from gwasbone.steps.ancestry import filter_ancestry

    rule, cohort = run.config.ancestry, study_cohort(run.config, before=run.stage)
    if rule.column is None:
        _write(run, cohort)
        return "no ancestry.column in study.toml: all samples are kept"
    tables = _tables(run)
    reported = pick_columns(tables, [rule.column])[rule.column]
    scores = ancestry_scores(cohort, rule, run.config.pca, tables)
    cohort, _ = filter_ancestry(cohort, rule, scores, reported, f"{run.folder}/")
    _write(run, cohort)
    return funnel_summary(cohort.people)


def _relatedness(run: StageRun) -> str:
    from gwasbone.steps.relatedness import remove_relatives

    rule, cohort = run.config.relatedness, study_cohort(run.config, before=run.stage)
    if not rule.remove:
        _write(run, cohort)
        return "relatives are kept (relatedness.remove = false)"
    first = None
    if rule.keep_cases_of is not None:
        first = pick_columns(_tables(run), [rule.keep_cases_of])[rule.keep_cases_of]
    path = run.folder / "pairs.tsv"
    cohort, said = remove_relatives(cohort, rule, run.config.pca, path, keep_first=first)
    _write(run, cohort)
    return said


def _variants(run: StageRun) -> str:
    from gwasbone.steps.qc import check_variants

    title = f"{run.config.study.name}: variant quality control"
    cohort = study_cohort(run.config, before=run.stage)
    cohort = check_variants(cohort, run.config.qc, run.folder, title=title)
    _write(run, cohort)
    return funnel_summary(cohort.variants)


def _pca(run: StageRun) -> str:
    from gwasbone.steps.pca import compute_components

    cohort = study_cohort(run.config, before=run.stage)
    made = compute_components(
        cohort, run.config.pca, run.folder / PREFIX, pruned=run.folder / "model",
        page=run.folder / "pca.html", title=f"{run.config.study.name}: principal components",
        groups=cohort.people.table.get("ancestry_group"),
    )  # fmt: skip
    write_table(made.pcs.scores.rename_axis("id"), run.folder / SCORES)
    return f"{len(made.pcs.eigenvalues)} components from {made.n_variants:,} pruned variants"


def _nothing(_: object) -> list[str]:
    return []


#: In order: name, progress line, sections, stages before it, files, work.
COHORT_STAGES = (
    Stage("genotypes", "reading genotypes", ("study", "genotypes"), (), genotype_files, _genotypes),
    Stage(
        "people", "quality control of samples", ("qc", "phenotypes"), ("genotypes",),
        table_files, _people,
    ),
    Stage(
        "ancestry", "ancestry filter", ("ancestry", "pca", "phenotypes"), ("people",),
        table_files, _ancestry,
    ),
    Stage(
        "relatedness", "relatives", ("relatedness", "pca", "phenotypes"), ("ancestry",),
        table_files, _relatedness,
    ),
    Stage(
        "variants", "quality control of variants", ("qc",), ("relatedness",), _nothing, _variants
    ),
    Stage("pca", "principal components", ("pca",), ("variants",), _nothing, _pca),
)  # fmt: skip
