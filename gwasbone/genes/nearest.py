"""Which genes lie near variants.

Intervals are searched with PyRanges. A variant is the one base at its position, whatever the
length of its alleles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import UsageError
from gwasbone.genes.table import Genes

#: What is said of a gene near a variant.
NEAR_COLUMNS = ("gene", "name", "strand", "distance_to_gene_bp", "distance_to_tss_bp")


def nearest_genes(
    genes: Genes, chromosome: npt.ArrayLike, position_bp: npt.ArrayLike
) -> pd.DataFrame:
    """Find the nearest gene of each variant, by the distance to the gene body.

    Genes at the same distance (a variant inside several) are told apart by the distance to the
    start of transcription (genes of unknown strand last), then by place, then by name.

    Parameters
    ----------
    genes : where genes lie, on the variants' build.
    chromosome, position_bp : (m,) codes and 1-based positions of the variants.

    Returns
    -------
    (m) rows: ``gene`` (row of ``genes.table``, −1 where the chromosome has none), ``name``,
    ``strand`` (empty where unknown), ``distance_to_gene_bp`` (0 inside, else to the nearer end of
    the body) and ``distance_to_tss_bp``, counted in the direction of transcription: negative
    upstream of the start, positive downstream. Distances are NaN where there is no gene, or no
    strand.

    References
    ----------
    Stovner & Sætrom (2020), Bioinformatics 36:918 (PyRanges).
    """
    query = _variants(chromosome, position_bp)
    # PyRanges (0.1.7) finds one nearest gene; its k_nearest, which would find all of a tie, leaves
    # out some variants. So: how far the nearest is, then all that come as near.
    one = _near(genes, query, _pairs(query, genes, lambda q, g: q.nearest(g, strandedness=False)))
    pairs = _overlapping(_widened(query.iloc[one["query"]], one["distance_to_gene_bp"]), genes)
    told = _near(genes, query, pairs)
    best = told.sort_values(["query", *_RANK], kind="stable").drop_duplicates("query")
    return _filled(best.set_index("query").reindex(range(len(query))))


def genes_in_windows(
    genes: Genes,
    chromosome: npt.ArrayLike,
    position_bp: npt.ArrayLike,
    *,
    window_bp: int = 500_000,
) -> pd.DataFrame:
    """Find all genes whose body is within a window around each variant, nearest first.

    Parameters
    ----------
    genes, chromosome, position_bp : as in :func:`nearest_genes`.
    window_bp : greatest distance between variant and body, itself inside.

    Returns
    -------
    One row per variant and gene: ``query`` (row of the variant) and the columns of
    :func:`nearest_genes`, sorted by variant and, within it, by that function's rule.

    Raises
    ------
    UsageError
        ``window_bp`` is negative.
    """
    if window_bp < 0:
        raise UsageError(f"window of genes: expected 0 bp or more, got {window_bp}")
    query = _variants(chromosome, position_bp)
    pairs = _overlapping(_widened(query, window_bp), genes)
    return _near(genes, query, pairs).sort_values(
        ["query", *_RANK], kind="stable", ignore_index=True
    )[["query", *NEAR_COLUMNS]]


_RANK = ["distance_to_gene_bp", "_to_tss", "_start", "name"]


def _variants(chromosome: npt.ArrayLike, position_bp: npt.ArrayLike) -> pd.DataFrame:
    position = np.asarray(position_bp, dtype=np.int64)
    codes = np.asarray(chromosome, dtype=np.int64)
    return pd.DataFrame({"chromosome": codes, "start_bp": position, "end_bp": position})


def _widened(query: pd.DataFrame, by_bp: Any) -> pd.DataFrame:
    by = np.asarray(by_bp, dtype=np.int64)
    start = np.maximum(query["start_bp"].to_numpy() - by, 1)
    return query.assign(start_bp=start, end_bp=query["end_bp"].to_numpy() + by)


def _overlapping(query: pd.DataFrame, genes: Genes) -> pd.DataFrame:
    return _pairs(
        query, genes, lambda q, g: q.join(g, strandedness=False, apply_strand_suffix=False)
    )


def _ranges(table: pd.DataFrame, name: str) -> Any:
    """A table's intervals as PyRanges, 0-based and half open; a column holds the rows' index."""
    # half a second to import: only where genes are asked for
    import pyranges

    return pyranges.PyRanges(
        pd.DataFrame(
            {
                "Chromosome": table["chromosome"].to_numpy().astype(str),
                "Start": table["start_bp"].to_numpy(dtype=np.int64) - 1,
                "End": table["end_bp"].to_numpy(dtype=np.int64),
                name: table.index.to_numpy(),
            }
        )
    )


def _pairs(query: pd.DataFrame, genes: Genes, search: Callable[[Any, Any], Any]) -> pd.DataFrame:
    """The rows of variants and genes that a search finds together."""
    found = pd.DataFrame()
    if len(query) and len(genes):
        found = search(_ranges(query, "query"), _ranges(genes.table, "gene")).df
    if found.empty:
        return pd.DataFrame({"query": np.zeros(0, np.int64), "gene": np.zeros(0, np.int64)})
    return found[["query", "gene"]].astype(np.int64)


def _near(genes: Genes, query: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs with distances, and what they are ranked by."""
    rows = pairs["gene"].to_numpy()
    of_gene = genes.table.iloc[rows]
    position = query["start_bp"].to_numpy()[pairs["query"].to_numpy()]
    before = of_gene["start_bp"].to_numpy() - position
    after = position - of_gene["end_bp"].to_numpy()
    strand = of_gene["strand"].to_numpy()
    to_tss = (position - genes.tss_bp()[rows]) * np.where(strand == "-", -1, 1)
    return pd.DataFrame(
        {
            "query": pairs["query"].to_numpy(),
            "gene": rows,
            "name": of_gene["name"].to_numpy(),
            "strand": strand,
            "distance_to_gene_bp": np.maximum(0, np.maximum(before, after)).astype(float),
            "distance_to_tss_bp": to_tss + 0.0,
            "_to_tss": np.where(np.isnan(to_tss), np.inf, np.abs(to_tss)),
            "_start": of_gene["start_bp"].to_numpy(),
        }
    )


def _filled(best: pd.DataFrame) -> pd.DataFrame:
    """One row per variant, those without a gene marked as such."""
    filled = best.reset_index(drop=True)[list(NEAR_COLUMNS)]
    return filled.assign(
        gene=filled["gene"].fillna(-1).astype(np.int64),
        name=filled["name"].fillna(""),
        strand=filled["strand"].fillna(""),
    )
