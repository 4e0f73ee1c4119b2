"""``gwasbone phenotypes``."""

from __future__ import annotations

from typing import Any

import click

from gwasbone.cli.options import out_option, small_counts_option, table_options


def _print_definition(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gwasbone.phenotypes.case_definition import osteoporosis_text

        click.echo(osteoporosis_text(), nl=False)
        ctx.exit()


@click.command(
    epilog="\b\nExample:\n  gwasbone phenotypes --table ukb.csv --out pheno\n"
    "  gwasbone phenotypes --print-definition > my.toml   (then change it, and)\n"
    "  gwasbone phenotypes --table ukb.csv --definition my.toml --out pheno\n"
    "  gwasbone assoc ... --pheno bmd_total_std --pheno-file pheno.bmd.tsv --covar sex,age,weight"
)
@click.option("--table", metavar="FILE", help="Table of a biobank (CSV, TSV or Parquet).")
@click.option(
    "--definition",
    metavar="FILE",
    help="TOML file of the case definition.  [default: the package's osteoporosis]",
)
@click.option(
    "--measurements",
    metavar="FILE",
    help="Table of the bone measurements and their fields.  [default: the package's 25]",
)
@click.option(
    "--medication-coding",
    metavar="FILE",
    help="UK Biobank's data-coding 4, to decode medication given as numbers.",
)
@click.option(
    "--skip-absent",
    is_flag=True,
    help="Skip rules and measurements whose columns are not in the table.",
)
@click.option(
    "--rint",
    is_flag=True,
    help="Also write the rank-based inverse normal transforms of the measurements.",
)
@click.option("--id", "id_rule", type=click.Choice(["iid", "fid_iid"]),
              help="Columns that identify a participant: IID alone, or FID and IID.  "
              "[default: iid]")  # fmt: skip
@click.option(
    "--print-definition",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_definition,
    help="Print the package's case definition, as a template, and exit.",
)
@table_options
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@small_counts_option
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Derive cases and bone measurements from a biobank's table.

    Columns are found by field number in any usual spelling (31-0.0, p31_i0, f.31.0.0). Writes
    PREFIX.cases.tsv (IID, case and the rules that were met), PREFIX.rules.tsv and PREFIX.codes.tsv
    (counts by rule and by code), PREFIX.assessments.parquet (the measurements of each visit),
    PREFIX.imputed.tsv (each imputed value and its rule), PREFIX.bmd.tsv (one row per participant
    after imputation: in g/cm², and standardised as *_std) and PREFIX.phenotypes.html.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.errors import UsageError
    from gwasbone.options import with_given
    from gwasbone.steps.phenotypes import OUTPUTS, make_phenotypes
    from gwasbone.study.config import RecordsSection

    config = current_study()
    base = RecordsSection() if config is None else config.resolved(config.records)
    chosen = with_given(base, options)
    if chosen.table is None:
        raise UsageError("no table: give --table FILE, or records.table in study.toml")
    with command_context(options, config, outputs=OUTPUTS) as context:
        out = context.out
        cases, bmd = make_phenotypes(
            chosen, out, id_rule=context.id_rule, reading=context.reading,
            coding=options["medication_coding"],
            skip_absent=options["skip_absent"], rint=options["rint"],
        )  # fmt: skip
        n_controls = len(cases.rules) - cases.n_cases
        context.say(f"{cases.n_cases:,} cases of {cases.definition.name}, {n_controls:,} controls")
        if bmd is not None:
            context.say(f"BMD: {len(bmd.long):,} assessments of {len(bmd.people):,} participants")
        context.say(f"written: {out}.phenotypes.html, {out}.cases.tsv and tables")
