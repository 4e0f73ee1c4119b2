"""Genes and exons of a GTF file, as Ensembl, GENCODE, RefSeq and UCSC write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from gwasbone.errors import InputError

_COLUMNS = ["chromosome", "source", "feature", "start_bp", "end_bp", "score", "strand", "frame",
            "attributes"]  # fmt: skip
_KEPT = ["chromosome", "feature", "start_bp", "end_bp", "strand", "attributes"]
_KEY = ["gene_id", "chromosome"]
#: Ours -> the attributes that say it, the first that is there.
_ATTRIBUTES = {"name": ("gene_name", "gene"), "biotype": ("gene_type", "gene_biotype")}


def read_gtf(stream: Any, path: str, *, skip_rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genes and their exons.

    Parameters
    ----------
    stream : bytes of the file. path : for messages. skip_rows : comments in front.

    Returns
    -------
    Genes: ``chromosome`` as spelled, ``start_bp``, ``end_bp``, ``strand``, ``name`` (the ID where
    there is none), ``biotype``; of ``gene`` and ``exon`` lines, so that a file without the first
    has its genes too. Exons: ``gene`` (row of the genes), ``start_bp``, ``end_bp``, each once.

    Raises
    ------
    InputError
        No line is of a gene or exon, or one lacks ``gene_id``.
    """
    try:
        parts = [_lines_of(batch) for batch in _batches(stream, skip_rows)]
    except (pa.ArrowInvalid, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: expected the nine columns of GTF: {reason}") from None
    lines = pd.concat(parts, ignore_index=True)
    if lines.empty or lines["gene_id"].isna().any():
        raise InputError(
            f'{path}: expected GTF lines of genes or exons, each with gene_id "..."; is it '
            "GFF3? Convert it, such as with gffread -T"
        )
    return _genes_of(lines)


def _batches(stream: Any, skip_rows: int) -> csv.CSVStreamingReader:
    text = dict.fromkeys(_COLUMNS, pa.string())
    return csv.open_csv(
        stream,
        read_options=csv.ReadOptions(
            column_names=_COLUMNS, skip_rows=skip_rows, block_size=16 << 20
        ),
        parse_options=csv.ParseOptions(
            delimiter="\t",
            quote_char=False,
            # RefSeq ends its files with a comment
            invalid_row_handler=lambda row: "skip" if row.text.startswith("#") else "error",
        ),
        convert_options=csv.ConvertOptions(
            column_types=text | {"start_bp": pa.int64(), "end_bp": pa.int64()},
            include_columns=_KEPT,
        ),
    )


def _lines_of(batch: pa.RecordBatch) -> pd.DataFrame:
    """Genes and exons with their IDs; attributes where a gene is met first, else empty."""
    table = pa.table(batch)
    table = table.filter(pc.is_in(table["feature"], pa.array(["gene", "exon"])))
    gene_id = _attribute(table["attributes"], "gene_id")
    texts = ["chromosome", "feature", "strand"]
    for name in texts:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].dictionary_encode())
    lines = table.drop_columns("attributes").to_pandas()
    lines = lines.assign(gene_id=gene_id.to_pandas()).astype(dict.fromkeys(texts, object))
    first = (~lines.duplicated(_KEY) | (lines["feature"] == "gene")).to_numpy()
    attributes = np.full(len(lines), "", dtype=object)
    attributes[first] = table["attributes"].filter(pa.array(first)).to_pandas()
    return lines.assign(attributes=attributes)


def _attribute(texts: Any, name: str) -> Any:
    """The value of an attribute; null where it is not there."""
    found = pc.extract_regex(texts, rf'(?:^|;)\s*{name} "?(?P<value>[^";]+)"?')
    return pc.struct_field(found, "value")


def _genes_of(lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    lines = lines.assign(_order=lines["feature"] != "gene").sort_values("_order", kind="stable")
    # RefSeq has one ID on X and on Y
    groups = lines.groupby(_KEY, sort=False)
    number = groups.ngroup().to_numpy()
    genes = groups.agg(
        start_bp=("start_bp", "min"), end_bp=("end_bp", "max"), strand=("strand", "first"),
        attributes=("attributes", "first"),
    ).reset_index()  # fmt: skip
    texts = pa.array(genes["attributes"], pa.string())
    for ours, theirs in _ATTRIBUTES.items():
        genes[ours] = pc.coalesce(*(_attribute(texts, t) for t in theirs), "").to_pandas()
    genes["name"] = genes["name"].where(genes["name"] != "", genes["gene_id"])
    exons = lines.assign(gene=number)[lines["feature"] == "exon"]
    exons = exons[["gene", "start_bp", "end_bp"]].drop_duplicates()
    return genes.drop(columns=["gene_id", "attributes"]), exons.reset_index(drop=True)
