"""``gwasbone h2``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.ldsc_options import Prevalences, ldsc_flags, ldsc_rule, named_ld_scores
from gwasbone.cli.options import out_option, run_options


@click.command(
    epilog="\b\nExamples:\n  gwasbone h2 scans/*.tsv.gz --ref-ld-chr eur_w_ld_chr --out bones\n"
    "  gwasbone h2 fracture.tsv.gz --ref-ld-chr eur_w_ld_chr --samp-prev 0.5 --pop-prev 0.1"
)
@click.argument("scans", nargs=-1, type=click.Path(path_type=Path))
@ldsc_flags
@click.option(
    "--samp-prev", type=Prevalences(), metavar="LIST",
    help="Share of cases among the participants of each scan, for h2 on the scale of liability; "
    "nan for a quantitative trait.",
)  # fmt: skip
@click.option(
    "--pop-prev", type=Prevalences(), metavar="LIST",
    help="Share of cases in the population, for each scan.",
)  # fmt: skip
@run_options
@out_option("gwasbone")
def command(scans: tuple[Path, ...], **options: Any) -> None:
    """Estimate the SNP heritability of scans by LD score regression.

    SCANS are summary statistics of any known format (see gwasbone clump --help), or folders of
    them; inside a study they are the study's scans where none are given. The rules of LDSC's
    munging are applied: minor allele frequency, palindromic and repeated variants, sample size,
    median effect. Writes PREFIX.h2.tsv and PREFIX.h2.html.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps import ldsc as step
    from gwasbone.study.scans import named_scans

    config = current_study()
    rule = ldsc_rule(options, config)
    outputs = [f".{step.H2}", f".{step.H2_PAGE}"]
    with command_context(options, config, outputs=outputs, in_effect=vars(rule)) as context:
        named = named_scans(scans, config, positions=options["positions"])
        table = step.estimate_heritability(
            named, *named_ld_scores(context, rule), rule, f"{context.out}.",
            prevalences=(options["samp_prev"], options["pop_prev"]),
        )  # fmt: skip
        for row in table.to_dict("records"):
            context.say(
                f"{row['trait']}: h2 {row['h2']:.4f} ({row['standard_error']:.4f}), intercept "
                f"{row['intercept']:.4f} ({row['intercept_standard_error']:.4f}), {row['scale']} "
                f"scale, {row['n_snp']:,} variants"
            )
        context.say(f"{context.out}.{step.H2}, {context.out}.{step.H2_PAGE}")
