"""A study as ordered stages: what is up to date is skipped, what is killed starts again.

A stage writes into a folder of its own that takes its name only when the stage is complete, with
a record of what it was made from and of every file in it. Only files that a record names are ever
replaced: a folder with others is refused. A stage is up to date while its options, its input
files, the stages it builds on and the version of gwasbone are those of the record, and its outputs
are untouched; content is compared by SHA-256, remembered by size and time so that a large
unchanged file is read once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwasbone.errors import ConfigError, GwasboneError, InputError, UsageError
from gwasbone.files import (
    atomic_path,
    clear_leftovers,
    content_hash,
    files_below,
    is_url,
    staged_outputs,
)
from gwasbone.run_log import versions
from gwasbone.study import RECORD
from gwasbone.study.config import StudyConfig
from gwasbone.table_limit import table_limit

log = logging.getLogger(__name__)

_HASHES, _LOCK = ".gwasbone-hashes.json", ".gwasbone-lock"


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
        except (OSError, ValueError, TypeError, AttributeError):
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
    around: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> None:
    """Run the stages that are not up to date, in order.

    Parameters
    ----------
    until : the last stage to run.
    force : run all, up to date or not.
    threads : cores that a stage may use; all by default.
    say : told one line per stage.
    around : a context that is entered when the output folder is this run's, such as the log.

    Raises
    ------
    UsageError
        ``until`` is no stage.
    ConfigError, InputError
        The output folder is or holds something that is not the program's.
    GwasboneError
        Another run works in the same output folder.
    """
    names = [stage.name for stage in stages]
    if until is not None and until not in names:
        raise UsageError(f"--until {until}: expected one of {', '.join(names)}")
    last = names.index(until) if until is not None else len(names) - 1
    refuse_unsafe_output(config, stages)
    with _alone_in(config.output):
        clear_leftovers(config.output)
        for stage in stages:
            _refuse_foreign(config.output / stage.name)
        with around(), table_limit(config.phenotypes.max_table_gb):
            _run_stages(config, stages[: last + 1], force=force, threads=threads, say=say)


def refuse_unsafe_output(config: StudyConfig, stages: Sequence[Stage]) -> None:
    """Raise where the output folder is or holds the study or an input, or lies within an input.

    Raises
    ------
    ConfigError
        See above.
    """
    given = f"study.output = {json.dumps(config.study.output)}"
    advice = 'give a folder of its own, such as "results"'
    if is_url(config.study.output):
        raise ConfigError(f"{given}: expected a folder of this machine: {advice}")
    output, study = _real(config.output), _real(config.folder)
    if study.is_relative_to(output):
        raise ConfigError(f"{given} is, or contains, the folder of the study itself: {advice}")
    for name in _all_inputs(config, stages):
        # a link within the output is an input there, wherever it points
        for path in (_real(name), Path(os.path.abspath(name))):
            if path.is_relative_to(output):
                raise ConfigError(f"{given} is, or contains, the input {name}: {advice}")
            if path.is_dir() and output.is_relative_to(path):
                raise ConfigError(f"{given} lies within the input folder {name}: {advice}")


def _all_inputs(config: StudyConfig, stages: Sequence[Stage]) -> list[str]:
    names = dict.fromkeys(str(path) for path in config.input_paths())
    for stage in stages:
        # what is missing is said when its stage runs
        with contextlib.suppress(GwasboneError, OSError):
            names |= dict.fromkeys(stage.inputs(config))
    return [name for name in names if not is_url(name)]


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _refuse_foreign(folder: Path) -> None:
    """Raise where a folder of a stage has anything in it that the stage's record does not name.

    Raises
    ------
    InputError
        See above; nothing was touched.
    """
    if not os.path.lexists(folder):
        return
    advice = "move it away, or give another study.output (--force does not remove it)"
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(f"{folder}: expected the folder of a stage, got a file or link: {advice}")
    record = read_record(folder)
    if record is None:
        raise InputError(
            f"{folder} was not made by gwasbone (it has no {RECORD} of this stage): {advice}"
        )
    for name in files_below(folder):
        if not _is_recorded(name, record):
            raise InputError(f"{folder / name} was not made by gwasbone: {advice}")


def _is_recorded(name: str, record: dict[str, Any]) -> bool:
    if "files" in record:
        return name in record["files"]
    # records of earlier versions name what lies in the folder itself
    top = name.partition(os.sep)[0]
    return top == RECORD or top in record["outputs"] or name.endswith(".crc")


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
    parts = ("made_from", "outputs")
    if not isinstance(record, dict) or not all(isinstance(record.get(p), dict) for p in parts):
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
    started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    clock = time.monotonic()
    with staged_outputs(config.output, [stage.name], command="run", folders=True) as staging:
        made = staging.files / stage.name
        made.mkdir()
        with _warnings_kept() as warned:
            summary = stage.run(StageRun(config, stage.name, made, threads))
        outputs = {
            p.name: hashes.of(str(p)) for p in sorted(made.iterdir()) if not p.name.startswith(".")
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
            "files": [*files_below(made), RECORD],
        }
        (made / RECORD).write_text(json.dumps(record, indent=1))
        # the run may have taken hours
        _refuse_foreign(final)
        staging.commit()
    hashes.renamed(made, final)
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


@contextlib.contextmanager
def _alone_in(output: Path) -> Iterator[None]:
    """Hold the lock of an output folder; the kernel drops the one of a killed run."""
    output.mkdir(parents=True, exist_ok=True)
    with open(output / _LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GwasboneError(
                f"another run works in {output}: wait for it, or give another study.output"
            ) from None
        yield
