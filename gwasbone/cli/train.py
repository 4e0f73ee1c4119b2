"""``gwasbone train``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from gwasbone.cli.flags import Names, option_flags
from gwasbone.cli.options import out_option, table_options
from gwasbone.cli.train_genotypes import (
    GENOTYPE_TASK,
    genotype_task_options,
    refuse_of_genotypes,
    train_on_genotypes,
)
from gwasbone.cli.train_options import models_folder, people_tables, study_images
from gwasbone.learning.options import ImageTraining
from gwasbone.options import with_given


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
              help="The target: case, sex, any column of 0/1 or 1/2; with --kind also classes or "
              "numbers (several columns separated by commas); or genotype, the SNPs of "
              "--genotypes.  [default: case]")  # fmt: skip
@option_flags(ImageTraining, skip=("task", "regions"))
@click.option("--region", "regions", type=Names(),
              help="ap_spine, lateral_spine, hip, left_hip, knee, forearm, whole_body, ...; "
              "several are stacked.  [default: ap_spine; with --snps, all of its regions]",
              )  # fmt: skip
@click.option("--id", "id_rule", type=click.Choice(["iid", "fid_iid"]),
              help="What identifies a person.")  # fmt: skip
@genotype_task_options
@table_options
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
    a covariate. With --kind regression or categorical the columns are cnn_COLUMN, in the units of
    the target, or the probability cnn_CLASS of each class.

    A run that was killed goes on when the same command is given again: finished folds and epochs
    in PREFIX.models are taken.

    With --task genotype the SNPs of --genotypes are learned instead, one at a time: networks
    pretrained on sex, an AUC out of fold for each region and SNP, and its p-value against networks
    that are trained on shuffled labels. Writes PREFIX.genotype_models.tsv and .html.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.phenotypes.table import expand_names
    from gwasbone.steps import train as step

    config = current_study()
    base = ImageTraining() if config is None else config.resolved(config.training)
    if options["task"] == GENOTYPE_TASK:
        train_on_genotypes(options)
        return
    refuse_of_genotypes(options, options["task"] or base.task)
    chosen = with_given(base, options)
    chosen = replace(
        chosen, regions=tuple(expand_names(chosen.regions or ("ap_spine",))),
        side_inputs=tuple(expand_names(chosen.side_inputs)),
    )  # fmt: skip
    models, outputs = models_folder(options), step.outputs(chosen)
    with command_context(options, config, outputs=outputs, in_effect=vars(chosen)) as context:
        lines = step.train_images(
            chosen, study_images(options, config), people_tables(options, context), context.out,
            models=models, force=options["force"], say=context.say,
        )  # fmt: skip
        written = [f"{context.out}{ending}" for ending in outputs]
        for line in [*lines, f"written: {', '.join(written)}, {models}"]:
            context.say(line)
