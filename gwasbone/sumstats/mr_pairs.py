"""Instruments of an exposure beside an outcome, for the same alleles; and harmonised tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.align import ScanNumbers, read_numbers
from gwasbone.sumstats.mr import Harmonised
from gwasbone.sumstats.scan import Scan
from gwasbone.sumstats.variants import (
    AMBIGUOUS,
    OTHER_ALLELES,
    AlleleCodes,
    Variants,
    is_palindromic,
    match_variants,
    position_of,
)
from gwasbone.text_table import TextTable

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

ABSENT = "not in the outcome"


@dataclass(frozen=True)
class MrPair:
    """An exposure, an outcome, and the instruments that both have.

    Parameters
    ----------
    exposure, outcome : names.
    data : the instruments used.
    n_x, n_y : sample sizes, medians over the instruments; NaN where not stated.
    instruments : a row for each instrument of the exposure: whether it is ``used``, and why not.
    exploratory : whether the instruments are weaker than genome-wide significant.
    ld : (n, n) correlations of the instruments; None where they are taken as independent.
    others : effects on more exposures: name -> (beta, se), each (n,).
    is_reverse : whether the exposure is an outcome of the study of the other direction.
    """

    exposure: str
    outcome: str
    data: Harmonised
    n_x: float
    n_y: float
    instruments: pd.DataFrame
    exploratory: bool = False
    ld: FloatArray | None = None
    others: dict[str, tuple[FloatArray, FloatArray]] | None = None
    is_reverse: bool = False


@dataclass(frozen=True)
class Instruments:
    """Instruments of one exposure.

    Parameters
    ----------
    exposure : name of the scan.
    table : rows of the scan, a row for each instrument, with ``f`` (β²/SE²), ``in_mhc`` and
        ``confounder`` (name of the confounder that a table lists the variant for; empty if none).
    exploratory : whether p-values above the threshold were taken.
    """

    exposure: str
    table: pd.DataFrame
    exploratory: bool


def paired(
    exposures: Sequence[Instruments],
    outcomes: Sequence[Scan],
    *,
    progress: Progress | None = None,
) -> list[MrPair]:
    """Look up the instruments of each exposure in each outcome.

    Effects are of the exposure's effect allele. A palindromic instrument is used only where both
    frequencies tell the strand.

    Parameters
    ----------
    exposures : with or without instruments; each is paired with the outcomes of other names.
    outcomes : each is read once.
    """
    codes = AlleleCodes()
    variants = [Variants.of_table(e.table, codes) for e in exposures]
    positions = [position_of(v.key) for v in variants]
    wanted = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *positions]))
    count = ProgressCount(progress, "reading outcomes", sum(s.n_bytes for s in outcomes) or 1)
    pairs = []
    for scan in outcomes:
        numbers = read_numbers(scan, codes, count)
        near = np.flatnonzero(np.isin(position_of(numbers.variants.key), wanted))
        some = numbers.take(near)
        pairs += [
            _pair(e, v, scan.name, some)
            for e, v in zip(exposures, variants, strict=True)
            if e.exposure != scan.name
        ]
    return pairs


def _pair(exposure: Instruments, own: Variants, outcome: str, numbers: ScanNumbers) -> MrPair:
    matches = match_variants(own, numbers.variants)
    n = len(own)
    row = np.full(n, -1)
    row[matches.first] = matches.second
    sign = np.zeros(n)
    sign[matches.first] = matches.sign
    found = row >= 0
    beta, se, size, frequency = (
        np.where(found, numbers.values[name][row].astype(np.float64) if len(numbers.variants) else
                 np.nan, np.nan)
        for name in ("beta", "standard_error", "n", "effect_allele_frequency")
    )  # fmt: skip
    table = exposure.table
    placed = np.isin(position_of(own.key), position_of(numbers.variants.key))
    why = np.where(found, "", np.where(placed, OTHER_ALLELES, ABSENT)).astype(object)
    why[~found & placed & is_palindromic(own.key)] = AMBIGUOUS
    confounder = table["confounder"].to_numpy(dtype=object)
    listed = found & (confounder != "")
    why[listed] = [f"listed for {name}" for name in confounder[listed]]
    usable = found & (why == "") & np.isfinite(beta) & (se > 0) & (table["beta"].to_numpy() != 0)
    names = _names(table)
    rows = np.flatnonzero(usable)
    data = Harmonised(
        table["beta"].to_numpy(dtype=np.float64)[rows],
        table["standard_error"].to_numpy(dtype=np.float64)[rows],
        (beta * sign)[rows], se[rows], tuple(names[i] for i in rows),
    )  # fmt: skip
    shown = pd.DataFrame(
        {
            "exposure": exposure.exposure,
            "outcome": outcome,
            "snp": names,
            "chromosome": table["chromosome"].to_numpy(),
            "base_pair_location": table["base_pair_location"].to_numpy(),
            "effect_allele": table["effect_allele"].to_numpy(),
            "other_allele": table["other_allele"].to_numpy(),
            "beta_exposure": table["beta"].to_numpy(),
            "standard_error_exposure": table["standard_error"].to_numpy(),
            "neg_log_10_p_value_exposure": table["neg_log_10_p_value"].to_numpy(),
            "effect_allele_frequency_exposure": table["effect_allele_frequency"].to_numpy(),
            "beta_outcome": beta * np.where(sign == 0, np.nan, sign),
            "standard_error_outcome": se,
            "effect_allele_frequency_outcome": np.where(sign < 0, 1 - frequency, frequency),
            "f": table["f"].to_numpy(),
            "in_mhc": table["in_mhc"].to_numpy(),
            "used": usable,
            "reason": why,
        }
    )
    sizes = table["n"].to_numpy(dtype=np.float64)[rows], size[rows]
    n_x, n_y = (float(np.nanmedian(s)) if np.isfinite(s).any() else np.nan for s in sizes)
    return MrPair(exposure.exposure, outcome, data, n_x, n_y, shown, exposure.exploratory)


def _names(table: pd.DataFrame) -> list[str]:
    columns = ("source_id", "chromosome", "base_pair_location", "other_allele", "effect_allele")
    return [
        str(name) if name not in ("", ".") and name == name else f"{c}_{p}_{o}_{e}"
        for name, c, p, o, e in zip(*(table[n] for n in columns), strict=True)
    ]


_HARMONISED = (
    "beta_exposure", "standard_error_exposure", "beta_outcome", "standard_error_outcome",
)  # fmt: skip


def read_harmonised(path: Path, ld: Path | None = None) -> MrPair:
    """Read a table of instruments that is harmonised already.

    Parameters
    ----------
    path : ``snp beta_exposure standard_error_exposure beta_outcome standard_error_outcome``;
        optionally ``n_exposure`` and ``n_outcome``, and more exposures as ``beta_exposure.NAME``
        and ``standard_error_exposure.NAME``.
    ld : matrix of correlations r with the names of the instruments in its header, in the same
        order.

    Raises
    ------
    InputError
        A column is missing, a number is none, an instrument stands twice, or the matrix is of
        another order.
    """
    text = TextTable.open(path)
    header = [name for name in text.header if name]
    if absent := [n for n in ("snp", *_HARMONISED) if n not in header]:
        raise InputError(
            f"{path}: expected harmonised effects with the columns snp, {', '.join(_HARMONISED)}; "
            f"no {', '.join(absent)}"
        )
    others = [n.partition(".")[2] for n in header if n.startswith("beta_exposure.")]
    more = [f"{part}.{n}" for n in others for part in ("beta_exposure", "standard_error_exposure")]
    if absent := [n for n in more if n not in header]:
        raise InputError(f"{path}: expected a standard error for each exposure; no {absent[0]}")
    sizes = [n for n in ("n_exposure", "n_outcome") if n in header]
    types = {"snp": pa.string()} | {n: pa.float64() for n in (*_HARMONISED, *more, *sizes)}
    parts = [text.columns(lines, types).to_pandas() for lines in text.pieces()]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(types))
    if (again := table["snp"].duplicated()).any():
        raise InputError(
            f"{path}: expected each instrument once; {', '.join(table['snp'][again][:5])} stand "
            "again"
        )
    beta_x, se_x, beta_y, se_y = (table[n].to_numpy(dtype=np.float64) for n in _HARMONISED)
    data = Harmonised(beta_x, se_x, beta_y, se_y, tuple(table["snp"]))
    n_x, n_y = (
        float(table[n].median()) if n in table else np.nan for n in ("n_exposure", "n_outcome")
    )
    shown = table.assign(
        exposure="exposure", outcome="outcome", f=(data.beta_x / data.se_x) ** 2, used=True,
        reason="",
    )  # fmt: skip
    return MrPair(
        "exposure", "outcome", data, n_x, n_y, shown, ld=None if ld is None else _ld(ld, data),
        others={
            n: (table[f"beta_exposure.{n}"].to_numpy(dtype=np.float64),
                table[f"standard_error_exposure.{n}"].to_numpy(dtype=np.float64))
            for n in others
        },
    )  # fmt: skip


def _ld(path: Path, data: Harmonised) -> FloatArray:
    text = TextTable.open(path)
    names = [name for name in text.header if name in set(data.names)]
    if len(names) != len(data) and len(text.header) not in (len(data), len(data) + 1):
        raise InputError(
            f"{path}: expected a matrix of the {len(data)} instruments, its header has "
            f"{len(text.header)} columns"
        )
    if tuple(names) != data.names:
        filled = [*names, *[""] * len(data)]
        wrong = next(a for a, b in zip(data.names, filled, strict=False) if a != b)
        raise InputError(
            f"{path}: expected the instruments' names in the order of the table as the header of "
            f"the matrix; {wrong} is missing or out of order"
        )
    parts = [
        text.columns(lines, dict.fromkeys(names, pa.float64())).to_pandas()
        for lines in text.pieces()
    ]
    matrix = pd.concat(parts).to_numpy(dtype=np.float64) if parts else np.zeros((0, 0))
    if matrix.shape != (len(data), len(data)):
        raise UsageError(f"{path}: expected {len(data)} rows of LD, got {len(matrix)}")
    return matrix
