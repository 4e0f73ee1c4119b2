"""The variants of scans below a p-value, out of files too large to be held.

A scan of ten million variants has a few thousand hits. Files are read a piece at a time, of each
piece the column of p-values only; a hit's other columns are taken from its own row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip
from pyarrow import csv

from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.ssf import refuse_absent_columns, table_of_text
from gwasbone.sumstats.table import COLUMNS, KEY, canonical_table

if TYPE_CHECKING:
    import hail as hl

    from gwasbone.association.results import AssociationResults

#: What a scan may come as: a canonical results table, a GWAS-SSF file, a Parquet file of one scan
#: or of many side by side, or a Hail Table keyed by locus and alleles.
Scan = "pd.DataFrame | str | os.PathLike[str] | hl.Table"

_P = "neg_log_10_p_value"
_P_OF_SSF = "neg_log_10_p_value"
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 1 << 24
#: p-values of a Parquet file that are held at a time.
_PIECE_VALUES = 1 << 24

T = TypeVar("T")


@dataclass(frozen=True)
class ScanHits:
    """The variants of a scan that are below a p-value.

    Parameters
    ----------
    trait : the scan.
    table : canonical results table of these variants.
    n_variants : variants of the scan, all of them; None where nobody counted.
    """

    trait: str
    table: pd.DataFrame
    n_variants: int | None


def map_hits(
    scans: AssociationResults | Mapping[str, Any],
    function: Callable[[ScanHits], T],
    *,
    p_threshold: float,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, T]:
    """Apply a function to the hits of each scan; files are read side by side.

    Parameters
    ----------
    scans : results of a run, or trait -> :data:`Scan`. A Parquet file of many traits may stand
        under each of them and is read once.
    function : called in the thread that has read the scan.
    p_threshold : hits are below it.
    threads : files read at the same time; one for each core by default.

    Returns
    -------
    Trait -> what the function gave, in the order of ``scans``.

    Raises
    ------
    UsageError
        No scan, or a threshold that makes no sense.
    InputError
        A file is missing, of another format, or cut short.
    """
    sources = _sources(scans)
    if not sources:
        raise UsageError("expected at least one scan, got none")
    if not 0 < p_threshold <= 1:
        raise UsageError(f"p_threshold: expected a number in (0, 1], got {p_threshold}")
    least = -np.log10(p_threshold)
    jobs = _jobs(sources)
    count = ProgressCount(progress, "reading scans", sum(job.size for job in jobs) or 1)

    def work(job: _Job) -> dict[str, T]:
        found = job.hits(least, count.add)
        return {hits.trait: function(hits) for hits in found}

    of_hail = [job for job in jobs if job.in_order]
    others = [job for job in jobs if not job.in_order]
    done: dict[str, T] = {}
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        running = [pool.submit(work, job) for job in others]
        try:
            for job in of_hail:
                done |= work(job)
            for one in running:
                done |= one.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {trait: done[trait] for trait in sources}


def trait_of(path: Path) -> str:
    """The trait in a file name such as ``PREFIX.TRAIT.tsv.gz``."""
    return path.name.removesuffix(".gz").removesuffix(".tsv").rsplit(".", 1)[-1]


def traits_of(path: str | os.PathLike[str]) -> list[str]:
    """The scans in a file: those of a Parquet file of many, else one, named by the file's name.

    >>> traits_of("results/scan.bmd_total.tsv.gz")
    ['bmd_total']

    Raises
    ------
    InputError
        A Parquet file without results.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        return [trait_of(path)]
    names = _parquet(path).schema_arrow.names
    if _P in names:
        return [path.name.removesuffix(".parquet").rsplit(".", 1)[-1]]
    wide = [name.removesuffix(f".{_P}") for name in names if name.endswith(f".{_P}")]
    if not wide:
        raise InputError(f"{path}: expected a column {_P} or TRAIT.{_P}, has {_some(names)}")
    return wide


@dataclass(frozen=True)
class _Job:
    """Scans that are read together.

    Parameters
    ----------
    size : of the file in bytes, for the progress.
    hits : given the least −log10 p and a counter of bytes.
    in_order : read one after the other, by the calling thread.
    """

    size: int
    hits: Callable[[float, Callable[[int], None]], Iterator[ScanHits]]
    in_order: bool = False


def _sources(scans: AssociationResults | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(scans, Mapping):
        return dict(scans)
    return {trait: scans.file_of(trait) for trait in scans.traits}


def _jobs(sources: Mapping[str, Any]) -> list[_Job]:
    jobs: list[_Job] = []
    wide: dict[Path, list[str]] = {}
    for trait, source in sources.items():
        if isinstance(source, pd.DataFrame):
            jobs.append(_Job(0, _of_frame(trait, source)))
        elif isinstance(source, (str, os.PathLike)):
            path = Path(source)
            if not path.is_file():
                raise InputError(f"{path}: no such file; expected the scan of {trait}")
            if path.suffix == ".parquet":
                wide.setdefault(path, []).append(trait)
            else:
                jobs.append(_Job(path.stat().st_size, _of_ssf(trait, path)))
        elif hasattr(source, "row") and hasattr(source, "key"):
            jobs.append(_Job(0, _of_hail(trait, source), in_order=True))
        else:
            raise UsageError(
                f"scan {trait}: expected a table, a file or a Hail Table, got {type(source)}"
            )
    jobs += [_Job(path.stat().st_size, _of_parquet(traits, path)) for path, traits in wide.items()]
    return jobs


def _of_frame(trait: str, table: pd.DataFrame) -> Any:
    def hits(least: float, count: Callable[[int], None]) -> Iterator[ScanHits]:
        if _P not in table:
            raise InputError(f"scan {trait}: expected a results table with {_P}")
        found = table[table[_P].to_numpy(dtype=float) > least]
        yield ScanHits(trait, canonical_table(found), len(table))

    return hits


def _of_hail(trait: str, table: hl.Table) -> Any:
    def hits(least: float, count: Callable[[int], None]) -> Iterator[ScanHits]:
        from gwasbone.association.hail_hits import hits_of_hail_table

        yield ScanHits(trait, hits_of_hail_table(table, trait, least), None)

    return hits


def _of_ssf(trait: str, path: Path) -> Any:
    def hits(least: float, count: Callable[[int], None]) -> Iterator[ScanHits]:
        yield _ssf_hits(trait, path, least, count)

    return hits


def _ssf_hits(trait: str, path: Path, least: float, count: Callable[[int], None]) -> ScanHits:
    kept: list[bytes] = []
    n = 0
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            # igzip's own file object reads ahead, which `raw.tell` shows
            text = igzip.IGzipFile(fileobj=raw) if packed else raw
            header = text.readline()
            names = header.decode("utf-8").rstrip("\r\n").split("\t")
            refuse_absent_columns(names, path)
            at = 0
            for piece in _whole_lines(text):
                p = _p_values(piece, names)
                found = np.flatnonzero(p > least)
                n += len(p)
                if len(found):
                    kept += _lines(piece, found, len(p))
                count(raw.tell() - at)
                at = raw.tell()
    except (OSError, EOFError, igzip.isal_zlib.error, UnicodeDecodeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: expected a GWAS-SSF table, got {reason}") from error
    if not kept:
        return ScanHits(trait, no_hits(), n)
    source = pa.BufferReader(b"".join([header, *kept]))
    return ScanHits(trait, table_of_text(source, path), n)


def no_hits() -> pd.DataFrame:
    """A canonical results table without rows."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})


def _whole_lines(text: BinaryIO) -> Iterator[bytes]:
    """The rest of a file in pieces that end with a line."""
    rest = b""
    while piece := text.read(_PIECE_BYTES):
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
    if rest:
        yield rest + b"\n"


def _p_values(piece: bytes, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """(lines,) −log10 p, NaN where missing; raises ValueError (pa.ArrowInvalid) where no table."""
    table = csv.read_csv(
        pa.BufferReader(piece),
        read_options=csv.ReadOptions(column_names=list(names), use_threads=False),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            include_columns=[_P_OF_SSF],
            column_types={_P_OF_SSF: pa.float64()},
            null_values=["#NA", "NA", ""],
        ),
    )
    return np.asarray(table[_P_OF_SSF].to_numpy(), dtype=np.float64)


def _lines(piece: bytes, rows: npt.NDArray[np.intp], n: int) -> list[bytes]:
    ends = np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == ord("\n")) + 1
    if len(ends) != n:
        raise ValueError(f"{len(ends)} lines with {n} rows")
    starts = np.concatenate([[0], ends[:-1]])
    return [piece[starts[row] : ends[row]] for row in rows]


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: expected a Parquet file of results, got {reason}") from error


def _of_parquet(traits: Sequence[str], path: Path) -> Any:
    def hits(least: float, count: Callable[[int], None]) -> Iterator[ScanHits]:
        yield from _parquet_hits(traits, path, least, count)

    return hits


def _parquet_hits(
    traits: Sequence[str], path: Path, least: float, count: Callable[[int], None]
) -> Iterator[ScanHits]:
    file = _parquet(path)
    names = set(file.schema_arrow.names)
    prefix = {t: "" if _P in names and len(traits) == 1 else f"{t}." for t in traits}
    absent = [f"{prefix[t]}{_P}" for t in traits if f"{prefix[t]}{_P}" not in names]
    absent += [name for name in KEY if name not in names]
    if absent:
        raise InputError(
            f"{path}: expected the columns {_some(absent)}, has {_some(file.schema_arrow.names)}"
        )
    parts: dict[str, list[pd.DataFrame]] = {trait: [] for trait in traits}
    groups = file.num_row_groups
    done = 0
    for group in range(groups):
        n = file.metadata.row_group(group).num_rows
        variants: dict[str, pa.ChunkedArray] = {}
        together = max(1, _PIECE_VALUES // max(1, n))
        for first in range(0, len(traits), together):
            some = traits[first : first + together]
            read = file.read_row_group(group, [f"{prefix[t]}{_P}" for t in some], use_threads=False)
            for trait in some:
                p = read[f"{prefix[trait]}{_P}"].to_numpy()
                rows = np.flatnonzero(p > least)
                if len(rows):
                    found = _parquet_rows(file, group, rows, prefix[trait], names, variants)
                    parts[trait].append(found)
        up_to = path.stat().st_size * (group + 1) // groups
        count(up_to - done)
        done = up_to
    for trait in traits:
        table = pd.concat(parts[trait]) if parts[trait] else no_hits()
        yield ScanHits(trait, canonical_table(table), file.metadata.num_rows)


#: What stands for a column that a Parquet file does not have.
_OTHERWISE = {"source_id": "", "test": "", "status": "", "n": 0}


def _parquet_rows(
    file: pq.ParquetFile,
    group: int,
    rows: npt.NDArray[np.intp],
    prefix: str,
    names: set[str],
    variants: dict[str, pa.ChunkedArray],
) -> pd.DataFrame:
    """Some rows of a row group with the canonical columns.

    Of the trait one column is held at a time; those of the variants stay in ``variants``, which
    the traits of a row group share.
    """
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        of_variant = name in (*KEY, "source_id")
        column = name if of_variant else f"{prefix}{name}"
        if column not in names:
            columns[name] = _OTHERWISE.get(name, np.nan)
            continue
        read = variants.get(name)
        if read is None:
            read = file.read_row_group(group, [column], use_threads=False)[column]
        if of_variant:
            variants[name] = read
        columns[name] = read.take(pa.array(rows)).to_pandas()
    return pd.DataFrame(columns)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more
