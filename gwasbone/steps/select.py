"""Lead blocks of one or several scans as one table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.association.selection import lead_blocks
from gwasbone.association.ssf import read_ssf
from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.genome import chromosome_label


def select_from_files(
    paths: list[Path], *, p_threshold: float, block_bp: int, max_blocks: int
) -> pd.DataFrame:
    """Lead blocks of GWAS-SSF files, a column ``trait`` (from the file name) in front.

    Raises
    ------
    InputError
        A file is missing or no GWAS-SSF.
    """
    parts = []
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected a GWAS-SSF file (.tsv.gz)")
        leads = lead_blocks(
            read_ssf(path), p_threshold=p_threshold, block_bp=block_bp, max_blocks=max_blocks
        )
        leads.insert(0, "trait", trait_of(path))
        parts.append(leads)
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def trait_of(path: Path) -> str:
    """The trait in a file name such as ``PREFIX.TRAIT.tsv.gz``."""
    return path.name.removesuffix(".gz").removesuffix(".tsv").rsplit(".", 1)[-1]


def write_leads(leads: pd.DataFrame, path: Path) -> None:
    """Write leads as a table, chromosomes by the names people read."""
    shown = leads.assign(chromosome=[chromosome_label(int(c)) for c in leads["chromosome"]])
    with atomic_path(path) as temporary:
        shown.to_csv(temporary, sep="\t", index=False, na_rep="NA", float_format="%.6g")
