"""``gwasbone train --task genotype``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import given_flags, option_flags
from gwasbone.cli.options import _stack
from gwasbone.errors import UsageError
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import (
    GenotypeRequest,
    GenotypeTraining,
    ImageNetworkOptions,
    ImageTraining,
)
from gwasbone.options import option_kinds, part_of, with_given

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

GENOTYPE_TASK = "genotype"

#: Options of this task that no other has; options of other tasks only.
_FIELDS = tuple(n for n in option_kinds(GenotypeTraining) if n not in option_kinds(ImageTraining))
_OF_OTHERS = tuple(
    n for n in option_kinds(ImageTraining) if n not in (*option_kinds(GenotypeTraining), "task")
)
_FILES = ("genotypes", "snps", "keep")

_HELP = "With --task genotype: "

genotype_task_options = _stack(
    click.option("--genotypes", metavar="FILE",
                 help=f"{_HELP}people × SNPs of `gwasbone select` (IID, a column per "
                 "variant_id)."),
    click.option("--snps", metavar="FILE",
                 help=f"{_HELP}pairs of region and SNP, PREFIX.selected.tsv of `gwasbone "
                 "select`.  [default: each --region with each column]"),
    click.option("--keep", metavar="FILE",
                 help=f"{_HELP}the homogeneous, unrelated people (IID, or FID IID).  [default: "
                 "those the study keeps]"),
    option_flags(GenotypeTraining, only=_FIELDS, before_help=_HELP),
)  # fmt: skip


def refuse_of_genotypes(options: dict[str, Any], task: str) -> None:
    """Raise where flags of this task are given to another."""
    given = given_flags(options, (*_FILES, *_FIELDS))
    if given:
        raise UsageError(f"{given[0]} is of --task genotype, got --task {task}")


def train_on_genotypes(options: dict[str, Any]) -> None:
    """Learn SNPs from pictures."""
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cli.train_options import local_out, people_tables, study_images
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.person_maps import sentence
    from gwasbone.phenotypes.table import expand_names, read_people_table
    from gwasbone.progress import counted_progress
    from gwasbone.report.pages.saliency import PAGE as SALIENCY_PAGE
    from gwasbone.report.pages.saliency import write_saliency
    from gwasbone.steps import genotype_models as step
    from gwasbone.steps import genotype_saliency
    from gwasbone.steps.genotype_inputs import (
        LEFT_OUT,
        genotype_inputs,
        genotype_jobs,
        pictured_jobs,
        pictured_people,
    )
    from gwasbone.steps.train import MODELS, compiled_in, default_architecture

    others = given_flags(options, _OF_OTHERS)
    if others:
        raise UsageError(
            f"{others[0]}: a network of genotypes sees pictures only and weighs people alike, "
            "leave it out"
        )
    config = current_study()
    chosen = with_given(_base(config), options)
    genotypes_path, pairs_path = _selection(options, config)
    regions = expand_names(chosen.regions)
    models = Path(f"{local_out(options)}{MODELS}")
    outputs = (*step.OUTPUTS, *([SALIENCY_PAGE] if chosen.saliency else []))
    with command_context(options, config, outputs=outputs, in_effect=vars(chosen)) as context:
        # `select` has named people by the rule already
        genotypes = read_people_table(genotypes_path, id_rule="iid")
        selected = None
        if pairs_path is not None:
            selected = _selected(pairs_path)
        elif not regions:
            regions = ["ap_spine"]
        jobs = genotype_jobs(selected, regions, list(genotypes.columns))
        cache = open_cache(study_images(options, config))
        if options["snps"] is None and selected is not None:
            jobs, absent = pictured_jobs(jobs, cache)
            if absent:
                context.say(f"no pictures of {', '.join(absent)}: its SNPs are not learned")
        inputs = genotype_inputs(
            genotypes, pictured_people(cache, jobs), people_tables(options, context),
            keep=_kept(options["keep"], context),
            covariates=chosen.covariates or None, strata_bins=chosen.strata,
        )  # fmt: skip
        with compiled_in(models), counted_progress() as progress:
            backend = load_backend(chosen.backend)
            architecture = chosen.architecture or default_architecture(backend, "efficientnet_b0")
            run = step.train_genotypes(
                backend, cache, jobs, inputs,
                part_of(ImageNetworkOptions, chosen, architecture=architecture),
                part_of(TrainingPlan, chosen), part_of(GenotypeRequest, chosen), models=models,
                force=options["force"], progress=progress,
            )  # fmt: skip
            step.write_genotype_models(run, inputs, context.out)
            seen = []
            if chosen.saliency:
                seen = genotype_saliency.genotype_saliency(
                    backend, cache, models, genotype_saliency.learned_jobs(run.table),
                    most=chosen.saliency_people, seed=chosen.seed, progress=progress,
                )  # fmt: skip
                write_saliency(seen, context.out, task="Genotypes")
        for line in [*step.summary(run), *map(sentence, seen)]:
            context.say(line)
        for reason, count in inputs.left_out["reason"].value_counts().items():
            context.say(f"{count:,} people {LEFT_OUT[str(reason)]} ({reason})")
        context.say(
            f"written: {', '.join(f'{context.out}{name}' for name in step.OUTPUTS)}, {models}"
            + (f", {context.out}{SALIENCY_PAGE}" * bool(seen))
        )


def _base(config: StudyConfig | None) -> GenotypeTraining:
    """The study's options, its stage left out or not, else the defaults."""
    if config is None:
        return GenotypeTraining()
    section = config.resolved(config.genotype_models)
    return part_of(GenotypeTraining, section, head=section.head or GenotypeTraining.head)


def _selection(options: dict[str, Any], config: StudyConfig | None) -> tuple[Path, Path | None]:
    """The table of genotypes, and that of pairs of region and SNP where one is named.

    Without ``--genotypes`` those that the study selected.
    """
    from gwasbone.study.files import of_study, selected_genotypes, selected_snps

    snps = Path(options["snps"]) if options["snps"] is not None else None
    if options["genotypes"] is not None:
        return Path(options["genotypes"]), snps
    genotypes = of_study(
        config, selected_genotypes, "genotypes of SNPs", key="selection.regions",
        flag="--genotypes FILE, which `gwasbone select` writes",
    )  # fmt: skip
    return genotypes, snps or (selected_snps(config) if config is not None else None)


def _selected(path: Path) -> Any:
    import pandas as pd

    from gwasbone.sumstats.table import with_names_of_today

    if not path.is_file():
        raise UsageError(f"--snps {path}: no such file; `gwasbone select` writes one")
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return with_names_of_today(table, path)


def _kept(path: str | None, context: Any) -> Any:
    """People to keep: of the flag, else of the study; None where neither says."""
    from gwasbone.steps.genotype_inputs import read_keep
    from gwasbone.study.files import kept_people

    if path is not None:
        return read_keep(Path(path), id_rule=context.id_rule)
    return None if context.config is None else kept_people(context.config)
