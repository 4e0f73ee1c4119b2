"""The stage of a study that learns its selected SNPs from its images.

``results/genotype_models`` holds what ``gwasbone train --task genotype`` writes, with the prefix
``study``: ``study.genotype_models.tsv``, ``.null.tsv``, ``.epochs.tsv``, ``.sex.tsv`` and
``.html``, and ``study.left_out.tsv``. Models are kept in ``results/cache/genotype_models``, so that
a stage that was killed takes what was trained.
"""

from __future__ import annotations

from gwasbone.errors import ConfigError
from gwasbone.study.files import (
    PREFIX,
    genotype_models,
    image_cache,
    kept_people,
    people_tables,
    selected_genotypes,
    selected_snps,
    table_files,
)
from gwasbone.study.runner import Stage, StageRun

NAME = "genotype_models"


def _learn(run: StageRun) -> str:
    from gwasbone.learning.genotype_inputs import read_selected
    from gwasbone.learning.options import GenotypeTraining
    from gwasbone.options import part_of
    from gwasbone.steps.genotype_models import learn_genotypes

    config, chosen = run.config, run.config.resolved(run.config.genotype_models)
    if chosen.head is None:
        return "no genotype_models.head in study.toml: no SNP is learned from images"
    if not config.images.dicom:
        raise ConfigError("genotype_models.head needs images.dicom")
    selected, genotypes = selected_snps(config), selected_genotypes(config)
    if not (selected.exists() and genotypes.exists()) or read_selected(selected).empty:
        return "no SNP is selected for a region: nothing to learn"
    lines = learn_genotypes(
        part_of(GenotypeTraining, chosen, head=chosen.head), image_cache(config), genotypes,
        selected, people_tables(config), run.folder / PREFIX, keep=kept_people(config),
        models=genotype_models(config), only_with_images=True, force=True,
    )  # fmt: skip
    return "; ".join(lines)


STAGE = Stage(
    NAME,
    "genotypes from images",
    (NAME, "images"),
    ("leads", "images", "training", "pca", "records"),
    table_files,
    _learn,
)
