"""``gwasbone assoc``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from gwasbone.association.options import AssociationOptions, ScanRequest
from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    covariate_options,
    genotype_options,
    out_option,
    run_options,
    subset_options,
    table_options,
)
from gwasbone.cohort.options import FilterOptions
from gwasbone.errors import UsageError

_EPILOG = """
\b
Examples:
  gwasbone assoc --bfile ukb --build GRCh37 --pheno bmd_spine --pheno-file bmd.tsv \\
      --covar sex,age,PC1-PC10 --cat-covar array --maf 0.001 --out spine
  gwasbone assoc --pheno cnn_prob          (inside a study folder)
"""


@click.command(epilog=_EPILOG)
@genotype_options
@click.option("--pheno", metavar="NAMES", help="Traits to test: column names, separated by commas.")
@click.option(
    "--pheno-file",
    multiple=True,
    metavar="FILE",
    help="Table with the traits; the option can be repeated.",
)
@covariate_options
@table_options
@option_flags(AssociationOptions, only=("method", "test", "engine", "binary_coding"))
@click.option("--step1-bfile", metavar="PREFIX", hidden=True, help="Genotypes of step 1 of wgr.")
@click.option("--step1-extract", metavar="FILE", hidden=True, help="Variants of step 1 of wgr.")
@subset_options
@option_flags(FilterOptions)
@option_flags(AssociationOptions, only=("log_traits", "rint", "standardize"))
@option_flags(ScanRequest, only=("formats", "plots"))
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Test traits for association with the variants of the genome.

    Writes for each trait PREFIX.TRAIT.tsv.gz (GWAS-SSF) with its YAML sidecar,
    PREFIX.TRAIT.untested.tsv.gz (the variants that could not be tested, with the reason), and the
    pages of the Manhattan and QQ plots.
    """
    from gwasbone.association.summary import scan_summary
    from gwasbone.cli.context import command_context, current_study, filtered
    from gwasbone.steps.scan import output_paths, run_scan
    from gwasbone.study.requests import phenotype_columns, scan_request

    config = current_study()
    request = scan_request(
        config, options, traits=options["pheno"], covariates=options["covar"],
        categorical=options["cat_covar"], tables=[*options["pheno_file"], *options["covar_file"]],
    )  # fmt: skip
    if not request.traits:
        raise UsageError("no traits: give --pheno NAMES, or association.traits in study.toml")
    outputs = output_paths(request, Path(Path(options["out"]).name))
    model = dataclasses.asdict(request)
    with command_context(options, config, outputs=outputs, in_effect=model) as context:
        phenotypes = phenotype_columns(
            request, options["pheno_file"], covariate_tables=options["covar_file"], config=config,
            id_rule=context.id_rule, reading=context.reading,
        )  # fmt: skip
        cohort = filtered(context.cohort(), options)
        results = run_scan(
            cohort,
            request,
            phenotypes,
            context.out,
            threads=options["threads"],
            # beside the output, into which they are renamed; and /tmp may not hold them
            folder=context.staging.work / "tables",
        )
        summary = scan_summary(results).round({"lambda_gc": 4, "top_neg_log10_p": 2})
        context.say(summary.to_string(index=False))
        for trait in results.provenance.get("left_out", ()):
            context.say(f"left out: {trait} (see the log)")
        paths = output_paths(dataclasses.replace(request, traits=results.traits), context.out)
        more = f" and {len(paths) - 2} more files" if len(paths) > 2 else ""
        context.say(f"written: {', '.join(map(str, paths[:2]))}{more}")
