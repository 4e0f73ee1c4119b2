"""``gwasbone assoc``: the files of the contract, its filters against PLINK 2, study folders."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from bed_reader import open_bed
from scipy.stats import chi2
from small_cohort import SmallCohort, left_by, make_small_cohort

from gwasbone.cli import main
from gwasbone.cohort.model import Cohort
from gwasbone.errors import GwasboneError
from gwasbone.steps.scan import ScanRequest, output_paths

pytestmark = pytest.mark.hail

SSF_HEADER = [
    "chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error",
    "effect_allele_frequency", "neg_log_10_p_value", "variant_id", "n", "call_rate", "test",
    "rsid", "source_id",
]  # fmt: skip
TRAITS = ("bmd_spine", "bmd_hip", "null_trait")


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
        return Path(f"{self.out}.assoc.log").read_text()


@pytest.fixture(scope="module")
def base(cohort: SmallCohort, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """One scan of three traits with everything written, which most tests look at."""
    out = tmp_path_factory.mktemp("base") / "results" / "scan"
    more = ["--covar-file", cohort.covariates, "--covar", "sex,age,PC1-PC2", "--cat-covar", "array"]
    assert main(cohort.assoc(out, *more, "--format", "ssf,parquet", pheno=",".join(TRAITS))) == 0
    return Scan(out, "", "")


@pytest.fixture
def scan(cohort: SmallCohort, tmp_path: Path, capfd):
    def run(*more: str, pheno: str = "bmd_spine") -> Scan:
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}" / "scan"
        code = main(cohort.assoc(out, *more, "--no-plots", pheno=pheno))
        captured = capfd.readouterr()
        assert code == 0, captured.err
        return Scan(out, captured.out, captured.err)

    return run


@dataclasses.dataclass(frozen=True)
class Planned:
    """What a scan would have been given."""

    cohort: Cohort
    request: ScanRequest
    phenotypes: pd.DataFrame


@pytest.fixture
def planned(tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch):
    """Runs a command up to the scan itself, which is what takes long."""

    class EnoughError(GwasboneError):
        """Stops the command."""

    plans: list[Planned] = []

    def stop(cohort, request, phenotypes, prefix, *, threads, folder):
        plans.append(Planned(cohort, request, phenotypes))
        raise EnoughError("enough")

    def plan(arguments: list[str]) -> Planned:
        monkeypatch.setattr("gwasbone.steps.scan.run_scan", stop)
        assert main(arguments) == 1
        assert capfd.readouterr().err.splitlines()[-1] == "error: enough"
        return plans.pop()

    return plan


def test_the_files_of_the_contract_and_nothing_else(base):
    endings = ("tsv.gz", "tsv.gz-meta.yaml", "untested.tsv.gz", "manhattan.html", "qq.html")
    expected = [f"scan.{trait}.{end}" for trait in TRAITS for end in endings]
    assert left_by(base.out) == sorted([*expected, "scan.parquet"])
    tested, untested = base.tested(), base.untested()
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
    sidecar = yaml.safe_load(Path(f"{base.out}.bmd_spine.tsv.gz-meta.yaml").read_text())
    assert sidecar["data_file_name"] == "scan.bmd_spine.tsv.gz"
    for page in base.out.parent.glob("*.html"):
        assert page.stat().st_size > 10_000


def test_what_the_log_and_the_screen_say(scan, cohort):
    more = ["--covar-file", cohort.covariates, "--covar", "PC1-PC2", "--maf", "0.06", "--chr", "1"]
    done = scan(*more)
    log = done.log
    assert "gwasbone 0.1.0: gwasbone assoc --bfile" in log
    assert "hail 0.2.139" in log
    for option in ("covariates = PC1, PC2", "maf = 0.06", "chromosomes = 1", "method = auto"):
        assert f"option {option}" in log
    assert re.search(r"genotypes: \S+genotypes.bed, 200 samples, 300 variants", log)
    assert re.search(r"--chr 1 removes \d+ variants", log)
    assert re.search(r"minor-allele frequency .*0\.06.* removes \d+ variants", log)
    kept = int(re.findall(r"kept: 200 samples, (\d+) variants", log)[-1])
    assert kept == len(done.tested()) + len(done.untested())
    assert re.search(r"bmd_spine: n = \d+, 2 covariates", log)
    shown = float(re.findall(r"bmd_spine: lambda_GC = (\S+)", log)[0])
    p = 10 ** -done.tested()["neg_log_10_p_value"]
    assert shown == pytest.approx(np.median(chi2.isf(p, 1)) / chi2.median(1), abs=2e-4)
    assert re.search(r"done in \S+ s", log.splitlines()[-1])
    assert "bmd_spine" in done.stdout
    assert done.stderr == ""


def test_the_effect_is_that_of_least_squares(base, cohort):
    """An oracle that shares nothing with the scan but the input files."""
    tested = base.tested().set_index("source_id")
    bed = open_bed(f"{cohort.bfile}.bed", count_A1=True)
    read = {"sep": "\t", "dtype": {"IID": str}, "index_col": "IID"}
    y = pd.read_csv(cohort.phenotypes, **read).loc[bed.iid, "bmd_spine"].to_numpy()
    covariates = pd.read_csv(cohort.covariates, **read).loc[bed.iid]
    X = covariates[["sex", "age", "PC1", "PC2"]].assign(
        array=covariates["array"] == covariates["array"].iloc[0]
    )
    on = ~np.isnan(y)
    X, y, G = X[on].to_numpy(float), y[on], bed.read()[on]
    autosomal = np.flatnonzero((bed.chromosome != "23") & (np.nanstd(G, axis=0) > 0))
    for column in autosomal[:: len(autosomal) // 8]:
        g = np.where(np.isnan(G[:, column]), np.nanmean(G[:, column]), G[:, column])
        design = np.column_stack([g, np.ones(len(y)), X])
        beta = np.linalg.lstsq(design, y, rcond=None)[0]
        residual = y - design @ beta
        variance = residual @ residual / (len(y) - design.shape[1])
        row = tested.loc[bed.sid[column]]
        assert row["beta"] == pytest.approx(beta[0], rel=1e-5)
        se = np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
        assert row["standard_error"] == pytest.approx(se, rel=1e-5)
        assert row["n"] == len(y)
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
        "remove": "\n".join(" ".join(pair) for pair in fam[100:140]),
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
        ["--maf", "0.051", "--geno", "0.021"],
        ["--mac", "8", "--hwe", "0.011", "--chr", "1-2"],
        ["--mind", "0.031", "--chr", "1,2"],
    ],
    ids=" ".join,
)
def test_filters_keep_what_plink2_keeps(planned, cohort, lists, plink2, tmp_path, flags):
    flags = [lists[flag[1:]] if flag.startswith("@") else flag for flag in flags]
    plan = planned(cohort.assoc(tmp_path / "scan", *flags))
    theirs = _plink_counts(plink2, cohort, tmp_path, *flags)
    assert theirs != (200, 300)
    assert (plan.cohort.people.n_kept, plan.cohort.variants.n_kept) == theirs
    log = (tmp_path / "scan.assoc.log").read_text()
    assert f"kept: {theirs[0]} samples, {theirs[1]} variants" in log


@pytest.mark.peer
@pytest.mark.parametrize(
    "flags",
    [
        ["--maf", "0.05", "--chr", "1-2"],
        ["--geno", "0.02", "--chr", "1-2"],
        ["--mind", "0.03", "--chr", "1-2"],
    ],
    ids=" ".join,
)
def test_filters_keep_what_lies_on_the_threshold(planned, cohort, plink2, tmp_path, flags):
    """20 of 400 alleles are 0.05, 4 of 200 people 0.02, 6 of 200 variants 0.03."""
    plan = planned(cohort.assoc(tmp_path / "scan", *flags))
    theirs = _plink_counts(plink2, cohort, tmp_path, *flags)
    assert (plan.cohort.people.n_kept, plan.cohort.variants.n_kept) == theirs


def test_wide_parquet_holds_the_same(base):
    wide = pd.read_parquet(f"{base.out}.parquet")
    assert len(wide) == 300
    for trait in TRAITS:
        beta = wide.loc[wide[f"{trait}.status"] == "", f"{trait}.beta"]
        np.testing.assert_allclose(beta, base.tested(trait)["beta"], rtol=1e-6)


def test_only_what_is_asked_for_is_written(cohort, tmp_path):
    request = ScanRequest(traits=("a", "b"), formats=("parquet",), plots=False)
    assert output_paths(request, tmp_path / "scan") == [tmp_path / "scan.parquet"]


def test_each_trait_keeps_its_own_people(base, cohort):
    table = pd.read_csv(cohort.phenotypes, sep="\t")[list(TRAITS)].notna()
    for trait in TRAITS:
        assert set(base.tested(trait)["n"]) == {table[trait].sum()}
    assert table.all(axis=1).sum() < table["bmd_spine"].sum()


def test_rint_sees_only_ranks(scan, base, cohort, tmp_path):
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    path = tmp_path / "cubed.tsv"
    cubed = table[["IID"]].assign(cubed=np.exp(3 * table["bmd_spine"]))
    cubed.to_csv(path, sep="\t", index=False, na_rep="NA")
    more = ["--rint", "--chr", "1", "--pheno-file", str(path)]
    done = scan(*more, pheno="bmd_spine,cubed")
    plain = done.tested("bmd_spine")
    np.testing.assert_allclose(done.tested("cubed")["beta"], plain["beta"], rtol=1e-5)
    raw = base.tested().set_index("variant_id").loc[plain["variant_id"], "beta"]
    assert not np.allclose(raw, plain["beta"], rtol=1e-2)


def test_logistic_reports_log_odds_and_its_test(scan, cohort, tmp_path):
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    case = np.where(table["bmd_spine"] > table["bmd_spine"].median(), 2, 1)
    coded = np.where(table["bmd_spine"].isna(), -9, case)
    path = tmp_path / "cases.tsv"
    pd.DataFrame({"IID": table["IID"], "low": coded}).to_csv(path, sep="\t", index=False)
    more = ["--method", "logistic", "--pheno-file", str(path), "--chr", "1"]
    tested = scan(*more, "--binary-coding", "12", pheno="low").tested("low")
    assert set(tested["test"]) == {"score", "firth"}
    firth = tested["test"] == "firth"
    # which test a variant gets is decided by its score p
    assert (tested.loc[~firth, "neg_log_10_p_value"] <= -np.log10(0.05) + 1e-9).all()
    assert set(tested["n"]) == {table["bmd_spine"].notna().sum()}
    assert tested["beta"].abs().max() > 0.5


def test_quantitative_and_binary_traits_in_one_command(scan, cohort, tmp_path):
    table = pd.read_csv(cohort.phenotypes, sep="\t", dtype={"FID": str, "IID": str})
    low = (table["bmd_spine"] < table["bmd_spine"].quantile(0.3)).astype(float)
    low = low.where(table["bmd_spine"].notna())
    path = tmp_path / "traits.tsv"
    columns = {"IID": table["IID"], "low": low, "bmd": table["bmd_spine"]}
    pd.DataFrame(columns).to_csv(path, sep="\t", index=False, na_rep="NA")
    more = ["--pheno-file", str(path), "--chr", "1"]
    done = scan(*more, "--format", "ssf,parquet", pheno="bmd,low")
    for trait, method, settings in (
        ("bmd", "linear", "(linear, t, blocks)"), ("low", "logistic", "(logistic, score, blocks)")
    ):  # fmt: skip
        forced = scan(*more, "--method", method, pheno=trait)
        pd.testing.assert_frame_equal(done.tested(trait), forced.tested(trait), check_exact=True)
        sidecar = yaml.safe_load(Path(f"{done.out}.{trait}.tsv.gz-meta.yaml").read_text())
        assert sidecar["analysis_software"].endswith(settings)
        assert sidecar["samples"][0]["case_control_study"] == (method == "logistic")
        assert re.search(rf"^ *{trait} +\d+ +{method} ", done.stdout, re.MULTILINE)
        assert f"{trait}: {method} regression" in done.log
    wide = pd.read_parquet(f"{done.out}.parquet")
    assert set(wide["bmd.test"]) - {""} == {"t"}
    assert set(wide["low.test"]) - {""} == {"score", "firth"}


def test_fid_iid_tells_people_of_one_iid_apart(planned, cohort, tmp_path, capfd):
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
    arguments = copy.assoc(tmp_path / "scan")
    assert main(arguments) == 1
    assert "name participants by FID_IID" in capfd.readouterr().err
    plan = planned([*arguments, "--id", "fid_iid"])
    assert {"a_1", "b_1"} <= set(plan.cohort.people.table.index) & set(plan.phenotypes.index)


@pytest.mark.slow
def test_a_scan_of_the_vcf_gives_the_same(cohort, base, tmp_path, capfd):
    out = tmp_path / "vcf" / "scan"
    arguments = ["assoc", "--vcf", cohort.vcf, "--pheno", "bmd_spine", "--no-plots"]
    arguments += ["--pheno-file", cohort.phenotypes, "--out", str(out), "--chr", "1,2"]
    arguments += ["--covar-file", cohort.covariates, "--covar", "sex,age,PC1-PC2"]
    assert main([*arguments, "--cat-covar", "array"]) == 0, capfd.readouterr().err
    from_vcf, from_bed = _table(Path(f"{out}.bmd_spine.tsv.gz")), base.tested()
    autosomal = from_bed[from_bed["chromosome"] < 23]
    # the engines differ: of .bed files blocks are multiplied in float32
    pd.testing.assert_frame_equal(from_vcf, autosomal, check_exact=False, rtol=1e-4, atol=1e-6)


def test_force_replaces_what_an_earlier_scan_left(cohort, tmp_path, capfd):
    out = tmp_path / "scan"
    theirs = [Path(f"{out}.bmd_spine.{end}") for end in ("tsv.gz", "untested.tsv.gz")]
    for path in theirs:
        path.write_text("theirs")
    arguments = cohort.assoc(out, "--chr", "2", "--no-plots")
    assert main(arguments) == 1
    assert "exists" in capfd.readouterr().err
    assert [path.read_text() for path in theirs] == ["theirs"] * 2
    assert main([*arguments, "--force"]) == 0
    assert set(_table(theirs[0])["chromosome"]) == {2}
    assert left_by(out) == sorted([*(p.name for p in theirs), "scan.bmd_spine.tsv.gz-meta.yaml"])


STUDY = """
[study]
build = "GRCh37"
[genotypes]
bfile = "data/genotypes"
[phenotypes]
tables = ["data/phenotypes.tsv", "data/covariates.tsv"]
[covariates]
quantitative = ["sex", "age", "PC1-PC2"]
categorical = ["array"]
"""


@pytest.fixture
def study(cohort: SmallCohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    cohort.copy(folder / "data")
    (folder / "study.toml").write_text(STUDY)
    monkeypatch.chdir(folder)
    return folder


def test_inside_a_study_a_trait_is_enough(study, base, capfd):
    assert main(["assoc", "--pheno", "bmd_spine"]) == 0
    captured = capfd.readouterr()
    # nothing of this study was run, so nobody is filtered out, and that is said
    assert "not up to date: genotypes, people" in captured.err
    assert len(captured.err.splitlines()) == 1
    assert "gwasbone.bmd_spine.tsv.gz" in captured.out
    ours = _table(study / "gwasbone.bmd_spine.tsv.gz")
    pd.testing.assert_frame_equal(ours, base.tested())


def test_flags_win_over_the_study(study, planned):
    """Traits only from their own table; covariates that are not in it still from the study's."""
    study_ages = pd.read_csv("data/covariates.tsv", sep="\t", dtype={"IID": str})
    own = study_ages[["IID"]].assign(bmd_spine=range(200), age=study_ages["age"] + 100)
    own.to_csv("own.tsv", sep="\t", index=False)
    assoc = ["assoc", "--pheno", "bmd_spine"]
    ages = study_ages.set_index("IID")["age"]

    plan = planned([*assoc, "--pheno-file", "own.tsv"])
    assert plan.request.covariates == ("sex", "age", "PC1", "PC2")
    table = plan.phenotypes.loc[study_ages["IID"]]
    assert table["bmd_spine"].tolist() == list(range(200))
    np.testing.assert_allclose(table["age"], ages + 100)
    np.testing.assert_allclose(table["sex"], study_ages["sex"])

    plan = planned([*assoc, "--covar-file", "own.tsv"])
    assert plan.phenotypes["bmd_spine"].max() < 10
    np.testing.assert_allclose(plan.phenotypes.loc[ages.index, "age"], ages + 100)

    plan = planned([*assoc, "--covar", "weight", "--cat-covar", ""])
    assert (plan.request.covariates, plan.request.categorical) == (("weight",), ())


def test_a_name_in_two_tables_of_a_study_names_both(study, capfd):
    table = pd.read_csv("data/phenotypes.tsv", sep="\t")
    table[["IID", "bmd_hip"]].to_csv("again.tsv", sep="\t", index=False)
    text = STUDY.replace('covariates.tsv"]', 'covariates.tsv", "again.tsv"]')
    Path("study.toml").write_text(text)
    assert main(["assoc", "--pheno", "bmd_hip"]) == 1
    err = capfd.readouterr().err
    assert "data/phenotypes.tsv and " in err
    assert "again.tsv" in err


def test_select_takes_what_assoc_wrote(base, tmp_path):
    files = [f"{base.out}.{trait}.tsv.gz" for trait in ("bmd_spine", "bmd_hip")]
    out = tmp_path / "leads"
    assert main(["select", *files, "--p", "0.01", "--out", str(out)]) == 0
    leads = pd.read_csv(f"{out}.leads.tsv", sep="\t")
    assert set(leads["trait"]) == {"bmd_spine", "bmd_hip"}
    best = base.tested("bmd_hip").nlargest(1, "neg_log_10_p_value")["source_id"].item()
    assert best in set(leads.loc[leads["trait"] == "bmd_hip", "source_id"])
