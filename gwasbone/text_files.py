"""Files of text as users have them: compressed or not, in any usual encoding, of bounded size.

A file is surveyed once before it is parsed: how it is compressed (by its first bytes, whatever its
name), how it is encoded, whether more comes out of it than memory should hold, and whether a
quotation mark is left open, which would make a parser swallow the lines after it.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import io
import logging
import lzma
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO, cast

from isal import igzip

from gwasbone.errors import GwasboneError, InputError
from gwasbone.table_limit import UnpackedSize

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"(\xb5/\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
}
_OTHER_FORMATS = {
    b"ARROW1": "an Arrow (Feather) file: save it as Parquet or CSV",
    b"PAR1": "a Parquet file: let its name end in .parquet",
    b"\xd0\xcf\x11\xe0": "an Excel file: save the sheet as CSV",
    b"%PDF": "a PDF: give the table as text",
}
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class TextFile:
    """A file of text that can be parsed.

    Parameters
    ----------
    path : where it is.
    compression : ``gzip``, ``zstd``, ``bzip2``, ``xz`` or ``zip`` (of one file); None for none.
    encoding : ``utf-8``, ``utf-8-sig``, ``utf-16`` or ``latin-1``.
    """

    path: Path
    compression: str | None
    encoding: str

    def open(self) -> TextIO:
        """The text, line breaks as they are."""
        return io.TextIOWrapper(self.open_bytes(), encoding=self.encoding, newline="")

    def open_bytes(self) -> IO[bytes]:
        """The bytes of the text, out of the compressed file."""
        return _unpacked(open(self.path, "rb"), self.path, self.compression)


def open_unpacked(path: Path) -> tuple[IO[bytes], IO[bytes]]:
    """Open a file, whatever it is compressed by, which its first bytes say.

    Returns
    -------
    The bytes that come out of it, to be closed, and the file itself, whose ``tell`` says how much
    of it has been read.
    """
    raw = open(path, "rb")  # noqa: SIM115
    try:
        return _unpacked(raw, path, _compression_of(raw)), raw
    except BaseException:
        raw.close()
        raise


def survey_text(path: Path, *, max_gb: float | None = None, quotes: bool = True) -> TextFile:
    """Find out how a file of text is written, and refuse what would be misread.

    Parameters
    ----------
    max_gb : gigabytes of text that may come out of a compressed file; by default the limit in
        effect (:mod:`gwasbone.table_limit`).
    quotes : refuse a line with an odd number of quotation marks: the field would go on in the
        next line. False for readers that take quotation marks as letters.

    Raises
    ------
    InputError
        A damaged, binary or too large file, or a line break within a field (with its line).
    """
    with text_faults_named(path):
        compression = _compression(path)
        with _unpacked(open(path, "rb"), path, compression) as stream:
            head = stream.read(4)
        encoding = next(
            (name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8"
        )
        try:
            _check(path, compression, encoding, max_gb, quotes)
        except UnicodeDecodeError:
            if encoding != "utf-8":
                raise
            encoding = "latin-1"
            _check(path, compression, encoding, max_gb, quotes)
            log.warning("%s: not UTF-8, read as Latin-1: letters with accents may be wrong", path)
    return TextFile(path, compression, encoding)


def within_limit(pieces: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """The text of a file that is kept in memory as a whole.

    Raises
    ------
    InputError
        More comes out of a compressed file than :mod:`gwasbone.table_limit` allows.
    """
    size = UnpackedSize(path)
    for piece in pieces:
        size.add(len(piece))
        yield piece


def glance_at_text(path: Path) -> TextFile:
    """How a file of text is written, seen from its first bytes alone, for reading its header.

    Raises
    ------
    InputError
        There is no such file, or it begins like one of another format.
    """
    with text_faults_named(path):
        compression = _compression(path)
        with _unpacked(open(path, "rb"), path, compression) as stream:
            head = stream.read(_CHUNK)
    marks = (name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark))
    encoding = next(marks, "utf-8")
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        encoding = "latin-1"
    return TextFile(path, compression, encoding)


@contextlib.contextmanager
def text_faults_named(path: Path) -> Iterator[None]:
    """Turn what goes wrong in decompressing and decoding into an error that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"expected a file of text, there is no {path}: check the path") from None
    except UnicodeError as error:
        raise InputError(
            f"expected text in {path}, it cannot be decoded ({error}): save it as UTF-8"
        ) from error
    except GwasboneError:
        raise
    except Exception as error:  # of gzip, zstd, bzip2, xz, zip or the disk
        raise InputError(
            f"expected a whole file of text in {path}, it cannot be read ({error}): the file is "
            "damaged or cut short, copy it again"
        ) from error


def _compression(path: Path) -> str | None:
    with open(path, "rb") as file:
        head = file.read(8)
    for magic, what in _OTHER_FORMATS.items():
        if head.startswith(magic):
            raise InputError(f"expected a table of text in {path}, it is {what}")
    return _named_by(head)


def _compression_of(raw: IO[bytes]) -> str | None:
    head = raw.read(8)
    raw.seek(0)
    return _named_by(head)


def _named_by(head: bytes) -> str | None:
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


class _Owning:
    """A stream of decompressed bytes that closes the file beneath it."""

    def __init__(self, stream: Any, raw: IO[bytes]) -> None:
        self._stream, self._raw = stream, raw
        self.read, self.readline, self.readinto = stream.read, stream.readline, stream.readinto

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _Owning:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._raw.close()


def _unpacked(raw: IO[bytes], path: Path, compression: str | None) -> IO[bytes]:
    """The bytes that come out of an open file; closing them closes it."""
    if compression is None:
        return raw
    stream: Any
    if compression == "gzip":
        stream = igzip.IGzipFile(fileobj=raw)
    elif compression == "bzip2":
        stream = bz2.BZ2File(raw)
    elif compression == "xz":
        stream = lzma.LZMAFile(raw)  # noqa: SIM115
    elif compression == "zstd":
        import zstandard

        frames = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        stream = io.BufferedReader(cast(io.RawIOBase, frames))
    else:
        stream = _only_member(raw, path)
    return cast(IO[bytes], _Owning(stream, raw))


def _only_member(raw: IO[bytes], path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    members = [name for name in archive.namelist() if not name.startswith("__MACOSX")]
    if len(members) != 1:
        what = "an Excel workbook" if "[Content_Types].xml" in members else "several files"
        raise InputError(f"expected one table of text in {path}, it holds {what}: save it as CSV")
    return archive.open(members[0])


def _check(
    path: Path, compression: str | None, encoding: str, max_gb: float | None, quotes: bool
) -> None:
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("strict"), translate=True
    )
    open_quotes = _OpenQuotes(path)
    size = UnpackedSize(path, max_gb)
    with _unpacked(open(path, "rb"), path, compression) as stream:
        while True:
            chunk: Any = stream.read(_CHUNK)
            if compression is not None:
                size.add(len(chunk))
            text = decoder.decode(chunk, final=not chunk)
            if "\0" in text:
                raise InputError(
                    f"expected a table of text in {path}, it holds binary data (or UTF-16 without "
                    "a byte-order mark): save it as CSV in UTF-8"
                )
            if quotes:
                open_quotes.look(text)
            if not chunk:
                break
    if quotes:
        open_quotes.end()


class _OpenQuotes:
    """Looks for a line with an odd number of quotation marks, piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path, self.line, self.pending = path, 1, 0

    def look(self, text: str) -> None:
        if '"' not in text:
            breaks = text.count("\n")
            if breaks:
                self.end()
                self.pending = 0
            self.line += breaks
            return
        first, *others = text.split("\n")
        self.pending += first.count('"')
        for part in others:
            self.end()
            self.line += 1
            self.pending = part.count('"')

    def end(self) -> None:
        if self.pending % 2:
            raise InputError(
                f"expected every field of {self.path} to end in its line, a quotation mark is left "
                f'open in line {self.line}: remove or close it (a mark within quotes is "")'
            )
