"""Classes of options: bounds by ``config check``, flags for keys, and one default of each."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated

import click
import pytest

from gwasbone.association.options import AssociationOptions, ScanRequest
from gwasbone.cli import cli, main
from gwasbone.cli.flags import call_rates, flag_of
from gwasbone.cohort.options import (
    AncestryOptions,
    FilterOptions,
    PcaOptions,
    PruningRule,
    QcThresholds,
    RelatednessOptions,
)
from gwasbone.comparison.options import ComparisonRule
from gwasbone.docstrings import parameter_docs
from gwasbone.errors import ConfigError, NotBuiltError, OptionError
from gwasbone.learning.options import GenotypeTraining, ImageTraining, ResidualOptions
from gwasbone.loci.options import ClumpRule, LociOptions, SelectionRule
from gwasbone.options import Options, Range, option_kinds, part_of, with_given
from gwasbone.phenotypes.options import TableReading
from gwasbone.study.columns import expanded
from gwasbone.study.config import load_config, sections, toml_value
from gwasbone.study.files import compared_scans
from gwasbone.table_limit import TableLimit

GENOTYPES = '[genotypes]\nbfile = "x"\n'
_KEYS = [(name, key) for name, kind in sections().items() for key in option_kinds(kind)]


def _refused(tmp_path, section: str, lines: str) -> str:
    path = tmp_path / "study.toml"
    head = "" if section == "genotypes" else GENOTYPES
    path.write_text(f"{head}[{section}]\n{lines}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


def _just_outside(kind, bound: Range) -> list[float]:
    """The nearest values that are refused, one for each end."""
    values = []
    for end, is_open, away in (
        (bound.low, bound.open_low, -math.inf),
        (bound.high, bound.open_high, math.inf),
    ):
        if math.isfinite(end):
            step = end + math.copysign(1, away) if kind.type is int else math.nextafter(end, away)
            values.append(kind.type(end if is_open else step))
    return values


@pytest.mark.parametrize(("section", "key"), _KEYS)
def test_config_check_refuses_what_an_option_refuses(tmp_path, section, key):
    kind = option_kinds(sections()[section])[key]
    wrong = [[1]] if kind.type is not bool else ["yes"]
    if kind.type in (int, float):
        wrong += ["1", True]
    if kind.type is int:
        wrong.append(2.5)
    if kind.choices:
        wrong.append("no such word")
    for value in wrong:
        said = _refused(tmp_path, section, f"{key} = {toml_value(value)}")
        assert f"{section}.{key}: expected {kind.words}" in said
    for value in _just_outside(kind, kind.range) if kind.range else []:
        said = _refused(tmp_path, section, f"{key} = {toml_value(value)}")
        assert f"[{section}] {key} = {value} (expected {kind.range})" in said
        with pytest.raises(OptionError):
            sections()[section](**{key: value})


def test_every_number_but_seeds_has_bounds():
    without = [
        f"{section}.{key}"
        for section, key in _KEYS
        if (kind := option_kinds(sections()[section])[key]).type in (int, float)
        and kind.range is None
        and key != "seed"
    ]
    assert without == []


@pytest.mark.parametrize(
    ("section", "lines", "said"),
    [
        # what the kernels refuse, by hand
        ("selection", "r2 = 0", "r2 = 0.0 (expected above 0, at most 1)"),
        ("selection", "p_threshold = 0", "p_threshold = 0.0 (expected above 0"),
        ("loci", "kb = 0", "kb = 0.0 (expected above 0)"),
        ("loci", "r2 = 1", "r2 = 1.0 (expected at least 0, below 1)"),
        ("pca", "r2 = 1", "r2 = 1.0 (expected at least 0, below 1)"),
        ("relatedness", "r2 = 1", "r2 = 1.0 (expected at least 0, below 1)"),
        ("ancestry", "radius = 0", "radius = 0.0 (expected above 0)"),
        ("comparison", "fdr = 1", "fdr = 1.0 (expected above 0, below 1)"),
        ("training", "validation_share = 0.6", "validation_share = 0.6"),
        ("training", "learning_rate = nan", "training.learning_rate: expected a number"),
        ("training", "size = 11", "size = 11 (expected at least 12)"),
        ("loci", "p1 = 0.1\np2 = 0.01", "p1 = 0.1 (expected at most p2 = 0.01)"),
        ("pca", 'window = "wide"', "window 'wide': expected kilobases"),
        ("pca", 'window = "0kb"', "more than 0 kb"),
        ("pca", 'window = "5"\nstep = 6', "a step from 1 to the window"),
        ("pca", 'window = "500kb"\nstep = 5', "leave the step out"),
        ("qc", "female_max_f = 0.9", "female_max_f = 0.9 (expected below male_min_f"),
        ("training", "augment = {shear = 1}", "got shear=1"),
        ("training", "augment = {shift = -1}", "got shift=-1"),
        ("training", 'side_inputs = ["case"]', "the target cannot be an input"),
        ("genotype_models", 'weights = "x.keras"', "pretraining on sex gives"),
        ("residuals", 'model = "transformer"', "no answers for the transformer"),
        ("residuals", 'model = "linear"\ncovariates = ["x"]', "are for --model deepnull"),
        ("residuals", "hidden = 30", "expected a multiple of attention_heads = 8"),
        ("association", 'method = "logistic"\nrint = true', "with a linear model"),
        ("comparison", 'scans = ["one"]', "expected two or more"),
    ],
)
def test_config_check_refuses_contradictions(tmp_path, section, lines, said):
    assert said in _refused(tmp_path, section, lines)


@pytest.mark.parametrize(
    "lines",
    [
        'method = "wgr"',
        'method = "logistic"\ntest = "spa"\nengine = "hail"',
        'method = "logistic"\ntest = "lrt"\nengine = "blocks"',
    ],
)
def test_config_check_refuses_what_is_not_built(tmp_path, lines):
    path = tmp_path / "study.toml"
    path.write_text(f"{GENOTYPES}[association]\n{lines}\n")
    with pytest.raises(NotBuiltError, match="not built yet"):
        load_config(path)
    path.write_text(f"{GENOTYPES}[association]\n{lines}\n[pca]\nn_components = 0\n")
    with pytest.raises(ConfigError, match=r"not built yet.*n_components = 0"):
        load_config(path)


def test_the_paths_of_every_section_are_inputs_and_resolve_against_the_file(tmp_path):
    path = tmp_path / "study.toml"
    text = ""
    for name, kind in sections().items():
        files = {k: v for k, v in option_kinds(kind).items() if v.file is not None}
        if name == "genotypes":
            files = {"bfile": files["bfile"]}
        lines = []
        for key, one in files.items():
            (tmp_path / f"{name}.{key}").touch()
            value = f"{name}.{key}"
            lines.append(f"{key} = {toml_value([value] if one.type is tuple else value)}")
        more = "pretrain = false\n" if name == "genotype_models" else ""
        text += f"[{name}]\n{more}" + "\n".join(lines) + "\n"
    path.write_text(text)
    config = load_config(path)
    named = {p.name for p in config.input_paths()}
    assert {
        "residuals.inputs", "training.weights", "genotype_models.weights", "loci.genes",
        "selection.region_map", "images.dicom", "phenotypes.tables", "comparison.ld_scores",
    } <= named  # fmt: skip
    assert config.resolved(config.loci).genes == str(tmp_path / "loci.genes")
    assert config.resolved(config.images).dicom == (str(tmp_path / "images.dicom"),)
    assert load_config_of(path, GENOTYPES).resolved(ImageTraining()).weights == "random"


def load_config_of(path, text):
    path.write_text(text)
    return load_config(path)


# --- flags and keys -------------------------------------------------------------------------------

RATES = ("variant_call_rate", "sample_call_rate")

#: Command -> classes whose fields are its flags, and fields that are keys of a study only.
COMMANDS = {
    "train": ((ImageTraining, GenotypeTraining, TableReading), {}),
    "residuals": ((ResidualOptions, TableReading), {}),
    "select": ((SelectionRule, TableReading), {}),
    "clump": ((LociOptions, ClumpRule, TableLimit), {}),
    "compare": ((ComparisonRule, TableLimit), {}),
    "pca": ((PcaOptions, TableLimit), {}),
    "prune": ((PruningRule, TableLimit), {}),
    "ancestry": ((AncestryOptions, TableReading), {}),
    "relatedness": (
        (RelatednessOptions, TableReading),
        {"remove": "the command always finds relatives"},
    ),
    "assoc": ((AssociationOptions, FilterOptions, TableReading), {}),
    "qc": ((QcThresholds, TableReading), dict.fromkeys(RATES, "flags are of missing calls")),
}

#: Flags of these commands that are no option of science: inputs, outputs, what is drawn.
NOT_SCIENCE = {
    "train": {"images", "tables", "genotypes", "snps", "keep"},
    "residuals": {"table"},
    "select": {"scans", "region_map", "regions", "positions", "pheno", "pheno_file", "covar",
               "covar_file", "cat_covar"},
    "clump": {"scans", "sumstats", "rule", "distance_only", "positions"},
    "compare": {"scans", "loci", "ld_scores", "positions"},
    "pca": {"no_prune", "groups", "group_column", "plots"},
    "prune": {"maf", "keep_long_range_ld", "engine"},
    "ancestry": {"table", "maf"},
    "relatedness": {"pheno_file"},
    "assoc": {"pheno", "pheno_file", "covar", "covar_file", "cat_covar", "step1_bfile",
              "step1_extract", "formats", "plots"},
    "qc": {"biobank_qc", "plots", *(f"missing_{name}" for name in RATES)},
}  # fmt: skip
_SHARED = {
    "bfile", "pfile", "bgen", "sample", "ref_first", "vcf", "mt", "sex", "build", "id_rule",
    "ref_fasta", "small_counts",
    "keep", "remove", "extract", "exclude", "chromosomes", "threads",
    "memory_gb", "master", "force", "debug", "out",
}  # fmt: skip


def _flags(command: str) -> dict[str, click.Parameter]:
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    return {str(p.name): p for p in found.params}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_flag_and_every_flag_a_key(command):
    classes, study_only = COMMANDS[command]
    fields = {name for kind in classes for name in option_kinds(kind)}
    flags = set(_flags(command))
    assert fields - flags <= set(study_only)
    assert flags - fields - NOT_SCIENCE[command] - _SHARED == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_has_no_default_of_its_own_and_the_type_and_bounds_of_its_field(command):
    flags = _flags(command)
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    without_flags = found.make_context(command, [], resilient_parsing=True).params
    for options in COMMANDS[command][0]:
        docs = parameter_docs(options)
        for name, kind in option_kinds(options).items():
            # these mean other things on the command line: tasks, files, missing calls
            others = {
                ("qc", RATES[0]),
                ("qc", RATES[1]),
                ("train", "task"),
                ("ancestry", "scores"),
                ("relatedness", "remove"),
            }
            if (command, name) in others:
                continue
            flag = flags[name]
            assert without_flags[name] is None
            assert flag_of(name) in flag.opts
            if kind.range is not None and kind.type in (int, float):
                low, high = (
                    None if math.isinf(x) else x for x in (kind.range.low, kind.range.high)
                )
                if name != "regional_plots":
                    assert (flag.type.min, flag.type.max) == (low, high)
            if kind.choices and name != "genes_build":
                assert list(flag.type.choices) == list(kind.choices)
            assert docs[name].strip()


def test_a_default_is_stated_once():
    """The classes of the sections and of the commands agree, since they are the same."""
    for section, command_class in (
        ("training", ImageTraining), ("pca", PcaOptions), ("relatedness", RelatednessOptions),
        ("ancestry", AncestryOptions), ("loci", LociOptions), ("qc", QcThresholds),
    ):  # fmt: skip
        assert sections()[section] is command_class
    for section, base in (
        ("association", AssociationOptions), ("selection", SelectionRule),
        ("comparison", ComparisonRule), ("residuals", ResidualOptions),
        ("genotype_models", GenotypeTraining),
    ):  # fmt: skip
        assert issubclass(sections()[section], base)
        own = part_of(base, sections()[section](), **_left_out(section))
        assert own == base()


def _left_out(section: str) -> dict[str, str]:
    return {"residuals": {"model": "nonlinear"}, "genotype_models": {"head": "categorical"}}.get(
        section, {}
    )


def test_the_functions_of_the_cohort_have_the_defaults_of_the_options():
    import inspect

    from gwasbone.cohort.ancestry import british_ancestry
    from gwasbone.cohort.pca import principal_components
    from gwasbone.cohort.prune import prune
    from gwasbone.cohort.relatedness import exclude_related, relatedness

    def default(function, name):
        return inspect.signature(function).parameters[name].default

    assert default(relatedness, "min_kinship") == RelatednessOptions().min_kinship == 0.0884
    assert default(exclude_related, "min_kinship") == RelatednessOptions().min_kinship
    assert default(prune, "r2") == PruningRule().r2
    assert default(principal_components, "k") == PcaOptions().n_components
    assert default(british_ancestry, "radius") == AncestryOptions().radius


# --- the base class -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Rule(Options):
    """A rule.

    Parameters
    ----------
    share : of something. n : how many. names : of columns.
    """

    share: Annotated[float, Range(0, 1)] = 0.5
    n: Annotated[int, Range(1)] | None = None
    names: tuple[str, ...] = ()


def test_all_faults_at_once_in_python():
    with pytest.raises(OptionError) as caught:
        _Rule(share=math.nan, n=0, names=("a", 1))  # type: ignore[arg-type]
    assert len(caught.value.faults) == 3
    assert "n = 0 (expected at least 1)" in str(caught.value)


def test_what_is_given_replaces_and_none_does_not():
    rule = with_given(_Rule(n=3), {"share": 1, "n": None, "names": ["x"], "foreign": 2})
    assert rule == _Rule(share=1.0, n=3, names=("x",))
    assert isinstance(rule.share, float)


def test_numbers_of_numpy_are_numbers_and_truth_is_none():
    import numpy as np

    assert _Rule(share=np.float64(0.1), n=np.int64(2)).n == 2
    for wrong in ({"n": True}, {"n": 2.0}, {"share": "0.1"}):
        with pytest.raises(OptionError):
            _Rule(**wrong)


def test_a_request_of_scans_names_known_formats():
    with pytest.raises(OptionError, match=r"formats = \('csv',\) \(expected ssf or parquet\)"):
        ScanRequest(traits=("x",), formats=("csv",))
    assert dataclasses.replace(ScanRequest(traits=("x",)), rint=True).rint


def test_flags_of_missing_calls_are_call_rates_by_another_name():
    """--geno and --mind are PLINK's; the option is the minimum call rate."""
    flags = _flags("qc")
    for flag, name in (("--geno", "variant_call_rate"), ("--mind", "sample_call_rate")):
        parameter = flags[f"missing_{name}"]
        assert flag in parameter.opts
        rate = option_kinds(QcThresholds)[name].range
        assert (parameter.type.min, parameter.type.max) == (1 - rate.high, 1 - rate.low)
        assert f"[default: {1 - getattr(QcThresholds(), name):g}]" in parameter.help
        assert call_rates({f"missing_{name}": 0.25, "maf": 0.1}) == {name: 0.75}
    assert call_rates({"missing_variant_call_rate": None}) == {}


# --- columns --------------------------------------------------------------------------------------


@pytest.fixture
def study(tmp_path):
    (tmp_path / "people.tsv").write_text("IID\tsex\tage\tbmd\n1\t1\t50\t1.2\n")

    def write(text: str):
        path = tmp_path / "study.toml"
        path.write_text(f'{GENOTYPES}[phenotypes]\ntables = ["people.tsv"]\n{text}')
        return path

    return write


def _check(path, capsys) -> tuple[int, str]:
    code = main(["config", "check", str(path)])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_config_check_names_columns_that_no_table_has(study, capsys):
    path = study(
        '[association]\ntraits = ["bdm"]\n[covariates]\nquantitative = ["age", "PC1-PC12"]\n'
        'categorical = ["centre"]\n[selection]\neffects = ["heel"]\n'
        '[ancestry]\ncolumn = "ethnicity"\n[relatedness]\nkeep_cases_of = "ill"\n'
        '[comparison]\nscans = ["bmd", "other.tsv.gz"]\n'
    )
    code, said = _check(path, capsys)
    assert code == 1
    for fault in (
        "association.traits: no table has bdm (did you mean bmd?)",
        "covariates.quantitative: no table has PC11, PC12",
        "covariates.categorical: no table has centre",
        "selection.effects: no table has heel",
        "ancestry.column: no table has ethnicity",
        "relatedness.keep_cases_of: no table has ill",
        "comparison.scans: bmd, other.tsv.gz: expected traits",
    ):
        assert fault in said
    code, said = _check(study("[association]\ntraits = []\n").with_name("none.toml"), capsys)
    assert code == 1


def test_columns_that_stages_make_are_known(study, capsys, tmp_path):
    (tmp_path / "records.csv").write_text("eid\n1\n")
    path = study(
        '[records]\ntable = "records.csv"\n[residuals]\nmodel = "deepnull"\n'
        '[images]\ndicom = ["pictures"]\n[training]\nregions = ["hip"]\n'
        '[association]\ntraits = ["case", "bmd_total", "resid_bmd_total", "cnn_prob", '
        '"cnn_prob_hip"]\n[covariates]\nquantitative = ["sex", "age", "PC1-PC10", '
        '"deepnull_bmd_total"]\ncategorical = ["cnn_fold"]\n'
    )
    (tmp_path / "pictures").mkdir()
    _, said = _check(path, capsys)
    assert "no table has" not in said, said


def test_a_scan_to_compare_may_be_of_a_range_or_of_a_trait_with_blanks(study, capsys, tmp_path):
    name = "BMD (hip) [g/cm2]"
    (tmp_path / "people.tsv").write_text(f"IID\ty1-y2\tz1\tz2\t{name}\n1\t1\t1\t1\t1\n")
    text = '[association]\ntraits = ["y1-y2", "z1-z2", "{0}"]\n'
    text += '[comparison]\nscans = ["{1}", "z1"]\n'
    for compared in ("y1-y2", "z2", name):
        path = study(text.format(name, compared))
        _, said = _check(path, capsys)
        assert "comparison.scans" not in said, said
        found = compared_scans(load_config(path))
        assert list(found) == [compared, "z1"]
    assert found[name].name.endswith(".BMD__hip___g_cm2_.tsv.gz")
    assert expanded(load_config(path), ["y1-y2", "z1-z2"]) == ["y1-y2", "z1", "z2"]
    _, said = _check(study(text.format(name, "y1")), capsys)
    assert "comparison.scans: y1: expected traits" in said


def test_a_table_that_is_not_there_is_named(study, capsys, tmp_path):
    path = study('[association]\ntraits = ["bmd"]\n')
    (tmp_path / "people.tsv").unlink()
    code, said = _check(path, capsys)
    assert code == 1
    assert "people.tsv: no such file" in said
    assert "no table has" not in said


def test_the_request_of_a_command_is_the_object_that_the_engine_gets(monkeypatch, tmp_path):
    """From `gwasbone assoc` to the kernels the options travel as one object, not name by name."""
    import importlib

    from gwasbone.association.options import ScanRequest
    from gwasbone.cohort.read import example_cohort
    from gwasbone.steps.scan import run_scan

    associate = importlib.import_module("gwasbone.association.associate")

    class _Reached(Exception):  # noqa: N818
        pass

    seen = []

    def engine(cohort, design, options, **_):
        seen.append(options)
        raise _Reached

    monkeypatch.setattr(associate, "choose_engine", engine)
    cohort = example_cohort()
    request = ScanRequest(traits=("osteoporosis",), test="firth")
    with pytest.raises(_Reached):
        run_scan(cohort, request, cohort.people.kept_table(), tmp_path / "x")
    assert seen[0] is request
