"""``gwasbone compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    genotype_options,
    out_option,
    positions_option,
    run_options,
    subset_options,
    table_limit_option,
)
from gwasbone.comparison.options import ComparisonRule
from gwasbone.options import part_of, with_given


@click.command(
    epilog="\b\nExample:\n  gwasbone compare scan.case.tsv.gz scan.cnn_prob.tsv.gz \\\n"
    "    --loci known.tsv --ld-scores eur_w_ld_chr --out cnn"
)
@click.argument("scans", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--loci",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of loci known from other studies, with chromosome and base_pair_location.",
)
@click.option(
    "--ld-scores",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of LD scores (LDSC's *.l2.ldscore.gz and *.l2.M_5_50), or the prefix of one set "
    "where the folder has several. Without it LD scores are computed from the genotypes, where "
    "those are given.",
)
@positions_option
@genotype_options
@subset_options
@option_flags(ComparisonRule)
@table_limit_option
@run_options
@out_option("gwasbone")
def command(scans: tuple[Path, ...], **options: Any) -> None:
    """Compare scans of alternative definitions of the same disease.

    Computes genomic inflation; LD score intercept, heritability and genetic correlation (with LD
    scores); mean χ² and the ratio of effective sample sizes at known loci; slopes of effects; the
    number of loci at equal false discovery rate; and the replication of the lead variants of each
    scan in the others, all with confidence intervals. Writes PREFIX.comparison.tsv and .html, and
    the tables behind the figures.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.report.pages.comparison import measures_summary
    from gwasbone.steps.compare import FILES, PAGE, TABLE, compare
    from gwasbone.study.files import GENOTYPES, ld_score_folder, loci_file
    from gwasbone.study.scans import named_scans, scans_of_section

    config = current_study()
    base = ComparisonRule() if config is None else part_of(ComparisonRule, config.comparison)
    rule = with_given(base, options)
    with command_context(
        options, config, outputs=[f".{name}" for name in FILES], in_effect=vars(rule)
    ) as context:
        loci, ld_scores = options["loci"], options["ld_scores"]
        genotypes = ld_scores is None and context.names_genotypes
        if loci is None and config is not None:
            loci = loci_file(config)
        if ld_scores is None and config is not None and not genotypes:
            genotypes = config.comparison.ld_scores == GENOTYPES
            ld_scores = ld_score_folder(config)
        cohort = context.cohort() if genotypes else None
        if not scans and config is not None and config.comparison.scans:
            named = scans_of_section(config, positions=options["positions"], cohort=cohort)
        else:
            named = named_scans(scans, config, positions=options["positions"], cohort=cohort)
        paths = {name: Path(f"{context.out}.{name}") for name in FILES}
        compared, n_variants = compare(
            named, paths, title=f"Comparison of {len(named)} scans", loci=loci,
            ld_scores=ld_scores, cohort=cohort, rule=rule, threads=options["threads"],
        )  # fmt: skip
        context.say(measures_summary(compared.measures))
        context.say(f"{n_variants:,} variants in all scans: {paths[TABLE]}, {paths[PAGE]}")
