"""`gwasbone run` never touches what it did not make: it is there afterwards, or the run refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest
from test_study_runner import STAGES, ran

from gwasbone.cli import main
from gwasbone.errors import ConfigError, InputError
from gwasbone.study.config import GenotypesSection, StudyConfig, StudySection
from gwasbone.study.runner import refuse_unsafe_output, run_study


def contents(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of all files below a folder."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A study folder whose user keeps files under every name that a run could want."""
    study = tmp_path / "study"
    for name in ("images/a.dcm", "data/input.txt", "data/people/thesis.doc", "notes/read.txt"):
        path = study / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return study


def _config(home: Path, output: str, bfile: str = "data/input.txt") -> StudyConfig:
    return StudyConfig(
        study=StudySection(output=output), genotypes=GenotypesSection(bfile=bfile), folder=home
    )


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("output", "words"),
    [
        (".", "is, or contains, the folder of the study"),
        ("", "is, or contains, the folder of the study"),
        ("..", "is, or contains, the folder of the study"),
        ("images/..", "is, or contains, the folder of the study"),
        ("data", "is, or contains, the input"),
        ("./data/", "is, or contains, the input"),
        ("data/input.txt", "is, or contains, the input"),
        ("gs://bucket/results", "a folder of this machine"),
    ],
)
def test_an_output_that_is_or_holds_the_study_or_an_input_is_refused(home, output, words, force):
    before = contents(home)
    with pytest.raises(ConfigError, match=words):
        run_study(_config(home, output), STAGES, force=force)
    assert contents(home) == before


def test_an_output_within_an_input_folder_is_refused(home):
    before = contents(home)
    config = _config(home, "images/results", bfile="images")
    with pytest.raises(ConfigError, match="lies within the input folder"):
        run_study(config, STAGES)
    assert contents(home) == before


def test_a_link_does_not_hide_what_it_points_to(home):
    (home / "link").symlink_to("data")
    with pytest.raises(ConfigError, match="is, or contains, the input"):
        refuse_unsafe_output(_config(home, "link"), STAGES)
    (home / "results").mkdir()
    (home / "results" / "mine.txt").symlink_to(home / "data" / "input.txt")
    with pytest.raises(ConfigError, match="is, or contains, the input"):
        refuse_unsafe_output(_config(home, "results", bfile="results/mine.txt"), STAGES)


@pytest.mark.parametrize("output", ["results", "../x", "notes", "data/results"])
def test_another_folder_may_hold_files_of_the_user(home, output):
    """They stay, whatever the run does beside them."""
    (home.parent / "x").mkdir()
    (home.parent / "x" / "diary.txt").write_text("mine")
    before = contents(home.parent)
    config = _config(home, output)
    for force in (False, True):
        run_study(config, STAGES, force=force)
    after = contents(home.parent)
    assert {name: after.get(name) for name in before} == before
    assert (config.output / "page" / "stage.json").exists()


_FOREIGN = {
    "a folder without a record": "read/thesis.doc",
    "a note in a finished stage": "page/note.txt",
    "a hidden note in a finished stage": "page/.note",
    "a note in a folder of a finished stage": "read/table/note.txt",
    "a note in a new folder of a finished stage": "read/mine/note.txt",
}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", _FOREIGN)
def test_a_stage_with_anything_foreign_is_refused_and_stays(home, kind, force):
    config = _config(home, "results")
    if kind != "a folder without a record":
        ran(config)
    note = config.output / _FOREIGN[kind]
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("mine")
    (home / "data" / "input.txt").write_text("other, so that all stages would run")
    before = contents(home)
    named = note.parent if kind == "a folder without a record" else note
    with pytest.raises(InputError, match=f"{named} was not made by gwasbone"):
        run_study(config, STAGES, force=force)
    after = contents(home)
    assert {name: after.get(name) for name in before} == before


def test_a_stage_folder_that_is_a_link_is_refused(home):
    (home / "results").mkdir()
    (home / "results" / "read").symlink_to(home / "notes")
    with pytest.raises(InputError, match="expected the folder of a stage"):
        run_study(_config(home, "results"), STAGES)
    assert (home / "notes" / "read.txt").read_text() == "notes/read.txt"


@pytest.mark.parametrize(
    "name",
    [".vault.old", ".work.partial", ".page.old", ".page.partial", ".gwasbone-run-000000000000"],
)
def test_hidden_folders_of_the_user_stay(home, name):
    """Only what carries the program's own mark is cleared."""
    mine = home / "results" / name / "secret.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    config = _config(home, "results")
    assert ran(config) == ["read", "count", "page"]
    assert ran(config, force=True) == ["read", "count", "page"]
    assert mine.read_text() == "mine"


def test_a_record_of_an_earlier_version_still_names_its_files(home):
    config = _config(home, "results")
    ran(config)
    path = config.output / "page" / "stage.json"
    record = json.loads(path.read_text())
    del record["files"]
    path.write_text(json.dumps(record))
    assert ran(config, force=True) == ["read", "count", "page"]
    path.write_text(json.dumps(record))
    (config.output / "page" / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="was not made by gwasbone"):
        ran(config)


def test_a_note_that_arrives_while_the_stage_runs_stays(home):
    config = _config(home, "results")
    ran(config)

    def slow(run):
        (config.output / "page" / "note.txt").write_text("mine")
        return STAGES[2].run(run)

    stages = (*STAGES[:2], dataclasses.replace(STAGES[2], run=slow))
    with pytest.raises(InputError, match=r"note\.txt was not made by gwasbone"):
        run_study(config, stages, force=True)
    assert (config.output / "page" / "note.txt").read_text() == "mine"
    assert (config.output / "page" / "page").exists()


@pytest.fixture(scope="session")
def real_study(shared_data: Path) -> Path:
    path = shared_data / "cases" / "reliability" / "run_deletes" / "study.toml"
    if not path.is_file():
        pytest.skip(f"no such case: {path}")
    return path


@pytest.mark.real
@pytest.mark.parametrize("output", [None, "", "data"])
def test_the_study_that_lost_its_images_keeps_them(real_study, tmp_path, capfd, output):
    """Nobody's pictures go: as reported, with "." and with its siblings."""
    text = real_study.read_text()
    if output is not None:
        text = text.replace('output="."', f'output="{output}"')
    (tmp_path / "study.toml").write_text(text)
    for name in ("images/1000001.dcm", *(f"data/genotypes.{end}" for end in ("bed", "bim", "fam"))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(os.urandom(64))
    before = contents(tmp_path)
    for more in ([], ["--force"]):
        assert main(["run", str(tmp_path / "study.toml"), *more]) == 1
        err = capfd.readouterr().err
        assert err.startswith("error: study.output = ")
        assert err.count("\n") == 1
        assert contents(tmp_path) == before
