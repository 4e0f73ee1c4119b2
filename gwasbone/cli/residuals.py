"""``gwasbone residuals``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import given_flags, option_flags
from gwasbone.cli.options import out_option, small_counts_option, table_options
from gwasbone.errors import UsageError
from gwasbone.learning.options import ResidualOptions
from gwasbone.options import option_kinds, part_of, with_given

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

#: Options of the transformer only.
_OF_TRANSFORMER = tuple(
    name
    for name in option_kinds(ResidualOptions)
    if name not in ("model", "traits", "log_traits", "covariates", "folds", "seed")
    and not name.startswith("formula")
)


@click.command(
    epilog="\b\nExamples:\n  gwasbone residuals --table ukb.assessments.parquet "
    "--model nonlinear --out ukb\n  gwasbone assoc --pheno resid_bmd_total "
    "--pheno-file ukb.residuals.tsv --bfile ukb --build GRCh37\n"
    "  gwasbone residuals --table ukb.assessments.parquet --model transformer \\\n"
    "    --inputs questionnaire.csv --leave-out 23200-23320,12143 --out ukb.tf\n"
    "  gwasbone residuals --table ukb.assessments.parquet --formulas formulas.txt --out ukb.try\n"
    "  gwasbone residuals --table ukb.assessments.parquet --out ukb.chosen \\\n"
    "    --formula 'C(sex) + C(sex):Age40 + bs(Weight75, df=4) + (1 | person)'"
)
@click.option(
    "--table",
    metavar="FILE",
    help="Table of assessments: participant, sex, age, weight and traits.  [default: that of "
    "the study]",
)
@option_flags(ResidualOptions)
@table_options
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@small_counts_option
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Adjust phenotypes for sex, age and weight, and test for residual confounding.

    The table has one row per participant and assessment, such as PREFIX.assessments.parquet of
    `gwasbone phenotypes`. The model nonlinear is the mixed model bmd ~ C(sex) + C(sex):Age40 +
    poly(Weight75, 2) + (1 | person), whose marginal residuals are averaged per participant; linear
    is sex + age + weight; deepnull predicts out of fold with boosted trees, and also writes its
    predictions as the covariates deepnull_TRAIT. Writes PREFIX.residuals.tsv (resid_TRAIT),
    .models.tsv, .confounding.tsv and .residuals.html.

    --formula fits another model (implies --model formula) of sex, age, weight, Age40, Weight75
    and other columns of the table, in the language of statsmodels, with or without (1 | person).
    --formulas compares several by maximum likelihood before one is chosen, and also writes
    PREFIX.formulas.tsv: AIC, BIC and the residuals against age and weight.

    The model transformer is one network that predicts all traits out of fold from sex, age, weight
    and the questionnaire answers of --inputs, joined by participant and visit; --input-categories
    takes UK Biobank's fields by category (diet, activity, reproductive, ...). Bone measurements
    are not accepted as inputs, and heritable inputs give a warning. The mean of several --networks
    keeps more of the genetic signal than one. --tune chooses its size and rates on an even split
    of the participants and writes PREFIX.tuning.tsv. It also writes the column fold, and
    PREFIX.models; an interrupted run resumes when the same command is given again. The default
    size is that of the paper and needs an accelerator; on a CPU use --hidden 32 --layers 2 --heads
    4.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cli.train_options import local_out
    from gwasbone.phenotypes.table import column_names, expand_names
    from gwasbone.steps import residuals as step

    config = current_study()
    table = _table(options, config)
    chosen = _chosen(options, config)
    columns = column_names([table])
    chosen = replace(
        chosen, traits=tuple(expand_names(chosen.traits, columns)),
        covariates=tuple(expand_names(chosen.covariates, columns)),
    )  # fmt: skip
    # models are kept beside the output, which must then be on this machine
    is_network = chosen.model == "transformer"
    out = local_out(options) if is_network else Path(options["out"])
    models = step.models_folder(out, refit=chosen.refit)
    in_effect = _in_effect(chosen)
    outputs = step.outputs(chosen)
    with command_context(options, config, outputs=outputs, in_effect=in_effect) as context:
        written = [f"{context.out}{ending}" for ending in outputs]
        written += [str(models)] if is_network else []
        made = step.make_residuals(
            table, chosen, context.out, models=models, reading=context.reading
        )
        for line in made:
            context.say(line)
        context.say(f"written: {', '.join(written)}")


def _in_effect(chosen: ResidualOptions) -> dict[str, Any]:
    """The options that the model uses, for the log."""
    if chosen.model == "transformer":
        return vars(chosen)
    used = ["model", "traits", "log_traits", "covariates"]
    used += ["folds", "seed"] if chosen.model == "deepnull" else []
    used += ["formula"] if chosen.formula is not None else []
    used += ["formulas", "formula_participants", "seed"] if chosen.formulas is not None else []
    return {name: getattr(chosen, name) for name in used}


def _chosen(options: dict[str, Any], config: StudyConfig | None) -> ResidualOptions:
    """What flags say, else the study, else the defaults."""
    base = ResidualOptions()
    if config is not None and config.residuals.model is not None:
        base = part_of(ResidualOptions, config.resolved(config.residuals))
    model = options["model"] or ("formula" if options["formula"] is not None else None)
    if model not in (None, base.model):
        # what the study says of deepnull or of a formula does not hold for another model
        base = replace(base, model="nonlinear", covariates=(), formula=None)
    every = ("traits", "input_columns", "input_categories")
    given = {n: () if n in every and v == ("all",) else v for n, v in options.items()}
    given |= {"model": model}
    others = given_flags(options, _OF_TRANSFORMER)
    if others and (model or base.model) != "transformer":
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
