"""Everything that is written: files that appear whole, and sets of files that appear together.

A set of outputs is written into a *staging folder* beside its final place, ``.gwasbone-COMMAND-…``,
marked with the process that owns it. When all is complete it is flushed to disk, a *commit record*
(what is to be renamed, what is to be removed) is written, and every file is renamed. A process that
was killed before the record leaves nothing visible; the files of one killed after it are renamed by
the next command that works in the folder. Leftovers of a process that is gone are cleared then too,
and nothing else ever is.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gwasbone.errors import GwasboneError, InputError
from gwasbone.owner import CODE, Owner, code_is_gone
from gwasbone.ranges import file_system, is_url

_HIDDEN = ".gwasbone-"
#: Bytes that a name may have: file systems take 255, and on its way a file is called more.
_MAX_NAME = 190
_OWNER, _COMMIT = "owner.json", "commit.json"
_PARTIAL, _NEW = f"{_HIDDEN}partial-", f"{_HIDDEN}new-"
#: More files than this are brought to disk together with all else that waits for it.
_SYNC_ALL = 64
#: Outputs that no command reads as part of a folder.
_FOR_READING = (".html", ".log", ".tsv", ".txt", ".yaml")
#: What opens last: pages and descriptions come after the data that they describe.
_LAST = (".html", ".yaml", ".json")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends without error.

    The file is flushed to disk first, so a crash leaves the old file or the new one, never half.
    The suffix is kept, since some writers choose the format by it. What a killed process left of
    the same file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_partial(path)
    temporary = path.with_name(f"{_PARTIAL}{Owner.current().code}-{path.name}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _clear_partial(path: Path) -> None:
    ours = re.compile(f"{re.escape(_PARTIAL)}({CODE})-{re.escape(path.name)}")
    for name in os.listdir(path.parent):
        found = ours.fullmatch(name)
        if found is not None and code_is_gone(found[1]):
            path.with_name(name).unlink(missing_ok=True)


def refuse_overwrite(paths: Iterable[str | Path], *, force: bool) -> None:
    """Raise, before anything is computed, where an output exists and ``force`` is not set.

    Raises
    ------
    InputError
        An output exists; or it is a folder, which ``force`` does not replace.
    """
    existing = [path for path in paths if _exists(path)]
    for path in existing:
        if not is_url(path) and Path(path).is_dir():
            raise InputError(f"output {path} is a folder: choose another --out, or remove it")
    if existing and not force:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise InputError(
            f"output {existing[0]}{more} exists already: choose another --out or give --force"
        )


def refuse_input_as_output(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise where writing an output would destroy an input, by whatever name either goes.

    Raises
    ------
    InputError
        An output (or what it links to) is an input, or a file of data within an input folder;
        ``--force`` makes no difference.
    """
    known = {_identity(path): path for path in inputs}
    folders = [Path(name) for name, path in known.items() if _is_folder(path)]
    for output in outputs:
        for identity in _identities(output):
            within = [f for f in folders if Path(identity).is_relative_to(f)]
            harmless = identity.endswith(_FOR_READING) or not os.path.lexists(output)
            if identity in known or (within and not harmless):
                raise InputError(
                    f"output {output} would overwrite the input {known.get(identity, identity)}: "
                    "choose another --out (--force does not allow it)"
                )


#: Files that belong to an input of which only the prefix, or the first of them, is named.
_SISTERS = (
    "", ".bed", ".bim", ".fam", ".pgen", ".pvar", ".psam", ".sample", ".bgi", ".tbi", ".csi",
    ".fai", "-meta.yaml",
)  # fmt: skip


def existing_inputs(names: Iterable[Any]) -> list[Path]:
    """The files and folders that names (paths, prefixes, globs) stand for and that are there."""
    found: dict[Path, None] = {}
    for name in map(str, names):
        if is_url(name) or not name:
            continue
        paths = glob.glob(name, recursive=True) if glob.has_magic(name) else [name]
        for path in paths:
            found |= {Path(path + end): None for end in _SISTERS if os.path.exists(path + end)}
        if glob.has_magic(name):
            # a glob of prefixes matches no file itself
            found |= {Path(p): None for end in _SISTERS[1:7] for p in glob.glob(name + end)}
    return list(found)


def _identity(path: str | Path) -> str:
    return str(path) if is_url(path) else os.path.realpath(path)


def _identities(path: str | Path) -> Iterator[str]:
    yield _identity(path)
    if not is_url(path):
        # one file under two names in one folder: a hard link
        with contextlib.suppress(OSError):
            if os.stat(path).st_nlink > 1 and Path(path).is_file():
                for other in Path(path).absolute().parent.iterdir():
                    if other.is_file() and os.path.samefile(other, path):
                        yield os.path.realpath(other)


class Staging:
    """A set of outputs on its way; see :func:`staged_outputs`.

    Parameters
    ----------
    home : folder, or URL of a folder, where the outputs will be.
    folder : the staging folder.
    names : the outputs, relative to ``home``.
    force : replace and remove what is there under these names.
    folders : the outputs are folders.
    """

    def __init__(
        self, home: str | Path, folder: Path, names: Sequence[str], *, force: bool, folders: bool
    ) -> None:
        self.home, self.folder, self.names = home, folder, tuple(names)
        self._force, self._folders = force, folders
        #: Where outputs are written, under their final names.
        self.files = folder / "files"
        #: For files that are needed on the way only.
        self.work = folder / "work"
        self.files.mkdir()
        self.work.mkdir()
        #: Whether a commit is on record and could not be finished: the next command does that.
        self.waits = False

    def commit(self) -> None:
        """Let the outputs appear. Named outputs that were not written are removed, being stale.

        Raises
        ------
        InputError
            Something of an output's name appeared meanwhile, and ``force`` is not set.
        OSError
            The disk is full; nothing has appeared then.
        """
        written = list(self.names) if self._folders else files_below(self.files)
        if not self._folders:
            targets = [joined(self.home, name) for name in dict.fromkeys([*self.names, *written])]
            refuse_overwrite(targets, force=self._force)
        _flush_all([self.files / name for name in files_below(self.files)])
        record = {
            "home": str(self.home),
            "files": {n: _state(joined(self.home, n)) for n in sorted(written, key=_rank)},
            "remove": {
                n: state
                for n in self.names
                if n not in written and (state := _state(joined(self.home, n))) is not None
            },
        }
        _write_flushed(self.folder / _COMMIT, record)
        self.waits = True
        with _signals_deferred():
            _publish(self.folder, record)
            self.waits = False


@contextlib.contextmanager
def staged_outputs(
    home: str | Path,
    names: Sequence[str],
    *,
    command: str,
    force: bool = False,
    folders: bool = False,
    claims: Sequence[str] = (),
) -> Iterator[Staging]:
    """A staging folder for a set of outputs that appear together when :meth:`Staging.commit` says.

    Without a commit nothing appears. What earlier commands left in the folder is cleared, or
    finished, first.

    Parameters
    ----------
    home : folder, or URL of a folder, where the outputs will be; made where it is not there.
    names : the outputs, relative to ``home``.
    command : appears in the name of the staging folder.
    force : replace outputs that exist.
    folders : the outputs are folders, each of which replaces, as a whole, the one that is there.
    claims : further names that no other command may write meanwhile, such as the log's.

    Raises
    ------
    InputError
        An output exists and ``force`` is not set; the name of one is too long.
    GwasboneError
        Another running command writes one of the outputs.
    """
    _refuse_long_names(names)
    beside = Path(tempfile.gettempdir()) if is_url(home) else Path(home).absolute()
    beside.mkdir(parents=True, exist_ok=True)
    with _alone_in(beside):
        clear_leftovers(beside)
        claimed = [str(joined(home, name)) for name in (*names, *claims)]
        _refuse_claimed(beside, claimed)
        if not folders:
            refuse_overwrite((joined(home, name) for name in names), force=force)
        folder = marked_folder(beside, command, claimed)
    staging = Staging(home, folder, names, force=force, folders=folders)
    try:
        yield staging
    finally:
        if not (staging.waits and (folder / _COMMIT).exists()):
            _discard(folder)


def _refuse_long_names(names: Iterable[str]) -> None:
    for name in names:
        n_bytes = len(os.fsencode(Path(name).name))
        if n_bytes > _MAX_NAME:
            raise InputError(
                f"output {name[:40]}…{name[-20:]}: expected a file name of at most {_MAX_NAME} "
                f"bytes, got {n_bytes}: choose a shorter --out, or rename the trait"
            )


def marked_folder(beside: Path, purpose: str, claimed: Sequence[str] = ()) -> Path:
    """A new hidden folder, marked as this process's; see :func:`clear_leftovers`."""
    owner, token = Owner.current(), secrets.token_hex(6)
    # until the mark is in it the name is the mark
    new = beside / f"{_NEW}{owner.code}-{token}"
    new.mkdir()
    _write_flushed(new / _OWNER, owner.as_mapping() | {"claims": list(claimed)})
    folder = beside / f"{_HIDDEN}{purpose}-{token}"
    os.replace(new, folder)
    return folder


def clear_leftovers(home: Path) -> None:
    """Remove the marked folders of processes that are gone; finish what had been committed.

    Folders without a mark, and those of processes that run or are of other hosts, stay. So does a
    commit whose files were changed by somebody since.
    """
    for folder in sorted(home.glob(f"{_HIDDEN}*")):
        if _is_abandoned(folder):
            # what cannot be finished or removed, such as another user's, stays
            with contextlib.suppress(OSError, _ChangedError):
                record = _read_json(folder / _COMMIT)
                if record is not None:
                    _publish(folder, record)
                _discard(folder)


def _is_abandoned(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    new = re.fullmatch(f"{re.escape(_NEW)}({CODE})-[0-9a-f]+", folder.name)
    if new is not None:
        return code_is_gone(new[1])
    owner = Owner.from_mapping(_read_json(folder / _OWNER))
    return owner is not None and owner.is_gone


def _discard(folder: Path) -> None:
    """Remove a marked folder. Its new name is a mark, which stays until all else is removed."""
    if folder.exists():
        doomed = folder.with_name(f"{_NEW}{Owner.current().code}-{secrets.token_hex(6)}")
        os.replace(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _refuse_claimed(beside: Path, names: Sequence[str]) -> None:
    for folder in beside.glob(f"{_HIDDEN}*"):
        mark = _read_json(folder / _OWNER)
        owner = Owner.from_mapping(mark)
        if owner is None:
            continue
        taken = sorted(set(mark.get("claims", ())) & set(names))
        if taken and (_read_json(folder / _COMMIT) is not None) and owner.is_gone:
            raise GwasboneError(
                f"{taken[0]} was changed after an interrupted command had finished it: the "
                f"finished files are in {folder / 'files'}; take what you need and remove {folder}"
            )
        if taken:
            raise GwasboneError(
                f"another command ({owner}) is writing {taken[0]}: wait for it, or choose another "
                f"--out (if it is gone, remove {folder})"
            )


class _ChangedError(GwasboneError):
    """An output is not what it was when the commit record was written."""


def _publish(folder: Path, record: dict[str, Any]) -> None:
    """Rename what a commit record lists; what is done already is skipped."""
    home, files = record["home"], folder / "files"
    if is_url(home):
        _upload(home, files, list(record["files"]), list(record["remove"]))
        return
    left = [name for name in record["files"] if os.path.lexists(files / name)]
    # all are looked at before the first is renamed
    for name in left:
        now = _state(Path(home, name))
        if now is not None and now != record["files"][name]:
            raise _ChangedError(f"{Path(home, name)} was changed meanwhile: it is left as it is")
    for name in left:
        target = Path(home, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            _set_aside(target, folder / "replaced" / name, record["files"][name])
        os.replace(files / name, target)
    for name, before in record["remove"].items():
        if _state(Path(home, name)) == before:
            Path(home, name).unlink()
    for parent in {Path(home, name).parent for name in record["files"]}:
        _flush(parent)


def _set_aside(target: Path, aside: Path, before: Any) -> None:
    """Move a folder that is replaced into the staging folder, unless somebody added to it."""
    aside.parent.mkdir(parents=True, exist_ok=True)
    os.replace(target, aside)
    if _state(aside) != before:
        os.replace(aside, target)
        raise _ChangedError(f"{target} was changed meanwhile: it is left as it is")


def _upload(home: str, files: Path, names: Sequence[str], stale: Sequence[str]) -> None:
    """Copy outputs to a URL; on failure those that were not there before are removed again."""
    system, inside = file_system(home)
    made: list[str] = []
    try:
        for name in names:
            target = f"{inside.rstrip('/')}/{name}"
            new = not system.exists(target)
            if new:
                made.append(target)
            system.put_file(str(files / name), target)
    except BaseException:
        for target in made:
            with contextlib.suppress(Exception):
                system.rm_file(target)
        (files.parent / _COMMIT).unlink(missing_ok=True)
        raise
    for name in stale:
        system.rm_file(f"{inside.rstrip('/')}/{name}")


def _state(path: str | Path) -> Any:
    """Size and time of a file, or of all files of a folder; None where there is nothing."""
    if is_url(path):
        return "there" if _exists(path) else None
    path = Path(path)
    if not os.path.lexists(path):
        return None
    if path.is_dir() and not path.is_symlink():
        return {name: _state(path / name) for name in files_below(path)}
    status = path.lstat()
    return [status.st_size, status.st_mtime_ns]


def files_below(folder: Path) -> list[str]:
    """All files in a folder and the folders in it, by relative path; links are not followed."""
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [os.path.relpath(Path(parent, name), folder) for name in (*files, *links)]
    return sorted(found)


def _rank(name: str) -> tuple[bool, str]:
    return name.endswith(_LAST), name


def joined(home: str | Path, name: str) -> str | Path:
    """A file in a folder that may be a URL."""
    return f"{str(home).rstrip('/')}/{name}" if is_url(home) else Path(home, name)


def _exists(path: str | Path) -> bool:
    if not is_url(path):
        return os.path.lexists(path)
    system, inside = file_system(path)
    return bool(system.exists(inside))


def _is_folder(path: str | Path) -> bool:
    return not is_url(path) and Path(path).is_dir()


def _flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_all(paths: Sequence[Path]) -> None:
    if len(paths) > _SYNC_ALL:
        os.sync()
        return
    for path in paths:
        _flush(path)


def _write_flushed(path: Path, content: Any) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(content), encoding="utf-8")
    _flush(part)
    os.replace(part, path)
    _flush(path.parent)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a short lock of a folder, where its file system has locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _signals_deferred() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block, which is short, is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda number, _: caught.append(number)) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler or signal.SIG_DFL)
    if caught:
        raise KeyboardInterrupt


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
