"""PLINK 2 binary filesets (.pgen, .pvar, .psam): read in place, no JVM needed."""

from __future__ import annotations

import glob
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.pgen import PgenFile, PgenIndex, read_index
from gwasbone.blocks.pgen_kernels import DOSAGES, MULTIALLELIC
from gwasbone.cohort.sources.bed import natural_order
from gwasbone.cohort.sources.pgen_tables import Psam, read_psam, read_pvar
from gwasbone.cohort.sources.source import (
    CallReader,
    Capabilities,
    GenotypeReader,
    Genotypes,
    Participants,
    ReadOptions,
    Source,
)
from gwasbone.cohort.sources.tables import build_people_table, build_variant_table
from gwasbone.errors import InputError, NotBuiltError
from gwasbone.ranges import file_path, find_files, is_file, with_suffix

log = logging.getLogger(__name__)

_OWN = {"fid", "iid", "sex"}


@dataclass(frozen=True)
class PgenFileset:
    """One .pgen with its .pvar and .psam: paths of this machine, or URLs as text."""

    pgen: str | Path
    pvar: str | Path
    psam: str | Path

    @property
    def files(self) -> tuple[str, str, str]:
        """The paths of the three."""
        return str(self.pgen), str(self.pvar), str(self.psam)


@dataclass(frozen=True)
class PgenSource(Source):
    """Genotypes in one fileset, or in one per chromosome with the same people.

    ``variants`` of the cohort carry ``file`` (index into ``filesets``), ``row`` (number of the
    variant in the file from 0), ``allele`` (the ALT allele that is counted, from 1) and
    ``n_alleles``, so that blocks of genotypes can be read straight from the .pgen.

    Parameters
    ----------
    has_dosages : whether any variant has dosages beside its calls.
    states_sex : whether the .psam has a column of sex.
    """

    filesets: tuple[PgenFileset, ...]
    has_dosages: bool
    states_sex: bool

    format_name: ClassVar[str] = "PLINK 2 .pgen"
    place_columns: ClassVar[tuple[str, ...]] = ("file", "row", "allele", "n_alleles")
    reader_modules: ClassVar[tuple[str, ...]] = ("gwasbone.cohort.sources.pgen_reader",)

    @property
    def files(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(path for fileset in self.filesets for path in fileset.files)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            calls=True,
            dosages=self.has_dosages,
            sex=self.states_sex,
            genetic_map=False,
            blocks=True,
            matrix_table=False,
        )

    def describe(self) -> str:
        n = len(self.filesets)
        return f"{self.filesets[0].pgen}" + (f" and {n - 1} more .pgen files" if n > 1 else "")

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        export = "--export bgen-1.2 bits=8" if self.has_dosages else "--make-bed"
        raise NotBuiltError(
            f"{self.describe()}: Hail cannot read PGEN files; use engine blocks, or convert them "
            f"with plink2 --pfile ... {export}"
        )

    def calls(self, people: Participants, *, as_filed: bool = False) -> CallReader:
        from gwasbone.cohort.sources.pgen_reader import PgenCalls

        return PgenCalls.of(self._pgens, people, as_filed=as_filed)

    def genotypes(self, people: Participants) -> GenotypeReader:
        from gwasbone.cohort.sources.bed_reader import PackedGenotypes
        from gwasbone.cohort.sources.pgen_reader import PgenDosages

        if not self.has_dosages:
            return PackedGenotypes(self.calls(people))
        return PgenDosages.of(self._pgens, people)

    @property
    def _pgens(self) -> tuple[PgenFile, ...]:
        return tuple(PgenFile(fileset.pgen) for fileset in self.filesets)


def read_pgen(prefix: str, options: ReadOptions) -> Genotypes:
    """The genotypes of PLINK 2 filesets.

    A variant with several ALT alleles is one row for each of them: copies of that allele, whatever
    the other is. Phenotypes of the .psam become columns of the people table.

    Parameters
    ----------
    prefix : path or URL (``gs://``) without extension (or of the .pgen), a glob such as ``chr*``,
        or several of these separated by commas.

    Raises
    ------
    InputError
        A file is missing, damaged, of a storage mode that is not read, or of another number of
        participants or variants than the .psam and .pvar; dosages of multiallelic variants;
        filesets have different people; people twice.
    """
    build = str(options.build)
    filesets = find_filesets(prefix)
    psam = read_psam(filesets[0].psam)
    tables, has_dosages = [], False
    for i, fileset in enumerate(filesets):
        _refuse_other_people(filesets[0].psam, psam, fileset.psam)
        index, pvar = read_index(fileset.pgen), read_pvar(fileset.pvar)
        has_dosages |= index.has_dosages
        _refuse_other_sizes(fileset, index, n=len(psam.people), m=len(pvar))
        table = _by_allele(pvar, fileset, index).assign(file=np.int16(i))
        _say_if_provisional(fileset, index, table)
        tables.append(table.drop(columns="provisional", errors="ignore"))
    variants = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    where = prefix if len(filesets) > 1 else str(filesets[0].pvar)
    people = build_people_table(
        psam.people["fid"], psam.people["iid"], psam.people["sex"],
        id_rule=options.id_rule, where=str(filesets[0].psam),
    )  # fmt: skip
    own = [name for name in psam.phenotypes if name in _OWN]
    phenotypes = psam.phenotypes.drop(columns=own).set_axis(people.table.index, axis=0)
    source = PgenSource(tuple(filesets), has_dosages, psam.states_sex)
    return Genotypes(
        source,
        build,
        people.annotate(phenotypes),
        build_variant_table(variants, build=build, where=where),
    )


def find_filesets(prefix: str) -> list[PgenFileset]:
    """The filesets that a prefix, glob or comma-separated list of them names, in sorted order."""
    pgens: list[str | Path] = []
    for part in prefix.split(","):
        stem = part.removesuffix(".pgen")
        found = sorted(find_files(f"{stem}.pgen"), key=natural_order)
        if not found and not glob.has_magic(stem):
            found = [f"{stem}.pgen"]
        pgens += [file_path(name) for name in found]
    if not pgens:
        raise InputError(f"--pfile {prefix}: expected .pgen files of that pattern, found none")
    filesets = []
    for pgen in pgens:
        names = [with_suffix(pgen, ending) for ending in (".pvar", ".pvar.zst", ".psam")]
        pvar = next((name for name in names[:2] if is_file(name)), names[0])
        missing = [name for name in (pgen, pvar, names[2]) if not is_file(name)]
        if missing:
            raise InputError(
                f"--pfile {prefix}: expected a .pgen with its .pvar (or .pvar.zst) and .psam, "
                f"{missing[0]} is missing: give the common path of the three without extension"
            )
        filesets.append(PgenFileset(pgen, pvar, names[2]))
    return filesets


def _refuse_other_people(first_path: str | Path, first: Psam, path: str | Path) -> None:
    if path == first_path:
        return
    ours, other = first.people, read_psam(path).people
    if len(other) != len(ours):
        raise InputError(
            f"{path}: expected the {len(ours)} samples of {first_path}, found {len(other)}"
        )
    differs = ((other["fid"] != ours["fid"]) | (other["iid"] != ours["iid"])).to_numpy()
    if differs.any():
        row = int(np.argmax(differs))
        raise InputError(
            f"{path}: expected the samples of {first_path} in the same order, got "
            f"{other['iid'].iloc[row]} instead of {ours['iid'].iloc[row]} as number {row + 1}"
        )


def _refuse_other_sizes(fileset: PgenFileset, index: PgenIndex, *, n: int, m: int) -> None:
    for what, in_pgen, path, in_table in (
        ("samples", index.n_people, fileset.psam, n),
        ("variants", len(index), fileset.pvar, m),
    ):
        if in_pgen != in_table:
            raise InputError(
                f"{fileset.pgen}: has {in_pgen} {what}, {path} lists {in_table}: one was cut short "
                "or is of another dataset; copy all three again"
            )


def _by_allele(pvar: pd.DataFrame, fileset: PgenFileset, index: PgenIndex) -> pd.DataFrame:
    """A row for each ALT allele, with its place in the .pgen."""
    row = np.arange(len(pvar), dtype=np.int32)
    n_alleles = 2 + pvar["alt"].str.count(",").to_numpy(dtype=np.int16)
    _refuse_other_alleles(fileset, index, n_alleles)
    table = pvar.assign(row=row, allele=np.int16(1), n_alleles=n_alleles)
    several = n_alleles > 2
    if not several.any():
        return table
    log.info("%s: %d variants with several ALT alleles are split", fileset.pgen, int(several.sum()))
    repeated = np.repeat(row, n_alleles - 1)
    split = table.iloc[repeated].reset_index(drop=True)
    first = np.flatnonzero(np.append(True, np.diff(repeated) > 0))
    allele = np.arange(len(repeated)) - first[repeated] + 1
    some = np.flatnonzero(several[repeated])
    position, ref, alt = (
        split[name].to_numpy(dtype=object).copy() for name in ("base_pair_location", "ref", "alt")
    )
    for i in some:
        name = alt[i].split(",")[allele[i] - 1]
        position[i], ref[i], alt[i] = shortest(int(position[i]), ref[i], name)
    return split.assign(
        base_pair_location=position.astype(np.int64), ref=ref, alt=alt,
        allele=allele.astype(np.int16),
    )  # fmt: skip


def shortest(position_bp: int, ref: str, alt: str) -> tuple[int, str, str]:
    """The minimal representation of one of several alleles, as Hail's ``split_multi`` gives it.

    Bases that both end with are taken off, then those that both begin with; one is left.

    >>> shortest(100, "CTT", "CT"), shortest(100, "AC", "AG")
    ((100, 'CT', 'C'), (101, 'C', 'G'))
    """
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, position_bp = ref[1:], alt[1:], position_bp + 1
    return position_bp, ref, alt


def _refuse_other_alleles(
    fileset: PgenFileset, index: PgenIndex, n_alleles: npt.NDArray[np.int16]
) -> None:
    """The .pgen and the .pvar have as many alleles; dosages are those of one ALT allele."""
    several = (index.kinds & MULTIALLELIC) != 0
    wrong = several & (n_alleles == 2)
    if index.n_alleles is not None:
        wrong = index.n_alleles != n_alleles
    if wrong.any():
        i = int(np.argmax(wrong))
        held = "more than 2" if index.n_alleles is None else str(index.n_alleles[i])
        raise InputError(
            f"{fileset.pgen}: variant {i + 1} has {held} alleles, {fileset.pvar} lists "
            f"{n_alleles[i]}: one is of another dataset; copy all three again"
        )
    dosages = several & ((index.kinds & DOSAGES) != 0)
    if dosages.any():
        raise InputError(
            f"{fileset.pgen}: expected dosages of variants with two alleles only, variant "
            f"{int(np.argmax(dosages)) + 1} has more: split it, for example with bcftools norm "
            "-m-, and import it again"
        )


def _say_if_provisional(fileset: PgenFileset, index: PgenIndex, table: pd.DataFrame) -> None:
    """REF of such variants may be the other allele; effects are of ALT all the same."""
    flagged = table.get("provisional")
    n = len(table) if index.provisional else 0 if flagged is None else int(flagged.sum())
    if n and index.provisional is not False:
        log.info(
            "%s: the reference alleles of %d variants are provisional: REF and ALT may be "
            "exchanged there, effects are of ALT as the file has it",
            fileset.pvar, n,
        )  # fmt: skip
