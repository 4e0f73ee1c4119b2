"""``gwasbone train``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import Names, option_flags
from gwasbone.cli.options import out_option
from gwasbone.cli.train_genotypes import (
    GENOTYPE_TASK,
    genotype_task_options,
    refuse_of_genotypes,
    train_on_genotypes,
)
from gwasbone.cli.train_options import local_out, people_tables, study_images
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import ImageTraining, NetworkChoice
from gwasbone.options import part_of, with_given


@click.command(
    epilog="\b\nExamples:\n  gwasbone train --images images --table pheno.cases.tsv "
    "--table pheno.bmd.tsv \\\n    --task case --region ap_spine,hip --out bone\n"
    "  gwasbone assoc --pheno cnn_prob --pheno-file bone.cnn.tsv --bfile cohort --build GRCh37\n"
    "  gwasbone train --images images --table pheno.bmd.tsv --task sex --region knee --out sex\n"
    "  gwasbone train --task genotype --images images --table pheno.bmd.tsv --table pcs.tsv \\\n"
    "    --genotypes lead.genotypes.parquet --snps lead.selected.tsv --keep kept.txt --out snps"
)
@click.option("--images", metavar="FOLDER",
              help="Cache made by gwasbone images.  [default: that of the study]")  # fmt: skip
@click.option("--table", "tables", multiple=True, metavar="FILE",
              help="Tables of people (IID) with the target, sex and side inputs.  [default: those "
              "of the study]")  # fmt: skip
@click.option("--task", metavar="COLUMN",
              help="The target: case, sex, any column of 0/1 or 1/2; or genotype, the SNPs of "
              "--genotypes.  [default: case]")  # fmt: skip
@option_flags(ImageTraining, skip=("task", "regions"))
@click.option("--region", "regions", type=Names(),
              help="ap_spine, lateral_spine, hip, left_hip, knee, forearm, whole_body, ...; "
              "several are stacked.  [default: ap_spine; with --snps, all of its regions]",
              )  # fmt: skip
@click.option("--id", "id_rule", type=click.Choice(["iid", "fid_iid"]),
              help="What identifies a person.")  # fmt: skip
@genotype_task_options
@click.option("--force", is_flag=True, help="Overwrite output, and models of another training.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Train networks on bone images, and give everybody a phenotype from them.

    People, not pictures, are split into folds, stratified by target and sex; left and right and
    repeated visits are averaged. All regions share the split, and several are stacked to one
    score. Writes PREFIX.cnn.tsv (IID, cnn_prob, cnn_logit, cnn_logit_std, cnn_logit_rint,
    cnn_fold, and cnn_prob_REGION; all out of fold), PREFIX.evaluation.tsv, PREFIX.left_out.tsv,
    PREFIX.train.html, PREFIX.saliency.html (where the networks look) and PREFIX.models. The scale
    of models differs between folds: cnn_logit_std is standardised within them, or take cnn_fold as
    a covariate.

    A run that was killed goes on when the same command is given again: finished folds and epochs
    in PREFIX.models are taken.

    With --task genotype the SNPs of --genotypes are learned instead, one at a time: networks
    pretrained on sex, an AUC out of fold for each region and SNP, and its p-value against networks
    that are trained on shuffled labels. Writes PREFIX.genotype_models.tsv and .html.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.person_maps import sentence
    from gwasbone.phenotypes.table import expand_names
    from gwasbone.progress import counted_progress
    from gwasbone.report.pages.saliency import PAGE as SALIENCY_PAGE
    from gwasbone.report.pages.saliency import write_saliency
    from gwasbone.steps import saliency
    from gwasbone.steps import train as step
    from gwasbone.steps.train_inputs import LEFT_OUT

    config = current_study()
    base = ImageTraining() if config is None else config.resolved(config.training)
    if options["task"] == GENOTYPE_TASK:
        train_on_genotypes(options)
        return
    refuse_of_genotypes(options, options["task"] or base.task)
    chosen = with_given(base, options)
    regions = expand_names(chosen.regions or ("ap_spine",))
    chosen = replace(chosen, side_inputs=tuple(expand_names(chosen.side_inputs)))
    models = Path(f"{local_out(options)}{step.MODELS}")
    outputs = (*step.OUTPUTS, SALIENCY_PAGE) if chosen.saliency else step.OUTPUTS
    with command_context(options, config, outputs=outputs, in_effect=vars(chosen)) as context:
        tables = people_tables(options, context)
        cache = open_cache(study_images(options, config))
        with step.compiled_in(models), counted_progress() as progress:
            backend = load_backend(chosen.backend)
            architecture = chosen.architecture or step.default_architecture(backend)
            trained = step.train(
                backend, cache, regions, tables, chosen.task,
                part_of(NetworkChoice, chosen, architecture=architecture),
                part_of(TrainingPlan, chosen), models=models, side_inputs=chosen.side_inputs,
                folds=chosen.folds, validation_share=chosen.validation_share,
                force=options["force"], progress=progress,
            )  # fmt: skip
            step.write_training(trained, context.out, models=models)
            if chosen.saliency:
                seen = saliency.training_saliency(
                    backend, cache, trained, models=models, most=chosen.saliency_people,
                    seed=chosen.seed, progress=progress,
                )  # fmt: skip
                write_saliency(seen, context.out, task=chosen.task)
        for line in step.summary(trained):
            context.say(line)
        if chosen.saliency:
            for one in seen:
                context.say(sentence(one))
        for reason, count in trained.left_out["reason"].value_counts().items():
            context.say(f"{count:,} people {LEFT_OUT[str(reason)]} ({reason})")
        out = context.out
        context.say(
            f"written: {out}.cnn.tsv, {out}.evaluation.tsv, {out}.left_out.tsv, "
            f"{out}.train.html, {models}" + (f", {out}{SALIENCY_PAGE}" * chosen.saliency)
        )
