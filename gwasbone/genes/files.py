"""Read the genes that a user gives: GTF, a table with a header, or NCBI's .gene.loc."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from isal import igzip

from gwasbone.errors import InputError, UsageError
from gwasbone.genes.bone import build_by_bone_genes
from gwasbone.genes.gtf import read_gtf
from gwasbone.genes.table import GENE_COLUMNS, Genes
from gwasbone.genome import BUILDS, LENGTHS_BP, chromosome_code

log = logging.getLogger(__name__)

#: What a column of a table may be called, in lower case, with or without ``gene_`` in front; the
#: first that is there. UCSC's txStart is not among them: it counts from 0.
_NAMES = {
    "chromosome": ("chromosome", "chrom", "chr", "seqname", "seqid", "chromosome_name"),
    "start_bp": ("start_bp", "start", "start_position", "begin"),
    "end_bp": ("end_bp", "end", "end_position", "stop"),
    "strand": ("strand", "orientation"),
    "name": ("symbol", "hgnc_symbol", "external_gene_name", "gene_name", "name", "gene"),
    "biotype": ("biotype", "gene_type", "type_of_gene"),
}
_NEEDED = ("chromosome", "start_bp", "end_bp", "name")
_STRANDS = {"+": "+", "1": "+", "+1": "+", "-": "-", "-1": "-", "−": "-"}
_ASSEMBLIES = re.compile(r"\b(GRCh37|hg19|GRCh38|hg38)", re.IGNORECASE)


@dataclass(frozen=True)
class _Raw:
    """What a file says: genes with chromosomes as spelled, exons, and the build in its header."""

    table: pd.DataFrame
    exons: pd.DataFrame | None
    header: str


def read_genes(path: str | Path, *, build: str | None = None, coding_only: bool = True) -> Genes:
    """Genes of a file, on a named build.

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
            f"{named}, or say --genes-build {found} if that is meant"
        )
    if not (named or found):
        raise UsageError(
            f"{path}: its header and its genes do not tell the build: give --genes-build GRCh37 "
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
    try:
        with _opened(path) as handle:
            comments, first = _head(handle)
            fields = first.rstrip("\r\n").split("\t")
            if len(fields) != 9 or not fields[3].isdigit() or not fields[4].isdigit():
                rest = _Lines([first], handle)
                return _Raw(_read_table(first, rest, path), None, "".join(comments))
        with _bytes_of(path) as stream:
            table, exons = read_gtf(stream, str(path), skip_rows=len(comments))
            return _Raw(table, exons, "".join(comments))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: expected a GTF file or a table of genes: {reason}") from None


def _bytes_of(path: Path) -> Any:
    handle = open(path, "rb")  # noqa: SIM115
    packed = handle.read(2) == b"\x1f\x8b"
    handle.seek(0)
    return igzip.IGzipFile(fileobj=handle) if packed else handle


def _opened(path: Path) -> IO[str]:
    return io.TextIOWrapper(_bytes_of(path), encoding="utf-8-sig")


def _head(handle: IO[str]) -> tuple[list[str], str]:
    """The lines of comment or nothing in front, and the first line after them."""
    comments: list[str] = []
    for line in handle:
        # a table's header may begin with # as well
        if line.strip() and not (line.startswith("#") and not ("\t" in line and _header(line))):
            return comments, line
        comments.append(line)
    return comments, ""


class _Lines(io.TextIOBase):
    """A text file with lines put back in front, to read from."""

    def __init__(self, first: list[str], rest: IO[str]) -> None:
        self._first, self._rest = "".join(first), rest

    def read(self, size: int | None = -1) -> str:
        if self._first:
            text, self._first = self._first, ""
            return text
        return self._rest.read(-1 if size is None else size)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        if self._first:
            text, self._first = self._first, ""
            yield text
        yield from self._rest


def _header(line: str) -> dict[str, int]:
    """Our names of the columns of a header -> their places; {} where it is none."""
    words = next(csv.reader([line.lstrip("#").strip()], delimiter=_separator(line)))
    plain = [word.strip().lower().replace(" ", "_") for word in words]
    short = [word.removeprefix("gene_") for word in plain]
    found: dict[str, int] = {}
    for ours, known in _NAMES.items():
        there = [spelled.index(name) for name in known for spelled in (plain, short)
                 if name in spelled]  # fmt: skip
        if there:
            found[ours] = there[0]
    return found if all(name in found for name in _NEEDED) else {}


def _separator(line: str) -> str:
    return "\t" if "\t" in line else ","


def _read_table(first: str, rest: _Lines, path: Path) -> pd.DataFrame:
    """Columns as the file spells them: those of a header, or of NCBI's .gene.loc."""
    columns = _header(first)
    if not columns:
        fields = first.split()
        if len(fields) != 6 or fields[4] not in ("+", "-") or not fields[2].isdigit():
            raise InputError(
                f"{path}: expected a GTF file, NCBI's .gene.loc, or a table whose header names "
                f"chromosome, start, end and gene; got {first.strip()[:80]!r}"
            )
        columns = {"chromosome": 1, "start_bp": 2, "end_bp": 3, "strand": 4, "name": 5}
        raw = pd.read_csv(rest, sep=r"\s+", header=None, dtype=str, keep_default_na=False)
    else:
        raw = pd.read_csv(
            rest, sep=_separator(first), dtype=str, keep_default_na=False, header=0,
            skipinitialspace=True,
        )  # fmt: skip
    return pd.DataFrame({ours: raw.iloc[:, place] for ours, place in columns.items()})


def _checked(raw: _Raw, path: str) -> Genes:
    """The columns of a table of genes, sorted, on chromosomes; not yet on a build."""
    table = raw.table.assign(
        strand=raw.table["strand"].map(_STRANDS).fillna("") if "strand" in raw.table else "",
        biotype=raw.table["biotype"].str.replace("-", "_") if "biotype" in raw.table else "",
    )
    spelled = pd.Index(table["chromosome"].unique())
    code = table["chromosome"].map({name: chromosome_code(accession(name)) for name in spelled})
    for end in ("start_bp", "end_bp"):
        table[end] = pd.to_numeric(table[end], errors="coerce")
    wrong = ~((table["start_bp"] >= 1) & (table["end_bp"] >= table["start_bp"])) & code.notna()
    if wrong.any():
        row = raw.table[wrong].iloc[0]
        raise InputError(
            f"{path}: expected 1 <= start <= end, {int(wrong.sum())} genes have another place, "
            f"such as {row['name']}: {row['start_bp']} to {row['end_bp']}"
        )
    known = code.notna().to_numpy()
    if not known.any():
        raise InputError(
            f"{path}: none of its {len(table)} genes lies on a chromosome 1-22, X, Y or MT; the "
            f"chromosomes are spelled like {', '.join(map(str, spelled[:3])) or 'nothing'}"
        )
    if not known.all():
        log.info("%s: %d genes on other sequences left out", path, int((~known).sum()))
    kept = table[known].assign(chromosome=code[known])[list(GENE_COLUMNS)].astype(GENE_COLUMNS)
    kept = kept.assign(_row=np.flatnonzero(known)).sort_values(
        ["chromosome", "start_bp", "end_bp", "name"], kind="stable"
    )
    genes = Genes(kept.drop(columns="_row").reset_index(drop=True), "", path)
    return genes if raw.exons is None else _with_exons(genes, raw.exons, kept["_row"].to_numpy())


def _with_exons(genes: Genes, exons: pd.DataFrame, row: np.ndarray) -> Genes:
    new = np.full(max(int(row.max(initial=-1)), int(exons["gene"].max())) + 1, -1)
    new[row] = np.arange(len(row))
    moved = exons.assign(gene=new[exons["gene"].to_numpy(dtype=np.int64)])
    moved = moved[moved["gene"] >= 0].sort_values(["gene", "start_bp"], ignore_index=True)
    return Genes(genes.table, genes.build, genes.source, moved)


def accession(name: str) -> str:
    """A chromosome by RefSeq's accession, such as ``NC_000023.10``, else the name as it is."""
    match = re.fullmatch(r"NC_0000(\d\d)\.\d+", name)
    if match and 1 <= int(match[1]) <= 24:
        return {"23": "X", "24": "Y"}.get(match[1], match[1])
    return "MT" if name.startswith("NC_012920") else name


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
