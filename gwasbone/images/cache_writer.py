"""Writing a cache so that a run may be killed, or the disk full, at any moment."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.images import journal
from gwasbone.images.array_file import ArrayFile
from gwasbone.images.cache import SETTINGS, array_file, home_of, read_index, read_settings
from gwasbone.images.grey import Levels
from gwasbone.images.journal import Entry
from gwasbone.images.settings import ARRAYS, ImageSettings

_LOCK = ".lock"
_FIRST_COLUMNS = "source\tmember\tsize_bytes\tmodified_ns\t"

#: Pictures are written when so many bytes of them, or so many seconds of work, are at stake.
_COMMIT_BYTES, _COMMIT_SECONDS = 64_000_000, 5.0


class CacheWriter:
    """Adds images to a cache; one process at a time.

    Parameters
    ----------
    folder : of the cache, made where it is not there.
    settings : those of the cache where there is one.
    force : throw away a cache that is there.

    Raises
    ------
    InputError
        A cache of other settings, a damaged one, or one that another process writes; or files of
        the cache's names that are no cache.
    """

    def __init__(self, folder: Path, settings: ImageSettings, *, force: bool = False) -> None:
        self.folder, self.settings = folder, settings
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(folder / _LOCK, "a")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InputError(
                f"another process writes the image cache {folder}: wait for it"
            ) from None
        try:
            self._open(force)
        except BaseException:
            self._lock.close()
            raise
        self._pending: list[tuple[Entry, Mapping[str, Levels]]] = []
        self._pending_bytes, self._committed_at = 0, time.monotonic()

    def _open(self, force: bool) -> None:
        folder, settings = self.folder, self.settings
        refuse_foreign_files(folder)
        if force:
            for name in (SETTINGS, journal.NAME, *(f"{array}.npy" for array in ARRAYS)):
                (folder / name).unlink(missing_ok=True)
        if (folder / SETTINGS).exists():
            made_by = read_settings(folder).as_mapping()
            if made_by != settings.as_mapping():
                differ = [k for k, v in settings.as_mapping().items() if made_by[k] != v]
                raise InputError(
                    f"the image cache {folder} was made with other settings ({', '.join(differ)}): "
                    "choose another --out, or --force to build it anew"
                )
        else:
            with atomic_path(folder / SETTINGS) as temporary:
                temporary.write_text(json.dumps(settings.as_mapping(), indent=1))
        journal.start_index(folder / journal.NAME)
        self.entries = {e.name: e for e in read_index(folder, settings)}
        self._by_hash = {
            e.content_sha256: e
            for e in self.entries.values()
            if e.content_sha256 and e.reason != "duplicate"
        }
        self._n_rows = Counter[str]()
        for entry in self.entries.values():
            self._n_rows[entry.array] = max(self._n_rows[entry.array], entry.row + 1)
        for name in ARRAYS:
            self._file(name).cut_back(self._n_rows[home_of(name)])

    def __enter__(self) -> CacheWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # also when interrupted: what is finished is kept; a failed write is not tried again
            if not isinstance(error, OSError):
                self.commit()
        finally:
            self._lock.close()

    def of_content(self, sha256: str) -> Entry | None:
        """The entry of a file of the same bytes."""
        return self._by_hash.get(sha256)

    def add(self, entry: Entry, arrays: Mapping[str, Levels]) -> None:
        """Take an image, or with no arrays a refusal or a file whose image is there already."""
        if arrays:
            entry = replace(entry, row=self._n_rows[entry.array])
            self._n_rows[entry.array] += 1
        self.entries[entry.name] = entry
        if entry.content_sha256 and entry.reason != "duplicate":
            self._by_hash[entry.content_sha256] = entry
        self._pending.append((entry, arrays))
        self._pending_bytes += sum(array.nbytes for array in arrays.values())
        late = time.monotonic() - self._committed_at > _COMMIT_SECONDS
        if self._pending_bytes >= _COMMIT_BYTES or late:
            self.commit()

    def commit(self) -> None:
        """Bring to disk what was added: first the pixels, then the lines that name them.

        Raises
        ------
        OSError
            The disk is full. The cache is as it was before.
        """
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._committed_at = time.monotonic()
        if not pending:
            return
        written: list[tuple[str, int]] = []
        try:
            for name in ARRAYS:
                pictures = [arrays[name] for _, arrays in pending if name in arrays]
                if pictures:
                    before = self._n_rows[home_of(name)] - len(pictures)
                    self._file(name).append(pictures, n_before=before)
                    written.append((name, before))
            journal.append_entries(self.folder / journal.NAME, [entry for entry, _ in pending])
        except OSError:
            for name, before in written:
                with contextlib.suppress(OSError):
                    self._file(name).cut_back(before)
            raise

    def _file(self, name: str) -> ArrayFile:
        return array_file(self.folder, name, self.settings)


def refuse_foreign_files(folder: Path, more: Iterable[str] = ()) -> None:
    """Raise where a folder that is no cache has files by the names of a cache's.

    Parameters
    ----------
    more : further names that would be written.

    Raises
    ------
    InputError
        See above; ``--force`` makes no difference.
    """
    if is_cache(folder):
        return
    names = (SETTINGS, journal.NAME, *(f"{array}.npy" for array in ARRAYS), *more)
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise InputError(
            f"{folder / there[0]} would be overwritten, and {folder} is not an image cache: choose "
            "another --out"
        )


def is_cache(folder: Path) -> bool:
    """Whether a folder holds a cache, damaged or not: by its settings, or by its index."""
    with contextlib.suppress(InputError):
        read_settings(folder)
        return True
    try:
        with open(folder / journal.NAME, encoding="utf-8", errors="replace") as lines:
            # that of another version has other columns
            return lines.readline().startswith(_FIRST_COLUMNS)
    except OSError:
        return False


def free_bytes(folder: Path) -> int:
    """What the disk of a folder that may not be there yet has left."""
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    status = os.statvfs(there)
    return status.f_bavail * status.f_frsize
