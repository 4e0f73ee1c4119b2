"""Sets of outputs: together or not at all, finished when they were committed, of one command."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from gwasbone import files
from gwasbone.errors import GwasboneError, InputError
from gwasbone.files import (
    atomic_path,
    clear_leftovers,
    marked_folder,
    refuse_input_as_output,
    staged_outputs,
)
from gwasbone.owner import Owner

NAMES = ("x.a.tsv", "x.b.html")


def write(folder: Path, text: str) -> None:
    for name in NAMES:
        (folder / name).write_text(f"{text} {name}")


def shown(folder: Path) -> list[str]:
    """Names that `ls` shows."""
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def in_another_process(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom gwasbone import files\n"
        "from gwasbone.files import atomic_path, staged_outputs\n"
        f"home = Path(sys.argv[1])\nnames = {NAMES}\n{code}"
    )
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


_WRITE = """
with staged_outputs(home, names, command="qc", force=True) as staging:
    for name in names:
        (staging.files / name).write_text(f"new {name}")
"""


def test_nothing_shows_before_the_commit_and_all_after_it(tmp_path):
    with staged_outputs(tmp_path, NAMES, command="qc") as staging:
        write(staging.files, "new")
        assert shown(tmp_path) == []
        staging.commit()
        assert shown(tmp_path) == list(NAMES)
    assert sorted(p.name for p in tmp_path.iterdir()) == list(NAMES)
    assert (tmp_path / "x.a.tsv").read_text() == "new x.a.tsv"


def test_without_a_commit_and_after_an_error_nothing_is_left(tmp_path):
    with staged_outputs(tmp_path, NAMES, command="qc") as staging:
        write(staging.files, "new")
    with (
        contextlib.suppress(KeyboardInterrupt),
        staged_outputs(tmp_path, NAMES, command="qc") as staging,
    ):
        write(staging.files, "new")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_needs_force_and_a_stale_one_goes_with_it(tmp_path):
    write(tmp_path, "old")
    with (
        pytest.raises(InputError, match=r"x\.a\.tsv and 1 more exists already"),
        staged_outputs(tmp_path, NAMES, command="qc"),
    ):
        pass
    with staged_outputs(tmp_path, NAMES, command="qc", force=True) as staging:
        (staging.files / "x.a.tsv").write_text("new")
        staging.commit()
    assert shown(tmp_path) == ["x.a.tsv"]
    assert (tmp_path / "x.a.tsv").read_text() == "new"


def test_an_output_that_appeared_meanwhile_is_not_overwritten(tmp_path):
    with staged_outputs(tmp_path, NAMES, command="qc") as staging:
        write(staging.files, "new")
        (tmp_path / "x.a.tsv").write_text("mine")
        with pytest.raises(InputError, match="exists already"):
            staging.commit()
    assert shown(tmp_path) == ["x.a.tsv"]
    assert (tmp_path / "x.a.tsv").read_text() == "mine"


def test_a_file_that_was_not_announced_is_not_overwritten_either(tmp_path):
    (tmp_path / "x.c.tsv").write_text("mine")
    with staged_outputs(tmp_path, NAMES, command="qc") as staging:
        (staging.files / "x.c.tsv").write_text("new")
        with pytest.raises(InputError, match=r"x\.c\.tsv exists already"):
            staging.commit()
    assert (tmp_path / "x.c.tsv").read_text() == "mine"


def test_a_folder_in_the_way_is_refused_even_with_force(tmp_path):
    (tmp_path / "x.a.tsv").mkdir()
    (tmp_path / "x.a.tsv" / "mine").write_text("mine")
    with (
        pytest.raises(InputError, match="is a folder"),
        staged_outputs(tmp_path, NAMES, command="qc", force=True),
    ):
        pass
    assert (tmp_path / "x.a.tsv" / "mine").read_text() == "mine"


@pytest.mark.parametrize("letter", ["n", "ß"])
def test_a_name_too_long_for_a_file_is_refused_before_anything_is_computed(tmp_path, letter):
    longest = letter * ((190 - 4) // len(letter.encode())) + ".tsv"
    with staged_outputs(tmp_path, [longest], command="t") as staging:
        with atomic_path(staging.files / longest) as path:
            path.write_text("1")
        staging.commit()
    assert shown(tmp_path) == [longest]
    refused = pytest.raises(InputError, match=r"at most 190 bytes, got 19\d: .* rename the trait")
    with refused, staged_outputs(tmp_path, [letter + longest, "b"], command="t"):
        pass


def test_a_kill_before_the_record_leaves_the_old_files(tmp_path):
    write(tmp_path, "old")
    killed = in_another_process(f"{_WRITE}    os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    assert killed.returncode == -9, killed.stderr
    assert len(list(tmp_path.glob(".gwasbone-qc-*"))) == 1
    clear_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == list(NAMES)
    assert (tmp_path / "x.a.tsv").read_text() == "old x.a.tsv"


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_a_kill_after_the_record_is_finished_by_the_next_command(tmp_path, renamed):
    write(tmp_path, "old")
    code = f"""
real, done = os.replace, []
def replace(a, b):
    if str(b).endswith(names):
        if len(done) == {renamed}:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(b)
    real(a, b)
def discard(folder):
    os.kill(os.getpid(), signal.SIGKILL)
os.replace, files._discard = replace, discard
{_WRITE}    staging.commit()
"""
    killed = in_another_process(code, tmp_path)
    assert killed.returncode == -9, killed.stderr
    assert len(list(tmp_path.glob(".gwasbone-qc-*"))) == 1
    new = [name for name in NAMES if (tmp_path / name).read_text() == f"new {name}"]
    assert len(new) == renamed
    clear_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == list(NAMES)
    assert [(tmp_path / name).read_text() for name in NAMES] == [f"new {name}" for name in NAMES]


def test_what_the_user_changed_after_a_kill_is_not_overwritten(tmp_path):
    write(tmp_path, "old")
    code = f"""
def publish(folder, record):
    os.kill(os.getpid(), signal.SIGKILL)
files._publish = publish
{_WRITE}    staging.commit()
"""
    assert in_another_process(code, tmp_path).returncode == -9
    (tmp_path / "x.b.html").write_text("mine, and longer")
    clear_leftovers(tmp_path)
    assert (tmp_path / "x.a.tsv").read_text() == "old x.a.tsv"
    assert (tmp_path / "x.b.html").read_text() == "mine, and longer"
    (left,) = tmp_path.glob(".gwasbone-qc-*")
    assert (left / "files" / "x.b.html").read_text() == "new x.b.html"
    with (
        pytest.raises(GwasboneError, match="was changed after an interrupted command") as caught,
        staged_outputs(tmp_path, NAMES, command="qc", force=True),
    ):
        pass
    assert str(left) in str(caught.value)


def test_a_second_command_of_the_same_outputs_is_refused(tmp_path):
    with staged_outputs(tmp_path, NAMES, command="qc", claims=["x.qc.log"]) as staging:
        for others in (["x.b.html", "x.c"], ["x.qc.log"]):
            with (
                pytest.raises(GwasboneError, match=f"process {os.getpid()} .* is writing"),
                staged_outputs(tmp_path, others, command="qc"),
            ):
                pass
        with staged_outputs(tmp_path, ["y.a.tsv"], command="qc"):
            pass
        write(staging.files, "new")
        staging.commit()
    with staged_outputs(tmp_path, ["x.qc.log"], command="qc"):
        pass


_MARK = {
    "running": {},
    "gone": {"pid": 2**22 + 1},
    "of another start": {"started": 1},
    "before the last boot": {"boot_id": "other"},
    "of another host": {"host": "elsewhere", "pid": 2**22 + 1},
}


@pytest.mark.parametrize("whose", _MARK)
def test_only_folders_of_processes_that_are_gone_are_cleared(tmp_path, whose):
    folder = marked_folder(tmp_path, "qc")
    (folder / "work").mkdir()
    (folder / "work" / "big").write_text("x")
    owner = dataclasses.replace(Owner.current(), **_MARK[whose])
    (folder / "owner.json").write_text(json.dumps(owner.as_mapping()))
    clear_leftovers(tmp_path)
    assert folder.exists() == (whose in ("running", "of another host"))


@pytest.mark.parametrize("mark", [None, "", "{}", "[]", '{"pid": "x"}'])
def test_a_folder_without_the_mark_is_never_touched(tmp_path, mark):
    folder = tmp_path / ".gwasbone-qc-0123456789ab"
    folder.mkdir()
    (folder / "thesis").write_text("mine")
    if mark is not None:
        (folder / "owner.json").write_text(mark)
    clear_leftovers(tmp_path)
    assert (folder / "thesis").read_text() == "mine"


def test_a_killed_writer_of_one_file_leaves_the_old_one_and_is_cleaned_up_after(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("old")
    (tmp_path / ".gwasbone-partial-mine-x.tsv").write_text("mine")
    code = """
with atomic_path(home / "x.tsv") as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert in_another_process(code, tmp_path).returncode == -9
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3
    with atomic_path(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert {p.name for p in tmp_path.iterdir()} == {"x.tsv", ".gwasbone-partial-mine-x.tsv"}


@pytest.mark.parametrize("how", ["same", "dots", "link", "hard link", "within a folder"])
def test_an_input_is_recognised_by_whatever_name(tmp_path, how):
    path = tmp_path / "data" / "x.parquet"
    path.parent.mkdir()
    path.write_text("input")
    output, inputs = tmp_path / "data" / "out.parquet", [path]
    if how == "same":
        output = path
    elif how == "dots":
        output = tmp_path / "data" / ".." / "data" / "x.parquet"
    elif how == "link":
        output.symlink_to(path)
    elif how == "hard link":
        output.hardlink_to(path)
    else:
        output, inputs = path, [path.parent]
    with pytest.raises(InputError, match="would overwrite the input"):
        refuse_input_as_output([output], inputs)
    refuse_input_as_output([tmp_path / "data" / "new.parquet"], inputs)


@pytest.fixture
def bucket():
    """A URL of fsspec's store in memory, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield "memory://bucket/run"
    system.store.clear()


def _at(url: str) -> dict[str, bytes]:
    system = fsspec.filesystem("memory")
    return {Path(p).name: system.cat_file(p) for p in system.find(url.partition("://")[2])}


def test_outputs_at_a_url_appear_together_and_existing_ones_need_force(bucket):
    with staged_outputs(bucket, NAMES, command="qc") as staging:
        write(staging.files, "new")
        assert _at(bucket) == {}
        staging.commit()
    assert _at(bucket) == {"x.a.tsv": b"new x.a.tsv", "x.b.html": b"new x.b.html"}
    with (
        pytest.raises(InputError, match=f"{bucket}/x.a.tsv and 1 more exists already"),
        staged_outputs(bucket, NAMES, command="qc"),
    ):
        pass
    with staged_outputs(bucket, NAMES, command="qc", force=True) as staging:
        (staging.files / "x.a.tsv").write_text("newer")
        staging.commit()
    assert _at(bucket) == {"x.a.tsv": b"newer"}


def test_an_upload_that_fails_takes_back_what_it_uploaded(bucket, monkeypatch, tmp_path):
    system = fsspec.filesystem("memory")
    system.pipe_file(f"{bucket}/theirs", b"theirs")
    real = type(system).put_file

    def put_file(self, local: str, remote: str, **more: object) -> None:
        # data come first, pages last
        if remote.endswith(".html"):
            assert "x.a.tsv" in _at(bucket)
            raise OSError("connection lost")
        real(self, local, remote, **more)

    monkeypatch.setattr(type(system), "put_file", put_file)
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    with staged_outputs(bucket, NAMES, command="qc") as staging:
        write(staging.files, "new")
        with pytest.raises(OSError, match="connection lost"):
            staging.commit()
    assert _at(bucket) == {"theirs": b"theirs"}
    assert list(tmp_path.iterdir()) == []
