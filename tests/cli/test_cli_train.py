"""``gwasbone train``: from simulated DICOM files to ``cnn_prob`` in an association."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from small_cohort import left_by, one_line_error

from gwasbone.cli import main
from gwasbone.stats.roc import area_under_curve

FILES = ["cnn.tsv", "evaluation.tsv", "left_out.tsv", "models", "saliency.html", "train.html"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """90 people with genotypes, a questionnaire and pictures of spine and hip; and a cache."""
    folder = tmp_path_factory.mktemp("study") / "made"
    asked = {
        "n_segments": 3, "chromosomes": "(1,2,3)", "n_causal": 10, "n_planted": 2,
        "questionnaire.n_filler": 0, "questionnaire.imaged_share": 1.0,
        "questionnaire.twice_share": 0.1, "questionnaire.prevalence": 0.3,
        "questionnaire.withdrawn_share": 0, "phantoms.scale": 0.08,
        "phantoms.pictures": "('ap_spine','left_hip')",
    }  # fmt: skip
    settings = [part for name, value in asked.items() for part in ("--set", f"{name}={value}")]
    simulate = [
        "simulate", "--out", str(folder), "--people", "90", "--variants", "300", "--light",
        "--format", "plink", "--questionnaire", "parquet", "--images", *settings,
    ]  # fmt: skip
    assert main(simulate) == 0
    images = ["images", "--dicom", str(folder / "images"), "--out", str(folder / "cache")]
    assert main([*images, "--preset", "age", "--threads", "1"]) == 0
    truth = pd.read_parquet(folder / "truth" / "questionnaire_people.parquet")
    people = pd.read_csv(folder / "covariates.tsv", sep="\t")[["FID", "IID", "sex"]]
    people["case"] = truth["is_case"].astype(int)
    people.loc[3, "case"] = np.nan
    people.to_csv(folder / "people.tsv", sep="\t", index=False, na_rep="NA")
    return folder


def arguments(study, out, *more):
    return [
        "train", "--images", str(study / "cache"), "--table", str(study / "people.tsv"),
        "--region", "ap_spine,hip", "--backend", "reference", "--architecture", "small",
        "--folds", "3", "--out", str(out), *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "bone"
    assert main(arguments(study, out)) == 0
    return out


def test_where_the_networks_look(study, trained):
    """A page without anybody's name, and what it is drawn from."""
    page = (trained.parent / "bone.saliency.html").read_text()
    for said in ("Case from ap spine", "Case from hip", "controls, 27 cases", "folds agree"):
        assert said in page
    people = pd.read_csv(f"{trained}.cnn.tsv", sep="\t", dtype={"IID": str})
    assert not any(name in page for name in people["IID"])
    assert len(page) < 3_000_000
    assert page.index("<h2>Case from ap spine</h2>") < page.index("<h2>Case from hip</h2>")
    with np.load(trained.parent / "bone.models" / "hip" / "saliency.npz") as kept:
        seen = dict(kept)
    assert list(seen["n"]) == list(people["IID"].map(case_of(study)).value_counts().sort_index())
    about = json.loads(str(seen["about"]))
    assert about["names"] == ["controls", "cases"]
    # two visits of some are one map
    assert about["n_pictures"] > seen["n"].sum()
    np.testing.assert_allclose(seen["mean"].mean(axis=(1, 2)), 1, rtol=1e-3)
    assert seen["picture"].shape == seen["body"].shape == seen["slope"].shape
    assert 0.05 < seen["body"].mean() < 1


def case_of(study):
    people = pd.read_csv(study / "people.tsv", sep="\t", dtype={"IID": str})
    return people.set_index("IID")["case"]


def test_no_maps_where_none_are_wanted(study, tmp_path):
    asked = arguments(study, tmp_path / "bone", "--no-saliency", "--region", "hip")
    assert main(asked) == 0
    assert not list(tmp_path.rglob("*saliency*"))


def test_the_files(study, trained):
    assert left_by(trained) == [f"bone.{name}" for name in FILES]
    table = pd.read_csv(f"{trained}.cnn.tsv", sep="\t", dtype={"IID": str})
    assert list(table) == [
        "IID", "cnn_prob", "cnn_logit", "cnn_logit_std", "cnn_logit_rint", "cnn_fold",
        "n_pictures", "cnn_prob_ap_spine", "cnn_logit_std_ap_spine", "cnn_prob_hip",
        "cnn_logit_std_hip",
    ]  # fmt: skip
    people = pd.read_csv(study / "people.tsv", sep="\t", dtype={"IID": str}).set_index("IID")
    assert set(table["IID"]) == set(people.index[people["case"].notna()])
    assert table["cnn_prob"].between(0, 1).all()
    left_out = pd.read_csv(f"{trained}.left_out.tsv", sep="\t")
    assert list(left_out["reason"]) == ["no_target"]
    # twice a visit, two regions
    assert set(table["n_pictures"]) == {2, 4}
    page = (trained.parent / "bone.train.html").read_text()
    for said in ("Discrimination", "Calibration", "data ", "no_target fewer than 5"):
        assert said in page
    assert "Learning curves" not in page, "the reference backend has one epoch: no curve"
    assert not any(name in page for name in table["IID"])


def test_evaluation_is_of_the_scores_in_the_table(study, trained):
    table = pd.read_csv(f"{trained}.cnn.tsv", sep="\t").set_index("IID")
    case = pd.read_csv(study / "people.tsv", sep="\t").set_index("IID")["case"]
    found = pd.read_csv(f"{trained}.evaluation.tsv", sep="\t").set_index(["score", "people"])
    for score, column in (("stacked", "cnn_prob"), ("hip", "cnn_prob_hip")):
        area = area_under_curve(case[table.index], table[column]).auc
        assert found.loc[(score, "pooled"), "auc"] == pytest.approx(area, abs=1e-6)
    assert {"fold0", "fold1", "fold2", "in_training"} <= set(found.loc["stacked"].index)


def test_models_carry_their_provenance(trained):
    models = pd.read_csv(f"{trained}.models/models.tsv", sep="\t")
    assert len(models) == 6
    for row in models.itertuples():
        path = trained.parent / "bone.models" / row.model
        card = json.loads((path.parent / "card.json").read_text())
        assert card["model_hash"] == row.model_hash
        assert (card["data_hash"], card["seed"]) == (row.data_hash, row.seed)
    assert models.groupby("region")["data_hash"].nunique().eq(1).all()


def test_assoc_takes_cnn_prob(study, trained, tmp_path):
    """The promise: ``gwasbone assoc --pheno cnn_prob``."""
    out = tmp_path / "scan"
    scan = [
        "assoc", "--bfile", str(study / "genotypes"), "--build", "GRCh37", "--pheno",
        "cnn_prob,cnn_logit_rint", "--pheno-file", f"{trained}.cnn.tsv", "--cat-covar", "cnn_fold",
        "--out", str(out), "--no-plots",
    ]  # fmt: skip
    assert main(scan) == 0
    rows = pd.read_csv(f"{out}.cnn_prob.tsv.gz", sep="\t")
    assert rows["n"].max() == 89
    assert rows["neg_log_10_p_value"].notna().all()


def test_a_second_run_takes_the_models_and_gives_the_same(study, trained, tmp_path, capfd):
    before = (trained.parent / "bone.cnn.tsv").read_bytes()
    error = one_line_error(arguments(study, trained), capfd)
    assert "exists already" in error
    changed = [p.stat().st_mtime_ns for p in trained.parent.glob("bone.models/*/*/card.json")]
    assert main(arguments(study, trained, "--force")) == 0
    assert (trained.parent / "bone.cnn.tsv").read_bytes() == before
    again = [p.stat().st_mtime_ns for p in trained.parent.glob("bone.models/*/*/card.json")]
    assert changed == again


def test_sex_is_a_task_and_a_study_is_not_needed(study, tmp_path):
    out = tmp_path / "sex"
    assert main(arguments(study, out, "--task", "sex", "--region", "left_hip")) == 0
    table = pd.read_csv(f"{out}.evaluation.tsv", sep="\t").set_index("people")
    assert table.loc["pooled", "n"] == 90
    assert 0.4 < table.loc["pooled", "auc"] <= 1


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--task", "fracture"), 1, "expected a column fracture"),
        (("--region", "elbow"), 1, "got elbow: it has ap_spine, hip"),
        (("--region", "ap_spine,ap_spine"), 2, "got ap_spine twice"),
        (
            ("--augment", "shear=2"),
            2,
            "zoom_y, rotate, got shear=2",
        ),
        (("--size", "4000"), 2, "at most 330 × 302, which the cache has"),
        (("--backend", "theano"), 2, "backend theano: expected one of keras, reference"),
        (("--folds", "40"), 1, "for 40 folds"),
        (("--images", "nowhere"), 1, "expected an image cache in nowhere"),
        (("--weights", "x.h5"), 1, "weights: the reference backend has none, got x.h5"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_result(study, tmp_path, capfd, more, code, said):
    out = tmp_path / "bad"
    error = one_line_error(arguments(study, out, *more), capfd, code=code)
    assert said in error
    assert not [name for name in left_by(out) if name != "bad.models"]


def test_without_a_table_it_says_so(study, tmp_path, capfd):
    given = ["train", "--images", str(study / "cache"), "--out", str(tmp_path / "x")]
    assert "give --table FILE" in one_line_error(given, capfd, code=2)


def test_predict_gives_trained_people_what_training_gave(study, trained, tmp_path):
    """Everybody of the same cache: the out-of-fold scores again, and those of the one left out."""
    out = tmp_path / "again"
    command = ["predict", "--models", f"{trained}.models", "--images", str(study / "cache")]
    assert main([*command, "--backend", "reference", "--out", str(out)]) == 0
    again = pd.read_csv(f"{out}.predicted.tsv", sep="\t").set_index("IID")
    before = pd.read_csv(f"{trained}.cnn.tsv", sep="\t").set_index("IID")
    known = again.loc[before.index]
    for region in ("ap_spine", "hip"):
        np.testing.assert_allclose(
            known[f"cnn_prob_{region}"], before[f"cnn_prob_{region}"], rtol=1e-5
        )
        np.testing.assert_allclose(
            known[f"cnn_logit_std_{region}"], before[f"cnn_logit_std_{region}"], atol=1e-4
        )
    stranger = again[~again["in_training"]]
    assert len(stranger) == 1
    assert stranger.filter(like="cnn_").notna().all(axis=None)


def test_numbers_with_a_side_input_and_rotating_folds_then_prediction(study, tmp_path, capfd):
    out, new = tmp_path / "n", tmp_path / "new"
    people = pd.read_csv(study / "people.tsv", sep="\t", dtype={"IID": str})
    people["score"] = 10.0 + people["sex"] + np.arange(len(people)) % 3 / 10
    people["age"] = 40.0 + np.arange(len(people)) % 30
    table = tmp_path / "people.tsv"
    people.to_csv(table, sep="\t", index=False, na_rep="NA")
    command = arguments(study, out, "--task", "score", "--kind", "regression", "--no-saliency")
    command[command.index("--table") + 1] = str(table)
    command += ["--side-inputs", "age", "--rotate-folds", "--l2", "0.01", "--loss", "absolute"]
    assert main(command) == 0
    assert "stacked, score: R2 " in capfd.readouterr().out
    columns = ["IID", "cnn_score", "cnn_fold", "n_pictures", "cnn_score_ap_spine", "cnn_score_hip"]
    made = pd.read_csv(f"{out}.cnn.tsv", sep="\t", dtype={"IID": str}).set_index("IID")
    assert ["IID", *made] == columns
    predict = ["predict", "--models", f"{out}.models", "--images", str(study / "cache")]
    predict += ["--backend", "reference", "--out", str(new)]
    assert "its networks take age beside the image" in one_line_error(predict, capfd)
    assert main([*predict, "--table", str(table)]) == 0
    again = pd.read_csv(f"{new}.predicted.tsv", sep="\t", dtype={"IID": str}).set_index("IID")
    np.testing.assert_allclose(
        again.loc[made.index, "cnn_score_hip"], made["cnn_score_hip"], rtol=1e-5
    )
    model = out.parent / "n.models" / "hip" / "fold1" / "model.npz"
    model.write_bytes(model.read_bytes()[:-1])
    error = one_line_error([*predict, "--table", str(table), "--force"], capfd)
    assert "hip/fold1/model.npz: expected the model with SHA-256" in error


def test_predict_refuses_other_pictures(study, trained, tmp_path, capfd):
    other = tmp_path / "cache"
    pictures = study / "images"
    images = ["images", "--dicom", str(pictures), "--out", str(other), "--size", "32"]
    assert main([*images, "--threads", "1"]) == 0
    command = ["predict", "--models", f"{trained}.models", "--images", str(other)]
    command += ["--backend", "reference", "--out", str(tmp_path / "x")]
    assert "expected images made as those of" in one_line_error(command, capfd)
    command[2] = str(tmp_path)
    assert "of a finished `gwasbone train`" in one_line_error(command, capfd)


@pytest.fixture(scope="module")
def snps(study):
    """Genotypes of two SNPs as ``gwasbone select`` leaves them, and the pairs to learn."""
    from bed_reader import open_bed

    with open_bed(study / "genotypes.bed") as bed:
        G = bed.read(dtype="float64")
        people = pd.Index(bed.iid)
    common = np.argsort(np.abs(np.nanmean(G, axis=0) - 1))[:2]
    names = ["1_100_A_G", "2_200_C_T"]
    table = pd.DataFrame(G[:, common], columns=names)
    table.insert(0, "IID", people)
    table.to_parquet(study / "lead.genotypes.parquet")
    pairs = pd.DataFrame({"region": ["ap_spine", "hip"], "variant_id": names})
    pairs.to_csv(study / "lead.selected.tsv", sep="\t", index=False)
    (study / "kept.txt").write_text("".join(f"{name}\n" for name in people[:80]))
    return study


def genotype_arguments(study, out, *more):
    return [
        "train", "--task", "genotype", "--images", str(study / "cache"), "--table",
        str(study / "people.tsv"), "--genotypes", str(study / "lead.genotypes.parquet"),
        "--snps", str(study / "lead.selected.tsv"), "--keep", str(study / "kept.txt"),
        "--architecture", "small", "--folds", "2", "--min-per-class", "10", "--out", str(out),
        *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_genotypes_are_a_task(snps, tmp_path, capfd):
    """On Keras, pretrained on sex, as a newcomer would; then the same command again."""
    out = tmp_path / "snps"
    more = ["--region", "ap_spine", "--size", "24", "--epochs", "1", "--permutations", "1"]
    assert main(genotype_arguments(snps, out, *more)) == 0
    said = capfd.readouterr()
    assert "jobs ok: learned" in said.out
    assert "ap_spine: sex AUC" in said.out
    assert "the paper's reach 0.98" in said.err
    table = pd.read_csv(f"{out}.genotype_models.tsv", sep="\t")
    assert list(table["variant_id"]) == ["1_100_A_G"]
    assert table["n"][0] <= 80
    assert table["n_permutations"][0] == 1
    left_out = pd.read_csv(f"{out}.left_out.tsv", sep="\t")
    assert (left_out["reason"] == "not_kept").sum() == 10
    folder = tmp_path / "snps.models" / "ap_spine"
    for fold in range(2):
        card = json.loads((folder / "1_100_A_G" / f"fold{fold}" / "card.json").read_text())
        assert card["network"]["weights"] == str(folder / "sex" / f"fold{fold}" / "model.keras")
    again = tmp_path / "snps"
    assert "exists already" in one_line_error(genotype_arguments(snps, again, *more), capfd)
    assert main(genotype_arguments(snps, again, *more, "--force")) == 0
    pd.testing.assert_frame_equal(pd.read_csv(f"{out}.genotype_models.tsv", sep="\t"), table)


def test_genotypes_without_a_framework(snps, tmp_path, capfd):
    out = tmp_path / "snps"
    more = ["--backend", "reference", "--no-pretrain", "--permutations", "0", "--head", "ordinal"]
    assert main(genotype_arguments(snps, out, *more)) == 0
    table = pd.read_csv(f"{out}.genotype_models.tsv", sep="\t")
    assert list(table["region"]) == ["ap_spine", "hip"]
    assert set(table["head"]) == {"ordinal"}
    assert table["null_p"].isna().all()
    capfd.readouterr()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--genotypes", "none.parquet"), 1, "there is no file none.parquet"),
        (("--snps", "none.tsv"), 2, "--snps none.tsv: no such file"),
        (("--keep", "none.txt"), 1, "there is no file none.txt"),
        (("--region", "knee"), 1, "rows of region knee, there are rows of ap_spine, hip"),
        (("--covar", "bmi"), 1, "expected a column bmi"),
        (("--side-inputs", "sex"), 2, "networks of genotypes, which take images only"),
        (("--weights", "x.keras"), 2, "give --no-pretrain with --weights"),
        (("--task", "case"), 2, "--genotypes is of --task genotype, got --task case"),
    ],
)
def test_mistakes_about_genotypes(snps, tmp_path, capfd, more, code, said):
    out = tmp_path / "bad"
    given = [*genotype_arguments(snps, out, "--backend", "reference"), *more]
    assert said in one_line_error(given, capfd, code=code)
    assert not [name for name in left_by(out) if name != "bad.models"]
