"""A VCF written as packed blocks: one pass, whole lines shared among threads."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.blocks.bgzf import PADDING, Piece, Unpacked, pieces
from gwasbone.blocks.vcf_kernels import NO_UNITS
from gwasbone.cohort.sources.bcf_records import RecordReader
from gwasbone.cohort.sources.left_align import WINDOW_BP, Fasta, left_align
from gwasbone.cohort.sources.vcf_header import VcfHeader
from gwasbone.cohort.sources.vcf_lines import LineError, LineReader, ReadRows
from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code
from gwasbone.progress import counted_progress

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The files of the blocks of one VCF; :mod:`gwasbone.cohort.sources.kept_blocks` reads them.
CALLS, DOSAGES, VARIANTS, SAMPLES, ENTRY = (
    "calls.bed", "dosages.u16", "variants.parquet", "samples.parquet", "entry.json",
)  # fmt: skip
_BED_MAGIC = b"\x6c\x1b\x01"
_PIECE_BYTES = 1 << 22
_LINES_IN_A_PIECE = 8
_MISSING = np.uint8(1)


def write_blocks(header: VcfHeader, build: str, folder: Path, fasta: Fasta | None) -> None:
    """Write the blocks of one file into a folder.

    Raises
    ------
    InputError
        A line that cannot be read, with its number; a damaged or cut file, or one that changes
        meanwhile.
    """
    before = _state(header.path)
    parts = _read_bcf(header, build) if header.is_bcf else _read_text(header, build)
    with _Writer(header, folder) as writer:
        try:
            with counted_progress() as progress:
                for rows, at in parts:
                    writer.add(rows)
                    if progress is not None:
                        progress(f"reading {header.path.name}", at, before[0])
        except LineError as error:
            number = writer.n_lines + error.line + 1
            where = f"record {number}" if header.is_bcf else f"line {header.n_lines + number}"
            raise InputError(f"{header.path} {where}: {error.fault}") from None
        writer.finish(fasta)
    if _state(header.path) != before:
        raise InputError(f"{header.path}: changed while it was read: read it again")


def _state(path: Path) -> tuple[int, int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


@dataclass(frozen=True)
class _Read:
    """A piece that was unpacked and read.

    Parameters
    ----------
    head : text up to its first line break, which belongs to the line of the piece before.
    rows : of the whole lines; None where there is no line break.
    tail : text behind the last one.
    """

    head: bytes
    rows: ReadRows | LineError | None
    tail: bytes


def _read_text(header: VcfHeader, build: str) -> Iterator[tuple[ReadRows, int]]:
    """Rows of lines in order, each with the bytes of the file that are done."""
    reader = LineReader(
        len(header.samples), header.samples, build, "DS" in header.formats,
        "GP" in header.formats, header.score,
    )  # fmt: skip
    size = max(_PIECE_BYTES, _LINES_IN_A_PIECE * 4 * reader.n)
    threads = _cores()
    waiting: deque[tuple[Future[_Read], int]] = deque()
    left: list[bytes] = []
    with ThreadPoolExecutor(threads) as pool:
        try:
            skip = header.n_bytes
            for piece, at in pieces(header.path, header.compression, size):
                if skip:
                    # the header, which may be longer than a piece
                    if piece.size <= skip:
                        skip -= piece.size
                        continue
                    buffer = bytearray()
                    piece.into(buffer)
                    piece, skip = Unpacked(bytes(buffer[skip : piece.size])), 0
                waiting.append((pool.submit(_piece, piece, reader), at))
                while len(waiting) > 2 * threads:
                    yield from _joined(waiting.popleft(), left, reader)
            while waiting:
                yield from _joined(waiting.popleft(), left, reader)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    rest = b"".join(left)
    if rest.strip(b"\r\0"):
        raise InputError(
            f"{header.path}: the file ends in the middle of a line, it was cut short: copy it again"
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_of_thread = threading.local()


def _buffer() -> bytearray:
    """This thread's buffer: fresh memory would cost as much as the reading."""
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = bytearray()
    buffer: bytearray = _of_thread.buffer
    return buffer


def _piece(piece: Piece, reader: LineReader) -> _Read:
    data, end = _buffer(), piece.size
    piece.into(data)
    first, last = data.find(b"\n", 0, end), data.rfind(b"\n", 0, end)
    if first < 0:
        return _Read(bytes(data[:end]), None, b"")
    rows: ReadRows | LineError
    try:
        rows = reader.read(data, first + 1, last + 1)
    except LineError as error:
        rows = error
    return _Read(bytes(data[: first + 1]), rows, bytes(data[last + 1 : end]))


def _joined(
    future: tuple[Future[_Read], int], left: list[bytes], reader: LineReader
) -> Iterator[tuple[ReadRows, int]]:
    read, at = future[0].result(), future[1]
    left.append(read.head)
    if read.rows is None:
        return
    line = b"".join(left)
    left[:] = [read.tail]
    # kernels are compiled for arrays that can be written to, as that of a buffer
    yield reader.read(bytearray(line + bytes(PADDING)), 0, len(line)), at
    if isinstance(read.rows, LineError):
        raise read.rows
    yield read.rows, at


def _read_bcf(header: VcfHeader, build: str) -> Iterator[tuple[ReadRows, int]]:
    """Rows of records in order, each with the bytes of the file that are done."""
    reader, threads = RecordReader(header, build), _cores()
    with ThreadPoolExecutor(threads) as pool:
        try:
            unpacked = _in_order(
                (
                    (pool.submit(_unpacked, piece), at)
                    for piece, at in pieces(header.path, header.compression, _PIECE_BYTES)
                ),
                threads + 1,
            )
            whole = _whole_records(header, unpacked)
            tasks = ((pool.submit(reader.read, *records), at) for records, at in whole)
            yield from _in_order(tasks, threads + 1)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _in_order(tasks: Iterator[tuple[Future[T], int]], ahead: int) -> Iterator[tuple[T, int]]:
    """Results of tasks, of which so many are begun before the first is waited for."""
    waiting: deque[tuple[Future[T], int]] = deque()
    for task in tasks:
        waiting.append(task)
        if len(waiting) > ahead:
            future, at = waiting.popleft()
            yield future.result(), at
    while waiting:
        future, at = waiting.popleft()
        yield future.result(), at


def _unpacked(piece: Piece) -> bytearray:
    buffer = bytearray()
    piece.into(buffer)
    return buffer


def _whole_records(
    header: VcfHeader, unpacked: Iterator[tuple[bytearray, int]]
) -> Iterator[tuple[tuple[bytearray, npt.NDArray[np.int64]], int]]:
    """Content with where its records start, and where the last one that is whole ends."""
    skip, left = header.n_bytes, bytearray()
    for data, at in unpacked:
        left += memoryview(data)[: len(data) - PADDING]
        if skip:
            gone = min(skip, len(left))
            skip, left = skip - gone, left[gone:]
        starts, here = [0], 0
        while here + 8 <= len(left):
            size = 8 + sum(int.from_bytes(left[i : i + 4], "little") for i in (here, here + 4))
            if here + size > len(left):
                break
            here += size
            starts.append(here)
        if here:
            yield (left[:here], np.array(starts, np.int64)), at
            left = left[here:]
    if left:
        raise InputError(
            f"{header.path}: the file ends in the middle of a record, it was cut short or is "
            "damaged: copy it again"
        )


class _Writer:
    """The files of the blocks, on their way."""

    def __init__(self, header: VcfHeader, folder: Path) -> None:
        self._header, self._folder = header, folder
        self._n = len(header.samples)
        self.n_lines = 0
        self._n_rows = self._n_dosages = 0
        self._tables: list[pa.Table] = []
        self._last: dict[str, int] = {}
        self._contig, self._unsorted = "", False
        self._x_rows: list[npt.NDArray[np.int64]] = []
        self._sex = np.zeros((3, self._n), np.int64)
        self._untold = np.zeros(self._n)
        self._calls: BinaryIO = open(folder / CALLS, "w+b")  # noqa: SIM115 (closed in __exit__)
        self._dosages: BinaryIO = open(folder / DOSAGES, "w+b")  # noqa: SIM115
        self._single: BinaryIO = open(folder / "single.bits", "w+b")  # noqa: SIM115
        self._calls.write(_BED_MAGIC)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (self._calls, self._dosages, self._single):
            handle.close()

    def add(self, rows: ReadRows) -> None:
        """Append rows.

        Raises
        ------
        LineError
            A chromosome that comes again after another, or names of two kinds.
        """
        m = len(rows.tops)
        if m:
            self._check_order(rows.variants)
            self._calls.write(rows.calls)
            if len(rows.dosages):
                self._dosages.write(rows.dosages)
            self._tables.append(self._table(rows))
            self._x_rows.append(rows.x_rows + self._n_rows)
            if len(rows.single):
                self._single.write(rows.single)
                self._sex += rows.sex
                np.maximum(self._untold, rows.untold_most, out=self._untold)
        self._n_rows += m
        self._n_dosages += len(rows.dosages)
        self.n_lines += rows.n_lines

    def _table(self, rows: ReadRows) -> pa.Table:
        have = rows.tops > 0
        place = np.where(have, self._n_dosages + np.cumsum(have) - 1, -1)
        columns = {k: v for k, v in rows.variants.items() if k != "line"}
        try:
            for name in ("ref", "alt", "source_id"):
                columns[name].validate(full=True)
        except pa.ArrowInvalid:
            first = self._header.n_lines * (not self._header.is_bcf) + self.n_lines + 1
            raise InputError(
                f"{self._header.path}: expected IDs and alleles of UTF-8 text, got other bytes "
                f"from line {first} on: the file is damaged, or of another encoding"
            ) from None
        return pa.table({**columns, "top": rows.tops, "dosage": place})

    def _check_order(self, variants: dict[str, Any]) -> None:
        chromosome, position = variants["chromosome"], variants["base_pair_location"]
        codes, names = chromosome.indices.to_numpy(), chromosome.dictionary.to_pylist()
        starts = np.append(0, np.flatnonzero(np.diff(codes)) + 1).tolist()
        for start, stop in zip(starts, [*starts[1:], len(codes)], strict=True):
            name, line = names[codes[start]], int(variants["line"][start])
            if name != self._contig:
                self._check_contig(name, line)
            least = self._last.get(name, 0)
            part = position[start:stop]
            back = np.flatnonzero(np.diff(part, prepend=least) < 0)
            if len(back) and not self._unsorted:
                at = int(back[0])
                self._unsorted = True
                line = self._header.n_lines + self.n_lines + int(variants["line"][start + at]) + 1
                log.warning(
                    "%s line %d: %s:%d comes after %d: the variants are sorted on reading",
                    self._header.path, line, name, part[at], part[at - 1] if at else least,
                )  # fmt: skip
            self._last[name] = int(part[-1])

    def _check_contig(self, name: str, line: int) -> None:
        if name in self._last:
            raise LineError(
                line,
                f"expected the variants of a chromosome together, got {name} again after "
                f"{self._contig}: sort the file, for example with bcftools sort",
            )
        if chromosome_code(name) is not None:
            for other in self._last:
                if chromosome_code(other) is not None and _prefixed(other) != _prefixed(name):
                    raise LineError(
                        line,
                        f"expected names of chromosomes of one kind, got {name} after {other}: "
                        "rename them, for example with bcftools annotate --rename-chrs",
                    )
        self._contig = name

    def finish(self, fasta: Fasta | None) -> None:
        """Write the tables, when all rows are there."""
        men = self._sex[0] > self._sex[1]
        if not self._tables:
            raise InputError(f"{self._header.path}: expected at least one variant, found none")
        table = pa.concat_tables(self._tables, promote_options="none").unify_dictionaries()
        self._without_single(men, table)
        table = _normalised(table, fasta, self._header.path)
        pq.write_table(table, self._folder / VARIANTS, compression="zstd")
        samples = {
            "iid": list(self._header.samples), "one": self._sex[0], "two": self._sex[1],
            "het": self._sex[2], "untold": self._untold,
        }  # fmt: skip
        pq.write_table(pa.table(samples), self._folder / SAMPLES)
        for handle in (self._calls, self._dosages):
            handle.flush()
        sizes = {name: (self._folder / name).stat().st_size for name in (CALLS, DOSAGES)}
        entry = {"variants": self._n_rows, "dosages": self._n_dosages, "bytes": sizes}
        (self._folder / ENTRY).write_text(json.dumps(entry))
        (self._folder / "single.bits").unlink()

    def _without_single(self, men: npt.NDArray[np.bool_], table: pa.Table) -> None:
        """On X, calls of one allele are missing in everybody but men: there they are errors."""
        rows = np.concatenate(self._x_rows)
        if not len(rows):
            return
        width = (self._n + 7) // 8
        n_alt, place = table["n_alt"].to_numpy(), table["dosage"].to_numpy()
        self._single.seek(0)
        others = np.packbits(~men, bitorder="little")
        for row in rows.tolist():
            bits = np.frombuffer(self._single.read(width), np.uint8) & others
            if not bits.any():
                continue
            wrong = np.flatnonzero(np.unpackbits(bits, count=self._n, bitorder="little"))
            for each in range(row, row + int(n_alt[row])):
                self._make_missing(each, int(place[each]), wrong)

    def _make_missing(self, row: int, place: int, wrong: npt.NDArray[np.intp]) -> None:
        width = (self._n + 3) // 4
        start = len(_BED_MAGIC) + row * width
        self._calls.seek(start)
        calls = np.frombuffer(self._calls.read(width), np.uint8).copy()
        shift = (2 * (wrong % 4)).astype(np.uint8)
        np.bitwise_and.at(calls, wrong // 4, ~(np.uint8(3) << shift))
        np.bitwise_or.at(calls, wrong // 4, _MISSING << shift)
        self._calls.seek(start)
        self._calls.write(calls)
        if place >= 0:
            for sample in wrong.tolist():
                self._dosages.seek(2 * (place * self._n + sample))
                self._dosages.write(np.uint16(NO_UNITS).tobytes())


def _prefixed(name: str) -> bool:
    return name[:3].lower() == "chr"


def _normalised(table: pa.Table, fasta: Fasta | None, path: Path) -> pa.Table:
    """Alleles of split variants without what they share; insertions and deletions moved left."""
    n_alt = table["n_alt"].to_numpy()
    chosen = n_alt > 1
    if fasta is not None:
        lengths = [pa.compute.utf8_length(table[name]).to_numpy() for name in ("ref", "alt")]
        chosen = chosen | (lengths[0] != lengths[1])
    rows = np.flatnonzero(chosen)
    table = table.drop_columns(["n_alt"])
    if not len(rows):
        return table
    position = table["base_pair_location"].to_numpy().copy()
    ref, alt = (table[name].to_numpy(zero_copy_only=False) for name in ("ref", "alt"))
    chromosome = table["chromosome"].take(pa.array(rows)).to_pylist()
    moved = 0
    for row, name in zip(rows.tolist(), chromosome, strict=True):
        if alt[row][:1] in "<*." or not alt[row]:
            continue
        place = int(position[row]), ref[row], alt[row]
        new = minimal(*place) if n_alt[row] > 1 else place
        if fasta is not None and len(new[1]) != len(new[2]):
            code = chromosome_code(name) or 0
            aligned = left_align(*new, fasta.before(code, new[0], WINDOW_BP))
            moved += aligned != new
            new = aligned
        position[row], ref[row], alt[row] = new
    if moved:
        log.info("%s: %d insertions or deletions left-aligned", path, moved)
    for name, values in (("base_pair_location", position), ("ref", ref), ("alt", alt)):
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(values))
    return table


def minimal(position_bp: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Alleles without the bases that they share at their ends, one base left of each.

    >>> minimal(100, "CTCC", "CCC")
    (100, 'CT', 'C')
    """
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, position_bp = ref[1:], alt[1:], position_bp + 1
    return position_bp, ref, alt
