"""PLINK 1 binary filesets (.bed, .bim, .fam): read in place, no JVM needed."""

from __future__ import annotations

import csv
import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.people_table import IdRule, build_people_table
from gwasbone.cohort.variant_table import build_variant_table
from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code, hail_contig

_BED_MAGIC = b"\x6c\x1b\x01"


@dataclass(frozen=True)
class PlinkFileset:
    """Paths of one .bed with its .bim and .fam."""

    bed: Path
    bim: Path
    fam: Path


@dataclass(frozen=True)
class BedSource:
    """Genotypes in one fileset, or in one per chromosome with the same people.

    ``variants`` of the cohort carry ``file`` (index into ``filesets``) and ``row`` (line of the
    .bim from 0), so that blocks of genotypes can be read straight from the .bed.
    """

    filesets: tuple[PlinkFileset, ...]
    chromosome_names: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(str(p) for f in self.filesets for p in (f.bed, f.bim, f.fam))

    def describe(self) -> str:
        n = len(self.filesets)
        return f"{self.filesets[0].bed}" + (f" and {n - 1} more .bed files" if n > 1 else "")

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        from gwasbone.session import hail

        hl = hail()
        recoding = {
            name: hail_contig(code, build)
            for name in self.chromosome_names
            if (code := chromosome_code(name)) is not None and name != hail_contig(code, build)
        }
        parts = []
        for fileset in self.filesets:
            mt = hl.import_plink(
                bed=str(fileset.bed.absolute()),
                bim=str(fileset.bim.absolute()),
                fam=str(fileset.fam.absolute()),
                reference_genome=build,
                contig_recoding=recoding,
                a2_reference=True,
                skip_invalid_loci=True,
            )
            mt = mt.select_rows(source_id=mt.rsid).add_col_index("person")
            ids = hl.literal(person_ids, "array<str>")
            parts.append(mt.key_cols_by(s=ids[hl.int32(mt.person)]).select_cols())
        return parts[0] if len(parts) == 1 else hl.MatrixTable.union_rows(*parts)


def read_bed(prefix: str, *, build: str, id_rule: IdRule = "iid") -> Cohort:
    """A cohort from PLINK filesets.

    Parameters
    ----------
    prefix : path without extension (or of the .bed), a glob such as ``chr*``, or several of
        these separated by commas.

    Raises
    ------
    InputError
        A file is missing, truncated, of another length than its .bim and .fam say, not
        SNP-major; filesets have different people; duplicate variants or people.
    """
    filesets = find_filesets(prefix)
    fam = read_fam(filesets[0].fam)
    bims = []
    for i, fileset in enumerate(filesets):
        _refuse_other_people(filesets[0].fam, fam, fileset.fam)
        bim = read_bim(fileset.bim)
        _check_bed(fileset, n=len(fam), m=len(bim))
        bims.append(bim.assign(file=np.int16(i), row=np.arange(len(bim), dtype=np.int32)))
    variants = pd.concat(bims, ignore_index=True)
    where = prefix if len(filesets) > 1 else str(filesets[0].bim)
    source = BedSource(tuple(filesets), tuple(sorted(set(variants["chromosome"]))))
    return Cohort(
        source=source,
        build=build,
        people=build_people_table(
            fam["fid"], fam["iid"], fam["sex"], id_rule=id_rule, where=str(filesets[0].fam)
        ),
        variants=build_variant_table(variants, build=build, where=where),
    )


def find_filesets(prefix: str) -> list[PlinkFileset]:
    """The filesets that a prefix, glob or comma-separated list of them names, in sorted order."""
    beds: list[Path] = []
    for part in prefix.split(","):
        stem = part.removesuffix(".bed")
        found = [Path(p) for p in sorted(glob.glob(f"{stem}.bed"), key=_natural)]
        if not found and not glob.has_magic(stem):
            found = [Path(f"{stem}.bed")]
        beds += found
    if not beds:
        raise InputError(f"--bfile {prefix}: expected .bed files of that pattern, found none")
    filesets = [PlinkFileset(b, b.with_suffix(".bim"), b.with_suffix(".fam")) for b in beds]
    missing = [p for f in filesets for p in (f.bed, f.bim, f.fam) if not p.is_file()]
    if missing:
        raise InputError(
            f"--bfile {prefix}: expected a .bed with its .bim and .fam, {missing[0]} is missing: "
            "give the common path of the three without extension"
        )
    return filesets


def _natural(path: str) -> list[Any]:
    import re

    return [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", path)]


def read_fam(path: Path) -> pd.DataFrame:
    """Columns ``fid``, ``iid``, ``sex`` (1, 2, or 0 for anything else) of a .fam file."""
    frame = _read_columns(path, ["fid", "iid", "father", "mother", "sex", "phenotype"], n_least=5)
    sex = frame["sex"].map({"1": 1, "2": 2, "M": 1, "F": 2}).fillna(0).astype("int8")
    return frame[["fid", "iid"]].assign(sex=sex)


def read_bim(path: Path) -> pd.DataFrame:
    """Columns ``chromosome``, ``source_id``, ``position_bp``, ``ref`` (A2), ``alt`` (A1)."""
    frame = _read_columns(path, ["chromosome", "source_id", "cm", "position", "alt", "ref"])
    position = pd.to_numeric(frame["position"], errors="coerce")
    bad = position.isna() | (position % 1 != 0)
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise InputError(
            f"{path} line {row + 1}: expected a whole number as position, "
            f"got {frame['position'].iloc[row]!r}"
        )
    return frame[["chromosome", "source_id"]].assign(
        position_bp=position.astype(np.int64), ref=frame["ref"], alt=frame["alt"]
    )


def _read_columns(path: Path, names: list[str], n_least: int | None = None) -> pd.DataFrame:
    n_least = n_least or len(names)
    try:
        frame = pd.read_csv(
            path, sep=r"\s+", header=None, dtype=str, keep_default_na=False,
            quoting=csv.QUOTE_NONE, engine="c",
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: expected {n_least} columns, the file is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: expected {n_least} columns on every line: {str(error).splitlines()[-1]}"
        ) from None
    short = frame.isna().any(axis=1) | (frame.iloc[:, n_least - 1 : n_least] == "").any(axis=1)
    if frame.shape[1] < n_least or short.any():
        line = int(np.argmax(short.to_numpy())) + 1 if short.any() else 1
        raise InputError(
            f"{path} line {line}: expected {n_least} columns, got fewer; is the file cut short?"
        )
    return frame.iloc[:, : len(names)].set_axis(names[: frame.shape[1]], axis=1)


def _refuse_other_people(first_path: Path, first: pd.DataFrame, path: Path) -> None:
    if path == first_path:
        return
    other = read_fam(path)
    if len(other) != len(first):
        raise InputError(
            f"{path}: expected the {len(first)} people of {first_path}, found {len(other)}"
        )
    differs = ((other["fid"] != first["fid"]) | (other["iid"] != first["iid"])).to_numpy()
    if differs.any():
        row = int(np.argmax(differs))
        raise InputError(
            f"{path} line {row + 1}: expected the people of {first_path} in the same order, "
            f"got {other['iid'].iloc[row]} instead of {first['iid'].iloc[row]}"
        )


def _check_bed(fileset: PlinkFileset, *, n: int, m: int) -> None:
    with open(fileset.bed, "rb") as handle:
        magic = handle.read(3)
    if magic != _BED_MAGIC:
        what = "sample-major" if magic == b"\x6c\x1b\x00" else "not a PLINK 1 .bed file"
        raise InputError(
            f"{fileset.bed}: expected a SNP-major PLINK 1 .bed file, got one that is {what}: "
            "convert it with plink2 --make-bed"
        )
    expected = 3 + m * ((n + 3) // 4)
    actual = fileset.bed.stat().st_size
    if actual != expected:
        state = "cut short or of another dataset" if actual < expected else "of another dataset"
        raise InputError(
            f"{fileset.bed}: expected {expected} bytes for {m} variants ({fileset.bim.name}) x "
            f"{n} people ({fileset.fam.name}), got {actual}: one is {state}: copy all three again"
        )
