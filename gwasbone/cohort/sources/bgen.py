"""BGEN v1.2 files with their .sample: dosages, read in place; no JVM needed."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.bgen import BgenFile, Probabilities
from gwasbone.cohort.bgen_source import BgenSource
from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.people_table import IdRule, build_people_table
from gwasbone.cohort.sources.bgen_index import (
    ALLELE_SEPARATOR,
    BgenHeader,
    read_header,
    read_sample_ids,
    read_variants,
)
from gwasbone.cohort.sources.tables import READ_STAGE, build_variant_table
from gwasbone.errors import InputError


def read_bgen(pattern: str, *, sample: Path | None, build: str, id_rule: IdRule = "iid") -> Cohort:
    """A cohort from BGEN files that share one .sample file.

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
    )
    return Cohort(
        source=source,
        build=build,
        people=build_people_table(
            people["fid"], people["iid"], people["sex"], id_rule=id_rule, where=str(sample)
        ),
        variants=_multiallelic_aside(
            build_variant_table(raw, build=build, where=source.describe())
        ),
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
