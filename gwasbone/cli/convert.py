"""``gwasbone convert``."""

from __future__ import annotations

from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options


@click.command(
    epilog="\b\nExamples:\n  gwasbone convert --vcf cohort.vcf.gz --out cohort\n"
    "  gwasbone convert --bgen ukb_chr*.bgen --sample ukb.sample --build GRCh37 --chr 1-22 "
    "--out calls"
)
@genotype_options
@click.option(
    "--to",
    "to",
    type=click.Choice(["bed", "pgen"]),
    default="bed",
    show_default=True,
    help="Format to write: bed (PLINK 1, hard calls) or pgen (PLINK 2, hard calls and dosages).",
)
@subset_options
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Convert genotype files to PLINK .bed, .bim and .fam, or to .pgen, .pvar and .psam.

    Multiallelic variants of a VCF are split; A1 is the alternate allele. A .bed has no dosages:
    they become the nearest calls, or are missing; a .pgen keeps them. Variants that cannot be
    placed on the genome or written, such as symbolic alleles, are left out and counted in the log.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.convert import write_bed
    from gwasbone.cohort.sources.pgen_files import write_pgen

    bed = options["to"] == "bed"
    endings = [".bed", ".bim", ".fam"] if bed else [".pgen", ".pvar", ".psam"]
    config = current_study()
    with command_context(options, config, outputs=endings) as context:
        cohort = context.cohort(infer_sex=False)
        (write_bed if bed else write_pgen)(cohort, context.out)
        context.say(
            f"{cohort.people.n_kept:,} samples, {cohort.variants.n_kept:,} variants: "
            f"{context.out}{endings[0]}"
        )
