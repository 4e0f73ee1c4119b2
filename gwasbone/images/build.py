"""Files to a cache: read in parallel, nothing twice, nothing lost."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from gwasbone.errors import GwasboneError
from gwasbone.images.cache import picture_table, refusal_table
from gwasbone.images.cache_writer import CacheWriter, free_bytes
from gwasbone.images.journal import Entry
from gwasbone.images.one_file import Outcome, begun, refused, standardise
from gwasbone.images.refusal import Refusal
from gwasbone.images.settings import ImageSettings
from gwasbone.images.sources import Source
from gwasbone.images.streams import MAX_BYTES
from gwasbone.images.workers import ordered_map

log = logging.getLogger(__name__)

#: Refused for what may be over by now.
_TRY_AGAIN = frozenset({"cannot_open", "decoder_crashed", "duplicate", "too_large"})


@dataclass(frozen=True)
class BuildReport:
    """Images and refusals of the files of a run.

    Parameters
    ----------
    folder : of the cache.
    n_read : files that were opened and decoded, or refused.
    n_known : files that the cache knew already.
    pictures : one row per image of this run's files; columns of ``ImageCache.index``.
    refusals : ``file``, ``reason``, ``sentence``, ``person``, ``visit``, ``region``, ``side``.
    """

    folder: Path
    n_read: int
    n_known: int
    pictures: pd.DataFrame
    refusals: pd.DataFrame


def build_cache(
    sources: Sequence[Source],
    folder: str | Path,
    settings: ImageSettings | None = None,
    *,
    workers: int = 1,
    max_bytes: int = MAX_BYTES,
    force: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> BuildReport:
    """Create or extend an image cache.

    Files that are as they were (path, size, time), and files whose bytes are there under another
    name, are not decoded again. A run that is killed loses at most what it did since its last
    commit, five seconds of work.

    Parameters
    ----------
    sources : from :func:`gwasbone.images.sources.find_sources`.
    settings : how images become arrays; :class:`ImageSettings` by default.
    workers : processes. With more than 1, a script needs ``if __name__ == "__main__":``.
    max_bytes : of a file, and of what a compressed one unfolds to.
    force : throw away a cache that is there.
    progress : called with a step, how many files are done, and of how many.

    Raises
    ------
    InputError
        The folder holds a cache of other settings, or another process writes it.
    GwasboneError
        The disk is full; what was finished before is kept.

    Examples
    --------
    >>> sources = gb.images.find_sources([example / "example_images"])
    >>> gb.images.build_cache(sources, folder / "cache").n_read
    1
    """
    settings = settings or ImageSettings()
    folder = Path(folder)
    try:
        with CacheWriter(folder, settings, force=force) as writer:
            todo = [s for s in sources if not _is_known(writer.entries.get(s.name), s)]
            _warn_of_space(todo, folder, settings)
            names = {source.name for source in sources}
            known = frozenset(
                (e.content_sha256, e.told) for e in writer.entries.values()
                if e.content_sha256 and e.reason not in _TRY_AGAIN
            )  # fmt: skip
            outcomes = ordered_map(
                standardise, todo, (settings, known, max_bytes), workers=workers, crashed=_crashed
            )
            for done, outcome in enumerate(outcomes, 1):
                _take(outcome, writer, names)
                if progress is not None:
                    progress("pictures", done, len(todo))
            writer.commit()
            entries = [writer.entries[name] for name in sorted(names)]
    except OSError as error:
        why = "disk full" if error.errno == errno.ENOSPC else error.strerror or error
        raise GwasboneError(
            f"cannot write the image cache {folder} ({why}): make room or choose another --out, "
            "and run it again; finished work is kept"
        ) from error
    return BuildReport(
        folder,
        n_read=len(todo),
        n_known=len(sources) - len(todo),
        pictures=picture_table(entries),
        refusals=refusal_table(entries),
    )


def _is_known(entry: Entry | None, source: Source) -> bool:
    return (
        entry is not None
        and entry.reason not in _TRY_AGAIN
        and entry.told == source.told
        and (entry.size_bytes, entry.modified_ns) == (source.size_bytes, source.modified_ns)
    )


def _take(outcome: Outcome, writer: CacheWriter, names: Collection[str]) -> None:
    """Add what one file became; the same bytes under another name are refused, or have moved."""
    entry, arrays = outcome.entry, outcome.arrays
    same = writer.of_content(entry.content_sha256)
    if outcome.known:
        assert same is not None
        where = {n: getattr(entry, n) for n in ("source", "member", "size_bytes", "modified_ns")}
        entry, arrays = replace(same, **where), {}
    if same is not None and same.name != entry.name and not (same.reason or entry.reason):
        if same.name in names or Path(same.source).exists():
            sentence = f"expected each image once, this has the bytes of {same.name}"
            entry, arrays = refused(entry, Refusal("duplicate", sentence)), {}
        else:
            sentence = f"the file is gone, its bytes are now those of {entry.name}"
            writer.add(refused(same, Refusal("duplicate", sentence)), {})
    writer.add(entry, arrays)


def _crashed(source: Source) -> Outcome:
    sentence = "the process that decoded it died (a malformed stream, or too little memory)"
    return Outcome(refused(begun(source), Refusal("decoder_crashed", sentence)))


def _warn_of_space(todo: Sequence[Source], folder: Path, settings: ImageSettings) -> None:
    largest = max(frame.height * frame.width for frame in settings.frames.values())
    needed = len(todo) * largest * settings.dtype.itemsize
    free = free_bytes(folder)
    if needed > free:
        log.warning(
            "%s has %.1f MB free, %d images need about %.1f MB",
            folder.absolute(),
            free / 1e6,
            len(todo),
            needed / 1e6,
        )
