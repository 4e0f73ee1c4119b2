"""``gwasbone residuals``."""

from __future__ import annotations

from typing import Any

import click

from gwasbone.cli.options import out_option
from gwasbone.errors import NotBuiltError, UsageError


@click.command(
    epilog="\b\nExample:\n  gwasbone residuals --table ukb.assessments.parquet "
    "--model nonlinear --out ukb\n  gwasbone assoc --pheno resid_bmd_total "
    "--pheno-file ukb.residuals.tsv --bfile ukb --build GRCh37"
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
@click.option(
    "--folds", type=click.IntRange(2), default=5, show_default=True, help="Folds (deepnull)."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed (deepnull).")
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
    """
    if options["model"] == "transformer":
        raise NotBuiltError("--model transformer: not built yet in this version")
    if options["table"] is None:
        raise UsageError("no assessments: give --table FILE")
    if options["covar"] is not None and options["model"] != "deepnull":
        raise UsageError("--covar is for --model deepnull: leave it out")

    from gwasbone.cli.context import command_context, current_study
    from gwasbone.phenotypes.confounders import read_assessments
    from gwasbone.phenotypes.residuals import residual_phenotypes
    from gwasbone.phenotypes.table import expand_names
    from gwasbone.steps.residuals import OUTPUTS, left_summary, write_residuals

    traits = None if options["traits"] == "all" else expand_names(options["traits"])
    covariates = expand_names(options["covar"] or "")
    # a seed of 0 is one too, and the log leaves out what is not set
    in_effect = {"seed": options["seed"]} if options["model"] == "deepnull" else {}
    with command_context(options, current_study(), outputs=OUTPUTS, in_effect=in_effect) as context:
        result = residual_phenotypes(
            read_assessments(options["table"]),
            traits,
            model=options["model"],
            covariates=covariates,
            n_folds=options["folds"],
            seed=options["seed"],
        )
        write_residuals(result, context.out)
        out = context.out
        click.echo(
            f"{len(result.fitted)} of {len(result.models)} traits, {len(result.residuals):,} "
            f"people. {left_summary(result)}\nwritten: {out}.residuals.tsv, {out}.models.tsv, "
            f"{out}.confounding.tsv, {out}.residuals.html"
        )
