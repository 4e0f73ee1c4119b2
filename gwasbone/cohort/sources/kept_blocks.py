"""Packed blocks that stand for files which are slow to read: kept, found again, read in place.

The blocks of a file lie in a folder of its own within a cache folder: ``calls.bed``, the table of
variants, what is known of the samples and, where the file has dosages, these as whole numbers of 16
bits. The folder's name is a hash of the file's path, size, time, first and last bytes and of the
reading options: of a file that has changed the blocks are made anew.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gwasbone.cohort.sources.vcf_blocks import ENTRY
from gwasbone.files import staged_outputs

log = logging.getLogger(__name__)

#: Changes whenever blocks of the same file would hold something else.
_VERSION = 1
_HASHED = 1 << 16


def kept_folder(
    path: Path, cache: Path | None, options: dict[str, Any], write: Callable[[Path], None]
) -> Path:
    """The folder with the blocks of a file, which are made if they are not there.

    Another process that makes the same blocks is waited for. Killed at any moment, it leaves
    nothing that is taken for blocks.

    Parameters
    ----------
    cache : where blocks are kept; None for a temporary folder that goes when the process ends.
    options : all that the blocks depend on beside the file.
    write : writes the blocks into a folder.
    """
    home = _temporary() if cache is None else cache.absolute()
    home.mkdir(parents=True, exist_ok=True)
    name = f"{path.name[:80]}-{_key(path, options)}"
    folder = home / name
    if _is_whole(folder):
        log.info("%s: reading the blocks in %s", path, folder)
        return folder
    with _alone(home / f".{name}.lock", path):
        if _is_whole(folder):
            return folder
        started = time.monotonic()
        with staged_outputs(home, [name], command="blocks", force=True, folders=True) as staging:
            (staging.files / name).mkdir()
            write(staging.files / name)
            staging.commit()
        log.info(
            "%s: packed into blocks of %.1f MB in %.1f s: %s",
            path, sum(f.stat().st_size for f in folder.iterdir()) / 1e6,
            time.monotonic() - started, folder,
        )  # fmt: skip
    return folder


def _key(path: Path, options: dict[str, Any]) -> str:
    status = os.stat(path)
    with open(path, "rb") as handle:
        first = handle.read(_HASHED)
        handle.seek(max(0, status.st_size - _HASHED))
        last = handle.read(_HASHED)
    parts = [str(path.absolute()), status.st_size, status.st_mtime_ns, _VERSION, options]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    digest.update(first)
    digest.update(last)
    return digest.hexdigest()[:24]


def _is_whole(folder: Path) -> bool:
    try:
        entry = json.loads((folder / ENTRY).read_text())
        return all((folder / n).stat().st_size == size for n, size in entry["bytes"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


@contextlib.contextmanager
def _alone(lock: Path, path: Path) -> Iterator[None]:
    """Hold a lock, which the system frees if the process is killed."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("%s: another command makes its blocks: waiting for it", path)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            # a file system without locks: the staging folder's claim remains
            pass
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)
        # a file that cannot be read leaves no folder either
        with contextlib.suppress(OSError):
            lock.parent.rmdir()


_made: list[Path] = []


def _temporary() -> Path:
    if not _made:
        _made.append(Path(tempfile.mkdtemp(prefix="gwasbone-blocks-")))
        atexit.register(_remove_temporary, os.getpid())
    return _made[0]


def _remove_temporary(pid: int) -> None:
    # not in processes that were forked from this one
    if os.getpid() == pid:
        while _made:
            shutil.rmtree(_made.pop(), ignore_errors=True)
