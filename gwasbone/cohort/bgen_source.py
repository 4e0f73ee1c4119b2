"""Where the genotypes of BGEN files are, and the same files as Hail's MatrixTable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code, hail_contig

if TYPE_CHECKING:
    # decoders, with what they need, are imported where BGEN files are read and nowhere else
    from gwasbone.blocks.bgen import BgenFile


@dataclass(frozen=True)
class BgenSource:
    """Genotype probabilities in one file, or in several with the same people.

    ``variants`` of the cohort carry ``file`` (index into ``bgens``), ``offset`` and ``size`` (the
    bytes that hold the genotypes), so that blocks of dosages can be read straight from the files.
    The first allele of a variant is REF, the second ALT.

    Parameters
    ----------
    chromosome_names : as spelt in the files.
    n_multiallelic : variants of other than two alleles; Hail cannot read files that hold any.
    """

    bgens: tuple[BgenFile, ...]
    sample: str
    chromosome_names: tuple[str, ...]
    n_multiallelic: int

    @property
    def files(self) -> tuple[str, ...]:
        return (*(str(bgen.path) for bgen in self.bgens), self.sample)

    def describe(self) -> str:
        n = len(self.bgens)
        return f"{self.bgens[0].path}" + (f" and {n - 1} more" if n > 1 else "")

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        from gwasbone.session import hail

        hl = hail()
        if build not in self._imported:
            self._imported[build] = _import(self, build)
        ids = hl.literal(person_ids, "array<str>")
        mt = self._imported[build].add_col_index("person")
        return mt.key_cols_by(s=ids[hl.int32(mt.person)]).select_cols()

    @cached_property
    def _imported(self) -> dict[str, Any]:
        """Build -> MatrixTable: Hail's index of the files is made once."""
        return {}


def _import(source: BgenSource, build: str) -> Any:
    """The files as Hail's MatrixTable, in the fields of a genotype source."""
    from gwasbone.cohort.sources.matrix_table import normal_form
    from gwasbone.cohort.sources.vcf import unreadable
    from gwasbone.session import hail, temporary_path

    if source.n_multiallelic:
        raise InputError(
            f"{source.describe()}: Hail reads files in which every variant has two alleles, "
            f"{source.n_multiallelic} variants have others: use engine blocks, or remove them, for "
            "example with plink2 --max-alleles 2 --export bgen-1.2 bits=8"
        )
    for bgen in source.bgens:
        _refuse_where_hail_cannot(bgen)
    hl = hail()
    names = [str(Path(bgen.path).absolute()) for bgen in source.bgens]
    indices = {name: temporary_path("bgen") + ".idx2" for name in names}
    recoding = {
        name: hail_contig(code, build)
        for name in source.chromosome_names
        if (code := chromosome_code(name)) is not None and name != hail_contig(code, build)
    }
    try:
        hl.index_bgen(
            names,
            index_file_map=indices,
            reference_genome=build,
            contig_recoding=recoding,
            skip_invalid_loci=True,
        )
        mt = hl.import_bgen(names, entry_fields=["GT", "dosage"], index_file_map=indices)
    except hl.utils.java.FatalError as error:
        raise unreadable(names[0], error) from None
    # the whole entry of a missing genotype is missing, which aggregators would not count
    mt = mt.unfilter_entries()
    mt = mt.annotate_rows(rsid=hl.if_else(hl.len(mt.rsid) == 0, ".", mt.rsid))
    return normal_form(mt.key_cols_by())


def _refuse_where_hail_cannot(bgen: BgenFile) -> None:
    """Hail reads unphased diploid probabilities of 8 bits; its own error comes in mid-scan."""
    from gwasbone.cohort.sources.bgen import first_variant
    from gwasbone.cohort.sources.bgen_index import read_header, read_variants

    header = read_header(Path(bgen.path))
    found = first_variant(header, read_variants(replace(header, n_variants=1)))
    if found is not None and (found.bits != 8 or found.phased or found.copies != 2):
        raise InputError(
            f"{bgen.path}: Hail reads unphased probabilities of 8 bits of two copies in everybody, "
            f"got {'phased' if found.phased else 'unphased'} of {found.bits} bits: use engine "
            "blocks, or convert it with plink2 --export bgen-1.2 bits=8"
        )
