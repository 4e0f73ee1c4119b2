"""LD scores in LDSC's files: ``PREFIX.l2.ldscore.gz`` and ``PREFIX.l2.M_5_50``."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gwasbone.columns import chromosomes, refuse_rows
from gwasbone.errors import InputError, reading
from gwasbone.genome import AUTOSOMES, MAX_POSITION_BP, chromosome_label, locus_key
from gwasbone.text_files import within_limit
from gwasbone.text_table import TextTable

log = logging.getLogger(__name__)

SCORES, COUNTS = ".l2.ldscore.gz", ".l2.M_5_50"


@dataclass(frozen=True)
class LdScores:
    """LD scores of variants, by position.

    Parameters
    ----------
    chromosome, position_bp : (m,) autosomes only, sorted.
    ld_score : (m,) each above −∞; NaN never.
    m_ld : M, the variants with MAF above 5 % that scores were summed over.
    source : description of the source of the scores.
    """

    chromosome: npt.NDArray[np.int64]
    position_bp: npt.NDArray[np.int64]
    ld_score: npt.NDArray[np.float64]
    m_ld: float
    source: str

    def __len__(self) -> int:
        return len(self.ld_score)

    @classmethod
    def of(
        cls,
        chromosome: npt.ArrayLike,
        position_bp: npt.ArrayLike,
        ld_score: npt.ArrayLike,
        *,
        m_ld: float,
        source: str,
    ) -> LdScores:
        """Sorted, places with several variants and scores that are missing left out."""
        place = locus_key(chromosome, position_bp)
        score = np.asarray(ld_score, dtype=np.float64)
        once = ~pd.Series(place).duplicated(keep=False).to_numpy()
        usable = np.flatnonzero(
            once & np.isfinite(score) & (place >> 32 >= 1) & (place >> 32 <= 22)
        )
        order = usable[np.argsort(place[usable], kind="stable")]
        return cls(place[order] >> 32, place[order] & 0xFFFFFFFF, score[order], float(m_ld), source)


def find_ld_scores(folder: Path) -> list[Path]:
    """The files of a folder, or those of one set in it, named by what their names begin with.

    ``eur_w_ld_chr/`` stands for all files in it, ``ld/UKBB.EUR`` for ``ld/UKBB.EUR.l2.ldscore.gz``
    or, as LDSC's ``--ref-ld-chr``, for a file per chromosome (``ld/UKBB.EUR.1.l2.ldscore.gz``).
    """
    if folder.is_dir():
        return sorted(folder.glob(f"*{SCORES}"))
    one = folder.with_name(folder.name + SCORES)
    if one.is_file():
        return [one]
    ending = re.compile(re.escape(folder.name) + r"\.?(?:chr)?(?:\d{1,2}|X)" + re.escape(SCORES))
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    return sorted(path for path in beside if ending.fullmatch(path.name))


def read_ld_scores(folder: Path) -> LdScores:
    """Read the LD scores of a folder or prefix, such as ``eur_w_ld_chr/``.

    Parameters
    ----------
    folder : as in :func:`find_ld_scores`: ``*.l2.ldscore.gz`` (columns CHR, BP, L2; chromosomes
        as 1 or chr1, those that are no autosomes are left out) and an ``.l2.M_5_50`` beside each.

    Raises
    ------
    InputError
        There are none; two files hold the same stretch of a chromosome (several populations, or
        copies), whose counts cannot be summed; a file lacks a column or holds what is no number;
        or a count is missing or not above 0.
    """
    paths = find_ld_scores(folder)
    if not paths:
        raise InputError(f"{folder}: expected LD scores as *{SCORES}, found none")
    parts, m_ld, n_left_out = [], 0.0, 0
    for path in paths:
        table, n = _scores_of(path)
        n_left_out += n
        # the count of a file of X alone is of variants that are not used
        if len(table):
            m_ld += _count_of(path)
            parts.append(table.assign(file=path.name))
    if not parts:
        raise InputError(f"{folder}: expected LD scores of chromosomes 1-22, got none")
    if n_left_out:
        log.info("%s: %d LD scores without a position on an autosome left out", folder, n_left_out)
    _refuse_overlap(folder, parts)
    every = pd.concat(parts, ignore_index=True)
    return LdScores.of(every["CHR"], every["BP"], every["L2"], m_ld=m_ld, source=str(folder))


def _scores_of(path: Path) -> tuple[pd.DataFrame, int]:
    """CHR, BP and L2 of the autosomal variants of a file; and how many rows are not used."""
    types = {"CHR": pa.dictionary(pa.int32(), pa.string()), "BP": pa.float64(), "L2": pa.float64()}
    table = TextTable.open(path)
    if absent := [name for name in types if name not in table.header]:
        raise InputError(
            f"{path}: expected LD scores with columns CHR, BP and L2, got "
            f"{', '.join(table.header[:8])}; no {', '.join(absent)}"
        )
    pieces, line = [], table.n_before + 1
    for lines in within_limit(table.pieces(), path):
        pieces.append(table.columns(lines, types, first_line=line))
        line += len(pieces[-1])
    if not pieces:
        raise InputError(f"{path}: expected LD scores, got a header alone")
    raw = pa.concat_tables(pieces, promote_options="default").to_pandas()
    raw = raw.assign(CHR=chromosomes(raw["CHR"].astype(object).fillna("")))
    raw.index += table.n_before + 1
    position = raw["BP"]
    wrong = position.notna() & ~((position % 1 == 0) & position.between(1, MAX_POSITION_BP))
    refuse_rows(path, wrong, raw[["CHR", "BP"]], "whole positions in bp, 1 or more")
    refuse_rows(path, np.isinf(raw["L2"]), raw[["CHR", "BP", "L2"]], "finite LD scores")
    used = raw["CHR"].between(1, 22) & position.notna() & raw["L2"].notna()
    return raw[used].astype({"CHR": np.int64, "BP": np.int64}), int((~used).sum())


def _count_of(path: Path) -> float:
    """M of a file of LD scores, from the one beside it."""
    count = path.with_name(path.name.removesuffix(SCORES) + COUNTS)
    with reading(count, "the number of variants with MAF above 5 %"):
        found = float(count.read_text().split()[0])
    if not 0 < found < np.inf:
        raise InputError(f"{count}: expected a number of variants above 0, got {found:g}")
    return found


def _refuse_overlap(folder: Path, parts: list[pd.DataFrame]) -> None:
    """Raise where two files hold the same stretch of a chromosome."""
    spans = pd.concat(
        [p.groupby("CHR")["BP"].agg(["min", "max"]).assign(file=p["file"].iloc[0]) for p in parts]
    )
    spans = spans.reset_index().sort_values(["CHR", "min"], kind="stable")
    before = spans.groupby("CHR").shift()
    overlap = spans["min"] <= before["max"]
    if not overlap.any():
        return
    one, other = before[overlap]["file"].iloc[0], spans[overlap]["file"].iloc[0]
    codes = sorted(spans[overlap]["CHR"].unique())
    chromosome = f"chromosome{'s' if len(codes) > 1 else ''} {named_chromosomes(codes)}"
    prefix = re.sub(r"[ .]*\(\d+\)$|\.?\d+$", "", one.removesuffix(SCORES))
    advice = f"name one set by its prefix, such as {folder / prefix}" if prefix else ""
    raise InputError(
        f"{folder}: expected each stretch of the genome in one file of LD scores, but {one} and "
        f"{other} both have {chromosome}: are they of several populations, or copies? "
        + " or ".join(filter(None, ["Remove the copies", advice]))
    )


def named_chromosomes(codes: Iterable[int]) -> str:
    """Chromosomes in a few words.

    >>> named_chromosomes([1, 2, 3, 5, 23])
    '1-3, 5, X'
    """
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and code == runs[-1][-1] + 1 and code <= AUTOSOMES[-1]:
            runs[-1].append(code)
        else:
            runs.append([code])
    ends = [dict.fromkeys((run[0], run[-1])) for run in runs]
    return ", ".join("-".join(chromosome_label(int(code)) for code in end) for end in ends)
