"""Bytes of files, wherever they lie: a memory map here, ``gs://`` and other URLs through fsspec.

One reader for every kind of block file. It can be sent to other processes, being only the name of
a file. URLs are those of fsspec (https://filesystem-spec.readthedocs.io), which fetches
``gs://`` with the package gcsfs and ``s3://`` with s3fs.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError

Bytes = npt.NDArray[np.uint8]

#: Ranges closer than this are fetched together: a request costs about what this many bytes do.
GAP_BYTES = 1 << 18
#: But no request is made longer than this by joining ranges.
REQUEST_BYTES = 1 << 26


def is_url(path: str | Path) -> bool:
    """Whether a name is a URL such as ``gs://bucket/file`` and not a path of this machine."""
    return "://" in str(path)


def file_path(name: str | Path) -> str | Path:
    """A file's name in the form that is kept: URLs as text, paths of this machine as ``Path``."""
    return str(name) if is_url(name) else Path(name)


def absolute(path: str | Path) -> str | Path:
    """The name that other processes, with another working folder, know the file by."""
    return path if is_url(path) else Path(path).absolute()


def with_suffix(path: str | Path, suffix: str) -> str | Path:
    """The name of a sister file with another extension."""
    if isinstance(path, Path):
        return path.with_suffix(suffix)
    head, slash, name = path.rpartition("/")
    return f"{head}{slash}{name.rpartition('.')[0] or name}{suffix}"


class RangeReader:
    """Reads ranges of the bytes of one file.

    Parameters
    ----------
    path : file of this machine, or URL.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "ten")
    ...     _ = path.write_bytes(bytes(range(10)))
    ...     RangeReader(path).read(3, 6).tolist()
    [3, 4, 5]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._map: Bytes | None = None

    def __reduce__(self) -> tuple[type[RangeReader], tuple[str | Path]]:
        return RangeReader, (absolute(self.path),)

    def __repr__(self) -> str:
        return f"RangeReader({str(self.path)!r})"

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return file_size(self.path)

    def read(self, start: int, stop: int) -> Bytes:
        """(stop − start,) bytes; a read-only view of the memory map where the file is local.

        Raises
        ------
        InputError
            No such file, it ends before ``stop``, or the package for its URL is missing.
        """
        return self.read_many([start], [stop])[0]

    def read_many(self, starts: Sequence[int], stops: Sequence[int]) -> list[Bytes]:
        """The ranges starts[i]:stops[i], in the order given; neighbours are fetched together."""
        if not is_url(self.path):
            data = self._mapped()
            # the file may have been cut short since it was mapped, and reading on would crash
            self._refuse_short(min(len(data), file_size(self.path)), max(stops, default=0))
            return [data[a:b] for a, b in zip(starts, stops, strict=True)]
        order = np.argsort(np.asarray(starts, dtype=np.int64), kind="stable")
        groups = _joined(order, starts, stops)
        fetched = self._fetch([(a, b) for a, b, _ in groups])
        ranges: list[Bytes] = [np.empty(0, np.uint8)] * len(order)
        for (first, _, members), data in zip(groups, fetched, strict=True):
            for i in members:
                ranges[i] = data[starts[i] - first : stops[i] - first]
        return ranges

    def rows(self, offset: int, width: int, rows: npt.NDArray[np.integer]) -> Bytes:
        """(len(rows), width) bytes of rows of a matrix that lies in the file from ``offset`` on.

        A view of the memory map where the file is local and the rows follow one another.
        """
        first, last = int(rows[0]), int(rows[-1])
        contiguous = last - first + 1 == len(rows) and bool((np.diff(rows) == 1).all())
        if contiguous:
            data = self.read(offset + first * width, offset + (last + 1) * width)
            return data.reshape(-1, width)
        if is_url(self.path):
            starts = [offset + int(row) * width for row in rows]
            return np.stack(self.read_many(starts, [start + width for start in starts]))
        stop = offset + (int(np.max(rows)) + 1) * width
        return self.read(offset, stop).reshape(-1, width)[rows]

    def _mapped(self) -> Bytes:
        if self._map is None:
            try:
                # a plain array over the map: slices of np.memmap itself are slow
                self._map = np.asarray(np.memmap(self.path, mode="r", dtype=np.uint8))
            except FileNotFoundError:
                raise InputError(f"{self.path}: expected a file, there is none") from None
        return self._map

    def _fetch(self, ranges: list[tuple[int, int]]) -> list[Bytes]:
        system, inside = file_system(self.path)
        try:
            parts = system.cat_ranges(
                [inside] * len(ranges), [a for a, _ in ranges], [b for _, b in ranges]
            )
        except FileNotFoundError:
            raise InputError(f"{self.path}: expected a file, there is none") from None
        for (start, stop), part in zip(ranges, parts, strict=True):
            if isinstance(part, FileNotFoundError):
                raise InputError(f"{self.path}: expected a file, there is none")
            if isinstance(part, Exception):
                raise part
            self._refuse_short(start + len(part), stop)
        return [np.frombuffer(part, np.uint8) for part in parts]

    def _refuse_short(self, size: int, stop: int) -> None:
        if size < stop:
            raise InputError(
                f"{self.path}: expected at least {stop} bytes, got {size}: the file was cut short "
                "or changed after it was opened; copy it again"
            )


def _joined(
    order: npt.NDArray[np.intp], starts: Sequence[int], stops: Sequence[int]
) -> list[tuple[int, int, list[int]]]:
    """Requests (start, stop, members) that cover ranges, neighbours joined."""
    groups: list[tuple[int, int, list[int]]] = []
    for i in order.tolist():
        start, stop = int(starts[i]), int(stops[i])
        if groups:
            first, last, members = groups[-1]
            if start - last <= GAP_BYTES and stop - first <= REQUEST_BYTES:
                groups[-1] = (first, max(last, stop), [*members, i])
                continue
        groups.append((start, stop, [i]))
    return groups


def file_size(path: str | Path) -> int:
    """Bytes in a file.

    Raises
    ------
    InputError
        No such file.
    """
    try:
        if not is_url(path):
            return os.path.getsize(path)
        system, inside = file_system(path)
        return int(system.size(inside))
    except FileNotFoundError:
        raise InputError(f"{path}: expected a file, there is none") from None


def is_file(path: str | Path) -> bool:
    """Whether there is such a file."""
    if not is_url(path):
        return os.path.isfile(path)
    system, inside = file_system(path)
    return bool(system.isfile(inside))


def find_files(pattern: str) -> list[str]:
    """The files that match a glob pattern, in no particular order."""
    if not is_url(pattern):
        return glob.glob(pattern)
    system, inside = file_system(pattern)
    return [system.unstrip_protocol(path) for path in system.glob(inside)]


def open_stream(path: str | Path) -> IO[bytes]:
    """The whole file as a stream of bytes."""
    if not is_url(path):
        return open(path, "rb")
    system, inside = file_system(path)
    stream: IO[bytes] = system.open(inside, "rb")
    return stream


def file_system(path: str | Path) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the file's name within it."""
    from fsspec.core import url_to_fs

    try:
        system, inside = url_to_fs(str(path))
    except ImportError as error:
        protocol = str(path).partition("://")[0]
        package = {"gs": "gcsfs", "gcs": "gcsfs", "s3": "s3fs", "abfs": "adlfs"}.get(protocol)
        raise InputError(
            f"{path}: reading {protocol}:// needs the package {package or 'that fsspec names'}"
            f": {f'pip install {package}' if package else error}, on every machine that reads"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: expected a path or a URL that fsspec knows: {error}") from None
    return system, inside
