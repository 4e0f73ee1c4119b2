"""``gwasbone train --task genotype`` and the stage ``genotype_models``: SNPs from images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from gwasbone.images.cache import open_cache
from gwasbone.learning.backend import load_backend
from gwasbone.learning.genotype_inputs import (
    LEFT_OUT,
    GenotypeInputs,
    genotype_inputs,
    genotype_jobs,
    pictured_jobs,
    pictured_people,
    read_selected,
)
from gwasbone.learning.genotype_run import GenotypeRun, train_genotypes
from gwasbone.learning.genotype_saliency import genotype_saliency, learned_jobs
from gwasbone.learning.model_folder import compiled_in
from gwasbone.learning.options import GenotypeTraining
from gwasbone.phenotypes.table import read_people_table
from gwasbone.progress import counted_progress
from gwasbone.report.pages.genotype_models import genotype_page, summary
from gwasbone.report.pages.saliency import PAGE as SALIENCY_PAGE
from gwasbone.report.pages.saliency import sentence, write_saliency
from gwasbone.report.pages.training import left_out_lines
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

TABLE, NULL, EPOCHS, SEX_TABLE, PAGE = (
    f".genotype_models{end}" for end in (".tsv", ".null.tsv", ".epochs.tsv", ".sex.tsv", ".html")
)
OUTPUTS = (TABLE, NULL, EPOCHS, SEX_TABLE, PAGE, ".left_out.tsv")


def learn_genotypes(
    options: GenotypeTraining, images: Path, genotypes: Path, selected: Path | None,
    tables: Mapping[str, pd.DataFrame], prefix: Path, *, keep: pd.Index | None, models: Path,
    only_with_images: bool = False, force: bool = False, say: Callable[[str], None] = log.info,
) -> list[str]:  # fmt: skip
    """Learn SNPs, test each against shuffled labels, and write tables and pages.

    ``selected`` are the pairs of region and SNP; where None, each region with each SNP.
    ``only_with_images`` leaves out regions that the cache has no images of. Returns the lines that
    sum it up; the details are given to ``say``.
    """
    # `gwasbone select` has named people by the rule already
    calls, cache = read_people_table(genotypes, id_rule="iid"), open_cache(images)
    pairs = read_selected(selected) if selected is not None else None
    regions = options.regions or (() if pairs is not None else ("ap_spine",))
    jobs = genotype_jobs(pairs, regions, list(calls.columns))
    absent: list[str] = []
    if only_with_images:
        jobs, absent = pictured_jobs(jobs, cache)
    lines = [f"no images of {', '.join(absent)}: its SNPs are not learned"] if absent else []
    if jobs.empty:
        return lines
    inputs = genotype_inputs(
        calls, pictured_people(cache, jobs), tables, keep=keep,
        covariates=options.covariates or None, strata_bins=options.strata,
    )  # fmt: skip
    seen = []
    with compiled_in(models), counted_progress() as progress:
        backend = load_backend(options.backend)
        run = train_genotypes(
            backend, cache, jobs, inputs, options, models=models, force=force, progress=progress
        )
        write_genotype_models(run, inputs, prefix)
        if options.saliency:
            seen = genotype_saliency(
                backend, cache, models, learned_jobs(run.table), most=options.saliency_participants,
                seed=options.seed, progress=progress,
            )  # fmt: skip
            write_saliency(seen, prefix, task="Genotypes")
    for line in [*map(sentence, seen), *left_out_lines(inputs.left_out, LEFT_OUT)]:
        say(line)
    return [*summary(run), *lines]


def write_genotype_models(run: GenotypeRun, inputs: GenotypeInputs, prefix: Path) -> None:
    """Write the files of :data:`OUTPUTS`."""
    tables = {NULL: run.null, EPOCHS: run.epochs, SEX_TABLE: run.sex, TABLE: run.table}
    for ending, table in (tables | {".left_out.tsv": inputs.left_out}).items():
        write_table(table, Path(f"{prefix}{ending}"), index=False)
    genotype_page(run, Path(f"{prefix}{PAGE}"))


def outputs(options: GenotypeTraining) -> tuple[str, ...]:
    """What a run of these options leaves, as suffixes of the prefix."""
    return (*OUTPUTS, SALIENCY_PAGE) if options.saliency else OUTPUTS
