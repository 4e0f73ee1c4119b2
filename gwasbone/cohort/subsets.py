"""What a user wants in or out: lists of samples, variants and chromosomes, and thresholds."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import ROUNDING, at_least
from gwasbone.cohort.sources.tables import READ_STAGE, all_different
from gwasbone.errors import InputError, UsageError, listed
from gwasbone.genome import chromosome_code
from gwasbone.phenotypes.id_lists import read_participant_list, read_variant_list

log = logging.getLogger(__name__)

STAGE, FILTER_STAGE = "subset", "filter"

_NAMED_TOGETHER = 65_536
#: Chromosome, position, REF and ALT, as ``chr1:5:A:G``, ``X_5_A_G`` or ``1-5-A-CTT``.
_PLACE = re.compile(r"([^:_-]+)[:_-](\d+)[:_-]([^:_-]+)[:_-]([^:_-]+)")


def subset(
    cohort: Cohort,
    *,
    keep: Path | None = None,
    remove: Path | None = None,
    extract: Path | None = None,
    exclude: Path | None = None,
    chromosomes: str | None = None,
) -> Cohort:
    """Apply PLINK-like lists as named decisions.

    Parameters
    ----------
    keep, remove : files of people: IID, or FID and IID; a header is allowed.
    extract, exclude : files of variants, one a line: the input's own ID, ``chr:pos:ref:alt`` in
        any spelling (``chrX:5:A:G``, ``23-5-A-G``), or the ``variant_id`` of results.
    chromosomes : such as ``1-22,X``.

    Raises
    ------
    InputError
        A file is missing, or names nobody or nothing of the cohort (two of each are shown).
    """
    for name, path, wanted in (("keep", keep, True), ("remove", remove, False)):
        if path is not None:
            rows = read_participant_list(path).among(cohort.people.table, f"--{name}")
            cohort = cohort.exclude_people(
                STAGE, name, rows != wanted, description=f"--{name} {path}"
            )
    for name, path, wanted in (("extract", extract, True), ("exclude", exclude, False)):
        if path is not None:
            rows = _variants_in(cohort, path, f"--{name}")
            cohort = cohort.exclude_variants(
                STAGE, name, rows != wanted, description=f"--{name} {path}"
            )
    if chromosomes is not None:
        codes = parse_chromosomes(chromosomes)
        other = ~cohort.variants.table["chromosome"].isin(codes).to_numpy()
        cohort = cohort.exclude_variants(STAGE, "chr", other, description=f"--chr {chromosomes}")
    for table in (cohort.people, cohort.variants):
        for decision in table.decisions:
            if decision.stage == STAGE:
                log.info(
                    "%s removes %d %s", decision.description, decision.excluded.sum(), table.label
                )
        if table.n_kept == 0:
            raise InputError(
                f"no {table.label} left after --keep/--remove/--extract/--exclude/--chr"
            )
    return cohort


def without_withdrawn(cohort: Cohort, path: Path) -> Cohort:
    """Leave out the participants of a list, who have withdrawn.

    Raises
    ------
    InputError
        The list names nobody of the cohort.
    """
    rows = read_participant_list(path).among(cohort.people.table, "--withdrawn")
    return cohort.exclude_people(
        READ_STAGE, "withdrawn_listed", rows, description=f"withdrew: {path}"
    )


def parse_chromosomes(text: str) -> set[int]:
    """Chromosome codes of a list such as ``1-5,7,X``.

    Raises
    ------
    UsageError
        A name that is no chromosome, or a range that runs backwards.

    >>> sorted(parse_chromosomes("1-3,X"))
    [1, 2, 3, 23]
    """
    codes: set[int] = set()
    for part in text.split(","):
        ends = [chromosome_code(end) for end in part.split("-")]
        if None in ends or len(ends) > 2 or (len(ends) == 2 and ends[0] > ends[1]):  # type: ignore[operator]
            raise UsageError(f"--chr {text}: expected names such as 1-22,X, got {part!r}")
        codes |= set(range(ends[0], ends[-1] + 1))  # type: ignore[arg-type,operator]
    return codes


def _variants_in(cohort: Cohort, path: Path, flag: str) -> np.ndarray:
    table = cohort.variants.table
    wanted = set(read_variant_list(path))
    found = table["source_id"].isin(wanted - {"."}).to_numpy()
    places = set(_places(wanted))
    if places:
        found |= variant_names(table).isin(places).to_numpy()
    if not found.any():
        raise InputError(
            f"expected variants of the cohort in {flag} {path}, none of the {len(wanted):,} listed "
            f"is one: the list has {listed(sorted(wanted), 2)}, the cohort has "
            f"{listed(table['source_id'], 2)} ({listed(variant_names(table.head(2)), 2)})"
        )
    log.info(
        "%s %s: %d of the %d variants listed are among the %d of the genotypes",
        flag, path, found.sum(), max(len(wanted), int(found.sum())), len(table),
    )  # fmt: skip
    return found


def _places(words: Iterable[str]) -> Iterator[str]:
    """The words that name a variant by its place, as :func:`variant_names` spells it."""
    spellings: dict[str, set[str]] = {}
    for word in words:
        match = _PLACE.fullmatch(word)
        if match is None:
            continue
        name, position, ref, alt = match.groups()
        if name not in spellings:
            # 25 is PLINK's XY and the code of mitochondria in our results; no place is on both
            codes = {str(chromosome_code(name)), name.lstrip("0")}
            spellings[name] = {code for code in codes if code.isdigit()}
        for code in spellings[name]:
            yield f"{code}:{int(position)}:{ref}:{alt}"


def short_names(cohort: Cohort, rows: npt.NDArray[np.integer]) -> Iterator[pd.Series]:
    """Names of rows of the variant table, in pieces: the input's own ID where no other variant
    of the cohort has it, else ``chr:pos:ref:alt``."""
    table = cohort.variants.table
    ids = table["source_id"]
    shared = ((ids == ".") | ids.isna()).to_numpy(dtype=bool)
    if not all_different(ids[~shared] if shared.any() else ids):
        shared |= ids.duplicated(keep=False).to_numpy()
    for top in range(0, len(rows), _NAMED_TOGETHER):
        here = rows[top : top + _NAMED_TOGETHER]
        variants, by_place = table.iloc[here], shared[here]
        names = variants["source_id"].astype(object)
        names[by_place] = variant_names(variants[by_place])
        yield names


def variant_names(table: pd.DataFrame) -> pd.Series:
    """(m,) ``chr:pos:ref:alt`` of a variant table, chromosomes as codes (23 = X)."""
    parts = [
        pa.array(table[name]).cast(pa.string())
        for name in ("chromosome", "base_pair_location", "ref", "alt")
    ]
    names = pc.binary_join_element_wise(*parts, ":")
    return pd.Series(names.to_numpy(zero_copy_only=False), index=table.index, dtype=object)


def apply_filters(
    cohort: Cohort,
    *,
    maf: float | None = None,
    mac: float | None = None,
    geno: float | None = None,
    mind: float | None = None,
    hwe: float | None = None,
    info: float | None = None,
) -> Cohort:
    """Filter samples by ``mind``, then variants by the others, in the samples who are left.

    Parameters
    ----------
    maf, mac : least minor allele frequency and count.
    geno, mind : highest share of missing calls per variant and per person (autosomes).
    hwe : least p of the exact Hardy-Weinberg test.
    info : least imputation information score.

    Raises
    ------
    InputError
        Nobody or no variant is left.
    """
    if mind is not None:
        from gwasbone.cohort.statistics import people_statistics

        missing = 1 - people_statistics(cohort)["call_rate"].reindex(cohort.people.table.index)
        rule = f"more than {mind:g} of the calls missing (--mind)"
        cohort = cohort.exclude_people(
            FILTER_STAGE, "mind", missing > mind + ROUNDING, description=rule
        )
    thresholds = {"maf": maf, "mac": mac, "geno": geno, "hwe": hwe, "info": info}
    given = {name: value for name, value in thresholds.items() if value is not None}
    if given:
        cohort = _filter_variants(cohort, given)
    for table in (cohort.people, cohort.variants):
        if table.n_kept == 0:
            raise InputError(f"no {table.label} left after filtering: loosen the thresholds")
    return cohort


def _filter_variants(cohort: Cohort, given: dict[str, float]) -> Cohort:
    from gwasbone.cohort.statistics import variant_statistics

    cohort = cohort.annotate_variants(variant_statistics(cohort))
    table, kept = cohort.variants.table, cohort.variants.kept
    # what cannot be tested (NaN) stays in: the scan reports it as untested, with its status
    rules = {
        "maf": ("low_maf", "maf", "minor-allele frequency below {:g} (--maf)"),
        "mac": ("low_mac", "mac", "minor-allele count below {:g} (--mac)"),
        "info": ("low_info", "info", "imputation INFO below {:g} (--info)"),
    }
    for name, (reason, column, text) in rules.items():
        if name in given:
            low = table[column].lt(at_least(given[name])).to_numpy() & kept
            cohort = cohort.exclude_variants(
                FILTER_STAGE, reason, low, description=text.format(given[name])
            )
    if "geno" in given:
        missing = (1 - table["call_rate"]).gt(given["geno"] + ROUNDING).to_numpy() & kept
        rule = f"more than {given['geno']:g} of the calls missing (--geno)"
        cohort = cohort.exclude_variants(FILTER_STAGE, "low_call_rate", missing, description=rule)
    if given.get("hwe"):
        limit = -np.log10(given["hwe"]) + ROUNDING
        far = table["hwe_neg_log10_p"].gt(limit).to_numpy() & kept
        rule = f"Hardy-Weinberg exact p below {given['hwe']:g} (--hwe)"
        cohort = cohort.exclude_variants(FILTER_STAGE, "hwe", far, description=rule)
    return cohort
