"""``gwasbone train``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from gwasbone.cli.flags import Names, option_flags
from gwasbone.cli.options import out_option, small_counts_option, table_options
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
              help="Folder of the image cache made by gwasbone images.  [default: that of "
              "the study]")  # fmt: skip
@click.option("--table", "tables", multiple=True, metavar="FILE",
              help="Table of participants (IID) with the target, sex and side inputs; the option "
              "can be repeated.  [default: those of the study]")  # fmt: skip
@click.option("--task", metavar="COLUMN",
              help="Column that the networks learn to predict: case, sex or another column coded "
              "0/1 or 1/2; with --kind categorical a column of classes, with --kind regression one "
              "or more numeric columns, separated by commas. With genotype, the networks learn "
              "the SNPs of --genotypes.  [default: case]")  # fmt: skip
@option_flags(ImageTraining, skip=("task", "regions"))
@click.option("--region", "regions", type=Names(),
              help="Body regions: ap_spine, lateral_spine, hip, left_hip, knee, forearm, "
              "whole_body, ...; the predictions of several are stacked.  [default: ap_spine; with "
              "--snps, all of its regions]",
              )  # fmt: skip
@click.option("--id", "id_rule", type=click.Choice(["iid", "fid_iid"]),
              help="Columns that identify a participant: IID alone, or FID and IID.  "
              "[default: iid]")  # fmt: skip
@genotype_task_options
@table_options
@click.option(
    "--force",
    is_flag=True,
    help="Overwrite existing output, including models of another training run.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@small_counts_option
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Train networks on bone images and predict a phenotype of every participant out of fold.

    Participants, not images, are split into folds, stratified by target and sex; predictions of
    left and right sides and of repeated visits are averaged. All regions share the split, and
    their predictions are stacked into one score. Writes PREFIX.cnn.tsv (IID, cnn_prob, cnn_logit,
    cnn_logit_std, cnn_logit_rint, cnn_fold and cnn_prob_REGION, all out of fold),
    PREFIX.evaluation.tsv, PREFIX.left_out.tsv, PREFIX.train.html, PREFIX.saliency.html (saliency
    maps) and PREFIX.models. The scale of predictions differs between folds: use cnn_logit_std,
    which is standardised within folds, or cnn_fold as a categorical covariate. With --kind
    regression the columns are cnn_COLUMN, in the units of the target; with --kind categorical they
    are cnn_CLASS, the probability of each class.

    An interrupted run resumes from PREFIX.models when the same command is given again.

    With --task genotype the networks learn the SNPs of --genotypes instead, one at a time. They
    are initialised from networks pretrained to classify sex; each region and SNP gets an
    out-of-fold AUC and its permutation p-value, from networks trained on permuted labels. Writes
    PREFIX.genotype_models.tsv and .html.
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
