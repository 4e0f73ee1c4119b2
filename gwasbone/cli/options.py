"""Options that several commands share, spelt as in PLINK 2 and REGENIE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gwasbone.cli.file_words import GENOTYPE_FILES
from gwasbone.cli.flags import option_flags
from gwasbone.phenotypes.options import TableReading

F = TypeVar("F", bound=Callable[..., Any])

_MAF = click.FloatRange(0, 0.5)
_MEMORY = click.FloatRange(0, min_open=True)


def _stack(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


genotype_options = _stack(
    click.option("--bfile", type=GENOTYPE_FILES["--bfile"], metavar="PREFIX...",
                 help="PLINK .bed/.bim/.fam: prefixes, files or a glob such as ukb_chr*."),
    click.option("--bgen", type=GENOTYPE_FILES["--bgen"], metavar="FILE...",
                 help="BGEN files or a glob, with --sample."),
    click.option("--sample", metavar="FILE",
                 help="Oxford .sample file of the BGEN; not needed where it holds the IDs itself."),
    click.option("--ref-first/--ref-last", "ref_first", default=None,
                 help="Whether a BGEN's first or last allele is the reference.  "
                 "[default: ref-first]"),
    click.option("--sex", metavar="FILE",
                 help="Table with the participants' sex: a .fam, .psam or .sample file, or any "
                 "table with a column SEX or UK Biobank's field 31. It goes before the sex that "
                 "the genotype files state; where neither tells, chromosome X does."),
    click.option("--vcf", type=GENOTYPE_FILES["--vcf"], metavar="FILE...",
                 help="VCF files, plain, .gz or .bgz, or a glob."),
    click.option("--mt", metavar="FOLDER", help="Hail MatrixTable."),
    click.option("--build", type=click.Choice(["GRCh37", "GRCh38"]), help="Reference build."),
    click.option(
        "--id", "id_rule", type=click.Choice(["iid", "fid_iid"]), help="What identifies a person."
    ),
    click.option("--ref-fasta", metavar="FILE", help="Left-align a VCF's indels against it."),
)  # fmt: skip

subset_options = _stack(
    click.option("--keep", metavar="FILE", help="Only these people (IID, or FID IID)."),
    click.option("--remove", metavar="FILE", help="Not these people."),
    click.option("--extract", metavar="FILE", help="Only these variants (ID or chr:pos:ref:alt)."),
    click.option("--exclude", metavar="FILE", help="Not these variants."),
    click.option("--chr", "chromosomes", metavar="LIST", help="Only these chromosomes: 1-22,X."),
)

#: For commands that read tables of participants.
table_options = option_flags(TableReading)

run_options = _stack(
    click.option("--threads", type=click.IntRange(1), help="Cores to use; all by default."),
    click.option("--memory", "memory_gb", type=_MEMORY, help="Memory of the JVM in GB."),
    click.option("--master", help="Spark master, for a cluster that Spark is not configured for."),
    click.option("--force", is_flag=True, help="Overwrite existing output."),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
)


#: For scans of formats that name variants without saying where they are.
positions_option = click.option(
    "--positions", type=click.Path(path_type=Path), metavar="FILE",
    help="Positions of the variants, for scans that give their names only (LDSC, METAL): .bim, "
    ".pvar, LD scores, or another scan.",
)  # fmt: skip


def out_option(default: str) -> Callable[[F], F]:
    """``--out PREFIX`` with a default."""
    return click.option(
        "--out",
        metavar="PREFIX",
        default=default,
        show_default=True,
        help="Prefix of all output; a path or a URL (gs://...).",
    )
