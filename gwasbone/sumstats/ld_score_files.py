"""LD scores in LDSC's files: ``PREFIX.l2.ldscore.gz`` and ``PREFIX.l2.M_5_50``."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code, locus_key

SCORES, COUNTS = ".l2.ldscore.gz", ".l2.M_5_50"


@dataclass(frozen=True)
class LdScores:
    """LD scores of variants, by place.

    Parameters
    ----------
    chromosome, position_bp : (m,) autosomes only, sorted.
    ld_score : (m,) each above −∞; NaN never.
    m_ld : M, the variants with MAF above 5 % that scores were summed over.
    source : where they come from, in words.
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


def read_ld_scores(folder: Path) -> LdScores:
    """All LD scores of a folder, such as ``eur_w_ld_chr/`` with a file per chromosome.

    Parameters
    ----------
    folder : holds ``*.l2.ldscore.gz`` (columns CHR, SNP, BP, L2; chromosomes as 1 or chr1, those
        that are no autosomes are left out) and an ``.l2.M_5_50`` beside each.

    Raises
    ------
    InputError
        The folder has none, a file lacks a column or holds what is no number, or a count is
        missing or not above 0.
    """
    paths = sorted(folder.glob(f"*{SCORES}"))
    if not paths:
        raise InputError(f"{folder}: expected LD scores as *{SCORES}, found none")
    parts, m_ld = [], 0.0
    for path in paths:
        count = path.with_name(path.name.removesuffix(SCORES) + COUNTS)
        try:
            table = pd.read_csv(path, sep=r"\s+", usecols=["CHR", "BP", "L2"], dtype={"CHR": str})
            numbers = {name: pd.to_numeric(table[name]) for name in ("BP", "L2")}
            here = float(count.read_text().split()[0])
        except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
            reason = str(error).splitlines()[0] if str(error) else "an empty file"
            raise InputError(
                f"{path}: expected columns CHR, BP and L2, and one number in {count.name}; got "
                f"{reason}"
            ) from error
        if not 0 < here < np.inf:
            raise InputError(f"{count}: expected a number of variants above 0, got {here:g}")
        m_ld += here
        codes = {name: chromosome_code(str(name)) or 0 for name in table["CHR"].unique()}
        parts.append(pd.DataFrame({"CHR": table["CHR"].map(codes), **numbers}).dropna())
    every = pd.concat(parts, ignore_index=True)
    return LdScores.of(
        every["CHR"], every["BP"].astype(np.int64), every["L2"], m_ld=m_ld, source=str(folder)
    )
