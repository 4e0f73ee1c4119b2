"""``gwasbone prune``."""

from __future__ import annotations

from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options


@click.command(
    epilog="\b\nExamples:\n  gwasbone prune --bfile ukb --build GRCh37 --window 500kb --r2 0.1\n"
    "  gwasbone prune --bfile ukb --build GRCh37 --window 500 --step 10 --r2 0.1"
)
@genotype_options
@subset_options
@click.option("--window", help="500kb, or a number of variants with --step.  [default: 500kb]")
@click.option("--step", type=int, help="By how many variants a window of variants moves.")
@click.option("--r2", type=float, help="Highest squared correlation of a pair kept (0.1).")
@click.option("--maf", type=float, help="Only variants above this minor-allele frequency.")
@click.option("--keep-long-range-ld", is_flag=True, help="Do not leave out long-range-LD regions.")
@click.option(
    "--engine", type=click.Choice(["auto", "blocks", "hail"]), default="auto", help="What computes."
)
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Prune variants in linkage disequilibrium by PLINK's rule.

    Writes PREFIX.prune.in, which --extract and --step1-extract take.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.prune import prune
    from gwasbone.steps.components import write_pruned
    from gwasbone.study.config import PcaSection

    config = current_study()
    rule = config.pca if config is not None else PcaSection()
    with command_context(options, config, outputs=[".prune.in"]) as context:
        cohort = context.cohort()
        pruned = prune(
            cohort,
            window=options["window"] or rule.window,
            step=options["step"] or (None if options["window"] else rule.step),
            r2=rule.r2 if options["r2"] is None else options["r2"],
            maf=rule.maf if options["maf"] is None and config is not None else options["maf"],
            exclude_long_range_ld=not options["keep_long_range_ld"],
            engine=options["engine"],
            threads=options["threads"],
        )
        write_pruned(pruned, cohort, context.out)
        context.say(
            f"{len(pruned):,} of {cohort.variants.n_kept:,} variants: {context.out}.prune.in"
        )
