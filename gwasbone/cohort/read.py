"""``read_genotypes``: any supported file to a cohort; phenotypes onto its samples."""

from __future__ import annotations

import importlib
import logging
import os
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sex import with_sex_of_tables
from gwasbone.cohort.sources.source import Genotypes, ReadOptions
from gwasbone.cohort.sources.tables import READ_STAGE, same_as_before
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import BUILDS
from gwasbone.phenotypes.missing_codes import drop_missing_codes
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule
from gwasbone.phenotypes.table import read_people_table, warn_of_few_matches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Format:
    """A format of genotype files.

    Parameters
    ----------
    module, function : of the function ``(location, options) -> Genotypes`` that reads it; it is
        imported when such a file is read.
    needs_build : the files do not say their reference build.
    """

    module: str
    function: str
    needs_build: bool = False

    def read(self, location: Any, options: ReadOptions) -> Genotypes:
        """Read the files at a location; see :class:`ReadOptions`."""
        read: Genotypes = getattr(importlib.import_module(self.module), self.function)(
            location, options
        )
        return read


#: Keyword of :func:`read_genotypes` -> format. A new format is a module and a line here; see
#: :mod:`gwasbone.cohort.sources.source`.
FORMATS = {
    "bfile": Format("gwasbone.cohort.sources.bed", "read_bed", needs_build=True),
    "pfile": Format("gwasbone.cohort.sources.pgen", "read_pgen", needs_build=True),
    "pgen": Format("gwasbone.cohort.sources.pgen", "read_pgen", needs_build=True),
    "bgen": Format("gwasbone.cohort.sources.bgen", "read_bgen", needs_build=True),
    "vcf": Format("gwasbone.cohort.sources.vcf", "read_vcf"),
    "bcf": Format("gwasbone.cohort.sources.vcf", "read_vcf"),
    "mt": Format("gwasbone.cohort.sources.matrix_table", "read_mt"),
}


def read_genotypes(
    *,
    sample: str | Path | None = None,
    build: str | None = None,
    id_rule: IdRule = "iid",
    ref_last: bool = False,
    reference_fasta: str | Path | None = None,
    cache: str | Path | None = None,
    **genotypes: str | os.PathLike[str] | list[str] | None,
) -> Cohort:
    """Read genotypes from PLINK 1 and 2, BGEN, VCF or MatrixTable files into a cohort.

    Parameters
    ----------
    bfile : prefix of PLINK .bed, .bim, .fam; a glob or a comma-separated list for several (one
        per chromosome). The A1 allele of the .bim is ALT. Read in place, without Hail.
    pfile : prefix of PLINK 2 .pgen, .pvar (or .pvar.zst), .psam; a glob or a comma-separated list.
        Variants with several ALT alleles are split. Read in place, without Hail.
    pgen : the same, by the name of the .pgen.
    bgen : BGEN file (v1.1 to v1.3) or glob, with ``sample`` unless the files hold the IDs; read
        in place, without Hail.
    vcf : VCF (plain, gzip, bgzip) file, glob or list; read once into packed blocks, without Hail.
        Multiallelic sites are split.
    bcf : BCF file, glob or list; as ``vcf``.
    mt : folder of a Hail MatrixTable.
    build : ``GRCh37`` or ``GRCh38``; needed for ``bfile``, ``pfile`` and ``bgen``.
    id_rule : columns that identify a sample: ``iid``, or ``fid_iid`` for FID_IID.
    ref_last : take the last allele of a BGEN variant as the reference, instead of the first.
    reference_fasta : FASTA file (with .fai) against which the indels of a VCF are left-aligned.
    cache : folder in which the packed blocks of a VCF are kept for the next time that it is read;
        a temporary folder by default.

    Returns
    -------
    A cohort with nobody and nothing excluded but what cannot be placed on the genome.

    Raises
    ------
    InputError
        The files are missing, damaged, or contradict the build or each other.
    UsageError
        None or several kinds of file were given, or the build is missing.

    Examples
    --------
    >>> gb.read_genotypes(bfile=example / "example", build="GRCh37")
    Cohort: 300 samples, 400 variants, GRCh37, PLINK .bed
    """
    unknown = [name for name in genotypes if name not in FORMATS]
    if unknown:
        raise UsageError(
            f"expected genotypes as one of {', '.join(FORMATS)}, got {unknown[0]}: name them so"
        )
    given = [name for name in FORMATS if genotypes.get(name) is not None]
    if len(given) != 1:
        *most, last = FORMATS
        raise UsageError(
            f"expected exactly one of {', '.join(most)} and {last} for the genotypes, got "
            f"{' and '.join(given) or 'none'}"
        )
    if build is not None and build not in BUILDS:
        raise UsageError(f"expected build GRCh37 or GRCh38, got {build}")
    chosen = FORMATS[given[0]]
    if build is None and chosen.needs_build:
        raise UsageError(
            f"{given[0]}: the file does not state its reference build: give build GRCh37 or GRCh38"
        )
    options = ReadOptions(
        build=build,
        id_rule=id_rule,
        sample=None if sample is None else Path(sample),
        ref_last=ref_last,
        reference_fasta=None if reference_fasta is None else Path(reference_fasta),
        cache=None if cache is None else Path(cache),
    )
    location = genotypes[given[0]]
    if isinstance(location, os.PathLike):
        location = os.fspath(location)
    read = set_copies_aside(chosen.read(location, options))
    _say_what_is_set_aside(read)
    return Cohort.of(read)


def set_copies_aside(genotypes: Genotypes) -> Genotypes:
    """Leave one of the variants with the same position and alleles, such as duplicate probes.

    The copy that is called in most participants is kept, the first of several such; the others get
    the reason ``duplicate_variant``. Of a source that is not read in blocks the copies are
    gone already.
    """
    variants = genotypes.variants
    rows = np.flatnonzero(variants.kept)
    same = same_as_before(variants.table.iloc[rows])
    if not same.any():
        return genotypes
    several = same | np.append(same[1:], False)
    group, rows = np.cumsum(~same)[several], rows[several]
    best_first = np.lexsort((rows, -_n_called(genotypes, rows), group))
    worse = rows[best_first][~np.append(True, np.diff(group[best_first]) > 0)]
    excluded = np.zeros(len(variants), dtype=bool)
    excluded[worse] = True
    log.warning(
        "%s: %d copies of variants (same position and alleles) are set aside, such as %s",
        genotypes.source.describe(), len(worse), variants.table["source_id"].iloc[worse[0]],
    )  # fmt: skip
    rule = "another variant with the same position and alleles is called in more participants"
    kept = variants.exclude(READ_STAGE, "duplicate_variant", excluded, description=rule)
    return replace(genotypes, variants=kept)


def _n_called(genotypes: Genotypes, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """(m,) participants who are called at rows of the variant table."""
    from gwasbone.blocks.packed import count_calls

    calls = genotypes.source.calls(genotypes.participants)
    table = genotypes.variants.table.iloc[rows]
    parts = [
        count_calls(calls.read(block.variants), calls.everyone, genotypes.participants.n).called
        for block in calls.blocks(table)
    ]
    return np.concatenate(parts)


def _say_what_is_set_aside(genotypes: Genotypes) -> None:
    """Log what cannot be used of the files, with its reason; refuse files with nothing left."""
    for table in (genotypes.people, genotypes.variants):
        reasons = [f"{int(d.excluded.sum())} {d.reason} ({d.description})" for d in table.decisions]
        if reasons:
            log.info(
                "%s: %s set aside: %s",
                genotypes.source.describe(), table.label, "; ".join(reasons),
            )  # fmt: skip
        if table.n_kept == 0:
            raise InputError(
                f"{genotypes.source.describe()}: expected {table.label} that can be used, all "
                f"{len(table)} are set aside: {'; '.join(reasons)}"
            )


def cohort_from_mt(mt: Any, *, id_rule: IdRule = "iid") -> Cohort:
    """Make a cohort of a Hail MatrixTable; see :meth:`Cohort.from_mt`."""
    return Cohort.from_mt(mt, id_rule=id_rule)


def annotate_phenotypes(
    cohort: Cohort,
    table: pd.DataFrame | str | Path,
    *,
    id_rule: IdRule = "iid",
    reading: TableReading | None = None,
) -> Cohort:
    """Add the columns of a phenotype table to the samples of a cohort.

    A column of sex states the sex of the samples whose genotype files do not, as in
    :func:`gwasbone.cohort.sex.settle_sex`; the cohort's own column ``sex`` (1 man, 2 woman, 0
    unknown) is never replaced by the table's.

    Parameters
    ----------
    table : table indexed by sample ID, or a file for
        :func:`gwasbone.phenotypes.table.read_people_table`. Samples that are not in it get NaN.
    id_rule : columns of the file that identify a participant.
    reading : codes of missing values (−9 by default), and the limit of what is unpacked.

    Raises
    ------
    InputError
        No person in common; two IDs of each side are shown.
    """
    reading = reading or TableReading()
    if isinstance(table, pd.DataFrame):
        frame = drop_missing_codes(table, reading.missing_codes, where="the phenotype table")
    else:
        frame = read_people_table(table, id_rule=id_rule, reading=reading)
    ids = cohort.people.table.index
    if not frame.index.isin(ids).any():
        raise InputError(
            f"expected samples of the genotypes ({', '.join(map(str, ids[:2]))}) in the phenotype "
            f"table, it has {', '.join(map(str, frame.index[:2]))}: try the other ID rule"
        )
    where = "the phenotype table" if isinstance(table, pd.DataFrame) else str(table)
    warn_of_few_matches(frame.index, ids, where="the phenotype table")
    cohort = with_sex_of_tables(cohort, {where: frame})
    return cohort.annotate_people(frame.drop(columns="sex", errors="ignore"))


def example_cohort() -> Cohort:
    """Read the small simulated cohort that ships with the package.

    Returns
    -------
    300 participants and 400 variants on chromosomes 1, 5 and 22 (GRCh37), with the columns
    ``bmd_spine``, ``bmd_hip``, ``bmd_femur`` (g/cm²), ``osteoporosis`` (1 = case), ``sex``
    (1 = man, 2 = woman), ``age`` (years), ``weight`` (kg) and ``height`` (cm). Two variants each
    explain 18 % of the variance of bone mineral density, far more than any real one.

    Examples
    --------
    >>> example_cohort()
    Cohort: 300 samples, 400 variants, GRCh37, PLINK .bed
    """
    files = resources.files("gwasbone") / "resources"
    with resources.as_file(files) as folder:
        cohort = read_genotypes(bfile=folder / "example", build="GRCh37")
        return annotate_phenotypes(cohort, folder / "example.tsv")
