"""BGEN v1.2 files with their .sample: dosages, read in place; no JVM needed."""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.bgen import BgenFile, Probabilities
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
from gwasbone.cohort.sources.tables import READ_STAGE, build_people_table, build_variant_table
from gwasbone.errors import InputError, reads


@dataclass(frozen=True)
class BgenSource(Source):
    """Genotype probabilities in one file, or in several with the same people.

    ``variants`` of the cohort carry ``file`` (index into ``bgens``), ``offset`` and ``size`` (the
    bytes that hold the genotypes), so that blocks of dosages can be read straight from the files.
    The first allele of a variant is REF, the second ALT.

    Parameters
    ----------
    chromosome_names : as spelt in the files.
    states_sex : whether the .sample file has a column of sex.
    n_multiallelic : variants of other than two alleles; Hail cannot read files that hold any.
    """

    bgens: tuple[BgenFile, ...]
    sample: str
    chromosome_names: tuple[str, ...]
    n_multiallelic: int
    states_sex: bool

    place_columns: ClassVar[tuple[str, ...]] = ("file", "offset", "size")
    reader_modules: ClassVar[tuple[str, ...]] = ("gwasbone.cohort.sources.bgen_reader",)

    @property
    def files(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*(str(bgen.path) for bgen in self.bgens), self.sample)

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
        from gwasbone.cohort.sources.bgen_reader import DosageReader

        return DosageReader(self.bgens, np.flatnonzero(people.kept))

    @cached_property
    def _imported(self) -> dict[str, Any]:
        """Build -> MatrixTable: Hail's index of the files is made once."""
        return {}


def read_bgen(pattern: str, options: ReadOptions) -> Genotypes:
    """The genotypes of BGEN files that share one .sample file.

    Variants of more than two alleles are set aside by name.

    Parameters
    ----------
    pattern : path, glob such as ``chr*.bgen``, or several of these separated by commas.

    Raises
    ------
    InputError
        Missing or truncated files, another layout than v1.2, another number or order of people
        than in the .sample file, probabilities of other than 8 or 16 bits.
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
    if sample is None:
        raise InputError(f"{paths[0]}: expected a .sample file with the people: give --sample FILE")
    people = read_sample(sample)
    tables = []
    for i, header in enumerate(headers):
        _refuse_other_people(header, people, sample)
        table = read_variants(header)
        first_variant(header, table)
        tables.append(table.assign(file=np.int16(i)))
    raw = pd.concat(tables, ignore_index=True)
    source = BgenSource(
        tuple(BgenFile(h.path, h.n_people, h.compression) for h in headers),
        str(sample),
        tuple(sorted(set(raw["chromosome"]))),
        n_multiallelic=int(_multiallelic(raw).sum()),
        states_sex="sex" in pd.read_csv(sample, sep=r"\s+", nrows=0),
    )
    return Genotypes(
        source,
        build,
        build_people_table(
            people["fid"], people["iid"], people["sex"], id_rule=options.id_rule, where=str(sample)
        ),
        _multiallelic_aside(build_variant_table(raw, build=build, where=source.describe())),
    )


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


def _refuse_other_people(header: BgenHeader, people: pd.DataFrame, sample: Path) -> None:
    if header.n_people != len(people):
        raise InputError(
            f"{header.path}: has {header.n_people} people, {sample} lists {len(people)}: "
            "give the .sample file that belongs to it"
        )
    ids = read_sample_ids(header)
    listed = people["iid"].tolist()
    # files may hold other names for people (or none); the same names in another order are a fault
    if ids is not None and ids != listed and sorted(ids) == sorted(listed):
        i = next(i for i, pair in enumerate(zip(ids, listed, strict=True)) if pair[0] != pair[1])
        raise InputError(
            f"{header.path}: expected the people of {sample} in the same order, got {ids[i]} "
            f"instead of {listed[i]} as number {i + 1}: give the .sample file that belongs to it"
        )


def first_variant(header: BgenHeader, table: pd.DataFrame) -> Probabilities | None:
    """The first biallelic variant's probabilities, read so that a whole file of a kind that is
    not decoded is refused at once."""
    biallelic = table[~_multiallelic(table)]
    if biallelic.empty:
        return None
    first = biallelic.iloc[0]
    file = BgenFile(header.path, header.n_people, header.compression)
    return next(file.probabilities([int(first["offset"])], [int(first["size"])]))


@reads("a .sample file")
def read_sample(path: Path) -> pd.DataFrame:
    """Columns ``fid``, ``iid``, ``sex`` of an Oxford .sample file (two header lines).

    Raises
    ------
    InputError
        The two header lines are not there.
    """
    try:
        frame = pd.read_csv(path, sep=r"\s+", dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not readable as a .sample file: {error}") from None
    if list(frame.columns[:2]) != ["ID_1", "ID_2"] or frame.empty or frame["ID_1"].iloc[0] != "0":
        raise InputError(
            f"{path}: expected two header lines, 'ID_1 ID_2 missing ...' and '0 0 0 ...', "
            f"got columns {list(frame.columns[:3])}"
        )
    frame = frame.iloc[1:].reset_index(drop=True)
    sex = frame["sex"] if "sex" in frame else pd.Series("0", index=frame.index)
    codes = sex.map({"1": 1, "2": 2, "M": 1, "F": 2}).fillna(0).astype("int8")
    return pd.DataFrame({"fid": frame["ID_1"], "iid": frame["ID_2"], "sex": codes})


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
    mt = mt.annotate_rows(rsid=hl.if_else(hl.len(mt.rsid) == 0, ".", mt.rsid))
    return normal_form(mt.key_cols_by())


def _refuse_where_hail_cannot(bgen: BgenFile) -> None:
    """Hail reads unphased diploid probabilities of 8 bits; its own error comes in mid-scan."""
    header = read_header(Path(bgen.path))
    found = first_variant(header, read_variants(replace(header, n_variants=1)))
    if found is not None and (found.bits != 8 or found.phased or found.copies != 2):
        raise InputError(
            f"{bgen.path}: Hail reads unphased probabilities of 8 bits of two copies in everybody, "
            f"got {'phased' if found.phased else 'unphased'} of {found.bits} bits: use engine "
            "blocks, or convert it with plink2 --export bgen-1.2 bits=8"
        )
