"""BGEN files with their .sample: dosages, read in place; no JVM needed."""

from __future__ import annotations

import csv
import glob
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.bgen import BgenFile, BgenVariantError, Probabilities
from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.sources.bgen_index import (
    ALLELE_SEPARATOR,
    BgenHeader,
    read_header,
    read_sample_ids,
    read_variants,
)
from gwasbone.cohort.sources.source import (
    CallReader,
    Capabilities,
    GenotypeReader,
    Genotypes,
    Participants,
    ReadOptions,
    Source,
)
from gwasbone.cohort.sources.tables import (
    READ_STAGE,
    build_people_table,
    build_variant_table,
    sex_codes,
)
from gwasbone.errors import InputError, reads


@dataclass(frozen=True)
class BgenSource(Source):
    """Genotype probabilities in one file, or in several with the same samples.

    ``variants`` of the cohort carry ``file`` (index into ``bgens``), ``offset`` and ``size`` (the
    bytes that hold the genotypes), so that blocks of dosages can be read straight from the files.
    The first allele of a variant is REF, the second ALT, unless ``ref_last``.

    Parameters
    ----------
    sample : the .sample file; None where the files themselves hold the participants' IDs.
    chromosome_names : as spelt in the files.
    ref_last : REF is the second allele.
    states_sex : whether the .sample file has a column of sex.
    n_multiallelic : variants of other than two alleles; Hail cannot read files that hold any.
    """

    bgens: tuple[BgenFile, ...]
    sample: str | None
    chromosome_names: tuple[str, ...]
    n_multiallelic: int
    states_sex: bool
    ref_last: bool = False

    format_name: ClassVar[str] = "BGEN"
    place_columns: ClassVar[tuple[str, ...]] = ("file", "offset", "size")
    reader_modules: ClassVar[tuple[str, ...]] = ("gwasbone.cohort.sources.bgen_reader",)

    @property
    def files(self) -> tuple[str, ...]:  # type: ignore[override]
        sample = () if self.sample is None else (self.sample,)
        return (*(str(bgen.path) for bgen in self.bgens), *sample)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            calls=True,
            dosages=True,
            sex=self.states_sex,
            genetic_map=False,
            blocks=True,
            matrix_table=True,
        )

    def describe(self) -> str:
        n = len(self.bgens)
        return f"{self.bgens[0].path}" + (f" and {n - 1} more" if n > 1 else "")

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        from gwasbone.cohort.sources.matrix_table import with_person_ids

        if build not in self._imported:
            self._imported[build] = _import(self, build)
        return with_person_ids(self._imported[build], person_ids)

    def calls(self, people: Participants, *, as_filed: bool = False) -> CallReader:
        from gwasbone.cohort.sources.bgen_reader import BgenCalls

        return BgenCalls.of(self.bgens, people, as_filed=as_filed)

    def genotypes(self, people: Participants) -> GenotypeReader:
        from gwasbone.cohort.sources.bgen_reader import BgenDosages

        return BgenDosages.of(self.bgens, people)

    @cached_property
    def _imported(self) -> dict[str, Any]:
        """Build -> MatrixTable: Hail's index of the files is made once."""
        return {}


def read_bgen(pattern: str, options: ReadOptions) -> Genotypes:
    """The genotypes of BGEN files of the same participants.

    Variants of more than two alleles are set aside by name.

    Parameters
    ----------
    pattern : path, glob such as ``chr*.bgen``, or several of these separated by commas.

    Raises
    ------
    InputError
        Missing or truncated files, another layout than those of v1.1 to v1.3, another number or
        order of participants than in the .sample file, no .sample file for files without IDs.
    """
    build, sample = str(options.build), options.sample
    paths = [
        Path(p)
        for part in pattern.split(",")
        for p in (sorted(glob.glob(part)) if glob.has_magic(part) else [part])
    ]
    missing = [p for p in [*paths, sample] if p is not None and not p.is_file()]
    if missing or not paths:
        raise InputError(f"{missing[0] if missing else pattern}: no such file")
    headers = [read_header(path) for path in paths]
    listed = _people_inside(headers[0]) if sample is None else read_sample(sample)
    ref_last = options.ref_last
    files = tuple(BgenFile(h.path, h.n_people, h.compression, h.layout, ref_last) for h in headers)
    tables = []
    for i, (header, file) in enumerate(zip(headers, files, strict=True)):
        _refuse_other_people(header, listed)
        table = read_variants(header)
        first_variant(file, table)
        tables.append(table.assign(file=np.int16(i)))
    raw = pd.concat(tables, ignore_index=True)
    several = _multiallelic(raw)
    if ref_last:
        raw.loc[~several, ["ref", "alt"]] = raw.loc[~several, ["alt", "ref"]].to_numpy()
    source = BgenSource(
        files,
        None if sample is None else str(sample),
        tuple(sorted(set(raw["chromosome"]))),
        n_multiallelic=int(several.sum()),
        states_sex=listed.states_sex,
        ref_last=ref_last,
    )
    people = build_people_table(
        listed.people["fid"], listed.people["iid"], listed.people["sex"],
        id_rule=options.id_rule, where=listed.where,
    )  # fmt: skip
    variants = build_variant_table(raw, build=build, where=source.describe())
    return Genotypes(source, build, people, _multiallelic_aside(variants))


def _multiallelic(variants: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(m,) variants of more than two alleles, or of one."""
    alt = variants["alt"]
    several: npt.NDArray[np.bool_] = (alt.str.contains(ALLELE_SEPARATOR, regex=False)).to_numpy()
    return several | (alt == "").to_numpy()


def _multiallelic_aside(variants: MaskedTable) -> MaskedTable:
    """Name variants of several alleles before any other reason to set them aside."""
    several = _multiallelic(variants.table)
    if not several.any():
        return variants
    named = replace(variants, decisions=()).exclude(
        READ_STAGE, "multiallelic", several, description="other than two alleles"
    )
    others = [replace(d, excluded=d.excluded & ~several) for d in variants.decisions]
    kept = [decision for decision in others if decision.excluded.any()]
    return replace(named, decisions=(*named.decisions, *kept))


@dataclass(frozen=True)
class ListedPeople:
    """The participants of BGEN files, in their order.

    Parameters
    ----------
    people : columns ``fid``, ``iid``, ``sex`` (1 male, 2 female, 0 unknown).
    states_sex : whether the file has a column of sex.
    where : the file that lists them.
    """

    people: pd.DataFrame
    states_sex: bool
    where: str


def _people_inside(header: BgenHeader) -> ListedPeople:
    """The participants that a BGEN file itself names."""
    ids = read_sample_ids(header)
    if ids is None:
        raise InputError(
            f"{header.path}: expected a .sample file with the participants, since the file holds "
            "no IDs of its own: give --sample FILE"
        )
    people = pd.DataFrame({"fid": "0", "iid": ids, "sex": np.int8(0)})
    return ListedPeople(people, False, str(header.path))


def _refuse_other_people(header: BgenHeader, listed: ListedPeople) -> None:
    if header.n_people != len(listed.people):
        raise InputError(
            f"{header.path}: has {header.n_people} participants, {listed.where} lists "
            f"{len(listed.people)}: give the .sample file that belongs to it"
        )
    ids, names = read_sample_ids(header), listed.people["iid"].tolist()
    # files may hold other names (or none); the same names in another order are a fault
    if ids is not None and ids != names and sorted(ids) == sorted(names):
        i = next(i for i, pair in enumerate(zip(ids, names, strict=True)) if pair[0] != pair[1])
        raise InputError(
            f"{header.path}: expected the participants of {listed.where} in the same order, got "
            f"{ids[i]} instead of {names[i]} as number {i + 1}: give the .sample file that belongs "
            "to it"
        )


def first_variant(file: BgenFile, table: pd.DataFrame) -> Probabilities | None:
    """The first biallelic variant's probabilities, read so that a whole file of a kind that is
    not decoded is refused at once."""
    biallelic = table[~_multiallelic(table)]
    if biallelic.empty:
        return None
    first = biallelic.iloc[0]
    try:
        return next(file.probabilities([int(first["offset"])], [int(first["size"])]))
    except BgenVariantError as error:
        from gwasbone.cohort.sources.bgen_reader import named_error

        raise named_error(error, table) from None


@reads("a .sample file")
def read_sample(path: Path) -> ListedPeople:
    """The participants of an Oxford .sample file (two header lines).

    The names of columns may be those of SNPTEST (``ID_1 ID_2 missing sex``) or QCTOOL v2 (``ID``
    and further columns), in any case; where all of ``ID_2`` are 0, ``ID_1`` is the IID, as in
    PLINK 2.

    Raises
    ------
    InputError
        The two header lines are not there, or a line has another number of columns.
    """
    try:
        frame = pd.read_csv(
            path, sep=r"\s+", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        detail = str(error).splitlines()[-1]
        raise InputError(f"{path}: not readable as a .sample file: {detail}") from None
    names = [str(name).lower() for name in frame.columns]
    n_ids = 2 if names[:2] == ["id_1", "id_2"] else int(names[:1] == ["id"])
    if not n_ids or frame.empty or (frame.iloc[0, :n_ids] != "0").any():
        raise InputError(
            f"{path}: expected two header lines, 'ID_1 ID_2 missing ...' (or 'ID ...') and "
            f"'0 0 0 ...', got columns {list(frame.columns[:3])}"
        )
    frame = frame.set_axis(names, axis=1).iloc[1:].reset_index(drop=True)
    if frame.isna().any(axis=None):
        line = 3 + int(np.argmax(frame.isna().any(axis=1).to_numpy()))
        raise InputError(f"{path} line {line}: expected {len(names)} columns, got fewer")
    fid, iid = (frame.iloc[:, 0], frame.iloc[:, 1]) if n_ids == 2 else ("0", frame.iloc[:, 0])
    if n_ids == 2 and (iid == "0").all():
        fid, iid = "0", fid
    states_sex = "sex" in names
    sex = sex_codes(frame["sex"], where=str(path)) if states_sex else np.int8(0)
    return ListedPeople(pd.DataFrame({"fid": fid, "iid": iid, "sex": sex}), states_sex, str(path))


def _import(source: BgenSource, build: str) -> Any:
    """The files as Hail's MatrixTable, in the fields of a genotype source."""
    from gwasbone.cohort.sources.matrix_table import contig_recoding, normal_form, unreadable
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
    try:
        hl.index_bgen(
            names,
            index_file_map=indices,
            reference_genome=build,
            contig_recoding=contig_recoding(source.chromosome_names, build),
            skip_invalid_loci=True,
        )
        mt = hl.import_bgen(names, entry_fields=["GT", "dosage"], index_file_map=indices)
    except hl.utils.java.FatalError as error:
        raise unreadable(names[0], error) from None
    # the whole entry of a missing genotype is missing, which aggregators would not count
    mt = mt.unfilter_entries()
    if source.ref_last:
        mt = mt.key_rows_by(locus=mt.locus, alleles=[mt.alleles[1], mt.alleles[0]])
        other = hl.unphased_diploid_gt_index_call(2 - mt.GT.n_alt_alleles())
        mt = mt.annotate_entries(GT=other, dosage=2 - mt.dosage)
    mt = mt.annotate_rows(rsid=hl.if_else(hl.len(mt.rsid) == 0, ".", mt.rsid))
    return normal_form(mt.key_cols_by())


def _refuse_where_hail_cannot(bgen: BgenFile) -> None:
    """Hail reads unphased diploid probabilities of 8 bits; its own error comes in mid-scan."""
    header = read_header(Path(bgen.path))
    found = first_variant(bgen, read_variants(replace(header, n_variants=1)))
    if found is not None and (found.bits != 8 or found.phased or found.copies != 2):
        raise InputError(
            f"{bgen.path}: Hail reads unphased probabilities of 8 bits of two copies in all "
            f"samples, got {'phased' if found.phased else 'unphased'} of {found.bits} bits: use "
            "engine blocks, or convert it with plink2 --export bgen-1.2 bits=8"
        )
