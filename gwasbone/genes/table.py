"""A table of genes on one reference build."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from gwasbone.display import Shown
from gwasbone.genome import chromosome_label

#: Columns of a table of genes. ``strand`` is ``+``, ``-``, or empty where the file does not say.
GENE_COLUMNS = {
    "chromosome": "int16",
    "start_bp": "int64",
    "end_bp": "int64",
    "strand": "object",
    "name": "object",
    "biotype": "object",
}
EXON_COLUMNS = {"gene": "int64", "start_bp": "int64", "end_bp": "int64"}


def _no_exons() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in EXON_COLUMNS.items()})


@dataclass(frozen=True, repr=False)
class Genes(Shown):
    """Genes with their positions.

    Parameters
    ----------
    table : one row per gene, sorted by place: ``chromosome`` (codes of :mod:`gwasbone.genome`),
        ``start_bp`` and ``end_bp`` (1-based, both included), ``strand`` (``+``, ``-`` or empty),
        ``name``, ``biotype`` (empty where unknown).
    build : ``GRCh37`` or ``GRCh38``.
    source : where they come from, for logs.
    exons : ``gene`` (row of ``table``), ``start_bp``, ``end_bp``; empty where the file has none.
    """

    table: pd.DataFrame
    build: str
    source: str
    exons: pd.DataFrame = field(default_factory=_no_exons)

    def __len__(self) -> int:
        return len(self.table)

    def tss_bp(self) -> np.ndarray:
        """(genes,) where transcription starts: the body's end on the − strand; NaN if unknown."""
        strand = self.table["strand"].to_numpy()
        start = np.where(strand == "-", self.table["end_bp"], self.table["start_bp"]).astype(float)
        return np.where(strand == "", np.nan, start)

    def chosen(self, keep: np.ndarray) -> Genes:
        """Some of the genes, by a mask over the rows of the table, with their exons."""
        rows = np.flatnonzero(keep)
        new = np.full(len(self.table), -1)
        new[rows] = np.arange(len(rows))
        exons = self.exons.assign(gene=new[self.exons["gene"].to_numpy(dtype=np.int64)])
        return replace(
            self,
            table=self.table.iloc[rows].reset_index(drop=True),
            exons=exons[exons["gene"] >= 0].reset_index(drop=True),
        )

    def within(self, chromosome: int, start_bp: int, end_bp: int) -> Genes:
        """The genes that overlap a region, ends included."""
        t = self.table
        keep = (t["chromosome"] == chromosome) & (t["start_bp"] <= end_bp)
        return self.chosen((keep & (t["end_bp"] >= start_bp)).to_numpy())

    def coding(self) -> Genes:
        """The genes that are protein-coding, and those of which the file does not say."""
        return self.chosen(self.table["biotype"].isin(["", "protein_coding"]).to_numpy())

    def describe(self) -> str:
        """Number, build and source, in a few words."""
        codes = self.table["chromosome"].unique()
        where = ", ".join(chromosome_label(int(c)) for c in codes) if len(codes) < 4 else ""
        return f"{len(self):,} genes on {self.build}{f' ({where})' if where else ''}: {self.source}"

    def headline(self) -> str:
        return f"Genes: {len(self.table):,} genes, {self.build}, {self.source}"

    def preview(self) -> pd.DataFrame:
        return self.table
