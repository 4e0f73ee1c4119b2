"""Inputs are never written to, logs of others neither, and one command at a time has an output."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from disturbed import processes
from small_cohort import gwasbone, one_line_error

from gwasbone.cli import main
from gwasbone.files import staged_outputs
from gwasbone.images.cache import open_cache

_COHORT = "--bfile {inputs}/cohort/genotypes --build GRCh37"


def contents(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


#: Command line -> the input that an output (or the log) of it would overwrite.
_OVERWRITING = {
    "a table of phenotypes named like the log": (
        f"assoc {_COHORT} --pheno bmd_hip --pheno-file x.assoc.log --out x", "x.assoc.log",
    ),
    "a list of people named like an output": (
        f"qc {_COHORT} --keep x.keep.txt --out x", "x.keep.txt",
    ),
    "a link to an input": (
        f"qc {_COHORT} --keep kept.txt --out x", "x.keep.txt",
    ),
    "a scan named like an output": (
        "clump x.clumps.tsv --distance-only --out x", "x.clumps.tsv",
    ),
    "one of several scans": (
        "compare {inputs}/scan.score.tsv.gz x.comparison.tsv --out x", "x.comparison.tsv",
    ),
    "a scan by a glob's expansion": (
        "plot manhattan {inputs}/scan.score.tsv.gz x.manhattan.html --out x", "x.manhattan.html",
    ),
    "a log of Hail": (
        f"qc {_COHORT} --keep x.qc.hail.log --out x", "x.qc.hail.log",
    ),
    "a table of people of a cache": (
        "images --dicom {inputs}/dicom --people cache/counts.tsv --out cache", "cache/counts.tsv",
    ),
    "the study itself": ("report study.toml --out study.toml", "study.toml"),
    "a table that the study names": (
        "assoc --pheno bmd_hip --out x", "x.bmd_hip.tsv.gz",
    ),
}  # fmt: skip


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("which", _OVERWRITING)
def test_an_input_is_not_overwritten(which, force, inputs, tmp_path, monkeypatch, capfd):
    """Refused before anything is read or any log opened, with --force as without."""
    line, name = _OVERWRITING[which]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(inputs / "people.tsv", path)
    if "study" in which:
        toml = (inputs / "study.toml").read_text().format(inputs=inputs)
        if "table" in which:
            toml = toml.replace(f'"{inputs}/people.tsv"', f'"{name}"')
        Path("study.toml").write_text(toml)
    if which == "a link to an input":
        path.rename("kept.txt")
        path.symlink_to("kept.txt")
    before = contents(tmp_path)
    arguments = line.format(inputs=inputs).split() + ["--force"] * force
    said = one_line_error(arguments, capfd)
    assert "would overwrite the input" in said or "would be overwritten" in said
    assert name.removeprefix("./") in said
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["assoc", "clump"])
def test_logs_are_told_apart_by_command(command, inputs, tmp_path, monkeypatch):
    """`assoc` and `clump` of one --out leave both their logs."""
    monkeypatch.chdir(tmp_path)
    scan = f"assoc {_COHORT} --pheno bmd_hip --pheno-file {{inputs}}/people.tsv --no-plots --out x"
    clump = f"clump x.bmd_hip.tsv.gz {_COHORT} --p1 0.05 --p2 0.1 --out x"
    for line in (scan, clump):
        assert main(line.format(inputs=inputs).split()) == 0
    text = Path(f"x.{command}.log").read_text()
    assert f"gwasbone {command} " in text
    assert not Path("x.log").exists()


def test_a_log_that_is_not_ours_is_not_replaced(inputs, tmp_path, capfd):
    path = tmp_path / "x.qc.log"
    path.write_text("my own notes\n")
    arguments = f"qc {_COHORT} --out {tmp_path}/x".format(inputs=inputs).split()
    assert "expected a log of gwasbone to replace" in one_line_error(arguments, capfd)
    assert path.read_text() == "my own notes\n"
    assert [p.name for p in tmp_path.iterdir()] == ["x.qc.log"]


def test_outputs_do_not_go_into_the_folder_of_a_stage(inputs, tmp_path, capfd):
    stage = tmp_path / "results" / "people"
    shutil.copytree(inputs / "results" / "people", stage)
    before = contents(tmp_path)
    arguments = f"qc {_COHORT} --force --out {stage}/people".format(inputs=inputs).split()
    assert "belongs to `gwasbone run`" in one_line_error(arguments, capfd)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["hip.npy", "index.tsv", "settings.json", "counts.tsv"])
@pytest.mark.parametrize("force", [False, True])
def test_a_cache_does_not_replace_files_of_its_names(name, force, inputs, tmp_path, capfd):
    path = tmp_path / "out" / name
    path.parent.mkdir()
    path.write_text("mine")
    arguments = ["images", "--dicom", str(inputs / "dicom"), "--out", str(path.parent)]
    said = one_line_error(arguments + ["--force"] * force, capfd)
    assert f"{path} would be overwritten" in said
    assert contents(tmp_path) == {f"out/{name}": hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.parametrize("force", [False, True])
def test_models_do_not_go_into_a_folder_of_somebody_else(force, inputs, tmp_path, capfd):
    mine = tmp_path / "x.models" / "thesis.doc"
    mine.parent.mkdir()
    mine.write_text("mine")
    arguments = (
        f"train --images {inputs}/cache --table {inputs}/people.tsv --backend reference "
        f"--architecture small --folds 2 --no-saliency --out {tmp_path}/x"
    ).split()
    said = one_line_error(arguments + ["--force"] * force, capfd)
    assert "holds thesis.doc and was not made by a training" in said
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["study.toml", "data/phenotypes.tsv"])
def test_the_demo_does_not_go_into_a_folder_of_somebody_else(name, tmp_path, capfd):
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    assert main(["demo", str(tmp_path)]) == 1
    assert "was not made by a demo" in capfd.readouterr().err
    assert mine.read_text() == "mine"


def test_a_second_command_of_one_out_is_refused_and_leaves_the_log(inputs, tmp_path, capfd):
    arguments = (
        f"assoc {_COHORT} --pheno bmd_hip --pheno-file {{inputs}}/people.tsv --no-plots "
        f"--out {tmp_path}/x"
    )
    (tmp_path / "x.assoc.log").write_text("12:00:00 INFO gwasbone 0.1.0: the first command")
    with staged_outputs(tmp_path, ["x.bmd_spine.tsv.gz"], command="assoc", claims=["x.assoc.log"]):
        before = contents(tmp_path)
        said = one_line_error(arguments.format(inputs=inputs).split(), capfd)
        assert f"another command (process {os.getpid()}" in said
        assert contents(tmp_path) == before
    assert main(arguments.format(inputs=inputs).split()) == 0


def test_two_commands_of_one_out_at_once_do_not_both_succeed(inputs, tmp_path):
    """As processes: one is done, the other says in a line why it is not."""
    command = [
        sys.executable, "-m", "gwasbone.cli", *f"qc {_COHORT} --out x".format(inputs=inputs).split()
    ]  # fmt: skip
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen(command, cwd=tmp_path, text=True, **streams) for _ in range(2)]
    said = [run.communicate()[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1], said
    (line,) = filter(None, said)
    assert re.match(r"error: (another command|output .* exists already)", line)
    assert line.count("\n") == 1


def test_a_second_run_of_a_study_leaves_the_log_of_the_first(inputs, tmp_path, capfd):
    import fcntl

    (tmp_path / "study.toml").write_text((inputs / "study.toml").read_text())
    results = tmp_path / "results"
    results.mkdir()
    log = results / "study.run.log"
    log.write_text("12:00:00 INFO gwasbone 0.1.0: the first run")
    with open(results / ".gwasbone-lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = one_line_error(["run", str(tmp_path / "study.toml")], capfd)
    assert "another run works in" in said
    assert log.read_text() == "12:00:00 INFO gwasbone 0.1.0: the first run"


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """A store in memory, which is seen by commands of this process."""
    monkeypatch.chdir(tmp_path)
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.mark.parametrize("command", ["qc", "assoc", "clump", "report"])
def test_outputs_go_to_a_url(command, inputs, bucket, tmp_path, capfd):
    """The files are those of a local run, and nothing of them is left on this machine."""
    lines = {
        "qc": f"qc {_COHORT} --out OUT",
        "assoc": f"assoc {_COHORT} --pheno bmd_hip --pheno-file {{inputs}}/people.tsv --out OUT",
        "clump": f"clump {{inputs}}/bone.bmd_hip.tsv.gz {_COHORT} --p1 0.05 --p2 0.1 --out OUT",
        "report": "report {inputs}/study.toml --out OUT.html",
    }
    line = lines[command].format(inputs=inputs)
    url = "memory://bucket/run"
    assert main(line.replace("OUT", f"{url}/x").split()) == 0
    assert f"{url}/x" in capfd.readouterr().out
    (tmp_path / "local").mkdir()
    assert main(line.replace("OUT", str(tmp_path / "local" / "x")).split()) == 0
    there = {Path(p).name: bucket.cat_file(p) for p in bucket.find("/bucket")}
    local = {p.name: p.read_bytes() for p in (tmp_path / "local").iterdir()}
    assert set(there) == set(local)
    assert f"x.{command}.log" in there
    for name in local:
        if name.endswith((".tsv", ".txt")):
            assert there[name] == local[name]
    assert [p.name for p in tmp_path.iterdir()] == ["local"]
    again = one_line_error(line.replace("OUT", f"{url}/x").split(), capfd)
    assert f"output {url}/x" in again
    assert "exists already" in again


def test_models_are_not_trained_at_a_url(inputs, bucket, capfd):
    line = f"train --images {inputs}/cache --table {inputs}/people.tsv --out memory://bucket/x"
    assert "expected a path of this machine" in one_line_error(line.split(), capfd, code=2)
    assert bucket.find("/bucket") == []


_STREAMS = {
    "stderr closed": "2>&-",
    "stdout closed": ">&-",
    "all closed": "<&- >&- 2>&-",
    "stderr full": "2>/dev/full",
    "stdout full": ">/dev/full",
    "stdout read by nobody": "| true",
}


@pytest.mark.parametrize("how", _STREAMS)
def test_streams_that_take_nothing_do_not_fail_a_run(how, inputs, tmp_path):
    command = f"{sys.executable} -m gwasbone.cli qc {_COHORT} --no-plots --out x"
    shell = f"set -o pipefail; {command.format(inputs=inputs)} {_STREAMS[how]}"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, check=False)
    assert done.returncode == 0
    names = {"people.tsv.gz", "variants.tsv.gz", "keep.txt", "extract.txt", "funnel.tsv", "qc.log"}
    assert {p.name for p in tmp_path.iterdir()} == {f"x.{name}" for name in names}
    # what is printed did not go into a file that took the number of a closed stream
    assert "samples kept" not in (tmp_path / "x.keep.txt").read_text()


def test_a_result_that_is_printed_and_cannot_be_is_an_error():
    shell = f"{sys.executable} -m gwasbone.cli config show > /dev/full"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"


def _wait(until: Callable[[], object], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_started_them(how, inputs, tmp_path):
    """However it ends; and what they had brought into the cache is kept."""
    setting = f"GWASBONE_TEST_WORKERS={tmp_path}"
    name, _, value = setting.partition("=")
    command = [
        sys.executable, "-m", "gwasbone.cli", "images", "--dicom", f"{inputs}/dicom", "--size",
        "16", "--threads", "2", "--out", "out",
    ]  # fmt: skip
    # a file, since workers that stayed would hold a pipe open
    with open(tmp_path / "err", "w") as err:
        run = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {name: value}, stderr=err)
    # itself, what tracks resources, and two workers
    _wait(lambda: len(processes(setting)) >= 4 or run.poll() is not None)
    run.send_signal(how)
    assert run.wait(60) == (-9 if how == signal.SIGKILL else 1)
    _wait(lambda: not processes(setting), seconds=20)
    if how == signal.SIGTERM:
        said = (tmp_path / "err").read_text()
        assert said == "error: interrupted; finished work is kept\n"
    done = gwasbone(*command[3:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(open_cache(tmp_path / "out").index) == 40
    assert not list((tmp_path / "out").glob(".gwasbone-*"))


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 5, 9])
def test_sigterm_ends_a_keras_training_in_one_line(epoch, inputs, tmp_path):
    """Not in SIGABRT or SIGSEGV, whatever threads of the framework are about."""
    line = (
        f"train --images {inputs}/cache --table {inputs}/people.tsv --architecture small "
        "--size 16 --folds 2 --epochs 40 --patience 40 --no-saliency --out x"
    )
    command = [sys.executable, "-m", "gwasbone.cli", *line.split()]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "x.train.log"
    _wait(
        lambda: run.poll() is not None or (log.exists() and f"epoch {epoch}:" in log.read_text()),
        seconds=240,
    )
    run.terminate()
    err = run.communicate()[1]
    assert run.returncode == 1, err
    lines = [text for text in err.splitlines() if not text.startswith("warning: ")]
    assert lines == ["error: interrupted; finished work is kept"]
    assert {p.name for p in tmp_path.iterdir()} == {"x.models", "x.train.log"}


@pytest.mark.slow
@pytest.mark.hail
def test_the_jvm_ends_with_a_killed_command_and_the_next_one_cleans_up(inputs, tmp_path):
    setting = f"GWASBONE_TEST_JVM={tmp_path}"
    name, _, value = setting.partition("=")
    line = f"assoc {_COHORT} --pheno bmd_hip --pheno-file {{inputs}}/people.tsv --engine hail"
    command = [
        sys.executable, "-m", "gwasbone.cli", *line.format(inputs=inputs).split(), "--memory", "1",
        "--out", "x",
    ]  # fmt: skip
    run = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {name: value}, stderr=subprocess.DEVNULL
    )
    _wait(lambda: list(tmp_path.glob(".gwasbone-hail-*/*")))
    assert len(processes(setting)) > 1
    run.kill()
    run.wait()
    _wait(lambda: not processes(setting), seconds=30)
    assert len(list(tmp_path.glob(".gwasbone-*"))) == 2
    done = gwasbone(*f"qc {_COHORT} --no-plots --out y".format(inputs=inputs).split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob(".gwasbone-*"))
