"""What a user of the package finds: names, how results show themselves, figures, Hail's idioms."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import tomllib
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import gwasbone as gb
from gwasbone.cohort.options import AncestryOptions, PcaOptions, PruningRule, RelatednessOptions
from gwasbone.loci.options import ClumpRule

ROOT = Path(__file__).resolve().parents[1]
TOPICS = (
    "assoc", "cohort", "comparison", "genes", "images", "learning", "loci", "phenotypes", "plots",
    "simulate", "stats", "sumstats",
)  # fmt: skip


@pytest.fixture(scope="module")
def cohort():
    return gb.example_cohort()


@pytest.fixture(scope="module")
def results(cohort):
    return gb.associate(cohort, ["bmd_spine", "osteoporosis"], ["age", "sex"])


def public_objects() -> list[tuple[str, object]]:
    topics = [(f"gb.{topic}", getattr(gb, topic)) for topic in TOPICS]
    return [
        (f"{where}.{name}", getattr(module, name))
        for where, module in [("gb", gb), *topics]
        for name in module.__all__
        if name != "__version__"
    ]


def test_every_public_name_is_documented_and_none_is_an_internal_module():
    objects = public_objects()
    assert len(objects) > 200
    undocumented = [
        name
        for name, value in objects
        if (callable(value) or isinstance(value, ModuleType)) and not inspect.getdoc(value)
    ]
    assert undocumented == []
    modules = {name for name, value in objects if isinstance(value, ModuleType)}
    assert modules == {f"gb.{topic}" for topic in TOPICS}


def test_a_function_is_not_hidden_by_its_module_of_the_same_name():
    for room in ("association.associate", "cohort.qc", "loci.clump", "plots.manhattan"):
        importlib.import_module(f"gwasbone.{room}")
        topic, name = room.split(".")
        assert callable(getattr(sys.modules[f"gwasbone.{topic}"], name))
    from gwasbone.loci import clump

    assert clump is gb.clump


def test_dir_lists_the_public_names_and_nothing_else():
    for module in (gb, *(getattr(gb, topic) for topic in TOPICS)):
        listed = {name for name in dir(module) if not name.startswith("__")}
        assert listed == {name for name in module.__all__ if not name.startswith("__")}


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(AttributeError, match=r"no attribute 'asociate'.*associate"):
        gb.asociate  # noqa: B018


def test_version_and_types_are_those_of_the_installed_package():
    assert gb.__version__ == version("gwasbone")
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "py.typed" in packaged["package-data"]["gwasbone"]
    assert (ROOT / "gwasbone" / "py.typed").exists()


def test_import_brings_neither_numpy_nor_hail_nor_a_framework():
    script = (
        "import sys, gwasbone; print([m for m in ('numpy', 'pandas', 'hail', 'keras') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("function", "options", "names"),
    [
        (gb.clump, ClumpRule, {"p1": "p1", "p2": "p2", "r2": "r2", "kb": "kb"}),
        (gb.prune, PruningRule, {"window": "window", "r2": "r2"}),
        (gb.principal_components, PcaOptions, {"k": "n_components"}),
        (gb.british_ancestry, AncestryOptions, {"radius": "radius", "reference": "reference"}),
        (gb.exclude_related, RelatednessOptions, {"min_kinship": "min_kinship"}),
    ],
)
def test_defaults_of_functions_are_those_of_the_commands(function, options, names):
    assert is_dataclass(options)
    defaults = {field.name: field.default for field in fields(options)}
    own = inspect.signature(function).parameters
    assert {ours: own[ours].default for ours in names} == {
        ours: defaults[theirs] for ours, theirs in names.items()
    }


def test_cohorts_and_results_say_in_one_line_what_they_hold(cohort, results):
    small = cohort.exclude_people("t", "x", np.arange(300) < 7, description="the first seven")
    assert repr(small) == "Cohort: 293 of 300 samples, 400 variants, GRCh37, PLINK .bed"
    assert repr(results) == "AssociationResults: 2 traits, 400 variants, GRCh37, engine blocks"


def all_results(cohort, results) -> list[object]:
    scans = {"bmd_spine_l1_l4": results.table("bmd_spine")}
    people = cohort.people.table
    return [
        cohort,
        cohort.people,
        results,
        results.scans(),
        gb.clump(results, cohort, trait="bmd_spine"),
        gb.find_loci(results, cohort),
        gb.select_regions(scans, cohort=cohort),
        gb.principal_components(cohort, k=2),
        gb.ld_matrix(cohort, region="22:1-60000000"),
        gb.relationship_matrix(cohort),
        gb.compare_scans(gb.sumstats.align_scans(results)),
        gb.phenotypes.residual_phenotypes(people, ["bmd_spine"], model="linear"),
    ]


def test_every_result_shows_itself_briefly_and_as_html(cohort, results):
    for result in all_results(cohort, results):
        line = repr(result)
        assert line.startswith(type(result).__name__)
        assert len(line) < 120
        assert "\n" not in line
        if hasattr(result, "_repr_html_"):
            page = result._repr_html_()
            assert page.startswith("<p>")
            assert page.count("<tr") <= 22


def test_one_name_is_one_name_and_not_its_letters(cohort, results, tmp_path):
    alone = gb.associate(cohort, "bmd_spine", "age", categorical="sex", missing_codes="none")
    listed = gb.associate(
        cohort, ["bmd_spine"], ["age"], categorical=["sex"], missing_codes=["none"]
    )
    assert alone.traits == listed.traits == ("bmd_spine",)
    one, other = (r.table("bmd_spine")["beta"].to_numpy() for r in (alone, listed))
    np.testing.assert_array_equal(one, other)
    people = cohort.people.table
    found = gb.phenotypes.residual_phenotypes(people, "bmd_spine", model="linear")
    assert list(found.residuals) == ["bmd_spine"]
    scans = {"bmd_spine_l1_l4": results.table("bmd_spine")}
    selected = gb.select_regions(scans, cohort=cohort)
    genotypes = gb.selected_genotypes(selected, cohort)
    effects = gb.genotype_effects(genotypes, selected, people, "bmd_spine", "age")
    assert set(effects["trait"]) == {"bmd_spine"}
    path = tmp_path / "scan.bmd.tsv"
    results.table("bmd_spine").to_csv(path, sep="\t", index=False)
    assert list(gb.open_scans(str(path), traits="bmd")) == ["bmd"]


def test_the_html_of_results_has_a_row_per_trait(results):
    table = results.preview()
    assert table["trait"].tolist() == ["bmd_spine", "osteoporosis"]
    assert table["method"].tolist() == ["linear", "logistic"]
    top = results.table("bmd_spine").nlargest(1, "neg_log_10_p_value").iloc[0]
    assert table["top variant"][0] == top["source_id"]
    assert table["−log10 p"][0] == round(top["neg_log_10_p_value"], 2)


def test_figures_take_results_scans_files_and_tables_alike(results, tmp_path):
    results.write(tmp_path / "run")
    of_file = gb.open_scans([tmp_path / "run.bmd_spine.tsv.gz"])
    sources = [results.scans()["bmd_spine"], of_file]
    for draw in (gb.plots.manhattan, gb.plots.qq, gb.plots.volcano):
        wanted = draw(results, trait="bmd_spine")
        assert wanted.title.text == "bmd_spine"
        for source in sources:
            figure = draw(source)
            assert [len(r.data_source.data) for r in figure.renderers] == [
                len(r.data_source.data) for r in wanted.renderers
            ]
    for draw in (gb.plots.manhattan, gb.plots.volcano):
        assert draw(results.table("bmd_spine")).title.text == ""
    for draw in (gb.plots.miami, gb.plots.stacked_manhattan):
        assert draw(results) is not None
    with pytest.raises(gb.UsageError, match=r"takes results of a run or a scan, got str"):
        gb.plots.manhattan("run.bmd_spine.tsv.gz")


def test_figures_of_several_traits_ask_for_one(results):
    with pytest.raises(gb.UsageError, match="one of bmd_spine, osteoporosis"):
        gb.plots.manhattan(results)
    with pytest.raises(gb.UsageError, match=r"expected one of the traits bmd_spine.*got 'hip'"):
        gb.plots.manhattan(results, trait="hip")


def test_the_funnel_takes_a_cohort(cohort):
    small = cohort.exclude_people("qc", "x", np.arange(300) < 7, description="the first seven")
    assert gb.plots.funnel(small) is not None


def test_save_writes_a_page_and_refuses_other_endings(results, tmp_path):
    figure = gb.plots.manhattan(results, trait="bmd_spine")
    page = gb.plots.save(figure, tmp_path / "x.html").read_text()
    assert "<title>Manhattan plot" in page
    with pytest.raises(gb.UsageError, match=r"expected a name that ends in .html, .png or .svg"):
        gb.plots.save(figure, tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


@pytest.mark.browser
def test_save_draws_png_and_svg(chromium, results, tmp_path):
    figure = gb.plots.qq(results, trait="bmd_spine")
    assert gb.plots.save(figure, tmp_path / "x.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    drawn = gb.plots.save(figure, tmp_path / "x.svg").read_text()
    assert drawn.startswith("<svg")
    assert "Observed" in drawn


def test_images_without_a_browser_are_refused_in_one_line(results, tmp_path, monkeypatch):
    monkeypatch.setattr("gwasbone.plots.export.shutil.which", lambda name: None)
    figure = gb.plots.qq(results, trait="bmd_spine")
    with pytest.raises(gb.GwasboneError, match=r"none of chromium.*install one, or save as .html"):
        gb.plots.save(figure, tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.hail
def test_a_scan_in_hails_idiom_is_hails_linear_regression(hail_session, cohort):
    hl = hail_session
    mt = cohort.mt
    ours = gb.associate(mt, y=[mt.bmd_spine, mt.bmd_hip], covariates=[1, mt.age])
    assert ours.traits == ("bmd_spine", "bmd_hip")
    theirs = hl.linear_regression_rows(
        y=[[mt.bmd_spine], [mt.bmd_hip]], x=mt.dosage, covariates=[1, mt.age]
    ).to_pandas()
    for i, trait in enumerate(ours.traits):
        table = ours.table(trait)
        for column, name in (("beta", "beta"), ("standard_error", "standard_error")):
            wanted = np.array([row[i][0] for row in theirs[name]], dtype=float)
            np.testing.assert_allclose(table[column], wanted, rtol=1e-7, atol=1e-12)
        p = np.array([row[i][0] for row in theirs["p_value"]], dtype=float)
        np.testing.assert_allclose(table["neg_log_10_p_value"], -np.log10(p), rtol=1e-6)
    with pytest.raises(gb.UsageError, match="1 for the intercept, got 2"):
        gb.associate(mt, y=mt.bmd_spine, covariates=[2, mt.age])
