"""Genes and exons of a GTF file, as Ensembl, GENCODE, RefSeq and UCSC write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from gwasbone.errors import InputError, failure_reason
from gwasbone.genome import MAX_POSITION_BP
from gwasbone.table_limit import UnpackedSize

_COLUMNS = ["chromosome", "source", "feature", "start_bp", "end_bp", "score", "strand", "frame",
            "attributes"]  # fmt: skip
_KEPT = ["chromosome", "feature", "start_bp", "end_bp", "strand", "attributes"]
#: RefSeq has one gene_id on X and Y; UCSC has one at several loci and on both strands.
_KEY = ["gene_id", "chromosome", "strand"]
#: No human intron is longer (the longest known has 1.2 Mb).
_LONGEST_INTRON_BP = 2_000_000
#: Ours -> the attributes that say it, the first that is there.
_ATTRIBUTES = {"name": ("gene_name", "gene"), "biotype": ("gene_type", "gene_biotype")}


def read_gtf(stream: Any, path: Path, *, skip_rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the genes and exons of a GTF file.

    Parameters
    ----------
    stream : bytes of the file. path : for messages. skip_rows : comments in front.

    Returns
    -------
    Genes: ``chromosome`` as spelled, ``start_bp``, ``end_bp``, ``strand``, ``name`` (the ID where
    there is none), ``biotype``; of ``gene`` and ``exon`` lines, so that a file without the first
    has its genes too. A ``gene_id`` that stands on both strands, or at loci that do not overlap,
    is as many genes of one name. Exons: ``gene`` (row of the genes), ``start_bp``, ``end_bp``,
    each once.

    Raises
    ------
    InputError
        No line is of a gene or exon, one lacks ``gene_id``, or has no positions; or more is kept
        of a compressed file than :mod:`gwasbone.table_limit` allows.

    Notes
    -----
    The locus of a ``gene`` line is its own. Exons outside of those are joined by ``transcript_id``
    (over introns of at most 2 Mb), and transcripts of one gene that overlap are one locus.
    """
    seen: set[str] = set()
    size = UnpackedSize(path)
    try:
        parts = [_lines_of(batch, seen, size) for batch in _batches(stream, skip_rows)]
    except pa.ArrowInvalid as error:
        reason = failure_reason(error)
        raise InputError(f"{path}: expected the nine columns of GTF, got {reason}") from None
    lines = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"gene_id": [None]})
    if lines.empty or lines["gene_id"].isna().any():
        raise InputError(
            f'{path}: expected GTF lines of genes or exons, each with gene_id "..."; is it '
            "GFF3? Convert it, such as with gffread -T"
        )
    start, end = lines["start_bp"], lines["end_bp"]
    wrong = ~((start >= 1) & (end >= start) & (end <= MAX_POSITION_BP))
    if wrong.any():
        first = lines[wrong].iloc[0]
        raise InputError(
            f"{path}: expected 1 <= start <= end, {int(wrong.sum())} lines have another position, "
            f"such as gene_id {first['gene_id']}: {first['start_bp']} to {first['end_bp']}"
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


def _lines_of(batch: pa.RecordBatch, seen: set[str], size: UnpackedSize) -> pd.DataFrame:
    """Genes and exons with their IDs; attributes where a gene is met first, else empty.

    Parameters
    ----------
    seen : IDs that have a ``gene`` line; those of the batch are added. The exons of others have
        their ``transcript_id``.
    size : counts what is kept. Other lines, and the attributes of all but the first of a gene,
        which are most of a file of GENCODE, take no memory.
    """
    table = pa.table(batch)
    table = table.filter(pc.is_in(table["feature"], pa.array(["gene", "exon"])))
    gene_id = _attribute(table["attributes"], "gene_id")
    is_gene = pc.equal(table["feature"], "gene")
    seen.update(gene_id.filter(is_gene).drop_null().unique().to_pylist())
    alone = pc.invert(pc.is_in(gene_id, pa.array(list(seen), pa.string())))
    transcript = np.full(len(table), "", dtype=object)
    if pc.any(alone).as_py():
        transcript[alone.to_numpy()] = (
            _attribute(table["attributes"].filter(alone), "transcript_id").fill_null("").to_pandas()
        )
    texts = ["chromosome", "feature", "strand"]
    for name in texts:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].dictionary_encode())
    lines = table.drop_columns("attributes").to_pandas()
    lines = lines.assign(gene_id=gene_id.to_pandas(), transcript_id=transcript)
    lines = lines.astype(dict.fromkeys(texts, object))
    first = (~lines.duplicated(_KEY) | (lines["feature"] == "gene")).to_numpy()
    attributes = np.full(len(lines), "", dtype=object)
    kept = table["attributes"].filter(pa.array(first))
    size.add(table.drop_columns("attributes").nbytes + gene_id.nbytes + kept.nbytes)
    attributes[first] = kept.to_pandas()
    return lines.assign(attributes=attributes)


def _attribute(texts: Any, name: str) -> Any:
    """The value of an attribute; null where it is not there or empty.

    Attributes in front are passed over whole, so that nothing within quotes is taken for a key.
    """
    value = r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^"';\s][^;\s]*))"""
    found = pc.extract_regex(texts, rf'^(?:(?:[^";]|"[^"]*")*;)*?\s*{name}\s+{value}\s*(?:;|$)')
    kinds = [pc.fill_null(pc.struct_field(found, k), "") for k in ("double", "single", "bare")]
    values = pc.utf8_trim_whitespace(pc.binary_join_element_wise(*kinds, ""))
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def _genes_of(lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    lines = lines.assign(_order=lines["feature"] != "gene")
    lines = lines.sort_values("_order", kind="stable", ignore_index=True)
    lines["gene"] = _loci(lines)
    lines["attributes"] = lines["attributes"].where(lines["attributes"] != "")
    genes = lines.groupby("gene").agg(
        gene_id=("gene_id", "first"), chromosome=("chromosome", "first"),
        start_bp=("start_bp", "min"), end_bp=("end_bp", "max"), strand=("strand", "first"),
        attributes=("attributes", "first"),
    )  # fmt: skip
    # of a gene that is at several loci one line has them
    others = genes.groupby("gene_id")["attributes"].transform("first")
    genes["attributes"] = genes["attributes"].fillna(others).fillna("")
    texts = pa.array(genes["attributes"], pa.string())
    for ours, theirs in _ATTRIBUTES.items():
        found = pc.coalesce(*(_attribute(texts, t) for t in theirs), "")
        genes[ours] = found.to_numpy(zero_copy_only=False)
    genes["name"] = genes["name"].where(genes["name"] != "", genes["gene_id"])
    exons = lines.loc[lines["feature"] == "exon", ["gene", "start_bp", "end_bp"]].drop_duplicates()
    return genes.drop(columns=["gene_id", "attributes"]), exons.reset_index(drop=True)


def _loci(lines: pd.DataFrame) -> np.ndarray:
    """(lines,) the number of each line's locus, in the order in which genes are met."""
    group = lines.groupby(_KEY, sort=False).ngroup().to_numpy()
    start, end = (lines[name].to_numpy() for name in ("start_bp", "end_bp"))
    part = _parts(lines, group, start, end)
    # parts of one gene that overlap are one locus
    parts = pd.DataFrame({"part": part, "group": group, "start": start, "end": end})
    parts = parts.groupby("part").agg(
        group=("group", "first"), start=("start", "min"), end=("end", "max")
    )
    parts = parts.sort_values(["group", "start"], kind="stable")
    reached = parts.groupby("group")["end"].cummax().shift()
    new = (parts["group"] != parts["group"].shift()) | (parts["start"] > reached)
    number = pd.Series(np.cumsum(new) - 1, index=parts.index)
    return number.loc[part].to_numpy()


def _parts(
    lines: pd.DataFrame, group: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """(lines,) numbers of the parts that belong together: gene lines with exons, transcripts."""
    n = len(lines)
    is_gene = (lines["feature"] == "gene").to_numpy()
    part = np.where(is_gene, np.arange(n), -1)
    genes = np.flatnonzero(is_gene)
    n_of = np.bincount(group[genes], minlength=group.max() + 1)
    of_group = np.full(len(n_of), -1)
    of_group[group[genes]] = genes
    # nearly all genes have one line
    mine = of_group[group]
    within = ~is_gene & (mine >= 0) & (n_of[group] == 1)
    within &= (start >= start[mine]) & (end <= end[mine])
    part[within] = mine[within]
    for row in np.flatnonzero(~is_gene & (n_of[group] > 1)):
        there = genes[group[genes] == group[row]]
        there = there[(start[there] <= start[row]) & (end[there] >= end[row])]
        part[row] = there[0] if len(there) else -1
    left = np.flatnonzero(part < 0)
    if len(left):
        some = lines.iloc[left].assign(group=group[left], row=left)
        some = some.sort_values(["group", "transcript_id", "start_bp"], kind="stable")
        same = (some[["group", "transcript_id"]] == some[["group", "transcript_id"]].shift()).all(
            axis=1
        )
        far = some["start_bp"] - some["end_bp"].shift() > _LONGEST_INTRON_BP
        part[some["row"]] = n + np.cumsum(~same | far)
    return part
