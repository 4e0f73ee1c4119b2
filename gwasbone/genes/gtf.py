"""Genes and exons of a GTF file, as Ensembl, GENCODE, RefSeq and UCSC write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError

_COLUMNS = ["chromosome", "feature", "start_bp", "end_bp", "strand", "attributes"]
_LINES_AT_A_TIME = 200_000
_FEATURES = ("gene", "transcript", "exon")
#: Ours -> the attributes that say it, the first that is there.
_ATTRIBUTES = {
    "gene_id": ("gene_id",),
    "name": ("gene_name", "gene"),
    "biotype": ("gene_type", "gene_biotype"),
}


def read_gtf(handle: Any, path: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genes and their exons.

    Parameters
    ----------
    handle : text of the file after its comments. path : for messages.

    Returns
    -------
    Genes: ``chromosome`` as spelled, ``start_bp``, ``end_bp``, ``strand``, ``name`` (the ID where
    there is none), ``biotype``; of ``gene`` lines, and for genes without one, from the first to
    the last base of their transcripts and exons. Exons: ``gene`` (row of the genes), ``start_bp``,
    ``end_bp``, each once.

    Raises
    ------
    InputError
        No line is of a gene, transcript or exon, or one lacks ``gene_id``.
    """
    parts = []
    chunks = pd.read_csv(
        handle, sep="\t", header=None, comment="#", usecols=[0, 2, 3, 4, 6, 8], names=range(9),
        dtype=str, keep_default_na=False, quoting=3, chunksize=_LINES_AT_A_TIME,
    )  # fmt: skip
    try:
        for chunk in chunks:
            chunk.columns = pd.Index(_COLUMNS)
            some = chunk[chunk["feature"].isin(_FEATURES)]
            parts.append(some.drop(columns="attributes").join(_attributes(some["attributes"])))
    except (pd.errors.ParserError, ValueError) as error:
        raise InputError(f"{path}: expected the nine columns of GTF: {error}") from None
    lines = pd.concat(parts, ignore_index=True)
    if lines.empty or (lines["gene_id"] == "").any():
        raise InputError(
            f"{path}: expected GTF lines of genes, transcripts or exons, each with gene_id "
            '"..."; is it GFF3? Convert it, such as with gffread -T'
        )
    for end in ("start_bp", "end_bp"):
        lines[end] = pd.to_numeric(lines[end], errors="coerce")
    return _genes_of(lines)


def _attributes(text: pd.Series) -> pd.DataFrame:
    found = {}
    for ours, theirs in _ATTRIBUTES.items():
        value = pd.Series("", index=text.index)
        for name in theirs:
            inside = text.str.extract(rf'(?:^|;)\s*{name} "?([^";]+)"?', expand=False).fillna("")
            value = value.where(value != "", inside)
        found[ours] = value
    return pd.DataFrame(found)


def _genes_of(lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    # RefSeq has one ID on X and on Y
    key = ["gene_id", "chromosome"]
    of_gene = lines["feature"] == "gene"
    lines = lines.assign(_is_gene=of_gene).sort_values("_is_gene", ascending=False, kind="stable")
    groups = lines.groupby(key, sort=False)
    genes = groups.agg(
        start_bp=("start_bp", "min"), end_bp=("end_bp", "max"), strand=("strand", "first"),
        name=("name", "first"), biotype=("biotype", "first"),
    ).reset_index()  # fmt: skip
    genes["name"] = genes["name"].where(genes["name"] != "", genes["gene_id"])
    number = pd.Series(np.arange(len(genes)), index=pd.MultiIndex.from_frame(genes[key]))
    exons = lines.loc[lines["feature"] == "exon", [*key, "start_bp", "end_bp"]]
    row = number.reindex(pd.MultiIndex.from_frame(exons[key])).to_numpy()
    exons = exons.assign(gene=row)[["gene", "start_bp", "end_bp"]].drop_duplicates()
    return genes.drop(columns="gene_id"), exons.reset_index(drop=True)
