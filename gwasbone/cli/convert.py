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
@subset_options
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Convert the hard calls of genotype files to PLINK .bed, .bim and .fam.

    Multiallelic variants of a VCF are split; A1 is the alternate allele. Dosages are lost: they
    become the nearest calls. Variants that cannot be placed on the genome or written, such as
    symbolic alleles, are left out and counted in the log.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.convert import write_bed

    config = current_study()
    with command_context(options, config, outputs=[".bed", ".bim", ".fam"]) as context:
        cohort = context.cohort(infer_sex=False)
        write_bed(cohort, context.out)
        context.say(
            f"{cohort.people.n_kept:,} samples, {cohort.variants.n_kept:,} variants: "
            f"{context.out}.bed"
        )
