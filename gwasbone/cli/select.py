"""``gwasbone select``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    covariate_options,
    genotype_options,
    out_option,
    positions_option,
    run_options,
    small_counts_option,
    subset_options,
    table_options,
)
from gwasbone.errors import UsageError
from gwasbone.loci.options import SelectionRule, regions_of_scans
from gwasbone.options import part_of, with_given

if TYPE_CHECKING:
    from gwasbone.loci.genotype_effects import EffectRequest
    from gwasbone.study.config import StudyConfig

_EPILOG = """
\b
Examples:
  gwasbone select results/scans/*.tsv.gz --out leads
  gwasbone select scans/resid_bmd_*.tsv.gz --bfile ukb --build GRCh37 --out bone
  gwasbone select scan.bmd_hip.tsv.gz --region bmd_hip=left_hip,right_hip --bfile ukb \\
      --build GRCh37 --pheno-file people.tsv --covar sex,age,PC1-PC4 --out hip
"""


@click.command(epilog=_EPILOG)
@click.argument("scans", nargs=-1, type=click.Path(path_type=Path))
@option_flags(SelectionRule)
@click.option(
    "--region-map",
    metavar="FILE",
    help="Table of bone measurements and the body regions of the images that show them.  "
    "[default: that of the package]",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="TRAIT=REGIONS",
    help="Body regions of a scan, such as bmd_hip=left_hip,right_hip; the option can be repeated.",
)
@positions_option
@genotype_options
@subset_options
@click.option(
    "--pheno",
    metavar="NAMES",
    help="Phenotypes whose means are computed by genotype.  [default: those of the scans]",
)
@click.option(
    "--pheno-file",
    multiple=True,
    metavar="FILE",
    help="Table with the phenotypes; the option can be repeated.",
)
@covariate_options
@table_options
@run_options
@small_counts_option
@out_option("gwasbone")
def command(scans: tuple[Path, ...], **options: Any) -> None:
    """Select lead SNPs of body regions from many scans.

    SCANS are summary statistics of any known format (see gwasbone clump --help), folders of them,
    or Hail Tables; inside a study they are the study's scans where none are given. A scan belongs
    to the regions of the bone measurement in its name (bmd_total, resid_bmd_total, ...). For each
    region the --max-blocks blocks of the genome with the smallest p-values below --p are selected,
    and peaks in linkage disequilibrium (--r2 within --window-bp) are merged into one SNP. This
    needs genotypes; without them only peaks of the same block are merged.

    Writes PREFIX.leads.tsv (lead blocks of each scan), PREFIX.selected.tsv (regions and their
    SNPs) and PREFIX.selected.html; with genotypes also PREFIX.genotypes.parquet; with phenotypes
    also PREFIX.effects.tsv and .html (means by genotype, adjusted for the covariates).
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.images.region_map import read_region_map
    from gwasbone.loci.region_selection import select_regions
    from gwasbone.progress import counted_progress
    from gwasbone.steps.select import FILES, write_selection
    from gwasbone.study.scans import named_scans

    config = current_study()
    rule, chosen_map, regions = _rule(options, config)
    outputs = [f".{suffix}" for suffix in FILES]
    with command_context(options, config, outputs=outputs) as context:
        region_map = read_region_map(chosen_map)
        cohort = context.cohort() if context.names_genotypes or config is not None else None
        sources = named_scans(scans, config, positions=options["positions"], cohort=cohort)
        given = regions_of_scans(regions)
        if config is not None and not options["regions"]:
            given = {trait: names for trait, names in given.items() if trait in sources}
        effects = None
        asked = bool(options["pheno_file"] or options["pheno"])
        # the traits of scans that files name need not be columns of the study
        if asked or (config is not None and not scans):
            if cohort is None:
                raise UsageError(
                    "means by genotype need genotypes: give --bfile, --pfile or --bgen"
                )
            wanted = [t for t in sources if t in given or region_map.regions_of(t)]
            if asked or wanted or (config is not None and config.selection.effects):
                effects = _effects(context, wanted)
        with counted_progress() as progress:
            selection = select_regions(
                sources, cohort=cohort, region_map=region_map, regions=given, rule=rule,
                threads=options["threads"], progress=progress,
            )  # fmt: skip
        said = write_selection(selection, f"{context.out}.", cohort=cohort, effects=effects)
        for line in said:
            context.say(line)
        context.say(f"written: {context.out}.leads.tsv, {context.out}.selected.tsv and more")


def _rule(options: dict[str, Any], config: StudyConfig | None) -> tuple[Any, Any, tuple[str, ...]]:
    """The rule, the region map and the regions of scans that flags and study make together."""
    from gwasbone.study.config import SelectionSection

    section = config.selection if config is not None else SelectionSection()
    of_study = config.path(section.region_map) if config is not None else None
    return (
        with_given(part_of(SelectionRule, section), options),
        options["region_map"] or of_study,
        options["regions"] or section.regions,
    )


def _effects(context: Any, wanted: list[str]) -> EffectRequest:
    from gwasbone.loci.genotype_effects import EffectRequest
    from gwasbone.study.config import SelectionSection
    from gwasbone.study.requests import phenotype_columns, scan_request

    options, config = context.options, context.config
    section = config.selection if config is not None else SelectionSection()
    request = scan_request(
        config, traits=options["pheno"] or ",".join(section.effects) or None,
        covariates=options["covar"] or None, categorical=options["cat_covar"] or None,
        tables=[*options["pheno_file"], *options["covar_file"]],
    )  # fmt: skip
    if not (options["pheno"] or section.effects):
        request = replace(request, traits=tuple(wanted))
    if not request.traits:
        raise UsageError("no phenotype: name columns with --pheno, no scan is in a region")
    table = phenotype_columns(
        request, options["pheno_file"], covariate_tables=options["covar_file"], config=config,
        id_rule=context.id_rule, reading=context.reading,
    )  # fmt: skip
    return EffectRequest(table, request)
