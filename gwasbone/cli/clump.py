"""``gwasbone clump``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options


@click.command(
    epilog="\b\nExample:\n  gwasbone clump --sumstats scan.bmd.tsv.gz --bfile ukb "
    "--build GRCh37 \\\n    --p1 5e-8 --r2 0.1 --kb 250 --out bmd"
)
@click.option("--sumstats", metavar="FILE", required=True, help="GWAS-SSF file of the scan.")
@genotype_options
@subset_options
@click.option("--p1", type=float, default=1e-4, show_default=True, help="Index variants: p <= p1.")
@click.option("--p2", type=float, default=1e-2, show_default=True, help="Members: p < p2.")
@click.option("--r2", type=float, default=0.5, show_default=True, help="LD above this links.")
@click.option("--kb", type=float, default=250, show_default=True, help="Within so many kilobases.")
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Clump the variants of a scan by linkage disequilibrium, as PLINK's --clump does.

    LD is that of the genotypes named. Writes PREFIX.clumps.tsv: one index variant a line, with
    its members.
    """
    from gwasbone.association.clump import clump
    from gwasbone.association.ssf import read_ssf
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps.clump import write_clumps

    config = current_study()
    with command_context(options, config, outputs=[".clumps.tsv"]) as context:
        scan = read_ssf(options["sumstats"])
        rule = {name: options[name] for name in ("p1", "p2", "r2", "kb", "threads")}
        clumps = clump(scan, context.cohort(), **rule)
        path = Path(f"{context.out}.clumps.tsv")
        write_clumps(clumps, path)
        click.echo(
            f"{len(clumps.table):,} clumps of {clumps.n_used:,} variants "
            f"({clumps.n_absent:,} more are not in the genotypes): {path}"
        )
