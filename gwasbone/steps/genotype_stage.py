"""The stage of a study that learns its selected SNPs from its images.

``results/genotype_models`` holds what ``gwasbone train --task genotype`` writes, with the prefix
``study``: ``study.genotype_models.tsv``, ``.null.tsv``, ``.epochs.tsv``, ``.sex.tsv`` and
``.html``, and ``study.left_out.tsv``. Models are kept in ``results/cache/genotype_models``, so that
a stage that was killed takes what was trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from gwasbone.errors import ConfigError
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import (
    kept_people,
    principal_component_table,
    study_image_cache,
    study_tables,
)
from gwasbone.study.runner import Stage, StageRun

if TYPE_CHECKING:
    from gwasbone.plots.page import Sections

NAME = "genotype_models"
_PREFIX, _CACHE = "study", "cache"
#: What the stage ``leads`` leaves: pairs of region and SNP, and the SNPs' genotypes.
_SELECTED, _GENOTYPES = "*selected.tsv", "*genotypes.parquet"


def sections(folder: Path) -> Sections:
    """The figures of the stage from the files in its folder; none where it was left out."""
    from gwasbone.steps.genotype_models import TABLE
    from gwasbone.steps.genotype_page import sections_at

    prefix = folder / _PREFIX
    return sections_at(prefix) if Path(f"{prefix}{TABLE}").exists() else []


def _learn(run: StageRun) -> str:
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.networks import TrainingPlan
    from gwasbone.learning.options import GenotypeRequest, ImageNetworkOptions
    from gwasbone.options import part_of
    from gwasbone.phenotypes.table import read_people_table
    from gwasbone.progress import counted_progress
    from gwasbone.steps import genotype_models as step
    from gwasbone.steps.genotype_inputs import genotype_inputs, genotype_jobs, pictured_people
    from gwasbone.steps.genotype_saliency import genotype_saliency, learned_jobs
    from gwasbone.steps.saliency_page import write_saliency
    from gwasbone.steps.train import compiled_in, default_architecture

    config, chosen = run.config, run.config.resolved(run.config.genotype_models)
    if chosen.head is None:
        return "no genotype_models.head in study.toml: no SNP is learned from images"
    if not config.images.dicom:
        raise ConfigError("genotype_models.head needs images.dicom")
    leads = run.finished("leads")
    selected = _only(leads, _SELECTED)
    if selected is None:
        return "no SNP is selected for a region: nothing to learn"
    genotypes_path = _only(leads, _GENOTYPES)
    pairs = pd.read_csv(selected, sep="\t", dtype=str, keep_default_na=False)
    if pairs.empty or genotypes_path is None:
        return "no SNP is selected for a region: nothing to learn"
    jobs = genotype_jobs(pairs, chosen.regions, [])
    cache = open_cache(study_image_cache(config))
    jobs, absent = _pictured_jobs(jobs, cache)
    if jobs.empty:
        return f"no pictures of {', '.join(absent)}: nothing to learn"
    id_rule = config.genotypes.id
    tables = {str(t): read_people_table(t, id_rule=id_rule) for t in study_tables(config)}
    # the table names people as the cohort does
    genotypes = pd.read_parquet(genotypes_path)
    genotypes.index = pd.Index(genotypes.pop("IID").astype(str), name="person")
    inputs = genotype_inputs(
        genotypes, pictured_people(cache, jobs), tables | principal_component_table(config),
        keep=kept_people(config), covariates=chosen.covariates or None, strata_bins=chosen.strata,
    )  # fmt: skip
    models = config.output / _CACHE / NAME
    with compiled_in(models), counted_progress() as progress:
        backend = load_backend(chosen.backend)
        architecture = chosen.architecture or default_architecture(backend, "efficientnet_b0")
        done = step.train_genotypes(
            backend, cache, jobs, inputs,
            part_of(ImageNetworkOptions, chosen, architecture=architecture),
            part_of(TrainingPlan, chosen), part_of(GenotypeRequest, chosen), models=models,
            force=True, progress=progress,
        )  # fmt: skip
        step.write_genotype_models(done, inputs, run.folder / _PREFIX)
        if chosen.saliency:
            seen = genotype_saliency(
                backend, cache, models, learned_jobs(done.table), most=chosen.saliency_people,
                seed=chosen.seed, progress=progress,
            )  # fmt: skip
            write_saliency(seen, run.folder / _PREFIX, task="Genotypes")
    without = f"; no pictures of {', '.join(absent)}" if absent else ""
    return "; ".join(step.summary(done)) + without


def _only(folder: Path, pattern: str) -> Path | None:
    found = sorted(folder.glob(pattern))
    return found[0] if found else None


def _pictured_jobs(jobs: pd.DataFrame, cache: object) -> tuple[pd.DataFrame, list[str]]:
    """Jobs whose region the cache has pictures of, and the other regions."""
    from gwasbone.errors import InputError
    from gwasbone.steps.train_inputs import region_pictures

    absent = []
    for region in jobs["region"].unique():
        try:
            region_pictures(cache, str(region))  # type: ignore[arg-type]
        except InputError:
            absent.append(str(region))
    return jobs[~jobs["region"].isin(absent)].reset_index(drop=True), absent


def _tables(config: StudyConfig) -> list[str]:
    return [str(config.path(name)) for name in config.phenotypes.tables]


STAGE = Stage(
    NAME,
    "genotypes from images",
    (NAME, "images"),
    ("leads", "images", "training", "pca", "records"),
    _tables,
    _learn,
)
