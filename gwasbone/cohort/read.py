"""``read_genotypes``: any supported file to a cohort."""

from __future__ import annotations

from pathlib import Path

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.people_table import IdRule
from gwasbone.errors import UsageError
from gwasbone.genome import BUILDS


def read_genotypes(
    *,
    bfile: str | None = None,
    bgen: str | None = None,
    vcf: str | list[str] | None = None,
    mt: str | None = None,
    sample: str | Path | None = None,
    build: str | None = None,
    id_rule: IdRule = "iid",
    reference_fasta: str | Path | None = None,
    keep_at: str | None = None,
) -> Cohort:
    """Read genotypes from exactly one kind of file.

    Parameters
    ----------
    bfile : prefix of PLINK .bed, .bim, .fam; a glob or a comma-separated list for several (one
        per chromosome). The A1 allele of the .bim is ALT. Read in place, without Hail.
    bgen : BGEN v1.2 file or glob, with ``sample``; 8 or 16 bits are read in place, without Hail.
    vcf : VCF (plain, gzip, bgzip) file, glob or list. Multiallelic sites are split.
    mt : folder of a Hail MatrixTable.
    build : ``GRCh37`` or ``GRCh38``; needed for ``bfile`` and ``bgen``.
    id_rule : which ID names a person: ``iid``, or ``fid_iid`` for FID_IID.
    reference_fasta : FASTA (with .fai) against which a VCF's indels are left-aligned.
    keep_at : where the MatrixTable that a VCF is imported to is kept; the session's temporary
        folder by default.

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
    >>> cohort = read_genotypes(bfile="chr*", build="GRCh38")        # doctest: +SKIP
    """
    kinds = {"bfile": bfile, "bgen": bgen, "vcf": vcf, "mt": mt}
    given = [name for name, value in kinds.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            "expected exactly one of bfile, bgen, vcf and mt for the genotypes, got "
            f"{' and '.join(given) or 'none'}"
        )
    if build is not None and build not in BUILDS:
        raise UsageError(f"expected build GRCh37 or GRCh38, got {build}")
    if build is None and given[0] in ("bfile", "bgen"):
        raise UsageError(
            f"{given[0]}: the file does not tell its reference build: give build GRCh37 or GRCh38"
        )
    if bfile is not None:
        from gwasbone.cohort.sources.bed import read_bed

        return read_bed(bfile, build=str(build), id_rule=id_rule)
    if bgen is not None:
        from gwasbone.cohort.sources.bgen import read_bgen

        path = Path(sample) if sample is not None else None
        return read_bgen(bgen, sample=path, build=str(build), id_rule=id_rule)
    if vcf is not None:
        from gwasbone.cohort.sources.vcf import read_vcf

        return read_vcf(
            vcf,
            build=build,
            id_rule=id_rule,
            reference_fasta=Path(reference_fasta) if reference_fasta is not None else None,
            keep_at=keep_at,
        )
    from gwasbone.cohort.sources.matrix_table import read_mt

    return read_mt(str(mt), build=build, id_rule=id_rule)
