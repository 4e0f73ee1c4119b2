"""Which files to read, and what their names say: folders, globs, and UK Biobank's bulk zips."""

from __future__ import annotations

import contextlib
import functools
import glob
import itertools
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.errors import InputError, listed, reads
from gwasbone.images.refusal import RefusedError, refuse
from gwasbone.images.regions import Place
from gwasbone.images.streams import MAX_BYTES, too_large
from gwasbone.tables import read_cells

#: Bulk files and the folders they unpack to: person, field, instance (visit), array.
_BULK = re.compile(
    r"(?P<person>-?\w+)_(?P<field>\d{4,6})_(?P<instance>\d)_(?P<array>\d+)(?:\.zip)?"
)
_LABELS = ("person", "visit", "region", "side", "view")


@dataclass(frozen=True)
class Source:
    """A file that may hold an image, before it is opened.

    Parameters
    ----------
    path : of the file, absolute; of the archive where it lies in one.
    member : its name in the archive, empty outside one; where an archive has a name more than
        once, the second has ``#2`` behind it.
    size_bytes, modified_ns : of the file at ``path``; -1 where it cannot be looked at.
    person, visit : what the name tells; empty where it does not.
    region, side, view : only where a table of labels gives them.
    """

    path: Path
    member: str = ""
    size_bytes: int = -1
    modified_ns: int = -1
    person: str = ""
    visit: str = ""
    region: str = ""
    side: str = ""
    view: str = ""

    @property
    def name(self) -> str:
        """The path, and after ``!`` the name in the archive."""
        return f"{self.path}!{self.member}" if self.member else str(self.path)

    @property
    def told(self) -> str:
        """What the name and the labels say, as one text."""
        return "|".join(getattr(self, name) for name in _LABELS).strip("|")


def find_sources(
    places: list[str], *, labels: pd.DataFrame | None = None, leave_out: Path | None = None
) -> list[Source]:
    """Find all files in the given folders, files and globs, sorted and without repeats.

    Parameters
    ----------
    places : files, folders (searched to the bottom, through links, hidden files left out) and
        globs of both. Files in ``.zip`` archives count one by one. Named pipes, sockets and
        devices are listed too, and refused when read.
    labels : see :func:`read_labels`.
    leave_out : a folder whose files are not wanted: the cache, where it lies inside a place.

    Raises
    ------
    InputError
        A place that does not exist or holds no file, a label for a file that is not there.
    """
    paths: set[Path] = set()
    left_out: os.stat_result | None = None
    with contextlib.suppress(OSError):
        left_out = None if leave_out is None else os.stat(leave_out)
    for place in places:
        there = set(_files_at(place, left_out))
        if not there:
            raise InputError(f"expected DICOM files at {place}, there are none: check the path")
        paths |= there
    if leave_out is not None:
        folder = leave_out.absolute()
        paths = {path for path in paths if folder not in path.parents}
    found = [source for path in sorted(paths) for source in _sources_in(path)]
    return _labelled(found, labels) if labels is not None else found


@reads("a table of labels")
def read_labels(path: str | Path) -> pd.DataFrame:
    """Read a table that says what the headers do not.

    Parameters
    ----------
    path : tab-delimited, with ``file`` (a path, or the last parts of one) and any of ``person``,
        ``visit``, ``region``, ``side``, ``view``; empty or NA leaves it to the header.

    Raises
    ------
    InputError
        Other columns, a file named twice, a region or side that is none; all faults at once.
    """
    table = read_cells(Path(path), what="a table of labels")
    faults = [f"column {c}" for c in table.columns if c not in ("file", *_LABELS)]
    if "file" not in table:
        raise InputError(f"expected a column file in {path}, it has {', '.join(table.columns)}")
    table = table.replace("NA", "").set_index("file")
    faults += [f"{f} twice" for f in table.index[table.index.duplicated()].unique()]
    table = table.reindex(columns=list(_LABELS), fill_value="")
    for file, region, side, view in table[["region", "side", "view"]].itertuples(name=None):
        try:
            Place(region or None, side or None, view or None)
        except InputError as error:
            faults.append(f"{file}: {error}")
    if faults:
        raise InputError(f"table of labels {path}: {listed(faults, separator='; ')}")
    return table


def read_bytes(source: Source, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file, or of a file in an archive.

    Raises
    ------
    RefusedError
        It cannot be read, or has more than ``max_bytes``; disks and archives fail one file at a
        time.
    """
    if any(character in source.name for character in "\t\n\r"):
        raise refuse("odd_name", "expected a name without tabs and line breaks: rename the file")
    try:
        status = source.path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise refuse("cannot_open", "the folder cannot be listed: check its permissions")
        if not stat.S_ISREG(status.st_mode):
            kind = "a named pipe" if stat.S_ISFIFO(status.st_mode) else "a socket or device"
            raise refuse("not_a_file", f"expected a file, it is {kind}")
        if source.member:
            return _read_member(source, status, max_bytes)
        if source.path.suffix.lower() == ".zip":
            empty = zipfile.is_zipfile(source.path)
            said = "has no files" if empty else "is damaged: copy it again"
            raise refuse("bad_archive", f"expected a zip archive of files, it {said}")
        if status.st_size > max_bytes:
            raise too_large(f"it has {status.st_size:,}", max_bytes)
        return source.path.read_bytes()
    except RefusedError:
        raise
    except OSError as error:
        raise refuse("cannot_open", f"cannot be read: {error.strerror or error}") from None
    except Exception as error:
        raise refuse("bad_archive", f"the file in the archive cannot be read: {error}") from None


def _read_member(source: Source, status: os.stat_result, max_bytes: int) -> bytes:
    archive = _opened(source.path, status.st_size, status.st_mtime_ns)
    member = _members(archive)[source.member]
    if member.file_size > max_bytes:
        raise too_large(f"it unfolds to {member.file_size:,}", max_bytes)
    return archive.read(member)


@functools.lru_cache(maxsize=2)
def _opened(path: Path, size_bytes: int, modified_ns: int) -> zipfile.ZipFile:
    """An archive, open until others are: reading its directory costs as much as many members.

    Size and time are there so that an archive that was written anew is opened anew.
    """
    return zipfile.ZipFile(path)


@functools.lru_cache(maxsize=2)
def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Name -> member, folders left out; see :class:`Source` for names that occur twice."""
    members, times = {}, Counter[str]()
    for member in archive.infolist():
        if member.is_dir():
            continue
        times[member.filename] += 1
        again = f"#{times[member.filename]}" if times[member.filename] > 1 else ""
        members[member.filename + again] = member
    return members


def _files_at(place: str, left_out: os.stat_result | None) -> Iterator[Path]:
    path = Path(place).absolute()
    if path.is_dir():
        yield from _files_below([path], left_out)
    elif os.path.lexists(path):
        yield path
    else:
        matches = [Path(match).absolute() for match in glob.glob(place, recursive=True)]
        yield from (match for match in matches if not match.is_dir())
        yield from _files_below([match for match in matches if match.is_dir()], left_out)


def _files_below(tops: list[Path], left_out: os.stat_result | None) -> Iterator[Path]:
    """All that is not a folder, through links to folders, each folder once.

    A folder that cannot be listed stands for its files, and is refused when read.
    """
    closed: list[OSError] = []
    seen = set() if left_out is None else {(left_out.st_dev, left_out.st_ino)}
    # folders before links to them, which may be called otherwise
    tops = sorted(tops, key=lambda top: (top.is_symlink(), top))
    walks = (os.walk(top, followlinks=True, onerror=closed.append) for top in tops)
    for folder, folders, names in itertools.chain.from_iterable(walks):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            # a link to a folder above, or to one that was searched
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        shown = [name for name in folders if not name.startswith(".")]
        folders[:] = sorted(shown, key=lambda f: (os.path.islink(os.path.join(folder, f)), f))
        yield from (Path(folder, name) for name in names if not name.startswith("."))
    yield from (Path(error.filename) for error in closed)


def _sources_in(path: Path) -> Iterator[Source]:
    matches = (_BULK.fullmatch(part) for part in reversed(path.parts))
    told = next((m for m in matches if m is not None), None)
    whole = Source(path)
    if told is not None:
        whole = replace(whole, person=told["person"], visit=told["instance"])
    # what cannot be looked at is refused when it is read
    with contextlib.suppress(OSError):
        status = path.stat()
        whole = replace(whole, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)
    if path.suffix.lower() != ".zip":
        yield whole
        return
    try:
        if not path.is_file():
            raise OSError
        members = list(_members(_opened(path, whole.size_bytes, whole.modified_ns)))
    except (OSError, zipfile.BadZipFile, NotImplementedError):
        # opened again as a file, it is refused with its reason
        yield whole
        return
    if not members:
        yield whole
    yield from (replace(whole, member=member) for member in sorted(members))


def _labelled(sources: list[Source], labels: pd.DataFrame) -> list[Source]:
    """Sources with the labels of the longest matching end of their names."""
    columns = {name: labels[name].to_list() for name in _LABELS}
    rows: dict[tuple[str, ...], dict[str, Any]] = {
        Path(str(file)).parts: {k: v[i] for k, v in columns.items() if v[i]}
        for i, file in enumerate(labels.index)
    }
    unused = dict.fromkeys(rows)
    done = []
    for source in sources:
        parts = (*source.path.parts, *Path(source.member).parts)
        ends = (parts[start:] for start in range(len(parts)))
        key = next((end for end in ends if end in rows), None)
        if key is None:
            done.append(source)
            continue
        unused.pop(key, None)
        done.append(replace(source, **rows[key]))
    if unused:
        shown = ", ".join(os.path.join(*key) for key in list(unused)[:3])
        raise InputError(
            f"expected a file for each label, there is none for {len(unused)} ({shown}): "
            "name files as they lie in the folder"
        )
    return done
