"""``gwasbone residuals``."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from gwasbone.cli.options import out_option
from gwasbone.errors import UsageError

#: Options of one model only, by their names in Python.
_OF_TRANSFORMER = (
    "inputs", "input_columns", "leave_out", "backend", "epochs", "patience", "hidden", "layers",
    "heads", "dropout", "batch_size", "learning_rate", "schedule", "weight_decay", "networks",
    "refit",
)  # fmt: skip


@click.command(
    epilog="\b\nExamples:\n  gwasbone residuals --table ukb.assessments.parquet "
    "--model nonlinear --out ukb\n  gwasbone assoc --pheno resid_bmd_total "
    "--pheno-file ukb.residuals.tsv --bfile ukb --build GRCh37\n"
    "  gwasbone residuals --table ukb.assessments.parquet --model transformer \\\n"
    "    --inputs questionnaire.csv --leave-out 23200-23320,12143 --out ukb.tf"
)
@click.option("--table", metavar="FILE", help="Assessments: person, sex, age, weight, traits.")
@click.option("--traits", default="all", show_default=True, help="Columns, or all.")
@click.option(
    "--model",
    type=click.Choice(["nonlinear", "linear", "deepnull", "transformer"]),
    default="nonlinear",
    show_default=True,
    help="How sex, age and weight are taken out.",
)
@click.option("--covar", metavar="NAMES", help="More predictors (deepnull).")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True,
              help="Folds of people (deepnull, transformer).")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True,
              help="Random seed (deepnull, transformer).")  # fmt: skip
@click.option("--inputs", metavar="FILE",
              help="Transformer: answers, as a biobank's table or by IID (and instance).",
              )  # fmt: skip
@click.option("--input-columns", default="all", show_default=True, metavar="NAMES",
              help="Columns or fields of --inputs.")  # fmt: skip
@click.option("--leave-out", metavar="NAMES", help="Columns, fields or ranges not to be inputs.")
@click.option("--backend", default="keras", show_default=True, help="What computes.")
@click.option("--epochs", type=click.IntRange(1), default=100, show_default=True, help="At most.")
@click.option("--patience", type=click.IntRange(1), default=10, show_default=True,
              help="Epochs without a lower validation loss before it stops.")  # fmt: skip
@click.option("--hidden", type=click.IntRange(1), default=128, show_default=True,
              help="Width of the encoder.")  # fmt: skip
@click.option("--layers", type=click.IntRange(1), default=4, show_default=True,
              help="Layers of the encoder.")  # fmt: skip
@click.option("--heads", type=click.IntRange(1), default=8, show_default=True,
              help="Heads of attention.")  # fmt: skip
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.1,
              show_default=True, help="In the encoder.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True,
              help="Assessments per step.")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=1e-3,
              show_default=True, help="Of Adam, at its highest.")  # fmt: skip
@click.option("--schedule", type=click.Choice(["constant", "cosine", "plateau"]),
              default="plateau", show_default=True, help="Of the learning rate.")  # fmt: skip
@click.option("--weight-decay", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Of AdamW; 0 is Adam.")  # fmt: skip
@click.option("--networks", type=click.IntRange(1), default=1, show_default=True,
              help="Networks per fold, from other random starts; predictions are their mean.",
              )  # fmt: skip
@click.option("--refit", is_flag=True,
              help="One network of everybody, as in the paper: in sample.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Take sex, age and weight out of phenotypes, and see what is left of them.

    The table has one row per person and assessment, as PREFIX.assessments.parquet of `gwasbone
    phenotypes` has. nonlinear is the mixed model bmd ~ C(sex) + C(sex):Age40 +
    poly(Weight75, 2) + (1 | person), whose marginal residual is averaged per person; linear is
    sex + age + weight; deepnull predicts out of fold by boosted trees, and gives its prediction
    as the covariate deepnull_TRAIT too. Writes PREFIX.residuals.tsv (resid_TRAIT), .models.tsv,
    .confounding.tsv and .residuals.html.

    transformer predicts all traits by one network from sex, age, weight and the answers of
    --inputs, joined by person and visit; everybody by a network that never saw them. Measured
    bone is refused among the inputs, and what genes influence is warned of. The mean of several
    --networks keeps more of the genetic signal than one. It also writes fold, and PREFIX.models;
    a run that was killed goes on when the same command is given again. The
    default size is the paper's and wants an accelerator; a CPU can train --hidden 32 --layers 2
    --heads 4.
    """
    from gwasbone.cli.context import command_context, completed, current_study

    config = current_study()
    options = completed(options, config, "residuals")
    if options["table"] is None:
        from gwasbone.study.files import assessments, of_study

        table = of_study(
            config, assessments, "assessments", flag="--table FILE", key="records.table"
        )
        options["table"] = str(table)
    _check(options)
    if options["model"] == "transformer":
        _transformer(options)
        return

    from gwasbone.phenotypes.confounders import read_assessments
    from gwasbone.phenotypes.residuals import residual_phenotypes
    from gwasbone.phenotypes.table import column_names, expand_names
    from gwasbone.steps.residuals import OUTPUTS, write_residuals

    covariates = expand_names(options["covar"] or "", column_names([options["table"]]))
    traits = _traits(options)
    # a seed of 0 is one too, and the log leaves out what is not set
    in_effect = {"seed": options["seed"]} if options["model"] == "deepnull" else {}
    own = {name: value for name, value in options.items() if name not in _OF_TRANSFORMER}
    with command_context(own, config, outputs=OUTPUTS, in_effect=in_effect) as context:
        result = residual_phenotypes(
            read_assessments(options["table"]),
            traits,
            model=options["model"],
            covariates=covariates,
            n_folds=options["folds"],
            seed=options["seed"],
        )
        write_residuals(result, context.out)
        _say(result, context)


def _transformer(options: dict[str, Any]) -> None:
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cli.train_options import local_out
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.networks import TrainingPlan
    from gwasbone.learning.residuals import transformer_residuals
    from gwasbone.learning.trait_prediction import Encoder
    from gwasbone.learning.visit_answers import read_visit_answers
    from gwasbone.phenotypes.confounders import read_assessments
    from gwasbone.phenotypes.table import expand_names
    from gwasbone.progress import counted_progress
    from gwasbone.steps import transformer_residuals as step
    from gwasbone.steps.residuals import OUTPUTS
    from gwasbone.steps.train import compiled_in

    traits = _traits(options)
    columns = options["input_columns"]
    chosen = None if columns == "all" else expand_names(columns)
    plan = TrainingPlan(
        epochs=options["epochs"], batch_size=options["batch_size"],
        learning_rate=options["learning_rate"], schedule=options["schedule"],
        patience=options["patience"], weight_decay=options["weight_decay"], seed=options["seed"],
    )  # fmt: skip
    encoder = Encoder(options["hidden"], options["layers"], options["heads"], options["dropout"])
    folder = step.models_folder(local_out(options), refit=options["refit"])
    n_models = options["networks"] * (1 if options["refit"] else options["folds"])
    with command_context(
        options, current_study(), outputs=OUTPUTS, in_effect={"seed": options["seed"]}
    ) as context:
        assessments = read_assessments(options["table"])
        answers = read_visit_answers(
            options["inputs"], assessments, chosen,
            left_out=expand_names(options["leave_out"] or ""),
        )  # fmt: skip
        with compiled_in(folder.parent), counted_progress() as progress:
            made = transformer_residuals(
                assessments, answers, load_backend(options["backend"]), traits, folder=folder,
                plan=plan, encoder=encoder, n_folds=options["folds"],
                n_networks=options["networks"], refit=options["refit"],
                on_epoch=step.epoch_follower(n_models, plan.epochs, progress),
            )  # fmt: skip
        step.write_transformer(made, context.out)
        context.say(step.summary(made))
        _say(made.phenotypes, context, f", {folder}")


def _check(options: dict[str, Any]) -> None:
    """Raise where options contradict the model, before anything is read."""
    if options["covar"] is not None and options["model"] != "deepnull":
        raise UsageError("--covar is for --model deepnull: leave it out")
    source = click.get_current_context().get_parameter_source
    given = [n for n in _OF_TRANSFORMER if source(n) is ParameterSource.COMMANDLINE]
    if given and options["model"] != "transformer":
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{named}: for --model transformer only, leave it out")
    if options["model"] == "transformer" and options["inputs"] is None:
        raise UsageError("no answers for the transformer: give --inputs FILE")
    if options["hidden"] % options["heads"]:
        raise UsageError(
            f"--hidden {options['hidden']}: expected a multiple of --heads {options['heads']}"
        )


def _traits(options: dict[str, Any]) -> list[str] | None:
    from gwasbone.phenotypes.table import column_names, expand_names

    if options["traits"] == "all":
        return None
    return expand_names(options["traits"], column_names([options["table"]]))


def _say(result: Any, context: Any, more: str = "") -> None:
    from gwasbone.phenotypes.residuals import left_summary

    out = context.out
    context.say(
        f"{len(result.fitted)} of {len(result.models)} traits, {len(result.residuals):,} "
        f"people. {left_summary(result)}\nwritten: {out}.residuals.tsv, {out}.models.tsv, "
        f"{out}.confounding.tsv, {out}.residuals.html{more}"
    )
