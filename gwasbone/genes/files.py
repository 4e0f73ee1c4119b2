"""Read the genes that a user gives: GTF, a table with a header, or NCBI's .gene.loc."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.columns import (
    chromosomes,
    columns_called,
    is_missing,
    plain_name,
    positions,
    refuse_rows,
)
from gwasbone.errors import InputError, UsageError, reading
from gwasbone.genes.bone import build_by_bone_genes
from gwasbone.genes.gtf import read_gtf
from gwasbone.genes.table import GENE_COLUMNS, Genes
from gwasbone.genome import BUILDS, LENGTHS_BP
from gwasbone.text_files import open_unpacked
from gwasbone.text_table import TextTable, head_of

log = logging.getLogger(__name__)

#: What a column of a table may be called, as :func:`plain_name` spells it, with or without
#: ``gene_`` in front; the first that is there. UCSC's txStart is not among them: it counts from 0.
_NAMES = {
    "chromosome": ("chromosome", "chrom", "chr", "seqname", "seqid", "chromosome_name",
                   "chromosome_scaffold_name"),
    "start_bp": ("start_bp", "start", "start_position", "begin"),
    "end_bp": ("end_bp", "end", "end_position", "stop"),
    "strand": ("strand", "orientation"),
    "name": ("symbol", "hgnc_symbol", "external_gene_name", "gene_name", "name", "gene"),
    "id": ("gene_id", "ensembl_gene_id", "stable_id", "ensembl_id", "entrezgene_id", "entrez_id",
           "id"),
    "biotype": ("biotype", "gene_type", "type", "type_of_gene"),
}  # fmt: skip
_NEEDED = ("chromosome", "start_bp", "end_bp", "name")
_STRANDS = {"+": "+", "1": "+", "+1": "+", "-": "-", "-1": "-", "−": "-"}
_ASSEMBLIES = re.compile(r"\b(GRCh37|hg19|GRCh38|hg38)", re.IGNORECASE)


@dataclass(frozen=True)
class _Raw:
    """What a file says: genes as spelled (the index is the line, of a table), exons, comments."""

    table: pd.DataFrame
    exons: pd.DataFrame | None
    header: str


def read_genes(path: str | Path, *, build: str | None = None, coding_only: bool = True) -> Genes:
    """Read the genes of a GTF file, NCBI .gene.loc file or table.

    Parameters
    ----------
    path : plain or gzipped. **GTF** (``gene`` lines, or made of the exons where it has
        none; exons are kept). **NCBI's .gene.loc**: Entrez ID, chromosome, start, end, strand,
        symbol, without a header. **Any table with a header**, by tabs or commas: a chromosome, a
        start, an end and a name, under names such as ``chromosome start end gene``, ``strand``
        and ``biotype`` where there; places are 1-based, both ends included.
    build : ``GRCh37`` (``hg19``) or ``GRCh38`` (``hg38``); by default what the file's header
        names, else where it places the genes known for bone.
    coding_only : leave out what the file does not call protein-coding, where it says.

    Returns
    -------
    Genes sorted by place. Those on other sequences than chromosomes 1-22, X, Y and MT are left
    out, counted in the log.

    Raises
    ------
    InputError
        The file is missing, is none of these, has places that are none, or contradicts ``build``.
    UsageError
        ``build`` is unknown, or not given where the file does not tell.

    Examples
    --------
    >>> table = pd.DataFrame({"chromosome": ["7"], "start": [120969], "end": [120981], "gene": "A"})
    >>> table.to_csv(folder / "genes.tsv", sep="\\t", index=False)
    >>> gb.read_genes(folder / "genes.tsv", build="GRCh37")
    Genes: 1 genes, GRCh37, ...genes.tsv
    """
    named = named_build(build) if build is not None else None
    raw = _read(Path(path))
    genes = _checked(raw, str(path))
    found, why = _build_of(raw.header, genes.table)
    if named and found and named != found:
        raise InputError(
            f"{path}: expected genes on {named}, but {why} {found}: give the gene file of "
            f"{named}, or give --genes-build {found} if that is meant"
        )
    if not (named or found):
        raise UsageError(
            f"{path}: its header and its genes do not state the build: give --genes-build GRCh37 "
            "or GRCh38"
        )
    genes = Genes(genes.table, named or found or "", str(path), genes.exons)
    _refuse_beyond_ends(genes)
    kept = genes.coding() if coding_only else genes
    if not len(kept):
        raise InputError(f"{path}: none of its {len(genes)} genes is protein_coding: --all-genes")
    if len(kept) < len(genes):
        log.info("%s: %d genes that are not protein-coding left out", path, len(genes) - len(kept))
    log.info("genes: %s", kept.describe())
    return kept


def named_build(name: str) -> str:
    """A build by any of its names: ``hg19`` -> ``GRCh37``.

    Raises
    ------
    UsageError
        It is neither GRCh37 nor GRCh38.
    """
    builds = {"grch37": "GRCh37", "hg19": "GRCh37", "grch38": "GRCh38", "hg38": "GRCh38"}
    if name.lower() not in builds:
        raise UsageError(f"build of the genes: expected {' or '.join(BUILDS)}, got {name!r}")
    return builds[name.lower()]


def _read(path: Path) -> _Raw:
    with reading(path, "a GTF file or a table of genes"):
        comments, first, _ = head_of(path)
        header = "\n".join(comments)
        fields = first.split("\t")
        if len(fields) == 9 and fields[3].isdigit() and fields[4].isdigit():
            with open_unpacked(path)[0] as stream:
                table, exons = read_gtf(stream, path, skip_rows=len(comments))
            return _Raw(table, exons, header)
        return _Raw(_read_table(path, first, len(comments)), None, header)


def _columns_of(header: tuple[str, ...]) -> dict[str, int]:
    """Our names of the columns of a header -> their places; {} where it is none of genes."""
    short = [plain_name(name).removeprefix("gene_") for name in header]
    found: dict[str, int] = {}
    for ours, names in _NAMES.items():
        there = [i for name in names for h in (header, short) for i in columns_called(h, [name])]
        if there:
            found[ours] = there[0]
    return found if all(name in found for name in _NEEDED) else {}


def _read_table(path: Path, first: str, n_before: int) -> pd.DataFrame:
    """Columns as the file spells them: those of a header, or of NCBI's .gene.loc."""
    fields = first.split()
    if len(fields) == 6 and fields[4] in ("+", "-") and fields[2].isdigit():
        names = ("id", "chromosome", "start_bp", "end_bp", "strand", "name")
        cells = TextTable(path, names, " ", n_before).text()
        return cells.set_axis(names, axis=1)
    table = TextTable.open(path) if len(first.split("\t")) + len(first.split(",")) > 2 else None
    columns = _columns_of(table.header) if table is not None else {}
    if table is None or not columns:
        raise InputError(
            f"{path}: expected a GTF file, NCBI's .gene.loc, or a table whose header names "
            f"chromosome, start, end and gene; got {first.strip()[:80]!r}"
        )
    cells = table.text()
    return pd.DataFrame({ours: cells[place] for ours, place in columns.items()})


def _checked(raw: _Raw, path: str) -> Genes:
    """The columns of a table of genes, sorted, on chromosomes; not yet on a build."""
    said = raw.table
    code = chromosomes(said["chromosome"])
    known = code.notna()
    if not known.any():
        spelled = ", ".join(said["chromosome"].unique()[:3]) or "nothing"
        raise InputError(
            f"{path}: none of its {len(said)} genes lies on a chromosome 1-22, X, Y or MT; the "
            f"chromosomes are spelled like {spelled[:100]}"
        )
    if not known.all():
        log.info("%s: %d genes on other sequences left out", path, int((~known).sum()))
    said, code = said[known], code[known]
    ends = {end: positions(said[end].astype(str)) for end in ("start_bp", "end_bp")}
    refuse_rows(
        path, ~(ends["end_bp"] >= ends["start_bp"]),
        said[["name", "chromosome", "start_bp", "end_bp"]],
        "whole positions with 1 <= start <= end",
    )  # fmt: skip
    table = pd.DataFrame({"chromosome": code, **ends}).assign(
        strand=said["strand"].map(_STRANDS).fillna("") if "strand" in said else "",
        name=_named(said),
        biotype=_biotypes(said["biotype"]) if "biotype" in said else "",
        _row=np.flatnonzero(known),
    )
    table = table.sort_values(["chromosome", "start_bp", "end_bp", "name"], kind="stable")
    # BioMart's tables have a row for each transcript
    table = table.drop_duplicates(list(GENE_COLUMNS)) if raw.exons is None else table
    row = table["_row"].to_numpy()
    kept = table[list(GENE_COLUMNS)].astype(GENE_COLUMNS).reset_index(drop=True)
    genes = Genes(kept, "", path)
    return genes if raw.exons is None else _with_exons(genes, raw.exons, row)


def _named(said: pd.DataFrame) -> pd.Series:
    """Symbols; the gene's ID, or else its locus, where there is none."""
    locus = said["chromosome"] + ":" + said["start_bp"].astype(str)
    names = said["name"]
    for other in ([said["id"]] if "id" in said else []) + [locus]:
        names = names.where(~is_missing(names), other)
    return names


def _biotypes(said: pd.Series) -> pd.Series:
    return said.str.replace("-", "_").where(~is_missing(said), "")


def _with_exons(genes: Genes, exons: pd.DataFrame, row: np.ndarray) -> Genes:
    if exons.empty:
        return genes
    new = np.full(max(int(row.max(initial=-1)), int(exons["gene"].max())) + 1, -1)
    new[row] = np.arange(len(row))
    moved = exons.assign(gene=new[exons["gene"].to_numpy(dtype=np.int64)])
    moved = moved[moved["gene"] >= 0].sort_values(["gene", "start_bp"], ignore_index=True)
    return Genes(genes.table, genes.build, genes.source, moved)


def _build_of(header: str, table: pd.DataFrame) -> tuple[str | None, str]:
    """The build that a file itself tells, and how."""
    named = {named_build(name) for name in _ASSEMBLIES.findall(header)}
    if len(named) == 1:
        return named.pop(), "its header says"
    return build_by_bone_genes(table), "it places known bone genes as on"


def _refuse_beyond_ends(genes: Genes) -> None:
    ends = genes.table["chromosome"].map(LENGTHS_BP[genes.build])
    beyond = genes.table["end_bp"] > ends
    if beyond.any():
        first = genes.table[beyond].iloc[0]
        raise InputError(
            f"{genes.source}: expected genes on {genes.build}, {int(beyond.sum())} end beyond "
            f"their chromosome there, such as {first['name']}: is it another build?"
        )
