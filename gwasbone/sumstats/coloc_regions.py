"""Colocalisation of two scans in each of several regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.columns import chromosomes
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import chromosome_label
from gwasbone.sumstats.align import AlignedScans, align_scans
from gwasbone.sumstats.coloc import Coloc, ColocTrait, coloc_abf
from gwasbone.sumstats.options import ColocOptions
from gwasbone.sumstats.scan import Scans
from gwasbone.text_table import TextTable

#: Around a locus that is given by one position.
_AROUND_BP = 250_000


@dataclass(frozen=True)
class Region:
    """A stretch of a chromosome, ends included."""

    chromosome: int
    start_bp: int
    end_bp: int

    @property
    def label(self) -> str:
        return f"{chromosome_label(self.chromosome)}:{self.start_bp}-{self.end_bp}"


@dataclass(frozen=True)
class ColocRegions:
    """Colocalisation in regions.

    Parameters
    ----------
    table : ``region n_snp pp_h0 … pp_h4 status``.
    variants : of each region ``region chromosome base_pair_location effect_allele other_allele
        z_1 z_2 posterior in_credible_set``.
    found : the result of each region with variants.
    """

    table: pd.DataFrame
    variants: pd.DataFrame
    found: dict[str, Coloc]


def read_loci(path: Path) -> list[Region]:
    """Read regions: ``chromosome`` with ``start_bp`` and ``end_bp``, or ``base_pair_location``.

    A position stands for 250 kb on either side. Regions that stand again are read once.

    Raises
    ------
    InputError
        The file has no such columns.
    """
    text = TextTable.open(path)
    spans = {"start_bp", "end_bp"} <= set(text.header)
    columns = ["start_bp", "end_bp"] if spans else ["base_pair_location"]
    if absent := [n for n in ("chromosome", *columns) if n not in text.header]:
        raise InputError(
            f"{path}: expected regions with chromosome, start_bp and end_bp, or "
            f"base_pair_location; no {', '.join(absent)}"
        )
    types = {"chromosome": pa.string()} | dict.fromkeys(columns, pa.float64())
    parts = [text.columns(lines, types).to_pandas() for lines in text.pieces()]
    if not parts:
        return []
    table = pd.concat(parts, ignore_index=True)
    code = chromosomes(table["chromosome"].astype(object).fillna(""))
    start = table[columns[0]] if spans else table[columns[0]] - _AROUND_BP
    end = table[columns[1]] if spans else table[columns[0]] + _AROUND_BP
    return list(
        dict.fromkeys(
            Region(int(c), max(1, int(s)), int(e))
            for c, s, e in zip(code, start, end, strict=True)
            if c == c and s == s and e == e
        )
    )


def coloc_regions(
    scans: Scans,
    regions: Sequence[Region],
    options: ColocOptions | None = None,
    *,
    sd_y: Sequence[float] | None = None,
    case_share: Sequence[float] | None = None,
) -> ColocRegions:
    """Compute the colocalisation of two scans in regions.

    Parameters
    ----------
    scans : two. Variants are matched; their alleles do not matter for the result.
    sd_y : standard deviation of each trait; NaN to estimate it from frequencies and N.
    case_share : share of cases of each trait; NaN for a quantitative one.

    Raises
    ------
    UsageError
        Not two scans, no region, or not a number for each scan.
    """
    if len(scans) != 2:
        raise UsageError(f"coloc: expected two scans, got {len(scans)} ({', '.join(scans)})")
    if not regions:
        raise UsageError("coloc: expected at least one region, got none")
    shares, sds = (_two(v, name) for v, name in ((case_share, "--case-share"), (sd_y, "--sd-y")))
    if any(not 0 < s < 1 for s in shares if s == s):
        raise UsageError(f"--case-share: expected between 0 and 1, got {shares}")
    aligned = align_scans(scans)
    rows, variants, found = [], [], {}
    for region in regions:
        inside = np.flatnonzero(
            (aligned.chromosome == region.chromosome)
            & (aligned.position_bp >= region.start_bp)
            & (aligned.position_bp <= region.end_bp)
        )
        if not len(inside):
            rows.append([region.label, 0, *[np.nan] * 5, "no variant in both scans"])
            continue
        traits = [_trait(aligned, k, inside, sds[k], shares[k] == shares[k]) for k in (0, 1)]
        one = found[region.label] = coloc_abf(traits[0], traits[1], options)
        rows.append([region.label, len(inside), *one.posterior, ""])
        variants.append(_variants(aligned, region, inside, one))
    names = ["region", "n_snp", *(f"pp_h{i}" for i in range(5)), "status"]
    table = pd.concat(variants, ignore_index=True) if variants else pd.DataFrame()
    return ColocRegions(pd.DataFrame(rows, columns=names), table, found)


def _two(values: Sequence[float] | None, flag: str) -> tuple[float, ...]:
    if values is None:
        return (np.nan, np.nan)
    if len(values) != 2:
        raise UsageError(f"{flag}: expected a number for each of the two scans, got {len(values)}")
    return tuple(values)


def _trait(
    aligned: AlignedScans, k: int, rows: np.ndarray, sd_y: float, is_disease: bool
) -> ColocTrait:
    beta, se, n, frequency = (
        aligned.columns[name][k][rows].astype(np.float64)
        for name in ("beta", "standard_error", "n", "effect_allele_frequency")
    )
    known = np.isfinite(n).any() and np.isfinite(frequency).any()
    return ColocTrait(
        beta, se, sd_y=sd_y if sd_y == sd_y else None, case_control=is_disease,
        frequency=frequency if known else None, n=n if known else None, name=aligned.names[k],
    )  # fmt: skip


def _variants(
    aligned: AlignedScans, region: Region, rows: np.ndarray, found: Coloc
) -> pd.DataFrame:
    table = aligned.table(0, rows)
    credible = np.zeros(len(rows), dtype=bool)
    credible[found.credible_set()] = True
    return pd.DataFrame(
        {
            "region": region.label,
            "chromosome": table["chromosome"],
            "base_pair_location": table["base_pair_location"],
            "effect_allele": table["effect_allele"],
            "other_allele": table["other_allele"],
            "z_1": aligned.z(0, rows),
            "z_2": aligned.z(1, rows),
            "posterior": found.shared,
            "in_credible_set": credible,
        }
    )
