"""``gwasbone clump``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from gwasbone.errors import UsageError
from gwasbone.loci.options import ClumpRule, LociOptions, clump_rule
from gwasbone.options import with_given

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

_DRAWN_BY_DEFAULT = LociOptions.regional_plots


@click.command(
    epilog="\b\nExamples:\n  gwasbone clump scans/bmd.*.tsv.gz --bfile ukb --build GRCh37 \\\n"
    "    --genes gencode.v19.annotation.gtf.gz --regional --out bmd\n"
    "  gwasbone clump --sumstats bmd.hip.tsv.gz --bfile ukb --build GRCh37 --rule plink \\\n"
    "    --out hip\n"
    "  gwasbone clump published.tsv.gz --distance-only --build GRCh38 --out published"
)
@click.argument("scans", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--sumstats", metavar="FILE", multiple=True, type=click.Path(path_type=Path),
    help="Summary statistics of a scan, the same as an argument SCANS; the option can be repeated.",
)  # fmt: skip
@genotype_options
@subset_options
@click.option(
    "--rule", type=click.Choice(["loci", "instruments", "plink"]),
    help="Preset of --p1, --p2, --r2 and --kb, each of which can still be given: loci, for "
    "genome-wide significant signals (5e-8, 0.01, 0.1, 250); instruments, for Mendelian "
    "randomisation (5e-8, 0.01, 0.001, 10000); plink, the defaults of PLINK's --clump (1e-4, "
    "0.01, 0.5, 250).  [default: loci]",
)  # fmt: skip
@option_flags(ClumpRule)
@click.option("--distance-only", is_flag=True, help="Clump by distance alone, without genotypes.")
@option_flags(LociOptions, only=("merge_kb", "genes"))
@click.option(
    "--genes-build",
    metavar="BUILD",
    help="Genome build of the --genes file, hg19 or hg38, where the file does not state it.",
)
@option_flags(LociOptions, only=("all_genes", "window_kb"))
@click.option(
    "--regional", "regional_plots", metavar="[N]", type=click.IntRange(1), is_flag=False,
    flag_value=_DRAWN_BY_DEFAULT,
    help="Also draw regional plots (PREFIX.regional.html) of the N loci with the smallest "
    f"p-values, or of {_DRAWN_BY_DEFAULT} where N is omitted.",
)  # fmt: skip
@positions_option
@option_flags(LociOptions, only=("genetic_map",))
@table_limit_option
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Find independent loci of scans by clumping, and the genes near them.

    SCANS are summary statistics: GWAS-SSF, REGENIE, PLINK 2, BOLT-LMM, SAIGE, fastGWA, METAL,
    LDSC, FinnGen, GWAS-VCF, Parquet of gwasbone, or a folder of them; the format is recognised
    from the columns. Inside a study they are the study's scans where none are given. Linkage
    disequilibrium is computed from the genotypes; clumps equal those of PLINK's --clump. Clumps
    of any scans that overlap or lie within --merge-kb are merged into one locus. Writes
    PREFIX.clumps.tsv (one row per index variant, with the members of its clump) and
    PREFIX.loci.tsv (one row per locus and scan: lead variant, nearest gene, genes in the window
    and genes known for bone); with --regional also PREFIX.regional.html.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps import loci as step
    from gwasbone.study.scans import named_scans

    config = current_study()
    rule = _rule(options, config)
    outputs = [f".{step.CLUMPS}", f".{step.LOCI}"]
    if rule.regional_plots:
        outputs.append(f".{step.PAGE}")
    in_effect = {k: v for k, v in vars(rule).items() if v is not None}
    with command_context(options, config, outputs=outputs, in_effect=in_effect) as context:
        cohort = None
        if not options["distance_only"]:
            if not context.names_genotypes and config is None:
                raise UsageError(
                    "no genotypes to take LD from: give --bfile, --pfile, --bgen, --vcf, --bcf "
                    "or --mt, or --distance-only to clump by distance alone"
                )
            cohort = context.cohort()
        scans = named_scans(
            [*options["scans"], *options["sumstats"]], config, positions=options["positions"],
            cohort=cohort,
        )  # fmt: skip
        found = step.clump_scans(
            scans, cohort, rule, f"{context.out}.", title=f"Regional plots: {context.out.name}",
            build=options["build"], threads=options["threads"],
        )  # fmt: skip
        clumps_path, loci_path, page = (
            f"{context.out}.{name}" for name in (step.CLUMPS, step.LOCI, step.PAGE)
        )
        for line in found.summary():
            context.say(line)
        n = found.loci.table["locus"].nunique()
        shown = f", {page}" if found.plots else ""
        context.say(f"{n:,} loci in {len(scans)} scans: {clumps_path}, {loci_path}{shown}")


def _rule(options: dict[str, Any], config: StudyConfig | None) -> LociOptions:
    """What flags say, else a named rule, else the study's section."""
    from gwasbone.genes.files import named_build

    base = LociOptions() if config is None else config.resolved(config.loci)
    # the study draws its loci itself
    base = replace(base, regional_plots=0)
    if options["rule"] is not None:
        base = replace(base, **vars(clump_rule(options["rule"])))
    build = options["genes_build"]
    return with_given(base, options | {"genes_build": build and named_build(build)})
