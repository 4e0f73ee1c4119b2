"""A study as ordered stages: what is up to date is skipped, what is killed starts again.

A stage writes into a folder of its own that takes its name only when the stage is complete, with
a record of what it was made from. A stage is up to date while its options, its input files, the
stages it builds on and the version of gwasbone are those of the record, and its outputs are
untouched; content is compared by SHA-256, remembered by size and time so that a large unchanged
file is read once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwasbone.errors import GwasboneError, UsageError
from gwasbone.files import atomic_path, content_hash
from gwasbone.run_log import versions
from gwasbone.study.config import StudyConfig

log = logging.getLogger(__name__)

RECORD = "stage.json"
_HASHES, _LOCK = ".hashes.json", ".lock"


@dataclass(frozen=True)
class StageRun:
    """What a running stage knows.

    Parameters
    ----------
    config : the study.
    stage : its name.
    folder : where the stage writes; it takes its final name when the stage ends.
    threads : cores that it may use; all where None.
    """

    config: StudyConfig
    stage: str
    folder: Path
    threads: int | None = None

    def finished(self, stage: str) -> Path:
        """The folder of an earlier stage."""
        return self.config.output / stage


@dataclass(frozen=True)
class Stage:
    """One step of a study.

    Parameters
    ----------
    name : also the name of its folder.
    says : what it does, for the progress line.
    sections : sections of ``study.toml`` whose values it depends on.
    after : earlier stages whose outputs it reads.
    inputs : the files from outside the study that it reads.
    run : does the work; returns a few words or numbers for the summary line.
    """

    name: str
    says: str
    sections: tuple[str, ...]
    after: tuple[str, ...]
    inputs: Callable[[StudyConfig], Sequence[str]]
    run: Callable[[StageRun], str]


@dataclass
class Hashes:
    """SHA-256 of files, remembered by path, size and modification time."""

    path: Path
    known: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Hashes:
        try:
            return cls(path, {k: tuple(v) for k, v in json.loads(path.read_text()).items()})
        except (OSError, ValueError):
            return cls(path)

    def of(self, name: str) -> str:
        """The hash of a local file, or of a folder's files and their names.

        Of a remote one, its name (it cannot be read cheaply).
        """
        path = Path(name)
        if "://" in name:
            return name
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
            parts = [f"{p.relative_to(path)} {self.of(str(p))}" for p in files]
            return _digest(parts)
        state = path.stat()
        entry = self.known.get(name)
        if entry is None or entry[:2] != (state.st_size, state.st_mtime_ns):
            entry = (state.st_size, state.st_mtime_ns, content_hash(path))
            self.known[name] = entry
        return entry[2]

    def renamed(self, old: Path, new: Path) -> None:
        """Keep what is known of the files of a folder that has another name now."""
        for name in [n for n in self.known if Path(n).is_relative_to(new)]:
            del self.known[name]
        for name in [n for n in self.known if Path(n).is_relative_to(old)]:
            self.known[str(new / Path(name).relative_to(old))] = self.known.pop(name)

    def save(self) -> None:
        with atomic_path(self.path) as temporary:
            temporary.write_text(json.dumps(self.known))


def run_study(
    config: StudyConfig,
    stages: Sequence[Stage],
    *,
    until: str | None = None,
    force: bool = False,
    threads: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Run the stages that are not up to date, in order.

    Parameters
    ----------
    until : the last stage to run.
    force : run all, up to date or not.
    threads : cores that a stage may use; all by default.
    say : told one line per stage.

    Raises
    ------
    UsageError
        ``until`` is no stage.
    GwasboneError
        Another run works in the same output folder.
    """
    names = [stage.name for stage in stages]
    if until is not None and until not in names:
        raise UsageError(f"--until {until}: expected one of {', '.join(names)}")
    last = names.index(until) if until is not None else len(names) - 1
    with _alone_in(config.output):
        _clear_partial(config.output)
        _run_stages(config, stages[: last + 1], force=force, threads=threads, say=say)


def _run_stages(
    config: StudyConfig,
    stages: Sequence[Stage],
    *,
    force: bool,
    threads: int | None,
    say: Callable[[str], None],
) -> None:
    hashes = Hashes.load(config.output / _HASHES)
    for stage in stages:
        wanted = _made_from(config, stage, hashes)
        why = "forced" if force else _why_stale(config.output / stage.name, wanted, hashes)
        hashes.save()
        if why is None:
            say(f"{stage.name:<12} up to date")
            continue
        log.info("stage %s runs: %s", stage.name, why)
        started = time.monotonic()
        summary = _run_stage(config, stage, wanted, hashes, threads=threads)
        hashes.save()
        say(f"{stage.name:<12} {time.monotonic() - started:6.1f} s  {summary}")


def stage_status(config: StudyConfig, stages: Sequence[Stage]) -> dict[str, str | None]:
    """Stage -> why it would run, None where it is up to date."""
    hashes = Hashes.load(config.output / _HASHES)
    status: dict[str, str | None] = {}
    for stage in stages:
        first = next((name for name in stage.after if status.get(name) is not None), None)
        wanted = _made_from(config, stage, hashes)
        why = _why_stale(config.output / stage.name, wanted, hashes)
        status[stage.name] = f"after {first}" if why is None and first is not None else why
    return status


def read_record(folder: Path) -> dict[str, Any] | None:
    """What a finished stage was made from, and its outputs; None where it is not finished."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return None
    return record


def fingerprint(record: dict[str, Any]) -> str:
    """What a stage is to the stages after it: all it was made from, and what came out.

    Not the output alone: a stage may leave equal tables of changed genotypes, which later stages
    read themselves.
    """
    return _digest([record["made_from"], record["outputs"]])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _made_from(config: StudyConfig, stage: Stage, hashes: Hashes) -> dict[str, Any]:
    options = {name: config.section_values(name) for name in stage.sections}
    inputs = {}
    for name in stage.inputs(config):
        try:
            inputs[os.path.relpath(name, config.folder) if "://" not in name else name] = hashes.of(
                name
            )
        except OSError as error:
            raise GwasboneError(f"{name}: {error.strerror}: needed by stage {stage.name}") from None
    before = {}
    for name in stage.after:
        record = read_record(config.output / name)
        before[name] = fingerprint(record) if record else None
    made_from = {
        "gwasbone": versions().get("gwasbone"),
        "options": options,
        "inputs": inputs,
        "stages": before,
    }
    # as JSON spells it, so that it can be compared with a record that was read back
    plain: dict[str, Any] = json.loads(json.dumps(made_from))
    return plain


def _why_stale(folder: Path, wanted: dict[str, Any], hashes: Hashes) -> str | None:
    record = read_record(folder)
    if record is None:
        return "not run yet"
    for part in wanted:
        if record["made_from"].get(part) != wanted[part]:
            return f"{part} changed"
    for name, digest in record["outputs"].items():
        path = folder / name
        if not path.exists():
            return f"{name} is gone"
        if hashes.of(str(path)) != digest:
            return f"{name} was changed by hand"
    return None


def _run_stage(
    config: StudyConfig,
    stage: Stage,
    wanted: dict[str, Any],
    hashes: Hashes,
    *,
    threads: int | None,
) -> str:
    final = config.output / stage.name
    partial = config.output / f".{stage.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    clock = time.monotonic()
    try:
        with _warnings_kept() as warned:
            summary = stage.run(StageRun(config, stage.name, partial, threads))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    outputs = {
        p.name: hashes.of(str(p)) for p in sorted(partial.iterdir()) if not p.name.startswith(".")
    }
    record = {
        "stage": stage.name,
        "summary": summary,
        "started": started,
        "seconds": round(time.monotonic() - clock, 2),
        "warnings": warned,
        "versions": versions(),
        "made_from": wanted,
        "outputs": outputs,
    }
    (partial / RECORD).write_text(json.dumps(record, indent=1))
    _replace_folder(partial, final)
    hashes.renamed(partial, final)
    return summary


class _Kept(logging.Handler):
    """Keeps what a stage warns of; other packages' warnings are in the log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "only_in_file", False):
            self.said[record.getMessage()] = None


@contextlib.contextmanager
def _warnings_kept() -> Iterator[list[str]]:
    """The warnings of the block, each once; the list is full when the block ends."""
    kept, said = _Kept(), list[str]()
    root = logging.getLogger("gwasbone")
    root.addHandler(kept)
    try:
        yield said
    finally:
        root.removeHandler(kept)
        said.extend(kept.said)


def _replace_folder(new: Path, final: Path) -> None:
    """Give a finished folder its name; the old one is complete until that moment."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        os.replace(final, old)
    os.replace(new, final)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _alone_in(output: Path) -> Iterator[None]:
    """Hold the lock of an output folder; the kernel drops the one of a killed run."""
    output.mkdir(parents=True, exist_ok=True)
    with open(output / _LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GwasboneError(
                f"another run works in {output}: wait for it, or give another study.output"
            ) from None
        yield


def _clear_partial(output: Path) -> None:
    """Remove what a killed run left; bring back a folder it had set aside but not replaced."""
    for old in output.glob(".*.old"):
        final = output / old.name[1:].removesuffix(".old")
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(old, final)
    for partial in output.glob(".*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
