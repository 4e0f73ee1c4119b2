"""The stage of a study that learns its selected SNPs from its images.

``results/genotype_models`` holds what ``gwasbone train --task genotype`` writes, with the prefix
``study``: ``study.genotype_models.tsv``, ``.null.tsv``, ``.epochs.tsv``, ``.sex.tsv`` and
``.html``, and ``study.left_out.tsv``. Models are kept in ``results/cache/genotype_models``, so that
a stage that was killed takes what was trained.
"""

from __future__ import annotations

import pandas as pd

from gwasbone.errors import ConfigError
from gwasbone.study.files import (
    PREFIX,
    genotype_models,
    image_cache,
    kept_people,
    named_tables,
    people_tables,
    selected_genotypes,
    selected_snps,
)
from gwasbone.study.runner import Stage, StageRun

NAME = "genotype_models"


def _learn(run: StageRun) -> str:
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.networks import TrainingPlan
    from gwasbone.learning.options import GenotypeRequest, ImageNetworkOptions
    from gwasbone.options import part_of
    from gwasbone.phenotypes.table import read_people_table
    from gwasbone.progress import counted_progress
    from gwasbone.report.pages.saliency import write_saliency
    from gwasbone.steps import genotype_models as step
    from gwasbone.steps.genotype_inputs import (
        genotype_inputs,
        genotype_jobs,
        pictured_jobs,
        pictured_people,
    )
    from gwasbone.steps.genotype_saliency import genotype_saliency, learned_jobs
    from gwasbone.steps.train import compiled_in, default_architecture

    config, chosen = run.config, run.config.resolved(run.config.genotype_models)
    if chosen.head is None:
        return "no genotype_models.head in study.toml: no SNP is learned from images"
    if not config.images.dicom:
        raise ConfigError("genotype_models.head needs images.dicom")
    selected, genotypes_path = selected_snps(config), selected_genotypes(config)
    if not (selected.exists() and genotypes_path.exists()):
        return "no SNP is selected for a region: nothing to learn"
    pairs = pd.read_csv(selected, sep="\t", dtype=str, keep_default_na=False)
    if pairs.empty:
        return "no SNP is selected for a region: nothing to learn"
    jobs = genotype_jobs(pairs, chosen.regions, [])
    cache = open_cache(image_cache(config))
    jobs, absent = pictured_jobs(jobs, cache)
    if jobs.empty:
        return f"no pictures of {', '.join(absent)}: nothing to learn"
    # the table names people as the cohort does
    genotypes = read_people_table(genotypes_path)
    inputs = genotype_inputs(
        genotypes, pictured_people(cache, jobs), people_tables(config),
        keep=kept_people(config), covariates=chosen.covariates or None, strata_bins=chosen.strata,
    )  # fmt: skip
    models = genotype_models(config)
    with compiled_in(models), counted_progress() as progress:
        backend = load_backend(chosen.backend)
        architecture = chosen.architecture or default_architecture(backend, "efficientnet_b0")
        done = step.train_genotypes(
            backend, cache, jobs, inputs,
            part_of(ImageNetworkOptions, chosen, architecture=architecture),
            part_of(TrainingPlan, chosen), part_of(GenotypeRequest, chosen), models=models,
            force=True, progress=progress,
        )  # fmt: skip
        step.write_genotype_models(done, inputs, run.folder / PREFIX)
        if chosen.saliency:
            seen = genotype_saliency(
                backend, cache, models, learned_jobs(done.table), most=chosen.saliency_people,
                seed=chosen.seed, progress=progress,
            )  # fmt: skip
            write_saliency(seen, run.folder / PREFIX, task="Genotypes")
    without = f"; no pictures of {', '.join(absent)}" if absent else ""
    return "; ".join(step.summary(done)) + without


STAGE = Stage(
    NAME,
    "genotypes from images",
    (NAME, "images"),
    ("leads", "images", "training", "pca", "records"),
    named_tables,
    _learn,
)
