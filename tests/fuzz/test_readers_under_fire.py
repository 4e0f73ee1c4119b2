"""Readers under fire: of a damaged file they give a result, or one error that names the file.

Each case is a sound file and a seed. A case that fails is run again by its number:
``GWASBONE_FUZZ_CASE=bgen-17 pytest tests/fuzz``; ``GWASBONE_FUZZ_ROUNDS=50 pytest -m slow
tests/fuzz`` runs so many times as many cases as the default suite.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutations import damage
from readers import READERS, Reader

SECONDS_A_CASE = 20
MEMORY = 6 << 30
ROUNDS = int(os.environ.get("GWASBONE_FUZZ_ROUNDS", "10"))


class _Hang(BaseException):
    """No Exception: a reader that catches these must not catch it."""


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Let the block take no longer."""

    def stop(*_: object) -> None:
        raise _Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """A size that a file lies about is refused here and does not fill the machine."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def attacked(reader: Reader, sound: Path, folder: Path, name: str, seed: int) -> str | None:
    """Damage one of the files and read; what went wrong, None where nothing did."""
    rng = random.Random(f"{name}-{seed}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    target = rng.choice([p for p in files if not p.name.endswith(reader.spared or "\0")])
    done = damage(target, rng)
    case = f"{name}-{seed} ({done} of {target.name})"
    try:
        with limited(SECONDS_A_CASE), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(folder)
    except reader.raises as error:
        message = str(error)
        if "\n" in message.strip() or len(message) > 2500:
            return f"{case}: not one line: {message[:300]}"
        if str(folder) not in message and target.name not in message:
            return f"{case}: names no file: {message[:300]}"
    except _Hang:
        return f"{case}: no answer within {SECONDS_A_CASE} s"
    except Exception as error:
        return f"{case}: {type(error).__name__}: {str(error)[:300]}"
    return None


def run_cases(name: str, seeds: range, tmp_path: Path) -> None:
    reader = READERS[name]
    sound = tmp_path / "sound"
    sound.mkdir()
    reader.make(sound)
    # what is sound is read without a word
    reader.read(sound)
    found = [attacked(reader, sound, tmp_path / "case", name, seed) for seed in seeds]
    wrong = [text for text in found if text is not None]
    assert not wrong, f"{len(wrong)} of {len(seeds)} cases:\n" + "\n".join(wrong[:25])


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_gives_a_result_or_one_error_that_names_it(name, tmp_path):
    one = os.environ.get("GWASBONE_FUZZ_CASE", "")
    seeds = range(READERS[name].seeds)
    if not seeds:
        pytest.skip("a slow one")
    if one:
        if one.rpartition("-")[0] != name:
            pytest.skip(f"only {one}")
        seeds = range(int(one.rpartition("-")[2]), int(one.rpartition("-")[2]) + 1)
    run_cases(name, seeds, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", READERS)
def test_more_damaged_files(name, tmp_path):
    first = READERS[name].seeds
    run_cases(name, range(first, max(first, 5) * ROUNDS), tmp_path)
