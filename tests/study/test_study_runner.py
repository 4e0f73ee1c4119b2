"""The runner of stages, with stages that only write a line."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gwasbone.cohort.options import PcaOptions
from gwasbone.errors import GwasboneError, UsageError
from gwasbone.run_log import versions
from gwasbone.study import RECORD
from gwasbone.study.config import GenotypesSection, StudyConfig, StudySection
from gwasbone.study.runner import Stage, StageRun, read_record, run_study, stage_status


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    (tmp_path / "input.txt").write_text("first")
    return StudyConfig(genotypes=GenotypesSection(bfile="input.txt"), folder=tmp_path)


def _input(config: StudyConfig) -> list[str]:
    return [str(config.path(config.genotypes.bfile))]


def _nothing(config: StudyConfig) -> list[str]:
    return []


def _read(run: StageRun) -> str:
    text = Path(_input(run.config)[0]).read_text()
    (run.folder / "text").write_text(text)
    (run.folder / "table").mkdir()
    (run.folder / "table" / "part").write_text(text)
    return f"read {text}"


def _count(run: StageRun) -> str:
    # the same whatever the text says, as a table of decisions may be for other genotypes
    (run.folder / "count").write_text("one")
    return "counted"


def _page(run: StageRun) -> str:
    text = (run.config.output / "read" / "text").read_text()
    n = run.config.pca.n_components
    (run.folder / "page").write_text(
        f"{text} {n} {(run.config.output / 'count' / 'count').read_text()}"
    )
    return "drawn"


READ = Stage("read", "reading", ("study", "genotypes"), (), _input, _read)
COUNT = Stage("count", "counting", ("pca",), ("read",), _nothing, _count)
PAGE = Stage("page", "drawing", (), ("count",), _nothing, _page)
STAGES = (READ, COUNT, PAGE)


def ran(config: StudyConfig, **options: object) -> list[str]:
    """Names of the stages that a run does not skip."""
    said: list[str] = []
    run_study(config, STAGES, say=said.append, **options)  # type: ignore[arg-type]
    assert [line.split()[0] for line in said] == [s.name for s in STAGES][: len(said)]
    return [line.split()[0] for line in said if "up to date" not in line]


def test_what_is_up_to_date_is_skipped(config):
    assert ran(config) == ["read", "count", "page"]
    assert (config.output / "page" / "page").read_text() == "first 10 one"
    assert ran(config) == []
    assert stage_status(config, STAGES) == {"read": None, "count": None, "page": None}


def test_an_option_reruns_its_stage_and_those_after_it(config):
    ran(config)
    other = dataclasses.replace(config, pca=PcaOptions(n_components=3))
    assert stage_status(other, STAGES) == {
        "read": None, "count": "options changed", "page": "after count",
    }  # fmt: skip
    # the page runs although its own input, the count, is the same as before
    assert ran(other) == ["count", "page"]
    assert (config.output / "page" / "page").read_text() == "first 3 one"
    assert ran(other) == []


def test_content_of_an_input_counts_and_its_time_does_not(config):
    ran(config)
    path = config.folder / "input.txt"
    os.utime(path, (1, 1))
    assert ran(config) == []
    path.write_text("other")
    assert ran(config) == ["read", "count", "page"]
    assert (config.output / "page" / "page").read_text() == "other 10 one"


def test_content_that_changes_and_keeps_its_length_counts(config):
    ran(config)
    (config.folder / "input.txt").write_text("FIRST")
    assert ran(config) == ["read", "count", "page"]


@pytest.mark.parametrize("name", ["text", "table/part"])
def test_an_output_changed_by_hand_is_made_again(config, name):
    ran(config)
    path = config.output / "read" / name
    path.write_text("by hand")
    assert stage_status(config, STAGES)["read"] == f"{name.split('/')[0]} was changed by hand"
    assert ran(config) == ["read"]
    assert path.read_text() == "first"


def test_an_output_that_is_gone_is_made_again(config):
    ran(config)
    (config.output / "count" / "count").unlink()
    assert ran(config) == ["count"]


def test_force_runs_all(config):
    ran(config)
    assert ran(config, force=True) == ["read", "count", "page"]


def test_until_stops_there(config):
    assert ran(config, until="count") == ["read", "count"]
    assert not (config.output / "page").exists()
    assert ran(config) == ["page"]


def test_until_an_unknown_stage_names_the_known(config):
    with pytest.raises(UsageError, match=r"--until scan: expected one of read, count, page"):
        ran(config, until="scan")
    assert not config.output.exists()


def test_a_missing_input_is_named(config):
    (config.folder / "input.txt").unlink()
    with pytest.raises(GwasboneError, match=r"input\.txt: No such file"):
        ran(config)


def _broken(run: StageRun) -> str:
    (run.folder / "half").write_text("half")
    raise ValueError("in the middle")


def test_a_stage_that_raises_leaves_what_was_there(config):
    ran(config)
    (config.folder / "input.txt").write_text("other")
    broken = (dataclasses.replace(READ, run=_broken), COUNT, PAGE)
    with pytest.raises(ValueError, match="in the middle"):
        run_study(config, broken)
    assert (config.output / "read" / "text").read_text() == "first"
    assert {p.name for p in config.output.iterdir() if p.is_dir()} == {"read", "count", "page"}
    assert ran(config) == ["read", "count", "page"]


def test_a_stage_keeps_what_it_was_made_from(config):
    ran(config)
    record = read_record(config.output / "read")
    assert record is not None
    assert record["stage"] == "read"
    assert record["summary"] == "read first"
    assert record["versions"] == versions()
    assert set(record["outputs"]) == {"text", "table"}
    made_from = record["made_from"]
    assert made_from["options"]["genotypes"]["bfile"] == "input.txt"
    # sha256 of "first"
    digest = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"
    assert made_from["inputs"] == {"input.txt": digest}
    assert json.loads((config.output / "page" / RECORD).read_text())["made_from"]["stages"].keys()


def test_another_version_runs_again(config, monkeypatch):
    ran(config)
    newer = versions() | {"gwasbone": "99"}
    monkeypatch.setattr("gwasbone.study.runner.versions", lambda: newer)
    assert ran(config) == ["read", "count", "page"]


def test_an_output_folder_of_another_name_is_another_study(config):
    ran(config)
    other = dataclasses.replace(config, study=StudySection(output="elsewhere"))
    assert ran(other) == ["read", "count", "page"]
    assert ran(config) == []


def _run_in_a_process(folder: Path, pause: str) -> subprocess.Popen[str]:
    """A run whose page stage stops where ``pause`` says, until it is killed."""
    code = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import gwasbone.study.runner as study
import test_study_runner as t
from gwasbone.study.config import GenotypesSection, StudyConfig
config = StudyConfig(genotypes=GenotypesSection(bfile="input.txt"), folder=Path({str(folder)!r}))
def wait():
    print("waiting", flush=True)
    time.sleep(60)
def slow(run):
    (run.folder / "half").write_text("half")
    wait()
def replace(new, final, real=os.replace):
    real(new, final)
    if str(final).endswith("replaced/page"):
        wait()
stages = list(t.STAGES)
if {pause!r} == "stage":
    stages[2] = study.Stage("page", "", (), ("count",), t._nothing, slow)
else:
    os.replace = replace
study.run_study(config, stages)
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("pause", ["stage", "renaming"])
def test_a_killed_run_leaves_the_old_or_the_new_and_goes_on(config, pause):
    ran(config)
    (config.folder / "input.txt").write_text("other")
    process = _run_in_a_process(config.folder, pause)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    (left,) = config.output.glob(".gwasbone-run-*")
    if pause == "stage":
        # the old page is whole and stands until the new one is
        assert not (left / "commit.json").exists()
        assert (config.output / "page" / "page").read_text() == "first 10 one"
        assert ran(config) == ["page"]
    else:
        assert not (config.output / "page").exists()
        # the stage was finished: the next run, whatever it does, lets the new page appear
        assert ran(config, until="count") == []
        assert (config.output / "page" / "page").read_text() == "other 10 one"
        assert ran(config) == []
    assert (config.output / "read" / "text").read_text() == "other"
    assert (config.output / "page" / "page").read_text() == "other 10 one"
    folders = {p.name for p in config.output.iterdir() if p.is_dir()}
    assert folders == {"read", "count", "page"}


def test_two_runs_do_not_work_in_one_folder(config):
    process = _run_in_a_process(config.folder, "stage")
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    try:
        with pytest.raises(GwasboneError, match="another run works in"):
            ran(config)
    finally:
        process.kill()
        process.wait()
    assert ran(config) == ["page"]


def test_a_large_file_is_read_once(config, monkeypatch):
    """Unchanged size and time: the hash is remembered over runs."""
    ran(config)
    read: list[Path] = []

    def counted(path: Path, real: Callable[[Path], str]) -> str:
        read.append(path)
        return real(path)

    from gwasbone.files import content_hash

    monkeypatch.setattr("gwasbone.study.runner.content_hash", lambda p: counted(p, content_hash))
    assert ran(config) == []
    assert read == []
    time.sleep(0.01)
    (config.folder / "input.txt").touch()
    assert ran(config) == []
    assert [p.name for p in read] == ["input.txt"]
