"""Tables of text, read a piece of whole lines at a time: header, separator, compression."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import igzip
from pyarrow import csv

from gwasbone.errors import InputError

#: How programs write that a value is missing.
MISSING_TEXTS = ("", "NA", "#NA", "N/A", "nan", "NaN", "-nan", "NAN", ".", "-", "null", "None")
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE_BYTES = 1 << 24
#: A header is far shorter than this.
_HEADER_BYTES = 1 << 20
_BAD_ROW = re.compile(r"Row #(\d+)")


@dataclass(frozen=True)
class TextTable:
    """A table of text: where it is, and how to read it.

    Parameters
    ----------
    path : plain, gzip, bgzip or zstd.
    header : names of the columns, without quotes and a leading ``#``.
    separator : a tab, a comma, or a blank for columns between any number of blanks and tabs.
    n_before : lines before the first row.
    preamble : lines that start with ``##``.
    quoted : whether cells may stand in quotes.
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    n_before: int
    preamble: tuple[str, ...] = ()
    quoted: bool = False

    @classmethod
    def open(cls, path: Path) -> TextTable:
        """Look at the header of a file.

        Raises
        ------
        InputError
            The file is missing, is no text, or has no header.
        """
        preamble: list[str] = []
        with failures_named(path), _opened(path)[0] as text:
            line = text.readline(_HEADER_BYTES)
            while line.startswith(b"##"):
                preamble.append(line.decode("utf-8").rstrip("\r\n"))
                line = text.readline(_HEADER_BYTES)
            header = line.decode("utf-8-sig").rstrip("\r\n")
        separator = next((s for s in "\t," if s in header), " ")
        names = header.split() if separator == " " else header.split(separator)
        names = [name.strip() for name in names]
        if len(names) < 3 or "\0" in header:
            raise InputError(
                f"{path}: expected a table with a header of at least three columns, got "
                f"{header[:60]!r}"
            )
        quoted = any(name.startswith('"') for name in names)
        names = [name.strip('"') for name in names]
        names[0] = names[0].lstrip("#")
        return cls(path, tuple(names), separator, len(preamble) + 1, tuple(preamble), quoted)

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size

    def pieces(self, count: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """Whole lines after the header, about 16 MB at a time; the next is read meanwhile.

        Parameters
        ----------
        count : called with the number of bytes of the file that were read since.
        """
        pieces = self._pieces(count)
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, pieces, None)
            while (piece := ahead.result()) is not None:
                ahead = reader.submit(next, pieces, None)
                yield piece

    def _pieces(self, count: Callable[[int], None] | None) -> Iterator[bytes]:
        with failures_named(self.path):
            text, raw = _opened(self.path)
            with text:
                for _ in range(self.n_before):
                    text.readline()
                rest, at = b"", 0
                while piece := text.read(_PIECE_BYTES):
                    end = piece.rfind(b"\n") + 1
                    if end:
                        yield self._tidy(b"".join((rest, memoryview(piece)[:end])))
                        rest = piece[end:]
                    else:
                        rest += piece
                    if count is not None:
                        # the compressed reader reads ahead, which `raw.tell` shows
                        count(raw.tell() - at)
                        at = raw.tell()
                if rest.strip():
                    yield self._tidy(rest + b"\n")

    def _tidy(self, lines: bytes) -> bytes:
        if self.separator != " ":
            return lines
        lines = re.sub(rb"[ \t]+", b"\t", lines)
        return re.sub(rb"(?m)^\t|\t(?=\r?$)", b"", lines)

    def columns(
        self,
        lines: bytes,
        types: dict[str, pa.DataType],
        *,
        first_line: int = 0,
        threads: bool = True,
    ) -> pa.Table:
        """Some columns of whole lines.

        Parameters
        ----------
        types : names of the columns that are read, and their types.
        first_line : number of the first line in the file, for messages; 0 where not known.

        Raises
        ------
        InputError
            A line has another number of columns, or a cell is no number where one is expected.
        """
        try:
            return csv.read_csv(
                pa.BufferReader(lines),
                read_options=csv.ReadOptions(column_names=list(self.header), use_threads=threads),
                parse_options=csv.ParseOptions(
                    delimiter="\t" if self.separator == " " else self.separator,
                    quote_char='"' if self.quoted else False,
                    ignore_empty_lines=False,
                ),
                convert_options=csv.ConvertOptions(
                    include_columns=list(types), column_types=types,
                    null_values=list(MISSING_TEXTS), strings_can_be_null=True,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid as error:
            if threads:  # on one thread Arrow knows the row
                return self.columns(lines, types, first_line=first_line, threads=False)
            reason = str(error).splitlines()[0]
            raise InputError(f"{self.path}: {_named(reason, self.header, first_line)}") from None


def lines_at(piece: bytes, rows: npt.NDArray[np.intp], n_rows: int, where: Path) -> bytes:
    """Some of the lines of a piece.

    Parameters
    ----------
    n_rows : rows that were read from the piece, one a line.
    """
    ends = np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == ord("\n")) + 1
    if len(ends) != n_rows:
        raise InputError(f"{where}: expected one row a line, got {n_rows} in {len(ends)} lines")
    starts = np.concatenate([[0], ends[:-1]])
    return b"".join([piece[starts[row] : ends[row]] for row in rows])


def failures_named(path: Path) -> Any:
    """A context that turns what can go wrong in reading a file into one line that names it."""
    return _Failures(path)


@dataclass
class _Failures:
    path: Path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, (InputError, GeneratorExit)):
            return
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{self.path}: no such file; expected summary statistics") from None
        import zstandard

        damaged: tuple[Any, ...] = (igzip.isal_zlib.error, zstandard.ZstdError, EOFError, OSError)
        if isinstance(error, (*damaged, UnicodeDecodeError)):
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{self.path}: expected a complete table of text (plain, gzip or zstd), got: "
                f"{reason}"
            ) from error


def _opened(path: Path) -> tuple[Any, IO[bytes]]:
    """The file's text, and the file itself."""
    raw = open(path, "rb")  # noqa: SIM115
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return _Owned(igzip.IGzipFile(fileobj=raw), raw), raw
    if magic == _ZSTD_MAGIC:
        import io

        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(raw)
        return io.BufferedReader(reader), raw
    return raw, raw


class _Owned:
    """A reader of gzip that closes the file beneath it."""

    def __init__(self, text: Any, raw: IO[bytes]) -> None:
        self._text, self._raw = text, raw
        self.read, self.readline = text.read, text.readline

    def __enter__(self) -> _Owned:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._raw.close()


def _named(reason: str, header: Sequence[str], first_line: int) -> str:
    """Arrow's words with the line in the file and the column's name."""
    column = re.search(r"CSV column #(\d+)", reason)
    row = _BAD_ROW.search(reason)
    value = re.search(r"invalid value '([^']{0,60})", reason)
    line = f"line {first_line + int(row[1]) - 1}" if row and first_line else "a line"
    if column and value:
        name = header[int(column[1])]
        return f"{line}: expected a number in column {name}, got {value[1]!r}"
    counts = re.search(r"Expected (\d+) columns, got (\d+)", reason)
    if counts:
        return f"{line}: expected {counts[1]} columns, got {counts[2]}"
    return f"expected a table of summary statistics, got {reason[:200]}"
