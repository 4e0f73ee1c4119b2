"""Genotypes as classes for a classifier: hard calls, merged classes, and what cannot be learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError, UsageError

FloatArray = npt.NDArray[np.float64]

#: Dosages this near to a whole number are hard calls.
NEAR = 0.1
#: Below this minor-allele frequency a warning is given (Eriksson & Nakamori 2025, §2.6).
RARE = 0.01

RARE_WORDS = (
    "minor-allele frequency below 1 %: in the paper, networks that seemed to learn such genotypes "
    "had overfitted to a handful of participants"
)

Status = Literal["ok", "too_few_in_class", "no_genotypes", "sex_chromosome", "diverged"]

#: Why a variant is not learned, for the log and the page.
STATUSES: dict[Status, str] = {
    "ok": "learned",
    "too_few_in_class": "fewer participants than asked for in the smaller of two classes",
    "no_genotypes": "the table of genotypes has no such column, or no call in it",
    "diverged": "training diverged: give a lower learning rate",
    "sex_chromosome": "men have one copy: a network would learn sex, not the genotype",
}


@dataclass(frozen=True)
class GenotypeLabels:
    """A variant's genotypes in n participants as ordered classes.

    Parameters
    ----------
    copies : (n,) 0, 1 or 2 copies of the effect allele, NaN for no hard call.
    label : (n,) class from 0, NaN likewise.
    classes : copies that each class holds, ``((0,), (1,), (2,))`` or, merged, ``((0,), (1, 2))``.
    counts : people with 0, 1 and 2 copies.
    maf : minor allele frequency of the hard calls.
    n_uncertain : dosages that are no hard call.
    status : one of :data:`STATUSES`; there are labels with ``ok`` only.
    """

    copies: FloatArray
    label: FloatArray
    classes: tuple[tuple[int, ...], ...]
    counts: tuple[int, int, int]
    maf: float
    n_uncertain: int
    status: Status

    @property
    def is_rare(self) -> bool:
        return self.maf < RARE


def hard_calls(dosages: npt.ArrayLike) -> FloatArray:
    """Dosages within 0.1 of a whole number as that number; others, and missing ones, as NaN.

    Raises
    ------
    InputError
        Values outside 0 to 2, which are no copies of an allele.

    Examples
    --------
    >>> hard_calls([0.04, 1.0, 1.5, 1.91])
    array([ 0.,  1., nan,  2.])
    """
    values = np.asarray(dosages, dtype=np.float64)
    outside = (values < -1e-6) | (values > 2 + 1e-6)
    if outside.any():
        raise InputError(
            f"genotypes: expected copies of an allele from 0 to 2, got "
            f"{values[outside][0]:g}: give dosages, not codes"
        )
    whole = np.rint(values)
    # a hair more, so that 0.9 written as a decimal counts
    return np.where(np.abs(values - whole) <= NEAR + 1e-9, np.abs(whole), np.nan)


def genotype_labels(dosages: npt.ArrayLike, *, least: int) -> GenotypeLabels:
    """Classes of a variant.

    The rarer homozygotes are a class of their own where there are at least ``least`` of them, and
    belong to the heterozygotes (carriers) where there are fewer.

    Parameters
    ----------
    dosages : (n,) copies of the effect allele, NaN for missing.
    least : people that a class needs.

    Raises
    ------
    UsageError
        ``least`` below 1.
    InputError
        As :func:`hard_calls`.
    """
    if least < 1:
        raise UsageError(f"participants in a class: expected at least 1, got {least}")
    values = np.asarray(dosages, dtype=np.float64)
    copies = hard_calls(values)
    counts = (int((copies == 0).sum()), int((copies == 1).sum()), int((copies == 2).sum()))
    n = sum(counts)
    frequency = (counts[1] + 2 * counts[2]) / (2 * n) if n else float("nan")
    uncertain = int((np.isnan(copies) & ~np.isnan(values)).sum())

    def made(classes: tuple[tuple[int, ...], ...], status: Status) -> GenotypeLabels:
        label = np.full(len(copies), np.nan)
        for number, members in enumerate(classes):
            label[np.isin(copies, members)] = number
        maf = min(frequency, 1 - frequency)
        return GenotypeLabels(copies, label, classes, counts, maf, uncertain, status)

    if not n:
        return made((), "no_genotypes")
    if min(counts) >= least:
        return made(((0,), (1,), (2,)), "ok")
    classes = ((0,), (1, 2)) if counts[2] <= counts[0] else ((0, 1), (2,))
    if min(sum(counts[c] for c in members) for members in classes) < least:
        return made((), "too_few_in_class")
    return made(classes, "ok")
