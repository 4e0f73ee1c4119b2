"""``gwasbone assoc``: the files of the contract, its filters against PLINK 2, study folders."""

from __future__ import annotations

import dataclasses
import gzip
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from small_cohort import SmallCohort, left_by, make_small_cohort

from gwasbone.association.ssf import read_ssf
from gwasbone.cli import join_vcf_files, main

pytestmark = pytest.mark.hail

SSF_HEADER = (
    "chromosome base_pair_location effect_allele other_allele beta standard_error "
    "effect_allele_frequency neg_log_10_p_value variant_id n call_rate test rsid source_id"
).split()


@pytest.fixture(scope="module")
def cohort(hail_session, tmp_path_factory: pytest.TempPathFactory) -> SmallCohort:
    made = make_small_cohort(tmp_path_factory.mktemp("assoc") / "cohort")
    covariates = pd.read_csv(made.covariates, sep="\t", dtype={"FID": str, "IID": str})
    rng = np.random.default_rng(1)
    pcs = {f"PC{i}": rng.standard_normal(len(covariates)) for i in (1, 2, 3)}
    covariates.assign(**pcs).to_csv(made.covariates, sep="\t", index=False)
    return made


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values="#NA", keep_default_na=False)


@dataclasses.dataclass(frozen=True)
class Scan:
    """A finished scan."""

    out: Path
    stdout: str
    stderr: str

    def tested(self, trait: str = "bmd_spine") -> pd.DataFrame:
        return _table(Path(f"{self.out}.{trait}.tsv.gz"))

    def untested(self, trait: str = "bmd_spine") -> pd.DataFrame:
        return _table(Path(f"{self.out}.{trait}.untested.tsv.gz"))

    @property
    def log(self) -> str:
        return Path(f"{self.out}.log").read_text()


@pytest.fixture
def scan(cohort: SmallCohort, tmp_path: Path, capfd):
    def run(*more: str, pheno: str = "bmd_spine", plots: bool = False) -> Scan:
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}" / "scan"
        arguments = cohort.assoc(out, *more, *(() if plots else ("--no-plots",)), pheno=pheno)
        code = main(arguments)
        captured = capfd.readouterr()
        assert code == 0, captured.err
        return Scan(out, captured.out, captured.err)

    return run


def test_the_files_of_the_contract_and_nothing_else(scan, cohort):
    more = ["--covar-file", cohort.covariates, "--covar", "sex,age,PC1-PC2", "--cat-covar", "array"]
    done = scan(*more, pheno="bmd_spine,null_trait", plots=True)
    assert left_by(done.out) == sorted(
        f"scan.{trait}.{end}"
        for trait in ("bmd_spine", "null_trait")
        for end in (
            "tsv.gz", "tsv.gz-meta.yaml", "untested.tsv.gz", "manhattan.html", "qq.html",
        )
    )  # fmt: skip
    tested, untested = done.tested(), done.untested()
    assert list(tested.columns) == SSF_HEADER
    assert untested.columns[-1] == "status"
    assert len(tested) + len(untested) == 300
    assert set(untested["status"]) <= {"monomorphic", "collinear_genotype"}
    place = tested[["chromosome", "base_pair_location"]].apply(tuple, axis=1)
    assert place.is_monotonic_increasing
    assert set(tested["chromosome"]) == {1, 2, 23}
    first = tested.iloc[0]
    parts = ("chromosome", "base_pair_location", "other_allele", "effect_allele")
    assert first["variant_id"] == "_".join(str(first[name]) for name in parts)
    assert tested["rsid"].str.match(r"rs\d+$").all()
    sidecar = yaml.safe_load(Path(f"{done.out}.bmd_spine.tsv.gz-meta.yaml").read_text())
    assert sidecar["data_file_name"] == "scan.bmd_spine.tsv.gz"
    for page in done.out.parent.glob("*.html"):
        assert page.stat().st_size > 10_000


def test_what_the_log_and_the_screen_say(scan, cohort):
    more = ["--covar-file", cohort.covariates, "--covar", "PC1-PC2", "--maf", "0.05", "--chr", "1"]
    done = scan(*more)
    log = done.log
    assert "gwasbone 0.1.0: gwasbone assoc --bfile" in log
    assert "hail 0.2.139" in log
    for option in ("covariates = PC1, PC2", "maf = 0.05", "chromosomes = 1", "method = linear"):
        assert f"option {option}" in log
    assert "genotypes: " in log
    assert "200 people, 300 variants" in log
    assert re.search(r"--chr 1 removes \d+ variants", log)
    assert re.search(r"frequency .*0\.05.* removes \d+ variants", log)
    kept = int(re.findall(r"kept: 200 people, (\d+) variants", log)[-1])
    assert kept == len(done.tested()) + len(done.untested())
    assert re.search(r"bmd_spine: n = \d+, 2 covariates", log)
    shown = float(re.search(r"bmd_spine: lambda_GC = (\S+)", log)[1])  # type: ignore[index]
    p = done.tested()["neg_log_10_p_value"]
    from scipy.stats import chi2

    assert shown == pytest.approx(chi2.isf(10 ** -p.median(), 1) / chi2.median(1), abs=2e-4)
    assert re.search(r"done in \S+ s", log.splitlines()[-1])
    assert "bmd_spine" in done.stdout
    assert done.stderr == ""


def test_the_effect_is_that_of_least_squares(scan, cohort):
    """An oracle that shares nothing with the scan but the input files."""
    more = ["--covar-file", cohort.covariates, "--covar", "sex,age,PC1-PC2"]
    tested = scan(*more).tested().set_index("source_id")
    from bed_reader import open_bed

    bed = open_bed(f"{cohort.bfile}.bed", count_A1=True)
    people = pd.Index(bed.iid)
    read = {"sep": "\t", "dtype": {"IID": str}, "index_col": "IID"}
    y = pd.read_csv(cohort.phenotypes, **read).loc[people, "bmd_spine"].to_numpy()
    X = pd.read_csv(cohort.covariates, **read).loc[people, ["sex", "age", "PC1", "PC2"]]
    on = ~np.isnan(y)
    G = bed.read()[on]
    autosomal = np.flatnonzero((bed.chromosome != "23") & (np.nanstd(G, axis=0) > 0))
    for column in autosomal[:: len(autosomal) // 8]:
        g = np.where(np.isnan(G[:, column]), np.nanmean(G[:, column]), G[:, column])
        design = np.column_stack([g, np.ones(on.sum()), X[on]])
        beta = np.linalg.lstsq(design, y[on], rcond=None)[0]
        residual = y[on] - design @ beta
        variance = residual @ residual / (on.sum() - design.shape[1])
        row = tested.loc[bed.sid[column]]
        assert row["beta"] == pytest.approx(beta[0], rel=1e-5)
        se = np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
        assert row["standard_error"] == pytest.approx(se, rel=1e-5)
        assert row["n"] == on.sum()
        assert row["effect_allele"] == bed.allele_1[column]


def _plink_counts(plink2: str, cohort: SmallCohort, folder: Path, *flags: str) -> tuple[int, int]:
    """People and variants that PLINK 2 keeps."""
    out = folder / "plink"
    command = [plink2, "--bfile", cohort.bfile, *flags, "--make-just-pvar", "--make-just-psam"]
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)

    def rows(path: str) -> int:
        lines = Path(path).read_text().splitlines()
        return sum(not line.startswith("#") for line in lines)

    return rows(f"{out}.psam"), rows(f"{out}.pvar")


@pytest.fixture(scope="module")
def lists(cohort: SmallCohort, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Lists for --keep and the like: 120 people, 40 others, 90 variants, 30 others."""
    folder = tmp_path_factory.mktemp("lists")
    fam = [line.split()[:2] for line in Path(f"{cohort.bfile}.fam").read_text().splitlines()]
    bim = [line.split()[1] for line in Path(f"{cohort.bfile}.bim").read_text().splitlines()]
    content = {
        "keep": "\n".join(" ".join(pair) for pair in fam[:120]),
        "remove": "\n".join(pair[1] for pair in fam[100:140]),
        "extract": "\n".join(bim[::2][:90]),
        "exclude": "\n".join(bim[10:40]),
    }
    for name, text in content.items():
        (folder / name).write_text(text + "\n")
    return {name: str(folder / name) for name in content}


@pytest.mark.peer
@pytest.mark.parametrize(
    "flags",
    [
        ["--keep", "@keep", "--exclude", "@exclude"],
        ["--remove", "@remove", "--extract", "@extract"],
        ["--keep", "@keep", "--remove", "@remove", "--chr", "2,X"],
        ["--maf", "0.05", "--geno", "0.02"],
        ["--mac", "8", "--chr", "1-2"],
        ["--hwe", "0.01", "--chr", "1,2"],
        ["--mind", "0.03", "--chr", "1-2"],
    ],
    ids=lambda flags: " ".join(flags),
)
def test_filters_keep_what_plink2_keeps(scan, cohort, lists, plink2, tmp_path, flags):
    flags = [lists[flag[1:]] if flag.startswith("@") else flag for flag in flags]
    done = scan(*flags)
    kept = re.findall(r"kept: ([\d,]+) people, ([\d,]+) variants", done.log)[-1]
    n, m = _plink_counts(plink2, cohort, tmp_path, *flags)
    assert (n, m) != (200, 300)
    assert (int(kept[0]), int(kept[1])) == (n, m)
    assert len(done.tested()) + len(done.untested()) == m
    assert done.tested()["n"].max() <= n


def test_wide_parquet(scan):
    done = scan("--format", "parquet", pheno="bmd_spine,bmd_hip")
    assert left_by(done.out) == ["scan.parquet"]
    wide = pd.read_parquet(f"{done.out}.parquet")
    assert len(wide) == 300
    assert {"bmd_spine.beta", "bmd_hip.neg_log10_p", "bmd_hip.status"} <= set(wide.columns)


def test_both_formats_hold_the_same(scan):
    done = scan("--format", "ssf,parquet")
    wide = pd.read_parquet(f"{done.out}.parquet")
    beta = next(name for name in wide.columns if name.endswith("beta"))
    tested = done.tested()
    np.testing.assert_allclose(wide[beta].dropna(), tested["beta"], rtol=1e-6)


def test_each_trait_keeps_its_own_people(scan, cohort):
    done = scan(pheno="bmd_spine,bmd_hip,null_trait")
    table = pd.read_csv(cohort.phenotypes, sep="\t")
    for trait in ("bmd_spine", "bmd_hip", "null_trait"):
        assert set(done.tested(trait)["n"]) == {table[trait].notna().sum()}
    assert (
        table[["bmd_spine", "bmd_hip", "null_trait"]].notna().all(axis=1).sum()
        < table["bmd_spine"].notna().sum()
    )


def test_rint_sees_only_ranks(scan, cohort, tmp_path):
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    cubed = tmp_path / "cubed.tsv"
    table.assign(cubed=np.exp(3 * table["bmd_spine"])).drop(columns=["bmd_spine"]).to_csv(
        cubed, sep="\t", index=False, na_rep="NA"
    )
    plain = scan("--rint", "--chr", "1").tested()
    other = scan("--rint", "--chr", "1", "--pheno-file", str(cubed), "--pheno", "cubed")
    np.testing.assert_allclose(other.tested("cubed")["beta"], plain["beta"], rtol=1e-5)
    raw = scan("--chr", "1").tested()
    assert not np.allclose(raw["beta"], plain["beta"], rtol=1e-2)


def test_logistic_reports_log_odds_and_its_test(scan, cohort, tmp_path):
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    case = np.where(table["bmd_spine"] > table["bmd_spine"].median(), 2, 1)
    coded = np.where(table["bmd_spine"].isna(), -9, case)
    path = tmp_path / "cases.tsv"
    pd.DataFrame({"IID": table["IID"], "low": coded}).to_csv(path, sep="\t", index=False)
    more = ["--method", "logistic", "--pheno", "low", "--pheno-file", str(path), "--chr", "1"]
    done = scan(*more, "--binary-coding", "12")
    tested = done.tested("low")
    assert set(tested["test"]) <= {"score", "firth"}
    assert set(tested["n"]) == {table["bmd_spine"].notna().sum()}
    assert "not built" not in done.stderr


def test_fid_iid_tells_people_of_one_iid_apart(cohort, tmp_path, capfd):
    copy = cohort.copy(tmp_path / "copy")
    for path in (f"{copy.bfile}.fam", copy.phenotypes):
        lines = Path(path).read_text().splitlines(keepends=True)
        start = 0 if path.endswith(".fam") else 1
        # two families with a person "1" each
        for row, family in ((start, "a"), (start + 1, "b")):
            fields = re.split(r"(\s+)", lines[row])
            fields[0], fields[2] = family, "1"
            lines[row] = "".join(fields)
        Path(path).write_text("".join(lines))
    out = tmp_path / "out" / "scan"
    arguments = copy.assoc(out, "--no-plots", "--chr", "1")
    assert main(arguments) == 1
    assert "--id fid_iid" in capfd.readouterr().err
    assert main([*arguments, "--id", "fid_iid"]) == 0
    n = pd.read_csv(copy.phenotypes, sep="\t")["bmd_spine"].notna().sum()
    assert set(_table(Path(f"{out}.bmd_spine.tsv.gz"))["n"]) == {n}


def test_a_scan_of_the_vcf_gives_the_same(scan, cohort, tmp_path, capfd):
    out = tmp_path / "vcf" / "scan"
    arguments = ["assoc", "--vcf", cohort.vcf, "--pheno", "bmd_spine", "--no-plots"]
    arguments += ["--pheno-file", cohort.phenotypes, "--out", str(out), "--build", "GRCh37"]
    assert main(arguments) == 0, capfd.readouterr().err
    from_vcf, from_bed = _table(Path(f"{out}.bmd_spine.tsv.gz")), scan().tested()
    on = from_bed["chromosome"] < 23
    pd.testing.assert_frame_equal(
        from_vcf[from_vcf["chromosome"] < 23], from_bed[on], check_exact=False, rtol=1e-6
    )


def test_a_glob_that_the_shell_wrote_out():
    words = ["assoc", "--vcf", "1.vcf", "2.vcf", "X.vcf", "--pheno", "bmd", "--out", "o"]
    joined = ["assoc", "--vcf", "1.vcf,2.vcf,X.vcf", "--pheno", "bmd", "--out", "o"]
    assert join_vcf_files(words) == joined
    assert join_vcf_files(joined) == joined
    assert join_vcf_files(["select", "a", "b"]) == ["select", "a", "b"]
    assert join_vcf_files(["assoc", "--vcf"]) == ["assoc", "--vcf"]


def test_force_replaces_what_an_earlier_scan_left(scan, cohort, capfd):
    done = scan("--chr", "1", plots=True)
    before = done.tested()
    arguments = cohort.assoc(done.out, "--chr", "2", "--no-plots")
    assert main(arguments) == 1
    assert "exists" in capfd.readouterr().err
    pd.testing.assert_frame_equal(done.tested(), before)
    assert main([*arguments, "--force"]) == 0
    assert set(done.tested()["chromosome"]) == {2}


STUDY = """
[study]
build = "GRCh37"
[genotypes]
bfile = "data/genotypes"
[phenotypes]
tables = ["data/phenotypes.tsv", "data/covariates.tsv"]
[covariates]
quantitative = ["sex", "age"]
"""


@pytest.fixture
def study(cohort: SmallCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    cohort.copy(folder / "data")
    (folder / "study.toml").write_text(STUDY)
    monkeypatch.chdir(folder)
    return folder


def test_inside_a_study_a_trait_is_enough(study, scan, cohort, capfd):
    assert main(["assoc", "--pheno", "bmd_spine"]) == 0
    err = capfd.readouterr().err
    assert "not up to date: genotypes" in err
    assert [line for line in err.splitlines() if not line.startswith("warning: ")] == []
    ours = _table(study / "gwasbone.bmd_spine.tsv.gz")
    flags = scan("--covar-file", cohort.covariates, "--covar", "sex,age").tested()
    pd.testing.assert_frame_equal(ours, flags)


def test_flags_win_over_the_study(study, cohort, capfd):
    """A trait's own table; covariates that are not in it still come from the study."""
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    age = pd.read_csv(cohort.covariates, sep="\t")["age"]
    own = table[["IID"]].assign(bmd_spine=-table["bmd_spine"], age=age[::-1].to_numpy())
    own.to_csv("own.tsv", sep="\t", index=False, na_rep="NA")
    common = ["assoc", "--pheno", "bmd_spine", "--chr", "1", "--no-plots"]
    assert main([*common, "--out", "a", "--pheno-file", "own.tsv"]) == 0, capfd.readouterr().err
    assert main([*common, "--out", "b", "--covar-file", "own.tsv"]) == 0, capfd.readouterr().err
    a, b = _table(Path("a.bmd_spine.tsv.gz")), _table(Path("b.bmd_spine.tsv.gz"))
    # the same reversed ages and the study's sex in both, the trait's sign reversed in one
    np.testing.assert_allclose(a["beta"], -b["beta"], rtol=1e-5)
    assert main([*common, "--out", "c", "--covar", "weight"]) == 0
    assert "option covariates = weight" in Path("c.log").read_text()


def test_a_name_in_two_tables_of_a_study_names_both(study, capfd):
    table = pd.read_csv("data/phenotypes.tsv", sep="\t")
    table[["IID", "bmd_hip"]].to_csv("again.tsv", sep="\t", index=False)
    text = STUDY.replace('covariates.tsv"]', 'covariates.tsv", "again.tsv"]')
    Path("study.toml").write_text(text)
    assert main(["assoc", "--pheno", "bmd_hip"]) == 1
    err = capfd.readouterr().err
    assert "data/phenotypes.tsv and " in err
    assert "again.tsv" in err


def test_select_takes_what_assoc_wrote(scan, capfd, tmp_path):
    done = scan(pheno="bmd_spine,bmd_hip")
    files = sorted(str(p) for p in done.out.parent.glob("scan.bmd_*.tsv.gz"))
    files = [name for name in files if "untested" not in name]
    out = tmp_path / "leads"
    assert main(["select", *files, "--p", "0.01", "--out", str(out)]) == 0
    leads = pd.read_csv(f"{out}.leads.tsv", sep="\t")
    assert set(leads["trait"]) == {"bmd_spine", "bmd_hip"}
    best = read_ssf(f"{done.out}.bmd_hip.tsv.gz").nlargest(1, "neg_log10_p").iloc[0]
    assert best["source_id"] in set(leads.loc[leads["trait"] == "bmd_hip", "source_id"])


def test_the_files_are_gzip_without_a_time(scan):
    done = scan("--chr", "1")
    raw = Path(f"{done.out}.bmd_spine.tsv.gz").read_bytes()
    assert raw[4:8] == b"\0\0\0\0"
    assert gzip.decompress(raw).startswith(b"chromosome\t")
