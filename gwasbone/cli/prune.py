"""``gwasbone prune``."""

from __future__ import annotations

from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    _MAF,
    genotype_options,
    out_option,
    run_options,
    subset_options,
    table_limit_option,
)
from gwasbone.cohort.options import PruningRule, with_window
from gwasbone.errors import InputError
from gwasbone.options import part_of


@click.command(
    epilog="\b\nExamples:\n  gwasbone prune --bfile ukb --build GRCh37 --window 500kb --r2 0.1\n"
    "  gwasbone prune --bfile ukb --build GRCh37 --window 500 --step 10 --r2 0.1"
)
@genotype_options
@subset_options
@option_flags(PruningRule)
@click.option("--maf", type=_MAF, help="Minimum minor allele frequency of the variants used.")
@click.option(
    "--keep-long-range-ld",
    is_flag=True,
    help="Keep the variants in regions of long-range linkage disequilibrium.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "blocks", "hail"]),
    default="auto",
    show_default=True,
    help="Computation engine: hail (Hail's own methods), blocks (reads genotype files directly, "
    "without a JVM) or auto (blocks where possible).",
)
@table_limit_option
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Prune variants in linkage disequilibrium by PLINK's rule.

    Writes PREFIX.prune.in, the list of retained variants for --extract.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.prune import prune
    from gwasbone.cohort.pruned import write_pruned

    config = current_study()
    base = PruningRule() if config is None else part_of(PruningRule, config.pca)
    rule = with_window(base, options)
    maf = options["maf"]
    if maf is None and config is not None:
        maf = config.pca.maf
    with command_context(options, config, outputs=[".prune.in"]) as context:
        cohort = context.cohort()
        pruned = prune(
            cohort,
            window=rule.window,
            step=rule.step,
            r2=rule.r2,
            maf=maf,
            exclude_long_range_ld=not options["keep_long_range_ld"],
            engine=options["engine"],
            threads=options["threads"],
        )
        if pruned.empty:
            raise InputError(
                f"expected variants that vary among {cohort.people.n_kept:,} participants kept, "
                f"none of {cohort.variants.n_kept:,} does: look at --keep, --maf and call rates"
            )
        write_pruned(pruned, cohort, context.out)
        context.say(
            f"{len(pruned):,} of {cohort.variants.n_kept:,} variants: {context.out}.prune.in"
        )
