"""The hard calls of a cohort as PLINK .bed, .bim and .fam, whatever the genotypes are kept in."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import chromosome_label

log = logging.getLogger(__name__)

_BED_MAGIC = b"\x6c\x1b\x01"


def write_bed(cohort: Cohort, prefix: str | Path) -> None:
    """Write the retained samples and variants to ``prefix.bed``, ``.bim`` and ``.fam``.

    A1 is ALT. Variants are sorted by locus, X is written as 23, Y as 24, MT as 26, as in PLINK.
    Calls are written as they are filed: heterozygous calls of men on X stay. Dosages become the
    nearest calls, missing where they are further than 0.1 from one, or the most probable ones of
    a BGEN file; a warning says so.

    Parameters
    ----------
    prefix : of the files. They are written as they come: see
        :func:`gwasbone.files.staged_outputs` for files that appear together.

    Raises
    ------
    InputError
        IDs that a .fam cannot hold.
    UsageError
        The genotypes cannot be read in blocks; see :meth:`gwasbone.cohort.model.Cohort.export`.

    Examples
    --------
    >>> from gwasbone.cohort.convert import write_bed
    >>> write_bed(gb.example_cohort(), folder / "copy")
    >>> gb.read_genotypes(bfile=folder / "copy", build="GRCh37")
    Cohort: 300 samples, 400 variants, GRCh37, PLINK .bed
    """
    people = cohort.people.kept_table()
    blank = people["fid"].str.contains(r"\s|^$") | people["iid"].str.contains(r"\s|^$")
    if blank.any():
        raise InputError(
            f"expected sample and family IDs without blanks, got {people.index[blank][0]!r} (in "
            f"all {int(blank.sum())}): rename them; a .fam is separated by blanks"
        )
    if cohort.source.capabilities.dosages:
        log.warning("%s: a .bed holds calls alone: the dosages are lost", cohort.source.describe())
    if not cohort.source.capabilities.blocks:
        raise UsageError(
            f"{cohort.source.describe()}: write block files of a MatrixTable in Python, with "
            "cohort.export(PATH)"
        )
    variants = cohort.variants.kept_table()
    reader = cohort.source.calls(cohort.participants, as_filed=True)
    with open(f"{prefix}.bed", "wb") as bed:
        bed.write(_BED_MAGIC)
        for block in reader.blocks(variants):
            words = reader.read(block.variants)
            bed.write(_rows(words.view(np.uint8), reader.columns.slots))
    bim = variants.assign(cm=0, code=variants["chromosome"].map(_plink_code))
    columns = ["code", "source_id", "cm", "base_pair_location", "alt", "ref"]
    bim[columns].to_csv(f"{prefix}.bim", sep="\t", header=False, index=False, na_rep=".")
    fam = people.assign(father=0, mother=0, phenotype=-9)
    columns = ["fid", "iid", "father", "mother", "sex", "phenotype"]
    fam[columns].to_csv(f"{prefix}.fam", sep="\t", header=False, index=False)


def _plink_code(code: int) -> str:
    return "26" if chromosome_label(code) == "MT" else str(code)


def _rows(packed: npt.NDArray[np.uint8], slots: npt.NDArray[np.intp]) -> bytes:
    """(m, bytes) rows of the participants in these slots, without gaps, as bytes of a .bed."""
    n = len(slots)
    width = (n + 3) // 4
    if (slots == np.arange(n)).all():
        rows = packed[:, :width].copy()
        if n % 4:
            rows[:, -1] &= np.uint8((1 << (2 * (n % 4))) - 1)
        return rows.tobytes()
    codes = np.zeros((len(packed), 4 * width), np.uint8)
    codes[:, :n] = (packed[:, slots // 4] >> (2 * (slots % 4)).astype(np.uint8)) & 3
    fours = codes.reshape(len(packed), width, 4)
    return (
        (fours[..., 0] | fours[..., 1] << 2 | fours[..., 2] << 4 | fours[..., 3] << 6)
        .astype(np.uint8)
        .tobytes()
    )
