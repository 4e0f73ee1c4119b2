"""``gwasbone residuals``: what it writes, that ``assoc`` takes it, and how it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_cohort import left_by, make_small_cohort, one_line_error

from gwasbone.cli import main

FILES = ["confounding.tsv", "models.tsv", "residuals.html", "residuals.tsv"]


def assessments(people: pd.Index, *, again: int = 60, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who = np.r_[np.arange(len(people)), rng.choice(len(people), again, replace=False)]
    sex = rng.integers(0, 2, len(people))[who]
    age = rng.uniform(45, 78, len(people))[who]
    weight = rng.normal(75, 12, len(people))[who]
    fixed = 0.1 * sex - 0.004 * age + 0.004 * weight - 3e-4 * (weight - 75) ** 2
    table = pd.DataFrame({"sex": sex, "age": age, "weight": weight}, index=people[who])
    for name in ("bmd_total", "bmd_spine"):
        own = 0.05 * rng.normal(size=len(people))[who]
        table[name] = fixed + own + 0.02 * rng.normal(size=len(who))
    visit = np.r_[np.full(len(people), 2), np.full(again, 3)]
    return (
        table.assign(height=170.0).set_index(visit, append=True).rename_axis(["person", "instance"])
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("residuals") / "made.assessments.parquet"
    assessments(pd.Index([f"somebody{i}" for i in range(300)])).to_parquet(path)
    return path


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "new" / "r"


def test_the_files_of_the_nonlinear_model(table, out, capsys):
    assert main(["residuals", "--table", str(table), "--out", str(out)]) == 0
    summary = capsys.readouterr().out
    assert left_by(out) == [f"r.{name}" for name in FILES]
    residuals = pd.read_csv(f"{out}.residuals.tsv", sep="\t")
    assert list(residuals) == ["IID", "resid_bmd_total", "resid_bmd_spine"]
    assert len(residuals) == residuals["IID"].nunique() == 300
    models = pd.read_csv(f"{out}.models.tsv", sep="\t")
    total = models[models["trait"] == "bmd_total"].set_index(["kind", "term"])
    assert set(total["estimator"]) == {"reml"}
    assert total.loc[("coefficient", "weight75^2"), "estimate"] == pytest.approx(-3e-4, rel=0.2)
    assert total.loc[("variance", "person"), "estimate"] == pytest.approx(0.0025, rel=0.4)
    assert {"sex", "age", "weight", "weight squared"} == set(total.loc["r2"].index)
    tests = pd.read_csv(f"{out}.confounding.tsv", sep="\t")
    assert list(tests)[:4] == ["trait", "covariate", "stratum", "form"]
    page = Path(f"{out}.residuals.html").read_text()
    assert "bmd_spine" in page
    assert "somebody" not in page
    log = Path(f"{out}.residuals.log").read_text()
    assert "360 assessments of 300 participants (60 with two or more)" in log
    assert "0 read as women, 1 read as men" in log
    assert "2 of 2 traits, 300 participants" in summary


def test_people_without_a_residual_are_not_counted_with_the_others(table, out, capsys, tmp_path):
    some = pd.read_parquet(table)
    people = some.index.get_level_values(0)
    some.loc[people.isin(pd.unique(people)[:40]), "sex"] = np.nan
    path = tmp_path / "some.parquet"
    some.to_parquet(path)
    arguments = ["--table", str(path), "--model", "linear", "--traits", "bmd_total"]
    assert main(["residuals", *arguments, "--out", str(out)]) == 0
    assert "1 of 1 traits, 260 of 300 participants" in capsys.readouterr().out
    assert "260 of 300 participants" in Path(f"{out}.residuals.html").read_text()


def test_linear_leaves_the_curve_of_weight_and_says_so(table, out, capsys):
    arguments = ["--table", str(table), "--model", "linear", "--traits", "bmd_total"]
    assert main(["residuals", *arguments, "--out", str(out)]) == 0
    assert "weight in 1 of 1 traits" in capsys.readouterr().out
    assert list(pd.read_csv(f"{out}.residuals.tsv", sep="\t")) == ["IID", "resid_bmd_total"]


def test_deepnull_gives_covariates_folds_and_seed(table, out):
    arguments = ["--table", str(table), "--model", "deepnull", "--traits", "bmd_total"]
    assert main(["residuals", *arguments, "--covar", "height", "--out", str(out)]) == 0
    residuals = pd.read_csv(f"{out}.residuals.tsv", sep="\t")
    assert list(residuals) == ["IID", "resid_bmd_total", "deepnull_bmd_total", "fold"]
    assert set(residuals["fold"]) == set(range(5))
    models = pd.read_csv(f"{out}.models.tsv", sep="\t").set_index("term")
    assert models.loc["seed", "estimate"] == 0
    assert "seed = 0" in Path(f"{out}.residuals.log").read_text()


def test_a_scan_takes_the_residual(tmp_path, out):
    cohort = make_small_cohort(tmp_path / "cohort")
    people = pd.read_csv(cohort.phenotypes, sep="\t", dtype=str)["IID"]
    text = tmp_path / "a.tsv"
    made = assessments(pd.Index(people))
    made.reset_index().rename(columns={"person": "IID"}).to_csv(text, sep="\t", index=False)
    assert main(["residuals", "--table", str(text), "--out", str(out)]) == 0
    scan = tmp_path / "scan" / "s"
    arguments = cohort.assoc(scan, "--pheno-file", f"{out}.residuals.tsv", "--no-plots")
    arguments[arguments.index("--pheno") + 1] = "resid_bmd_total"
    assert main(arguments) == 0
    found = pd.read_csv(f"{scan}.resid_bmd_total.tsv.gz", sep="\t")
    assert found["n"].max() == len(people)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--traits", "bmd_totl"], "did you mean bmd_total?"),
        (["--traits", "site"], "expected numbers in column site"),
        (["--model", "transformer", "--inputs", "/nowhere.csv"], "there is no file /nowhere.csv"),
        (["--traits", "nothing"], "no trait could be fitted; nothing: expected assessments"),
        (["--table", "/nowhere.tsv"], "there is no file /nowhere.tsv"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(table, tmp_path, out, capfd, arguments, says):
    changed = tmp_path / "changed.parquet"
    pd.read_parquet(table).assign(site="x", nothing=np.nan).to_parquet(changed)
    line = one_line_error(
        ["residuals", "--table", str(changed), "--out", str(out), *arguments], capfd
    )
    assert says in line
    assert left_by(out) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--table", "x", "--model", "transformer"], "give --inputs FILE"),
        (["--table", "x", "--inputs", "y", "--refit"], "--inputs, --refit: for --model transf"),
        (
            ["--table", "x", "--model", "transformer", "--inputs", "y", "--hidden", "30"],
            "hidden = 30 (expected a multiple of attention_heads = 8)",
        ),
        (["--table", "x", "--model", "transformer", "--inputs", "y", "--covar", "z"], "deepnull"),
        (["--model", "cubic"], "nonlinear"),
        ([], "give --table"),
        (["--table", "x", "--covar", "height"], "--model deepnull"),
        (["--table", "x", "--folds", "1"], "--folds"),
        (["--table", "x", "--traits", "PC3-PC1"], "PC3-PC1"),
    ],
)
def test_a_wrong_command_line_exits_2(tmp_path, monkeypatch, capfd, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert says in one_line_error(["residuals", *arguments], capfd, code=2)
    assert list(tmp_path.iterdir()) == []


def test_one_trait_that_fails_is_a_warning_and_the_others_are_written(table, tmp_path, out, capfd):
    changed = tmp_path / "changed.parquet"
    made = pd.read_parquet(table)
    copies = made.groupby(level=0).transform("first")  # second visits that repeat the first
    made.assign(copy=np.nan).to_parquet(changed)
    assert main(["residuals", "--table", str(changed), "--out", str(out)]) == 0
    err = capfd.readouterr().err
    assert "warning: trait copy has no residual" in err
    models = pd.read_csv(f"{out}.models.tsv", sep="\t").set_index("trait")
    assert models.loc["copy", "status"] == "all_missing"
    copies.to_parquet(changed)
    line = one_line_error(
        ["residuals", "--table", str(changed), "--out", str(out), "--force"], capfd
    )
    assert "no best variance" in line


def test_existing_output_is_kept_without_force(table, out, capfd):
    out.parent.mkdir()
    theirs = Path(f"{out}.models.tsv")
    theirs.write_text("theirs")
    line = one_line_error(["residuals", "--table", "/nowhere", "--out", str(out)], capfd)
    assert f"{theirs} exists" in line
    assert theirs.read_text() == "theirs"


def test_help_has_an_example(capsys):
    assert main(["residuals", "--help"]) == 0
    assert "gwasbone residuals --table" in capsys.readouterr().out


@pytest.fixture(scope="module")
def answers(table, tmp_path_factory) -> Path:
    """A biobank's questionnaire of all but ten of the people, by visit."""
    people = pd.read_parquet(table).index.get_level_values(0).unique()[10:]
    rng = np.random.default_rng(5)
    made = pd.DataFrame({"eid": people})
    for visit in (0, 2, 3):
        made[f"1558-{visit}.0"] = rng.integers(1, 7, len(people))
        made[f"874-{visit}.0"] = rng.normal(30, 9, len(people)).round()
    made["21002-2.0"], made["23204-2.0"] = 75.0, 1.1
    path = tmp_path_factory.mktemp("answers") / "ukb.csv"
    made.to_csv(path, index=False)
    return path


def transformer(table: Path, answers: Path, out: Path, *more: str) -> list[str]:
    return [
        "residuals", "--table", str(table), "--model", "transformer", "--inputs", str(answers),
        "--leave-out", "23200-23320", "--backend", "reference", "--out", str(out), *more,
    ]  # fmt: skip


def test_the_files_of_the_transformer(table, answers, out, capsys):
    assert main(transformer(table, answers, out)) == 0
    captured = capsys.readouterr()
    assert (
        "12 of 360 assessments" in captured.err
        or "of 10 participants, have no answers" in captured.err
    )
    assert "R2 out of fold: mean" in captured.out
    assert left_by(out) == sorted([f"r.{name}" for name in FILES] + ["r.models"])
    residuals = pd.read_csv(f"{out}.residuals.tsv", sep="\t")
    assert list(residuals) == ["IID", "resid_bmd_total", "resid_bmd_spine", "fold"]
    assert residuals["resid_bmd_total"].notna().sum() == 290
    assert set(residuals["fold"].dropna()) == set(range(5))
    models = pd.read_csv(f"{out}.models.tsv", sep="\t")
    total = models[models["trait"] == "bmd_total"].set_index("term")
    assert set(total["estimator"]) == {"network_out_of_fold"}
    assert total.loc["out of fold", "estimate"] <= total.loc["seen", "estimate"] <= 1
    inputs = pd.read_csv(f"{out}.models/transformer/inputs.tsv", sep="\t").set_index("name")
    assert list(inputs.index) == ["sex", "age", "weight", "p874", "p1558"]
    assert inputs.loc["p1558", "levels"] == 6
    page = Path(f"{out}.residuals.html").read_text()
    assert "Variance explained by trait" in page
    assert "Learning curves" not in page, "the reference backend has one epoch: no curve"
    assert "Each participant is predicted by a network that never saw them" in page
    assert "somebody" not in page
    assert "seed = 0" in Path(f"{out}.residuals.log").read_text()


def test_a_refit_is_labelled_everywhere(table, answers, out, capsys):
    assert main(transformer(table, answers, out, "--refit", "--traits", "bmd_total")) == 0
    assert "R2 in sample" in capsys.readouterr().out
    assert list(pd.read_csv(f"{out}.residuals.tsv", sep="\t")) == ["IID", "resid_bmd_total"]
    models = pd.read_csv(f"{out}.models.tsv", sep="\t")
    assert set(models["estimator"]) == {"network_in_sample"}
    assert "in sample" in Path(f"{out}.residuals.log").read_text()
    assert "residuals are in sample" in Path(f"{out}.residuals.html").read_text()


def test_a_killed_run_goes_on_to_the_same_end(table, answers, tmp_path, monkeypatch):
    from gwasbone.learning.reference import ReferenceModel

    whole, cut = tmp_path / "a" / "r", tmp_path / "b" / "r"
    assert main(transformer(table, answers, whole)) == 0
    fit, fits = ReferenceModel.fit, []

    def dying(self, *args, **options):
        fits.append(1)
        if len(fits) == 3:
            raise KeyboardInterrupt
        return fit(self, *args, **options)

    monkeypatch.setattr(ReferenceModel, "fit", dying)
    assert main(transformer(table, answers, cut)) != 0
    assert [p.name for p in cut.parent.iterdir() if p.is_file() and p.suffix != ".log"] == []
    assert main(transformer(table, answers, cut)) == 0
    assert len(fits) == 3 + 3
    one, two = (Path(f"{out}.residuals.tsv").read_text() for out in (whole, cut))
    assert one == two


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--leave-out", "874"], "got 23204-2.0 (body composition or bone by DXA)"),
        (["--input-columns", "1559"], "did you mean 1558"),
        (["--backend", "theano"], "expected one of keras, reference"),
        (["--traits", "bmd_totl"], "did you mean bmd_total?"),
    ],
)
def test_faults_of_the_transformers_inputs_are_one_line(table, answers, out, capfd, more, says):
    code = 2 if "theano" in more else 1
    assert says in one_line_error(transformer(table, answers, out, *more), capfd, code=code)
    assert [name for name in left_by(out) if name != "r.models"] == []


def test_a_study_asks_for_the_transformer_and_the_command_takes_it_from_there(
    table, answers, tmp_path, monkeypatch, capsys
):
    from gwasbone.steps.stages import STAGES
    from gwasbone.study.config import load_config
    from gwasbone.study.runner import StageRun

    records = tmp_path / "results" / "records"
    records.mkdir(parents=True)
    (records / "study.assessments.parquet").write_bytes(Path(table).read_bytes())
    (tmp_path / "answers.csv").write_bytes(Path(answers).read_bytes())
    (tmp_path / "study.toml").write_text(
        '[genotypes]\nbfile = "x"\n[residuals]\nmodel = "transformer"\ninputs = "answers.csv"\n'
        "epochs = 1\nhidden = 8\nlayers = 1\nattention_heads = 2\nfolds = 2\n"
        'traits = ["bmd_total"]\nleave_out = ["23200-23320"]\nbackend = "reference"\n'
    )
    config = load_config(tmp_path / "study.toml")
    [stage] = [stage for stage in STAGES if stage.name == "residuals"]
    assert stage.inputs(config) == [str(tmp_path / "answers.csv")]
    made = tmp_path / "made"
    made.mkdir()
    assert "1 traits" in stage.run(StageRun(config, "residuals", made))
    of_stage = pd.read_csv(made / "study.residuals.tsv", sep="\t")
    assert {"resid_bmd_total", "fold"} <= set(of_stage)
    monkeypatch.chdir(tmp_path)
    assert main(["residuals", "--out", "own"]) == 0
    pd.testing.assert_frame_equal(pd.read_csv("own.residuals.tsv", sep="\t"), of_stage)
    assert re.search(r"hidden\W+8\b", Path("own.residuals.log").read_text())
    capsys.readouterr()


def test_formulas_are_compared_and_one_is_fitted(tmp_path, out, capsys):
    path, formulas = tmp_path / "few.parquet", tmp_path / "formulas.txt"
    assessments(pd.Index([f"somebody{i}" for i in range(60)]), again=20).to_parquet(path)
    chosen = "C(sex) + C(sex):Age40 + poly(Weight75, 2) + (1 | person)"
    formulas.write_text(f"{chosen}\nC(sex) + Age40  # too little\n")
    arguments = ["residuals", "--table", str(path), "--traits", "bmd_total", "--out", str(out)]
    assert main([*arguments, "--formulas", str(formulas), "--formula", chosen]) == 0
    assert f"smallest BIC of 1 traits: {chosen} in 1" in capsys.readouterr().out
    assert left_by(out) == ["r.confounding.tsv", "r.formulas.tsv", *(f"r.{n}" for n in FILES[1:])]
    ranked = pd.read_csv(f"{out}.formulas.tsv", sep="\t")
    assert ranked["formula"].tolist() == [chosen, "C(sex) + Age40"]
    assert ranked["delta_bic"].iloc[1] > 10
    models = pd.read_csv(f"{out}.models.tsv", sep="\t")
    assert set(models["model"]) == {"formula"}
    page = Path(f"{out}.residuals.html").read_text()
    assert "Formulas compared: bmd_total" in page
    assert "somebody" not in page


def test_a_formula_with_another_model_is_refused(table, out, capfd):
    arguments = ["residuals", "--table", str(table), "--out", str(out), "--model"]
    for more in (["linear", "--formula", "C(sex)"], ["formula"]):
        error = one_line_error([*arguments, *more], capfd, code=2)
        assert "formula: expected with model = formula" in error
    error = one_line_error([*arguments[:-1], "--formula", "exec('1')"], capfd)
    assert "got exec('1')" in error
    assert left_by(out) == []


def test_the_transformer_is_tuned_before_it_is_fitted(table, answers, out, tmp_path, capsys):
    grid = tmp_path / "grid.tsv"
    head = "hidden\tlayers\tattention_heads\tdropout\tlearning_rate\n"
    grid.write_text(f"{head}32\t2\t4\t0.1\t0.001\n64\t2\t8\t0.2\t0.01\n")
    more = ["--grid", str(grid), "--traits", "bmd_total", "--input-columns", "874"]
    assert main(transformer(table, answers, out, *more)) == 0
    chosen = "--hidden 32 --layers 2 --heads 4 --dropout 0.1 --learning-rate 0.001"
    assert f"of 2 candidates {chosen} has the smallest" in capsys.readouterr().out
    tuning = pd.read_csv(f"{out}.tuning.tsv", sep="\t")
    assert tuning["rank"].tolist() == [1, 2]
    assert tuning["hidden"].tolist() == [32, 64]
    folder = Path(f"{out}.models/transformer")
    assert len(list((folder / "tuning").glob("*/fold0/card.json"))) == 2
    card = json.loads(next(folder.glob("network0/fold0/card.json")).read_text())
    assert (card["network"]["hidden"], card["plan"]["learning_rate"]) == (32, 0.001)
    assert "Tuned on an even split" in Path(f"{out}.residuals.html").read_text()
