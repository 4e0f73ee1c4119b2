"""``gwasbone plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import Names, option_flags
from gwasbone.cli.options import out_option, positions_option, table_limit_option
from gwasbone.loci.options import LociOptions

if TYPE_CHECKING:
    from gwasbone.genes.table import Genes
    from gwasbone.study.config import StudyConfig

_KINDS = ("manhattan", "qq", "stacked", "miami", "scatter", "volcano")
_P = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(
    epilog="\b\nExamples:\n  gwasbone plot manhattan scan.bmd.tsv.gz --out bmd\n"
    "  gwasbone plot stacked scan.parquet --trait bmd_hip,bmd_spine,cnn_prob --out bones\n"
    "  gwasbone plot miami scan.bmd_hip.tsv.gz scan.cnn_prob.tsv.gz --leads loci.tsv --out hip"
)
@click.argument("kind", type=click.Choice(_KINDS))
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--trait",
    type=Names(),
    metavar="LIST",
    help="Traits of the files to draw, in this order.  [default: all]",
)
@click.option(
    "--names",
    type=Names(),
    metavar="LIST",
    help="Names of the scans on the page.  [default: those of their traits]",
)
@click.option(
    "--leads",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Table of variants to mark (chromosome, base_pair_location and optionally trait, gene or "
    "label), such as the output of gwasbone select or clump.  [default: the strongest variant of "
    "each 1 Mb block that is genome-wide significant]",
)
@positions_option
@click.option("--build", type=click.Choice(["GRCh37", "GRCh38"]), help="Reference genome build.")
@click.option(
    "--chr", "chromosomes", metavar="LIST", help="Draw only these chromosomes, such as 1-22,X."
)
@click.option(
    "--genome-wide",
    type=_P,
    default=5e-8,
    show_default=True,
    help="P-value of the line of genome-wide significance.",
)
@click.option(
    "--y-max",
    type=click.FloatRange(0, min_open=True),
    help="Upper limit of the -log10 p axis; stronger variants are drawn as triangles at the limit.",
)
@click.option(
    "--common-y/--free-y",
    default=True,
    show_default=True,
    help="Use the same -log10 p axis in all panels (stacked, miami), or in each its own.",
)
@click.option(
    "--max-labels", type=click.IntRange(0), help="Maximum number of labelled variants per scan."
)
@click.option(
    "--effect",
    metavar="TEXT",
    help="Unit of the effect on the axis of a volcano plot, such as log odds or SD.",
)
@option_flags(LociOptions, only=("genes",))
@click.option(
    "--genes-build",
    metavar="BUILD",
    help="Genome build of the --genes file, hg19 or hg38, where the file does not state it.",
)
@click.option("--title", metavar="TEXT", help="Heading of the page.")
@table_limit_option
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@out_option("gwasbone")
def command(kind: str, files: tuple[Path, ...], **options: Any) -> None:
    """Draw plots of scans on one page that opens offline.

    \b
    manhattan  -log10 p along the genome, one figure for each scan
    qq         observed against expected -log10 p, one figure for each scan
    volcano    -log10 p against the effect, one figure for each scan
    stacked    2 to 25 scans one below another on one genome axis
    miami      two scans on one genome axis, one upwards, one downwards
    scatter    -log10 p and z-scores of two scans against each other

    FILES are summary statistics of any known format (see gwasbone clump --help), or folders of
    them; inside a study they are the study's scans where none are given. Lead variants are named by
    the nearest gene where genes are given or the study has them. Writes PREFIX.KIND.html.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.subsets import parse_chromosomes
    from gwasbone.progress import counted_progress
    from gwasbone.report.pages.plot import PlotRequest
    from gwasbone.steps.plot import draw_page
    from gwasbone.study.scans import named_scans
    from gwasbone.sumstats.leads import read_leads

    config = current_study()
    build = options["build"] or (config.study.build if config is not None else None)
    chromosomes = options["chromosomes"]
    with command_context(
        options | {"kind": kind, "files": list(files)},
        config,
        outputs=[f".{kind}.html"],
    ) as context:
        scans = named_scans(
            files, config, traits=options["trait"] or None, names=options["names"] or None,
            positions=options["positions"],
        )  # fmt: skip
        request = PlotRequest(
            kind=kind,
            genome_wide=options["genome_wide"],
            leads=read_leads(options["leads"]) if options["leads"] else None,
            build=build,
            chromosomes=frozenset(parse_chromosomes(chromosomes)) if chromosomes else None,
            y_max=options["y_max"],
            common_y=options["common_y"],
            max_labels=options["max_labels"],
            effect=options["effect"],
            genes=_genes(options | {"kind": kind}, config),
        )
        path = Path(f"{context.out}.{kind}.html")
        with counted_progress() as show:
            said = draw_page(scans, request, path, title=options["title"] or "", show=show)
        for line in said:
            context.say(line)
        context.say(str(path))


def _genes(options: dict[str, Any], config: StudyConfig | None) -> Genes | None:
    """The genes that a flag names, else those of the study, for figures that name leads."""
    from gwasbone.genes.files import named_build, read_genes

    if options["kind"] in ("qq", "scatter"):
        return None
    build = options["genes_build"]
    if options["genes"] is not None:
        return read_genes(options["genes"], build=build and named_build(build))
    if config is None or config.loci.genes is None:
        return None
    rule = config.resolved(config.loci)
    return read_genes(rule.genes, build=rule.genes_build, coding_only=not rule.all_genes)
