"""BGEN v1.2 files with their .sample: dosages, read through Hail."""

from __future__ import annotations

import glob
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.cohort.matrix_source import cohort_from_normal_form, normal_form
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.people_table import IdRule
from gwasbone.cohort.vcf_files import unreadable
from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code, hail_contig
from gwasbone.session import hail, temporary_path

_SHORT, _LONG = struct.Struct("<H"), struct.Struct("<I")


@dataclass(frozen=True)
class BgenHeader:
    """The first block of a BGEN file (BGEN specification, header block)."""

    path: Path
    n_variants: int
    n_people: int
    compression: int
    layout: int
    has_sample_ids: bool
    first_variant_offset: int


def read_bgen(pattern: str, *, sample: Path | None, build: str, id_rule: IdRule = "iid") -> Cohort:
    """A cohort from BGEN files that share one .sample file.

    Raises
    ------
    InputError
        Missing or truncated files, another layout than v1.2, another number of people than the
        .sample file.
    """
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
    for header in headers:
        if header.n_people != len(people):
            raise InputError(
                f"{header.path}: has {header.n_people} people, {sample} lists {len(people)}: "
                "give the .sample file that belongs to it"
            )
        check_whole(header)
    mt = _import(paths, people["iid"].tolist(), build)
    return cohort_from_normal_form(
        mt,
        fid=people["fid"],
        sex=people["sex"],
        id_rule=id_rule,
        files=(*map(str, paths), str(sample)),
        description=str(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else ""),
    )


def read_header(path: Path) -> BgenHeader:
    """Read and check the header block.

    Raises
    ------
    InputError
        Too short, no BGEN, or a layout other than 2 (v1.2).
    """
    with open(path, "rb") as handle:
        raw = handle.read(24)
        if len(raw) < 24:
            raise InputError(f"{path}: expected a BGEN file, got {len(raw)} bytes: copy it again")
        offset, length, n_variants, n_people = struct.unpack("<IIII", raw[:16])
        handle.seek(4 + length - 4)
        flags = handle.read(4)
    if raw[16:20] not in (b"bgen", b"\0\0\0\0") or len(flags) < 4:
        raise InputError(f"{path}: expected a BGEN file, the header is not one")
    bits = struct.unpack("<I", flags)[0]
    header = BgenHeader(
        path, n_variants, n_people, bits & 3, (bits >> 2) & 15, bool(bits >> 31), offset + 4
    )
    if header.layout != 2:
        raise InputError(
            f"{path}: expected BGEN v1.2 (layout 2), got layout {header.layout}: "
            "convert it with plink2 --export bgen-1.2 bits=8"
        )
    return header


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


def _import(paths: list[Path], iids: list[str], build: str) -> Any:
    hl = hail()
    names = [str(p.absolute()) for p in paths]
    indices = {name: temporary_path("bgen") + ".idx2" for name in names}
    try:
        hl.index_bgen(
            names,
            index_file_map=indices,
            reference_genome=build,
            contig_recoding=_contig_recoding(build),
            skip_invalid_loci=True,
        )
        mt = hl.import_bgen(names, entry_fields=["GT", "dosage"], index_file_map=indices)
    except hl.utils.java.FatalError as error:
        raise unreadable(names[0], error) from None
    mt = mt.add_col_index("person")
    ids = hl.literal(iids, "array<str>")
    return normal_form(mt.key_cols_by(s=ids[hl.int32(mt.person)]))


def check_whole(header: BgenHeader) -> None:
    """Step over all variants of a file, without reading genotypes (BGEN specification, layout 2).

    Hail's index reads headers only, so a file that ends inside the last variant would be noticed
    in the middle of a scan. A few microseconds per variant.

    Raises
    ------
    InputError
        The file ends before its last variant does.
    """
    with (
        open(header.path, "rb") as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        at, size = header.first_variant_offset, len(data)
        for variant in range(header.n_variants):
            try:
                for _ in range(3):  # variant ID, rs number, chromosome
                    at += 2 + _SHORT.unpack_from(data, at)[0]
                n_alleles = _SHORT.unpack_from(data, at + 4)[0]  # after the position
                at += 6
                for _ in range(n_alleles):
                    at += 4 + _LONG.unpack_from(data, at)[0]
                at += 4 + _LONG.unpack_from(data, at)[0]
            except struct.error:
                at = size + 1
            if at > size:
                raise InputError(
                    f"{header.path}: the file was cut short: it ends inside variant {variant + 1} "
                    f"of {header.n_variants}: copy it again"
                )


def _contig_recoding(build: str) -> dict[str, str]:
    spellings = [str(i) for i in range(1, 27)] + [f"0{i}" for i in range(1, 10)]
    spellings += ["X", "Y", "XY", "MT", "M"]
    spellings += [f"chr{name}" for name in spellings]
    return {
        name: hail_contig(code, build)
        for name in spellings
        if (code := chromosome_code(name)) is not None and name != hail_contig(code, build)
    }
