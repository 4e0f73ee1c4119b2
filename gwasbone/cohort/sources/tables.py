"""The tables of samples and of variants: one shape, whatever file they came from."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.errors import InputError
from gwasbone.genome import BUILDS, LENGTHS_BP, chromosome_code
from gwasbone.phenotypes.participants import IdRule, is_withdrawn
from gwasbone.phenotypes.sex import FEMALE, MALE, SEX_WORDS

log = logging.getLogger(__name__)

#: Spellings of sex in genotype files (.fam, .sample, .psam); others leave it unknown.
_SEX = {"1": MALE, "2": FEMALE, **SEX_WORDS}
_UNKNOWN_SEX = {"0", "-9", "-1", "na", "nan", ".", "", "unknown", "u"}

#: Columns that every variant table has; rows are sorted by the first four.
VARIANT_COLUMNS = ("chromosome", "base_pair_location", "ref", "alt", "source_id")
VARIANT_KEY = list(VARIANT_COLUMNS[:4])

#: Of text that differs from row to row; Arrow holds an ID in its own bytes and eight more.
TEXT = pd.StringDtype("pyarrow", na_value=np.nan)
#: IDs that programs write where a variant has none.
NO_ID = (".", "0")
#: Positions beyond a chromosome for each one of the other build, where that is the right one.
_CLEARLY_MORE = 10
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

    Copies of a variant stay; :func:`gwasbone.cohort.read.read_genotypes` sets all but one aside.

    Parameters
    ----------
    raw : columns ``chromosome`` (as spelt in the file), ``base_pair_location``, ``ref``, ``alt``,
        ``source_id``; further columns are kept.
    build : reference build of the positions.
    where : the file or files, for messages.

    Raises
    ------
    InputError
        No variants; positions that contradict the build.
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
    _warn_of_shared_ids(table, where=where)
    outside = _outside_chromosome(table, build)
    unknown = table["chromosome"].to_numpy() == 0
    odd_names = _examples(raw["chromosome"][chromosome_codes(raw["chromosome"]) == 0].unique())
    table["ref"], table["alt"] = _upper_case(table["ref"]), _upper_case(table["alt"])
    not_bases = [_not_bases(table[name]) for name in ("ref", "alt")]
    symbolic = np.logical_or(
        *(table[n].isin(o) for n, o in zip(("ref", "alt"), not_bases, strict=True))
    )
    odd_alleles = _examples([allele for odd in not_bases for allele in odd])
    table["base_pair_location"] = (
        table["base_pair_location"].clip(0, np.iinfo(np.int32).max).astype(np.int32)
    )
    table.index = pd.RangeIndex(len(table), name="variant")
    variants = MaskedTable("variants", table)
    for reason, mask, rule in (
        ("unknown_chromosome", unknown, f"chromosome is none of 1-22, X, Y, MT{odd_names}"),
        ("position_outside_chromosome", outside, f"position beyond the chromosome on {build}"),
        ("symbolic_allele", symbolic, f"an allele is not a sequence of A, C, G, T, N{odd_alleles}"),
    ):
        if mask.any():
            variants = variants.exclude(READ_STAGE, reason, mask, description=rule)
    return variants


def _examples(texts: Iterable[object], at_most: int = 3) -> str:
    """Some of the texts, in brackets; nothing where there are none."""
    distinct = dict.fromkeys(str(text) for text in texts)
    shown = [repr(text if len(text) < 20 else f"{text[:17]}...") for text in distinct]
    more = ", ..." if len(shown) > at_most else ""
    return f" ({', '.join(shown[:at_most])}{more})" if shown else ""


def _outside_chromosome(table: pd.DataFrame, build: str) -> np.ndarray:
    longest = np.array([0, *LENGTHS_BP[build].values()], np.int64)
    code = table["chromosome"].to_numpy()
    position = table["base_pair_location"].to_numpy()
    return (code > 0) & ((position < 1) | (position > longest[code]))


def _beyond_end(table: pd.DataFrame, build: str) -> np.ndarray:
    longest = np.array([0, *LENGTHS_BP[build].values()], np.int64)
    code = table["chromosome"].to_numpy()
    return (code > 0) & (table["base_pair_location"].to_numpy() > longest[code])


def _refuse_other_build(table: pd.DataFrame, *, build: str, where: str) -> None:
    """Refuse positions of which far more lie beyond their chromosome than on the other build.

    Positions below 1 tell nothing of the build: some programs write 0 for an unknown place.
    """
    beyond = _beyond_end(table, build)
    if not beyond.any():
        return
    other = next(b for b in BUILDS if b != build)
    n_other = int(_beyond_end(table, other).sum())
    if n_other * _CLEARLY_MORE >= int(beyond.sum()):
        return
    worst = table[beyond].iloc[0]
    raise InputError(
        f"{where}: build {build} was given, but {int(beyond.sum())} positions such as "
        f"{worst['chromosome']}:{worst['base_pair_location']} lie beyond their chromosome there "
        f"and {n_other or 'none'} on {other}: give --build {other}, or remove these variants"
    )


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """By chromosome, position, ref and alt; a file in that order is not copied."""
    locus = (table["chromosome"].to_numpy().astype(np.int64) << 40) + table[
        "base_pair_location"
    ].to_numpy()
    if (locus[1:] > locus[:-1]).all():
        return table
    return table.sort_values(VARIANT_KEY, kind="stable", ignore_index=True)


def same_as_before(table: pd.DataFrame) -> np.ndarray:
    """(m,) rows of a sorted variant table with the place and alleles of the row before."""
    same = np.zeros(len(table), dtype=bool)
    same[1:] = True
    for name in reversed(VARIANT_KEY):
        values = table[name].to_numpy()
        rows = np.flatnonzero(same)
        same[rows] = values[rows] == values[rows - 1]
    return same


def _warn_of_shared_ids(table: pd.DataFrame, *, where: str) -> None:
    """An ID at several places names none of them; such variants go by chr:pos:ref:alt."""
    ids = table["source_id"]
    chosen = (ids.notna() & ~ids.isin(["", *NO_ID])).to_numpy(dtype=bool)
    if all_different(ids if chosen.all() else ids[chosen]):
        return
    named = table.loc[chosen, _PLACE].drop_duplicates()
    again = named.duplicated("source_id")
    if again.any():
        log.warning(
            "%s: %d variant IDs stand for several positions (%s): such variants are named by "
            "chr:pos:ref:alt",
            where, int(again.sum()), ", ".join(map(str, named.loc[again, "source_id"].head(3))),
        )  # fmt: skip


def all_different(ids: pd.Series) -> bool:
    """Whether no ID is there twice, by sorted hashes: IDs are never all in memory as objects."""
    hashes = np.empty(len(ids), dtype=np.uint64)
    for top in range(0, len(ids), _HASHED_TOGETHER):
        part = ids.iloc[top : top + _HASHED_TOGETHER].to_numpy(dtype=object)
        hashes[top : top + _HASHED_TOGETHER] = pd.util.hash_array(part, categorize=False)
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any() or bool(ids.is_unique)


def sex_codes(spelled: pd.Series, *, where: str) -> np.ndarray:
    """(n,) int8 1 male, 2 female, 0 unknown of sex as genotype files spell it.

    1 and 2, M and F, male and female in any case; what is neither these nor a usual spelling of
    "unknown" is unknown too, with a warning that counts and shows it.
    """
    words = spelled.astype(str).str.strip().str.lower()
    codes = words.map(_SEX)
    odd = codes.isna() & ~words.isin(_UNKNOWN_SEX)
    if odd.any():
        log.warning(
            "%s: sex of %d participants is spelt neither 1, 2 nor male, female (%s): taken as "
            "unknown",
            where, int(odd.sum()), ", ".join(spelled[odd].astype(str).unique()[:3]),
        )  # fmt: skip
    return codes.fillna(0).to_numpy(np.int8)


def _upper_case(alleles: pd.Series) -> pd.Series:
    lower = {a: a.upper() for a in alleles.unique() if re.fullmatch("[ACGTNacgtn]+", a)}
    lower = {old: new for old, new in lower.items() if old != new}
    return alleles.replace(lower) if lower else alleles


def _not_bases(alleles: pd.Series) -> list[str]:
    """Those of the alleles that are no sequence of bases, such as ``*``, ``.``, 0 and ``<DEL>``."""
    return [a for a in alleles.unique() if not re.fullmatch("[ACGTN]+", a)]


def person_ids(fid: pd.Series, iid: pd.Series, id_rule: IdRule) -> pd.Series:
    """The ID a sample has everywhere in gwasbone: the IID, or FID and IID joined by ``_``."""
    return iid.astype(str) if id_rule == "iid" else fid.astype(str) + "_" + iid.astype(str)


def build_people_table(
    fid: pd.Series, iid: pd.Series, sex: pd.Series, *, id_rule: IdRule, where: str
) -> MaskedTable:
    """One row per sample in file order, withdrawn samples (negative IDs) set aside.

    Parameters
    ----------
    fid, iid : (n,) strings as in the file.
    sex : (n,) 1 male, 2 female, 0 unknown.

    Raises
    ------
    InputError
        Nobody, or an ID that two people share under ``id_rule``.
    """
    if len(iid) == 0:
        raise InputError(f"{where}: expected at least one sample, found none")
    ids = person_ids(fid, iid, id_rule)
    twice = ids.duplicated(keep=False)
    if twice.any():
        names = ", ".join(ids[twice].unique()[:3])
        way_out = (
            "give --id fid_iid to use family and individual ID together"
            if id_rule == "iid" and not person_ids(fid, iid, "fid_iid").duplicated().any()
            else "rename or remove the copies"
        )
        raise InputError(
            f"{where}: expected every sample ID once, found {ids[twice].nunique()} IDs more than "
            f"once ({names}): {way_out}"
        )
    table = pd.DataFrame(
        {"fid": fid.to_numpy(), "iid": iid.to_numpy(), "sex": sex.to_numpy().astype("int8")},
        index=pd.Index(ids.to_numpy(), name="id"),
    )
    people = MaskedTable("people", table)
    withdrawn = is_withdrawn(table["iid"])
    if withdrawn.any():
        people = people.exclude(READ_STAGE, "withdrawn", withdrawn, description="negative ID")
        log.info("%s: %d withdrawn participants (negative IDs) left out", where, withdrawn.sum())
    return people
