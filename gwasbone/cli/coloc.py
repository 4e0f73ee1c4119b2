"""``gwasbone coloc``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.ldsc_options import Prevalences
from gwasbone.cli.options import out_option, positions_option, run_options, table_limit_option
from gwasbone.errors import UsageError
from gwasbone.options import with_given
from gwasbone.sumstats.options import ColocOptions


@click.command(
    epilog="\b\nExamples:\n  gwasbone coloc bmd.tsv.gz expression.tsv.gz --region "
    "7:120000000-121000000 --out wnt16\n"
    "  gwasbone coloc fracture.tsv.gz bmd.tsv.gz --loci bmd.loci.tsv --case-share 0.1,nan"
)
@click.argument("scans", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--region", "regions", multiple=True, metavar="CHR:START-END",
    help="Region to test; the option can be repeated.",
)  # fmt: skip
@click.option(
    "--loci", metavar="FILE", type=click.Path(path_type=Path),
    help="Table of regions (chromosome, start_bp and end_bp, as of gwasbone clump, or "
    "base_pair_location with 250 kb on either side).",
)  # fmt: skip
@click.option(
    "--sd-y", type=Prevalences(), metavar="A,B",
    help="Standard deviation of each quantitative trait; estimated from allele frequencies and "
    "sample sizes where nan or not given.",
)  # fmt: skip
@click.option(
    "--case-share", type=Prevalences(), metavar="A,B",
    help="Share of cases of each trait whose effects are log odds; nan for a quantitative trait.",
)  # fmt: skip
@positions_option
@option_flags(ColocOptions)
@table_limit_option
@run_options
@out_option("gwasbone")
def command(scans: tuple[Path, ...], **options: Any) -> None:
    """Test whether two scans share a causal variant, region by region.

    SCANS are two scans of any known format. Inside a study they are the study's first two scans
    where none are given, and the regions its loci. Variants in both scans are used. Writes
    PREFIX.coloc.tsv (posterior probabilities of no association, of one trait, of both by different
    variants and by a shared one), PREFIX.coloc.variants.tsv (with the 95% credible set of a shared
    variant) and PREFIX.coloc.html (z against z, sensitivity to the prior).
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps import coloc as step
    from gwasbone.study.scans import named_scans
    from gwasbone.sumstats.scan import Scans

    config = current_study()
    rule = with_given(ColocOptions() if config is None else config.coloc, options)
    outputs = [f".{name}" for name in (step.COLOC, step.VARIANTS, step.PAGE)]
    with command_context(options, config, outputs=outputs, in_effect=vars(rule)) as context:
        named = named_scans(scans, config, positions=options["positions"])
        if not scans:
            named = Scans(list(named.values())[:2])
        found = step.colocalise(
            named, _regions(options, config), rule, f"{context.out}.", sd_y=options["sd_y"],
            case_share=options["case_share"],
        )  # fmt: skip
        for row in found.table.head(40).to_dict("records"):
            why = f"; {row['status']}" if row["status"] else ""
            context.say(f"{row['region']}: {row['n_snp']} variants, PP.H4 {row['pp_h4']:.4f}{why}")
        n = int((found.table["pp_h4"] >= rule.support).sum())
        context.say(
            f"{n} of {len(found.table)} regions with PP.H4 of at least {rule.support:g}: "
            f"{context.out}.{step.COLOC}, {context.out}.{step.PAGE}"
        )


def _regions(options: dict[str, Any], config: Any) -> list[Any]:
    from gwasbone.cohort.ld import parse_region
    from gwasbone.study.files import LOCI
    from gwasbone.sumstats.coloc_regions import Region, read_loci

    regions = [Region(*parse_region(region)) for region in options["regions"]]
    loci = options["loci"]
    if loci is None and not regions:
        if config is None:
            raise UsageError("expected a region: give --region CHR:START-END or --loci FILE")
        loci = config.output / "loci" / LOCI
        if not loci.exists():
            raise UsageError(
                f"expected loci of the study at {loci}: run the stage loci, or give --region or "
                "--loci"
            )
    return regions + (read_loci(loci) if loci is not None else [])
