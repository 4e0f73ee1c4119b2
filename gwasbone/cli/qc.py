"""``gwasbone qc``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import call_rates, missing_share_flag, option_flags
from gwasbone.cli.options import (
    genotype_options,
    out_option,
    run_options,
    small_counts_option,
    subset_options,
    table_options,
)
from gwasbone.cohort.options import QcThresholds
from gwasbone.options import with_given

_OUTPUTS = (
    ".people.tsv.gz",
    ".variants.tsv.gz",
    ".keep.txt",
    ".extract.txt",
    ".funnel.tsv",
)
_PAGE = ".qc.html"


@click.command(
    epilog="\b\nExample:\n  gwasbone qc --bfile ukb --build GRCh37 --maf 0.01 --out qc\n"
    "  gwasbone assoc --bfile ukb --build GRCh37 --keep qc.keep.txt --extract qc.extract.txt ..."
)
@genotype_options
@subset_options
@option_flags(QcThresholds, skip=("variant_call_rate", "sample_call_rate"))
@missing_share_flag(QcThresholds, "variant_call_rate", "--geno", "variant")
@missing_share_flag(QcThresholds, "sample_call_rate", "--mind", "sample")
@click.option(
    "--biobank-qc",
    metavar="FILE",
    help="Table with the columns of UK Biobank's own quality control.",
)
@click.option(
    "--plots/--no-plots",
    default=True,
    show_default=True,
    help="Write the page with the plots of quality control.",
)
@table_options
@run_options
@small_counts_option
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Run quality control of samples and variants, recording the reason for each exclusion.

    Samples are filtered first, then variants in the retained samples. Writes tables with the
    reasons for exclusion, lists for --keep and --extract, the counts at each filter, and a page.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.decision_files import funnel_summary
    from gwasbone.steps.qc import check_all

    config = current_study()
    base = config.qc if config is not None else QcThresholds()
    thresholds = with_given(base, options | call_rates(options))
    outputs = (*_OUTPUTS, *([_PAGE] if options["plots"] else []))
    with command_context(options, config, outputs=outputs) as context:
        out = context.out
        page = Path(f"{out}{_PAGE}") if options["plots"] else None
        cohort = check_all(
            context.cohort(before="people", infer_sex=False),
            thresholds,
            out,
            biobank=_biobank(options["biobank_qc"], context),
            page=page,
        )
        context.say(funnel_summary(cohort.people))
        context.say(funnel_summary(cohort.variants))
        written = [f"{out}.keep.txt", f"{out}.extract.txt and tables"]
        context.say(f"written: {', '.join(map(str, [page, *written] if page else written))}")


def _biobank(path: str | None, context: Any) -> Any:
    from gwasbone.cohort.biobank import biobank_columns
    from gwasbone.errors import InputError

    columns = biobank_columns(context.people_tables([path] if path is not None else []))
    if columns is None and path is not None:
        raise InputError(
            f"{path}: expected columns of UK Biobank's quality control such as 22027-0.0 or "
            "p22021, found none"
        )
    return columns
