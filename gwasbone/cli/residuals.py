"""``gwasbone residuals``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import given_flags, option_flags
from gwasbone.cli.options import out_option
from gwasbone.errors import UsageError
from gwasbone.learning.options import ResidualOptions
from gwasbone.options import option_kinds, part_of, with_given

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

#: Options of the transformer only.
_OF_TRANSFORMER = tuple(
    name
    for name in option_kinds(ResidualOptions)
    if name not in ("model", "traits", "covariates", "folds", "seed")
)


@click.command(
    epilog="\b\nExamples:\n  gwasbone residuals --table ukb.assessments.parquet "
    "--model nonlinear --out ukb\n  gwasbone assoc --pheno resid_bmd_total "
    "--pheno-file ukb.residuals.tsv --bfile ukb --build GRCh37\n"
    "  gwasbone residuals --table ukb.assessments.parquet --model transformer \\\n"
    "    --inputs questionnaire.csv --leave-out 23200-23320,12143 --out ukb.tf"
)
@click.option("--table", metavar="FILE", help="Assessments: person, sex, age, weight, traits.")
@option_flags(ResidualOptions)
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
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.phenotypes.confounders import read_assessments
    from gwasbone.phenotypes.residuals import residual_phenotypes
    from gwasbone.steps.residuals import OUTPUTS, write_residuals

    config = current_study()
    table = _table(options, config)
    chosen = _chosen(options, config)
    traits = _expanded(chosen.traits, table) or None
    if chosen.model == "transformer":
        _transformer(options, config, chosen, table, traits)
        return
    covariates = _expanded(chosen.covariates, table)
    # a seed of 0 is one too, and the log leaves out what is not set
    in_effect = {name: getattr(chosen, name) for name in ("model", "traits", "covariates")}
    if chosen.model == "deepnull":
        in_effect |= {"folds": chosen.folds, "seed": chosen.seed}
    with command_context(options, config, outputs=OUTPUTS, in_effect=in_effect) as context:
        result = residual_phenotypes(
            read_assessments(table), traits, model=chosen.model, covariates=covariates,
            n_folds=chosen.folds, seed=chosen.seed,
        )  # fmt: skip
        write_residuals(result, context.out)
        _say(result, context)


def _transformer(
    options: dict[str, Any],
    config: StudyConfig | None,
    chosen: ResidualOptions,
    table: str,
    traits: list[str] | None,
) -> None:
    from gwasbone.cli.context import command_context
    from gwasbone.cli.train_options import local_out
    from gwasbone.phenotypes.confounders import read_assessments
    from gwasbone.steps import transformer_residuals as step
    from gwasbone.steps.residuals import OUTPUTS

    folder = step.models_folder(local_out(options), refit=chosen.refit)
    with command_context(options, config, outputs=OUTPUTS, in_effect=vars(chosen)) as context:
        made = step.make_residuals(read_assessments(table), chosen, traits, folder=folder)
        step.write_transformer(made, context.out, folder=folder)
        context.say(step.summary(made))
        _say(made.phenotypes, context, f", {folder}")


def _chosen(options: dict[str, Any], config: StudyConfig | None) -> ResidualOptions:
    """What flags say, else the study, else the defaults."""
    base = ResidualOptions()
    if config is not None and config.residuals.model is not None:
        base = part_of(ResidualOptions, config.resolved(config.residuals))
    if options["model"] not in (None, base.model):
        # what the study says of deepnull does not hold for another model
        base = replace(base, model="nonlinear", covariates=())
    every = ("traits", "input_columns")
    given = {n: () if n in every and v == ("all",) else v for n, v in options.items()}
    others = given_flags(options, _OF_TRANSFORMER)
    if others and (options["model"] or base.model) != "transformer":
        raise UsageError(f"{', '.join(others)}: for --model transformer only, leave it out")
    return with_given(base, given)


def _table(options: dict[str, Any], config: StudyConfig | None) -> str:
    """The assessments that a flag names, else the study's."""
    from gwasbone.study.files import assessments, of_study

    if options["table"] is not None:
        return str(options["table"])
    return str(
        of_study(config, assessments, "assessments", flag="--table FILE", key="records.table")
    )


def _expanded(names: tuple[str, ...], table: str) -> list[str]:
    from gwasbone.phenotypes.table import column_names, expand_names

    return expand_names(names, column_names([table])) if names else []


def _say(result: Any, context: Any, more: str = "") -> None:
    from gwasbone.phenotypes.residuals import left_summary

    out = context.out
    context.say(
        f"{len(result.fitted)} of {len(result.models)} traits, {len(result.residuals):,} "
        f"people. {left_summary(result)}\nwritten: {out}.residuals.tsv, {out}.models.tsv, "
        f"{out}.confounding.tsv, {out}.residuals.html{more}"
    )
