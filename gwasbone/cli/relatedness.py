"""``gwasbone relatedness``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    genotype_options,
    out_option,
    run_options,
    subset_options,
    table_options,
)
from gwasbone.cohort.options import PcaOptions, RelatednessOptions
from gwasbone.options import with_given

#: Without the key remove: the flag of that name is a list of samples.
_OPTIONS = ("method", "min_kinship", "maf", "r2", "keep_cases_of")


@click.command(
    epilog="\b\nExample:\n  gwasbone relatedness --bfile ukb --build GRCh37 --out unrelated"
)
@genotype_options
@subset_options
@option_flags(RelatednessOptions, only=_OPTIONS)
@click.option(
    "--pheno-file", metavar="FILE", help="Table with the column named by --keep-cases-of."
)
@table_options
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Find pairs of relatives and a maximal set of unrelated samples.

    Writes PREFIX.pairs.tsv (the pairs and their kinship) and PREFIX.keep.txt (the unrelated
    samples).
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.decision_files import write_keep
    from gwasbone.steps.relatedness import remove_relatives

    config = current_study()
    rule = config.relatedness if config is not None else RelatednessOptions()
    rule = with_given(rule, options, _OPTIONS)
    with command_context(options, config, outputs=[".pairs.tsv", ".keep.txt"]) as context:
        cohort = context.cohort(before="relatedness")
        pca = config.pca if config is not None else PcaOptions()
        first = context.column(options["pheno_file"], rule.keep_cases_of)
        path = Path(f"{context.out}.pairs.tsv")
        cohort, said = remove_relatives(cohort, rule, pca, path, keep_first=first)
        write_keep(cohort, context.out)
        context.say(said)
        context.say(f"written: {path}, {context.out}.keep.txt")
