"""Options that several commands share, spelt as in PLINK 2 and REGENIE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gwasbone.cli.file_words import GENOTYPE_FILES
from gwasbone.cli.flags import option_flags
from gwasbone.phenotypes.options import TableReading
from gwasbone.table_limit import TableLimit

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
                 help="PLINK .bed/.bim/.fam files: prefixes, file names or a glob such as "
                 "ukb_chr*."),
    click.option("--pfile", type=GENOTYPE_FILES["--pfile"], metavar="PREFIX...",
                 help="PLINK 2 .pgen/.pvar/.psam files: prefixes, file names or a glob."),
    click.option("--bgen", type=GENOTYPE_FILES["--bgen"], metavar="FILE...",
                 help="BGEN files or a glob; the sample IDs come from --sample or the files "
                 "themselves."),
    click.option("--sample", metavar="FILE",
                 help="Oxford .sample file of the BGEN files; not needed where they hold the "
                 "sample IDs."),
    click.option("--ref-first/--ref-last", "ref_first", default=None,
                 help="Whether the first or the last allele of a BGEN variant is the reference "
                 "allele.  [default: ref-first]"),
    click.option("--sex", metavar="FILE",
                 help="Table with the sex of the samples: a .fam, .psam or .sample file, or any "
                 "table with a column SEX or UK Biobank's field 31. It takes precedence over the "
                 "genotype files. Where neither states sex, it is taken from the column of sex of "
                 "the phenotype tables, or else inferred from chromosome X."),
    click.option("--vcf", type=GENOTYPE_FILES["--vcf"], metavar="FILE...",
                 help="VCF files (plain, .gz or .bgz) or a glob."),
    click.option("--bcf", type=GENOTYPE_FILES["--bcf"], metavar="FILE...",
                 help="BCF files or a glob."),
    click.option("--cache", metavar="DIR|none",
                 help="Folder in which the packed blocks of VCF and BCF files are kept for later "
                 "commands; none keeps nothing.  [default: .gwasbone-cache in the study, or in "
                 "the folder of the output]"),
    click.option("--mt", metavar="FOLDER", help="Folder of a Hail MatrixTable."),
    click.option("--build", type=click.Choice(["GRCh37", "GRCh38"]),
                 help="Reference genome build."),
    click.option("--id", "id_rule", type=click.Choice(["iid", "fid_iid"]),
                 help="Columns that identify a sample: IID alone, or FID and IID.  "
                 "[default: iid]"),
    click.option("--ref-fasta", metavar="FILE",
                 help="Reference sequence (FASTA) to left-align the indels of a VCF against."),
)  # fmt: skip

small_counts_option = click.option(
    "--small-counts", is_flag=True,
    help="Show images, values and saliency maps of single participants and counts below 5 on the "
    "page, which by default shows none and can be shared.",
)  # fmt: skip

subset_options = _stack(
    click.option(
        "--keep", metavar="FILE", help="Keep only the samples listed in FILE (IID, or FID and IID)."
    ),
    click.option(
        "--remove", metavar="FILE", help="Exclude the samples listed in FILE (IID, or FID and IID)."
    ),
    click.option(
        "--extract",
        metavar="FILE",
        help="Keep only the variants listed in FILE (ID or chr:pos:ref:alt).",
    ),
    click.option(
        "--exclude",
        metavar="FILE",
        help="Exclude the variants listed in FILE (ID or chr:pos:ref:alt).",
    ),
    click.option(
        "--chr", "chromosomes", metavar="LIST", help="Keep only these chromosomes, such as 1-22,X."
    ),
)

covariate_options = _stack(
    click.option("--covar", metavar="NAMES",
                 help="Numeric covariates: column names; PC1-PC10 stands for PC1 to PC10."),
    click.option("--covar-file", multiple=True, metavar="FILE",
                 help="Table with the covariates; the option can be repeated."),
    click.option("--cat-covar", metavar="NAMES",
                 help="Categorical covariates: column names."),
)  # fmt: skip

#: For commands that read tables of participants.
table_options = option_flags(TableReading)

#: For commands that read other tables only: genes, loci, LD scores.
table_limit_option = option_flags(TableLimit)

run_options = _stack(
    click.option(
        "--threads", type=click.IntRange(1), help="Number of cores to use.  [default: all]"
    ),
    click.option("--memory", "memory_gb", type=_MEMORY, help="Memory of the JVM in GB."),
    click.option(
        "--master",
        help="Address of the Spark master, where the configuration of Spark does not name it.",
    ),
    click.option("--force", is_flag=True, help="Overwrite existing output."),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
)


#: For scans of formats that name variants without saying where they are.
positions_option = click.option(
    "--positions", type=click.Path(path_type=Path), metavar="FILE",
    help="Table with the positions of the variants, for scans that have variant names only (LDSC, "
    "METAL): a .bim or .pvar file, LD scores or another scan.",
)  # fmt: skip


def out_option(default: str) -> Callable[[F], F]:
    """``--out PREFIX`` with a default."""
    return click.option(
        "--out",
        metavar="PREFIX",
        default=default,
        show_default=True,
        help="Prefix of all output files; a path or a URL (gs://...).",
    )
