"""``gwasbone train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import out_option


@click.command(
    epilog="\b\nExamples:\n  gwasbone train --images images --table pheno.cases.tsv "
    "--table pheno.bmd.tsv \\\n    --task case --region ap_spine,hip --out bone\n"
    "  gwasbone assoc --pheno cnn_prob --pheno-file bone.cnn.tsv --bfile cohort --build GRCh37\n"
    "  gwasbone train --images images --table pheno.bmd.tsv --task sex --region knee --out sex"
)
@click.option("--images", required=True, metavar="FOLDER", help="Cache made by gwasbone images.")
@click.option("--table", "tables", multiple=True, metavar="FILE",
              help="Tables of people (IID) with the target, sex and side inputs.")  # fmt: skip
@click.option("--task", default="case", show_default=True, metavar="COLUMN",
              help="The target: case, sex, or any column of 0/1 or 1/2.")  # fmt: skip
@click.option("--region", "regions", default="ap_spine", show_default=True, metavar="LIST",
              help="ap_spine, lateral_spine, hip, left_hip, knee, forearm, whole_body, ...",
              )  # fmt: skip
@click.option("--backend", default="keras", show_default=True, help="What computes.")
@click.option("--architecture", metavar="NAME",
              help="small, efficientnet_b0, or any of keras.applications.  [default: "
              "efficientnet_v2_s (the paper's), without an accelerator small]")  # fmt: skip
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
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.image_training import NetworkChoice
    from gwasbone.learning.networks import TrainingPlan
    from gwasbone.phenotypes.table import expand_names
    from gwasbone.progress import counted_progress
    from gwasbone.steps import saliency, saliency_page
    from gwasbone.steps import train as step
    from gwasbone.steps.train_inputs import LEFT_OUT

    regions = expand_names(options["regions"])
    augment = _augment(options["augment"])
    plan = TrainingPlan(
        epochs=options["epochs"], batch_size=options["batch_size"],
        learning_rate=options["learning_rate"], schedule=options["schedule"],
        patience=options["patience"], seed=options["seed"],
    )  # fmt: skip
    models = Path(f"{options['out']}{step.MODELS}")
    outputs = (*step.OUTPUTS, saliency_page.PAGE) if options["saliency"] else step.OUTPUTS
    with command_context(options, current_study(), outputs=outputs) as context:
        tables = _tables(options, context)
        cache = open_cache(options["images"])
        with step.compiled_in(models), counted_progress() as progress:
            backend = load_backend(options["backend"])
            choice = NetworkChoice(
                architecture=options["architecture"] or step.default_architecture(backend),
                weights=options["weights"], size=options["size"], dropout=options["dropout"],
                mixed_precision=options["mixed_precision"], augment=augment,
                class_weights=options["class_weights"],
            )  # fmt: skip
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
                saliency_page.write_saliency(seen, context.out, task=options["task"])
        for line in step.summary(trained):
            click.echo(line)
        if options["saliency"]:
            for one in seen:
                click.echo(saliency_page.sentence(one))
        for reason, count in trained.left_out["reason"].value_counts().items():
            click.echo(f"{count:,} people {LEFT_OUT[str(reason)]} ({reason})")
        out = context.out
        click.echo(
            f"written: {out}.cnn.tsv, {out}.evaluation.tsv, {out}.left_out.tsv, "
            f"{out}.train.html, {models}" + (f", {out}{saliency_page.PAGE}" * options["saliency"])
        )


def _tables(options: dict[str, Any], context: Any) -> dict[str, Any]:
    """The tables that flags name, else the study's."""
    from gwasbone.errors import UsageError
    from gwasbone.phenotypes.table import read_people_table

    paths = list(options["tables"])
    if not paths and context.config is not None:
        paths = [str(context.config.path(table)) for table in context.config.phenotypes.tables]
    if not paths:
        raise UsageError("no table of people: give --table FILE, or run inside a study")
    return {path: read_people_table(path, id_rule=context.id_rule) for path in paths}


def _augment(text: str | None) -> dict[str, float]:
    """``shift=0.02,rotate=3`` as a mapping."""
    from gwasbone.errors import UsageError

    chosen: dict[str, float] = {}
    for part in (text or "").split(","):
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            chosen[name.strip()] = float(value)
        except ValueError:
            raise UsageError(
                f"--augment {part}: expected NAME=NUMBER of shift, zoom, rotate"
            ) from None
    unknown = sorted(set(chosen) - {"shift", "zoom", "rotate"})
    if unknown or any(value < 0 for value in chosen.values()):
        raise UsageError(
            f"--augment {text}: expected numbers from 0 for shift, zoom and rotate"
            f"{f', got {unknown[0]}' if unknown else ''}"
        )
    return chosen
