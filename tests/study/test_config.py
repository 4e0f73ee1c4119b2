"""``study.toml``: defaults, what is refused, and what ``config show`` prints."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gwasbone.cli import main
from gwasbone.cohort.options import AncestryOptions
from gwasbone.cohort.qc import QcThresholds
from gwasbone.docstrings import parameter_docs
from gwasbone.errors import ConfigError, UsageError
from gwasbone.options import option_kinds
from gwasbone.study import find_study
from gwasbone.study.config import (
    RENAMED_KEYS,
    AssociationSection,
    StudyConfig,
    load_config,
    sections,
    show_config,
    toml_value,
)

GENOTYPES = '[genotypes]\nbfile = "x"\n'


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return write


def _faults(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_an_almost_empty_file_has_the_defaults(written):
    config = load_config(written(GENOTYPES))
    assert config.qc == QcThresholds()
    assert config.ancestry == AncestryOptions()
    assert (config.ancestry.n_components, config.ancestry.radius) == (6, 7.0)
    assert config.study.output == "results"


def test_what_show_prints_loads_again_to_the_same(written):
    text = """
    [study]
    name = 'quotes " and \\ and ü'
    build = "GRCh38"
    [genotypes]
    vcf = "chr*.vcf.gz"
    id = "fid_iid"
    [phenotypes]
    tables = ["a b.tsv", "/c.tsv"]
    [covariates]
    quantitative = ["age", "PC1-PC10"]
    [qc]
    maf = 0
    hwe = 1e-15
    hwe_midp = true
    [ancestry]
    radius = 7
    [association]
    traits = ["bmd"]
    binary_coding = "12"
    [selection]
    p_threshold = 5e-8
    """
    config = load_config(written(text))
    assert config.qc.maf == 0.0
    assert isinstance(config.qc.maf, float)
    assert load_config(written(show_config(config))) == config


def test_the_defaults_that_show_prints_are_the_defaults(written):
    shown = show_config(StudyConfig())
    assert tomllib.loads(shown).keys() == sections().keys()
    again = load_config(written(shown.replace("# bfile =", 'bfile = "x"')))
    for name in sections():
        if name != "genotypes":
            assert getattr(again, name) == getattr(StudyConfig(), name)


def test_show_explains_every_key():
    shown = show_config(StudyConfig()).splitlines()
    for name, kind in sections().items():
        docs = parameter_docs(kind)
        assert f"[{name}]" in shown
        for field in dataclasses.fields(kind):
            assert docs[field.name].strip()
            [line] = [
                i for i, line in enumerate(shown)
                if line.removeprefix("# ").split(" =")[0] == field.name
                and i > shown.index(f"[{name}]")
            ][:1]  # fmt: skip
            assert shown[line - 1] == f"# {docs[field.name].splitlines()[-1]}"


def test_show_and_check_on_the_command_line(written, capsys, monkeypatch):
    path = written(GENOTYPES + "[qc]\nmaf = 0.02\n")
    assert main(["config", "show", str(path)]) == 0
    assert "maf = 0.02" in capsys.readouterr().out
    monkeypatch.chdir(path.parent)
    assert main(["config", "show"]) == 0
    assert "maf = 0.02" in capsys.readouterr().out


def test_all_faults_at_once_with_the_nearest_names(written):
    text = _faults(
        written("""
        surprise = 1
        [genotypes]
        bflie = "x"
        [phenotypes]
        tables = "one.tsv"
        [qc]
        maf = 0.7
        hwe = "tiny"
        [pca]
        n_components = 2.5
        [relatedness]
        remove = 1
        method = "plink"
        [asociation]
        """)
    )
    for fault in (
        "unknown section [surprise]",
        "unknown key genotypes.bflie (did you mean bfile?)",
        "needs exactly one of bfile, pfile, bgen, vcf, bcf and mt, has none",
        "phenotypes.tables: expected a list of text, got 'one.tsv'",
        "maf = 0.7 (expected 0 to 0.5)",
        "qc.hwe: expected a number, got 'tiny'",
        "pca.n_components: expected a whole number, got 2.5",
        "relatedness.remove: expected true or false, got 1",
        "relatedness.method: expected king or pc_relate, got 'plink'",
        "unknown section [asociation] (did you mean association?)",
    ):
        assert fault in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[qc\n", "not valid TOML"),
        ('genotypes = "x"\n', "genotypes must be a section"),
        ('[genotypes]\nbfile = "x"\nvcf = "y"\n', "has bfile and vcf"),
        (GENOTYPES + "[pca]\nr2 = true\n", "pca.r2: expected a number, got True"),
        (GENOTYPES + "[pca]\nn_components = true\n", "expected a whole number"),
        (GENOTYPES + "[pca]\nr2 = 1.5\nmaf = -1\n", "maf = -1.0 (expected 0 to 0.5), r2 = 1.5"),
        (GENOTYPES + "[ancestry]\nn_components = 0\n", "n_components = 0"),
        (GENOTYPES + "[selection]\nmax_blocks = 0\n", "max_blocks = 0"),
        (GENOTYPES + '[study]\nbuild = "hg19"\n', "expected GRCh37 or GRCh38, got 'hg19'"),
        (GENOTYPES + "[phenotypes]\ntables = [1]\n", "a list of text"),
    ],
)
def test_what_is_refused(written, text, says):
    assert says in _faults(written(text))


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="no such file; `gwasbone config show` prints one"):
        load_config(tmp_path / "study.toml")


def test_paths_resolve_against_the_file(written, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    config = load_config(written(GENOTYPES))
    assert config.path("data/x") == str(tmp_path / "data/x")
    assert config.path("/data/x") == "/data/x"
    assert config.path("gs://bucket/x") == "gs://bucket/x"
    assert config.path(None) is None
    assert config.output == tmp_path / "results"


def test_only_the_folder_itself_is_a_study(tmp_path, monkeypatch):
    (tmp_path / "study.toml").write_text(GENOTYPES)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_study() == tmp_path / "study.toml"
    monkeypatch.chdir(tmp_path / "below")
    assert find_study() is None


def test_values_out_of_range_are_refused_in_python_too():
    with pytest.raises(UsageError, match="radius = -1"):
        AncestryOptions(radius=-1)


def test_the_sections_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AssociationSection().rint = True  # type: ignore[misc]


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "tab\t", "ü😀", "\x7f", ""])
def test_any_text_survives_toml(text):
    assert tomllib.loads(f"x = {toml_value(text)}") == {"x": text}


@pytest.mark.parametrize("value", [1, -3, 0.1, 1e-300, 5e-8, True, False, ["a", "b"], []])
def test_any_value_survives_toml(value):
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


def test_a_list_of_paths_resolves_each_against_the_file(tmp_path):
    config = StudyConfig(folder=tmp_path)
    assert config.path("a,/b, gs://c/d") == f"{tmp_path}/a,/b,gs://c/d"
    assert config.path(None) is None


def test_config_show_into_the_study_toml_that_the_shell_has_just_made(tmp_path):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = "python -m gwasbone.cli config show > study.toml"
    for _ in range(2):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "study.toml").read_text() == show_config(StudyConfig()) + "\n"


def test_the_method_of_scans_is_by_trait_unless_set(written):
    assert load_config(written(GENOTYPES)).association.method == "auto"
    text = GENOTYPES + '[association]\nmethod = "linear"\n'
    assert load_config(written(text)).association.method == "linear"


def test_earlier_names_of_keys_are_read_with_a_warning(written, caplog):
    text = "[qc]\nperson_call_rate = 0.9\n[training]\nsaliency_people = 50\n"
    config = load_config(written(GENOTYPES + text))
    assert config.qc.sample_call_rate == 0.9
    assert config.training.saliency_participants == 50
    assert "qc.person_call_rate is called qc.sample_call_rate now: rename the key" in caplog.text
    both = "[qc]\nperson_call_rate = 0.9\nsample_call_rate = 0.9\n"
    assert "has both sample_call_rate and its earlier name" in _faults(written(GENOTYPES + both))


def test_every_earlier_name_of_a_key_has_a_present_one():
    for (section, old), now in RENAMED_KEYS.items():
        keys = option_kinds(sections()[section])
        assert now in keys
        assert old not in keys


def test_a_choice_that_is_not_built_is_offered_nowhere(written):
    text = '[association]\nmethod = "best"\n'
    faults = _faults(written(GENOTYPES + text))
    assert "association.method: expected auto or linear or logistic, got 'best'" in faults
