"""Commands that are killed, or whose disk fills up: nothing half, nothing orphaned, run again."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from disturbed import FULL, KILL, TERM, Done, Server

#: Moments per command (and, of many, per way of ending); the commit is always among them.
FEW, MANY = 3, 10


@dataclass(frozen=True)
class Case:
    """A command, and where its outputs are.

    Parameters
    ----------
    arguments : of the command line; ``{inputs}`` is the folder of inputs.
    sets : globs of outputs, each a set that appears together, within the working folder.
    resumes : whether a run that follows another one goes on, and does not refuse.
    """

    arguments: str
    sets: tuple[str, ...] = ("out.*",)
    resumes: bool = False


_COHORT = "--bfile {inputs}/cohort/genotypes --build GRCh37 --threads 1"
CASES = {
    "qc": Case(f"qc {_COHORT} --out out"),
    "assoc": Case(
        f"assoc {_COHORT} --pheno bmd_hip,bmd_spine --pheno-file {{inputs}}/people.tsv "
        "--format ssf,parquet --out out"
    ),
    "compare": Case(
        "compare {inputs}/scan.score.tsv.gz {inputs}/scan.case.tsv.gz --out out"
    ),
    "select": Case(
        f"select {{inputs}}/bone.bmd_hip.tsv.gz {_COHORT} --p 0.05 --region bmd_hip=left_hip "
        "--pheno-file {inputs}/people.tsv --out out"
    ),
    "clump": Case(f"clump {{inputs}}/bone.bmd_hip.tsv.gz {_COHORT} --p1 0.05 --p2 0.1 --out out"),
    "images": Case(
        "images --dicom {inputs}/dicom --size 16 --threads 1 --out out",
        sets=("out/[cr]*.[th]*",), resumes=True,
    ),
    "train": Case(
        "train --images {inputs}/cache --table {inputs}/people.tsv --backend reference "
        "--architecture small --size 16 --folds 2 --epochs 2 --no-saliency --out out",
        sets=("out.[cehlt]*",),
    ),
    "residuals": Case(
        "residuals --table {inputs}/assessments.parquet --model linear --out out"
    ),
    "report": Case("report {inputs}/study.toml --out out.html", sets=("out.html",)),
    "run": Case(
        "run study.toml --threads 1 --until people",
        sets=tuple(f"results/{name}/*" for name in ("genotypes", "people")),
        resumes=True,
    ),
}  # fmt: skip


def _arguments(case: Case, inputs: Path) -> list[str]:
    return case.arguments.format(inputs=inputs).split()


def _home(folder: Path, name: str, inputs: Path) -> Path:
    folder.mkdir()
    if name == "run":
        (folder / "study.toml").write_text((inputs / "study.toml").read_text())
    return folder


def _plain(path: Path) -> str:
    """A hash of what a file says, without when it was said and how long it took."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix in (".html", ".yaml", ".json"):
        data = re.sub(rb"\d\d:\d\d(:\d\d)?|\d+(\.\d+)? (m?s|MB)\b|20\d\d-\d\d-\d\d", b"", data)
        data = re.sub(rb'"(started|seconds)": [^,]*|[0-9a-f]{64}', b"", data)
        data = re.sub(rb'class="number">[\d.]+<', b"", data)
    return hashlib.sha256(data).hexdigest()


def _set(home: Path, pattern: str) -> dict[str, str]:
    """The files of a set of outputs that are visible; logs are not results."""
    found = {}
    for top in sorted(home.glob(pattern)):
        for path in [top, *sorted(top.rglob("*"))]:
            if path.is_file() and path.suffix != ".log" and not path.name.startswith("."):
                found[str(path.relative_to(home))] = _plain(path)
    return found


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, server: Server, tmp_path_factory: pytest.TempPathFactory):
    """Name -> (what the run did, moment by moment; its sets of outputs), each run once."""
    known: dict[str, tuple[list[str], list[dict[str, str]]]] = {}

    def of(name: str) -> tuple[list[str], list[dict[str, str]]]:
        if name not in known:
            case = CASES[name]
            home = _home(tmp_path_factory.mktemp(name) / "home", name, inputs)
            done = server.run(_arguments(case, inputs), home)
            assert done.code == 0, done.err
            assert not list(home.rglob(".gwasbone-*-*")), "something is left of a run that ended"
            sets = [_set(home, pattern) for pattern in case.sets]
            assert all(sets), sets
            known[name] = done.moments, sets
        return known[name]

    return of


def _moments(happened: list[str], n: int) -> list[int]:
    """n moments, counted from 1: one amid writing, before and after a commit, others evenly."""
    commits = [i for i, what in enumerate(happened, 1) if what.endswith("/commit.json")]
    record = max(i for i in commits if happened[i - 1].startswith("replace"))
    renamed = [
        i for i, what in enumerate(happened, 1)
        if i > record and what.startswith("replace") and ".gwasbone-" not in what
    ]  # fmt: skip
    # before the record is there, and between the renaming of the first file and of the second
    chosen = [record // 2, record, renamed[min(1, len(renamed) - 1)]]
    more = np.linspace(1, len(happened), n + 4).round().astype(int)[1:-1]
    for moment in map(int, more):
        if len(chosen) < n and moment not in chosen:
            chosen.append(moment)
    return sorted(chosen)


def _check_ended(done: Done, how: str) -> None:
    if how == KILL:
        assert done.code == -9
    elif done.code != 0:
        assert done.code == 1, done
        lines = [line for line in done.err.splitlines() if not line.startswith("warning: ")]
        assert len(lines) == 1, done.err
        words = "interrupted; finished work is kept" if how == TERM else "error: "
        assert words in lines[0]
        assert "unexpected" not in lines[0]


def _disturbed(name, how, which, n, inputs, server, undisturbed, folder):
    case = CASES[name]
    happened, expected = undisturbed(name)
    moment = _moments(happened, n)[which]
    home = _home(folder / "home", name, inputs)
    done = server.run(_arguments(case, inputs), home, how=how, moment=moment)
    where = f"at moment {moment} of {len(happened)}, {happened[moment - 1]}: {done.err}"
    _check_ended(done, how)
    assert server.alive() == [], where
    sets = [_set(home, pattern) for pattern in case.sets]
    committed = list(home.rglob(".gwasbone-*/commit.json"))
    for found, whole in zip(sets, expected, strict=True):
        # while files are renamed those not renamed yet are on record, and follow
        assert found in ({}, whole) or (committed and found.items() <= whole.items()), where
    again = server.run(_arguments(case, inputs), home)
    refused = again.code == 1 and "exists already" in again.err
    assert again.code == 0 or (refused and not case.resumes), (where, again)
    for pattern, whole in zip(case.sets, expected, strict=True):
        assert _set(home, pattern) == whole, where
    # of the hidden files of a study, those that carry no process are its own
    left = [str(p.relative_to(home)) for p in home.rglob(".gwasbone-*-*")]
    assert left == [], where
    assert server.alive() == []


@pytest.fixture(autouse=True)
def _inputs_stay(inputs: Path):
    """No run, whatever becomes of it, changes an input."""
    before = {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in inputs.rglob("*.[btpsl]*")}
    yield
    assert before == {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in before}


@pytest.mark.parametrize(("which", "how"), [(0, TERM), (1, FULL), (2, KILL)])
@pytest.mark.parametrize("name", CASES)
def test_three_moments(name, how, which, inputs, server, undisturbed, tmp_path):
    """SIGTERM amid the writing, a full disk at the commit record, SIGKILL amid the renaming."""
    _disturbed(name, how, which, FEW, inputs, server, undisturbed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("which", range(MANY))
@pytest.mark.parametrize("how", [KILL, TERM, FULL])
@pytest.mark.parametrize("name", CASES)
def test_ten_moments(name, how, which, inputs, server, undisturbed, tmp_path):
    _disturbed(name, how, which, MANY, inputs, server, undisturbed, tmp_path)
