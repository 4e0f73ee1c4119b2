"""Cases of public bug reports that no other file of tests holds: the right value of each."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed
from scipy.stats import chi2

import gwasbone as gb
from gwasbone.cli import main
from gwasbone.errors import InputError
from gwasbone.images.refusal import RefusedError
from gwasbone.images.sources import find_sources, read_bytes
from gwasbone.learning.questionnaire import encode_table
from gwasbone.learning.training_people import training_people
from gwasbone.phenotypes.residuals import residual_phenotypes
from gwasbone.phenotypes.table import read_people_table
from gwasbone.sumstats.scans import read_scan

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from small_cohort import one_line_error

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def cases(shared_data) -> Path:
    return shared_data / "cases"


def associated(folder: Path, traits, covariates=(), table="p.tsv", **options):
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    phenotypes = read_people_table(folder / table) if isinstance(table, str) else table
    return gb.associate(cohort, list(traits), list(covariates), phenotypes=phenotypes, **options)


# --- association ---------------------------------------------------------------------------------


def penalised_peak(X, y, free):
    """Greatest penalised log-likelihood over the first ``free`` coefficients (Firth 1993)."""

    def value(beta):
        eta = X @ beta
        p = 1 / (1 + np.exp(-eta))
        information = X.T @ ((p * (1 - p))[:, None] * X)
        return (y * eta - np.logaddexp(0, eta)).sum() + np.linalg.slogdet(information)[1] / 2

    beta = np.zeros(X.shape[1])
    for _ in range(500):
        p = 1 / (1 + np.exp(-X @ beta))
        w = p * (1 - p)
        information = X.T @ (w[:, None] * X)
        h = w * np.einsum("ij,jk,ik->i", X, np.linalg.inv(information), X)
        score = (X.T @ (y - p + h * (0.5 - p)))[:free]
        step = np.linalg.solve(information[:free, :free], score)
        before, change = value(beta), np.zeros_like(beta)
        change[:free] = step
        while value(beta + change) < before and np.abs(change).max() > 1e-12:
            change /= 2
        beta = beta + change
        if np.abs(change).max() < 1e-10:
            break
    return value(beta), beta


@pytest.mark.parametrize("trait", ["cc", "rare", "one"])
def test_firths_regression_equals_an_independent_one_under_separation(cases, trait):
    """Singletons, quasi-complete and complete separation by a genotype."""
    folder = cases / "genotypes/11-logistic"
    people = read_people_table(folder / "p.tsv")
    table = associated(
        folder, [trait], ["age"], method="logistic", test="firth"
    ).table(trait)  # fmt: skip
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    G = cohort.source.genotypes(cohort.participants).dosages(cohort.variants.kept_table())
    y, age = people[trait].to_numpy(float), people["age"].to_numpy(float)
    for j in (1, 2, 4):
        X = np.column_stack([np.ones(len(y)), age - age.mean(), G[j]])
        full, beta = penalised_peak(X, y, 3)
        null, _ = penalised_peak(X, y, 2)
        assert table["test"].iloc[j] == "firth"
        assert table["beta"].iloc[j] == pytest.approx(beta[2], abs=2e-4)
        p = chi2.logsf(2 * (full - null), 1) / -np.log(10)
        assert table["neg_log_10_p_value"].iloc[j] == pytest.approx(p, rel=2e-3)


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30, 1e160])
def test_scale_offset_and_outliers_of_a_trait_leave_exact_numbers(cases, unit):
    folder = cases / "genotypes/15-scale-outlier"
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    n = len(cohort.people)
    rng = np.random.default_rng(4)
    G = cohort.source.genotypes(cohort.participants).dosages(cohort.variants.kept_table())
    age = rng.normal(55, 8, n)
    y = 0.3 * np.nan_to_num(G[0]) + rng.normal(size=n)
    out8 = np.where(np.arange(n) == 7, 1e8, y)
    people = pd.DataFrame(
        {"y": y * unit, "out8": out8, "offset": y + 1e9, "age": age},
        index=cohort.people.table.index,
    )
    found = gb.associate(cohort, ["y", "out8", "offset"], ["age"], phenotypes=people)
    for trait, scale in (("y", unit), ("out8", 1.0), ("offset", 1.0)):
        row = found.table(trait).iloc[0]
        values = (people[trait].to_numpy() / scale).astype(np.longdouble)
        g = np.where(np.isnan(G[0]), np.nanmean(G[0]), G[0])
        X = np.column_stack([np.ones(n), g - g.mean(), age - age.mean()]).astype(np.longdouble)
        A = np.linalg.inv((X.T @ X).astype(float))
        beta = A @ (X.T @ (values - values.mean()))
        rest = values - values.mean() - X @ beta
        t = float(beta[1] / np.sqrt(rest @ rest / (n - 3) * A[1, 1]))
        assert row["beta"] / row["standard_error"] == pytest.approx(t, rel=1e-4)


def test_a_table_of_6000_columns_is_read(cases, tmp_path):
    folder = cases / "genotypes/17-wide-and-sample"
    ids = pd.read_csv(folder / "g.fam", sep=r"\s+", header=None, dtype=str)[1]
    rng = np.random.default_rng(5)
    wide = pd.DataFrame(rng.normal(size=(len(ids), 6000)).round(3), index=pd.Index(ids, name="IID"))
    wide.add_prefix("v").to_csv(tmp_path / "wide.tsv", sep="\t")
    read = read_people_table(tmp_path / "wide.tsv")
    assert read.shape == (len(ids), 6000)
    found = associated(folder, ["v5999"], table=read).table("v5999")
    assert (found["n"] == len(ids)).all()


def test_python_gives_what_the_command_line_gives(cases):
    folder = cases / "genotypes"
    assert (associated(folder / "02-minus9-tscore", ["tscore"]).table("tscore")["n"] == 274).all()
    with pytest.raises(InputError, match="explain it wholly"):
        associated(folder / "01-trait-in-covariates", ["birth"], ["age"])
    top = associated(folder / "03-trait-is-genotype", ["e5"])
    assert top.table("e5")["neg_log_10_p_value"].max() == pytest.approx(1981, abs=0.6)
    gb.plots.manhattan(top.tested("e5"), title="e5")
    on_y = associated(folder / "09-y-women", ["bmd"], ["age"]).table("bmd")
    assert set(on_y.query("chromosome == 24")["n"]) == {200}


# --- residuals and questionnaires ----------------------------------------------------------------


def odd_assessments() -> pd.DataFrame:
    """600 participants, 100 with two visits; traits that are constant, absent, nearly constant."""
    rng = np.random.default_rng(8)
    who = np.r_[np.arange(600), np.arange(100)]
    n = len(who)
    sex, weight = rng.integers(0, 2, 600)[who], rng.normal(75, 12, 600)[who]
    age = rng.uniform(40, 70, 600)[who] + np.r_[np.zeros(600), np.full(100, 8)]
    y = 1 + 0.3 * sex + 0.01 * weight + 0.5 * rng.normal(size=600)[who] + 0.1 * rng.normal(size=n)
    return pd.DataFrame(
        {
            "sex": sex, "age": age, "weight": weight, "y": y, "const": 1.5, "absent": np.nan,
            "near": 0.1 + 1e-17 * rng.normal(size=n), "few": np.where(np.arange(n) < 5, y, np.nan),
            "inf": np.where(np.arange(n) == 3, np.inf, y),
        },
        index=pd.Index([f"p{i}" for i in who], name="person"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "few"), [("linear", ""), ("nonlinear", "too_few"), ("deepnull", "too_few")]
)
def test_odd_traits_have_no_residual_and_others_have_theirs(model, few):
    table = odd_assessments()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = residual_phenotypes(table, ["y", "const", "absent", "near", "few"], model=model)
        again = residual_phenotypes(table.sample(frac=1, random_state=1), ["y"], model=model)
    found = [m.status for m in made.models]
    assert found == ["", "constant", "all_missing", "constant", few]
    assert made.residuals["y"].notna().sum() == 600
    pd.testing.assert_series_equal(
        again.residuals["y"].reindex(made.residuals.index), made.residuals["y"], atol=1e-9
    )
    with pytest.raises(InputError, match="expected numbers in column inf"):
        residual_phenotypes(table, ["inf"], model=model)


def test_prefer_not_to_answer_is_no_duration_of_sleep():
    rng = np.random.default_rng(11)
    sleep = rng.integers(4, 12, 2000).astype(float)
    codes = rng.random(2000)
    sleep[codes < 0.03], sleep[codes > 0.98] = -3, -1
    n_coded = int((sleep < 0).sum())
    encoded = encode_table(
        pd.DataFrame({"p1160": sleep + (codes > 0.5) * (sleep > 0) * 0.5, "x": codes})
    )
    assert n_coded > 50
    assert np.isnan(encoded.inputs["p1160"]).sum() == n_coded


# --- images --------------------------------------------------------------------------------------


def test_images_of_one_instance_uid_are_named(cases, tmp_path, capsys):
    out = tmp_path / "cache"
    assert (
        main(["images", str(cases / "images-and-records/08-duplicates/in"), "--out", str(out)]) == 0
    )
    shared = pd.read_csv(out / "shared_instance_uids.tsv", sep="\t", dtype=str)
    assert shared["people"].tolist() == ["1000001", "1000002;1000003"]
    refused = pd.read_csv(out / "refusals.tsv", sep="\t")
    assert refused["reason"].tolist() == ["duplicate"]
    assert "one of them has the other's image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "n", "n_cases"),
    [
        ("float_ids", 60, None), ("minus9", 20, 20), ("some_missing", 51, 17), ("words", 60, 20),
        ("true_false", 60, None), ("three_cases", 60, 3), ("no_sex", 60, None),
        ("images_without_person", 40, None),
    ],
)  # fmt: skip
def test_tables_of_a_training_are_read_as_they_are_meant(cases, name, n, n_cases):
    path = cases / f"images-and-records/13-train/{name}.tsv"
    pictured = pd.Index([str(1000001 + i) for i in range(60)])
    raw = pd.read_csv(path, sep="\t", dtype=str)["case"].str.lower()
    people, left_out = training_people({name: read_people_table(path)}, pictured, "case")
    wanted = n_cases if n_cases is not None else int(raw.isin(["1", "true"]).sum())
    assert len(people.table) == n
    assert people.table["case"].sum() == (
        wanted if name != "images_without_person" else people.table["case"].sum()
    )
    assert len(left_out.query("reason == 'no_person'")) == 60 - n - len(
        left_out.query("reason == 'no_target' and IID in @pictured")
    )


def test_a_training_without_participants_or_twice_the_same_is_refused(cases):
    folder = cases / "images-and-records/13-train"
    pictured = pd.Index([str(1000001 + i) for i in range(60)])
    with pytest.raises(InputError, match="none of 60"):
        training_people({"x": read_people_table(folder / "nobody.tsv")}, pictured, "case")
    with pytest.raises(InputError, match="1000001"):
        read_people_table(folder / "twice.tsv")


def test_names_of_patients_are_words_and_no_markup(cases, tmp_path):
    out = tmp_path / "cache"
    assert main(["images", str(cases / "images-and-records/14-pages/in"), "--out", str(out)]) == 0
    index = pd.read_csv(out / "index.tsv", sep="\t", dtype=str, keep_default_na=False)
    people = index.loc[index["reason"] == "", "person"].tolist()
    assert {"NA", "00123", "1e5", "Müller^Jörg"} <= set(people)
    page = (out / "contact_sheet.html").read_text()
    assert "<img src=x" not in page
    assert "<script>document.title" not in page
    refused = pd.read_csv(out / "refusals.tsv", sep="\t", dtype=str)
    assert refused[["reason", "person"]].to_numpy().tolist() == [["withdrawn", "-5"]]


def test_linked_folders_are_searched_and_a_pipe_does_not_hang(cases, tmp_path):
    import os

    folder, top = cases / "images-and-records/16-folders", tmp_path / "in"
    top.mkdir()
    (top / "link").symlink_to(folder / "elsewhere")
    (top / "a.dcm").symlink_to(folder / "in/a.dcm")
    os.mkfifo(top / "pipe.dcm")
    found = {s.name.removeprefix(f"{top}/"): s for s in find_sources([str(top)])}
    assert set(found) == {"a.dcm", "link/b.dcm", "link/c.dcm", "pipe.dcm"}
    with pytest.raises(RefusedError):
        read_bytes(found.pop("pipe.dcm"))
    assert all(read_bytes(source)[128:132] == b"DICM" for source in found.values())


# --- scans ---------------------------------------------------------------------------------------

ODD_SCANS = ["allone", "long", "pzero", "three", "ties", "xonly"]


@pytest.mark.parametrize("name", [*(f"{n}.t" for n in ODD_SCANS), "scan.Größe_骨密度"])
def test_odd_scans_are_drawn(cases, tmp_path, caplog, name):
    path = cases / f"scans-and-genes/11-plots/{name}.tsv.gz"
    table = read_scan(path)
    if name == "pzero.t":
        assert re.search(r"\d rows? set aside: p-value outside 0 to 1", caplog.text)
    assert np.isfinite(table["neg_log_10_p_value"]).all()
    for kind in ("manhattan", "qq"):
        out = tmp_path / kind
        assert main(["plot", kind, str(path), "--out", str(out)]) == 0
        assert Path(f"{out}.{kind}.html").stat().st_size > 10_000


def test_leads_that_the_genotypes_lack_are_counted_and_named(cases, tmp_path, capsys):
    path = cases / "scans-and-genes/14-lead-absent-from-panel/scan.t.tsv.gz"
    scan = read_scan(path).sort_values("base_pair_location", ignore_index=True)
    leads = scan.query("neg_log_10_p_value > 7.3")
    assert leads["base_pair_location"].tolist() == [8384171, 105782834, 178063905]
    panel = scan.drop(index=leads.index[1:])
    G = np.random.default_rng(3).integers(0, 3, (100, len(panel))).astype(np.float32)
    properties = {
        "chromosome": panel["chromosome"].astype(str), "bp_position": panel["base_pair_location"],
        "allele_1": panel["effect_allele"], "allele_2": panel["other_allele"],
        "sid": [f"v{i}" for i in range(len(panel))], "iid": [f"s{i}" for i in range(100)],
    }  # fmt: skip
    to_bed(tmp_path / "g.bed", G, properties={k: np.asarray(v) for k, v in properties.items()})
    arguments = ["clump", str(path), "--bfile", str(tmp_path / "g"), "--build", "GRCh37"]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    assert len(pd.read_csv(tmp_path / "o.loci.tsv", sep="\t")) == 1
    told = capsys.readouterr().err
    assert "2 variants with p <= p1 are not in the genotypes" in told
    assert "105782834" in told
    assert "178063905" in told


def test_a_scan_of_nothing_known_is_refused(cases, tmp_path, capfd):
    path = cases / "scans-and-genes/14-lead-absent-from-panel/scan.t.tsv.gz"
    arguments = ["clump", str(path), "--bfile", str(cases / "genotypes/14-ssf-in/g")]
    error = one_line_error([*arguments, "--build", "GRCh37", "--out", f"{tmp_path}/o"], capfd)
    assert "is in the genotypes" in error
