"""Chromosomes as numbers, reference builds, and the regions of X that behave like autosomes.

Chromosomes are coded as in GWAS-SSF: 1-22, 23 = X, 24 = Y, 25 = mitochondrial. PLINK's own
codes (25 = XY, 26 = MT) are translated on reading.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Build = Literal["GRCh37", "GRCh38"]
BUILDS: tuple[str, ...] = get_args(Build)

X, Y, MT = 23, 24, 25
AUTOSOMES = range(1, 23)

_LABELS = {**{i: str(i) for i in range(1, 23)}, X: "X", Y: "Y", MT: "MT"}

#: Spellings of a chromosome without any ``chr`` prefix -> code; PLINK numbers included.
_CODES = {
    **{str(i): i for i in range(1, 23)},
    **{f"0{i}": i for i in range(1, 10)},
    "0X": X,
    "0Y": Y,
    "0M": MT,
    "X": X,
    "23": X,
    "XY": X,
    "25": X,
    "PAR1": X,
    "PAR2": X,
    "X_PAR1": X,
    "X_PAR2": X,
    "Y": Y,
    "24": Y,
    "MT": MT,
    "M": MT,
    "26": MT,
}

#: Chromosome lengths in bp (Genome Reference Consortium assembly reports, p13 and p14).
LENGTHS_BP: dict[str, dict[int, int]] = {
    "GRCh37": dict(
        zip(
            range(1, 26),
            (
                249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663,
                146364022, 141213431, 135534747, 135006516, 133851895, 115169878, 107349540,
                102531392, 90354753, 81195210, 78077248, 59128983, 63025520, 48129895,
                51304566, 155270560, 59373566, 16569,
            ),
            strict=True,
        )
    ),
    "GRCh38": dict(
        zip(
            range(1, 26),
            (
                248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973,
                145138636, 138394717, 133797422, 135086622, 133275309, 114364328, 107043718,
                101991189, 90338345, 83257441, 80373285, 58617616, 64444167, 46709983,
                50818468, 156040895, 57227415, 16569,
            ),
            strict=True,
        )
    ),
}  # fmt: skip

#: No position lies beyond this (the longest chromosome has 249 Mb; 28 bits hold a position).
MAX_POSITION_BP = (1 << 28) - 1

#: Pseudo-autosomal regions of X, 1-based and inclusive (Genome Reference Consortium).
PAR_X_BP: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "GRCh37": ((60001, 2699520), (154931044, 155260560)),
    "GRCh38": ((10001, 2781479), (155701383, 156030895)),
}


def chromosome_code(name: str) -> int | None:
    """The code of a chromosome as files spell it, or None where it is none of 1-22, X, Y, MT.

    ``chr`` prefixes and letter case do not matter: ``chrX``, ``x``, ``23`` and PLINK's ``25``
    (the pseudo-autosomal part) are all 23; ``26``, ``chrM`` and ``MT`` are 25. So are spreadsheets'
    ``7.0`` and RefSeq's accessions, such as ``NC_000007.13``.

    >>> chromosome_code("chr7"), chromosome_code("XY"), chromosome_code("26")
    (7, 23, 25)
    >>> chromosome_code("7.0"), chromosome_code("NC_000024.9"), chromosome_code("77")
    (7, 24, None)
    """
    text = name.strip()
    if text.startswith("NC_"):
        return _accession_code(text)
    if text[:3].lower() == "chr":
        text = text[3:]
    return _CODES.get(text.removesuffix(".0").upper())


def _accession_code(name: str) -> int | None:
    """The code of one of RefSeq's accessions: NC_000001.11 to NC_000024.10, or NC_012920.1."""
    if name.startswith("NC_012920."):
        return MT
    number = name.removeprefix("NC_0000").partition(".")[0]
    return int(number) if number.isdecimal() and 1 <= int(number) <= Y else None


def chromosome_label(code: int) -> str:
    """The usual name: 23 -> ``X``."""
    return _LABELS[code]


def hail_contig(code: int, build: str) -> str:
    """The contig name Hail's reference genome uses: ``7`` on GRCh37, ``chr7`` on GRCh38."""
    if build == "GRCh37":
        return _LABELS[code]
    return "chrM" if code == MT else f"chr{_LABELS[code]}"


def locus_key(chromosome: npt.ArrayLike, position_bp: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """(m,) one whole number for each locus, ascending along the genome.

    Parameters
    ----------
    chromosome, position_bp : (m,) integers; codes as in this module, 1-based positions.

    >>> locus_key([1, 2], [5, 5]).tolist() == [(1 << 32) + 5, (2 << 32) + 5]
    True
    """
    return (np.asarray(chromosome, dtype=np.int64) << 32) + np.asarray(position_bp, dtype=np.int64)


def in_x_non_par(
    chromosome: npt.NDArray[np.integer], position_bp: npt.NDArray[np.integer], build: str
) -> npt.NDArray[np.bool_]:
    """Which variants lie on X outside the pseudo-autosomal regions, where men carry one copy.

    Parameters
    ----------
    chromosome, position_bp : (m,) integers; codes as in this module, 1-based positions.
    build : ``GRCh37`` or ``GRCh38``.
    """
    inside = np.zeros(len(chromosome), dtype=bool)
    for start, end in PAR_X_BP[build]:
        inside |= (position_bp >= start) & (position_bp <= end)
    return (np.asarray(chromosome) == X) & ~inside
