"""The variant table: one shape, whatever file the variants came from."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import VARIANT_COLUMNS, VARIANT_KEY
from gwasbone.errors import InputError
from gwasbone.genome import BUILDS, LENGTHS_BP, chromosome_code

#: Of text that differs from row to row; Arrow holds an ID in its own bytes and eight more.
TEXT = pd.StringDtype("pyarrow", na_value=np.nan)
_HASHED_TOGETHER = 65_536
_PLACE = ["source_id", "chromosome", "base_pair_location"]

#: Decisions taken on reading: such variants cannot be placed or tested, whatever the thresholds.
READ_STAGE = "read"


def chromosome_codes(names: pd.Series) -> np.ndarray:
    """(m,) int16 codes of chromosome names; 0 where the name is no chromosome we know."""
    categories = names.astype("category")
    codes = np.array([chromosome_code(str(c)) or 0 for c in categories.cat.categories], np.int16)
    return codes[categories.cat.codes.to_numpy()]


def build_variant_table(raw: pd.DataFrame, *, build: str, where: str) -> MaskedTable:
    """Sort variants by locus and set aside, by name, those that cannot be placed or written.

    Parameters
    ----------
    raw : columns ``chromosome`` (as spelt in the file), ``position_bp``, ``ref``, ``alt``,
        ``source_id``; further columns are kept.
    build : reference build of the positions.
    where : the file or files, for messages.

    Raises
    ------
    InputError
        No variants; positions that contradict the build; a variant (same position and alleles)
        or an ID that stands for two different positions, twice in the input.
    """
    if raw.empty:
        raise InputError(f"{where}: expected at least one variant, found none")
    columns: dict[str, Any] = {
        **{name: raw[name] for name in VARIANT_COLUMNS if name in raw},
        **{str(name): raw[name] for name in raw if name not in VARIANT_COLUMNS},
    }
    columns["chromosome"] = chromosome_codes(raw["chromosome"])
    columns["base_pair_location"] = raw["base_pair_location"].to_numpy(dtype=np.int64)
    if "source_id" in raw:
        columns["source_id"] = raw["source_id"].astype(TEXT)
    # there are many variants: columns are not copied where they need not be
    table = pd.DataFrame(columns, index=raw.index, copy=False)
    _refuse_other_build(table, build=build, where=where)
    table = _sorted(table)
    _refuse_duplicates(table, where=where)
    outside = _outside_chromosome(table, build)
    unknown = table["chromosome"].to_numpy() == 0
    symbolic = _symbolic(table["ref"]) | _symbolic(table["alt"])
    table["base_pair_location"] = (
        table["base_pair_location"].clip(0, np.iinfo(np.int32).max).astype(np.int32)
    )
    table.index = pd.RangeIndex(len(table), name="variant")
    variants = MaskedTable("variants", table)
    for reason, mask, rule in (
        ("unknown_chromosome", unknown, "chromosome is none of 1-22, X, Y, MT"),
        ("position_outside_chromosome", outside, f"position beyond the chromosome on {build}"),
        ("symbolic_allele", symbolic, "an allele is not a sequence of A, C, G, T (or N)"),
    ):
        if mask.any():
            variants = variants.exclude(READ_STAGE, reason, mask, description=rule)
    return variants


def _outside_chromosome(table: pd.DataFrame, build: str) -> np.ndarray:
    longest = np.array([0, *LENGTHS_BP[build].values()], np.int64)
    code = table["chromosome"].to_numpy()
    position = table["base_pair_location"].to_numpy()
    return (code > 0) & ((position < 1) | (position > longest[code]))


def _refuse_other_build(table: pd.DataFrame, *, build: str, where: str) -> None:
    outside = _outside_chromosome(table, build)
    if not outside.any():
        return
    other = next(b for b in BUILDS if b != build)
    if _outside_chromosome(table, other).any():
        return
    worst = table[outside].iloc[0]
    raise InputError(
        f"{where}: build {build} was given, but {int(outside.sum())} positions such as "
        f"{worst['chromosome']}:{worst['base_pair_location']} lie beyond their chromosome there "
        f"and none does on {other}: give --build {other}, or remove these variants"
    )


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """By chromosome, position, ref and alt; a file in that order is not copied."""
    locus = (table["chromosome"].to_numpy().astype(np.int64) << 40) + table[
        "base_pair_location"
    ].to_numpy()
    if (locus[1:] > locus[:-1]).all():
        return table
    return table.sort_values(VARIANT_KEY, kind="stable", ignore_index=True)


def _refuse_duplicates(table: pd.DataFrame, *, where: str) -> None:
    """Of a sorted table: copies of a variant are neighbours."""
    placed = table["chromosome"].to_numpy() > 0
    twice = np.zeros(len(table), dtype=bool)
    twice[1:] = placed[1:]
    for name in reversed(VARIANT_KEY):
        values = table[name].to_numpy()
        rows = np.flatnonzero(twice)
        twice[rows] = values[rows] == values[rows - 1]
    if twice.any():
        names = [
            f"{r.chromosome}:{r.base_pair_location}:{r.ref}:{r.alt}"
            for r in table[twice].head(3).itertuples()
        ]
        raise InputError(
            f"{where}: expected every variant once, found {int(twice.sum())} again at the same "
            f"position with the same alleles ({', '.join(names)}): remove the copies, for example "
            "with plink2 --rm-dup"
        )
    ids = table["source_id"]
    chosen = placed & (ids.notna() & (ids != ".")).to_numpy(dtype=bool)
    if all_different(ids if chosen.all() else ids[chosen]):
        return
    named = table.loc[chosen, _PLACE]
    again = named.drop_duplicates().duplicated("source_id")
    if again.any():
        names = [str(i) for i in named.drop_duplicates().loc[again, "source_id"].head(3)]
        raise InputError(
            f"{where}: expected a variant ID to stand for one position, found "
            f"{int(again.sum())} IDs at several ({', '.join(names)}): rename them, for example "
            "with plink2 --set-all-var-ids"
        )


def all_different(ids: pd.Series) -> bool:
    """Whether no ID is there twice, by sorted hashes: IDs are never all in memory as objects."""
    hashes = np.empty(len(ids), dtype=np.uint64)
    for top in range(0, len(ids), _HASHED_TOGETHER):
        part = ids.iloc[top : top + _HASHED_TOGETHER].to_numpy(dtype=object)
        hashes[top : top + _HASHED_TOGETHER] = pd.util.hash_array(part, categorize=False)
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any() or bool(ids.is_unique)


def _symbolic(alleles: pd.Series) -> np.ndarray:
    odd = [a for a in alleles.unique() if not re.fullmatch("[ACGTNacgtn]+", a)]
    return alleles.isin(odd).to_numpy() if odd else np.zeros(len(alleles), dtype=bool)
