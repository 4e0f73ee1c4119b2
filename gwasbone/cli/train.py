"""``gwasbone train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import out_option
from gwasbone.cli.train_genotypes import (
    GENOTYPE_TASK,
    genotype_task_options,
    refuse_of_genotypes,
    train_on_genotypes,
)
from gwasbone.cli.train_options import (
    local_out,
    network_choice,
    people_tables,
    study_images,
    training_plan,
)


@click.command(
    epilog="\b\nExamples:\n  gwasbone train --images images --table pheno.cases.tsv "
    "--table pheno.bmd.tsv \\\n    --task case --region ap_spine,hip --out bone\n"
    "  gwasbone assoc --pheno cnn_prob --pheno-file bone.cnn.tsv --bfile cohort --build GRCh37\n"
    "  gwasbone train --images images --table pheno.bmd.tsv --task sex --region knee --out sex\n"
    "  gwasbone train --task genotype --images images --table pheno.bmd.tsv --table pcs.tsv \\\n"
    "    --genotypes lead.genotypes.parquet --snps lead.selected.tsv --keep kept.txt --out snps"
)
@click.option("--images", metavar="FOLDER", help="Cache made by gwasbone images.")
@click.option("--table", "tables", multiple=True, metavar="FILE",
              help="Tables of people (IID) with the target, sex and side inputs.")  # fmt: skip
@click.option("--task", default="case", show_default=True, metavar="COLUMN",
              help="The target: case, sex, any column of 0/1 or 1/2; or genotype, the SNPs of "
              "--genotypes.")  # fmt: skip
@click.option("--region", "regions", metavar="LIST",
              help="ap_spine, lateral_spine, hip, left_hip, knee, forearm, whole_body, ...  "
              "[default: ap_spine; with --snps, all of its regions]")  # fmt: skip
@click.option("--backend", default="keras", show_default=True, help="What computes.")
@click.option("--architecture", metavar="NAME",
              help="small, efficientnet_b0, or any of keras.applications.  [default: "
              "efficientnet_v2_s (the paper's; of genotypes efficientnet_b0), without an "
              "accelerator small]")  # fmt: skip
@click.option("--weights", default="random", show_default=True, metavar="random|FILE",
              help="Weights to start from: of keras.applications, or a model saved here.",
              )  # fmt: skip
@click.option("--size", type=click.IntRange(12), metavar="PIXELS",
              help="Longer side; the cache's pictures are reduced by area means.  [default: the "
              "cache's, at most 672 (the paper's), 224 for efficientnet_b0, 96 for small]",
              )  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@click.option("--patience", type=click.IntRange(1), default=8, show_default=True,
              help="Epochs without a lower validation loss before it stops.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), default=12, show_default=True,
              help="Pictures per step.")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=5e-4,
              show_default=True, help="Of Adam.")  # fmt: skip
@click.option("--schedule", type=click.Choice(["constant", "cosine", "plateau"]),
              default="constant", show_default=True, help="Of the learning rate.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True,
              help="Models; each predicts the people it never saw.")  # fmt: skip
@click.option("--validation-share", type=click.FloatRange(0, 0.5, min_open=True), default=0.1,
              show_default=True, help="Of the people of other folds, to stop by.")  # fmt: skip
@click.option("--class-weights/--no-class-weights", default=True, show_default=True,
              help="Cases and controls count alike; log odds are moved back after.")  # fmt: skip
@click.option("--augment", metavar="LIST", help="Random changes: shift=0.02,zoom=0.05,rotate=3.")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.2,
              show_default=True, help="Before the output.")  # fmt: skip
@click.option("--mixed-precision", is_flag=True, help="Compute in 16 bits (for an accelerator).")
@click.option("--side-inputs", metavar="COLUMNS", help="Numbers beside the picture: sex,age.")
@click.option("--saliency/--no-saliency", default=True, show_default=True,
              help="Maps of where the networks look, and a page.")  # fmt: skip
@click.option("--saliency-people", type=click.IntRange(2), default=200, show_default=True,
              help="Of each class, whose maps are made.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of folds and networks.")
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
    from gwasbone.cli.context import command_context, completed, current_study
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
    if options["task"] == GENOTYPE_TASK:
        train_on_genotypes(options)
        return
    refuse_of_genotypes(options)
    options = completed(options, config, "training")
    regions = expand_names(options["regions"] or "ap_spine")
    plan = training_plan(options)
    models = Path(f"{local_out(options)}{step.MODELS}")
    outputs = (*step.OUTPUTS, SALIENCY_PAGE) if options["saliency"] else step.OUTPUTS
    with command_context(options, config, outputs=outputs) as context:
        tables = people_tables(options, context)
        cache = open_cache(study_images(options, config))
        with step.compiled_in(models), counted_progress() as progress:
            backend = load_backend(options["backend"])
            choice = network_choice(
                options, options["architecture"] or step.default_architecture(backend)
            )
            trained = step.train(
                backend, cache, regions, tables, options["task"], choice, plan, models=models,
                side_inputs=expand_names(options["side_inputs"] or ""), folds=options["folds"],
                validation_share=options["validation_share"], force=options["force"],
                progress=progress,
            )  # fmt: skip
            step.write_training(trained, context.out, models=models)
            if options["saliency"]:
                seen = saliency.training_saliency(
                    backend, cache, trained, models=models, most=options["saliency_people"],
                    seed=options["seed"], progress=progress,
                )  # fmt: skip
                write_saliency(seen, context.out, task=options["task"])
        for line in step.summary(trained):
            context.say(line)
        if options["saliency"]:
            for one in seen:
                context.say(sentence(one))
        for reason, count in trained.left_out["reason"].value_counts().items():
            context.say(f"{count:,} people {LEFT_OUT[str(reason)]} ({reason})")
        out = context.out
        context.say(
            f"written: {out}.cnn.tsv, {out}.evaluation.tsv, {out}.left_out.tsv, "
            f"{out}.train.html, {models}" + (f", {out}{SALIENCY_PAGE}" * options["saliency"])
        )
