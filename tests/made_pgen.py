"""PGEN filesets written by pgenlib, PLINK 2's own library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest


def write_tables(
    prefix: Path,
    places: Sequence[tuple[str, int]],
    sex: Sequence[int],
    *,
    alts: Sequence[str] | None = None,
) -> None:
    """``prefix.pvar`` with IDs v0, v1, ..., and ``prefix.psam`` with samples i0, i1, ..."""
    alts = ["G"] * len(places) if alts is None else alts
    rows = [
        f"{c}\t{at}\tv{i}\tA\t{alt}\n"
        for i, ((c, at), alt) in enumerate(zip(places, alts, strict=True))
    ]
    prefix.with_suffix(".pvar").write_text("#CHROM\tPOS\tID\tREF\tALT\n" + "".join(rows))
    spelt = {0: "NA", 1: "1", 2: "2"}
    people = "".join(f"i{i}\t{spelt[int(s)]}\n" for i, s in enumerate(sex))
    prefix.with_suffix(".psam").write_text("#IID\tSEX\n" + people)


def write_pgen(prefix: Path, G: np.ndarray, *, dosages: bool = False) -> None:
    """``prefix.pgen`` of (m, n) copies of ALT, NaN where missing."""
    pgenlib = pytest.importorskip("pgenlib")
    m, n = G.shape
    path = str(prefix.with_suffix(".pgen")).encode()
    with pgenlib.PgenWriter(
        path, n, variant_ct=m, nonref_flags=False, dosage_present=dosages
    ) as writer:
        for row in G:
            copies = np.where(np.isnan(row), -9, row)
            if dosages:
                writer.append_dosages(copies.astype(np.float32))
            else:
                writer.append_biallelic(copies.astype(np.int8))
