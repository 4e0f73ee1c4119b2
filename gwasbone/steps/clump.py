"""Clumps of a scan as a file."""

from __future__ import annotations

from pathlib import Path

from gwasbone.association.clump import Clumps
from gwasbone.files import atomic_path
from gwasbone.genome import chromosome_label


def write_clumps(clumps: Clumps, path: Path) -> None:
    """Write one clump a line, chromosomes by the names people read; NA where no member is."""
    table = clumps.table.assign(
        chromosome=[chromosome_label(int(c)) for c in clumps.table["chromosome"]],
        members=clumps.table["members"].where(clumps.table["n_members"] > 0, "NA"),
    )
    with atomic_path(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
