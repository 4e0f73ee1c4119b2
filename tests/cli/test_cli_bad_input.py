"""Bad input: one clear line on stderr, the promised exit code, and no result file."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed
from small_cohort import SmallCohort, gwasbone, left_by, make_small_cohort, one_line_error

from gwasbone.cli import COMMANDS, NOT_BUILT, main
from gwasbone.errors import InputError


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> SmallCohort:
    return make_small_cohort(tmp_path_factory.mktemp("bad") / "cohort")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results" / "scan"


def _refused(arguments: list[str], out: Path, capfd: pytest.CaptureFixture[str]) -> str:
    line = one_line_error(arguments, capfd)
    assert left_by(out) == []
    return line


def _with_bed(cohort: SmallCohort, folder: Path, suffix: str, change) -> str:
    """A copy of the fileset with one file's lines (or bytes, of a .bed) changed."""
    for part in ("bed", "bim", "fam"):
        shutil.copy(f"{cohort.bfile}.{part}", folder / f"copy.{part}")
    path = folder / f"copy.{suffix}"
    if suffix == "bed":
        path.write_bytes(change(path.read_bytes()))
    else:
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    return str(folder / "copy")


@pytest.mark.parametrize(
    ("suffix", "change", "says"),
    [
        ("bed", lambda data: data[:-1], "cut short"),
        ("bed", lambda data: data + b"\0", "of another dataset"),
        ("bed", lambda data: b"\x6c\x1b\x00" + data[3:], "sample-major"),
        ("bim", lambda lines: lines[:-1], "expected"),
        ("fam", lambda lines: lines[:-5], "expected"),
        ("fam", lambda lines: [*lines[:-1], lines[0]], "more than once"),
        ("bim", lambda lines: [*lines[:-1], "1 rs1\n"], "line 300"),
    ],
    ids=[
        "bed cut", "bed too long", "bed sample-major", "bim short", "fam short", "person twice",
        "bim line cut",
    ],
)  # fmt: skip
def test_a_damaged_fileset_is_refused(cohort, tmp_path, out, capfd, suffix, change, says):
    prefix = _with_bed(cohort, tmp_path, suffix, change)
    line = _refused(cohort.assoc(out, "--bfile", prefix), out, capfd)
    assert says in line
    assert "copy." in line


def test_people_there_twice_are_named(cohort, tmp_path, out, capfd):
    prefix = _with_bed(cohort, tmp_path, "fam", lambda lines: [*lines[:-1], lines[0]])
    first = Path(f"{prefix}.fam").read_text().split()[1]
    assert first in _refused(cohort.assoc(out, "--bfile", prefix), out, capfd)


def _vcf_text(cohort: SmallCohort) -> str:
    with gzip.open(cohort.vcf, "rt") as handle:
        return handle.read()


def _vcf_cases(cohort: SmallCohort, folder: Path) -> dict[str, Path]:
    text, packed = _vcf_text(cohort), Path(cohort.vcf).read_bytes()
    cut = text[: text.rindex("\t", 0, -40)]
    cases = {
        "cut.vcf": cut.encode(),
        # the cut line ends like a whole one, so that only reading the fields can tell
        "ended.vcf": f"{cut}\n".encode(),
        "cut.vcf.bgz": packed[: len(packed) // 2],
        "cut.vcf.gz": gzip.compress(text.encode())[:-400],
        "renamed.vcf.bgz": gzip.compress(text.encode()),
        "text.vcf.bgz": text.encode(),
    }
    for name, content in cases.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in cases}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut.vcf", "cut short"),
        ("ended.vcf", "samples as in the header, got"),
        ("cut.vcf.bgz", "cut short"),
        ("cut.vcf.gz", "cut short"),
        ("renamed.vcf.bgz", "plain gzip"),
        ("text.vcf.bgz", "not compressed"),
    ],
)
def test_a_damaged_vcf_is_refused(cohort, tmp_path, out, capfd, name, says):
    path = _vcf_cases(cohort, tmp_path)[name]
    arguments = ["assoc", "--vcf", str(path), "--build", "GRCh37", "--pheno", "bmd_spine"]
    arguments += ["--pheno-file", cohort.phenotypes, "--out", str(out)]
    line = _refused(arguments, out, capfd)
    assert says in line
    assert str(path) in line


def test_a_missing_column_shows_the_nearest(cohort, out, capfd):
    line = _refused(cohort.assoc(out, pheno="bmd_spin"), out, capfd)
    assert "did you mean bmd_spine" in line


def _table(cohort: SmallCohort, path: Path, **columns: object) -> str:
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    table.assign(**columns).to_csv(path, sep="\t", index=False, na_rep="NA")
    return str(path)


def test_people_of_another_study_show_two_of_each(cohort, tmp_path, out, capfd):
    table = _table(cohort, tmp_path / "t.tsv", IID=lambda t: "other_" + t["IID"])
    fam = Path(f"{cohort.bfile}.fam").read_text().splitlines()
    ours = [line.split()[1] for line in fam[:2]]
    line = _refused(_scan_of(cohort, table, out, "--pheno", "bmd_spine"), out, capfd)
    for name in (*ours, f"other_{ours[0]}", f"other_{ours[1]}"):
        assert name in line
    assert "--id" in line
    (tmp_path / "nobody.tsv").write_text("FID\tIID\tbmd_spine\n")
    line = _refused(
        _scan_of(cohort, str(tmp_path / "nobody.tsv"), out, "--pheno", "bmd_spine"), out, capfd
    )
    assert "the table has no participant" in line


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (1.5, "to vary"),
        (["tall", *[1.0] * 199], "expected numbers in column odd, got 'tall'"),
        (np.r_[0, 1, 2, np.resize([0.0, 1.0], 197)], "--binary-coding"),
        (np.full(200, np.nan), "there are none"),
    ],
    ids=["constant", "text", "0, 1, 2", "all missing"],
)
@pytest.mark.parametrize("method", ["linear", "logistic"])
def test_a_trait_that_cannot_be_tested_is_refused(
    cohort, tmp_path, out, capfd, values, says, method
):
    table = _table(cohort, tmp_path / "t.tsv", odd=values)
    arguments = _scan_of(cohort, table, out, "--pheno", "odd", "--method", method)
    line = _refused(arguments, out, capfd)
    assert says in line
    assert "odd" in line


def test_a_quantitative_trait_is_not_logistic(cohort, out, capfd):
    line = _refused(cohort.assoc(out, "--method", "logistic"), out, capfd)
    assert "bmd_spine" in line
    assert "--method linear" in line


def _scan_of(cohort: SmallCohort, table: str, out: Path, *more: str) -> list[str]:
    given = ["assoc", "--bfile", cohort.bfile, "--build", "GRCh37", "--pheno-file", table]
    return [*given, "--out", str(out), *more]


def test_collinear_covariates_are_named(cohort, tmp_path, out, capfd):
    covariates = pd.read_csv(cohort.covariates, sep="\t")
    table = tmp_path / "t.tsv"
    months = covariates.assign(months=12 * covariates["age"] + 3)
    months.to_csv(table, sep="\t", index=False)
    more = ["--covar-file", str(table), "--covar", "age,weight,months"]
    line = _refused(cohort.assoc(out, *more), out, capfd)
    assert "months is a combination of age" in line


def test_people_twice_in_a_table_are_named(cohort, tmp_path, out, capfd):
    lines = Path(cohort.phenotypes).read_text().splitlines()
    table = tmp_path / "t.tsv"
    table.write_text("\n".join([*lines, lines[1]]) + "\n")
    line = _refused(_scan_of(cohort, str(table), out, "--pheno", "bmd_spine"), out, capfd)
    assert lines[1].split()[1] in line
    assert str(table) in line


def test_a_cut_table_is_refused(cohort, tmp_path, out, capfd):
    text = Path(cohort.phenotypes).read_text()
    table = tmp_path / "t.tsv"
    table.write_text(text[: text.rindex("\t", 0, -30)])
    line = _refused(_scan_of(cohort, str(table), out, "--pheno", "bmd_spine"), out, capfd)
    assert "cut short" in line


def test_existing_output_is_refused_before_anything_is_read(cohort, out, capfd):
    out.parent.mkdir()
    theirs = Path(f"{out}.bmd_spine.qq.html")
    theirs.write_text("theirs")
    # genotypes that do not exist: whoever reads them first says so instead
    line = one_line_error(cohort.assoc(out, "--bfile", "/nowhere"), capfd)
    assert f"{theirs} exists" in line
    assert "--force" in line
    assert theirs.read_text() == "theirs"
    assert left_by(out) == [theirs.name]
    assert not Path(f"{out}.assoc.log").exists()


def test_without_genotypes_or_study(tmp_path, out, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = one_line_error(["pca", "--out", str(out)], capfd, code=2)
    assert "study.toml" in line
    assert "--bfile" in line
    assert left_by(out) == []
    line = one_line_error(["assoc", "--out", str(out)], capfd, code=2)
    assert "--pheno" in line


def test_a_file_that_is_not_there_is_named(cohort, tmp_path, out, capfd):
    missing = str(tmp_path / "missing")
    for flag, file in (("--bfile", f"{missing}.bed"), ("--vcf", missing), ("--mt", missing)):
        arguments = ["assoc", flag, missing, "--build", "GRCh37", "--pheno", "bmd_spine"]
        arguments += ["--pheno-file", cohort.phenotypes, "--out", str(out)]
        assert file in _refused(arguments, out, capfd)
    for flag in ("--keep", "--remove", "--extract", "--exclude"):
        assert missing in _refused(cohort.assoc(out, flag, missing), out, capfd)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["asoc"], "asoc"),
        (["assoc", "--phen", "x"], "--pheno"),
        (["assoc", "--method", "mixed"], "linear"),
        (["assoc", "--maf", "0.7", "--pheno", "x"], "--maf"),
        (["assoc", "--pheno", "x", "--format", "csv"], "parquet"),
        (["assoc", "--pheno", "PC9-PC1"], "PC9-PC1"),
        (["assoc", "--pheno"], "--pheno"),
        (["simulate", "--out", "x", "--set", "no_such=1"], "no_such"),
        (["pca", "--bfile", "x", "--r2", "1.5"], "r2"),
        (["pca", "--bfile", "x", "--no-prune", "--maf", "0.1"], "--no-prune"),
        (["qc", "--bfile", "x", "--het-sd", "-1"], "--het-sd"),
        (["config"], "--help"),
        (["plot", "qq", "x", "--out", ""], "got '': give it as NAME"),
        (["plot", "qq", "x", "--out", "."], "give it as ./NAME"),
        (["plot", "qq", "x", "--out", "../"], "give it as ../NAME"),
        (["qc", "--bfile", "x", "--out", "a/.."], "give it as a/../NAME"),
        (["qc", "--bfile", "x", "--out", "results/"], "give it as results/NAME"),
        (["qc", "--bfile", "x", "--out", "gs://b/"], "give it as gs://b/NAME"),
    ],
)
def test_a_wrong_command_line_exits_2(tmp_path, monkeypatch, capfd, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert says in one_line_error(arguments, capfd, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["assoc", "--pheno", "x", "--method", "wgr"],
        ["assoc", "--pheno", "x", "--method", "logistic", "--test", "spa", "--engine", "hail"],
        ["assoc", "--pheno", "x", "--method", "logistic", "--engine", "blocks", "--test", "wald"],
        *([name] for name in sorted(NOT_BUILT)),
        ["meta", "bmd.tsv.gz"],
    ],
    ids=" ".join,
)
def test_what_is_not_built_says_so(tmp_path, monkeypatch, capfd, arguments):
    monkeypatch.chdir(tmp_path)
    line = one_line_error(arguments, capfd, code=2)
    assert "not built yet" in line or "built for linear scans only" in line
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_is_not_built_is_not_offered(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    line = one_line_error(["assoc", "--method", "best"], capfd, code=2)
    assert "expected auto or linear or logistic, got best" in line


def test_the_contract_is_either_built_or_not_built():
    contract = (
        "assoc demo simulate qc ancestry pca prune images train predict residuals select clump "
        "compare munge meta h2 rg mr pleiotropy coloc mediate plot report run config"
    )
    assert set(contract.split()) <= set(COMMANDS) | NOT_BUILT
    assert not set(COMMANDS) & NOT_BUILT


def test_a_method_of_a_study_that_is_not_built_says_so(tmp_path, capfd):
    study = tmp_path / "study.toml"
    study.write_text('[genotypes]\nbfile = "x"\n[association]\nmethod = "wgr"\n')
    assert "not built yet" in one_line_error(["run", str(study)], capfd, code=2)
    assert [p.name for p in tmp_path.iterdir()] == ["study.toml"]


def test_all_faults_of_a_study_at_once(tmp_path, monkeypatch, capfd):
    (tmp_path / "study.toml").write_text(
        '[genotypes]\nbfle = "x"\n[qc]\nmaf = 2.0\n[pca]\nr2 = "high"\n[asociation]\n'
    )
    monkeypatch.chdir(tmp_path)
    for arguments in (["config", "check"], ["run"], ["assoc", "--pheno", "x"]):
        line = one_line_error(arguments, capfd)
        for fault in (
            "genotypes.bfle (did you mean bfile?)",
            "maf = 2.0 (expected 0 to 0.5)",
            "pca.r2: expected a number, got 'high'",
            "[asociation] (did you mean association?)",
        ):
            assert fault in line
    assert [p.name for p in tmp_path.iterdir()] == ["study.toml"]


def test_debug_shows_the_traceback(cohort, out, capfd):
    assert main(cohort.assoc(out, "--debug", pheno="nothing")) == 1
    err = capfd.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert "InputError" in err
    assert err.splitlines()[-1].startswith("error: expected a column nothing")


def test_an_error_nobody_planned_for_is_one_line(cohort, out, capfd, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Java stack\n  at is.hail.Something(Something.scala:1)\n  at more")

    monkeypatch.setattr("gwasbone.steps.scan.scan_cohort", fail)
    line = _refused(cohort.assoc(out), out, capfd)
    assert line == "error: unexpected RuntimeError: Java stack (give --debug for the traceback)"


def test_a_message_of_several_lines_becomes_one(cohort, out, capfd, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise InputError("line 3:\n  expected a number")

    monkeypatch.setattr("gwasbone.steps.scan.scan_cohort", fail)
    assert _refused(cohort.assoc(out), out, capfd) == "error: line 3: expected a number"


def test_the_log_of_a_failed_run_stays_and_ends_with_the_error(cohort, out, capfd):
    _refused(cohort.assoc(out, pheno="nothing"), out, capfd)
    lines = Path(f"{out}.assoc.log").read_text().splitlines()
    assert "ERROR failed: expected a column nothing" in lines[-2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 128 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here to make a small disk with")
    if done.returncode != 0:
        pytest.skip(f"a small tmpfs cannot be mounted (needs root): {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.hail
def test_a_full_disk_while_results_are_written(hail_session, cohort, small_disk, capfd):
    out = small_disk / "scan"
    line = one_line_error(cohort.assoc(out), capfd)
    assert f"disk full while writing to {small_disk}" in line
    assert left_by(out) == []


@pytest.mark.hail
@pytest.mark.slow
def test_a_full_disk_under_hail(cohort, small_disk):
    out = small_disk / "scan"
    more = ["--engine", "hail", "--memory", "2", "--chr", "1,2"]
    done = gwasbone(*cohort.assoc(out, *more))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"disk full while writing to {small_disk}" in done.stderr
    assert left_by(out) == []


def _monomorphic_in_half(folder: Path) -> None:
    """40 samples, 3 variants that are carried in the first 20 only; `none` is known in the rest."""
    calls = np.zeros((40, 3), dtype=np.float32)
    calls[:20] = np.random.default_rng(4).integers(0, 3, (20, 3))
    to_bed(
        folder / "g.bed", calls,
        properties={
            "iid": [f"p{i}" for i in range(40)], "fid": ["f"] * 40, "chromosome": ["1"] * 3,
            "bp_position": [1000, 2000, 3000], "sid": ["a", "b", "c"],
            "allele_1": ["G"] * 3, "allele_2": ["A"] * 3,
        },
    )  # fmt: skip
    y = np.random.default_rng(5).normal(size=40)
    table = pd.DataFrame({"IID": [f"p{i}" for i in range(40)], "all": y, "none": y, "nil": y})
    table.loc[:19, ["none", "nil"]] = np.nan
    table.to_csv(folder / "y.tsv", sep="\t", index=False, na_rep="NA")


def test_a_scan_in_which_nothing_can_be_tested_is_an_error(tmp_path, out, capfd):
    _monomorphic_in_half(tmp_path)
    arguments = ["assoc", "--bfile", str(tmp_path / "g"), "--build", "GRCh37", "--pheno-file",
                 str(tmp_path / "y.tsv"), "--no-plots", "--out", str(out), "--pheno"]  # fmt: skip
    line = _refused([*arguments, "none,nil"], out, capfd)
    assert (
        "expected variants to test, none: none of 3 variants could be tested (3 monomorphic); nil: "
        "none of 3 variants could be tested (3 monomorphic): look at the call rates"
    ) in line
    assert main([*arguments, "all,none"]) == 0
    assert (
        "warning: none: none of 3 variants could be tested (3 monomorphic)"
        in capfd.readouterr().err
    )
    assert {"scan.all.tsv.gz", "scan.none.untested.tsv.gz"} <= set(left_by(out))
