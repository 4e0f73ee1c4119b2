"""PLINK 1 binary filesets (.bed, .bim, .fam): read in place, no JVM needed."""

from __future__ import annotations

import csv
import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from gwasbone.cohort.sources.source import (
    CallReader,
    Capabilities,
    FloatArray,
    GenotypeReader,
    Genotypes,
    Participants,
    ReadOptions,
    Source,
)
from gwasbone.cohort.sources.tables import (
    TEXT,
    build_people_table,
    build_variant_table,
    sex_codes,
)
from gwasbone.errors import InputError
from gwasbone.ranges import (
    RangeReader,
    absolute,
    file_path,
    find_files,
    is_file,
    open_stream,
    with_suffix,
)

_BED_MAGIC = b"\x6c\x1b\x01"


@dataclass(frozen=True)
class PlinkFileset:
    """One .bed with its .bim and .fam: paths of this machine, or URLs as text."""

    bed: str | Path
    bim: str | Path
    fam: str | Path


@dataclass(frozen=True)
class BedSource(Source):
    """Genotypes in one fileset, or in one per chromosome with the same samples.

    ``variants`` of the cohort carry ``file`` (index into ``filesets``) and ``row`` (line of the
    .bim from 0), so that blocks of genotypes can be read straight from the .bed.
    """

    filesets: tuple[PlinkFileset, ...]
    chromosome_names: tuple[str, ...]

    format_name: ClassVar[str] = "PLINK .bed"
    place_columns: ClassVar[tuple[str, ...]] = ("file", "row")

    @property
    def files(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(str(p) for f in self.filesets for p in (f.bed, f.bim, f.fam))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            calls=True, dosages=False, sex=True, genetic_map=True, blocks=True, matrix_table=True
        )

    def describe(self) -> str:
        n = len(self.filesets)
        return f"{self.filesets[0].bed}" + (f" and {n - 1} more .bed files" if n > 1 else "")

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        from gwasbone.cohort.sources.matrix_table import contig_recoding, with_person_ids
        from gwasbone.session import hail

        hl = hail()
        parts = []
        for fileset in self.filesets:
            mt = hl.import_plink(
                bed=str(absolute(fileset.bed)),
                bim=str(absolute(fileset.bim)),
                fam=str(absolute(fileset.fam)),
                reference_genome=build,
                contig_recoding=contig_recoding(self.chromosome_names, build),
                a2_reference=True,
                skip_invalid_loci=True,
            )
            parts.append(with_person_ids(mt.select_rows(source_id=mt.rsid), person_ids))
        return parts[0] if len(parts) == 1 else hl.MatrixTable.union_rows(*parts)

    def calls(self, people: Participants, *, as_filed: bool = False) -> CallReader:
        from gwasbone.cohort.sources.bed_reader import PackedCalls

        beds = [fileset.bed for fileset in self.filesets]
        return PackedCalls.of(beds, people, as_filed=as_filed)

    def genotypes(self, people: Participants) -> GenotypeReader:
        from gwasbone.cohort.sources.bed_reader import PackedGenotypes

        return PackedGenotypes(self.calls(people))

    def genetic_positions(self, variants: pd.DataFrame) -> FloatArray:
        file, row = variants["file"].to_numpy(), variants["row"].to_numpy()
        positions = np.empty(len(variants))
        for i, fileset in enumerate(self.filesets):
            layout = _bim_layout(fileset.bim)
            if "cm" not in layout.columns:
                positions[file == i] = 0
                continue
            cm = _read_bim_columns(fileset.bim, layout)["cm"].astype(float)
            positions[file == i] = cm.to_numpy()[row[file == i]]
        return positions


def read_bed(prefix: str, options: ReadOptions) -> Genotypes:
    """The genotypes of PLINK filesets.

    Parameters
    ----------
    prefix : path or URL (``gs://``) without extension (or of the .bed), a glob such as ``chr*``,
        or several of these separated by commas.

    Raises
    ------
    InputError
        A file is missing, truncated, of another length than its .bim and .fam say, not
        SNP-major; filesets have different people; duplicate variants or people.
    """
    build = str(options.build)
    filesets = find_filesets(prefix)
    fam = read_fam(filesets[0].fam)
    bims = []
    for i, fileset in enumerate(filesets):
        _refuse_other_people(filesets[0].fam, fam, fileset.fam)
        bim = read_bim(fileset.bim)
        _check_bed(fileset, n=len(fam), m=len(bim))
        bim["file"], bim["row"] = np.int16(i), np.arange(len(bim), dtype=np.int32)
        bims.append(bim)
    variants = pd.concat(bims, ignore_index=True) if len(bims) > 1 else bims[0]
    where = prefix if len(filesets) > 1 else str(filesets[0].bim)
    people = build_people_table(
        fam["fid"], fam["iid"], fam["sex"], id_rule=options.id_rule, where=str(filesets[0].fam)
    )
    source = BedSource(tuple(filesets), tuple(sorted(variants["chromosome"].unique())))
    return Genotypes(source, build, people, build_variant_table(variants, build=build, where=where))


def find_filesets(prefix: str) -> list[PlinkFileset]:
    """The filesets that a prefix, glob or comma-separated list of them names, in sorted order."""
    beds: list[str | Path] = []
    for part in prefix.split(","):
        stem = part.removesuffix(".bed")
        found = sorted(find_files(f"{stem}.bed"), key=natural_order)
        if not found and not glob.has_magic(stem):
            found = [f"{stem}.bed"]
        beds += [file_path(name) for name in found]
    if not beds:
        raise InputError(f"--bfile {prefix}: expected .bed files of that pattern, found none")
    filesets = [PlinkFileset(b, with_suffix(b, ".bim"), with_suffix(b, ".fam")) for b in beds]
    missing = [p for f in filesets for p in (f.bed, f.bim, f.fam) if not is_file(p)]
    if missing:
        raise InputError(
            f"--bfile {prefix}: expected a .bed with its .bim and .fam, {missing[0]} is missing: "
            "give the common path of the three without extension"
        )
    return filesets


def natural_order(path: str) -> list[Any]:
    import re

    return [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", path)]


def read_fam(path: str | Path) -> pd.DataFrame:
    """Columns ``fid``, ``iid``, ``sex`` (1, 2, or 0 for anything else) of a .fam file."""
    frame = _read_columns(path, ["fid", "iid", "father", "mother", "sex", "phenotype"], n_least=5)
    return frame[["fid", "iid"]].assign(sex=sex_codes(frame["sex"], where=str(path)))


_BIM = ("chromosome", "source_id", "cm", "position", "alt", "ref")
#: Names in the header that PLINK 2 allows a .bim to have.
_BIM_HEADER = {
    "#CHROM": "chromosome", "ID": "source_id", "CM": "cm", "POS": "position", "ALT": "alt",
    "REF": "ref",
}  # fmt: skip


def read_bim(path: str | Path) -> pd.DataFrame:
    """Columns ``chromosome``, ``source_id``, ``base_pair_location``, ``ref`` (A2), ``alt`` (A1).

    As in PLINK 2, genetic positions may be absent (five columns), and a header that begins with
    ``#CHROM`` names the columns.
    """
    layout = _bim_layout(path)
    frame = _read_tabbed_bim(path) if layout == BimLayout() else None
    if frame is not None:
        return frame
    frame = _read_bim_columns(path, layout)
    position = pd.to_numeric(frame["position"], errors="coerce")
    bad = position.isna() | (position % 1 != 0)
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise InputError(
            f"{path} line {row + 1 + layout.lines_above}: expected a whole number as position, "
            f"got {frame['position'].iloc[row]!r}"
        )
    return frame[["chromosome", "source_id"]].assign(
        base_pair_location=position.astype(np.int64), ref=frame["ref"], alt=frame["alt"]
    )


@dataclass(frozen=True)
class BimLayout:
    """The columns of a .bim, and the lines before its first variant."""

    columns: tuple[str, ...] = _BIM
    lines_above: int = 0


def _bim_layout(path: str | Path) -> BimLayout:
    """What the first lines of a .bim say of its columns."""
    above = 0
    with open_stream(path) as stream:
        for raw in stream:
            words = raw.decode(errors="replace").split()
            if not words or words[0].startswith("##"):
                above += 1
                continue
            if words[0] != "#CHROM":
                columns = tuple(n for n in _BIM if n != "cm") if len(words) == 5 else _BIM
                return BimLayout(columns, above)
            named = tuple(_BIM_HEADER.get(word, word) for word in words)
            absent = [w for w, n in _BIM_HEADER.items() if n not in named and n != "cm"]
            if absent:
                raise InputError(
                    f"{path} line {above + 1}: expected the columns #CHROM, ID, POS, ALT and REF, "
                    f"got {' '.join(words[:8])}: {absent[0]} is missing"
                )
            return BimLayout(named, above + 1)
    return BimLayout()


def _read_bim_columns(path: str | Path, layout: BimLayout) -> pd.DataFrame:
    return _read_columns(path, list(layout.columns), skip=layout.lines_above)


def _read_tabbed_bim(path: str | Path) -> pd.DataFrame | None:
    """A .bim as PLINK writes it, tabs between six columns; None where it is anything else.

    The careful reader then reads it, or says what is wrong. The file is read a piece at a time;
    names of chromosomes and alleles are shared between rows, and IDs stay in Arrow.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    shared, text = pa.dictionary(pa.int32(), pa.string()), pa.string()
    types = dict(zip(_BIM, (shared, text, text, pa.int64(), shared, shared), strict=True))
    wanted = [name for name in _BIM if name != "cm"]
    pieces: dict[str, list[pa.Array]] = {name: [] for name in wanted}
    try:
        with (
            open_stream(path) as stream,
            arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(column_names=list(_BIM)),
                parse_options=arrow_csv.ParseOptions(delimiter="\t", quote_char=False),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=types, include_columns=wanted, null_values=[]
                ),
            ) as batches,
        ):
            for batch in batches:
                for name in wanted:
                    pieces[name].append(batch[name])
    except pa.ArrowInvalid:
        return None
    columns = {name: pa.chunked_array(pieces.pop(name), types[name]) for name in wanted}
    chromosome, ref, alt = (
        columns[name].unify_dictionaries().to_pandas() for name in ("chromosome", "ref", "alt")
    )
    if any("" in column.cat.categories for column in (chromosome, ref, alt)):
        return None
    return pd.DataFrame(
        {
            "chromosome": chromosome,
            "source_id": pd.Series(pd.array(columns["source_id"], dtype=TEXT)),
            "base_pair_location": columns["position"].to_numpy(),
            "ref": ref.astype(object),
            "alt": alt.astype(object),
        },
        copy=False,
    )


def _read_columns(
    path: str | Path, names: list[str], n_least: int | None = None, *, skip: int = 0
) -> pd.DataFrame:
    n_least = n_least or len(names)
    try:
        with open_stream(path) as stream:
            frame = pd.read_csv(
                stream, sep=r"\s+", header=None, dtype=str, keep_default_na=False,
                quoting=csv.QUOTE_NONE, engine="c", skiprows=skip,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: expected {n_least} columns, the file is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: expected {n_least} columns on every line: {str(error).splitlines()[-1]}"
        ) from None
    short = frame.isna().any(axis=1) | (frame.iloc[:, n_least - 1 : n_least] == "").any(axis=1)
    if frame.shape[1] < n_least or short.any():
        line = skip + (int(np.argmax(short.to_numpy())) + 1 if short.any() else 1)
        raise InputError(
            f"{path} line {line}: expected {n_least} columns, got fewer; is the file cut short?"
        )
    return frame.iloc[:, : len(names)].set_axis(names[: frame.shape[1]], axis=1)


def _refuse_other_people(first_path: str | Path, first: pd.DataFrame, path: str | Path) -> None:
    if path == first_path:
        return
    other = read_fam(path)
    if len(other) != len(first):
        raise InputError(
            f"{path}: expected the {len(first)} samples of {first_path}, found {len(other)}"
        )
    differs = ((other["fid"] != first["fid"]) | (other["iid"] != first["iid"])).to_numpy()
    if differs.any():
        row = int(np.argmax(differs))
        raise InputError(
            f"{path} line {row + 1}: expected the samples of {first_path} in the same order, "
            f"got {other['iid'].iloc[row]} instead of {first['iid'].iloc[row]}"
        )


def _check_bed(fileset: PlinkFileset, *, n: int, m: int) -> None:
    bed = RangeReader(fileset.bed)
    expected, actual = 3 + m * ((n + 3) // 4), bed.size
    magic = bed.read(0, min(3, actual)).tobytes() if actual else b""
    if magic != _BED_MAGIC:
        what = "sample-major" if magic == b"\x6c\x1b\x00" else "not a PLINK 1 .bed file"
        raise InputError(
            f"{fileset.bed}: expected a SNP-major PLINK 1 .bed file, got one that is {what}: "
            "convert it with plink2 --make-bed"
        )
    if actual != expected:
        state = "cut short or of another dataset" if actual < expected else "of another dataset"
        raise InputError(
            f"{fileset.bed}: expected {expected} bytes for {m} variants ({_name(fileset.bim)}) x "
            f"{n} samples ({_name(fileset.fam)}), got {actual}: one is {state}: copy all three "
            "again"
        )


def _name(path: str | Path) -> str:
    return str(path).rpartition("/")[2]
